//! Graph's lists of managed devices and of Autopilot devices, and the events they become.

use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use vestibule_domain::event::{Event, Kind, Platform};
use vestibule_domain::{History, TenantId, TenantSettings, Timestamp, fold};
use vestibule_webhook::Received;
use vestibule_webhook::cloudevents::Parsed;
use vestibule_webhook::sources::{graph_autopilot_devices, graph_managed_devices};

const MANAGED: &str = include_str!("../../src/sources/samples/graph-managed-devices-list.json");
const AUTOPILOT: &str = include_str!("../../src/sources/samples/graph-autopilot-devices-list.json");
const NOW: &str = "2026-11-26T00:00:00Z";

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn managed_at(body: &str, now: Timestamp, kept_from: &str) -> Vec<Parsed> {
    let received = Received { kept_from: time(kept_from), ..graph_managed_devices::SENDER.received(now, false) };
    graph_managed_devices::parse(body.as_bytes(), &HeaderMap::new(), received).unwrap().events
}

fn managed(body: &str) -> Vec<Parsed> {
    managed_at(body, time(NOW), "2026-10-27T00:00:00Z")
}

fn autopilot(body: &str) -> Vec<Parsed> {
    let received = graph_autopilot_devices::SENDER.received(time(NOW), false);
    graph_autopilot_devices::parse(body.as_bytes(), &HeaderMap::new(), received).unwrap().events
}

fn events(parsed: Vec<Parsed>) -> Vec<Event> {
    parsed.into_iter().filter_map(|one| if let Parsed::Event(event) = one { Some(*event) } else { None }).collect()
}

/// The first record of a list, changed.
fn with(list: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(list).unwrap();
    change(&mut value["value"][0]);
    value.to_string()
}

fn kinds(body: &str) -> Vec<(Kind, String)> {
    let kind_and_time = |event: Event| (event.step().unwrap().kind, event.time.to_string());
    events(managed(body)).into_iter().map(kind_and_time).collect()
}

#[test]
fn a_managed_device_is_enrolled_and_compliant_when_the_list_says_so() {
    let all = events(managed(MANAGED));
    let one = &all[0];
    assert_eq!(
        one.key.id,
        "11111111-2222-4333-8444-555555555555/enrolled/1764061083000"
            .replace("1764061083000", &time("2026-11-25T08:58:03Z").millis().to_string())
    );
    assert_eq!(one.key.source, graph_managed_devices::SOURCE);
    let about = &one.about;
    assert_eq!(about.serial_number.as_deref(), Some("PF3ABCDE"));
    assert_eq!(about.mdm_device_id.as_deref(), Some("11111111-2222-4333-8444-555555555555"));
    assert_eq!(about.enrollment_id.as_deref(), Some("66666666-7777-4888-8999-000000000000"));
    assert_eq!(
        (about.platform, about.enrollment_type.as_deref()),
        (Some(Platform::Windows), Some("windowsAzureADJoin"))
    );
    assert_eq!(about.user_principal_name.as_deref(), Some("person.a@example.com"));
    let expected = [
        (Kind::Enrolled, "2026-11-25T08:58:03.000Z".to_owned()),
        (Kind::Compliant, "2026-11-25T09:44:10.000Z".to_owned()),
    ];
    assert_eq!(kinds(MANAGED), expected);
    assert!(all.iter().all(|event| !event.step().unwrap().said.assumed && !event.step().unwrap().said.restated));
}

#[test]
fn a_device_without_a_usable_date_is_counted_and_comes_later() {
    for date in [json!("0001-01-01T00:00:00Z"), json!(null), json!("")] {
        let body = with(MANAGED, |record| record["enrolledDateTime"] = date.clone());
        assert!(matches!(&managed(&body)[0], Parsed::UnknownType { .. }), "{date}");
    }
    let body = with(MANAGED, |record| record["enrolledDateTime"] = json!("yesterday"));
    let Parsed::Invalid { errors, .. } = &managed(&body)[0] else { panic!("an invalid date is refused") };
    assert_eq!(errors[0].field, "value[0].enrolledDateTime");
    let body = with(MANAGED, |record| record["id"] = json!(null));
    assert!(matches!(&managed(&body)[0], Parsed::Invalid { .. }));
}

#[test]
fn only_compliant_is_compliant() {
    for state in ["inGracePeriod", "noncompliant", "unknown", "conflict", "error", "configManager", "0", "2", "254"] {
        let body = with(MANAGED, |record| record["complianceState"] = json!(state));
        assert_eq!(kinds(&body).len(), 1, "{state}");
    }
    for state in ["Compliant", "1"] {
        let body = with(MANAGED, |record| record["complianceState"] = json!(state));
        assert_eq!(kinds(&body).len(), 2, "{state}");
    }
}

#[test]
fn compliance_is_dated_by_the_sync_if_that_is_later_than_the_enrollment() {
    for sync in ["2026-11-25T08:58:02Z", "0001-01-01T00:00:00Z", "2027-01-01T00:00:00Z"] {
        let body = with(MANAGED, |record| record["lastSyncDateTime"] = json!(sync));
        assert_eq!(kinds(&body)[1].1, "2026-11-26T00:00:00.000Z", "{sync}");
    }
}

#[test]
fn a_device_older_than_what_is_kept_is_enrolled_as_of_the_list() {
    let all = events(managed_at(MANAGED, time(NOW), "2026-11-25T09:00:00Z"));
    let enrolled = all[0].step().unwrap();
    assert!(enrolled.said.restated && all[0].key.id.contains("/restated/"));
    assert_eq!(all[0].time, time(NOW));
    assert_eq!(all[1].time, time("2026-11-25T09:44:10Z"));
    let all = events(managed_at(MANAGED, time(NOW), "2026-11-25T10:00:00Z"));
    assert_eq!(all[1].time, time(NOW), "the sync is also older than what is kept");
}

#[test]
fn an_autopilot_device_that_nobody_set_up_is_registered() {
    let all = autopilot(AUTOPILOT);
    assert!(matches!(&all[2], Parsed::UnknownType { .. }), "{all:?}");
    let one = &events(all)[0];
    assert_eq!((one.step().unwrap().kind, one.time), (Kind::Registered, time(NOW)));
    assert_eq!(one.key.id, "22222222-2222-4222-8222-222222222222/registered");
    assert_eq!(one.about.serial_number.as_deref(), Some("PF3ZZZZZ"));
    assert_eq!((one.about.mdm_device_id.as_deref(), one.about.platform), (None, Some(Platform::Windows)));
    for state in ["enrolled", "failed", "pendingReset", "blocked"] {
        let body = with(AUTOPILOT, |record| record["enrollmentState"] = json!(state));
        assert!(!registers(&body), "{state}");
    }
    let managed = with(AUTOPILOT, |record| record["managedDeviceId"] = json!("11111111-2222-4333-8444-555555555555"));
    assert!(!registers(&managed));
}

fn registers(body: &str) -> bool {
    events(autopilot(body)).iter().any(|event| event.step().unwrap().kind == Kind::Registered)
}

/// The events that carry tags, each with its device and its tags.
fn group_tags(body: &str) -> Vec<(Event, String, String)> {
    let tagged = events(autopilot(body)).into_iter().filter(Event::is_tagged);
    let read = |event: Event| {
        let tags = event.tags().unwrap();
        let (device, tag) = (event.about.serial_number.clone().unwrap(), tags["groupTag"].clone());
        assert_eq!(tags.len(), 1);
        (event, device, tag)
    };
    tagged.map(read).collect()
}

#[test]
fn a_group_tag_is_a_tag_of_the_device_whatever_became_of_it() {
    let all = group_tags(AUTOPILOT);
    let read: Vec<(&str, &str)> = all.iter().map(|(_, device, tag)| (device.as_str(), tag.as_str())).collect();
    assert_eq!(read, [("PF3ZZZZZ", "SALES"), ("PF3FGHIJ", "FINANCE")], "the record without a tag has none");
    let event = &all[1].0;
    assert_eq!((event.time, event.about.user_principal_name.as_deref()), (time(NOW), None), "it is about the device");
    let tags = |tag: Value| group_tags(&with(AUTOPILOT, |record| record["groupTag"] = tag.clone()));
    for none in [json!(null), json!(""), json!("  "), json!("x".repeat(65)), json!(["SALES"])] {
        assert_eq!(tags(none.clone()).len(), 1, "{none}: only the other device has one");
        assert!(registers(&with(AUTOPILOT, |record| record["groupTag"] = none.clone())), "{none}");
    }
    let nobody = with(AUTOPILOT, |record| {
        record["serialNumber"] = json!("Default string");
        record["azureActiveDirectoryDeviceId"] = json!(null);
        record["enrollmentState"] = json!("enrolled");
    });
    assert_eq!(group_tags(&nobody).len(), 1, "a tag of no device");
}

/// A tag may become again what it was, so each week's list reports it anew, and not each list.
#[test]
fn a_group_tag_is_one_event_a_week_and_the_last_counts() {
    let on = |day: &str, tag: &str| {
        let received = graph_autopilot_devices::SENDER.received(time(&format!("2026-11-{day}T08:00:00Z")), false);
        let body = with(AUTOPILOT, |record| record["groupTag"] = json!(tag));
        let parsed = graph_autopilot_devices::parse(body.as_bytes(), &HeaderMap::new(), received).unwrap().events;
        events(parsed).into_iter().find(Event::is_tagged).unwrap()
    };
    // Weeks begin on Thursday here, as the epoch did.
    let same = |a: &Event, b: &Event| a.key == b.key;
    assert!(same(&on("19", "SALES"), &on("25", "SALES")));
    assert!(!same(&on("19", "SALES"), &on("26", "SALES")));
    assert!(!same(&on("19", "SALES"), &on("19", "FINANCE")));
    let mut history = History::default();
    for (day, tag) in [("05", "SALES"), ("12", "FINANCE"), ("19", "SALES"), ("20", "SALES")] {
        history.add(on(day, tag));
    }
    assert_eq!(history.len(), 3);
    let settings = TenantSettings::default();
    assert_eq!(fold(&TenantId::parse("contoso").unwrap(), &history, &settings, time(NOW)).tags["groupTag"], "SALES");
}

/// A record of a growing list at one pull.
fn record(device: u8, stage: u8) -> Value {
    json!({
        "id": format!("11111111-2222-4333-8444-0000000000{device:02}"),
        "serialNumber": format!("SN{device:06}"),
        "operatingSystem": "Windows",
        "enrolledDateTime": if stage == 0 { json!(null) } else { json!(format!("2026-11-25T08:{device:02}:00Z")) },
        "lastSyncDateTime": format!("2026-11-25T09:{:02}:00Z", stage * 5),
        "complianceState": if stage < 3 { "inGracePeriod" } else { "compliant" },
    })
}

proptest! {
    /// Any sequence of pulls of a growing list makes the same event ids as one pull of the last; later pulls do not
    /// change what an earlier pull reported.
    #[test]
    fn pulling_often_is_pulling_once(pulls in prop::collection::vec(prop::collection::vec(0_u8..4, 5), 1..6)) {
        let mut stages = vec![0_u8; 5];
        let mut known: BTreeMap<String, Event> = BTreeMap::new();
        let mut last = Vec::new();
        for (pull, steps) in pulls.iter().enumerate() {
            for (stage, step) in stages.iter_mut().zip(steps) {
                *stage = (*stage + step).min(3);
            }
            let list: Vec<Value> = (0..).zip(&stages).map(|(device, stage)| record(device, *stage)).collect();
            let now = time("2026-11-25T10:00:00Z") + vestibule_domain::Millis::from_minutes(5 * i64::try_from(pull).unwrap());
            last = events(managed_at(&json!({ "value": list }).to_string(), now, "2026-10-27T00:00:00Z"));
            for event in &last {
                known.entry(event.key.id.clone()).or_insert_with(|| event.clone());
            }
        }
        prop_assert_eq!(known.len(), last.len());
        for event in last {
            let first = &known[&event.key.id];
            prop_assert_eq!(first.step().unwrap().kind, event.step().unwrap().kind);
            prop_assert!(first.time <= event.time);
        }
    }
}
