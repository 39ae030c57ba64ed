//! What an administrator sets up without an operator: tokens, and secrets of senders. Each is shown once, in the answer
//! that makes it, and works at once.

use reqwest::Method;
use serde_json::{Value, json};
use vestibule_program_tests::{Answer, Client, Folder, Serve, Tenant, enrollment, now};

async fn send(client: &Client, method: Method, path: &str, body: &Value) -> Answer {
    let request = client.request(method, path);
    let request = if body.is_null() { request } else { request.json(body) };
    Answer::of(request.send().await.unwrap()).await
}

fn served(folder: &Folder) -> (Serve, Tenant, Client) {
    let serve = folder.serve();
    let tenant = folder.add_tenant("contoso");
    let admin = Client::new(&serve.url, &tenant.admin);
    (serve, tenant, admin)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[tokio::test]
async fn a_token_is_shown_once_and_works_until_it_is_revoked() {
    let folder = Folder::new();
    let (serve, _, admin) = served(&folder);
    let body = json!({"name": " Nightly export ", "role": "reader", "scopeTags": ["US"]});
    let made = send(&admin, Method::POST, "/api/tokens", &body).await.ok(201);
    let (id, secret) = (text(&made["token"]["id"]), text(&made["secret"]));
    let theirs = Client::new(&serve.url, secret);
    let own = theirs.json("/api/tenant").await;
    assert_eq!((&own["role"], &own["scopeTags"]), (&json!("reader"), &json!(["US"])));
    theirs.get("/api/tokens").await.problem(403);

    let listed = admin.json("/api/tokens").await;
    let (first, second) = (&listed["tokens"][0], &listed["tokens"][1]);
    assert_eq!((&first["name"], &first["isCurrent"]), (&json!("first administrator"), &json!(true)));
    assert_eq!((&second["name"], &second["isCurrent"]), (&json!("Nightly export"), &json!(false)));
    assert!(!listed.to_string().contains(secret), "a token is shown once");
    // The command has the same list.
    let by_command = folder.json(&["token", "list", "contoso"]);
    assert_eq!(by_command["tokens"][1]["id"], second["id"]);

    let path = format!("/api/tokens/{id}");
    assert_eq!(send(&admin, Method::DELETE, &path, &Value::Null).await.status, 204);
    theirs.get("/api/tenant").await.problem(401);
    send(&admin, Method::DELETE, &path, &Value::Null).await.problem(404);
}

#[tokio::test]
async fn a_senders_secret_is_replaced_without_a_gap() {
    let folder = Folder::new();
    let (serve, tenant, admin) = served(&folder);
    let secrets = "/api/sources/jamf/secrets";
    let make = async |path: &str| send(&admin, Method::POST, path, &json!({"url": serve.url})).await.ok(201);
    let (first, second) = (make(secrets).await, make(secrets).await);
    assert_eq!((&first["secrets"], &second["secrets"]), (&json!(1), &json!(2)));
    for made in [&first, &second] {
        let settings = text(&made["settings"]);
        assert!(settings.contains(text(&made["url"])) && settings.contains(text(&made["secret"])), "{settings}");
        assert!(text(&made["url"]).starts_with(&format!("{}/hooks/contoso/jamf", serve.url)), "{made}");
    }
    let post = async |made: &Value| {
        let request = reqwest::Client::new().post(text(&made["url"])).basic_auth("jamf", made["secret"].as_str());
        request.header("Content-Type", "application/json").body("{}").send().await.unwrap().status().as_u16()
    };
    assert!(post(&first).await != 401 && post(&second).await != 401);
    let end = async |query: &str| send(&admin, Method::DELETE, &format!("{secrets}{query}"), &Value::Null).await;
    assert_eq!(end("?earlier=true").await.status, 204);
    assert_eq!(post(&first).await, 401);
    assert_ne!(post(&second).await, 401);
    let answer = admin.json("/api/sources").await;
    let offered = answer["offered"].as_array().unwrap();
    let jamf = offered.iter().find(|one| one["source"] == "jamf").unwrap();
    assert_eq!((&jamf["secrets"], &jamf["ownSecret"]), (&json!(1), &json!(true)));
    assert!(offered.len() > answer["sources"].as_array().unwrap().len());
    for made in [&first, &second] {
        assert!(!answer.to_string().contains(text(&made["secret"])), "a secret is shown once");
    }
    assert_eq!(end("").await.status, 204);
    assert_eq!(post(&second).await, 401);
    send(&admin, Method::POST, "/api/sources/nothing/secrets", &json!({"url": serve.url})).await.problem(404);

    // Those that sign share the webhook secret.
    let signed = "/api/sources/enrollment-events/secrets";
    let made = make(signed).await;
    let event = |id: &str| enrollment(id, "enrollment.started", now(), "SIGNED001");
    let (old, new) = (serve.sender(&tenant), serve.sender(&tenant).with_secret(text(&made["secret"])));
    old.post(&event("1")).await.ok(202);
    new.post(&event("2")).await.ok(202);
    send(&admin, Method::DELETE, signed, &Value::Null).await.problem(409);
    let ended = send(&admin, Method::DELETE, &format!("{signed}?earlier=true"), &Value::Null).await;
    assert_eq!(ended.status, 204);
    old.post(&event("3")).await.problem(401);
    new.post(&event("4")).await.ok(202);
}

#[test]
fn tenant_add_prints_the_first_steps_in_the_words_of_the_page() {
    let folder = Folder::new();
    let printed = folder.words(&["tenant", "add", "contoso"]).stdout;
    let steps =
        ["sender", "settings", "event"].map(|step| vestibule_words::words(vestibule_words::List::FirstStep, step));
    for (number, words) in (1..).zip(steps) {
        let line = format!("{number}. {words}: vestibule source ");
        assert!(printed.lines().any(|one| one.starts_with(&line)), "no {line:?} in\n{printed}");
    }
}
