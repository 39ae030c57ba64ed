//! The API: roles, settings, and the separation of tenants.

use reqwest::Method;
use serde_json::json;
use vestibule_program_tests::{Answer, Client, Folder, enrollment, eventually, now};

#[tokio::test]
async fn settings_are_read_by_all_roles_and_changed_by_administrators() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let reader = folder.json(&["token", "add", "contoso"])["token"].as_str().unwrap().to_owned();
    let (admin, reader) = (Client::new(&serve.url, &contoso.admin), Client::new(&serve.url, &reader));

    let shown = admin.json("/api/tenant").await;
    assert_eq!((&shown["tenant"], &shown["settings"]["retentionDays"]), (&json!("contoso"), &json!(30)));
    assert!(shown["asOf"].is_string());
    let to_reader = reader.json("/api/tenant").await;
    assert_eq!(to_reader["settings"], shown["settings"]);
    let text = shown.to_string();
    assert!(!text.contains("whsec_") && !text.contains(&contoso.admin), "{text}");

    reader.patch("/api/tenant", &json!({"deviceLimit": 3})).await.problem(403);
    assert_eq!(reader.json("/api/tenant").await["settings"]["deviceLimit"], 15);

    let changed = admin.patch("/api/tenant", &json!({"deviceLimit": 3, "timeZone": "Asia/Tokyo"})).await.ok(200);
    assert_eq!(changed["settings"]["deviceLimit"], 3);
    let after = reader.json("/api/tenant").await;
    assert_eq!(
        (&after["settings"]["timeZone"], &after["settings"]["requireCompliance"]),
        (&json!("Asia/Tokyo"), &json!(true))
    );
    let back = admin.patch("/api/tenant", &json!({"timeZone": null})).await.ok(200);
    assert_eq!(back["settings"]["timeZone"], "UTC");

    for (patch, field) in [
        (json!({"retentionDays": 29}), "retentionDays"),
        (json!({"retentionDays": "30"}), "retentionDays"),
        (json!({"timeZone": "Europe/Atlantis"}), "timeZone"),
        (json!({"colour": "blue"}), "colour"),
        (json!(["deviceLimit"]), "body"),
    ] {
        let problem = admin.patch("/api/tenant", &patch).await.problem(400);
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        assert!(!problem.to_string().contains("Atlantis"), "{problem}");
    }
    let not_json = admin.request(Method::PATCH, "/api/tenant").body("{hush").send().await.unwrap();
    assert!(!Answer::of(not_json).await.problem(400).to_string().contains("hush"));
    assert_eq!(admin.json("/api/tenant").await["settings"]["deviceLimit"], 3, "what was refused changed nothing");
}

#[tokio::test]
async fn a_change_that_alters_history_makes_a_new_file() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let admin = Client::new(&serve.url, &contoso.admin);
    let events = json!([
        enrollment("e1", "enrollment.started", now(), "SERIAL0001"),
        enrollment("e2", "enrollment.enrolled", now(), "SERIAL0001"),
    ]);
    assert_eq!(serve.sender(&contoso).post(&events).await.ok(202)["accepted"], 2);
    let report = "/api/reports/incomplete-enrollments";
    assert_eq!(admin.json(report).await["open"], 1);
    let before = folder.json(&["export", "contoso"])["sha256"].clone();

    admin.patch("/api/tenant", &json!({"requireCompliance": false})).await.ok(200);
    // Until a new file is built, answers come from the one before, and say so.
    let after = eventually("the answer by the new settings", async || {
        let after = admin.json(report).await;
        after.get("standsOn").is_none().then_some(after)
    });
    let after = after.await;
    assert_eq!((after["open"].as_u64(), after["completed"].as_u64()), (Some(0), Some(1)));
    eventually("a new file is out", async || {
        let files = admin.json("/api/reports/files").await;
        (files["files"][0]["sha256"] != before).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_token_shows_its_own_tenant_and_nothing_else() {
    let folder = Folder::new();
    let serve = folder.serve();
    let (contoso, fabrikam) = (folder.add_tenant("contoso"), folder.add_tenant("fabrikam"));
    let (ours, theirs) = (Client::new(&serve.url, &contoso.admin), Client::new(&serve.url, &fabrikam.admin));
    let event = |id: &str| enrollment(id, "enrollment.started", now(), "SERIAL0001");
    // The same device enrolls at both tenants, independently.
    serve.sender(&contoso).post(&event("e1")).await.ok(202);
    serve.sender(&fabrikam).post(&event("e1")).await.ok(202);
    serve.sender(&contoso).post(&enrollment("e2", "enrollment.started", now(), "SERIAL0002")).await.ok(202);

    let list = "/api/reports/incomplete-enrollments/attempts";
    let (mine, others) = (ours.json(list).await, theirs.json(list).await);
    assert_eq!(mine["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(others["attempts"].as_array().unwrap().len(), 1);
    let id = mine["attempts"][0]["attemptId"].as_str().unwrap();
    let path = format!("/api/attempts/{id}");
    assert_eq!(ours.json(&path).await["attemptId"], id);
    // Another tenant's id, an unknown id and an invalid id get the same answer.
    let (foreign, none) = (theirs.get(&path).await, theirs.get("/api/attempts/00000000000000000000000000000000").await);
    foreign.problem(404);
    none.problem(404);
    assert_eq!(foreign.body, none.body);
    assert_eq!(theirs.get("/api/attempts/hush").await.body, none.body);

    let file = folder.json(&["export", "contoso"]);
    let path = format!("/api/reports/files/{}", file["sha256"].as_str().unwrap());
    assert_eq!(ours.get(&path).await.status, 302);
    theirs.get(&path).await.problem(404);
    theirs.get("/api/reports/files/latest").await.problem(404);
    assert_eq!(theirs.json("/api/reports/files").await["files"], json!([]));
}

#[tokio::test]
async fn a_missing_a_wrong_and_an_unknown_token_get_the_same_answer() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let none = Client::new(&serve.url, "").get("/api/tenant").await;
    none.problem(401);
    let mut wrong = contoso.admin.clone();
    wrong.pop();
    let nobodys = contoso.admin.replacen("contoso", "nobody", 1);
    for token in [wrong.as_str(), nobodys.as_str(), "hush", &contoso.secret] {
        let answer = Client::new(&serve.url, token).get("/api/tenant").await;
        assert_eq!((answer.status, &answer.body), (401, &none.body));
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let api = Client::new(&serve.url, &contoso.admin);
    for (method, path) in [
        (Method::POST, "/api/tenant"),
        (Method::DELETE, "/api/reports/files"),
        (Method::PUT, "/api/devices/enrollment-status"),
        (Method::GET, "/hooks/contoso/enrollment-events"),
        (Method::DELETE, "/hooks/contoso/esp-status"),
    ] {
        let answer = Answer::of(api.request(method.clone(), path).send().await.unwrap()).await;
        assert_eq!(answer.problem(405)["status"], 405, "{method} {path}");
    }
    for path in ["/api", "/api/secrets", "/api/tenant/contoso", "/hooks/contoso/other", "/hooks/contoso"] {
        // All names of senders share one route, which accepts only POST. Only the function knows that this name is
        // unknown.
        api.get(path).await.problem(if path == "/hooks/contoso/other" { 405 } else { 404 });
        let posted = api.request(Method::POST, path).body("{}").send().await.unwrap();
        Answer::of(posted).await.problem(404);
    }
}

#[tokio::test]
async fn bad_query_parameters_are_named() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let api = Client::new(&serve.url, &contoso.admin);
    let report = "/api/reports/incomplete-enrollments";
    for (path, field) in [
        (format!("{report}?from=yesterday"), "from"),
        (format!("{report}?from=2026-02-30"), "from"),
        (format!("{report}?to=1767225600"), "to"),
        (format!("{report}?os=symbian"), "os"),
        (format!("{report}?section=kitchen"), "section"),
        (format!("{report}?os=ios&os=android"), "os"),
        (format!("{report}/attempts?outcome=hush"), "outcome"),
        (format!("{report}/attempts?cause=hush"), "cause"),
        (format!("{report}/attempts?catalogueRow=20"), "catalogueRow"),
        (format!("{report}/attempts?limit=0"), "limit"),
        (format!("{report}/attempts?limit=1001"), "limit"),
        (format!("{report}/attempts?cursor=hush"), "cursor"),
        (format!("{report}/attempts?user=%FF"), "user"),
        ("/api/devices/enrollment-status/failures?platform=beos".to_owned(), "platform"),
        ("/api/devices/enrollment-status/active?limit=many".to_owned(), "limit"),
    ] {
        let problem = api.get(&path).await.problem(400);
        assert_eq!(problem["errors"][0]["field"], field, "{path}: {problem}");
        assert!(!problem.to_string().contains("hush"), "{problem}");
    }
    // A range that ends before it begins, and one that is longer than the longest retention.
    for range in ["from=2026-02-02&to=2026-02-01", "from=2026-02-01&to=2026-02-01", "from=1990-01-01&to=2026-02-01"] {
        let problem = api.get(&format!("{report}?{range}")).await.problem(400);
        let field = problem["errors"][0]["field"].as_str().unwrap();
        assert!(["from", "to"].contains(&field), "{problem}");
    }
    // A misspelt filter must not be ignored.
    let problem = api.get(&format!("{report}?platform=ios")).await.problem(400);
    assert!(problem["detail"].as_str().unwrap().contains("os"), "{problem}");
}

#[tokio::test]
async fn advice_is_found_by_code_in_any_spelling_and_by_message() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let client = Client::new(&serve.url, &contoso.admin);
    let ids = async |text: &str| -> Vec<String> {
        let found = client.json(&format!("/api/advice/{text}")).await;
        found["meanings"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let hex = ids("0x80cf0437").await;
    assert!(!hex.is_empty());
    for spelling in ["0X80CF0437", "80CF0437", "-2133916617", "2161050679"] {
        assert_eq!(ids(spelling).await, hex, "{spelling}");
    }
    assert!(ids("0x801c0003").await.len() > 1, "all meanings are listed");
    assert!(!ids("Company%20Portal%20temporarily%20unavailable").await.is_empty());
    client.get("/api/advice/0xdeadbeef").await.problem(404);
    let nobody = Client::new(&serve.url, "vst_contoso_nothing");
    nobody.get("/api/advice/0x80cf0437").await.problem(401);
}
