//! Drill-down: from any number to its attempts, from an attempt to its events.

use super::{Advice, Reader, check_range};
use crate::dictionary::Coded as _;
use crate::error::{Error, Result};
use crate::ids::first_from;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension as _, Row, params_from_iter};
use serde::Serialize;
use vestibule_domain::{AttemptId, Cause, Day, Millis, Outcome, Platform, Section, Timestamp};

/// Most attempts on a page.
const MAX_PAGE: u32 = 1_000;

/// Which attempts; what is not given lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptFilter {
    /// First day.
    pub from: Option<Day>,
    /// The day after the last.
    pub to: Option<Day>,
    /// The platform, any of them.
    pub os: Option<Platform>,
    /// Only the platforms of the incomplete-enrollments report.
    pub reported: bool,
    /// Where it stopped or is.
    pub section: Option<Section>,
    /// By name, as written in the file.
    pub action: Option<String>,
    /// By name, as written in the file.
    pub screen: Option<String>,
    /// Why it was abandoned.
    pub cause: Option<Cause>,
    /// How it stands.
    pub outcome: Option<Outcome>,
    /// Only those that the report calls incomplete: abandoned or failed.
    pub incomplete: bool,
    /// The catalogue's row; 0 for attempts that have none.
    pub catalogue_row: Option<u8>,
    /// Principal name or id of the user, without regard to case; of a pseudonymised file the
    /// [pseudonym](crate::pseudonym).
    pub user: Option<String>,
    /// The device.
    pub enrollment_key: Option<String>,
}

/// Where a page ended. It holds on when attempts arrive meanwhile: they are newer, or in their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The instant the first page was true for.
    pub as_of: Timestamp,
    pub(super) major: i64,
    pub(super) minor: i64,
}

impl Cursor {
    /// Reads what [`Display`](std::fmt::Display) wrote.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`] for any other text.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split('-').map(|part| i64::from_str_radix(part, 16).ok());
        match (parts.next().flatten(), parts.next().flatten(), parts.next().flatten(), parts.next()) {
            (Some(as_of), Some(major), Some(minor), None) => {
                Ok(Self { as_of: Timestamp::from_millis(as_of), major, minor })
            }
            _ => Err(Error::InvalidFilter { field: "cursor", problem: "is not one that a page ended with" }),
        }
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}-{:x}-{:x}", self.as_of.millis(), self.major, self.minor)
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An attempt in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    pub clock_skew: bool,
    pub event_count: u64,
}

/// An event of an attempt in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// A page of attempts, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptPage {
    /// The instant this page is true for.
    pub as_of: String,
    /// The instant the first page was true for.
    pub first_page_as_of: String,
    /// The zone days are counted in.
    pub time_zone: String,
    /// The attempts.
    pub attempts: Vec<Attempt>,
    /// Where to go on; none on the last page.
    pub next: Option<Cursor>,
}

/// An attempt with its events in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptDetail {
    /// The instant this is true for.
    pub as_of: String,
    /// The attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// What its failure can mean and what to do, likeliest first.
    pub advice: Vec<Advice>,
    /// Its events.
    pub events: Vec<TimelineEvent>,
}

/// Conditions on a table, with their values.
#[derive(Default)]
pub(super) struct Conditions {
    sql: Vec<&'static str>,
    pub(super) values: Vec<Value>,
}

impl Conditions {
    pub(super) fn add(&mut self, sql: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.sql.push(sql);
            self.values.push(value.into());
        }
    }

    pub(super) fn sql(&self) -> String {
        if self.sql.is_empty() { "1".to_owned() } else { self.sql.join(" AND ") }
    }

    /// On `attempts a`.
    fn of(filter: &AttemptFilter, zone: &str) -> Result<Self> {
        if let (Some(from), Some(to)) = (filter.from, filter.to) {
            check_range(from, to)?;
        }
        let zone = zone.parse().unwrap_or_default();
        let margin = Millis::from_days(2);
        let mut all = Self::default();
        // The numbers bound what is looked at; the days decide.
        all.add("a.attempt_no >= ?", filter.from.map(|day| first_from(day.start(zone) - margin)));
        all.add("a.attempt_no < ?", filter.to.map(|day| first_from(day.start(zone) + margin)));
        all.add("a.started_day >= ?", filter.from.map(|day| i64::from(day.get())));
        all.add("a.started_day < ?", filter.to.map(|day| i64::from(day.get())));
        all.add("a.platform_id = ?", filter.os.map(|os| os.id()));
        if filter.reported {
            all.sql.push("a.platform_id IN (SELECT id FROM platforms WHERE reported = 1)");
        }
        all.add("a.section_id = ?", filter.section.map(|section| section.id()));
        all.add("a.action_id IN (SELECT id FROM actions WHERE name = ? COLLATE NOCASE)", filter.action.clone());
        all.add("a.screen_id IN (SELECT id FROM screens WHERE name = ? COLLATE NOCASE)", filter.screen.clone());
        all.add("a.cause_id = ?", filter.cause.map(|cause| cause.id()));
        all.add("a.outcome_id = ?", filter.outcome.map(|outcome| outcome.id()));
        if filter.incomplete {
            all.sql.push("a.outcome_id IN (SELECT id FROM outcomes WHERE name IN ('abandoned', 'failed'))");
        }
        all.add("coalesce(a.catalogue_row, 0) = ?", filter.catalogue_row.map(i64::from));
        all.add(
            "a.attempt_no IN (
               WITH user (id) AS (SELECT id FROM words WHERE text = ? COLLATE NOCASE)
               SELECT attempt_no FROM attempts WHERE user_principal_name_word IN (SELECT id FROM user)
               UNION SELECT attempt_no FROM attempts WHERE user_id_word IN (SELECT id FROM user))",
            filter.user.clone(),
        );
        all.add(
            "a.enrollment_no IN (SELECT enrollment_no FROM enrollments WHERE enrollment_key = ?)",
            filter.enrollment_key.clone(),
        );
        Ok(all)
    }
}

impl Reader<'_> {
    /// A page of the attempts that `filter` lets through, newest first.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`] for an empty range.
    pub fn attempts(&self, filter: &AttemptFilter, cursor: Option<Cursor>, limit: u32) -> Result<AttemptPage> {
        let limit = limit.clamp(1, MAX_PAGE);
        let time_zone = self.time_zone()?;
        let mut conditions = Conditions::of(filter, &time_zone)?;
        conditions.add("a.attempt_no < ?", cursor.map(|cursor| cursor.major));
        conditions.values.push(Value::Integer(i64::from(limit) + 1));
        let sql = conditions.sql();
        let mut query = self.facts()?.prepare(&format!(
            "SELECT * FROM enrollment_attempts WHERE attempt_no IN (
               SELECT a.attempt_no FROM attempts a WHERE {sql} ORDER BY a.attempt_no DESC LIMIT ?)
             ORDER BY attempt_no DESC"
        ))?;
        let rows = query.query_map(params_from_iter(&conditions.values), |row| {
            Ok((row.get::<_, i64>("attempt_no")?, read_attempt(row)?))
        })?;
        let mut found = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        let first_page_as_of = cursor.map_or(self.as_of(), |cursor| cursor.as_of);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().map(|(number, _)| *number).filter(|_| more);
        Ok(AttemptPage {
            as_of: self.as_of().to_string(),
            first_page_as_of: first_page_as_of.to_string(),
            time_zone,
            next: last.map(|major| Cursor { as_of: first_page_as_of, major, minor: 0 }),
            attempts: found.into_iter().map(|(_, attempt)| attempt).collect(),
        })
    }

    /// An attempt with its events; `None` when the file has none of that id.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn attempt(&self, id: AttemptId) -> Result<Option<AttemptDetail>> {
        let conn = self.facts()?;
        let number: Option<i64> = conn
            .query_row(
                "SELECT attempt_no FROM attempts WHERE attempt_id = ?1 ORDER BY attempt_no LIMIT 1",
                [&id.bytes()[..]],
                |row| row.get(0),
            )
            .optional()?;
        let Some(number) = number else { return Ok(None) };
        let attempt =
            conn.query_row("SELECT * FROM enrollment_attempts WHERE attempt_no = ?1", [number], read_attempt)?;
        let mut events = conn.prepare("SELECT * FROM attempt_timeline WHERE attempt_no = ?1 ORDER BY seq")?;
        let events = events.query_map([number], read_event)?.collect::<rusqlite::Result<_>>()?;
        let advice = self.advice_for_failure(number)?;
        Ok(Some(AttemptDetail { as_of: self.as_of().to_string(), attempt, advice, events }))
    }
}

pub(crate) fn read_attempt(row: &Row) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        attempt_id: row.get("attempt_id")?,
        enrollment_key: row.get("enrollment_key")?,
        number: row.get("number")?,
        device_name: row.get("device_name")?,
        user_principal_name: row.get("user_principal_name")?,
        user_id: row.get("user_id")?,
        platform: row.get("platform")?,
        platform_label: row.get("platform_label")?,
        os_version: row.get("os_version")?,
        enrollment_type: row.get("enrollment_type")?,
        manufacturer: row.get("manufacturer")?,
        model: row.get("model")?,
        started_at: row.get("started_at")?,
        started_day: row.get("started_day")?,
        last_activity_at: row.get("last_activity_at")?,
        ended_at: row.get("ended_at")?,
        outcome: row.get("outcome")?,
        cause: row.get("cause")?,
        section: row.get("section")?,
        action: row.get("action")?,
        screen: row.get("screen")?,
        catalogue_row: row.get("catalogue_row")?,
        failure_code: row.get("failure_code")?,
        failure_reason: row.get("failure_reason")?,
        failure_category: row.get("failure_category")?,
        failure_message: row.get("failure_message")?,
        clock_skew: row.get("clock_skew")?,
        event_count: row.get("event_count")?,
    })
}

fn read_event(row: &Row) -> rusqlite::Result<TimelineEvent> {
    Ok(TimelineEvent {
        seq: row.get("seq")?,
        kind: row.get("kind")?,
        time: row.get("time")?,
        received_at: row.get("received_at")?,
        source: row.get("source")?,
        event_id: row.get("event_id")?,
        section: row.get("section")?,
        action: row.get("action")?,
        screen: row.get("screen")?,
        user_action: row.get("user_action")?,
        failure_code: row.get("failure_code")?,
        failure_reason: row.get("failure_reason")?,
        reported: row.get("reported")?,
        clock_skew: row.get("clock_skew")?,
    })
}
