//! Jamf Pro's webhooks, in JSON and in XML.
//!
//! <https://developer.jamf.com/jamf-pro/docs/webhooks-1> describes the events,
//! <https://docs.jamf.com/10.39.0/jamf-pro/documentation/Webhooks.html> the settings. Times
//! (`eventTimestamp`) came with Jamf Pro 10.12; the id in `webhook` is the webhook's own, not the event's.
//!
//! Jamf documents no repetition, only two timeouts (connecting and reading), so an event that we do not accept the
//! first time counts as lost.
//!
//! What Jamf cannot report: that an enrollment began or failed, the screens on the way, that somebody gave up,
//! compliance, how a device was enrolled, that a computer left, and that a computer enrolled again while its record was
//! still there. Before 10.12, a device that enrolls again unchanged gives the same event.
//!
//! Must stay true: XML may not define entities and is no deeper than [`MAX_DEPTH`]; an event in JSON and in XML, or
//! from two webhooks, is one event; of people only the account is kept (no telephone, room, position). Department and
//! building are tags of the device.

use super::{
    Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, assumed_compliant, derived_id, reported as text,
    reported_tags, sample, setup_manager,
};
use crate::cloudevents::{Batch, BodyError, MAX_BODY_BYTES, Parsed, Received};
use crate::proof::{Proof, SECRET_HEADER};
use http::{HeaderMap, header};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event as Xml;
use serde_json::{Map, Value};
use vestibule_domain::Timestamp;
use vestibule_domain::event::{About, EventKey, Kind, Platform, Step};
use vestibule_domain::identity::IdentifierKind;

/// The `source` of every event made here.
pub const SOURCE: &str = "jamf:webhooks";

/// The sender.
pub static SENDER: Sender = Sender {
    name: "jamf",
    title: "Jamf Pro",
    proofs: &[Proof::Basic, Proof::Header(SECRET_HEADER), Proof::Path],
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
    tags: SenderTags::Keys(&["building", "department"]),
    source: Some(SOURCE),
    settings: "In Jamf Pro: Settings > Global > Webhooks > New, one for each of MobileDeviceEnrolled, MobileDeviceUnEnrolled,\n\
         ComputerAdded and DeviceAddedToDEP\n\
         Webhook URL: {url}\nAuthentication type: Basic Authentication, username vestibule, password {secret}\n\
         Content type: JSON",
    files: &[],
    samples: &[
        sample!("jamf-mobile-device-enrolled.json", Becomes::Event(Kind::Enrolled)),
        sample!("jamf-mobile-device-unenrolled.json", Becomes::Event(Kind::Unenrolled)),
        sample!("jamf-computer-added.xml", Becomes::Event(Kind::Enrolled)),
        sample!("jamf-device-added-to-dep.json", Becomes::Event(Kind::Registered)),
        sample!("jamf-smart-group.json", Becomes::Ignored),
        sample!("jamf-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// How deep XML may go. Jamf's deepest elements, the members of devices in a list, are at level five.
pub const MAX_DEPTH: usize = 16;

/// 2001-09-09 in milliseconds. A smaller number was counted in seconds, or is not a time.
const EARLIEST: i64 = 1_000_000_000_000;

/// The members that distinguish one event from another.
const DISTINGUISHING: [&str; 12] = [
    "serialNumber",
    "udid",
    "managementId",
    "jssID",
    "deviceName",
    "model",
    "osVersion",
    "username",
    "userDirectoryID",
    "assetTag",
    "deviceAssignedDate",
    "deviceEnrollmentProgramInstanceId",
];

/// The members that are tags, each with its key. The room is left out: it leads to a person.
const TAGS: [(&str, &str); 2] = [("building", "building"), ("department", "department")];

/// The events about enrollments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Topic {
    MobileDeviceEnrolled,
    MobileDeviceUnenrolled,
    ComputerAdded,
    DeviceAddedToDep,
}

impl Topic {
    fn read(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "mobiledeviceenrolled" => Self::MobileDeviceEnrolled,
            "mobiledeviceunenrolled" => Self::MobileDeviceUnenrolled,
            "computeradded" => Self::ComputerAdded,
            "deviceaddedtodep" => Self::DeviceAddedToDep,
            _ => return None,
        })
    }

    fn steps(self) -> Vec<Step> {
        match self {
            Self::MobileDeviceEnrolled | Self::ComputerAdded => vec![Step::of(Kind::Enrolled), assumed_compliant()],
            Self::MobileDeviceUnenrolled => vec![Step::of(Kind::Unenrolled)],
            Self::DeviceAddedToDep => vec![Step::of(Kind::Registered)],
        }
    }
}

/// Reads an event.
///
/// # Errors
/// When the body is not one of Jamf's events, or is too large.
pub fn parse(body: &[u8], headers: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let message = if is_xml(body, headers) {
        read_xml(body)?
    } else {
        let value = read_json(body)?;
        // Both products are Jamf's, and an administrator may enter this address in the other one; no set-up is lost by
        // that.
        if setup_manager::is_message(&value) {
            return setup_manager::read_misaddressed(&value, received);
        }
        Message::of_json(&value)
    };
    let name =
        text(&message.webhook, "webhookEvent").ok_or(BodyError::Malformed("webhook must have a webhookEvent"))?;
    let events = match Topic::read(&name) {
        Some(topic) => events(topic, &message, received),
        None => vec![Parsed::passed_over(None, Some(&name))],
    };
    Ok(Batch { events, is_list: false })
}

/// The two parts of each of Jamf's events.
#[derive(Default)]
struct Message {
    webhook: Map<String, Value>,
    event: Map<String, Value>,
}

impl Message {
    fn of_json(value: &Value) -> Self {
        let part = |name: &str| value.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        Self { webhook: part("webhook"), event: part("event") }
    }
}

fn is_xml(body: &[u8], headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_ascii_lowercase();
    if content_type.contains("xml") || content_type.contains("json") {
        return content_type.contains("xml");
    }
    without_mark(body).iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

/// Removes the byte order mark that some write before UTF-8.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

fn read_json(body: &[u8]) -> Result<Value, BodyError> {
    serde_json::from_slice(without_mark(body))
        .map_err(|error| BodyError::NotJson { line: error.line(), column: error.column() })
}

/// Reads `<JSSEvent><webhook>…</webhook><event>…</event></JSSEvent>`: the texts directly below the two parts. Anything
/// deeper belongs to events of other kinds and is ignored.
fn read_xml(body: &[u8]) -> Result<Message, BodyError> {
    const NOT_XML: BodyError = BodyError::Malformed("the XML is not well-formed");
    let body = std::str::from_utf8(without_mark(body)).map_err(|_| BodyError::Malformed("the XML is not UTF-8"))?;
    let mut reader = Reader::from_str(body);
    reader.config_mut().expand_empty_elements = true;
    let mut message = Message::default();
    // The open part, the open member within it, and the member's text.
    let (mut part, mut member, mut content) = (String::new(), String::new(), String::new());
    let (mut depth, mut has_root) = (0_usize, false);
    loop {
        match reader.read_event().map_err(|_| NOT_XML)? {
            Xml::Start(tag) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(BodyError::Malformed("the XML is nested too deeply"));
                }
                let name = || tag.local_name().as_ref().to_owned();
                match depth {
                    1 if has_root => return Err(NOT_XML),
                    1 => has_root = true,
                    2 => part = name(),
                    3 => {
                        member = name();
                        content.clear();
                    }
                    _ => {}
                }
            }
            Xml::End(_) => {
                let members = match part.as_str() {
                    "webhook" => Some(&mut message.webhook),
                    "event" => Some(&mut message.event),
                    _ => None,
                };
                if let (3, Some(members)) = (depth, members) {
                    members.insert(std::mem::take(&mut member), Value::String(std::mem::take(&mut content)));
                }
                depth = depth.checked_sub(1).ok_or(NOT_XML)?;
            }
            Xml::Text(found) if depth == 3 => content.push_str(&found.into_inner()),
            Xml::CData(found) if depth == 3 => content.push_str(&found.into_inner()),
            Xml::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|_| NOT_XML)?;
                let name = reference.into_inner();
                match (character, resolve_predefined_entity(&name)) {
                    (Some(character), _) if depth == 3 => content.push(character),
                    (None, Some(character)) if depth == 3 => content.push_str(character),
                    (None, None) => return Err(BodyError::Malformed("the XML uses an entity of its own")),
                    _ => {}
                }
            }
            Xml::DocType(_) => return Err(BodyError::Malformed("the XML has a document type")),
            Xml::Eof if depth == 0 && has_root => return Ok(message),
            Xml::Eof => return Err(NOT_XML),
            _ => {}
        }
    }
}

fn events(topic: Topic, message: &Message, received: Received) -> Vec<Parsed> {
    let about = about(topic, &message.event);
    let Some(device) = about.identifiers().next() else {
        let otherwise = "must have a serialNumber, udid, managementId or jssID that names the device";
        let member = |kind| {
            let member = match kind {
                IdentifierKind::SerialNumber => "serialNumber",
                IdentifierKind::Udid => "udid",
                IdentifierKind::MdmDeviceId | IdentifierKind::EnrollmentId => "managementId",
            };
            format!("event.{member}")
        };
        return vec![super::unnamed(None, &about, member, ("event", otherwise))];
    };
    let sent = time(&message.webhook);
    let content = DISTINGUISHING.map(|name| text(&message.event, name).unwrap_or_default()).join("\u{1f}");
    let time = sent.unwrap_or(received.at);
    let mut steps = topic.steps();
    // The tags are the device's, so one of its events carries them.
    if let Some(first) = steps.first_mut() {
        first.tags = reported_tags(&message.event, &TAGS);
    }
    let event = |step: Step| {
        let id = derived_id(SOURCE, step.kind.name(), &device.value, sent, content.as_bytes());
        let key = EventKey { source: SOURCE.to_owned(), id };
        Parsed::Event(Box::new(super::enrollment_event(key, time, received, about.clone(), step)))
    };
    steps.into_iter().map(event).collect()
}

/// When it happened, if that was reported and is plausible.
fn time(webhook: &Map<String, Value>) -> Option<Timestamp> {
    let millis: i64 = text(webhook, "eventTimestamp")?.parse().ok()?;
    (EARLIEST..=Timestamp::MAX.millis()).contains(&millis).then(|| Timestamp::from_millis(millis))
}

/// The device, from an event.
fn about(topic: Topic, event: &Map<String, Value>) -> About {
    let model = text(event, "modelDisplay").or_else(|| text(event, "model"));
    let serial_number = text(event, "serialNumber");
    let udid = text(event, "udid");
    let management_id = text(event, "managementId");
    // Jamf numbers computers and mobile devices separately, and every server begins at one, so the number names a
    // device only if nothing better does.
    let numbered = || {
        let number = text(event, "jssID").filter(|id| id.parse::<u64>().is_ok_and(|id| id > 0))?;
        let family = if topic == Topic::ComputerAdded { "computer" } else { "mobile-device" };
        Some(format!("jamf-{family}-{number}"))
    };
    let mut about = About {
        serial_number,
        udid,
        mdm_device_id: management_id,
        device_name: text(event, "deviceName"),
        user_principal_name: principal_name(event),
        // -1 means an account that is in no directory.
        user_id: text(event, "userDirectoryID").filter(|id| id != "-1"),
        platform: platform(topic, model.as_deref()),
        model,
        os_version: text(event, "osVersion"),
        ..About::default()
    };
    if about.identifiers().next().is_none() {
        about.mdm_device_id = numbered().or(about.mdm_device_id);
    }
    about
}

/// The account: its name if that is an address, else the separate address.
fn principal_name(event: &Map<String, Value>) -> Option<String> {
    let username = text(event, "username");
    if username.as_ref().is_some_and(|name| name.contains('@')) {
        return username;
    }
    text(event, "emailAddress").filter(|address| address.contains('@')).or(username)
}

/// Jamf's mobile devices include televisions and headsets, which have no platform here. A device added by Apple's
/// programme may be of any kind.
fn platform(topic: Topic, model: Option<&str>) -> Option<Platform> {
    let model = model.unwrap_or_default().to_ascii_lowercase().replace(' ', "");
    let is_one_of = |names: &[&str]| names.iter().any(|name| model.starts_with(name));
    match topic {
        Topic::ComputerAdded => Some(Platform::MacOs),
        _ if is_one_of(&["iphone", "ipad", "ipod"]) => Some(Platform::Ios),
        Topic::DeviceAddedToDep => model.contains("mac").then_some(Platform::MacOs),
        _ if is_one_of(&["appletv", "applevision", "realitydevice", "watch", "applewatch"]) => None,
        _ => Some(Platform::Ios),
    }
}
