//! What the change feed costs and saves: `cargo run --release -p vestibule-benches --bin feed -- [DEVICES]`.
//!
//! Prints the write units of its pages by the size of a batch. Then starts this machine's services, writes so many
//! devices (40 000 unless said otherwise), and times answers over them: idle, by the index with all of them written
//! within half an hour, and by the feed, also with one more event before each. The clock is driven, so that a feed
//! settles at once; table, stream, publisher and copy are the real ones.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use event_publisher::Publisher;
use futures::TryStreamExt as _;
use serde_json::{Value, json};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use vestibule_archive::Archive;
use vestibule_benches::{BoxError, Table};
use vestibule_domain::{Identifier, Millis, TenantId, TenantSettings, Timestamp};
use vestibule_host::{FrontSettings, Functions, Host, Names};
use vestibule_platform::{Bus, Clock, Config};
use vestibule_store::{Cause, ItemKey, Page, Store};
use vestibule_webhook::Received;
use vestibule_webhook::cloudevents::{Parsed, parse_event};

const T0: i64 = 4_000_000_000_000;
/// Events stored concurrently.
const CONCURRENCY: usize = 16;
/// Timed answers of each kind.
const TIMES: usize = 30;

struct Bench {
    store: Store,
    archive: Archive,
    tenant: TenantId,
    now: Arc<AtomicI64>,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let devices = std::env::args().nth(1).map_or(Ok(40_000), |text| text.parse())?;
    units().await?;
    let folder = tempfile::tempdir()?;
    let config = Config {
        table: "vestibule".to_owned(),
        bucket: "reports".to_owned(),
        bus: "vestibule".to_owned(),
        source: "bench".to_owned(),
        advice: None,
        staleness_ms: 0,
    };
    let names = Names { table: config.table.clone(), bucket: config.bucket.clone(), bus: config.bus.clone() };
    let host = Host::start(folder.path(), &names).await?;
    let store = Store::new(host.clients.dynamodb.clone(), config.table.clone());
    let now = Arc::new(AtomicI64::new(T0));
    let driven = Arc::clone(&now);
    let clock = Clock::driven(move || driven.load(Ordering::SeqCst));
    let publisher = Publisher::new(store.clone(), Bus::new(host.clients.events.clone(), &config), clock);
    let advice = vestibule_archive::advice(None)?;
    let scratch = folder.path().join("scratch");
    let archive = Archive::new(store.clone(), host.clients.s3.clone(), config.bucket, scratch, advice);
    let archive = archive.with_barriers(NonZeroU16::MIN);
    let mut functions = Functions::default().with_events(&host.template().stream.function, move |event| {
        let publisher = publisher.clone();
        async move { publisher.handle(event).await }
    });
    for name in ["abandonment-sweep", "notify", "report-export"] {
        functions = functions.with_events(name, async |_| Ok(Value::Null));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(host.run(listener, FrontSettings::default(), functions, async move {
        let _dropped = stopped.await;
    }));

    let bench = Bench { store, archive, tenant: TenantId::parse("contoso")?, now };
    bench.add_tenant().await?;
    bench.answers(devices).await?;
    drop(stop);
    serving.await??;
    Ok(())
}

/// Write units of pages, by how many changes a batch brings.
async fn units() -> Result<(), BoxError> {
    let table = Table::start().await?;
    let (tenant, now) = (TenantId::parse("contoso")?, Timestamp::from_millis(T0));
    let mut end = None;
    for changes in [1_u64, 10, 25, 40, 100] {
        table.store.meter().reset();
        let keys = (0..changes).filter_map(|number| {
            let name =
                Identifier::new(vestibule_domain::identity::IdentifierKind::SerialNumber, &format!("SERIAL{number}"))?;
            Some((ItemKey::of(&tenant, &name), T0.unsigned_abs() + number))
        });
        let page = Page { changes: keys.collect(), barriers: Vec::new() };
        end = Some(table.store.append_page(&tenant, now, &page, end, now).await?);
        let units = table.store.meter().total();
        println!(
            "a batch of {changes:>3} changes: {} write units, {:.3} a change",
            units.write,
            units.write / changes as f64
        );
    }
    Ok(())
}

impl Bench {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn pass(&self, time: Millis) {
        self.now.fetch_add(time.get(), Ordering::SeqCst);
    }

    async fn add_tenant(&self) -> Result<(), BoxError> {
        let mut tenant = vestibule_benches::tenant(self.now())?;
        Ok(self.store.create_tenant(&mut tenant).await?)
    }

    async fn add(&self, device: usize, kind: &str) -> Result<(), BoxError> {
        let at = self.now();
        let event = json!({
            "specversion": "1.0",
            "id": format!("{device:016x}{:016x}", at.millis()),
            "source": "https://mdm.example.com",
            "type": format!("enrollment.{kind}"),
            "data": { "device": { "serialNumber": format!("S{device:08}") }, "platform": "iOS" },
        });
        let Parsed::Event(event) = parse_event(&event, Received::native(at, false)) else {
            return Err("the benchmark's event is refused".into());
        };
        self.store.add_events(&self.tenant, &TenantSettings::default(), vec![*event], at).await?;
        Ok(())
    }

    /// An event of each device, within half an hour.
    async fn fill(&self, devices: usize, kind: &str) -> Result<(), BoxError> {
        let begun = Instant::now();
        let step = 30 * 60_000 / i64::try_from(devices)?.max(1);
        futures::stream::iter((0..devices).map(Ok))
            .try_for_each_concurrent(CONCURRENCY, async |device| {
                self.pass(Millis::new(step));
                self.add(device, kind).await
            })
            .await?;
        println!("{devices} devices written in {:.1?}", begun.elapsed());
        Ok(())
    }

    /// One answer, as the API gives it: the tenant is read, then the copy is asked.
    async fn ask(&self) -> Result<Duration, BoxError> {
        self.pass(Millis::new(100));
        let begun = Instant::now();
        let tenant = self.store.tenant(&self.tenant).await?.ok_or("no tenant")?;
        let as_of = self.archive.ask(&tenant, self.now(), |reader| reader.status().map(|_| reader.as_of())).await?;
        let took = begun.elapsed();
        if as_of != self.now() {
            return Err(format!("an answer as of {as_of} at {}", self.now()).into());
        }
        Ok(took)
    }

    /// So many answers, each after so many events.
    async fn time(&self, what: &str, times: usize, events: usize) -> Result<Duration, BoxError> {
        let mut all = Vec::new();
        self.store.meter().reset();
        for number in 0..times {
            for event in 0..events {
                self.add(number * events + event, "compliant").await?;
            }
            all.push(self.ask().await?);
        }
        all.sort_unstable();
        let (p50, most) = (all[all.len() / 2], all[all.len() - 1]);
        let causes = self.store.meter().by_cause();
        let units =
            [Cause::Changes, Cause::Load, Cause::Feed].map(|cause| causes.get(&cause).copied().unwrap_or_default());
        let read: f64 = units.iter().map(|units| units.read).sum::<f64>() / times as f64;
        let written: f64 = units.iter().map(|units| units.write).sum::<f64>() / times as f64;
        println!("{what:<44} p50 {p50:>9.2?}  max {most:>9.2?}  {read:>8.1} read, {written:.1} written an answer");
        Ok(p50)
    }

    async fn answers(&self, devices: usize) -> Result<(), BoxError> {
        self.fill(devices, "enrolled").await?;
        println!("first answer: {:.2?}", self.ask().await?);
        self.pass(Millis::from_days(2));
        let idle = self.time("idle, by the index", TIMES, 0).await?;
        self.fill(devices, "compliant").await?;
        // The first answer reads everything that changed. It and the next look at everything, and request a feed.
        println!("first answer after all were written: {:.2?}", self.ask().await?);
        self.time("all written in half an hour, by the index", 3, 0).await?;
        self.pass(Millis::from_seconds(90));
        println!("the feed has settled: {:.2?}", self.ask().await?);
        self.pass(Millis::from_minutes(2));
        println!("the index has caught up: {:.2?}", self.ask().await?);
        let fed = self.time("all written in half an hour, by the feed", TIMES, 0).await?;
        let one = self.time("the same, after one more event", TIMES, 1).await?;
        let ten = self.time("the same, after ten more events", TIMES, 10).await?;
        let ratio = |took: Duration| took.as_secs_f64() / idle.as_secs_f64();
        println!("against an idle answer: {:.2}, {:.2}, {:.2} times", ratio(fed), ratio(one), ratio(ten));
        Ok(())
    }
}
