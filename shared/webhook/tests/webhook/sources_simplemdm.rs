//! SimpleMDM's webhooks, and the events they become. The samples have the members that its page on webhooks names.

use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};
use vestibule_domain::Timestamp;
use vestibule_domain::event::{Event, Kind};
use vestibule_webhook::cloudevents::Parsed;
use vestibule_webhook::sources::simplemdm;
use vestibule_webhook::{BodyError, MAX_BODY_BYTES};

const ENROLLED: &str = include_str!("../../src/sources/samples/simplemdm-device-enrolled.json");
const UNENROLLED: &str = include_str!("../../src/sources/samples/simplemdm-device-unenrolled.json");
const MOVED: &str = include_str!("../../src/sources/samples/simplemdm-device-changed-group.json");
const TEST: &str = include_str!("../../src/sources/samples/simplemdm-test-event.json");

fn read(body: &str) -> Result<Vec<Parsed>, BodyError> {
    let received = simplemdm::SENDER.received(Timestamp::parse("2026-11-26T00:00:00Z").unwrap(), false);
    simplemdm::parse(body.as_bytes(), &HeaderMap::new(), received).map(|batch| batch.events)
}

fn events(body: &str) -> Vec<Event> {
    let event = |parsed| if let Parsed::Event(event) = parsed { *event } else { panic!("{parsed:?}") };
    read(body).unwrap().into_iter().map(event).collect()
}

fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(ENROLLED).unwrap();
    change(&mut value);
    value.to_string()
}

#[test]
fn a_device_comes_and_goes() {
    let all = events(ENROLLED);
    let kinds: Vec<_> =
        all.iter().map(|event| event.step().map(|step| (step.kind, step.said.assumed)).unwrap()).collect();
    assert_eq!(kinds, [(Kind::Enrolled, false), (Kind::Compliant, true)]);
    for event in &all {
        assert_eq!(
            (event.key.source.as_str(), event.time.to_string().as_str()),
            (simplemdm::SOURCE, "2026-11-25T09:00:00.000Z")
        );
        assert_eq!(event.about.serial_number.as_deref(), Some("TESTMAC0001"));
        assert_eq!(event.about.mdm_device_id.as_deref(), Some("simplemdm-4711"));
        assert_eq!((event.about.udid.is_some(), event.about.platform), (true, None));
    }
    assert_ne!(all[0].key, all[1].key);
    let gone = events(UNENROLLED);
    assert_eq!(gone.iter().map(|event| event.step().unwrap().kind).collect::<Vec<_>>(), [Kind::Unenrolled]);
}

#[test]
fn type_device_and_time_identify_an_event() {
    let keys = |body: &str| events(body).into_iter().map(|event| event.key.id).collect::<Vec<_>>();
    let more = with(|body| body["data"]["device"]["device_group_id"] = json!(8));
    assert_eq!(keys(ENROLLED), keys(&more));
    let later = with(|body| body["at"] = json!("2026-11-25T09:00:00.001+00:00"));
    let other = with(|body| body["data"]["device"]["id"] = json!(4712));
    assert!([later, other].iter().all(|body| keys(body)[0] != keys(ENROLLED)[0]));
    for time in [json!(null), json!("soon"), json!("0001-01-01T00:00:00Z"), json!(7)] {
        let untimed = with(|body| body["at"] = time.clone());
        assert!(events(&untimed).iter().all(|event| event.time == event.received_at), "{time}");
    }
}

#[test]
fn other_events_are_counted_and_events_without_a_device_refused() {
    for (body, kind) in [(MOVED, "device.changed_group"), (TEST, "test_event")] {
        assert_eq!(read(body).unwrap(), [Parsed::passed_over(None, Some(kind))]);
    }
    for data in [json!(null), json!({}), json!({"device": []}), json!({"device": {"id": "a"}})] {
        let body = with(|body| body["data"] = data.clone());
        let parsed = read(&body).unwrap();
        assert!(matches!(&parsed[..], [Parsed::Invalid { errors, .. }] if errors[0].field == "data.device"), "{data}");
    }
    for body in ["[]", "7", "{}", r#"{"type":7.5e400}"#, r#"{"type":[]}"#, ""] {
        assert!(read(body).is_err(), "{body}");
    }
    assert_eq!(read(&" ".repeat(MAX_BODY_BYTES + 1)), Err(BodyError::TooLarge));
}

proptest! {
    #[test]
    fn no_text_panics(body in any::<String>(), serial in any::<String>(), number in any::<f64>()) {
        let _any = read(&body);
        let _any = read(&with(|body| {
            body["data"]["device"]["serial_number"] = json!(serial);
            body["data"]["device"]["id"] = json!(number);
        }));
    }
}
