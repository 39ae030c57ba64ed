//! The summary: what it answers, what it contains and must not contain, how large it becomes.

use crate::common;

use common::{about, annotations, at, build, changes, context, event, step, tenant, world};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use vestibule_domain::event::Step;
use vestibule_domain::failure::Failure;
use vestibule_domain::{Action, Event, History, Kind, Millis, Place, Platform, Section, TenantSettings};
use vestibule_report::reader::{AttemptFilter, EspSessionFilter};
use vestibule_report::{
    Change, Error, Published, Reader, SUMMARY_VERSION, Working, check, check_summary, hash, summarise,
};

const AS_OF: &str = "2026-03-20T02:00:00Z";

/// A report file and its summary.
fn files(folder: &Path, seed: u64) -> (PathBuf, PathBuf, Published) {
    let settings = TenantSettings { time_zone: chrono_tz::America::New_York, ..TenantSettings::default() };
    let (tenant, as_of) = (tenant(), at(AS_OF));
    let all = changes(&world(seed, 500, at("2026-02-15T00:00:00Z"), as_of), as_of);
    let (report, summary) = (folder.join("report.sqlite"), folder.join("summary.sqlite"));
    let mut working = build(&folder.join("working"), &context(&tenant, &settings), &all, as_of);
    working.set_annotations(&annotations(&[("2026-03-10", "Terms of use changed")]));
    working.refresh(as_of).unwrap().finish().unwrap();
    working.publish(&report, None).unwrap();
    let published = summarise(&report, &summary).unwrap();
    (report, summary, published)
}

fn strings(conn: &Connection, sql: &str) -> Vec<String> {
    let mut query = conn.prepare(sql).unwrap();
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn number(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_summary_gives_the_answers_of_its_file() {
    for seed in [21, 22] {
        let folder = tempfile::tempdir().unwrap();
        let (report, summary, _) = files(folder.path(), seed);
        let (file, short) = (Reader::open(&report).unwrap(), Reader::open_summary(&summary).unwrap());
        assert!(short.is_summary() && !file.is_summary());
        assert_eq!(short.as_of(), file.as_of());
        assert_eq!(
            (short.window().unwrap(), short.time_zone().unwrap()),
            (file.window().unwrap(), file.time_zone().unwrap())
        );
        assert_eq!(short.status().unwrap(), file.status().unwrap());
        let (from, to) = file.window().unwrap();
        for (first, last) in [(from, to), (to.plus(-14), to), (from.plus(3), from.plus(4)), (from.plus(-9), to.plus(2))]
        {
            for os in [None, Some(Platform::Ios), Some(Platform::Android), Some(Platform::Windows)] {
                assert_eq!(short.coverage(first, last, os).unwrap(), file.coverage(first, last, os).unwrap());
                for section in [None, Some(Section::PlatformScreens)] {
                    let shown = short.incomplete(first, last, os, section).unwrap();
                    let mut expected = file.incomplete(first, last, os, section).unwrap();
                    // A summary does not have the sums that medians are computed from.
                    if (first, last, os) != (from, to, None) {
                        expected.funnel.iter_mut().for_each(|step| step.median_seconds = None);
                    }
                    assert_eq!(shown, expected, "{first} {last} {os:?} {section:?}");
                    assert!(first != from || shown.funnel.iter().any(|step| step.entered > Some(0)));
                }
            }
            let count = |reader: &Reader| -> u64 {
                let reasons = reader.failure_reasons(first, last, None, 1_000).unwrap();
                reasons.iter().map(|reason| reason.count).sum()
            };
            assert_eq!(count(&short), count(&file));
        }
    }
}

#[test]
fn questions_that_need_facts_are_not_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (report, summary, _) = files(folder.path(), 23);
    let short = Reader::open_summary(&summary).unwrap();
    let (from, to) = short.window().unwrap();
    let asked = [
        short.attempts(&AttemptFilter::default(), None, 10).map(drop),
        short.attempt(vestibule_domain::AttemptId::parse(&"0".repeat(32)).unwrap()).map(drop),
        short.active(None, 10).map(drop),
        short.failures(from, to, None, 10).map(drop),
        short.esp_overview(from, to, 10).map(drop),
        short.esp_sessions("sn00000001").map(drop),
        short.esp_session_page(&EspSessionFilter::default(), None, 10).map(drop),
    ];
    assert!(asked.iter().all(|answer| matches!(answer, Err(Error::NotInSummary))), "{asked:?}");
    // A summary does not open as a file, nor a file as a summary.
    assert!(matches!(Reader::open(&summary), Err(Error::ForeignFile)));
    assert!(matches!(Reader::open_summary(&report), Err(Error::ForeignFile)));
    assert!(matches!(summarise(&summary, &folder.path().join("again")), Err(Error::ForeignFile)));
    assert!(check(&summary).is_err() && check_summary(&report).is_err());
    let (tenant, settings) = (tenant(), TenantSettings::default());
    assert!(Working::open(&summary, &context(&tenant, &settings)).unwrap().is_none());
}

#[test]
fn a_summary_is_complete_plain_and_documented() {
    let folder = tempfile::tempdir().unwrap();
    let (report, summary, published) = files(folder.path(), 24);
    check_summary(&summary).unwrap();
    assert_eq!(hash(&summary).unwrap(), (published.sha256.clone(), published.size_bytes));
    assert_eq!(published.schema_version, SUMMARY_VERSION);
    let again = summarise(&report, &folder.path().join("again")).unwrap();
    assert_eq!(again.sha256, published.sha256, "the same file gives the same bytes");
    assert!(!folder.path().join("summary.sqlite.partial").exists());

    let (file, short) = (Connection::open(&report).unwrap(), Connection::open(&summary).unwrap());
    assert_eq!(number(&short, "PRAGMA freelist_count"), 0);
    assert_eq!(strings(&short, "PRAGMA journal_mode"), ["delete"]);
    let said = |key: &str| strings(&short, &format!("SELECT value FROM meta WHERE key = '{key}'"));
    assert_eq!(said("kind"), ["summary"]);
    assert_eq!(said("reportSha256"), [hash(&report).unwrap().0]);
    assert!(said("salt").is_empty() && said("definition.attempt").len() == 1);
    let views = "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name";
    assert_eq!(
        strings(&short, views),
        [
            "advice_by_code",
            "advice_for_reasons",
            "annotation_list",
            "attempts_by_day",
            "coverage_by_day",
            "coverage_by_source",
            "daily_incomplete",
            "esp_by_day",
            "esp_stuck_by_day",
            "failure_reasons",
            "failures_by_day",
            "first_time_right",
            "funnel_by_day",
            "incomplete_by_action",
            "incomplete_by_day",
            "incomplete_by_section_and_day",
            "incomplete_detail",
            "incomplete_of_all_platforms",
            "incomplete_rollup",
            "incomplete_without_row",
            "platform_steps",
            "status_by_platform",
            "status_summary",
            "steps_by_day",
        ]
    );
    // Every table and view is also in the file, with the same columns in the same order.
    let columns = "SELECT s.name || '.' || c.cid || '.' || c.name FROM sqlite_schema s, pragma_table_info(s.name) c
                   WHERE s.name NOT LIKE 'sqlite_%' AND s.type IN ('table', 'view') ORDER BY 1";
    let all = strings(&file, columns);
    let held = strings(&short, columns);
    let new: BTreeSet<&str> =
        held.iter().filter(|column| !all.contains(column)).map(|column| column.split('.').next().unwrap()).collect();
    assert_eq!(Vec::from_iter(new), ["daily_places", "incomplete_places"]);
    assert_eq!(number(&short, "SELECT count(*) FROM column_docs"), i64::try_from(held.len()).unwrap());
    let mut docs = short.prepare("SELECT table_name, column_name, type, meaning FROM column_docs").unwrap();
    let mut rows = docs.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let [table, column, declared, meaning]: [String; 4] = [0, 1, 2, 3].map(|at| row.get(at).unwrap());
        assert!(!meaning.is_empty(), "{table}.{column}");
        let wrong = format!(
            "SELECT DISTINCT typeof({column}) FROM {table} WHERE typeof({column}) NOT IN (lower('{declared}'), 'null')"
        );
        assert_eq!(strings(&short, &wrong), [""; 0], "{table}.{column} is {declared}");
    }
    for line in include_str!("../../src/publish/summary_docs.tsv").lines() {
        let [column, _, meaning]: [&str; 3] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let described = format!("SELECT meaning FROM column_docs WHERE table_name || '.' || column_name = '{column}'");
        assert_eq!(strings(&short, &described), [meaning], "{column}");
    }
    for table in strings(&short, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'") {
        let rows = number(&short, &format!("SELECT count(*) FROM {table}"));
        assert_eq!(said(&format!("rows.{table}")), [rows.to_string()]);
        assert!(rows > 0, "{table} is empty: the test shows nothing of it");
    }
    let unused = "SELECT text FROM words WHERE id <> 0 AND id NOT IN (
                    SELECT code_word FROM daily_failures UNION SELECT reason_word FROM daily_failures
                    UNION SELECT source_word FROM coverage
                    UNION SELECT profile_id_word FROM esp_daily WHERE profile_id_word IS NOT NULL)";
    assert_eq!(strings(&short, unused), [""; 0]);
    // The Enrollment Status Page's numbers equal the file's.
    for view in ["esp_by_day", "esp_stuck_by_day", "esp_by_profile", "esp_by_phase_and_profile", "esp_apps", "funnel"] {
        let rows = |conn: &Connection| {
            let mut query = conn.prepare(&format!("SELECT * FROM {view}")).unwrap();
            let count = query.column_count();
            let rows = query.query_map([], |row| {
                let cells = (0..count).map(|at| row.get::<_, rusqlite::types::Value>(at).unwrap());
                Ok(cells.map(|cell| format!("{cell:?}")).collect::<Vec<_>>().join("|"))
            });
            let mut rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
            rows.sort();
            rows
        };
        assert_eq!(rows(&short), rows(&file), "{view}");
    }
}

fn change(item: &str, events: impl IntoIterator<Item = Event>) -> Change {
    let mut history = History::default();
    for event in events {
        history.add(event);
    }
    Change { item: item.to_owned(), version: history.len() as u64, history, expires_at: None }
}

#[test]
fn no_person_is_in_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    let (_, summary, _) = files(folder.path(), 25);
    let bytes = std::fs::read(&summary).unwrap();
    let found = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    for secret in ["contoso.example", "DEVICE-", "fault at person", "sn0000", "SN0000", "Maker 1", "item-1", "session-"]
    {
        assert!(!found(&bytes, secret), "{secret}");
    }

    // These senders put people's names into codes, reasons and steps.
    let start = at("2026-03-18T10:00:00Z");
    let fail = |number: u64, action: &str, code: Option<&str>, reason: Option<&str>| {
        let failure = Failure {
            code: code.map(str::to_owned),
            reason: reason.map(str::to_owned),
            message: Some("Grace Hopper called".to_owned()),
            category: None,
        };
        let place = Some(Place::new(Some(Section::SetupChecklist), Action::read(action), None));
        let failed = Step { place, failure: Some(failure), ..step(Kind::Failed) };
        let time = start + Millis::from_minutes(i64::try_from(number).unwrap());
        change(&number.to_string(), [event(format!("e{number}"), time, 0, about(number, Platform::Ios), failed)])
    };
    let changes = [
        fail(1, "Compliance", Some("0x801C0003"), Some("Device limit exceeded")),
        fail(2, "Compliance", Some("-2145648637"), Some("Ada Lovelace has too many")),
        fail(3, "Compliance", Some("0x801c0003"), Some("ada@contoso.example")),
        fail(4, "Compliance", Some("DESKTOP-ADA 1"), Some("network timeout")),
        fail(5, "Ada's own step", Some("SyncFailed"), None),
        fail(6, "OwnStep", None, Some("Ada's device limit exceeded")),
    ];
    let (tenant, settings) = (tenant(), TenantSettings::default());
    let (report, summary) = (folder.path().join("r"), folder.path().join("s"));
    build(&folder.path().join("w"), &context(&tenant, &settings), &changes, at(AS_OF)).publish(&report, None).unwrap();
    summarise(&report, &summary).unwrap();
    let bytes = std::fs::read(&summary).unwrap();
    for secret in ["Ada", "ada@", "ada", "Grace", "DESKTOP"] {
        // A match inside a word, as in "Canada" or "adapter", comes from the catalogue.
        let word = |at: usize| !bytes.get(at).is_some_and(u8::is_ascii_alphabetic);
        let mut places = bytes.windows(secret.len()).enumerate().filter(|(_, window)| *window == secret.as_bytes());
        let alone = places.find(|(at, _)| (*at == 0 || word(at - 1)) && word(at + secret.len()));
        assert_eq!(alone, None, "{secret}");
    }
    let conn = Connection::open(&summary).unwrap();
    let reasons =
        "SELECT coalesce(code, '-') || '|' || coalesce(reason, '-') || '|' || failed FROM failure_reasons ORDER BY 1";
    assert_eq!(
        strings(&conn, reasons),
        ["-|-|1", "-|network timeout|1", "0x801c0003|-|2", "0x801c0003|Device limit exceeded|1", "syncfailed|-|1"]
    );
    let places = "SELECT coalesce(section, '-') || ' ' || coalesce(action, '-') || ' ' || sum(failed)
                  FROM incomplete_detail GROUP BY section, action ORDER BY 1";
    assert_eq!(
        strings(&conn, places),
        ["complianceActivation Compliance 4", "setupChecklist - 1", "setupChecklist OwnStep 1"]
    );
    // Advice stays: by the reason if the summary has it, by the code if the reason was left out.
    let reader = Reader::open_summary(&summary).unwrap();
    let (from, to) = reader.window().unwrap();
    for reason in reader.failure_reasons(from, to, None, 10).unwrap() {
        let known = reason.code.as_deref() == Some("0x801c0003") || reason.reason.is_some();
        assert_eq!(!reason.advice.is_empty(), known, "{reason:?}");
    }
}

/// Sums as of a million attempts in ninety days: each has as many rows, and numbers as large, as so many attempts can
/// give. Everything else is as in any other file.
#[test]
fn ninety_days_of_a_million_attempts_are_small() {
    let settings = TenantSettings { retention_days: 90, ..TenantSettings::default() };
    let (tenant, folder, as_of) = (tenant(), tempfile::tempdir().unwrap(), at(AS_OF));
    let all = changes(&world(6, 3_000, at("2025-12-21T00:00:00Z"), as_of), as_of);
    let (report, summary) = (folder.path().join("r"), folder.path().join("s"));
    build(&folder.path().join("w"), &context(&tenant, &settings), &all, as_of).publish(&report, None).unwrap();
    let conn = Connection::open(&report).unwrap();
    // Different places, failures and steps a day: some more than the demonstration's sample has.
    let last = number(&conn, "SELECT max(day) FROM days");
    for (table, keys, cells, sums) in [
        (
            "daily_totals",
            "platform_id, platform_label_id",
            6,
            "1850, 1200, 400, 250, 0, 1850, 400, 1850, 1850, 1200, 1200, 1200 * 600000",
        ),
        (
            "coverage",
            "platform_id, source_word, starts, steps, stops, failures, ends, compliance, device_time",
            8,
            "900, 900, 900",
        ),
        (
            "daily_incomplete",
            "platform_id, section_id, action_id, cause_id, catalogue_row, limit_minutes, place_reported",
            160,
            "60, 0, 60",
        ),
        ("daily_failures", "platform_id, subject_id, code_word, reason_word, category_id", 70, "1 + day * 17 % 40"),
        ("daily_steps", "platform_id, action_id", 24, "4000, 3000, 500, 20, 40, 10, 90, 30"),
    ] {
        conn.execute_batch(&format!(
            "CREATE TEMP TABLE cells AS SELECT {keys} FROM {table} GROUP BY {keys} ORDER BY count(*) DESC LIMIT {cells};
             DELETE FROM {table};
             INSERT INTO {table} SELECT day, c.*, {sums} FROM days CROSS JOIN cells c;
             DROP TABLE cells;"
        ))
        .unwrap();
        assert_eq!(number(&conn, &format!("SELECT count(*) FROM {table}")), 91 * cells);
    }
    // Enrollment Status Page sessions under each profile in each deployment mode on every day.
    conn.execute_batch(
        "PRAGMA foreign_keys = OFF;
         CREATE TEMP TABLE some AS SELECT * FROM esp_sessions GROUP BY profile_id_word, deployment_mode_id;
         DELETE FROM esp_sessions;",
    )
    .unwrap();
    let sessions = number(&conn, "SELECT count(*) FROM some");
    for day in last - 90..=last {
        let on = format!("UPDATE some SET started_day = {day}, session_no = {day} * 1000 + rowid");
        conn.execute_batch(&format!("{on}; INSERT INTO esp_sessions SELECT * FROM some")).unwrap();
    }
    assert!(sessions > 16, "{sessions}");
    drop(conn);
    let published = summarise(&report, &summary).unwrap();
    let conn = Connection::open(&summary).unwrap();
    assert_eq!(number(&conn, "SELECT sum(initiated) FROM daily_totals"), 91 * 6 * 1_850);
    assert_eq!(number(&conn, "SELECT count(*) FROM esp_daily"), 91 * sessions);
    let tables = "SELECT name || ' ' || sum(pgsize) FROM dbstat GROUP BY name ORDER BY sum(pgsize) DESC LIMIT 9";
    // At most 680 kilobytes; the sums of failures grow with the codes that the catalogue names, and the statements of the
    // questions are a sixth of it.
    assert!(published.size_bytes < 680 * 1_024, "{} bytes: {:?}", published.size_bytes, strings(&conn, tables));
}
