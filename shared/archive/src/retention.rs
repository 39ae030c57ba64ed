//! Published files end with the longest retention that a tenant may have: a file that is older is not offered any more, and a
//! day later its objects and its record go. A tenant's own retention does not end them, since its older files have what its
//! next ones leave out: that is the history it keeps.
//!
//! Must stay true: nothing is listed that is gone, and the newest file stays however old it is. A link is good for minutes,
//! so who got one keeps the file for a day. Objects go before their record, so a removal that is interrupted is found by
//! the next one. A clock that jumps ahead removes nothing at once: the age counts to the file before the newest.

use crate::files::keys_of;
use crate::verify::MOST_FILES;
use crate::{Archive, ArchiveError};
use std::collections::BTreeSet;
use vestibule_domain::settings::LONGEST_RETENTION;
use vestibule_domain::{Millis, Timestamp};
use vestibule_store::{FileRecord, StoreError, Tenant};

/// How long a file stays after it was offered last: much longer than a link is good for, and a download takes.
const STAYS: Millis = Millis::from_days(1);
/// The most files that one export removes; the next removes the others.
const MOST: usize = 200;

impl Archive {
    /// The files that are offered at `now`, newest first, at most `most`: those that are not too old, and the newest.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn files(&self, tenant: &Tenant, most: usize, now: Timestamp) -> Result<Vec<FileRecord>, StoreError> {
        let mut files = self.store.files(&tenant.id, most).await?;
        let from = now - LONGEST_RETENTION;
        if files.iter().any(|file| file.as_of < from) {
            let newest = self.newest_of(tenant, now).await?;
            files.retain(|file| file.as_of >= from || newest.contains(&file.sha256));
        }
        Ok(files)
    }

    /// Removes the files that are too old as of `as_of`, the instant of the file before the newest. The newest
    /// is already published, so a failure is left for the next run. Returns how many.
    pub(crate) async fn remove_old_files(&self, tenant: &Tenant, as_of: Timestamp, now: Timestamp) -> usize {
        match self.remove_files_before(tenant, as_of - LONGEST_RETENTION - STAYS, now).await {
            Ok(removed) => {
                if removed > 0 {
                    tracing::info!(tenant = %tenant.id, removed, "files past the longest retention are removed");
                }
                removed
            }
            Err(error) => {
                tracing::warn!(tenant = %tenant.id, %error, "files past the longest retention stay for now; the next export removes them");
                0
            }
        }
    }

    async fn remove_files_before(
        &self,
        tenant: &Tenant,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<usize, ArchiveError> {
        let mut old = self.store.files_before(&tenant.id, before, MOST).await?;
        if old.is_empty() {
            return Ok(0);
        }
        let newest = self.newest_of(tenant, now).await?;
        old.retain(|file| !newest.contains(&file.sha256));
        // Objects are named by their content, so two files may share one.
        let is_old = |file: &FileRecord| old.iter().any(|old| old.sha256 == file.sha256);
        let kept = self.store.files(&tenant.id, MOST_FILES).await?;
        let shared: BTreeSet<String> =
            kept.iter().filter(|file| !is_old(file)).flat_map(|file| keys_of(&tenant.id, file)).collect();
        for file in &old {
            for key in keys_of(&tenant.id, file).difference(&shared) {
                self.delete_object(key).await?;
            }
            self.store.forget_file(&tenant.id, file).await?;
        }
        Ok(old.len())
    }

    /// The ids of the newest file, and of the one that counts as that while a clock is wrong.
    async fn newest_of(&self, tenant: &Tenant, now: Timestamp) -> Result<BTreeSet<String>, StoreError> {
        let latest = self.store.latest_file(&tenant.id).await?;
        let counts = self.store.newest_file(&tenant.id, now).await?;
        Ok(latest.into_iter().chain(counts).map(|file| file.sha256).collect())
    }
}
