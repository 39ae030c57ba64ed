//! Numbers of rows depend on a file's salt, and nothing that a file answers does.

use crate::common;

use common::{at, changes, context, tenant, world};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::BTreeMap;
use std::path::Path;
use vestibule_domain::TenantSettings;
use vestibule_report::Working;
use vestibule_report::ask::{Parameters, bind, questions};

/// The answers of every question, to those of its parameters that are given here; each answer's rows are sorted.
fn answers(file: &Path, given: &Parameters) -> BTreeMap<String, Vec<String>> {
    let conn = Connection::open(file).unwrap();
    let all = questions(&conn).unwrap();
    let mut answers = BTreeMap::new();
    for (one, _) in &all {
        let mut statement = conn.prepare(&one.sql).unwrap();
        let takes = |name: &str| statement.parameter_index(&format!(":{name}")).unwrap().is_some();
        let given: Parameters =
            given.iter().filter(|(name, _)| takes(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
        bind(&mut statement, &given).unwrap();
        let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        let mut rows = statement.raw_query();
        let mut answer = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let of = |(at, name): (usize, &String)| format!("{name}: {:?}", row.get::<_, Value>(at).unwrap());
            answer.push(columns.iter().enumerate().map(of).collect::<Vec<_>>().join(", "));
        }
        answer.sort();
        answers.insert(one.name.clone(), answer);
    }
    answers
}

/// Its numbers follow instants more coarsely, so that lists may have another order within a minute. Nothing else differs.
#[test]
fn a_file_with_another_salt_answers_the_same() {
    let (tenant, settings, as_of) = (tenant(), TenantSettings::default(), at("2026-03-20T02:00:00Z"));
    let context = context(&tenant, &settings);
    let all = changes(&world(5, 60, at("2026-03-01T00:00:00Z"), as_of), as_of);
    let folder = tempfile::tempdir().unwrap();
    let file = |salt: u32| {
        let mut working = Working::create_salted(&folder.path().join(format!("w{salt}")), &context, salt).unwrap();
        let mut refresh = working.refresh(as_of).unwrap();
        all.iter().for_each(|change| refresh.apply(change).unwrap());
        refresh.finish().unwrap();
        let out = folder.path().join(format!("p{salt}"));
        working.publish(&out, None).unwrap();
        out
    };
    let (first, other) = (file(0), file(1));
    let conn = Connection::open(&first).unwrap();
    let mut ids = conn
        .prepare(
            "SELECT lower(hex(attempt_id)) FROM attempts UNION ALL SELECT lower(hex(session_id)) FROM esp_sessions",
        )
        .unwrap();
    let ids: Vec<String> = ids.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(ids.len() > 60);
    let given = |id: &str| Parameters::from([("limit".to_owned(), "200".to_owned()), ("id".to_owned(), id.to_owned())]);
    for id in ids.iter().step_by(ids.len() / 30) {
        let (one, two) = (answers(&first, &given(id)), answers(&other, &given(id)));
        assert!(one.len() > 30 && one.keys().eq(two.keys()));
        for (name, answer) in one {
            assert_eq!(answer, two[&name], "{name}");
        }
    }
}
