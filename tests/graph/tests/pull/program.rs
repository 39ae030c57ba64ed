//! The commands and `serve` over the fake Graph: what an operator types and sees.

use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Stdio;
use vestibule_domain::Millis;
use vestibule_graph_tests::{Fake, Fault, PORTAL, device, pending, sign_in};
use vestibule_program_tests::{Client, Folder, Ran, event, eventually, now};

const SECRET: &str = "hunter2-hunter2-hunter2";

/// Runs a command with a line on its standard input.
fn typed(folder: &Folder, fake: &Fake, arguments: &[&str], line: &str) -> Ran {
    let mut command = folder.command(arguments);
    command.env("GRAPH_URL", fake.url()).env("GRAPH_LOGIN_URL", fake.url());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        success: output.status.success(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Reads all lists now. A tick of `serve` may be reading at the same moment.
fn run(folder: &Folder, fake: &Fake) -> Ran {
    loop {
        let ran = typed(folder, fake, &["graph", "run", "contoso"], "");
        if !ran.stderr.contains("are being read") {
            return ran;
        }
    }
}

fn answer(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

async fn graph() -> Fake {
    let fake = Fake::with_app("contoso.example", "client", SECRET).await;
    let enrolled = now() - Millis::from_minutes(30);
    fake.set("managedDevices", (1..=3).map(|number| device(number, enrolled, "compliant")).collect());
    fake.set("windowsAutopilotDeviceIdentities", vec![pending(9)]);
    for list in ["troubleshootingEvents", "autopilotEvents", "deviceEnrollmentConfigurations"] {
        fake.set(list, vec![]);
    }
    fake
}

const ADD: [&str; 9] =
    ["graph", "add", "contoso", "--directory", "contoso.example", "--client", "client", "--expires", "2099-01-31"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_adds_checks_runs_rotates_and_removes() {
    let (folder, fake) = (Folder::new(), graph().await);
    let tenant = folder.add_tenant("contoso");
    let added = typed(&folder, &fake, &ADD, SECRET);
    assert!(added.success, "{added:?}");
    let source = "graph:deviceManagement/managedDevices";
    assert_eq!(answer(&added)["advice"], format!("vestibule tenant set contoso complianceSource={source}"));
    folder.json(&["tenant", "set", "contoso", &format!("complianceSource={source}")]);
    let again = answer(&typed(&folder, &fake, &ADD, SECRET));
    assert_eq!(again["advice"], Value::Null, "a source is already chosen");

    let checked = typed(&folder, &fake, &["graph", "check", "contoso"], "");
    assert!(checked.success && answer(&checked)["complete"] == json!(true), "{checked:?}");
    fake.fault("autopilotEvents", Fault::Always(403, None, ""));
    let checked = typed(&folder, &fake, &["graph", "check", "contoso"], "");
    assert!(!checked.success, "{checked:?}");
    let found = answer(&checked)["lists"][3].clone();
    assert!(found["found"].as_str().unwrap().starts_with("missing permission DeviceManagementManagedDevices.Read.All"));
    fake.mend();

    let ran = run(&folder, &fake);
    assert!(ran.success, "{ran:?}");
    assert_eq!(answer(&ran)["lists"][0], json!({"list": "managed-devices", "rows": 3, "new": 3, "unfinished": false}));
    let serve = folder.serve_with(&[("GRAPH_URL", &fake.url()), ("GRAPH_LOGIN_URL", &fake.url())]);
    let api = Client::new(&serve.url, &tenant.admin);
    let report = api.json("/api/reports/incomplete-enrollments?os=windows").await;
    assert_eq!((report["initiated"].as_u64(), report["completed"].as_u64()), (Some(3), Some(3)), "{report}");
    let sources = api.json("/api/sources").await;
    let pull = &sources["graphPull"];
    assert_eq!((&pull["directory"], &pull["secretExpiresSoon"]), (&json!("contoso.example"), &json!(false)));
    assert_eq!((pull["lists"].as_array().unwrap().len(), &pull["lists"][0]["problem"]), (5, &Value::Null));

    // A wrong secret is reported, and the right one solves the problem.
    assert!(typed(&folder, &fake, &["graph", "rotate", "contoso"], "wrong").success);
    let ran = run(&folder, &fake);
    assert!(!ran.success && ran.stdout.contains("its secret is wrong"), "{ran:?}");
    assert!(typed(&folder, &fake, &["graph", "rotate", "contoso", "--expires", "2020-01-31"], SECRET).success);
    let ran = run(&folder, &fake);
    assert!(ran.success && answer(&ran)["lists"][0]["new"] == json!(0), "{ran:?}");
    let listed = typed(&folder, &fake, &["graph", "list", "contoso"], "");
    assert_eq!(answer(&listed)["graphPull"]["secretExpiresSoon"], json!(true));
    let removed = typed(&folder, &fake, &["graph", "remove", "contoso"], "");
    assert_eq!(answer(&removed), json!({"tenant": "contoso", "removed": true}));
    let listed = typed(&folder, &fake, &["graph", "list", "contoso"], "");
    assert_eq!(answer(&listed)["graphPull"], Value::Null);

    for ran in [&added, &checked, &ran, &listed, &removed] {
        assert!(!ran.stdout.contains("hunter2") && !ran.stderr.contains("hunter2"), "{ran:?}");
    }
    assert!(!sources.to_string().contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_arguments_are_refused_before_anything_is_stored() {
    let (folder, fake) = (Folder::new(), graph().await);
    folder.add_tenant("contoso");
    let with = |at: usize, value: &'static str| {
        let mut arguments = ADD;
        arguments[at] = value;
        arguments
    };
    for (arguments, line, words) in [
        (ADD, "", "no client secret on standard input"),
        (ADD, "two words", "one word"),
        (with(4, "evil.example/x"), SECRET, "directory must be"),
        (with(6, "a b"), SECRET, "client must be"),
        (with(8, "tomorrow"), SECRET, "2027-01-31"),
        (with(2, "nobody"), SECRET, "no tenant nobody"),
    ] {
        let ran = typed(&folder, &fake, &arguments, line);
        assert!(
            !ran.success && ran.stderr.contains(words) && !ran.stderr.contains("hunter2"),
            "{arguments:?}: {ran:?}"
        );
    }
    // Nothing secret goes anywhere without TLS.
    let mut command = folder.command(&["graph", "list", "contoso"]);
    let output = command.env("GRAPH_URL", "http://graph.example").env("GRAPH_LOGIN_URL", fake.url()).output().unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("https://HOST"));
    let listed = typed(&folder, &fake, &["graph", "list", "contoso"], "");
    assert_eq!(answer(&listed)["graphPull"], Value::Null);
    let checked = typed(&folder, &fake, &["graph", "check", "contoso"], "");
    assert!(!checked.success && checked.stderr.contains("graph add"), "{checked:?}");
}

/// Chosen lists: which lists are read and named, and how their data is shown in the answers and in the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_that_are_chosen_are_read_and_others_named() {
    let (folder, fake) = (Folder::new(), graph().await);
    let tenant = folder.add_tenant("contoso");
    let add: Vec<&str> = ADD.into_iter().chain(["--with", "sign-ins"]).collect();
    let added = answer(&typed(&folder, &fake, &add, SECRET));
    assert_eq!(added["notChosen"], json!(["sign-ins-non-interactive", "mobile-apps"]));
    assert_eq!(added["lists"].as_array().unwrap().last(), Some(&json!("sign-ins")));
    let at = now() - Millis::from_minutes(40);
    fake.set("signIns", vec![sign_in(1, at, 53000, "mail"), sign_in(2, at, 0, PORTAL)]);
    const APP: &str = "0a1b2c3d-0000-4000-8000-000000000001";
    fake.set("mobileApps", vec![json!({"id": APP, "displayName": "Contoso VPN"})]);
    let checked = answer(&typed(&folder, &fake, &["graph", "check", "contoso"], ""));
    assert_eq!((&checked["complete"], checked["lists"].as_array().unwrap().len()), (&json!(true), 6));
    assert_eq!(checked["notChosen"], json!(["sign-ins-non-interactive", "mobile-apps"]));

    // A list can be chosen later without the secret. An unknown name is refused.
    let set = answer(&typed(&folder, &fake, &["graph", "set", "contoso", "--with", "mobile-apps"], ""));
    assert_eq!(set["notChosen"], json!(["sign-ins-non-interactive"]));
    assert!(!typed(&folder, &fake, &["graph", "set", "contoso", "--with", "managed-devices"], "").success);
    // When the registration is added again, the chosen lists stay.
    assert_eq!(answer(&typed(&folder, &fake, &ADD, SECRET))["notChosen"], json!(["sign-ins-non-interactive"]));
    let ran = run(&folder, &fake);
    assert!(ran.success, "{ran:?}");
    let rows: Vec<(Value, Value)> = answer(&ran)["lists"]
        .as_array()
        .unwrap()
        .iter()
        .map(|list| (list["list"].clone(), list["rows"].clone()))
        .collect();
    assert!(
        rows.contains(&(json!("sign-ins"), json!(2))) && rows.contains(&(json!("mobile-apps"), json!(1))),
        "{rows:?}"
    );

    let serve = folder.serve_with(&[("GRAPH_URL", &fake.url()), ("GRAPH_LOGIN_URL", &fake.url())]);
    let api = Client::new(&serve.url, &tenant.admin);
    let web = api.json("/api/reports/web-enrollment").await;
    assert_eq!((&web["people"], &web["metTheWall"], &web["reachedPortal"]), (&json!(2), &json!(1), &json!(1)), "{web}");
    // A sender reports an app by its id alone, in another case.
    let device = json!({"device": {"serialNumber": "5CG1234XYZ"}});
    let mut item =
        json!({"phase": "deviceSetup", "category": "apps", "item": {"id": APP.to_uppercase(), "state": "error"}});
    item["device"] = device["device"].clone();
    let begin = now() - Millis::from_minutes(20);
    let events = json!([
        event("e1", "esp.started", begin, &device),
        event("e2", "esp.item", begin + Millis::from_minutes(1), &item),
    ]);
    serve.sender(&tenant).post_to("esp-status", &events).await.ok(202);
    let live = api.json("/api/devices/5CG1234XYZ/esp").await;
    assert!(live.to_string().contains("Contoso VPN"), "{live}");
    let overview = api.json("/api/reports/esp").await;
    assert_eq!(overview["failingApps"][0]["app"], json!("Contoso VPN"), "{overview}");
    let sources = api.json("/api/sources").await;
    assert_eq!(sources["graphPull"]["notChosen"], json!(["sign-ins-non-interactive"]));
    drop(serve);
    let exported = folder.json(&["export", "contoso"]);
    let path = exported["path"].as_str().unwrap();
    let sql = "SELECT name, item_id FROM esp_item_list";
    let rows = vestibule_program_tests::run_alone(&["report", "query", path, sql, "--json"]);
    assert!(rows.stdout.contains("Contoso VPN") && rows.stdout.contains(&APP.to_uppercase()), "{rows:?}");

    let set = typed(&folder, &fake, &["graph", "set", "contoso", "--without", "sign-ins"], "");
    assert_eq!(answer(&set)["notChosen"], json!(["sign-ins", "sign-ins-non-interactive"]));
    let listed = answer(&typed(&folder, &fake, &["graph", "list", "contoso"], ""))["graphPull"].to_string();
    assert!(listed.contains("\"mobile-apps\"") && !listed.contains("\"list\":\"sign-ins\""), "{listed}");
}

/// If a process is killed while it reads, the next one reads all and the numbers are the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_reads_the_next_run_has_all_of_it_once() {
    let (folder, fake) = (Folder::new(), graph().await);
    let tenant = folder.add_tenant("contoso");
    let enrolled = now() - Millis::from_minutes(30);
    fake.set("managedDevices", (1..=400).map(|number| device(number, enrolled, "compliant")).collect());
    fake.page_size(20);
    assert!(typed(&folder, &fake, &ADD, SECRET).success);
    for pages in [3, 9] {
        fake.asked();
        let mut command = folder.command(&["graph", "run", "contoso"]);
        command.env("GRAPH_URL", fake.url()).env("GRAPH_LOGIN_URL", fake.url());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut seen = 0;
        eventually("some pages are read", async || {
            seen += fake.asked().len();
            (seen >= pages).then_some(())
        })
        .await;
        child.kill().unwrap();
        child.wait().unwrap();
        // Nobody else reads for the tenant until the lease of the killed process has run out, so the next process
        // starts then.
        let shown = answer(&typed(&folder, &fake, &["graph", "list", "contoso"], ""));
        assert!(shown["graphPull"]["reading"].is_boolean());
        assert!(typed(&folder, &fake, &["graph", "remove", "contoso"], "").success);
        assert!(typed(&folder, &fake, &ADD, SECRET).success);
    }
    let ran = run(&folder, &fake);
    assert!(ran.success && answer(&ran)["lists"][0]["rows"] == json!(400), "{ran:?}");
    let serve = folder.serve_with(&[("GRAPH_URL", &fake.url()), ("GRAPH_LOGIN_URL", &fake.url())]);
    let api = Client::new(&serve.url, &tenant.admin);
    let report = api.json("/api/reports/incomplete-enrollments?os=windows").await;
    assert_eq!(report["initiated"].as_u64(), Some(400), "{report}");
}
