//! Intune's reports that an administrator exports by hand or by script: tables in which each row is about one
//! enrollment.
//!
//! <https://learn.microsoft.com/en-us/intune/intune-service/fundamentals/reports-export-graph-available-reports> lists the
//! columns, and <https://learn.microsoft.com/en-us/intune/intune-service/fundamentals/reports-export-graph-apis> the forms:
//! CSV or JSON. Microsoft documents little about the values. Enumerations are numbers; a column beside, whose name ends
//! with `_loc`, has the words in the language of the exporter. Times are UTC, though they do not say so.
//!
//! Must stay true: a row makes the same events in every copy of it, in either form and any order of columns.

use super::graph::{read_time, reported_text};
use super::{Sender, intune_autopilot_deployments, intune_enrollment_activity, intune_enrollment_failures};
use crate::cloudevents::{Batch, BodyError, MAX_BODY_BYTES, MAX_EVENTS, Parsed, Received, without_mark};
use crate::fields::{FieldError, Reader};
use serde_json::{Map, Value};
use vestibule_domain::Timestamp;
use vestibule_domain::event::MAX_TEXT_CHARS;

/// A row: texts by the names of the report's columns. Blank cells are left out.
pub type Row = Map<String, Value>;

/// A report that can be exported.
#[derive(Debug)]
pub struct Report {
    /// Microsoft's name for it.
    pub name: &'static str,
    /// The sender that reports its contents.
    pub sender: &'static Sender,
    /// Its columns, as Microsoft writes them.
    pub columns: &'static [&'static str],
    /// A set of columns that no other report has.
    pub known_by: &'static [&'static str],
    /// How a row is read.
    pub read: fn(&Row, Received) -> Vec<Parsed>,
}

/// The reports that are read.
pub static REPORTS: [&Report; 3] =
    [&intune_enrollment_activity::REPORT, &intune_enrollment_failures::REPORT, &intune_autopilot_deployments::REPORT];

/// The suffix of a column with words.
const WORDS: &str = "_loc";

/// A column's name without what spreadsheets and portals may change: capitals, spaces and punctuation.
fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

impl Report {
    /// The report that has these columns.
    pub fn with_columns<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<&'static Self> {
        let names: Vec<String> = names.into_iter().map(folded).collect();
        let has = |column: &&str| names.contains(&folded(column));
        REPORTS.into_iter().find(|report| report.known_by.iter().all(&has))
    }

    /// The column's name as the report spells it; `None` if the report has no such column.
    pub fn column(&self, name: &str) -> Option<String> {
        let name = folded(name);
        let with_words = |column: &str| format!("{column}{WORDS}");
        self.columns.iter().find_map(|column| match folded(column) {
            plain if plain == name => Some((*column).to_owned()),
            plain if folded(&with_words(&plain)) == name => Some(with_words(column)),
            _ => None,
        })
    }

    /// A row made of cells; [`column`](Self::column) gives the names in `columns`.
    pub fn row<'c>(columns: &[Option<String>], cells: impl IntoIterator<Item = &'c str>) -> Row {
        let cells = columns.iter().zip(cells).filter(|(_, cell)| !cell.trim().is_empty());
        let named = cells.filter_map(|(column, cell)| Some((column.clone()?, Value::String(cell.trim().to_owned()))));
        named.collect()
    }

    /// A row from a JSON object.
    fn row_of_object(&self, object: &Map<String, Value>) -> Row {
        let named = object.iter().filter_map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.trim().to_owned(),
                Value::Number(number) => number.to_string(),
                Value::Bool(value) => value.to_string(),
                _ => return None,
            };
            Some((self.column(name)?, Value::String(text))).filter(|(_, text)| text != "")
        });
        named.collect()
    }
}

/// Rows as objects, or an error for an entry that is not a row.
type Rows = Vec<Result<Map<String, Value>, FieldError>>;

/// The rows of an export in JSON: a list of objects, such a list in `value` or `values`, or lists of cells whose
/// columns `schema` names. `None` for any other form.
fn objects(value: Value) -> Option<Rows> {
    let not_a_row = || FieldError { field: String::new(), problem: "must be an object".to_owned() };
    let (rows, columns) = match value {
        Value::Array(rows) => (rows, Vec::new()),
        Value::Object(mut object) => {
            let mut take = |wanted: &str| {
                let name = object.keys().find(|name| name.eq_ignore_ascii_case(wanted)).cloned()?;
                match object.remove(&name) {
                    Some(Value::Array(list)) => Some(list),
                    _ => None,
                }
            };
            let columns = take("schema").unwrap_or_default();
            match take("values").or_else(|| take("value")) {
                Some(rows) => (rows, columns),
                None => (vec![Value::Object(object)], Vec::new()),
            }
        }
        _ => return None,
    };
    let name = |column: &Value| {
        let object = column.as_object()?;
        let (_, name) = object.iter().find(|(name, _)| name.eq_ignore_ascii_case("column"))?;
        name.as_str().map(str::to_owned)
    };
    let columns: Vec<Option<String>> = columns.iter().map(name).collect();
    let rows = rows.into_iter().map(|row| match row {
        Value::Object(object) => Ok(object),
        Value::Array(cells) if !columns.is_empty() && cells.len() <= columns.len() => {
            let named = columns.iter().cloned().zip(cells).filter_map(|(name, cell)| Some((name?, cell)));
            Ok(named.collect())
        }
        _ => Err(not_a_row()),
    });
    Some(rows.collect())
}

/// The report and rows of an export in JSON; `None` if it is not a report that we read.
pub fn rows_of_json(value: Value) -> Option<(&'static Report, Vec<Result<Row, FieldError>>)> {
    let rows = objects(value)?;
    let report = rows.iter().flatten().find_map(|row| Report::with_columns(row.keys().map(String::as_str)))?;
    Some((report, rows.into_iter().map(|row| row.map(|row| report.row_of_object(&row))).collect()))
}

/// The events of a row.
pub fn read_row(report: &Report, row: &Result<Row, FieldError>, received: Received) -> Vec<Parsed> {
    match row {
        Ok(row) => (report.read)(row, received),
        Err(error) => vec![Parsed::Invalid { id: None, errors: vec![error.clone()] }],
    }
}

/// Reads an export in JSON of one report, as a script posts it.
pub(super) fn parse(body: &[u8], report: &Report, received: Received) -> Result<Batch, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let value: Value = serde_json::from_slice(without_mark(body))
        .map_err(|error| BodyError::NotJson { line: error.line(), column: error.column() })?;
    let is_list =
        value.is_array() || ["values", "value"].iter().any(|name| value.get(name).is_some_and(Value::is_array));
    let rows = objects(value).ok_or(BodyError::NotAnEvent)?;
    if rows.len() > MAX_EVENTS {
        return Err(BodyError::TooManyEvents);
    }
    let is_of = |row: &Map<String, Value>| {
        Report::with_columns(row.keys().map(String::as_str)).is_some_and(|found| found.name == report.name)
    };
    if !rows.is_empty() && !rows.iter().flatten().any(is_of) {
        return Err(BodyError::Malformed("it does not have the columns of this report"));
    }
    let rows = rows.into_iter().map(|row| row.map(|row| report.row_of_object(&row)));
    let events = rows.flat_map(|row| read_row(report, &row, received)).collect();
    Ok(Batch { events, is_list })
}

/// The words of an enumeration: from its own column, or, if that holds a number, from the column beside it.
pub(super) fn words(row: &mut Reader<'_, '_>, column: &str) -> Option<String> {
    let text = reported_text(row, column, MAX_TEXT_CHARS);
    let is_number = text.as_ref().is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.filter(|_| !is_number).or_else(|| reported_text(row, &format!("{column}{WORDS}"), MAX_TEXT_CHARS))
}

/// A time as exports write it, in UTC without a zone: `2026-07-19 15:35:56.3022384`.
pub(super) fn time(row: &mut Reader<'_, '_>, column: &str) -> Option<Timestamp> {
    let text = row.text(column, MAX_TEXT_CHARS)?;
    let time = utc(&text);
    if time.is_none() {
        row.refuse(column, "must be a time like 2026-01-31 15:35:56, in UTC");
    }
    time
}

/// The instant that the text names.
pub(super) fn utc(text: &str) -> Option<Timestamp> {
    let text = text.trim().replacen(' ', "T", 1).replace(' ', "");
    read_time(&text).or_else(|| read_time(&format!("{text}Z")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_is_known_by_its_columns_in_any_spelling() {
        for report in REPORTS {
            assert!(report.known_by.iter().all(|column| report.columns.contains(column)), "{}", report.name);
            let found = Report::with_columns(report.columns.iter().copied()).unwrap();
            assert_eq!(found.name, report.name, "no other report has these columns");
        }
        let spelled = ["\u{feff}Enrollment failure date/time", "OS", "FAILUREREASON"];
        assert_eq!(Report::with_columns(spelled).unwrap().name, "DeviceEnrollmentFailures");
        assert!(Report::with_columns(["Date", "Device name", "Serial number", "UPN", "Status"]).is_none());
        let report = Report::with_columns(spelled).unwrap();
        assert_eq!(report.column("enrollment method_LOC").as_deref(), Some("EnrollmentMethod_loc"));
        assert_eq!(report.column("SerialNumber"), None);
    }

    #[test]
    fn rows_are_the_same_in_every_form_of_json() {
        let names = ["EnrollmentFailureDateTime", "FailureReason", "FailureReason_loc", "UPN"];
        let cells = json!(["2026-11-25 10:11:12", 9, "Enrollment restrictions", null]);
        let object: Map<String, Value> =
            names.iter().map(|name| (*name).to_owned()).zip(cells.as_array().unwrap().clone()).collect();
        let schema: Vec<Value> = names.iter().map(|name| json!({"Column": name, "PropertyType": "String"})).collect();
        let first = rows_of_json(json!([object])).unwrap().1;
        assert_eq!(first[0].as_ref().unwrap()["FailureReason"], "9");
        assert_eq!(first[0].as_ref().unwrap().len(), 3, "null is left out");
        for form in [
            json!({"value": [object]}),
            json!({"values": [object]}),
            json!(object),
            json!({"TotalRowCount": 1, "Schema": schema, "Values": [cells]}),
        ] {
            let (report, rows) = rows_of_json(form).unwrap();
            assert_eq!((report.name, &rows), ("DeviceEnrollmentFailures", &first));
        }
        let (_, rows) = rows_of_json(json!([object, 7])).unwrap();
        assert!(rows[0].is_ok() && rows[1].is_err());
        for other in [json!([]), json!(7), json!({"specversion": "1.0"})] {
            assert!(rows_of_json(other).is_none());
        }
    }

    #[test]
    fn a_time_without_a_zone_is_utc() {
        for (text, millis) in [
            ("2026-07-19 15:35:56.3022384", Some(1_784_475_356_302)),
            ("2026-07-19T15:35:56Z", Some(1_784_475_356_000)),
            (" 2026-07-19 17:35:56 +02:00 ", Some(1_784_475_356_000)),
            ("0001-01-01 00:00:00", None),
            ("7/19/2026 3:35:56 PM", None),
            ("", None),
        ] {
            assert_eq!(utc(text).map(Timestamp::millis), millis, "{text}");
        }
    }
}
