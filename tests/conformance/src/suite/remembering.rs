//! A store that remembers what it wrote: it reads less, and answers the same.

use crate::Engine;
use crate::fixtures::{Device, by_serial, history, minute, settings, tenant};
use vestibule_domain::Kind;
use vestibule_domain::history::Added;
use vestibule_store::{Cause, ItemKey};

/// The first event about a device reads it, those after it do not, though some are sealed in segments.
pub async fn what_was_written_is_not_read_again(engine: &Engine) {
    let table = engine.table().await;
    let remembering = table.store.clone().remembering();
    let device = Device::serial("C02XY1");
    let events: Vec<_> =
        (0..60).map(|minutes| device.reports_at_length(minutes, 60, minute(minutes.cast_signed()))).collect();
    for event in &events {
        let added =
            remembering.add_events(&tenant(), &settings(), vec![event.clone()], event.received_at).await.unwrap();
        assert_eq!(added, [Added::New]);
    }
    let by_cause = table.store.meter().by_cause();
    let calls = |cause: Cause| by_cause.get(&cause).map_or(0, |units| units.calls);
    assert_eq!(calls(Cause::Lookup), 1);
    assert!(table.segments(minute(60)).await > 0, "nothing was sealed");
    let stored = table.store.find(&tenant(), &by_serial("C02XY1"), minute(60)).await.unwrap().unwrap();
    assert_eq!(stored.history, history(&events));
    table.drop().await;
}

/// If somebody else wrote meanwhile, both writes count, and what the other one wrote is known.
pub async fn a_write_of_another_is_noticed(engine: &Engine) {
    let table = engine.table().await;
    let (remembering, other) = (table.store.clone().remembering(), table.another_store());
    let device = Device::serial("C02XY1").and_udid("udid-1");
    let mut events = Vec::new();
    for minutes in 0..12 {
        let event = device.reports(minutes.to_string(), Kind::StepEntered, minute(minutes));
        let writer = if minutes % 3 == 1 { &other } else { &remembering };
        let added = writer.add_events(&tenant(), &settings(), vec![event.clone()], minute(minutes)).await.unwrap();
        assert_eq!(added, [Added::New]);
        events.push(event);
    }
    for event in &events {
        let added = remembering.add_events(&tenant(), &settings(), vec![event.clone()], minute(20)).await.unwrap();
        assert_eq!(added, [Added::Duplicate]);
    }
    let stored = table.store.find(&tenant(), &by_serial("C02XY1"), minute(20)).await.unwrap().unwrap();
    assert_eq!(stored.history, history(&events));
    table.drop().await;
}

/// Only the table says that an event is known: it may be gone there.
pub async fn what_seems_known_is_asked_of_the_table(engine: &Engine) {
    let table = engine.table().await;
    let remembering = table.store.clone().remembering();
    let event = Device::serial("C02XY1").reports("1", Kind::Started, minute(0));
    for at in [minute(0), minute(1)] {
        let added = remembering.add_events(&tenant(), &settings(), vec![event.clone()], at).await.unwrap();
        assert_eq!(added, [Added::New]);
        table.delete(&ItemKey::of(&tenant(), &by_serial("C02XY1"))).await;
    }
    let next = Device::serial("C02XY1").reports("2", Kind::StepEntered, minute(2));
    let added = remembering.add_events(&tenant(), &settings(), vec![next.clone()], minute(2)).await.unwrap();
    assert_eq!(added, [Added::New]);
    let stored = table.store.find(&tenant(), &by_serial("C02XY1"), minute(2)).await.unwrap().unwrap();
    assert_eq!(stored.history, history([&next]), "what the table lost is not written again from memory");
    table.drop().await;
}
