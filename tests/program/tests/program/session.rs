//! Signing in with a code, conditional requests, limits, other origins, and requested files.

use crate::operations::code;
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use vestibule_program_tests::{Answer, Client, Folder, enrollment, eventually, now};

const STATUS: &str = "/api/devices/enrollment-status";
const FILES: &str = "/api/reports/files";
const ORIGIN: &str = "https://desk.contoso.example";

async fn send(client: &Client, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = client.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.send().await.unwrap()).await
}

async fn sign_in(client: &Client, code: &str) -> Answer {
    Answer::of(client.request(Method::POST, "/api/session").json(&json!({"code": code})).send().await.unwrap()).await
}

#[tokio::test]
async fn a_code_gives_one_token_and_signing_out_ends_it() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    folder.add_tenant("fabrikam");
    let nobody = Client::new(&serve.url, "");
    let link = folder.json(&["token", "link", "contoso", "--role", "admin", "--url", "https://v.example/"]);
    assert_eq!(
        (&link["tenant"], &link["role"], &link["expiresInMinutes"]),
        (&json!("contoso"), &json!("admin"), &json!(15))
    );
    let (page, code) = link["url"].as_str().unwrap().split_once("code=").unwrap();
    assert_eq!(page, "https://v.example/#/sign-in?");

    // The code of one tenant does not work at another. A code is not a token, and a token is not a code.
    sign_in(&nobody, &code.replace("contoso", "fabrikam")).await.problem(401);
    sign_in(&nobody, &contoso.admin).await.problem(401);
    Client::new(&serve.url, code).get("/api/tenant").await.problem(401);

    let session = sign_in(&nobody, code).await.ok(200);
    assert_eq!((&session["tenant"], &session["role"]), (&json!("contoso"), &json!("admin")));
    assert!(session["expiresAt"].as_str().unwrap() > now().to_string().as_str());
    let again = sign_in(&nobody, code).await;
    assert!(!again.problem(401).to_string().contains(code));

    let person = Client::new(&serve.url, session["token"].as_str().unwrap());
    assert_eq!(person.json("/api/tenant").await["role"], "admin");
    let listed = folder.json(&["token", "list", "contoso"]);
    assert!(listed["tokens"].as_array().unwrap().iter().any(|token| token["expiresAt"] == session["expiresAt"]));
    assert_eq!(send(&person, Method::DELETE, "/api/session", &[]).await.status, 204);
    person.get("/api/tenant").await.problem(401);

    // Only an operator can revoke a token that an operator made.
    let admin = Client::new(&serve.url, &contoso.admin);
    assert_eq!(send(&admin, Method::DELETE, "/api/session", &[]).await.status, 204);
    admin.json("/api/tenant").await;
}

#[tokio::test]
async fn exactly_one_of_many_concurrent_users_of_a_code_signs_in() {
    let folder = Folder::new();
    let serve = folder.serve();
    folder.add_tenant("contoso");
    let code = code(&folder, "contoso");
    let tries: Vec<_> = (0..12)
        .map(|_| {
            let (client, code) = (Client::new(&serve.url, ""), code.clone());
            tokio::spawn(async move { sign_in(&client, &code).await })
        })
        .collect();
    let mut tokens = BTreeSet::new();
    for one in tries {
        let answer = one.await.unwrap();
        match answer.status {
            200 => drop(tokens.insert(answer.json()["token"].as_str().unwrap().to_owned())),
            status => assert_eq!(status, 401),
        }
    }
    assert_eq!(tokens.len(), 1);
    let made = folder.json(&["token", "list", "contoso"]);
    // The token of the first administrator, and this one.
    assert_eq!(made["tokens"].as_array().unwrap().len(), 2, "{made}");
}

#[tokio::test]
async fn an_answer_that_the_client_has_is_not_sent_again_until_something_changes() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let api = Client::new(&serve.url, &contoso.admin);
    let sender = serve.sender(&contoso);
    sender.post(&enrollment("e1", "enrollment.started", now(), "SERIAL0001")).await.ok(202);
    let first = api.get(STATUS).await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let as_of = first.ok(200)["asOf"].as_str().unwrap().to_owned();
    let modified = first.headers["last-modified"].to_str().unwrap();
    // `Sat, 21 Nov 2026 10:55:25 GMT` and `2026-11-21T10:55:25.136Z`.
    let parts: Vec<&str> = modified.split([' ', ',']).filter(|part| !part.is_empty()).collect();
    assert_eq!((parts[1], parts[3], parts[4]), (&as_of[8..10], &as_of[..4], &as_of[11..19]), "{modified} {as_of}");

    for known in [tag.clone(), format!("\"other\", {tag}"), tag.trim_start_matches("W/").to_owned(), "*".to_owned()] {
        let unchanged = send(&api, Method::GET, STATUS, &[("if-none-match", &known)]).await;
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{known}");
        assert_eq!(unchanged.headers["etag"], tag.as_str());
        assert!(unchanged.headers.contains_key("ratelimit"));
    }
    sender.post(&enrollment("e2", "enrollment.started", now(), "SERIAL0002")).await.ok(202);
    let changed = send(&api, Method::GET, STATUS, &[("if-none-match", &tag)]).await;
    assert_eq!(changed.ok(200)["inProgress"], 2);
    assert_ne!(changed.headers["etag"], tag.as_str());

    // Members that count seconds from now are not a change either.
    let event_of = |kind: &str| {
        let data = json!({"device": {"serialNumber": "5CG-TAG"}, "deploymentMode": "userDriven"});
        vestibule_program_tests::event(kind, kind, now(), &data)
    };
    sender.post_to("esp-status", &event_of("esp.started")).await.ok(202);
    let page = "/api/devices/5CG-TAG/esp";
    let first = api.get(page).await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let remaining = first.ok(200)["remainingSeconds"].clone();
    eventually("a second passes", async || {
        let later = api.json(page).await;
        (later["remainingSeconds"] != remaining).then_some(())
    })
    .await;
    assert_eq!(send(&api, Method::GET, page, &[("if-none-match", &tag)]).await.status, 304);

    let document = api.get("/openapi.json").await;
    let tag = document.headers["etag"].to_str().unwrap();
    assert_eq!(send(&api, Method::GET, "/openapi.json", &[("if-none-match", tag)]).await.status, 304);
}

#[tokio::test]
async fn requests_are_counted_by_credential() {
    let folder = Folder::new();
    let serve = folder.serve_with(&[("REQUESTS_A_MINUTE", "3")]);
    let contoso = folder.add_tenant("contoso");
    let reader = folder.json(&["token", "add", "contoso"])["token"].as_str().unwrap().to_owned();
    let api = Client::new(&serve.url, &contoso.admin);
    for left in [2, 1, 0] {
        let answer = api.get("/api/tenant").await;
        answer.ok(200);
        assert_eq!(answer.headers["ratelimit-policy"], "\"caller\";q=3;w=60");
        let header_value = answer.headers["ratelimit"].to_str().unwrap();
        assert!(header_value.starts_with(&format!("\"caller\";r={left};t=")), "{header_value}");
    }
    let refused = api.get("/api/tenant").await;
    refused.problem(429);
    let after: u32 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&after), "{after}");
    // Other callers are counted separately, and an unknown caller gets 401.
    Client::new(&serve.url, &reader).json("/api/tenant").await;
    Client::new(&serve.url, "").get("/api/tenant").await.problem(401);
    Client::new(&serve.url, "").get("/openapi.json").await.ok(200);

    let unlimited = folder.json(&["token", "list", "contoso"]);
    assert!(unlimited["tokens"].is_array());
    drop(serve);
    let serve = folder.serve_with(&[("REQUESTS_A_MINUTE", "0")]);
    let answer = Client::new(&serve.url, &contoso.admin).get("/api/tenant").await;
    assert!(answer.status == 200 && !answer.headers.contains_key("ratelimit"));
}

fn says_nothing_of_origins(headers: &HeaderMap) -> bool {
    headers.keys().all(|name| !name.as_str().starts_with("access-control-"))
}

#[tokio::test]
async fn pages_of_other_origins_may_ask_only_where_that_is_configured() {
    let preflight = [
        ("origin", ORIGIN),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization"),
    ];
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    {
        let serve = folder.serve();
        let api = Client::new(&serve.url, &contoso.admin);
        for path in ["/api/tenant", "/config.json", "/openapi.json", "/api/attempts/none"] {
            assert!(says_nothing_of_origins(&send(&api, Method::GET, path, &preflight[..1]).await.headers), "{path}");
        }
        let asked = send(&api, Method::OPTIONS, "/api/tenant", &preflight).await;
        asked.problem(405);
        assert!(says_nothing_of_origins(&asked.headers));
    }
    let serve = folder.serve_with(&[("ALLOWED_ORIGINS", &format!("https://other.example {ORIGIN}"))]);
    let (api, nobody) = (Client::new(&serve.url, &contoso.admin), Client::new(&serve.url, ""));
    let asked = send(&nobody, Method::OPTIONS, "/api/tenant", &preflight).await;
    assert_eq!((asked.status, asked.body.len()), (204, 0));
    assert_eq!(asked.headers["access-control-allow-origin"], ORIGIN);
    for (header, value) in [
        ("access-control-allow-headers", "authorization"),
        ("access-control-allow-methods", "PATCH"),
        ("vary", "origin"),
    ] {
        let values = asked.headers[header].to_str().unwrap();
        assert!(values.split(", ").any(|one| one == value), "{header}: {values}");
    }
    assert!(!asked.headers.contains_key("access-control-allow-credentials"));
    // Problems can be read too, since a page must be able to show what went wrong.
    for (client, status) in [(&api, 200), (&nobody, 401)] {
        let answer = send(client, Method::GET, "/api/tenant", &preflight[..1]).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["access-control-allow-origin"], ORIGIN);
        assert!(answer.headers["access-control-expose-headers"].to_str().unwrap().contains("etag"));
    }
    for origin in
        ["https://desk.contoso.example.evil.example", "http://desk.contoso.example", "null", "https://evil.example"]
    {
        for method in [Method::GET, Method::OPTIONS] {
            let answer = send(&api, method, "/api/tenant", &[("origin", origin)]).await;
            assert!(!answer.headers.contains_key("access-control-allow-origin"), "{origin}");
            assert_eq!(answer.headers["vary"], "origin");
        }
    }
}

#[tokio::test]
async fn a_file_is_requested_and_its_parts_are_linked() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let made = |options: &[&str]| {
        let added = folder.json(&[&["token", "add", "contoso"], options].concat());
        Client::new(&serve.url, added["token"].as_str().unwrap())
    };
    let (api, reader, limited) = (Client::new(&serve.url, &contoso.admin), made(&[]), made(&["--scope-tag", "desk"]));
    let sender = serve.sender(&contoso);
    sender.post(&enrollment("e1", "enrollment.started", now(), "SERIAL0001")).await.ok(202);
    let link = |name: &str, part: &str| format!("{FILES}/{name}/link{part}");
    api.get(&link("latest", "")).await.problem(404);
    send(&reader, Method::POST, FILES, &[]).await.problem(403);

    let asked = send(&api, Method::POST, FILES, &[]).await.ok(202);
    let file = eventually("the requested file is listed", async || {
        let files = api.json(FILES).await;
        let is_it = |file: &&Value| file["asOf"].as_str() >= asked["requestedAt"].as_str();
        files["files"].as_array().unwrap().iter().find(is_it).cloned()
    })
    .await;
    assert_eq!(file["rows"]["attempts"], 1);

    let id = file["id"].as_str().unwrap();
    let nobody = reqwest::Client::new();
    for (part, recorded, ends) in [
        ("", &file, ".sqlite"),
        ("?part=database", &file, ".sqlite"),
        ("?part=summary", &file["summary"], "-summary.sqlite"),
        ("?part=report", &file["reportHtml"], ".html"),
    ] {
        let reply = reader.json(&link(id, part)).await;
        assert_eq!((&reply["asOf"], &reply["expiresInSeconds"]), (&file["asOf"], &json!(600)));
        assert!(reply["fileName"].as_str().unwrap().ends_with(ends), "{reply}");
        let url = format!("{}{}", serve.url, reply["url"].as_str().unwrap());
        let bytes = nobody.get(url).send().await.unwrap().bytes().await.unwrap();
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((&json!(hash), &json!(bytes.len())), (&recorded["sha256"], &recorded["sizeBytes"]), "{part}");
    }
    assert_eq!(api.get(&link(id, "?part=hush")).await.problem(400)["errors"][0]["field"], "part");
    // A file shows every profile, so a caller who may see only some gets none.
    for path in [link(id, ""), link(id, "?part=report"), format!("{FILES}/{id}")] {
        limited.get(&path).await.problem(403);
    }
    let (_, list) = (limited.json("/api/tenant").await, limited.json(FILES).await);
    assert_eq!(list["files"][0]["id"], id);
}
