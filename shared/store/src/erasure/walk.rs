//! A walk through all enrollments of a tenant, whose shards of the change index are read side by side. What changes
//! meanwhile moves ahead in its shard, so a walk may stop at a place and go on there later: it meets every enrollment
//! that was there when it began, some of them twice.
//!
//! However many there are, memory is bounded: of each shard a page of keys, the heads that these name, and one part of
//! some mebibytes, as they are stored; and one enrollment that is decoded.

use crate::changes::{ChangePlace, Changes};
use crate::erasure::LookBudget;
use crate::keys::CHANGE_SHARDS;
use crate::load::{Heads, Part, Stored};
use crate::{Cause, Store, StoreError};
use futures::stream::{BoxStream, select_all, try_unfold};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use vestibule_domain::{TenantId, Timestamp};

/// Keys of one page of a shard.
const PAGE: usize = 1_000;

/// How far a walk has come in one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Place {
    #[default]
    Begin,
    After(ChangePlace),
    End,
}

/// How far a walk has come in each shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Places([Place; CHANGE_SHARDS as usize]);

impl Places {
    pub(super) fn are_ends(&self) -> bool {
        self.0.iter().all(|place| *place == Place::End)
    }
}

/// What a shard gives.
enum Met {
    Part(Part),
    /// A page of so many keys is read, and the shard's place is this one.
    Page(usize, Place),
}

/// One shard as it is read.
struct Shard<'w> {
    walk: &'w Walk<'w>,
    number: u8,
    place: Place,
    /// The page that is being read, its keys, and the place after it.
    page: Option<(Heads, usize, Place)>,
}

/// What the shards of a walk share.
struct Walk<'w> {
    store: &'w Store,
    tenant: &'w TenantId,
    /// Keys of a page.
    page: usize,
    now: Timestamp,
    /// Whether no shard may begin another page.
    ends: AtomicBool,
}

impl Shard<'_> {
    async fn next(&mut self) -> Result<Option<Met>, StoreError> {
        let Walk { store, tenant, page, now, ends } = self.walk;
        if self.page.is_none() {
            let after = match &self.place {
                Place::End => return Ok(None),
                _ if ends.load(Ordering::Relaxed) => return Ok(None),
                Place::Begin => None,
                Place::After(after) => Some(after),
            };
            let changes = Changes { tenant, shard: self.number, from: 0 };
            let (keys, last) = store.page_of_changes(changes, after, *page, Cause::Changes).await?;
            let heads = store.heads(&keys, *now).await?;
            self.page = Some((heads, keys.len(), last.map_or(Place::End, Place::After)));
        }
        if let Some((heads, ..)) = &mut self.page
            && let Some(part) = store.read_part(heads).await?
        {
            return Ok(Some(Met::Part(part)));
        }
        Ok(self.page.take().map(|(_, keys, place)| {
            self.place = place.clone();
            Met::Page(keys, place)
        }))
    }
}

impl Store {
    /// Looks at all enrollments of a tenant from these places on, in no order, until the budget is spent; the places are
    /// those where it stopped. Returns how many can't be read. An enrollment that is written meanwhile may come twice.
    pub(super) async fn walk(
        &self,
        tenant: &TenantId,
        places: &mut Places,
        budget: &mut LookBudget<'_>,
        now: Timestamp,
        mut look: impl FnMut(&Stored),
    ) -> Result<u64, StoreError> {
        let store = self.passing();
        let walk = Walk { store: &store, tenant, page: budget.part(PAGE), now, ends: AtomicBool::new(false) };
        let shards = places.0.iter().zip(0..).map(|(place, number)| {
            let shard = Shard { walk: &walk, number, place: place.clone(), page: None };
            try_unfold(shard, |mut shard| async move {
                let met = shard.next().await?;
                Ok::<_, StoreError>(met.map(|met| ((shard.number, met), shard)))
            })
            .boxed()
        });
        let mut shards = select_all(shards.collect::<Vec<BoxStream<'_, Result<(u8, Met), StoreError>>>>());
        let mut unreadable = 0;
        while let Some((shard, met)) = shards.try_next().await? {
            match met {
                Met::Part(part) => part.open(&store).for_each(|opened| match opened {
                    Ok(stored) => look(&stored),
                    Err(_) => unreadable += 1,
                }),
                Met::Page(keys, at) => {
                    if let Some(place) = places.0.get_mut(usize::from(shard)) {
                        *place = at;
                    }
                    budget.spend(keys);
                    // Those that are being read are read to their end: nothing of them is for nothing.
                    walk.ends.fetch_or(keys > 0 && budget.is_spent(), Ordering::Relaxed);
                }
            }
        }
        Ok(unreadable)
    }
}
