//! Reads many enrollments: all of a tenant page by page, and those that keys name, complete with their segments.
//!
//! However many there are, memory is bounded: a page of keys, the requested heads as they are stored, and a part of them
//! with some mebibytes of segments, which whoever needs it decodes, on whatever thread. An enrollment that can't be read is
//! reported separately and does not block the others.

use crate::item::{
    CHANGE_PARTITION, Found, Head, Item, SEALED_BYTES, encoded_bytes, has_expired, is_erased, key_of, number, s,
    segment_numbers, text,
};
use crate::keys::{CHANGE_SHARDS, ItemKey, PK, change_partition};
use crate::segments::FetchedOfOne;
use crate::{CAPACITY, CHANGES_INDEX, Cause, Consistency, Store, StoreError};
use std::collections::{BTreeSet, VecDeque};
use vestibule_domain::{History, TenantId, Timestamp};

/// Keys of one page.
const PAGE: i32 = 2_000;
/// Encoded events read for one part, in heads and segments; decoded they take some ten times as much.
const PART_BYTES: usize = 2 << 20;

/// An enrollment as stored, complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its key.
    pub key: ItemKey,
    /// Its version, which every write changes.
    pub version: u64,
    /// Its events, with those in segments.
    pub history: History,
    /// When it was last folded.
    pub folded_at: Timestamp,
    /// When time-to-live may delete it, if ever; from then on it counts as gone.
    pub expires_at: Option<Timestamp>,
}

/// An enrollment that exists but can't be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Its key.
    pub key: ItemKey,
    /// What is wrong: [`StoreError::Corrupt`] or [`StoreError::MissingSegment`].
    pub problem: StoreError,
}

/// What was read, in no order.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The enrollments that could be read.
    pub stored: Vec<Stored>,
    /// Those that exist but could not be read. An operator must look.
    pub unreadable: Vec<Unreadable>,
}

/// Enrollments as they are stored, complete and still to be decoded.
#[derive(Debug)]
pub struct Part {
    heads: Vec<(ItemKey, Item, FetchedOfOne)>,
    unreadable: Vec<Unreadable>,
}

/// Enrollments whose segments are still to be read.
#[derive(Debug)]
pub struct Heads {
    heads: VecDeque<(ItemKey, Item)>,
    unreadable: Vec<Unreadable>,
}

/// A walk through all enrollments of a tenant.
#[derive(Debug)]
pub struct Listing {
    tenant: TenantId,
    shard: u8,
    /// The last key of the page before.
    after: Option<Item>,
}

impl Stored {
    pub(crate) fn of(head: Head, history: History) -> Self {
        let Head { key, version, folded_at, expires_at, .. } = head;
        Self { key, version, history, folded_at, expires_at }
    }
}

impl Loaded {
    /// All of them, for callers to whom an unreadable one is a failure.
    ///
    /// # Errors
    /// The first that can't be read.
    pub fn all(self) -> Result<Vec<Stored>, StoreError> {
        match self.unreadable.into_iter().next() {
            Some(Unreadable { problem, .. }) => Err(problem),
            None => Ok(self.stored),
        }
    }
}

impl Heads {
    /// Every enrollment found, whether it can be read or not.
    pub fn keys(&self) -> impl Iterator<Item = &ItemKey> {
        let heads = self.heads.iter().map(|(key, _)| key);
        heads.chain(self.unreadable.iter().map(|unreadable| &unreadable.key))
    }
}

impl Part {
    /// Decodes the enrollments one after the other, those that `store` read. In no order.
    pub fn open(self, store: &Store) -> impl Iterator<Item = Result<Stored, Unreadable>> {
        let opened = self.heads.into_iter().map(|(key, item, segments)| {
            let opened = Head::read(key.clone(), &item).and_then(|mut head| {
                let mut history = std::mem::take(&mut head.history);
                for events in store.opened(key.as_str(), segments?)? {
                    events.add_to(&mut history);
                }
                Ok(Stored::of(head, history))
            });
            opened.map_err(|problem| Unreadable { key, problem })
        });
        opened.chain(self.unreadable.into_iter().map(Err))
    }
}

impl Listing {
    /// All enrollments of a tenant, from the first on.
    pub fn new(tenant: &TenantId) -> Self {
        Self { tenant: tenant.clone(), shard: 0, after: None }
    }
}

impl Store {
    /// The keys of a listing's next page; `None` if there are no more. An enrollment written meanwhile may come twice,
    /// and those that were merged into others are included.
    ///
    /// # Errors
    /// If the index can't be read.
    pub async fn next_page(&self, listing: &mut Listing) -> Result<Option<Vec<ItemKey>>, StoreError> {
        while listing.shard < CHANGE_SHARDS {
            let query = self
                .client
                .query()
                .table_name(&*self.table)
                .index_name(CHANGES_INDEX)
                .key_condition_expression("#p = :p")
                .expression_attribute_names("#p", CHANGE_PARTITION)
                .expression_attribute_values(":p", s(change_partition(&listing.tenant, listing.shard)))
                .set_exclusive_start_key(listing.after.take())
                .limit(PAGE)
                .return_consumed_capacity(CAPACITY);
            let page = query.send().await?;
            self.meter.read(Cause::Changes, page.consumed_capacity.as_slice());
            listing.after = page.last_evaluated_key;
            if listing.after.is_none() {
                listing.shard += 1;
            }
            let items = page.items.unwrap_or_default();
            if !items.is_empty() {
                return Ok(Some(items.iter().filter_map(|item| ItemKey::parse(text(item, PK)?)).collect()));
            }
        }
        Ok(None)
    }

    /// Reads enrollments with all their segments, however many and large they are.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn load(&self, keys: &[ItemKey], now: Timestamp) -> Result<Loaded, StoreError> {
        let mut heads = self.heads(keys, now).await?;
        let mut all = Loaded::default();
        while let Some(part) = self.next_part(&mut heads).await? {
            all.stored.extend(part.stored);
            all.unreadable.extend(part.unreadable);
        }
        Ok(all)
    }

    /// Reads enrollments without their segments. Those that are gone, erased, expired or merged into others are left out.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn heads(&self, keys: &[ItemKey], now: Timestamp) -> Result<Heads, StoreError> {
        // An entry that moves while the index is read may have been read twice.
        let keys: BTreeSet<&ItemKey> = keys.iter().collect();
        let keys = keys.into_iter().map(key_of).collect();
        let (mut heads, mut unreadable) = (VecDeque::new(), Vec::new());
        for item in self.batch_get(keys, Consistency::Eventual, Cause::Load).await? {
            // An item without one of our keys was not requested.
            let Some(key) = text(&item, PK).and_then(ItemKey::parse) else { continue };
            match Found::link(&item) {
                Some(Ok(_)) => {}
                Some(Err(problem)) => unreadable.push(Unreadable { key, problem }),
                None if has_expired(&item, now) || is_erased(&item) => {}
                None => heads.push_back((key, item)),
            }
        }
        Ok(Heads { heads, unreadable })
    }

    /// The next part, complete and decoded: as many as have some mebibytes of events. `None` if there are no more.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn next_part(&self, heads: &mut Heads) -> Result<Option<Loaded>, StoreError> {
        let Some(part) = self.read_part(heads).await? else { return Ok(None) };
        let mut loaded = Loaded::default();
        for opened in part.open(self) {
            match opened {
                Ok(stored) => loaded.stored.push(stored),
                Err(unreadable) => loaded.unreadable.push(unreadable),
            }
        }
        Ok(Some(loaded))
    }

    /// The same, still to be decoded.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn read_part(&self, heads: &mut Heads) -> Result<Option<Part>, StoreError> {
        if heads.heads.is_empty() && heads.unreadable.is_empty() {
            return Ok(None);
        }
        let unreadable = std::mem::take(&mut heads.unreadable);
        let (mut part, mut bytes) = (Vec::new(), 0);
        while bytes < PART_BYTES
            && let Some((key, item)) = heads.heads.pop_front()
        {
            bytes += encoded_bytes(&item) + number::<usize>(&item, SEALED_BYTES).unwrap_or(0);
            // Numbers that can't be read make the head unreadable, with or without segments.
            let numbers = segment_numbers(&item).unwrap_or_default();
            part.push((key, item, numbers));
        }
        let wanted: Vec<_> = part.iter().map(|(key, _, numbers)| (key.as_str(), numbers.as_slice())).collect();
        let segments = self.fetch_segments(&wanted).await?;
        let heads = part.into_iter().zip(segments).map(|((key, item, _), segments)| (key, item, segments)).collect();
        Ok(Some(Part { heads, unreadable }))
    }
}
