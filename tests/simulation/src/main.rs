//! `cargo run -p vestibule-simulation -- --seeds 5000`: plays runs, and shrinks the first that fails.
#![allow(clippy::print_stdout)]

use clap::Parser;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use vestibule_simulation::generate::plan;
use vestibule_simulation::run::{note_panics, run};
use vestibule_simulation::shrink::shrink;

/// Plays the product in a world that behaves as badly as AWS may.
#[derive(Parser)]
struct Options {
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Stops after so many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// Plays this one seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Prints the log of the seed.
    #[arg(long)]
    log: bool,
    /// Goes on after a run that failed, and counts what was found instead of shrinking it.
    #[arg(long)]
    all: bool,
    /// Seconds for shrinking.
    #[arg(long, default_value_t = 60)]
    shrink: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    note_panics();
    let seeds = options.seed.map_or(options.from..options.from + options.seeds, |seed| seed..seed + 1);
    let began = Instant::now();
    let (mut played, mut calls, mut faults) = (0_u64, 0, BTreeMap::<&str, u64>::new());
    let mut found: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for seed in seeds {
        if options.seconds.is_some_and(|seconds| began.elapsed() > Duration::from_secs(seconds)) {
            break;
        }
        let plan = plan(seed);
        let outcome = run(&plan, options.log);
        played += 1;
        calls += outcome.calls;
        for (kind, count) in outcome.faults {
            *faults.entry(kind).or_default() += count;
        }
        if options.log {
            println!("{plan}");
            outcome.lines.iter().for_each(|line| println!("{line}"));
            println!("log {}", outcome.digest);
        }
        let Some(violation) = outcome.violation else { continue };
        found.entry(violation.check).or_default().push(seed);
        println!("seed {seed} ({}) violates {violation}", plan.theme);
        if !options.all {
            let (small, violation) = shrink(&plan, &violation, Duration::from_secs(options.shrink));
            println!("\nshrunk from {} steps to {}:\n{small}\n{violation}", plan.steps.len(), small.steps.len());
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{played} seeds, {calls} calls in {seconds:.1} s ({:.1} seeds a second)", played as f64 / seconds);
    for (kind, count) in faults {
        println!("  {count} × {kind}");
    }
    for (check, seeds) in &found {
        println!("violated {} times: {check}, by seeds {:?}", seeds.len(), &seeds[..seeds.len().min(12)]);
    }
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
