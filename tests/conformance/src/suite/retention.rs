//! Events older than a tenant's retention.

use crate::fixtures::{Device, by_serial, by_udid, history, minute, settings, tenant, uuid};
use crate::{Engine, Table, number};
use vestibule_domain::event::Event;
use vestibule_domain::history::Added;
use vestibule_domain::{Identifier, Kind, Millis, Timestamp, fold};
use vestibule_store::{INDEX_LAG, Stored};

async fn add(table: &Table, events: Vec<Event>, now: Timestamp) -> Vec<Added> {
    table.store.add_events(&tenant(), &settings(), events, now).await.unwrap()
}

async fn find(table: &Table, name: Identifier, now: Timestamp) -> Option<Stored> {
    table.store.find(&tenant(), &name, now).await.unwrap()
}

/// What is known of a managed device outlives its attempts.
pub async fn an_enrolled_device_leaves_a_stub(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1").and_udid("udid-1");
    let events = vec![
        device.reports("1", Kind::Registered, minute(0)),
        device.reports("2", Kind::Started, minute(1)),
        device.reports("3", Kind::Enrolled, minute(5)),
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
    assert_eq!(stub.history.base().standing.attempts, 1);
    // The next refresh learns of it, and then knows that nothing is left to prune.
    assert!(table.store.changed_since(&tenant(), Some(now), INDEX_LAG).await.unwrap().contains(&stub.key));
    // The second time nothing is dropped, and nothing is written.
    table.store.meter().reset();
    assert!(!table.store.prune(&stub.key, &settings(), cutoff, now).await.unwrap());
    assert_eq!(table.store.meter().total().write, 0.0);
    assert_eq!(add(&table, vec![device.reports("4", Kind::Started, now)], now).await, [Added::New]);
    let after = find(&table, by_serial("serial-1"), now).await.unwrap();
    assert_eq!(fold(&tenant(), &after.history, &settings(), now).attempts[0].number, 2);
    table.drop().await;
}

/// A tenant may shorten its retention and then lengthen it again: dropped events are accepted as new when sent again,
/// as often as that happens, and events that were not dropped are known.
pub async fn what_was_dropped_is_taken_again(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    let attempt = |number: i64| {
        let kinds = [(Kind::Started, 0), (Kind::Stopped, 5)];
        kinds
            .map(|(kind, at)| device.reports(format!("{number}-{kind:?}"), kind, minute(number * 10_000 + at)))
            .to_vec()
    };
    let (first, second, third) = (attempt(0), attempt(1), attempt(2));
    let now = minute(30_000);
    add(&table, [first.clone(), second.clone(), third.clone()].concat(), now).await;
    let key = find(&table, by_serial("serial-1"), now).await.unwrap().key;
    let numbers = async || {
        let stored = find(&table, by_serial("serial-1"), now).await.unwrap();
        let folded = fold(&tenant(), &stored.history, &settings(), now);
        let key = |attempt: &vestibule_domain::Attempt| (attempt.number, attempt.started_at);
        (folded.attempts.iter().map(key).collect::<Vec<_>>(), stored.version)
    };
    let (whole, mut version) = numbers().await;
    assert_eq!(whole.len(), 3);
    let mut rises = |to: u64| assert!(std::mem::replace(&mut version, to) < to);
    for _ in 0..2 {
        assert!(table.store.prune(&key, &settings(), minute(15_000), now).await.unwrap());
        rises(numbers().await.1);
        assert_eq!(add(&table, [second.clone(), third.clone()].concat(), now).await[..2], [Added::New; 2]);
        let (some, version) = numbers().await;
        assert_eq!(some, whole[1..]);
        rises(version);
        assert_eq!(
            add(&table, [first.clone(), second.clone(), third.clone()].concat(), now).await[..2],
            [Added::New; 2]
        );
        let (all, version) = numbers().await;
        assert_eq!(all, whole);
        rises(version);
        // Events that are held are known.
        assert_eq!(add(&table, [first.clone(), third.clone()].concat(), now).await, [Added::Duplicate; 4]);
        // Of the events sent again, the oldest is dropped again, and is sent once more.
        assert!(table.store.prune(&key, &settings(), minute(5_000), now).await.unwrap());
        let (less, version) = numbers().await;
        assert_eq!(less, whole[1..]);
        rises(version);
        assert_eq!(add(&table, first.clone(), now).await, [Added::New; 2]);
        assert_eq!(numbers().await.0, whole);
        rises(numbers().await.1);
    }
    table.drop().await;
}

/// Two enrollments turn out to be one device: what one of them dropped removes nothing from the other, whose tenant's
/// retention may be longer by now.
pub async fn a_merge_drops_nothing(engine: &Engine) {
    let table = engine.table().await;
    let (one, other) = (Device::serial("serial-1"), Device::udid("udid-1"));
    add(
        &table,
        vec![one.reports("1", Kind::Started, minute(100)), one.reports("2", Kind::Enrolled, minute(105))],
        minute(105),
    )
    .await;
    let now = minute(50_000);
    let key = find(&table, by_serial("serial-1"), now).await.unwrap().key;
    assert!(table.store.prune(&key, &settings(), minute(40_000), now).await.unwrap());
    let old = vec![other.reports("3", Kind::Started, minute(0)), other.reports("4", Kind::Stopped, minute(5))];
    assert_eq!(add(&table, old.clone(), now).await, [Added::New; 2]);
    let both = Device::serial("serial-1").and_udid("udid-1");
    assert_eq!(add(&table, vec![both.reports("5", Kind::Started, now)], now).await, [Added::New]);
    assert_eq!(add(&table, old, now).await, [Added::Duplicate; 2]);
    let merged = find(&table, by_udid("udid-1"), now).await.unwrap();
    let folded = fold(&tenant(), &merged.history, &settings(), now);
    // The dropped attempt still counts.
    assert_eq!(folded.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [2, 3]);
    table.drop().await;
}

/// Only what ended earlier is dropped; an attempt in progress stays whole, and due.
pub async fn an_attempt_that_goes_on_is_kept(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    let kept =
        vec![device.reports("3", Kind::Started, minute(1_000)), device.reports("4", Kind::StepEntered, minute(1_010))];
    let mut events = vec![device.reports("1", Kind::Started, minute(0)), device.reports("2", Kind::Stopped, minute(5))];
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

/// Segments are deleted with their events, and a large enrollment becomes small again.
pub async fn pruning_drops_segments_and_makes_room(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    let event = |index: u64| {
        let kind = if index.is_multiple_of(2) { Kind::Started } else { Kind::Stopped };
        device.reports(uuid(index), kind, minute(i64::try_from(index).unwrap() * 60))
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
    add(&table, vec![device.and_udid("udid-1").reports("link", Kind::Started, now)], now).await;
    assert_eq!(table.links().await, 1);
    table.drop().await;
}

/// Time-to-live may act late: until it does, an expired enrollment counts as gone, and may begin anew.
pub async fn what_has_expired_is_gone_and_may_come_back(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1").and_udid("udid-1");
    let old = vec![device.reports("1", Kind::Started, minute(0)), device.reports("2", Kind::Stopped, minute(1))];
    add(&table, old, minute(1)).await;
    let before = find(&table, by_serial("serial-1"), minute(1)).await.unwrap();
    let item = table.item(&before.key).await.unwrap();
    let expires = Timestamp::from_millis(number(&item, "x").expect("it expires") * 1_000);
    // It expires after the longest retention, never after the tenant's own, which may be raised at any time.
    assert!(expires >= minute(1) + Millis::from_days(400));
    assert!(find(&table, by_serial("serial-1"), expires).await.is_some());
    let now = expires + Millis::from_seconds(1);
    assert_eq!(find(&table, by_serial("serial-1"), now).await, None);
    assert_eq!(find(&table, by_udid("udid-1"), now).await, None);
    assert_eq!(table.store.load(std::slice::from_ref(&before.key), now).await.unwrap().all().unwrap(), []);
    let new = device.reports("3", Kind::Started, now);
    assert_eq!(add(&table, vec![new.clone()], now).await, [Added::New]);
    let after = find(&table, by_udid("udid-1"), now).await.unwrap();
    assert!(after.history.events().eq(history([&new]).events()));
    // What it held counts as dropped, not as corrected.
    assert!(after.history.base().until >= minute(1));
    assert_eq!((&after.key, after.version), (&before.key, before.version + 1));
    assert_eq!(number(&table.item(&after.key).await.unwrap(), "x"), None);
    table.drop().await;
}

/// Time-to-live deletes an item whole, with its version. An enrollment that begins anew at the same key has a version
/// that no earlier one had, so that its attempts are not mistaken for the earlier ones.
pub async fn versions_never_repeat(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    add(
        &table,
        vec![device.reports("1", Kind::Started, minute(0)), device.reports("2", Kind::Stopped, minute(1))],
        minute(1),
    )
    .await;
    add(&table, vec![device.reports("3", Kind::Started, minute(2))], minute(2)).await;
    let before = find(&table, by_serial("serial-1"), minute(2)).await.unwrap();
    table.delete(&before.key).await;
    let back = minute(700_000);
    add(&table, vec![device.reports("4", Kind::Started, back)], back).await;
    let after = find(&table, by_serial("serial-1"), back).await.unwrap();
    assert_eq!(after.key, before.key);
    assert!(after.version > before.version, "{} after {}", after.version, before.version);
    table.drop().await;
}

/// What the status page shows of an enrolled device stays known long after its events are gone.
pub async fn a_stub_knows_its_device(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1").and_user("ada@contoso.example");
    let events = vec![device.reports("1", Kind::Started, minute(0)), device.reports("2", Kind::Enrolled, minute(5))];
    add(&table, events, minute(5)).await;
    let now = minute(60_000);
    let before = find(&table, by_serial("serial-1"), now).await.unwrap();
    let whole = fold(&tenant(), &before.history, &settings(), now);
    assert!(table.store.prune(&before.key, &settings(), minute(50_000), now).await.unwrap());
    let stub = find(&table, by_serial("serial-1"), now).await.unwrap();
    assert_eq!(stub.history.len(), 0);
    let left = fold(&tenant(), &stub.history, &settings(), now);
    assert_eq!(left.about, whole.about);
    assert_eq!(left.about.user_principal_name.as_deref(), Some("ada@contoso.example"));
    assert_eq!(left.about.platform, whole.about.platform);
    table.drop().await;
}

/// A segment has no time-to-live while a head names it, and gets one when no head does.
pub async fn segments_expire_when_nobody_names_them(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    let event = |index: u64| {
        let kind = if index.is_multiple_of(2) { Kind::Started } else { Kind::Stopped };
        device.reports(uuid(index), kind, minute(i64::try_from(index).unwrap() * 60))
    };
    let now = minute(401 * 60);
    for batch in 0..4 {
        add(&table, (batch * 100..batch * 100 + 100).map(event).collect(), now).await;
    }
    let key = find(&table, by_serial("serial-1"), now).await.unwrap().key;
    let named = table.segment_expiries(&key).await;
    assert!(!named.is_empty() && named.iter().all(Option::is_none), "{named:?}");
    assert!(table.store.prune(&key, &settings(), minute(390 * 60), now).await.unwrap());
    let left = table.segment_expiries(&key).await;
    assert!(left.len() >= named.len() && left.iter().filter(|expires| expires.is_some()).count() == named.len());
    table.drop().await;
}
