//! What the program prints for people: no text of a sender or a user acts upon their terminal, or begins a line.

use serde_json::{Value, json};
use std::process::Command;
use vestibule_domain::Millis;
use vestibule_program_tests::{Folder, Ran, event, now, run_alone};

/// Clears the screen, sets a title, rings, does the same as C1 controls, begins a line that looks like ours, goes back to
/// its beginning, and turns the direction of what follows.
const HOSTILE: &str = "Mat\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{9d}0;o\u{9c}\nvestibule: all is well\r\u{202e}gpj\u{2066}\u{85}\u{2028}é";
/// The line that it would begin.
const FORGED: &str = "vestibule: all is well";

fn acts(c: char) -> bool {
    c.is_control() && c != '\n'
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
        || ('\u{2028}'..='\u{2029}').contains(&c)
}

fn is_harmless(what: &[&str], ran: &Ran) {
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(acts), "{what:?} prints {text:?}");
        assert!(!text.lines().any(|line| line.starts_with(FORGED)), "{what:?} prints a line of a sender: {text}");
    }
}

/// A person's failed attempt, of which every text is hostile, some hours ago.
fn hostile_events() -> Value {
    let at = |minutes: i64| now() - Millis::from_minutes(minutes);
    let text = |name: &str| format!("{name} {HOSTILE}");
    let data = json!({
        "platform": "windows",
        "user": {"principalName": text("ada"), "id": text("id")},
        "device": {"serialNumber": text("SERIAL"), "name": text("Laptop"), "model": text("model"),
            "manufacturer": text("maker"), "osVersion": text("10")},
    });
    let mut failed = data.clone();
    failed["failure"] = json!({"reason": text("reason"), "code": "0x80180014", "message": text("message")});
    json!([
        event("1", "enrollment.started", at(90), &data),
        event("2", "enrollment.failed", at(89), &failed),
        event(HOSTILE, "enrollment.started", at(30), &data),
    ])
}

#[tokio::test]
async fn no_text_of_a_sender_or_a_user_acts_upon_a_terminal() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let stored = serve.sender(&contoso).post(&hostile_events()).await;
    assert_eq!((stored.status, &stored.json()["accepted"]), (202, &json!(3)), "{}", stored.json());
    let added = folder.json(&["token", "add", "contoso", "--label", HOSTILE, "--scope-tag", HOSTILE]);
    assert!(added["token"].is_string());
    let path = folder.json(&["export", "contoso"])["path"].as_str().unwrap().to_owned();
    let events = folder.beside("events.ndjson");
    let mut odd = hostile_events()[0].clone();
    odd["time"] = json!(HOSTILE);
    odd[HOSTILE] = json!(HOSTILE);
    let mut unknown = hostile_events()[0].clone();
    unknown["type"] = json!(HOSTILE);
    std::fs::write(&events, format!("{odd}\n{unknown}\n{}\n", json!({HOSTILE: HOSTILE}))).unwrap();
    let events = events.to_str().unwrap().to_owned();

    let user = format!("ada {HOSTILE}");
    let all: [&[&str]; 10] = [
        &["diagnose", "contoso", "--user", &user],
        &["diagnose", "contoso", "--device", HOSTILE],
        &["token", "list", "contoso"],
        &["token", "revoke", "contoso", HOSTILE],
        &["tenant", "list"],
        &["tenant", "add", HOSTILE],
        &["tenant", "set", "contoso", &format!("complianceSource={HOSTILE}")],
        &["source", "list", "contoso"],
        &["source", "test", "contoso", HOSTILE],
        &["import", "contoso", &events],
    ];
    for arguments in all {
        is_harmless(arguments, &folder.words(arguments));
        is_harmless(arguments, &folder.run(arguments));
    }
    let said = folder.words(&["diagnose", "contoso", "--user", &user]);
    assert!(said.success && said.stdout.contains("Laptop Mat\\u{1b}[2J"), "the name is shown: {}", said.stdout);
    let said = folder.json(&["diagnose", "contoso", "--user", &user]);
    assert!(said.to_string().contains("Laptop"), "JSON means the same: {said}");
    assert_eq!(said["devices"][0]["deviceName"], json!(format!("Laptop {HOSTILE}")), "{said}");

    let select = "SELECT * FROM enrollment_attempts";
    for arguments in [
        &["report", "query", &path, select][..],
        &["report", "query", &path, select, "--json"],
        &["report", "query", &path, "SELECT device_name AS [\u{9b}31m] FROM enrollment_attempts"],
        &["report", "query", &path, &format!("SELECT {HOSTILE}")],
        &["report", "query", &path, "--question", HOSTILE],
        &["report", "csv", &path, HOSTILE],
        &["report", "verify", &format!("{path}{}", "\u{9b}31m")],
    ] {
        is_harmless(arguments, &run_alone(arguments));
    }
    // CSV goes to other programs as it is, and to a terminal without what it acts upon.
    let arguments = ["report", "query", &path, select, "--csv"];
    assert!(run_alone(&arguments).stdout.contains(HOSTILE));
    let script = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
    let program = folder.command(&[]).get_program().to_owned();
    let shown = Command::new("python3").args(["-c", script]).arg(program).args(arguments).output().unwrap();
    assert!(shown.status.success(), "{shown:?}");
    let shown = String::from_utf8(shown.stdout).unwrap().replace("\r\n", "\n");
    assert!(shown.contains("Laptop") && !shown.replace('\r', "").contains(acts), "{shown:?}");

    // What serve logs, too.
    let log = std::fs::read_to_string(folder.beside("serve.log")).unwrap();
    assert!(!log.contains(acts), "{log:?}");
}

/// A line is made of one text, so a text of ours with a line end in it would show the escape.
#[tokio::test]
async fn what_we_say_has_lines_of_its_own() {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let data = json!({"platform": "ios", "device": {"serialNumber": "PLAIN0001", "name": "Phone"}});
    let started = event("1", "enrollment.started", now() - Millis::from_minutes(5), &data);
    assert_eq!(serve.sender(&contoso).post(&started).await.status, 202);
    let path = folder.json(&["export", "contoso"])["path"].as_str().unwrap().to_owned();
    for arguments in [
        &["tenant", "add", "fabrikam"][..],
        &["tenant", "list"],
        &["tenant", "set", "contoso", "deviceLimit=5"],
        &["token", "add", "contoso"],
        &["token", "link", "contoso"],
        &["token", "list", "contoso"],
        &["secret", "rotate", "contoso"],
        &["source", "add", "contoso", "jamf"],
        &["source", "add", "contoso", "graph-managed-devices"],
        &["source", "test", "contoso", "jamf"],
        &["source", "list", "contoso"],
        &["source", "remove", "contoso", "jamf"],
        &["graph", "list", "contoso"],
        &["export", "contoso"],
        &["diagnose", "contoso", "--device", "PLAIN0001"],
        &["sweep"],
        &["verify"],
        &["rebuild", "contoso"],
        &["doctor"],
        &["backup", folder.beside("backup").to_str().unwrap()],
    ] {
        let ran = folder.words(arguments);
        assert!(ran.success && !ran.stdout.is_empty(), "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stdout.contains("\\n") && !ran.stderr.contains("\\n"), "{arguments:?}: {}", ran.stdout);
    }
    for arguments in [&["report", "query", &path][..], &["report", "verify", &path], &["report", "csv", &path, "days"]]
    {
        let ran = run_alone(arguments);
        assert!(ran.success && !ran.stdout.contains("\\n"), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
    }
}
