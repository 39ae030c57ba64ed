//! When an enrollment must be looked at again, and how long it is kept.

use crate::attempt::Enrollment;
use crate::history::History;
use crate::settings::{LONGEST_RETENTION, LONGEST_RETENTION_DAYS};
use crate::time::{Millis, Timestamp};

/// The longest retention that a tenant may choose, plus five weeks: by then the nightly job has long dropped what the
/// enrollment held. An item expires after this time, never after the tenant's own retention, which may be raised at any
/// time: events older than the tenant's retention are pruned, and are left out when read.
pub const KEPT: Millis = Millis::from_days(LONGEST_RETENTION_DAYS as i64 + 35);

/// How old a file may be and still be refreshed from changes. A device that changed after the file may leave the table
/// [`KEPT`] after its last event, and a limit of up to thirty days can still change it. The refresh would not see that
/// it is gone, and the file would show it for ever.
pub const REFRESHED_FOR: Millis = LONGEST_RETENTION;

/// What the table must know of an enrollment, which it does not understand itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The last instant at which its open attempt or session has its state; once that has passed, the enrollment must
    /// be looked at again. `None` if nothing is open.
    pub due_at: Option<Timestamp>,
    /// When it may be deleted. `None` for a device that is enrolled or pending.
    pub expires_at: Option<Timestamp>,
}

impl Plan {
    /// The plan for `enrollment`, the fold of `history`.
    pub fn of(enrollment: &Enrollment, history: &History) -> Self {
        let attempt = enrollment.open_attempt().and_then(|attempt| attempt.deadline);
        // An item in error fails a session two minutes later, also a session past its limit.
        let session = enrollment
            .sessions
            .iter()
            .flat_map(|session| session.is_open().then_some(session.deadline).into_iter().chain(session.fails_after));
        let due_at = attempt.into_iter().chain(session).min();
        let stays = enrollment.enrolled || enrollment.pending || due_at.is_some();
        // If retention dropped everything, nothing is newer than its cutoff. The instant of the look must not decide.
        let last = history.last_received().unwrap_or(history.base().until);
        // Time-to-live counts whole seconds, so the plan is rounded to what an item can hold.
        let expires_at = (!stays).then(|| Timestamp::from_millis((last + KEPT).seconds() * 1_000));
        Self { due_at, expires_at }
    }
}
