//! Short words for the worked examples.

use serde_json::{Value, json};
use vestibule_model::{Attempt, Delivered, Device, Reports, Settings, devices};

/// 2026-05-04T00:00:00Z.
pub const START_MS: i64 = 1_777_852_800_000;
pub const SECOND: i64 = 1000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;

/// An event of an iPhone from the source `mdm`, `at` milliseconds after the start, received when it happened.
pub fn on(at: i64, kind: &str, more: Value) -> Delivered {
    from("mdm", at, kind, more)
}

/// Like [`on`], from the given source. The id is made from kind and time.
pub fn from(source: &str, at: i64, kind: &str, more: Value) -> Delivered {
    let mut data = json!({ "device": { "serialNumber": "SERIAL-1" }, "platform": "ios" });
    for (name, value) in more.as_object().unwrap() {
        data[name] = value.clone();
    }
    let time = chrono::DateTime::from_timestamp_millis(START_MS + at).unwrap();
    Delivered {
        event: json!({
            "specversion": "1.0",
            "id": format!("{kind}-{at}"),
            "source": source,
            "type": format!("enrollment.{kind}"),
            "time": time.to_rfc3339(),
            "data": data,
        }),
        received_at_ms: START_MS + at,
        reports: Reports::ALL,
        dropped: false,
    }
}

pub fn step(at: i64, action: &str, screen: &str) -> Delivered {
    on(at, "step.entered", json!({ "action": action, "screen": screen }))
}

pub fn plain(at: i64, kind: &str) -> Delivered {
    on(at, kind, json!({}))
}

pub fn all(delivered: &[Delivered], as_of: i64) -> Vec<Device> {
    devices(delivered, &Settings::default(), START_MS + as_of)
}

/// The only device.
pub fn one(delivered: &[Delivered], as_of: i64) -> Device {
    one_with(delivered, &Settings::default(), as_of)
}

pub fn one_with(delivered: &[Delivered], settings: &Settings, as_of: i64) -> Device {
    let mut found = devices(delivered, settings, START_MS + as_of);
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// A short form of an attempt: outcome, cause, start and end after the start.
pub fn short(attempt: &Attempt) -> (&str, Option<&str>, i64, Option<i64>) {
    (
        attempt.outcome.as_str(),
        attempt.cause.as_deref(),
        attempt.started_at_ms - START_MS,
        attempt.ended_at_ms.map(|ended| ended - START_MS),
    )
}

pub fn shorts(device: &Device) -> Vec<(&str, Option<&str>, i64, Option<i64>)> {
    device.attempts.iter().map(short).collect()
}

/// Section, action, screen and row of the last attempt.
pub fn place(device: &Device) -> (Option<&str>, Option<&str>, Option<&str>, Option<u8>) {
    let last = device.attempts.last().unwrap();
    (last.section.as_deref(), last.action.as_deref(), last.screen.as_deref(), last.catalogue_row)
}
