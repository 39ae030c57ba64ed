//! The common part of MicroMDM and NanoMDM: Apple's check-in messages, as property lists in base64 within JSON.
//!
//! <https://developer.apple.com/documentation/devicemanagement/check-in> describes the messages,
//! <https://github.com/micromdm/micromdm/blob/main/docs/user-guide/api-and-webhooks.md> the JSON around them.
//!
//! Must stay true:
//! - Only the members named here are read from a property list, so no event holds a push token, its magic or an unlock
//!   token. An id made from a message is its digest.
//! - Only XML is read, and at most [`MAX_TAGS`] tags of it: a binary list may refer to one object many times, and
//!   dropping a deep list would exhaust the stack.
//! - The *user* channel of a Mac or Shared iPad says nothing about the device: a user's messages neither enroll nor
//!   unenroll it.

use super::{assumed_compliant, derived_id};
use crate::cloudevents::{Batch, BodyError, MAX_BODY_BYTES, Parsed, Received};
use crate::fields::{FieldError, Reader, is_identifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plist::{Dictionary, Value as Plist};
use serde_json::{Map, Value};
use vestibule_domain::Timestamp;
use vestibule_domain::catalogue::{Action, KnownAction, KnownScreen, Place, Screen};
use vestibule_domain::event::{About, EventKey, Kind, MAX_TEXT_CHARS, Platform, Step};
use vestibule_domain::identity::IdentifierKind;

/// Largest number of tags in a check-in message. The longest that Apple documents has fewer than a hundred.
pub const MAX_TAGS: usize = 512;

/// Longest event id of a sender, in characters: several events may come from one, and each needs room for a suffix.
const MAX_ID_CHARS: usize = 200;

/// 2001-09-09: no MDM server ever had an earlier clock. Go's unset time is in the year 1.
const EARLIEST: Timestamp = Timestamp::from_millis(1_000_000_000_000);

/// The check-in messages about enrollments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Message {
    Authenticate,
    TokenUpdate,
    CheckOut,
}

impl Message {
    /// The message that a topic announces. `mdm.Connect`, the answer to a command, is ignored: a device stays enrolled
    /// when a command fails (`Status` `Error`).
    fn of(topic: &str) -> Option<Self> {
        Some(match topic {
            "mdm.Authenticate" => Self::Authenticate,
            "mdm.TokenUpdate" => Self::TokenUpdate,
            "mdm.CheckOut" => Self::CheckOut,
            _ => return None,
        })
    }

    /// The message's `MessageType`.
    const fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "Authenticate",
            Self::TokenUpdate => "TokenUpdate",
            Self::CheckOut => "CheckOut",
        }
    }
}

/// What one of the two servers adds to the common members of `checkin_event`.
#[derive(Default)]
pub(super) struct OwnMembers {
    /// Its own id for the device.
    pub mdm_device_id: Option<String>,
    /// Apple's id for an enrollment that hides the device's own ids from the server.
    pub enrollment_id: Option<String>,
    /// Whether the message is about a user of the device.
    pub is_user_channel: bool,
}

/// Reads an event; `read_own` reads the members that only this sender has.
///
/// # Errors
/// When the body is not an event of this kind, or is too large.
pub(super) fn parse(
    source: &'static str,
    body: &[u8],
    received: Received,
    read_own: fn(&mut Reader<'_, '_>) -> OwnMembers,
) -> Result<Batch, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| BodyError::NotJson { line: error.line(), column: error.column() })?;
    let event = value.as_object().ok_or(BodyError::Malformed("an event is an object"))?;
    let topic = event.get("topic").and_then(Value::as_str).ok_or(BodyError::Malformed("an event has a topic"))?;
    let mut errors = Vec::new();
    let parsed = read(source, topic, event, received, read_own, &mut errors);
    let events = match parsed {
        Some(parsed) if errors.is_empty() => parsed,
        _ => {
            let id = event.get("event_id").and_then(Value::as_str);
            vec![Parsed::Invalid { id: id.map(|id| id.chars().take(MAX_TEXT_CHARS).collect()), errors }]
        }
    };
    Ok(Batch { events, is_list: false })
}

/// Reads one event; `None` if there were errors.
fn read(
    source: &'static str,
    topic: &str,
    event: &Map<String, Value>,
    received: Received,
    read_own: fn(&mut Reader<'_, '_>) -> OwnMembers,
    errors: &mut Vec<FieldError>,
) -> Option<Vec<Parsed>> {
    let mut event = Reader::new("", event, errors);
    let event_id = event.text("event_id", MAX_ID_CHARS);
    let Some(message) = Message::of(topic) else { return Some(vec![Parsed::passed_over(event_id, Some(topic))]) };
    let sent = created_at(&mut event);
    let mut checkin = event.object("checkin_event");
    let udid = checkin.text("udid", MAX_TEXT_CHARS);
    let own = read_own(&mut checkin);
    let payload = payload(&mut checkin)?;
    let Some(plist) = check_in(&payload, message) else {
        checkin.refuse("raw_payload", "must be the XML property list of the check-in that the topic names");
        return None;
    };
    let is_user_channel = ["UserID", "EnrollmentUserID"].iter().any(|name| text(&plist, name).is_some());
    if own.is_user_channel || is_user_channel {
        return Some(vec![Parsed::passed_over(event_id, Some("user channel"))]);
    }
    let about = about(&plist, udid, own);
    let Some(device) = about.identifiers().next() else {
        let member = |kind| match kind {
            IdentifierKind::SerialNumber => "raw_payload.SerialNumber",
            IdentifierKind::Udid => "raw_payload.UDID",
            IdentifierKind::MdmDeviceId => "ids.id",
            IdentifierKind::EnrollmentId => "raw_payload.EnrollmentID",
        };
        let otherwise = "must have a serial number, UDID or enrollment id that names the device";
        checkin.refuse_unnamed(&about, member, ("raw_payload", otherwise));
        return None;
    };
    let time = sent.unwrap_or(received.at);
    let awaits = received.holds && is_awaiting_configuration(&plist);
    let steps = steps(message, about.platform, awaits);
    let parsed = |step: Step| {
        let kind = step.kind.name();
        let id = match &event_id {
            Some(id) => format!("{id}/{kind}"),
            None => derived_id(source, kind, &device.value, sent, &payload),
        };
        let key = EventKey { source: source.to_owned(), id };
        Parsed::Event(Box::new(super::enrollment_event(key, time, received, about.clone(), step)))
    };
    Some(steps.into_iter().map(parsed).collect())
}

/// When the server made the event, unless the server left that unset.
fn created_at(event: &mut Reader<'_, '_>) -> Option<Timestamp> {
    let text = event.text("created_at", MAX_TEXT_CHARS)?;
    let time = Timestamp::parse(&text).ok();
    if time.is_none() {
        event.refuse("created_at", "must be an RFC 3339 time");
    }
    time.filter(|time| *time >= EARLIEST)
}

/// The message as the device sent it.
fn payload(checkin: &mut Reader<'_, '_>) -> Option<Vec<u8>> {
    let text = checkin.required_text("raw_payload", MAX_BODY_BYTES)?;
    let payload = STANDARD.decode(text).ok();
    if payload.is_none() {
        checkin.refuse("raw_payload", "must be base64");
    }
    payload
}

/// Reads the members of a check-in message, if it is the announced kind.
fn check_in(payload: &[u8], message: Message) -> Option<Dictionary> {
    if payload.iter().filter(|byte| **byte == b'<').count() > MAX_TAGS {
        return None;
    }
    let plist = Plist::from_reader_xml(payload).ok()?.into_dictionary()?;
    (text(&plist, "MessageType")? == message.name()).then_some(plist)
}

/// The steps that a message stands for.
fn steps(message: Message, platform: Option<Platform>, awaits: bool) -> Vec<Step> {
    match message {
        // The profile is being installed. The catalogue has that screen for iOS and iPadOS only.
        Message::Authenticate if platform == Some(Platform::Ios) => {
            let screen = Some(Screen::Known(KnownScreen::InstallProfile));
            let place = Place::new(None, Action::Known(KnownAction::IosProfileLaunch), screen);
            vec![Step::of(Kind::Started), Step { place: Some(place), ..Step::of(Kind::StepEntered) }]
        }
        Message::Authenticate => vec![Step::of(Kind::Started)],
        // The Setup Assistant waits on the device until the server releases it; then or later, another update follows.
        Message::TokenUpdate if awaits => {
            let mut held = Step::of(Kind::Enrolled);
            held.said.awaiting_configuration = true;
            vec![held]
        }
        Message::TokenUpdate => vec![Step::of(Kind::Enrolled), assumed_compliant()],
        Message::CheckOut => vec![Step::of(Kind::Unenrolled)],
    }
}

/// The device, from a message. What the device reports counts for more than the server's copy of it.
fn about(plist: &Dictionary, udid: Option<String>, own: OwnMembers) -> About {
    // If the device reports a placeholder, the server may know better.
    let better = |said: Option<String>, repeated: Option<String>| match (&said, &repeated) {
        (Some(said), Some(repeated)) if !is_identifier(said) && is_identifier(repeated) => Some(repeated.clone()),
        _ => said.or(repeated),
    };
    let udid = better(text(plist, "UDID"), udid);
    let enrollment_id = better(text(plist, "EnrollmentID"), own.enrollment_id);
    // `ProductName` is the model number in both families. `Model` is the model number of a Mac, but an order number of
    // an iPhone.
    let model = ["ProductName", "ModelName", "Model"].iter().find_map(|name| text(plist, name));
    About {
        enrollment_type: enrollment_type(plist, udid.is_none() && enrollment_id.is_some()).map(str::to_owned),
        enrollment_id,
        serial_number: text(plist, "SerialNumber"),
        udid,
        mdm_device_id: own.mdm_device_id,
        device_name: text(plist, "DeviceName"),
        manufacturer: Some("Apple".to_owned()),
        platform: model.as_deref().and_then(platform),
        model,
        os_version: text(plist, "OSVersion"),
        ..About::default()
    }
}

/// Televisions, watches and headsets have no platform here.
fn platform(model: &str) -> Option<Platform> {
    let model = model.to_ascii_lowercase();
    let is_of = |names: &[&str]| names.iter().any(|name| model.starts_with(name));
    if is_of(&["iphone", "ipad", "ipod"]) {
        Some(Platform::Ios)
    } else {
        // Also iMac and VirtualMac.
        model.contains("mac").then_some(Platform::MacOs)
    }
}

/// How the device is enrolled, if the message implies it. Only a device in its Setup Assistant awaits its
/// configuration, which means automatic enrollment; a device that does not await it may be either. Only a personal
/// device's enrollment hides the device's ids.
fn enrollment_type(plist: &Dictionary, is_personal: bool) -> Option<&'static str> {
    if is_awaiting_configuration(plist) {
        return Some("appleBulkWithoutUser");
    }
    is_personal.then_some("appleUserEnrollment")
}

fn is_awaiting_configuration(plist: &Dictionary) -> bool {
    plist.get("AwaitingConfiguration").and_then(Plist::as_boolean) == Some(true)
}

/// A text. A blank one, or one longer than an event may hold, counts as not reported.
fn text(plist: &Dictionary, name: &str) -> Option<String> {
    let text = plist.get(name)?.as_string()?.trim();
    (!text.is_empty() && text.chars().count() <= MAX_TEXT_CHARS).then(|| text.to_owned())
}
