//! Requests as API Gateway passes them on (payload format 2.0), and answers as it takes them.
//!
//! `lambda_http` reads such events, but it panics on some that a client can cause: a quotation mark, a space or `<` in
//! the query, or a body that is not base64. So events are read here.
//!
//! Must stay true: whatever is in an event, reading it never panics, and what is no HTTP request is answered 400, as a
//! server on one machine answers it. Only members that are used are read, so that no other one can make a request
//! unreadable.

use crate::{HttpRequest, HttpResponse, Problem};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{COOKIE, SET_COOKIE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// What a path cannot contain as it is. API Gateway passes on paths decoded, so these come from clients that encoded
/// them. It cannot be known whether a percent sign was encoded, so it stays as it is.
const NOT_IN_A_PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}');

/// Why an event is not a request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// It does not have the form of the payload, which no client can cause.
    #[error("the event does not have the form of API Gateway's payload 2.0")]
    Event,
    /// A part of the request is not HTTP.
    #[error("{0}")]
    Request(&'static str),
}

impl From<Unreadable> for HttpResponse {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Event => {
                tracing::error!("an event does not have the form of API Gateway's payload 2.0");
                Problem::bad_request().into()
            }
            Unreadable::Request(problem) => Problem::bad_request().detail(problem).into(),
        }
    }
}

/// The members of an event that are used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    raw_path: String,
    raw_query_string: Option<String>,
    cookies: Option<Vec<String>>,
    headers: Option<HashMap<String, String>>,
    request_context: Context,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

#[derive(Deserialize)]
struct Context {
    http: ContextHttp,
}

#[derive(Deserialize)]
struct ContextHttp {
    method: String,
}

/// The request that an event passes on.
pub(super) fn read(event: Value) -> Result<HttpRequest, Unreadable> {
    let event: Event = serde_json::from_value(event).map_err(|_| Unreadable::Event)?;
    let mut request = Request::new(body(event.body, event.is_base64_encoded)?);
    *request.method_mut() = Method::from_bytes(event.request_context.http.method.as_bytes())
        .map_err(|_| Unreadable::Request("The method is not one of HTTP."))?;
    *request.uri_mut() = address(&event.raw_path, event.raw_query_string.as_deref())?;
    *request.headers_mut() = headers(event.headers.unwrap_or_default(), event.cookies.unwrap_or_default())?;
    Ok(request)
}

fn body(text: Option<String>, is_base64: Option<bool>) -> Result<Bytes, Unreadable> {
    let text = text.unwrap_or_default();
    if is_base64 != Some(true) {
        return Ok(text.into());
    }
    let bytes = STANDARD.decode(text).map_err(|_| Unreadable::Request("The body is not base64."))?;
    Ok(bytes.into())
}

fn address(path: &str, query: Option<&str>) -> Result<Uri, Unreadable> {
    let path = if path.is_empty() { "/" } else { path };
    if !path.starts_with('/') {
        return Err(Unreadable::Request("The path does not begin with a slash."));
    }
    let mut address = utf8_percent_encode(path, NOT_IN_A_PATH).to_string();
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        address.push('?');
        address.push_str(query);
    }
    let address = PathAndQuery::try_from(address)
        .map_err(|_| Unreadable::Request("The path or the query contains characters that must be percent-encoded."))?;
    Ok(Uri::from(address))
}

fn headers(sent: HashMap<String, String>, cookies: Vec<String>) -> Result<HeaderMap, Unreadable> {
    let invalid = || Unreadable::Request("A header is malformed.");
    let mut headers = HeaderMap::with_capacity(sent.len() + 1);
    for (name, value) in sent {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).map_err(|_| invalid())?);
    }
    if !cookies.is_empty() {
        let cookies = HeaderValue::try_from(cookies.join("; ")).map_err(|_| invalid())?;
        headers.insert(COOKIE, cookies);
    }
    Ok(headers)
}

/// An answer as API Gateway takes it. Headers of one name are one list there, except cookies, which have a member of
/// their own.
pub(super) fn written(answer: HttpResponse) -> Value {
    let (parts, body) = answer.into_parts();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut headers = Map::new();
    for name in parts.headers.keys().filter(|name| **name != SET_COOKIE) {
        let values: Vec<String> = parts.headers.get_all(name).iter().map(text).collect();
        headers.insert(name.as_str().to_owned(), values.join(", ").into());
    }
    let cookies: Vec<String> = parts.headers.get_all(SET_COOKIE).iter().map(text).collect();
    // Answers are text, but for files of the page.
    let (body, is_base64) = match String::from_utf8(body.into()) {
        Ok(text) => (text, false),
        Err(error) => (STANDARD.encode(error.into_bytes()), true),
    };
    json!({
        "statusCode": parts.status.as_u16(),
        "headers": headers,
        "cookies": cookies,
        "body": body,
        "isBase64Encoded": is_base64,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(path: &str, query: &str) -> Value {
        json!({
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": query,
            "headers": {"host": "hooks.example", "x-list": "a,b"},
            "cookies": ["one=1", "two=2"],
            "requestContext": {"http": {"method": "POST", "path": path}, "timeEpoch": "not used"},
            "body": "aGVsbG8=",
            "isBase64Encoded": true,
        })
    }

    #[test]
    fn a_request_is_read_as_it_was_sent() {
        let request = read(event("/hooks/contoso/jamf", "backfill=true&a=%22")).unwrap();
        assert_eq!(
            (request.method(), request.uri()),
            (&Method::POST, &"/hooks/contoso/jamf?backfill=true&a=%22".parse().unwrap())
        );
        assert_eq!(&request.body()[..], b"hello");
        assert_eq!(request.headers()[COOKIE], "one=1; two=2");
        assert_eq!(
            (&request.headers()["host"], &request.headers()["x-list"]),
            (&HeaderValue::from_static("hooks.example"), &HeaderValue::from_static("a,b"))
        );
        // Members that may be missing, and a path that was decoded.
        let few =
            json!({"rawPath": "/api/devices/a \"b\"?#é", "requestContext": {"http": {"method": "GET"}}, "body": null});
        let request = read(few).unwrap();
        assert_eq!((request.uri().path(), request.uri().query()), ("/api/devices/a%20%22b%22%3F%23%C3%A9", None));
        assert!(request.body().is_empty() && request.headers().is_empty());
        assert_eq!(read(event("", "")).unwrap().uri(), "/");
    }

    /// A webhook may be reached by a Function URL, too. The event is the one of AWS's documentation.
    #[test]
    fn an_event_of_a_function_url_is_read() {
        let event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/hooks/contoso/enrollment-events",
            "rawQueryString": "",
            "headers": {"webhook-id": "msg_1", "content-type": "application/json"},
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "url-id",
                "authentication": null,
                "domainName": "url-id.lambda-url.us-west-2.on.aws",
                "domainPrefix": "url-id",
                "http": {
                    "method": "POST",
                    "path": "/hooks/contoso/enrollment-events",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.1",
                    "userAgent": "agent",
                },
                "requestId": "id",
                "routeKey": "$default",
                "stage": "$default",
                "timeEpoch": 1_583_348_638_390_u64,
            },
            "body": "{}",
            "pathParameters": null,
            "isBase64Encoded": false,
            "stageVariables": null,
        });
        let request = read(event).unwrap();
        assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/hooks/contoso/enrollment-events"));
        assert_eq!(
            (&request.body()[..], &request.headers()["webhook-id"]),
            (&b"{}"[..], &HeaderValue::from_static("msg_1"))
        );
    }

    #[test]
    fn what_is_no_request_is_refused_by_its_part() {
        for query in ["a=\"b\"", "a=b c", "a=<b>", "a=\u{7f}", "a=\n"] {
            let Err(Unreadable::Request(problem)) = read(event("/api/tenant", query)) else { panic!("{query:?}") };
            assert!(problem.contains("query"));
        }
        for (member, value) in [
            ("body", json!("no base64")),
            ("headers", json!({"a b": "c"})),
            ("headers", json!({"a": "b\nc"})),
            ("cookies", json!(["a\n"])),
            ("rawPath", json!("api")),
            ("requestContext", json!({"http": {"method": "G T"}})),
        ] {
            let mut event = event("/", "");
            event[member] = value;
            assert!(matches!(read(event), Err(Unreadable::Request(_))), "{member}");
        }
        for member in ["rawPath", "requestContext", "headers", "cookies", "body", "isBase64Encoded", "rawQueryString"] {
            let mut event = event("/", "");
            event[member] = json!(7);
            assert_eq!(read(event).unwrap_err(), Unreadable::Event, "{member}");
        }
        assert_eq!(read(Value::Null).unwrap_err(), Unreadable::Event);
        assert_eq!(HttpResponse::from(Unreadable::Event).status(), 400);
    }

    #[test]
    fn an_answer_keeps_its_lists_cookies_and_bytes() {
        let mut answer = crate::problem::whole(http::StatusCode::OK, "application/wasm", vec![0, 255]);
        for (name, value) in [("vary", "origin"), ("vary", "accept"), ("set-cookie", "a=1"), ("set-cookie", "b=2")] {
            answer.headers_mut().append(name, HeaderValue::from_static(value));
        }
        let answer = written(answer);
        assert_eq!(
            (&answer["statusCode"], &answer["isBase64Encoded"], &answer["body"]),
            (&json!(200), &json!(true), &json!("AP8="))
        );
        assert_eq!(
            (&answer["headers"]["vary"], &answer["cookies"]),
            (&json!("origin, accept"), &json!(["a=1", "b=2"]))
        );
        assert_eq!(answer["headers"].get("set-cookie"), None);
        let text = written(Problem::not_found().into());
        assert_eq!(
            (&text["isBase64Encoded"], &text["headers"]["content-type"]),
            (&json!(false), &json!("application/problem+json"))
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic(path in ".{0,20}", query in ".{0,20}", name in ".{0,8}", value in ".{0,8}", body in ".{0,12}") {
            let mut event = event(&format!("/{path}"), &query);
            event["headers"] = json!({name: value});
            event["body"] = body.into();
            if let Ok(request) = read(event) {
                prop_assert!(request.uri().path().starts_with('/'));
            }
        }
    }
}
