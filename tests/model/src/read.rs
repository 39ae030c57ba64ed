//! From one delivered copy to an event, or to nothing when it is not a valid event that takes part.

use crate::Delivered;
use crate::catalogue::{ROWS, SECTIONS};
use chrono::DateTime;
use serde_json::{Map, Value};

/// What an event says happened, in the order in which events of one instant are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Registered,
    Started,
    StepEntered,
    StepCompleted,
    Stopped,
    PortalClosed,
    Failed,
    Enrolled,
    Compliant,
    Unenrolled,
    /// Any of `esp.*`: it teaches identifiers and nothing else here.
    Esp,
}

/// The kinds of identifier, the best key first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentifierKind {
    Serial,
    Udid,
    MdmDeviceId,
    EnrollmentId,
}

/// Where in the enrollment the person is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub section: Option<String>,
    pub action: String,
    pub screen: Option<String>,
}

/// A valid event, in canonical form.
#[derive(Debug, Clone)]
pub struct Event {
    pub source: String,
    pub id: String,
    pub kind: Kind,
    pub placed_at_ms: i64,
    pub received_at_ms: i64,
    pub identifiers: Vec<(IdentifierKind, String)>,
    pub device_name: Option<String>,
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    pub user_principal_name: Option<String>,
    pub user_id: Option<String>,
    pub platform: Option<String>,
    pub os_version: Option<String>,
    pub enrollment_type: Option<String>,
    /// Only where the event names an action.
    pub place: Option<Place>,
    /// Only of `stopped`.
    pub user_action: Option<String>,
    pub failure_code: Option<String>,
    pub failure_reason: Option<String>,
    pub failure_category: Option<String>,
    /// The whole event as text: tells two copies received at the same instant apart.
    pub text: String,
}

const PLATFORMS: [&str; 4] = ["windows", "macos", "ios", "android"];
const USER_ACTIONS: [&str; 4] = ["cancel", "postpone", "ignore", "declineAll"];
const CATEGORIES: [&str; 12] = [
    "unknown",
    "authentication",
    "authorization",
    "accountValidation",
    "userValidation",
    "deviceNotSupported",
    "inMaintenance",
    "badRequest",
    "featureNotSupported",
    "enrollmentRestrictionsEnforced",
    "clientDisconnected",
    "userAbandonment",
];
/// With nothing but letters and digits. What begins like the first of them is one too.
const PLACEHOLDERS: [&str; 13] = [
    "tobefilledbyoem",
    "systemserialnumber",
    "defaultstring",
    "notapplicable",
    "notspecified",
    "notavailable",
    "unknown",
    "invalid",
    "none",
    "null",
    "chassisserialnumber",
    "oem",
    "empty",
];

/// The event cannot be taken.
struct Invalid;

/// Whether this copy is a valid event of a known type with at least one identifier that serves.
#[must_use]
pub fn is_valid(delivered: &Delivered) -> bool {
    read(delivered).is_some()
}

/// Where the event is placed: its own time, but never later than when it was received. `None` for an invalid event.
#[must_use]
pub fn placed_at_ms(delivered: &Delivered) -> Option<i64> {
    read(delivered).map(|event| event.placed_at_ms)
}

/// Whether the event bears the mark `clockSkew`. A back-fill switches the second half of the test off.
#[must_use]
pub fn clock_skew(delivered: &Delivered, backfill: bool) -> bool {
    let Some(Ok(own)) = delivered.event.get("time").map(time_of) else {
        return false;
    };
    let ahead = own.saturating_sub(delivered.received_at_ms);
    let behind = delivered.received_at_ms.saturating_sub(own);
    if ahead > 5 * 60 * 1000 {
        return true;
    }
    !backfill && behind > 12 * 60 * 60 * 1000
}

/// Reads one copy; `None` when it is invalid, of an unknown type, or names no device.
pub fn read(delivered: &Delivered) -> Option<Event> {
    try_read(delivered).ok()
}

fn try_read(delivered: &Delivered) -> Result<Event, Invalid> {
    let envelope = delivered.event.as_object().ok_or(Invalid)?;
    if text(envelope, "specversion", 256)?.as_deref() != Some("1.0") {
        return Err(Invalid);
    }
    let source = text(envelope, "source", 256)?.ok_or(Invalid)?;
    let id = text(envelope, "id", 256)?.ok_or(Invalid)?;
    let _subject = text(envelope, "subject", 256)?;
    let type_name = text(envelope, "type", 256)?.ok_or(Invalid)?;
    let mut kind = match type_name.as_str() {
        "enrollment.registered" => Kind::Registered,
        "enrollment.started" => Kind::Started,
        "enrollment.step.entered" => Kind::StepEntered,
        "enrollment.step.completed" => Kind::StepCompleted,
        "enrollment.stopped" => Kind::Stopped,
        "enrollment.portalClosed" => Kind::PortalClosed,
        "enrollment.failed" => Kind::Failed,
        "enrollment.enrolled" => Kind::Enrolled,
        "enrollment.compliant" => Kind::Compliant,
        "enrollment.unenrolled" => Kind::Unenrolled,
        "esp.started" | "esp.tracked" | "esp.item" | "esp.phase" | "esp.action" | "esp.completed" | "esp.failed" => {
            Kind::Esp
        }
        _ => return Err(Invalid),
    };

    let placed_at_ms = match envelope.get("time") {
        None | Some(Value::Null) => delivered.received_at_ms,
        Some(value) => time_of(value)?.min(delivered.received_at_ms),
    };

    let empty = Map::new();
    let data = object(envelope, "data", &empty)?;
    let device = object(data, "device", &empty)?;
    let user = object(data, "user", &empty)?;

    let mut identifiers = Vec::new();
    let told = [
        (IdentifierKind::Serial, text(device, "serialNumber", 256)?),
        (IdentifierKind::Udid, text(device, "udid", 256)?),
        (IdentifierKind::MdmDeviceId, text(device, "mdmDeviceId", 256)?),
        (IdentifierKind::EnrollmentId, text(data, "enrollmentId", 256)?),
    ];
    for (kind, value) in told {
        if let Some(value) = value
            && !is_placeholder(&value)
        {
            identifiers.push((kind, value.trim().to_lowercase()));
        }
    }
    if identifiers.is_empty() {
        return Err(Invalid);
    }

    let mut event = Event {
        source,
        id,
        kind,
        placed_at_ms,
        received_at_ms: delivered.received_at_ms,
        identifiers,
        device_name: text(device, "name", 256)?,
        manufacturer: text(device, "manufacturer", 256)?,
        model: text(device, "model", 256)?,
        user_principal_name: text(user, "principalName", 256)?,
        user_id: text(user, "id", 256)?,
        platform: None,
        os_version: None,
        enrollment_type: None,
        place: None,
        user_action: None,
        failure_code: None,
        failure_reason: None,
        failure_category: None,
        text: delivered.event.to_string(),
    };
    if kind == Kind::Esp {
        // Its other members mean something else than an enrollment event's.
        return Ok(event);
    }

    event.platform = one_of(text(data, "platform", 256)?, &PLATFORMS)?;
    event.os_version = text(data, "osVersion", 256)?;
    event.enrollment_type = text(data, "enrollmentType", 256)?;
    event.place = place(data)?;
    if matches!(kind, Kind::StepEntered | Kind::StepCompleted) && event.place.is_none() {
        return Err(Invalid);
    }

    let failure = object(data, "failure", &empty)?;
    event.failure_code = text(failure, "code", 256)?;
    event.failure_reason = text(failure, "reason", 256)?;
    let _message = text(failure, "message", 2000)?;
    event.failure_category = canonical(text(failure, "category", 256)?.as_deref(), &CATEGORIES)
        .or_else(|| canonical(event.failure_reason.as_deref(), &CATEGORIES));

    let user_action = one_of(text(data, "userAction", 256)?, &USER_ACTIONS)?;
    if kind == Kind::Stopped {
        event.user_action = Some(user_action.unwrap_or_else(|| "cancel".to_owned()));
    }
    if kind == Kind::Failed && event.failure_category.as_deref() == Some("userAbandonment") {
        kind = Kind::Stopped;
        event.user_action = Some("cancel".to_owned());
    }
    event.kind = kind;
    Ok(event)
}

/// Whether a value can be no device's name, of whatever kind it was told as.
fn is_placeholder(told: &str) -> bool {
    let mut letters = Vec::new();
    for letter in told.to_lowercase().chars() {
        if letter.is_alphanumeric() {
            letters.push(letter);
        }
    }
    if letters.len() < 4 {
        return true;
    }
    let bare: String = letters.iter().collect();
    if bare.starts_with(PLACEHOLDERS[0]) || PLACEHOLDERS.contains(&bare.as_str()) {
        return true;
    }
    // One character repeated, which the nil UUID is too.
    if letters.iter().all(|letter| *letter == letters[0]) {
        return true;
    }
    // A piece of a run, forward or backward: digits over and over, letters, or the digits of hexadecimal and on.
    for run in [
        "0123456789".repeat(26),
        "abcdefghijklmnopqrstuvwxyz".to_owned(),
        "0123456789abcdefghijklmnopqrstuvwxyz".to_owned(),
    ] {
        let backward: String = run.chars().rev().collect();
        if run.contains(&bare) || backward.contains(&bare) {
            return true;
        }
    }
    false
}

/// Section, action and screen, when an action is named.
fn place(data: &Map<String, Value>) -> Result<Option<Place>, Invalid> {
    let given_section = one_of(text(data, "section", 256)?, &SECTIONS)?;
    let given_screen = text(data, "screen", 256)?;
    let Some(given_action) = text(data, "action", 256)? else {
        return Ok(None);
    };

    let mut screen = given_screen;
    let mut action = given_action;
    let mut section = given_section;
    for row in ROWS {
        if let Some(told) = &screen
            && told.eq_ignore_ascii_case(row.screen)
        {
            screen = Some(row.screen.to_owned());
        }
    }
    for row in ROWS {
        if action.eq_ignore_ascii_case(row.action) {
            action = row.action.to_owned();
            section = Some(row.section.to_owned());
        }
    }
    if action == "Compliance" && screen.as_deref() == Some("enrollmentActivation") {
        action = "Activation".to_owned();
    }
    Ok(Some(Place { section, action, screen }))
}

/// A string member. Absent, null and blank are the same; another type, or too long a string, is invalid.
fn text(object: &Map<String, Value>, name: &str, longest: usize) -> Result<Option<String>, Invalid> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() > longest => Err(Invalid),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Invalid),
    }
}

/// An object member. Absent and null read as an empty one.
fn object<'a>(
    parent: &'a Map<String, Value>,
    name: &str,
    empty: &'a Map<String, Value>,
) -> Result<&'a Map<String, Value>, Invalid> {
    match parent.get(name) {
        None | Some(Value::Null) => Ok(empty),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(Invalid),
    }
}

/// The canonical form of a value of an enumeration, if it is one.
fn canonical(told: Option<&str>, values: &[&str]) -> Option<String> {
    let told = told?;
    for value in values {
        if value.eq_ignore_ascii_case(told) {
            return Some((*value).to_owned());
        }
    }
    None
}

/// As [`canonical`], but a value outside the enumeration is invalid.
fn one_of(told: Option<String>, values: &[&str]) -> Result<Option<String>, Invalid> {
    match told {
        None => Ok(None),
        Some(told) => match canonical(Some(&told), values) {
            Some(value) => Ok(Some(value)),
            None => Err(Invalid),
        },
    }
}

/// Milliseconds since 1970; what is finer than a millisecond is cut off.
fn time_of(value: &Value) -> Result<i64, Invalid> {
    let text = value.as_str().ok_or(Invalid)?;
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(time.timestamp_millis()),
        Err(_) => Err(Invalid),
    }
}
