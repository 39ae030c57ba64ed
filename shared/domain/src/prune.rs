//! What retention drops of a history, and how two histories become one: both need the fold, which knows what may not be
//! cut through.

use crate::about::About;
use crate::attempt::{Enrollment, fold};
use crate::history::{Base, History};
use crate::identity::TenantId;
use crate::settings::TenantSettings;
use crate::time::{Millis, Timestamp};

/// Room left at the boundary of a prune, so that a second telling of the same end (two minutes)
/// still finds its attempt.
const PRUNE_MARGIN: Millis = Millis::from_minutes(5);

impl History {
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
