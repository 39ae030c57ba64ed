//! The publisher over a real table and a real bus: records that can't be read are set aside, and each image is
//! published with its own instant, settings and version.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::config::HttpClient;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use event_publisher::Publisher;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use vestibule_conformance::fixtures::{Device, minute, settings, tenant};
use vestibule_conformance::{Engine, Item, Table};
use vestibule_domain::event::Event;
use vestibule_domain::{Kind, TenantSettings, Timestamp};
use vestibule_host::Services;
use vestibule_platform::{Bus, Clock, Config};
use vestibule_store::{Cause, Image, ItemKey, Store};

struct Published {
    table: Table,
    publisher: Publisher,
    bus: vestibule_host::Bus,
    _folder: tempfile::TempDir,
}

async fn start() -> Published {
    let table = Engine::embedded().table().await;
    let folder = tempfile::tempdir().unwrap();
    let bus = vestibule_host::Bus::open(folder.path(), "vestibule").unwrap();
    let way = Services::new().unwrap().with_bus(bus.clone()).http_client();
    let publisher = at_bus(&table, way, Clock::system());
    Published { table, publisher, bus, _folder: folder }
}

/// A publisher that reaches its bus by this way.
pub fn at_bus(table: &Table, way: impl HttpClient + 'static, clock: Clock) -> Publisher {
    over(table.another_store(), table, way, clock)
}

/// The same, with this store of the table.
fn over(store: Store, table: &Table, way: impl HttpClient + 'static, clock: Clock) -> Publisher {
    let config = Config {
        table: table.name.clone(),
        bucket: "none".to_owned(),
        bus: "vestibule".to_owned(),
        source: "vestibule".to_owned(),
        advice: None,
        staleness_ms: 0,
    };
    let clients = Services::new().unwrap().clients();
    let events = clients.events.config().to_builder().http_client(way).build();
    let on_bus = Bus::new(aws_sdk_eventbridge::Client::from_conf(events), &config);
    Publisher::new(store, on_bus, clock)
}

/// The stream record of a new device's first event.
pub async fn record_of(table: &Table, serial: &str, at: Timestamp) -> Value {
    let before = table.heads().await;
    let event = Device::serial(serial).reports(serial, Kind::Started, at);
    table.store.add_events(&tenant(), &settings(), vec![event], at).await.unwrap();
    let key = table.heads().await.into_iter().find(|key| !before.contains(key)).unwrap();
    record(at, None, table.item(&key).await.as_ref())
}

impl Published {
    /// Adds an event and returns the stream record of the write.
    async fn record(&self, key: Option<&ItemKey>, settings: &TenantSettings, event: Event, now: Timestamp) -> Value {
        let before = match key {
            Some(key) => self.table.item(key).await,
            None => None,
        };
        self.table.store.add_events(&tenant(), settings, vec![event], now).await.unwrap();
        let key = match key {
            Some(key) => key.clone(),
            None => self.table.heads().await.pop().unwrap(),
        };
        record(now, before.as_ref(), self.table.item(&key).await.as_ref())
    }

    async fn handle(&self, records: Vec<Value>) -> Value {
        self.publisher.handle(json!({"Records": records})).await.unwrap()
    }

    /// What is on the bus: transitions and details, by revision.
    fn on_bus(&self) -> Vec<(String, Value)> {
        let events = self.bus.events().unwrap().into_iter();
        let mut events: Vec<(String, Value)> =
            events.map(|event| (event["detail-type"].as_str().unwrap().to_owned(), event["detail"].clone())).collect();
        events.sort_by_key(|(_, detail)| detail["revision"].as_str().unwrap().to_owned());
        events
    }
}

fn record(at: Timestamp, old: Option<&Item>, new: Option<&Item>) -> Value {
    let keys = new.or(old).unwrap();
    let mut dynamodb = json!({
        "Keys": {"pk": value(&keys["pk"]), "sk": value(&keys["sk"])},
        "SequenceNumber": format!("{:021}", at.millis()),
        "SizeBytes": 1,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
        "ApproximateCreationDateTime": at.seconds(),
    });
    for (name, item) in [("OldImage", old), ("NewImage", new)] {
        if let Some(item) = item {
            let image: Map<String, Value> = item.iter().map(|(name, one)| (name.clone(), value(one))).collect();
            dynamodb[name] = Value::Object(image);
        }
    }
    json!({"eventID": "1", "eventName": "MODIFY", "eventVersion": "1.1", "awsRegion": "us-east-1",
        "eventSource": "aws:dynamodb", "eventSourceARN": "arn:aws:dynamodb:us-east-1:0:table/t/stream/1",
        "dynamodb": dynamodb})
}

fn value(one: &AttributeValue) -> Value {
    match one {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::B(blob) => json!({"B": STANDARD.encode(blob.as_ref())}),
        AttributeValue::L(list) => json!({"L": list.iter().map(value).collect::<Vec<_>>()}),
        other => panic!("unexpected attribute {other:?}"),
    }
}

/// A record whose history does not decode comes between two that do: both are published, the shard continues, and an
/// operator finds the key.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_is_set_aside() {
    let world = start().await;
    let mut records = Vec::new();
    for (serial, at) in [("serial-1", minute(1)), ("serial-2", minute(2)), ("serial-3", minute(3))] {
        let before = world.table.heads().await;
        let event = Device::serial(serial).reports(serial, Kind::Started, at);
        world.table.store.add_events(&tenant(), &settings(), vec![event], at).await.unwrap();
        let key = world.table.heads().await.into_iter().find(|key| !before.contains(key)).unwrap();
        let mut item = world.table.item(&key).await.unwrap();
        if serial == "serial-2" {
            item.insert("d".to_owned(), AttributeValue::B(Blob::new(vec![3, 1, 2, 3])));
        }
        records.push((key, record(at, None, Some(&item))));
    }
    let unreadable = records[1].0.clone();
    let answer = world.handle(records.into_iter().map(|(_, record)| record).collect()).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    let keys: Vec<Value> = world.on_bus().into_iter().map(|(_, detail)| detail["enrollmentKey"].clone()).collect();
    assert_eq!(keys, ["serial-1", "serial-3"]);
    let letters = world.table.store.dead_letters(10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].item, unreadable.as_str());
    assert!(!letters[0].reason.is_empty());
    world.table.drop().await;
}

/// Records of one enrollment need the same segments. Each is read once, however many of them are in a batch, so that what
/// a batch costs does not depend on how fast the table answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_many_records_of_a_batch_need_is_read_once() {
    let world = start().await;
    let device = Device::serial("serial-1");
    let mut records = Vec::new();
    let mut key = None;
    for n in 1..=120 {
        // Ids that deflate badly, as those of real senders do.
        let id = format!("{:032x}", (n as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        let event = device.reports(&id, Kind::Started, minute(n));
        records.push(world.record(key.as_ref(), &settings(), event, minute(n)).await);
        key = world.table.heads().await.pop();
    }
    let head = world.table.item(key.as_ref().unwrap()).await.unwrap();
    let segments = Image::decode(&head).unwrap().unwrap().segments.len() as u64;
    assert!(segments > 0);

    let store = world.table.another_store();
    let way = Services::new().unwrap().with_bus(world.bus.clone()).http_client();
    let publisher = over(store.clone(), &world.table, way, Clock::system());
    let answer = publisher.handle(json!({"Records": records})).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}));
    let read = store.meter().by_cause()[&Cause::Segments];
    assert!(read.calls <= segments, "{read:?}, with {segments} segments");
    world.table.drop().await;
}

/// After a change of settings, what it alters is published: the old image is folded under the earlier settings, the new
/// one under its own.
#[tokio::test(flavor = "multi_thread")]
async fn each_image_is_folded_under_its_own_settings() {
    let world = start().await;
    let mut contoso = crate::new_tenant(tenant(), TenantSettings::default(), minute(0));
    world.table.store.create_tenant(&mut contoso).await.unwrap();
    let device = Device::serial("serial-1");
    let first = world.record(None, &contoso.settings, device.reports("1", Kind::Started, minute(1)), minute(1)).await;
    let key = world.table.heads().await.pop().unwrap();
    let enrolled = device.reports("2", Kind::Enrolled, minute(2));
    let second = world.record(Some(&key), &contoso.settings, enrolled, minute(2)).await;
    world.handle(vec![first, second]).await;
    // From here on, `enrolled` alone completes an attempt.
    contoso.settings.require_compliance = false;
    world.table.store.update_tenant(&mut contoso).await.unwrap();
    let job = world.table.store.refold_of(&tenant()).await.unwrap().unwrap();
    let before = world.table.item(&key).await;
    world.table.store.go_on_refolding(job, &contoso.settings, minute(10), 100).await.unwrap();
    let after = world.table.item(&key).await;
    world.handle(vec![record(minute(10), before.as_ref(), after.as_ref())]).await;
    let published = world.on_bus();
    let kinds: Vec<&str> = published.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["EnrollmentStarted", "EnrollmentCompleted"]);
    // The stream repeats a record, which gives the same ids.
    world.handle(vec![record(minute(10), before.as_ref(), after.as_ref())]).await;
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    for (_, detail) in world.on_bus() {
        *ids.entry(detail["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(ids.into_values().collect::<Vec<_>>().iter().sum::<usize>(), 3);
    world.table.drop().await;
}
