//! The address that is given to whoever sets a sender up.

use crate::browser_sessions::Setup;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use vestibule_platform::Access;
use vestibule_platform::config::HookAddresses;

/// The address that a new secret of a sender comes with.
async fn address(setup: &Setup, token: &str, source: &str) -> String {
    let path = format!("/api/sources/{source}/secrets");
    let request = http::Request::builder().method(Method::POST).uri(path);
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let body = json!({"url": "https://page.example"}).to_string();
    let answer = setup.api.handle(request.body(body.into()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::CREATED, "{:?}", answer.body());
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    let url = body["url"].as_str().unwrap();
    assert!(body["settings"].as_str().unwrap().contains(url), "{body}");
    url.to_owned()
}

#[tokio::test]
async fn a_sender_is_given_the_address_of_its_function_if_that_has_one() {
    let named = |name: &str| Some(format!("https://{name}.lambda-url.eu-central-1.on.aws/"));
    let hooks = HookAddresses { enrollment_events: named("events"), esp_status: named("sessions") };
    let setup = Setup::new(Access { hooks, ..Access::default() }).await;
    let token = setup.tenant("contoso", None).await;
    for (source, expected) in [
        ("enrollment-events", "https://events.lambda-url.eu-central-1.on.aws/hooks/contoso/enrollment-events"),
        ("jamf", "https://events.lambda-url.eu-central-1.on.aws/hooks/contoso/jamf"),
        ("esp-status", "https://sessions.lambda-url.eu-central-1.on.aws/hooks/contoso/esp-status"),
    ] {
        let given = address(&setup, &token, source).await;
        assert_eq!(given, expected);
    }

    let setup = Setup::new(Access::default()).await;
    let token = setup.tenant("contoso", None).await;
    let given = address(&setup, &token, "esp-status").await;
    assert_eq!(given, "https://page.example/hooks/contoso/esp-status");
}
