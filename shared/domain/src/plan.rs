//! When an enrollment must be looked at again, and how long it is kept.

use crate::attempt::Enrollment;
use crate::history::History;
use crate::time::{Millis, Timestamp};

/// The longest retention that a tenant may choose, and five weeks more: by then the nightly job has long dropped what the
/// enrollment held. An item expires by this and never by the tenant's own retention, which may be raised at any time:
/// what is older than the tenant keeps leaves by pruning, and is left out when read.
pub const KEPT: Millis = Millis::from_days(400 + 35);

/// How long a file may be brought up by what changed since. A device that changed after it may have gone from the table
/// [`KEPT`] after its last event, and a limit of up to thirty days can change it still: what is gone is seen no more, and
/// the file would show it for ever.
pub const REFRESHED_FOR: Millis = Millis::from_days(400);

/// What the table must know of an enrollment without understanding it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The last instant at which its open attempt or session still stands as it does; it must be looked
    /// at when that has passed. `None` when nothing is open.
    pub due_at: Option<Timestamp>,
    /// When it may go. `None` for a device that is enrolled or pending.
    pub expires_at: Option<Timestamp>,
}

impl Plan {
    /// The plan for `enrollment`, which is `history` folded.
    pub fn of(enrollment: &Enrollment, history: &History) -> Self {
        let attempt = enrollment.open_attempt().and_then(|attempt| attempt.deadline);
        // An item in error decides two minutes later, also in a session past its limit.
        let session = enrollment
            .sessions
            .iter()
            .flat_map(|session| session.is_open().then_some(session.deadline).into_iter().chain(session.fails_after));
        let due_at = attempt.into_iter().chain(session).min();
        let stays = enrollment.enrolled || enrollment.pending || due_at.is_some();
        // Of what retention dropped whole, nothing is newer than where it cut: the instant of the look must not decide.
        let last = history.last_received().unwrap_or(history.base().until);
        // Time-to-live counts whole seconds: what is planned is what an item can say.
        let expires_at = (!stays).then(|| Timestamp::from_millis((last + KEPT).seconds() * 1_000));
        Self { due_at, expires_at }
    }
}
