//! The Enrollment Status Page through the functions: from an administrator's profile to what a help desk sees.

use reqwest::Method;
use serde_json::{Value, json};
use vestibule_domain::esp::resolve::resolve;
use vestibule_domain::esp::{AppliedProfile, EspDetail, EspEvent};
use vestibule_domain::event::{Body, Event};
use vestibule_domain::{Millis, TenantSettings};
use vestibule_e2e::{Stack, Tenancy, event_at, now, reading};

const PROFILES: &str = "/api/devices/esp-profiles";
const AUTOPILOT: &str = include_str!("../../../../shared/webhook/src/sources/samples/autopilot-events.json");

/// A profile of `minutes` that waits for `apps`, assigned to a group.
async fn profile(stack: &Stack, tenancy: &Tenancy, name: &str, minutes: u32, apps: &[&str], group: &str) -> Value {
    let body = json!({
        "displayName": name,
        "showInstallationProgress": true,
        "installProgressTimeoutInMinutes": minutes,
        "selectedMobileAppIds": apps,
        "allowDeviceResetOnInstallFailure": true,
        "customErrorMessage": "Ask the <b>front desk</b>.",
    });
    let made = stack.change("admin-api", Method::POST, tenancy, PROFILES, &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let target = json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group});
    let assign = json!({"enrollmentConfigurationAssignments": [{"target": target}]});
    let path = format!("{PROFILES}/{}/assign", made.json()["id"].as_str().unwrap());
    let assigned = stack.change("admin-api", Method::POST, tenancy, &path, &assign).await;
    assert_eq!(assigned.status, 200, "{}", assigned.text());
    assigned.json()
}

async fn hear(stack: &Stack, tenancy: &Tenancy, events: &Value, accepted: usize) {
    let answer = stack.post("esp-status", "esp-status", tenancy, events).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["accepted"]), (202, &json!(accepted)), "{}", answer.text());
}

async fn see(stack: &Stack, tenancy: &Tenancy, path: &str) -> Value {
    let answer = stack.ask("admin-api", Method::GET, tenancy, path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn app(device: &str, minutes_ago: i64, id: &str, state: &Value) -> Value {
    let item = json!({"id": id, "name": format!("App {id}"), "state": state});
    event_at("esp.item", device, minutes_ago, &json!({"phase": "deviceSetup", "category": "apps", "item": item}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_fixed_and_its_page_is_seen() {
    let stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let first = see(&stack, &tenancy, PROFILES).await;
    assert_eq!(first["value"][0]["displayName"], "Default ESP", "{first}");
    let made = profile(&stack, &tenancy, "Kiosk ESP", 30, &["1", "2", "3"], "kiosks").await;

    let targeted = json!([{"id": "3", "context": "device"}, {"id": "4", "context": "device"}]);
    let start = json!({"platform": "windows", "deploymentMode": "userDriven", "targetedApps": targeted,
                       "groups": {"device": ["kiosks"], "user": []}});
    let events = json!([
        event_at("esp.started", "5CG-E2E-1", 9, &start),
        app("5CG-E2E-1", 8, "4", &json!(4)),
        app("5CG-E2E-1", 7, "3", &json!("inProgress")),
    ]);
    hear(&stack, &tenancy, &events, 3).await;
    // A later change of the profile does not affect this session.
    let path = format!("{PROFILES}/{}", made["id"].as_str().unwrap());
    let gone = stack.change("admin-api", Method::DELETE, &tenancy, &path, &json!({})).await;
    assert_eq!(gone.status, 204, "{}", gone.text());

    let page = see(&stack, &tenancy, "/api/devices/5CG-E2E-1/esp").await;
    let apps = &page["phases"][1]["subtasks"][3];
    assert_eq!(
        (&page["state"], &page["limitMinutes"], &page["profile"]["displayName"], &apps["text"]),
        (&json!("inProgress"), &json!(30), &json!("Kiosk ESP"), &json!("Working on it (0 of 1)")),
        "{page}"
    );
    let why = see(&stack, &tenancy, "/api/devices/5CG-E2E-1/esp-profile").await;
    assert_eq!(
        (&why["session"]["rule"]["kind"], &why["now"]["rule"]["kind"]),
        (&json!("deviceGroup"), &json!("default"))
    );

    hear(&stack, &tenancy, &json!([event_at("esp.failed", "5CG-E2E-1", 6, &json!({"errorCode": "0x81036502"}))]), 1)
        .await;
    let page = stack.browse("admin-api", &tenancy, "/api/devices/5CG-E2E-1/esp").await;
    let text = page.text();
    assert_eq!(page.status, 200, "{text}");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    for seen in ["Ask the &lt;b&gt;front desk&lt;/b&gt;.", "Try again", "Reset device", "Apps</span>", "(0 of 1)"] {
        assert!(text.contains(seen), "{seen}: {text}");
    }
    assert!(!text.contains("Collect logs") && !text.contains("<script"), "{text}");
}

/// Stores an event as the hook did back then, with the profile that applied then.
async fn hear_then(stack: &Stack, tenancy: &Tenancy, event: &Value, minutes_ago: i64) {
    let then = now() - Millis::from_minutes(minutes_ago);
    let mut event: Event = reading(event, then + Millis::from_seconds(1));
    let profiles = stack.store.profiles(&tenancy.tenant.id).await.unwrap();
    if let Body::Esp(EspEvent { detail: EspDetail::Started(start), .. }) = &mut event.body {
        let found = resolve(&profiles, start);
        start.profile = Some(Box::new(AppliedProfile::of(found.profile, found.rule)));
    }
    let added = stack.store.add_events(&tenancy.tenant.id, &tenancy.tenant.settings, vec![event], then).await;
    assert_eq!(added.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_past_its_limit_is_flagged_and_may_finish() {
    let stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    profile(&stack, &tenancy, "Hybrid ESP", 30, &[], "branch").await;
    // Limits of 30 and 40 minutes: the first session is past its limit, the second is not.
    let start = json!({"platform": "windows", "hybridJoin": true, "groups": {"device": ["branch"], "user": []}});
    for (device, minutes) in [("5CG-LATE", 71), ("5CG-IN-TIME", 69)] {
        hear_then(&stack, &tenancy, &event_at("esp.started", device, minutes, &start), minutes).await;
    }
    let swept = stack.invoke("abandonment-sweep", &json!({})).await;
    assert_eq!((&swept["due"], &swept["flagged"]), (&json!(1), &json!(1)), "{swept}");
    stack.settle().await;
    let timed_out = stack.published("EspTimedOut");
    assert_eq!((timed_out.len(), &timed_out[0]["enrollmentKey"]), (1, &json!("5cg-late")), "{timed_out:?}");
    assert_eq!(stack.published("EspFailed").len(), 0, "a timeout is not a failure");

    hear(&stack, &tenancy, &json!([event_at("esp.completed", "5CG-LATE", 0, &json!({}))]), 1).await;
    stack.settle().await;
    let completed = stack.published("EspCompleted");
    assert_eq!((completed.len(), &completed[0]["outcome"]), (1, &json!("successWithTimeout")), "{completed:?}");
    let page = see(&stack, &tenancy, "/api/devices/5CG-IN-TIME/esp").await;
    assert_eq!((&page["limitMinutes"], &page["state"]), (&json!(70), &json!("inProgress")), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_intune_are_imported_once() {
    let stack = Stack::start().await;
    let settings = TenantSettings { retention_days: 400, ..TenantSettings::default() };
    let tenancy = stack.tenant("contoso", settings).await;
    let list: Value = serde_json::from_str(AUTOPILOT).unwrap();
    let post = || stack.post("esp-status", "graph-autopilot-events", &tenancy, &list);
    let first = post().await;
    assert!(first.status.is_success(), "{}", first.text());
    let accepted = first.json()["accepted"].as_u64().unwrap();
    assert!(accepted > 10, "{}", first.text());
    let again = post().await.json();
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(accepted)), "{again}");
    let serial = list["value"][0]["deviceSerialNumber"].as_str().unwrap();
    let page = see(&stack, &tenancy, &format!("/api/devices/{serial}/esp")).await;
    assert_eq!((&page["profile"]["displayName"], &page["rule"]["kind"]), (&json!("Default ESP"), &json!("reported")));
    // A sender of one kind of body cannot post another.
    let as_events = stack.post("esp-status", "esp-status", &tenancy, &list).await;
    assert_eq!(as_events.status, 400, "{}", as_events.text());
    // No sender posts to this address.
    let other = stack.post("esp-status", "no-such-source", &tenancy, &list).await;
    assert_eq!(other.status, 404, "{}", other.text());
    let status = see(&stack, &tenancy, "/api/devices/enrollment-status").await;
    let label = |one: &&Value| one["platform"] == "Windows (Autopilot)";
    let autopilot = status["byPlatform"].as_array().unwrap().iter().find(label).unwrap();
    assert!(autopilot["total"].as_u64().unwrap() > 0, "{status}");
}

/// Every route of the ESP in the template, through the function that it names.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers() {
    let stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let first = profile(&stack, &tenancy, "First", 60, &[], "a").await;
    let second = profile(&stack, &tenancy, "Second", 90, &["1"], "b").await;
    let of = |profile: &Value, rest: &str| format!("{PROFILES}/{}{rest}", profile["id"].as_str().unwrap());
    let start = json!({"platform": "windows", "groups": {"device": ["b"], "user": []}});
    hear(&stack, &tenancy, &json!([event_at("esp.started", "5CG-ROUTES", 5, &start)]), 1).await;

    let moved =
        stack.change("admin-api", Method::POST, &tenancy, &of(&second, "/set-priority"), &json!({"priority": 1})).await;
    assert_eq!((moved.status.as_u16(), &moved.json()["priority"]), (200, &json!(1)), "{}", moved.text());
    let settings = json!({"displayName": "First, again", "installProgressTimeoutInMinutes": 45});
    let replaced = stack.change("admin-api", Method::PUT, &tenancy, &of(&first, ""), &settings).await;
    assert_eq!(replaced.json()["installProgressTimeoutInMinutes"], 45, "{}", replaced.text());
    let asked = json!({"deploymentMode": "selfDeploying", "groups": {"device": ["b"]}});
    let resolve = stack.change("admin-api", Method::POST, &tenancy, &format!("{PROFILES}/resolve"), &asked).await;
    assert_eq!(resolve.json()["profile"]["displayName"], "Second", "{}", resolve.text());
    assert_eq!(see(&stack, &tenancy, &of(&first, "")).await["displayName"], "First, again");
    let why = see(&stack, &tenancy, "/api/devices/5CG-ROUTES/esp-profile").await;
    assert_eq!(why["session"]["rule"]["kind"], "deviceGroup", "{why}");
    let report = see(&stack, &tenancy, "/api/reports/esp").await;
    assert_eq!(report["byProfile"][0]["profile"], "Second", "{report}");
    let sessions = see(&stack, &tenancy, "/api/reports/esp/sessions?state=inProgress").await;
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "{sessions}");
    let status = see(&stack, &tenancy, "/api/devices/enrollment-status").await;
    assert_eq!(status["espProfiles"].as_array().unwrap().len(), 3, "{status}");
    let removed = stack.change("admin-api", Method::DELETE, &tenancy, &of(&first, ""), &json!({})).await;
    assert_eq!(removed.status, 204, "{}", removed.text());
    let left = see(&stack, &tenancy, PROFILES).await;
    assert_eq!((&left["value"][0]["priority"], &left["profiles"]), (&json!(1), &json!(2)), "{left}");
}
