//! The units that the sample's traffic really takes, by the names of `shared/cost/src/costs.json`.
//!
//! Everything runs that runs on AWS: the webhook with signatures, the sweep as its schedule runs it, the publisher on the
//! table's stream, and two exports. Under them are the embedded table, the bus and the object store of one machine.
//!
//! Must stay true: a figure here is the same on every machine and in every run, so that a test can hold the data file
//! against it. What depends on the machine is in the program `units`.

mod size;

use crate::load::TENANT;
use crate::{BoxError, Spy, deliveries, quiet, tenant};
use abandonment_sweep::Sweep;
use aws_sdk_eventbridge::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_eventbridge::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_eventbridge::operation::put_events::PutEventsInput;
use aws_sdk_s3::operation::get_object::GetObjectInput;
use event_publisher::Publisher;
use http::Request;
use report_export::Exporter;
use report_tick::Tick;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use vestibule_advice::Catalogue;
use vestibule_archive::Archive;
use vestibule_cost::{Basis, Costs};
use vestibule_domain::{Millis, Timestamp};
use vestibule_host::dynamodb::{DynamoDb, create_table};
use vestibule_host::s3::ObjectStore;
use vestibule_host::stream::Stream;
use vestibule_host::{Bus as LocalBus, Clients, Functions, Services, Template};
use vestibule_intake::Hook;
use vestibule_platform::{Bus, Clock, Config, HttpResponse, Operation, metrics};
use vestibule_simulator::{Delivery, Scenario, simulate};
use vestibule_store::{Cause, Secret, Store, Tenant, Units};
use vestibule_webhook::proof::Proof;

const TABLE: &str = "benches";
const BUCKET: &str = "reports";
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// The sample's end, in 2080. It is later than any machine's clock, by which an engine removes expired items, and before 2083,
/// up to which a report file numbers attempts by their instants.
const UNTIL_MS: i64 = 3_500_000_000_000;
const MINUTE: i64 = 60_000;
/// Deliveries between two looks at the stream.
const HANDED_ON_AFTER: usize = 50;
/// What the bus counts as one event, in bytes.
const BUS_CHUNK: usize = 64 << 10;
/// How long the table keeps what an enrollment's item holds, in months: the longest retention and five weeks.
const KEPT_MONTHS: f64 = 435.0 / 30.0;
/// What a call to a service takes, in milliseconds: assumed, since no cloud is reachable here.
pub const CALL_MS: f64 = 4.0;
/// The memory at which a function has one processor, in MB.
const ONE_PROCESSOR_MB: f64 = 1_769.0;
/// How the data file begins what a unit stands on that was only assumed so far.
const NOT_YET: &str = "not measured yet: ";
/// A figure below this share of the agreed one means that the agreed one is out of date.
const OUT_OF_DATE: f64 = 0.75;

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Requests that were made.
    pub requests: usize,
    /// Events that were stored.
    pub events: usize,
    /// Enrollments in the sample.
    pub enrollments: usize,
    /// Records of the stream for each event.
    pub records_per_event: f64,
    /// Those of heads and links, which the template's filter lets through.
    pub heads_per_event: f64,
    /// Calls that a request waits for, one after another, on average, but for those that are made once in a while.
    pub calls_per_request: f64,
    /// Those that are made once in a while: as few requests as the sample has pay nearly all of them.
    pub paused_calls_per_request: f64,
    /// Calls of the publisher for each record.
    pub publisher_calls_per_record: f64,
    /// Processor time of a request in the webhook, and of a record in the publisher, of this machine and profile.
    pub hook_time: Duration,
    /// See [`hook_time`](Self::hook_time).
    pub record_time: Duration,
    /// Bytes of an event on the bus.
    pub bus_bytes: f64,
    /// Units by their names in the data file.
    pub units: BTreeMap<&'static str, f64>,
}

/// The sample whose figures stand in the data file: a month of a small tenant.
pub const fn scenario() -> Scenario {
    Scenario { seed: 1, enrollments: 300, days: 30, until_ms: UNTIL_MS }
}

/// Counts calls to the bus and the bucket.
#[derive(Clone, Debug, Default)]
struct Calls {
    events: Arc<AtomicUsize>,
    /// Those that a rule hands on to `notify`, whether a tenant has rules for messages or not.
    news: Arc<AtomicUsize>,
    is_news: Arc<BTreeSet<String>>,
    bytes: Arc<AtomicUsize>,
    reads: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), aws_sdk_eventbridge::error::BoxError> {
        if let Some(put) = context.input().downcast_ref::<PutEventsInput>() {
            for entry in put.entries() {
                let texts = [entry.source(), entry.detail_type(), entry.detail()];
                let size: usize = texts.into_iter().flatten().map(str::len).sum();
                self.bytes.fetch_add(size, Ordering::SeqCst);
                self.events.fetch_add(size.div_ceil(BUS_CHUNK).max(1), Ordering::SeqCst);
                let is_news = entry.detail_type().is_some_and(|name| self.is_news.contains(name));
                self.news.fetch_add(usize::from(is_news), Ordering::SeqCst);
            }
        } else if context.input().downcast_ref::<GetObjectInput>().is_some() {
            self.reads.fetch_add(1, Ordering::SeqCst);
        } else {
            // Heads cost as little as reads, but which of both a call is makes no difference worth a list here.
            self.writes.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }
}

impl Calls {
    /// Puts and gets since this was last asked.
    fn files(&self) -> [f64; 2] {
        [&self.writes, &self.reads].map(|count| count.swap(0, Ordering::SeqCst) as f64)
    }
}

/// What the publisher was given, and the processor time that it took.
#[derive(Debug, Default)]
struct Given {
    records: usize,
    heads: usize,
    time: Duration,
}

struct World {
    clients: Clients,
    tenant: Tenant,
    hook: Hook,
    /// The stores of the webhook, the sweep, the publisher and the exports; each has its own meter.
    stores: [Store; 4],
    spy: Spy,
    sweep: Sweep,
    stream: Stream,
    publishing: Functions,
    given: Arc<Mutex<Given>>,
    calls: Calls,
    bus: Bus,
    clock: Clock,
    now: Arc<AtomicI64>,
    folder: TempDir,
    _engine: DynamoDb,
}

impl World {
    async fn start() -> Result<Self, BoxError> {
        // Memory if this machine has a disk there: nothing here is to survive it.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory)? } else { TempDir::new()? };
        let engine = DynamoDb::start(Some(&folder.path().join("table.sqlite")))?;
        let bus = LocalBus::open(&folder.path().join("bus"), "bus")?;
        let objects = ObjectStore::open(folder.path().join("objects"))?;
        let clients = Services::new()?.with_table(&engine).with_bus(bus).with_files(objects).clients();
        let template = Template::embedded()?;
        create_table(&clients.dynamodb, &template.table, TABLE).await?;
        clients.s3.create_bucket().bucket(BUCKET).send().await?;
        let spy = Spy::default();
        let spied = clients.dynamodb.config().to_builder().interceptor(spy.clone()).build();
        let stores = [(); 4].map(|()| Store::new(aws_sdk_dynamodb::Client::from_conf(spied.clone()), TABLE));
        let mut tenant = tenant(Timestamp::from_millis(UNTIL_MS - 31 * 24 * 60 * MINUTE))?;
        tenant.webhook_secrets = vec![Secret::new(SECRET)];
        stores[3].create_tenant(&mut tenant).await?;
        let now = Arc::new(AtomicI64::new(0));
        let driven = Arc::clone(&now);
        let clock = Clock::driven(move || driven.load(Ordering::SeqCst));
        let rules = template.rules.iter().filter(|rule| rule.function == "notify");
        let names = rules.flat_map(|rule| rule.pattern["detail-type"].as_array()).flatten();
        let is_news = names.filter_map(|name| name.as_str().map(str::to_owned)).collect();
        let calls = Calls { is_news: Arc::new(is_news), ..Calls::default() };
        let events = clients.events.config().to_builder().interceptor(calls.clone()).build();
        let config = Config {
            table: TABLE.to_owned(),
            bucket: BUCKET.to_owned(),
            bus: "bus".to_owned(),
            source: "vestibule".to_owned(),
            advice: None,
            staleness_ms: 0,
        };
        let bus = Bus::new(aws_sdk_eventbridge::Client::from_conf(events), &config);
        let publisher = Publisher::new(stores[2].clone(), bus.clone(), clock.clone());
        let given: Arc<Mutex<Given>> = Arc::default();
        let taking = Arc::clone(&given);
        let publishing = Functions::default().with_events(&template.stream.function, move |event| {
            let (publisher, given) = (publisher.clone(), Arc::clone(&taking));
            async move {
                let records = event["Records"].as_array().map_or(0, Vec::len);
                let heads = event["Records"].as_array().into_iter().flatten().filter(|record| is_head(record)).count();
                let began = thread_time();
                let answer = publisher.handle(event).await;
                let mut given = given.lock().unwrap_or_else(PoisonError::into_inner);
                given.records += records;
                given.heads += heads;
                given.time += thread_time().saturating_sub(began);
                answer
            }
        });
        let checkpoints = folder.path().join("stream.json");
        let stream = Stream::open(clients.streams.clone(), TABLE, template.stream, checkpoints)?;
        Ok(Self {
            hook: Hook::new(stores[0].clone(), clock.clone()).limited(0),
            sweep: Sweep::new(stores[1].clone(), clock.clone()),
            clients,
            tenant,
            stores,
            spy,
            stream,
            publishing,
            given,
            calls,
            bus,
            clock,
            now,
            folder,
            _engine: engine,
        })
    }

    /// Runs the sweep at each minute until then at which something may be due.
    async fn sweep_until(&self, until: i64) -> Result<(), BoxError> {
        while let Some(deadline) = self.spy.next_deadline() {
            let minute = (deadline.div_euclid(MINUTE) + 1) * MINUTE;
            if minute > until {
                break;
            }
            self.now.store(minute, Ordering::SeqCst);
            self.spy.pass(minute);
            self.sweep.run().await?;
        }
        self.now.store(until, Ordering::SeqCst);
        Ok(())
    }

    async fn post(&self, delivery: &Delivery) -> Result<(HttpResponse, Duration), BoxError> {
        let body = delivery.event.to_bytes();
        let now = Timestamp::from_millis(delivery.at_ms);
        let headers = Proof::StandardWebhooks.headers(SECRET, &body, now).ok_or("the secret is malformed")?;
        let path = if delivery.event.kind.is_esp() { "esp-status" } else { "enrollment-events" };
        let request = Request::post(format!("/hooks/{TENANT}/{path}"));
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let request = request.body(body.into())?;
        let began = thread_time();
        let answer = self.hook.handle(request).await;
        let time = thread_time().saturating_sub(began);
        metrics::count_answer(Operation::of(&answer).0, answer.status().as_u16(), time.as_secs_f64());
        Ok((answer, time))
    }

    /// Publishes the tenant's file as of then, in a process of its own.
    async fn export(&self, name: &str, as_of: Timestamp) -> Result<(), BoxError> {
        let s3 = self.clients.s3.config().to_builder().interceptor(self.calls.clone()).build();
        let s3 = aws_sdk_s3::Client::from_conf(s3);
        let scratch = self.folder.path().join(name);
        let advice = Arc::new(Catalogue::built_in().clone());
        let archive = Archive::new(self.stores[3].clone(), s3, BUCKET.to_owned(), scratch, advice);
        self.now.store(as_of.millis(), Ordering::SeqCst);
        let exporter = Exporter::named(archive, self.bus.clone(), self.clock.clone(), name);
        exporter.export(&self.tenant.id, as_of).await?;
        Ok(())
    }

    /// Bytes that the table and its indexes keep of enrollments, with what DynamoDB adds.
    async fn bytes_kept(&self) -> Result<[usize; 2], BoxError> {
        let mut items = self.clients.dynamodb.scan().table_name(TABLE).into_paginator().items().send();
        let mut sums = [0; 2];
        while let Some(item) = items.next().await {
            let item = item?;
            if item.get("pk").and_then(|key| key.as_s().ok()).is_some_and(|key| key.starts_with("e#")) {
                sums[0] += size::of_item(&item);
                sums[1] += size::of_index_entries(&item);
            }
        }
        Ok(sums)
    }
}

/// Posts a sample and measures what that takes.
///
/// # Errors
/// When a service fails, or an event is refused.
pub async fn measure(scenario: &Scenario) -> Result<Measured, BoxError> {
    let mut world = World::start().await?;
    let all = simulate(scenario);
    let mut measured = Measured { requests: all.len(), enrollments: scenario.enrollments, ..Measured::default() };
    for (number, delivery) in all.iter().enumerate() {
        world.sweep_until(delivery.at_ms).await?;
        let (answer, time) = world.post(delivery).await?;
        if !answer.status().is_success() {
            return Err(format!("an event was answered {}: {:?}", answer.status(), delivery.event).into());
        }
        measured.events += usize::from(answer.status() == http::StatusCode::ACCEPTED && !is_known(&answer));
        measured.hook_time += time;
        if number % HANDED_ON_AFTER == 0 {
            world.stream.drain(&world.publishing).await?;
        }
    }
    world.sweep_until(UNTIL_MS + 24 * 60 * MINUTE).await?;
    world.stream.drain(&world.publishing).await?;
    let [hook, sweep, publisher, _] = world.stores.each_ref().map(|store| store.meter().by_cause());
    let events = measured.events.max(1) as f64;
    let given = std::mem::take(&mut *world.given.lock().unwrap_or_else(PoisonError::into_inner));
    measured.records_per_event = given.records as f64 / events;
    measured.heads_per_event = given.heads as f64 / events;
    measured.hook_time /= u32::try_from(all.len().max(1))?;
    measured.record_time = given.time / u32::try_from(given.records.max(1))?;
    let requests = all.len().max(1) as f64;
    let paused = |cause| matches!(cause, Cause::Tenant | Cause::Deliveries);
    measured.calls_per_request = of(&hook, |cause| !paused(cause)).calls as f64 / requests;
    measured.paused_calls_per_request = of(&hook, paused).calls as f64 / requests;
    measured.publisher_calls_per_record = of(&publisher, |_| true).calls as f64 / given.records.max(1) as f64;
    let published = world.calls.events.swap(0, Ordering::SeqCst);
    let news = world.calls.news.swap(0, Ordering::SeqCst);
    measured.bus_bytes = world.calls.bytes.swap(0, Ordering::SeqCst) as f64 / published.max(1) as f64;
    let stored = |cause| of(&hook, |other| other == cause);
    let swept = of(&sweep, |cause| cause == Cause::SweepWrite);
    let indexes = world.spy.index_units();
    let index_writes =
        |name: &str| -> f64 { indexes.iter().filter(|((_, index), _)| index == name).map(|(_, units)| units).sum() };
    let per_call = |units: Units| units.read / units.calls.max(1) as f64;
    let mut units = BTreeMap::from([
        ("eventWrites", stored(Cause::Events).write / events),
        ("dueWrites", index_writes("due") / events),
        ("changeWrites", index_writes("changes") / events),
        ("linkWrites", (stored(Cause::Link).write + stored(Cause::Merge).write) / events),
        ("sweepWrites", swept.write / events),
        ("eventReads", (stored(Cause::Lookup).read + stored(Cause::Segments).read) / events),
        ("hookTenantReads", per_call(stored(Cause::Tenant))),
        ("publisherReads", of(&publisher, |cause| cause != Cause::Tenant).read / events),
        ("publisherTenantReads", per_call(of(&publisher, |cause| cause == Cause::Tenant))),
        ("sweepReads", of(&sweep, |cause| matches!(cause, Cause::SweepRead | Cause::Tenant)).read / events),
        ("busEvents", published as f64 / events),
        ("newsRuns", news as f64 / events),
        ("accessLog", size::of_log_line()? as f64 / 1e9),
    ]);
    // Thirty nights a month; an enrollment is read again on each night after it changed.
    let enrollments = measured.enrollments.max(1) as f64;
    let exports = world.stores[3].meter().clone();
    let as_of = |days: i64| Timestamp::from_millis(UNTIL_MS) + Millis::from_days(days);
    exports.reset();
    world.export("first-night", as_of(1)).await?;
    let first = exports.total();
    exports.reset();
    world.calls.files();
    world.calls.events.store(0, Ordering::SeqCst);
    world.export("quiet-night", as_of(2)).await?;
    let quiet_night = exports.total();
    let [puts, gets] = world.calls.files();
    // The tick's request comes from another function.
    let night_events = 1 + world.calls.events.swap(0, Ordering::SeqCst);
    exports.reset();
    Tick::new(world.stores[3].clone(), world.bus.clone(), world.clock.clone()).handle(json!({})).await?;
    let tick = exports.total();
    units.extend([
        ("exportReads", (first.read - quiet_night.read).max(0.0) / enrollments),
        ("tickReads", tick.read * 30.0 * 96.0),
        ("nightReads", quiet_night.read * 30.0),
        ("nightWrites", (quiet_night.write + quiet_night.index_write) * 30.0),
        ("nightPuts", puts * 30.0),
        ("nightGets", gets * 30.0),
        ("nightEvents", night_events as f64 * 30.0),
        ("sweepQueries", quiet::sweep(&crate::Table::start().await?).await?.read * 30.0 * 1_440.0),
        ("logWrites", deliveries::log(10, 30).await?.units.write / 30.0),
    ]);
    let [table, indexes] = world.bytes_kept().await?.map(|bytes| bytes as f64 / enrollments * KEPT_MONTHS / 1e9);
    units.extend([("tableKept", table + indexes), ("tableBackups", table)]);
    measured.units = units;
    Ok(measured)
}

impl Measured {
    /// Write units of an event, indexes included.
    pub fn written(&self) -> f64 {
        let writes = ["eventWrites", "dueWrites", "changeWrites", "linkWrites", "sweepWrites"];
        writes.iter().filter_map(|id| self.units.get(id)).sum()
    }

    /// What the data file does not say: units above the agreed ones, or so far below that those are out of date.
    pub fn departures(&self, costs: &Costs) -> Vec<String> {
        let agreed = costs.units.iter().filter(|unit| unit.basis == Basis::Measured);
        let agreed = agreed.map(|unit| (unit.id.as_str(), unit.quantity));
        let mut agreed: BTreeMap<&str, f64> = agreed.collect();
        agreed.insert("recordsPerEvent", costs.stream.records_per_event);
        agreed.insert("eventsPerEnrollment", costs.events_per_enrollment);
        let mut measured: BTreeMap<&str, f64> = self.units.clone();
        measured.insert("recordsPerEvent", self.heads_per_event);
        measured.insert("eventsPerEnrollment", self.events as f64 / self.enrollments.max(1) as f64);
        let mut departures = Vec::new();
        for (id, agreed) in &agreed {
            match measured.get(id) {
                None => departures.push(format!("{id} is not measured")),
                Some(now) if now > agreed => departures.push(format!("{id}: {now} is more than the agreed {agreed}")),
                Some(now) if now / agreed < OUT_OF_DATE => {
                    departures.push(format!("{id}: {now} is far less than {agreed}, which is out of date"));
                }
                Some(_) => {}
            }
        }
        let unknown = measured.keys().filter(|id| !agreed.contains_key(*id) && costs.unit(id).is_none());
        departures.extend(unknown.map(|id| format!("{id} is not in the data file")));
        departures
    }
}

/// Writes what was measured into the data file, a little more than that, for whoever changes units on purpose.
///
/// # Errors
/// When the file can't be read or written.
pub fn agree(costs: &Costs, measured: &Measured) -> Result<(), BoxError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cost/src/costs.json");
    let mut data: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    data["eventsPerEnrollment"] = agreed(measured.events as f64 / measured.enrollments.max(1) as f64).into();
    data["stream"]["recordsPerEvent"] = agreed(measured.heads_per_event).into();
    for (index, unit) in costs.units.iter().enumerate() {
        if let Some(value) = measured.units.get(unit.id.as_str()) {
            let unit = &mut data["units"][index];
            unit["quantity"] = agreed(*value).into();
            unit["basis"] = "measured".into();
            let how = unit["how"].as_str().unwrap_or_default().trim_start_matches(NOT_YET).to_owned();
            unit["how"] = how.into();
        }
    }
    std::fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&data)?))?;
    Ok(())
}

/// A little more than a value, with three digits that mean something.
fn agreed(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let least = value * 1.005;
    let digit = 10_f64.powf(least.log10().floor() - 2.0);
    // Through its text, so that no digit is left over from the arithmetic.
    format!("{:.2e}", (least / digit).ceil() * digit).parse().unwrap_or(least)
}

/// GB-seconds of a function with this memory for one run, which waits for so many calls and computes for so long.
pub fn gb_seconds(memory_mb: f64, calls: f64, processor: Duration) -> f64 {
    let waits = calls * CALL_MS / 1_000.0;
    let computes = processor.as_secs_f64() * (ONE_PROCESSOR_MB / memory_mb).max(1.0);
    memory_mb / 1_024.0 * (waits + computes)
}

/// Units of some causes together.
fn of(by_cause: &BTreeMap<Cause, Units>, is_meant: impl Fn(Cause) -> bool) -> Units {
    let meant = by_cause.iter().filter(|(cause, _)| is_meant(**cause));
    meant.fold(Units::default(), |sum, (_, one)| Units {
        read: sum.read + one.read,
        write: sum.write + one.write,
        index_write: sum.index_write + one.index_write,
        calls: sum.calls + one.calls,
    })
}

/// Whether a record is of an enrollment's head, or of a link to one.
fn is_head(record: &Value) -> bool {
    let key = |name: &str| record.pointer(&format!("/dynamodb/Keys/{name}/S")).and_then(Value::as_str);
    key("sk") == Some("h") && key("pk").is_some_and(|pk| pk.starts_with("e#"))
}

/// Whether the answer says that the event was stored before.
fn is_known(answer: &HttpResponse) -> bool {
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    body.pointer("/results/0/status").and_then(Value::as_str) == Some("duplicate")
}

/// Processor time of this thread. The engine works on threads of its own, so it is not in it.
fn thread_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
    Duration::from_nanos(nanos)
}
