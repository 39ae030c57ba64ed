//! Who may do what with Enrollment Status Page profiles and devices: roles, tenants and scope tags.

use crate::esp::{
    PROFILES, Setup, assignments, everything, fields, group, list, named, order, page_event, send, set_up,
};
use reqwest::Method;
use serde_json::{Value, json};
use vestibule_program_tests::{Answer, Client};

/// Every operation: method, path, a valid body, and whether it changes something.
fn operations(id: &str, device: &str) -> Vec<(Method, String, Value, bool)> {
    let at = |rest: &str| format!("{PROFILES}/{id}{rest}");
    vec![
        (Method::GET, PROFILES.to_owned(), Value::Null, false),
        (Method::POST, PROFILES.to_owned(), named("Mine", &json!({})), true),
        (Method::POST, format!("{PROFILES}/resolve"), json!({}), false),
        (Method::GET, at(""), Value::Null, false),
        (Method::PUT, at(""), named("Mine", &json!({})), true),
        (Method::POST, at("/set-priority"), json!({"priority": 1}), true),
        (Method::POST, at("/assign"), assignments(&[group("g")]), true),
        (Method::GET, format!("/api/devices/{device}/esp"), Value::Null, false),
        (Method::GET, format!("/api/devices/{device}/esp-profile"), Value::Null, false),
        (Method::DELETE, at(""), Value::Null, true),
    ]
}

async fn with_device(setup: &Setup) -> String {
    let id = setup.make(&named("Kiosk", &json!({}))).await;
    setup.hear(&[page_event("esp.started", "5CG-ACCESS", 5, &json!({}))]).await;
    id
}

#[tokio::test]
async fn roles_and_tenants() {
    let setup = set_up();
    let id = with_device(&setup).await;
    let fabrikam = setup.folder.add_tenant("fabrikam");
    let nobody = Client::new(&setup.serve.url, "");
    let theirs = Client::new(&setup.serve.url, &fabrikam.admin);
    let reader = setup.client(&[]);
    let unknown = nobody.get("/api/tenant").await;
    for (method, path, body, changes) in operations(&id, "5CG-ACCESS") {
        let what = format!("{method} {path}");
        for client in [&nobody, &Client::new(&setup.serve.url, "vst_contoso_hush"), &Client::new(&setup.serve.url, "x")]
        {
            let answer = send(client, method.clone(), &path, &body).await;
            assert_eq!((answer.status, &answer.body), (401, &unknown.body), "{what}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer", "{what}");
        }
        let answer = send(&reader, method.clone(), &path, &body).await;
        assert_eq!(answer.status, if changes { 403 } else { 200 }, "{what}");
        // An id of ours is unknown to the other tenant.
        let named_ours = path.contains(&id) || path.contains("5CG-ACCESS");
        let answer = send(&theirs, method.clone(), &path, &body).await;
        assert!(if named_ours { answer.status == 404 } else { [200, 201].contains(&answer.status) }, "{what}");
    }
    // The default has the same id at each tenant, but each has its own.
    let path = format!("{PROFILES}/default");
    send(&theirs, Method::PUT, &path, &named("Theirs", &json!({}))).await.ok(200);
    assert_eq!(setup.admin.json(&path).await["displayName"], "Default ESP");
    assert_eq!(order(&setup.list().await), [("Kiosk", 1), ("Default ESP", 0)]);
    assert_eq!(order(&list(&theirs).await), [("Mine", 1), ("Theirs", 0)]);
    // An administrator may do all of it.
    for (method, path, body, _) in operations(&id, "5CG-ACCESS") {
        let answer = send(&setup.admin, method.clone(), &path, &body).await;
        assert!([200, 201, 204].contains(&answer.status), "{method} {path}: {}", answer.status);
    }
}

#[tokio::test]
async fn bodies_methods_and_parameters() {
    let setup = set_up();
    let id = with_device(&setup).await;
    let reader = setup.client(&[]);
    for (method, path, body, changes) in operations(&id, "5CG-ACCESS") {
        if !body.is_null() {
            for wrong in ["", "{", "hush-4711", "[]", "null", "7", "{} {}"] {
                let request = setup.admin.request(method.clone(), &path).body(wrong);
                let problem = Answer::of(request.send().await.unwrap()).await.problem(400);
                assert!(!problem.to_string().contains("hush"), "{method} {path}: {problem}");
                // A caller without permission does not learn what is wrong with a body.
                if changes {
                    let request = reader.request(method.clone(), &path).body(wrong);
                    Answer::of(request.send().await.unwrap()).await.problem(403);
                }
            }
        }
        let answer =
            setup.admin.request(method.clone(), &format!("{path}?colour=blue")).json(&body).send().await.unwrap();
        Answer::of(answer).await.problem(400);
    }
    for (method, path) in [
        (Method::DELETE, PROFILES.to_owned()),
        (Method::PATCH, PROFILES.to_owned()),
        (Method::PUT, PROFILES.to_owned()),
        (Method::POST, format!("{PROFILES}/{id}")),
        (Method::PATCH, format!("{PROFILES}/{id}")),
        (Method::GET, format!("{PROFILES}/{id}/assign")),
        (Method::DELETE, format!("{PROFILES}/{id}/assign")),
        (Method::PUT, format!("{PROFILES}/{id}/set-priority")),
        (Method::POST, "/api/devices/5CG-ACCESS/esp".to_owned()),
        (Method::DELETE, "/api/devices/5CG-ACCESS/esp".to_owned()),
        (Method::PUT, "/api/devices/5CG-ACCESS/esp-profile".to_owned()),
    ] {
        send(&setup.admin, method.clone(), &path, &json!({})).await.problem(405);
    }
    for rest in ["nobody", "00000000-0000-0000-0000-000000000000", "nobody/assign/more", "%FF", "default/colour"] {
        setup.admin.get(&format!("{PROFILES}/{rest}")).await.problem(404);
    }
    let rest = format!("{PROFILES}/nobody");
    for (method, path, body) in [
        (Method::PUT, rest.clone(), named("X", &json!({}))),
        (Method::DELETE, rest.clone(), Value::Null),
        (Method::POST, format!("{rest}/assign"), assignments(&[])),
        (Method::POST, format!("{rest}/set-priority"), json!({"priority": 1})),
    ] {
        send(&setup.admin, method, &path, &body).await.problem(404);
    }
    assert_eq!(order(&setup.list().await), [("Kiosk", 1), ("Default ESP", 0)]);
}

#[tokio::test]
async fn scope_tags_limit_what_a_token_sees() {
    let setup = set_up();
    for (name, tags) in
        [("All", json!([])), ("US", json!(["US"])), ("EU", json!(["EU"])), ("Both", json!(["EU", "US"]))]
    {
        setup.make(&named(name, &json!({"roleScopeTagIds": tags, "assignments": [{"target": group("g")}]}))).await;
    }
    let us = setup.client(&["--role", "admin", "--scope-tag", "US"]);
    let seen = us.json(PROFILES).await;
    assert_eq!(order(seen["value"].as_array().unwrap()), [("US", 2), ("Both", 4), ("Default ESP", 0)]);
    assert_eq!(seen["profiles"], 5, "the total shows what a priority means");

    let all = setup.list().await;
    let id = |name: &str| all.iter().find(|one| one["displayName"] == name).unwrap()["id"].as_str().unwrap().to_owned();
    for hidden in [id("EU"), id("All")] {
        let none = us.get(&format!("{PROFILES}/nobody")).await;
        for (method, path, body, _) in
            operations(&hidden, "x").into_iter().filter(|(_, path, ..)| path.contains(&hidden))
        {
            let answer = send(&us, method.clone(), &path, &body).await;
            assert_eq!((answer.status, &answer.body), (404, &none.body), "{method} {path}");
        }
    }
    assert_eq!(setup.list().await, all, "what was refused changed nothing");
    // They see the default, but may not change it.
    us.get(&format!("{PROFILES}/default")).await.ok(200);
    send(&us, Method::PUT, &format!("{PROFILES}/default"), &named("Ours", &json!({}))).await.problem(403);
    send(&us, Method::POST, PROFILES, &named("Ours", &json!({"id": "default"}))).await.problem(403);
    // Names that they may not see are not in the answer about the profile that applies either.
    let device = json!({"groups": {"device": ["g"], "user": []}});
    let resolved = send(&us, Method::POST, &format!("{PROFILES}/resolve"), &device).await.ok(200);
    let over = resolved["passedOver"].as_array().unwrap();
    assert!(over.iter().all(|one| one["displayName"] != "EU"), "{resolved}");
    assert_eq!((&resolved["profile"], &resolved["rule"]), (&json!({"priority": 1}), &json!({"kind": "deviceGroup"})));
    // Nor are they in the answers about a device, in a report or in the file.
    let start = page_event("esp.started", "5CG-SCOPED", 5, &device);
    setup.hear(&[start]).await;
    let sessions = setup.admin.json("/api/reports/esp/sessions").await;
    let session = sessions["sessions"][0]["sessionId"].as_str().unwrap();
    for path in [
        "/api/devices/5CG-SCOPED/esp",
        "/api/devices/5CG-SCOPED/esp?format=html",
        "/api/devices/5CG-SCOPED/esp-profile",
        "/api/devices/enrollment-status",
        "/api/reports/esp",
        "/api/reports/esp/sessions",
        &format!("/api/reports/esp/sessions/{session}"),
    ] {
        let (theirs, ours) = (us.get(path).await, setup.admin.get(path).await);
        let shows = |answer: &Answer| {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            text.contains(&id("All")) || text.contains("\"All\"") || text.contains("Profile All")
        };
        assert_eq!((theirs.status, shows(&theirs), shows(&ours)), (ours.status, false, true), "{path}");
    }
    // Whatever a question answers, a hidden profile is not in it.
    let document = us.json("/openapi.json").await;
    let questions = document["paths"].as_object().unwrap().iter();
    let questions = questions.filter(|(path, item)| item["get"]["x-question"].is_string() && !path.contains('{'));
    let mut asked = 0;
    for (path, _) in questions {
        // A search needs a text; this is the beginning of a hidden profile's name.
        let query = if path == "/api/search" { "?text=Al" } else { "" };
        let answer = us.get(&format!("{path}{query}")).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{path}: {text}");
        assert!(!text.contains(&id("All")) && !text.contains("\"All\""), "{path}: {text}");
        asked += 1;
    }
    assert!(asked > 8, "{asked}");
    us.get("/api/reports/files/latest").await.problem(403);
    // They may change everything of a shared profile except the tags of others.
    let both = format!("{PROFILES}/{}", id("Both"));
    for tags in [json!(["EU", "US"]), json!(["US"])] {
        let changed = send(&us, Method::PUT, &both, &named("Both", &json!({"roleScopeTagIds": tags}))).await.ok(200);
        assert_eq!(changed["roleScopeTagIds"].as_array().unwrap().len(), 2, "{changed}");
    }
}

#[tokio::test]
async fn a_profile_made_with_a_scoped_token_has_its_tags() {
    let setup = set_up();
    setup.make(&named("First", &json!({}))).await;
    let us = setup.client(&["--role", "admin", "--scope-tag", "US", "--scope-tag", "CA"]);
    let post = async |name: &str, more: Value| send(&us, Method::POST, PROFILES, &named(name, &more)).await;
    assert_eq!(post("Mine", json!({})).await.ok(201)["roleScopeTagIds"], json!(["US", "CA"]));
    let some = post("Some", json!({"roleScopeTagIds": ["CA"]})).await;
    assert_eq!(some.ok(201)["roleScopeTagIds"], json!(["CA"]));
    for tags in [json!(["EU"]), json!(["US", "EU"]), json!(["0"])] {
        let problem = post("Theirs", json!({"roleScopeTagIds": tags})).await.problem(400);
        assert_eq!(fields(&problem), ["roleScopeTagIds"].into());
    }
    let path = format!("{PROFILES}/{}", some.json()["id"].as_str().unwrap());
    let foreign = named("Some", &json!({"roleScopeTagIds": ["EU"]}));
    send(&us, Method::PUT, &path, &foreign).await.problem(400);
    let kept = send(&us, Method::PUT, &path, &named("Kept", &json!({}))).await.ok(200);
    assert_eq!(kept["roleScopeTagIds"], json!(["CA"]), "without any, they stay as they are");
    let bodies = json!({"value": [named("Good", &json!({})), foreign]});
    let problem = send(&us, Method::POST, PROFILES, &bodies).await.problem(400);
    assert_eq!(fields(&problem), ["value[1].roleScopeTagIds"].into());
    let listed = send(&us, Method::POST, PROFILES, &json!({"value": [named("Good", &json!({}))]})).await.ok(201);
    assert_eq!(listed["value"][0]["roleScopeTagIds"], json!(["US", "CA"]));

    // They rank and assign their own profiles, and see the priority among all.
    let ranked = send(&us, Method::POST, &format!("{path}/set-priority"), &json!({"priority": 1})).await.ok(200);
    assert_eq!(ranked["priority"], 1);
    let targets = assignments(&[everything("allDevices")]);
    send(&us, Method::POST, &format!("{path}/assign"), &targets).await.ok(200);
    assert_eq!(order(&setup.list().await), [("Kept", 1), ("First", 2), ("Mine", 3), ("Good", 4), ("Default ESP", 0)]);
    let gone = send(&us, Method::DELETE, &path, &Value::Null).await;
    assert_eq!(gone.status, 204);
    // A reader with scope tags sees the same and changes nothing.
    let reader = setup.client(&["--scope-tag", "US"]);
    assert_eq!(order(&list(&reader).await), [("Mine", 2), ("Good", 3), ("Default ESP", 0)]);
    send(&reader, Method::POST, PROFILES, &named("X", &json!({}))).await.problem(403);
}
