//! Workspace ONE UEM's event notifications (VMware's, then Omnissa's; AirWatch before), in JSON.
//!
//! In the product (<https://docs.omnissa.com/>) the settings are under Groups & Settings → All Settings → System →
//! Advanced → API → Event Notifications. No public page of its documentation shows what it posts. The form is known
//! from products that receive it: early bodies (`MDMEnrollmentComplete`, `/Date(1368076195887)/`, `System.Byte[]`) and
//! later ones (`MDM Enrollment Complete`, `2022-01-16T09:13:59.5720125Z`, `Platform`, `DeviceUUID`; `contrib/wsone` in
//! <https://github.com/zentralopensource/zentral>).
//! `EventId` is the number of a kind of event, not of an event: 39 is `BreakMDMConfirmed`, 148 `MDMEnrollmentComplete`,
//! 178 `CompromisedStatusChanged`, 229 `DeviceEnterpriseWipeRequested`. There is no public list of them, so the name
//! decides if it is known.
//!
//! How it repeats is not documented, so a notification that we do not accept the first time counts as lost.
//!
//! What Workspace ONE cannot report: that an enrollment began or failed, the screens on the way, that somebody gave up,
//! how a device was enrolled, and when a device became compliant that was so from the beginning (no change is reported
//! then, so the status sent with the enrollment counts). A wipe is reported when it is requested, not always when it is
//! done. We take the request as the end, or else a device that enrolls anew would seem never to have left.
//!
//! Must stay true: no telephone number, MAC address or IMEI is kept; compliance is reported only if the notification
//! has it.

use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, derived_id, reported_tags, sample};
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
    tags: SenderTags::Keys(&["organizationGroup"]),
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

/// 2001-09-09 in milliseconds. Anything earlier is .NET's unset time or invalid.
const EARLIEST: i64 = 1_000_000_000_000;

/// The members that distinguish notifications of one time. The time of sending (`CompromisedTimeStamp`) is not among
/// them: two rules that both send an event send it at different times.
const DISTINGUISHING: [&str; 9] = [
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

/// The member that is a tag, with its key: the group by which the product itself tells devices apart.
const TAGS: [(&str, &str); 1] = [("OrganizationGroupName", "organizationGroup")];

/// The notifications about enrollments.
#[derive(Clone, Copy)]
enum Notice {
    Enrolled,
    Unenrolled,
    Compliance,
}

impl Notice {
    /// By name, with and without spaces, as early and later versions write it; failing that, by number.
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

    /// The steps it stands for, given the device's reported state.
    fn steps(self, notification: &Map<String, Value>) -> Vec<Step> {
        let is = |name: &str, value: &str| text(notification, name).map(|text| text.eq_ignore_ascii_case(value));
        let is_compliant = is("ComplianceStatus", "Compliant") == Some(true);
        let (enrolled, compliant) = (Step::of(Kind::Enrolled), Step::of(Kind::Compliant));
        match (self, is("EnrollmentStatus", "Enrolled")) {
            (Self::Unenrolled, _) => vec![Step::of(Kind::Unenrolled)],
            (Self::Enrolled, Some(true) | None) if is_compliant => vec![enrolled, compliant],
            (Self::Enrolled, _) => vec![enrolled],
            // For a device that enrolled before notifications were switched on, this is the first report. It repeats
            // that the device is enrolled, but its time is not the enrollment's.
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
/// When the body is not a notification, or is too large.
pub fn parse(body: &[u8], _: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    // .NET often writes a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| BodyError::NotJson { line: error.line(), column: error.column() })?;
    let notification = value.as_object().ok_or(BodyError::Malformed("a notification is an object"))?;
    let (name, number) = (text(notification, "EventType"), text(notification, "EventId"));
    if name.is_none() && number.is_none() {
        return Err(BodyError::Malformed("a notification has an EventType or EventId"));
    }
    let mut steps =
        Notice::read(name.as_deref(), number.as_deref()).map_or_else(Vec::new, |notice| notice.steps(notification));
    // The tag is the device's, so one of its events carries it.
    if let Some(first) = steps.first_mut() {
        first.tags = reported_tags(notification, &TAGS);
    }
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
    // The time as written is among them: later versions have ten-millionths of a second.
    let content = DISTINGUISHING.map(|name| text(notification, name).unwrap_or_default()).join("\u{1f}");
    let time = sent.unwrap_or(received.at);
    let event = |step: &Step| {
        let id = derived_id(SOURCE, step.kind.name(), &device.value, sent, content.as_bytes());
        let key = EventKey { source: SOURCE.to_owned(), id };
        Parsed::Event(Box::new(super::enrollment_event(key, time, received, about.clone(), step.clone())))
    };
    steps.iter().map(event).collect()
}

/// `/Date(milliseconds)/`, whose offset (`+0200`) only gives the server's time zone, or an ISO time, in UTC if it names
/// no zone. An implausible time counts as missing.
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

/// The device, from a notification.
fn about(notification: &Map<String, Value>) -> About {
    let reported = |name: &str| text(notification, name);
    // Every server counts its devices from one, so the number names a device only if no globally unique id does.
    let is_number =
        |id: &String| id.bytes().all(|digit| digit.is_ascii_digit()) && id.bytes().any(|digit| digit != b'0');
    let numbered = || reported("DeviceId").filter(is_number).map(|id| format!("workspace-one-{id}"));
    let model = reported("Model");
    About {
        serial_number: reported("SerialNumber"),
        udid: reported("Udid"),
        mdm_device_id: reported("DeviceUUID")
            .filter(|id| is_identifier(id))
            .or_else(numbered)
            .or_else(|| reported("DeviceUUID")),
        device_name: reported("DeviceFriendlyName"),
        user_principal_name: principal_name(notification),
        platform: platform(reported("Platform").as_deref(), model.as_deref()).or_else(|| {
            reported("DeviceFriendlyName").filter(|_| is_early(notification)).and_then(|name| family(&name))
        }),
        model,
        os_version: reported("OperatingSystem"),
        ..About::default()
    }
}

/// The account: its name if that is an address, else the separate address.
fn principal_name(notification: &Map<String, Value>) -> Option<String> {
    let name = text(notification, "EnrollmentUserName");
    if name.as_ref().is_some_and(|name| name.contains('@')) {
        return name;
    }
    text(notification, "EnrollmentEmailAddress").filter(|address| address.contains('@')).or(name)
}

/// Workspace ONE also manages televisions, printers and Chromebooks, which have no platform here.
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

/// Whether it has the early form, without platform and model.
fn is_early(notification: &Map<String, Value>) -> bool {
    !notification.contains_key("Platform") && !notification.contains_key("Model")
}

/// The platform that the device's name implies. The product makes names from user, model and operating system ("ada
/// iPhone iOS 9.3.2 F196"), for Apple devices from owner and model; a name without such a word implies nothing.
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
    // "Ada's iPhone for Windows tests" names two, so neither is certain.
    found.all(|other| other == first).then_some(first)
}

/// A text, or a number as its digits. A blank one, what .NET writes instead of bytes, and a text longer than an event
/// may hold count as not reported.
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
