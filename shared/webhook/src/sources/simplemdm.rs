//! SimpleMDM's webhooks.
//!
//! <https://api.simplemdm.com/#webhooks> describes them: a type, a time, and the device. No repetition is documented.
//!
//! What SimpleMDM cannot report: that an enrollment began or failed, the screens on the way, that somebody gave up,
//! compliance, the platform, the user, and how a device was enrolled.
//!
//! Must stay true: events of one type, device and time are one event, however often it is posted.

use super::{
    Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, assumed_compliant, derived_id, reported, sample,
};
use crate::cloudevents::{Batch, BodyError, MAX_BODY_BYTES, Parsed, Received};
use crate::proof::Proof;
use http::HeaderMap;
use serde_json::{Map, Value};
use vestibule_domain::Timestamp;
use vestibule_domain::event::{About, EventKey, Kind, Step};
use vestibule_domain::identity::IdentifierKind;

/// The `source` of every event made here.
pub const SOURCE: &str = "simplemdm:webhooks";

/// The sender.
pub static SENDER: Sender = Sender {
    name: "simplemdm",
    title: "SimpleMDM",
    proofs: &[Proof::Path],
    answer: Answer::ALWAYS,
    repeats: Repeats::NotDocumented,
    reports: Reports {
        starts: false,
        steps: false,
        stops: false,
        failures: false,
        ends: true,
        compliance: false,
        removals: true,
        clock: Clock::Server,
    },
    besides: &[],
    tags: SenderTags::NONE,
    source: Some(SOURCE),
    settings: "In SimpleMDM: Settings > API > Webhooks, with the events device.enrolled and device.unenrolled\nURL: {url}",
    files: &[],
    samples: &[
        sample!("simplemdm-device-enrolled.json", Becomes::Event(Kind::Enrolled)),
        sample!("simplemdm-device-unenrolled.json", Becomes::Event(Kind::Unenrolled)),
        sample!("simplemdm-device-changed-group.json", Becomes::Ignored),
        sample!("simplemdm-test-event.json", Becomes::Ignored),
        sample!("simplemdm-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// 2001-09-09: no server that posts webhooks ever had an earlier clock.
const EARLIEST: Timestamp = Timestamp::from_millis(1_000_000_000_000);

/// Reads an event.
///
/// # Errors
/// When the body is not one of SimpleMDM's events, or is too large.
pub fn parse(body: &[u8], _: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| BodyError::NotJson { line: error.line(), column: error.column() })?;
    let message = value.as_object().ok_or(BodyError::Malformed("an event is an object"))?;
    let kind = reported(message, "type").ok_or(BodyError::Malformed("an event has a type"))?;
    let steps = match kind.to_ascii_lowercase().as_str() {
        "device.enrolled" => vec![Step::of(Kind::Enrolled), assumed_compliant()],
        "device.unenrolled" => vec![Step::of(Kind::Unenrolled)],
        // A move between groups, a test, and every other type is not about an enrollment.
        _ => return Ok(Batch { events: vec![Parsed::passed_over(None, Some(&kind))], is_list: false }),
    };
    Ok(Batch { events: events(message, steps, received), is_list: false })
}

fn events(message: &Map<String, Value>, steps: Vec<Step>, received: Received) -> Vec<Parsed> {
    let nothing = Map::new();
    let device = message.get("data").and_then(|data| data.get("device")).and_then(Value::as_object);
    let about = about(device.unwrap_or(&nothing));
    let Some(named) = about.identifiers().next() else {
        let member = |kind| {
            let member = match kind {
                IdentifierKind::SerialNumber => "serial_number",
                IdentifierKind::Udid => "udid",
                IdentifierKind::MdmDeviceId | IdentifierKind::EnrollmentId => "id",
            };
            format!("data.device.{member}")
        };
        let otherwise = "must have a serial_number, udid or id that names the device";
        return vec![super::unnamed(None, &about, member, ("data.device", otherwise))];
    };
    let at = reported(message, "at");
    let sent = at.as_deref().and_then(|text| Timestamp::parse(text).ok()).filter(|time| *time >= EARLIEST);
    // SimpleMDM's own id of the device is always there, whatever other ids an event has.
    let id = about.mdm_device_id.clone().unwrap_or_else(|| named.value.clone());
    let event = |step: Step| {
        let content = at.as_deref().unwrap_or_default().as_bytes();
        let key = EventKey { source: SOURCE.to_owned(), id: derived_id(SOURCE, step.kind.name(), &id, sent, content) };
        let time = sent.unwrap_or(received.at);
        Parsed::Event(Box::new(super::enrollment_event(key, time, received, about.clone(), step)))
    };
    steps.into_iter().map(event).collect()
}

/// The device, from an event. The number alone could also name a device of another product.
fn about(device: &Map<String, Value>) -> About {
    let is_number =
        |id: &String| id.bytes().all(|digit| digit.is_ascii_digit()) && id.bytes().any(|digit| digit != b'0');
    About {
        serial_number: reported(device, "serial_number"),
        udid: reported(device, "udid"),
        mdm_device_id: reported(device, "id").filter(is_number).map(|id| format!("simplemdm-{id}")),
        ..About::default()
    }
}
