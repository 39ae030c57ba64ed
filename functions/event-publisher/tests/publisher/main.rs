//! What is published of changes, over real services in process.
//!
//! One program, because linking one takes seconds. A file without a line here is not compiled: a test of the test tools
//! finds it.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

mod feed;
mod many_changed;
mod poison;
mod records;

use vestibule_domain::{TenantId, TenantSettings, Timestamp};
use vestibule_store::{Secret, SettingsHistory, Tenant};

/// A tenant with these settings and nothing else, not yet stored.
fn new_tenant(id: TenantId, settings: TenantSettings, created_at: Timestamp) -> Tenant {
    Tenant {
        id,
        created_at,
        settings,
        webhook_secrets: Vec::new(),
        sources: Vec::new(),
        tokens: Vec::new(),
        sign_in_codes: Vec::new(),
        pseudonym_key: Secret::new("key").into(),
        settings_history: SettingsHistory::default(),
        source_settings: std::collections::BTreeMap::new(),
        feed: None,
        sealing: vestibule_store::Sealing::default(),
        version: 0,
    }
}
