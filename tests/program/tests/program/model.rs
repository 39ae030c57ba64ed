//! The demonstration's sample once more, as the plain model reads it.

use rusqlite::Connection;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use vestibule_domain::Timestamp;
use vestibule_domain::time::Tz;
use vestibule_model::{Delivered, Device, Reports, Settings, devices};
use vestibule_simulator::{Delivery, Scenario, simulate};

/// Days of the demonstration's sample.
const DAYS: u32 = 30;
/// Days of the retention of its tenant.
const KEPT_DAYS: i32 = 60;

/// The deliveries of the sample that a data folder says it has.
pub fn sample(data: &Path) -> Vec<Delivery> {
    let sample: Value = serde_json::from_slice(&std::fs::read(data.join("demo.json")).unwrap()).unwrap();
    simulate(&Scenario {
        seed: sample["seed"].as_u64().unwrap(),
        enrollments: usize::try_from(sample["enrollments"].as_u64().unwrap()).unwrap(),
        days: DAYS,
        until_ms: sample["untilMs"].as_i64().unwrap(),
    })
}

pub fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// When each event of an attempt was received: only the program knows. It matters for those that tell of a time that
/// was yet to come.
pub fn received(conn: &Connection) -> HashMap<(String, String), Timestamp> {
    let mut rows = conn.prepare("SELECT source, event_id, received_at FROM attempt_timeline").unwrap();
    let rows = rows.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), instant(&row.get::<_, String>(2)?))));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// The deliveries as they were received: by `as_of` where nothing tells more exactly.
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
        }
    };
    sample.iter().map(one).collect()
}

/// The devices as of an instant, with the attempts that the retention keeps.
pub fn devices_at(delivered: &[Delivered], as_of: Timestamp) -> Vec<Device> {
    let cutoff = as_of.day(Tz::UTC).plus(-KEPT_DAYS);
    let mut devices = devices(delivered, &Settings::default(), as_of.millis());
    for device in &mut devices {
        device.attempts.retain(|attempt| Timestamp::from_millis(attempt.started_at_ms).day(Tz::UTC) >= cutoff);
    }
    devices
}
