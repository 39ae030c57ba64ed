//! A store drops items by expiry, which leaves no trace, and by pruning. A refreshed file has only what a file built
//! from nothing has.

use crate::common;

use common::{Rng, at, build, context, differences, dump, tenant, world};
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::{Event, History, Millis, TenantId, TenantSettings, Timestamp};
use vestibule_report::{Change, Working};

/// How long the store keeps events beyond the retention.
const PRUNE_AFTER: Millis = Millis::from_days(7);

/// An item of a store.
#[derive(Clone, Default)]
struct Item {
    version: u64,
    history: History,
    expires_at: Option<Timestamp>,
}

/// A store of some devices.
#[derive(Default)]
struct Store {
    items: BTreeMap<String, Item>,
    /// Written since the last refresh.
    changed: BTreeSet<String>,
}

impl Store {
    /// A device whose item has expired begins anew with a larger version, even if the item is still stored.
    fn write(&mut self, device: usize, event: &Event) {
        let (name, now) = (format!("item-{device}"), event.received_at);
        let mut item = self.items.remove(&name).unwrap_or_default();
        if item.expires_at.is_some_and(|at| at < now) {
            item = Item::default();
        }
        item.version = if item.version == 0 { u64::try_from(now.millis()).unwrap() } else { item.version + 1 };
        item.history.add(event.clone());
        let days = i64::try_from(device).unwrap() % 5 * 3;
        item.expires_at = (days > 0).then(|| now + Millis::from_days(days));
        self.items.insert(name.clone(), item);
        self.changed.insert(name);
    }

    /// Time-to-live deletes expired items at any time after their expiry.
    fn expire(&mut self, now: Timestamp, rng: &mut Rng) {
        self.items.retain(|_, item| item.expires_at.is_none_or(|at| at >= now) || rng.one_in(2));
    }

    fn prune(&mut self, tenant: &TenantId, settings: &TenantSettings, names: &[String], cutoff: Timestamp) {
        for name in names {
            let Some(item) = self.items.get_mut(name) else { continue };
            if item.history.prune(tenant, settings, cutoff) {
                item.version += 1;
            }
        }
    }

    fn load(&self, name: &str, now: Timestamp) -> Option<Change> {
        let Item { version, history, expires_at } = self.items.get(name)?.clone();
        let change = Change { item: name.to_owned(), version, history, expires_at };
        expires_at.is_none_or(|at| at >= now).then_some(change)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_the_store_dropped_is_in_no_refreshed_file(seed in any::<u64>(), steps in 2_usize..6) {
        let tenant = tenant();
        let settings = TenantSettings { retention_days: 30, ..TenantSettings::default() };
        let context = context(&tenant, &settings);
        let (from, until) = (at("2026-02-01T00:00:00Z"), at("2026-04-20T00:00:00Z"));
        let mut events: Vec<(usize, Event)> = world(seed, 14, from, until)
            .into_iter()
            .enumerate()
            .flat_map(|(device, events)| events.into_iter().map(move |event| (device, event)))
            .collect();
        events.sort_by_key(|(_, event)| event.received_at);
        let mut rng = Rng(seed ^ 99);
        let span = u64::try_from((until - from).get()).unwrap();
        let mut instants: Vec<Timestamp> =
            (0..=steps).map(|_| from + Millis::new(i64::try_from(rng.below(span)).unwrap())).collect();
        instants.sort_unstable();

        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (mut store, mut written) = (Store::default(), 0);
        let mut refreshed = Working::create(&path("refreshed"), &context).unwrap();
        for (number, as_of) in (0..).zip(&instants) {
            let known = events.iter().filter(|(_, event)| event.received_at <= *as_of).count();
            events[written..known].iter().for_each(|(device, event)| store.write(*device, event));
            written = known;
            store.expire(*as_of, &mut rng);
            let mut items = std::mem::take(&mut store.changed);
            items.extend(refreshed.overdue(*as_of).unwrap());
            if let Some(before) = refreshed.as_of().unwrap() {
                items.extend(refreshed.past_retention(before - PRUNE_AFTER).unwrap());
            }
            let mut refresh = refreshed.refresh(*as_of).unwrap();
            for item in items {
                match store.load(&item, *as_of) {
                    Some(change) => refresh.apply(&change).unwrap(),
                    None => refresh.remove(&item).unwrap(),
                }
            }
            refresh.finish().unwrap();

            let all: Vec<Change> = store.items.keys().filter_map(|item| store.load(item, *as_of)).collect();
            let mut built = build(&path(&format!("built-{number}")), &context, &all, *as_of);
            let (one, two) = (path(&format!("one-{number}")), path(&format!("two-{number}")));
            refreshed.publish(&one, None).unwrap();
            built.publish(&two, None).unwrap();
            prop_assert_eq!(differences(&dump(&one), &dump(&two)), Vec::<String>::new());

            let past = refreshed.past_retention(*as_of - PRUNE_AFTER).unwrap();
            store.prune(&tenant, &settings, &past, *as_of - settings.retention() - PRUNE_AFTER);
        }
    }
}

/// A device that keeps reporting that it is enrolled has no old attempt, but old events.
#[test]
fn a_device_that_only_repeats_itself_is_found_for_pruning() {
    let tenant = tenant();
    let settings = TenantSettings { retention_days: 30, ..TenantSettings::default() };
    let context = context(&tenant, &settings);
    let (from, end) = (at("2026-01-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
    let folder = tempfile::tempdir().unwrap();
    let enrolled = world(3, 40, from, from + Millis::from_days(1)).into_iter().find_map(|events| {
        let event = events
            .into_iter()
            .find(|event| event.step().is_some_and(|step| step.kind == vestibule_domain::Kind::Compliant))?;
        Some(event)
    });
    let mut history = History::default();
    history.add(enrolled.unwrap());
    let change = Change { item: "item-1".to_owned(), version: 1, history, expires_at: None };
    let working = build(&folder.path().join("w"), &context, &[change], end);
    assert_eq!(working.past_retention(end).unwrap(), ["item-1"]);
}

/// An enrollment that can't be read is left out of the file, counted, and tried again until it can be read or is gone.
#[test]
fn an_unreadable_enrollment_is_left_out_and_comes_back() {
    let (tenant, settings) = (tenant(), TenantSettings::default());
    let context = context(&tenant, &settings);
    let (from, end) = (at("2026-03-01T00:00:00Z"), at("2026-03-20T00:00:00Z"));
    let all = common::changes(&world(5, 12, from, end), end);
    let folder = tempfile::tempdir().unwrap();
    let mut working = build(&folder.path().join("w"), &context, &all, end);
    let overdue = working.overdue(end).unwrap();
    let lost = all.iter().find(|change| !overdue.contains(&change.item)).unwrap();

    let (mut as_of, mut since) = (end, None);
    for _ in 0..2 {
        as_of = as_of + Millis::new(1);
        let since = since.get_or_insert(as_of);
        let mut refresh = working.refresh(as_of).unwrap();
        refresh.unreadable(&lost.item).unwrap();
        refresh.finish().unwrap();
        assert_eq!(working.reader().unwrap().unreadable().unwrap(), 1);
        assert!(
            working.overdue(as_of).unwrap().contains(&lost.item) && !working.knows(&lost.item, lost.version).unwrap()
        );
        let out = folder.path().join(format!("out-{}", as_of.millis()));
        working.publish(&out, None).unwrap();
        let rows = dump(&out);
        let row = format!("Text({:?})|Integer({})", lost.item, since.millis());
        assert_eq!(rows["unreadable_enrollments"], [row]);
        assert_eq!(rows["enrollments"].len(), all.len() - 1);
    }

    let as_of = as_of + Millis::new(1);
    let mut refresh = working.refresh(as_of).unwrap();
    refresh.apply(lost).unwrap();
    refresh.finish().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    working.publish(&one, None).unwrap();
    build(&folder.path().join("built"), &context, &all, as_of).publish(&two, None).unwrap();
    assert_eq!(differences(&dump(&one), &dump(&two)), Vec::<String>::new());
    assert_eq!(working.reader().unwrap().unreadable().unwrap(), 0);
}
