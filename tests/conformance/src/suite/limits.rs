//! What is written can be read, because the writer keeps to the limits.

use crate::fixtures::{Device, by_serial, by_udid, minute, second, settings, tenant};
use crate::{Engine, Table};
use vestibule_domain::event::Event;
use vestibule_domain::{Kind, fold};
use vestibule_store::{FULL_EVENTS, Image, StoreError};

/// Many small events that deflate well.
fn alike(device: &Device, from: usize, count: usize) -> Vec<Event> {
    let event = |index: usize| {
        let kind = if index.is_multiple_of(2) { Kind::Started } else { Kind::Stopped };
        device.reports(format!("{index:06}"), kind, second(i64::try_from(index).unwrap()))
    };
    (from..from + count).map(event).collect()
}

async fn fill(table: &Table, device: &Device, from: usize, count: usize) {
    let now = second(i64::try_from(from + count).unwrap());
    for chunk in alike(device, from, count).chunks(5_000) {
        table.store.add_events(&tenant(), &settings(), chunk.to_vec(), now).await.unwrap();
    }
}

/// Each of two histories is as large as an enrollment may be: together they are more than one item holds.
pub async fn two_histories_that_one_item_does_not_take_merge(engine: &Engine) {
    let table = engine.table().await;
    let half = 7_000;
    fill(&table, &Device::serial("serial-1"), 0, half).await;
    fill(&table, &Device::udid("udid-1"), half, half).await;
    let now = minute(600);
    let both = Device::serial("serial-1").and_udid("udid-1");
    table.store.add_events(&tenant(), &settings(), vec![both.reports("joins", Kind::Started, now)], now).await.unwrap();
    let one = table.store.find(&tenant(), &by_serial("serial-1"), now).await.unwrap().unwrap();
    let other = table.store.find(&tenant(), &by_udid("udid-1"), now).await.unwrap().unwrap();
    assert_eq!(one, other);
    assert_eq!(one.history.len(), 2 * half + 1);
    assert!(!fold(&tenant(), &one.history, &settings(), now).attempts.is_empty());
    // A stream record of it can also be read.
    let image = Image::decode(&table.item(&one.key).await.unwrap()).unwrap().unwrap();
    assert!(image.segments.len() > 1);
    assert_eq!(table.store.complete_image(&image).await.unwrap(), one.history);
    table.drop().await;
}

/// A process that did not write it can read as much as an enrollment accepts.
pub async fn what_is_written_can_be_read(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    fill(&table, &device, 0, 12_000).await;
    let stored = table.another_store().find(&tenant(), &by_serial("serial-1"), minute(600)).await.unwrap().unwrap();
    assert_eq!(stored.history.len(), 12_000);
    table.drop().await;
}

/// An enrollment stops accepting events before any reader would refuse it, however small they are.
pub async fn many_events_that_deflate_well_are_refused_in_time(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("serial-1");
    fill(&table, &device, 0, FULL_EVENTS - 10).await;
    let now = minute(600);
    let more = alike(&device, FULL_EVENTS - 10, 11);
    let refused = table.store.add_events(&tenant(), &settings(), more, now).await;
    assert!(matches!(refused, Err(StoreError::EnrollmentFull)), "{refused:?}");
    let stored = table.another_store().find(&tenant(), &by_serial("serial-1"), now).await.unwrap().unwrap();
    assert_eq!(stored.history.len(), FULL_EVENTS - 10);
    table.drop().await;
}
