//! What is told to the outside when an enrollment changes: the difference of two folds.
//!
//! The same difference always has the same ids, made from tenant, attempt and the state reached, so that a
//! consumer can drop repeats. Details carry the device's key and no person's name or address.

use crate::attempt::{Attempt, Enrollment, Outcome};
use crate::catalogue::{Place, names};
use crate::esp::{EspSession, SessionState};
use crate::identity::TenantId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

names! {
    /// The kinds of publication: EventBridge's detail types.
    Transition {
        /// An attempt began.
        EnrollmentStarted = "EnrollmentStarted",
        /// It was completed.
        EnrollmentCompleted = "EnrollmentCompleted",
        /// It was abandoned.
        EnrollmentAbandoned = "EnrollmentAbandoned",
        /// It failed.
        EnrollmentFailed = "EnrollmentFailed",
        /// What was told of its end is no longer so.
        EnrollmentCorrected = "EnrollmentCorrected",
        /// An ESP session passed its limit.
        EspTimedOut = "EspTimedOut",
        /// An ESP session failed.
        EspFailed = "EspFailed",
        /// An ESP session finished.
        EspCompleted = "EspCompleted",
        /// A report file was published.
        ReportPublished = "ReportPublished",
    }
}

/// How an attempt or session stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Outcome of an attempt or state of a session; `gone` where a correction left nothing.
    pub outcome: &'static str,
    /// Why it was abandoned.
    pub cause: Option<&'static str>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// The section it stopped in.
    pub section: Option<&'static str>,
    /// The action it stopped at.
    pub action: Option<String>,
    /// The screen it stopped at.
    pub screen: Option<String>,
    /// The catalogue's row.
    pub catalogue_row: Option<u8>,
    /// The failure's code.
    pub failure_code: Option<String>,
}

/// What a publication says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The publication's id: the same transition again has the same.
    pub id: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The device's key.
    pub enrollment_key: String,
    /// The attempt or, for `Esp…`, the session.
    pub attempt_id: String,
    /// The platform, when known.
    pub platform: Option<&'static str>,
    /// When the attempt or session began.
    pub started_at: String,
    /// How it stands now.
    #[serde(flatten)]
    pub state: State,
    /// How it was told before, for corrections.
    pub previous: Option<State>,
    /// The instant this is true for.
    pub as_of: String,
}

/// One thing to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Its kind.
    pub transition: Transition,
    /// Its content.
    pub detail: Detail,
}

/// What must be published when an enrollment that stood as `old` stands as `new`.
///
/// `kept_since` is the instant up to which retention has dropped events: an attempt from before it that
/// is no longer there was dropped, not corrected.
pub fn difference(
    tenant: &TenantId,
    old: Option<&Enrollment>,
    new: &Enrollment,
    kept_since: Timestamp,
) -> Vec<Publication> {
    let mut out = Vec::new();
    let about = |transition, subject: &Subject<'_>, state: State, previous: Option<State>| Publication {
        transition,
        detail: Detail {
            id: id(tenant, subject.id, transition, &state),
            tenant: tenant.clone(),
            enrollment_key: new.key.as_str().to_owned(),
            attempt_id: subject.id.to_owned(),
            platform: subject.platform,
            started_at: subject.started_at.to_string(),
            state,
            previous,
            as_of: new.as_of.to_string(),
        },
    };

    let old_attempts = old.map_or(&[][..], |old| &old.attempts);
    for attempt in &new.attempts {
        let before = old_attempts.iter().find(|before| before.id == attempt.id);
        let name = attempt.id.to_string();
        let subject = Subject::of_attempt(&name, attempt);
        if before.is_none() {
            out.push(about(Transition::EnrollmentStarted, &subject, started(attempt), None));
        }
        let (was, is) = (before.map(attempt_state), attempt_state(attempt));
        match before {
            Some(before) if before.is_closed() => {
                // What a second sender adds to the failure corrects nothing that was told.
                let told = was.clone().map(|was| State { failure_code: is.failure_code.clone(), ..was });
                if told.as_ref() != Some(&is) {
                    out.push(about(Transition::EnrollmentCorrected, &subject, is, was));
                }
            }
            _ => {
                if let Some(transition) = reached(attempt.outcome) {
                    out.push(about(transition, &subject, is, None));
                }
            }
        }
    }
    for before in old_attempts {
        let gone = !new.attempts.iter().any(|attempt| attempt.id == before.id);
        if gone && before.started_at > kept_since {
            let name = before.id.to_string();
            let nothing = State { outcome: "gone", ..empty() };
            let was = attempt_state(before);
            out.push(about(Transition::EnrollmentCorrected, &Subject::of_attempt(&name, before), nothing, Some(was)));
        }
    }

    let old_sessions = old.map_or(&[][..], |old| &old.sessions);
    for session in &new.sessions {
        let before = old_sessions.iter().find(|before| before.id == session.id).map(|before| before.state);
        let transition = match session.state {
            SessionState::InProgress => continue,
            SessionState::TimedOut => Transition::EspTimedOut,
            SessionState::Failed => Transition::EspFailed,
            SessionState::Success | SessionState::SuccessWithTimeout | SessionState::SuccessOnRetry => {
                Transition::EspCompleted
            }
        };
        if before != Some(session.state) {
            let name = session.id.to_string();
            let subject = Subject { id: &name, platform: Some("windows"), started_at: session.started_at };
            out.push(about(transition, &subject, session_state(session), None));
        }
    }
    out
}

struct Subject<'a> {
    id: &'a str,
    platform: Option<&'static str>,
    started_at: Timestamp,
}

impl<'a> Subject<'a> {
    fn of_attempt(id: &'a str, attempt: &Attempt) -> Self {
        Self { id, platform: attempt.platform().map(crate::Platform::name), started_at: attempt.started_at }
    }
}

const fn reached(outcome: Outcome) -> Option<Transition> {
    match outcome {
        Outcome::InProgress => None,
        Outcome::Completed => Some(Transition::EnrollmentCompleted),
        Outcome::Abandoned => Some(Transition::EnrollmentAbandoned),
        Outcome::Failed => Some(Transition::EnrollmentFailed),
    }
}

const fn empty() -> State {
    State {
        outcome: "",
        cause: None,
        ended_at: None,
        section: None,
        action: None,
        screen: None,
        catalogue_row: None,
        failure_code: None,
    }
}

/// An attempt that begins, whatever became of it since: so that its id doesn't depend on that.
fn started(_: &Attempt) -> State {
    State { outcome: Outcome::InProgress.name(), ..empty() }
}

fn attempt_state(attempt: &Attempt) -> State {
    let place: Option<&Place> = attempt.place.as_ref().filter(|_| attempt.is_closed());
    State {
        outcome: attempt.outcome.name(),
        cause: attempt.cause.map(crate::Cause::name),
        ended_at: attempt.ended_at.map(|end| end.to_string()),
        section: place.and_then(|place| place.section).map(crate::Section::name),
        action: place.map(|place| place.action.name().to_owned()),
        screen: place.and_then(|place| place.screen.as_ref()).map(|screen| screen.name().to_owned()),
        catalogue_row: attempt.row,
        failure_code: attempt.failure.as_ref().and_then(|failure| failure.code.clone()),
    }
}

fn session_state(session: &EspSession) -> State {
    State {
        outcome: session.state.name(),
        ended_at: session.ended_at.map(|end| end.to_string()),
        failure_code: session.error_code.clone(),
        ..empty()
    }
}

fn id(tenant: &TenantId, subject: &str, transition: Transition, state: &State) -> String {
    let mut hash = Sha256::new();
    let row = state.catalogue_row.map(|row| row.to_string());
    let parts = [
        Some(tenant.as_str()),
        Some(subject),
        Some(transition.name()),
        Some(state.outcome),
        state.cause,
        state.ended_at.as_deref(),
        state.section,
        state.action.as_deref(),
        state.screen.as_deref(),
        row.as_deref(),
        state.failure_code.as_deref(),
    ];
    for part in parts {
        let part = part.unwrap_or("\0");
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
