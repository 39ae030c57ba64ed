//! The due index and the sweep.

use crate::fixtures::{Device, by_serial, minute, second, settings, tenant, writes};
use crate::{Engine, Table};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;
use vestibule_domain::event::Event;
use vestibule_domain::{Cause, Kind, Millis, TenantId, TenantSettings, Timestamp, fold};
use vestibule_store::{Settled, Settlement, Store, Stored};

async fn add(table: &Table, event: Event, now: Timestamp) {
    table.store.add_events(&tenant(), &settings(), vec![event], now).await.unwrap();
}

fn all_settings() -> HashMap<TenantId, TenantSettings> {
    HashMap::from([(tenant(), settings())])
}

async fn sweep(store: &Store, now: Timestamp) -> Vec<Settlement> {
    let due = store.due(now).await.unwrap();
    store.settle_all(&due, &all_settings(), now).await.unwrap()
}

async fn find(table: &Table, serial: &str) -> Stored {
    table.store.find(&tenant(), &by_serial(serial), minute(500)).await.unwrap().unwrap()
}

/// It is exact to the millisecond, happens once, and is recorded at the instant of the look.
pub async fn an_abandoned_attempt_is_flagged_once(engine: &Engine) {
    let table = engine.table().await;
    add(&table, Device::serial("serial-1").reports("1", Kind::Started, minute(0)), minute(0)).await;
    let before = find(&table, "serial-1").await;
    assert_eq!(table.due_at(&before.key).await, Some(minute(30)));
    assert_eq!(sweep(&table.store, minute(30)).await, []);
    assert_eq!(find(&table, "serial-1").await, before);
    let now = minute(30) + Millis::new(1);
    let due = table.store.due(now).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&before.key));
    assert_eq!(table.store.settle_all(&due, &all_settings(), now).await.unwrap(), [Settled::Flagged]);
    let after = find(&table, "serial-1").await;
    assert_eq!((after.version, after.folded_at), (before.version + 1, now));
    assert_eq!(after.history, before.history);
    assert_eq!(fold(&tenant(), &after.history, &settings(), after.folded_at).attempts[0].cause, Some(Cause::TimedOut));
    // Nothing is due any more, and looking again at the same keys changes nothing.
    assert_eq!(sweep(&table.store, now).await, []);
    assert_eq!(table.store.settle_all(&due, &all_settings(), now).await.unwrap(), [Settled::Moved]);
    assert_eq!(sweep(&table.store, minute(5_000)).await, []);
    assert_eq!(find(&table, "serial-1").await, after);
    table.drop().await;
}

/// Its entry moves to the true deadline only when a sweep looks.
pub async fn a_moving_attempt_is_due_again_later(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    add(&table, device.reports("1", Kind::Started, minute(0)), minute(0)).await;
    add(&table, device.reports("2", Kind::StepEntered, minute(25)), minute(25)).await;
    let key = find(&table, "serial-1").await.key;
    assert_eq!(table.due_at(&key).await, Some(minute(30)));
    table.store.meter().reset();
    assert_eq!(sweep(&table.store, minute(31)).await, [Settled::Rearmed]);
    let total = table.store.meter().total();
    eprintln!("re-arming one: {} write, {} index", total.write, total.index_write);
    assert_eq!(table.due_at(&key).await, Some(minute(55)));
    assert_eq!(sweep(&table.store, minute(55)).await, []);
    assert_eq!(sweep(&table.store, minute(56)).await, [Settled::Flagged]);
    assert_eq!(table.due_at(&key).await, None);
    table.drop().await;
}

/// The write that moves it puts it back into the index; so does one that opens an earlier deadline.
pub async fn a_flagged_attempt_that_goes_on_is_due_again(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    add(&table, device.reports("1", Kind::Started, minute(0)), minute(0)).await;
    assert_eq!(sweep(&table.store, minute(31)).await, [Settled::Flagged]);
    // As a late event shows, it had moved in time, so it is still open.
    add(&table, device.reports("2", Kind::StepEntered, minute(20)), minute(40)).await;
    let key = find(&table, "serial-1").await.key;
    assert_eq!(table.due_at(&key).await, Some(minute(50)));
    assert_eq!(sweep(&table.store, minute(51)).await, [Settled::Flagged]);
    add(&table, device.reports("3", Kind::Started, minute(60)), minute(60)).await;
    assert_eq!(table.due_at(&key).await, Some(minute(90)));
    // A closing event takes it out of the index.
    add(&table, device.reports("4", Kind::Stopped, minute(61)), minute(61)).await;
    assert_eq!(table.due_at(&key).await, None);
    assert_eq!(sweep(&table.store, minute(5_000)).await, []);
    // If an event comes after its attempt has run out, nothing is left to sweep.
    add(&table, device.reports("5", Kind::Started, minute(70)), minute(200)).await;
    assert_eq!(table.due_at(&key).await, None);
    table.drop().await;
}

/// A changed setting may close what was open when it was written.
pub async fn what_a_setting_closed_is_cleared(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    let strict = TenantSettings::default();
    let events = vec![device.reports("1", Kind::Started, minute(0)), device.reports("2", Kind::Enrolled, minute(1))];
    table.store.add_events(&tenant(), &strict, events, minute(1)).await.unwrap();
    let key = find(&table, "serial-1").await.key;
    assert_eq!(table.due_at(&key).await, Some(minute(31)));
    assert_eq!(sweep(&table.store, minute(32)).await, [Settled::Cleared]);
    assert_eq!(table.due_at(&key).await, None);
    table.drop().await;
}

/// Sessions run out like attempts.
pub async fn an_open_session_is_due(engine: &Engine) {
    let table = engine.table().await;
    add(&table, Device::serial("serial-1").reports_session("1", minute(0)), minute(0)).await;
    let stored = find(&table, "serial-1").await;
    let session = fold(&tenant(), &stored.history, &settings(), minute(0)).sessions.remove(0);
    assert!(session.is_open());
    assert_eq!(table.due_at(&stored.key).await, Some(session.deadline));
    assert_eq!(sweep(&table.store, session.deadline).await, []);
    let after = session.deadline + Millis::new(1);
    assert_eq!(sweep(&table.store, after).await, [Settled::Flagged]);
    // The attempt that the session belongs to goes on, so its end is due next.
    let enrollment = fold(&tenant(), &stored.history, &settings(), after);
    let attempt = enrollment.open_attempt().and_then(|attempt| attempt.deadline);
    assert!(attempt.is_some_and(|deadline| deadline > after));
    assert_eq!(table.due_at(&stored.key).await, attempt);
    table.drop().await;
}

/// Two sweeps start together: only one of them records each attempt.
pub async fn two_sweeps_at_once_flag_each_attempt_once(engine: &Engine) {
    const ATTEMPTS: usize = 40;
    let table = engine.table().await;
    for index in 0..ATTEMPTS {
        let device = Device::serial(format!("serial-{index}"));
        add(&table, device.reports("1", Kind::Started, second(0)), minute(0)).await;
    }
    let due = table.store.due(minute(31)).await.unwrap();
    assert_eq!(due.len(), ATTEMPTS);
    let (one, other) = (table.another_store(), table.another_store());
    let settings = all_settings();
    let (mut settled, others) =
        tokio::try_join!(one.settle_all(&due, &settings, minute(31)), other.settle_all(&due, &settings, minute(31)))
            .unwrap();
    settled.extend(others);
    assert_eq!(settled.iter().filter(|settled| **settled == Settled::Flagged).count(), ATTEMPTS);
    assert_eq!(settled.iter().filter(|settled| **settled == Settled::Moved).count(), ATTEMPTS);
    let loaded = table.store.load(&due, minute(31)).await.unwrap().all().unwrap();
    assert!(loaded.iter().all(|stored| writes(stored, minute(0)) == 2));
    table.drop().await;
}

/// An entry that moves while the index is read page by page may be read twice.
pub async fn a_key_listed_twice_is_settled_once(engine: &Engine) {
    let table = engine.table().await;
    add(&table, Device::serial("serial-1").reports("1", Kind::Started, minute(0)), minute(0)).await;
    let due = table.store.due(minute(31)).await.unwrap();
    let due = [&due[..], &due].concat();
    assert_eq!(table.store.settle_all(&due, &all_settings(), minute(31)).await.unwrap(), [Settled::Flagged]);
    table.drop().await;
}

/// An item that can't be read does not prevent the others from being looked at, and stays due.
pub async fn a_corrupt_enrollment_stops_no_other(engine: &Engine) {
    const OTHERS: usize = 60;
    let table = engine.table().await;
    for index in 0..=OTHERS {
        let device = Device::serial(format!("serial-{index}"));
        add(&table, device.reports("1", Kind::Started, second(0)), minute(0)).await;
    }
    let due = table.store.due(minute(31)).await.unwrap();
    for broken in [&due[0], &due[OTHERS / 2]] {
        let mut item = table.item(broken).await.unwrap();
        item.insert("d".to_owned(), AttributeValue::B(Blob::new([0_u8])));
        table.put(item).await;
    }
    let settled = table.store.settle_all(&due, &all_settings(), minute(31)).await.unwrap();
    let count = |what| settled.iter().filter(|settled| **settled == what).count();
    assert_eq!((count(Settled::Unreadable), count(Settled::Flagged)), (2, OTHERS - 1));
    assert_eq!(table.store.due(minute(31)).await.unwrap().len(), 2);
    table.drop().await;
}

/// An enrollment that the index names may be gone from the table.
pub async fn what_is_not_there_is_gone(engine: &Engine) {
    let table = engine.table().await;
    add(&table, Device::serial("serial-1").reports("1", Kind::Started, minute(0)), minute(0)).await;
    let due = table.store.due(minute(31)).await.unwrap();
    let other = engine.table().await;
    assert_eq!(other.store.settle_all(&due, &all_settings(), minute(31)).await.unwrap(), [Settled::Gone]);
    assert!(other.items().await.is_empty());
    table.drop().await;
    other.drop().await;
}
