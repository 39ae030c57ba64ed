//! The look at the table that ends erasures: at every enrollment that changed since, at those that were erased, and at the
//! sets of web-based enrollment. A writer that knew nothing of an erasure may have stored there what it should refuse.
//!
//! All erasures of a tenant have the same tombstones, so one look serves those that are due when it begins, and no other. It
//! goes on over several runs, each of which has a budget: its place is kept with the job of the oldest of them.
//!
//! Must stay true: a look that was interrupted goes on at its place and never begins anew, and what is found goes before
//! the place moves past it. Since a look begins when no writer holds the tenant as it was any more, and an enrollment
//! that changes moves ahead in the index, none is missed. After a look that found something, another one begins.

use crate::changes::{ChangePlace, Changes};
use crate::erasure::jobs::{Job, place};
use crate::erasure::pages::merge;
use crate::erasure::web::WebSets;
use crate::erasure::{Erasing, LookBudget, Segments, Tombstones};
use crate::item::first_bucket;
use crate::keys::{CHANGE_SHARDS, ItemKey};
use crate::{Cause, INDEX_LAG, Store, StoreError, Tenant};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Bound;
use vestibule_domain::Timestamp;
use vestibule_domain::erasure::Left;

/// Enrollments that are read together.
const PART: usize = 500;
/// Enrollments after which the place is kept, so that a run that is killed loses no more.
const KEEP_EVERY: usize = 5_000;
/// Enrollments of which segments are deleted side by side.
const AT_ONCE: usize = 16;

/// What a look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// It ended, and found nothing: the table's part of the erasures is done.
    Clean,
    /// It ended, and what it found is gone. Another look must follow.
    Found,
    /// The budget is spent; the next run goes on from there.
    Unfinished,
}

/// A look under way, as its job keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Look {
    /// How many looks came before it: a runner that is late must not move the place of a later one.
    pub number: u32,
    /// Whether it found something.
    pub found: bool,
    /// The ids of the erasures that it serves; none before it begins.
    pub serves: BTreeSet<String>,
    /// When it was interrupted last.
    pub looked_at: Option<Timestamp>,
    pub at: At,
}

/// The place of a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum At {
    /// Among the items concerned, after this one.
    Items(String),
    /// In this shard of the change index, after the item with this bucket and key.
    Changed(u8, Option<ChangePlace>),
    /// At the sets of web-based enrollment.
    Web,
    /// At the segments of what was erased, after those of this item.
    Segments(String),
    /// At its end.
    End,
}

impl Default for At {
    fn default() -> Self {
        Self::Items(String::new())
    }
}

/// The erasures of one tenant that a look serves.
struct Members<'e> {
    all: Vec<&'e Erasing>,
    items: Segments,
    web: Vec<&'e WebSets>,
}

impl<'e> Members<'e> {
    fn of(erasings: &'e [Erasing], serves: &BTreeSet<String>) -> Self {
        let all: Vec<_> = erasings.iter().filter(|one| serves.contains(one.id())).collect();
        let mut items = Segments::new();
        all.iter().for_each(|one| merge(&mut items, one.items.clone()));
        let web = all.iter().flat_map(|one| &one.web).collect();
        Self { all, items, web }
    }

    /// The next items after this one, at most so many.
    fn after(&self, name: &str, most: usize) -> Vec<(&String, &Vec<u32>)> {
        let after = if name.is_empty() { Bound::Unbounded } else { Bound::Excluded(name) };
        self.items.range::<str, _>((after, Bound::Unbounded)).take(most).collect()
    }
}

impl Store {
    /// The table's part of a job: erases what a writer that knew nothing of the erasure stored meanwhile, and deletes the
    /// segments of what was erased. Doing it again is harmless. Returns whether there was nothing to erase any more; if
    /// there was, the files' part is open again.
    ///
    /// # Errors
    /// If the table can't be read or written; the same call continues.
    pub async fn erase_rest(&self, erasing: &Erasing, now: Timestamp) -> Result<bool, StoreError> {
        let alone = std::slice::from_ref(erasing);
        Ok(self.look_once(alone, &mut LookBudget::unlimited(), false, now).await? == Looked::Clean)
    }

    /// The same, and records that it is done if there was nothing to erase any more. Else it is to be called again.
    ///
    /// # Errors
    /// As [`erase_rest`](Self::erase_rest).
    pub async fn end_erasing_of_table(&self, erasing: &Erasing, now: Timestamp) -> Result<bool, StoreError> {
        let alone = std::slice::from_ref(erasing);
        Ok(self.end_erasings_of_table(alone, &mut LookBudget::unlimited(), now).await? == Looked::Clean)
    }

    /// The same for erasures of one tenant that are due, within a budget.
    ///
    /// # Errors
    /// As [`erase_rest`](Self::erase_rest).
    pub async fn end_erasings_of_table(
        &self,
        erasings: &[Erasing],
        budget: &mut LookBudget<'_>,
        now: Timestamp,
    ) -> Result<Looked, StoreError> {
        self.look_once(erasings, budget, true, now).await
    }

    async fn look_once(
        &self,
        erasings: &[Erasing],
        budget: &mut LookBudget<'_>,
        ends: bool,
        now: Timestamp,
    ) -> Result<Looked, StoreError> {
        let Some(oldest) = erasings.iter().min_by_key(|one| (one.at(), one.id())) else { return Ok(Looked::Clean) };
        let Some(tenant) = self.tenant(&oldest.tenant).await? else {
            for erasing in erasings {
                if erasing.of_tenant() {
                    // What was under way when the tenant was removed: the next tenant of that name would find it.
                    self.forget_tenant(&erasing.tenant);
                    self.remove_all_items(&erasing.tenant).await?;
                }
                if ends {
                    self.note_ended(erasing).await?;
                }
            }
            return Ok(Looked::Clean);
        };
        for erasing in erasings {
            // What its own runner has not done comes first.
            if !self.empty(erasing, budget, now).await? {
                return Ok(Looked::Unfinished);
            }
        }
        let mut oldest = oldest.clone();
        (oldest.job.emptied, oldest.job.record) = (true, None);
        if oldest.job.look.serves.is_empty() {
            oldest.job.look.serves = erasings.iter().map(|one| one.id().to_owned()).collect();
        }
        let members = Members::of(erasings, &oldest.job.look.serves);
        let looked = self.look(&tenant, &mut oldest, &members, budget, now).await?;
        match looked {
            Looked::Unfinished => self.keep_place(&oldest, now).await?,
            Looked::Found => {
                self.begin_another(&oldest).await?;
                for erasing in members.all.iter().filter(|one| one.id() != oldest.id()) {
                    self.note_emptied(&erasing.tenant, erasing.id(), erasing.job.round).await?;
                }
            }
            Looked::Clean if ends => {
                for erasing in &members.all {
                    self.note_ended(erasing).await?;
                }
            }
            Looked::Clean => {}
        }
        Ok(looked)
    }

    async fn note_ended(&self, Erasing { tenant, job, .. }: &Erasing) -> Result<(), StoreError> {
        let done = |job: &mut Job| (job.emptied, job.table_done) = (true, true);
        self.change_job(tenant, &job.id, job.round, done).await
    }

    /// Goes on with the look of the oldest of some erasures.
    async fn look(
        &self,
        tenant: &Tenant,
        oldest: &mut Erasing,
        members: &Members<'_>,
        budget: &mut LookBudget<'_>,
        now: Timestamp,
    ) -> Result<Looked, StoreError> {
        let Some(tombstones) = self.tombstones(&tenant.id, &tenant.settings).await? else { return Ok(Looked::Clean) };
        let mut since_kept = 0;
        loop {
            let most = budget.part(PART);
            let looked_at = match oldest.job.look.at.clone() {
                At::Items(after) => {
                    let part = members.after(&after, most);
                    let keys: Vec<_> = part.iter().filter_map(|(name, _)| ItemKey::named(&tenant.id, name)).collect();
                    self.erase_late(tenant, oldest, &keys, &tombstones, now).await?;
                    let last = part.last().map(|(name, _)| (*name).clone());
                    oldest.job.look.at = last.map_or(At::Changed(0, None), At::Items);
                    keys.len()
                }
                At::Changed(shard, _) if shard >= CHANGE_SHARDS => {
                    oldest.job.look.at = At::Web;
                    0
                }
                At::Changed(shard, after) => {
                    let from = first_bucket(oldest.at() - INDEX_LAG);
                    let changes = Changes { tenant: &tenant.id, shard, from };
                    let (keys, last) = self.page_of_changes(changes, after.as_ref(), most, Cause::Changes).await?;
                    self.erase_late(tenant, oldest, &keys, &tombstones, now).await?;
                    oldest.job.look.at = match last {
                        Some(last) => At::Changed(shard, Some(last)),
                        None => At::Changed(shard + 1, None),
                    };
                    keys.len()
                }
                At::Web => {
                    self.erase_late_sets(oldest, &members.web, now).await?;
                    // The stream's records of what was erased still name the segments: those go by the next look.
                    oldest.job.look.at = if oldest.job.look.found { At::End } else { At::Segments(String::new()) };
                    0
                }
                At::Segments(after) => {
                    let part = members.after(&after, most);
                    let of_keys =
                        part.iter().filter_map(|(name, had)| Some((ItemKey::named(&tenant.id, name)?, (*had).clone())));
                    let deletions: Vec<_> = of_keys
                        .map(|(key, had)| async move { self.delete_segments(&key, &had).await }.boxed())
                        .collect();
                    futures::stream::iter(deletions).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
                    let last = part.last().map(|(name, _)| (*name).clone());
                    oldest.job.look.at = last.map_or(At::End, At::Segments);
                    part.len()
                }
                At::End => return Ok(if oldest.job.look.found { Looked::Found } else { Looked::Clean }),
            };
            budget.spend(looked_at);
            since_kept += looked_at;
            if looked_at > 0 && budget.is_spent() {
                return Ok(Looked::Unfinished);
            }
            if since_kept >= KEEP_EVERY {
                self.keep_place(oldest, now).await?;
                since_kept = 0;
            }
        }
    }

    /// Erases what these enrollments hold of whom was erased.
    async fn erase_late(
        &self,
        tenant: &Tenant,
        oldest: &mut Erasing,
        keys: &[ItemKey],
        tombstones: &Tombstones,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (mut named, mut late) = (Vec::new(), Segments::new());
        for key in self.suspects(keys, tombstones).await? {
            match self.concerned_by(&key, tombstones).await {
                // It stays so, and must not keep this erasure and all others from ending.
                Err(error) if error.is_unreadable() => {
                    tracing::error!(item = %key, %error, "an enrollment can't be read, so nobody knows whom it names");
                }
                concerned => {
                    if let Some(concerned) = concerned? {
                        merge(&mut late, concerned.items);
                        named.push(key);
                    }
                }
            }
        }
        if named.is_empty() {
            return Ok(());
        }
        // This comes first: a file may have it, and the process may die.
        self.open_again(oldest, late, now).await?;
        for key in &named {
            self.erase_item(key, &tenant.settings, tombstones, now).await?;
        }
        self.note_emptied(&oldest.tenant, &oldest.job.id, oldest.job.round).await
    }

    /// Those among some enrollments that name whom was erased, or that can't be read now.
    async fn suspects(&self, keys: &[ItemKey], tombstones: &Tombstones) -> Result<Vec<ItemKey>, StoreError> {
        let store = self.consistently().passing();
        // As of the first instant, since nothing has expired then: what time-to-live has not deleted yet counts.
        let mut heads = store.heads(keys, Timestamp::MIN).await?;
        let mut suspects = Vec::new();
        while let Some(part) = store.next_part(&mut heads).await? {
            let names = part.stored.into_iter().filter(|stored| stored.history.without(tombstones) != Left::Everything);
            suspects.extend(names.map(|stored| stored.key));
            suspects.extend(part.unreadable.into_iter().map(|unreadable| unreadable.key));
        }
        Ok(suspects)
    }

    /// Erases sets of web-based enrollment that came back.
    async fn erase_late_sets(&self, oldest: &mut Erasing, web: &[&WebSets], now: Timestamp) -> Result<(), StoreError> {
        let tenant = oldest.tenant.clone();
        if self.has_sets(&tenant, web).await? {
            self.open_again(oldest, Segments::new(), now).await?;
            self.erase_sets(&tenant, web).await?;
            self.note_emptied(&tenant, &oldest.job.id, oldest.job.round).await?;
        }
        Ok(())
    }

    /// Keeps the place of a look with its job, unless a later look or somebody's find has come between: then the next run
    /// looks at the same once more.
    async fn keep_place(&self, Erasing { tenant, job, .. }: &Erasing, now: Timestamp) -> Result<(), StoreError> {
        let keep = |there: &mut Job| {
            if !there.is_nothing() && (there.round, there.look.number) == (job.round, job.look.number) {
                let found = there.look.found || job.look.found;
                there.look = Look { found, looked_at: Some(now), ..job.look.clone() };
            }
        };
        self.change_content(&place(tenant, &job.id), keep).await
    }

    /// Ends a look that found something: all of it is gone, and another one begins.
    async fn begin_another(&self, Erasing { tenant, job, .. }: &Erasing) -> Result<(), StoreError> {
        let begin = |there: &mut Job| {
            if there.look.number == job.look.number {
                there.emptied = true;
                there.look = Look { number: job.look.number + 1, ..Look::default() };
            }
        };
        self.change_job(tenant, &job.id, job.round, begin).await
    }
}
