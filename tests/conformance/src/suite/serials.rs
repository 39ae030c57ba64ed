//! Serial numbers keep devices separate, whatever else they share; and links never form a circle.

use crate::fixtures::{Device, by_mdm, by_serial, by_udid, minute, settings, tenant};
use crate::{Engine, Item, Table};
use aws_sdk_dynamodb::types::AttributeValue;
use vestibule_domain::event::Event;
use vestibule_domain::history::Added;
use vestibule_domain::{Identifier, Kind};
use vestibule_store::{ItemKey, Stored};

async fn add(table: &Table, event: Event) -> Vec<Added> {
    let now = event.received_at;
    table.store.add_events(&tenant(), &settings(), vec![event], now).await.unwrap()
}

async fn find(table: &Table, name: Identifier) -> Option<Stored> {
    table.store.find(&tenant(), &name, minute(100)).await.unwrap()
}

fn serials(stored: &Stored) -> Vec<&str> {
    stored.history.events().filter_map(|event| event.about.serial_number.as_deref()).collect()
}

/// Two computers made from one cloned disk: the MDM gives both the same device id.
pub async fn two_serial_numbers_are_never_one_device(engine: &Engine) {
    let table = engine.table().await;
    for (minutes, serial) in [(0, "serial-1"), (1, "serial-2"), (2, "serial-1"), (3, "serial-3")] {
        let event =
            Device::serial(serial).and_mdm("mdm-1").reports(format!("{minutes}"), Kind::Started, minute(minutes));
        assert_eq!(add(&table, event).await, [Added::New]);
    }
    // Without a serial number the event goes to the device that had the id first.
    let event = Device::default().and_mdm("mdm-1").reports("4", Kind::StepEntered, minute(4));
    assert_eq!(add(&table, event).await, [Added::New]);
    assert_eq!(table.heads().await.len(), 3);
    for (serial, events) in [("serial-1", 3), ("serial-2", 1), ("serial-3", 1)] {
        let stored = find(&table, by_serial(serial)).await.unwrap();
        assert_eq!(stored.history.len(), events, "{serial}");
        assert!(serials(&stored).iter().all(|one| *one == serial));
    }
    let by_id = find(&table, by_mdm("mdm-1")).await.unwrap();
    assert_eq!(by_id.key, find(&table, by_serial("serial-1")).await.unwrap().key);
    // An operator sees each refusal once, however often it happens.
    let refused = table.store.refused_merges(&tenant(), 10).await.unwrap();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused.iter().all(|one| one.other == by_id.key));
    table.drop().await;
}

/// A device known only by its id learns the serial number of one of two.
pub async fn a_serial_number_that_comes_late_keeps_devices_apart(engine: &Engine) {
    let table = engine.table().await;
    add(&table, Device::udid("udid-1").reports("1", Kind::Started, minute(0))).await;
    add(&table, Device::serial("serial-1").and_udid("udid-1").reports("2", Kind::StepEntered, minute(1))).await;
    add(&table, Device::serial("serial-2").reports("3", Kind::Started, minute(2))).await;
    add(&table, Device::serial("serial-2").and_udid("udid-1").reports("4", Kind::StepEntered, minute(3))).await;
    assert_eq!(table.heads().await.len(), 2);
    assert_eq!(find(&table, by_serial("serial-1")).await.unwrap().history.len(), 2);
    assert_eq!(find(&table, by_serial("serial-2")).await.unwrap().history.len(), 2);
    // A link was written for a serial number, and then its device got another serial number: a writer that was
    // overtaken leaves this behind.
    let one = find(&table, by_udid("udid-1")).await.unwrap().key;
    let mut probe = Device::serial("serial-3");
    add(&table, probe.reports("5", Kind::Started, minute(4))).await;
    let third = find(&table, by_serial("serial-3")).await.unwrap().key;
    table.put(link(&third, &one)).await;
    probe = probe.and_udid("udid-3");
    assert_eq!(add(&table, probe.reports("6", Kind::StepEntered, minute(5))).await, [Added::New]);
    assert_eq!(serials(&find(&table, by_serial("serial-3")).await.unwrap()), ["serial-3"]);
    assert_eq!(serials(&find(&table, by_serial("serial-1")).await.unwrap()), ["serial-1"]);
    table.drop().await;
}

/// A circle of links, which a lagging read can cause, is cut by the next writer that meets it.
pub async fn circles_of_links_are_cut(engine: &Engine) {
    let table = engine.table().await;
    let mut keys = Vec::new();
    for udid in ["udid-1", "udid-2", "udid-3"] {
        add(&table, Device::udid(udid).reports(udid, Kind::Started, minute(0))).await;
        keys.push(find(&table, by_udid(udid)).await.unwrap().key);
    }
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        table.put(link(&keys[from], &keys[to])).await;
    }
    for (id, udid) in [("1", "udid-2"), ("2", "udid-1"), ("3", "udid-3")] {
        assert_eq!(add(&table, Device::udid(udid).reports(id, Kind::StepEntered, minute(1))).await, [Added::New]);
    }
    assert_eq!(table.heads().await.len(), 1);
    assert_eq!(find(&table, by_udid("udid-1")).await.unwrap().history.len(), 3);
    table.drop().await;
}

fn link(from: &ItemKey, to: &ItemKey) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    Item::from([
        ("pk".to_owned(), text(from.as_str())),
        ("sk".to_owned(), text("h")),
        ("to".to_owned(), text(to.as_str())),
    ])
}
