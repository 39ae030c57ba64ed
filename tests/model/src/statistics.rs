//! Rates, intervals and comparisons (docs/DOMAIN.md, V), written as the textbooks do.

/// Two-sided 5 %.
pub const BEYOND: f64 = 1.959_963_984_540_054;
/// The fewest on each side of a comparison.
pub const LEAST: u64 = 30;

#[expect(clippy::cast_precision_loss, reason = "counts of attempts")]
fn real(count: u64) -> f64 {
    count as f64
}

/// The bounds of a rate of `part` in `whole`, 95 % (V2); `None` if there is nothing to count.
#[must_use]
pub fn wilson(part: u64, whole: u64) -> Option<(f64, f64)> {
    if whole == 0 {
        return None;
    }
    let (n, z) = (real(whole), BEYOND);
    let rate = real(part) / n;
    let middle = (rate + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (rate * (1.0 - rate) / n + z * z / (4.0 * n * n)).sqrt();
    Some(((middle - half).max(0.0), (middle + half).min(1.0)))
}

/// How far the rate now is above the rate before, in standard errors, with the pooled rate (V3).
#[must_use]
pub fn z(now: (u64, u64), before: (u64, u64)) -> Option<f64> {
    let ((k, n), (k_before, n_before)) = (now, before);
    if n == 0 || n_before == 0 || k + k_before == 0 || k + k_before == n + n_before {
        return None;
    }
    let pooled = real(k + k_before) / real(n + n_before);
    let error = (pooled * (1.0 - pooled) * (1.0 / real(n) + 1.0 / real(n_before))).sqrt();
    Some((real(k) / real(n) - real(k_before) / real(n_before)) / error)
}

/// How often chance alone gives so many standard errors, in either direction: one less the area under the normal
/// distribution between them, added up from ten thousand strips by Simpson's rule.
#[must_use]
pub fn p(z: f64) -> f64 {
    const STRIPS: u32 = 10_000;
    let width = z.abs().min(40.0) / f64::from(STRIPS);
    let height = |at: u32| (-(f64::from(at) * width).powi(2) / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let weight = |at: u32| match at {
        0 | STRIPS => 1.0,
        at if at % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let area: f64 = (0..=STRIPS).map(|at| weight(at) * height(at)).sum::<f64>() * width / 3.0;
    (1.0 - 2.0 * area).max(0.0)
}

/// Which of these are certain, all taken together, by the procedure of Benjamini and Hochberg at 5 % (V6).
#[must_use]
pub fn certain(chances: &[f64]) -> Vec<bool> {
    let mut sorted = chances.to_vec();
    sorted.sort_by(f64::total_cmp);
    let tests = real(sorted.len() as u64);
    let mut most = None;
    for chance in &sorted {
        // As many as are as small as it or smaller; of equal ones, as many as are smaller, and one.
        let place = sorted.iter().filter(|other| *other < chance).count() + 1;
        if *chance <= 0.05 * real(place as u64) / tests {
            most = Some(*chance);
        }
    }
    chances.iter().map(|chance| most.is_some_and(|most| *chance <= most)).collect()
}
