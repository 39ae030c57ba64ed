//! What the webhooks make of bodies: the envelope, and each sender's own form, a file each.
//!
//! One program, because linking one takes seconds. A file without a line here is not compiled: a test of the test tools
//! finds it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod content_modes;
mod graph_autopilot_common;
mod identifiers;
mod parse;
mod senders;
mod senders_documented;
mod sources_android_management;
mod sources_apple;
mod sources_entra_sign_ins;
mod sources_fleet;
mod sources_graph_autopilot_bodies;
mod sources_graph_autopilot_events;
mod sources_graph_lists;
mod sources_intune;
mod sources_intune_exports;
mod sources_jamf;
mod sources_setup_manager;
mod sources_simplemdm;
mod sources_windows_esp;
mod sources_windows_esp_facts;
mod sources_workspace_one;
mod two_senders;
mod windows_esp_beside_others;
mod windows_esp_common;
mod windows_esp_reporter;
mod windows_esp_sessions;
