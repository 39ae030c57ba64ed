//! What the file knows of a person or a device.

use super::{Device, Known, Subject};
use crate::ask::reader::{Attempt, EspSessionDetail, EspSessionRow, Reader, read_attempt};
use crate::error::Result;
use rusqlite::{Row, params_from_iter};
use vestibule_domain::{Millis, Timestamp};

/// Devices looked at: nobody's own are more, and a name that hundreds share tells nothing of one.
const MOST_DEVICES: usize = 200;
/// A sender that was heard of within so long is not silent.
const SILENT_AFTER: Millis = Millis::from_minutes(24 * 60);

/// A device with its number in the file.
pub(super) struct KnownDevice {
    pub number: i64,
    pub device: Device,
    pub sessions: Vec<EspSessionDetail>,
}

/// An attempt with what the views leave out.
pub(super) struct KnownAttempt {
    pub number: i64,
    pub enrollment_no: i64,
    pub attempt: Attempt,
    pub started_at: Timestamp,
    pub last_activity: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub platform_id: i64,
    pub action_id: i64,
    pub screen_id: i64,
    pub code_value: Option<i64>,
    pub code_word: Option<i64>,
    pub reason_word: Option<i64>,
}

impl KnownAttempt {
    pub(super) fn is(&self, outcome: &str) -> bool {
        self.attempt.outcome == outcome
    }

    pub(super) fn duration_seconds(&self) -> i64 {
        (self.ended_at.unwrap_or(self.last_activity) - self.started_at).get() / 1_000
    }
}

/// A sender that used to tell of them and tells of nobody any more.
pub(super) struct Silent {
    pub source: String,
    /// When it last told of anybody.
    pub since: Timestamp,
}

/// All that findings rest on.
pub(super) struct Facts {
    pub as_of: Timestamp,
    /// The first day of the file.
    pub window_from: String,
    pub is_user: bool,
    /// The devices, the one that moved last first.
    pub devices: Vec<KnownDevice>,
    /// Their attempts, newest first.
    pub attempts: Vec<KnownAttempt>,
    pub tenant: Known,
    /// The person whose devices count against the limit, and how many of theirs are enrolled.
    pub enrolled_by_user: Option<(String, u32)>,
    pub requires_compliance: bool,
    pub silent: Vec<Silent>,
}

impl Facts {
    pub(super) fn read(reader: &Reader<'_>, subject: &Subject, tenant: Known) -> Result<Self> {
        let mut devices = devices(reader, subject)?;
        let mut attempts = attempts(reader, subject, &devices)?;
        attempts.sort_by_key(|attempt| std::cmp::Reverse((attempt.started_at, attempt.number)));
        for known in &mut devices {
            let own = attempts.iter().filter(|attempt| attempt.enrollment_no == known.number);
            let last = own.map(|attempt| attempt.last_activity.to_string()).max();
            let heard = known.sessions.iter().map(|one| one.session.last_event_at.clone()).max();
            known.device.last_activity_at = last.max(heard);
        }
        devices.sort_by(|a, b| b.device.last_activity_at.cmp(&a.device.last_activity_at));
        let person = match subject {
            Subject::User(user) => Some(user.clone()),
            Subject::Device { .. } => devices.first().and_then(|known| known.device.user_principal_name.clone()),
        };
        let enrolled_by_user = match person {
            Some(person) => {
                let enrolled = enrolled_by(reader, &person)?;
                Some((person, enrolled))
            }
            None => None,
        };
        let silent = silent(reader, &attempts)?;
        let (window_from, _) = reader.window()?;
        let meta = reader.meta()?.0;
        Ok(Self {
            as_of: reader.as_of(),
            window_from: window_from.to_string(),
            is_user: matches!(subject, Subject::User(_)),
            devices,
            attempts,
            tenant,
            enrolled_by_user,
            requires_compliance: meta.get("requireCompliance").is_some_and(|value| value == "true"),
            silent,
        })
    }

    /// Attempts of each device that ended without success and that no success of the same device followed.
    pub(super) fn unresolved(&self) -> impl Iterator<Item = &KnownAttempt> {
        self.attempts.iter().filter(|attempt| {
            let later = |other: &&KnownAttempt| {
                other.enrollment_no == attempt.enrollment_no
                    && (other.started_at, other.number) > (attempt.started_at, attempt.number)
            };
            !attempt.is("completed")
                && !attempt.is("inProgress")
                && !self.attempts.iter().filter(later).any(|other| other.is("completed"))
        })
    }

    /// The session of the Enrollment Status Page that began last.
    pub(super) fn newest_session(&self) -> Option<&EspSessionRow> {
        let newest = self.devices.iter().filter_map(|known| known.sessions.first());
        newest.map(|detail| &detail.session).max_by(|a, b| a.started_at.cmp(&b.started_at))
    }

    /// Whether they succeeded with anything after `at`: what went wrong before is then past.
    pub(super) fn succeeded_after(&self, at: Timestamp) -> bool {
        self.attempts.iter().any(|attempt| attempt.is("completed") && attempt.started_at > at)
    }

    /// The numbers of their devices, to leave them out where others are counted.
    pub(super) fn device_numbers(&self) -> Vec<i64> {
        self.devices.iter().map(|known| known.number).collect()
    }
}

const USER: &str = "WITH person (id) AS (SELECT id FROM words WHERE text = ?1 COLLATE NOCASE)";

fn devices(reader: &Reader<'_>, subject: &Subject) -> Result<Vec<KnownDevice>> {
    let conn = reader.facts()?;
    let (with, found, asked) = match subject {
        Subject::User(user) => (
            USER,
            "SELECT enrollment_no FROM enrollments WHERE user_principal_name_word IN (SELECT id FROM person)
             UNION SELECT enrollment_no FROM enrollments WHERE user_id_word IN (SELECT id FROM person)
             UNION SELECT enrollment_no FROM attempts WHERE user_principal_name_word IN (SELECT id FROM person)
             UNION SELECT enrollment_no FROM attempts WHERE user_id_word IN (SELECT id FROM person)",
            vec![user.clone()],
        ),
        Subject::Device { text, name } => (
            "WITH name (id) AS (SELECT id FROM words WHERE text = ?2 COLLATE NOCASE)",
            "SELECT enrollment_no FROM enrollments WHERE enrollment_key = ?1 COLLATE NOCASE
               OR serial_number = ?1 COLLATE NOCASE OR udid = ?1 COLLATE NOCASE
               OR mdm_device_id = ?1 COLLATE NOCASE OR enrollment_id = ?1 COLLATE NOCASE
             UNION SELECT enrollment_no FROM enrollments WHERE device_name_word IN (SELECT id FROM name)",
            // Identifiers are kept in small letters, and NOCASE knows only the letters of ASCII.
            vec![text.to_lowercase(), name.clone()],
        ),
    };
    let mut query = conn.prepare(&format!(
        "{with} SELECT e.enrollment_no, e.enrollment_key, w_name.text, e.serial_number, p.name, w_os.text, w_model.text,
           w_user.text, e.enrolled, e.compliant
         FROM enrollments e
         LEFT JOIN platforms p ON p.id = e.platform_id
         LEFT JOIN words w_name ON w_name.id = e.device_name_word
         LEFT JOIN words w_os ON w_os.id = e.os_version_word
         LEFT JOIN words w_model ON w_model.id = e.model_word
         LEFT JOIN words w_user ON w_user.id = e.user_principal_name_word
         WHERE e.enrollment_no IN ({found}) ORDER BY e.enrollment_key LIMIT {MOST_DEVICES}"
    ))?;
    let read = |row: &Row| {
        Ok(KnownDevice {
            number: row.get(0)?,
            device: Device {
                enrollment_key: row.get(1)?,
                device_name: row.get(2)?,
                serial_number: row.get(3)?,
                platform: row.get(4)?,
                os_version: row.get(5)?,
                model: row.get(6)?,
                user_principal_name: row.get(7)?,
                enrolled: row.get(8)?,
                compliant: row.get(9)?,
                last_activity_at: None,
            },
            sessions: Vec::new(),
        })
    };
    let mut found = query.query_map(params_from_iter(asked), read)?.collect::<rusqlite::Result<Vec<KnownDevice>>>()?;
    for known in &mut found {
        known.sessions = reader.esp_sessions(&known.device.enrollment_key)?;
    }
    Ok(found)
}

/// All attempts of the devices; of a shared one only those that are the person's, or nobody's.
fn attempts(reader: &Reader<'_>, subject: &Subject, devices: &[KnownDevice]) -> Result<Vec<KnownAttempt>> {
    let person = match subject {
        Subject::User(user) => Some(user.as_str()),
        Subject::Device { .. } => None,
    };
    let mut query = reader.conn().prepare(&format!(
        "{USER} SELECT v.*, a.enrollment_no AS device_no, a.started_at AS started_ms, a.last_activity_at AS last_ms,
           a.ended_at AS ended_ms, a.platform_id AS platform_id, a.action_id AS action_id, a.screen_id AS screen_id,
           f.code_value AS code_value, f.code_word AS code_word, f.reason_word AS reason_word
         FROM attempts a
         CROSS JOIN enrollment_attempts v
         LEFT JOIN failures f ON f.attempt_no = a.attempt_no
         WHERE a.enrollment_no = ?2 AND v.attempt_no = a.attempt_no
           AND (?1 IS NULL OR (a.user_principal_name_word IS NULL AND a.user_id_word IS NULL)
             OR a.user_principal_name_word IN (SELECT id FROM person) OR a.user_id_word IN (SELECT id FROM person))"
    ))?;
    let mut all = Vec::new();
    for known in devices {
        let found = query.query_map(rusqlite::params![person, known.number], read_known)?;
        for attempt in found {
            all.push(attempt?);
        }
    }
    Ok(all)
}

fn read_known(row: &Row) -> rusqlite::Result<KnownAttempt> {
    let instant = |name: &str| row.get::<_, i64>(name).map(Timestamp::from_millis);
    let maybe = |name: &str| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(name)?.map(Timestamp::from_millis));
    Ok(KnownAttempt {
        number: row.get("attempt_no")?,
        enrollment_no: row.get("device_no")?,
        attempt: read_attempt(row)?,
        started_at: instant("started_ms")?,
        last_activity: instant("last_ms")?,
        ended_at: maybe("ended_ms")?,
        platform_id: row.get("platform_id")?,
        action_id: row.get("action_id")?,
        screen_id: row.get("screen_id")?,
        code_value: row.get("code_value")?,
        code_word: row.get("code_word")?,
        reason_word: row.get("reason_word")?,
    })
}

/// How many devices of a person are enrolled.
fn enrolled_by(reader: &Reader<'_>, person: &str) -> Result<u32> {
    Ok(reader.conn().query_row(
        &format!(
            "{USER} SELECT count(*) FROM enrollments WHERE enrolled = 1
             AND (user_principal_name_word IN (SELECT id FROM person) OR user_id_word IN (SELECT id FROM person))"
        ),
        [person],
        |row| row.get(0),
    )?)
}

/// The senders of the newest attempts (of any, where there is none) that told of nobody for a day.
fn silent(reader: &Reader<'_>, attempts: &[KnownAttempt]) -> Result<Vec<Silent>> {
    let conn = reader.conn();
    let mut sources: Vec<(i64, String)> = Vec::new();
    let mut of_attempt = conn.prepare(
        "SELECT DISTINCT v.source_word, w.text FROM attempt_events v CROSS JOIN words w
         WHERE v.attempt_no = ?1 AND w.id = v.source_word",
    )?;
    for attempt in attempts.iter().take(3) {
        for found in of_attempt.query_map([attempt.number], |row| Ok((row.get(0)?, row.get(1)?)))? {
            let found = found?;
            if !sources.contains(&found) {
                sources.push(found);
            }
        }
    }
    let quiet_from = reader.as_of() - SILENT_AFTER;
    let last = "SELECT max(time + received_after) FROM attempt_events";
    let told = |row: &Row| row.get::<_, Option<i64>>(0);
    let mut silent = Vec::new();
    if attempts.is_empty() {
        // Of somebody of whom nothing was told, any sender could have told.
        if let Some(since) = conn.query_row(last, [], told)?.map(Timestamp::from_millis)
            && since < quiet_from
        {
            silent.push(Silent { source: "any sender".to_owned(), since });
        }
    }
    for (word, source) in sources {
        let mut of_source = conn.prepare_cached(&format!("{last} WHERE source_word = ?1 AND attempt_no >= ?2"))?;
        // Attempts of the last days are few; all are looked through only for a sender that is silent in them.
        let recent = crate::lists::ids::first_from(quiet_from - Millis::from_days(2));
        let mut since = of_source.query_row([word, recent], told)?;
        if since.is_none() {
            since = of_source.query_row([word, 0], told)?;
        }
        if let Some(since) = since.map(Timestamp::from_millis).filter(|since| *since < quiet_from) {
            silent.push(Silent { source, since });
        }
    }
    Ok(silent)
}
