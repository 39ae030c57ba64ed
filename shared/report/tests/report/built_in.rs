//! A file is only refreshed by a build that has the same lists, views, texts and advice built in.

use crate::common;

use common::{at, build, changes, context, dump, tenant, world};
use rusqlite::Connection;
use std::path::Path;
use vestibule_domain::TenantSettings;
use vestibule_report::{Previous, Working};

fn built_in(path: &Path) -> String {
    let conn = Connection::open(path).unwrap();
    conn.query_row("SELECT value FROM meta WHERE key = 'builtIn'", [], |row| row.get(0)).unwrap()
}

#[test]
fn another_view_list_advice_or_text_makes_another_digest_and_so_another_file() {
    let (tenant, settings) = (tenant(), TenantSettings::default());
    let context = context(&tenant, &settings);
    let folder = tempfile::tempdir().unwrap();
    let name = |text: &str| folder.path().join(text);
    drop(Working::create(&name("one"), &context).unwrap());
    drop(Working::create_salted(&name("two"), &context, 1).unwrap());
    let usual = built_in(&name("one"));
    assert_eq!(usual, built_in(&name("two")), "it does not depend on the file");
    assert!(Working::open(&name("one"), &context).unwrap().is_some());

    let mut seen = vec![usual];
    for (number, sql) in [
        "DELETE FROM causes WHERE id = (SELECT max(id) FROM causes)",
        "UPDATE catalogue_rows SET how = how || ' ' WHERE number = 3",
        "UPDATE sections SET title = 'Set-up checklist' WHERE id = 1",
        "DROP VIEW funnel; CREATE VIEW funnel AS SELECT 1 AS step",
        "UPDATE advice SET problem = problem || '.' WHERE advice_no = 1",
        "UPDATE column_docs SET meaning = '' WHERE column_name = 'item'",
        "UPDATE meta SET value = value || '.' WHERE key LIKE 'definition.%'",
        "ALTER TABLE words ADD COLUMN language TEXT",
    ]
    .iter()
    .enumerate()
    {
        let path = name(&format!("altered-{number}"));
        drop(Working::create_altered(&path, &context, sql).unwrap());
        let digest = built_in(&path);
        assert!(!seen.contains(&digest), "{sql}");
        seen.push(digest);
        assert!(Working::open(&path, &context).unwrap().is_none(), "{sql}");
    }
}

/// A file made before a name was added to a list can be read and compared with, but is never refreshed.
#[test]
fn a_file_of_another_version_is_compared_with() {
    let (tenant, settings) = (tenant(), TenantSettings::default());
    let context = context(&tenant, &settings);
    let (from, as_of) = (at("2026-03-01T00:00:00Z"), at("2026-03-20T02:00:00Z"));
    let folder = tempfile::tempdir().unwrap();
    let all = changes(&world(8, 30, from, as_of), as_of);
    let old = folder.path().join("old");
    let altered = "UPDATE sections SET title = 'Set-up checklist' WHERE id = 1";
    let mut working = Working::create_altered(&folder.path().join("w"), &context, altered).unwrap();
    let mut refresh = working.refresh(as_of).unwrap();
    all.iter().for_each(|change| refresh.apply(change).unwrap());
    refresh.finish().unwrap();
    working.publish(&old, None).unwrap();
    assert!(Working::open(&old, &context).unwrap().is_none());

    let mut built = build(&folder.path().join("b"), &context, &all, as_of);
    let (with, without) = (folder.path().join("with"), folder.path().join("without"));
    assert_eq!(built.publish(&with, Some(&old)).unwrap().corrections, 0);
    assert!(dump(&with)["meta"].iter().any(|row| row.contains("previousAsOf")));
    built.compare(Previous::Lost(as_of)).unwrap();
    built.write(&without).unwrap();
    let lost = format!("Text(\"previousLost\")|Text({:?})", as_of.to_string());
    assert!(dump(&without)["meta"].contains(&lost));
    assert!(!dump(&without)["meta"].iter().any(|row| row.contains("previousAsOf")));
}
