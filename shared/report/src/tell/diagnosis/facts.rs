//! What the file knows of a person or a device.

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
    /// Newest first.
    pub attempts: Vec<KnownAttempt>,
    /// Newest first.
    pub sessions: Vec<EspSessionDetail>,
    /// Outside any attempt, unresolved; newest first.
    pub failures: Vec<DeviceFailure>,
    /// How it stands (docs/DOMAIN.md, D1), whoever used it last.
    pub state: DeviceState,
    /// Whether it is enrolled and, where that is required, compliant.
    pub complete: bool,
    /// Whether the last attempt on it is theirs or nobody's, so that how it stands comes of it.
    pub has_last: bool,
    /// Whether the number of its person's devices may be why it fails: what failed says so, or nobody reported why.
    pub limit_may_be_why: bool,
}

impl KnownDevice {
    /// Whether it became complete since its newest attempt, which ended without success; by whomever.
    pub(super) fn complete_since(&self) -> bool {
        let ended = self.attempts.first().is_some_and(|newest| newest.is("failed") || newest.is("abandoned"));
        ended && self.complete && self.state == DeviceState::Enrolled
    }

    /// Attempts that ended without success and that no success followed.
    pub(super) fn unresolved(&self) -> impl Iterator<Item = &KnownAttempt> {
        let complete_since = self.complete_since();
        let since = self.attempts.iter().take_while(|attempt| !attempt.is("completed"));
        since.filter(move |attempt| !attempt.is("inProgress") && !complete_since)
    }

    /// Whether its newest attempt waits for that.
    pub(super) fn waits_for(&self, what: &str) -> bool {
        self.attempts.first().is_some_and(|newest| newest.attempt.waits_for.as_deref() == Some(what))
    }

    /// How a device stands: as the status page counts it. Where another person's attempt is the last, it stands as theirs
    /// ended, unless it is enrolled or prepared by now.
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
            // Of a session without an attempt nobody knows whether it was an enrollment.
            DeviceState::NotEnrolled if newest.is_none() && !self.sessions.is_empty() => Verdict::NoAttempt,
            DeviceState::NotEnrolled => Verdict::NotEnrolled,
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

    /// When it ended; of one that is open when its newest event was.
    pub(super) fn end(&self) -> Timestamp {
        self.ended_at.unwrap_or(self.last_activity)
    }

    /// How long it took; none while it is open, or where no sender reported its start.
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

/// Whether what a device failed with says that its person has too many, or nobody reported why it did not enroll.
fn limit_may_be_why(reader: &Reader<'_>, known: &KnownDevice) -> Result<bool> {
    let (advice, code, words) = if let Some(failure) = known.failures.first() {
        let DeviceFailure { code, reason, category, message, advice, .. } = failure;
        (advice.clone(), code.clone(), [reason.clone(), message.clone(), category.clone()])
    } else if let Some(newest) = known.unresolved().next() {
        let one = &newest.attempt;
        if !newest.is("failed") {
            // Who chose to stop, or began anew, did so for another reason.
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
    // A code that is known says it, or it is not said: what the words speak for comes after.
    let meanings = by_code.filter(|meanings| !meanings.is_empty()).unwrap_or(advice);
    Ok(meanings.iter().any(|advice| advice.id == CAP_REACHED))
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
    state: String,
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
