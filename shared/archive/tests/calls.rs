//! The calls that building a file from nothing makes to the table. They run side by side, so their number and depth
//! show how long a build takes wherever a call takes long.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use common::{World, minute, moving};
use serde_json::{Value, json};
use vestibule_domain::Timestamp;
use vestibule_store::{Cause, Tenant};
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
    // Chunks of 500, each in two rounds: heads, then segments, sixteen calls side by side. Before that, pages of 2 000
    // keys.
    assert!(many.segments_stored <= 3 * many.devices, "the segments of a chunk are one round: {many:?}");
    let all = (many.index + many.heads + many.segments) * 10;
    let depth = 100_000 / 500 * 2 + 100_000 / 2_000 + 4;
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
