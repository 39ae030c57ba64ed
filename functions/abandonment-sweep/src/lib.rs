//! Looks at the enrollments whose deadline has passed, and records what became of them.
//!
//! It takes no input and may run twice, late or beside itself: each record is conditional on the
//! enrollment's version, and what it records is what anybody folding the enrollment would find. Its work
//! is in proportion to what is due, not to what is stored.

use serde::Serialize;
use std::collections::HashMap;
use vestibule_domain::{TenantId, TenantSettings, Timestamp};
use vestibule_platform::{BoxError, Clock};
use vestibule_store::{ItemKey, Settled, Store, TenantCache};

/// Keys taken from the due index before they are looked at.
const CHUNK: usize = 200;

/// The sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    store: Store,
    tenants: TenantCache,
    clock: Clock,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Swept {
    /// Enrollments that were due.
    pub due: usize,
    /// Of these, found given up or past their limit, and so recorded.
    pub flagged: usize,
    /// Of these, still moving: to be looked at again later.
    pub rearmed: usize,
    /// Of these, with nothing open any more.
    pub cleared: usize,
    /// Of these, changed by somebody else meanwhile, or gone.
    pub moved: usize,
    /// Of these, unreadable: an operator must look.
    pub unreadable: usize,
}

impl Sweep {
    /// A sweep over `store`.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { tenants: TenantCache::new(store.clone()), store, clock }
    }

    /// Runs once.
    ///
    /// # Errors
    /// When the table can't be read or written; what was recorded before stays, and the next run goes on.
    pub async fn run(&self) -> Result<Swept, BoxError> {
        let now = Timestamp::from_millis(self.clock.now_millis());
        let mut swept = Swept::default();
        let due = self.store.due(now).await?;
        for keys in due.chunks(CHUNK) {
            let settings = self.settings_of(keys, now).await?;
            for settled in self.store.settle_all(keys, &settings, now).await? {
                swept.count(settled);
            }
        }
        if swept.due > 0 {
            tracing::info!(due = swept.due, flagged = swept.flagged, rearmed = swept.rearmed, "swept");
        }
        Ok(swept)
    }

    /// The settings of the tenants among `keys`. A tenant that is gone has the defaults, so that what it left
    /// in the due index leaves it too.
    async fn settings_of(
        &self,
        keys: &[ItemKey],
        now: Timestamp,
    ) -> Result<HashMap<TenantId, TenantSettings>, BoxError> {
        let mut settings = HashMap::new();
        for key in keys {
            let tenant = key.tenant();
            if !settings.contains_key(tenant) {
                let found = self.tenants.get(tenant, now).await?;
                settings.insert(tenant.clone(), found.map(|tenant| tenant.settings.clone()).unwrap_or_default());
            }
        }
        Ok(settings)
    }
}

impl Swept {
    fn count(&mut self, settled: Settled) {
        self.due += 1;
        match settled {
            Settled::Flagged => self.flagged += 1,
            Settled::Rearmed => self.rearmed += 1,
            Settled::Cleared => self.cleared += 1,
            Settled::Moved | Settled::Gone => self.moved += 1,
            Settled::Unreadable => self.unreadable += 1,
        }
    }
}
