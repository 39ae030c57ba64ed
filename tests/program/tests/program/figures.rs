//! The report's numbers from each of their sources: the API's answer, the file's attempts, its views, and the model.

use rusqlite::{Connection, named_params};
use serde_json::Value;
use vestibule_model::{Device, Report, Settings, report};

/// The parameters of the report.
#[derive(Clone, Debug)]
pub struct Asked {
    pub from: String,
    pub to: String,
    pub os: Option<&'static str>,
    pub section: Option<&'static str>,
}

impl Asked {
    pub fn path(&self) -> String {
        let mut path = format!("/api/reports/incomplete-enrollments?from={}&to={}", self.from, self.to);
        for (name, value) in [("os", self.os), ("section", self.section)] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={value}"));
            }
        }
        path
    }
}

type Elsewhere = (String, Option<String>, Option<String>, u64);

/// The numbers. Of days, sections and rows, only those that are not zero.
#[derive(Debug, Default, PartialEq)]
pub struct Figures {
    pub initiated: u64,
    pub incomplete: u64,
    pub abandoned: u64,
    pub failed: u64,
    pub completed: u64,
    pub open: u64,
    pub measured: u64,
    pub abandoned_measured: u64,
    pub rate: Option<f64>,
    pub daily: Vec<(String, Option<String>, u64)>,
    pub actions: Vec<(u8, u64)>,
    pub elsewhere: Vec<Elsewhere>,
    pub nowhere: u64,
    pub other: u64,
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// A count that is null where nobody could have reported one; the model has 0 there.
fn reported(value: &Value, name: &str) -> u64 {
    if value[name].is_null() { 0 } else { number(value, name) }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn list<T>(value: &Value, name: &str, read: impl Fn(&Value) -> T) -> Vec<T> {
    value[name].as_array().unwrap_or_else(|| panic!("no {name}")).iter().map(read).collect()
}

impl Figures {
    fn sorted(mut self) -> Self {
        self.daily.retain(|(.., count)| *count > 0);
        self.actions.retain(|(_, count)| *count > 0);
        self.daily.sort();
        self.actions.sort_unstable();
        self.elsewhere.sort();
        self.rate = self.rate.map(rounded);
        self
    }

    /// What the API answered.
    pub fn of_answer(answer: &Value) -> Self {
        Self {
            initiated: number(answer, "initiated"),
            incomplete: reported(answer, "incomplete"),
            abandoned: reported(answer, "abandoned"),
            failed: reported(answer, "failed"),
            completed: number(answer, "completed"),
            open: number(answer, "open"),
            measured: number(answer, "measured"),
            abandoned_measured: number(answer, "abandonedMeasured"),
            rate: answer["incompleteRate"].as_f64(),
            daily: list(answer, "daily", |day| {
                (text(&day["date"]).unwrap(), text(&day["section"]), number(day, "abandoned"))
            }),
            actions: list(answer, "actions", |action| {
                (u8::try_from(number(action, "catalogueRow")).unwrap(), reported(action, "abandoned"))
            }),
            elsewhere: list(answer, "otherCauses", |other| {
                let cause = text(&other["cause"]).unwrap();
                (cause, text(&other["section"]), text(&other["action"]), number(other, "abandoned"))
            }),
            nowhere: number(answer, "placeNotReported"),
            other: number(answer, "other"),
        }
        .sorted()
    }

    /// What the plain model says.
    pub fn of_model(devices: &[Device], asked: &Asked) -> Self {
        let Report {
            initiated,
            incomplete,
            abandoned,
            failed,
            completed,
            open,
            incomplete_rate,
            daily,
            actions,
            elsewhere,
            other,
            measured,
            abandoned_measured,
            nowhere,
            daily_nowhere,
        } = report(devices, &asked.from, &asked.to, asked.os, asked.section, &Settings::default());
        Self {
            initiated,
            incomplete,
            abandoned,
            failed,
            completed,
            open,
            measured,
            abandoned_measured,
            rate: incomplete_rate,
            daily: daily
                .into_iter()
                .map(|(date, section, count)| (date, Some(section), count))
                .chain(
                    daily_nowhere.into_iter().filter(|(_, count)| *count > 0).map(|(date, count)| (date, None, count)),
                )
                .collect(),
            actions,
            elsewhere: elsewhere.into_iter().map(|one| (one.cause, one.section, one.action, one.abandoned)).collect(),
            nowhere,
            other,
        }
        .sorted()
    }

    /// Counts over the view of all attempts, like somebody who has only that.
    pub fn of_attempts(conn: &Connection, asked: &Asked) -> Self {
        let values = named_params! {
            ":from": asked.from, ":to": asked.to, ":os": asked.os, ":section": asked.section,
        };
        let mut rows = conn
            .prepare(
                "SELECT outcome, started_day, section, action, cause, catalogue_row,
                        :section IS NULL OR coalesce(section = :section, 0), has_starts,
                        action IS NULL
                 FROM enrollment_attempts
                 WHERE CASE WHEN :os IS NULL THEN platform IN ('ios', 'android') ELSE :os = 'all' OR platform = :os END
                   AND started_day >= :from AND started_day < :to",
            )
            .unwrap();
        let mut rows = rows.query(values).unwrap();
        let mut all = Self::default();
        while let Some(row) = rows.next().unwrap() {
            all.initiated += 1;
            let (has_starts, without_place): (bool, bool) = (row.get(7).unwrap(), row.get(8).unwrap());
            all.measured += u64::from(has_starts);
            let outcome: String = row.get(0).unwrap();
            let counts: bool = row.get(6).unwrap();
            match outcome.as_str() {
                "completed" => all.completed += 1,
                "inProgress" => all.open += 1,
                "failed" if counts => all.failed += 1,
                "abandoned" if counts => {
                    all.abandoned += 1;
                    all.abandoned_measured += u64::from(has_starts);
                    let (section, action): (Option<String>, Option<String>) =
                        (row.get(2).unwrap(), row.get(3).unwrap());
                    let cause: Option<String> = row.get(4).unwrap();
                    add(&mut all.daily, (row.get(1).unwrap(), section.clone()));
                    match (row.get::<_, Option<u8>>(5).unwrap(), cause) {
                        (Some(number), _) => match all.actions.iter_mut().find(|(row, _)| *row == number) {
                            Some((_, count)) => *count += 1,
                            None => all.actions.push((number, 1)),
                        },
                        (None, Some(cause))
                            if ["portalClosed", "restarted", "unenrolled"].contains(&cause.as_str()) =>
                        {
                            let known = all
                                .elsewhere
                                .iter_mut()
                                .find(|one| (&one.0, &one.1, &one.2) == (&cause, &section, &action));
                            match known {
                                Some(known) => known.3 += 1,
                                None => all.elsewhere.push((cause, section, action, 1)),
                            }
                        }
                        _ if without_place => all.nowhere += 1,
                        _ => all.other += 1,
                    }
                }
                _ => {}
            }
        }
        all.incomplete = all.abandoned + all.failed;
        all.rate = rate(all.abandoned_measured, all.measured);
        all.sorted()
    }

    /// Summed up from the views of days.
    pub fn of_views(conn: &Connection, asked: &Asked) -> Self {
        let days = named_params! { ":from": asked.from, ":to": asked.to, ":os": asked.os };
        let all = named_params! { ":from": asked.from, ":to": asked.to, ":os": asked.os, ":section": asked.section };
        let in_range = "date >= :from AND date < :to
            AND CASE WHEN :os IS NULL THEN reported = 1 ELSE :os = 'all' OR platform = :os END";
        let counted = format!("{in_range} AND (:section IS NULL OR section = :section)");
        let (initiated, completed, open, measured) = conn
            .query_row(
                &format!(
                    "SELECT coalesce(sum(initiated), 0), coalesce(sum(completed), 0), coalesce(sum(open), 0),
                            coalesce(sum(measured), 0)
                     FROM attempts_by_day WHERE {in_range}"
                ),
                days,
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .unwrap();
        let (abandoned, failed, abandoned_measured): (u64, u64, u64) = conn
            .query_row(
                &format!(
                    "SELECT coalesce(sum(abandoned), 0), coalesce(sum(failed), 0), coalesce(sum(abandoned_measured), 0)
                     FROM incomplete_of_all_platforms WHERE {counted}"
                ),
                all,
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .unwrap();
        let mut daily = conn
            .prepare(&format!(
                "SELECT date, section, sum(abandoned) FROM incomplete_of_all_platforms WHERE {counted} GROUP BY 1, 2"
            ))
            .unwrap();
        let daily = daily.query_map(all, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        let mut actions = conn
            .prepare(&format!(
                "SELECT catalogue_row, sum(abandoned) FROM incomplete_of_all_platforms
                 WHERE {counted} AND part = 'row' GROUP BY 1"
            ))
            .unwrap();
        let actions = actions.query_map(all, |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let mut parts = conn
            .prepare(&format!(
                "SELECT part, section, action, sum(abandoned) FROM incomplete_of_all_platforms
                 WHERE {counted} AND part <> 'row' GROUP BY 1, 2, 3"
            ))
            .unwrap();
        let parts = parts.query_map(all, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
        let parts: Vec<Elsewhere> = parts.collect::<Result<_, _>>().unwrap();
        let (elsewhere, nowhere, other) = headings(parts);
        Self {
            initiated,
            incomplete: abandoned + failed,
            abandoned,
            failed,
            completed,
            open,
            measured,
            abandoned_measured,
            rate: rate(abandoned_measured, measured),
            daily: daily.collect::<Result<_, _>>().unwrap(),
            actions: actions.collect::<Result<_, _>>().unwrap(),
            elsewhere,
            nowhere,
            other,
        }
        .sorted()
    }

    /// The numbers of the views of the whole window, which have no filter.
    pub fn of_window(conn: &Connection) -> Self {
        let pairs = |sql: &str| -> Vec<(u8, u64)> {
            let mut rows = conn.prepare(sql).unwrap();
            rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
        };
        let mut daily = conn.prepare("SELECT date, section, abandoned FROM incomplete_by_section_and_day").unwrap();
        let daily = daily.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        let mut parts = conn.prepare("SELECT part, section, action, abandoned FROM incomplete_without_row").unwrap();
        let parts = parts.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
        let parts: Vec<Elsewhere> = parts.collect::<Result<_, _>>().unwrap();
        let (elsewhere, nowhere, other) = headings(parts);
        conn.query_row(
            "SELECT initiated, incomplete, abandoned, failed, completed, open, measured, abandoned_measured,
                    incomplete_rate
             FROM incomplete_rollup",
            [],
            |row| {
                Ok(Self {
                    initiated: row.get(0)?,
                    incomplete: row.get(1)?,
                    abandoned: row.get(2)?,
                    failed: row.get(3)?,
                    completed: row.get(4)?,
                    open: row.get(5)?,
                    measured: row.get(6)?,
                    abandoned_measured: row.get(7)?,
                    rate: row.get(8)?,
                    ..Self::default()
                })
            },
        )
        .map(|all| Self {
            daily: daily.collect::<Result<_, _>>().unwrap(),
            actions: pairs("SELECT catalogue_row, abandoned FROM incomplete_by_action"),
            elsewhere,
            nowhere,
            other,
            ..all
        })
        .unwrap()
        .sorted()
    }
}

/// The attempts without a row, by heading: those with a known cause but no place, and the rest.
fn headings(parts: Vec<Elsewhere>) -> (Vec<Elsewhere>, u64, u64) {
    let sum = |wanted: &str| parts.iter().filter(|one| one.0 == wanted).map(|one| one.3).sum();
    let (nowhere, other) = (sum("placeNotReported"), sum("other"));
    let elsewhere = parts.into_iter().filter(|one| !["placeNotReported", "other"].contains(&one.0.as_str()));
    (elsewhere.collect(), nowhere, other)
}

fn add<K: PartialEq>(counts: &mut Vec<(K, Option<String>, u64)>, (key, section): (K, Option<String>)) {
    match counts.iter_mut().find(|known| known.0 == key && known.1 == section) {
        Some(known) => known.2 += 1,
        None => counts.push((key, section, 1)),
    }
}

/// A number may differ in its last digit after it was written as JSON.
pub fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

#[allow(clippy::cast_precision_loss)]
fn rate(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
