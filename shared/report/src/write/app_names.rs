//! The names of the organisation's apps, in the file.
//!
//! Must stay true: the table depends only on the names, never on its former rows, so that a refreshed file has the rows
//! of one built from nothing.

use crate::error::Result;
use crate::file::{meta, set_meta};
use crate::lists::ids::Ids;
use crate::lists::words::Words;
use crate::rows::{InsertInto, row};
use rusqlite::Connection;
use vestibule_domain::esp::AppNames;

/// The name in `meta` of the digest of the names. A day's refreshes have the same names, so most of them write nothing.
const DIGEST: &str = "appNames";

/// Replaces the names in the file, if they changed.
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
