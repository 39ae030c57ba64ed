//! Profiles that are kept as they are in Graph, beside those that were made here.

use proptest::prelude::*;
use vestibule_domain::esp::profile::{Assignment, DEFAULT_PROFILE_ID, Settings, Target};
use vestibule_domain::esp::profiles::{GraphProfile, MAX_PROFILES, Profiles, ProfilesError};
use vestibule_domain::{TenantId, Timestamp};

fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + second * 1_000)
}

fn there(id: &str, name: &str, minutes: u32) -> GraphProfile {
    let mut settings = Settings::named(name);
    settings.install_progress_timeout_in_minutes = minutes;
    let assignments = vec![Assignment { target: Target::AllDevices, filter: None }];
    GraphProfile { id: id.to_owned(), settings, assignments, is_default: false }
}

fn pull(profiles: &mut Profiles, theirs: &[GraphProfile]) {
    let before = profiles.clone();
    profiles.keep_as_in_graph(&tenant(), theirs, &[], at(1)).unwrap();
    // Each change raises the version, as in the store.
    profiles.version = before.version + u64::from(*profiles != before);
}

fn names(profiles: &Profiles) -> Vec<&str> {
    profiles.iter().map(|(_, profile)| profile.settings.display_name.as_str()).collect()
}

#[test]
fn theirs_are_kept_in_step_and_ours_untouched() {
    let mut profiles = Profiles::default();
    let ours = profiles.add(&tenant(), Settings::named("Ours"), Vec::new(), None, at(0)).unwrap();
    profiles.version += 1;
    pull(&mut profiles, &[there("a", "A", 30), there("b", "B", 40)]);
    assert_eq!(names(&profiles), ["Ours", "A", "B", "Default ESP"]);
    let first = profiles.clone();
    pull(&mut profiles, &[there("a", "A", 30), there("b", "B", 40)]);
    assert_eq!(profiles, first, "the same again changes nothing");

    // Our profile moves between theirs; one of theirs is changed, and their order is reversed.
    profiles.set_priority(&ours, 2).unwrap();
    pull(&mut profiles, &[there("b", "B", 45), there("a", "A", 30)]);
    assert_eq!(names(&profiles), ["B", "Ours", "A", "Default ESP"]);
    let of = |name: &str| profiles.iter().find(|(_, one)| one.settings.display_name == name).unwrap().1;
    assert_eq!((of("A").version, of("B").version, of("Ours").version), (1, 2, 1));
    assert_eq!(of("B").settings.install_progress_timeout_in_minutes, 45);

    // One is gone from Graph, another can't be read.
    profiles.keep_as_in_graph(&tenant(), &[], &["a".to_owned()], at(2)).unwrap();
    assert_eq!(names(&profiles), ["Ours", "A", "Default ESP"]);
    pull(&mut profiles, &[]);
    assert_eq!(names(&profiles), ["Ours", "Default ESP"]);
}

#[test]
fn what_was_posted_from_graph_before_is_taken_over_and_our_own_settings_stay() {
    let mut profiles = Profiles::default();
    let posted = there("a", "A", 30);
    let id = profiles.add(&tenant(), posted.settings.clone(), posted.assignments.clone(), None, at(0)).unwrap();
    let mut shows = posted.settings.clone();
    shows.show_error_details = true;
    profiles.replace(&id, shows, None, at(0)).unwrap();
    pull(&mut profiles, std::slice::from_ref(&posted));
    let (_, taken) = profiles.get(&id).unwrap();
    assert_eq!((taken.graph_id.as_deref(), taken.version, profiles.count()), (Some("a"), 2, 2));
    pull(&mut profiles, &[there("a", "A", 31)]);
    let (_, taken) = profiles.get(&id).unwrap();
    assert!(taken.settings.show_error_details && taken.settings.install_progress_timeout_in_minutes == 31);
}

#[test]
fn the_default_follows_graphs_and_is_assigned_to_nobody() {
    let mut profiles = Profiles::default();
    let default = GraphProfile {
        is_default: true,
        ..there("x_DefaultWindows10EnrollmentCompletionPageConfiguration", "All", 50)
    };
    pull(&mut profiles, &[default]);
    let (_, default) = profiles.get(DEFAULT_PROFILE_ID).unwrap();
    assert_eq!((default.settings.display_name.as_str(), default.version), ("All", 2));
    assert!(default.assignments.is_empty() && profiles.count() == 1);
}

#[test]
fn more_than_there_is_room_for_changes_nothing() {
    let mut profiles = Profiles::default();
    pull(&mut profiles, &[there("old", "Old", 30)]);
    let before = profiles.clone();
    let all: Vec<GraphProfile> = (0..MAX_PROFILES).map(|n| there(&format!("n{n}"), &format!("N{n}"), 30)).collect();
    assert_eq!(profiles.keep_as_in_graph(&tenant(), &all, &[], at(1)), Err(ProfilesError::TooMany));
    assert_eq!(profiles, before);
    // Removing what is gone from Graph makes room.
    pull(&mut profiles, &all[1..]);
    assert_eq!(profiles.count(), MAX_PROFILES);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever lists were pulled before, the last one decides which profiles exist and in which order.
    #[test]
    fn the_last_list_decides(lists in prop::collection::vec(prop::collection::vec((0_u8..6, 1_u32..4), 0..6), 1..5)) {
        let list = |of: &Vec<(u8, u32)>| {
            let mut seen = Vec::new();
            let mut first = |id: &u8| if seen.contains(id) { false } else { seen.push(*id); true };
            of.iter().filter(|(id, _)| first(id)).map(|(id, minutes)| {
                there(&id.to_string(), &id.to_string(), *minutes)
            }).collect::<Vec<_>>()
        };
        let (mut profiles, mut once) = (Profiles::default(), Profiles::default());
        lists.iter().for_each(|one| pull(&mut profiles, &list(one)));
        pull(&mut once, &list(lists.last().unwrap()));
        let shown = |profiles: &Profiles| profiles.iter().map(|(priority, one)| {
            (priority, one.graph_id.clone(), one.settings.clone(), one.assignments.clone())
        }).collect::<Vec<_>>();
        prop_assert_eq!(shown(&profiles), shown(&once));
    }
}
