//! Writing rows by the names of their columns.
//!
//! The code that makes a value also names its column; the statement is prepared from the names, before the first row.
//!
//! Must stay true: a row has a value for every column of its table and for nothing else. If a table gains a column that
//! no row fills, the first insert fails; the column never stays empty unnoticed. The check runs once for each
//! statement, not for each row.

use crate::error::{Error, Result};
use crate::write::load::{Again, Load};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement, ToSql, params_from_iter};
use std::rc::Rc;

/// The value of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Field<'v> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'v str),
    Blob(&'v [u8]),
}

/// What can be a column's value. Its type is known where a row is made, so that a value costs no call.
pub(crate) trait AsField {
    fn field(&self) -> Field<'_>;
}

macro_rules! integers {
    ($($of:ty),+) => {
        $(impl AsField for $of {
            fn field(&self) -> Field<'_> {
                Field::Integer(i64::from(*self))
            }
        })+
    };
}
integers!(bool, u8, u16, u32, i32, i64);

impl AsField for f64 {
    fn field(&self) -> Field<'_> {
        Field::Real(*self)
    }
}

impl AsField for str {
    fn field(&self) -> Field<'_> {
        Field::Text(self)
    }
}

impl AsField for String {
    fn field(&self) -> Field<'_> {
        Field::Text(self)
    }
}

impl AsField for [u8] {
    fn field(&self) -> Field<'_> {
        Field::Blob(self)
    }
}

impl<const N: usize> AsField for [u8; N] {
    fn field(&self) -> Field<'_> {
        Field::Blob(self)
    }
}

impl<T: AsField> AsField for Option<T> {
    fn field(&self) -> Field<'_> {
        self.as_ref().map_or(Field::Null, T::field)
    }
}

impl<T: AsField + ?Sized> AsField for &T {
    fn field(&self) -> Field<'_> {
        (**self).field()
    }
}

impl ToSql for Field<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(number),
            Self::Real(number) => ValueRef::Real(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(blob) => ValueRef::Blob(blob),
        }))
    }
}

impl<'v> Field<'v> {
    /// What a query found.
    ///
    /// # Errors
    /// If it is a text that is not UTF-8.
    pub(crate) fn read(value: ValueRef<'v>) -> Result<Self> {
        Ok(match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Integer(number),
            ValueRef::Real(number) => Self::Real(number),
            ValueRef::Text(_) => Self::Text(value.as_str().map_err(rusqlite::Error::from)?),
            ValueRef::Blob(blob) => Self::Blob(blob),
        })
    }
}

/// The values of a row, by the names of their columns: see [`row!`].
pub(crate) struct Row<'v, const N: usize> {
    pub(crate) names: &'static [&'static str; N],
    pub(crate) values: [Field<'v>; N],
}

/// `row! { column: value, … }`: a [`Row`].
macro_rules! row {
    ($($name:ident: $value:expr),+ $(,)?) => {
        $crate::rows::Row { names: &[$(stringify!($name)),+], values: [$($crate::rows::AsField::field(&$value)),+] }
    };
}
pub(crate) use row;

/// Puts rows into a table.
pub(crate) struct InsertInto<'c> {
    conn: &'c Connection,
    table: &'static str,
    /// What SQLite does with a row whose key is taken.
    conflict: &'static str,
    prepared: Option<(&'static [&'static str], Statement<'c>)>,
    /// Where rows are kept during a first load, and the table's number there once a row was.
    load: Option<(Rc<Load>, Option<usize>)>,
}

impl<'c> InsertInto<'c> {
    /// A key that is taken is an error.
    pub(crate) const fn new(conn: &'c Connection, table: &'static str) -> Self {
        Self { conn, table, conflict: "", prepared: None, load: None }
    }

    /// The same for a table of facts, whose rows a first load keeps.
    pub(crate) fn loading(conn: &'c Connection, table: &'static str, load: &Rc<Load>) -> Self {
        Self { load: Some((Rc::clone(load), None)), ..Self::new(conn, table) }
    }

    /// A row whose key is taken is left out.
    pub(crate) const fn unless_taken(conn: &'c Connection, table: &'static str) -> Self {
        Self { conn, table, conflict: " ON CONFLICT DO NOTHING", prepared: None, load: None }
    }

    /// Inserts a row; returns how many rows the table gained.
    ///
    /// # Errors
    /// [`Error::Columns`] if the row has other columns than the table; [`Error::Sqlite`] if SQLite refuses the row.
    pub(crate) fn insert<const N: usize>(&mut self, row: Row<'_, N>) -> Result<usize> {
        let names: &[&str] = row.names;
        if let Some((load, number)) = &mut self.load
            && load.is_open()
        {
            let number = match number {
                Some(number) => *number,
                None => *number.insert(load.table(self.conn, self.table, row.names, Again::Collides)?),
            };
            load.keep(number, &row.values)?;
            return Ok(1);
        }
        if let Some((prepared, statement)) = &mut self.prepared
            && (std::ptr::eq(*prepared, names) || *prepared == names)
        {
            return Ok(statement.execute(params_from_iter(&row.values))?);
        }
        let Self { conn, table, conflict, .. } = self;
        check(conn, table, names)?;
        let (columns, marks) = (names.join(", "), vec!["?"; N].join(", "));
        let statement = conn.prepare(&format!("INSERT INTO {table} ({columns}) VALUES ({marks}){conflict}"))?;
        let (_, statement) = self.prepared.insert((row.names, statement));
        Ok(statement.execute(params_from_iter(&row.values))?)
    }
}

/// Checks that `names` are the columns of the table, each once.
pub(crate) fn check(conn: &Connection, table: &'static str, names: &[&str]) -> Result<()> {
    let mut columns = conn.prepare_cached("SELECT name FROM pragma_table_info(?1)")?;
    let columns = columns.query_map([table], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    let missing = columns.iter().find(|column| !names.contains(&column.as_str())).map(String::as_str);
    let unknown = names.iter().copied().find(|name| !columns.iter().any(|column| column == name));
    let twice = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)).map(|(_, name)| *name);
    let problem = missing.map(|column| (column, "has no value")).or(unknown.map(|column| (column, "is unknown")));
    match problem.or(twice.map(|column| (column, "has two values"))) {
        Some((column, problem)) => Err(Error::Columns { table, column: column.to_owned(), problem }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn devices() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE devices (name TEXT PRIMARY KEY, colour TEXT, weight INTEGER)").unwrap();
        conn
    }

    fn all(conn: &Connection) -> Vec<(String, Option<String>, i64)> {
        let mut all = conn.prepare("SELECT name, colour, weight FROM devices ORDER BY name").unwrap();
        let all = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        all.map(std::result::Result::unwrap).collect()
    }

    #[test]
    fn values_are_matched_to_columns_by_name_not_position() {
        let conn = devices();
        let mut insert = InsertInto::new(&conn, "devices");
        for weight in 1..3 {
            insert.insert(row! { weight: weight, name: format!("d{weight}"), colour: None::<&str> }).unwrap();
        }
        // The same inserter accepts the columns in another order.
        insert.insert(row! { name: "d3", colour: "red", weight: 3 }).unwrap();
        insert.insert(row! { weight: 4, name: "d4", colour: "blue" }).unwrap();
        let expected = [("d1", None, 1), ("d2", None, 2), ("d3", Some("red"), 3), ("d4", Some("blue"), 4)];
        assert_eq!(all(&conn), expected.map(|(name, colour, n)| (name.to_owned(), colour.map(str::to_owned), n)));
    }

    #[test]
    fn a_missing_unknown_or_duplicate_column_is_an_error() {
        let conn = devices();
        let mut insert = InsertInto::new(&conn, "devices");
        let message = |result: Result<usize>| result.unwrap_err().to_string();
        assert_eq!(message(insert.insert(row! { name: "a", weight: 1 })), "a row of devices: colour has no value");
        let more = row! { name: "a", weight: 1, colour: "red", height: 2 };
        assert_eq!(message(insert.insert(more)), "a row of devices: height is unknown");
        let twice = row! { name: "a", weight: 1, colour: "red", weight: 2 };
        assert_eq!(message(insert.insert(twice)), "a row of devices: weight has two values");
        assert_eq!(all(&conn), []);
    }

    #[test]
    fn a_key_that_is_taken_is_an_error_or_left_out_as_asked() {
        let conn = devices();
        let mut insert = InsertInto::new(&conn, "devices");
        assert_eq!(insert.insert(row! { name: "a", weight: 1, colour: "red" }).unwrap(), 1);
        assert!(matches!(insert.insert(row! { name: "a", weight: 2, colour: "red" }), Err(Error::Sqlite(_))));
        let left_out = InsertInto::unless_taken(&conn, "devices").insert(row! { name: "a", weight: 3, colour: "red" });
        assert_eq!(left_out.unwrap(), 0);
        assert_eq!(all(&conn), [("a".to_owned(), Some("red".to_owned()), 1)]);
    }
}
