//! What the file knows of a person or a device.

use super::{Device, Known, Subject};
use crate::ask::reader::{Attempt, EspSessionDetail, EspSessionRow, Reader, parameters};
use crate::error::{Error, Result};
use serde::Deserialize;
use vestibule_domain::{Millis, Timestamp};

/// A sender that was heard of within so long is not silent.
const SILENT_AFTER: Millis = Millis::from_minutes(24 * 60);

/// A device with its sessions.
pub(super) struct KnownDevice {
    pub device: Device,
    pub sessions: Vec<EspSessionDetail>,
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

/// A sender that used to tell of them and tells of nobody any more.
pub(super) struct Silent {
    pub source: String,
    /// When it last told of anybody.
    pub since: Timestamp,
}

/// All that findings rest on.
pub(super) struct Facts {
    /// The first day of the file.
    pub window_from: String,
    pub is_user: bool,
    /// The devices, the one that moved last first.
    pub devices: Vec<KnownDevice>,
    /// Their attempts, newest first.
    pub attempts: Vec<KnownAttempt>,
    pub tenant: Known,
    /// The person whose devices count against the limit, and how many of theirs are enrolled.
    pub enrolled_by_user: Option<(String, u32)>,
    pub requires_compliance: bool,
    pub silent: Vec<Silent>,
}

impl Facts {
    pub(super) fn read(reader: &Reader<'_>, subject: &Subject, tenant: Known) -> Result<Self> {
        let asked = match subject {
            Subject::User(user) => parameters([("user", Some(user.clone())), ("device", None), ("name", None)]),
            // Identifiers are kept in small letters, and NOCASE knows only the letters of ASCII.
            Subject::Device { text, name } => {
                parameters([("user", None), ("device", Some(text.to_lowercase())), ("name", Some(name.clone()))])
            }
        };
        let found: Found = reader.read_one("devices", &asked)?;
        let attempts = found.attempts.into_iter().map(KnownAttempt::of).collect::<Result<Vec<_>>>()?;
        let mut devices = Vec::with_capacity(found.devices.len());
        for mut device in found.devices {
            let sessions = reader.esp_sessions(&device.enrollment_key)?;
            let own = attempts.iter().filter(|attempt| attempt.attempt.enrollment_key == device.enrollment_key);
            let last = own.map(|attempt| attempt.last_activity.to_string()).max();
            let heard = sessions.iter().map(|one| one.session.last_event_at.clone()).max();
            device.last_activity_at = last.max(heard);
            devices.push(KnownDevice { device, sessions });
        }
        devices.sort_by(|a: &KnownDevice, b| b.device.last_activity_at.cmp(&a.device.last_activity_at));
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
        let silent = silent(reader, &attempts)?;
        let (window_from, _) = reader.window()?;
        let meta = reader.meta()?.0;
        Ok(Self {
            window_from: window_from.to_string(),
            is_user: matches!(subject, Subject::User(_)),
            devices,
            attempts,
            tenant,
            enrolled_by_user,
            requires_compliance: meta.get("requireCompliance").is_some_and(|value| value == "true"),
            silent,
        })
    }

    /// Attempts of each device that ended without success and that no success of the same device followed.
    pub(super) fn unresolved(&self) -> impl Iterator<Item = &KnownAttempt> {
        // Newest first, so that later ones stand before it.
        self.attempts.iter().enumerate().filter_map(|(at, attempt)| {
            let same = |other: &&KnownAttempt| other.attempt.enrollment_key == attempt.attempt.enrollment_key;
            let resolved = || self.attempts[..at].iter().filter(same).any(|other| other.is("completed"));
            (!attempt.is("completed") && !attempt.is("inProgress") && !resolved()).then_some(attempt)
        })
    }

    /// The session of the Enrollment Status Page that began last.
    pub(super) fn newest_session(&self) -> Option<&EspSessionRow> {
        let newest = self.devices.iter().filter_map(|known| known.sessions.first());
        newest.map(|detail| &detail.session).max_by(|a, b| a.started_at.cmp(&b.started_at))
    }

    /// Whether they succeeded with anything after `at`: what went wrong before is then past.
    pub(super) fn succeeded_after(&self, at: Timestamp) -> bool {
        self.attempts.iter().any(|attempt| attempt.is("completed") && attempt.started_at > at)
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
    devices: Vec<Device>,
    /// Newest first.
    attempts: Vec<Attempt>,
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

/// The senders of the newest attempts (of any, where there is none) that told of nobody for a day.
fn silent(reader: &Reader<'_>, attempts: &[KnownAttempt]) -> Result<Vec<Silent>> {
    let mut sources: Vec<String> = Vec::new();
    for attempt in attempts.iter().take(3) {
        for source in reader.detail(&attempt.attempt)?.events.into_iter().filter_map(|event| event.source) {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
    }
    let quiet_from = reader.as_of() - SILENT_AFTER;
    let since = |source: Option<String>| -> Result<Option<Timestamp>> {
        let heard: LastHeard = reader.read_one("last-heard", &parameters([("source", source)]))?;
        let since = heard.last_received_at.as_deref().map(instant).transpose()?;
        Ok(since.filter(|since| *since < quiet_from))
    };
    let mut silent = Vec::new();
    // Of somebody of whom nothing was told, any sender could have told.
    if attempts.is_empty()
        && let Some(since) = since(None)?
    {
        silent.push(Silent { source: "any sender".to_owned(), since });
    }
    for source in sources {
        if let Some(since) = since(Some(source.clone()))? {
            silent.push(Silent { source, since });
        }
    }
    Ok(silent)
}
