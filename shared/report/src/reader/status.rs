//! The status page (docs/DOMAIN.md, D).

use super::attempts::Cursor;
use super::{Advice, Reader, check_range};
use crate::error::Result;
use rusqlite::{Row, named_params, params};
use serde::Serialize;
use vestibule_domain::{Day, Platform};

/// Most rows of a list.
const MAX_LIST: u32 = 1_000;

/// The failures asked for.
const FAILED_IN: &str = "day >= :from AND day < :to AND (:platform IS NULL OR platform = :platform)";

/// The counts of the status page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The instant this is true for.
    pub as_of: String,
    /// The zone days are counted in.
    pub time_zone: String,
    /// Devices under management.
    pub enrolled: u64,
    /// Devices with an attempt or Enrollment Status Page session in progress.
    pub in_progress: u64,
    /// Devices registered that never made an attempt.
    pub pending: u64,
    /// Devices whose latest attempt failed and that are not enrolled.
    pub failed: u64,
    /// All devices.
    pub devices: u64,
    /// By platform as the page tells them apart.
    pub by_platform: Vec<PlatformStatus>,
    /// Devices whose first attempt completed.
    pub first_time_right: FirstTimeRight,
    /// The Enrollment Status Page's profiles.
    pub esp_profiles: Vec<EspProfileRow>,
}

/// One platform's line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformStatus {
    /// The label; none where senders told no platform.
    pub platform: Option<String>,
    /// Devices.
    pub total: u64,
    /// Attempts started on the last seven days, today included.
    pub last_7_days: u64,
    /// Attempts started in the window.
    pub initiated: u64,
    /// Of these completed.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
    /// Abandoned.
    pub abandoned: u64,
    /// Completed, failed and abandoned together.
    pub n: u64,
    /// Completed / n.
    pub success_rate: Option<f64>,
    /// Mean minutes of completed attempts.
    pub average_minutes: Option<f64>,
}

/// The share of devices whose first attempt completed, of those whose first attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FirstTimeRight {
    /// The share.
    pub rate: Option<f64>,
    /// Of how many.
    pub n: u64,
}

/// A device being enrolled.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `active_enrollments`")]
pub struct Active {
    pub enrollment_key: String,
    pub device_name: Option<String>,
    pub user_principal_name: Option<String>,
    pub platform: Option<String>,
    pub platform_words: String,
    pub platform_label: Option<String>,
    pub stage: Option<String>,
    pub progress: Option<f64>,
    pub started_at: String,
    pub attempt_id: Option<String>,
    pub session_id: Option<String>,
}

/// A page of devices being enrolled, newest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivePage {
    /// The instant this is true for.
    pub as_of: String,
    /// The devices.
    pub active: Vec<Active>,
    /// Where to go on; none on the last page.
    pub next: Option<Cursor>,
}

/// A failure, or a cancellation marked as such.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `recent_failures`")]
pub struct RecentFailure {
    pub failed_at: String,
    pub age_seconds: i64,
    pub abandoned: bool,
    pub attempt_id: String,
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
    /// What it can mean and what to do, likeliest first.
    pub advice: Vec<Advice>,
}

/// A reason of failed attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureReason {
    /// The code, one spelling a code.
    pub code: Option<String>,
    /// The reason told.
    pub reason: Option<String>,
    /// The category.
    pub category: Option<String>,
    /// How many attempts failed so.
    pub count: u64,
    /// What it can mean and what to do, likeliest first.
    pub advice: Vec<Advice>,
}

/// Failures of a range of days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureReport {
    /// The instant this is true for.
    pub as_of: String,
    /// The zone days are counted in.
    pub time_zone: String,
    /// First day.
    pub from: String,
    /// The day after the last.
    pub to: String,
    /// The platform asked for.
    pub platform: Option<&'static str>,
    /// The newest failures, cancellations among them marked.
    pub failures: Vec<RecentFailure>,
    /// Why attempts failed, commonest first.
    pub reasons: Vec<FailureReason>,
}

/// A profile of the Enrollment Status Page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// When the file cannot be read.
    pub fn status(&self) -> Result<Status> {
        let conn = self.conn();
        let [enrolled, in_progress, pending, failed, devices] =
            conn.query_row("SELECT enrolled, in_progress, pending, failed, devices FROM status_summary", [], |row| {
                Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?])
            })?;
        let first_time_right = conn.query_row("SELECT rate, n FROM first_time_right", [], |row| {
            Ok(FirstTimeRight { rate: row.get(0)?, n: row.get(1)? })
        })?;
        let mut query = conn.prepare("SELECT * FROM status_by_platform")?;
        let by_platform = query.query_map([], read_platform)?.collect::<rusqlite::Result<_>>()?;
        Ok(Status {
            as_of: self.as_of().to_string(),
            time_zone: self.time_zone()?,
            enrolled,
            in_progress,
            pending,
            failed,
            devices,
            by_platform,
            first_time_right,
            esp_profiles: self.esp_profiles()?,
        })
    }

    fn esp_profiles(&self) -> Result<Vec<EspProfileRow>> {
        let mut query = self.conn().prepare("SELECT * FROM esp_profile_list ORDER BY profile_no")?;
        let profiles = query.query_map([], |row| {
            Ok(EspProfileRow {
                profile_id: row.get("profile_id")?,
                display_name: row.get("display_name")?,
                status: row.get("status")?,
                is_default: row.get("is_default")?,
                priority: row.get("priority")?,
                limit_minutes: row.get("limit_minutes")?,
                blocking_apps: row.get("blocking_apps")?,
                group_names: row.get("group_names")?,
                assigned_groups: row.get("assigned_groups")?,
                sessions: row.get("sessions")?,
            })
        })?;
        Ok(profiles.collect::<rusqlite::Result<_>>()?)
    }

    /// Devices being enrolled, newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn active(&self, cursor: Option<Cursor>, limit: u32) -> Result<ActivePage> {
        let limit = limit.clamp(1, MAX_LIST);
        let mut query = self.facts()?.prepare(
            "SELECT * FROM active_enrollments
             WHERE ?1 IS NULL OR active_since < ?1 OR (active_since = ?1 AND enrollment_no < ?2)
             ORDER BY active_since DESC, enrollment_no DESC LIMIT ?3",
        )?;
        let rows = query.query_map(
            params![cursor.map(|cursor| cursor.major), cursor.map(|cursor| cursor.minor), limit + 1],
            |row| Ok((row.get("active_since")?, row.get("enrollment_no")?, read_active(row)?)),
        )?;
        let mut found = rows.collect::<rusqlite::Result<Vec<(i64, i64, Active)>>>()?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let as_of = cursor.map_or(self.as_of(), |cursor| cursor.as_of);
        let next =
            found.last().filter(|_| more).map(|(major, minor, _)| Cursor { as_of, major: *major, minor: *minor });
        Ok(ActivePage {
            as_of: self.as_of().to_string(),
            active: found.into_iter().map(|(_, _, active)| active).collect(),
            next,
        })
    }

    /// The newest failures of attempts that started on the days `from` to `to` (exclusive), and why
    /// attempts failed. At most `limit` of either.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`](crate::Error::InvalidFilter) for an empty range.
    pub fn failures(&self, from: Day, to: Day, platform: Option<Platform>, limit: u32) -> Result<FailureReport> {
        check_range(from, to)?;
        let limit = limit.clamp(1, MAX_LIST);
        let asked = named_params! {
            ":from": from.get(), ":to": to.get(), ":platform": platform.map(Platform::name), ":limit": limit,
        };
        let mut query = self.facts()?.prepare(&format!(
            "SELECT * FROM recent_failures WHERE {FAILED_IN} ORDER BY failed_at_ms DESC, attempt_no DESC LIMIT :limit"
        ))?;
        let mut failures = Vec::new();
        let mut rows = query.query(asked)?;
        while let Some(row) = rows.next()? {
            let mut failure = read_failure(row)?;
            failure.advice = self.advice_for_failure(row.get("attempt_no")?)?;
            failures.push(failure);
        }
        Ok(FailureReport {
            as_of: self.as_of().to_string(),
            time_zone: self.time_zone()?,
            from: from.to_string(),
            to: to.to_string(),
            platform: platform.map(Platform::name),
            failures,
            reasons: self.failure_reasons(from, to, platform, limit)?,
        })
    }

    /// Why attempts failed that started on the days `from` to `to` (exclusive), commonest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`](crate::Error::InvalidFilter) for an empty range.
    pub fn failure_reasons(
        &self,
        from: Day,
        to: Day,
        platform: Option<Platform>,
        limit: u32,
    ) -> Result<Vec<FailureReason>> {
        check_range(from, to)?;
        let limit = limit.clamp(1, MAX_LIST);
        let asked = named_params! {
            ":from": from.get(), ":to": to.get(), ":platform": platform.map(Platform::name), ":limit": limit,
        };
        let mut query = self.conn().prepare(&format!(
            "SELECT code, reason, category, sum(failed) AS count, code_word, reason_word FROM failures_by_day
             WHERE {FAILED_IN} GROUP BY code_word, reason_word, category
             ORDER BY count DESC, code, reason, category LIMIT :limit"
        ))?;
        let mut reasons = Vec::new();
        let mut rows = query.query(asked)?;
        while let Some(row) = rows.next()? {
            let advice = self.advice_for_reason(row.get(4)?, row.get(5)?)?;
            let (code, reason, category) = (row.get(0)?, row.get(1)?, row.get(2)?);
            reasons.push(FailureReason { code, reason, category, count: row.get(3)?, advice });
        }
        Ok(reasons)
    }
}
fn read_platform(row: &Row) -> rusqlite::Result<PlatformStatus> {
    Ok(PlatformStatus {
        platform: row.get("platform")?,
        total: row.get("total")?,
        last_7_days: row.get("last_7_days")?,
        initiated: row.get("initiated")?,
        completed: row.get("completed")?,
        failed: row.get("failed")?,
        abandoned: row.get("abandoned")?,
        n: row.get("n")?,
        success_rate: row.get("success_rate")?,
        average_minutes: row.get("average_minutes")?,
    })
}

fn read_active(row: &Row) -> rusqlite::Result<Active> {
    Ok(Active {
        enrollment_key: row.get("enrollment_key")?,
        device_name: row.get("device_name")?,
        user_principal_name: row.get("user_principal_name")?,
        platform: row.get("platform")?,
        platform_words: row.get("platform_words")?,
        platform_label: row.get("platform_label")?,
        stage: row.get("stage")?,
        progress: row.get("progress")?,
        started_at: row.get("started_at")?,
        attempt_id: row.get("attempt_id")?,
        session_id: row.get("session_id")?,
    })
}

fn read_failure(row: &Row) -> rusqlite::Result<RecentFailure> {
    Ok(RecentFailure {
        failed_at: row.get("failed_at")?,
        age_seconds: row.get("age_seconds")?,
        abandoned: row.get("abandoned")?,
        attempt_id: row.get("attempt_id")?,
        enrollment_key: row.get("enrollment_key")?,
        device_name: row.get("device_name")?,
        user_principal_name: row.get("user_principal_name")?,
        platform: row.get("platform")?,
        platform_words: row.get("platform_words")?,
        code: row.get("code")?,
        reason: row.get("reason")?,
        category: row.get("category")?,
        message: row.get("message")?,
        section: row.get("section")?,
        action: row.get("action")?,
        advice: Vec::new(),
    })
}
