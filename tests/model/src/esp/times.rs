//! How long items took (docs/DOMAIN.md, S25).

use super::{ItemKey, PageEvent, What, key_of, rank};
use std::collections::BTreeMap;

/// How long an item took.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemTime {
    /// The phase.
    pub phase: String,
    /// The subtask.
    pub category: String,
    /// Its id, in small letters.
    pub id: String,
    /// From its first report as under way until it was completed.
    pub took_ms: i64,
}

/// S25: of each item, what was reported of it in order; one instant has one state, the most advanced.
pub(super) fn times(events: &[PageEvent]) -> Vec<ItemTime> {
    let mut reported: BTreeMap<ItemKey, Vec<(i64, &str)>> = BTreeMap::new();
    for one in events {
        let What::Item(item) = &one.what else { continue };
        let states = reported.entry(key_of(item)).or_default();
        match states.last_mut() {
            Some((at_ms, state)) if *at_ms == one.at_ms && rank(state) > rank(&item.state) => {}
            _ => states.push((one.at_ms, &item.state)),
        }
    }
    let took = |states: &[(i64, &str)]| {
        if states.iter().any(|(_, state)| *state == "error") {
            return None;
        }
        let (began_ms, _) = states.iter().find(|(_, state)| *state != "notInstalled")?;
        // Who reports the end again does not move it.
        let (since_ms, _) = states.iter().rev().take_while(|(_, state)| *state == "completed").last()?;
        (since_ms > began_ms).then_some(since_ms - began_ms)
    };
    let of = |((phase, category, id), states): (ItemKey, Vec<(i64, &str)>)| {
        Some(ItemTime { took_ms: took(&states)?, phase, category, id })
    };
    reported.into_iter().filter_map(of).collect()
}
