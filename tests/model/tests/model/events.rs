//! Which events are valid, and which device they are about.

use crate::common::*;
use serde_json::{Value, json};
use vestibule_model::{Delivered, Reports, Settings, clock_skew, devices, is_valid};

fn device_of(device: &Value) -> Delivered {
    let id = device.to_string();
    let mut delivered = on(0, "registered", json!({ "device": device }));
    delivered.event["id"] = json!(id);
    delivered
}

fn keys(events: &[Value]) -> Vec<String> {
    let delivered: Vec<_> = events.iter().map(device_of).collect();
    all(&delivered, 0).into_iter().map(|device| device.enrollment_key).collect()
}

#[test]
fn the_key_is_the_best_identifier() {
    let mut enrollment = on(0, "registered", json!({ "enrollmentId": " Enrollment-E", "device": {} }));
    assert_eq!(one(std::slice::from_ref(&enrollment), 0).enrollment_key, "enrollment-e");
    enrollment.event["data"]["device"] = json!({ "mdmDeviceId": "Mdm-M" });
    assert_eq!(one(std::slice::from_ref(&enrollment), 0).enrollment_key, "mdm-m");
    enrollment.event["data"]["device"] = json!({ "mdmDeviceId": "Mdm-M", "udid": "UDID-U" });
    assert_eq!(one(std::slice::from_ref(&enrollment), 0).enrollment_key, "udid-u");
    enrollment.event["data"]["device"] =
        json!({ "mdmDeviceId": "Mdm-M", "udid": "UDID-U", "serialNumber": " C02-X \t" });
    let device = one(&[enrollment], 0);
    assert_eq!(device.enrollment_key, "c02-x");
    assert_eq!(device.udids, ["udid-u"]);
    assert_eq!(device.mdm_device_ids, ["mdm-m"]);
    assert_eq!(device.enrollment_ids, ["enrollment-e"]);
}

#[test]
fn placeholders_never_serve() {
    for placeholder in [
        "System Serial Number",
        "to be filled by O.E.M.",
        "To Be Filled By OEM (later)",
        " DEFAULT STRING ",
        "Defaultstring",
        "NotApplicable",
        "Not Specified",
        "not-available",
        "Chassis Serial Number",
        "N/A",
        "OEM",
        "*",
        "0",
        "None",
        "null",
        "Empty",
        "invalid",
        "Unknown",
        "",
        "   ",
        "abc",
        " a-b c ",
        "00000000-0000-0000-0000-000000000000",
        "xxxx",
        "0123456789",
        "1234567890",
        "987654321",
        "abcdef",
        "0123456789ABCDEF",
    ] {
        assert_eq!(keys(&[json!({ "serialNumber": placeholder, "udid": "UDID-U" })]), ["udid-u"], "{placeholder}");
        for member in ["serialNumber", "udid", "mdmDeviceId"] {
            assert!(!is_valid(&device_of(&json!({ member: placeholder }))), "{placeholder}");
        }
        let mut by_enrollment = device_of(&json!({}));
        by_enrollment.event["data"]["enrollmentId"] = json!(placeholder);
        assert!(!is_valid(&by_enrollment), "{placeholder}");
    }
    assert_eq!(keys(&[json!({ "serialNumber": "abdc", "udid": "UDID-U" })]), ["abdc"]);
}

#[test]
fn several_identifiers_teach_that_they_are_one_device() {
    assert_eq!(
        keys(&[json!({ "udid": "UDID-U" }), json!({ "mdmDeviceId": "Mdm-M" }), json!({ "serialNumber": "SERIAL" }),])
            .len(),
        3
    );
    assert_eq!(
        keys(&[
            json!({ "udid": "UDID-U" }),
            json!({ "mdmDeviceId": "Mdm-M" }),
            json!({ "serialNumber": "SERIAL", "udid": "UDID-U" }),
            json!({ "udid": "UDID-U", "mdmDeviceId": "Mdm-M" }),
        ]),
        ["serial"]
    );
    // If there are several of the best kind, the smallest.
    assert_eq!(
        keys(&[
            json!({ "mdmDeviceId": "Mdm-M", "udid": "UDID-Z" }),
            json!({ "mdmDeviceId": "Mdm-M", "udid": "UDID-A" }),
        ]),
        ["udid-a"]
    );
    // The same text as two kinds of identifier is two identifiers.
    assert_eq!(keys(&[json!({ "udid": "UDID-X" }), json!({ "mdmDeviceId": "Mdm-X" })]).len(), 2);
}

#[test]
fn what_takes_no_part_links_nothing() {
    let mut link = device_of(&json!({ "udid": "UDID-U", "mdmDeviceId": "Mdm-M" }));
    link.event["time"] = json!("2026-05-04T00:00:01Z");
    link.received_at_ms += 1000;
    let events = [device_of(&json!({ "udid": "UDID-U" })), device_of(&json!({ "mdmDeviceId": "Mdm-M" })), link];
    assert_eq!(all(&events, 0).len(), 2);
    assert_eq!(all(&events, 1000).len(), 1);
}

#[test]
fn what_is_not_an_event_is_skipped() {
    let good = step(0, "TermsofUse", "termsOfUse");
    assert!(is_valid(&good));
    let broken: Vec<(&str, Value)> = vec![
        ("/specversion", json!("0.3")),
        ("/specversion", json!(1.0)),
        ("/id", json!("")),
        ("/id", json!(7)),
        ("/source", json!(null)),
        ("/type", json!("enrollment.celebrated")),
        ("/time", json!("yesterday")),
        ("/time", json!(0)),
        ("/data", json!([])),
        ("/data", json!(null)),
        ("/data/device", json!("a phone")),
        ("/data/device", json!({})),
        ("/data/device/serialNumber", json!(12345)),
        ("/data/platform", json!("beos")),
        ("/data/action", json!(null)),
        ("/data/action", json!("x".repeat(257))),
    ];
    for (pointer, value) in broken {
        let mut bad = good.clone();
        *bad.event.pointer_mut(pointer).unwrap() = value.clone();
        assert!(!is_valid(&bad), "{pointer} {value}");
        assert!(all(&[bad], HOUR).is_empty());
    }
    for odd in [json!(null), json!(1), json!("{}"), json!([]), json!({})] {
        assert!(!is_valid(&Delivered { event: odd, received_at_ms: i64::MAX, reports: Reports::ALL, dropped: false }));
    }
    for (name, value) in [
        ("section", json!("lobby")),
        ("userAction", json!("shrug")),
        ("failure", json!(7)),
        ("failure", json!({ "message": "x".repeat(2001) })),
        ("failure", json!({ "code": -7 })),
        ("user", json!([])),
        ("enrollmentType", json!({})),
    ] {
        let mut bad = good.clone();
        bad.event["data"][name] = value.clone();
        assert!(!is_valid(&bad), "{name} {value}");
    }
}

#[test]
fn unknown_members_and_odd_instants_do_no_harm() {
    let mut event = plain(0, "started");
    event.event["data"]["mood"] = json!({ "today": 3 });
    event.event["traceparent"] = json!("00-0");
    assert!(is_valid(&event));
    for received_at_ms in [i64::MIN, i64::MAX] {
        event.received_at_ms = received_at_ms;
        for as_of in [i64::MIN, i64::MAX] {
            let _ = devices(std::slice::from_ref(&event), &Settings::default(), as_of);
        }
    }
    let settings = Settings { windows_idle_limit_minutes: i64::MAX, ..Settings::default() };
    let windows = on(0, "started", json!({ "platform": "windows" }));
    assert_eq!(one_with(&[windows], &settings, HOUR).attempts.len(), 1);
}

#[test]
fn clocks_that_differ_are_marked() {
    let mut event = plain(0, "started");
    for (late, live, backfilled) in [
        (0, false, false),
        (-5 * MINUTE, false, false),
        (-5 * MINUTE - 1, true, true),
        (12 * HOUR, false, false),
        (12 * HOUR + 1, true, false),
    ] {
        event.received_at_ms = START_MS + late;
        assert_eq!(clock_skew(&event, false), live, "{late}");
        assert_eq!(clock_skew(&event, true), backfilled, "{late}");
    }
}
