//! What was received from a source and with which result, as an operator sees it: counts, the last refusal, and a test
//! with an own payload.

use serde_json::{Value, json};
use vestibule_domain::Timestamp;
use vestibule_program_tests::{Client, Folder, enrollment, now};

fn of<'a>(answer: &'a Value, source: &str) -> &'a Value {
    answer["sources"].as_array().unwrap().iter().find(|one| one["source"] == source).unwrap()
}

#[tokio::test]
async fn received_deliveries_are_shown_in_the_list_and_by_the_api() {
    let folder = Folder::new();
    let tenant = folder.add_tenant("contoso");
    let added = folder.json(&["source", "add", "contoso", "fleet"]);
    let secret = added["secret"].as_str().unwrap();
    let reader = folder.json(&["token", "add", "contoso"])["token"].as_str().unwrap().to_owned();
    let serve = folder.serve();
    let (sender, began) = (serve.sender(&tenant), now());
    let event = enrollment("e1", "enrollment.started", now(), "HUSHSERIAL1");
    let other = enrollment("e2", "enrollment.danced", now(), "HUSHSERIAL1");
    let mut wrong = enrollment("e3", "enrollment.started", now(), "HUSHSERIAL1");
    wrong["data"]["platform"] = "hush".into();
    // The first request is written at once. Those that follow within the minute are written when the program stops.
    sender.post(&json!([event, event, other, wrong])).await.ok(207);
    sender.bytes(b"{hush".to_vec()).await.problem(400);
    let activity = json!({"timestamp": now().to_string(), "type": "created_pack", "details": {}}).to_string();
    let fleet = format!("{}/hooks/contoso/fleet/{secret}", serve.url);
    let answered = reqwest::Client::new().post(&fleet).body(activity).send().await.unwrap();
    assert_eq!(answered.status(), 200);
    assert!(serve.terminate().success());

    let serve = folder.serve();
    let api = Client::new(&serve.url, &reader).json("/api/sources").await;
    let listed = folder.json(&["source", "list", "contoso"]);
    for answer in [&api, &listed] {
        let native = of(answer, "enrollment-events");
        let day = native["days"].as_array().unwrap().iter().fold((0, 0), |(accepted, known), day| {
            (accepted + day["accepted"].as_u64().unwrap(), known + day["known"].as_u64().unwrap())
        });
        assert_eq!(day, (1, 1), "{native}");
        let counted = |kind: &str, name: &str| -> u64 {
            native["days"].as_array().unwrap().iter().filter_map(|day| day[kind][name].as_u64()).sum()
        };
        assert_eq!(counted("passedOver", "enrollment.danced"), 1, "{native}");
        assert_eq!((counted("refused", "invalid"), counted("refused", "notJson")), (1, 1), "{native}");
        assert_eq!(native["lastRefusal"]["reason"], "notJson");
        for member in ["lastHeardAt", "lastAcceptedAt"] {
            assert!(Timestamp::parse(native[member].as_str().unwrap()).unwrap() >= began, "{native}");
        }
        let newest = native["newest"].as_array().unwrap();
        assert_eq!((newest.len(), &newest[0]["refused"], &newest[0]["bytes"]), (2, &json!(1), &json!(5)));
        assert_eq!((&newest[1]["accepted"], &newest[1]["known"]), (&json!(1), &json!(1)));
        let fleet = of(answer, "fleet");
        assert_eq!(fleet["days"][0]["passedOver"], json!({"created_pack": 1}), "{fleet}");
        assert_eq!((&fleet["lastAcceptedAt"], &fleet["silent"]), (&Value::Null, &Value::Null));
        assert!(!answer.to_string().to_lowercase().contains("hush"), "no body is kept: {answer}");
    }
    assert!(api["sources"].as_array().unwrap().iter().all(|one| one["source"] != "jamf"), "it is not set up");
    assert_eq!(of(&listed, "jamf")["lastHeardAt"], Value::Null);
    let data = folder.data();
    let words = vestibule_program_tests::run_alone(&["source", "list", "contoso", "--data", data.to_str().unwrap()]);
    for said in
        ["last heard 20", "last accepted 20", "at least 1 accepted, 1 known, 1 passed over, 2 refused", "notJson"]
    {
        assert!(words.stdout.contains(said), "{said}: {}", words.stdout);
    }
}

#[test]
fn an_own_body_is_read_and_nothing_is_stored() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let path = folder.beside("body.json");
    for sender in vestibule_webhook::sources::SENDERS {
        folder.json(&["source", "add", "contoso", sender.name]);
        for sample in sender.samples {
            std::fs::write(&path, sample.body).unwrap();
            let tested = folder.json(&["source", "test", "contoso", sender.name, "--file", path.to_str().unwrap()]);
            let events = tested["events"].as_array().unwrap();
            assert!(!events.is_empty(), "{tested}");
            for event in events {
                let says = ["type", "ignored", "errors"].iter().filter(|member| !event[**member].is_null()).count();
                assert_eq!(says, 1, "{} of {}: {event}", sample.file, sender.name);
            }
        }
        std::fs::write(&path, "{hush").unwrap();
        let refused = folder.fails(&["source", "test", "contoso", sender.name, "--file", path.to_str().unwrap()]);
        assert!(refused.contains("400") && refused.contains("JSON") && !refused.contains("hush"), "{refused}");
    }
    let listed = folder.json(&["source", "list", "contoso"]);
    assert!(listed["sources"].as_array().unwrap().iter().all(|one| one["lastHeardAt"].is_null()), "{listed}");
}
