//! One thing that people are told: what changed, about what, and the numbers behind it.
//!
//! Must stay true: a line has nobody's name. It has the id of an attempt or a session at most, by which a name is found
//! when the message leaves.

use crate::rate::Counts;
use crate::rule::Bad;
use serde::{Deserialize, Serialize};
use vestibule_domain::Timestamp;
use vestibule_words::form::{count, instant, rate};
use vestibule_words::{List, words};

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// Something that lasts began.
    Begun,
    /// It is still so, a day after people last heard of it.
    Still,
    /// It is over.
    Over,
    /// Something happened once.
    Happened,
    /// What people were told of it no longer holds.
    Corrected,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The rule's name.
    pub rule: String,
    /// What it is about, among the rule's subjects.
    pub subject: String,
    /// What changed.
    pub change: Change,
    /// When.
    pub at: Timestamp,
    /// When that began which goes on or is over.
    pub since: Timestamp,
    /// The numbers.
    pub facts: Facts,
}

impl Line {
    /// Whether it says that what was said is over, or no longer so: a ticket about it is closed.
    pub(crate) fn closes(&self) -> bool {
        match (self.change, &self.facts) {
            (Change::Over, _) => true,
            (Change::Corrected, Facts::Ended { is, .. }) => is.bad.is_none(),
            _ => false,
        }
    }
}

/// The numbers behind a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Facts {
    /// A step at which people give up.
    Step {
        /// The action.
        step: String,
        /// The last seven days.
        now: Counts,
        /// The four weeks before.
        before: Counts,
    },
    /// An app that fails.
    App {
        /// The app.
        app: String,
        /// The last seven days.
        now: Counts,
        /// The four weeks before.
        before: Counts,
    },
    /// An enrollment or a session that ended badly, or no longer did.
    Ended {
        /// How it stands.
        is: Stands,
        /// How people were told that it stood.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<Stands>,
    },
    /// A sender that is silent.
    #[serde(rename_all = "camelCase")]
    Silent {
        /// The sender, as people know it.
        title: String,
        /// When it was last heard.
        last_heard: Timestamp,
        /// Its usual longest gap, in hours.
        usual_hours: i64,
    },
    /// A device on one screen.
    Stuck {
        /// The action, if one was reported.
        step: Option<String>,
        /// The platform in words.
        platform: String,
        /// Since when it has been there.
        since: Timestamp,
        /// The rule's minutes.
        minutes: u32,
    },
    /// A published file.
    #[serde(rename_all = "camelCase")]
    File {
        /// The instant that it is true for.
        as_of: String,
    },
    /// A week.
    Week {
        /// Its first day.
        from: String,
        /// Of the attempts that began in it and are measured, those that were given up.
        now: Counts,
        /// The same of the four weeks before.
        before: Counts,
    },
}

/// How an enrollment or a session stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stands {
    /// How badly it ended, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<Bad>,
    /// Its outcome or state, by its published name.
    pub outcome: String,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The error's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl Stands {
    /// In words.
    pub fn words(&self) -> String {
        let Some(bad) = self.bad else {
            return match self.outcome.as_str() {
                "gone" => "no longer counted".to_owned(),
                "erased" => "erased".to_owned(),
                outcome if SESSION.contains(&outcome) => words(List::SessionState, outcome).to_lowercase(),
                outcome => words(List::Outcome, outcome).to_lowercase(),
            };
        };
        let mut text = bad.words().to_owned();
        if let Some(step) = &self.step {
            text = format!("{text} at {}", words(List::Action, step));
        }
        if let Some(code) = &self.code {
            text = format!("{text} ({code})");
        }
        text
    }
}

/// States that only sessions have.
const SESSION: [&str; 4] = ["success", "successWithTimeout", "successOnRetry", "ended"];

fn of(counts: Counts) -> String {
    format!("{} ({} of {})", rate(counts.rate()), count(counts.hit), count(counts.of))
}

impl Facts {
    /// What the line is about, alone. Lines of the same words are counted together.
    pub fn words(&self) -> String {
        match self {
            Self::Step { step, .. } => format!("Given up at {}", words(List::Action, step)),
            Self::App { app, .. } => format!("App {app} fails"),
            Self::Ended { is, was: None } => capital(&is.words()),
            Self::Ended { is, was: Some(was) } => {
                format!("Corrected: it was \"{}\", and is now \"{}\"", was.words(), is.words())
            }
            Self::Silent { title, .. } => format!("Nothing is received from {title}"),
            Self::Stuck { step, platform, minutes, .. } => {
                let place = step.as_deref().map_or_else(
                    || "place not reported".to_owned(),
                    |step| format!("at {}", words(List::Action, step)),
                );
                format!("A device ({platform}) has been on one screen for more than {minutes} minutes, {place}")
            }
            Self::File { .. } => "A report file was published".to_owned(),
            Self::Week { .. } => "The last week".to_owned(),
        }
    }

    fn numbers(&self) -> Option<String> {
        match self {
            Self::Step { now, before, .. } | Self::App { now, before, .. } => {
                Some(format!("{} in the last 7 days, {} in the four weeks before", of(*now), of(*before)))
            }
            Self::Silent { last_heard, usual_hours, .. } => Some(format!(
                "last received {}, usual longest gap {usual_hours} {}",
                instant(*last_heard),
                if *usual_hours == 1 { "hour" } else { "hours" }
            )),
            Self::Stuck { since, .. } => Some(format!("since {}", instant(*since))),
            Self::File { as_of } => Some(format!("as of {}", vestibule_words::form::instant_of(as_of))),
            Self::Week { now, .. } if now.of == 0 => Some("no attempt was measured".to_owned()),
            Self::Week { from, now, before } => {
                Some(format!("from {from}: {} gave up; in the four weeks before {}", of(*now), of(*before)))
            }
            Self::Ended { .. } => None,
        }
    }
}

impl Line {
    /// The line as people read it; `who` is the device or person, if that may be named.
    pub fn words(&self, who: Option<&str>) -> String {
        let mut text = match self.change {
            Change::Begun | Change::Happened | Change::Corrected => self.facts.words(),
            Change::Still => format!("Still so since {}: {}", instant(self.since), self.facts.words()),
            Change::Over => format!("Over since {}: {}", instant(self.at), self.facts.words()),
        };
        let is_past = self.change == Change::Over && matches!(self.facts, Facts::Stuck { .. } | Facts::Silent { .. });
        if let Some(numbers) = self.facts.numbers().filter(|_| !is_past) {
            text = format!("{text}: {numbers}");
        }
        match who {
            Some(who) => format!("{text} [{who}]"),
            None => text,
        }
    }

    /// The id of the attempt or session that it is about.
    pub fn attempt(&self) -> Option<&str> {
        matches!(self.facts, Facts::Ended { .. } | Facts::Stuck { .. }).then_some(self.subject.as_str())
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
