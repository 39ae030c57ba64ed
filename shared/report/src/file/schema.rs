//! Makes the empty file: tables, views, dictionaries, advice and their documentation.

use crate::error::{Error, Result};
use crate::file::column_docs::{self, ColumnDocs};
use crate::file::questions;
use crate::file::sql::{INDEXES, Ranged, TABLES, VIEWS, expand};
use crate::lists::dictionary;
use crate::rows::{InsertInto, row};
use crate::{APPLICATION_ID, SCHEMA_VERSION};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use vestibule_advice::Catalogue;
use vestibule_domain::failure::code_value;

/// Bytes a page. A refresh changes pages here and there, a build or a reader goes through all: larger pages make
/// building quicker and refreshing slower; this size is a compromise.
const PAGE_SIZE: u32 = 8_192;

/// What shapes a file but is not yet in an empty one, so that [`built_in`](crate::file::built_in) covers it too: the
/// page size, and the indexes made after the first load.
pub(crate) fn later() -> [String; 2] {
    [PAGE_SIZE.to_string(), INDEXES.to_owned()]
}

/// The page settings of every file this crate writes. Only the page size matters to a reader; the others make writing
/// quick, and are safe because a half-written file is discarded.
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

/// Creates everything but the facts.
pub(crate) fn create(conn: &Connection, advice: &Catalogue) -> Result<()> {
    conn.execute_batch("BEGIN")?;
    let mut docs = ColumnDocs::default();
    let views = VIEWS.into_iter().map(str::to_owned).chain(Ranged::ALL.map(Ranged::view));
    for part in TABLES.into_iter().map(str::to_owned).chain(views) {
        docs.read(&part)?;
        conn.execute_batch(&expand(&column_docs::without(&part)))?;
    }
    // The questions read there which columns of a view are true or false.
    docs.fill(conn)?;
    questions::fill(conn)?;
    dictionary::fill(conn)?;
    fill_advice(conn, advice)?;
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

/// Writes the catalogue in its own order: an entry's number is its place.
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

/// A digest of what the catalogue says; two catalogues that claim the same version may differ.
pub(crate) fn advice_digest(catalogue: &Catalogue) -> String {
    let mut hash = Sha256::new();
    for entry in catalogue.entries() {
        // Debug writes every member, and quotes texts.
        hash.update(format!("{entry:?}"));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
