//! `send`: files of all forms are signed and posted, each event has a result, and the secret is in no argument.

use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};
use vestibule_program_tests::{Folder, Ran, Serve, enrollment, now, run_alone};

/// Runs `send` with the secret in the environment.
fn send(folder: &Folder, serve: &Serve, secret: &str, file: &str, options: &[&str], input: &str) -> Ran {
    let program = folder.command(&[]).get_program().to_owned();
    let mut command = Command::new(program);
    command.args(["send", file, "--url", &format!("{}/hooks/contoso/enrollment-events", serve.url), "--json"]);
    command.args(options).env("VESTIBULE_SECRET", secret).env_remove("RUST_LOG");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        success: output.status.success(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn read(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", ran.stdout, ran.stderr))
}

fn started(number: usize) -> Value {
    enrollment(&format!("e{number}"), "enrollment.started", now(), &format!("SERIAL{number:04}"))
}

#[test]
fn an_event_a_list_and_lines_are_sent() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    let pretty = serde_json::to_string_pretty(&started(1)).unwrap();
    let lines = format!("\u{feff}{}\r\n\r\n{}\n", started(4), started(5));
    for (name, text, accepted) in [
        ("one.json", pretty, 1),
        ("list.json", json!([started(2), started(3)]).to_string(), 2),
        ("lines.ndjson", lines, 2),
    ] {
        let file = folder.beside(name);
        std::fs::write(&file, text).unwrap();
        let ran = send(&folder, &serve, &contoso.secret, file.to_str().unwrap(), &[], "");
        let said = read(&ran);
        assert!(ran.success, "{name}: {said}");
        assert_eq!((&said["accepted"], &said["events"]), (&json!(accepted), &json!(accepted)), "{name}: {said}");
    }
    // Standard input, again, and more than one request takes.
    let many: String = (0..700).map(|number| format!("{}\n", started(number))).collect();
    let said = read(&send(&folder, &serve, &contoso.secret, "-", &[], &many));
    assert_eq!((&said["accepted"], &said["duplicates"]), (&json!(695), &json!(5)), "{said}");
    let results = said["results"].as_array().unwrap();
    let in_order =
        results.iter().enumerate().all(|(at, result)| result["index"] == at && result["id"] == format!("e{at}"));
    assert!(in_order && results.len() == 700, "{said}");
}

#[test]
fn each_refused_event_is_named_and_the_exit_says_so() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    let mut nameless = started(2);
    nameless["data"]["device"] = json!({});
    let file = folder.beside("events.json");
    std::fs::write(&file, json!([started(1), nameless]).to_string()).unwrap();
    let file = file.to_str().unwrap();
    let ran = send(&folder, &serve, &contoso.secret, file, &[], "");
    let said = read(&ran);
    assert!(!ran.success && ran.stderr.contains("1 event was refused"), "{}", ran.stderr);
    assert_eq!((&said["accepted"], &said["rejected"]), (&json!(1), &json!(1)), "{said}");
    assert_eq!((&said["results"][1]["status"], &said["results"][1]["index"]), (&json!("invalid"), &json!(1)), "{said}");
    assert!(said["results"][1]["errors"][0]["field"].is_string(), "{said}");

    // Nobody's secret: no event has a result, and the words say what to do.
    let wrong = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let ran = send(&folder, &serve, wrong, file, &[], "");
    assert!(!ran.success && ran.stderr.contains("401") && ran.stderr.contains("Send the file again"), "{}", ran.stderr);
    assert_eq!(read(&ran)["withoutResult"], 2);
    let past = json!({"id": "old", "specversion": "1.0", "source": "x", "type": "enrollment.started",
        "time": "2020-01-01T00:00:00Z", "data": {"device": {"serialNumber": "SERIAL0009"}, "platform": "ios"}});
    let ran = send(&folder, &serve, &contoso.secret, "-", &["--backfill"], &past.to_string());
    assert!(ran.success, "{}", ran.stderr);
    assert_eq!(read(&ran)["ignored"], 1);
    // So is what comes late of a device that was erased: its sender has done nothing wrong.
    let late = started(1);
    folder.json(&["erase", "contoso", "--device", "SERIAL0001"]);
    let ran = send(&folder, &serve, &contoso.secret, "-", &[], &late.to_string());
    let said = read(&ran);
    assert!(ran.success, "{said} {}", ran.stderr);
    assert_eq!((&said["ignored"], &said["results"][0]["status"]), (&json!(1), &json!("erased")), "{said}");
}

#[test]
fn the_secret_comes_from_a_file_or_the_environment_and_is_shown_nowhere() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    let (events, secret) = (folder.beside("events.json"), folder.beside("secret"));
    std::fs::write(&events, started(1).to_string()).unwrap();
    std::fs::write(&secret, format!("{}\n", contoso.secret)).unwrap();
    let [events, secret] = [&events, &secret].map(|path| path.to_str().unwrap());
    let ran = send(&folder, &serve, "", events, &["--secret-file", secret], "");
    assert!(ran.success && ran.stderr.contains("can be read by others"), "{}", ran.stderr);
    std::fs::set_permissions(secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let ran = send(&folder, &serve, "", events, &["--secret-file", secret], "");
    assert_eq!((ran.success, ran.stderr.as_str()), (true, ""));
    let help = Command::new(folder.command(&[]).get_program())
        .args(["send", "--help"])
        .env("VESTIBULE_SECRET", &contoso.secret)
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("VESTIBULE_SECRET") && !help.contains(&contoso.secret), "{help}");
    for (arguments, problem) in [
        (&["send", events, "--url", "http://hooks.example/hooks/contoso/enrollment-events"][..], "https://"),
        (&["send", events, "--url", "https://hooks.example/"], "of a webhook"),
        (&["send", events, "--url", "http://127.0.0.1:1/hooks/c/enrollment-events", "--secret-file", "none"], "none"),
        (
            &["send", events, "--url", "http://127.0.0.1:1/hooks/c/enrollment-events", "--secret-file", events],
            "malformed",
        ),
        (
            &["send", secret, "--url", "http://127.0.0.1:1/hooks/c/enrollment-events", "--secret-file", secret],
            "not JSON",
        ),
        (
            &["send", events, "--url", "http://127.0.0.1:1/hooks/c/enrollment-events", "--secret-file", secret],
            "reached",
        ),
        (&["send", events, "--secret-file", secret], "--url"),
    ] {
        let ran = run_alone(arguments);
        assert!(!ran.success && ran.stderr.contains(problem), "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains(&contoso.secret) && !ran.stdout.contains(&contoso.secret), "{arguments:?}");
    }
}
