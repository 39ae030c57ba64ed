//! Files made, published, lost and kept, over real services in process.
//!
//! One program, because linking one takes seconds. A file without a line here is not compiled: a test of the test tools
//! finds it.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

mod calls;
mod clock;
mod common;
mod copies;
mod lost;
mod patience;
mod standing;
mod web_enrollment;
