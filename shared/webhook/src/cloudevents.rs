//! CloudEvents 1.0 JSON: one event, or a batch (a JSON list) of them.
//!
//! A body that is not JSON is refused as a whole. Within a batch each event is read alone: an error in one never
//! affects another.

use crate::data;
use crate::fields::{FieldError, Reader};
use crate::sources::entra_sign_ins as sign_ins;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use vestibule_domain::event::{ClockSkew, Event, MAX_TEXT_CHARS, Reports};
use vestibule_domain::{Timestamp, event::EventKey};

/// Largest body accepted, in bytes.
pub const MAX_BODY_BYTES: usize = 1 << 20;
/// Largest number of events in a batch.
pub const MAX_EVENTS: usize = 500;

/// UTF-8 may begin with this mark; it carries no meaning.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// How a body was received.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// When it was received.
    pub at: Timestamp,
    /// Whether it fills in the past. If so, old times are not a sign of a wrong clock.
    pub backfill: bool,
    /// What its sender can report: what its module states, or less if the tenant added the source with less.
    pub reports: Reports,
    /// Whether an Apple device that awaits its configuration is held until it is released. A tenant switches this off
    /// for a server that never releases devices.
    pub holds: bool,
    /// The tenant no longer keeps anything dated before this. A sender that reports states rather than events dates
    /// those of older devices at the time of receipt.
    pub kept_from: Timestamp,
}

impl Received {
    /// A body in the native form, from a sender that reports everything.
    pub const fn native(at: Timestamp, backfill: bool) -> Self {
        Self { at, backfill, reports: Reports::ALL, holds: true, kept_from: Timestamp::MIN }
    }
}

/// Why a body is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Over [`MAX_BODY_BYTES`].
    #[error("the body is larger than {MAX_BODY_BYTES} bytes")]
    TooLarge,
    /// Over [`MAX_EVENTS`].
    #[error("the batch has more than {MAX_EVENTS} events")]
    TooManyEvents,
    /// Not JSON.
    #[error("the body is not JSON (line {line}, column {column})")]
    NotJson {
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// Not what this sender posts.
    #[error("the body is not what this sender posts: {0}")]
    Malformed(&'static str),
    /// The event's attributes are in headers, but the sender's proof covers only the body.
    #[error(
        "the event's attributes are headers (ce-*), which the signature does not cover: send it in structured mode \
         (application/cloudevents+json), or to the source `cloudevents`, whose secret is in the path or in a header"
    )]
    UnsignedHeaders,
    /// JSON, but neither an object nor a list.
    #[error("the body is neither a CloudEvents object nor a list of them")]
    NotAnEvent,
}

/// The result of reading one event of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// It can be stored once it has its storage key ([`Event::stored`]); until then it has the sender's id.
    Event(Box<Event>),
    /// A person's sign-in: a step of web-based enrollment, or only a sign that sign-ins arrive.
    SignIn {
        /// Its id, if it is a step.
        id: Option<String>,
        /// What was read from it.
        read: Box<sign_ins::Read>,
    },
    /// Its `type` is not one of ours: it is counted and answered, nothing else.
    UnknownType {
        /// Its `id`, if readable.
        id: Option<String>,
        /// The sender's name for its kind, if it looks like a name ([`Parsed::passed_over`]).
        kind: Option<String>,
    },
    /// It is refused.
    Invalid {
        /// Its `id`, if readable.
        id: Option<String>,
        /// Each member that is invalid, and why.
        errors: Vec<FieldError>,
    },
}

/// Longest name of a kind that is kept, in characters.
const MAX_KIND_CHARS: usize = 40;

impl Parsed {
    /// An event that is not ours. Names of kinds are counted and shown, so we keep what the sender wrote only if it
    /// looks like a name: letters, digits and the marks that names have, at most 40 characters.
    pub fn passed_over(id: Option<String>, kind: Option<&str>) -> Self {
        let is_name = |kind: &&str| {
            let fits = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-' | ':' | ' ' | '/');
            (1..=MAX_KIND_CHARS).contains(&kind.len()) && kind.chars().all(fits)
        };
        Self::UnknownType { id, kind: kind.map(str::trim).filter(is_name).map(str::to_owned) }
    }
}

/// A body's events in order, and whether they came as a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The events.
    pub events: Vec<Parsed>,
    /// Whether the body was a list.
    pub is_list: bool,
}

/// Reads a body.
///
/// # Errors
/// When the body as a whole is not an event or a batch, or is too large.
pub fn parse(body: &[u8], received: Received) -> Result<Batch, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let value: Value = serde_json::from_slice(without_mark(body))
        .map_err(|error| BodyError::NotJson { line: error.line(), column: error.column() })?;
    match value {
        Value::Array(list) if list.len() > MAX_EVENTS => Err(BodyError::TooManyEvents),
        Value::Array(list) => {
            Ok(Batch { events: list.iter().map(|value| parse_event(value, received)).collect(), is_list: true })
        }
        Value::Object(_) => Ok(Batch { events: vec![parse_event(&value, received)], is_list: false }),
        _ => Err(BodyError::NotAnEvent),
    }
}

/// A body without its byte order mark.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)
}

/// An event whose `data` is in base64, as written by a sender that holds it as bytes; `None` if it is not in base64, or
/// is not JSON.
fn decoded(map: &Map<String, Value>) -> Option<Map<String, Value>> {
    let encoded = map.get("data_base64")?.as_str()?;
    if map.contains_key("data") {
        return None;
    }
    let data = STANDARD.decode(encoded).ok()?;
    let data = serde_json::from_slice(without_mark(&data)).ok()?;
    let others = map.iter().filter(|(name, _)| *name != "data_base64");
    let mut map: Map<String, Value> = others.map(|(name, value)| (name.clone(), value.clone())).collect();
    map.insert("data".to_owned(), data);
    Some(map)
}

/// Reads one event.
pub fn parse_event(value: &Value, received: Received) -> Parsed {
    let Value::Object(map) = value else {
        let problem = FieldError { field: String::new(), problem: "must be an object".to_owned() };
        return Parsed::Invalid { id: None, errors: vec![problem] };
    };
    let decoded = decoded(map);
    let map = decoded.as_ref().unwrap_or(map);
    let mut errors = Vec::new();
    let event = read_event(map, received, &mut errors);
    let id = || map.get("id").and_then(Value::as_str).map(|id| id.chars().take(MAX_TEXT_CHARS).collect());
    match event {
        Some(Read::Event(event)) if errors.is_empty() => Parsed::Event(event),
        Some(Read::UnknownType) if errors.is_empty() => {
            Parsed::passed_over(id(), map.get("type").and_then(Value::as_str))
        }
        _ => Parsed::Invalid { id: id(), errors },
    }
}

enum Read {
    Event(Box<Event>),
    UnknownType,
}

fn read_event(map: &Map<String, Value>, received: Received, errors: &mut Vec<FieldError>) -> Option<Read> {
    let mut event = Reader::new("", map, errors);
    let version = event.required_text("specversion", MAX_TEXT_CHARS);
    if version.is_some_and(|version| version != "1.0") {
        event.refuse("specversion", "must be \"1.0\"");
    }
    let id = event.required_text("id", MAX_TEXT_CHARS);
    let source = event.required_text("source", MAX_TEXT_CHARS);
    let kind = event.required_text("type", MAX_TEXT_CHARS);
    let time = match event.text("time", MAX_TEXT_CHARS) {
        None => Some(received.at),
        Some(text) => {
            let time = Timestamp::parse(&text).ok();
            if time.is_none() {
                event.refuse("time", "must be an RFC 3339 time");
            }
            time
        }
    };
    event.text("subject", MAX_TEXT_CHARS);
    let kind = kind?;
    let Some(family) = data::Family::of(&kind) else { return Some(Read::UnknownType) };
    if event.value("data").is_none() {
        let is_encoded = map.contains_key("data_base64");
        event.refuse("data", if is_encoded { "must be JSON, also as data_base64" } else { "is required" });
        return None;
    }
    let (about, body) = data::read(family, event.object("data"))?;
    let (id, source, time) = (id?, source?, time?);
    Some(Read::Event(Box::new(Event {
        key: EventKey { source, id },
        time,
        received_at: received.at,
        clock_skew: ClockSkew::of(time, received.at, received.backfill, received.reports.clock),
        reports: received.reports,
        about,
        body,
    })))
}
