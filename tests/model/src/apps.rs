//! What became of apps in sessions, by the model of the device (docs/DOMAIN.md, N).

use crate::attempts::{Device, Page};
use crate::report::day_of;
use crate::{Settings, esp};
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// An app on a model, and in how many sessions what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppLine {
    /// Its name, or without one its id.
    pub app: String,
    /// The model; `None` where none was reported.
    pub model: Option<String>,
    /// How many had it.
    pub sessions: u64,
    /// In how many it was reported under way or settled.
    pub tried: u64,
    /// In how many it ever failed.
    pub failed: u64,
    /// How it stands: in error, completed, not needed, open; else nobody reported it.
    pub failing: u64,
    /// Completed.
    pub installed: u64,
    /// Not required, skipped or not applicable.
    pub not_needed: u64,
    /// The session is in progress.
    pub open: u64,
    /// The session is over.
    pub not_reported: u64,
}

/// The apps of the sessions started on the days `from` (inclusive) to `to` (exclusive), by app and model; and of how many
/// sessions no app was reported. An invalid date gives none.
#[must_use]
pub fn apps(devices: &[Device], from: &str, to: &str, settings: &Settings) -> (Vec<AppLine>, u64) {
    let mut lines: BTreeMap<(String, Option<String>), AppLine> = BTreeMap::new();
    let mut without = 0;
    let (Ok(from), Ok(to)) = (from.parse::<NaiveDate>(), to.parse::<NaiveDate>()) else {
        return (Vec::new(), 0);
    };
    for session in devices.iter().flat_map(|device| &device.sessions) {
        if day_of(session.started_at_ms, settings).is_none_or(|day| day < from || day >= to) {
            continue;
        }
        without += u64::from(session.apps.is_empty());
        let mut of_session: BTreeMap<&String, Vec<&esp::App>> = BTreeMap::new();
        for app in &session.apps {
            of_session.entry(app.name.as_ref().unwrap_or(&app.id)).or_default().push(app);
        }
        for (name, items) in of_session {
            let line = lines.entry((name.clone(), session.model.clone())).or_default();
            line.app.clone_from(name);
            line.model.clone_from(&session.model);
            count(line, session, &items);
        }
    }
    (lines.into_values().collect(), without)
}

fn count(line: &mut AppLine, session: &Page, items: &[&esp::App]) {
    let any =
        |states: &[&str]| items.iter().any(|app| app.state.as_deref().is_some_and(|state| states.contains(&state)));
    line.sessions += 1;
    line.tried += u64::from(items.iter().any(|app| app.tried));
    line.failed += u64::from(items.iter().any(|app| app.failed));
    if any(&["error"]) {
        line.failing += 1;
    } else if any(&["completed"]) {
        line.installed += 1;
    } else if any(&["notRequired", "skipped", "notApplicable"]) {
        line.not_needed += 1;
    } else if session.state == "inProgress" {
        line.open += 1;
    } else {
        line.not_reported += 1;
    }
}
