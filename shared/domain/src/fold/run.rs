//! Applies the events of one device one after the other, each by its rule (docs/DOMAIN.md, A1 to A8).

use super::open::{Continued, Open, Shut, note, row};
use crate::about::Platform;
use crate::attempt::{Attempt, Cause, DeviceFailure, Outcome};
use crate::catalogue::{Place, UserAction};
use crate::esp::{EspFailure, EspSession, Turn};
use crate::event::{Body, Event, Kind, Step};
use crate::identity::TenantId;
use crate::settings::TenantSettings;
use crate::standing::{Ending, JUST_BEFORE, Last, Late, Standing};
use crate::time::{Millis, Timestamp};
use std::collections::BTreeSet;

/// A second sender's `failed` or `stopped` within this time after the end reports the same end (rule 1).
const SAME_END: Millis = Millis::from_minutes(2);
/// A sender without starts reports `enrolled` for each enrollment; within this time it repeats itself (rules 1 and 6).
const ANEW: Millis = Millis::from_minutes(10);
/// An event can belong to an attempt that an `enrolled` or `compliant` completed within this time (rules 1 and 9).
pub(super) const STILL_BELONGS: Millis = Millis::from_minutes(60);

/// The state between two events.
pub(super) struct Run<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) settings: &'a TenantSettings,
    /// The facts that outlive an attempt.
    pub(super) known: Standing,
    /// Attempts that retention dropped and that were not sent again.
    pub(super) dropped: u32,
    /// Attempts whose numbers no longer change.
    pub(super) numbered: usize,
    /// Since when the device is complete, if it is.
    pub(super) complete_since: Option<Timestamp>,
    /// The platform that its events reported last.
    pub(super) platform: Option<Platform>,
    pub(super) open: Option<Open>,
    pub(super) attempts: Vec<Attempt>,
    /// The last attempt as it was when it closed, while something may open it again; and how it closed.
    pub(super) shut: Option<(Open, Shut)>,
    /// When the last attempt ended. A late event may end one that retention dropped.
    pub(super) last_ended_at: Option<Timestamp>,
    /// When the last attempt ended, if a `stopped`, `failed`, `portalClosed` or failed session ended it.
    pub(super) reported_end: Option<Timestamp>,
    pub(super) sessions: Vec<EspSession>,
    /// The failures of each session, in order.
    pub(super) session_failures: Vec<Vec<EspFailure>>,
    /// The sessions that failed an attempt.
    pub(super) failed_by: BTreeSet<usize>,
    failures: Vec<DeviceFailure>,
}

/// What remains at the end.
pub(super) struct Done {
    pub known: Standing,
    pub attempts: Vec<Attempt>,
    pub sessions: Vec<EspSession>,
    pub failures: Vec<DeviceFailure>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        tenant: &'a TenantId,
        settings: &'a TenantSettings,
        (sessions, session_failures): (Vec<EspSession>, Vec<Vec<EspFailure>>),
    ) -> Self {
        Self {
            tenant,
            settings,
            known: Standing::default(),
            dropped: 0,
            numbered: 0,
            complete_since: None,
            platform: None,
            open: None,
            attempts: Vec::new(),
            shut: None,
            last_ended_at: None,
            reported_end: None,
            sessions,
            session_failures,
            failed_by: BTreeSet::new(),
            failures: Vec::new(),
        }
    }

    pub(super) fn complete(&self) -> bool {
        self.known.complete(self.settings.require_compliance)
    }

    /// Keeps since when the device is complete.
    pub(super) fn facts_changed(&mut self, at: Timestamp) {
        if self.complete() {
            self.complete_since.get_or_insert(at);
        } else {
            self.complete_since = None;
        }
    }

    pub(super) fn take(&mut self, event: &Event, turns: &[(usize, Turn)]) {
        self.close_if_idle(event.placed());
        self.platform = event.about.platform.or(self.platform);
        match &event.body {
            Body::Esp(_) => {
                self.platform = Some(Platform::Windows);
                self.take_page(event, turns);
            }
            Body::Enrollment(step) => self.take_step(event, step),
        }
    }

    pub(super) fn end(mut self, as_of: Timestamp) -> Done {
        self.close_if_idle(as_of);
        if let Some(open) = self.open.take() {
            let attempt = self.in_progress(open, as_of);
            self.attempts.push(attempt);
        }
        let Self { mut known, attempts, sessions, failures, .. } = self;
        known.attempts = self.dropped.saturating_add(u32::try_from(attempts.len()).unwrap_or(u32::MAX));
        Done { known, attempts, sessions, failures }
    }

    fn in_progress(&self, open: Open, as_of: Timestamp) -> Attempt {
        let deadline = open.deadline(self.settings, &self.sessions);
        let place = open.place(self.known.held, &self.sessions, as_of);
        let wait = open.wait(self.known.held);
        // An item that went wrong fails the session two minutes later.
        let decided = open.running.iter().filter_map(|number| self.sessions.get(*number)?.fails_after);
        let mut attempt = open.attempt;
        attempt.deadline = decided.chain([deadline]).min();
        attempt.place = place;
        attempt.wait = wait;
        attempt
    }

    fn take_step(&mut self, event: &Event, step: &Step) {
        let at = event.placed();
        match step.kind {
            Kind::Registered => {
                self.known.registered_at.get_or_insert(at);
            }
            Kind::Unenrolled => self.unenroll(event),
            Kind::Compliant if step.said.assumed && self.is_ignored(event) => {}
            _ if self.open.is_some() => self.go_on(event, step),
            _ => self.maybe_open(event, step),
        }
    }

    /// Whether an assumed `compliant` is ignored because another source reports compliance here (rule 4).
    fn is_ignored(&self, event: &Event) -> bool {
        self.settings.compliance_source.is_another(self.platform, &event.key.source)
    }

    /// Rule 7, and the waits that the event ends.
    fn unenroll(&mut self, event: &Event) {
        let at = event.placed();
        if let Some(mut open) = self.open.take() {
            open.note(event);
            let place = open.place(self.known.held, &self.sessions, at);
            self.close(open, at, (Outcome::Abandoned, Some(Cause::Unenrolled)), place, Shut::ForGood);
        }
        self.known.begin_anew();
        self.known.prepared = false;
        self.resolve();
        self.shut = None;
        if let Some(last) = &mut self.known.last {
            last.late = Late::Never;
        }
        self.facts_changed(at);
    }

    /// Rule 5, with what rules 1, 4, 8 and 9 say of a limit that runs out.
    pub(super) fn close_if_idle(&mut self, until: Timestamp) {
        let Some(open) = self.open.take_if(|open| until > open.deadline(self.settings, &self.sessions)) else { return };
        let limit = open.limit(self.settings, &self.sessions);
        let end = open.attempt.last_activity + limit;
        let held = self.known.held;
        let place = open.place(held, &self.sessions, end);
        if !open.running.is_empty() {
            // Rule 9: nobody reported how the session ended.
            let complete = self.complete_since.map(|since| since.max(open.attempt.started_at));
            let running = open.running.clone();
            match complete {
                Some(since) => {
                    for number in running {
                        if let Some(session) = self.sessions.get_mut(number) {
                            session.end_not_reported = true;
                        }
                    }
                    self.close(open, since, (Outcome::Completed, None), None, Shut::ByLimit);
                }
                None => self.time_out(open, end, limit, place, Shut::ByLimit, Late::UntilAnother),
            }
        } else if let Some(continued) = &open.continued {
            // The first completion counts, with what it allows later.
            let completed_at = continued.completed_at;
            self.close(open, completed_at, (Outcome::Completed, None), None, Shut::ByFact);
        } else if open.waits {
            let holder = open.held_by.as_deref().unwrap_or_default();
            let platform = open.attempt.platform().or(self.platform);
            if held && !self.settings.compliance_source.is_another(platform, holder) {
                // Rule 4: nobody reported that the Setup Assistant was released.
                self.known.held = false;
                self.known.compliant = true;
                self.facts_changed(end);
                let mut open = open;
                open.attempt.release_not_reported = true;
                self.close(open, end, (Outcome::Completed, None), None, Shut::ForGood);
            } else {
                self.time_out(open, end, limit, place, Shut::ByWait, Late::UntilAnythingElse);
            }
        } else {
            self.time_out(open, end, limit, place, Shut::ForGood, Late::Never);
        }
    }

    fn time_out(
        &mut self,
        mut open: Open,
        end: Timestamp,
        limit: Millis,
        place: Option<Place>,
        shut: Shut,
        late: Late,
    ) {
        open.attempt.limit = Some(limit);
        self.close(open, end, (Outcome::Abandoned, Some(Cause::TimedOut)), place, shut);
        if let Some(last) = &mut self.known.last {
            last.late = late;
        }
    }

    /// Rule 1: an event with no attempt open.
    fn maybe_open(&mut self, event: &Event, step: &Step) {
        let at = event.placed();
        match step.kind {
            Kind::Started => {
                if !self.continue_completed(event) {
                    if self.last_completed() {
                        // It comes directly after a completed attempt, so the device enrolls anew.
                        self.known.begin_anew();
                        self.facts_changed(at);
                    }
                    self.begin(event);
                }
                self.go_on(event, step);
            }
            Kind::Failed | Kind::Stopped if self.reported_end.is_some_and(|end| at - end <= SAME_END) => {
                self.fill_in(event, step);
            }
            Kind::Failed if self.complete() => {
                // Rule 3: a failure of the device, outside any attempt.
                self.known.failure = true;
                self.failures.push(DeviceFailure {
                    at,
                    failure: step.failure.clone(),
                    event: event.key.clone(),
                    resolved: false,
                });
                self.anything_else();
            }
            Kind::StepEntered | Kind::Stopped | Kind::Failed if !self.complete() => {
                self.begin(event);
                self.go_on(event, step);
            }
            Kind::Enrolled => self.enrolled_with_none_open(event, step),
            Kind::Compliant => {
                let known = self.known.compliant;
                let opens = event.reports.starts && !self.complete() && !known && !self.is_after_session();
                self.fact_with_none_open(event, step, opens);
            }
            _ => self.anything_else(),
        }
    }

    fn enrolled_with_none_open(&mut self, event: &Event, step: &Step) {
        let at = event.placed();
        if step.said.restated {
            return self.fact_with_none_open(event, step, false);
        }
        let later = self.last_ended_at.is_none_or(|end| at - end >= ANEW);
        if !event.reports.starts && later && self.known.enrolled_by.contains(&event.key.source) {
            // Such a sender reports `enrolled` for each enrollment.
            let just_before = self.known.compliant_at.filter(|compliant| at - *compliant <= JUST_BEFORE);
            let compliant = self.known.compliant && just_before.is_some();
            self.known.begin_anew();
            self.known.compliant = compliant;
            self.known.compliant_at = just_before;
            // What was reported just before already belongs to the user's part.
            self.known.prepared = false;
            self.facts_changed(at);
            self.begin(event);
            return self.go_on(event, step);
        }
        let opens = !self.complete() && !self.known.enrolled && !self.is_after_session();
        self.fact_with_none_open(event, step, opens);
    }

    /// An `enrolled` or `compliant` with no attempt open: late news of the last attempt, the beginning of another one,
    /// or only a fact.
    fn fact_with_none_open(&mut self, event: &Event, step: &Step, opens: bool) {
        let at = event.placed();
        let was_complete = self.complete();
        let late = self.known.last.is_some_and(|last| last.late != Late::Never);
        if opens && !late {
            self.begin(event);
            return self.go_on(event, step);
        }
        self.set_fact(event, step);
        if late && !was_complete && self.complete() {
            self.complete_late(event, at);
        } else if opens {
            self.begin(event);
            return self.go_on(event, step);
        }
        if self.complete()
            && let Some(last) = &mut self.known.last
        {
            last.left_complete = true;
        }
    }

    /// Rules 8 and 9: a late event completes the last attempt.
    fn complete_late(&mut self, event: &Event, at: Timestamp) {
        self.last_ended_at = Some(at);
        if let Some(attempt) = self.attempts.last_mut() {
            note(attempt, event);
            attempt.last_activity = attempt.last_activity.max(at);
            attempt.ended_at = Some(at);
            (attempt.outcome, attempt.cause, attempt.limit) = (Outcome::Completed, None, None);
            (attempt.place, attempt.row) = (None, None);
            if let Some(visit) = attempt.visits.last_mut() {
                visit.left_at.get_or_insert(at);
            }
        }
        if let Some(last) = &mut self.known.last {
            last.ending = Ending::Completed;
            last.late = Late::Never;
        }
        // Nobody reported how its session ended.
        if let Some((open, Shut::ByLimit)) = &self.shut {
            for number in &open.running {
                if let Some(session) = self.sessions.get_mut(*number) {
                    session.end_not_reported = true;
                }
            }
        }
        if let Some((open, shut)) = &mut self.shut {
            open.note(event);
            if *shut == Shut::ByWait {
                *shut = Shut::ByFact;
            }
        }
    }

    /// Whether the last attempt was completed.
    pub(super) fn last_completed(&self) -> bool {
        self.known.last.is_some_and(|last| last.ending == Ending::Completed)
    }

    /// On Windows an `enrolled` or `compliant` opens nothing after a session has closed the attempt.
    fn is_after_session(&self) -> bool {
        self.platform == Some(Platform::Windows) && self.known.last.is_some_and(|last| last.by_session)
    }

    /// Any other event: from now on a late event no longer completes the last attempt (rule 8).
    fn anything_else(&mut self) {
        if let Some(last) = self.known.last.as_mut().filter(|last| last.late == Late::UntilAnythingElse) {
            last.late = Late::Never;
        }
    }

    /// A second sender reports the same end: it adds what the attempt lacks.
    fn fill_in(&mut self, event: &Event, step: &Step) {
        let Some(last) = self.attempts.last_mut() else { return };
        note(last, event);
        if let Some(failure) = &step.failure {
            last.failure.get_or_insert_default().fill_from(failure);
        }
        // It may have reported the platform, which decides on the row.
        last.row = row(last);
    }

    /// A `started` of another source continues an attempt without starts that an `enrolled` or `compliant` completed.
    fn continue_completed(&mut self, event: &Event) -> bool {
        let continues = |(open, shut): &(Open, Shut)| {
            let at = event.placed();
            let ended = self.attempts.last().and_then(|last| last.ended_at);
            *shut == Shut::ByFact
                && !open.attempt.has_starts()
                && !open.sources.contains(&event.key.source)
                && ended.is_some_and(|end| at - end <= STILL_BELONGS)
        };
        if !self.shut.as_ref().is_some_and(continues) {
            return false;
        }
        let Some(completed_at) = self.attempts.last().and_then(|last| last.ended_at) else { return false };
        let Some(mut open) = self.reopen() else { return false };
        open.continued = Some(Continued { completed_at, sources: open.sources.clone() });
        self.open = Some(open);
        true
    }

    /// Restores the last attempt as it was while it was open, with what was reported of it since.
    pub(super) fn reopen(&mut self) -> Option<Open> {
        let (mut open, _) = self.shut.take()?;
        let Attempt { about, events, clock_skew, reports, start_reported, .. } = self.attempts.pop()?;
        open.only_page &= events.len() == open.attempt.events.len();
        let attempt = &mut open.attempt;
        (attempt.about, attempt.events, attempt.clock_skew) = (about, events, clock_skew);
        (attempt.reports, attempt.start_reported) = (reports, start_reported);
        // A source that reported its end a second time has taken part, too (rule 6).
        open.sources.extend(open.attempt.events.iter().map(|key| key.source.clone()));
        self.reported_end = None;
        Some(open)
    }

    /// Opens an attempt with its first event, which is recorded later.
    pub(super) fn begin(&mut self, event: &Event) {
        let at = event.placed();
        let before = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
        let number = self.dropped.saturating_add(before).saturating_add(1);
        if self.known.prepared {
            // The user's part, for which compliance begins anew (rule 9).
            self.known.prepared = false;
            self.known.compliant = false;
            self.known.compliant_at = None;
            self.facts_changed(at);
        }
        self.shut = None;
        self.reported_end = None;
        self.open = Some(Open::new(self.tenant, event, number));
    }

    /// Rules 2, 3, 4 and 6: an event while an attempt is open, including the event that opens it.
    fn go_on(&mut self, event: &Event, step: &Step) {
        let at = event.placed();
        let Some(mut open) = self.open.take() else { return };
        if self.restarts(&open, event, step) {
            let place = open.place(self.known.held, &self.sessions, at);
            self.close(open, at, (Outcome::Abandoned, Some(Cause::Restarted)), place, Shut::ForGood);
            self.begin(event);
            let Some(begun) = self.open.take() else { return };
            open = begun;
        }
        let repeats = match step.kind {
            Kind::Enrolled => step.said.restated,
            Kind::Compliant => !event.reports.starts && self.known.compliant,
            _ => false,
        };
        // If the attempt's start was reported, a restated fact changes nothing.
        let sets = !(step.said.restated && open.attempt.start_reported);
        open.note(event);
        let place = open.place(self.known.held, &self.sessions, at);
        if !repeats {
            open.attempt.last_activity = at;
            open.acted_at = at;
        }
        match step.kind {
            Kind::Stopped => {
                let action = step.user_action.unwrap_or(UserAction::Cancel);
                self.close_reported(open, event, step, (Outcome::Abandoned, Some(action.into())), place);
            }
            Kind::PortalClosed => {
                self.close_reported(open, event, step, (Outcome::Abandoned, Some(Cause::PortalClosed)), place);
            }
            Kind::Failed => self.close_reported(open, event, step, (Outcome::Failed, None), place),
            Kind::Enrolled | Kind::Compliant if sets => {
                if step.kind == Kind::Enrolled && !repeats {
                    open.waits |= step.said.awaiting_configuration || !event.reports.steps;
                    // The device is managed: nobody is at the last screen any more, so the wait does not count as time
                    // there.
                    if open.waits
                        && let Some(visit) = open.attempt.visits.last_mut()
                    {
                        visit.left_at.get_or_insert(at);
                    }
                }
                if step.said.awaiting_configuration {
                    open.held_by = Some(event.key.source.clone());
                }
                let known = if step.kind == Kind::Enrolled { self.known.enrolled } else { self.known.compliant };
                self.set_fact(event, step);
                let part = |before: &Continued| before.sources.contains(&event.key.source);
                let repeated = known && open.continued.as_ref().is_some_and(part);
                if self.complete() && open.running.is_empty() && !repeated {
                    self.close(open, at, (Outcome::Completed, None), None, Shut::ByFact);
                } else {
                    self.open = Some(open);
                }
            }
            Kind::StepEntered | Kind::StepCompleted => {
                if let Some(place) = &step.place {
                    open.visit(place, at, step.kind == Kind::StepCompleted);
                }
                self.open = Some(open);
            }
            _ => self.open = Some(open),
        }
    }

    /// Rule 6: whether the event begins a new attempt while one is open.
    fn restarts(&self, open: &Open, event: &Event, step: &Step) -> bool {
        if !open.running.is_empty() {
            return false;
        }
        match step.kind {
            Kind::Started => open.sources.contains(&event.key.source),
            Kind::Enrolled => {
                !step.said.restated
                    && !event.reports.starts
                    && open.waits
                    && !self.known.held
                    && !open.attempt.start_reported
                    && self.known.enrolled_by.contains(&event.key.source)
                    && event.placed() - open.acted_at >= ANEW
            }
            _ => false,
        }
    }

    /// Records what an `enrolled` or `compliant` reports (rule 4).
    fn set_fact(&mut self, event: &Event, step: &Step) {
        let at = event.placed();
        match step.kind {
            Kind::Enrolled => {
                self.known.enrolled = true;
                self.known.held = step.said.awaiting_configuration;
                self.known.enrolled_by.insert(event.key.source.clone());
                if !step.said.restated {
                    self.resolve();
                }
            }
            Kind::Compliant => {
                self.known.compliant = true;
                self.known.compliant_at = Some(at);
                // A source that reports compliance itself overrides the page that waits.
                self.known.held &= step.said.assumed;
            }
            _ => {}
        }
        self.facts_changed(at);
    }

    /// Marks failures of the device as resolved (rule 3).
    pub(super) fn resolve(&mut self) {
        self.known.failure = false;
        for failure in &mut self.failures {
            failure.resolved = true;
        }
    }

    /// Ends the attempt by what a sender reported.
    fn close_reported(
        &mut self,
        mut open: Open,
        event: &Event,
        step: &Step,
        how: (Outcome, Option<Cause>),
        place: Option<Place>,
    ) {
        let at = event.placed();
        if let Some(failure) = &step.failure {
            open.attempt.failure.get_or_insert_default().fill_from(failure);
        }
        // Closing the portal is not a place: the last step is (docs/DOMAIN.md, C6).
        let named = if step.kind == Kind::PortalClosed { open.last_step.clone() } else { step.place.clone() };
        self.close(open, at, how, named.or(place), Shut::ForGood);
        self.reported_end = Some(at);
    }

    pub(super) fn close(
        &mut self,
        open: Open,
        at: Timestamp,
        (outcome, cause): (Outcome, Option<Cause>),
        place: Option<Place>,
        shut: Shut,
    ) {
        let mut attempt = open.attempt.clone();
        attempt.ended_at = Some(at);
        (attempt.outcome, attempt.cause) = (outcome, cause);
        let ending = match outcome {
            Outcome::Completed => Ending::Completed,
            Outcome::Failed => Ending::Failed,
            Outcome::Abandoned | Outcome::InProgress => Ending::Abandoned,
        };
        if outcome == Outcome::Completed {
            attempt.failure = None;
            if let Some(visit) = attempt.visits.last_mut() {
                visit.left_at.get_or_insert(at);
            }
        } else {
            attempt.place = place;
            attempt.row = row(&attempt);
        }
        self.attempts.push(attempt);
        self.last_ended_at = Some(at);
        self.reported_end = None;
        self.known.last = Some(Last { ending, by_session: false, late: Late::Never, left_complete: false });
        self.shut = (shut != Shut::ForGood).then_some((open, shut));
    }
}
