//! Android Management API's notifications, and the events they become.
//!
//! The samples have Pub/Sub's envelope as <https://cloud.google.com/pubsub/docs/push> shows it (each member in both
//! spellings). The device within is the one that Microsoft shows as Google's in "Data Intune sends to Google"
//! (<https://learn.microsoft.com/mem/intune/protect/data-intune-sends-to-google>), with other times and the names of
//! <https://developers.google.com/android/management/reference/rest/v1/enterprises.devices>, which the personal device,
//! the command (an `Operation`) and the usage logs (`BatchUsageLogEvents`) follow.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};
use vestibule_domain::event::{Event, Kind, Platform};
use vestibule_domain::{Cause, DeviceState, Enrollment, History, Outcome, TenantId, TenantSettings, Timestamp, fold};
use vestibule_webhook::cloudevents::{Batch, Parsed};
use vestibule_webhook::sources::android_management;
use vestibule_webhook::{BodyError, MAX_BODY_BYTES};

const ENROLLED: &str = include_str!("../../src/sources/samples/android-management-enrollment.json");
const PERSONAL: &str = include_str!("../../src/sources/samples/android-management-enrollment-personal.json");
const REPORT: &str = include_str!("../../src/sources/samples/android-management-status-report.json");
const NOT_COMPLIANT: &str =
    include_str!("../../src/sources/samples/android-management-status-report-not-compliant.json");
const DELETED: &str = include_str!("../../src/sources/samples/android-management-status-report-deleted.json");
const COMMAND: &str = include_str!("../../src/sources/samples/android-management-command.json");
const USAGE: &str = include_str!("../../src/sources/samples/android-management-usage-logs.json");
const TEST: &str = include_str!("../../src/sources/samples/android-management-test.json");
const ALL: [&str; 8] = [ENROLLED, PERSONAL, REPORT, NOT_COMPLIANT, DELETED, COMMAND, USAGE, TEST];

const BEGUN: &str = "2026-03-02T09:17:41.702Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn read(body: &[u8]) -> Result<Batch, BodyError> {
    read_at(body, "2026-03-02T12:00:00Z")
}

fn read_at(body: &[u8], now: &str) -> Result<Batch, BodyError> {
    android_management::parse(body, &HeaderMap::new(), android_management::SENDER.received(at(now), false))
}

fn events(body: &str) -> Vec<Event> {
    let event = |parsed| match parsed {
        Parsed::Event(event) => *event,
        other => panic!("{other:?}"),
    };
    read(body.as_bytes()).unwrap().events.into_iter().map(event).collect()
}

fn kinds_and_times(body: &str) -> Vec<(Kind, Timestamp)> {
    events(body).iter().map(|event| (event.step().unwrap().kind, event.time)).collect()
}

fn kinds(body: &str) -> Vec<Kind> {
    kinds_and_times(body).into_iter().map(|(kind, _)| kind).collect()
}

fn keys(body: &str) -> Vec<String> {
    events(body).into_iter().map(|event| event.key.id).collect()
}

fn is_ignored(body: &str) -> bool {
    matches!(&read(body.as_bytes()).unwrap().events[..], [Parsed::UnknownType { .. }])
}

/// The body with a changed message.
fn with(body: &str, change: impl Fn(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(body).unwrap();
    change(&mut value["message"]);
    value.to_string()
}

/// The body with a changed device in its message.
fn with_device(body: &str, change: impl Fn(&mut Value)) -> String {
    with(body, |message| {
        let mut device = serde_json::from_slice(&STANDARD.decode(message["data"].as_str().unwrap()).unwrap()).unwrap();
        change(&mut device);
        message["data"] = json!(STANDARD.encode(device.to_string()));
    })
}

fn reported(body: &str, time: &str) -> String {
    let body = with(body, |message| {
        message["messageId"] = json!(format!("m-{time}"));
        message["publishTime"] = json!(time);
    });
    with_device(&body, |device| device["lastStatusReportTime"] = json!(time))
}

fn folded(bodies: &[&str], as_of: &str) -> Enrollment {
    folded_at(bodies, "2026-03-02T12:00:00Z", as_of)
}

/// All of them received at the end.
fn folded_late(bodies: &[&str], as_of: &str) -> Enrollment {
    folded_at(bodies, as_of, as_of)
}

fn folded_at(bodies: &[&str], now: &str, as_of: &str) -> Enrollment {
    let mut history = History::default();
    for parsed in bodies.iter().flat_map(|body| read_at(body.as_bytes(), now).unwrap().events) {
        match parsed {
            Parsed::Event(event) => _ = history.add(*event),
            Parsed::UnknownType { .. } | Parsed::SignIn { .. } => {}
            Parsed::Invalid { .. } => panic!("{parsed:?}"),
        }
    }
    fold(&TenantId::parse("contoso").unwrap(), &history, &TenantSettings::default(), at(as_of))
}

fn outcomes(bodies: &[&str]) -> Vec<Outcome> {
    folded(bodies, "2026-03-02T11:30:00Z").attempts.iter().map(|attempt| attempt.outcome).collect()
}

#[test]
fn a_device_enrolled() {
    assert_eq!(kinds_and_times(ENROLLED), [(Kind::Enrolled, at(BEGUN))]);
    let event = events(ENROLLED).remove(0);
    assert_eq!((event.key.source.as_str(), event.clock_skew), (android_management::SOURCE, None));
    let about = &event.about;
    assert_eq!(about.serial_number.as_deref(), Some("01ed07873b3c20cd"));
    assert_eq!(about.mdm_device_id.as_deref(), Some("3195483be017acdc"));
    assert_eq!(about.enrollment_id.as_deref(), Some("3195483be017acdc"));
    assert_eq!((about.manufacturer.as_deref(), about.model.as_deref()), (Some("LGE"), Some("Nexus 5X")));
    assert_eq!((about.platform, about.os_version.as_deref()), (Some(Platform::Android), Some("8.0.0")));
    assert_eq!((about.enrollment_type.as_deref(), about.user_id.as_deref()), (None, None));
    for secret in ["hunter2", "yXdtW0", "353626070676775"] {
        assert!(!format!("{event:?}").contains(secret), "{secret}");
    }
}

#[test]
fn a_personal_device_has_no_serial_number() {
    // The device was managed before under another name: Google reports no start of the new attempt.
    let begun = at("2026-03-02T09:30:02.118Z");
    let compliant = (Kind::Compliant, at("2026-03-02T09:30:44.9Z"));
    assert_eq!(kinds_and_times(PERSONAL), [(Kind::Enrolled, begun), compliant]);
    let about = events(PERSONAL).remove(0).about;
    assert_eq!((about.serial_number.as_deref(), about.mdm_device_id.as_deref()), (None, Some("8ca6b3d2e1f04a55")));
    assert_eq!(about.enrollment_id.as_deref(), Some("36bb0a1b2c3d4e5f"));
    assert_eq!(about.enrollment_type.as_deref(), Some("userEnrollment"));
    let company = with_device(PERSONAL, |device| device["ownership"] = json!("COMPANY_OWNED"));
    assert_eq!(events(&company)[0].about.enrollment_type.as_deref(), Some("androidEnterpriseCorporateWorkProfile"));
}

#[test]
fn a_report_shows_enrollment_and_compliance() {
    let reported = at("2026-03-02T09:18:10.325Z");
    assert_eq!(kinds_and_times(REPORT), [(Kind::Enrolled, reported), (Kind::Compliant, reported)]);
    // The report only repeats that the device is enrolled, so its time is the report's.
    let restated = |body: &str| events(body)[0].step().unwrap().said.restated;
    assert_eq!((restated(ENROLLED), restated(REPORT)), (false, true));
    assert_ne!(keys(REPORT)[0], keys(ENROLLED)[0]);
    // Compliance is reported, never assumed.
    assert!(events(REPORT).iter().all(|event| !event.step().unwrap().said.assumed));
    assert!(is_ignored(NOT_COMPLIANT));
    for change in [
        |device: &mut Value| device["appliedState"] = json!("PROVISIONING"),
        |device: &mut Value| device["policyCompliant"] = json!("true"),
        |device: &mut Value| device["policyCompliant"] = Value::Null,
    ] {
        assert!(is_ignored(&with_device(REPORT, change)));
    }
    let without_time = with_device(REPORT, |device| {
        device["lastStatusReportTime"] = Value::Null;
        device["enrollmentTime"] = json!("1970-01-01T00:00:00Z");
    });
    let published = at("2026-03-02T09:18:12.9Z");
    assert_eq!(kinds_and_times(&without_time), [(Kind::Enrolled, published), (Kind::Compliant, published)]);
}

#[test]
fn a_report_without_changes_repeats_the_same_events() {
    let mut known = keys(REPORT);
    for hour in 0..24 {
        let again = reported(REPORT, &format!("2026-03-02T{hour:02}:30:00.125Z"));
        let again = with_device(&again, |device| {
            device["lastPolicySyncTime"] = json!(format!("2026-03-02T{hour:02}:29:00Z"));
            device["appliedPolicyVersion"] = json!(hour.to_string());
            device["softwareInfo"]["androidVersion"] = json!("8.1.0");
            device["hardwareInfo"]["enterpriseSpecificId"] = json!("8ca6b3d2e1f04a55");
        });
        known.extend(keys(&again));
    }
    known.sort();
    known.dedup();
    assert_eq!(known.len(), 2);
    let gone_again = reported(DELETED, "2026-03-02T10:59:00Z");
    assert_eq!(keys(DELETED), keys(&gone_again));
    // Another enrollment makes other events.
    let anew = with_device(REPORT, |device| device["name"] = json!("enterprises/LC02dhxx1r/devices/4000000000000000"));
    assert!(keys(&anew).iter().all(|id| !known.contains(id)));
}

#[test]
fn a_device_left() {
    assert_eq!(kinds_and_times(DELETED), [(Kind::Unenrolled, at("2026-03-02T10:40:02Z"))]);
    for state in ["state", "appliedState"] {
        let body = with_device(REPORT, |device| device[state] = json!("DELETED"));
        assert_eq!(kinds(&body), [Kind::Unenrolled], "{state}");
    }
    let disabled = with_device(REPORT, |device| device["state"] = json!("DISABLED"));
    assert_eq!(kinds(&disabled), [Kind::Enrolled, Kind::Compliant]);
}

#[test]
fn notifications_become_attempts() {
    assert_eq!(outcomes(&[ENROLLED, REPORT]), [Outcome::Completed]);
    assert_eq!(outcomes(&[REPORT, ENROLLED, REPORT]), [Outcome::Completed]);
    assert_eq!(outcomes(&[ENROLLED, REPORT, DELETED]), [Outcome::Completed]);
    // It is not compliant yet, and leaves before it is.
    assert_eq!(outcomes(&[ENROLLED]), [Outcome::InProgress]);
    assert_eq!(outcomes(&[ENROLLED, DELETED]), [Outcome::Abandoned]);
    // Reset without a notification, and enrolled anew.
    let anew = with_device(ENROLLED, |device| {
        device["previousDeviceNames"] = json!([device["name"]]);
        device["name"] = json!("enterprises/LC02dhxx1r/devices/4000000000000000");
        device["enrollmentTime"] = json!("2026-03-02T11:10:00Z");
    });
    assert_eq!(outcomes(&[ENROLLED, REPORT, &anew])[..], [Outcome::Completed, Outcome::InProgress]);
}

#[test]
fn a_device_that_enrolled_long_before_notifications_were_on_opens_nothing_today() {
    let old = with_device(REPORT, |device| device["enrollmentTime"] = json!("2025-06-01T08:00:00Z"));
    // An event dated at its enrollment would be older than anything that is kept, and would be refused.
    let reported = at("2026-03-02T09:18:10.325Z");
    assert_eq!(kinds_and_times(&old), [(Kind::Enrolled, reported), (Kind::Compliant, reported)]);
    let enrollment = folded(&[&old], "2026-03-02T12:00:00Z");
    assert!(enrollment.attempts.is_empty());
    assert_eq!((enrollment.complete, enrollment.state), (true, DeviceState::Enrolled));
    // A report that has a later enrollment time than its own belongs to that enrollment.
    let ahead = with_device(REPORT, |device| device["enrollmentTime"] = json!("2026-03-02T09:18:11Z"));
    let begun = at("2026-03-02T09:18:11Z");
    assert_eq!(kinds_and_times(&ahead), [(Kind::Enrolled, begun), (Kind::Compliant, begun)]);
    // Google's times are its own, so late delivery says nothing about the device's clock.
    let late = with_device(ENROLLED, |device| device["enrollmentTime"] = json!("2025-06-01T08:00:00Z"));
    assert!(events(&old).iter().chain(&events(&late)).all(|event| event.clock_skew.is_none()));
}

/// The worked examples of the hourly reports (docs/DOMAIN.md, X11 and X12).
#[test]
fn a_device_has_a_day_to_become_compliant() {
    let hourly = |hours: std::ops::RangeInclusive<u32>, body: &str| -> Vec<String> {
        hours
            .map(|hour| reported(body, &format!("2026-03-{:02}T{:02}:17:41Z", 2 + (9 + hour) / 24, (9 + hour) % 24)))
            .collect()
    };
    let attempts = |reports: Vec<String>| {
        let bodies: Vec<&str> = [ENROLLED].into_iter().chain(reports.iter().map(String::as_str)).collect();
        folded_late(&bodies, "2026-03-05T12:00:00Z").attempts
    };
    let waited = attempts(hourly(1..=60, NOT_COMPLIANT));
    let [waited] = &waited[..] else { panic!("{waited:?}") };
    assert_eq!((waited.outcome, waited.cause, waited.row), (Outcome::Abandoned, Some(Cause::TimedOut), Some(17)));
    assert_eq!(waited.ended_at, Some(at("2026-03-03T09:17:41.702Z")));
    let compliant = attempts(hourly(1..=4, NOT_COMPLIANT).into_iter().chain(hourly(5..=60, REPORT)).collect());
    let [compliant] = &compliant[..] else { panic!("{compliant:?}") };
    // Its duration is missing, because nobody reported the start.
    assert_eq!((compliant.outcome, compliant.duration()), (Outcome::Completed, None));
    assert_eq!(compliant.ended_at, Some(at("2026-03-02T14:17:41Z")));
}

#[test]
fn messages_of_other_kinds_are_acknowledged() {
    for (body, id) in [(COMMAND, "7251834509912349"), (USAGE, "7251834509912350"), (TEST, "7251834509912351")] {
        let batch = read(body.as_bytes()).unwrap();
        assert!(matches!(&batch.events[..], [Parsed::UnknownType { id: Some(other), .. }] if other == id), "{batch:?}");
    }
    for body in [
        r#"{"message":{}}"#,
        // Google's own test of a subscription may name the notifications that it is for.
        r#"{"message":{"attributes":{"notificationType":"STATUS_REPORT"}}}"#,
        r#"{"message":{"attributes":{"notificationType":"ENROLLMENT"},"data":""}}"#,
        r#"{"message":{"attributes":{"notificationType":"ENROLLMENT"},"data":null}}"#,
        r#"{"message":{"attributes":{},"data":"%%%"}}"#,
        r#"{"message":{"attributes":{"notificationType":7},"data":7}}"#,
        r#"{"message":{"attributes":[]}}"#,
    ] {
        assert!(is_ignored(body), "{body}");
    }
}

#[test]
fn a_body_that_is_not_a_message_is_refused() {
    for body in ["[]", "1", "null", "{}", "", "<a/>", r#"{"message":7e999}"#, r#"{"message":[]}"#, r#"{"name":"x"}"#] {
        assert!(read(body.as_bytes()).is_err(), "{body}");
    }
    let deep = "{\"a\":".repeat(10_000);
    for data in [
        json!("%%%"),
        json!("e30"),
        json!("e30=\n"),
        json!("-_-_"),
        json!(7),
        json!(STANDARD.encode("[]")),
        json!(STANDARD.encode("hunter2")),
        json!(STANDARD.encode([0xff, 0xfe])),
        json!(STANDARD.encode(deep)),
    ] {
        let body = with(REPORT, |message| message["data"] = data.clone());
        let error = read(body.as_bytes()).unwrap_err();
        assert!(matches!(error, BodyError::Malformed(_)), "{data}");
        assert!(!error.to_string().contains("hunter2"));
    }
    let nameless = with(REPORT, |message| message["data"] = json!(STANDARD.encode(r#"{"policyCompliant":true}"#)));
    assert!(matches!(read(nameless.as_bytes()).unwrap().events[..], [Parsed::Invalid { .. }]));
    assert_eq!(read(&vec![b' '; MAX_BODY_BYTES + 1]), Err(BodyError::TooLarge));
}

#[test]
fn values_that_no_event_can_hold_are_left_out() {
    let body = with_device(REPORT, |device| {
        device["hardwareInfo"]["model"] = json!("x".repeat(300));
        device["hardwareInfo"]["serialNumber"] = json!(1e300);
        device["softwareInfo"] = json!([1]);
    });
    let about = events(&body).remove(0).about;
    assert_eq!((about.model, about.serial_number, about.os_version), (None, None, None));
    let unserialled = with_device(REPORT, |device| device["hardwareInfo"]["serialNumber"] = json!("unknown"));
    assert!(events(&unserialled)[0].about.identifiers().all(|identifier| identifier.value == "3195483be017acdc"));
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&body);
        let body = with(REPORT, |message| message["data"] = json!(STANDARD.encode(&body)));
        let _ = read(body.as_bytes());
    }

    #[test]
    fn no_mutation_panics(
        which in 0..ALL.len(),
        edits in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..8),
        cut in any::<usize>(),
    ) {
        let mut body = ALL[which].as_bytes().to_vec();
        for (index, byte) in edits {
            let index = index % body.len();
            body[index] = byte;
        }
        if cut % 3 == 0 {
            body.truncate(cut % body.len());
        }
        let _ = read(&body);
    }

    #[test]
    fn no_value_panics(which in 0..5_usize, member in 0..14_usize, value in value()) {
        let body = match member {
            0 => with(ALL[which], |message| message["attributes"] = value.clone()),
            1 => with(ALL[which], |message| message["attributes"]["notificationType"] = value.clone()),
            2 => with(ALL[which], |message| message["data"] = value.clone()),
            3 => with(ALL[which], |message| message["publishTime"] = value.clone()),
            4 => with(ALL[which], |message| message["messageId"] = value.clone()),
            5 => with_device(ALL[which], |device| device["hardwareInfo"]["serialNumber"] = value.clone()),
            _ => with_device(ALL[which], |device| {
                let names = [
                    "name", "state", "appliedState", "enrollmentTime", "lastStatusReportTime", "hardwareInfo",
                    "previousDeviceNames", "managementMode",
                ];
                device[names[member - 6]] = value.clone();
            }),
        };
        for parsed in read(body.as_bytes()).map(|batch| batch.events).unwrap_or_default() {
            if let Parsed::Event(event) = parsed {
                prop_assert!(event.about.identifiers().next().is_some());
                prop_assert!(event.about.serial_number.is_none_or(|serial| serial.chars().count() <= 256));
            }
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00Z".prop_map(Value::from),
        any::<char>().prop_map(|letter| Value::from(letter.to_string().repeat(300))),
        Just(json!([[[{"a": [1, 2, {"b": null}]}]]])),
        Just(json!("////")),
    ]
}
