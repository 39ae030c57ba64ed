//! The report in words and bars. It is readable also when piped.

use super::Shown;
use crate::output::Lines;
use serde_json::Value;
use std::collections::BTreeMap;
use vestibule_domain::{Day, DeviceState, Section};
use vestibule_words::form::{NOT_REPORTED, count, day, minutes, plural, rate};
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

/// A date of an answer, so many days later. An answer's days end before its second date, so its last is a day earlier.
fn date(text: &str, later: i32) -> String {
    Day::parse(text).map_or_else(|_| text.to_owned(), |date| day(date.plus(later)))
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// What the demonstration prints at its end.
pub(super) fn report(shown: &Shown, url: &str, token: &str) -> Lines {
    let mut out = Lines::default();
    posted(&mut out, shown);
    out.blank();
    out.line(&shown.headline);
    out.blank();
    roll_up(&mut out, "Last 14 days", &shown.report);
    out.blank();
    roll_up(&mut out, "Whole sample", &shown.month);
    out.blank();
    coverage(&mut out, "What the numbers are based on, all platforms", &shown.coverage);
    out.blank();
    chart(&mut out, &shown.report);
    out.blank();
    rows(&mut out, &shown.month);
    out.blank();
    failures(&mut out, &shown.failures);
    out.blank();
    status(&mut out, &shown.status);
    out.blank();
    esp(&mut out, &shown.status, &shown.esp);
    out.blank();
    products(&mut out, &shown.products);
    out.blank();
    whereabouts(&mut out, shown, url, token);
    out
}

fn posted(out: &mut Lines, shown: &Shown) {
    writeln!(
        out,
        "Posted {} of {}: {} stored, {} known already, {} refused. The sweep found {} who had given up meanwhile.",
        plural(shown.sample.deliveries as u64, "event", "events"),
        plural(shown.sample.enrollments as u64, "enrollment", "enrollments"),
        count(shown.posted.accepted),
        count(shown.posted.duplicates),
        count(shown.posted.rejected),
        count(shown.flagged as u64),
    );
}

fn roll_up(out: &mut Lines, title: &str, report: &Value) {
    let (from, last) = (date(text(report, "from"), 0), date(text(report, "to"), -1));
    let platforms = words(List::PlatformGroup, "both");
    writeln!(out, "{title} ({from} to {last}, {}), {platforms}", text(report, "timeZone"));
    writeln!(out, "  initiated {:>7}", count(number(report, "initiated")));
    let (abandoned, failed) = (reported(&report["abandoned"]), reported(&report["failed"]));
    writeln!(out, "  incomplete{:>7}   abandoned {abandoned}, failed {failed}", reported(&report["incomplete"]));
    measured(out, report);
}

fn measured(out: &mut Lines, report: &Value) {
    let (rate, measured) = (percent(&report["incompleteRate"]), count(number(report, "measured")));
    writeln!(out, "  rate      {rate:>7}   abandoned of n = {measured} whose start was reported");
}

/// What the numbers are based on, in the API's words.
fn coverage(out: &mut Lines, title: &str, coverage: &Value) {
    let said: Vec<&str> = list(coverage, "sources").iter().filter_map(|source| source["sentence"].as_str()).collect();
    let said = if said.is_empty() { vec![coverage["sentence"].as_str().unwrap_or("No attempts.")] } else { said };
    out.line(title);
    out.extend(said.iter().map(|sentence| format!("  {sentence}")));
}

/// The second tenant, whose products report less than the agents of the first one.
fn products(out: &mut Lines, shown: &Value) {
    let report = &shown["wholeWindow"];
    writeln!(out, "{}, fed by products in their own forms", text(shown, "tenant"));
    let (initiated, abandoned) = (count(number(report, "initiated")), reported(&report["abandoned"]));
    writeln!(
        out,
        "  initiated {initiated:>7}   completed {}, abandoned {abandoned}",
        count(number(report, "completed"))
    );
    measured(out, report);
    coverage(out, "  What this is based on", &shown["coverage"]);
}

/// Abandoned attempts by section and day: one line per day, and one letter per attempt (or per several, if there are
/// many).
fn chart(out: &mut Lines, report: &Value) {
    let mut days: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for one in list(report, "daily") {
        *days.entry(text(one, "date")).or_default().entry(text(one, "section")).or_default() +=
            number(one, "abandoned");
    }
    let most = days.values().map(|sections| sections.values().sum()).max().unwrap_or(0).max(1);
    let each = most.div_ceil(BAR);
    writeln!(out, "Abandoned by section and day (one letter = {each})");
    let heads = SECTIONS.map(|(section, letter)| format!("{letter} {}", section.words())).join("   ");
    writeln!(out, "  {heads}");
    for (of, sections) in days {
        let counts = SECTIONS.map(|(section, letter)| (letter, sections.get(section.name()).copied().unwrap_or(0)));
        let columns: String = counts.iter().map(|(_, n)| format!("{n:>4}")).collect();
        let bar: String = counts
            .iter()
            .map(|(letter, n)| letter.to_string().repeat(usize::try_from(n.div_ceil(each)).unwrap_or(0)))
            .collect();
        writeln!(out, "  {:<11} {columns}  {bar}", date(of, 0));
    }
}

fn rows(out: &mut Lines, report: &Value) {
    out.line("Where people give up, whole sample");
    for row in list(report, "actions") {
        writeln!(
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
        writeln!(out, "      {:<79} {:>12}", words(List::Cause, cause), count(abandoned));
    }
    for (heading, name) in [(words(List::Term, "placeNotReported"), "placeNotReported"), ("Other".into(), "other")] {
        writeln!(out, "      {heading:<79} {:>12}", count(number(report, name)));
    }
}

fn failures(out: &mut Lines, failures: &Value) {
    out.line("Top failures, last 14 days");
    for reason in list(failures, "reasons").iter().take(TOP) {
        let category = Some(text(reason, "category")).filter(|name| !name.is_empty());
        let what = Some(text(reason, "reason")).filter(|text| !text.is_empty()).map(Into::into);
        let what = what.or_else(|| category.map(|name| words(List::FailureCategory, name)));
        writeln!(
            out,
            "  {:>5}  {:<12} {}",
            number(reason, "count"),
            text(reason, "code"),
            what.unwrap_or_else(|| "Reason not reported".into())
        );
    }
}

fn status(out: &mut Lines, status: &Value) {
    let states = DeviceState::ALL.iter();
    let states =
        states.map(|state| format!("{} {}", count(number(status, state.name())), state.words().to_lowercase()));
    let states = states.collect::<Vec<_>>().join(", ");
    writeln!(
        out,
        "{} devices: {states}; first time right {} (n = {})",
        count(number(status, "devices")),
        percent(&status["firstTimeRight"]["rate"]),
        count(number(&status["firstTimeRight"], "n")),
    );
    for platform in list(status, "byPlatform") {
        let time = platform["averageMinutes"].as_f64();
        let time = time.map_or_else(|| NOT_REPORTED.to_owned(), |time| minutes(Some(time)));
        writeln!(
            out,
            "  {:<20} {:>6}  success {:>7} (n = {})  {time}",
            platform["platform"].as_str().unwrap_or(NOT_REPORTED),
            count(number(platform, "total")),
            percent(&platform["successRate"]),
            count(number(platform, "n")),
        );
    }
}

/// The Enrollment Status Page: its profiles, and the apps that hold people up.
fn esp(out: &mut Lines, status: &Value, report: &Value) {
    let time = |value: &Value| minutes(value.as_f64());
    out.line("Enrollment Status Page, whole sample");
    for profile in list(status, "espProfiles") {
        let id = &profile["profileId"];
        let numbers = list(report, "byProfile").iter().find(|numbers| numbers["profileId"] == *id);
        let numbers = numbers.unwrap_or(&Value::Null);
        let apps = profile["blockingApps"].as_u64().map_or_else(|| "all".to_owned(), count);
        writeln!(
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
        writeln!(out, "  {title}");
        for app in list(report, name).iter().take(TOP / 2) {
            writeln!(
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
}

fn whereabouts(out: &mut Lines, shown: &Shown, url: &str, token: &str) {
    let file = shown.path.display();
    writeln!(out, "The file: {file}");
    writeln!(out, "  sqlite3 '{file}' 'SELECT * FROM enrollment_attempts LIMIT 5'");
    out.extend(shown.report_html.as_ref().map(|page| format!("For people: {}", page.display())));
    out.line("The API:");
    writeln!(out, "  curl -H 'Authorization: Bearer {token}' '{url}/api/reports/incomplete-enrollments'");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_range_of_days_is_shown_with_its_last_day() {
        let report = json!({"from": "2026-11-16", "to": "2026-11-30", "timeZone": "UTC", "initiated": 1});
        let mut out = Lines::default();
        roll_up(&mut out, "Last 14 days", &report);
        assert!(format!("{out:?}").contains("Last 14 days (16 Nov 2026 to 29 Nov 2026, UTC), "), "{out:?}");
    }
}
