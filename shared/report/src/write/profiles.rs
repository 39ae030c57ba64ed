//! The tenant's Enrollment Status Page profiles as they are now, in the file.
//!
//! Must stay true: the table depends only on the profiles, never on its former rows, so that a refreshed file has the
//! rows of one built from nothing.

use crate::error::Result;
use crate::rows::{InsertInto, row};
use rusqlite::Connection;
use vestibule_domain::Timestamp;
use vestibule_domain::esp::profile::{EspProfile, Settings};
use vestibule_domain::esp::profiles::Profiles;

/// Replaces the profiles in the file.
pub(crate) fn rewrite(conn: &Connection, profiles: &Profiles) -> Result<()> {
    conn.execute("DELETE FROM esp_profiles", [])?;
    let mut insert = InsertInto::new(conn, "esp_profiles");
    for (number, (priority, profile)) in (1_i64..).zip(profiles.iter()) {
        let settings = &profile.settings;
        insert.insert(row! {
            profile_no: number,
            profile_id: profile.id,
            display_name: settings.display_name,
            description: settings.description,
            enabled: settings.enabled,
            is_default: profile.is_default(),
            priority: (!profile.is_default()).then_some(priority),
            limit_minutes: settings.install_progress_timeout_in_minutes,
            blocking_apps: blocking_apps(settings),
            group_names: group_names(profile),
            version: profile.version,
            show_installation_progress: settings.show_installation_progress,
            block_device_use: settings.block_device_use,
            modified_at: (profile.modified_at != Timestamp::MIN).then_some(profile.modified_at.millis()),
        })?;
    }
    Ok(())
}

/// How many apps the page waits for; `None` if it waits for all that are targeted.
fn blocking_apps(settings: &Settings) -> Option<i64> {
    let selected = i64::try_from(settings.selected_mobile_app_ids.len()).unwrap_or(i64::MAX);
    if !settings.show_installation_progress { Some(0) } else { (selected > 0).then_some(selected) }
}

fn group_names(profile: &EspProfile) -> Option<String> {
    let names: Vec<&str> = profile.assignments.iter().map(|assignment| assignment.target.words()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
