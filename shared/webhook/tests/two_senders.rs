//! The same enrollment told by two senders is one attempt: an MDM in its own form and an agent's CloudEvents, in every
//! order of arrival.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use http::HeaderMap;
use serde_json::{Value, json};
use vestibule_domain::event::{Event, Platform};
use vestibule_domain::{Cause, Enrollment, History, Outcome, TenantId, TenantSettings, Timestamp, fold};
use vestibule_webhook::cloudevents::{Batch, Parsed};
use vestibule_webhook::sources::{graph_troubleshooting_events, nanomdm};
use vestibule_webhook::{Received, parse};

/// The serial number and times are those of the samples.
const SERIAL: &str = "F4X9Q2LMN7";
const AUTHENTICATE: &str = include_str!("../src/sources/samples/nanomdm-authenticate.json");
const TOKEN: &str = include_str!("../src/sources/samples/nanomdm-token-update.json");
const GRAPH: &str = include_str!("../src/sources/samples/graph-troubleshooting-events-documentation.json");

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn all(batch: Batch) -> Vec<Event> {
    let event = |parsed| match parsed {
        Parsed::Event(event) => event.stored(),
        other => panic!("{other:?}"),
    };
    batch.events.into_iter().map(event).collect()
}

/// The agent's own telling: CloudEvents with another source, and the serial number as the only identifier.
fn agent(minutes_seconds: &str, kind: &str, serial: &str, mut data: Value) -> Vec<Event> {
    data["device"] = json!({"serialNumber": serial, "name": "Ada's device"});
    let time = format!("{minutes_seconds}Z");
    let event = json!({"specversion": "1.0", "id": format!("{kind}-{time}"), "source": "urn:example:agent",
        "type": format!("enrollment.{kind}"), "time": time, "data": data});
    all(parse(event.to_string().as_bytes(), Received::native(at(&time), false)).unwrap())
}

fn mdm(body: &str, received: Timestamp) -> Vec<Event> {
    let received = nanomdm::SENDER.received(received, false);
    all(nanomdm::parse(body.as_bytes(), &HeaderMap::new(), received).unwrap())
}

fn folded(events: impl IntoIterator<Item = Event>, as_of: &str) -> Enrollment {
    let mut history = History::default();
    for event in events {
        history.add(event);
    }
    fold(&TenantId::parse("contoso").unwrap(), &history, &TenantSettings::default(), at(as_of))
}

/// Every order in which the parts can arrive.
fn orders(parts: &[Vec<Event>]) -> Vec<Vec<Event>> {
    if parts.is_empty() {
        return vec![Vec::new()];
    }
    let mut found = Vec::new();
    for first in 0..parts.len() {
        let mut rest = parts.to_vec();
        let head = rest.remove(first);
        found.extend(orders(&rest).into_iter().map(|tail| head.iter().cloned().chain(tail).collect()));
    }
    found
}

fn minute(of: Timestamp, seconds: i64) -> String {
    let moved = Timestamp::from_millis(of.millis() + seconds * 1_000).to_string();
    moved.trim_end_matches('Z').to_owned()
}

#[test]
fn an_mdm_and_an_agent_that_tell_of_one_enrollment_make_one_attempt() {
    // Both of the MDM's messages carry a time; the agent is a little before and after them.
    let began = mdm(AUTHENTICATE, at("2026-03-02T19:00:00Z"))[0].time;
    let parts = [
        agent(&minute(began, -40), "started", SERIAL, json!({"platform": "ios"})),
        mdm(AUTHENTICATE, at("2026-03-02T19:00:00Z")),
        agent(
            &minute(began, 5),
            "step.entered",
            SERIAL,
            json!({"action": "iOSProfileLaunch", "screen": "installingProfile"}),
        ),
        mdm(TOKEN, at("2026-03-02T19:00:00Z")),
        agent(&minute(began, 90), "enrolled", SERIAL, json!({})),
        agent(&minute(began, 95), "compliant", SERIAL, json!({})),
    ];
    let orders = orders(&parts);
    assert_eq!(orders.len(), 720);
    let first = folded(orders[0].clone(), "2026-03-03T00:00:00Z");
    for order in orders {
        let enrollment = folded(order, "2026-03-03T00:00:00Z");
        assert_eq!(enrollment.attempts.len(), 1, "{:?}", enrollment.attempts);
        assert_eq!(enrollment.attempts[0].outcome, Outcome::Completed);
        assert_eq!(enrollment.attempts[0].about.platform, Some(Platform::Ios));
        assert_eq!(enrollment.attempts, first.attempts);
    }
}

#[test]
fn the_same_end_told_twice_is_one_failed_attempt_that_knows_what_both_told() {
    // Graph tells of failures alone, with a code and a category, and of no steps.
    let received = graph_troubleshooting_events::SENDER.received(at("2027-01-01T00:00:00Z"), true);
    let graph = all(graph_troubleshooting_events::parse(GRAPH.as_bytes(), &HeaderMap::new(), received).unwrap());
    let failed = &graph[0];
    let told = failed.step().unwrap().failure.clone().unwrap();
    let mut of_agent = Vec::new();
    // That the device's identifiers link them is the store's matter: here both are of one history.
    for (seconds, kind, data) in [
        (-120, "started", json!({"platform": "windows"})),
        (-60, "step.entered", json!({"section": "setupChecklist", "action": "DeviceJoin", "screen": "joining"})),
        (30, "failed", json!({"failure": {"message": "The device could not be joined."}})),
    ] {
        of_agent.push(agent(&minute(failed.time, seconds), kind, SERIAL, data));
    }
    let mut parts = vec![vec![failed.clone()]];
    parts.append(&mut of_agent);
    for order in orders(&parts) {
        let enrollment = folded(order, "2027-01-01T00:00:00Z");
        assert_eq!(enrollment.attempts.len(), 1, "{:?}", enrollment.attempts);
        let attempt = &enrollment.attempts[0];
        assert_eq!(attempt.outcome, Outcome::Failed);
        let failure = attempt.failure.as_ref().unwrap();
        assert_eq!((&failure.code, &failure.category), (&told.code, &told.category));
        assert!(failure.message.is_some());
        assert_eq!(attempt.place.as_ref().unwrap().action.name(), "DeviceJoin");
    }
}

#[test]
fn a_sender_that_begins_again_makes_a_second_attempt_whatever_the_other_tells() {
    let began = mdm(AUTHENTICATE, at("2026-03-02T19:00:00Z"))[0].time;
    let parts = [
        agent(&minute(began, -40), "started", SERIAL, json!({"platform": "ios"})),
        mdm(AUTHENTICATE, at("2026-03-02T19:00:00Z")),
        agent(&minute(began, 300), "started", SERIAL, json!({"platform": "ios"})),
    ];
    for order in orders(&parts) {
        let enrollment = folded(order, &format!("{}Z", minute(began, 400)));
        let told: Vec<_> = enrollment.attempts.iter().map(|one| (one.outcome, one.cause)).collect();
        let expected = [(Outcome::Abandoned, Some(Cause::Restarted)), (Outcome::InProgress, None)];
        assert_eq!(told, expected);
    }
}
