//! What the person in front of the device sees: phases, subtasks with "(k of n)", the possible actions, and one number
//! for the whole progress.
//!
//! Must stay true: before a list is known its subtask is `identifying` and its progress is `None`, never 0.

use super::session::{EspItem, EspSession, SessionState};
use super::{Category, DeploymentMode, EspAction, ItemState, Phase, PhaseState};
use crate::names::names;
use crate::time::{Millis, Timestamp};

names! {
    /// The state of a phase or subtask on the page.
    StepState {
        /// It waits for an earlier one.
        NotStarted = "notStarted",
        /// Its list is not known yet.
        Identifying = "identifying",
        /// Under way.
        InProgress = "inProgress",
        /// Done.
        Completed = "completed",
        /// Something that the session waits for went wrong.
        Failed = "failed",
        /// Nothing needs to be done.
        NotRequired = "notRequired",
    }
}

names! {
    /// Where a session is, in the words of the status page.
    Stage {
        /// Securing, joining, registering.
        DevicePreparation = "Device preparation",
        /// The device's part, before its lists are known.
        DeviceSetup = "Device setup",
        /// The account's part, before its lists are known.
        AccountSetup = "Account setup",
        /// Policies, certificates and networks of either part.
        ApplyingPolicies = "Applying policies",
        /// Apps of either part.
        InstallingApps = "Installing apps",
    }
}

/// A subtask on the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Subtask {
    /// Which.
    pub category: Category,
    /// Its state.
    pub state: StepState,
    /// How many of its items are done, once its list is known.
    pub done: Option<usize>,
    /// How many items it has, once its list is known. Security policies always count as one.
    pub total: Option<usize>,
    /// The share of its items that the session no longer waits for, 0 to 1, once its list is known.
    pub progress: Option<f64>,
}

/// A phase on the page.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseView {
    /// Which.
    pub phase: Phase,
    /// Its state.
    pub state: StepState,
    /// When it began, if reported.
    pub started_at: Option<Timestamp>,
    /// When it ended, if reported.
    pub ended_at: Option<Timestamp>,
    /// Its subtasks.
    pub subtasks: Vec<Subtask>,
}

const PREPARATION: [Category; 3] = [Category::SecureHardware, Category::JoinNetwork, Category::RegisterDevice];
const SETUP: [Category; 4] =
    [Category::SecurityPolicies, Category::Certificates, Category::NetworkConnections, Category::Apps];

// Counts of items are small, so the quotient is exact enough for a progress bar.
#[allow(clippy::cast_precision_loss)]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

impl EspSession {
    /// The phases as the page shows them.
    pub fn page(&self) -> Vec<PhaseView> {
        self.expected_phases().iter().map(|phase| self.view(*phase)).collect()
    }

    /// From its start to its end, or to now; `None` if its end was reported before its start.
    pub fn elapsed(&self) -> Millis {
        (self.ended_at.unwrap_or(self.as_of) - self.started_at).max(Millis::ZERO)
    }

    /// What the person may do now: what the device itself was given; failing that, what the profile says.
    pub fn allowed_actions(&self) -> Vec<EspAction> {
        let allows = self.profile.allows;
        let free = !self.profile.blocks_use;
        let skip = allows.skip_account_setup && self.current_phase().0 == Phase::AccountSetup;
        let (stopped, open) = match self.state {
            // Somebody has ended the session.
            SessionState::TimedOut if self.ended_at.is_some() => (false, false),
            SessionState::Failed | SessionState::TimedOut => (true, true),
            SessionState::InProgress => (false, true),
            _ => (false, false),
        };
        let by_profile = |action: EspAction| match action {
            EspAction::Retry => allows.retry,
            EspAction::Reset => allows.reset,
            EspAction::ContinueAnyway => allows.continue_anyway,
            EspAction::CollectLogs => allows.collect_logs,
        };
        let given = self.allowed_actions.as_ref();
        let may = |action: EspAction| {
            let on_failure = given.map_or_else(|| by_profile(action), |given| given.contains(&action));
            (stopped && on_failure) || (action == EspAction::ContinueAnyway && open && (free || skip))
        };
        EspAction::ALL.iter().copied().filter(|action| may(*action)).collect()
    }

    /// How far the session is, 0 to 1; `None` while nothing that it has to do is known.
    ///
    /// Preparation counts once, the device's setup twice and the account's setup once, as far as the device goes
    /// through them. Preparation is the share of its tasks. A setup phase is half policies (security policies,
    /// certificates and networks, by item) and half apps (by item). A list that is not known counts as nothing done,
    /// but policies of which nothing was reported count as done once an app of the phase is under way, since apps come
    /// last. So a device that a person enrolls is at a quarter when its setup begins, at half when its policies are
    /// installed and at three quarters when the account's part begins.
    pub fn progress(&self) -> Option<f64> {
        if self.state.is_success() {
            return Some(1.0);
        }
        if self.phases.is_empty() && self.known.is_empty() {
            return None;
        }
        let (mut reached, mut weight) = (0.0, 0.0);
        for view in self.page() {
            let counts = if view.phase == Phase::DeviceSetup { 2.0 } else { 1.0 };
            weight += counts;
            reached += counts * self.phase_progress(&view);
        }
        Some(reached / weight)
    }

    /// Its stage, in the words of the status page.
    pub fn stage(&self) -> Stage {
        let (phase, _) = self.current_phase();
        if phase == Phase::DevicePreparation {
            return Stage::DevicePreparation;
        }
        let view = self.view(phase);
        let known = |subtask: &&Subtask| subtask.total.is_some();
        let policies: Vec<&Subtask> =
            view.subtasks.iter().filter(|subtask| subtask.category != Category::Apps).filter(known).collect();
        let policies_done = policies.iter().all(|subtask| subtask.progress == Some(1.0));
        if self.apps_begun(phase) || (self.known.contains_key(&(phase, Category::Apps)) && policies_done) {
            return Stage::InstallingApps;
        }
        match phase {
            _ if !policies.is_empty() => Stage::ApplyingPolicies,
            Phase::AccountSetup => Stage::AccountSetup,
            _ => Stage::DeviceSetup,
        }
    }

    /// The items of a subtask that the person sees counted.
    fn counted(&self, phase: Phase, category: Category) -> impl Iterator<Item = &EspItem> {
        let here = move |item: &&EspItem| item.phase == phase && item.category == category;
        self.items.iter().filter(here).filter(|item| item.tracking.is_counted())
    }

    fn apps_begun(&self, phase: Phase) -> bool {
        self.counted(phase, Category::Apps).any(|item| item.state.is_some_and(|state| state != ItemState::NotInstalled))
    }

    fn phase_progress(&self, view: &PhaseView) -> f64 {
        match view.state {
            StepState::Completed | StepState::NotRequired => return 1.0,
            _ if view.phase == Phase::DevicePreparation => {
                let tasks = view.subtasks.iter().filter(|task| task.state != StepState::NotRequired);
                let done = tasks.clone().filter(|task| task.state == StepState::Completed).count();
                return share(done, tasks.count());
            }
            _ => {}
        }
        let (mut done, mut total) = (0.0, 0.0);
        for subtask in view.subtasks.iter().filter(|subtask| subtask.category != Category::Apps) {
            if let (Some(progress), Some(items)) = (subtask.progress, subtask.total) {
                done += progress * share(items, 1);
                total += share(items, 1);
            }
        }
        let unreported = if self.apps_begun(view.phase) { 1.0 } else { 0.0 };
        let policies = if total > 0.0 { done / total } else { unreported };
        let apps = view.subtasks.iter().find(|subtask| subtask.category == Category::Apps);
        let apps = apps.and_then(|apps| apps.progress).unwrap_or(0.0);
        f64::midpoint(policies, apps)
    }

    fn view(&self, phase: Phase) -> PhaseView {
        let state = self.phase_state(phase);
        let progress = self.phases.get(&phase);
        let categories: &[Category] = if phase == Phase::DevicePreparation { &PREPARATION } else { &SETUP };
        PhaseView {
            phase,
            state,
            started_at: progress.map(|progress| progress.started_at),
            ended_at: progress.and_then(|progress| progress.ended_at),
            subtasks: categories.iter().map(|category| self.subtask(phase, state, *category)).collect(),
        }
    }

    fn phase_state(&self, phase: Phase) -> StepState {
        let (current, _) = self.current_phase();
        let reported = self.phases.get(&phase).map(|progress| progress.state);
        if self.state == SessionState::Failed && self.failed_phase.unwrap_or(current) == phase {
            StepState::Failed
        } else if self.state.is_success() || reported == Some(PhaseState::Completed) {
            StepState::Completed
        } else if phase == current {
            StepState::InProgress
        } else if phase < current {
            StepState::Completed
        } else {
            StepState::NotStarted
        }
    }

    fn subtask(&self, phase: Phase, of_phase: StepState, category: Category) -> Subtask {
        if phase == Phase::DevicePreparation {
            return self.task(of_phase, category);
        }
        let over = of_phase == StepState::Completed;
        let items: Vec<&EspItem> = self.counted(phase, category).collect();
        if !self.known.contains_key(&(phase, category)) {
            let state = match of_phase {
                StepState::Completed => StepState::Completed,
                StepState::NotStarted => StepState::NotStarted,
                _ => StepState::Identifying,
            };
            let one = over && category == Category::SecurityPolicies;
            let (count, progress) = (one.then_some(1), over.then_some(1.0));
            return Subtask { category, state, done: count, total: count, progress };
        }
        let done = items.iter().filter(|item| item.is_done()).count();
        let settled = items.iter().filter(|item| item.is_settled()).count();
        let failed = items.iter().any(|item| item.state == Some(ItemState::Error) && !item.is_settled());
        let begun = items.iter().any(|item| item.began_at.is_some());
        let state = if settled == items.len() && items.is_empty() && category != Category::SecurityPolicies {
            StepState::NotRequired
        } else if over || settled == items.len() {
            StepState::Completed
        } else if failed {
            StepState::Failed
        } else if of_phase == StepState::NotStarted && !begun {
            StepState::NotStarted
        } else {
            StepState::InProgress
        };
        let progress = Some(if over { 1.0 } else { share(settled, items.len()) });
        if category == Category::SecurityPolicies {
            // However many there are, the page shows one.
            let done = usize::from(state == StepState::Completed);
            return Subtask { category, state, done: Some(done), total: Some(1), progress: Some(share(done, 1)) };
        }
        Subtask { category, state, done: Some(done), total: Some(items.len()), progress }
    }

    /// A task of preparation: one item, done or not.
    fn task(&self, of_phase: StepState, category: Category) -> Subtask {
        let attests = matches!(
            self.deployment_mode,
            Some(
                DeploymentMode::SelfDeploying
                    | DeploymentMode::PreProvisioningTechnician
                    | DeploymentMode::PreProvisioningUser
            )
        );
        let needed = category != Category::SecureHardware || attests;
        let states: Vec<ItemState> =
            self.counted(Phase::DevicePreparation, category).filter_map(|item| item.state).collect();
        let is = |wanted: ItemState| states.contains(&wanted);
        let reported = !states.is_empty();
        let state = if reported && states.iter().all(|state| *state == ItemState::NotRequired) {
            StepState::NotRequired
        } else if of_phase == StepState::Completed && (needed || reported) {
            StepState::Completed
        } else if is(ItemState::Error) {
            StepState::Failed
        } else if reported && states.iter().all(|state| state.is_done()) {
            StepState::Completed
        } else if is(ItemState::InProgress) || is(ItemState::Completed) {
            StepState::InProgress
        } else if needed {
            StepState::NotStarted
        } else {
            StepState::NotRequired
        };
        let total = usize::from(state != StepState::NotRequired);
        let done = usize::from(state == StepState::Completed);
        Subtask { category, state, done: Some(done), total: Some(total), progress: Some(share(done, total)) }
    }
}
