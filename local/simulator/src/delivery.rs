//! What happens to events on their way: delay, repetition, another order, but no loss.

use crate::journey::Happened;
use crate::plan::Disturbance;
use crate::rhythm::{HOUR, MINUTE, SECOND};
use crate::rng::Rng;
use crate::{Delivery, Mark};

/// Shares of the events of an ordinary enrollment.
const DUPLICATES: f64 = 0.02;
const LATE: f64 = 0.03;
const OVERTAKEN: f64 = 0.02;

/// Delivers the events of one enrollment, without those that would arrive after the sample's end.
pub(crate) fn deliver(
    happened: Vec<Happened>,
    disturbance: Disturbance,
    enrollment: usize,
    until_ms: i64,
    rng: &mut Rng,
) -> Vec<Delivery> {
    let enrollment = u32::try_from(enrollment).unwrap_or(u32::MAX);
    let count = happened.len();
    let mut deliveries = Vec::with_capacity(count + 1);
    for (index, Happened { at_ms, event }) in happened.into_iter().enumerate() {
        let (delay, mark) = match disturbance {
            Disturbance::LateEnd(later) if index + 2 >= count => (later, Mark::Late),
            Disturbance::Shuffled => (rng.range(0, 3 * MINUTE), Mark::Overtaken),
            Disturbance::Usual if rng.chance(LATE) => (lateness(rng), Mark::Late),
            Disturbance::Usual if rng.chance(OVERTAKEN) => (rng.range(20 * SECOND, 100 * SECOND), Mark::Overtaken),
            _ => (rng.range(80, 3 * SECOND), Mark::Prompt),
        };
        let at_ms = at_ms + delay;
        let again = match disturbance {
            Disturbance::Doubled => true,
            Disturbance::Usual => rng.chance(DUPLICATES),
            _ => false,
        };
        if again {
            deliveries.push(Delivery {
                at_ms: at_ms + rng.range(30 * SECOND, 45 * MINUTE),
                enrollment,
                mark: Mark::Duplicate,
                event: event.clone(),
            });
        }
        deliveries.push(Delivery { at_ms, enrollment, mark, event });
    }
    deliveries.retain(|delivery| delivery.at_ms <= until_ms);
    deliveries.sort_by_key(|delivery| delivery.at_ms);
    deliveries
}

/// Usually minutes, sometimes a phone that spent the afternoon in a drawer.
fn lateness(rng: &mut Rng) -> i64 {
    if rng.chance(0.6) { rng.range(3 * MINUTE, 40 * MINUTE) } else { rng.range(40 * MINUTE, 8 * HOUR) }
}
