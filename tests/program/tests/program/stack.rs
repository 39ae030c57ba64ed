//! The operator commands on a stack's table, bucket and bus give the answers that they give on a folder.
//!
//! The stack is what a `serve` serves of its folder over HTTP, with signatures: so each command can be asked both ways, and
//! what it changed is seen from the other side.

use serde_json::{Value, json};
use std::path::Path;
use vestibule_domain::{Millis, Timestamp};
use vestibule_program_tests::{Client, Folder, Serve, Stack, Tenant, enrollment, event, eventually, now};

fn ago(minutes: i64) -> Timestamp {
    now() - Millis::from_minutes(minutes)
}

/// A tenant with a person's phone whose enrollment failed, and an iPhone that goes on.
async fn contoso(folder: &Folder, serve: &Serve) -> Tenant {
    let tenant = folder.add_tenant("contoso");
    let data = json!({"device": {"serialNumber": "STACK0001"}, "platform": "ios",
        "user": {"principalName": "ada@contoso.example"}});
    let mut failed = data.clone();
    failed["failure"] = json!({"code": "0x80180014"});
    let events = json!([
        event("a1", "enrollment.started", ago(30), &data),
        event("a2", "enrollment.failed", ago(29), &failed),
        enrollment("b1", "enrollment.started", ago(5), "STACK0002"),
    ]);
    serve.sender(&tenant).post(&events).await.ok(202);
    tenant
}

/// An answer without the instant as of which it is.
fn without_instants(mut answer: Value) -> Value {
    fn clean(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|name, _| !["asOf", "data", "stack"].contains(&name.as_str()));
                members.values_mut().for_each(clean);
            }
            Value::Array(list) => list.iter_mut().for_each(clean),
            _ => {}
        }
    }
    clean(&mut answer);
    answer
}

#[tokio::test]
async fn commands_that_read_answer_as_on_the_folder() {
    let folder = Folder::new();
    let serve = folder.serve();
    contoso(&folder, &serve).await;
    folder.json(&["export", "contoso"]);
    folder.json(&["source", "add", "contoso", "nanomdm"]);
    folder.json(&["annotation", "add", "contoso", "2026-11-15", "Terms of use changed"]);
    let stack = Stack::of_served(&folder.data());
    for arguments in [
        &["tenant", "list"][..],
        &["tenant", "set", "contoso"],
        &["token", "list", "contoso"],
        &["token", "sessions", "contoso"],
        &["annotation", "list", "contoso"],
        &["source", "list", "contoso"],
        &["source", "test", "contoso", "nanomdm"],
        &["graph", "list", "contoso"],
        &["notices", "list", "contoso"],
        &["format", "show"],
        &["diagnose", "contoso", "--user", "ada@contoso.example"],
        &["export-person", "contoso", "--user", "ada@contoso.example"],
        &["sweep"],
    ] {
        let on_folder = without_instants(folder.json(arguments));
        // An event of a sample has the time at which it was made.
        let is_sample = arguments.first() == Some(&"source") && arguments.get(1) == Some(&"test");
        let on_stack = without_instants(stack.json(arguments));
        assert!(is_sample || on_stack == on_folder, "{arguments:?}:\n{on_stack}\n{on_folder}");
        assert!(!is_sample || on_stack["events"].as_array().is_some_and(|events| !events.is_empty()), "{on_stack}");
    }
    let (on_folder, on_stack) = (folder.json(&["verify"]), stack.json(&["verify"]));
    assert_eq!(on_stack["tenants"], on_folder["tenants"]);
    assert_eq!(on_folder["table"], json!({"problems": []}));
    assert_eq!(on_stack["table"], Value::Null, "nobody looked at a stack's table");
    assert_eq!(on_stack["stack"]["table"], "vestibule");
    assert!(stack.fails(&["token", "list", "fabrikam"]).contains("fabrikam"));
}

#[tokio::test]
async fn what_a_command_changes_holds_for_the_stack() {
    let folder = Folder::new();
    let serve = folder.serve();
    let tenant = contoso(&folder, &serve).await;
    let stack = Stack::of_served(&folder.data());

    let token = stack.json(&["token", "add", "contoso", "--role", "reader"]);
    Client::new(&serve.url, token["token"].as_str().unwrap()).json("/api/tenant").await;
    stack.json(&["token", "revoke", "contoso", token["id"].as_str().unwrap()]);
    assert_eq!(folder.json(&["token", "list", "contoso"])["tokens"].as_array().unwrap().len(), 1);
    let rotated = stack.json(&["secret", "rotate", "contoso", "--revoke-others"]);
    let sender = serve.sender(&tenant).with_secret(rotated["webhookSecret"].as_str().unwrap());
    let posted = eventually("the new secret is known", async || {
        let answer = sender.post(&enrollment("c1", "enrollment.started", ago(4), "STACK0003")).await;
        (answer.status == 202).then_some(answer)
    });
    posted.await;
    let annotation = stack.json(&["annotation", "add", "contoso", "2026-11-15", "Terms of use changed"]);
    assert_eq!(folder.json(&["annotation", "list", "contoso"])["annotations"][0], annotation["annotation"]);
    stack.json(&["annotation", "remove", "contoso", annotation["annotation"]["id"].as_str().unwrap()]);
    assert_eq!(folder.json(&["annotation", "list", "contoso"])["annotations"], json!([]));
    stack.json(&["tenant", "set", "contoso", "deviceLimit=7"]);
    assert_eq!(folder.json(&["tenant", "set", "contoso"])["settings"]["deviceLimit"], 7);
    assert_eq!(stack.json(&["tenant", "add", "fabrikam"])["tenant"], "fabrikam");
    assert_eq!(folder.json(&["tenant", "list"])["tenants"].as_array().unwrap().len(), 2);
    folder.json(&["tenant", "remove", "fabrikam", "--yes"]);
    assert_eq!(folder.json(&["tenant", "list"])["tenants"].as_array().unwrap().len(), 1);

    let file = folder.beside("events.ndjson");
    let line = enrollment("d1", "enrollment.started", ago(60), "STACK0004").to_string();
    std::fs::write(&file, format!("{line}\n")).unwrap();
    assert_eq!(stack.json(&["import", "contoso", file.to_str().unwrap()])["accepted"], 1);

    let table = folder.beside("tags.csv");
    std::fs::write(&table, "serialNumber,department\nSTACK0004,Sales\n").unwrap();
    assert_eq!(stack.json(&["tags", "import", "contoso", table.to_str().unwrap()])["tagged"], 1);

    for command in ["export", "rebuild"] {
        let exported = stack.json(&[command, "contoso"]);
        let path = Path::new(exported["path"].as_str().unwrap());
        assert!(path.starts_with(stack.folder().canonicalize().unwrap().join(".vestibule/stacks/us-east-1/vestibule")));
        let checked = ["report", "verify", path.to_str().unwrap(), "--sha256", exported["sha256"].as_str().unwrap()];
        assert!(stack.command_without(&checked).output().unwrap().status.success(), "{exported}");
        assert_eq!(folder.json(&["tenant", "list"])["tenants"][0]["latestFile"], exported["asOf"]);
        assert_eq!(exported["rows"]["attempts"], 4, "{exported}");
    }

    let erased = stack.json(&["erase", "contoso", "--user", "ada@contoso.example"]);
    assert_eq!(erased["events"], 2, "{erased}");
    let left = folder.json(&["export-person", "contoso", "--user", "ada@contoso.example"]);
    assert_eq!(left["devices"], json!([]), "{left}");
    assert!(!stack.folder().join(".vestibule/data").exists());
}

#[tokio::test]
async fn addresses_are_those_of_the_stack_or_of_nobody() {
    let folder = Folder::new();
    let serve = folder.serve();
    contoso(&folder, &serve).await;
    let stack = Stack::of_served(&folder.data());
    for arguments in [&["token", "link", "contoso"][..], &["source", "add", "contoso", "nanomdm"]] {
        assert!(stack.fails(arguments).contains("--url"), "{arguments:?}");
        let given = stack.json(&[arguments, &["--url", "https://vestibule.example"]].concat());
        assert!(given["url"].as_str().unwrap().starts_with("https://vestibule.example/"), "{given}");
    }
    let secrets = &folder.json(&["source", "list", "contoso"])["sources"];
    let nanomdm = secrets.as_array().unwrap().iter().find(|source| source["source"] == "nanomdm").unwrap();
    assert_eq!(nanomdm["secrets"], 1, "none was made without an address: {nanomdm}");
}

#[tokio::test]
async fn where_the_sdk_is_led_elsewhere_nothing_is_written_unasked() {
    let folder = Folder::new();
    let serve = folder.serve();
    contoso(&folder, &serve).await;
    let stack = Stack::of_served(&folder.data());
    for arguments in [
        &["tenant", "add", "fabrikam"][..],
        &["tenant", "list"],
        &["tenant", "remove", "contoso", "--yes"],
        &["token", "add", "contoso"],
        &["secret", "rotate", "contoso"],
        &["source", "add", "contoso", "nanomdm"],
        &["graph", "list", "contoso"],
        &["export", "contoso"],
        &["diagnose", "contoso", "--device", "x"],
        &["rebuild", "contoso"],
        &["erase", "contoso", "--device", "x"],
        &["export-person", "contoso", "--device", "x"],
        &["republish", "contoso", "--since", "2026-01-31T08:00:00Z"],
        &["import", "contoso", "x"],
        &["format", "show"],
        &["format", "set", "2"],
        &["verify"],
        &["doctor"],
        &["sweep"],
        &["backup", "x"],
        &["restore", "x"],
        &["serve", "--listen", "127.0.0.1:0"],
    ] {
        let why = stack.fails_without(arguments);
        assert!(why.contains("AWS_ENDPOINT_URL") && why.contains("--stack") && why.contains("--data"), "{why}");
    }
    assert_eq!(std::fs::read_dir(stack.folder()).unwrap().count(), 0);
    // Whoever names the folder gets it.
    let data = folder.data();
    let listed =
        stack.command_without(&["tenant", "list", "--json", "--data", data.to_str().unwrap()]).output().unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let mut listed = stack.command_without(&["tenant", "list", "--json"]);
    assert!(listed.env("VESTIBULE_DATA", &data).output().unwrap().status.success());
}

#[tokio::test]
async fn the_environment_names_a_stack_too() {
    let folder = Folder::new();
    let serve = folder.serve();
    contoso(&folder, &serve).await;
    let stack = Stack::of_served(&folder.data());
    let names =
        [("VESTIBULE_TABLE", "vestibule"), ("VESTIBULE_BUCKET", "vestibule-reports"), ("VESTIBULE_BUS", "vestibule")];
    let listed = stack.command_without(&["tenant", "list", "--json"]).envs(names).output().unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed, folder.json(&["tenant", "list"]));
    let both = stack.command_without(&["tenant", "list"]).envs(names).env("VESTIBULE_DATA", "x").output().unwrap();
    assert!(!both.status.success());
    let half = stack.command_without(&["tenant", "list", "--table", "vestibule"]).output().unwrap();
    assert!(String::from_utf8(half.stderr).unwrap().contains("--bucket"));
}

#[tokio::test]
async fn what_needs_a_folder_says_so() {
    let folder = Folder::new();
    let serve = folder.serve();
    contoso(&folder, &serve).await;
    let stack = Stack::of_served(&folder.data());
    for arguments in [&["backup", "x"][..], &["restore", "x"], &["serve"]] {
        let why = stack.fails_without(&[arguments, &["--stack", "vestibule"]].concat());
        assert!(why.contains("not on a stack"), "{why}");
    }
    let to = "https://vestibule.example/hooks/contoso/enrollment-events";
    let why = stack.fails_without(&["send", "x", "--url", to, "--stack", "vestibule"]);
    assert!(why.contains("not to a stack"), "{why}");
}

/// The ids of what was published about attempts, in order.
fn published(folder: &Folder) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(folder.data().join("bus/events.ndjson")).unwrap_or_default();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_attempts = events.filter(|event| event["detail"]["attemptId"].is_string());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    of_attempts.map(|event| (text(&event["detail"]["id"]), text(&event["detail"]["enrollmentKey"]))).collect()
}

#[tokio::test]
async fn what_the_stream_holds_is_published_again_with_the_same_ids() {
    let folder = Folder::new();
    let serve = folder.serve();
    contoso(&folder, &serve).await;
    let other = folder.add_tenant("fabrikam");
    serve.sender(&other).post(&enrollment("f1", "enrollment.started", ago(5), "OTHER0001")).await.ok(202);
    let before = eventually("all is published", async || Some(published(&folder)).filter(|ids| ids.len() == 4)).await;
    let stack = Stack::of_served(&folder.data());
    let since = ago(60).to_string();
    for round in 1..3 {
        let again = match round {
            1 => stack.json(&["republish", "contoso", "--since", &since]),
            _ => folder.json(&["republish", "contoso", "--since", &since]),
        };
        assert_eq!((&again["published"], &again["unreadable"]), (&json!(3), &json!(0)), "{again}");
        assert_eq!(again["wholeSince"], true);
        let after = published(&folder);
        assert_eq!(after.len(), 4 + 3 * round, "{again}");
        assert!(after.iter().all(|one| before.contains(one)), "{after:?}");
        assert_eq!(after.iter().filter(|(_, key)| key == "other0001").count(), 1, "another tenant's are left alone");
    }
    // What happens later is of no earlier instant.
    let later = (now() + Millis::from_minutes(1)).to_string();
    assert_eq!(stack.json(&["republish", "contoso", "--since", &later])["published"], 0);
    let long_ago = stack.json(&["republish", "contoso", "--since", "2020-01-31T08:00:00Z"]);
    assert_eq!(long_ago["wholeSince"], false, "a stream keeps a day: {long_ago}");
    assert!(stack.fails(&["republish", "contoso", "--key", "e#fabrikam#x"]).contains("contoso"));
    assert!(stack.fails(&["republish", "contoso"]).contains("--since"));

    // An erased device is not named again.
    let named = || published(&folder).iter().filter(|(_, key)| key == "stack0001").count();
    assert!(named() > 0, "the bus names it first");
    // By the folder's own command, because a stack's own sweep ends an erasure, which a `serve` does not run.
    folder.json(&["erase", "contoso", "--device", "STACK0001"]);
    eventually("the bus does not name it any more", async || (named() == 0).then_some(())).await;
    stack.json(&["republish", "contoso", "--since", &since]);
    assert_eq!(named(), 0);
}
