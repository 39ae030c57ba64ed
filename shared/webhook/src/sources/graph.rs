//! The common part of all lists of Microsoft Graph.

use super::derived_id;
use crate::cloudevents::{Batch, BodyError, MAX_BODY_BYTES, MAX_EVENTS, Parsed};
use crate::fields::{FieldError, Reader, is_identifier};
use serde_json::{Map, Value};
use vestibule_domain::Timestamp;
use vestibule_domain::codes::code_of_failure;
use vestibule_domain::event::{About, Kind, MAX_TEXT_CHARS, Member, Platform, Step};
use vestibule_domain::failure::{Failure, FailureCategory};

/// Longest id of a record, in characters. It is a UUID, and event ids made from it must also fit.
pub(super) const MAX_ID_CHARS: usize = 128;

/// Reads each record of a body alone: a record is accepted or refused as a whole.
///
/// # Errors
/// When the body as a whole is neither a list nor a record, or is too large.
pub(super) fn parse(
    body: &[u8],
    read: impl Fn(&str, &Map<String, Value>, &mut Vec<FieldError>) -> Option<Vec<Parsed>>,
) -> Result<Batch, BodyError> {
    let (records, is_list) = records(body)?;
    let path = |at: usize| if is_list { format!("value[{at}]") } else { String::new() };
    let one = |(at, value): (usize, &Value)| {
        let path = path(at);
        let Value::Object(map) = value else {
            let problem = FieldError { field: path, problem: "must be an object".to_owned() };
            return vec![Parsed::Invalid { id: None, errors: vec![problem] }];
        };
        let mut errors = Vec::new();
        match read(&path, map, &mut errors) {
            Some(events) if errors.is_empty() => events,
            _ => vec![Parsed::Invalid { id: id(map), errors }],
        }
    };
    let events = records.iter().enumerate().flat_map(one).collect();
    Ok(Batch { events, is_list })
}

/// A record's id, for the answer.
pub(super) fn id(map: &Map<String, Value>) -> Option<String> {
    map.get("id").and_then(Value::as_str).map(|id| id.chars().take(MAX_TEXT_CHARS).collect())
}

/// The records of a list response (`{"value": […]}`, with or without `@odata.*`), of a bare list, or one record; and
/// whether it was a list.
pub(super) fn records(body: &[u8]) -> Result<(Vec<Value>, bool), BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| BodyError::NotJson { line: error.line(), column: error.column() })?;
    let (records, is_list) = match value {
        Value::Array(list) => (list, true),
        Value::Object(mut map) => match map.remove("value") {
            Some(Value::Array(list)) => (list, true),
            // The form of a single record in Graph's documentation.
            Some(one @ Value::Object(_)) => (vec![one], false),
            Some(other) => {
                map.insert("value".to_owned(), other);
                (vec![Value::Object(map)], false)
            }
            None => (vec![Value::Object(map)], false),
        },
        _ => return Err(BodyError::NotAnEvent),
    };
    if records.len() > MAX_EVENTS {
        return Err(BodyError::TooManyEvents);
    }
    Ok((records, is_list))
}

/// A text, unless it is a placeholder for a missing value.
pub(super) fn reported_text(record: &mut Reader<'_, '_>, name: &str, most: usize) -> Option<String> {
    record.text(name, most).filter(|text| is_reported(text))
}

/// "Unknown" is not a reason, and an empty UUID belongs to nobody.
pub(super) fn is_reported(text: &str) -> bool {
    const NOTHING: [&str; 5] = ["unknown", "none", "not applicable", "n/a", "null"];
    let text = text.trim();
    !NOTHING.iter().any(|nothing| text.eq_ignore_ascii_case(nothing))
        && text.chars().any(|letter| !matches!(letter, '0' | '-' | '{' | '}'))
}

/// A time. .NET's minimum, in the year 1, counts as missing.
pub(super) fn read_time(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text.trim()).ok().filter(|time| *time > Timestamp::MIN)
}

/// The platform that the operating system's name contains; failing that, the enrollment type's.
pub(super) fn platform(os: Option<&str>, enrollment_type: Option<&str>) -> Option<Platform> {
    const WORDS: [(&str, Platform); 7] = [
        ("windows", Platform::Windows),
        ("android", Platform::Android),
        ("ipad", Platform::Ios),
        ("iphone", Platform::Ios),
        ("ios", Platform::Ios),
        ("mac", Platform::MacOs),
        ("os x", Platform::MacOs),
    ];
    let find = |text: &str| {
        let text = text.to_ascii_lowercase();
        WORDS.iter().find(|(word, _)| text.contains(word)).map(|(_, platform)| *platform)
    };
    os.and_then(find).or_else(|| enrollment_type.and_then(find))
}

/// The reported failure: its category in any spelling, the reason, and an error code wherever the texts contain one.
pub(super) fn failure(category: Option<String>, reason: Option<String>, message: Option<String>) -> Option<Failure> {
    let code = [&reason, &message].into_iter().flatten().find_map(|text| code_of_failure(text));
    let read = |text: &String| {
        let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        FailureCategory::read(&letters)
    };
    let known = category.as_ref().and_then(read);
    // A category that we do not know is better than no reason.
    let reason = reason.or_else(|| category.filter(|text| known.is_none() && is_reported(text)));
    let category = known.or_else(|| reason.as_ref().and_then(read));
    let reason = reason.filter(|text| code.as_deref() != Some(text.trim()));
    let is_long = reason.as_ref().is_some_and(|text| text.chars().nth(MAX_TEXT_CHARS).is_some());
    let message = message.or_else(|| reason.clone().filter(|_| is_long));
    let reason = reason.map(|text| if is_long { text.chars().take(MAX_TEXT_CHARS).collect() } else { text });
    Some(Failure { code, reason, message, category }).filter(|failure| !failure.is_empty())
}

/// An event's step, with the operating system as reported.
pub(super) fn step(kind: Kind, failure: Option<Failure>, os: Option<String>) -> Step {
    let reported = os
        .filter(|os| platform(Some(os), None).is_some_and(|platform| platform.name() != os))
        .map(|os| (Member::Platform, os));
    Step { failure, reported: reported.into_iter().collect(), ..Step::of(kind) }.read()
}

/// The id of an event whose record has no id. It is made from the values read, not from bytes, which another copy may
/// spell differently.
pub(super) fn id_of(source: &str, kind: Kind, time: Timestamp, about: &About, failure: Option<&Failure>) -> String {
    let named = |id: &Option<String>| id.clone().filter(|id| is_identifier(id)).unwrap_or_default();
    let (mdm_device_id, enrollment_id) = (named(&about.mdm_device_id), named(&about.enrollment_id));
    let device = if mdm_device_id.is_empty() { &enrollment_id } else { &mdm_device_id };
    let enrollment_id = Some(enrollment_id.clone());
    let failure = failure.cloned().unwrap_or_default();
    let category = failure.category.map(|category| category.name().to_owned());
    let members = [
        &enrollment_id,
        &about.user_id,
        &about.os_version,
        &about.enrollment_type,
        &category,
        &failure.code,
        &failure.reason,
        &failure.message,
    ];
    let content = members.map(|member| member.as_deref().unwrap_or_default()).join("\0");
    derived_id(source, kind.name(), device, Some(time), content.as_bytes())
}
