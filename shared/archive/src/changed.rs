//! How a copy learns what changed since its last answer: from the change index, or from its tenant's feed.
//!
//! Reading the index costs as much as its bucket holds. If that was a lot, a feed is requested, and once it has settled
//! the copy follows it: each question writes barriers and reads the pages up to those that name them. Changes that
//! pages name and the copy does not have are read from the table, and the answer is true as of the instant at which the
//! barriers were written.
//!
//! Must stay true: a change is found in the index or is in a page that was not read yet. So the place in the feed is
//! noted *before* the index is read. The index lags, so it is read once more when its lag has passed; until then an
//! answer is as good as one from the index.

use crate::{Archive, ArchiveError};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use tokio::time::Instant;
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_report::Working;
use vestibule_store::{Feed, INDEX_LAG, ItemKey, NIGHTLY_INDEX_LAG, Store, Tenant, UNKNOWN_VERSION};

/// If the index makes a copy look at more enrollments than this, one question after another, a feed is worth its pages.
const MUCH: usize = 200;
/// How long to wait for barriers.
const PATIENCE: Duration = Duration::from_secs(2);
/// The first wait: on one machine a change takes about as long to reach the publisher. Each further wait is three times
/// as long: on AWS the stream takes some tenths of a second, in which seven looks are enough.
const FIRST_WAIT: Duration = Duration::from_millis(1);
/// The longest wait between two looks.
const LONGEST_WAIT: Duration = Duration::from_millis(200);
/// The age a copy may reach while barriers do not arrive in time. After that the index answers, at its cost: a
/// publisher that is behind must not make answers hours old.
const LONGEST_SILENCE: Millis = Millis::from_seconds(60);

/// How a tenant's copy follows its feed.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    place: Option<Place>,
}

/// A copy's place in a feed.
#[derive(Debug)]
struct Place {
    /// The feed's beginning.
    since: Timestamp,
    /// The last page read.
    end: u64,
    /// Changes that pages named and that are not in the copy yet.
    changes: Changes,
    /// When the index was read while it may not have had everything, because it lags.
    index_read: Option<Timestamp>,
}

/// Items that changed, each with the newest version reported.
pub(crate) type Changes = BTreeMap<ItemKey, u64>;

/// Where to look for changes.
#[derive(Debug)]
pub(crate) enum Changed {
    /// From the index.
    Index(FromIndex),
    /// These items and nothing else.
    Pages(Changes),
    /// It is not known yet: the copy answers as it is.
    Late,
}

/// How far back the index is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromIndex {
    /// How much the index may lag.
    pub lag: Millis,
    /// Start at this instant, if it is earlier than the file's.
    pub since: Timestamp,
}

impl FromIndex {
    /// For a file to publish, and for a copy that lost its place.
    pub(crate) const NIGHTLY: Self = Self { lag: NIGHTLY_INDEX_LAG, since: Timestamp::MAX };
    /// For an answer.
    const ANSWER: Self = Self { lag: INDEX_LAG, since: Timestamp::MAX };
}

/// The items that a copy must look at.
pub(crate) enum Sought {
    /// These items as they are now: a replica that lags may still have older ones.
    These(Vec<ItemKey>),
    /// The items that the index has since an instant, or since that long before it.
    Since(Option<Timestamp>, Millis),
}

impl Sought {
    /// The items that `working` must look at, without those named in pages that it already has.
    pub(crate) fn by(working: &Working, changed: &Changed) -> Result<Self, ArchiveError> {
        let since = working.as_of()?;
        let from = match changed {
            Changed::Index(from) => *from,
            Changed::Late => return Ok(Self::These(Vec::new())),
            Changed::Pages(_) if since.is_none() => FromIndex::ANSWER,
            Changed::Pages(changes) => {
                let mut unknown = Vec::new();
                for (key, version) in changes {
                    if *version == UNKNOWN_VERSION || !working.knows(key.as_str(), *version)? {
                        unknown.push(key.clone());
                    }
                }
                return Ok(Self::These(unknown));
            }
        };
        Ok(Self::Since(since.map(|since| since.min(from.since)), from.lag))
    }
}

/// The result of following a feed.
enum Followed {
    /// All barriers arrived.
    Arrived,
    /// Some barriers did not arrive in time.
    Late,
    /// A page is missing: the feed can't be followed from this place.
    Lost,
}

impl Archive {
    /// Where to look for the table's changes up to `as_of` since the copy's last answer, which was true as of `copy`.
    pub(crate) async fn changed(
        &self,
        follower: &mut Follower,
        tenant: &Tenant,
        copy: Option<Timestamp>,
        as_of: Timestamp,
    ) -> Result<Changed, ArchiveError> {
        let feed = tenant.feed.filter(|feed| feed.is_settled(as_of));
        let before = follower.place.take();
        let was_followed = before.is_some();
        let place = before.filter(|place| feed.is_some_and(|feed| feed.since == place.since));
        // If the feed no longer exists, pages of a slow shard may be unread.
        let mut from = if was_followed && place.is_none() { FromIndex::NIGHTLY } else { FromIndex::ANSWER };
        let Some(feed) = feed else { return Ok(Changed::Index(from)) };
        if feed.is_ending(as_of) {
            self.store.prolong_feed(&tenant.id, feed, as_of).await?;
        }
        if let (Some(mut place), Some(copy)) = (place, copy) {
            if let Some(since) = place.index_read.filter(|read| *read + INDEX_LAG <= as_of) {
                // Pages were read meanwhile, and the index has caught up with the instant at which that began.
                follower.place = Some(Place { index_read: None, ..place });
                return Ok(Changed::Index(FromIndex { lag: INDEX_LAG, since }));
            }
            match self.follow(&tenant.id, feed, &mut place, as_of).await? {
                Followed::Arrived => {
                    let changes = std::mem::take(&mut place.changes);
                    follower.place = Some(place);
                    return Ok(Changed::Pages(changes));
                }
                Followed::Late if as_of - copy < LONGEST_SILENCE => {
                    follower.place = Some(place);
                    return Ok(Changed::Late);
                }
                Followed::Late => {
                    tracing::warn!(tenant = %tenant.id, "a feed is behind: the index answers");
                    // The place stays, so later pages are read from there.
                    follower.place = Some(place);
                    return Ok(Changed::Index(FromIndex::ANSWER));
                }
                Followed::Lost => {
                    tracing::warn!(tenant = %tenant.id, "a feed was lost: the index answers");
                    from = FromIndex::NIGHTLY;
                }
            }
        }
        let end = self.store.feed_end(&tenant.id, feed.since).await?;
        let changes = Changes::new();
        follower.place = Some(Place { since: feed.since, end, changes, index_read: Some(as_of) });
        Ok(Changed::Index(from))
    }

    /// Reads the pages up to those that name barriers written now.
    async fn follow(
        &self,
        tenant: &TenantId,
        feed: Feed,
        place: &mut Place,
        as_of: Timestamp,
    ) -> Result<Followed, ArchiveError> {
        let barriers = self.new_barriers();
        self.store.put_barriers(tenant, feed.since, &barriers, as_of).await?;
        let mut ahead: HashSet<String> = barriers.into_iter().collect();
        let until = Instant::now() + PATIENCE;
        let mut wait = FIRST_WAIT;
        loop {
            if Instant::now() + wait > until {
                return Ok(Followed::Late);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 3).min(LONGEST_WAIT);
            let Some(pages) = self.store.feed_pages(tenant, feed.since, place.end).await? else {
                return Ok(Followed::Lost);
            };
            for page in pages {
                place.end += 1;
                for (key, version) in page.changes {
                    let newest = place.changes.entry(key).or_insert(version);
                    // An item that must be looked at stays one. Of two versions the larger is newer, however often they
                    // are repeated.
                    let unknown = version == UNKNOWN_VERSION || *newest == UNKNOWN_VERSION;
                    *newest = if unknown { UNKNOWN_VERSION } else { version.max(*newest) };
                }
                for barrier in page.barriers {
                    ahead.remove(&barrier);
                }
            }
            if ahead.is_empty() {
                return Ok(Followed::Arrived);
            }
        }
    }

    /// The items to look at, and the store to read them from.
    pub(crate) async fn items(&self, tenant: &Tenant, sought: Sought) -> Result<(Vec<ItemKey>, Store), ArchiveError> {
        Ok(match sought {
            Sought::These(keys) => (keys, self.store.consistently()),
            Sought::Since(since, lag) => (self.store.changed_since(&tenant.id, since, lag).await?, self.store.clone()),
        })
    }

    /// Requests a feed for a tenant if the index made a copy look at `looked_at` enrollments since its last answer. A
    /// failed request does not hold up the answer.
    pub(crate) async fn consider_feed(&self, tenant: &Tenant, looked_at: usize, now: Timestamp) {
        if looked_at <= MUCH || tenant.feed.is_some_and(|feed| !feed.has_ended(now)) {
            return;
        }
        if let Err(error) = self.store.request_feed(&tenant.id, now).await {
            tracing::warn!(tenant = %tenant.id, %error, "a feed could not be requested");
        }
    }

    /// Ids of barriers. Their keys are hashes, so they fall into any shard.
    fn new_barriers(&self) -> Vec<String> {
        let id = |_| {
            let number = self.barrier_count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let hash = Sha256::digest([self.barrier_seed.to_be_bytes(), number.to_be_bytes()].concat());
            hash[..12].iter().map(|byte| format!("{byte:02x}")).collect()
        };
        (0..self.barriers.get()).map(id).collect()
    }
}
