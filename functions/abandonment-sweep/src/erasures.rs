//! Ends erasures: some minutes after each, what a writer stored meanwhile is erased too, and the segments of what was
//! erased are deleted (`vestibule_store::Erasing`). As long as a look finds something, another one follows.
//!
//! Must stay true: a run looks at no more than it has time for, and each tenant with erasures gets its share. The next run
//! goes on where this one stopped.

use crate::{MARGIN, Sweep};
use std::collections::BTreeMap;
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_platform::metrics;
use vestibule_store::{Erasing, LookBudget, Looked, StoreError};

/// Enrollments looked at in one run, of all tenants together: about ten seconds.
pub(crate) const MOST: usize = 50_000;

impl Sweep {
    /// Goes on with the erasures that are due, and deletes pages that are left of others. One tenant's failure does not
    /// delay the others; the next run tries again. A tenant's removal is left to whoever removes it, since that reads the
    /// whole table.
    ///
    /// # Errors
    /// If the jobs can't be listed, or what is left can't be deleted.
    pub(crate) async fn end_erasures(&self, now: Timestamp, deadline: Option<Timestamp>) -> Result<(), StoreError> {
        let under_way = self.store.erasures_under_way(now).await?;
        if !under_way.left.is_empty() {
            tracing::info!(pages = under_way.left.len(), "pages of erasures that never began, or ended, are deleted");
            self.store.delete_left_pages(&under_way.left).await?;
        }
        if !self.erases {
            return Ok(());
        }
        let mut by_tenant: BTreeMap<TenantId, Vec<Erasing>> = BTreeMap::new();
        for erasing in under_way.erasings.into_iter().filter(|one| !one.of_tenant() && one.is_due(now)) {
            by_tenant.entry(erasing.tenant.clone()).or_default().push(erasing);
        }
        let mut waiting: Vec<_> = by_tenant.into_iter().collect();
        // The one that has waited longest comes first.
        waiting.sort_by_key(|(_, erasings)| erasings.iter().filter_map(Erasing::looked_at).max());
        let (mut left, mut tenants) = (self.looks, waiting.len());
        for (tenant, erasings) in waiting {
            let (share, until) = (left / tenants, deadline.map(|deadline| self.share_of(deadline, tenants)));
            let has_time = move || until.is_none_or(|until| self.now() < until);
            if share == 0 || !has_time() {
                tracing::info!(tenants, "erasures wait for the next run");
                break;
            }
            tenants -= 1;
            let mut budget = LookBudget::new(share, &has_time);
            let looked = self.store.end_erasings_of_table(&erasings, &mut budget, now).await;
            left -= share - budget.left();
            let erasures = erasings.len();
            match looked {
                Ok(Looked::Clean) => tracing::info!(%tenant, erasures, "the table's part of erasures has ended"),
                Ok(Looked::Found) => {
                    tracing::info!(%tenant, erasures, "late events were erased; a file without them must follow");
                }
                Ok(Looked::Unfinished) => tracing::info!(%tenant, erasures, "the next run looks at the rest"),
                Err(error) => {
                    tracing::error!(%tenant, %error, "erasures could not be ended; the next run tries again");
                    metrics::ERASURES_NOT_ENDED.count(tenant.as_str(), 1, now.millis());
                }
            }
        }
        Ok(())
    }

    /// Until when one of so many tenants may be looked at.
    fn share_of(&self, deadline: Timestamp, tenants: usize) -> Timestamp {
        let now = self.now();
        let left = (deadline - MARGIN - now).get().max(0);
        now + Millis::new(left / i64::try_from(tenants).unwrap_or(i64::MAX).max(1))
    }
}
