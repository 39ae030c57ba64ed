//! The functions as real Lambda binaries: built once, started beside an emulator of Lambda, and connected to the
//! services of this machine. No function's own library is linked here.
//!
//! Must stay true: every call has a time limit, every wait polls for what it needs, and no child outlives its owner.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "the harness of tests")]

mod cloud;
mod http;
mod process;
mod sink;
mod stack;
mod stall;
mod tools;

pub use cloud::Cloud;
pub use http::Answer;
pub use process::{Child, dead_endpoint};
pub use sink::{Failing, Sink};
pub use stack::{Stack, Tenancy, event_at, now, reading};
pub use stall::Stall;
pub use tools::{FUNCTIONS, cargo, sam, tool, workspace};
