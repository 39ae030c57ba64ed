//! Diagnostics (docs/DOMAIN.md, H7): for a person or a device what happened, what is wrong, why as a rule, what to do,
//! whom else it hits, and what else to find out.
//!
//! What must stay true: it only reads; every statement about the past is evidence from the file, told with its
//! number or instant; what the file cannot know is asked for under [`Diagnosis::collect`], not guessed. Each device is
//! judged by itself: what worked on another excuses nothing. A name of several devices gets no verdict.

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

/// Whom it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A person: principal name or id, without regard to case; of a pseudonymised file the
    /// [pseudonym](crate::file::pseudonym).
    User(String),
    /// A device: serial number, UDID, the MDM's id, the sender's id, the device's key, or its name.
    Device {
        /// As asked.
        text: String,
        /// The name as the file writes it: of a pseudonymised file the pseudonym.
        name: String,
    },
}

/// What is known besides the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// How many devices a person may enroll.
    pub device_limit: u32,
    /// Whether the asker may see the names of Enrollment Status Page profiles.
    pub shows_profiles: bool,
    /// The tenant's senders that have fallen silent against their own habit, and lists that can't be read.
    pub silent: Vec<SilentSender>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// The instant this is true for.
    pub as_of: String,
    /// The zone days are counted in.
    pub time_zone: String,
    /// In one word how the worst device stands.
    pub verdict: Verdict,
    /// In one sentence what is going on there.
    pub summary: String,
    /// Where the text is the name of several devices: these, to choose from; nothing else is said then.
    pub choices: Vec<Device>,
    /// The devices it is about, the worst first.
    pub devices: Vec<JudgedDevice>,
    /// Their attempts, newest first, at most [`MOST_ATTEMPTS`].
    pub attempts: Vec<Past>,
    /// Whether it ever worked.
    pub ever_worked: EverWorked,
    /// What is to be said, most telling first.
    pub findings: Vec<Finding>,
    /// What else to find out.
    pub collect: Vec<Collect>,
}

/// Attempts told at most.
pub const MOST_ATTEMPTS: usize = 50;

/// How a device stands: one word, which contradicts no [state](vestibule_domain::DeviceState) that the status page counts it
/// under. The worst comes first; the last two are no device's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// The last attempt failed, or the device did outside any.
    Failing,
    /// The last attempt was abandoned, and the device is not enrolled.
    GaveUp,
    /// Enrolled; the MDM has yet to release the Setup Assistant.
    HeldForConfiguration,
    /// Enrolled, no attempt is open, and compliance was not reported.
    NotCompliant,
    /// Enrolled; compliance has yet to be reported.
    WaitingForCompliance,
    /// An attempt is under way.
    Enrolling,
    /// Known, and no attempt within the retention.
    NoAttempt,
    /// A technician prepared it, and its user has yet to come.
    Prepared,
    /// Enrolled and, where that is required, compliant.
    Working,
    /// Not enrolled any more, or no enrollment of it was reported.
    NotEnrolled,
    /// The text is the name of several devices.
    Ambiguous,
    /// Nothing was ever reported of it.
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
    /// The newest thing told within its attempts and sessions.
    pub last_activity_at: Option<String>,
}

/// A device and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JudgedDevice {
    /// The device.
    #[serde(flatten)]
    pub device: Device,
    /// In one word.
    pub verdict: Verdict,
    /// In one sentence.
    pub summary: String,
}

/// An attempt of theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Past {
    /// The attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// From its start to its end; none while it is open, or where its start was not reported.
    pub duration_seconds: Option<i64>,
}

/// Whether it ever worked.
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
    /// It keeps them from enrolling.
    Problem,
    /// It may.
    Warning,
    /// Good to know.
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

/// One thing that is to be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Its kind, in kebab-case.
    pub id: &'static str,
    /// 1 is the most telling.
    pub rank: usize,
    /// The device it is about, by its key; none where it is about the person or the senders.
    pub enrollment_key: Option<String>,
    /// That device's name.
    pub device_name: Option<String>,
    /// The session of the Enrollment Status Page that the evidence is from; none where it is from no session.
    pub session_id: Option<String>,
    /// How much it matters.
    pub severity: Severity,
    /// In a few words.
    pub title: String,
    /// What it rests on.
    pub evidence: Vec<String>,
    /// Why it comes, as far as known.
    pub cause: String,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// Who can do it: `user`, `admin`, `microsoft`.
    pub who: Vec<String>,
    /// All that the catalogue knows of it, likeliest first; the first gave cause and steps.
    pub advice: Vec<Advice>,
    /// Whom else it hits; nothing where nobody or where it can hit nobody else.
    pub others: Option<Others>,
}

impl Reader<'_> {
    /// What is to be said about a person or a device.
    ///
    /// # Errors
    /// When the file cannot be read.
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
