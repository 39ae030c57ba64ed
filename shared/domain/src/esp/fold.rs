//! Folds the events of one session to its state and its turns: what it does to the attempt that it belongs to.
//!
//! A session is a function of the set of its events, the removals of its device from management, and an instant. What
//! it waits for follows from the profile fixed at its start and the apps known to be targeted over the whole set; then
//! the events are folded in order.

use super::filter::Property;
use super::resolve::{AppliedProfile, folded_id};
use super::session::{
    EspItem, EspSession, HYBRID_JOIN_MINUTES, PhaseProgress, STUCK_IDENTIFYING, SessionState, Tracking,
};
use super::{Category, DeploymentMode, EspAction, EspDetail, EspEvent, ItemName, ItemState, Phase, PhaseState, Start};
use crate::about::{About, EventKey};
use crate::attempt::AttemptId;
use crate::event::Event;
use crate::failure::Failure;
use crate::identity::{EnrollmentKey, TenantId};
use crate::time::{Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Items that are in error for longer than this have failed their session, as of the instant of the error
/// (docs/DOMAIN.md, S21).
const GRACE: Millis = Millis::from_minutes(2);

/// What one event of a session does to the attempt that the session belongs to (docs/DOMAIN.md, A9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It begins.
    Begins,
    /// It failed. The number is that of the failure, from 0.
    Fails(usize),
    /// It ended well.
    EndsWell,
    /// After its limit the person used the device all the same.
    GoesOnWithout,
    /// After its limit the person reset the device.
    Reset,
}

/// One failure of a session. A session that failed, was tried again and failed again has two.
#[derive(Clone, Debug)]
pub struct EspFailure {
    /// What was reported of it.
    pub failure: Failure,
    /// The phase that failed; failing that, the one that the session was in.
    pub phase: Option<Phase>,
}

/// One session, its failures, and its turns with the events that made them.
pub(super) struct Folded<'e> {
    pub session: EspSession,
    pub failures: Vec<EspFailure>,
    pub turns: Vec<(&'e EventKey, Turn)>,
}

/// An event of the page.
pub(super) type PageEvent<'e> = (&'e Event, &'e EspEvent);

/// The events of one session, in order.
pub(super) struct OneSession<'e> {
    pub events: Vec<PageEvent<'e>>,
    /// If several sources report it: the one whose items count.
    pub items_of: Option<&'e str>,
}

impl OneSession<'_> {
    fn counts(&self, event: &Event, esp: &EspEvent) -> bool {
        !esp.is_update() || self.items_of.is_none_or(|source| event.key.source == source)
    }
}

/// Folds one session's events, which are in order, as of an instant. `removals` are the instants at which the device
/// was removed from management, in order.
pub(super) fn fold_session<'e>(
    tenant: &TenantId,
    one: &OneSession<'e>,
    removals: &[Timestamp],
    as_of: Timestamp,
) -> Option<Folded<'e>> {
    let mut run = Run::new(tenant, one, as_of)?;
    let first = one.events.first()?.0.placed();
    // At the same instant, an `unenrolled` comes before what the page reports.
    let mut removals = removals.iter().copied().filter(|removed| *removed > first && *removed <= as_of).peekable();
    for (event, esp) in &one.events {
        while let Some(removed) = removals.next_if(|removed| *removed <= event.placed()) {
            run.settle(Some(removed));
            run.unenroll(removed);
        }
        run.settle(Some(event.placed()));
        run.take(event, esp, one.counts(event, esp));
    }
    for removed in removals {
        run.settle(Some(removed));
        run.unenroll(removed);
    }
    run.settle(Some(as_of));
    Some(run.end(as_of))
}

/// An item that the session waits for and that went wrong.
struct Failing<'e> {
    since: Timestamp,
    event: &'e EventKey,
    code: Option<String>,
    name: Option<String>,
}

/// The state between two events.
struct Run<'e> {
    session: EspSession,
    failures: Vec<EspFailure>,
    turns: Vec<(&'e EventKey, Turn)>,
    /// Whether its start has come; the events before it, and their turns.
    has_begun: bool,
    before: BTreeSet<&'e EventKey>,
    early: Vec<Turn>,
    /// Whether the removal of the device ended it. What is reported later is then not its end.
    closed: bool,
    /// When the person ended it after its limit. From then on it does nothing to an attempt.
    left_at: Option<Timestamp>,
    /// The event that opened it.
    opened_by: &'e EventKey,
    /// The `esp.started` whose list of targeted apps counts.
    listed_by: Option<&'e EventKey>,
    items: BTreeMap<ItemKey, EspItem>,
    /// Case-folded ids of the apps known to be targeted; `None` if no list was reported.
    targeted: Option<BTreeSet<String>>,
    /// Items that the session waits for and that went wrong, by item and number of earlier retries. Each fails the
    /// session unless it recovers in time.
    failing: BTreeMap<(ItemKey, usize), Failing<'e>>,
}

/// The key of an item within a session. Senders differ in the case of ids.
type ItemKey = (Phase, Category, String);

impl<'e> Run<'e> {
    fn new(tenant: &TenantId, one: &OneSession<'e>, as_of: Timestamp) -> Option<Self> {
        let events = &one.events;
        let (first, _) = events.first()?;
        // Of several starts of one source the earliest counts; another source may add what it does not report.
        let mut sources = BTreeSet::new();
        let starts: Vec<(&'e Event, &Start)> = events
            .iter()
            .filter_map(|(event, esp)| match &esp.detail {
                EspDetail::Started(start) => Some((*event, start.as_ref())),
                _ => None,
            })
            .filter(|(event, _)| sources.insert(&event.key.source))
            .collect();
        let mut starts = starts.into_iter();
        let start: Option<(&'e Event, &Start)> = starts.clone().next();
        let opened_by = start.map_or(*first, |(event, _)| event);
        let known = |read: fn(&Start) -> bool| starts.clone().find(|(_, start)| read(start)).map(|(_, start)| start);
        let profile = known(|start| start.profile.is_some()).and_then(|start| start.profile.as_deref().cloned());
        let profile = profile.unwrap_or_else(AppliedProfile::built_in);
        let hybrid_join = starts.clone().any(|(_, start)| start.hybrid_join);
        let given = known(|start| start.limit_minutes.is_some()).and_then(|start| start.limit_minutes);
        let own_limit = given.unwrap_or(profile.timeout_minutes);
        let limit_minutes = own_limit.saturating_add(if hybrid_join { HYBRID_JOIN_MINUTES } else { 0 });
        let deployment_mode = known(|start| start.deployment_mode.is_some()).and_then(|start| start.deployment_mode);
        let allowed_actions =
            known(|start| start.allowed_actions.is_some()).and_then(|start| start.allowed_actions.clone());
        let listing = starts.clone().find(|(_, start)| start.targeted_apps.is_some());
        let named = starts.any(|(_, start)| start.property(Property::EnrollmentProfileName).is_some());
        let autopilot = named || deployment_mode.is_some_and(|mode| mode != DeploymentMode::UserDriven);
        let started_at = opened_by.placed();
        // An app is targeted if the start or a subtask's list names it; if no start lists any, also if something is
        // reported of it.
        let listed = listing.and_then(|(_, start)| start.targeted_apps.as_ref()).map(|apps| {
            let counted = events.iter().filter(|(event, esp)| one.counts(event, esp));
            let tracked = counted.flat_map(|(_, esp)| match &esp.detail {
                EspDetail::Tracked(_, Category::Apps, list) => list.as_slice(),
                _ => &[],
            });
            apps.iter().map(|target| &target.app).chain(tracked).map(|app| folded_id(&app.id)).collect()
        });
        let names: Vec<_> = opened_by.about.identifiers().collect();
        let device = EnrollmentKey::of(&names);
        let session_id = events.iter().find_map(|(_, esp)| esp.session_id.as_ref());
        let id = match session_id {
            // A sender may use one id for sessions of many devices, and updates are identified by their content. So the
            // id contains the device's key as of the opening event, and later identifiers do not change it.
            Some(id) => AttemptId::of("esp-named", tenant, device.as_str(), id),
            None => {
                let opened = format!("{}\n{}", opened_by.key.source, opened_by.key.id);
                AttemptId::of("esp", tenant, device.as_str(), &opened)
            }
        };
        let session = EspSession {
            id,
            session_id: session_id.cloned(),
            as_of,
            started_at,
            ended_at: None,
            first_event_at: first.placed(),
            last_event_at: started_at,
            deadline: started_at + Millis::from_minutes(i64::from(limit_minutes)),
            state: SessionState::InProgress,
            profile,
            limit_minutes,
            deployment_mode,
            hybrid_join,
            allowed_actions,
            autopilot,
            attempt: None,
            end_not_reported: false,
            failed_item: None,
            fails_after: None,
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
        Some(Self {
            session,
            failures: Vec::new(),
            turns: Vec::new(),
            has_begun: false,
            before: BTreeSet::new(),
            early: Vec::new(),
            closed: false,
            left_at: None,
            opened_by: &opened_by.key,
            listed_by: listing.map(|(event, _)| &event.key),
            items: BTreeMap::new(),
            targeted: listed,
            failing: BTreeMap::new(),
        })
    }

    fn take(&mut self, event: &'e Event, esp: &EspEvent, counts: bool) {
        let at = event.placed();
        if &event.key == self.opened_by {
            self.turns.push((&event.key, Turn::Begins));
            // What was reported before its start counts from the start.
            let early = std::mem::take(&mut self.early);
            self.turns.extend(early.into_iter().map(|turn| (&event.key, turn)));
            self.has_begun = true;
        }
        if !self.has_begun {
            self.before.insert(&event.key);
        }
        self.session.about.update(&event.about);
        self.session.last_event_at = self.session.last_event_at.max(at);
        if !counts {
            return;
        }
        match &esp.detail {
            EspDetail::Started(start) if self.listed_by == Some(&event.key) => {
                // A reported list is known even if it is empty.
                for phase in start.targeted_apps.iter().flat_map(|_| [Phase::DeviceSetup, Phase::AccountSetup]) {
                    self.know(phase, Category::Apps, at);
                }
                for target in start.targeted_apps.iter().flatten() {
                    let phase = if target.user_context { Phase::AccountSetup } else { Phase::DeviceSetup };
                    self.item(phase, Category::Apps, &target.app, at);
                }
            }
            EspDetail::Started(_) => {}
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
                self.update(event, (*phase, *category), name, *state, code.as_ref());
                self.end_if_all_is_done(event);
            }
            EspDetail::Phase(phase, state) => self.phase(event, *phase, *state),
            EspDetail::Action(action) => self.act(event, *action),
            EspDetail::Failed(code, message) => {
                let of = Reported { phase: None, code: code.as_ref(), message: message.as_ref() };
                self.fail(at, &event.key, true, of);
            }
            EspDetail::Completed => self.complete(at, &event.key),
        }
    }

    fn phase(&mut self, event: &'e Event, phase: Phase, state: PhaseState) {
        let at = event.placed();
        // A phase reported as begun after the next one has begun is not reopened.
        let is_behind = self.session.phase > Some(phase) && state == PhaseState::Started;
        // Windows walks through finished phases again after each restart of the device.
        let retries = |since: Timestamp| {
            self.session.actions.iter().any(|(then, action)| *action == EspAction::Retry && *then >= since)
        };
        let before = self.session.phases.get(&phase);
        let is_done = state != PhaseState::Failed
            && before.is_some_and(|before| {
                before.state == PhaseState::Completed
                    && before.completion_reported
                    && before.ended_at.is_none_or(|ended| !retries(ended))
            });
        let progress = self.enter(phase, at);
        if !is_behind && !is_done {
            progress.state = state;
            progress.ended_at = (state != PhaseState::Started).then_some(at);
            progress.completion_reported = state == PhaseState::Completed;
        }
        match state {
            PhaseState::Failed => {
                self.fail(at, &event.key, true, Reported { phase: Some(phase), code: None, message: None });
            }
            PhaseState::Completed if Some(&phase) == self.session.expected_phases().last() => {
                self.complete(at, &event.key);
            }
            _ => {}
        }
    }

    fn act(&mut self, event: &'e Event, action: EspAction) {
        let at = event.placed();
        self.session.actions.push((at, action));
        if self.closed {
            return;
        }
        let is_past =
            self.session.state == SessionState::InProgress && at > self.session.deadline && self.left_at.is_none();
        match action {
            EspAction::Retry if self.session.state == SessionState::Failed => self.go_on(),
            EspAction::ContinueAnyway if is_past => self.end_past_limit(event, Turn::GoesOnWithout),
            EspAction::Reset if is_past => self.end_past_limit(event, Turn::Reset),
            _ => {}
        }
    }

    /// The person ended a session that was past its limit.
    fn end_past_limit(&mut self, event: &'e Event, turn: Turn) {
        self.failing.clear();
        self.session.ended_at = Some(event.placed());
        self.turn(&event.key, turn);
        self.left_at = Some(event.placed());
    }

    /// The device was removed from management: that ends any session.
    fn unenroll(&mut self, at: Timestamp) {
        // What is in error now can no longer fail it.
        self.failing.clear();
        if std::mem::replace(&mut self.closed, true) || self.left_at.is_some() {
            return;
        }
        if self.session.state == SessionState::InProgress {
            let in_time = at <= self.session.deadline;
            self.session.state = if in_time { SessionState::Ended } else { SessionState::TimedOut };
            self.session.ended_at = Some(at.max(self.session.started_at));
        }
    }

    /// An item that went wrong and has not recovered in time by `now` has failed the session, as of when it went wrong.
    /// Without an instant, every item that is still in error has failed it.
    fn settle(&mut self, now: Option<Timestamp>) {
        while self.session.state != SessionState::Failed {
            let overdue = self.failing.iter().filter(|(_, failing)| now.is_none_or(|now| failing.since + GRACE < now));
            let Some((key, _)) = overdue.min_by_key(|(_, failing)| failing.since) else { return };
            let key = key.clone();
            self.fail_by_item(&key);
            if self.session.retries() == key.1 {
                return;
            }
            self.go_on();
        }
    }

    fn fail_by_item(&mut self, failing: &(ItemKey, usize)) {
        let key = &failing.0;
        let Some(failing) = self.failing.get(failing) else { return };
        let (since, event, code, name) = (failing.since, failing.event, failing.code.clone(), failing.name.clone());
        let before = self.session.state;
        self.fail(since, event, false, Reported { phase: Some(key.0), code: code.as_ref(), message: None });
        if before != SessionState::Failed && self.session.state == SessionState::Failed {
            self.session.failed_item = name.or_else(|| Some(key.2.clone()));
            self.note_failure();
        }
    }

    /// The session ends well once the last phase's list of apps is known and everything that it waits for is done.
    fn end_if_all_is_done(&mut self, event: &'e Event) {
        let Some(last) = self.session.expected_phases().last().copied() else { return };
        let known = self.session.known.contains_key(&(last, Category::Apps));
        let is_waited_for = |item: &&EspItem| item.phase == last && item.tracking == Tracking::Blocking;
        let mut waited_for = self.items.values().filter(is_waited_for);
        let has_apps = waited_for.clone().any(|item| item.category == Category::Apps);
        if known && has_apps && waited_for.all(EspItem::is_done) {
            self.complete(event.placed(), &event.key);
        }
    }

    fn know(&mut self, phase: Phase, category: Category, at: Timestamp) {
        self.session.known.entry((phase, category)).or_insert(at);
    }

    /// The phase is under way, so those before it are over.
    fn enter(&mut self, phase: Phase, at: Timestamp) -> &mut PhaseProgress {
        for (_, before) in self.session.phases.range_mut(..phase) {
            if before.state == PhaseState::Started {
                before.state = PhaseState::Completed;
                before.ended_at = Some(at);
            }
        }
        self.session.phase = self.session.phase.max(Some(phase));
        let begun =
            PhaseProgress { started_at: at, ended_at: None, state: PhaseState::Started, completion_reported: false };
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
        event: &'e Event,
        (phase, category): (Phase, Category),
        name: &ItemName,
        state: ItemState,
        code: Option<&String>,
    ) {
        let at = event.placed();
        let known = self.item(phase, category, name, at);
        // Events come in order of time; at the same instant the more advanced state wins.
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
        let is_waited_for = known.tracking == Tracking::Blocking;
        let name_known = known.name.clone();
        if !is_waited_for || self.closed {
            return;
        }
        let key = (phase, category, folded_id(&name.id));
        let retries = self.session.retries();
        if state == ItemState::Error {
            if !self.session.state.is_success() {
                let failing = self.failing.entry((key, retries)).or_insert(Failing {
                    since: at,
                    event: &event.key,
                    code: None,
                    name: name_known,
                });
                if code.is_some() {
                    failing.code = code.cloned();
                }
            }
        } else {
            // A session that this item has already failed goes on only after a retry (docs/DOMAIN.md, S20).
            self.failing.retain(|(failing, _), _| *failing != key);
        }
    }

    fn fail(&mut self, at: Timestamp, event: &'e EventKey, in_words: bool, reported: Reported<'_>) {
        if self.closed || self.session.state.is_success() {
            return;
        }
        if in_words {
            // An item went wrong just before: that item failed the session, and at that instant.
            self.settle(None);
        }
        let mut turn = None;
        let session = &mut self.session;
        session.failed = true;
        if session.state != SessionState::Failed {
            // A failure after another one is reported anew.
            (session.failed_phase, session.error_code, session.error_message) = (None, None, None);
            session.failed_item = None;
            session.state = SessionState::Failed;
            session.ended_at = Some(at.max(session.started_at));
            turn = Some(Turn::Fails(self.failures.len()));
        }
        session.failed_phase = reported.phase.or(session.failed_phase).or(session.phase);
        if reported.code.is_some() {
            session.error_code = reported.code.cloned();
        }
        if reported.message.is_some() {
            session.error_message = reported.message.cloned();
        }
        if let Some(turn) = turn {
            self.failures.push(EspFailure { failure: Failure::default(), phase: session.failed_phase });
            self.turn(event, turn);
        }
        self.note_failure();
    }

    /// Keeps what is known of the current failure.
    fn note_failure(&mut self) {
        let known = self.session.failure();
        if let Some(last) = self.failures.last_mut() {
            last.failure = known;
        }
    }

    /// A session that failed is under way again: everything that went wrong before the last retry is being tried again.
    fn go_on(&mut self) {
        let retries = self.session.retries();
        self.session.state = SessionState::InProgress;
        self.session.ended_at = self.left_at;
        self.failing.retain(|(_, retried_before), _| *retried_before == retries);
    }

    fn complete(&mut self, at: Timestamp, event: &'e EventKey) {
        if self.closed || self.session.state.is_success() {
            return;
        }
        self.failing.clear();
        let session = &mut self.session;
        let late = at > session.deadline;
        session.state = match (session.failed, late, session.retries() > 0) {
            (true, _, true) | (_, true, true) => SessionState::SuccessOnRetry,
            (false, true, false) => SessionState::SuccessWithTimeout,
            // The failure stays visible beside the good end.
            (true, _, false) | (false, false, _) => SessionState::Success,
        };
        session.ended_at = Some(at.max(session.started_at));
        for progress in session.phases.values_mut().filter(|progress| progress.state == PhaseState::Started) {
            progress.state = PhaseState::Completed;
            progress.ended_at = Some(at);
        }
        self.turn(event, Turn::EndsWell);
    }

    /// Records a turn, unless the person has left the session.
    fn turn(&mut self, event: &'e EventKey, turn: Turn) {
        if self.left_at.is_some() {
            return;
        }
        if self.has_begun {
            let event = if self.before.contains(event) { self.opened_by } else { event };
            self.turns.push((event, turn));
        } else {
            self.early.push(turn);
        }
    }

    fn end(self, as_of: Timestamp) -> Folded<'e> {
        let Self { mut session, items, failing, .. } = self;
        session.items = items.into_values().collect();
        let until = session.ended_at.unwrap_or(as_of);
        session.timed_out = until > session.deadline;
        if session.state == SessionState::InProgress {
            if session.timed_out {
                session.state = SessionState::TimedOut;
            }
            let first = failing.values().map(|failing| failing.since + GRACE).min();
            session.fails_after = first;
        }
        session.notice_stuck(until);
        Folded { session, failures: self.failures, turns: self.turns }
    }
}

/// What was reported of a failure.
#[derive(Clone, Copy)]
struct Reported<'t> {
    phase: Option<Phase>,
    code: Option<&'t String>,
    message: Option<&'t String>,
}

impl EspSession {
    /// Sets since when it was stuck, up to `until`: its end, or now.
    fn notice_stuck(&mut self, until: Timestamp) {
        let (current, current_began) = self.current_phase();
        // Only for a phase that was reported to have begun: nobody reported that another one was identifying.
        let phases: Vec<(Phase, Timestamp)> =
            self.phases.iter().map(|(phase, progress)| (*phase, progress.started_at)).collect();
        for (phase, began) in phases.into_iter().filter(|(phase, _)| *phase != Phase::DevicePreparation) {
            // A phase before the current one is over, whether and whenever that is reported.
            let passed = (phase < current).then_some(current_began.max(began));
            let reported = self.phases.get(&phase).and_then(|progress| progress.ended_at);
            let phase_end = reported.into_iter().chain(passed).min();
            // Once a session has ended, no phase of it is identifying.
            let ended = phase_end.map_or(until, |ended| ended.min(until));
            let limit = self.identifying_since(began) + STUCK_IDENTIFYING;
            let known = self.known.get(&(phase, Category::Apps)).copied();
            let waiting = known.is_none() && phase_end.is_none() && self.ended_at.is_none();
            if known.unwrap_or(ended).min(ended) > limit {
                let since = self.stuck_since.map_or(limit, |earlier| earlier.min(limit));
                self.stuck_since = Some(since);
                self.is_stuck |= waiting;
            } else if waiting {
                self.stuck_from = Some(limit);
            }
        }
    }
}
