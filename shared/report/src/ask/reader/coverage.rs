//! What the numbers are counted from: the senders that took part, and what each can report (docs/DOMAIN.md, R10).

use super::{Reader, parameters, range};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use vestibule_domain::{Day, Platform};

/// What the numbers of a range of days are counted from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// The instant of the file.
    pub as_of: String,
    /// The time zone of the days.
    pub time_zone: String,
    /// First day.
    pub from: String,
    /// The day after the last.
    pub to: String,
    /// The platform asked for, or `all`; `None` for iOS/iPadOS and Android.
    pub os: Option<String>,
    /// Attempts started in the range.
    pub initiated: u64,
    /// Of these, those that have starts.
    pub measured: u64,
    /// Of these, those of which no sender reported more than how they ended.
    pub only_end_reported: u64,
    /// Of these, those that have steps.
    pub with_steps: u64,
    /// Of these, the closed ones for which success and failure can be distinguished.
    pub judged: u64,
    /// Of these, the completed ones.
    pub completed: u64,
    /// Completed attempts whose start was reported; times are computed from these.
    pub timed: u64,
    /// What the senders leave out, in words; `None` without attempts.
    pub sentence: Option<String>,
    /// The senders, by number of attempts, most first.
    pub sources: Vec<SenderCoverage>,
}

/// A sender that took part, and what it reports. If what it reports changed, it is listed once for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SenderCoverage {
    /// Its name: the source of its events. A summary has it only if it is a product's or a single word.
    pub source: Option<String>,
    /// Whether it reports when a try begins.
    pub starts: bool,
    /// Whether it reports screens.
    pub steps: bool,
    /// Whether it reports that a person chose to stop.
    pub stops: bool,
    /// Whether it reports that an enrollment failed.
    pub failures: bool,
    /// Whether it reports that a device came under management.
    pub ends: bool,
    /// Whether it reports that a device is compliant.
    pub compliance: bool,
    /// Whether its times are from the device's clock.
    pub device_time: bool,
    /// Attempts it took part in.
    pub attempts: u64,
    /// Of these, those that have starts, whichever sender reported them.
    pub measured: u64,
    /// Of these, those that have steps, whichever sender reported them.
    pub with_steps: u64,
    /// Of these, those in which no sender reported what this one leaves out.
    pub lacking: u64,
    /// What it reports, in words that follow "which reports".
    pub reports: String,
    /// What is therefore missing, in words; empty if nothing is.
    pub lacks: String,
    /// A sentence about what is missing; `None` if nothing is.
    pub sentence: Option<String>,
}

impl Reader<'_> {
    /// What the numbers of the days `from` to `to` (exclusive) are counted from, for one platform or the two that the
    /// report is about.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`](crate::Error::InvalidFilter) for an empty range.
    pub fn coverage(&self, from: Day, to: Day, os: Option<Platform>) -> Result<Coverage> {
        let mut asked = range(from, to);
        asked.extend(parameters([("os", os.map(|os| os.name().to_owned()))]));
        self.read_one("coverage", &asked)
    }
}
