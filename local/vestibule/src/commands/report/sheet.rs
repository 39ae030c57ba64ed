//! Rows as CSV.
//!
//! Must stay true: no text becomes a formula. Senders choose device names, and a spreadsheet runs a cell that begins
//! like a formula. On a terminal, no text acts upon it.

use super::cell::{Stopped, cell};
use crate::output::one_line;
use csv::{ByteRecord, ErrorKind, Terminator, Writer, WriterBuilder};
use rusqlite::Row;
use rusqlite::types::ValueRef;
use std::borrow::Cow;
use std::io::Write;

/// The mark by which Excel recognises UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Writes CSV by RFC 4180, in UTF-8, with the line ends of the RFC.
pub struct Sheet<W: Write> {
    out: Writer<W>,
    record: ByteRecord,
    is_terminal: bool,
}

impl<W: Write> Sheet<W> {
    /// Writes the names of the columns. On a terminal, what it would act upon is escaped; elsewhere texts are written
    /// as they are.
    pub fn begin(mut out: W, names: &[String], bom: bool, is_terminal: bool) -> Result<Self, Stopped> {
        if bom {
            out.write_all(BYTE_ORDER_MARK.as_bytes())?;
        }
        let mut out = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        let names = names.iter().map(|name| written(name, is_terminal));
        out.write_record(&names.collect::<ByteRecord>()).map_err(output)?;
        Ok(Self { out, record: ByteRecord::new(), is_terminal })
    }

    /// Writes a row.
    pub fn row(&mut self, row: &Row<'_>, columns: usize) -> Result<(), Stopped> {
        self.record.clear();
        for at in 0..columns {
            let value = row.get_ref(at)?;
            let text = cell(value);
            match value {
                ValueRef::Text(_) => self.record.push_field(&written(&text, self.is_terminal)),
                _ => self.record.push_field(text.as_bytes()),
            }
        }
        self.out.write_byte_record(&self.record).map_err(output)
    }

    /// Writes what is still buffered.
    pub fn end(mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// A text of a cell.
fn written(text: &str, is_terminal: bool) -> Vec<u8> {
    let text = harmless(text);
    if is_terminal { one_line(&text).into_bytes() } else { text.into_owned().into_bytes() }
}

fn output(error: csv::Error) -> Stopped {
    // The error is returned unchanged, so that the caller can recognise a reader that stopped reading.
    Stopped::Output(match error.into_kind() {
        ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    })
}

/// Characters that begin a formula. East Asian versions accept the wide forms as well.
const SIGNS: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A text that no spreadsheet takes for a formula. A text that begins like one, even after blanks, gets an apostrophe
/// before it. In countries that separate lists by semicolons, a spreadsheet may split a cell there, so a sign after a
/// semicolon gets an apostrophe too.
fn harmless(text: &str) -> Cow<'_, str> {
    let blank = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
    let mut out = String::new();
    if text.starts_with(char::is_control) || text.trim_start_matches(blank).starts_with(SIGNS) {
        out.push('\'');
    } else if !text.contains([';', '\t']) {
        return Cow::Borrowed(text);
    }
    let mut begins = false;
    for c in text.chars() {
        if begins && SIGNS.contains(&c) {
            out.push('\'');
        }
        begins = matches!(c, ';' | '\t') || begins && (blank(c) || c == '"');
        out.push(c);
    }
    Cow::Owned(out)
}
