//! The rows of a file's first load, kept until they can be written in the order in which they lie.
//!
//! Rows come device by device, but tables lie by time or by a hash, and a row written in the middle of a large table costs
//! a page read and a page written. So a first load keeps its rows in memory, moves them to temporary files as sorted runs
//! when there are many, and at its end merges the runs of a table into it.
//!
//! Must stay true: the memory in use does not depend on the number of rows, but for one number a device
//! ([`Load::came`]); a row whose key is taken is a collision, as when it is written at once.

use crate::error::{Error, Result};
use crate::lists::ids::Ids;
use crate::rows;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement, ToSql};
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::path::PathBuf;

/// Bytes of rows kept in memory, of all tables together.
const IN_MEMORY: usize = 24 << 20;
/// Runs of one table that are merged into one before there are more: each that is read has a buffer.
const MOST_RUNS: usize = 64;
/// Bytes that are read or written at once.
const BUFFER: usize = 64 << 10;

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
    devices: RefCell<HashSet<i64>>,
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
        for held in self.tables.take() {
            held.write(conn, &self.folder, ids)?;
        }
        self.devices.take();
        Ok(())
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
    fn spill(&mut self, folder: &std::path::Path) -> Result<()> {
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

    fn write(mut self, conn: &Connection, folder: &std::path::Path, ids: Ids) -> Result<()> {
        let mut out = Out::new(conn, &self, ids)?;
        if self.runs.is_empty() {
            self.rows.sort_unstable_by_key(|(key, begin, _)| (*key, *begin));
            return self
                .rows
                .iter()
                .try_for_each(|(key, begin, end)| out.row(*key, &self.bytes[*begin as usize..*end as usize]));
        }
        self.spill(folder)?;
        let mut runs = Merge::of(self.runs)?;
        while let Some((key, row)) = runs.next()? {
            out.row(key, row)?;
        }
        Ok(())
    }
}

/// Writes the rows of one table, in order.
struct Out<'c> {
    table: &'static str,
    insert: Statement<'c>,
    columns: usize,
    /// Where a row may come more than once: the row before, and the one that stands under a key.
    once: Option<(Vec<u8>, Statement<'c>)>,
    ids: Ids,
}

impl<'c> Out<'c> {
    fn new(conn: &'c Connection, held: &Held, ids: Ids) -> Result<Self> {
        let Held { table, columns, key, again, .. } = held;
        let marks = vec!["?"; columns.len()].join(", ");
        let names = columns.join(", ");
        let (conflict, once) = match again {
            Again::Collides => ("", None),
            Again::IsOnce => {
                let is_key = key.iter().map(|at| format!("{} = ?", columns[*at])).collect::<Vec<_>>().join(" AND ");
                let stands = conn.prepare(&format!("SELECT {names} FROM {table} WHERE {is_key}"))?;
                (" ON CONFLICT DO NOTHING", Some((Vec::new(), stands)))
            }
        };
        let insert = conn.prepare(&format!("INSERT INTO {table} ({names}) VALUES ({marks}){conflict}"))?;
        Ok(Self { table, insert, columns: columns.len(), once, ids })
    }

    fn row(&mut self, key: Key, row: &[u8]) -> Result<()> {
        if let Some((before, _)) = &mut self.once {
            if before == row {
                return Ok(());
            }
            before.clear();
            before.extend_from_slice(row);
        }
        let mut values = row;
        for at in 1..=self.columns {
            self.insert.raw_bind_parameter(at, ToSqlOutput::Borrowed(decode(&mut values)?))?;
        }
        let inserted = self.insert.raw_execute().map_err(Error::from);
        let stood_before = matches!(inserted, Ok(0));
        self.ids.unique(self.table, inserted)?;
        let Some((before, stands)) = self.once.as_mut().filter(|_| stood_before) else { return Ok(()) };
        let keys = stands.parameter_count();
        let mut found = stands.query(rusqlite::params_from_iter(&key[..keys]))?;
        let mut same = Vec::with_capacity(before.len());
        if let Some(found) = found.next()? {
            for at in 0..self.columns {
                encode(&mut same, found.get_ref(at)?);
            }
        }
        match same == *before {
            true => Ok(()),
            false => Err(Error::Collision { what: self.table, salt: self.ids.salt }),
        }
    }
}

fn run(folder: &std::path::Path, rows: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<File> {
    let mut out = BufWriter::with_capacity(BUFFER, tempfile::tempfile_in(folder)?);
    rows(&mut out)?;
    let mut file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(file)
}

fn write_row(out: &mut BufWriter<File>, key: Key, row: &[u8]) -> Result<()> {
    for part in key {
        out.write_all(&part.to_le_bytes())?;
    }
    out.write_all(&u32::try_from(row.len()).map_err(|_| Error::BuiltIn("the size of a row"))?.to_le_bytes())?;
    Ok(out.write_all(row)?)
}

/// A run being read: its next row.
struct Next {
    file: BufReader<File>,
    key: Key,
    row: Vec<u8>,
}

impl Next {
    /// Reads the next row; returns whether there was one.
    fn advance(&mut self) -> Result<bool> {
        let mut head = [0; 20];
        match self.file.read_exact(&mut head) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        let ([first, second], [length]) = (head[..16].as_chunks::<8>().0, head[16..].as_chunks::<4>().0) else {
            return Ok(false);
        };
        self.key = [i64::from_le_bytes(*first), i64::from_le_bytes(*second)];
        self.row.resize(u32::from_le_bytes(*length) as usize, 0);
        self.file.read_exact(&mut self.row)?;
        Ok(true)
    }
}

/// Several runs as one, by key; of equal keys the earlier run's comes first.
struct Merge {
    runs: Vec<Next>,
    heads: BinaryHeap<Reverse<(Key, usize)>>,
    /// The run whose row was handed out last.
    last: Option<usize>,
}

impl Merge {
    fn of(runs: Vec<File>) -> Result<Self> {
        let mut merge = Self { runs: Vec::with_capacity(runs.len()), heads: BinaryHeap::new(), last: None };
        for (at, file) in runs.into_iter().enumerate() {
            let file = BufReader::with_capacity(BUFFER, file);
            merge.runs.push(Next { file, key: Key::default(), row: Vec::new() });
            merge.advance(at)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, at: usize) -> Result<()> {
        if self.runs[at].advance()? {
            self.heads.push(Reverse((self.runs[at].key, at)));
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(Key, &[u8])>> {
        if let Some(last) = self.last.take() {
            self.advance(last)?;
        }
        let Some(Reverse((key, at))) = self.heads.pop() else { return Ok(None) };
        self.last = Some(at);
        Ok(Some((key, &self.runs[at].row)))
    }
}

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;
/// Tags from here on are the small numbers themselves: most columns are one of a list.
const SMALL: u8 = 5;

fn encode(bytes: &mut Vec<u8>, value: ValueRef<'_>) {
    let long = |bytes: &mut Vec<u8>, tag: u8, long: &[u8]| {
        bytes.push(tag);
        bytes.extend_from_slice(&(long.len() as u64).to_le_bytes()[..4]);
        bytes.extend_from_slice(long);
    };
    match value {
        ValueRef::Null => bytes.push(NULL),
        ValueRef::Integer(number) => match u8::try_from(number) {
            Ok(small) if small <= u8::MAX - SMALL => bytes.push(SMALL + small),
            _ => {
                bytes.push(INTEGER);
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        },
        ValueRef::Real(number) => {
            bytes.push(REAL);
            bytes.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        ValueRef::Text(text) => long(bytes, TEXT, text),
        ValueRef::Blob(blob) => long(bytes, BLOB, blob),
    }
}

/// Takes the first value off encoded ones.
fn decode<'b>(bytes: &mut &'b [u8]) -> Result<ValueRef<'b>> {
    const TORN: Error = Error::BuiltIn("a row of a run");
    let tag = *bytes.split_off_first().ok_or(TORN)?;
    let mut number = || bytes.split_off(..8).and_then(|eight| eight.try_into().ok()).ok_or(TORN);
    Ok(match tag {
        NULL => ValueRef::Null,
        INTEGER => ValueRef::Integer(i64::from_le_bytes(number()?)),
        REAL => ValueRef::Real(f64::from_bits(u64::from_le_bytes(number()?))),
        TEXT | BLOB => {
            let length = bytes.split_off(..4).and_then(|four| four.try_into().ok()).ok_or(TORN)?;
            let long = bytes.split_off(..u32::from_le_bytes(length) as usize).ok_or(TORN)?;
            if tag == TEXT { ValueRef::Text(long) } else { ValueRef::Blob(long) }
        }
        small => ValueRef::Integer(i64::from(small - SMALL)),
    })
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
}
