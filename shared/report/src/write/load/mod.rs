//! The rows of a file's first load, kept until they can be written in the order in which they lie.
//!
//! Rows come device by device, but tables lie by time or by a hash, and a row written in the middle of a large table costs
//! a page read and a page written. So a first load keeps its rows in memory, as the records that SQLite would make of them,
//! moves them to temporary files as sorted runs when there are many, and at its end merges the runs of a table into the pages
//! of its tree: one thread sorts, the caller's writes. The entries of most indexes go the same way.
//!
//! Must stay true: the memory in use does not depend on the number of rows, but for one number a device
//! ([`Load::came`]); a row whose key is taken is a collision, as when it is written at once; the tables are as if SQLite
//! had written each row.

mod index;
mod out;
mod pages;
mod record;
mod runs;
mod sums;
mod tree;

use crate::error::{Error, Result};
use crate::lists::ids::Ids;
use crate::rows::Field;
use foldhash::fast::RandomState;
use index::{Entry, Index, Indexes};
use out::Out;
pub(crate) use pages::{Pages, beside};
use record::{Encoder, Layout};
use runs::{Merge, run, write_row};
use rusqlite::Connection;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
pub(crate) use sums::{SumRows, SumTable, load_sums};

/// Bytes of rows kept in memory, of all tables together.
const IN_MEMORY: usize = 16 << 20;
/// Runs of one table that are merged into one before there are more: each that is read has a buffer.
const MOST_RUNS: usize = 64;
/// Blocks of sorted rows that wait to be written, and the bytes of one that is merged from runs.
const BLOCKS: usize = 4;
const BLOCK_BYTES: usize = 128 << 10;

/// What a row means whose key came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// Two things have the same number.
    Collides,
    /// The same row is written once; another one with its key is a collision.
    IsOnce,
}

/// A table's key: one or two numbers; an entry's is [its own](Entry::write).
type Key = [i64; 2];
/// Bytes of memory that a row takes beside its record.
const ROW: usize = size_of::<(Key, u32, u32)>();

/// The rows of one table, or the entries of an index.
#[derive(Debug)]
struct Held {
    of: Of,
    layout: Layout,
    /// Records, one after the other, or what of entries is not in their keys.
    bytes: Vec<u8>,
    /// The records in `bytes` by key: where each begins and ends.
    rows: Vec<(Key, u32, u32)>,
    runs: Vec<File>,
}

/// What is held.
#[derive(Clone, Debug)]
enum Of {
    /// Rows of a table. The entries of its indexes are held next.
    Table { name: &'static str, columns: &'static [&'static str], again: Again, indexes: Vec<Index> },
    /// Entries of an index.
    Index,
}

/// The rows of a first load.
#[derive(Debug)]
pub(crate) struct Load {
    /// Where runs are kept: beside the file, because there is room for it.
    folder: PathBuf,
    in_memory: usize,
    open: Cell<bool>,
    size: Cell<usize>,
    encoder: RefCell<Encoder>,
    held: RefCell<Vec<Held>>,
    /// The names of the indexes that SQLite makes from the rows.
    others: RefCell<Vec<String>>,
    devices: RefCell<HashSet<i64, RandomState>>,
}

impl Load {
    /// Keeps rows, if `open`; otherwise they are written at once.
    pub(crate) fn new(folder: PathBuf, open: bool) -> Self {
        Self::keeping(folder, open, IN_MEMORY)
    }

    fn keeping(folder: PathBuf, open: bool, in_memory: usize) -> Self {
        Self {
            folder,
            in_memory,
            open: Cell::new(open),
            size: Cell::new(0),
            encoder: RefCell::default(),
            held: RefCell::default(),
            others: RefCell::default(),
            devices: RefCell::default(),
        }
    }

    /// Where what does not fit into memory is kept.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether rows are kept rather than written.
    pub(crate) fn is_open(&self) -> bool {
        self.open.get()
    }

    /// Notes that a device's rows are kept here. Returns whether rows of a device with its number were before.
    pub(crate) fn came(&self, enrollment_no: i64) -> bool {
        !self.devices.borrow_mut().insert(enrollment_no)
    }

    /// Whether rows of a device with this number are kept here.
    pub(crate) fn has(&self, enrollment_no: i64) -> bool {
        self.devices.borrow().contains(&enrollment_no)
    }

    /// The number under which rows of a table are [kept](Self::keep). Its indexes must be there.
    ///
    /// # Errors
    /// [`Error::Columns`] if the table has other columns.
    pub(crate) fn table(
        &self,
        conn: &Connection,
        name: &'static str,
        columns: &'static [&'static str],
        again: Again,
    ) -> Result<usize> {
        let layout = Layout::of(conn, name, columns)?;
        if layout.key.is_empty() || layout.key.len() > 2 {
            return Err(Error::BuiltIn("a key of one or two columns"));
        }
        let Indexes { kept, others } = Indexes::of(conn, name, columns, &layout)?;
        self.others.borrow_mut().extend(others);
        let mut held = self.held.borrow_mut();
        let number = held.len();
        let layouts: Vec<_> = kept.iter().map(|index| index.layout.clone()).collect();
        held.push(Held::new(Of::Table { name, columns, again, indexes: kept }, layout));
        held.extend(layouts.into_iter().map(|layout| Held::new(Of::Index, layout)));
        Ok(number)
    }

    /// Keeps a row, its values in the order of the columns.
    pub(crate) fn keep(&self, table: usize, values: &[Field<'_>]) -> Result<()> {
        let mut held = self.held.borrow_mut();
        let Some((rows, next)) = held.get_mut(table..).and_then(<[Held]>::split_first_mut) else {
            return Err(Error::BuiltIn("a table of the load"));
        };
        let mut added = rows.keep(&mut self.encoder.borrow_mut(), values)?;
        if let (Of::Table { indexes, .. }, Some(&([number, _], ..))) = (&rows.of, rows.rows.last()) {
            for (index, entries) in indexes.iter().zip(next) {
                if let Some(entry) = index.entry(values) {
                    added += entries.keep_entry(entry, number)?;
                }
            }
        }
        self.size.set(self.size.get() + added);
        if self.size.get() > self.in_memory
            && let Some(largest) = held.iter_mut().max_by_key(|held| held.size())
        {
            self.size.set(self.size.get() - largest.size());
            largest.spill(&self.folder)?;
        }
        Ok(())
    }

    /// Takes the few rows that the tables had before out of them: they are written again with the others.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn take_built_in(&self, conn: &Connection) -> Result<()> {
        let tables = self
            .held
            .borrow()
            .iter()
            .enumerate()
            .filter_map(|(number, held)| match held.of {
                Of::Table { name, columns, .. } => Some((number, name, columns)),
                Of::Index => None,
            })
            .collect::<Vec<_>>();
        for (number, name, columns) in tables {
            let mut rows = conn.prepare(&format!("SELECT {} FROM {name}", columns.join(", ")))?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                let values = (0..columns.len()).map(|at| Field::read(row.get_ref(at)?));
                self.keep(number, &values.collect::<Result<Vec<_>>>()?)?;
            }
            conn.execute(&format!("DELETE FROM {name}"), [])?;
        }
        Ok(())
    }

    /// Lets SQLite make the indexes whose entries were not kept, from the rows that are written.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn index_others(&self, conn: &Connection) -> Result<()> {
        self.others.take().iter().try_for_each(|name| Ok(conn.execute_batch(&format!("REINDEX {name}"))?))
    }

    /// Writes all rows into their tables, which are empty. From then on rows are written at once.
    ///
    /// # Errors
    /// [`Error::Collision`] if two rows have the same key.
    pub(crate) fn write(&self, pages: &mut Pages, ids: Ids) -> Result<()> {
        self.open.set(false);
        self.devices.take();
        let tables = self.held.take();
        let mut outs = tables.iter().map(|held| Out::new(held, ids)).collect::<Vec<_>>().into_iter();
        std::thread::scope(|scope| {
            let (send, blocks) = sync_channel(BLOCKS);
            let folder = self.folder.as_path();
            scope.spawn(move || {
                for held in tables {
                    // The writer is gone if it gave up, for a reason of its own.
                    match held.sort(folder, &send) {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(error) => {
                            let _gone = send.send(Err(error));
                            break;
                        }
                    }
                }
            });
            let mut out = outs.next();
            for block in blocks {
                let (block, current) = (block?, out.as_mut().ok_or(Error::BuiltIn("a table of the load"))?);
                current.block(pages, &block)?;
                if block.is_last {
                    out.take().map_or(Ok(()), |out| out.finish(pages))?;
                    out = outs.next();
                }
            }
            Ok(())
        })
    }
}

/// Sorted rows of a table: records, and where those of a key begin and end.
#[derive(Debug, Default)]
struct Block {
    bytes: Vec<u8>,
    rows: Vec<(Key, u32, u32)>,
    /// Whether the table has no more.
    is_last: bool,
}

impl Block {
    fn with_room() -> Self {
        Self { bytes: Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 8), rows: Vec::new(), is_last: false }
    }
}

impl Held {
    fn new(of: Of, layout: Layout) -> Self {
        Self { of, layout, bytes: Vec::new(), rows: Vec::new(), runs: Vec::new() }
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.rows.len() * ROW
    }

    /// Returns by how many bytes it grew.
    fn keep(&mut self, encoder: &mut Encoder, values: &[Field<'_>]) -> Result<usize> {
        let before = self.size();
        let begin = self.bytes.len();
        let key = self.layout.encode(encoder, &mut self.bytes, values)?;
        self.rows.push((key, short(begin)?, short(self.bytes.len())?));
        Ok(self.size() - before)
    }

    /// Keeps an entry of the row with this number. Returns by how many bytes it grew.
    fn keep_entry(&mut self, entry: Entry<'_>, number: i64) -> Result<usize> {
        let (before, begin) = (self.size(), self.bytes.len());
        let key = entry.write(number, &mut self.bytes);
        self.rows.push((key, short(begin)?, short(self.bytes.len())?));
        Ok(self.size() - before)
    }

    /// Moves the rows in memory to a run.
    fn spill(&mut self, folder: &Path) -> Result<()> {
        if self.runs.len() >= MOST_RUNS {
            let merged = run(folder, |out| {
                let mut runs = Merge::of(std::mem::take(&mut self.runs))?;
                while let Some((key, row)) = runs.next()? {
                    write_row(out, key, row)?;
                }
                Ok(())
            })?;
            self.runs.push(merged);
        }
        self.sort_rows();
        let written = run(folder, |out| {
            for (key, begin, end) in &self.rows {
                write_row(out, *key, &self.bytes[*begin as usize..*end as usize])?;
            }
            Ok(())
        })?;
        self.runs.push(written);
        (self.bytes, self.rows) = (Vec::new(), Vec::new());
        Ok(())
    }

    fn sort_rows(&mut self) {
        self.rows.sort_unstable_by_key(|(key, begin, _)| (*key, *begin));
    }

    /// Passes its rows on in order; returns whether somebody still writes them.
    fn sort(mut self, folder: &Path, send: &SyncSender<Result<Block>>) -> Result<bool> {
        if self.runs.is_empty() {
            self.sort_rows();
            return Ok(send.send(Ok(Block { bytes: self.bytes, rows: self.rows, is_last: true })).is_ok());
        }
        self.spill(folder)?;
        let mut runs = Merge::of(self.runs)?;
        let mut block = Block::with_room();
        while let Some((key, record)) = runs.next()? {
            let begin = short(block.bytes.len())?;
            block.bytes.extend_from_slice(record);
            block.rows.push((key, begin, short(block.bytes.len())?));
            if block.bytes.len() >= BLOCK_BYTES {
                let full = std::mem::replace(&mut block, Block::with_room());
                if send.send(Ok(full)).is_err() {
                    return Ok(false);
                }
            }
        }
        block.is_last = true;
        Ok(send.send(Ok(block)).is_ok())
    }
}

fn short(at: usize) -> Result<u32> {
    u32::try_from(at).map_err(|_| Error::BuiltIn("the size of a load"))
}

#[cfg(test)]
mod tests;
