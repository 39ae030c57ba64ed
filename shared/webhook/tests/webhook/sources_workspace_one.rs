//! Workspace ONE UEM's event notifications, and the events they become.
//!
//! The vendor publishes no bodies. The samples have the members of bodies that other products keep in public, with
//! other people, numbers and times: the later ones from `zentralopensource/zentral` (`contrib/wsone`, tests of its
//! webhook; there every name has number 178, so the number of `Compliance Status Changed` is unknown), the `-early`
//! ones from test suites of 2013 (148 and 39) and 2014 (229, with `\/` for `/` as .NET writes).

use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};
use vestibule_domain::event::{Event, Kind, Platform};
use vestibule_domain::{DeviceState, Enrollment, History, Outcome, TenantId, TenantSettings, Timestamp, fold};
use vestibule_webhook::cloudevents::{Batch, Parsed};
use vestibule_webhook::sources::workspace_one;
use vestibule_webhook::{BodyError, MAX_BODY_BYTES};

const ENROLLED: &str = include_str!("../../src/sources/samples/workspace-one-mdm-enrollment-complete.json");
const ENROLLED_EARLY: &str = include_str!("../../src/sources/samples/workspace-one-mdm-enrollment-complete-early.json");
const COMPLIANCE: &str = include_str!("../../src/sources/samples/workspace-one-compliance-status-changed.json");
const COMPROMISED: &str = include_str!("../../src/sources/samples/workspace-one-compromised-status-changed.json");
const BROKEN_EARLY: &str = include_str!("../../src/sources/samples/workspace-one-break-mdm-confirmed-early.json");
const WIPE_EARLY: &str = include_str!("../../src/sources/samples/workspace-one-enterprise-wipe-requested-early.json");
const ALL: [&str; 6] = [ENROLLED, ENROLLED_EARLY, COMPLIANCE, COMPROMISED, BROKEN_EARLY, WIPE_EARLY];

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn read(body: &[u8]) -> Result<Batch, BodyError> {
    workspace_one::parse(body, &HeaderMap::new(), workspace_one::SENDER.received(at("2026-03-02T12:00:00Z"), false))
}

fn events(body: &str) -> Vec<Event> {
    let event = |parsed| match parsed {
        Parsed::Event(event) => *event,
        other => panic!("{other:?}"),
    };
    read(body.as_bytes()).unwrap().events.into_iter().map(event).collect()
}

fn kinds(body: &str) -> Vec<Kind> {
    events(body).iter().map(|event| event.step().unwrap().kind).collect()
}

fn with(body: &str, change: impl Fn(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(body).unwrap();
    change(&mut value);
    value.to_string()
}

fn folded(bodies: &[&str]) -> Enrollment {
    folded_at(bodies, "2026-03-02T11:00:00Z")
}

fn folded_at(bodies: &[&str], as_of: &str) -> Enrollment {
    let mut history = History::default();
    for event in bodies.iter().flat_map(|body| events(body)) {
        history.add(event);
    }
    fold(&TenantId::parse("contoso").unwrap(), &history, &TenantSettings::default(), at(as_of))
}

fn outcomes(bodies: &[&str]) -> Vec<Outcome> {
    folded(bodies).attempts.iter().map(|attempt| attempt.outcome).collect()
}

#[test]
fn a_device_enrolled() {
    assert_eq!(kinds(ENROLLED), [Kind::Enrolled]);
    let event = events(ENROLLED).remove(0);
    assert_eq!(event.key.source, workspace_one::SOURCE);
    assert_eq!((event.time, event.clock_skew), (at("2026-03-02T09:13:59.572Z"), None));
    let about = &event.about;
    assert_eq!(about.serial_number.as_deref(), Some("ZL6LTO7H27AB"));
    assert_eq!(about.udid.as_deref(), Some("D20E0F3D66AF4B92B31E1DA394DF1E88"));
    assert_eq!(about.mdm_device_id.as_deref(), Some("7caaee42-5f19-4b51-8187-bd43f4484a65"));
    assert_eq!(about.device_name.as_deref(), Some("mara MacBook Pro macOS 15.3.1"));
    assert_eq!(about.user_principal_name.as_deref(), Some("mara.smith@example.com"));
    assert_eq!((about.platform, about.os_version.as_deref()), (Some(Platform::MacOs), Some("15.3.1")));
    // Telephone number, MAC address, IMEI.
    for secret in ["15550100", "02005E100001", "353626070676775"] {
        assert!(!format!("{event:?}").contains(secret));
    }
}

#[test]
fn the_organization_group_is_a_tag_of_the_device() {
    let tags = |body: &str| -> Vec<Vec<String>> {
        let text = |(key, value): (&String, &String)| format!("{key}={value}");
        events(body).iter().map(|event| event.tags().unwrap().iter().map(text).collect()).collect()
    };
    let group = || vec!["organizationGroup=Contoso".to_owned()];
    assert_eq!(tags(ENROLLED), [group()]);
    assert_eq!(tags(COMPLIANCE), [group(), vec![]], "one of a notification's events carries it");
    assert!(tags(ENROLLED_EARLY).concat().is_empty() && tags(BROKEN_EARLY).concat().is_empty());
    for none in [json!(null), json!(" "), json!("g".repeat(65))] {
        let body = with(ENROLLED, |body| body["OrganizationGroupName"] = none.clone());
        assert!(tags(&body).concat().is_empty(), "{none}");
    }
}

#[test]
fn an_early_one_has_no_bytes_for_ids() {
    let event = events(ENROLLED_EARLY).remove(0);
    assert_eq!(event.time, Timestamp::from_millis(1_772_443_195_887));
    let about = &event.about;
    assert_eq!((about.serial_number.as_deref(), about.udid.as_deref()), (Some("861348SXA4S"), None));
    // The early form has neither platform nor model, but the name that the product gave the device implies them.
    assert_eq!((about.mdm_device_id.as_deref(), about.platform), (Some("workspace-one-616"), Some(Platform::Ios)));
    for (name, platform) in [
        ("ada Android 5.1 F196", Some(Platform::Android)),
        ("ada MacBookPro MacBook OSX 10.11", Some(Platform::MacOs)),
        ("Mara's phone", None),
        ("iPhone for the Windows team", None),
    ] {
        let body = with(ENROLLED_EARLY, |body| body["DeviceFriendlyName"] = json!(name));
        assert_eq!(events(&body).remove(0).about.platform, platform, "{name}");
    }

    for (serial, udid) in [("System.Byte[]", "System.Byte[]"), ("", "00000000000000000000000000000000"), (" ", "-")] {
        let body = with(ENROLLED_EARLY, |body| {
            body["SerialNumber"] = json!(serial);
            body["Udid"] = json!(udid);
        });
        let about = events(&body).remove(0).about;
        assert_eq!((about.serial_number, about.udid), (None, None), "{serial}");
        assert_eq!(about.mdm_device_id.as_deref(), Some("workspace-one-616"));
        let nameless = with(&body, |body| body["DeviceId"] = json!(0));
        assert!(matches!(read(nameless.as_bytes()).unwrap().events[..], [Parsed::Invalid { .. }]), "{serial}");
    }
}

#[test]
fn compliance_is_an_event_only_if_reported() {
    assert_eq!(kinds(ENROLLED_EARLY), [Kind::Enrolled, Kind::Compliant]);
    assert_eq!(kinds(COMPLIANCE), [Kind::Enrolled, Kind::Compliant]);
    // Compliance is reported, never assumed.
    assert!(events(ENROLLED_EARLY).iter().chain(&events(COMPLIANCE)).all(|event| !event.step().unwrap().said.assumed));

    let unknown = [Parsed::passed_over(None, Some("Compliance Status Changed"))];
    for status in ["NonCompliant", "PendingComplianceCheck", "NotAvailable", "", "Compliant, perhaps"] {
        let body = with(COMPLIANCE, |body| body["ComplianceStatus"] = json!(status));
        assert_eq!(read(body.as_bytes()).unwrap().events, unknown, "{status}");
        let body = with(ENROLLED_EARLY, |body| body["ComplianceStatus"] = json!(status));
        assert_eq!(kinds(&body), [Kind::Enrolled], "{status}");
    }
    let body = with(COMPLIANCE, |body| body["EnrollmentStatus"] = json!("Unenrolled"));
    assert_eq!(read(body.as_bytes()).unwrap().events, unknown);
    let body = with(COMPLIANCE, |body| body["EnrollmentStatus"] = Value::Null);
    assert_eq!(kinds(&body), [Kind::Compliant]);
}

#[test]
fn a_device_left() {
    for body in [BROKEN_EARLY, WIPE_EARLY] {
        assert_eq!(kinds(body), [Kind::Unenrolled]);
    }
    assert_eq!(events(WIPE_EARLY)[0].time, Timestamp::from_millis(1_772_443_303_986));
    assert_eq!(events(BROKEN_EARLY)[0].about.user_principal_name, None);
    for name in ["Break MDM Confirmed", "Device Wipe Requested", "Delete Device Requested", "DeviceDeleted"] {
        let body = with(COMPROMISED, |body| body["EventType"] = json!(name));
        assert_eq!(kinds(&body), [Kind::Unenrolled], "{name}");
    }
}

#[test]
fn the_name_decides_or_failing_that_the_number() {
    let unknown = |name: Option<&str>| [Parsed::passed_over(None, name)];
    let compromised = unknown(Some("Compromised Status Changed"));
    assert_eq!(read(COMPROMISED.as_bytes()).unwrap().events, compromised);
    for (name, number, kind) in [
        (json!("MDMEnrollmentComplete"), json!(178), Some(Kind::Enrolled)),
        (json!("Enrollment Complete"), json!(170), Some(Kind::Enrolled)),
        (json!("Device Enrollment"), Value::Null, Some(Kind::Enrolled)),
        (json!("Registrierung abgeschlossen"), json!(148), Some(Kind::Enrolled)),
        (Value::Null, json!("39"), Some(Kind::Unenrolled)),
        (json!(""), json!(229), Some(Kind::Unenrolled)),
        (json!("Compromised Status Changed"), json!(148), None),
        (json!("Device MCC"), json!(662), None),
        (Value::Null, json!(170), None),
        (Value::Null, json!(999), None),
    ] {
        let body = with(ENROLLED, |body| {
            body["EventType"] = name.clone();
            body["EventId"] = number.clone();
        });
        match kind {
            Some(kind) => assert_eq!(kinds(&body), [kind], "{name} {number}"),
            None => {
                let [Parsed::UnknownType { id: None, kind: shown }] = &read(body.as_bytes()).unwrap().events[..] else {
                    panic!("{name} {number}");
                };
                // By its number if it has no name.
                let number = number.to_string();
                assert_eq!(shown.as_deref(), Some(name.as_str().unwrap_or(&number)), "{name} {number}");
            }
        }
    }
}

#[test]
fn times_come_in_two_forms() {
    let time = |time: &Value| events(&with(ENROLLED, |body| body["EventTime"] = time.clone())).remove(0);
    for written in [
        "/Date(1772443195887)/",
        "/Date(1772443195887+0200)/",
        "/Date(1772443195887-0700)/",
        "2026-03-02T09:19:55.887Z",
        "2026-03-02T09:19:55.8870000",
        "2026-03-02T11:19:55.8870000+02:00",
    ] {
        assert_eq!(time(&json!(written)).time, Timestamp::from_millis(1_772_443_195_887), "{written}");
    }
    for written in [
        json!("/Date(-62135596800000)/"),
        json!("/Date(1772443195)/"),
        json!("/Date(99999999999999999999)/"),
        json!("/Date(9223372036854775807)/"),
        json!("/Date(1772443195887+02:00)/"),
        json!("/Date(+)/"),
        json!("/Date()/"),
        json!("/Date(é)/"),
        json!("0001-01-01T00:00:00"),
        json!("yesterday"),
        json!(1_772_443_195_887_i64),
        Value::Null,
    ] {
        let event = time(&written);
        assert_eq!((event.time, event.clock_skew), (event.received_at, None), "{written}");
    }
    // The time is the server's, so it says nothing about the device's clock.
    assert_eq!(time(&json!("2026-03-03T09:19:55Z")).clock_skew, None);
}

#[test]
fn a_notification_sent_twice_is_one_event() {
    // Two rules send the same event, each at its own time.
    let again = with(ENROLLED, |body| body["CompromisedTimeStamp"] = json!("2026-03-02T09:15:00Z"));
    assert_eq!(events(ENROLLED)[0].key, events(&again)[0].key);
    let later = with(ENROLLED, |body| body["EventTime"] = json!("2026-03-02T09:13:59.5720126Z"));
    let other = with(ENROLLED, |body| body["SerialNumber"] = json!("ZL6LTO7H27AC"));
    for body in [later, other] {
        assert_ne!(events(ENROLLED)[0].key, events(&body)[0].key);
    }
    let [enrolled, compliant] = &events(COMPLIANCE)[..] else { panic!() };
    assert_ne!(enrolled.key, compliant.key);
}

#[test]
fn notifications_become_attempts() {
    assert_eq!(outcomes(&[ENROLLED, COMPLIANCE]), [Outcome::Completed]);
    assert_eq!(outcomes(&[ENROLLED_EARLY, BROKEN_EARLY]), [Outcome::Completed]);
    // It enrolled before notifications were switched on: the report repeats that it is enrolled, and nobody reported an
    // attempt.
    let known = folded(&[COMPLIANCE]);
    assert!(known.attempts.is_empty());
    assert_eq!((known.complete, known.state), (true, DeviceState::Enrolled));
    let [restated, compliant] = &events(COMPLIANCE)[..] else { panic!() };
    assert!(restated.step().unwrap().said.restated && !compliant.step().unwrap().said.assumed);
    // The worked example (docs/DOMAIN.md, X13): the first change completes it, and later ones repeat.
    let compliant_at = |time: &str| with(COMPLIANCE, |body| body["EventTime"] = json!(time));
    let changes = ["09:43", "11:13", "17:33"].map(|time| compliant_at(&format!("2026-03-02T{time}:59Z")));
    let mut bodies = vec![ENROLLED];
    bodies.extend(changes.iter().map(String::as_str));
    let enrollment = folded_at(&bodies, "2026-03-05T00:00:00Z");
    let [attempt] = &enrollment.attempts[..] else { panic!("{:?}", enrollment.attempts) };
    assert_eq!((attempt.outcome, attempt.ended_at), (Outcome::Completed, Some(at("2026-03-02T09:43:59Z"))));
    assert_eq!(attempt.duration(), None, "nobody reported its start");
    // It left, and came again.
    let anew = with(ENROLLED_EARLY, |body| body["EventTime"] = json!("/Date(1772446000000)/"));
    assert_eq!(outcomes(&[ENROLLED_EARLY, BROKEN_EARLY, &anew]), [Outcome::Completed, Outcome::Completed]);
}

#[test]
fn platforms() {
    for (name, platform) in [
        ("Apple", Some(Platform::Ios)),
        ("AppleOsX", Some(Platform::MacOs)),
        ("macOS", Some(Platform::MacOs)),
        ("Android", Some(Platform::Android)),
        ("WinRT", Some(Platform::Windows)),
        ("Windows 10", Some(Platform::Windows)),
        ("AppleTv", None),
        ("ChromeOS", None),
        ("Rugged", None),
    ] {
        let body = with(ENROLLED, |body| body["Platform"] = json!(name));
        assert_eq!(events(&body)[0].about.platform, platform, "{name}");
    }
    let body = with(ENROLLED_EARLY, |body| body["Model"] = json!("iPhone"));
    assert_eq!(events(&body)[0].about.platform, Some(Platform::Ios));
}

#[test]
fn a_body_that_is_not_a_notification_is_refused() {
    for body in ["[]", "1", "null", "{}", r#"{"EventId":7e999}"#, r#"{"EventType":" "}"#, "", "<Eventlog/>"] {
        assert!(read(body.as_bytes()).is_err(), "{body}");
    }
    assert_eq!(read(&vec![b' '; MAX_BODY_BYTES + 1]), Err(BodyError::TooLarge));
    let deep = format!(r#"{{"EventId":148,"Udid":{}"#, r#"{"a":"#.repeat(100_000));
    assert!(matches!(read(deep.as_bytes()), Err(BodyError::NotJson { .. })));
    assert_eq!(read(format!("\u{feff}{ENROLLED}").as_bytes()), read(ENROLLED.as_bytes()));
}

#[test]
fn values_that_no_event_can_hold_are_left_out() {
    let body = with(ENROLLED, |body| {
        body["DeviceFriendlyName"] = json!("x".repeat(300));
        body["EnrollmentUserName"] = json!({"a": [1]});
        body["DeviceUUID"] = json!(true);
        body["DeviceId"] = json!(1e300);
    });
    let about = events(&body).remove(0).about;
    assert_eq!((about.device_name, about.mdm_device_id), (None, None));
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&body);
    }

    #[test]
    fn no_time_panics(time in "(/Date\\([0-9+é-]{0,25}\\)/|[0-9T:.Z+-]{0,30}|.{0,20})") {
        let _ = read(with(ENROLLED, |body| body["EventTime"] = json!(time)).as_bytes());
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
    fn no_value_panics(which in 0..ALL.len(), member in any::<usize>(), value in value()) {
        let body = with(ALL[which], |body| {
            let members = body.as_object_mut().unwrap();
            let name = members.keys().nth(member % members.len()).unwrap().clone();
            members.insert(name, value.clone());
        });
        for parsed in read(body.as_bytes()).map(|batch| batch.events).unwrap_or_default() {
            if let Parsed::Event(event) = parsed {
                prop_assert!(event.about.identifiers().next().is_some());
                prop_assert!(event.about.device_name.is_none_or(|name| name.chars().count() <= 256));
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
        any::<char>().prop_map(|letter| Value::from(letter.to_string().repeat(300))),
        Just(json!([[[{"a": [1, 2, {"b": null}]}]]])),
    ]
}
