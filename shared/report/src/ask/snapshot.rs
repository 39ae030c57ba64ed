//! A file as its last refresh left it, read while the next one is under way.

use crate::ask::reader::Reader;
use crate::error::{Error, Result};
use crate::file::is_ours;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Memory for pages, in KiB: questions read little, and what they read the system keeps anyway.
const CACHE_KIB: u32 = 1_024;

/// A connection of its own to a file that is [shared](crate::Working::share). It reads what the last finished refresh
/// wrote, and nothing of one that is under way. Closing it before the file is replaced is up to the caller.
#[derive(Debug)]
pub struct Snapshot {
    conn: Connection,
}

impl Snapshot {
    /// Opens a shared file.
    ///
    /// # Errors
    /// [`Error::ForeignFile`] if it is not a report file of this schema, or if it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        conn.execute_batch(&format!("PRAGMA cache_size = -{CACHE_KIB}"))?;
        if is_ours(&conn)? { Ok(Self { conn }) } else { Err(Error::ForeignFile) }
    }

    /// Reads the file. All that `read` sees is of one refresh, even if another one finishes meanwhile.
    ///
    /// # Errors
    /// Those of `read`, and if the file cannot be read.
    pub fn read<T>(&self, read: impl FnOnce(&Reader<'_>) -> Result<T>) -> Result<T> {
        // It ends when it is dropped.
        let _one_instant = self.conn.unchecked_transaction()?;
        read(&Reader::over(&self.conn)?)
    }
}
