//! Enrollment Status Page sessions of one Windows device (SPEC section 6).
//!
//! A session is a function of the set of its events: per item the newest state wins, of several
//! `esp.started` the earliest counts. Until an organisation has profiles of its own the built-in
//! default applies: [`DEFAULT_TIMEOUT_MINUTES`], everything targeted blocks.

use crate::attempt::AttemptId;
use crate::catalogue::names;
use crate::event::{About, Body, Event, EventKey};
use crate::identity::TenantId;
use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Minutes a session may take under the built-in default profile.
pub const DEFAULT_TIMEOUT_MINUTES: u32 = 60;
/// Minutes added for hybrid join: the on-premises connector needs them (SPEC section 6).
pub const HYBRID_JOIN_MINUTES: u32 = 40;
/// Name of the built-in default profile.
pub const DEFAULT_PROFILE: &str = "Default ESP";

names! {
    /// The three parts of provisioning.
    Phase {
        /// Securing the hardware, joining, registering.
        DevicePreparation = "devicePreparation",
        /// What the device gets.
        DeviceSetup = "deviceSetup",
        /// What the user gets.
        AccountSetup = "accountSetup",
    }
}

names! {
    /// The subtasks of a phase.
    Category {
        /// Attesting the hardware.
        SecureHardware = "secureHardware",
        /// Joining the organisation's network.
        JoinNetwork = "joinNetwork",
        /// Registering for management.
        RegisterDevice = "registerDevice",
        /// Security policies: one, always.
        SecurityPolicies = "securityPolicies",
        /// Certificate profiles.
        Certificates = "certificates",
        /// VPN and Wi-Fi profiles.
        NetworkConnections = "networkConnections",
        /// Apps.
        Apps = "apps",
    }
}

names! {
    /// The state of an item.
    ItemState {
        /// Not begun.
        NotInstalled = "notInstalled",
        /// Under way.
        InProgress = "inProgress",
        /// Done.
        Completed = "completed",
        /// Failed.
        Error = "error",
        /// Not needed here: only in device preparation.
        NotRequired = "notRequired",
    }
}

names! {
    /// The state of a phase.
    PhaseState {
        /// Begun.
        Started = "started",
        /// Done.
        Completed = "completed",
        /// Failed.
        Failed = "failed",
    }
}

names! {
    /// What the person chose on failure or timeout.
    EspAction {
        /// Try again.
        Retry = "retry",
        /// Reset the device.
        Reset = "reset",
        /// Use the device all the same.
        ContinueAnyway = "continueAnyway",
        /// Collect logs.
        CollectLogs = "collectLogs",
    }
}

names! {
    /// How the device is deployed.
    DeploymentMode {
        /// By its user.
        UserDriven = "userDriven",
        /// By itself.
        SelfDeploying = "selfDeploying",
        /// The technician's part of pre-provisioning.
        PreProvisioningTechnician = "preProvisioningTechnician",
        /// The user's part of it.
        PreProvisioningUser = "preProvisioningUser",
    }
}

names! {
    /// How a session stands.
    SessionState {
        /// Under way.
        InProgress = "inProgress",
        /// Past its time limit, not finished.
        TimedOut = "timedOut",
        /// Failed.
        Failed = "failed",
        /// Finished in time, without failure.
        Success = "success",
        /// Finished after a timeout or failure.
        SuccessWithTimeout = "successWithTimeout",
        /// Finished after a timeout or failure and a retry.
        SuccessOnRetry = "successOnRetry",
    }
}

impl Category {
    /// Whether the category belongs to `phase`.
    pub const fn in_phase(self, phase: Phase) -> bool {
        let preparation = matches!(self, Self::SecureHardware | Self::JoinNetwork | Self::RegisterDevice);
        preparation == matches!(phase, Phase::DevicePreparation)
    }
}

impl ItemState {
    /// Reads a state's name or its number in the EnrollmentStatusTracking CSP. In device preparation
    /// the number 2 means not required.
    pub fn from_number(number: u64, phase: Phase) -> Option<Self> {
        match (number, phase) {
            (2, Phase::DevicePreparation) => Some(Self::NotRequired),
            (1, _) => Some(Self::NotInstalled),
            (2, _) => Some(Self::InProgress),
            (3, _) => Some(Self::Completed),
            (4, _) => Some(Self::Error),
            _ => None,
        }
    }
}

/// An item as named by a sender.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemName {
    /// Its id.
    pub id: String,
    /// Its name, when told.
    pub name: Option<String>,
}

/// An app targeted at a device or user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TargetedApp {
    /// The app.
    pub app: ItemName,
    /// Whether it is targeted at the user rather than the device.
    pub user_context: bool,
}

/// What `esp.started` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Start {
    /// How the device is deployed.
    pub deployment_mode: Option<DeploymentMode>,
    /// Whether it is joined to an on-premises directory as well.
    pub hybrid_join: bool,
    /// Groups of the device.
    pub device_groups: Vec<ItemName>,
    /// Groups of the user.
    pub user_groups: Vec<ItemName>,
    /// Filter properties by name.
    pub properties: Vec<(String, String)>,
    /// Apps targeted at device and user, if known.
    pub targeted_apps: Option<Vec<TargetedApp>>,
}

/// What happened on the page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EspDetail {
    /// `esp.started`
    Started(Box<Start>),
    /// `esp.tracked`: the list of that subtask is known.
    Tracked(Phase, Category, Vec<ItemName>),
    /// `esp.item`
    Item(Phase, Category, ItemName, ItemState, Option<String>),
    /// `esp.phase`
    Phase(Phase, PhaseState),
    /// `esp.action`
    Action(EspAction),
    /// `esp.completed`
    Completed,
    /// `esp.failed`, with error code and message
    Failed(Option<String>, Option<String>),
}

/// An `esp.*` event's content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EspEvent {
    /// The sender's id of the session; without one, sessions follow one another.
    pub session_id: Option<String>,
    /// What happened.
    pub detail: EspDetail,
}

impl EspEvent {
    /// The key that an ESP event is stored under. Updates of items are many, and their ids serve only to
    /// tell repeats apart, which twelve hexadecimal digits do within one device.
    pub fn stored_key(&self, source: String, id: String) -> EventKey {
        let id = match self.detail {
            EspDetail::Item(..) | EspDetail::Tracked(..) => {
                let digest = Sha256::digest(&id);
                digest[..6].iter().map(|byte| format!("{byte:02x}")).collect()
            }
            _ => id,
        };
        EventKey { source, id }
    }
}

/// One tracked item of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EspItem {
    /// The phase.
    pub phase: Phase,
    /// The subtask.
    pub category: Category,
    /// Its id.
    pub id: String,
    /// Its name, the last one told.
    pub name: Option<String>,
    /// Its newest state; `None` while only its being tracked is known.
    pub state: Option<ItemState>,
    /// The error code of its newest state.
    pub error_code: Option<String>,
    /// When its newest state was reported.
    pub updated_at: Timestamp,
}

/// One Windows device going through the Enrollment Status Page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EspSession {
    /// Its name, made like an attempt's.
    pub id: AttemptId,
    /// The sender's id.
    pub session_id: Option<String>,
    /// The earliest `esp.started`, else the first event.
    pub started_at: Timestamp,
    /// When it finished or failed.
    pub ended_at: Option<Timestamp>,
    /// When its newest event is placed.
    pub last_event_at: Timestamp,
    /// The last instant of its time limit.
    pub deadline: Timestamp,
    /// How it stands.
    pub state: SessionState,
    /// The name of the profile that applies.
    pub profile: &'static str,
    /// The time limit in minutes, hybrid join's share included.
    pub limit_minutes: u32,
    /// How the device is deployed.
    pub deployment_mode: Option<DeploymentMode>,
    /// Whether it is joined to an on-premises directory as well.
    pub hybrid_join: bool,
    /// The phase it is in or was in last.
    pub phase: Option<Phase>,
    /// Per phase, when it began and how it stands.
    pub phases: BTreeMap<Phase, PhaseProgress>,
    /// The tracked items.
    pub items: Vec<EspItem>,
    /// The error code it failed with.
    pub error_code: Option<String>,
    /// Device and user as its events told them.
    pub about: About,
}

/// How a phase stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseProgress {
    /// Its first event.
    pub started_at: Timestamp,
    /// When it was completed or failed.
    pub ended_at: Option<Timestamp>,
    /// Its newest state.
    pub state: PhaseState,
}

impl EspSession {
    /// Whether more can be expected of it within its limit.
    pub fn is_open(&self) -> bool {
        self.state == SessionState::InProgress
    }

    /// The share of tracked items that are done, 0 to 1; `None` before any list is known.
    pub fn progress(&self) -> Option<f64> {
        let done = |item: &&EspItem| matches!(item.state, Some(ItemState::Completed | ItemState::NotRequired));
        if self.items.is_empty() {
            return None;
        }
        let done = self.items.iter().filter(done).count();
        // Counts of items are small, so the quotient is exact enough for a progress bar.
        #[allow(clippy::cast_precision_loss)]
        Some(done as f64 / self.items.len() as f64)
    }
}

/// The sessions in `events`, which are ordered and placed up to `as_of`.
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
                let until = fold_session(tenant, &groups[group], event.placed());
                until.is_none_or(|session| !session.is_open())
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

/// One session from its events in order, as of an instant.
fn fold_session(tenant: &TenantId, events: &[(&Event, &EspEvent)], as_of: Timestamp) -> Option<EspSession> {
    let (first, first_esp) = events.first()?;
    let start = events.iter().find_map(|(event, esp)| match &esp.detail {
        EspDetail::Started(start) => Some((*event, start.as_ref())),
        _ => None,
    });
    let opened_by = start.map_or(*first, |(event, _)| event);
    let hybrid_join = start.is_some_and(|(_, start)| start.hybrid_join);
    let limit_minutes = DEFAULT_TIMEOUT_MINUTES + if hybrid_join { HYBRID_JOIN_MINUTES } else { 0 };
    let started_at = opened_by.placed();
    let deadline = started_at + Millis::from_minutes(i64::from(limit_minutes));
    let id = match &first_esp.session_id {
        Some(id) => AttemptId::of("esp-named", tenant, "", id),
        None => AttemptId::of("esp", tenant, &opened_by.key.source, &opened_by.key.id),
    };
    let mut session = EspSession {
        id,
        session_id: first_esp.session_id.clone(),
        started_at,
        ended_at: None,
        last_event_at: started_at,
        deadline,
        state: SessionState::InProgress,
        profile: DEFAULT_PROFILE,
        limit_minutes,
        deployment_mode: start.and_then(|(_, start)| start.deployment_mode),
        hybrid_join,
        phase: None,
        phases: BTreeMap::new(),
        items: Vec::new(),
        error_code: None,
        about: About::default(),
    };
    let mut items: BTreeMap<(Phase, Category, &str), EspItem> = BTreeMap::new();
    // Whether a failure or timeout came, and whether a retry followed it.
    let (mut failed, mut retried) = (false, false);
    for (event, esp) in events {
        let at = event.placed();
        session.about.update(&event.about);
        session.last_event_at = session.last_event_at.max(at);
        let finished = matches!(
            session.state,
            SessionState::Success | SessionState::SuccessOnRetry | SessionState::SuccessWithTimeout
        );
        match &esp.detail {
            EspDetail::Started(start) => {
                for target in start.targeted_apps.iter().flatten() {
                    let phase = if target.user_context { Phase::AccountSetup } else { Phase::DeviceSetup };
                    track(&mut items, phase, Category::Apps, &target.app, at);
                }
            }
            EspDetail::Tracked(phase, category, list) => {
                session.enter(*phase, at);
                for item in list {
                    track(&mut items, *phase, *category, item, at);
                }
            }
            EspDetail::Item(phase, category, item, state, error_code) => {
                session.enter(*phase, at);
                let known = track(&mut items, *phase, *category, item, at);
                // Events come in order of time; of one instant the further state wins.
                if known.updated_at < at || known.state.is_none_or(|before| before <= *state) {
                    known.state = Some(*state);
                    known.error_code.clone_from(error_code);
                    known.updated_at = at;
                }
            }
            EspDetail::Phase(phase, state) => {
                let progress = session.enter(*phase, at);
                progress.state = *state;
                progress.ended_at = (*state != PhaseState::Started).then_some(at);
            }
            EspDetail::Action(EspAction::Retry) => {
                retried = true;
                if session.state == SessionState::Failed {
                    session.state = SessionState::InProgress;
                    session.ended_at = None;
                }
            }
            EspDetail::Action(_) => {}
            EspDetail::Failed(code, _) if !finished => {
                failed = true;
                session.state = SessionState::Failed;
                session.ended_at = Some(at);
                session.error_code = code.clone().or_else(|| session.error_code.take());
            }
            EspDetail::Completed if !finished => {
                session.state = match (failed || at > deadline, retried) {
                    (false, _) => SessionState::Success,
                    (true, true) => SessionState::SuccessOnRetry,
                    (true, false) => SessionState::SuccessWithTimeout,
                };
                session.ended_at = Some(at);
            }
            EspDetail::Failed(..) | EspDetail::Completed => {}
        }
    }
    if session.state == SessionState::InProgress && as_of > deadline {
        session.state = SessionState::TimedOut;
    }
    session.items = items.into_values().collect();
    Some(session)
}

impl EspSession {
    fn enter(&mut self, phase: Phase, at: Timestamp) -> &mut PhaseProgress {
        self.phase = self.phase.max(Some(phase));
        let begun = PhaseProgress { started_at: at, ended_at: None, state: PhaseState::Started };
        self.phases.entry(phase).or_insert(begun)
    }
}

fn track<'m, 'e>(
    items: &'m mut BTreeMap<(Phase, Category, &'e str), EspItem>,
    phase: Phase,
    category: Category,
    item: &'e ItemName,
    at: Timestamp,
) -> &'m mut EspItem {
    let known = items.entry((phase, category, &item.id)).or_insert_with(|| EspItem {
        phase,
        category,
        id: item.id.clone(),
        name: None,
        state: None,
        error_code: None,
        updated_at: at,
    });
    if item.name.is_some() {
        known.name.clone_from(&item.name);
    }
    known
}
