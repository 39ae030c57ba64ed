//! Segments: events moved out of a head that has grown, so that its writes stay small.
//!
//! A segment is immutable and numbered by its content, so writing it twice or beside another writer is harmless, and
//! one that no head names belongs to nobody. It has no time-to-live while a head names it. Only a writer that has
//! removed its name from the head, by a completed write, leaves it to time-to-live, and only while the head still does
//! not name it. An enrollment with segments is always read with them: a repeated or late event may belong to any of
//! them, and reading costs a fifth of what carrying their ids in every write would. Since they never change, a process
//! reads each of them once, as long as it has room for them.

use crate::item::{
    BESIDE, DATA, EXPIRES, Found, Head, Item, VERSION, bytes, encoded_bytes, insert, item_key, key_of, n, text,
};
use crate::keys::{ItemKey, PK, SK, segment};
use crate::{CAPACITY, Cause, Consistency, Store, StoreError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem, Update};
use lru::LruCache;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use vestibule_domain::codec::{self, Encoded};
use vestibule_domain::{Event, History, Millis, Timestamp};

/// Encoded events beyond this are always sealed: each write of a head of this size costs as many write units as it has
/// kilobytes.
pub const SEAL_BYTES: usize = 8 << 10;
/// While an enrollment has few segments, events are sealed sooner, so that a head with its keys and attributes stays
/// within one kilobyte, and then two: each write costs what the head weighs, while a segment is written once. What a
/// device sends later goes into larger segments, so that there are never many.
const EARLY: [(usize, usize); 2] = [(6, 800), (14, 1_820)];
/// Encoded segments kept in memory, in bytes; decoded they take some ten times as much.
const KEPT_BYTES: usize = 2 << 20;
/// An enrollment whose head and segments exceed this together accepts no more.
pub const FULL_BYTES: usize = 128 << 10;
/// An enrollment with more events than this accepts no more, however well they deflate: each takes some hundred bytes
/// of memory wherever the enrollment is read.
pub const FULL_EVENTS: usize = 20_000;
/// The most events in one segment.
const SEGMENT_EVENTS: usize = 4_000;
/// The most encoded bytes in one segment, unless a single event is larger: a merge writes several segments and two
/// heads in one transaction, of four megabytes at most.
const SEGMENT_BYTES: usize = 64 << 10;
/// Tries of leaving a segment to time-to-live while other writers change the head.
const RETIRE_TRIES: u32 = 4;
/// How long a segment stays after its head stopped naming it: a stream record of the head that named it is read within
/// a day, and must still be complete.
const RETIRED_FOR: Millis = Millis::from_days(3);

/// A segment to be written.
pub(crate) struct Segment {
    item: Item,
    pk: String,
    number: u32,
    bytes: usize,
    events: Arc<[Event]>,
}

/// Segments that this process has read or written; the least recently used are forgotten first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segments(Arc<Mutex<Held>>);

/// A segment's item and number; its events and their encoded length are held under this key.
type Name = (String, u32);
/// See [`Name`].
type Sealed = (Arc<[Event]>, usize);

/// A segment as it was read.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// Shared with the readers before.
    Kept(Arc<[Event]>),
    /// Still to be decoded: its number and its item.
    Item(u32, Item),
}

/// The events of a segment: the reader's own, or shared with the readers after it.
#[derive(Debug)]
pub(crate) enum Events {
    Own(Vec<Event>),
    Kept(Arc<[Event]>),
}

#[derive(Debug)]
struct Held {
    segments: LruCache<Name, Sealed>,
    bytes: usize,
}

impl Default for Held {
    fn default() -> Self {
        Self { segments: LruCache::unbounded(), bytes: 0 }
    }
}

impl Segments {
    fn get(&self, pk: &str, number: u32) -> Option<Arc<[Event]>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.segments.get(&(pk.to_owned(), number)).map(|(events, _)| Arc::clone(events))
    }

    fn keep(&self, pk: &str, number: u32, events: &Arc<[Event]>, bytes: usize) {
        if bytes > KEPT_BYTES {
            return;
        }
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.bytes += bytes;
        if let Some((_, (_, before))) = held.segments.push((pk.to_owned(), number), (Arc::clone(events), bytes)) {
            held.bytes -= before;
        }
        while held.bytes > KEPT_BYTES {
            let Some((_, (_, bytes))) = held.segments.pop_lru() else { break };
            held.bytes -= bytes;
        }
    }
}

/// The events of one enrollment's segments, or what is wrong with them.
type OfOne = Result<Vec<Events>, StoreError>;
/// The same before they are decoded.
pub(crate) type FetchedOfOne = Result<Vec<Fetched>, StoreError>;

impl Events {
    pub(crate) fn add_to(self, history: &mut History) {
        history.add_all(match self {
            Self::Own(events) => events,
            Self::Kept(events) => events.to_vec(),
        });
    }
}

impl Segment {
    /// The item to write.
    pub(crate) fn into_item(self) -> Item {
        self.item
    }
}

impl Head {
    /// Whether events of `bytes` encoded bytes must be moved into a segment.
    pub(crate) fn is_to_be_sealed(&self, bytes: usize) -> bool {
        let segments = self.segments.len();
        bytes > EARLY.iter().find(|(below, _)| segments < *below).map_or(SEAL_BYTES, |(_, bytes)| *bytes)
    }

    /// Moves the head's events into segments, which must be written before the head: one, or several if one cannot hold
    /// them.
    ///
    /// # Errors
    /// [`StoreError::EnrollmentFull`] if a single event is more than a segment holds.
    pub(crate) fn seal(&mut self) -> Result<Vec<Segment>, StoreError> {
        let mut events = self.history.take_events();
        events.sort_by(|a, b| a.order().cmp(&b.order()));
        let mut segments = Vec::new();
        for chunk in events.chunks(SEGMENT_EVENTS) {
            self.seal_into(chunk, &mut segments)?;
        }
        Ok(segments)
    }

    fn seal_into(&mut self, events: &[Event], segments: &mut Vec<Segment>) -> Result<(), StoreError> {
        let data = codec::encode_events_in(self.format, events);
        let fits = data.as_ref().is_ok_and(|data| data.bytes() <= SEGMENT_BYTES);
        if !fits && events.len() > 1 {
            let (early, late) = events.split_at(events.len() / 2);
            self.seal_into(early, segments)?;
            return self.seal_into(late, segments);
        }
        let data = data.map_err(|_| StoreError::EnrollmentFull)?;
        let bytes = data.bytes();
        let number = (0_u32..).map(|salt| number_of(&data, salt)).find(|number| !self.segments.contains(number));
        // There are never so many segments that no number is free.
        let number = number.unwrap_or_default();
        self.segments.push(number);
        self.sealed_bytes += bytes;
        let mut item = item_key(self.key.as_str(), &segment(number));
        insert(&mut item, data);
        let pk = self.key.as_str().to_owned();
        segments.push(Segment { item, pk, number, bytes, events: events.into() });
        Ok(())
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
        let found = self.segments_of(&[(pk, segments)]).await?.into_iter().next();
        let found = found.ok_or_else(|| StoreError::MissingSegment(pk.to_owned()))??;
        found.into_iter().for_each(|events| events.add_to(&mut history));
        Ok(history)
    }

    /// The events of many enrollments' segments, each in the place of its key and numbers, or what is wrong with one of
    /// them.
    ///
    /// # Errors
    /// If the table can't be read.
    pub(crate) async fn segments_of(&self, wanted: &[(&str, &[u32])]) -> Result<Vec<OfOne>, StoreError> {
        let fetched = self.fetch_segments(wanted).await?;
        let all = fetched.into_iter().zip(wanted);
        Ok(all.map(|(segments, (pk, _))| segments.and_then(|segments| self.opened(pk, segments))).collect())
    }

    /// Decodes the segments of one enrollment, and keeps them for the readers after.
    pub(crate) fn opened(&self, pk: &str, segments: Vec<Fetched>) -> OfOne {
        let open = |fetched| -> Result<Events, StoreError> {
            let (number, item) = match fetched {
                Fetched::Kept(events) => return Ok(Events::Kept(events)),
                Fetched::Item(number, item) => (number, item),
            };
            let (events, bytes) = read(pk, number, &item)?;
            if !self.keeps {
                return Ok(Events::Own(events));
            }
            let events: Arc<[Event]> = events.into();
            self.segments.keep(pk, number, &events, bytes);
            Ok(Events::Kept(events))
        };
        segments.into_iter().map(open).collect()
    }

    /// Many enrollments' segments, each in the place of its key and numbers, still to be decoded; or which are missing.
    /// Segments that this process lacks are read together, a hundred in a call.
    ///
    /// # Errors
    /// If the table can't be read.
    pub(crate) async fn fetch_segments(&self, wanted: &[(&str, &[u32])]) -> Result<Vec<FetchedOfOne>, StoreError> {
        let mut found: HashMap<(&str, u32), Fetched> = HashMap::new();
        let mut missing: Vec<(&str, u32)> = Vec::new();
        for (pk, number) in wanted.iter().flat_map(|(pk, numbers)| numbers.iter().map(|number| (*pk, *number))) {
            match self.segments.get(pk, number) {
                Some(events) => drop(found.insert((pk, number), Fetched::Kept(events))),
                None => missing.push((pk, number)),
            }
        }
        // A segment is written just before the head that names it, so a lagging replica may have only the head.
        for consistency in [Consistency::Eventual, Consistency::Strong] {
            if missing.is_empty() {
                break;
            }
            let keys = missing.iter().map(|(pk, number)| item_key(pk, &segment(*number))).collect();
            let names: HashMap<(&str, String), (&str, u32)> =
                missing.iter().map(|(pk, number)| ((*pk, segment(*number)), (*pk, *number))).collect();
            for item in self.batch_get(keys, consistency, Cause::Segments).await? {
                let (Some(pk), Some(name)) = (text(&item, PK), text(&item, SK)) else { continue };
                let Some((pk, number)) = names.get(&(pk, name.to_owned())).copied() else { continue };
                found.insert((pk, number), Fetched::Item(number, item));
            }
            missing.retain(|name| !found.contains_key(name));
        }
        let mut all = Vec::with_capacity(wanted.len());
        for (pk, numbers) in wanted {
            let lost = || StoreError::MissingSegment((*pk).to_owned());
            let of_one = numbers.iter().map(|number| found.remove(&(*pk, *number)).ok_or_else(lost));
            all.push(of_one.collect());
        }
        Ok(all)
    }

    /// Reads the segments of many heads together, so that completing each finds them here, as long as there is room for
    /// them. If one is broken, completing its head reports it again.
    ///
    /// # Errors
    /// If the table can't be read.
    pub(crate) async fn prefetch_segments(&self, items: &[Item]) -> Result<(), StoreError> {
        let heads: Vec<Box<Head>> = items
            .iter()
            .filter_map(|item| match Found::read(item) {
                Ok(Found::Head(head)) => Some(head),
                _ => None,
            })
            .collect();
        let wanted: Vec<_> = heads.iter().map(|head| (head.key.as_str(), head.segments.as_slice())).collect();
        self.segments_of(&wanted).await.map(drop)
    }

    pub(crate) async fn put_segment(&self, segment: Segment) -> Result<(), StoreError> {
        let Segment { item, pk, number, bytes, events } = segment;
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
        let answer = put.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Events, answer.consumed_capacity.as_slice());
        self.segments.keep(&pk, number, &events, bytes);
        Ok(())
    }

    /// Leaves to time-to-live the segments that this writer's head no longer names. The head has already been written,
    /// so a failure leaves them in the table, which costs a little and does no harm.
    pub(crate) async fn retire_segments(&self, key: &ItemKey, numbers: &[u32], now: Timestamp) {
        for number in numbers {
            if let Err(error) = self.retire_segment(key, *number, now).await {
                tracing::warn!(%error, item = %key, "a segment that no head names stays in the table");
            }
        }
    }

    /// The condition is on the head's version: a segment is numbered by its content, so another writer may be about to
    /// name it again.
    async fn retire_segment(&self, key: &ItemKey, number: u32, now: Timestamp) -> Result<(), StoreError> {
        for _ in 0..RETIRE_TRIES {
            let get = self.client.get_item().table_name(&*self.table).set_key(Some(key_of(key))).consistent_read(true);
            let answer = get.return_consumed_capacity(CAPACITY).send().await?;
            self.meter.read(Cause::Prune, answer.consumed_capacity.as_slice());
            let Some(Found::Head(head)) = answer.item.as_ref().map(Found::read).transpose()? else { return Ok(()) };
            if head.segments.contains(&number) {
                return Ok(());
            }
            let check = ConditionCheck::builder()
                .table_name(&*self.table)
                .set_key(Some(key_of(key)))
                .condition_expression("#v = :v")
                .expression_attribute_names("#v", VERSION)
                .expression_attribute_values(":v", n(head.version))
                .build()
                .map_err(|error| StoreError::Refused(error.to_string()))?;
            let check = TransactWriteItem::builder().condition_check(check).build();
            let retire = self.transact_retire(key, number, now)?;
            let transact = self.client.transact_write_items().transact_items(check).transact_items(retire);
            match transact.return_consumed_capacity(CAPACITY).send().await {
                Ok(answer) => {
                    self.meter.wrote(Cause::Prune, answer.consumed_capacity());
                    return Ok(());
                }
                Err(error) => match error.as_service_error() {
                    Some(
                        TransactWriteItemsError::TransactionCanceledException(_)
                        | TransactWriteItemsError::TransactionInProgressException(_),
                    ) => self.meter.failed_condition(Cause::Prune),
                    _ => return Err(error.into()),
                },
            }
        }
        Err(StoreError::Busy)
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
            // A deleted one must not come back as an empty item.
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#x", EXPIRES)
            .expression_attribute_values(":x", retired_until(now))
            .build()
            .map_err(|error| StoreError::Refused(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// A number for a segment of this content: the first under which its head has no other segment.
fn number_of(data: &Encoded, salt: u32) -> u32 {
    let mut hash = Sha256::new();
    hash.update(&data.data);
    hash.update(data.beside.as_deref().unwrap_or_default());
    if salt > 0 {
        hash.update(salt.to_be_bytes());
    }
    let hash = hash.finalize();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// The content of a segment's item, and its length.
fn read(pk: &str, number: u32, item: &Item) -> Result<(Vec<Event>, usize), StoreError> {
    let data = bytes(item, DATA);
    let data = data.ok_or_else(|| StoreError::corrupt(pk, format!("segment {} is empty", segment(number))))?;
    let events = codec::decode_events_with(data, bytes(item, BESIDE)).map_err(|error| StoreError::codec(pk, &error))?;
    Ok((events, encoded_bytes(item)))
}

fn retired_until(now: Timestamp) -> AttributeValue {
    n((now + RETIRED_FOR).seconds())
}
