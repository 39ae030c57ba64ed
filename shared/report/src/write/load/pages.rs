//! New pages at the end of a SQLite file, beside SQLite.
//!
//! The form of pages is that of SQLite's file format (<https://www.sqlite.org/fileformat2.html>), which its authors
//! promise to keep; section numbers in this folder are those of that page.
//!
//! Must stay true: the file has no log; SQLite holds no lock meanwhile and afterwards finds the file changed, as it would find it after another
//! process wrote it; nothing else opens the file.

use super::tree::varint;
use crate::error::{Error, Result};
use rusqlite::Connection;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};

/// What a file cannot be for pages to be added to it.
const FOREIGN: Error = Error::BuiltIn("a file of SQLite");
/// Where the header has the size of a page, the bytes of a page that are reserved, how often the file was changed, its pages,
/// and the count of changes for which that number of pages is valid (section 1.3).
const PAGE_SIZE: usize = 16;
const RESERVED: usize = 20;
const CHANGES: usize = 24;
const PAGES: usize = 28;
const VALID_FOR: usize = 92;
const HEADER: usize = 100;
/// The page with this byte is never used: SQLite's locks lie there (section 1.6).
const LOCK_BYTE: u64 = 1 << 30;
/// Bytes that are written at once.
const BUFFER: usize = 256 << 10;

/// The pages of a file, to which more are added.
pub(crate) struct Pages {
    out: BufWriter<File>,
    header: [u8; HEADER],
    size: usize,
    /// The number of the last page.
    last: u32,
    /// The roots of trees, whose places are there already.
    roots: Vec<(u32, Vec<u8>)>,
}

/// Writes pages to the file of a connection that has a transaction open. What was written in it so far is committed, and
/// another transaction is open afterwards, also if nothing could be written: the file is then unusable.
///
/// # Errors
/// Those of `write`, or if the file cannot be written.
pub(crate) fn beside<T>(conn: &Connection, write: impl FnOnce(&mut Pages) -> Result<T>) -> Result<T> {
    let path = conn.path().filter(|path| !path.is_empty()).ok_or(FOREIGN)?;
    // The lock goes with the first read after the change of mode.
    conn.execute_batch("COMMIT; PRAGMA locking_mode = NORMAL")?;
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let written = OpenOptions::new().read(true).write(true).open(path).map_err(Error::from).and_then(|file| {
        let mut pages = Pages::of(file)?;
        let written = write(&mut pages)?;
        pages.finish()?;
        Ok(written)
    });
    conn.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN")?;
    written
}

fn four(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_be_bytes)
}

impl Pages {
    fn of(mut file: File) -> Result<Self> {
        let mut header = [0; HEADER];
        file.read_exact(&mut header)?;
        let size = match u16::from_be_bytes([header[PAGE_SIZE], header[PAGE_SIZE + 1]]) {
            1 => 1 << 16,
            size => usize::from(size),
        };
        let last = four(&header, PAGES);
        let length = file.metadata()?.len();
        let whole = length == u64::from(last) * size as u64 && four(&header, CHANGES) == four(&header, VALID_FOR);
        if !header.starts_with(b"SQLite format 3\0") || size < 512 || header[RESERVED] != 0 || !whole {
            return Err(FOREIGN);
        }
        file.seek(SeekFrom::End(0))?;
        Ok(Self { out: BufWriter::with_capacity(BUFFER, file), header, size, last, roots: Vec::new() })
    }

    /// Bytes of a page.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The number that the next page will have.
    fn next(&self) -> u32 {
        let next = self.last + 1;
        next + u32::from(next == lock_page(self.size))
    }

    /// Adds a page; returns its number.
    pub(super) fn add(&mut self, page: &[u8]) -> Result<u32> {
        let number = self.next();
        if number > self.last + 1 {
            self.out.write_all(&vec![0; self.size])?;
        }
        self.out.write_all(page)?;
        self.last = number;
        Ok(number)
    }

    /// Writes a page whose place is there already.
    pub(super) fn put(&mut self, number: u32, page: Vec<u8>) {
        self.roots.push((number, page));
    }

    /// Adds to a cell what of its payload lies in the cell, and writes the rest to pages of its own (section 1.6). `most` is how
    /// many bytes may lie in a cell.
    pub(super) fn payload(&mut self, cell: &mut Vec<u8>, payload: &[u8], most: usize) -> Result<()> {
        let here = here(payload.len(), most, self.size);
        cell.extend_from_slice(&payload[..here]);
        // Few rows are longer than a page.
        if here == payload.len() {
            return Ok(());
        }
        cell.extend_from_slice(&self.next().to_be_bytes());
        let mut rest = payload[here..].chunks(self.size - 4).peekable();
        let mut page = vec![0; self.size];
        while let Some(part) = rest.next() {
            // The page after this one: no other is written in between.
            let following = if rest.peek().is_some() { self.after_next() } else { 0 };
            page[..4].copy_from_slice(&following.to_be_bytes());
            page[4..4 + part.len()].copy_from_slice(part);
            page[4 + part.len()..].fill(0);
            self.add(&page)?;
        }
        Ok(())
    }

    /// The number that the page after the next one will have.
    fn after_next(&self) -> u32 {
        let after = self.next() + 1;
        after + u32::from(after == lock_page(self.size))
    }

    /// Makes the pages part of the file.
    fn finish(mut self) -> Result<()> {
        let changes = four(&self.header, CHANGES).wrapping_add(1).to_be_bytes();
        for (at, value) in [(CHANGES, changes), (PAGES, self.last.to_be_bytes()), (VALID_FOR, changes)] {
            self.header[at..at + 4].copy_from_slice(&value);
        }
        self.out.flush()?;
        let file = self.out.get_mut();
        for (number, page) in &self.roots {
            file.seek(SeekFrom::Start(u64::from(number - 1) * self.size as u64))?;
            file.write_all(page)?;
        }
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&self.header)?;
        Ok(())
    }
}

/// The number of the page that is never used.
fn lock_page(size: usize) -> u32 {
    u32::try_from(LOCK_BYTE / size as u64).unwrap_or(u32::MAX - 1) + 1
}

/// How many bytes of a payload lie in its cell (section 1.6).
fn here(length: usize, most: usize, size: usize) -> usize {
    if length <= most {
        return length;
    }
    let least = (size - 12) * 32 / 255 - 23;
    let fitting = least + (length - least) % (size - 4);
    if fitting <= most { fitting } else { least }
}

/// The length of a payload, before it.
pub(super) fn length(cell: &mut Vec<u8>, payload: &[u8]) {
    varint(cell, payload.len() as u64);
}
