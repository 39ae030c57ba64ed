//! Which Enrollment Status Page profile applies to a hypothetical device, and why.

use crate::esp::{PROFILES, Setup, everything, fields, filtered, group, named, send, set_up};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

async fn resolve(setup: &Setup, device: &Value) -> Value {
    let resolved = send(&setup.admin, Method::POST, &format!("{PROFILES}/resolve"), device).await.ok(200);
    assert!(resolved["asOf"].is_string() && resolved["rule"]["words"].is_string(), "{resolved}");
    resolved
}

/// The profile that applies, the rule that chose it, and why the others don't.
fn chosen(resolved: &Value) -> (&str, &str, BTreeMap<&str, &str>) {
    let text = |value: &'static str| resolved.pointer(value).and_then(Value::as_str).unwrap();
    let over = resolved["passedOver"].as_array().unwrap().iter();
    let over = over.map(|one| (one["displayName"].as_str().unwrap(), one["reason"].as_str().unwrap())).collect();
    (text("/profile/displayName"), text("/rule/kind"), over)
}

fn in_groups(device: &[&str], user: &[&str]) -> Value {
    json!({"groups": {"device": device, "user": user}})
}

async fn profile(setup: &Setup, name: &str, more: &Value, targets: &[Value]) -> String {
    let id = setup.make(&named(name, more)).await;
    setup.assign(&id, targets).await;
    id
}

#[tokio::test]
async fn the_device_comes_before_its_user() {
    let setup = set_up();
    let (by_rule, _, over) = {
        let resolved = resolve(&setup, &json!({})).await;
        let (name, rule, over) = chosen(&resolved);
        (name.to_owned(), rule.to_owned(), over.len())
    };
    assert_eq!((by_rule.as_str(), over), ("Default ESP", 0));

    profile(&setup, "Board", &json!({}), &[group("board")]).await;
    profile(&setup, "Off", &json!({"enabled": false}), &[everything("allDevices")]).await;
    setup.make(&named("Nobody's", &json!({}))).await;
    profile(&setup, "Kiosks", &json!({}), &[group("kiosks")]).await;
    profile(&setup, "All users", &json!({}), &[everything("allLicensedUsers")]).await;
    let resolved = resolve(&setup, &in_groups(&["KIOSKS", "others"], &["board"])).await;
    let (name, rule, over) = chosen(&resolved);
    // It applies in spite of its lower priority.
    assert_eq!((name, rule), ("Kiosks", "deviceGroup"));
    assert_eq!(resolved["profile"]["priority"], 4);
    assert_eq!(resolved["rule"]["group"]["id"], "kiosks");
    let reasons = [
        ("Board", "deviceFirst"),
        ("Off", "disabled"),
        ("Nobody's", "notAssigned"),
        ("All users", "deviceFirst"),
        ("Default ESP", "fallback"),
    ];
    assert_eq!(over, reasons.into());
    for one in resolved["passedOver"].as_array().unwrap() {
        assert!(one["words"].as_str().is_some_and(|words| !words.is_empty()), "{one}");
    }

    let resolved = resolve(&setup, &in_groups(&[], &["board"])).await;
    let (name, rule, over) = chosen(&resolved);
    assert_eq!((name, rule, over["All users"]), ("Board", "userGroup", "lowerPriority"));
    assert_eq!(over["Kiosks"], "otherGroups");
    let resolved = resolve(&setup, &json!({})).await;
    let (name, rule, over) = chosen(&resolved);
    assert_eq!((name, rule, over["Board"]), ("All users", "allLicensedUsers", "otherGroups"));
}

#[tokio::test]
async fn where_nobody_signs_in_users_do_not_count() {
    let setup = set_up();
    profile(&setup, "All users", &json!({}), &[everything("allLicensedUsers")]).await;
    profile(&setup, "Board", &json!({}), &[group("board")]).await;
    for (mode, expected, reason) in [
        ("userDriven", "All users", "lowerPriority"),
        ("preProvisioningUser", "All users", "lowerPriority"),
        ("selfDeploying", "Default ESP", "noUser"),
        ("preProvisioningTechnician", "Default ESP", "noUser"),
    ] {
        let mut device = in_groups(&[], &["board"]);
        device["deploymentMode"] = mode.into();
        let resolved = resolve(&setup, &device).await;
        let (name, _, over) = chosen(&resolved);
        assert_eq!((name, over["Board"]), (expected, reason), "{mode}");
    }
    // A group that contains the user and the device counts for the device as well.
    let both = json!({"deploymentMode": "selfDeploying", "groups": {"device": ["board"], "user": ["board"]}});
    assert_eq!(chosen(&resolve(&setup, &both).await).0, "Board");
}

#[tokio::test]
async fn filters_let_in_and_keep_out() {
    let setup = set_up();
    let rule = "(device.manufacturer -eq \"Contoso\") and (device.osVersion -startsWith \"10.0.26\")";
    let included = filtered(everything("allDevices"), "include", rule);
    let excluded = filtered(everything("allDevices"), "exclude", rule);
    profile(&setup, "In", &json!({}), &[included]).await;
    profile(&setup, "Out", &json!({}), &[excluded]).await;
    let mut known_to_graph = everything("allDevices");
    known_to_graph["deviceAndAppManagementAssignmentFilterId"] = "f1".into();
    known_to_graph["deviceAndAppManagementAssignmentFilterType"] = "include".into();
    profile(&setup, "Graph's", &json!({}), &[known_to_graph]).await;
    for (device, expected, reasons) in [
        (json!({"manufacturer": "contoso", "osVersion": "10.0.26100.1"}), "In", [("Out", "filtered")]),
        (json!({"device": {"manufacturer": "Contoso"}, "osVersion": "10.0.26100.1"}), "In", [("Out", "filtered")]),
        (json!({"manufacturer": "Contoso", "osVersion": "10.0.22631"}), "Out", [("In", "filtered")]),
        (json!({"manufacturer": "Fabrikam", "osVersion": "10.0.26100.1"}), "Out", [("In", "filtered")]),
        (json!({}), "Out", [("In", "filtered")]),
    ] {
        let resolved = resolve(&setup, &device).await;
        let (name, rule, over) = chosen(&resolved);
        assert_eq!((name, rule, over["Graph's"]), (expected, "allDevices", "filterUnknown"), "{device}");
        for (name, reason) in reasons {
            assert_eq!(over[name], reason, "{device}");
        }
    }
}

#[tokio::test]
async fn a_higher_priority_wins_and_a_change_shows_at_once() {
    let setup = set_up();
    let first = profile(&setup, "First", &json!({"installProgressTimeoutInMinutes": 90}), &[group("a")]).await;
    let second = profile(&setup, "Second", &json!({}), &[everything("allDevices")]).await;
    let device = in_groups(&["a"], &[]);
    let resolved = resolve(&setup, &device).await;
    assert_eq!((chosen(&resolved).0, chosen(&resolved).2["Second"]), ("First", "lowerPriority"));
    assert_eq!(resolved["profile"]["installProgressTimeoutInMinutes"], 90);
    let path = format!("{PROFILES}/{second}/set-priority");
    send(&setup.admin, Method::POST, &path, &json!({"priority": 1})).await.ok(200);
    let resolved = resolve(&setup, &device).await;
    assert_eq!((chosen(&resolved).0, chosen(&resolved).1), ("Second", "allDevices"));
    assert_eq!(resolved["profile"]["id"], second);
    let off = named("Second", &json!({"enabled": false}));
    send(&setup.admin, Method::PUT, &format!("{PROFILES}/{second}"), &off).await.ok(200);
    assert_eq!(resolve(&setup, &device).await["profile"]["id"], first);
    for (device, field) in [
        (json!({"deploymentMode": "byHand"}), "deploymentMode"),
        (json!({"groups": {"device": "a"}}), "groups.device"),
        (json!({"osVersion": 10}), "osVersion"),
        (json!({"device": 7}), "device"),
    ] {
        let answer = send(&setup.admin, Method::POST, &format!("{PROFILES}/resolve"), &device).await;
        assert_eq!(fields(&answer.problem(400)), [field].into());
    }
    // A reader may ask as well.
    let reader = setup.client(&[]);
    send(&reader, Method::POST, &format!("{PROFILES}/resolve"), &device).await.ok(200);
}
