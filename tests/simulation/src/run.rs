//! Plays a run: its steps, then rest, then the checks.

use crate::aws::faults::Conditions;
use crate::checks;
use crate::plan::{Plan, What};
use crate::sent::tenant_id;
use crate::world::{OBSERVER, World, export_event};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};
use vestibule_domain::Timestamp;

/// The largest difference between any two machines' clocks, in milliseconds.
pub const SKEWS_MS: u64 = 20 * 60_000;
/// Rounds of sweeping and publishing after which everything must be at rest.
const MOST_ROUNDS: usize = 60;

/// A violation of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The check that found it.
    pub check: &'static str,
    /// What it found.
    pub detail: String,
}

impl Violation {
    /// A violation.
    pub fn new(check: &'static str, detail: impl fmt::Display) -> Self {
        Self { check, detail: detail.to_string() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.detail)
    }
}

/// The outcome of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The violation, if one was found.
    pub violation: Option<Violation>,
    /// SHA-256 of the log.
    pub digest: String,
    /// The log, if it was requested.
    pub lines: Vec<String>,
    /// Faults injected, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Calls of the services.
    pub calls: u64,
}

/// Plays a run.
pub fn run(plan: &Plan, keeps_log: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let played = std::panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let world = World::new(plan.clone(), keeps_log).await;
            let violation = play(&world).await.err();
            let services = world.aws.services();
            Outcome {
                violation,
                digest: services.log.digest(),
                lines: services.log.lines().to_vec(),
                faults: services.log.faults.clone(),
                calls: services.log.calls,
            }
        })
    }));
    played.unwrap_or_else(|panicked| {
        let text = panicked.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panicked.downcast_ref::<&str>().copied()).unwrap_or("?");
        let place = PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Outcome {
            violation: Some(Violation::new("panic", format!("{text} at {place}"))),
            digest: String::new(),
            lines: Vec::new(),
            faults: BTreeMap::new(),
            calls: 0,
        }
    })
}

static PANICKED_AT: Mutex<String> = Mutex::new(String::new());

/// Notes panics instead of printing them: shrinking causes many.
pub fn note_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        *PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }));
}

async fn play(world: &World) -> Result<(), Violation> {
    for step in &world.plan.steps {
        world.step(step).await;
        if step.acts.iter().any(|act| matches!(act.what, What::Check)) {
            world.aws.begin(Conditions::CALM);
            world.aws.services().table.catch_up();
            checks::due(world, false).await?;
            checks::events(world).await?;
            checks::attempts(world).await?;
        }
    }
    rest(world).await?;
    checks::due(world, true).await?;
    checks::events(world).await?;
    checks::attempts(world).await?;
    checks::bus(world).await?;
    if world.plan.has_files {
        export(world).await?;
        checks::files(world).await?;
    }
    checks::descriptions(world).await?;
    checks::secrets(world)
}

/// From here on there are no faults: requests without an answer are posted again, and everything that follows from them
/// happens.
async fn rest(world: &World) -> Result<(), Violation> {
    world.set_clocks();
    world.aws.begin(Conditions::CALM);
    world.time.leap(SKEWS_MS).await;
    world.aws.services().table.catch_up();
    // Everything open must be in the index now; a later sweep would repair that and hide it.
    checks::due(world, false).await?;
    let observer = world.machine(OBSERVER);
    let tenants: Vec<u8> = world.state.borrow().sent.keys().copied().collect();
    for tenant in tenants {
        if world.state.borrow().unreadable_tenants.contains(&tenant) {
            continue;
        }
        let requests = world.state.borrow().sent[&tenant].unanswered(tenant);
        for request in requests {
            let answer = world.post(&observer, &request).await;
            let exempt = request.events.iter().any(|(device, _)| world.state.borrow().unreadable.contains(device));
            if (!exempt && answer.contains("unavailable")) || (answer.starts_with('4') && answer.len() < 5) {
                return Err(Violation::new("not stored", format!("tenant {tenant}: {answer}, {:?}", request.events)));
            }
        }
    }
    for round in 0.. {
        world.time.leap(60_000).await;
        world.aws.services().table.catch_up();
        let swept = observer.sweep.run().await.map_err(|error| Violation::new("sweep", error))?;
        let jobs = observer.store.refolds().await.map_err(|error| Violation::new("sweep", error))?;
        let of_readable = |job: &&vestibule_store::Refold| {
            !world.state.borrow().unreadable_tenants.iter().any(|tenant| job.tenant == tenant_id(*tenant))
        };
        let jobs = jobs.iter().filter(of_readable).count();
        let stored = world.aws.services().table.stream.len();
        while world.state.borrow().checkpoint < stored {
            let (result, done) = world.publish(&observer, 100, true).await;
            if done == 0 {
                return Err(Violation::new("stream stands still", result));
            }
        }
        let quiet = jobs == 0 && swept.due == swept.unreadable && world.aws.services().table.stream.len() == stored;
        if quiet && round >= 1 {
            break;
        }
        if round > MOST_ROUNDS {
            return Err(Violation::new("no rest", format!("after {round} sweeps: {swept:?}, {jobs} jobs")));
        }
    }
    Ok(())
}

/// The files that are due.
async fn export(world: &World) -> Result<(), Violation> {
    let observer = world.machine(OBSERVER);
    let now = Timestamp::from_millis(world.time.now_ms()).to_string();
    let tick = observer.tick.handle(json!({"time": now})).await;
    tick.map_err(|error| Violation::new("tick", error))?;
    world.collect_exports();
    let wanted: Vec<_> = world.state.borrow_mut().exports.drain(..).collect();
    for detail in wanted {
        let of_unreadable = world
            .state
            .borrow()
            .unreadable_tenants
            .iter()
            .any(|number| detail["tenant"] == tenant_id(*number).as_str());
        let exported = observer.exporter.handle(export_event(&detail)).await;
        if let (Err(error), false) = (exported, of_unreadable) {
            return Err(Violation::new("export", format!("{detail}: {error}")));
        }
    }
    Ok(())
}
