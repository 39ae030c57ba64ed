//! Erasures end over as many runs as they need.

use super::{BEGIN, TABLE, first};
use abandonment_sweep::Sweep;
use aws_sdk_dynamodb::Client;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use vestibule_domain::{Millis, TenantId, TenantSettings, Timestamp};
use vestibule_host::dynamodb::{DynamoDb, create_table};
use vestibule_host::{Services, Template};
use vestibule_platform::Clock;
use vestibule_store::{Begun, LookBudget, OlderFiles, Store, Subject};
use vestibule_webhook::Received;
use vestibule_webhook::cloudevents::{Parsed, parse_event};

/// Devices that others than who was erased use.
const OTHERS: usize = 60;

fn minute(minutes: i64) -> Timestamp {
    BEGIN + Millis::from_minutes(minutes)
}

async fn store_event(store: &Store, tenant: &TenantId, settings: &TenantSettings, serial: &str, user: &str) {
    let event = json!({
        "specversion": "1.0", "id": format!("{serial} {user}"), "source": "https://mdm.example",
        "type": "enrollment.started", "time": minute(1).to_string(),
        "data": {"device": {"serialNumber": serial}, "platform": "ios", "user": {"principalName": user}},
    });
    let Parsed::Event(event) = parse_event(&event, Received::native(minute(1), false)) else { unreachable!() };
    store.add_events(tenant, settings, vec![*event], minute(11)).await.unwrap();
}

/// The text of all items of a table.
async fn said(client: &Client) -> String {
    format!("{:?}", client.scan().table_name(TABLE).send().await.unwrap().items)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_tenant_is_looked_at_over_several_runs() {
    let engine = DynamoDb::start(None).unwrap();
    let client = Services::new().unwrap().with_table(&engine).clients().dynamodb;
    create_table(&client, &Template::embedded().unwrap().table, TABLE).await.unwrap();
    let store = Store::new(client.clone(), TABLE);
    first(&store, &client).await;
    let id = TenantId::parse("tenant-00000").unwrap();
    let before = store.tenant(&id).await.unwrap().unwrap();
    let stale = Store::new(client.clone(), TABLE);
    let adele = Subject::User("adele@contoso.example".to_owned());
    // Two at once share their looks.
    for (erasure, subject) in [("x", adele), ("y", Subject::User("ben@contoso.example".to_owned()))] {
        store.erase(&before, &subject, OlderFiles::Rebuild, (erasure, "tester"), minute(10)).await.unwrap();
    }
    for number in 0..OTHERS {
        let user = if number == 30 { "adele@contoso.example" } else { "cleo@contoso.example" };
        store_event(&stale, &id, &before.settings, &format!("SERIAL-{number}"), user).await;
    }
    let now = Arc::new(AtomicI64::new(12));
    let driven = now.clone();
    let clock = Clock::driven(move || minute(driven.load(Ordering::SeqCst)).millis());
    let end_files = async || {
        for erasing in store.erasings().await.unwrap() {
            store.end_erasing_of_files(&erasing).await.unwrap();
        }
    };
    end_files().await;
    let begun = store.erasings().await.unwrap();
    let run = async |minutes, deadline| {
        now.store(minutes, Ordering::SeqCst);
        // Each run is another process, as it may be.
        let sweep = Sweep::new(Store::new(client.clone(), TABLE), clock.clone()).with_looks(10);
        sweep.run_until(deadline).await.unwrap();
    };
    run(14, None).await;
    assert_eq!(store.erasings().await.unwrap(), begun, "a writer may still hold the tenant as it was");
    run(15, Some(minute(15) + Millis::from_seconds(15))).await;
    assert_eq!(store.erasings().await.unwrap(), begun, "a run begins nothing that it may not finish");
    let (mut runs, mut opened) = (0, 0);
    while !store.erasings().await.unwrap().is_empty() {
        runs += 1;
        assert!(runs < 30, "each run goes on where the one before stopped");
        run(15 + runs, Some(minute(16 + runs))).await;
        let open = store.erasings().await.unwrap();
        opened += usize::from(open.iter().any(|erasing| !erasing.files_done()));
        end_files().await;
    }
    // Two looks at sixty devices, ten in a run, for both erasures together.
    assert!((12..=17).contains(&runs), "{runs} runs");
    assert_eq!(opened, 1, "a file without what was found follows");
    let left = said(&client).await;
    assert!(!left.contains("erasing") && !left.contains("jobs"), "{left}");
    let changed = store.changed_since(&id, None, Millis::new(0)).await.unwrap();
    let all = store.load(&changed, minute(60)).await.unwrap().all().unwrap();
    assert_eq!(all.len(), OTHERS, "with the first of all, and without hers");
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_request_had_no_time_to_find_is_searched_for_over_several_runs() {
    let engine = DynamoDb::start(None).unwrap();
    let client = Services::new().unwrap().with_table(&engine).clients().dynamodb;
    create_table(&client, &Template::embedded().unwrap().table, TABLE).await.unwrap();
    let store = Store::new(client.clone(), TABLE);
    first(&store, &client).await;
    let id = TenantId::parse("tenant-00000").unwrap();
    let tenant = store.tenant(&id).await.unwrap().unwrap();
    for number in 0..OTHERS {
        let user = if number == 30 { "adele@contoso.example" } else { "cleo@contoso.example" };
        store_event(&store, &id, &tenant.settings, &format!("SERIAL-{number}"), user).await;
    }
    let adele = Subject::User("adele@contoso.example".to_owned());
    let mut budget = LookBudget::new(1, &|| true);
    let begun =
        store.erase_within(&tenant, &adele, OlderFiles::Rebuild, ("x", "tester"), &mut budget, minute(12)).await;
    assert!(matches!(begun.unwrap(), Begun::Searching(_)));
    let at_first = store.erasures_under_way(minute(12)).await.unwrap().searches;
    let run = async |minutes: i64, deadline, erases: bool| {
        let clock = Clock::driven(move || minute(minutes).millis());
        let sweep = Sweep::new(Store::new(client.clone(), TABLE), clock).with_looks(10);
        let sweep = if erases { sweep } else { sweep.without_erasures() };
        sweep.run_until(deadline).await.unwrap();
    };
    run(13, Some(minute(13) + Millis::from_seconds(15)), true).await;
    run(13, None, false).await;
    let unchanged = store.erasures_under_way(minute(13)).await.unwrap().searches;
    assert_eq!(unchanged, at_first, "a run begins nothing that it may not finish, and leaves to others what is theirs");
    let mut runs = 0;
    while store.erasures(&id, 10).await.unwrap().is_empty() {
        runs += 1;
        assert!(runs < 20, "each run goes on where the one before stopped");
        run(13 + runs, Some(minute(14 + runs)), true).await;
    }
    // A page of ten of each of the four shards in a run, and one more run that empties.
    assert!((2..=7).contains(&runs), "{runs} runs");
    let records = store.erasures(&id, 10).await.unwrap();
    assert_eq!((records[0].enrollments, records[0].events, records[0].at), (1, 1, minute(12)));
    assert!(store.erasings().await.unwrap().iter().all(|one| one.is_emptied() && one.files_done()), "it has no file");
    // Then the look for what came meanwhile, as after any erasure.
    for minutes in 40..60 {
        run(minutes, None, true).await;
    }
    assert_eq!(store.erasings().await.unwrap(), []);
    assert!(!said(&client).await.contains("erasing"));
    let changed = store.changed_since(&id, None, Millis::new(0)).await.unwrap();
    assert_eq!(store.load(&changed, minute(60)).await.unwrap().all().unwrap().len(), OTHERS, "with the first of all");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_without_a_job_are_deleted() {
    let engine = DynamoDb::start(None).unwrap();
    let client = Services::new().unwrap().with_table(&engine).clients().dynamodb;
    create_table(&client, &Template::embedded().unwrap().table, TABLE).await.unwrap();
    let store = Store::new(client.clone(), TABLE);
    first(&store, &client).await;
    let tenant = store.tenant(&TenantId::parse("tenant-00000").unwrap()).await.unwrap().unwrap();
    let adele = Subject::User("adele@contoso.example".to_owned());
    store.erase(&tenant, &adele, OlderFiles::Rebuild, ("x", "tester"), minute(10)).await.unwrap();
    let job = |name: &str| aws_sdk_dynamodb::types::AttributeValue::S(name.to_owned());
    let delete = client.delete_item().table_name(TABLE).key("pk", job("erasing")).key("sk", job("tenant-00000#x"));
    delete.send().await.unwrap();
    for (minutes, is_there) in [(69, true), (70, false)] {
        let clock = Clock::driven(move || minute(minutes).millis());
        // One machine's sweep leaves the jobs alone, and deletes them as well.
        Sweep::new(store.clone(), clock).without_erasures().run().await.unwrap();
        assert_eq!(said(&client).await.contains("erasing"), is_there, "{minutes}");
    }
}
