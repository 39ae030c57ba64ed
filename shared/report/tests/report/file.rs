//! The file itself: types, documentation, keys, sums, corrections, people.

use crate::common;

use common::{about, at, build, changes, context, event, step, tenant, world};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use vestibule_domain::catalogue::ROWS;
use vestibule_domain::esp::AppNames;
use vestibule_domain::failure::Failure;
use vestibule_domain::web_enrollment::{CountedSteps, WebDays};
use vestibule_domain::{Action, Event, History, Kind, Millis, Place, Platform, TenantSettings, Timestamp};
use vestibule_report::{Change, Error, Reader, Working, check, pseudonym};

const AS_OF: &str = "2026-03-20T02:00:00Z";

fn file(folder: &Path, settings: &TenantSettings) -> PathBuf {
    let (tenant, as_of) = (tenant(), at(AS_OF));
    let all = changes(&world(3, 400, at("2026-02-25T00:00:00Z"), as_of), as_of);
    let out = folder.join("report.sqlite");
    let mut working = build(&folder.join("working"), &context(&tenant, settings), &all, as_of);
    let steps = CountedSteps::from_bits(3).unwrap();
    let yesterday = as_of.day(settings.time_zone).plus(-1);
    working.set_web_days(&WebDays::from([(yesterday, [((Platform::Ios, steps), 4)].into())]));
    let mut names = AppNames::default();
    assert!(names.insert("app-1", "Contoso VPN"));
    working.set_app_names(&Arc::new(names));
    working.set_annotations(&common::annotations(&[("2026-03-10", "Terms of use changed")]));
    working.refresh(as_of).unwrap().finish().unwrap();
    working.publish(&out, None).unwrap();
    out
}

fn strings(conn: &Connection, sql: &str) -> Vec<String> {
    let mut query = conn.prepare(sql).unwrap();
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn number(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Publishing a file that was only ever added to does not look for texts that are no longer needed, so none may be there.
#[test]
fn a_new_file_has_no_text_that_no_row_refers_to() {
    // With the shorter retention, attempts, sessions and failures of the sample are before the window.
    for retention_days in [TenantSettings::default().retention_days, 9] {
        let settings = TenantSettings { retention_days, ..TenantSettings::default() };
        let folder = tempfile::tempdir().unwrap();
        let (tenant, as_of) = (tenant(), at(AS_OF));
        let all = changes(&world(3, 400, at("2026-02-25T00:00:00Z"), as_of), as_of);
        let mut working = build(&folder.path().join("working"), &context(&tenant, &settings), &all, as_of);
        let out = folder.path().join("report.sqlite");
        working.publish(&out, None).unwrap();
        let conn = Connection::open(out).unwrap();
        for (table, open) in [("words", "id <> 0"), ("actions", "id > 65535"), ("screens", "id > 65535")] {
            let used = strings(
                &conn,
                &format!(
                    "SELECT format('SELECT \"%w\" FROM \"%w\" WHERE \"%w\" IS NOT NULL', f.\"from\", s.name, f.\"from\")
                     FROM sqlite_schema s JOIN pragma_foreign_key_list(s.name) f WHERE f.\"table\" = '{table}'"
                ),
            );
            let sql = format!("SELECT count(*) FROM {table} WHERE {open} AND id NOT IN ({})", used.join(" UNION "));
            assert_eq!(number(&conn, &sql), 0, "{table}, {retention_days} days");
            assert!(number(&conn, &format!("SELECT count(*) FROM {table} WHERE {open}")) > 0, "{table}");
        }
        let advised = "SELECT count(*) FROM failure_reason_advice WHERE NOT EXISTS (SELECT 1 FROM daily_failures d
           WHERE (d.code_word, d.reason_word, d.category_id) = (failure_reason_advice.code_word,
             failure_reason_advice.reason_word, failure_reason_advice.category_id))";
        assert_eq!(number(&conn, advised), 0);
    }
}

#[test]
fn every_value_is_of_its_declared_type_and_every_column_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let conn = Connection::open(file(folder.path(), &TenantSettings::default())).unwrap();
    let mut columns =
        conn.prepare("SELECT table_name, column_name, type, coalesce(unit, ''), meaning FROM column_docs").unwrap();
    let mut rows = columns.query([]).unwrap();
    let (mut described, mut undescribed) = (0, Vec::new());
    while let Some(row) = rows.next().unwrap() {
        let [table, column, declared, _, meaning]: [String; 5] =
            [0, 1, 2, 3, 4].map(|at| row.get::<_, String>(at).unwrap());
        if meaning.is_empty() {
            undescribed.push(format!("{table}.{column}"));
        }
        assert!(["INTEGER", "TEXT", "REAL", "BLOB"].contains(&declared.as_str()), "{table}.{column}: {declared}");
        let wrong = strings(
            &conn,
            &format!(
                "SELECT DISTINCT typeof({column}) FROM {table} WHERE typeof({column}) NOT IN (lower('{declared}'), 'null')"
            ),
        );
        assert!(wrong.is_empty(), "{table}.{column} is {declared} but holds {wrong:?}");
        described += 1;
    }
    assert!(undescribed.is_empty(), "not described: {undescribed:?}");
    let columns = "SELECT count(*) FROM sqlite_schema s, pragma_table_info(s.name)
                   WHERE s.type IN ('table', 'view') AND s.name NOT LIKE 'sqlite_%'";
    assert_eq!(number(&conn, columns), described);
    // The general meaning of a name; a text about one column comes before it.
    for line in include_str!("../../src/file/data/column_docs.tsv").lines() {
        let (name, meaning) = (line.split('\t').next().unwrap(), line.split('\t').next_back().unwrap());
        let mut used =
            conn.prepare("SELECT count(*) FROM column_docs WHERE column_name = ?1 AND meaning = ?2").unwrap();
        let used: i64 = used.query_row([name, meaning], |row| row.get(0)).unwrap();
        assert!(used > 1, "{name} describes {used} columns");
    }
    assert_eq!(number(&conn, "SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%--:%'"), 0);
    assert_eq!(number(&conn, "SELECT count(*) FROM questions WHERE sql LIKE '%--:%'"), 0);
}

/// API, page, CSV and diagnostics read attempts from the view, so what it lacks stays a number of the file alone.
#[test]
fn the_view_of_attempts_has_every_column_of_their_table() {
    // When an open attempt would end says nothing of what happened.
    const LEFT_OUT: &str = "deadline";
    let folder = tempfile::tempdir().unwrap();
    let conn = Connection::open(file(folder.path(), &TenantSettings::default())).unwrap();
    let view = strings(&conn, "SELECT sql FROM sqlite_schema WHERE name = 'enrollment_attempts'").concat();
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '.';
    let used: BTreeSet<&str> =
        view.split(|letter| !is_of_name(letter)).filter_map(|it| it.strip_prefix("a.")).collect();
    let columns = strings(&conn, "SELECT name FROM pragma_table_info('attempts')");
    assert!(columns.len() > 30, "{columns:?}");
    let lacking: Vec<_> = columns.iter().filter(|column| !used.contains(column.as_str())).collect();
    assert_eq!(lacking, [LEFT_OUT]);
}

#[test]
fn the_file_is_whole_and_plain() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), &TenantSettings::default());
    check(&path).unwrap();
    let conn = Connection::open(&path).unwrap();
    assert_eq!(number(&conn, "PRAGMA freelist_count"), 0);
    assert_eq!(strings(&conn, "PRAGMA journal_mode"), ["delete"]);
    assert_eq!(number(&conn, "PRAGMA application_id"), i64::from(vestibule_report::APPLICATION_ID));
    assert_eq!(number(&conn, "PRAGMA user_version"), i64::from(vestibule_report::SCHEMA_VERSION));
    assert_eq!(usize::try_from(number(&conn, "SELECT count(*) FROM catalogue_rows")), Ok(ROWS.len()));
    assert_eq!(number(&conn, "SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%STRICT%'"), 0);
    assert_eq!(number(&conn, "SELECT count(*) FROM sqlite_schema WHERE type = 'view' AND sql LIKE '%INNER JOIN%'"), 0);
    for table in strings(&conn, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'") {
        let rows = number(&conn, &format!("SELECT count(*) FROM {table}"));
        let stated = strings(&conn, &format!("SELECT value FROM meta WHERE key = 'rows.{table}'"));
        assert_eq!(stated, [rows.to_string()], "{table}");
        // Tests of their own fill these tables.
        if !["app_names", "corrections", "unreadable_enrollments"].contains(&table.as_str()) {
            assert!(rows > 0, "{table} is empty: the test shows nothing of it");
        }
    }
    assert!(!folder.path().join("report.sqlite.partial").exists());
}

#[test]
fn a_damaged_file_does_not_pass() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), &TenantSettings::default());
    let conn = Connection::open(&path).unwrap();
    conn.pragma_update(None, "foreign_keys", false).unwrap();
    conn.execute("UPDATE attempts SET platform_id = 77 WHERE rowid = (SELECT min(rowid) FROM attempts)", []).unwrap();
    drop(conn);
    assert!(matches!(check(&path), Err(Error::Check { check: "foreign_key_check", .. })));
}

#[test]
fn views_run_on_the_command_line_tool() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), &TenantSettings::default());
    let conn = Connection::open(&path).unwrap();
    for view in strings(&conn, "SELECT name FROM sqlite_schema WHERE type = 'view'") {
        assert!(number(&conn, &format!("SELECT count(*) FROM {view}")) > 0 || view == "attempt_corrections", "{view}");
        let run = std::process::Command::new("sqlite3").arg(&path).arg(format!("SELECT * FROM {view}")).output();
        // The tool may not be installed; the views ran above in any case.
        let Ok(run) = run else { continue };
        assert!(run.status.success(), "{view}: {}", String::from_utf8_lossy(&run.stderr));
    }
    let time = strings(&conn, "SELECT started_at FROM enrollment_attempts LIMIT 1").remove(0);
    assert_eq!(Timestamp::parse(&time).unwrap().to_string(), time);
}

#[test]
fn sums_equal_the_facts_they_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let conn = Connection::open(file(folder.path(), &TenantSettings::default())).unwrap();
    assert_eq!(vestibule_report::compare_sums(&conn).unwrap(), None);
    // An attempt has what its senders report together.
    let together = "SELECT count(*) FROM (
        SELECT a.has_starts <> max(s.starts) OR a.has_steps <> max(s.steps) AS wrong
        FROM attempts a LEFT JOIN attempt_sources s ON s.attempt_no = a.attempt_no GROUP BY a.attempt_no)
      WHERE wrong IS NOT 0";
    assert_eq!(number(&conn, together), 0);
    // Attempts and sessions refer to each other.
    let apart = "SELECT count(*) FROM esp_sessions x JOIN attempts a ON a.attempt_no = x.attempt_no
                 WHERE a.enrollment_no <> x.enrollment_no";
    assert_eq!(number(&conn, apart), 0);
    assert!(number(&conn, "SELECT count(*) FROM attempts a JOIN esp_sessions x ON x.attempt_no = a.attempt_no") > 0);
    let of = "SELECT sum(failed) = (SELECT count(*) FROM attempts WHERE outcome_id = 4) FROM daily_failures WHERE subject_id = 1";
    assert_eq!(number(&conn, of), 1);
    assert!(number(&conn, "SELECT count(*) FROM daily_failures WHERE subject_id > 1") > 0);
    // Two spellings of a code are one code.
    let codes =
        strings(&conn, "SELECT DISTINCT code FROM failure_reasons WHERE code LIKE '%801c0003' OR code LIKE '-%'");
    assert_eq!(codes, ["0x801c0003"]);
}

fn change(item: &str, events: impl IntoIterator<Item = Event>) -> Change {
    let mut history = History::default();
    for event in events {
        history.add(event);
    }
    Change { item: item.to_owned(), version: history.len() as u64, history, expires_at: None }
}

fn entered(action: &str) -> vestibule_domain::event::Step {
    let place = Some(Place::new(None, Action::read(action), None));
    vestibule_domain::event::Step { place, ..step(Kind::StepEntered) }
}

#[test]
fn an_attempt_that_was_published_otherwise_is_a_correction() {
    let (tenant, settings, folder) = (tenant(), TenantSettings::default(), tempfile::tempdir().unwrap());
    let context = context(&tenant, &settings);
    let (start, as_of) = (at("2026-03-19T10:00:00Z"), at(AS_OF));
    let device = |number| about(number, Platform::Ios);
    let reported = |id: &str, after: i64, delay: i64, number, step| {
        event(id, start + Millis::from_minutes(after), delay * 60_000, device(number), step)
    };
    let late = 24 * 60;
    // 1 timed out and was later reported complete, 2 began earlier than first known, 3 went on at a step of
    // the sender's own.
    let one = || vec![reported("1a", 0, 0, 1, step(Kind::Started)), reported("1b", 1, 0, 1, entered("Compliance"))];
    let two = || vec![reported("2a", 0, 0, 2, step(Kind::Started))];
    let three = || vec![reported("3a", 0, 0, 3, step(Kind::Started)), reported("3b", 1, 0, 3, entered("OwnStep"))];
    let four = || vec![reported("4a", 0, 0, 4, step(Kind::Started))];
    let before = [change("1", one()), change("2", two()), change("3", three()), change("4", four())];
    let first = folder.path().join("first");
    build(&folder.path().join("w"), &context, &before, as_of).publish(&first, None).unwrap();

    let next = as_of + Millis::from_days(1);
    let copy = |path: &Path, name: &str| {
        let copy = folder.path().join(name);
        std::fs::copy(path, &copy).unwrap();
        Working::open(&copy, &context).unwrap().unwrap()
    };
    let mut working = copy(&first, "first-copy");
    let mut refresh = working.refresh(next).unwrap();
    let enrolled =
        [reported("1c", 5, late, 1, step(Kind::Enrolled)), reported("1d", 6, late, 1, step(Kind::Compliant))];
    refresh.apply(&change("1", one().into_iter().chain(enrolled))).unwrap();
    let mut earlier = reported("2z", -5, late, 2, entered("TermsofUse"));
    earlier.key.source = "agent".to_owned();
    refresh.apply(&change("2", two().into_iter().chain([earlier]))).unwrap();
    refresh.apply(&change("3", three().into_iter().chain([reported("3c", 9, late, 3, entered("NextOwn"))]))).unwrap();
    refresh.finish().unwrap();
    let second = folder.path().join("second");
    let published = working.publish(&second, Some(&first)).unwrap();
    assert_eq!(published.corrections, 3);
    let conn = Connection::open(&second).unwrap();
    let corrected = strings(
        &conn,
        "SELECT e.enrollment_key || ' ' || c.gone || ' ' || c.old_outcome || ' ' || coalesce(c.new_outcome, '-') || ' ' ||
           coalesce(c.old_cause, '-') || ' ' || coalesce(c.new_cause, '-') || ' ' || c.old_action || ' ' ||
           coalesce(c.new_action, '-')
         FROM attempt_corrections c LEFT JOIN enrollment_attempts e ON e.attempt_id = c.attempt_id
         WHERE e.attempt_id IS NOT NULL ORDER BY 1",
    );
    assert_eq!(
        corrected,
        [
            "sn00000001 0 abandoned completed timedOut - Compliance -",
            "sn00000003 0 abandoned abandoned timedOut timedOut OwnStep NextOwn",
        ]
    );
    let gone =
        "SELECT count(*) FROM attempt_corrections WHERE gone = 1 AND new_outcome IS NULL AND old_outcome = 'abandoned'";
    assert_eq!(number(&conn, gone), 1, "an attempt that begins with another event has another id");
    assert_eq!(number(&conn, "SELECT count(*) FROM actions WHERE name = 'OwnStep'"), 1, "a correction still names it");
    assert_eq!(strings(&conn, "SELECT value FROM meta WHERE key = 'previousAsOf'"), [as_of.to_string()]);

    // The schema before had the same columns for how an attempt ended, so an upgrade lists corrections too.
    for (version, expected) in [(4, 3), (3, 0)] {
        Connection::open(&first).unwrap().pragma_update(None, "user_version", version).unwrap();
        let upgraded = working.publish(&folder.path().join(format!("after-{version}")), Some(&first)).unwrap();
        assert_eq!(upgraded.corrections, expected, "of schema {version}");
    }

    // A month later the attempts are out of the window, which makes them neither gone nor corrected.
    let far = as_of + Millis::from_days(45);
    let mut working = copy(&second, "second-copy");
    working.refresh(far).unwrap().finish().unwrap();
    let third = working.publish(&folder.path().join("third"), Some(&second)).unwrap();
    assert_eq!(third.corrections, 0);
    assert_eq!(third.rows["words"], 7, "only the words of the enrolled device and the empty word");
}

#[test]
fn people_are_hidden_if_the_tenant_asks() {
    let settings = TenantSettings { pseudonymise: true, ..TenantSettings::default() };
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), &settings);
    let bytes = std::fs::read(&path).unwrap();
    for secret in ["contoso.example", "DEVICE-", "fault at person", "u-12", "Department 1"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    let conn = Connection::open(&path).unwrap();
    let hidden = pseudonym(common::KEY, "Person.12@Contoso.example");
    assert_eq!(hidden.len(), 18);
    let people = "SELECT count(*) FROM enrollment_attempts WHERE user_principal_name NOT LIKE 'p:%' OR device_name NOT LIKE 'p:%'
                  OR user_id NOT LIKE 'p:%' OR failure_message IS NOT NULL";
    assert_eq!(number(&conn, people), 0);
    let found = format!("SELECT count(*) FROM enrollment_attempts WHERE user_principal_name = '{hidden}'");
    assert!(number(&conn, &found) > 0);
    let tags = "SELECT count(*) FROM device_tags WHERE value";
    assert_eq!(number(&conn, &format!("{tags} NOT LIKE 'p:%'")), 0);
    let hidden = pseudonym(common::KEY, "Department 1");
    assert!(number(&conn, &format!("{tags} = '{hidden}'")) > 0);
    assert!(Reader::open(&path).unwrap().is_pseudonymised().unwrap());
    // Another key would give everybody another pseudonym.
    let tenant = tenant();
    let other = vestibule_report::Context { pseudonym_key: b"another", ..context(&tenant, &settings) };
    assert!(Working::open(&path, &other).unwrap().is_none());
}

#[test]
fn a_day_begins_at_the_tenants_midnight() {
    let (tenant, folder) = (tenant(), tempfile::tempdir().unwrap());
    // On this day Berlin's clocks went forward; its midnights lie 23 hours apart.
    let starts = [
        "2026-03-28T22:59:59.999Z",
        "2026-03-28T23:00:00.000Z",
        "2026-03-29T21:59:59.999Z",
        "2026-03-29T22:00:00.000Z",
    ];
    let all: Vec<Change> = (0..)
        .zip(starts)
        .map(|(number, start)| {
            let mut failed = step(Kind::Failed);
            failed.failure = Some(Failure { code: Some("0xAB2".to_owned()), ..Failure::default() });
            change(
                &format!("{number}"),
                [event(format!("e{number}"), at(start), 0, about(number, Platform::Android), failed)],
            )
        })
        .collect();
    for (zone, days) in [
        (chrono_tz::Europe::Berlin, ["2026-03-28", "2026-03-29", "2026-03-29", "2026-03-30"]),
        (chrono_tz::UTC, ["2026-03-28", "2026-03-28", "2026-03-29", "2026-03-29"]),
    ] {
        let settings = TenantSettings { time_zone: zone, ..TenantSettings::default() };
        let working = build(
            &folder.path().join(zone.name().replace('/', "-")),
            &context(&tenant, &settings),
            &all,
            at("2026-04-02T00:00:00Z"),
        );
        let reader = working.reader().unwrap();
        let page = reader.attempts(&Default::default(), None, 10).unwrap();
        let mut shown: Vec<&str> = page.attempts.iter().map(|attempt| attempt.started_day.as_str()).collect();
        shown.reverse();
        assert_eq!(shown, days);
        let day = |text| vestibule_domain::Day::parse(text).unwrap();
        let expected = days.iter().filter(|day| **day == "2026-03-29").count() as u64;
        let report = reader.incomplete(day("2026-03-29"), day("2026-03-30"), None, None).unwrap();
        assert_eq!((report.initiated, report.failed), (expected, Some(expected)));
        assert_eq!(report.time_zone, zone.name());
    }
}

#[test]
fn refreshing_a_hundredth_costs_less_than_a_tenth_of_building() {
    let (tenant, settings, folder) = (tenant(), TenantSettings::default(), tempfile::tempdir().unwrap());
    let context = context(&tenant, &settings);
    let as_of = at(AS_OF);
    let all = changes(&world(4, 9_000, at("2026-02-20T00:00:00Z"), as_of), as_of);
    let begun = Instant::now();
    let mut working = build(&folder.path().join("w"), &context, &all, as_of);
    let built = begun.elapsed();
    let changed: Vec<_> = all.iter().step_by(100).collect();
    let begun = Instant::now();
    let mut refresh = working.refresh(as_of + Millis::from_minutes(60)).unwrap();
    changed.iter().for_each(|change| refresh.apply(change).unwrap());
    refresh.finish().unwrap();
    let refreshed = begun.elapsed();
    assert!(working.publish(&folder.path().join("out"), None).unwrap().rows["attempts"] > 18_000);
    assert!(refreshed * 10 < built, "refreshed in {refreshed:?}, built in {built:?}");
}
