//! The functions as Lambda runs them: real binaries, invoked by an emulator, over real HTTP to every service.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod afternoon;
mod alarm_rules;
mod alarms;
mod content_modes;
mod deployed;
mod deployment;
mod esp;
mod full_tmp;
mod garbage_events;
mod hooks;
mod job;
mod older_format;
mod page;
mod permissions;
mod publisher;
mod pull;
mod reviewed;
mod sources;
mod stalled_table;
mod starts;
mod whole_path;
