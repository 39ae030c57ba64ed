//! Posts to a function while the table takes requests and answers none. Time passes by itself while everything waits.

use crate::log::{Hooks, SECRET};
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use http::Request;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use vestibule_domain::{TenantId, Timestamp};
use vestibule_platform::HttpResponse;
use vestibule_store::{Secret, Store};
use vestibule_webhook::proof::Proof;

const STANDARD: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// The way to the table: after so many requests it takes them and answers none.
#[derive(Clone, Debug)]
struct Stalling {
    inner: SharedHttpClient,
    left: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Way(Stalling, SharedHttpConnector);

impl HttpClient for Stalling {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Way(self.clone(), self.inner.http_connector(settings, components)))
    }
}

impl HttpConnector for Way {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let left = self.0.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(_) => self.1.call(request),
            Err(_) => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}

impl Hooks {
    /// The same whose table answers `answers` more requests.
    fn stalling_after(self, answers: usize) -> Self {
        let config = self.store_config();
        let inner = config.http_client().unwrap();
        let way = Stalling { inner, left: Arc::new(AtomicUsize::new(answers)) };
        let client = aws_sdk_dynamodb::Client::from_conf(config.to_builder().http_client(way).build());
        self.over(Store::new(client, "table"))
    }
}

/// A post of one event for each of so many devices.
fn post(devices: usize, at: Timestamp) -> Request<bytes::Bytes> {
    let events: Vec<Value> = (0..devices)
        .map(|device| {
            json!({
                "specversion": "1.0", "id": format!("{device}"), "source": "urn:test", "type": "enrollment.started",
                "time": at.to_string(),
                "data": {"device": {"serialNumber": format!("SERIAL{device:04}")}, "platform": "ios"},
            })
        })
        .collect();
    let body = json!(events).to_string().into_bytes();
    let headers = Proof::StandardWebhooks.headers(STANDARD, &body, at).unwrap();
    let request = Request::post("/hooks/contoso/enrollment-events");
    let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    request.header("content-type", "application/cloudevents-batch+json").body(body.into()).unwrap()
}

/// Answers a request while time passes by itself, and says how long that took.
async fn timed(answer: impl Future<Output = HttpResponse>) -> (HttpResponse, Duration) {
    tokio::time::pause();
    let began = Instant::now();
    let answer = answer.await;
    let took = began.elapsed();
    tokio::time::resume();
    (answer, took)
}

fn is_retried(answer: &HttpResponse, status: u16) {
    assert_eq!(answer.status().as_u16(), status, "{answer:?}");
    let seconds: u32 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
}

async fn with_a_standard_secret() -> Hooks {
    let hooks = Hooks::start().await;
    let mut tenant = hooks.store.tenant(&TenantId::parse("contoso").unwrap()).await.unwrap().unwrap();
    tenant.webhook_secrets.push(Secret::new(STANDARD));
    hooks.store.update_tenant(&mut tenant).await.unwrap();
    hooks
}

/// Forty devices in one body are more than are written at a time, so without a limit for all of them together each
/// sixteen would wait for as long as the SDK tries.
#[tokio::test]
async fn forty_devices_are_answered_in_time_and_are_stored_when_they_come_again() {
    let hooks = with_a_standard_secret().await;
    let now = hooks.instant();
    for (answers, left, most) in [
        // Not even the tenant is read.
        (0, None, 8),
        // The tenant is read, and no device.
        (1, None, 8),
        (1, Some(Duration::from_secs(20)), 8),
        // An invocation with little time left.
        (1, Some(Duration::from_secs(4)), 3),
        (1, Some(Duration::from_millis(900)), 1),
    ] {
        let stalled = hooks.again().stalling_after(answers);
        if answers > 0 {
            // Before time passes by itself: the table's thread answers in real time.
            stalled.hook.read(&post(40, now), now).await.unwrap();
        }
        let (answer, took) = timed(stalled.hook.handle_in_time(post(40, now), left)).await;
        is_retried(&answer, 503);
        assert!(took <= Duration::from_secs(most), "{answers} answers, {left:?} left: {took:?}");
    }
    let answer = hooks.hook.handle_in_time(post(40, now), None).await;
    assert_eq!(answer.status().as_u16(), 202, "{answer:?}");
}

/// Fleet sends again after 429 and no other status, whatever was the matter.
#[tokio::test]
async fn a_sender_gets_the_answer_after_which_it_sends_again_also_if_its_tenant_cannot_be_read() {
    let hooks = Hooks::start().await.stalling_after(0);
    let request = Request::post(format!("/hooks/contoso/fleet/{SECRET}"));
    let (answer, took) = timed(hooks.hook.handle_in_time(request.body("{}".into()).unwrap(), None)).await;
    is_retried(&answer, 429);
    assert!(took <= Duration::from_secs(8), "{took:?}");
}
