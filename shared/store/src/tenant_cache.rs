//! Tenants held in memory for a while, so that a request doesn't read its tenant each time.
//!
//! A tenant's change therefore takes up to [`HELD_FOR`], or the cache's own time, to reach every function; a caller
//! that must not act on stale settings asks [`TenantCache::fresh`]. On one machine the store's notice ends what is held
//! at once, whichever process made the change.

use crate::notice::Changes;
use crate::{Consistency, Store, StoreError, Tenant};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use vestibule_domain::{Millis, TenantId, Timestamp};

/// How long a tenant is held.
pub const HELD_FOR: Millis = Millis::from_seconds(60);
/// A tenant that was just read is not read anew more often than this: a sender with a wrong secret must not make us
/// read at its pace.
pub const NOT_SOONER_THAN: Millis = Millis::from_seconds(1);
/// The most tenants held; beyond that the cache starts over, which costs a read for each.
const MOST: usize = 20_000;

#[derive(Clone, Debug)]
struct Entry {
    read_at: Timestamp,
    /// As noticed before it was read.
    changes: Changes,
    tenant: Option<Arc<Tenant>>,
}

/// A cache of tenants, shared by everything that runs in one process.
#[derive(Clone, Debug)]
pub struct TenantCache {
    store: Store,
    held_for: Millis,
    consistency: Consistency,
    held: Arc<Mutex<HashMap<TenantId, Entry>>>,
}

impl TenantCache {
    /// A cache over `store`.
    pub fn new(store: Store) -> Self {
        Self { store, held_for: HELD_FOR, consistency: Consistency::Eventual, held: Arc::default() }
    }

    /// A cache that holds tenants for this long.
    #[must_use]
    pub const fn holding(mut self, held_for: Millis) -> Self {
        self.held_for = held_for;
        self
    }

    /// A cache that reads consistently, at twice the cost: what it answers is not older than the time that it holds.
    #[must_use]
    pub const fn consistent(mut self) -> Self {
        self.consistency = Consistency::Strong;
        self
    }

    /// The tenant, at most as old as the cache's time; `None` if it does not exist.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn get(&self, id: &TenantId, now: Timestamp) -> Result<Option<Arc<Tenant>>, StoreError> {
        self.get_within(id, now, self.held_for, self.consistency).await
    }

    /// The tenant, read at most [`NOT_SOONER_THAN`] ago.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn fresh(&self, id: &TenantId, now: Timestamp) -> Result<Option<Arc<Tenant>>, StoreError> {
        self.get_within(id, now, NOT_SOONER_THAN, Consistency::Strong).await
    }

    async fn get_within(
        &self,
        id: &TenantId,
        now: Timestamp,
        age: Millis,
        consistency: Consistency,
    ) -> Result<Option<Arc<Tenant>>, StoreError> {
        let changes = self.store.notice.changes();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let is_unchanged = held.as_ref().is_none_or(|held| held.changes.is_still(changes));
        if let Some(Entry { read_at, tenant, .. }) = held
            && is_unchanged
            && now - read_at < age
            && now >= read_at
        {
            return Ok(tenant);
        }
        let consistency = if is_unchanged { consistency } else { Consistency::Strong };
        // Rare and large: each request would carry the room for it.
        let tenant = Box::pin(self.store.opened_tenant(id, consistency)).await?.map(Arc::new);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MOST && !held.contains_key(id) {
            held.clear();
        }
        held.insert(id.clone(), Entry { read_at: now, changes, tenant: tenant.clone() });
        Ok(tenant)
    }
}
