//! A value of a row as text, and the errors that stop the writing of rows.

use rusqlite::types::ValueRef;
use std::fmt::Write as _;

/// Why rows stopped.
pub enum Stopped {
    /// The rest of the file can't be read.
    File(rusqlite::Error),
    /// The output can't be written.
    Output(std::io::Error),
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
