//! Publishes what changed, from the table's stream to EventBridge.
//!
//! Each stream record carries an enrollment before and after a write, each with the instant as of which it was folded
//! and the settings under which it was folded. The difference of the two folds is published. Nothing is published from
//! anywhere else, so nothing can be stored without being published: a record that could not be handled is reported as
//! failed, and the stream sends it, and all after it, again. Ids identify repeats.
//!
//! Must stay true: no record prevents the others from being published. If a record can't be handled now (the table or
//! the bus is down), the shard waits. A record is set aside with its key, and the shard continues, if it can never be
//! read, or if the bus refuses what it publishes. What a stream is about to lose is written down in the same way while it
//! is still tried: what the platform itself sets aside is only a place in the stream, which no longer exists by the time
//! somebody looks.

mod again;
mod feed;
mod record;

pub use again::Again;

use aws_lambda_events::dynamodb::EventRecord;
use feed::Feeds;
use futures::{FutureExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use vestibule_causes::CORRELATION;
use vestibule_domain::publication::{Detail, Publication};
use vestibule_domain::{Millis, Timestamp};
use vestibule_platform::bus::Outgoing;
use vestibule_platform::{BoxError, Bus, Clock, metrics};
use vestibule_store::{DeadLetter, ItemKey, Store, StoreError, TenantCache};

/// Enrollments whose records are read in parallel: each may need segments.
const CONCURRENCY: usize = 16;
/// Parallel calls to the bus. Consumers order publications by their revisions.
const CALLS: usize = 8;
/// The most events in one call to the bus.
const EVENTS_A_CALL: usize = 10;

/// A record that is still not handled at this age is set aside: the stream keeps it for a day.
const LAST_CHANCE: Millis = Millis::from_minutes(23 * 60);

/// The publisher.
#[derive(Clone, Debug)]
pub struct Publisher {
    store: Store,
    tenants: TenantCache,
    feeds: Feeds,
    bus: Bus,
    clock: Clock,
}

impl Publisher {
    /// A publisher that reads segments and tenants from `store`.
    pub fn new(store: Store, bus: Bus, clock: Clock) -> Self {
        let tenants = TenantCache::new(store.clone());
        Self { feeds: Feeds::new(store.clone(), tenants.clone()), tenants, store, bus, clock }
    }

    /// Handles one batch of a stream's records, in order, and returns which failed (`ReportBatchItemFailures`). The
    /// stream resumes at the first of these.
    ///
    /// # Errors
    /// If the batch is not a stream event.
    pub async fn handle(&self, mut event: Value) -> Result<Value, BoxError> {
        let records = match event.get_mut("Records").map(Value::take) {
            Some(Value::Array(records)) => records,
            _ => return Err("not an event of a stream".into()),
        };
        let now_millis = self.clock.now_millis();
        if let Some(created) = records.iter().filter_map(created_at).min() {
            // Its second has begun when it was written, so this may be up to a second too much.
            let millis = u32::try_from(now_millis.saturating_sub(created).max(0)).unwrap_or(u32::MAX);
            metrics::STREAM_LAG_SECONDS.set([], f64::from(millis) / 1_000.0);
        }
        let records: Vec<Given> = records.into_iter().map(Given::read).collect();
        let places: Vec<Place> = records.iter().map(|given| given.place.clone()).collect();
        // This comes first: the batch must not count as handled before.
        let readable = records.iter().filter_map(|given| given.record.as_ref().ok());
        let unreadable =
            records.iter().filter(|given| given.record.is_err()).filter_map(|given| ItemKey::parse(&given.place.item));
        let now = Timestamp::from_millis(now_millis);
        self.feeds.append(readable, unreadable, now).await?;
        let read = self.read_all(records).await;
        let mut events: Vec<Outgoing> = Vec::new();
        // The record of each event.
        let mut of_events: Vec<usize> = Vec::new();
        let mut ids: Vec<Ids> = Vec::new();
        let mut failed: Option<usize> = None;
        for (index, publications) in read.into_iter().enumerate() {
            match publications {
                Ok(publications) => {
                    for publication in publications {
                        events.push(outgoing(&publication)?);
                        of_events.push(index);
                        let Detail { id, revision, .. } = publication.detail;
                        ids.push(Ids { id, revision });
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "a stream record could not be handled; the stream sends it again");
                    failed = Some(index);
                    break;
                }
            }
        }
        // What precedes a failed record is still published.
        let put = self.publish(&events).await;
        for (index, event) in events.iter().enumerate().take(put.failed.unwrap_or(events.len())) {
            if put.refused.iter().any(|(refused, _)| *refused == index) {
                continue;
            }
            let name = event.detail_type;
            metrics::PUBLICATIONS.add([name], 1);
            let of = of_events.get(index).and_then(|record| places.get(*record)).zip(ids.get(index));
            if let Some((Place { item, .. }, Ids { id, revision })) = of {
                tracing::debug!(target: CORRELATION, item, revision, id, name, "an event was put on the bus");
            }
        }
        for (event, reason) in &put.refused {
            if let Some(place) = of_events.get(*event).and_then(|index| places.get(*index)) {
                self.set_aside(place, &format!("the bus refuses what it publishes: {reason}")).await?;
            }
        }
        let unpublished = put.failed.and_then(|event| of_events.get(event).copied());
        let Some(resume_at) = unpublished.into_iter().chain(failed).min() else {
            return Ok(json!({"batchItemFailures": []}));
        };
        // They are tried again all the same. An operator who publishes them again publishes the same ids.
        for place in places.iter().skip(resume_at).filter(|place| place.is_about_to_be_lost(now)) {
            self.set_aside(place, "it could not be handled for a day, and a stream keeps it no longer").await?;
        }
        // Without a number, only the whole batch can be sent again.
        let number = places.get(resume_at).and_then(|place| place.number.clone());
        let number = number.ok_or("a record that could not be handled has no sequence number")?;
        Ok(json!({"batchItemFailures": [{"itemIdentifier": number}]}))
    }

    /// Puts events on the bus, with several calls in parallel.
    async fn publish(&self, events: &[Outgoing]) -> Put {
        let calls = events.chunks(EVENTS_A_CALL).enumerate();
        let calls: Vec<_> =
            calls.map(|(call, chunk)| self.publish_chunk(call * EVENTS_A_CALL, chunk).boxed()).collect();
        let all: Vec<Put> = futures::stream::iter(calls).buffer_unordered(CALLS).collect().await;
        let failed = all.iter().filter_map(|put| put.failed).min();
        Put { failed, refused: all.into_iter().flat_map(|put| put.refused).collect() }
    }

    /// Puts events on the bus in order, without those that it refuses.
    async fn publish_chunk(&self, first: usize, chunk: &[Outgoing]) -> Put {
        let (mut put, mut from) = (Put::default(), 0);
        while let Some(events) = chunk.get(from..).filter(|events| !events.is_empty()) {
            let Err(error) = self.bus.put(events).await else { break };
            let event = first + from + error.first_failed;
            if !error.refuses_event {
                tracing::error!(%error, "events could not be published");
                put.failed = Some(event);
                break;
            }
            from += error.first_failed + 1;
            put.refused.push((event, error.reason));
        }
        put
    }

    /// What must be published for each record, in their order. Those of one enrollment are read one after another, so that
    /// a segment which several of them need is fetched once.
    async fn read_all(&self, records: Vec<Given>) -> Vec<Result<Vec<Publication>, StoreError>> {
        let mut by_item: BTreeMap<String, Vec<(usize, Given)>> = BTreeMap::new();
        for (index, given) in records.into_iter().enumerate() {
            by_item.entry(given.place.item.clone()).or_default().push((index, given));
        }
        let of_one = |records: Vec<(usize, Given)>| async move {
            let mut read = Vec::with_capacity(records.len());
            for (index, given) in records {
                read.push((index, self.read_or_set_aside(given).await));
            }
            read
        };
        let all: Vec<Vec<_>> = futures::stream::iter(by_item.into_values())
            .map(|records| of_one(records).boxed())
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let mut all: Vec<_> = all.into_iter().flatten().collect();
        all.sort_by_key(|(index, _)| *index);
        all.into_iter().map(|(_, read)| read).collect()
    }

    /// What must be published for a record.
    async fn read(&self, given: Given) -> Result<Vec<Publication>, StoreError> {
        let Given { place, record } = given;
        match record {
            Ok(record) => unless_it_panics(&place.item, self.publications(record)).await,
            Err(problem) => Err(StoreError::Corrupt { item: place.item, problem: problem.to_owned() }),
        }
    }

    /// What must be published for a record. A record that can't be read is set aside, and nothing is published for it.
    async fn read_or_set_aside(&self, given: Given) -> Result<Vec<Publication>, StoreError> {
        let place = given.place.clone();
        match self.read(given).await {
            Err(error) if error.is_unreadable() => {
                self.must_know_format(&place.item).await?;
                self.set_aside(&place, &error.to_string()).await?;
                Ok(Vec::new())
            }
            publications => publications,
        }
    }

    /// Writes a record down for an operator: its number and its item's key, and nothing of what it holds.
    async fn set_aside(&self, place: &Place, reason: &str) -> Result<(), StoreError> {
        let (now, item) = (self.clock.now_millis(), place.item.clone());
        let tenant = item.split('#').nth(1).unwrap_or("-");
        let number = place.number.as_deref().unwrap_or("?");
        tracing::error!(reason, tenant, item, sequence_number = number, "a stream record is set aside");
        metrics::UNREADABLE_STREAM_RECORDS.count(tenant, 1, now);
        let (sequence_number, at) = (number.to_owned(), Timestamp::from_millis(now));
        self.store.put_dead_letter(&DeadLetter { sequence_number, item, reason: reason.to_owned(), at }).await
    }
}

/// What identifies a publication, for the log. The revision begins with the version of the item that was written.
struct Ids {
    id: String,
    revision: String,
}

/// What became of events that were put on the bus, by their indexes.
#[derive(Default)]
struct Put {
    /// The first that is not there and may be put again.
    failed: Option<usize>,
    /// Those that the bus refuses, with its reasons.
    refused: Vec<(usize, String)>,
}

/// What a record publishes. If reading it panics, it would do so each time, and end the invocation with all records
/// after it; so it counts as unreadable.
async fn unless_it_panics(
    item: &str,
    reading: impl Future<Output = Result<Vec<Publication>, StoreError>>,
) -> Result<Vec<Publication>, StoreError> {
    AssertUnwindSafe(reading).catch_unwind().await.unwrap_or_else(|_| {
        // What a panic says may contain what was read; it is in the log.
        Err(StoreError::Corrupt { item: item.to_owned(), problem: "reading it panicked".to_owned() })
    })
}

/// A publication as the bus takes it.
fn outgoing(publication: &Publication) -> Result<Outgoing, serde_json::Error> {
    let detail = serde_json::to_string(&publication.detail)?;
    Ok(Outgoing { detail_type: publication.transition.name(), detail })
}

/// A record from the stream.
struct Given {
    place: Place,
    /// The record, or why it can't be read.
    record: Result<EventRecord, &'static str>,
}

/// How a record is named.
#[derive(Clone)]
struct Place {
    number: Option<String>,
    /// The key of the item that was written: tenant, and a hash.
    item: String,
    created_at: Option<Timestamp>,
}

impl Place {
    /// Whether it is of an enrollment, and the stream loses it before long.
    fn is_about_to_be_lost(&self, now: Timestamp) -> bool {
        ItemKey::parse(&self.item).is_some()
            && self.created_at.is_some_and(|created_at| now - created_at >= LAST_CHANCE)
    }
}

impl Given {
    fn read(record: Value) -> Self {
        let number = sequence_number(&record);
        let item = record.pointer("/dynamodb/Keys/pk/S").and_then(Value::as_str).unwrap_or("?").to_owned();
        let created_at = created_at(&record).map(Timestamp::from_millis);
        // The error's text may contain what was written.
        let record = serde_json::from_value(record).map_err(|_| "it does not have the form of a stream's record");
        Self { place: Place { number, item, created_at }, record }
    }
}

/// When the change was made, in milliseconds since 1970. The stream gives whole seconds.
fn created_at(record: &Value) -> Option<i64> {
    let seconds = record.pointer("/dynamodb/ApproximateCreationDateTime")?.as_f64()? as i64;
    seconds.checked_mul(1_000).filter(|millis| *millis > 0)
}

fn sequence_number(record: &Value) -> Option<String> {
    Some(record.pointer("/dynamodb/SequenceNumber")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[allow(clippy::panic, reason = "that is what is tested")]
    async fn a_record_whose_reading_panics_counts_as_unreadable() {
        let read = unless_it_panics("e#contoso#0x", async { panic!("zoe@contoso.example") }).await;
        let error = read.err().map(|error| (error.is_unreadable(), error.to_string()));
        assert_eq!(error, Some((true, "item e#contoso#0x: reading it panicked".to_owned())));
    }
}
