//! Autopilot events as Graph lists them, and what reads them.
//!
//! `autopilot-events-documentation.json` has the shape of the sample in
//! <https://learn.microsoft.com/en-us/graph/api/intune-troubleshooting-devicemanagementautopilotevent-list>, with the
//! members that it had in earlier editions and other values, but its oddities: negative durations, seven digits,
//! offsets, times out of order. The other two are made up after the resource's description.
#![allow(dead_code, missing_docs)]

use http::HeaderMap;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use vestibule_domain::esp::{EspDetail, EspSession};
use vestibule_domain::event::{Body, Event, EventKey, Kind};
use vestibule_domain::{Enrollment, History, TenantId, TenantSettings, Timestamp, fold};
use vestibule_webhook::BodyError;
use vestibule_webhook::cloudevents::{Batch, Parsed};
use vestibule_webhook::sources::graph_autopilot_events;

pub const DOCUMENTED: &str = include_str!("../../../src/sources/samples/autopilot-events-documentation.json");
pub const LIST: &str = include_str!("../../../src/sources/samples/autopilot-events.json");
pub const LATER: &str = include_str!("../../../src/sources/samples/autopilot-events-later.json");
/// Long after everything in the samples.
pub const NOW: &str = "2026-03-01T12:00:00Z";

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub fn parse(body: &[u8]) -> Result<Batch, BodyError> {
    let received = graph_autopilot_events::SENDER.received(at(NOW), false);
    graph_autopilot_events::parse(body, &HeaderMap::new(), received)
}

pub fn batch(body: &str) -> Batch {
    parse(body.as_bytes()).unwrap()
}

pub fn events(body: &str) -> Vec<Event> {
    let read = |parsed| match parsed {
        Parsed::Event(event) => event.stored(),
        other => panic!("{other:?}"),
    };
    batch(body).events.into_iter().map(read).collect()
}

pub fn of(record: &Value) -> Vec<Event> {
    events(&record.to_string())
}

/// The sample list's events of devices whose serial number begins with `serial`.
pub fn listed(serial: &str) -> Vec<Event> {
    let is = |event: &Event| event.about.serial_number.as_deref().is_some_and(|number| number.starts_with(serial));
    events(LIST).into_iter().filter(is).collect()
}

pub fn folded(events: impl IntoIterator<Item = Event>) -> Enrollment {
    folded_as(events, &TenantSettings::default())
}

pub fn folded_as(events: impl IntoIterator<Item = Event>, settings: &TenantSettings) -> Enrollment {
    let mut history = History::default();
    for event in events {
        history.add(event);
    }
    fold(&TenantId::parse("contoso").unwrap(), &history, settings, at(NOW))
}

pub fn session(events: impl IntoIterator<Item = Event>) -> EspSession {
    let mut sessions = folded(events).sessions;
    assert_eq!(sessions.len(), 1);
    sessions.remove(0)
}

pub fn keys(events: &[Event]) -> BTreeSet<EventKey> {
    events.iter().map(|event| event.key.clone()).collect()
}

pub fn steps(events: &[Event]) -> Vec<(Kind, String)> {
    events.iter().filter_map(|event| Some((event.step()?.kind, event.time.to_string()))).collect()
}

pub fn details(events: &[Event]) -> Vec<&EspDetail> {
    events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Esp(esp) => Some(&esp.detail),
            Body::Enrollment(_) => None,
        })
        .collect()
}

pub fn refused_fields(record: &Value) -> Vec<String> {
    match &batch(&record.to_string()).events[..] {
        [Parsed::Invalid { errors, .. }] => errors.iter().map(|error| error.field.clone()).collect(),
        other => panic!("{other:?}"),
    }
}

/// A deployment of 25 minutes that succeeded.
pub fn record() -> Value {
    json!({
        "id": "r1", "deviceId": "device-1", "deviceSerialNumber": "AP-0001", "eventDateTime": "2026-02-10T09:30:00Z",
        "enrollmentStartDateTime": "2026-02-10T09:00:00Z", "enrollmentType": "azureADJoinedWithAutopilotProfile",
        "enrollmentState": "enrolled", "deploymentState": "success", "deviceSetupStatus": "success",
        "accountSetupStatus": "success", "deploymentStartDateTime": "2026-02-10T09:00:00Z",
        "deploymentEndDateTime": "2026-02-10T09:25:00Z", "devicePreparationDuration": "PT5M",
        "deviceSetupDuration": "PT12M", "accountSetupDuration": "PT8M",
    })
}

pub fn with(changes: Value) -> Value {
    let mut record = record();
    record.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    record
}
