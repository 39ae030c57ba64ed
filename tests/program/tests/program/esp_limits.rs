//! A profile that violates a limit or a dependency of Enrollment Status Page profiles is refused, field by field.

use crate::esp::{PROFILES, Setup, assignments, everything, fields, filtered, group, named, send, set_up};
use reqwest::Method;
use serde_json::{Value, json};

/// A text that must never be repeated in an answer.
const SENT: &str = "hush-4711";

/// A body, and exactly the fields that must be named.
async fn refuses(setup: &Setup, method: Method, path: &str, body: &Value, wanted: &[&str]) {
    let problem = send(&setup.admin, method, path, body).await.problem(400);
    assert_eq!(fields(&problem), wanted.iter().copied().collect(), "{body}");
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
    assert!(!problem.to_string().contains(SENT), "{problem}");
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("app-{number}")).collect()
}

/// Members besides a name, and the fields that are then invalid.
fn wrong_members() -> Vec<(Value, Vec<&'static str>)> {
    let timeout = "installProgressTimeoutInMinutes";
    let hidden = "showInstallationProgress";
    let mut all = vec![
        (json!({"displayName": null}), vec!["displayName"]),
        (json!({"displayName": ""}), vec!["displayName"]),
        (json!({"displayName": " \t"}), vec!["displayName"]),
        (json!({"displayName": 7}), vec!["displayName"]),
        (json!({"displayName": "x".repeat(257)}), vec!["displayName"]),
        (json!({"description": "x".repeat(1_501)}), vec!["description"]),
        (json!({"description": [SENT]}), vec!["description"]),
        (json!({"customErrorMessage": "ä".repeat(10_001)}), vec!["customErrorMessage"]),
        (json!({"customErrorMessage": {"text": SENT}}), vec!["customErrorMessage"]),
        (json!({timeout: 0}), vec![timeout]),
        (json!({timeout: 1_441}), vec![timeout]),
        (json!({timeout: -1}), vec![timeout]),
        (json!({timeout: 59.5}), vec![timeout]),
        (json!({timeout: "60"}), vec![timeout]),
        (json!({timeout: 4_294_967_297_u64}), vec![timeout]),
        (json!({hidden: false, timeout: 1_441}), vec![timeout]),
        (json!({"selectedMobileAppIds": ids(101)}), vec!["selectedMobileAppIds"]),
        (json!({"selectedMobileAppIds": SENT}), vec!["selectedMobileAppIds"]),
        (json!({"selectedMobileAppIds": ["a", 7]}), vec!["selectedMobileAppIds"]),
        (json!({"selectedMobileAppIds": ["a", " "]}), vec!["selectedMobileAppIds"]),
        (json!({"selectedMobileAppIds": ["x".repeat(257)]}), vec!["selectedMobileAppIds"]),
        (json!({"roleScopeTagIds": "0"}), vec!["roleScopeTagIds"]),
        (json!({"roleScopeTagIds": [0]}), vec!["roleScopeTagIds"]),
        (json!({"roleScopeTagIds": ids(51)}), vec!["roleScopeTagIds"]),
        (json!({"priority": "first"}), vec!["priority"]),
        (json!({"priority": -1}), vec!["priority"]),
        (json!({"allowUserToSkipAcountSetup": true}), vec!["allowUserToSkipAcountSetup"]),
        (json!({"DisplayName": "Kiosk"}), vec!["DisplayName"]),
        (json!({"@odata.type": "#microsoft.graph.deviceEnrollmentLimitConfiguration"}), vec!["@odata.type"]),
        (json!({"allowNonBlockingAppInstallation": true}), vec!["allowNonBlockingAppInstallation"]),
        (json!({"blockDeviceUse": false, "selectedMobileAppIds": ["a"]}), vec!["selectedMobileAppIds"]),
        // If several are invalid, all of them are named.
        (
            json!({"blockDeviceUse": false, "allowDeviceResetOnInstallFailure": true,
                   "allowDeviceUseOnInstallFailure": true, timeout: 0, "colour": SENT}),
            vec!["allowDeviceResetOnInstallFailure", "allowDeviceUseOnInstallFailure", timeout, "colour"],
        ),
        (
            json!({hidden: "yes", "installQualityUpdates": 1, "description": 1, "displayName": null}),
            vec![hidden, "installQualityUpdates", "description", "displayName"],
        ),
    ];
    for flag in [
        hidden,
        "allowLogCollectionOnInstallFailure",
        "disableUserStatusTrackingAfterFirstUser",
        "trackInstallProgressForAutopilotOnly",
        "blockDeviceSetupRetryByUser",
        "allowDeviceResetOnInstallFailure",
        "allowDeviceUseOnInstallFailure",
        "allowNonBlockingAppInstallation",
        "installQualityUpdates",
        "enabled",
        "blockDeviceUse",
        "showErrorDetails",
        "allowUserToSkipAccountSetup",
    ] {
        all.extend([json!("true"), json!(1), json!([SENT])].map(|wrong| (json!({flag: wrong}), vec![flag])));
    }
    // Without the page, none of its settings has an effect.
    for (member, on) in [
        ("customErrorMessage", json!("Ask us.")),
        ("allowLogCollectionOnInstallFailure", json!(true)),
        ("disableUserStatusTrackingAfterFirstUser", json!(true)),
        ("trackInstallProgressForAutopilotOnly", json!(true)),
        ("installQualityUpdates", json!(true)),
        ("showErrorDetails", json!(true)),
        ("allowUserToSkipAccountSetup", json!(true)),
        ("allowDeviceResetOnInstallFailure", json!(true)),
        ("allowDeviceUseOnInstallFailure", json!(true)),
        ("selectedMobileAppIds", json!(["a"])),
    ] {
        all.push((json!({hidden: false, member: on}), vec![member]));
    }
    all
}

#[tokio::test]
async fn every_wrong_member_is_named() {
    let setup = set_up();
    let id = setup.make(&named("Kiosk", &json!({}))).await;
    let path = format!("{PROFILES}/{id}");
    let before = setup.list().await;
    for (members, wanted) in wrong_members() {
        let body = named("Another", &members);
        refuses(&setup, Method::POST, PROFILES, &body, &wanted).await;
        refuses(&setup, Method::PUT, &path, &body, &wanted).await;
    }
    assert_eq!(setup.list().await, before, "what was refused changed nothing");
}

#[tokio::test]
async fn the_limits_themselves_are_allowed() {
    let setup = set_up();
    for members in [
        json!({"displayName": "x".repeat(256), "description": "x".repeat(1_500)}),
        json!({"customErrorMessage": "ä".repeat(10_000)}),
        json!({"installProgressTimeoutInMinutes": 1}),
        json!({"installProgressTimeoutInMinutes": 1_440}),
        json!({"selectedMobileAppIds": ids(100), "allowNonBlockingAppInstallation": true}),
        json!({"showInstallationProgress": false, "installProgressTimeoutInMinutes": 0}),
        json!({"showInstallationProgress": false, "blockDeviceSetupRetryByUser": true}),
        json!({"blockDeviceUse": false, "allowLogCollectionOnInstallFailure": true, "customErrorMessage": "Ask us."}),
        json!({"description": null, "customErrorMessage": null, "selectedMobileAppIds": null, "assignments": null}),
    ] {
        let body = named("Kiosk", &members);
        let shown = send(&setup.admin, Method::POST, PROFILES, &body).await.ok(201);
        for (member, value) in members.as_object().unwrap() {
            assert!(value.is_null() || shown[member] == *value, "{member}: {}", shown[member]);
        }
    }
}

#[tokio::test]
async fn a_list_is_taken_whole_or_not_at_all() {
    let setup = set_up();
    let before = setup.list().await;
    let unchanged = async |body: Value, wanted: &[&str]| {
        refuses(&setup, Method::POST, PROFILES, &body, wanted).await;
        assert_eq!(setup.list().await, before);
    };
    let good = named("Good", &json!({}));
    let minutes = named("Long", &json!({"installProgressTimeoutInMinutes": 2_000, "colour": SENT}));
    unchanged(
        json!({"value": [good, minutes, 7, {"description": "nameless"}]}),
        &["value[1].installProgressTimeoutInMinutes", "value[1].colour", "value[2]", "value[3].displayName"],
    )
    .await;
    unchanged(json!({"value": vec![good.clone(); 52]}), &["value"]).await;
    let off = named("Default", &json!({"id": "default", "enabled": false}));
    send(&setup.admin, Method::POST, PROFILES, &json!({"value": [good, off]})).await.problem(409);
    assert_eq!(setup.list().await, before);
    let reply = send(&setup.admin, Method::POST, PROFILES, &json!({"value": []})).await.ok(201);
    assert_eq!((&reply["value"], &reply["ignored"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn a_wrong_assignment_is_named() {
    let setup = set_up();
    let id = setup.make(&named("Kiosk", &json!({}))).await;
    setup.assign(&id, &[group("before")]).await;
    let before = setup.list().await;
    let path = format!("{PROFILES}/{id}/assign");
    let rule = "deviceAndAppManagementAssignmentFilterRule";
    let kind = "deviceAndAppManagementAssignmentFilterType";
    let with = |member: &str, value: Value| {
        let mut target = everything("allDevices");
        target[member] = value;
        target
    };
    let many_rules = "x".repeat(3_073);
    for (target, field) in [
        (json!(null), "@odata.type"),
        (json!({}), "@odata.type"),
        (everything("exclusionGroup"), "@odata.type"),
        (json!({"@odata.type": SENT}), "@odata.type"),
        (json!({"@odata.type": 7}), "@odata.type"),
        (json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget"}), "groupId"),
        (group(""), "groupId"),
        (with(kind, json!("sometimes")), kind),
        (with(kind, json!("include")), rule),
        (with(rule, json!("(device.model -eq \"X\")")), kind),
        (filtered(everything("allDevices"), "include", "(device.model -eq"), rule),
        (filtered(everything("allDevices"), "include", "nonsense"), rule),
        (filtered(everything("allDevices"), "exclude", "(device.category -eq \"X\")"), rule),
        (filtered(everything("allDevices"), "exclude", "(device.model -like \"X\")"), rule),
        (filtered(group("g"), "include", &"(".repeat(3_000)), rule),
        (filtered(group("g"), "include", &many_rules), rule),
    ] {
        let field = format!("target.{field}");
        let body = assignments(std::slice::from_ref(&target));
        let at = format!("enrollmentConfigurationAssignments[0].{field}");
        let problem = send(&setup.admin, Method::POST, &path, &body).await.problem(400);
        assert!(fields(&problem).contains(at.as_str()), "{target}: {problem}");
        // In the body of a profile, the list has another name.
        let body = named("Kiosk", &json!({"assignments": [{"target": group("g")}, {"target": target}]}));
        let problem = send(&setup.admin, Method::POST, PROFILES, &body).await.problem(400);
        assert!(fields(&problem).contains(format!("assignments[1].{field}").as_str()), "{target}: {problem}");
        assert!(!problem.to_string().contains(SENT), "{problem}");
    }
    let list = "enrollmentConfigurationAssignments";
    for (body, field) in [
        (json!({}), list),
        (json!({list: null}), list),
        (json!({list: SENT}), list),
        (json!({list: [], "colour": SENT}), "colour"),
        (json!({list: [7]}), "enrollmentConfigurationAssignments[0]"),
        (json!({list: vec![json!({"target": group("g")}); 201]}), list),
    ] {
        let problem = send(&setup.admin, Method::POST, &path, &body).await.problem(400);
        assert!(fields(&problem).contains(field), "{problem}");
    }
    assert_eq!(setup.list().await, before, "what was refused changed nothing");
    let problem = send(&setup.admin, Method::POST, PROFILES, &named("X", &json!({"assignments": 7}))).await;
    assert_eq!(fields(&problem.problem(400)), ["assignments"].into());
}

/// A text that deflates about as well as what people write.
fn prose(seed: usize, characters: usize) -> String {
    const WORDS: [&str; 16] = [
        "setup",
        "device",
        "please",
        "contact",
        "support",
        "again",
        "organization",
        "telephone",
        "could",
        "not",
        "completed",
        "restart",
        "network",
        "office",
        "hours",
        "desk",
    ];
    let mut text = String::new();
    let mut state = seed as u64 + 1;
    while text.len() < characters {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text += &format!("{} {} ", WORDS[(state >> 60) as usize], (state >> 40) % 97);
    }
    text[..characters].to_owned()
}

#[tokio::test]
async fn fifty_one_profiles_of_the_largest_size_fit() {
    let setup = set_up();
    for number in 0..50_usize {
        let apps: Vec<_> = (0..100)
            .map(|app| {
                format!(
                    "{:032x}",
                    ((number * 100 + app + 1) as u128).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
                )
            })
            .collect();
        let more = json!({"customErrorMessage": prose(number, 10_000), "selectedMobileAppIds": apps});
        send(&setup.admin, Method::POST, PROFILES, &named(&format!("ESP {number}"), &more)).await.ok(201);
    }
}
