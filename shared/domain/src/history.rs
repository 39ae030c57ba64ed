//! The set of one enrollment's events.
//!
//! A set: adding in any order, or again, gives the same history. What leaves it is only what
//! retention drops (`prune`), and what that leaves behind is the [`Base`].
//!
//! Must stay true: what was dropped may come again. A retention that was lowered and raised again takes what the lower one
//! erased, and a sender may send it once more. Such events stand before the base: they are folded first, and at its instant
//! the base says what is known.

use crate::about::{About, EventKey};
use crate::event::Event;
use crate::identity::{EnrollmentKey, Identifier};
use crate::standing::Standing;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// What was known at an instant up to which retention dropped the events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Base {
    /// The instant. An event placed up to it was dropped, or was sent again or late and came after the others were dropped.
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
    /// The newest.
    pub(crate) base: Base,
    /// Those before, in their order: of what came again, some was dropped again.
    pub(crate) earlier: Vec<Base>,
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
        let mut history = Self { base, identifiers, ..Self::default() };
        for event in events {
            history.add(event);
        }
        history
    }

    /// Adds an event. Of two copies of one event the one received first counts. Whether it is too old is its tenant's
    /// retention's to say: what was dropped is taken again.
    pub fn add(&mut self, event: Event) -> Added {
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
        self.earlier.clear();
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

    /// The newest instant up to which retention dropped events, and what was known then.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// All such instants, in their order.
    pub(crate) fn bases(&self) -> impl Iterator<Item = &Base> {
        self.earlier.iter().chain([&self.base])
    }

    /// The instant up to which nothing is held any more but what came since retention was there.
    pub fn dropped_until(&self) -> Timestamp {
        self.earlier.first().unwrap_or(&self.base).until
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
