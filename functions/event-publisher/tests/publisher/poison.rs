//! Records that can never be published. Each is set aside with its key and without what it holds, and the shard goes on.

use crate::records::{at_bus, record_of};
use aws_sdk_eventbridge::config::{HttpClient, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use event_publisher::Publisher;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use vestibule_conformance::fixtures::{minute, tenant};
use vestibule_conformance::{Engine, Table};
use vestibule_domain::{Millis, Timestamp};
use vestibule_platform::Clock;
use vestibule_store::DeadLetter;

/// A bus that refuses what is about one device, and may be down.
#[derive(Clone, Debug, Default)]
struct Picky {
    taken: Arc<Mutex<Vec<Value>>>,
    is_down: Arc<AtomicBool>,
}

const REFUSED: &str = "serial-2";

impl HttpClient for Picky {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Picky {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if self.is_down.load(Ordering::SeqCst) {
            return HttpConnectorFuture::ready(Err(ConnectorError::io("the bus is down".into())));
        }
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let mut results = Vec::new();
        for entry in body["Entries"].as_array().unwrap() {
            let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
            if detail["enrollmentKey"] == REFUSED {
                results.push(json!({"ErrorCode": "MalformedDetail", "ErrorMessage": "no"}));
            } else {
                results.push(json!({"EventId": "1"}));
                self.taken.lock().unwrap().push(detail["enrollmentKey"].clone());
            }
        }
        let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
        let answer = json!({"FailedEntryCount": failed, "Entries": results}).to_string();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), answer.into())))
    }
}

struct World {
    table: Table,
    bus: Picky,
    publisher: Publisher,
}

impl World {
    /// A publisher at this instant.
    async fn start(now: Timestamp) -> Self {
        let (table, bus) = (Engine::embedded().table().await, Picky::default());
        let publisher = at_bus(&table, bus.clone(), Clock::driven(move || now.millis()));
        Self { table, bus, publisher }
    }

    async fn handle(&self, records: Vec<Value>) -> Value {
        self.publisher.handle(json!({"Records": records})).await.unwrap()
    }

    /// What is on the bus, without repeats.
    fn taken(&self) -> Vec<Value> {
        let mut taken = self.bus.taken.lock().unwrap().clone();
        taken.sort_by_key(ToString::to_string);
        taken.dedup();
        taken
    }

    async fn letters(&self) -> Vec<DeadLetter> {
        self.table.store.dead_letters(10).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_set_aside_with_its_key_and_without_what_it_holds() {
    let world = World::start(minute(10)).await;
    let mut records = Vec::new();
    for (serial, at) in [("serial-1", 1), (REFUSED, 2), ("serial-3", 3), ("serial-4", 4)] {
        records.push(record_of(&world.table, serial, minute(at)).await);
    }
    // It has not the form of a record: a person's name stands where a map must be.
    records[2]["dynamodb"]["NewImage"] = json!("zoe@contoso.example");
    let keys: Vec<String> =
        records.iter().map(|record| record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().to_owned()).collect();
    let numbers: Vec<&str> =
        records.iter().map(|record| record["dynamodb"]["SequenceNumber"].as_str().unwrap()).collect();
    assert_eq!(world.handle(records.clone()).await, json!({"batchItemFailures": []}));
    assert_eq!(world.taken(), ["serial-1", "serial-4"]);
    let letters = world.letters().await;
    let named: Vec<(&str, &str)> =
        letters.iter().map(|letter| (letter.item.as_str(), letter.sequence_number.as_str())).collect();
    assert_eq!(named, [(keys[1].as_str(), numbers[1]), (keys[2].as_str(), numbers[2])]);
    for letter in &letters {
        assert!(letter.item.starts_with(&format!("e#{}#", tenant())), "the tenant is named: {letter:?}");
        let all = format!("{letter:?}");
        assert!(!all.contains("zoe") && !all.contains("serial-"), "{all}");
    }
    assert!(letters[0].reason.contains("MalformedDetail"), "{letters:?}");
    // The stream repeats it.
    world.handle(records).await;
    assert_eq!(world.letters().await.len(), 2);
    world.table.drop().await;
}

/// The stream keeps a record for a day, and what Lambda itself sets aside then has no keys.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_stream_is_about_to_lose_is_written_down_and_still_tried() {
    let now = minute(10) + Millis::from_minutes(24 * 60);
    let world = World::start(now).await;
    world.bus.is_down.store(true, Ordering::SeqCst);
    let mut records = Vec::new();
    // The first two are a day old, less some minutes.
    for (serial, at) in [("serial-1", minute(11)), ("serial-3", minute(12)), ("serial-4", now)] {
        records.push(record_of(&world.table, serial, at).await);
    }
    let first = records[0]["dynamodb"]["SequenceNumber"].clone();
    let answer = world.handle(records.clone()).await;
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": first}]}), "all wait for the bus");
    let items: Vec<String> = world.letters().await.into_iter().map(|letter| letter.item).collect();
    let keys: Vec<&str> =
        records[..2].iter().map(|record| record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap()).collect();
    assert_eq!(items, keys);
    world.bus.is_down.store(false, Ordering::SeqCst);
    assert_eq!(world.handle(records).await, json!({"batchItemFailures": []}));
    assert_eq!(world.taken(), ["serial-1", "serial-3", "serial-4"]);
    world.table.drop().await;
}
