//! Rows as a table for people, as JSON or as CSV.
//!
//! Must stay true: rows are written as they are read, so that memory does not grow with their number.

use super::cell::{Few, Stopped, cell, hex, too_many};
use super::file::described;
use super::sheet::Sheet;
use crate::output::{json_text, one_line};
use rusqlite::Rows;
use rusqlite::types::ValueRef;
use serde_json::json;
use std::collections::HashSet;
use std::io::{IsTerminal as _, Write};
use std::path::Path;
use unicode_width::UnicodeWidthStr as _;
use vestibule_platform::BoxError;

/// Rows that decide the widths of the columns.
const MEASURED: usize = 1_000;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Aligned, for people.
    Table,
    /// An array of objects.
    Json,
    /// RFC 4180.
    Csv,
}

impl Form {
    /// The form that the options ask for.
    pub const fn chosen(json: bool, csv: bool) -> Self {
        match (json, csv) {
            (true, _) => Self::Json,
            (false, true) => Self::Csv,
            (false, false) => Self::Table,
        }
    }
}

/// Prints the rows of a statement.
pub fn show(path: &Path, names: &[String], rows: Rows<'_>, form: Form, most: Option<u64>) -> Result<(), BoxError> {
    let mut rows = Few::new(rows, most);
    let failed = |error: rusqlite::Error| described(path, &error);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let written = match form {
        Form::Table => table(&mut out, names, &mut rows),
        Form::Json => objects(&mut out, names, &mut rows),
        Form::Csv => sheet(&mut out, names, &mut rows),
    };
    let flushed = out.flush();
    match written.and(flushed.map_err(Stopped::Output)) {
        Ok(()) => Ok(()),
        Err(Stopped::File(error)) => Err(failed(error)),
        Err(Stopped::Rows(most)) => Err(format!("{}: {}", path.display(), too_many(most)).into()),
        // A reader that stopped reading is not our error.
        Err(Stopped::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(Stopped::Output(error)) => Err(error.into()),
    }
}

fn sheet(out: &mut impl Write, names: &[String], rows: &mut Few<'_>) -> Result<(), Stopped> {
    let mut sheet = Sheet::begin(out, names, false, std::io::stdout().is_terminal())?;
    while let Some(row) = rows.read()? {
        sheet.row(row, names.len())?;
    }
    Ok(sheet.end()?)
}

/// One object per line. If columns have the same name, the later ones get a number, so that none is lost.
fn objects(out: &mut impl Write, names: &[String], rows: &mut Few<'_>) -> Result<(), Stopped> {
    let keys: Vec<String> = distinct(names).iter().map(|name| json_text(&json!(name))).collect();
    let mut between = "[";
    while let Some(row) = rows.read()? {
        write!(out, "{between}")?;
        for (at, key) in keys.iter().enumerate() {
            let value = match row.get_ref(at)? {
                ValueRef::Null => "null".to_owned(),
                ValueRef::Text(text) => json_text(&json!(String::from_utf8_lossy(text))),
                // JSON has no infinity, but readers turn a number that is too large into one.
                ValueRef::Real(real) if real.is_infinite() => if real > 0.0 { "1e999" } else { "-1e999" }.to_owned(),
                ValueRef::Blob(bytes) => json!(hex(bytes)).to_string(),
                number => cell(number),
            };
            write!(out, "{}{key}:{value}", if at == 0 { "{" } else { "," })?;
        }
        write!(out, "}}")?;
        between = ",\n";
    }
    Ok(writeln!(out, "{}]", if between == "[" { "[" } else { "" })?)
}

fn distinct(names: &[String]) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    let mut out = Vec::with_capacity(names.len());
    for name in names {
        let mut free = name.clone();
        let mut number = 1;
        while taken.contains(&free) || (number > 1 && names.contains(&free)) {
            number += 1;
            free = format!("{name}_{number}");
        }
        taken.insert(free.clone());
        out.push(free);
    }
    out
}

/// Numbers are aligned to the right of their column.
struct Cell {
    text: String,
    number: bool,
}

fn table(out: &mut impl Write, names: &[String], rows: &mut Few<'_>) -> Result<(), Stopped> {
    let mut widths: Vec<usize> = names.iter().map(|name| one_line(name).width()).collect();
    let mut first = Vec::new();
    let mut more = true;
    while first.len() < MEASURED {
        let Some(line) = line(rows, names.len())? else {
            more = false;
            break;
        };
        for (width, cell) in widths.iter_mut().zip(&line) {
            *width = (*width).max(cell.text.width());
        }
        first.push(line);
    }
    // The name of a column is aligned like its values.
    let number = |at: usize| first.iter().filter_map(|line: &Vec<Cell>| line.get(at)).any(|cell| cell.number);
    let head: Vec<Cell> =
        names.iter().enumerate().map(|(at, name)| Cell { text: one_line(name), number: number(at) }).collect();
    print(out, &widths, &head)?;
    let rule: Vec<Cell> = widths.iter().map(|width| Cell { text: "-".repeat(*width), number: false }).collect();
    print(out, &widths, &rule)?;
    for line in first {
        print(out, &widths, &line)?;
    }
    while more {
        match line(rows, names.len())? {
            Some(line) => print(out, &widths, &line)?,
            None => more = false,
        }
    }
    Ok(())
}

fn line(rows: &mut Few<'_>, columns: usize) -> Result<Option<Vec<Cell>>, Stopped> {
    let Some(row) = rows.read()? else { return Ok(None) };
    let mut line = Vec::with_capacity(columns);
    for at in 0..columns {
        let value = row.get_ref(at)?;
        let number = matches!(value, ValueRef::Integer(_) | ValueRef::Real(_));
        line.push(Cell { text: one_line(&cell(value)), number });
    }
    Ok(Some(line))
}

fn print(out: &mut impl Write, widths: &[usize], cells: &[Cell]) -> std::io::Result<()> {
    let mut line = String::new();
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let gap = " ".repeat(width.saturating_sub(cell.text.width()));
        line.push_str(if at == 0 { "" } else { "  " });
        line.push_str(if cell.number { &gap } else { "" });
        line.push_str(&cell.text);
        line.push_str(if cell.number { "" } else { &gap });
    }
    writeln!(out, "{}", line.trim_end_matches(' '))
}
