//! Reads one delivered copy: an event, or an error if it is not a valid event that takes part.

use crate::catalogue::{ROWS, SECTIONS};
use crate::esp::{Item, PageEvent, What};
use crate::{Delivered, Reports};
use chrono::DateTime;
use serde_json::{Map, Value};

/// What happened according to an event, in the order in which events of one instant are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `enrollment.registered`
    Registered,
    /// `enrollment.started`
    Started,
    /// `enrollment.step.entered`
    StepEntered,
    /// `enrollment.step.completed`
    StepCompleted,
    /// `enrollment.stopped`
    Stopped,
    /// `enrollment.portalClosed`
    PortalClosed,
    /// `enrollment.failed`
    Failed,
    /// `enrollment.enrolled`
    Enrolled,
    /// `enrollment.compliant`
    Compliant,
    /// `enrollment.unenrolled`
    Unenrolled,
    /// `enrollment.tagged`
    Tagged,
    /// Any of `esp.*`.
    Esp,
}

/// The kinds of identifier, the best key first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentifierKind {
    /// `device.serialNumber`
    Serial,
    /// `device.udid`
    Udid,
    /// `device.mdmDeviceId`
    MdmDeviceId,
    /// `enrollmentId`
    EnrollmentId,
}

/// The place in the enrollment where the person is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The section, if the action has one or one was reported.
    pub section: Option<String>,
    /// The action.
    pub action: String,
    /// The screen, if one was reported.
    pub screen: Option<String>,
}

/// A valid event, in canonical form. Members are those of the native form.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The envelope's `source`.
    pub source: String,
    /// The envelope's `id`.
    pub id: String,
    /// What happened.
    pub kind: Kind,
    /// When it is placed.
    pub placed_at_ms: i64,
    /// When this copy was received.
    pub received_at_ms: i64,
    /// What its sender can report.
    pub reports: Reports,
    /// Whether retention dropped it.
    pub dropped: bool,
    /// Of `enrolled`.
    pub awaiting_configuration: bool,
    /// Of `enrolled`.
    pub restated: bool,
    /// Of `compliant`.
    pub assumed: bool,
    /// Its identifiers of the device.
    pub identifiers: Vec<(IdentifierKind, String)>,
    /// `device.name`
    pub device_name: Option<String>,
    /// `device.manufacturer`
    pub manufacturer: Option<String>,
    /// `device.model`
    pub model: Option<String>,
    /// `user.principalName`
    pub user_principal_name: Option<String>,
    /// `user.id`
    pub user_id: Option<String>,
    /// `platform`; for any `esp.*` it is Windows.
    pub platform: Option<String>,
    /// `osVersion`
    pub os_version: Option<String>,
    /// `enrollmentType`
    pub enrollment_type: Option<String>,
    /// `enrollmentProfileName` of an `esp.started`.
    pub enrollment_profile_name: Option<String>,
    /// `None` if the event names no action.
    pub place: Option<Place>,
    /// Only of `stopped`.
    pub user_action: Option<String>,
    /// `failure.code`
    pub failure_code: Option<String>,
    /// `failure.reason`
    pub failure_reason: Option<String>,
    /// `failure.category`, or a reason that is a category.
    pub failure_category: Option<String>,
    /// `tags`, those that a tenant allows unless it says otherwise, by their keys.
    pub tags: Vec<(String, String)>,
    /// Of an `esp.*`.
    pub esp: Option<PageEvent>,
    /// The whole event as text: distinguishes two copies received at the same instant.
    pub text: String,
}

const TAG_KEYS: [&str; 4] = ["department", "building", "groupTag", "enrollmentCode"];
const PLATFORMS: [&str; 4] = ["windows", "macos", "ios", "android"];
const MODES: [&str; 4] = ["userDriven", "selfDeploying", "preProvisioningTechnician", "preProvisioningUser"];
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
/// Letters and digits only. A text that begins like the first of them is a placeholder too.
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

/// Whether this copy is a valid event of a known type with at least one identifier that can serve.
#[must_use]
pub fn is_valid(delivered: &Delivered) -> bool {
    read(delivered).is_some()
}

/// When the event is placed: its own time, but never later than when it was received. `None` for an invalid event.
#[must_use]
pub fn placed_at_ms(delivered: &Delivered) -> Option<i64> {
    read(delivered).map(|event| event.placed_at_ms)
}

/// Whether the event is marked `clockSkew`. A back-fill switches the second half of the test off.
#[must_use]
pub fn clock_skew(delivered: &Delivered, backfill: bool) -> bool {
    if !delivered.reports.device_time {
        // A server that delivers late shows nothing of a device.
        return false;
    }
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

/// Reads one copy; an error if it is invalid, of an unknown type, or names no device.
#[must_use]
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
        "enrollment.tagged" => Kind::Tagged,
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
    let reported = [
        (IdentifierKind::Serial, text(device, "serialNumber", 256)?),
        (IdentifierKind::Udid, text(device, "udid", 256)?),
        (IdentifierKind::MdmDeviceId, text(device, "mdmDeviceId", 256)?),
        (IdentifierKind::EnrollmentId, text(data, "enrollmentId", 256)?),
    ];
    for (kind, value) in reported {
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
        dropped: delivered.dropped,
        reports: delivered.reports,
        awaiting_configuration: false,
        restated: false,
        assumed: false,
        identifiers,
        device_name: text(device, "name", 256)?,
        manufacturer: text(device, "manufacturer", 256)?,
        model: text(device, "model", 256)?,
        user_principal_name: text(user, "principalName", 256)?,
        user_id: text(user, "id", 256)?,
        platform: None,
        os_version: text(data, "osVersion", 256)?,
        enrollment_type: text(data, "enrollmentType", 256)?,
        enrollment_profile_name: None,
        place: None,
        user_action: None,
        failure_code: None,
        failure_reason: None,
        failure_category: None,
        tags: Vec::new(),
        esp: None,
        text: delivered.event.to_string(),
    };
    if kind == Kind::Esp {
        // Its other members do not mean the same as an enrollment event's.
        event.platform = Some("windows".to_owned());
        event.esp = Some(read_page(&event, &type_name, data)?);
        if type_name == "esp.started" {
            event.enrollment_profile_name = text(data, "enrollmentProfileName", 256)?;
        }
        return Ok(event);
    }

    event.tags = tags(data)?;
    if kind == Kind::Tagged {
        // It says nothing else.
        if data.get("tags").is_none_or(Value::is_null) {
            return Err(Invalid);
        }
        event.device_name = None;
        event.manufacturer = None;
        event.model = None;
        event.os_version = None;
        event.enrollment_type = None;
        return Ok(event);
    }
    event.platform = one_of(text(data, "platform", 256)?, &PLATFORMS)?;
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
    event.awaiting_configuration = kind == Kind::Enrolled && flag(data, "awaitingConfiguration")?;
    event.restated = kind == Kind::Enrolled && flag(data, "restated")?;
    event.assumed = kind == Kind::Compliant && flag(data, "assumed")?;
    Ok(event)
}

/// E12
fn tags(data: &Map<String, Value>) -> Result<Vec<(String, String)>, Invalid> {
    let empty = Map::new();
    let reported = object(data, "tags", &empty)?;
    if reported.len() > 8 {
        return Err(Invalid);
    }
    let mut kept = Vec::new();
    for name in reported.keys() {
        let value = text(reported, name, 64)?;
        if name.chars().count() > 64 {
            return Err(Invalid);
        }
        let key = TAG_KEYS.iter().find(|key| key.eq_ignore_ascii_case(name.trim()));
        if let (Some(key), Some(value)) = (key, value) {
            kept.push(((*key).to_owned(), value, *key == name));
        }
    }
    // Of two spellings of a key the canonical one counts.
    kept.sort_by_key(|(_, _, canonical)| *canonical);
    let mut tags: Vec<(String, String)> = Vec::new();
    for (key, value, _) in kept {
        tags.retain(|(known, _)| *known != key);
        tags.push((key, value));
    }
    Ok(tags)
}

/// What an event of the Enrollment Status Page reports. Profiles are resolved elsewhere.
fn read_page(event: &Event, type_name: &str, data: &Map<String, Value>) -> Result<PageEvent, Invalid> {
    let empty = Map::new();
    let mut names = std::collections::BTreeMap::new();
    let mut name = |item: &Map<String, Value>| -> Result<String, Invalid> {
        let id = text(item, "id", 256)?.ok_or(Invalid)?;
        if let Some(reported) = text(item, "name", 256)? {
            names.insert(id.clone(), reported);
        }
        Ok(id)
    };
    let needed = |name: &str| text(data, name, 256)?.ok_or(Invalid);
    let what = match type_name {
        "esp.started" => {
            let limit = match data.get("limitMinutes") {
                None | Some(Value::Null) => None,
                Some(value) => Some(value.as_i64().ok_or(Invalid)?),
            };
            let targeted = match data.get("targetedApps") {
                None | Some(Value::Null) => None,
                Some(Value::Array(apps)) => {
                    let mut targeted = Vec::new();
                    for app in apps {
                        let app = app.as_object().ok_or(Invalid)?;
                        let user = text(app, "context", 256)?.is_some_and(|it| it.eq_ignore_ascii_case("user"));
                        targeted.push((name(app)?, user));
                    }
                    Some(targeted)
                }
                Some(_) => return Err(Invalid),
            };
            let mode = one_of(text(data, "deploymentMode", 256)?, &MODES)?;
            What::Started { mode, hybrid: flag(data, "hybridJoin")?, limit, targeted, profile: None }
        }
        "esp.tracked" => {
            let mut ids = Vec::new();
            for item in data.get("items").and_then(Value::as_array).into_iter().flatten() {
                ids.push(name(item.as_object().ok_or(Invalid)?)?);
            }
            What::Tracked(needed("phase")?, needed("category")?, ids)
        }
        "esp.item" => {
            let item = object(data, "item", &empty)?;
            let phase = needed("phase")?;
            let state = item_state(item, &phase)?;
            What::Item(Item {
                phase,
                category: needed("category")?,
                id: text(item, "id", 256)?.ok_or(Invalid)?,
                name: text(item, "name", 256)?,
                state,
                code: text(item, "errorCode", 256)?,
            })
        }
        "esp.phase" => What::Phase(needed("phase")?, needed("state")?),
        "esp.action" => What::Action(needed("action")?),
        "esp.completed" => What::Completed,
        _ => What::Failed(text(data, "errorCode", 256)?, text(data, "message", 2000)?),
    };
    Ok(PageEvent {
        at_ms: event.placed_at_ms,
        source: event.source.clone(),
        id: event.id.clone(),
        dropped: event.dropped,
        session: text(data, "sessionId", 256)?,
        what,
        names,
    })
}

/// S11: by name, or by the CSP's number.
fn item_state(item: &Map<String, Value>, phase: &str) -> Result<String, Invalid> {
    let Some(Value::Number(number)) = item.get("state") else {
        return text(item, "state", 256)?.ok_or(Invalid);
    };
    let name = match number.as_u64() {
        Some(1) => "notInstalled",
        Some(2) if phase == "devicePreparation" => "notRequired",
        Some(2) => "inProgress",
        Some(3) => "completed",
        Some(4) => "error",
        _ => return Err(Invalid),
    };
    Ok(name.to_owned())
}

/// A boolean member; without it, false.
fn flag(object: &Map<String, Value>, name: &str) -> Result<bool, Invalid> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(_) => Err(Invalid),
    }
}

/// Whether a value cannot identify a device, whatever kind of identifier it was reported as.
fn is_placeholder(value: &str) -> bool {
    let mut letters = Vec::new();
    for letter in value.to_lowercase().chars() {
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
    // One repeated character, such as the nil UUID.
    if letters.iter().all(|letter| *letter == letters[0]) {
        return true;
    }
    // Part of a run, forward or backward: repeated digits, letters, or the digits of hexadecimal.
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

/// Section, action and screen, if an action is named.
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
        if let Some(reported) = &screen
            && reported.eq_ignore_ascii_case(row.screen)
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

/// An object member. Absent and null are read as an empty one.
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

/// The canonical form of a value, if it is in the enumeration.
fn canonical(reported: Option<&str>, values: &[&str]) -> Option<String> {
    let reported = reported?;
    for value in values {
        if value.eq_ignore_ascii_case(reported) {
            return Some((*value).to_owned());
        }
    }
    None
}

/// Like [`canonical`], but a value outside the enumeration is invalid.
fn one_of(reported: Option<String>, values: &[&str]) -> Result<Option<String>, Invalid> {
    match reported {
        None => Ok(None),
        Some(reported) => match canonical(Some(&reported), values) {
            Some(value) => Ok(Some(value)),
            None => Err(Invalid),
        },
    }
}

/// Milliseconds since 1970; anything finer is cut off.
fn time_of(value: &Value) -> Result<i64, Invalid> {
    let text = value.as_str().ok_or(Invalid)?;
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(time.timestamp_millis()),
        Err(_) => Err(Invalid),
    }
}
