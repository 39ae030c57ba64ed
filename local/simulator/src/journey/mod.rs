//! People on their way: an enrollment's plan, walked through, gives what the senders tell.

mod esp;
pub(crate) mod screens;
mod tape;
mod walk;

use crate::Scenario;
use crate::event::{Event, Kind};
use crate::people::{Identity, Way};
use crate::plan::{Afterwards, Begins, Course, Plan};
use crate::rhythm::{self, DAY, HOUR, MINUTE};
use crate::rng::Rng;

use tape::Tape;

/// An event and the instant it truly happened, whatever the sender's clock said.
#[derive(Debug)]
pub(crate) struct Told {
    pub at_ms: i64,
    pub event: Event,
}

/// Walks one enrollment; the events come in the order they happened.
pub(crate) fn walk(scenario: &Scenario, plan: &Plan, identity: &Identity, rng: &mut Rng) -> Vec<Told> {
    let (from, until) = scenario.window();
    let start = match plan.begins {
        Begins::Anytime => rhythm::instant(rng, from, until),
        Begins::Before(margin) => rhythm::instant(rng, from, until - margin.min((until - from) / 2)),
        Begins::Lately(ago) => until - ago.min(until - from),
    };
    let mut tape = Tape::new(plan, identity, start, rng);
    if plan.registered {
        if !plan.attempts.is_empty() {
            // Devices are registered days before anyone unpacks them.
            let ahead = tape.rng.range(2 * HOUR, 10 * DAY);
            tape.at_ms = (start - ahead).max(from).min(start - MINUTE);
        }
        tape.registered();
        tape.at_ms = tape.at_ms.max(start);
    }
    if plan.way == Way::AutopilotPrepared && !plan.attempts.is_empty() {
        esp::run(&mut tape, esp::Mode::Technician, Course::Smooth);
        tape.wait(4 * HOUR, 4 * DAY);
    }
    for attempt in &plan.attempts {
        tape.at_ms += attempt.pause_ms;
        walk::attempt(&mut tape, attempt);
    }
    match plan.afterwards {
        Afterwards::Nothing => {}
        Afterwards::UnenrolledAfter(later) => {
            tape.at_ms += later;
            tape.outcome(Kind::Unenrolled);
        }
        Afterwards::CompliantAfter(later) => {
            tape.at_ms += later;
            tape.outcome(Kind::Compliant);
        }
    }
    let mut told = tape.told;
    told.sort_by_key(|told| told.at_ms);
    told
}
