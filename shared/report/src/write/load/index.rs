//! An index whose entries are kept and written as rows are.
//!
//! Must stay true: an index has an entry for each row that its condition lets in, and no other; an index that cannot be written
//! here is left to SQLite, which makes it from the rows.

use super::Key;
use super::record::{Layout, Type, place};
use super::tree::Kind;
use crate::error::Result;
use crate::rows::Field;
use rusqlite::Connection;

/// Which rows of a table have an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Only {
    All,
    /// Those with a value in the column of this place.
    With(usize),
    /// Those with this number in it.
    Equal(usize, i64),
}

/// An index by one column of numbers or blobs, of a table whose rows are numbered.
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub layout: Layout,
    /// The place of its column among those of a row that is kept.
    at: usize,
    only: Only,
}

/// The indexes of a table: those whose entries can be kept with its rows, and the names of the others.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    pub kept: Vec<Index>,
    pub others: Vec<String>,
}

impl Indexes {
    /// Those that a table has, whose rows are kept with the values of these columns.
    pub(super) fn of(conn: &Connection, table: &str, names: &[&str], of: &Layout) -> Result<Self> {
        let sql = "SELECT s.name, s.rootpage, s.sql FROM sqlite_schema s WHERE s.type = 'index' AND s.tbl_name = ?1 ORDER BY s.rootpage";
        let mut listed = conn.prepare(sql)?;
        let read = |row: &rusqlite::Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let listed =
            listed.query_map([table], read)?.collect::<rusqlite::Result<Vec<(String, u32, Option<String>)>>>()?;
        let mut indexes = Self::default();
        for (name, root, sql) in listed {
            match Index::of(conn, &name, root, &sql.unwrap_or_default(), names, of)? {
                Some(index) => indexes.kept.push(index),
                None => indexes.others.push(name),
            }
        }
        Ok(indexes)
    }
}

impl Index {
    fn of(conn: &Connection, name: &str, root: u32, sql: &str, names: &[&str], of: &Layout) -> Result<Option<Self>> {
        let mut parts = conn.prepare("SELECT name, \"desc\" FROM pragma_index_xinfo(?1) ORDER BY seqno")?;
        let parts = parts.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let parts = parts.collect::<rusqlite::Result<Vec<(Option<String>, bool)>>>()?;
        // Its column, and the number of the row.
        let [(Some(column), false), (None, false)] = parts.as_slice() else { return Ok(None) };
        let Some(at) = place(names, column).filter(|_| of.kind == Kind::Rowid) else { return Ok(None) };
        let Some(only) = Only::read(sql, names) else { return Ok(None) };
        let has_value = only == Only::With(at) || of.is_never_empty(at);
        // Texts may have long beginnings in common, and the entries of one key are in memory together.
        let Some(of) = of.type_of(at).filter(|of| has_value && matches!(of, Type::Integer | Type::Blob)) else {
            return Ok(None);
        };
        Ok(Some(Self { layout: Layout::of_index(root, of), at, only }))
    }

    /// Its entry for a row, if it has one.
    pub(super) fn entry<'v>(&self, values: &[Field<'v>]) -> Option<Entry<'v>> {
        let has_one = match self.only {
            Only::All => true,
            Only::With(at) => values.get(at) != Some(&Field::Null),
            Only::Equal(at, equal) => values.get(at) == Some(&Field::Integer(equal)),
        };
        match values.get(self.at).filter(|_| has_one)? {
            Field::Integer(value) => Some(Entry::Number(*value)),
            Field::Blob(value) => Some(Entry::Blob(value)),
            _ => None,
        }
    }
}

/// The value by which an index has a row; entries are in the order of their values, those of one value in that of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry<'v> {
    Number(i64),
    Blob(&'v [u8]),
}

impl<'v> Entry<'v> {
    /// Adds to `rest` what is not in the key under which the entry of a row is kept. A lesser entry has a lesser key, or the same.
    pub(super) fn write(self, row: i64, rest: &mut Vec<u8>) -> Key {
        match self {
            Self::Number(value) => [value, row],
            Self::Blob(value) => {
                rest.extend_from_slice(value);
                rest.extend_from_slice(&row.to_be_bytes());
                let mut first = [0; 16];
                first.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
                let [high, low] = [&first[..8], &first[8..]].map(|half| half.try_into().map_or(0, u64::from_be_bytes));
                // As numbers without a sign are ordered.
                [high, low].map(|half| (half ^ 1 << 63).cast_signed())
            }
        }
    }

    /// The entry that is kept so, and its row.
    pub(super) fn read(key: Key, rest: &'v [u8]) -> (Self, i64) {
        match rest.split_last_chunk() {
            Some((value, row)) => (Self::Blob(value), i64::from_be_bytes(*row)),
            None => (Self::Number(key[0]), key[1]),
        }
    }
}

impl Only {
    /// The condition of an index, if it is of a kind that there is here.
    fn read(sql: &str, names: &[&str]) -> Option<Self> {
        let Some((_, condition)) = sql.split_once(" WHERE ") else { return Some(Self::All) };
        match condition.split_whitespace().collect::<Vec<_>>().as_slice() {
            [column, "IS", "NOT", "NULL"] => place(names, column).map(Self::With),
            [column, "=", number] => Some(Self::Equal(place(names, column)?, number.parse().ok()?)),
            _ => None,
        }
    }
}
