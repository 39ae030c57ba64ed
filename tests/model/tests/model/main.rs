//! Tests the plain model against the rules it was written from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

mod common;
mod events;
mod numbers;
mod properties;
mod rules;
