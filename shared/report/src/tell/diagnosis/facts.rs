//! What the file knows about a person or a device.

use super::{Device, Known, Subject, Verdict};
use crate::ask::reader::{Advice, Attempt, EspSessionDetail, Reader, parameters};
use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use vestibule_domain::Timestamp;
use vestibule_domain::attempt::{Cause, DeviceState};
use vestibule_domain::failure::{FailureCategory, code_value};

/// The catalogue's entry about a person who has too many devices.
pub(super) const CAP_REACHED: &str = "device-cap-reached";

/// A device with what the subject did on it.
pub(super) struct KnownDevice {
    pub device: Device,
    /// The newest first.
    pub attempts: Vec<KnownAttempt>,
    /// The newest first.
    pub sessions: Vec<EspSessionDetail>,
    /// Unresolved failures outside any attempt, the newest first.
    pub failures: Vec<DeviceFailure>,
    /// Its state (docs/DOMAIN.md, D1), whoever used it last.
    pub state: DeviceState,
    /// Whether it is enrolled and, if that is required, compliant.
    pub complete: bool,
    /// Whether the last attempt on it is the subject's or nobody's, so that the device's state follows from it.
    pub has_last: bool,
    /// Whether the number of its person's devices may be why it fails: the failure says so, or its reason is unknown.
    pub limit_may_be_why: bool,
}

impl KnownDevice {
    /// Whether the newest attempt ended without success, and the device became complete since, through anyone.
    pub(super) fn complete_since(&self) -> bool {
        let ended = self.attempts.first().is_some_and(|newest| newest.is("failed") || newest.is("abandoned"));
        ended && self.complete && self.state == DeviceState::Enrolled
    }

    /// Attempts that ended without success and were not followed by a success.
    pub(super) fn unresolved(&self) -> impl Iterator<Item = &KnownAttempt> {
        let complete_since = self.complete_since();
        let since = self.attempts.iter().take_while(|attempt| !attempt.is("completed"));
        since.filter(move |attempt| !attempt.is("inProgress") && !complete_since)
    }

    /// Whether its newest attempt is waiting for `what`.
    pub(super) fn waits_for(&self, what: &str) -> bool {
        self.attempts.first().is_some_and(|newest| newest.attempt.waits_for.as_deref() == Some(what))
    }

    /// The verdict on a device follows the state that the status page counts. If the last attempt is another person's,
    /// it follows how the subject's own attempt ended, unless the device is enrolled or prepared by now.
    pub(super) fn verdict(&self) -> Verdict {
        let newest = self.attempts.first();
        match self.state {
            DeviceState::Enrolled if self.complete => Verdict::Working,
            DeviceState::Enrolled => Verdict::NotCompliant,
            DeviceState::Prepared => Verdict::Prepared,
            _ if !self.has_last => match newest.map(|newest| newest.attempt.outcome.as_str()) {
                _ if !self.failures.is_empty() => Verdict::Failing,
                Some("failed") => Verdict::Failing,
                Some("abandoned") => Verdict::GaveUp,
                Some(_) => Verdict::NotEnrolled,
                None => Verdict::NoAttempt,
            },
            DeviceState::InProgress => Verdict::Enrolling,
            DeviceState::WaitingForCompliance if self.waits_for("configuration") => Verdict::HeldForConfiguration,
            DeviceState::WaitingForCompliance => Verdict::WaitingForCompliance,
            DeviceState::Failed => Verdict::Failing,
            DeviceState::GaveUp => Verdict::GaveUp,
            DeviceState::Pending => Verdict::NoAttempt,
            // It is unknown whether a session without an attempt was an enrollment.
            DeviceState::NotEnrolled if newest.is_none() && !self.sessions.is_empty() => Verdict::NoAttempt,
            DeviceState::NotEnrolled => Verdict::NotEnrolled,
        }
    }

    /// Its name in a sentence.
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

    /// When it ended; while it is open, the time of its newest event.
    pub(super) fn end(&self) -> Timestamp {
        self.ended_at.unwrap_or(self.last_activity)
    }

    /// How long it took; `None` while it is open, or if no sender reported its start.
    pub(super) fn duration_seconds(&self) -> Option<i64> {
        let took = self.ended_at.map(|ended| (ended - self.started_at).get() / 1_000);
        took.filter(|_| self.attempt.start_reported)
    }
}

fn instant(text: &str) -> Result<Timestamp> {
    Timestamp::parse(text).map_err(invalid)
}

fn invalid(what: impl std::fmt::Display) -> Error {
    Error::Answer(serde::de::Error::custom(what))
}

/// The facts that findings are made from.
pub(super) struct Facts {
    /// The first day of the file.
    pub window_from: String,
    pub is_user: bool,
    /// The devices, the worst first; among equals, the one with the newest activity first.
    pub devices: Vec<KnownDevice>,
    pub tenant: Known,
    /// The person whose devices count against the limit, and how many of theirs are enrolled.
    pub enrolled_by_user: Option<(String, u32)>,
    pub requires_compliance: bool,
    /// When the newest event of any device was received; looked up only if nothing is known about the subject.
    pub newest_event: Option<Timestamp>,
}

impl Facts {
    pub(super) fn read(reader: &Reader<'_>, subject: &Subject, tenant: Known) -> Result<Self> {
        let mut devices = devices(reader, subject)?;
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
        if enrolled_by_user.as_ref().is_some_and(|(_, enrolled)| *enrolled >= tenant.device_limit) {
            for known in &mut devices {
                known.limit_may_be_why = limit_may_be_why(reader, known)?;
            }
        }
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

    /// Attempts of each device that ended without success and were not followed by a success of the same device.
    pub(super) fn unresolved(&self) -> impl Iterator<Item = &KnownAttempt> {
        self.devices.iter().flat_map(KnownDevice::unresolved)
    }

    /// The keys of the devices as a JSON list, to leave them out when counting others.
    pub(super) fn own_devices(&self) -> String {
        let keys = self.devices.iter().map(|known| known.device.enrollment_key.as_str());
        serde_json::Value::from_iter(keys).to_string()
    }
}

/// Whether a device's failure says that its person has too many devices, or nobody reported why it did not enroll.
fn limit_may_be_why(reader: &Reader<'_>, known: &KnownDevice) -> Result<bool> {
    let (advice, code, words) = if let Some(failure) = known.failures.first() {
        let DeviceFailure { code, reason, category, message, advice, .. } = failure;
        (advice.clone(), code.clone(), [reason.clone(), message.clone(), category.clone()])
    } else if let Some(newest) = known.unresolved().next() {
        let one = &newest.attempt;
        if !newest.is("failed") {
            // A person who chose to stop, or began anew, did so for another reason.
            let cause = one.cause.as_deref().and_then(Cause::read);
            return Ok(matches!(cause, Some(Cause::TimedOut | Cause::PortalClosed)));
        }
        let words = [one.failure_reason.clone(), one.failure_message.clone(), one.failure_category.clone()];
        (reader.detail(one)?.advice, one.failure_code.clone(), words)
    } else {
        return Ok(false);
    };
    let is_unknown = |word: &String| FailureCategory::read(word) == Some(FailureCategory::Unknown);
    if code.is_none() && words.iter().flatten().all(is_unknown) {
        return Ok(true);
    }
    let by_code = code.as_deref().and_then(code_value).map(|value| reader.advice_by_code(value)).transpose()?;
    // If the advice knows the code, only its entries count; otherwise those found by the words do.
    let meanings = by_code.filter(|meanings| !meanings.is_empty()).unwrap_or(advice);
    Ok(meanings.iter().any(|advice| advice.id == CAP_REACHED))
}

/// What the file knows about the subject.
#[derive(Deserialize)]
struct Found {
    devices: Vec<FoundDevice>,
    /// The newest first.
    attempts: Vec<Attempt>,
    failures: Vec<DeviceFailure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FoundDevice {
    #[serde(flatten)]
    device: Device,
    complete: bool,
    state: String,
    last_attempt_id: Option<String>,
}

/// The subject's devices, the worst first.
fn devices(reader: &Reader<'_>, subject: &Subject) -> Result<Vec<KnownDevice>> {
    let (user, device, name) = match subject {
        Subject::User(user) => (Some(user.clone()), None, None),
        // Identifiers are stored in lower case, and NOCASE ignores only the case of ASCII letters.
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
        let state = DeviceState::read(&state).ok_or_else(|| invalid(format!("the state {state} is unknown")))?;
        let newest = attempts.first().map(|newest| &newest.attempt.attempt_id);
        let has_last = last_attempt_id.is_none() || last_attempt_id.as_ref() == newest;
        let limit_may_be_why = false;
        let known = KnownDevice { device, attempts, sessions, failures, state, complete, has_last, limit_may_be_why };
        devices.push(known);
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
