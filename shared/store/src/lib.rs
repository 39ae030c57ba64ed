//! The table: its keys, items, indexes and conditional writes.
//!
//! One enrollment is one item (`item`), found by any identifier (`keys`, `resolve`), and changed only by writes
//! conditional on its version (`write`). It has two sparse, keys-only indexes: what is due (`due`) and what changed
//! (`changes`). The domain decides what an attempt means: this crate calls its `fold` and stores the plan that follows.
//!
//! Must stay true: everything acknowledged is in the table; a link exists before the enrollment knows its identifier;
//! an enrollment with something open is in the due index.

mod annotations;
mod app_names;
mod browser_sessions;
mod changes;
mod content;
mod dead_letters;
mod deliveries;
mod due;
mod erasure;
mod error;
mod exports;
mod feed;
mod files;
mod formats;
mod group;
mod image;
mod item;
mod keys;
mod load;
mod lost;
mod meter;
mod notice;
mod notices;
mod profiles;
mod pulls;
mod recent;
mod refold;
mod refused;
mod resolve;
mod retention;
mod sealing;
mod segments;
mod tenant_cache;
mod tenants;
mod web_enrollment;
mod write;

pub use browser_sessions::{BrowserSession, Credential, MOST_SESSIONS, SESSION_IDLE, SESSION_LASTS, session_id};
pub use changes::{INDEX_LAG, NIGHTLY_INDEX_LAG};
pub use dead_letters::DeadLetter;
pub use deliveries::{DayLog, Delivery, MOST_NAMES, NEWEST, OTHER, Refusal, Silence, log_day, silence};
pub use due::{Settled, Settlement};
pub use erasure::{
    Asked, Begun, Erased, Erasing, ErasureRecord, HELD_KINDS, HeldKind, Holds, Kept, KeptAbout, LeftPage, LookBudget,
    Looked, OlderFiles, REMOVAL, Search, Subject, Tombstones, UnderWay, held_kind,
};
pub use error::StoreError;
pub use exports::{
    ASKED_EVERY, AskedExport, EXPORT_BACK_OFF, EXPORT_LEASE, ExportLease, ExportReason, ExportRequest, Exports,
    MOST_EXPORT_BACK_OFF, PendingExport, TakenExport,
};
pub use feed::{BARRIER_PREFIX, Barrier, Feed, Page, SEEN_ATTRIBUTES, Seen, UNKNOWN_VERSION};
pub use files::{Corrected, FileRecord, MOST_AHEAD, PartRecord};
pub use formats::Formats;
pub use group::group_by_device;
pub use image::{Image, link_version};
pub use item::CHANGE_BUCKET_WIDTH;
pub use keys::{CHANGE_SHARDS, DUE_SHARDS, ItemKey};
pub use load::{Heads, Listing, Loaded, Part, Stored, Unreadable};
pub use meter::{Cause, Meter, Units};
pub use notices::{News, Notices, SentNotice};
pub use pulls::{Digest, Digests, PULL_LEASE, Pull, PullApp, PullLease, PullList, TakenPull, Unfinished};
pub use refold::{Refold, Refolding};
pub use refused::RefusedMerge;
pub use retention::PruneCursor;
pub use sealing::{Bound, SecretKind, Vault};
pub use segments::{FULL_BYTES, FULL_EVENTS, SEAL_BYTES};
pub use tenant_cache::TenantCache;
pub use tenants::{
    ApiToken, PseudonymKey, Role, Sealing, Secret, SettingsHistory, SignInCode, SourceSecret, SourceSettings, Tenant,
};

pub use web_enrollment::TAKEN_FOR as SIGN_INS_TAKEN_FOR;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use item::Item;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Name of the index of due enrollments.
pub const DUE_INDEX: &str = "due";
/// Name of the index of changed enrollments.
pub const CHANGES_INDEX: &str = "changes";

/// Every call reports what it consumed, with the indexes separate.
const CAPACITY: ReturnConsumedCapacity = ReturnConsumedCapacity::Indexes;
/// The most keys in one `BatchGetItem`.
const BATCH: usize = 100;
/// Parallel calls of `BatchGetItem`: some thousand keys in the time of one call.
const BATCHES_AT_ONCE: usize = 16;
/// Tries of a batch whose keys were not all processed.
const BATCH_TRIES: u32 = 8;

/// How fresh a read must be. Strong costs twice as much.
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
    recent: recent::Recent,
    web_enrollment: web_enrollment::Remembered,
    tombstones: erasure::Held,
    /// Bytes of one page of tombstones, or of what an erasure concerns.
    erasure_page: usize,
    /// The source of random numbers, for pauses that differ from writer to writer.
    jitter: Arc<AtomicU64>,
    /// Whether bulk reads are strongly consistent, whatever that costs.
    consistent: bool,
    notice: notice::Notice,
    /// Whether segments that were read are kept for the readers after.
    keeps: bool,
    sealer: sealing::Sealer,
}

impl Store {
    /// The table called `table`.
    pub fn new(client: Client, table: impl Into<Arc<str>>) -> Self {
        let jitter = Arc::new(AtomicU64::new(RandomState::new().hash_one(0)));
        Self {
            client,
            table: table.into(),
            meter: Meter::default(),
            segments: segments::Segments::default(),
            recent: recent::Recent::default(),
            web_enrollment: web_enrollment::Remembered::default(),
            tombstones: erasure::Held::default(),
            erasure_page: erasure::PAGE_BYTES,
            jitter,
            consistent: false,
            notice: notice::Notice::default(),
            keeps: true,
            sealer: sealing::Sealer::default(),
        }
    }

    /// The same with a file by which all processes of one machine learn at once that a tenant was changed. They must
    /// all name the same one.
    #[must_use]
    pub fn with_notice(mut self, file: PathBuf) -> Self {
        self.notice = notice::Notice::at(file);
        self
    }

    /// The same, with erasures in pages of so many bytes. The default takes thousands of devices; a test that wants
    /// several pages asks for less.
    #[must_use]
    pub const fn with_erasure_pages(mut self, bytes: usize) -> Self {
        self.erasure_page = bytes;
        self
    }

    /// The same with pauses that follow from `seed`, for reproducible runs.
    #[must_use]
    pub fn with_jitter(mut self, seed: u64) -> Self {
        self.jitter = Arc::new(AtomicU64::new(seed));
        self
    }

    /// The same, but it remembers the enrollments that it writes, and reads them no more while nobody else writes them: for
    /// a program that writes nearly everything itself.
    #[must_use]
    pub fn remembering(mut self) -> Self {
        self.recent = recent::Recent::remembering();
        self
    }

    /// Waits a moment that grows with the tries and differs from writer to writer.
    async fn pause(&self, attempt: u32) {
        let most = 5_u64 << attempt.min(6);
        // The step and the mixing of SplitMix64: every state leads to another number.
        let mut random = self.jitter.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        random = (random ^ (random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        random = (random ^ (random >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        tokio::time::sleep(Duration::from_millis(1 + (random ^ (random >> 31)) % most)).await;
    }

    /// The same with strongly consistent bulk reads, at twice the cost: for readers that have learned of a change and
    /// must not miss it.
    #[must_use]
    pub fn consistently(&self) -> Self {
        Self { consistent: true, ..self.clone() }
    }

    /// The same, but it keeps no segments that it reads: for an export, which reads each once. Decoded they take more
    /// memory than all else that it holds.
    #[must_use]
    pub fn passing(&self) -> Self {
        Self { keeps: false, ..self.clone() }
    }

    /// What this store and its clones have consumed.
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

    /// Reads items by key, a hundred in a call and some calls in parallel; absent items are left out. Keys that a call
    /// leaves unprocessed are read again together.
    async fn batch_get(
        &self,
        keys: Vec<Item>,
        consistency: Consistency,
        cause: Cause,
    ) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        let mut left = keys;
        for attempt in 0..BATCH_TRIES {
            if left.is_empty() {
                return Ok(found);
            }
            if attempt > 0 {
                self.pause(attempt).await;
            }
            let calls: Vec<_> =
                left.chunks(BATCH).map(|keys| self.batch_get_once(keys.to_vec(), consistency, cause).boxed()).collect();
            let answers: Vec<_> = futures::stream::iter(calls).buffered(BATCHES_AT_ONCE).try_collect().await?;
            left.clear();
            for (items, unprocessed) in answers {
                found.extend(items);
                left.extend(unprocessed);
            }
        }
        if left.is_empty() { Ok(found) } else { Err(StoreError::Unavailable("keys stay unprocessed".to_owned())) }
    }

    /// One call: the items found, and the keys that were not processed.
    async fn batch_get_once(
        &self,
        keys: Vec<Item>,
        consistency: Consistency,
        cause: Cause,
    ) -> Result<(Vec<Item>, Vec<Item>), StoreError> {
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys));
        let wanted = wanted.consistent_read(self.consistent || consistency == Consistency::Strong).build();
        let wanted = wanted.map_err(|error| StoreError::Refused(error.to_string()))?;
        let request = self.client.batch_get_item().request_items(&*self.table, wanted);
        let mut answer = request.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(cause, answer.consumed_capacity());
        let items = answer.responses.as_mut().and_then(|tables| tables.remove(&*self.table));
        let unprocessed = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&*self.table));
        Ok((items.unwrap_or_default(), unprocessed.map(|keys| keys.keys).unwrap_or_default()))
    }
}
