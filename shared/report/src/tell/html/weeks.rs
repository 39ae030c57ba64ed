//! The chart of the share that gave up by week, with its interval, and what the weeks consist of. A week that is not whole
//! has a dashed frame. Parts of a bar are told apart by their order, which the legend has too.

use super::write::Html;
use crate::ask::reader::OverviewWeek;
use std::fmt::Display;
use vestibule_domain::Day;
use vestibule_domain::attempt::Outcome;
use vestibule_words::Named as _;
use vestibule_words::form::{count, day, rate, short_day};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 246.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
/// Where the rates end, and where the bars do.
const RATES: f64 = 140.0;
const BARS: f64 = 222.0;
/// The tallest bar.
const TALL: f64 = 70.0;

/// What a bar consists of, from below: the class, the words, the count.
type Part = (&'static str, Outcome, fn(&OverviewWeek) -> Option<u64>);
const PARTS: [Part; 4] = [
    ("done", Outcome::Completed, |week| Some(week.completed)),
    ("left", Outcome::Abandoned, |week| week.abandoned),
    ("broken", Outcome::Failed, |week| week.failed),
    ("waits", Outcome::InProgress, |week| Some(week.open)),
];

#[allow(clippy::cast_precision_loss)]
const fn float(n: u64) -> f64 {
    n as f64
}

/// The top of the axis: five marks at most, of 5, 10, 20 or 25 points.
fn axis(most: f64) -> (f64, f64) {
    let step = [0.05, 0.1, 0.2].into_iter().find(|step| most / step <= 5.0).unwrap_or(0.25);
    (step, (most / step).ceil().max(1.0) * step)
}

/// Writes the chart and its legend; nothing without weeks.
pub(super) fn chart(h: &mut Html, weeks: &[OverviewWeek]) {
    if weeks.is_empty() {
        return;
    }
    let slot = (WIDTH - LEFT - RIGHT) / float(weeks.len() as u64);
    let (step, top) = axis(weeks.iter().filter_map(|week| week.high).fold(0.05, f64::max));
    let y = |share: f64| TOP + (1.0 - share / top) * (RATES - TOP);
    let most = float(weeks.iter().map(|week| week.initiated).max().unwrap_or(0).max(1));
    h.raw("<figure class=\"chart\">");
    let view = format!("0 0 {WIDTH} {HEIGHT}");
    let svg: [(&'static str, &dyn Display); 4] =
        [("viewBox", &view), ("role", &"img"), ("aria-labelledby", &"weeks-title weeks-text"), ("class", &"lines")];
    h.with("svg", &svg, |h| {
        h.with("title", &[("id", &"weeks-title")], |h| h.text("Share of attempts that were given up, by week"));
        h.with("desc", &[("id", &"weeks-text")], |h| weeks.iter().for_each(|week| describe(h, week)));
        let mut mark = 0.0;
        while mark <= top + step / 2.0 {
            let (at, right, numbers) = (fixed(y(mark)), fixed(WIDTH - RIGHT), fixed(LEFT - 8.0));
            h.with("line", &[("class", &"grid"), ("x1", &LEFT), ("x2", &right), ("y1", &at), ("y2", &at)], |_| {});
            let place: [(&'static str, &dyn Display); 4] =
                [("x", &numbers), ("y", &at), ("dy", &"0.35em"), ("text-anchor", &"end")];
            h.with("text", &place, |h| h.text(format_args!("{:.0}%", mark * 100.0)));
            mark += step;
        }
        let every = weeks.len().div_ceil(10);
        let mut trend = String::new();
        for (at, week) in weeks.iter().enumerate() {
            let x = LEFT + slot * (float(at as u64) + 0.5);
            bar(h, week, x, slot, most);
            if let (Some(share), Some(low), Some(high)) = (week.rate, week.low, week.high) {
                let (x, low, high) = (fixed(x), fixed(y(low)), fixed(y(high)));
                let interval: [(&'static str, &dyn Display); 5] =
                    [("class", &"a interval"), ("x1", &x), ("x2", &x), ("y1", &low), ("y2", &high)];
                h.with("line", &interval, |_| {});
                let place = fixed(y(share));
                h.with("circle", &[("class", &"a"), ("cx", &x), ("cy", &place), ("r", &"4")], |_| {});
                trend.push_str(&format!("{}{x} {place}", if trend.is_empty() { "M" } else { "L" }));
            }
            if (weeks.len() - 1 - at).is_multiple_of(every) {
                let (x, below) = (fixed(x), fixed(HEIGHT - 6.0));
                let date = Day::parse(&week.from).map_or_else(|_| week.from.clone(), short_day);
                h.with("text", &[("x", &x), ("y", &below), ("text-anchor", &"middle")], |h| h.text(date));
            }
        }
        h.with("path", &[("class", &"trend"), ("d", &trend)], |_| {});
        let (floor, right) = (fixed(BARS), fixed(WIDTH - RIGHT));
        h.with("line", &[("class", &"grid"), ("x1", &LEFT), ("x2", &right), ("y1", &floor), ("y2", &floor)], |_| {});
    });
    legend(h, weeks);
    h.raw("</figure>");
}

fn fixed(number: f64) -> String {
    format!("{number:.1}")
}

fn bar(h: &mut Html, week: &OverviewWeek, x: f64, slot: f64, most: f64) {
    let wide = (slot * 0.7).min(46.0);
    let (left, width) = (fixed(x - wide / 2.0), fixed(wide));
    let mut below = 0.0;
    for (class, _, of) in PARTS {
        let tall = float(of(week).unwrap_or(0)) / most * TALL;
        below += tall;
        let (y, height) = (fixed(BARS - below), fixed(tall));
        if tall > 0.0 {
            let drawn: [(&'static str, &dyn Display); 5] =
                [("class", &class), ("x", &left), ("y", &y), ("width", &width), ("height", &height)];
            h.with("rect", &drawn, |_| {});
        }
    }
    if week.unfinished || week.partly_kept {
        let (left, width, height) = (fixed(x - slot / 2.0 + 1.0), fixed(slot - 2.0), fixed(BARS - TOP));
        let frame: [(&'static str, &dyn Display); 5] =
            [("class", &"frame-of-week"), ("x", &left), ("y", &TOP), ("width", &width), ("height", &height)];
        h.with("rect", &frame, |_| {});
    }
}

/// A week in words, for people who cannot see the chart.
fn describe(h: &mut Html, week: &OverviewWeek) {
    let first = Day::parse(&week.from).map_or_else(|_| week.from.clone(), day);
    h.text(format_args!("Week of {first}: {} of {}", rate(week.rate), count(week.measured)));
    if let (Some(low), Some(high)) = (week.low, week.high) {
        h.text(format_args!(", between {} and {}", rate(Some(low)), rate(Some(high))));
    }
    h.text(if week.unfinished { ", not over. " } else { ". " });
}

fn legend(h: &mut Html, weeks: &[OverviewWeek]) {
    h.raw("<ul class=\"legend\"><li>Above: given up, with the 95% interval. Below, from the bottom:</li>");
    for (class, outcome, of) in PARTS {
        h.element("li", |h| {
            h.raw("<svg viewBox=\"0 0 12 12\" width=\"12\" height=\"12\" aria-hidden=\"true\">");
            h.with("rect", &[("class", &class), ("width", &"12"), ("height", &"12")], |_| {});
            h.raw("</svg> ");
            h.text(outcome.words());
            h.raw(" <b>");
            h.text(count(weeks.iter().filter_map(of).sum()));
            h.raw("</b>");
        });
    }
    if weeks.iter().any(|week| week.unfinished || week.partly_kept) {
        h.raw("<li>A dashed frame: not a whole week.</li>");
    }
    h.raw("</ul>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_reaches_the_highest_interval() {
        for most in [0.001, 0.05, 0.249, 0.251, 0.5, 0.99, 1.0] {
            let (step, top) = axis(most);
            assert!(top >= most - 1e-9 && top / step <= 5.0 + 1e-9, "{most}: {step} {top}");
        }
    }
}
