//! From the events of one device to its sessions.
//!
//! A session is a function of the set of its events and an instant: what is waited for follows from the profile fixed at
//! its start and the apps known to be targeted over the whole set, and then the events are gone through in order.

use super::profile::DEFAULT_TIMEOUT_MINUTES;
use super::resolve::{AppliedProfile, folded_id};
use super::session::{
    EspItem, EspSession, HYBRID_JOIN_MINUTES, PhaseProgress, STUCK_IDENTIFYING, SessionState, Tracking,
};
use super::{Category, DeploymentMode, EspAction, EspDetail, EspEvent, ItemName, ItemState, Phase, PhaseState, Start};
use crate::about::About;
use crate::attempt::AttemptId;
use crate::event::{Body, Event};
use crate::identity::{EnrollmentKey, TenantId};
use crate::time::{Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The sessions in a device's `events`, which are ordered and placed up to `as_of`.
pub fn sessions(tenant: &TenantId, events: &[&Event], as_of: Timestamp) -> Vec<EspSession> {
    let mut groups: Vec<Vec<(&Event, &EspEvent)>> = Vec::new();
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    let mut current: Option<usize> = None;
    for event in events {
        let Body::Esp(esp) = &event.body else { continue };
        let group = if let Some(id) = &esp.session_id {
            *named.entry(id).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            })
        } else {
            let over = |group: usize| {
                let told = &groups[group];
                may_be_over(told, event.placed())
                    && fold_session(tenant, told, event.placed()).is_none_or(|session| !session.is_open())
            };
            let starts = matches!(esp.detail, EspDetail::Started(_));
            match current {
                Some(group) if !(starts && over(group)) => group,
                _ => {
                    groups.push(Vec::new());
                    current = Some(groups.len() - 1);
                    groups.len() - 1
                }
            }
        };
        groups[group].push((event, esp));
    }
    let mut sessions: Vec<_> = groups.iter().filter_map(|group| fold_session(tenant, group, as_of)).collect();
    sessions.sort_by_key(|session| (session.started_at, session.id));
    sessions
}

/// Whether a session may have ended by `at`: cheap to say, since a sender may repeat `esp.started` without end.
fn may_be_over(told: &[(&Event, &EspEvent)], at: Timestamp) -> bool {
    let ends = |esp: &EspEvent| {
        matches!(
            esp.detail,
            EspDetail::Completed
                | EspDetail::Failed(..)
                | EspDetail::Phase(_, PhaseState::Failed)
                | EspDetail::Item(_, _, _, ItemState::Error, _)
        )
    };
    let limit = told.iter().find_map(|(_, esp)| match &esp.detail {
        EspDetail::Started(start) => start.profile.as_ref().map(|profile| profile.timeout_minutes),
        _ => None,
    });
    let limit = Millis::from_minutes(i64::from(limit.unwrap_or(DEFAULT_TIMEOUT_MINUTES)));
    told.first().is_none_or(|(first, _)| at > first.placed() + limit) || told.iter().any(|(_, esp)| ends(esp))
}

/// One session from its events in order, as of an instant.
fn fold_session(tenant: &TenantId, events: &[(&Event, &EspEvent)], as_of: Timestamp) -> Option<EspSession> {
    let mut run = Run::new(tenant, events, as_of)?;
    for (event, esp) in events {
        run.take(event, esp);
    }
    Some(run.end(as_of))
}

/// Why a session stands as failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FailedBy {
    /// A sender said so.
    Word,
    /// Items that are waited for went wrong.
    Items,
}

/// The state between two events.
struct Run {
    session: EspSession,
    items: BTreeMap<ItemKey, EspItem>,
    /// Ids of the apps known to be targeted, folded; `None` where no list was told.
    targeted: Option<BTreeSet<String>>,
    failed_by: Option<FailedBy>,
    /// What is waited for and went wrong since the last retry.
    failing: BTreeSet<ItemKey>,
}

/// An item of a session; senders differ in the case of ids.
type ItemKey = (Phase, Category, String);

impl Run {
    fn new(tenant: &TenantId, events: &[(&Event, &EspEvent)], as_of: Timestamp) -> Option<Self> {
        let (first, first_esp) = events.first()?;
        let start: Option<(&Event, &Start)> = events.iter().find_map(|(event, esp)| match &esp.detail {
            EspDetail::Started(start) => Some((*event, start.as_ref())),
            _ => None,
        });
        let opened_by = start.map_or(*first, |(event, _)| event);
        let profile = start.and_then(|(_, start)| start.profile.as_deref().cloned());
        let profile = profile.unwrap_or_else(AppliedProfile::built_in);
        let hybrid_join = start.is_some_and(|(_, start)| start.hybrid_join);
        let limit_minutes = profile.timeout_minutes + if hybrid_join { HYBRID_JOIN_MINUTES } else { 0 };
        let started_at = opened_by.placed();
        // An app is targeted when the start lists it, or the list of a subtask; where no start lists any,
        // also when something is told of it.
        let listed = start.and_then(|(_, start)| start.targeted_apps.as_ref()).map(|apps| {
            let tracked = events.iter().flat_map(|(_, esp)| match &esp.detail {
                EspDetail::Tracked(_, Category::Apps, list) => list.as_slice(),
                _ => &[],
            });
            apps.iter().map(|target| &target.app).chain(tracked).map(|app| folded_id(&app.id)).collect()
        });
        let names: Vec<_> = opened_by.about.identifiers().collect();
        let device = EnrollmentKey::of(&names);
        let id = match &first_esp.session_id {
            // A sender may use one id for sessions of many devices, and updates are identified by what they tell. The device
            // is called as the opening event did: what is learned of it later changes no id.
            Some(id) => AttemptId::of("esp-named", tenant, device.as_str(), id),
            None => {
                let opened = format!("{}\n{}", opened_by.key.source, opened_by.key.id);
                AttemptId::of("esp", tenant, device.as_str(), &opened)
            }
        };
        let session = EspSession {
            id,
            session_id: first_esp.session_id.clone(),
            as_of,
            started_at,
            ended_at: None,
            first_event_at: first.placed(),
            last_event_at: started_at,
            deadline: started_at + Millis::from_minutes(i64::from(limit_minutes)),
            state: SessionState::InProgress,
            profile,
            limit_minutes,
            deployment_mode: start.and_then(|(_, start)| start.deployment_mode),
            hybrid_join,
            phase: None,
            phases: BTreeMap::new(),
            known: BTreeMap::new(),
            items: Vec::new(),
            actions: Vec::new(),
            timed_out: false,
            failed: false,
            failed_phase: None,
            error_code: None,
            error_message: None,
            stuck_since: None,
            is_stuck: false,
            stuck_from: None,
            about: About::default(),
        };
        Some(Self { session, items: BTreeMap::new(), targeted: listed, failed_by: None, failing: BTreeSet::new() })
    }

    fn take(&mut self, event: &Event, esp: &EspEvent) {
        let at = event.placed();
        self.session.about.update(&event.about);
        self.session.last_event_at = self.session.last_event_at.max(at);
        match &esp.detail {
            EspDetail::Started(start) => {
                // A list that is told, were it empty, is known.
                for phase in start.targeted_apps.iter().flat_map(|_| [Phase::DeviceSetup, Phase::AccountSetup]) {
                    self.know(phase, Category::Apps, at);
                }
                for target in start.targeted_apps.iter().flatten() {
                    let phase = if target.user_context { Phase::AccountSetup } else { Phase::DeviceSetup };
                    self.item(phase, Category::Apps, &target.app, at);
                }
            }
            EspDetail::Tracked(phase, category, list) => {
                self.know(*phase, *category, at);
                for item in list {
                    self.item(*phase, *category, item, at);
                }
            }
            EspDetail::Item(phase, category, name, state, code) => {
                self.know(*phase, *category, at);
                if *state != ItemState::NotInstalled {
                    self.enter(*phase, at);
                }
                self.update(*phase, *category, name, *state, code.as_ref(), at);
            }
            EspDetail::Phase(phase, state) => {
                // That it began, told when the next one has, reopens nothing.
                let is_behind = self.session.phase > Some(*phase);
                let progress = self.enter(*phase, at);
                if !(is_behind && *state == PhaseState::Started) {
                    progress.state = *state;
                    progress.ended_at = (*state != PhaseState::Started).then_some(at);
                }
                if *state == PhaseState::Failed {
                    self.fail(at, FailedBy::Word, Some(*phase), None, None);
                }
            }
            EspDetail::Action(action) => {
                self.session.actions.push((at, *action));
                if *action == EspAction::Retry && self.session.state == SessionState::Failed {
                    self.go_on();
                }
            }
            EspDetail::Failed(code, message) => {
                self.fail(at, FailedBy::Word, None, code.as_ref(), message.as_ref());
            }
            EspDetail::Completed if !self.session.state.is_success() => self.complete(at),
            EspDetail::Completed => {}
        }
    }

    fn know(&mut self, phase: Phase, category: Category, at: Timestamp) {
        self.session.known.entry((phase, category)).or_insert(at);
    }

    /// The phase is under way; those before it are over.
    fn enter(&mut self, phase: Phase, at: Timestamp) -> &mut PhaseProgress {
        for (_, before) in self.session.phases.range_mut(..phase) {
            if before.state == PhaseState::Started {
                before.state = PhaseState::Completed;
                before.ended_at = Some(at);
            }
        }
        self.session.phase = self.session.phase.max(Some(phase));
        let begun = PhaseProgress { started_at: at, ended_at: None, state: PhaseState::Started };
        self.session.phases.entry(phase).or_insert(begun)
    }

    fn item(&mut self, phase: Phase, category: Category, name: &ItemName, at: Timestamp) -> &mut EspItem {
        let tracking = self.tracking(phase, category, &name.id);
        let known = self.items.entry((phase, category, folded_id(&name.id))).or_insert_with(|| EspItem {
            phase,
            category,
            id: name.id.clone(),
            name: None,
            tracking,
            state: None,
            error_code: None,
            updated_at: at,
            began_at: None,
            settled_at: None,
            errors: 0,
        });
        if name.name.is_some() {
            known.name.clone_from(&name.name);
        }
        known
    }

    /// What an item means to this session.
    fn tracking(&self, phase: Phase, category: Category, id: &str) -> Tracking {
        let profile = &self.session.profile;
        if !profile.is_shown() {
            return Tracking::NotTracked;
        }
        if category != Category::Apps {
            return Tracking::Blocking;
        }
        let targeted = self.targeted.as_ref().is_none_or(|targeted| targeted.contains(&folded_id(id)));
        let technician = self.session.deployment_mode == Some(DeploymentMode::PreProvisioningTechnician);
        match (targeted, profile.waits_for(id)) {
            (true, true) => Tracking::Blocking,
            (true, false) if technician && phase == Phase::DeviceSetup => {
                if profile.tries_non_blocking {
                    Tracking::NonBlocking
                } else {
                    Tracking::Deferred
                }
            }
            _ => Tracking::NotTracked,
        }
    }

    fn update(
        &mut self,
        phase: Phase,
        category: Category,
        name: &ItemName,
        state: ItemState,
        code: Option<&String>,
        at: Timestamp,
    ) {
        let known = self.item(phase, category, name, at);
        // Events come in order of time; of one instant the further state wins.
        if known.updated_at == at && known.state.is_some_and(|before| before > state) {
            return;
        }
        if known.state != Some(state) {
            known.settled_at = state.is_settled().then_some(at);
            known.errors += u32::from(state == ItemState::Error);
        }
        if state != ItemState::NotInstalled {
            known.began_at.get_or_insert(at);
        }
        known.state = Some(state);
        known.error_code = code.cloned();
        known.updated_at = at;
        if known.tracking != Tracking::Blocking {
            return;
        }
        let key = (phase, category, folded_id(&name.id));
        if state == ItemState::Error {
            self.failing.insert(key);
            self.fail(at, FailedBy::Items, Some(phase), code, None);
        } else if self.failing.remove(&key)
            && self.failing.is_empty()
            && (self.session.state, self.failed_by) == (SessionState::Failed, Some(FailedBy::Items))
        {
            self.go_on();
        }
    }

    fn fail(
        &mut self,
        at: Timestamp,
        by: FailedBy,
        phase: Option<Phase>,
        code: Option<&String>,
        message: Option<&String>,
    ) {
        let session = &mut self.session;
        if session.state.is_success() {
            return;
        }
        session.failed = true;
        if session.state != SessionState::Failed {
            // A failure after another is told afresh.
            (session.failed_phase, session.error_code, session.error_message) = (None, None, None);
            session.state = SessionState::Failed;
            session.ended_at = Some(at);
            self.failed_by = Some(by);
        } else if by == FailedBy::Word {
            self.failed_by = Some(by);
        }
        session.failed_phase = phase.or(session.failed_phase).or(session.phase);
        if code.is_some() {
            session.error_code = code.cloned();
        }
        if message.is_some() {
            session.error_message = message.cloned();
        }
    }

    /// A session that failed is under way again.
    fn go_on(&mut self) {
        self.session.state = SessionState::InProgress;
        self.session.ended_at = None;
        self.failed_by = None;
        self.failing.clear();
    }

    fn complete(&mut self, at: Timestamp) {
        let session = &mut self.session;
        let retried = session.retries() > 0;
        session.state = match (session.failed || at > session.deadline, retried) {
            (false, _) => SessionState::Success,
            (true, true) => SessionState::SuccessOnRetry,
            (true, false) => SessionState::SuccessWithTimeout,
        };
        session.ended_at = Some(at);
        for progress in session.phases.values_mut().filter(|progress| progress.state == PhaseState::Started) {
            progress.state = PhaseState::Completed;
            progress.ended_at = Some(at);
        }
    }

    fn end(self, as_of: Timestamp) -> EspSession {
        let Self { mut session, items, .. } = self;
        session.items = items.into_values().collect();
        let until = session.ended_at.unwrap_or(as_of);
        session.timed_out = until > session.deadline;
        if session.state == SessionState::InProgress && session.timed_out {
            session.state = SessionState::TimedOut;
        }
        session.notice_stuck(until);
        session
    }
}

impl EspSession {
    /// Fills in since when it was stuck, up to `until`: its end, or now.
    fn notice_stuck(&mut self, until: Timestamp) {
        let (current, current_began) = self.current_phase();
        let mut phases: Vec<(Phase, Timestamp)> =
            self.phases.iter().map(|(phase, progress)| (*phase, progress.started_at)).collect();
        if phases.is_empty() {
            phases.push((current, self.started_at));
        }
        for (phase, began) in phases.into_iter().filter(|(phase, _)| *phase != Phase::DevicePreparation) {
            // A phase before the current one is over, told or not.
            let passed = (phase < current).then_some(current_began.max(began));
            let told_end = self.phases.get(&phase).and_then(|progress| progress.ended_at).or(passed);
            let ended = told_end.unwrap_or(until);
            let limit = began + STUCK_IDENTIFYING;
            let known = self.known.get(&(phase, Category::Apps)).copied();
            let waiting = known.is_none() && told_end.is_none() && self.ended_at.is_none();
            if known.unwrap_or(ended).min(ended) > limit {
                let since = self.stuck_since.map_or(limit, |earlier| earlier.min(limit));
                self.stuck_since = Some(since);
                self.is_stuck |= waiting && self.is_open();
            } else if waiting {
                self.stuck_from = Some(limit);
            }
        }
    }
}
