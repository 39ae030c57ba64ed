//! Removes a tenant with all that the table has of it. Many of its keys are hashes that no index lists, so the table is
//! read whole; no function may do that, but whoever operates it.
//!
//! Must stay true: from the first step on nobody is authenticated for the tenant, and its item goes last. So the same call
//! again ends a removal that was interrupted, from where it was. What was under way before may still store something; the
//! job finds it.

use crate::erasure::jobs::{JOBS, Job, place};
use crate::formats;
use crate::item::{Item, item_key, text};
use crate::keys::{PK, SK, tenant_pk};
use crate::tenants::{DIRECTORY, TENANT};
use crate::{CAPACITY, Cause, Store, StoreError};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use vestibule_domain::{TenantId, Timestamp};

/// The id of the job that removes a tenant.
pub const REMOVAL: &str = "tenant";
/// Items deleted side by side.
const AT_ONCE: usize = 16;
/// Pages of the table, of a mebibyte each, after which the place is kept.
const KEEP_EVERY: usize = 16;

/// What is left in the end: the tenant's item, its entry in the directory, and the job.
fn is_last(tenant: &TenantId, pk: &str, sk: &str) -> bool {
    (pk == DIRECTORY && sk == tenant.as_str())
        || (pk == tenant_pk(tenant) && sk == TENANT)
        || (pk == JOBS && sk.strip_prefix(tenant.as_str()).and_then(|id| id.strip_prefix('#')) == Some(REMOVAL))
}

/// Whether an item is a tenant's.
fn is_of(tenant: &TenantId, pk: &str, sk: &str, item: &Item) -> bool {
    let name = tenant.as_str();
    let second = |key: &str| key.split('#').nth(1) == Some(name);
    match pk.split('#').next().unwrap_or_default() {
        "pulls" | "jobs" | "tenants" | "notices" => sk == name,
        "erasing" => sk.split('#').next() == Some(name),
        "b" => text(item, "ft") == Some(name),
        "dead" => text(item, "of").is_some_and(second),
        // A partition of the tenant's own.
        _ => second(pk),
    }
}

impl Store {
    /// Records that a tenant is being removed, before anything of it goes: whoever copies table and objects meanwhile
    /// must know.
    ///
    /// # Errors
    /// [`StoreError::Older`] if the format in force has no erasures; if the table can't be written.
    pub async fn begin_removal(&self, tenant: &TenantId, now: Timestamp) -> Result<(), StoreError> {
        formats::must_have_erasures(self.settings_of(tenant).await?.format)?;
        let lease = self.exports(tenant).await?.at(now).lease;
        self.put_removal(tenant, now, lease.map(|lease| lease.until), false).await
    }

    async fn put_removal(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        exported_until: Option<Timestamp>,
        files_done: bool,
    ) -> Result<(), StoreError> {
        let put = |job: &mut Job| {
            *job = Job {
                id: REMOVAL.to_owned(),
                at: now,
                files_done,
                of_tenant: true,
                exported_until: job.exported_until.max(exported_until),
                scanned: job.scanned.take(),
                ..Job::default()
            };
        };
        self.change_content(&place(tenant, REMOVAL), put).await
    }

    /// Removes a tenant and everything that the table has of it; returns how many items that were. The table is read
    /// whole for it. Files and objects are the caller's.
    ///
    /// # Errors
    /// If the table can't be read or written; the same call continues.
    pub async fn remove_tenant(&self, tenant: &TenantId, now: Timestamp) -> Result<u64, StoreError> {
        // From here on nobody is authenticated for it.
        // What is sealed goes unopened: its key may be gone.
        let unopened = self.clone().leaving_senders_sealed().leaving_people_sealed();
        let closed = unopened.change_tenant(tenant, |tenant| {
            tenant.sealing.leave_senders_out();
            tenant.webhook_secrets.clear();
            tenant.sources.clear();
            tenant.tokens.clear();
            tenant.sign_in_codes.clear();
            Ok::<_, StoreError>(())
        });
        closed.await?;
        self.remove_pull(tenant).await?;
        let removed = self.remove_all_items(tenant).await?;
        self.put_removal(tenant, now, None, true).await?;
        self.delete(DIRECTORY, tenant.as_str()).await?;
        self.delete(&tenant_pk(tenant), TENANT).await?;
        self.forget_tenant(tenant);
        self.notice.raise();
        Ok(removed + 2)
    }

    /// Forgets what this process remembers of a tenant: another of its name has other secrets.
    pub(super) fn forget_tenant(&self, tenant: &TenantId) {
        self.tombstones.forget(tenant);
        self.web_enrollment.forget(tenant);
    }

    /// Deletes every item of a tenant but the last ones, until a reading of the whole table finds none: a request that
    /// was under way may have stored something meanwhile.
    pub(super) async fn remove_all_items(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let (job, _) = self.read_content::<Job>(&place(tenant, REMOVAL)).await?;
        let (mut removed, mut from) = (0, job.scanned);
        loop {
            let is_whole = from.is_none();
            let some = self.remove_items(tenant, from.take()).await?;
            removed += some;
            if is_whole && some == 0 {
                return Ok(removed);
            }
        }
    }

    /// Deletes the items of a tenant after the one with this key, and keeps the place meanwhile.
    async fn remove_items(&self, tenant: &TenantId, from: Option<(String, String)>) -> Result<u64, StoreError> {
        let scan = self
            .client
            .scan()
            .table_name(&*self.table)
            .projection_expression("#pk, #sk, #ft, #of")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_names("#ft", "ft")
            .expression_attribute_names("#of", "of")
            .set_exclusive_start_key(from.map(|(pk, sk)| item_key(&pk, &sk)))
            .consistent_read(true)
            .return_consumed_capacity(CAPACITY);
        let mut pages = scan.into_paginator().send();
        let (mut removed, mut read) = (0, 0_usize);
        while let Some(page) = pages.next().await {
            let page = page?;
            self.meter.read(Cause::Erase, page.consumed_capacity.as_slice());
            let items = page.items.unwrap_or_default();
            let theirs = items.iter().filter_map(|item| {
                let (pk, sk) = (text(item, PK)?, text(item, SK)?);
                (is_of(tenant, pk, sk, item) && !is_last(tenant, pk, sk)).then(|| (pk.to_owned(), sk.to_owned()))
            });
            let deletions: Vec<_> = theirs.map(|(pk, sk)| async move { self.delete(&pk, &sk).await }.boxed()).collect();
            removed += deletions.len() as u64;
            futures::stream::iter(deletions).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
            read += 1;
            if let Some(last) = page.last_evaluated_key.filter(|_| read.is_multiple_of(KEEP_EVERY)) {
                let place_of = |last: &Item| Some((text(last, PK)?.to_owned(), text(last, SK)?.to_owned()));
                self.keep_scanned(tenant, place_of(&last)).await?;
            }
        }
        if read >= KEEP_EVERY {
            self.keep_scanned(tenant, None).await?;
        }
        Ok(removed)
    }

    async fn keep_scanned(&self, tenant: &TenantId, scanned: Option<(String, String)>) -> Result<(), StoreError> {
        let keep = |job: &mut Job| {
            if !job.is_nothing() {
                job.scanned.clone_from(&scanned);
            }
        };
        self.change_content(&place(tenant, REMOVAL), keep).await
    }
}
