//! Tests: the usual handlers store what they acknowledge, so that comparing with them is honest.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::load::{Load, STEPS, TENANT};
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::Full;
use std::collections::{BTreeSet, HashMap};
use std::io::Write as _;
use tokio::net::TcpListener;
use vestibule_host::dynamodb::{DynamoDb, create_table};
use vestibule_host::{Services, Template};
use vestibule_peers::Peer;

const TABLE: &str = "benches";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[tokio::test(flavor = "multi_thread")]
async fn both_peers_store_what_they_acknowledge() {
    for peer in Peer::ALL {
        match peer.install() {
            Ok(installed) => stores(&installed).await,
            // Not by a macro, whose text the harness keeps to itself.
            Err(why) => writeln!(std::io::stderr(), "SKIPPED the peer in {}: {why}", peer.name()).unwrap(),
        }
    }
}

async fn stores(installed: &vestibule_peers::Installed) {
    let engine = DynamoDb::start(None).unwrap();
    let services = Services::new().unwrap().with_table(&engine);
    let client = services.clients().dynamodb;
    create_table(&client, &Template::embedded().unwrap().table, TABLE).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = services.endpoint(&listener).unwrap();
    tokio::spawn(services.serve(listener, std::future::pending()));
    let running = installed.start(TABLE, SECRET, endpoint.environment()).unwrap();
    let load = Load::new(running.url(), SECRET).unwrap();
    let mut connection = load.connect().await.unwrap();

    let bodies: Vec<Vec<u8>> = (0..STEPS).map(|step| load.body(1, step)).collect();
    for body in &bodies {
        assert_eq!(connection.send(load.request(body).unwrap()).await.unwrap(), StatusCode::ACCEPTED);
    }
    let stored = items(&client).await;
    let text = |item: &HashMap<String, AttributeValue>, name: &str| item.get(name)?.as_s().ok().cloned();
    let events: BTreeSet<Vec<u8>> =
        stored.iter().filter_map(|item| text(item, "body")).map(String::into_bytes).collect();
    assert_eq!(events, bodies.iter().cloned().collect(), "each event is stored as it was sent");
    let state = stored.iter().find(|item| text(item, "sk").as_deref() == Some("state")).expect("no state");
    assert_eq!(text(state, "state").as_deref(), Some("enrollment.enrolled"));
    for (index, partition) in [("due", "ds"), ("changes", "cp")] {
        let found = client.query().table_name(TABLE).index_name(index).key_condition_expression("#p = :p");
        let found = found.expression_attribute_names("#p", partition);
        let found = found.expression_attribute_values(":p", AttributeValue::S(TENANT.to_owned())).send().await.unwrap();
        assert_eq!(found.count(), 1, "the index {index} has the device");
    }

    // An older event again, what is not signed by the sender, and what is no event: none changes anything.
    let forged = Load::new(running.url(), "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let other = load.body(2, 0);
    let mut altered = load.request(&bodies[0]).unwrap();
    *altered.body_mut() = Full::new(Bytes::from(other.clone()));
    for (request, status) in [
        (load.request(&bodies[1]).unwrap(), StatusCode::ACCEPTED),
        (forged.request(&other).unwrap(), StatusCode::UNAUTHORIZED),
        (altered, StatusCode::UNAUTHORIZED),
        (load.request(b"{}").unwrap(), StatusCode::BAD_REQUEST),
        (load.request(b"[").unwrap(), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(connection.send(request).await.unwrap(), status);
    }
    let by_key = |item: &HashMap<String, AttributeValue>| text(item, "sk");
    let (mut before, mut after) = (stored, items(&client).await);
    before.sort_by_key(by_key);
    after.sort_by_key(by_key);
    assert_eq!(before, after);
}

async fn items(client: &aws_sdk_dynamodb::Client) -> Vec<HashMap<String, AttributeValue>> {
    client.scan().table_name(TABLE).send().await.unwrap().items.unwrap()
}
