//! The report as a page: one HTML file that explains itself, for whoever opens it from a mail or a folder.
//!
//! Must stay true:
//! - Aggregates only: no user, device or serial number, and of the texts that senders choose only those of
//!   [`plain`](crate::lists::plain), and names of apps and profiles, which are the organisation's.
//! - No script, nothing from elsewhere, and a policy that forbids both.
//! - Every number is one of [`Reader`]'s. The same file gives the same page: its instant is the only clock.

mod chart;
mod sections;
mod table;
mod words;
mod write;

use crate::ask::reader::{Coverage, EspOverview, FailureReason, IncompleteReport, Meta, Reader, Status};
use crate::error::Result;
use std::fmt::Display;
use vestibule_domain::{Day, Timestamp};
use vestibule_words::form;
use write::Html;

/// Days of the report's usual range, which stand beside the whole window.
const RECENT_DAYS: i32 = 14;
/// Most apps of a list.
const APPS: u32 = 8;
/// Most reasons that are looked at.
const REASONS: u32 = 1_000;

/// A part of the page: its id, its heading, and what writes it.
type Part = (&'static str, &'static str, fn(&mut Html, &Told));

/// What the page tells.
struct Told {
    as_of: Timestamp,
    from: Day,
    /// The day after the last.
    to: Day,
    /// The first of the recent days.
    recent_from: Day,
    whole: IncompleteReport,
    recent: IncompleteReport,
    coverage: Coverage,
    status: Status,
    reasons: Vec<FailureReason>,
    esp: EspOverview,
    corrections: u64,
    meta: Meta,
}

impl Told {
    fn meta(&self, key: &str) -> &str {
        self.meta.0.get(key).map(String::as_str).unwrap_or_default()
    }
}

/// The report as one HTML page, without script and without anything that it would have to fetch.
///
/// # Errors
/// [`Error::NotInSummary`](crate::Error::NotInSummary) for a summary, and when the file cannot be read.
pub fn report_html(reader: &Reader) -> Result<String> {
    let (from, to) = reader.window()?;
    let recent_from = to.plus(-RECENT_DAYS).max(from);
    let told = Told {
        as_of: reader.as_of(),
        from,
        to,
        recent_from,
        whole: reader.incomplete(from, to, None, None)?,
        recent: reader.incomplete(recent_from, to, None, None)?,
        coverage: reader.coverage(from, to, None)?,
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
    h.element("title", |h| h.text(format_args!("Enrollment report: {}", told.meta("tenant"))));
    h.raw(concat!("<style>\n", include_str!("style.css"), "</style></head>\n<body><main>"));
    head(&mut h, &told);
    let parts: [Part; 10] = [
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
            write(h, &told);
        });
    }
    h.raw("\n</main></body></html>\n");
    Ok(h.finish())
}

fn head(h: &mut Html, told: &Told) {
    h.raw("\n<header>");
    h.element("h1", |h| {
        h.raw("Enrollment report <span>");
        h.text(told.meta("tenant"));
        h.raw("</span>");
    });
    h.element("p", |h| {
        h.text(form::day(told.from));
        h.raw(" to ");
        h.text(form::day(told.to.plus(-1)));
        h.raw(", days in ");
        h.text(told.meta("timeZone"));
        h.raw(". As of ");
        h.with("time", &[("datetime", &told.as_of)], |h| h.text(form::instant(told.as_of)));
        h.raw(".");
    });
    h.raw("</header>");
}
