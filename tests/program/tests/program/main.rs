//! The program from outside, by subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod api;
mod bad_input;
mod commands;
mod content_modes;
mod crash;
mod deliveries;
mod diagnostics;
mod esp;
mod esp_access;
mod esp_device;
mod esp_import;
mod esp_limits;
mod esp_page;
mod esp_profiles;
mod esp_resolve;
mod feeds;
mod figures;
mod hook_limits;
mod import;
mod import_exports;
mod intake;
mod model;
mod numbers;
mod oidc;
mod openapi;
mod operations;
mod report_docs;
mod report_file;
mod report_tool;
mod routes;
mod serving;
mod session;
mod set_up;
mod settings;
mod web_enrollment;
