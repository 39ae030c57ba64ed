//! Makes the published file from a working file: compared with the one before, without unused texts, compact, with the
//! same bytes for the same rows, and checked.

pub(crate) mod compare;
mod corrections;
pub(crate) mod summary;

use crate::error::{Error, Result};
use crate::lists::words;

use crate::write::working::Working;
use crate::{APPLICATION_ID, SCHEMA_VERSION};
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vestibule_domain::{Day, Timestamp};

/// The file published before, with which the new one is compared.
#[derive(Clone, Copy, Debug)]
pub enum Previous<'p> {
    /// No file was published before.
    None,
    /// The file is at this path.
    File(&'p Path),
    /// A file as of this instant was published, but is lost or unfit: nothing can be compared, and the new file says
    /// so.
    Lost(Timestamp),
}

/// A published file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// How many closed attempts differ from the file before.
    pub corrections: u64,
    /// The instant that it describes.
    pub as_of: String,
    /// Its first day.
    pub window_from: String,
    /// The day after its last.
    pub window_to: String,
    /// The time zone of its days.
    pub time_zone: String,
    /// The version of its schema.
    pub schema_version: i32,
    /// How long each part of publishing took.
    #[serde(skip)]
    pub spent: Spent,
}

/// How long each part of publishing took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Removing unused texts, and counting rows.
    pub settling: Duration,
    /// Writing the compact copy.
    pub vacuum: Duration,
    /// Checking and hashing the copy.
    pub checks: Duration,
}

impl Working {
    /// [Compares](Self::compare) with the file published before, and [writes](Self::write).
    ///
    /// # Errors
    /// Those of both.
    pub fn publish(&mut self, out: &Path, previous: Option<&Path>) -> Result<Published> {
        self.compare(previous.map_or(Previous::None, Previous::File))?;
        self.write(out)
    }

    /// Writes into the file what it corrects in the one published before. That one is not needed afterwards: a caller
    /// that is short of disk space can delete it before [writing](Self::write).
    ///
    /// # Errors
    /// If either file cannot be read, the one before is another tenant's, or this file cannot be written.
    pub fn compare(&mut self, previous: Previous) -> Result<()> {
        self.compare_without(previous, &BTreeSet::new())
    }

    /// The same, where some items were erased since: what the file before had of them is listed without its names.
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    pub fn compare_without(&mut self, previous: Previous, erased: &BTreeSet<String>) -> Result<()> {
        if self.torn {
            return Err(Error::Unfinished);
        }
        let as_of = self.as_of()?.ok_or(Error::Empty)?;
        self.torn = true;
        self.conn.execute_batch("BEGIN")?;
        corrections::compare(self, previous, as_of, erased)?;
        self.conn.execute_batch("COMMIT")?;
        self.torn = false;
        Ok(())
    }

    /// Writes the file as it is now to `out`. The bytes appear under that name only when they are complete, checked and
    /// on disk.
    ///
    /// The same rows give the same bytes, and the same data the same rows.
    ///
    /// # Errors
    /// [`Error::Check`] if a check finds a fault; then `out` is unchanged.
    pub fn write(&mut self, out: &Path) -> Result<Published> {
        if self.torn {
            return Err(Error::Unfinished);
        }
        let as_of = self.as_of()?.ok_or(Error::Empty)?;
        let begun = Instant::now();
        self.torn = true;
        self.conn.execute_batch("BEGIN")?;
        let corrections = self.conn.query_row("SELECT count(*) FROM corrections", [], |row| row.get(0))?;
        if self.removed {
            words::sweep(&self.conn)?;
            self.removed = false;
        }
        let rows = count_rows(&self.conn)?;
        for (table, rows) in &rows {
            self.set_meta(&format!("rows.{table}"), &rows.to_string())?;
        }
        self.conn.execute_batch("COMMIT")?;
        self.torn = false;
        let settled = Instant::now();
        let Written { sha256, size_bytes, vacuum, checks } = write(&self.conn, out, SCHEMA_VERSION)?;
        let today: Day = as_of.day(self.settings.time_zone);
        Ok(Published {
            sha256,
            size_bytes,
            rows,
            corrections,
            as_of: as_of.to_string(),
            window_from: self.cutoff(as_of).to_string(),
            window_to: today.plus(1).to_string(),
            time_zone: self.settings.time_zone.name().to_owned(),
            schema_version: SCHEMA_VERSION,
            spent: Spent { settling: settled - begun, vacuum, checks },
        })
    }
}

/// A file that was written.
pub(crate) struct Written {
    pub sha256: String,
    pub size_bytes: u64,
    pub vacuum: Duration,
    pub checks: Duration,
}

/// Writes a compact copy of the open file to `out`; `out` is complete, checked and on disk, or unchanged.
pub(crate) fn write(conn: &Connection, out: &Path, version: i32) -> Result<Written> {
    let partial = partial_name(out);
    remove_if_there(&partial)?;
    let written = copy_and_check(conn, &partial, version).inspect_err(|_| {
        // The first error says more than a failure to remove the file would.
        let _ = std::fs::remove_file(&partial);
    })?;
    std::fs::rename(&partial, out)?;
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(written)
}

fn copy_and_check(conn: &Connection, partial: &Path, version: i32) -> Result<Written> {
    let begun = Instant::now();
    let name = partial.to_str().ok_or(Error::Check { check: "name", finding: "not UTF-8".to_owned() })?;
    conn.execute("VACUUM INTO ?1", [name])?;
    stamp(partial)?;
    let copied = Instant::now();
    // Either reads all of it and computes, so each has a thread.
    let (checked, hashed) = std::thread::scope(|scope| {
        let hashed = scope.spawn(|| hash(partial));
        (check_version(partial, version), hashed.join())
    });
    checked?;
    let (sha256, size_bytes) = hashed.map_err(|_| Error::Io(std::io::Error::other("the hash was interrupted")))??;
    Ok(Written { sha256, size_bytes, vacuum: copied - begun, checks: copied.elapsed() })
}

/// Checks a file before it is published, or after it was fetched: SQLite's own checks, foreign keys, no free
/// pages, the right schema.
///
/// # Errors
/// [`Error::Check`] with the first finding.
pub fn check(path: &Path) -> Result<()> {
    check_version(path, SCHEMA_VERSION)
}

/// The same for a file whose `user_version` is `version`.
pub(crate) fn check_version(path: &Path, version: i32) -> Result<()> {
    let conn = open_to_check(path)?;
    let finding = |check, finding: String| Err(Error::Check { check, finding });
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    for (name, wanted) in
        [("application_id", i64::from(APPLICATION_ID)), ("user_version", i64::from(version)), ("freelist_count", 0)]
    {
        let value = pragma(name)?;
        if value != wanted {
            return finding("header", format!("{name} is {value}, not {wanted}"));
        }
    }
    // Each reads all of the file and computes, so each has a thread.
    let (integrity, violation) = std::thread::scope(|scope| {
        let violation = scope.spawn(|| foreign_key_violation(path));
        let integrity = conn.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        (integrity, violation.join())
    });
    let integrity = integrity?;
    if integrity != "ok" {
        return finding("integrity_check", integrity);
    }
    let violation = violation.map_err(|_| Error::Io(std::io::Error::other("the check was interrupted")))??;
    violation.map_or(Ok(()), |violation| finding("foreign_key_check", violation))
}

/// Opens a file that is read as a whole. Rows refer to texts all over it, and are looked up in indexes the same way: what
/// SQLite keeps of its own accord, two megabytes, is read again and again.
fn open_to_check(path: &Path) -> Result<Connection> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // Negative: in kibibytes.
    conn.pragma_update(None, "cache_size", -8_192)?;
    Ok(conn)
}

fn foreign_key_violation(path: &Path) -> Result<Option<String>> {
    let conn = open_to_check(path)?;
    let mut violations = conn.prepare("PRAGMA foreign_key_check")?;
    let mut rows = violations.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
    Ok(Some(format!("a row of {table} refers to none of {parent}")))
}

/// Rows by table. `meta` is left out, because it contains these counts.
pub(crate) fn count_rows(conn: &Connection) -> Result<BTreeMap<String, u64>> {
    let mut tables = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'")?;
    let tables = tables.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    let mut rows = BTreeMap::new();
    for table in tables.into_iter().filter(|table| !table.starts_with("sqlite_")) {
        let count = conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
        rows.insert(table, count);
    }
    Ok(rows)
}

/// Where the header counts how often a file was written: the file change counter, the schema cookie and the counter for
/// which the size in the header is valid. They mean nothing to the reader of a file that no longer changes, and would
/// differ between two files that got the same rows in different ways.
const COUNTERS: [u64; 3] = [24, 40, 92];

fn stamp(path: &Path) -> Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    for at in COUNTERS {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&1_u32.to_be_bytes())?;
    }
    file.sync_all()?;
    Ok(())
}

/// SHA-256 of a file in hexadecimal, and its length in bytes.
///
/// # Errors
/// If it cannot be read.
pub fn hash(path: &Path) -> Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        size += u64::try_from(read).unwrap_or_default();
    }
    let mut hex = String::with_capacity(64);
    for byte in hash.finalize() {
        hex.push_str(&format!("{byte:02x}"));
    }
    Ok((hex, size))
}

/// Which of these items a published file has; `None` if it has another schema.
///
/// # Errors
/// If it is not a SQLite file.
pub fn holds(path: &Path, items: &BTreeSet<String>) -> Result<Option<BTreeSet<String>>> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if !crate::file::is_ours(&conn)? {
        return Ok(None);
    }
    let mut there = conn.prepare(
        "SELECT item FROM refresh_state WHERE item = ?1 UNION SELECT item FROM unreadable_enrollments WHERE item = ?1",
    )?;
    let mut held = BTreeSet::new();
    for item in items {
        if there.exists([item])? {
            held.insert(item.clone());
        }
    }
    Ok(Some(held))
}

impl Working {
    /// Takes off the file's list of corrections what it says of these items' attempts, before the items are removed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget_corrections(&mut self, items: &BTreeSet<String>) -> Result<()> {
        let mut forget = self.conn.prepare(
            "DELETE FROM corrections WHERE attempt_id IN (SELECT a.attempt_id FROM attempts a
               JOIN refresh_state r ON r.enrollment_no = a.enrollment_no WHERE r.item = ?1)",
        )?;
        for item in items {
            forget.execute([item])?;
        }
        Ok(())
    }
}

fn partial_name(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// The instant that a published file describes, or `None` if it has another schema.
///
/// # Errors
/// If it is not a SQLite file.
pub fn as_of(path: &Path) -> Result<Option<Timestamp>> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if !crate::file::is_ours(&conn)? {
        return Ok(None);
    }
    let text = crate::file::meta(&conn, "asOfMillis")?;
    Ok(text.and_then(|text| text.parse().ok()).map(Timestamp::from_millis))
}
