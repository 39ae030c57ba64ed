//! Android Management API's notifications, as a Google Pub/Sub push subscription posts them.
//!
//! <https://developers.google.com/android/management/notifications> describes the messages,
//! <https://developers.google.com/android/management/reference/rest/v1/enterprises.devices> the device within,
//! <https://cloud.google.com/pubsub/docs/push> the envelope. Payload unwrapping must be off: without the envelope the
//! notification's type is not in the body.
//!
//! On failure Pub/Sub sends again, with growing pauses, whatever was not answered 102, 200, 201, 202 or 204, until the
//! subscription's retention ends (seven days unless set). So what is of no use here must be acknowledged too. It may send
//! twice and in any order.
//!
//! What it cannot tell: that an enrollment began or failed (a device is known only once it enrolled), the screens on the
//! way, that somebody gave up, who the person is (`userName` is an account made for the device), the device's name,
//! and that a device was lost or reset (its deletion is told when the device acknowledges it).
//!
//! A device reports every hour or so, for years. What must stay true: events are named by the enrollment they are about
//! and not by the message, so that reports in which nothing changed are the events that are there already. A report
//! repeats that the device is enrolled (`restated`), as it may have enrolled before we were asked. That is dated by the
//! report: when the device enrolled may be longer ago than anything is kept, and an event of then would be refused.
//! Of the token that a device enrolled with nothing goes further (`enrollmentTokenData`, `enrollmentTokenName`), nor of
//! networks, applications and telephone.

use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, derived_id, sample};
use crate::cloudevents::{Batch, BodyError, MAX_BODY_BYTES, Parsed, Received};
use crate::fields::is_identifier;
use crate::proof::Proof;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::{Map, Value};
use vestibule_domain::Timestamp;
use vestibule_domain::event::{About, EventKey, Kind, MAX_TEXT_CHARS, Platform, Step};
use vestibule_domain::identity::IdentifierKind;

/// The `source` of every event made here.
pub const SOURCE: &str = "android-management:notifications";

/// The sender.
pub static SENDER: Sender = Sender {
    name: "android-management",
    title: "Android Management API",
    proofs: &[Proof::Path],
    answer: Answer::ALWAYS,
    repeats: Repeats::UntilAccepted,
    reports: Reports {
        starts: false,
        steps: false,
        stops: false,
        failures: false,
        ends: true,
        compliance: true,
        removals: true,
        clock: Clock::Server,
    },
    besides: &[],
    source: Some(SOURCE),
    settings: "gcloud pubsub subscriptions create vestibule --topic=TOPIC --push-endpoint='{url}'\n\
         Enterprise: notifications ENROLLMENT and STATUS_REPORT to TOPIC",
    files: &[],
    samples: &[
        sample!("android-management-enrollment.json", Becomes::Event(Kind::Enrolled)),
        sample!(
            "android-management-enrollment-personal.json",
            Becomes::Event(Kind::Enrolled),
            Becomes::Event(Kind::Compliant)
        ),
        sample!(
            "android-management-status-report.json",
            Becomes::Event(Kind::Enrolled),
            Becomes::Event(Kind::Compliant)
        ),
        sample!("android-management-status-report-deleted.json", Becomes::Event(Kind::Unenrolled)),
        sample!("android-management-usage-logs.json", Becomes::Ignored),
        sample!("android-management-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// 2001-09-09: Android is younger, and so is every enrollment.
const EARLIEST: Timestamp = Timestamp::from_millis(1_000_000_000_000);

/// The notifications that are about enrollments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Enrollment,
    StatusReport,
}

/// Reads a notification.
///
/// # Errors
/// When the body is no pushed message, what it holds is no device, or it is too large.
pub fn parse(body: &[u8], _: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| BodyError::NotJson { line: error.line(), column: error.column() })?;
    let message = object(value.as_object(), "message").ok_or(BodyError::Malformed("a push has a message"))?;
    let kind = object(Some(message), "attributes").and_then(|attributes| text(attributes, "notificationType"));
    let told = match kind.map(|kind| kind.to_ascii_uppercase()).as_deref() {
        Some("ENROLLMENT") => Told::Enrollment,
        Some("STATUS_REPORT") => Told::StatusReport,
        // COMMAND, USAGE_LOGS, ENTERPRISE_UPGRADE, test, and what else is published to the topic.
        _ => return Ok(Batch { events: vec![ignored(message)], is_list: false }),
    };
    if message.get("data").is_none_or(|data| data.is_null() || data.as_str().is_some_and(str::is_empty)) {
        // Google's own test of a subscription, and what else names no device: it would come again for ever.
        return Ok(Batch { events: vec![ignored(message)], is_list: false });
    }
    Ok(Batch { events: events(told, message, &device(message)?, received), is_list: false })
}

fn ignored(message: &Map<String, Value>) -> Parsed {
    let kind = object(Some(message), "attributes").and_then(|attributes| text(attributes, "notificationType"));
    let id = text(message, "messageId").or_else(|| text(message, "message_id"));
    Parsed::passed_over(id, kind.as_deref())
}

/// The device in a message's `data`.
fn device(message: &Map<String, Value>) -> Result<Map<String, Value>, BodyError> {
    let data = message.get("data").and_then(Value::as_str).unwrap_or_default();
    let data = STANDARD.decode(data).map_err(|_| BodyError::Malformed("message.data is not base64"))?;
    serde_json::from_slice(&data).map_err(|_| BodyError::Malformed("message.data holds no JSON object"))
}

fn events(told: Told, message: &Map<String, Value>, device: &Map<String, Value>, received: Received) -> Vec<Parsed> {
    let about = about(device);
    let Some(identifier) = about.identifiers().next() else {
        let member = |kind| {
            let member = match kind {
                IdentifierKind::SerialNumber => "hardwareInfo.serialNumber",
                IdentifierKind::MdmDeviceId if text(device, "name").is_none() => "hardwareInfo.enterpriseSpecificId",
                _ => "name",
            };
            format!("message.data.{member}")
        };
        return vec![super::unnamed(None, &about, member, ("message.data", "must hold a device with a name"))];
    };
    let enrolled = time(device, "enrollmentTime");
    let published = time(message, "publishTime").or_else(|| time(message, "publish_time"));
    let reported = time(device, "lastStatusReportTime").or(published).unwrap_or(received.at);
    // Google makes a new name at every enrollment. What names the device may be known better in a later report.
    let name = text(device, "name").unwrap_or(identifier.value);
    let event = |kind: Kind, time: Timestamp| {
        // A report repeats that the device is enrolled; so it does of a device that enrolled before we were asked.
        let mut step = Step::of(kind);
        step.said.restated = kind == Kind::Enrolled && told == Told::StatusReport;
        let what: &[u8] = if step.said.restated { b"restated" } else { b"" };
        let key = EventKey { source: SOURCE.to_owned(), id: derived_id(SOURCE, kind.name(), &name, enrolled, what) };
        Parsed::Event(Box::new(super::enrollment_event(key, time, received, about.clone(), step)))
    };
    let is_in = |state: &str| ["state", "appliedState"].map(|name| text(device, name).as_deref() == Some(state));
    if is_in("DELETED").contains(&true) {
        return vec![event(Kind::Unenrolled, published.unwrap_or(reported))];
    }
    // A device is provisioning until it has applied its policy; only then can it keep to it.
    let is_compliant = is_true(device, "policyCompliant") && !is_in("PROVISIONING")[1];
    if told == Told::StatusReport && !is_compliant {
        return vec![ignored(message)];
    }
    let begun = match told {
        Told::Enrollment => enrolled.or(published).unwrap_or(received.at),
        // What it repeats is true when it is reported (docs/DOMAIN.md, E4), though never before the device enrolled.
        Told::StatusReport => reported.max(enrolled.unwrap_or(reported)),
    };
    let mut events = Vec::new();
    events.push(event(Kind::Enrolled, begun));
    if is_compliant {
        events.push(event(Kind::Compliant, reported.max(begun)));
    }
    events
}

/// Whom a notification is about.
fn about(device: &Map<String, Value>) -> About {
    let hardware = |name: &str| hardware(device, name);
    // `enterprises/{enterprise}/devices/{device}`; the last part is the device's, and another after every enrollment.
    let id = text(device, "name").and_then(|name| name.rsplit('/').next().map(str::to_owned));
    let id = id.filter(|id| !id.is_empty());
    About {
        // Personal devices have no serial number since Android 12, but an id that stays through a reset.
        mdm_device_id: hardware("enterpriseSpecificId")
            .filter(|specific| is_identifier(specific) || id.is_none())
            .or_else(|| id.clone()),
        enrollment_id: id,
        serial_number: hardware("serialNumber"),
        manufacturer: hardware("manufacturer").or_else(|| hardware("brand")),
        model: hardware("model"),
        platform: Some(Platform::Android),
        os_version: object(Some(device), "softwareInfo").and_then(|software| text(software, "androidVersion")),
        enrollment_type: enrollment_type(device).map(str::to_owned),
        ..About::default()
    }
}

fn hardware(device: &Map<String, Value>, name: &str) -> Option<String> {
    object(Some(device), "hardwareInfo").and_then(|hardware| text(hardware, name))
}

/// How the device is enrolled, where it follows: a wholly managed one may be a person's or a kiosk.
fn enrollment_type(device: &Map<String, Value>) -> Option<&'static str> {
    match (text(device, "managementMode")?.as_str(), text(device, "ownership")?.as_str()) {
        ("PROFILE_OWNER", "PERSONALLY_OWNED") => Some("userEnrollment"),
        ("PROFILE_OWNER", "COMPANY_OWNED") => Some("androidEnterpriseCorporateWorkProfile"),
        _ => None,
    }
}

/// A time, if it is told and can be true.
fn time(map: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    text(map, name).and_then(|text| Timestamp::parse(&text).ok()).filter(|time| *time >= EARLIEST)
}

fn object<'a>(map: Option<&'a Map<String, Value>>, name: &str) -> Option<&'a Map<String, Value>> {
    map?.get(name)?.as_object()
}

/// A text. Blank, and longer than an event may hold, is as if not told.
fn text(map: &Map<String, Value>, name: &str) -> Option<String> {
    let text = map.get(name)?.as_str()?.trim();
    (!text.is_empty() && text.chars().count() <= MAX_TEXT_CHARS).then(|| text.to_owned())
}

fn is_true(map: &Map<String, Value>, name: &str) -> bool {
    map.get(name) == Some(&Value::Bool(true))
}
