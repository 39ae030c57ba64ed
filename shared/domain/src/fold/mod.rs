//! From the set of one enrollment's events to its attempts (docs/DOMAIN.md, A).
//!
//! [`fold`] is a pure function of history, settings and `as_of`. The writer (to know the next deadline), the sweep, the
//! publisher and the report run it, and must all get the same result.
//!
//! - [`run`]: applies the events one after the other, each by its rule
//! - [`base`]: what is known after retention dropped events
//! - [`page`]: what a session of the Enrollment Status Page does to the attempt that it belongs to (rule 9)
//! - [`open`]: an attempt while it is open, its limit and its place
//!
//! **One enrollment that two senders report is one attempt**, say an MDM and an agent on the device, if both name the
//! device by an identifier that links them (docs/DOMAIN.md, I5): a `started` of a sender that the open attempt does not
//! know yet is activity (rule 6), and a repeated fact opens nothing (rule 1). `shared/webhook/tests/webhook/two_senders.rs`
//! tests this with real senders' bytes.

mod base;
mod open;
mod page;
mod run;

use crate::about::{About, EventKey, Platform};
use crate::attempt::{Attempt, DeviceState, Enrollment, Wait};
use crate::esp;
use crate::event::{Body, Event};
use crate::history::History;
use crate::identity::TenantId;
use crate::settings::TenantSettings;
use crate::standing::{Ending, Standing};
use crate::tags::Tags;
use crate::time::Timestamp;
use run::Run;
use std::collections::HashMap;

/// The attempts and sessions of one enrollment as of an instant. Events placed later are ignored.
pub fn fold(tenant: &TenantId, history: &History, settings: &TenantSettings, as_of: Timestamp) -> Enrollment {
    fold_whole(tenant, history, settings, as_of).0
}

/// The same, with what the rules still need once the events are gone. It is complete only if no attempt is open.
pub(crate) fn fold_whole(
    tenant: &TenantId,
    history: &History,
    settings: &TenantSettings,
    as_of: Timestamp,
) -> (Enrollment, Standing) {
    let events = history.ordered(as_of);
    let mut about = About::default();
    let mut tags = Tags::new();
    let folded = esp::sessions(tenant, settings, &events, as_of);
    let mut run = Run::new(tenant, settings, (folded.sessions, folded.failures));
    let mut bases = history.bases().peekable();
    for event in &events {
        // Events that were dropped and sent again come before what was known when they were dropped.
        while let Some(base) = bases.next_if(|base| base.until < event.placed()) {
            run.pass(base, &mut about);
            tags.extend(base.tags.clone());
        }
        tags.extend(event.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
        if event.is_tagged() {
            continue;
        }
        about.update(&event.about);
        about.platform = platform_of(event).or(about.platform);
        run.take(event, folded.turns.get(&event.key).map_or(&[], Vec::as_slice));
    }
    for base in bases.filter(|base| base.until <= as_of || events.is_empty()) {
        run.pass(base, &mut about);
        tags.extend(base.tags.clone());
    }
    let mut done = run.end(as_of);
    if done.attempts.iter().any(|attempt| attempt.about.platform.is_none()) {
        let platforms = Platforms::of(&events, history);
        for attempt in done.attempts.iter_mut().filter(|attempt| attempt.about.platform.is_none()) {
            attempt.about.platform = platforms.around(attempt);
        }
    }
    let known = &done.known;
    let complete = known.complete(settings.require_compliance);
    let pending = known.registered_at.is_some() && known.attempts == 0;
    let state = match (done.attempts.last().filter(|attempt| !attempt.is_closed()), known.last) {
        (Some(open), _) => match open.wait {
            None => DeviceState::InProgress,
            Some(Wait::Compliance | Wait::Configuration) => DeviceState::WaitingForCompliance,
        },
        _ if known.failure => DeviceState::Failed,
        (None, Some(last)) if last.ending == Ending::Failed && !last.left_complete => DeviceState::Failed,
        _ if known.prepared => DeviceState::Prepared,
        _ if known.enrolled && !known.held => DeviceState::Enrolled,
        (None, Some(last)) if last.ending == Ending::Abandoned => DeviceState::GaveUp,
        _ if pending => DeviceState::Pending,
        _ => DeviceState::NotEnrolled,
    };
    let autopilot = history.bases().any(|base| base.autopilot) || done.sessions.iter().any(|session| session.autopilot);
    let enrollment = Enrollment {
        key: history.key(),
        as_of,
        registered_at: known.registered_at,
        enrolled: known.enrolled,
        compliant: known.compliant,
        complete,
        pending,
        state,
        about,
        tags,
        autopilot,
        attempts: done.attempts,
        sessions: done.sessions,
        failures: done.failures,
    };
    (enrollment, done.known)
}

/// The platform that an event reports; one that carries tags reports nothing else (docs/DOMAIN.md, E12). Only Windows has the Enrollment Status Page (docs/DOMAIN.md, E5).
fn platform_of(event: &Event) -> Option<Platform> {
    match event.body {
        Body::Esp(_) => Some(Platform::Windows),
        Body::Enrollment(_) => event.about.platform.filter(|_| !event.is_tagged()),
    }
}

/// What the device's events say of its platform, for attempts whose own events report none (docs/DOMAIN.md, P5).
///
/// Made once for all attempts: a device that fails thousands of times without a platform is looked through once, not
/// once an attempt.
struct Platforms<'a> {
    history: &'a History,
    /// Each event's place among all.
    places: HashMap<&'a EventKey, usize>,
    /// For each event, the last platform reported before it.
    before: Vec<Option<Platform>>,
    /// For each event, the first platform reported by it or after it.
    after: Vec<Option<Platform>>,
}

impl<'a> Platforms<'a> {
    fn of(events: &[&'a Event], history: &'a History) -> Self {
        let places = events.iter().enumerate().map(|(place, event)| (&event.key, place)).collect();
        let mut last = None;
        let before = events
            .iter()
            .map(|event| {
                let until_then = last;
                last = platform_of(event).or(last);
                until_then
            })
            .collect();
        let mut next = None;
        let mut after: Vec<_> = events
            .iter()
            .rev()
            .map(|event| {
                next = platform_of(event).or(next);
                next
            })
            .collect();
        after.reverse();
        Self { history, places, before, after }
    }

    /// The last one reported before the attempt, also by dropped events; failing that, the first one reported after it.
    fn around(&self, attempt: &Attempt) -> Option<Platform> {
        let opened = *self.places.get(attempt.events.first()?)?;
        let before = self.before.get(opened).copied().flatten();
        let bases = self.history.bases().filter(|base| base.until < attempt.started_at);
        let dropped = || bases.filter_map(|base| base.about.as_deref()?.platform).last();
        before.or_else(dropped).or_else(|| self.after.get(opened).copied().flatten())
    }
}
