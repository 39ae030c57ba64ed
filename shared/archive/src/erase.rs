//! What an erasure does to published files: the next file does not have whoever was erased, and older files that name
//! them are published anew or removed (docs/ERASURE.md).
//!
//! Must stay true: a file that has none of the devices concerned stays as it is. A file's record goes before its
//! objects, so that no list names what is gone; doing it again ends what was interrupted.

use crate::files::keys_of;
use crate::publish::{Exported, make};
use crate::refresh::Opened;
use crate::upload::small;
use crate::verify::MOST_FILES;
use crate::{Archive, ArchiveError};
use std::collections::BTreeSet;
use vestibule_domain::TenantId;
use vestibule_report::{Change, Working, holds};
use vestibule_store::{Erasing, FileRecord, ItemKey, OlderFiles, Stored, Tenant};

impl Archive {
    /// The erasures whose files' part has not ended.
    pub(crate) async fn of_files(&self, tenant: &TenantId) -> Result<Vec<Erasing>, ArchiveError> {
        let mut erasings = self.store.erasings().await?;
        erasings.retain(|one| one.tenant == *tenant && !one.files_done() && !one.of_tenant());
        Ok(erasings)
    }

    /// Brings some items of a file to what the table has of them, as of the file's own instant. Of an item that was merged
    /// into another since, what others did is in that one now, and comes from there.
    pub(crate) async fn cut(&self, mut working: Working, items: &BTreeSet<String>) -> Result<Working, ArchiveError> {
        let Some(as_of) = working.as_of()?.filter(|_| !items.is_empty()) else { return Ok(working) };
        let mut keys: Vec<ItemKey> = items.iter().filter_map(|item| ItemKey::parse(item)).collect();
        let merged_into = self.store.merged_into(&keys).await?;
        keys.extend(merged_into.into_iter().filter(|key| !items.contains(key.as_str())));
        let stored = self.store.consistently().load(&keys, as_of).await?.all()?;
        let items = items.clone();
        self.work(move || {
            let mut refresh = working.refresh(as_of)?;
            for item in &items {
                refresh.remove(item)?;
            }
            for Stored { key, version, history, expires_at, .. } in stored {
                refresh.apply(&Change { item: key.as_str().to_owned(), version, history, expires_at })?;
            }
            refresh.finish()?;
            Ok(working)
        })
        .await?
    }

    /// Ends the files' part of those erasures of a tenant of which `exported`, its newest file, takes account: older files
    /// that name whom they erased are published anew or removed. Returns how many. An erasure that was made while the file
    /// was, waits for the next one.
    ///
    /// # Errors
    /// When the table or the bucket cannot be read or written; the same call continues.
    pub async fn end_erasings(&self, tenant: &Tenant, exported: &Exported) -> Result<usize, ArchiveError> {
        let newest = &exported.file;
        let mut erasings = self.of_files(&tenant.id).await?;
        erasings.retain(|erasing| exported.is_without(erasing));
        if erasings.is_empty() {
            return Ok(0);
        }
        let items: BTreeSet<String> = erasings.iter().flat_map(Erasing::items).collect();
        let rebuild = erasings.iter().all(|erasing| erasing.older_files() == OlderFiles::Rebuild);
        let mut changed = 0;
        if !items.is_empty() {
            for file in self.store.files(&tenant.id, MOST_FILES).await? {
                if file.sha256 != newest.sha256 && self.erase_from(tenant, &file, &items, rebuild).await? {
                    changed += 1;
                }
            }
        }
        for erasing in &erasings {
            self.store.end_erasing_of_files(erasing).await?;
        }
        Ok(changed)
    }

    /// Takes items out of a published file, or removes it. Returns whether it named any of them.
    async fn erase_from(
        &self,
        tenant: &Tenant,
        file: &FileRecord,
        items: &BTreeSet<String>,
        rebuild: bool,
    ) -> Result<bool, ArchiveError> {
        std::fs::create_dir_all(&self.scratch)?;
        let folder = tempfile::tempdir_in(&self.scratch)?;
        let path = folder.path().join("working.sqlite");
        let held = match self.fetch(file, &path).await {
            Ok(()) => {
                let (path, items) = (path.clone(), items.clone());
                self.work(move || holds(&path, &items)).await?
            }
            // What can't be read can't be shown to name nobody.
            Err(error) if error.is_lost_file() => Ok(None),
            Err(error) => return Err(error),
        };
        let held = held.unwrap_or_else(|error| {
            tracing::warn!(tenant = %tenant.id, file = %file.sha256, %error, "an older file can't be opened");
            None
        });
        if held.as_ref().is_some_and(BTreeSet::is_empty) {
            return Ok(false);
        }
        let mut anew = None;
        if let Some(held) = held.filter(|_| rebuild) {
            let owner = self.owner(tenant, file.as_of).await?;
            if let Opened::Ready(mut working) = self.open(&path, &owner).await? {
                owner.lend(&mut working);
                working.forget_corrections(&held)?;
                let working = self.cut(*working, &held).await?;
                let (out, summary) = (folder.path().join("out.sqlite"), folder.path().join("summary.sqlite"));
                let made = self.work(move || make(working, path, out, summary)).await??;
                let kept = self.keep_all(tenant, file.as_of, made).await?;
                if kept.sha256 == file.sha256 {
                    return Ok(true);
                }
                anew = Some(kept);
            }
        }
        let (tenant, as_of, is_anew) = (&tenant.id, file.as_of, anew.is_some());
        tracing::info!(%tenant, %as_of, file = %file.sha256, is_anew, "an older file is removed after an erasure");
        self.store.forget_file(tenant, file).await?;
        self.delete_objects(tenant, file, anew.as_ref()).await?;
        Ok(true)
    }

    /// Deletes a file's objects, but for those that are also of the file that takes its place.
    async fn delete_objects(
        &self,
        tenant: &TenantId,
        file: &FileRecord,
        anew: Option<&FileRecord>,
    ) -> Result<(), ArchiveError> {
        let kept = anew.map(|anew| keys_of(tenant, anew)).unwrap_or_default();
        for key in keys_of(tenant, file).difference(&kept) {
            self.delete_object(key).await?;
        }
        Ok(())
    }

    pub(crate) async fn delete_object(&self, key: &str) -> Result<(), ArchiveError> {
        let delete = self.s3.delete_object().bucket(&self.bucket).key(key).customize().config_override(small());
        delete.send().await.map_err(ArchiveError::bucket)?;
        Ok(())
    }

    /// Removes all objects of a tenant, whether a record names them or not; returns how many.
    ///
    /// # Errors
    /// When the bucket cannot be read or written; the same call continues.
    pub async fn remove_objects(&self, tenant: &TenantId) -> Result<u64, ArchiveError> {
        let list = self.s3.list_objects_v2().bucket(&self.bucket).prefix(format!("reports/{tenant}/"));
        let mut pages = list.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            keys.extend(
                page.map_err(ArchiveError::bucket)?.contents.unwrap_or_default().into_iter().filter_map(|one| one.key),
            );
        }
        for key in &keys {
            self.delete_object(key).await?;
        }
        Ok(keys.len() as u64)
    }

    /// Closes this process's copy of a tenant's file, and removes what is left of it: a copy that was refreshed still has
    /// the bytes of what it deleted.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub async fn forget_copy(&self, tenant: &TenantId) -> Result<(), ArchiveError> {
        if let Some(one) = self.copies.held_of(tenant) {
            let mut copy = one.copy.lock().await;
            one.shown.hide().await;
            *copy = crate::current::Copy::default();
            crate::copies::remove(&self.path_of(tenant))?;
        }
        Ok(())
    }

    /// Closes all copies of this process, which ends, and removes what is left of them. When it returns, nobody works on one
    /// any more: bringing one up to date may have gone on after its question was answered.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub async fn forget_copies(&self) -> Result<(), ArchiveError> {
        for (tenant, one) in self.copies.all() {
            one.shown.end();
            self.forget_copy(&tenant).await?;
        }
        Ok(())
    }
}
