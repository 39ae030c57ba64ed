//! The report file from outside: built, refreshed, published, asked.
//!
//! One program, because linking one takes seconds. A file without a line here is not compiled: a test of the test tools
//! finds it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;

mod annotations;
mod app_names;
mod apps;
mod built_in;
mod esp;
mod examples;
mod expiry;
mod file;
mod html;
mod limbo;
mod medians;
mod one_value;
mod overview;
mod queries;
mod questions;
mod refresh;
mod salts;
mod search;
mod senders;
mod summary;
mod web_enrollment;
