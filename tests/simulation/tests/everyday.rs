//! As many runs as fit in two minutes, and two runs of one seed alike.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use vestibule_simulation::generate::plan;
use vestibule_simulation::run::{note_panics, run};
use vestibule_simulation::shrink::shrink;

const TIME: Duration = Duration::from_secs(120);
/// Seeds of which two runs are compared.
const COMPARED: u64 = 12;

/// One test, so that it has the machine to itself as far as this file goes.
#[test]
fn runs_of_two_minutes_violate_nothing() {
    let began = Instant::now();
    note_panics();
    let (mut played, mut calls, mut faults) = (0_u64, 0, BTreeMap::<&str, u64>::new());
    for seed in 1.. {
        if began.elapsed() > TIME {
            break;
        }
        let plan = plan(seed);
        let outcome = run(&plan, false);
        if let Some(violation) = outcome.violation {
            let (small, shrunk) = shrink(&plan, &violation, Duration::from_secs(90));
            panic!("seed {seed} violates {violation}\nshrunk:\n{small}\n{shrunk}");
        }
        if seed <= COMPARED {
            assert_eq!(outcome.digest, run(&plan, false).digest, "two runs of seed {seed} differ");
        }
        played += 1;
        calls += outcome.calls;
        for (kind, count) in outcome.faults {
            *faults.entry(kind).or_default() += count;
        }
    }
    println!("{played} seeds, {calls} calls, faults {faults:?}");
    assert!(played > COMPARED, "only {played} seeds fitted");
    assert!(faults.len() > 6, "hardly anything went wrong: {faults:?}");
}
