//! Past deployments from Intune's own records, and the status page with devices of all kinds.

use crate::esp::{app, item, page_event, set_up};
use serde_json::{Value, json};
use vestibule_domain::{Millis, time::Tz};
use vestibule_program_tests::{Answer, Sender, event, now};

const HOOK: &str = "graph-autopilot-events";
const EVENTS: &str = include_str!("../../../../shared/webhook/src/sources/samples/autopilot-events.json");
const LATER: &str = include_str!("../../../../shared/webhook/src/sources/samples/autopilot-events-later.json");
const DOCUMENTED: &str =
    include_str!("../../../../shared/webhook/src/sources/samples/autopilot-events-documentation.json");

/// A sample moved so that its last day is the day before yesterday, since older data isn't kept.
fn recent(sample: &str) -> Value {
    let today = now().day(Tz::UTC);
    let mut text = sample.replace("2026-01-31", &today.plus(-12).to_string());
    for day in 1..=10 {
        text = text.replace(&format!("2026-02-{day:02}"), &today.plus(day - 12).to_string());
    }
    assert!(!text.contains("2026-02-") || today.to_string().starts_with("2026-02"), "a day was not moved");
    serde_json::from_str(&text).unwrap()
}

fn counts(reply: &Value) -> (u64, u64, u64) {
    let count = |name: &str| reply[name].as_u64().unwrap();
    (count("accepted"), count("duplicates"), count("rejected"))
}

#[tokio::test]
async fn past_deployments_are_imported_once() {
    let setup = set_up();
    for sample in [recent(EVENTS), recent(DOCUMENTED)] {
        let (first, none, wrong) = counts(&setup.sender.post_to(HOOK, &sample).await.ok(202));
        assert!(first > 3 && none == 0 && wrong == 0, "{first} {none} {wrong}");
        let again = setup.sender.post_to(HOOK, &sample).await.ok(202);
        assert_eq!(counts(&again), (0, first, 0));
    }
    for (device, state) in [
        ("AP-SUCCESS-1", "success"),
        ("AP-FAILURE-2", "failed"),
        ("AP-KIOSK-4", "successOnRetry"),
        ("AP-HYBRID-5", "successWithTimeout"),
        ("AP-LATER-6", "timedOut"),
        ("1f0c6f58-7a3b-4f0e-b2f5-5a36a3b0c101", "success"),
    ] {
        assert_eq!(setup.page(device).await["state"], state, "{device}");
    }
    let later = recent(LATER);
    let (more, ..) = counts(&setup.sender.post_to(HOOK, &later).await.ok(202));
    assert!(more > 0);
    assert_eq!(setup.page("AP-LATER-6").await["state"], "success");
    let (nothing, ..) = counts(&setup.sender.post_to(HOOK, &recent(EVENTS)).await.ok(202));
    assert_eq!((nothing, &setup.page("AP-LATER-6").await["state"]), (0, &json!("success")));

    // The report has everything: attempts, the failure, and a device that has not begun.
    let outcome = async |key: &str| {
        let path = format!("/api/reports/incomplete-enrollments/attempts?os=windows&enrollmentKey={key}");
        let attempts = setup.admin.json(&path).await["attempts"].as_array().unwrap().clone();
        attempts.iter().map(|attempt| attempt["outcome"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for key in ["ap-success-1", "ap-kiosk-4", "ap-hybrid-5", "ap-later-6"] {
        assert_eq!(outcome(key).await, ["completed"], "{key}");
    }
    assert_eq!(outcome("ap-refused-3").await, ["failed"]);
    let status = setup.admin.json("/api/devices/enrollment-status").await;
    assert_eq!(status["pending"], 1, "{status}");
    let failures = setup.admin.json("/api/devices/enrollment-status/failures?platform=windows").await;
    let refused = failures["failures"].as_array().unwrap().iter().find(|one| one["enrollmentKey"] == "ap-refused-3");
    assert_eq!(refused.unwrap()["code"], "0x80180014", "{failures}");
    setup.admin.get("/api/devices/AP-REFUSED-3/esp").await.problem(404);
    // Nothing counts as late, since it is a backfill.
    let path = "/api/reports/incomplete-enrollments/attempts?os=windows&enrollmentKey=ap-success-1";
    assert_eq!(setup.admin.json(path).await["attempts"][0]["clockSkew"], false);
}

#[tokio::test]
async fn an_import_is_signed_like_any_other_event() {
    let setup = set_up();
    let other = setup.folder.add_tenant("fabrikam");
    let body = || serde_json::to_vec(&recent(EVENTS)).unwrap();
    let send = async |sender: &Sender, hook: &str, body: Vec<u8>| {
        Answer::of(sender.signed(hook, body, now()).send().await.unwrap()).await
    };
    let unknown = send(&Sender::new(&setup.serve.url, "nobody", &setup.contoso.secret), HOOK, body()).await;
    unknown.problem(401);
    let wrong = setup.sender.with_secret(&other.secret);
    let unsigned = Answer::of(setup.sender.unsigned(HOOK, body()).send().await.unwrap()).await;
    for answer in [send(&wrong, HOOK, body()).await, send(&wrong, HOOK, b"{".to_vec()).await, unsigned] {
        assert_eq!((answer.status, &answer.body), (401, &unknown.body));
        assert_eq!(answer.same_headers(), unknown.same_headers());
    }
    let stale = setup.sender.signed(HOOK, body(), now() - Millis::from_minutes(6)).send().await.unwrap();
    assert_eq!(stale.status(), 401);
    send(&setup.sender, HOOK, b"{".to_vec()).await.problem(400);
    send(&setup.sender, HOOK, b"7".to_vec()).await.problem(400);
    send(&setup.sender, HOOK, vec![b' '; (1 << 20) + 1]).await.problem(413);
    let many = serde_json::to_vec(&json!({"value": vec![json!({}); 501]})).unwrap();
    send(&setup.sender, HOOK, many).await.problem(413);
    // The invalid field is named, and the other record is accepted.
    let mut one_wrong = recent(EVENTS);
    one_wrong["value"][0]["eventDateTime"] = "hush-4711".into();
    let reply = send(&setup.sender, HOOK, serde_json::to_vec(&one_wrong).unwrap()).await;
    let reply = reply.ok(207);
    assert_eq!(reply["rejected"], 1);
    assert!(reply.to_string().contains("eventDateTime") && !reply.to_string().contains("hush"), "{reply}");
    // A body of one kind is refused at the address of the other.
    send(&setup.sender, "esp-status", body()).await.problem(400);
    let head = setup.admin.get(&format!("/hooks/contoso/{HOOK}")).await;
    head.problem(405);
}

#[tokio::test]
async fn the_status_page_shows_who_is_under_way() {
    let setup = set_up();
    let about = |serial: &str, platform: &str, version: &str, kind: &str| {
        json!({"device": {"serialNumber": serial, "name": format!("{serial}-NAME")}, "platform": platform, "osVersion": version,
               "enrollmentType": kind, "user": {"principalName": "ada@contoso.example"}})
    };
    let enrolls = |serial: &str, platform: &str, kind: &str| {
        let id = format!("started-{serial}");
        event(&id, "enrollment.started", now() - Millis::from_minutes(9), &about(serial, platform, "26.1", kind))
    };
    let step = |serial: &str, platform: &str, kind: &str, action: &str| {
        let mut data = about(serial, platform, "26.1", "");
        data["action"] = action.into();
        event(&format!("{kind}-{action}-{serial}"), kind, now() - Millis::from_minutes(8), &data)
    };
    let events = json!([
        enrolls("MAC0001", "macos", "appleBulkWithUser"),
        enrolls("IPHONE1", "ios", "userEnrollment"),
        step("IPHONE1", "ios", "enrollment.step.entered", "TermsOfUse"),
        enrolls("MANUAL1", "windows", "windowsAzureADJoin"),
        enrolls("PILOT01", "windows", "azureADJoinedWithAutopilotProfile"),
    ]);
    assert_eq!(setup.sender.post(&events).await.ok(202)["accepted"], 5);
    // Three quarters are done: device preparation, policies and apps. The account's part is missing.
    setup
        .hear(&[
            page_event("esp.started", "", 7, &about("5CG-ESP", "windows", "10.0.26100", "windowsAzureADJoin")),
            item("5CG-ESP", 6, "securityPolicies", &json!({"id": "p", "state": "completed"})),
            app("5CG-ESP", 5, "a1", "completed"),
            app("5CG-ESP", 5, "a2", "completed"),
        ])
        .await;
    let listed = setup.admin.json("/api/devices/enrollment-status/active").await;
    let active = |key: &str| {
        let all = listed["active"].as_array().unwrap();
        all.iter().find(|one| one["enrollmentKey"] == key).unwrap_or_else(|| panic!("no {key}: {listed}"))
    };
    let esp = active("5cg-esp");
    assert_eq!((&esp["stage"], &esp["progress"]), (&json!("Installing apps"), &json!(0.75)), "{esp}");
    assert_eq!(
        (&esp["deviceName"], &esp["userPrincipalName"]),
        (&json!("5CG-ESP-NAME"), &json!("ada@contoso.example"))
    );
    for (key, label) in [
        // A plain join shows the page too.
        ("5cg-esp", "Windows (Manual)"),
        ("pilot01", "Windows (Autopilot)"),
        ("manual1", "Windows (Manual)"),
        ("mac0001", "macOS (ADE)"),
        ("iphone1", "iOS/iPadOS"),
    ] {
        assert_eq!(active(key)["platformLabel"], label, "{key}");
    }
    let iphone = active("iphone1");
    assert_eq!(iphone["stage"], "Terms of use", "{iphone}");
    assert!(iphone["progress"].as_f64().is_some_and(|progress| (0.0..1.0).contains(&progress)), "{iphone}");
    let status = setup.admin.json("/api/devices/enrollment-status").await;
    assert_eq!((&status["inProgress"], &status["devices"]), (&json!(5), &json!(5)), "{status}");
    let total = |label: &str| {
        let rows = status["byPlatform"].as_array().unwrap();
        rows.iter().find(|row| row["platform"] == label).map(|row| row["total"].as_u64().unwrap())
    };
    let totals = ["Windows (Autopilot)", "Windows (Manual)", "macOS (ADE)", "macOS (Manual)", "iOS/iPadOS"].map(total);
    assert_eq!(totals, [Some(1), Some(2), Some(1), Some(0), Some(1)]);

    // The page's end is not the end of the enrollment, and the enrollment's end is not that of the page.
    setup.hear(&[page_event("esp.completed", "5CG-ESP", 1, &json!({}))]).await;
    let listed = setup.admin.json("/api/devices/enrollment-status/active").await;
    assert!(listed["active"].as_array().unwrap().iter().all(|one| one["enrollmentKey"] != "5cg-esp"), "{listed}");
}
