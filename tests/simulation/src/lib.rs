//! The simulator: the real code over services that behave as badly as AWS may, in one process, on one thread, in
//! simulated time, all determined by a seed.
//!
//! [`generate::plan`] makes a run from a seed. [`run()`] plays it, lets everything come to rest, and compares what is
//! stored, published and answered with a plain model ([`checks`]). A run that fails is [shrunk](shrink::shrink) to few
//! steps. `docs/TESTING.md` says what is real, what is simulated, and how to read a failure.
//!
//! Must stay true: two runs of one seed write the same log. So nothing here depends on a real clock, on threads, or on
//! a hash map's order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

pub mod aws;
pub mod checks;
pub mod generate;
pub mod log;
pub mod machine;
pub mod many;
pub mod plan;
pub mod rng;
pub mod run;
pub mod sent;
pub mod shrink;
pub mod time;
pub mod world;

pub use run::{Outcome, Violation, run};
