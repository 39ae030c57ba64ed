//! The overview's numbers and what got worse: the API's answers, the plain model's, and those of another implementation of
//! the statistics.

use crate::figures::{Asked, rounded};
use crate::model::{devices_at, instant};
use crate::statistics::{Compared, Rate, agree_with_scipy};
use serde_json::Value;
use vestibule_model::statistics::{p, wilson};
use vestibule_model::{Delivered, Device, Period, STEPS, Settings, monday, overview, report};
use vestibule_program_tests::Client;

fn number(value: &Value, name: &str) -> u64 {
    match &value[name] {
        Value::Null => 0,
        some => some.as_u64().unwrap_or_else(|| panic!("no {name} in {value}")),
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no {name}"))
}

/// Asks for the overview of each range, compares it with the model's, and its statistics with scipy's.
pub async fn overviews_agree(api: &Client, asked: &[Asked], kept_from: &str, sample: &[Delivered]) {
    let (mut rates, mut compared) = (Vec::new(), Vec::new());
    for one in asked {
        let path = one.path().replace("incomplete-enrollments", "overview");
        let answer = api.json(&path).await;
        let devices = devices_at(sample, instant(text(&answer, "asOf")));
        agrees(&answer, one, kept_from, &devices, &mut rates, &mut compared);
    }
    // Other days to compare with, and a range without one of its ends.
    let whole = &asked[1];
    for query in [
        format!("from={}&compareFrom={}", text(&usual(api).await, "from"), whole.from),
        format!("to={}&os=all", whole.to),
        format!("compareFrom={}&compareTo={}", whole.from, text(&usual(api).await, "from")),
    ] {
        let answer = api.json(&format!("/api/reports/overview?{query}")).await;
        let devices = devices_at(sample, instant(text(&answer, "asOf")));
        let os = query.contains("os=all").then_some("all");
        let one = Asked { os, section: None, ..whole.clone() };
        agrees(&answer, &one, kept_from, &devices, &mut rates, &mut compared);
    }
    assert!(rates.len() > 100 && compared.len() > 5, "{} {}", rates.len(), compared.len());
    agree_with_scipy(&rates, &compared);
}

async fn usual(api: &Client) -> Value {
    api.json("/api/reports/overview").await
}

/// Compares an answer with the overview of these devices, and takes along what scipy is to check.
pub fn agrees(
    answer: &Value,
    asked: &Asked,
    kept_from: &str,
    devices: &[Device],
    rates: &mut Vec<Rate>,
    compared: &mut Vec<Compared>,
) {
    let settings = Settings::default();
    let (from, to) = (text(answer, "from"), text(answer, "to"));
    let (before_from, before_to) = (text(answer, "compareFrom"), text(answer, "compareTo"));
    let today = &text(answer, "asOf")[..10];
    assert!(to <= today && before_to <= today, "a day that is not over counts: {answer}");
    let model = overview(devices, (from, to), (before_from, before_to), asked.os, asked.section, &settings);
    let is_kept = before_from >= kept_from;
    assert_eq!(text(answer, "comparison"), if is_kept { model.comparison } else { "notKept" }, "{asked:?}");
    let z = model.z.filter(|_| is_kept);
    assert_eq!(answer["z"].as_f64().map(rounded), z.map(rounded), "{asked:?}");
    assert_eq!(answer["p"].as_f64().map(in_chances), z.map(|z| in_chances(p(z))), "{asked:?}");
    assert_eq!(answer["worstStep"].as_str(), model.worst_step.as_deref(), "{asked:?}");

    for (at, (name, period)) in [("now", &model.now), ("before", &model.before)].into_iter().enumerate() {
        let shown = &list(answer, "periods")[at];
        assert_eq!(text(shown, "period"), name);
        period_agrees(shown, period, rates);
        steps_agree(answer, name, period, rates);
        let way = if name == "now" { "abandoned" } else { "abandonedBefore" };
        let ways: u64 = list(answer, "ways").iter().map(|one| number(one, way)).sum();
        assert_eq!(ways, period.abandoned, "{asked:?}");
    }
    if let (Some(z), Some(chance)) = (answer["z"].as_f64(), answer["p"].as_f64()) {
        let counts = |period: &Period| (period.abandoned_measured, period.measured);
        compared.push(Compared { now: counts(&model.now), before: counts(&model.before), z, p: chance });
    }
    weeks_agree(answer, asked, devices, rates);
}

/// Chances are series on one side and strips on the other.
fn in_chances(p: f64) -> f64 {
    (p * 1e7).round() / 1e7
}

fn rate_agrees(shown: &Value, names: [&str; 3], (part, whole): (u64, u64), rates: &mut Vec<Rate>) {
    let [rate, low, high] = names.map(|name| shown[name].as_f64());
    let model = wilson(part, whole);
    assert_eq!(rate.is_some(), model.is_some(), "{names:?} in {shown}");
    assert_eq!((low.map(rounded), high.map(rounded)), model.map(|(low, high)| (rounded(low), rounded(high))).unzip());
    if let (Some(low), Some(high)) = (low, high) {
        rates.push(Rate { part, whole, low, high });
    }
}

fn period_agrees(shown: &Value, period: &Period, rates: &mut Vec<Rate>) {
    let counts = [
        ("initiated", period.initiated),
        ("ended", period.ended),
        ("open", period.initiated - period.ended),
        ("abandoned", period.abandoned),
        ("failed", period.failed),
        ("completed", period.completed),
        ("measured", period.measured),
        ("abandonedMeasured", period.abandoned_measured),
        ("judged", period.judged),
    ];
    for (name, count) in counts {
        assert_eq!(number(shown, name), count, "{name}");
    }
    let names = ["abandonedRate", "abandonedLow", "abandonedHigh"];
    rate_agrees(shown, names, (period.abandoned_measured, period.measured), rates);
    rate_agrees(
        shown,
        ["completedRate", "completedLow", "completedHigh"],
        (period.completed_judged, period.judged),
        rates,
    );
    if period.judged == period.ended && !shown["failed"].is_null() {
        rate_agrees(shown, ["failedRate", "failedLow", "failedHigh"], (period.failed, period.ended), rates);
    } else {
        assert!(shown["failedRate"].is_null() && shown["failedLow"].is_null(), "{shown}");
    }
}

fn steps_agree(answer: &Value, name: &str, period: &Period, rates: &mut Vec<Rate>) {
    let shown: Vec<&Value> = list(answer, "steps").iter().filter(|one| one["period"] == name).collect();
    let (rest, steps) = shown.split_last().unwrap();
    assert!(rest["action"].is_null());
    for step in steps {
        let at = period.steps.get(text(step, "action")).cloned().unwrap_or_default();
        let counts = ["reached", "gaveUp", "failed", "stillThere"].map(|member| number(step, member));
        assert_eq!(counts, [at.reached, at.gave_up, at.failed, at.still_there], "{name} {step}");
        let parts = ["wentOn", "gaveUp", "failed", "stillThere", "notReported"].map(|member| number(step, member));
        assert_eq!(parts.iter().sum::<u64>(), at.reached, "it adds up: {step}");
        rate_agrees(step, ["rate", "low", "high"], (at.gave_up, at.reached), rates);
    }
    let known: Vec<&str> = steps.iter().map(|step| text(step, "action")).collect();
    assert!(period.steps.keys().all(|step| known.contains(&step.as_str())));
    assert!(answer["section"].is_string() || known == STEPS);
    let all: u64 = shown.iter().map(|step| number(step, "gaveUp")).sum();
    assert_eq!(all, period.abandoned, "those who gave up add up: {name}");
}

fn weeks_agree(answer: &Value, asked: &Asked, devices: &[Device], rates: &mut Vec<Rate>) {
    let today = &text(answer, "asOf")[..10];
    let mut after = None;
    for week in list(answer, "weeks") {
        let (from, to) = (text(week, "from"), text(week, "to"));
        let first = from.parse().unwrap();
        assert_eq!(monday(first), first, "a week begins on Monday");
        assert!(after.is_none_or(|after| after == from), "a week is missing before {from}");
        after = Some(to);
        assert_eq!(week["unfinished"], to > today, "{week}");
        let model = report(devices, from, to, asked.os, asked.section, &Settings::default());
        let counts = [
            ("initiated", model.initiated),
            ("completed", model.completed),
            ("open", model.open),
            ("abandoned", model.abandoned),
            ("failed", model.failed),
            ("measured", model.measured),
            ("abandonedMeasured", model.abandoned_measured),
        ];
        for (name, count) in counts {
            assert_eq!(number(week, name), count, "{name} of {week}");
        }
        rate_agrees(week, ["rate", "low", "high"], (model.abandoned_measured, model.measured), rates);
    }
}
