//! Sessions of the Enrollment Status Page: those of a device with their phases and items, and all of them page by page.

use super::attempts::Cursor;
use super::{Reader, paged, parameters};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use vestibule_domain::Day;
use vestibule_domain::esp::SessionState;

/// Which sessions to list; a filter that is not set allows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EspSessionFilter {
    /// First day.
    pub from: Option<Day>,
    /// The day after the last.
    pub to: Option<Day>,
    /// The session's state.
    pub state: Option<SessionState>,
    /// The id of the profile that was fixed when the session began.
    pub profile_id: Option<String>,
    /// Whether its list of apps is overdue and still not known.
    pub stuck: Option<bool>,
}

/// A session of the Enrollment Status Page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `esp_session_list`")]
pub struct EspSessionRow {
    pub session_id: String,
    pub enrollment_key: String,
    pub attempt_id: Option<String>,
    pub sender_session_id: Option<String>,
    pub device_name: Option<String>,
    pub user_principal_name: Option<String>,
    pub os_version: Option<String>,
    pub started_at: String,
    pub started_day: String,
    pub last_event_at: String,
    pub ended_at: Option<String>,
    pub deadline: String,
    pub limit_minutes: u32,
    pub state: String,
    pub phase: Option<String>,
    pub stage: String,
    pub progress: Option<f64>,
    pub profile: Option<String>,
    pub profile_id: Option<String>,
    pub profile_version: u32,
    pub rule: String,
    pub rule_group: Option<String>,
    pub deployment_mode: Option<String>,
    pub hybrid_join: bool,
    /// The column `items`: how many items are counted.
    pub items_counted: u32,
    pub items_done: u32,
    pub timed_out: bool,
    pub failed: bool,
    pub failed_phase: Option<String>,
    pub failed_item: Option<String>,
    pub end_not_reported: bool,
    pub retries: u32,
    pub stuck_since: Option<String>,
    pub stuck_phase: Option<String>,
    pub is_stuck: bool,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
}

/// A session with its phases and items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EspSessionDetail {
    /// The session.
    #[serde(flatten)]
    pub session: EspSessionRow,
    /// The phases it reached.
    pub phases: Vec<EspPhaseRow>,
    /// The items it waits for, and the others that were reported.
    pub items: Vec<EspItemRow>,
}

/// A phase of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `esp_phase_list`")]
pub struct EspPhaseRow {
    pub phase: String,
    pub title: String,
    pub state: String,
    pub started_at: String,
    pub ended_at: Option<String>,
    pub minutes: Option<f64>,
}

/// An item reported in a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `esp_item_list`")]
pub struct EspItemRow {
    pub phase: String,
    pub category: String,
    pub item_id: Option<String>,
    pub name: Option<String>,
    pub tracking: String,
    pub state: Option<String>,
    pub error_code: Option<String>,
    pub updated_at: String,
    pub began_at: Option<String>,
    pub settled_at: Option<String>,
    pub errors: u32,
}

/// A page of sessions, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EspSessionPage {
    /// The instant of the file that this page is from.
    pub as_of: String,
    /// The instant of the file that the first page was from.
    pub first_page_as_of: String,
    /// The time zone of the days.
    pub time_zone: String,
    /// The sessions.
    pub sessions: Vec<EspSessionRow>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<Cursor>,
}

impl Reader<'_> {
    /// A page of the sessions that match `filter`, newest first.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`](crate::Error::InvalidFilter) for an empty range.
    pub fn esp_session_page(
        &self,
        filter: &EspSessionFilter,
        cursor: Option<Cursor>,
        limit: u32,
    ) -> Result<EspSessionPage> {
        let asked = parameters([
            ("from", filter.from.map(|day| day.to_string())),
            ("to", filter.to.map(|day| day.to_string())),
            ("state", filter.state.map(|state| state.name().to_owned())),
            ("profileId", filter.profile_id.clone()),
            ("stuck", filter.stuck.map(|stuck| stuck.to_string())),
        ]);
        self.read_one("esp-sessions", &paged(asked, cursor, limit))
    }

    /// The sessions of a device with their phases and items, newest first.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn esp_sessions(&self, enrollment_key: &str) -> Result<Vec<EspSessionDetail>> {
        self.esp_sessions_of(enrollment_key, None)
    }

    /// The same; if a person is given, only theirs and those of nobody.
    pub(crate) fn esp_sessions_of(&self, enrollment_key: &str, user: Option<&str>) -> Result<Vec<EspSessionDetail>> {
        let asked = [("enrollmentKey", Some(enrollment_key.to_owned())), ("user", user.map(str::to_owned))];
        let of_device: OfDevice = self.read_one("device-sessions", &parameters(asked))?;
        Ok(of_device.sessions)
    }
}

#[derive(Deserialize)]
struct OfDevice {
    sessions: Vec<EspSessionDetail>,
}
