//! The examples of the source document, and the platforms that the status page distinguishes.

#![allow(clippy::float_cmp)]

use crate::common;

use common::esp::{PROFILES, esp_event, item, started};
use common::{about, at, build, context, event, step, tenant};
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{Category, DeploymentMode, EspDetail, ItemState, Phase, PhaseState, Start};
use vestibule_domain::event::Step;
use vestibule_domain::{Action, Event, History, Kind, Millis, Place, Platform, TenantSettings, Timestamp};
use vestibule_report::{Change, Working};

const AS_OF: &str = "2026-03-20T12:00:00Z";

fn change(item: &str, events: impl IntoIterator<Item = Event>) -> Change {
    let mut history = History::default();
    for event in events {
        history.add(event);
    }
    Change { item: item.to_owned(), version: history.len() as u64, history, expires_at: None }
}

fn file(folder: &tempfile::TempDir, changes: &[Change]) -> Working {
    build(&folder.path().join("w"), &context(&tenant(), &TenantSettings::default()), changes, at(AS_OF))
}

fn minutes_before(minutes: i64) -> Timestamp {
    at(AS_OF) - Millis::from_minutes(minutes)
}

#[test]
fn three_example_profiles() {
    let folder = tempfile::tempdir().unwrap();
    let working = file(&folder, &[]);
    let status = working.reader().unwrap().status().unwrap();
    let mut shown: Vec<_> = status
        .esp_profiles
        .iter()
        .map(|profile| {
            let groups = profile.assigned_groups.as_deref().unwrap();
            (
                profile.display_name.as_str(),
                profile.blocking_apps,
                profile.limit_minutes,
                groups,
                profile.status.as_str(),
            )
        })
        .collect();
    assert!(status.esp_profiles[2].is_default && status.esp_profiles[2].priority.is_none());
    assert_eq!(status.esp_profiles[2].group_names, None);
    assert_eq!([0, 1].map(|at| status.esp_profiles[at].priority), [Some(1), Some(2)]);
    assert_eq!(status.esp_profiles[0].profile_id, PROFILES.iter().next().unwrap().1.id);
    shown.sort_unstable();
    assert_eq!(
        shown,
        [
            ("Default ESP", Some(3), 60, "All Devices", "active"),
            ("Executive ESP", Some(5), 90, "Executives", "active"),
            ("Kiosk ESP", Some(2), 30, "Kiosk Devices", "active"),
        ]
    );
}

/// An attempt in progress that entered these steps, one a minute.
fn under_way(device: u64, platform: Platform, steps: &[&str]) -> Vec<Event> {
    let reported = |number: i64, step: Step| {
        let time = minutes_before(10 - number);
        event(format!("{device}-{number}"), time, 100, about(device, platform), step)
    };
    let entered = |action: &&str| {
        let place = Some(Place::new(None, Action::read(action), None));
        Step { place, ..step(Kind::StepEntered) }
    };
    let steps = (1..).zip(steps).map(|(number, action)| reported(number, entered(action)));
    std::iter::once(reported(0, step(Kind::Started))).chain(steps).collect()
}

#[test]
fn three_active_enrollments() {
    // Device setup is complete, and account setup begins with its apps.
    let start = started(PROFILES.fallback(), Rule::Default);
    let details = [
        EspDetail::Started(Box::new(start)),
        EspDetail::Phase(Phase::DeviceSetup, PhaseState::Started),
        EspDetail::Tracked(Phase::DeviceSetup, Category::Apps, vec![item(1), item(2)]),
        EspDetail::Item(Phase::DeviceSetup, Category::Apps, item(1), ItemState::Completed, None),
        EspDetail::Item(Phase::DeviceSetup, Category::Apps, item(2), ItemState::Completed, None),
        EspDetail::Phase(Phase::DeviceSetup, PhaseState::Completed),
        EspDetail::Phase(Phase::AccountSetup, PhaseState::Started),
        EspDetail::Tracked(Phase::AccountSetup, Category::Apps, vec![item(3)]),
    ];
    let windows = (1_i64..)
        .zip(details)
        .map(|(number, detail)| esp_event(1, format!("esp-{number}"), minutes_before(20 - number), None, detail));
    let folder = tempfile::tempdir().unwrap();
    let working = file(
        &folder,
        &[
            change("1", windows),
            change("2", under_way(2, Platform::MacOs, &["PreEnrollmentWizard", "TermsofUse", "EnrollmentWrapUp"])),
            change("3", under_way(3, Platform::Ios, &["PreEnrollmentWizard", "iOSProfileLaunch"])),
        ],
    );
    let page = working.reader().unwrap().active(None, 10).unwrap();
    let mut rows: Vec<_> = page
        .active
        .iter()
        .map(|one| {
            (one.device_name.as_deref().unwrap(), one.stage.as_deref(), one.progress.map(|at| (at * 100.0).round()))
        })
        .collect();
    rows.sort_unstable_by_key(|row| row.0);
    assert_eq!(
        rows,
        [
            ("DEVICE-1", Some("Installing apps"), Some(75.0)),
            ("DEVICE-2", Some("Setup checklist"), Some(50.0)),
            ("DEVICE-3", Some("Platform screens"), Some(25.0)),
        ]
    );
}

#[test]
fn a_platform_has_the_steps_that_all_its_devices_enter_or_one_was_seen_in() {
    let folder = tempfile::tempdir().unwrap();
    let changes = [change("3", under_way(3, Platform::Ios, &["PreEnrollmentWizard", "DeviceCategory"]))];
    let steps = |name: &str, require_compliance| {
        let settings = TenantSettings { require_compliance, ..TenantSettings::default() };
        let mut working = build(&folder.path().join(name), &context(&tenant(), &settings), &changes, at(AS_OF));
        let out = folder.path().join(format!("{name}-out"));
        working.publish(&out, None).unwrap();
        let conn = rusqlite::Connection::open(out).unwrap();
        let mut query = conn.prepare("SELECT action FROM platform_steps WHERE platform = ?1 ORDER BY step").unwrap();
        ["ios", "android", "macos", "windows"].map(|platform| {
            let rows = query.query_map([platform], |row| row.get(0)).unwrap();
            rows.collect::<Result<Vec<String>, _>>().unwrap().join(" ")
        })
    };
    assert_eq!(
        steps("with", true),
        [
            "PreEnrollmentWizard iOSProfileLaunch EnrollmentWrapUp DeviceCategory Compliance",
            "PreEnrollmentWizard AndroidPermissions EnrollmentWrapUp Compliance",
            "PreEnrollmentWizard EnrollmentWrapUp Compliance",
            "PreEnrollmentWizard EnrollmentWrapUp Compliance",
        ]
    );
    assert_eq!(steps("without", false)[0], "PreEnrollmentWizard iOSProfileLaunch EnrollmentWrapUp DeviceCategory");
}

#[test]
fn platforms_are_distinguished_by_registration_session_and_enrollment_type() {
    let reported = |device: u64, platform, kind: Kind, enrollment_type: Option<&str>| {
        let about = vestibule_domain::event::About {
            enrollment_type: enrollment_type.map(str::to_owned),
            ..about(device, platform)
        };
        event(format!("{device}-{kind}"), minutes_before(20), 100, about, step(kind))
    };
    let (windows, mac) = (Platform::Windows, Platform::MacOs);
    let session = |device| esp_event(device, format!("esp-{device}"), minutes_before(9), None, EspDetail::Completed);
    let start =
        Start { deployment_mode: Some(DeploymentMode::SelfDeploying), ..started(PROFILES.fallback(), Rule::Default) };
    let self_deploying = esp_event(5, "esp-5", minutes_before(9), None, EspDetail::Started(Box::new(start)));
    let cases: [(&str, Vec<Event>); 10] = [
        ("Windows (Manual)", vec![reported(1, windows, Kind::Started, None)]),
        ("Windows (Manual)", vec![reported(2, windows, Kind::Started, Some("windowsAzureADJoin"))]),
        (
            "Windows (Autopilot)",
            vec![reported(3, windows, Kind::Started, None), reported(3, windows, Kind::Registered, None)],
        ),
        // A plain Entra join shows the page too; only Autopilot has a deployment mode without a user.
        ("Windows (Manual)", vec![reported(4, windows, Kind::Started, None), session(4)]),
        ("Windows (Autopilot)", vec![self_deploying]),
        ("Windows (Autopilot)", vec![reported(6, windows, Kind::Started, Some("windowsAutopilot"))]),
        ("macOS (Manual)", vec![reported(7, mac, Kind::Started, Some("userEnrollment"))]),
        ("macOS (ADE)", vec![reported(8, mac, Kind::Started, Some("appleBulkWithoutUser"))]),
        ("macOS (ADE)", vec![reported(9, mac, Kind::Registered, None), reported(9, mac, Kind::Started, None)]),
        ("iOS/iPadOS", vec![reported(10, Platform::Ios, Kind::Started, Some("appleBulkWithUser"))]),
    ];
    for (label, events) in cases {
        let folder = tempfile::tempdir().unwrap();
        let working = file(&folder, &[change("1", events)]);
        let status = working.reader().unwrap().status().unwrap();
        let total = |name: &str| {
            status.by_platform.iter().find(|row| row.platform.as_deref() == Some(name)).map(|row| row.total)
        };
        assert_eq!((total(label), status.devices), (Some(1), 1), "{label}");
    }
}
