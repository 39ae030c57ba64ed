//! From the set of one enrollment's events to its attempts (docs/DOMAIN.md, A).
//!
//! [`fold`] is a pure function of history, settings and `as_of`; it is run by the writer (to know
//! the next deadline), the sweep, the publisher and the report, and must give all of them the same.
//!
//! **One enrollment told by two senders is one attempt**, an MDM and an agent on the device say, as long as both name
//! the device by an identifier that links them (docs/DOMAIN.md, I5): a `started` of a sender that the open attempt has
//! not heard yet is activity (rule 6), an `enrolled` or `compliant` that repeats what is known opens nothing, and a `failed` or
//! `stopped` within [`SAME_END`] of the end tells of that same end and fills in what it lacks (rule 1). Only a sender that says
//! `started` twice begins anew. `shared/webhook/tests/two_senders.rs` holds it with real senders' bytes.

use crate::catalogue::{Action, Place, Row, RowEnd, find_row};
use crate::esp::{self, EspSession};
use crate::event::{About, Event, Kind, Platform, Step};
use crate::failure::Failure;
use crate::history::History;
use crate::identity::{EnrollmentKey, TenantId};
use crate::names::names;
use crate::settings::TenantSettings;
use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// People who are silent for longer than this have given up (rule 5).
pub const IDLE_LIMIT: Millis = Millis::from_minutes(30);
/// A second sender's `failed` or `stopped` within this after the end tells of the same end (rule 1).
pub const SAME_END: Millis = Millis::from_minutes(2);

/// Names an attempt: made from the tenant and the event that opened it, so never from the order of arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId([u8; 16]);

impl AttemptId {
    /// The id of the attempt or session that the event `source`+`id` opened; `what` tells the two apart.
    pub(crate) fn of(what: &str, tenant: &TenantId, source: &str, id: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [what, tenant.as_str(), source, id] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        Self(bytes)
    }

    /// The id of the attempt that the event `source`+`id` opened.
    pub fn opened_by(tenant: &TenantId, source: &str, id: &str) -> Self {
        Self::of("attempt", tenant, source, id)
    }

    /// The sixteen bytes.
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|value| Self(value.to_be_bytes()))
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

names! {
    /// How an attempt stands.
    Outcome {
        /// Not ended.
        InProgress = "inProgress",
        /// Fully enrolled and, where required, compliant.
        Completed = "completed",
        /// Given up.
        Abandoned = "abandoned",
        /// The enrollment failed.
        Failed = "failed",
    }
}

names! {
    /// Why an attempt was abandoned.
    Cause {
        /// The person chose to cancel.
        Cancel = "cancel",
        /// The person chose to postpone.
        Postpone = "postpone",
        /// The person chose to ignore.
        Ignore = "ignore",
        /// The person declined all terms.
        DeclineAll = "declineAll",
        /// The Company Portal was closed.
        PortalClosed = "portalClosed",
        /// Silence beyond the limit.
        TimedOut = "timedOut",
        /// The same source began anew.
        Restarted = "restarted",
        /// The device was removed from management meanwhile.
        Unenrolled = "unenrolled",
    }
}

impl From<crate::UserAction> for Cause {
    fn from(action: crate::UserAction) -> Self {
        match action {
            crate::UserAction::Cancel => Self::Cancel,
            crate::UserAction::Postpone => Self::Postpone,
            crate::UserAction::Ignore => Self::Ignore,
            crate::UserAction::DeclineAll => Self::DeclineAll,
        }
    }
}

/// Time spent at one action: from its first screen until it was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The action.
    pub action: Action,
    /// When its first screen was shown.
    pub entered_at: Timestamp,
    /// When it was left forward: completed, another action entered, or the attempt completed.
    pub left_at: Option<Timestamp>,
}

/// One try to enroll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its name.
    pub id: AttemptId,
    /// Its number among the device's attempts, from 1.
    pub number: u32,
    /// When its first event is placed.
    pub started_at: Timestamp,
    /// When its newest activity is placed.
    pub last_activity: Timestamp,
    /// When it ended; `None` while in progress.
    pub ended_at: Option<Timestamp>,
    /// While in progress: the last instant at which it still is if nothing more happens.
    pub deadline: Option<Timestamp>,
    /// How it stands.
    pub outcome: Outcome,
    /// Why it was abandoned.
    pub cause: Option<Cause>,
    /// Where it stopped or is; `None` once completed.
    pub place: Option<Place>,
    /// The catalogue's row, for abandoned ones on iOS/iPadOS and Android.
    pub row: Option<u8>,
    /// User, platform, device and versions: the last ones its events told.
    pub about: About,
    /// What was told of a failure.
    pub failure: Option<Failure>,
    /// The keys of its events, in order.
    pub events: Vec<crate::event::EventKey>,
    /// The actions it went through, in order.
    pub visits: Vec<Visit>,
    /// Whether any of its events has a doubted clock.
    pub clock_skew: bool,
}

impl Attempt {
    /// The platform its events told last.
    pub fn platform(&self) -> Option<Platform> {
        self.about.platform
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        self.outcome != Outcome::InProgress
    }
}

/// Everything known of one device as of an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrollment {
    /// The device's name within its tenant.
    pub key: EnrollmentKey,
    /// The instant this is true for.
    pub as_of: Timestamp,
    /// Since when the organisation knows the device, if it was registered.
    pub registered_at: Option<Timestamp>,
    /// Whether it is under management.
    pub enrolled: bool,
    /// Whether compliance and activation were reported.
    pub compliant: bool,
    /// Enrolled and, where required, compliant.
    pub complete: bool,
    /// Registered, and no attempt ever.
    pub pending: bool,
    /// Device and user as the newest events told them.
    pub about: About,
    /// Whether it ever went through the Enrollment Status Page, also where retention dropped that session.
    pub esp: bool,
    /// Its attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// Its ESP sessions, oldest first.
    pub sessions: Vec<EspSession>,
}

impl Enrollment {
    /// The attempt in progress.
    pub fn open_attempt(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| !attempt.is_closed())
    }
}

/// The attempts and sessions of one enrollment as of an instant. Events placed later take no part.
pub fn fold(tenant: &TenantId, history: &History, settings: &TenantSettings, as_of: Timestamp) -> Enrollment {
    let events = history.ordered(as_of);
    let base = history.base();
    let mut about = base.about.as_deref().cloned().unwrap_or_default();
    for event in &events {
        about.update(&event.about);
    }
    let mut run = Run {
        tenant,
        settings,
        dropped: base.attempts,
        registered_at: base.registered_at,
        enrolled: base.enrolled,
        compliant: base.compliant,
        open: None,
        told_end: None,
        attempts: Vec::new(),
    };
    for event in &events {
        if let Some(step) = event.step() {
            run.take(event, step);
        }
    }
    run.close_if_idle(as_of);
    let complete = run.complete();
    let pending = run.registered_at.is_some() && run.attempts.is_empty() && run.open.is_none() && run.dropped == 0;
    let (registered_at, enrolled, compliant) = (run.registered_at, run.enrolled, run.compliant);
    let mut attempts = run.attempts;
    attempts.extend(run.open.map(|open| open.in_progress(settings)));
    let key = history.key();
    let sessions = esp::sessions(tenant, &events, as_of);
    let esp = base.esp || !sessions.is_empty();
    Enrollment { key, as_of, registered_at, enrolled, compliant, complete, pending, about, esp, attempts, sessions }
}

/// An attempt being told.
struct Open {
    attempt: Attempt,
    sources: Vec<String>,
    last_step: Option<Place>,
}

/// The state between two events.
struct Run<'a> {
    tenant: &'a TenantId,
    settings: &'a TenantSettings,
    /// Attempts that retention dropped.
    dropped: u32,
    registered_at: Option<Timestamp>,
    enrolled: bool,
    compliant: bool,
    open: Option<Open>,
    /// When the last attempt ended, if a `stopped`, `failed` or `portalClosed` ended it.
    told_end: Option<Timestamp>,
    attempts: Vec<Attempt>,
}

impl Run<'_> {
    fn complete(&self) -> bool {
        self.enrolled && (self.compliant || !self.settings.require_compliance)
    }

    fn take(&mut self, event: &Event, step: &Step) {
        let at = event.placed();
        self.close_if_idle(at);
        match step.kind {
            Kind::Registered => {
                self.registered_at.get_or_insert(at);
            }
            Kind::Unenrolled => {
                if let Some(mut open) = self.open.take() {
                    open.tell(event);
                    self.close(open, at, Outcome::Abandoned, Some(Cause::Unenrolled), None);
                }
                self.enrolled = false;
                self.compliant = false;
            }
            _ => match self.open.take() {
                Some(open) => self.go_on(open, event, step),
                None => self.maybe_open(event, step),
            },
        }
    }

    /// Rule 5: silence from the last activity to `until` beyond the limit ends the attempt.
    fn close_if_idle(&mut self, until: Timestamp) {
        if let Some(open) = self.open.take_if(|open| until > open.deadline(self.settings)) {
            let end = open.deadline(self.settings);
            self.close(open, end, Outcome::Abandoned, Some(Cause::TimedOut), None);
        }
    }

    /// Rule 1: an activity with no attempt open.
    fn maybe_open(&mut self, event: &Event, step: &Step) {
        let at = event.placed();
        if matches!(step.kind, Kind::Failed | Kind::Stopped)
            && self.told_end.is_some_and(|end| at - end <= SAME_END)
            && let Some(last) = self.attempts.last_mut()
        {
            tell(last, event);
            if let Some(failure) = &step.failure {
                last.failure.get_or_insert_default().fill_from(failure);
            }
            // It may have told the platform, which decides on the row.
            last.row = last.place.as_ref().and_then(|place| row(last, place, last.cause)).map(|row| row.number);
            return;
        }
        let complete = self.complete();
        let known = match step.kind {
            Kind::Enrolled => std::mem::replace(&mut self.enrolled, true),
            Kind::Compliant => std::mem::replace(&mut self.compliant, true),
            _ => false,
        };
        let opens = match step.kind {
            Kind::Started => true,
            Kind::StepEntered | Kind::Stopped | Kind::Failed => !complete,
            Kind::Enrolled | Kind::Compliant => !complete && !known,
            _ => false,
        };
        if !opens {
            return;
        }
        if complete {
            // A `started` directly after a completed attempt: the device enrolls anew.
            self.enrolled = false;
            self.compliant = false;
        }
        let open = self.begin(event);
        self.go_on(open, event, step);
    }

    fn begin(&self, event: &Event) -> Open {
        let at = event.placed();
        let before = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
        Open {
            attempt: Attempt {
                id: AttemptId::opened_by(self.tenant, &event.key.source, &event.key.id),
                number: self.dropped.saturating_add(before).saturating_add(1),
                started_at: at,
                last_activity: at,
                ended_at: None,
                deadline: None,
                outcome: Outcome::InProgress,
                cause: None,
                place: None,
                row: None,
                about: About::default(),
                failure: None,
                events: Vec::new(),
                visits: Vec::new(),
                clock_skew: false,
            },
            sources: Vec::new(),
            last_step: None,
        }
    }

    /// Rules 2, 3, 4 and 6: an activity while an attempt is open (the opening one included).
    fn go_on(&mut self, mut open: Open, event: &Event, step: &Step) {
        let at = event.placed();
        if step.kind == Kind::Started && open.sources.contains(&event.key.source) {
            self.close(open, at, Outcome::Abandoned, Some(Cause::Restarted), None);
            open = self.begin(event);
        }
        open.tell(event);
        open.attempt.last_activity = at;
        match step.kind {
            Kind::Stopped => {
                let action = step.user_action.unwrap_or(crate::UserAction::Cancel);
                self.close_told(open, at, Outcome::Abandoned, Some(action.into()), step);
            }
            Kind::PortalClosed => self.close_told(open, at, Outcome::Abandoned, Some(Cause::PortalClosed), step),
            Kind::Failed => self.close_told(open, at, Outcome::Failed, None, step),
            Kind::Enrolled | Kind::Compliant => {
                match step.kind {
                    Kind::Enrolled => self.enrolled = true,
                    _ => self.compliant = true,
                }
                if self.complete() {
                    self.close(open, at, Outcome::Completed, None, None);
                } else {
                    self.open = Some(open);
                }
            }
            Kind::StepEntered | Kind::StepCompleted => {
                if let Some(place) = &step.place {
                    open.visit(place, at, step.kind == Kind::StepCompleted);
                    open.last_step = Some(place.clone());
                }
                self.open = Some(open);
            }
            _ => self.open = Some(open),
        }
    }

    /// Ends the attempt by what a sender told.
    fn close_told(&mut self, mut open: Open, at: Timestamp, outcome: Outcome, cause: Option<Cause>, step: &Step) {
        if let Some(failure) = &step.failure {
            open.attempt.failure.get_or_insert_default().fill_from(failure);
        }
        let place = step.place.clone().filter(|_| step.kind != Kind::PortalClosed);
        self.close(open, at, outcome, cause, place);
        self.told_end = Some(at);
    }

    fn close(&mut self, open: Open, at: Timestamp, outcome: Outcome, cause: Option<Cause>, told: Option<Place>) {
        let Open { mut attempt, last_step, .. } = open;
        attempt.ended_at = Some(at);
        attempt.outcome = outcome;
        attempt.cause = cause;
        if outcome == Outcome::Completed {
            if let Some(visit) = attempt.visits.last_mut() {
                visit.left_at.get_or_insert(at);
            }
        } else {
            let place = told.or(last_step).unwrap_or_else(Place::beginning);
            attempt.row = row(&attempt, &place, cause).map(|row| row.number);
            attempt.place = Some(place);
        }
        self.attempts.push(attempt);
        self.told_end = None;
    }
}

/// The catalogue's row of an abandoned attempt on iOS/iPadOS or Android.
fn row(attempt: &Attempt, place: &Place, cause: Option<Cause>) -> Option<&'static Row> {
    use crate::UserAction;
    let end = match cause? {
        Cause::Cancel => RowEnd::Chose(UserAction::Cancel),
        Cause::Postpone => RowEnd::Chose(UserAction::Postpone),
        Cause::Ignore => RowEnd::Chose(UserAction::Ignore),
        Cause::DeclineAll => RowEnd::Chose(UserAction::DeclineAll),
        Cause::TimedOut => RowEnd::Waited,
        Cause::PortalClosed | Cause::Restarted | Cause::Unenrolled => return None,
    };
    find_row(attempt.platform()?, place, end)
}

/// Notes an event as one of the attempt's.
fn tell(attempt: &mut Attempt, event: &Event) {
    attempt.about.update(&event.about);
    attempt.events.push(event.key.clone());
    attempt.clock_skew |= event.clock_skew.is_some();
}

impl Open {
    fn tell(&mut self, event: &Event) {
        tell(&mut self.attempt, event);
        if !self.sources.contains(&event.key.source) {
            self.sources.push(event.key.source.clone());
        }
    }

    /// The last instant at which the attempt is still open if nothing more happens. Thirty minutes are
    /// for people; a Windows attempt mostly waits for installations and has the tenant's own limit.
    fn deadline(&self, settings: &TenantSettings) -> Timestamp {
        let limit = match self.attempt.platform() {
            Some(Platform::Windows) => settings.windows_idle_limit(),
            _ => IDLE_LIMIT,
        };
        self.attempt.last_activity + limit
    }

    fn visit(&mut self, place: &Place, at: Timestamp, completed: bool) {
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
    }

    fn in_progress(self, settings: &TenantSettings) -> Attempt {
        let deadline = self.deadline(settings);
        let mut attempt = self.attempt;
        attempt.deadline = Some(deadline);
        attempt.place = Some(self.last_step.unwrap_or_else(Place::beginning));
        attempt
    }
}
