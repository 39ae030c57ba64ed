//! Updates of Enrollment Status Page items, in columns: they are many and alike.
//!
//! Must stay true: the columns have one length, and what a row refers to is there; both are checked when they are read.

use super::{CodecError, MAX_ROWS, Numbered, nth};
use crate::esp::{Category, EspDetail, EspEvent, ItemName, ItemState, Phase};
use crate::event::{About, Body, ClockSkew, Event, EventKey, Reports};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Sender {
    pub source: String,
    pub session_id: Option<String>,
    pub clock_skew: Option<ClockSkew>,
    pub about: About,
    /// [`Reports::bits`].
    pub reports: u8,
}

/// Updates of items; each is a row across the columns.
#[derive(Serialize, Deserialize)]
pub(super) struct Updates<S> {
    pub senders: Vec<S>,
    pub places: Vec<(Phase, Category)>,
    pub codes: Vec<Option<String>>,
    pub times: Vec<i64>,
    pub delays: Vec<i64>,
    pub sender: Vec<u32>,
    pub place: Vec<u32>,
    pub item: Vec<u32>,
    pub state: Vec<ItemState>,
    pub code: Vec<u32>,
}

pub(super) struct UpdateWriter {
    updates: Updates<Sender>,
    senders: Numbered<Sender>,
    places: Numbered<(Phase, Category)>,
    codes: Numbered<Option<String>>,
    before: i64,
}

impl UpdateWriter {
    pub(super) fn new() -> Self {
        let updates = Updates {
            senders: Vec::new(),
            places: Vec::new(),
            codes: Vec::new(),
            times: Vec::new(),
            delays: Vec::new(),
            sender: Vec::new(),
            place: Vec::new(),
            item: Vec::new(),
            state: Vec::new(),
            code: Vec::new(),
        };
        Self { updates, senders: Numbered::new(), places: Numbered::new(), codes: Numbered::new(), before: 0 }
    }

    /// Writes the event into the columns if it is an item's update. If `false`, the caller writes it alone.
    pub(super) fn take(&mut self, event: &Event, names: &mut Numbered<ItemName>) -> bool {
        let Body::Esp(EspEvent { session_id, detail: EspDetail::Item(phase, category, item, state, code) }) =
            &event.body
        else {
            return false;
        };
        let sender = Sender {
            source: event.key.source.clone(),
            session_id: session_id.clone(),
            clock_skew: event.clock_skew,
            about: event.about.clone(),
            reports: event.reports.bits(),
        };
        let updates = &mut self.updates;
        updates.times.push(event.time.millis() - self.before);
        self.before = event.time.millis();
        updates.delays.push(event.received_at.millis() - event.time.millis());
        updates.sender.push(self.senders.number(&sender));
        updates.place.push(self.places.number(&(*phase, *category)));
        updates.item.push(names.number(item));
        updates.state.push(*state);
        updates.code.push(self.codes.number(code));
        true
    }

    pub(super) fn end(mut self) -> Updates<Sender> {
        self.updates.senders = self.senders.1;
        self.updates.places = self.places.1;
        self.updates.codes = self.codes.1;
        self.updates
    }
}

impl Updates<Sender> {
    pub(super) fn events(&self, names: &[ItemName], events: &mut Vec<Event>) -> Result<(), CodecError> {
        let rows = self.times.len();
        let others = [self.sender.len(), self.place.len(), self.item.len(), self.code.len(), self.delays.len()];
        if rows > MAX_ROWS || self.state.len() != rows || others.iter().any(|column| *column != rows) {
            return Err(CodecError::Corrupt("columns of different or absurd lengths"));
        }
        let mut before = 0_i64;
        for (row, time) in self.times.iter().enumerate() {
            let at = |column: &[u32]| column.get(row).copied().ok_or(CodecError::Corrupt("a column is too short"));
            let cell = |found: Option<i64>| found.ok_or(CodecError::Corrupt("a column is too short"));
            let sender = nth(&self.senders, at(&self.sender)?)?;
            let (phase, category) = nth(&self.places, at(&self.place)?)?;
            let item = nth(names, at(&self.item)?)?;
            let code = nth(&self.codes, at(&self.code)?)?;
            let state = *self.state.get(row).ok_or(CodecError::Corrupt("a column is too short"))?;
            let delay = cell(self.delays.get(row).copied())?;
            let time = before.saturating_add(*time);
            before = time;
            let detail = EspDetail::Item(phase, category, item, state, code);
            let esp = EspEvent { session_id: sender.session_id, detail };
            let (time, received_at) =
                (Timestamp::from_millis(time), Timestamp::from_millis(time.saturating_add(delay)));
            let key = EventKey { source: sender.source, id: esp.update_id(time) };
            let (clock_skew, about, reports) = (sender.clock_skew, sender.about, Reports::from_bits(sender.reports));
            events.push(Event { key, time, received_at, clock_skew, reports, about, body: Body::Esp(esp) });
        }
        Ok(())
    }
}
