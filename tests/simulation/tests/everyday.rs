//! Plays as many runs as fit in a minute, and compares two runs of the same seed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::time::Duration;
use vestibule_simulation::generate::plan;
use vestibule_simulation::many::play;
use vestibule_simulation::run::{note_panics, run};
use vestibule_simulation::shrink::shrink;

const TIME: Duration = Duration::from_secs(60);
/// Largest number of seeds; the long form plays more.
const MOST: u64 = 1_000;
/// Number of seeds that are run twice and compared.
const COMPARED: u64 = 12;

/// A single test, so that no other test of this file runs beside it.
#[test]
fn runs_of_a_minute_violate_nothing() {
    note_panics();
    for seed in 1..=COMPARED {
        let (one, two) = (run(&plan(seed), false), run(&plan(seed), false));
        assert_eq!(one.digest, two.digest, "two runs of seed {seed} differ");
        assert!(one.calls > 0, "seed {seed} did nothing");
    }
    let mut failed = None;
    let sum = play(1..MOST + 1, TIME, |plan, outcome| {
        failed = outcome.violation.map(|violation| (plan.clone(), violation));
        failed.is_none()
    });
    println!("{} seeds, {} calls, faults {:?}", sum.seeds, sum.calls, sum.faults);
    if let Some((plan, violation)) = failed {
        let (small, shrunk) = shrink(&plan, &violation, Duration::from_secs(90));
        panic!("seed {} violates {violation}\nshrunk:\n{small}\n{shrunk}", plan.seed);
    }
    assert!(sum.seeds > COMPARED, "only {} seeds fitted", sum.seeds);
    assert!(sum.faults.len() > 6, "hardly any faults happened: {:?}", sum.faults);
}
