//! The verdict on one session (docs/DOMAIN.md, S18 to S21).

use super::{Failure, GRACE_MS, PageEvent, Part, Turn, What, begin, ends_well, is_waited_for, key_of, newest};

/// The verdict on a session.
pub(super) struct Judged {
    pub(super) deadline_ms: i64,
    pub(super) state: &'static str,
    pub(super) ended_at_ms: Option<i64>,
    pub(super) failed: bool,
    pub(super) timed_out: bool,
    /// When the person left it by `continueAnyway` or `reset`, or an `unenrolled` ended it, past the limit.
    pub(super) left_ms: Option<i64>,
    pub(super) turns: Vec<(usize, Turn)>,
}

/// Whether the item error that this event reports fails the session (S20), as of an instant. `leaves` says whether the
/// person ends the session with a later event.
fn error_fails(
    events: &[PageEvent],
    index: usize,
    good: Option<usize>,
    unenrolled_ms: &[i64],
    leaves: impl Fn(&PageEvent) -> bool,
    as_of_ms: i64,
) -> bool {
    let What::Item(item) = &events[index].what else {
        return false;
    };
    let key = key_of(item);
    let is_error = |upto: usize| newest(&events[..upto]).get(&key).is_some_and(|(_, state)| state == "error");
    if item.state != "error" || !is_error(index + 1) {
        return false;
    }
    let since_ms = events[index].at_ms;
    // If the session is over before the two minutes are, the item does not fail it.
    let mut until_ms = as_of_ms;
    for (later, one) in events.iter().enumerate().skip(index + 1) {
        let removed = unenrolled_ms.iter().any(|ended_ms| (since_ms + 1..=one.at_ms).contains(ended_ms));
        if removed || !is_error(later + 1) || good == Some(later) || leaves(one) {
            until_ms = until_ms.min(one.at_ms);
            break;
        }
        // A failure that is reported while the item is in error belongs to the item.
        let failed = match &one.what {
            What::Failed(..) => true,
            What::Phase(_, state) => state == "failed",
            _ => false,
        };
        if failed {
            return true;
        }
    }
    for ended_ms in unenrolled_ms {
        if *ended_ms > since_ms {
            until_ms = until_ms.min(*ended_ms);
        }
    }
    until_ms.saturating_sub(since_ms) > GRACE_MS
}

/// Whether the error of this event continues an earlier one, without a `retry` in between and without the event `left`
/// by which the person ended the session.
fn goes_on(events: &[PageEvent], index: usize, left: Option<usize>) -> bool {
    let What::Item(item) = &events[index].what else {
        return false;
    };
    let before = newest(&events[..index]);
    let Some((earlier, state)) = before.get(&key_of(item)) else {
        return false;
    };
    let retried = events[*earlier..index].iter().any(|one| one.what == What::Action("retry".to_owned()));
    state == "error" && !retried && left.is_none_or(|left| left < *earlier)
}

/// What the person does with this event, if it ends a session that is past its limit.
fn leaving(event: &PageEvent) -> Option<Turn> {
    match &event.what {
        What::Action(action) if action == "continueAnyway" => Some(Turn::ContinuedAnyway),
        What::Action(action) if action == "reset" => Some(Turn::Reset),
        _ => None,
    }
}

/// The order of the phases.
pub(super) fn rank_of_phase(phase: &str) -> usize {
    ["devicePreparation", "deviceSetup", "accountSetup"].iter().position(|known| *known == phase).unwrap_or(0)
}

/// The phase that this event names as the session's current one. A list of items names none, nor does an item that has
/// not begun.
pub(super) fn named_phase(event: &PageEvent) -> Option<&str> {
    match &event.what {
        What::Phase(named, _) => Some(named),
        What::Item(item) if item.state != "notInstalled" => Some(&item.phase),
        _ => None,
    }
}

/// The most advanced phase that these events name.
fn furthest_phase(events: &[PageEvent]) -> Option<String> {
    events.iter().filter_map(named_phase).max_by_key(|phase| rank_of_phase(phase)).map(str::to_owned)
}

/// Judges the events of a session, in order.
pub(super) fn judge(events: &[PageEvent], parts: &[&Part], unenrolled_ms: &[i64], as_of_ms: i64) -> Judged {
    let begin = begin(parts);
    let deadline_ms = begin.deadline_ms();
    let first_ms = parts.iter().filter_map(|part| part.events.first()).map(|first| first.at_ms).min().unwrap_or(0);
    let good = (0..events.len()).find(|index| ends_well(&events[..=*index], events, &begin));

    let mut judged = Judged {
        deadline_ms,
        state: "inProgress",
        ended_at_ms: None,
        failed: false,
        timed_out: false,
        left_ms: None,
        turns: Vec::new(),
    };
    let mut standing: Option<i64> = None;
    let mut retried = false;
    let mut left = None;
    let mut removals = unenrolled_ms.iter().copied().filter(|at_ms| *at_ms > first_ms && *at_ms <= as_of_ms).peekable();
    for index in 0..=events.len() {
        // An `unenrolled` comes before the page's events of its instant.
        let upto_ms = events.get(index).map_or(as_of_ms, |one| one.at_ms);
        if let Some(at_ms) = removals.next_if(|at_ms| *at_ms <= upto_ms) {
            // A session that failed before stays failed.
            judged.timed_out = standing.unwrap_or(at_ms) > deadline_ms;
            judged.state = match standing {
                Some(_) => "failed",
                None if at_ms > deadline_ms => "timedOut",
                None => "ended",
            };
            judged.left_ms = judged.left_ms.or(Some(at_ms));
            judged.ended_at_ms = standing.or(judged.left_ms);
            return judged;
        }
        let Some(one) = events.get(index) else {
            break;
        };
        if good == Some(index) {
            judged.state = match (judged.failed, one.at_ms > deadline_ms, retried) {
                (false, false, _) | (true, _, false) => "success",
                (_, _, true) => "successOnRetry",
                (false, true, false) => "successWithTimeout",
            };
            judged.ended_at_ms = Some(one.at_ms);
            judged.timed_out = one.at_ms > deadline_ms;
            if judged.left_ms.is_none() {
                judged.turns.push((index, Turn::Good));
            }
            return judged;
        }
        // `continueAnyway` and `reset` end a session that is past its limit.
        let was_left = judged.left_ms.is_some();
        let leaves = |one: &PageEvent| !was_left && one.at_ms > deadline_ms && leaving(one).is_some();
        let failure = match &one.what {
            What::Failed(code, message) => Some(Failure {
                code: code.clone(),
                message: message.clone(),
                item: None,
                phase: furthest_phase(&events[..index]),
            }),
            What::Phase(phase, state) if state == "failed" => {
                Some(Failure { phase: Some(phase.clone()), ..Failure::default() })
            }
            What::Item(item)
                if is_waited_for(events, &begin, &item.category, &item.id)
                    && !goes_on(events, index, left)
                    && error_fails(events, index, good, unenrolled_ms, leaves, as_of_ms) =>
            {
                Some(Failure {
                    code: item.code.clone(),
                    message: None,
                    item: item.name.clone().or_else(|| Some(item.id.clone())),
                    phase: Some(item.phase.clone()),
                })
            }
            What::Action(action) if action == "retry" => {
                retried = true;
                standing = None;
                judged.turns.push((index, Turn::Retried));
                None
            }
            What::Action(_) if standing.is_none() && leaves(one) => {
                judged.left_ms = Some(one.at_ms);
                left = Some(index);
                judged.turns.extend(leaving(one).map(|turn| (index, turn)));
                None
            }
            _ => None,
        };
        if let Some(failure) = failure {
            judged.failed = true;
            if standing.is_some()
                && matches!(one.what, What::Failed(..))
                && let Some((_, Turn::Failed(known))) = judged.turns.last_mut()
            {
                // What was reported of the session's failure counts before what an item does.
                known.code = failure.code.clone().or(known.code.take());
                known.message = failure.message.clone().or(known.message.take());
            }
            if standing.is_none() {
                standing = Some(one.at_ms);
                judged.turns.push((index, Turn::Failed(failure)));
            }
        }
    }
    if let Some(at_ms) = standing {
        judged.state = "failed";
        judged.ended_at_ms = Some(at_ms);
    } else if as_of_ms > deadline_ms {
        judged.state = "timedOut";
        judged.ended_at_ms = judged.left_ms;
    }
    judged.timed_out = judged.ended_at_ms.unwrap_or(as_of_ms) > deadline_ms;
    judged
}
