//! Removes rows, and subtracts them from the sums: all rows of an item, or those that left the window.

use crate::error::{Error, Result};
use crate::lists::dictionary::{Coded as _, FIRST_TAG};
use crate::lists::ids::{Ids, first_from};
use crate::lists::times;
use crate::write::app_sums::{CountedApp, CountedSession};
use crate::write::insert_failure::counted_code;
use crate::write::totals::{Counted, Device, Failed, Sender, Totals};
use rusqlite::{Connection, OptionalExtension as _, Row, Statement, named_params, params};
use std::collections::BTreeSet;
use vestibule_domain::esp::{Category, SessionState};
use vestibule_domain::{Day, Millis, Outcome, TenantSettings};

/// How many attempts are removed at a time when the window moves, so that memory stays bounded.
const CHUNK: i64 = 10_000;
/// How far beyond a day's start an attempt of the day before may start: numbers of attempts follow instants, but days
/// follow the local calendar, which a clock change may turn back by hours.
const CALENDAR_MARGIN: Millis = Millis::from_days(2);

const COUNTED: &str =
    "SELECT a.attempt_no, a.started_day, a.platform_id, a.platform_label_id, a.outcome_id, a.cause_id,
       a.section_id, a.action_id, a.catalogue_row, a.limit_minutes, a.has_starts, a.has_steps, a.judged,
       a.start_reported, coalesce(a.ended_at - a.started_at, 0) AS lasted, a.enrollment_no,
       coalesce(a.model_word, 0) AS model, coalesce(a.os_version_word, 0) AS os_version,
       coalesce(a.enrollment_type_word, 0) AS enrollment_type
  FROM attempts a";

/// Failures that are counted: see [`Failed`].
const FAILED: &str = "SELECT f.day, f.platform_id, f.subject_id, w.text AS code, m.text AS message,
       coalesce(f.reason_word, 0) AS reason, f.category_id
  FROM failures f LEFT JOIN words w ON w.id = f.code_word LEFT JOIN words m ON m.id = f.message_word
  WHERE NOT f.abandoned";

/// Failures of a device outside its attempts. The subject is a number, because the index contains it as one.
const FAILURES_OF_DEVICE: &str = "failures f WHERE f.enrollment_no = ?1 AND f.subject_id = 3";

/// An attempt's number, its device's number and how it is counted, without its visits, senders and tags.
struct Found {
    attempt_no: i64,
    enrollment_no: i64,
    counted: Counted,
}

/// Removes rows.
pub(crate) struct Delete<'c> {
    ids: Ids,
    conn: &'c Connection,
    item: Statement<'c>,
    device: Statement<'c>,
    attempts: Statement<'c>,
    visits: Statement<'c>,
    sources: Statement<'c>,
    tags: Statement<'c>,
    /// The failure of an attempt or a session, and those of a device outside them, as they are counted.
    failed: Statement<'c>,
    failed_outside: Statement<'c>,
    /// The rows that refer to an attempt, then the attempt.
    attempt: [Statement<'c>; 7],
    sessions: Statement<'c>,
    /// A session, and its items that are apps, as they are counted.
    counted_session: Statement<'c>,
    apps: Statement<'c>,
    session: [Statement<'c>; 6],
    /// A device's failures outside its attempts.
    failures: [Statement<'c>; 2],
    enrollment: [Statement<'c>; 4],
}

impl<'c> Delete<'c> {
    pub(crate) fn new(conn: &'c Connection, ids: Ids) -> Result<Self> {
        let delete = |table: &str, key: &str| conn.prepare(&format!("DELETE FROM {table} WHERE {key} = ?1"));
        Ok(Self {
            ids,
            conn,
            item: conn.prepare("SELECT item FROM refresh_state WHERE enrollment_no = ?1")?,
            device: conn.prepare(
                "SELECT platform_id, platform_label_id, state_id, first_outcome_id, first_judged
                 FROM enrollments WHERE enrollment_no = ?1",
            )?,
            attempts: conn.prepare(&format!("{COUNTED} WHERE a.enrollment_no = ?1"))?,
            visits: conn.prepare("SELECT action_id, left_at - entered_at FROM attempt_steps WHERE attempt_no = ?1")?,
            sources: conn.prepare(&format!(
                "SELECT source_word, {} FROM attempt_sources WHERE attempt_no = ?1",
                Sender::REPORTS.join(", ")
            ))?,
            tags: conn.prepare(&format!(
                "SELECT k.id, coalesce(t.value_word, 0) FROM slices k
                 LEFT JOIN enrollment_tags t ON t.enrollment_no = ?1 AND t.slice_id = k.id WHERE k.id >= {FIRST_TAG}"
            ))?,
            failed: conn.prepare(&format!("{FAILED} AND f.failure_no = ?1"))?,
            failed_outside: conn
                .prepare(&format!("{FAILED} AND f.enrollment_no = ?1 AND f.subject_id = 3 AND f.day < ?2"))?,
            attempt: [
                delete("attempt_events", "attempt_no")?,
                delete("attempt_steps", "attempt_no")?,
                delete("attempt_sources", "attempt_no")?,
                delete("failure_advice", "failure_no")?,
                delete("failures", "failure_no")?,
                // A session may stay in the window longer than its attempt, and the other way round.
                conn.prepare(
                    "UPDATE esp_sessions SET attempt_no = NULL WHERE attempt_no = ?1 AND enrollment_no =
                       (SELECT enrollment_no FROM attempts WHERE attempt_no = ?1)",
                )?,
                delete("attempts", "attempt_no")?,
            ],
            sessions: conn.prepare("SELECT session_no FROM esp_sessions WHERE enrollment_no = ?1")?,
            counted_session: conn.prepare(
                "SELECT started_day, profile_id_word, coalesce(model_word, 0) AS model, state_id FROM esp_sessions
                 WHERE session_no = ?1",
            )?,
            apps: conn.prepare(
                "SELECT coalesce(i.name_word, i.item_word, 0) AS app, i.state_id, i.began_at IS NOT NULL AS tried,
                   i.errors > 0 AS failed, w.text AS code
                 FROM esp_items i LEFT JOIN words w ON w.id = i.error_code_word
                 WHERE i.session_no = ?1 AND i.category_id = ?2 ORDER BY i.seq",
            )?,
            session: [
                delete("esp_items", "session_no")?,
                delete("esp_session_phases", "session_no")?,
                delete("failure_advice", "failure_no")?,
                delete("failures", "failure_no")?,
                conn.prepare(
                    "UPDATE attempts SET session_no = NULL WHERE session_no = ?1 AND enrollment_no =
                       (SELECT enrollment_no FROM esp_sessions WHERE session_no = ?1)",
                )?,
                delete("esp_sessions", "session_no")?,
            ],
            failures: [
                conn.prepare(&format!(
                    "DELETE FROM failure_advice WHERE failure_no IN (SELECT f.failure_no FROM {FAILURES_OF_DEVICE}
                       AND f.day < ?2)"
                ))?,
                conn.prepare("DELETE FROM failures WHERE enrollment_no = ?1 AND subject_id = 3 AND day < ?2")?,
            ],
            enrollment: [
                delete("device_sources", "enrollment_no")?,
                delete("enrollment_tags", "enrollment_no")?,
                delete("enrollments", "enrollment_no")?,
                delete("refresh_state", "enrollment_no")?,
            ],
        })
    }

    /// Whether the file has the item.
    pub(crate) fn has(&mut self, item: &str) -> Result<bool> {
        let number = self.ids.enrollment(item);
        let known = self.item.query_row([number], |row| Ok(row.get_ref(0)?.as_str()? == item)).optional()?;
        match known {
            None => Ok(false),
            Some(true) => Ok(true),
            Some(false) => Err(Error::Collision { what: "enrollments", salt: self.ids.salt }),
        }
    }

    /// Removes all that the file has of an item.
    pub(crate) fn item(&mut self, totals: &mut Totals, item: &str) -> Result<()> {
        let number = self.ids.enrollment(item);
        let attempts: Vec<Found> = found(&mut self.attempts, [number])?;
        for attempt in attempts {
            self.attempt(totals, attempt)?;
        }
        let sessions = self.sessions.query_map([number], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
        for session in sessions {
            self.session(totals, session)?;
        }
        self.failures_before(totals, number, i32::MAX)?;
        self.count_device(totals, number, -1)?;
        for statement in &mut self.enrollment {
            statement.execute([number])?;
        }
        Ok(())
    }

    fn attempt(&mut self, totals: &mut Totals, found: Found) -> Result<()> {
        let Found { attempt_no, enrollment_no, mut counted } = found;
        let visits = self.visits.query_map([attempt_no], |row| {
            let took: Option<i64> = row.get(1)?;
            Ok((row.get(0)?, took.map(|took| times::whole_seconds(Millis::new(took)))))
        })?;
        counted.visits = visits.collect::<rusqlite::Result<_>>()?;
        let senders = self.sources.query_map([attempt_no], |row| {
            let mut reports = [0; Sender::REPORTS.len()];
            for (column, reported) in Sender::REPORTS.iter().zip(&mut reports) {
                *reported = row.get(*column)?;
            }
            Ok(Sender { source: row.get("source_word")?, reports })
        })?;
        counted.sources = senders.collect::<rusqlite::Result<_>>()?;
        let tags = self.tags.query_map([enrollment_no], |row| Ok((row.get(0)?, row.get(1)?)))?;
        counted.tags = tags.collect::<rusqlite::Result<_>>()?;
        totals.attempt(&counted, -1);
        count_out(totals, &mut self.failed, self.ids, [attempt_no])?;
        for statement in &mut self.attempt {
            statement.execute([attempt_no])?;
        }
        Ok(())
    }

    /// Removes a device's failures outside its attempts from before a day.
    fn failures_before(&mut self, totals: &mut Totals, enrollment_no: i64, day: i32) -> Result<()> {
        count_out(totals, &mut self.failed_outside, self.ids, [enrollment_no, i64::from(day)])?;
        for statement in &mut self.failures {
            statement.execute([enrollment_no, i64::from(day)])?;
        }
        Ok(())
    }

    fn session(&mut self, totals: &mut Totals, session_no: i64) -> Result<()> {
        let ids = self.ids;
        let apps = self.apps.query_map([session_no, Category::Apps.id()], |row| {
            let code: Option<String> = row.get("code")?;
            Ok(CountedApp {
                app: row.get("app")?,
                state: row.get("state_id")?,
                tried: row.get("tried")?,
                failed: row.get("failed")?,
                code: counted_code(code.as_deref(), None).map_or(0, |code| ids.word(&code)),
            })
        })?;
        let apps = apps.collect::<rusqlite::Result<Vec<_>>>()?;
        let session = self.counted_session.query_row([session_no], |row| {
            Ok(CountedSession {
                day: row.get("started_day")?,
                profile: row.get("profile_id_word")?,
                model: row.get("model")?,
                is_open: row.get::<_, i64>("state_id")? == SessionState::InProgress.id(),
                apps,
            })
        });
        if let Some(session) = session.optional()? {
            totals.session(&session, -1);
        }
        count_out(totals, &mut self.failed, self.ids, [session_no])?;
        for statement in &mut self.session {
            statement.execute([session_no])?;
        }
        Ok(())
    }

    fn count_device(&mut self, totals: &mut Totals, enrollment_no: i64, sign: i64) -> Result<()> {
        let device = self.device.query_row([enrollment_no], |row| {
            Ok(Device {
                platform: row.get("platform_id")?,
                label: row.get("platform_label_id")?,
                state: row.get("state_id")?,
                first_outcome: row.get("first_outcome_id")?,
                first_judged: row.get("first_judged")?,
            })
        });
        if let Some(device) = device.optional()? {
            totals.device(device, sign);
        }
        Ok(())
    }

    /// Removes attempts and sessions that started before `cutoff`, and devices without any rows left.
    pub(crate) fn before(&mut self, totals: &mut Totals, settings: &TenantSettings, cutoff: Day) -> Result<()> {
        let below = first_from(cutoff.start(settings.time_zone) + CALENDAR_MARGIN);
        let mut touched = BTreeSet::new();
        loop {
            let mut some = self.conn.prepare(&format!(
                "{COUNTED} WHERE a.attempt_no < ?1 AND a.started_day < ?2 ORDER BY a.attempt_no LIMIT {CHUNK}"
            ))?;
            let attempts = found(&mut some, params![below, cutoff.get()])?;
            let mut sessions = self.conn.prepare(&format!(
                "SELECT session_no, enrollment_no FROM esp_sessions
                 WHERE session_no < ?1 AND started_day < ?2 ORDER BY session_no LIMIT {CHUNK}"
            ))?;
            let sessions = sessions
                .query_map(params![below, cutoff.get()], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
            if attempts.is_empty() && sessions.is_empty() {
                break;
            }
            for attempt in attempts {
                touched.insert(attempt.enrollment_no);
                self.attempt(totals, attempt)?;
            }
            for (session, enrollment) in sessions {
                touched.insert(enrollment);
                self.session(totals, session)?;
            }
        }
        let mut failed = self.conn.prepare(
            "SELECT DISTINCT enrollment_no FROM failures WHERE subject_id = 3 AND day < ?1 ORDER BY enrollment_no",
        )?;
        let failed = failed.query_map([cutoff.get()], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
        for enrollment in failed {
            touched.insert(enrollment);
            self.failures_before(totals, enrollment, cutoff.get())?;
        }
        if self.has_moved(cutoff)? {
            touched.extend(self.not_reported_since(cutoff)?);
            self.sources_before(settings, cutoff)?;
        }
        for enrollment in touched {
            self.settle(totals, enrollment, cutoff)?;
        }
        // The state of an item without a device is needed only while it has events in the future, or events to prune.
        self.conn.execute(
            "DELETE FROM refresh_state WHERE deadline IS NULL AND oldest_day IS NULL
             AND NOT EXISTS (SELECT 1 FROM enrollments e WHERE e.enrollment_no = refresh_state.enrollment_no)",
            [],
        )?;
        Ok(())
    }

    /// Whether the file's window still begins before `cutoff`.
    fn has_moved(&self, cutoff: Day) -> Result<bool> {
        let moved = "SELECT 1 FROM meta WHERE key = 'windowFromDay' AND CAST(value AS INTEGER) < ?1";
        Ok(self.conn.prepare(moved)?.exists([cutoff.get()])?)
    }

    /// Removes what was reported about devices before `cutoff`. The file has such rows only if the window has moved.
    fn sources_before(&self, settings: &TenantSettings, cutoff: Day) -> Result<()> {
        let start = cutoff.start(settings.time_zone).millis();
        self.conn.execute("DELETE FROM device_sources WHERE last_day < ?1", [cutoff.get()])?;
        self.conn.execute("UPDATE device_sources SET enrolled_at = NULL WHERE enrolled_at < ?1", [start])?;
        self.conn
            .execute("UPDATE device_sources SET left_at = NULL, left_day = NULL WHERE left_day < ?1", [cutoff.get()])?;
        Ok(())
    }

    /// Devices that are neither enrolled nor registered, and about which nothing was reported from `cutoff` on. The
    /// file has such devices only if the window has moved.
    fn not_reported_since(&self, cutoff: Day) -> Result<Vec<i64>> {
        let mut gone = self.conn.prepare(
            "SELECT s.enrollment_no FROM refresh_state s CROSS JOIN enrollments e ON e.enrollment_no = s.enrollment_no
             WHERE (s.newest_day IS NULL OR s.newest_day < ?1) AND e.enrolled = 0 AND e.registered_at IS NULL",
        )?;
        Ok(gone.query_map([cutoff.get()], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    }

    /// Updates a device's row to the attempts and sessions that it still has, as a new fold would.
    fn settle(&mut self, totals: &mut Totals, enrollment_no: i64, cutoff: Day) -> Result<()> {
        self.count_device(totals, enrollment_no, -1)?;
        let conn = self.conn;
        let removed = conn.execute(
            // A device without events in the window has no attempts, sessions or failures left.
            "DELETE FROM enrollments WHERE enrollment_no = ?1 AND enrolled = 0 AND registered_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM refresh_state s WHERE s.enrollment_no = ?1 AND s.newest_day >= ?2)",
            [enrollment_no, i64::from(cutoff.get())],
        )?;
        if removed > 0 {
            conn.execute("DELETE FROM enrollment_tags WHERE enrollment_no = ?1", [enrollment_no])?;
            return Ok(());
        }
        let last: Option<(i64, i64, i64)> = conn
            .query_row(
                "SELECT attempt_no, outcome_id, started_at FROM attempts WHERE enrollment_no = ?1
                 ORDER BY number DESC LIMIT 1",
                [enrollment_no],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?;
        let first: Option<(i64, bool)> = conn
            .query_row(
                "SELECT outcome_id, judged FROM attempts WHERE enrollment_no = ?1 AND number = 1",
                [enrollment_no],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let session: Option<(i64, i64)> = conn
            .query_row(
                "SELECT session_no, started_at FROM esp_sessions WHERE enrollment_no = ?1 AND state_id = ?2
                 ORDER BY started_at DESC, session_id DESC LIMIT 1",
                [enrollment_no, SessionState::InProgress.id()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let active = last
            .filter(|last| last.1 == Outcome::InProgress.id())
            .map(|last| last.2)
            .or(session.map(|session| session.1));
        conn.execute(
            "UPDATE enrollments SET first_outcome_id = :first, first_judged = :judged,
               last_outcome_id = :last, last_attempt_no = :attempt,
               open_session_no = :session, active_since = :active WHERE enrollment_no = :enrollment",
            named_params! {
                ":enrollment": enrollment_no,
                ":first": first.map_or(0, |first| first.0),
                ":judged": first.is_some_and(|first| first.1),
                ":last": last.map_or(0, |last| last.1),
                ":attempt": last.map(|last| last.0),
                ":session": session.map(|session| session.0),
                ":active": active,
            },
        )?;
        self.count_device(totals, enrollment_no, 1)
    }
}

/// Subtracts the failures that a statement finds from the sums.
fn count_out(totals: &mut Totals, statement: &mut Statement, ids: Ids, params: impl rusqlite::Params) -> Result<()> {
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        let (code, message): (Option<String>, Option<String>) = (row.get("code")?, row.get("message")?);
        let code = counted_code(code.as_deref(), message.as_deref());
        let failed = Failed {
            day: row.get("day")?,
            platform: row.get("platform_id")?,
            subject: row.get("subject_id")?,
            code: code.map_or(0, |code| ids.word(&code)),
            reason: row.get("reason")?,
            category: row.get("category_id")?,
        };
        totals.failure(failed, -1);
    }
    Ok(())
}

fn found(statement: &mut Statement, params: impl rusqlite::Params) -> Result<Vec<Found>> {
    let read = |row: &Row| {
        Ok(Found {
            attempt_no: row.get("attempt_no")?,
            enrollment_no: row.get("enrollment_no")?,
            counted: Counted {
                day: row.get("started_day")?,
                platform: row.get("platform_id")?,
                label: row.get("platform_label_id")?,
                outcome: row.get("outcome_id")?,
                cause: row.get("cause_id")?,
                section: row.get("section_id")?,
                action: row.get("action_id")?,
                row: row.get("catalogue_row")?,
                limit: row.get("limit_minutes")?,
                has_starts: row.get("has_starts")?,
                has_steps: row.get("has_steps")?,
                judged: row.get("judged")?,
                start_reported: row.get("start_reported")?,
                lasted: row.get("lasted")?,
                visits: Vec::new(),
                sources: Vec::new(),
                model: row.get("model")?,
                os_version: row.get("os_version")?,
                enrollment_type: row.get("enrollment_type")?,
                tags: Vec::new(),
            },
        })
    };
    Ok(statement.query_map(params, read)?.collect::<rusqlite::Result<_>>()?)
}
