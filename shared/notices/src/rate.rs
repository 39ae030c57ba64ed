//! When a rate counts as worse than before (docs/MESSAGES.md, N2).
//!
//! Must stay true: with fewer than [`LEAST`] on either side nothing is judged. What began goes on until the rate is back
//! near what it was then, so that a rate at the threshold does not begin and end with every look.

use serde::{Deserialize, Serialize};

/// The least number that a rate may stand on.
pub const LEAST: u64 = 30;
/// It begins when the difference is this many standard errors: a chance of one in 200 if nothing changed.
const BEGINS: f64 = 2.576;
/// It is over when the difference is less than this many.
const ENDS: f64 = 1.0;

/// How many of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Those that gave up, or failed.
    pub hit: u64,
    /// All of them.
    pub of: u64,
}

impl Counts {
    /// The rate; `None` of nothing.
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn rate(self) -> Option<f64> {
        (self.of > 0).then(|| self.hit as f64 / self.of as f64)
    }
}

/// Whether something that lasts holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It can't be said, or is in between: what was so stays so.
    Unsure,
    /// It does not hold.
    Fine,
}

/// By how many standard errors `now` is above `before`: the pooled test of two proportions. `None` if nothing can be said.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn above(now: Counts, before: Counts) -> Option<f64> {
    let difference = now.rate()? - before.rate()?;
    let pooled = (now.hit + before.hit) as f64 / (now.of + before.of) as f64;
    let error = (pooled * (1.0 - pooled) * (1.0 / now.of as f64 + 1.0 / before.of as f64)).sqrt();
    // Without any difference between any two of them there is none between the two groups.
    Some(if error > 0.0 { difference / error } else { 0.0 })
}

/// Whether the rate of `now` is above that of `before`. If it was so already, `began_from` has the counts that it was
/// compared with when it began; the weeks since then are no measure for it.
pub fn judge(now: Counts, before: Counts, began_from: Option<Counts>) -> Verdict {
    let before = began_from.unwrap_or(before);
    if now.of < LEAST || before.of < LEAST {
        return Verdict::Unsure;
    }
    match above(now, before) {
        Some(errors) if errors >= BEGINS => Verdict::Holds,
        Some(errors) if errors < ENDS => Verdict::Fine,
        _ => Verdict::Unsure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn of(hit: u64, of: u64) -> Counts {
        Counts { hit, of }
    }

    #[test]
    fn a_difference_is_measured_as_elsewhere() {
        // The square root of scipy 1.17's chi2_contingency([[40, 60], [80, 320]], correction=False), and of [[30, 70], [80, 320]].
        for (now, before, expected) in
            [(of(40, 100), of(80, 400), 4.188_539_083), (of(30, 100), of(80, 400), 2.159_167_585)]
        {
            let found = above(now, before).unwrap_or_default();
            assert!((found - expected).abs() < 1e-6, "{now:?} {before:?}: {found}");
        }
        assert_eq!(above(of(0, 30), of(0, 30)), Some(0.0));
        assert_eq!(above(of(0, 0), of(0, 30)), None);
    }

    #[test]
    fn little_says_nothing_and_what_began_ends_later_than_it_began() {
        assert_eq!(judge(of(29, 29), of(10, 400), None), Verdict::Unsure);
        assert_eq!(judge(of(30, 30), of(0, 29), None), Verdict::Unsure);
        assert_eq!(judge(of(40, 100), of(80, 400), None), Verdict::Holds);
        assert_eq!(judge(of(30, 100), of(80, 400), None), Verdict::Unsure, "neither begins nor ends it");
        assert_eq!(judge(of(21, 100), of(80, 400), None), Verdict::Fine);
        // The bad weeks have become the weeks before.
        assert_eq!(judge(of(40, 100), of(160, 400), Some(of(80, 400))), Verdict::Holds);
        assert_eq!(judge(of(20, 100), of(160, 400), Some(of(80, 400))), Verdict::Fine);
    }
}
