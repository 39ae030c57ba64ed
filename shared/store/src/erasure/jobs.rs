//! The jobs that end an erasure. Two parts are left when it returns: the table's (events that a writer stored meanwhile,
//! and segments, which the stream's reader may still need), and the files'. The item names enrollments by their keys, and
//! goes with its last part.

use crate::content::{self, Place};
use crate::erasure::Segments;
use crate::item::text;
use crate::keys::{ItemKey, PK, SK};
use crate::{Cause, INDEX_LAG, Store, StoreError, Tenant};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use vestibule_domain::{Millis, TenantId, Timestamp};

/// The partition of all jobs.
pub(super) const JOBS: &str = "erasing";
/// The table's part begins this long after the erasure: by then no writer holds the tenant as it was, the index lags less, and
/// the stream's reader has read what was erased.
const TABLE_AFTER: Millis = Millis::from_minutes(5);

/// What becomes of older files that name the person or device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OlderFiles {
    /// They are published anew without them, where this version can; else they are removed.
    #[default]
    Rebuild,
    /// They are removed.
    Remove,
}

/// A job as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    pub id: String,
    pub at: Timestamp,
    pub items: Segments,
    pub older_files: OlderFiles,
    /// Whether the items were emptied once, so that who reads them from then on finds nobody who was erased.
    #[serde(default)]
    pub emptied: bool,
    #[serde(default)]
    pub table_done: bool,
    #[serde(default)]
    pub files_done: bool,
    /// Whether the tenant itself is removed.
    #[serde(default)]
    pub of_tenant: bool,
}

/// An erasure that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasing {
    /// The tenant.
    pub tenant: TenantId,
    job: Job,
}

impl Erasing {
    /// The id of the erasure.
    pub fn id(&self) -> &str {
        &self.job.id
    }

    /// The instant of the erasure.
    pub fn at(&self) -> Timestamp {
        self.job.at
    }

    /// What becomes of older files.
    pub fn older_files(&self) -> OlderFiles {
        self.job.older_files
    }

    /// Whether the files' part is done.
    pub fn files_done(&self) -> bool {
        self.job.files_done
    }

    /// Whether the items were emptied once: only who reads them from then on finds nobody who was erased.
    pub fn is_emptied(&self) -> bool {
        self.job.emptied
    }

    /// Whether the tenant itself is removed.
    pub fn of_tenant(&self) -> bool {
        self.job.of_tenant
    }

    /// Whether the table's part may begin, where nobody knows how far the stream was read.
    pub fn is_due(&self, now: Timestamp) -> bool {
        !self.job.table_done && self.job.at + TABLE_AFTER <= now
    }

    /// The items concerned.
    pub fn items(&self) -> BTreeSet<String> {
        self.keys().map(|(key, _)| key.as_str().to_owned()).collect()
    }

    fn keys(&self) -> impl Iterator<Item = (ItemKey, &[u32])> {
        let items = self.job.items.iter();
        items.filter_map(|(name, segments)| Some((ItemKey::named(&self.tenant, name)?, segments.as_slice())))
    }
}

fn place(tenant: &TenantId, id: &str) -> Place {
    Place { pk: JOBS.to_owned(), sk: format!("{tenant}#{id}"), cause: Cause::Erase }
}

impl Store {
    pub(super) async fn put_erasing(&self, tenant: &TenantId, job: &Job) -> Result<(), StoreError> {
        self.change_content(&place(tenant, &job.id), |there: &mut Job| there.clone_from(job)).await
    }

    /// The erasures of all tenants that have not ended.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn erasings(&self) -> Result<Vec<Erasing>, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", crate::item::s(JOBS))
            .consistent_read(true);
        let items = self.query(query, Cause::Erase, usize::MAX).await?;
        let read = |item| {
            let tenant = TenantId::parse(text(item, SK)?.split_once('#')?.0).ok()?;
            Some(Erasing { tenant, job: content::read::<Job>(item).0 }).filter(|erasing| !erasing.job.is_nothing())
        };
        Ok(items.iter().filter_map(read).collect())
    }

    /// The table's part of a job: erases what a writer that knew nothing of the erasure stored meanwhile, and deletes the
    /// segments of what was erased. Doing it again is harmless.
    ///
    /// # Errors
    /// If the table can't be read or written; the same call continues.
    pub async fn erase_rest(&self, erasing: &Erasing, now: Timestamp) -> Result<(), StoreError> {
        match self.tenant(&erasing.tenant).await? {
            Some(tenant) => self.erase_late(&tenant, erasing, now).await,
            // What was under way when the tenant was removed: the next tenant of that name would find it.
            None if erasing.job.of_tenant => self.remove_items(&erasing.tenant).await.map(drop),
            None => Ok(()),
        }
    }

    /// The same, and records that it is done.
    ///
    /// # Errors
    /// As [`erase_rest`](Self::erase_rest).
    pub async fn end_erasing_of_table(&self, erasing: &Erasing, now: Timestamp) -> Result<(), StoreError> {
        self.erase_rest(erasing, now).await?;
        let done = |job: &mut Job| (job.emptied, job.table_done) = (true, true);
        self.change_job(&erasing.tenant, &erasing.job.id, done).await
    }

    /// Empties the items of an erasure that was interrupted before it had.
    ///
    /// # Errors
    /// As [`erase_rest`](Self::erase_rest).
    pub async fn empty_rest(&self, erasing: &Erasing, now: Timestamp) -> Result<(), StoreError> {
        self.erase_rest(erasing, now).await?;
        self.note_emptied(&erasing.tenant, &erasing.job.id).await
    }

    pub(super) async fn note_emptied(&self, tenant: &TenantId, id: &str) -> Result<(), StoreError> {
        self.change_job(tenant, id, |job| job.emptied = true).await
    }

    async fn erase_late(&self, tenant: &Tenant, erasing: &Erasing, now: Timestamp) -> Result<(), StoreError> {
        if let Some(tombstones) = self.tombstones(&tenant.id, &tenant.settings).await? {
            let mut keys: BTreeSet<ItemKey> = erasing.keys().map(|(key, _)| key).collect();
            let changed = self.changed_since(&tenant.id, Some(erasing.job.at), INDEX_LAG).await?;
            keys.extend(changed);
            for key in &keys {
                match self.erase_item(key, &tenant.settings, &*tombstones, now).await {
                    // It stays so, and must not keep this erasure and all others from ending.
                    Err(error) if error.is_unreadable() => {
                        tracing::error!(item = %key, %error, "an enrollment can't be read, so nobody knows whom it names");
                    }
                    erased => {
                        erased?;
                    }
                }
            }
        }
        for (key, segments) in erasing.keys() {
            self.delete_segments(&key, segments).await?;
        }
        Ok(())
    }

    /// Records that the files' part of a job is done.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn end_erasing_of_files(&self, erasing: &Erasing) -> Result<(), StoreError> {
        self.change_job(&erasing.tenant, &erasing.job.id, |job| job.files_done = true).await
    }

    async fn change_job(&self, tenant: &TenantId, id: &str, change: impl Fn(&mut Job)) -> Result<(), StoreError> {
        let place = place(tenant, id);
        let ended = self
            .change_content(&place, |job: &mut Job| {
                // One that is gone has ended, and must not come back.
                if !job.is_nothing() {
                    change(job);
                }
                job.table_done && job.files_done
            })
            .await?;
        if ended {
            self.delete(&place.pk, &place.sk).await?;
        }
        Ok(())
    }
}

impl Job {
    fn is_nothing(&self) -> bool {
        self.id.is_empty()
    }
}
