//! Whom else it hits: how many, on what, since when.

use super::facts::{Facts, KnownAttempt};
use crate::ask::reader::Reader;
use crate::error::Result;
use crate::lists::ids::first_from;
use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};
use serde::Serialize;
use vestibule_domain::{Millis, Timestamp};

/// Stops at a screen are so common that only those of late tell something.
const RECENT: Millis = Millis::from_days(14);

/// Other people and devices of the organisation with the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Others {
    /// People, as far as senders named them.
    pub users: u64,
    /// Devices.
    pub devices: u64,
    /// Attempts or sessions.
    pub count: u64,
    /// Platforms, by name.
    pub platforms: Vec<String>,
    /// The first time.
    pub since: String,
    /// The last time.
    pub until: String,
}

/// The columns of a question: a person, a device, a platform and an instant of each.
const TOLD: &str = "count(DISTINCT person), count(DISTINCT device), count(*), group_concat(DISTINCT platform),
  min(at), max(at)";

fn read(row: &Row) -> rusqlite::Result<Option<Others>> {
    let devices: u64 = row.get(1)?;
    let (since, until): (Option<i64>, Option<i64>) = (row.get(4)?, row.get(5)?);
    let (Some(since), Some(until)) = (since, until) else { return Ok(None) };
    let mut platforms: Vec<String> =
        row.get::<_, Option<String>>(3)?.map(|all| all.split(',').map(str::to_owned).collect()).unwrap_or_default();
    platforms.sort();
    Ok(Some(Others {
        users: row.get(0)?,
        devices,
        count: row.get(2)?,
        platforms,
        since: Timestamp::from_millis(since).to_string(),
        until: Timestamp::from_millis(until).to_string(),
    }))
}

/// Runs a question over rows with the columns that [`TOLD`] names; `?` marks come in the order of `asked`.
fn ask(reader: &Reader<'_>, facts: &Facts, rows: &str, device: &str, mut asked: Vec<Value>) -> Result<Option<Others>> {
    let own = facts.device_numbers();
    let marks = vec!["?"; own.len()].join(", ");
    asked.extend(own.into_iter().map(Value::Integer));
    let sql = format!("SELECT {TOLD} FROM ({rows} AND {device} NOT IN ({marks}))");
    Ok(reader.conn().prepare(&sql)?.query_row(params_from_iter(asked), read)?)
}

/// Others whose attempts failed alike: by the code's value, else by its name, else by the reason.
pub(super) fn failing_alike(reader: &Reader<'_>, facts: &Facts, like: &KnownAttempt) -> Result<Option<Others>> {
    let (condition, value) = match (like.code_value, like.code_word, like.reason_word) {
        (Some(value), _, _) => ("f.code_value = ?", value),
        (None, Some(word), _) => ("f.code_word = ?", word),
        (None, None, Some(word)) => ("f.reason_word = ?", word),
        (None, None, None) => return Ok(None),
    };
    let rows = format!(
        "SELECT coalesce(a.user_principal_name_word, a.user_id_word) AS person, a.enrollment_no AS device,
           p.name AS platform, f.failed_at AS at
         FROM failures f CROSS JOIN attempts a LEFT JOIN platforms p ON p.id = a.platform_id
         WHERE a.attempt_no = f.attempt_no AND f.abandoned = 0 AND {condition}"
    );
    ask(reader, facts, &rows, "a.enrollment_no", vec![Value::Integer(value)])
}

/// Others who gave up at the same screen of late.
pub(super) fn stopping_alike(reader: &Reader<'_>, facts: &Facts, like: &KnownAttempt) -> Result<Option<Others>> {
    let rows = "SELECT coalesce(a.user_principal_name_word, a.user_id_word) AS person, a.enrollment_no AS device,
           p.name AS platform, a.ended_at AS at
         FROM attempts a LEFT JOIN platforms p ON p.id = a.platform_id CROSS JOIN outcomes o
         WHERE o.id = a.outcome_id AND o.name = 'abandoned' AND a.attempt_no >= ? AND a.platform_id = ?
           AND a.action_id = ? AND a.screen_id = ?";
    let asked = [first_from(facts.as_of - RECENT), like.platform_id, like.action_id, like.screen_id];
    ask(reader, facts, rows, "a.enrollment_no", asked.map(Value::Integer).to_vec())
}

/// Other sessions of the Enrollment Status Page that `condition` on `esp_sessions x` fits.
pub(super) fn sessions_alike(
    reader: &Reader<'_>,
    facts: &Facts,
    condition: &str,
    asked: Vec<Value>,
) -> Result<Option<Others>> {
    let rows = format!(
        "SELECT coalesce(x.user_principal_name_word, x.user_id_word) AS person, x.enrollment_no AS device,
           'windows' AS platform, x.started_at AS at
         FROM esp_sessions x WHERE {condition}"
    );
    ask(reader, facts, &rows, "x.enrollment_no", asked)
}
