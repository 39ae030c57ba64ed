//! Adding events: as a set, at the least cost, by many writers at once.

use crate::Engine;
use crate::fixtures::{Device, by_serial, by_udid, history, minute, second, settings, tenant, writes};
use futures::future::join_all;
use vestibule_domain::event::{About, Event};
use vestibule_domain::history::Added;
use vestibule_domain::{Kind, fold};
use vestibule_store::{Image, StoreError, Units};

/// A known event is reported as known, and writes nothing.
pub async fn a_duplicate_changes_nothing_and_costs_no_write(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    let device = Device::serial("C02XY1").and_udid("udid-1");
    let events = vec![device.reports("1", Kind::Started, minute(0)), device.reports("2", Kind::StepEntered, minute(1))];
    let added = store.add_events(&tenant(), &settings(), events.clone(), minute(1)).await.unwrap();
    assert_eq!(added, [Added::New, Added::New]);
    let before = store.find(&tenant(), &by_serial("C02XY1"), minute(1)).await.unwrap().unwrap();
    store.meter().reset();
    let added = store.add_events(&tenant(), &settings(), events.clone(), minute(9)).await.unwrap();
    assert_eq!(added, [Added::Duplicate, Added::Duplicate]);
    // A copy that was received later is the same event.
    let later = events.iter().map(|event| Event { received_at: minute(20), ..event.clone() }).collect();
    let added = store.add_events(&tenant(), &settings(), later, minute(20)).await.unwrap();
    assert_eq!(added, [Added::Duplicate, Added::Duplicate]);
    let Units { read, write, index_write, .. } = store.meter().total();
    assert_eq!((read, write, index_write), (1.0, 0.0, 0.0));
    // In one batch, new and known events are distinguished.
    let mixed = vec![events[0].clone(), device.reports("3", Kind::StepEntered, minute(21))];
    let added = store.add_events(&tenant(), &settings(), mixed, minute(21)).await.unwrap();
    assert_eq!(added, [Added::Duplicate, Added::New]);
    let after = store.find(&tenant(), &by_serial("C02XY1"), minute(21)).await.unwrap().unwrap();
    assert_eq!((after.history.len(), after.version), (3, before.version + 1));
    table.drop().await;
}

/// Of two copies the first counts, but the other's identifiers are names of the device too.
pub async fn a_known_event_may_add_another_name(engine: &Engine) {
    let table = engine.table().await;
    for (run, swapped) in [false, true].into_iter().enumerate() {
        let (serial, udid) = (format!("serial-{run}"), format!("udid-{run}"));
        let mut copies = [
            Device::serial(&serial).reports("1", Kind::Started, minute(0)),
            Device::serial(&serial).and_udid(&udid).reports("1", Kind::Started, minute(0)),
        ];
        copies[1].received_at = minute(1);
        if swapped {
            copies.swap(0, 1);
        }
        for copy in &copies {
            table.store.add_events(&tenant(), &settings(), vec![copy.clone()], minute(2)).await.unwrap();
        }
        for name in [by_serial(&serial), by_udid(&udid)] {
            let stored = table.store.find(&tenant(), &name, minute(2)).await.unwrap().unwrap();
            assert_eq!(stored.history, history(&copies));
        }
    }
    table.drop().await;
}

/// The order of arrival does not matter.
pub async fn out_of_order_events_land_where_they_belong(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("C02XY1");
    let events = [
        device.reports("4", Kind::Stopped, minute(9)),
        device.reports("2", Kind::StepEntered, minute(2)),
        device.reports("1", Kind::Started, minute(1)),
        device.reports("3", Kind::StepCompleted, minute(3)),
    ];
    for event in &events {
        let added = table.store.add_events(&tenant(), &settings(), vec![event.clone()], minute(10)).await.unwrap();
        assert_eq!(added, [Added::New]);
    }
    let stored = table.store.find(&tenant(), &by_serial("C02XY1"), minute(10)).await.unwrap().unwrap();
    assert_eq!(stored.history, history(&events));
    assert_eq!(stored.folded_at, minute(10));
    let enrollment = fold(&tenant(), &stored.history, &settings(), minute(10));
    assert_eq!(enrollment.attempts.len(), 1);
    assert_eq!(enrollment.attempts[0].started_at, minute(1));
    table.drop().await;
}

/// However many events of one device come together, they take one write.
pub async fn a_batch_of_one_device_is_one_write(engine: &Engine) {
    let table = engine.table().await;
    let device = Device::serial("C02XY1");
    let mut events = vec![device.reports("0", Kind::Started, second(0))];
    events.extend((1..12).map(|index| device.reports(index.to_string(), Kind::StepEntered, second(index))));
    table.store.add_events(&tenant(), &settings(), events, second(12)).await.unwrap();
    let total = table.store.meter().total();
    // One read that found nothing and one write: the table and an entry in each index.
    assert_eq!((total.calls, total.read, total.write, total.index_write), (2, 0.5, 1.0, 2.0));
    assert_eq!(table.items().await.len(), 1);
    table.drop().await;
}

/// Sixteen writers of one enrollment, each with its own store.
pub async fn concurrent_writers_lose_nothing(engine: &Engine) {
    const WRITERS: i64 = 16;
    const EVENTS: i64 = 20;
    let table = engine.table().await;
    let device = Device::serial("C02XY1").and_udid("udid-1");
    let event = |writer: i64, index: i64| {
        device.reports(format!("{writer}-{index}"), Kind::StepEntered, second(index * WRITERS + writer))
    };
    let now = second(WRITERS * EVENTS);
    let writers = (0..WRITERS).map(|writer| {
        let store = table.another_store();
        async move {
            for index in 0..EVENTS {
                let event = event(writer, index);
                // A writer that is asked to come back does so, like a sender.
                loop {
                    match store.add_events(&tenant(), &settings(), vec![event.clone()], now).await {
                        Ok(_) => break,
                        Err(StoreError::Busy) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
    });
    join_all(writers).await;
    let all: Vec<Event> = (0..WRITERS).flat_map(|writer| (0..EVENTS).map(move |index| event(writer, index))).collect();
    let stored = table.store.find(&tenant(), &by_serial("C02XY1"), now).await.unwrap().unwrap();
    assert_eq!(stored.history, history(&all));
    assert_eq!(writes(&stored, now), usize::try_from(WRITERS * EVENTS).unwrap());
    table.drop().await;
}

/// An image is the item, so both read the same.
pub async fn a_stored_image_decodes_to_what_is_loaded(engine: &Engine) {
    let table = engine.table().await;
    let store = &table.store;
    let device = Device::serial("C02XY1").and_udid("udid-1");
    let events = vec![device.reports("1", Kind::Started, minute(0)), device.reports("2", Kind::StepEntered, minute(1))];
    store.add_events(&tenant(), &settings(), events, minute(2)).await.unwrap();
    let stored = store.find(&tenant(), &by_serial("C02XY1"), minute(2)).await.unwrap().unwrap();
    let loaded = store.load(std::slice::from_ref(&stored.key), minute(2)).await.unwrap().all().unwrap();
    assert_eq!(loaded, std::slice::from_ref(&stored));
    let image = Image::decode(&table.item(&stored.key).await.unwrap()).unwrap().unwrap();
    assert_eq!(image.key, stored.key);
    assert_eq!(image.history, stored.history);
    assert_eq!(image.folded_at, stored.folded_at);
    assert_eq!(image.segments, Vec::<u32>::new());
    assert_eq!(store.complete_image(&image).await.unwrap(), stored.history);
    // Nothing else in the table is an enrollment.
    for item in table.items().await.iter().filter(|item| item.contains_key("to")) {
        assert_eq!(Image::decode(item).unwrap(), None);
    }
    assert_eq!(table.links().await, 1);
    table.drop().await;
}

/// Without an identifier there is no key to store an event under.
pub async fn events_that_name_no_device_are_refused(engine: &Engine) {
    let table = engine.table().await;
    let mut event = Device::serial("C02XY1").reports("1", Kind::Started, minute(0));
    event.about = About { serial_number: Some("0".to_owned()), ..About::default() };
    let refused = table.store.add_events(&tenant(), &settings(), vec![event], minute(0)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(_)), "{refused}");
    assert!(table.items().await.is_empty());
    table.drop().await;
}
