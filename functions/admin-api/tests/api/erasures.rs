//! What is answered about an erasure whose person no request has time to find.

use crate::lost_answers::{Contoso, api, ask};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use vestibule_conformance::fixtures::{Device, minute, tenant};
use vestibule_domain::Kind;
use vestibule_platform::Clock;
use vestibule_store::LookBudget;

const ADELE: &str = "adele@contoso.example";

/// A tenant with this many devices of others', and one of Adele's.
async fn filled(devices: usize) -> Contoso {
    let contoso = Contoso::new().await;
    let settings = contoso.stored().await.settings;
    let others = (0..devices).map(|number| (format!("BENS-{number}"), "ben@contoso.example"));
    for (serial, user) in others.chain([("ADELES-1".to_owned(), ADELE)]) {
        let event = Device::serial(serial).and_user(user).reports("1", Kind::Started, minute(0));
        contoso.table.store.add_events(&tenant(), &settings, vec![event], minute(1)).await.unwrap();
    }
    contoso
}

fn all_are(erasure: &Value, expected: impl Fn(&Value) -> bool) -> bool {
    ["enrollments", "shared", "events", "webEnrollmentDays", "unreadable"].iter().all(|count| {
        let count = erasure.get(count);
        count.is_some_and(&expected)
    })
}

#[tokio::test]
async fn a_search_without_time_is_answered_and_goes_on() {
    let contoso = filled(20).await;
    let api = api(contoso.table.store.clone()).with_searches(3);
    let token = Some(contoso.token.as_str());
    let body = json!({"user": ADELE});
    let (status, begun) = ask(&api, Method::POST, "/api/erasures", token, &body).await;
    assert_eq!((status, &begun["searching"], &begun["sharedIds"]), (StatusCode::ACCEPTED, &json!(true), &Value::Null));
    assert!(all_are(&begun["erasure"], Value::is_null), "nobody knows how much it is: {begun}");
    assert_eq!((&begun["erasure"]["at"], &begun["erasure"]["subject"]), (&begun["asOf"], &json!("user")), "{begun}");
    let listed = async || {
        let (status, listed) = ask(&api, Method::GET, "/api/erasures", token, &Value::Null).await;
        assert_eq!(status, StatusCode::OK);
        assert!(!listed.to_string().contains("adele"), "{listed}");
        listed["erasures"].as_array().unwrap().clone()
    };
    let open = json!({"erasure": begun["erasure"], "searching": true, "ended": false});
    assert_eq!(listed().await, [open]);
    // A device is found at once.
    let (status, device) = ask(&api, Method::POST, "/api/erasures", token, &json!({"device": "BENS-7"})).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!((&device["searching"], &device["erasure"]["enrollments"]), (&json!(false), &json!(1)), "{device}");
    assert_eq!(listed().await.len(), 2);
    // Whoever ends erasures goes on with it.
    let store = &contoso.table.store;
    let mut searches = store.erasures_under_way(minute(2)).await.unwrap().searches;
    let search = searches.remove(0);
    assert!(store.go_on_searching(&search, &mut LookBudget::unlimited(), minute(2)).await.unwrap());
    let found = listed().await.into_iter().find(|one| one["erasure"]["id"] == begun["erasure"]["id"]).unwrap();
    assert_eq!((&found["searching"], &found["ended"]), (&json!(false), &json!(false)), "segments are left: {found}");
    assert!(all_are(&found["erasure"], Value::is_u64), "{found}");
    assert_eq!((&found["erasure"]["enrollments"], &found["erasure"]["at"]), (&json!(1), &begun["asOf"]));
}

/// A minute passes with each look at the clock.
#[tokio::test]
async fn a_request_searches_as_long_as_it_may() {
    for (left, searching) in
        [(None, true), (Some(Duration::from_secs(3)), true), (Some(Duration::from_secs(900)), false)]
    {
        let contoso = filled(3).await;
        let seconds = AtomicI64::new(0);
        let clock = Clock::driven(move || minute(1).millis() + 1_000 * seconds.fetch_add(30, Ordering::SeqCst));
        let api = Arc::new(crate::lost_answers::api_at(contoso.table.store.clone(), clock));
        let request = http::Request::post("/api/erasures")
            .header("authorization", format!("Bearer {}", contoso.token))
            .body(json!({"user": ADELE}).to_string().into())
            .unwrap();
        let answer = api.handle_in_time(request, left).await;
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        // Four enrollments are one page of each shard, after which there is no time left.
        assert_eq!(answer["searching"], searching, "{left:?} {answer}");
    }
}
