//! The table: its keys, items, indexes and conditional writes.
//!
//! One enrollment is one item (`item`), found by any identifier (`keys`, `resolve`), changed only by
//! writes conditional on its version (`write`). Two sparse, keys-only indexes hang on it: what is due (`due`) and
//! what changed (`changes`). What an attempt means is the domain's: this crate calls its `fold` and takes the
//! plan that follows.
//!
//! Must stay true: what was acknowledged is in the table; a link exists before the enrollment knows its
//! identifier; an enrollment with something open is in the due index.

mod changes;
mod due;
mod error;
mod feed;
mod files;
mod group;
mod image;
mod item;
mod keys;
mod meter;
mod profiles;
mod resolve;
mod retention;
mod segments;
mod tenant_cache;
mod tenants;
mod write;

pub use changes::{INDEX_LAG, NIGHTLY_INDEX_LAG, Stored};
pub use due::Settled;
pub use error::StoreError;
pub use feed::{BARRIER_PREFIX, Barrier, Feed, Page, SEEN_ATTRIBUTES, Seen, UNKNOWN_VERSION};
pub use files::{Corrected, FileRecord, PartRecord};
pub use group::group_by_device;
pub use image::Image;
pub use item::CHANGE_BUCKET_WIDTH;
pub use keys::{CHANGE_SHARDS, DUE_SHARDS, ItemKey};
pub use meter::{Cause, Meter, Units};
pub use segments::{FULL_BYTES, SEAL_BYTES};
pub use tenant_cache::TenantCache;
pub use tenants::{ApiToken, Role, Secret, SignInCode, SourceSecret, Tenant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};
use item::Item;
use std::sync::Arc;
use std::time::Duration;

/// Name of the index of what is due.
pub const DUE_INDEX: &str = "due";
/// Name of the index of what changed.
pub const CHANGES_INDEX: &str = "changes";

/// Every call reports what it consumed, indexes told apart.
const CAPACITY: ReturnConsumedCapacity = ReturnConsumedCapacity::Indexes;
/// Keys that one `BatchGetItem` takes.
const BATCH: usize = 100;
/// Tries of a batch whose keys were not all processed.
const BATCH_TRIES: u32 = 8;

/// How new what is read must be. Strong costs twice as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consistency {
    Eventual,
    Strong,
}

/// The table.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: Arc<str>,
    meter: Meter,
    segments: segments::Segments,
    /// Whether items are read in bulk as they are now, whatever it costs.
    consistent: bool,
}

impl Store {
    /// The table called `table`.
    pub fn new(client: Client, table: impl Into<Arc<str>>) -> Self {
        let (meter, segments) = (Meter::default(), segments::Segments::default());
        Self { client, table: table.into(), meter, segments, consistent: false }
    }

    /// The same, reading items in bulk as they are now rather than as they were a moment ago: twice the cost, for who
    /// has learned of a change and must not miss it.
    #[must_use]
    pub fn consistently(&self) -> Self {
        Self { consistent: true, ..self.clone() }
    }

    /// What was consumed through this store and its clones.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The items of a query, page after page, until there are at least `most`.
    async fn query(&self, query: QueryFluentBuilder, cause: Cause, most: usize) -> Result<Vec<Item>, StoreError> {
        let query = query.table_name(&*self.table).return_consumed_capacity(CAPACITY);
        let mut pages = query.into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page?;
            self.meter.read(cause, page.consumed_capacity.as_slice());
            items.extend(page.items.unwrap_or_default());
            if items.len() >= most {
                break;
            }
        }
        Ok(items)
    }

    /// Reads items by key, a hundred at a time, in no order; absent ones are left out.
    async fn batch_get(
        &self,
        keys: Vec<Item>,
        consistency: Consistency,
        cause: Cause,
    ) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(BATCH) {
            let mut left = Some(chunk.to_vec());
            for attempt in 0..BATCH_TRIES {
                let Some(keys) = left.take() else { break };
                if attempt > 0 {
                    pause(attempt).await;
                }
                let wanted = KeysAndAttributes::builder().set_keys(Some(keys));
                let wanted = wanted.consistent_read(self.consistent || consistency == Consistency::Strong).build();
                let wanted = wanted.map_err(|error| StoreError::Refused(error.to_string()))?;
                let request = self.client.batch_get_item().request_items(&*self.table, wanted);
                let mut answer = request.return_consumed_capacity(CAPACITY).send().await?;
                self.meter.read(cause, answer.consumed_capacity());
                let items = answer.responses.as_mut().and_then(|tables| tables.remove(&*self.table));
                found.extend(items.unwrap_or_default());
                left = answer
                    .unprocessed_keys
                    .and_then(|mut tables| tables.remove(&*self.table))
                    .map(|keys| keys.keys)
                    .filter(|keys| !keys.is_empty());
            }
            if left.is_some() {
                return Err(StoreError::Unavailable("keys stay unprocessed".to_owned()));
            }
        }
        Ok(found)
    }
}

/// Waits a moment that grows with the tries and differs from writer to writer.
async fn pause(attempt: u32) {
    let spread = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| u64::from(since.subsec_nanos()));
    let most = 5_u64 << attempt.min(6);
    tokio::time::sleep(Duration::from_millis(1 + spread / 1_000 % most)).await;
}
