//! Many runs side by side, on as many threads as there are processors. Each run stays on one thread.

use crate::generate::plan;
use crate::plan::Plan;
use crate::run::{Outcome, run};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The sum of many runs.
#[derive(Clone, Debug, Default)]
pub struct Sum {
    /// Number of runs.
    pub seeds: u64,
    /// Number of calls of the services.
    pub calls: u64,
    /// Faults injected, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// How long it took.
    pub took: Duration,
}

/// Plays the runs of seeds until `within` has passed or `each` returns false; `each` gets every outcome as it arrives.
pub fn play(seeds: Range<u64>, within: Duration, mut each: impl FnMut(&Plan, Outcome) -> bool) -> Sum {
    let began = Instant::now();
    let (next, stop) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let (sender, outcomes) = mpsc::channel();
    let mut sum = Sum::default();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (sender, next, stop, end) = (sender.clone(), &next, &stop, seeds.end);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) && began.elapsed() < within {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let plan = plan(seed);
                    let outcome = run(&plan, false);
                    if sender.send((plan, outcome)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (plan, outcome) in outcomes {
            sum.seeds += 1;
            sum.calls += outcome.calls;
            for (kind, count) in &outcome.faults {
                *sum.faults.entry(kind).or_default() += count;
            }
            if !stop.load(Ordering::Relaxed) && !each(&plan, outcome) {
                stop.store(true, Ordering::Relaxed);
            }
        }
    });
    sum.took = began.elapsed();
    sum
}
