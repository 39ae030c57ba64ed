//! Makes the empty file: tables, views, dictionaries, advice and what describes them.

use crate::error::{Error, Result};
use crate::file::questions;
use crate::lists::dictionary;
use crate::rows::{InsertInto, row};
use crate::{APPLICATION_ID, SCHEMA_VERSION};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use vestibule_advice::Catalogue;
use vestibule_domain::failure::code_value;

/// Bytes a page. A refresh touches pages here and there, a build and a reader go through all: larger
/// pages make building quicker and refreshing slower; this is between.
const PAGE_SIZE: u32 = 8_192;

const TABLES: [&str; 2] = [include_str!("sql/dictionaries.sql"), include_str!("sql/facts.sql")];
const VIEWS: [&str; 5] = [
    include_str!("sql/views_attempts.sql"),
    include_str!("sql/views_incomplete.sql"),
    include_str!("sql/views_status.sql"),
    include_str!("sql/views_esp.sql"),
    include_str!("sql/views_esp_numbers.sql"),
];
const FUNNEL: &str = include_str!("sql/funnel.sql");

/// The indexes, for after the first load.
pub(crate) const INDEXES: &str = include_str!("sql/indexes.sql");

/// Where the numbers of a file's SQL and rows come from that are not yet in an empty one, so that
/// [`built_in`](crate::file::built_in) covers them: the page size, and the indexes made after the first load.
pub(crate) fn later() -> [String; 2] {
    [PAGE_SIZE.to_string(), INDEXES.to_owned()]
}

/// The page settings of every file this crate writes. Only the page size matters to a reader; the others
/// make writing quick where a torn file is thrown away anyway.
pub(crate) fn set_up(conn: &Connection) -> Result<()> {
    conn.execute_batch(&format!(
        "PRAGMA page_size = {PAGE_SIZE};
         PRAGMA auto_vacuum = NONE;
         PRAGMA journal_mode = OFF;
         PRAGMA synchronous = OFF;
         PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA temp_store = FILE;
         PRAGMA foreign_keys = OFF;
         PRAGMA cache_size = -8192;"
    ))?;
    Ok(())
}

/// Everything but facts.
pub(crate) fn create(conn: &Connection, advice: &Catalogue) -> Result<()> {
    conn.execute_batch("BEGIN")?;
    for part in TABLES {
        conn.execute_batch(part)?;
    }
    for part in VIEWS {
        conn.execute_batch(&expand(part))?;
    }
    conn.execute_batch(&format!("CREATE VIEW funnel AS\n{}", funnel("1", "1")))?;
    for view in Ranged::ALL {
        conn.execute_batch(&format!("CREATE VIEW {} AS\n{}", view.name(), view.over("1")))?;
    }
    questions::fill(conn)?;
    dictionary::fill(conn)?;
    fill_advice(conn, advice)?;
    fill_column_docs(conn)?;
    let mut define = conn.prepare("INSERT INTO meta (key, value) VALUES ('definition.' || ?1, ?2)")?;
    for line in include_str!("data/definitions.tsv").lines() {
        let (name, meaning) = line.split_once('\t').ok_or(Error::BuiltIn("definitions"))?;
        define.execute([name, meaning])?;
    }
    drop(define);
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    conn.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    conn.execute_batch("COMMIT")?;
    Ok(())
}

/// The funnel over the days that `days` lets through; `attempts` bounds the attempts looked at for the
/// median, where all outside the days can be told by their numbers. The file's view is the same text.
pub(crate) fn funnel(attempts: &str, days: &str) -> String {
    FUNNEL.replace("$attempts", attempts).replace("$days", days)
}

/// Numbers of sessions that cannot be added up from days: medians, and counts of different things. The file's views
/// are over the whole window; the same text runs over a range of days.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ranged {
    Profiles,
    Phases,
    Apps,
}

impl Ranged {
    const ALL: [Self; 3] = [Self::Profiles, Self::Phases, Self::Apps];

    const fn name(self) -> &'static str {
        match self {
            Self::Profiles => "esp_by_profile",
            Self::Phases => "esp_by_phase_and_profile",
            Self::Apps => "esp_apps",
        }
    }

    /// The query over the sessions `x` that `days` lets through.
    pub(crate) fn over(self, days: &str) -> String {
        let text = match self {
            Self::Profiles => include_str!("sql/esp_by_profile.sql"),
            Self::Phases => include_str!("sql/esp_by_phase_and_profile.sql"),
            Self::Apps => include_str!("sql/esp_apps.sql"),
        };
        text.replace("$days", days)
    }
}

/// Writes out `$iso(x)`, an instant as text, and `$day(x)`, a day as date: integer arithmetic, since a
/// float cannot hold every millisecond.
pub(crate) fn expand(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() * 2);
    let mut rest = sql;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let call = &rest[at + 1..];
        let name = call.split('(').next().unwrap_or_default();
        // Arguments hold no parentheses of their own.
        let argument = call[name.len()..].trim_start_matches('(').split(')').next().unwrap_or_default();
        match name {
            "iso" => out.push_str(&format!(
                "CAST(strftime('%Y-%m-%dT%H:%M:%S', ({argument}) / 1000, 'unixepoch') || \
                 printf('.%03dZ', ({argument}) % 1000) AS TEXT)"
            )),
            _ => out.push_str(&format!("CAST(strftime('%Y-%m-%d', ({argument}) * 86400, 'unixepoch') AS TEXT)")),
        }
        rest = &call[name.len() + argument.len() + 2..];
    }
    out.push_str(rest);
    out
}

/// The catalogue in its own order: an entry's number is its place.
fn fill_advice(conn: &Connection, catalogue: &Catalogue) -> Result<()> {
    let mut insert = InsertInto::new(conn, "advice");
    let mut code_of = InsertInto::new(conn, "advice_codes");
    for (number, entry) in (1_i64..).zip(catalogue.entries()) {
        let who: Vec<&str> = entry.who.iter().map(|who| who.name()).collect();
        let platforms: Vec<&str> = entry.platforms.iter().map(|platform| platform.name()).collect();
        let (steps, sources) = (entry.steps.join("\n"), entry.sources.join(", "));
        insert.insert(row! {
            advice_no: number,
            advice_id: entry.id,
            problem: entry.problem,
            cause: entry.cause,
            steps: steps,
            who: who.join(", "),
            platforms: platforms.join(", "),
            sources: sources,
        })?;
        for code in &entry.codes {
            let value = code_value(code).ok_or(Error::BuiltIn("advice code"))?;
            code_of.insert(row! { code_value: value, advice_no: number, code: code })?;
        }
    }
    for (key, value) in [("adviceVersion", catalogue.version()), ("adviceDigest", &advice_digest(catalogue))] {
        conn.execute("INSERT INTO meta (key, value) VALUES (?1, ?2)", [key, value])?;
    }
    Ok(())
}

/// Tells catalogues apart by what they say, whatever version they claim.
pub(crate) fn advice_digest(catalogue: &Catalogue) -> String {
    let mut hash = Sha256::new();
    for entry in catalogue.entries() {
        // Debug writes every member, and quotes texts.
        hash.update(format!("{entry:?}"));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// `column_docs` from the schema itself and the texts in `column_docs.tsv`: `table.column` or, where a
/// name means the same everywhere, the column alone.
fn fill_column_docs(conn: &Connection) -> Result<()> {
    let mut texts: HashMap<&str, (&str, &str)> = HashMap::new();
    for line in include_str!("data/column_docs.tsv").lines() {
        let mut parts = line.splitn(3, '\t');
        let (Some(name), Some(unit), Some(meaning)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::BuiltIn("column_docs"));
        };
        texts.insert(name, (unit, meaning));
    }
    let mut columns = conn.prepare(
        "SELECT s.name, c.name, c.type FROM sqlite_schema s CROSS JOIN pragma_table_info(s.name) c
         WHERE s.type IN ('table', 'view') AND s.name NOT LIKE 'sqlite_%' ORDER BY 1, c.cid",
    )?;
    let mut insert = InsertInto::new(conn, "column_docs");
    let mut rows = columns.query([])?;
    while let Some(row) = rows.next()? {
        let (table, column, declared): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let special = format!("{table}.{column}");
        let (unit, meaning) =
            texts.get(special.as_str()).or_else(|| texts.get(column.as_str())).copied().unwrap_or_default();
        // Views of older SQLite call an integer expression so.
        let declared = if declared == "INT" { "INTEGER" } else { &declared };
        let unit = Some(unit).filter(|unit| !unit.is_empty());
        insert.insert(row! { table_name: table, column_name: column, type: declared, unit: unit, meaning: meaning })?;
    }
    Ok(())
}
