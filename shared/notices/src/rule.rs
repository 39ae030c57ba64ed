//! What a tenant wants to hear of (docs/MESSAGES.md, N1).

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use vestibule_domain::Timestamp;

/// What a name must be.
pub(crate) const NAME: &str = "must have 1 to 40 lower-case letters, digits and hyphens, and begin with no hyphen";
/// Longest name of a rule or a channel.
const MOST_CHARS: usize = 40;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Its name, by which people know it.
    pub name: String,
    /// What it watches.
    pub watch: Watch,
    /// The names of the channels that it goes to.
    pub channels: BTreeSet<String>,
    /// Until when nothing is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Timestamp>,
}

/// What a rule watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Watch {
    /// The share of those who reach a step and are given up there, against the four weeks before.
    StepRate {
        /// The step (action); absent for every step.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
    },
    /// The share of sessions in which an app fails, against the four weeks before.
    AppRate {
        /// The app, by the name in the report; absent for every app.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        app: Option<String>,
    },
    /// Single enrollments and sessions that end badly.
    #[serde(rename_all = "camelCase")]
    Outcomes {
        /// How they end.
        of: BTreeSet<Bad>,
        /// The ids of the profiles whose sessions count; empty for all. Only sessions have a profile.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        profiles: BTreeSet<String>,
        /// The groups, as the report names them, through which the profile of a session must apply; empty for all.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        groups: BTreeSet<String>,
    },
    /// A sender that is silent for longer than it usually is.
    Silent {
        /// The sender; absent for every one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<String>,
    },
    /// A device that has been on one screen for longer than this.
    Stuck {
        /// Minutes.
        minutes: u32,
    },
    /// A report file was published.
    FileMade,
    /// The week in one sentence, on Mondays.
    Weekly,
}

/// How something ends badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Bad {
    /// An enrollment failed.
    Failed,
    /// Nothing was heard of an enrollment for longer than its limit.
    TimedOut,
    /// The person stopped, closed the portal or began anew.
    Stopped,
    /// A session of the Enrollment Status Page failed.
    SessionFailed,
    /// A session passed its limit.
    SessionTimedOut,
}

impl Bad {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Failed, "failed"),
        (Self::TimedOut, "timedOut"),
        (Self::Stopped, "stopped"),
        (Self::SessionFailed, "sessionFailed"),
        (Self::SessionTimedOut, "sessionTimedOut"),
    ];

    /// The one of this name.
    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(bad, _)| *bad)
    }

    /// Whether it is an end of a session, which alone has a profile.
    pub const fn is_of_session(self) -> bool {
        matches!(self, Self::SessionFailed | Self::SessionTimedOut)
    }

    /// What happened, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Failed => "enrollment failed",
            Self::TimedOut => "enrollment abandoned: nothing was received for longer than its limit",
            Self::Stopped => "enrollment abandoned by the person",
            Self::SessionFailed => "Enrollment Status Page failed",
            Self::SessionTimedOut => "Enrollment Status Page passed its limit",
        }
    }
}

/// What is wrong with a rule, a channel or the choices for all messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The member, by its name in the API.
    pub field: &'static str,
    /// What is wrong with it, in words that go on from its name.
    pub problem: &'static str,
}

impl Invalid {
    /// This is wrong with that member.
    pub const fn new(field: &'static str, problem: &'static str) -> Self {
        Self { field, problem }
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { field, problem } = self;
        // Whoever types a command knows a member by its last name alone.
        write!(f, "{} {problem}", field.rsplit('.').next().unwrap_or(field))
    }
}

impl std::error::Error for Invalid {}

/// Whether a rule or a channel may have this name: it is part of keys and links.
pub fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=MOST_CHARS).contains(&text.len()) && text.chars().all(fits) && !text.starts_with('-')
}

impl Rule {
    /// Checks it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn validate(&self) -> Result<(), Invalid> {
        let invalid = |field, problem| Err(Invalid::new(field, problem));
        if !is_name(&self.name) {
            return invalid("name", NAME);
        }
        if self.channels.is_empty() {
            return invalid("channels", "must have at least one");
        }
        match &self.watch {
            Watch::Stuck { minutes } if !(1..=1_440).contains(minutes) => {
                invalid("watch.minutes", "must be from 1 to 1440")
            }
            Watch::Outcomes { of, .. } if of.is_empty() => invalid("watch.of", "must have at least one end"),
            Watch::Outcomes { of, profiles, groups } if !of.iter().all(|bad| bad.is_of_session()) => {
                let only = "are for sessionFailed and sessionTimedOut only: enrollments have none";
                match (profiles.is_empty(), groups.is_empty()) {
                    (false, _) => invalid("watch.profiles", only),
                    (_, false) => invalid("watch.groups", only),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Whether nothing is said of it at `now`.
    pub fn is_muted(&self, now: Timestamp) -> bool {
        self.muted_until.is_some_and(|until| now < until)
    }
}
