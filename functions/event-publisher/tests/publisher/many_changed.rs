//! What answers cost where thousands of attempts have changed: counted in calls, since each takes its time.

use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use event_publisher::Publisher;
use futures::TryStreamExt as _;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use vestibule_archive::Archive;
use vestibule_conformance::fixtures::Device;
use vestibule_domain::{Kind, Millis, TenantId, TenantSettings, Timestamp};
use vestibule_host::dynamodb::{DynamoDb, create_table};
use vestibule_host::s3::ObjectStore;
use vestibule_host::stream::Stream;
use vestibule_host::{Bus as LocalBus, Clients, Functions, Services, Template};
use vestibule_platform::{Bus, Clock, Config};
use vestibule_store::{Store, Tenant};

const TABLE: &str = "table";
const BUCKET: &str = "bucket";
const DEVICES: usize = 8_000;
const T0: i64 = 1_764_000_000_000;

/// Counts the calls of the clients that it listens to.
#[derive(Clone, Debug, Default)]
struct Calls(Arc<AtomicUsize>);

impl Calls {
    /// The calls since this was last asked.
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

struct World {
    store: Store,
    clients: Clients,
    /// What `admin-api` has: its clients are counted.
    api: (Store, Archive),
    calls: Calls,
    stream: Stream,
    publishing: Functions,
    now: Arc<AtomicI64>,
    folder: tempfile::TempDir,
    _engine: DynamoDb,
}

fn id() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

fn archive(store: Store, s3: aws_sdk_s3::Client, scratch: &Path) -> Archive {
    Archive::new(store, s3, BUCKET.to_owned(), scratch.to_owned(), vestibule_archive::advice(None).unwrap())
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = DynamoDb::start(None).unwrap();
        let bus = LocalBus::open(&folder.path().join("bus"), "bus").unwrap();
        let objects = ObjectStore::open(folder.path().join("objects")).unwrap();
        let services = Services::new().unwrap().with_table(&engine).with_bus(bus).with_files(objects);
        let clients = services.clients();
        let template = Template::embedded().unwrap();
        create_table(&clients.dynamodb, &template.table, TABLE).await.unwrap();
        clients.s3.create_bucket().bucket(BUCKET).send().await.unwrap();
        let store = Store::new(clients.dynamodb.clone(), TABLE);
        let mut tenant = crate::new_tenant(id(), TenantSettings::default(), Timestamp::from_millis(T0));
        store.create_tenant(&mut tenant).await.unwrap();
        let now = Arc::new(AtomicI64::new(T0));
        let config = Config {
            table: TABLE.to_owned(),
            bucket: BUCKET.to_owned(),
            bus: "bus".to_owned(),
            source: "test".to_owned(),
            advice: None,
            staleness_ms: 0,
        };
        let driven = Arc::clone(&now);
        let clock = Clock::driven(move || driven.load(Ordering::SeqCst));
        let publisher = Publisher::new(store.clone(), Bus::new(clients.events.clone(), &config), clock);
        let publishing = Functions::default().with_events(&template.stream.function, move |event| {
            let publisher = publisher.clone();
            async move { publisher.handle(event).await }
        });
        let checkpoints = folder.path().join("stream.json");
        let stream = Stream::open(clients.streams.clone(), TABLE, template.stream.clone(), checkpoints).unwrap();
        let calls = Calls::default();
        let counted = clients.dynamodb.config().to_builder().interceptor(calls.clone()).build();
        let counted = Store::new(aws_sdk_dynamodb::Client::from_conf(counted), TABLE);
        let s3 = aws_sdk_s3::Client::from_conf(clients.s3.config().to_builder().interceptor(calls.clone()).build());
        let api = (counted.clone(), archive(counted, s3, &folder.path().join("api")));
        Self { store, clients, api, calls, stream, publishing, now, folder, _engine: engine }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn pass(&self, time: Millis) {
        self.now.fetch_add(time.get(), Ordering::SeqCst);
    }

    /// An event of each device.
    async fn all(&self, kind: Kind) {
        let settings = TenantSettings::default();
        futures::stream::iter((0..DEVICES).map(Ok::<_, vestibule_store::StoreError>))
            .try_for_each_concurrent(16, async |number| {
                self.pass(Millis::new(1));
                let now = self.now();
                let event = Device::serial(format!("S{number:05}")).reports(format!("{kind:?}-{number}"), kind, now);
                self.store.add_events(&id(), &settings, vec![event], now).await.map(drop)
            })
            .await
            .unwrap();
    }

    /// Forgets what is in the stream.
    async fn skip_the_stream(&mut self) {
        let nothing = Functions::default().with_events(&Template::embedded().unwrap().stream.function, async |_| {
            Ok(json!({"batchItemFailures": []}))
        });
        self.stream.drain(&nothing).await.unwrap();
    }

    /// A question as the API answers it, and its calls.
    async fn ask(&mut self) -> usize {
        self.pass(Millis::new(100));
        let now = self.now();
        self.calls.take();
        let (store, archive) = self.api.clone();
        let answer = async move {
            let tenant = store.tenant(&id()).await.unwrap().unwrap();
            archive.ask(&tenant, now, |reader| Ok((reader.status()?.in_progress, reader.as_of()))).await.unwrap()
        };
        let handing_on = async {
            loop {
                self.stream.drain(&self.publishing).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (enrolling, as_of) = tokio::select! {
            answer = answer => answer,
            () = handing_on => unreachable!(),
        };
        assert_eq!((enrolling, as_of), (DEVICES as u64, now));
        self.calls.take()
    }
}

/// The first answer of a process, with a published file from the night before; those until a feed has settled, which
/// look at everything in the index again; and all that follow.
#[tokio::test(flavor = "multi_thread")]
async fn a_cold_answer_takes_few_calls_and_later_ones_take_ten() {
    let mut world = World::start().await;
    world.all(Kind::Started).await;
    world.pass(Millis::from_minutes(60));
    let tenant: Tenant = world.store.tenant(&id()).await.unwrap().unwrap();
    let nightly = archive(world.store.clone(), world.clients.s3.clone(), &world.folder.path().join("nightly"));
    nightly.export(&tenant, world.now(), world.now()).await.unwrap();
    world.pass(Millis::from_minutes(20 * 60));
    world.all(Kind::StepEntered).await;
    world.skip_the_stream().await;

    let cold = world.ask().await;
    assert!(cold <= 250, "{cold} calls");
    let mut before = vec![world.ask().await];
    world.pass(Millis::from_seconds(90));
    before.push(world.ask().await);
    world.pass(Millis::from_minutes(2));
    before.push(world.ask().await);
    assert!(before.iter().all(|calls| *calls <= 250), "{before:?}");
    for _ in 0..5 {
        let later = world.ask().await;
        assert!(later <= 10, "{later} calls, after {cold} and {before:?}");
    }
    println!("{DEVICES} changed: {cold} calls, then {before:?}, then at most ten");
}
