//! The first page: whether it is better than before, where people give up, and what got worse, on one sheet of paper.
//!
//! What is said here is the file's own: nothing is judged on this page.

use super::PageData;
use super::sections::tile;
use super::table::{Cell, Head, Row, table};
use super::weeks;
use super::words::{or_not_reported, reported, term};
use super::write::Html;
use crate::ask::reader::{GotWorse, Overview, OverviewPeriod, OverviewStep, Worse};
use crate::lists::plain;
use crate::tell::headline::{periods, sentence, span};
use vestibule_domain::{Day, DeviceState};
use vestibule_words::form::{NONE, count, day, rate};
use vestibule_words::{List, Named as _, words};

/// The most lines of what got worse that fit on the sheet.
const WORSE: usize = 5;

pub(super) fn overview(h: &mut Html, data: &PageData) {
    let overview = &data.overview;
    let (number, text) = sentence(overview);
    h.with("p", &[("class", &"headline")], |h| {
        h.line("strong", number);
        h.text(text);
    });
    h.with("p", &[("class", &"note")], |h| {
        h.text(format_args!(
            "iOS/iPadOS and Android, {}, compared with {}. ",
            span(&overview.from, &overview.to),
            span(&overview.compare_from, &overview.compare_to)
        ));
        if let Some(left_out) = overview.left_out.as_deref().and_then(|text| Day::parse(text).ok()) {
            h.text(format_args!("{} is left out, since it is not over.", day(left_out)));
        }
    });
    if let Some((now, before)) = periods(overview) {
        tiles(h, now, before);
    }
    weeks::chart(h, &overview.weeks);
    steps(h, overview);
    worse(h, data);
}

fn tiles(h: &mut Html, now: &OverviewPeriod, before: &OverviewPeriod) {
    h.raw("<dl class=\"tiles\">");
    let was = |text: String| format!("before: {text}");
    tile(h, term("initiated"), count(now.initiated), &[was(count(before.initiated))]);
    let shown = |period: &OverviewPeriod| {
        or_not_reported(rate(period.abandoned_rate), period.abandoned_rate.is_some(), period.initiated)
    };
    let interval = match (now.abandoned_low, now.abandoned_high) {
        (Some(low), Some(high)) => format!("between {} and {}", rate(Some(low)), rate(Some(high))),
        _ => String::new(),
    };
    tile(h, DeviceState::GaveUp.words(), shown(now), &[interval, was(shown(before))]);
    let known = |share: Option<f64>| share.map_or_else(String::new, |share| rate(Some(share)));
    let part = |n: Option<u64>, share: Option<f64>| match share {
        Some(share) => format!("{}, {}", reported(n), rate(Some(share))),
        None => reported(n),
    };
    tile(
        h,
        term("failed"),
        reported(now.failed),
        &[known(now.failed_rate), was(part(before.failed, before.failed_rate))],
    );
    let completed = [known(now.completed_rate), was(part(Some(before.completed), before.completed_rate))];
    tile(h, vestibule_domain::attempt::Outcome::Completed.words(), count(now.completed), &completed);
    h.raw("</dl>");
}

fn steps(h: &mut Html, overview: &Overview) {
    let heads = [
        Head::Words("Step"),
        Head::Numbers(term("reached")),
        Head::Numbers(term("left_forward")),
        Head::Numbers(term("failed")),
        Head::Numbers(DeviceState::GaveUp.words()),
        Head::Numbers(term("stillThere")),
        Head::Numbers(term("notReported")),
        Head::Numbers("Gave up, of reached"),
        Head::Numbers("Before"),
    ];
    let before = |action: Option<&String>| {
        let is_it = |step: &&OverviewStep| step.period == "before" && step.action.as_ref() == action;
        overview.steps.iter().find(is_it).and_then(|step| step.rate)
    };
    let rows = overview.steps.iter().filter(|step| step.period == "now").map(|step| {
        let is_step = step.action.is_some();
        let number = |n: Option<u64>| Cell::Number(if is_step || n.is_some() { reported(n) } else { NONE.to_owned() });
        let name = match &step.action {
            Some(action) => words(List::Action, action).into_owned(),
            None => "At no step, or not reported where".to_owned(),
        };
        Row::Cells(vec![
            Cell::Words(name),
            number(step.reached),
            number(step.went_on),
            number(step.failed),
            number(step.gave_up),
            number(step.still_there),
            number(step.not_reported),
            Cell::Number(rate(step.rate)),
            Cell::Number(if is_step { rate(before(step.action.as_ref())) } else { NONE.to_owned() }),
        ])
    });
    table(h, "What became of those who reached each step", &heads, rows.collect());
}

fn worse_name(one: &Worse) -> String {
    match one.kind.as_str() {
        "step" => words(List::Action, &one.name).into_owned(),
        "platform" => words(List::Platform, &one.name).into_owned(),
        "espProfile" => one.display_name.clone().unwrap_or_else(|| words(List::ChangeKind, &one.kind).into_owned()),
        _ if one.name.starts_with("0x") => one.name.clone(),
        _ => words(List::FailureCategory, &one.name).into_owned(),
    }
}

fn worse(h: &mut Html, data: &PageData) {
    let worse = &data.worse;
    h.line("h3", "What got worse");
    against(h, worse, ", on all platforms");
    match worse.worse.is_empty() {
        true => h.element("p", |h| match worse.compared {
            0 => h.text("Too few to judge."),
            n => h.text(format_args!("Nothing beyond chance, of {} that were compared.", count(n))),
        }),
        false => worse_table(h, worse, "What got worse beyond chance, most people affected first", worse_name),
    }
}

/// The days that are compared.
fn against(h: &mut Html, worse: &GotWorse, more: &str) {
    h.with("p", &[("class", &"note")], |h| {
        let now = span(&worse.from, &worse.to);
        h.text(format_args!("{now}, against {}{more}.", span(&worse.compare_from, &worse.compare_to)));
    });
}

fn worse_table(h: &mut Html, worse: &GotWorse, caption: &'static str, name: fn(&Worse) -> String) {
    let heads = [
        Head::Words("What"),
        Head::Numbers("More than before"),
        Head::Numbers("Rate, of n"),
        Head::Numbers("Before, of n"),
        Head::Words("Since"),
    ];
    let of = |share: f64, n: u64| Cell::Number(format!("{} of {}", rate(Some(share)), count(n)));
    let rows = worse.worse.iter().take(WORSE).map(|one| {
        Row::Cells(vec![
            Cell::Words(name(one)),
            Cell::Number(format!("{:.0}", one.excess)),
            of(one.rate, one.n),
            of(one.rate_before, one.n_before),
            Cell::Words(
                one.since.as_deref().and_then(|text| Day::parse(text).ok()).map_or_else(|| NONE.to_owned(), day),
            ),
        ])
    });
    table(h, caption, &heads, rows.collect());
    if worse.worse.len() > WORSE {
        h.element("p", |h| {
            h.text(format_args!("And {} more, in the file.", count((worse.worse.len() - WORSE) as u64)))
        });
    }
}

/// An app, which the organisation chose; a model is a sender's own text.
fn app_name(one: &Worse) -> String {
    match one.model.as_deref().map(|model| plain::word(model).then_some(model)) {
        None => one.name.clone(),
        Some(Some(model)) => format!("{} on {model}", one.name),
        Some(None) => format!("{} on one model, which the file names", one.name),
    }
}

/// Which apps got worse; nothing where none did.
pub(super) fn worse_apps(h: &mut Html, worse: &GotWorse) {
    if worse.worse.is_empty() {
        return;
    }
    worse_table(h, worse, "Apps that fail more often than before, beyond chance", app_name);
    against(h, worse, "");
}
