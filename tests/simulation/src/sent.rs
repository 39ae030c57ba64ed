//! What senders posted, and the answers they received.

use crate::plan::{At, Device, Posted};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use vestibule_domain::event::{Event, EventKey};
use vestibule_domain::{TenantId, Timestamp};
use vestibule_model::ROWS;
use vestibule_webhook::Received;
use vestibule_webhook::cloudevents::{Parsed, parse_event};

/// A request as it was posted.
#[derive(Clone, Debug)]
pub struct Request {
    /// The tenant.
    pub tenant: u8,
    /// Whether it fills in the past.
    pub backfill: bool,
    /// Its events, and the device of each.
    pub events: Vec<(usize, Value)>,
}

/// One copy of an event that reached a hook, whether it was answered or not.
#[derive(Clone, Debug)]
pub struct Copy {
    /// The device that it is about.
    pub device: usize,
    /// As it was posted.
    pub json: Value,
    /// As it is read.
    pub event: Event,
    /// Its key once it is stored.
    pub key: Key,
    /// Whether the answer said that it is in the table.
    pub acknowledged: bool,
}

/// The key of an event. It includes the device, because ids of the Enrollment Status Page's updates are unique only
/// within a device.
pub type Key = (usize, EventKey);

/// What one tenant's senders posted.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// Every copy.
    pub copies: Vec<Copy>,
    /// The answer for each event that needs no further posting.
    pub answered: BTreeMap<Key, String>,
}

impl Sent {
    /// Notes that a request is about to be read at `received_at`, and returns the positions of its valid events among
    /// the copies.
    pub fn note(&mut self, request: &Request, received_at: Timestamp) -> Vec<Option<usize>> {
        let received = Received::native(received_at, request.backfill);
        let note = |(device, json): &(usize, Value)| match parse_event(json, received) {
            Parsed::Event(event) => {
                let key = (*device, (*event).clone().stored().key);
                let copy = Copy { device: *device, json: json.clone(), event: *event, key, acknowledged: false };
                self.copies.push(copy);
                Some(self.copies.len() - 1)
            }
            _ => None,
        };
        request.events.iter().map(note).collect()
    }

    /// Notes the answer for each event of a request.
    pub fn answer(&mut self, places: &[Option<usize>], statuses: &[String]) {
        for (place, status) in places.iter().zip(statuses) {
            let Some(copy) = place.and_then(|place| self.copies.get_mut(place)) else { continue };
            copy.acknowledged = matches!(status.as_str(), "accepted" | "duplicate");
            if status != "unavailable" {
                self.answered.insert(copy.key.clone(), status.clone());
            }
        }
    }

    /// Events without a final answer, each in a request of its own.
    pub fn unanswered(&self, tenant: u8) -> Vec<Request> {
        let mut wanted: BTreeMap<&Key, &Copy> = BTreeMap::new();
        for copy in self.copies.iter().filter(|copy| !self.answered.contains_key(&copy.key)) {
            wanted.entry(&copy.key).or_insert(copy);
        }
        let request = |copy: &&Copy| Request { tenant, backfill: true, events: vec![(copy.device, copy.json.clone())] };
        wanted.values().map(request).collect()
    }
}

/// The tenant with this number.
pub fn tenant_id(number: u8) -> TenantId {
    TenantId::parse(&format!("tenant-{number}")).unwrap()
}

/// The secret with which a tenant's senders sign.
pub fn secret(number: u8) -> String {
    use base64::Engine as _;
    format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode([number + 1; 32]))
}

/// The names of a device, best first.
pub fn names(device: usize) -> [String; 4] {
    [
        format!("sn{device:06}x"),
        format!("00008030-{device:016x}"),
        format!("3f0a77c2-51be-4d0a-9d2e-{device:012x}"),
        format!("enrollment-{device}"),
    ]
}

/// An event as its sender writes it, and its time.
pub fn json_of(posted: &Posted, device: Device, now_ms: i64, last_ms: Option<i64>) -> (Value, i64) {
    let at_ms = match posted.at {
        At::Ago(ms) => now_ms - ms,
        At::AfterLast(ms) => last_ms.unwrap_or(now_ms) + ms,
    };
    let [serial, udid, mdm, enrollment] = names(posted.device);
    let mut of_device = json!({});
    for (bit, name, value) in [(1, "serialNumber", serial), (2, "udid", udid), (4, "mdmDeviceId", mdm)] {
        if posted.names & bit != 0 {
            of_device[name] = value.into();
        }
    }
    of_device["name"] = format!("PC {}", posted.device).into();
    let mut data = json!({"device": of_device});
    if posted.names & 8 != 0 {
        data["enrollmentId"] = enrollment.into();
    }
    if posted.choice.is_multiple_of(2) {
        data["user"] = json!({"principalName": format!("user{}@example.org", posted.device)});
    }
    if posted.has_platform {
        data["platform"] = device.platform.into();
    }
    if let Some(row) = posted.row.and_then(|row| ROWS.get(row)) {
        data["action"] = row.action.into();
        data["screen"] = row.screen.into();
    }
    match posted.kind {
        "enrollment.stopped" => {
            data["userAction"] = ["cancel", "postpone", "ignore", "declineAll"][posted.choice % 4].into();
        }
        "enrollment.failed" => {
            let code = ["0x801C0003", "-2145648637", "DeviceCapReached", "0x80CF0437"][posted.choice % 4];
            let reason = ["device limit", "authentication"][posted.choice % 2];
            data["failure"] = json!({"code": code, "reason": reason});
        }
        "esp.item" => {
            data["phase"] = ["deviceSetup", "accountSetup"][posted.choice % 2].into();
            data["category"] = "apps".into();
            let state = ["inProgress", "completed", "error", "completed"][posted.choice % 4];
            data["item"] = json!({"id": format!("app-{}", posted.choice % 3), "state": state});
        }
        "esp.phase" => {
            data["phase"] = ["devicePreparation", "deviceSetup", "accountSetup"][posted.choice % 3].into();
            data["state"] = ["started", "completed"][posted.choice % 2].into();
        }
        _ => {}
    }
    if posted.padding > 0 && !posted.kind.starts_with("esp.") {
        let reason = data["failure"].get("reason").cloned().unwrap_or_else(|| "none".into());
        // The same within a device, so that megabytes of it take little room once compressed.
        data["failure"] = json!({"reason": reason, "message": "m".repeat(posted.padding)});
        if posted.padding < 1_000 {
            let drawn = crate::rng::Rng::of(&[posted.id]).below(u64::MAX);
            data["failure"]["message"] = format!("{drawn:016x} {drawn:o} {}", "m".repeat(posted.padding)).into();
        }
    }
    let time = Timestamp::from_millis(at_ms).to_string();
    let event = json!({
        "specversion": "1.0",
        "id": format!("e{}", posted.id),
        "source": format!("urn:sender-{}", posted.source),
        "type": posted.kind,
        "time": time,
        "data": data,
    });
    (event, at_ms)
}
