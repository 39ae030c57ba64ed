//! Reads a table of tags: one row a device, one column a tag.
//!
//! Must stay true: what is wrong is named by its column and line; a long cell is not shown.

use csv::{ReaderBuilder, StringRecord};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use vestibule_domain::{Tags, Timestamp};
use vestibule_platform::BoxError;
use vestibule_store::Tenant;
use vestibule_webhook::Received;
use vestibule_webhook::cloudevents::{Parsed, parse_event};

/// The column that names a device.
const SERIAL_NUMBER: &str = "serialNumber";
/// The sender of the events.
const SOURCE: &str = "urn:vestibule:tags";
/// The largest table, in bytes: it is read into memory.
const MOST_BYTES: u64 = 64 << 20;
/// Problems that are listed.
const LISTED: usize = 10;
const BYTE_ORDER_MARK: &str = "\u{feff}";
/// The characters that may separate cells.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// A row with at least one tag.
pub struct Row {
    /// The device.
    pub serial_number: String,
    /// Its tags, under the tenant's spelling of their keys.
    pub tags: Tags,
    /// The event that says so.
    pub event: Parsed,
}

/// A column: the device, or the tag of this key.
#[derive(PartialEq, Eq)]
enum Column {
    Device,
    Tag(String),
}

/// The rows of a file that have tags.
///
/// # Errors
/// If it can't be read, or if anything in it is wrong.
pub fn read(file: &Path, tenant: &Tenant, now: Timestamp) -> Result<Vec<Row>, BoxError> {
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    if opened.metadata()?.len() > MOST_BYTES {
        return Err(format!("{} has more than 64 MiB: split it", file.display()).into());
    }
    opened.take(MOST_BYTES).read_to_string(&mut text).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut problems = Vec::new();
    let rows = rows(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text), tenant, now, &mut problems);
    if problems.is_empty() {
        return Ok(rows);
    }
    let more = problems.len().saturating_sub(LISTED);
    problems.truncate(LISTED);
    if more > 0 {
        problems.push(format!("and {more} more"));
    }
    Err(format!("nothing of {} was stored: {}", file.display(), problems.join("; ")).into())
}

fn rows(text: &str, tenant: &Tenant, now: Timestamp, problems: &mut Vec<String>) -> Vec<Row> {
    let line = text.lines().next().unwrap_or_default();
    let found = |separator: &u8| line.bytes().filter(|byte| byte == separator).count();
    let separator = SEPARATORS.into_iter().max_by_key(found).unwrap_or(b',');
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes());
    let mut cells = StringRecord::new();
    let mut rows: Vec<Row> = Vec::new();
    let mut columns: Option<Vec<Column>> = None;
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        match reader.read_record(&mut cells) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                problems.push(format!("it is no CSV: {error}"));
                break;
            }
        }
        let line = cells.position().map_or(0, csv::Position::line);
        let Some(columns) = &columns else {
            columns = Some(header(&cells, tenant, problems));
            if !problems.is_empty() {
                break;
            }
            continue;
        };
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if cells.len() > columns.len() {
            problems.push(format!("line {line} has more cells than columns"));
            continue;
        }
        let Some((serial_number, tags)) = row(columns, &cells) else {
            problems.push(format!("line {line} has no {SERIAL_NUMBER}"));
            continue;
        };
        if let Some(before) = lines.insert(serial_number.to_lowercase(), line) {
            problems.push(format!("line {line} is about the device of line {before}"));
            continue;
        }
        if tags.is_empty() {
            continue;
        }
        let event = parse_event(&event(&serial_number, &tags, now), Received::native(now, true));
        if let Parsed::Invalid { errors, .. } = &event {
            problems.extend(errors.iter().map(|error| {
                let name = error.field.rsplit('.').next().unwrap_or_default();
                format!("line {line}: {name} {}", error.problem)
            }));
            continue;
        }
        rows.push(Row { serial_number, tags, event });
    }
    if columns.is_none() && problems.is_empty() {
        problems.push("it is empty".to_owned());
    }
    rows
}

fn header(cells: &StringRecord, tenant: &Tenant, problems: &mut Vec<String>) -> Vec<Column> {
    let keys = &tenant.settings.tag_keys;
    let mut columns: Vec<Column> = Vec::new();
    for cell in cells {
        let name = cell.trim();
        let column = match keys.named(name) {
            _ if name.eq_ignore_ascii_case(SERIAL_NUMBER) => Column::Device,
            Some(key) => Column::Tag(key.to_owned()),
            None => {
                let kept = keys.iter().collect::<Vec<_>>().join(", ");
                problems.push(format!(
                    "line 1: {name:?} is no tag that {0} keeps ({kept}). To keep it: vestibule tenant set {0} 'tagKeys=[…]'",
                    tenant.id
                ));
                continue;
            }
        };
        if columns.contains(&column) {
            problems.push(format!("line 1: the column {name:?} is there twice"));
        }
        columns.push(column);
    }
    if problems.is_empty() && !columns.contains(&Column::Device) {
        problems.push(format!("line 1: it has no column {SERIAL_NUMBER}"));
    }
    if problems.is_empty() && columns.len() < 2 {
        problems.push("line 1: it has no column of a tag".to_owned());
    }
    columns
}

/// The device and the tags of a row; `None` without a device. An empty cell says nothing.
fn row(columns: &[Column], cells: &StringRecord) -> Option<(String, Tags)> {
    let (mut serial_number, mut tags) = (None, Tags::new());
    for (column, cell) in columns.iter().zip(cells) {
        let cell = cell.trim();
        match column {
            _ if cell.is_empty() => {}
            Column::Device => serial_number = Some(cell.to_owned()),
            Column::Tag(key) => {
                tags.insert(key.clone(), cell.to_owned());
            }
        }
    }
    Some((serial_number?, tags))
}

/// The event of a row. Its id is made of what it says and when.
fn event(serial_number: &str, tags: &Tags, now: Timestamp) -> Value {
    let data = json!({"device": {"serialNumber": serial_number}, "tags": tags});
    let digest = Sha256::digest(format!("{now} {data}"));
    let id: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    json!({
        "specversion": "1.0", "id": id, "source": SOURCE, "type": "enrollment.tagged", "time": now.to_string(), "data": data,
    })
}
