//! What an event costs: `cargo run -p vestibule-benches --bin cost -- [ENROLLMENTS] [--singles]`.
//!
//! Posts the simulator's traffic to an empty table, one event a request and in batches, and prints units per accepted
//! event by cause; `--singles` leaves the batches out.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use vestibule_benches::{BoxError, Run, Table, deliveries, quiet, traffic};
use vestibule_simulator::{Delivery, Summary, simulate};
use vestibule_store::Cause;

/// Runs of the sweep in the sample's 30 days.
const RUNS: f64 = 30.0 * 1_440.0;
/// The largest number of events posted in one request.
const BATCHES: [usize; 2] = [25, 500];

const LINES: [(&str, &[Cause]); 6] = [
    ("events", &[Cause::Events]),
    ("identifier lookups", &[Cause::Lookup]),
    ("segments", &[Cause::Segments]),
    ("links", &[Cause::Link]),
    ("merges", &[Cause::Merge]),
    ("sweep", &[Cause::SweepRead, Cause::SweepWrite, Cause::Tenant]),
];

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let enrollments = arguments.iter().find_map(|text| text.parse().ok()).unwrap_or(1_000);
    let singles = arguments.iter().any(|text| text == "--singles");
    let scenario = traffic::scenario(enrollments);
    let deliveries = simulate(&scenario);
    let summary = Summary::of(&scenario, &deliveries);
    let of_all = |events: usize| events as f64 / enrollments.max(1) as f64;
    println!("{} deliveries of {} events, {} enrollments in 30 days", summary.deliveries, summary.events, enrollments);
    println!(
        "events an enrollment: {:.1}, without those of the status page {:.1}",
        summary.events_per_enrollment,
        of_all(summary.events - summary.esp_events)
    );
    let minutes = vestibule_store::CHANGE_BUCKET_WIDTH.get() / 60_000;
    println!("change buckets of {minutes} minutes");
    empty_sweep(summary.events).await?;
    delivery_log().await?;

    let all: Vec<&Delivery> = deliveries.iter().collect();
    let (esp, enrollment): (Vec<&Delivery>, Vec<&Delivery>) = all.iter().partition(|one| one.event.kind.is_esp());
    for (name, kept) in [("all events", &all), ("enrollment events", &enrollment), ("status page events", &esp)] {
        one(&format!("{name}, one a request"), kept, 1).await?;
        for most in BATCHES.into_iter().filter(|_| !singles) {
            one(&format!("{name}, up to {most} a request"), kept, most).await?;
        }
    }
    Ok(())
}

/// Prints what the schedule costs when nothing is due. It is printed separately, since it does not depend on events.
async fn empty_sweep(events: usize) -> Result<(), BoxError> {
    let units = quiet::sweep(&Table::start().await?).await?;
    let month = units.read * RUNS;
    println!(
        "a sweep that finds nothing: {} reads in {} queries; {month:.0} in 30 days, which is {:.2} for each of these \
         events, listed separately below",
        units.read,
        units.calls,
        month / events.max(1) as f64
    );
    Ok(())
}

/// Prints what the delivery log costs. The events below do not include it: it is written once a minute, however many
/// arrive.
async fn delivery_log() -> Result<(), BoxError> {
    for events_a_minute in [1, 10, 100] {
        let cost = deliveries::log(events_a_minute, 60).await?;
        println!(
            "delivery log, {events_a_minute} events a minute: {:.3} writes and {:.4} reads an event, {:.3} writes a minute",
            cost.units.write / cost.events as f64,
            cost.units.read / cost.events as f64,
            cost.units.write / cost.minutes as f64
        );
    }
    Ok(())
}

async fn one(name: &str, deliveries: &[&Delivery], most: usize) -> Result<(), BoxError> {
    let table = Table::start().await?;
    let run = traffic::post(&table, deliveries, most).await?;
    println!("\n== {name} ==");
    print(&run);
    let sizes = table.head_sizes().await?;
    let at = |percent: usize| sizes.get((sizes.len() * percent / 100).min(sizes.len().saturating_sub(1)));
    let [p50, p90, p99, max] = [50, 90, 99, 100].map(|percent| at(percent).copied().unwrap_or(0));
    println!("encoded heads, bytes: p50 {p50}, p90 {p90}, p99 {p99}, max {max} of {}", sizes.len());
    let again = traffic::post_again(&table, deliveries, most).await?;
    println!(
        "posted again: {} units written, {:.3} read an event; {} duplicates, {} others",
        again.written(),
        again.read() / deliveries.len().max(1) as f64,
        again.duplicates,
        again.others + again.accepted
    );
    Ok(())
}

fn print(run: &Run) {
    println!(
        "{} requests; {} accepted, {} duplicates, {} others; {} conditions failed",
        run.posts, run.accepted, run.duplicates, run.others, run.failed
    );
    println!("{:<20} {:>8} {:>8} {:>8} {:>8}   an accepted event", "", "reads", "writes", "indexes", "calls");
    for (name, causes) in LINES {
        let units = run.units(causes);
        let [reads, writes, indexes, calls] =
            [units.read, units.write, units.index_write, units.calls as f64].map(|units| run.per_event(units));
        println!("{name:<20} {reads:>8.3} {writes:>8.3} {indexes:>8.3} {calls:>8.3}");
    }
    let (reads, writes) = (run.per_event(run.read()), run.per_event(run.written()));
    println!("{:<20} {reads:>8.3} {writes:>8.3}          indexes included", "total");
    for ((by, index), units) in &run.index_units {
        println!("  index {index}, written by {by}: {:.3}", run.per_event(*units));
    }
    if run.posts == run.accepted + run.duplicates {
        let units = run.posts_by_units.iter().map(|(units, posts)| format!("{units}: {posts}"));
        println!("  requests by the table units of their event: {}", units.collect::<Vec<_>>().join(", "));
    }
    let queries = run.units(&traffic::SCHEDULED);
    let swept = run.swept;
    println!(
        "  sweep: {} runs with a deadline passed, {} reads each in queries; {} due: {} flagged, {} rearmed, {} \
         cleared, {} moved",
        run.sweeps,
        queries.read / run.sweeps.max(1) as f64,
        swept.due,
        swept.flagged,
        swept.rearmed,
        swept.cleared,
        swept.moved
    );
}
