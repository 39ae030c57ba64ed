//! A token with scope tags: no operation shows it a word of a profile that it may not see, and none lets it change what
//! is not its own.

use crate::esp::{PROFILES, Setup, named, page_event, send, set_up};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use vestibule_program_tests::Client;

/// Part of every word that the hidden profile has and nobody else.
const WORD: &str = "zqhidden";

/// A profile for a group, with its own words wherever it can have some, and a device in the group that is on its page,
/// has failed, and is someone's.
async fn hide(setup: &Setup) -> String {
    let target = json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": format!("{WORD}-group"),
        "groupName": format!("{WORD} group")});
    let hidden = json!({
        "description": format!("{WORD} description"),
        "customErrorMessage": format!("{WORD} message"),
        "installProgressTimeoutInMinutes": 30,
        "showInstallationProgress": true,
        "allowLogCollectionOnInstallFailure": true,
        "roleScopeTagIds": [format!("{WORD}-tag")],
        "assignments": [{"target": target}],
    });
    let id = setup.make(&named(&format!("{WORD} name"), &hidden)).await;
    let start = json!({"groups": {
        "device": [{"id": format!("{WORD}-group"), "name": format!("{WORD} group")}], "user": [],
    }});
    setup
        .hear(&[
            page_event("esp.started", "5CG-SCOPE", 5, &start),
            page_event("esp.failed", "5CG-SCOPE", 4, &json!({"errorCode": "0x81036502"})),
        ])
        .await;
    id
}

/// What can stand in the braces of a path: of the hidden profile, of the device, and of nothing.
async fn ids(setup: &Setup, profile: &str) -> Vec<String> {
    let sessions = setup.admin.json("/api/reports/esp/sessions").await;
    let session = sessions["sessions"][0]["sessionId"].as_str().unwrap().to_owned();
    let attempts = setup.admin.json("/api/reports/incomplete-enrollments/attempts?os=all").await;
    let attempt = attempts["attempts"][0]["attemptId"].as_str().map(str::to_owned);
    let others = ["5CG-SCOPE", "default", "latest", "nothing"].map(str::to_owned);
    [profile.to_owned(), session].into_iter().chain(attempt).chain(others).collect()
}

#[tokio::test]
async fn no_operation_shows_a_word_of_a_hidden_profile() {
    let setup = set_up();
    let hidden = hide(&setup).await;
    setup.make(&named("Ours", &json!({"roleScopeTagIds": ["US"]}))).await;
    let us = setup.client(&["--role", "admin", "--scope-tag", "US"]);
    setup.folder.json(&["export", "contoso"]);
    let ids = ids(&setup, &hidden).await;
    let document = us.json("/openapi.json").await;

    // What to send: something that the operation accepts, if it changes nothing that is not theirs.
    let bodies: BTreeMap<&str, Value> = BTreeMap::from([
        ("createEspProfiles", named("Another", &json!({}))),
        ("resolveEspProfile", json!({"groups": {"device": [format!("{WORD}-GROUP").to_lowercase()], "user": []}})),
        ("replaceEspProfile", named("Another", &json!({}))),
        ("setEspProfilePriority", json!({"priority": 1})),
        ("assignEspProfile", json!({"enrollmentConfigurationAssignments": []})),
        ("changeTenant", json!({"deviceLimit": 3})),
    ]);
    let queries: BTreeMap<&str, Vec<&str>> = BTreeMap::from([
        ("diagnose", vec!["?device=5CG-SCOPE", "?user=ada@contoso.example"]),
        ("getDeviceEsp", vec!["", "?format=html", "?format=json"]),
    ]);
    let (mut asked, mut shown_to_others) = (0, 0);
    for (path, item) in document["paths"].as_object().unwrap() {
        if path.starts_with("/hooks/") {
            continue;
        }
        for (method, operation) in item.as_object().unwrap().iter().filter(|(_, one)| one["operationId"].is_string()) {
            let name = operation["operationId"].as_str().unwrap();
            // Signing out would end the test, and signing in has nothing to do with a token.
            if ["signIn", "signOut"].contains(&name) {
                continue;
            }
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let paths: Vec<String> = match path.find('{') {
                None => vec![path.clone()],
                Some(begin) => {
                    let end = path.find('}').unwrap() + 1;
                    ids.iter().map(|id| format!("{}{id}{}", &path[..begin], &path[end..])).collect()
                }
            };
            for query in queries.get(name).unwrap_or(&vec![""]) {
                for path in &paths {
                    let (path, body) = (format!("{path}{query}"), bodies.get(name).unwrap_or(&Value::Null));
                    let answer = send(&us, method.clone(), &path, body).await;
                    let text = String::from_utf8_lossy(&answer.body).to_lowercase();
                    let headers = format!("{:?}", answer.headers).to_lowercase();
                    assert!(answer.status < 500, "{method} {path}: {} {text}", answer.status);
                    for said in [&text, &headers] {
                        assert!(!said.contains(WORD), "{method} {path} shows a hidden profile: {said}");
                        // The description's examples are of a tenant like this one.
                        let asks_for_it = path.contains(&hidden) || path == "/openapi.json";
                        assert!(asks_for_it || !said.contains(&hidden), "{method} {path} names {hidden}: {said}");
                    }
                    asked += 1;
                    if method == Method::GET {
                        let all = setup.admin.get(&path).await;
                        shown_to_others += usize::from(String::from_utf8_lossy(&all.body).contains(WORD));
                    }
                }
            }
        }
    }
    assert!(asked > 60 && shown_to_others >= 7, "{asked} asked, {shown_to_others} shown to a token without tags");
    // Whoever may see all profiles still sees the groups and the message.
    let own = setup.admin.json("/api/devices/5CG-SCOPE/esp").await;
    assert_eq!(own["message"], format!("{WORD} message"));
    let kept = setup.admin.json(&format!("{PROFILES}/{hidden}")).await;
    assert_eq!(kept["displayName"], format!("{WORD} name"), "nothing changed it");
}

#[tokio::test]
async fn a_limited_administrator_changes_no_settings_of_the_tenant() {
    let setup = set_up();
    let us = setup.client(&["--role", "admin", "--scope-tag", "US"]);
    us.json("/api/tenant").await;
    us.patch("/api/tenant", &json!({"deviceLimit": 3})).await.problem(403);
    // Nor does one make itself another token, or a sender's secret.
    us.get("/api/tokens").await.problem(403);
    send(&us, Method::POST, "/api/tokens", &json!({"name": "more", "role": "admin"})).await.problem(403);
    let url = json!({"url": "https://vestibule.example"});
    send(&us, Method::POST, "/api/sources/jamf/secrets", &url).await.problem(403);
    send(&us, Method::DELETE, "/api/sources/jamf/secrets", &Value::Null).await.problem(403);
    assert_eq!(setup.admin.json("/api/tenant").await["settings"]["deviceLimit"], 15);
    // Annotations are of the whole tenant, too.
    let annotation = json!({"from": "2026-11-15", "text": "Terms of use changed"});
    send(&us, Method::POST, "/api/annotations", &annotation).await.problem(403);
    let written = send(&setup.admin, Method::POST, "/api/annotations", &annotation).await.ok(201);
    let path = format!("/api/annotations/{}", written["annotation"]["id"].as_str().unwrap());
    send(&us, Method::PUT, &path, &annotation).await.problem(403);
    send(&us, Method::DELETE, &path, &Value::Null).await.problem(403);
    assert_eq!(us.json("/api/annotations").await["annotations"], json!([written["annotation"]]));
    // And so are messages.
    for (method, path) in [
        (Method::GET, "/api/notices"),
        (Method::PATCH, "/api/notices"),
        (Method::GET, "/api/notices/history"),
        (Method::PUT, "/api/notices/channels/mail"),
        (Method::DELETE, "/api/notices/channels/mail"),
        (Method::POST, "/api/notices/channels/mail/test"),
        (Method::PUT, "/api/notices/rules/all"),
        (Method::DELETE, "/api/notices/rules/all"),
        (Method::POST, "/api/notices/rules/all/mute"),
    ] {
        send(&us, method, path, &json!({})).await.problem(403);
    }
    setup.admin.patch("/api/tenant", &json!({"deviceLimit": 3})).await.ok(200);
    // Groups that a profile of theirs is assigned to are shown.
    let target = json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "ours"});
    setup.make(&named("Ours", &json!({"roleScopeTagIds": ["US"], "assignments": [{"target": target}]}))).await;
    let start = json!({"groups": {"device": ["OURS", "theirs"], "user": ["ours"]}});
    setup.hear(&[page_event("esp.started", "5CG-GROUPS", 5, &start)]).await;
    let groups =
        async |client: &Client| client.json("/api/devices/5CG-GROUPS/esp-profile").await["basedOn"]["groups"].clone();
    let group = |id: &str| json!({"id": id, "name": null});
    assert_eq!(groups(&us).await, json!({"device": [group("OURS")], "user": [group("ours")]}));
    assert_eq!(groups(&setup.admin).await["device"].as_array().unwrap().len(), 2);
}
