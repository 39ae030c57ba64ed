//! The embedded DynamoDB-compatible engine: called directly by clients of this process, and over HTTP on the loopback
//! interface by others.
//!
//! It works on the thread that serves a request, behind one connection to its file. So it has threads of its own, and
//! nothing else in the program waits for its disk.
//!
//! Must stay true: what it acknowledged is on disk (in a write-ahead log, synced with each write), and a write costs
//! the same however long the table's stream is.

mod connector;

pub use connector::{Answer, operation, parse};

use crate::template::Table;
use crate::{Clients, HostError};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, StreamSpecification, StreamViewType, TimeToLiveSpecification,
};
use dynoxide::Database;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// How often to look for expired items; DynamoDB itself takes days.
const TTL_SWEEP: Duration = Duration::from_secs(3_600);

/// How long a stream keeps delivered records: as long as DynamoDB's.
const STREAM_KEEPS: Duration = Duration::from_secs(24 * 3_600);
/// With each write, the engine looks for a stream's newest record, but it has no index for that: without this one, each
/// write reads the whole stream.
const STREAM_INDEX: &str = "CREATE INDEX IF NOT EXISTS vestibule_stream
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";
/// A few at a time, because the engine waits while this holds the file.
const FORGET: &str = "DELETE FROM _stream_records WHERE id IN (
    SELECT id FROM _stream_records
    WHERE shard_id = ?1 AND CAST(sequence_number AS INTEGER) <= ?2 AND created_at < ?3 LIMIT 500)";
/// What the engine adds to its own sequence numbers to make them as long as DynamoDB's.
const SEQUENCE_OFFSET: u128 = 100_000_000_000_000_000_000;
/// How long to wait until the engine releases its file.
const BUSY: Duration = Duration::from_secs(5);

/// A running engine. Dropping it stops it.
pub struct DynamoDb {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    worker: connector::Worker,
}

impl DynamoDb {
    /// Starts the engine on a file, or in memory without one.
    ///
    /// # Errors
    /// When the file cannot be opened or no port is free.
    pub fn start(file: Option<&Path>) -> Result<Self, HostError> {
        let database = match file {
            Some(file) => Database::new(&file.to_string_lossy()),
            None => Database::memory(),
        };
        let database = database.map_err(|error| HostError::Engine(error.to_string()))?;
        if let Some(file) = file {
            beside(file)?.execute_batch(STREAM_INDEX).map_err(sqlite)?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("dynamodb")
            .enable_all()
            .build()?;
        let listener = listen_in(&runtime)?;
        let address = listener.local_addr()?;
        let worker = connector::Worker::start(database.clone())?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("dynamodb-serve".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let sweeper = database.clone();
                let sweeps = tokio::spawn(async move {
                    let mut interval = tokio::time::interval(TTL_SWEEP);
                    loop {
                        interval.tick().await;
                        let sweeper = sweeper.clone();
                        // Not on the serving thread, because there is only one.
                        match tokio::task::spawn_blocking(move || sweeper.sweep_ttl()).await {
                            Ok(Ok(_)) => {}
                            Ok(Err(error)) => tracing::warn!(%error, "expired items were not swept"),
                            Err(error) => tracing::error!(%error, "the sweep of expired items died"),
                        }
                    }
                });
                let stopped = async {
                    // A dropped sender also stops it.
                    let _dropped = stopped.await;
                };
                if let Err(error) = dynoxide::server::serve_with_shutdown(listener, database, stopped).await {
                    tracing::error!(error, "the embedded table stopped");
                }
                sweeps.abort();
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread), worker })
    }

    /// The same clients, but those of the table and its streams call the engine directly.
    #[must_use]
    pub fn in_process(&self, clients: Clients) -> Clients {
        let streams = clients.streams.config().to_builder().http_client(self.worker.http_client()).build();
        Clients {
            dynamodb: self.table_in_process(&clients.dynamodb),
            streams: aws_sdk_dynamodbstreams::Client::from_conf(streams),
            ..clients
        }
    }

    /// The same client of the table, but it calls the engine directly.
    #[must_use]
    pub fn table_in_process(&self, client: &Client) -> Client {
        Client::from_conf(client.config().to_builder().http_client(self.worker.http_client()).build())
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Removes records of streams that are a day old and were delivered: `through` has the last delivered sequence number
/// of each shard. The engine itself keeps them for ever. Blocks.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn forget_handed_on(file: &Path, through: &BTreeMap<String, String>) -> Result<usize, HostError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let before = i64::try_from(now.saturating_sub(STREAM_KEEPS).as_secs()).unwrap_or(0);
    forget(&beside(file)?, through, before).map_err(sqlite)
}

/// Removes delivered records older than `before`, in seconds since the epoch.
fn forget(connection: &Connection, through: &BTreeMap<String, String>, before: i64) -> rusqlite::Result<usize> {
    let mut forgotten = 0;
    let mut statement = connection.prepare(FORGET)?;
    for (shard, sequence) in through {
        let stored = sequence.parse::<u128>().ok().and_then(|sequence| sequence.checked_sub(SEQUENCE_OFFSET));
        let Some(stored) = stored.and_then(|stored| i64::try_from(stored).ok()) else { continue };
        loop {
            match statement.execute(params![shard, stored, before])? {
                0 => break,
                some => forgotten += some,
            }
        }
    }
    Ok(forgotten)
}

/// A second connection to the engine's file.
fn beside(file: &Path) -> Result<Connection, HostError> {
    let connection = Connection::open(file).map_err(sqlite)?;
    connection.busy_timeout(BUSY).map_err(sqlite)?;
    Ok(connection)
}

fn sqlite(error: rusqlite::Error) -> HostError {
    HostError::Engine(error.to_string())
}

impl Drop for DynamoDb {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have stopped on its own.
            let _gone = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the embedded table's thread died");
        }
    }
}

/// A listener that belongs to `runtime`.
fn listen_in(runtime: &tokio::runtime::Runtime) -> std::io::Result<tokio::net::TcpListener> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let _inside = runtime.enter();
    tokio::net::TcpListener::from_std(listener)
}

/// Creates the table that the template declares, unless it exists.
///
/// # Errors
/// When the engine refuses.
pub async fn create_table(client: &Client, table: &Table, name: &str) -> Result<(), HostError> {
    let refused = |error: &dyn std::fmt::Display| HostError::Engine(error.to_string());
    let built = |error: aws_sdk_dynamodb::error::BuildError| HostError::Engine(error.to_string());
    let keys = |(partition, sort): &(String, String)| {
        [(partition, KeyType::Hash), (sort, KeyType::Range)]
            .map(|(name, kind)| KeySchemaElement::builder().attribute_name(name).key_type(kind).build())
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .map_err(built)
    };
    let mut create = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(keys(&table.keys)?))
        .stream_specification(
            StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewAndOldImages)
                .build()
                .map_err(built)?,
        );
    for (name, kind) in &table.attributes {
        let kind = ScalarAttributeType::from(kind.as_str());
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
        create = create.attribute_definitions(attribute.build().map_err(built)?);
    }
    for (name, index_keys) in &table.indexes {
        let index = GlobalSecondaryIndex::builder()
            .index_name(name)
            .set_key_schema(Some(keys(index_keys)?))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build());
        create = create.global_secondary_indexes(index.build().map_err(built)?);
    }
    match create.send().await {
        Ok(_) => {}
        Err(error) => match error.as_service_error() {
            Some(CreateTableError::ResourceInUseException(_)) => return Ok(()),
            _ => return Err(refused(&aws_sdk_dynamodb::error::DisplayErrorContext(&error))),
        },
    }
    let ttl = TimeToLiveSpecification::builder().attribute_name(&table.ttl_attribute).enabled(true);
    let ttl = ttl.build().map_err(built)?;
    let update = client.update_time_to_live().table_name(name).time_to_live_specification(ttl);
    update.send().await.map_err(|error| refused(&aws_sdk_dynamodb::error::DisplayErrorContext(&error)))?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Clients, Endpoints, Template};
    use aws_sdk_dynamodb::types::AttributeValue;

    /// An engine with a table that holds `items` items.
    async fn with_items(file: &Path, items: usize) -> DynamoDb {
        let engine = DynamoDb::start(Some(file)).unwrap();
        let clients = Clients::new(&Endpoints { dynamodb: engine.url(), s3: String::new(), events: String::new() });
        create_table(&clients.dynamodb, &Template::embedded().unwrap().table, "items").await.unwrap();
        for number in 0..items {
            let put = clients.dynamodb.put_item().table_name("items").item("pk", AttributeValue::S(number.to_string()));
            put.item("sk", AttributeValue::S("s".to_owned())).send().await.unwrap();
        }
        engine
    }

    #[tokio::test]
    async fn a_write_does_not_read_the_whole_stream() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("table");
        let _engine = with_items(&file, 1).await;
        // The engine's own query with each write.
        let asks = "EXPLAIN QUERY PLAN
            SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = ?1";
        let plan: String = beside(&file).unwrap().query_row(asks, ["items"], |row| row.get(3)).unwrap();
        assert!(plan.contains("vestibule_stream"), "{plan}");
    }

    #[tokio::test]
    async fn only_old_delivered_records_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("table");
        let _engine = with_items(&file, 3).await;
        let connection = beside(&file).unwrap();
        let mut statement = connection.prepare("SELECT sequence_number, shard_id FROM _stream_records").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
        let rows: Vec<(String, String)> = rows.map(Result::unwrap).collect();
        let second = SEQUENCE_OFFSET + rows[1].0.parse::<u128>().unwrap();
        let through = BTreeMap::from([(rows[1].1.clone(), second.to_string())]);

        assert_eq!(forget_handed_on(&file, &through).unwrap(), 0, "nothing is a day old");
        assert_eq!(forget(&connection, &through, i64::MAX).unwrap(), 2, "the third was not handed on");
    }
}
