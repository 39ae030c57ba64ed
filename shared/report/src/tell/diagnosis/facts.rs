//! What the file knows of a person or a device.

use super::{Device, Known, Subject, Verdict};
use crate::ask::reader::{Advice, Attempt, EspSessionDetail, Reader, parameters};
use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use vestibule_domain::Timestamp;

/// A device with what the subject did on it.
pub(super) struct KnownDevice {
    pub device: Device,
    /// Newest first.
    pub attempts: Vec<KnownAttempt>,
    /// Newest first.
    pub sessions: Vec<EspSessionDetail>,
    /// Outside any attempt, unresolved; newest first.
    pub failures: Vec<DeviceFailure>,
    /// Whether it is enrolled and, where that is required, compliant.
    pub complete: bool,
    /// Whether something made it complete since its last attempt, which is theirs and ended without success.
    pub complete_since: bool,
    /// Whether a technician prepared it, and its user has yet to come.
    pub prepared: bool,
}

impl KnownDevice {
    /// Attempts that ended without success and that no success followed.
    pub(super) fn unresolved(&self) -> impl Iterator<Item = &KnownAttempt> {
        let since = self.attempts.iter().take_while(|attempt| !attempt.is("completed"));
        since.filter(|attempt| !attempt.is("inProgress") && !self.complete_since)
    }

    /// Whether its newest attempt waits for that.
    pub(super) fn waits_for(&self, what: &str) -> bool {
        self.attempts.first().is_some_and(|newest| newest.attempt.waits_for.as_deref() == Some(what))
    }

    /// How a device stands.
    pub(super) fn verdict(&self) -> Verdict {
        if !self.failures.is_empty() {
            return Verdict::Failing;
        }
        let Some(newest) = self.attempts.first() else {
            // Some senders report the Enrollment Status Page alone.
            return match self.sessions.first().map(|newest| newest.session.state.as_str()) {
                Some("inProgress") => Verdict::Enrolling,
                Some("failed" | "timedOut") => Verdict::Failing,
                Some(_) => Verdict::Working,
                // Its enrollment was not reported, that it is complete was.
                None if self.complete => Verdict::Working,
                None => Verdict::NoAttempt,
            };
        };
        match newest.attempt.outcome.as_str() {
            _ if self.prepared => Verdict::Prepared,
            _ if self.complete_since => Verdict::Working,
            "completed" => Verdict::Working,
            "failed" => Verdict::Failing,
            "abandoned" => Verdict::GaveUp,
            _ if self.waits_for("configuration") => Verdict::HeldForConfiguration,
            _ if newest.attempt.waits_for.is_some() => Verdict::WaitingForCompliance,
            _ => Verdict::Enrolling,
        }
    }

    /// How it is called in a sentence.
    pub(super) fn name(&self) -> &str {
        let Device { device_name, enrollment_key, .. } = &self.device;
        device_name.as_deref().unwrap_or(enrollment_key)
    }
}

/// A failure of a device outside any attempt.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceFailure {
    enrollment_key: String,
    pub failed_at: String,
    pub code: Option<String>,
    pub reason: Option<String>,
    pub category: Option<String>,
    pub message: Option<String>,
    pub advice: Vec<Advice>,
}

/// An attempt with its instants.
pub(super) struct KnownAttempt {
    pub attempt: Attempt,
    pub started_at: Timestamp,
    pub last_activity: Timestamp,
    pub ended_at: Option<Timestamp>,
}

impl KnownAttempt {
    fn of(attempt: Attempt) -> Result<Self> {
        let ended_at = attempt.ended_at.as_deref().map(instant).transpose()?;
        let (started_at, last_activity) = (instant(&attempt.started_at)?, instant(&attempt.last_activity_at)?);
        Ok(Self { attempt, started_at, last_activity, ended_at })
    }

    pub(super) fn is(&self, outcome: &str) -> bool {
        self.attempt.outcome == outcome
    }

    /// How long it took or has taken; none where no sender reported its start.
    pub(super) fn duration_seconds(&self) -> Option<i64> {
        let spent = (self.ended_at.unwrap_or(self.last_activity) - self.started_at).get() / 1_000;
        self.attempt.start_reported.then_some(spent)
    }
}

fn instant(text: &str) -> Result<Timestamp> {
    Timestamp::parse(text).map_err(|error| Error::Answer(serde::de::Error::custom(error)))
}

/// All that findings rest on.
pub(super) struct Facts {
    /// The first day of the file.
    pub window_from: String,
    pub is_user: bool,
    /// The devices, the worst first; of those that stand alike the one that moved last.
    pub devices: Vec<KnownDevice>,
    pub tenant: Known,
    /// The person whose devices count against the limit, and how many of theirs are enrolled.
    pub enrolled_by_user: Option<(String, u32)>,
    pub requires_compliance: bool,
    /// When anything was received last, of any device; only looked up where nothing is known of the subject.
    pub newest_event: Option<Timestamp>,
}

impl Facts {
    pub(super) fn read(reader: &Reader<'_>, subject: &Subject, tenant: Known) -> Result<Self> {
        let devices = devices(reader, subject)?;
        let person = match subject {
            Subject::User(user) => Some(user.clone()),
            Subject::Device { .. } => devices.first().and_then(|known| known.device.user_principal_name.clone()),
        };
        let enrolled_by_user = match person {
            Some(person) => {
                let enrolled: Enrolled = reader.read_one("person", &parameters([("user", Some(person.clone()))]))?;
                Some((person, enrolled.enrolled_devices))
            }
            None => None,
        };
        let (window_from, _) = reader.window()?;
        let meta = reader.meta()?.0;
        let newest_event = match devices.iter().any(|known| !known.attempts.is_empty()) {
            true => None,
            false => reader.read_one::<LastHeard>("last-heard", &parameters([]))?.instant()?,
        };
        Ok(Self {
            window_from: window_from.to_string(),
            is_user: matches!(subject, Subject::User(_)),
            devices,
            tenant,
            enrolled_by_user,
            requires_compliance: meta.get("requireCompliance").is_some_and(|value| value == "true"),
            newest_event,
        })
    }

    /// All attempts, newest first.
    pub(super) fn attempts(&self) -> Vec<&KnownAttempt> {
        let mut all: Vec<_> = self.devices.iter().flat_map(|known| &known.attempts).collect();
        all.sort_by_key(|attempt| std::cmp::Reverse(attempt.started_at));
        all
    }

    /// Attempts of each device that ended without success and that no success of the same device followed.
    pub(super) fn unresolved(&self) -> impl Iterator<Item = &KnownAttempt> {
        self.devices.iter().flat_map(KnownDevice::unresolved)
    }

    /// The keys of their devices as a JSON list, to leave them out where others are counted.
    pub(super) fn own_devices(&self) -> String {
        let keys = self.devices.iter().map(|known| known.device.enrollment_key.as_str());
        serde_json::Value::from_iter(keys).to_string()
    }
}

/// What the file knows of them.
#[derive(Deserialize)]
struct Found {
    devices: Vec<FoundDevice>,
    /// Newest first.
    attempts: Vec<Attempt>,
    failures: Vec<DeviceFailure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FoundDevice {
    #[serde(flatten)]
    device: Device,
    complete: bool,
    state: Option<String>,
    last_attempt_id: Option<String>,
}

/// The devices that a subject has, the worst first.
fn devices(reader: &Reader<'_>, subject: &Subject) -> Result<Vec<KnownDevice>> {
    let (user, device, name) = match subject {
        Subject::User(user) => (Some(user.clone()), None, None),
        // Identifiers are kept in small letters, and NOCASE knows only the letters of ASCII.
        Subject::Device { text, name } => (None, Some(text.to_lowercase()), Some(name.clone())),
    };
    let found: Found =
        reader.read_one("devices", &parameters([("user", user.clone()), ("device", device), ("name", name)]))?;
    let mut attempts: BTreeMap<String, Vec<KnownAttempt>> = BTreeMap::new();
    for attempt in found.attempts {
        attempts.entry(attempt.enrollment_key.clone()).or_default().push(KnownAttempt::of(attempt)?);
    }
    let mut failures: BTreeMap<String, Vec<DeviceFailure>> = BTreeMap::new();
    for failure in found.failures {
        failures.entry(failure.enrollment_key.clone()).or_default().push(failure);
    }
    let mut devices = Vec::with_capacity(found.devices.len());
    for FoundDevice { mut device, complete, state, last_attempt_id } in found.devices {
        let key = &device.enrollment_key;
        let sessions = reader.esp_sessions_of(key, user.as_deref())?;
        let attempts = attempts.remove(key).unwrap_or_default();
        let failures = failures.remove(key).unwrap_or_default();
        let last = attempts.iter().map(|attempt| attempt.last_activity.to_string()).max();
        let heard = sessions.iter().map(|one| one.session.last_event_at.clone()).max();
        device.last_activity_at = last.max(heard);
        let state = state.unwrap_or_default();
        let newest = attempts.first();
        let is_last = newest.is_some_and(|newest| last_attempt_id.as_ref() == Some(&newest.attempt.attempt_id));
        let closed = newest.is_some_and(|newest| newest.is("failed") || newest.is("abandoned"));
        let complete_since = complete && is_last && closed && state != "failed";
        let prepared = is_last && state == "prepared";
        devices.push(KnownDevice { device, attempts, sessions, failures, complete, complete_since, prepared });
    }
    devices.sort_by_cached_key(|known| (known.verdict(), std::cmp::Reverse(known.device.last_activity_at.clone())));
    Ok(devices)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Enrolled {
    enrolled_devices: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LastHeard {
    last_received_at: Option<String>,
}

impl LastHeard {
    fn instant(&self) -> Result<Option<Timestamp>> {
        self.last_received_at.as_deref().map(instant).transpose()
    }
}
