//! The questions that files carry: every statement runs as it is in the file, takes its question's parameters, and
//! refuses invalid values with a message.

use crate::common;

use common::{at, build, changes, context, tenant, world};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use vestibule_domain::TenantSettings;
use vestibule_domain::catalogue::ROWS;
use vestibule_report::ask::{Parameters, bind, question, questions};
use vestibule_report::{Error, Reader, summarise};

/// A published file and its summary.
fn files(folder: &Path) -> (PathBuf, PathBuf) {
    let (settings, tenant, as_of) = (TenantSettings::default(), tenant(), at("2026-03-20T02:00:00Z"));
    let all = changes(&world(5, 300, at("2026-02-20T00:00:00Z"), as_of), as_of);
    let mut working = build(&folder.join("w"), &context(&tenant, &settings), &all, as_of);
    let (report, summary) = (folder.join("r.sqlite"), folder.join("s.sqlite"));
    working.publish(&report, None).unwrap();
    summarise(&report, &summary).unwrap();
    (report, summary)
}

fn given(pairs: &[(&str, &str)]) -> Parameters {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The names of a statement's parameters.
fn parameters_of(conn: &Connection, sql: &str) -> BTreeSet<String> {
    let statement = conn.prepare(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    (1..=statement.parameter_count())
        .map(|place| statement.parameter_name(place).unwrap().trim_start_matches(':').to_owned())
        .collect()
}

#[test]
fn every_question_runs_and_takes_its_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let (report, summary) = files(folder.path());
    for (path, least) in [(&report, 30), (&summary, 12)] {
        let conn = Connection::open(path).unwrap();
        let all = questions(&conn).unwrap();
        assert!(all.len() >= least, "{} has {} questions", path.display(), all.len());
        for (one, own) in &all {
            let head = one.name.split('.').next().unwrap();
            let of_head = &all.iter().find(|(other, _)| other.name == head).expect("a question of its own").1;
            assert!(one.name == head || own.is_empty(), "{}: members take what their question takes", one.name);
            assert!(!one.purpose.is_empty() && !one.purpose.contains('$'), "{}", one.name);
            assert!(
                ["row", "rows", "page", "merged"].contains(&one.answer.trim_start_matches("slow ")),
                "{}",
                one.answer
            );
            for name in parameters_of(&conn, &one.sql) {
                assert!(
                    of_head.contains_key(&name),
                    "{} has a parameter {name} that its question does not have",
                    one.name
                );
            }
            // It answers without parameters, unless it asks for a single thing.
            let mut statement = conn.prepare(&one.sql).unwrap();
            bind(&mut statement, &Parameters::new()).unwrap();
            let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
            assert_eq!(columns.iter().collect::<BTreeSet<_>>().len(), columns.len(), "{}: a name twice", one.name);
            let mut rows = statement.raw_query();
            let mut count = 0;
            while rows.next().unwrap().is_some() {
                count += 1;
            }
            assert!(count <= 1 || one.answer.ends_with("rows") || one.answer == "page", "{}: {count} rows", one.name);
        }
        // Each parameter is used by its question or a member of it.
        for (head, own) in all.iter().filter(|(one, _)| !one.name.contains('.')) {
            let members = all.iter().filter(|(one, _)| one.name.split('.').next() == Some(&head.name));
            let used: BTreeSet<String> = members.flat_map(|(one, _)| parameters_of(&conn, &one.sql)).collect();
            let unused: Vec<_> = own.keys().filter(|name| !used.contains(*name)).collect();
            assert!(unused.is_empty(), "{}: {unused:?} have no effect", head.name);
        }
    }
}

/// A summary has statements of its own for some questions. A filter that one of them lacks would have no effect there, unless the
/// summary refuses it.
#[test]
fn a_summary_has_the_parameters_of_the_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let (report, summary) = files(folder.path());
    let (report, summary) = (Connection::open(report).unwrap(), Connection::open(summary).unwrap());
    const ONE_VALUE: [&str; 6] = ["model", "osVersion", "enrollmentType", "source", "tag", "without"];
    let (whole, short) = (questions(&report).unwrap(), questions(&summary).unwrap());
    let takes = |question: &str, parameter: &str| {
        let head = question.split('.').next();
        short.iter().any(|(one, own)| Some(one.name.as_str()) == head && own.contains_key(parameter))
    };
    for (one, _) in &short {
        let (of_whole, _) =
            whole.iter().find(|(other, _)| other.name == one.name).expect("a question of the whole file");
        let (mut wanted, found) = (parameters_of(&report, &of_whole.sql), parameters_of(&summary, &one.sql));
        wanted.retain(|name| takes(&one.name, name) || !ONE_VALUE.contains(&name.as_str()));
        assert!(found.is_superset(&wanted), "{}: {found:?} lacks some of {wanted:?}", one.name);
    }
}

#[test]
fn invalid_parameters_are_refused_with_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let (report, _) = files(folder.path());
    let conn = Connection::open(&report).unwrap();
    let refused = |name: &str, pairs: &[(&str, &str)]| match question(&conn, name, &given(pairs)) {
        Err(Error::InvalidFilter { field, problem }) => format!("{field}: {problem}"),
        Err(Error::UnknownParameter { known }) => format!("known: {}", known.join(", ")),
        Err(Error::NoQuestion(name)) => format!("no {name}"),
        other => format!("{other:?}"),
    };
    let report = "incomplete-enrollments";
    let a_date = "must be a date like 2026-01-31";
    for day in
        ["2026-02-30", "2026-1-31", "20260131", "today", "2026-01-31T00:00", "1969-12-31", "+026-01-31", "2026-13-01"]
    {
        assert_eq!(refused(report, &[("from", day)]), format!("from: {a_date}"), "{day}");
        assert_eq!(refused("attempts", &[("to", day)]), format!("to: {a_date}"), "{day}");
    }
    let later = "to: must be later than from";
    assert_eq!(refused(report, &[("from", "2026-03-02"), ("to", "2026-03-02")]), later);
    // A range without an end ends with the file's day.
    assert_eq!(refused(report, &[("from", "2026-03-22")]), later);
    assert_eq!(refused("attempts", &[("from", "2026-03-02"), ("to", "2026-03-01")]), later);
    let long = "from: the range must have at most 1000 days";
    assert_eq!(refused(report, &[("from", "2020-03-02"), ("to", "2026-03-01")]), long);
    assert_eq!(refused(report, &[("os", "linux")]), "os: must be one of windows, macos, ios, android, all");
    assert_eq!(refused("attempts", &[("os", "linux")]), "os: must be one of windows, macos, ios, android, all");
    assert_eq!(
        refused("attempts", &[("section", "nowhere")]),
        "section: must be one of setupChecklist, platformScreens, termsOfUse, complianceActivation, enrollmentStatusPage"
    );
    assert_eq!(
        refused("attempts", &[("outcome", "lost")]),
        "outcome: must be one of inProgress, completed, abandoned, failed, incomplete"
    );
    let (last, after) = (ROWS.len(), (ROWS.len() + 1).to_string());
    for row in [after.as_str(), "-1", "x", "1.5", "", "9999999999"] {
        let must = format!("catalogueRow: must be between 0 (none) and {last}");
        assert_eq!(refused("attempts", &[("catalogueRow", row)]), must, "{row}");
    }
    for limit in ["0", "1001", "+5", "5 ", "9999999999999999999", "0x5"] {
        assert_eq!(refused("attempts", &[("limit", limit)]), "limit: must be between 1 and 1000", "{limit}");
    }
    assert_eq!(refused("esp-sessions", &[("stuck", "1")]), "stuck: must be true or false");
    assert_eq!(refused("active", &[("from", "2026-03-02")]), "known: cursor, limit");
    assert_eq!(refused("enrollment-status", &[("from", "2026-03-02")]), "known: ");
    assert_eq!(refused("nothing", &[]), "no nothing");
    // Case does not matter.
    for pairs in [[("os", "IOS")], [("section", "TERMSOFUSE")], [("cause", "timedout")], [("outcome", "Incomplete")]] {
        assert!(question(&conn, "attempts", &given(&pairs)).is_ok(), "{pairs:?}");
    }
}

#[test]
fn a_code_is_found_in_every_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let (report, summary) = files(folder.path());
    let (report, summary) = (Reader::open(&report).unwrap(), Reader::open_summary(&summary).unwrap());
    let value: u32 = 0x801c_0003;
    let spelt = [
        "0x801C0003".to_owned(),
        "0x801c0003".to_owned(),
        "801c0003".to_owned(),
        "0x00000801c0003".to_owned(),
        "0xffffffff801c0003".to_owned(),
        " 0x801C0003 ".to_owned(),
        value.to_string(),
        value.cast_signed().to_string(),
    ];
    for (reader, text) in
        [&report, &summary].into_iter().flat_map(|reader| spelt.iter().map(move |text| (reader, text)))
    {
        let answer = reader.answer("advice", &given(&[("text", text)])).unwrap().unwrap_or_else(|| panic!("{text}"));
        let meanings = answer["meanings"].as_array().unwrap();
        assert!(!meanings.is_empty());
        for meaning in meanings {
            assert!(meaning["codes"].as_array().unwrap().iter().any(|code| code == "0x801c0003"), "{text}: {meaning}");
            assert!(!meaning["steps"].as_array().unwrap().is_empty());
        }
    }
    for text in ["0x", "0xg", "", "-", "+", "99999999999", "nothing of this"] {
        assert!(report.answer("advice", &given(&[("text", text)])).unwrap().is_none(), "{text}");
        assert!(summary.answer("advice", &given(&[("text", text)])).unwrap().is_none(), "{text}");
    }
}

#[test]
fn a_file_of_the_version_before_is_refused() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    assert!(matches!(Reader::open(&data.join("schema-3.sqlite")), Err(Error::ForeignFile)));
    assert!(matches!(Reader::open_summary(&data.join("schema-3-summary.sqlite")), Err(Error::ForeignFile)));
}

/// The first views of a page are read from sums, so they cost the same over any number of attempts.
#[test]
fn the_report_and_the_status_visit_no_attempt_no_step_and_no_session() {
    let folder = tempfile::tempdir().unwrap();
    let (report, _) = files(folder.path());
    let conn = Connection::open(report).unwrap();
    let mut explained = 0;
    for (one, _) in questions(&conn).unwrap() {
        if ![
            "overview",
            "incomplete-enrollments",
            "enrollment-status",
            "coverage",
            "slices",
            "app-models",
            "got-worse-apps",
            "got-worse-slices",
        ]
        .contains(&one.name.split('.').next().unwrap())
        {
            continue;
        }
        let mut plan = conn.prepare(&format!("EXPLAIN {}", one.sql)).unwrap();
        let mut rows = plan.raw_query();
        while let Some(row) = rows.next().unwrap() {
            let (opcode, root): (String, i64) = (row.get("opcode").unwrap(), row.get("p2").unwrap());
            if opcode != "OpenRead" {
                continue;
            }
            let table = "SELECT tbl_name FROM sqlite_schema WHERE rootpage = ?1";
            let table: String = conn.query_row(table, [root], |row| row.get(0)).unwrap();
            let facts =
                ["enrollments", "attempts", "attempt_", "device_sources", "failures", "esp_sessions", "esp_items"];
            assert!(!facts.iter().any(|fact| table.starts_with(fact)), "{} reads {table}", one.name);
            explained += 1;
        }
    }
    assert!(explained > 30, "{explained} tables were read");
}

/// A session's items are found by the session, and sessions by their time: neither is visited whole.
#[test]
fn the_usual_session_visits_four_weeks_of_sessions_and_the_items_of_those_like_it() {
    let folder = tempfile::tempdir().unwrap();
    let (report, _) = files(folder.path());
    let conn = Connection::open(report).unwrap();
    let mut looked = 0;
    for (one, _) in questions(&conn).unwrap().iter().filter(|(one, _)| one.name.starts_with("usual-session")) {
        let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", one.sql)).unwrap();
        let mut rows = plan.raw_query();
        while let Some(row) = rows.next().unwrap() {
            let detail: String = row.get("detail").unwrap();
            assert!(
                !["SCAN esp_", "SCAN x", "SCAN i", "SCAN v", "SCAN w"].iter().any(|scan| detail.starts_with(scan)),
                "{detail}"
            );
            looked +=
                usize::from(detail.contains("SEARCH esp_sessions USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"));
        }
    }
    assert_eq!(looked, 3, "each question looks for sessions like it once");
}

/// The search visits every serial number, and a device's row is many times as large.
#[test]
fn the_search_reads_serial_numbers_from_their_index() {
    let folder = tempfile::tempdir().unwrap();
    let (report, _) = files(folder.path());
    let conn = Connection::open(report).unwrap();
    let all = questions(&conn).unwrap();
    let (search, _) = all.iter().find(|(one, _)| one.name == "search").unwrap();
    let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", search.sql)).unwrap();
    let (mut rows, mut details) = (plan.raw_query(), Vec::<String>::new());
    while let Some(row) = rows.next().unwrap() {
        details.push(row.get("detail").unwrap());
    }
    let of_devices: Vec<&String> =
        details.iter().filter(|detail| detail.split(' ').nth(1) == Some("enrollments")).collect();
    let by_serial = |detail: &&String| detail.contains(" USING COVERING INDEX enrollments_by_serial");
    assert!(of_devices.len() == 1 && of_devices.iter().all(by_serial), "{details:?}");
}
