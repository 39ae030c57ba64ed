//! Bad input at the webhooks gets a clear problem that names the field and repeats no value, and nothing is stored.

use serde_json::{Value, json};
use vestibule_domain::Millis;
use vestibule_program_tests::{Answer, Client, Folder, Sender, Serve, Tenant, enrollment, event, now};

/// A text that must never be repeated in an answer.
const SENT: &str = "hush-4711";

struct Setup {
    folder: Folder,
    serve: Serve,
    contoso: Tenant,
    sender: Sender,
}

fn set_up() -> Setup {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let sender = serve.sender(&contoso);
    Setup { folder, serve, contoso, sender }
}

impl Setup {
    /// Attempts that were made of what was sent.
    async fn initiated(&self) -> u64 {
        let report =
            Client::new(&self.serve.url, &self.contoso.admin).json("/api/reports/incomplete-enrollments").await;
        report["initiated"].as_u64().unwrap()
    }
}

fn good(id: &str) -> Value {
    enrollment(id, "enrollment.started", now(), &format!("SERIAL-{id}"))
}

fn echoes_nothing(answer: &Answer) {
    let text = String::from_utf8_lossy(&answer.body);
    assert!(!text.contains(SENT), "{text}");
    assert!(!text.contains("whsec_") && !text.contains("src/") && !text.contains("panicked"), "{text}");
}

#[tokio::test]
async fn a_malformed_body_is_refused_whole() {
    let setup = set_up();
    for body in [
        "",
        "{",
        "not json hush-4711",
        "{\"specversion\": \"hush-4711\"",
        "\"hush-4711\"",
        "42",
        "null",
        "[{]",
        "{} {}",
    ] {
        let answer = setup.sender.bytes(body.as_bytes().to_vec()).await;
        let problem = answer.problem(400);
        assert!(problem["detail"].is_string(), "{body}: {problem}");
        echoes_nothing(&answer);
    }
    setup.sender.bytes(vec![0xff, 0xfe, 0x00]).await.problem(400);
    let deep = "[".repeat(100_000);
    setup.sender.bytes(deep.into_bytes()).await.problem(400);
    assert_eq!(setup.initiated().await, 0);
}

#[tokio::test]
async fn an_unknown_tenant_and_a_bad_signature_give_the_same_answer() {
    let setup = set_up();
    let other = setup.folder.add_tenant("fabrikam");
    let body = || serde_json::to_vec(&good("e1")).unwrap();
    let send = async |request: reqwest::RequestBuilder| Answer::of(request.send().await.unwrap()).await;
    let url = &setup.serve.url;

    let unknown =
        send(Sender::new(url, "nobody", &setup.contoso.secret).signed("enrollment-events", body(), now())).await;
    unknown.problem(401);
    echoes_nothing(&unknown);
    let no_name = Sender::new(url, "NO_NAME", &setup.contoso.secret);
    let hook = "enrollment-events";
    let tampered = setup.sender.signed(hook, body(), now()).body(serde_json::to_vec(&good("e2")).unwrap());
    let five_minutes = Millis::from_seconds(305);
    let without = |name: &'static str| {
        let mut request = setup.sender.signed(hook, body(), now()).build().unwrap();
        request.headers_mut().remove(name);
        reqwest::RequestBuilder::from_parts(reqwest::Client::new(), request)
    };
    let with = |name: &'static str, value: &str| {
        let mut request = setup.sender.signed(hook, body(), now()).build().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        reqwest::RequestBuilder::from_parts(reqwest::Client::new(), request)
    };
    for (what, request) in [
        ("an impossible name", no_name.signed(hook, body(), now())),
        ("another tenant's secret", setup.sender.with_secret(&other.secret).signed(hook, body(), now())),
        ("another body", tampered),
        ("a stale signature", setup.sender.signed(hook, body(), now() - five_minutes)),
        ("a signature of the future", setup.sender.signed(hook, body(), now() + five_minutes)),
        ("no headers", setup.sender.unsigned(hook, body())),
        ("no id", without("webhook-id")),
        ("no timestamp", without("webhook-timestamp")),
        ("no signature", without("webhook-signature")),
        ("another id", with("webhook-id", "msg_2")),
        ("an invalid timestamp", with("webhook-timestamp", "yesterday")),
        ("a timestamp out of range", with("webhook-timestamp", "99999999999999999999")),
        ("an invalid signature", with("webhook-signature", "hush-4711")),
        ("a signature of another kind", with("webhook-signature", "v2,AAAA")),
        (
            "an unknown tenant's status page",
            Sender::new(url, "nobody", &other.secret).signed("esp-status", body(), now()),
        ),
    ] {
        let answer = send(request).await;
        assert_eq!(answer.status, 401, "{what}");
        assert_eq!(answer.body, unknown.body, "{what}");
        assert_eq!(answer.same_headers(), unknown.same_headers(), "{what}");
    }
    // A body without a valid signature is not read, so the answer does not depend on its size or form.
    let broken = send(setup.sender.with_secret(&other.secret).signed(hook, b"{".to_vec(), now())).await;
    assert_eq!(broken.body, unknown.body);

    let nearly = Millis::from_seconds(290);
    for at in [now() - nearly, now() + nearly] {
        assert_eq!(send(setup.sender.signed(hook, body(), at)).await.status, 202);
    }
    // One valid signature among several is enough.
    let mut request = setup.sender.signed(hook, body(), now()).build().unwrap();
    let fitting = request.headers()["webhook-signature"].to_str().unwrap().to_owned();
    request.headers_mut().insert("webhook-signature", format!("v1,AAAA {fitting}").parse().unwrap());
    assert_eq!(send(reqwest::RequestBuilder::from_parts(reqwest::Client::new(), request)).await.status, 202);
    assert_eq!(setup.initiated().await, 1);
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_too_large() {
    let setup = set_up();
    let mut event = good("e1");
    let padded = |event: &mut Value, size: usize| {
        event["comment"] = "".into();
        let rest = size - serde_json::to_vec(event).unwrap().len();
        event["comment"] = "x".repeat(rest).into();
        serde_json::to_vec(event).unwrap()
    };
    let fits = padded(&mut event, 1 << 20);
    assert_eq!(fits.len(), 1 << 20);
    let over = padded(&mut event, (1 << 20) + 1);
    setup.sender.bytes(over).await.problem(413);
    setup.sender.bytes(vec![b' '; 3 << 20]).await.problem(413);
    assert_eq!(setup.initiated().await, 0);
    assert_eq!(setup.sender.bytes(fits).await.ok(202)["accepted"], 1);
}

#[tokio::test]
async fn a_batch_over_five_hundred_events_is_too_large() {
    let setup = set_up();
    // All are about one device, since only their number matters here.
    let batch = |count: u32| {
        Value::Array(
            (0..count).map(|id| enrollment(&format!("e{id}"), "enrollment.started", now(), "SERIAL01")).collect(),
        )
    };
    setup.sender.post(&batch(501)).await.problem(413);
    assert_eq!(setup.initiated().await, 0);
    assert_eq!(setup.sender.post(&batch(500)).await.ok(202)["accepted"], 500);
    assert_eq!(setup.sender.post(&json!([])).await.ok(202)["results"], json!([]));
}

#[tokio::test]
async fn a_wrong_field_is_named_and_not_echoed() {
    let setup = set_up();
    let changed = |path: &str, value: Value| {
        let mut event = event(
            "e1",
            "enrollment.step.entered",
            now(),
            &json!({
                "device": {"serialNumber": "SERIAL0001"}, "user": {}, "platform": "ios", "action": "DeviceCategory", "failure": {},
            }),
        );
        *event
            .pointer_mut(&path[..path.rfind('/').unwrap()])
            .unwrap()
            .as_object_mut()
            .unwrap()
            .entry(&path[path.rfind('/').unwrap() + 1..])
            .or_insert(Value::Null) = value;
        event
    };
    let long = format!("{SENT}{}", "x".repeat(256));
    let very_long = format!("{SENT}{}", "x".repeat(2_000));
    for (pointer, value) in [
        ("/specversion", json!("0.3")),
        ("/specversion", json!(1.0)),
        ("/id", json!(4711)),
        ("/id", json!("")),
        ("/id", json!(long)),
        ("/source", Value::Null),
        ("/source", json!({})),
        ("/type", json!(["enrollment.started"])),
        ("/type", Value::Null),
        ("/time", json!("yesterday hush-4711")),
        ("/time", json!(1_767_225_600)),
        ("/time", json!("2026-02-30T00:00:00Z")),
        ("/subject", json!(7)),
        ("/data", json!("hush-4711")),
        ("/data", Value::Null),
        ("/data/device", json!("hush-4711")),
        ("/data/device/serialNumber", json!(4711)),
        ("/data/device/serialNumber", json!(long)),
        ("/data/device/udid", json!([SENT])),
        ("/data/device/mdmDeviceId", json!(true)),
        ("/data/device/name", json!({})),
        ("/data/device/model", json!(1)),
        ("/data/user", json!([])),
        ("/data/user/principalName", json!(17)),
        ("/data/user/id", json!(17)),
        ("/data/enrollmentId", json!(17)),
        ("/data/platform", json!("hush-4711")),
        ("/data/platform", json!(2)),
        ("/data/osVersion", json!(17.2)),
        ("/data/enrollmentType", json!([])),
        ("/data/section", json!("hush-4711")),
        ("/data/action", json!(3)),
        ("/data/action", json!("")),
        ("/data/screen", json!(3)),
        ("/data/userAction", json!("hush-4711")),
        ("/data/failure", json!("hush-4711")),
        ("/data/failure/code", json!([])),
        ("/data/failure/reason", json!(1)),
        ("/data/failure/message", json!(very_long)),
    ] {
        let answer = setup.sender.post(&changed(pointer, value.clone())).await;
        let problem = answer.problem(400);
        let field = pointer[1..].replace('/', ".");
        let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("{pointer} {value}: {problem}"));
        let named = errors.iter().any(|error| error["field"] == field && error["problem"].is_string());
        assert!(named, "{pointer} {value}: {problem}");
        echoes_nothing_but_the_id(&answer, &problem);
    }
    let nameless = event("e1", "enrollment.started", now(), &json!({"device": {"serialNumber": "unknown"}}));
    assert_eq!(setup.sender.post(&nameless).await.problem(400)["errors"][0]["field"], "data.device.serialNumber");
    let binary = json!({
        "specversion": "1.0", "id": "e1", "source": "urn:test", "type": "enrollment.started", "data_base64": "aHVzaA==",
    });
    assert_eq!(setup.sender.post(&binary).await.problem(400)["errors"][0]["field"], "data");
    assert_eq!(setup.initiated().await, 0);
}

/// An event is named by its id, so that its sender recognises it. Nothing else of it is repeated.
fn echoes_nothing_but_the_id(answer: &Answer, problem: &Value) {
    if problem["results"][0]["id"].as_str().is_none_or(|id| !id.contains(SENT)) {
        echoes_nothing(answer);
    }
}

#[tokio::test]
async fn a_wrong_field_of_a_status_page_event_is_named() {
    let setup = set_up();
    let data = |more: Value| {
        let mut data = json!({"device": {"serialNumber": "WINDOWS01"}, "phase": "deviceSetup", "category": "apps"});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data
    };
    for (kind, more, field) in [
        ("esp.item", json!({}), "data.item"),
        ("esp.item", json!({"item": {"id": "a", "state": SENT}}), "data.item.state"),
        ("esp.item", json!({"item": {"id": "a", "state": "completed"}, "phase": SENT}), "data.phase"),
        ("esp.item", json!({"item": {"id": "a", "state": "completed"}, "category": 4}), "data.category"),
        ("esp.tracked", json!({"items": SENT}), "data.items"),
        ("esp.started", json!({"deploymentMode": SENT}), "data.deploymentMode"),
        ("esp.started", json!({"hybridJoin": "yes"}), "data.hybridJoin"),
        ("esp.phase", json!({"state": SENT}), "data.state"),
        ("esp.action", json!({"action": SENT}), "data.action"),
        ("esp.failed", json!({"message": 5}), "data.message"),
    ] {
        let answer = setup.sender.post_to("esp-status", &event("e1", kind, now(), &data(more))).await;
        let problem = answer.problem(400);
        assert_eq!(problem["errors"][0]["field"], field, "{kind}: {problem}");
        echoes_nothing(&answer);
    }
}

#[tokio::test]
async fn a_batch_is_answered_event_by_event_and_its_valid_events_are_stored() {
    let setup = set_up();
    let mut wrong = good("e2");
    wrong["data"]["platform"] = SENT.into();
    let batch =
        json!([good("e1"), wrong, 7, good("e4"), good("e1"), enrollment("e6", "enrollment.danced", now(), "S")]);
    let answer = setup.sender.post(&batch).await;
    let reply = answer.ok(207);
    echoes_nothing(&answer);
    let statuses: Vec<_> =
        reply["results"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["accepted", "invalid", "invalid", "accepted", "duplicate", "unknownType"]);
    let count = |name: &str| reply[name].as_u64().unwrap();
    assert_eq!((count("accepted"), count("duplicates"), count("ignored"), count("rejected")), (2, 1, 1, 2));
    assert_eq!((&reply["results"][1]["id"], &reply["results"][1]["index"]), (&json!("e2"), &json!(1)));
    assert_eq!(reply["results"][1]["errors"][0]["field"], "data.platform");
    assert_eq!(setup.initiated().await, 2);

    let none = setup.sender.post(&json!([wrong, 7])).await.problem(400);
    assert_eq!(none["results"].as_array().unwrap().len(), 2);
    assert_eq!(setup.initiated().await, 2);
}

#[tokio::test]
async fn unknown_types_are_counted_and_are_not_an_error() {
    let setup = set_up();
    let reply = setup.sender.post(&enrollment("e1", "enrollment.danced", now(), "SERIAL0001")).await.ok(202);
    assert_eq!((&reply["ignored"], &reply["results"][0]["status"]), (&json!(1), &json!("unknownType")));
    // Unknown members are ignored as well.
    let mut event = good("e2");
    event["data"]["mood"] = json!({"deep": [1, 2, 3]});
    event["extension"] = "x".into();
    assert_eq!(setup.sender.post(&event).await.ok(202)["accepted"], 1);
    assert_eq!(setup.initiated().await, 1);
}

#[tokio::test]
async fn a_repeated_event_is_a_duplicate_and_changes_nothing() {
    let setup = set_up();
    let event = good("e1");
    assert_eq!(setup.sender.post(&event).await.ok(202)["accepted"], 1);
    let reply = setup.sender.post(&event).await.ok(202);
    assert_eq!((&reply["accepted"], &reply["duplicates"]), (&json!(0), &json!(1)));
    assert_eq!(setup.initiated().await, 1);
}

#[tokio::test]
async fn a_backfill_is_not_marked_as_from_a_wrong_clock() {
    let setup = set_up();
    let two_days_ago = now() - Millis::from_days(2);
    let started = |serial: &str| enrollment(serial, "enrollment.started", two_days_ago, serial);
    assert_eq!(setup.sender.post(&started("LIVE0001")).await.ok(202)["accepted"], 1);
    let back_fill = "enrollment-events?backfill=true";
    assert_eq!(setup.sender.post_to(back_fill, &started("BACK0001")).await.ok(202)["accepted"], 1);
    let ahead = enrollment("AHEAD001", "enrollment.started", now() + Millis::from_minutes(10), "AHEAD001");
    assert_eq!(setup.sender.post_to(back_fill, &ahead).await.ok(202)["accepted"], 1);

    let api = Client::new(&setup.serve.url, &setup.contoso.admin);
    for (key, skewed) in [("live0001", true), ("back0001", false), ("ahead001", true)] {
        let path = format!("/api/reports/incomplete-enrollments/attempts?enrollmentKey={key}");
        let attempts = api.json(&path).await;
        assert_eq!(attempts["attempts"][0]["clockSkew"], skewed, "{key}: {attempts}");
    }
}
