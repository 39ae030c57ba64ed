//! The rows of a file's first load, kept until they can be written in the order in which they lie.
//!
//! Rows come device by device, but tables lie by time or by a hash, and a row written in the middle of a large table costs
//! a page read and a page written. So a first load keeps its rows in memory, as the records that SQLite would make of them,
//! moves them to temporary files as sorted runs when there are many, and at its end merges the runs of a table into the pages
//! of its tree: one thread sorts, the caller's writes.
//!
//! Must stay true: the memory in use does not depend on the number of rows, but for one number a device
//! ([`Load::came`]); a row whose key is taken is a collision, as when it is written at once; the tables are as if SQLite
//! had written each row.

mod pages;
mod record;
mod runs;
mod sums;
mod tree;

use crate::error::{Error, Result};
use crate::lists::ids::Ids;
use crate::rows::Field;
use foldhash::fast::RandomState;
pub(crate) use pages::{Pages, beside};
use record::{Encoder, Layout};
use runs::{Merge, run, write_row};
use rusqlite::Connection;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
pub(crate) use sums::SumTable;
use tree::Tree;

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

/// A table's key: one or two numbers.
type Key = [i64; 2];

/// The rows of one table.
#[derive(Debug)]
struct Held {
    table: &'static str,
    columns: &'static [&'static str],
    layout: Layout,
    again: Again,
    /// Records, one after the other.
    bytes: Vec<u8>,
    /// The records in `bytes` by key: where each begins and ends.
    rows: Vec<(Key, u32, u32)>,
    runs: Vec<File>,
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
    tables: RefCell<Vec<Held>>,
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
            tables: RefCell::default(),
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

    /// The number under which rows of a table are [kept](Self::keep).
    ///
    /// # Errors
    /// [`Error::Columns`] if the table has other columns.
    pub(crate) fn table(
        &self,
        conn: &Connection,
        table: &'static str,
        columns: &'static [&'static str],
        again: Again,
    ) -> Result<usize> {
        let layout = Layout::of(conn, table, columns)?;
        if layout.key.is_empty() || layout.key.len() > 2 {
            return Err(Error::BuiltIn("a key of one or two columns"));
        }
        let mut tables = self.tables.borrow_mut();
        tables.push(Held { table, columns, layout, again, bytes: Vec::new(), rows: Vec::new(), runs: Vec::new() });
        Ok(tables.len() - 1)
    }

    /// Keeps a row, its values in the order of the columns.
    pub(crate) fn keep(&self, table: usize, values: &[Field<'_>]) -> Result<()> {
        let mut tables = self.tables.borrow_mut();
        let held = tables.get_mut(table).ok_or(Error::BuiltIn("a table of the load"))?;
        let added = held.keep(&mut self.encoder.borrow_mut(), values)?;
        self.size.set(self.size.get() + added);
        if self.size.get() > self.in_memory
            && let Some(largest) = tables.iter_mut().max_by_key(|held| held.size())
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
        let tables: Vec<_> = self.tables.borrow().iter().map(|held| (held.table, held.columns)).collect();
        for (number, (table, columns)) in tables.into_iter().enumerate() {
            let mut rows = conn.prepare(&format!("SELECT {} FROM {table}", columns.join(", ")))?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                let values = (0..columns.len()).map(|at| Field::read(row.get_ref(at)?));
                self.keep(number, &values.collect::<Result<Vec<_>>>()?)?;
            }
            conn.execute(&format!("DELETE FROM {table}"), [])?;
        }
        Ok(())
    }

    /// Writes all rows into their tables, which are empty. From then on rows are written at once.
    ///
    /// # Errors
    /// [`Error::Collision`] if two rows have the same key.
    pub(crate) fn write(&self, pages: &mut Pages, ids: Ids) -> Result<()> {
        self.open.set(false);
        self.devices.take();
        let tables = self.tables.take();
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
                    out.take().map_or(Ok(()), |out| out.tree.finish(pages))?;
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

/// Writes the rows of one table.
struct Out {
    table: &'static str,
    again: Again,
    ids: Ids,
    tree: Tree,
    /// The key of the row before, and its record if it may come again.
    before: Option<(Key, Vec<u8>)>,
}

impl Out {
    fn new(held: &Held, ids: Ids) -> Self {
        let Held { table, layout, again, .. } = held;
        Self { table, again: *again, ids, tree: Tree::new(layout.kind, layout.root), before: None }
    }

    /// Writes rows after those before.
    ///
    /// # Errors
    /// [`Error::Collision`] if a key is taken by another row.
    fn block(&mut self, pages: &mut Pages, block: &Block) -> Result<()> {
        for (key, begin, end) in &block.rows {
            let record = &block.bytes[*begin as usize..*end as usize];
            match &mut self.before {
                Some((last, same)) if *last == *key => {
                    if self.again == Again::IsOnce && same == record {
                        continue;
                    }
                    return Err(Error::Collision { what: self.table, salt: self.ids.salt });
                }
                Some((last, same)) => {
                    *last = *key;
                    if self.again == Again::IsOnce {
                        same.clear();
                        same.extend_from_slice(record);
                    }
                }
                None => self.before = Some((*key, record.to_vec())),
            }
            self.tree.push(pages, key[0], record)?;
        }
        Ok(())
    }
}

impl Held {
    fn size(&self) -> usize {
        self.bytes.len() + self.rows.len() * size_of::<(Key, u32, u32)>()
    }

    /// Returns by how many bytes it grew.
    fn keep(&mut self, encoder: &mut Encoder, values: &[Field<'_>]) -> Result<usize> {
        let before = self.size();
        let begin = self.bytes.len();
        let key = self.layout.encode(encoder, &mut self.bytes, values)?;
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
