//! What is published when an enrollment changes: the difference of two folds.
//!
//! A publication's id is made from the tenant, the attempt or session, the kind, and the stored item with its version:
//! the same write always gives the same ids, so that a consumer can drop repeats, and a state that returns gets a new
//! one. Its `revision` orders publications about one attempt or session.
//!
//! Must stay true: a consumer that drops repeated ids and keeps the highest revision of each attempt has the same
//! attempts as the enrollments, also after merges. Details carry the device's key, but no person's name or address.

use crate::attempt::{Attempt, Enrollment, Outcome};
use crate::catalogue::Place;
use crate::esp::{EspSession, SessionState};
use crate::identity::TenantId;
use crate::names::names;
use crate::time::Timestamp;
use serde::Serialize;
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
        /// What was published of it no longer holds.
        EnrollmentCorrected = "EnrollmentCorrected",
        /// An ESP session passed its limit.
        EspTimedOut = "EspTimedOut",
        /// An ESP session failed.
        EspFailed = "EspFailed",
        /// An ESP session finished.
        EspCompleted = "EspCompleted",
        /// What was published of an ESP session no longer holds.
        EspCorrected = "EspCorrected",
        /// A report file was published.
        ReportPublished = "ReportPublished",
    }
}

/// The state of an attempt or session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Outcome of an attempt or state of a session; `gone` if a correction removed it, `erased` if its person or device
    /// was erased.
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

/// The content of a publication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The publication's id. The same write has the same id, however often the stream repeats it.
    pub id: String,
    /// Orders publications about one attempt or session, as text: the item's version, then the order within the write.
    /// The highest one gives the current state.
    pub revision: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The device's key; empty if the device was erased.
    pub enrollment_key: String,
    /// The attempt; for `Esp…`, the session.
    pub attempt_id: String,
    /// The platform, when known.
    pub platform: Option<&'static str>,
    /// When the attempt or session began.
    pub started_at: String,
    /// Its current state.
    #[serde(flatten)]
    pub state: State,
    /// For corrections: the state that was published before.
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

/// The write whose difference is published.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The stored item's key.
    pub item: &'a str,
    /// The item's version after the write.
    pub version: u64,
    /// The instant up to which retention dropped events: an attempt from before it that is gone was dropped, not
    /// corrected.
    pub kept_since: Timestamp,
    /// Whether it took over another item's events. The item left behind withdraws what it published, and the order of
    /// the two is unknown. So everything is published again, under a revision above both.
    pub merged: bool,
}

/// What must be published when a write changes an enrollment from `old` to `new`.
pub fn difference(write: &Write<'_>, old: Option<&Enrollment>, new: &Enrollment) -> Vec<Publication> {
    let mut out = Publications { write, key: new.key.as_str(), as_of: new.as_of, list: Vec::new() };
    let old_attempts = old.map_or(&[][..], |old| &old.attempts);
    for attempt in &new.attempts {
        out.attempt(old_attempts.iter().find(|before| before.id == attempt.id), attempt);
    }
    for before in old_attempts {
        let gone = !new.attempts.iter().any(|attempt| attempt.id == before.id);
        if gone && before.started_at > write.kept_since {
            out.attempt_is_gone(before);
        }
    }
    let old_sessions = old.map_or(&[][..], |old| &old.sessions);
    for session in &new.sessions {
        out.session(old_sessions.iter().find(|before| before.id == session.id), session);
    }
    for before in old_sessions {
        let gone = !new.sessions.iter().any(|session| session.id == before.id);
        if gone && before.first_event_at > write.kept_since {
            out.session_is_gone(before);
        }
    }
    out.list
}

/// What must be published when a merge moved everything of `old` into another item: what this item published is
/// withdrawn. The other item publishes what it has of it, under a higher revision.
pub fn taken_back(write: &Write<'_>, old: &Enrollment) -> Vec<Publication> {
    let mut out = Publications { write, key: old.key.as_str(), as_of: old.as_of, list: Vec::new() };
    old.attempts.iter().for_each(|attempt| out.attempt_is_gone(attempt));
    old.sessions.iter().for_each(|session| out.session_is_gone(session));
    out.list
}

/// What must be published when everything of an enrollment was erased: what was published of it is withdrawn, without
/// the device's key.
pub fn erased(write: &Write<'_>, old: &Enrollment) -> Vec<Publication> {
    let mut out = Publications { write, key: "", as_of: old.as_of, list: Vec::new() };
    let erased = || State { outcome: "erased", ..empty() };
    for attempt in &old.attempts {
        let name = attempt.id.to_string();
        let was = Some(attempt_state(attempt));
        out.push(Transition::EnrollmentCorrected, &Subject::of_attempt(&name, attempt), erased(), was);
    }
    for session in &old.sessions {
        let Some(was) = published_session(session) else { continue };
        let name = session.id.to_string();
        out.push(Transition::EspCorrected, &Subject::of_session(&name, session), erased(), Some(was));
    }
    out.list
}

/// The publications of one write, in order.
struct Publications<'a> {
    write: &'a Write<'a>,
    key: &'a str,
    as_of: Timestamp,
    list: Vec<Publication>,
}

impl Publications<'_> {
    fn push(&mut self, transition: Transition, subject: &Subject<'_>, state: State, previous: Option<State>) {
        let Write { tenant, version, .. } = self.write;
        let order = self.list.len();
        self.list.push(Publication {
            transition,
            detail: Detail {
                id: id(self.write, subject.id, transition),
                revision: format!("{version:016}.{order:06}"),
                tenant: (*tenant).clone(),
                enrollment_key: self.key.to_owned(),
                attempt_id: subject.id.to_owned(),
                platform: subject.platform,
                started_at: subject.started_at.to_string(),
                state,
                previous,
                as_of: self.as_of.to_string(),
            },
        });
    }

    fn attempt(&mut self, before: Option<&Attempt>, now: &Attempt) {
        let name = now.id.to_string();
        let subject = Subject::of_attempt(&name, now);
        let is = attempt_state(now);
        let Some(before) = before else {
            self.push(Transition::EnrollmentStarted, &subject, started(), None);
            if let Some(transition) = reached(now.outcome) {
                self.push(transition, &subject, is, None);
            }
            return;
        };
        let was = attempt_state(before);
        let differs = was != is || before.started_at != now.started_at;
        match reached(now.outcome) {
            Some(transition) if !before.is_closed() => self.push(transition, &subject, is, None),
            _ if differs || before.is_closed() && before.platform() != now.platform() || self.write.merged => {
                self.push(Transition::EnrollmentCorrected, &subject, is, Some(was));
            }
            _ => {}
        }
    }

    fn attempt_is_gone(&mut self, before: &Attempt) {
        let name = before.id.to_string();
        let subject = Subject::of_attempt(&name, before);
        self.push(Transition::EnrollmentCorrected, &subject, nothing_left(), Some(attempt_state(before)));
    }

    fn session(&mut self, before: Option<&EspSession>, now: &EspSession) {
        let is = session_state(now);
        let was = before.and_then(published_session);
        let name = now.id.to_string();
        let subject = Subject::of_session(&name, now);
        match (session_reached(now.state), was) {
            (None, None) => {}
            // It goes on, although its end was published.
            (None, Some(was)) => self.push(Transition::EspCorrected, &subject, is, Some(was)),
            (Some(_), Some(was)) if was == is && !self.write.merged => {}
            (Some(_), Some(was)) if was.outcome == is.outcome => {
                self.push(Transition::EspCorrected, &subject, is, Some(was));
            }
            (Some(transition), was) => self.push(transition, &subject, is, was),
        }
    }

    fn session_is_gone(&mut self, before: &EspSession) {
        let Some(was) = published_session(before) else { return };
        let name = before.id.to_string();
        self.push(Transition::EspCorrected, &Subject::of_session(&name, before), nothing_left(), Some(was));
    }
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

    const fn of_session(id: &'a str, session: &EspSession) -> Self {
        Self { id, platform: Some("windows"), started_at: session.started_at }
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

/// What is published for a session in this state; `None` while it goes on.
const fn session_reached(state: SessionState) -> Option<Transition> {
    match state {
        SessionState::InProgress | SessionState::Ended => None,
        SessionState::TimedOut => Some(Transition::EspTimedOut),
        SessionState::Failed => Some(Transition::EspFailed),
        SessionState::Success | SessionState::SuccessWithTimeout | SessionState::SuccessOnRetry => {
            Some(Transition::EspCompleted)
        }
    }
}

/// The state in which a session was published, if it was.
fn published_session(session: &EspSession) -> Option<State> {
    session_reached(session.state).map(|_| session_state(session))
}

/// The state of an attempt or session that is gone.
fn nothing_left() -> State {
    State { outcome: "gone", ..empty() }
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

/// An attempt that begins, whatever happened to it since.
fn started() -> State {
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

fn id(write: &Write<'_>, subject: &str, transition: Transition) -> String {
    let mut hash = Sha256::new();
    let version = write.version.to_string();
    for part in [write.tenant.as_str(), subject, transition.name(), write.item, &version] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
