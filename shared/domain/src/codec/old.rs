//! The formats that did not record what a sender can report. Their events count as reported by senders of everything, and
//! were folded that way when they were written.
//!
//! Format 3 is still written for tables that older programs may read. What it lacks lies beside it, and whoever knows it
//! takes it from there. An older program that writes the item again leaves nothing beside it, so what it wrote counts.

use super::{CodecError, More, Packed, PackedEvent, PackedId, Sender, Updates};
use crate::event::{About, Body, ClockSkew, Reports};
use crate::history::Base;
use crate::standing::Standing;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) const FORMAT_2: u8 = 2;
pub(super) const FORMAT_3: u8 = 3;
/// The first byte of what lies beside format 3.
pub(super) const BESIDE_3: u8 = 1;

/// What format 2 recorded of what retention dropped.
#[derive(Serialize, Deserialize)]
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
#[derive(Serialize, Deserialize)]
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

impl From<&Base> for Base3 {
    fn from(base: &Base) -> Self {
        let Standing { registered_at, enrolled, compliant, attempts, .. } = base.standing;
        let base2 = Base2 { until: base.until, registered_at, enrolled, compliant, attempts };
        Self { base: base2, about: base.about.clone(), esp: base.autopilot }
    }
}

#[derive(Serialize, Deserialize)]
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

/// What format 3 lacks.
#[derive(Serialize, Deserialize)]
struct Beside {
    earlier: Vec<Base>,
    /// The base, if it says more than format 3 does.
    base: Option<Base>,
    /// Of each event, in order.
    events: Vec<More>,
    /// What each sender of updates can report, in order.
    senders: Vec<u8>,
}

/// What earlier formats took for granted.
const fn all_reported() -> More {
    More { reports: Reports::ALL.bits(), said: 0, given: None }
}

type Plain = Result<Vec<u8>, postcard::Error>;

/// Format 3, and what lies beside it if it lacks anything.
pub(super) fn write_3(earlier: &[Base], packed: Packed<Base, PackedEvent, Sender>) -> (Plain, Option<Plain>) {
    let Packed { base, identifiers, names, events, updates } = packed;
    let older = Base3::from(&base);
    let (events, more): (Vec<_>, Vec<_>) = events
        .into_iter()
        .map(|event| {
            let PackedEvent { id, source, time, delay, clock_skew, about, body, items, more } = event;
            (Event3 { id, source, time, delay, clock_skew, about, body, items }, more)
        })
        .unzip();
    let Updates { senders, places, codes, times, delays, sender, place, item, state, code } = updates;
    let (senders, reports): (Vec<_>, Vec<_>) = senders
        .into_iter()
        .map(|Sender { source, session_id, clock_skew, about, reports }| {
            (Sender3 { source, session_id, clock_skew, about }, reports)
        })
        .unzip();
    let updates = Updates { senders, places, codes, times, delays, sender, place, item, state, code };
    let all = all_reported();
    let is_all = more.iter().all(|more| *more == all) && reports.iter().all(|reports| *reports == all.reports);
    let written = Packed { base: older, identifiers, names, events, updates };
    let plain = postcard::to_stdvec(&written);
    let base = Some(base).filter(|base| *base != Base::from(written.base));
    let lacks_nothing = is_all && earlier.is_empty() && base.is_none();
    let beside = Beside { earlier: earlier.to_vec(), base, events: more, senders: reports };
    (plain, (!lacks_nothing).then(|| postcard::to_stdvec(&beside)))
}

/// All of an item, in the newest form.
type Whole = Packed<Base, PackedEvent, Sender>;

/// What was read in format 3, with what lies beside it; and the earlier bases.
pub(super) fn complete_3(mut packed: Whole, beside: &[u8]) -> Result<(Vec<Base>, Whole), CodecError> {
    let Beside { earlier, base, events, senders } =
        postcard::from_bytes(beside).map_err(|_| CodecError::Corrupt("what lies beside it does not parse"))?;
    if (events.len(), senders.len()) != (packed.events.len(), packed.updates.senders.len()) {
        return Err(CodecError::Corrupt("what lies beside it belongs to something else"));
    }
    for (event, more) in packed.events.iter_mut().zip(events) {
        event.more = more;
    }
    for (sender, reports) in packed.updates.senders.iter_mut().zip(senders) {
        sender.reports = reports;
    }
    if let Some(base) = base {
        packed.base = base;
    }
    Ok((earlier, packed))
}

fn renewed<B: Into<Base>>(old: Packed<B, Event3, Sender3>) -> Whole {
    let Packed { base, identifiers, names, events, updates } = old;
    let events = events.into_iter().map(|event| {
        let Event3 { id, source, time, delay, clock_skew, about, body, items } = event;
        PackedEvent { id, source, time, delay, clock_skew, about, body, items, more: all_reported() }
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
