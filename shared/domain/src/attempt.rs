//! What an attempt is, and what is known of one device (docs/DOMAIN.md, A and P). [`crate::fold()`] makes both from
//! events.

use crate::about::{About, EventKey, Platform};
use crate::catalogue::{Action, Place};
use crate::esp::EspSession;
use crate::event::Reports;
use crate::failure::Failure;
use crate::identity::{EnrollmentKey, TenantId};
use crate::names::names;
use crate::tags::Tags;
use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Names an attempt. It is made from the tenant and the opening event, so it does not depend on the order of arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId([u8; 16]);

impl AttemptId {
    /// The id of the attempt or session that the event `source`+`id` opened; `what` distinguishes the two.
    pub(crate) fn of(what: &str, tenant: &TenantId, source: &str, id: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [what, tenant.as_str(), source, id] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        Self(bytes)
    }

    /// The id of the attempt that the event `source`+`id` opened.
    pub fn opened_by(tenant: &TenantId, source: &str, id: &str) -> Self {
        Self::of("attempt", tenant, source, id)
    }

    /// The sixteen bytes.
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|value| Self(value.to_be_bytes()))
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

names! {
    /// The state of an attempt.
    Outcome {
        /// Not ended.
        InProgress = "inProgress",
        /// Fully enrolled and, where required, compliant.
        Completed = "completed",
        /// Given up.
        Abandoned = "abandoned",
        /// The enrollment failed.
        Failed = "failed",
    }
}

names! {
    /// Why an attempt was abandoned.
    Cause {
        /// The person chose to cancel.
        Cancel = "cancel",
        /// The person chose to postpone.
        Postpone = "postpone",
        /// The person chose to ignore.
        Ignore = "ignore",
        /// The person declined all terms.
        DeclineAll = "declineAll",
        /// The Company Portal was closed.
        PortalClosed = "portalClosed",
        /// Silence beyond the limit.
        TimedOut = "timedOut",
        /// The same source began anew.
        Restarted = "restarted",
        /// The device was removed from management meanwhile.
        Unenrolled = "unenrolled",
    }
}

impl From<crate::UserAction> for Cause {
    fn from(action: crate::UserAction) -> Self {
        match action {
            crate::UserAction::Cancel => Self::Cancel,
            crate::UserAction::Postpone => Self::Postpone,
            crate::UserAction::Ignore => Self::Ignore,
            crate::UserAction::DeclineAll => Self::DeclineAll,
        }
    }
}

/// Time spent at one action: from its first screen until it was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The action.
    pub action: Action,
    /// When its first screen was shown.
    pub entered_at: Timestamp,
    /// When the person moved on: the action was completed, another one was entered, or the attempt completed.
    pub left_at: Option<Timestamp>,
}

names! {
    /// What an attempt in progress waits for while nobody is in front of a screen (docs/DOMAIN.md, A8).
    Wait {
        /// The device is enrolled and has yet to become compliant.
        Compliance = "compliance",
        /// The Setup Assistant waits for the MDM to release it.
        Configuration = "configuration",
    }
}

/// One try to enroll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its name.
    pub id: AttemptId,
    /// Its number among the device's attempts, from 1.
    pub number: u32,
    /// When its first event is placed.
    pub started_at: Timestamp,
    /// When its newest activity is placed; on Windows, its newest sign of life.
    pub last_activity: Timestamp,
    /// When it ended; `None` while in progress.
    pub ended_at: Option<Timestamp>,
    /// While in progress: the last instant at which it is still in progress if nothing more happens.
    pub deadline: Option<Timestamp>,
    /// Its outcome.
    pub outcome: Outcome,
    /// Why it was abandoned.
    pub cause: Option<Cause>,
    /// The limit that ran out, where the cause is `timedOut`.
    pub limit: Option<Millis>,
    /// While in progress: what it waits for.
    pub wait: Option<Wait>,
    /// Where it stopped or is; `None` once completed, or if no sender reported a place.
    pub place: Option<Place>,
    /// The catalogue's row, for abandoned attempts on iOS/iPadOS and Android.
    pub row: Option<u8>,
    /// User, platform, device and versions: the last ones its events reported. If none of them reported a platform, the
    /// device's platform (docs/DOMAIN.md, P5).
    pub about: About,
    /// What was reported of a failure.
    pub failure: Option<Failure>,
    /// The keys of its enrollment events, in order.
    pub events: Vec<EventKey>,
    /// The actions it went through, in order.
    pub visits: Vec<Visit>,
    /// Whether any of its events has a doubted clock.
    pub clock_skew: bool,
    /// What its senders can report, taken together.
    pub reports: Reports,
    /// Whether its start was reported. Only then does it have a duration.
    pub start_reported: bool,
    /// Whether it completed because no event reported within the limit that its Setup Assistant was released.
    pub release_not_reported: bool,
    /// Its session of the Enrollment Status Page: the last one that belonged to it.
    pub session: Option<AttemptId>,
    /// Whether it is the technician's part of pre-provisioning.
    pub technician: bool,
}

impl Attempt {
    /// The platform its events reported last; once folded, the device's if they reported no platform.
    pub fn platform(&self) -> Option<Platform> {
        self.about.platform
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        self.outcome != Outcome::InProgress
    }

    /// Whether its senders report starts. Only then can abandonment be seen, so only then does it count in the
    /// incomplete rate (docs/DOMAIN.md, E10).
    pub const fn has_starts(&self) -> bool {
        self.reports.starts
    }

    /// Whether its senders report steps. Only then can we see where somebody gave up.
    pub const fn has_steps(&self) -> bool {
        self.reports.steps
    }

    /// Whether we can distinguish success from failure: the attempt is closed, and its senders report starts, or both
    /// ends and failures (docs/DOMAIN.md, R5).
    pub fn is_judged(&self) -> bool {
        self.is_closed() && (self.reports.starts || self.reports.ends && self.reports.failures)
    }

    /// How long it took, if it ended and its start was reported. If another sender reported the start after the end,
    /// there is no duration (docs/DOMAIN.md, R6).
    pub fn duration(&self) -> Option<Millis> {
        let took = self.ended_at.filter(|_| self.start_reported).map(|end| end - self.started_at);
        took.filter(|took| *took > Millis::ZERO)
    }
}

/// A failure of a device outside any attempt (docs/DOMAIN.md, A3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceFailure {
    /// When.
    pub at: Timestamp,
    /// What was reported of it.
    pub failure: Option<Failure>,
    /// The event that reported it.
    pub event: EventKey,
    /// Whether a later enrollment has resolved it.
    pub resolved: bool,
}

names! {
    /// The state of a device: the first one that fits (docs/DOMAIN.md, D1). The states together cover all devices.
    DeviceState {
        /// An attempt is open and does not wait.
        InProgress = "inProgress",
        /// An attempt is open and waits for compliance or for its configuration.
        WaitingForCompliance = "waitingForCompliance",
        /// The last attempt failed and the device has not become complete since, or a failure is unresolved.
        Failed = "failed",
        /// A technician prepared it; it waits for its user.
        Prepared = "prepared",
        /// Under management.
        Enrolled = "enrolled",
        /// The last attempt was given up.
        GaveUp = "gaveUp",
        /// Registered with the organisation, but nobody has begun to enroll it.
        Pending = "pending",
        /// None of these.
        NotEnrolled = "notEnrolled",
    }
}

/// Everything known of one device as of an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrollment {
    /// The device's name within its tenant.
    pub key: EnrollmentKey,
    /// The instant this is true for.
    pub as_of: Timestamp,
    /// Since when the organisation knows the device, if it was registered.
    pub registered_at: Option<Timestamp>,
    /// Whether it is under management.
    pub enrolled: bool,
    /// Whether compliance and activation were reported.
    pub compliant: bool,
    /// Enrolled and, where required, compliant, and not held in its Setup Assistant.
    pub complete: bool,
    /// Registered, without any attempt so far.
    pub pending: bool,
    /// Its state.
    pub state: DeviceState,
    /// Device and user as the newest events reported them.
    pub about: About,
    /// Its tags, of each key the one with the latest time.
    pub tags: Tags,
    /// Whether it ever had a session that only Autopilot has, even if retention dropped that session.
    pub autopilot: bool,
    /// Its attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// Its ESP sessions, oldest first.
    pub sessions: Vec<EspSession>,
    /// Its failures outside any attempt, oldest first.
    pub failures: Vec<DeviceFailure>,
}

impl Enrollment {
    /// The attempt in progress.
    pub fn open_attempt(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| !attempt.is_closed())
    }
}
