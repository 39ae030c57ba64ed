//! Encodes a history as bytes. They are few, because a write is charged by the kilobyte.
//!
//! The first byte gives the format. Format 4 is postcard of the types below, deflated: an enrollment of a dozen events
//! takes about half a kilobyte. Format 5 holds more of what retention left behind ([`History`]), and is written only if
//! there is more, which is rare. Format 6 is format 5 after the tags, and is written only if there are some: they come from
//! an intake that knows of no older program ([`StoredFormat::Third`]), so also where a writer still believes that an
//! older format is in force. Formats 2 and 3 did not know what a sender can report ([`old`]). They are still read,
//! and format 3 is written where older programs may run beside this one ([`StoredFormat::First`]): what it lacks lies
//! beside it ([`Encoded`]). Event ids that are UUIDs or hexadecimal are packed, since random digits don't deflate.
//! Updates of Enrollment Status Page items are many and alike, so they lie in columns, some six bytes each, and each
//! name is written once. Their ids are made from their content, so they are not written at all. Enums are written by
//! position: variants may be added at their end, never moved. Any other change needs a new format beside this one.
//!
//! Must stay true: what is encoded decodes. If a writer stored more than a reader accepts, it would be lost, so the
//! limits are the writer's ([`MAX_PLAIN`], [`MAX_EVENTS`]), and a reader accepts several times as much.

use crate::esp::{EspAction, EspDetail, EspEvent, ItemName, Start, TargetedApp};
use crate::event::{About, Body, ClockSkew, Event, EventKey, Reports, Said};
use crate::format::StoredFormat;
use crate::history::{Base, History};
use crate::identity::Identifier;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

mod deflate;
mod old;
mod tagged;
mod updates;

use deflate::deflated;
use tagged::Tagged;
use updates::{Sender, UpdateWriter, Updates};

const FORMAT: u8 = 4;
/// [`FORMAT`], preceded by the earlier bases.
const FORMAT_EARLIER: u8 = 5;
/// [`FORMAT_EARLIER`], preceded by the tags.
const FORMAT_TAGS: u8 = 6;
/// The most bytes that one item holds, before they are deflated.
pub const MAX_PLAIN: usize = 2 << 20;
/// The most events that one item holds; each takes some hundred bytes of memory.
pub const MAX_EVENTS: usize = 10_000;
/// A reader stops here, so that a corrupt item cannot exhaust the memory.
const MAX_INFLATED: usize = 8 * MAX_PLAIN;
/// See [`MAX_INFLATED`].
const MAX_ROWS: usize = 10 * MAX_EVENTS;

/// Why stored bytes cannot be read as a history.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// A version that this one does not know wrote them.
    #[error("unknown format {0}")]
    UnknownFormat(u8),
    /// They are not what was written.
    #[error("corrupt: {0}")]
    Corrupt(&'static str),
}

/// There are more events or bytes than one item holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{events} events of {bytes} bytes are more than one item holds")]
pub struct TooLarge {
    /// How many events there are.
    pub events: usize,
    /// Their bytes before they are deflated.
    pub bytes: usize,
}

#[derive(Serialize, Deserialize)]
enum PackedId {
    Text(String),
    Uuid([u8; 16]),
    Hex(Vec<u8>),
}

#[derive(Serialize, Deserialize)]
struct PackedEvent {
    /// `None` if it is made from the content.
    id: Option<PackedId>,
    source: String,
    /// Milliseconds after the event before it in the list.
    time: i64,
    /// Milliseconds from the event's time to its receipt.
    delay: i64,
    clock_skew: Option<ClockSkew>,
    about: About,
    body: Body,
    /// The body's list of items, which is taken out of the body: their numbers in [`Packed::names`].
    items: Vec<u32>,
    more: More,
}

/// What earlier formats did not record of an event. It stands beside the body, which is written as it always was.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct More {
    /// [`Reports::bits`].
    reports: u8,
    /// One bit each: awaits its configuration, restated, assumed.
    said: u8,
    /// For an `esp.started`: the limit and the actions that the device itself was given.
    given: Option<Given>,
}

#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Given {
    limit_minutes: Option<u32>,
    allowed_actions: Option<Vec<EspAction>>,
}

impl More {
    fn of(event: &Event) -> Self {
        let said = event.step().map(|step| step.said).unwrap_or_default();
        let given = match &event.body {
            Body::Esp(EspEvent { detail: EspDetail::Started(start), .. }) => {
                let Start { limit_minutes, allowed_actions, .. } = start.as_ref();
                let given = Given { limit_minutes: *limit_minutes, allowed_actions: allowed_actions.clone() };
                Some(given).filter(|given| given.limit_minutes.is_some() || given.allowed_actions.is_some())
            }
            _ => None,
        };
        Self {
            reports: event.reports.bits(),
            said: u8::from(said.awaiting_configuration) | u8::from(said.restated) << 1 | u8::from(said.assumed) << 2,
            given,
        }
    }

    /// Puts back into a body what was taken out of it.
    fn put(self, body: &mut Body) -> Reports {
        let reports = Reports::from_bits(self.reports);
        match (body, self.given) {
            (Body::Enrollment(step), _) => {
                step.said = Said {
                    awaiting_configuration: self.said & 1 != 0,
                    restated: self.said & 2 != 0,
                    assumed: self.said & 4 != 0,
                };
            }
            (Body::Esp(EspEvent { detail: EspDetail::Started(start), .. }), Some(given)) => {
                start.limit_minutes = given.limit_minutes;
                start.allowed_actions = given.allowed_actions;
            }
            (Body::Esp(_), _) => {}
        }
        reports
    }
}

#[derive(Serialize, Deserialize)]
struct Packed<B, E, S> {
    base: B,
    identifiers: BTreeSet<Identifier>,
    names: Vec<(PackedId, Option<String>)>,
    events: Vec<E>,
    updates: Updates<S>,
}

/// Numbers things in the order in which they first occur.
struct Numbered<T>(BTreeMap<T, u32>, Vec<T>);

impl<T: Ord + Clone> Numbered<T> {
    const fn new() -> Self {
        Self(BTreeMap::new(), Vec::new())
    }

    fn number(&mut self, thing: &T) -> u32 {
        if let Some(number) = self.0.get(thing) {
            return *number;
        }
        let number = u32::try_from(self.1.len()).unwrap_or(u32::MAX);
        self.0.insert(thing.clone(), number);
        self.1.push(thing.clone());
        number
    }
}

fn nth<T: Clone>(things: &[T], number: u32) -> Result<T, CodecError> {
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    things.get(number).cloned().ok_or(CodecError::Corrupt("refers to something that is not there"))
}

/// An encoded history, or events of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The bytes. What they lack, older programs do not know.
    pub data: Vec<u8>,
    /// What the bytes lack, for programs that know it. It is good only with these bytes: whoever writes others must not
    /// leave it in its place.
    pub beside: Option<Vec<u8>>,
}

impl Encoded {
    /// The bytes of both.
    pub fn bytes(&self) -> usize {
        self.data.len() + self.beside.as_ref().map_or(0, Vec::len)
    }
}

/// Encodes a history in the newest format. Equal histories give equal bytes.
///
/// # Errors
/// If one item cannot hold that much.
pub fn encode(history: &History) -> Result<Vec<u8>, TooLarge> {
    encode_in(StoredFormat::NEWEST, history).map(|encoded| encoded.data)
}

/// Encodes a history in a format. Equal histories give equal bytes.
///
/// # Errors
/// If one item cannot hold that much.
pub fn encode_in(format: StoredFormat, history: &History) -> Result<Encoded, TooLarge> {
    let ordered = history.ordered(Timestamp::MAX);
    pack(format, &history.earlier, history.base().clone(), history.identifiers().clone(), ordered)
}

/// Encodes events alone, for a segment, in the newest format.
///
/// # Errors
/// If one item cannot hold that much.
pub fn encode_events(events: &[Event]) -> Result<Vec<u8>, TooLarge> {
    encode_events_in(StoredFormat::NEWEST, events).map(|encoded| encoded.data)
}

/// The same in a format.
///
/// # Errors
/// If one item cannot hold that much.
pub fn encode_events_in(format: StoredFormat, events: &[Event]) -> Result<Encoded, TooLarge> {
    let mut ordered: Vec<&Event> = events.iter().collect();
    ordered.sort_by(|a, b| a.order().cmp(&b.order()));
    pack(format, &[], Base::default(), BTreeSet::new(), ordered)
}

fn pack(
    format: StoredFormat,
    earlier: &[Base],
    base: Base,
    identifiers: BTreeSet<Identifier>,
    ordered: Vec<&Event>,
) -> Result<Encoded, TooLarge> {
    let count = ordered.len();
    if count > MAX_EVENTS {
        return Err(TooLarge { events: count, bytes: 0 });
    }
    let mut tagged = Tagged::of(earlier, &base);
    let mut names = Numbered::new();
    let mut updates = UpdateWriter::new();
    let mut events = Vec::new();
    let mut before = 0;
    for event in ordered {
        if updates.take(event, &mut names) {
            continue;
        }
        let time = event.time.millis() - before;
        before = event.time.millis();
        let mut body = event.body.clone();
        let items = take_items(&mut body).iter().map(|item| names.number(item)).collect();
        tagged.note(events.len(), event);
        let is_update = matches!(&body, Body::Esp(esp) if esp.is_update());
        events.push(PackedEvent {
            id: (!is_update).then(|| pack_id(&event.key.id)),
            source: event.key.source.clone(),
            time,
            delay: event.received_at.millis() - event.time.millis(),
            clock_skew: event.clock_skew,
            about: event.about.clone(),
            body,
            items,
            more: More::of(event),
        });
    }
    let names = names.1.into_iter().map(|item| (pack_id(&item.id), item.name)).collect();
    let packed = Packed { base, identifiers, names, events, updates: updates.end() };
    // Serialising these types into memory cannot fail. If it did, `decode` would refuse the empty item rather than read
    // it as a history without events.
    let (first, plain, beside) = match (format, earlier) {
        _ if !tagged.is_empty() => (FORMAT_TAGS, postcard::to_stdvec(&(&tagged, earlier, &packed)), None),
        (StoredFormat::First, earlier) => {
            let (plain, beside) = old::write_3(earlier, packed);
            (old::FORMAT_3, plain, beside)
        }
        (StoredFormat::Second | StoredFormat::Third, []) => (FORMAT, postcard::to_stdvec(&packed), None),
        (StoredFormat::Second | StoredFormat::Third, earlier) => {
            (FORMAT_EARLIER, postcard::to_stdvec(&(earlier, &packed)), None)
        }
    };
    let (plain, beside) = (plain.unwrap_or_default(), beside.map(Result::unwrap_or_default));
    let bytes = plain.len() + beside.as_ref().map_or(0, Vec::len);
    if bytes > MAX_PLAIN {
        return Err(TooLarge { events: count, bytes });
    }
    Ok(Encoded { data: deflated(first, &plain), beside: beside.map(|beside| deflated(old::BESIDE_3, &beside)) })
}

/// Takes the list of items out of a body that has one.
fn take_items(body: &mut Body) -> Vec<ItemName> {
    let Body::Esp(EspEvent { detail, .. }) = body else { return Vec::new() };
    match detail {
        EspDetail::Tracked(_, _, list) => std::mem::take(list),
        EspDetail::Started(start) => {
            let apps = start.targeted_apps.iter_mut().flatten();
            apps.map(|target| std::mem::replace(&mut target.app, nothing())).collect()
        }
        _ => Vec::new(),
    }
}

/// Puts the list of items back.
fn put_items(body: &mut Body, mut items: impl Iterator<Item = Result<ItemName, CodecError>>) -> Result<(), CodecError> {
    let Body::Esp(EspEvent { detail, .. }) = body else { return Ok(()) };
    match detail {
        EspDetail::Tracked(_, _, list) => *list = items.by_ref().collect::<Result<_, _>>()?,
        EspDetail::Started(start) => {
            for TargetedApp { app, .. } in start.targeted_apps.iter_mut().flatten() {
                *app = items.next().ok_or(CodecError::Corrupt("a target without its app"))??;
            }
        }
        _ => {}
    }
    match items.next() {
        Some(_) => Err(CodecError::Corrupt("items without a list")),
        None => Ok(()),
    }
}

const fn nothing() -> ItemName {
    ItemName { id: String::new(), name: None }
}

/// Decodes a history that has nothing beside it.
///
/// # Errors
/// If the bytes are of another format or corrupt.
pub fn decode(bytes: &[u8]) -> Result<History, CodecError> {
    decode_with(bytes, None)
}

/// Decodes a history with what lies beside it, if anything does.
///
/// # Errors
/// If the bytes are of another format or corrupt, or if what lies beside them belongs to others.
pub fn decode_with(bytes: &[u8], beside: Option<&[u8]>) -> Result<History, CodecError> {
    let (earlier, Unpacked { base, identifiers, events }) = read(bytes, beside)?;
    Ok(History { earlier, ..History::from_parts(base, identifiers, events) })
}

/// Decodes the events of a segment that has nothing beside it.
///
/// # Errors
/// As [`decode`].
pub fn decode_events(bytes: &[u8]) -> Result<Vec<Event>, CodecError> {
    decode_events_with(bytes, None)
}

/// The same with what lies beside it, if anything does.
///
/// # Errors
/// As [`decode_with`].
pub fn decode_events_with(bytes: &[u8], beside: Option<&[u8]>) -> Result<Vec<Event>, CodecError> {
    Ok(read(bytes, beside)?.1.events)
}

/// The first format in which these bytes may be written; the oldest if they are none of ours.
pub fn format_of(bytes: &[u8]) -> StoredFormat {
    match bytes.first() {
        Some(&(FORMAT | FORMAT_EARLIER)) => StoredFormat::Second,
        Some(&FORMAT_TAGS) => StoredFormat::Third,
        _ => StoredFormat::First,
    }
}

/// What [`format_of`] says of a history that is written in a format.
pub fn format_read(format: StoredFormat, history: &History) -> StoredFormat {
    let mut tagged = Tagged::of(&history.earlier, history.base());
    history.events().for_each(|event| tagged.note(0, event));
    match format {
        _ if !tagged.is_empty() => StoredFormat::Third,
        StoredFormat::First => StoredFormat::First,
        StoredFormat::Second | StoredFormat::Third => StoredFormat::Second,
    }
}

struct Unpacked {
    base: Base,
    identifiers: BTreeSet<Identifier>,
    events: Vec<Event>,
}

fn inflated(deflated: &[u8]) -> Result<Vec<u8>, CodecError> {
    deflate::inflated(deflated, MAX_INFLATED).ok_or(CodecError::Corrupt("does not inflate"))
}

/// Reads the earlier bases and what else there is.
fn read(bytes: &[u8], beside: Option<&[u8]>) -> Result<(Vec<Base>, Unpacked), CodecError> {
    let (&format, deflated) = bytes.split_first().ok_or(CodecError::Corrupt("empty"))?;
    let plain = inflated(deflated)?;
    let unreadable = |_| CodecError::Corrupt("does not parse");
    let mut tagged = Tagged::default();
    let (mut earlier, packed) = match (format, beside) {
        (FORMAT_TAGS, _) => {
            let (tags, earlier, packed): (_, _, Packed<Base, PackedEvent, Sender>) =
                postcard::from_bytes(&plain).map_err(unreadable)?;
            tagged = tags;
            (earlier, packed)
        }
        (FORMAT, _) => (Vec::new(), postcard::from_bytes(&plain).map_err(unreadable)?),
        (FORMAT_EARLIER, _) => postcard::from_bytes(&plain).map_err(unreadable)?,
        (old::FORMAT_3, None) => (Vec::new(), old::read_3(&plain).map_err(unreadable)?),
        (old::FORMAT_3, Some(beside)) => {
            let (&format, beside) = beside.split_first().ok_or(CodecError::Corrupt("nothing lies beside it"))?;
            if format != old::BESIDE_3 {
                return Err(CodecError::UnknownFormat(format));
            }
            old::complete_3(old::read_3(&plain).map_err(unreadable)?, &inflated(beside)?)?
        }
        (old::FORMAT_2, _) => (Vec::new(), old::read_2(&plain).map_err(unreadable)?),
        _ => return Err(CodecError::UnknownFormat(format)),
    };
    let mut unpacked = unpack(packed)?;
    tagged.put(&mut earlier, &mut unpacked.base, &mut unpacked.events)?;
    Ok((earlier, unpacked))
}

fn unpack(packed: Packed<Base, PackedEvent, Sender>) -> Result<Unpacked, CodecError> {
    let names: Vec<ItemName> =
        packed.names.into_iter().map(|(id, name)| ItemName { id: unpack_id(id), name }).collect();
    let mut events = Vec::with_capacity(packed.events.len() + packed.updates.times.len());
    let mut before = 0_i64;
    for mut event in packed.events {
        let millis = before.saturating_add(event.time);
        before = millis;
        let reports = event.more.put(&mut event.body);
        put_items(&mut event.body, event.items.into_iter().map(|number| nth(&names, number)))?;
        let time = Timestamp::from_millis(millis);
        let id = match (event.id, &event.body) {
            (Some(id), _) => unpack_id(id),
            (None, Body::Esp(esp)) => esp.update_id(time),
            (None, Body::Enrollment(_)) => return Err(CodecError::Corrupt("an event without id")),
        };
        events.push(Event {
            key: EventKey { source: event.source, id },
            time,
            received_at: Timestamp::from_millis(millis.saturating_add(event.delay)),
            clock_skew: event.clock_skew,
            reports,
            about: event.about,
            body: event.body,
        });
    }
    packed.updates.events(&names, &mut events)?;
    Ok(Unpacked { base: packed.base, identifiers: packed.identifiers, events })
}

fn pack_id(id: &str) -> PackedId {
    let hex = |text: &str| -> Option<Vec<u8>> {
        let lower = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        if text.is_empty() || !text.len().is_multiple_of(2) || !text.bytes().all(lower) {
            return None;
        }
        text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
    };
    if id.len() == 36 && [8, 13, 18, 23].into_iter().all(|dash| id.as_bytes()[dash] == b'-') {
        let digits = id.replace('-', "");
        if let Some(bytes) = hex(&digits).and_then(|bytes| bytes.try_into().ok()) {
            return PackedId::Uuid(bytes);
        }
    }
    hex(id).map_or_else(|| PackedId::Text(id.to_owned()), PackedId::Hex)
}

fn unpack_id(id: PackedId) -> String {
    match id {
        PackedId::Text(text) => text,
        PackedId::Hex(bytes) => hex(&bytes),
        PackedId::Uuid(bytes) => {
            let digits = hex(&bytes);
            [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
        }
    }
}

/// Bytes in hexadecimal digits. Formatting each byte would take longer than anything else that decoding an event does.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let mut text = String::with_capacity(2 * bytes.len());
    text.extend(digits.map(|digit| DIGITS[usize::from(digit)]));
    text
}
