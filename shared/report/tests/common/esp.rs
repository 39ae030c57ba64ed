//! Enrollment Status Page sessions of every kind, and the profiles that apply to them.

use super::{Rng, about, at, tenant};
use std::sync::LazyLock;
use vestibule_domain::esp::profile::{Assignment, DEFAULT_PROFILE_ID, EspProfile, Settings, Target};
use vestibule_domain::esp::profiles::Profiles;
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{
    AppliedProfile, Category, DeploymentMode, EspAction, EspDetail, EspEvent, ItemName, ItemState, Phase, PhaseState,
    Start, TargetedApp,
};
use vestibule_domain::event::{Body, EventKey};
use vestibule_domain::{Event, Millis, Platform, Reports, Timestamp};

/// The source document's example: three profiles.
pub static PROFILES: LazyLock<Profiles> = LazyLock::new(|| {
    let mut profiles = Profiles::default();
    let now = at("2026-01-01T00:00:00Z");
    let settings = |name: &str, minutes, apps: u32| {
        let mut settings = Settings::named(name);
        settings.install_progress_timeout_in_minutes = minutes;
        settings.selected_mobile_app_ids = (1..=apps).map(|app| format!("app-{app}")).collect();
        settings
    };
    profiles.replace(DEFAULT_PROFILE_ID, settings("Default ESP", 60, 3), None, now).unwrap();
    for (name, minutes, apps, group) in [("Executive ESP", 90, 5, "Executives"), ("Kiosk ESP", 30, 2, "Kiosk Devices")]
    {
        let target = Target::Group(ItemName { id: format!("id of {group}"), name: Some(group.to_owned()) });
        let assignments = vec![Assignment { target, filter: None }];
        profiles.add(&tenant(), settings(name, minutes, apps), assignments, None, now).unwrap();
    }
    profiles
});

pub fn item(id: u64) -> ItemName {
    ItemName { id: format!("app-{id}"), name: Some(format!("App {id}")) }
}

/// The start of a session under a profile.
pub fn started(profile: &EspProfile, rule: Rule) -> Start {
    Start { profile: Some(Box::new(AppliedProfile::of(profile, rule))), ..Start::default() }
}

/// An event of a session.
pub fn esp_event(
    device: u64,
    id: impl Into<String>,
    time: Timestamp,
    session: Option<&str>,
    detail: EspDetail,
) -> Event {
    Event {
        key: EventKey { source: "esp".to_owned(), id: id.into() },
        time,
        received_at: time + Millis::new(200),
        clock_skew: None,
        reports: Reports::ALL,
        about: about(device, Platform::Windows),
        body: Body::Esp(EspEvent { session_id: session.map(str::to_owned), detail }),
    }
}

fn start(rng: &mut Rng) -> Start {
    let profiles: Vec<(u32, &EspProfile)> = PROFILES.iter().collect();
    let at = usize::try_from(rng.below(profiles.len() as u64)).unwrap();
    let group = ItemName { id: "g".to_owned(), name: rng.one_in(2).then(|| "Executives".to_owned()) };
    let rule = match rng.below(5) {
        0 => Rule::DeviceGroup(group),
        1 => Rule::UserGroup(group),
        2 => Rule::AllDevices,
        3 => Rule::AllLicensedUsers,
        _ => Rule::Default,
    };
    let mut profile = profiles[at].1.clone();
    profile.settings.show_installation_progress = !rng.one_in(12);
    profile.settings.allow_non_blocking_app_installation = rng.one_in(2);
    // Some profiles were renamed since, some deleted.
    if rng.one_in(6) {
        profile.settings.display_name.push_str(" (old)");
    }
    if rng.one_in(10) {
        profile.id = "gone".to_owned();
    }
    let mut start = if rng.one_in(10) { Start::default() } else { started(&profile, rule) };
    start.hybrid_join = rng.one_in(4);
    start.deployment_mode = (!rng.one_in(4)).then(|| rng.pick(DeploymentMode::ALL));
    if rng.one_in(4) {
        let app = |id: u64| TargetedApp { app: item(id), user_context: id > 3 };
        start.targeted_apps = Some((1..=5).map(app).collect());
    }
    start
}

fn setup(rng: &mut Rng, phase: Phase, details: &mut Vec<EspDetail>) {
    // Without a list of items the page stays at identifying.
    if rng.one_in(4) {
        return;
    }
    for category in [Category::SecurityPolicies, Category::Certificates] {
        if rng.one_in(2) {
            let policy = ItemName { id: format!("{category}-1"), name: None };
            details.push(EspDetail::Tracked(phase, category, vec![policy.clone()]));
            details.push(EspDetail::Item(phase, category, policy, rng.pick(ItemState::ALL), None));
        }
    }
    let apps: Vec<u64> = (1..=6).filter(|_| !rng.one_in(3)).collect();
    details.push(EspDetail::Tracked(phase, Category::Apps, apps.iter().map(|id| item(*id)).collect()));
    for id in apps {
        let mut named = item(id);
        if rng.one_in(4) {
            // Another version of the same app, with or without a name.
            named = ItemName { id: format!("app-{id}-new"), name: rng.one_in(2).then(|| format!("App {id}")) };
        }
        let mut add = |state, code: Option<&str>| {
            details.push(EspDetail::Item(phase, Category::Apps, named.clone(), state, code.map(str::to_owned)));
        };
        if !rng.one_in(3) {
            add(ItemState::InProgress, None);
        }
        if rng.one_in(7) {
            add(ItemState::Error, Some("0x87D1041C"));
            if rng.one_in(3) {
                details.push(EspDetail::Action(EspAction::Retry));
                continue;
            }
        }
        if !rng.one_in(5) {
            details.push(EspDetail::Item(phase, Category::Apps, named, ItemState::Completed, None));
        }
    }
}

/// The events of a session that begins at `begin`.
pub fn session(rng: &mut Rng, device: u64, begin: Timestamp) -> Vec<Event> {
    let mut details = vec![EspDetail::Started(Box::new(start(rng)))];
    if rng.one_in(2) {
        details.push(EspDetail::Phase(Phase::DevicePreparation, PhaseState::Started));
        details.push(EspDetail::Phase(Phase::DevicePreparation, PhaseState::Completed));
    }
    for phase in [Phase::DeviceSetup, Phase::AccountSetup] {
        if rng.one_in(6) {
            break;
        }
        if !rng.one_in(4) {
            details.push(EspDetail::Phase(phase, PhaseState::Started));
        }
        setup(rng, phase, &mut details);
        match rng.below(6) {
            0 => details.push(EspDetail::Phase(phase, PhaseState::Failed)),
            1 | 2 => {}
            _ => details.push(EspDetail::Phase(phase, PhaseState::Completed)),
        }
    }
    match rng.below(5) {
        0 | 1 => details.push(EspDetail::Completed),
        2 => {
            let message = rng.one_in(2).then(|| format!("fault at person {device}"));
            details.push(EspDetail::Failed(Some("0x80070BC2".to_owned()), message));
            if rng.one_in(2) {
                details.push(EspDetail::Action(EspAction::Retry));
                details.push(EspDetail::Completed);
            }
        }
        _ => {}
    }
    let named = rng.one_in(3).then(|| format!("session-{device}-{}", begin.millis()));
    let pace = rng.pick(&[20, 120, 500, 1_200]);
    let mut time = begin;
    let events = details.into_iter().zip(0..).map(|(detail, seq)| {
        time = time + Millis::from_seconds(i64::try_from(1 + rng.below(2 * pace)).unwrap());
        esp_event(device, format!("esp-{device}-{}-{seq}", begin.millis()), time, named.as_deref(), detail)
    });
    events.collect()
}
