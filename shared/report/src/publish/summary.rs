//! Makes the summary of a finished report file: only the daily sums, in a file that names nobody and is small enough to
//! attach to a mail.
//!
//! Must stay true:
//! - Its contents come from the report file: that file's own statements create the tables and views. A view that needs
//!   a table that a summary lacks is left out. A number that needs facts, or sums too large for a summary (a median),
//!   is stored as a table with the name and columns of the report file's view, so that a query is the same for both.
//!   Only the data of `daily_incomplete` is stored in another form, to save space.
//! - It contains no people, devices, serial numbers, addresses or attempts. Of the texts that senders choose it
//!   contains only those that [`plain`] allows, and the names of apps and profiles and the annotations, which the
//!   organisation chose; an annotation has no address.
//! - The same report file gives the same bytes.

use crate::error::{Error, Result};
use crate::file::questions;
use crate::file::schema;
use crate::file::{is_ours, meta, set_meta};
use crate::lists::plain;
use crate::publish::{self, Published, Spent, Written, hash};
use crate::rows::{InsertInto, row};
use crate::{APPLICATION_ID, SCHEMA_VERSION};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, Statement, params_from_iter};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::time::Instant;

/// The `user_version` of a summary. It differs from every report file's, so that neither is mistaken for the other.
pub const SUMMARY_VERSION: i32 = 1_000 + SCHEMA_VERSION;

/// Bytes a page: most tables are far smaller than a page of the report file.
const PAGE_SIZE: u32 = 1_024;

/// Closed lists, and what else is the same in every file; in `actions` and `screens`, only the catalogue's.
const DICTIONARIES: [&str; 17] = [
    "sections",
    "actions",
    "screens",
    "outcomes",
    "causes",
    "device_states",
    "platforms",
    "platform_labels",
    "failure_categories",
    "failure_subjects",
    "esp_phases",
    "deployment_modes",
    "catalogue_rows",
    "days",
    "advice",
    "advice_codes",
    "annotations",
];

/// Sums: tables of whole numbers only.
const SUMS: [&str; 6] =
    ["daily_totals", "coverage", "daily_incomplete", "daily_failures", "daily_steps", "device_totals"];

/// The one of them that is a view in a summary.
const INCOMPLETE: &str = "daily_incomplete";

/// Tables that a summary fills in another way.
const OWN: [&str; 5] = ["words", "failure_reason_advice", "meta", "column_docs", "questions"];

/// Views over facts, or over the sums by second, that are tables in a summary, and which of their rows it has: all of
/// them in a fixed order, but only the commonest apps.
const FROM_FACTS: [(&str, &str); 7] = [
    ("esp_daily", "ORDER BY day, profile_id_word, deployment_mode_id"),
    ("esp_profile_names", "ORDER BY profile_id"),
    ("esp_profile_list", "ORDER BY profile_no"),
    ("esp_by_profile", "ORDER BY sessions DESC, profile_id"),
    ("esp_by_phase_and_profile", "ORDER BY profile_id, phase_id"),
    ("esp_apps", "ORDER BY sessions DESC, app LIMIT 200"),
    ("funnel", "ORDER BY step"),
];

/// Texts that an administrator may have written somebody's name into.
const LEFT_EMPTY: [(&str, &str); 1] = [("esp_profile_list", "description")];

/// The values of `meta` that a summary keeps; the others would be wrong in it, or of no use.
const KEPT_IN_META: &str = "key NOT LIKE 'rows.%' AND key NOT IN ('salt', 'pseudonyms')";

/// The lowest id of an action or screen outside the catalogue.
const FIRST_OPEN: i64 = 1 << 16;

/// Writes the summary of the report file at `report` to `summary`, which is afterwards complete, checked and on disk,
/// or unchanged. The same report file gives the same bytes. The result describes the summary as it would a report file;
/// its version is [`SUMMARY_VERSION`].
///
/// # Errors
/// [`Error::ForeignFile`] if `report` is not a report file of this schema, [`Error::Check`] if a check finds a fault;
/// then `summary` is unchanged.
pub fn summarise(report: &Path, summary: &Path) -> Result<Published> {
    summarise_hashed(report, &hash(report)?.0, summary)
}

/// The same of a report file whose SHA-256 is known, in hexadecimal: it takes as long to compute as all the rest.
///
/// # Errors
/// As [`summarise`].
pub fn summarise_hashed(report: &Path, sha256: &str, summary: &Path) -> Result<Published> {
    let begun = Instant::now();
    let from = Connection::open_with_flags(report, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if !is_ours(&from)? {
        return Err(Error::ForeignFile);
    }
    let to = Connection::open_in_memory()?;
    schema::set_up(&to)?;
    to.pragma_update(None, "page_size", PAGE_SIZE)?;
    to.execute_batch("BEGIN")?;
    let source = Source { conn: &from, texts: Texts::of(&from)? };
    create_tables(&source, &to)?;
    for table in DICTIONARIES {
        copy(&from, &to, table)?;
    }
    let actions = source.actions(&to)?;
    for table in SUMS {
        source.sums(&to, table, &actions)?;
    }
    for (view, which) in FROM_FACTS {
        source.fill_from_view(&to, view, which)?;
    }
    source.texts.write(&to)?;
    source.advice(&to)?;
    create_views(&from, &to)?;
    questions::fill_summary(&to)?;
    describe(&from, &to)?;
    let corrections = from.query_row("SELECT count(*) FROM corrections", [], |row| row.get::<_, u64>(0))?;
    let mut kept = from.prepare(&format!("SELECT key, value FROM meta WHERE {KEPT_IN_META}"))?;
    let mut rows = kept.query([])?;
    while let Some(row) = rows.next()? {
        set_meta(&to, &row.get::<_, String>(0)?, &row.get::<_, String>(1)?)?;
    }
    set_meta(&to, "kind", "summary")?;
    set_meta(&to, "reportSha256", sha256)?;
    set_meta(&to, "corrections", &corrections.to_string())?;
    let rows = publish::count_rows(&to)?;
    for (table, rows) in &rows {
        set_meta(&to, &format!("rows.{table}"), &rows.to_string())?;
    }
    to.pragma_update(None, "application_id", APPLICATION_ID)?;
    to.pragma_update(None, "user_version", SUMMARY_VERSION)?;
    to.execute_batch("COMMIT")?;
    let settling = begun.elapsed();
    let value_of = |key| -> Result<String> { meta(&to, key)?.ok_or(Error::Empty) };
    let (as_of, window_from, window_to) = (value_of("asOf")?, value_of("windowFrom")?, value_of("windowTo")?);
    let time_zone = value_of("timeZone")?;
    let Written { sha256, size_bytes, vacuum, checks } = publish::write(&to, summary, SUMMARY_VERSION)?;
    Ok(Published {
        sha256,
        size_bytes,
        rows,
        corrections,
        as_of,
        window_from,
        window_to,
        time_zone,
        schema_version: SUMMARY_VERSION,
        spent: Spent { settling, vacuum, checks },
    })
}

/// Checks a summary before it is published, or after it was fetched, as [`check`](crate::check) does a report file.
///
/// # Errors
/// [`Error::Check`] with the first finding.
pub fn check_summary(path: &Path) -> Result<()> {
    publish::check_version(path, SUMMARY_VERSION)
}

/// Whether the file is a summary of this schema.
pub(crate) fn is_summary(conn: &Connection) -> Result<bool> {
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    Ok(pragma("application_id")? == APPLICATION_ID && pragma("user_version")? == SUMMARY_VERSION)
}

/// The tables, views and questions of a summary, without rows of facts; `from` is an empty report file.
pub(crate) fn create_empty(from: &Connection, to: &Connection) -> Result<()> {
    create_tables(&Source { conn: from, texts: Texts::of(from)? }, to)?;
    create_views(from, to)?;
    questions::fill_summary(to)
}

/// A column, as the report file describes it.
struct Column {
    name: String,
    declared: String,
    /// What a value is, or the column of another table that it refers to.
    unit: String,
}

fn columns(from: &Connection, table: &str) -> Result<Vec<Column>> {
    let mut columns = from.prepare_cached(
        "SELECT c.name, d.type, coalesce(d.unit, '') FROM pragma_table_info(?1) c
         LEFT JOIN column_docs d ON d.table_name = ?1 AND d.column_name = c.name ORDER BY c.cid",
    )?;
    let columns =
        columns.query_map([table], |row| Ok(Column { name: row.get(0)?, declared: row.get(1)?, unit: row.get(2)? }))?;
    Ok(columns.collect::<rusqlite::Result<_>>()?)
}

/// Creates the tables from the report file's statements, and those that replace views from the views' columns.
fn create_tables(source: &Source, to: &Connection) -> Result<()> {
    let mut create = source.conn.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")?;
    let mut rows = create.query([])?;
    while let Some(row) = rows.next()? {
        let (name, sql): (String, String) = (row.get(0)?, row.get(1)?);
        if name != INCOMPLETE && DICTIONARIES.iter().chain(&SUMS).chain(&OWN).any(|held| *held == name) {
            to.execute_batch(&sql)?;
        }
    }
    to.execute_batch(include_str!("summary.sql"))?;
    for (view, _) in FROM_FACTS {
        let columns = columns(source.conn, view)?;
        let columns: Vec<String> =
            columns.iter().map(|column| format!("{} {}", column.name, column.declared)).collect();
        to.execute_batch(&format!("CREATE TABLE {view} (\n  {})", columns.join(",\n  ")))?;
    }
    Ok(())
}

/// Creates the views from the report file's statements, except those that need a table that a summary lacks.
fn create_views(from: &Connection, to: &Connection) -> Result<()> {
    let mut create = from.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'view' ORDER BY rowid")?;
    let views = create.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut views = views.collect::<rusqlite::Result<Vec<_>>>()?;
    views.retain(|(name, _)| FROM_FACTS.iter().all(|(made, _)| made != name));
    for (_, sql) in &views {
        to.execute_batch(sql)?;
    }
    for (name, _) in views {
        if to.prepare(&format!("SELECT * FROM {name}")).is_err() {
            to.execute_batch(&format!("DROP VIEW {name}"))?;
        }
    }
    Ok(())
}

/// Documents the columns in the report file's words, except where a column means something else in a summary.
fn describe(from: &Connection, to: &Connection) -> Result<()> {
    let mut own = HashMap::new();
    for line in include_str!("summary_docs.tsv").lines() {
        let mut parts = line.splitn(3, '\t');
        let (Some(name), Some(unit), Some(meaning)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::BuiltIn("summary_docs"));
        };
        own.insert(name, (unit.to_owned(), meaning.to_owned()));
    }
    let mut docs = from.prepare(
        "SELECT type, coalesce(unit, ''), meaning FROM column_docs WHERE table_name = ?1 AND column_name = ?2",
    )?;
    let mut insert = InsertInto::new(to, "column_docs");
    let mut columns = to.prepare(
        "SELECT s.name, c.name, c.type FROM sqlite_schema s CROSS JOIN pragma_table_info(s.name) c
         WHERE s.type IN ('table', 'view') ORDER BY 1, c.cid",
    )?;
    let mut rows = columns.query([])?;
    while let Some(row) = rows.next()? {
        let (table, column, declared): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let there =
            docs.query_row([&table, &column], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))).optional()?;
        let (declared, meant) = there.unwrap_or_else(|| (declared, Default::default()));
        let (unit, meaning) = own.remove(format!("{table}.{column}").as_str()).unwrap_or(meant);
        let unit = Some(unit).filter(|unit| !unit.is_empty());
        insert.insert(row! { table_name: table, column_name: column, type: declared, unit: unit, meaning: meaning })?;
    }
    Ok(())
}

/// Copies rows unchanged; of lists that senders add to, only those of the catalogue.
fn copy(from: &Connection, to: &Connection, table: &str) -> Result<()> {
    let closed = if matches!(table, "actions" | "screens") { format!("id < {FIRST_OPEN}") } else { "1".to_owned() };
    let mut query = from.prepare(&format!("SELECT * FROM {table} WHERE {closed}"))?;
    copy_rows(to, table, &mut query, |_| Ok(true))
}

/// Copies the rows of a query for which `which` is true, unchanged.
fn copy_rows(to: &Connection, table: &str, query: &mut Statement, which: fn(&Row) -> Result<bool>) -> Result<()> {
    let names: Vec<String> = query.column_names().into_iter().map(str::to_owned).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        if which(row)? {
            let cells = (0..names.len()).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<Value>>>()?;
            insert(to, table, &names, cells)?;
        }
    }
    Ok(())
}

fn insert(to: &Connection, table: &str, names: &[&str], cells: Vec<Value>) -> Result<()> {
    let (names, marks) = (names.join(", "), vec!["?"; cells.len()].join(", "));
    let sql = format!("INSERT INTO {table} ({names}) VALUES ({marks})");
    to.prepare_cached(&sql)?.execute(params_from_iter(cells))?;
    Ok(())
}

/// Writes `daily_incomplete` in a summary's form. `added` has its sums by key (a day, then a place): the abandoned, the
/// failed, and those of the abandoned that are measured.
fn write_places(to: &Connection, added: BTreeMap<Vec<i64>, Vec<i64>>) -> Result<()> {
    let mut numbers: BTreeMap<([i64; 7], i64), i64> = BTreeMap::new();
    let mut days = InsertInto::new(to, "daily_places");
    for (key, sums) in added {
        let Some((day, place)) = key.split_first() else { continue };
        let place: [i64; 7] = place.try_into().map_err(|_| Error::BuiltIn(INCOMPLETE))?;
        let [abandoned, failed, measured]: [i64; 3] = sums.try_into().map_err(|_| Error::BuiltIn(INCOMPLETE))?;
        for (ending, attempts) in
            (0..).zip([abandoned - measured, failed, measured]).filter(|(_, attempts)| *attempts != 0)
        {
            let next = i64::try_from(numbers.len()).unwrap_or(i64::MAX) + 1;
            let number = *numbers.entry((place, ending)).or_insert(next);
            days.insert(row! { day: day, place_no: number, attempts: attempts })?;
        }
    }
    let mut places = InsertInto::new(to, "incomplete_places");
    for ((place, ending), number) in numbers {
        let [platform, section, action, cause, catalogue_row, limit_minutes, place_reported] = place;
        places.insert(row! {
            place_no: number,
            platform_id: platform,
            section_id: section,
            action_id: action,
            cause_id: cause,
            catalogue_row: catalogue_row,
            limit_minutes: limit_minutes,
            place_reported: place_reported,
            ending: ending,
        })?;
    }
    Ok(())
}

/// The report file, and which of its texts the summary contains.
struct Source<'c> {
    conn: &'c Connection,
    texts: Texts,
}

impl Source<'_> {
    /// Writes the actions outside the catalogue that a summary may contain; returns the ids of all its actions.
    fn actions(&self, to: &Connection) -> Result<BTreeSet<i64>> {
        let mut open = self.conn.prepare(&format!(
            "SELECT DISTINCT k.* FROM daily_incomplete d CROSS JOIN actions k
             WHERE k.id = d.action_id AND k.id >= {FIRST_OPEN} ORDER BY k.id"
        ))?;
        copy_rows(to, "actions", &mut open, |row| Ok(plain::word(&row.get::<_, String>("name")?)))?;
        let mut all = to.prepare("SELECT id FROM actions")?;
        Ok(all.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    }

    /// Copies sums; rows that differ only in a key that is left out are added up.
    fn sums(&self, to: &Connection, table: &str, actions: &BTreeSet<i64>) -> Result<()> {
        let columns = columns(self.conn, table)?;
        let mut keys = self.conn.prepare("SELECT name FROM pragma_table_info(?1) WHERE pk > 0")?;
        let keys: HashSet<String> = keys.query_map([table], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let mut added: BTreeMap<Vec<i64>, Vec<i64>> = BTreeMap::new();
        let mut query = self.conn.prepare(&format!("SELECT * FROM {table}"))?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (mut key, mut sums) = (Vec::new(), Vec::new());
            for column in &columns {
                let value: i64 = row.get(column.name.as_str())?;
                match column.unit.as_str() {
                    "words.id" => key.push(self.texts.new_id(&column.name, value)),
                    "actions.id" => key.push(if actions.contains(&value) { value } else { 0 }),
                    _ if keys.contains(&column.name) => key.push(value),
                    _ => sums.push(value),
                }
            }
            let before = added.entry(key).or_insert_with(|| vec![0; sums.len()]);
            before.iter_mut().zip(sums).for_each(|(before, sum)| *before += sum);
        }
        if table == INCOMPLETE {
            return write_places(to, added);
        }
        let (of_key, of_sums): (Vec<&Column>, Vec<&Column>) =
            columns.iter().partition(|column| keys.contains(&column.name));
        let names: Vec<&str> = of_key.into_iter().chain(of_sums).map(|column| column.name.as_str()).collect();
        for (key, sums) in added {
            insert(to, table, &names, key.into_iter().chain(sums).map(Value::Integer).collect())?;
        }
        Ok(())
    }

    /// Fills the table that replaces a view over facts.
    fn fill_from_view(&self, to: &Connection, view: &str, which: &str) -> Result<()> {
        let columns = columns(self.conn, view)?;
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let mut query = self.conn.prepare(&format!("SELECT * FROM {view} {which}"))?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let mut cells = Vec::with_capacity(columns.len());
            for column in &columns {
                cells.push(match row.get(column.name.as_str())? {
                    _ if LEFT_EMPTY.contains(&(view, column.name.as_str())) => Value::Null,
                    Value::Integer(id) if column.unit == "words.id" => {
                        Value::Integer(self.texts.new_id(&column.name, id))
                    }
                    value => value,
                });
            }
            insert(to, view, &names, cells)?;
        }
        Ok(())
    }

    /// Writes what the codes, reasons and categories of the summary can mean, and no other advice. If the reason was
    /// left out, the advice follows from the code alone.
    fn advice(&self, to: &Connection) -> Result<()> {
        let mut found: BTreeMap<(i64, i64, i64), Vec<i64>> = BTreeMap::new();
        let mut query = self.conn.prepare(
            "SELECT code_word, reason_word, category_id, advice_no FROM failure_reason_advice
             ORDER BY code_word, reason_word, category_id, rank",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            found.entry((row.get(0)?, row.get(1)?, row.get(2)?)).or_default().push(row.get(3)?);
        }
        let mut counted = self.conn.prepare(
            "SELECT DISTINCT d.code_word, d.reason_word, d.category_id, w.text FROM daily_failures d
             LEFT JOIN words w ON w.id = d.code_word ORDER BY 1, 2, 3",
        )?;
        let mut by_code = self.conn.prepare("SELECT advice_no FROM advice_codes WHERE code = ?1 ORDER BY advice_no")?;
        // Combinations of which no part was left out take precedence, so that their advice is the report file's.
        let (mut whole, mut cut) = (BTreeMap::new(), BTreeMap::new());
        let mut rows = counted.query([])?;
        while let Some(row) = rows.next()? {
            let old: (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let new = (self.texts.new_id("code_word", old.0), self.texts.new_id("reason_word", old.1), old.2);
            let left_out = |old, new| old != 0 && new == 0;
            let known = found.get(&old).cloned().unwrap_or_default();
            if left_out(old.1, new.1) {
                let code: Option<String> = row.get(3)?;
                let meanings = by_code.query_map([code], |row| row.get(0))?;
                cut.insert(new, meanings.collect::<rusqlite::Result<_>>()?);
            } else if left_out(old.0, new.0) {
                cut.insert(new, known);
            } else {
                whole.insert(new, known);
            }
        }
        cut.append(&mut whole);
        let mut insert = InsertInto::new(to, "failure_reason_advice");
        for ((code, reason, category), meanings) in cut {
            for (rank, advice) in (1_i64..).zip(meanings) {
                insert.insert(row! {
                    code_word: code,
                    reason_word: reason,
                    category_id: category,
                    rank: rank,
                    advice_no: advice,
                })?;
            }
        }
        // The whole catalogue would be a fourth of the file, which must be small so that a page loads it at once.
        to.execute_batch(
            "DELETE FROM advice_codes WHERE advice_no NOT IN (SELECT advice_no FROM failure_reason_advice);
             DELETE FROM advice WHERE advice_no NOT IN (SELECT advice_no FROM failure_reason_advice);",
        )?;
        Ok(())
    }
}

/// The texts that a summary may contain, numbered anew: ids of six bytes would be a large part of so small a file.
struct Texts {
    all: BTreeSet<String>,
    /// By column and id in the report file.
    ids: HashMap<(String, i64), i64>,
}

impl Texts {
    fn of(from: &Connection) -> Result<Self> {
        let mut all = BTreeSet::new();
        let mut kept = Vec::new();
        let views = FROM_FACTS.map(|(view, _)| view);
        for table in SUMS.into_iter().chain(views) {
            for column in columns(from, table)?.into_iter().filter(|column| column.unit == "words.id") {
                let mut used = from.prepare(&format!(
                    "SELECT w.id, w.text FROM (SELECT DISTINCT {} AS id FROM {table}) u CROSS JOIN words w
                     WHERE w.id = u.id AND w.id <> 0",
                    column.name
                ))?;
                let mut rows = used.query([])?;
                while let Some(row) = rows.next()? {
                    let text: String = row.get(1)?;
                    let stays = match column.name.as_str() {
                        "code_word" => plain::code(&text),
                        "reason_word" => plain::reason(&text),
                        // A source may be an address, or contain a person's name.
                        "source_word" => plain::source(&text),
                        _ => true,
                    };
                    if stays {
                        all.insert(text.clone());
                        kept.push((column.name.clone(), row.get(0)?, text));
                    }
                }
            }
        }
        let numbers: HashMap<&String, i64> = all.iter().zip(1..).collect();
        let ids = kept.into_iter().filter_map(|(column, id, text)| Some(((column, id), *numbers.get(&text)?)));
        let ids = ids.collect();
        Ok(Self { all, ids })
    }

    /// The id in the summary; 0 for a text that is left out.
    fn new_id(&self, column: &str, old: i64) -> i64 {
        self.ids.get(&(column.to_owned(), old)).copied().unwrap_or(0)
    }

    fn write(&self, to: &Connection) -> Result<()> {
        let mut words = InsertInto::new(to, "words");
        words.insert(row! { id: 0, text: "" })?;
        for (text, id) in self.all.iter().zip(1_i64..) {
            words.insert(row! { id: id, text: text })?;
        }
        Ok(())
    }
}
