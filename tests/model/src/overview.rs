//! The numbers of the overview (docs/DOMAIN.md, V).

use crate::report::{day_of, report};
use crate::statistics::{BEYOND, LEAST, z};
use crate::{Attempt, Device, Settings};
use chrono::{Datelike as _, NaiveDate};
use std::collections::BTreeMap;

/// The steps, in the order of time.
pub const STEPS: [&str; 9] = [
    "PreEnrollmentWizard",
    "TermsofUse",
    "iOSProfileLaunch",
    "AndroidPermissions",
    "KnoxActivation",
    "EnrollmentWrapUp",
    "DeviceCategory",
    "Compliance",
    "Activation",
];

/// What became of those who reached a step (V4), without those who went on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AtStep {
    /// Reported to come to it, or ended or standing there with senders that report steps.
    pub reached: u64,
    /// Abandoned there.
    pub gave_up: u64,
    /// Failed there.
    pub failed: u64,
    /// In progress and there.
    pub still_there: u64,
}

/// One range of days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Period {
    /// Started in it.
    pub initiated: u64,
    /// Of these, no longer in progress.
    pub ended: u64,
    /// Abandoned.
    pub abandoned: u64,
    /// Failed.
    pub failed: u64,
    /// Completed.
    pub completed: u64,
    /// Those that have starts.
    pub measured: u64,
    /// Of these, abandoned.
    pub abandoned_measured: u64,
    /// Those of which success can be told from failure.
    pub judged: u64,
    /// Of these, completed.
    pub completed_judged: u64,
    /// By step, for all of them.
    pub steps: BTreeMap<String, AtStep>,
}

/// The overview of days and of others to compare them with.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// The days asked for.
    pub now: Period,
    /// Those compared with.
    pub before: Period,
    /// `better`, `worse`, `same`, `tooFew` or `notReported` (V3).
    pub comparison: &'static str,
    /// In standard errors.
    pub z: Option<f64>,
    /// The step that clearly leads (V5).
    pub worst_step: Option<String>,
}

/// The overview of the days `now` and `before`, each a pair of dates of which the second is exclusive. The caller has left
/// out days that are not over.
#[must_use]
pub fn overview(
    devices: &[Device],
    now: (&str, &str),
    before: (&str, &str),
    os: Option<&str>,
    section: Option<&str>,
    settings: &Settings,
) -> Overview {
    let now = period(devices, now, os, section, settings);
    let before = period(devices, before, os, section, settings);
    let z = z((now.abandoned_measured, now.measured), (before.abandoned_measured, before.measured));
    let unmeasured = |period: &Period| period.measured == 0 && period.initiated > 0;
    let comparison = if unmeasured(&now) || unmeasured(&before) {
        "notReported"
    } else if now.measured < LEAST || before.measured < LEAST {
        "tooFew"
    } else {
        match z {
            Some(z) if z > BEYOND => "worse",
            Some(z) if z < -BEYOND => "better",
            _ => "same",
        }
    };
    let worst_step = worst(&now);
    Overview { now, before, comparison, z, worst_step }
}

fn period(
    devices: &[Device],
    (from, to): (&str, &str),
    os: Option<&str>,
    section: Option<&str>,
    settings: &Settings,
) -> Period {
    let counted = report(devices, from, to, os, section, settings);
    let mut period = Period {
        initiated: counted.initiated,
        ended: counted.initiated - counted.open,
        abandoned: counted.abandoned,
        failed: counted.failed,
        completed: counted.completed,
        measured: counted.measured,
        abandoned_measured: counted.abandoned_measured,
        ..Period::default()
    };
    let (Ok(from), Ok(to)) = (from.parse::<NaiveDate>(), to.parse::<NaiveDate>()) else {
        return period;
    };
    for attempt in devices.iter().flat_map(|device| &device.attempts) {
        let is_in = day_of(attempt.started_at_ms, settings).is_some_and(|day| from <= day && day < to);
        if !is_in || !is_asked(attempt, os) {
            continue;
        }
        if attempt.judged() {
            period.judged += 1;
            period.completed_judged += u64::from(attempt.outcome == "completed");
        }
        for step in STEPS {
            if section.is_some_and(|section| !section.eq_ignore_ascii_case(section_of(step))) {
                continue;
            }
            let visited = attempt.visited.iter().any(|action| action == step);
            let here = attempt.action.as_deref() == Some(step) && (visited || attempt.has_steps);
            if !visited && !here {
                continue;
            }
            let at = period.steps.entry(step.to_owned()).or_default();
            at.reached += 1;
            match attempt.outcome.as_str() {
                "abandoned" if here => at.gave_up += 1,
                "failed" if here => at.failed += 1,
                "inProgress" if here => at.still_there += 1,
                _ => {}
            }
        }
    }
    period
}

fn is_asked(attempt: &Attempt, os: Option<&str>) -> bool {
    let platform = attempt.platform.as_deref().unwrap_or("");
    match os {
        None => platform == "ios" || platform == "android",
        Some(os) => os.eq_ignore_ascii_case("all") || os.eq_ignore_ascii_case(platform),
    }
}

fn section_of(step: &str) -> &'static str {
    match step {
        "PreEnrollmentWizard" | "EnrollmentWrapUp" | "DeviceCategory" => "setupChecklist",
        "TermsofUse" => "termsOfUse",
        "Compliance" | "Activation" => "complianceActivation",
        _ => "platformScreens",
    }
}

/// V5: the step with the highest rate, if it is above the next one's beyond chance.
#[expect(clippy::cast_precision_loss, reason = "counts of attempts")]
fn worst(period: &Period) -> Option<String> {
    let mut rates = Vec::new();
    for step in STEPS {
        let Some(at) = period.steps.get(step) else { continue };
        if at.reached >= LEAST {
            rates.push((at.gave_up as f64 / at.reached as f64, step, at));
        }
    }
    // Of equal rates, the earlier step comes first.
    rates.sort_by(|one, other| other.0.total_cmp(&one.0));
    let [(_, step, first), (_, _, second), ..] = rates.as_slice() else {
        return None;
    };
    let z = z((first.gave_up, first.reached), (second.gave_up, second.reached))?;
    (z > BEYOND).then(|| (*step).to_owned())
}

/// The Monday of a day's week.
#[must_use]
pub fn monday(day: NaiveDate) -> NaiveDate {
    let since_monday = u64::from(day.weekday().num_days_from_monday());
    day.checked_sub_days(chrono::Days::new(since_monday)).unwrap_or(day)
}
