//! The published report files: the newest one brought up to now for whoever asks, and the next one
//! built, checked and published.
//!
//! It brings together what must not know each other: the table (what changed), the report (the file) and
//! S3 (where files are kept). Must stay true: a file is immutable under a key made of its content; the pointer to the
//! newest moves only to a later instant; a reader never sees half a file.

mod advice;
mod current;
mod error;
mod files;
mod publish;
mod refresh;
mod upload;

pub use advice::{AdviceError, advice};
pub use error::ArchiveError;
pub use files::{DOWNLOAD_LINK_MINUTES, Part};
pub use publish::Exported;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;
use vestibule_advice::Catalogue;
use vestibule_domain::{Millis, TenantId};
use vestibule_store::Store;

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
    copies: Arc<Mutex<HashMap<TenantId, Arc<Mutex<current::Copy>>>>>,
}

impl Archive {
    /// The files in `bucket`, with `advice` on failures in them; `scratch` is a folder of this process alone.
    pub fn new(store: Store, s3: aws_sdk_s3::Client, bucket: String, scratch: PathBuf, advice: Arc<Catalogue>) -> Self {
        Self { store, s3, bucket, advice, staleness: Millis::new(0), scratch, copies: Arc::default() }
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
