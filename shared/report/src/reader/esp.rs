//! Sessions of the Enrollment Status Page: of a device with all that belongs to them, and all of them by page.

use super::attempts::{Conditions, Cursor};
use super::{Reader, check_range};
use crate::dictionary::Coded as _;
use crate::error::Result;
use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};
use serde::Serialize;
use vestibule_domain::Day;
use vestibule_domain::esp::SessionState;

/// Most sessions on a page.
const MAX_PAGE: u32 = 1_000;

/// Which sessions; what is not given lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EspSessionFilter {
    /// First day.
    pub from: Option<Day>,
    /// The day after the last.
    pub to: Option<Day>,
    /// How it stands.
    pub state: Option<SessionState>,
    /// The profile fixed when it began, by its id.
    pub profile_id: Option<String>,
    /// Whether a list of apps is not known in time, still.
    pub stuck: Option<bool>,
}

/// A session of the Enrollment Status Page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of the view `esp_session_list`")]
pub struct EspSessionRow {
    pub session_id: String,
    pub enrollment_key: String,
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
    pub retries: u32,
    pub stuck_since: Option<String>,
    pub stuck_phase: Option<String>,
    pub is_stuck: bool,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
}

/// A session with its phases and items.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EspSessionDetail {
    /// The session.
    #[serde(flatten)]
    pub session: EspSessionRow,
    /// The phases it came to.
    pub phases: Vec<EspPhaseRow>,
    /// The items it waits for, and the others that were told.
    pub items: Vec<EspItemRow>,
}

/// A phase of a session.
#[derive(Clone, Debug, PartialEq, Serialize)]
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

/// An item told of in a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EspSessionPage {
    /// The instant this page is true for.
    pub as_of: String,
    /// The instant the first page was true for.
    pub first_page_as_of: String,
    /// The zone days are counted in.
    pub time_zone: String,
    /// The sessions.
    pub sessions: Vec<EspSessionRow>,
    /// Where to go on; none on the last page.
    pub next: Option<Cursor>,
}

impl Reader<'_> {
    /// A page of the sessions that `filter` lets through, newest first.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`](crate::Error::InvalidFilter) for an empty range.
    pub fn esp_session_page(
        &self,
        filter: &EspSessionFilter,
        cursor: Option<Cursor>,
        limit: u32,
    ) -> Result<EspSessionPage> {
        if let (Some(from), Some(to)) = (filter.from, filter.to) {
            check_range(from, to)?;
        }
        let limit = limit.clamp(1, MAX_PAGE);
        let mut conditions = Conditions::default();
        conditions.add("x.started_day >= ?", filter.from.map(|day| i64::from(day.get())));
        conditions.add("x.started_day < ?", filter.to.map(|day| i64::from(day.get())));
        conditions.add("x.state_id = ?", filter.state.map(|state| state.id()));
        conditions.add("x.profile_id_word IN (SELECT id FROM words WHERE text = ?)", filter.profile_id.clone());
        conditions.add("x.is_stuck = ?", filter.stuck.map(i64::from));
        conditions.add("x.session_no < ?", cursor.map(|cursor| cursor.major));
        conditions.values.push(Value::Integer(i64::from(limit) + 1));
        let mut query = self.facts()?.prepare(&format!(
            "SELECT * FROM esp_session_list WHERE session_no IN (
               SELECT x.session_no FROM esp_sessions x WHERE {} ORDER BY x.session_no DESC LIMIT ?)
             ORDER BY session_no DESC",
            conditions.sql()
        ))?;
        let rows = query.query_map(params_from_iter(&conditions.values), |row| {
            Ok((row.get::<_, i64>("session_no")?, read_session(row)?))
        })?;
        let mut found = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        let first_page_as_of = cursor.map_or(self.as_of(), |cursor| cursor.as_of);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().map(|(number, _)| *number).filter(|_| more);
        Ok(EspSessionPage {
            as_of: self.as_of().to_string(),
            first_page_as_of: first_page_as_of.to_string(),
            time_zone: self.time_zone()?,
            next: last.map(|major| Cursor { as_of: first_page_as_of, major, minor: 0 }),
            sessions: found.into_iter().map(|(_, session)| session).collect(),
        })
    }

    /// The sessions of a device with their phases and items, newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn esp_sessions(&self, enrollment_key: &str) -> Result<Vec<EspSessionDetail>> {
        let conn = self.facts()?;
        let mut query = conn.prepare(
            "SELECT * FROM esp_session_list WHERE session_no IN (
               SELECT s.session_no FROM enrollments e CROSS JOIN esp_sessions s ON s.enrollment_no = e.enrollment_no
               WHERE e.enrollment_key = ?1)
             ORDER BY session_no DESC",
        )?;
        let mut phases = conn.prepare("SELECT * FROM esp_phase_list WHERE session_no = ?1 ORDER BY phase_id")?;
        let mut items = conn.prepare("SELECT * FROM esp_item_list WHERE session_no = ?1 ORDER BY seq")?;
        let mut sessions = Vec::new();
        let mut rows = query.query([enrollment_key])?;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get("session_no")?;
            sessions.push(EspSessionDetail {
                session: read_session(row)?,
                phases: phases.query_map([number], read_phase)?.collect::<rusqlite::Result<_>>()?,
                items: items.query_map([number], read_item)?.collect::<rusqlite::Result<_>>()?,
            });
        }
        Ok(sessions)
    }
}

fn read_session(row: &Row) -> rusqlite::Result<EspSessionRow> {
    Ok(EspSessionRow {
        session_id: row.get("session_id")?,
        enrollment_key: row.get("enrollment_key")?,
        sender_session_id: row.get("sender_session_id")?,
        device_name: row.get("device_name")?,
        user_principal_name: row.get("user_principal_name")?,
        os_version: row.get("os_version")?,
        started_at: row.get("started_at")?,
        started_day: row.get("started_day")?,
        last_event_at: row.get("last_event_at")?,
        ended_at: row.get("ended_at")?,
        deadline: row.get("deadline")?,
        limit_minutes: row.get("limit_minutes")?,
        state: row.get("state")?,
        phase: row.get("phase")?,
        stage: row.get("stage")?,
        progress: row.get("progress")?,
        profile: row.get("profile")?,
        profile_id: row.get("profile_id")?,
        profile_version: row.get("profile_version")?,
        rule: row.get("rule")?,
        rule_group: row.get("rule_group")?,
        deployment_mode: row.get("deployment_mode")?,
        hybrid_join: row.get("hybrid_join")?,
        items_counted: row.get("items")?,
        items_done: row.get("items_done")?,
        timed_out: row.get("timed_out")?,
        failed: row.get("failed")?,
        failed_phase: row.get("failed_phase")?,
        retries: row.get("retries")?,
        stuck_since: row.get("stuck_since")?,
        stuck_phase: row.get("stuck_phase")?,
        is_stuck: row.get("is_stuck")?,
        error_code: row.get("error_code")?,
        error_message: row.get("error_message")?,
    })
}

fn read_phase(row: &Row) -> rusqlite::Result<EspPhaseRow> {
    Ok(EspPhaseRow {
        phase: row.get("phase")?,
        title: row.get("title")?,
        state: row.get("state")?,
        started_at: row.get("started_at")?,
        ended_at: row.get("ended_at")?,
        minutes: row.get("minutes")?,
    })
}

fn read_item(row: &Row) -> rusqlite::Result<EspItemRow> {
    Ok(EspItemRow {
        phase: row.get("phase")?,
        category: row.get("category")?,
        item_id: row.get("item_id")?,
        name: row.get("name")?,
        tracking: row.get("tracking")?,
        state: row.get("state")?,
        error_code: row.get("error_code")?,
        updated_at: row.get("updated_at")?,
        began_at: row.get("began_at")?,
        settled_at: row.get("settled_at")?,
        errors: row.get("errors")?,
    })
}
