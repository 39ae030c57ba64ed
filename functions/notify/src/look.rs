//! Looks at what rules about lasting things watch: the tenant's report for rates and devices, the delivery log for senders.
//!
//! Must stay true: numbers are those of the report's own questions, over whole days. What nobody reported is no finding.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_archive::{Archive, ArchiveError};
use vestibule_domain::{Day, Millis, Timestamp};
use vestibule_notices::{Counts, Facts, Rule, Seen, State, Verdict, Watch, judge};
use vestibule_report::{Error as ReportError, Reader};
use vestibule_store::{DayLog, Store, StoreError, Tenant, log_day, silence};
use vestibule_webhook::sources::SENDERS;

/// The days that a rate is of, and those before it that it is compared with.
const DAYS: i32 = 7;
const DAYS_BEFORE: i32 = 28;
/// Days of the delivery log by which a sender's habit is known.
const LOG_DAYS: i32 = 35;
/// Apps that are looked at, of those that failed most and took longest.
const MOST_APPS: u32 = 100;
/// Devices that are looked at.
const MOST_DEVICES: u32 = 200;

/// A rate of the last days and of those before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rates {
    steps: BTreeMap<String, (Counts, Counts)>,
    apps: BTreeMap<String, (Counts, Counts)>,
}

/// A device that is being enrolled by a person.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    attempt: String,
    platform: String,
    step: Option<String>,
    since: Timestamp,
}

/// Reads the rates of the last seven whole days, and of the four weeks before.
pub(crate) async fn rates(archive: &Archive, tenant: &Tenant, now: Timestamp) -> Result<Rates, ArchiveError> {
    let today = now.day(tenant.settings.time_zone);
    archive.ask(tenant, now, move |reader| read_rates(reader, today)).await
}

fn read_rates(reader: &Reader<'_>, today: Day) -> Result<Rates, ReportError> {
    let mut rates = Rates::default();
    let (first, _) = reader.window()?;
    let (middle, begin) = (today.plus(-DAYS), today.plus(-DAYS - DAYS_BEFORE).max(first));
    // Of a window that ends between, nothing can be compared.
    if begin >= middle {
        return Ok(rates);
    }
    for (from, to, is_now) in [(middle, today, true), (begin, middle, false)] {
        for step in reader.incomplete(from, to, None, None)?.funnel {
            if let (Some(hit), Some(of)) = (step.abandoned, step.entered) {
                put(&mut rates.steps, step.action, Counts { hit, of }, is_now);
            }
        }
        let apps = reader.esp_overview(from, to, MOST_APPS)?;
        for app in apps.failing_apps.into_iter().chain(apps.slowest_apps) {
            if let Some(name) = app.app {
                put(&mut rates.apps, name, Counts { hit: app.failed, of: app.tried }, is_now);
            }
        }
    }
    Ok(rates)
}

fn put(all: &mut BTreeMap<String, (Counts, Counts)>, name: String, counts: Counts, is_now: bool) {
    let entry = all.entry(name).or_default();
    if is_now {
        entry.0 = counts;
    } else {
        entry.1 = counts;
    }
}

impl Rates {
    /// What a rule finds, compared with what its rates were compared with when they began to be worse.
    pub fn found(&self, rule: &Rule, state: &State) -> Option<Vec<Seen>> {
        let seen = |subject: &str, now: Counts, before: Counts, facts: Facts| Seen {
            subject: subject.to_owned(),
            verdict: judge(now, before, state.began_from(&rule.name, subject)),
            facts,
        };
        let is_wanted = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
        match &rule.watch {
            Watch::StepRate { step } => Some(
                self.steps
                    .iter()
                    .filter(|(name, _)| is_wanted(step, name))
                    .map(|(name, &(now, before))| {
                        seen(name, now, before, Facts::Step { step: name.clone(), now, before })
                    })
                    .collect(),
            ),
            Watch::AppRate { app } => Some(
                self.apps
                    .iter()
                    .filter(|(name, _)| is_wanted(app, name))
                    .map(|(name, &(now, before))| {
                        seen(name, now, before, Facts::App { app: name.clone(), now, before })
                    })
                    .collect(),
            ),
            _ => None,
        }
    }
}

/// The week before a Monday, and the four weeks before that.
pub(crate) async fn week(
    archive: &Archive,
    tenant: &Tenant,
    monday: Day,
    now: Timestamp,
) -> Result<Facts, ArchiveError> {
    archive
        .ask(tenant, now, move |reader| {
            let from = monday.plus(-DAYS);
            let begin = from.plus(-DAYS_BEFORE).max(reader.window()?.0);
            let counts = |from: Day, to: Day| -> Result<Counts, ReportError> {
                if from >= to {
                    return Ok(Counts::default());
                }
                let report = reader.incomplete(from, to, None, None)?;
                Ok(Counts { hit: report.abandoned_measured, of: report.measured })
            };
            Ok(Facts::Week { from: from.to_string(), now: counts(from, monday)?, before: counts(begin, from)? })
        })
        .await
}

/// The devices that people are enrolling, and since when each is where it is. One that waits for compliance or installs
/// apps has nobody in front of a screen.
pub(crate) async fn waiting(archive: &Archive, tenant: &Tenant, now: Timestamp) -> Result<Vec<Waiting>, ArchiveError> {
    archive
        .ask(tenant, now, |reader| {
            let mut found = Vec::new();
            for device in reader.active(None, MOST_DEVICES)?.active {
                let (Some(attempt), None, None) = (device.attempt_id, device.waits_for, device.session_id) else {
                    continue;
                };
                let Some(detail) = answer(reader, "attempt", &attempt)? else { continue };
                let since =
                    detail.get("lastActivityAt").and_then(Value::as_str).and_then(|at| Timestamp::parse(at).ok());
                let Some(since) = since else { continue };
                let events = detail.get("events").and_then(Value::as_array);
                let step =
                    events.into_iter().flatten().rev().find_map(|event| event["action"].as_str()).map(str::to_owned);
                found.push(Waiting { attempt, platform: device.platform_words, step, since });
            }
            Ok(found)
        })
        .await
}

/// What a rule finds among the devices.
pub(crate) fn stuck(rule: &Rule, waiting: &[Waiting], now: Timestamp) -> Option<Vec<Seen>> {
    let Watch::Stuck { minutes } = rule.watch else { return None };
    let is_stuck = |one: &&Waiting| one.since + Millis::from_minutes(minutes.into()) < now;
    let seen = |one: &Waiting| Seen {
        subject: one.attempt.clone(),
        verdict: Verdict::Holds,
        facts: Facts::Stuck { step: one.step.clone(), platform: one.platform.clone(), since: one.since, minutes },
    };
    Some(waiting.iter().filter(is_stuck).map(seen).collect())
}

/// The senders that are silent for longer than usual, by name.
pub(crate) async fn silent(
    store: &Store,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<BTreeMap<&'static str, Facts>, StoreError> {
    let mut logs = store.deliveries(&tenant.id, log_day(now).plus(1 - LOG_DAYS)).await?;
    let mut found = BTreeMap::new();
    for sender in SENDERS {
        let days = logs.remove(sender.name).unwrap_or_default();
        let mut newest = DayLog::default();
        days.values().for_each(|day| newest.take_newest(day));
        let hour = |day: &Day, hour: &u8| i64::from(day.get()) * 24 + i64::from(*hour);
        let heard: BTreeSet<i64> =
            days.iter().flat_map(|(day, log)| log.hours.iter().map(move |at| hour(day, at))).collect();
        let Some(last) = newest.last_heard else { continue };
        if let Some(silence) = silence(&heard, last, now) {
            let title = sender.title.to_owned();
            let facts = Facts::Silent { title, last_heard: silence.since, usual_hours: silence.usual_longest_hours };
            found.insert(sender.name, facts);
        }
    }
    Ok(found)
}

/// What a rule finds among the silent senders.
pub(crate) fn unheard(rule: &Rule, silent: &BTreeMap<&'static str, Facts>) -> Option<Vec<Seen>> {
    let Watch::Silent { source } = &rule.watch else { return None };
    let is_wanted = |name: &str| source.as_ref().is_none_or(|source| source == name);
    let seen = |(name, facts): (&&str, &Facts)| Seen {
        subject: (*name).to_owned(),
        verdict: Verdict::Holds,
        facts: facts.clone(),
    };
    Some(silent.iter().filter(|(name, _)| is_wanted(name)).map(seen).collect())
}

/// An answer of the file about one attempt or session.
fn answer(reader: &Reader<'_>, question: &str, id: &str) -> Result<Option<Map<String, Value>>, ReportError> {
    reader.answer(question, &BTreeMap::from([("id".to_owned(), id.to_owned())]))
}

/// What the report says of attempts and sessions: who they are of, and why a session has its profile.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    /// Device and person, as far as they were reported.
    pub names: BTreeMap<String, String>,
    /// Profiles' ids, by session.
    pub profiles: BTreeMap<String, String>,
    /// The groups through which profiles apply, by session.
    pub groups: BTreeMap<String, String>,
}

/// Reads what the report says of these attempts and sessions.
pub(crate) async fn about(
    archive: &Archive,
    tenant: &Tenant,
    ids: BTreeSet<String>,
    now: Timestamp,
) -> Result<About, ArchiveError> {
    if ids.is_empty() {
        return Ok(About::default());
    }
    archive
        .ask(tenant, now, move |reader| {
            let mut about = About::default();
            for id in ids {
                let found = match answer(reader, "attempt", &id)? {
                    None => answer(reader, "esp-session", &id)?,
                    found => found,
                };
                let Some(found) = found else { continue };
                let text = |name: &str| found.get(name).and_then(Value::as_str);
                let who: Vec<&str> = [text("deviceName"), text("userPrincipalName")].into_iter().flatten().collect();
                if !who.is_empty() {
                    about.names.insert(id.clone(), who.join(", "));
                }
                if let Some(profile) = text("profileId") {
                    about.profiles.insert(id.clone(), profile.to_owned());
                }
                if let Some(group) = text("ruleGroup") {
                    about.groups.insert(id, group.to_owned());
                }
            }
            Ok(about)
        })
        .await
}
