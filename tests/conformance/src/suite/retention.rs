//! What is older than a tenant keeps.

use crate::told::{Device, by_serial, by_udid, history, minute, settings, tenant, uuid};
use crate::{Engine, Table, number};
use vestibule_domain::event::Event;
use vestibule_domain::history::Added;
use vestibule_domain::{Identifier, Kind, Millis, Timestamp, fold};
use vestibule_store::Stored;

async fn add(table: &Table, events: Vec<Event>, now: Timestamp) -> Vec<Added> {
    table.store.add_events(&tenant(), &settings(), events, now).await.unwrap()
}

async fn find(table: &Table, name: Identifier, now: Timestamp) -> Option<Stored> {
    table.store.find(&tenant(), &name, now).await.unwrap()
}

/// What is known of a device that is under management outlives its attempts.
pub async fn an_enrolled_device_leaves_a_stub(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1").and_udid("udid-1");
    let events = vec![
        device.tells("1", Kind::Registered, minute(0)),
        device.tells("2", Kind::Started, minute(1)),
        device.tells("3", Kind::Enrolled, minute(5)),
    ];
    add(&table, events.clone(), minute(5)).await;
    let before = find(&table, by_serial("serial-1"), minute(5)).await.unwrap();
    let item = table.item(&before.key).await.unwrap();
    // An enrolled device never expires.
    assert_eq!(number(&item, "x"), None);
    let (now, cutoff) = (minute(60_000), minute(50_000));
    assert!(table.store.prune(&before.key, &settings(), cutoff, now).await.unwrap());
    let stub = find(&table, by_udid("udid-1"), now).await.unwrap();
    assert_eq!((stub.history.len(), stub.version), (0, before.version + 1));
    assert_eq!(stub.history.identifiers(), before.history.identifiers());
    let enrollment = fold(&tenant(), &stub.history, &settings(), now);
    assert!(enrollment.enrolled && enrollment.complete);
    assert_eq!((enrollment.attempts.len(), enrollment.registered_at), (0, Some(minute(0))));
    assert_eq!(stub.history.base().attempts, 1);
    // Pruning is no change to hear of.
    assert_eq!(number(&table.item(&stub.key).await.unwrap(), "cb"), number(&item, "cb"));
    // Again there is nothing to drop, and nothing is written.
    table.store.meter().reset();
    assert!(!table.store.prune(&stub.key, &settings(), cutoff, now).await.unwrap());
    assert_eq!(table.store.meter().total().write, 0.0);
    // What was dropped is not taken again, what is new is.
    assert_eq!(add(&table, events, now).await, [Added::TooOld; 3]);
    assert_eq!(add(&table, vec![device.tells("4", Kind::Started, now)], now).await, [Added::New]);
    let after = find(&table, by_serial("serial-1"), now).await.unwrap();
    assert_eq!(fold(&tenant(), &after.history, &settings(), now).attempts[0].number, 2);
    table.drop().await;
}

/// Only what ended before goes; an attempt in progress stays whole, and due.
pub async fn an_attempt_that_goes_on_is_kept(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    let kept =
        vec![device.tells("3", Kind::Started, minute(1_000)), device.tells("4", Kind::StepEntered, minute(1_010))];
    let mut events = vec![device.tells("1", Kind::Started, minute(0)), device.tells("2", Kind::Stopped, minute(5))];
    events.extend(kept.clone());
    add(&table, events, minute(1_010)).await;
    let key = find(&table, by_serial("serial-1"), minute(1_010)).await.unwrap().key;
    let due_at = table.due_at(&key).await;
    assert!(due_at.is_some_and(|due| due <= minute(1_040)));
    assert!(table.store.prune(&key, &settings(), minute(1_005), minute(1_011)).await.unwrap());
    assert_eq!(table.due_at(&key).await, due_at);
    let stored = find(&table, by_serial("serial-1"), minute(1_011)).await.unwrap();
    assert!(stored.history.events().eq(history(&kept).events()));
    let open = fold(&tenant(), &stored.history, &settings(), minute(1_011));
    assert_eq!(open.open_attempt().map(|attempt| attempt.number), Some(2));
    table.drop().await;
}

/// Segments go with their events, and an enrollment that was large is small again.
pub async fn pruning_drops_segments_and_makes_room(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    let event = |index: u64| {
        let kind = if index.is_multiple_of(2) { Kind::Started } else { Kind::Stopped };
        device.tells(uuid(index), kind, minute(i64::try_from(index).unwrap() * 60))
    };
    let now = minute(801 * 60);
    for batch in 0..8 {
        add(&table, (batch * 100..batch * 100 + 100).map(event).collect(), now).await;
    }
    let key = find(&table, by_serial("serial-1"), now).await.unwrap().key;
    assert!(table.segments(now).await > 0);
    assert!(table.store.prune(&key, &settings(), minute(790 * 60), now).await.unwrap());
    assert_eq!(table.segments(now).await, 0);
    let item = table.item(&key).await.unwrap();
    assert!(!item.contains_key("g") && !item.contains_key("z"));
    let stored = find(&table, by_serial("serial-1"), now).await.unwrap();
    assert!((10..=12).contains(&stored.history.len()), "{}", stored.history.len());
    assert_eq!(add(&table, vec![event(800)], now).await, [Added::New]);
    // A link has nothing to prune.
    add(&table, vec![device.and_udid("udid-1").tells("link", Kind::Started, now)], now).await;
    assert_eq!(table.links().await, 1);
    table.drop().await;
}

/// Time-to-live takes its time: until it does, an expired enrollment counts as gone, and may be begun anew.
pub async fn what_has_expired_is_gone_and_may_come_back(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1").and_udid("udid-1");
    let old = vec![device.tells("1", Kind::Started, minute(0)), device.tells("2", Kind::Stopped, minute(1))];
    add(&table, old, minute(1)).await;
    let before = find(&table, by_serial("serial-1"), minute(1)).await.unwrap();
    let item = table.item(&before.key).await.unwrap();
    let expires = Timestamp::from_millis(number(&item, "x").expect("it expires") * 1_000);
    assert!(expires >= minute(1) + settings().retention());
    assert!(find(&table, by_serial("serial-1"), expires).await.is_some());
    let now = expires + Millis::from_seconds(1);
    assert_eq!(find(&table, by_serial("serial-1"), now).await, None);
    assert_eq!(find(&table, by_udid("udid-1"), now).await, None);
    assert_eq!(table.store.load(std::slice::from_ref(&before.key), now).await.unwrap().all().unwrap(), []);
    let new = device.tells("3", Kind::Started, now);
    assert_eq!(add(&table, vec![new.clone()], now).await, [Added::New]);
    let after = find(&table, by_udid("udid-1"), now).await.unwrap();
    assert_eq!(after.history, history([&new]));
    assert_eq!((&after.key, after.version), (&before.key, before.version + 1));
    assert_eq!(number(&table.item(&after.key).await.unwrap(), "x"), None);
    table.drop().await;
}
