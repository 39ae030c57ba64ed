//! People on their way: walking through an enrollment's plan gives the events that senders report.

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

/// An event, and the instant at which it really happened, whatever the sender's clock said.
#[derive(Debug)]
pub(crate) struct Happened {
    pub at_ms: i64,
    pub event: Event,
}

/// Walks through one enrollment; returns the events in the order in which they happened.
pub(crate) fn walk(scenario: &Scenario, plan: &Plan, identity: &Identity, rng: &mut Rng) -> Vec<Happened> {
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
    let mut happened = tape.happened;
    happened.sort_by_key(|happened| happened.at_ms);
    happened
}
