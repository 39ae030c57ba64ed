//! The incomplete-enrollments report (docs/DOMAIN.md, R).

use super::{Reader, check_range};
use crate::dictionary::REPORTED;
use crate::error::{Error, Result};
use crate::ids::first_from;
use crate::schema;
use rusqlite::{Row, named_params};
use serde::Serialize;
use std::collections::BTreeMap;
use vestibule_domain::{Day, Millis, Platform, Section};

/// The report for a range of days.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    pub os: Option<&'static str>,
    /// The section asked for; it narrows the numerators, never what was initiated.
    pub section: Option<&'static str>,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DayCount {
    /// The day.
    pub date: String,
    /// The section; none for places outside the catalogue.
    pub section: Option<&'static str>,
    /// How many.
    pub abandoned: u64,
}

/// One of the nineteen rows, counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize)]
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

const WHERE: &str = "day >= :from AND day < :to AND (:os IS NULL OR platform = :os)";
const IN_SECTION: &str = "(:section IS NULL OR section = :section)";
/// The view `step_times` where there are none.
const NO_VISITS: &str = "WITH step_times (attempt_no, day, platform, step, milliseconds) AS (
  SELECT 0, 0, '', 0, 0 WHERE 0)";

impl Reader<'_> {
    /// The report for the days `from` to `to` (exclusive), for one platform or both it is about, and with
    /// the numerators of one section or all.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`] for a range that is none or another platform.
    pub fn incomplete(
        &self,
        from: Day,
        to: Day,
        os: Option<Platform>,
        section: Option<Section>,
    ) -> Result<IncompleteReport> {
        check_range(from, to)?;
        if os.is_some_and(|os| !REPORTED.contains(&os)) {
            return Err(Error::InvalidFilter { field: "os", problem: "must be ios or android" });
        }
        let conn = self.conn();
        let (os_name, section_name) = (os.map(Platform::name), section.map(Section::name));
        let days = named_params! { ":from": from.get(), ":to": to.get(), ":os": os_name };
        let all = named_params! {
            ":from": from.get(), ":to": to.get(), ":os": os_name, ":section": section_name,
        };

        let (initiated, completed, open) = conn.query_row(
            &format!(
                "SELECT coalesce(sum(initiated), 0), coalesce(sum(completed), 0), coalesce(sum(open), 0)
                 FROM incomplete_by_day WHERE {WHERE}"
            ),
            days,
            |row| Ok((row.get::<_, u64>(0)?, row.get(1)?, row.get(2)?)),
        )?;
        let (abandoned, failed) = conn.query_row(
            &format!(
                "SELECT coalesce(sum(abandoned), 0), coalesce(sum(failed), 0)
                 FROM incomplete_detail WHERE {WHERE} AND {IN_SECTION}"
            ),
            all,
            |row| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?)),
        )?;

        let mut counts: BTreeMap<(i32, Option<Section>), u64> = BTreeMap::new();
        let mut query = conn.prepare(&format!(
            "SELECT day, section, sum(abandoned) FROM incomplete_detail WHERE {WHERE} AND {IN_SECTION}
             AND abandoned > 0 GROUP BY day, section"
        ))?;
        let mut rows = query.query(all)?;
        while let Some(row) = rows.next()? {
            let section: Option<String> = row.get(1)?;
            counts.insert((row.get(0)?, section.as_deref().and_then(Section::read)), row.get(2)?);
        }

        let mut query = conn.prepare(&format!(
            "WITH counts AS (
               SELECT catalogue_row, sum(abandoned) AS abandoned FROM incomplete_detail
               WHERE {WHERE} AND {IN_SECTION} AND part = 'row' GROUP BY catalogue_row)
             SELECT a.catalogue_row, a.section, a.action, a.screen, a.platform, a.how, coalesce(c.abandoned, 0)
             FROM incomplete_by_action a LEFT JOIN counts c ON c.catalogue_row = a.catalogue_row
             ORDER BY a.catalogue_row"
        ))?;
        let actions = query.query_map(all, read_action)?.collect::<rusqlite::Result<_>>()?;

        let mut query = conn.prepare(&format!(
            "SELECT part, section, action, sum(abandoned) FROM incomplete_detail
             WHERE {WHERE} AND {IN_SECTION} AND part <> 'row' GROUP BY part, section, action ORDER BY 1, 2, 3"
        ))?;
        let (mut other_causes, mut other) = (Vec::new(), 0);
        let mut rows = query.query(all)?;
        while let Some(row) = rows.next()? {
            let (part, abandoned): (String, u64) = (row.get(0)?, row.get(3)?);
            if part == "other" {
                other += abandoned;
            } else {
                let (section, action) = (row.get(1)?, row.get(2)?);
                other_causes.push(OtherCause { cause: part, section, action, abandoned });
            }
        }

        // No float holds all integers, but these are counts of attempts.
        #[allow(clippy::cast_precision_loss)]
        let incomplete_rate = (initiated > 0).then(|| abandoned as f64 / initiated as f64);
        Ok(IncompleteReport {
            as_of: self.as_of().to_string(),
            time_zone: self.time_zone()?,
            from: from.to_string(),
            to: to.to_string(),
            os: os_name,
            section: section_name,
            initiated,
            incomplete: abandoned + failed,
            abandoned,
            failed,
            completed,
            open,
            incomplete_rate,
            daily: every_day(from, to, section, &counts),
            actions,
            other_causes,
            other,
            funnel: self.funnel(from, to, os, section)?,
        })
    }

    fn funnel(&self, from: Day, to: Day, os: Option<Platform>, section: Option<Section>) -> Result<Vec<FunnelStep>> {
        let zone = self.time_zone()?.parse().unwrap_or_default();
        // Numbers of attempts follow instants; days may be out of step with them by a clock change.
        let margin = Millis::from_days(2);
        let (first, last) = (first_from(from.start(zone) - margin), first_from(to.start(zone) + margin));
        let sql = schema::funnel("attempt_no >= :first AND attempt_no < :last", WHERE);
        // A summary has no single visits, hence no medians but those that it holds of the whole window.
        let (visits, medians) = match (self.is_summary(), (from, to) == self.window()? && os.is_none()) {
            (false, _) => ("", "median_seconds"),
            (true, false) => (NO_VISITS, "NULL"),
            (true, true) => (NO_VISITS, "(SELECT w.median_seconds FROM funnel w WHERE w.step = f.step)"),
        };
        let mut query = self.conn().prepare(&format!(
            "{visits} SELECT step, section, action, entered, left_forward, abandoned, {medians}
             FROM ({sql}) f WHERE {IN_SECTION} ORDER BY step"
        ))?;
        let steps = query.query_map(
            named_params! {
                ":from": from.get(), ":to": to.get(), ":os": os.map(Platform::name),
                ":section": section.map(Section::name), ":first": first, ":last": last,
            },
            |row| {
                Ok(FunnelStep {
                    step: row.get(0)?,
                    section: row.get(1)?,
                    action: row.get(2)?,
                    entered: row.get(3)?,
                    left: row.get(4)?,
                    abandoned: row.get(5)?,
                    median_seconds: row.get(6)?,
                })
            },
        )?;
        Ok(steps.collect::<rusqlite::Result<_>>()?)
    }
}

fn read_action(row: &Row) -> rusqlite::Result<ActionCount> {
    Ok(ActionCount {
        catalogue_row: row.get(0)?,
        section: row.get(1)?,
        action: row.get(2)?,
        screen: row.get(3)?,
        platform: row.get(4)?,
        how: row.get(5)?,
        abandoned: row.get(6)?,
    })
}

/// Every day and section with its count; places outside the sections only where there are any.
fn every_day(
    from: Day,
    to: Day,
    section: Option<Section>,
    counts: &BTreeMap<(i32, Option<Section>), u64>,
) -> Vec<DayCount> {
    let sections = Section::ALL.iter().copied().filter(|one| section.is_none_or(|section| section == *one));
    let sections: Vec<_> = sections.collect();
    let outside = counts.keys().any(|(_, section)| section.is_none());
    let series: Vec<_> = sections.into_iter().map(Some).chain(outside.then_some(None)).collect();
    let mut daily = Vec::new();
    for day in from.get()..to.get() {
        for section in &series {
            daily.push(DayCount {
                date: Day::new(day).to_string(),
                section: section.map(Section::name),
                abandoned: counts.get(&(day, *section)).copied().unwrap_or(0),
            });
        }
    }
    daily
}
