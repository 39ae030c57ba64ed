//! Enrollment Status Page profiles: made, changed, ranked, assigned, removed.

use crate::esp::{
    PROFILES, assignments, everything, fields, filtered, group, list, named, order, send, send_if, set_up, tag,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::task::JoinSet;
use vestibule_program_tests::Client;

#[tokio::test]
async fn the_default_exists_from_the_first_day_and_stays() {
    let setup = set_up();
    let all = setup.admin.json(PROFILES).await;
    assert_eq!((all["profiles"].as_u64(), order(&setup.list().await)), (Some(1), vec![("Default ESP", 0)]));
    let first = &all["value"][0];
    for (member, value) in [
        ("id", json!("default")),
        ("isDefault", json!(true)),
        ("version", json!(1)),
        ("installProgressTimeoutInMinutes", json!(60)),
        ("showInstallationProgress", json!(true)),
        ("blockDeviceUse", json!(true)),
        ("enabled", json!(true)),
        ("customErrorMessage", Value::Null),
        ("selectedMobileAppIds", json!([])),
        ("assignments", json!([])),
        ("roleScopeTagIds", json!(["0"])),
    ] {
        assert_eq!(first[member], value, "{member}");
    }
    assert!(first["createdDateTime"].as_str().unwrap() > "2026", "{first}");

    let path = format!("{PROFILES}/default");
    let assigned = json!([{"target": everything("allDevices")}]);
    for (method, path, body) in [
        (Method::DELETE, path.clone(), Value::Null),
        (Method::POST, format!("{path}/assign"), assignments(&[everything("allDevices")])),
        (Method::POST, format!("{path}/set-priority"), json!({"priority": 1})),
        (Method::PUT, path.clone(), named("Default ESP", &json!({"enabled": false}))),
        (Method::PUT, path.clone(), named("Default ESP", &json!({"assignments": assigned}))),
    ] {
        let problem = send(&setup.admin, method.clone(), &path, &body).await.problem(409);
        assert!(problem["detail"].as_str().unwrap().contains("default"), "{method} {path}: {problem}");
    }
    assert_eq!(setup.list().await[0], *first, "what was refused changed nothing");

    let settings = json!({"installProgressTimeoutInMinutes": 45, "priority": 3});
    let changed = send(&setup.admin, Method::PUT, &path, &named("Everybody", &settings)).await.ok(200);
    assert_eq!(
        (&changed["displayName"], &changed["installProgressTimeoutInMinutes"], &changed["priority"]),
        (&json!("Everybody"), &json!(45), &json!(0))
    );
    assert_eq!(changed["version"], 2);
    assert_eq!(setup.admin.json(&path).await, changed);
}

/// Graph's example of the type, from its documentation.
fn documented() -> Value {
    json!({
        "@odata.type": "#microsoft.graph.windows10EnrollmentCompletionPageConfiguration",
        "id": "6b43c039-c039-6b43-39c0-436b39c0436b",
        "displayName": "Display Name value",
        "description": "Description value",
        "priority": 8,
        "createdDateTime": "2017-01-01T00:02:43.5775965-08:00",
        "lastModifiedDateTime": "2017-01-01T00:00:35.1329464-08:00",
        "version": 7,
        "roleScopeTagIds": ["Role Scope Tag Ids value"],
        "deviceEnrollmentConfigurationType": "limit",
        "showInstallationProgress": true,
        "blockDeviceSetupRetryByUser": true,
        "allowDeviceResetOnInstallFailure": true,
        "allowLogCollectionOnInstallFailure": true,
        "customErrorMessage": "Custom Error Message value",
        "installProgressTimeoutInMinutes": 15,
        "allowDeviceUseOnInstallFailure": true,
        "selectedMobileAppIds": ["Selected Mobile App Ids value"],
        "allowNonBlockingAppInstallation": true,
        "installQualityUpdates": true,
        "trackInstallProgressForAutopilotOnly": true,
        "disableUserStatusTrackingAfterFirstUser": true
    })
}

/// Graph's own default, as a tenant's export has it.
fn graphs_default() -> Value {
    json!({
        "@odata.type": "#microsoft.graph.windows10EnrollmentCompletionPageConfiguration",
        "id": "636b62ee-ef57-4f54-a1f3-0046fafc9c11_DefaultWindows10EnrollmentCompletionPageConfiguration",
        "displayName": "All users and all devices",
        "description": "This is the default enrollment status screen configuration.",
        "priority": 0,
        "createdDateTime": "0001-01-01T00:00:00Z",
        "lastModifiedDateTime": "2025-03-26T00:08:25Z",
        "version": 0,
        "roleScopeTagIds": [],
        "deviceEnrollmentConfigurationType": "windows10EnrollmentCompletionPageConfiguration",
        "showInstallationProgress": false,
        "blockDeviceSetupRetryByUser": true,
        "allowDeviceResetOnInstallFailure": false,
        "allowLogCollectionOnInstallFailure": false,
        "customErrorMessage": "",
        "installProgressTimeoutInMinutes": 0,
        "allowDeviceUseOnInstallFailure": false,
        "selectedMobileAppIds": [],
        "allowNonBlockingAppInstallation": false,
        "installQualityUpdates": false,
        "trackInstallProgressForAutopilotOnly": false,
        "disableUserStatusTrackingAfterFirstUser": false,
        "assignments": [{
            "id": "636b62ee-ef57-4f54-a1f3-0046fafc9c11_adadadad-808e-44e2-905a-0b7873a8a531",
            "source": "direct",
            "target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}
        }]
    })
}

/// Members that we set, whatever Graph says.
const OURS: [&str; 6] =
    ["id", "priority", "version", "createdDateTime", "lastModifiedDateTime", "deviceEnrollmentConfigurationType"];

fn same_members(posted: &Value, shown: &Value) {
    for (member, value) in posted.as_object().unwrap() {
        assert!(OURS.contains(&member.as_str()) || shown[member] == *value, "{member}: {value} is {}", shown[member]);
    }
}

#[tokio::test]
async fn graphs_example_posts_unchanged_and_comes_back() {
    let setup = set_up();
    let made = send(&setup.admin, Method::POST, PROFILES, &documented()).await;
    let shown = made.ok(201);
    same_members(&documented(), &shown);
    assert_eq!((&shown["priority"], &shown["version"]), (&json!(1), &json!(1)));
    assert_ne!(shown["id"], documented()["id"]);
    let place = made.headers["location"].to_str().unwrap();
    assert_eq!(place, format!("{PROFILES}/{}", shown["id"].as_str().unwrap()));
    let again = setup.admin.get(place).await;
    assert_eq!((again.ok(200), tag(&again)), (shown.clone(), tag(&made)));
    // An answer can be posted back.
    let same = send(&setup.admin, Method::PUT, place, &shown).await.ok(200);
    same_members(&shown, &same);
    assert_eq!(same["version"], 2);
    // As Graph's documentation shows the answer for a single one.
    let within = send(&setup.admin, Method::POST, PROFILES, &json!({"value": documented()})).await.ok(201);
    same_members(&documented(), &within);
    let wrong = send(&setup.admin, Method::POST, PROFILES, &json!({"value": {"description": "nameless"}})).await;
    assert_eq!(fields(&wrong.problem(400)), ["value.displayName"].into());
}

#[tokio::test]
async fn graphs_list_posts_unchanged() {
    let setup = set_up();
    setup.make(&named("Here before", &json!({}))).await;
    let export = json!({
        "@odata.context": "https://graph.microsoft.com/beta/$metadata#deviceManagement/deviceEnrollmentConfigurations",
        "value": [
            {"@odata.type": "#microsoft.graph.deviceEnrollmentLimitConfiguration", "id": "x_DefaultLimit", "limit": 5},
            graphs_default(),
            documented(),
            {"@odata.type": "#microsoft.graph.windowsRestoreDeviceEnrollmentConfiguration", "state": "notConfigured"},
            named("First", &json!({"@odata.type": documented()["@odata.type"], "priority": 1, "id": "another"})),
        ]
    });
    let reply = send(&setup.admin, Method::POST, PROFILES, &export).await.ok(201);
    assert_eq!((&reply["ignored"], reply["value"].as_array().unwrap().len()), (&json!(2), 3), "{reply}");

    // They keep their order and come after the existing profiles. The settings of the default are taken over.
    let all = setup.list().await;
    let order = order(&all);
    assert_eq!(order, [("Here before", 1), ("First", 2), ("Display Name value", 3), ("All users and all devices", 0)]);
    same_members(&documented(), &all[2]);
    let default = &all[3];
    assert_eq!((&default["id"], &default["isDefault"]), (&json!("default"), &json!(true)));
    for member in ["description", "showInstallationProgress", "blockDeviceSetupRetryByUser", "installQualityUpdates"] {
        assert_eq!(default[member], graphs_default()[member], "{member}");
    }
    assert_eq!((&default["assignments"], &default["version"]), (&json!([]), &json!(2)), "it is not assigned");
}

#[tokio::test]
async fn an_export_with_all_the_profiles_a_tenant_can_have_fits() {
    let setup = set_up();
    let mut export = vec![graphs_default()];
    export.extend((1..=50).map(|number| named(&format!("ESP {number}"), &json!({}))));
    let other = json!({"@odata.type": "#microsoft.graph.deviceEnrollmentLimitConfiguration", "limit": 5});
    export.extend(std::iter::repeat_n(other, 5));
    let reply = send(&setup.admin, Method::POST, PROFILES, &json!({"value": export})).await.ok(201);
    assert_eq!((&reply["ignored"], reply["value"].as_array().unwrap().len()), (&json!(5), 51));
    assert_eq!(setup.list().await.len(), 51);
}

#[tokio::test]
async fn a_tenant_has_fifty_one_profiles_at_most() {
    let setup = set_up();
    let some = |from: u32, to: u32| json!({"value": (from..=to).map(|number| named(&format!("ESP {number}"), &json!({}))).collect::<Vec<_>>()});
    send(&setup.admin, Method::POST, PROFILES, &some(1, 48)).await.ok(201);
    // If one of three is too many, none is added.
    let problem = send(&setup.admin, Method::POST, PROFILES, &some(49, 51)).await.problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("51"), "{problem}");
    assert_eq!(setup.admin.json(PROFILES).await["profiles"], 49);
    send(&setup.admin, Method::POST, PROFILES, &some(49, 50)).await.ok(201);
    send(&setup.admin, Method::POST, PROFILES, &named("One more", &json!({}))).await.problem(409);
    let all = setup.list().await;
    assert_eq!(all.len(), 51);
    let path = format!("{PROFILES}/{}", all[7]["id"].as_str().unwrap());
    assert_eq!(send(&setup.admin, Method::DELETE, &path, &Value::Null).await.status, 204);
    send(&setup.admin, Method::POST, PROFILES, &named("One more", &json!({}))).await.ok(201);
}

#[tokio::test]
async fn a_profile_that_changed_since_it_was_read_is_not_changed() {
    let setup = set_up();
    let id = setup.make(&named("Kiosk", &json!({}))).await;
    setup.make(&named("Second", &json!({}))).await;
    let path = format!("{PROFILES}/{id}");
    let stale = tag(&setup.admin.get(&path).await);
    let other = send(&setup.admin, Method::PUT, &path, &named("Kiosks", &json!({}))).await;
    assert_ne!(tag(&other), stale);
    let now = setup.admin.get(&path).await;
    assert_eq!((tag(&now), now.ok(200)), (tag(&other), other.ok(200)));

    let changes = |name: &str| {
        [
            (Method::PUT, path.clone(), named(name, &json!({})), 200),
            (Method::POST, format!("{path}/assign"), assignments(&[group(name)]), 200),
            (Method::POST, format!("{path}/set-priority"), json!({"priority": 2}), 200),
            (Method::DELETE, path.clone(), Value::Null, 204),
        ]
    };
    for (method, at, body, _) in changes("Mine") {
        for tag in [stale.as_str(), "\"nothing\"", "x", "\"a\", \"b\""] {
            send_if(&setup.admin, method.clone(), &at, &body, tag).await.problem(412);
        }
        assert_eq!(setup.admin.json(&path).await, now.json(), "{method} {at}");
    }
    // Each change gives a new tag, which the next change must carry.
    let mut known = tag(&now);
    for (method, at, body, status) in changes("Mine") {
        let wanted = format!("\"other\", {known}");
        let done = send_if(&setup.admin, method.clone(), &at, &body, &wanted).await;
        assert_eq!(done.status, status, "{method} {at}");
        if status == 200 {
            assert_ne!(tag(&done), known, "{method} {at}");
            known = tag(&done);
        }
    }
    setup.admin.get(&path).await.problem(404);
    let id = setup.make(&named("Any", &json!({}))).await;
    let path = format!("{PROFILES}/{id}");
    send_if(&setup.admin, Method::PUT, &path, &named("Whatever", &json!({})), "*").await.ok(200);
    // A new rank by somebody else is a change as well.
    let before = tag(&setup.admin.get(&path).await);
    setup.make(&named("Before it", &json!({"priority": 1}))).await;
    send_if(&setup.admin, Method::DELETE, &path, &Value::Null, &before).await.problem(412);
}

#[tokio::test]
async fn a_new_rank_shifts_the_others() {
    let setup = set_up();
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d"] {
        ids.push(setup.make(&named(name, &json!({}))).await);
    }
    for (at, to, expected) in [
        (3, 1, ["d", "a", "b", "c"]),
        (3, 4, ["a", "b", "c", "d"]),
        (0, 3, ["b", "c", "a", "d"]),
        (0, 3, ["b", "c", "a", "d"]),
        (1, 1_000, ["c", "a", "d", "b"]),
        (1, 2, ["c", "b", "a", "d"]),
    ] {
        let path = format!("{PROFILES}/{}/set-priority", ids[at]);
        let reply = send(&setup.admin, Method::POST, &path, &json!({"priority": to})).await.ok(200);
        assert_eq!(reply["priority"], to.min(4));
        let all = setup.list().await;
        let ranked: Vec<_> = expected.into_iter().zip(1..).chain([("Default ESP", 0)]).collect();
        assert_eq!(order(&all), ranked, "{at} to {to}");
    }
    for body in
        [json!({}), json!({"priority": 0}), json!({"priority": -1}), json!({"priority": "1"}), json!({"priority": 1.5})]
    {
        let path = format!("{PROFILES}/{}/set-priority", ids[0]);
        assert_eq!(fields(&send(&setup.admin, Method::POST, &path, &body).await.problem(400)), ["priority"].into());
    }
    // Removing a profile leaves no gap, and a new one gets the rank that is requested.
    send(&setup.admin, Method::DELETE, &format!("{PROFILES}/{}", ids[1]), &Value::Null).await;
    setup.make(&named("e", &json!({"priority": 2}))).await;
    assert_eq!(order(&setup.list().await), [("c", 1), ("e", 2), ("a", 3), ("d", 4), ("Default ESP", 0)]);
    let moved = named("d", &json!({"priority": 1}));
    send(&setup.admin, Method::PUT, &format!("{PROFILES}/{}", ids[3]), &moved).await.ok(200);
    assert_eq!(order(&setup.list().await), [("d", 1), ("c", 2), ("e", 3), ("a", 4), ("Default ESP", 0)]);
}

/// One of many users: makes two profiles, moves them and those of others, and removes one of them.
async fn meddle(client: Client, number: usize) -> BTreeSet<u16> {
    let mut statuses = BTreeSet::new();
    let mut mine = Vec::new();
    for name in 0..2 {
        let body = named(&format!("{number}-{name}"), &json!({"priority": number}));
        let made = send(&client, Method::POST, PROFILES, &body).await;
        statuses.insert(made.status);
        mine.extend(made.json()["id"].as_str().map(str::to_owned));
    }
    let all = list(&client).await;
    let others = all.iter().filter_map(|one| one["id"].as_str()).filter(|id| *id != "default").take(2);
    for id in mine.iter().map(String::as_str).chain(others) {
        let path = format!("{PROFILES}/{id}/set-priority");
        statuses.insert(send(&client, Method::POST, &path, &json!({"priority": 1 + number % 5})).await.status);
    }
    if let Some(id) = mine.first() {
        statuses.insert(send(&client, Method::DELETE, &format!("{PROFILES}/{id}"), &Value::Null).await.status);
    }
    statuses
}

#[tokio::test]
async fn sixteen_at_once_leave_no_gap() {
    let setup = set_up();
    let mut clients = JoinSet::new();
    for number in 1..=16 {
        clients.spawn(meddle(Client::new(&setup.serve.url, &setup.contoso.admin), number));
    }
    let statuses: BTreeSet<u16> = clients.join_all().await.into_iter().flatten().collect();
    // 404 means that somebody else removed it. Nobody may get another error.
    assert!(statuses.is_subset(&[200, 201, 204, 404].into()), "{statuses:?}");
    let all = setup.list().await;
    let priorities: Vec<u64> = order(&all).into_iter().map(|(_, priority)| priority).collect();
    assert_eq!(priorities, (1..=16).chain([0]).collect::<Vec<_>>());
    let ids: BTreeSet<_> = all.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 17);
}

#[tokio::test]
async fn one_of_many_who_read_the_same_version_changes_it() {
    let setup = set_up();
    let id = setup.make(&named("Kiosk", &json!({}))).await;
    let path = format!("{PROFILES}/{id}");
    let known = tag(&setup.admin.get(&path).await);
    let mut clients = JoinSet::new();
    for number in 0..8 {
        let (client, path, known) = (setup.admin.clone(), path.clone(), known.clone());
        let body = named(&format!("Kiosk {number}"), &json!({}));
        clients.spawn(async move { send_if(&client, Method::PUT, &path, &body, &known).await.status });
    }
    let mut statuses = clients.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
    assert_eq!(setup.admin.json(&path).await["version"], 2);
}

#[tokio::test]
async fn an_assignment_replaces_the_one_before() {
    let setup = set_up();
    let id = setup.make(&named("Kiosk", &json!({}))).await;
    let body = r##"{"enrollmentConfigurationAssignments":[{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"0f1a2b3c-0000-4000-8000-000000000001"}}]}"##;
    let request = setup.admin.request(Method::POST, &format!("{PROFILES}/{id}/assign"));
    let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let targets = async || {
        let shown = setup.admin.json(&format!("{PROFILES}/{id}")).await;
        shown["assignments"].as_array().unwrap().iter().map(|one| one["target"].clone()).collect::<Vec<_>>()
    };
    let target = &targets().await[0];
    assert_eq!(target["@odata.type"], "#microsoft.graph.groupAssignmentTarget");
    assert_eq!(target["groupId"], "0f1a2b3c-0000-4000-8000-000000000001");
    assert_eq!(target["deviceAndAppManagementAssignmentFilterType"], "none");

    let rule = "(device.manufacturer -eq \"Contoso\") and not (device.model -startsWith \"X\")";
    let wanted = [filtered(everything("allDevices"), "include", rule), filtered(group("g2"), "exclude", rule)];
    let assigned = setup.assign(&id, &wanted).await;
    assert_eq!(assigned["version"], 3);
    let shown = targets().await;
    assert_eq!(shown.len(), 2, "replaced, not added");
    for (shown, wanted) in shown.iter().zip(&wanted) {
        for (member, value) in wanted.as_object().unwrap() {
            assert_eq!(shown[member], *value, "{member}");
        }
    }
    // An export can be posted back, even with a filter whose rule only Graph has.
    let mut foreign = everything("allLicensedUsers");
    foreign["deviceAndAppManagementAssignmentFilterId"] = "f1".into();
    foreign["deviceAndAppManagementAssignmentFilterType"] = "include".into();
    setup.assign(&id, std::slice::from_ref(&foreign)).await;
    assert_eq!(targets().await, [foreign]);
    setup.assign(&id, &[]).await;
    assert!(targets().await.is_empty());
    // A change of only the settings keeps the assignments.
    setup.assign(&id, &[group("g3")]).await;
    send(&setup.admin, Method::PUT, &format!("{PROFILES}/{id}"), &named("Kiosk", &json!({}))).await.ok(200);
    assert_eq!(targets().await[0]["groupId"], "g3");
}
