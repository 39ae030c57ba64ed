//! The API and the page, over real services in process.
//!
//! One program, because linking one takes seconds. A file without a line here is not compiled: a test of the test tools
//! finds it.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod browser_sessions;
mod bundle;
mod erasures;
mod files;
mod lean;
mod lost_answers;
mod page_files;
mod senders;
mod web;
