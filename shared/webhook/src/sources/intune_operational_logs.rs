//! Microsoft Intune's operational logs, as Azure Monitor's diagnostic settings stream them: the end of every
//! enrollment.
//!
//! <https://learn.microsoft.com/en-us/intune/intune-service/fundamentals/review-logs-using-azure-monitor> (setting it
//! up), <https://learn.microsoft.com/en-us/azure/azure-monitor/platform/resource-logs-schema> (`time`, `category`,
//! `operationName`, `resultType`, `properties` of every record) and
//! <https://learn.microsoft.com/en-us/azure/azure-monitor/reference/tables/intuneoperationallogs> (the same as a row of
//! Log Analytics: `TimeGenerated`, `Category`, `OperationName`, `Result`, and `Properties` as text). Microsoft
//! documents nowhere what `properties` holds; the names here come from records that others published (see the tests).
//!
//! Azure sends the logs to an event hub, and the organisation's forwarder posts them here. A Logic App's HTTP action
//! sends again after 408, 429 and 5xx, four times within about two minutes, and then gives up
//! (<https://learn.microsoft.com/en-us/azure/logic-apps/error-exception-handling>). An Azure Function sends again by
//! its retry policy; without one it never does, because an event hub's trigger moves on even after a failure
//! (<https://learn.microsoft.com/en-us/azure/azure-functions/functions-reliable-event-processing>). Both may send a
//! record twice, and an event hub delivers at least once. So an event's id is the record's `MessageId` or, if that is
//! missing, made from what was reported.
//!
//! What Intune cannot report here: that an enrollment began, and on which screen the person was, so only the end of an
//! attempt is seen; that somebody gave up without cancelling (there is no record); compliance (the operation
//! `Compliance` reports only devices that are *not* compliant); unenrollment, so a device that enrolls anew with the
//! directory's old id stays enrolled; the serial number, the device's name, and the user's address.

use super::graph::{MAX_ID_CHARS, failure, id_of, platform, read_time, reported_text, step};
use super::{
    Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, enrollment_event, entra_sign_ins, reported, sample,
};
use crate::cloudevents::{Batch, BodyError, MAX_BODY_BYTES, MAX_EVENTS, Parsed, Received};
use crate::fields::{FieldError, Reader, is_identifier};
use crate::proof::Proof;
use http::HeaderMap;
use serde_json::{Map, Value};
use std::borrow::Cow;
use vestibule_domain::event::{About, EventKey, Kind, MAX_MESSAGE_CHARS, MAX_TEXT_CHARS};
use vestibule_domain::failure::{Failure, FailureCategory};
use vestibule_domain::identity::IdentifierKind;

/// The `source` of every event made here.
pub const SOURCE: &str = "intune:operationalLogs";

/// The sender.
pub static SENDER: Sender = Sender {
    name: "intune-operational-logs",
    title: "Microsoft Intune, operational logs",
    proofs: &[Proof::Path, Proof::StandardWebhooks],
    answer: Answer::ALWAYS,
    repeats: Repeats::AsSetUp,
    // A failure of the category `UserAbandonment` becomes a stop.
    reports: Reports {
        starts: false,
        steps: false,
        stops: true,
        failures: true,
        ends: true,
        compliance: false,
        removals: false,
        clock: Clock::Server,
    },
    besides: &[],
    tags: SenderTags::NONE,
    source: Some(SOURCE),
    settings: "Intune: Reports > Diagnostics settings > OperationalLogs to an event hub; a forwarder posts its records to\n{url}",
    files: &[],
    samples: &[
        sample!(
            "intune-operational-logs-records.json",
            Becomes::Event(Kind::Enrolled),
            Becomes::Event(Kind::Failed),
            Becomes::Event(Kind::Stopped),
            Becomes::Ignored
        ),
        sample!("intune-operational-logs-placeholder.json", Becomes::Refused),
        sample!("intune-operational-logs-sign-ins.json", Becomes::SignIn, Becomes::Ignored),
    ],
    read: parse,
};

/// Reads one record, a list of records, an event hub's message (`{"records": […]}`), a list of such messages, or any of
/// these one per line.
///
/// # Errors
/// When the body as a whole has none of these forms, or is too large.
pub fn parse(body: &[u8], _headers: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let (messages, is_list) = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(list)) => (list.into_iter().map(Some).collect(), true),
        Ok(value @ Value::Object(_)) => {
            let is_list = value.get("records").is_some_and(Value::is_array);
            (vec![Some(value)], is_list)
        }
        Ok(_) => return Err(BodyError::NotAnEvent),
        Err(error) => {
            let not_json = BodyError::NotJson { line: error.line(), column: error.column() };
            (read_lines(body).ok_or(not_json)?, true)
        }
    };
    let records: Vec<Option<&Value>> = messages.iter().flat_map(records_of).take(MAX_EVENTS + 1).collect();
    if records.len() > MAX_EVENTS {
        return Err(BodyError::TooManyEvents);
    }
    let events = records.into_iter().flat_map(|record| parse_record(record, received)).collect();
    Ok(Batch { events, is_list })
}

/// The JSON of each line that is not blank; `None` for a line that is not JSON. If the first line is neither an object
/// nor a list, the body is one broken text, not lines.
fn read_lines(body: &[u8]) -> Option<Vec<Option<Value>>> {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    // One line more than allowed, so that the excess is noticed.
    let lines = lines.take(MAX_EVENTS + 1).map(|line| serde_json::from_slice(line).ok());
    let lines: Vec<Option<Value>> = lines.collect();
    lines.first()?.as_ref().filter(|first| first.is_object() || first.is_array())?;
    Some(lines)
}

/// The records of an event hub's message, or of a line that is a list; else the record itself.
fn records_of(message: &Option<Value>) -> Vec<Option<&Value>> {
    let list = match message {
        Some(Value::Array(list)) => Some(list),
        Some(Value::Object(map)) => map.get("records").and_then(Value::as_array),
        _ => None,
    };
    list.map_or_else(|| vec![message.as_ref()], |list| list.iter().map(Some).collect())
}

fn parse_record(record: Option<&Value>, received: Received) -> Vec<Parsed> {
    let refuse = |problem: &str| {
        let error = FieldError { field: String::new(), problem: problem.to_owned() };
        vec![Parsed::Invalid { id: None, errors: vec![error] }]
    };
    let map = match record {
        None => return refuse("must be JSON, one object a line"),
        Some(Value::Object(map)) => map,
        Some(_) => return refuse("must be an object"),
    };
    let category = map.get("category").or_else(|| map.get("Category")).and_then(Value::as_str);
    // Entra's diagnostic settings may send people's sign-ins to the same event hub.
    if let Some(interactive) = category.and_then(entra_sign_ins::category) {
        return vec![sign_in(map, interactive)];
    }
    let properties = read_properties(map);
    let message_id = properties.as_ref().and_then(|properties| properties.get("MessageId"));
    let id = message_id.or_else(|| map.get("correlationId")).and_then(Value::as_str);
    let id = id.map(|id| id.chars().take(MAX_TEXT_CHARS).collect());
    let mut errors = Vec::new();
    let events = read(map, properties.as_deref(), received, &mut errors);
    match events {
        _ if !errors.is_empty() => vec![Parsed::Invalid { id, errors }],
        None => vec![Parsed::passed_over(id, kind(map))],
        Some(events) => events,
    }
}

/// A person's sign-in. Nothing of it is kept unless it is a step of web-based enrollment.
fn sign_in(map: &Map<String, Value>, interactive: bool) -> Parsed {
    let properties = read_properties(map);
    match entra_sign_ins::of_record(map, properties.as_deref(), interactive) {
        None => Parsed::passed_over(None, kind(map)),
        Some(read) => {
            let id = properties
                .as_deref()
                .filter(|_| read.sign_in.is_some())
                .and_then(|properties| reported(properties, "id"));
            Parsed::SignIn { id, read: Box::new(read) }
        }
    }
}

/// A record's name: its operation, or the name of its log if that is not the operational log.
fn kind(map: &Map<String, Value>) -> Option<&str> {
    let operation = map.get("operationName").or_else(|| map.get("OperationName"));
    operation.or_else(|| map.get("category")).or_else(|| map.get("Category")).and_then(Value::as_str)
}

/// `properties`, which some forwarders and Log Analytics write as JSON in a text.
fn read_properties(map: &Map<String, Value>) -> Option<Cow<'_, Map<String, Value>>> {
    match map.get("properties").or_else(|| map.get("Properties"))? {
        Value::Object(properties) => Some(Cow::Borrowed(properties)),
        Value::String(text) => serde_json::from_str(text).ok().map(Cow::Owned),
        _ => None,
    }
}

/// The events of a record; `None` without an error if it is not about an enrollment.
fn read(
    map: &Map<String, Value>,
    properties: Option<&Map<String, Value>>,
    received: Received,
    errors: &mut Vec<FieldError>,
) -> Option<Vec<Parsed>> {
    let mut record = Reader::new("", map, errors);
    let category = either(&mut record, ["category", "Category"]);
    // Diagnostic settings may send other logs to the same event hub.
    if category.is_some_and(|category| !category.trim().eq_ignore_ascii_case("OperationalLogs")) {
        return None;
    }
    let Some(operation) = either(&mut record, ["operationName", "OperationName"]) else {
        record.refuse("operationName", "is required");
        return None;
    };
    if !operation.trim().eq_ignore_ascii_case("Enrollment") {
        return None;
    }
    let time = either(&mut record, ["time", "TimeGenerated"]);
    let result = either(&mut record, ["resultType", "Result"]);
    let description = reported_text(&mut record, "resultDescription", MAX_MESSAGE_CHARS);
    let correlation = reported_text(&mut record, "correlationId", MAX_ID_CHARS);
    let Some(properties) = properties else {
        record.refuse("properties", "must be an object, or one as text");
        return None;
    };
    let read = Properties::read(properties, correlation, errors);
    let failure = failure(read.category, read.reason, description);
    let kind = kind_of(result.as_deref(), failure.as_ref());
    // There are two times. The first is the enrollment's and may be missing; the second belongs to the schema and is
    // required.
    let time = read.time.as_deref().and_then(read_time).or_else(|| time.as_deref().and_then(read_time));
    let mut record = Reader::new("", map, errors);
    if time.is_none() {
        record.refuse("time", "must be an RFC 3339 time");
    }
    if kind.is_none() {
        record.refuse("resultType", "must be Success or Fail");
    }
    let (time, kind) = (time?, kind?);
    let failure = failure.filter(|_| kind == Kind::Failed);
    let made = |kind: Kind| {
        let id = match &read.id {
            // The id includes the time, because several attempts may share one id.
            Some(id) => format!("{id}/{}/{}", word(kind), time.millis()),
            None => id_of(SOURCE, kind, time, &read.about, failure.as_ref()),
        };
        let key = EventKey { source: SOURCE.to_owned(), id };
        let mut step = step(kind, failure.clone(), read.os.clone());
        step.said.assumed = kind == Kind::Compliant;
        Parsed::Event(Box::new(enrollment_event(key, time, received, read.about.clone(), step)))
    };
    let mut events = vec![made(kind)];
    if kind == Kind::Enrolled {
        events.push(made(Kind::Compliant));
    }
    Some(events)
}

/// What `properties` reports.
struct Properties {
    /// The record's own id.
    id: Option<String>,
    time: Option<String>,
    about: About,
    os: Option<String>,
    category: Option<String>,
    reason: Option<String>,
}

impl Properties {
    fn read(map: &Map<String, Value>, correlation: Option<String>, errors: &mut Vec<FieldError>) -> Self {
        let mut properties = Reader::new("properties", map, errors);
        let id = reported_text(&mut properties, "MessageId", MAX_ID_CHARS).or(correlation);
        let os = reported_text(&mut properties, "Os", MAX_TEXT_CHARS);
        let enrollment_type = reported_text(&mut properties, "EnrollmentType", MAX_TEXT_CHARS);
        let mut about = About {
            mdm_device_id: properties.text("IntuneDeviceId", MAX_TEXT_CHARS),
            // The directory's id of the device is `enrollmentId`, so a failure before Intune knew the device, the
            // success after it, and Graph's troubleshooting events all belong to one device.
            enrollment_id: properties.text("AADDeviceId", MAX_TEXT_CHARS),
            user_id: reported_text(&mut properties, "IntuneUserId", MAX_TEXT_CHARS),
            os_version: reported_text(&mut properties, "OsVersion", MAX_TEXT_CHARS),
            platform: platform(os.as_deref(), enrollment_type.as_deref()),
            enrollment_type,
            ..About::default()
        };
        // A device that failed before it was known has no id, or an empty one, so the record's own id stands in for it.
        // Then each failure is a device of its own, and one device may count twice. The user's id would merge all of a
        // person's devices, and one device's enrollment would end another's.
        if about.identifiers().next().is_none() {
            about.enrollment_id = id.clone().filter(|id| is_identifier(id)).or(about.enrollment_id);
        }
        if about.identifiers().next().is_none() {
            let member = |kind| match kind {
                IdentifierKind::EnrollmentId => "AADDeviceId",
                _ => "IntuneDeviceId",
            };
            let otherwise = "must name the device where neither AADDeviceId nor MessageId does";
            properties.refuse_unnamed(&about, member, ("IntuneDeviceId", otherwise));
        }
        Self {
            id,
            time: either(&mut properties, ["EnrollmentTimeUTC", "EnrollmentTimeUtc"]),
            about,
            os,
            category: properties.text("FailureCategory", MAX_TEXT_CHARS),
            reason: reported_text(&mut properties, "FailureReason", MAX_MESSAGE_CHARS),
        }
    }
}

/// The outcome of the enrollment, by the result (Intune writes `Success` and `Fail`, the schema allows more); failing
/// that, by a failure's category.
fn kind_of(result: Option<&str>, failure: Option<&Failure>) -> Option<Kind> {
    let category = failure.and_then(|failure| failure.category);
    let result = result.unwrap_or_default().trim().to_ascii_lowercase();
    match result.as_str() {
        "success" | "succeeded" => Some(Kind::Enrolled),
        "fail" | "failed" | "failure" | "error" => Some(Kind::Failed),
        "" | "none" => category.filter(|category| *category != FailureCategory::Unknown).map(|_| Kind::Failed),
        _ => None,
    }
}

/// A kind's name in an id.
fn word(kind: Kind) -> &'static str {
    kind.name().trim_start_matches("enrollment.")
}

/// The text of a member that has one of two names.
fn either(record: &mut Reader<'_, '_>, names: [&str; 2]) -> Option<String> {
    names.iter().find_map(|name| record.text(name, MAX_TEXT_CHARS))
}
