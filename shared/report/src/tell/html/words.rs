//! What the mailed page says if a number or a limit is missing or unusual; all other words and forms come from
//! `vestibule_words`.

use std::borrow::Cow;
use vestibule_domain::Section;
use vestibule_words::form::{NOT_REPORTED, count, minutes};
use vestibule_words::{List, words};

/// A rate or a time, or the words for not reported.
pub(super) fn or_not_reported(text: String, is_there: bool, of: u64) -> String {
    if is_there || of == 0 { text } else { NOT_REPORTED.to_owned() }
}

/// A count, which is missing if no sender reports what is counted.
pub(super) fn reported(n: Option<u64>) -> String {
    n.map_or_else(|| NOT_REPORTED.to_owned(), count)
}

/// How attempts at a place ended; for time-outs, the limits that ran out there.
pub(super) fn how_at(how: &str, shortest: Option<u32>, longest: Option<u32>) -> String {
    if how != "timedOut" {
        return words(List::Cause, how).into_owned();
    }
    let limit = |limit: Option<u32>| minutes(Some(f64::from(limit.unwrap_or(30))));
    match (limit(shortest), limit(longest)) {
        (least, most) if least == most => format!("Over {least}"),
        (least, most) => format!("Over {least} to {most}"),
    }
}

/// The name of a number that the file defines.
pub(super) fn term(name: &'static str) -> &'static str {
    match words(List::Term, name) {
        Cow::Borrowed(words) => words,
        Cow::Owned(_) => name,
    }
}

/// The platforms of a catalogue's row.
pub(super) fn row_platform(platform: &str) -> String {
    let list = if platform == "both" { List::PlatformGroup } else { List::Platform };
    words(list, platform).into_owned()
}

/// A section's name for the end of a line in a chart.
pub(super) fn short_section(section: Option<Section>) -> String {
    section.map_or_else(|| NO_SECTION.to_owned(), |section| words(List::SectionShort, section.name()).into_owned())
}

/// The name for attempts of which no sender reported a section.
pub(super) const NO_SECTION: &str = "No section reported";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_out_says_the_limits_that_ran_out() {
        let of = |shortest, longest| how_at("timedOut", shortest, longest);
        assert_eq!(of(None, None), "Over 30 min");
        assert_eq!(of(Some(45), Some(45)), "Over 45 min");
        assert_eq!(of(Some(30), Some(90)), "Over 30 min to 1 h 30 min");
        assert_eq!(how_at("cancel", None, None), "Cancelled");
    }

    #[test]
    fn terms_are_those_that_the_file_defines() {
        let defined =
            include_str!("../../file/data/definitions.tsv").lines().filter_map(|line| line.split('\t').next());
        for name in defined {
            assert!(matches!(words(List::Term, name), Cow::Borrowed(_)), "{name} has no words");
        }
    }

    #[test]
    fn what_was_not_reported_is_no_zero() {
        assert_eq!(reported(None), "not reported");
        assert_eq!(reported(Some(1_094)), "1,094");
        assert_eq!(or_not_reported("—".to_owned(), false, 0), "—");
        assert_eq!(or_not_reported("—".to_owned(), false, 3), "not reported");
    }
}
