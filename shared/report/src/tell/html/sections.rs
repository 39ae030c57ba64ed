//! The parts of the page, in order.

use super::PageData;
use super::annotations;
use super::chart::{Series, chart};
use super::overview;
use super::table::{Cell, Head, Row, table};
use super::words::{NO_SECTION, how_at, or_not_reported, reported, row_platform, term};
use super::write::Html;
use crate::ask::reader::{Advice, EspApp, IncompleteReport, SenderCoverage};
use crate::lists::plain;
use std::collections::BTreeMap;
use vestibule_domain::{Day, DeviceState, Section};
use vestibule_words::form::{NONE, count, day, instant, instant_of, minutes, rate, seconds};
use vestibule_words::{List, Named as _, words};

/// The most failure reasons that are listed.
const LISTED_REASONS: usize = 12;
/// Terms of the file that the page does not use.
const UNUSED_TERMS: [&str; 3] = ["catalogueRow", "progress", "espPhaseSuccessRate"];

/// A part of a whole, for a bar.
#[allow(clippy::cast_precision_loss)]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A number with its name and what to know about it.
pub(super) fn tile(h: &mut Html, name: &'static str, value: String, notes: &[String]) {
    h.element("div", |h| {
        h.line("dt", name);
        h.line("dd", value);
        for note in notes.iter().filter(|note| !note.is_empty()) {
            h.with("dd", &[("class", &"note")], |h| h.text(note));
        }
    });
}

fn all_days(data: &PageData) -> i32 {
    data.to.get() - data.from.get()
}

fn recent_days(data: &PageData) -> i32 {
    data.to.get() - data.recent_from.get()
}

pub(super) fn rates(h: &mut Html, data: &PageData) {
    let (whole, recent, days) = (&data.whole, &data.recent, recent_days(data));
    h.raw("<p>On iOS/iPadOS and Android, in all ");
    h.text(all_days(data));
    h.raw(" days and in the last ");
    h.text(days);
    h.raw(".</p><dl class=\"tiles\">");
    let beside = |n: u64| [format!("last {days} days: {}", count(n))];
    tile(h, term("initiated"), count(whole.initiated), &beside(recent.initiated));
    tile(
        h,
        term("incomplete"),
        reported(whole.incomplete),
        &[format!("last {days} days: {}", reported(recent.incomplete))],
    );
    let measured =
        |report: &IncompleteReport| format!("{} of {}", count(report.abandoned_measured), count(report.measured));
    let shown = |report: &IncompleteReport| {
        or_not_reported(rate(report.incomplete_rate), report.incomplete_rate.is_some(), report.initiated)
    };
    tile(
        h,
        term("incompleteRate"),
        shown(whole),
        &[
            format!("{} measured abandoned", measured(whole)),
            format!("last {days} days: {}", shown(recent)),
            measured(recent),
        ],
    );
    tile(h, term("open"), count(whole.open), &beside(recent.open));
    h.raw("</dl><p>Abandoned: ");
    h.text(reported(whole.abandoned));
    h.raw("; failed: ");
    h.text(reported(whole.failed));
    h.raw("; completed: ");
    h.text(count(whole.completed));
    h.raw(".</p>");
    coverage(h, data);
}

/// What the numbers are counted from: a sentence for each sender that leaves something out.
fn coverage(h: &mut Html, data: &PageData) {
    let coverage = &data.coverage;
    if coverage.initiated == 0 {
        return;
    }
    let lacking: Vec<&SenderCoverage> = coverage.sources.iter().filter(|sender| sender.lacking > 0).collect();
    h.with("p", &[("class", &"note")], |h| {
        if lacking.is_empty() {
            h.raw("All of them come from senders that together report starts, screens and ends.");
        }
        for sender in lacking {
            // A source may be an address, or contain a person's name.
            let name = sender.source.as_deref().filter(|name| plain::source(name)).unwrap_or("a sender not named here");
            h.text(format_args!(
                "{} of {} enrollments {} from {name}, which reports {}: {}. ",
                count(sender.lacking),
                count(coverage.initiated),
                if sender.lacking == 1 { "comes" } else { "come" },
                sender.reports,
                sender.lacks
            ));
        }
    });
}

pub(super) fn days(h: &mut Html, data: &PageData) {
    let mut counts: BTreeMap<Option<Section>, Vec<u64>> = BTreeMap::new();
    for day in &data.whole.daily {
        counts.entry(day.section.as_deref().and_then(Section::read)).or_default().push(day.abandoned);
    }
    // Attempts without a section come last.
    let outside = counts.remove(&None);
    let series: Vec<Series> = counts
        .into_iter()
        .chain(outside.map(|counts| (None, counts)))
        .map(|(section, counts)| Series { section, counts })
        .collect();
    chart(h, data.from, &series);
    annotations::list(h, data);
    h.raw("<details><summary>Every day as a table</summary>");
    let mut heads = vec![Head::Words("Day")];
    heads.extend(series.iter().map(|one| Head::Numbers(one.title())));
    heads.push(Head::Numbers("All"));
    let row = |title: String, counts: Vec<u64>| {
        let sum = counts.iter().sum();
        let cells = counts.into_iter().chain([sum]).map(|n| Cell::Number(count(n)));
        std::iter::once(Cell::Words(title)).chain(cells).collect::<Vec<Cell>>()
    };
    let length = usize::try_from(all_days(data)).unwrap_or(0);
    let mut rows: Vec<Row> = (0..length)
        .map(|at| {
            let counts = series.iter().map(|one| one.counts.get(at).copied().unwrap_or(0));
            let date: Day = data.from.plus(i32::try_from(at).unwrap_or(i32::MAX));
            Row::Cells(row(day(date), counts.collect()))
        })
        .collect();
    rows.push(Row::Sum(row("All days".to_owned(), series.iter().map(Series::total).collect())));
    table(h, "Abandoned attempts by the day they started and the section they stopped in", &heads, rows);
    h.raw("</details>");
}

pub(super) fn funnel(h: &mut Html, data: &PageData) {
    h.raw("<p>In the order in which people reach them. Not every attempt reaches every step: some exist on one platform only, some ");
    h.raw("only where the organisation set them up. Only steps that a sender reported count: ");
    h.text(format_args!("{} of {} attempts have steps.", count(data.whole.with_steps), count(data.whole.initiated)));
    h.raw("</p>");
    let heads = [
        Head::Words("Step"),
        Head::Numbers(term("entered")),
        Head::Numbers(term("left_forward")),
        Head::Numbers(term("abandoned")),
        Head::Numbers("Of entered"),
        Head::Numbers(term("medianSeconds")),
    ];
    let most = data.whole.funnel.iter().filter_map(|step| step.entered).max().unwrap_or(0);
    let rows = data.whole.funnel.iter().map(|step| {
        let entered = step.entered.filter(|entered| *entered > 0);
        let gave_up = entered.zip(step.abandoned).map(|(entered, abandoned)| share(abandoned, entered));
        Row::Cells(vec![
            Cell::Named(words(List::Action, &step.action).into_owned(), step.action.clone()),
            Cell::Bar(reported(step.entered), share(step.entered.unwrap_or(0), most)),
            Cell::Number(reported(step.left)),
            Cell::Number(reported(step.abandoned)),
            Cell::Number(rate(gave_up)),
            Cell::Number(seconds(step.median_seconds)),
        ])
    });
    table(h, "Attempts by step, all days", &heads, rows.collect());
}

pub(super) fn places(h: &mut Html, data: &PageData) {
    let title = |name: &str| words(List::Section, name).into_owned();
    let heads = [
        Head::Words("Screen"),
        Head::Words("How"),
        Head::Words("Platform"),
        Head::Days("Last", recent_days(data)),
        Head::Days("All", all_days(data)),
    ];
    let most = data.whole.actions.iter().filter_map(|row| row.abandoned).max().unwrap_or(0);
    let (mut rows, mut group) = (Vec::new(), "");
    for (row, recent) in data.whole.actions.iter().zip(&data.recent.actions) {
        if group != row.section {
            group = &row.section;
            rows.push(Row::Group(title(group)));
        }
        rows.push(Row::Cells(vec![
            Cell::Named(format!("{}. {}", row.catalogue_row, words(List::Screen, &row.screen)), row.action.clone()),
            Cell::Words(how_at(&row.how, row.shortest_limit_minutes, row.longest_limit_minutes)),
            Cell::Words(row_platform(&row.platform)),
            Cell::Number(reported(recent.abandoned)),
            Cell::Bar(reported(row.abandoned), share(row.abandoned.unwrap_or(0), most)),
        ]));
    }
    h.raw("<p>The places of the catalogue, by screen and by what the person did there.</p>");
    table(h, "Abandoned attempts by place", &heads, rows);

    // By cause and section, because actions outside the catalogue may have any name, also a person's.
    let mut causes: BTreeMap<(&str, Option<&str>), [u64; 2]> = BTreeMap::new();
    for (at, report) in [&data.recent, &data.whole].into_iter().enumerate() {
        for one in &report.other_causes {
            let sums = causes.entry((&one.cause, one.section.as_deref())).or_default();
            if let Some(sum) = sums.get_mut(at) {
                *sum += one.abandoned;
            }
        }
    }
    let mut rows: Vec<Row> = causes
        .into_iter()
        .map(|((cause, section), [recent, whole])| {
            Row::Cells(vec![
                Cell::Words(words(List::Cause, cause).into_owned()),
                Cell::Words(section.map_or_else(|| NO_SECTION.to_owned(), title)),
                Cell::Number(count(recent)),
                Cell::Number(count(whole)),
            ])
        })
        .collect();
    if data.whole.place_not_reported > 0 {
        rows.push(Row::Cells(vec![
            Cell::Words("Otherwise".to_owned()),
            Cell::Words("Place not reported".to_owned()),
            Cell::Number(count(data.recent.place_not_reported)),
            Cell::Number(count(data.whole.place_not_reported)),
        ]));
    }
    if data.whole.other > 0 {
        rows.push(Row::Cells(vec![
            Cell::Words("Otherwise".to_owned()),
            Cell::Words("A step or choice that has no place above".to_owned()),
            Cell::Number(count(data.recent.other)),
            Cell::Number(count(data.whole.other)),
        ]));
    }
    rows.push(Row::Sum(vec![
        Cell::Words("All abandoned".to_owned()),
        Cell::Words("With the places of the catalogue".to_owned()),
        Cell::Number(reported(data.recent.abandoned)),
        Cell::Number(reported(data.whole.abandoned)),
    ]));
    let heads = [
        Head::Words("Closed by"),
        Head::Words("Section"),
        Head::Days("Last", recent_days(data)),
        Head::Days("All", all_days(data)),
    ];
    table(h, "Abandoned in ways that have no place of their own", &heads, rows);
}

pub(super) fn platforms(h: &mut Html, data: &PageData) {
    let status = &data.status;
    h.raw("<dl class=\"tiles\">");
    tile(h, DeviceState::Enrolled.words(), count(status.enrolled), &[format!("of {} devices", count(status.devices))]);
    tile(h, DeviceState::InProgress.words(), count(status.in_progress), &[]);
    tile(h, DeviceState::WaitingForCompliance.words(), count(status.waiting_for_compliance), &[]);
    tile(h, DeviceState::Prepared.words(), count(status.prepared), &["by a technician".to_owned()]);
    tile(h, DeviceState::GaveUp.words(), reported(status.gave_up), &["latest attempt".to_owned()]);
    tile(h, DeviceState::Failed.words(), reported(status.failed), &["not complete since".to_owned()]);
    tile(h, DeviceState::Pending.words(), count(status.pending), &["registered, never begun".to_owned()]);
    tile(h, DeviceState::NotEnrolled.words(), count(status.not_enrolled), &["none of the others".to_owned()]);
    let first = &status.first_time_right;
    let right = or_not_reported(rate(first.rate), first.rate.is_some(), status.devices);
    tile(h, term("firstTimeRight"), right, &[format!("of {} judged devices", count(first.n))]);
    h.raw("</dl>");
    let heads = [
        Head::Words("Platform"),
        Head::Numbers("Success rate, of n"),
        Head::Numbers(term("averageMinutes")),
        Head::Numbers("Devices"),
        Head::Numbers("Attempts"),
        Head::Numbers(term("last7Days")),
    ];
    let rows = status.by_platform.iter().map(|row| {
        Row::Cells(vec![
            Cell::Words(row.platform.clone().unwrap_or_else(|| "Not reported".to_owned())),
            Cell::Number(match row.success_rate {
                Some(success) => format!("{} of {}", rate(Some(success)), count(row.n)),
                None => {
                    let closed = row.completed + row.failed.unwrap_or(0) + row.abandoned.unwrap_or(0);
                    or_not_reported(rate(None), false, closed)
                }
            }),
            Cell::Number(or_not_reported(minutes(row.average_minutes), row.average_minutes.is_some(), row.completed)),
            Cell::Number(count(row.total)),
            Cell::Number(count(row.initiated)),
            Cell::Number(count(row.last_7_days)),
        ])
    });
    table(h, "Devices and attempts by platform", &heads, rows.collect());
}

/// Failures that look the same on the page.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Failure<'t> {
    code: Option<&'t str>,
    reason: Option<&'t str>,
    category: Option<&'t str>,
    /// A reason was reported that is not shown.
    hidden: bool,
    advice: Vec<&'t str>,
}

pub(super) fn failures(h: &mut Html, data: &PageData) {
    let mut failures: BTreeMap<Failure<'_>, (u64, &[Advice])> = BTreeMap::new();
    for reason in &data.reasons {
        let failure = Failure {
            code: reason.code.as_deref().filter(|code| plain::code(code)),
            reason: reason.reason.as_deref().filter(|reason| plain::reason(reason)),
            category: reason.category.as_deref(),
            hidden: reason.reason.as_deref().is_some_and(|reason| !plain::reason(reason)),
            advice: reason.advice.iter().map(|advice| advice.id.as_str()).collect(),
        };
        failures.entry(failure).or_insert((0, &reason.advice)).0 += reason.count;
    }
    let all: u64 = failures.values().map(|(count, _)| count).sum();
    if all == 0 {
        h.raw("<p>No enrollment failed.</p>");
        return;
    }
    let mut failures: Vec<(Failure<'_>, (u64, &[Advice]))> = failures.into_iter().collect();
    // The sort is stable: equally common ones stay in the order of code and reason.
    failures.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    h.raw("<p>On all platforms. Reasons in a sender’s own words are not shown here, since they might name somebody; ");
    h.raw("the file has them.</p>");
    let heads = [Head::Words("Failure"), Head::Numbers("Attempts"), Head::Words("Code"), Head::Words("Category")];
    let most = failures.first().map_or(0, |(_, (count, _))| *count);
    let mut rows: Vec<Row> = failures
        .iter()
        .take(LISTED_REASONS)
        .map(|(failure, (n, advice))| {
            let title = match (failure.reason, advice.first()) {
                (Some(reason), _) => reason.to_owned(),
                (None, Some(advice)) => advice.problem.clone(),
                (None, None) if failure.hidden => "Reason not shown".to_owned(),
                (None, None) => "No reason reported".to_owned(),
            };
            Row::Cells(vec![
                Cell::Words(title),
                Cell::Bar(count(*n), share(*n, most)),
                Cell::Words(failure.code.unwrap_or(NONE).to_owned()),
                Cell::Words(
                    failure
                        .category
                        .map_or_else(|| NONE.to_owned(), |name| words(List::FailureCategory, name).into_owned()),
                ),
            ])
        })
        .collect();
    let others: u64 = failures.iter().skip(LISTED_REASONS).map(|(_, (count, _))| count).sum();
    let blank = || Cell::Words(String::new());
    if others > 0 {
        rows.push(Row::Cells(vec![Cell::Words("Others".to_owned()), Cell::Number(count(others)), blank(), blank()]));
    }
    rows.push(Row::Sum(vec![Cell::Words("All failed".to_owned()), Cell::Number(count(all)), blank(), blank()]));
    table(h, "Commonest failures, all days", &heads, rows);
    advice(h, failures.iter().take(LISTED_REASONS).flat_map(|(_, (_, advice))| advice.iter()));
}

/// What to do, each problem once.
fn advice<'t>(h: &mut Html, all: impl Iterator<Item = &'t Advice>) {
    let mut written: Vec<&str> = Vec::new();
    for advice in all {
        if written.contains(&advice.id.as_str()) {
            continue;
        }
        if written.is_empty() {
            h.raw("<h3>What to do</h3><div class=\"advice\">");
        }
        written.push(&advice.id);
        h.element("article", |h| {
            h.line("h4", &advice.problem);
            if !advice.codes.is_empty() {
                h.with("p", &[("class", &"note")], |h| h.text(advice.codes.join(", ")));
            }
            h.element("ol", |h| advice.steps.iter().for_each(|step| h.line("li", step)));
        });
    }
    if !written.is_empty() {
        h.raw("</div>");
    }
}

pub(super) fn esp(h: &mut Html, data: &PageData) {
    let esp = &data.esp;
    let sum = |of: fn(&crate::ask::reader::EspProfileNumbers) -> u64| esp.by_profile.iter().map(of).sum::<u64>();
    let (sessions, succeeded, n) = (sum(|one| one.sessions), sum(|one| one.succeeded), sum(|one| one.n));
    if sessions == 0 {
        h.raw("<p>No Windows device went through it.</p>");
        return;
    }
    h.raw("<dl class=\"tiles\">");
    tile(h, "Sessions", count(sessions), &[format!("{} in progress", count(sum(|one| one.in_progress)))]);
    let success = (n > 0).then(|| share(succeeded, n));
    tile(h, term("successRate"), rate(success), &[format!("of {} ended", count(n))]);
    tile(
        h,
        "Past their limit",
        count(sum(|one| one.over_limit)),
        &[format!("{} finished later", count(sum(|one| one.recovered)))],
    );
    tile(h, "Stuck identifying", count(sum(|one| one.stuck)), &["over 15 minutes".to_owned()]);
    h.raw("</dl>");
    let heads = [
        Head::Words("Profile"),
        Head::Numbers("Success rate, of n"),
        Head::Numbers("Sessions"),
        Head::Numbers("Failed"),
        Head::Numbers(term("timedOut")),
        Head::Numbers(term("medianMinutes")),
        Head::Numbers(term("p90Minutes")),
    ];
    let rows = esp.by_profile.iter().map(|row| {
        let name = row.profile.clone().or_else(|| row.profile_id.clone());
        Row::Cells(vec![
            Cell::Words(name.unwrap_or_else(|| "Not reported".to_owned())),
            Cell::Number(format!("{} of {}", rate(row.success_rate), count(row.n))),
            Cell::Number(count(row.sessions)),
            Cell::Number(count(row.failed)),
            Cell::Number(count(row.timed_out)),
            Cell::Number(minutes(row.median_minutes)),
            Cell::Number(minutes(row.p90_minutes)),
        ])
    });
    table(h, "Sessions by profile", &heads, rows.collect());
    let name = |app: &EspApp| Cell::Words(app.app.clone().unwrap_or_else(|| "Not reported".to_owned()));
    if !esp.slowest_apps.is_empty() {
        let heads = [
            Head::Words("App"),
            Head::Numbers("Sessions"),
            Head::Numbers(term("medianMinutes")),
            Head::Numbers(term("p90Minutes")),
        ];
        let rows = esp.slowest_apps.iter().map(|app| {
            let times = [app.median_minutes, app.p90_minutes].map(|time| Cell::Number(minutes(time)));
            Row::Cells([name(app), Cell::Number(count(app.sessions))].into_iter().chain(times).collect())
        });
        table(h, "Apps that take longest", &heads, rows.collect());
    }
    if !esp.failing_apps.is_empty() {
        let heads = [
            Head::Words("App"),
            Head::Numbers("Sessions"),
            Head::Numbers("Failed in"),
            Head::Numbers("of those that tried"),
        ];
        let rows = esp.failing_apps.iter().map(|app| {
            let counts = [app.sessions, app.failed].map(|n| Cell::Number(count(n)));
            let failure_rate = Cell::Number(rate(app.failure_rate));
            Row::Cells([name(app)].into_iter().chain(counts).chain([failure_rate]).collect())
        });
        table(h, "Apps that fail most", &heads, rows.collect());
    }
    overview::worse_apps(h, &data.worse_apps);
}

pub(super) fn corrections(h: &mut Html, data: &PageData) {
    h.raw("<p>");
    match Some(data.meta("previousAsOf")).filter(|before| !before.is_empty()) {
        None => h.raw("There is no earlier report to compare with."),
        Some(before) => {
            h.raw("<b>");
            h.text(count(data.corrections));
            h.raw("</b> attempts that the report of ");
            h.text(instant_of(before));
            h.raw(" showed as closed are different now, because events about them arrived later. The file’s table ");
            h.raw("<code>corrections</code> lists each, with what it was and what it is now.");
        }
    }
    h.raw("</p>");
}

pub(super) fn terms(h: &mut Html, data: &PageData) {
    let named = data.meta.0.iter().filter_map(|(key, meaning)| Some((key.strip_prefix("definition.")?, meaning)));
    // In the order of the names shown here.
    let terms: BTreeMap<String, &String> = named
        .filter(|(name, _)| !UNUSED_TERMS.contains(name))
        .map(|(name, meaning)| (words(List::Term, name).into_owned(), meaning))
        .collect();
    h.raw("<dl class=\"terms\">");
    for (name, meaning) in terms {
        h.element("div", |h| {
            h.line("dt", name);
            h.line("dd", meaning);
        });
    }
    h.raw("</dl>");
}

pub(super) fn file(h: &mut Html, data: &PageData) {
    h.raw("<p>Every number here is a view of one SQLite file, which came with this page. It is as of ");
    h.with("time", &[("datetime", &data.as_of)], |h| h.text(instant(data.as_of)));
    h.raw(" and covers the days from ");
    h.text(day(data.from));
    h.raw(" to ");
    h.text(day(data.to.plus(-1)));
    h.raw(" in the time zone ");
    h.text(data.meta("timeZone"));
    h.raw(". Its schema is version ");
    h.text(data.meta("schemaVersion"));
    h.raw(", written by ");
    h.text(data.meta("generator"));
    h.raw(concat!(
        ".</p><p>Any SQLite reader opens it: the <code>sqlite3</code> command, DB Browser for SQLite, Datasette, ",
        "DuckDB, pandas. Tables hold numbers, views show them in words, and <code>column_docs</code> explains every ",
        "column. It may name people and devices; this page does not.</p>",
        "<pre><code>sqlite3 report.sqlite \"SELECT * FROM incomplete_by_action ORDER BY abandoned DESC\"\n",
        "sqlite3 report.sqlite \"SELECT column_name, meaning FROM column_docs WHERE table_name = 'funnel'\"\n",
        "datasette report.sqlite\n",
        "duckdb -c \"ATTACH 'report.sqlite' AS r (TYPE sqlite); SELECT * FROM r.incomplete_rollup\"\n",
        "python3 -c \"import sqlite3, pandas; ",
        "print(pandas.read_sql('SELECT * FROM funnel', sqlite3.connect('report.sqlite')))\"</code></pre>",
    ));
}
