//! Whether a session was stuck identifying (docs/DOMAIN.md, S16, S18 and S22).

use super::{Begin, MINUTE_MS, PageEvent, What, lists_targets, named_phase, rank_of_phase};

/// A phase is stuck if it is identifying for longer than this.
const STUCK_MS: i64 = 15 * MINUTE_MS;

/// Since when a session was stuck, if it ever was, and whether it still is.
pub(super) fn stuck(
    events: &[PageEvent],
    begin: &Begin,
    ended_at_ms: Option<i64>,
    as_of_ms: i64,
) -> (Option<i64>, bool) {
    let (mut since_ms, mut is_stuck) = (None, false);
    for phase in ["deviceSetup", "accountSetup"] {
        let Some(began) = events.iter().find(|one| named_phase(one) == Some(phase)) else {
            continue;
        };
        let list = events.iter().find(|one| match &one.what {
            What::Tracked(of, category, _) => of == phase && category == "apps",
            What::Item(item) => item.phase == phase && item.category == "apps",
            _ => lists_targets(one, begin),
        });
        let known_ms = list.map(|one| one.at_ms);
        let over_ms = end_of(events, phase);
        let until_ms = [known_ms, over_ms, ended_at_ms, Some(as_of_ms)].into_iter().flatten().min().unwrap_or(as_of_ms);
        // S18: what was reported before its start counts from the start.
        let limit_ms = began.at_ms.max(begin.at_ms).saturating_add(STUCK_MS);
        if until_ms > limit_ms {
            since_ms = Some(since_ms.map_or(limit_ms, |earlier: i64| earlier.min(limit_ms)));
            is_stuck |= known_ms.is_none() && over_ms.is_none() && ended_at_ms.is_none();
        }
    }
    (since_ms, is_stuck)
}

/// When a phase was over: reported as ended, or followed by a later phase.
fn end_of(events: &[PageEvent], phase: &str) -> Option<i64> {
    let is_later = |one: &&PageEvent| named_phase(one).is_some_and(|named| rank_of_phase(named) > rank_of_phase(phase));
    let later_ms = events.iter().find(is_later).map(|one| one.at_ms);
    let mut reported: Option<(i64, &str)> = None;
    for (index, one) in events.iter().enumerate() {
        let What::Phase(of, state) = &one.what else {
            continue;
        };
        if of != phase {
            continue;
        }
        // S16: a completed phase stays completed unless it failed or was tried again.
        if let Some((since_ms, "completed")) = reported
            && state != "failed"
            && !events[..index].iter().any(|one| one.what == What::Action("retry".to_owned()) && one.at_ms >= since_ms)
        {
            continue;
        }
        match state.as_str() {
            "started" if events[..index].iter().any(|one| is_later(&one)) => {}
            "started" => reported = None,
            ended => reported = Some((one.at_ms, ended)),
        }
    }
    reported.map(|(at_ms, _)| at_ms).into_iter().chain(later_ms).min()
}
