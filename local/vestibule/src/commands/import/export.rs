//! Reads Intune's exports for `import`. They are recognised by the columns at the file's beginning and read row by row.
//!
//! CSV as Intune writes it is not quite RFC 4180: it begins with a byte order mark, has quotes within cells that are
//! not quoted, and rows with cells missing at the end; a spreadsheet saves it with semicolons or tabs. A row with more
//! cells than columns is refused, since it is unknown which cell belongs to which column.

use super::Lines;
use super::shape::BYTE_ORDER_MARK;
use csv::{ByteRecord, Reader, ReaderBuilder};
use serde_json::Value;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;
use vestibule_domain::{Reports, Timestamp};
use vestibule_platform::BoxError;
use vestibule_webhook::FieldError;
use vestibule_webhook::cloudevents::Parsed;
use vestibule_webhook::sources::intune_export::{Report, Row, read_row, rows_of_json};

/// Largest export in JSON, in bytes. It is read into memory as a whole.
const MOST_JSON_BYTES: u64 = 64 << 20;
/// The characters that may separate cells.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// An export that is being read.
pub struct Export {
    /// The report that it is an export of.
    pub report: &'static Report,
    rows: Rows,
    /// Rows read so far.
    done: u64,
}

enum Rows {
    Csv { reader: Box<Reader<BufReader<File>>>, columns: Vec<Option<String>> },
    Json { rows: std::vec::IntoIter<Result<Row, FieldError>>, bytes: u64 },
}

impl Export {
    /// Opens the file with this beginning, if it is an export of a known report.
    ///
    /// # Errors
    /// When it can't be read, or is too large.
    pub fn open(file: &Path, beginning: &[u8]) -> Result<Option<Self>, BoxError> {
        let text = beginning.strip_prefix(BYTE_ORDER_MARK).unwrap_or(beginning).trim_ascii_start();
        match text.first() {
            Some(b'{' | b'[') if may_be_json(text) => Self::open_json(file),
            Some(b'{' | b'[') | None => Ok(None),
            Some(_) => Self::open_csv(file, text),
        }
    }

    fn open_csv(file: &Path, beginning: &[u8]) -> Result<Option<Self>, BoxError> {
        let line = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count = |separator: &u8| line.iter().filter(|byte| *byte == separator).count();
        let separator = SEPARATORS.into_iter().max_by_key(count).unwrap_or(b',');
        let mut with = ReaderBuilder::new();
        with.has_headers(false).flexible(true).delimiter(separator);
        // Only the beginning is searched: the first line of another file may be endless.
        let mut header = ByteRecord::new();
        if !with.from_reader(beginning).read_byte_record(&mut header)? {
            return Ok(None);
        }
        let names: Vec<String> = header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let Some(report) = Report::with_columns(names.iter().map(String::as_str)) else { return Ok(None) };
        let mut reader = with.from_reader(BufReader::new(File::open(file)?));
        reader.read_byte_record(&mut header)?;
        let columns = names.iter().map(|name| report.column(name)).collect();
        Ok(Some(Self { report, rows: Rows::Csv { reader: Box::new(reader), columns }, done: 0 }))
    }

    fn open_json(file: &Path) -> Result<Option<Self>, BoxError> {
        let bytes = std::fs::metadata(file)?.len();
        if bytes > MOST_JSON_BYTES {
            return Err("the export is larger than is read of JSON (64 MiB); export it as CSV".into());
        }
        let mut text = Vec::new();
        File::open(file)?.take(MOST_JSON_BYTES).read_to_end(&mut text)?;
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
        let Ok(value) = serde_json::from_slice::<Value>(text) else { return Ok(None) };
        let found = rows_of_json(value);
        Ok(found.map(|(report, rows)| Self { report, rows: Rows::Json { rows: rows.into_iter(), bytes }, done: 0 }))
    }

    /// Skips the first `rows`.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn skip(&mut self, rows: u64) -> Result<(), BoxError> {
        while self.done < rows && self.next_row()?.is_some() {}
        Ok(())
    }

    /// The events of the next rows, until there are about `most`.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read_batch(&mut self, now: Timestamp, most: usize) -> Result<Lines, BoxError> {
        let received = self.report.sender.received(now, true);
        let (before, at) = (self.done, self.bytes_read());
        let mut parsed: Vec<(u64, Parsed)> = Vec::new();
        while parsed.len() < most {
            let Some((line, row)) = self.next_row()? else { break };
            parsed.extend(read_row(self.report, &row, received).into_iter().map(|parsed| (line, parsed)));
        }
        Ok(Lines { parsed, bytes: self.bytes_read().saturating_sub(at), count: self.done - before })
    }

    /// The next row with its line number, or with its position if the file has no lines.
    fn next_row(&mut self) -> Result<Option<Numbered>, BoxError> {
        let read = match &mut self.rows {
            Rows::Json { rows, .. } => rows.next().map(|row| (self.done + 1, row)),
            Rows::Csv { reader, columns } => {
                let mut cells = ByteRecord::new();
                let is_there = reader.read_byte_record(&mut cells)?;
                is_there.then(|| (cells.position().map_or(self.done + 2, csv::Position::line), row_of(columns, &cells)))
            }
        };
        self.done += u64::from(read.is_some());
        Ok(read)
    }

    /// Bytes of the file read so far.
    fn bytes_read(&self) -> u64 {
        match &self.rows {
            Rows::Csv { reader, .. } => reader.position().byte(),
            Rows::Json { rows, bytes } if rows.len() == 0 => *bytes,
            Rows::Json { .. } => 0,
        }
    }

    /// What the report contains and what it does not, in words.
    pub fn says(&self) -> String {
        let (reports, cannot) = self.reports();
        format!(
            "Intune's report {} (source {}) reports {}. It does not report {}.",
            self.report.name,
            self.report.sender.name,
            reports.join(", "),
            cannot.join(", ")
        )
    }

    /// What the sender reports of an enrollment, and what it does not.
    pub fn reports(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let reports: Vec<&str> = self.report.sender.reports.words().collect();
        let cannot = Reports::ALL.words().filter(|word| !reports.contains(word) && *word != "deviceTime").collect();
        (reports, cannot)
    }
}

/// A row or the reason why it is invalid, with its number.
type Numbered = (u64, Result<Row, FieldError>);

/// Whether the beginning of a JSON file may be that of an export: it names the columns of a report, and its first line
/// is not an event.
fn may_be_json(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_event = serde_json::from_slice::<Value>(line).is_ok_and(|line| line.get("specversion").is_some());
    let text = String::from_utf8_lossy(text);
    !is_event && Report::with_columns(text.split('"')).is_some()
}

fn row_of(columns: &[Option<String>], cells: &ByteRecord) -> Result<Row, FieldError> {
    let refuse = |problem: &str| FieldError { field: String::new(), problem: problem.to_owned() };
    if cells.len() > columns.len() {
        return Err(refuse("the row has more cells than there are columns"));
    }
    let cells: Result<Vec<&str>, _> = cells.iter().map(std::str::from_utf8).collect();
    let cells = cells.map_err(|_| refuse("the row is not UTF-8"))?;
    Ok(Report::row(columns, cells))
}
