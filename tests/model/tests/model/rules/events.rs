//! The set of events: order, repetition and late arrival.

use super::LIMIT;
use crate::common::*;
use serde_json::json;

#[test]
fn later_events_take_no_part() {
    let events = [plain(0, "started"), plain(MINUTE, "portalClosed")];
    assert_eq!(shorts(&one(&events, MINUTE - 1)), [("inProgress", None, 0, None)]);
    assert_eq!(shorts(&one(&events, MINUTE)), [("abandoned", Some("portalClosed"), 0, Some(MINUTE))]);
}

#[test]
fn the_order_of_delivery_and_repetition_change_nothing() {
    let events = [
        plain(0, "started"),
        step(MINUTE, "TermsofUse", "termsOfUse"),
        plain(2 * MINUTE, "enrolled"),
        plain(3 * MINUTE, "compliant"),
    ];
    let expected = one(&events, HOUR);
    let mut other: Vec<_> = events.iter().rev().cloned().collect();
    other.extend(events.clone());
    assert_eq!(one(&other, HOUR), expected);
}

#[test]
fn the_copy_received_first_counts() {
    let mut first = plain(0, "started");
    first.event["id"] = json!("same");
    first.received_at_ms += 10;
    let mut second = plain(0, "registered");
    second.event["id"] = json!("same");
    second.received_at_ms += 11;
    let device = one(&[second, first], HOUR - 1);
    assert!(!device.registered);
    assert_eq!(device.attempts.len(), 1);
}

#[test]
fn the_same_id_of_two_sources_is_two_events() {
    let events = [from("a", 0, "started", json!({})), from("b", 0, "started", json!({}))];
    assert_eq!(one(&events, 0).attempts[0].events.len(), 2);
}

#[test]
fn an_event_is_placed_by_its_time_but_never_later_than_received() {
    let mut late = plain(0, "started");
    late.received_at_ms += HOUR;
    assert_eq!(shorts(&one(&[late], 0)), [("inProgress", None, 0, None)]);

    let mut ahead = plain(HOUR, "started");
    ahead.received_at_ms = START_MS + 5;
    assert_eq!(shorts(&one(&[ahead], 5)), [("inProgress", None, 5, None)]);

    let mut without = plain(HOUR, "started");
    without.received_at_ms = START_MS + 7;
    without.event.as_object_mut().unwrap().remove("time");
    assert_eq!(shorts(&one(&[without], 7)), [("inProgress", None, 7, None)]);
}

#[test]
fn at_one_instant_the_kind_decides() {
    // The step comes before the stop, and names the place.
    let events = [plain(0, "started"), on(1, "stopped", json!({})), step(1, "DeviceCategory", "deviceCategory")];
    let device = one(&events, 1);
    assert_eq!(shorts(&device), [("abandoned", Some("cancel"), 0, Some(1))]);
    assert_eq!(place(&device).1, Some("DeviceCategory"));
}

#[test]
fn then_the_source_then_the_id_decide() {
    let mut b = from("a", 0, "started", json!({}));
    b.event["id"] = json!("2");
    let mut a = b.clone();
    a.event["id"] = json!("1");
    let mut other = b.clone();
    other.event["source"] = json!("b");
    other.event["id"] = json!("0");
    let device = one(&[other, b, a], 0);
    let opened: Vec<_> = device.attempts.iter().map(|attempt| attempt.opened_by.clone()).collect();
    assert_eq!(opened, [("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())]);
}

#[test]
fn an_event_that_arrives_late_changes_the_answer() {
    let mut events = vec![plain(0, "started")];
    assert_eq!(shorts(&one(&events, HOUR)), [("abandoned", Some("timedOut"), 0, Some(LIMIT))]);
    let mut late = plain(20 * MINUTE, "enrolled");
    late.received_at_ms += 2 * HOUR;
    events.push(late);
    let mut late = plain(40 * MINUTE, "compliant");
    late.received_at_ms += 2 * HOUR;
    events.push(late);
    assert_eq!(shorts(&one(&events, HOUR)), [("completed", None, 0, Some(40 * MINUTE))]);
}
