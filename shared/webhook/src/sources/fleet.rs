//! Fleet's activities, as its activity webhooks post them one by one.
//!
//! <https://fleetdm.com/docs/using-fleet/audit-activities> lists them,
//! <https://fleetdm.com/docs/using-fleet/automations> says how to have them sent. The webhook for one fleet's hosts
//! posts the same form, with `host_ids` added; an activity that both send is one event.
//!
//! Fleet sends again only what was answered 429, with growing pauses for half an hour. After any other failure, also
//! 503 or a broken connection, it drops the activity.
//!
//! What Fleet cannot report: that an enrollment began, the screens on the way, that somebody gave up, the device's user
//! (the actor is whoever acted in Fleet), compliance, and when the setup experience is over. Older versions sent
//! neither `host_id` nor `host_serial` for Windows hosts, so those enrollments name no device; we refuse them rather
//! than guess by a name that several hosts may have. `host_id` is unique only within one server, so two Fleet servers
//! are two tenants.
//!
//! That the agent came up (`fleet_enrolled`) and what it installs, also during the setup experience, is ignored: a step
//! made from it would end a wait for compliance, or open an attempt that never continues.
//!
//! Must stay true: no text is kept that an administrator or installer may have written freely (`failure_reason`, script
//! and policy names).

use super::{
    Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, assumed_compliant, derived_id, reported, sample,
};
use crate::cloudevents::{Batch, BodyError, MAX_BODY_BYTES, Parsed, Received};
use crate::proof::Proof;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use vestibule_domain::Timestamp;
use vestibule_domain::catalogue::{Action, Place, Section};
use vestibule_domain::event::{About, EventKey, Kind, Platform, Step};
use vestibule_domain::failure::Failure;
use vestibule_domain::identity::IdentifierKind;

/// The `source` of every event made here.
pub const SOURCE: &str = "fleet:activities";

/// The sender.
pub static SENDER: Sender = Sender {
    name: "fleet",
    title: "Fleet",
    proofs: &[Proof::Path],
    answer: Answer::Always { again: StatusCode::TOO_MANY_REQUESTS },
    repeats: Repeats::At(&[StatusCode::TOO_MANY_REQUESTS]),
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
    // The setup experience begins once a host is managed, so this is about it alone. Fleet reports nothing of the way
    // there, nor of an enrollment that fails on the way.
    besides: &[Kind::Failed],
    tags: SenderTags::NONE,
    source: Some(SOURCE),
    settings: "In Fleet, as global administrator: Dashboard > Activity > Manage automations\nDestination URL: {url}",
    files: &[],
    samples: &[
        sample!("fleet-mdm-enrolled.json", Becomes::Event(Kind::Enrolled)),
        sample!("fleet-mdm-unenrolled.json", Becomes::Event(Kind::Unenrolled)),
        sample!("fleet-fleet-enrolled.json", Becomes::Ignored),
        sample!("fleet-canceled-setup-experience.json", Becomes::Event(Kind::Failed)),
        sample!("fleet-installed-software.json", Becomes::Ignored),
        sample!("fleet-installed-app-store-app-failed.json", Becomes::Ignored),
        sample!("fleet-edited-saved-query.json", Becomes::Ignored),
        sample!("fleet-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// The screen on which a host shows the software being installed. No catalogue knows it, so it has no row.
const SETUP_EXPERIENCE: &str = "SetupExperience";

/// 2001-09-09: no server that sends activities ever had an earlier clock. Go's unset time is in the year 1.
const EARLIEST: Timestamp = Timestamp::from_millis(1_000_000_000_000);

/// The members that distinguish activities of one type and time. `host_ids` is not among them: only one of the two
/// webhooks sends it.
const DISTINGUISHING: [&str; 6] =
    ["host_id", "host_serial", "enrollment_id", "host_display_name", "installed_from_dep", "software_title"];

/// Reads an activity.
///
/// # Errors
/// When the body is not an activity, or is too large.
pub fn parse(body: &[u8], _: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| BodyError::NotJson { line: error.line(), column: error.column() })?;
    let activity = value.as_object().ok_or(BodyError::Malformed("an activity is an object"))?;
    let kind = reported(activity, "type").ok_or(BodyError::Malformed("an activity has a type"))?;
    let nothing = Map::new();
    let details = activity.get("details").and_then(Value::as_object).unwrap_or(&nothing);
    let steps = steps(&kind, details);
    Ok(Batch { events: events(activity, details, &kind, steps, received), is_list: false })
}

/// The steps that an activity stands for; empty if it is about something else.
fn steps(kind: &str, details: &Map<String, Value>) -> Vec<Step> {
    match kind {
        "mdm_enrolled" => vec![Step::of(Kind::Enrolled), assumed_compliant()],
        "mdm_unenrolled" => vec![Step::of(Kind::Unenrolled)],
        // No person chose this: Fleet cancels when required software cannot be installed, so it is a failure. The host
        // is managed by then, so it is usually a failure of the device outside its attempt.
        "canceled_setup_experience" => {
            // The software's title shows an administrator where to look.
            let (reason, message) = (Some("setupExperienceCanceled".to_owned()), reported(details, "software_title"));
            let failure = Some(Failure { reason, message, ..Failure::default() });
            let place = Some(Place::new(Some(Section::PlatformScreens), Action::read(SETUP_EXPERIENCE), None));
            vec![Step { failure, place, ..Step::of(Kind::Failed) }]
        }
        _ => Vec::new(),
    }
}

fn events(
    activity: &Map<String, Value>,
    details: &Map<String, Value>,
    kind: &str,
    steps: Vec<Step>,
    received: Received,
) -> Vec<Parsed> {
    if steps.is_empty() {
        return vec![Parsed::passed_over(None, Some(kind))];
    }
    let about = about(kind, details);
    let Some(device) = about.identifiers().next() else {
        let otherwise = "must have a host_serial, enrollment_id or host_id that names the device";
        let member = |kind| {
            let member = match kind {
                IdentifierKind::SerialNumber => "host_serial",
                IdentifierKind::EnrollmentId => "enrollment_id",
                IdentifierKind::Udid | IdentifierKind::MdmDeviceId => "host_id",
            };
            format!("details.{member}")
        };
        return vec![super::unnamed(None, &about, member, ("details", otherwise))];
    };
    let timestamp = reported(activity, "timestamp");
    let sent = timestamp.as_deref().and_then(|text| Timestamp::parse(text).ok()).filter(|time| *time >= EARLIEST);
    let members = DISTINGUISHING.map(|name| details.get(name).map(Value::to_string).unwrap_or_default());
    // Fleet writes nanoseconds, so two activities within one millisecond stay two.
    let content = [kind, timestamp.as_deref().unwrap_or_default(), &members.join("\u{1f}")].join("\u{1f}");
    let time = sent.unwrap_or(received.at);
    let event = |step: Step| {
        let id = derived_id(SOURCE, step.kind.name(), &device.value, sent, content.as_bytes());
        let key = EventKey { source: SOURCE.to_owned(), id };
        Parsed::Event(Box::new(super::enrollment_event(key, time, received, about.clone(), step)))
    };
    steps.into_iter().map(event).collect()
}

/// The device, from an activity.
fn about(kind: &str, details: &Map<String, Value>) -> About {
    let enrollment_id = reported(details, "enrollment_id");
    let device_name = reported(details, "host_display_name");
    // For a personal Apple device this holds its enrollment id, and early versions wrote a Windows host's name here.
    let is_other = |serial: &String| Some(serial) == enrollment_id.as_ref() || Some(serial) == device_name.as_ref();
    let serial_number = reported(details, "host_serial").filter(|serial| !is_other(serial));
    let is_number =
        |id: &String| id.bytes().all(|digit| digit.is_ascii_digit()) && id.bytes().any(|digit| digit != b'0');
    // Other products also number their devices, so the number alone could name one of theirs.
    let mdm_device_id = reported(details, "host_id").filter(is_number).map(|id| format!("fleet-host-{id}"));
    let model = device_name.as_deref().and_then(apple_model).map(str::to_owned);
    let platform = platform(kind, details, model.as_deref());
    About {
        enrollment_type: enrollment_type(kind, details, platform, enrollment_id.is_some()).map(str::to_owned),
        enrollment_id,
        serial_number,
        mdm_device_id,
        device_name,
        model,
        platform,
        ..About::default()
    }
}

/// The platform the activity names; failing that, the one its MDM protocol or model implies.
fn platform(kind: &str, details: &Map<String, Value>, model: Option<&str>) -> Option<Platform> {
    match reported(details, "platform").map(|name| name.to_ascii_lowercase()).as_deref() {
        Some("darwin" | "macos") => return Some(Platform::MacOs),
        Some("ios" | "ipados") => return Some(Platform::Ios),
        Some("windows") => return Some(Platform::Windows),
        Some("android") => return Some(Platform::Android),
        _ => {}
    }
    let is_of = |names: &[&str]| model.is_some_and(|model| names.iter().any(|name| model.starts_with(name)));
    match reported(details, "mdm_platform").map(|name| name.to_ascii_lowercase()).as_deref() {
        Some("microsoft") => Some(Platform::Windows),
        Some("android") => Some(Platform::Android),
        _ if is_of(&["iPhone", "iPad", "iPod"]) => Some(Platform::Ios),
        // The setup experience is cancelled on macOS only.
        _ if is_of(&["Mac", "iMac"]) || kind == "canceled_setup_experience" => Some(Platform::MacOs),
        _ => None,
    }
}

/// How the device is enrolled, if the activity implies it. For Apple devices, automatic enrollment means that no user
/// was needed; whether one signed in is not reported. For Windows hosts it means that they joined Entra ID when first
/// switched on.
fn enrollment_type(
    kind: &str,
    details: &Map<String, Value>,
    platform: Option<Platform>,
    is_personal: bool,
) -> Option<&'static str> {
    if kind != "mdm_enrolled" {
        return None;
    }
    let is_automatic = is_true(details, "installed_from_dep");
    match platform {
        Some(Platform::Windows) => is_automatic.then_some("windowsAzureADJoin"),
        Some(Platform::Android) => None,
        _ if is_automatic => Some("appleBulkWithoutUser"),
        _ => is_personal.then_some("appleUserEnrollment"),
    }
}

/// The model in a name that Fleet made itself, as in `MacBookPro16,1 (C08VQ2AXHT96)`; names given by people have no
/// model.
fn apple_model(name: &str) -> Option<&str> {
    let (model, rest) = name.split_once(' ')?;
    let (family, minor) = model.split_once(',')?;
    let major = family.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    let is_model = major.len() < family.len() && is_number(major) && is_number(minor) && rest.starts_with('(');
    is_model.then_some(model)
}

fn is_true(map: &Map<String, Value>, name: &str) -> bool {
    map.get(name) == Some(&Value::Bool(true))
}
