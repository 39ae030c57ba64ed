//! When people enroll: the days and hours of a European office.

use crate::rng::Rng;

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
/// People who are silent for longer than this have given up.
pub(crate) const PATIENCE: i64 = 30 * MINUTE;

/// Central European time all year: a sample needs office hours, but no clock changes.
const OFFSET: i64 = HOUR;

/// How busy each hour of a working day is, in percent.
const HOURS: [i64; 24] = [2, 1, 1, 1, 1, 2, 6, 30, 85, 100, 96, 88, 50, 66, 82, 74, 56, 32, 16, 13, 13, 10, 6, 3];

/// How busy each day is, in percent, from Monday.
const DAYS: [i64; 7] = [100, 92, 88, 84, 66, 8, 6];

fn busyness(at_ms: i64) -> i64 {
    let local = at_ms + OFFSET;
    let hour = usize::try_from(local.rem_euclid(DAY) / HOUR).unwrap_or(0);
    // 1 January 1970 was a Thursday.
    let weekday = usize::try_from((local.div_euclid(DAY) + 3).rem_euclid(7)).unwrap_or(0);
    HOURS[hour] * DAYS[weekday]
}

/// An instant in `from..to`, more likely when people are at work.
pub(crate) fn instant(rng: &mut Rng, from: i64, to: i64) -> i64 {
    for _ in 0..200 {
        let at = rng.range(from, to);
        if rng.range(0, 10_000) < busyness(at) {
            return at;
        }
    }
    rng.range(from, to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    #[test]
    fn most_happens_at_work() {
        let mut rng = Rng::new(1, 1, Purpose::Plan);
        // Monday, 1 June 2026, 00:00 local.
        let monday = 1_780_268_400_000;
        let drawn: Vec<i64> = (0..20_000).map(|_| instant(&mut rng, monday, monday + 28 * DAY)).collect();
        let weekend = drawn.iter().filter(|at| (**at - monday).rem_euclid(7 * DAY) >= 5 * DAY).count();
        let office = drawn.iter().filter(|at| (7 * HOUR..18 * HOUR).contains(&(**at - monday).rem_euclid(DAY))).count();
        assert!((200..1_200).contains(&weekend), "{weekend}");
        assert!(office > 17_000, "{office}");
    }

    #[test]
    fn a_window_at_night_still_gives_an_instant() {
        let mut rng = Rng::new(1, 1, Purpose::Plan);
        let at = instant(&mut rng, 0, 1);
        assert_eq!(at, 0);
    }
}
