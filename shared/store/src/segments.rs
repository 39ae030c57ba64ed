//! Segments: events moved out of a head that has grown, so that its writes stay small.
//!
//! A segment is immutable and numbered by its content, so writing it twice or beside somebody else is harmless;
//! one that no head names is nobody's. An enrollment with segments is always read with them: a repeated or late
//! event may belong to any, and reading costs a fifth of what carrying their ids in every write would.

use crate::item::{DATA, EXPIRES, Head, Item, item_key, n};
use crate::keys::{ItemKey, SK, segment};
use crate::{CAPACITY, Cause, Consistency, Store, StoreError};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use sha2::{Digest as _, Sha256};
use vestibule_domain::{History, Millis, Timestamp, codec};

/// Encoded events beyond this are sealed: a head of this size costs this many kilobytes' write units.
pub const SEAL_BYTES: usize = 8 << 10;
/// Beyond this, head and segments together, an enrollment takes no more.
pub const FULL_BYTES: usize = 128 << 10;
/// Longer than any retention with what is kept beyond it: by then no head names the segment.
const KEPT_FOR: Millis = Millis::from_days(500);
/// How long a segment stays that no head names any more: a stream record of the head that named it is read within a
/// day, and must still be told complete.
const RETIRED_FOR: Millis = Millis::from_days(3);

/// A segment to be written.
pub(crate) struct Segment(pub Item);

impl Head {
    /// Moves the head's events into a segment, which must be written before the head is.
    pub(crate) fn seal(&mut self, now: Timestamp) -> Segment {
        let data = codec::encode_events(&self.history.take_events());
        let hash = Sha256::digest(&data);
        let number = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        if !self.segments.contains(&number) {
            self.segments.push(number);
            self.sealed_bytes += data.len();
        }
        let mut item = item_key(self.key.as_str(), &segment(number));
        item.insert(DATA.to_owned(), AttributeValue::B(Blob::new(data)));
        item.insert(EXPIRES.to_owned(), n((now + KEPT_FOR).seconds()));
        Segment(item)
    }
}

impl Store {
    /// The head's history with the events of its segments.
    pub(crate) async fn complete(&self, head: &Head) -> Result<History, StoreError> {
        self.with_segments(head.key.as_str(), &head.history, &head.segments).await
    }

    pub(crate) async fn with_segments(
        &self,
        pk: &str,
        history: &History,
        segments: &[u32],
    ) -> Result<History, StoreError> {
        let mut history = history.clone();
        if segments.is_empty() {
            return Ok(history);
        }
        let keys: Vec<Item> = segments.iter().map(|number| item_key(pk, &segment(*number))).collect();
        let mut items = self.batch_get(keys.clone(), Consistency::Eventual, Cause::Segments).await?;
        if items.len() < segments.len() {
            // A segment is written just before the head that names it: a lagging replica may have only the head.
            items = self.batch_get(keys, Consistency::Strong, Cause::Segments).await?;
        }
        if items.len() < segments.len() {
            return Err(StoreError::MissingSegment(pk.to_owned()));
        }
        for item in items {
            let name = item.get(SK).and_then(|sk| sk.as_s().ok()).map_or("", String::as_str);
            let data = item.get(DATA).and_then(|data| data.as_b().ok());
            let data = data.ok_or_else(|| StoreError::corrupt(pk, format!("segment {name} is empty")))?;
            let sealed = codec::decode(data.as_ref()).map_err(|error| StoreError::codec(pk, &error))?;
            for event in sealed.events() {
                history.add(event.clone());
            }
        }
        Ok(history)
    }

    pub(crate) async fn put_segment(&self, segment: Segment) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(segment.0));
        let answer = put.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Events, answer.consumed_capacity.as_slice());
        Ok(())
    }

    /// Leaves a segment that no head names any more to time-to-live.
    pub(crate) async fn retire_segment(&self, key: &ItemKey, number: u32, now: Timestamp) -> Result<(), StoreError> {
        let update = self.client.update_item().table_name(&*self.table);
        let update = update
            .set_key(Some(item_key(key.as_str(), &segment(number))))
            .update_expression("SET #x = :x")
            .expression_attribute_names("#x", EXPIRES)
            .expression_attribute_values(":x", retired_until(now));
        let answer = update.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Prune, answer.consumed_capacity.as_slice());
        Ok(())
    }

    /// The same as part of a transaction.
    pub(crate) fn transact_retire(
        &self,
        key: &ItemKey,
        number: u32,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(item_key(key.as_str(), &segment(number))))
            .update_expression("SET #x = :x")
            .expression_attribute_names("#x", EXPIRES)
            .expression_attribute_values(":x", retired_until(now))
            .build()
            .map_err(|error| StoreError::Refused(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

fn retired_until(now: Timestamp) -> AttributeValue {
    n((now + RETIRED_FOR).seconds())
}
