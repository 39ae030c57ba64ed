//! Diagnostics (docs/DOMAIN.md, H7): for a person or a device what happened, what is wrong, why as a rule, what to do,
//! whom else it hits, and what else to find out.
//!
//! What must stay true: it only reads; every statement about the past is evidence from the file, told with its
//! number or instant; what the file cannot know is asked for under [`Diagnosis::collect`], not guessed.

mod collect;
mod draft;
mod esp;
mod facts;
mod findings;
mod others;
mod places;

pub use collect::Collect;
pub use others::Others;

use crate::ask::reader::{Advice, Attempt, Reader};
use crate::error::Result;
use facts::Facts;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// How many devices a person may enroll.
    pub device_limit: u32,
    /// Whether the asker may see the names of Enrollment Status Page profiles.
    pub shows_profiles: bool,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// The instant this is true for.
    pub as_of: String,
    /// The zone days are counted in.
    pub time_zone: String,
    /// In one word how it stands.
    pub verdict: Verdict,
    /// In one sentence what is going on.
    pub summary: String,
    /// The devices it is about, the one that moved last first.
    pub devices: Vec<Device>,
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

/// How a person or device stands, by the newest attempt; without any, by the newest session of the Enrollment Status Page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Nothing was ever told of it.
    NotSeen,
    /// Known, and no attempt within the retention.
    NoAttempt,
    /// The newest attempt completed.
    Working,
    /// An attempt is under way.
    Enrolling,
    /// Enrolled; compliance has yet to be told.
    WaitingForCompliance,
    /// The newest attempt was abandoned.
    GaveUp,
    /// The newest attempt failed.
    Failing,
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

/// An attempt of theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Past {
    /// The attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// From its start to its end, or to what was reported last; none where its start was not reported.
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

/// One thing that is to be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Its kind, in kebab-case.
    pub id: &'static str,
    /// 1 is the most telling.
    pub rank: usize,
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
        let findings = findings::of(self, &facts)?;
        let verdict = verdict(&facts);
        let completed: Vec<_> = facts.attempts.iter().filter(|attempt| attempt.is("completed")).collect();
        let ever_worked = EverWorked {
            completed_attempts: completed.len(),
            last_completed_at: completed.first().and_then(|newest| newest.attempt.ended_at.clone()),
            enrolled_devices: facts.devices.iter().filter(|known| known.device.enrolled).count(),
        };
        let collect = collect::of(&facts, &findings, verdict);
        let summary = summary(&facts, verdict, &findings);
        let past = facts.attempts.into_iter().take(MOST_ATTEMPTS);
        Ok(Diagnosis {
            as_of: self.as_of().to_string(),
            time_zone: self.time_zone()?,
            verdict,
            summary,
            devices: facts.devices.into_iter().map(|known| known.device).collect(),
            attempts: past
                .map(|known| Past { duration_seconds: known.duration_seconds(), attempt: known.attempt })
                .collect(),
            ever_worked,
            findings,
            collect,
        })
    }
}

fn verdict(facts: &Facts) -> Verdict {
    let Some(newest) = facts.attempts.first() else {
        // Some senders tell of the Enrollment Status Page alone.
        return match facts.newest_session().map(|session| session.state.as_str()) {
            Some("inProgress") => Verdict::Enrolling,
            Some("failed" | "timedOut") => Verdict::Failing,
            Some(_) => Verdict::Working,
            None if facts.devices.is_empty() => Verdict::NotSeen,
            None => Verdict::NoAttempt,
        };
    };
    let own = |known: &&facts::KnownDevice| known.device.enrollment_key == newest.attempt.enrollment_key;
    let enrolled = facts.devices.iter().filter(own).any(|known| known.device.enrolled);
    match newest.attempt.outcome.as_str() {
        "completed" => Verdict::Working,
        "failed" => Verdict::Failing,
        "abandoned" => Verdict::GaveUp,
        _ if enrolled || newest.attempt.waits_for.is_some() => Verdict::WaitingForCompliance,
        _ => Verdict::Enrolling,
    }
}

fn summary(facts: &Facts, verdict: Verdict, findings: &[Finding]) -> String {
    let since = facts.window_from.as_str();
    let count = facts.unresolved().count();
    let tried = match count {
        0 | 1 => String::new(),
        more => format!(" after {more} attempts"),
    };
    if let (true, Some(session)) = (facts.attempts.is_empty(), facts.newest_session()) {
        return format!(
            "Of this only the Enrollment Status Page is known: {} of {}.",
            session.state, session.started_at
        );
    }
    let place = facts.attempts.first().map(places::place).unwrap_or_default();
    let on = facts.attempts.first().map(|newest| places::instant(newest.last_activity)).unwrap_or_default();
    let held =
        facts.attempts.first().is_some_and(|newest| newest.attempt.waits_for.as_deref() == Some("configuration"));
    match verdict {
        Verdict::NotSeen => format!("Nothing was told of this since {since}."),
        Verdict::NoAttempt => format!("Known, but nobody tried to enroll it since {since}."),
        Verdict::Working => match findings.iter().any(|finding| finding.severity == Severity::Problem) {
            true => format!("The last enrollment worked ({on}), but something else needs a look."),
            false => format!("The last enrollment worked ({on})."),
        },
        Verdict::Enrolling => format!("Enrolling now, {place}; last heard of {on}."),
        Verdict::WaitingForCompliance if held => {
            format!("Enrolled, and waiting for the MDM to release the Setup Assistant since {on}.")
        }
        Verdict::WaitingForCompliance => format!("Enrolled, and waiting for the device to be compliant since {on}."),
        Verdict::GaveUp => format!("Given up{tried}, last {place} ({on})."),
        Verdict::Failing => match findings.first().filter(|finding| finding.severity == Severity::Problem) {
            Some(first) => {
                format!("Failing{tried}, last on {on}: {}.", first.title.trim_end_matches('.'))
            }
            None => format!("Failing{tried}, last {place} ({on})."),
        },
    }
}
