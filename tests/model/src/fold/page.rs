//! What an event of the Enrollment Status Page does to the attempts (docs/DOMAIN.md, A9).

use super::{By, Draft, MINUTE_MS, Reading, phase_place};
use crate::esp::{self, Turn, What};
use crate::read::Event;

impl Reading<'_> {
    /// An event of the Enrollment Status Page.
    pub(super) fn page_event(&mut self, event: &Event) {
        let now_ms = event.placed_at_ms;
        let key = (event.source.clone(), event.id.clone());
        let Some(session) = self.sessions.iter().position(|session| session.events.contains(&key)) else {
            return;
        };
        let Some(reported) = &event.esp else {
            return;
        };
        let is_start = matches!(reported.what, What::Started { .. });
        // It starts at its earliest `esp.started`; without one, at its first event.
        let begins = !self.begun[session] && (is_start || !self.sessions[session].start_reported);
        if begins {
            self.begun[session] = true;
            self.open[session] = !self.gone[session];
            self.belong(session, event, is_start);
        }

        // O3: signs of life.
        if let Some(draft) = self.last()
            && draft.end.is_none()
        {
            draft.last_sign_of_life_ms = draft.last_sign_of_life_ms.max(now_ms);
            draft.page.push(event.clone());
        }

        let own = self.sessions[session].turns.iter().filter(|(of, _)| *of == key).map(|(_, turn)| turn.clone());
        self.early[session].extend(own);
        if !self.begun[session] {
            // What was reported before its start counts from the start.
            return;
        }
        for turn in std::mem::take(&mut self.early[session]) {
            match turn {
                Turn::Good => self.good_end(session, event),
                Turn::Failed(failure) => self.session_failed(session, event, &failure),
                Turn::Retried => {}
                Turn::ContinuedAnyway | Turn::Reset => self.left(session, now_ms, &turn),
            }
        }
    }

    /// A9, belonging; and A1.3.
    pub(super) fn belong(&mut self, session: usize, event: &Event, is_start: bool) {
        let now_ms = event.placed_at_ms;
        if self.is_open() {
            if let Some(draft) = self.last() {
                draft.sessions.push(session);
            }
            return;
        }
        let mut last_failed = false;
        if let Some(draft) = self.drafts.last_mut()
            && let Some(end) = &draft.end
        {
            last_failed = end.outcome == "failed";
            let belongs = end.outcome == "completed"
                && end.by == By::Fact
                && now_ms.saturating_sub(end.at_ms) <= 60 * MINUTE_MS
                && draft.sessions.is_empty()
                && !draft.removed
                && draft.opened.dropped == event.dropped;
            if belongs {
                draft.end = None;
                draft.sessions.push(session);
                return;
            }
        }
        let user_part = self.sessions[session].mode.as_deref() == Some("preProvisioningUser");
        if is_start && (!self.complete() || self.prepared || last_failed || user_part) {
            self.open_with(event);
            if user_part {
                self.compliant = false;
                self.compliant_at_ms = None;
                self.note_complete(now_ms);
            }
            if let Some(draft) = self.last() {
                draft.sessions.push(session);
            }
        }
    }

    /// Whether this session may correct the last attempt: it is open with the session, failed by it, or past its limit
    /// with it.
    pub(super) fn is_of(&self, session: usize) -> bool {
        let Some(draft) = self.drafts.last() else {
            return false;
        };
        draft.sessions.contains(&session)
            && match draft.end.as_ref().map(|end| &end.by) {
                None => true,
                Some(By::SessionFailed(failed)) => *failed == session,
                Some(By::SilentSession(silent)) => silent.contains(&session),
                Some(_) => false,
            }
    }

    pub(super) fn good_end(&mut self, session: usize, event: &Event) {
        let now_ms = event.placed_at_ms;
        let was_open = std::mem::replace(&mut self.open[session], false);
        // A3
        self.resolve_failures();
        if self.gone[session] {
            return;
        }
        let failed_before = self.drafts.iter().any(|draft| {
            let by = draft.end.as_ref().map(|end| &end.by);
            by == Some(&By::SessionFailed(session))
        });
        if self.is_of(session) {
            if !was_open && !failed_before {
                return;
            }
        } else if failed_before && self.is_open() {
            // Another attempt has opened since, so the good end belongs to that one.
        } else {
            return;
        }
        let technician = self.sessions[session].technician();
        let Some(draft) = self.last() else {
            return;
        };
        draft.end = None;
        draft.last_sign_of_life_ms = draft.last_sign_of_life_ms.max(now_ms);
        if !draft.page.iter().any(|own| own == event) {
            draft.page.push(event.clone());
        }
        let only_page = draft.only_page();
        draft.waits |= !event.reports.steps;
        // It counts as `enrolled`.
        self.enrolled = true;
        self.held = false;
        if only_page {
            self.compliant = true;
            self.compliant_at_ms = Some(now_ms);
        }
        self.note_complete(now_ms);
        if technician {
            self.prepared = true;
        }
        if self.complete() || only_page || technician {
            self.close(now_ms, "completed", None, By::GoodEnd);
        }
    }

    pub(super) fn session_failed(&mut self, session: usize, event: &Event, failure: &esp::Failure) {
        let now_ms = event.placed_at_ms;
        let was_open = std::mem::replace(&mut self.open[session], false);
        let silent = |draft: &Draft| match draft.end.as_ref().map(|end| &end.by) {
            None => true,
            Some(By::SilentSession(silent)) => silent.contains(&session),
            Some(_) => false,
        };
        let closes = self.drafts.last().is_some_and(|draft| draft.sessions.contains(&session) && silent(draft));
        if !was_open || !closes || self.gone[session] {
            return;
        }
        if let Some(draft) = self.last()
            && draft.end.take().is_some()
        {
            draft.page.push(event.clone());
        }
        let phase = failure.phase.clone().or_else(|| self.sessions[session].phase_at(now_ms));
        self.close(now_ms, "failed", None, By::SessionFailed(session));
        if let Some(end) = self.last().and_then(|draft| draft.end.as_mut()) {
            end.failure = (failure.code.clone(), failure.item.clone(), None);
            if let Some(phase) = phase {
                end.place = Some(phase_place(&phase));
            }
        }
    }

    /// `continueAnyway` or `reset` past the limit of the session.
    pub(super) fn left(&mut self, session: usize, now_ms: i64, turn: &Turn) {
        let is_of = self.is_of(session);
        let is_open = self.is_open();
        // A session that failed and was tried again stays failed, and is left like any other.
        if !self.open[session] && (is_open || !is_of) {
            return;
        }
        if *turn == Turn::Reset && is_of {
            if is_open {
                // The attempt's place is the phase, so take it before the session is closed.
                self.close(now_ms, "abandoned", Some("restarted"), By::SessionLeft);
            } else if let Some(end) = self.last().and_then(|draft| draft.end.as_mut())
                && matches!(end.by, By::SilentSession(_))
            {
                // The facts that follow belong to another enrollment.
                end.by = By::Other;
            }
            self.begin_anew();
        }
        self.open[session] = false;
        self.gone[session] = true;
        if *turn == Turn::ContinuedAnyway && is_of && is_open && self.complete() {
            self.close(now_ms, "completed", None, By::SessionLeft);
        }
    }
}
