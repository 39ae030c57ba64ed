//! What retention drops of a history, and how two histories become one. Both need the fold, which knows what must not
//! be split.

use crate::about::About;
use crate::attempt::{Attempt, Enrollment, Outcome};
use crate::fold::{fold, fold_whole};
use crate::history::{Base, History, Keyed};
use crate::identity::TenantId;
use crate::settings::TenantSettings;
use crate::standing::Standing;
use crate::time::{Millis, Timestamp};

/// The margin after a completed attempt: a `started` or a session up to an hour later may still belong to it
/// (docs/DOMAIN.md, A1 and A9).
const COMPLETED_MARGIN: Millis = Millis::from_minutes(65);
/// The margin after any other attempt: rules look back at it ten minutes at most. A larger margin would join all
/// attempts of a device that tries every hour, and keep all its events for ever.
const CLOSED_MARGIN: Millis = Millis::from_minutes(15);
/// A failing item fails its session two minutes after its error.
const SESSION_MARGIN: Millis = Millis::from_minutes(5);

impl History {
    /// Takes over everything of `other`, which turned out to be the same device.
    ///
    /// If retention dropped events of one of the two, what is known of both at that instant is known of the one device.
    /// No event is dropped, because the tenant's retention may be longer now than it was then.
    pub fn absorb(&mut self, other: Self, tenant: &TenantId, settings: &TenantSettings) {
        let until = self.base.until.max(other.base.until);
        if until > Timestamp::MIN {
            // Of two facts about the device, the one reported last counts.
            let (earlier, later) =
                if self.base.until <= other.base.until { (&*self, &other) } else { (&other, &*self) };
            let (earlier, later) = (earlier.known_at(tenant, settings, until), later.known_at(tenant, settings, until));
            let about = match (earlier.about, later.about) {
                (Some(mut earlier), Some(later)) => {
                    earlier.update(&later);
                    Some(earlier)
                }
                (earlier, later) => later.or(earlier),
            };
            let mut tags = earlier.tags;
            tags.extend(later.tags);
            let standing = Standing::join(&earlier.standing, &later.standing);
            let mut bases: Vec<Base> = std::mem::take(&mut self.earlier);
            bases.extend([std::mem::take(&mut self.base), other.base]);
            bases.extend(other.earlier);
            bases.retain(|base| Timestamp::MIN < base.until && base.until < until);
            bases.sort_by_key(|base| base.until);
            self.earlier = bases;
            self.base = Base { until, standing, about, autopilot: earlier.autopilot || later.autopilot, tags };
        }
        self.identifiers.extend(other.identifiers);
        self.add_all(other.events.into_iter().map(|Keyed(event)| event).collect());
    }

    /// What is known at `until`, in the form in which retention leaves it behind.
    fn known_at(&self, tenant: &TenantId, settings: &TenantSettings, until: Timestamp) -> Base {
        left_behind(until, fold_whole(tenant, self, settings, until))
    }

    /// Drops the attempts that ended before `cutoff`, with all events up to there, and keeps what they leave behind.
    /// Attempts that end later keep their events, numbers and ids. Returns whether anything was dropped.
    pub fn prune(&mut self, tenant: &TenantId, settings: &TenantSettings, cutoff: Timestamp) -> bool {
        let Enrollment { attempts, sessions, .. } = fold(tenant, self, settings, Timestamp::MAX);
        // No attempt and no session may be split. The boundary is the newest instant before the cutoff that lies
        // outside all of them and outside what may still belong to them.
        let margin = |attempt: &Attempt| match attempt.outcome {
            Outcome::Completed => COMPLETED_MARGIN,
            _ => CLOSED_MARGIN,
        };
        let end = |attempt: &Attempt| attempt.ended_at.map_or(Timestamp::MAX, |end| end + margin(attempt));
        // The removal of the device may end a session after its newest event.
        let last =
            |session: &crate::esp::EspSession| session.ended_at.max(Some(session.last_event_at)).unwrap_or_default();
        let attempt_spans = attempts.iter().map(|attempt| (attempt.started_at, end(attempt)));
        let session_spans = sessions.iter().map(|session| (session.first_event_at, last(session) + SESSION_MARGIN));
        let mut spans: Vec<_> = attempt_spans.chain(session_spans).collect();
        spans.sort_unstable_by_key(|(start, _)| std::cmp::Reverse(*start));
        let outside = |from: Timestamp| {
            spans.iter().fold(from, |boundary, (start, end)| {
                if *start <= boundary && boundary <= *end { *start - Millis::new(1) } else { boundary }
            })
        };
        let mut boundary = outside(cutoff);
        let known = loop {
            if !self.events().any(|event| event.placed() <= boundary) {
                return false;
            }
            let (then, standing) = fold_whole(tenant, self, settings, boundary);
            // An attempt may have ended earlier than it was closed: its end was known only when its limit had run out.
            match then.open_attempt() {
                Some(open) => boundary = outside(open.started_at - Millis::new(1)),
                None => break left_behind(boundary, (then, standing)),
            }
        };
        // Of events that were sent again, all or some may be dropped again; what is known later stays known then.
        self.earlier.retain(|base| base.until > boundary);
        if self.base.until > boundary {
            self.earlier.insert(0, known);
        } else {
            self.base = known;
        }
        self.events.retain(|Keyed(event)| event.placed() > boundary);
        true
    }
}

fn left_behind(until: Timestamp, (then, standing): (Enrollment, Standing)) -> Base {
    let about = (then.about != About::default()).then(|| Box::new(then.about));
    Base { until, standing, about, autopilot: then.autopilot, tags: then.tags }
}
