//! Removes a tenant with all that the table has of it.
//!
//! Must stay true: from the first step on nobody is authenticated for the tenant, and its item goes last. So the same call
//! again ends a removal that was interrupted. What was under way before may still store something; the job finds it.

use crate::erasure::Segments;
use crate::erasure::jobs::{JOBS, Job};
use crate::item::{Item, text};
use crate::keys::{PK, SK, tenant_pk};
use crate::tenants::{DIRECTORY, TENANT};
use crate::{CAPACITY, Cause, Store, StoreError};
use vestibule_domain::{TenantId, Timestamp};

/// The id of the job.
const REMOVAL: &str = "tenant";

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
        "pulls" | "jobs" | "tenants" => sk == name,
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
    /// If the table can't be written.
    pub async fn begin_removal(&self, tenant: &TenantId, now: Timestamp) -> Result<(), StoreError> {
        self.put_removal(tenant, now, false).await
    }

    async fn put_removal(&self, tenant: &TenantId, now: Timestamp, files_done: bool) -> Result<(), StoreError> {
        let job = Job { id: REMOVAL.to_owned(), at: now, files_done, of_tenant: true, ..Job::default() };
        self.put_erasing(tenant, job, &Segments::new()).await
    }

    /// Removes a tenant and everything that the table has of it; returns how many items that were. The table is read
    /// whole for it. Files and objects are the caller's.
    ///
    /// # Errors
    /// If the table can't be read or written; the same call continues.
    pub async fn remove_tenant(&self, tenant: &TenantId, now: Timestamp) -> Result<u64, StoreError> {
        // From here on nobody is authenticated for it.
        let closed = self.change_tenant(tenant, |tenant| {
            tenant.webhook_secrets.clear();
            tenant.sources.clear();
            tenant.tokens.clear();
            tenant.sign_in_codes.clear();
            Ok::<_, StoreError>(())
        });
        closed.await?;
        self.remove_pull(tenant).await?;
        let mut removed = 0;
        // Again until nothing is found: a request that was under way may have stored something meanwhile.
        loop {
            let some = self.remove_items(tenant).await?;
            removed += some;
            if some == 0 {
                break;
            }
        }
        self.put_removal(tenant, now, true).await?;
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

    pub(super) async fn remove_items(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let scan = self
            .client
            .scan()
            .table_name(&*self.table)
            .projection_expression("#pk, #sk, #ft, #of")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_names("#ft", "ft")
            .expression_attribute_names("#of", "of")
            .consistent_read(true)
            .return_consumed_capacity(CAPACITY);
        let mut pages = scan.into_paginator().send();
        let mut removed = 0;
        while let Some(page) = pages.next().await {
            let page = page?;
            self.meter.read(Cause::Erase, page.consumed_capacity.as_slice());
            for item in page.items.unwrap_or_default() {
                let (Some(pk), Some(sk)) = (text(&item, PK), text(&item, SK)) else { continue };
                if is_of(tenant, pk, sk, &item) && !is_last(tenant, pk, sk) {
                    self.delete(pk, sk).await?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}
