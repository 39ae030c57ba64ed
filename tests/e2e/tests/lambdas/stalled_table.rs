//! The hooks when the table takes requests and answers none.

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use vestibule_domain::TenantSettings;
use vestibule_e2e::{Answer, Stack, Stall, event_at};

/// Within this time a sender must have its answer.
const SOON: Duration = Duration::from_secs(8);

fn devices(number: usize) -> Value {
    let event =
        |device: usize| event_at("enrollment.started", &format!("C02{device:04}"), 1, &json!({"platform": "ios"}));
    (0..number).map(event).collect::<Vec<_>>().into()
}

/// One function has answered before and knows the tenant, the other has just been started. A body with forty devices is
/// more than is written at a time.
#[tokio::test(flavor = "multi_thread")]
async fn forty_devices_are_answered_within_eight_seconds_with_one_line_in_the_log() {
    let mut stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let table = Stall::before(&stack.host.endpoint.url).await;
    for (name, function) in [("another", "enrollment-events"), ("one-more", "esp-status")] {
        stack.add(name, function, &[("AWS_ENDPOINT_URL_DYNAMODB", table.url.as_str())]);
    }
    let known = stack.post("another", "enrollment-events", &tenancy, &devices(1)).await;
    assert_eq!(known.status, 202, "{}", known.text());
    table.stall();
    let began = Instant::now();
    let (warm, cold) = (devices(40), devices(40));
    let (warm, cold) = tokio::join!(
        stack.post("another", "enrollment-events", &tenancy, &warm),
        stack.post("one-more", "esp-status", &tenancy, &cold),
    );
    let took = began.elapsed();
    assert!(took < SOON, "{took:?}");
    let asks_again = |answer: &Answer| {
        assert_eq!(answer.status, 503, "{}", answer.text());
        let seconds: u32 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds));
    };
    asks_again(&warm);
    asks_again(&cold);
    assert_eq!(warm.json()["results"].as_array().map(Vec::len), Some(40), "{}", warm.text());
    for function in ["another", "one-more"] {
        let complaints = stack.complaints(function);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
    }
}
