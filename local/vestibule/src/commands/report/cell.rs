//! A value of a row as text, and the errors that stop the writing of rows.

use rusqlite::types::ValueRef;
use rusqlite::{Row, Rows};
use std::fmt::Write as _;
use vestibule_words::form::plural;

/// Why rows stopped.
pub enum Stopped {
    /// The rest of the file can't be read.
    File(rusqlite::Error),
    /// The output can't be written.
    Output(std::io::Error),
    /// There are more rows than may be written.
    Rows(u64),
}

/// Rows, as many as may be written.
pub struct Few<'s> {
    rows: Rows<'s>,
    left: Option<u64>,
    most: u64,
}

impl<'s> Few<'s> {
    pub fn new(rows: Rows<'s>, most: Option<u64>) -> Self {
        Self { rows, left: most, most: most.unwrap_or_default() }
    }

    /// The next row.
    pub fn read(&mut self) -> Result<Option<&Row<'s>>, Stopped> {
        let row = self.rows.next()?;
        if row.is_some() && self.left == Some(0) {
            return Err(Stopped::Rows(self.most));
        }
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(row)
    }
}

/// Why the rows ended before their end.
pub fn too_many(most: u64) -> String {
    format!("stopped after {}: --max-rows allows more, and 0 any number", plural(most, "row", "rows"))
}

impl From<rusqlite::Error> for Stopped {
    fn from(error: rusqlite::Error) -> Self {
        Self::File(error)
    }
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

/// A value as text: empty for NULL, all digits of a number, bytes in hexadecimal.
pub fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        // Unlike Display, Debug writes an exponent if that is shorter.
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => hex(bytes),
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string doesn't fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}
