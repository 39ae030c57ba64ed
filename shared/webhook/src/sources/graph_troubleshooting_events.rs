//! Microsoft Graph's troubleshooting events, as Graph's list answers them: enrollments that failed.
//!
//! <https://learn.microsoft.com/en-us/graph/api/resources/intune-troubleshooting-enrollmenttroubleshootingevent> and
//! <https://learn.microsoft.com/en-us/graph/api/intune-troubleshooting-enrollmenttroubleshootingevent-list> (v1.0;
//! `troubleshootingErrorDetails` is in beta only). The list holds every kind of `deviceManagementTroubleshootingEvent`;
//! a record that is not about an enrollment is only counted.
//!
//! Graph posts nothing itself. A script of the organisation reads the list, follows `@odata.nextLink` and posts each
//! page; how it handles failures is up to it. It may post a page as often as it likes: an event's id is the record's.
//!
//! What Graph cannot report: that an enrollment began or succeeded, on which screen it failed, the device's serial
//! number or name, and the user's address.

use super::graph::{self, MAX_ID_CHARS, failure, id_of, platform, read_time, reported_text, step};
use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, enrollment_event, sample};
use crate::cloudevents::{Batch, BodyError, Parsed, Received};
use crate::fields::{FieldError, Reader, is_identifier};
use crate::proof::Proof;
use http::HeaderMap;
use serde_json::{Map, Value};
use vestibule_domain::event::{About, Event, EventKey, Kind, MAX_MESSAGE_CHARS, MAX_TEXT_CHARS};
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
    // A failure of the category `userAbandonment` becomes a stop.
    reports: Reports {
        starts: false,
        steps: false,
        stops: true,
        failures: true,
        ends: false,
        compliance: false,
        removals: false,
        clock: Clock::Server,
    },
    besides: &[],
    tags: SenderTags::NONE,
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

/// The only kind of troubleshooting event that is about an enrollment.
const ENROLLMENT: &str = "microsoft.graph.enrollmentTroubleshootingEvent";

/// Reads Graph's list response (`{"value": […]}`, with or without `@odata.*`), a bare list, or one record.
///
/// # Errors
/// When the body as a whole is neither a list nor a record, or is too large.
pub fn parse(body: &[u8], _headers: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    graph::parse(body, |path, map, errors| {
        if !is_enrollment(map) {
            let kind = map.get("@odata.type").and_then(Value::as_str).map(|kind| kind.trim_start_matches('#'));
            let kind = kind.map(|kind| kind.rsplit('.').next().unwrap_or(kind));
            return Some(vec![Parsed::passed_over(graph::id(map), kind)]);
        }
        read(path, map, received, errors).map(|event| vec![Parsed::Event(Box::new(event))])
    })
}

/// Whether the record is a failed enrollment. Graph omits `@odata.type` if asked for this kind only, or for no
/// metadata; then we look for a member that no other kind has.
fn is_enrollment(map: &Map<String, Value>) -> bool {
    match map.get("@odata.type") {
        None => map.contains_key("failureCategory") || map.contains_key("failureReason"),
        Some(kind) => kind.as_str().is_some_and(|kind| {
            let kind = kind.trim();
            kind.strip_prefix('#').unwrap_or(kind).eq_ignore_ascii_case(ENROLLMENT)
        }),
    }
}

fn read(path: &str, map: &Map<String, Value>, received: Received, errors: &mut Vec<FieldError>) -> Option<Event> {
    let mut record = Reader::new(path, map, errors);
    let id = reported_text(&mut record, "id", MAX_ID_CHARS);
    let correlation = reported_text(&mut record, "correlationId", MAX_ID_CHARS);
    let mdm_device_id = record.text("managedDeviceIdentifier", MAX_TEXT_CHARS);
    // The directory's id of the device is `enrollmentId`, here and in Intune's operational logs, so a failure before
    // Intune knew the device and the success after it belong to one device.
    let enrollment_id = record.text("deviceId", MAX_TEXT_CHARS);
    let os = reported_text(&mut record, "operatingSystem", MAX_TEXT_CHARS);
    let enrollment_type = reported_text(&mut record, "enrollmentType", MAX_TEXT_CHARS);
    let mut about = About {
        mdm_device_id,
        enrollment_id,
        user_id: reported_text(&mut record, "userId", MAX_TEXT_CHARS),
        os_version: reported_text(&mut record, "osVersion", MAX_TEXT_CHARS),
        platform: platform(os.as_deref(), enrollment_type.as_deref()),
        enrollment_type,
        ..About::default()
    };
    // A device that failed before Intune or the directory knew it has no id, so the failure's own id stands in for it.
    // Then each failure is a device of its own, and one device may count twice. The user's id would merge all of a
    // person's devices.
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
    let reason = reported_text(&mut record, "failureReason", MAX_MESSAGE_CHARS);
    let mut details = record.object("troubleshootingErrorDetails");
    let cause = reported_text(&mut details, "failure", MAX_MESSAGE_CHARS);
    let message = reported_text(&mut details, "failureDetails", MAX_MESSAGE_CHARS);
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
