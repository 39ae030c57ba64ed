//! Fleet's activities, and the events they become.
//!
//! The samples have the envelope of Fleet's `webhookPayload` (`server/activity/internal/service`), shown with real values
//! in <https://github.com/fleetdm/fleet/issues/22556>, and details after Fleet's own documentation of activities
//! (`docs/Contributing/reference/audit-logs.md` and "Host audit logs" in `fleetdm/fleet`; `-early` ones after its
//! edition of 2023, before `platform` and `host_id`). `fleet-edited-saved-query.json` is the first example of
//! <https://fleetdm.com/docs/using-fleet/audit-activities>.

use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};
use vestibule_domain::event::{Event, Kind, Platform};
use vestibule_domain::{
    ComplianceSource, Enrollment, History, Outcome, TenantId, TenantSettings, Timestamp, Wait, fold,
};
use vestibule_webhook::cloudevents::{Batch, Parsed};
use vestibule_webhook::sources::fleet;
use vestibule_webhook::{BodyError, MAX_BODY_BYTES};

const ENROLLED: &str = include_str!("../../src/sources/samples/fleet-mdm-enrolled.json");
const ENROLLED_EARLY: &str = include_str!("../../src/sources/samples/fleet-mdm-enrolled-early.json");
const ENROLLED_PERSONAL: &str = include_str!("../../src/sources/samples/fleet-mdm-enrolled-personal.json");
const ENROLLED_WINDOWS: &str = include_str!("../../src/sources/samples/fleet-mdm-enrolled-windows.json");
const ENROLLED_WINDOWS_EARLY: &str = include_str!("../../src/sources/samples/fleet-mdm-enrolled-windows-early.json");
const UNENROLLED: &str = include_str!("../../src/sources/samples/fleet-mdm-unenrolled.json");
const AGENT: &str = include_str!("../../src/sources/samples/fleet-fleet-enrolled.json");
const CANCELED: &str = include_str!("../../src/sources/samples/fleet-canceled-setup-experience.json");
const INSTALLED: &str = include_str!("../../src/sources/samples/fleet-installed-software.json");
const INSTALL_FAILED: &str = include_str!("../../src/sources/samples/fleet-installed-app-store-app-failed.json");
const OTHER: &str = include_str!("../../src/sources/samples/fleet-edited-saved-query.json");
const ALL: [&str; 11] = [
    ENROLLED,
    ENROLLED_EARLY,
    ENROLLED_PERSONAL,
    ENROLLED_WINDOWS,
    ENROLLED_WINDOWS_EARLY,
    UNENROLLED,
    AGENT,
    CANCELED,
    INSTALLED,
    INSTALL_FAILED,
    OTHER,
];

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn read(body: &[u8]) -> Result<Batch, BodyError> {
    fleet::parse(body, &HeaderMap::new(), fleet::SENDER.received(at("2026-03-02T12:00:00Z"), false))
}

fn events(body: &str) -> Vec<Event> {
    let event = |parsed| match parsed {
        Parsed::Event(event) => *event,
        other => panic!("{other:?}"),
    };
    read(body.as_bytes()).unwrap().events.into_iter().map(event).collect()
}

fn only(body: &str) -> Event {
    let mut events = events(body);
    events.retain(|event| !event.step().unwrap().said.assumed);
    assert_eq!(events.len(), 1);
    events.remove(0)
}

fn kinds(events: &[Event]) -> Vec<Kind> {
    events.iter().map(|event| event.step().unwrap().kind).collect()
}

fn place(event: &Event) -> &str {
    event.step().unwrap().place.as_ref().unwrap().action.name()
}

fn with(body: &str, change: impl Fn(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(body).unwrap();
    change(&mut value);
    value.to_string()
}

fn folded(events: impl IntoIterator<Item = Event>) -> Enrollment {
    let mut history = History::default();
    for event in events {
        history.add(event);
    }
    let settings = TenantSettings::default();
    fold(&TenantId::parse("contoso").unwrap(), &history, &settings, at("2026-03-02T09:40:00Z"))
}

#[test]
fn a_host_under_management_is_enrolled_and_compliant() {
    let events = events(ENROLLED);
    assert_eq!(kinds(&events), [Kind::Enrolled, Kind::Compliant]);
    for event in &events {
        assert_eq!(event.key.source, fleet::SOURCE);
        assert_eq!(event.time, at("2026-03-02T09:18:48.573Z"));
        assert_eq!(event.clock_skew, None);
        let about = &event.about;
        assert_eq!(about.serial_number.as_deref(), Some("C08VQ2AXHT96"));
        assert_eq!(about.mdm_device_id.as_deref(), Some("fleet-host-42"));
        assert_eq!(about.enrollment_id, None);
        assert_eq!(about.device_name.as_deref(), Some("MacBookPro16,1 (C08VQ2AXHT96)"));
        assert_eq!(about.model.as_deref(), Some("MacBookPro16,1"));
        assert_eq!(about.platform, Some(Platform::MacOs));
        assert_eq!(about.enrollment_type.as_deref(), Some("appleBulkWithoutUser"));
    }
    assert_ne!(events[0].key.id, events[1].key.id);
    // Fleet reports no compliance, so it is assumed, and marked so.
    assert_eq!([0, 1].map(|at| events[at].step().unwrap().said.assumed), [false, true]);
    let enrollment = folded(events);
    assert_eq!(enrollment.attempts.len(), 1);
    assert_eq!(enrollment.attempts[0].outcome, Outcome::Completed);
}

#[test]
fn each_versions_members_imply_the_platform() {
    let early = only(ENROLLED_EARLY);
    assert_eq!(early.about.platform, Some(Platform::Ios));
    assert_eq!(early.about.model.as_deref(), Some("iPad11,6"));
    assert_eq!((early.about.enrollment_type, early.about.mdm_device_id), (None, None));
    // Fleet's times are its server's, so late delivery says nothing about the device's clock.
    assert_eq!(early.clock_skew, None);

    let windows = only(ENROLLED_WINDOWS);
    assert_eq!(windows.about.platform, Some(Platform::Windows));
    assert_eq!(windows.about.enrollment_type.as_deref(), Some("windowsAzureADJoin"));
    assert_eq!(windows.about.serial_number, None);
    assert_eq!(windows.about.mdm_device_id.as_deref(), Some("fleet-host-101"));

    for (name, platform) in [
        ("MacKenzie's iPhone", None),
        ("iPhone of Mac", None),
        ("Mac14,2 (X)", Some(Platform::MacOs)),
        ("iMac20,1 (X)", Some(Platform::MacOs)),
        ("iPhone14,6 (X)", Some(Platform::Ios)),
        ("AppleTV5,3 (X)", None),
        ("16,1 (X)", None),
        ("Mac14, (X)", None),
    ] {
        let event = only(&with(ENROLLED_EARLY, |body| body["details"]["host_display_name"] = json!(name)));
        assert_eq!(event.about.platform, platform, "{name}");
    }
    for (name, platform) in [("ipados", Platform::Ios), ("Android", Platform::Android), ("darwin", Platform::MacOs)] {
        let event = only(&with(ENROLLED, |body| body["details"]["platform"] = json!(name)));
        assert_eq!(event.about.platform, Some(platform), "{name}");
    }
}

#[test]
fn a_personal_device_is_identified_by_its_enrollment() {
    let about = only(ENROLLED_PERSONAL).about;
    assert_eq!(about.serial_number, None);
    assert_eq!(about.enrollment_id.as_deref(), Some("F1A6E0E8-3D1B-4E77-9A0B-2D8C0F6B9C11"));
    assert_eq!(about.enrollment_type.as_deref(), Some("appleUserEnrollment"));
    assert_eq!(about.platform, Some(Platform::Ios));
}

#[test]
fn a_host_without_a_name_is_refused() {
    // A name that several hosts may have does not identify one; nor does what early versions wrote for a serial number.
    let named = with(ENROLLED_WINDOWS_EARLY, |body| body["details"]["host_serial"] = json!("WINDOWS-IFLBGRE"));
    let junk = with(ENROLLED_EARLY, |body| body["details"]["host_serial"] = json!("To Be Filled By O.E.M."));
    let zero = with(&junk, |body| body["details"]["host_id"] = json!(0));
    for body in [ENROLLED_WINDOWS_EARLY, &named, &junk, &zero] {
        let batch = read(body.as_bytes()).unwrap();
        assert!(
            matches!(&batch.events[..], [Parsed::Invalid { errors, .. }] if errors[0].field.starts_with("details")),
            "{body}"
        );
    }
}

#[test]
fn unenrolled_does_not_name_the_administrator() {
    let event = only(UNENROLLED);
    assert_eq!(kinds(std::slice::from_ref(&event)), [Kind::Unenrolled]);
    assert_eq!(event.about.platform, Some(Platform::MacOs));
    assert_eq!((&event.about.user_principal_name, &event.about.user_id), (&None, &None));
    let event = format!("{event:?}");
    assert!(!event.contains("anna.admin") && !event.contains("Anna Admin"));
}

/// What Fleet does on a host that is managed, or that has only its agent, neither begins nor continues an enrollment.
#[test]
fn the_agent_and_installed_software_are_ignored() {
    for body in [AGENT, INSTALLED, INSTALL_FAILED] {
        let batch = read(body.as_bytes()).unwrap();
        let kind = serde_json::from_str::<Value>(body).unwrap()["type"].as_str().map(str::to_owned);
        assert_eq!(batch.events, [Parsed::UnknownType { id: None, kind }], "{body}");
        // Fleet's description of a problem may quote a secret.
        assert!(!format!("{batch:?}").contains("hunter2"));
    }
}

/// A host that waits for compliance keeps its whole waiting time, whatever is installed meanwhile.
#[test]
fn installations_do_not_end_the_wait_for_compliance() {
    let mut history = History::default();
    for body in [ENROLLED, AGENT, INSTALLED, INSTALL_FAILED] {
        for parsed in read(body.as_bytes()).unwrap().events {
            if let Parsed::Event(event) = parsed {
                history.add(*event);
            }
        }
    }
    let settings =
        TenantSettings { compliance_source: ComplianceSource::All("graph".to_owned()), ..TenantSettings::default() };
    let asked_at = |time| fold(&TenantId::parse("contoso").unwrap(), &history, &settings, at(time));
    let enrollment = asked_at("2026-03-02T12:00:00Z");
    let [attempt] = &enrollment.attempts[..] else { panic!("{:?}", enrollment.attempts) };
    assert_eq!((attempt.outcome, attempt.wait), (Outcome::InProgress, Some(Wait::Compliance)));
    assert_eq!(attempt.place.as_ref().unwrap().action.name(), "Compliance");
    assert_eq!(attempt.deadline, Some(at("2026-03-03T09:18:48.573Z")));
}

#[test]
fn a_cancelled_setup_experience_is_a_failure() {
    let event = only(CANCELED);
    let step = event.step().unwrap();
    assert_eq!((step.kind, place(&event)), (Kind::Failed, "SetupExperience"));
    let failure = step.failure.as_ref().unwrap();
    assert_eq!(failure.reason.as_deref(), Some("setupExperienceCanceled"));
    assert_eq!(failure.message.as_deref(), Some("Adobe Acrobat.app"));
    assert_eq!(event.about.platform, Some(Platform::MacOs));

    // If another source reports compliance, the attempt is still open, and fails.
    let sent = [ENROLLED, CANCELED];
    let enrollment = folded(sent.into_iter().map(only));
    assert_eq!(enrollment.attempts.len(), 1);
    let attempt = &enrollment.attempts[0];
    assert_eq!((attempt.outcome, attempt.number), (Outcome::Failed, 1));
    assert_eq!(attempt.place.as_ref().unwrap().action.name(), "SetupExperience");
    assert_eq!(attempt.failure.as_ref().unwrap().reason.as_deref(), Some("setupExperienceCanceled"));

    // Otherwise it completed when the host was managed.
    let enrollment = folded(sent.into_iter().flat_map(events));
    let outcomes: Vec<_> = enrollment.attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Outcome::Completed]);
}

#[test]
fn activities_of_other_kinds_are_ignored() {
    for body in [
        OTHER.to_owned(),
        with(ENROLLED, |body| body["type"] = json!("wiped_host")),
        with(OTHER, |body| body["details"] = Value::Null),
    ] {
        let batch = read(body.as_bytes()).unwrap();
        let kind = serde_json::from_str::<Value>(&body).unwrap()["type"].as_str().map(str::to_owned);
        let expected = Batch { events: vec![Parsed::UnknownType { id: None, kind }], is_list: false };
        assert_eq!(batch, expected, "{body}");
    }
}

#[test]
fn an_activity_sent_again_or_by_both_webhooks_is_one_event() {
    // After 429 Fleet repeats the activity with its first timestamp; a fleet's own webhook adds the hosts.
    let again = with(CANCELED, |body| body["details"]["host_ids"] = json!([42]));
    assert_eq!(only(CANCELED).key, only(CANCELED).key);
    assert_eq!(only(CANCELED).key, only(&again).key);
    let later = with(CANCELED, |body| body["timestamp"] = json!("2026-03-02T09:31:44.900000001Z"));
    let other = with(CANCELED, |body| body["details"]["host_id"] = json!(43));
    for body in [later, other] {
        assert_ne!(only(CANCELED).key, only(&body).key);
    }
}

#[test]
fn an_implausible_time_counts_as_missing() {
    for time in [json!("0001-01-01T00:00:00Z"), json!("yesterday"), json!(17), Value::Null] {
        let event = only(&with(ENROLLED, |body| body["timestamp"] = time.clone()));
        assert_eq!((event.time, event.clock_skew), (event.received_at, None), "{time}");
    }
}

#[test]
fn a_body_that_is_not_an_activity_is_refused() {
    for body in ["[]", "1", "null", "{}", r#"{"type":7e999}"#, r#"{"type":""}"#, r#"{"details":{}}"#, "", "<a/>"] {
        assert!(read(body.as_bytes()).is_err(), "{body}");
    }
    let long = vec![b' '; MAX_BODY_BYTES + 1];
    assert_eq!(read(&long), Err(BodyError::TooLarge));
    let deep = format!(r#"{{"type":"mdm_enrolled","details":{}"#, r#"{"a":"#.repeat(100_000));
    assert!(matches!(read(deep.as_bytes()), Err(BodyError::NotJson { .. })));
}

#[test]
fn values_that_no_event_can_hold_are_left_out() {
    let long = "x".repeat(300);
    let body = with(ENROLLED, |body| {
        body["details"]["host_display_name"] = json!(long);
        body["details"]["enrollment_id"] = json!({"a": [1]});
        body["details"]["host_id"] = json!(1e300);
    });
    let about = only(&body).about;
    assert_eq!((about.device_name, about.enrollment_id, about.mdm_device_id), (None, None, None));
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&body);
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
    fn no_value_panics(which in 0..ALL.len(), member in 0..11_usize, value in value()) {
        let names = [
            "host_id", "host_serial", "enrollment_id", "host_display_name", "installed_from_dep", "platform",
            "mdm_platform", "software_title", "type", "timestamp", "details",
        ];
        let body = with(ALL[which], |body| match names[member] {
            name @ ("type" | "timestamp" | "details") => body[name] = value.clone(),
            name => body["details"][name] = value.clone(),
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
        "[A-Za-z]{0,9}[0-9]{0,3},[0-9]{0,3} ?\\(?".prop_map(Value::from),
        any::<char>().prop_map(|letter| Value::from(letter.to_string().repeat(300))),
        Just(json!([[[{"a": [1, 2, {"b": null}]}]]])),
    ]
}
