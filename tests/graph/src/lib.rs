//! A fake Graph on this machine that can behave as badly as the real one, and a tenant whose lists are pulled.
//!
//! The fake answers over HTTP on loopback, with lists and faults that a test sets. It records the requests, so that a
//! test can check what was not requested.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

mod fake;
mod services;

pub use fake::{Asked, Fake, Fault};
pub use services::{PORTAL, Services, device, id, pending, sign_in, streamed};
