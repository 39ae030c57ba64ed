//! Table engines, and tables on them.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;
use vestibule_domain::{Millis, Timestamp};
use vestibule_host::dynamodb::DynamoDb;
use vestibule_host::{Endpoint, Services};
use vestibule_store::{CHANGES_INDEX, DUE_INDEX, ItemKey, Store, held_kind};

/// The variable with an endpoint to run the suite over, in addition to the embedded engine.
pub const ENDPOINT: &str = "VESTIBULE_TEST_DYNAMODB";

/// Something that speaks DynamoDB's protocol.
#[derive(Clone, Debug)]
pub struct Engine {
    endpoint: String,
    credentials: Credentials,
    in_process: bool,
}

/// A table of one case.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its endpoint.
    pub endpoint: String,
    /// What its requests are signed with.
    credentials: Credentials,
    /// Its name.
    pub name: String,
    /// Its client.
    pub client: Client,
    /// A store over it.
    pub store: Store,
}

/// An item as stored.
pub type Item = HashMap<String, AttributeValue>;

impl Engine {
    /// The engine inside this process, in memory, over HTTP. One serves all cases of a process.
    pub fn embedded() -> Self {
        let Endpoint { url, keys } = shared().endpoint.clone();
        Self { endpoint: url, credentials: keys.credentials(), in_process: false }
    }

    /// The same engine without a socket between, as the program itself talks to it. Cases that inject faults inject
    /// them over HTTP.
    pub fn in_process() -> Self {
        Self { in_process: true, ..Self::embedded() }
    }

    /// The engine that [`ENDPOINT`] names; prints a line if it names none.
    pub fn given() -> Option<Self> {
        let endpoint = std::env::var(ENDPOINT).ok().filter(|endpoint| !endpoint.is_empty());
        if endpoint.is_none() {
            eprintln!("skipped: {ENDPOINT} is not set");
        }
        endpoint.map(|endpoint| Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            credentials: Credentials::new("conformance", "conformance", None, None, "conformance"),
            in_process: false,
        })
    }

    /// A new table, as the deployment declares it.
    pub async fn table(&self) -> Table {
        let client = client(&self.endpoint, &self.credentials, 3);
        let client = match self.in_process {
            true => {
                Client::from_conf(client.config().to_builder().http_client(shared().services.http_client()).build())
            }
            false => client,
        };
        let name = format!("conformance-{}", uuid::Uuid::new_v4().simple());
        let attribute = |name: &str, kind| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
        };
        let (text, number) = (ScalarAttributeType::S, ScalarAttributeType::N);
        client
            .create_table()
            .table_name(&name)
            .set_attribute_definitions(Some(vec![
                attribute("pk", text.clone()),
                attribute("sk", text.clone()),
                attribute("ds", text.clone()),
                attribute("da", number.clone()),
                attribute("cp", text),
                attribute("cb", number),
            ]))
            .set_key_schema(Some(schema("pk", "sk")))
            .global_secondary_indexes(index(DUE_INDEX, "ds", "da"))
            .global_secondary_indexes(index(CHANGES_INDEX, "cp", "cb"))
            .billing_mode(BillingMode::PayPerRequest)
            .stream_specification(
                StreamSpecification::builder()
                    .stream_enabled(true)
                    .stream_view_type(StreamViewType::NewAndOldImages)
                    .build()
                    .unwrap(),
            )
            .send()
            .await
            .unwrap();
        let store = Store::new(client.clone(), name.as_str());
        Table { endpoint: self.endpoint.clone(), credentials: self.credentials.clone(), name, client, store }
    }
}

impl Table {
    /// A store over this table with its own meter.
    pub fn another_store(&self) -> Store {
        Store::new(self.client.clone(), self.name.as_str())
    }

    /// A store that reaches this table by another endpoint and tries at most `attempts` times.
    pub fn store_via(&self, endpoint: &str, attempts: u32) -> Store {
        Store::new(client(endpoint, &self.credentials, attempts), self.name.as_str())
    }

    /// Every item.
    pub async fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let scan = self.client.scan().table_name(&self.name).consistent_read(true).set_exclusive_start_key(start);
            let answer = scan.send().await.unwrap();
            items.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() {
                return items;
            }
        }
    }

    /// The head or link at a key.
    pub async fn item(&self, key: &ItemKey) -> Option<Item> {
        let get = self.client.get_item().table_name(&self.name).consistent_read(true);
        let get = get.key("pk", AttributeValue::S(key.as_str().to_owned()));
        get.key("sk", AttributeValue::S("h".to_owned())).send().await.unwrap().item
    }

    /// Writes an item as it is, without the store.
    pub async fn put(&self, item: Item) {
        self.client.put_item().table_name(&self.name).set_item(Some(item)).send().await.unwrap();
    }

    /// Deletes the head or link at a key, as time-to-live does.
    pub async fn delete(&self, key: &ItemKey) {
        let delete = self.client.delete_item().table_name(&self.name);
        let delete = delete.key("pk", AttributeValue::S(key.as_str().to_owned()));
        delete.key("sk", AttributeValue::S("h".to_owned())).send().await.unwrap();
    }

    /// The heads' keys, without links, segments and anything else.
    pub async fn heads(&self) -> Vec<ItemKey> {
        let items = self.items().await;
        let is_head = |item: &&Item| text(item, "sk") == Some("h") && !item.contains_key("to");
        items.iter().filter(is_head).filter_map(|item| ItemKey::parse(text(item, "pk")?)).collect()
    }

    /// How many segments are meant to last. One that no head names any more soon expires, so it does not count.
    pub async fn segments(&self, now: Timestamp) -> usize {
        self.items().await.iter().filter(|item| is_segment(item) && !expires_soon(item, now)).count()
    }

    /// Deletes the segments that no head names any more, as time-to-live does.
    pub async fn expire_segments(&self, now: Timestamp) {
        for mut item in self.items().await {
            if is_segment(&item) && expires_soon(&item, now) {
                item.retain(|name, _| name == "pk" || name == "sk");
                self.client.delete_item().table_name(&self.name).set_key(Some(item)).send().await.unwrap();
            }
        }
    }

    /// When each of an enrollment's segments expires, if it does.
    pub async fn segment_expiries(&self, key: &ItemKey) -> Vec<Option<i64>> {
        let items = self.items().await;
        let its = items.iter().filter(|item| is_segment(item) && text(item, "pk") == Some(key.as_str()));
        its.map(|item| number(item, "x")).collect()
    }

    /// How many links there are.
    pub async fn links(&self) -> usize {
        self.items().await.iter().filter(|item| item.contains_key("to")).count()
    }

    /// The instant under which an enrollment is in the due index.
    pub async fn due_at(&self, key: &ItemKey) -> Option<Timestamp> {
        self.item(key).await.and_then(|item| number(&item, "da")).map(Timestamp::from_millis)
    }

    /// Deletes the table, for engines that outlive the process. Before that, each item must be of a kind of which it is
    /// decided what an erasure does about it.
    pub async fn drop(self) {
        for item in self.items().await {
            let (pk, sk) = (text(&item, "pk").unwrap(), text(&item, "sk").unwrap());
            assert!(held_kind(pk, sk).is_some(), "an item of no kind (store::erasure::accounts): {pk} {sk}");
        }
        self.client.delete_table().table_name(&self.name).send().await.unwrap();
    }
}

/// An attribute that is text.
pub fn text<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// An attribute that is a number.
pub fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn is_segment(item: &Item) -> bool {
    text(item, "sk").is_some_and(|sk| sk.starts_with('s'))
}

fn expires_soon(item: &Item, now: Timestamp) -> bool {
    number(item, "x").is_some_and(|expires| expires <= (now + Millis::from_days(30)).seconds())
}

/// The engine of a process, which serves as long as the process lives.
struct Shared {
    services: Services,
    endpoint: Endpoint,
    _engine: DynamoDb,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let engine = DynamoDb::start(None).unwrap();
        let services = Services::new().unwrap().with_table(&engine);
        let (send, receive) = std::sync::mpsc::channel();
        // On a thread of its own: each case has its own runtime, which ends with it.
        let serving = services.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                send.send(serving.endpoint(&listener).unwrap()).unwrap();
                serving.serve(listener, std::future::pending()).await;
            });
        });
        Shared { services, endpoint: receive.recv().unwrap(), _engine: engine }
    })
}

fn client(endpoint: &str, credentials: &Credentials, attempts: u32) -> Client {
    let retries = RetryConfig::standard().with_max_attempts(attempts).with_initial_backoff(Duration::from_millis(1));
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials.clone())
        .retry_config(retries)
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(120)).build())
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}

fn schema(partition: &str, sort: &str) -> Vec<KeySchemaElement> {
    [(partition, KeyType::Hash), (sort, KeyType::Range)]
        .map(|(name, kind)| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap())
        .to_vec()
}

fn index(name: &str, partition: &str, sort: &str) -> GlobalSecondaryIndex {
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .set_key_schema(Some(schema(partition, sort)))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
        .unwrap()
}
