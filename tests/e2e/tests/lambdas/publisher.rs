//! The publisher when the bus fails: it names what is not on the bus, and that is delivered again.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use vestibule_domain::TenantSettings;
use vestibule_e2e::{Failing, Sink, Stack, event_at};
use vestibule_host::Functions;

/// Calls of a function: events with answers.
type Calls = Arc<Mutex<Vec<(Value, Value)>>>;

/// The functions, with another instance of the publisher whose calls are recorded.
fn observed(stack: &Stack, publisher: &'static str) -> (Functions, Calls) {
    let (calls, functions) = (Calls::default(), stack.functions(&[("event-publisher", publisher)]));
    let keep = Arc::clone(&calls);
    let observed = stack.functions(&[]).with_events("event-publisher", move |event| {
        let (functions, keep) = (functions.clone(), Arc::clone(&keep));
        async move {
            let answer = functions.call("event-publisher", event.clone()).await?;
            keep.lock().unwrap().push((event, answer.clone()));
            Ok(answer)
        }
    });
    (observed, calls)
}

/// The sequence numbers of the records that began an enrollment, and the one named as failed.
fn inserts_and_failed((event, answer): &(Value, Value)) -> (Vec<Value>, Value) {
    let records = event["Records"].as_array().unwrap().iter();
    // The delivery log's items are also new.
    let is_enrollment = |record: &Value| record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().starts_with("e#");
    let inserts = records.filter(|record| record["eventName"] == "INSERT" && is_enrollment(record));
    let numbers: Vec<Value> = inserts.map(|record| record["dynamodb"]["SequenceNumber"].clone()).collect();
    let failures = answer["batchItemFailures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "{answer}");
    (numbers, failures[0]["itemIdentifier"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_refused_by_the_bus_are_named_and_delivered_again() {
    let mut stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    stack.settle().await;
    let (broken, partial) = (Sink::start(Failing::Calls).await, Sink::start(Failing::Entries).await);
    stack.add("another", "event-publisher", &[("AWS_ENDPOINT_URL_EVENTBRIDGE", &broken.url)]);
    stack.add("one-more", "event-publisher", &[("AWS_ENDPOINT_URL_EVENTBRIDGE", &partial.url)]);
    for device in ["C02FIRST", "C02SECOND"] {
        let event = event_at("enrollment.started", device, 1, &json!({"platform": "ios"}));
        let answer = stack.post("enrollment-events", "enrollment-events", &tenancy, &event).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
    }

    // Every call fails as a whole: the first record is named again and again.
    let (functions, calls) = observed(&stack, "another");
    stack.host.settle(&functions).await.unwrap_err();
    let calls = std::mem::take(&mut *calls.lock().unwrap());
    assert!(calls.len() > 1);
    for call in &calls {
        let (inserts, failed) = inserts_and_failed(call);
        assert_eq!((inserts.len(), &failed), (2, &inserts[0]));
    }

    // One entry of two is accepted: the other's record is named, and only that one is delivered again.
    let (functions, calls) = observed(&stack, "one-more");
    stack.host.settle(&functions).await.unwrap_err();
    let calls = std::mem::take(&mut *calls.lock().unwrap());
    let (inserts, failed) = inserts_and_failed(&calls[0]);
    assert_eq!((inserts.len(), &failed), (2, &inserts[1]));
    let (inserts, failed_again) = inserts_and_failed(&calls[1]);
    assert_eq!((inserts, failed_again), (vec![failed.clone()], failed));

    assert_eq!(stack.published("EnrollmentStarted"), [Value::Null; 0]);
    stack.settle().await;
    let taken = partial.taken();
    let first: Value = serde_json::from_str(taken[0]["Detail"].as_str().unwrap()).unwrap();
    let second = stack.published("EnrollmentStarted");
    assert_eq!((taken.len(), second.len()), (1, 1));
    let keys: BTreeSet<&str> =
        [&first, &second[0]].into_iter().filter_map(|detail| detail["enrollmentKey"].as_str()).collect();
    assert_eq!(keys.len(), 2, "one of each device");
}
