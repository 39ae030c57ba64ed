//! `report query`, `report csv` and `report verify`, with valid files and with anything else that somebody may pass.

use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use vestibule_domain::Millis;
use vestibule_program_tests::{Folder, Sender, event, now, run_alone};

/// Names that a spreadsheet would run, and names that would break a table.
const NAMES: [&str; 6] =
    ["=cmd|' /C calc'!A0", "@SUM(1)", "say \"hi\", then leave", "two\nlines", "first;=1+1", "\u{1b}[31mred"];

/// A file of one attempt for each name, and its summary.
struct Made {
    folder: Folder,
    file: PathBuf,
    summary: PathBuf,
    exported: Value,
}

async fn made() -> Made {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    let sender = Sender::new(&serve.url, "contoso", &contoso.secret);
    for (number, name) in (0_u32..).zip(NAMES) {
        let data = json!({"platform": "ios", "device": {"serialNumber": format!("SERIAL{number:04}"), "name": name},
            "failure": {"code": "-2016345612"}});
        let started = now() - Millis::from_seconds(600);
        let events = json!([
            event(&format!("{number}a"), "enrollment.started", started, &data),
            event(&format!("{number}b"), "enrollment.failed", now(), &data),
        ]);
        assert_eq!(sender.post(&events).await.status, 202, "{name}");
    }
    let exported = folder.json(&["export", "contoso"]);
    let path = |member: &str| PathBuf::from(exported[member].as_str().unwrap());
    Made { file: path("path"), summary: path("summary"), exported, folder }
}

impl Made {
    /// A copy of the file, changed.
    fn copy(&self, name: &str, change: &str) -> PathBuf {
        let path = self.folder.beside(name);
        std::fs::copy(&self.file, &path).unwrap();
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(&format!("PRAGMA foreign_keys = OFF; {change}")).unwrap();
        path
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn succeeds(arguments: &[&str]) -> String {
    let ran = run_alone(arguments);
    assert!(ran.success && ran.stderr.is_empty(), "{arguments:?}: {}", ran.stderr);
    ran.stdout
}

/// The message of a failed command: one line for people, and no answer.
fn fails(arguments: &[&str]) -> String {
    let ran = run_alone(arguments);
    assert!(!ran.success && ran.stdout.is_empty(), "{arguments:?} answered {}", ran.stdout);
    one_line(arguments, &ran.stderr)
}

fn one_line(arguments: &[&str], said: &str) -> String {
    assert!(said.starts_with("vestibule: ") && said.lines().count() == 1, "{arguments:?} said {said}");
    said.to_owned()
}

fn read(answer: &str) -> Value {
    serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[tokio::test]
async fn a_file_can_be_queried_and_nothing_else() {
    let made = made().await;
    let file = text(&made.file);
    let before = std::fs::read(file).unwrap();
    let query = |sql: &str, form: &str| succeeds(&["report", "query", file, sql, form]);

    // JSON: every digit of a number, bytes in hexadecimal, no column lost.
    let sql =
        "SELECT 9223372036854775807 AS big, x'00ff' AS bytes, 0.5 AS real, NULL AS none, 'a\"b' AS text, 1 AS text";
    assert_eq!(
        query(sql, "--json").trim(),
        r#"[{"big":9223372036854775807,"bytes":"00ff","real":0.5,"none":null,"text":"a\"b","text_2":1}]"#
    );
    assert_eq!(query("SELECT 1 AS x WHERE 0", "--json").trim(), "[]");
    let rows = read(&query("SELECT attempt_no, attempt_id FROM attempts", "--json"));
    assert_eq!(rows.as_array().unwrap().len(), NAMES.len());
    assert!(rows[0]["attempt_no"].as_i64().unwrap() > 1 << 53 && rows[0]["attempt_id"].as_str().unwrap().len() == 32);

    // For people: columns are aligned, and no name breaks a line or colours the terminal.
    let table = succeeds(&["report", "query", file, "SELECT device_name, number FROM enrollment_attempts ORDER BY 1"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), NAMES.len() + 2, "{table}");
    assert!(table.contains(r"two\nlines") && table.contains(r"\u{1b}[31mred"), "{table}");
    assert!(lines.iter().all(|line| line.chars().count() == lines[0].chars().count()), "{table}");
    assert_eq!(query("SELECT 'a,b' AS x, -1 AS y, '-1' AS z", "--csv"), "x,y,z\r\n\"a,b\",-1,'-1\r\n");

    // Without a statement: all tables and views, with their rows and purpose.
    let listed = read(&succeeds(&["report", "query", file, "--json"]));
    let attempts = listed["relations"].as_array().unwrap().iter().find(|one| one["name"] == "enrollment_attempts");
    let attempts = attempts.unwrap();
    assert_eq!((&attempts["kind"], &attempts["rows"]), (&json!("view"), &json!(NAMES.len())));
    assert!(attempts["about"].is_string() && listed["tenant"] == "contoso", "{listed}");
    let words = succeeds(&["report", "query", file]);
    assert!(words.contains("enrollment_attempts") && words.contains("One row an attempt"), "{words}");
    assert!(succeeds(&["report", "query", text(&made.summary)]).contains("daily_places"));

    // Nothing can be written, attached, loaded or set.
    let elsewhere = made.folder.beside("elsewhere.sqlite");
    for statement in [
        "DELETE FROM attempts",
        "INSERT INTO words VALUES (1, 'x')",
        "DROP VIEW funnel",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x (y)",
        "PRAGMA user_version = 7",
        "PRAGMA query_only = 0",
        "PRAGMA journal_mode = WAL",
        "PRAGMA writable_schema = 1",
        "PRAGMA temp_store_directory = '/'",
        &format!("ATTACH '{}' AS other", text(&elsewhere)),
        &format!("VACUUM INTO '{}'", text(&elsewhere)),
        "VACUUM",
        "BEGIN",
        "SELECT load_extension('x')",
        "REINDEX",
        "ANALYZE",
    ] {
        let said = fails(&["report", "query", file, statement]);
        assert!(said.contains("refused") || said.contains("no rows") || said.contains("load_extension"), "{said}");
    }
    assert!(!elsewhere.exists());
    for (statement, named) in [
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT ?1", "parameters"),
        ("SELECT\nx\nFROM nowhere", "no such table: nowhere"),
        ("", "no rows"),
        ("SELEKT", "syntax error"),
    ] {
        assert!(fails(&["report", "query", file, statement]).contains(named), "{statement}");
    }
    for statement in ["PRAGMA user_version", "PRAGMA table_info(attempts)", "EXPLAIN QUERY PLAN SELECT * FROM funnel"] {
        assert!(succeeds(&["report", "query", file, statement]).lines().count() > 2, "{statement}");
    }
    assert_eq!(std::fs::read(file).unwrap(), before);
    // A name with characters that have a meaning in a URI, and a read-only folder.
    let odd = made.folder.beside("odd ?mode=rwc&x#%41.sqlite");
    std::fs::copy(file, &odd).unwrap();
    assert!(succeeds(&["report", "query", text(&odd), "SELECT count(*) AS n FROM attempts"]).contains('6'));
}

#[tokio::test]
async fn a_file_answers_its_own_questions() {
    let made = made().await;
    let file = text(&made.file);
    let ask = |name: &str, more: &[&str]| {
        let asked = ["report", "query", file, "--question", name, "--json"];
        read(&succeeds(&[&asked[..], more].concat()))
    };
    let report = ask("incomplete-enrollments", &[]);
    assert_eq!(report[0]["initiated"], json!(NAMES.len()), "{report}");
    assert_eq!(ask("incomplete-enrollments", &["--param", "os=android"])[0]["initiated"], json!(0));
    assert_eq!(ask("attempts.attempts", &["--param", "os=all"]).as_array().unwrap().len(), NAMES.len());
    // Each page goes on where the one before ended, also with other parameters.
    let (mut seen, mut cursor) = (0, None::<String>);
    loop {
        let mut more = vec!["--param", "limit=2"];
        let at = cursor.as_ref().map(|cursor| format!("cursor={cursor}"));
        more.extend(at.iter().flat_map(|at| ["--param", at.as_str()]));
        let page = ask("attempts.attempts", &more);
        let page = page.as_array().unwrap();
        seen += page.len();
        assert!(page.len() <= 2);
        let Some(next) = page.last().and_then(|row| row["next_cursor"].as_str()) else { break };
        cursor = Some(next.to_owned());
    }
    assert_eq!(seen, NAMES.len());
    // The summary has the questions that sums can answer.
    let summary = text(&made.summary);
    let of_summary = succeeds(&["report", "query", summary, "--question", "incomplete-enrollments", "--json"]);
    assert_eq!(read(&of_summary), report);
    assert!(fails(&["report", "query", summary, "--question", "attempts"]).contains("no question \"attempts\""));
    // All are listed with their parameters. An error is one line.
    let listed = read(&succeeds(&["report", "query", file, "--json"]));
    let listed = listed["questions"].as_array().unwrap();
    assert!(listed.iter().any(|one| one["name"] == "attempts" && one["parameters"]["catalogueRow"].is_string()));
    assert!(succeeds(&["report", "query", file]).contains("incomplete-enrollments.actions: "));
    for (parameter, problem) in [
        ("from=yesterday", "from: must be a date like 2026-01-31"),
        ("os=palm", "os: must be "),
        ("colour=red", "parameters known here: "),
        ("from", "--param takes NAME=VALUE"),
    ] {
        let said = fails(&["report", "query", file, "--question", "incomplete-enrollments", "--param", parameter]);
        assert!(said.contains(problem), "{said}");
    }
    // A file of the version before has no questions, and the message says how to get one that does.
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/report/tests/data/schema-3.sqlite");
    let said = fails(&["report", "query", old, "--question", "incomplete-enrollments"]);
    assert!(said.contains("vestibule export"), "{said}");
    assert!(succeeds(&["report", "query", old, "SELECT initiated FROM incomplete_rollup"]).contains('4'));
}

#[tokio::test]
async fn no_cell_of_a_csv_is_a_formula() {
    let made = made().await;
    let file = text(&made.file);
    let view = succeeds(&["report", "csv", file, "enrollment_attempts"]);
    assert!(view.starts_with("attempt_id,") && view.ends_with("\r\n"));
    for cell in [
        ",'=cmd|' /C calc'!A0,",
        ",'@SUM(1),",
        ",\"say \"\"hi\"\", then leave\",",
        ",\"two\nlines\",",
        ",first;'=1+1,",
        ",'\u{1b}[31mred,",
        ",'-2016345612,",
    ] {
        assert!(view.contains(cell), "{cell:?} is not in {view}");
    }
    // Names that no webhook accepts, and numbers, which stay numbers.
    let odd = made.copy(
        "odd.sqlite",
        "UPDATE words SET text = char(9) || 'tab' WHERE text LIKE '@SUM%';
         UPDATE words SET text = char(13) || 'return' WHERE text LIKE 'say%';
         UPDATE words SET text = '   +1' WHERE text LIKE 'two%';
         UPDATE words SET text = char(65309) || 'wide' WHERE text LIKE 'first%';
         UPDATE attempts SET number = -5",
    );
    let view = succeeds(&["report", "csv", text(&odd), "enrollment_attempts"]);
    for cell in [",'\ttab,", ",\"'\rreturn\",", ",'   +1,", ",'\u{ff1d}wide,", ",-5,"] {
        assert!(view.contains(cell), "{cell:?} is not in {view}");
    }

    // All views, one file each, with the mark that Excel looks for.
    let out = made.folder.beside("csv");
    let written = read(&succeeds(&["report", "csv", file, "--out", text(&out), "--bom", "--json"]));
    let conn = Connection::open(file).unwrap();
    let views: i64 =
        conn.query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'view'", [], |row| row.get(0)).unwrap();
    assert_eq!(written["files"].as_array().unwrap().len(), usize::try_from(views).unwrap());
    for one in written["files"].as_array().unwrap() {
        let bytes = std::fs::read(one["path"].as_str().unwrap()).unwrap();
        assert!(bytes.starts_with(b"\xef\xbb\xbf"), "{one}");
    }
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), usize::try_from(views).unwrap(), "nothing half-written");
    // Two by name, one of them a table, in any case, and one that is missing.
    let out = made.folder.beside("two");
    succeeds(&["report", "csv", file, "META", "funnel", "--out", text(&out)]);
    assert!(out.join("meta.csv").exists() && out.join("funnel.csv").exists());
    assert!(fails(&["report", "csv", file, "nothing"]).contains("no view or table nothing"));
    assert!(fails(&["report", "csv", file, "funnel", "--out", file]).contains(file));
    // A summary has tables in place of some views. All are written.
    let out = made.folder.beside("summary");
    succeeds(&["report", "csv", text(&made.summary), "--out", text(&out)]);
    assert!(out.join("funnel.csv").exists() && out.join("incomplete_by_day.csv").exists());
}

#[tokio::test]
async fn a_file_is_verified() {
    let made = made().await;
    let file = text(&made.file);
    let sha256 = made.exported["sha256"].as_str().unwrap();
    let manifest = made.folder.beside("manifest.json");
    std::fs::write(&manifest, made.exported.to_string()).unwrap();
    let reply = read(&succeeds(&[
        "report",
        "verify",
        file,
        "--sha256",
        &sha256.to_uppercase(),
        "--manifest",
        text(&manifest),
        "--json",
    ]));
    assert_eq!((&reply["ok"], &reply["kind"], &reply["sha256"]), (&json!(true), &json!("report"), &json!(sha256)));
    let names: Vec<&str> =
        reply["checks"].as_array().unwrap().iter().map(|check| check["check"].as_str().unwrap()).collect();
    assert_eq!(names, ["sha256", "manifest", "header", "sqlite", "rows", "types", "schema", "sums"]);
    assert_eq!(reply["checks"][0]["found"], format!("the SHA-256 is \"{sha256}\""));
    assert!(succeeds(&["report", "verify", file]).contains("every value of"));
    assert!(succeeds(&["report", "verify", text(&made.summary)]).contains("summary of contoso"));

    // Each change is found by the check that is made for it, and no later check is shown as passed.
    let bytes = std::fs::read(file).unwrap();
    let written = |name: &str, bytes: &[u8]| {
        let path = made.folder.beside(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let page = |from: usize| [&bytes[..from], &vec![0x5a; 8_192], &bytes[from + 8_192..]].concat();
    for (path, check, named) in [
        (made.copy("gone.sqlite", "DELETE FROM failure_advice; DELETE FROM failures"), "rows", "failures has 0 rows"),
        (made.copy("fewer.sqlite", "DELETE FROM enrollments; VACUUM"), "sqlite", "foreign_key_check"),
        (made.copy("typed.sqlite", "UPDATE attempts SET deadline = 'soon'"), "types", "attempts.deadline"),
        (made.copy("untyped.sqlite", "CREATE TABLE x (y); INSERT INTO meta VALUES ('rows.x', '0')"), "types", "x.y"),
        (made.copy("more.sqlite", "CREATE TABLE x (y INTEGER)"), "rows", "meta says nothing"),
        (made.copy("less.sqlite", "INSERT INTO meta VALUES ('rows.x', '0')"), "rows", "is missing"),
        (
            made.copy("free.sqlite", "CREATE TABLE x (y); INSERT INTO x SELECT text FROM words; DROP TABLE x"),
            "sqlite",
            "freelist_count",
        ),
        (made.copy("sums.sqlite", "UPDATE daily_totals SET abandoned = abandoned + 1"), "sums", "daily_totals"),
        (
            made.copy("view.sqlite", "DROP VIEW status_summary; CREATE VIEW status_summary AS SELECT 1 AS devices"),
            "schema",
            "its view status_summary",
        ),
        (made.copy("seen.sqlite", "CREATE VIEW mine AS SELECT 1 AS x"), "schema", "a view mine"),
        (made.copy("gone-view.sqlite", "DROP VIEW status_summary"), "schema", "view status_summary is missing"),
        (
            made.copy("trigger.sqlite", "CREATE TRIGGER mine AFTER INSERT ON words BEGIN SELECT 1; END"),
            "schema",
            "a trigger mine",
        ),
        (made.copy("index.sqlite", "DROP INDEX attempts_by_id; VACUUM"), "schema", "index attempts_by_id"),
        (
            made.copy("asked.sqlite", "UPDATE questions SET sql = 'SELECT 1 AS x' WHERE name = 'limbo'; VACUUM"),
            "schema",
            "limbo",
        ),
        (made.copy("version.sqlite", "PRAGMA user_version = 99"), "header", "user_version is 99"),
        (made.copy("foreign.sqlite", "PRAGMA application_id = 7"), "header", "not one of Vestibule's"),
        (written("page.sqlite", &page(8_192 * 3)), "sqlite", ""),
        (written("short.sqlite", &bytes[..bytes.len() / 2]), "header", "cut off"),
        (written("long.sqlite", &[&bytes[..], b"more"].concat()), "header", "added to"),
        (written("begun.sqlite", &bytes[..50]), "header", "not a SQLite file"),
    ] {
        let arguments = ["report", "verify", text(&path), "--json"];
        let ran = run_alone(&arguments);
        assert!(!ran.success, "{arguments:?}");
        let said = one_line(&arguments, &ran.stderr);
        assert!(said.contains(named), "{said}");
        let reply = read(&ran.stdout);
        let checks = reply["checks"].as_array().unwrap();
        let last = checks.last().unwrap();
        // Types are also checked if rows are wrong.
        let found = checks.iter().find(|check| check["ok"] == false).unwrap();
        assert_eq!((&reply["ok"], &found["check"]), (&json!(false), &json!(check)), "{reply}");
        assert!(found["found"].as_str().unwrap().contains(named), "{reply}");
        assert!(last == found || check == "rows", "{reply}");
    }
    let wrong = run_alone(&["report", "verify", file, "--sha256", &"0".repeat(64)]);
    assert!(!wrong.success && wrong.stdout.contains("FAILED  sha256"), "{}", wrong.stdout);
    let other = run_alone(&["report", "verify", text(&made.summary), "--manifest", text(&manifest)]);
    assert!(!other.success && other.stderr.contains("manifest"), "{}", other.stderr);
    assert!(fails(&["report", "verify", file, "--sha256", "abc"]).contains("64 hexadecimal"));
    assert!(fails(&["report", "verify", file, "--manifest", file]).contains("not JSON"));
}

#[tokio::test]
async fn a_view_without_an_end_has_one() {
    let made = made().await;
    let endless =
        "CREATE VIEW endless AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n";
    let path = made.copy("endless.sqlite", endless);
    let stopped = |more: &[&str], option: &str| {
        let arguments = [&["report"][..], more].concat();
        let ran = run_alone(&arguments);
        assert!(!ran.success, "{arguments:?} ended well");
        let said = one_line(&arguments, &ran.stderr);
        assert!(said.contains("stopped after") && said.contains(option), "{arguments:?}: {said}");
        ran.stdout
    };
    let file = text(&path);
    for form in [&[][..], &["--json"], &["--csv"]] {
        let rows = [&["query", file, "SELECT * FROM endless", "--max-rows", "1500"][..], form].concat();
        assert!(stopped(&rows, "--max-rows").lines().count() >= 1_500, "what was read is shown");
        let time = [&["query", file, "SELECT count(*) AS n FROM endless", "--max-seconds", "1"][..], form].concat();
        stopped(&time, "--max-seconds");
    }
    stopped(&["query", file, "--max-seconds", "1"], "--max-seconds");
    stopped(&["csv", file, "endless", "--max-rows", "10"], "--max-rows");
    let out = made.folder.beside("endless-csv");
    stopped(&["csv", file, "endless", "--max-rows", "10", "--out", text(&out)], "--max-rows");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0, "half a file is none");
    let all = succeeds(&["report", "query", file, "SELECT number FROM attempts", "--max-rows", "6", "--csv"]);
    assert_eq!(all.lines().count(), 7, "as many as there may be is not too many");
    let all =
        ["report", "query", file, "SELECT number FROM attempts", "--max-rows", "0", "--max-seconds", "0", "--csv"];
    assert_eq!(succeeds(&all).lines().count(), 7);
}

#[tokio::test]
async fn any_other_file_gets_an_error_of_one_line() {
    let made = made().await;
    let folder = &made.folder;
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.beside(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let good = std::fs::read(&made.file).unwrap();
    // Files that look like ours but are not: our header alone, and the header with what encryption would leave.
    let junk: Vec<u8> = (0..good.len()).map(|at| u8::try_from(at * at % 251).unwrap()).collect();
    let headed = [&good[..100], &junk[100..]].concat();
    let foreign = folder.beside("foreign.sqlite");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE x (y); INSERT INTO x VALUES (1)").unwrap();
    // A schema with a name that is not UTF-8 text, as it could be for a column.
    let unnamed = made.copy("unnamed.sqlite", "CREATE VIEW odd AS SELECT 1 AS qqqqqq");
    let mut bytes = std::fs::read(&unnamed).unwrap();
    let at = bytes.windows(6).position(|six| six == b"qqqqqq").unwrap();
    bytes[at..at + 6].fill(0xff);
    for (path, named) in [
        (folder.beside("nothing"), "no such file"),
        (folder.data(), "is a folder"),
        (file("empty", b""), "is empty"),
        (file("text", b"attempt_id,outcome\n1,completed\n"), "not a SQLite file"),
        (file("junk", &junk), "not a SQLite file"),
        (file("headed", &headed), ""),
        (file("half", &good[..good.len() / 2]), "cut off"),
        (foreign, "not one of Vestibule's"),
        (file("unnamed", &bytes), "not text"),
    ] {
        let path = text(&path);
        for arguments in [
            &["report", "query", path][..],
            &["report", "query", path, "SELECT * FROM enrollment_attempts"],
            &["report", "query", path, "SELECT * FROM odd", "--json"],
            &["report", "csv", path, "enrollment_attempts"],
            &["report", "csv", path, "--out", text(&folder.beside("out"))],
        ] {
            assert!(fails(arguments).contains(named), "{arguments:?}");
        }
        let arguments = ["report", "verify", path];
        let ran = run_alone(&arguments);
        assert!(!ran.success, "{arguments:?}");
        assert!(one_line(&arguments, &ran.stderr).contains(named), "{}", ran.stderr);
    }
    // With any byte changed, the result is an answer or an error of one line.
    for at in (0..good.len()).step_by(good.len() / 20) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        let path = file("changed", &bytes);
        for arguments in [
            &["report", "verify", text(&path)][..],
            &["report", "query", text(&path)],
            &["report", "csv", text(&path), "enrollment_attempts"],
        ] {
            let ran = run_alone(arguments);
            assert!(ran.success == ran.stderr.is_empty(), "{at}: {arguments:?}: {}", ran.stderr);
            assert!(ran.stderr.lines().count() <= 1, "{at}: {arguments:?}: {}", ran.stderr);
        }
    }
}
