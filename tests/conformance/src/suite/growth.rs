//! Enrollments that grow: sealed segments, and the limit of growth.

use crate::fixtures::{Device, by_serial, history, minute, scramble, second, settings, tenant, uuid};
use crate::{Engine, Item};
use vestibule_domain::event::Event;
use vestibule_domain::history::Added;
use vestibule_domain::{Kind, Millis, fold};
use vestibule_store::{FULL_BYTES, Image, ItemKey, SEAL_BYTES, StoreError};

fn data_bytes(item: &Item) -> usize {
    item["d"].as_b().unwrap().as_ref().len()
}

/// An event of a device that keeps reporting.
fn restless(device: &Device, index: u64) -> Event {
    let kinds = [Kind::Started, Kind::StepEntered, Kind::StepCompleted, Kind::Stopped, Kind::Failed, Kind::Enrolled];
    let kind = kinds[usize::try_from(scramble(index) % 6).unwrap()];
    device.reports(uuid(index), kind, minute(i64::try_from(index).unwrap() * 4))
}

/// Two thousand events, some batches late; the head stays small.
pub async fn thousands_of_events_fold_like_a_history_in_memory(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    let events: Vec<Event> = (0..2_000).map(|index| restless(&device, index)).collect();
    let mut batches: Vec<Vec<Event>> = events.chunks(50).map(<[Event]>::to_vec).collect();
    batches.swap(3, 30);
    batches.swap(0, 38);
    let now = minute(2_000 * 4);
    let mut key: Option<ItemKey> = None;
    for batch in batches {
        table.store.add_events(&tenant(), &settings(), batch, now).await.unwrap();
        if key.is_none() {
            key = table.store.find(&tenant(), &by_serial("serial-1"), now).await.unwrap().map(|stored| stored.key);
        }
        let head = table.item(key.as_ref().unwrap()).await.unwrap();
        assert!(data_bytes(&head) <= SEAL_BYTES, "{}", data_bytes(&head));
    }
    let stored = table.store.find(&tenant(), &by_serial("serial-1"), now).await.unwrap().unwrap();
    let whole = history(&events);
    assert_eq!(stored.history, whole);
    for as_of in [minute(1_000), minute(5_000), now, now + Millis::from_days(9)] {
        let (one, other) =
            (fold(&tenant(), &stored.history, &settings(), as_of), fold(&tenant(), &whole, &settings(), as_of));
        assert_eq!(one, other);
        assert!(one.attempts.len() > 50);
    }
    let head = table.item(&stored.key).await.unwrap();
    let image = Image::decode(&head).unwrap().unwrap();
    assert!(image.segments.len() > 2);
    assert_eq!(table.segments(now).await, image.segments.len());
    assert_eq!(table.store.complete_image(&image).await.unwrap(), whole);
    assert_eq!(table.store.load(&[stored.key], now).await.unwrap().all().unwrap()[0].history, whole);
    eprintln!("2 000 events: {} segments, head {} bytes", image.segments.len(), data_bytes(&head));
    table.drop().await;
}

/// Repeats of sealed events are known, and a copy received earlier still counts.
pub async fn what_is_sealed_is_still_known(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    let mut events: Vec<Event> = (0..600).map(|index| restless(&device, index)).collect();
    let now = minute(600 * 4);
    for batch in events.chunks(100) {
        table.store.add_events(&tenant(), &settings(), batch.to_vec(), now).await.unwrap();
    }
    assert!(table.segments(now).await > 0);
    table.store.meter().reset();
    let added = table.store.add_events(&tenant(), &settings(), events[..30].to_vec(), now).await.unwrap();
    assert!(added.iter().all(|added| *added == Added::Duplicate));
    assert_eq!(table.store.meter().total().write, 0.0);
    events[7].received_at = events[7].received_at - Millis::new(1);
    let added = table.store.add_events(&tenant(), &settings(), vec![events[7].clone()], now).await.unwrap();
    assert_eq!(added, [Added::Earlier]);
    let stored = table.store.find(&tenant(), &by_serial("serial-1"), now).await.unwrap().unwrap();
    assert_eq!(stored.history, history(&events));
    table.drop().await;
}

/// Segments of both enrollments move into the remaining one.
pub async fn sealed_enrollments_merge(engine: &Engine) {
    let table = engine.table().await;
    let (one, other) = (Device::serial("serial-1"), Device::udid("udid-1"));
    let mut events: Vec<Event> = (0..600).map(|index| restless(&one, index)).collect();
    events.extend((600..1_200).map(|index| restless(&other, index)));
    let now = minute(1_200 * 4);
    for batch in events.chunks(100) {
        table.store.add_events(&tenant(), &settings(), batch.to_vec(), now).await.unwrap();
    }
    assert!(table.segments(now).await >= 2);
    let joining = one.and_udid("udid-1").reports("joining", Kind::StepEntered, now);
    events.push(joining.clone());
    table.store.add_events(&tenant(), &settings(), vec![joining], now).await.unwrap();
    let stored = table.store.find(&tenant(), &by_serial("serial-1"), now).await.unwrap().unwrap();
    assert_eq!(stored.history, history(&events));
    let image = Image::decode(&table.item(&stored.key).await.unwrap()).unwrap().unwrap();
    assert_eq!(table.segments(now).await, image.segments.len());
    table.drop().await;
}

/// A sender that sends too much gets an error; what was acknowledged stays, and the size stays bounded.
pub async fn a_full_enrollment_says_so_and_loses_nothing(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    let mut acknowledged = Vec::new();
    let refused = loop {
        let index = i64::try_from(acknowledged.len()).unwrap();
        let event = device.reports_at_length(index.cast_unsigned(), 2_000, second(index));
        match table.store.add_events(&tenant(), &settings(), vec![event.clone()], minute(15)).await {
            Ok(added) => assert_eq!(added, [Added::New]),
            Err(error) => break (event, error),
        }
        acknowledged.push(event);
        assert!(acknowledged.len() < 1_000, "it never becomes full");
    };
    assert!(matches!(refused.1, StoreError::EnrollmentFull), "{}", refused.1);
    assert!(!refused.1.is_transient());
    let again = table.store.add_events(&tenant(), &settings(), vec![refused.0.clone()], minute(15)).await;
    assert!(matches!(again, Err(StoreError::EnrollmentFull)));
    // A known event is still acknowledged.
    let known =
        table.store.add_events(&tenant(), &settings(), vec![acknowledged[0].clone()], minute(15)).await.unwrap();
    assert_eq!(known, [Added::Duplicate]);
    let stored = table.store.find(&tenant(), &by_serial("serial-1"), minute(15)).await.unwrap().unwrap();
    assert_eq!(stored.history, history(&acknowledged));
    let bytes: usize = table.items().await.iter().map(data_bytes).sum();
    assert!(bytes <= FULL_BYTES && bytes > FULL_BYTES - (4 << 10), "{bytes}");
    table.drop().await;
}
