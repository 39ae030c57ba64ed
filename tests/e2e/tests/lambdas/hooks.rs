//! The hooks as Lambda functions: encoded bodies, and a missing table.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Map, Value, json};
use vestibule_domain::TenantSettings;
use vestibule_e2e::{Stack, Tenancy, dead_endpoint, event_at};

/// An invocation by API Gateway (payload format 2.0), without a body.
pub fn passed_on(method: &str, route: &str, path: &str, headers: Value) -> Value {
    let route = format!("{method} {route}");
    json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "api",
            "domainName": "hooks.example",
            "domainPrefix": "hooks",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test"},
            "requestId": "1",
            "routeKey": route,
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000_i64,
        },
        "isBase64Encoded": false,
    })
}

/// The same with the encoded `body`.
fn encoded(tenancy: &Tenancy, body: &[u8], signed: &[u8]) -> Value {
    let path = format!("/hooks/{}/enrollment-events", tenancy.tenant.id);
    let mut headers: Map<String, Value> =
        tenancy.sign(signed).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    headers.insert("content-type".to_owned(), "application/cloudevents+json".into());
    headers.insert("host".to_owned(), "hooks.example".into());
    let mut event = passed_on("POST", "/hooks/{tenant}/enrollment-events", &path, headers.into());
    (event["body"], event["isBase64Encoded"]) = (STANDARD.encode(body).into(), true.into());
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_over_the_decoded_body() {
    let stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let data = json!({"platform": "ios", "user": {"principalName": "zoë@contoso.example"}});
    let body = event_at("enrollment.started", "C02ENCODED", 1, &data).to_string();

    let answer = stack.invoke("enrollment-events", &encoded(&tenancy, body.as_bytes(), body.as_bytes())).await;
    assert_eq!(answer["statusCode"], 202, "{answer}");
    let results: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(results["accepted"], 1);

    let as_sent = STANDARD.encode(&body);
    let answer = stack.invoke("enrollment-events", &encoded(&tenancy, body.as_bytes(), as_sent.as_bytes())).await;
    assert_eq!(answer["statusCode"], 401, "signed as it was sent: {answer}");
}

/// An invocation by a function's own address, as AWS documents it for one without credentials: no route, no parameters of a
/// path, and everything that anybody asks of the address.
fn at_its_own_address(method: &str, path: &str, query: &str, headers: &[(&str, String)], body: Option<&str>) -> Value {
    let host = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws";
    let mut all = json!({
        "host": host,
        "content-type": "application/cloudevents+json",
        "x-amzn-tls-version": "TLSv1.3",
        "x-amzn-trace-id": "Root=1-5e272390-8c398be037738dc042009320",
        "x-forwarded-for": "192.0.2.1",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    });
    for (name, value) in headers {
        all[*name] = json!(value);
    }
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": all,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": host.split('.').next(),
            "domainName": host,
            "domainPrefix": host.split('.').next(),
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"},
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": 1_773_342_238_000_i64,
        },
        "isBase64Encoded": false,
    });
    if let Some(body) = body {
        // A form that Lambda does not take for text comes encoded.
        (event["body"], event["isBase64Encoded"]) = (STANDARD.encode(body).into(), true.into());
    }
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn each_webhook_answers_at_an_address_of_its_own() {
    let stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let started = event_at("enrollment.started", "C02URL", 1, &json!({"platform": "ios"})).to_string();
    let session = json!({"platform": "windows", "sessionId": "s"});
    let session = event_at("esp.started", "C02URLESP", 1, &session).to_string();
    for (function, body) in [("enrollment-events", &started), ("esp-status", &session)] {
        let path = format!("/hooks/contoso/{function}");
        let signed: Vec<(&str, String)> = tenancy.sign(body.as_bytes()).to_vec();
        let call = async |event: Value| stack.invoke_raw(function, &event).await.json();
        let answer = call(at_its_own_address("POST", &path, "", &signed, Some(body))).await;
        assert_eq!(answer["statusCode"], 202, "{answer}");
        let results: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(results["accepted"], 1);
        let answer = call(at_its_own_address("POST", &path, "backfill=true", &signed, Some(body))).await;
        let results: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(results["duplicates"], 1, "{answer}");
        // A delivery service asks at the address that it will deliver to.
        let mut asked = tenancy.sign(b"").to_vec();
        asked.push(("webhook-request-origin", "eventgrid.azure.net".to_owned()));
        let answer = call(at_its_own_address("OPTIONS", &path, "", &asked, None)).await;
        assert_eq!((&answer["statusCode"], &answer["headers"]["allow"]), (&json!(200), &json!("POST")), "{answer}");
        // What the API's routes keep from a function at the API comes to it here.
        for (method, path, headers, status) in [
            ("POST", path.as_str(), &[][..], 401),
            ("GET", path.as_str(), &signed[..], 405),
            ("DELETE", path.as_str(), &signed[..], 405),
            ("GET", "/", &[], 405),
            ("POST", "/", &signed[..], 404),
            ("POST", "/api/tenant", &signed[..], 404),
            ("POST", "/hooks/contoso/no-such-source", &signed[..], 404),
            ("POST", "/hooks/../api/tenant", &signed[..], 404),
        ] {
            let answer = call(at_its_own_address(method, path, "", headers, Some(body))).await;
            assert_eq!(answer["statusCode"], status, "{function}: {method} {path}: {answer}");
            assert!(answer["body"].as_str().unwrap().starts_with('{'), "{answer}");
        }
        assert!(!stack.has_panicked(function));
    }
    let answer = stack.ask("admin-api", Method::GET, &tenancy, "/api/devices/enrollment-status").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["devices"]), (200, &json!(2)), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_esp_events_is_a_session_of_a_device() {
    let stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let session = |data: Value| {
        let mut data = data;
        data["sessionId"] = "session-1".into();
        data["platform"] = "windows".into();
        data
    };
    let events = json!([
        event_at("esp.started", "C02ESP", 6, &session(json!({"deploymentMode": "userDriven"}))),
        event_at("esp.phase", "C02ESP", 5, &session(json!({"phase": "devicePreparation", "state": "started"}))),
        event_at("esp.phase", "C02ESP", 4, &session(json!({"phase": "devicePreparation", "state": "completed"}))),
        event_at("esp.phase", "C02ESP", 3, &session(json!({"phase": "deviceSetup", "state": "started"}))),
    ]);
    let answer = stack.post("esp-status", "esp-status", &tenancy, &events).await;
    assert_eq!((answer.status.as_u16(), answer.json()["accepted"].as_u64()), (202, Some(4)), "{}", answer.text());
    let again = stack.post("esp-status", "esp-status", &tenancy, &events).await;
    assert_eq!(again.json()["duplicates"], 4);

    let path = "/api/devices/enrollment-status/active";
    let answer = stack.ask("admin-api", Method::GET, &tenancy, path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let active = answer["active"].as_array().unwrap();
    assert_eq!(active.len(), 1, "{answer}");
    assert!(active[0]["sessionId"].is_string(), "{answer}");
    assert_eq!(active[0]["platform"], "windows");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_table_a_sender_is_asked_to_try_again() {
    let mut stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let nowhere = dead_endpoint();
    let changed = [("AWS_ENDPOINT_URL_DYNAMODB", nowhere.as_str())];
    stack.add("another", "enrollment-events", &changed);
    stack.add("one-more", "admin-api", &changed);

    let event = event_at("enrollment.started", "C02DOWN", 1, &json!({"platform": "ios"}));
    let answers = [
        stack.post("another", "enrollment-events", &tenancy, &event).await,
        stack.ask("one-more", Method::GET, &tenancy, "/api/devices/enrollment-status").await,
    ];
    for answer in answers {
        assert_eq!(answer.status, 503, "{}", answer.text());
        let seconds: u32 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds));
        assert_eq!(answer.header("content-type"), "application/problem+json");
        // The answer reveals nothing internal.
        assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    }
}
