//! The rules from outside: their book, properties, worked examples.
//!
//! One program, because linking one takes seconds. A file without a line here is not compiled: a test of the test tools
//! finds it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod absorb;
mod esp_common;
mod esp_graph_profiles;
mod esp_profiles;
mod esp_sessions;
mod esp_worked_examples;
mod events_page;
mod law_book;
mod properties;
mod work;
