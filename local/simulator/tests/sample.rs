//! The properties of every sample, whatever its seed, read from the events as a server would.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;
use vestibule_simulator::{Delivery, Mark, SCRIPTED, Scenario, Summary, enrollment, simulate};

/// Friday, 5 June 2026, 15:00 in UTC.
const UNTIL: i64 = 1_780_671_600_000;
const MINUTE: i64 = 60_000;
const SEEDS: [u64; 6] = [0, 1, 7, 42, 20_260_605, u64::MAX];

fn scenario(seed: u64, enrollments: usize) -> Scenario {
    Scenario { seed, enrollments, days: 30, until_ms: UNTIL }
}

/// The catalogue: row, platforms, action, the person's choice (`None` if they waited).
const ROWS: [(u8, &[&str], &str, Option<&str>); 19] = [
    (1, &["ios", "android"], "EnrollmentWrapUp", Some("cancel")),
    (2, &["ios", "android"], "EnrollmentWrapUp", None),
    (3, &["ios", "android"], "DeviceCategory", None),
    (4, &["ios", "android"], "PreEnrollmentWizard", Some("postpone")),
    (5, &["ios", "android"], "PreEnrollmentWizard", None),
    (6, &["ios"], "iOSProfileLaunch", Some("ignore")),
    (7, &["ios"], "iOSProfileLaunch", Some("cancel")),
    (8, &["ios"], "iOSProfileLaunch", Some("cancel")),
    (9, &["ios"], "iOSProfileLaunch", None),
    (10, &["android"], "AndroidPermissions", Some("cancel")),
    (11, &["android"], "AndroidPermissions", None),
    (12, &["android"], "KnoxActivation", Some("cancel")),
    (13, &["android"], "KnoxActivation", None),
    (14, &["ios", "android"], "TermsofUse", Some("declineAll")),
    (15, &["ios", "android"], "TermsofUse", None),
    (16, &["ios", "android"], "Compliance", Some("postpone")),
    (17, &["ios", "android"], "Compliance", None),
    (18, &["ios", "android"], "Activation", Some("postpone")),
    (19, &["ios", "android"], "Activation", None),
];

/// An attempt, from a simple reading of the events.
#[derive(Debug, Clone)]
struct Try {
    platform: String,
    outcome: &'static str,
    cause: String,
    row: Option<u8>,
    started: i64,
    ended: i64,
}

fn text<'a>(event: &'a Value, member: &str) -> Option<&'a str> {
    event["data"][member].as_str()
}

fn row_of(platform: &str, place: &Value, choice: Option<&str>) -> Option<u8> {
    let screen = place["screen"].as_str();
    let action = match (place["action"].as_str()?, screen) {
        ("Compliance", Some("enrollmentActivation")) => "Activation",
        ("TermsOfUse", _) => "TermsofUse",
        (action, _) => action,
    };
    if screen == Some("trustProfilePrompt") && choice == Some("cancel") {
        return Some(8);
    }
    ROWS.iter().find(|row| row.1.contains(&platform) && row.2 == action && row.3 == choice).map(|row| row.0)
}

/// The attempts of one enrollment, as far as these tests need them.
fn tries(events: &[(i64, Value)], as_of: i64) -> Vec<Try> {
    let mut done: Vec<Try> = Vec::new();
    let mut open: Option<(Try, i64, Value, HashSet<String>)> = None;
    let (mut enrolled, mut compliant) = (false, false);
    let limit = |platform: &str| match platform {
        "windows" => 1_440 * MINUTE,
        _ => 30 * MINUTE,
    };
    let close = |mut attempt: Try, at: i64, outcome, cause: &str| {
        attempt.outcome = outcome;
        attempt.cause = cause.to_owned();
        attempt.ended = at;
        attempt
    };
    let timed_out = |attempt: Try, last: i64, place: &Value| {
        let (platform, limit) = (attempt.platform.clone(), limit(&attempt.platform));
        let mut attempt = close(attempt, last + limit, "abandoned", "timedOut");
        attempt.row = row_of(&platform, place, None);
        attempt
    };
    for (at, event) in events {
        let kind = event["type"].as_str().unwrap();
        if kind == "enrollment.registered" || kind.starts_with("esp.") {
            continue;
        }
        let platform = text(event, "platform").unwrap().to_owned();
        if kind == "enrollment.unenrolled" {
            (enrolled, compliant) = (false, false);
            if let Some((attempt, ..)) = open.take() {
                done.push(close(attempt, *at, "abandoned", "unenrolled"));
            }
            continue;
        }
        if let Some((attempt, last, place, sources)) = open.take() {
            if at - last > limit(&platform) {
                done.push(timed_out(attempt, last, &place));
            } else {
                open = Some((attempt, last, place, sources));
            }
        }
        let source = event["source"].as_str().unwrap().to_owned();
        if kind == "enrollment.started" {
            if open.as_ref().is_some_and(|o| o.3.contains(&source)) {
                let (attempt, ..) = open.take().unwrap();
                done.push(close(attempt, *at, "abandoned", "restarted"));
            }
            if open.is_none() && enrolled && compliant {
                (enrolled, compliant) = (false, false);
            }
        }
        let echo = matches!(kind, "enrollment.failed" | "enrollment.stopped")
            && done.last().is_some_and(|t| at - t.ended <= 2 * MINUTE);
        let known = (kind == "enrollment.enrolled" && enrolled)
            || (kind == "enrollment.compliant" && compliant)
            || (enrolled && compliant && kind != "enrollment.started");
        let never = matches!(kind, "enrollment.step.completed" | "enrollment.portalClosed");
        if open.is_none() && (echo || known || never) {
            continue;
        }
        let (mut attempt, _, mut place, mut sources) = open.take().unwrap_or_else(|| {
            let attempt = Try {
                platform: platform.clone(),
                outcome: "inProgress",
                cause: String::new(),
                row: None,
                started: *at,
                ended: *at,
            };
            (attempt, *at, Value::Null, HashSet::new())
        });
        sources.insert(source);
        if kind.starts_with("enrollment.step.") || event["data"]["action"].is_string() {
            place = event["data"].clone();
        }
        let gave_up = event["data"]["failure"]["category"] == "userAbandonment";
        match kind {
            "enrollment.stopped" | "enrollment.failed" if kind == "enrollment.stopped" || gave_up => {
                let choice = text(event, "userAction").unwrap_or("cancel");
                attempt.row = row_of(&platform, &place, Some(choice));
                done.push(close(attempt, *at, "abandoned", choice));
                continue;
            }
            "enrollment.failed" => {
                done.push(close(attempt, *at, "failed", ""));
                continue;
            }
            "enrollment.portalClosed" => {
                done.push(close(attempt, *at, "abandoned", "portalClosed"));
                continue;
            }
            "enrollment.enrolled" => enrolled = true,
            "enrollment.compliant" => compliant = true,
            _ => {}
        }
        if enrolled && compliant {
            done.push(close(attempt, *at, "completed", ""));
        } else {
            open = Some((attempt, *at, place, sources));
        }
    }
    if let Some((attempt, last, place, _)) = open {
        let limit = limit(&attempt.platform);
        done.push(if as_of - last > limit { timed_out(attempt, last, &place) } else { attempt });
    }
    done
}

/// The events of each enrollment that had arrived at an instant, ordered by their own time.
fn arrived(deliveries: &[Delivery], as_of: i64) -> BTreeMap<u32, Vec<(i64, Value)>> {
    let mut events: BTreeMap<u32, Vec<(i64, Value)>> = BTreeMap::new();
    for delivery in deliveries {
        if delivery.at_ms <= as_of && delivery.mark != Mark::Duplicate {
            let placed = delivery.event.time_ms.min(delivery.at_ms);
            let of = events.entry(delivery.enrollment).or_default();
            of.push((placed, delivery.event.to_json()));
        }
    }
    for events in events.values_mut() {
        events.sort_by_key(|(at, _)| *at);
    }
    events
}

fn all_tries(deliveries: &[Delivery], as_of: i64) -> Vec<(u32, Try)> {
    arrived(deliveries, as_of)
        .iter()
        .flat_map(|(index, events)| tries(events, as_of).into_iter().map(|t| (*index, t)))
        .collect()
}

#[test]
fn the_same_scenario_gives_the_same_sample() {
    let scenario = scenario(42, 400);
    let first = simulate(&scenario);
    assert_eq!(first, simulate(&scenario));
    let bytes = |deliveries: &[Delivery]| -> Vec<Vec<u8>> { deliveries.iter().map(|d| d.event.to_bytes()).collect() };
    assert_eq!(bytes(&first), bytes(&simulate(&scenario)));
    let other = Scenario { seed: 43, ..scenario };
    assert_ne!(first, simulate(&other));
}

#[test]
fn one_enrollment_is_the_same_alone() {
    let scenario = scenario(42, 300);
    let all = simulate(&scenario);
    for index in [0, 17, SCRIPTED, 299] {
        let of: Vec<Delivery> = all.iter().filter(|d| d.enrollment as usize == index).cloned().collect();
        assert_eq!(of, enrollment(&scenario, index));
    }
}

#[test]
fn deliveries_are_in_order_and_in_the_sample() {
    for seed in SEEDS {
        let deliveries = simulate(&scenario(seed, 500));
        assert!(deliveries.is_sorted_by_key(|d| d.at_ms));
        assert!(deliveries.iter().all(|d| d.at_ms <= UNTIL));
        let earliest = UNTIL - 30 * 1_440 * MINUTE;
        assert!(deliveries.iter().all(|d| d.at_ms >= earliest - MINUTE));
    }
}

#[test]
fn every_row_occurs() {
    for seed in SEEDS {
        let found = all_tries(&simulate(&scenario(seed, 200)), UNTIL);
        let rows: BTreeSet<(&str, u8)> =
            found.iter().filter_map(|(_, t)| t.row.map(|row| (t.platform.as_str(), row))).collect();
        for (number, platforms, ..) in ROWS {
            for platform in platforms {
                assert!(rows.contains(&(*platform, number)), "seed {seed}: row {number} on {platform}");
            }
        }
    }
}

#[test]
fn every_outcome_and_cause_occurs() {
    for seed in SEEDS {
        let deliveries = simulate(&scenario(seed, 200));
        let found = all_tries(&deliveries, UNTIL);
        let ends: BTreeSet<(&str, &str)> = found.iter().map(|(_, t)| (t.outcome, t.cause.as_str())).collect();
        for cause in
            ["cancel", "postpone", "ignore", "declineAll", "portalClosed", "timedOut", "restarted", "unenrolled"]
        {
            assert!(ends.contains(&("abandoned", cause)), "seed {seed}: {cause}");
        }
        for outcome in ["completed", "failed", "inProgress"] {
            assert!(ends.contains(&(outcome, "")), "seed {seed}: {outcome}");
        }
        for platform in ["ios", "android", "windows", "macos"] {
            for outcome in ["completed", "failed"] {
                let here = |t: &Try| t.platform == platform && t.outcome == outcome;
                assert!(found.iter().any(|(_, t)| here(t)), "seed {seed}: {outcome} on {platform}");
            }
        }
        // Registered, but never begun.
        let begun: HashSet<u32> = found.iter().map(|(index, _)| *index).collect();
        let pending = deliveries
            .iter()
            .any(|d| d.event.kind == vestibule_simulator::Kind::Registered && !begun.contains(&d.enrollment));
        assert!(pending, "seed {seed}");
    }
}

#[test]
fn the_guarantee_holds_in_a_short_sample() {
    for until_ms in [UNTIL, UNTIL + 2 * 1_440 * MINUTE] {
        let short = Scenario { days: 1, until_ms, ..scenario(3, 200) };
        let found = all_tries(&simulate(&short), until_ms);
        let rows: BTreeSet<u8> = found.iter().filter_map(|(_, t)| t.row).collect();
        assert_eq!(rows.len(), ROWS.len(), "{rows:?}");
    }
}

#[test]
fn every_course_of_the_status_page_occurs() {
    for seed in SEEDS {
        let deliveries = simulate(&scenario(seed, 200));
        let (mut in_time, mut overtime, mut never, mut failed, mut retried) = (0, 0, 0, 0, 0);
        let mut modes = BTreeSet::new();
        for events in arrived(&deliveries, UNTIL).values() {
            let of = |kind: &'static str| events.iter().filter(move |(_, e)| e["type"] == kind);
            for (_, event) in of("esp.started") {
                modes.insert(text(event, "deploymentMode").unwrap().to_owned());
            }
            let Some((began, _)) = of("esp.started").next() else {
                continue;
            };
            match of("esp.completed").next() {
                Some((ended, _)) if ended - began > 60 * MINUTE => overtime += 1,
                Some(_) => in_time += 1,
                None if of("esp.failed").next().is_some() => failed += 1,
                None => never += 1,
            }
            retried += of("esp.action").filter(|(_, event)| text(event, "action") == Some("retry")).count();
        }
        assert_eq!(modes.len(), 4, "seed {seed}: {modes:?}");
        let all = [in_time, overtime, never, failed, retried];
        assert!(all.iter().all(|count| *count > 0), "seed {seed}: {all:?}");
    }
}

#[test]
fn late_events_correct_an_answer() {
    for seed in SEEDS {
        let deliveries = simulate(&scenario(seed, 200));
        let late = deliveries
            .iter()
            .filter(|d| d.mark == Mark::Late && (d.enrollment as usize) < SCRIPTED)
            .min_by_key(|d| d.at_ms)
            .unwrap();
        let outcome = |as_of: i64| {
            all_tries(&deliveries, as_of)
                .into_iter()
                .find(|(index, _)| *index == late.enrollment)
                .map(|(_, t)| (t.outcome, t.cause))
        };
        let before = outcome(late.at_ms - 1);
        assert_eq!(before, Some(("abandoned", "timedOut".to_owned())));
        assert_eq!(outcome(UNTIL), Some(("completed", String::new())));
    }
}

#[test]
fn envelopes_are_valid() {
    let deliveries = simulate(&scenario(5, 1_500));
    let mut ids: HashMap<(String, String), Value> = HashMap::new();
    for delivery in &deliveries {
        let event = delivery.event.to_json();
        assert_eq!(event["specversion"], "1.0");
        let id = event["id"].as_str().unwrap();
        assert_eq!(id.len(), 36);
        assert_eq!((&id[14..15], id.matches('-').count()), ("4", 4));
        let time = event["time"].as_str().unwrap();
        assert_eq!(time.len(), "2026-06-05T15:00:00.000Z".len());
        let parsed = chrono::DateTime::parse_from_rfc3339(time).unwrap();
        assert_eq!(parsed.timestamp_millis(), delivery.event.time_ms);
        assert!(!event["subject"].as_str().unwrap().is_empty());
        let source = event["source"].as_str().unwrap();
        let data = event["data"].as_object().unwrap();
        let platform = data["platform"].as_str().unwrap();
        assert!(["windows", "macos", "ios", "android"].contains(&platform));
        let kind = event["type"].as_str().unwrap();
        if kind.starts_with("enrollment.step.") {
            assert!(data["action"].is_string());
        }
        // At least one identifier always names the device.
        let device = &event["data"]["device"];
        let identified = ["serialNumber", "udid", "mdmDeviceId"].iter().any(|member| device[member].is_string());
        assert!(identified || data.contains_key("enrollmentId"), "{event}");
        if !identified {
            assert!(device["name"].is_string() || device.is_null());
        }
        // The same source and id mean the same event.
        let key = (source.to_owned(), id.to_owned());
        let first = ids.insert(key, event.clone());
        assert_eq!(first.is_some(), delivery.mark == Mark::Duplicate);
        assert!(first.is_none_or(|first| first == event));
    }
}

#[test]
fn the_summary_matches_the_sample() {
    for seed in SEEDS {
        let scenario = scenario(seed, 3_000);
        let deliveries = simulate(&scenario);
        let summary = Summary::of(&scenario, &deliveries);
        let found = all_tries(&deliveries, UNTIL);
        println!("{summary:?}");
        let mut shares: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (_, t) in &found {
            *shares.entry((t.outcome, t.cause.as_str())).or_default() += 1;
        }
        println!("{} tries of {} enrollments", found.len(), scenario.enrollments);
        for ((outcome, cause), count) in &shares {
            let share = 100.0 * *count as f64 / found.len() as f64;
            println!("  {outcome} {cause}: {count} ({share:.1} %)");
        }
        assert!((10.0..16.0).contains(&summary.events_per_enrollment));
        let share = |count: usize| count as f64 / summary.events as f64;
        assert!((0.01..0.03).contains(&share(summary.duplicates)));
        assert!((0.02..0.04).contains(&share(summary.late)));
        let completed = shares[&("completed", "")] as f64 / found.len() as f64;
        assert!((0.5..0.8).contains(&completed), "{completed}");
    }
}

#[test]
fn a_completed_mobile_try_has_its_usual_length() {
    let deliveries = simulate(&scenario(11, 3_000));
    let (mut counts, mut minutes) = (Vec::new(), Vec::new());
    for events in arrived(&deliveries, UNTIL).values() {
        let found = tries(events, UNTIL);
        let [t] = found.as_slice() else { continue };
        if t.outcome == "completed" && ["ios", "android"].contains(&t.platform.as_str()) {
            counts.push(events.len());
            minutes.push((t.ended - t.started) / MINUTE);
        }
    }
    counts.sort_unstable();
    minutes.sort_unstable();
    let at = |part: usize| counts.len() * part / 100;
    println!(
        "events: p10 {} median {} p90 {}; minutes: p10 {} median {} p90 {}",
        counts[at(10)],
        counts[at(50)],
        counts[at(90)],
        minutes[at(10)],
        minutes[at(50)],
        minutes[at(90)]
    );
    assert!((9..=13).contains(&counts[at(50)]));
    assert!((4..=12).contains(&minutes[at(10)]) && (4..=13).contains(&minutes[at(90)]));
}

#[test]
fn platforms_have_their_shares() {
    let deliveries = simulate(&scenario(2, 4_000));
    let mut seen: BTreeMap<u32, String> = BTreeMap::new();
    for delivery in &deliveries {
        let platform = delivery.event.to_json()["data"]["platform"].clone();
        seen.insert(delivery.enrollment, platform.as_str().unwrap().to_owned());
    }
    let share = |platform: &str| seen.values().filter(|p| *p == platform).count() as f64 / seen.len() as f64;
    assert!((0.32..0.38).contains(&share("ios")), "{}", share("ios"));
    assert!((0.27..0.33).contains(&share("android")));
    assert!((0.22..0.28).contains(&share("windows")));
    assert!((0.07..0.13).contains(&share("macos")));
}

#[test]
fn odd_scenarios_are_simulated() {
    let none = Scenario { seed: 0, enrollments: 0, days: 0, until_ms: 0 };
    assert!(simulate(&none).is_empty());
    for until_ms in [i64::MIN, 0, i64::MAX] {
        for days in [0, u32::MAX] {
            let odd = Scenario { seed: 9, enrollments: 120, days, until_ms };
            assert!(!simulate(&odd).is_empty());
        }
    }
}
