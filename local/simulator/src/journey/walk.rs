//! One attempt: screen after screen, to its end.

use crate::event::Kind;
use crate::people::Way;
use crate::plan::{Attempt, Course, Ending, Senders};
use crate::rhythm::{MINUTE, SECOND};
use crate::troubles;

use super::esp::{self, Mode, Page};
use super::screens::{self, Place, Step};
use super::tape::Tape;

/// The longest time that anyone looks at a screen and still continues: less than the half hour after which an attempt
/// counts as given up.
const LONGEST_LOOK: i64 = 27 * MINUTE;

/// Walks through one attempt.
pub(super) fn attempt(tape: &mut Tape<'_>, attempt: &Attempt) {
    let steps = shown(tape, attempt);
    let from = match (attempt.resumed, tape.place) {
        (true, Some(place)) => steps.iter().position(|step| std::ptr::eq(*step, place)).unwrap_or(0),
        _ => 0,
    };
    let last = last_step(tape, attempt, &steps, from);
    if !attempt.resumed {
        tape.started();
        tape.wait(2 * SECOND, 12 * SECOND);
    }
    for (index, step) in steps.iter().enumerate().skip(from) {
        if step.managed && !manage(tape, attempt.course) {
            return;
        }
        tape.entered(step);
        look(tape, step, attempt.ending);
        if last == Some(index) {
            end(tape, attempt.ending, step);
            return;
        }
        if tape.rng.chance(tape.completions) {
            tape.completed(step);
            tape.wait(SECOND, 6 * SECOND);
        }
    }
    if manage(tape, attempt.course) {
        tape.wait(10 * SECOND, 60 * SECOND);
        tape.outcome(Kind::Compliant);
    }
}

/// The screens shown to this person: the likely ones, and those that the plan needs.
fn shown(tape: &mut Tape<'_>, attempt: &Attempt) -> Vec<&'static Step> {
    let all = match tape.senders {
        Senders::Apple => screens::of_protocol(),
        _ => screens::of(tape.identity.way),
    };
    let place = match attempt.ending {
        Ending::Stopped(place, _) | Ending::Waits(place) => place,
        _ => Place::Anywhere,
    };
    let before = tape.place.filter(|_| attempt.resumed);
    all.iter()
        .filter(|step| {
            let needed = place.is_at(step)
                || before.is_some_and(|before| std::ptr::eq(before, *step))
                || (step.managed && matches!(attempt.ending, Ending::Unenrolled));
            tape.rng.chance(step.shown) || needed
        })
        .collect()
}

/// The screen at which the attempt ends; `None` if it completes.
fn last_step(tape: &mut Tape<'_>, attempt: &Attempt, steps: &[&'static Step], from: usize) -> Option<usize> {
    let open = steps.iter().filter(|step| !step.managed).count();
    let anywhere = |tape: &mut Tape<'_>| {
        let left = open.saturating_sub(from);
        (from + tape.rng.index(left)).min(steps.len().saturating_sub(1))
    };
    match attempt.ending {
        Ending::Completed => None,
        Ending::Stopped(place, _) | Ending::Waits(place) => steps
            .iter()
            .position(|step| place.is_at(step))
            .map(|index| index.max(from))
            .or_else(|| Some(anywhere(tape))),
        Ending::PortalClosed | Ending::Restarted | Ending::Failed(_) | Ending::GaveUp => Some(anywhere(tape)),
        Ending::Unenrolled => Some(steps.len().saturating_sub(1)),
        Ending::Open => Some(from),
    }
}

/// Looking at a screen; sometimes the person fetches a coffee first.
fn look(tape: &mut Tape<'_>, step: &Step, ending: Ending) {
    let (low, high) = step.dwell;
    if tape.rng.chance(0.02) && !matches!(ending, Ending::Open) {
        tape.wait(4 * MINUTE, LONGEST_LOOK);
    } else {
        tape.wait(low * SECOND, high * SECOND);
    }
}

fn end(tape: &mut Tape<'_>, ending: Ending, step: &'static Step) {
    match ending {
        Ending::Completed | Ending::Waits(_) | Ending::Restarted | Ending::Open => {}
        Ending::Stopped(_, choice) => tape.stopped(step, choice),
        Ending::PortalClosed => tape.portal_closed(),
        Ending::Unenrolled => {
            tape.outcome(Kind::Unenrolled);
            tape.enrolled = false;
        }
        Ending::Failed(reason) => {
            let platform = tape.identity.way.platform();
            let trouble = reason.unwrap_or_else(|| troubles::any(platform, tape.rng));
            let failure = trouble.as_reported(tape.rng);
            tape.failed(&failure, Some(step));
        }
        Ending::GaveUp => {
            let failure = troubles::gave_up(tape.rng);
            tape.failed(&failure, Some(step));
        }
    }
}

/// Brings the device under management, through the status page if there is one; `false` if the attempt ended there.
fn manage(tape: &mut Tape<'_>, course: Course) -> bool {
    if tape.enrolled {
        return true;
    }
    let mode = match tape.identity.way {
        Way::AutopilotUser => Mode::User,
        Way::AutopilotSelf => Mode::SelfDeploying,
        Way::AutopilotPrepared => Mode::PreparedUser,
        _ => {
            tape.outcome(Kind::Enrolled);
            tape.wait(2 * SECOND, 20 * SECOND);
            return true;
        }
    };
    match esp::run(tape, mode, course) {
        Page::Done => true,
        Page::Left => false,
        Page::Failed(failure) => {
            tape.wait(5 * SECOND, 60 * SECOND);
            tape.failed(&failure, None);
            false
        }
    }
}
