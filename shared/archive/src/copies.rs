//! The tenants' copies that this process holds: as many as there is room for; those not used for longest are dropped
//! first.
//!
//! Must stay true: a tenant has one copy at a time. So a copy that is in use or waited for is never dropped.

use crate::current::Copy;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use vestibule_domain::TenantId;

/// The room for copies. The copy in use stays, however large it is, until another is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes on the disk, for all copies.
    pub bytes: u64,
    /// The number of copies; each holds a file open.
    pub copies: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { bytes: 2 << 30, copies: 128 }
    }
}

#[derive(Default)]
struct Entry {
    copy: Arc<tokio::sync::Mutex<Copy>>,
    bytes: u64,
    /// Larger for a copy that was asked later.
    asked: u64,
}

#[derive(Default)]
struct Held {
    entries: HashMap<TenantId, Entry>,
    questions: u64,
}

/// The copies of this process.
#[derive(Clone, Default)]
pub(crate) struct Copies(Arc<Mutex<Held>>);

impl Copies {
    /// The tenant's copy, which may be empty.
    pub(crate) fn of(&self, tenant: &TenantId) -> Arc<tokio::sync::Mutex<Copy>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.questions += 1;
        let asked = held.questions;
        let entry = held.entries.entry(tenant.clone()).or_default();
        entry.asked = asked;
        Arc::clone(&entry.copy)
    }

    /// Notes the size of the tenant's copy, and drops others until all fit. Returns how many were dropped.
    pub(crate) fn settle(
        &self,
        tenant: &TenantId,
        bytes: u64,
        room: Room,
        path_of: impl Fn(&TenantId) -> Box<Path>,
    ) -> usize {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = held.entries.get_mut(tenant) {
            entry.bytes = bytes;
        }
        let mut given_up = 0;
        while held.entries.len() > room.copies
            || held.entries.values().map(|entry| entry.bytes).sum::<u64>() > room.bytes
        {
            // Anyone who uses a copy or waits for it holds it too, and got it under the lock held here.
            let idle = held.entries.iter().filter(|(of, entry)| *of != tenant && Arc::strong_count(&entry.copy) == 1);
            let Some(oldest) = idle.min_by_key(|(_, entry)| entry.asked).map(|(of, _)| of.clone()) else { break };
            // Closes the file; whatever is left of it in the folder is removed with it.
            drop(held.entries.remove(&oldest));
            let _gone_already = std::fs::remove_file(path_of(&oldest));
            given_up += 1;
        }
        given_up
    }
}
