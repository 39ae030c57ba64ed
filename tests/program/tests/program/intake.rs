//! How unusual events are handled: older than the retention, with a placeholder as identifier, with another spelling,
//! and sent again with another id.

use serde_json::{Value, json};
use vestibule_domain::{Millis, Timestamp};
use vestibule_program_tests::{Client, Folder, enrollment, event, eventually, now, run_alone};

/// A device's whole enrollment, so many days ago.
fn enrolled(name: &str, days: i64) -> Vec<Value> {
    let at = |minutes: i64| now() - Millis::from_days(days) + Millis::from_minutes(minutes);
    let event_at = |kind: &str, minutes: i64| enrollment(&format!("{name}-{kind}"), kind, at(minutes), name);
    vec![event_at("enrollment.started", 0), event_at("enrollment.enrolled", 60), event_at("enrollment.compliant", 70)]
}

fn statuses(answer: &Value) -> Vec<&str> {
    answer["results"].as_array().unwrap().iter().map(|result| result["status"].as_str().unwrap()).collect()
}

/// Attempts in a file exported now.
fn attempts(folder: &Folder) -> i64 {
    let exported = folder.json(&["export", "contoso"]);
    let conn = rusqlite::Connection::open(exported["path"].as_str().unwrap()).unwrap();
    conn.query_row("SELECT count(*) FROM enrollment_attempts WHERE outcome = 'completed'", [], |row| row.get(0))
        .unwrap()
}

#[tokio::test]
async fn an_event_older_than_the_retention_is_answered_so_and_may_come_again() {
    let folder = Folder::new();
    let serve = folder.serve();
    let sender = serve.sender(&folder.add_tenant("contoso"));
    let hook = "enrollment-events?backfill=true";
    let (old, young) = (enrolled("GIVEOLD014", 60), enrolled("GIVEYOUNG014", 20));

    // Alone and among others, it is no error, and the others are stored.
    let single = sender.post_to(hook, &old[0]).await.ok(202);
    assert_eq!((statuses(&single), &single["ignored"]), (vec!["tooOld"], &json!(1)));
    let both: Vec<Value> = old.iter().chain(&young).cloned().collect();
    let batch = sender.post_to(hook, &json!(both)).await.ok(202);
    assert_eq!(statuses(&batch), ["tooOld", "tooOld", "tooOld", "accepted", "accepted", "accepted"]);
    assert_eq!(batch["results"][0]["id"], old[0]["id"]);
    assert_eq!(attempts(&folder), 1);

    // Nothing of it was stored: a longer retention does not restore it, but sending it again does.
    folder.json(&["tenant", "set", "contoso", "retentionDays=400"]);
    assert_eq!(attempts(&folder), 1);
    // Before the webhook refuses an old event, it reads the tenant again, at most once a second.
    let taken = eventually("the old event is accepted", async || {
        let again = sender.post_to(hook, &json!(old)).await.ok(202);
        (statuses(&again) != ["tooOld"; 3]).then_some(again)
    });
    assert_eq!(statuses(&taken.await), ["accepted"; 3]);
    // The operator's import does the same.
    let path = folder.beside("old.ndjson");
    std::fs::write(&path, old.iter().map(|event| format!("{event}\n")).collect::<String>()).unwrap();
    let imported = folder.json(&["import", "contoso", path.to_str().unwrap()]);
    assert_eq!((&imported["duplicates"], &imported["tooOld"]), (&json!(3), &json!(0)));
    assert_eq!(attempts(&folder), 2);
}

/// After a retention was lowered and raised again, events that the lower one erased are accepted when they are sent
/// again, and those that remained in the table are known and visible.
#[test]
fn what_a_shorter_retention_erased_may_come_again() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    folder.json(&["tenant", "set", "contoso", "retentionDays=400"]);
    let path = folder.beside("old.ndjson");
    let old = enrolled("GIVEOLD014", 60);
    std::fs::write(&path, old.iter().map(|event| format!("{event}\n")).collect::<String>()).unwrap();
    let import = || {
        let imported = folder.json(&["import", "contoso", path.to_str().unwrap()]);
        ["accepted", "duplicates", "tooOld"].map(|name| imported[name].as_u64().unwrap())
    };
    assert_eq!(import(), [3, 0, 0]);
    assert_eq!(attempts(&folder), 1);
    // Attempts that ended up to a week before the retention are no longer visible, but still stored.
    for (days, is_erased) in [(55, false), (30, true), (30, true)] {
        folder.json(&["tenant", "set", "contoso", &format!("retentionDays={days}")]);
        assert_eq!(attempts(&folder), 0);
        folder.json(&["tenant", "set", "contoso", "retentionDays=400"]);
        assert_eq!(attempts(&folder), i64::from(!is_erased));
        assert_eq!(import(), if is_erased { [3, 0, 0] } else { [0, 3, 0] });
        assert_eq!(attempts(&folder), 1);
        assert_eq!(import(), [0, 3, 0]);
    }
}

#[test]
fn an_import_says_what_was_too_old_and_what_to_raise() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let path = folder.beside("old.ndjson");
    let events: Vec<Value> = enrolled("GIVEOLD014", 60).into_iter().chain(enrolled("GIVEYOUNG014", 20)).collect();
    std::fs::write(&path, events.iter().map(|event| format!("{event}\n")).collect::<String>()).unwrap();
    let data = folder.data();
    let ran = run_alone(&["import", "contoso", path.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    assert!(ran.success, "{}", ran.stderr);
    assert!(ran.stdout.contains("6 lines: 3 events stored, 0 known already, 3 ignored, 0 refused."), "{}", ran.stdout);
    assert!(ran.stdout.contains("3 of those ignored are older than the 30 days"), "{}", ran.stdout);
    assert!(ran.stdout.contains("tenant set contoso retentionDays="), "{}", ran.stdout);
    let again = folder.json(&["import", "contoso", path.to_str().unwrap()]);
    assert_eq!((&again["tooOld"], &again["ignored"], &again["duplicates"]), (&json!(3), &json!(3), &json!(3)));
}

#[tokio::test]
async fn an_event_is_answered_by_the_id_that_it_was_sent_with() {
    let folder = Folder::new();
    let serve = folder.serve();
    let sender = serve.sender(&folder.add_tenant("contoso"));
    let esp = |id: &str, kind: &str, data: Value| {
        let mut all = json!({"device": {"serialNumber": "5CG1234XYZ"}, "phase": "deviceSetup", "category": "apps"});
        all.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
        event(id, kind, now(), &all)
    };
    let events = json!([
        esp("update-1", "esp.started", json!({})),
        esp("update-2", "esp.tracked", json!({"items": [{"id": "app-1"}]})),
        esp("update-3", "esp.item", json!({"item": {"id": "app-1", "state": "inProgress"}})),
        esp("update-4", "esp.item", json!({"item": {"id": "app-1", "state": "dancing"}})),
    ]);
    let answer = sender.post_to("esp-status", &events).await.ok(207);
    let ids: Vec<&str> =
        answer["results"].as_array().unwrap().iter().map(|result| result["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["update-1", "update-2", "update-3", "update-4"]);
    // The same event sent again is a duplicate, and is answered by the id that it has this time.
    let mut again = events[2].clone();
    again["id"] = json!("update-3 again");
    let answer = sender.post_to("esp-status", &again).await.ok(202);
    assert_eq!((&answer["results"][0]["id"], statuses(&answer)), (&json!("update-3 again"), vec!["duplicate"]));
}

#[tokio::test]
async fn a_placeholder_identifies_no_device_and_an_identifier_does_in_any_spelling() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let sender = serve.sender(&contoso);
    let refused = sender.post(&enrollment("p1", "enrollment.started", now(), "Default string")).await.problem(400);
    let expected = json!([{"field": "data.device.serialNumber", "problem": "\"Default string\" is a placeholder, not a serial number"}]);
    assert_eq!(refused["errors"], expected);

    // Twelve PCs of one maker have placeholders as serial numbers and as one of the ids.
    let serials = ["Defaultstring", "NotApplicable", "Not Specified"];
    let event_of = |number: usize, kind: &str, at: Timestamp| {
        let device = json!({
            "serialNumber": serials[number % serials.len()],
            "mdmDeviceId": "00000000-0000-0000-0000-000000000000",
            "udid": format!("AAAA-BBBB-{number:04}"),
        });
        event(&format!("{kind}-{number}"), kind, at, &json!({"device": device, "platform": "windows"}))
    };
    let all: Vec<Value> = (0..12).map(|number| event_of(number, "enrollment.started", now())).collect();
    assert_eq!(sender.post(&json!(all)).await.ok(202)["accepted"], 12);
    let admin = Client::new(&serve.url, &contoso.admin);
    let status = admin.json("/api/devices/enrollment-status").await;
    assert_eq!((&status["devices"], &status["inProgress"]), (&json!(12), &json!(12)));
    for spelling in ["AAAA-BBBB-0007", "aaaa-bbbb-0007", "%20Aaaa-bBBB-0007%20"] {
        let found = admin.json(&format!("/api/diagnostics?device={spelling}")).await;
        assert_eq!(found["devices"].as_array().unwrap().len(), 1, "{found}");
        assert_eq!(found["devices"][0]["enrollmentKey"], "aaaa-bbbb-0007");
    }
}

#[tokio::test]
async fn a_page_of_a_device_is_found_by_any_identifier_in_any_spelling() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let device = json!({"serialNumber": "5CG-Größe-1", "mdmDeviceId": "MDM-00017-A"});
    let data = json!({"device": device, "enrollmentId": "Enrollment-X9"});
    serve.sender(&contoso).post_to("esp-status", &event("e1", "esp.started", now(), &data)).await.ok(202);
    let admin = Client::new(&serve.url, &contoso.admin);
    for id in ["5cg-gr%C3%B6%C3%9Fe-1", "5CG-GR%C3%96%C3%9FE-1", "mdm-00017-a", "%20MDM-00017-A", "ENROLLMENT-x9"] {
        assert_eq!(admin.json(&format!("/api/devices/{id}/esp")).await["state"], "inProgress", "{id}");
        let found = admin.json(&format!("/api/diagnostics?device={id}")).await;
        assert_eq!(found["devices"].as_array().unwrap().len(), 1, "{id}");
    }
    admin.get("/api/devices/not%20specified/esp").await.problem(404);
}
