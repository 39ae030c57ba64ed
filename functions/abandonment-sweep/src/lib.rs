//! Looks at the enrollments whose deadline has passed, and records what changed about them.
//!
//! It takes no input and may run twice, late or in parallel: each record is conditional on the enrollment's version,
//! and contains what any fold of the enrollment would find. Its work is proportional to what is due, not to what is
//! stored.
//!
//! Must stay true: a tenant that can't be read does not delay the others. A run begins nothing that it may not finish,
//! and what it did not reach is due in the next run.

mod erasures;
mod refold;

use futures::StreamExt as _;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::time::Instant;
use vestibule_domain::{Millis, TenantId, TenantSettings, Timestamp};
use vestibule_platform::{BoxError, Clock, metrics};
use vestibule_store::{ItemKey, Settled, Settlement, Store, TenantCache};

/// Keys taken from the due index before we look at them.
const CHUNK: usize = 200;
/// Tenants read in parallel.
const TENANTS_AT_ONCE: usize = 16;
/// How long a tenant is held: the time of two runs, and some lateness. A tenant's changes reach the sweep within that
/// time. A fold under other settings is right meanwhile, and the sweep comes to the same result.
const TENANT_HELD: Millis = Millis::from_seconds(150);
/// No chunk begins this close to the end: a slow one may take the whole time limit of its calls.
const MARGIN: Millis = Millis::from_seconds(20);

/// The sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    store: Store,
    tenants: TenantCache,
    clock: Clock,
    /// Whether it ends erasures.
    erases: bool,
    /// Most enrollments that a run looks at to end erasures.
    looks: usize,
}

/// The result of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Enrollments whose deadline had passed.
    pub due: usize,
    /// Of these, those whose attempt or session is now abandoned or timed out.
    pub flagged: usize,
    /// Of these, those still moving and due again later.
    pub rearmed: usize,
    /// Of these, those with nothing open any more.
    pub cleared: usize,
    /// Of these, those that another writer wrote meanwhile.
    pub moved: usize,
    /// Of these, those that can't be read, or whose tenant can't.
    pub unreadable: usize,
    /// Of these, those that the run had no time for.
    pub left: usize,
    /// Enrollments of any tenant that were folded again because its settings changed.
    pub folded_again: u64,
}

/// The settings of tenants by name, and the tenants that can't be read.
#[derive(Default)]
struct Tenants {
    settings: HashMap<TenantId, TenantSettings>,
    unreadable: HashSet<TenantId>,
}

impl Sweep {
    /// A sweep of `store`.
    pub fn new(store: Store, clock: Clock) -> Self {
        let tenants = TenantCache::new(store.clone()).holding(TENANT_HELD);
        Self { tenants, store, clock, erases: true, looks: erasures::MOST }
    }

    /// The same, looking at no more than so many enrollments in one run to end erasures; the next runs look at the
    /// others. The default is 50 000.
    #[must_use]
    pub fn with_looks(self, enrollments: usize) -> Self {
        Self { looks: enrollments, ..self }
    }

    /// The same, but it leaves erasures to somebody who knows how far the stream was read.
    #[must_use]
    pub fn without_erasures(self) -> Self {
        Self { erases: false, ..self }
    }

    /// Runs once, without a deadline.
    ///
    /// # Errors
    /// Like [`run_until`](Self::run_until).
    pub async fn run(&self) -> Result<Swept, BoxError> {
        self.run_until(None).await
    }

    /// Runs once, and ends before `deadline`.
    ///
    /// # Errors
    /// If the table can't be read or written; what was recorded stays, and the next run continues.
    pub async fn run_until(&self, deadline: Option<Timestamp>) -> Result<Swept, BoxError> {
        let began = Instant::now();
        let ran = self.run_within(deadline).await;
        let result = if ran.is_ok() { "done" } else { "failed" };
        metrics::SWEEP_SECONDS.observe([result], began.elapsed().as_secs_f64());
        ran
    }

    async fn run_within(&self, deadline: Option<Timestamp>) -> Result<Swept, BoxError> {
        let now = self.now();
        let (mut swept, mut tenants, mut failed) = (Swept::default(), Tenants::default(), None);
        let mut due = self.store.due(now).await?;
        // An entry that moves while the index is read may have been read twice.
        let mut seen = HashSet::new();
        due.retain(|key| seen.insert(key.clone()));
        swept.due = due.len();
        for (chunk, keys) in due.chunks(CHUNK).enumerate() {
            if deadline.is_some_and(|deadline| self.now() + MARGIN > deadline) {
                swept.left = due.len() - chunk * CHUNK;
                break;
            }
            self.learn(keys, &mut tenants, now).await;
            let (unreadable, keys): (Vec<_>, Vec<_>) =
                keys.iter().cloned().partition(|key| tenants.unreadable.contains(key.tenant()));
            swept.unreadable += unreadable.len();
            match self.store.settle_all(&keys, &tenants.settings, now).await {
                Ok(settled) => settled.into_iter().for_each(|one| swept.count(one, now)),
                // The others of the chunk are settled; what is not is due in the next run. One chunk does not delay
                // another.
                Err(error) => failed = Some(error),
            }
        }
        // This comes after the due enrollments, which have waited long enough.
        if swept.left == 0 {
            match self.refold(now).await {
                Ok(folded) => swept.folded_again = folded,
                Err(error) => failed = failed.or(Some(error)),
            }
            if let Err(error) = self.end_erasures(now, deadline).await {
                failed = failed.or(Some(error));
            }
        }
        for (result, enrollments) in swept.results() {
            metrics::SWEEP_ENROLLMENTS.add([result], enrollments as u64);
        }
        if swept.due > 0 {
            tracing::info!(
                due = swept.due,
                flagged = swept.flagged,
                rearmed = swept.rearmed,
                unreadable = swept.unreadable,
                left = swept.left,
                "swept"
            );
        }
        failed.map_or(Ok(swept), |error| Err(error.into()))
    }

    /// Reads in parallel the tenants among `keys` that are not known yet. A tenant that is gone has the defaults, so
    /// that its entries leave the due index too.
    async fn learn(&self, keys: &[ItemKey], tenants: &mut Tenants, now: Timestamp) {
        let known = |id: &TenantId| tenants.settings.contains_key(id) || tenants.unreadable.contains(id);
        let unknown: HashSet<TenantId> = keys.iter().map(ItemKey::tenant).filter(|id| !known(id)).cloned().collect();
        let mut reads = futures::stream::iter(unknown)
            .map(|id| async move { (self.tenants.get(&id, now).await, id) })
            .buffer_unordered(TENANTS_AT_ONCE);
        while let Some((read, id)) = reads.next().await {
            match read {
                Ok(tenant) => {
                    let settings = tenant.map(|tenant| tenant.settings.clone()).unwrap_or_default();
                    tenants.settings.insert(id, settings);
                }
                Err(error) => {
                    tracing::error!(tenant = %id, %error, "a tenant can't be read; its due enrollments wait");
                    metrics::SWEEP_TENANTS_UNREADABLE.count(id.as_str(), 1, now.millis());
                    tenants.unreadable.insert(id);
                }
            }
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_millis())
    }
}

impl Swept {
    /// The numbers of due enrollments by what became of them.
    const fn results(&self) -> [(&'static str, usize); 6] {
        let Self { due: _, flagged, rearmed, cleared, moved, unreadable, left, folded_again: _ } = *self;
        [
            ("flagged", flagged),
            ("rearmed", rearmed),
            ("cleared", cleared),
            ("moved", moved),
            ("unreadable", unreadable),
            ("left", left),
        ]
    }

    fn count(&mut self, Settlement { settled, deadline }: Settlement, now: Timestamp) {
        if let Some(deadline) = deadline {
            let late = u32::try_from((now - deadline).get().max(0)).unwrap_or(u32::MAX);
            metrics::FLAG_LAG_SECONDS.observe([], f64::from(late) / 1_000.0);
        }
        match settled {
            Settled::Flagged => self.flagged += 1,
            Settled::Rearmed => self.rearmed += 1,
            Settled::Cleared => self.cleared += 1,
            Settled::Moved | Settled::Gone => self.moved += 1,
            Settled::Unreadable => self.unreadable += 1,
        }
    }
}
