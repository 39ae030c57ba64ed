//! What a full export takes, by the number of enrollments:
//! `cargo run --release -p vestibule-benches --bin memory -- [ENROLLMENTS …]`.
//!
//! A tenant's file is built from nothing and then refreshed, each by its own process, whose peak memory the kernel
//! reports; the table and the bucket belong to this process. 40 000 and 400 000 enrollments unless said otherwise. It
//! prints the slope from the first to the last, and the most bytes of disk beside the file's own.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, StreamSpecification, WriteRequest};
use futures::TryStreamExt as _;
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use vestibule_advice::Catalogue;
use vestibule_archive::Archive;
use vestibule_benches::{BoxError, tenant};
use vestibule_domain::{Millis, Timestamp};
use vestibule_host::dynamodb::{DynamoDb, create_table};
use vestibule_host::s3::ObjectStore;
use vestibule_host::{Clients, Endpoint, Services, Template};
use vestibule_store::Store;
use vestibule_webhook::Received;
use vestibule_webhook::cloudevents::{Parsed, parse_event};

const TABLE: &str = "benches";
const BUCKET: &str = "reports";
/// Different enrollments. The others are copies under other keys. Few of those that begin in the same second may be
/// alike.
const DIFFERENT: usize = 2_000;
const STEPS: usize = 6;

type Item = HashMap<String, AttributeValue>;

fn begin() -> Timestamp {
    Timestamp::from_millis(2_000_000_000_000)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [child, endpoint, scratch, minutes] = arguments.as_slice()
        && child == "--export"
    {
        let endpoint = Endpoint::read(Path::new(endpoint)).ok_or("no endpoint")?;
        return export(&Clients::new(&endpoint), Path::new(scratch), minutes.parse()?).await;
    }
    let mut sizes: Vec<usize> = arguments.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    if sizes.is_empty() {
        sizes = vec![40_000, 400_000];
    }
    let mut peaks = Vec::new();
    for size in &sizes {
        peaks.push((*size, measure(*size).await?));
    }
    if let ([(few, low), .., (many, high)], true) = (peaks.as_slice(), peaks.len() > 1) {
        let slope = (*high as f64 - *low as f64) / (*many as f64 - *few as f64);
        println!("slope of a build from nothing: {slope:.0} bytes an enrollment");
    }
    Ok(())
}

/// Builds and refreshes the file of so many enrollments; returns the peak of the build in bytes.
async fn measure(enrollments: usize) -> Result<u64, BoxError> {
    let folder = tempfile::tempdir()?;
    let engine = DynamoDb::start(None)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let objects = ObjectStore::open(folder.path().join("objects"))?;
    let services = Services::new()?.with_table(&engine).with_files(objects);
    let (clients, endpoint) = (services.clients(), folder.path().join("endpoint.json"));
    services.endpoint(&listener)?.publish(&endpoint)?;
    tokio::spawn(services.serve(listener, std::future::pending()));
    create_table(&clients.dynamodb, &Template::embedded()?.table, TABLE).await?;
    let without = StreamSpecification::builder().stream_enabled(false).build()?;
    clients.dynamodb.update_table().table_name(TABLE).stream_specification(without).send().await?;
    clients.s3.create_bucket().bucket(BUCKET).send().await?;
    Store::new(clients.dynamodb.clone(), TABLE).create_tenant(&mut tenant(begin())?).await?;
    fill(&clients, enrollments).await?;
    let mut peak = 0;
    for (what, minutes) in [("built from nothing", 1), ("refreshed", 2)] {
        let scratch = folder.path().join("scratch");
        let began = Instant::now();
        let (stop, watched) = (Arc::new(AtomicBool::new(false)), scratch.clone());
        let disk = {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || most_bytes(&watched, &stop))
        };
        let child = tokio::process::Command::new(std::env::current_exe()?)
            .arg("--export")
            .args([&endpoint, &scratch])
            .arg(minutes.to_string())
            .output()
            .await?;
        stop.store(true, Ordering::Relaxed);
        let disk = disk.join().map_err(|_| "the watch over the disk ended")?;
        if !child.status.success() {
            let said = String::from_utf8_lossy(&child.stderr);
            return Err(format!("the export of {enrollments} enrollments ended with {}: {said}", child.status).into());
        }
        let result: serde_json::Value = serde_json::from_slice(&child.stdout)?;
        let number = |name: &str| result[name].as_u64().unwrap_or_default();
        let (memory, size, rows) = (number("peakBytes"), number("sizeBytes"), number("attempts"));
        println!(
            "{enrollments} enrollments, {what} in {:.1?}: {} MiB of memory at most, file of {} MiB ({rows} attempts), {:.2} \
             times that of disk at most",
            began.elapsed(),
            memory >> 20,
            size >> 20,
            disk as f64 / size as f64
        );
        if minutes == 1 {
            peak = memory;
        }
    }
    Ok(peak)
}

/// The largest total size of the files of a folder, checked often.
fn most_bytes(folder: &Path, stop: &AtomicBool) -> u64 {
    let mut most = 0;
    while !stop.load(Ordering::Relaxed) {
        most = most.max(bytes_in(folder));
        std::thread::sleep(Duration::from_millis(5));
    }
    most
}

fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_in(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.filter_map(Result::ok).map(of).sum()
}

async fn export(clients: &Clients, scratch: &Path, minutes: i64) -> Result<(), BoxError> {
    let store = Store::new(clients.dynamodb.clone(), TABLE);
    let advice = Arc::new(Catalogue::built_in().clone());
    let archive = Archive::new(store, clients.s3.clone(), BUCKET.to_owned(), scratch.to_owned(), advice);
    let now = begin() + Millis::from_minutes(minutes);
    let exported = archive.export(&tenant(begin())?, now, now).await?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse()?;
    let file = exported.file;
    let result = json!({"peakBytes": peak << 10, "sizeBytes": file.size_bytes, "attempts": file.rows.get("attempts")});
    println!("{result}");
    Ok(())
}

/// Stores so many enrollments.
async fn fill(clients: &Clients, enrollments: usize) -> Result<(), BoxError> {
    let (store, tenant) = (Store::new(clients.dynamodb.clone(), TABLE), tenant(begin())?);
    for number in 0..DIFFERENT.min(enrollments) {
        let at = begin() - Millis::from_minutes(i64::try_from(number)? * 40);
        let events: Vec<_> = (0..=STEPS).map(|step| event(number, step, at)).collect::<Result<_, _>>()?;
        store.add_events(&tenant.id, &tenant.settings, events, at).await?;
    }
    let mut scan = clients.dynamodb.scan().table_name(TABLE).into_paginator().items().send();
    let mut heads: Vec<Item> = Vec::new();
    while let Some(item) = scan.next().await {
        let item = item?;
        heads.extend(item.contains_key("d").then_some(item));
    }
    let copies: Vec<usize> = (DIFFERENT.min(enrollments)..enrollments).collect();
    futures::stream::iter(copies.chunks(25).map(Ok::<_, BoxError>))
        .try_for_each_concurrent(8, |numbers| {
            let (heads, client) = (&heads, &clients.dynamodb);
            async move {
                let mut requests = Vec::with_capacity(numbers.len());
                for number in numbers {
                    let mut item = heads[number % heads.len()].clone();
                    item.insert("pk".to_owned(), AttributeValue::S(format!("e#contoso#1{number:022}")));
                    item.insert("cp".to_owned(), AttributeValue::S(format!("contoso#{}", number % 4)));
                    let put = PutRequest::builder().set_item(Some(item)).build()?;
                    requests.push(WriteRequest::builder().put_request(put).build());
                }
                let write = client.batch_write_item().request_items(TABLE, requests).send().await?;
                match write.unprocessed_items.is_none_or(|left| left.is_empty()) {
                    true => Ok(()),
                    false => Err("items stay unprocessed".into()),
                }
            }
        })
        .await
}

fn event(number: usize, step: usize, at: Timestamp) -> Result<vestibule_domain::Event, BoxError> {
    let kind = if step == 0 { "enrollment.started" } else { "enrollment.step.entered" };
    let mut data = json!({
        "device": { "serialNumber": format!("S{number:08}"), "name": format!("Phone {number}") },
        "user": { "principalName": format!("person{number}@example.com") },
        "platform": "iOS",
    });
    if step > 0 {
        data["action"] = json!("iOSProfileLaunch");
    }
    let event = json!({
        "specversion": "1.0",
        "id": format!("{:08x}-0000-4000-8000-{:012x}", number * 31 + step, number * 7_919 + step),
        "source": "https://mdm.example.com",
        "type": kind,
        "time": (at - Millis::from_seconds(i64::try_from(STEPS - step)? * 9)).to_string(),
        "data": data,
    });
    match parse_event(&event, Received::native(at, false)) {
        Parsed::Event(event) => Ok(*event),
        _ => Err(BoxError::from("the benchmark's event is refused")),
    }
}
