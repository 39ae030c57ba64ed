//! `cargo run -p vestibule-simulation -- --seeds 5000`: plays runs, and shrinks the first that fails.
#![allow(clippy::print_stdout)]

use clap::Parser;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;
use vestibule_simulation::Violation;
use vestibule_simulation::generate::plan;
use vestibule_simulation::many::play;
use vestibule_simulation::plan::Plan;
use vestibule_simulation::run::{note_panics, run};
use vestibule_simulation::shrink::shrink;

/// Plays the product in a world that behaves as badly as AWS may.
#[derive(Parser)]
struct Options {
    /// Number of seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Stops after this many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// Plays only this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Prints the seed's log.
    #[arg(long)]
    log: bool,
    /// Continues after a failed run, and counts violations instead of shrinking them.
    #[arg(long)]
    all: bool,
    /// Seconds spent on shrinking.
    #[arg(long, default_value_t = 60)]
    shrink: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    note_panics();
    if let Some(seed) = options.seed {
        return play_one(seed, &options);
    }
    let mut found: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut first = None;
    let within = options.seconds.map_or(Duration::MAX, Duration::from_secs);
    let sum = play(options.from..options.from + options.seeds, within, |plan, outcome| {
        let Some(violation) = outcome.violation else { return true };
        println!("seed {} ({}) violates {violation}", plan.seed, plan.theme);
        found.entry(violation.check).or_default().push(plan.seed);
        first.get_or_insert_with(|| (plan.clone(), violation));
        options.all
    });
    if let (Some((plan, violation)), false) = (&first, options.all) {
        print_shrunk(plan, violation, &options);
    }
    let (seconds, per_second) = (sum.took.as_secs_f64(), sum.seeds as f64 / sum.took.as_secs_f64());
    println!("{} seeds, {} calls in {seconds:.1} s ({per_second:.1} seeds a second)", sum.seeds, sum.calls);
    for (kind, count) in sum.faults {
        println!("  {count} × {kind}");
    }
    for (check, seeds) in &found {
        println!("violated {} times: {check}, by seeds {:?}", seeds.len(), &seeds[..seeds.len().min(12)]);
    }
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play_one(seed: u64, options: &Options) -> ExitCode {
    let plan = plan(seed);
    let outcome = run(&plan, options.log);
    if options.log {
        println!("{plan}");
        outcome.lines.iter().for_each(|line| println!("{line}"));
        println!("log {}", outcome.digest);
    }
    println!("{} calls, faults {:?}", outcome.calls, outcome.faults);
    let Some(violation) = outcome.violation else { return ExitCode::SUCCESS };
    println!("seed {seed} ({}) violates {violation}", plan.theme);
    if !options.log {
        print_shrunk(&plan, &violation, options);
    }
    ExitCode::FAILURE
}

fn print_shrunk(plan: &Plan, violation: &Violation, options: &Options) {
    let (small, violation) = shrink(plan, violation, Duration::from_secs(options.shrink));
    println!("\nshrunk from {} steps to {}:\n{small}\n{violation}", plan.steps.len(), small.steps.len());
}
