//! `import`: each event of a file, one per line, is stored once, whatever happens meanwhile.

use serde_json::Value;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use vestibule_program_tests::{Folder, enrollment, eventually, now};
use vestibule_simulator::{Scenario, simulate};

/// A sample's deliveries, one per line. Returns the number of lines and the number of different events.
fn sample(path: &Path, enrollments: usize) -> (u64, u64) {
    let deliveries = simulate(&Scenario { seed: 7, enrollments, days: 20, until_ms: now().millis() });
    let mut lines = Vec::new();
    let mut ids = HashSet::new();
    for delivery in &deliveries {
        lines.extend(delivery.event.to_bytes());
        lines.push(b'\n');
        ids.insert((delivery.event.source, delivery.event.id));
    }
    std::fs::write(path, lines).unwrap();
    (deliveries.len() as u64, ids.len() as u64)
}

fn file_argument(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn counted(answer: &Value) -> (u64, u64, u64, u64) {
    let count = |name: &str| answer[name].as_u64().unwrap();
    (count("accepted"), count("duplicates"), count("ignored"), count("rejected"))
}

/// The path where the program stores the progress of an import.
pub fn note(folder: &Folder) -> Option<PathBuf> {
    let notes = std::fs::read_dir(folder.data().join("imports")).ok()?;
    notes.map(|note| note.unwrap().path()).find(|path| path.extension().is_some_and(|end| end == "json"))
}

async fn killed_goes_on(folder: &Folder, enrollments: usize) {
    let path = folder.beside("sample.ndjson");
    let (lines, events) = sample(&path, enrollments);
    let arguments = ["import", "contoso", file_argument(&path)];
    let mut child = folder.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the import has begun", async || note(folder)).await;
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(!status.success(), "it finished before it could be killed");

    let answer = folder.json(&arguments);
    let resumed = answer["resumedAtLine"].as_u64().unwrap();
    assert!(resumed > 0 && resumed < lines, "{answer}");
    assert_eq!(answer["lines"], lines);
    let (accepted, duplicates, ignored, rejected) = counted(&answer);
    assert_eq!((accepted + duplicates, ignored, rejected), (lines, 0, 0), "{answer}");
    // Events that were stored before it was killed, but after the last noted progress, count as known when read again.
    assert!(accepted <= events, "{answer}");
    assert_eq!(note(folder), None);

    let again = folder.json(&arguments);
    assert_eq!(counted(&again), (0, lines, 0, 0));
    assert_eq!(again["resumedAtLine"], 0);
}

#[tokio::test]
async fn a_killed_import_goes_on_where_it_was() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    killed_goes_on(&folder, 500).await;
}

#[tokio::test]
async fn a_killed_import_goes_on_beside_a_serve() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let serve = folder.serve();
    killed_goes_on(&folder, 500).await;
    assert_eq!(serve.terminate().code(), Some(0));
}

#[test]
fn a_finished_import_begins_again_and_old_events_are_not_marked() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let path = folder.beside("sample.ndjson");
    let (lines, events) = sample(&path, 60);
    let answer = folder.json(&["import", "contoso", file_argument(&path)]);
    assert_eq!(counted(&answer), (events, lines - events, 0, 0));
    let exported = folder.json(&["export", "contoso"]);
    let conn = rusqlite::Connection::open(exported["path"].as_str().unwrap()).unwrap();
    let late: i64 = conn
        .query_row("SELECT count(*) FROM attempt_timeline WHERE clock_skew LIKE '%behind%'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(late, 0, "a backfill's events are old, not late");
}

#[test]
fn refused_lines_are_named_and_stop_nothing() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let good = |number: u32| {
        enrollment(&format!("e{number}"), "enrollment.started", now(), &format!("SERIAL{number:04}")).to_string()
    };
    let mut wrong: Value = serde_json::from_str(&good(4)).unwrap();
    wrong["data"]["device"]["serialNumber"] = 12_345_678.into();
    let mut unknown: Value = serde_json::from_str(&good(5)).unwrap();
    unknown["type"] = "enrollment.danced".into();
    let lines = [
        good(1),
        "{\"specversion\": hush".to_owned(),
        String::new(),
        wrong.to_string(),
        unknown.to_string(),
        "[]".to_owned(),
        // The last line has no line end.
        good(7),
    ];
    let path = folder.beside("mixed.ndjson");
    std::fs::write(&path, lines.join("\n")).unwrap();
    let ran = folder.run(&["import", "contoso", file_argument(&path)]);
    assert!(!ran.success && ran.stderr.contains("3 lines were refused"), "{}", ran.stderr);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(counted(&answer), (2, 0, 1, 3), "{answer}");
    assert_eq!(answer["lines"], 7);
    let named: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("line ")).collect();
    assert_eq!(named.len(), 3, "{named:?}");
    assert!(named[0].starts_with("line 2:"), "{named:?}");
    assert!(named[1].starts_with("line 4: data.device.serialNumber must be a string"), "{named:?}");
    assert!(named[2].starts_with("line 6:"), "{named:?}");
    assert!(!ran.stderr.contains("hush") && !ran.stderr.contains("12345678"), "{}", ran.stderr);
}

#[test]
fn a_missing_file_or_tenant_is_an_error() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let path = folder.beside("events.ndjson");
    folder.fails(&["import", "contoso", file_argument(&path)]);
    std::fs::write(&path, "").unwrap();
    assert!(folder.fails(&["import", "nobody", file_argument(&path)]).contains("no tenant nobody"));
    assert_eq!(counted(&folder.json(&["import", "contoso", file_argument(&path)])), (0, 0, 0, 0));
}

/// Tables and answers that portals save: one sentence says what `import` reads and what the file is, and nothing is
/// stored.
#[test]
fn a_file_of_another_form_is_named() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let path = folder.beside("export");
    let event = enrollment("e1", "enrollment.started", now(), "SERIAL0001");
    for (text, looks) in [
        (
            "Date,Device name,Serial number,UPN,Status\n2026-11-25,PC1,SER12345,a@b.example,Failed\n".to_owned(),
            "a CSV export",
        ),
        ("{\n  \"@odata.context\": \"x\",\n  \"value\": []\n}\n".to_owned(), "an answer of Microsoft Graph"),
        (serde_json::json!([event]).to_string(), "a JSON array"),
        (format!("{event:#}"), "one JSON object over several lines"),
    ] {
        std::fs::write(&path, text).unwrap();
        let said = folder.fails(&["import", "contoso", file_argument(&path)]);
        assert!(said.contains("import reads CloudEvents, one JSON object a line"), "{said}");
        assert!(said.contains(&format!("this looks like {looks}")), "{said}");
        assert!(!said.contains("line 1") && !said.contains("PC1"), "{said}");
    }
    std::fs::write(&path, event.to_string()).unwrap();
    assert_eq!(counted(&folder.json(&["import", "contoso", file_argument(&path)])), (1, 0, 0, 0));
}

/// One mistake in all lines gets one sentence.
#[test]
fn the_same_mistake_is_reported_once() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let path = folder.beside("notes.txt");
    std::fs::write(&path, "nothing of it is JSON\n".repeat(1_000)).unwrap();
    let ran = folder.run(&["import", "contoso", file_argument(&path)]);
    assert!(!ran.success);
    assert_eq!(ran.stderr.matches("is not JSON").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("line 1: the line is not JSON"), "{}", ran.stderr);
    assert!(ran.stderr.contains("999 more: 2, 3, 4, 5, 6, 7, 8, 9, 10 and so on"), "{}", ran.stderr);
    assert!(ran.stderr.contains("all 1,000 lines were refused; import reads CloudEvents"), "{}", ran.stderr);
}
