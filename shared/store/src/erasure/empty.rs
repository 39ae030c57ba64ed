//! Empties the enrollments that an erasure concerns, and forgets what else names them: what follows a search, whoever has
//! ended it. It is done for the first time here; what a writer stores meanwhile is found by the look at the end (`look`).
//!
//! Must stay true: the record is written before the job forgets it, and the job says that it is emptied after everything
//! else, so that doing it again ends what was interrupted. A file is requested after that: one that was begun before may
//! still have somebody.

use crate::erasure::jobs::{Job, place};
use crate::erasure::search::{Search, after};
use crate::erasure::web::WebSets;
use crate::erasure::{Erasing, LookBudget};
use crate::keys::ItemKey;
use crate::{Store, StoreError};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use std::ops::Bound;
use vestibule_domain::Timestamp;

/// Enrollments that are emptied together.
const PART: usize = 200;
/// Enrollments that are emptied side by side.
const AT_ONCE: usize = 16;

impl Store {
    /// Goes on with a search within a budget. If it ends, the erasure follows as far as the budget goes: its
    /// tombstones, its job, and what [`empty_rest`](Self::empty_rest) does. Returns whether all of that is done.
    ///
    /// # Errors
    /// If the table can't be read or written; the same call continues.
    pub async fn go_on_searching(
        &self,
        search: &Search,
        budget: &mut LookBudget<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if !search.is_left(now) {
            return Ok(false);
        }
        let began = tokio::time::Instant::now();
        let Some(mut finder) = self.resume(search).await? else {
            // The tenant is gone, and whoever removed it has not met this.
            self.delete_search(search).await?;
            return Ok(true);
        };
        if self.search(&mut finder, budget, now).await? != Some(true) {
            return Ok(false);
        }
        match self.conclude(finder, after(now, began)).await? {
            Some(erasing) => self.empty_rest(&erasing, budget, now).await,
            // Another runner was quicker.
            None => Ok(false),
        }
    }

    /// Empties what is left of an erasure's items, within a budget, and requests a file without whom it erased. Returns
    /// whether nothing is left.
    ///
    /// # Errors
    /// If the table can't be read or written; the same call continues.
    pub async fn empty_rest(
        &self,
        erasing: &Erasing,
        budget: &mut LookBudget<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if !self.empty(erasing, budget, now).await? {
            return Ok(false);
        }
        if !self.end_erasing_without_files(erasing, now).await? {
            // The next tick sends it on.
            self.ask_for_export(&erasing.tenant, now, true).await?;
        }
        Ok(true)
    }

    /// Empties what is left of an erasure's items, within a budget. Returns whether nothing is left.
    pub(super) async fn empty(
        &self,
        erasing: &Erasing,
        budget: &mut LookBudget<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Erasing { tenant: id, job, items, web } = erasing;
        if job.emptied || job.of_tenant {
            return Ok(true);
        }
        // Whoever removed the tenant has emptied everything.
        let Some(tenant) = self.tenant(id).await? else { return Ok(true) };
        let Some(tombstones) = self.tombstones(id, &tenant.settings).await? else { return Ok(true) };
        let mut emptied_to = job.emptied_to.as_str();
        loop {
            let from = if emptied_to.is_empty() { Bound::Unbounded } else { Bound::Excluded(emptied_to) };
            let rest = items.range::<str, _>((from, Bound::Unbounded)).map(|(name, _)| name);
            let part: Vec<&String> = rest.take(budget.part(PART)).collect();
            let Some(last) = part.last() else { break };
            emptied_to = last;
            let keys: Vec<ItemKey> = part.iter().filter_map(|name| ItemKey::named(id, name)).collect();
            let settings = &tenant.settings;
            let (keys, tombstones) = (&keys, &tombstones);
            let emptied: Vec<_> =
                keys.iter().map(|key| self.erase_item(key, settings, &**tombstones, now).boxed()).collect();
            futures::stream::iter(emptied).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
            budget.spend(part.len());
            if budget.is_spent() && *last != items.keys().next_back().unwrap_or(last) {
                self.keep_emptied(erasing, emptied_to).await?;
                return Ok(false);
            }
        }
        self.forget_mentions(id, &erasing.items()).await?;
        self.erase_sets(id, &web.iter().collect::<Vec<&WebSets>>()).await?;
        if let Some(record) = &job.record {
            self.put_record(id, record).await?;
        }
        self.note_emptied(id, &job.id, job.round).await?;
        Ok(true)
    }

    /// Keeps how far the items are emptied; a runner that is late does not move it back.
    async fn keep_emptied(&self, Erasing { tenant, job, .. }: &Erasing, to: &str) -> Result<(), StoreError> {
        let keep = |there: &mut Job| {
            if !there.is_nothing() && there.round == job.round && there.emptied_to.as_str() < to {
                there.emptied_to = to.to_owned();
            }
        };
        self.change_content(&place(tenant, &job.id), keep).await
    }
}
