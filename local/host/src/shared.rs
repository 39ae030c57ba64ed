//! What processes on one table do only once, whichever of them does it: reading a shard of the table's stream, and the run
//! of a schedule.
//!
//! Each is an item that is written on condition. A shard is leased for some seconds to who reads it, with how far that
//! came; a lease that nobody renews is taken over, and the next reader goes on from there. A schedule's tick belongs to
//! whoever writes its time first.
//!
//! Must stay true: nothing depends on a lease that holds. If two read a shard at once, because one stood still for longer
//! than its lease, records are handed on twice, as a stream does after each failure; what is published then has the same
//! ids. Records of these items lead to no further writes, or reading the stream would never end.

use crate::HostError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use std::collections::HashMap;
use std::time::Duration;
use vestibule_platform::Clock;

/// The partition of the leases.
const LEASES: &str = "stream";
/// The partition of the schedules.
const TICKS: &str = "ticks";
/// How long a shard belongs to a reader that does not renew its lease.
pub const LEASE: Duration = Duration::from_secs(15);
/// A lease that has less time left is renewed.
const RENEWED_FROM: Duration = Duration::from_secs(10);

/// This process among those that share a table.
#[derive(Clone, Debug)]
pub struct Shared {
    client: Client,
    table: String,
    /// Names this process.
    id: String,
    clock: Clock,
}

/// A shard's lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// The last record that was handed on, by its sequence number.
    pub done: Option<String>,
    /// Until when it holds, in milliseconds since 1970.
    until: i64,
}

impl Lease {
    /// Whether it must be renewed before more is read.
    pub fn is_short(&self, now: i64) -> bool {
        self.until.saturating_sub(now) < millis(RENEWED_FROM)
    }
}

/// Whether an item is one of these, by its partition key.
pub(crate) fn is_ours(pk: &str) -> bool {
    [LEASES, TICKS].contains(&pk)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

type Item = HashMap<String, AttributeValue>;

impl Shared {
    /// A process on this table. Clocks of such processes may differ by a few seconds.
    pub fn new(client: Client, table: &str, clock: Clock) -> Self {
        Self { client, table: table.to_owned(), id: uuid::Uuid::new_v4().to_string(), clock }
    }

    /// Now, in milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now_millis()
    }

    /// Whether this process is the first to run the schedule for the tick at `second`, so that it is the one that does.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn claim(&self, schedule: &str, second: i64) -> Result<bool, HostError> {
        let update = self
            .update(TICKS, schedule)
            .update_expression("SET #at = :at")
            .condition_expression("attribute_not_exists(#at) OR #at < :at")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", n(second));
        Ok(written(update).await?.is_some())
    }

    /// Takes a shard or goes on with it, with how far it was read; `None` if another process has it.
    pub(crate) async fn take(&self, shard: &str) -> Result<Option<Lease>, HostError> {
        let (now, until) = (self.now(), self.now() + millis(LEASE));
        let update = self
            .of_shard(shard)
            .update_expression("SET #who = :who, #until = :until")
            .condition_expression("attribute_not_exists(#who) OR #who = :who OR #until < :now")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":until", n(until))
            .expression_attribute_values(":now", n(now))
            .return_values(ReturnValue::AllNew);
        Ok(written(update).await?.map(|item| Lease { done: text(&item, "done"), until: number(&item, "until") }))
    }

    /// Records how far a shard was handed on, and renews its lease; `None` if another process has taken it over.
    pub(crate) async fn advance(&self, shard: &str, through: &str) -> Result<Option<Lease>, HostError> {
        let until = self.now() + millis(LEASE);
        let update = self
            .of_shard(shard)
            .update_expression("SET #done = :done, #until = :until")
            .condition_expression("#who = :who")
            .expression_attribute_names("#done", "done")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":done", s(through))
            .expression_attribute_values(":until", n(until));
        Ok(written(update).await?.map(|_| Lease { done: Some(through.to_owned()), until }))
    }

    /// Leaves a shard to the others at once.
    pub(crate) async fn leave(&self, shard: &str) -> Result<(), HostError> {
        let update = self.of_shard(shard).update_expression("REMOVE #who").condition_expression("#who = :who");
        written(update).await.map(drop)
    }

    fn of_shard(&self, shard: &str) -> UpdateItemFluentBuilder {
        let update = self.update(LEASES, shard).expression_attribute_names("#who", "who");
        update.expression_attribute_values(":who", s(&self.id))
    }

    fn update(&self, pk: &str, sk: &str) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).key("pk", s(pk)).key("sk", s(sk))
    }
}

/// What a write returns; `None` if its condition does not hold.
async fn written(update: UpdateItemFluentBuilder) -> Result<Option<Item>, HostError> {
    match update.send().await {
        Ok(answer) => Ok(Some(answer.attributes.unwrap_or_default())),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
            _ => Err(HostError::Engine(DisplayErrorContext(error).to_string())),
        },
    }
}

fn text(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

fn number(item: &Item, name: &str) -> i64 {
    let number = item.get(name).and_then(|value| value.as_n().ok()?.parse().ok());
    number.unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dynamodb::{DynamoDb, create_table};
    use crate::{Services, Template};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    #[tokio::test]
    async fn a_shard_has_one_reader_and_the_next_goes_on_where_it_stopped() {
        let engine = DynamoDb::start(None).unwrap();
        let client = Services::new().unwrap().with_table(&engine).clients().dynamodb;
        create_table(&client, &Template::embedded().unwrap().table, "table").await.unwrap();
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        let process = || {
            let now = Arc::clone(&now);
            Shared::new(client.clone(), "table", Clock::driven(move || now.load(Ordering::SeqCst)))
        };
        let (one, other) = (process(), process());
        let lease = one.take("shard").await.unwrap().unwrap();
        assert_eq!(lease.done, None);
        assert_eq!(other.take("shard").await.unwrap(), None, "another has it");
        assert!(other.take("another").await.unwrap().is_some(), "each shard has its own reader");
        let lease = one.advance("shard", "7").await.unwrap().unwrap();
        assert!(!lease.is_short(one.now()));
        assert_eq!(other.advance("shard", "9").await.unwrap(), None, "who does not have it moves nothing");

        // It is killed, or stands still: the other goes on, and what it does later changes nothing.
        now.fetch_add(millis(LEASE) + 1, Ordering::SeqCst);
        assert!(lease.is_short(one.now()));
        assert_eq!(other.take("shard").await.unwrap().unwrap().done.as_deref(), Some("7"));
        assert_eq!(one.advance("shard", "8").await.unwrap(), None);
        assert_eq!(one.take("shard").await.unwrap(), None);
        // Who stops leaves it at once.
        one.leave("shard").await.unwrap();
        assert_eq!(one.take("shard").await.unwrap(), None, "it was not its own");
        other.leave("shard").await.unwrap();
        assert_eq!(one.take("shard").await.unwrap().unwrap().done.as_deref(), Some("7"));
    }

    #[tokio::test]
    async fn a_tick_belongs_to_one_process_and_none_is_run_after_a_later_one() {
        let engine = DynamoDb::start(None).unwrap();
        let client = Services::new().unwrap().with_table(&engine).clients().dynamodb;
        create_table(&client, &Template::embedded().unwrap().table, "table").await.unwrap();
        let process = || Shared::new(client.clone(), "table", Clock::system());
        let processes = [process(), process(), process()];
        for second in [60, 120] {
            let claims = processes.iter().map(|process| process.claim("sweep", second));
            let claims: Vec<bool> = futures::future::try_join_all(claims).await.unwrap();
            assert_eq!(claims.iter().filter(|claimed| **claimed).count(), 1, "{claims:?}");
        }
        assert!(!processes[0].claim("sweep", 60).await.unwrap());
        assert!(processes[0].claim("tick", 60).await.unwrap(), "another schedule has its own ticks");
    }
}
