//! Drops from the table what a tenant no longer keeps, after its file is published.
//!
//! A run looks at some thousand enrollments and records how far it got, so it reaches all of them however many there
//! are. A pruned enrollment enters the change index like any other write, so the next file reads what is left of it and
//! no longer lists it.

use crate::Archive;
use futures::StreamExt as _;
use vestibule_domain::{Millis, Timestamp};
use vestibule_platform::metrics;
use vestibule_store::{ItemKey, PruneCursor, Tenant};

/// How long something stays in the table after the retention, so that changing the setting by a few days still finds
/// its attempts.
pub(crate) const PRUNE_AFTER: Millis = Millis::from_days(7);
/// Number of enrollments looked at in one run; the rest is left for the next.
pub(crate) const MOST: usize = 10_000;
/// Number of enrollments pruned side by side.
const CONCURRENCY: usize = 16;

impl Archive {
    /// Drops what is past the retention from `items`, sorted enrollments that hold something from before it. The file
    /// is already published, so a failure is left for the next run. Returns how many enrollments this run left over.
    pub(crate) async fn prune(&self, tenant: &Tenant, items: &[String], as_of: Timestamp) -> usize {
        let cutoff = as_of - tenant.settings.retention() - PRUNE_AFTER;
        let cursor = match self.store.prune_cursor(&tenant.id).await {
            Ok(cursor) => cursor,
            Err(error) => {
                tracing::warn!(tenant = %tenant.id, %error, "what is past the retention stays for now");
                return items.len();
            }
        };
        let round = round(items, cursor.as_ref(), self.prunes);
        let keys: Vec<ItemKey> = round.iter().filter_map(|item| ItemKey::parse(item)).collect();
        let mut prunes = futures::stream::iter(keys)
            .map(|key| async move { self.store.prune(&key, &tenant.settings, cutoff, as_of).await })
            .buffer_unordered(CONCURRENCY);
        let (mut dropped, mut failed) = (0_usize, 0_usize);
        while let Some(pruned) = prunes.next().await {
            match pruned {
                Ok(true) => dropped += 1,
                Ok(false) => {}
                Err(error) => {
                    failed += 1;
                    tracing::debug!(tenant = %tenant.id, %error, "an enrollment past its retention stays for now");
                }
            }
        }
        drop(prunes);
        let left = items.len() - round.len();
        let next = round.last().filter(|_| left > 0).map(|last| PruneCursor { after: (*last).clone(), left });
        if next != cursor
            && let Err(error) = self.store.put_prune_cursor(&tenant.id, next.as_ref()).await
        {
            tracing::warn!(tenant = %tenant.id, %error, "the next run prunes the same enrollments again");
        }
        if left > 0 || failed > 0 {
            tracing::info!(tenant = %tenant.id, dropped, failed, left, "some enrollments stay past their retention for now");
            metrics::ENROLLMENTS_LEFT_TO_PRUNE.count(tenant.id.as_str(), (left + failed) as u64, as_of.millis());
        }
        left
    }
}

/// The next `most` items after the cursor; after the last, from the beginning again.
fn round<'i>(items: &'i [String], cursor: Option<&PruneCursor>, most: usize) -> Vec<&'i String> {
    let start = cursor.map_or(0, |cursor| items.partition_point(|item| *item <= cursor.after));
    items[start..].iter().chain(&items[..start]).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many there are, and even if the first stays for ever, each item gets its turn.
    #[test]
    fn every_item_has_its_turn() {
        let items: Vec<String> = (0..10).map(|number| format!("e#contoso#{number}")).collect();
        let mut cursor = None;
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..4 {
            let round = round(&items, cursor.as_ref(), 3);
            assert_eq!(round.len(), 3);
            seen.extend(round.iter().map(|item| (*item).clone()));
            cursor = round.last().map(|last| PruneCursor { after: (*last).clone(), left: 7 });
        }
        assert_eq!(seen.len(), items.len());
        // The item that the cursor names may be gone by then.
        let cursor = PruneCursor { after: "e#contoso#4x".to_owned(), left: 1 };
        assert_eq!(round(&items, Some(&cursor), 1), [&items[5]]);
        assert_eq!(round(&[], Some(&cursor), 1), Vec::<&String>::new());
    }
}
