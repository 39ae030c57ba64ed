//! Clocks differ, and a writer takes its now long before it writes. Still an item's instant never goes back.

use crate::fixtures::{Device, by_serial, minute, settings, tenant};
use crate::{Engine, Table, number};
use std::collections::HashMap;
use vestibule_domain::event::Event;
use vestibule_domain::{Kind, Millis, Timestamp, fold};
use vestibule_store::{Settled, Stored};

async fn add(table: &Table, event: Event, now: Timestamp) {
    table.store.add_events(&tenant(), &settings(), vec![event], now).await.unwrap();
}

async fn find(table: &Table, serial: &str) -> Stored {
    table.store.find(&tenant(), &by_serial(serial), minute(1)).await.unwrap().unwrap()
}

/// A `stopped` and, four milliseconds later, a `started`, on two connections: whichever is written last, the new
/// attempt is open and due.
pub async fn an_open_attempt_stays_due_whatever_the_clocks(engine: &Engine) {
    let table = engine.table().await;
    let (stopped_at, started_at) = (minute(5), minute(5) + Millis::new(4));
    for (serial, late_first) in [("serial-1", false), ("serial-2", true)] {
        let device = Device::serial(serial);
        add(&table, device.reports("1", Kind::Started, minute(0)), minute(0)).await;
        let mut writes = [("2", Kind::Stopped, stopped_at), ("3", Kind::Started, started_at)];
        if late_first {
            writes.reverse();
        }
        for (id, kind, at) in writes {
            add(&table, device.reports(id, kind, at), at).await;
        }
        let stored = find(&table, serial).await;
        assert_eq!(stored.folded_at, started_at);
        let enrollment = fold(&tenant(), &stored.history, &settings(), stored.folded_at);
        assert!(enrollment.open_attempt().is_some());
        assert!(table.due_at(&stored.key).await.is_some_and(|due| due <= started_at + Millis::from_minutes(30)));
    }
    // A sweep whose clock is ahead flags it; a sweep or a writer whose clock is behind does not change that.
    let ahead = minute(50);
    let due = table.store.due(ahead).await.unwrap();
    let all = HashMap::from([(tenant(), settings())]);
    assert_eq!(table.store.settle_all(&due, &all, ahead).await.unwrap(), [Settled::Flagged; 2]);
    let device = Device::serial("serial-1");
    add(&table, device.reports("4", Kind::StepEntered, minute(6)), minute(6)).await;
    let stored = find(&table, "serial-1").await;
    assert_eq!(stored.folded_at, ahead);
    table.drop().await;
}

/// Writers, the sweep and pruning, each with a clock that is behind the stored instant.
pub async fn no_write_folds_earlier_than_the_one_before(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1").and_udid("udid-1");
    add(&table, device.reports("1", Kind::Started, minute(100)), minute(100)).await;
    let key = find(&table, "serial-1").await.key;
    let folded_at = async || number(&table.item(&key).await.unwrap(), "f").map(Timestamp::from_millis);
    add(&table, device.reports("2", Kind::StepEntered, minute(90)), minute(90)).await;
    assert_eq!(folded_at().await, Some(minute(100)));
    // A merge takes the later of both.
    add(&table, Device::udid("udid-2").reports("3", Kind::StepEntered, minute(120)), minute(120)).await;
    add(&table, device.clone().and_udid("udid-2").reports("4", Kind::StepEntered, minute(95)), minute(95)).await;
    let stored = table.store.find(&tenant(), &by_serial("serial-1"), minute(1)).await.unwrap().unwrap();
    assert_eq!(stored.folded_at, minute(120));
    // Pruning keeps to it too, even as of an export's instant that has long passed.
    add(&table, device.reports("5", Kind::Stopped, minute(60)), minute(121)).await;
    table.store.prune(&stored.key, &settings(), minute(80), minute(30)).await.unwrap();
    let item = table.item(&stored.key).await.unwrap();
    assert!(number(&item, "f").map(Timestamp::from_millis) >= Some(minute(121)));
    table.drop().await;
}
