//! Builds the answer: the device and its attempts (docs/DOMAIN.md, D1, P and E10).

use super::{Draft, Reading, last_reported};
use crate::attempts::Attempt;
use crate::catalogue::row_of;
use crate::read::Kind;

impl Reading<'_> {
    /// D1
    pub(super) fn state(&self, registered: bool) -> &'static str {
        let open = self.is_open();
        let last = self.drafts.last();
        let end = last.and_then(|draft| draft.end.as_ref());
        let outcome = end.map_or("", |end| end.outcome);
        let left_complete = last.is_some_and(|draft| draft.left_complete);
        if open && !self.waits() {
            "inProgress"
        } else if open {
            "waitingForCompliance"
        } else if outcome == "failed" && !left_complete || self.failures.iter().any(|(_, _, resolved)| !resolved) {
            "failed"
        } else if self.prepared {
            "prepared"
        } else if self.enrolled && !self.held {
            "enrolled"
        } else if outcome == "abandoned" {
            "gaveUp"
        } else if registered && last.is_none() {
            "pending"
        } else {
            "notEnrolled"
        }
    }

    /// P5: the device's platform, for an attempt whose events report none.
    fn platform_around(&self, draft: &Draft) -> Option<String> {
        let mut found = None;
        let mut opened = false;
        for (source, id, platform) in &self.platforms {
            opened |= (source, id) == (&draft.opened.source, &draft.opened.id);
            // The last one before it counts; if there is none before it, the first one after it.
            if platform.is_some() && (!opened || found.is_none()) {
                found.clone_from(platform);
            }
        }
        found
    }

    /// Fills in everything that an attempt shows, from its draft.
    pub(super) fn finished(&self, draft: &Draft, enrollment_key: &str) -> Attempt {
        let all = draft.all();
        let (outcome, cause) = match &draft.end {
            None => ("inProgress", None),
            Some(end) => (end.outcome, end.cause.clone()),
        };
        // P2
        let place = match &draft.end {
            None => self.place(i64::MAX),
            Some(end) if end.outcome == "completed" => None,
            Some(end) => end.place.clone(),
        };
        let section = place.as_ref().and_then(|place| place.section.clone());
        let action = place.as_ref().map(|place| place.action.clone());
        let screen = place.as_ref().and_then(|place| place.screen.clone());
        let platform = draft.platform();
        // P3
        let mut catalogue_row = None;
        if outcome == "abandoned" {
            let how = match cause.as_deref() {
                Some("timedOut") => Some("> 30 min"),
                Some("portalClosed" | "restarted" | "unenrolled") | None => None,
                Some(user_action) => Some(user_action),
            };
            if let Some(how) = how {
                catalogue_row = row_of(platform.as_deref(), action.as_deref(), screen.as_deref(), how);
            }
        }
        let wait = (draft.end.is_none() && self.waits())
            .then(|| if self.held { "configuration" } else { "compliance" }.to_owned());
        let mut visited = Vec::new();
        for event in &draft.events {
            let Some(place) = &event.place else { continue };
            let is_step = matches!(event.kind, Kind::StepEntered | Kind::StepCompleted);
            if is_step && !visited.contains(&place.action) {
                visited.push(place.action.clone());
            }
        }
        let failure = draft.end.as_ref().map(|end| end.failure.clone()).unwrap_or_default();
        let session = draft.sessions.last().map(|session| &self.sessions[*session]);
        Attempt {
            opened_by: (draft.opened.source.clone(), draft.opened.id.clone()),
            enrollment_key: enrollment_key.to_owned(),
            device_name: last_reported(&all, |event| &event.device_name),
            manufacturer: last_reported(&all, |event| &event.manufacturer),
            model: last_reported(&all, |event| &event.model),
            user_principal_name: last_reported(&all, |event| &event.user_principal_name),
            user_id: last_reported(&all, |event| &event.user_id),
            platform: platform.or_else(|| self.platform_around(draft)),
            os_version: last_reported(&all, |event| &event.os_version),
            enrollment_type: last_reported(&all, |event| &event.enrollment_type),
            started_at_ms: draft.opened.placed_at_ms,
            ended_at_ms: draft.end.as_ref().map(|end| end.at_ms),
            outcome: outcome.to_owned(),
            cause,
            section,
            action,
            screen,
            catalogue_row,
            failure_code: failure.0,
            failure_reason: failure.1,
            failure_category: failure.2,
            events: draft.events.iter().map(|event| (event.source.clone(), event.id.clone())).collect(),
            wait,
            release_not_reported: draft.end.as_ref().is_some_and(|end| end.released),
            start_reported: draft.start_reported(),
            has_starts: draft.has_starts(),
            has_steps: draft.has_steps(),
            visited,
            has_both_ends: all.iter().any(|event| event.reports.ends) && all.iter().any(|event| event.reports.failures),
            technician: draft.sessions.iter().any(|session| self.sessions[*session].technician()),
            session_started_at_ms: session.map(|session| session.started_at_ms),
        }
    }
}
