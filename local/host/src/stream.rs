//! The table's stream, delivered to a function in batches as Lambda does: without the records that the template's filter
//! leaves out.
//!
//! Each shard has a checkpoint that moves only past records that the function has handled; a record reported as failed, and
//! all after it, are delivered again. It is on disk, or with a lease in a table that several processes share (`shared`). A
//! stream that has given all its records is read again regularly, and at once if a reader in this process waits for its
//! progress.

use crate::HostError;
use crate::durable::write_whole;
use crate::functions::Functions;
use crate::health::Health;
use crate::shared::{Lease, Shared, is_ours};
use crate::stop::Stop;
use crate::template::Stream as Mapping;
use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::{AttributeValue, Record, ShardIteratorType};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The prefix of keys by which a reader waits for the stream's progress: barriers of the feed.
pub const AWAITED: &str = "b#";
/// The wait between two looks at a stream that has given all its records.
const IDLE: Duration = Duration::from_millis(200);
/// How long the list of shards is used; the first records of a new shard may be read that much later.
const SHARDS_GOOD_FOR: Duration = Duration::from_secs(30);
/// The wait after a failure.
const BACKOFF: Duration = Duration::from_secs(1);
/// Number of failures in a row of one batch after which draining gives up.
const MOST_FAILURES: u32 = 3;

/// Notices in a client's calls that a reader waits for the stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Awaited(Arc<Notify>);

impl Awaited {
    /// The same client, with its calls watched.
    pub(crate) fn listen(&self, client: &aws_sdk_dynamodb::Client) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::from_conf(client.config().to_builder().interceptor(self.clone()).build())
    }
}

impl Intercept for Awaited {
    fn name(&self) -> &'static str {
        "Awaited"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let is_put = request.headers().get("x-amz-target").is_some_and(|target| target.ends_with(".BatchWriteItem"));
        let key = format!("\"{AWAITED}");
        // A text that only looks like one costs one look at the stream.
        let names_one = |body: &[u8]| body.windows(key.len()).any(|text| text == key.as_bytes());
        if is_put && request.body().bytes().is_some_and(names_one) {
            config.interceptor_state().store_put(PutsAwaited);
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        _context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config.load::<PutsAwaited>().is_some() {
            // Kept for the next wait if nobody is waiting now.
            self.0.notify_one();
        }
        Ok(())
    }
}

/// Marks a request that writes an item somebody waits for.
#[derive(Debug)]
struct PutsAwaited;

impl Storable for PutsAwaited {
    type Storer = StoreReplace<Self>;
}

/// A batch of each shard that was handed on.
#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    /// The number of records.
    records: usize,
    /// Whether a shard gave as many as a batch may have, so that more are probably there.
    full: bool,
    /// When the oldest of them was made, in milliseconds since 1970; `None` if there was none.
    oldest: Option<i64>,
}

/// How often a process asks for a shard that another one has, in milliseconds.
const ASKED_EVERY: i64 = 2_000;

/// How far each shard was handed on.
enum Progress {
    /// The last sequence number of each, in a file of this process.
    File { path: PathBuf, done: BTreeMap<String, String> },
    /// The leases that this process has, and when it last asked for each shard. `through` is further than a lease says where
    /// nothing but leases came since.
    Leased { shared: Shared, leases: BTreeMap<String, Held>, tried: BTreeMap<String, i64> },
}

/// What to read of a shard.
enum Next {
    /// What came after this record; everything if there is none.
    After(Option<String>),
    /// Nothing: another process reads it.
    Elsewhere,
}

/// A lease that this process has.
struct Held {
    lease: Lease,
    through: Option<String>,
}

impl Progress {
    /// What is to be read of a shard.
    async fn next(&mut self, shard: &str) -> Result<Next, HostError> {
        match self {
            Self::File { done, .. } => Ok(Next::After(done.get(shard).cloned())),
            Self::Leased { shared, leases, tried } => {
                let now = shared.now();
                let is_asked = || tried.get(shard).is_some_and(|at| (*at..at + ASKED_EVERY).contains(&now));
                if leases.get(shard).map_or_else(|| !is_asked(), |held| held.lease.is_short(now)) {
                    tried.insert(shard.to_owned(), now);
                    let (taken, known) = (shared.take(shard).await?, leases.remove(shard));
                    if let Some(lease) = taken {
                        let through = match known {
                            // Nobody was further meanwhile, so this process knows better how far it is.
                            Some(held) if held.lease.done == lease.done => held.through,
                            _ => lease.done.clone(),
                        };
                        leases.insert(shard.to_owned(), Held { lease, through });
                    }
                }
                Ok(leases.get(shard).map_or(Next::Elsewhere, |held| Next::After(held.through.clone())))
            }
        }
    }

    /// Records that a shard was handed on through this record. What was nothing but leases is not written down: that would
    /// be another such record.
    async fn advance(&mut self, shard: String, through: String, is_only_ours: bool) -> Result<(), HostError> {
        match self {
            Self::File { path, done } => {
                done.insert(shard, through);
                Ok(write_whole(path, &serde_json::to_vec(done).unwrap_or_default())?)
            }
            Self::Leased { leases, .. } if is_only_ours => {
                if let Some(held) = leases.get_mut(&shard) {
                    held.through = Some(through);
                }
                Ok(())
            }
            Self::Leased { shared, leases, .. } => {
                match shared.advance(&shard, &through).await? {
                    Some(lease) => leases.insert(shard, Held { lease, through: Some(through) }),
                    // Another process reads on from where this one was last.
                    None => leases.remove(&shard),
                };
                Ok(())
            }
        }
    }

    /// Leaves to other processes what this one had.
    async fn leave(&mut self) {
        let Self::Leased { shared, leases, .. } = self else { return };
        for shard in std::mem::take(leases).into_keys() {
            if let Err(error) = shared.leave(&shard).await {
                tracing::warn!(%error, "a shard of the stream could not be left; another process takes it within seconds");
            }
        }
    }
}

/// A table's stream and its progress.
pub struct Stream {
    client: Client,
    table: String,
    mapping: Mapping,
    progress: Progress,
    shards: Vec<(String, String)>,
    looked: Option<Instant>,
    awaited: Awaited,
}

impl Stream {
    /// The stream of `table`; checkpoints are kept in a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(client: Client, table: &str, mapping: Mapping, checkpoints: PathBuf) -> Result<Self, HostError> {
        let done = read_checkpoints(&checkpoints)?;
        Ok(Self::with(client, table, mapping, Progress::File { path: checkpoints, done }))
    }

    /// The stream of `table`, of which other processes on the table read a part each.
    pub(crate) fn shared(client: Client, table: &str, mapping: Mapping, shared: Shared) -> Self {
        Self::with(client, table, mapping, Progress::Leased { shared, leases: BTreeMap::new(), tried: BTreeMap::new() })
    }

    fn with(client: Client, table: &str, mapping: Mapping, progress: Progress) -> Self {
        let (table, awaited) = (table.to_owned(), Awaited::default());
        Self { client, table, mapping, progress, shards: Vec::new(), looked: None, awaited }
    }

    /// Leaves to other processes what this one read.
    pub(crate) async fn leave(&mut self) {
        self.progress.leave().await;
    }

    /// The same, but it looks at once when a watched client shows that somebody waits.
    #[must_use]
    pub(crate) fn awaited(mut self, awaited: Awaited) -> Self {
        self.awaited = awaited;
        self
    }

    /// Delivers records as they arrive, until it must stop.
    pub(crate) async fn run(&mut self, functions: &Functions, health: &Health, stop: &Stop) {
        while !stop.is_set() {
            let wait = match self.pass(functions).await {
                Ok(passed) => {
                    health.handed_on(passed.oldest);
                    // A batch costs the engine and the disk the same however few records are in it.
                    if passed.full { Duration::ZERO } else { IDLE }
                }
                Err(error) => {
                    tracing::error!(%error, "the table's stream could not be handed on for now");
                    BACKOFF
                }
            };
            match wait {
                Duration::ZERO => {}
                IDLE => tokio::select! {
                    () = stop.sleep(IDLE) => {}
                    () = self.awaited.0.notified() => {}
                },
                wait => stop.sleep(wait).await,
            }
        }
    }

    /// Delivers everything that is in the stream now.
    ///
    /// # Errors
    /// When it cannot be read, or if the function keeps failing.
    pub async fn drain(&mut self, functions: &Functions) -> Result<(), HostError> {
        let mut failures = 0;
        self.looked = None;
        loop {
            match self.pass(functions).await {
                Ok(Passed { records: 0, .. }) => return Ok(()),
                Ok(_) => failures = 0,
                Err(error) if failures >= MOST_FAILURES => return Err(error),
                Err(_) => failures += 1,
            }
        }
    }

    /// Delivers one batch of each shard.
    async fn pass(&mut self, functions: &Functions) -> Result<Passed, HostError> {
        let mut passed = Passed::default();
        if self.looked.is_none_or(|looked| looked.elapsed() > SHARDS_GOOD_FOR) {
            self.shards = shards_of(&self.client, &self.table).await?;
            self.looked = Some(Instant::now());
        }
        for (arn, shard) in self.shards.clone() {
            let Next::After(done) = self.progress.next(&shard).await? else { continue };
            let records = self.records(&arn, &shard, done).await?;
            let Some(last) = records.last().map(sequence_number) else { continue };
            if records.iter().all(is_of_sharing) {
                passed.records += records.len();
                self.progress.advance(shard, last, true).await?;
                continue;
            }
            let chosen = records.iter().map(|record| lambda_record(record, &arn));
            let chosen: Vec<Value> = chosen.filter(|record| self.mapping.takes(record)).collect();
            let answer = match chosen.is_empty() {
                true => Ok(Value::Null),
                false => functions.call(&self.mapping.function, json!({"Records": chosen})).await,
            };
            let answer = answer.map_err(|error| HostError::Function(error.to_string()))?;
            let failed: Vec<&str> = answer
                .get("batchItemFailures")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|failure| failure.get("itemIdentifier")?.as_str())
                .collect();
            let first_failed = records.iter().position(|record| failed.contains(&sequence_number(record).as_str()));
            let through = match first_failed {
                None => Some(last),
                Some(index) => index.checked_sub(1).map(|before| sequence_number(&records[before])),
            };
            if let Some(through) = through {
                self.progress.advance(shard, through, false).await?;
            }
            if first_failed.is_some() {
                return Err(HostError::Function("some records were not dealt with".to_owned()));
            }
            passed.records += records.len();
            passed.full |= records.len() >= usize::try_from(self.mapping.batch_size).unwrap_or(usize::MAX);
            passed.oldest = passed.oldest.into_iter().chain(records.iter().filter_map(created_at)).min();
        }
        Ok(passed)
    }

    async fn records(&self, arn: &str, shard: &str, done: Option<String>) -> Result<Vec<Record>, HostError> {
        let kind = match &done {
            Some(_) => ShardIteratorType::AfterSequenceNumber,
            None => ShardIteratorType::TrimHorizon,
        };
        let request = self.client.get_shard_iterator().stream_arn(arn).shard_id(shard).shard_iterator_type(kind);
        let iterator = request.set_sequence_number(done).send().await.map_err(engine)?;
        let Some(iterator) = iterator.shard_iterator else { return Ok(Vec::new()) };
        let request = self.client.get_records().shard_iterator(iterator).limit(self.mapping.batch_size);
        Ok(request.send().await.map_err(engine)?.records.unwrap_or_default())
    }
}

/// The shards of a table's streams, each with the name of its stream.
pub(crate) async fn shards_of(client: &Client, table: &str) -> Result<Vec<(String, String)>, HostError> {
    let mut shards = Vec::new();
    let streams = client.list_streams().table_name(table).send().await.map_err(engine)?;
    for arn in streams.streams().iter().filter_map(|stream| stream.stream_arn()) {
        let mut start = None;
        loop {
            let request = client.describe_stream().stream_arn(arn).set_exclusive_start_shard_id(start.take());
            let answer = request.send().await.map_err(engine)?;
            let Some(description) = answer.stream_description() else { break };
            let ids = description.shards().iter().filter_map(|shard| shard.shard_id());
            shards.extend(ids.map(|id| (arn.to_owned(), id.to_owned())));
            start = description.last_evaluated_shard_id().map(str::to_owned);
            if start.is_none() {
                break;
            }
        }
    }
    Ok(shards)
}

/// The last delivered sequence number of each shard.
///
/// # Errors
/// When the file cannot be read or was not written by us: starting over would publish everything once more.
pub(crate) fn read_checkpoints(path: &Path) -> Result<BTreeMap<String, String>, HostError> {
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| HostError::Checkpoints(path.to_owned(), error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(HostError::file(path, error)),
    }
}

pub(crate) fn engine(error: impl std::error::Error + Send + Sync + 'static) -> HostError {
    HostError::Engine(vestibule_causes::causes(&error))
}

/// Whether a change is one of what processes on one table write to share it.
fn is_of_sharing(record: &Record) -> bool {
    let keys = record.dynamodb().and_then(|change| change.keys());
    keys.and_then(|keys| keys.get("pk")?.as_s().ok()).is_some_and(|pk| is_ours(pk))
}

/// When a change was made, in milliseconds since 1970.
pub(crate) fn created_at(record: &Record) -> Option<i64> {
    record.dynamodb()?.approximate_creation_date_time()?.to_millis().ok().filter(|millis| *millis > 0)
}

fn sequence_number(record: &Record) -> String {
    record.dynamodb().and_then(|change| change.sequence_number()).unwrap_or_default().to_owned()
}

/// A record as Lambda passes it to a function.
pub(crate) fn lambda_record(record: &Record, arn: &str) -> Value {
    let change = record.dynamodb();
    let mut dynamodb = Map::new();
    dynamodb.insert("SequenceNumber".to_owned(), sequence_number(record).into());
    dynamodb.insert("StreamViewType".to_owned(), "NEW_AND_OLD_IMAGES".into());
    dynamodb.insert("SizeBytes".to_owned(), change.and_then(|change| change.size_bytes()).unwrap_or(0).into());
    let created = change.and_then(|change| change.approximate_creation_date_time());
    dynamodb.insert("ApproximateCreationDateTime".to_owned(), created.map_or(0, |time| time.secs()).into());
    for (name, image) in [
        ("Keys", change.and_then(|change| change.keys())),
        ("NewImage", change.and_then(|change| change.new_image())),
        ("OldImage", change.and_then(|change| change.old_image())),
    ] {
        if let Some(image) = image {
            dynamodb.insert(name.to_owned(), item_json(image));
        }
    }
    // Set if time-to-live removed the item.
    let user = record.user_identity().map(|user| json!({"type": user.r#type(), "principalId": user.principal_id()}));
    let mut event = json!({
        "eventID": record.event_id(),
        "eventName": record.event_name().map(|name| name.as_str()),
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": crate::REGION,
        "eventSourceARN": arn,
        "dynamodb": dynamodb,
    });
    if let (Some(user), Some(event)) = (user, event.as_object_mut()) {
        event.insert("userIdentity".to_owned(), user);
    }
    event
}

fn item_json(item: &HashMap<String, AttributeValue>) -> Value {
    item.iter().map(|(name, value)| (name.clone(), value_json(value))).collect::<Map<_, _>>().into()
}

fn value_json(value: &AttributeValue) -> Value {
    let base64 = |blob: &aws_sdk_dynamodbstreams::primitives::Blob| STANDARD.encode(blob.as_ref());
    match value {
        AttributeValue::B(blob) => json!({"B": base64(blob)}),
        AttributeValue::Bool(value) => json!({"BOOL": value}),
        AttributeValue::Bs(blobs) => json!({"BS": blobs.iter().map(base64).collect::<Vec<_>>()}),
        AttributeValue::L(list) => json!({"L": list.iter().map(value_json).collect::<Vec<_>>()}),
        AttributeValue::M(map) => json!({"M": item_json(map)}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Ns(numbers) => json!({"NS": numbers}),
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::Ss(texts) => json!({"SS": texts}),
        _ => json!({"NULL": true}),
    }
}
