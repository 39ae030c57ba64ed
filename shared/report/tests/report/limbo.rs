//! Devices that left one MDM and did not come back, and registered devices that never began (docs/DOMAIN.md, D9). A
//! second implementation of the rule, over plain lists of events, checks them.

use crate::common;

use common::{about, at, build, changes, context, differences, dump, event, reports, step, tenant, world};
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use vestibule_domain::esp::{DeploymentMode, EspDetail, EspEvent, Start};
use vestibule_domain::event::Body;
use vestibule_domain::{Event, History, Kind, Millis, Platform, TenantSettings, Timestamp, fold};
use vestibule_report::ask::Parameters;
use vestibule_report::{Change, Working};

const AS_OF: &str = "2026-03-20T12:00:00Z";

fn before(days: i64) -> Timestamp {
    at(AS_OF) - Millis::from_days(days)
}

/// An event of a source about a device, so many days before the file's instant.
fn says(source: &str, words: &[&str], device: u64, days: i64, kind: Kind) -> Event {
    let mut event = event(format!("{source}-{days}"), before(days), 0, about(device, Platform::Ios), step(kind));
    event.key.source = source.to_owned();
    event.reports = reports(words);
    event
}

fn jamf(device: u64, days: i64, kind: Kind) -> Event {
    says("jamf", &["ends", "removals"], device, days, kind)
}

/// A sender that reports no removals.
fn graph(device: u64, days: i64, kind: Kind) -> Event {
    says("graph", &["ends", "compliance"], device, days, kind)
}

fn change(device: u64, events: impl IntoIterator<Item = Event>) -> Change {
    let mut history = History::default();
    for event in events {
        history.add(event);
    }
    Change { item: format!("item-{device}"), version: history.len() as u64, history, expires_at: None }
}

fn asked(pairs: &[(&str, &str)]) -> Parameters {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The answer of a file of these devices.
fn answer(changes: &[Change], as_of: Timestamp, pairs: &[(&str, &str)]) -> Value {
    let (tenant, settings, folder) = (tenant(), TenantSettings::default(), tempfile::tempdir().unwrap());
    let working = build(&folder.path().join("w"), &context(&tenant, &settings), changes, as_of);
    Value::Object(working.reader().unwrap().answer("limbo", &asked(pairs)).unwrap().unwrap())
}

/// The reason each device is listed for, its number, and the source where it may still be enrolled.
fn listed(answer: &Value) -> Vec<(String, u64, Option<String>)> {
    let devices = answer["devices"].as_array().unwrap().iter();
    let one = |one: &Value| {
        let digits: String = one["enrollmentKey"].as_str().unwrap().chars().filter(char::is_ascii_digit).collect();
        let may_be_at = one["mayBeAt"].as_str().map(str::to_owned);
        (one["why"].as_str().unwrap().to_owned(), digits.parse().unwrap(), may_be_at)
    };
    devices.map(one).collect()
}

fn left(device: u64) -> (String, u64, Option<String>) {
    ("left".to_owned(), device, None)
}

#[test]
fn a_device_that_left_and_is_enrolled_nowhere_is_in_limbo() {
    let esp = |device, hours: i64, detail| {
        let mut event = graph(device, 5, Kind::Started);
        (event.key.id, event.time) = (format!("esp-{hours}"), before(5) + Millis::from_minutes(hours * 60));
        event.received_at = event.time;
        event.body = Body::Esp(EspEvent { session_id: Some("s".to_owned()), detail });
        event
    };
    let start = Start { deployment_mode: Some(DeploymentMode::UserDriven), ..Start::default() };
    let mut restated = graph(3, 5, Kind::Enrolled);
    if let Body::Enrollment(step) = &mut restated.body {
        step.said.restated = true;
    }
    let all = [
        // It left; no other report.
        change(1, [jamf(1, 9, Kind::Enrolled), jamf(1, 6, Kind::Unenrolled)]),
        // Another MDM enrolled it later.
        change(2, [jamf(2, 6, Kind::Unenrolled), graph(2, 5, Kind::Enrolled)]),
        // The other MDM reports it as still enrolled.
        change(3, [jamf(3, 6, Kind::Unenrolled), restated]),
        // Another MDM enrolled it before and never reported its removal.
        change(4, [graph(4, 8, Kind::Enrolled), jamf(4, 6, Kind::Unenrolled)]),
        // It left both MDMs, Jamf last.
        change(5, [says("fleet", &["ends", "removals"], 5, 7, Kind::Unenrolled), jamf(5, 6, Kind::Unenrolled)]),
        // Its Enrollment Status Page completed, which counts as an `enrolled`.
        change(
            6,
            [
                jamf(6, 6, Kind::Unenrolled),
                esp(6, 0, EspDetail::Started(Box::new(start))),
                esp(6, 1, EspDetail::Completed),
            ],
        ),
        // It came back and begins anew; no other removal was reported.
        change(
            7,
            [
                jamf(7, 9, Kind::Unenrolled),
                jamf(7, 8, Kind::Enrolled),
                jamf(7, 8, Kind::Compliant),
                says("native", &["starts"], 7, 2, Kind::Started),
            ],
        ),
        // A new enrollment began and has not completed.
        change(8, [jamf(8, 6, Kind::Unenrolled), says("native", &["starts"], 8, 0, Kind::Started)]),
    ];
    let answered = answer(&all, at(AS_OF), &[]);
    let expected = [left(8), left(5), ("left".to_owned(), 4, Some("graph".to_owned())), left(1)];
    let mut found = listed(&answered);
    found.sort_by_key(|(_, device, _)| std::cmp::Reverse(*device));
    assert_eq!(found, expected);
    assert_eq!((&answered["leftDevices"], &answered["mayBeElsewhere"]), (&Value::from(4), &Value::from(1)));
    assert!(answered["devices"].as_array().unwrap().iter().all(|one| one["source"] == "jamf" && one["days"] == 6));
    assert_eq!(answered["byDay"].as_array().unwrap().len(), 1);
    let day = &answered["byDay"][0];
    assert_eq!((&day["date"], &day["source"], &day["devices"]), (&json!("2026-03-14"), &json!("jamf"), &json!(4)));
    // The sender that reports no removals has null; the one that reports them has zero.
    let of = |source: &str| answered["sources"].as_array().unwrap().iter().find(|one| one["source"] == source).unwrap();
    let counts = |source: &str| ["devices", "removals", "removed", "notBack"].map(|member| of(source)[member].clone());
    assert_eq!(counts("jamf"), [json!(8), json!(true), json!(8), json!(4)]);
    assert_eq!(counts("fleet"), [json!(1), json!(true), json!(1), json!(0)]);
    assert_eq!(counts("graph"), [json!(4), json!(false), Value::Null, Value::Null]);
    // A device that was registered and left is listed once.
    let both = change(9, [graph(9, 30, Kind::Registered), jamf(9, 6, Kind::Unenrolled)]);
    assert_eq!(listed(&answer(&[both], at(AS_OF), &[])), [left(9)]);
}

#[test]
fn a_count_that_no_sender_reports_is_null() {
    let answered = answer(&[change(1, [graph(1, 3, Kind::Enrolled)])], at(AS_OF), &[]);
    assert_eq!((&answered["leftDevices"], &answered["mayBeElsewhere"]), (&Value::Null, &Value::Null));
    assert_eq!((&answered["registered"], &answered["notBegun"]), (&Value::from(0), &Value::Null));
    assert_eq!(answer(&[], at(AS_OF), &[])["leftDevices"], Value::Null);
    // A sender that reports removals and sent none has zero.
    let answered = answer(&[change(1, [jamf(1, 3, Kind::Enrolled)])], at(AS_OF), &[]);
    assert_eq!((&answered["leftDevices"], &answered["notBegun"]), (&Value::from(0), &Value::Null));
    // Events stored before senders declared what they report: a removal among them shows that removals are reported.
    let old = says("native", &["ends"], 1, 3, Kind::Unenrolled);
    let answered = answer(&[change(1, [old])], at(AS_OF), &[]);
    assert_eq!((&answered["leftDevices"], &answered["sources"][0]["removals"]), (&Value::from(1), &Value::from(true)));
}

#[test]
fn a_registered_device_that_never_began_is_listed_after_a_day() {
    let all = [
        change(1, [graph(1, 20, Kind::Registered)]),
        change(2, [graph(2, 3, Kind::Registered)]),
        change(3, [graph(3, 20, Kind::Registered), jamf(3, 2, Kind::Enrolled)]),
        change(4, [graph(4, 14, Kind::Registered)]),
    ];
    let never = |device: u64| ("notBegun".to_owned(), device, None);
    let answered = answer(&all, at(AS_OF), &[]);
    assert_eq!(listed(&answered), [never(4), never(1)]);
    assert_eq!(
        (&answered["registered"], &answered["notBegun"], &answered["afterDays"]),
        (&json!(4), &json!(2), &json!(14))
    );
    assert_eq!(answered["devices"][0]["days"], 14);
    let answered = answer(&all, at(AS_OF), &[("afterDays", "0"), ("why", "notbegun"), ("limit", "2")]);
    assert_eq!((listed(&answered), &answered["notBegun"]), (vec![never(2), never(4)], &json!(3)));
    let next = answered["next"].as_str().unwrap();
    let asked = [("afterDays", "0"), ("why", "notbegun"), ("limit", "2"), ("cursor", next)];
    let answered = answer(&all, at(AS_OF), &asked);
    assert_eq!((listed(&answered), answered["next"].as_str()), (vec![never(1)], None));
    assert!(listed(&answer(&all, at(AS_OF), &[("why", "left")])).is_empty());
}

#[test]
fn parameters_that_are_invalid_are_refused() {
    let (tenant, settings, folder) = (tenant(), TenantSettings::default(), tempfile::tempdir().unwrap());
    let working = build(&folder.path().join("w"), &context(&tenant, &settings), &[], at(AS_OF));
    let reader = working.reader().unwrap();
    for (name, value, problem) in [
        ("afterDays", "1001", "must be between 0 and 1000"),
        ("afterDays", "-1", "must be between 0 and 1000"),
        ("why", "lost", "must be left or notBegun"),
    ] {
        let error = reader.answer("limbo", &asked(&[(name, value)])).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(problem), "{error}");
    }
}

/// A removal leaves the file with the window, together with the reports of management before it.
#[test]
fn a_refreshed_file_whose_window_moved_equals_a_built_one() {
    let (tenant, settings) = (tenant(), TenantSettings::default());
    let context = context(&tenant, &settings);
    let all = [
        change(1, [graph(1, 40, Kind::Registered), jamf(1, 20, Kind::Enrolled), jamf(1, 10, Kind::Unenrolled)]),
        change(2, [graph(2, 12, Kind::Enrolled), jamf(2, 10, Kind::Unenrolled), graph(2, 0, Kind::Compliant)]),
        change(3, [jamf(3, 10, Kind::Unenrolled), graph(3, 8, Kind::Enrolled)]),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = |name: String| folder.path().join(name);
    let mut refreshed = build(&path("w".to_owned()), &context, &all, at(AS_OF));
    let mut counts = Vec::new();
    for days in 0..45 {
        let as_of = at(AS_OF) + Millis::from_days(days) + Millis::new(1);
        refreshed.refresh(as_of).unwrap().finish().unwrap();
        let (one, two) = (path(format!("one{days}")), path(format!("two{days}")));
        refreshed.publish(&one, None).unwrap();
        build(&path(format!("b{days}")), &context, &all, as_of).publish(&two, None).unwrap();
        assert_eq!(differences(&dump(&one), &dump(&two)), Vec::<String>::new(), "{days} days later");
        let answered = refreshed.reader().unwrap().answer("limbo", &Parameters::new()).unwrap().unwrap();
        counts.push(answered["leftDevices"].as_u64());
    }
    assert_eq!((counts[0], counts[20], counts[21], counts[44]), (Some(2), Some(2), None, None));
}

/// The rule implemented again: the last report of each device's management decides.
fn plainly(events: &[Vec<Event>], settings: &TenantSettings, as_of: Timestamp) -> BTreeMap<String, (String, String)> {
    let cutoff = as_of.day(settings.time_zone).plus(-30);
    let mut all = BTreeMap::new();
    for events in events {
        let mut history = History::default();
        let known: Vec<&Event> = events.iter().filter(|event| event.received_at <= as_of).collect();
        for event in &known {
            history.add((*event).clone());
        }
        let mut said: Vec<(Timestamp, bool, &str)> = Vec::new();
        for event in known.iter().filter(|event| event.placed() <= as_of) {
            let kind = event.step().map(|step| step.kind);
            if matches!(kind, Some(Kind::Enrolled | Kind::Unenrolled)) {
                said.push((event.placed(), kind == Some(Kind::Unenrolled), &event.key.source));
            }
        }
        said.sort();
        let enrollment = fold(&tenant(), &history, settings, as_of);
        if let Some((when, true, source)) = said.last()
            && !enrollment.enrolled
            && when.day(settings.time_zone) >= cutoff
        {
            all.insert(enrollment.key.as_str().to_owned(), ((*source).to_owned(), when.to_string()));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_list_is_what_the_events_say(seed in any::<u64>(), hours in 0_i64..1_200) {
        let (tenant, settings) = (tenant(), TenantSettings::default());
        let context = context(&tenant, &settings);
        let (from, until) = (at("2026-02-01T00:00:00Z"), at("2026-03-20T00:00:00Z"));
        let events = world(seed, 60, from, until);
        let as_of = from + Millis::from_minutes(hours * 60);
        let folder = tempfile::tempdir().unwrap();
        let working: Working = build(&folder.path().join("w"), &context, &changes(&events, as_of), as_of);
        let answered = working.reader().unwrap().answer("limbo", &asked(&[("why", "left"), ("limit", "1000")]));
        let answered = answered.unwrap().unwrap();
        let text = |one: &Value, member: &str| one[member].as_str().unwrap().to_owned();
        let listed: BTreeMap<String, (String, String)> = answered["devices"].as_array().unwrap().iter()
            .map(|one| (text(one, "enrollmentKey"), (text(one, "source"), text(one, "since"))))
            .collect();
        let plain = plainly(&events, &settings, as_of);
        prop_assert_eq!(answered["leftDevices"].as_u64().unwrap_or(0), plain.len() as u64);
        prop_assert_eq!(listed, plain);
    }
}
