//! The published report files: the newest one brought up to now for whoever asks, and the next one
//! built, checked and published.
//!
//! It brings together what must not know each other: the table (what changed), the report (the file) and
//! S3 (where files are kept). Must stay true: a file is immutable under a key made of its content; the pointer to the
//! newest moves only to a later instant; a reader never sees half a file.

mod advice;
mod changed;
mod current;
mod error;
mod files;
mod publish;
mod refresh;

pub use advice::{AdviceError, advice};
pub use error::ArchiveError;
pub use files::{DOWNLOAD_LINK_MINUTES, Part};
pub use publish::Exported;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::Mutex;
use vestibule_advice::Catalogue;
use vestibule_domain::{Millis, TenantId};
use vestibule_store::Store;

/// Barriers that a question about a feed writes unless the deployment says otherwise. A new table on demand has four
/// partitions, so its stream has four shards: one in a hundred questions then misses a given one of them.
const BARRIERS: NonZeroU16 = NonZeroU16::new(16).unwrap();

/// The tenants' report files.
#[derive(Clone)]
pub struct Archive {
    store: Store,
    s3: aws_sdk_s3::Client,
    bucket: String,
    advice: Arc<Catalogue>,
    /// How old an answer may be; each says what it is true for.
    staleness: Millis,
    /// Where copies are worked on; what is in it may be lost at any time.
    scratch: PathBuf,
    /// How many barriers a question writes, and what their ids are made of.
    barriers: NonZeroU16,
    barrier_seed: u64,
    barrier_count: Arc<AtomicU64>,
    copies: Arc<Mutex<HashMap<TenantId, Arc<Mutex<current::Copy>>>>>,
}

impl Archive {
    /// The files in `bucket`, with `advice` on failures in them; `scratch` is a folder of this process alone.
    pub fn new(store: Store, s3: aws_sdk_s3::Client, bucket: String, scratch: PathBuf, advice: Arc<Catalogue>) -> Self {
        Self {
            store,
            s3,
            bucket,
            advice,
            staleness: Millis::new(0),
            scratch,
            barriers: BARRIERS,
            // Another in each process: what it is hashed with is random.
            barrier_seed: RandomState::new().hash_one(std::process::id()),
            barrier_count: Arc::default(),
            copies: Arc::default(),
        }
    }

    /// The same over a table whose stream has so many shards that so many barriers are needed: one where it has one.
    #[must_use]
    pub const fn with_barriers(mut self, barriers: NonZeroU16) -> Self {
        self.barriers = barriers;
        self
    }

    /// The same with barriers whose ids follow from `seed`, so that two runs write the same; no two processes that
    /// share a table may have the same.
    #[must_use]
    pub const fn with_barrier_seed(mut self, seed: u64) -> Self {
        self.barrier_seed = seed;
        self
    }

    /// The same with answers that may be so old.
    #[must_use]
    pub const fn with_staleness(mut self, staleness: Millis) -> Self {
        self.staleness = staleness;
        self
    }

    /// The advice that files are made with.
    pub fn advice(&self) -> &Catalogue {
        &self.advice
    }

    /// The table behind the files.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
