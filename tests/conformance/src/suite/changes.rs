//! The change index, and reading the enrollments that it names.

use crate::fixtures::{Device, by_serial, minute, second, serial_that_moves, settings, tenant};
use crate::{Engine, Table, number};
use futures::{StreamExt as _, stream};
use std::collections::BTreeSet;
use vestibule_domain::event::Event;
use vestibule_domain::{Kind, Millis, Timestamp};
use vestibule_store::{CHANGE_BUCKET_WIDTH, INDEX_LAG, ItemKey, NIGHTLY_INDEX_LAG};

async fn add(table: &Table, event: Event, now: Timestamp) {
    table.store.add_events(&tenant(), &settings(), vec![event], now).await.unwrap();
}

async fn key(table: &Table, serial: &str) -> ItemKey {
    table.store.find(&tenant(), &by_serial(serial), minute(0)).await.unwrap().unwrap().key
}

async fn changed(table: &Table, since: Option<Timestamp>) -> BTreeSet<ItemKey> {
    table.store.changed_since(&tenant(), since, INDEX_LAG).await.unwrap().into_iter().collect()
}

/// Every enrollment, in whichever shard; links and segments are left out.
pub async fn without_an_instant_all_have_changed(engine: &Engine) {
    let table = engine.table().await;
    for index in 0..40 {
        let device = Device::serial(format!("serial-{index}")).and_udid(format!("udid-{index}"));
        add(&table, device.reports("1", Kind::Started, minute(0)), minute(index * 60)).await;
    }
    let all: BTreeSet<ItemKey> = table.heads().await.into_iter().collect();
    assert_eq!(all.len(), 40);
    assert_eq!(changed(&table, None).await, all);
    assert_eq!(changed(&table, Some(Timestamp::MIN)).await, all);
    table.drop().await;
}

/// What was written since is found; what was written well before is not.
pub async fn later_writes_are_found(engine: &Engine) {
    const DAY: i64 = 24 * 60;
    let table = engine.table().await;
    let names = ["serial-1", "serial-2", "serial-3"];
    for name in names {
        add(&table, Device::serial(name).reports("1", Kind::Started, minute(0)), minute(0)).await;
    }
    let (one, two, three) = (key(&table, names[0]).await, key(&table, names[1]).await, key(&table, names[2]).await);
    add(&table, Device::serial(names[1]).reports("2", Kind::StepEntered, minute(1)), minute(3 * DAY)).await;
    add(&table, Device::serial(names[2]).reports("2", Kind::StepEntered, minute(1)), minute(6 * DAY)).await;
    assert_eq!(changed(&table, Some(minute(0))).await, BTreeSet::from([one, two.clone(), three.clone()]));
    assert_eq!(changed(&table, Some(minute(2 * DAY))).await, BTreeSet::from([two.clone(), three.clone()]));
    assert_eq!(changed(&table, Some(minute(3 * DAY))).await, BTreeSet::from([two, three.clone()]));
    assert_eq!(changed(&table, Some(minute(5 * DAY))).await, BTreeSet::from([three]));
    assert_eq!(changed(&table, Some(minute(8 * DAY))).await, BTreeSet::new());
    // A write with an older clock moves nothing back.
    add(&table, Device::serial(names[2]).reports("3", Kind::StepEntered, minute(2)), minute(3)).await;
    assert_eq!(changed(&table, Some(minute(5 * DAY))).await.len(), 1);
    table.drop().await;
}

/// A write takes its bucket when it begins, and may land after the next bucket has begun; the index may lag too.
pub async fn a_write_that_lands_late_is_found(engine: &Engine) {
    let table = engine.table().await;
    let width = CHANGE_BUCKET_WIDTH;
    let begins = Timestamp::from_millis((minute(0).millis() / width.get() + 2) * width.get());
    add(&table, Device::serial("serial-1").reports("1", Kind::Started, minute(0)), minute(0)).await;
    let offset = key(&table, "serial-1").await.change_offset(width);
    // The last instant at which this device is still in the earlier bucket.
    let last = begins - offset - Millis::new(1);
    add(&table, Device::serial("serial-1").reports("2", Kind::Started, last), last).await;
    for lag in [INDEX_LAG, NIGHTLY_INDEX_LAG] {
        let found = async |since| table.store.changed_since(&tenant(), Some(since), lag).await.unwrap().len();
        assert_eq!(found(begins + lag - Millis::new(1)).await, 1);
        assert_eq!(found(begins + lag).await, 0);
    }
    table.drop().await;
}

/// A write in the same bucket does not move the entry.
pub async fn a_bucket_is_entered_once(engine: &Engine) {
    let table = engine.table().await;
    let serial = serial_that_moves(minute(29), minute(30));
    let device = Device::serial(&serial);
    add(&table, device.reports("1", Kind::Registered, minute(0)), minute(0)).await;
    let key = key(&table, &serial).await;
    let bucket = number(&table.item(&key).await.unwrap(), "cb").unwrap();
    table.store.meter().reset();
    for now in 1..30 {
        add(&table, device.reports(format!("2-{now}"), Kind::Registered, minute(now)), minute(now)).await;
        assert_eq!(number(&table.item(&key).await.unwrap(), "cb"), Some(bucket));
    }
    assert_eq!(table.store.meter().total().index_write, 0.0);
    add(&table, device.reports("3", Kind::Registered, minute(30)), minute(30)).await;
    assert!(number(&table.item(&key).await.unwrap(), "cb").unwrap() > bucket);
    assert_eq!(table.store.meter().total().index_write, 2.0);
    table.drop().await;
}

/// More keys than one batch takes. The index may list a key twice if its entry moves meanwhile; it is read once.
pub async fn hundreds_are_loaded_however_often_listed(engine: &Engine) {
    let table = engine.table().await;
    let writes = stream::iter(0..250).map(|index| {
        let event = Device::serial(format!("serial-{index}")).reports("1", Kind::Started, second(index));
        add(&table, event, minute(5))
    });
    writes.buffer_unordered(16).collect::<()>().await;
    let keys = table.store.changed_since(&tenant(), None, INDEX_LAG).await.unwrap();
    let twice: Vec<ItemKey> = keys.iter().flat_map(|key| [key.clone(), key.clone()]).collect();
    for listed in [keys.clone(), [&keys[..], &keys].concat(), twice] {
        let loaded = table.store.load(&listed, minute(5)).await.unwrap().all().unwrap();
        assert_eq!(loaded.len(), 250);
        let loaded: BTreeSet<ItemKey> = loaded.into_iter().map(|stored| stored.key).collect();
        assert_eq!(loaded, keys.iter().cloned().collect());
    }
    assert_eq!(table.store.load(&[], minute(5)).await.unwrap().all().unwrap(), []);
    table.drop().await;
}
