//! What an export takes end to end, from the table to the published file:
//! `cargo run --release -p vestibule-benches --bin export -- [ENROLLMENTS [FOLDER]]`.
//!
//! The sample is the simulator's: 100 000 enrollments of 30 days unless said otherwise, with some nine events each. A
//! process of its own starts the services of one machine over a copy of the table, as `vestibule export` does, and
//! publishes the file, built from nothing. It prints the time by phase, the processor time by thread (what is the
//! embedded engine's would be the network's on AWS) and the peak of memory as the kernel reports it. Storing the sample
//! takes minutes; with a folder it is kept there for the next run.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use vestibule_advice::Catalogue;
use vestibule_archive::Archive;
use vestibule_benches::{BoxError, cpu, tenant};
use vestibule_domain::Timestamp;
use vestibule_host::dynamodb::{DynamoDb, create_table};
use vestibule_host::{Host, Names, Services, Template};
use vestibule_intake::store_batch;
use vestibule_simulator::Scenario;
use vestibule_store::Store;
use vestibule_webhook::{Received, parse};

/// The program's.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// When the sample ends, and as of when the file is.
const UNTIL_MS: i64 = 2_000_000_000_000;
const DAYS: u32 = 30;
/// Enrollments stored at a time.
const AT_ONCE: usize = 16;
/// The table's file in a data folder.
const TABLE: &str = "table.sqlite";

fn names() -> Names {
    Names { table: "vestibule".to_owned(), bucket: "reports".to_owned(), bus: "vestibule".to_owned() }
}

fn until() -> Timestamp {
    Timestamp::from_millis(UNTIL_MS)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--run", folder] => run(Path::new(folder)).await,
        [] => measure(100_000, tempfile::tempdir()?.path()).await,
        [size] => measure(size.parse()?, tempfile::tempdir()?.path()).await,
        [size, folder] => measure(size.parse()?, Path::new(folder)).await,
        _ => Err("expected: [ENROLLMENTS [FOLDER]]".into()),
    }
}

async fn measure(enrollments: usize, folder: &Path) -> Result<(), BoxError> {
    let filled = folder.join(enrollments.to_string());
    if !filled.join(TABLE).exists() {
        fill(&filled, enrollments).await?;
    }
    let events = std::fs::read_to_string(filled.join("events"))?;
    println!("{enrollments} enrollments, {events} events");
    let data = tempfile::tempdir_in(folder)?;
    std::fs::copy(filled.join(TABLE), data.path().join(TABLE))?;
    let child = tokio::process::Command::new(std::env::current_exe()?).arg("--run").arg(data.path()).output().await?;
    if !child.status.success() {
        return Err(format!("the export failed: {}", String::from_utf8_lossy(&child.stderr)).into());
    }
    let result: Value = serde_json::from_slice(&child.stdout)?;
    let seconds = |name: &str| result[name].as_f64().unwrap_or_default() / 1_000.0;
    println!("  whole export             {:>6.2} s", seconds("wholeMs"));
    for (what, name) in [
        ("reading and folding", "refreshMs"),
        ("writing the file", "writeMs"),
        ("checking it", "checkMs"),
        ("summary and page", "partsMs"),
    ] {
        println!("    {what:<22} {:>6.2} s", seconds(name));
    }
    for (thread, millis) in result["threads"].as_object().into_iter().flatten() {
        println!("  of the processor: {thread:<16} {:>6.2} s", millis.as_f64().unwrap_or_default() / 1_000.0);
    }
    println!("  memory at most           {:>6} MiB", result["peakBytes"].as_u64().unwrap_or_default() >> 20);
    println!("  file                     {:>6} MiB", result["sizeBytes"].as_u64().unwrap_or_default() >> 20);
    println!("  {} attempts, SHA-256 {}", result["attempts"], result["sha256"]);
    Ok(())
}

/// Publishes the tenant's file of a data folder.
async fn run(data: &Path) -> Result<(), BoxError> {
    let mut host = Host::start(data, &names()).await?;
    let store = Store::new(host.clients.dynamodb.clone(), names().table);
    let advice = Arc::new(Catalogue::built_in().clone());
    let archive = Archive::new(store, host.clients.s3.clone(), names().bucket, data.join("scratch"), advice);
    let began = Instant::now();
    let exported = archive.export(&tenant(until())?, until(), until()).await?;
    let whole = u64::try_from(began.elapsed().as_millis())?;
    let threads = cpu::of_threads(std::process::id())?;
    host.stop().await?;
    let file = exported.file;
    let result = json!({
        "wholeMs": whole,
        "refreshMs": exported.refresh_ms,
        "writeMs": exported.write_ms,
        "checkMs": exported.check_ms,
        "partsMs": exported.parts_ms,
        "threads": threads,
        "peakBytes": peak_bytes()?,
        "sizeBytes": file.size_bytes,
        "attempts": file.rows.get("attempts"),
        "sha256": file.sha256,
    });
    println!("{result}");
    Ok(())
}

fn peak_bytes() -> Result<u64, BoxError> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(peak.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
}

/// Stores the sample in a new table.
async fn fill(folder: &Path, enrollments: usize) -> Result<(), BoxError> {
    let partial = folder.with_extension("partial");
    let _gone = std::fs::remove_dir_all(&partial);
    std::fs::create_dir_all(&partial)?;
    let engine = DynamoDb::start(Some(&partial.join(TABLE)))?;
    let client = Services::new()?.with_table(&engine).clients().dynamodb;
    create_table(&client, &Template::embedded()?.table, &names().table).await?;
    let (store, mut tenant) = (Store::new(client, names().table), tenant(until())?);
    store.create_tenant(&mut tenant).await?;
    let scenario = Scenario { seed: 1, enrollments, days: DAYS, until_ms: UNTIL_MS };
    let stored = futures::stream::iter(0..enrollments)
        .map(|index| {
            let (store, tenant, scenario) = (&store, &tenant, &scenario);
            async move {
                let deliveries = vestibule_simulator::enrollment(scenario, index);
                let Some(last) = deliveries.last() else { return Ok(0) };
                let now = Timestamp::from_millis(last.at_ms);
                let events: Vec<Vec<u8>> = deliveries.iter().map(|delivery| delivery.event.to_bytes()).collect();
                let body = [b"[".as_slice(), &events.join(b",".as_slice()), b"]"].concat();
                let batch = parse(&body, Received::native(now, true))?;
                let results = store_batch(store, &tenant.id, &tenant.settings, batch, now).await;
                Ok::<_, BoxError>(results.count(vestibule_intake::Status::Accepted))
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_fold(0, async |sum, one| Ok(sum + one))
        .await?;
    drop(store);
    drop(engine);
    std::fs::write(partial.join("events"), stored.to_string())?;
    std::fs::rename(&partial, folder)?;
    Ok(())
}
