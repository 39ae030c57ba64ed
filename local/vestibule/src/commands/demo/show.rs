//! The report in words and bars. It is readable also when piped.

use super::Shown;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use vestibule_domain::{Day, DeviceState, Section};
use vestibule_words::form::{NOT_REPORTED, count, day, minutes, rate};
use vestibule_words::{List, Named as _, words};

/// Columns of the chart's longest bar.
const BAR: u64 = 30;
/// Rows of either list of failures.
const TOP: usize = 6;
/// The sections in the chart's order, each with a letter of its own.
const SECTIONS: [(Section, char); 4] = [
    (Section::SetupChecklist, 'S'),
    (Section::PlatformScreens, 'P'),
    (Section::TermsOfUse, 'T'),
    (Section::ComplianceActivation, 'C'),
];

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or(0)
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or("")
}

/// A count. It is missing if no sender reports what is counted.
fn reported(value: &Value) -> String {
    value.as_u64().map_or_else(|| NOT_REPORTED.to_owned(), count)
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| NOT_REPORTED.to_owned(), |fraction| rate(Some(fraction)))
}

/// A date of an answer.
fn date(text: &str) -> String {
    Day::parse(text).map_or_else(|_| text.to_owned(), day)
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// The text that the demonstration prints at its end.
pub(super) fn report(shown: &Shown, url: &str, token: &str) -> String {
    let mut out = String::new();
    let parts = [
        posted(shown),
        roll_up("Last 14 days", &shown.report),
        roll_up("Whole sample", &shown.month),
        coverage("What the numbers are based on, all platforms", &shown.coverage),
        chart(&shown.report),
        rows(&shown.month),
        failures(&shown.failures),
        status(&shown.status),
        esp(&shown.status, &shown.esp),
        products(&shown.products),
        whereabouts(shown, url, token),
    ];
    for part in parts {
        // Writing to a string cannot fail.
        let _written = writeln!(out, "{part}");
    }
    out
}

fn posted(shown: &Shown) -> String {
    format!(
        "Posted {} events of {} enrollments: {} stored, {} known already, {} refused. The sweep found {} who had given up meanwhile.\n",
        count(shown.sample.deliveries as u64),
        count(shown.sample.enrollments as u64),
        count(shown.posted.accepted),
        count(shown.posted.duplicates),
        count(shown.posted.rejected),
        count(shown.flagged as u64),
    )
}

fn roll_up(title: &str, report: &Value) -> String {
    format!(
        "{title} ({} to {}, {}), {}\n  initiated {:>7}\n  incomplete{:>7}   abandoned {}, failed {}\n  rate      {:>7}   abandoned of n = {} whose start was reported\n",
        date(text(report, "from")),
        date(text(report, "to")),
        text(report, "timeZone"),
        words(List::PlatformGroup, "both"),
        count(number(report, "initiated")),
        reported(&report["incomplete"]),
        reported(&report["abandoned"]),
        reported(&report["failed"]),
        percent(&report["incompleteRate"]),
        count(number(report, "measured")),
    )
}

/// What the numbers are based on, in the API's words.
fn coverage(title: &str, coverage: &Value) -> String {
    let said: Vec<&str> = list(coverage, "sources").iter().filter_map(|source| source["sentence"].as_str()).collect();
    let said = if said.is_empty() { vec![coverage["sentence"].as_str().unwrap_or("No attempts.")] } else { said };
    format!("{title}\n  {}\n", said.join("\n  "))
}

/// The second tenant, whose products report less than the agents of the first one.
fn products(shown: &Value) -> String {
    let title = format!("{}, fed by products in their own forms", text(shown, "tenant"));
    let report = &shown["wholeWindow"];
    format!(
        "{title}\n  initiated {:>7}   completed {}, abandoned {}\n  rate      {:>7}   abandoned of n = {} whose start was reported\n{}",
        count(number(report, "initiated")),
        count(number(report, "completed")),
        reported(&report["abandoned"]),
        percent(&report["incompleteRate"]),
        count(number(report, "measured")),
        coverage("  What this is based on", &shown["coverage"]),
    )
}

/// Abandoned attempts by section and day: one line per day, and one letter per attempt (or per several, if there are
/// many).
fn chart(report: &Value) -> String {
    let mut days: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for one in list(report, "daily") {
        *days.entry(text(one, "date")).or_default().entry(text(one, "section")).or_default() +=
            number(one, "abandoned");
    }
    let most = days.values().map(|sections| sections.values().sum()).max().unwrap_or(0).max(1);
    let each = most.div_ceil(BAR);
    let mut out = format!("Abandoned by section and day (one letter = {each})\n");
    let heads = SECTIONS.map(|(section, letter)| format!("{letter} {}", section.words())).join("   ");
    let _written = writeln!(out, "  {heads}");
    for (of, sections) in days {
        let counts = SECTIONS.map(|(section, letter)| (letter, sections.get(section.name()).copied().unwrap_or(0)));
        let columns: String = counts.iter().map(|(_, n)| format!("{n:>4}")).collect();
        let bar: String = counts
            .iter()
            .map(|(letter, n)| letter.to_string().repeat(usize::try_from(n.div_ceil(each)).unwrap_or(0)))
            .collect();
        let _written = writeln!(out, "  {:<11} {columns}  {bar}", date(of));
    }
    out
}

fn rows(report: &Value) -> String {
    let mut out = String::from("Where people give up, whole sample\n");
    for row in list(report, "actions") {
        let _written = writeln!(
            out,
            "  {:>2}  {:<24} {:<40} {:<13} {:>12}",
            number(row, "catalogueRow"),
            words(List::Action, text(row, "action")),
            words(List::Screen, text(row, "screen")),
            words(List::Cause, text(row, "how")),
            reported(&row["abandoned"])
        );
    }
    let mut causes: BTreeMap<&str, u64> = BTreeMap::new();
    for one in list(report, "otherCauses") {
        *causes.entry(text(one, "cause")).or_default() += number(one, "abandoned");
    }
    for (cause, abandoned) in causes {
        let _written = writeln!(out, "      {:<79} {:>12}", words(List::Cause, cause), count(abandoned));
    }
    for (heading, name) in [(words(List::Term, "placeNotReported"), "placeNotReported"), ("Other".into(), "other")] {
        let _written = writeln!(out, "      {heading:<79} {:>12}", count(number(report, name)));
    }
    out
}

fn failures(failures: &Value) -> String {
    let mut out = String::from("Top failures, last 14 days\n");
    for reason in list(failures, "reasons").iter().take(TOP) {
        let category = Some(text(reason, "category")).filter(|name| !name.is_empty());
        let what = Some(text(reason, "reason")).filter(|text| !text.is_empty()).map(Into::into);
        let what = what.or_else(|| category.map(|name| words(List::FailureCategory, name)));
        let _written = writeln!(
            out,
            "  {:>5}  {:<12} {}",
            number(reason, "count"),
            text(reason, "code"),
            what.unwrap_or_else(|| "Reason not reported".into())
        );
    }
    out
}

fn status(status: &Value) -> String {
    let states = DeviceState::ALL.iter();
    let states =
        states.map(|state| format!("{} {}", count(number(status, state.name())), state.words().to_lowercase()));
    let states = states.collect::<Vec<_>>().join(", ");
    let mut out = format!(
        "{} devices: {states}; first time right {} (n = {})\n",
        count(number(status, "devices")),
        percent(&status["firstTimeRight"]["rate"]),
        count(number(&status["firstTimeRight"], "n")),
    );
    for platform in list(status, "byPlatform") {
        let time = platform["averageMinutes"].as_f64();
        let time = time.map_or_else(|| NOT_REPORTED.to_owned(), |time| minutes(Some(time)));
        let _written = writeln!(
            out,
            "  {:<20} {:>6}  success {:>7} (n = {})  {time}",
            platform["platform"].as_str().unwrap_or(NOT_REPORTED),
            count(number(platform, "total")),
            percent(&platform["successRate"]),
            count(number(platform, "n")),
        );
    }
    out
}

/// The Enrollment Status Page: its profiles, and the apps that hold people up.
fn esp(status: &Value, report: &Value) -> String {
    let time = |value: &Value| minutes(value.as_f64());
    let mut out = String::from("Enrollment Status Page, whole sample\n");
    for profile in list(status, "espProfiles") {
        let id = &profile["profileId"];
        let numbers = list(report, "byProfile").iter().find(|numbers| numbers["profileId"] == *id);
        let numbers = numbers.unwrap_or(&Value::Null);
        let apps = profile["blockingApps"].as_u64().map_or_else(|| "all".to_owned(), count);
        let _written = writeln!(
            out,
            "  {:<16} waits for {apps:>3} apps, {:>4} min, {:<14} {:>5} sessions, success {:>7}, median {}",
            text(profile, "displayName"),
            count(number(profile, "limitMinutes")),
            text(profile, "assignedGroups"),
            count(number(profile, "sessions")),
            percent(&numbers["successRate"]),
            time(&numbers["medianMinutes"]),
        );
    }
    for (title, name) in [("Slowest apps", "slowestApps"), ("Most failing apps", "failingApps")] {
        let _written = writeln!(out, "  {title}");
        for app in list(report, name).iter().take(TOP / 2) {
            let _written = writeln!(
                out,
                "    {:<22} median {:>10}, 90% finish within {:>10}, failed in {} of {} sessions",
                text(app, "app"),
                time(&app["medianMinutes"]),
                time(&app["p90Minutes"]),
                count(number(app, "failed")),
                count(number(app, "sessions")),
            );
        }
    }
    out
}

fn whereabouts(shown: &Shown, url: &str, token: &str) -> String {
    let page = shown.report_html.as_ref().map(|path| format!("For people: {}\n", path.display())).unwrap_or_default();
    format!(
        "The file: {}\n  sqlite3 '{}' 'SELECT * FROM enrollment_attempts LIMIT 5'\n{page}\
         The API:\n  curl -H 'Authorization: Bearer {token}' '{url}/api/reports/incomplete-enrollments'",
        shown.path.display(),
        shown.path.display(),
    )
}
