//! Devices that go by several names.

use crate::fixtures::{Device, by_mdm, by_serial, by_udid, history, minute, second, settings, tenant};
use crate::{Engine, Table};
use futures::future::join_all;
use std::collections::BTreeSet;
use vestibule_domain::event::Event;
use vestibule_domain::{Identifier, Kind, TenantId};
use vestibule_store::{INDEX_LAG, ItemKey, StoreError};

/// Adds events one by one.
async fn add(table: &Table, events: &[Event]) {
    for event in events {
        table.store.add_events(&tenant(), &settings(), vec![event.clone()], minute(15)).await.unwrap();
    }
}

/// All names lead to one enrollment, which has exactly these events.
async fn leads_to_one(table: &Table, names: &[Identifier], events: &[Event]) -> ItemKey {
    let mut keys = Vec::new();
    for name in names {
        let stored = table.store.find(&tenant(), name, minute(16)).await.unwrap().expect("an enrollment");
        assert_eq!(stored.history, history(events), "{name:?}");
        keys.push(stored.key);
    }
    keys.dedup();
    assert_eq!(keys.len(), 1);
    keys.remove(0)
}

/// Every order of `0..n`.
fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(n - 1);
    let longer = |order: &Vec<usize>| {
        let order = order.clone();
        (0..n).map(move |at| {
            let mut order = order.clone();
            order.insert(at, n - 1);
            order
        })
    };
    shorter.iter().flat_map(longer).collect()
}

/// A serial number, a device identifier and both, in every order; then a longer chain of names.
pub async fn every_order_of_arrival_leads_to_one_enrollment(engine: &Engine) {
    let table = engine.table().await;
    let mut devices = 0;
    for (run, order) in orders(3).into_iter().enumerate() {
        let (serial, udid) = (format!("serial-{run}"), format!("udid-{run}"));
        let senders = [Device::serial(&serial), Device::udid(&udid), Device::serial(&serial).and_udid(&udid)];
        let event = |(at, which): (usize, &usize)| {
            let kind = [Kind::Started, Kind::StepEntered, Kind::StepCompleted][*which];
            senders[*which].reports(which.to_string(), kind, second(i64::try_from(at).unwrap()))
        };
        let events: Vec<Event> = order.iter().enumerate().map(event).collect();
        add(&table, &events).await;
        leads_to_one(&table, &[by_serial(&serial), by_udid(&udid)], &events).await;
        devices += 1;
    }
    assert_eq!((table.heads().await.len(), table.links().await), (devices, devices));
    for (run, order) in orders(4).into_iter().enumerate() {
        let (serial, udid, mdm) = (format!("serial-4-{run}"), format!("udid-4-{run}"), format!("mdm-{run}"));
        let senders = [
            Device::serial(&serial),
            Device::udid(&udid).and_mdm(&mdm),
            Device::default().and_mdm(&mdm),
            Device::serial(&serial).and_udid(&udid),
        ];
        let event = |which: &usize| senders[*which].reports(which.to_string(), Kind::StepEntered, minute(1));
        let events: Vec<Event> = order.iter().map(event).collect();
        add(&table, &events).await;
        leads_to_one(&table, &[by_serial(&serial), by_udid(&udid), by_mdm(&mdm)], &events).await;
    }
    assert_eq!(table.heads().await.len(), devices + 24);
    assert_eq!(table.links().await, devices + 2 * 24);
    table.drop().await;
}

/// One event shows that four enrollments are one.
pub async fn one_event_joins_four_enrollments(engine: &Engine) {
    let table = engine.table().await;
    let mut events = vec![
        Device::serial("serial-1").reports("1", Kind::Registered, minute(0)),
        Device::udid("udid-1").reports("2", Kind::Started, minute(1)),
        Device::default().and_mdm("mdm-1").reports("3", Kind::StepEntered, minute(2)),
        Device::udid("udid-2").reports("4", Kind::StepEntered, minute(2)),
    ];
    add(&table, &events).await;
    assert_eq!((table.heads().await.len(), table.links().await), (4, 0));
    let all = Device::serial("serial-1").and_udid("udid-1").and_mdm("mdm-1");
    let batch = vec![
        all.reports("5", Kind::StepEntered, minute(3)),
        Device::serial("serial-1").and_udid("udid-2").reports("6", Kind::StepEntered, minute(4)),
    ];
    events.extend(batch.clone());
    table.store.add_events(&tenant(), &settings(), batch, minute(15)).await.unwrap();
    let names = [by_serial("serial-1"), by_udid("udid-1"), by_mdm("mdm-1"), by_udid("udid-2")];
    leads_to_one(&table, &names, &events).await;
    assert_eq!((table.heads().await.len(), table.links().await), (1, 3));
    table.drop().await;
}

/// What was an enrollment is now a link: writes follow it, and loading leaves it out.
pub async fn a_redirect_is_followed_and_not_loaded(engine: &Engine) {
    let table = engine.table().await;
    let (one, other) = (Device::serial("serial-1"), Device::udid("udid-1"));
    let mut events = vec![one.reports("1", Kind::Started, minute(0)), other.reports("2", Kind::StepEntered, minute(1))];
    add(&table, &events).await;
    let keys = table.heads().await;
    assert_eq!(table.store.load(&keys, minute(15)).await.unwrap().all().unwrap().len(), 2);
    events.push(one.clone().and_udid("udid-1").reports("3", Kind::StepEntered, minute(2)));
    add(&table, &events[2..]).await;
    // Each of the two names alone, after the merge.
    events.push(one.reports("4", Kind::StepEntered, minute(3)));
    events.push(other.reports("5", Kind::StepEntered, minute(4)));
    add(&table, &events[3..]).await;
    let kept = leads_to_one(&table, &[by_serial("serial-1"), by_udid("udid-1")], &events).await;
    let loaded = table.store.load(&keys, minute(15)).await.unwrap().all().unwrap();
    assert_eq!(loaded.iter().map(|stored| &stored.key).collect::<Vec<_>>(), [&kept]);
    // Both have changed, so that a reader that holds the removed one learns of it; only one exists and is due.
    let changed = table.store.changed_since(&tenant(), Some(minute(15)), INDEX_LAG).await.unwrap();
    assert_eq!(changed.iter().collect::<BTreeSet<_>>(), keys.iter().collect());
    assert_eq!(table.store.load(&changed, minute(15)).await.unwrap().all().unwrap().len(), 1);
    assert_eq!(table.store.due(minute(600)).await.unwrap(), [kept]);
    table.drop().await;
}

/// Some write by one name, some by the other, and some learn meanwhile that both are one device.
pub async fn writes_and_merges_at_once_lose_nothing(engine: &Engine) {
    const EVENTS: i64 = 8;
    let table = engine.table().await;
    for round in 0..4 {
        let (serial, udid, mdm) = (format!("serial-{round}"), format!("udid-{round}"), format!("mdm-{round}"));
        let devices = [
            Device::serial(&serial),
            Device::udid(&udid),
            Device::default().and_mdm(&mdm),
            Device::serial(&serial).and_udid(&udid),
            Device::udid(&udid).and_mdm(&mdm),
            Device::serial(&serial),
            Device::udid(&udid),
        ];
        let writers = devices.iter().enumerate().map(|(writer, device)| {
            let store = table.another_store();
            async move {
                let mut sent = Vec::new();
                for index in 0..EVENTS {
                    let event = device.reports(format!("{writer}-{index}"), Kind::StepEntered, second(index));
                    loop {
                        match store.add_events(&tenant(), &settings(), vec![event.clone()], minute(15)).await {
                            Ok(_) => break,
                            Err(StoreError::Busy) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                    sent.push(event);
                }
                sent
            }
        });
        let events: Vec<Event> = join_all(writers).await.concat();
        leads_to_one(&table, &[by_serial(&serial), by_udid(&udid), by_mdm(&mdm)], &events).await;
        assert_eq!(table.heads().await.len(), round + 1);
    }
    table.drop().await;
}

/// Retention may delete an enrollment that links still lead to.
pub async fn a_link_to_nothing_is_no_obstacle(engine: &Engine) {
    let table = engine.table().await;
    for (run, first) in ["serial", "udid", "all"].into_iter().enumerate() {
        let (serial, udid, mdm) = (format!("serial-{run}"), format!("udid-{run}"), format!("mdm-{run}"));
        add(&table, &[Device::serial(&serial).and_udid(&udid).reports("1", Kind::Started, minute(0))]).await;
        let key = table.store.find(&tenant(), &by_udid(&udid), minute(1)).await.unwrap().unwrap().key;
        table.delete(&key).await;
        assert_eq!(table.store.find(&tenant(), &by_udid(&udid), minute(1)).await.unwrap(), None);
        let mut devices = [
            Device::serial(&serial),
            Device::udid(&udid),
            Device::udid(&udid).and_mdm(&mdm),
            Device::serial(&serial).and_udid(&udid).and_mdm(&mdm),
        ];
        match first {
            "serial" => {}
            "udid" => devices.swap(0, 1),
            _ => devices.swap(0, 3),
        }
        let event =
            |(index, device): (usize, &Device)| device.reports(format!("2-{index}"), Kind::StepEntered, minute(2));
        let events: Vec<Event> = devices.iter().enumerate().map(event).collect();
        add(&table, &events).await;
        leads_to_one(&table, &[by_serial(&serial), by_udid(&udid), by_mdm(&mdm)], &events).await;
    }
    assert_eq!(table.heads().await.len(), 3);
    table.drop().await;
}

/// The same serial number at two organisations is two devices.
pub async fn tenants_do_not_share_devices(engine: &Engine) {
    let table = engine.table().await;
    let other = TenantId::parse("fabrikam").unwrap();
    let event = Device::serial("serial-1").reports("1", Kind::Started, minute(0));
    add(&table, std::slice::from_ref(&event)).await;
    assert_eq!(table.store.find(&other, &by_serial("serial-1"), minute(1)).await.unwrap(), None);
    table.store.add_events(&other, &settings(), vec![event], minute(1)).await.unwrap();
    assert_eq!(table.heads().await.len(), 2);
    for tenant in [tenant(), other] {
        let keys = table.store.changed_since(&tenant, None, INDEX_LAG).await.unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].tenant(), &tenant);
    }
    table.drop().await;
}
