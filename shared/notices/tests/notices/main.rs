//! Tests of what people are told.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod forms;
mod reader;
mod story;
