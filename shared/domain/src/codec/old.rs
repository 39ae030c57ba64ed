//! The formats that are read but no longer written. They did not record what a sender can report, so their events count
//! as reported by senders of everything. They were folded that way when they were written.

use super::{More, Packed, PackedEvent, PackedId, Sender, Updates};
use crate::event::{About, Body, ClockSkew, Reports};
use crate::history::Base;
use crate::standing::Standing;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) const FORMAT_2: u8 = 2;
pub(super) const FORMAT_3: u8 = 3;

/// What format 2 recorded of what retention dropped.
#[derive(Deserialize)]
struct Base2 {
    until: Timestamp,
    registered_at: Option<Timestamp>,
    enrolled: bool,
    compliant: bool,
    attempts: u32,
}

impl From<Base2> for Base {
    fn from(old: Base2) -> Self {
        let Base2 { until, registered_at, enrolled, compliant, attempts } = old;
        let standing = Standing { registered_at, enrolled, compliant, attempts, ..Standing::default() };
        Self { until, standing, ..Self::default() }
    }
}

/// What format 3 recorded of what retention dropped.
#[derive(Deserialize)]
struct Base3 {
    base: Base2,
    about: Option<Box<About>>,
    esp: bool,
}

impl From<Base3> for Base {
    fn from(old: Base3) -> Self {
        // At that time any session counted as Autopilot.
        Self { about: old.about, autopilot: old.esp, ..Self::from(old.base) }
    }
}

#[derive(Deserialize)]
struct Event3 {
    id: Option<PackedId>,
    source: String,
    time: i64,
    delay: i64,
    clock_skew: Option<ClockSkew>,
    about: About,
    body: Body,
    items: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
struct Sender3 {
    source: String,
    session_id: Option<String>,
    clock_skew: Option<ClockSkew>,
    about: About,
}

pub(super) fn read_2(plain: &[u8]) -> Result<Packed<Base, PackedEvent, Sender>, postcard::Error> {
    postcard::from_bytes::<Packed<Base2, Event3, Sender3>>(plain).map(renewed)
}

pub(super) fn read_3(plain: &[u8]) -> Result<Packed<Base, PackedEvent, Sender>, postcard::Error> {
    postcard::from_bytes::<Packed<Base3, Event3, Sender3>>(plain).map(renewed)
}

fn renewed<B: Into<Base>>(old: Packed<B, Event3, Sender3>) -> Packed<Base, PackedEvent, Sender> {
    let Packed { base, identifiers, names, events, updates } = old;
    let events = events.into_iter().map(|event| {
        let Event3 { id, source, time, delay, clock_skew, about, body, items } = event;
        let more = More { reports: Reports::ALL.bits(), said: 0, given: None };
        PackedEvent { id, source, time, delay, clock_skew, about, body, items, more }
    });
    let Updates { senders, places, codes, times, delays, sender, place, item, state, code } = updates;
    let senders = senders.into_iter().map(|old| {
        let Sender3 { source, session_id, clock_skew, about } = old;
        Sender { source, session_id, clock_skew, about, reports: Reports::ALL.bits() }
    });
    let updates =
        Updates { senders: senders.collect(), places, codes, times, delays, sender, place, item, state, code };
    Packed { base: base.into(), identifiers, names, events: events.collect(), updates }
}
