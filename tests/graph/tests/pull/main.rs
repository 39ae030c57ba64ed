//! Pulls over real services from a Graph that behaves badly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod faults;
mod names;
mod program;
mod sign_ins;
mod streams;
mod unchanged;
