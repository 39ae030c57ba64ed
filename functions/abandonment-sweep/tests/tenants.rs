//! Many tenants with due enrollments: how many of them a sweep reads, how many in parallel, and what one that can't be
//! read costs the others.
#![allow(clippy::unwrap_used, missing_docs)]

mod erasures;

use abandonment_sweep::Sweep;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, StreamSpecification, WriteRequest};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use futures::TryStreamExt as _;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use tokio::sync::watch;
use vestibule_domain::{Millis, TenantId, TenantSettings, Timestamp};
use vestibule_host::dynamodb::{DynamoDb, create_table};
use vestibule_host::{Services, Template};
use vestibule_platform::Clock;
use vestibule_store::{Secret, SettingsHistory, Store, Tenant};
use vestibule_webhook::Received;
use vestibule_webhook::cloudevents::{Parsed, parse_event};

const TABLE: &str = "sweep";
const BEGIN: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// By then everything that began at [`BEGIN`] has been silent for too long.
const LATER: Millis = Millis::from_days(2);

type Item = HashMap<String, AttributeValue>;

/// The way to the table. It counts reads of tenants and how many run in parallel, and may hold the first ones until so
/// many wait, so that what is counted does not depend on how quickly the table answers.
#[derive(Clone, Debug)]
struct Reads {
    inner: SharedHttpClient,
    counts: Arc<[AtomicUsize; 3]>,
    held_until: Arc<watch::Sender<usize>>,
}

#[derive(Debug)]
struct Way(Reads, SharedHttpConnector);

impl Reads {
    fn of(inner: SharedHttpClient) -> Self {
        Self { inner, counts: Arc::default(), held_until: Arc::new(watch::Sender::new(0)) }
    }

    /// The first reads from now on are answered only when so many wait.
    fn hold_until(&self, parallel: usize) {
        self.held_until.send_replace(parallel);
    }

    /// The reads since the last call, and the most of them in parallel.
    fn take(&self) -> (usize, usize) {
        let [all, most, _] = &*self.counts;
        (all.swap(0, Ordering::SeqCst), most.swap(0, Ordering::SeqCst))
    }
}

/// Whether this reads a tenant's item.
fn is_of_tenant(request: &HttpRequest) -> bool {
    request.headers().get("x-amz-target").is_some_and(|target| target.ends_with(".GetItem"))
        && request
            .body()
            .bytes()
            .and_then(|body| serde_json::from_slice::<Value>(body).ok())
            .is_some_and(|input| input["Key"]["sk"]["S"] == "t")
}

impl HttpClient for Reads {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Way(self.clone(), self.inner.http_connector(settings, components)))
    }
}

impl HttpConnector for Way {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if !is_of_tenant(&request) {
            return self.1.call(request);
        }
        let Self(reads, inner) = self;
        let (reads, inner) = (reads.clone(), inner.clone());
        HttpConnectorFuture::new(async move {
            let [all, most, now] = &*reads.counts;
            all.fetch_add(1, Ordering::SeqCst);
            let parallel = now.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(parallel, Ordering::SeqCst);
            reads.held_until.send_if_modified(|until| parallel >= *until && std::mem::take(until) > 0);
            reads.held_until.subscribe().wait_for(|until| *until == 0).await.unwrap();
            let answer = inner.call(request).await;
            now.fetch_sub(1, Ordering::SeqCst);
            answer
        })
    }
}

/// A table with tenants that have one enrollment each, whose deadline has passed at `BEGIN + LATER`.
struct Many {
    store: Store,
    reads: Reads,
    client: Client,
    items: Vec<Item>,
    _engine: DynamoDb,
}

impl Many {
    async fn new(tenants: usize) -> Self {
        let engine = DynamoDb::start(None).unwrap();
        let client = Services::new().unwrap().with_table(&engine).clients().dynamodb;
        create_table(&client, &Template::embedded().unwrap().table, TABLE).await.unwrap();
        // No stream is read here, and with one each write into memory would read all of it.
        let without = StreamSpecification::builder().stream_enabled(false).build().unwrap();
        client.update_table().table_name(TABLE).stream_specification(without).send().await.unwrap();
        let reads = Reads::of(client.config().http_client().unwrap());
        let spied = client.config().to_builder().http_client(reads.clone()).build();
        let store = Store::new(Client::from_conf(spied), TABLE);
        let (tenant, enrollment) = first(&store, &client).await;
        let items = (0..tenants).flat_map(|number| copies(&tenant, &enrollment, number)).collect();
        let many = Self { store, reads, client, items, _engine: engine };
        many.write(tenants).await;
        many.reads.take();
        many
    }

    /// Resets the first tenants to the state at the beginning.
    async fn write(&self, tenants: usize) {
        let put = |item: &Item| {
            let put = PutRequest::builder().set_item(Some(item.clone())).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        };
        let batches = self.items[..2 * tenants].chunks(25).map(|items| items.iter().map(put).collect::<Vec<_>>());
        futures::stream::iter(batches.map(Ok::<_, BoxError>))
            .try_for_each_concurrent(8, |batch| async move {
                let wrote = self.client.batch_write_item().request_items(TABLE, batch).send().await?;
                assert!(wrote.unprocessed_items().is_none_or(HashMap::is_empty));
                Ok(())
            })
            .await
            .unwrap();
    }
}

/// A tenant and its enrollment, as the store writes them.
async fn first(store: &Store, client: &Client) -> (Item, Item) {
    let id = TenantId::parse("tenant-00000").unwrap();
    let mut tenant = Tenant {
        id: id.clone(),
        created_at: BEGIN,
        settings: TenantSettings::default(),
        webhook_secrets: Vec::new(),
        sources: Vec::new(),
        tokens: Vec::new(),
        sign_in_codes: Vec::new(),
        pseudonym_key: Secret::new("00".repeat(32)).into(),
        settings_history: SettingsHistory::default(),
        source_settings: std::collections::BTreeMap::new(),
        feed: None,
        sealing: vestibule_store::Sealing::default(),
        version: 0,
    };
    store.create_tenant(&mut tenant).await.unwrap();
    let event = json!({
        "specversion": "1.0", "id": "1", "source": "https://mdm.example", "type": "enrollment.started",
        "data": {"device": {"serialNumber": "C02SILENT"}, "platform": "ios"},
    });
    let Parsed::Event(event) = parse_event(&event, Received::native(BEGIN, false)) else { unreachable!() };
    store.add_events(&id, &tenant.settings, vec![*event], BEGIN).await.unwrap();
    let items = client.scan().table_name(TABLE).send().await.unwrap().items.unwrap();
    let find = |sk: &str| items.iter().find(|item| item["sk"].as_s().unwrap() == sk).unwrap().clone();
    (find("t"), find("h"))
}

/// The same for another tenant, spread over the shards of the due index.
fn copies(tenant: &Item, enrollment: &Item, number: usize) -> [Item; 2] {
    let name = format!("tenant-{number:05}");
    let mut items = [tenant.clone(), enrollment.clone()];
    for value in items.iter_mut().flat_map(HashMap::values_mut) {
        if let AttributeValue::S(text) = value {
            *text = text.replace("tenant-00000", &name);
        }
    }
    items[1].insert("ds".to_owned(), AttributeValue::S(format!("d{:02}", number % 16)));
    items
}

fn at(instant: Timestamp) -> Clock {
    Clock::driven(move || instant.millis())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_tenants_are_read_side_by_side_and_held_for_the_next_run() {
    let many = Many::new(10_000).await;
    let minute = Arc::new(AtomicI64::new(0));
    let clock = minute.clone();
    let now = move || (BEGIN + LATER + Millis::from_minutes(clock.load(Ordering::SeqCst))).millis();
    let sweep = Sweep::new(many.store.clone(), Clock::driven(now));
    many.reads.hold_until(16);
    let swept = sweep.run().await.unwrap();
    assert_eq!((swept.due, swept.flagged, swept.left), (10_000, 10_000, 0));
    // 625 rounds of sixteen: three seconds at 5 ms a call.
    assert_eq!(many.reads.take(), (10_000, 16));

    many.write(10_000).await;
    minute.store(1, Ordering::SeqCst);
    assert_eq!(sweep.run().await.unwrap().flagged, 10_000);
    assert_eq!(many.reads.take().0, 0, "the next minute's run reads no tenant anew");

    many.write(100).await;
    minute.store(4, Ordering::SeqCst);
    many.reads.hold_until(16);
    assert_eq!(sweep.run().await.unwrap().flagged, 100);
    assert_eq!(many.reads.take(), (100, 16), "what a tenant changed is seen within minutes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_cannot_be_read_holds_up_no_other() {
    let many = Many::new(3).await;
    let mut bad = many.items[2].clone();
    assert_eq!(bad["pk"].as_s().unwrap(), "t#tenant-00001");
    bad.insert("c".to_owned(), AttributeValue::S("{".to_owned()));
    many.client.put_item().table_name(TABLE).set_item(Some(bad)).send().await.unwrap();

    let sweep = Sweep::new(many.store.clone(), at(BEGIN + LATER));
    let swept = sweep.run().await.unwrap();
    assert_eq!((swept.due, swept.flagged, swept.unreadable), (3, 2, 1));
    // It waits in the index, untouched, until somebody repairs it.
    let good = many.items[2].clone();
    many.client.put_item().table_name(TABLE).set_item(Some(good)).send().await.unwrap();
    let swept = sweep.run().await.unwrap();
    assert_eq!((swept.due, swept.flagged, swept.unreadable), (1, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_before_its_deadline_and_says_what_is_left() {
    let many = Many::new(500).await;
    // Each look at the clock takes half a minute.
    let looks = AtomicI64::new(0);
    let start = BEGIN + LATER;
    let clock =
        Clock::driven(move || (start + Millis::from_seconds(30 * looks.fetch_add(1, Ordering::SeqCst))).millis());
    let sweep = Sweep::new(many.store.clone(), clock);
    let swept = sweep.run_until(Some(start + Millis::from_seconds(60))).await.unwrap();
    assert_eq!((swept.due, swept.flagged, swept.left), (500, 200, 300));
    let swept = sweep.run_until(None).await.unwrap();
    assert_eq!((swept.due, swept.flagged, swept.left), (300, 300, 0), "the next run continues");
}
