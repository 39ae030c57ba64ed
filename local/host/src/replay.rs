//! A table's stream, read once more from its beginning, beside whoever reads it. Nothing remembers how far that came.
//!
//! A stream does not say when it has given all: an answer without records may be a gap. So the caller writes marks into the
//! table first, as many as reach every shard, and a shard that is still written has been read up to then when one of them
//! comes out of it. A closed shard ends by itself.
//!
//! Must stay true: it reads on this machine and on AWS alike, and moves nobody's checkpoint. It ends, and says of how many
//! shards it did not see the end.

use crate::HostError;
use crate::stream::{created_at, engine, lambda_record, shards_of};
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::ShardIteratorType;
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;

/// Most records of one call.
const RECORDS: i32 = 1_000;
/// Marks for each shard. Each falls into one of them by its key, so one reading of nine million meets none in a given shard.
const MARKS: usize = 16;
/// Answers without a record, one after the other, after which a shard is left without a mark: two minutes.
const MOST_EMPTY: u32 = 600;
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

impl Replayed {
    /// The partition key of what was changed.
    pub fn key(&self) -> Option<&str> {
        self.record.pointer("/dynamodb/Keys/pk/S").and_then(Value::as_str)
    }
}

/// All records that the stream of `table` still holds, shard by shard and each in order; `each` is called with batches of
/// them. `mark` writes so many items with keys that nobody else has, and returns their partition keys. Returns of how many
/// shards neither the end nor a mark was seen, which therefore may have more.
///
/// # Errors
/// When the stream can't be read; and those of `mark` and `each`.
pub async fn replay<E: From<HostError>>(
    client: &Client,
    table: &str,
    mark: impl AsyncFnOnce(usize) -> Result<HashSet<String>, E>,
    mut each: impl AsyncFnMut(Vec<Replayed>) -> Result<(), E>,
) -> Result<usize, E> {
    let shards = shards_of(client, table).await?;
    // After the list, so that the children of a shard that is closed meanwhile need not be read.
    let marks = mark(MARKS * shards.len()).await?;
    let mut without_end = 0;
    for (arn, shard) in shards {
        let request = client.get_shard_iterator().stream_arn(&arn).shard_id(&shard);
        let request = request.shard_iterator_type(ShardIteratorType::TrimHorizon);
        let mut next = request.send().await.map_err(engine)?.shard_iterator;
        let mut empty = 0;
        while let Some(iterator) = next.take() {
            let answer = client.get_records().shard_iterator(iterator).limit(RECORDS).send().await.map_err(engine)?;
            let records = answer.records.unwrap_or_default();
            next = answer.next_shard_iterator;
            if records.is_empty() {
                empty += 1;
                if next.is_some() && empty >= MOST_EMPTY {
                    without_end += 1;
                    break;
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            empty = 0;
            let replayed = records
                .iter()
                .map(|record| Replayed { created_millis: created_at(record), record: lambda_record(record, &arn) });
            let replayed: Vec<Replayed> = replayed.collect();
            if replayed.iter().any(|one| one.key().is_some_and(|key| marks.contains(key))) {
                next = None;
            }
            each(replayed).await?;
        }
    }
    Ok(without_end)
}
