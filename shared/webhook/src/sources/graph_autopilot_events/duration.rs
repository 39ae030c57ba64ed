//! Reads lengths of time as Graph writes them: ISO 8601 durations, signed, with up to seven digits after the point.

use vestibule_domain::Millis;

/// Reads `PnDTnHnMnS`; any part may be missing, and a sign may precede it. Digits below the millisecond are cut off.
/// Years and months have no fixed length and are not read.
pub(super) fn parse(text: &str) -> Option<Millis> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let text = text.strip_prefix('P')?;
    let (days, time) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some((days, time)) => (days, time),
        None if text.is_empty() => return None,
        None => (text, ""),
    };
    let days = sum(days, &[('D', 86_400_000)])?;
    let time = sum(time, &[('H', 3_600_000), ('M', 60_000), ('S', 1_000)])?;
    days.checked_add(time).map(|millis| Millis::new(sign * millis))
}

/// The sum of numbers that are each followed by their unit, with the units in this order.
fn sum(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut total = 0_i64;
    for (unit, millis) in units {
        if let Some((number, rest)) = text.split_once(*unit) {
            let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
            if (*unit != 'S' && number.contains('.')) || !is_digits(whole) || !is_digits(fraction) {
                return None;
            }
            let fraction: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
            total = whole.parse::<i64>().ok()?.checked_mul(*millis)?.checked_add(fraction)?.checked_add(total)?;
            text = rest;
        }
    }
    text.is_empty().then_some(total)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_to_the_millisecond() {
        for (text, millis) in [
            ("PT2M47.5466667S", 167_546),
            ("-PT4M20.3S", -260_300),
            ("+PT1S", 1_000),
            ("PT0S", 0),
            ("PT0.0004S", 0),
            ("PT2H15M", 8_100_000),
            ("P1D", 86_400_000),
            ("P1DT1H1M1.001S", 90_061_001),
            ("PT90M", 5_400_000),
            ("P10675199DT2H48M5.4775807S", 922_337_203_685_477),
        ] {
            assert_eq!(parse(text), Some(Millis::new(millis)), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_duration_is_refused() {
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "-",
            "--PT1S",
            "PT1",
            "1S",
            "PT1H1H",
            "PT1S1M",
            "PT1.5M",
            "PT.5S",
            "PT1.S",
            "P1Y",
            "P1M",
            "P-1D",
            "PT1,5S",
            "pt1s",
            " PT1S",
            "PT١S",
            "P99999999999999999999D",
            "P9223372036854775807D",
            "00:05:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
