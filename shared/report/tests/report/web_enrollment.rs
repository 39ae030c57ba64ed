//! Web-based enrollment in the file: counts of people by step, no person, and null if no sign-in was received.

use crate::common;

use common::{at, build, context, differences, dump, tenant};
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use vestibule_domain::web_enrollment::{CountedSteps, WebDays, WebStep};
use vestibule_domain::{Day, Millis, Platform, TenantSettings, Timestamp};
use vestibule_report::Working;
use vestibule_report::ask::Parameters;

const AS_OF: &str = "2026-03-20T12:00:00Z";

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn set(steps: &[WebStep]) -> CountedSteps {
    CountedSteps::from_bits(steps.iter().fold(0, |bits, step| bits | 1 << *step as u16)).unwrap()
}

fn file(folder: &std::path::Path, name: &str, days: &WebDays, as_of: Timestamp) -> Working {
    let (tenant, settings) = (tenant(), TenantSettings::default());
    let mut working = build(&folder.join(name), &context(&tenant, &settings), &[], as_of);
    working.set_web_days(days);
    working.refresh(as_of).unwrap().finish().unwrap();
    working
}

fn answer(working: &Working, pairs: &[(&str, &str)]) -> Value {
    let asked: Parameters = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Value::Object(working.reader().unwrap().answer("web-enrollment", &asked).unwrap().unwrap())
}

/// Two days with sign-ins, one of them without any that counts.
fn story() -> WebDays {
    use WebStep::{AccessBlocked, EnrollmentSignIn, MfaSetup, PortalSignIn};
    let of = |platform, steps: &[WebStep], people| ((platform, set(steps)), people);
    WebDays::from([
        (day("2026-03-18"), BTreeMap::new()),
        (
            day("2026-03-19"),
            BTreeMap::from([
                of(Platform::Ios, &[AccessBlocked], 5),
                of(Platform::Ios, &[AccessBlocked, MfaSetup], 2),
                of(Platform::Ios, &[AccessBlocked, PortalSignIn, EnrollmentSignIn], 3),
                of(Platform::Android, &[PortalSignIn], 4),
                of(Platform::Android, &[AccessBlocked], 1),
            ]),
        ),
    ])
}

#[test]
fn people_who_met_the_wall_and_people_who_went_on_are_counted_apart() {
    let folder = tempfile::tempdir().unwrap();
    let working = file(folder.path(), "w", &story(), at(AS_OF));
    let counts = |shown: &Value| {
        ["people", "metTheWall", "wentOn", "reachedPortal", "reachedEnrollment"].map(|member| shown[member].as_u64())
    };
    let shown = answer(&working, &[]);
    assert_eq!(counts(&shown), [15, 6, 9, 7, 3].map(Some));
    assert_eq!((&shown["days"], &shown["daysHeard"], &shown["os"]), (&json!(14), &json!(2), &Value::Null));
    assert_eq!(counts(&answer(&working, &[("os", "ios")])), [10, 5, 5, 3, 3].map(Some));
    assert_eq!(counts(&answer(&working, &[("os", "Android")])), [5, 1, 4, 4, 0].map(Some));
    let steps: Vec<(String, u64, u64, bool)> = shown["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let number = |member: &str| one[member].as_u64().unwrap();
            let name = one["step"].as_str().unwrap().to_owned();
            (name, number("people"), number("onlyThis"), one["opens"].as_bool().unwrap())
        })
        .collect();
    let expected = [
        ("accessBlocked", 11, 6, true),
        ("portalSignIn", 7, 4, true),
        ("enrollmentSignIn", 3, 0, true),
        ("mfaSetup", 2, 0, false),
        ("brokerInstall", 0, 0, false),
        ("deviceRegistration", 0, 0, false),
        ("complianceWait", 0, 0, false),
        ("policyBlocked", 0, 0, false),
    ];
    assert_eq!(steps, expected.map(|(name, people, only, opens)| (name.to_owned(), people, only, opens)));
    // A day with received sign-ins has zeros; a day without is not listed.
    let daily = shown["daily"].as_array().unwrap();
    assert_eq!(daily.iter().map(|one| one["date"].as_str().unwrap()).collect::<Vec<_>>(), ["2026-03-18", "2026-03-19"]);
    assert_eq!(counts(&daily[0]), [0, 0, 0, 0, 0].map(Some));
    assert_eq!(counts(&daily[1]), counts(&shown));
}

#[test]
fn without_sign_ins_all_counts_are_null() {
    let folder = tempfile::tempdir().unwrap();
    let empty = file(folder.path(), "empty", &WebDays::new(), at(AS_OF));
    let working = file(folder.path(), "w", &story(), at(AS_OF));
    for shown in [answer(&empty, &[]), answer(&working, &[("from", "2026-03-10"), ("to", "2026-03-18")])] {
        for member in ["people", "metTheWall", "wentOn", "reachedPortal", "reachedEnrollment"] {
            assert!(shown[member].is_null(), "{shown}");
        }
        let steps = shown["steps"].as_array().unwrap();
        assert!(steps.len() == 8 && steps.iter().all(|one| one["people"].is_null() && one["onlyThis"].is_null()));
        assert_eq!((&shown["daysHeard"], shown["daily"].as_array().unwrap().len()), (&json!(0), 0));
    }
}

#[test]
fn the_window_bounds_it_and_a_refreshed_file_equals_a_built_one() {
    let (tenant, settings) = (tenant(), TenantSettings::default());
    let context = context(&tenant, &settings);
    let folder = tempfile::tempdir().unwrap();
    let mut days = story();
    days.insert(day("2026-02-18"), story()[&day("2026-03-19")].clone());
    days.insert(day("2026-03-22"), story()[&day("2026-03-19")].clone());
    let mut refreshed = Working::create(&folder.path().join("refreshed"), &context).unwrap();
    let mut sums = WebDays::new();
    for number in 0..40_i64 {
        let as_of = at("2026-03-15T12:00:00Z") + Millis::from_days(number);
        // A day's counts grow as more sign-ins arrive.
        for (day, sets) in &days {
            if number % 3 == 0 || sums.contains_key(day) {
                sums.insert(*day, sets.clone());
            }
        }
        refreshed.set_web_days(&sums);
        refreshed.refresh(as_of).unwrap().finish().unwrap();
        let (one, two) = (folder.path().join(format!("one{number}")), folder.path().join(format!("two{number}")));
        refreshed.publish(&one, None).unwrap();
        file(folder.path(), &format!("b{number}"), &sums, as_of).publish(&two, None).unwrap();
        assert_eq!(differences(&dump(&one), &dump(&two)), Vec::<String>::new(), "{as_of}");
        let conn = Connection::open(&two).unwrap();
        let outside = "SELECT count(*) FROM web_enrollment_days WHERE day NOT IN (SELECT day FROM days)";
        assert_eq!(conn.query_row(outside, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]
    /// A second count, person by person, gives the same sums.
    #[test]
    fn the_sums_are_what_counting_people_gives(people in proptest::collection::vec((0_i32..5, any::<bool>(), 1_u16..256), 0..60)) {
        let last = at(AS_OF).day(vestibule_domain::time::Tz::UTC);
        let mut days = WebDays::new();
        for (back, ios, bits) in &people {
            let platform = if *ios { Platform::Ios } else { Platform::Android };
            let sets = days.entry(last.plus(-back)).or_default();
            *sets.entry((platform, CountedSteps::from_bits(*bits).unwrap())).or_default() += 1;
        }
        let folder = tempfile::tempdir().unwrap();
        let working = file(folder.path(), "w", &days, at(AS_OF));
        for os in [None, Some("ios"), Some("android")] {
            let mine: Vec<u16> = people.iter().filter(|(_, ios, _)| os.is_none_or(|os| (os == "ios") == *ios)).map(|one| one.2).collect();
            let count = |fits: &dyn Fn(u16) -> bool| mine.iter().filter(|bits| fits(**bits)).count() as u64;
            let asked: Vec<(&str, &str)> = os.into_iter().map(|os| ("os", os)).collect();
            let shown = answer(&working, &asked);
            let number = |value: &Value| value.as_u64().unwrap_or(0);
            prop_assert_eq!(number(&shown["people"]), mine.len() as u64);
            prop_assert_eq!(number(&shown["metTheWall"]), count(&|bits| bits == 1));
            prop_assert_eq!(number(&shown["reachedPortal"]), count(&|bits| bits & 2 != 0));
            for (place, step) in shown["steps"].as_array().unwrap().iter().enumerate() {
                prop_assert_eq!(number(&step["people"]), count(&|bits| bits >> place & 1 == 1));
            }
        }
    }
}
