//! A sender of signed events, and a client of the API.

use crate::{eventually, now};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::time::Duration;
use vestibule_domain::Timestamp;
use vestibule_webhook::signature;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, byte by byte.
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads a whole response.
    pub async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    /// The headers that are the same in two equal answers: all but the time and the number of the request.
    pub fn same_headers(&self) -> HeaderMap {
        let mut same = self.headers.clone();
        for name in ["date", "x-request-id"] {
            same.remove(name);
        }
        same
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body, which must be JSON, of an answer that must have that status.
    pub fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The problem (RFC 9457), which must be well formed, of an answer that must have that status.
    pub fn problem(&self, status: u16) -> Value {
        let problem = self.ok(status);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert!(problem["type"].is_string() && problem["title"].is_string(), "{problem}");
        assert_eq!(problem["status"], status);
        problem
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// A client of the API with one token.
#[derive(Clone, Debug)]
pub struct Client {
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    /// A client with `token`; an empty one is not sent.
    pub fn new(url: &str, token: &str) -> Self {
        Self { client: client(), url: url.to_owned(), token: token.to_owned() }
    }

    /// A request.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    /// Sends a `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path).send().await.unwrap()).await
    }

    /// The answer to a `GET`, if one came before the client gave up.
    pub async fn answer(&self, path: &str) -> Option<Answer> {
        let response = self.request(Method::GET, path).send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Some(Answer { status, headers, body: response.bytes().await.ok()?.to_vec() })
    }

    /// Sends a `GET` that must succeed.
    pub async fn json(&self, path: &str) -> Value {
        self.get(path).await.ok(200)
    }

    /// Requests a report file as a person does, and waits until a newer one than the file `before` is listed. It goes the
    /// way of the nightly one.
    pub async fn next_file(&self, before: &Value) -> Value {
        let asked = self.request(Method::POST, "/api/reports/files").send().await.unwrap();
        assert_eq!(asked.status(), 202);
        eventually("a newer file", async || {
            let newest = self.json("/api/reports/files").await["files"][0].clone();
            (newest["id"] != *before).then_some(newest)
        })
        .await
    }

    /// Sends a change.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PATCH, path).json(body).send().await.unwrap()).await
    }
}

/// A sender with a tenant's secret.
#[derive(Clone, Debug)]
pub struct Sender {
    client: reqwest::Client,
    url: String,
    tenant: String,
    secret: String,
}

impl Sender {
    /// A sender to the tenant's webhooks.
    pub fn new(url: &str, tenant: &str, secret: &str) -> Self {
        Self { client: client(), url: url.to_owned(), tenant: tenant.to_owned(), secret: secret.to_owned() }
    }

    /// The same sender with another secret.
    #[must_use]
    pub fn with_secret(&self, secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..self.clone() }
    }

    /// A request to `hook`, such as `enrollment-events?backfill=true`, signed as of `at`.
    pub fn signed(&self, hook: &str, body: Vec<u8>, at: Timestamp) -> RequestBuilder {
        let id = "msg_1";
        let signature = signature::sign(&self.secret, id, at, &body).unwrap();
        self.unsigned(hook, body)
            .header("webhook-id", id)
            .header("webhook-timestamp", at.seconds())
            .header("webhook-signature", signature)
    }

    /// A request without the three headers.
    pub fn unsigned(&self, hook: &str, body: Vec<u8>) -> RequestBuilder {
        let url = format!("{}/hooks/{}/{hook}", self.url, self.tenant);
        self.client.post(url).header("content-type", "application/cloudevents+json").body(body)
    }

    /// Posts bytes, signed now.
    pub async fn bytes(&self, body: Vec<u8>) -> Answer {
        Answer::of(self.signed("enrollment-events", body, now()).send().await.unwrap()).await
    }

    /// Posts an event or a batch to a hook.
    pub async fn post_to(&self, hook: &str, body: &Value) -> Answer {
        let body = serde_json::to_vec(body).unwrap();
        Answer::of(self.signed(hook, body, now()).send().await.unwrap()).await
    }

    /// Posts an event or a batch of enrollment events.
    pub async fn post(&self, body: &Value) -> Answer {
        self.post_to("enrollment-events", body).await
    }

    /// Like [`post`](Self::post), but `None` if no answer was received.
    pub async fn try_post(&self, body: &Value) -> Option<u16> {
        let body = serde_json::to_vec(body).unwrap();
        let response = self.signed("enrollment-events", body, now()).send().await.ok()?;
        let status = response.status().as_u16();
        // Only a complete answer counts.
        response.bytes().await.ok().map(|_| status)
    }
}

/// An event of the native envelope.
pub fn event(id: &str, kind: &str, time: Timestamp, data: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "urn:test:sender", "type": kind, "time": time.to_string(), "data": data,
    })
}

/// An event of an iPhone with that serial number.
pub fn enrollment(id: &str, kind: &str, time: Timestamp, serial: &str) -> Value {
    event(id, kind, time, &json!({"device": {"serialNumber": serial}, "platform": "ios"}))
}
