//! The incomplete-enrollments report (docs/DOMAIN.md, R).

use super::{Reader, parameters, range};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use vestibule_domain::{Day, Platform, Section};

/// The report for a range of days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncompleteReport {
    /// The instant of the file.
    pub as_of: String,
    /// The time zone of its days.
    pub time_zone: String,
    /// First day.
    pub from: String,
    /// The day after the last.
    pub to: String,
    /// The platform asked for, or `all`; `None` for iOS/iPadOS and Android.
    pub os: Option<String>,
    /// The section asked for; it narrows the numerators, never what was initiated.
    pub section: Option<String>,
    /// Attempts started in the range.
    pub initiated: u64,
    /// Abandoned and failed; `None` if neither is known.
    pub incomplete: Option<u64>,
    /// Abandoned; `None` if there are none and no sender that took part reports starts or stops.
    pub abandoned: Option<u64>,
    /// Failed; `None` if there are none and no sender that took part reports failures.
    pub failed: Option<u64>,
    /// Completed.
    pub completed: u64,
    /// Still in progress.
    pub open: u64,
    /// Initiated attempts that have starts, so that giving up can be seen.
    pub measured: u64,
    /// Initiated attempts of which no sender reported more than how they ended.
    pub only_end_reported: u64,
    /// Measured attempts that were abandoned.
    pub abandoned_measured: u64,
    /// `abandoned_measured` / `measured`; `None` if nothing was measured.
    pub incomplete_rate: Option<f64>,
    /// Initiated attempts that have steps, so that screens can be seen.
    pub with_steps: u64,
    /// Closed attempts for which success and failure can be distinguished.
    pub judged: u64,
    /// Abandoned attempts for every day and section of the catalogue, including zeros; those outside the catalogue's
    /// sections only for days that have any.
    pub daily: Vec<DayCount>,
    /// The catalogue's rows; empty for a platform without rows.
    pub actions: Vec<ActionCount>,
    /// Abandoned in ways that have no row: portal closed, restarted, unenrolled.
    pub other_causes: Vec<OtherCause>,
    /// Abandoned in other ways, where no sender reported a place.
    pub place_not_reported: u64,
    /// Abandoned in other ways, at places that have no row: `other_places` lists them. `actions`, `otherCauses`,
    /// `placeNotReported` and `other` add up to `abandoned`.
    pub other: u64,
    /// Places that have no row, as they were reported; their counts add up to `other`.
    pub other_places: Vec<OtherPlace>,
    /// The steps, in the order in which people reach them.
    pub funnel: Vec<FunnelStep>,
}

/// Abandoned attempts of a day and section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayCount {
    /// The day.
    pub date: String,
    /// The section; `None` for attempts outside the catalogue's sections.
    pub section: Option<String>,
    /// How many.
    pub abandoned: u64,
}

/// One of the catalogue's rows, counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionCount {
    /// The row's number.
    pub catalogue_row: u8,
    /// Its section.
    pub section: String,
    /// Its action.
    pub action: String,
    /// Its screen.
    pub screen: String,
    /// `ios`, `android` or `both`.
    pub platform: String,
    /// The person's choice, or `timedOut`.
    pub how: String,
    /// How many; `None` if nobody stopped there and no sender that took part reports screens.
    pub abandoned: Option<u64>,
    /// Minutes of the shortest limit that ran out there.
    pub shortest_limit_minutes: Option<u32>,
    /// Minutes of the longest limit that ran out there.
    pub longest_limit_minutes: Option<u32>,
}

/// Abandoned attempts at a place that has no row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OtherPlace {
    /// The section, if there is one.
    pub section: Option<String>,
    /// The action; a summary leaves out those that might name somebody.
    pub action: Option<String>,
    /// Why they were abandoned.
    pub cause: Option<String>,
    /// How many.
    pub abandoned: u64,
    /// Minutes of the shortest limit that ran out there.
    pub shortest_limit_minutes: Option<u32>,
    /// Minutes of the longest limit that ran out there.
    pub longest_limit_minutes: Option<u32>,
}

/// Abandoned attempts that have no row, by cause and place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OtherCause {
    /// `portalClosed`, `restarted` or `unenrolled`.
    pub cause: String,
    /// The section, if there is one.
    pub section: Option<String>,
    /// The action.
    pub action: Option<String>,
    /// How many.
    pub abandoned: u64,
}

/// A step of the funnel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunnelStep {
    /// Its place in the order of steps, from 1.
    pub step: u8,
    /// Its section.
    pub section: String,
    /// Its action.
    pub action: String,
    /// Attempts that reached it; `None` if no sender reports steps.
    pub entered: Option<u64>,
    /// Attempts that went on from it; `None` if no sender reports steps.
    pub left: Option<u64>,
    /// Attempts abandoned at it; `None` if no sender reports steps.
    pub abandoned: Option<u64>,
    /// Median seconds of the visits that were left forward, each in whole seconds, rounded down; `None` if no visit
    /// was. A summary has it only for the whole window.
    pub median_seconds: Option<f64>,
}

impl Reader<'_> {
    /// The report for the days `from` to `to` (exclusive), for one platform or the two that it is about; the numerators
    /// are of one section or of all.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`](crate::Error::InvalidFilter) for an empty range.
    pub fn incomplete(
        &self,
        from: Day,
        to: Day,
        os: Option<Platform>,
        section: Option<Section>,
    ) -> Result<IncompleteReport> {
        let mut asked = range(from, to);
        asked.extend(parameters([
            ("os", os.map(|os| os.name().to_owned())),
            ("section", section.map(|section| section.name().to_owned())),
        ]));
        self.read_one("incomplete-enrollments", &asked)
    }
}
