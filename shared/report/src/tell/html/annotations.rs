//! What the organisation did, by date, beside the chart of days.

use super::PageData;
use super::write::Html;
use crate::ask::reader::Annotation;
use vestibule_domain::Day;
use vestibule_words::form::day;

/// The days of an annotation in words.
fn days(one: &Annotation) -> String {
    let parse = |text: &str| Day::parse(text).ok();
    match (parse(&one.from), parse(&one.to).map(|to| to.plus(-1))) {
        (Some(first), Some(last)) if first < last => format!("{} to {}", day(first), day(last)),
        (Some(first), _) => day(first),
        (None, _) => one.from.clone(),
    }
}

/// The list; nothing if nobody wrote anything down.
pub(super) fn list(h: &mut Html, data: &PageData) {
    if data.annotations.is_empty() {
        return;
    }
    h.raw("<h3>What we did</h3><ul>");
    for one in &data.annotations {
        h.element("li", |h| h.text(format_args!("{}: {}", days(one), one.text)));
    }
    h.raw("</ul>");
}
