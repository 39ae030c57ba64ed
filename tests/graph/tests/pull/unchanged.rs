//! The cost of an unchanged list, and that pulls in between make no difference.

use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use vestibule_domain::identity::IdentifierKind;
use vestibule_domain::{Identifier, Millis, fold};
use vestibule_graph_tests::{Services, device, id, pending};
use vestibule_store::{Cause, Units};

/// The capacity consumed, without that for the pull's own state and the tenant's settings.
fn beyond_its_own(services: &Services) -> BTreeMap<Cause, Units> {
    let mut units = services.store.meter().by_cause();
    units.retain(|cause, _| ![Cause::Pull, Cause::Tenant].contains(cause));
    units
}

#[tokio::test]
async fn ten_thousand_unchanged_devices_make_no_read_or_write_beyond_the_pulls_own_state() {
    const DEVICES: u32 = 10_000;
    let services = Services::start().await;
    let enrolled = |number: u32| services.now() - Millis::from_minutes(60 + i64::from(number));
    services.fake.page_size(1_000);
    services
        .fake
        .set("managedDevices", (0..DEVICES).map(|number| device(number, enrolled(number), "compliant")).collect());
    services.fake.set("windowsAutopilotDeviceIdentities", (0..500).map(pending).collect());
    for list in ["troubleshootingEvents", "autopilotEvents", "deviceEnrollmentConfigurations"] {
        services.fake.set(list, vec![]);
    }
    let ran = services.run().await;
    assert_eq!((ran.lists[0].new, ran.lists[1].new), (u64::from(DEVICES), 500));
    // Each device has synced since. Whole and partial readings are made by a process that has nothing in memory.
    services.fake.change("managedDevices", |list| {
        list.iter_mut().for_each(|device| device["lastSyncDateTime"] = Value::from("2026-11-27T13:00:00Z"));
    });
    services.store.meter().reset();
    for minutes in [5, 60, 6 * 60] {
        services.pass(minutes);
        let ran = services.restarted().puller().run(&id("contoso"), graph_pull::Which::Due).await.unwrap();
        assert!(ran.lists[0].rows > 0 && ran.lists.iter().all(|list| list.new == 0), "{ran:?}");
    }
    assert_eq!(beyond_its_own(&services), BTreeMap::new());
    let own = services.store.meter().by_cause()[&Cause::Pull];
    // The digests, a few kilobytes, are read, and are written if a reading ended differently from the one before.
    assert!(own.read < 200.0 && own.write < 200.0, "{own:?}");
}

#[tokio::test]
async fn the_same_list_a_hundred_times_writes_nothing_more() {
    let services = Services::start().await;
    let enrolled = services.now() - Millis::from_minutes(30);
    services.fake.set("managedDevices", (0..20).map(|number| device(number, enrolled, "compliant")).collect());
    services.fake.set("windowsAutopilotDeviceIdentities", (20..40).map(pending).collect());
    services.run().await;
    let before = services.enrollments().await;
    services.store.meter().reset();
    for _ in 0..100 {
        services.puller().run(&id("contoso"), graph_pull::Which::All).await.unwrap();
    }
    assert_eq!(beyond_its_own(&services), BTreeMap::new());
    // Within a week all records are passed on again, a seventh each day, and nothing of them is written.
    let mut new = 0;
    for _ in 0..8 {
        services.pass(24 * 60);
        new += services.run().await.lists.iter().map(|list| list.new).sum::<u64>();
    }
    assert!((40..=80).contains(&new), "{new}");
    assert_eq!(services.enrollments().await, before);
}

/// A tag has no date, so the last one that was read counts. A device whose tag stays is written once a week.
#[tokio::test]
async fn a_group_tag_is_what_was_read_last() {
    let services = Services::start().await;
    let tagged = |number: u32, tag: &str| {
        let mut device = pending(number);
        device["groupTag"] = Value::from(tag);
        device
    };
    let serial = Identifier::new(IdentifierKind::SerialNumber, "PZ00001").unwrap();
    let tag = async || {
        let found = services.store.find(&id("contoso"), &serial, services.now()).await.unwrap().unwrap();
        let settings = services.contoso().await.settings;
        let folded = fold(&id("contoso"), &found.history, &settings, services.now());
        (folded.tags.get("groupTag").cloned(), found.history.len())
    };
    let read = async |tag: &str| {
        services.fake.set("windowsAutopilotDeviceIdentities", vec![tagged(1, tag), tagged(2, "")]);
        services.run().await;
        services.pass(8 * 24 * 60);
    };
    let was = |tag: &str, events: usize| (Some(tag.to_owned()), events);
    read("SALES").await;
    assert_eq!(tag().await, was("SALES", 2), "it is registered, and has a tag");
    read("FINANCE").await;
    assert_eq!(tag().await, was("FINANCE", 3));
    read("SALES").await;
    assert_eq!(tag().await, was("SALES", 4), "what it was before it is again");
    for _ in 0..5 {
        services.pass(60);
        services.run().await;
    }
    assert_eq!(tag().await.0, was("SALES", 0).0);
    assert!(tag().await.1 <= 5, "a week has one event");
    let other = Identifier::new(IdentifierKind::SerialNumber, "PZ00002").unwrap();
    let other = services.store.find(&id("contoso"), &other, services.now()).await.unwrap().unwrap();
    assert!(other.history.events().all(|event| !event.is_tagged()), "a blank text says nothing");
}

/// A growing list: the devices that exist at each pull, and those of them that are compliant.
fn growing() -> impl Strategy<Value = Vec<Vec<(u32, bool)>>> {
    prop::collection::vec((0_u32..12, any::<bool>()), 1..16).prop_map(|steps| {
        let (mut lists, mut list): (Vec<_>, BTreeMap<u32, bool>) = (Vec::new(), BTreeMap::new());
        for (number, compliant) in steps {
            let state = list.entry(number).or_default();
            *state |= compliant;
            lists.push(list.iter().map(|(number, compliant)| (*number, *compliant)).collect());
        }
        lists
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_sequence_of_pulls_of_a_growing_list_equals_one_pull_of_the_last(
        lists in growing(), page_size in 1_usize..6, restarts in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (all, last) = runtime.block_on(async {
            let pulled = async |lists: &[Vec<(u32, bool)>], minutes: i64| {
                let services = Services::start().await;
                // All dates are before the first pull, so that none depends on the pull that found the record.
                let begin = services.now();
                let at = |number: u32| begin - Millis::from_minutes(60 + i64::from(number));
                services.fake.page_size(page_size);
                services.pass(minutes);
                for list in lists {
                    let record = |(number, compliant): &(u32, bool)| {
                        device(*number, at(*number), if *compliant { "compliant" } else { "unknown" })
                    };
                    services.fake.set("managedDevices", list.iter().map(record).collect());
                    services.pass(5);
                    let function = if restarts { services.restarted() } else { services.function().clone() };
                    function.puller().run(&id("contoso"), graph_pull::Which::Due).await.unwrap();
                }
                services.enrollments().await
            };
            let before_last = 5 * (i64::try_from(lists.len()).unwrap() - 1);
            (pulled(&lists, 0).await, pulled(&lists[lists.len() - 1..], before_last).await)
        });
        prop_assert_eq!(all, last);
    }
}
