//! Android Management API's notifications, as a Google Pub/Sub push subscription posts them.
//!
//! <https://developers.google.com/android/management/notifications> describes the messages,
//! <https://developers.google.com/android/management/reference/rest/v1/enterprises.devices> the device within,
//! <https://cloud.google.com/pubsub/docs/push> the envelope. Payload unwrapping must be off: without the envelope the
//! notification's type is not in the body.
//!
//! If Pub/Sub gets any answer but 102, 200, 201, 202 or 204, it sends again, with growing pauses, until the
//! subscription's retention ends (seven days unless set). So messages that we do not need must be acknowledged too. It
//! may send a message twice and in any order.
//!
//! What it cannot report: that an enrollment began or failed (a device is known only once it has enrolled), the screens
//! on the way, that somebody gave up, who the person is (`userName` is an account made for the device), the device's
//! name, and that a device was lost or reset (a deletion is reported only when the device acknowledges it).
//!
//! A device reports every hour or so, for years. Must stay true: an event's id comes from the enrollment and not from
//! the message, so a report in which nothing changed repeats events that are already stored. A report repeats that the
//! device is enrolled (`restated`), because it may have enrolled before notifications were switched on. Such an event
//! has the report's time: the enrollment may be older than anything we keep, and an event of that time would be
//! refused. Nothing of the enrollment token is kept (`enrollmentTokenData`, `enrollmentTokenName`), nor of networks,
//! applications and telephony.

use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, derived_id, sample};
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
    tags: SenderTags::NONE,
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

/// 2001-09-09: Android, and so every enrollment, is younger.
const EARLIEST: Timestamp = Timestamp::from_millis(1_000_000_000_000);

/// The notifications about enrollments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Notification {
    Enrollment,
    StatusReport,
}

/// Reads a notification.
///
/// # Errors
/// When the body is not a pushed message, when the message holds no device, or when the body is too large.
pub fn parse(body: &[u8], _: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| BodyError::NotJson { line: error.line(), column: error.column() })?;
    let message = object(value.as_object(), "message").ok_or(BodyError::Malformed("a push has a message"))?;
    let kind = object(Some(message), "attributes").and_then(|attributes| text(attributes, "notificationType"));
    let notification = match kind.map(|kind| kind.to_ascii_uppercase()).as_deref() {
        Some("ENROLLMENT") => Notification::Enrollment,
        Some("STATUS_REPORT") => Notification::StatusReport,
        // COMMAND, USAGE_LOGS, ENTERPRISE_UPGRADE, test, and anything else published to the topic.
        _ => return Ok(Batch { events: vec![ignored(message)], is_list: false }),
    };
    if message.get("data").is_none_or(|data| data.is_null() || data.as_str().is_some_and(str::is_empty)) {
        // Google's own test of a subscription, and other messages without a device, are acknowledged; otherwise Pub/Sub
        // would send them again and again.
        return Ok(Batch { events: vec![ignored(message)], is_list: false });
    }
    Ok(Batch { events: events(notification, message, &device(message)?, received), is_list: false })
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

fn events(
    notification: Notification,
    message: &Map<String, Value>,
    device: &Map<String, Value>,
    received: Received,
) -> Vec<Parsed> {
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
    // Google makes a new name at every enrollment; a later report may have better identifiers of the device.
    let name = text(device, "name").unwrap_or(identifier.value);
    let event = |kind: Kind, time: Timestamp| {
        // A report repeats that the device is enrolled, also for devices that enrolled before notifications were
        // switched on.
        let mut step = Step::of(kind);
        step.said.restated = kind == Kind::Enrolled && notification == Notification::StatusReport;
        let what: &[u8] = if step.said.restated { b"restated" } else { b"" };
        let key = EventKey { source: SOURCE.to_owned(), id: derived_id(SOURCE, kind.name(), &name, enrolled, what) };
        Parsed::Event(Box::new(super::enrollment_event(key, time, received, about.clone(), step)))
    };
    let is_in = |state: &str| ["state", "appliedState"].map(|name| text(device, name).as_deref() == Some(state));
    if is_in("DELETED").contains(&true) {
        return vec![event(Kind::Unenrolled, published.unwrap_or(reported))];
    }
    // A device is provisioning until it has applied its policy, so only afterwards can it be compliant.
    let is_compliant = is_true(device, "policyCompliant") && !is_in("PROVISIONING")[1];
    if notification == Notification::StatusReport && !is_compliant {
        return vec![ignored(message)];
    }
    let begun = match notification {
        Notification::Enrollment => enrolled.or(published).unwrap_or(received.at),
        // What a report repeats is dated by the report (docs/DOMAIN.md, E4), but never before the device enrolled.
        Notification::StatusReport => reported.max(enrolled.unwrap_or(reported)),
    };
    let mut events = Vec::new();
    events.push(event(Kind::Enrolled, begun));
    if is_compliant {
        events.push(event(Kind::Compliant, reported.max(begun)));
    }
    events
}

/// The device, from a notification.
fn about(device: &Map<String, Value>) -> About {
    let hardware = |name: &str| hardware(device, name);
    // `enterprises/{enterprise}/devices/{device}`: the last part names the device, and changes with every enrollment.
    let id = text(device, "name").and_then(|name| name.rsplit('/').next().map(str::to_owned));
    let id = id.filter(|id| !id.is_empty());
    About {
        // Since Android 12 personal devices have no serial number, but an id that survives a reset.
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

/// How the device is enrolled, if the notification implies it: a fully managed device may be a person's or a kiosk.
fn enrollment_type(device: &Map<String, Value>) -> Option<&'static str> {
    match (text(device, "managementMode")?.as_str(), text(device, "ownership")?.as_str()) {
        ("PROFILE_OWNER", "PERSONALLY_OWNED") => Some("userEnrollment"),
        ("PROFILE_OWNER", "COMPANY_OWNED") => Some("androidEnterpriseCorporateWorkProfile"),
        _ => None,
    }
}

/// A time, if it was reported and is plausible.
fn time(map: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    text(map, name).and_then(|text| Timestamp::parse(&text).ok()).filter(|time| *time >= EARLIEST)
}

fn object<'a>(map: Option<&'a Map<String, Value>>, name: &str) -> Option<&'a Map<String, Value>> {
    map?.get(name)?.as_object()
}

/// A text. A blank one, or one longer than an event may hold, counts as not reported.
fn text(map: &Map<String, Value>, name: &str) -> Option<String> {
    let text = map.get(name)?.as_str()?.trim();
    (!text.is_empty() && text.chars().count() <= MAX_TEXT_CHARS).then(|| text.to_owned())
}

fn is_true(map: &Map<String, Value>, name: &str) -> bool {
    map.get(name) == Some(&Value::Bool(true))
}
