//! An attempt while it is open: what it has seen, when its limit runs out, and where it is.

use crate::about::{About, Platform};
use crate::attempt::{Attempt, AttemptId, Cause, Outcome, Visit, Wait};
use crate::catalogue::{Place, Row, RowEnd, UserAction, find_row};
use crate::esp::{EspDetail, EspSession};
use crate::event::{Body, Event, Kind, Reports};
use crate::identity::TenantId;
use crate::settings::TenantSettings;
use crate::time::{Millis, Timestamp};
use std::collections::BTreeSet;

/// How an attempt was closed, where something may open it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shut {
    /// An `enrolled` or `compliant` completed it.
    ByFact,
    /// A session failed it.
    BySessionFailure(usize),
    /// Its limit ran out while sessions were open whose end nobody reported.
    ByLimit,
    /// Its limit ran out while it waited for compliance; a late `compliant` still completes it.
    ByWait,
    /// By something that nothing reverses.
    ForGood,
}

/// The attempt as it was when completed, before a second sender's `started` continued it (docs/DOMAIN.md, A1).
#[derive(Clone, Debug)]
pub(super) struct Continued {
    /// When it had completed.
    pub completed_at: Timestamp,
    /// The sources that had taken part; what they repeat does not complete it.
    pub sources: BTreeSet<String>,
}

/// An attempt being made of events.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub attempt: Attempt,
    /// The sources of its enrollment events.
    pub sources: BTreeSet<String>,
    pub last_step: Option<Place>,
    /// When its newest activity is placed; the page's signs of life do not count.
    pub acted_at: Timestamp,
    /// Whether an `enrolled` of a sender without steps, or one that awaits its configuration, has begun the wait.
    pub waits: bool,
    /// The source of the last such `enrolled`.
    pub held_by: Option<String>,
    /// The numbers of the open sessions; the newest is last.
    pub running: Vec<usize>,
    /// The session that belonged to it last.
    pub session: Option<usize>,
    /// Whether it holds only events of the page and restated facts.
    pub only_page: bool,
    pub continued: Option<Continued>,
}

impl Open {
    pub(super) fn new(tenant: &TenantId, event: &Event, number: u32) -> Self {
        let at = event.placed();
        let attempt = Attempt {
            id: AttemptId::opened_by(tenant, &event.key.source, &event.key.id),
            number,
            started_at: at,
            last_activity: at,
            ended_at: None,
            deadline: None,
            outcome: Outcome::InProgress,
            cause: None,
            limit: None,
            wait: None,
            place: None,
            row: None,
            about: About::default(),
            failure: None,
            events: Vec::new(),
            visits: Vec::new(),
            clock_skew: false,
            reports: Reports::NOTHING,
            start_reported: false,
            release_not_reported: false,
            session: None,
            technician: false,
        };
        Self {
            attempt,
            sources: BTreeSet::new(),
            last_step: None,
            acted_at: at,
            waits: false,
            held_by: None,
            running: Vec::new(),
            session: None,
            only_page: true,
            continued: None,
        }
    }

    /// Notes an event as one of the attempt's.
    pub(super) fn note(&mut self, event: &Event) {
        note(&mut self.attempt, event);
        if let Body::Enrollment(step) = &event.body {
            self.sources.insert(event.key.source.clone());
            self.only_page &= step.kind == Kind::Enrolled && step.said.restated;
        }
    }

    /// Whether it waits (rule 8). It does not while a session is open.
    pub(super) fn wait(&self, held: bool) -> Option<Wait> {
        let waits = self.waits && self.running.is_empty();
        waits.then_some(if held { Wait::Configuration } else { Wait::Compliance })
    }

    /// The limit, counted from its last activity.
    pub(super) fn limit(&self, settings: &TenantSettings, sessions: &[EspSession]) -> Millis {
        if self.running.is_empty() && self.waits {
            return settings.compliance_limit();
        }
        let idle = settings.idle_limit(self.attempt.platform());
        // The idle limit never runs out before the session's own.
        let deadline = self.running.iter().filter_map(|number| sessions.get(*number)).map(|session| session.deadline);
        deadline.max().map_or(idle, |deadline| idle.max(deadline - self.attempt.last_activity))
    }

    /// The last instant at which it is still open if nothing more happens.
    pub(super) fn deadline(&self, settings: &TenantSettings, sessions: &[EspSession]) -> Timestamp {
        self.attempt.last_activity + self.limit(settings, sessions)
    }

    /// Its place at `at` (docs/DOMAIN.md, P1), apart from what a closing event names.
    pub(super) fn place(&self, held: bool, sessions: &[EspSession], at: Timestamp) -> Option<Place> {
        let mut running = self.running.iter().rev().filter_map(|number| sessions.get(*number));
        if let Some(phase) = running.find_map(|session| session.phase_at(at)) {
            return Some(Place::phase(phase.name()));
        }
        if let Some(wait) = self.wait(held) {
            return Some(match wait {
                Wait::Compliance => Place::compliance(),
                Wait::Configuration => Place::await_configuration(),
            });
        }
        let first = || {
            let mobile = matches!(self.attempt.platform(), Some(Platform::Ios | Platform::Android));
            (mobile && self.attempt.has_steps()).then(Place::beginning)
        };
        self.last_step.clone().or_else(first)
    }

    /// Somebody is at an action.
    pub(super) fn visit(&mut self, place: &Place, at: Timestamp, completed: bool) {
        let visits = &mut self.attempt.visits;
        let here = visits.last().is_some_and(|visit| visit.action == place.action && visit.left_at.is_none());
        if !here {
            if let Some(previous) = visits.last_mut() {
                previous.left_at.get_or_insert(at);
            }
            visits.push(Visit { action: place.action.clone(), entered_at: at, left_at: None });
        }
        if completed && let Some(visit) = visits.last_mut() {
            visit.left_at = Some(at);
        }
        self.last_step = Some(place.clone());
        self.waits = false;
    }
}

/// Notes an event as one of the attempt's, open or closed.
pub(super) fn note(attempt: &mut Attempt, event: &Event) {
    attempt.about.update(&event.about);
    attempt.clock_skew |= event.clock_skew.is_some();
    attempt.reports = attempt.reports.and(event.reports);
    match &event.body {
        Body::Enrollment(step) => {
            attempt.events.push(event.key.clone());
            attempt.start_reported |= matches!(step.kind, Kind::Started | Kind::StepEntered | Kind::Stopped);
        }
        // Only Windows has the page (docs/DOMAIN.md, E5).
        Body::Esp(esp) => {
            attempt.about.platform = Some(Platform::Windows);
            attempt.start_reported |= matches!(esp.detail, EspDetail::Started(_));
        }
    }
}

/// The catalogue's row of an abandoned attempt on iOS/iPadOS or Android (docs/DOMAIN.md, P3).
pub(super) fn row(attempt: &Attempt) -> Option<u8> {
    let end = match attempt.cause? {
        Cause::Cancel => RowEnd::Chose(UserAction::Cancel),
        Cause::Postpone => RowEnd::Chose(UserAction::Postpone),
        Cause::Ignore => RowEnd::Chose(UserAction::Ignore),
        Cause::DeclineAll => RowEnd::Chose(UserAction::DeclineAll),
        Cause::TimedOut => RowEnd::Waited,
        Cause::PortalClosed | Cause::Restarted | Cause::Unenrolled => return None,
    };
    let found: Option<&Row> = find_row(attempt.platform()?, attempt.place.as_ref()?, end);
    found.map(|row| row.number)
}
