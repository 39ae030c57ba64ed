//! Microsoft Graph's Windows Autopilot devices, as Graph's list answers them: devices that are registered but not yet
//! set up.
//!
//! <https://learn.microsoft.com/en-us/graph/api/resources/intune-enrollment-windowsautopilotdeviceidentity> and
//! <https://learn.microsoft.com/en-us/graph/api/intune-enrollment-windowsautopilotdeviceidentity-list> (v1.0). Whoever
//! posts the list must follow `@odata.nextLink`.
//!
//! What this list cannot report: when a device was registered (we use the time at which the list first shows it),
//! anything about enrollments, and that a device was removed from Autopilot.
//!
//! Must stay true: a device is registered once, however often the list is posted.

use super::graph::{self, reported_text};
use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, enrollment_event, sample};
use crate::cloudevents::{Batch, BodyError, Parsed, Received};
use crate::fields::{FieldError, Reader, is_identifier};
use crate::proof::Proof;
use http::HeaderMap;
use serde_json::{Map, Value};
use vestibule_domain::event::{About, EventKey, Kind, MAX_TEXT_CHARS, Platform, Step};
use vestibule_domain::identity::IdentifierKind;

/// The `source` of every event made here.
pub const SOURCE: &str = "graph:deviceManagement/windowsAutopilotDeviceIdentities";

/// The sender.
pub static SENDER: Sender = Sender {
    name: "graph-autopilot-devices",
    title: "Microsoft Graph, Autopilot devices",
    proofs: &[Proof::Path, Proof::StandardWebhooks],
    answer: Answer::ByEvent,
    repeats: Repeats::AsSetUp,
    reports: Reports {
        starts: false,
        steps: false,
        stops: false,
        failures: false,
        ends: false,
        compliance: false,
        removals: false,
        clock: Clock::Server,
    },
    // A registration is not one of the seven kinds: it says which device to expect.
    besides: &[Kind::Registered],
    source: Some(SOURCE),
    settings: "Post Graph's deviceManagement/windowsAutopilotDeviceIdentities list, as it is, to\n{url}",
    files: &[],
    samples: &[
        sample!("graph-autopilot-devices-list.json", Becomes::Event(Kind::Registered), Becomes::Ignored),
        sample!("graph-autopilot-devices-placeholder.json", Becomes::Refused),
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
    let managed = record.text("managedDeviceId", MAX_TEXT_CHARS).filter(|id| is_identifier(id));
    let state = record.text("enrollmentState", MAX_TEXT_CHARS).unwrap_or_default();
    let about = About {
        serial_number: record.text("serialNumber", MAX_TEXT_CHARS),
        enrollment_id: record.text("azureActiveDirectoryDeviceId", MAX_TEXT_CHARS),
        device_name: reported_text(&mut record, "displayName", MAX_TEXT_CHARS),
        manufacturer: reported_text(&mut record, "manufacturer", MAX_TEXT_CHARS),
        model: reported_text(&mut record, "model", MAX_TEXT_CHARS),
        user_principal_name: reported_text(&mut record, "userPrincipalName", MAX_TEXT_CHARS),
        platform: Some(Platform::Windows),
        ..About::default()
    };
    // The device enrolled, failed, or waits for a reset. Other lists report that, with its time.
    let is_expected = ["notContacted", "unknown"].iter().any(|one| one.eq_ignore_ascii_case(state.trim()));
    if !is_expected || managed.is_some() {
        return id.map(|id| vec![Parsed::passed_over(Some(id), Some(state.trim()))]);
    }
    if about.identifiers().next().is_none() {
        let member = |kind| match kind {
            IdentifierKind::EnrollmentId => "azureActiveDirectoryDeviceId",
            _ => "serialNumber",
        };
        record.refuse_unnamed(&about, member, ("serialNumber", "must name the device"));
    }
    let key = EventKey { source: SOURCE.to_owned(), id: format!("{}/registered", id?) };
    let event = enrollment_event(key, received.at, received, about, Step::of(Kind::Registered));
    Some(vec![Parsed::Event(Box::new(event))])
}
