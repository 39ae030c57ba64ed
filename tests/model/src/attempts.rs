//! From events to devices and their attempts.

use crate::esp::{App, ItemTime};
use crate::fold::fold;
use crate::read::{Event, IdentifierKind, Kind, read};
use crate::{Delivered, Settings};
use std::collections::BTreeMap;

/// One try to enroll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// `source` and `id` of the event that opened it; its `attempt_id` is made from them.
    pub opened_by: (String, String),
    /// The device's key.
    pub enrollment_key: String,
    /// The device's name, as reported last.
    pub device_name: Option<String>,
    /// The manufacturer, as reported last.
    pub manufacturer: Option<String>,
    /// The device's model, as reported last.
    pub model: Option<String>,
    /// The user's principal name, as reported last.
    pub user_principal_name: Option<String>,
    /// The user's id, as reported last.
    pub user_id: Option<String>,
    /// The platform, as reported last, in canonical form.
    pub platform: Option<String>,
    /// The version of the operating system, as reported last.
    pub os_version: Option<String>,
    /// The enrollment type, as reported last.
    pub enrollment_type: Option<String>,
    /// When it was opened.
    pub started_at_ms: i64,
    /// When it was closed; `None` while it is in progress.
    pub ended_at_ms: Option<i64>,
    /// `inProgress`, `completed`, `abandoned` or `failed`.
    pub outcome: String,
    /// Why it was abandoned: a user action, `portalClosed`, `timedOut`, `restarted` or `unenrolled`.
    pub cause: Option<String>,
    /// The section in which it stopped; `None` when completed, or if an action outside the catalogue was reported
    /// without one.
    pub section: Option<String>,
    /// The action at which it stopped; `None` when completed.
    pub action: Option<String>,
    /// The screen on which it stopped, if one was reported.
    pub screen: Option<String>,
    /// The row of the catalogue, for attempts abandoned on iOS/iPadOS and Android.
    pub catalogue_row: Option<u8>,
    /// The failure's code, spelled as reported.
    pub failure_code: Option<String>,
    /// The failure's reason, as reported.
    pub failure_reason: Option<String>,
    /// The failure's category, in canonical form.
    pub failure_category: Option<String>,
    /// `source` and `id` of its enrollment events in order; those that reported the same end again come last.
    pub events: Vec<(String, String)>,
    /// While in progress: `compliance` or `configuration` if it waits for that.
    pub wait: Option<String>,
    /// Whether it completed because nobody reported that its Setup Assistant was released.
    pub release_not_reported: bool,
    /// Whether its start was reported; if not, it has no duration.
    pub start_reported: bool,
    /// Whether one of its senders reports starts.
    pub has_starts: bool,
    /// Whether one of its senders reports steps.
    pub has_steps: bool,
    /// The actions to which it was reported to come, each once.
    pub visited: Vec<String>,
    /// Whether its senders report ends and failures.
    pub has_both_ends: bool,
    /// Whether it is the technician's part of pre-provisioning.
    pub technician: bool,
    /// When its session of the Enrollment Status Page started: the last one that belonged to it.
    pub session_started_at_ms: Option<i64>,
}

impl Attempt {
    /// Whether success can be distinguished from failure (docs/DOMAIN.md, R5).
    #[must_use]
    pub fn judged(&self) -> bool {
        self.outcome != "inProgress" && (self.has_starts || self.has_both_ends)
    }
}

/// A short form of a session of the Enrollment Status Page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// When its time starts to count.
    pub started_at_ms: i64,
    /// When it ended, well or not.
    pub ended_at_ms: Option<i64>,
    /// Its state.
    pub state: String,
    /// Whether it ever failed.
    pub failed: bool,
    /// Whether it was ever past its limit.
    pub timed_out: bool,
    /// How the device is deployed.
    pub mode: Option<String>,
    /// Whether the device's Autopilot profile was reported.
    pub has_profile_name: bool,
    /// The model of the device, as its events reported it last.
    pub model: Option<String>,
    /// Its apps.
    pub apps: Vec<App>,
    /// How long its items took, where that was reported.
    pub times: Vec<ItemTime>,
    /// The id of its profile.
    pub profile: String,
}

/// One device: everything its events show, as of an instant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
    /// Normalised serial number; failing that, UDID; failing that, the MDM's device id; failing that, the enrollment
    /// id. If it has several, the smallest.
    pub enrollment_key: String,
    /// Its normalised serial numbers, sorted.
    pub serial_numbers: Vec<String>,
    /// Its UDIDs, sorted.
    pub udids: Vec<String>,
    /// Its device ids in the MDM, sorted.
    pub mdm_device_ids: Vec<String>,
    /// Its enrollment ids, sorted.
    pub enrollment_ids: Vec<String>,
    /// Whether it was ever registered.
    pub registered: bool,
    /// Whether it is under management.
    pub enrolled: bool,
    /// Whether compliance and activation are complete.
    pub compliant: bool,
    /// Enrolled and, where required, compliant, and not held in its Setup Assistant.
    pub complete: bool,
    /// Its state (docs/DOMAIN.md, D1).
    pub state: String,
    /// Its failures outside any attempt: the instant, the code, and whether a later enrollment resolved it.
    pub failures: Vec<(i64, Option<String>, bool)>,
    /// Its sessions of the Enrollment Status Page, in order.
    pub sessions: Vec<Page>,
    /// Whether any of its events was an `esp.*`.
    pub has_esp_session: bool,
    /// Registered, without any attempt.
    pub pending: bool,
    /// Its tags, of each key the last by time (docs/DOMAIN.md, E12).
    pub tags: BTreeMap<String, String>,
    /// Whether nothing but tags was reported of it: it counts nowhere.
    pub only_tags: bool,
    /// When it was first registered.
    pub registered_at_ms: Option<i64>,
    /// The source that it left, and when, if nobody has reported it enrolled since (docs/DOMAIN.md, D9).
    pub left: Option<(String, i64)>,
    /// Its attempts, in order.
    pub attempts: Vec<Attempt>,
}

/// The devices of one tenant and their attempts, by enrollment key.
///
/// `delivered` has every delivery, in any order, repetitions and invalid events included.
#[must_use]
pub fn devices(delivered: &[Delivered], settings: &Settings, as_of_ms: i64) -> Vec<Device> {
    let events: Vec<Event> = delivered.iter().filter_map(read).collect();
    devices_of(&events, settings, as_of_ms)
}

/// Like [`devices`], from events that were already read.
#[must_use]
pub fn devices_of(events: &[Event], settings: &Settings, as_of_ms: i64) -> Vec<Device> {
    // Of several copies of one event, the one received first counts.
    let mut first_copies: BTreeMap<(String, String), Event> = BTreeMap::new();
    for event in events {
        let key = (event.source.clone(), event.id.clone());
        let counts = match first_copies.get(&key) {
            None => true,
            Some(known) => (event.received_at_ms, &event.text) < (known.received_at_ms, &known.text),
        };
        if counts {
            first_copies.insert(key, event.clone());
        }
    }

    let mut events = Vec::new();
    for event in first_copies.into_values() {
        if event.placed_at_ms <= as_of_ms {
            events.push(event);
        }
    }

    // Events that share an identifier, directly or through others, belong to one device.
    let mut groups: Vec<Vec<Event>> = Vec::new();
    let mut group_of: BTreeMap<(IdentifierKind, String), usize> = BTreeMap::new();
    for event in events {
        let own = groups.len();
        groups.push(vec![event.clone()]);
        for identifier in event.identifiers {
            let Some(other) = group_of.insert(identifier, own) else {
                continue;
            };
            if other == own {
                continue;
            }
            // This group was separate until now.
            let joining = std::mem::take(&mut groups[other]);
            for joined in &joining {
                for identifier in &joined.identifiers {
                    group_of.insert(identifier.clone(), own);
                }
            }
            groups[own].extend(joining);
        }
    }

    let mut devices = Vec::new();
    for mut group in groups {
        if group.is_empty() {
            continue;
        }
        group.sort_by(|a, b| {
            (a.placed_at_ms, a.kind, &a.source, &a.id).cmp(&(b.placed_at_ms, b.kind, &b.source, &b.id))
        });
        devices.push(device(group, settings, as_of_ms));
    }
    devices.sort_by(|a: &Device, b: &Device| {
        // One text may be the key of two devices, if it is two kinds of identifier.
        let order = |device: &Device| {
            (
                device.enrollment_key.clone(),
                device.serial_numbers.clone(),
                device.udids.clone(),
                device.mdm_device_ids.clone(),
            )
        };
        order(a).cmp(&order(b))
    });
    devices
}

/// One device from its events in order.
fn device(events: Vec<Event>, settings: &Settings, as_of_ms: i64) -> Device {
    let mut device = Device {
        serial_numbers: identifiers(&events, IdentifierKind::Serial),
        udids: identifiers(&events, IdentifierKind::Udid),
        mdm_device_ids: identifiers(&events, IdentifierKind::MdmDeviceId),
        enrollment_ids: identifiers(&events, IdentifierKind::EnrollmentId),
        ..Device::default()
    };
    for candidates in [&device.serial_numbers, &device.udids, &device.mdm_device_ids, &device.enrollment_ids] {
        if let Some(smallest) = candidates.first() {
            device.enrollment_key.clone_from(smallest);
            break;
        }
    }
    let mut left = None;
    device.only_tags = true;
    for event in &events {
        for (key, value) in &event.tags {
            device.tags.insert(key.clone(), value.clone());
        }
        device.only_tags &= event.kind == Kind::Tagged;
        match event.kind {
            Kind::Registered if device.registered_at_ms.is_none() => device.registered_at_ms = Some(event.placed_at_ms),
            Kind::Enrolled => left = None,
            Kind::Unenrolled => left = Some((event.source.clone(), event.placed_at_ms)),
            _ => {}
        }
    }
    device.registered = device.registered_at_ms.is_some();
    let others = events.into_iter().filter(|event| event.kind != Kind::Tagged).collect();
    fold(others, settings, as_of_ms, &mut device);
    device.left = left.filter(|_| !device.enrolled);
    device.pending = device.registered && device.attempts.is_empty();
    device
}

fn identifiers(events: &[Event], wanted: IdentifierKind) -> Vec<String> {
    let mut found = Vec::new();
    for event in events {
        for (kind, value) in &event.identifiers {
            if *kind == wanted {
                found.push(value.clone());
            }
        }
    }
    found.sort();
    found.dedup();
    found
}
