//! The overview in one sentence: how many give up, whether that is better than before or within chance, and at which step.
//!
//! What is said here is the file's own: nothing is judged here. A step is named only if the overview says that it leads clearly.

use crate::ask::reader::{Overview, OverviewPeriod, OverviewStep};
use vestibule_domain::Day;
use vestibule_words::form::{count, day, rate};
use vestibule_words::{List, words};

/// The overview in one sentence, for a terminal; the days that it is about stand first.
pub fn headline(overview: &Overview) -> String {
    let (number, text) = sentence(overview);
    format!("{}: {number}{text}", span(&overview.from, &overview.to))
}

/// The days from one to before another, in words.
pub(crate) fn span(from: &str, to: &str) -> String {
    let read = |text: &str| Day::parse(text).ok().map(|one| (day(one), day(one.plus(-1))));
    match (read(from), read(to)) {
        (Some((first, _)), Some((_, last))) => format!("{first} to {last}"),
        _ => format!("{from} to {to}"),
    }
}

/// The two ranges of an overview.
pub(crate) fn periods(overview: &Overview) -> Option<(&OverviewPeriod, &OverviewPeriod)> {
    match overview.periods.as_slice() {
        [now, before] => Some((now, before)),
        _ => None,
    }
}

/// What follows the rate: how it compares with the one before.
fn comparison(overview: &Overview, before: &OverviewPeriod) -> String {
    let said = words(List::Comparison, &overview.comparison);
    let was = rate(before.abandoned_rate);
    match overview.comparison.as_str() {
        "better" | "worse" => format!(", {said}: {was}."),
        "same" => format!(", {said}: {was}, a difference within chance."),
        "tooFew" => {
            format!(". Compared with before: {said}, since that takes {} on both sides.", count(overview.least))
        }
        _ => format!(". Not compared with before: {said}."),
    }
}

fn worst(overview: &Overview) -> String {
    let is_worst =
        |step: &&OverviewStep| step.period == "now" && step.action.is_some() && step.action == overview.worst_step;
    match overview.steps.iter().find(is_worst) {
        Some(OverviewStep { action: Some(action), gave_up: Some(gave_up), reached: Some(reached), .. }) => format!(
            "Worst step: {}, {} of the {} who reach it.",
            words(List::Action, action),
            count(*gave_up),
            count(*reached)
        ),
        _ => "No step is clearly the worst.".to_owned(),
    }
}

/// The overview in one sentence; its number stands apart, since a page shows it larger.
pub(crate) fn sentence(overview: &Overview) -> (String, String) {
    let Some((now, before)) = periods(overview) else { return (String::new(), String::new()) };
    if now.initiated == 0 {
        return (String::new(), "No enrollment started on the days that are over.".to_owned());
    }
    if now.abandoned_rate.is_none() {
        let text = "No sender reports when people begin, so we cannot see how many give up.";
        return (String::new(), text.to_owned());
    }
    let of = format!(" give up ({} of {})", count(now.abandoned_measured), count(now.measured));
    (rate(now.abandoned_rate), format!("{of}{} {}", comparison(overview, before), worst(overview)))
}
