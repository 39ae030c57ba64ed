//! The sums over the facts: `daily_*` and `device_totals`, kept by adding what comes and subtracting
//! what goes, so that a refresh costs what changed and not what there is.

use crate::error::Result;
use crate::lists::dictionary::Coded as _;
use rusqlite::{Connection, Statement, ToSql, params_from_iter};
use std::collections::HashMap;
use vestibule_domain::attempt::Outcome;
use vestibule_domain::catalogue::KnownAction;

/// Cells gathered before they are written, so that memory stays bounded.
const GATHERED: usize = 65_536;

/// What counts of one attempt, in the ids of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    pub day: i32,
    pub platform: i64,
    pub label: i64,
    pub outcome: i64,
    pub cause: i64,
    pub section: i64,
    pub action: i64,
    pub row: Option<i64>,
    /// From start to end.
    pub lasted: i64,
    /// Code (one spelling a code), reason and category.
    pub failure: (i64, i64, i64),
    /// The actions visited, and whether each visit was left forward.
    pub visits: Vec<(i64, bool)>,
}

/// What counts of one device, in the order of the key of `device_totals`.
pub(crate) type Device = [i64; 7];

/// Changes of the sums, not yet written.
#[derive(Default)]
pub(crate) struct Totals {
    days: HashMap<[i64; 3], [i64; 6]>,
    incomplete: HashMap<[i64; 6], [i64; 2]>,
    failures: HashMap<[i64; 5], [i64; 1]>,
    steps: HashMap<[i64; 3], [i64; 3]>,
    devices: HashMap<Device, [i64; 1]>,
}

fn bump<const K: usize, const V: usize>(map: &mut HashMap<[i64; K], [i64; V]>, key: [i64; K], by: [i64; V], sign: i64) {
    for (sum, by) in map.entry(key).or_insert([0; V]).iter_mut().zip(by) {
        *sum += sign * by;
    }
}

impl Totals {
    /// Counts an attempt in (`sign` 1) or out (-1).
    pub(crate) fn attempt(&mut self, attempt: &Counted, sign: i64) {
        let Counted { platform, label, outcome, cause, section, action, .. } = *attempt;
        let day = i64::from(attempt.day);
        let is = |one: Outcome| i64::from(outcome == one.id());
        let [completed, abandoned, failed] = [Outcome::Completed, Outcome::Abandoned, Outcome::Failed].map(is);
        let sums = [1, completed, abandoned, failed, is(Outcome::InProgress), completed * attempt.lasted];
        bump(&mut self.days, [day, platform, label], sums, sign);
        if abandoned + failed > 0 {
            let row = attempt.row.unwrap_or(0);
            bump(&mut self.incomplete, [day, platform, section, action, cause, row], [abandoned, failed], sign);
        }
        if failed > 0 {
            let (code, reason, category) = attempt.failure;
            bump(&mut self.failures, [day, platform, code, reason, category], [1], sign);
        }
        for step in KnownAction::ALL.iter().map(|step| step.id()) {
            let visits = attempt.visits.iter().filter(|(action, _)| *action == step);
            let (visited, left) = visits.fold((false, false), |(_, any), (_, left)| (true, any || *left));
            // An attempt may stop at a step that it was never seen to enter.
            if visited || action == step {
                let gave_up = abandoned * i64::from(action == step);
                bump(&mut self.steps, [day, platform, step], [1, i64::from(left), gave_up], sign);
            }
        }
    }

    /// Counts a device in or out.
    pub(crate) fn device(&mut self, device: Device, sign: i64) {
        bump(&mut self.devices, device, [1], sign);
    }

    /// Whether it is time to write.
    pub(crate) fn is_full(&self) -> bool {
        self.incomplete.len() + self.failures.len() + self.days.len() + self.steps.len() > GATHERED
    }

    /// Adds the changes to the file's sums; sums that reach zero leave no row.
    pub(crate) fn flush(&mut self, conn: &Connection) -> Result<()> {
        let days = ["initiated", "completed", "abandoned", "failed", "open", "completed_ms"];
        write(conn, "daily_totals", ["day", "platform_id", "platform_label_id"], days, &mut self.days)?;
        let incomplete = ["day", "platform_id", "section_id", "action_id", "cause_id", "catalogue_row"];
        write(conn, "daily_incomplete", incomplete, ["abandoned", "failed"], &mut self.incomplete)?;
        let failures = ["day", "platform_id", "code_word", "reason_word", "category_id"];
        write(conn, "daily_failures", failures, ["failed"], &mut self.failures)?;
        let steps = ["entered", "left_forward", "abandoned"];
        write(conn, "daily_steps", ["day", "platform_id", "action_id"], steps, &mut self.steps)?;
        let devices = [
            "platform_id",
            "platform_label_id",
            "enrolled",
            "pending",
            "active",
            "first_outcome_id",
            "last_outcome_id",
        ];
        write(conn, "device_totals", devices, ["devices"], &mut self.devices)
    }
}

fn write<const K: usize, const V: usize>(
    conn: &Connection,
    table: &str,
    keys: [&str; K],
    sums: [&str; V],
    changes: &mut HashMap<[i64; K], [i64; V]>,
) -> Result<()> {
    let marks = vec!["?"; K + V].join(", ");
    let add: Vec<String> = sums.iter().map(|sum| format!("{sum} = {sum} + excluded.{sum}")).collect();
    let mut upsert: Statement = conn.prepare(&format!(
        "INSERT INTO {table} ({keys}, {sums}) VALUES ({marks}) ON CONFLICT ({keys}) DO UPDATE SET {add}",
        keys = keys.join(", "),
        sums = sums.join(", "),
        add = add.join(", "),
    ))?;
    for (key, by) in changes.drain() {
        if by != [0; V] {
            upsert.execute(params_from_iter(key.iter().chain(&by).map(|value| value as &dyn ToSql)))?;
        }
    }
    let zero: Vec<String> = sums.iter().map(|sum| format!("{sum} = 0")).collect();
    conn.execute(&format!("DELETE FROM {table} WHERE {}", zero.join(" AND ")), [])?;
    Ok(())
}
