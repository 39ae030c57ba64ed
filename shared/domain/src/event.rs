//! One thing that a sender told (docs/DOMAIN.md, E), read and checked.
//!
//! The envelope (CloudEvents JSON, or a vendor's own form) is read elsewhere; here an event is
//! already meaningful. An event never changes once it was received.

pub use crate::about::{About, EventKey, Platform};
use crate::catalogue::{Place, UserAction};
use crate::esp::event::EspEvent;
use crate::failure::Failure;
use crate::names::names;
use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Most characters in any text of an event but a failure's message.
pub const MAX_TEXT_CHARS: usize = 256;
/// Most characters in a failure's message.
pub const MAX_MESSAGE_CHARS: usize = 2_000;

/// An event's own time may be this much ahead of its receipt before its clock is doubted.
const MAX_AHEAD: Millis = Millis::from_minutes(5);
/// On a live webhook, an event's own time may be this much behind its receipt likewise.
const MAX_BEHIND: Millis = Millis::from_minutes(12 * 60);

names! {
    /// What an enrollment event tells, in the order that decides between events of one instant.
    Kind {
        /// Known to the organisation, not begun.
        Registered = "enrollment.registered",
        /// A try begins.
        Started = "enrollment.started",
        /// A screen is shown.
        StepEntered = "enrollment.step.entered",
        /// A screen is left forward.
        StepCompleted = "enrollment.step.completed",
        /// The person chose to stop.
        Stopped = "enrollment.stopped",
        /// The Company Portal was closed.
        PortalClosed = "enrollment.portalClosed",
        /// The enrollment itself failed.
        Failed = "enrollment.failed",
        /// Under management.
        Enrolled = "enrollment.enrolled",
        /// Compliance and activation complete.
        Compliant = "enrollment.compliant",
        /// No longer managed.
        Unenrolled = "enrollment.unenrolled",
    }
}

impl Kind {
    /// Whether a person or the device was doing something: all but `registered` and `unenrolled`.
    pub const fn is_activity(self) -> bool {
        !matches!(self, Self::Registered | Self::Unenrolled)
    }
}

/// A clock that can't be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ClockSkew {
    /// The event's time was more than five minutes after we received it.
    Ahead,
    /// On a live webhook, the event's time was more than twelve hours before we received it.
    Behind,
}

impl ClockSkew {
    /// What the two clocks say of each other (docs/DOMAIN.md, E14).
    pub fn of(time: Timestamp, received_at: Timestamp, backfill: bool) -> Option<Self> {
        if time - received_at > MAX_AHEAD {
            Some(Self::Ahead)
        } else if !backfill && received_at - time > MAX_BEHIND {
            Some(Self::Behind)
        } else {
            None
        }
    }
}

/// An enum-like member whose reported spelling was kept because it is not the canonical one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Member {
    /// `platform`
    Platform,
    /// `section`
    Section,
    /// `action`
    Action,
    /// `screen`
    Screen,
    /// `userAction`
    UserAction,
}

impl Member {
    /// The member's name in `data`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Section => "section",
            Self::Action => "action",
            Self::Screen => "screen",
            Self::UserAction => "userAction",
        }
    }
}

/// What an enrollment event tells besides whom it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Step {
    /// What happened.
    pub kind: Kind,
    /// Where, when told. Always there for steps.
    pub place: Option<Place>,
    /// What the person chose; always there for `stopped`, never elsewhere.
    pub user_action: Option<UserAction>,
    /// What was told of a failure.
    pub failure: Option<Failure>,
    /// Reported spellings that differ from the canonical ones.
    pub reported: Vec<(Member, String)>,
}

/// An event's content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Body {
    /// An `enrollment.*` event.
    Enrollment(Step),
    /// An `esp.*` event: never attempt activity.
    Esp(EspEvent),
}

/// An event, received.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// What identifies it.
    pub key: EventKey,
    /// The event's own time.
    pub time: Timestamp,
    /// When we received its first copy.
    pub received_at: Timestamp,
    /// Whether its clock is doubted.
    pub clock_skew: Option<ClockSkew>,
    /// Whom it is about.
    pub about: About,
    /// What it tells.
    pub body: Body,
}

impl Event {
    /// The event under the key that it is stored under, which is the sender's but for updates of items
    /// ([`EspEvent::stored_key`]).
    #[must_use]
    pub fn stored(mut self) -> Self {
        if let Body::Esp(esp) = &self.body {
            self.key = esp.stored_key(self.key.source, self.key.id, self.time);
        }
        self
    }

    /// Where the event stands in time: at its own time, but never later than its receipt.
    pub fn placed(&self) -> Timestamp {
        self.time.min(self.received_at)
    }

    /// The enrollment step it tells, if it is an enrollment event.
    pub fn step(&self) -> Option<&Step> {
        match &self.body {
            Body::Enrollment(step) => Some(step),
            Body::Esp(_) => None,
        }
    }

    /// What orders the events of one enrollment: time, then kind, then `source`, then `id`.
    /// ESP events stand after enrollment events of the same instant.
    pub fn order(&self) -> impl Ord + '_ {
        let kind = self.step().map_or(u8::MAX, |step| step.kind as u8);
        (self.placed(), kind, &self.key.source, &self.key.id)
    }
}

impl Step {
    /// A step of which nothing is told but its kind.
    pub const fn of(kind: Kind) -> Self {
        Self { kind, place: None, user_action: None, failure: None, reported: Vec::new() }
    }

    /// How a step is read (docs/DOMAIN.md, E7): `stopped` without a user action is `cancel`; a `failed` whose category is
    /// `userAbandonment` is `stopped` by `cancel`; other kinds have no user action.
    #[must_use]
    pub fn read(mut self) -> Self {
        let abandoned = self.failure.as_ref().and_then(|failure| failure.category)
            == Some(crate::failure::FailureCategory::UserAbandonment);
        if self.kind == Kind::Failed && abandoned {
            self.kind = Kind::Stopped;
            self.user_action = Some(UserAction::Cancel);
        } else if self.kind == Kind::Stopped {
            self.user_action = self.user_action.or(Some(UserAction::Cancel));
        } else {
            self.user_action = None;
        }
        self
    }
}
