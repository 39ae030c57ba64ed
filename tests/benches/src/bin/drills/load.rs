//! Minutes at full load: eight connections send one event after another, a person asks beside them, and every second the
//! program's memory and descriptors are looked at. All devices begin in the same second, as in an import: tens of thousands of
//! attempts in one second are what numbers in a file must bear (`report::lists::ids`).
//!
//! The rule of the plateau: the time is cut into four quarters, and the middle of the samples is taken of each. Memory has
//! reached it if the last quarter has at most 3 % and 2 MiB more than the third. So what grows evenly passes only if it grows
//! by less than a seventh and 9 MiB in the whole time. Descriptors may be eight more.

use crate::UNLIMITED;
use crate::goals::Goals;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use vestibule_benches::load::{Load, TENANT};
use vestibule_benches::{BoxError, cpu, percentiles};
use vestibule_program_tests::{Client, Folder, Serve};

/// Connections that send at the same time.
const CONNECTIONS: usize = 8;
/// How often a person asks.
const ASK: Duration = Duration::from_millis(100);
/// How long a read may take, except one in a hundred.
const GOAL: Duration = Duration::from_millis(100);
/// What a person asks for, in turn.
const READS: [&str; 5] = [
    "/api/tenant",
    "/api/devices/enrollment-status",
    "/api/reports/incomplete-enrollments",
    "/api/reports/coverage",
    "/api/sources",
];

#[derive(Clone, Copy)]
struct Sample {
    memory_kib: u64,
    descriptors: u64,
}

/// The middle of the samples of a quarter.
fn middle(samples: &[Sample], quarter: usize, of: impl Fn(&Sample) -> u64) -> u64 {
    let part = samples.len() / 4;
    let mut values: Vec<u64> = samples.iter().skip(quarter * part).take(part.max(1)).map(of).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

async fn sample(serve: &Serve, until: Instant) -> Vec<Sample> {
    let mut samples = Vec::new();
    while Instant::now() < until {
        let descriptors = u64::try_from(serve.descriptors()).unwrap_or(u64::MAX);
        samples.push(Sample { memory_kib: serve.memory_kib("VmRSS"), descriptors });
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    samples
}

pub(crate) async fn run(time: Duration, goals: &mut Goals) -> Result<(), BoxError> {
    let folder = Folder::new();
    let tenant = folder.add_tenant(TENANT);
    // Tests set another patience than the program's own.
    let patience = std::env::var("ANSWER_PATIENCE_MS").unwrap_or_default();
    let more = [("REQUESTS_A_MINUTE", "0"), ("ANSWER_PATIENCE_MS", &patience)];
    let serve = folder.serve_with(&[&UNLIMITED[..], &more].concat());
    let load = Load::new(&serve.url, &tenant.secret)?;
    let api = Client::new(&serve.url, &tenant.admin);
    // The first question of a tenant builds its copy.
    api.json("/api/reports/incomplete-enrollments").await;
    let until = Instant::now() + time;
    let reads = async {
        let (mut times, mut failed) = (BTreeMap::<&str, Vec<Duration>>::new(), 0);
        for path in READS.into_iter().cycle() {
            if Instant::now() >= until {
                break;
            }
            let begun = Instant::now();
            failed += usize::from(api.answer(path).await.is_none_or(|answer| answer.status != 200));
            times.entry(path).or_default().push(begun.elapsed());
            tokio::time::sleep(ASK).await;
        }
        (times, failed)
    };
    let (done, (times, failed), samples) = futures::join!(load.run(CONNECTIONS, time), reads, sample(&serve, until));
    let done = done?;
    let spent_ms = cpu::of_process(serve.id())?;
    let a_second = done.events as f64 / done.took.as_secs_f64();
    goals.note(&format!("{} events in {:.0?}: {a_second:.0} a second, one a request", done.events, done.took));
    goals.note(&format!("{:.2} ms of processor time an event, with the reads", spent_ms as f64 / done.events as f64));
    for (path, times) in &times {
        let [p50, p99] = percentiles(times.clone());
        goals.note(&format!("GET {path}: {} times, p50 {p50:.1?}, p99 {p99:.1?}", times.len()));
    }
    let all: Vec<Duration> = times.into_values().flatten().collect();
    goals.must("every read is answered", failed == 0, &format!("{failed} of {} are not", all.len()));
    let [p50, p99] = percentiles(all);
    goals.must(
        "reads take less than 100 ms beside the writes, but for one in a hundred",
        p99 < GOAL,
        &format!("p50 {p50:.1?}, p99 {p99:.1?}"),
    );

    let memory = [0, 1, 2, 3].map(|quarter| middle(&samples, quarter, |sample| sample.memory_kib));
    let descriptors = [0, 1, 2, 3].map(|quarter| middle(&samples, quarter, |sample| sample.descriptors));
    let ([.., third, last], [.., held_before, held]) = (memory, descriptors);
    let quarters = memory.map(|kib| (kib >> 10).to_string()).join(", ");
    goals.must(
        "memory reaches a plateau",
        last <= third + third * 3 / 100 + 2_048,
        &format!("{quarters} MiB resident by quarters, {} MiB at most", serve.memory_kib("VmHWM") >> 10),
    );
    let quarters = descriptors.map(|number| number.to_string()).join(", ");
    goals.must("descriptors reach a plateau", held <= held_before + 8, &format!("{quarters} by quarters"));
    let folder_bytes = std::fs::metadata(folder.data().join("table.sqlite"))?.len();
    goals.note(&format!(
        "the table has {} MiB, {:.0} bytes an event",
        folder_bytes >> 20,
        folder_bytes as f64 / done.events as f64
    ));
    let ended = serve.terminate().code();
    goals.must("it stops when asked", ended == Some(0), &format!("{ended:?}"));
    Ok(())
}
