//! Requests with a time limit, and their answers.

use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap, redirect::Policy};
use serde_json::Value;
use std::time::Duration;

/// If a function died, its invocation hangs in the emulator.
const LIMIT: Duration = Duration::from_secs(60);

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    pub fn text(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A request that follows no redirects.
pub fn request(method: Method, url: &str) -> RequestBuilder {
    let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(LIMIT).build().unwrap();
    client.request(method, url)
}

/// Sends it, and reads the whole answer.
pub async fn send(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    Answer { status, headers, body: answer.bytes().await.unwrap().into() }
}
