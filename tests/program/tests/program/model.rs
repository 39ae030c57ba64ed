//! Reads the demonstration's sample with the plain model.

use rusqlite::Connection;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use vestibule_domain::Timestamp;
use vestibule_domain::time::Tz;
use vestibule_model::esp::{Profile, What};
use vestibule_model::{Delivered, Device, Event, Reports, Settings, devices_of, read};
use vestibule_simulator::{Delivery, Scenario, simulate, waiting};

/// How long after the sample's end those who wait at a screen count as having given up.
const WAITING_LEFT_MS: i64 = 10_000;
/// Days of the demonstration's sample.
const DAYS: u32 = 30;
/// Days of the retention of its tenant.
const KEPT_DAYS: i32 = 60;

/// The deliveries of the sample that a data folder says it has.
pub fn sample(data: &Path) -> Vec<Delivery> {
    let sample: Value = serde_json::from_slice(&std::fs::read(data.join("demo.json")).unwrap()).unwrap();
    let scenario = Scenario {
        seed: sample["seed"].as_u64().unwrap(),
        enrollments: usize::try_from(sample["enrollments"].as_u64().unwrap()).unwrap(),
        days: DAYS,
        until_ms: sample["untilMs"].as_i64().unwrap(),
    };
    simulate(&scenario).into_iter().chain(waiting(&scenario, WAITING_LEFT_MS)).collect()
}

pub fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// When each event of an attempt was received, which only the program knows. It matters for events whose time was still
/// in the future.
pub fn received(conn: &Connection) -> HashMap<(String, String), Timestamp> {
    let mut rows = conn.prepare("SELECT source, event_id, received_at FROM attempt_timeline").unwrap();
    let rows = rows.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), instant(&row.get::<_, String>(2)?))));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// The deliveries with the time when they were received, or `as_of` if that is unknown.
pub fn delivered(
    sample: &[Delivery],
    received: &HashMap<(String, String), Timestamp>,
    as_of: Timestamp,
) -> Vec<Delivered> {
    let one = |delivery: &Delivery| {
        let key = (delivery.event.source.to_owned(), delivery.event.id.to_string());
        Delivered {
            event: delivery.event.to_json(),
            received_at_ms: received.get(&key).copied().unwrap_or(as_of).millis(),
            reports: Reports::ALL,
            dropped: false,
        }
    };
    sample.iter().map(one).collect()
}

/// The devices as of an instant, with the attempts that the retention keeps.
pub fn devices_at(delivered: &[Delivered], as_of: Timestamp) -> Vec<Device> {
    let cutoff = as_of.day(Tz::UTC).plus(-KEPT_DAYS);
    let names = names(delivered);
    let events: Vec<Event> = delivered.iter().filter_map(|one| as_stored(one, &names)).collect();
    let mut devices = devices_of(&events, &Settings::default(), as_of.millis());
    for device in &mut devices {
        device.attempts.retain(|attempt| Timestamp::from_millis(attempt.started_at_ms).day(Tz::UTC) >= cutoff);
    }
    devices
}

/// The names of apps and other items by id. In the sample, each id has only one name.
fn names(delivered: &[Delivered]) -> HashMap<String, String> {
    let data = || delivered.iter().map(|one| &one.event["data"]);
    let apps = data().flat_map(|data| data["targetedApps"].as_array().into_iter().flatten());
    let items = apps.chain(data().map(|data| &data["item"]));
    items.filter_map(|item| Some((item["id"].as_str()?.to_owned(), item["name"].as_str()?.to_owned()))).collect()
}

/// The event with what the webhook and other events add: the profile that applies, and the names of items, which
/// senders leave out if they gave them before.
fn as_stored(delivered: &Delivered, names: &HashMap<String, String>) -> Option<Event> {
    let mut event = read(delivered)?;
    match event.esp.as_mut().map(|esp| &mut esp.what) {
        Some(What::Started { profile, .. }) => *profile = Some(applies(&delivered.event["data"]["groups"])),
        Some(What::Item(item)) => item.name = item.name.take().or_else(|| names.get(&item.id).cloned()),
        _ => {}
    }
    Some(event)
}

/// The demonstration's profile for a device in such groups.
fn applies(groups: &Value) -> Profile {
    let is_in = |kinds: &[&str], name: &str| {
        let mut all = kinds.iter().flat_map(|kind| groups[*kind].as_array().into_iter().flatten());
        all.any(|group| group.as_str() == Some(name) || group["id"] == name)
    };
    let apps = |numbers: &[u8]| {
        numbers.iter().map(|number| format!("5f1d0a3e-0c1b-4a52-9c0e-6a3f6f1f0a{number:02}")).collect::<Vec<_>>()
    };
    let (id, minutes, blocking) = if is_in(&["device", "user"], "autopilot-field") {
        ("field", 60, apps(&[1, 4]))
    } else if is_in(&["device", "user"], "engineering") {
        ("engineering", 90, apps(&[1, 2, 3, 4, 5]))
    } else {
        ("default", 60, Vec::new())
    };
    Profile { id: id.to_owned(), minutes, shown: true, blocking, tries_others: false }
}
