//! The published report files: brings the newest one up to date for a question, and builds, checks and publishes the
//! next.
//!
//! It connects parts that must not know each other: the table (what changed), the report (the file) and S3 (where files
//! are kept). Must stay true: a file is immutable, under a key made from its content; the pointer to the newest moves
//! only to a later instant; a reader never sees half a file.

mod advice;
mod changed;
mod copies;
mod current;
mod disk;
mod erase;
mod error;
mod files;
mod prune;
mod publish;
mod refresh;
mod retention;
mod shown;
mod standing;
mod upload;
mod verify;

pub use advice::{AdviceError, advice};
pub use error::ArchiveError;
pub use files::{DOWNLOAD_LINK_MINUTES, Part};
pub use publish::{Base, Exported};
pub use standing::Answer;
pub use verify::{Inventory, Lost, Object};

use aws_sdk_s3::config::ResponseChecksumValidation;
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use vestibule_advice::Catalogue;
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_platform::Links;
use vestibule_store::Store;

/// Barriers that a question to a feed writes unless the deployment sets another number. A new on-demand table has four
/// partitions, so its stream has four shards; with 16 barriers, one question in a hundred misses a given shard.
const BARRIERS: NonZeroU16 = NonZeroU16::new(16).unwrap();

/// The tenants' report files.
#[derive(Clone)]
pub struct Archive {
    store: Store,
    s3: aws_sdk_s3::Client,
    bucket: String,
    /// Makes download links, where the bucket is not reachable itself.
    links: Option<Links>,
    advice: Arc<Catalogue>,
    /// How old an answer may be; each answer states its instant.
    staleness: Millis,
    /// How long a question waits for its copy before it is answered by what the last refresh left; `None` if it always waits.
    patience: Option<Duration>,
    /// The folder for copies; its contents may be lost at any time.
    scratch: PathBuf,
    /// Whether work on files runs on the calling task.
    inline: bool,
    copies: copies::Copies,
    room: copies::Room,
    /// Number of enrollments that pruning looks at after an export.
    prunes: usize,
    /// Number of barriers that a question writes, and the seed of their ids.
    barriers: NonZeroU16,
    barrier_seed: u64,
    barrier_count: Arc<AtomicU64>,
}

impl Archive {
    /// The files in `bucket`, with `advice` on failures in them; `scratch` is a folder of this process only.
    pub fn new(store: Store, s3: aws_sdk_s3::Client, bucket: String, scratch: PathBuf, advice: Arc<Catalogue>) -> Self {
        // What is read is compared with the file's own SHA-256. The SDK's comparison with the bucket's would come first, as
        // an error of the connection, and a damaged object would never count as lost.
        let s3 = s3.config().to_builder().response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        Self {
            store,
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            bucket,
            links: None,
            advice,
            staleness: Millis::new(0),
            patience: None,
            scratch,
            inline: false,
            copies: copies::Copies::default(),
            room: copies::Room::default(),
            prunes: prune::MOST,
            barriers: BARRIERS,
            // Differs in each process: the hasher's keys are random.
            barrier_seed: RandomState::new().hash_one(std::process::id()),
            barrier_count: Arc::default(),
        }
    }

    /// The same, with download links that the program serves itself, under its own origin.
    #[must_use]
    pub fn with_links(mut self, links: Links) -> Self {
        self.links = Some(links);
        self
    }

    /// The same, with as many barriers as the table's stream needs for its shards: one barrier for one shard.
    #[must_use]
    pub const fn with_barriers(mut self, barriers: NonZeroU16) -> Self {
        self.barriers = barriers;
        self
    }

    /// The same, with barrier ids derived from `seed`, so that two runs write the same ids. No two processes that share
    /// a table may have the same seed.
    #[must_use]
    pub const fn with_barrier_seed(mut self, seed: u64) -> Self {
        self.barrier_seed = seed;
        self
    }

    /// The same, with answers that may be this old.
    #[must_use]
    pub const fn with_staleness(mut self, staleness: Millis) -> Self {
        self.staleness = staleness;
        self
    }

    /// The same, for a process that goes on when it has answered: a question that would wait for longer than this is answered
    /// by the copy as it was some seconds ago, while it is brought up to date. The answer says its instant. With `None` it
    /// always waits.
    #[must_use]
    pub const fn with_patience(mut self, patience: Option<Duration>) -> Self {
        self.patience = patience;
        self
    }

    /// Notes that the tenant was changed at this instant and that somebody is answered so: no answer of this process is from
    /// before it. What senders post is no such change.
    pub fn changed_at(&self, tenant: &TenantId, at: Timestamp) {
        if let Some(one) = self.copies.held_of(tenant) {
            one.shown.changed(at);
        }
    }

    /// The same, with room for this many bytes and this many copies of tenants' files on the disk; those not used for
    /// longest are closed first. The default is 2 GiB and 32.
    #[must_use]
    pub const fn with_room(mut self, bytes: u64, copies: usize) -> Self {
        self.room = copies::Room { bytes, copies };
        self
    }

    /// Closes the copies that nobody has asked for a quarter of an hour, and returns how many. A process that runs for
    /// long calls it regularly: without questions nothing else does.
    pub fn close_idle(&self, now: Timestamp) -> usize {
        self.copies.close_idle(now, |tenant| self.path_of(tenant).into())
    }

    /// The same, looking at no more than `most` enrollments after an export for anything past the retention; the next
    /// exports look at the others. The default is 10 000.
    #[must_use]
    pub const fn with_prunes(mut self, enrollments: usize) -> Self {
        self.prunes = enrollments;
        self
    }

    /// The same, with all work on files on the calling task, without threads. Then the result depends only on the order
    /// of polls, which a simulation with a paused clock needs. Elsewhere it would block everything on that thread.
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

    /// The advice in the files.
    pub fn advice(&self) -> &Catalogue {
        &self.advice
    }

    /// The table behind the files.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
