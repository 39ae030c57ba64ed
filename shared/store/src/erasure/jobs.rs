//! The jobs that end an erasure. Two parts are left when it returns: the table's (events that a writer stored meanwhile,
//! and segments, which the stream's reader may still need), and the files'. The item and the pages beside it (`pages`)
//! name enrollments by their keys, and go with the last part.
//!
//! What a writer stored meanwhile may be in a file by then. So whoever finds such a late event in the table opens the
//! files' part again, in a new round: a file that was begun in the round before ends nothing.
//!
//! Must stay true: an erasure ends only after a look at the table that found nothing of whom it erased, and a file that
//! was begun after the last thing that was found had gone.

use crate::content::{self, Place};
use crate::erasure::Segments;
use crate::erasure::pages::{merge, page, pages};
use crate::item::text;
use crate::keys::{ItemKey, PK, SK};
use crate::{Cause, INDEX_LAG, Store, StoreError, Tenant};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
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
    /// The first page of the items concerned.
    pub items: Segments,
    pub older_files: OlderFiles,
    /// How often something was found that a writer had stored meanwhile.
    #[serde(default)]
    pub round: u32,
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
    /// The items of all pages.
    items: Segments,
}

impl Erasing {
    /// The id of the erasure.
    pub fn id(&self) -> &str {
        &self.job.id
    }

    /// Its id and its round, which names what a file must be without: a file of an earlier round may still have what was
    /// found since.
    pub fn mark(&self) -> (String, u32) {
        (self.job.id.clone(), self.job.round)
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
        // One whose parts are both done was about to go when its process died.
        (!self.job.table_done || self.job.files_done) && self.job.at + TABLE_AFTER <= now
    }

    /// The items concerned.
    pub fn items(&self) -> BTreeSet<String> {
        self.keys().map(|(key, _)| key.as_str().to_owned()).collect()
    }

    fn keys(&self) -> impl Iterator<Item = (ItemKey, &[u32])> {
        self.items
            .iter()
            .filter_map(|(name, segments)| Some((ItemKey::named(&self.tenant, name)?, segments.as_slice())))
    }
}

fn place(tenant: &TenantId, id: &str) -> Place {
    Place { pk: JOBS.to_owned(), sk: format!("{tenant}#{id}"), cause: Cause::Erase }
}

impl Store {
    pub(super) async fn put_erasing(
        &self,
        tenant: &TenantId,
        mut job: Job,
        items: &Segments,
    ) -> Result<(), StoreError> {
        let mut all = pages(items, self.erasure_page).into_iter();
        job.items = all.next().unwrap_or_default();
        self.put_pages(tenant, (job.id.as_str(), job.at), all.as_slice()).await?;
        self.change_content(&place(tenant, &job.id), |there: &mut Job| there.clone_from(&job)).await
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
        let (mut erasings, mut beside) = (BTreeMap::<&str, Erasing>::new(), Vec::new());
        let found = self.query(query, Cause::Erase, usize::MAX).await?;
        for item in &found {
            if let Some(page) = page(item) {
                beside.push(page);
                continue;
            }
            let Some(sk) = text(item, SK) else { continue };
            let Some(tenant) = sk.split_once('#').and_then(|(tenant, _)| TenantId::parse(tenant).ok()) else {
                continue;
            };
            let job = content::read::<Job>(item).0;
            if !job.is_nothing() {
                let items = job.items.clone();
                erasings.insert(sk, Erasing { tenant, job, items });
            }
        }
        for (job, items) in beside {
            if let Some(erasing) = erasings.get_mut(job) {
                merge(&mut erasing.items, items);
            }
        }
        Ok(erasings.into_values().collect())
    }

    /// The table's part of a job: erases what a writer that knew nothing of the erasure stored meanwhile, and deletes the
    /// segments of what was erased. Doing it again is harmless. Returns whether there was nothing to erase any more; if
    /// there was, the files' part is open again.
    ///
    /// # Errors
    /// If the table can't be read or written; the same call continues.
    pub async fn erase_rest(&self, erasing: &Erasing, now: Timestamp) -> Result<bool, StoreError> {
        match self.tenant(&erasing.tenant).await? {
            Some(tenant) => self.erase_late(&tenant, erasing, now).await,
            // What was under way when the tenant was removed: the next tenant of that name would find it.
            None if erasing.job.of_tenant => {
                self.forget_tenant(&erasing.tenant);
                self.remove_items(&erasing.tenant).await?;
                Ok(true)
            }
            None => Ok(true),
        }
    }

    /// The same, and records that it is done if there was nothing to erase any more. Else it is to be called again.
    ///
    /// # Errors
    /// As [`erase_rest`](Self::erase_rest).
    pub async fn end_erasing_of_table(&self, erasing: &Erasing, now: Timestamp) -> Result<bool, StoreError> {
        let is_clean = self.erase_rest(erasing, now).await?;
        if is_clean {
            let round = erasing.job.round;
            let done = |job: &mut Job| (job.emptied, job.table_done) = (true, true);
            self.change_job(&erasing.tenant, &erasing.job.id, round, done).await?;
        }
        Ok(is_clean)
    }

    /// Empties the items of an erasure that was interrupted before it had.
    ///
    /// # Errors
    /// As [`erase_rest`](Self::erase_rest).
    pub async fn empty_rest(&self, erasing: &Erasing, now: Timestamp) -> Result<(), StoreError> {
        if self.erase_rest(erasing, now).await? {
            self.note_emptied(&erasing.tenant, &erasing.job.id, erasing.job.round).await?;
        }
        Ok(())
    }

    /// Records that nothing is left in the table of what was found by this round.
    pub(super) async fn note_emptied(&self, tenant: &TenantId, id: &str, round: u32) -> Result<(), StoreError> {
        self.change_job(tenant, id, round, |job| job.emptied = true).await
    }

    async fn erase_late(&self, tenant: &Tenant, erasing: &Erasing, now: Timestamp) -> Result<bool, StoreError> {
        if let Some(tombstones) = self.tombstones(&tenant.id, &tenant.settings).await? {
            let mut keys: BTreeSet<ItemKey> = erasing.keys().map(|(key, _)| key).collect();
            let changed = self.changed_since(&tenant.id, Some(erasing.job.at), INDEX_LAG).await?;
            keys.extend(changed);
            let (mut named, mut late) = (Vec::new(), Segments::new());
            for key in keys {
                match self.concerned_by(&key, &*tombstones).await {
                    // It stays so, and must not keep this erasure and all others from ending.
                    Err(error) if error.is_unreadable() => {
                        tracing::error!(item = %key, %error, "an enrollment can't be read, so nobody knows whom it names");
                    }
                    concerned => {
                        if let Some(concerned) = concerned? {
                            merge(&mut late, concerned);
                            named.push(key);
                        }
                    }
                }
            }
            if !named.is_empty() {
                // This comes first: a file may have it, and the process may die.
                let round = self.open_again(erasing, &late).await?;
                for key in &named {
                    self.erase_item(key, &tenant.settings, &*tombstones, now).await?;
                }
                self.note_emptied(&erasing.tenant, &erasing.job.id, round).await?;
                // The stream's records of these writes still name the segments: they go by the next look.
                return Ok(false);
            }
        }
        for (name, segments) in &erasing.items {
            if let Some(key) = ItemKey::named(&erasing.tenant, name) {
                self.delete_segments(&key, segments).await?;
            }
        }
        Ok(true)
    }

    /// Opens a job again, for items in which something was found. Returns the new round.
    async fn open_again(&self, erasing: &Erasing, late: &Segments) -> Result<u32, StoreError> {
        let Erasing { tenant, job, items: _ } = erasing;
        self.put_pages(tenant, (job.id.as_str(), job.at), &pages(late, self.erasure_page)).await?;
        let place = place(tenant, &job.id);
        let opened = self.change_content(&place, |there: &mut Job| {
            // One that has ended meanwhile goes on.
            if there.is_nothing() {
                there.clone_from(job);
            }
            there.round += 1;
            (there.emptied, there.table_done, there.files_done) = (false, false, false);
            there.round
        });
        opened.await
    }

    /// Records that the files' part of a job is done, unless it was opened again since `erasing` was read.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn end_erasing_of_files(&self, erasing: &Erasing) -> Result<(), StoreError> {
        let Erasing { tenant, job, items: _ } = erasing;
        self.change_job(tenant, &job.id, job.round, |job| job.files_done = true).await
    }

    /// Ends the files' part of a job whose tenant has no file, if none is being made either: that one may name whom it
    /// erased. Returns whether it did.
    ///
    /// # Errors
    /// If the table can't be read or written.
    pub async fn end_erasing_without_files(&self, erasing: &Erasing, now: Timestamp) -> Result<bool, StoreError> {
        let has_none = self.latest_file(&erasing.tenant).await?.is_none()
            && self.exports(&erasing.tenant).await?.at(now).lease.is_none();
        if has_none {
            self.end_erasing_of_files(erasing).await?;
        }
        Ok(has_none)
    }

    /// Changes a job that is still in this round, and deletes it if both parts are done.
    async fn change_job(
        &self,
        tenant: &TenantId,
        id: &str,
        round: u32,
        change: impl Fn(&mut Job),
    ) -> Result<(), StoreError> {
        let place = place(tenant, id);
        let ended = self
            .change_content(&place, |job: &mut Job| {
                // One that is gone has ended, and must not come back.
                if !job.is_nothing() && job.round == round {
                    change(job);
                }
                job.table_done && job.files_done
            })
            .await?;
        if ended {
            self.delete_pages(tenant, id).await?;
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
