//! How long sessions like one took (docs/DOMAIN.md, S25).

use crate::attempts::{Device, Page};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The newest of those that are alike, at most.
const MOST: usize = 1000;
/// A median of fewer is not reported.
const LEAST: usize = 10;

/// A median, and of how many.
pub type Median = (usize, Option<f64>);

/// The sessions like one.
#[derive(Debug, Clone, PartialEq)]
pub struct Usual {
    /// How many there are.
    pub sessions: usize,
    /// Minutes that those took that ended well.
    pub whole: Median,
    /// Minutes that they took for an item: phase, subtask, id in small letters.
    pub items: Vec<((String, String, String), Median)>,
}

/// What sessions like `this` took, whole and for each of these items: phase, subtask and id.
#[must_use]
pub fn usual(devices: &[Device], this: &Page, items: &[(String, String, String)]) -> Usual {
    let all = devices.iter().flat_map(|device| &device.sessions);
    let mut alike: Vec<&Page> = all
        .filter(|one| one.profile == this.profile && one.mode == this.mode)
        .filter(|one| one.started_at_ms < this.started_at_ms)
        .filter(|one| this.started_at_ms - one.started_at_ms < 28 * DAY_MS)
        .collect();
    alike.sort_by_key(|one| std::cmp::Reverse(one.started_at_ms));
    alike.truncate(MOST);
    let ended_well = alike.iter().filter(|one| one.state.starts_with("success"));
    let whole = ended_well.filter_map(|one| Some(one.ended_at_ms? - one.started_at_ms)).collect();
    let of_item = |(phase, category, id): &(String, String, String)| {
        let key = (phase.clone(), category.clone(), id.to_ascii_lowercase());
        let times = alike.iter().flat_map(|one| &one.times);
        let same = times.filter(|time| (&time.phase, &time.category, &time.id) == (&key.0, &key.1, &key.2));
        let took = same.map(|time| time.took_ms).collect();
        (key, median(took))
    };
    Usual { sessions: alike.len(), whole: median(whole), items: items.iter().map(of_item).collect() }
}

/// In minutes; of an even number the mean of the two in the middle.
fn median(mut all_ms: Vec<i64>) -> Median {
    all_ms.sort_unstable();
    let n = all_ms.len();
    if n < LEAST {
        return (n, None);
    }
    let twice_ms = all_ms[(n - 1) / 2] + all_ms[n / 2];
    #[allow(clippy::cast_precision_loss)]
    let minutes = twice_ms as f64 / 120_000.0;
    (n, Some(minutes))
}
