//! The search for whom an erasure is about. There is no index by person, so all enrollments of the tenant are read, and
//! that may take longer than a request may. So a search can stop and go on later: it is kept under the key of the job
//! that follows it (`jobs`), with its place and what it has found (`findings`).
//!
//! A walk looks for other names that were reported with the person's, for those of them that somebody else has too, and
//! for the enrollments that name any. Each walk that learns a name is followed by another, since an enrollment before
//! it may have that name alone: mostly there are two, and one if no other name was reported. Then the enrollments that
//! were found are looked at once more (`gather`), and the job takes the search's place.
//!
//! Must stay true: the instant of the erasure is that of its request, and nothing that happened later is learned from,
//! so that a search ends however long it takes. What it keeps of the person are keyed hashes, and they go with it. Each
//! write is conditional on the one before: of two runners the later one stops, and its place counts for nothing. An
//! earlier release finds no job in what a search keeps, and leaves it alone.

use crate::content::{CONTENT, VERSION};
use crate::erasure::finder::Finder;
use crate::erasure::findings::{Findings, Hashed};
use crate::erasure::jobs::{JOBS, Job, place};
use crate::erasure::walk::Places;
use crate::erasure::{Asked, Erasing, LookBudget};
use crate::item::{Item, number, text};
use crate::{Store, StoreError, Stored};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use vestibule_domain::{Millis, TenantId, Timestamp};

/// Enrollments after which the place is kept, so that a run that is killed loses no more.
const KEEP_EVERY: usize = 20_000;
/// A runner ends a search that has found everything this long after it had.
const ENDED_AFTER: Millis = Millis::from_minutes(1);

/// A search under way, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    pub(super) tenant: TenantId,
    pub(super) kept: Kept,
    /// The version of its item.
    pub(super) version: u64,
    /// What its pages have.
    pub(super) paged: Vec<Findings>,
}

/// A search as it is kept. No member may be one that a job must have, or an earlier release would take it for one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    pub asked: Asked,
    /// The person's name; of a device its identifiers are among the findings.
    pub name: Option<Hashed>,
    pub at: At,
    pub counts: Counts,
    /// The pages that count.
    pub pages: BTreeSet<String>,
    /// What is in no page.
    pub found: Findings,
    /// When it was interrupted last.
    pub looked_at: Option<Timestamp>,
}

/// The place of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum At {
    /// In a walk, which may have learned a name.
    Walk { learned: bool, places: Places },
    /// Among the enrollments that were found, after this one.
    Found(String),
    /// At its end.
    End,
}

impl Default for At {
    fn default() -> Self {
        Self::Walk { learned: false, places: Places::default() }
    }
}

/// What a search has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Counts {
    pub enrollments: u64,
    pub shared: u64,
    pub events: u64,
    pub web_enrollment_days: u64,
    /// Those that the walk can't read.
    pub unreadable: u64,
    /// Those that were found, and can't be read any more.
    pub lost: u64,
    /// Enrollments that were looked at, in all walks.
    pub looked_at: u64,
}

/// The search that an item of the partition is, with its version; `None` if it is a job.
pub(super) fn kept(item: &Item) -> Option<(Kept, u64)> {
    let kept = serde_json::from_str(text(item, CONTENT)?).ok()?;
    Some((kept, number(item, VERSION)?))
}

impl Search {
    /// What was asked.
    pub const fn asked(&self) -> &Asked {
        &self.kept.asked
    }

    /// The tenant.
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// When it was interrupted last.
    pub const fn looked_at(&self) -> Option<Timestamp> {
        self.kept.looked_at
    }

    /// How many enrollments it has looked at; those of a second walk count again.
    pub const fn enrollments_looked_at(&self) -> u64 {
        self.kept.counts.looked_at
    }

    /// Whether a runner may go on with it: whoever has come to its end is about to end the rest, or has died.
    pub(super) fn is_left(&self, now: Timestamp) -> bool {
        self.kept.at != At::End || self.kept.looked_at.is_none_or(|at| at + ENDED_AFTER <= now)
    }

    /// Whether this page of the search counts.
    pub(super) fn has_page(&self, name: &str) -> bool {
        self.kept.pages.contains(name)
    }
}

impl Store {
    /// A search that goes on where it was kept; `None` if the tenant is gone.
    pub(super) async fn resume(&self, search: &Search) -> Result<Option<Finder>, StoreError> {
        let Search { tenant, kept, version, paged } = search.clone();
        let Some(key) = self.people_key(&tenant).await? else { return Ok(None) };
        let mut finder = Finder::new(&tenant, key, kept.asked.clone(), None);
        (finder.fresh, finder.all) = (kept.found.clone(), kept.found.clone());
        paged.into_iter().for_each(|page| finder.all.add(page));
        let names: Vec<_> = kept.name.iter().chain(&finder.all.also).map(|one| one.0).collect();
        finder.names.add(names, kept.asked.at);
        (finder.kept, finder.version) = (kept, version);
        Ok(Some(finder))
    }

    /// Deletes a search that nobody will end.
    pub(super) async fn delete_search(&self, search: &Search) -> Result<(), StoreError> {
        let id = &search.kept.asked.id;
        self.delete(JOBS, &place(&search.tenant, id).sk).await?;
        self.delete_findings(&search.tenant, id, &search.kept.pages).await
    }

    /// Goes on with a search until it ends or the budget is spent. Returns whether it has ended; `None` if another runner
    /// goes on with it.
    pub(super) async fn search(
        &self,
        finder: &mut Finder,
        budget: &mut LookBudget<'_>,
        now: Timestamp,
    ) -> Result<Option<bool>, StoreError> {
        let tenant = finder.tenant.clone();
        loop {
            // A search that has an item keeps its place there from time to time.
            let most = if finder.version > 0 { KEEP_EVERY } else { usize::MAX };
            let mut some = budget.share(most);
            let before = some.left();
            match std::mem::replace(&mut finder.kept.at, At::End) {
                At::Walk { mut learned, mut places } => {
                    let look = |stored: &Stored| learned |= finder.look(stored);
                    let unreadable = self.walk(&tenant, &mut places, &mut some, now, look).await?;
                    finder.kept.counts.unreadable += unreadable;
                    finder.kept.at = if !places.are_ends() {
                        At::Walk { learned, places }
                    } else if learned {
                        finder.begin_another_walk();
                        At::default()
                    } else {
                        At::Found(String::new())
                    };
                }
                At::Found(after) => finder.kept.at = self.gather(finder, after, &mut some, now).await?,
                At::End => return Ok(Some(true)),
            }
            let looked_at = before - some.left();
            finder.kept.counts.looked_at += looked_at as u64;
            budget.spend(looked_at);
            if finder.version > 0 && !self.keep_search(finder, now).await? {
                return Ok(None);
            }
            if budget.is_spent() && finder.kept.at != At::End {
                return Ok(Some(false));
            }
        }
    }

    /// Writes down a search with its place, unless another runner did since it was read. Returns whether it did.
    pub(super) async fn keep_search(&self, finder: &mut Finder, now: Timestamp) -> Result<bool, StoreError> {
        let mut pages = std::mem::take(&mut finder.fresh).pages(self.erasure_page);
        finder.fresh = pages.pop().unwrap_or_default();
        for page in &pages {
            let name = self.put_findings(finder.of(), page, now).await?;
            finder.kept.pages.insert(name);
        }
        finder.kept.found = finder.fresh.clone();
        finder.kept.looked_at = Some(now);
        let place = place(&finder.tenant, &finder.kept.asked.id);
        if finder.version == 0 {
            // Whoever goes on with it learns of it. Also if the answer is lost.
            self.notice.raise();
        }
        match self.put_content(&place, &finder.kept, finder.version).await {
            Err(StoreError::Conflict) => {
                // The answer to this very write may have been lost.
                let (there, version) = self.read_content::<Kept>(&place).await?;
                if there != finder.kept {
                    return Ok(false);
                }
                finder.version = version;
            }
            written => {
                written?;
                finder.version += 1;
            }
        }
        Ok(true)
    }

    /// Ends a search: its tombstones are written, and its job takes its place. Returns the job; `None` if another
    /// runner was quicker. Whatever it is interrupted by, the same call again ends it.
    pub(super) async fn conclude(
        &self,
        mut finder: Finder,
        known_at: Timestamp,
    ) -> Result<Option<Erasing>, StoreError> {
        // From here on a runner ends it, whatever becomes of this one.
        if finder.version == 0 && !self.keep_search(&mut finder, known_at).await? {
            return Ok(None);
        }
        let Asked { id, at, older_files, .. } = finder.kept.asked.clone();
        let Some(key) = self.people_key(&finder.tenant).await? else { return Ok(None) };
        let mut tombstones = finder.erases(key);
        tombstones.add(finder.all.devices.iter().map(|one| one.0), at);
        self.put_tombstones(&finder.tenant, &id, &tombstones, at).await?;
        let record = Some(finder.record());
        let job = Job { id: id.clone(), at, known_at, older_files, record, ..Job::default() };
        let Finder { tenant, kept, version, all: Findings { items, web, .. }, .. } = finder;
        let Some(job) = self.put_erasing(&tenant, job, &items, web.clone(), version).await? else { return Ok(None) };
        self.delete_findings(&tenant, &id, &kept.pages).await?;
        Ok(Some(Erasing { tenant, job, items, web }))
    }
}

/// The instant to which some seconds since `began` lead.
pub(super) fn after(now: Timestamp, began: tokio::time::Instant) -> Timestamp {
    now + Millis::from_seconds(i64::try_from(began.elapsed().as_secs()).unwrap_or(i64::MAX))
}
