//! The report as a page: one HTML file that explains itself, for people who open it from a mail or a folder.
//!
//! Must stay true:
//! - It contains only aggregates: no user, device or serial number. Of the texts that senders choose it contains only
//!   those that [`plain`](crate::lists::plain) allows, and names of apps and profiles, which the organisation chose, as it did its
//!   annotations.
//! - It has no script and loads nothing, and its policy forbids both.
//! - It begins with the overview, which fits on one sheet of A4.
//! - Every number comes from [`Reader`]. The same file gives the same page: its instant is the only clock.

mod annotations;
mod chart;
mod overview;
mod sections;
mod table;
mod weeks;
mod words;
mod write;

use crate::ask::Parameters;
use crate::ask::reader::{
    Annotation, Coverage, EspOverview, FailureReason, GotWorse, IncompleteReport, Meta, Overview, Reader, Status,
};
use crate::error::Result;
use std::fmt::Display;
use vestibule_domain::{Day, Timestamp};
use vestibule_words::form;
use write::Html;

/// Days of the report's usual range, whose numbers are shown beside those of the whole window.
const RECENT_DAYS: i32 = 14;
/// The most apps that a list shows.
const APPS: u32 = 8;
/// The most reasons that are read.
const REASONS: u32 = 1_000;

/// A part of the page: its id, its heading, and what writes it.
type Part = (&'static str, &'static str, fn(&mut Html, &PageData));

/// The numbers and texts that the page shows.
struct PageData {
    as_of: Timestamp,
    from: Day,
    /// The day after the last.
    to: Day,
    /// The first of the recent days.
    recent_from: Day,
    overview: Overview,
    worse: GotWorse,
    worse_apps: GotWorse,
    whole: IncompleteReport,
    recent: IncompleteReport,
    coverage: Coverage,
    annotations: Vec<Annotation>,
    status: Status,
    reasons: Vec<FailureReason>,
    esp: EspOverview,
    corrections: u64,
    meta: Meta,
}

impl PageData {
    fn meta(&self, key: &str) -> &str {
        self.meta.0.get(key).map(String::as_str).unwrap_or_default()
    }
}

/// The report as one HTML page, which has no script and loads nothing.
///
/// # Errors
/// [`Error::NotInSummary`](crate::Error::NotInSummary) for a summary, or if the file cannot be read.
pub fn report_html(reader: &Reader) -> Result<String> {
    let (from, to) = reader.window()?;
    let recent_from = to.plus(-RECENT_DAYS).max(from);
    let data = PageData {
        as_of: reader.as_of(),
        from,
        to,
        recent_from,
        overview: reader.overview(&Parameters::new())?,
        worse: reader.got_worse()?,
        worse_apps: reader.got_worse_apps()?,
        whole: reader.incomplete(from, to, None, None)?,
        recent: reader.incomplete(recent_from, to, None, None)?,
        coverage: reader.coverage(from, to, None)?,
        annotations: reader.annotations(from, to)?,
        status: reader.status()?,
        reasons: reader.failure_reasons(from, to, None, REASONS)?,
        esp: reader.esp_overview(from, to, APPS)?,
        corrections: reader.corrections()?,
        meta: reader.meta()?,
    };
    let mut h = Html::default();
    h.raw(concat!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">",
        "<meta http-equiv=\"Content-Security-Policy\" ",
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">",
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">",
        "<meta name=\"color-scheme\" content=\"light dark\"><meta name=\"referrer\" content=\"no-referrer\">",
    ));
    h.element("title", |h| h.text(format_args!("Enrollment report: {}", data.meta("tenant"))));
    h.raw(concat!("<style>\n", include_str!("style.css"), "</style></head>\n<body><main>"));
    head(&mut h, &data);
    let parts: [Part; 11] = [
        ("overview", "Overview", overview::overview),
        ("rates", "Incomplete enrollments", sections::rates),
        ("days", "Abandoned by section and day", sections::days),
        ("steps", "Step by step", sections::funnel),
        ("places", "Where people stop", sections::places),
        ("platforms", "Devices by platform", sections::platforms),
        ("failures", "Why enrollments failed", sections::failures),
        ("esp", "Enrollment Status Page", sections::esp),
        ("corrections", "Changed since the report before", sections::corrections),
        ("terms", "What the words mean", sections::terms),
        ("file", "The file behind this page", sections::file),
    ];
    for (id, title, write) in parts {
        h.raw("\n");
        let labelled: [(&'static str, &dyn Display); 1] = [("aria-labelledby", &id)];
        h.with("section", &labelled, |h| {
            h.with("h2", &[("id", &id)], |h| h.text(title));
            write(h, &data);
        });
    }
    h.raw("\n</main></body></html>\n");
    Ok(h.finish())
}

fn head(h: &mut Html, data: &PageData) {
    h.raw("\n<header>");
    h.element("h1", |h| {
        h.raw("Enrollment report <span>");
        h.text(data.meta("tenant"));
        h.raw("</span>");
    });
    h.element("p", |h| {
        h.text(form::day(data.from));
        h.raw(" to ");
        h.text(form::day(data.to.plus(-1)));
        h.raw(", days in ");
        h.text(data.meta("timeZone"));
        h.raw(". As of ");
        h.with("time", &[("datetime", &data.as_of)], |h| h.text(form::instant(data.as_of)));
        h.raw(".");
    });
    h.raw("</header>");
}
