//! A Graph on this machine that behaves as badly as the real one may, and a tenant that is pulled for.
//!
//! The fake answers over HTTP on loopback, by lists that a test sets and by faults that it puts in their way. It keeps what
//! it was asked, so that a test can say what must not be asked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

mod fake;
mod services;

pub use fake::{Asked, Fake, Fault};
pub use services::{PORTAL, Services, device, id, pending, sign_in, streamed};
