//! What the sessions of the Enrollment Status Page add up to over a range of days.

use super::{Reader, check_range};
use crate::error::Result;
use crate::schema::Ranged;
use rusqlite::{Row, named_params};
use serde::Serialize;
use std::cmp::Ordering;
use vestibule_domain::Day;

/// Most entries of a list.
const MAX_LIST: u32 = 100;

/// The sessions that began in a range of days.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EspOverview {
    /// The instant this is true for.
    pub as_of: String,
    /// The zone days are counted in.
    pub time_zone: String,
    /// First day.
    pub from: String,
    /// The day after the last.
    pub to: String,
    /// Every day of the range that the file has, zero included.
    pub by_day: Vec<EspDay>,
    /// By the profile fixed when the session began.
    pub by_profile: Vec<EspProfileNumbers>,
    /// By profile and phase, in the order of time.
    pub by_phase: Vec<EspPhaseNumbers>,
    /// The apps that take longest, by their ninetieth percentile.
    pub slowest_apps: Vec<EspApp>,
    /// The apps that failed in most sessions.
    pub failing_apps: Vec<EspApp>,
    /// Sessions in progress whose list of apps is not known in time, newest first.
    pub stuck: Vec<StuckSession>,
    /// Sessions that passed their limit and finished later, newest first.
    pub recovered: Vec<RecoveredTimeout>,
}

/// The sessions that began on one day.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    pub n: u64,
    pub success_rate: Option<f64>,
    pub stuck: u64,
    pub still_stuck: u64,
}

/// The sessions of one profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    pub n: u64,
    pub success_rate: Option<f64>,
    pub over_limit: u64,
    pub recovered: u64,
    pub stuck: u64,
    pub median_minutes: Option<f64>,
    pub p90_minutes: Option<f64>,
}

/// One phase in the sessions of one profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize)]
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

/// The days asked for, of sessions.
const SESSION_DAYS: &str = "x.started_day >= :from AND x.started_day < :to";

/// Every day asked for: the sums of its rows in `esp_by_day`.
const BY_DAY: &str = "
  WITH sums AS (
    SELECT day, sum(started) AS started, sum(succeeded) AS succeeded, sum(with_timeout) AS with_timeout,
      sum(on_retry) AS on_retry, sum(failed) AS failed, sum(timed_out) AS timed_out, sum(in_progress) AS in_progress,
      sum(n) AS n, sum(stuck) AS stuck, sum(still_stuck) AS still_stuck
    FROM esp_by_day WHERE day >= :from AND day < :to GROUP BY day)
  SELECT d.date AS date, coalesce(s.started, 0) AS started, coalesce(s.succeeded, 0) AS succeeded,
    coalesce(s.with_timeout, 0) AS with_timeout, coalesce(s.on_retry, 0) AS on_retry, coalesce(s.failed, 0) AS failed,
    coalesce(s.timed_out, 0) AS timed_out, coalesce(s.in_progress, 0) AS in_progress, coalesce(s.n, 0) AS n,
    s.succeeded * 1.0 / nullif(s.n, 0) AS success_rate, coalesce(s.stuck, 0) AS stuck,
    coalesce(s.still_stuck, 0) AS still_stuck
  FROM days d LEFT JOIN sums s ON s.day = d.day
  WHERE d.day >= :from AND d.day < :to ORDER BY d.day";

impl Reader<'_> {
    /// The sessions that began on the days `from` to `to` (exclusive). At most `limit` entries of the lists of apps
    /// and sessions; what is stuck now is told whenever it began.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`](crate::Error::InvalidFilter) for an empty range.
    pub fn esp_overview(&self, from: Day, to: Day, limit: u32) -> Result<EspOverview> {
        check_range(from, to)?;
        let limit = limit.clamp(1, MAX_LIST);
        let range = Range { reader: self, from, to };
        let [profiles, phases, apps] =
            [Ranged::Profiles, Ranged::Phases, Ranged::Apps].map(|view| view.over(SESSION_DAYS));
        let mut stuck = self
            .facts()?
            .prepare("SELECT * FROM esp_stuck_identifying WHERE is_stuck = 1 ORDER BY session_no DESC LIMIT ?1")?;
        // Once for both lists: it looks at every item.
        let mut apps = range.list(&format!("SELECT * FROM ({apps})"), None, read_app)?;
        Ok(EspOverview {
            as_of: self.as_of().to_string(),
            time_zone: self.time_zone()?,
            from: from.to_string(),
            to: to.to_string(),
            by_day: range.list(BY_DAY, None, read_day)?,
            by_profile: range.list(
                &format!("SELECT * FROM ({profiles}) ORDER BY sessions DESC, profile, profile_id"),
                None,
                read_profile,
            )?,
            by_phase: range.list(
                &format!("SELECT * FROM ({phases}) ORDER BY profile, profile_id, phase_id"),
                None,
                read_phase,
            )?,
            slowest_apps: first(
                limit,
                &mut apps,
                |app| app.p90_minutes.is_some(),
                |one, two| {
                    let longest = two.p90_minutes.unwrap_or(0.0).total_cmp(&one.p90_minutes.unwrap_or(0.0));
                    longest.then_with(|| two.sessions.cmp(&one.sessions))
                },
            ),
            failing_apps: first(
                limit,
                &mut apps,
                |app| app.failed > 0,
                |one, two| {
                    let commonest = two.failed.cmp(&one.failed);
                    commonest.then_with(|| two.failure_rate.unwrap_or(0.0).total_cmp(&one.failure_rate.unwrap_or(0.0)))
                },
            ),
            stuck: stuck.query_map([limit], read_stuck)?.collect::<rusqlite::Result<_>>()?,
            recovered: range.list(
                "SELECT * FROM esp_timeouts_recovered WHERE day >= :from AND day < :to ORDER BY session_no DESC",
                Some(limit),
                read_recovered,
            )?,
        })
    }
}

/// The first `limit` of the apps that `counts` lets through, by name where they are alike otherwise.
fn first(
    limit: u32,
    apps: &mut [EspApp],
    counts: fn(&EspApp) -> bool,
    order: fn(&EspApp, &EspApp) -> Ordering,
) -> Vec<EspApp> {
    apps.sort_by(|one, two| order(one, two).then_with(|| one.app.cmp(&two.app)));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    apps.iter().filter(|app| counts(app)).take(limit).cloned().collect()
}

/// The days asked for.
struct Range<'r> {
    reader: &'r Reader<'r>,
    from: Day,
    to: Day,
}

impl Range<'_> {
    /// The first rows of a query that names `:from` and `:to`.
    fn list<T>(&self, sql: &str, limit: Option<u32>, read: fn(&Row) -> rusqlite::Result<T>) -> Result<Vec<T>> {
        let mut query = self.reader.conn().prepare(&format!("{sql} LIMIT :limit"))?;
        // A negative limit is none.
        let limit = limit.map_or(-1, i64::from);
        let asked = named_params! { ":from": self.from.get(), ":to": self.to.get(), ":limit": limit };
        Ok(query.query_map(asked, read)?.collect::<rusqlite::Result<_>>()?)
    }
}

fn read_day(row: &Row) -> rusqlite::Result<EspDay> {
    Ok(EspDay {
        date: row.get("date")?,
        started: row.get("started")?,
        succeeded: row.get("succeeded")?,
        with_timeout: row.get("with_timeout")?,
        on_retry: row.get("on_retry")?,
        failed: row.get("failed")?,
        timed_out: row.get("timed_out")?,
        in_progress: row.get("in_progress")?,
        n: row.get("n")?,
        success_rate: row.get("success_rate")?,
        stuck: row.get("stuck")?,
        still_stuck: row.get("still_stuck")?,
    })
}

fn read_profile(row: &Row) -> rusqlite::Result<EspProfileNumbers> {
    Ok(EspProfileNumbers {
        profile_id: row.get("profile_id")?,
        profile: row.get("profile")?,
        sessions: row.get("sessions")?,
        succeeded: row.get("succeeded")?,
        failed: row.get("failed")?,
        timed_out: row.get("timed_out")?,
        in_progress: row.get("in_progress")?,
        n: row.get("n")?,
        success_rate: row.get("success_rate")?,
        over_limit: row.get("over_limit")?,
        recovered: row.get("recovered")?,
        stuck: row.get("stuck")?,
        median_minutes: row.get("median_minutes")?,
        p90_minutes: row.get("p90_minutes")?,
    })
}

fn read_phase(row: &Row) -> rusqlite::Result<EspPhaseNumbers> {
    Ok(EspPhaseNumbers {
        profile_id: row.get("profile_id")?,
        profile: row.get("profile")?,
        phase: row.get("phase")?,
        entered: row.get("entered")?,
        completed: row.get("completed")?,
        failed: row.get("failed")?,
        n: row.get("n")?,
        success_rate: row.get("success_rate")?,
        median_minutes: row.get("median_minutes")?,
        p90_minutes: row.get("p90_minutes")?,
    })
}

fn read_app(row: &Row) -> rusqlite::Result<EspApp> {
    Ok(EspApp {
        app: row.get("app")?,
        sessions: row.get("sessions")?,
        blocking: row.get("blocking")?,
        tried: row.get("tried")?,
        completed: row.get("completed")?,
        failed: row.get("failed")?,
        failing: row.get("failing")?,
        failure_rate: row.get("failure_rate")?,
        median_minutes: row.get("median_minutes")?,
        p90_minutes: row.get("p90_minutes")?,
    })
}

fn read_stuck(row: &Row) -> rusqlite::Result<StuckSession> {
    Ok(StuckSession {
        session_id: row.get("session_id")?,
        enrollment_key: row.get("enrollment_key")?,
        device_name: row.get("device_name")?,
        user_principal_name: row.get("user_principal_name")?,
        phase: row.get("phase")?,
        stuck_since: row.get("stuck_since")?,
        state: row.get("state")?,
        profile: row.get("profile")?,
        meaning: row.get("meaning")?,
    })
}

fn read_recovered(row: &Row) -> rusqlite::Result<RecoveredTimeout> {
    Ok(RecoveredTimeout {
        session_id: row.get("session_id")?,
        enrollment_key: row.get("enrollment_key")?,
        device_name: row.get("device_name")?,
        user_principal_name: row.get("user_principal_name")?,
        profile: row.get("profile")?,
        started_at: row.get("started_at")?,
        deadline: row.get("deadline")?,
        ended_at: row.get("ended_at")?,
        minutes_over: row.get("minutes_over")?,
        state: row.get("state")?,
    })
}
