//! Appends the changes in a batch of the stream to the feeds of the tenants that have one.
//!
//! Must stay true: this is done before the batch counts as handled, and a batch is one run of one shard's records in
//! order. So everything that a shard received before a barrier is in the pages up to the one that names the barrier. A
//! batch that comes again is appended again, which adds nothing new.

use aws_lambda_events::dynamodb::EventRecord;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_store::{Barrier, ItemKey, Page, SEEN_ATTRIBUTES, Seen, Store, StoreError, TenantCache, UNKNOWN_VERSION};

/// How long the end of a log is remembered without a look: far less than pages stay.
const REMEMBERED: Millis = Millis::from_minutes(60);
/// The most logs whose end is remembered; beyond that all are looked up anew.
const MOST: usize = 10_000;

/// By tenant and beginning of its feed: the number of the last page that was appended here, and when.
type Ends = HashMap<(TenantId, Timestamp), (u64, Timestamp)>;

/// The feeds.
#[derive(Clone, Debug)]
pub(crate) struct Feeds {
    store: Store,
    tenants: TenantCache,
    ends: Arc<Mutex<Ends>>,
}

/// What a batch contains for one tenant.
#[derive(Default)]
struct Changed {
    changes: BTreeMap<ItemKey, u64>,
    barriers: Vec<Barrier>,
}

impl Feeds {
    pub(crate) fn new(store: Store, tenants: TenantCache) -> Self {
        Self { store, tenants, ends: Arc::default() }
    }

    /// Appends the changes in a batch, one page for each tenant that has a feed.
    ///
    /// # Errors
    /// If the table fails; the whole batch must then come again.
    pub(crate) async fn append<'r>(
        &self,
        records: impl Iterator<Item = &'r EventRecord>,
        unreadable: impl Iterator<Item = ItemKey>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut by_tenant: BTreeMap<TenantId, Changed> = BTreeMap::new();
        // If a record does not even parse, its key is known, so the readers of the feed must look.
        for key in unreadable {
            by_tenant.entry(key.tenant().clone()).or_default().changes.insert(key, UNKNOWN_VERSION);
        }
        for record in records {
            match seen(record) {
                Some(Seen::Change(key, version)) => {
                    // The newest of an item comes last.
                    by_tenant.entry(key.tenant().clone()).or_default().changes.insert(key, version);
                }
                Some(Seen::Barrier(barrier)) => {
                    by_tenant.entry(barrier.tenant.clone()).or_default().barriers.push(barrier);
                }
                None => {}
            }
        }
        let appending = by_tenant.into_iter().map(|(tenant, changed)| self.append_to(tenant, changed, now));
        futures::future::try_join_all(appending).await?;
        Ok(())
    }

    async fn append_to(&self, tenant: TenantId, changed: Changed, now: Timestamp) -> Result<(), StoreError> {
        let held = match self.tenants.get(&tenant, now).await {
            // Nobody can ask about a tenant that can't be read.
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::warn!(%tenant, %error, "a tenant can't be read; its changes are in no feed");
                return Ok(());
            }
            held => held?,
        };
        let Some(feed) = held.and_then(|tenant| tenant.feed).filter(|feed| feed.is_kept(now)) else { return Ok(()) };
        // Barriers of another feed are ignored: its pages may lack changes that this publisher did not know to append.
        let barriers = changed.barriers.into_iter().filter(|barrier| barrier.since == feed.since);
        let page = Page { changes: changed.changes, barriers: barriers.map(|barrier| barrier.id).collect() };
        if page.is_empty() {
            return Ok(());
        }
        let log = (tenant, feed.since);
        let end = self.store.append_page(&log.0, feed.since, &page, self.end(&log, now), now).await?;
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.len() >= MOST {
            ends.clear();
        }
        ends.insert(log, (end, now));
        Ok(())
    }

    fn end(&self, log: &(TenantId, Timestamp), now: Timestamp) -> Option<u64> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let (end, at) = ends.get(log).copied()?;
        (at <= now && now - at < REMEMBERED).then_some(end)
    }
}

/// What a record reports. Images may be large, so only what is needed of them is copied.
fn seen(record: &EventRecord) -> Option<Seen> {
    let change = &record.change;
    Seen::of(&needed(&change.keys), &needed(&change.old_image), &needed(&change.new_image))
}

fn needed(image: &serde_dynamo::Item) -> HashMap<String, AttributeValue> {
    let found = SEEN_ATTRIBUTES.into_iter().filter_map(|name| Some((name.to_owned(), image.get(name)?.clone().into())));
    found.collect()
}
