//! The overview, and what got worse (docs/DOMAIN.md, V).

use super::{Parameters, Reader};
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// How many give up, whether that is better than before, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// First day.
    pub from: String,
    /// The day after the last.
    pub to: String,
    /// The day that was asked for and is not over.
    pub left_out: Option<String>,
    /// First day compared with.
    pub compare_from: String,
    /// The day after the last compared with.
    pub compare_to: String,
    /// `better`, `worse`, `same`, `tooFew`, `notReported` or `notKept`.
    pub comparison: String,
    /// The fewest attempts on a side of a comparison that is judged.
    pub least: u64,
    /// The action at which most of those who reach it give up, if it clearly leads.
    pub worst_step: Option<String>,
    /// The days asked for, then those compared with.
    pub periods: Vec<OverviewPeriod>,
    /// Weeks from Monday on.
    pub weeks: Vec<OverviewWeek>,
    /// Steps of both ranges, each range's last without a step.
    pub steps: Vec<OverviewStep>,
}

/// The attempts of a range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OverviewPeriod {
    /// `now` or `before`.
    pub period: String,
    /// Started in the range.
    pub initiated: u64,
    /// Still in progress.
    pub open: u64,
    /// Given up; `None` if there is none and nobody could have reported one.
    pub abandoned: Option<u64>,
    /// Failed; `None` likewise.
    pub failed: Option<u64>,
    /// Completed.
    pub completed: u64,
    /// Attempts that have starts.
    pub measured: u64,
    /// Of these, given up.
    pub abandoned_measured: u64,
    /// `abandoned_measured` / `measured`.
    pub abandoned_rate: Option<f64>,
    /// Lower bound of that rate, 95 %.
    pub abandoned_low: Option<f64>,
    /// Upper bound of that rate.
    pub abandoned_high: Option<f64>,
    /// Completed of the judged ones.
    pub completed_rate: Option<f64>,
    /// Failed of the ended ones, where all of these are judged.
    pub failed_rate: Option<f64>,
}

/// A week.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OverviewWeek {
    /// Its Monday.
    pub from: String,
    /// The Monday after.
    pub to: String,
    /// Whether it is not over.
    pub unfinished: bool,
    /// Whether its first days are no longer kept.
    pub partly_kept: bool,
    /// Started in it.
    pub initiated: u64,
    /// Completed.
    pub completed: u64,
    /// Still in progress.
    pub open: u64,
    /// Given up; `None` if there is none and nobody could have reported one.
    pub abandoned: Option<u64>,
    /// Failed; `None` likewise.
    pub failed: Option<u64>,
    /// Attempts that have starts.
    pub measured: u64,
    /// Of these, the share given up.
    pub rate: Option<f64>,
    /// Lower bound of that rate, 95 %.
    pub low: Option<f64>,
    /// Upper bound of that rate.
    pub high: Option<f64>,
}

/// What became of those who reached a step; without a step, what ended or stands at none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OverviewStep {
    /// `now` or `before`.
    pub period: String,
    /// The action.
    pub action: Option<String>,
    /// Those who reached it; `None` if no sender reports steps.
    pub reached: Option<u64>,
    /// Went on.
    pub went_on: Option<u64>,
    /// Gave up there.
    pub gave_up: Option<u64>,
    /// Failed there.
    pub failed: Option<u64>,
    /// In progress and there.
    pub still_there: Option<u64>,
    /// Of which nobody reported what became of them there.
    pub not_reported: Option<u64>,
    /// Gave up, of those who reached it.
    pub rate: Option<f64>,
}

/// What got worse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GotWorse {
    /// First of the last seven days that are over.
    pub from: String,
    /// The day after the last.
    pub to: String,
    /// First of the days before.
    pub compare_from: String,
    /// The day after the last of them.
    pub compare_to: String,
    /// How many had enough on both sides.
    pub compared: u64,
    /// How many there were at all.
    pub seen: u64,
    /// What got worse beyond chance, most people affected first.
    pub worse: Vec<Worse>,
}

/// One thing that got worse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Worse {
    /// `step`, `platform`, `failure` or `espProfile`; of apps `app` or `appModel`.
    pub kind: String,
    /// An action, a platform, a code or category, the id of a profile, or an app.
    pub name: String,
    /// The name of a profile.
    pub display_name: Option<String>,
    /// Of an app on a model: the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How many were affected.
    pub affected: u64,
    /// Of how many.
    pub n: u64,
    /// `affected` / `n`.
    pub rate: f64,
    /// How many were affected before.
    pub affected_before: u64,
    /// Of how many before.
    pub n_before: u64,
    /// The rate before.
    pub rate_before: f64,
    /// How many more than the rate before would give.
    pub excess: f64,
    /// The day that parts before and after best.
    pub since: Option<String>,
}

impl Reader<'_> {
    /// The overview; without parameters of the last fourteen days that are over, on iOS/iPadOS and Android.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`](crate::Error::InvalidFilter) for invalid parameters.
    pub fn overview(&self, asked: &Parameters) -> Result<Overview> {
        self.read_one("overview", asked)
    }

    /// What got worse in the last seven days that are over.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn got_worse(&self) -> Result<GotWorse> {
        self.read_one("got-worse", &Parameters::new())
    }

    /// Which apps, and on which models, got worse in the last seven days that are over.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn got_worse_apps(&self) -> Result<GotWorse> {
        self.read_one("got-worse-apps", &Parameters::new())
    }
}
