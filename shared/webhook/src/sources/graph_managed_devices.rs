//! Microsoft Graph's managed devices, as Graph's list answers them: which devices Intune manages, since when, and
//! whether each is compliant.
//!
//! <https://learn.microsoft.com/en-us/graph/api/resources/intune-devices-manageddevice> and
//! <https://learn.microsoft.com/en-us/graph/api/intune-devices-manageddevice-list> (v1.0). Whoever posts the list must
//! follow `@odata.nextLink`, and may post it as often as they like: a device counts as compliant from the time the list
//! first shows it so.
//!
//! What this list cannot report: that an enrollment began or failed, the screens on the way, that somebody gave up, and
//! that a device left Intune (a list without it is no proof).
//!
//! Must stay true: the same enrollment of a device makes the same events, whatever else in its record changed. No
//! `started` is made: if another source also reports the enrollment, a second later than Graph's date, that would open
//! another attempt.

use super::graph::{self, is_reported, platform, read_time, reported_text};
use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, enrollment_event, sample};
use crate::cloudevents::{Batch, BodyError, Parsed, Received};
use crate::fields::{FieldError, Reader};
use crate::proof::Proof;
use http::HeaderMap;
use serde_json::{Map, Value};
use vestibule_domain::Timestamp;
use vestibule_domain::event::{About, EventKey, Kind, MAX_TEXT_CHARS, Step};
use vestibule_domain::identity::IdentifierKind;

/// The `source` of every event made here.
pub const SOURCE: &str = "graph:deviceManagement/managedDevices";

/// The sender.
pub static SENDER: Sender = Sender {
    name: "graph-managed-devices",
    title: "Microsoft Graph, managed devices",
    proofs: &[Proof::Path, Proof::StandardWebhooks],
    answer: Answer::ByEvent,
    repeats: Repeats::AsSetUp,
    reports: Reports {
        starts: false,
        steps: false,
        stops: false,
        failures: false,
        ends: true,
        compliance: true,
        removals: false,
        clock: Clock::Server,
    },
    besides: &[],
    tags: SenderTags::NONE,
    source: Some(SOURCE),
    settings: "Post Graph's deviceManagement/managedDevices list, as it is, to\n{url}",
    files: &[],
    samples: &[
        sample!(
            "graph-managed-devices-list.json",
            Becomes::Event(Kind::Enrolled),
            Becomes::Event(Kind::Compliant),
            Becomes::Ignored
        ),
        sample!("graph-managed-devices-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// Reads Graph's list response (`{"value": […]}`, with or without `@odata.*`), a bare list, or one record.
///
/// # Errors
/// When the body as a whole is neither a list nor a record, or is too large.
pub fn parse(body: &[u8], _headers: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    graph::parse(body, |path, map, errors| read(path, map, received, errors))
}

fn read(path: &str, map: &Map<String, Value>, received: Received, errors: &mut Vec<FieldError>) -> Option<Vec<Parsed>> {
    let mut record = Reader::new(path, map, errors);
    let id = record.required_text("id", MAX_TEXT_CHARS);
    let os = reported_text(&mut record, "operatingSystem", MAX_TEXT_CHARS);
    let about = About {
        serial_number: record.text("serialNumber", MAX_TEXT_CHARS),
        mdm_device_id: id.clone(),
        // The directory's id of the device is `enrollmentId`, as in Intune's operational logs.
        enrollment_id: record.text("azureADDeviceId", MAX_TEXT_CHARS),
        device_name: reported_text(&mut record, "deviceName", MAX_TEXT_CHARS),
        manufacturer: reported_text(&mut record, "manufacturer", MAX_TEXT_CHARS),
        model: reported_text(&mut record, "model", MAX_TEXT_CHARS),
        user_principal_name: reported_text(&mut record, "userPrincipalName", MAX_TEXT_CHARS),
        user_id: reported_text(&mut record, "userId", MAX_TEXT_CHARS),
        os_version: reported_text(&mut record, "osVersion", MAX_TEXT_CHARS),
        enrollment_type: reported_text(&mut record, "deviceEnrollmentType", MAX_TEXT_CHARS),
        platform: platform(os.as_deref(), None),
        ..About::default()
    };
    let enrolled = record.text("enrolledDateTime", MAX_TEXT_CHARS).filter(|text| is_reported(text));
    let seen = record.text("lastSyncDateTime", MAX_TEXT_CHARS).and_then(|text| read_time(&text));
    let state = record.text("complianceState", MAX_TEXT_CHARS);
    if about.identifiers().next().is_none() {
        let member = |kind| match kind {
            IdentifierKind::SerialNumber => "serialNumber",
            IdentifierKind::EnrollmentId => "azureADDeviceId",
            _ => "id",
        };
        record.refuse_unnamed(&about, member, ("id", "must name the device"));
    }
    let id = id?;
    let enrolled = match enrolled {
        Some(text) if Timestamp::parse(text.trim()).is_err() => {
            record.refuse("enrolledDateTime", "must be an RFC 3339 time");
            return None;
        }
        text => text.and_then(|text| read_time(&text)),
    };
    // For a while after the enrollment Graph has no date for it, or one in the year 1; a later list has the date.
    let Some(enrolled) = enrolled else { return Some(vec![Parsed::passed_over(Some(id), Some("notYetEnrolled"))]) };

    let event = |what: &str, at: Timestamp, step: Step| {
        let key = EventKey { source: SOURCE.to_owned(), id: format!("{id}/{what}/{}", enrolled.millis()) };
        Parsed::Event(Box::new(enrollment_event(key, at, received, about.clone(), step)))
    };
    // A device stays in the list as long as it is managed. If it enrolled before the period that the tenant keeps, the
    // list only says that it is enrolled now.
    let is_kept = enrolled >= received.kept_from;
    let mut step = graph::step(Kind::Enrolled, None, os.clone());
    step.said.restated = !is_kept;
    let mut events = vec![match is_kept {
        true => event("enrolled", enrolled, step),
        false => event("restated", received.at, step),
    }];
    if state.is_some_and(|state| is_compliant(&state)) {
        let within = |seen: &Timestamp| (enrolled..=received.at).contains(seen) && *seen >= received.kept_from;
        let at = seen.filter(within).unwrap_or(received.at);
        events.push(event("compliant", at, graph::step(Kind::Compliant, None, os)));
    }
    Some(events)
}

/// Whether the device is compliant. Graph writes a word, Intune's exports of the same list write a number. All other
/// states (in its grace period, not compliant, unknown, in conflict, in error, managed by Configuration Manager) report
/// no step.
fn is_compliant(state: &str) -> bool {
    let state = state.trim();
    state.eq_ignore_ascii_case("compliant") || state == "1"
}
