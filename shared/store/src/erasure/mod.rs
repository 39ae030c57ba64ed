//! Erasing a person or a device: what is theirs leaves the table, and a tombstone refuses what comes of it later
//! (docs/ERASURE.md).
//!
//! Who is meant is searched for first (`search`); what a request has no time for, the runner of the jobs goes on with. What
//! was found is kept, then the tombstone is written, then a job takes the search's place, then everything is erased. So
//! whichever of these writes an erasure stops after, the runner of the jobs ends it (`jobs`), and no writer that reads the
//! tenant from the tombstone on brings anything back. The record of an erasure names nobody: it stays. What kinds of items
//! there are, and whom each may name, is in `accounts`.
//!
//! Must stay true: only what happened before the instant of an erasure is erased and refused. An emptied enrollment stays
//! as an empty item for some days, in the change index, so that readers that hold it learn that it is gone.

mod accounts;
mod budget;
mod empty;
mod find;
mod finder;
mod findings;
mod gather;
mod jobs;
mod kept;
mod look;
mod mentions;
mod pages;
mod pass;
mod remove;
mod search;
mod tombstones;
mod walk;
mod web;

pub use accounts::{HELD_KINDS, HeldKind, Holds, held_kind};
pub use budget::LookBudget;
pub use jobs::{Erasing, OlderFiles, UnderWay};
pub use kept::{Kept, KeptAbout};
pub use look::Looked;
pub use pages::LeftPage;
pub(crate) use pages::PAGE_BYTES;
pub use remove::REMOVAL;
pub use search::Search;
pub(crate) use tombstones::Held;
pub use tombstones::Tombstones;

use crate::content::{self, CONTENT};
use crate::formats;
use crate::item::{Item, item_key, s};
use crate::keys::{PK, SK, tenant_pk};
use crate::{CAPACITY, Cause, Store, StoreError, Tenant};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vestibule_domain::{TenantId, Timestamp};

/// The sort key's prefix of the records.
const RECORD: &str = "erasure#";

/// Whom an erasure is about.
#[derive(Clone, PartialEq, Eq)]
pub enum Subject {
    /// A person, by address or by the directory's id.
    User(String),
    /// A device, by any of its identifiers.
    Device(String),
}

/// A log must not show whom somebody erased.
impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

impl Subject {
    /// `user` or `device`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Device(_) => "device",
        }
    }
}

/// A request to erase somebody. It does not say whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The erasure's id.
    pub id: String,
    /// Its instant: what happened before is erased.
    pub at: Timestamp,
    /// Who asked for it: the id of a token, or `operator`.
    pub by: String,
    /// `user` or `device`.
    pub subject: String,
    /// What becomes of older files.
    pub older_files: OlderFiles,
}

/// What an erasure did. It names nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErasureRecord {
    /// Its id.
    pub id: String,
    /// Its instant: what happened before is erased.
    pub at: Timestamp,
    /// Who asked for it: the id of a token, or `operator`.
    pub by: String,
    /// `user` or `device`.
    pub subject: String,
    /// Devices of which nothing is left.
    pub enrollments: u64,
    /// Devices that others used too, of which the others' part is left.
    pub shared: u64,
    /// Events that were erased.
    pub events: u64,
    /// Days of web-based enrollment, each once an operating system.
    pub web_enrollment_days: u64,
    /// Enrollments that can't be read: nobody knows whom they name.
    pub unreadable: u64,
    /// What becomes of older files.
    pub older_files: OlderFiles,
}

impl From<Asked> for ErasureRecord {
    fn from(Asked { id, at, by, subject, older_files }: Asked) -> Self {
        Self { id, at, by, subject, older_files, ..Self::default() }
    }
}

/// What became of a request to erase somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Who is meant was found, and is erased; of somebody with more enrollments than there was time for, the runner of
    /// the jobs empties the rest.
    Erased(Erased),
    /// Who is meant is still searched for: the runner of the jobs goes on with it.
    Searching(Asked),
}

/// An erasure that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// Its record.
    pub record: ErasureRecord,
    /// Ids that were reported beside the person's address and beside another one too, so that they were not taken for the
    /// person's. Only whoever asked may see them.
    pub shared_ids: Vec<String>,
}

impl Store {
    /// Erases a person or a device of a tenant as of `now`. `id` is a name that no other erasure has, `by` who asks for
    /// it.
    ///
    /// When this returns, nothing in the table names them any more but the segments of events, which go with the job
    /// ([`erasings`](Self::erasings)), once the stream has handed on what it holds.
    ///
    /// # Errors
    /// [`StoreError::Older`] if the format in force has no erasures; if the table can't be read or written: the same call
    /// again ends it, and so does the job, if it was written.
    pub async fn erase(
        &self,
        tenant: &Tenant,
        subject: &Subject,
        older_files: OlderFiles,
        of: (&str, &str),
        now: Timestamp,
    ) -> Result<Erased, StoreError> {
        let budget = &mut LookBudget::unlimited();
        match self.erase_within(tenant, subject, older_files, of, budget, now).await? {
            Begun::Erased(erased) => Ok(erased),
            // A budget that has no end is never spent.
            Begun::Searching(_) => Err(StoreError::Busy),
        }
    }

    /// The same within a budget: if it does not suffice to find who is meant, the search is written down as it is, and
    /// the runner of the jobs goes on with it. Until it has ended nothing is erased. The erasure's instant stays `now`.
    ///
    /// # Errors
    /// As [`erase`](Self::erase).
    pub async fn erase_within(
        &self,
        tenant: &Tenant,
        subject: &Subject,
        older_files: OlderFiles,
        (id, by): (&str, &str),
        budget: &mut LookBudget<'_>,
        now: Timestamp,
    ) -> Result<Begun, StoreError> {
        formats::must_have_erasures(tenant.settings.format)?;
        let began = tokio::time::Instant::now();
        let (id, by, subject_kind) = (id.to_owned(), by.to_owned(), subject.kind().to_owned());
        let asked = Asked { id, at: now, by, subject: subject_kind, older_files };
        let mut finder = self.begin_search(tenant, subject, asked.clone(), now).await?;
        if self.search(&mut finder, budget, now).await? != Some(true) {
            // No other erasure has this name, so nobody else can have written it.
            return match self.keep_search(&mut finder, now).await? {
                true => Ok(Begun::Searching(asked)),
                false => Err(StoreError::Conflict),
            };
        }
        let shared_ids = finder.shared_ids.iter().cloned().collect();
        let record = finder.record();
        // If another runner was quicker, it does the rest.
        if let Some(erasing) = self.conclude(finder, search::after(now, began)).await? {
            self.empty(&erasing, budget, now).await?;
        }
        Ok(Begun::Erased(Erased { record, shared_ids }))
    }

    /// The records of a tenant's erasures, newest first, at most `most`. Those under way that have not emptied anything
    /// have none yet ([`UnderWay`]).
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn erasures(&self, tenant: &TenantId, most: usize) -> Result<Vec<ErasureRecord>, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :r)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(tenant_pk(tenant)))
            .expression_attribute_values(":r", s(RECORD))
            .scan_index_forward(false);
        let items = self.query(query, Cause::Erase, most).await?;
        Ok(items.iter().take(most).map(|item| content::read(item).0).collect())
    }

    async fn put_record(&self, tenant: &TenantId, record: &ErasureRecord) -> Result<(), StoreError> {
        let mut item: Item = item_key(&tenant_pk(tenant), &format!("{RECORD}{}#{}", record.at, record.id));
        let text = serde_json::to_string(record).map_err(|error| StoreError::corrupt(tenant.as_str(), error))?;
        item.insert(CONTENT.to_owned(), s(text));
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
        let answer = put.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Erase, answer.consumed_capacity.as_slice());
        Ok(())
    }
}

/// Segments by the name of their item.
type Segments = BTreeMap<String, Vec<u32>>;
