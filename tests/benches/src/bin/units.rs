//! What each unit of `shared/cost/src/costs.json` takes now, beside the agreed figure and the textbook design:
//! `cargo run --release -p vestibule-benches --bin units`. It fails if a unit takes more.
//!
//! The units of every day's test are the same on every machine. Added here is what is not: processor time, from which
//! GB-seconds follow with the assumed time of a call; and the lines in which functions write their metrics, which hold all
//! that a process did before. The processor time has no TLS in it and nothing of Lambda's own loop.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use vestibule_benches::measured::{CALL_MS, gb_seconds, measure, scenario};
use vestibule_benches::{BoxError, textbook};
use vestibule_cost::{Basis, Costs, Line, Question};
use vestibule_platform::metrics::emf;
use vestibule_simulator::{Scenario, simulate};

/// Memory of webhooks and publisher in the template, in MB.
const MEMORY_MB: f64 = 256.0;
/// Enrollments a month for which dollars are printed: about a million events.
const ENROLLMENTS: f64 = 80_000.0;
/// How long records may be gathered, in seconds.
const WINDOWS: [f64; 6] = [0.25, 1.0, 5.0, 10.0, 30.0, 60.0];
/// Metrics of each function.
const OF_HOOKS: [&str; 3] = ["vestibule_events_total", "vestibule_answers_total", "vestibule_answer_seconds"];
const OF_PUBLISHER: [&str; 2] = ["vestibule_stream_lag_seconds", "vestibule_publications_total"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let costs = Costs::embedded()?;
    let measured = measure(&scenario()).await?;
    let lines = emf::grown(0);
    let mut now: BTreeMap<&str, f64> = measured.units.clone();
    now.extend([
        ("hookSeconds", gb_seconds(MEMORY_MB, measured.calls_per_request, measured.hook_time)),
        (
            "publisherSeconds",
            gb_seconds(
                MEMORY_MB,
                measured.publisher_calls_per_record + measured.units.get("busEvents").copied().unwrap_or(0.0),
                measured.record_time,
            ),
        ),
        ("hookMetrics", bytes(&lines, &OF_HOOKS)? as f64 / 1e9),
        ("publisherMetrics", bytes(&lines, &OF_PUBLISHER)? as f64 / 1e9),
    ]);
    println!("{} requests, {} events of {} enrollments", measured.requests, measured.events, measured.enrollments);
    println!(
        "{:.3} events an enrollment; {:.4} records of the stream an event, {:.4} of them heads; {:.0} bytes a published event",
        measured.events as f64 / measured.enrollments as f64,
        measured.records_per_event,
        measured.heads_per_event,
        measured.bus_bytes
    );
    println!(
        "a request: {:.2} calls of {CALL_MS} ms, and {:.2} that are made once in a while, {:.3} ms of processor; a record: \
         {:.2} calls, {:.3} ms",
        measured.calls_per_request,
        measured.paused_calls_per_request,
        measured.hook_time.as_secs_f64() * 1e3,
        measured.publisher_calls_per_record,
        measured.record_time.as_secs_f64() * 1e3
    );
    println!("{} custom metrics in {} lines of {} bytes", series(&lines)?, lines.len(), lines.concat().len());
    println!("\n{:<22} {:>16} {:>16} {:>7}", "unit", "agreed", "now", "");
    let mut above = measured.departures(&costs);
    for unit in &costs.units {
        let Some(value) = now.get(unit.id.as_str()) else { continue };
        println!("{:<22} {:>16.10} {:>16.10} {:>6.0}%", unit.id, unit.quantity, value, value / unit.quantity * 100.0);
        if unit.basis != Basis::Measured && *value > unit.quantity {
            above.push(format!("{}: {value} is more than the agreed {}", unit.id, unit.quantity));
        }
    }
    for (id, value) in now.iter().filter(|(id, _)| costs.unit(id).is_none()) {
        println!("{id:<22} {:>16} {value:>16.10}", "");
    }
    dollars(&costs);
    gathered(measured.heads_per_event);
    let book = textbook::store(&simulate(&scenario())).await?;
    let an_event = |units: f64| units / book.events.max(1) as f64;
    let ours = measured.written();
    println!(
        "\ntextbook: {:.3} write units an event and {:.3} of its index, {:.3} together; here {ours:.3}; {} repeated",
        an_event(book.write),
        an_event(book.index_write),
        an_event(book.write + book.index_write),
        book.duplicates
    );
    if above.is_empty() { Ok(()) } else { Err(above.join("\n").into()) }
}

fn dollars(costs: &Costs) {
    for tenants in [1.0, 100.0] {
        for gathered_seconds in [costs.stream.gathered_seconds, 10.0] {
            let question = Question { gathered_seconds, ..costs.question(ENROLLMENTS, tenants) };
            let month = costs.estimate(&question);
            println!(
                "\n{:.0} events, {tenants} tenants, records gathered for {gathered_seconds} s; a million:",
                month.events
            );
            for line in Line::ALL {
                println!("  {:<18} {:>6.3}", line.title(), month.a_million(month.line(line)));
            }
            println!(
                "  events in and out  {:>6.3}, all {:.2}",
                month.a_million(month.of_events()),
                month.a_million(month.total())
            );
        }
    }
}

/// Runs of the publisher for each event, by how long records are gathered: the sample's own times, with its enrollments
/// spread over a day of a month with a million events, and four shards.
fn gathered(records_per_event: f64) {
    const SHARDS: usize = 4;
    let day = Scenario { enrollments: ENROLLMENTS as usize / 30, days: 1, ..scenario() };
    let all = simulate(&day);
    println!();
    for window in WINDOWS {
        let mut until = [f64::MIN; SHARDS];
        let mut runs = 0_usize;
        for delivery in &all {
            // Devices are evenly spread over shards.
            let shard = delivery.enrollment as usize % SHARDS;
            let at = delivery.at_ms as f64 / 1_000.0;
            if at >= until[shard] {
                runs += 1;
                until[shard] = at + window;
            }
        }
        let an_event = runs as f64 / all.len().max(1) as f64 * records_per_event;
        println!("records gathered for {window:>5} s: {an_event:.3} runs of the publisher an event");
    }
}

/// The length of these metrics' lines, with their ends.
fn bytes(lines: &[String], names: &[&str]) -> Result<usize, BoxError> {
    let mut sum = 0;
    for line in lines {
        let mut value: Value = serde_json::from_str(line)?;
        let is_meant = |name: &str| names.iter().any(|prefix| name.starts_with(prefix));
        let Some(listed) = value.pointer_mut("/_aws/CloudWatchMetrics/0/Metrics").and_then(Value::as_array_mut) else {
            continue;
        };
        let (kept, left): (Vec<Value>, Vec<Value>) =
            listed.drain(..).partition(|metric| metric["Name"].as_str().is_some_and(is_meant));
        if kept.is_empty() {
            continue;
        }
        *listed = kept;
        if let Some(members) = value.as_object_mut() {
            for name in left.iter().filter_map(|metric| metric["Name"].as_str()) {
                members.remove(name);
            }
        }
        sum += value.to_string().len() + 1;
    }
    Ok(sum)
}

/// Custom metrics that CloudWatch makes of the lines: each name with each set of dimensions.
fn series(lines: &[String]) -> Result<usize, BoxError> {
    let mut all = BTreeSet::new();
    for line in lines {
        let value: Value = serde_json::from_str(line)?;
        let about = &value["_aws"]["CloudWatchMetrics"][0];
        for dimensions in about["Dimensions"].as_array().into_iter().flatten() {
            let labels = dimensions.as_array().into_iter().flatten().filter_map(Value::as_str);
            let labels: Vec<String> = labels.map(|label| format!("{label}={}", value[label])).collect();
            for metric in about["Metrics"].as_array().into_iter().flatten() {
                all.insert(format!("{}{labels:?}", metric["Name"]));
            }
        }
    }
    Ok(all.len())
}
