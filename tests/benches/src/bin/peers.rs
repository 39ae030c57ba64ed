//! How fast one machine takes events, beside the usual handlers of the same job and beside what its table can do:
//! `cargo run --release -p vestibule-benches --bin peers -- [SECONDS]`.
//!
//! One event a request, at 1, 8 and 32 connections, in three rounds of so many seconds (4 unless said otherwise), of
//! which it prints the middle one. In each round all four have their turn:
//!
//! - `ceiling`: the table's engine alone. The items that Vestibule writes for these events are put under the same
//!   conditions through the same connector, in process: no HTTP, no signature, nothing read, nothing folded.
//! - `Vestibule`: its functions as `serve` runs them, with the stream's publisher and the sweep, but no exports.
//! - `Python`, `Node`: `tests/peers`, one process each, over the same engine in a process of its own.
//!
//! Every one has a folder of its own on the same disk. Processor time is that of all processes that serve; the sender's
//! is not in it, but it takes its part of the machine, except from the ceiling, which has no sender.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use event_publisher::Publisher;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use vestibule_benches::load::{Done, Load, STEPS, nth};
use vestibule_benches::{BoxError, cpu};
use vestibule_domain::Timestamp;
use vestibule_host::{Clients, Endpoint, FrontSettings, Functions, Host, Names};
use vestibule_peers::{Peer, Running};
use vestibule_platform::credentials::new_webhook_secret;
use vestibule_platform::{Bus, Clock, Config};
use vestibule_store::{Secret, Store};

/// The program's.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const CONNECTIONS: [usize; 3] = [1, 8, 32];
const ROUNDS: usize = 3;
const TABLE: &str = "vestibule";
/// The variable by which a child process gets the tenant's secret.
const SECRET: &str = "WEBHOOK_SECRET";
/// The thread on which the engine works.
const ENGINE: &str = "dynamodb-work";
/// A device that the others are not.
const SAMPLE: usize = 999_999_999;

type Item = HashMap<String, AttributeValue>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--serve", folder] => serve(Path::new(folder)).await,
        ["--table", folder] => table(Path::new(folder)).await,
        [] => compare(Duration::from_secs(4)).await,
        [seconds] => compare(Duration::from_secs_f64(seconds.parse()?)).await,
        _ => Err("expected: [SECONDS]".into()),
    }
}

fn names() -> Names {
    Names { table: TABLE.to_owned(), bucket: "reports".to_owned(), bus: "vestibule".to_owned() }
}

/// Resolves when the process that started this one closes its input, or ends.
async fn parent_is_done() {
    let read = || std::io::stdin().read_to_end(&mut Vec::new());
    let _ended = tokio::task::spawn_blocking(read).await;
}

/// A child: the table alone, with the port for other processes.
async fn table(folder: &Path) -> Result<(), BoxError> {
    let mut host = Host::start(folder, &names()).await?;
    println!("{}", host.endpoint.url);
    parent_is_done().await;
    Ok(host.stop().await?)
}

/// A child: Vestibule.
async fn serve(folder: &Path) -> Result<(), BoxError> {
    let clock = Clock::system();
    let host = Host::start(folder, &names()).await?;
    let store = Store::new(host.clients.dynamodb.clone(), TABLE).with_notice(folder.join("tenant-changes"));
    let mut tenant = vestibule_benches::tenant(Timestamp::from_millis(clock.now_millis()))?;
    tenant.webhook_secrets = vec![Secret::new(std::env::var(SECRET)?)];
    store.create_tenant(&mut tenant).await?;
    let config = Config {
        table: TABLE.to_owned(),
        bucket: names().bucket,
        bus: names().bus,
        source: "vestibule".to_owned(),
        advice: None,
        staleness_ms: 0,
    };
    // A tenant's requests a minute are limited unless the operator says otherwise.
    let hook = enrollment_events::hook(store.clone().remembering(), clock.clone()).limited(0);
    let sweep = abandonment_sweep::Sweep::new(store.clone(), clock.clone());
    let publisher = Publisher::new(store, Bus::new(host.clients.events.clone(), &config), clock);
    let flushed = hook.clone();
    let mut functions = Functions::default()
        .with_http("enrollment-events", move |request| {
            let hook = hook.clone();
            async move { hook.handle(request).await }
        })
        .with_events("abandonment-sweep", move |_event| {
            let (sweep, hook) = (sweep.clone(), flushed.clone());
            async move {
                hook.flush_due().await;
                Ok(serde_json::to_value(sweep.run().await?)?)
            }
        })
        .with_events("event-publisher", move |event| {
            let publisher = publisher.clone();
            async move { publisher.handle(event).await }
        });
    for name in ["graph-pull", "notify", "report-export", "report-tick"] {
        functions = functions.with_events(name, async |_| Ok(Value::Null));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(host.run(listener, FrontSettings::default(), functions, parent_is_done()).await?)
}

/// This program as a child, which ends with this process.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(mode: &str, folder: &Path, secret: &str) -> Result<Self, BoxError> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(mode).arg(folder).env(SECRET, secret);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut url = String::new();
        let read = child.stdout.as_mut().map(|stdout| BufReader::new(stdout).read_line(&mut url));
        let served = Self { url: url.trim().to_owned(), child };
        match read {
            Some(Ok(length)) if length > 0 => Ok(served),
            _ => Err(format!("{mode} did not start").into()),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended_already = self.child.wait();
    }
}

/// Milliseconds of the processor.
#[derive(Clone, Copy)]
struct Spent {
    whole: u64,
    engine: u64,
}

/// One of those that are compared.
struct Subject {
    name: &'static str,
    work: Work,
    /// By connections, then by round.
    measured: [Vec<Measured>; CONNECTIONS.len()],
}

enum Work {
    Ceiling(Arc<Ceiling>),
    Vestibule(Load, Served),
    Peer { load: Load, peer: Running, table: Served, clients: Clients },
}

#[derive(Clone, Copy)]
struct Measured {
    a_second: f64,
    /// Milliseconds of the processor for one event.
    whole: f64,
    engine: f64,
}

impl Subject {
    fn new(name: &'static str, work: Work) -> Self {
        Self { name, work, measured: Default::default() }
    }

    async fn run(&self, connections: usize, time: Duration) -> Result<Done, BoxError> {
        match &self.work {
            Work::Ceiling(ceiling) => ceiling.run(connections, time).await,
            Work::Vestibule(load, _) | Work::Peer { load, .. } => load.run(connections, time).await,
        }
    }

    fn spent(&self) -> Result<Spent, BoxError> {
        let with_engine = |process: u32| -> Result<Spent, BoxError> {
            let engine = cpu::of_threads(process)?.remove(ENGINE).ok_or("the engine has no thread")?;
            Ok(Spent { whole: cpu::of_process(process)?, engine })
        };
        match &self.work {
            Work::Ceiling(..) => with_engine(std::process::id()),
            Work::Vestibule(_, served) => with_engine(served.child.id()),
            Work::Peer { peer, table, .. } => {
                let engine = cpu::of_process(table.child.id())?;
                Ok(Spent { whole: cpu::of_process(peer.id())? + engine, engine })
            }
        }
    }

    async fn measure(&self, connections: usize, time: Duration) -> Result<Measured, BoxError> {
        let before = self.spent()?;
        let done = self.run(connections, time).await?;
        let after = self.spent()?;
        let an_event = |before: u64, after: u64| (after - before) as f64 / done.events as f64;
        Ok(Measured {
            a_second: done.events as f64 / done.took.as_secs_f64(),
            whole: an_event(before.whole, after.whole),
            engine: an_event(before.engine, after.engine),
        })
    }

    /// The middle round by a value.
    fn median(&self, column: usize, value: impl Fn(&Measured) -> f64) -> f64 {
        let mut values: Vec<f64> = self.measured[column].iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    /// Whether the table of a peer has what it acknowledged.
    async fn check(&self) -> Result<(), BoxError> {
        let Work::Peer { load, clients, .. } = &self.work else { return Ok(()) };
        let mut pages = clients
            .dynamodb
            .scan()
            .table_name(TABLE)
            .select(Select::Count)
            .filter_expression("attribute_exists(body)")
            .into_paginator()
            .send();
        let mut stored = 0;
        while let Some(page) = pages.next().await {
            stored += usize::try_from(page?.count())?;
        }
        if stored != load.sent() {
            return Err(format!("{} acknowledged {} events and stored {stored}", self.name, load.sent()).into());
        }
        Ok(())
    }
}

/// The engine alone.
struct Ceiling {
    client: aws_sdk_dynamodb::Client,
    /// What Vestibule writes for a device's events, one after another.
    items: Vec<Item>,
    next: AtomicUsize,
}

impl Ceiling {
    async fn run(self: &Arc<Self>, connections: usize, time: Duration) -> Result<Done, BoxError> {
        let begun = Instant::now();
        let until = begun + time;
        // Tasks, so that they run on all threads, as a server's do.
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..connections {
            let this = Arc::clone(self);
            writers.spawn(async move {
                let mut writes = 0;
                while Instant::now() < until {
                    this.write(this.next.fetch_add(1, Ordering::Relaxed)).await?;
                    writes += 1;
                }
                Ok::<usize, BoxError>(writes)
            });
        }
        let mut events = 0;
        while let Some(writes) = writers.join_next().await {
            events += writes??;
        }
        Ok(Done { events, took: begun.elapsed() })
    }

    async fn write(&self, number: usize) -> Result<(), BoxError> {
        let (device, step) = nth(number);
        let mut item = self.items.get(step).ok_or("no such step")?.clone();
        let key = item.get("pk").and_then(|key| key.as_s().ok()).ok_or("an item has no key")?;
        // As long as before.
        let front = key.get(..key.len().saturating_sub(9)).ok_or("a key is no ASCII")?;
        let key = format!("{front}{device:09}");
        item.insert("pk".to_owned(), AttributeValue::S(key));
        let put = self.client.put_item().table_name(TABLE).set_item(Some(item));
        let put = match step.checked_sub(1).and_then(|before| self.items.get(before)?.get("v")) {
            None => put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", "pk"),
            Some(version) => put
                .condition_expression("#v = :v")
                .expression_attribute_names("#v", "v")
                .expression_attribute_values(":v", version.clone()),
        };
        put.send().await?;
        Ok(())
    }
}

/// What a Vestibule that has no enrollment yet writes for a device's events, one after another.
async fn items(load: &Load, folder: &Path) -> Result<Vec<Item>, BoxError> {
    let clients = clients_of(folder)?;
    let mut connection = load.connect().await?;
    let mut items = Vec::with_capacity(STEPS);
    for step in 0..STEPS {
        let status = connection.send(load.request(&load.body(SAMPLE, step))?).await?;
        let found = clients.dynamodb.scan().table_name(TABLE).filter_expression("sk = :head AND attribute_exists(d)");
        let found = found.expression_attribute_values(":head", AttributeValue::S("h".to_owned()));
        let found = found.send().await?.items.unwrap_or_default();
        let [item] = found.as_slice() else { return Err(format!("{status}: {} enrollments", found.len()).into()) };
        items.push(item.clone());
    }
    let indexed = |item: &Item| ["cp", "cb", "ds", "da"].iter().all(|name| item.contains_key(*name));
    println!(
        "items of {} to {} bytes, {} of {STEPS} in both indexes",
        items.first().map_or(0, size),
        items.last().map_or(0, size),
        items.iter().filter(|item| indexed(item)).count()
    );
    Ok(items)
}

/// About the bytes of an item, as DynamoDB counts them.
fn size(item: &Item) -> usize {
    let of = |value: &AttributeValue| match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        _ => 0,
    };
    item.iter().map(|(name, value)| name.len() + of(value)).sum()
}

/// Clients of the services of another process.
fn clients_of(folder: &Path) -> Result<Clients, BoxError> {
    Ok(Clients::new(&endpoint(folder)?))
}

fn endpoint(folder: &Path) -> Result<Endpoint, BoxError> {
    Endpoint::read(&folder.join("endpoint.json")).ok_or_else(|| format!("no services in {}", folder.display()).into())
}

async fn compare(time: Duration) -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let secret = new_webhook_secret()?;
    let data = folder.path().join("vestibule");
    let served = Served::start("--serve", &data, &secret)?;
    let load = Load::new(&served.url, &secret)?;
    let items = items(&load, &data).await?;
    // Held until the end: the engine is its.
    let mut host = Host::start(&folder.path().join("ceiling"), &names()).await?;
    let ceiling = Ceiling { client: host.clients.dynamodb.clone(), items, next: AtomicUsize::new(0) };
    let mut subjects = vec![
        Subject::new("ceiling", Work::Ceiling(Arc::new(ceiling))),
        Subject::new("Vestibule", Work::Vestibule(load, served)),
    ];
    for peer in Peer::ALL {
        match peer.install() {
            Err(why) => println!("SKIPPED {}: {why}", peer.name()),
            Ok(installed) => {
                let data = folder.path().join(peer.name());
                let table = Served::start("--table", &data, &secret)?;
                let running = installed.start(TABLE, &secret, endpoint(&data)?.environment())?;
                let work = Work::Peer {
                    load: Load::new(running.url(), &secret)?,
                    peer: running,
                    table,
                    clients: clients_of(&data)?,
                };
                subjects.push(Subject::new(peer.name(), work));
            }
        }
    }
    for subject in &subjects {
        // Caches, connections to the table, compilers that work while a program runs.
        subject.run(8, time / 2).await?;
    }
    for _ in 0..ROUNDS {
        for (column, connections) in CONNECTIONS.into_iter().enumerate() {
            for subject in &mut subjects {
                let measured = subject.measure(connections, time).await?;
                subject.measured[column].push(measured);
            }
        }
    }
    for subject in &subjects {
        subject.check().await?;
    }
    print(&subjects);
    Ok(host.stop().await?)
}

fn print(subjects: &[Subject]) {
    println!("{ROUNDS} rounds, the middle one; at {} connections", CONNECTIONS.map(|n| n.to_string()).join(", "));
    println!("{:<10} {:>27}   {:>23}   {:>23}", "", "events a second", "CPU ms an event", "of it the table's engine");
    for subject in subjects {
        let row = |value: &dyn Fn(&Measured) -> f64, width: usize, digits: usize| {
            let cells = (0..CONNECTIONS.len()).map(|at| format!("{:>width$.digits$}", subject.median(at, value)));
            cells.collect::<Vec<_>>().join(" ")
        };
        println!(
            "{:<10} {:>27}   {:>23}   {:>23}",
            subject.name,
            row(&|one| one.a_second, 8, 0),
            row(&|one| one.whole, 7, 2),
            row(&|one| one.engine, 7, 2)
        );
    }
    let Some(ours) = subjects.iter().find(|subject| matches!(subject.work, Work::Vestibule(..))) else { return };
    for other in subjects.iter().filter(|subject| subject.name != ours.name) {
        let ratio = |column: usize| ours.median(column, |one| one.a_second) / other.median(column, |one| one.a_second);
        let ratios: Vec<String> = (0..CONNECTIONS.len()).map(|column| format!("{:>8.2}", ratio(column))).collect();
        println!("{:<22} {}", format!("{} / {}", ours.name, other.name), ratios.join(" "));
    }
}
