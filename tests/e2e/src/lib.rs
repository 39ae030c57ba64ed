//! The functions as real Lambda binaries: built once, started beside an emulator of Lambda, and connected to the
//! services of this machine. No function's own library is linked here.
//!
//! Must stay true: every call has a time limit, every wait polls for what it needs, and no child outlives its owner.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "the harness of tests")]

mod account;
mod alarms;
mod cloud;
mod http;
mod process;
mod sink;
mod stack;
mod stall;
mod tools;

pub use account::Account;
pub use alarms::{Alarm, Point, Template};
pub use cloud::{Cloud, logical_id};
pub use http::{Answer, request, send};
pub use process::{Child, dead_endpoint};
pub use sink::{Failing, Sink};
pub use stack::{METRICS, Stack, Tenancy, event_at, now, reading};
pub use stall::Stall;
pub use tools::{FUNCTIONS, cargo, checkov, program, sam, shellcheck, tool, workspace};
