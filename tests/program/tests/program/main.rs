//! The program from outside, by subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod api;
mod bad_input;
mod commands;
mod crash;
mod figures;
mod import;
mod model;
mod numbers;
mod report_file;
mod serving;
