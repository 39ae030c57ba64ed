//! Corrections: closed attempts that the file published before describes differently than this one.

use crate::error::{Error, Result};
use crate::file::{is_comparable, meta, set_meta};
use crate::lists::words::Words;
use crate::publish::Previous;
use crate::rows::{InsertInto, row};
use crate::write::working::Working;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row};
use std::collections::BTreeSet;
use vestibule_domain::Timestamp;
use vestibule_domain::catalogue::{Action, Screen};

/// How an attempt ended, according to one file.
#[derive(Clone, Debug, Default, PartialEq)]
struct End {
    outcome: i64,
    cause: i64,
    ended_at: Option<i64>,
    section: i64,
    /// By name, because ids of names outside the catalogue depend on a file's salt.
    action: Option<String>,
    screen: Option<String>,
}

/// The store's key of an attempt's enrollment, as the file before has it.
const ITEM: &str = "(SELECT r.item FROM refresh_state r WHERE r.enrollment_no = a.enrollment_no)";

const COLUMNS: &str =
    "a.outcome_id, a.cause_id, a.ended_at, a.section_id, k.name, s.name, a.attempt_id, a.started_at, $item
  FROM attempts a LEFT JOIN actions k ON k.id = a.action_id LEFT JOIN screens s ON s.id = a.screen_id";

impl End {
    fn read(row: &Row) -> rusqlite::Result<Self> {
        Ok(Self {
            outcome: row.get(0)?,
            cause: row.get(1)?,
            ended_at: row.get(2)?,
            section: row.get(3)?,
            action: row.get(4)?,
            screen: row.get(5)?,
        })
    }
}

/// The name of an attempt that was erased: a number of this comparison, which says nothing of the attempt.
fn nameless(as_of: Timestamp, number: u64) -> [u8; 16] {
    let mut name = [0; 16];
    name[..8].copy_from_slice(&as_of.millis().to_be_bytes());
    name[8..].copy_from_slice(&number.to_be_bytes());
    name
}

/// Fills `corrections` by comparing with the file at `previous`. Of `erased` items, attempts that are gone are listed
/// without their names, ends and places. A file of another tenant is refused. If a file's
/// schema has other columns for how attempts ended, it cannot be compared, and no corrections are listed.
pub(crate) fn compare(
    working: &Working,
    previous: Previous,
    as_of: Timestamp,
    erased: &BTreeSet<String>,
) -> Result<()> {
    let conn = &working.conn;
    conn.execute("DELETE FROM corrections", [])?;
    conn.execute("DELETE FROM meta WHERE key IN ('previousAsOf', 'previousLost')", [])?;
    let previous = match previous {
        Previous::None => return Ok(()),
        Previous::Lost(then) => return set_meta(conn, "previousLost", &then.to_string()),
        Previous::File(previous) => previous,
    };
    let before = Connection::open_with_flags(previous, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if !is_comparable(&before)? {
        return Ok(());
    }
    if meta(&before, "tenant")?.as_deref() != Some(working.tenant.as_str()) {
        return Err(Error::ForeignFile);
    }
    if let Some(then) = meta(&before, "asOf")? {
        set_meta(conn, "previousAsOf", &then)?;
    }
    let cutoff = working.cutoff(as_of);
    let mut words = Words::new(conn, working.ids)?;
    let columns = COLUMNS.replace("$item", ITEM);
    let mut now = conn.prepare(&format!("SELECT {columns} WHERE a.attempt_id = ?1 ORDER BY a.attempt_no LIMIT 1"))?;
    let mut insert = InsertInto::unless_taken(conn, "corrections");
    let mut closed = before.prepare(&format!("SELECT {columns} WHERE a.outcome_id <> 1 ORDER BY a.attempt_no"))?;
    let mut rows = closed.query([])?;
    let mut nameless_ends = Vec::new();
    while let Some(row) = rows.next()? {
        let (old, id, started_at) = (End::read(row)?, row.get::<_, [u8; 16]>(6)?, row.get(7)?);
        // An attempt that left the window is only old: it is not a correction.
        if Timestamp::from_millis(started_at).day(working.settings.time_zone) < cutoff {
            continue;
        }
        let found = now.query_row([&id[..]], End::read).optional()?;
        if found.as_ref() == Some(&old) {
            continue;
        }
        let gone = found.is_none();
        let item: Option<String> = row.get(8)?;
        if gone && item.is_some_and(|item| erased.contains(&item)) {
            // How it ended explains the difference of the counts; anything else would lead to whom it was.
            nameless_ends.push(old.outcome);
            continue;
        }
        let new = found.unwrap_or_default();
        let mut action = |end: &End| words.action(end.action.as_deref().map(Action::read).as_ref());
        let actions = (action(&old)?, action(&new)?);
        let mut screen = |end: &End| words.screen(end.screen.as_deref().map(Screen::read).as_ref());
        let screens = (screen(&old)?, screen(&new)?);
        insert.insert(row! {
            attempt_id: &id[..],
            gone: gone,
            erased: false,
            old_outcome_id: old.outcome,
            new_outcome_id: new.outcome,
            old_cause_id: old.cause,
            new_cause_id: new.cause,
            old_ended_at: old.ended_at,
            new_ended_at: new.ended_at,
            old_section_id: old.section,
            new_section_id: new.section,
            old_action_id: actions.0,
            new_action_id: actions.1,
            old_screen_id: screens.0,
            new_screen_id: screens.1,
        })?;
    }
    // In the order of their ends, so that their order in the file before does not show.
    nameless_ends.sort_unstable();
    for (number, outcome) in (0..).zip(nameless_ends) {
        let none: Option<i64> = None;
        insert.insert(row! {
            attempt_id: &nameless(as_of, number)[..],
            gone: true,
            erased: true,
            old_outcome_id: outcome,
            new_outcome_id: 0,
            old_cause_id: 0,
            new_cause_id: 0,
            old_ended_at: none,
            new_ended_at: none,
            old_section_id: 0,
            new_section_id: 0,
            old_action_id: 0,
            new_action_id: 0,
            old_screen_id: 0,
            new_screen_id: 0,
        })?;
    }
    Ok(())
}
