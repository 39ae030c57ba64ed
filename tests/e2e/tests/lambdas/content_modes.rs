//! CloudEvents as their SDK and brokers deliver them, at the functions: every content mode, and the handshake before.

use serde_json::json;
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
        let told = |kind: &str, minutes| event_at(kind, &serial, minutes, &json!({"platform": "macos"}));
        json!([told("enrollment.started", 9), told("enrollment.enrolled", 3)])
    };
    for mode in MODES {
        let (url, sent) = (url.clone(), events(mode).to_string());
        let answers = tokio::task::spawn_blocking(move || deliver(&url, mode, &sent)).await.unwrap();
        assert_eq!(answers.len(), if mode == "batch" { 1 } else { 2 }, "{mode}");
        assert!(answers.iter().all(|answer| answer == "204 0"), "{mode}: {answers:?}");
    }
    // Whatever the mode, they are the events that a signed list has.
    for mode in MODES {
        let answer = stack.post(FUNCTION, FUNCTION, &tenancy, &events(mode)).await;
        assert_eq!(answer.json()["accepted"], 0, "{mode}: {}", answer.text());
        assert_eq!(answer.json()["duplicates"], 2, "{mode}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_service_is_let_in_by_the_secret_alone() {
    let stack = Stack::start().await;
    let mut tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    stack.add_source(&mut tenancy, "cloudevents", SECRET).await;
    let asks = [("webhook-request-origin", "eventgrid.azure.net"), ("webhook-request-rate", "120")];
    let path = format!("/hooks/contoso/cloudevents/{SECRET}");
    let granted = stack.options(FUNCTION, &path, &asks).await;
    assert_eq!(granted.status, 200, "{}", granted.text());
    assert_eq!(granted.header("webhook-allowed-origin"), "eventgrid.azure.net");
    assert_eq!(granted.header("webhook-allowed-rate"), "12000");
    assert!(granted.header("allow") == "POST" && granted.body.is_empty());
    for path in ["/hooks/contoso/cloudevents/nobody", "/hooks/nobody/cloudevents/nobody"] {
        let refused = stack.options(FUNCTION, path, &asks).await;
        assert_eq!(refused.status, 401, "{}", refused.text());
        assert_eq!(refused.header("webhook-allowed-origin"), "");
    }
    assert_eq!(stack.options(FUNCTION, &path, &[]).await.status, 405);
}
