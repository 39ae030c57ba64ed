//! Profiles of the Enrollment Status Page: what may be chosen, their order, and which of them applies.

use crate::esp_common;

use esp_common::{MINUTE, at, name, select, session};
use proptest::prelude::*;
use std::collections::BTreeSet;
use vestibule_domain::TenantId;
use vestibule_domain::esp::profile::{
    Assignment, AssignmentFilter, DEFAULT_PROFILE, DEFAULT_PROFILE_ID, FilterType, Settings, Target,
};
use vestibule_domain::esp::profiles::{MAX_PROFILES, Profiles, ProfilesError};
use vestibule_domain::esp::resolve::{Reason, Resolution, Rule, resolve};
use vestibule_domain::esp::{AppliedProfile, DeploymentMode, EspDetail, Start};

fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

fn to(target: Target) -> Assignment {
    Assignment { target, filter: None }
}

fn group(id: &str) -> Assignment {
    to(Target::Group(name(id)))
}

fn limited(display_name: &str, minutes: u32) -> Settings {
    let mut settings = Settings::named(display_name);
    settings.install_progress_timeout_in_minutes = minutes;
    settings
}

fn add(profiles: &mut Profiles, settings: Settings, assignments: Vec<Assignment>) -> String {
    profiles.version += 1;
    profiles.add(&tenant(), settings, assignments, None, at(0)).unwrap()
}

fn device(mode: DeploymentMode, device_groups: &[&str], user_groups: &[&str]) -> Start {
    Start {
        deployment_mode: Some(mode),
        device_groups: device_groups.iter().map(|id| name(id)).collect(),
        user_groups: user_groups.iter().map(|id| name(id)).collect(),
        ..Start::default()
    }
}

fn chosen<'p>(resolution: &Resolution<'p>) -> (&'p str, &'static str) {
    (&resolution.profile.settings.display_name, resolution.rule.name())
}

#[test]
fn the_three_example_profiles() {
    let mut profiles = Profiles::default();
    let blocking = |mut settings: Settings, apps: &[&str]| {
        settings.selected_mobile_app_ids = select(apps);
        settings
    };
    let default = blocking(limited(DEFAULT_PROFILE, 60), &["Microsoft 365 Apps", "Company Portal", "VPN Client"]);
    profiles.replace(DEFAULT_PROFILE_ID, default, None, at(1)).unwrap();
    let executive = blocking(limited("Executive ESP", 90), &["1", "2", "3", "4", "5"]);
    add(&mut profiles, executive, vec![group("Executives")]);
    add(&mut profiles, blocking(limited("Kiosk ESP", 30), &["1", "2"]), vec![group("Kiosk Devices")]);

    for (start, expected, minutes) in [
        (device(DeploymentMode::UserDriven, &[], &[]), ("Default ESP", "default"), 60),
        (device(DeploymentMode::UserDriven, &["Desks"], &["executives"]), ("Executive ESP", "userGroup"), 90),
        (device(DeploymentMode::SelfDeploying, &["Kiosk Devices"], &[]), ("Kiosk ESP", "deviceGroup"), 30),
        // A profile assigned to the device comes first, although the other one has the higher priority.
        (device(DeploymentMode::UserDriven, &["Kiosk Devices"], &["Executives"]), ("Kiosk ESP", "deviceGroup"), 30),
        (
            device(DeploymentMode::UserDriven, &["Executives", "Kiosk Devices"], &[]),
            ("Executive ESP", "deviceGroup"),
            90,
        ),
    ] {
        let resolution = resolve(&profiles, &start);
        assert_eq!(chosen(&resolution), expected);
        let applied = AppliedProfile::of(resolution.profile, resolution.rule.clone());
        let reported = Start { profile: Some(Box::new(applied)), ..start };
        let session = session(&[(0, EspDetail::Started(Box::new(reported)))], MINUTE);
        assert_eq!((session.deadline, session.profile.name.as_str()), (at(minutes * MINUTE), expected.0));
        assert_eq!(resolution.passed_over.len(), 2);
    }
}

#[test]
fn without_a_user_none_assigned_to_users_applies() {
    let mut profiles = Profiles::default();
    add(&mut profiles, limited("Users", 10), vec![to(Target::AllLicensedUsers)]);
    add(&mut profiles, limited("Staff", 10), vec![group("Staff")]);
    let of = |mode| resolve(&profiles, &device(mode, &[], &["Staff"]));
    for mode in [DeploymentMode::SelfDeploying, DeploymentMode::PreProvisioningTechnician] {
        assert_eq!((of(mode).rule, of(mode).priority), (Rule::Default, 0));
        let reasons: Vec<_> = of(mode).passed_over.iter().map(|passed| passed.reason).collect();
        assert_eq!(reasons, [Reason::NoUser, Reason::NoUser]);
    }
    for mode in [DeploymentMode::UserDriven, DeploymentMode::PreProvisioningUser] {
        assert_eq!(chosen(&of(mode)), ("Users", "allLicensedUsers"));
    }
    let unreported = Start { deployment_mode: None, ..device(DeploymentMode::UserDriven, &[], &["Staff"]) };
    assert_eq!(chosen(&resolve(&profiles, &unreported)), ("Users", "allLicensedUsers"));
}

#[test]
fn why_the_others_do_not_apply() {
    let mut profiles = Profiles::default();
    let filtered = |rule: Option<&str>, kind| {
        let filter = AssignmentFilter { id: None, kind, rule: rule.map(str::to_owned) };
        vec![Assignment { target: Target::AllDevices, filter: Some(filter) }]
    };
    let surface = "device.manufacturer -eq \"Microsoft\"";
    let off = Settings { enabled: false, ..Settings::named("off") };
    add(&mut profiles, off, vec![to(Target::AllDevices)]);
    add(&mut profiles, Settings::named("nobody"), vec![]);
    add(&mut profiles, Settings::named("others"), vec![group("Others")]);
    add(&mut profiles, Settings::named("filtered"), filtered(Some(surface), FilterType::Exclude));
    add(&mut profiles, Settings::named("unknown"), filtered(None, FilterType::Exclude));
    add(&mut profiles, Settings::named("user"), vec![to(Target::AllLicensedUsers)]);
    add(&mut profiles, Settings::named("applies"), filtered(Some(surface), FilterType::Include));
    add(&mut profiles, Settings::named("lower"), vec![to(Target::AllDevices)]);
    let mut start = device(DeploymentMode::UserDriven, &[], &[]);
    start.properties = vec![(vestibule_domain::esp::filter::Property::Manufacturer, "microsoft".to_owned())];
    let resolution = resolve(&profiles, &start);
    assert_eq!((chosen(&resolution), resolution.priority), (("applies", "allDevices"), 7));
    let passed: Vec<_> = resolution.passed_over.iter().map(|passed| (passed.priority, passed.reason)).collect();
    let expected = [
        (1, Reason::Disabled),
        (2, Reason::NotAssigned),
        (3, Reason::OtherGroups),
        (4, Reason::Filtered),
        (5, Reason::FilterUnknown),
        (6, Reason::DeviceFirst),
        (8, Reason::LowerPriority),
        (0, Reason::Fallback),
    ];
    assert_eq!(passed, expected);
}

#[test]
fn the_default_stays_what_it_is() {
    let mut profiles = Profiles::default();
    let default = profiles.fallback().clone();
    assert_eq!((default.settings.display_name.as_str(), default.settings.problems()), (DEFAULT_PROFILE, vec![]));
    let off = Settings { enabled: false, ..Settings::named("x") };
    let all = || vec![to(Target::AllDevices)];
    assert_eq!(profiles.remove(DEFAULT_PROFILE_ID), Err(ProfilesError::Default("removed")));
    assert_eq!(profiles.assign(DEFAULT_PROFILE_ID, all(), at(1)), Err(ProfilesError::Default("assigned")));
    let replaced = profiles.replace(DEFAULT_PROFILE_ID, Settings::named("x"), Some(all()), at(1));
    assert_eq!(replaced, Err(ProfilesError::Default("assigned")));
    assert_eq!(profiles.replace(DEFAULT_PROFILE_ID, off, None, at(1)), Err(ProfilesError::Default("switched off")));
    assert_eq!(profiles.set_priority(DEFAULT_PROFILE_ID, 1), Err(ProfilesError::Default("ranked")));
    assert_eq!(profiles.fallback(), &default);
    profiles.replace(DEFAULT_PROFILE_ID, limited("Ours", 90), None, at(1)).unwrap();
    assert_eq!(profiles.fallback().version, 2);
}

#[test]
fn at_most_51_profiles() {
    let mut profiles = Profiles::default();
    for number in 1..MAX_PROFILES {
        add(&mut profiles, Settings::named(format!("{number}")), vec![]);
    }
    assert_eq!(profiles.count(), 51);
    let one_more = |profiles: &mut Profiles| profiles.add(&tenant(), Settings::named("x"), vec![], Some(1), at(0));
    let before = profiles.clone();
    assert_eq!(one_more(&mut profiles), Err(ProfilesError::TooMany));
    assert_eq!(profiles, before);
    let any = profiles.iter().next().unwrap().1.id.clone();
    profiles.remove(&any).unwrap();
    assert!(one_more(&mut profiles).is_ok());
}

/// The members that are refused after these choices.
fn refused(choose: impl FnOnce(&mut Settings)) -> Vec<&'static str> {
    let mut settings = Settings::named("Chosen");
    choose(&mut settings);
    settings.problems().into_iter().map(|wrong| wrong.field).collect()
}

#[test]
fn problems_of_limits() {
    let letters = |count| Some("ä".repeat(count));
    assert_eq!(refused(|_| {}), [""; 0]);
    assert_eq!(refused(|settings| settings.display_name = " \t".to_owned()), ["displayName"]);
    assert_eq!(refused(|settings| settings.display_name = "ä".repeat(256)), [""; 0]);
    assert_eq!(refused(|settings| settings.display_name = "ä".repeat(257)), ["displayName"]);
    assert_eq!(refused(|settings| settings.description = letters(1_500)), [""; 0]);
    assert_eq!(refused(|settings| settings.description = letters(1_501)), ["description"]);
    assert_eq!(refused(|settings| settings.custom_error_message = letters(10_000)), [""; 0]);
    assert_eq!(refused(|settings| settings.custom_error_message = letters(10_001)), ["customErrorMessage"]);
    for (minutes, is_refused) in [(0, true), (1, false), (1_440, false), (1_441, true), (u32::MAX, true)] {
        let found = refused(|settings| settings.install_progress_timeout_in_minutes = minutes);
        assert_eq!(found == ["installProgressTimeoutInMinutes"], is_refused, "{minutes}");
    }
    let apps = |count: usize| (0..count).map(|number| number.to_string()).collect();
    assert_eq!(refused(|settings| settings.selected_mobile_app_ids = apps(100)), [""; 0]);
    assert_eq!(refused(|settings| settings.selected_mobile_app_ids = apps(101)), ["selectedMobileAppIds"]);
    let several = refused(|settings| {
        settings.display_name.clear();
        settings.install_progress_timeout_in_minutes = 0;
        settings.allow_non_blocking_app_installation = true;
    });
    assert_eq!(several, ["displayName", "installProgressTimeoutInMinutes", "allowNonBlockingAppInstallation"]);
}

#[test]
fn problems_of_dependencies() {
    type Choice = fn(&mut Settings);
    let without_page: [(&str, Choice); 10] = [
        ("customErrorMessage", |s| s.custom_error_message = Some("Call us".to_owned())),
        ("allowLogCollectionOnInstallFailure", |s| s.allow_log_collection_on_install_failure = true),
        ("disableUserStatusTrackingAfterFirstUser", |s| s.disable_user_status_tracking_after_first_user = true),
        ("trackInstallProgressForAutopilotOnly", |s| s.track_install_progress_for_autopilot_only = true),
        ("installQualityUpdates", |s| s.install_quality_updates = true),
        ("showErrorDetails", |s| s.show_error_details = true),
        ("allowUserToSkipAccountSetup", |s| s.allow_user_to_skip_account_setup = true),
        ("allowDeviceResetOnInstallFailure", |s| s.allow_device_reset_on_install_failure = true),
        ("allowDeviceUseOnInstallFailure", |s| s.allow_device_use_on_install_failure = true),
        ("selectedMobileAppIds", |s| s.selected_mobile_app_ids = select(&["App 1"])),
    ];
    for (number, (field, choose)) in without_page.into_iter().enumerate() {
        let hidden = |s: &mut Settings| {
            choose(s);
            s.show_installation_progress = false;
        };
        let unblocked = |s: &mut Settings| {
            choose(s);
            s.block_device_use = false;
        };
        assert_eq!(refused(choose), [""; 0], "{field}");
        assert_eq!(refused(hidden), [field]);
        assert_eq!(refused(unblocked) == [field], number >= 7, "{field}");
    }
    let technician = |s: &mut Settings| s.allow_non_blocking_app_installation = true;
    assert_eq!(refused(technician), ["allowNonBlockingAppInstallation"]);
    let both = |s: &mut Settings| {
        technician(s);
        s.selected_mobile_app_ids = select(&["App 1"]);
    };
    assert_eq!(refused(both), [""; 0]);
}

/// What Graph exports for a tenant whose default nobody changed: the page hidden, no limit, retry blocked.
#[test]
fn intunes_own_default_is_accepted() {
    let untouched = |s: &mut Settings| {
        s.show_installation_progress = false;
        s.install_progress_timeout_in_minutes = 0;
        s.block_device_setup_retry_by_user = true;
    };
    assert_eq!(refused(untouched), [""; 0]);
}

#[derive(Clone, Debug)]
enum Change {
    Add(Option<u32>),
    Remove(usize),
    Rank(usize, u32),
    Assign(usize),
    Replace(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let priority = || prop_oneof![6 => 0..8_u32, 1 => Just(u32::MAX)];
    prop_oneof![
        3 => prop::option::of(priority()).prop_map(Change::Add),
        1 => (0..8_usize).prop_map(Change::Remove),
        2 => (0..8_usize, priority()).prop_map(|(which, to)| Change::Rank(which, to)),
        1 => (0..8_usize).prop_map(Change::Assign),
        1 => (0..8_usize).prop_map(Change::Replace),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// The plain model: a list of ids, each with a version and an assignment.
    #[test]
    fn priorities_have_no_gaps_whatever_is_done(changes in prop::collection::vec(change(), 0..24), stored: bool) {
        let mut profiles = Profiles::default();
        let mut model: Vec<(String, u32, usize)> = Vec::new();
        let mut ever = BTreeSet::new();
        for (number, change) in changes.into_iter().enumerate() {
            // Each change raises the stored list's version.
            profiles.version += u64::from(stored);
            let settings = || Settings::named(format!("number {number}"));
            let (known, now) = (model.len(), at(i64::try_from(number).unwrap()));
            // After the last profile comes the default, and after that an id that does not exist.
            let named = |which: usize| match which {
                _ if which < known => model[which].0.clone(),
                _ if which == known => DEFAULT_PROFILE_ID.to_owned(),
                _ => "none".to_owned(),
            };
            let missing = |which: usize, default| match which {
                _ if which < known => Ok(()),
                _ if which == known => Err(ProfilesError::Default(default)),
                _ => Err(ProfilesError::Unknown),
            };
            match change {
                Change::Add(priority) => {
                    let id = profiles.add(&tenant(), settings(), vec![], priority, now).unwrap();
                    prop_assert!(ever.insert(id.clone()) || !stored, "an id was given twice");
                    let place = priority.map_or(known, |priority| priority.max(1) as usize - 1);
                    model.insert(place.min(known), (id, 1, 0));
                }
                Change::Remove(which) => {
                    prop_assert_eq!(profiles.remove(&named(which)), missing(which, "removed"));
                    if which < known { model.remove(which); }
                }
                Change::Rank(which, to) => {
                    prop_assert_eq!(profiles.set_priority(&named(which), to), missing(which, "ranked"));
                    if which < known {
                        let moved = model.remove(which);
                        model.insert((to.max(1) as usize - 1).min(model.len()), moved);
                    }
                }
                Change::Assign(which) => {
                    prop_assert_eq!(profiles.assign(&named(which), vec![group("g")], now), missing(which, "assigned"));
                    if which < known { (model[which].1, model[which].2) = (model[which].1 + 1, 1); }
                }
                Change::Replace(which) => {
                    let expected = if which == known { Ok(()) } else { missing(which, "") };
                    prop_assert_eq!(profiles.replace(&named(which), settings(), None, now), expected);
                    if which < known { model[which].1 += 1; }
                }
            }
            let found: Vec<_> = profiles.iter().map(|(priority, profile)| (priority, profile.id.as_str())).collect();
            let mut expected: Vec<_> = (1..).zip(model.iter().map(|(id, ..)| id.as_str())).collect();
            expected.push((0, DEFAULT_PROFILE_ID));
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(found.iter().map(|(_, id)| id).collect::<BTreeSet<_>>().len(), profiles.count());
            for (id, version, assignments) in &model {
                let profile = profiles.get(id).unwrap().1;
                prop_assert_eq!((profile.version, profile.assignments.len()), (*version, *assignments));
            }
            prop_assert!(profiles.fallback().assignments.is_empty() && profiles.fallback().settings.enabled);
        }
    }
}

#[test]
fn a_reported_profile_is_the_tenants_own_of_that_name() {
    let mut profiles = Profiles::default();
    let mut settings = Settings::named("Kiosk ESP");
    settings.install_progress_timeout_in_minutes = 30;
    settings.selected_mobile_app_ids = vec!["app-1".to_owned()];
    let id = profiles.add(&tenant(), settings, Vec::new(), None, at(0)).unwrap();
    let matched = |id: &str, name: &str| {
        AppliedProfile::as_reported(&AppliedProfile::reported(id.into(), name.into()), &profiles)
    };

    let kiosk = matched("some-id-of-graphs", "kiosk esp");
    assert_eq!((kiosk.id, kiosk.timeout_minutes, &kiosk.rule), (id, 30, &Rule::Reported));
    // The session waited for what the sender lists, whatever the profile selects today.
    assert!(
        AppliedProfile::as_reported(&AppliedProfile::reported("x".into(), "Kiosk ESP".into()), &profiles)
            .waits_for("app-2")
    );
    let default = matched("1_DefaultWindows10EnrollmentCompletionPageConfiguration", "All users and all devices");
    assert_eq!((default.id.as_str(), default.name.as_str()), (DEFAULT_PROFILE_ID, DEFAULT_PROFILE));
    let gone = matched("graph-7", "Gone ESP");
    assert_eq!((gone.id.as_str(), gone.name.as_str(), gone.timeout_minutes), ("graph-7", "Gone ESP", 60));
}
