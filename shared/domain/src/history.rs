//! The set of one enrollment's events.
//!
//! A set: adding in any order, or again, gives the same history. What leaves it is only what
//! retention drops ([`History::prune`]), and what that leaves behind is the [`Base`].

use crate::attempt::{Enrollment, fold};
use crate::event::{About, Event, EventKey};
use crate::identity::{EnrollmentKey, Identifier, TenantId};
use crate::settings::TenantSettings;
use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// What was known at the instant before which retention dropped the events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Base {
    /// Events placed up to this instant are no longer taken; those that the history held before stay.
    pub until: Timestamp,
    /// Known to the organisation since.
    pub registered_at: Option<Timestamp>,
    /// Whether the device was under management.
    pub enrolled: bool,
    /// Whether it was compliant.
    pub compliant: bool,
    /// How many attempts were dropped, so that the next one keeps its number.
    pub attempts: u32,
    /// Device and user as the dropped events reported them: the status page names an enrolled device long after.
    /// Boxed: most histories have none.
    pub about: Option<Box<About>>,
    /// Whether a session of the Enrollment Status Page was dropped: it tells Autopilot from a manual enrollment.
    pub esp: bool,
}

/// One enrollment's events, and the names its device goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    base: Base,
    identifiers: BTreeSet<Identifier>,
    events: BTreeMap<EventKey, Event>,
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

/// Room left at the boundary of a prune, so that a second telling of the same end (two minutes)
/// still finds its attempt.
const PRUNE_MARGIN: Millis = Millis::from_minutes(5);

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

    /// Takes over everything of `other`, which turned out to be the same device.
    ///
    /// Where retention dropped events of one of the two, the other lets go of what ended before that instant too, so
    /// that the facts of both are true for one instant; an attempt that spans it stays whole.
    pub fn absorb(&mut self, mut other: Self, tenant: &TenantId, settings: &TenantSettings) {
        let until = self.base.until.max(other.base.until);
        if until > Timestamp::MIN {
            self.prune(tenant, settings, until);
            other.prune(tenant, settings, until);
        }
        // Of two facts about the device the one reported last counts.
        let (earlier, later) =
            if self.base.until <= other.base.until { (&self.base, &other.base) } else { (&other.base, &self.base) };
        let about = match (&earlier.about, &later.about) {
            (Some(earlier), Some(later)) => {
                let mut about = earlier.clone();
                about.update(later);
                Some(about)
            }
            (earlier, later) => later.clone().or_else(|| earlier.clone()),
        };
        self.base = Base {
            until,
            registered_at: self.base.registered_at.into_iter().chain(other.base.registered_at).min(),
            enrolled: self.base.enrolled || other.base.enrolled,
            compliant: self.base.compliant || other.base.compliant,
            attempts: self.base.attempts + other.base.attempts,
            about,
            esp: self.base.esp || other.base.esp,
        };
        self.identifiers.extend(other.identifiers);
        for event in other.events.into_values() {
            self.put(event);
        }
    }

    /// Lets go of everything up to `until`: the device counts as unknown from there on, whatever it was. Its names stay.
    pub fn forget(&mut self, until: Timestamp) {
        let attempts = self.base.attempts;
        self.events.clear();
        self.base = Base { until: self.base.until.max(until), attempts, ..Base::default() };
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

    /// Drops the attempts that ended before `cutoff` with all events up to there, and remembers what
    /// they left behind. Attempts that end later keep their events, numbers and ids. Returns whether
    /// anything was dropped.
    pub fn prune(&mut self, tenant: &TenantId, settings: &TenantSettings, cutoff: Timestamp) -> bool {
        let Enrollment { attempts, sessions, .. } = fold(tenant, self, settings, Timestamp::MAX);
        // Nothing may be cut through: not an attempt, not a session. The boundary is the newest
        // instant before the cutoff that lies outside all of them, two minutes' telling included.
        let mut boundary = cutoff;
        let spans = attempts
            .iter()
            .map(|attempt| (attempt.started_at, attempt.ended_at.map_or(Timestamp::MAX, |end| end + PRUNE_MARGIN)))
            .chain(sessions.iter().map(|session| (session.first_event_at, session.last_event_at)));
        let mut spans: Vec<_> = spans.collect();
        spans.sort_unstable_by_key(|(start, _)| std::cmp::Reverse(*start));
        for (start, end) in spans {
            if start <= boundary && boundary <= end {
                boundary = start - Millis::new(1);
            }
        }
        let dropped = attempts.iter().filter(|attempt| attempt.started_at <= boundary).count();
        if boundary <= self.base.until || !self.events.values().any(|event| event.placed() <= boundary) {
            return false;
        }
        let then = fold(tenant, self, settings, boundary);
        self.base = Base {
            until: boundary,
            registered_at: then.registered_at,
            enrolled: then.enrolled,
            compliant: then.compliant,
            attempts: self.base.attempts + u32::try_from(dropped).unwrap_or(u32::MAX),
            esp: then.esp,
            about: (then.about != About::default()).then(|| Box::new(then.about)),
        };
        self.events.retain(|_, event| event.placed() > boundary);
        true
    }
}

/// Which of two copies of one event counts: the one received first; of copies received in one
/// instant, by content, so that the order of arrival never decides.
fn precedence(event: &Event) -> impl Ord + '_ {
    (event.received_at, event.time, &event.body, &event.about)
}
