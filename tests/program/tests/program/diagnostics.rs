//! Diagnostics by API and by command, and the organisation's own advice.

use serde_json::{Value, json};
use vestibule_domain::Millis;
use vestibule_program_tests::{Client, Folder, Sender, Tenant, event, eventually, now};

/// An event of a person's phone, so many seconds ago.
fn phone_event(id: &str, kind: &str, seconds: i64, person: u32, more: &Value) -> Value {
    let mut data = json!({"platform": "ios", "user": {"principalName": format!("person{person}@contoso.example")},
        "device": {"serialNumber": format!("SERIAL{person:04}"), "name": format!("Phone {person}")}});
    for (member, value) in more.as_object().unwrap() {
        data[member] = value.clone();
    }
    event(id, kind, now() - Millis::from_seconds(seconds), &data)
}

/// Three people, of whom two have the same failure, reported by name and without a code.
async fn troubled(url: &str, tenant: &Tenant) -> Client {
    let failure = json!({"failure": {"reason": "DeviceCapReached"}});
    let events = json!([
        phone_event("a1", "enrollment.started", 900, 1, &json!({})),
        phone_event("a2", "enrollment.failed", 890, 1, &failure),
        phone_event("b1", "enrollment.started", 800, 2, &json!({})),
        phone_event("b2", "enrollment.failed", 790, 2, &failure),
        phone_event("c1", "enrollment.started", 700, 3, &json!({})),
        phone_event("c2", "enrollment.enrolled", 690, 3, &json!({})),
        phone_event("c3", "enrollment.compliant", 680, 3, &json!({})),
    ]);
    let sender = Sender::new(url, &tenant.name, &tenant.secret);
    assert_eq!(sender.post(&events).await.status, 202);
    Client::new(url, &tenant.admin)
}

#[tokio::test]
async fn a_person_and_a_device_are_diagnosed_by_api_and_by_command_alike() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let api = troubled(&serve.url, &contoso).await;

    let of_user = api.json("/api/diagnostics?user=PERSON1%40contoso.example").await;
    assert_eq!(of_user["verdict"], "failing", "{of_user}");
    let finding = &of_user["findings"][0];
    assert_eq!(
        (&finding["id"], &finding["rank"], &finding["severity"]),
        (&json!("failure"), &json!(1), &json!("problem"))
    );
    assert_eq!(finding["advice"][0]["id"], "device-cap-reached");
    assert_eq!((&finding["others"]["users"], &finding["others"]["devices"]), (&json!(1), &json!(1)));
    assert_eq!(finding["others"]["platforms"], json!(["ios"]));
    assert!(finding["steps"].as_array().is_some_and(|steps| !steps.is_empty()) && finding["cause"].is_string());
    assert_eq!(
        (&of_user["everWorked"]["completedAttempts"], of_user["attempts"].as_array().unwrap().len()),
        (&json!(0), 1)
    );
    assert!(of_user["collect"].as_array().is_some_and(|collect| !collect.is_empty()));
    let of_device = api.json("/api/diagnostics?device=serial0001").await;
    assert_eq!(of_device["findings"], of_user["findings"]);
    assert_eq!(api.json("/api/diagnostics?device=Phone%203").await["verdict"], "working");
    assert_eq!(api.json("/api/diagnostics?user=nobody").await["verdict"], "notSeen");

    let by_command = folder.json(&["diagnose", "contoso", "--user", "person1@contoso.example"]);
    assert_eq!(by_command["findings"], of_user["findings"]);
    folder.fails(&["diagnose", "contoso"]);
    folder.fails(&["diagnose", "contoso", "--user", "a", "--device", "b"]);

    // People of another organisation are unknown.
    let fabrikam = Client::new(&serve.url, &folder.add_tenant("fabrikam").admin);
    assert_eq!(fabrikam.json("/api/diagnostics?user=person1@contoso.example").await["verdict"], "notSeen");
    for wrong in ["", "?user=a&device=b", "?user=%20", "?person=a", "?user=%ff"] {
        let problem = api.get(&format!("/api/diagnostics{wrong}")).await.problem(400);
        assert!(problem["detail"].is_string(), "{problem}");
    }
    Client::new(&serve.url, "").get("/api/diagnostics?user=a").await.problem(401);
}

#[tokio::test]
async fn a_failed_computer_is_not_excused_by_a_phone_and_a_name_of_two_is_a_choice() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let api = troubled(&serve.url, &contoso).await;
    // The first person's phone failed. Now another phone of theirs works, and it has the name of the third person's
    // phone.
    let second = json!({"device": {"serialNumber": "SECOND01", "name": "Phone 3"}});
    let events = json!([
        phone_event("d1", "enrollment.started", 600, 1, &second),
        phone_event("d2", "enrollment.enrolled", 590, 1, &second),
        phone_event("d3", "enrollment.compliant", 580, 1, &second),
    ]);
    assert_eq!(serve.sender(&contoso).post(&events).await.status, 202);
    let of_user = api.json("/api/diagnostics?user=person1@contoso.example").await;
    assert_eq!(of_user["verdict"], "failing", "{of_user}");
    let verdicts: Vec<_> = of_user["devices"].as_array().unwrap().iter().map(|one| &one["verdict"]).collect();
    assert_eq!(verdicts, ["failing", "working"]);
    assert_eq!(of_user["findings"][0]["enrollmentKey"], "serial0001");
    assert!(of_user["summary"].as_str().unwrap().starts_with("Phone 1 (serial0001): "), "{of_user}");
    let by_name = api.json("/api/diagnostics?device=phone%203").await;
    assert_eq!((&by_name["verdict"], &by_name["findings"]), (&json!("ambiguous"), &json!([])));
    let choices = by_name["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 2);
    for one in choices {
        let key = one["enrollmentKey"].as_str().unwrap();
        assert_eq!(api.json(&format!("/api/diagnostics?device={key}")).await["verdict"], "working");
    }
    let listed = folder.run(&["diagnose", "contoso", "--device", "Phone 3"]).stdout;
    assert!(listed.contains("second01") && listed.contains("serial0003"), "{listed}");
}

#[tokio::test]
async fn a_person_is_found_by_their_address_in_spite_of_pseudonyms() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    folder.json(&["tenant", "set", "contoso", "pseudonymise=true", "deviceLimit=1"]);
    let api = troubled(&serve.url, &contoso).await;
    let found = api.json("/api/diagnostics?user=person1%40contoso.example").await;
    assert_eq!(found["verdict"], "failing");
    assert!(!found.to_string().contains("person1@"), "{found}");
    assert_eq!(api.json("/api/diagnostics?device=Phone%201").await["verdict"], "failing");
    // The third person already has as many devices as allowed: one.
    let full = api.json("/api/diagnostics?user=person3%40contoso.example").await;
    assert_eq!(full["findings"][0]["id"], "device-limit", "{full}");
}

#[tokio::test]
async fn failures_reported_by_name_have_advice_in_the_answer_and_in_the_file() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let api = troubled(&serve.url, &contoso).await;
    let report = api.json("/api/devices/enrollment-status/failures").await;
    for entry in [&report["failures"][0], &report["reasons"][0]] {
        assert_eq!(entry["advice"][0]["id"], "device-cap-reached", "{entry}");
        assert!(entry["advice"][0]["steps"].as_array().unwrap().len() > 1);
    }
    assert_eq!(report["reasons"][0]["count"], 2);
    let file = folder.json(&["export", "contoso"]);
    let conn = rusqlite::Connection::open(file["path"].as_str().unwrap()).unwrap();
    for view in ["advice_for_failures", "advice_for_reasons"] {
        let sql = format!("SELECT advice_id FROM {view} WHERE reason = 'DeviceCapReached' AND rank = 1 LIMIT 1");
        let id: String = conn.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(id, "device-cap-reached", "{view}");
    }
}

#[tokio::test]
async fn a_deployment_may_have_its_own_advice() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.data()).unwrap();
    let own = |problem: &str| {
        json!({"format": 1, "version": "contoso-1", "entries": [{
            "id": "vpn-certificate", "codes": ["0x80000001"], "phrases": ["DeviceCapReached"], "problem": problem,
            "cause": "The old gateway.", "steps": ["Ask the network desk."], "who": ["admin"], "platforms": ["ios"],
            "sources": ["our wiki"]}]})
        .to_string()
    };
    let path = folder.data().join("advice.json");
    std::fs::write(&path, own("The VPN's certificate is old.")).unwrap();
    let contoso = folder.add_tenant("contoso");
    {
        let serve = folder.serve();
        let api = troubled(&serve.url, &contoso).await;
        let found = api.json("/api/advice/0x80000001").await;
        assert_eq!(found["meanings"][0]["id"], "vpn-certificate");
        assert!(found["catalogue"].as_str().unwrap().contains("contoso-1"));
        // Among equals the organisation's own advice comes first. The built-in advice is unchanged.
        let report = api.json("/api/devices/enrollment-status/failures").await;
        let advice = report["failures"][0]["advice"].as_array().unwrap();
        assert_eq!((&advice[0]["id"], &advice[1]["id"]), (&json!("vpn-certificate"), &json!("device-cap-reached")));
        folder.json(&["export", "contoso"]);
    }
    // A changed text causes a new file, although the version is the same.
    std::fs::write(&path, own("The gateway's certificate is old.")).unwrap();
    {
        let serve = folder.serve();
        let api = Client::new(&serve.url, &contoso.admin);
        // Until a new file is built, answers come from the one before, and say so.
        let report = eventually("the answer with the new advice", async || {
            let report = api.json("/api/devices/enrollment-status/failures").await;
            report.get("standsOn").is_none().then_some(report)
        });
        assert_eq!(report.await["failures"][0]["advice"][0]["problem"], "The gateway's certificate is old.");
    }
    // An invalid file is reported on standard error, and the program does not start with a part of it.
    std::fs::write(&path, r#"{"format": 1, "version": "x", "entries": []}"#).unwrap();
    let said = folder.fails(&["export", "contoso"]);
    assert!(said.contains("advice.json") && said.contains("no entries"), "{said}");
}
