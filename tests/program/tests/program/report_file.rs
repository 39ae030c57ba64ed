//! The report file as its readers see it.

use rusqlite::{Connection, types::Value};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use vestibule_domain::{Cause, Outcome};
use vestibule_model::ROWS;
use vestibule_program_tests::Folder;

/// The columns that scripts rely on.
const COLUMNS: [&str; 16] = [
    "attempt_id",
    "enrollment_key",
    "device_name",
    "user_principal_name",
    "platform",
    "os_version",
    "enrollment_type",
    "started_at",
    "ended_at",
    "outcome",
    "cause",
    "section",
    "action",
    "catalogue_row",
    "failure_code",
    "failure_reason",
];
const SECTIONS: [&str; 4] = ["complianceActivation", "platformScreens", "setupChecklist", "termsOfUse"];

#[test]
fn the_demonstrations_file() {
    let folder = Folder::new();
    let printed = folder.json(&["demo", "--listen", "127.0.0.1:0", "--exit", "--enrollments", "220"]);
    let path = printed["path"].as_str().unwrap();
    let conn = Connection::open(path).unwrap();
    has_the_columns_and_formats(&conn);
    has_every_row_outcome_and_cause(&conn);
    is_complete_and_describes_itself(&conn, &printed);
    can_be_read_by_others(Path::new(path), &conn);
    twice_gives_the_same_rows(&folder);
}

fn texts(conn: &Connection, sql: &str) -> BTreeSet<String> {
    let mut rows = conn.prepare(sql).unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn count(conn: &Connection, sql: &str) -> u64 {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`
fn is_time(text: &str) -> bool {
    let form = "dddd-dd-ddTdd:dd:dd.dddZ";
    text.len() == form.len()
        && text.chars().zip(form.chars()).all(|(c, f)| if f == 'd' { c.is_ascii_digit() } else { c == f })
}

fn has_the_columns_and_formats(conn: &Connection) {
    let view = conn.prepare("SELECT * FROM enrollment_attempts").unwrap();
    let names = view.column_names();
    for column in COLUMNS {
        assert!(names.contains(&column), "{column} is missing");
    }
    drop(view);
    for column in COLUMNS.iter().filter(|column| **column != "catalogue_row") {
        let odd = format!(
            "SELECT count(*) FROM enrollment_attempts WHERE typeof({column}) NOT IN ('text', 'null') OR {column} = ''"
        );
        assert_eq!(count(conn, &odd), 0, "{column}");
    }
    for always in ["attempt_id", "enrollment_key", "started_at", "outcome"] {
        assert_eq!(
            count(conn, &format!("SELECT count(*) FROM enrollment_attempts WHERE {always} IS NULL")),
            0,
            "{always}"
        );
    }
    assert_eq!(
        count(conn, "SELECT count(DISTINCT attempt_id) FROM enrollment_attempts"),
        count(conn, "SELECT count(*) FROM attempts")
    );
    for column in ["started_at", "ended_at"] {
        let times =
            texts(conn, &format!("SELECT DISTINCT {column} FROM enrollment_attempts WHERE {column} IS NOT NULL"));
        assert!(times.len() > 100);
        assert!(times.iter().all(|time| is_time(time)), "{column}");
    }
    // A column is NULL exactly if there is no value.
    for (rule, odd) in [
        ("an open attempt has no end", "(ended_at IS NULL) <> (outcome = 'inProgress')"),
        ("exactly the abandoned have a cause", "(cause IS NOT NULL) <> (outcome = 'abandoned')"),
        ("the completed stopped nowhere", "outcome = 'completed' AND coalesce(section, action, screen) IS NOT NULL"),
        (
            "all others have a place if a sender reported screens",
            "outcome <> 'completed' AND action IS NULL AND attempt_no IN (SELECT attempt_no FROM attempt_steps)",
        ),
        (
            "only the abandoned of two platforms have rows",
            "catalogue_row IS NOT NULL AND (outcome <> 'abandoned' OR platform NOT IN ('ios', 'android'))",
        ),
        ("no end is before its start", "ended_at < started_at"),
    ] {
        assert_eq!(count(conn, &format!("SELECT count(*) FROM enrollment_attempts WHERE {odd}")), 0, "{rule}");
    }
}

fn has_every_row_outcome_and_cause(conn: &Connection) {
    let all = |column: &str| {
        texts(
            conn,
            &format!("SELECT DISTINCT CAST({column} AS TEXT) FROM enrollment_attempts WHERE {column} IS NOT NULL"),
        )
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(all("outcome"), Outcome::ALL.iter().map(|outcome| outcome.name().to_owned()).collect());
    assert_eq!(all("cause"), Cause::ALL.iter().map(|cause| cause.name().to_owned()).collect());
    let sections = set(&SECTIONS).into_iter().chain(["enrollmentStatusPage".to_owned()]);
    assert_eq!(all("section"), sections.collect());
    assert_eq!(all("platform"), set(&["android", "ios", "macos", "windows"]));
    assert_eq!(all("catalogue_row"), ROWS.iter().map(|row| row.number.to_string()).collect());
}

fn is_complete_and_describes_itself(conn: &Connection, printed: &Json) {
    let text = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    assert!(!conn.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap());
    assert_eq!(text("SELECT value FROM meta WHERE key = 'tenant'"), printed["tenant"].as_str().unwrap());
    assert!(is_time(&text("SELECT value FROM meta WHERE key = 'asOf'")));
    // It contains no secrets, and no other members of the events.
    for table in ["meta", "words"] {
        let mut rows = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                if let Value::Text(text) = row.get(column).unwrap() {
                    assert!(!text.contains("whsec_") && text != printed["token"].as_str().unwrap());
                }
            }
        }
    }
    // The late events changed something, and the file says what.
    assert!(printed["corrections"].as_u64().unwrap() > 0);
    assert_eq!(count(conn, "SELECT count(*) FROM attempt_corrections"), printed["corrections"].as_u64().unwrap());
}

/// Every view can be read by our SQLite and by the `sqlite3` of this machine, if it has one.
fn can_be_read_by_others(path: &Path, conn: &Connection) {
    let views = texts(conn, "SELECT name FROM sqlite_schema WHERE type = 'view'");
    assert!(views.len() >= 15, "{views:?}");
    let installed = Command::new("sqlite3").arg("-version").output().is_ok_and(|output| output.status.success());
    for view in &views {
        let rows = count(conn, &format!("SELECT count(*) FROM (SELECT * FROM {view})"));
        if installed {
            let sql = format!("SELECT count(*) FROM (SELECT * FROM {view});");
            let output = Command::new("sqlite3").arg("-readonly").arg(path).arg(&sql).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && said.is_empty(), "{view}: {said}");
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), rows.to_string(), "{view}");
        }
    }
}

/// A later file of the same events has the same rows, unless a limit passed between the two.
fn twice_gives_the_same_rows(folder: &Folder) {
    for _ in 0..5 {
        let (first, second) = (folder.json(&["export", "contoso"]), folder.json(&["export", "contoso"]));
        let open = |exported: &Json| Connection::open(exported["path"].as_str().unwrap()).unwrap();
        let (one, other) = (open(&first), open(&second));
        let text = |exported: &Json| exported["asOf"].as_str().unwrap().to_owned();
        let (from, to) = (text(&first), text(&second));
        assert!(from < to);
        let millis =
            |conn: &Connection| count(conn, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'asOfMillis'");
        let (began, ended) = (millis(&one), millis(&other));
        let passed = |table: &str| {
            count(&one, &format!("SELECT count(*) FROM {table} WHERE deadline >= {began} AND deadline < {ended}"))
        };
        if passed("attempts") + passed("esp_sessions") + passed("refresh_state") > 0 || from[..10] != to[..10] {
            continue;
        }
        let tables = texts(&one, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
        for table in tables.iter().filter(|table| !["meta", "corrections"].contains(&table.as_str())) {
            assert_eq!(rows(&one, table), rows(&other, table), "{table}");
        }
        assert_eq!(count(&other, "SELECT count(*) FROM corrections"), 0);
        assert_eq!((&first["rows"]["attempts"], &second["corrections"]), (&second["rows"]["attempts"], &Json::from(0)));
        return;
    }
    panic!("a limit passed between two files five times running");
}

fn rows(conn: &Connection, table: &str) -> Vec<Vec<Value>> {
    let mut rows = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let columns = rows.column_count();
    let rows = rows.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}
