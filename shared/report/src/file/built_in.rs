//! What is built into every file, as one digest: tables, views, dictionaries, the catalogue, advice and texts.
//!
//! Must stay true: the digest is computed from a file that was really created, so a new name in a list or a changed
//! view changes it automatically. A file with another digest is built anew: if it were refreshed, its
//! dictionaries would lack what its new rows refer to.

use crate::error::Result;
use crate::file::schema;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use vestibule_advice::Catalogue;
use vestibule_domain::event::Member;

/// Digests computed before, by the advice's own digest: a process has one or two catalogues.
static KNOWN: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// The digest of an empty file made now with this advice.
pub(crate) fn digest(advice: &Catalogue) -> Result<String> {
    let of_advice = schema::advice_digest(advice);
    // The lock may be poisoned: each entry is inserted whole, so a panic cannot leave the map half-written.
    if let Some(digest) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&of_advice) {
        return Ok(digest.clone());
    }
    let conn = Connection::open_in_memory()?;
    schema::create(&conn, advice)?;
    let digest = digest_of(&conn)?;
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(of_advice, digest.clone());
    Ok(digest)
}

/// The digest of a file that was just created.
pub(crate) fn digest_of(conn: &Connection) -> Result<String> {
    let mut hash = Sha256::new();
    for text in schema::later().into_iter().chain(texts()) {
        add(&mut hash, b't', text.as_bytes());
    }
    let mut schema = conn.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")?;
    let mut tables = Vec::new();
    let mut rows = schema.query([])?;
    while let Some(row) = rows.next()? {
        add_row(&mut hash, row, 4)?;
        let (kind, name): (String, String) = (row.get(0)?, row.get(1)?);
        if kind == "table" {
            tables.push(name);
        }
    }
    for table in tables {
        add(&mut hash, b'n', table.as_bytes());
        // SQLite returns the rows in the order of the primary key or row id, so equal tables hash alike.
        let mut all = conn.prepare(&format!("SELECT * FROM {table}"))?;
        let columns = all.column_count();
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            add_row(&mut hash, row, columns)?;
        }
    }
    Ok(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// Texts that later rows contain and that are in no dictionary.
fn texts() -> impl Iterator<Item = String> {
    let members = [Member::Platform, Member::Section, Member::Action, Member::Screen, Member::UserAction];
    members.into_iter().map(|member| member.name().to_owned())
}

fn add_row(hash: &mut Sha256, row: &Row<'_>, columns: usize) -> Result<()> {
    for column in 0..columns {
        match row.get_ref(column)? {
            ValueRef::Null => add(hash, b'0', &[]),
            ValueRef::Integer(number) => add(hash, b'i', &number.to_be_bytes()),
            ValueRef::Real(number) => add(hash, b'r', &number.to_be_bytes()),
            ValueRef::Text(text) => add(hash, b's', text),
            ValueRef::Blob(bytes) => add(hash, b'b', bytes),
        }
    }
    Ok(())
}

fn add(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}
