//! Finds sources that have fallen silent against their own habit.
//!
//! The log has the hours in which a source was heard. A source that is heard on most days has a habit: its usual
//! longest gap, which is the second longest of the last four weeks (the longest may have been an outage or a holiday;
//! weekends are more frequent). It has fallen silent if it has not been heard for longer than three times that gap.

use std::collections::BTreeSet;
use vestibule_domain::Timestamp;

/// How many days back we look.
pub const HABIT_DAYS: i64 = 28;
/// The days on which a source must have been heard before it has a habit.
const LEAST_DAYS: usize = 7;
/// A source is reported as silent after this many times its usual longest gap.
const TIMES: i64 = 3;
/// Nothing shorter counts as silence, in hours: an hour's gap of a busy source means little.
const LEAST_HOURS: i64 = 6;
const HOUR: i64 = 3_600_000;

/// A source that has fallen silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// When it was last heard.
    pub since: Timestamp,
    /// Its usual longest gap, in hours.
    pub usual_longest_hours: i64,
    /// How long it has been silent, in whole hours.
    pub hours: i64,
}

/// Whether a source has fallen silent at `now`: `heard` has the hours since the epoch in which it was heard, and `last`
/// is when it was last heard. `None` if it has no habit: of the last four weeks before it was last heard, it was heard
/// on less than seven days, or on less than half of the days since it was first heard in them.
pub fn silence(heard: &BTreeSet<i64>, last: Timestamp, now: Timestamp) -> Option<Silence> {
    let end = last.millis().div_euclid(HOUR);
    let hours: Vec<i64> = heard.range(end - HABIT_DAYS * 24..=end).copied().collect();
    let days: BTreeSet<i64> = hours.iter().map(|hour| hour.div_euclid(24)).collect();
    let span = days.last()? - days.first()? + 1;
    if days.len() < LEAST_DAYS || i64::try_from(days.len()).ok()? * 2 < span {
        return None;
    }
    let mut gaps: Vec<i64> = hours.windows(2).filter_map(|pair| Some(pair.get(1)? - pair.first()?)).collect();
    gaps.sort_unstable_by_key(|gap| std::cmp::Reverse(*gap));
    let usual_longest_hours = gaps.get(1).or(gaps.first()).copied()?;
    let silent = now.millis() - last.millis();
    let most = (TIMES * usual_longest_hours).max(LEAST_HOURS) * HOUR;
    (silent > most).then_some(Silence { since: last, usual_longest_hours, hours: silent / HOUR })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A Monday, in hours since the epoch.
    const MONDAY: i64 = 20_000 * 24 + 96;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_millis(hour * HOUR)
    }

    fn silent(heard: impl IntoIterator<Item = i64>, now: i64) -> Option<(i64, i64)> {
        let heard: BTreeSet<i64> = heard.into_iter().collect();
        let found = silence(&heard, at(*heard.last()?), at(now) + vestibule_domain::Millis::new(1))?;
        Some((found.usual_longest_hours, found.hours))
    }

    #[test]
    fn a_source_of_every_hour_is_missed_after_six() {
        let last = MONDAY + 10 * 24;
        let heard = || MONDAY..=last;
        assert_eq!(silent(heard(), last + 5), None);
        assert_eq!(silent(heard(), last + 6), Some((1, 6)));
    }

    #[test]
    fn weekends_are_a_habit_and_one_outage_is_none() {
        // Working days from 8 to 17, for four weeks.
        let work = |day: i64| (8..=17).map(move |hour| MONDAY + day * 24 + hour);
        let days = || (0..26).filter(|day| day % 7 < 5);
        let last = MONDAY + 25 * 24 + 17;
        let weekend = 2 * 24 + 15;
        assert_eq!(silent(days().flat_map(work), last + 3 * weekend - 1), None);
        assert_eq!(silent(days().flat_map(work), last + 3 * weekend), Some((weekend, 3 * weekend)));
        // One week without anything is not a habit.
        let outage = || days().filter(|day| !(7..14).contains(day)).flat_map(work);
        assert_eq!(silent(outage(), last + 3 * weekend), Some((weekend, 3 * weekend)));
    }

    #[test]
    fn without_a_habit_nothing_is_missed() {
        let far = MONDAY + 10_000;
        assert_eq!(silent([], far), None);
        assert_eq!(silent((0..6).map(|day| MONDAY + day * 24), far), None, "six days are too few");
        assert_eq!(silent((0..8).map(|day| MONDAY + day * 72), far), None, "every third day is not most days");
        assert!(silent((0..7).map(|day| MONDAY + day * 24), far).is_some());
        // Hours more than four weeks before it was last heard do not make a habit.
        let once = (0..20).map(|day| MONDAY + day * 24).chain([MONDAY + 60 * 24]);
        assert_eq!(silent(once, far), None);
    }
}
