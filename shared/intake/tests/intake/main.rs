//! What the webhooks share, over a real table in process.
//!
//! One program, because linking one takes seconds. A file without a line here is not compiled: a test of the test tools
//! finds it.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod floods;
mod log;
mod sign_ins;
mod stalled_table;
