//! Refreshing: a refreshed file has the rows and bytes of a file built from nothing, in whatever order it came about.

use crate::common;

use common::esp::PROFILES;
use common::{
    Rng, about, annotations, at, build, changes, context, differences, dump, event, step, tenant, with_profiles, world,
};
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use vestibule_domain::annotation::Annotations;
use vestibule_domain::esp::profiles::Profiles;
use vestibule_domain::esp::{AppNames, EspSession};
use vestibule_domain::{History, Kind, Millis, Platform, TenantSettings, Timestamp, fold};
use vestibule_report::{Change, Error, Snapshot, Working};

fn settings() -> TenantSettings {
    TenantSettings { time_zone: chrono_tz::Europe::Berlin, ..TenantSettings::default() }
}

fn some_names() -> Arc<AppNames> {
    let mut names = AppNames::default();
    (1..4).for_each(|number| assert!(names.insert(&format!("app-{number}"), &format!("Intune's app {number}"))));
    Arc::new(names)
}

/// Two devices that from `known` on are one: the second's events become the first's.
fn merge(changes: &mut Vec<Change>, gone: &mut Vec<String>, into: &str, from: &str) {
    let Some(at) = changes.iter().position(|change| change.item == from) else { return };
    let other = changes.remove(at);
    gone.push(other.item);
    if let Some(change) = changes.iter_mut().find(|change| change.item == into) {
        change.history.absorb(other.history, &tenant(), &settings());
        change.version = 1_000 + change.history.len() as u64;
    } else {
        let version = 1_000 + other.history.len() as u64;
        changes.push(Change { item: into.to_owned(), version, history: other.history, expires_at: None });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_refreshed_file_equals_a_built_file(seed in any::<u64>(), steps in 1_usize..5) {
        let (tenant, settings) = (tenant(), settings());
        let context = context(&tenant, &settings);
        let (from, until) = (at("2026-02-01T00:00:00Z"), at("2026-04-20T00:00:00Z"));
        let events = world(seed, 14, from, until);
        let mut rng = Rng(seed ^ 77);
        let span = u64::try_from((until - from).get()).unwrap();
        let mut instants: Vec<Timestamp> =
            (0..=steps).map(|_| from + Millis::new(i64::try_from(rng.below(span)).unwrap())).collect();
        instants.sort_unstable();
        let merged_at = rng.below(steps as u64 + 1);

        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut current = path("refreshed");
        let mut refreshed = Working::create(&current, &context).unwrap();
        let (mut last, mut known) = (Vec::new(), Timestamp::MIN);
        let (mut profiles, mut names, mut notes) = (Profiles::default(), Arc::default(), Annotations::default());
        for (number, as_of) in (0..).zip(&instants) {
            // The store may already have events that arrived after the instant of the file.
            known = known.max(*as_of + Millis::from_minutes(i64::try_from(rng.below(600)).unwrap()));
            let (mut now, mut gone) = (changes(&events, known), Vec::new());
            if number >= merged_at {
                merge(&mut now, &mut gone, "item-1", "item-2");
            }
            last.clone_from(&now);
            let overdue = refreshed.overdue(*as_of).unwrap();
            now.retain(|change| {
                overdue.contains(&change.item) || !refreshed.knows(&change.item, change.version).unwrap()
            });
            // Changes come in any order, some of them twice.
            for at in (1..now.len()).rev() {
                now.swap(at, usize::try_from(rng.below(at as u64 + 1)).unwrap());
            }
            profiles = if rng.one_in(2) { PROFILES.clone() } else { Profiles::default() };
            refreshed.set_profiles(&profiles);
            names = if rng.one_in(2) { some_names() } else { Arc::default() };
            refreshed.set_app_names(&names);
            notes = if rng.one_in(2) { annotations(&[("2026-02-03", "One"), ("2026-03-04", "Two")]) } else { notes };
            notes = if rng.one_in(4) { Annotations::default() } else { notes };
            refreshed.set_annotations(&notes);
            // Others may read the file meanwhile, and see none of it before it is finished.
            let before = refreshed.as_of().unwrap();
            let shown = before.filter(|_| rng.one_in(4)).map(|before| {
                refreshed.share().unwrap();
                (before, Snapshot::open(&current).unwrap())
            });
            let seen = |snapshot: &Snapshot| snapshot.read(|file| Ok((file.as_of(), file.status()?))).unwrap();
            let was = shown.as_ref().map(|(_, snapshot)| seen(snapshot).1);
            let mut refresh = refreshed.refresh(*as_of).unwrap();
            let first = rng.one_in(2);
            if first {
                gone.iter().for_each(|item| refresh.remove(item).unwrap());
            }
            for change in &now {
                refresh.apply(change).unwrap();
                if rng.one_in(5) {
                    refresh.apply(change).unwrap();
                }
            }
            if !first {
                gone.iter().for_each(|item| refresh.remove(item).unwrap());
            }
            if let (Some((before, snapshot)), Some(was)) = (&shown, was) {
                prop_assert_eq!(seen(snapshot), (*before, was));
            }
            refresh.finish().unwrap();
            if let Some((_, snapshot)) = &shown {
                let now = refreshed.reader().unwrap().status().unwrap();
                prop_assert_eq!(seen(snapshot), (*as_of, now));
            }
            drop(shown);
            // Half of the time the refresh goes on from a published copy.
            if rng.one_in(2) {
                let name = path(&format!("given-{number}"));
                refreshed.publish(&name, None).unwrap();
                refreshed = Working::open(&name, &context).unwrap().unwrap();
                current = name;
            }
        }
        let as_of = *instants.last().unwrap();
        let mut built = build(&path("built"), &with_profiles(&tenant, &settings, &profiles), &last, as_of);
        built.set_app_names(&names);
        built.set_annotations(&notes);
        built.refresh(as_of).unwrap().finish().unwrap();
        let (one, two) = (path("one"), path("two"));
        let one_published = refreshed.publish(&one, None).unwrap();
        let two_published = built.publish(&two, None).unwrap();
        let (one_rows, two_rows) = (dump(&one), dump(&two));
        prop_assert_eq!(differences(&one_rows, &two_rows), Vec::<String>::new());
        prop_assert_eq!(one_published.sha256, two_published.sha256);
    }
}

/// Sessions also change without an event: past their limit, and when they become stuck. A file that is refreshed at
/// these instants and at events, and only for items that are overdue, equals a file built at that instant.
#[test]
fn a_session_refreshed_at_each_of_its_instants_equals_a_built_one() {
    let (tenant, settings) = (tenant(), settings());
    let context = context(&tenant, &settings);
    let begin = at("2026-03-10T08:00:00Z");
    let mut stuck = 0;
    for seed in 0..10 {
        let mut events = common::esp::session(&mut Rng(seed), seed, begin);
        // Each event is received at the instant at which it is placed.
        events.iter_mut().for_each(|event| event.received_at = event.time);
        let mut instants: BTreeSet<Timestamp> = BTreeSet::new();
        let mut history = History::default();
        for event in &events {
            history.add(event.clone());
            instants.insert(event.time);
            let session = fold(&tenant, &history, &settings, event.time).sessions;
            let due = session.iter().filter_map(EspSession::stands_until);
            instants.extend(due.flat_map(|due| [due, due + Millis::new(1)]));
        }
        let folder = tempfile::tempdir().unwrap();
        let mut refreshed = Working::create(&folder.path().join("refreshed"), &context).unwrap();
        for as_of in instants {
            let now = changes(std::slice::from_ref(&events), as_of);
            let overdue = refreshed.overdue(as_of).unwrap();
            let mut refresh = refreshed.refresh(as_of).unwrap();
            for change in &now {
                if overdue.contains(&change.item) || !refresh.knows(&change.item, change.version).unwrap() {
                    refresh.apply(change).unwrap();
                }
            }
            refresh.finish().unwrap();
            let name = |text: &str| folder.path().join(format!("{text}-{}", as_of.millis()));
            refreshed.publish(&name("one"), None).unwrap();
            build(&name("built"), &context, &now, as_of).publish(&name("two"), None).unwrap();
            let (one, two) = (dump(&name("one")), dump(&name("two")));
            assert_eq!(differences(&one, &two), Vec::<String>::new(), "seed {seed} at {as_of}");
            let sessions = refreshed.reader().unwrap().esp_sessions(&format!("sn{seed:08}")).unwrap();
            stuck += sessions.iter().filter(|one| one.session.is_stuck).count();
        }
    }
    assert!(stuck > 0);
}

#[test]
fn two_builds_have_the_same_bytes_in_any_order() {
    let (tenant, settings) = (tenant(), settings());
    let context = context(&tenant, &settings);
    let as_of = at("2026-03-20T02:00:00Z");
    let mut all = changes(&world(5, 300, at("2026-02-25T00:00:00Z"), as_of), as_of);
    let folder = tempfile::tempdir().unwrap();
    let mut published = Vec::new();
    for number in 0..3 {
        let mut working = build(&folder.path().join(format!("w{number}")), &context, &all, as_of);
        published.push(working.publish(&folder.path().join(format!("p{number}")), None).unwrap());
        all.reverse();
        all.rotate_left(17);
    }
    assert_eq!(published[0].sha256, published[1].sha256);
    assert_eq!(published[0].sha256, published[2].sha256);
    assert!(published[0].rows["attempts"] > 300);
}

#[test]
fn data_that_leaves_the_window_leaves_the_file() {
    let (tenant, settings) = (tenant(), settings());
    let context = context(&tenant, &settings);
    let (from, end) = (at("2026-01-01T00:00:00Z"), at("2026-02-20T00:00:00Z"));
    let all = changes(&world(9, 60, from, end), end);
    let folder = tempfile::tempdir().unwrap();
    let mut working = build(&folder.path().join("w"), &context, &all, end);
    let past = working.past_retention(end).unwrap();
    assert!(!past.is_empty());
    let far = end + Millis::from_days(60);
    working.refresh(far).unwrap().finish().unwrap();
    let published = working.publish(&folder.path().join("out"), None).unwrap();
    assert_eq!(published.rows["attempts"], 0);
    assert_eq!(published.rows["daily_totals"], 0);
    assert!(published.rows["enrollments"] > 0, "enrolled devices stay");
}

/// An event that opens no attempt still makes a device, as long as the event is in the window.
#[test]
fn a_device_with_only_a_reported_removal_is_not_enrolled() {
    let (tenant, settings) = (tenant(), settings());
    let context = context(&tenant, &settings);
    let removed_at = at("2026-03-01T12:00:00Z");
    let of = |device: u64, kinds: &[Kind]| {
        let mut history = History::default();
        for (number, kind) in kinds.iter().enumerate() {
            let id = format!("{device}-{number}");
            history.add(event(id, removed_at, 0, about(device, Platform::Ios), step(*kind)));
        }
        Change { item: format!("item-{device}"), version: 1, history, expires_at: None }
    };
    let all = [
        of(1, &[Kind::Unenrolled]),
        of(2, &[Kind::PortalClosed]),
        of(3, &[Kind::Registered, Kind::Unenrolled]),
        of(4, &[Kind::Enrolled, Kind::Compliant]),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut refreshed = build(&folder.path().join("w"), &context, &all, removed_at + Millis::from_minutes(1));
    for (days, not_enrolled) in [(0, 2), (29, 2), (30, 2), (31, 0), (60, 0)] {
        let as_of = removed_at + Millis::from_days(days) + Millis::from_minutes(2);
        refreshed.refresh(as_of).unwrap().finish().unwrap();
        let status = refreshed.reader().unwrap().status().unwrap();
        let (devices, counted) = (status.devices, status.not_enrolled);
        assert_eq!((counted, devices), (not_enrolled, not_enrolled + 2), "{days} days later");
        assert_eq!((status.pending, status.enrolled), (1, 1), "{days} days later");
        let mut built = build(&folder.path().join(format!("b{days}")), &context, &all, as_of);
        let (one, two) = (folder.path().join(format!("one{days}")), folder.path().join(format!("two{days}")));
        refreshed.publish(&one, None).unwrap();
        built.publish(&two, None).unwrap();
        assert_eq!(differences(&dump(&one), &dump(&two)), Vec::<String>::new(), "{days} days later");
    }
}

#[test]
fn a_collision_is_an_error_and_another_salt_avoids_it() {
    let (tenant, settings) = (tenant(), settings());
    let context = context(&tenant, &settings);
    let as_of = at("2026-03-20T02:00:00Z");
    let all = changes(&world(5, 40, at("2026-03-01T00:00:00Z"), as_of), as_of);
    let folder = tempfile::tempdir().unwrap();
    let mut outcomes = Vec::new();
    for (salt, bits) in [(0, 6), (1, 6), (2, 40)] {
        let mut working =
            Working::create_narrow(&folder.path().join(format!("w{salt}")), &context, salt, bits).unwrap();
        let mut refresh = working.refresh(as_of).unwrap();
        let result = all.iter().try_for_each(|change| refresh.apply(change));
        outcomes.push(match result {
            Ok(()) => {
                refresh.finish().unwrap();
                let published = working.publish(&folder.path().join(format!("p{salt}")), None).unwrap();
                assert!(published.rows["attempts"] > 40);
                "built"
            }
            Err(Error::Collision { salt: collided, .. }) => {
                assert_eq!(collided, salt);
                drop(refresh);
                assert!(matches!(working.refresh(as_of), Err(Error::Unfinished)));
                assert!(matches!(working.publish(&folder.path().join("no"), None), Err(Error::Unfinished)));
                "collided"
            }
            Err(error) => panic!("{error}"),
        });
    }
    assert_eq!(outcomes, ["collided", "collided", "built"]);
}

#[test]
fn settings_that_change_history_require_a_new_file() {
    let (tenant, settings) = (tenant(), settings());
    let as_of = at("2026-03-20T02:00:00Z");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    build(&folder.path().join("w"), &context(&tenant, &settings), &[], as_of).publish(&out, None).unwrap();
    let opens = |settings: &TenantSettings| Working::open(&out, &context(&tenant, settings)).unwrap().is_some();
    assert!(opens(&settings));
    let members = serde_json::to_value(&settings).unwrap();
    let members = members.as_object().unwrap();
    assert!(members.len() >= 10, "{members:?}");
    for (member, value) in members {
        let other = match (member.as_str(), value) {
            ("timeZone", _) => json!("Pacific/Auckland"),
            ("exportAt", _) => json!("03:30"),
            ("complianceSource", _) => json!("graph"),
            ("retentionDays", _) => json!(90),
            ("tagKeys", _) => json!(["floor"]),
            (_, Value::Bool(value)) => json!(!value),
            (_, value) => json!(value.as_u64().unwrap() + 3),
        };
        let mut changed = members.clone();
        changed.insert(member.clone(), other);
        let changed: TenantSettings = serde_json::from_value(changed.into()).unwrap();
        assert_ne!(changed, settings, "{member}");
        assert_eq!(opens(&changed), !changed.alters_history(&settings), "{member}");
    }
    let other = vestibule_domain::TenantId::parse("fabrikam").unwrap();
    assert!(Working::open(&out, &context(&other, &settings)).unwrap().is_none());
}

#[test]
fn a_file_that_is_shared_before_its_first_refresh_has_the_same_bytes() {
    let (tenant, settings, as_of) = (tenant(), settings(), at("2026-03-20T02:00:00Z"));
    let all = changes(&world(3, 40, at("2026-03-01T00:00:00Z"), as_of), as_of);
    let folder = tempfile::tempdir().unwrap();
    let (out, other) = (folder.path().join("out"), folder.path().join("other"));
    build(&folder.path().join("w"), &context(&tenant, &settings), &all, as_of).publish(&out, None).unwrap();
    let mut shared = Working::create(&folder.path().join("s"), &context(&tenant, &settings)).unwrap();
    shared.share().unwrap();
    let mut refresh = shared.refresh(as_of).unwrap();
    all.iter().for_each(|change| refresh.apply(change).unwrap());
    refresh.finish().unwrap();
    shared.publish(&other, None).unwrap();
    assert!(std::fs::read(&out).unwrap() == std::fs::read(&other).unwrap());
}

#[test]
fn an_earlier_instant_is_refused() {
    let (tenant, settings) = (tenant(), settings());
    let as_of = at("2026-03-20T02:00:00Z");
    let folder = tempfile::tempdir().unwrap();
    let mut working = build(&folder.path().join("w"), &context(&tenant, &settings), &[], as_of);
    assert!(matches!(working.refresh(as_of - Millis::new(1)), Err(Error::Backwards { .. })));
    assert!(working.refresh(as_of).is_ok());
}
