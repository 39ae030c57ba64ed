//! The incomplete-enrollments report (docs/DOMAIN.md, R).

use super::{Reader, parameters, range};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use vestibule_domain::{Day, Platform, Section};

/// The report for a range of days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncompleteReport {
    /// The instant it is true for.
    pub as_of: String,
    /// The zone its days are counted in.
    pub time_zone: String,
    /// First day.
    pub from: String,
    /// The day after the last.
    pub to: String,
    /// The platform asked for; both without.
    pub os: Option<String>,
    /// The section asked for; it narrows the numerators, never what was initiated.
    pub section: Option<String>,
    /// Attempts started in the range.
    pub initiated: u64,
    /// Abandoned and failed.
    pub incomplete: u64,
    /// Given up.
    pub abandoned: u64,
    /// Failed.
    pub failed: u64,
    /// Completed.
    pub completed: u64,
    /// Still in progress.
    pub open: u64,
    /// Abandoned / initiated; none where nothing was initiated. Its n is `initiated`.
    pub incomplete_rate: Option<f64>,
    /// Abandoned attempts for every day and section, zero included.
    pub daily: Vec<DayCount>,
    /// The nineteen rows.
    pub actions: Vec<ActionCount>,
    /// Abandoned in ways that have no row: portal closed, restarted, unenrolled.
    pub other_causes: Vec<OtherCause>,
    /// Abandoned otherwise. `actions`, `otherCauses` and `other` add up to `abandoned`.
    pub other: u64,
    /// Step by step, in the order of time.
    pub funnel: Vec<FunnelStep>,
}

/// Abandoned attempts of a day and section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayCount {
    /// The day.
    pub date: String,
    /// The section; none for places outside the catalogue.
    pub section: Option<String>,
    /// How many.
    pub abandoned: u64,
}

/// One of the nineteen rows, counted.
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
    /// How many.
    pub abandoned: u64,
}

/// Abandoned attempts that have no row, by cause and place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OtherCause {
    /// `portalClosed`, `restarted` or `unenrolled`.
    pub cause: String,
    /// Where, if in a section.
    pub section: Option<String>,
    /// At which action.
    pub action: Option<String>,
    /// How many.
    pub abandoned: u64,
}

/// A step of the funnel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunnelStep {
    /// Its place in time, from 1.
    pub step: u8,
    /// Its section.
    pub section: String,
    /// Its action.
    pub action: String,
    /// Attempts that came to it or stopped at it.
    pub entered: u64,
    /// Attempts that went on from it.
    pub left: u64,
    /// Attempts given up at it.
    pub abandoned: u64,
    /// Median seconds of the visits that were left forward; a summary has it for the whole window only.
    pub median_seconds: Option<f64>,
}

impl Reader<'_> {
    /// The report for the days `from` to `to` (exclusive), for one platform or both it is about, and with
    /// the numerators of one section or all.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`](crate::Error::InvalidFilter) for an empty range or another platform.
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
