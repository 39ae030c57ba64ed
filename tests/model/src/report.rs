//! The numbers of the incomplete-enrollments report.

use crate::catalogue::{ROWS, SECTIONS};
use crate::{Device, Settings};
use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;

/// Abandoned attempts without a row, counted by the place where they stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// `portalClosed`, `restarted` or `unenrolled`.
    pub cause: String,
    /// The section, if known.
    pub section: Option<String>,
    /// The action.
    pub action: Option<String>,
    /// How many.
    pub abandoned: u64,
}

/// The report over a range of days.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Attempts started in the range; a section filter does not affect it.
    pub initiated: u64,
    /// Abandoned and failed ones.
    pub incomplete: u64,
    /// Abandoned ones.
    pub abandoned: u64,
    /// Failed ones.
    pub failed: u64,
    /// Completed ones; a section filter does not affect it.
    pub completed: u64,
    /// Those in progress; a section filter does not affect it.
    pub open: u64,
    /// Initiated ones that have starts; a section filter does not affect it.
    pub measured: u64,
    /// Abandoned ones that have starts.
    pub abandoned_measured: u64,
    /// Measured abandoned divided by measured; `None` if nothing was measured.
    pub incomplete_rate: Option<f64>,
    /// Date, section, abandoned: every day of the range with each of the four sections, also with zero; other sections
    /// only if they have any.
    pub daily: Vec<(String, String, u64)>,
    /// Row and abandoned, for all rows.
    pub actions: Vec<(u8, u64)>,
    /// `portalClosed`, `restarted` and `unenrolled` by section and action, sorted.
    pub elsewhere: Vec<Elsewhere>,
    /// Abandoned otherwise, without a reported place.
    pub nowhere: u64,
    /// Abandoned otherwise, with a place but without a row.
    pub other: u64,
    /// Date and abandoned ones without a section, for every day of the range; only shown if there are any.
    pub daily_nowhere: Vec<(String, u64)>,
}

/// The tenant's zone; UTC if the name does not exist.
fn zone(settings: &Settings) -> Tz {
    settings.time_zone.parse().unwrap_or(Tz::UTC)
}

/// The day of an instant in a zone.
pub fn day_of(at_ms: i64, settings: &Settings) -> Option<NaiveDate> {
    DateTime::from_timestamp_millis(at_ms).map(|instant| instant.with_timezone(&zone(settings)).date_naive())
}

/// The report of the attempts started on the days `from` (inclusive) to `to` (exclusive), `YYYY-MM-DD` in the tenant's
/// zone.
///
/// `os` is a platform or `all`, `section` one of the four. An invalid date gives an empty report.
#[must_use]
pub fn report(
    devices: &[Device],
    from: &str,
    to: &str,
    os: Option<&str>,
    section: Option<&str>,
    settings: &Settings,
) -> Report {
    let mut report = Report::default();
    let Ok(from) = from.parse::<NaiveDate>() else {
        return report;
    };
    let Ok(to) = to.parse::<NaiveDate>() else {
        return report;
    };

    for row in ROWS {
        report.actions.push((row.number, 0));
    }
    let mut day = from;
    while day < to {
        report.daily_nowhere.push((day.to_string(), 0));
        for section in SECTIONS {
            report.daily.push((day.to_string(), section.to_owned(), 0));
        }
        let Some(next) = day.succ_opt() else {
            break;
        };
        day = next;
    }

    for attempt in devices.iter().flat_map(|device| &device.attempts) {
        let platform = attempt.platform.as_deref().unwrap_or("");
        let asked = match os {
            None => platform == "ios" || platform == "android",
            Some(os) => os.eq_ignore_ascii_case("all") || os.eq_ignore_ascii_case(platform),
        };
        if !asked {
            continue;
        }
        let Some(day) = day_of(attempt.started_at_ms, settings) else {
            continue;
        };
        if day < from || day >= to {
            continue;
        }

        report.initiated += 1;
        if attempt.has_starts {
            report.measured += 1;
        }
        if attempt.outcome == "completed" {
            report.completed += 1;
        }
        if attempt.outcome == "inProgress" {
            report.open += 1;
        }

        // From here on it belongs to the numerator.
        if let Some(section) = section {
            let here = attempt.section.as_deref().unwrap_or("");
            if !section.eq_ignore_ascii_case(here) {
                continue;
            }
        }
        if attempt.outcome == "failed" {
            report.failed += 1;
            report.incomplete += 1;
        }
        if attempt.outcome != "abandoned" {
            continue;
        }
        report.abandoned += 1;
        if attempt.has_starts {
            report.abandoned_measured += 1;
        }
        report.incomplete += 1;

        let day = day.to_string();
        for (date, count) in &mut report.daily_nowhere {
            if *date == day && attempt.section.is_none() {
                *count += 1;
            }
        }
        if let Some(section) = &attempt.section {
            let known = report.daily.iter_mut().find(|(date, series, _)| *date == day && series == section);
            match known {
                Some((.., count)) => *count += 1,
                None => report.daily.push((day.clone(), section.clone(), 1)),
            }
        }

        if let Some(number) = attempt.catalogue_row {
            for (row, count) in &mut report.actions {
                if *row == number {
                    *count += 1;
                }
            }
            continue;
        }
        match attempt.cause.as_deref() {
            Some(cause @ ("portalClosed" | "restarted" | "unenrolled")) => {
                let known = report.elsewhere.iter_mut().find(|known| {
                    known.cause == cause && known.section == attempt.section && known.action == attempt.action
                });
                match known {
                    Some(known) => known.abandoned += 1,
                    None => report.elsewhere.push(Elsewhere {
                        cause: cause.to_owned(),
                        section: attempt.section.clone(),
                        action: attempt.action.clone(),
                        abandoned: 1,
                    }),
                }
            }
            _ if attempt.action.is_none() => report.nowhere += 1,
            _ => report.other += 1,
        }
    }

    report.elsewhere.sort_by(|a, b| (&a.cause, &a.section, &a.action).cmp(&(&b.cause, &b.section, &b.action)));
    report.incomplete_rate = rate(report.abandoned_measured, report.measured);
    report
}

/// A fraction; `None` if the denominator is zero.
#[expect(clippy::cast_precision_loss, reason = "counts of attempts")]
pub fn rate(part: u64, whole: u64) -> Option<f64> {
    if whole == 0 {
        return None;
    }
    Some(part as f64 / whole as f64)
}
