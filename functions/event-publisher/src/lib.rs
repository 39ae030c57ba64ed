//! Publishes what changed, from the table's stream to EventBridge.
//!
//! Each stream record carries an enrollment before and after a write, each with the instant as of which it was folded
//! and the settings under which it was folded. The difference of the two folds is published. Nothing is published from
//! anywhere else, so nothing can be stored without being published: a record that could not be handled is reported as
//! failed, and the stream sends it, and all after it, again. Ids identify repeats.
//!
//! Must stay true: no record prevents the others from being published. If a record can't be handled now (the table is
//! down), the shard waits; if it can never be read, it is set aside with its key, and the shard continues.

mod feed;
mod record;

use aws_lambda_events::dynamodb::EventRecord;
use feed::Feeds;
use futures::{FutureExt as _, StreamExt as _};
use serde_json::{Value, json};
use vestibule_domain::Timestamp;
use vestibule_domain::publication::Publication;
use vestibule_platform::bus::Outgoing;
use vestibule_platform::{BoxError, Bus, Clock, metrics};
use vestibule_store::{DeadLetter, ItemKey, Store, StoreError, TenantCache};

/// Records read in parallel: each may need segments.
const CONCURRENCY: usize = 16;
/// Parallel calls to the bus. Consumers order publications by their revisions.
const CALLS: usize = 8;
/// The most events in one call to the bus.
const EVENTS_A_CALL: usize = 10;

/// The publisher.
#[derive(Clone, Debug)]
pub struct Publisher {
    store: Store,
    tenants: TenantCache,
    feeds: Feeds,
    bus: Bus,
    clock: Clock,
}

/// A record that could not be handled, by its index in the batch.
type Failed = Option<usize>;

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
        let numbers: Vec<Option<String>> = records.iter().map(sequence_number).collect();
        let records: Vec<Given> = records.into_iter().map(Given::read).collect();
        // This comes first: the batch must not count as handled before.
        let readable = records.iter().filter_map(|given| given.record.as_ref().ok());
        let unreadable =
            records.iter().filter(|given| given.record.is_err()).filter_map(|given| ItemKey::parse(&given.item));
        self.feeds.append(readable, unreadable, Timestamp::from_millis(now_millis)).await?;
        let read: Vec<Result<Vec<Publication>, StoreError>> = futures::stream::iter(records)
            .map(|given| self.read_or_set_aside(given).boxed())
            .buffered(CONCURRENCY)
            .collect()
            .await;
        let mut events: Vec<Outgoing> = Vec::new();
        let mut places: Vec<usize> = Vec::new();
        let mut failed: Failed = None;
        for (place, publications) in read.into_iter().enumerate() {
            match publications {
                Ok(publications) => {
                    for publication in publications {
                        let detail = serde_json::to_string(&publication.detail)?;
                        events.push(Outgoing { detail_type: publication.transition.name(), detail });
                        places.push(place);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "a stream record could not be handled; the stream sends it again");
                    failed = Some(place);
                    break;
                }
            }
        }
        // What precedes a failed record is still published.
        let unpublished = self.publish(&events).await.and_then(|event| places.get(event).copied());
        let resume_at = unpublished.into_iter().chain(failed).min();
        let number = resume_at.and_then(|place| numbers.get(place).cloned());
        let failures: Vec<Value> = number.into_iter().map(|number| json!({"itemIdentifier": number})).collect();
        Ok(json!({"batchItemFailures": failures}))
    }

    /// Puts events on the bus, with several calls in parallel. Returns the index of the first one that failed.
    async fn publish(&self, events: &[Outgoing]) -> Option<usize> {
        let mut calls = Vec::new();
        for (call, chunk) in events.chunks(EVENTS_A_CALL).enumerate() {
            let put = async move {
                let put = self.bus.put(chunk).await;
                put.err().map(|error| {
                    let place = call * EVENTS_A_CALL + error.first_failed;
                    tracing::error!(%error, "events could not be published");
                    place
                })
            };
            calls.push(put.boxed());
        }
        let failed: Vec<Option<usize>> = futures::stream::iter(calls).buffer_unordered(CALLS).collect().await;
        failed.into_iter().flatten().min()
    }

    /// What must be published for a record. A record that can't be read is set aside, and nothing is published for it.
    async fn read_or_set_aside(&self, given: Given) -> Result<Vec<Publication>, StoreError> {
        let Given { number, item, record } = given;
        let publications = match record {
            Ok(record) => self.publications(record).await,
            Err(problem) => Err(StoreError::Corrupt { item: item.clone(), problem }),
        };
        let error = match publications {
            Err(error) if error.is_unreadable() => error,
            publications => return publications,
        };
        let now = self.clock.now_millis();
        let tenant = item.split('#').nth(1).unwrap_or("-").to_owned();
        tracing::error!(%error, item, sequence_number = number, "a stream record can't be read and is set aside");
        metrics::UNREADABLE_STREAM_RECORDS.count(&tenant, 1, now);
        let letter = DeadLetter {
            sequence_number: number.unwrap_or_else(|| "?".to_owned()),
            item,
            reason: error.to_string(),
            at: Timestamp::from_millis(now),
        };
        self.store.put_dead_letter(&letter).await?;
        Ok(Vec::new())
    }
}

/// A record from the stream.
struct Given {
    number: Option<String>,
    /// The key of the item that was written.
    item: String,
    /// The record, or why it can't be read.
    record: Result<EventRecord, String>,
}

impl Given {
    fn read(record: Value) -> Self {
        let number = sequence_number(&record);
        let item = record.pointer("/dynamodb/Keys/pk/S").and_then(Value::as_str).unwrap_or("?").to_owned();
        let record = serde_json::from_value(record).map_err(|error| error.to_string());
        Self { number, item, record }
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
