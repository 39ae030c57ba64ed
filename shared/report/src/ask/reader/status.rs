//! The status page (docs/DOMAIN.md, D).

use super::attempts::Cursor;
use super::{Advice, Reader, paged, parameters, range};
use crate::ask::Parameters;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use vestibule_domain::{Day, Platform};

/// The counts of the status page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The instant of the file.
    pub as_of: String,
    /// The time zone of the days.
    pub time_zone: String,
    /// Devices with an attempt in progress that is not waiting.
    pub in_progress: u64,
    /// Devices whose attempt is waiting for compliance, or for the release of their Setup Assistant.
    pub waiting_for_compliance: u64,
    /// Devices whose latest attempt failed and that have not become complete since, or with an unresolved failure;
    /// `None` if there are none and no sender reports failures.
    pub failed: Option<u64>,
    /// Devices that a technician prepared and that wait for their user.
    pub prepared: u64,
    /// Devices under management.
    pub enrolled: u64,
    /// Devices not under management whose latest attempt was abandoned; `None` if there are none and no sender reports
    /// starts or stops.
    pub gave_up: Option<u64>,
    /// Devices registered that never made an attempt.
    pub pending: u64,
    /// Devices in none of the other states.
    pub not_enrolled: u64,
    /// All devices: the eight states add up to them.
    pub devices: u64,
    /// By platform, as the page labels them.
    pub by_platform: Vec<PlatformStatus>,
    /// Devices whose first attempt completed.
    pub first_time_right: FirstTimeRight,
    /// The Enrollment Status Page's profiles.
    pub esp_profiles: Vec<EspProfileRow>,
}

/// One platform's line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformStatus {
    /// The label; `None` if no sender reported the platform.
    pub platform: Option<String>,
    /// Devices.
    pub total: u64,
    /// Attempts started on the last seven days, including today.
    pub last_7_days: u64,
    /// Attempts started in the window.
    pub initiated: u64,
    /// Of these, the completed ones.
    pub completed: u64,
    /// Of these, the failed ones; `None` if there are none and no sender of the platform reports failures.
    pub failed: Option<u64>,
    /// Of these, the abandoned ones; `None` if there are none and no sender of the platform reports starts or stops.
    pub abandoned: Option<u64>,
    /// Attempts of which no sender reported more than how they ended.
    pub only_end_reported: u64,
    /// The judged ones: closed, and success and failure can be distinguished.
    pub n: u64,
    /// Completed / n, of the judged ones; `None` if n is 0.
    pub success_rate: Option<f64>,
    /// Completed attempts whose start was reported.
    pub timed: u64,
    /// Mean minutes of these; `None` without any.
    pub average_minutes: Option<f64>,
}

/// Of the devices whose first attempt is judged, the share whose first attempt completed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FirstTimeRight {
    /// The share.
    pub rate: Option<f64>,
    /// How many devices the share is of.
    pub n: u64,
}

/// A device being enrolled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `active_enrollments`")]
pub struct Active {
    pub enrollment_key: String,
    pub device_name: Option<String>,
    pub user_principal_name: Option<String>,
    pub platform: Option<String>,
    pub platform_words: String,
    pub platform_label: Option<String>,
    pub state: String,
    pub waits_for: Option<String>,
    pub stage: Option<String>,
    pub progress: Option<f64>,
    pub started_at: String,
    pub attempt_id: Option<String>,
    pub session_id: Option<String>,
}

/// A page of devices being enrolled, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivePage {
    /// The instant of the file.
    pub as_of: String,
    /// The devices.
    pub active: Vec<Active>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<Cursor>,
}

/// A failure of an attempt, a session without an attempt or a device, or a cancellation marked as such.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `recent_failures`")]
pub struct RecentFailure {
    pub failed_at: String,
    pub age_seconds: i64,
    pub subject: String,
    pub abandoned: bool,
    pub resolved: Option<bool>,
    pub attempt_id: Option<String>,
    pub session_id: Option<String>,
    pub enrollment_key: String,
    pub device_name: Option<String>,
    pub user_principal_name: Option<String>,
    pub platform: Option<String>,
    pub platform_words: String,
    pub code: Option<String>,
    pub reason: Option<String>,
    pub category: Option<String>,
    pub message: Option<String>,
    pub section: Option<String>,
    pub action: Option<String>,
    /// What it can mean and what to do about it, likeliest meaning first.
    pub advice: Vec<Advice>,
}

/// A reason of failed attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReason {
    /// The code; all spellings of a code are written alike.
    pub code: Option<String>,
    /// The reason reported.
    pub reason: Option<String>,
    /// The category.
    pub category: Option<String>,
    /// How often this reason was counted.
    pub count: u64,
    /// What it can mean and what to do about it, likeliest meaning first.
    pub advice: Vec<Advice>,
}

/// Failures of a range of days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureReport {
    /// The instant of the file.
    pub as_of: String,
    /// The time zone of the days.
    pub time_zone: String,
    /// First day.
    pub from: String,
    /// The day after the last.
    pub to: String,
    /// The platform asked for.
    pub platform: Option<String>,
    /// The newest failures; cancellations are marked.
    pub failures: Vec<RecentFailure>,
    /// Why enrollment failed, commonest reason first.
    pub reasons: Vec<FailureReason>,
}

/// A profile of the Enrollment Status Page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `esp_profile_list`")]
pub struct EspProfileRow {
    pub profile_id: String,
    pub display_name: String,
    pub status: String,
    pub is_default: bool,
    pub priority: Option<u32>,
    pub limit_minutes: u32,
    pub blocking_apps: Option<u32>,
    pub group_names: Option<String>,
    pub assigned_groups: Option<String>,
    pub sessions: u64,
}

impl Reader<'_> {
    /// The counts of the status page.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn status(&self) -> Result<Status> {
        self.read_one("enrollment-status", &Parameters::new())
    }

    /// Devices being enrolled, newest first.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn active(&self, cursor: Option<Cursor>, limit: u32) -> Result<ActivePage> {
        self.read_one("active", &paged(Parameters::new(), cursor, limit))
    }

    /// The newest failures of the days `from` to `to` (exclusive), and their commonest reasons; at most `limit` of
    /// each.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`] for an empty range, [`Error::NotInSummary`] from a summary, which has no single
    /// failure.
    pub fn failures(&self, from: Day, to: Day, platform: Option<Platform>, limit: u32) -> Result<FailureReport> {
        if self.is_summary() {
            return Err(Error::NotInSummary);
        }
        self.read_one("failures", &failed_in(from, to, platform, limit))
    }

    /// Why enrollment failed on the days `from` to `to` (exclusive), commonest reason first, at most `limit`: attempts
    /// and sessions that started on them, and devices outside any attempt.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`] for an empty range.
    pub fn failure_reasons(
        &self,
        from: Day,
        to: Day,
        platform: Option<Platform>,
        limit: u32,
    ) -> Result<Vec<FailureReason>> {
        let report: Reasons = self.read_one("failures", &failed_in(from, to, platform, limit))?;
        Ok(report.reasons)
    }
}

/// What a summary contains about failures too.
#[derive(Deserialize)]
struct Reasons {
    reasons: Vec<FailureReason>,
}

fn failed_in(from: Day, to: Day, platform: Option<Platform>, limit: u32) -> Parameters {
    let mut asked = paged(range(from, to), None, limit);
    asked.extend(parameters([("platform", platform.map(|platform| platform.name().to_owned()))]));
    asked
}
