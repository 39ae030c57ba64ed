//! What changed: the index that holds each enrollment of a tenant by the coarse time of its newest write, and reading
//! the enrollments that it names.
//!
//! An entry moves only when the clock has reached the next bucket, so it means "no earlier than this bucket". A refresh
//! reads again what the buckets since then hold, and skips by version what it already has. The index is exact for
//! writes that are older than its lag; a reader that needs more follows the feed ([`crate::feed`]).

use crate::image::Image;
use crate::item::{CHANGE_BUCKET, CHANGE_PARTITION, Item, first_bucket, item_key, n, number, s, text};
use crate::keys::{CHANGE_SHARDS, HEAD, ItemKey, PK, change_partition};
use crate::{CAPACITY, CHANGES_INDEX, Cause, Store, StoreError, Stored};
use vestibule_domain::{History, Identifier, Millis, TenantId, Timestamp};

/// How far the index may lag for answers. A write takes its bucket from the clock when it begins; a write that lands
/// this much later, or appears in the index this much later, is still found.
pub const INDEX_LAG: Millis = Millis::from_minutes(2);
/// The same for the nightly file: it finds what a lagging index hid from a day's answers.
pub const NIGHTLY_INDEX_LAG: Millis = Millis::from_minutes(120);

/// A shard of a tenant's changes, from a bucket on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Changes<'t> {
    pub tenant: &'t TenantId,
    pub shard: u8,
    /// The first bucket.
    pub from: i64,
}

/// A place in a shard: the bucket of an entry, and the item's key, which may be of an item that is gone.
pub(crate) type ChangePlace = (i64, String);

impl Store {
    /// At most `most` enrollments of a shard, after a place in it; with the place of the last, if there may be more.
    ///
    /// # Errors
    /// If the index can't be read.
    pub(crate) async fn page_of_changes(
        &self,
        Changes { tenant, shard, from }: Changes<'_>,
        after: Option<&ChangePlace>,
        most: usize,
        cause: Cause,
    ) -> Result<(Vec<ItemKey>, Option<ChangePlace>), StoreError> {
        let partition = change_partition(tenant, shard);
        let start = after.map(|(bucket, pk)| -> Item {
            let mut start = item_key(pk, HEAD);
            start.insert(CHANGE_PARTITION.to_owned(), s(&partition));
            start.insert(CHANGE_BUCKET.to_owned(), n(bucket));
            start
        });
        let query = self
            .client
            .query()
            .table_name(&*self.table)
            .index_name(CHANGES_INDEX)
            .key_condition_expression("#p = :p AND #b >= :b")
            .expression_attribute_names("#p", CHANGE_PARTITION)
            .expression_attribute_names("#b", CHANGE_BUCKET)
            .expression_attribute_values(":p", s(&partition))
            .expression_attribute_values(":b", n(from))
            .set_exclusive_start_key(start)
            .limit(i32::try_from(most).unwrap_or(i32::MAX))
            .return_consumed_capacity(CAPACITY);
        let page = query.send().await?;
        self.meter.read(cause, page.consumed_capacity.as_slice());
        let last = page.last_evaluated_key();
        let last = last.and_then(|last| Some((number(last, CHANGE_BUCKET)?, text(last, PK)?.to_owned())));
        Ok((page.items().iter().filter_map(|item| ItemKey::parse(text(item, PK)?)).collect(), last))
    }

    /// The enrollments of a tenant that may have changed since an instant, or up to `lag` before it; all of them
    /// without an instant. Enrollments that were merged into others are included, so that a reader that holds one
    /// learns that it is gone.
    ///
    /// # Errors
    /// If the index can't be read.
    pub async fn changed_since(
        &self,
        tenant: &TenantId,
        since: Option<Timestamp>,
        lag: Millis,
    ) -> Result<Vec<ItemKey>, StoreError> {
        let from = since.map_or(0, |since| first_bucket(since - lag));
        // In parallel: one after the other they would take most of an answer's time.
        let shards = (0..CHANGE_SHARDS).map(|shard| {
            let query = self
                .client
                .query()
                .index_name(CHANGES_INDEX)
                .key_condition_expression("#p = :p AND #b >= :b")
                .expression_attribute_names("#p", CHANGE_PARTITION)
                .expression_attribute_names("#b", CHANGE_BUCKET)
                .expression_attribute_values(":p", s(change_partition(tenant, shard)))
                .expression_attribute_values(":b", n(from));
            self.query(query, Cause::Changes, usize::MAX)
        });
        let found = futures::future::try_join_all(shards).await?;
        Ok(found.iter().flatten().filter_map(|item| ItemKey::parse(text(item, PK)?)).collect())
    }

    /// The enrollment that an identifier leads to.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn find(
        &self,
        tenant: &TenantId,
        name: &Identifier,
        now: Timestamp,
    ) -> Result<Option<Stored>, StoreError> {
        let Some(head) = self.find_head(tenant, name).await?.filter(|head| !head.is_expired(now) && !head.erased)
        else {
            return Ok(None);
        };
        let history = self.complete(&head).await?;
        Ok(Some(Stored::of(head, history)))
    }

    /// The history in a stream record's image, with the events of its segments.
    ///
    /// # Errors
    /// [`StoreError::MissingSegment`] if retention has dropped a segment meanwhile.
    pub async fn complete_image(&self, image: &Image) -> Result<History, StoreError> {
        self.with_segments(image.key.as_str(), &image.history, &image.segments).await
    }
}
