//! The operator commands, each beside a running `serve` on the same folder, and without one.

use crate::page::Page;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use vestibule_program_tests::{Client, Folder, Sender, Serve, Tenant, enrollment, event, now, run_alone};
use vestibule_test_tools::workspace;

/// The commands under a command, or under the program itself, and the help that lists them.
fn commands(under: &[&str]) -> (Vec<String>, String) {
    let help = run_alone(&[under, &["--help"]].concat()).stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.map_while(|line| line.strip_prefix("  ")?.split(' ').next());
    // The text of a command may go on in a line that begins with more blanks.
    let names = names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect();
    (names, help)
}

#[test]
fn the_readme_has_every_command() {
    let readme = Page::open("README.md").text;
    let (names, help) = commands(&[]);
    assert!(names.len() > 10, "{help}");
    for name in names {
        let ways = [format!("`{name}`"), format!("`{name} "), format!("-- {name}\n")];
        assert!(ways.iter().any(|way| readme.contains(way)), "README.md does not have the command {name}");
    }
}

/// A test that runs a command has its words as arguments. A command that works on a stack is also run on one, or a group of
/// commands at least one of its own.
#[test]
fn every_command_is_run_by_a_test() {
    let tests = |folder: &str, begin: &str| -> String {
        let files = std::fs::read_dir(workspace().join(folder)).unwrap().map(Result::unwrap);
        let files = files.filter(|file| file.file_name().to_string_lossy().starts_with(begin));
        let texts = files.map(|file| std::fs::read_to_string(file.path()).unwrap());
        texts.flat_map(|text| text.split_whitespace().map(|word| format!("{word} ")).collect::<Vec<_>>()).collect()
    };
    let all = tests("tests/program/tests/program", "") + &tests("tests/graph/tests/pull", "");
    let on_stacks = tests("tests/program/tests/program", "stack");
    let mut lacking = Vec::new();
    for name in commands(&[]).0 {
        let (members, help) = commands(&[&name]);
        let mut is_for_stacks = help.contains("--stack");
        for member in &members {
            is_for_stacks |= commands(&[&name, member]).1.contains("--stack");
            if !all.contains(&format!("\"{name}\", \"{member}\"")) {
                lacking.push(format!("no test runs {name} {member}"));
            }
        }
        if members.is_empty() && !all.contains(&format!("\"{name}\"")) {
            lacking.push(format!("no test runs {name}"));
        }
        if is_for_stacks && !on_stacks.contains(&format!("\"{name}\"")) {
            lacking.push(format!("no test runs {name} on a stack"));
        }
    }
    assert!(lacking.is_empty(), "{lacking:#?}");
}

#[test]
fn the_guide_says_what_each_command_for_stacks_needs() {
    let documented = crate::operators::documented();
    let mut of_stacks = std::collections::BTreeSet::new();
    for name in commands(&[]).0 {
        let (members, help) = commands(&[&name]);
        if help.contains("--stack") {
            of_stacks.insert(name.clone());
        }
        let members = members.iter().filter(|member| commands(&[&name, member]).1.contains("--stack"));
        of_stacks.extend(members.map(|member| format!("{name} {member}")));
    }
    assert_eq!(documented.into_keys().collect::<std::collections::BTreeSet<_>>(), of_stacks);
}

#[test]
fn the_readme_has_every_option_of_serve() {
    let readme = Page::open("README.md").text;
    let help = run_alone(&["serve", "--help"]).stdout;
    let options = help.lines().filter_map(|line| line.trim_start().split(' ').find(|word| word.starts_with("--")));
    let options: Vec<&str> = options.filter(|option| !["--help", "--version"].contains(option)).collect();
    assert!(options.len() > 10, "{help}");
    for option in options {
        let ways = [format!("`{option}`"), format!("`{option} ")];
        assert!(ways.iter().any(|way| readme.contains(way)), "README.md does not have the option {option} of serve");
    }
}

#[tokio::test]
async fn beside_a_serve() {
    let folder = Folder::new();
    let serve = folder.serve();
    everything(&folder, Some(&serve)).await;
    assert_eq!(serve.terminate().code(), Some(0));
}

#[tokio::test]
async fn without_a_serve() {
    everything(&Folder::new(), None).await;
}

async fn everything(folder: &Folder, serve: Option<&Serve>) {
    let contoso = tenants(folder);
    settings(folder);
    annotations(folder, serve, &contoso).await;
    tokens(folder, serve, &contoso).await;
    let secret = secrets(folder, serve, &contoso).await;
    let contoso = Tenant { secret, ..contoso };
    export_and_sweep(folder, serve, &contoso).await;
}

/// The running `serve`, or a temporary one.
async fn with_serve(folder: &Folder, serve: Option<&Serve>, ask: impl AsyncFnOnce(&str)) {
    match serve {
        Some(serve) => ask(&serve.url).await,
        None => {
            let serve = folder.serve();
            ask(&serve.url).await;
            assert_eq!(serve.terminate().code(), Some(0));
        }
    }
}

fn tenants(folder: &Folder) -> Tenant {
    let contoso = folder.add_tenant("contoso");
    assert_eq!(contoso.name, "contoso");
    assert!(contoso.secret.starts_with("whsec_") && contoso.secret.len() > 30, "{}", contoso.secret);
    assert!(contoso.admin.len() > 30, "{}", contoso.admin);
    assert!(folder.fails(&["tenant", "add", "contoso"]).contains("contoso already"));
    for name in ["", "Contoso", "con_toso", "-contoso", "a/b"] {
        folder.fails(&["tenant", "add", "--", name]);
    }
    let fabrikam = folder.add_tenant("fabrikam");
    assert_ne!((&fabrikam.secret, &fabrikam.admin), (&contoso.secret, &contoso.admin));

    let listed = folder.json(&["tenant", "list"]);
    let names: Vec<_> = listed["tenants"].as_array().unwrap().iter().map(|one| &one["tenant"]).collect();
    assert_eq!(names, ["contoso", "fabrikam"]);
    assert_eq!(listed["tenants"][0]["settings"]["timeZone"], "UTC");
    assert!(!listed.to_string().contains("whsec_"), "secrets are shown once");
    contoso
}

fn settings(folder: &Folder) {
    let set = |pair: &str| folder.json(&["tenant", "set", "contoso", pair])["settings"].clone();
    assert_eq!(set("timeZone=Europe/Berlin")["timeZone"], "Europe/Berlin");
    assert_eq!(set("requireCompliance=false")["requireCompliance"], false);
    assert_eq!(set("retentionDays=400")["retentionDays"], 400);
    let changed = folder.json(&["tenant", "set", "contoso", "deviceLimit=5", "exportAt=03:30"]);
    assert_eq!((&changed["settings"]["deviceLimit"], &changed["settings"]["exportAt"]), (&json!(5), &json!("03:30")));
    // Earlier settings are unchanged, also for later requests, and so are those of the other tenant.
    let shown = folder.json(&["tenant", "set", "contoso"]);
    assert_eq!(shown["settings"], changed["settings"]);
    assert_eq!(shown["settings"]["timeZone"], "Europe/Berlin");
    assert_eq!(folder.json(&["tenant", "set", "fabrikam"])["settings"]["timeZone"], "UTC");
    assert_eq!(set("timeZone=")["timeZone"], "UTC", "an empty value restores the default");

    for (pair, named) in [
        ("retentionDays=29", "retentionDays: must be between 30 and 400"),
        ("retentionDays=401", "retentionDays: must be between 30 and 400"),
        ("retentionDays=many", "retentionDays"),
        ("timeZone=Europe/Atlantis", "timeZone"),
        ("requireCompliance=maybe", "requireCompliance"),
        ("windowsIdleLimitMinutes=0", "windowsIdleLimitMinutes"),
        ("exportAt=25:00", "exportAt"),
        ("colour=blue", "colour: is not a setting"),
        ("timeZone", "SETTING=VALUE"),
    ] {
        let problem = folder.fails(&["tenant", "set", "contoso", pair]);
        assert!(problem.contains(named), "{pair}: {problem}");
    }
    // If one of several is invalid, none is accepted.
    folder.fails(&["tenant", "set", "contoso", "deviceLimit=7", "retentionDays=1"]);
    assert_eq!(folder.json(&["tenant", "set", "contoso"])["settings"]["deviceLimit"], 5);
    assert!(folder.fails(&["tenant", "set", "nobody", "deviceLimit=7"]).contains("no tenant nobody"));
}

async fn annotations(folder: &Folder, serve: Option<&Serve>, contoso: &Tenant) {
    let added = folder.json(&["annotation", "add", "contoso", "2026-11-15", "Terms of use changed"]);
    let annotation = &added["annotation"];
    assert_eq!((&annotation["to"], &annotation["writtenBy"]), (&json!("2026-11-16"), &json!("operator")));
    let week = ["annotation", "add", "contoso", "2026-11-02", "A week of training", "--to", "2026-11-09"];
    let week = folder.json(&week)["annotation"]["id"].as_str().unwrap().to_owned();
    let listed = folder.json(&["annotation", "list", "contoso"]);
    assert_eq!((&listed["annotations"][0]["id"], &listed["annotations"][1]), (&json!(week), annotation));
    with_serve(folder, serve, async |url| {
        let answered = Client::new(url, &contoso.admin).json("/api/annotations").await;
        assert_eq!(answered["annotations"], listed["annotations"]);
    })
    .await;
    folder.json(&["annotation", "remove", "contoso", &week]);
    assert_eq!(folder.json(&["annotation", "list", "contoso"])["annotations"], json!([annotation]));
    assert!(folder.fails(&["annotation", "remove", "contoso", &week]).contains("no such annotation"));
    let named = folder.fails(&["annotation", "add", "contoso", "2026-11-15", "asked ada@contoso.example"]);
    assert!(named.contains("address") && !named.contains("ada@"), "{named}");
    assert!(folder.fails(&["annotation", "add", "nobody", "2026-11-15", "x"]).contains("no tenant nobody"));
}

async fn tokens(folder: &Folder, serve: Option<&Serve>, contoso: &Tenant) {
    let reader = folder.json(&["token", "add", "contoso", "--label", "board"]);
    let admin = folder.json(&["token", "add", "contoso", "--role", "admin"]);
    assert_eq!((&reader["role"], &admin["role"]), (&json!("reader"), &json!("admin")));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (reader_token, admin_token) = (text(&reader["token"]), text(&admin["token"]));

    let listed = folder.json(&["token", "list", "contoso"]);
    let shown = listed["tokens"].as_array().unwrap();
    assert_eq!(shown.len(), 3);
    assert!(shown.iter().any(|token| token["id"] == reader["id"] && token["name"] == "board"));
    for token in [&contoso.admin, &reader_token, &admin_token] {
        assert!(!listed.to_string().contains(token.as_str()), "tokens are shown once");
    }

    let status = async |url: &str, token: &str| Client::new(url, token).get("/api/tenant").await.status;
    with_serve(folder, serve, async |url| {
        for token in [&contoso.admin, &reader_token, &admin_token] {
            assert_eq!(status(url, token).await, 200);
        }
    })
    .await;
    folder.json(&["token", "revoke", "contoso", &text(&reader["id"])]);
    folder.json(&["token", "revoke", "contoso", &admin_token]);
    with_serve(folder, serve, async |url| {
        // Revoking takes effect at once.
        assert_eq!(status(url, &reader_token).await, 401);
        assert_eq!(status(url, &admin_token).await, 401);
        assert_eq!(status(url, &contoso.admin).await, 200);
    })
    .await;
    assert!(folder.fails(&["token", "revoke", "contoso", &admin_token]).contains("no such token"));
    folder.fails(&["token", "add", "contoso", "--role", "owner"]);
    folder.fails(&["token", "add", "nobody"]);
}

/// Ends with only one valid secret, which it returns.
async fn secrets(folder: &Folder, serve: Option<&Serve>, contoso: &Tenant) -> String {
    let old = contoso.secret.clone();
    let rotated = folder.json(&["secret", "rotate", "contoso"]);
    let new = rotated["webhookSecret"].as_str().unwrap().to_owned();
    assert!(new.starts_with("whsec_") && new != old);
    let status = async |url: &str, secret: &str| {
        let event = enrollment("rotation", "enrollment.registered", now(), "ROTATION01");
        Sender::new(url, "contoso", secret).post(&event).await.status
    };
    with_serve(folder, serve, async |url| {
        assert_eq!(status(url, &old).await, 202);
        assert_eq!(status(url, &new).await, 202);
    })
    .await;
    let last = folder.json(&["secret", "rotate", "contoso", "--revoke-others"]);
    assert_eq!(last["validSecrets"], 1);
    let last = last["webhookSecret"].as_str().unwrap().to_owned();
    with_serve(folder, serve, async |url| {
        // The old ones are tried first: nothing but the change itself ends them.
        for revoked in [&old, &new] {
            assert_eq!(status(url, revoked).await, 401);
        }
        assert_eq!(status(url, &last).await, 202);
    })
    .await;
    last
}

async fn export_and_sweep(folder: &Folder, serve: Option<&Serve>, contoso: &Tenant) {
    let long_ago = now() - vestibule_domain::Millis::from_minutes(45);
    let place = json!({
        "device": {"serialNumber": "SWEPT0001"}, "platform": "ios", "action": "DeviceCategory", "screen": "deviceCategory",
    });
    with_serve(folder, serve, async |url| {
        let sender = Sender::new(url, "contoso", &contoso.secret);
        let events = json!([
            event("s1", "enrollment.step.entered", long_ago, &place),
            enrollment("s2", "enrollment.started", now(), "FRESH0001"),
        ]);
        assert_eq!(sender.post(&events).await.ok(202)["accepted"], 2);
    })
    .await;
    // Either this command or the schedule flags it, whichever runs first.
    let swept = folder.json(&["sweep"]);
    assert!(swept["due"].is_u64() && swept["flagged"].is_u64(), "{swept}");
    assert_eq!(folder.json(&["sweep"])["flagged"], 0);

    let before = now();
    let exported = folder.json(&["export", "contoso"]);
    let as_of = vestibule_domain::Timestamp::parse(exported["asOf"].as_str().unwrap()).unwrap();
    assert!(before <= as_of && as_of <= now(), "{exported}");
    assert_eq!(exported["rows"]["attempts"], 2);
    let path = exported["path"].as_str().unwrap();
    let bytes = std::fs::read(path).unwrap();
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(exported["sha256"], hash.as_str());
    let conn = rusqlite::Connection::open(path).unwrap();
    let outcome: (String, String, i64) = conn
        .query_row(
            "SELECT outcome, cause, catalogue_row FROM enrollment_attempts WHERE enrollment_key = 'swept0001'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(outcome, ("abandoned".to_owned(), "timedOut".to_owned(), 3));
    let noted = "SELECT from_date || ' ' || text || ' ' || written_by FROM annotation_list";
    let noted: String = conn.query_row(noted, [], |row| row.get(0)).unwrap();
    assert_eq!(noted, "2026-11-15 Terms of use changed operator");
    assert!(folder.fails(&["export", "nobody"]).contains("no tenant nobody"));

    // The same file, downloaded: a redirect to a short-lived link.
    with_serve(folder, serve, async |url| {
        let api = Client::new(url, &contoso.admin);
        for name in ["latest", hash.as_str(), &as_of.to_string()[..10]] {
            // The file's day is in the tenant's zone, which is UTC here.
            let answer = api.get(&format!("/api/reports/files/{name}")).await;
            assert_eq!(answer.status, 302, "{name}");
            let link = answer.headers["location"].to_str().unwrap();
            let file = reqwest::get(format!("{url}{link}")).await.unwrap();
            assert!(file.headers()["content-disposition"].to_str().unwrap().contains("contoso"));
            assert_eq!(file.bytes().await.unwrap(), bytes.as_slice(), "{name}");
        }
        let listed = api.json("/api/reports/files").await;
        assert_eq!(listed["files"][0]["sha256"], hash.as_str());
    })
    .await;
}

#[test]
fn a_source_is_added_tested_and_removed() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let listed = folder.json(&["source", "list", "contoso"]);
    let names: Vec<&str> =
        listed["sources"].as_array().unwrap().iter().map(|one| one["source"].as_str().unwrap()).collect();
    for source in names {
        let added = folder.json(&["source", "add", "contoso", source, "--url", "https://hooks.example/"]);
        let url = added["url"].as_str().unwrap();
        assert!(url.starts_with(&format!("https://hooks.example/hooks/contoso/{source}")), "{added}");
        assert!(added["settings"].as_str().unwrap().contains(url), "{added}");
        let signed = ["enrollment-events", "esp-status"].contains(&source);
        assert_eq!(added["secret"].is_string(), !signed, "{added}");
        let tested = folder.json(&["source", "test", "contoso", source]);
        let events = tested["events"].as_array().unwrap();
        assert!(events.iter().any(|event| event["type"].is_string() && event["device"].is_string()), "{tested}");
    }
    let removed = folder.json(&["source", "remove", "contoso", "jamf"]);
    assert_eq!(removed["removed"], 1);
    let listed = folder.json(&["source", "list", "contoso"]);
    let jamf = listed["sources"].as_array().unwrap().iter().find(|one| one["source"] == "jamf").unwrap();
    assert_eq!(jamf["secrets"], 0);
}

#[test]
fn commands_started_together_all_succeed() {
    let folder = Folder::new();
    let _serve = folder.serve();
    folder.add_tenant("contoso");
    let commands: Vec<Vec<String>> = (0..17)
        .map(|number| match number % 4 {
            0 => ["token", "add", "contoso", "--label", &number.to_string()].map(str::to_owned).to_vec(),
            1 => ["secret", "rotate", "contoso"].map(str::to_owned).to_vec(),
            2 => ["source", "add", "contoso", "jamf"].map(str::to_owned).to_vec(),
            _ => ["token", "link", "contoso"].map(str::to_owned).to_vec(),
        })
        .collect();
    let began: Vec<_> = commands
        .iter()
        .map(|arguments| {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let mut command = folder.command(&arguments);
            let command = command.stdin(std::process::Stdio::null());
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for (arguments, child) in commands.iter().zip(began) {
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
    }
    let tokens = folder.json(&["token", "list", "contoso"]);
    // Five besides the first administrator's.
    assert_eq!(tokens["tokens"].as_array().unwrap().len(), 6, "{tokens}");
}

#[tokio::test]
async fn a_removed_secret_ends_at_once_in_a_serve_that_has_just_used_it() {
    let folder = Folder::new();
    let serve = folder.serve();
    folder.add_tenant("contoso");
    let address = |added: &Value| {
        let url = added["url"].as_str().unwrap();
        format!("{}{}", serve.url, &url[url.find("/hooks/").unwrap()..])
    };
    let added = folder.json(&["source", "add", "contoso", "jamf"]);
    let (url, secret) = (address(&added), added["secret"].as_str().unwrap().to_owned());
    let post = async || {
        let request = reqwest::Client::new().post(&url).basic_auth("jamf", Some(&secret)).body("{}");
        request.header("Content-Type", "application/json").send().await.unwrap().status().as_u16()
    };
    assert_ne!(post().await, 401, "{added}");
    folder.json(&["source", "remove", "contoso", "jamf"]);
    assert_eq!(post().await, 401);
}
