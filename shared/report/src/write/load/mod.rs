//! The rows of a file's first load, kept until they can be written in the order in which they lie.
//!
//! Rows come device by device, but tables lie by time or by a hash, and a row written in the middle of a large table costs
//! a page read and a page written. So a first load keeps its rows in memory, moves them to temporary files as sorted runs
//! when there are many, and at its end merges the runs of a table into it: one thread sorts and merges, the caller's writes.
//!
//! Must stay true: the memory in use does not depend on the number of rows, but for one number a device
//! ([`Load::came`]); a row whose key is taken is a collision, as when it is written at once.

mod out;
mod runs;
mod values;

use crate::error::{Error, Result};
use crate::lists::ids::Ids;
use crate::rows;
use foldhash::fast::RandomState;
use out::{Block, Out, Sorted};
use runs::{Merge, run, write_row};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use values::encode;

/// Bytes of rows kept in memory, of all tables together.
const IN_MEMORY: usize = 24 << 20;
/// Runs of one table that are merged into one before there are more: each that is read has a buffer.
const MOST_RUNS: usize = 64;
/// Blocks of sorted rows that wait to be written.
const BLOCKS: usize = 4;

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
    /// The places of the key's columns among the columns.
    key: Vec<usize>,
    again: Again,
    /// Encoded rows, one after the other.
    bytes: Vec<u8>,
    /// The rows in `bytes` by key: where each begins and ends.
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
    tables: RefCell<Vec<Held>>,
    devices: RefCell<HashSet<i64, RandomState>>,
}

impl Load {
    /// Keeps rows, if `open`; otherwise they are written at once.
    pub(crate) fn new(folder: PathBuf, open: bool) -> Self {
        Self::keeping(folder, open, IN_MEMORY)
    }

    fn keeping(folder: PathBuf, open: bool, in_memory: usize) -> Self {
        let (open, size) = (Cell::new(open), Cell::new(0));
        Self { folder, in_memory, open, size, tables: RefCell::default(), devices: RefCell::default() }
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
        rows::check(conn, table, columns)?;
        let mut of_key = conn.prepare("SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk")?;
        let of_key = of_key.query_map([table], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
        let key: Vec<usize> =
            of_key.iter().filter_map(|name| columns.iter().position(|column| column == name)).collect();
        if key.len() != of_key.len() || key.is_empty() || key.len() > 2 {
            return Err(Error::BuiltIn("a key of one or two columns"));
        }
        let mut tables = self.tables.borrow_mut();
        tables.push(Held { table, columns, key, again, bytes: Vec::new(), rows: Vec::new(), runs: Vec::new() });
        Ok(tables.len() - 1)
    }

    /// Keeps a row, its values in the order of the columns.
    pub(crate) fn keep(&self, table: usize, values: &[&dyn ToSql]) -> Result<()> {
        let mut tables = self.tables.borrow_mut();
        let held = tables.get_mut(table).ok_or(Error::BuiltIn("a table of the load"))?;
        let added = held.keep(values)?;
        self.size.set(self.size.get() + added);
        if self.size.get() > self.in_memory
            && let Some(largest) = tables.iter_mut().max_by_key(|held| held.size())
        {
            self.size.set(self.size.get() - largest.size());
            largest.spill(&self.folder)?;
        }
        Ok(())
    }

    /// Writes all rows into their tables. From then on rows are written at once.
    ///
    /// # Errors
    /// [`Error::Collision`] if two rows have the same key.
    pub(crate) fn write(&self, conn: &Connection, ids: Ids) -> Result<()> {
        self.open.set(false);
        self.devices.take();
        let tables = self.tables.take();
        let mut outs = tables.iter().map(|held| Out::new(conn, held, ids)).collect::<Result<Vec<_>>>()?;
        std::thread::scope(|scope| {
            let (send, blocks) = sync_channel(BLOCKS);
            let folder = self.folder.as_path();
            scope.spawn(move || sort(tables, folder, &send));
            blocks.into_iter().try_for_each(|block: Result<Block>| {
                let block = block?;
                let out = outs.get_mut(block.table).ok_or(Error::BuiltIn("a table of the load"))?;
                out.block(&block)
            })
        })
    }
}

/// Passes the rows of all tables on, sorted.
fn sort(tables: Vec<Held>, folder: &Path, send: &SyncSender<Result<Block>>) {
    for (table, held) in tables.into_iter().enumerate() {
        match held.sort(folder, Sorted::new(table, send)) {
            Ok(true) => {}
            // The writer gave up, for a reason of its own.
            Ok(false) => break,
            Err(error) => {
                let _gone = send.send(Err(error));
                break;
            }
        }
    }
}

impl Held {
    fn size(&self) -> usize {
        self.bytes.len() + self.rows.len() * size_of::<(Key, u32, u32)>()
    }

    /// Returns by how many bytes it grew.
    fn keep(&mut self, values: &[&dyn ToSql]) -> Result<usize> {
        let before = self.size();
        let mut key = Key::default();
        let begin = self.bytes.len();
        for (at, value) in values.iter().enumerate() {
            let value = value.to_sql()?;
            let value = match &value {
                ToSqlOutput::Borrowed(value) => *value,
                ToSqlOutput::Owned(value) => ValueRef::from(value),
                _ => return Err(Error::BuiltIn("a value of a row")),
            };
            if let Some(place) = self.key.iter().position(|column| *column == at) {
                key[place] = value.as_i64().map_err(|_| Error::BuiltIn("a key that is no number"))?;
            }
            encode(&mut self.bytes, value);
        }
        let short = |at: usize| u32::try_from(at).map_err(|_| Error::BuiltIn("the size of a load"));
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
        self.rows.sort_unstable_by_key(|(key, begin, _)| (*key, *begin));
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

    /// Passes the rows on in order; returns whether somebody still writes them.
    fn sort(mut self, folder: &Path, mut sorted: Sorted) -> Result<bool> {
        if !self.runs.is_empty() {
            self.spill(folder)?;
            let mut runs = Merge::of(self.runs)?;
            while let Some((_, row)) = runs.next()? {
                if !sorted.row(row) {
                    return Ok(false);
                }
            }
            return Ok(sorted.pass_on());
        }
        self.rows.sort_unstable_by_key(|(key, begin, _)| (*key, *begin));
        let all = self.rows.iter().all(|(_, begin, end)| sorted.row(&self.bytes[*begin as usize..*end as usize]));
        Ok(all && sorted.pass_on())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use rusqlite::types::Value;

    const PARTS: &str = "CREATE TABLE parts (whole INTEGER, seq INTEGER, name TEXT, size REAL, mark BLOB,
        PRIMARY KEY (whole, seq)) WITHOUT ROWID";
    const COLUMNS: [&str; 5] = ["whole", "seq", "name", "size", "mark"];

    fn ids() -> Ids {
        Ids::new(0)
    }

    /// Rows in an order that is none, of every type and of sizes from nothing to a page.
    fn parts(count: i64) -> Vec<Vec<Value>> {
        let shuffled = (0..count).map(|at| at * 7919 % count);
        let value = |of: i64| match of % 3 {
            0 => Value::Null,
            1 => Value::Text("é".repeat(usize::try_from(of % 5_000).unwrap())),
            _ => Value::Blob(of.to_be_bytes().to_vec()),
        };
        let row = |of: i64| {
            let whole = if of % 2 == 0 { -(of << 40) } else { of };
            vec![
                Value::Integer(whole),
                Value::Integer(of % 300),
                value(of),
                Value::Real(of as f64 / 3.0),
                value(of + 1),
            ]
        };
        shuffled.map(row).collect()
    }

    fn keep(load: &Load, table: usize, row: &[Value]) {
        let values: Vec<&dyn ToSql> = row.iter().map(|value| value as &dyn ToSql).collect();
        load.keep(table, &values).unwrap();
    }

    fn all(conn: &Connection) -> Vec<Vec<Value>> {
        let mut all = conn.prepare("SELECT * FROM parts ORDER BY whole, seq").unwrap();
        let all = all.query_map([], |row| (0..COLUMNS.len()).map(|at| row.get(at)).collect()).unwrap();
        all.map(rusqlite::Result::unwrap).collect()
    }

    #[test]
    fn rows_come_back_as_they_were_and_in_order_whatever_the_memory() {
        let folder = tempfile::tempdir().unwrap();
        // 1 byte makes a run of every row, and merges of runs.
        for (count, in_memory) in [(2_003, usize::MAX), (2_003, 100_000), (331, 1)] {
            let conn = Connection::open_in_memory().unwrap();
            conn.execute_batch(PARTS).unwrap();
            let load = Load::keeping(folder.path().to_owned(), true, in_memory);
            let table = load.table(&conn, "parts", &COLUMNS, Again::Collides).unwrap();
            let mut rows = parts(count);
            rows.iter().for_each(|row| keep(&load, table, row));
            assert_eq!(all(&conn).len(), 0);
            load.write(&conn, ids()).unwrap();
            assert!(!load.is_open());
            rows.sort_by_key(|row| match row[..2] {
                [Value::Integer(whole), Value::Integer(seq)] => (whole, seq),
                _ => unreachable!(),
            });
            assert!(all(&conn) == rows, "{count} rows, {in_memory} bytes");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_key_that_comes_again_collides_unless_the_row_is_the_same_and_may_come_again() {
        let [first, mut other] = [0, 0].map(|_| parts(1).remove(0));
        other[3] = Value::Real(7.0);
        for (again, second, in_table, collides) in [
            (Again::Collides, &first, false, true),
            (Again::IsOnce, &first, false, false),
            (Again::IsOnce, &other, false, true),
            (Again::IsOnce, &first, true, false),
            (Again::IsOnce, &other, true, true),
        ] {
            let conn = Connection::open_in_memory().unwrap();
            conn.execute_batch(PARTS).unwrap();
            if in_table {
                let insert = "INSERT INTO parts VALUES (?, ?, ?, ?, ?)";
                conn.execute(insert, rusqlite::params_from_iter(&first)).unwrap();
            }
            let load = Load::new(std::env::temp_dir(), true);
            let table = load.table(&conn, "parts", &COLUMNS, again).unwrap();
            let kept = if in_table { vec![second] } else { vec![&first, second] };
            kept.into_iter().for_each(|row| keep(&load, table, row));
            let written = load.write(&conn, ids());
            match written {
                Err(Error::Collision { what: "parts", salt: 0 }) => assert!(collides),
                written => assert!(written.is_ok() && !collides, "{again:?} {second:?}"),
            }
        }
    }

    #[test]
    fn a_key_that_comes_again_collides_wherever_it_is_among_many_rows() {
        for again in [0, 40, 99] {
            let conn = Connection::open_in_memory().unwrap();
            conn.execute_batch(PARTS).unwrap();
            let load = Load::new(std::env::temp_dir(), true);
            let table = load.table(&conn, "parts", &COLUMNS, Again::Collides).unwrap();
            let rows = parts(101);
            rows.iter().chain([&rows[again]]).for_each(|row| keep(&load, table, row));
            let written = load.write(&conn, ids());
            assert!(matches!(written, Err(Error::Collision { what: "parts", salt: 0 })), "{again}: {written:?}");
        }
    }
}
