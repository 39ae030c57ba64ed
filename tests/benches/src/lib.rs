//! What the table's work costs, in units of capacity as the table itself reports them.
//!
//! Three programs print it, and tests check its limits on a smaller sample:
//!
//! - `cost`: the simulator's traffic, event by event and in batches, with the sweep as its schedule runs it; and the
//!   delivery log, which is outside the units of an event
//! - `session`: an Enrollment Status Page session with few apps and with many
//! - `sweep`: a sweep with nothing due, over a small table and a large one
//!
//! A fourth, `api`, times answers over a large file beside the same statements by SQLite alone; a fifth, `feed`, prints
//! what the pages of a change feed cost and times answers by it; `memory` prints how much memory and disk an export
//! needs, `export` what one takes end to end over this machine's services, and `full-build` how fast a file is built
//! beside other ways to the same rows.
//!
//! `peers` times the webhook beside the usual handlers of the same job and the bare writes of the table's engine; a test
//! checks that those handlers store what they acknowledge.
//!
//! `drills` does to the program itself what a machine's life does to it: kills, a full disk, a clock that is set, floods,
//! lost files, and minutes of full load. It fails when a goal is missed.
//!
//! `units` measures what `shared/cost/src/costs.json` says of each event, and fails if the program needs more; the textbook
//! design stands beside it. `scale` finds the hottest keys of the table and its indexes at thousands of events a second.
//!
//! The first three print no times: units don't depend on the machine. What a report file costs is printed by
//! `cargo run --release -p vestibule-report --example cost`.

pub mod cpu;
pub mod deliveries;
#[cfg(test)]
mod limits;
pub mod load;
pub mod measured;
#[cfg(test)]
mod peers;
pub mod quiet;
pub mod scale;
pub mod session;
pub mod spy;
pub mod table;
pub mod textbook;
pub mod traffic;

pub use spy::Spy;
pub use table::Table;
pub use traffic::{Run, post};

use std::collections::BTreeMap;
use std::time::Duration;
use vestibule_domain::{TenantId, TenantSettings, Timestamp};
use vestibule_store::{Secret, SettingsHistory, Tenant};

/// Any error ends a benchmark.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The middle of some times, and the one that one in a hundred exceeds; zero if there are none.
pub fn percentiles(mut times: Vec<Duration>) -> [Duration; 2] {
    times.sort_unstable();
    [50, 99].map(|percent| times.get(times.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default())
}

/// A tenant with the settings that a new one has, and nothing else yet.
///
/// # Errors
/// None: the name is valid.
pub fn tenant(created_at: Timestamp) -> Result<Tenant, BoxError> {
    Ok(Tenant {
        id: TenantId::parse("contoso")?,
        created_at,
        settings: TenantSettings::default(),
        webhook_secrets: Vec::new(),
        sources: Vec::new(),
        tokens: Vec::new(),
        sign_in_codes: Vec::new(),
        pseudonym_key: Secret::new("key").into(),
        settings_history: SettingsHistory::default(),
        source_settings: BTreeMap::new(),
        feed: None,
        sealing: vestibule_store::Sealing::default(),
        version: 0,
    })
}
