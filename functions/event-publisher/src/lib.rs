//! Publishes what changed, from the table's stream to EventBridge.
//!
//! Each stream record carries an enrollment before and after a write, and each of the two the instant it
//! was folded at. What differs between the two folds is published. Nothing is published from anywhere else,
//! so nothing can be stored and not published: a record that could not be dealt with is reported as
//! failed, and the stream gives it, and all after it, again. Ids make repeats recognisable.

mod feed;
mod record;

use aws_lambda_events::dynamodb::Event as StreamEvent;
use feed::Feeds;
use serde_json::{Value, json};
use vestibule_domain::Timestamp;
use vestibule_platform::bus::Outgoing;
use vestibule_platform::{BoxError, Bus, Clock};
use vestibule_store::{Store, TenantCache};

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

    /// Handles one batch of a stream's records, in their order, and answers which failed
    /// (`ReportBatchItemFailures`). The stream resumes at the first of these.
    ///
    /// # Errors
    /// When the batch is no stream event at all.
    pub async fn handle(&self, event: Value) -> Result<Value, BoxError> {
        let batch: StreamEvent = serde_json::from_value(event)?;
        // First of all: a batch must not count as handled before.
        self.feeds.append(&batch.records, Timestamp::from_millis(self.clock.now_millis())).await?;
        let mut events: Vec<Outgoing> = Vec::new();
        let mut numbers: Vec<String> = Vec::new();
        let mut failed = None;
        for record in batch.records {
            let sequence_number = record.change.sequence_number.clone().ok_or("a record without sequence number")?;
            match self.publications(record).await {
                Ok(publications) => {
                    for publication in publications {
                        let detail = serde_json::to_string(&publication.detail)?;
                        events.push(Outgoing { detail_type: publication.transition.name(), detail });
                        numbers.push(sequence_number.clone());
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "a stream record could not be read");
                    failed = Some(sequence_number);
                    break;
                }
            }
        }
        // What precedes a record that failed is published all the same.
        let unpublished = self.bus.put(&events).await.err().and_then(|error| {
            tracing::error!(%error, "events could not be published");
            numbers.get(error.first_failed).cloned()
        });
        let resume_at = unpublished.or(failed);
        let failures: Vec<Value> = resume_at.into_iter().map(|number| json!({"itemIdentifier": number})).collect();
        Ok(json!({"batchItemFailures": failures}))
    }
}
