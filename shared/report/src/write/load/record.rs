//! Rows as SQLite stores them: its record format (section 2.1 of its file format).
//!
//! Must stay true: the same values are the same bytes, those that SQLite would write; a value has the type of its column, because
//! nothing is converted here.

use super::Key;
use super::tree::{Kind, varint};
use crate::error::{Error, Result};
use crate::rows::{self, Field};
use rusqlite::Connection;

/// The types of a column, by the name it is declared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Integer,
    Real,
    Text,
    Blob,
}

#[derive(Clone, Copy, Debug)]
struct Column {
    /// Its place among the columns of a row that is kept.
    at: usize,
    of: Type,
    not_null: bool,
    /// Whether it is the number of the row, which is not part of its record.
    is_rowid: bool,
}

/// How a table stores its rows, or an index its entries.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub kind: Kind,
    /// The first page of its tree.
    pub root: u32,
    /// The places of the key's columns.
    pub key: Vec<usize>,
    /// The columns in the order in which a record has them.
    columns: Vec<Column>,
}

impl Layout {
    /// That of a table whose rows are kept with the values of these columns.
    ///
    /// # Errors
    /// [`Error::Columns`] if the table has other columns.
    pub(super) fn of(conn: &Connection, table: &'static str, names: &[&str]) -> Result<Self> {
        rows::check(conn, table, names)?;
        let sql = "SELECT s.rootpage, l.wr FROM sqlite_schema s JOIN pragma_table_list(s.name) l WHERE s.type = 'table' AND s.name = ?1";
        let (root, without_rowid): (u32, bool) = conn.query_row(sql, [table], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let kind = if without_rowid { Kind::WithoutRowid } else { Kind::Rowid };
        // A table without row numbers begins with the columns of its key.
        let sql =
            "SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1) ORDER BY iif(?2 AND pk > 0, pk - 1000, cid)";
        let mut columns = conn.prepare(sql)?;
        let read = |row: &rusqlite::Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let columns = columns.query_map((table, without_rowid), read)?;
        let columns = columns.collect::<rusqlite::Result<Vec<(String, String, bool, usize)>>>()?;
        let mut key = Vec::new();
        let mut stored = Vec::with_capacity(columns.len());
        for (name, of, not_null, in_key) in &columns {
            let at = place(names, name).ok_or(Error::BuiltIn("a column of the load"))?;
            let of = match of.as_str() {
                "INTEGER" => Type::Integer,
                "REAL" => Type::Real,
                "TEXT" => Type::Text,
                "BLOB" => Type::Blob,
                _ => return Err(Error::BuiltIn("the type of a column")),
            };
            let is_key = *in_key > 0;
            if is_key {
                key.push((*in_key, at));
            }
            // A key of an ordinary table that is a number is the number of the row.
            stored.push(Column { at, of, not_null: *not_null || is_key, is_rowid: !without_rowid && is_key });
        }
        key.sort_unstable();
        Ok(Self { kind, root, key: key.into_iter().map(|(_, at)| at).collect(), columns: stored })
    }

    /// That of an index by one column, which has with it the number of the row.
    pub(super) fn of_index(root: u32, of: Type) -> Self {
        let column = |at, of| Column { at, of, not_null: true, is_rowid: false };
        let columns = vec![column(0, of), column(1, Type::Integer)];
        Self { kind: Kind::WithoutRowid, root, key: Vec::new(), columns }
    }

    /// The type of the values in the column at this place.
    pub(super) fn type_of(&self, at: usize) -> Option<Type> {
        self.column(at).map(|column| column.of)
    }

    /// Whether every row has a value in the column at this place.
    pub(super) fn is_never_empty(&self, at: usize) -> bool {
        self.column(at).is_some_and(|column| column.not_null)
    }

    fn column(&self, at: usize) -> Option<&Column> {
        self.columns.iter().find(|column| column.at == at)
    }

    /// Adds the record of a row, its values in the order in which they are kept; returns its key.
    pub(super) fn encode(&self, encoder: &mut Encoder, bytes: &mut Vec<u8>, values: &[Field<'_>]) -> Result<Key> {
        let Encoder { types, content } = encoder;
        types.clear();
        content.clear();
        for column in &self.columns {
            match (values.get(column.at).copied(), column.of) {
                (Some(Field::Integer(_)), _) if column.is_rowid => types.push(0),
                (Some(Field::Null), _) if !column.not_null => types.push(0),
                (Some(Field::Integer(number)), Type::Integer) => integer(types, content, number),
                (Some(Field::Real(number)), Type::Real) if !number.is_nan() => match whole(number) {
                    Some(whole) => integer(types, content, whole),
                    None => {
                        types.push(7);
                        content.extend_from_slice(&number.to_bits().to_be_bytes());
                    }
                },
                (Some(Field::Text(text)), Type::Text) => {
                    varint(types, 13 + 2 * text.len() as u64);
                    content.extend_from_slice(text.as_bytes());
                }
                (Some(Field::Blob(blob)), Type::Blob) => {
                    varint(types, 12 + 2 * blob.len() as u64);
                    content.extend_from_slice(blob);
                }
                _ => return Err(Error::BuiltIn("a value of another type than its column")),
            }
        }
        header(bytes, types);
        bytes.extend_from_slice(types);
        bytes.extend_from_slice(content);
        let mut key = Key::default();
        for (part, at) in key.iter_mut().zip(&self.key) {
            let Some(Field::Integer(number)) = values.get(*at) else {
                return Err(Error::BuiltIn("a key that is no number"));
            };
            *part = *number;
        }
        Ok(key)
    }

    /// Sets `record` to that of a row of numbers, in the order in which it has them.
    pub(super) fn numbers(&self, encoder: &mut Encoder, record: &mut Vec<u8>, values: impl Iterator<Item = i64>) {
        let Encoder { types, content } = encoder;
        types.clear();
        content.clear();
        for (column, value) in self.columns.iter().zip(values) {
            match column.is_rowid {
                true => types.push(0),
                false => integer(types, content, value),
            }
        }
        record.clear();
        header(record, types);
        record.extend_from_slice(types);
        record.extend_from_slice(content);
    }

    /// Whether its records have the columns in the order in which they are kept, each a number.
    pub(super) fn is_numbers_in_order(&self) -> bool {
        self.columns.iter().enumerate().all(|(place, column)| column.at == place && column.of == Type::Integer)
    }
}

/// The place of a column among those of a row that is kept.
pub(super) fn place(names: &[&str], name: &str) -> Option<usize> {
    names.iter().position(|column| *column == name)
}

/// Room for making records.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    types: Vec<u8>,
    content: Vec<u8>,
}

/// The length of a record's list of types, itself included, which is all there is before the types.
fn header(bytes: &mut Vec<u8>, types: &[u8]) {
    let length = types.len() as u64;
    let own = (1..).find(|own| length + own < 1 << (7 * own)).unwrap_or(9);
    varint(bytes, length + own);
}

/// The whole number that SQLite stores in a column of fractions where there is nothing behind the point and six bytes are
/// enough: reading it makes a fraction of it again.
fn whole(number: f64) -> Option<i64> {
    const SIX_BYTES: f64 = 140_737_488_355_327.0;
    (number.fract() == 0.0 && number.abs() <= SIX_BYTES).then_some(number as i64)
}

/// A number in as few bytes as it needs; 0 and 1 need none.
fn integer(types: &mut Vec<u8>, content: &mut Vec<u8>, number: i64) {
    let magnitude = number ^ (number >> 63);
    let (of, length): (u8, usize) = match magnitude {
        _ if number == 0 || number == 1 => (8 + u8::from(number == 1), 0),
        0..=0x7f => (1, 1),
        0x80..=0x7fff => (2, 2),
        0x8000..=0x7f_ffff => (3, 3),
        0x80_0000..=0x7fff_ffff => (4, 4),
        0x8000_0000..=0x7fff_ffff_ffff => (5, 6),
        _ => (6, 8),
    };
    types.push(of);
    content.extend_from_slice(&number.to_be_bytes()[8 - length..]);
}
