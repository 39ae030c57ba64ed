//! The state of one Windows device on the Enrollment Status Page.
//!
//! Must stay true: an app never delays or fails the session unless it is targeted and the profile fixed at the start
//! waits for it.

use super::resolve::AppliedProfile;
use super::{Category, DeploymentMode, EspAction, ItemState, Phase, PhaseState};
use crate::about::About;
use crate::attempt::AttemptId;
use crate::failure::Failure;
use crate::names::names;
use crate::time::{Millis, Timestamp};
use std::collections::BTreeMap;

/// Minutes added for hybrid join: the on-premises connector needs them (docs/DOMAIN.md, S18).
pub const HYBRID_JOIN_MINUTES: u32 = 40;
/// A phase whose list of apps is not known for longer than this is stuck (docs/DOMAIN.md, S22).
pub const STUCK_IDENTIFYING: Millis = Millis::from_minutes(15);

names! {
    /// The state of a session.
    SessionState {
        /// Under way.
        InProgress = "inProgress",
        /// Past its time limit, not finished.
        TimedOut = "timedOut",
        /// Failed.
        Failed = "failed",
        /// It finished in time, or after a failure that stays visible.
        Success = "success",
        /// Finished after a timeout.
        SuccessWithTimeout = "successWithTimeout",
        /// It finished after a timeout or failure and a retry.
        SuccessOnRetry = "successOnRetry",
        /// The device was removed from management within its limit.
        Ended = "ended",
    }
}

names! {
    /// What an item means to its session.
    Tracking {
        /// The session waits for it, and it can fail the session.
        Blocking = "blocking",
        /// It is tried but can't fail the session: the technician phase's other apps.
        NonBlocking = "nonBlocking",
        /// It waits for the user's sign-in: the technician phase's other apps if they are not tried.
        Deferred = "deferred",
        /// It may be installed, but the session doesn't wait for it.
        NotTracked = "notTracked",
    }
}

impl Tracking {
    /// Whether the page counts it for the person.
    pub const fn is_counted(self) -> bool {
        matches!(self, Self::Blocking | Self::NonBlocking)
    }
}

impl SessionState {
    /// Whether the session ended well.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Success | Self::SuccessWithTimeout | Self::SuccessOnRetry)
    }
}

impl ItemState {
    /// Whether nothing is left to do.
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Completed | Self::NotRequired | Self::Skipped | Self::NotApplicable)
    }

    pub(super) const fn is_settled(self) -> bool {
        self.is_done() || matches!(self, Self::Error)
    }
}

/// One item of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EspItem {
    /// The phase.
    pub phase: Phase,
    /// The subtask.
    pub category: Category,
    /// Its id.
    pub id: String,
    /// Its name, as reported last.
    pub name: Option<String>,
    /// What it means to the session.
    pub tracking: Tracking,
    /// Its newest state; `None` if only its being targeted is known.
    pub state: Option<ItemState>,
    /// The error code of its newest state.
    pub error_code: Option<String>,
    /// When its newest state was reported, or it became known.
    pub updated_at: Timestamp,
    /// When it was first reported as under way, or as settled without that.
    pub began_at: Option<Timestamp>,
    /// Since when it has its state, once it is completed, not required or failed.
    pub settled_at: Option<Timestamp>,
    /// How often it went wrong.
    pub errors: u32,
}

impl EspItem {
    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.state.is_some_and(ItemState::is_done)
    }

    /// Whether the session no longer waits for it.
    pub fn is_settled(&self) -> bool {
        match self.tracking {
            Tracking::Blocking => self.is_done(),
            _ => self.state.is_some_and(ItemState::is_settled),
        }
    }
}

/// The state of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseProgress {
    /// Its first event.
    pub started_at: Timestamp,
    /// When it was completed or failed, or the next phase began.
    pub ended_at: Option<Timestamp>,
    /// Its newest state.
    pub state: PhaseState,
    /// Whether its completion was reported. If not, we know of it because the next phase began.
    pub completion_reported: bool,
}

/// One Windows device going through the Enrollment Status Page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EspSession {
    /// Its id, made like an attempt's.
    pub id: AttemptId,
    /// The sender's id.
    pub session_id: Option<String>,
    /// The instant this is true for.
    pub as_of: Timestamp,
    /// When the earliest `esp.started` is placed; failing that, the first event.
    pub started_at: Timestamp,
    /// When it finished or failed.
    pub ended_at: Option<Timestamp>,
    /// When its first event is placed: its start, unless something was reported before that.
    pub first_event_at: Timestamp,
    /// When its newest event is placed.
    pub last_event_at: Timestamp,
    /// The last instant of its time limit.
    pub deadline: Timestamp,
    /// Its state.
    pub state: SessionState,
    /// The profile fixed at its start.
    pub profile: AppliedProfile,
    /// The time limit in minutes, with hybrid join's share.
    pub limit_minutes: u32,
    /// How the device is deployed.
    pub deployment_mode: Option<DeploymentMode>,
    /// Whether it is also joined to an on-premises directory.
    pub hybrid_join: bool,
    /// The phase it is in, or was in last.
    pub phase: Option<Phase>,
    /// When each phase began, and its state.
    pub phases: BTreeMap<Phase, PhaseProgress>,
    /// The lists that are known, and since when.
    pub known: BTreeMap<(Phase, Category), Timestamp>,
    /// The items, whether the session waits for them or not.
    pub items: Vec<EspItem>,
    /// What the person chose, in order.
    pub actions: Vec<(Timestamp, EspAction)>,
    /// Whether it was ever past its time limit.
    pub timed_out: bool,
    /// Whether it ever failed.
    pub failed: bool,
    /// The phase that failed it, if reported or known from the item that failed.
    pub failed_phase: Option<Phase>,
    /// The error code it failed with.
    pub error_code: Option<String>,
    /// The sender's message on the failure.
    pub error_message: Option<String>,
    /// Since when it was stuck, if it ever was: a phase's list of apps stayed unknown for [`STUCK_IDENTIFYING`] after
    /// the phase began.
    pub stuck_since: Option<Timestamp>,
    /// Whether it is still stuck, within its time limit.
    pub is_stuck: bool,
    /// When it will be stuck if nothing more is reported.
    pub stuck_from: Option<Timestamp>,
    /// Device and user as its events reported them.
    pub about: About,
    /// The actions that the device itself allows on failure and time-out, if reported.
    pub allowed_actions: Option<Vec<EspAction>>,
    /// Whether only Autopilot has such a session: it names an Autopilot profile, or no user takes part.
    pub autopilot: bool,
    /// The attempt that it belongs to.
    pub attempt: Option<AttemptId>,
    /// Whether its attempt completed although nobody reported how the session ended.
    pub end_not_reported: bool,
    /// The name of the item that failed it; failing that, the item's id.
    pub failed_item: Option<String>,
    /// While an item in error may still recover: the last instant at which it has not failed the session.
    pub fails_after: Option<Timestamp>,
}

impl EspSession {
    /// Whether more events can be expected within its limit.
    pub fn is_open(&self) -> bool {
        self.state == SessionState::InProgress
    }

    /// The last instant at which it has its state if nothing more is reported; `None` if the state is final.
    pub fn stands_until(&self) -> Option<Timestamp> {
        self.is_open().then_some(self.deadline).into_iter().chain(self.stuck_from).chain(self.fails_after).min()
    }

    /// The phase it was in at an instant, if any was reported by then.
    pub fn phase_at(&self, at: Timestamp) -> Option<Phase> {
        self.phases.iter().filter(|(_, progress)| progress.started_at <= at).map(|(phase, _)| *phase).max()
    }

    /// What was reported of its failure.
    pub fn failure(&self) -> Failure {
        Failure {
            code: self.error_code.clone(),
            reason: self.failed_item.clone(),
            message: self.error_message.clone(),
            category: None,
        }
    }

    /// How often the person tried again.
    pub fn retries(&self) -> usize {
        self.actions.iter().filter(|(_, action)| *action == EspAction::Retry).count()
    }

    /// Since when a phase that began then is identifying: what was reported before the session's start counts from the
    /// start.
    pub fn identifying_since(&self, began: Timestamp) -> Timestamp {
        began.max(self.started_at)
    }

    /// The phases of a device with this deployment mode.
    pub const fn expected_phases(&self) -> &'static [Phase] {
        Phase::expected(self.deployment_mode)
    }

    /// The phase of a session before any is reported. If a person enrolls the device, it has joined and registered by
    /// the time the page opens.
    pub(crate) const fn first_phase(&self) -> Phase {
        match self.deployment_mode {
            Some(DeploymentMode::SelfDeploying | DeploymentMode::PreProvisioningTechnician) => Phase::DevicePreparation,
            _ => Phase::DeviceSetup,
        }
    }

    /// The phase it is in or was in last, and when that phase began.
    pub fn current_phase(&self) -> (Phase, Timestamp) {
        let phase = self.phase.unwrap_or_else(|| self.first_phase());
        (phase, self.phases.get(&phase).map_or(self.started_at, |progress| progress.started_at))
    }
}
