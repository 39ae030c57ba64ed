//! From the events of one device, in order, to its attempts (docs/DOMAIN.md, O, A, P and D1).
//!
//! One pass in a straight line. Sessions of the Enrollment Status Page are judged first, by all of their events; the
//! pass meets what an event of theirs does to the attempt ([`Turn`]) when it comes to that event.

use crate::Settings;
use crate::attempts::{Attempt, Device, Page};
use crate::catalogue::row_of;
use crate::esp::{self, Session, Told, Turn, What, esp_sessions};
use crate::read::{Event, Kind, Place};
use std::collections::BTreeSet;

const MINUTE_MS: i64 = 60 * 1000;

/// What closed an attempt, as far as later events depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum By {
    /// A `stopped`, `failed` or `portalClosed`.
    Reported,
    /// An `enrolled` or `compliant`.
    Fact,
    /// The good end of a session.
    GoodEnd,
    /// A session that failed.
    SessionFailed(usize),
    /// The limit, while these sessions were open.
    SilentSession(Vec<usize>),
    /// `continueAnyway` or `reset`.
    SessionLeft,
    /// The limit, while it waited for compliance.
    Waited,
    /// Something else.
    Other,
}

#[derive(Debug, Clone)]
struct End {
    at_ms: i64,
    outcome: &'static str,
    cause: Option<String>,
    by: By,
    place: Option<Place>,
    /// Code, reason, category.
    failure: (Option<String>, Option<String>, Option<String>),
    released: bool,
}

/// An attempt while it is being put together.
struct Draft {
    opened: Event,
    /// Its enrollment events, in order.
    events: Vec<Event>,
    /// The page's events in it.
    page: Vec<Event>,
    last_activity_ms: i64,
    last_sign_of_life_ms: i64,
    /// A8: an `enrolled` of a sender without steps, or that awaits configuration, and no step since.
    waits: bool,
    /// Its sessions, in order of belonging.
    sessions: Vec<usize>,
    end: Option<End>,
    /// A1.5: its completion that was undone, and the sources that took part before.
    undone: Option<(End, BTreeSet<String>)>,
    /// Since its end something else than `enrolled`, `compliant`, `registered` and the page's events was reported.
    disturbed: bool,
    /// Since its end an `enrolled` or `compliant` has left the device complete.
    left_complete: bool,
    /// Since its end an `unenrolled` was reported.
    removed: bool,
}

impl Draft {
    fn new(opened: Event) -> Self {
        Self {
            last_activity_ms: opened.placed_at_ms,
            last_sign_of_life_ms: opened.placed_at_ms,
            opened,
            events: Vec::new(),
            page: Vec::new(),
            waits: false,
            sessions: Vec::new(),
            end: None,
            undone: None,
            disturbed: false,
            left_complete: false,
            removed: false,
        }
    }

    fn all(&self) -> Vec<&Event> {
        let mut all: Vec<&Event> = self.events.iter().chain(&self.page).collect();
        all.sort_by_key(|event| (event.placed_at_ms, event.kind, event.source.clone(), event.id.clone()));
        all
    }

    fn platform(&self) -> Option<String> {
        last_reported(&self.all(), |event| &event.platform)
    }

    /// E10
    fn start_reported(&self) -> bool {
        self.all().iter().any(|event| match &event.esp {
            Some(told) => matches!(told.what, What::Started { .. }),
            None => matches!(event.kind, Kind::Started | Kind::StepEntered | Kind::Stopped),
        })
    }

    fn has_starts(&self) -> bool {
        self.all().iter().any(|event| event.reports.starts)
    }

    fn has_steps(&self) -> bool {
        self.all().iter().any(|event| event.reports.steps)
    }

    /// A9: it holds only the page's events and restated facts.
    fn only_page(&self) -> bool {
        self.events.iter().all(|event| event.restated)
    }
}

fn last_reported(events: &[&Event], field: impl Fn(&Event) -> &Option<String>) -> Option<String> {
    events.iter().rev().find_map(|event| field(event).clone())
}

/// The device while its events are read.
struct Reading<'a> {
    settings: &'a Settings,
    sessions: Vec<Session>,
    /// Whether each session is open: begun, and neither ended nor left.
    open: Vec<bool>,
    /// Whether each session has begun, whether it is over for good, and the last phase that it named so far.
    begun: Vec<bool>,
    gone: Vec<bool>,
    phase: Vec<Option<String>>,
    drafts: Vec<Draft>,
    enrolled: bool,
    compliant: bool,
    held: bool,
    /// Which source held it.
    held_by: String,
    compliant_at_ms: Option<i64>,
    complete_since_ms: Option<i64>,
    enrolled_by: BTreeSet<String>,
    prepared: bool,
    platform: Option<String>,
    /// When, code, resolved.
    failures: Vec<(i64, Option<String>, bool)>,
}

/// Fills in what the events say of the device.
pub fn fold(events: Vec<Event>, settings: &Settings, as_of_ms: i64, device: &mut Device) {
    let mut told = Vec::new();
    let mut unenrolled_ms = Vec::new();
    for event in &events {
        if let Some(esp) = &event.esp {
            let (source, id) = (event.source.clone(), event.id.clone());
            told.push(Told { at_ms: event.placed_at_ms, source, id, ..esp.clone() });
        }
        if event.kind == Kind::Unenrolled {
            unenrolled_ms.push(event.placed_at_ms);
        }
    }
    let idle_ms = settings.windows_idle_limit_minutes.saturating_mul(MINUTE_MS);
    let sessions = esp_sessions(&told, &unenrolled_ms, idle_ms, as_of_ms);
    device.has_esp_session = !sessions.is_empty();

    let count = sessions.len();
    let mut reading = Reading {
        settings,
        sessions,
        open: vec![false; count],
        begun: vec![false; count],
        gone: vec![false; count],
        phase: vec![None; count],
        drafts: Vec::new(),
        enrolled: false,
        compliant: false,
        held: false,
        held_by: String::new(),
        compliant_at_ms: None,
        complete_since_ms: None,
        enrolled_by: BTreeSet::new(),
        prepared: false,
        platform: None,
        failures: Vec::new(),
    };
    for event in events {
        reading.limit_passed(event.placed_at_ms);
        if event.platform.is_some() {
            reading.platform.clone_from(&event.platform);
        }
        reading.event(event);
    }
    reading.limit_passed(as_of_ms);

    for draft in &reading.drafts {
        device.attempts.push(reading.finished(draft, &device.enrollment_key));
    }
    device.enrolled = reading.enrolled;
    device.compliant = reading.compliant;
    device.complete = reading.complete();
    device.failures.clone_from(&reading.failures);
    device.state = reading.state(device.registered).to_owned();
    for session in &reading.sessions {
        device.sessions.push(Page {
            started_at_ms: session.started_at_ms,
            ended_at_ms: session.ended_at_ms,
            state: session.state.clone(),
            failed: session.failed,
            timed_out: session.timed_out,
            mode: session.mode.clone(),
        });
    }
}

impl Reading<'_> {
    fn complete(&self) -> bool {
        self.enrolled && !self.held && (self.compliant || !self.settings.require_compliance)
    }

    /// Whether an attempt is open: the last one, while it has no end.
    fn is_open(&self) -> bool {
        self.drafts.last().is_some_and(|draft| draft.end.is_none())
    }

    /// The last attempt. Only asked for where there is one.
    fn last(&mut self) -> Option<&mut Draft> {
        self.drafts.last_mut()
    }

    /// The open sessions of the last attempt.
    fn open_sessions(&self) -> Vec<usize> {
        let of_last = self.drafts.last().map(|draft| draft.sessions.clone()).unwrap_or_default();
        of_last.into_iter().filter(|session| self.open[*session]).collect()
    }

    /// A8: whether the last attempt waits.
    fn waits(&self) -> bool {
        self.drafts.last().is_some_and(|draft| draft.waits) && self.open_sessions().is_empty()
    }

    /// A4: the facts begin anew.
    fn begin_anew(&mut self) {
        self.enrolled = false;
        self.compliant = false;
        self.held = false;
        self.compliant_at_ms = None;
        self.enrolled_by.clear();
        self.note_complete(0);
    }

    fn note_complete(&mut self, now_ms: i64) {
        if !self.complete() {
            self.complete_since_ms = None;
        } else if self.complete_since_ms.is_none() {
            self.complete_since_ms = Some(now_ms);
        }
    }

    /// P1 without what the closing event names: where the last attempt is now.
    fn place(&self) -> Option<Place> {
        let draft = self.drafts.last()?;
        // 2. on Windows, the phase of the open session.
        for session in self.open_sessions().into_iter().rev() {
            if let Some(phase) = &self.phase[session] {
                return Some(phase_place(phase));
            }
        }
        // 3. while it waits, the place of A8.
        if self.waits() {
            let (section, action, screen) = if self.held {
                ("setupChecklist", "AwaitConfiguration", None)
            } else {
                ("complianceActivation", "Compliance", Some("deviceCompliance".to_owned()))
            };
            return Some(Place { section: Some(section.to_owned()), action: action.to_owned(), screen });
        }
        // 4. the last step.
        if let Some(step) = last_step(draft) {
            return Some(step);
        }
        // 5. the first screen, where a sender reports screens.
        let platform = draft.platform();
        if matches!(platform.as_deref(), Some("ios" | "android")) && draft.has_steps() {
            let (section, action) = ("setupChecklist".to_owned(), "PreEnrollmentWizard".to_owned());
            return Some(Place { section: Some(section), action, screen: None });
        }
        // 6. none.
        None
    }

    fn close(&mut self, at_ms: i64, outcome: &'static str, cause: Option<&str>, by: By) {
        let place = self.place();
        if let Some(draft) = self.drafts.last_mut() {
            draft.disturbed = false;
            draft.left_complete = false;
            draft.removed = false;
            draft.end = Some(End {
                at_ms: at_ms.max(draft.opened.placed_at_ms),
                outcome,
                cause: cause.map(str::to_owned),
                by,
                place,
                failure: (None, None, None),
                released: false,
            });
        }
    }

    /// A5, A8, A9: what the clock alone has done before this instant.
    fn limit_passed(&mut self, now_ms: i64) {
        if !self.is_open() {
            return;
        }
        let open_sessions = self.open_sessions();
        let waits = self.waits();
        let Some(draft) = self.drafts.last() else {
            return;
        };
        let last_ms = draft.last_activity_ms.max(draft.last_sign_of_life_ms);
        let minutes = match draft.platform().as_deref() {
            _ if waits => self.settings.compliance_limit_minutes,
            Some("windows") => self.settings.windows_idle_limit_minutes,
            Some("macos") => self.settings.macos_idle_limit_minutes,
            _ => 30,
        };
        let mut limit_ms = last_ms.saturating_add(minutes.saturating_mul(MINUTE_MS));
        for session in &open_sessions {
            limit_ms = limit_ms.max(self.sessions[*session].deadline_ms);
        }
        if now_ms <= limit_ms {
            return;
        }
        let undone = draft.undone.clone();

        if !open_sessions.is_empty() {
            if self.complete() {
                let since_ms = self.complete_since_ms.unwrap_or(limit_ms);
                self.close(since_ms, "completed", None, By::SilentSession(open_sessions));
            } else {
                self.close(limit_ms, "abandoned", Some("timedOut"), By::SilentSession(open_sessions));
            }
        } else if let Some((end, _)) = undone {
            // A1.5: the first completion stands.
            if let Some(draft) = self.last() {
                draft.end = Some(end);
                draft.undone = None;
            }
        } else if waits && self.held && !self.another_source() {
            self.close(limit_ms, "completed", None, By::Other);
            if let Some(end) = self.last().and_then(|draft| draft.end.as_mut()) {
                end.released = true;
            }
            // The device counts as complete.
            self.held = false;
            self.compliant = true;
            self.note_complete(limit_ms);
        } else if waits {
            self.close(limit_ms, "abandoned", Some("timedOut"), By::Waited);
        } else {
            self.close(limit_ms, "abandoned", Some("timedOut"), By::Other);
        }
    }

    /// A4: whether the tenant names another source of compliance than the one that holds the device.
    fn another_source(&self) -> bool {
        let platform = self.drafts.last().and_then(Draft::platform);
        self.settings.compliance_source.is_another(platform.as_deref(), &self.held_by)
    }

    fn event(&mut self, event: Event) {
        let now_ms = event.placed_at_ms;
        let was_open = self.is_open();
        match event.kind {
            Kind::Registered => {}
            Kind::Esp => self.page_event(&event),
            Kind::Started => self.started(event),
            Kind::StepEntered | Kind::StepCompleted => {
                if !was_open {
                    if event.kind == Kind::StepCompleted || self.complete() {
                        self.disturb();
                        return;
                    }
                    self.open_with(&event);
                }
                if let Some(draft) = self.last() {
                    draft.waits = false;
                }
                self.take(event);
            }
            Kind::PortalClosed => {
                if !was_open {
                    self.disturb();
                    return;
                }
                self.take(event.clone());
                self.close_reported(&event);
            }
            Kind::Stopped | Kind::Failed => self.stopped_or_failed(event),
            Kind::Enrolled => self.enrolled(event),
            Kind::Compliant => self.compliant(event),
            Kind::Unenrolled => {
                if was_open {
                    self.take(event);
                    self.close(now_ms, "abandoned", Some("unenrolled"), By::Other);
                }
                self.disturb();
                if let Some(draft) = self.last() {
                    draft.removed = true;
                }
                self.begin_anew();
                self.prepared = false;
                self.resolve_failures();
                for session in 0..self.open.len() {
                    self.open[session] = false;
                    self.gone[session] |= self.begun[session];
                }
            }
        }
    }

    /// Something was reported after the last attempt that is no late truth of it.
    fn disturb(&mut self) {
        if let Some(draft) = self.last() {
            draft.disturbed = true;
        }
    }

    fn resolve_failures(&mut self) {
        for (_, _, resolved) in &mut self.failures {
            *resolved = true;
        }
    }

    /// Opens an attempt.
    fn open_with(&mut self, event: &Event) {
        // A9: sessions of an attempt whose limit passed have ended once another opens.
        if let Some(Draft { end: Some(End { by: By::SilentSession(silent), .. }), .. }) = self.drafts.last() {
            for session in silent.clone() {
                self.open[session] = false;
                self.gone[session] = true;
            }
        }
        if self.prepared {
            // A9: the user's part needs a `compliant` of its own.
            self.prepared = false;
            self.compliant = false;
            self.compliant_at_ms = None;
            self.note_complete(event.placed_at_ms);
        }
        self.drafts.push(Draft::new(event.clone()));
    }

    /// Takes an activity into the open attempt.
    fn take(&mut self, event: Event) {
        if let Some(draft) = self.last() {
            draft.last_activity_ms = draft.last_activity_ms.max(event.placed_at_ms);
            draft.events.push(event);
        }
    }

    fn started(&mut self, event: Event) {
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
            // A1.5
            let sources: BTreeSet<String> = last.all().iter().map(|own| own.source.clone()).collect();
            let goes_on = end.outcome == "completed"
                && end.by == By::Fact
                && !last.has_starts()
                && !sources.contains(&event.source)
                && now_ms.saturating_sub(end.at_ms) <= 60 * MINUTE_MS
                && !last.removed;
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
    fn close_reported(&mut self, event: &Event) {
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

    fn stopped_or_failed(&mut self, event: Event) {
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

    fn enrolled(&mut self, event: Event) {
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
                // O4: it sets nothing.
                if let Some(draft) = self.last() {
                    draft.events.push(event);
                }
                return;
            }
            // A6: a restart of a sender without starts.
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

        // A1.4: a sender without starts reports each enrollment so.
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

    fn compliant(&mut self, event: Event) {
        let now_ms = event.placed_at_ms;
        let platform = event.platform.clone().or_else(|| self.platform.clone());
        if event.assumed && self.settings.compliance_source.is_another(platform.as_deref(), &event.source) {
            // A4: it does not count.
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

    fn set_enrolled(&mut self, event: &Event) {
        self.enrolled = true;
        self.enrolled_by.insert(event.source.clone());
        self.held = event.awaiting_configuration;
        if self.held {
            self.held_by.clone_from(&event.source);
        }
        self.note_complete(event.placed_at_ms);
    }

    /// An `enrolled` or `compliant` in the open attempt, its fact set.
    fn fact_in_open(&mut self, event: Event, repeats: bool) {
        let now_ms = event.placed_at_ms;
        // O4: what only repeats is no activity.
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
        // A1.5: what a source repeats that took part before does not complete it.
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

    /// A fact that opens no attempt.
    fn fact_outside(&mut self) {
        let complete = self.complete();
        if let Some(draft) = self.last() {
            draft.left_complete |= complete;
        }
    }

    /// A8 and A9: whether this completes the last attempt after all. Its fact is set.
    fn late_truth(&mut self, event: &Event) -> bool {
        let complete = self.complete();
        let open = self.open.clone();
        let Some(draft) = self.drafts.last_mut() else {
            return false;
        };
        let Some(end) = &draft.end else {
            return false;
        };
        let late = match &end.by {
            By::Waited => !draft.disturbed,
            By::SilentSession(silent) => end.outcome == "abandoned" && silent.iter().any(|session| open[*session]),
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

    /// A1: on Windows, whether a session has closed the last attempt, and no `esp.started` has been reported since.
    fn closed_by_session(&self) -> bool {
        let end = self.drafts.last().and_then(|draft| draft.end.as_ref());
        end.is_some_and(|end| matches!(end.by, By::GoodEnd | By::SessionFailed(_) | By::SessionLeft))
    }

    /// An event of the Enrollment Status Page.
    fn page_event(&mut self, event: &Event) {
        let now_ms = event.placed_at_ms;
        let key = (event.source.clone(), event.id.clone());
        let Some(session) = self.sessions.iter().position(|session| session.events.contains(&key)) else {
            return;
        };
        let Some(told) = &event.esp else {
            return;
        };
        let is_start = matches!(told.what, What::Started { .. });
        let belongs_already = self.drafts.iter().any(|draft| draft.sessions.contains(&session));
        // Its start is its earliest `esp.started`, without one its first event.
        let begins = !self.begun[session] && (is_start || !self.sessions[session].start_reported);
        if begins {
            self.begun[session] = true;
            self.open[session] = !self.gone[session];
        }
        if begins || (is_start && !belongs_already && self.open[session]) {
            self.belong(session, event, is_start);
        }
        let named = match &told.what {
            What::Tracked(phase, ..) | What::Phase(phase, _) => Some(phase.clone()),
            What::Item(item) => Some(item.phase.clone()),
            _ => None,
        };
        // Windows walks through finished phases again after each restart: the furthest is the one it is in.
        if named.as_deref().map(esp::rank_of_phase) > self.phase[session].as_deref().map(esp::rank_of_phase) {
            self.phase[session] = named;
        }

        // O3: signs of life.
        if let Some(draft) = self.last()
            && draft.end.is_none()
        {
            draft.last_sign_of_life_ms = draft.last_sign_of_life_ms.max(now_ms);
            draft.page.push(event.clone());
        }

        let turns: Vec<Turn> =
            self.sessions[session].turns.iter().filter(|(of, _)| *of == key).map(|(_, turn)| turn.clone()).collect();
        for turn in turns {
            match turn {
                Turn::Good => self.good_end(session, event),
                Turn::Failed(failure) => self.session_failed(session, now_ms, &failure),
                Turn::Retried => {}
                Turn::ContinuedAnyway | Turn::Reset => self.left(session, now_ms, &turn),
            }
        }
    }

    /// A9, belonging; and A1.3.
    fn belong(&mut self, session: usize, event: &Event, is_start: bool) {
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
                && !draft.removed;
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

    /// Whether the last attempt is this session's to correct: open with it, failed by it, or past its limit with it.
    fn is_of(&self, session: usize) -> bool {
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

    fn good_end(&mut self, session: usize, event: &Event) {
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
            // Another attempt has opened since: it is the good end of that one.
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

    fn session_failed(&mut self, session: usize, now_ms: i64, failure: &esp::Failure) {
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
        if let Some(draft) = self.last() {
            draft.end = None;
        }
        self.close(now_ms, "failed", None, By::SessionFailed(session));
        if let Some(end) = self.last().and_then(|draft| draft.end.as_mut()) {
            end.failure = (failure.code.clone(), failure.item.clone(), None);
            if let Some(phase) = &failure.phase {
                end.place = Some(phase_place(phase));
            }
        }
    }

    /// `continueAnyway` or `reset` past the limit of the session.
    fn left(&mut self, session: usize, now_ms: i64, turn: &Turn) {
        if !self.open[session] {
            return;
        }
        let is_of = self.is_of(session);
        let is_open = self.is_open();
        if *turn == Turn::Reset && is_of {
            if is_open {
                // Its place is the phase, so before the session is closed.
                self.close(now_ms, "abandoned", Some("restarted"), By::SessionLeft);
            }
            self.begin_anew();
        }
        self.open[session] = false;
        self.gone[session] = true;
        if *turn == Turn::ContinuedAnyway && is_of && is_open && self.complete() && self.open_sessions().is_empty() {
            self.close(now_ms, "completed", None, By::SessionLeft);
        }
    }

    /// D1
    fn state(&self, registered: bool) -> &'static str {
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

    /// Says of a draft everything there is to say of an attempt.
    fn finished(&self, draft: &Draft, enrollment_key: &str) -> Attempt {
        let all = draft.all();
        let (outcome, cause) = match &draft.end {
            None => ("inProgress", None),
            Some(end) => (end.outcome, end.cause.clone()),
        };
        // P2
        let place = match &draft.end {
            None => self.place(),
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
            platform,
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
            has_both_ends: all.iter().any(|event| event.reports.ends) && all.iter().any(|event| event.reports.failures),
            technician: draft.sessions.iter().any(|session| self.sessions[*session].technician()),
            session_started_at_ms: session.map(|session| session.started_at_ms),
        }
    }
}

fn phase_place(phase: &str) -> Place {
    Place { section: Some("enrollmentStatusPage".to_owned()), action: phase.to_owned(), screen: None }
}

/// The place of the last `step.*` of an attempt.
fn last_step(draft: &Draft) -> Option<Place> {
    let is_step = |event: &&Event| matches!(event.kind, Kind::StepEntered | Kind::StepCompleted);
    draft.events.iter().rfind(is_step).and_then(|event| event.place.clone())
}
