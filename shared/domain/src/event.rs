//! One thing that a sender reported (docs/DOMAIN.md, E), read and checked.
//!
//! The envelope (CloudEvents JSON, or a vendor's own form) is read elsewhere; here an event already has its meaning. An
//! event never changes once it was received.

pub use crate::about::{About, EventKey, Platform};
use crate::catalogue::{Place, UserAction};
use crate::esp::event::EspEvent;
use crate::failure::Failure;
use crate::names::names;
use crate::tags::Tags;
use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// The most characters in any text of an event except a failure's message.
pub const MAX_TEXT_CHARS: usize = 256;
/// The most characters in a failure's message.
pub const MAX_MESSAGE_CHARS: usize = 2_000;

/// If an event's own time is further ahead of its receipt than this, its clock is doubted.
const MAX_AHEAD: Millis = Millis::from_minutes(5);
/// On a live webhook, if an event's own time is further behind its receipt than this, its clock is doubted.
const MAX_BEHIND: Millis = Millis::from_minutes(12 * 60);

names! {
    /// What an enrollment event reports, in the order that decides between events of one instant.
    Kind {
        /// The organisation knows the device; nobody has begun to enroll it.
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
        /// Tags of the device, and nothing else.
        Tagged = "enrollment.tagged",
    }
}

impl Kind {
    /// Whether a person or the device was doing something: all but `registered`, `unenrolled` and `tagged`.
    pub const fn is_activity(self) -> bool {
        !matches!(self, Self::Registered | Self::Unenrolled | Self::Tagged)
    }
}

/// What a sender can report (docs/DOMAIN.md, E9). What it cannot report is unknown, not zero.
///
/// It is stored with each event when the event is received. So a device's state stays a function of the set of its
/// events, whatever changes in a source's settings later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reports {
    /// When a try begins.
    pub starts: bool,
    /// The screens that a person meets.
    pub steps: bool,
    /// That a person chose to stop.
    pub stops: bool,
    /// That an enrollment failed.
    pub failures: bool,
    /// That a device came under management.
    pub ends: bool,
    /// That a device is compliant.
    pub compliance: bool,
    /// That a device is no longer under management.
    pub removals: bool,
    /// Whose clock the time of an event is from.
    pub clock: Clock,
}

impl Serialize for Reports {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.words())
    }
}

impl<'de> Deserialize<'de> for Reports {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        let known = "starts, steps, stops, failures, ends, compliance, removals, deviceTime";
        Self::read(words.iter().map(String::as_str))
            .map_err(|word| serde::de::Error::custom(format!("{word:?} is none of {known}")))
    }
}

/// Whose clock the time of an event is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    /// A server's: the product's, or ours if the product sends no time. A late event then says nothing about the
    /// device.
    Server,
    /// The device's. It may be wrong; an event that is far from its receipt shows that.
    Device,
}

impl Reports {
    /// Everything. A sender of the native form reports this unless its source was added with less.
    pub const ALL: Self = Self {
        starts: true,
        steps: true,
        stops: true,
        failures: true,
        ends: true,
        compliance: true,
        removals: true,
        clock: Clock::Device,
    };
    /// Nothing, with a server's clock.
    pub const NOTHING: Self = Self {
        starts: false,
        steps: false,
        stops: false,
        failures: false,
        ends: false,
        compliance: false,
        removals: false,
        clock: Clock::Server,
    };

    /// The kinds of events that belong to what is reported.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        let parts = [
            (self.starts, Kind::Started),
            (self.steps, Kind::StepEntered),
            (self.stops, Kind::Stopped),
            (self.failures, Kind::Failed),
            (self.ends, Kind::Enrolled),
            (self.compliance, Kind::Compliant),
            (self.removals, Kind::Unenrolled),
        ];
        parts.into_iter().filter_map(|(reported, kind)| reported.then_some(kind))
    }

    /// The set as eight bits, for storing. The meaning of a bit never changes.
    pub const fn bits(self) -> u8 {
        let clock = matches!(self.clock, Clock::Device);
        (self.starts as u8)
            | (self.steps as u8) << 1
            | (self.stops as u8) << 2
            | (self.failures as u8) << 3
            | (self.ends as u8) << 4
            | (self.compliance as u8) << 5
            | (clock as u8) << 6
            | (self.removals as u8) << 7
    }

    /// Reads [`bits`](Self::bits).
    pub const fn from_bits(bits: u8) -> Self {
        Self {
            starts: bits & 1 != 0,
            steps: bits & 2 != 0,
            stops: bits & 4 != 0,
            failures: bits & 8 != 0,
            ends: bits & 16 != 0,
            compliance: bits & 32 != 0,
            // Events stored before this was known lack the bit, which means: not reported.
            removals: bits & 128 != 0,
            clock: if bits & 64 != 0 { Clock::Device } else { Clock::Server },
        }
    }

    /// The words for what is reported, in order.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let parts = [
            (self.starts, "starts"),
            (self.steps, "steps"),
            (self.stops, "stops"),
            (self.failures, "failures"),
            (self.ends, "ends"),
            (self.compliance, "compliance"),
            (self.removals, "removals"),
            (self.clock == Clock::Device, "deviceTime"),
        ];
        parts.into_iter().filter_map(|(reported, word)| reported.then_some(word))
    }

    /// Reads [`words`](Self::words), without regard to case.
    ///
    /// # Errors
    /// The first unknown word.
    pub fn read<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<Self, &'w str> {
        let mut reports = Self::NOTHING;
        for word in words {
            match word.to_ascii_lowercase().as_str() {
                "starts" => reports.starts = true,
                "steps" => reports.steps = true,
                "stops" => reports.stops = true,
                "failures" => reports.failures = true,
                "ends" => reports.ends = true,
                "compliance" => reports.compliance = true,
                "removals" => reports.removals = true,
                "devicetime" => reports.clock = Clock::Device,
                _ => return Err(word),
            }
        }
        Ok(reports)
    }

    /// What two senders report together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self::from_bits(self.bits() | other.bits())
    }
}

/// What an `enrolled` or `compliant` also reports (docs/DOMAIN.md, E4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Said {
    /// Of `enrolled`: Apple's Setup Assistant stays on the device until the MDM releases it.
    pub awaiting_configuration: bool,
    /// Of `enrolled`: the sender repeats a known fact, and the time is not the enrollment's.
    pub restated: bool,
    /// Of `compliant`: an adapter added it, since its sender cannot report compliance.
    pub assumed: bool,
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
    /// What the difference of the two clocks shows (docs/DOMAIN.md, E14). A server's late delivery shows nothing of a
    /// device.
    pub fn of(time: Timestamp, received_at: Timestamp, backfill: bool, clock: Clock) -> Option<Self> {
        if clock == Clock::Server {
            None
        } else if time - received_at > MAX_AHEAD {
            Some(Self::Ahead)
        } else if !backfill && received_at - time > MAX_BEHIND {
            Some(Self::Behind)
        } else {
            None
        }
    }
}

/// A member with a fixed list of values, with its reported spelling, which is kept because it is not the canonical one.
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

/// What an enrollment event reports, apart from whom it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Step {
    /// What happened.
    pub kind: Kind,
    /// The place, if reported. Steps always have one.
    pub place: Option<Place>,
    /// What the person chose: always given for `stopped`, never for other kinds.
    pub user_action: Option<UserAction>,
    /// What was reported of a failure.
    pub failure: Option<Failure>,
    /// Reported spellings that differ from the canonical ones.
    pub reported: Vec<(Member, String)>,
    /// What else it reports. The codec keeps it beside the body.
    #[serde(skip)]
    pub said: Said,
    /// The tags that it carries: at intake what was reported, afterwards what the tenant allows of it. The codec keeps them
    /// beside the body, too.
    #[serde(skip)]
    pub tags: Tags,
}

/// An event's content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Body {
    /// An `enrollment.*` event.
    Enrollment(Step),
    /// An `esp.*` event, which is never attempt activity.
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
    /// What its sender can report.
    pub reports: Reports,
    /// The device and user it is about.
    pub about: About,
    /// What it reports.
    pub body: Body,
}

impl Event {
    /// The event under its stored key, which is the sender's except for updates of items ([`EspEvent::stored_key`]).
    #[must_use]
    pub fn stored(mut self) -> Self {
        if let Body::Esp(esp) = &self.body {
            self.key = esp.stored_key(self.key.source, self.key.id, self.time);
        }
        self
    }

    /// The instant at which the event is placed: its own time, but never later than its receipt.
    pub fn placed(&self) -> Timestamp {
        self.time.min(self.received_at)
    }

    /// The step it reports, if it is an enrollment event.
    pub fn step(&self) -> Option<&Step> {
        match &self.body {
            Body::Enrollment(step) => Some(step),
            Body::Esp(_) => None,
        }
    }

    /// The tags that it carries, if it is an event that may carry some.
    pub fn tags(&self) -> Option<&Tags> {
        self.step().map(|step| &step.tags)
    }

    /// Whether it carries tags and nothing else.
    pub fn is_tagged(&self) -> bool {
        self.step().is_some_and(|step| step.kind == Kind::Tagged)
    }

    /// The order of one enrollment's events: time, then kind, then `source`, then `id`. At the same instant, ESP events
    /// come after enrollment events.
    pub fn order(&self) -> impl Ord + '_ {
        let kind = self.step().map_or(u8::MAX, |step| step.kind as u8);
        (self.placed(), kind, &self.key.source, &self.key.id)
    }
}

impl Step {
    /// A step of which only the kind was reported.
    pub const fn of(kind: Kind) -> Self {
        let said = Said { awaiting_configuration: false, restated: false, assumed: false };
        Self { kind, place: None, user_action: None, failure: None, reported: Vec::new(), said, tags: Tags::new() }
    }

    /// How a step is read (docs/DOMAIN.md, E7): `stopped` without a user action is `cancel`; a `failed` with the
    /// category `userAbandonment` is `stopped` by `cancel`; other kinds have no user action. Only an `enrolled` may be
    /// restated or await its configuration, and only a `compliant` may be assumed. A `tagged` reports tags alone.
    #[must_use]
    pub fn read(mut self) -> Self {
        let abandoned = self.failure.as_ref().and_then(|failure| failure.category)
            == Some(crate::failure::FailureCategory::UserAbandonment);
        if self.kind == Kind::Tagged {
            self = Self { tags: self.tags, ..Self::of(Kind::Tagged) };
        } else if self.kind == Kind::Failed && abandoned {
            self.kind = Kind::Stopped;
            self.user_action = Some(UserAction::Cancel);
        } else if self.kind == Kind::Stopped {
            self.user_action = self.user_action.or(Some(UserAction::Cancel));
        } else {
            self.user_action = None;
        }
        self.said.awaiting_configuration &= self.kind == Kind::Enrolled;
        self.said.restated &= self.kind == Kind::Enrolled;
        self.said.assumed &= self.kind == Kind::Compliant;
        self
    }
}
