//! A history as bytes, small because a write is charged by the kilobyte.
//!
//! The first byte says the format. Format 1 is postcard of the types below, deflated: an enrollment of a
//! dozen events takes about half a kilobyte. Event ids that are UUIDs or hexadecimal are packed, since random digits
//! don't deflate. Enums are written by position: variants may be added at their end, never moved.
//! A change of anything else is a new format beside this one.

use crate::event::{About, Body, ClockSkew, Event, EventKey};
use crate::history::{Base, History};
use crate::identity::Identifier;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const FORMAT: u8 = 1;
/// Nothing we write inflates to more; a corrupt item must not take the memory.
const MAX_INFLATED: usize = 16 << 20;
/// Deflating better than this costs more time than the bytes are worth.
const LEVEL: u8 = 6;

/// Stored bytes that are not a history.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Written by a version that this one does not know.
    #[error("unknown format {0}")]
    UnknownFormat(u8),
    /// Not what was written.
    #[error("corrupt: {0}")]
    Corrupt(&'static str),
}

#[derive(Serialize, Deserialize)]
enum PackedId {
    Text(String),
    Uuid([u8; 16]),
    Hex(Vec<u8>),
}

#[derive(Serialize, Deserialize)]
struct PackedEvent {
    id: PackedId,
    source: String,
    /// Milliseconds after the event before it in the list.
    time: i64,
    /// Milliseconds from the event's time to its receipt.
    delay: i64,
    clock_skew: Option<ClockSkew>,
    about: About,
    body: Body,
}

#[derive(Serialize, Deserialize)]
struct Packed {
    base: Base,
    identifiers: BTreeSet<Identifier>,
    events: Vec<PackedEvent>,
}

/// Makes bytes of a history. Equal histories make equal bytes.
pub fn encode(history: &History) -> Vec<u8> {
    pack(*history.base(), history.identifiers().clone(), history.ordered(Timestamp::MAX))
}

/// Makes bytes of events alone, for a segment.
pub fn encode_events(events: &[Event]) -> Vec<u8> {
    let mut ordered: Vec<&Event> = events.iter().collect();
    ordered.sort_by(|a, b| a.order().cmp(&b.order()));
    pack(Base::default(), BTreeSet::new(), ordered)
}

fn pack(base: Base, identifiers: BTreeSet<Identifier>, ordered: Vec<&Event>) -> Vec<u8> {
    let mut before = 0;
    let events = ordered
        .into_iter()
        .map(|event| {
            let time = event.time.millis() - before;
            before = event.time.millis();
            PackedEvent {
                id: pack_id(&event.key.id),
                source: event.key.source.clone(),
                time,
                delay: event.received_at.millis() - event.time.millis(),
                clock_skew: event.clock_skew,
                about: event.about.clone(),
                body: event.body.clone(),
            }
        })
        .collect();
    // Serialising these types into memory has no way to fail; were there one, the empty item would be
    // refused by `decode` instead of being taken for a history without events.
    let plain = postcard::to_stdvec(&Packed { base, identifiers, events }).unwrap_or_default();
    let mut bytes = vec![FORMAT];
    bytes.extend(miniz_oxide::deflate::compress_to_vec(&plain, LEVEL));
    bytes
}

/// Reads a history back.
///
/// # Errors
/// When the bytes are of another format or corrupt.
pub fn decode(bytes: &[u8]) -> Result<History, CodecError> {
    let (&format, deflated) = bytes.split_first().ok_or(CodecError::Corrupt("empty"))?;
    if format != FORMAT {
        return Err(CodecError::UnknownFormat(format));
    }
    let plain = miniz_oxide::inflate::decompress_to_vec_with_limit(deflated, MAX_INFLATED)
        .map_err(|_| CodecError::Corrupt("does not inflate"))?;
    let packed: Packed = postcard::from_bytes(&plain).map_err(|_| CodecError::Corrupt("does not parse"))?;
    let mut before = 0_i64;
    let events = packed.events.into_iter().map(|event| {
        let time = before.saturating_add(event.time);
        before = time;
        Event {
            key: EventKey { source: event.source, id: unpack_id(event.id) },
            time: Timestamp::from_millis(time),
            received_at: Timestamp::from_millis(time.saturating_add(event.delay)),
            clock_skew: event.clock_skew,
            about: event.about,
            body: event.body,
        }
    });
    Ok(History::from_parts(packed.base, packed.identifiers, events))
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
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match id {
        PackedId::Text(text) => text,
        PackedId::Hex(bytes) => hex(&bytes),
        PackedId::Uuid(bytes) => {
            let digits = hex(&bytes);
            [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
        }
    }
}
