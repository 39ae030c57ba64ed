//! Numbers, times and days as people read them: the same on every surface.
//!
//! What must stay true: what is not known is an em dash and never a zero. The page's own functions have the same names
//! and forms (`kit/format.js`); the examples in `forms.json` hold both to it.

use chrono::Datelike as _;
use vestibule_domain::{Day, Timestamp};

/// Examples of every form: an object of forms, each a list of pairs of a value and how it is shown.
pub const EXAMPLES: &str = include_str!("../forms.json");
/// What is not known.
pub const NONE: &str = "—";
/// What no sender reported.
pub const NOT_REPORTED: &str = "not reported";

/// As en-GB has them.
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"];

/// `1,094`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 attempt`, `1,094 attempts`: a count with its noun.
pub fn plural(n: u64, single: &str, several: &str) -> String {
    format!("{} {}", count(n), if n == 1 { single } else { several })
}

/// `23.4%`; an em dash where there is nothing to be a share of.
pub fn rate(fraction: Option<f64>) -> String {
    fraction.map_or_else(|| NONE.to_owned(), |fraction| format!("{:.1}%", rounded(fraction * 1_000.0) / 10.0))
}

/// `1.3`: at most one decimal.
pub fn decimal(n: f64) -> String {
    let tenths = whole(n.abs() * 10.0);
    let sign = if n < 0.0 && tenths > 0 { "-" } else { "" };
    match tenths % 10 {
        0 => format!("{sign}{}", count(tenths / 10)),
        part => format!("{sign}{}.{part}", count(tenths / 10)),
    }
}

/// `53 s`, `1 min 28 s`, `36 min`, `1 h 12 min`, `2.3 days`, of seconds; an em dash where the time is not known.
pub fn seconds(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds.filter(|seconds| *seconds >= 0.0) else { return NONE.to_owned() };
    match whole(seconds) {
        s @ 0..60 => format!("{s} s"),
        s @ 60..600 if s % 60 == 0 => format!("{} min", s / 60),
        s @ 60..600 => format!("{} min {} s", s / 60, s % 60),
        #[allow(clippy::cast_precision_loss, reason = "far below what a double holds")]
        s => minutes(Some(s as f64 / 60.0)),
    }
}

/// The same of minutes; below ten with one decimal.
pub fn minutes(minutes: Option<f64>) -> String {
    let Some(minutes) = minutes.filter(|minutes| *minutes >= 0.0) else { return NONE.to_owned() };
    if minutes > 0.0 && minutes < 1.0 {
        return format!("{} s", whole(minutes * 60.0).max(1));
    }
    if minutes < 10.0 {
        return format!("{} min", decimal(minutes));
    }
    match whole(minutes) {
        m @ 0..60 => format!("{m} min"),
        m @ 60..2_880 if m % 60 == 0 => format!("{} h", m / 60),
        m @ 60..2_880 => format!("{} h {} min", m / 60, m % 60),
        #[allow(clippy::cast_precision_loss, reason = "far below what a double holds")]
        m => format!("{} days", decimal(m as f64 / 1_440.0)),
    }
}

/// `21 Nov 2026`.
pub fn day(day: Day) -> String {
    format!("{} {}", short_day(day), day.date().year())
}

/// `21 Nov`.
pub fn short_day(day: Day) -> String {
    let date = day.date();
    format!("{} {}", date.day(), month(date.month0()))
}

/// `21 Nov 2026, 10:03`, in UTC; who shows it says so.
pub fn date_time(at: Timestamp) -> String {
    let at = at.utc();
    format!("{} {} {}, {}", at.day(), month(at.month0()), at.year(), at.format("%H:%M"))
}

/// The same with the zone: `21 Nov 2026, 10:03 UTC`.
pub fn instant(at: Timestamp) -> String {
    format!("{} UTC", date_time(at))
}

/// The same of an instant as answers write it; any other text is as it is.
pub fn instant_of(text: &str) -> String {
    Timestamp::parse(text).map_or_else(|_| text.to_owned(), instant)
}

/// `4.8 MB`.
pub fn bytes(n: u64) -> String {
    if n < 1_000 {
        return format!("{n} B");
    }
    #[allow(clippy::cast_precision_loss, reason = "shown with two digits")]
    let mut value = n as f64 / 1_000.0;
    let mut unit = "kB";
    for larger in ["MB", "GB"] {
        if value >= 1_000.0 {
            value /= 1_000.0;
            unit = larger;
        }
    }
    format!("{} {unit}", decimal(value))
}

fn month(at: u32) -> &'static str {
    usize::try_from(at).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or("")
}

/// Halves away from zero, as the page's formatter rounds them. A product that binary fractions left just below a half is
/// one.
fn rounded(n: f64) -> f64 {
    (n + n.abs() * f64::EPSILON).round()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative, and saturating")]
fn whole(n: f64) -> u64 {
    rounded(n) as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeMap;

    #[test]
    fn examples_are_of_this_form() {
        let examples: BTreeMap<String, Vec<(Value, String)>> = serde_json::from_str(EXAMPLES).unwrap();
        assert!(examples.values().map(Vec::len).sum::<usize>() > 40);
        for (form, examples) in examples {
            for (value, expected) in examples {
                let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
                let date = || value.as_str().map(|text| Day::parse(text).unwrap());
                let got = match form.as_str() {
                    "count" => or_none(value.as_u64().map(count)),
                    "rate" => rate(value.as_f64()),
                    "decimal" => or_none(value.as_f64().map(decimal)),
                    "seconds" => seconds(value.as_f64()),
                    "minutes" => minutes(value.as_f64()),
                    "day" => or_none(date().map(day)),
                    "shortDay" => or_none(date().map(short_day)),
                    "dateTime" => or_none(value.as_str().map(|text| date_time(Timestamp::parse(text).unwrap()))),
                    "bytes" => or_none(value.as_u64().map(bytes)),
                    other => panic!("no form {other}"),
                };
                assert_eq!(got, expected, "{form} of {value}");
            }
        }
    }

    /// The page's own `plural` is tested with the same.
    #[test]
    fn one_of_a_thing_is_no_several() {
        assert_eq!(plural(1, "delivery", "deliveries"), "1 delivery");
        assert_eq!(plural(1_094, "attempt", "attempts"), "1,094 attempts");
        assert_eq!(plural(0, "row", "rows"), "0 rows");
    }

    #[test]
    fn an_instant_says_its_zone() {
        assert_eq!(instant_of("2026-11-21T10:03:59.000Z"), "21 Nov 2026, 10:03 UTC");
        assert_eq!(instant_of("yesterday"), "yesterday");
    }
}
