//! The services of one machine, from outside.
//!
//! One program, because linking one takes seconds. A file without a line here is not compiled: a test of the test tools
//! finds it.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod gate;
mod health;
mod replay;
mod s3;
mod services;
