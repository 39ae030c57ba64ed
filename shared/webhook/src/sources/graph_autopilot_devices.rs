//! Microsoft Graph's Windows Autopilot devices, as Graph's list answers them: devices that are registered but not yet
//! set up.
//!
//! <https://learn.microsoft.com/en-us/graph/api/resources/intune-enrollment-windowsautopilotdeviceidentity> and
//! <https://learn.microsoft.com/en-us/graph/api/intune-enrollment-windowsautopilotdeviceidentity-list> (v1.0). Whoever
//! posts the list must follow `@odata.nextLink`.
//!
//! What this list cannot report: when a device was registered (we use the time at which the list first shows it),
//! anything about enrollments, that a device was removed from Autopilot, and when a group tag was given or changed.
//!
//! Must stay true: a device is registered once, however often the list is posted, and its group tag makes at most one
//! event a week for each value. A tag may become again what it was before, so an event of its value alone would not do:
//! it would be known, and the value in between would count until it is no longer kept.

use super::graph::{self, reported_text};
use super::{
    Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, derived_id, enrollment_event, reported_tags, sample,
};
use crate::cloudevents::{Batch, BodyError, Parsed, Received};
use crate::fields::{FieldError, Reader, is_identifier};
use crate::proof::Proof;
use http::HeaderMap;
use serde_json::{Map, Value};
use vestibule_domain::Timestamp;
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
    // Neither is one of the seven kinds: a registration says which device to expect, a tag whose device it is.
    besides: &[Kind::Registered, Kind::Tagged],
    tags: SenderTags::Keys(&["groupTag"]),
    source: Some(SOURCE),
    settings: "Post Graph's deviceManagement/windowsAutopilotDeviceIdentities list, as it is, to\n{url}",
    files: &[],
    samples: &[
        sample!(
            "graph-autopilot-devices-list.json",
            Becomes::Event(Kind::Registered),
            Becomes::Event(Kind::Tagged),
            Becomes::Ignored,
        ),
        sample!("graph-autopilot-devices-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// The member that is a tag, with its key.
const TAGS: [(&str, &str); 1] = [("groupTag", "groupTag")];

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
    let tagged = id.as_ref().and_then(|id| tagged(id, &about, map, received));
    // The device enrolled, failed, or waits for a reset. Other lists report that, with its time.
    let is_expected = ["notContacted", "unknown"].iter().any(|one| one.eq_ignore_ascii_case(state.trim()));
    if !is_expected || managed.is_some() {
        return id.map(|id| match tagged {
            Some(tagged) => vec![tagged],
            None => vec![Parsed::passed_over(Some(id), Some(state.trim()))],
        });
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
    Some([Parsed::Event(Box::new(event))].into_iter().chain(tagged).collect())
}

/// The group tag, whatever became of the device: it is also the tag of the attempts that it made.
fn tagged(id: &str, about: &About, map: &Map<String, Value>, received: Received) -> Option<Parsed> {
    const WEEK: i64 = 7 * 86_400_000;
    let tags = reported_tags(map, &TAGS);
    let value = tags.values().next()?;
    let about = About {
        serial_number: about.serial_number.clone(),
        enrollment_id: about.enrollment_id.clone(),
        ..About::default()
    };
    about.identifiers().next()?;
    let week = Timestamp::from_millis(received.at.millis().div_euclid(WEEK) * WEEK);
    let id = derived_id(SOURCE, Kind::Tagged.name(), id, Some(week), value.as_bytes());
    let key = EventKey { source: SOURCE.to_owned(), id };
    let step = Step { tags, ..Step::of(Kind::Tagged) };
    Some(Parsed::Event(Box::new(enrollment_event(key, received.at, received, about, step))))
}
