//! Workspace ONE UEM's event notifications (VMware's, then Omnissa's; AirWatch before), in JSON.
//!
//! The product (<https://docs.omnissa.com/>) has the settings under Groups & Settings → All Settings → System → Advanced →
//! API → Event Notifications; what is posted was found in no public page of its documentation. It is known from products
//! that take it: early bodies (`MDMEnrollmentComplete`, `/Date(1368076195887)/`, `System.Byte[]`) and later ones (`MDM
//! Enrollment Complete`, `2022-01-16T09:13:59.5720125Z`, `Platform`, `DeviceUUID`; `contrib/wsone` in
//! <https://github.com/zentralopensource/zentral>).
//! `EventId` is the number of a kind of event, not of an event: 39 is `BreakMDMConfirmed`, 148 `MDMEnrollmentComplete`,
//! 178 `CompromisedStatusChanged`, 229 `DeviceEnterpriseWipeRequested`. No list of them is public, so that the name
//! decides where it is known.
//!
//! On failure nothing is documented: what isn't taken the first time must be held for lost.
//!
//! What Workspace ONE cannot tell: that an enrollment began or failed, the screens on the way, that somebody gave up,
//! how a device was enrolled, and when it became compliant that was so from the beginning (no change is told then, so
//! that the status told with the enrollment counts). A wipe is told when it is asked for, not always when it is done:
//! the asking counts as the end, as a device that enrolls anew would else be taken for one that never left.
//!
//! What must stay true: no telephone number, MAC address or IMEI goes further; compliance is said only where it was told.

use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, derived_id, sample};
use crate::cloudevents::{Batch, BodyError, MAX_BODY_BYTES, Parsed, Received};
use crate::fields::is_identifier;
use crate::proof::Proof;
use http::HeaderMap;
use serde_json::{Map, Value};
use vestibule_domain::Timestamp;
use vestibule_domain::event::{About, EventKey, Kind, MAX_TEXT_CHARS, Platform, Step};
use vestibule_domain::identity::IdentifierKind;

/// The `source` of every event made here.
pub const SOURCE: &str = "workspace-one:event-notifications";

/// The sender.
pub static SENDER: Sender = Sender {
    name: "workspace-one",
    title: "Workspace ONE UEM",
    proofs: &[Proof::Basic],
    answer: Answer::ALWAYS,
    repeats: Repeats::NotDocumented,
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
    settings: "In Workspace ONE UEM: Groups & Settings > All Settings > System > Advanced > API > Event Notifications > Add Rule\n\
         Target URL: {url}\nUser name: vestibule\nPassword: {secret}\nFormat: JSON\n\
         Events: enrollment, unenrollment, compliance status",
    files: &[],
    samples: &[
        sample!("workspace-one-mdm-enrollment-complete.json", Becomes::Event(Kind::Enrolled)),
        sample!(
            "workspace-one-compliance-status-changed.json",
            Becomes::Event(Kind::Enrolled),
            Becomes::Event(Kind::Compliant)
        ),
        sample!("workspace-one-break-mdm-confirmed-early.json", Becomes::Event(Kind::Unenrolled)),
        sample!("workspace-one-compromised-status-changed.json", Becomes::Ignored),
        sample!("workspace-one-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// 2001-09-09 in milliseconds. What is earlier is .NET's unset time, or none.
const EARLIEST: i64 = 1_000_000_000_000;

/// The members that tell one notification from another, besides its time. When it was sent (`CompromisedTimeStamp`) is
/// not among them: two rules that both send an event do so at different times.
const TELLING: [&str; 9] = [
    "EventId",
    "EventType",
    "EventTime",
    "DeviceId",
    "DeviceUUID",
    "SerialNumber",
    "Udid",
    "EnrollmentStatus",
    "ComplianceStatus",
];

/// The notifications that are about enrollments.
#[derive(Clone, Copy)]
enum Told {
    Enrolled,
    Unenrolled,
    Compliance,
}

impl Told {
    /// By name, with and without spaces as early and later versions write it; else by number.
    fn read(name: Option<&str>, number: Option<&str>) -> Option<Self> {
        let name: String = name.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
        Some(match name.to_ascii_lowercase().as_str() {
            "mdmenrollmentcomplete" | "enrollmentcomplete" | "deviceenrollment" | "deviceenrolled" => Self::Enrolled,
            "breakmdmconfirmed"
            | "deviceenterprisewiperequested"
            | "enterprisewiperequested"
            | "enterprisewipeconfirmed"
            | "deviceunenrolledenterprisewipe"
            | "deviceunenrolled"
            | "devicewipe"
            | "devicewiperequested"
            | "devicewipeconfirmed"
            | "devicedelete"
            | "devicedeleted"
            | "deletedevicerequested"
            | "deletedeviceconfirmed" => Self::Unenrolled,
            "compliancestatuschanged" | "devicecompliancestatuschanged" => Self::Compliance,
            // A known event that is about something else.
            "compromisedstatuschanged" => return None,
            _ => match number? {
                "148" => Self::Enrolled,
                "39" | "229" => Self::Unenrolled,
                _ => return None,
            },
        })
    }

    /// What it means, by what it says of the device's state.
    fn steps(self, notification: &Map<String, Value>) -> Vec<Step> {
        let is = |name: &str, value: &str| text(notification, name).map(|text| text.eq_ignore_ascii_case(value));
        let is_compliant = is("ComplianceStatus", "Compliant") == Some(true);
        let (enrolled, compliant) = (Step::of(Kind::Enrolled), Step::of(Kind::Compliant));
        match (self, is("EnrollmentStatus", "Enrolled")) {
            (Self::Unenrolled, _) => vec![Step::of(Kind::Unenrolled)],
            (Self::Enrolled, Some(true) | None) if is_compliant => vec![enrolled, compliant],
            (Self::Enrolled, _) => vec![enrolled],
            // Of a device that enrolled before we were asked this is the first word, and it repeats that the device is
            // enrolled: its time is not the enrollment's.
            (Self::Compliance, Some(true)) if is_compliant => {
                let mut restated = enrolled;
                restated.said.restated = true;
                vec![restated, compliant]
            }
            (Self::Compliance, None) if is_compliant => vec![compliant],
            (Self::Compliance, _) => Vec::new(),
        }
    }
}

/// Reads a notification.
///
/// # Errors
/// When the body is no notification, or too large.
pub fn parse(body: &[u8], _: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    // .NET likes to begin with a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| BodyError::NotJson { line: error.line(), column: error.column() })?;
    let notification = value.as_object().ok_or(BodyError::Malformed("a notification is an object"))?;
    let (name, number) = (text(notification, "EventType"), text(notification, "EventId"));
    if name.is_none() && number.is_none() {
        return Err(BodyError::Malformed("a notification has an EventType or EventId"));
    }
    let steps = Told::read(name.as_deref(), number.as_deref()).map_or_else(Vec::new, |told| told.steps(notification));
    let events = if steps.is_empty() {
        vec![Parsed::passed_over(None, name.as_deref().or(number.as_deref()))]
    } else {
        events(&steps, notification, received)
    };
    Ok(Batch { events, is_list: false })
}

fn events(steps: &[Step], notification: &Map<String, Value>, received: Received) -> Vec<Parsed> {
    let about = about(notification);
    let Some(device) = about.identifiers().next() else {
        let otherwise = "must have a SerialNumber, Udid, DeviceUUID or DeviceId that names the device";
        let member = |kind| {
            let member = match kind {
                IdentifierKind::SerialNumber => "SerialNumber",
                IdentifierKind::Udid => "Udid",
                IdentifierKind::MdmDeviceId | IdentifierKind::EnrollmentId => "DeviceUUID",
            };
            member.to_owned()
        };
        return vec![super::unnamed(None, &about, member, ("", otherwise))];
    };
    let sent = text(notification, "EventTime").as_deref().and_then(time);
    // The time as written is among them: later versions tell a ten-millionth of a second.
    let content = TELLING.map(|name| text(notification, name).unwrap_or_default()).join("\u{1f}");
    let time = sent.unwrap_or(received.at);
    let event = |step: &Step| {
        let id = derived_id(SOURCE, step.kind.name(), &device.value, sent, content.as_bytes());
        let key = EventKey { source: SOURCE.to_owned(), id };
        Parsed::Event(Box::new(super::enrollment_event(key, time, received, about.clone(), step.clone())))
    };
    steps.iter().map(event).collect()
}

/// `/Date(milliseconds)/`, whose offset (`+0200`) only says where the server stands, or an ISO time, in UTC where it
/// names no zone. Only what can be true.
fn time(text: &str) -> Option<Timestamp> {
    let time = match text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
        Some(inner) => {
            let (millis, offset) = inner.split_at(inner.find(['+', '-']).unwrap_or(inner.len()));
            let is_offset = offset.is_empty() || offset[1..].bytes().all(|digit| digit.is_ascii_digit());
            millis.parse().ok().filter(|millis| is_offset && *millis <= Timestamp::MAX.millis())?
        }
        None => Timestamp::parse(text).or_else(|_| Timestamp::parse(&format!("{text}Z"))).ok()?.millis(),
    };
    (time >= EARLIEST).then(|| Timestamp::from_millis(time))
}

/// Whom a notification is about.
fn about(notification: &Map<String, Value>) -> About {
    let told = |name: &str| text(notification, name);
    // Every server counts its devices from one: the number names the device where no id of the whole world does.
    let is_number =
        |id: &String| id.bytes().all(|digit| digit.is_ascii_digit()) && id.bytes().any(|digit| digit != b'0');
    let numbered = || told("DeviceId").filter(is_number).map(|id| format!("workspace-one-{id}"));
    let model = told("Model");
    About {
        serial_number: told("SerialNumber"),
        udid: told("Udid"),
        mdm_device_id: told("DeviceUUID")
            .filter(|id| is_identifier(id))
            .or_else(numbered)
            .or_else(|| told("DeviceUUID")),
        device_name: told("DeviceFriendlyName"),
        user_principal_name: principal_name(notification),
        platform: platform(told("Platform").as_deref(), model.as_deref())
            .or_else(|| told("DeviceFriendlyName").filter(|_| is_early(notification)).and_then(|name| family(&name))),
        model,
        os_version: told("OperatingSystem"),
        ..About::default()
    }
}

/// The account: its name where that is an address, else the address that is told besides.
fn principal_name(notification: &Map<String, Value>) -> Option<String> {
    let name = text(notification, "EnrollmentUserName");
    if name.as_ref().is_some_and(|name| name.contains('@')) {
        return name;
    }
    text(notification, "EnrollmentEmailAddress").filter(|address| address.contains('@')).or(name)
}

/// Workspace ONE's platforms are also televisions, printers and Chromebooks, which have none here.
fn platform(name: Option<&str>, model: Option<&str>) -> Option<Platform> {
    let name: String = name.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
    let is_apple_mobile =
        || model.is_some_and(|model| ["iPhone", "iPad", "iPod"].iter().any(|family| model.starts_with(family)));
    match name.to_ascii_lowercase().as_str() {
        "apple" | "appleios" | "ios" | "ipados" => Some(Platform::Ios),
        "appleosx" | "applemacos" | "macos" | "osx" => Some(Platform::MacOs),
        "winrt" | "windows" | "windowspc" | "windows10" | "windows11" | "windowsdesktop" => Some(Platform::Windows),
        name if name.starts_with("android") => Some(Platform::Android),
        "" if is_apple_mobile() => Some(Platform::Ios),
        _ => None,
    }
}

/// Whether it is of the early form, which has neither platform nor model.
fn is_early(notification: &Map<String, Value>) -> bool {
    !notification.contains_key("Platform") && !notification.contains_key("Model")
}

/// The platform by the device's name. The product makes it of user, model and operating system ("ada iPhone iOS 9.3.2
/// F196"), Apple's devices of owner and model; a name without such a word says nothing.
fn family(name: &str) -> Option<Platform> {
    // "iPhone3,1" is an iPhone.
    let words = name.split(|c: char| !c.is_ascii_alphabetic()).map(str::to_ascii_lowercase);
    let mut found = words.filter_map(|word| {
        Some(match word.as_str() {
            "iphone" | "ipad" | "ipod" | "ios" | "ipados" => Platform::Ios,
            "macbook" | "imac" | "macos" | "osx" => Platform::MacOs,
            "android" => Platform::Android,
            "windows" => Platform::Windows,
            _ => return None,
        })
    });
    let first = found.next()?;
    // "Ada's iPhone for Windows tests" names two: neither is known.
    found.all(|other| other == first).then_some(first)
}

/// A text, or a number as its digits. Blank, what .NET writes instead of bytes, and longer than an event may hold, is as
/// if not told.
fn text(map: &Map<String, Value>, name: &str) -> Option<String> {
    let text = match map.get(name)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| {
        !text.is_empty() && !text.eq_ignore_ascii_case("System.Byte[]") && text.chars().count() <= MAX_TEXT_CHARS
    })
}
