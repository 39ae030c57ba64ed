//! The published report files: the newest one brought up to now for whoever asks, and the next one
//! built, checked and published.
//!
//! It brings together what must not know each other: the table (what changed), the report (the file) and
//! S3 (where files are kept). Must stay true: a file is immutable under a key made of its content; the pointer to the
//! newest moves only to a later instant; a reader never sees half a file.

mod advice;
mod changed;
mod copies;
mod current;
mod error;
mod files;
mod prune;
mod publish;
mod refresh;
mod standing;
mod upload;

pub use advice::{AdviceError, advice};
pub use error::ArchiveError;
pub use files::{DOWNLOAD_LINK_MINUTES, Part};
pub use publish::Exported;
pub use standing::Answer;

use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use vestibule_advice::Catalogue;
use vestibule_domain::Millis;
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
    /// Whether work on files is done on the calling task.
    inline: bool,
    copies: copies::Copies,
    room: copies::Room,
    /// Enrollments that pruning looks at after an export.
    prunes: usize,
    /// How many barriers a question writes, and what their ids are made of.
    barriers: NonZeroU16,
    barrier_seed: u64,
    barrier_count: Arc<AtomicU64>,
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
            inline: false,
            copies: copies::Copies::default(),
            room: copies::Room::default(),
            prunes: prune::MOST,
            barriers: BARRIERS,
            // Another in each process: what it is hashed with is random.
            barrier_seed: RandomState::new().hash_one(std::process::id()),
            barrier_count: Arc::default(),
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

    /// The same with room for so many bytes of tenants' copies on the disk, and so many of them; those that were asked
    /// longest ago are given up first. Without this it is 2 GiB and 128.
    #[must_use]
    pub const fn with_room(mut self, bytes: u64, copies: usize) -> Self {
        self.room = copies::Room { bytes, copies };
        self
    }

    /// The same with at most so many enrollments looked at after an export for what is past the retention; the next
    /// exports look at the others. Without this it is 10 000.
    #[must_use]
    pub const fn with_prunes(mut self, enrollments: usize) -> Self {
        self.prunes = enrollments;
        self
    }

    /// The same with all work on files on the calling task, without threads: what happens then depends on the order of
    /// polls alone, which a simulation over a paused clock needs. Elsewhere it would hold up whoever shares the thread.
    #[must_use]
    pub const fn inline(mut self) -> Self {
        self.inline = true;
        self
    }

    /// Does work that computes or waits for the disk.
    pub(crate) async fn work<T, F>(&self, work: F) -> Result<T, ArchiveError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if self.inline { Ok(work()) } else { Ok(tokio::task::spawn_blocking(work).await?) }
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
