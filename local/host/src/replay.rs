//! A table's stream, read once more from its beginning, beside whoever reads it. Nothing remembers how far that came.
//!
//! Must stay true: it reads on this machine and on AWS alike, and moves nobody's checkpoint.

use crate::HostError;
use crate::stream::{created_at, engine, lambda_record, shards_of};
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::ShardIteratorType;
use serde_json::Value;
use std::time::Duration;

/// Most records of one call.
const RECORDS: i32 = 1_000;
/// Answers without a record after which the end of a shard that is still written counts as reached: a shard may have gaps.
const EMPTY: u32 = 8;
/// The wait after such an answer. AWS allows five calls a second and shard.
const PAUSE: Duration = Duration::from_millis(200);

/// A record as Lambda passes it to a function.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// When the change was made, in milliseconds since 1970; the stream gives whole seconds.
    pub created_millis: Option<i64>,
    /// The record.
    pub record: Value,
}

/// All records that the stream of `table` still holds, shard by shard and each in order; `each` is called with batches of
/// them.
///
/// # Errors
/// When the stream can't be read; and those of `each`.
pub async fn replay<E: From<HostError>>(
    client: &Client,
    table: &str,
    mut each: impl AsyncFnMut(Vec<Replayed>) -> Result<(), E>,
) -> Result<(), E> {
    for (arn, shard) in shards_of(client, table).await? {
        let request = client.get_shard_iterator().stream_arn(&arn).shard_id(&shard);
        let request = request.shard_iterator_type(ShardIteratorType::TrimHorizon);
        let mut next = request.send().await.map_err(engine)?.shard_iterator;
        let mut empty = 0;
        while let Some(iterator) = next.take() {
            let answer = client.get_records().shard_iterator(iterator).limit(RECORDS).send().await.map_err(engine)?;
            let records = answer.records.unwrap_or_default();
            empty = if records.is_empty() { empty + 1 } else { 0 };
            next = answer.next_shard_iterator.filter(|_| empty < EMPTY);
            if empty > 0 && next.is_some() {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let replayed = records
                .iter()
                .map(|record| Replayed { created_millis: created_at(record), record: lambda_record(record, &arn) });
            each(replayed.collect()).await?;
        }
    }
    Ok(())
}
