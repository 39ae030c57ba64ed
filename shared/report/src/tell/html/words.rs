//! Names and numbers as people read them.

use std::fmt::Write as _;
use vestibule_domain::catalogue::KnownAction;
use vestibule_domain::{Day, Section, Timestamp};

/// A space that does not break and is narrow: between thousands, and before a unit.
const THIN: char = '\u{202f}';

/// `12 345`.
pub(super) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(THIN);
        }
        out.push(digit);
    }
    out
}

/// `12.3 %`, or a dash where there is nothing to be a share of.
pub(super) fn percent(rate: Option<f64>) -> String {
    rate.map_or_else(|| "–".to_owned(), |rate| format!("{:.1}{THIN}%", rate * 100.0))
}

/// A rate or a time; of things of which no sender reported what it stands on, that.
pub(super) fn or_not_reported(text: String, is_there: bool, of: u64) -> String {
    if is_there || of == 0 { text } else { "not reported".to_owned() }
}

/// A count that is missing where no sender reports what is counted.
pub(super) fn count(count: Option<u64>) -> String {
    count.map_or_else(|| "not reported".to_owned(), number)
}

/// How an attempt at a place ended, with the limits that ran out where these are not the usual thirty minutes.
pub(super) fn how_at(how_name: &str, shortest: Option<u32>, longest: Option<u32>) -> String {
    let words = |limit: u32| minutes(Some(f64::from(limit)));
    match (how_name, shortest, longest) {
        ("timedOut", Some(one), Some(other)) if one == other && one != 30 => format!("over {}", words(one)),
        ("timedOut", Some(one), Some(other)) if one != other => format!("over {} to {}", words(one), words(other)),
        _ => how(how_name).to_owned(),
    }
}

/// A length of time in the two units that matter, or a dash.
pub(super) fn duration(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds.filter(|seconds| *seconds >= 0.0) else { return "–".to_owned() };
    // Never negative, and far from the largest there are.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = seconds.round() as u64;
    match (whole / 3_600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s}{THIN}s"),
        (0, m, 0) => format!("{m}{THIN}min"),
        (0, m, s) if m < 10 => format!("{m}{THIN}min {s}{THIN}s"),
        (0, m, s) => format!("{}{THIN}min", m + s / 30),
        (h, m, _) if h < 24 => format!("{h}{THIN}h {m}{THIN}min"),
        (h, ..) => format!("{}{THIN}d {}{THIN}h", h / 24, h % 24),
    }
}

/// The same of minutes.
pub(super) fn minutes(minutes: Option<f64>) -> String {
    duration(minutes.map(|minutes| minutes * 60.0))
}

/// `21 November 2026`.
pub(super) fn date(day: Day) -> String {
    day.date().format("%-d %B %Y").to_string()
}

/// `21 Nov`.
pub(super) fn short_date(day: Day) -> String {
    day.date().format("%-d %b").to_string()
}

/// A name as programs write them, in words: `incompleteRate` is “Incomplete rate”.
pub(super) fn spelt_out(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    for (at, c) in name.chars().enumerate() {
        match c {
            _ if at == 0 => out.extend(c.to_uppercase()),
            '_' => out.push(' '),
            c if c.is_uppercase() || (c.is_ascii_digit() && !out.ends_with(|last: char| last.is_ascii_digit())) => {
                let _ = write!(out, " {}", c.to_lowercase());
            }
            c => out.push(c),
        }
    }
    match out.strip_prefix("Esp ") {
        Some(rest) => format!("Enrollment Status Page: {rest}"),
        // What is no word.
        None => out.replace("Klms", "KLMS"),
    }
}

/// What the page calls what the file defines.
pub(super) fn term(name: &str) -> String {
    let called = match name {
        "averageMinutes" => "Average time",
        "entered" => "Came to it",
        "left_forward" => "Went on",
        "medianMinutes" => "Median",
        "medianSeconds" => "Median time of a step",
        "p90Minutes" => "Nine in ten",
        "total" => "Devices of a platform",
        other => return spelt_out(other),
    };
    called.to_owned()
}

/// `21 November 2026, 10:03 UTC`.
pub(super) fn instant(at: Timestamp) -> String {
    at.utc().format("%-d %B %Y, %H:%M UTC").to_string()
}

/// What a person did, or the clock.
pub(super) fn how(how: &str) -> &str {
    match how {
        "cancel" => "cancelled",
        "postpone" => "postponed",
        "ignore" => "ignored",
        "declineAll" => "declined all",
        "timedOut" => "over 30 minutes",
        "portalClosed" => "Portal closed",
        "restarted" => "Started again",
        "unenrolled" => "Unenrolled",
        other => other,
    }
}

/// A step of the catalogue in words; another by its own name.
pub(super) fn action(name: &str) -> &str {
    match KnownAction::ALL.iter().find(|action| action.name() == name) {
        Some(KnownAction::PreEnrollmentWizard) => "Setup wizard",
        Some(KnownAction::TermsofUse) => "Terms of use",
        Some(KnownAction::IosProfileLaunch) => "Management profile",
        Some(KnownAction::AndroidPermissions) => "Android permissions",
        Some(KnownAction::KnoxActivation) => "Knox activation",
        Some(KnownAction::EnrollmentWrapUp) => "Finishing enrollment",
        Some(KnownAction::DeviceCategory) => "Device category",
        Some(KnownAction::Compliance) => "Compliance",
        Some(KnownAction::Activation) => "Activation",
        None => name,
    }
}

/// The platforms of a catalogue's row.
pub(super) fn row_platform(platform: &str) -> &str {
    match platform {
        "ios" => "iOS/iPadOS",
        "android" => "Android",
        other => other,
    }
}

/// A section's name for the end of a line in a chart.
pub(super) fn short_section(section: Option<Section>) -> &'static str {
    match section {
        Some(Section::SetupChecklist) => "Checklist",
        Some(Section::PlatformScreens) => "Platform",
        Some(Section::TermsOfUse) => "Terms",
        Some(Section::ComplianceActivation) => "Compliance",
        Some(Section::EnrollmentStatusPage) => "Status page",
        None => "No section",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_short() {
        let plain = |text: String| text.replace(THIN, " ");
        assert_eq!([0, 999, 1_000, 1_234_567].map(number).map(plain), ["0", "999", "1 000", "1 234 567"]);
        assert_eq!(plain(percent(Some(0.1234))), "12.3 %");
        assert_eq!(percent(None), "–");
        let times = [0.4, 59.0, 60.0, 200.0, 1_799.6, 3_599.0, 3_725.0, 200_000.0];
        assert_eq!(
            times.map(|time| plain(duration(Some(time)))),
            ["0 s", "59 s", "1 min", "3 min 20 s", "30 min", "60 min", "1 h 2 min", "2 d 7 h"]
        );
        assert_eq!(plain(minutes(Some(1.5))), "1 min 30 s");
    }

    #[test]
    fn names_are_spelt_out() {
        let names = ["incompleteRate", "left_forward", "last7Days", "espSuccessRate", "klmsAgentActivation"];
        assert_eq!(
            names.map(spelt_out),
            [
                "Incomplete rate",
                "Left forward",
                "Last 7 days",
                "Enrollment Status Page: success rate",
                "KLMS agent activation",
            ]
        );
    }
}
