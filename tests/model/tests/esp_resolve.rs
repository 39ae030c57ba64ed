//! Which profile applies: the domain against the plain model, with filters in any spelling.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use vestibule_domain::TenantId;
use vestibule_domain::Timestamp;
use vestibule_domain::esp::filter::{Filter, Property};
use vestibule_domain::esp::profile as domain;
use vestibule_domain::esp::profiles::Profiles;
use vestibule_domain::esp::resolve::{Reason, resolve};
use vestibule_domain::esp::{DeploymentMode, ItemName, Start};
use vestibule_model::esp_resolve::{self as model, Answer, Assignment, Device, Profile, Rule};

const GROUPS: [&str; 6] = ["staff", "Staff", "kiosks", "KIOSKS", "labs", "allDevicesGroup"];

fn word(words: &[&str]) -> impl Strategy<Value = String> + use<> {
    select(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
}

fn property() -> impl Strategy<Value = String> {
    select(Property::ALL).prop_map(|property| property.name().to_owned())
}

/// Few values, so that comparisons often hold.
fn value() -> impl Strategy<Value = String> {
    word(&["", "Surface", "surface pro", "HP", "hp", "10.0.22631", "10.0", "Ä\"b", "O'Neil", "c\\d`", "and"])
}

fn rule() -> impl Strategy<Value = Rule> {
    let one = prop::collection::vec(value(), 1..=1).prop_map(Some);
    let many = prop::collection::vec(value(), 1..4).prop_map(Some);
    let texts = ["eq", "ne", "startsWith", "contains", "notContains"];
    let leaf = prop_oneof![
        (property(), word(&["eq", "ne"]), Just(None)),
        (property(), word(&["in", "notIn"]), many),
        (property(), word(&texts), one),
    ]
    .prop_map(|(property, operator, values)| Rule::Compare(property, operator, values));
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Rule::Not(Box::new(inner))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Rule::And),
            prop::collection::vec(inner, 2..4).prop_map(Rule::Or),
        ]
    })
}

fn profiles() -> impl Strategy<Value = Vec<Profile>> {
    let target = prop_oneof![1 => word(&["allDevices", "allLicensedUsers"]), 3 => word(&GROUPS)];
    let filter = prop::option::weighted(0.5, (any::<bool>(), prop::option::weighted(0.9, rule())));
    let assignment = (target, filter).prop_map(|(target, filter)| Assignment { target, filter });
    let profile = (prop::bool::weighted(0.85), prop::collection::vec(assignment, 0..4));
    prop::collection::vec(profile, 0..=8).prop_map(|list| {
        let named = |(number, (enabled, assignments))| Profile { name: format!("{number}"), enabled, assignments };
        list.into_iter().enumerate().map(named).collect()
    })
}

fn device() -> impl Strategy<Value = Device> {
    let mode = select(DeploymentMode::ALL).prop_map(|mode| mode.name().to_owned());
    let groups = || prop::collection::vec(word(&GROUPS), 0..3);
    (prop::option::of(mode), groups(), groups(), prop::collection::btree_map(property(), value(), 0..6)).prop_map(
        |(mode, device_groups, user_groups, properties)| Device { mode, device_groups, user_groups, properties },
    )
}

fn spelled(rule: &Rule, seed: &[usize]) -> String {
    let mut seed = seed.iter().cycle();
    rule.write(&mut |of| seed.next().unwrap() % of)
}

fn assignment(assignment: &Assignment, seed: &[usize]) -> domain::Assignment {
    let target = match assignment.target.as_str() {
        "allDevices" => domain::Target::AllDevices,
        "allLicensedUsers" => domain::Target::AllLicensedUsers,
        group => domain::Target::Group(ItemName { id: group.to_owned(), name: None }),
    };
    let filter = assignment.filter.as_ref().map(|(include, rule)| domain::AssignmentFilter {
        id: None,
        kind: if *include { domain::FilterType::Include } else { domain::FilterType::Exclude },
        rule: rule.as_ref().map(|rule| spelled(rule, seed)),
    });
    domain::Assignment { target, filter }
}

/// The same profiles, added in another order and then ranked.
fn stored(profiles: &[Profile], seed: &[usize]) -> Profiles {
    let mut stored = Profiles::default();
    let tenant = TenantId::parse("contoso").unwrap();
    let mut ids = Vec::new();
    for profile in profiles.iter().rev() {
        let mut settings = domain::Settings::named(&profile.name);
        settings.enabled = profile.enabled;
        let assignments = profile.assignments.iter().map(|one| assignment(one, seed)).collect();
        stored.version += 1;
        ids.push(stored.add(&tenant, settings, assignments, None, Timestamp::MIN).unwrap());
    }
    for id in &ids {
        stored.set_priority(id, 1).unwrap();
    }
    stored
}

fn start(device: &Device) -> Start {
    let groups = |groups: &[String]| groups.iter().map(|id| ItemName { id: id.clone(), name: None }).collect();
    let property = |(name, value): (&String, &String)| (Property::read(name).unwrap(), value.clone());
    Start {
        deployment_mode: device.mode.as_deref().map(|mode| DeploymentMode::read(mode).unwrap()),
        device_groups: groups(&device.device_groups),
        user_groups: groups(&device.user_groups),
        properties: device.properties.iter().map(property).collect(),
        ..Start::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_means_the_same_in_any_spelling(
        rule in rule(),
        properties in prop::collection::btree_map(property(), value(), 0..6),
        seed in prop::collection::vec(0..12_usize, 1..40),
    ) {
        let text = spelled(&rule, &seed);
        let filter = Filter::parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let found = filter.matches(|property| properties.get(property.name()).map(String::as_str));
        prop_assert_eq!(found, rule.matches(&properties), "{}", text);
        let again = Filter::parse(&filter.to_string()).unwrap();
        prop_assert_eq!(again, filter);
    }

    #[test]
    fn the_profile_that_applies_is_the_models(
        profiles in profiles(),
        device in device(),
        seed in prop::collection::vec(0..12_usize, 1..40),
    ) {
        let stored = stored(&profiles, &seed);
        let resolution = resolve(&stored, &start(&device));
        let is_default = resolution.profile.is_default();
        let found = Answer {
            profile: (!is_default).then(|| resolution.profile.settings.display_name.clone()),
            rule: resolution.rule.name().to_owned(),
            group: resolution.rule.group().map(|group| group.id.clone()),
        };
        let expected = model::resolve(&profiles, &device);
        prop_assert_eq!(&found, &expected);

        // All the others are skipped, once each and in order, for a reason that holds.
        let priorities: Vec<u32> = resolution.passed_over.iter().map(|passed| passed.priority).collect();
        let others = stored.iter().map(|(priority, _)| priority).filter(|priority| *priority != resolution.priority);
        prop_assert_eq!(priorities, others.collect::<Vec<_>>());
        let by_name: BTreeMap<&str, &Profile> = profiles.iter().map(|one| (one.name.as_str(), one)).collect();
        for passed in &resolution.passed_over {
            let Some(profile) = by_name.get(passed.profile.settings.display_name.as_str()) else {
                prop_assert_eq!((passed.reason, passed.priority), (Reason::Fallback, 0));
                continue;
            };
            let to_device = model::applies(profile, &device, false).is_some();
            let to_user = model::applies(profile, &device, true).is_some();
            let chosen_by_user = matches!(expected.rule.as_str(), "userGroup" | "allLicensedUsers");
            let lower = to_device || (to_user && chosen_by_user);
            prop_assert_eq!(passed.reason == Reason::LowerPriority, lower, "{:?}", passed.reason);
            prop_assert_eq!(passed.reason == Reason::DeviceFirst, to_user && !lower, "{:?}", passed.reason);
            prop_assert_eq!(passed.reason == Reason::Disabled, !profile.enabled);
            prop_assert!(passed.reason != Reason::Fallback);
        }
    }
}
