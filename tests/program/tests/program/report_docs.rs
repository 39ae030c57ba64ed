//! Compares the documentation of the report file with a file.
//!
//! Its reference is generated from a fresh file: run with `UPDATE_DOCS=1` to write it.

use crate::page::Page;
use rusqlite::Connection;
use serde_json::Value;
use std::collections::HashSet;
use std::fmt::Write as _;
use vestibule_program_tests::{Folder, run_alone};

#[test]
fn the_documentation_is_of_this_file() {
    let folder = Folder::new();
    // The first file has corrections, and one exported right after it has none.
    let demo = folder.json(&["demo", "--listen", "127.0.0.1:0", "--exit", "--enrollments", "220"]);
    let exported = folder.json(&["export", "contoso"]);
    let report = Described::open(demo["path"].as_str().unwrap());
    let summary = Described::open(exported["summary"].as_str().unwrap());
    let guide = Page::open("docs/FILE.md");
    let metadata = Page::open("docs/datasette/metadata.yaml");

    for described in [&report, &summary] {
        for one in &described.relations {
            assert!(one.about.is_some(), "{} is not in the list of `report query`", one.name);
        }
    }
    guide.holds("<!-- reference: begin -->", "<!-- reference: end -->", &reference(&report, &summary));
    metadata.holds("# reference: begin", "      # reference: end", &tables_in_yaml(&report));
    says_what_meta_holds(&guide, &[&report.conn, &summary.conn]);
    assert!(has_sql_that_works(&guide, &report.conn) > 8);
    assert!(has_sql_that_works(&Page::open("README.md"), &report.conn) > 3);
    has_queries_that_work(&metadata, &report);
    the_dashboard_shows_something(&report.conn);
}

/// Each query of Grafana's dashboard finds rows, and those over time have numbers of seconds.
fn the_dashboard_shows_something(conn: &Connection) {
    let dashboard: Value = serde_json::from_str(&Page::open("docs/grafana/vestibule.json").text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() > 5);
    for panel in panels {
        let target = &panel["targets"][0];
        let sql = target["rawQueryText"].as_str().unwrap();
        assert_eq!(target["queryText"], sql, "{}", panel["title"]);
        let mut rows = conn.prepare(sql).unwrap_or_else(|error| panic!("{}: {error}", panel["title"]));
        let mut rows = rows.query([]).unwrap();
        let first = rows.next().unwrap().unwrap_or_else(|| panic!("{} shows nothing", panel["title"]));
        if target["queryType"] == "time series" {
            assert!(first.get::<_, i64>("time").unwrap() > 1_600_000_000, "{}", panel["title"]);
        }
    }
}

/// A table or view, as `report query` lists it.
struct Relation {
    name: String,
    kind: String,
    group: String,
    about: Option<String>,
}

/// A column, as the file describes it.
#[derive(PartialEq)]
struct Column {
    name: String,
    kind: String,
    unit: String,
    meaning: String,
}

struct Described {
    conn: Connection,
    relations: Vec<Relation>,
}

impl Described {
    fn open(path: &str) -> Self {
        let ran = run_alone(&["report", "query", path, "--json"]);
        assert!(ran.success, "{}", ran.stderr);
        let listed: Value = serde_json::from_str(&ran.stdout).unwrap();
        let text = |one: &Value, member: &str| one[member].as_str().map(str::to_owned);
        let relations = listed["relations"].as_array().unwrap().iter().map(|one| Relation {
            name: text(one, "name").unwrap(),
            kind: text(one, "kind").unwrap(),
            group: text(one, "group").unwrap(),
            about: text(one, "about"),
        });
        Self { conn: Connection::open(path).unwrap(), relations: relations.collect() }
    }

    fn columns(&self, table: &str) -> Vec<Column> {
        let mut columns = self
            .conn
            .prepare(
                "SELECT d.column_name, d.type, coalesce(d.unit, ''), d.meaning
                 FROM pragma_table_info(?1) c JOIN column_docs d ON d.table_name = ?1 AND d.column_name = c.name
                 ORDER BY c.cid",
            )
            .unwrap();
        let columns = columns.query_map([table], |row| {
            Ok(Column { name: row.get(0)?, kind: row.get(1)?, unit: row.get(2)?, meaning: row.get(3)? })
        });
        let columns: Vec<Column> = columns.unwrap().collect::<Result<_, _>>().unwrap();
        assert!(!columns.is_empty() && columns.iter().all(|column| !column.meaning.is_empty()), "{table}");
        columns
    }
}

fn in_table(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn row(out: &mut String, before: &str, column: &Column) {
    let Column { name, kind, unit, meaning } = column;
    writeln!(out, "|{before} `{name}` | {kind} | {} | {} |", in_table(unit), in_table(meaning)).unwrap();
}

fn reference(report: &Described, summary: &Described) -> String {
    let mut out = String::from("### Definitions\n\n| number | is |\n|---|---|\n");
    let mut definitions = report
        .conn
        .prepare("SELECT substr(key, 12), value FROM meta WHERE key LIKE 'definition.%' ORDER BY 1")
        .unwrap();
    let mut rows = definitions.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (name, meaning): (String, String) = (row.get(0).unwrap(), row.get(1).unwrap());
        writeln!(out, "| `{name}` | {} |", in_table(&meaning)).unwrap();
    }
    let mut group = "";
    for one in &report.relations {
        if group != one.group {
            group = &one.group;
            writeln!(out, "\n### {group}").unwrap();
        }
        let about = one.about.as_deref().unwrap_or_default();
        writeln!(out, "\n#### {}\n\n{about} ({})\n", one.name, one.kind).unwrap();
        out.push_str("| column | type | unit | meaning |\n|---|---|---|---|\n");
        for column in report.columns(&one.name) {
            row(&mut out, "", &column);
        }
    }
    let names: Vec<String> = summary.relations.iter().map(|one| format!("`{}`", one.name)).collect();
    out.push_str("\n### In a summary\n\nTables and views:\n");
    for some in names.chunks(4) {
        let last = some.last() == names.last();
        writeln!(out, "{}{}", some.join(", "), if last { "." } else { "," }).unwrap();
    }
    out.push_str("\nColumns that the report file has not, or that mean something else there:\n\n");
    out.push_str("| in | column | type | unit | meaning |\n|---|---|---|---|---|\n");
    let there: HashSet<&str> = report.relations.iter().map(|one| one.name.as_str()).collect();
    for one in &summary.relations {
        let same = if there.contains(one.name.as_str()) { report.columns(&one.name) } else { Vec::new() };
        for column in summary.columns(&one.name).iter().filter(|column| !same.contains(column)) {
            row(&mut out, &format!(" `{}` |", one.name), column);
        }
    }
    out
}

/// Titles, and the descriptions of the columns of views. A JSON string is also a valid YAML string.
fn tables_in_yaml(report: &Described) -> String {
    let mut out = String::new();
    let quoted = |text: &str| Value::from(text).to_string();
    for one in &report.relations {
        writeln!(out, "      {}:", one.name).unwrap();
        writeln!(out, "        description: {}", quoted(one.about.as_deref().unwrap_or_default())).unwrap();
        if one.kind == "view" {
            out.push_str("        columns:\n");
            for Column { name, unit, meaning, .. } in report.columns(&one.name) {
                let unit = if unit.is_empty() { unit } else { format!(" [{unit}]") };
                writeln!(out, "          {name}: {}", quoted(&format!("{meaning}{unit}"))).unwrap();
            }
        }
    }
    out
}

fn says_what_meta_holds(guide: &Page, files: &[&Connection]) {
    for conn in files {
        let mut keys = conn.prepare("SELECT key FROM meta WHERE key NOT GLOB '*.*'").unwrap();
        for key in keys.query_map([], |row| row.get::<_, String>(0)).unwrap() {
            let key = key.unwrap();
            assert!(guide.text.contains(&format!("`{key}`")), "the guide does not mention {key} of meta");
        }
    }
}

/// Runs every block of SQL. Each statement must have rows in the sample.
fn has_sql_that_works(guide: &Page, conn: &Connection) -> u32 {
    let mut statements = 0;
    for block in guide.text.split("```sql\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for statement in block.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
            let mut prepared = conn.prepare(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
            assert!(prepared.exists([]).unwrap(), "no rows: {statement}");
            statements += 1;
        }
    }
    statements
}

/// Runs every canned query, with realistic parameters.
fn has_queries_that_work(metadata: &Page, report: &Described) {
    let read: Value = serde_yaml_ng::from_str(&metadata.text).unwrap();
    let database = &read["databases"]["report"];
    let tables = database["tables"].as_object().unwrap();
    assert!(
        report.relations.iter().all(|one| tables.contains_key(&one.name)) || std::env::var_os("UPDATE_DOCS").is_some()
    );
    let attempt = "SELECT attempt_id FROM enrollment_attempts WHERE outcome = 'abandoned' LIMIT 1";
    let attempt: String = report.conn.query_row(attempt, [], |row| row.get(0)).unwrap();
    let queries = database["queries"].as_object().unwrap();
    for (name, query) in queries {
        let sql = query["sql"].as_str().unwrap();
        let mut prepared = report.conn.prepare(sql).unwrap_or_else(|error| panic!("{name}: {error}"));
        for parameter in query["params"].as_array().into_iter().flatten() {
            let value = match parameter.as_str().unwrap() {
                "who" => "contoso",
                "attempt_id" => &attempt,
                "action" => "iOSProfileLaunch",
                _ => "",
            };
            let at = prepared.parameter_index(&format!(":{}", parameter.as_str().unwrap())).unwrap().unwrap();
            prepared.raw_bind_parameter(at, value).unwrap();
        }
        let mut rows = prepared.raw_query();
        assert!(rows.next().unwrap().is_some(), "{name} has no rows");
    }
    assert!(queries.len() > 5);
}
