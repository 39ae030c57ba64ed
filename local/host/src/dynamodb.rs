//! The embedded DynamoDB-compatible engine.
//!
//! It works on the thread that calls it, behind one connection to its file. So it has a thread of its own, and nothing
//! else in the program waits for its disk.
//!
//! Must stay true: what it acknowledged is on disk (in a write-ahead log, synced with each write), and a write costs
//! the same however long the table's stream is.

mod connector;
mod lanes;

pub use connector::{Answer, operation, parse};
pub(crate) use connector::{Calls, operation_of};

use crate::HostError;
use crate::durable::private;
use crate::template::Table;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, StreamSpecification, StreamViewType, TimeToLiveSpecification,
};
use dynoxide::Database;
use rusqlite::{Connection, OpenFlags, params};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often to look for expired items, the first time after as long: a command that ends within minutes must not read
/// the whole table for it. DynamoDB itself takes days.
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
/// How often to try to empty the log while the engine's own sweep reads.
const EMPTYING_TRIES: u32 = 50;
const EMPTYING_PAUSE: Duration = Duration::from_millis(100);
/// How long to wait until the engine releases its file.
const BUSY: Duration = Duration::from_secs(5);

/// What the engine puts before a key that is a text.
const TEXT_KEY: &str = "S:";

/// A running engine. Dropping it stops it.
pub struct DynamoDb {
    stop: Option<mpsc::Sender<()>>,
    sweeper: Option<std::thread::JoinHandle<()>>,
    worker: connector::Worker,
}

impl DynamoDb {
    /// Starts the engine on a file, or in memory without one.
    ///
    /// # Errors
    /// When the file cannot be opened or no thread can be started.
    pub fn start(file: Option<&Path>) -> Result<Self, HostError> {
        let database = match file {
            Some(file) => Database::new(&file.to_string_lossy()),
            None => Database::memory(),
        };
        let named = |error: &dyn std::fmt::Display| match file {
            Some(file) => HostError::Engine(format!("{}: {error}", file.display())),
            None => HostError::Engine(error.to_string()),
        };
        let database = database.map_err(|error| named(&error))?;
        if let Some(file) = file {
            beside(file)?.execute_batch(STREAM_INDEX).map_err(|error| named(&error))?;
        }
        let worker = connector::Worker::start(database.clone())?;
        let (stop, stopped) = mpsc::channel();
        let sweeper = std::thread::Builder::new().name("dynamodb-sweep".to_owned()).spawn(move || {
            // A dropped sender also stops it.
            while stopped.recv_timeout(TTL_SWEEP) == Err(mpsc::RecvTimeoutError::Timeout) {
                if let Err(error) = database.sweep_ttl() {
                    tracing::warn!(%error, "expired items were not swept");
                }
            }
        })?;
        Ok(Self { stop: Some(stop), sweeper: Some(sweeper), worker })
    }

    /// Calls of the engine, which fail once this is dropped.
    pub(crate) fn calls(&self) -> Calls {
        self.worker.calls()
    }
}

/// What is wrong with the table's file in a data folder, at most some lines; empty if nothing is. Its owner may work on
/// it meanwhile. Blocks.
///
/// # Errors
/// When the file cannot be read at all.
pub fn check_file(folder: &Path) -> Result<Vec<String>, HostError> {
    let path = folder.join(crate::TABLE);
    let named = |error: rusqlite::Error| HostError::Engine(format!("{}: {error}", path.display()));
    let connection = beside(&path)?;
    let mut check = connection.prepare("PRAGMA integrity_check(20)").map_err(named)?;
    let lines = check.query_map([], |row| row.get::<_, String>(0)).map_err(named)?;
    let lines: Vec<String> = lines.collect::<Result<_, _>>().map_err(named)?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// Writes the table as of one instant to a new file, without the free pages in which removed items could still be read.
/// Its owner may work on it meanwhile. Blocks.
///
/// # Errors
/// What is wrong with the table, or with the disk.
pub(crate) fn copy_file(table: &Path, to: &Path) -> Result<(), String> {
    let as_text = |error: rusqlite::Error| error.to_string();
    if std::fs::metadata(table).map_or(true, |file| file.len() == 0) {
        return Err("it is missing or empty".to_owned());
    }
    let name = to.to_str().ok_or("the path of the copy is not UTF-8")?;
    // It may be there if it is empty, and so has a mode of our choice.
    private().create_new(true).open(to).map_err(|error| format!("{name}: {error}"))?;
    let connection = beside(table).map_err(|error| error.to_string())?;
    connection.execute("VACUUM INTO ?1", [name]).map_err(as_text)?;
    let copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(as_text)?;
    let checked: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(as_text)?;
    if checked == "ok" { Ok(()) } else { Err(checked) }
}

/// The keys of a table's items whose partition key begins with `pk` and whose sort key begins with `sk`. Its owner may
/// work on it meanwhile. Blocks.
///
/// # Errors
/// When the file cannot be read.
pub fn keys(folder: &Path, name: &str, pk: &str, sk: &str) -> Result<Vec<(String, String)>, HostError> {
    let connection = beside(&folder.join(crate::TABLE))?;
    let name = name.replace('"', "\"\"");
    // By range, which the primary key answers: no key has the last character that there is.
    let select = format!(
        "SELECT pk, sk FROM \"{name}\" WHERE pk >= ?1 AND pk < ?1 || char(1114111) AND substr(sk, 1, length(?2)) = ?2"
    );
    let mut select = connection.prepare(&select).map_err(sqlite)?;
    // The engine keeps the type of a key before it.
    let text = |key: String| match key.strip_prefix(TEXT_KEY) {
        Some(text) => text.to_owned(),
        None => key,
    };
    let [pk, sk] = [pk, sk].map(|key| format!("{TEXT_KEY}{key}"));
    let keys = select.query_map([pk, sk], |row| Ok((text(row.get(0)?), text(row.get(1)?)))).map_err(sqlite)?;
    keys.collect::<Result<_, _>>().map_err(sqlite)
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

/// The last sequence number of each shard, as the stream's reader names it. Blocks.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn last_records(file: &Path) -> Result<BTreeMap<String, u128>, HostError> {
    let connection = beside(file)?;
    let last = "SELECT shard_id, MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records GROUP BY shard_id";
    let mut last = connection.prepare(last).map_err(sqlite)?;
    let last = last.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).map_err(sqlite)?;
    let number = |stored: i64| SEQUENCE_OFFSET + u128::from(stored.unsigned_abs());
    last.map(|row| row.map(|(shard, stored)| (shard, number(stored))).map_err(sqlite)).collect()
}

/// Removes all delivered records of streams, however young, and then every byte of what was deleted: the file is written
/// anew, and its log is emptied. The engine must be at rest. Blocks.
///
/// # Errors
/// When the file cannot be written, or somebody reads it all the time.
pub(crate) fn lose_bytes(file: &Path, through: &BTreeMap<String, String>) -> Result<(), HostError> {
    let connection = beside(file)?;
    forget(&connection, through, i64::MAX).map_err(sqlite)?;
    connection.execute_batch("VACUUM").map_err(sqlite)?;
    for _ in 0..EMPTYING_TRIES {
        let busy: i64 =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(sqlite)?;
        if busy == 0 {
            return Ok(());
        }
        std::thread::sleep(EMPTYING_PAUSE);
    }
    Err(HostError::Engine(format!("{}: somebody reads it all the time, so its log was not emptied", file.display())))
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
        drop(self.stop.take());
        if let Some(sweeper) = self.sweeper.take()
            && sweeper.join().is_err()
        {
            tracing::error!("the sweep of expired items died");
        }
    }
}

/// Whether there is a table of that name.
///
/// # Errors
/// When the engine refuses.
pub(crate) async fn has_table(client: &Client, name: &str) -> Result<bool, HostError> {
    match client.describe_table().table_name(name).send().await {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
            Ok(false)
        }
        Err(error) => Err(HostError::Engine(vestibule_causes::causes(&error))),
    }
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
            _ => return Err(refused(&vestibule_causes::causes(&error))),
        },
    }
    let ttl = TimeToLiveSpecification::builder().attribute_name(&table.ttl_attribute).enabled(true);
    let ttl = ttl.build().map_err(built)?;
    let update = client.update_time_to_live().table_name(name).time_to_live_specification(ttl);
    update.send().await.map_err(|error| refused(&vestibule_causes::causes(&error)))?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Services, Template};
    use aws_sdk_dynamodb::types::AttributeValue;

    /// An engine with a table that holds `items` items.
    async fn with_items(file: &Path, items: usize) -> DynamoDb {
        let engine = DynamoDb::start(Some(file)).unwrap();
        let clients = Services::new().unwrap().with_table(&engine).clients();
        create_table(&clients.dynamodb, &Template::embedded().unwrap().table, "items").await.unwrap();
        for number in 0..items {
            let put = clients.dynamodb.put_item().table_name("items").item("pk", AttributeValue::S(number.to_string()));
            put.item("sk", AttributeValue::S("s".to_owned())).send().await.unwrap();
        }
        engine
    }

    #[test]
    fn connections_share_no_lock() {
        let connection = Connection::open_in_memory().unwrap();
        let is = |option: &str| {
            let used =
                connection.query_row("SELECT sqlite_compileoption_used(?1)", [option], |row| row.get::<_, bool>(0));
            used.unwrap()
        };
        // As `.cargo/config.toml` says.
        assert!(!is("ENABLE_MEMORY_MANAGEMENT") && is("DEFAULT_MEMSTATUS=0"));
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
