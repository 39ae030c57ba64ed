//! The set of one enrollment's events.
//!
//! Must stay true: it is a set, so adding in any order, or again, gives the same history. Only retention drops events
//! (`prune`), and what it leaves behind is the [`Base`].
//!
//! Must stay true: dropped events may be sent again. If a retention was lowered and raised again, it accepts what the
//! lower one erased, and a sender may send it once more. These events come before the base: they are folded first, and
//! at its instant the base says what is known.

use crate::about::{About, EventKey};
use crate::event::Event;
use crate::identity::{EnrollmentKey, Identifier};
use crate::standing::Standing;
use crate::tags::Tags;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// What was known at an instant, when retention dropped the events up to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Base {
    /// The instant. An event placed up to it was dropped, or came (again or late) after the others were dropped.
    pub until: Timestamp,
    /// What the rules still need of the dropped events.
    pub standing: Standing,
    /// Device and user as the dropped events reported them: the status page names a device long after it enrolled.
    /// Boxed, because most histories have no base.
    pub about: Option<Box<About>>,
    /// Whether a session of the Enrollment Status Page was dropped that only Autopilot has.
    pub autopilot: bool,
    /// The tags that the dropped events carried, of each key the last. The codec keeps them beside the base.
    #[serde(skip)]
    pub tags: Tags,
}

/// One enrollment's events, and the names its device goes by.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The newest.
    pub(crate) base: Base,
    /// Earlier bases, in order: of events that were sent again, some were dropped again.
    pub(crate) earlier: Vec<Base>,
    pub(crate) identifiers: BTreeSet<Identifier>,
    pub(crate) events: BTreeSet<Keyed>,
}

/// An event in the set of them: compared by its key alone, which it has already.
#[derive(Clone, Debug)]
pub(crate) struct Keyed(pub Event);

impl PartialEq for Keyed {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for Keyed {}

impl PartialOrd for Keyed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Keyed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.key.cmp(&other.0.key)
    }
}

impl Borrow<EventKey> for Keyed {
    fn borrow(&self) -> &EventKey {
        &self.0.key
    }
}

impl PartialEq for History {
    fn eq(&self, other: &Self) -> bool {
        let Self { base, earlier, identifiers, events: _ } = self;
        base == &other.base
            && earlier == &other.earlier
            && identifiers == &other.identifiers
            && self.events().eq(other.events())
    }
}

impl Eq for History {}

/// The result of adding an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// The event was not known.
    New,
    /// The event was known by a copy that was received later; now this copy counts.
    Earlier,
    /// The event was known: nothing changed.
    Duplicate,
    /// The event is from before its person or device was erased: the table did not take it. A history never says so.
    Erased,
}

impl Added {
    /// Whether the history changed.
    pub const fn changed(self) -> bool {
        matches!(self, Self::New | Self::Earlier)
    }
}

impl History {
    /// A history from its stored parts.
    pub fn from_parts(base: Base, identifiers: BTreeSet<Identifier>, events: Vec<Event>) -> Self {
        let mut history = Self { base, identifiers, ..Self::default() };
        history.add_all(events);
        history
    }

    /// Adds events, as if each were [added](Self::add).
    pub fn add_all(&mut self, events: Vec<Event>) {
        // Most events name the device as the one before them does, and comparing takes a fraction of reading.
        let mut before = None;
        for event in &events {
            let reported = event.about.reported_identifiers();
            if before != Some(reported) {
                self.identifiers.extend(event.about.identifiers());
                before = Some(reported);
            }
        }
        for event in events {
            self.put(event);
        }
    }

    /// Adds an event. Of two copies of one event the one received first counts. The tenant's retention decides whether
    /// an event is too old, so a dropped event is accepted again.
    pub fn add(&mut self, event: Event) -> Added {
        self.identifiers.extend(event.about.identifiers());
        self.put(event)
    }

    fn put(&mut self, event: Event) -> Added {
        let added = match self.events.get(&event.key) {
            None => Added::New,
            Some(Keyed(known)) if precedence(&event) < precedence(known) => Added::Earlier,
            Some(_) => return Added::Duplicate,
        };
        self.events.replace(Keyed(event));
        added
    }

    /// Drops everything up to `until`: from there on the device counts as unknown. Its identifiers stay.
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

    /// The device's key within its tenant.
    pub fn key(&self) -> EnrollmentKey {
        EnrollmentKey::of(&self.identifiers)
    }

    /// The newest instant up to which retention dropped events, and what was known then.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// All these instants, in order.
    pub(crate) fn bases(&self) -> impl Iterator<Item = &Base> {
        self.earlier.iter().chain([&self.base])
    }

    /// The device and user of each of these instants, where they were reported.
    pub fn bases_about(&self) -> impl Iterator<Item = &About> {
        self.bases().filter_map(|base| base.about.as_deref())
    }

    /// The instant up to which nothing is held except what came after retention had dropped the rest.
    pub fn dropped_until(&self) -> Timestamp {
        self.earlier.first().unwrap_or(&self.base).until
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it has no events.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events in the order that decides (docs/DOMAIN.md, O2), without those placed after `as_of`.
    pub fn ordered(&self, as_of: Timestamp) -> Vec<&Event> {
        let mut events: Vec<&Event> = self.events().filter(|event| event.placed() <= as_of).collect();
        events.sort_by(|a, b| a.order().cmp(&b.order()));
        events
    }

    /// The events by their keys.
    pub fn events(&self) -> impl ExactSizeIterator<Item = &Event> {
        self.events.iter().map(|Keyed(event)| event)
    }

    /// The event with this key.
    pub fn event(&self, key: &EventKey) -> Option<&Event> {
        self.events.get(key).map(|Keyed(event)| event)
    }

    /// When the newest event was received.
    pub fn last_received(&self) -> Option<Timestamp> {
        self.events().map(|event| event.received_at).max()
    }

    /// Moves all events out, for sealing them in a segment; base and identifiers stay.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events).into_iter().map(|Keyed(event)| event).collect()
    }
}

/// Which of two copies of one event counts: the one received first. If both were received at one instant, their content
/// decides, so that the order of arrival never does.
fn precedence(event: &Event) -> impl Ord + '_ {
    (event.received_at, event.time, &event.body, &event.about, event.reports)
}
