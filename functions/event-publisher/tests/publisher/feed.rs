//! The feed from end to end over the embedded table: writes, the publisher, and the copy that answers, with a driven
//! clock.
//!
//! Whatever happens in between, a copy that follows the feed answers like one that was built from scratch.

use aws_sdk_dynamodb::types::AttributeValue;
use event_publisher::Publisher;
use proptest::prelude::{ProptestConfig, any, proptest};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use vestibule_archive::Archive;
use vestibule_domain::event::{About, Body, Event, EventKey, Kind, Platform, Step};
use vestibule_domain::{Millis, Reports, TenantId, TenantSettings, Timestamp};
use vestibule_host::dynamodb::{DynamoDb, create_table};
use vestibule_host::stream::{AWAITED, Stream};
use vestibule_host::{Bus as LocalBus, Clients, Functions, Services, Template};
use vestibule_platform::{Bus, Clock, Config};
use vestibule_report::reader::AttemptFilter;
use vestibule_store::{BARRIER_PREFIX, Cause, Page, Store, Tenant};

const TABLE: &str = "feed";
/// When the cases begin.
const T0: i64 = 1_764_000_000_000;
/// After this a feed has settled.
const SETTLED: Millis = Millis::from_seconds(90);
const KINDS: [Kind; 5] = [Kind::Registered, Kind::Started, Kind::StepEntered, Kind::Stopped, Kind::Enrolled];

/// A table with its stream, two publishers, a bus, and a copy that answers.
struct World {
    store: Store,
    clients: Clients,
    archive: Archive,
    now: Arc<AtomicI64>,
    publishers: [Publisher; 2],
    stream: Stream,
    /// Reads the stream's records, instead of a publisher.
    taking: Functions,
    taken: Arc<Mutex<VecDeque<Value>>>,
    /// Batches that were delivered.
    handed_on: Vec<Vec<Value>>,
    folder: tempfile::TempDir,
    rng: u64,
    files: u32,
    _engine: DynamoDb,
}

fn id() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

impl World {
    async fn start(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = DynamoDb::start(None).unwrap();
        let bus = LocalBus::open(&folder.path().join("bus"), "bus").unwrap();
        let clients = Services::new().unwrap().with_table(&engine).with_bus(bus).clients();
        let template = Template::embedded().unwrap();
        create_table(&clients.dynamodb, &template.table, TABLE).await.unwrap();
        let store = Store::new(clients.dynamodb.clone(), TABLE);
        let mut tenant = crate::new_tenant(
            id(),
            TenantSettings { require_compliance: false, ..TenantSettings::default() },
            Timestamp::from_millis(T0),
        );
        store.create_tenant(&mut tenant).await.unwrap();
        let now = Arc::new(AtomicI64::new(T0));
        let config = Config {
            table: TABLE.to_owned(),
            bucket: "none".to_owned(),
            bus: "bus".to_owned(),
            source: "test".to_owned(),
            advice: None,
            staleness_ms: 0,
        };
        let publishers = [(); 2].map(|()| {
            let now = Arc::clone(&now);
            let clock = Clock::driven(move || now.load(Ordering::SeqCst));
            let bus = Bus::new(clients.events.clone(), &config);
            Publisher::new(Store::new(clients.dynamodb.clone(), TABLE), bus, clock)
        });
        let taken: Arc<Mutex<VecDeque<Value>>> = Arc::default();
        let taking = Arc::clone(&taken);
        let taking = Functions::default().with_events(&template.stream.function, move |event| {
            taking.lock().unwrap().extend(event["Records"].as_array().unwrap().iter().cloned());
            async { Ok(json!({"batchItemFailures": []})) }
        });
        let checkpoints = folder.path().join("stream.json");
        let stream = Stream::open(clients.streams.clone(), TABLE, template.stream.clone(), checkpoints).unwrap();
        let archive = archive(&store, &clients, &folder.path().join("follows"));
        Self {
            store,
            clients,
            archive,
            now,
            publishers,
            stream,
            taking,
            taken,
            handed_on: Vec::new(),
            folder,
            rng: seed,
            files: 0,
            _engine: engine,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.rng = self.rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.rng >> 33) % bound
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn pass(&self, time: Millis) {
        self.now.fetch_add(time.get(), Ordering::SeqCst);
    }

    async fn tenant(&self) -> Tenant {
        self.store.tenant(&id()).await.unwrap().unwrap()
    }

    async fn add(&mut self, serial: Option<u64>, udid: Option<u64>, kind: Kind) {
        self.pass(Millis::new(1));
        let (number, now) = (self.below(u64::MAX), self.now());
        let event = Event {
            key: EventKey { source: "https://mdm.example".to_owned(), id: format!("{number}-{}", now.millis()) },
            time: now,
            received_at: now,
            clock_skew: None,
            reports: Reports::ALL,
            about: About {
                serial_number: serial.map(|serial| format!("serial-{serial}")),
                udid: udid.map(|udid| format!("udid-{udid}")),
                platform: Some(Platform::Ios),
                ..About::default()
            },
            body: Body::Enrollment(Step::of(kind)),
        };
        let settings = self.tenant().await.settings;
        self.store.add_events(&id(), &settings, vec![event], now).await.unwrap();
    }

    async fn sweep(&self) {
        let due = self.store.due(self.now()).await.unwrap();
        let settings = [(id(), self.tenant().await.settings)].into();
        self.store.settle_all(&due, &settings, self.now()).await.unwrap();
    }

    /// Delivers what is in the stream as at most `most` batches of any size, each to either publisher. Now and then a
    /// batch is delivered again, in part, early or late.
    async fn hand_on(&mut self, most: usize) {
        self.stream.drain(&self.taking).await.unwrap();
        for _ in 0..most {
            let size = 1 + self.index(6);
            let batch: Vec<Value> = {
                let mut taken = self.taken.lock().unwrap();
                let size = size.min(taken.len());
                taken.drain(..size).collect()
            };
            if batch.is_empty() {
                return;
            }
            self.publish(&batch).await;
            self.handed_on.push(batch);
            if self.below(4) == 0 {
                let any = self.index(self.handed_on.len());
                let again = self.handed_on[any].clone();
                let from = self.index(again.len());
                self.publish(&again[from..]).await;
            }
        }
    }

    async fn publish(&mut self, batch: &[Value]) {
        let any = self.index(2);
        let answer = self.publishers[any].handle(json!({"Records": batch})).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}));
    }

    /// The copy's answer while the stream is delivered.
    async fn ask(&mut self) -> (Timestamp, Vec<String>) {
        self.pass(Millis::new(1));
        let (archive, tenant, now) = (self.archive.clone(), self.tenant().await, self.now());
        let handing_on = async {
            loop {
                self.hand_on(1_000).await;
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            answer = answer(&archive, &tenant, now) => answer,
            () = handing_on => unreachable!(),
        }
    }

    /// The answer of a copy that is built from scratch.
    async fn built(&mut self) -> (Timestamp, Vec<String>) {
        self.files += 1;
        let store = Store::new(self.clients.dynamodb.clone(), TABLE);
        let archive = archive(&store, &self.clients, &self.folder.path().join(self.files.to_string()));
        answer(&archive, &self.tenant().await, self.now()).await
    }

    async fn compare(&mut self) {
        let asked = self.ask().await;
        assert_eq!(asked, self.built().await);
        assert_eq!(asked.0, self.now());
    }

    /// Rewrites the tenant's item like a writer that does not know of feeds.
    async fn lose_the_feed(&self) {
        let update = self.clients.dynamodb.update_item().table_name(TABLE);
        let update = update.key("pk", AttributeValue::S(format!("t#{}", id())));
        let update = update.key("sk", AttributeValue::S("t".to_owned()));
        update.update_expression("REMOVE fs, fu").send().await.unwrap();
    }

    async fn delete(&self, pk: String, sk: String) {
        let delete = self.clients.dynamodb.delete_item().table_name(TABLE);
        delete.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk)).send().await.unwrap();
    }

    /// Calls for a cause by the copy that follows, and by the writers.
    fn calls(&self, cause: Cause) -> u64 {
        self.store.meter().by_cause().get(&cause).map_or(0, |units| units.calls)
    }

    /// Lets the copy follow a feed, after it has read the index for the last time.
    async fn follow(&mut self) {
        self.store.request_feed(&id(), self.now()).await.unwrap();
        self.ask().await;
        self.pass(SETTLED);
        self.ask().await;
        self.pass(Millis::from_minutes(2));
        self.ask().await;
    }
}

fn archive(store: &Store, clients: &Clients, scratch: &std::path::Path) -> Archive {
    let advice = vestibule_archive::advice(None).unwrap();
    let archive = Archive::new(store.clone(), clients.s3.clone(), "none".to_owned(), scratch.to_owned(), advice);
    archive.with_barriers(NonZeroU16::MIN)
}

async fn answer(archive: &Archive, tenant: &Tenant, now: Timestamp) -> (Timestamp, Vec<String>) {
    let question = archive.ask(tenant, now, |reader| {
        let attempts = reader.attempts(&AttemptFilter::default(), None, 10_000)?;
        let rows = attempts.attempts.iter().map(|attempt| format!("{attempt:?}"));
        let status = std::iter::once(format!("{:?}", reader.status()?));
        Ok((reader.as_of(), rows.chain(status).collect()))
    });
    question.await.unwrap()
}

async fn random_steps(seed: u64) {
    let mut world = World::start(seed).await;
    for _ in 0..40 {
        match world.below(20) {
            0..=8 => {
                let (serial, udid) = (world.below(8), world.below(8));
                let kind = KINDS[world.index(KINDS.len())];
                // Some events have one name, some the other, some both: enrollments turn out to be one.
                let (serial, udid) = match world.below(7) {
                    0 => (Some(serial), Some(udid)),
                    1 | 2 => (None, Some(udid)),
                    _ => (Some(serial), None),
                };
                world.add(serial, udid, kind).await;
            }
            9 | 10 => {
                let most = world.index(4);
                world.hand_on(most).await;
            }
            11 => world.sweep().await,
            12 => world.store.request_feed(&id(), world.now()).await.unwrap(),
            13 if world.below(3) == 0 => world.lose_the_feed().await,
            14 | 15 => {
                let time = [1_000, 30_000, 95_000, 130_000, 1_900_000, 8_000_000][world.index(6)];
                world.pass(Millis::new(time));
            }
            _ => world.compare().await,
        }
    }
    world.compare().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_copy_that_follows_answers_as_one_built_from_nothing(seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(random_steps(seed));
    }
}

#[tokio::test]
async fn much_to_look_at_is_followed_and_costs_what_changed() {
    let mut world = World::start(1).await;
    for device in 0..201 {
        world.add(Some(device), None, Kind::Started).await;
    }
    world.ask().await;
    assert_eq!(world.tenant().await.feed, None, "the first answer reads all there is, with or without a feed");
    world.ask().await;
    assert!(world.tenant().await.feed.is_some());
    // The index answers until the feed has settled, and once more after the index has caught up.
    let mut by_index = Vec::new();
    for seconds in [1, 60, 29, 1, 60, 58, 1, 60] {
        world.pass(Millis::from_seconds(seconds));
        let before = world.calls(Cause::Changes);
        world.ask().await;
        by_index.push(world.calls(Cause::Changes) > before);
    }
    assert_eq!(by_index, [true, true, true, false, false, false, true, false]);
    world.store.meter().reset();
    world.ask().await;
    assert_eq!((world.calls(Cause::Changes), world.calls(Cause::Load)), (0, 0));
    world.add(Some(7), None, Kind::Enrolled).await;
    world.store.meter().reset();
    let asked = world.ask().await;
    assert_eq!((world.calls(Cause::Changes), world.calls(Cause::Load)), (0, 1));
    // A consistent read costs a unit, a lagging one half a unit.
    assert_eq!(world.store.meter().by_cause()[&Cause::Load].read, 1.0);
    assert_eq!(asked, world.built().await);
}

#[tokio::test]
async fn what_is_removed_or_merged_away_is_in_the_feed() {
    let mut world = World::start(2).await;
    for device in 0..3 {
        world.add(Some(device), None, Kind::Started).await;
    }
    world.follow().await;
    let keys = world.store.changed_since(&id(), None, Millis::ZERO).await.unwrap();
    world.delete(keys[0].as_str().to_owned(), "h".to_owned()).await;
    world.compare().await;
    assert_eq!(world.ask().await.1.len(), 3, "two attempts and the status");
    world.add(None, Some(1), Kind::Started).await;
    world.add(Some(4), None, Kind::Started).await;
    world.compare().await;
    world.add(Some(4), Some(1), Kind::StepEntered).await;
    world.compare().await;
}

#[tokio::test]
async fn a_publisher_that_is_behind_leaves_the_copy_as_it_is_for_a_minute() {
    let mut world = World::start(3).await;
    world.add(Some(1), None, Kind::Started).await;
    world.follow().await;
    let before = world.ask().await;
    world.add(Some(2), None, Kind::Started).await;
    // Nobody delivers the stream.
    world.pass(Millis::from_seconds(1));
    let (archive, tenant) = (world.archive.clone(), world.tenant().await);
    assert_eq!(answer(&archive, &tenant, world.now()).await, before);
    // The pages come late and are read.
    world.compare().await;
    world.add(Some(3), None, Kind::Started).await;
    world.pass(Millis::from_seconds(61));
    let by_index = answer(&archive, &tenant, world.now()).await;
    assert_eq!(by_index, world.built().await);
    // Pages with changes that the index has already reported come after it.
    world.add(Some(2), None, Kind::Enrolled).await;
    world.compare().await;
    world.pass(Millis::from_minutes(3));
    world.compare().await;
}

#[tokio::test]
async fn a_changed_tenant_keeps_its_feed_and_nobody_else_gets_one() {
    let world = World::start(4).await;
    let mut before = world.tenant().await;
    world.store.request_feed(&id(), world.now()).await.unwrap();
    let feed = world.tenant().await.feed.unwrap();
    // It was read before the feed was requested: the change goes through, and the feed stays.
    before.settings.retention_days += 1;
    world.store.update_tenant(&mut before).await.unwrap();
    assert_eq!(world.tenant().await.feed, Some(feed));
    assert_eq!(world.tenant().await.settings.retention_days, before.settings.retention_days);
    // Another request changes nothing until it has ended.
    world.pass(Millis::from_minutes(1));
    world.store.request_feed(&id(), world.now()).await.unwrap();
    assert_eq!(world.tenant().await.feed, Some(feed));
    world.store.prolong_feed(&id(), feed, world.now()).await.unwrap();
    let prolonged = world.tenant().await.feed.unwrap();
    assert_eq!((prolonged.since, prolonged.until > feed.until), (feed.since, true));
    world.pass(prolonged.until - world.now());
    world.store.request_feed(&id(), world.now()).await.unwrap();
    assert_eq!(world.tenant().await.feed.unwrap().since, world.now());
    // A feed that was replaced is not prolonged.
    let replaced = world.tenant().await.feed;
    world.pass(Millis::from_minutes(1));
    world.store.prolong_feed(&id(), feed, world.now()).await.unwrap();
    assert_eq!(world.tenant().await.feed, replaced);
    let nobody = TenantId::parse("nobody").unwrap();
    world.store.request_feed(&nobody, world.now()).await.unwrap();
    assert_eq!(world.store.tenant(&nobody).await.unwrap(), None);
}

#[tokio::test]
async fn pages_have_no_gap_whoever_appends() {
    let world = World::start(5).await;
    let (tenant, since) = (id(), Timestamp::from_millis(T0));
    let (one, other) = (&world.store, &Store::new(world.clients.dynamodb.clone(), TABLE));
    let page = |name: String| Page { barriers: vec![name], ..Page::default() };
    let mut end = None;
    for number in 0..5 {
        end = Some(one.append_page(&tenant, since, &page(format!("one {number}")), end, since).await.unwrap());
        // Another publisher appends, which remembers a former end.
        other.append_page(&tenant, since, &page(format!("other {number}")), Some(1), since).await.unwrap();
    }
    let at_once: Vec<Page> = (0..12).map(|number| page(format!("at once {number}"))).collect();
    let at_once = at_once.iter().map(|page| other.append_page(&tenant, since, page, None, since));
    futures::future::try_join_all(at_once).await.unwrap();
    assert_eq!(one.feed_pages(&tenant, since, 0).await.unwrap().unwrap().len(), 22);
    assert_eq!(one.feed_end(&tenant, since).await.unwrap(), 22);
    assert_eq!(one.feed_pages(&tenant, since, 22).await.unwrap(), Some(Vec::new()));
    assert_eq!(one.feed_pages(&tenant, since, 7).await.unwrap().unwrap().len(), 15);
    // Time-to-live deleted a page that a reader had not read yet.
    world.delete(format!("c#{tenant}#{T0}"), format!("{:012}", 8)).await;
    assert_eq!(one.feed_pages(&tenant, since, 7).await.unwrap(), None);
    assert_eq!(one.feed_pages(&tenant, since, 8).await.unwrap().unwrap().len(), 14);
}

#[test]
fn the_host_knows_barriers() {
    assert_eq!(AWAITED, BARRIER_PREFIX);
}
