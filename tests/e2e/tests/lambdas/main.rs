//! The functions as Lambda runs them: real binaries, invoked by an emulator, over real HTTP to every service.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod content_modes;
mod deployed;
mod deployment;
mod esp;
mod full_tmp;
mod garbage_events;
mod hooks;
mod page;
mod publisher;
mod pull;
mod sources;
mod stalled_table;
mod whole_path;
