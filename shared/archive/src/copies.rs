//! The tenants' copies that this process holds: as many as there is room for, and only those that somebody asked lately.
//! Those not used for longest are closed first.
//!
//! Must stay true: a tenant has one copy at a time. So a copy that is in use or waited for is never closed.

use crate::current::Copy;
use crate::shown::Shown;
use lru::LruCache;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vestibule_domain::{Millis, TenantId, Timestamp};

/// The room for copies. The copy in use stays, however large it is, until another is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes on the disk, for all copies.
    pub bytes: u64,
    /// The number of copies; each holds a file open, and a mebibyte of memory.
    pub copies: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { bytes: 2 << 30, copies: 32 }
    }
}

/// How long a copy is kept that nobody asks.
const IDLE: Millis = Millis::from_minutes(15);

/// One tenant's copy, and what it shows to questions that do not wait for it.
#[derive(Default)]
pub(crate) struct One {
    pub copy: tokio::sync::Mutex<Copy>,
    pub shown: Shown,
}

struct Entry {
    one: Arc<One>,
    bytes: u64,
    asked_at: Timestamp,
}

impl Entry {
    /// Whether nobody uses it or waits for it. Whoever does holds it too, and got it under the lock of all.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.one) == 1
    }
}

/// The copies of this process.
#[derive(Clone)]
pub(crate) struct Copies(Arc<Mutex<LruCache<TenantId, Entry>>>);

impl Default for Copies {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::unbounded())))
    }
}

impl Copies {
    fn held(&self) -> MutexGuard<'_, LruCache<TenantId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenant's copy, which may be empty, for a question of this instant.
    pub(crate) fn of(&self, tenant: &TenantId, now: Timestamp) -> Arc<One> {
        let mut held = self.held();
        let entry = held.get_or_insert_mut(tenant.clone(), || Entry { one: Arc::default(), bytes: 0, asked_at: now });
        entry.asked_at = now;
        Arc::clone(&entry.one)
    }

    /// Notes the size of the tenant's copy, and closes others until all fit. Returns how many were closed.
    pub(crate) fn settle(
        &self,
        tenant: &TenantId,
        bytes: u64,
        room: Room,
        path_of: impl Fn(&TenantId) -> Box<Path>,
    ) -> usize {
        let mut held = self.held();
        if let Some(entry) = held.peek_mut(tenant) {
            entry.bytes = bytes;
        }
        let mut closed = 0;
        while held.len() > room.copies || held.iter().map(|(_, entry)| entry.bytes).sum::<u64>() > room.bytes {
            let Some(oldest) = oldest_but(&held, tenant) else { break };
            close(&mut held, &oldest, &path_of(&oldest));
            closed += 1;
        }
        closed
    }

    /// Closes copies of others while `is_needed`, those not used for longest first. Returns how many were closed.
    pub(crate) fn close_while(
        &self,
        tenant: &TenantId,
        is_needed: impl Fn() -> bool,
        path_of: impl Fn(&TenantId) -> Box<Path>,
    ) -> usize {
        let mut held = self.held();
        let mut closed = 0;
        while is_needed()
            && let Some(oldest) = oldest_but(&held, tenant)
        {
            close(&mut held, &oldest, &path_of(&oldest));
            closed += 1;
        }
        closed
    }

    /// The tenant's copy, if there is one.
    pub(crate) fn held_of(&self, tenant: &TenantId) -> Option<Arc<One>> {
        self.held().peek(tenant).map(|entry| Arc::clone(&entry.one))
    }

    /// All tenants that have a copy, with it.
    pub(crate) fn all(&self) -> Vec<(TenantId, Arc<One>)> {
        self.held().iter().map(|(tenant, entry)| (tenant.clone(), Arc::clone(&entry.one))).collect()
    }

    /// Closes the copies that nobody has asked for [`IDLE`]. Returns how many were closed.
    pub(crate) fn close_idle(&self, now: Timestamp, path_of: impl Fn(&TenantId) -> Box<Path>) -> usize {
        let mut held = self.held();
        // A clock that was set back ends them, too.
        let is_over = |entry: &Entry| entry.is_idle() && (now - entry.asked_at).get().abs() >= IDLE.get();
        let over: Vec<TenantId> =
            held.iter().filter(|(_, entry)| is_over(entry)).map(|(tenant, _)| tenant.clone()).collect();
        over.iter().for_each(|tenant| close(&mut held, tenant, &path_of(tenant)));
        over.len()
    }
}

/// The tenant whose copy was not used for longest, of those that are not in use; never `tenant`.
fn oldest_but(held: &LruCache<TenantId, Entry>, tenant: &TenantId) -> Option<TenantId> {
    let oldest = held.iter().rev().find(|(of, entry)| *of != tenant && entry.is_idle());
    oldest.map(|(of, _)| of.clone())
}

/// Closes the file; whatever is left of it in the folder is removed with it.
fn close(held: &mut LruCache<TenantId, Entry>, tenant: &TenantId, path: &Path) {
    drop(held.pop(tenant));
    let _gone_already = remove(path);
}

/// Removes a copy that nobody has open, and a log that a killed process left beside one.
pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
    let beside = ["-wal", "-shm"].map(|ending| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        name
    });
    for path in [path.as_os_str()].into_iter().chain(beside.iter().map(AsRef::as_ref)) {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn as_few_are_closed_as_are_needed_and_none_in_use() {
        let folder = std::env::temp_dir();
        let path_of = |tenant: &TenantId| folder.join(format!("{tenant}.copies-test")).into();
        let tenant = |name: &str| TenantId::parse(name).unwrap();
        let copies = Copies::default();
        let in_use = copies.of(&tenant("one"), Timestamp::MIN);
        for name in ["two", "three", "four"] {
            drop(copies.of(&tenant(name), Timestamp::MIN));
        }
        let is_held = |name: &str| copies.held_of(&tenant(name)).is_some();
        assert_eq!(copies.close_while(&tenant("four"), || false, path_of), 0);
        let needed = std::cell::Cell::new(1);
        let once = || needed.replace(needed.get() - 1) > 0;
        assert_eq!(copies.close_while(&tenant("four"), once, path_of), 1);
        assert_eq!(["one", "two", "three", "four"].map(is_held), [true, false, true, true]);
        assert_eq!(copies.close_while(&tenant("four"), || true, path_of), 1);
        assert_eq!(["one", "two", "three", "four"].map(is_held), [true, false, false, true]);
        drop(in_use);
        assert_eq!(copies.close_while(&tenant("four"), || true, path_of), 1);
    }
}
