//! Erases what one item holds, and what else of the table names it.

use crate::dead_letters::DEAD_LETTERS;
use crate::erasure::Segments;
use crate::item::{Found, Head, bucket, key_of, next_version, text};
use crate::keys::{ItemKey, PK, SK, segment, tenant_pk};
use crate::write::Written;
use crate::{CAPACITY, Cause, Consistency, Store, StoreError};
use std::borrow::Cow;
use std::collections::BTreeSet;
use vestibule_domain::erasure::{Erases, Left};
use vestibule_domain::{History, Millis, TenantId, TenantSettings, Timestamp};

/// How long an emptied item stays, so that readers that hold it learn that it is gone.
const STAYS: Millis = Millis::from_days(3);
/// Tries of one enrollment that other writers change at the same time.
const TRIES: u32 = 20;
/// The most refused merges and dead letters that are looked at.
const MOST_LOOKED: usize = 100_000;

/// What is concerned if something in an item is to be erased.
pub(super) struct Concerned {
    /// The items concerned, with their segments: the item itself, and the keys that lead to it.
    pub items: Segments,
    /// What the item holds.
    pub history: History,
    /// How many events are left; `None` if nothing is.
    pub left: Option<usize>,
}

impl Store {
    /// Erases what an item holds and is to be erased. Other writers may write it meanwhile.
    pub(super) async fn erase_item(
        &self,
        key: &ItemKey,
        settings: &TenantSettings,
        erases: &impl Erases,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut settings = Cow::Borrowed(settings);
        for attempt in 0..TRIES {
            if attempt > 0 {
                self.pause(attempt).await;
            }
            let Some(head) = self.head_at(key).await?.filter(|head| !head.erased) else { return Ok(()) };
            if head.settings > settings.version {
                settings = Cow::Owned(self.settings_of(key.tenant()).await?);
            }
            let history = match self.complete(&head).await {
                Err(StoreError::MissingSegment(_)) if attempt + 1 < TRIES => continue,
                completed => completed?,
            };
            let before = head.version;
            let (item, whole) = match history.without(erases) {
                Left::Everything => return Ok(()),
                Left::Nothing => (emptied(&head, now).to_item()?.0, true),
                Left::Some(left) => (self.with_only(head, *left, &settings, now).await?, false),
            };
            match self.put_head(item, before, Cause::Erase).await? {
                Written::Overtaken(_) => {}
                Written::Done => {
                    if whole {
                        self.cut_links(key, &history).await?;
                    }
                    return Ok(());
                }
            }
        }
        Err(StoreError::Busy)
    }

    /// What is concerned if something in the item at a key is to be erased; `None` if nothing is.
    pub(super) async fn concerned_by(
        &self,
        key: &ItemKey,
        erases: &impl Erases,
    ) -> Result<Option<Concerned>, StoreError> {
        for attempt in 0..TRIES {
            if attempt > 0 {
                self.pause(attempt).await;
            }
            let Some(head) = self.head_at(key).await?.filter(|head| !head.erased) else { return Ok(None) };
            let history = match self.complete(&head).await {
                Err(StoreError::MissingSegment(_)) if attempt + 1 < TRIES => continue,
                completed => completed?,
            };
            let left = match history.without(erases) {
                Left::Everything => return Ok(None),
                Left::Nothing => None,
                Left::Some(left) => Some(left.len()),
            };
            let links = self.links_to(key, &history).await?;
            let mut items: Segments = links.iter().map(|link| (link.name().to_owned(), Vec::new())).collect();
            items.insert(key.name().to_owned(), head.segments);
            return Ok(Some(Concerned { items, history, left }));
        }
        Err(StoreError::Busy)
    }

    /// Where links at any of these keys end, if there is an enrollment: what lay there was merged into it.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn merged_into(&self, keys: &[ItemKey]) -> Result<BTreeSet<ItemKey>, StoreError> {
        let mut ends = BTreeSet::new();
        for item in self.batch_get(keys.iter().map(key_of).collect(), Consistency::Strong, Cause::Erase).await? {
            if let Some(link) = Found::link(&item) {
                let (end, head) = self.follow(link?).await?;
                if head.is_some_and(|head| !head.erased) {
                    ends.insert(end);
                }
            }
        }
        Ok(ends)
    }

    /// The head at a key, as it is now.
    pub(super) async fn head_at(&self, key: &ItemKey) -> Result<Option<Head>, StoreError> {
        let items = self.batch_get(vec![key_of(key)], Consistency::Strong, Cause::Erase).await?;
        match items.first().map(Found::read).transpose()? {
            Some(Found::Head(head)) => Ok(Some(*head)),
            Some(Found::Link(_)) | None => Ok(None),
        }
    }

    /// The item of a head that holds only `left` from now on.
    async fn with_only(
        &self,
        mut head: Head,
        left: History,
        settings: &TenantSettings,
        now: Timestamp,
    ) -> Result<crate::item::Item, StoreError> {
        head.segments.clear();
        head.sealed_bytes = 0;
        // The deadline may be another one now, so the stored one no longer counts.
        head.due_at = None;
        head.refold(&left, settings, now);
        head.history = left;
        let bytes = head.to_item().map_or(usize::MAX, |(_, bytes)| bytes);
        if head.is_to_be_sealed(bytes) {
            for segment in head.seal()? {
                self.put_segment(segment).await?;
            }
        }
        Ok(head.to_item()?.0)
    }

    /// Removes the links from a device's identifiers to its item. All are followed first: some lead over others.
    async fn cut_links(&self, key: &ItemKey, history: &History) -> Result<(), StoreError> {
        for from in self.links_to(key, history).await? {
            self.cut_link(&from, None).await?;
        }
        Ok(())
    }

    /// The keys of a device's identifiers that lead to its item. What was merged into it had one of them.
    pub(super) async fn links_to(&self, key: &ItemKey, history: &History) -> Result<Vec<ItemKey>, StoreError> {
        let mut links = Vec::new();
        for identifier in history.identifiers() {
            let from = ItemKey::of(key.tenant(), identifier);
            if from != *key && self.follow(from.clone()).await?.0 == *key {
                links.push(from);
            }
        }
        Ok(links)
    }

    /// Deletes segments that an erased item has: all of one that is empty, else those that it had before the erasure and
    /// does not name any more. Others may be those of a writer that is about to name them.
    pub(super) async fn delete_segments(&self, key: &ItemKey, had: &[u32]) -> Result<(), StoreError> {
        let head = self.head_at(key).await?;
        let named: Vec<String> = head.iter().flat_map(|head| &head.segments).map(|number| segment(*number)).collect();
        let is_empty = head.as_ref().is_none_or(|head| head.erased);
        let names = if is_empty {
            let query = self
                .client
                .query()
                .key_condition_expression("#pk = :pk AND begins_with(#sk, :s)")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":pk", crate::item::s(key.as_str()))
                .expression_attribute_values(":s", crate::item::s("s"))
                .consistent_read(true);
            let items = self.query(query, Cause::Erase, usize::MAX).await?;
            items.iter().filter_map(|item| text(item, SK).map(str::to_owned)).collect()
        } else {
            had.iter().map(|number| segment(*number)).collect::<Vec<_>>()
        };
        for name in names.iter().filter(|name| !named.contains(name)) {
            self.delete(key.as_str(), name).await?;
        }
        Ok(())
    }

    pub(super) async fn delete(&self, pk: &str, sk: &str) -> Result<(), StoreError> {
        let key = crate::item::item_key(pk, sk);
        let delete = self.client.delete_item().table_name(&*self.table).set_key(Some(key));
        let answer = delete.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Erase, answer.consumed_capacity.as_slice());
        Ok(())
    }

    /// Removes what else names items: refused merges, records of the stream that were set aside, and the cursor of
    /// pruning.
    pub(super) async fn forget_mentions(&self, tenant: &TenantId, items: &BTreeSet<String>) -> Result<(), StoreError> {
        let names = |text: &str| items.contains(text);
        for refused in self.refused_merges(tenant, MOST_LOOKED).await? {
            let kept = refused.kept.as_ref().map_or("-", ItemKey::as_str);
            if names(refused.other.as_str()) || names(kept) {
                let sk = format!("{}{}#{kept}", crate::refused::REFUSED, refused.other);
                self.delete(&tenant_pk(tenant), &sk).await?;
            }
        }
        for letter in self.dead_letters(MOST_LOOKED).await?.iter().filter(|letter| names(&letter.item)) {
            self.delete(DEAD_LETTERS, &letter.sequence_number).await?;
        }
        if self.prune_cursor(tenant).await?.is_some_and(|cursor| names(&cursor.after)) {
            self.put_prune_cursor(tenant, None).await?;
        }
        Ok(())
    }
}

/// What is left of a head of which everything is erased.
fn emptied(head: &Head, now: Timestamp) -> Head {
    let at = head.fold_at(now);
    Head {
        version: next_version(head.version, at),
        folded_at: at,
        settings: head.settings,
        bucket: head.bucket.max(bucket(&head.key, at)),
        expires_at: Some(at + STAYS),
        erased: true,
        format: head.format,
        ..Head::new(head.key.clone())
    }
}
