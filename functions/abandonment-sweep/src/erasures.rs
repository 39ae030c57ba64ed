//! Ends erasures: whom a request had no time to find is searched for, and erased; some minutes after each erasure, what
//! a writer stored meanwhile is erased too, and the segments of what was erased are deleted
//! (`vestibule_store::Erasing`). As long as a look finds something, another one follows.
//!
//! Must stay true: a run looks at no more than it has time for, and each search and each tenant with erasures gets its
//! share. The next run goes on where this one stopped.

use crate::{MARGIN, Sweep};
use std::collections::BTreeMap;
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_platform::metrics;
use vestibule_store::{Erasing, LookBudget, Looked, Search, StoreError, UnderWay};

/// Enrollments looked at in one run, of all tenants together: about ten seconds.
pub(crate) const MOST: usize = 50_000;

/// What a run goes on with.
enum Work {
    Search(Box<Search>),
    /// An erasure whose own process has not emptied its items.
    Rest(Box<Erasing>),
    /// The erasures of one tenant that are due.
    Look(TenantId, Vec<Erasing>),
}

impl Work {
    /// What waits in the table. A tenant's removal is left to whoever removes it, since that reads the whole table.
    fn of(under_way: UnderWay, now: Timestamp) -> Vec<Self> {
        let mut due: BTreeMap<TenantId, Vec<Erasing>> = BTreeMap::new();
        let mut all: Vec<Self> = under_way.searches.into_iter().map(|search| Self::Search(Box::new(search))).collect();
        for erasing in under_way.erasings.into_iter().filter(|one| !one.of_tenant()) {
            if erasing.is_to_be_emptied(now) {
                all.push(Self::Rest(Box::new(erasing)));
            } else if erasing.is_due(now) {
                due.entry(erasing.tenant.clone()).or_default().push(erasing);
            }
        }
        all.extend(due.into_iter().map(|(tenant, erasings)| Self::Look(tenant, erasings)));
        // The one that has waited longest comes first.
        all.sort_by_key(Self::looked_at);
        all
    }

    /// When somebody last went on with it.
    fn looked_at(&self) -> Option<Timestamp> {
        match self {
            Self::Search(search) => search.looked_at(),
            Self::Rest(_) => None,
            Self::Look(_, erasings) => erasings.iter().filter_map(Erasing::looked_at).max(),
        }
    }

    fn tenant(&self) -> &TenantId {
        match self {
            Self::Search(search) => search.tenant(),
            Self::Rest(erasing) => &erasing.tenant,
            Self::Look(tenant, _) => tenant,
        }
    }
}

impl Sweep {
    /// Goes on with the erasures that are due, and deletes pages that are left of others. One tenant's failure does not
    /// delay the others; the next run tries again.
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
        let work = Work::of(under_way, now);
        let (mut left, mut waiting) = (self.looks, work.len());
        for one in work {
            let (share, until) = (left / waiting, deadline.map(|deadline| self.share_of(deadline, waiting)));
            let has_time = move || until.is_none_or(|until| self.now() < until);
            if share == 0 || !has_time() {
                tracing::info!(waiting, "erasures wait for the next run");
                break;
            }
            waiting -= 1;
            let mut budget = LookBudget::new(share, &has_time);
            let tenant = one.tenant();
            if let Err(error) = self.go_on_erasing(&one, &mut budget, now).await {
                tracing::error!(%tenant, %error, "erasures could not be ended; the next run tries again");
                metrics::ERASURES_NOT_ENDED.count(tenant.as_str(), 1, now.millis());
            }
            left -= share - budget.left();
        }
        Ok(())
    }

    async fn go_on_erasing(&self, work: &Work, budget: &mut LookBudget<'_>, now: Timestamp) -> Result<(), StoreError> {
        let tenant = work.tenant();
        match work {
            Work::Search(search) => match self.store.go_on_searching(search, budget, now).await? {
                true => tracing::info!(%tenant, "who was searched for is erased; a file without them must follow"),
                false => tracing::info!(%tenant, "the next run goes on with a search for whom to erase"),
            },
            Work::Rest(erasing) => match self.store.empty_rest(erasing, budget, now).await? {
                true => tracing::info!(%tenant, "the rest of an erasure is emptied; a file without it must follow"),
                false => tracing::info!(%tenant, "the next run empties the rest of an erasure"),
            },
            Work::Look(_, due) => {
                let erasures = due.len();
                match self.store.end_erasings_of_table(due, budget, now).await? {
                    Looked::Clean => tracing::info!(%tenant, erasures, "the table's part of erasures has ended"),
                    Looked::Found => {
                        tracing::info!(%tenant, erasures, "late events were erased; a file without them must follow");
                    }
                    Looked::Unfinished => tracing::info!(%tenant, erasures, "the next run looks at the rest"),
                }
            }
        }
        Ok(())
    }

    /// Until when one of so many that wait may be gone on with.
    fn share_of(&self, deadline: Timestamp, waiting: usize) -> Timestamp {
        let now = self.now();
        let left = (deadline - MARGIN - now).get().max(0);
        now + Millis::new(left / i64::try_from(waiting).unwrap_or(i64::MAX).max(1))
    }
}
