//! Heads that this process wrote last, so that the next event about the same device needs no read.
//!
//! This is for a program that writes nearly everything itself, as on one machine. Where many processes write, a
//! remembered head is soon outdated, and a write that fails on its condition costs more than the read it saved.
//!
//! Must stay true: a remembered head leads to nothing but a write on condition of its version. Every other answer comes
//! from what the table holds now.

use crate::item::Head;
use crate::keys::ItemKey;
use lru::LruCache;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use vestibule_domain::{Event, Identifier, TenantId, Timestamp, codec};

/// Memory of the heads that are kept, in bytes: some two thousand devices.
const KEPT_BYTES: usize = 16 << 20;
/// The memory that a head takes besides its events, in bytes.
const OVERHEAD_BYTES: usize = 2 << 10;
/// The memory of an event, in bytes, with its texts.
const EVENT_BYTES: usize = size_of::<Event>() + 256;

/// Heads by their keys; the least recently written are forgotten first. Remembers nothing by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent(Option<Arc<Mutex<Held>>>);

#[derive(Debug)]
struct Held {
    heads: LruCache<ItemKey, (Head, usize)>,
    bytes: usize,
}

impl Recent {
    /// One that remembers.
    pub(crate) fn remembering() -> Self {
        Self(Some(Arc::new(Mutex::new(Held { heads: LruCache::unbounded(), bytes: 0 }))))
    }

    /// The head at the best of `names`, if it knows all of them. It is forgotten here until it is written again.
    pub(crate) fn take(&self, tenant: &TenantId, names: &BTreeSet<Identifier>) -> Option<Head> {
        let held = self.0.as_ref()?;
        let key = ItemKey::of(tenant, names.first()?);
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        let (head, bytes) = held.heads.pop(&key)?;
        held.bytes -= bytes;
        Some(head).filter(|head| names.is_subset(head.history.identifiers()))
    }

    /// Remembers a head that was just written.
    pub(crate) fn keep(&self, mut head: Head) {
        let Some(held) = &self.0 else { return };
        // As an item holds it.
        head.expires_at = head.expires_at.map(|at| Timestamp::from_millis(at.seconds() * 1_000));
        head.format = codec::format_read(head.format, &head.history);
        debug_assert_eq!(
            head.to_item().and_then(|(item, _)| Head::read(head.key.clone(), &item)).ok().as_ref(),
            Some(&head),
            "a head is remembered as it would be read"
        );
        let bytes = OVERHEAD_BYTES + head.history.len() * EVENT_BYTES;
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        held.bytes += bytes;
        if let Some((_, (_, before))) = held.heads.push(head.key.clone(), (head, bytes)) {
            held.bytes -= before;
        }
        while held.bytes > KEPT_BYTES {
            let Some((_, (_, bytes))) = held.heads.pop_lru() else { break };
            held.bytes -= bytes;
        }
    }
}
