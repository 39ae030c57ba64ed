//! Writes barriers, all of a question in one call: a call is billed by what it writes, but each takes its own time and
//! its own chance to fail.

use super::{BARRIER, BARRIER_PREFIX, BARRIERS_STAY, EXPIRES, SINCE, TENANT};
use crate::item::{item_key, n, s};
use crate::{BATCH_TRIES, CAPACITY, Cause, Store, StoreError};
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use vestibule_domain::{TenantId, Timestamp};

/// The most items in one `BatchWriteItem`.
const WRITTEN_AT_ONCE: usize = 25;

impl Store {
    /// Writes barriers for the tenant's feed that began at `since`, one for each id.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn put_barriers(
        &self,
        tenant: &TenantId,
        since: Timestamp,
        ids: &[String],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let put = |id: &String| {
            let mut item = item_key(&format!("{BARRIER_PREFIX}{id}"), BARRIER);
            item.insert(TENANT.to_owned(), s(tenant.as_str()));
            item.insert(SINCE.to_owned(), n(since.millis()));
            item.insert(EXPIRES.to_owned(), n((now + BARRIERS_STAY).seconds()));
            let put = PutRequest::builder().set_item(Some(item)).build();
            put.map(|put| WriteRequest::builder().put_request(put).build())
        };
        let puts: Result<Vec<WriteRequest>, _> = ids.iter().map(put).collect();
        let puts = puts.map_err(|error| StoreError::Refused(error.to_string()))?;
        let batches = puts.chunks(WRITTEN_AT_ONCE).map(|batch| self.write_batch(batch.to_vec()));
        futures::future::try_join_all(batches).await?;
        Ok(())
    }

    /// Writes items without a condition; those that a call leaves unprocessed are written again.
    async fn write_batch(&self, mut left: Vec<WriteRequest>) -> Result<(), StoreError> {
        for attempt in 0..BATCH_TRIES {
            if attempt > 0 {
                self.pause(attempt).await;
            }
            let write = self.client.batch_write_item().request_items(&*self.table, left);
            let answer = write.return_consumed_capacity(CAPACITY).send().await?;
            self.meter.wrote(Cause::Feed, answer.consumed_capacity());
            left = answer.unprocessed_items.and_then(|mut tables| tables.remove(&*self.table)).unwrap_or_default();
            if left.is_empty() {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable("items stay unprocessed".to_owned()))
    }
}
