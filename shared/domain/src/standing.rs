//! What is known of a device between two attempts: the facts that outlive an attempt, and what the rules still need of
//! the last one.
//!
//! Must stay true: from this and the events that follow, a fold makes the same attempts as from all events since the
//! beginning. So retention may drop the earlier events ([`crate::history::Base`]).

use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A `compliant` still counts if it came at most this long before an `enrolled` that begins the facts anew
/// (docs/DOMAIN.md, A1).
pub const JUST_BEFORE: Millis = Millis::from_minutes(2);

/// What is known of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Standing {
    /// Since when the organisation knows it.
    pub registered_at: Option<Timestamp>,
    /// Whether it is under management.
    pub enrolled: bool,
    /// Whether compliance and activation were reported, or assumed if that counts.
    pub compliant: bool,
    /// Whether its Setup Assistant waits for the MDM to release it: enrolled, but not complete.
    pub held: bool,
    /// When `compliant` was last reported.
    pub compliant_at: Option<Timestamp>,
    /// The sources that reported `enrolled` since the facts began.
    pub enrolled_by: BTreeSet<String>,
    /// Whether a technician prepared it, and its user has not begun yet.
    pub prepared: bool,
    /// Whether a failure of the device, outside any attempt, is unresolved.
    pub failure: bool,
    /// How the last attempt ended.
    pub last: Option<Last>,
    /// How many attempts there were.
    pub attempts: u32,
}

/// How the last attempt ended, with what decides on later events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Last {
    /// How it ended.
    pub ending: Ending,
    /// Whether a session of the Enrollment Status Page closed it.
    pub by_session: bool,
    /// Whether an `enrolled` or `compliant` that makes the device complete still completes it.
    pub late: Late,
    /// Whether an `enrolled` or `compliant` since then has left the device complete.
    pub left_complete: bool,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ending {
    /// It was completed.
    Completed,
    /// It was abandoned.
    Abandoned,
    /// It failed.
    Failed,
}

/// Until when an `enrolled` or `compliant` that makes the device complete also completes an ended attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Late {
    /// Never.
    Never,
    /// Until anything else is reported: the attempt waited for compliance (docs/DOMAIN.md, A8).
    UntilAnythingElse,
    /// Until another attempt opens: nobody reported how its session ended (docs/DOMAIN.md, A9).
    UntilAnother,
}

impl Standing {
    /// Enrolled and, where required, compliant, and not held.
    pub const fn complete(&self, require_compliance: bool) -> bool {
        self.enrolled && !self.held && (self.compliant || !require_compliance)
    }

    /// Begins the facts anew: nothing is known of enrollment and compliance.
    pub fn begin_anew(&mut self) {
        self.enrolled = false;
        self.compliant = false;
        self.held = false;
        self.compliant_at = None;
        self.enrolled_by.clear();
    }

    /// What is known after retention dropped events: `self` was known then, and `again` follows from those of them that
    /// were sent again. `self` follows from all of them, `again` perhaps from a part. So `self` counts; if it does not
    /// know the device's enrollment, `again` does.
    #[must_use]
    pub fn over(&self, again: &Self) -> Self {
        let knows_none = Self { registered_at: None, last: None, ..self.clone() } == Self::default();
        let facts = if knows_none { again } else { self };
        Self {
            registered_at: self.registered_at.into_iter().chain(again.registered_at).min(),
            last: self.last.or(again.last),
            attempts: self.attempts,
            ..facts.clone()
        }
    }

    /// What two items knew of what turned out to be one device; `later` was known at the later instant.
    #[must_use]
    pub fn join(earlier: &Self, later: &Self) -> Self {
        let released = |one: &Self| one.enrolled && !one.held;
        Self {
            registered_at: earlier.registered_at.into_iter().chain(later.registered_at).min(),
            enrolled: earlier.enrolled || later.enrolled,
            compliant: earlier.compliant || later.compliant,
            held: (earlier.held || later.held) && !released(earlier) && !released(later),
            compliant_at: earlier.compliant_at.max(later.compliant_at),
            enrolled_by: earlier.enrolled_by.union(&later.enrolled_by).cloned().collect(),
            prepared: earlier.prepared || later.prepared,
            failure: earlier.failure || later.failure,
            last: later.last.or(earlier.last),
            attempts: earlier.attempts + later.attempts,
        }
    }
}
