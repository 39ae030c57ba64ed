//! What building a file from nothing asks of the table, by calls counted: they go side by side, so that their number
//! and their depth say how long it takes wherever a call takes long.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use common::{World, minute, moving};
use vestibule_store::Cause;

const DEVICES: usize = 600;

#[tokio::test]
async fn a_build_reads_a_hundred_segments_a_call() {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    for number in 0..DEVICES {
        world.device(&tenant, number, 60, minute(0)).await;
    }
    assert!(world.items("s").await.len() >= DEVICES, "each has a segment");
    let archive = world.archive("one");
    let answer = archive.answer(&tenant, minute(1), moving).await.unwrap();
    assert_eq!(answer.value.0, DEVICES as u64);
    let by_cause = archive.store().meter().by_cause();
    let calls = |cause| by_cause.get(&cause).map_or(0, |units| units.calls);
    let (index, heads, segments) = (calls(Cause::Changes), calls(Cause::Load), calls(Cause::Segments));
    println!("{DEVICES} devices with segments: {index} calls of the index, {heads} for heads, {segments} for segments");
    // Shards of the index share out the devices, so a call may have fewer than a hundred keys.
    assert!(heads <= 12 && segments <= 12, "{heads} and {segments} calls");

    // A hundred thousand: 200 chunks of 500, each two rounds of calls side by side, and pages of 2 000 keys.
    let depth = 100_000 / 500 * 2 + 100_000 / 2_000 + 4;
    println!("100 000 devices: some 2 050 calls, {depth} one after another: {} s at 5 ms each", depth * 5 / 1_000);
}
