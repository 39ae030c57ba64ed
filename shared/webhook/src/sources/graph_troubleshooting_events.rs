//! Microsoft Graph's troubleshooting events, as Graph's list answers: enrollments that failed.
//!
//! <https://learn.microsoft.com/en-us/graph/api/resources/intune-troubleshooting-enrollmenttroubleshootingevent> and
//! <https://learn.microsoft.com/en-us/graph/api/intune-troubleshooting-enrollmenttroubleshootingevent-list> (v1.0;
//! `troubleshootingErrorDetails` is of beta). The list is of all kinds of `deviceManagementTroubleshootingEvent`: of
//! another kind than enrollments, a record is counted and no more.
//!
//! Graph posts nothing. A script of the organisation's reads the list, follows `@odata.nextLink` and posts each page;
//! what it does when that fails is its own affair. It may post a page as often as it likes: an event's id is the
//! record's.
//!
//! What Graph cannot tell: that an enrollment began or succeeded; where in the enrollment it failed; the device's
//! serial number or name; the user's address.

use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, derived_id, enrollment_event, graph, sample};
use crate::cloudevents::{Batch, BodyError, Parsed, Received};
use crate::fields::{FieldError, Reader, is_identifier};
use crate::proof::Proof;
use http::HeaderMap;
use serde_json::{Map, Value};
use vestibule_domain::Timestamp;
use vestibule_domain::codes::code_of_failure;
use vestibule_domain::event::{
    About, Event, EventKey, Kind, MAX_MESSAGE_CHARS, MAX_TEXT_CHARS, Member, Platform, Step,
};
use vestibule_domain::failure::{Failure, FailureCategory};
use vestibule_domain::identity::IdentifierKind;

/// The `source` of every event made here.
pub const SOURCE: &str = "graph:deviceManagement/troubleshootingEvents";

/// The sender.
pub static SENDER: Sender = Sender {
    name: "graph-troubleshooting-events",
    title: "Microsoft Graph, troubleshooting events",
    proofs: &[Proof::Path, Proof::StandardWebhooks],
    answer: Answer::ALWAYS,
    repeats: Repeats::AsSetUp,
    // A failure of the category `userAbandonment` is a stop.
    reports: Reports {
        starts: false,
        steps: false,
        stops: true,
        failures: true,
        ends: false,
        compliance: false,
        clock: Clock::Server,
    },
    besides: &[],
    source: Some(SOURCE),
    settings: "Post Graph's deviceManagement/troubleshootingEvents list, as it is, to\n{url}",
    files: &[],
    samples: &[
        sample!(
            "graph-troubleshooting-events-list.json",
            Becomes::Event(Kind::Failed),
            Becomes::Event(Kind::Stopped),
            Becomes::Ignored
        ),
        sample!("graph-troubleshooting-events-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// The one kind of troubleshooting event that is about an enrollment.
const ENROLLMENT: &str = "microsoft.graph.enrollmentTroubleshootingEvent";

/// Most characters in a record's id, which is a UUID: ids of events are made from it and must fit, too.
pub(super) const MAX_ID_CHARS: usize = 128;

/// Reads Graph's list response (`{"value": […]}`, with or without `@odata.*`), a bare list, or one record.
///
/// # Errors
/// When the body as a whole is nothing of that, or too large.
pub fn parse(body: &[u8], _headers: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    let (records, is_list) = graph::records(body)?;
    let events = records.iter().map(|record| parse_record(record, received)).collect();
    Ok(Batch { events, is_list })
}

fn parse_record(value: &Value, received: Received) -> Parsed {
    let Value::Object(map) = value else {
        let problem = FieldError { field: String::new(), problem: "must be an object".to_owned() };
        return Parsed::Invalid { id: None, errors: vec![problem] };
    };
    let id = map.get("id").and_then(Value::as_str).map(|id| id.chars().take(MAX_TEXT_CHARS).collect());
    if !is_enrollment(map) {
        let kind = map.get("@odata.type").and_then(Value::as_str).map(|kind| kind.trim_start_matches('#'));
        return Parsed::passed_over(id, kind.map(|kind| kind.rsplit('.').next().unwrap_or(kind)));
    }
    let mut errors = Vec::new();
    match read(map, received, &mut errors) {
        Some(event) if errors.is_empty() => Parsed::Event(Box::new(event)),
        _ => Parsed::Invalid { id, errors },
    }
}

/// Whether the record is a failed enrollment. Graph leaves `@odata.type` out when asked for that kind only, or for
/// no metadata: then a member tells that no other kind has.
fn is_enrollment(map: &Map<String, Value>) -> bool {
    match map.get("@odata.type") {
        None => map.contains_key("failureCategory") || map.contains_key("failureReason"),
        Some(kind) => kind.as_str().is_some_and(|kind| {
            let kind = kind.trim();
            kind.strip_prefix('#').unwrap_or(kind).eq_ignore_ascii_case(ENROLLMENT)
        }),
    }
}

fn read(map: &Map<String, Value>, received: Received, errors: &mut Vec<FieldError>) -> Option<Event> {
    let mut record = Reader::new("", map, errors);
    let id = told(&mut record, "id", MAX_ID_CHARS);
    let correlation = told(&mut record, "correlationId", MAX_ID_CHARS);
    let mdm_device_id = record.text("managedDeviceIdentifier", MAX_TEXT_CHARS);
    // The directory's id of the device goes by `enrollmentId`, here as in Intune's operational logs: so that a failure
    // before Intune knew the device and the success after it are told of one device.
    let enrollment_id = record.text("deviceId", MAX_TEXT_CHARS);
    let os = told(&mut record, "operatingSystem", MAX_TEXT_CHARS);
    let enrollment_type = told(&mut record, "enrollmentType", MAX_TEXT_CHARS);
    let mut about = About {
        mdm_device_id,
        enrollment_id,
        user_id: told(&mut record, "userId", MAX_TEXT_CHARS),
        os_version: told(&mut record, "osVersion", MAX_TEXT_CHARS),
        platform: platform(os.as_deref(), enrollment_type.as_deref()),
        enrollment_type,
        ..About::default()
    };
    // A device that failed before anyone knew it has no id. The failure's own id then stands for it: each failure is
    // a device of its own, which may count one device twice. The user's id would make all of a person's devices one.
    if about.identifiers().next().is_none() {
        let own = [&correlation, &id].into_iter().flatten().find(|id| is_identifier(id));
        about.enrollment_id = own.cloned().or(about.enrollment_id);
    }
    if about.identifiers().next().is_none() {
        let member = |kind| match kind {
            IdentifierKind::EnrollmentId => "deviceId",
            _ => "managedDeviceIdentifier",
        };
        let otherwise = "must name the device where neither deviceId nor correlationId does";
        record.refuse_unnamed(&about, member, ("managedDeviceIdentifier", otherwise));
    }
    let category = record.text("failureCategory", MAX_TEXT_CHARS);
    let reason = told(&mut record, "failureReason", MAX_MESSAGE_CHARS);
    let mut details = record.object("troubleshootingErrorDetails");
    let cause = told(&mut details, "failure", MAX_MESSAGE_CHARS);
    let message = told(&mut details, "failureDetails", MAX_MESSAGE_CHARS);
    let failure = failure(category, reason.or(cause), message);
    let time = record.required_text("eventDateTime", MAX_TEXT_CHARS)?;
    let Some(time) = read_time(&time) else {
        record.refuse("eventDateTime", "must be an RFC 3339 time");
        return None;
    };
    let id = match id.or(correlation) {
        Some(id) => format!("{id}/failed"),
        None => id_of(SOURCE, Kind::Failed, time, &about, failure.as_ref()),
    };
    let key = EventKey { source: SOURCE.to_owned(), id };
    Some(enrollment_event(key, time, received, about, step(Kind::Failed, failure, os)))
}

/// A text, unless it is one of those that stand where nothing is told.
pub(super) fn told(record: &mut Reader<'_, '_>, name: &str, most: usize) -> Option<String> {
    record.text(name, most).filter(|text| is_told(text))
}

/// "Unknown" is no reason, and an empty UUID nobody's.
fn is_told(text: &str) -> bool {
    const NOTHING: [&str; 5] = ["unknown", "none", "not applicable", "n/a", "null"];
    let text = text.trim();
    !NOTHING.iter().any(|nothing| text.eq_ignore_ascii_case(nothing))
        && text.chars().any(|letter| !matches!(letter, '0' | '-' | '{' | '}'))
}

/// A time. .NET's least, in the year 1, stands for none.
pub(super) fn read_time(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text.trim()).ok().filter(|time| *time > Timestamp::MIN)
}

/// The platform by the words in the operating system's name, else in the enrollment type's.
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

/// What was told of a failure: its category in any spelling, the reason, and a code wherever it stands in the texts.
pub(super) fn failure(category: Option<String>, reason: Option<String>, message: Option<String>) -> Option<Failure> {
    let code = [&reason, &message].into_iter().flatten().find_map(|text| code_of_failure(text));
    let read = |text: &String| {
        let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        FailureCategory::read(&letters)
    };
    let known = category.as_ref().and_then(read);
    // A category that we don't know is better than no reason.
    let reason = reason.or_else(|| category.filter(|text| known.is_none() && is_told(text)));
    let category = known.or_else(|| reason.as_ref().and_then(read));
    let reason = reason.filter(|text| code.as_deref() != Some(text.trim()));
    let is_long = reason.as_ref().is_some_and(|text| text.chars().nth(MAX_TEXT_CHARS).is_some());
    let message = message.or_else(|| reason.clone().filter(|_| is_long));
    let reason = reason.map(|text| if is_long { text.chars().take(MAX_TEXT_CHARS).collect() } else { text });
    Some(Failure { code, reason, message, category }).filter(|failure| !failure.is_empty())
}

/// An event's step, with the operating system as it was reported.
pub(super) fn step(kind: Kind, failure: Option<Failure>, os: Option<String>) -> Step {
    let reported = os
        .filter(|os| platform(Some(os), None).is_some_and(|platform| platform.name() != os))
        .map(|os| (Member::Platform, os));
    Step { failure, reported: reported.into_iter().collect(), ..Step::of(kind) }.read()
}

/// The id of an event whose record has none: made of what was read, not of bytes, which may be spelled otherwise in
/// another copy.
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
