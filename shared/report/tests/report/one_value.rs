//! The report about one model, version, type, sender or tag: it is what a file answers that has the attempts of this value
//! alone, where the sums have it, and says nothing where they do not.

use crate::common;

use common::{at, build, changes, context, tenant, world};
use rusqlite::Connection;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use vestibule_domain::TenantSettings;
use vestibule_domain::event::Event;
use vestibule_report::ask::Parameters;
use vestibule_report::{Error, Reader, summarise};

const AS_OF: &str = "2026-03-20T02:00:00Z";

/// A published file of the devices that are meant.
fn file(folder: &Path, name: &str, is_meant: fn(&[Event]) -> bool) -> PathBuf {
    let settings = TenantSettings { retention_days: 60, ..TenantSettings::default() };
    let (tenant, as_of) = (tenant(), at(AS_OF));
    let mut world = world(7, 500, at("2026-02-08T00:00:00Z"), as_of);
    world.iter_mut().filter(|events| !is_meant(events)).for_each(Vec::clear);
    let report = folder.join(name);
    let working = folder.join(format!("{name}.w"));
    build(&working, &context(&tenant, &settings), &changes(&world, as_of), as_of).publish(&report, None).unwrap();
    report
}

fn ask(path: &Path, name: &str, pairs: &[(&str, &str)]) -> Map<String, Value> {
    let given = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Reader::open(path).unwrap().answer(name, &given.collect()).unwrap().unwrap()
}

fn has_tag(events: &[Event], wanted: &str) -> bool {
    events.iter().any(|event| match &event.body {
        vestibule_domain::event::Body::Enrollment(read) => read.tags.get("building").is_some_and(|tag| tag == wanted),
        _ => false,
    })
}

/// A value, how the answer repeats it, and the devices that have it: all attempts of each, or none.
type Case = ((&'static str, &'static str), Value, fn(&[Event]) -> bool);

fn cases() -> [Case; 6] {
    [
        (("model", "model 3"), json!({"by": "model", "value": "model 3"}), |events| {
            events.iter().any(|event| event.about.model.as_deref() == Some("Model 3"))
        }),
        (("osVersion", "16.1"), json!({"by": "osVersion", "value": "16.1"}), |events| {
            events.iter().any(|event| event.about.os_version.as_deref() == Some("16.1"))
        }),
        (("source", "nanomdm"), json!({"by": "source", "value": "nanomdm"}), |events| {
            events.iter().any(|event| event.key.source == "nanomdm")
        }),
        (("tag", "BUILDING=building 1"), json!({"by": "building", "value": "building 1"}), |events| {
            has_tag(events, "Building 1")
        }),
        (("without", "Building"), json!({"by": "building", "value": null}), |events| {
            !["Building 0", "Building 1", "Building 2"].iter().any(|tag| has_tag(events, tag))
        }),
        (("model", "Model"), json!({"by": "model", "value": "Model"}), |_| false),
    ]
}

/// What is not kept by value is taken out of both.
fn known_of_one(question: &str, mut answer: Map<String, Value>) -> Map<String, Value> {
    answer.remove("slice");
    if question == "coverage" {
        assert!(answer.remove("sources").is_some() && answer.remove("sentence").is_some());
    }
    for step in answer.get_mut("funnel").and_then(Value::as_array_mut).into_iter().flatten() {
        assert!(step.as_object_mut().unwrap().remove("medianSeconds").is_some());
    }
    answer
}

#[test]
fn a_report_about_one_value_is_that_of_a_file_that_has_its_attempts_alone() {
    let folder = tempfile::tempdir().unwrap();
    let whole = file(folder.path(), "whole", |_| true);
    for (at, ((parameter, value), repeated, is_meant)) in cases().into_iter().enumerate() {
        let alone = file(folder.path(), &format!("alone-{at}"), is_meant);
        // Only an attempt without a sender is none of the sender's: the session of a Windows device may begin one.
        let all = if parameter == "source" { "ios" } else { "all" };
        for (question, pairs) in [
            ("overview", &[][..]),
            ("overview", &[("os", all), ("from", "2026-02-20")]),
            (
                "overview",
                &[
                    ("section", "termsOfUse"),
                    ("compareFrom", "2026-02-12"),
                    ("compareTo", "2026-02-20"),
                    ("from", "2026-03-01"),
                ],
            ),
            ("incomplete-enrollments", &[]),
            ("incomplete-enrollments", &[("os", all), ("from", "2026-02-08")]),
            ("incomplete-enrollments", &[("os", "android"), ("from", "2026-02-08"), ("section", "setupChecklist")]),
            ("coverage", &[]),
            ("coverage", &[("os", all), ("from", "2026-02-08"), ("to", "2026-03-10")]),
        ] {
            let of_one = ask(&whole, question, &[pairs, &[(parameter, value)]].concat());
            assert_eq!(of_one["slice"], repeated);
            let expected = known_of_one(question, ask(&alone, question, pairs));
            assert_eq!(known_of_one(question, of_one), expected, "{question} {pairs:?} of {parameter} {value}");
        }
        let counted = ask(&whole, "coverage", &[("os", "all"), ("from", "2026-02-08"), (parameter, value)]);
        assert!(
            value == "Model" || counted["initiated"].as_u64() > Some(30),
            "{parameter} {value} has few: {counted:?}"
        );
    }
}

#[test]
fn what_got_worse_of_one_value_is_that_of_its_steps_and_platforms() {
    let folder = tempfile::tempdir().unwrap();
    let whole = file(folder.path(), "whole", |_| true);
    let ((parameter, value), repeated, is_meant) = cases().into_iter().next().unwrap();
    let alone = file(folder.path(), "alone", is_meant);
    // Rates rise, so that there is something to find.
    let raise = |path: &Path, sums: [&str; 2], of: &str| {
        let conn = Connection::open(path).unwrap();
        let today: i64 = conn
            .query_row("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'asOfDay'", [], |row| row.get(0))
            .unwrap();
        conn.execute_batch(&format!(
            "UPDATE {} SET measured = 60, abandoned_measured = CASE WHEN day >= {today} - 3 THEN 50 ELSE 4 END WHERE {of};
             UPDATE {} SET entered = 600, only_there = 0, abandoned = CASE WHEN day >= {today} - 4 THEN 500 ELSE 40 END,
               only_abandoned = 0 WHERE {of};",
            sums[0], sums[1]
        ))
        .unwrap();
    };
    // One row a day and platform in each, whatever the way in which Macs and PCs are enrolled.
    let of = "platform_id IN (SELECT id FROM platforms WHERE reported = 1)";
    let of_model = format!("{of} AND value_word = (SELECT id FROM words WHERE text = 'Model 3')");
    raise(&whole, ["daily_slices", "daily_slice_steps"], &of_model);
    raise(&alone, ["daily_totals", "daily_steps"], of);
    let conn = Connection::open(&alone).unwrap();
    conn.execute_batch(
        "DELETE FROM daily_failures; DELETE FROM esp_items; UPDATE esp_sessions SET profile_id_word = NULL",
    )
    .unwrap();
    let mut of_one = ask(&whole, "got-worse", &[(parameter, value)]);
    assert_eq!(of_one.remove("slice"), Some(repeated));
    let mut expected = ask(&alone, "got-worse", &[]);
    assert_eq!(expected.remove("slice"), Some(Value::Null));
    assert!(expected["worse"].as_array().unwrap().len() > 1, "{expected:?}");
    assert_eq!(of_one, expected);
}

#[test]
fn one_value_at_a_time_is_asked_for_and_none_of_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, summary) = (file(folder.path(), "whole", |_| true), folder.path().join("s.sqlite"));
    summarise(&whole, &summary).unwrap();
    let (whole, summary) = (Reader::open(&whole).unwrap(), Reader::open_summary(&summary).unwrap());
    let given = |pairs: &[(&str, &str)]| -> Parameters {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let only = "cannot be combined: only one of model, osVersion, enrollmentType, source, tag and without";
    for question in ["overview", "incomplete-enrollments", "coverage", "got-worse"] {
        for (pairs, field, problem) in [
            (&[("model", "a"), ("osVersion", "b")][..], "osVersion", only),
            (&[("model", "a"), ("tag", "b=c"), ("source", "d")], "source", only),
            (&[("without", "model"), ("source", "d")], "without", only),
            (&[("tag", "Sales")], "tag", "must be a key and a value, like department=Sales"),
            (&[("tag", "=Sales")], "tag", "must be a key and a value, like department=Sales"),
        ] {
            match whole.answer(question, &given(pairs)) {
                Err(Error::InvalidFilter { field: wrong, problem: why }) => {
                    assert_eq!((wrong.as_str(), why.as_str()), (field, problem), "{question} {pairs:?}");
                }
                other => panic!("{question} {pairs:?}: {other:?}"),
            }
        }
        let unknown = summary.answer(question, &given(&[("model", "Model 3")]));
        assert!(matches!(unknown, Err(Error::UnknownParameter { .. })), "{question}: {unknown:?}");
    }
    // Neither a tag that is named like another slice nor another spelling of a sender is taken for it.
    for pairs in [[("tag", "model=Model 3")], [("source", "NanoMDM")]] {
        let answer =
            whole.answer("coverage", &given(&[&pairs[..], &[("from", "2026-02-08")]].concat())).unwrap().unwrap();
        assert_eq!(answer["initiated"], 0, "{pairs:?}");
    }
}
