//! Drill-down: the attempts behind any number, and the events of an attempt.

use super::{Advice, Reader, paged, parameters};
use crate::ask::Parameters;
use crate::error::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use vestibule_domain::{AttemptId, Cause, Day, Outcome, Platform, Section};

/// Which attempts to list; a filter that is not set allows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptFilter {
    /// First day.
    pub from: Option<Day>,
    /// The day after the last.
    pub to: Option<Day>,
    /// The platform, whether or not the incomplete-enrollments report is about it.
    pub os: Option<Platform>,
    /// Only the platforms of the incomplete-enrollments report.
    pub reported: bool,
    /// The section where it stopped or is now.
    pub section: Option<Section>,
    /// The action's name in the file.
    pub action: Option<String>,
    /// The screen's name in the file.
    pub screen: Option<String>,
    /// Why it was abandoned.
    pub cause: Option<Cause>,
    /// Its outcome.
    pub outcome: Option<Outcome>,
    /// Only those that the report calls incomplete: abandoned or failed.
    pub incomplete: bool,
    /// The catalogue's row; 0 for attempts that have none.
    pub catalogue_row: Option<u8>,
    /// Principal name or id of the user, ignoring case; in a pseudonymised file the
    /// [pseudonym](crate::pseudonym).
    pub user: Option<String>,
    /// The device.
    pub enrollment_key: Option<String>,
}

/// Where a page ended. It stays valid when attempts arrive meanwhile: these are newer, or appear in their place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// Takes the text that a page ended with. The question that it is given to checks whether it is valid.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// An attempt in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `enrollment_attempts`")]
pub struct Attempt {
    pub attempt_id: String,
    pub enrollment_key: String,
    pub number: u32,
    pub device_name: Option<String>,
    pub user_principal_name: Option<String>,
    pub user_id: Option<String>,
    pub platform: Option<String>,
    pub platform_label: Option<String>,
    pub os_version: Option<String>,
    pub enrollment_type: Option<String>,
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    pub started_at: String,
    pub started_day: String,
    pub last_activity_at: String,
    pub ended_at: Option<String>,
    pub outcome: String,
    pub cause: Option<String>,
    pub section: Option<String>,
    pub action: Option<String>,
    pub screen: Option<String>,
    pub catalogue_row: Option<u8>,
    pub failure_code: Option<String>,
    pub failure_reason: Option<String>,
    pub failure_category: Option<String>,
    pub failure_message: Option<String>,
    pub limit_minutes: Option<u32>,
    pub waits_for: Option<String>,
    pub has_starts: bool,
    pub has_steps: bool,
    pub start_reported: bool,
    pub judged: bool,
    pub technician: bool,
    pub release_not_reported: bool,
    pub session_id: Option<String>,
    pub clock_skew: bool,
    pub event_count: u64,
    /// The view's other columns, unchanged.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// An event of an attempt in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `attempt_timeline`")]
pub struct TimelineEvent {
    pub seq: u32,
    pub kind: String,
    pub time: String,
    pub received_at: String,
    pub source: Option<String>,
    pub event_id: Option<String>,
    pub section: Option<String>,
    pub action: Option<String>,
    pub screen: Option<String>,
    pub user_action: Option<String>,
    pub failure_code: Option<String>,
    pub failure_reason: Option<String>,
    pub reported: Option<String>,
    pub clock_skew: Option<String>,
}

/// A sender that took part in an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `attempt_senders`")]
pub struct AttemptSender {
    pub source: Option<String>,
    pub starts: bool,
    pub steps: bool,
    pub stops: bool,
    pub failures: bool,
    pub ends: bool,
    pub compliance: bool,
    pub device_time: bool,
}

/// A page of attempts, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptPage {
    /// The instant of the file that this page is from.
    pub as_of: String,
    /// The instant of the file that the first page was from.
    pub first_page_as_of: String,
    /// The time zone of the days.
    pub time_zone: String,
    /// The attempts.
    pub attempts: Vec<Attempt>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<Cursor>,
}

/// An attempt with its events in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptDetail {
    /// The instant of the file.
    pub as_of: String,
    /// The attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// What its failure can mean and what to do about it, likeliest meaning first.
    pub advice: Vec<Advice>,
    /// The senders that took part, and what each can report.
    pub senders: Vec<AttemptSender>,
    /// Its events.
    pub events: Vec<TimelineEvent>,
}

impl AttemptFilter {
    fn parameters(&self) -> Parameters {
        let os = match (self.os, self.reported) {
            (Some(os), _) => Some(os.name().to_owned()),
            (None, true) => None,
            (None, false) => Some("all".to_owned()),
        };
        let outcome = self.outcome.map(Outcome::name).or(self.incomplete.then_some("incomplete"));
        parameters([
            ("from", self.from.map(|day| day.to_string())),
            ("to", self.to.map(|day| day.to_string())),
            ("os", os),
            ("section", self.section.map(|section| section.name().to_owned())),
            ("action", self.action.clone()),
            ("screen", self.screen.clone()),
            ("cause", self.cause.map(|cause| cause.name().to_owned())),
            ("outcome", outcome.map(str::to_owned)),
            ("catalogueRow", self.catalogue_row.map(|row| row.to_string())),
            ("user", self.user.clone()),
            ("enrollmentKey", self.enrollment_key.clone()),
        ])
    }
}

impl Reader<'_> {
    /// A page of the attempts that match `filter`, newest first.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`](crate::Error::InvalidFilter) for an empty range.
    pub fn attempts(&self, filter: &AttemptFilter, cursor: Option<Cursor>, limit: u32) -> Result<AttemptPage> {
        self.read_one("attempts", &paged(filter.parameters(), cursor, limit))
    }

    /// An attempt with its events; `None` if the file has no attempt of that id.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn attempt(&self, id: AttemptId) -> Result<Option<AttemptDetail>> {
        self.read("attempt", &parameters([("id", Some(id.to_string()))]))
    }

    /// The same for an attempt that an answer of the file contains.
    pub(crate) fn detail(&self, attempt: &Attempt) -> Result<AttemptDetail> {
        self.read_one("attempt", &parameters([("id", Some(attempt.attempt_id.clone()))]))
    }
}
