//! Sessions on the Enrollment Status Page: what they wait for, under which profile, for how long, and how they end.

use crate::esp::{
    PROFILES, Setup, app, assignments, everything, group, item, named, page_event, send, set_up, subtask,
};
use reqwest::Method;
use serde_json::{Value, json};
use vestibule_domain::Millis;
use vestibule_program_tests::{event, eventually, now};

fn start(serial: &str, minutes_ago: i64, more: &Value) -> Value {
    page_event("esp.started", serial, minutes_ago, more)
}

fn of_group(name: &str) -> Value {
    json!({"groups": {"device": [name], "user": []}})
}

async fn profile(setup: &Setup, name: &str, target: Value, more: &Value) -> String {
    let id = setup.make(&named(name, more)).await;
    setup.assign(&id, &[target]).await;
    id
}

#[tokio::test]
async fn only_blocking_apps_that_are_targeted_are_waited_for() {
    let setup = set_up();
    let apps = json!({"selectedMobileAppIds": ["app-1", "app-2", "app-3"]});
    profile(&setup, "Example", everything("allDevices"), &apps).await;
    let targeted = json!({"targetedApps": [
        {"id": "app-3", "name": "App 3", "context": "device"}, {"id": "app-4", "name": "App 4", "context": "device"},
    ]});
    setup
        .hear(&[
            start("5CG-EXAMPLE", 20, &targeted),
            // An app that is in the profile's list but not targeted, and one that is targeted but not listed, fail
            // nothing.
            app("5CG-EXAMPLE", 19, "app-1", "error"),
            app("5CG-EXAMPLE", 18, "app-4", "error"),
            app("5CG-EXAMPLE", 17, "app-3", "inProgress"),
        ])
        .await;
    let page = setup.page("5CG-EXAMPLE").await;
    assert_eq!((&page["state"], &page["stage"]), (&json!("inProgress"), &json!("Installing apps")), "{page}");
    let apps = subtask(&page, "deviceSetup", "apps");
    assert_eq!((&apps["text"], &apps["progress"]), (&json!("Working on it (0 of 1)"), &json!(0.0)));
    let tracking = |id: &str| {
        let item = apps["items"].as_array().unwrap().iter().find(|item| item["id"] == id).unwrap();
        item["tracking"].as_str().unwrap().to_owned()
    };
    assert_eq!([tracking("app-1"), tracking("app-3"), tracking("app-4")], ["notTracked", "blocking", "notTracked"]);

    // Late events change nothing, since their own time counts. An app that recovers from its error within two minutes
    // has not failed.
    setup.hear(&[app("5CG-EXAMPLE", 10, "app-3", "completed"), app("5CG-EXAMPLE", 11, "app-3", "error")]).await;
    let page = setup.page("5CG-EXAMPLE").await;
    let apps = subtask(&page, "deviceSetup", "apps");
    assert_eq!((&page["state"], &apps["text"]), (&json!("inProgress"), &json!("Completed (1 of 1)")), "{page}");
    setup.hear(&[page_event("esp.completed", "5CG-EXAMPLE", 5, &json!({}))]).await;
    let page = setup.page("5CG-EXAMPLE").await;
    assert_eq!(
        (&page["progress"], &page["elapsedSeconds"], &page["remainingSeconds"]),
        (&json!(1.0), &json!(900), &Value::Null)
    );
    assert!(page["state"].as_str().unwrap().starts_with("success"), "{page}");

    // An app that the session waits for does fail it.
    setup.hear(&[start("5CG-FAILS", 20, &targeted), app("5CG-FAILS", 9, "app-3", "error")]).await;
    let page = setup.page("5CG-FAILS").await;
    assert_eq!((&page["state"], &page["failure"]["phase"]), (&json!("failed"), &json!("deviceSetup")), "{page}");
    assert_eq!(subtask(&page, "deviceSetup", "apps")["text"], "Failed (0 of 1)");
}

#[tokio::test]
async fn the_status_page_lists_the_profiles() {
    let setup = set_up();
    let apps = |count: usize| (0..count).map(|number| format!("app-{number}")).collect::<Vec<_>>();
    let default = json!({"selectedMobileAppIds": apps(3), "installProgressTimeoutInMinutes": 60});
    send(&setup.admin, Method::PUT, &format!("{PROFILES}/default"), &named("Default ESP", &default)).await.ok(200);
    let executives = json!({"selectedMobileAppIds": apps(5), "installProgressTimeoutInMinutes": 90});
    let target =
        json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "g-1", "groupName": "Executives"});
    profile(&setup, "Executive ESP", target, &executives).await;
    let kiosks = json!({"selectedMobileAppIds": apps(2), "installProgressTimeoutInMinutes": 30});
    let target = json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": {"id": "g-2", "name": "Kiosk Devices"}});
    let kiosk = profile(&setup, "Kiosk ESP", target, &kiosks).await;
    setup.hear(&[start("5CG-KIOSK", 5, &of_group("g-2")), start("5CG-OTHER", 5, &json!({}))]).await;

    let rows = async || {
        let status = setup.admin.json("/api/devices/enrollment-status").await;
        let mut rows: Vec<Value> = status["espProfiles"].as_array().unwrap().clone();
        rows.sort_by_key(|row| row["displayName"].as_str().unwrap().to_owned());
        rows
    };
    let seen: Vec<Value> = rows()
        .await
        .iter()
        .map(|row| {
            json!([
                row["displayName"],
                row["limitMinutes"],
                row["blockingApps"],
                row["assignedGroups"],
                row["priority"],
                row["status"],
                row["sessions"]
            ])
        })
        .collect();
    assert_eq!(
        seen,
        [
            json!(["Default ESP", 60, 3, "All Devices", null, "active", 1]),
            json!(["Executive ESP", 90, 5, "Executives", 1, "active", 0]),
            json!(["Kiosk ESP", 30, 2, "Kiosk Devices", 2, "active", 1]),
        ]
    );
    // A change of profiles is visible at once, without a further event.
    let off = named("Kiosk ESP", &json!({"enabled": false}));
    send(&setup.admin, Method::PUT, &format!("{PROFILES}/{kiosk}"), &off).await.ok(200);
    let rows = rows().await;
    assert_eq!((&rows[2]["status"], &rows[2]["blockingApps"]), (&json!("disabled"), &Value::Null));
}

#[tokio::test]
async fn a_profile_is_fixed_when_the_session_starts() {
    let setup = set_up();
    let first = json!({"installProgressTimeoutInMinutes": 30, "customErrorMessage": "Ask the first desk.",
                       "selectedMobileAppIds": ["app-1"], "allowDeviceResetOnInstallFailure": true});
    let id = profile(&setup, "Kiosk", group("kiosks"), &first).await;
    setup.hear(&[start("5CG-FIXED", 10, &of_group("kiosks"))]).await;
    let before = setup.page("5CG-FIXED").await;
    assert_eq!(before["profile"], json!({"id": id, "version": 2, "displayName": "Kiosk"}));
    assert_eq!((&before["rule"]["kind"], &before["rule"]["group"]["id"]), (&json!("deviceGroup"), &json!("kiosks")));

    let path = format!("{PROFILES}/{id}");
    let second = json!({"installProgressTimeoutInMinutes": 90, "customErrorMessage": "Ask the second desk.",
                        "selectedMobileAppIds": ["app-2"]});
    send(&setup.admin, Method::PUT, &path, &named("Kiosks", &second)).await.ok(200);
    send(&setup.admin, Method::POST, &format!("{path}/assign"), &assignments(&[group("others")])).await.ok(200);
    // A session that starts now has the profile that applies now. Another start of the same session changes nothing.
    setup.hear(&[start("5CG-LATER", 9, &of_group("others")), start("5CG-FIXED", 8, &of_group("others"))]).await;
    setup.hear(&[app("5CG-FIXED", 7, "app-2", "error"), app("5CG-FIXED", 6, "app-1", "error")]).await;
    assert_eq!(setup.page("5CG-LATER").await["limitMinutes"], 90);
    let check = async |rule: &str| {
        let page = setup.page("5CG-FIXED").await;
        for member in ["profile", "rule", "limitMinutes", "deadline", "startedAt", "sessionId"] {
            assert_eq!(page[member], before[member], "{member}");
        }
        assert_eq!(
            (&page["limitMinutes"], &page["state"], &page["message"], &page["allowedActions"]),
            (&json!(30), &json!("failed"), &json!("Ask the first desk."), &json!(["retry", "reset"]))
        );
        let reply = setup.admin.json("/api/devices/5CG-FIXED/esp-profile").await;
        assert_eq!(reply["session"]["profile"], before["profile"]);
        assert_eq!(
            (&reply["session"]["rule"]["kind"], &reply["now"]["rule"]["kind"]),
            (&json!("deviceGroup"), &json!(rule))
        );
        reply
    };
    let reply = check("default").await;
    assert_eq!(reply["basedOn"]["groups"]["device"][0]["id"], "kiosks");
    let over = reply["now"]["passedOver"].as_array().unwrap();
    assert_eq!((over.len(), &over[0]["reason"]), (1, &json!("otherGroups")), "{reply}");
    assert_eq!(send(&setup.admin, Method::DELETE, &path, &Value::Null).await.status, 204);
    let reply = check("default").await;
    assert_eq!(reply["now"]["passedOver"], json!([]));
}

/// Events of one device, and the state they come to.
async fn comes_to(setup: &Setup, serial: &str, begun: i64, rest: &[(&str, i64)], state: &str) {
    let mut events = vec![start(serial, begun, &json!({"hybridJoin": true}))];
    for (kind, minutes_ago) in rest {
        let more = if *kind == "esp.action" { json!({"action": "retry"}) } else { json!({}) };
        events.push(page_event(kind, serial, *minutes_ago, &more));
    }
    setup.hear(&events).await;
    let page = setup.page(serial).await;
    assert_eq!((&page["state"], &page["limitMinutes"]), (&json!(state), &json!(70)), "{serial}: {page}");
}

#[tokio::test]
async fn hybrid_join_has_forty_minutes_more() {
    let setup = set_up();
    let minutes = json!({"installProgressTimeoutInMinutes": 30});
    profile(&setup, "Hybrid", everything("allDevices"), &minutes).await;
    for (serial, begun, rest, state) in [
        ("5CG-H-69", 69, vec![], "inProgress"),
        ("5CG-H-71", 71, vec![], "timedOut"),
        ("5CG-H-DONE", 80, vec![("esp.completed", 12)], "success"),
        ("5CG-H-LATE", 80, vec![("esp.completed", 2)], "successWithTimeout"),
        ("5CG-H-RETRY", 80, vec![("esp.action", 5), ("esp.completed", 2)], "successOnRetry"),
        ("5CG-H-FAILED", 60, vec![("esp.failed", 30)], "failed"),
        ("5CG-H-AFTER", 60, vec![("esp.failed", 30), ("esp.completed", 2)], "success"),
        ("5CG-H-AGAIN", 60, vec![("esp.failed", 30), ("esp.action", 20)], "inProgress"),
        ("5CG-H-MENDED", 60, vec![("esp.failed", 30), ("esp.action", 20), ("esp.completed", 2)], "successOnRetry"),
    ] {
        comes_to(&setup, serial, begun, &rest, state).await;
    }
    // Here the start arrives last, since the order does not matter.
    setup.hear(&[page_event("esp.completed", "5CG-H-ORDER", 2, &json!({}))]).await;
    setup.hear(&[start("5CG-H-ORDER", 80, &json!({"hybridJoin": true}))]).await;
    assert_eq!(setup.page("5CG-H-ORDER").await["state"], "successWithTimeout");
    setup.hear(&[start("5CG-PLAIN", 31, &json!({}))]).await;
    assert_eq!(setup.page("5CG-PLAIN").await["state"], "timedOut");
}

#[tokio::test]
async fn a_passed_time_limit_is_published_without_a_further_event() {
    let setup = set_up();
    let minutes = json!({"installProgressTimeoutInMinutes": 30});
    profile(&setup, "Hybrid", everything("allDevices"), &minutes).await;
    let begun = now() - Millis::from_minutes(70) + Millis::from_seconds(5);
    let data = json!({"device": {"serialNumber": "5CG-SOON"}, "hybridJoin": true});
    setup.hear(&[event("soon", "esp.started", begun, &data)]).await;
    let page = setup.page("5CG-SOON").await;
    assert_eq!((&page["state"], &page["timedOut"]), (&json!("inProgress"), &json!(false)));
    assert_eq!(page["deadline"], (begun + Millis::from_minutes(70)).to_string());
    assert!(page["remainingSeconds"].as_u64().unwrap() <= 5, "{page}");

    // No further event is received.
    let published = eventually("the time-out is published", async || {
        setup.folder.json(&["sweep"]);
        setup.published("EspTimedOut").into_iter().next()
    })
    .await;
    assert_eq!((&published["enrollmentKey"], &published["tenant"]), (&json!("5cg-soon"), &json!("contoso")));
    let page = setup.page("5CG-SOON").await;
    assert_eq!((&page["state"], &page["timedOut"], &page["failure"]), (&json!("timedOut"), &json!(true), &Value::Null));
    assert!(page["message"].is_string() && page["allowedActions"] == json!(["retry"]), "{page}");

    setup.hear(&[page_event("esp.completed", "5CG-SOON", 0, &json!({}))]).await;
    assert_eq!(setup.page("5CG-SOON").await["state"], "successWithTimeout");
    let published =
        eventually("its end is published", async || setup.published("EspCompleted").into_iter().next()).await;
    assert_eq!(published["outcome"], "successWithTimeout");
    assert_eq!((setup.published("EspTimedOut").len(), setup.published("EspFailed").len()), (1, 0));
}

#[tokio::test]
async fn the_technician_tries_the_other_apps_where_the_profile_says_so() {
    let setup = set_up();
    for (tries, serial, tracking, text) in [
        (true, "5CG-TRIES", "nonBlocking", "Completed (1 of 2)"),
        (false, "5CG-WAITS", "deferred", "Completed (1 of 1)"),
    ] {
        let more = json!({"selectedMobileAppIds": ["app-1"], "allowNonBlockingAppInstallation": tries});
        profile(&setup, serial, group(serial), &more).await;
        let mut technician = of_group(serial);
        technician["deploymentMode"] = "preProvisioningTechnician".into();
        technician["targetedApps"] = json!([{"id": "app-1"}, {"id": "app-2"}]);
        setup.hear(&[start(serial, 9, &technician), app(serial, 8, "app-1", "completed")]).await;
        let page = setup.page(serial).await;
        let apps = subtask(&page, "deviceSetup", "apps");
        assert_eq!((&apps["items"][1]["tracking"], &apps["text"]), (&json!(tracking), &json!(text)), "{page}");
        assert_eq!(page["phases"].as_array().unwrap().len(), 2, "no account is set up: {page}");
        setup.hear(&[app(serial, 7, "app-2", "error")]).await;
        // The other app neither fails nor delays it, so the technician's part is done.
        assert_eq!(setup.page(serial).await["state"], "success", "{serial}");
    }
    // Numbers of the CSP are accepted as well. Policies count as one item.
    let policy = |id: &str, state: u8| item("5CG-POLICY", 6, "securityPolicies", &json!({"id": id, "state": state}));
    setup.hear(&[start("5CG-POLICY", 9, &of_group("5CG-TRIES")), policy("p1", 3), policy("p2", 2)]).await;
    let page = setup.page("5CG-POLICY").await;
    assert_eq!(subtask(&page, "deviceSetup", "securityPolicies")["text"], "Working on it (0 of 1)");
}

#[tokio::test]
async fn a_device_may_come_to_the_page_again() {
    let setup = set_up();
    let serial = "5CG-AGAIN";
    setup.hear(&[start(serial, 50, &json!({})), page_event("esp.failed", serial, 40, &json!({}))]).await;
    let first = setup.page(serial).await;
    setup.hear(&[start(serial, 30, &json!({})), page_event("esp.completed", serial, 20, &json!({}))]).await;
    let second = setup.page(serial).await;
    assert_eq!((&second["state"], &second["earlier"][0]["id"]), (&json!("success"), &first["sessionId"]));
    assert_eq!((&second["earlier"][0]["state"], second["earlier"].as_array().unwrap().len()), (&json!("failed"), 1));
    // The sender's own id distinguishes sessions, in whichever order they are reported.
    let of = |session: &str| json!({"sessionId": session});
    setup
        .hear(&[
            start(serial, 10, &of("new")),
            page_event("esp.failed", serial, 8, &of("old")),
            start(serial, 15, &of("old")),
        ])
        .await;
    let third = setup.page(serial).await;
    assert_eq!((&third["senderSessionId"], &third["state"]), (&json!("new"), &json!("inProgress")), "{third}");
    let states: Vec<_> = third["earlier"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["failed", "success", "failed"]);
}
