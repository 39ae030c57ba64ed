//! What the Enrollment Status Page does to attempts (docs/DOMAIN.md, A9): one verdict for one deployment.
//!
//! The sessions are folded first ([`crate::esp::sessions`]). Here each of their turns is applied to the open attempt,
//! or to the last one, at the event that made the turn.

use super::open::{Open, Shut, note, row};
use super::run::{Run, STILL_BELONGS};
use crate::attempt::{Cause, Outcome};
use crate::catalogue::Place;
use crate::esp::{DeploymentMode, EspDetail, EspFailure, Turn};
use crate::event::{Body, Event};
use crate::failure::Failure;
use crate::standing::{Ending, Late};
use crate::time::Timestamp;

impl Run<'_> {
    /// An event of the page: a sign of life, and its turns in its session.
    pub(super) fn take_page(&mut self, event: &Event, turns: &[(usize, Turn)]) {
        self.sign_of_life(event);
        for (session, turn) in turns {
            match turn {
                Turn::Begins => self.session_begins(event, *session),
                Turn::Fails(number) => self.session_fails(event, *session, *number),
                Turn::EndsWell => self.session_ends_well(event, *session),
                Turn::GoesOnWithout => self.goes_on_without(event.placed(), *session),
                Turn::Reset => self.reset(event.placed(), *session),
            }
        }
    }

    fn sign_of_life(&mut self, event: &Event) {
        if let Some(open) = &mut self.open {
            open.note(event);
            open.attempt.last_activity = event.placed();
        }
    }

    fn session_begins(&mut self, event: &Event, session: usize) {
        let at = event.placed();
        if self.open.is_none() && self.still_belongs(at) {
            // That attempt did not complete there.
            if let Some(mut open) = self.reopen() {
                open.continued = None;
                self.open = Some(open);
                self.sign_of_life(event);
            }
        }
        if self.open.is_none() && self.page_opens(event, session) {
            if self.mode(session) == Some(DeploymentMode::PreProvisioningUser) {
                self.compliance_begins_anew(at);
            }
            self.begin(event);
            self.sign_of_life(event);
        }
        let technician = self.mode(session) == Some(DeploymentMode::PreProvisioningTechnician);
        let Some(open) = &mut self.open else { return };
        open.running.push(session);
        open.session = Some(session);
        open.attempt.technician |= technician;
        if let Some(session) = self.sessions.get_mut(session) {
            open.attempt.session = Some(session.id);
            session.attempt = Some(open.attempt.id);
        }
    }

    /// Whether the last attempt has the session that begins now: an `enrolled` or `compliant` completed it within the
    /// hour.
    fn still_belongs(&self, at: Timestamp) -> bool {
        let ended = self.attempts.last().and_then(|last| last.ended_at);
        let by_fact = self.shut.as_ref().is_some_and(|(open, shut)| *shut == Shut::ByFact && open.session.is_none());
        by_fact && ended.is_some_and(|end| at - end <= STILL_BELONGS)
    }

    /// Rule 1: whether an `esp.started` opens an attempt.
    fn page_opens(&self, event: &Event, session: usize) -> bool {
        let Body::Esp(esp) = &event.body else { return false };
        let failed = self.known.last.is_some_and(|last| last.ending == Ending::Failed);
        let user = self.mode(session) == Some(DeploymentMode::PreProvisioningUser);
        matches!(esp.detail, EspDetail::Started(_)) && (!self.complete() || self.known.prepared || failed || user)
    }

    fn mode(&self, session: usize) -> Option<DeploymentMode> {
        self.sessions.get(session)?.deployment_mode
    }

    fn compliance_begins_anew(&mut self, at: Timestamp) {
        self.known.compliant = false;
        self.known.compliant_at = None;
        self.facts_changed(at);
    }

    /// The open attempt, if the session is open in it.
    fn take_running(&mut self, session: usize) -> Option<Open> {
        let mut open = self.open.take_if(|open| open.running.contains(&session))?;
        open.running.retain(|running| *running != session);
        Some(open)
    }

    /// Whether the last attempt closed by this session's failure, or by a limit while this session was open.
    fn is_shut_by(&self, session: usize) -> bool {
        self.is_silent_in_last(session)
            || self.shut.as_ref().is_some_and(|(_, shut)| *shut == Shut::BySessionFailure(session))
    }

    /// Whether the last attempt closed by a limit while this session was open.
    fn is_silent_in_last(&self, session: usize) -> bool {
        self.shut.as_ref().is_some_and(|(open, shut)| *shut == Shut::ByLimit && open.running.contains(&session))
    }

    fn session_fails(&mut self, event: &Event, session: usize, number: usize) {
        let at = event.placed();
        let failed = self.session_failures.get(session).and_then(|of| of.get(number));
        let Some(EspFailure { failure, phase }) = failed.cloned() else { return };
        let phase = phase.or_else(|| self.sessions.get(session)?.phase_at(at));
        let phase = phase.map(|phase| Place::phase(phase.name()));
        let held = self.known.held;
        if let Some(mut open) = self.take_running(session) {
            let place = phase.or_else(|| open.place(held, &self.sessions, at));
            open.attempt.failure.get_or_insert_default().fill_from(&failure);
            self.close(open, at, (Outcome::Failed, None), place, Shut::BySessionFailure(session));
        } else if self.is_silent_in_last(session) {
            // It comes after the limit, and no other attempt has opened since.
            if let Some((open, _)) = &mut self.shut {
                open.running.retain(|running| *running != session);
            }
            let elsewhere = || self.shut.as_ref().and_then(|(open, _)| open.place(held, &self.sessions, at));
            let place = phase.or_else(elsewhere);
            self.fail_late(event, &failure, place, session);
        } else {
            return;
        }
        self.failed_by.insert(session);
        self.reported_end = Some(at);
        if let Some(last) = &mut self.known.last {
            last.by_session = true;
        }
    }

    fn fail_late(&mut self, event: &Event, failure: &Failure, place: Option<Place>, session: usize) {
        let at = event.placed();
        self.last_ended_at = Some(at);
        if let Some((_, shut)) = &mut self.shut {
            *shut = Shut::BySessionFailure(session);
        }
        if let Some(attempt) = self.attempts.last_mut() {
            note(attempt, event);
            attempt.last_activity = attempt.last_activity.max(at);
            attempt.ended_at = Some(at);
            (attempt.outcome, attempt.cause, attempt.limit) = (Outcome::Failed, None, None);
            attempt.failure.get_or_insert_default().fill_from(failure);
            attempt.place = place;
            attempt.row = row(attempt);
        }
        if let Some(last) = &mut self.known.last {
            (last.ending, last.late, last.left_complete) = (Ending::Failed, Late::Never, false);
        }
        if let Some(session) = self.sessions.get_mut(session) {
            session.end_not_reported = false;
        }
    }

    fn session_ends_well(&mut self, event: &Event, session: usize) {
        let at = event.placed();
        let open = if let Some(open) = self.take_running(session) {
            Some(open)
        } else if self.is_shut_by(session) {
            // It corrects the attempt that the session's failure or the limit had closed.
            self.reopen().map(|mut open| {
                open.running.retain(|running| *running != session);
                open.note(event);
                open.attempt.last_activity = open.attempt.last_activity.max(at);
                open.attempt.failure = None;
                open
            })
        } else if self.failed_by.contains(&session) {
            // Another attempt has opened since, so the good end belongs to that one.
            self.open.take()
        } else {
            None
        };
        if let Some(session) = self.sessions.get_mut(session) {
            session.end_not_reported = false;
        }
        // A failure of the device is neither an attempt nor a fact, so it is resolved in any case (rule 3).
        self.resolve();
        if let Some(open) = open {
            self.good_end(open, event, session);
        }
    }

    fn good_end(&mut self, mut open: Open, event: &Event, session: usize) {
        let at = event.placed();
        let technician = self.mode(session) == Some(DeploymentMode::PreProvisioningTechnician);
        self.known.enrolled = true;
        self.known.prepared |= technician;
        if open.only_page {
            // Nobody else will report it.
            self.known.compliant = true;
            self.known.held = false;
        }
        self.facts_changed(at);
        open.waits |= !event.reports.steps;
        if technician || self.complete() {
            self.close(open, at, (Outcome::Completed, None), None, Shut::ForGood);
            if let Some(last) = &mut self.known.last {
                last.by_session = true;
            }
        } else {
            self.open = Some(open);
        }
    }

    /// The person used the device all the same, after the session's limit.
    fn goes_on_without(&mut self, at: Timestamp, session: usize) {
        let Some(open) = self.take_running(session) else {
            // The limit has closed the attempt. If another session's good end opens it again, this session is over.
            if let Some((open, _)) = &mut self.shut {
                open.running.retain(|running| *running != session);
            }
            return;
        };
        if self.complete() {
            self.close(open, at, (Outcome::Completed, None), None, Shut::ForGood);
            if let Some(last) = &mut self.known.last {
                last.by_session = true;
            }
        } else {
            self.open = Some(open);
        }
    }

    /// The person reset the device, after the session's limit.
    fn reset(&mut self, at: Timestamp, session: usize) {
        let place = self.open.as_ref().and_then(|open| open.place(self.known.held, &self.sessions, at));
        if let Some(open) = self.take_running(session) {
            self.close(open, at, (Outcome::Abandoned, Some(Cause::Restarted)), place, Shut::ForGood);
            if let Some(last) = &mut self.known.last {
                last.by_session = true;
            }
        } else if self.is_shut_by(session) {
            // What follows belongs to another enrollment and no longer corrects this attempt.
            self.shut = None;
            if let Some(last) = &mut self.known.last {
                last.late = Late::Never;
            }
        } else {
            return;
        }
        self.known.begin_anew();
        self.facts_changed(at);
    }
}
