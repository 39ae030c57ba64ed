//! What an enrollment event does to the attempts (docs/DOMAIN.md, A1 to A8).

use super::{By, Draft, End, MINUTE_MS, Reading, last_step};
use crate::read::{Event, Kind};
use std::collections::BTreeSet;

impl Reading<'_> {
    pub(super) fn started(&mut self, event: Event) {
        let now_ms = event.placed_at_ms;
        if self.is_open() {
            // A6
            let same_source =
                self.drafts.last().is_some_and(|draft| draft.events.iter().any(|own| own.source == event.source));
            if !same_source || !self.open_sessions().is_empty() {
                self.take(event);
                return;
            }
            self.close(now_ms, "abandoned", Some("restarted"), By::Other);
            self.open_with(&event);
            self.take(event);
            return;
        }
        if let Some(last) = self.drafts.last()
            && let Some(end) = &last.end
        {
            // A1.5; as in A6, a source that only reports the page does not take part in the attempt.
            let sources: BTreeSet<String> = last.events.iter().map(|own| own.source.clone()).collect();
            let goes_on = end.outcome == "completed"
                && end.by == By::Fact
                && !last.has_starts()
                && !sources.contains(&event.source)
                && now_ms.saturating_sub(end.at_ms) <= 60 * MINUTE_MS
                && !last.removed
                && last.opened.dropped == event.dropped;
            if goes_on {
                let end = end.clone();
                if let Some(draft) = self.last() {
                    draft.undone = Some((end, sources));
                    draft.end = None;
                }
                self.take(event);
                return;
            }
            // A4: directly after a completed attempt the device enrolls anew.
            if end.outcome == "completed" {
                self.begin_anew();
            }
        }
        self.open_with(&event);
        self.take(event);
    }

    /// Closes the attempt by its last event.
    pub(super) fn close_reported(&mut self, event: &Event) {
        let (outcome, cause) = match event.kind {
            Kind::Failed => ("failed", None),
            Kind::PortalClosed => ("abandoned", Some("portalClosed".to_owned())),
            _ => ("abandoned", event.user_action.clone()),
        };
        self.close(event.placed_at_ms, outcome, cause.as_deref(), By::Reported);
        if let Some(draft) = self.last() {
            let step = last_step(draft);
            if let Some(end) = &mut draft.end {
                end.failure =
                    (event.failure_code.clone(), event.failure_reason.clone(), event.failure_category.clone());
                if event.kind == Kind::PortalClosed {
                    // C6
                    end.place = step.or(end.place.take());
                } else if event.place.is_some() {
                    // P1.1
                    end.place.clone_from(&event.place);
                }
            }
        }
    }

    pub(super) fn stopped_or_failed(&mut self, event: Event) {
        let now_ms = event.placed_at_ms;
        if !self.is_open() {
            let complete = self.complete();
            self.disturb();
            // A1: a second sender reports the same end.
            if let Some(draft) = self.drafts.last_mut()
                && let Some(end) = &mut draft.end
                && matches!(end.by, By::Reported | By::SessionFailed(_))
                && now_ms.saturating_sub(end.at_ms) <= 2 * MINUTE_MS
            {
                let (code, reason, category) = &mut end.failure;
                *code = code.take().or(event.failure_code.clone());
                *reason = reason.take().or(event.failure_reason.clone());
                *category = category.take().or(event.failure_category.clone());
                draft.events.push(event);
                return;
            }
            if complete {
                // A3
                if event.kind == Kind::Failed {
                    self.failures.push((now_ms, event.failure_code, false));
                }
                return;
            }
            self.open_with(&event);
        }
        self.take(event.clone());
        self.close_reported(&event);
    }

    pub(super) fn enrolled(&mut self, event: Event) {
        let now_ms = event.placed_at_ms;
        let repeats = self.enrolled;
        let said_before = self.enrolled_by.contains(&event.source);
        let without_starts = !event.reports.starts;
        if !event.restated {
            self.resolve_failures();
        }

        if self.is_open() {
            let start_reported = self.drafts.last().is_some_and(Draft::start_reported);
            if event.restated && start_reported {
                // O4: it sets no fact.
                if let Some(draft) = self.last() {
                    draft.events.push(event);
                }
                return;
            }
            // A6: a sender without starts restarts.
            let quiet_ms = self.drafts.last().map_or(0, |draft| now_ms.saturating_sub(draft.last_activity_ms));
            let restart = self.waits()
                && !self.held
                && !start_reported
                && !event.restated
                && without_starts
                && said_before
                && quiet_ms >= 10 * MINUTE_MS;
            if restart {
                self.close(now_ms, "abandoned", Some("restarted"), By::Other);
                self.open_with(&event);
            }
            self.set_enrolled(&event);
            self.fact_in_open(event, repeats);
            return;
        }

        // A1.4: this is how a sender without starts reports each enrollment.
        let end_ms = self.drafts.last().and_then(|draft| draft.end.as_ref()).map(|end| end.at_ms);
        if without_starts
            && !event.restated
            && said_before
            && end_ms.is_none_or(|end_ms| now_ms.saturating_sub(end_ms) >= 10 * MINUTE_MS)
        {
            let kept = self.compliant_at_ms.filter(|at_ms| now_ms.saturating_sub(*at_ms) <= 2 * MINUTE_MS);
            self.begin_anew();
            self.prepared = false;
            self.open_with(&event);
            self.compliant = kept.is_some();
            self.compliant_at_ms = kept;
            self.set_enrolled(&event);
            self.fact_in_open(event, false);
            return;
        }
        let was_complete = self.complete();
        self.set_enrolled(&event);
        if self.late_truth(&event) {
            return;
        }
        let opens = !repeats && !was_complete && !event.restated && !self.closed_by_session();
        if opens {
            self.open_with(&event);
            self.fact_in_open(event, false);
        } else {
            self.fact_outside();
        }
    }

    pub(super) fn compliant(&mut self, event: Event) {
        let now_ms = event.placed_at_ms;
        let platform = event.platform.clone().or_else(|| self.platform.clone());
        if event.assumed && self.settings.compliance_source.is_another(platform.as_deref(), &event.source) {
            // A4: it is ignored.
            return;
        }
        let repeats = self.compliant;
        let was_complete = self.complete();
        self.compliant = true;
        self.compliant_at_ms = Some(now_ms);
        if !event.assumed {
            self.held = false;
        }
        self.note_complete(now_ms);
        if self.is_open() {
            self.fact_in_open(event, repeats);
            return;
        }
        if self.late_truth(&event) {
            return;
        }
        let opens = !repeats && !was_complete && event.reports.starts && !self.closed_by_session();
        if opens {
            self.open_with(&event);
            self.fact_in_open(event, false);
        } else {
            self.fact_outside();
        }
    }

    pub(super) fn set_enrolled(&mut self, event: &Event) {
        self.enrolled = true;
        self.enrolled_by.insert(event.source.clone());
        self.held = event.awaiting_configuration;
        if self.held {
            self.held_by.clone_from(&event.source);
        }
        self.note_complete(event.placed_at_ms);
    }

    /// An `enrolled` or `compliant` in the open attempt, after its fact was set.
    pub(super) fn fact_in_open(&mut self, event: Event, repeats: bool) {
        let now_ms = event.placed_at_ms;
        // O4: a repetition is not activity.
        let passive = match event.kind {
            Kind::Enrolled => event.restated,
            _ => repeats && !event.reports.starts,
        };
        let waits = event.kind == Kind::Enrolled && !passive && (event.awaiting_configuration || !event.reports.steps);
        let took_part_before = |(_, sources): &(End, BTreeSet<String>)| sources.contains(&event.source);
        let open_sessions = !self.open_sessions().is_empty();
        let complete = self.complete();
        let Some(draft) = self.last() else {
            return;
        };
        // A1.5: if a source took part before, what it repeats does not complete the attempt.
        let only_repeats = repeats && draft.undone.as_ref().is_some_and(took_part_before);
        draft.waits |= waits;
        if !passive {
            draft.last_activity_ms = draft.last_activity_ms.max(now_ms);
        }
        draft.events.push(event);
        // A4, A9
        if complete && !open_sessions && !only_repeats {
            self.close(now_ms, "completed", None, By::Fact);
        }
    }

    /// A fact that does not open an attempt.
    pub(super) fn fact_outside(&mut self) {
        let complete = self.complete();
        if let Some(draft) = self.last() {
            draft.left_complete |= complete;
        }
    }

    /// A8 and A9: whether this completes the last attempt after all. Its fact was set.
    pub(super) fn late_truth(&mut self, event: &Event) -> bool {
        let complete = self.complete();
        let Some(draft) = self.drafts.last_mut() else {
            return false;
        };
        let Some(end) = &draft.end else {
            return false;
        };
        let late = match &end.by {
            By::Waited => !draft.disturbed,
            By::SilentSession(_) => end.outcome == "abandoned" && !draft.removed,
            _ => false,
        };
        if !late || !complete {
            return false;
        }
        let silent = match &end.by {
            By::SilentSession(silent) => Some(silent.clone()),
            _ => None,
        };
        draft.events.push(event.clone());
        draft.end = None;
        self.close(event.placed_at_ms, "completed", None, silent.map_or(By::Fact, By::SilentSession));
        true
    }

    /// A1: on Windows, whether a session has closed the last attempt and no `esp.started` was reported since.
    pub(super) fn closed_by_session(&self) -> bool {
        let end = self.drafts.last().and_then(|draft| draft.end.as_ref());
        end.is_some_and(|end| matches!(end.by, By::GoodEnd | By::SessionFailed(_) | By::SessionLeft))
    }
}
