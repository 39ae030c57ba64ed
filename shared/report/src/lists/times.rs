//! The scales on which times of steps are counted: whole seconds, and two coarser ones of their parts.
//!
//! A median is found in three looks: the part that it lies in on the coarsest scale, the part within that on the next, then
//! the second. So a scale has few parts within a part of the one before it, and the coarsest has few altogether.
//!
//! Must stay true: the dictionary `step_time_parts` has the parts that [`Scale::part`] puts seconds in, and a part of a scale
//! lies within one part of each coarser scale.

use crate::error::Result;
use crate::rows::{InsertInto, row};
use rusqlite::Connection;
use vestibule_domain::Millis;

/// From so many seconds on, 97 days, all are of the last part of a scale.
const LONGEST: i64 = 1 << 23;

/// A scale of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Each second by itself.
    Seconds,
    /// Sixteen parts from a power of two to the next.
    Sixteenths,
    /// Two parts from a power of two to the next.
    Halves,
}

impl Scale {
    /// The number that stands in the file.
    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::Seconds => 0,
            Self::Sixteenths => 1,
            Self::Halves => 2,
        }
    }

    /// First and last second of the part that so many seconds, 0 or more, are in.
    pub(crate) fn part(self, seconds: i64) -> (i64, i64) {
        // Parts from a power of two to the next, as a power of two.
        let each = match self {
            Self::Seconds => return (seconds, seconds),
            Self::Sixteenths => 4,
            Self::Halves => 1,
        };
        if seconds >= LONGEST {
            return (LONGEST, i64::MAX);
        }
        let width = 1 << seconds.max(1).ilog2().saturating_sub(each);
        let first = seconds / width * width;
        (first, first + width - 1)
    }
}

/// The whole seconds of a time, rounded down. No step is left before it is entered: less than nothing counts as nothing.
pub(crate) fn whole_seconds(time: Millis) -> i64 {
    time.get().max(0) / 1_000
}

/// Fills the dictionary of a new file.
pub(crate) fn fill(conn: &Connection) -> Result<()> {
    let mut insert = InsertInto::new(conn, "step_time_parts");
    for scale in [Scale::Sixteenths, Scale::Halves] {
        let mut next = Some(0);
        while let Some(seconds) = next {
            let (from, to) = scale.part(seconds);
            insert.insert(row! { scale: scale.number(), from_seconds: from, to_seconds: to })?;
            next = to.checked_add(1);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_no_gap_and_lie_within_those_of_the_coarser_scale() {
        for (scale, each, coarser) in [(Scale::Sixteenths, 16, Scale::Halves), (Scale::Halves, 2, Scale::Halves)] {
            let (mut seconds, mut parts) = (0, 0);
            while seconds < LONGEST {
                let (from, to) = scale.part(seconds);
                assert_eq!(from, seconds, "without a gap");
                assert!((to - from + 1) * each <= from.max(each), "{from} to {to} is too wide");
                for inside in [from, from + (to - from) / 2, to] {
                    assert_eq!(scale.part(inside), (from, to), "{inside} s");
                    assert_eq!(coarser.part(inside), coarser.part(from), "{from} to {to}");
                }
                (seconds, parts) = (to + 1, parts + 1);
            }
            assert_eq!((seconds, scale.part(i64::MAX)), (LONGEST, (LONGEST, i64::MAX)));
            assert!(parts <= each * 24, "{parts} parts");
        }
        assert_eq!(Scale::Seconds.part(LONGEST + 7), (LONGEST + 7, LONGEST + 7));
    }

    #[test]
    fn seconds_are_rounded_down() {
        for (millis, seconds) in [(0, 0), (999, 0), (1_000, 1), (61_999, 61), (-1, 0)] {
            assert_eq!(whole_seconds(Millis::new(millis)), seconds, "{millis} ms");
        }
    }
}
