//! CloudEvents as their SDK and brokers deliver them to the functions: in every content mode, after the handshake.

use crate::hooks::passed_on;
use serde_json::{Value, json};
use vestibule_domain::TenantSettings;
use vestibule_e2e::{Stack, event_at};
use vestibule_test_tools::{MODES, deliver};

const SECRET: &str = "5e3c1f9a7b2d4e6f8091a2b3c4d5e6f7";
const FUNCTION: &str = "enrollment-events";

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_delivers_in_every_content_mode() {
    let stack = Stack::start().await;
    let mut tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    stack.add_source(&mut tenancy, "cloudevents", SECRET).await;
    let url = stack.url(FUNCTION, &format!("/hooks/contoso/cloudevents/{SECRET}"));
    let events = |mode: &str| {
        let serial = format!("C02-{mode}").to_uppercase();
        let reported = |kind: &str, minutes| event_at(kind, &serial, minutes, &json!({"platform": "macos"}));
        json!([reported("enrollment.started", 9), reported("enrollment.enrolled", 3)])
    };
    for mode in MODES {
        let (url, sent) = (url.clone(), events(mode).to_string());
        let answers = tokio::task::spawn_blocking(move || deliver(&url, mode, &sent)).await.unwrap();
        assert_eq!(answers.len(), if mode == "batch" { 1 } else { 2 }, "{mode}");
        assert!(answers.iter().all(|answer| answer == "204 0"), "{mode}: {answers:?}");
    }
    // In every mode they are the same events as in a signed list.
    for mode in MODES {
        let answer = stack.post(FUNCTION, FUNCTION, &tenancy, &events(mode)).await;
        assert_eq!(answer.json()["accepted"], 0, "{mode}: {}", answer.text());
        assert_eq!(answer.json()["duplicates"], 2, "{mode}: {}", answer.text());
    }
}

/// A handshake as the HTTP API passes it on. The emulator answers a browser's `OPTIONS` itself, so over HTTP it would
/// not reach the function.
fn asks(path: &str, headers: &Value) -> Value {
    passed_on("OPTIONS", "/hooks/{proxy+}", path, headers.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_secret_lets_a_delivery_service_in() {
    let stack = Stack::start().await;
    let mut tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    stack.add_source(&mut tenancy, "cloudevents", SECRET).await;
    let who = json!({"webhook-request-origin": "eventgrid.azure.net", "webhook-request-rate": "120"});
    let path = format!("/hooks/contoso/cloudevents/{SECRET}");
    let granted = stack.invoke(FUNCTION, &asks(&path, &who)).await;
    assert_eq!(granted["statusCode"], 200, "{granted}");
    let header = |answer: &Value, name: &str| answer["headers"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(header(&granted, "webhook-allowed-origin"), "eventgrid.azure.net", "{granted}");
    assert_eq!(header(&granted, "webhook-allowed-rate"), "12000");
    assert_eq!((header(&granted, "allow").as_str(), granted["body"].as_str().unwrap_or_default()), ("POST", ""));
    for path in ["/hooks/contoso/cloudevents/nobody", "/hooks/nobody/cloudevents/nobody"] {
        let refused = stack.invoke(FUNCTION, &asks(path, &who)).await;
        assert_eq!(refused["statusCode"], 401, "{refused}");
        assert_eq!(header(&refused, "webhook-allowed-origin"), "");
    }
    assert_eq!(stack.invoke(FUNCTION, &asks(&path, &json!({}))).await["statusCode"], 405);
}
