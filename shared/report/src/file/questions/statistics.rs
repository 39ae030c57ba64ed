//! The statistics of questions: intervals, a test of two rates, and what counts as certain. They are decided here and
//! nowhere else (docs/DOMAIN.md, V).
//!
//! They are texts of SQL, since a file answers by its own statements, also where no program of ours is: in a browser
//! without a network, or in another reader. Many SQLites have neither roots nor exponentials, so what needs one is
//! computed by adding, multiplying and dividing.
//!
//! Must stay true: every reader computes the same digits, because IEEE 754 says what a sum, a product and a quotient
//! are. Where there is nothing to count from, the answer is null. A test compares the values with those of another
//! implementation (`tests/program/tests/program/statistics.rs`).

/// Two-sided 5 %: the point of the normal distribution beyond which 2.5 % lie.
const BEYOND: &str = "1.959963984540054";

/// The fewest attempts on each side of a comparison that is judged: below it the normal distribution is no good
/// approximation, and a difference that is certain would be a catastrophe that nobody needs statistics for.
const LEAST: &str = "30";

/// The fewest times of which a median is shown: it needs no approximation, only that no single one decides.
const LEAST_USUAL: &str = "10";

/// A square root by Newton's method, from 1: forty steps are enough for every number that a rate leads to.
const ROOT: &str = "(WITH RECURSIVE newton (x, turn) AS (
      SELECT 1.0, 0 UNION ALL SELECT (x + ($1) / x) / 2, turn + 1 FROM newton WHERE turn < 40)
    SELECT x FROM newton WHERE turn = 40)";

/// Half the distance of the bounds of a rate of `$1` in `$2`, 95 %, and the bounds, of which `$1` is the count less or plus
/// that: Wilson's score interval without correction for continuity. Wilson, *Probable inference, the law of succession, and
/// statistical inference*, Journal of the American Statistical Association 22 (1927) 209-212; as Newcombe has it, *Two-sided
/// confidence intervals for the single proportion*, Statistics in Medicine 17 (1998) 857-872, method 3.
const SPREAD: &str = "CASE WHEN $2 > 0 THEN $beyond * $root($1 * (1.0 * $2 - $1) / $2 + $beyond * $beyond / 4) END";
const LOW: &str = "max(0.0, ($1 + $beyond * $beyond / 2) / ($2 + $beyond * $beyond))";
const HIGH: &str = "min(1.0, ($1 + $beyond * $beyond / 2) / ($2 + $beyond * $beyond))";

/// How far the rate of `k` in `n` is above that of `k_before` in `n_before`, in standard errors: the two-proportion test
/// with the pooled rate. Fleiss, Levin and Paik, *Statistical Methods for Rates and Proportions*, 3rd edition (2003),
/// section 3.2, without correction for continuity. Null where nothing or everything is counted on both sides.
const Z: &str = "CASE WHEN n > 0 AND n_before > 0 AND k + k_before > 0 AND k + k_before < n + n_before THEN
      (1.0 * k / n - 1.0 * k_before / n_before)
      / $root(1.0 * (k + k_before) / (n + n_before) * (1 - 1.0 * (k + k_before) / (n + n_before)) * (1.0 / n + 1.0 / n_before))
      END";

/// How often chance alone gives a difference of `$1` standard errors or more, in either direction: the series of the
/// normal distribution around 0 (Abramowitz and Stegun, *Handbook of Mathematical Functions*, 26.2.10). Its terms
/// alternate, so beyond 6 it would lose its digits; there it stays at 0.000000002.
const P: &str = "(WITH RECURSIVE
      given (z) AS (SELECT min(abs($1), 6.0)),
      series (turn, z, term, total) AS (
        SELECT 0, z, z, z FROM given
        UNION ALL
        SELECT turn + 1, z, -term * z * z / (2 * turn + 2), total - term * z * z / (2 * turn + 2) / (2 * turn + 3)
        FROM series WHERE turn < 90)
    SELECT max(0.0, 1 - total * 0.7978845608028654) FROM series WHERE turn = 90)";

/// The text that replaces a name.
pub(super) fn definition(name: &str) -> Option<&'static str> {
    Some(match name {
        "beyond" => BEYOND,
        "least" => LEAST,
        "least_usual" => LEAST_USUAL,
        "root" => ROOT,
        "spread" => SPREAD,
        "low" => LOW,
        "high" => HIGH,
        "z" => Z,
        "p" => P,
        _ => return None,
    })
}
