//! The names of the organisation's apps, in the file.
//!
//! Must stay true: the table follows from the names alone, never from what was in it, so that a refreshed file has the rows
//! of a built one.

use crate::error::Result;
use crate::file::{meta, set_meta};
use crate::lists::ids::Ids;
use crate::lists::words::Words;
use crate::rows::{InsertInto, row};
use rusqlite::Connection;
use vestibule_domain::esp::AppNames;

/// The name in `meta` of what tells the names of a file from others: a day's refreshes have the same, and leave them.
const DIGEST: &str = "appNames";

/// Writes all names in place of those of before, where they are others.
pub(crate) fn rewrite(conn: &Connection, ids: Ids, names: &AppNames) -> Result<()> {
    let digest = names.digest();
    if meta(conn, DIGEST)?.as_deref() == Some(&digest) {
        return Ok(());
    }
    conn.execute("DELETE FROM app_names", [])?;
    let mut words = Words::new(conn, ids)?;
    let mut insert = InsertInto::new(conn, "app_names");
    for (id, name) in names.iter() {
        insert.insert(row! { app_id: id, name_word: words.id(Some(name))? })?;
    }
    set_meta(conn, DIGEST, &digest)
}
