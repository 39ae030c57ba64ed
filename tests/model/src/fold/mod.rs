//! From the events of one device, in order, to its attempts (docs/DOMAIN.md, O, A, P and D1).
//!
//! One pass in a straight line. Sessions of the Enrollment Status Page are judged first, from all of their events; what
//! one of these events does to the attempt is applied when the pass reaches that event.
//!
//! [`reported`] handles enrollment events, [`page`] those of the Enrollment Status Page, and [`says`] builds the
//! answer.

mod page;
mod reported;
mod says;

use crate::Settings;
use crate::attempts::{Device, Page};
use crate::esp::{PageEvent, Session, Turn, What, esp_sessions};
use crate::read::{Event, Kind, Place};
use std::collections::BTreeSet;

const MINUTE_MS: i64 = 60 * 1000;

/// What closed an attempt, where later events depend on it.
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

/// An attempt while it is being built.
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
    /// Its sessions, in the order in which they joined it.
    sessions: Vec<usize>,
    end: Option<End>,
    /// A1.5: its completion that was undone, and the sources that had taken part before.
    undone: Option<(End, BTreeSet<String>)>,
    /// Since its end something other than `enrolled`, `compliant`, `registered` and the page's events was reported.
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
            Some(page) => matches!(page.what, What::Started { .. }),
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
    /// For each session: whether it has begun, whether it is over for good, and its turns before it begins.
    begun: Vec<bool>,
    gone: Vec<bool>,
    early: Vec<Vec<Turn>>,
    drafts: Vec<Draft>,
    enrolled: bool,
    compliant: bool,
    held: bool,
    /// The source that held it.
    held_by: String,
    compliant_at_ms: Option<i64>,
    complete_since_ms: Option<i64>,
    enrolled_by: BTreeSet<String>,
    prepared: bool,
    platform: Option<String>,
    /// P5: which event reported which platform, in order.
    platforms: Vec<(String, String, Option<String>)>,
    /// When, code, resolved.
    failures: Vec<(i64, Option<String>, bool)>,
}

/// Fills in what the events show of the device.
pub fn fold(events: Vec<Event>, settings: &Settings, as_of_ms: i64, device: &mut Device) {
    let mut page_events = Vec::new();
    let mut unenrolled_ms = Vec::new();
    for event in &events {
        if let Some(esp) = &event.esp {
            let (source, id) = (event.source.clone(), event.id.clone());
            page_events.push(PageEvent {
                at_ms: event.placed_at_ms,
                source,
                id,
                dropped: event.dropped,
                ..esp.clone()
            });
        }
        if event.kind == Kind::Unenrolled {
            unenrolled_ms.push(event.placed_at_ms);
        }
    }
    let named = events.iter().filter(|event| event.enrollment_profile_name.is_some());
    let with_profile_name: BTreeSet<(String, String)> =
        named.map(|event| (event.source.clone(), event.id.clone())).collect();
    let models: Vec<((String, String), Option<String>)> =
        events.iter().map(|event| ((event.source.clone(), event.id.clone()), event.model.clone())).collect();
    let idle_ms = settings.windows_idle_limit_minutes.saturating_mul(MINUTE_MS);
    let sessions = esp_sessions(&page_events, &unenrolled_ms, idle_ms, as_of_ms);
    device.has_esp_session = !sessions.is_empty();

    let count = sessions.len();
    let mut reading = Reading {
        settings,
        sessions,
        open: vec![false; count],
        begun: vec![false; count],
        gone: vec![false; count],
        early: vec![Vec::new(); count],
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
        platforms: Vec::new(),
        failures: Vec::new(),
    };
    for event in &events {
        reading.platforms.push((event.source.clone(), event.id.clone(), event.platform.clone()));
    }
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
            has_profile_name: session.events.iter().any(|key| with_profile_name.contains(key)),
            model: models
                .iter()
                .rev()
                .find(|(key, model)| model.is_some() && session.events.contains(key))
                .and_then(|(_, model)| model.clone()),
            apps: session.apps.clone(),
            times: session.times.clone(),
            profile: session.profile.clone(),
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

    /// The last attempt. The caller has checked that there is one.
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

    /// P1 without what the closing event names: where the last attempt is at this instant.
    fn place(&self, at_ms: i64) -> Option<Place> {
        let draft = self.drafts.last()?;
        // 2. on Windows, the phase of the open session.
        for session in self.open_sessions().into_iter().rev() {
            if let Some(phase) = self.sessions[session].phase_at(at_ms) {
                return Some(phase_place(&phase));
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
        // 5. the first screen, if a sender reports screens.
        let platform = draft.platform();
        if matches!(platform.as_deref(), Some("ios" | "android")) && draft.has_steps() {
            let (section, action) = ("setupChecklist".to_owned(), "PreEnrollmentWizard".to_owned());
            return Some(Place { section: Some(section), action, screen: None });
        }
        // 6. no place.
        None
    }

    fn close(&mut self, at_ms: i64, outcome: &'static str, cause: Option<&str>, by: By) {
        let place = self.place(at_ms);
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

    /// A5, A8, A9: what has happened before this instant by the clock alone.
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

    /// A4: whether the tenant names a source of compliance other than the one that holds the device.
    fn another_source(&self) -> bool {
        let platform = self.drafts.last().and_then(Draft::platform).or_else(|| self.platform.clone());
        self.settings.compliance_source.is_another(platform.as_deref(), &self.held_by)
    }

    fn event(&mut self, event: Event) {
        let now_ms = event.placed_at_ms;
        let was_open = self.is_open();
        match event.kind {
            // Tags were taken out before.
            Kind::Registered | Kind::Tagged => {}
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

    /// Something was reported after the last attempt that is not a late event of it.
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
        // A9: the sessions of an attempt whose limit passed have ended once another one opens.
        if let Some(Draft { end: Some(End { by: By::SilentSession(silent), .. }), .. }) = self.drafts.last() {
            for session in silent.clone() {
                self.open[session] = false;
                self.gone[session] = true;
            }
        }
        if self.prepared {
            // A9: the user's part needs its own `compliant`.
            self.prepared = false;
            self.compliant = false;
            self.compliant_at_ms = None;
            self.note_complete(event.placed_at_ms);
        }
        self.drafts.push(Draft::new(event.clone()));
    }

    /// Adds an activity to the open attempt.
    fn take(&mut self, event: Event) {
        if let Some(draft) = self.last() {
            draft.last_activity_ms = draft.last_activity_ms.max(event.placed_at_ms);
            draft.events.push(event);
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
