//! The chart of abandoned attempts by section and day: its lines differ in dash, mark and name, and also in colour.

use super::words::{NO_SECTION, short_section};
use super::write::Html;
use std::fmt::Display;
use vestibule_domain::{Day, Section};
use vestibule_words::Named as _;
use vestibule_words::form::{count, short_day};

/// A line: a section, or all attempts outside the sections, and its count on each day.
pub(super) struct Series {
    pub section: Option<Section>,
    pub counts: Vec<u64>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
/// Space for the numbers, the names at the ends of the lines, and the dates.
const LEFT: f64 = 46.0;
const RIGHT: f64 = 124.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;
/// The distance between the names at the ends of the lines.
const LABEL_STEP: f64 = 24.0;
/// How many dates the axis shows.
const DATES: usize = 6;
/// The most days with marks; with more, the marks would hide the lines.
const MARKED_DAYS: usize = 45;

/// How a line is drawn: its class, its dashes.
const LINES: [(&str, &str); 5] = [("a", "none"), ("b", "9 4"), ("c", "2 4"), ("d", "10 4 2 4"), ("e", "1 6")];

impl Series {
    pub(super) fn title(&self) -> &'static str {
        self.section.map_or(NO_SECTION, Section::words)
    }

    pub(super) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn line(&self) -> (&'static str, &'static str) {
        let at = self.section.map_or(LINES.len() - 1, |section| section as usize);
        LINES.get(at).copied().unwrap_or(("e", "1 6"))
    }
}

/// The step between lines of the grid: 1, 2 or 5 times a power of ten, so that there are at most five.
fn grid_step(most: u64) -> u64 {
    let mut power = 1;
    loop {
        for factor in [1, 2, 5] {
            if factor * power * 5 >= most {
                return factor * power;
            }
        }
        power *= 10;
    }
}

/// Numbers small enough to be drawn.
#[allow(clippy::cast_precision_loss)]
const fn float(n: u64) -> f64 {
    n as f64
}

struct Plane {
    days: usize,
    top: u64,
}

impl Plane {
    fn x(&self, day: usize) -> f64 {
        let last = float(self.days.saturating_sub(1).max(1) as u64);
        LEFT + (WIDTH - LEFT - RIGHT) * float(day as u64) / last
    }

    fn y(&self, count: u64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * float(count) / float(self.top)
    }
}

/// Writes the chart and its legend. `from` is the first day.
pub(super) fn chart(h: &mut Html, from: Day, series: &[Series]) {
    let days = series.iter().map(|one| one.counts.len()).max().unwrap_or(0);
    let most = series.iter().flat_map(|one| &one.counts).copied().max().unwrap_or(0).max(1);
    let step = grid_step(most);
    let plane = Plane { days, top: most.div_ceil(step) * step };
    let day = |at: usize| from.plus(i32::try_from(at).unwrap_or(i32::MAX));
    h.raw("<figure class=\"chart\">");
    let view = format!("0 0 {WIDTH} {HEIGHT}");
    let svg: [(&'static str, &dyn Display); 4] =
        [("viewBox", &view), ("role", &"img"), ("aria-labelledby", &"chart-title chart-text"), ("class", &"lines")];
    h.with("svg", &svg, |h| {
        h.with("title", &[("id", &"chart-title")], |h| h.text("Abandoned attempts by section and day"));
        h.with("desc", &[("id", &"chart-text")], |h| describe(h, days, day, series));
        grid(h, &plane, step);
        dates(h, &plane, day);
        for one in series {
            line(h, &plane, one);
        }
        names(h, &plane, series);
    });
    h.raw("<ul class=\"legend\">");
    for one in series {
        h.element("li", |h| {
            let (class, dashes) = one.line();
            h.raw("<svg viewBox=\"0 0 34 12\" width=\"34\" height=\"12\" aria-hidden=\"true\">");
            let stroke: [(&'static str, &dyn Display); 7] = [
                ("class", &class),
                ("x1", &"0"),
                ("x2", &"34"),
                ("y1", &"6"),
                ("y2", &"6"),
                ("fill", &"none"),
                ("stroke-dasharray", &dashes),
            ];
            h.with("line", &stroke, |_| {});
            mark(h, class, 17.0, 6.0);
            h.raw("</svg> ");
            h.text(one.title());
            h.raw(" <b>");
            h.text(count(one.total()));
            h.raw("</b>");
        });
    }
    h.raw("</ul></figure>");
}

/// The chart in words, for people who cannot see it.
fn describe(h: &mut Html, days: usize, day: impl Fn(usize) -> Day, series: &[Series]) {
    h.text(format_args!(
        "Lines over {days} days, from {} to {}. ",
        short_day(day(0)),
        short_day(day(days.saturating_sub(1)))
    ));
    for one in series {
        h.text(format_args!("{}: {} in all", one.title(), count(one.total())));
        // Of equal days, the first.
        let peak = one.counts.iter().copied().enumerate().max_by_key(|(at, n)| (*n, std::cmp::Reverse(*at)));
        match peak.filter(|(_, n)| *n > 0) {
            Some((at, n)) => h.text(format_args!(", most on {} with {}. ", short_day(day(at)), count(n))),
            None => h.text(". "),
        }
    }
    h.text("The table below has every number.");
}

fn grid(h: &mut Html, plane: &Plane, step: u64) {
    for n in (0..=plane.top / step).map(|times| times * step) {
        let y = format!("{:.1}", plane.y(n));
        let (right, numbers) = (format!("{:.1}", WIDTH - RIGHT), format!("{:.1}", LEFT - 8.0));
        h.with("line", &[("class", &"grid"), ("x1", &LEFT), ("x2", &right), ("y1", &y), ("y2", &y)], |_| {});
        let at: [(&'static str, &dyn Display); 4] =
            [("x", &numbers), ("y", &y), ("dy", &"0.35em"), ("text-anchor", &"end")];
        h.with("text", &at, |h| h.text(count(n)));
    }
}

fn dates(h: &mut Html, plane: &Plane, day: impl Fn(usize) -> Day) {
    let every = plane.days.div_ceil(DATES).max(1);
    for at in (0..plane.days).step_by(every) {
        let x = format!("{:.1}", plane.x(at));
        let y = format!("{:.1}", HEIGHT - 8.0);
        h.with("text", &[("x", &x), ("y", &y), ("text-anchor", &"middle")], |h| h.text(short_day(day(at))));
    }
}

fn line(h: &mut Html, plane: &Plane, one: &Series) {
    let (class, dashes) = one.line();
    let points: Vec<(f64, f64)> =
        one.counts.iter().enumerate().map(|(at, count)| (plane.x(at), plane.y(*count))).collect();
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let path = path.join(" ");
    let drawn: [(&'static str, &dyn Display); 4] =
        [("class", &class), ("points", &path), ("fill", &"none"), ("stroke-dasharray", &dashes)];
    h.with("polyline", &drawn, |_| {});
    if points.len() <= MARKED_DAYS {
        points.into_iter().for_each(|(x, y)| mark(h, class, x, y));
    }
}

/// A mark of the line's own shape.
fn mark(h: &mut Html, class: &'static str, x: f64, y: f64) {
    let d = match class {
        "a" => format!("M{:.1} {y:.1}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z", x - 3.0),
        "b" => format!("M{:.1} {:.1}h5.4v5.4h-5.4z", x - 2.7, y - 2.7),
        "c" => format!("M{x:.1} {:.1}l3.6 6.4h-7.2z", y - 4.0),
        "d" => format!("M{x:.1} {:.1}l4 4l-4 4l-4 -4z", y - 4.0),
        _ => format!("M{:.1} {y:.1}h6M{x:.1} {:.1}v6", x - 3.0, y - 3.0),
    };
    h.with("path", &[("class", &class), ("d", &d)], |_| {});
}

/// The names at the ends of the lines, pushed apart where these are close.
fn names(h: &mut Html, plane: &Plane, series: &[Series]) {
    let end = |one: &Series| plane.y(one.counts.last().copied().unwrap_or(0));
    let mut order: Vec<&Series> = series.iter().collect();
    order.sort_by(|one, two| end(one).total_cmp(&end(two)));
    let mut places: Vec<f64> = Vec::with_capacity(order.len());
    for one in &order {
        let least = places.last().map_or(TOP + 6.0, |above| above + LABEL_STEP);
        places.push(end(one).max(least));
    }
    // Starting from the bottom, so that no name leaves the chart.
    let mut below = HEIGHT - BOTTOM + LABEL_STEP;
    for place in places.iter_mut().rev() {
        *place = place.min(below - LABEL_STEP);
        below = *place;
    }
    let x = format!("{:.1}", WIDTH - RIGHT + 10.0);
    for (one, place) in order.into_iter().zip(places) {
        let y = format!("{place:.1}");
        let at: [(&'static str, &dyn Display); 4] = [("class", &one.line().0), ("x", &x), ("y", &y), ("dy", &"0.35em")];
        h.with("text", &at, |h| h.text(short_section(one.section)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_has_round_steps() {
        assert_eq!([1, 5, 6, 10, 11, 25, 26, 900, 100_001].map(grid_step), [1, 1, 2, 2, 5, 5, 10, 200, 50_000]);
    }

    #[test]
    fn names_do_not_lie_on_each_other() {
        let series: Vec<Series> = [Some(Section::SetupChecklist), Some(Section::TermsOfUse), None]
            .map(|section| Series { section, counts: vec![0; 31] })
            .into();
        let mut h = Html::default();
        names(&mut h, &Plane { days: 31, top: 1 }, &series);
        let text = h.finish();
        let mut places: Vec<f64> =
            text.split(" y=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse().ok()).collect();
        places.sort_by(f64::total_cmp);
        assert_eq!(places.len(), 3);
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= LABEL_STEP - 0.1), "{places:?}");
        assert!(places.iter().all(|place| (TOP..HEIGHT).contains(place)));
    }
}
