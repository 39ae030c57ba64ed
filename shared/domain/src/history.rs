//! The set of one enrollment's events.
//!
//! A set: adding in any order, or again, gives the same history. What leaves it is only what
//! retention drops (`prune`), and what that leaves behind is the [`Base`].

use crate::about::{About, EventKey};
use crate::event::Event;
use crate::identity::{EnrollmentKey, Identifier};
use crate::standing::Standing;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// What was known at the instant before which retention dropped the events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Base {
    /// Events placed up to this instant are no longer taken; those that the history held before stay.
    pub until: Timestamp,
    /// What the rules still need of what was dropped.
    pub standing: Standing,
    /// Device and user as the dropped events reported them: the status page names an enrolled device long after.
    /// Boxed: most histories have none.
    pub about: Option<Box<About>>,
    /// Whether a session of the Enrollment Status Page was dropped that only Autopilot has.
    pub autopilot: bool,
}

/// One enrollment's events, and the names its device goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    pub(crate) base: Base,
    pub(crate) identifiers: BTreeSet<Identifier>,
    pub(crate) events: BTreeMap<EventKey, Event>,
}

/// What adding an event did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// The event was not known.
    New,
    /// The event was known by a copy received later: this copy counts now.
    Earlier,
    /// The event was known: nothing changed.
    Duplicate,
    /// The event is older than what retention already dropped: nothing changed.
    TooOld,
}

impl Added {
    /// Whether the history is another now.
    pub const fn changed(self) -> bool {
        matches!(self, Self::New | Self::Earlier)
    }
}

impl History {
    /// A history from its parts, as stored.
    pub fn from_parts(base: Base, identifiers: BTreeSet<Identifier>, events: impl IntoIterator<Item = Event>) -> Self {
        let mut history = Self { base, identifiers, events: BTreeMap::new() };
        for event in events {
            history.put(event);
        }
        history
    }

    /// Adds an event that arrives. Of two copies of one event the one received first counts.
    pub fn add(&mut self, event: Event) -> Added {
        if self.base.until > Timestamp::MIN && event.placed() <= self.base.until {
            // A copy of an event that is held still is a copy.
            return if self.events.contains_key(&event.key) { Added::Duplicate } else { Added::TooOld };
        }
        self.put(event)
    }

    /// Puts back an event that was part of this history, whatever was dropped since: what is sealed in a segment.
    pub fn put(&mut self, event: Event) -> Added {
        self.identifiers.extend(event.about.identifiers());
        match self.events.entry(event.key.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert(event);
                Added::New
            }
            Entry::Occupied(mut known) => {
                if precedence(&event) < precedence(known.get()) {
                    known.insert(event);
                    Added::Earlier
                } else {
                    Added::Duplicate
                }
            }
        }
    }

    /// Lets go of everything up to `until`: the device counts as unknown from there on, whatever it was. Its names stay.
    pub fn forget(&mut self, until: Timestamp) {
        let standing = Standing { attempts: self.base.standing.attempts, ..Standing::default() };
        self.events.clear();
        self.base = Base { until: self.base.until.max(until), standing, ..Base::default() };
    }

    /// The names the device goes by.
    pub fn identifiers(&self) -> &BTreeSet<Identifier> {
        &self.identifiers
    }

    /// The device's name within its tenant.
    pub fn key(&self) -> EnrollmentKey {
        EnrollmentKey::of(&self.identifiers)
    }

    /// What was known before the first event.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events in the order that decides (docs/DOMAIN.md, O2), those placed after `as_of` left out.
    pub fn ordered(&self, as_of: Timestamp) -> Vec<&Event> {
        let mut events: Vec<&Event> = self.events.values().filter(|event| event.placed() <= as_of).collect();
        events.sort_by(|a, b| a.order().cmp(&b.order()));
        events
    }

    /// The events by their keys.
    pub fn events(&self) -> impl ExactSizeIterator<Item = &Event> {
        self.events.values()
    }

    /// When the newest event was received.
    pub fn last_received(&self) -> Option<Timestamp> {
        self.events.values().map(|event| event.received_at).max()
    }

    /// Moves all events out, for sealing them in a segment; base and identifiers stay.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events).into_values().collect()
    }
}

/// Which of two copies of one event counts: the one received first; of copies received in one
/// instant, by content, so that the order of arrival never decides.
fn precedence(event: &Event) -> impl Ord + '_ {
    (event.received_at, event.time, &event.body, &event.about, event.reports)
}
