//! The calls that building a file from nothing makes to the table. They run side by side, so their number and depth
//! show how long a build takes wherever a call takes long.

use crate::common;

use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemInput;
use common::{BUCKET, TABLE, World, minute, moving};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use vestibule_archive::{Archive, ArchiveError};
use vestibule_domain::Timestamp;
use vestibule_store::{Cause, ItemKey, Store, Tenant};
use vestibule_webhook::Received;
use vestibule_webhook::cloudevents::{Parsed, parse_event};

/// The number of apps that each device's Enrollment Status Page waits for.
const APPS: usize = 100;

/// The calls of one build.
#[derive(Clone, Copy, Debug)]
struct Calls {
    devices: usize,
    segments_stored: usize,
    index: u64,
    heads: u64,
    segments: u64,
}

#[tokio::test]
async fn a_build_reads_a_hundred_segments_a_call() {
    let calls = count(600).await;
    // Shards of the index divide the devices, so a call may have fewer than a hundred keys.
    assert!(calls.heads <= 12 && calls.segments <= 12 * calls.each(), "{calls:?}");
}

/// An export reads each segment once, so it keeps none; whoever answers questions finds those that it read.
#[tokio::test]
async fn only_those_who_read_again_keep_segments() {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    esp_device(&world, &tenant, 1, minute(0)).await;
    let store = Store::new(world.clients.dynamodb.clone(), TABLE);
    let heads = world.items("h").await;
    let keys: Vec<ItemKey> = heads.iter().filter_map(|head| ItemKey::parse(head["pk"].as_s().unwrap())).collect();
    let mut histories = Vec::new();
    for (reader, calls) in [(store.passing(), 1), (store.passing(), 2), (store.clone(), 3), (store.clone(), 3)] {
        histories.push(reader.load(&keys, minute(1)).await.unwrap().all().unwrap());
        assert_eq!(store.meter().by_cause()[&Cause::Segments].calls, calls);
    }
    assert!(histories[0].iter().any(|stored| stored.history.len() > 2 * APPS));
    assert!(histories.windows(2).all(|pair| pair[0] == pair[1]));
}

/// Refuses one of a client's calls that read heads or segments.
#[derive(Debug)]
struct Refusing {
    which: usize,
    seen: AtomicUsize,
}

impl Intercept for Refusing {
    fn name(&self) -> &'static str {
        "Refusing"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let reads = context.input().downcast_ref::<BatchGetItemInput>().is_some();
        if reads && self.seen.fetch_add(1, Ordering::SeqCst) == self.which {
            return Err("refused".into());
        }
        Ok(())
    }
}

/// If the table fails while the next heads are read ahead, the file is not finished from what was read before.
#[tokio::test]
async fn a_build_is_whole_or_fails() {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    // Each of the four shards of the index is a chunk, of two calls.
    for number in 0..600 {
        world.device(&tenant, number, 1, minute(0)).await;
    }
    for which in [0, 3, 7] {
        let config = world.clients.dynamodb.config().to_builder();
        let config = config.interceptor(Refusing { which, seen: AtomicUsize::new(0) });
        let store = Store::new(aws_sdk_dynamodb::Client::from_conf(config.build()), TABLE);
        let (s3, scratch) = (world.clients.s3.clone(), world.scratch("refused"));
        let archive = Archive::new(
            store,
            s3,
            BUCKET.to_owned(),
            scratch,
            Arc::new(vestibule_advice::Catalogue::built_in().clone()),
        );
        let failed = archive.export(&tenant, minute(1), minute(1)).await;
        assert!(matches!(failed, Err(ArchiveError::Store(_))), "call {which}: {failed:?}");
        assert_eq!(world.store.latest_file(&tenant.id).await.unwrap(), None);
    }
    let exported = world.archive("one").export(&tenant, minute(1), minute(1)).await.unwrap();
    assert_eq!(exported.file.rows["enrollments"], 600);
}

/// `cargo test -p vestibule-archive --test calls -- --ignored --nocapture`: the number for thousands of devices, and
/// what it means for a hundred thousand.
#[tokio::test]
#[ignore = "stores thousands of devices, which takes minutes"]
async fn calls_grow_as_devices_do() {
    let (few, many) = (count(3_000).await, count(10_000).await);
    for (name, few, many) in [("heads", few.heads, many.heads), ("segments", few.segments, many.segments)] {
        // In proportion, except for calls that are not full.
        assert!(many * 3 <= few * 10 + 3 * 16, "{name}: {few} and {many} calls");
    }
    // Chunks of 500, each in two rounds: heads, then segments, sixteen calls side by side. The heads of the next are
    // read meanwhile, so only the last waits for both. Before that, pages of 2 000 keys.
    assert!(many.segments_stored <= 3 * many.devices, "the segments of a chunk are one round: {many:?}");
    let all = (many.index + many.heads + many.segments) * 10;
    let depth = 100_000 / 500 + 1 + 100_000 / 2_000 + 4;
    println!("100 000 devices: some {all} calls, {depth} one after another: {} ms at 5 ms each", depth * 5);
}

impl Calls {
    /// Segments of a device, rounded up.
    fn each(self) -> u64 {
        self.segments_stored.div_ceil(self.devices) as u64
    }
}

/// Builds the file of this many devices that were shown the Enrollment Status Page.
async fn count(devices: usize) -> Calls {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    for number in 0..devices {
        esp_device(&world, &tenant, number, minute(0)).await;
    }
    let segments_stored = world.items("s").await.len();
    assert!(segments_stored >= devices, "each has a segment");
    let archive = world.archive("one");
    let answer = archive.answer(&tenant, minute(1), moving).await.unwrap();
    assert_eq!(answer.value.0, devices as u64);
    let by_cause = archive.store().meter().by_cause();
    let calls = |cause| by_cause.get(&cause).map_or(0, |units| units.calls);
    let (index, heads, segments) = (calls(Cause::Changes), calls(Cause::Load), calls(Cause::Segments));
    println!(
        "{devices} devices with {segments_stored} segments: {index} calls of the index, {heads} for heads, {segments} for \
         segments"
    );
    Calls { devices, segments_stored, index, heads, segments }
}

/// A device whose Enrollment Status Page waits for apps; each begins and is installed.
async fn esp_device(world: &World, tenant: &Tenant, number: usize, at: Timestamp) {
    let app = |app: usize| format!("app-{app}");
    let item = |number: usize, state: &str| ("esp.item", json!({"item": {"id": app(number), "state": state}}));
    let all: Vec<Value> = (0..APPS).map(|number| json!({"id": app(number)})).collect();
    let mut updates = vec![("esp.started", json!({})), ("esp.tracked", json!({"items": all}))];
    updates.extend((0..APPS).flat_map(|number| [item(number, "inProgress"), item(number, "completed")]));
    let last = updates.len();
    let events = updates.into_iter().enumerate().map(|(update, (kind, more))| {
        let mut data = json!({
            "device": { "serialNumber": format!("S{number:08}"), "name": format!("PC {number}") },
            "phase": "deviceSetup",
            "category": "apps",
        });
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let event = json!({
            "specversion": "1.0",
            "id": format!("{number}-{update}"),
            "source": "https://mdm.example.com",
            "type": kind,
            "time": (at - vestibule_domain::Millis::from_seconds(i64::try_from(last - update).unwrap())).to_string(),
            "data": data,
        });
        match parse_event(&event, Received::native(at, false)) {
            Parsed::Event(event) => event.stored(),
            _ => panic!("refused: {event}"),
        }
    });
    world.store.add_events(&tenant.id, &tenant.settings, events.collect(), at).await.unwrap();
}
