//! Diagnostics (docs/DOMAIN.md, H7): for a person or a device, what happened, what is wrong, what usually causes it,
//! what to do, who else is affected, and what else to find out.
//!
//! What must stay true: it only reads; every statement about the past is evidence from the file and gives its number or
//! instant; what the file cannot know is asked for under [`Diagnosis::collect`], not guessed. Each device is judged
//! separately: success on another device excuses nothing. A name that several devices have gets no verdict.

mod collect;
mod draft;
mod esp;
mod facts;
mod findings;
mod help;
mod others;
mod places;
mod silent;
mod stops;
mod verdict;

pub use collect::Collect;
pub use others::Others;
pub use silent::{Covers, SilentSender, Why};

use crate::ask::reader::{Advice, Attempt, Reader};
use crate::error::Result;
use facts::{Facts, KnownDevice};
use serde::{Deserialize, Serialize};

/// The person or device to diagnose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A person: principal name or id, ignoring case; in a pseudonymised file the [pseudonym](crate::pseudonym).
    User(String),
    /// A device: serial number, UDID, the MDM's id, the sender's id, the device's key, or its name.
    Device {
        /// The text as the caller gave it.
        text: String,
        /// The name as the file writes it: in a pseudonymised file the pseudonym.
        name: String,
    },
}

/// What is known from other places than the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// How many devices a person may enroll.
    pub device_limit: u32,
    /// Whether the caller may see the names of Enrollment Status Page profiles.
    pub shows_profiles: bool,
    /// The tenant's senders that have been silent for unusually long, and lists that can't be read.
    pub silent: Vec<SilentSender>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// The instant of the file.
    pub as_of: String,
    /// The time zone of the days.
    pub time_zone: String,
    /// The verdict on the worst device.
    pub verdict: Verdict,
    /// What is going on with that device, in one sentence.
    pub summary: String,
    /// If several devices have the name asked for, these devices, to choose from; the other members are then empty.
    pub choices: Vec<Device>,
    /// The devices, the worst first.
    pub devices: Vec<JudgedDevice>,
    /// Their attempts, newest first, at most [`MOST_ATTEMPTS`].
    pub attempts: Vec<Past>,
    /// Whether enrolling ever worked.
    pub ever_worked: EverWorked,
    /// The findings, most important first.
    pub findings: Vec<Finding>,
    /// What else to find out.
    pub collect: Vec<Collect>,
}

/// The most attempts that a diagnosis lists.
pub const MOST_ATTEMPTS: usize = 50;

/// The verdict on a device: one word, which never contradicts the [state](vestibule_domain::DeviceState) under which
/// the status page counts it. The worst comes first; no device has the last two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// The last attempt failed, or the device failed outside any attempt.
    Failing,
    /// The last attempt was abandoned, and the device is not enrolled.
    GaveUp,
    /// Enrolled; the MDM has not released the Setup Assistant yet.
    HeldForConfiguration,
    /// Enrolled, no attempt is open, and compliance was not reported.
    NotCompliant,
    /// Enrolled; compliance has not been reported yet.
    WaitingForCompliance,
    /// An attempt is under way.
    Enrolling,
    /// Known, without an attempt within the retention.
    NoAttempt,
    /// A technician prepared it; its user has not signed in yet.
    Prepared,
    /// Enrolled and, if that is required, compliant.
    Working,
    /// Not enrolled any more, or no enrollment of it was reported.
    NotEnrolled,
    /// Several devices have the name asked for.
    Ambiguous,
    /// Nothing was ever reported about it.
    NotSeen,
}

impl Verdict {
    /// All of them, in order.
    pub const ALL: &'static [Self] = &[
        Self::Failing,
        Self::GaveUp,
        Self::HeldForConfiguration,
        Self::NotCompliant,
        Self::WaitingForCompliance,
        Self::Enrolling,
        Self::NoAttempt,
        Self::Prepared,
        Self::Working,
        Self::NotEnrolled,
        Self::Ambiguous,
        Self::NotSeen,
    ];

    /// Its name in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::GaveUp => "gaveUp",
            Self::HeldForConfiguration => "heldForConfiguration",
            Self::NotCompliant => "notCompliant",
            Self::WaitingForCompliance => "waitingForCompliance",
            Self::Enrolling => "enrolling",
            Self::NoAttempt => "noAttempt",
            Self::Prepared => "prepared",
            Self::Working => "working",
            Self::NotEnrolled => "notEnrolled",
            Self::Ambiguous => "ambiguous",
            Self::NotSeen => "notSeen",
        }
    }
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names and meanings are those of the columns of `enrollments`")]
pub struct Device {
    pub enrollment_key: String,
    pub device_name: Option<String>,
    pub serial_number: Option<String>,
    pub platform: Option<String>,
    pub os_version: Option<String>,
    pub model: Option<String>,
    pub user_principal_name: Option<String>,
    pub enrolled: bool,
    pub compliant: bool,
    /// The newest activity reported in its attempts and sessions.
    pub last_activity_at: Option<String>,
}

/// A device and the verdict on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JudgedDevice {
    /// The device.
    #[serde(flatten)]
    pub device: Device,
    /// The verdict.
    pub verdict: Verdict,
    /// What is going on with it, in one sentence.
    pub summary: String,
}

/// An attempt of theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Past {
    /// The attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// From its start to its end; `None` while it is open, or if its start was not reported.
    pub duration_seconds: Option<i64>,
}

/// Whether enrolling ever worked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EverWorked {
    /// Attempts completed within the retention.
    pub completed_attempts: usize,
    /// When the last of them ended.
    pub last_completed_at: Option<String>,
    /// Devices enrolled now.
    pub enrolled_devices: usize,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// It prevents the enrollment.
    Problem,
    /// It may prevent the enrollment.
    Warning,
    /// It is good to know.
    Information,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: &'static [Self] = &[Self::Problem, Self::Warning, Self::Information];

    /// Its name in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Warning => "warning",
            Self::Information => "information",
        }
    }
}

/// A finding about a person or a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Its kind, in kebab-case.
    pub id: &'static str,
    /// 1 is the most important.
    pub rank: usize,
    /// The key of the device it is about; `None` if it is about the person or the senders.
    pub enrollment_key: Option<String>,
    /// That device's name.
    pub device_name: Option<String>,
    /// The session of the Enrollment Status Page that the evidence is from, if it is from one.
    pub session_id: Option<String>,
    /// How much it matters.
    pub severity: Severity,
    /// What was found, in a few words.
    pub title: String,
    /// The facts that show it.
    pub evidence: Vec<String>,
    /// Why it occurs, as far as known.
    pub cause: String,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// Who can do it: `user`, `admin`, `microsoft`.
    pub who: Vec<String>,
    /// The catalogue's entries about it, likeliest first; cause and steps are from the first.
    pub advice: Vec<Advice>,
    /// Who else is affected; `None` if nobody is, or nobody else can be.
    pub others: Option<Others>,
}

impl Reader<'_> {
    /// Diagnoses a person or a device.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn diagnose(&self, subject: &Subject, known: Known) -> Result<Diagnosis> {
        let facts = Facts::read(self, subject, known)?;
        let (as_of, time_zone) = (self.as_of().to_string(), self.time_zone()?);
        if !facts.is_user && facts.devices.len() > 1 {
            return Ok(Diagnosis {
                as_of,
                time_zone,
                verdict: Verdict::Ambiguous,
                summary: verdict::ambiguous(&facts),
                choices: facts.devices.into_iter().map(|known| known.device).collect(),
                devices: Vec::new(),
                attempts: Vec::new(),
                ever_worked: EverWorked { completed_attempts: 0, last_completed_at: None, enrolled_devices: 0 },
                findings: Vec::new(),
                collect: Vec::new(),
            });
        }
        let findings = findings::of(self, &facts)?;
        let verdict = facts.devices.first().map_or(Verdict::NotSeen, KnownDevice::verdict);
        let attempts = facts.attempts();
        let completed = attempts.iter().filter(|attempt| attempt.is("completed"));
        let ever_worked = EverWorked {
            completed_attempts: completed.clone().count(),
            last_completed_at: completed.filter_map(|attempt| attempt.attempt.ended_at.clone()).max(),
            enrolled_devices: facts.devices.iter().filter(|known| known.device.enrolled).count(),
        };
        let judged = facts.devices.iter().map(|known| JudgedDevice {
            device: known.device.clone(),
            verdict: known.verdict(),
            summary: verdict::summary(&facts, known, &findings),
        });
        let past = attempts.into_iter().take(MOST_ATTEMPTS);
        Ok(Diagnosis {
            as_of,
            time_zone,
            verdict,
            summary: verdict::overall(&facts, &findings),
            choices: Vec::new(),
            devices: judged.collect(),
            attempts: past
                .map(|known| Past { duration_seconds: known.duration_seconds(), attempt: known.attempt.clone() })
                .collect(),
            ever_worked,
            collect: collect::of(&facts, &findings, verdict),
            findings,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use vestibule_advice::Who;
    use vestibule_words::{LEXICON, List};

    #[test]
    fn every_name_of_a_diagnosis_has_its_words() {
        let lists: serde_json::Value = serde_json::from_str(LEXICON).unwrap();
        let names = [
            (List::Verdict, Verdict::ALL.iter().map(|one| (one.name(), serde_json::to_value(one))).collect::<Vec<_>>()),
            (List::Severity, Severity::ALL.iter().map(|one| (one.name(), serde_json::to_value(one))).collect()),
            (List::Who, Who::ALL.iter().map(|one| (one.name(), serde_json::to_value(one))).collect()),
        ];
        for (list, names) in names {
            let words = lists[list.key()].as_object().unwrap();
            assert_eq!(words.len(), names.len(), "{}", list.key());
            for (name, written) in names {
                assert!(words.contains_key(name), "{name}");
                assert_eq!(written.unwrap(), name);
            }
        }
    }
}
