//! Sums over the sessions of the Enrollment Status Page in a range of days.

use super::{Reader, paged, range};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use vestibule_domain::Day;

/// The sessions that began in a range of days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EspOverview {
    /// The instant of the file.
    pub as_of: String,
    /// The time zone of the days.
    pub time_zone: String,
    /// First day.
    pub from: String,
    /// The day after the last.
    pub to: String,
    /// Every day of the range that the file covers, including days without sessions.
    pub by_day: Vec<EspDay>,
    /// Sessions by the profile that was fixed when they began.
    pub by_profile: Vec<EspProfileNumbers>,
    /// Sessions by profile and phase, in the order of the phases.
    pub by_phase: Vec<EspPhaseNumbers>,
    /// The apps that take longest, by their ninetieth percentile.
    pub slowest_apps: Vec<EspApp>,
    /// The apps that failed in most sessions.
    pub failing_apps: Vec<EspApp>,
    /// Sessions in progress whose list of apps is overdue and still not known, newest first.
    pub stuck: Vec<StuckSession>,
    /// Sessions that passed their limit and finished later, newest first.
    pub recovered: Vec<RecoveredTimeout>,
}

/// The sessions that began on one day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `esp_by_day`")]
pub struct EspDay {
    pub date: String,
    pub started: u64,
    pub succeeded: u64,
    pub with_timeout: u64,
    pub on_retry: u64,
    pub failed: u64,
    pub timed_out: u64,
    pub in_progress: u64,
    /// Ended inside their limit because the device was removed from management.
    pub ended: u64,
    pub n: u64,
    pub success_rate: Option<f64>,
    pub stuck: u64,
    pub still_stuck: u64,
}

/// The sessions of one profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `esp_by_profile`")]
pub struct EspProfileNumbers {
    pub profile_id: Option<String>,
    pub profile: Option<String>,
    pub sessions: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub timed_out: u64,
    pub in_progress: u64,
    /// Ended inside their limit because the device was removed from management.
    pub ended: u64,
    pub n: u64,
    pub success_rate: Option<f64>,
    pub over_limit: u64,
    pub recovered: u64,
    pub stuck: u64,
    pub median_minutes: Option<f64>,
    pub p90_minutes: Option<f64>,
}

/// One phase in the sessions of one profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(
    missing_docs,
    reason = "the names and meanings are those of the columns of the view `esp_by_phase_and_profile`"
)]
pub struct EspPhaseNumbers {
    pub profile_id: Option<String>,
    pub profile: Option<String>,
    pub phase: String,
    pub entered: u64,
    pub completed: u64,
    pub failed: u64,
    pub n: u64,
    pub success_rate: Option<f64>,
    pub median_minutes: Option<f64>,
    pub p90_minutes: Option<f64>,
}

/// One app in all sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `esp_apps`")]
pub struct EspApp {
    pub app: Option<String>,
    pub sessions: u64,
    pub blocking: u64,
    pub tried: u64,
    pub completed: u64,
    pub failed: u64,
    pub failing: u64,
    pub failure_rate: Option<f64>,
    pub median_minutes: Option<f64>,
    pub p90_minutes: Option<f64>,
}

/// A session whose list of apps is not known in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `esp_stuck_identifying`")]
pub struct StuckSession {
    pub session_id: String,
    pub enrollment_key: String,
    pub device_name: Option<String>,
    pub user_principal_name: Option<String>,
    pub phase: Option<String>,
    pub stuck_since: String,
    pub state: String,
    pub profile: Option<String>,
    pub meaning: String,
}

/// A session that passed its limit and finished later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `esp_timeouts_recovered`")]
pub struct RecoveredTimeout {
    pub session_id: String,
    pub enrollment_key: String,
    pub device_name: Option<String>,
    pub user_principal_name: Option<String>,
    pub profile: Option<String>,
    pub started_at: String,
    pub deadline: String,
    pub ended_at: String,
    pub minutes_over: f64,
    pub state: String,
}

impl Reader<'_> {
    /// The sessions that began on the days `from` to `to` (exclusive), with at most `limit` entries in each list of
    /// apps and sessions. Sessions that are stuck now are listed whenever they began.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`](crate::Error::InvalidFilter) for an empty range.
    pub fn esp_overview(&self, from: Day, to: Day, limit: u32) -> Result<EspOverview> {
        self.read_one("esp", &paged(range(from, to), None, limit))
    }
}
