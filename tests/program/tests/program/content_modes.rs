//! CloudEvents as their SDK and brokers deliver them: all content modes, what a signature covers, and the handshake.

use reqwest::Method;
use serde_json::{Value, json};
use vestibule_domain::Millis;
use vestibule_program_tests::{Answer, Client, Folder, event, now};
use vestibule_test_tools::{MODES, deliver};

/// The path that `source add` prints, without the host.
fn address(folder: &Folder, tenant: &str) -> String {
    let added = folder.json(&["source", "add", tenant, "cloudevents", "--url", "https://hooks.example"]);
    added["url"].as_str().unwrap().strip_prefix("https://hooks.example").unwrap().to_owned()
}

#[tokio::test]
async fn what_the_sdk_sends_is_one_event_in_every_mode() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let path = address(&folder, "contoso");
    // These names must be encoded in a header, which only the newer interface does.
    let event_in = |mode: &str, id: &str| {
        let data = json!({"device": {"serialNumber": format!("C02-{mode}")}, "platform": "ios"});
        let mut event = event(id, "enrollment.started", now() - Millis::from_minutes(2), &data);
        event["source"] = json!(if mode.starts_with("older") { "urn:mdm" } else { "https://mdm.example/größe 1%" });
        event
    };
    for mode in MODES {
        let sent = json!([event_in(mode, &format!("{mode} 1")), event_in(mode, &format!("{mode} 2"))]);
        let (url, events) = (format!("{}{path}", serve.url), sent.to_string());
        let answers = tokio::task::spawn_blocking(move || deliver(&url, mode, &events)).await.unwrap();
        assert!(!answers.is_empty() && answers.iter().all(|answer| answer == "204 0"), "{mode}: {answers:?}");
        // The signed list has the same events, so all are duplicates.
        let answer = serve.sender(&contoso).post(&sent).await.ok(202);
        assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(0), &json!(2)), "{mode}: {answer}");
    }
    let status = Client::new(&serve.url, &contoso.admin).json("/api/devices/enrollment-status").await;
    assert_eq!(status["devices"], MODES.len(), "{status}");
    // Refused events are reported, and other events that a broker delivers are ignored.
    let post = async |kind: &str, body: &str| {
        let request = reqwest::Client::new().post(format!("{}{path}", serve.url)).body(body.to_owned());
        let attributes = [("ce-specversion", "1.0"), ("ce-id", "x"), ("ce-source", "urn:x"), ("ce-type", kind)];
        let request = attributes.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Answer::of(request.send().await.unwrap()).await
    };
    let refused = post("enrollment.started", "{}").await.problem(400);
    assert_eq!(refused["errors"][0]["field"], "data.device", "{refused}");
    assert_eq!(post("com.example.danced", "<xml/>").await.status, 204);
}

#[tokio::test]
async fn a_signature_covers_no_header() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let data = json!({"device": {"serialNumber": "C02SIGNED"}, "platform": "ios"});
    let attributes = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "msg_1"),
        ("ce-source", "urn:mdm"),
        ("ce-type", "enrollment.unenrolled"),
    ];
    for hook in ["enrollment-events", "esp-status"] {
        let mut request = serve.sender(&contoso).signed(hook, data.to_string().into_bytes(), now()).build().unwrap();
        for (name, value) in attributes {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let refused = Answer::of(reqwest::Client::new().execute(request).await.unwrap()).await.problem(400);
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("the signature does not cover") && detail.contains("`cloudevents`"), "{detail}");
    }
    let status = Client::new(&serve.url, &contoso.admin).json("/api/devices/enrollment-status").await;
    assert_eq!(status["devices"], 0, "{status}");
    let listed = folder.json(&["source", "list", "contoso"]);
    let named =
        |name: &str| listed["sources"].as_array().unwrap().iter().find(|one| one["source"] == name).unwrap().clone();
    assert_eq!(named("enrollment-events")["lastRefusal"]["reason"], "unsignedHeaders", "{listed}");
}

#[tokio::test]
async fn a_delivery_service_asks_first_and_learns_nothing_without_the_secret() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    folder.add_tenant("fabrikam");
    let path = address(&folder, "contoso");
    let secret = path.rsplit('/').next().unwrap();
    let client = Client::new(&serve.url, "");
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let request = client.request(Method::OPTIONS, path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Answer::of(request.send().await.unwrap()).await
    };
    let origin = [("webhook-request-origin", "eventgrid.azure.net")];
    let granted = ask(&path, &[origin[0], ("webhook-request-callback", "https://eventgrid.azure.net/x")]).await;
    assert_eq!((granted.status, granted.body.len()), (200, 0));
    let header = |name: &str| granted.headers[name].to_str().unwrap();
    assert_eq!(header("webhook-allowed-origin"), "eventgrid.azure.net");
    assert_eq!((header("webhook-allowed-rate"), header("allow")), ("12000", "POST"));
    // A header is accepted as well, at any sender's address, and so is a signature of an empty body.
    let shown = ask("/hooks/contoso/cloudevents", &[origin[0], ("x-vestibule-secret", secret)]).await;
    assert_eq!(shown.status, 200);
    let signed = serve.sender(&contoso).signed("enrollment-events", Vec::new(), now()).build().unwrap();
    let signed: Vec<(&str, &str)> =
        signed.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(ask("/hooks/contoso/enrollment-events", &[&signed[..], &origin].concat()).await.status, 200);

    // An unknown tenant, an unknown source and another tenant's secret get the same answer.
    let mut answers = Vec::new();
    for path in [
        "/hooks/contoso/cloudevents/hush".to_owned(),
        "/hooks/contoso/cloudevents".to_owned(),
        "/hooks/contoso/enrollment-events".to_owned(),
        "/hooks/contoso/fleet/hush".to_owned(),
        format!("/hooks/contoso/fleet/{secret}"),
        format!("/hooks/fabrikam/cloudevents/{secret}"),
        format!("/hooks/nobody/cloudevents/{secret}"),
        format!("/hooks/No%20Body/cloudevents/{secret}"),
    ] {
        let refused = ask(&path, &origin).await;
        refused.problem(401);
        answers.push((refused.same_headers(), refused.body));
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
    // Without an origin, or with an invalid host name, nothing is looked up.
    for path in [path.as_str(), "/hooks/nobody/cloudevents/hush"] {
        let nothing = ask(path, &[("access-control-request-method", "POST")]).await;
        nothing.problem(405);
        assert_eq!(nothing.headers["allow"], "POST");
        ask(path, &[("webhook-request-origin", "https://evil.example/?a")]).await.problem(400);
    }
    ask("/hooks/contoso/hush", &origin).await.problem(404);
    // A handshake does not count as a delivery.
    let listed: Value = folder.json(&["source", "list", "contoso"]);
    assert!(listed["sources"].as_array().unwrap().iter().all(|one| one["lastHeardAt"].is_null()), "{listed}");
}
