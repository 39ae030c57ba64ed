//! The cost of each operation, in the table's own units.

use crate::Engine;
use crate::fixtures::{Device, by_serial, minute, second, serial_that_moves, settings, tenant};
use futures::{StreamExt as _, stream};
use vestibule_domain::Kind;
use vestibule_domain::event::Event;
use vestibule_store::{Cause, DUE_SHARDS, Store, Units};

async fn cost(store: &Store, what: &str, event: Event, now: i64) -> (f64, f64, f64) {
    store.meter().reset();
    store.add_events(&tenant(), &settings(), vec![event], minute(now)).await.unwrap();
    let Units { read, write, index_write, .. } = store.meter().total();
    eprintln!("{what}: {read} read, {write} write, {index_write} index");
    (read, write, index_write)
}

/// The first event, each that follows, and the closing one; by one name and by two.
pub async fn events_of_one_attempt(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    let device = Device::serial(serial_that_moves(minute(30), minute(31)));
    let at = |id: &str, kind, now| device.reports(id, kind, minute(now));
    assert_eq!(cost(store, "first event", at("1", Kind::Started, 0), 0).await, (0.5, 1.0, 2.0));
    for now in 1..10 {
        let event = at(&format!("2-{now}"), Kind::StepEntered, now);
        assert_eq!(cost(store, "following event", event, now).await, (0.5, 1.0, 0.0));
    }
    // The deadline moves on with each event; its index entry does not.
    assert_eq!(table.due_at(&table.heads().await[0]).await, Some(minute(30)));
    assert_eq!(cost(store, "in the next bucket", at("3", Kind::StepEntered, 31), 31).await, (0.5, 1.0, 2.0));
    assert_eq!(cost(store, "closing event", at("4", Kind::Enrolled, 32), 32).await, (0.5, 1.0, 1.0));
    assert_eq!(cost(store, "late event", at("5", Kind::StepCompleted, 28), 33).await, (0.5, 1.0, 0.0));

    let device = Device::serial("serial-2").and_udid("udid-2");
    let at = |id: &str, kind, now| device.reports(id, kind, minute(now));
    // Both names are looked up, and a link is written, once.
    assert_eq!(cost(store, "first event, two names", at("1", Kind::Started, 0), 0).await, (1.0, 2.0, 2.0));
    assert_eq!(cost(store, "following event, two names", at("2", Kind::StepEntered, 1), 1).await, (0.5, 1.0, 0.0));
    let by_link = Device::udid("udid-2").reports("3", Kind::StepEntered, minute(2));
    assert_eq!(cost(store, "following event, by the other name", by_link, 2).await, (1.0, 1.0, 0.0));
    assert_eq!(cost(store, "closing event, two names", at("4", Kind::Stopped, 3), 3).await, (0.5, 1.0, 1.0));
    table.drop().await;
}

/// The cost of learning a name, and of finding out that two enrollments are one.
pub async fn links_and_merges(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    let (one, other) = (Device::serial("serial-1"), Device::udid("udid-1"));
    cost(store, "first event", one.reports("1", Kind::Started, minute(0)), 0).await;
    let learned = one.clone().and_mdm("mdm-1").reports("2", Kind::StepEntered, minute(1));
    cost(store, "an event that adds another name", learned, 1).await;
    assert_eq!(store.meter().by_cause()[&Cause::Link].write, 1.0);
    cost(store, "first event", other.reports("3", Kind::Started, minute(2)), 2).await;
    let joining = one.and_udid("udid-1").reports("4", Kind::StepEntered, minute(3));
    cost(store, "an event that joins two enrollments", joining, 3).await;
    let merge = store.meter().by_cause()[&Cause::Merge];
    eprintln!("the merge itself: {} write, {} index", merge.write, merge.index_write);
    // A transaction writes two items, and the index entries of the one that is gone.
    assert_eq!(merge.calls, 1);
    assert!(merge.write <= 4.0 && merge.index_write <= 4.0, "{merge:?}");
    let stored = store.find(&tenant(), &by_serial("serial-1"), minute(3)).await.unwrap().unwrap();
    assert_eq!(stored.history.len(), 4);
    table.drop().await;
}

/// However much is stored, looking for what is due costs the same if nothing is.
pub async fn a_sweep_with_nothing_due(engine: &Engine) {
    let table = engine.table().await;
    let mut costs = Vec::new();
    for (from, to) in [(0, 100), (100, 3_000)] {
        let writes = stream::iter(from..to).map(|index| {
            let kind = if index % 3 == 0 { Kind::Started } else { Kind::Registered };
            let event = Device::serial(format!("serial-{index}")).reports("1", kind, second(index % 60));
            let store = &table.store;
            async move {
                store.add_events(&tenant(), &settings(), vec![event], minute(1)).await.unwrap();
            }
        });
        writes.buffer_unordered(32).collect::<()>().await;
        table.store.meter().reset();
        assert_eq!(table.store.due(minute(20)).await.unwrap(), []);
        costs.push(table.store.meter().total());
    }
    eprintln!("a sweep with nothing due: {} read in {} calls", costs[0].read, costs[0].calls);
    assert_eq!(costs[0], costs[1]);
    assert_eq!(costs[0].calls, u64::from(DUE_SHARDS));
    assert_eq!(costs[0].write + costs[0].index_write, 0.0);
    // Due enrollments are found among them, and looking at one costs a read and a write.
    let due = table.store.due(minute(31)).await.unwrap();
    assert_eq!(due.len(), 1_000);
    table.store.meter().reset();
    table.store.settle_all(&due, &std::iter::once((tenant(), settings())).collect(), minute(31)).await.unwrap();
    let causes = table.store.meter().by_cause();
    assert_eq!(causes[&Cause::SweepRead].read, 500.0);
    let wrote = causes[&Cause::SweepWrite];
    eprintln!("flagging one: {} write, {} index", wrote.write / 1_000.0, wrote.index_write / 1_000.0);
    assert_eq!((wrote.write, wrote.index_write), (1_000.0, 1_000.0));
    table.drop().await;
}
