//! Builds sessions from short lists of reports, for the examples of the Enrollment Status Page.
#![allow(dead_code, missing_docs)]

use vestibule_domain::esp::page::Subtask;
use vestibule_domain::esp::profile::{EspProfile, Settings};
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{
    AppliedProfile, Category, DeploymentMode, EspDetail, EspEvent, EspSession, ItemName, ItemState, Phase, PhaseState,
    Start, TargetedApp, Tracking,
};
use vestibule_domain::event::{About, Body, Event, EventKey, Kind, Step};
use vestibule_domain::{History, Reports, TenantId, TenantSettings, Timestamp, fold};

pub const MINUTE: i64 = 60_000;
/// An item that is in error for longer than this fails its session (docs/DOMAIN.md, S20).
pub const GRACE: i64 = 2 * MINUTE;

pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_760_000_000_000 + millis)
}

/// What a source reports of a session: the instant in milliseconds, the source, the session's id, the report.
pub type Reported<'a> = (i64, &'a str, Option<&'a str>, EspDetail);

/// The sessions of one device from reports at the given milliseconds, as of an instant in milliseconds.
pub fn sessions_named(reports: &[(i64, Option<&str>, EspDetail)], as_of: i64) -> Vec<EspSession> {
    let reports: Vec<Reported<'_>> =
        reports.iter().map(|(millis, session, detail)| (*millis, "agent", *session, detail.clone())).collect();
    sessions_of(&reports, None, as_of)
}

/// The same with several sources; the device may be removed from management.
pub fn sessions_of(reports: &[Reported<'_>], removed: Option<i64>, as_of: i64) -> Vec<EspSession> {
    let mut history = History::default();
    let event = |source: &str, id: String, millis: i64, body: Body| Event {
        key: EventKey { source: source.to_owned(), id },
        time: at(millis),
        received_at: at(millis),
        clock_skew: None,
        reports: Reports::ALL,
        about: About { serial_number: Some("PF-1001".to_owned()), ..About::default() },
        body,
    };
    for (number, (millis, source, session, detail)) in reports.iter().enumerate() {
        let esp = EspEvent { session_id: session.map(str::to_owned), detail: detail.clone() };
        history.add(event(source, format!("e{number:02}"), *millis, Body::Esp(esp)).stored());
    }
    if let Some(millis) = removed {
        history.add(event("mdm", "removed".to_owned(), millis, Body::Enrollment(Step::of(Kind::Unenrolled))));
    }
    fold(&TenantId::parse("contoso").unwrap(), &history, &TenantSettings::default(), at(as_of)).sessions
}

pub fn sessions(reports: &[(i64, EspDetail)], as_of: i64) -> Vec<EspSession> {
    let reports: Vec<_> = reports.iter().map(|(millis, detail)| (*millis, None, detail.clone())).collect();
    sessions_named(&reports, as_of)
}

pub fn session(reports: &[(i64, EspDetail)], as_of: i64) -> EspSession {
    let mut all = sessions(reports, as_of);
    assert_eq!(all.len(), 1);
    all.pop().unwrap()
}

/// A start under a profile with these choices.
pub fn start(mode: Option<DeploymentMode>, choose: impl FnOnce(&mut Settings), apps: Option<&[&str]>) -> EspDetail {
    let mut settings = Settings::named("Chosen");
    choose(&mut settings);
    assert_eq!(settings.problems(), []);
    let (created_at, modified_at) = (at(0), at(0));
    let profile = EspProfile {
        id: "p".to_owned(),
        version: 1,
        created_at,
        modified_at,
        settings,
        assignments: Vec::new(),
        graph_id: None,
    };
    let target = |id: &&str| TargetedApp { app: name(id), user_context: false };
    EspDetail::Started(Box::new(Start {
        deployment_mode: mode,
        targeted_apps: apps.map(|apps| apps.iter().map(target).collect()),
        profile: Some(Box::new(AppliedProfile::of(&profile, Rule::AllDevices))),
        ..Start::default()
    }))
}

pub fn plain_start() -> EspDetail {
    EspDetail::Started(Box::default())
}

pub fn name(id: &str) -> ItemName {
    ItemName { id: id.to_owned(), name: None }
}

pub fn tracked(phase: Phase, category: Category, ids: &[&str]) -> EspDetail {
    EspDetail::Tracked(phase, category, ids.iter().map(|id| name(id)).collect())
}

pub fn item(phase: Phase, category: Category, id: &str, state: ItemState) -> EspDetail {
    let code = (state == ItemState::Error).then(|| format!("0x8{id}"));
    EspDetail::Item(phase, category, name(id), state, code)
}

pub fn app(id: &str, state: ItemState) -> EspDetail {
    item(Phase::DeviceSetup, Category::Apps, id, state)
}

pub fn begun(phase: Phase) -> EspDetail {
    EspDetail::Phase(phase, PhaseState::Started)
}

pub fn subtask(session: &EspSession, phase: Phase, category: Category) -> Subtask {
    let page = session.page();
    let view = page.iter().find(|view| view.phase == phase).unwrap();
    *view.subtasks.iter().find(|subtask| subtask.category == category).unwrap()
}

/// "(k of n)" of the device's apps.
pub fn apps(session: &EspSession) -> (usize, usize) {
    let apps = subtask(session, Phase::DeviceSetup, Category::Apps);
    (apps.done.unwrap(), apps.total.unwrap())
}

pub fn tracking(session: &EspSession, id: &str) -> Tracking {
    session.items.iter().find(|item| item.id == id).unwrap().tracking
}

pub fn select(apps: &[&str]) -> Vec<String> {
    apps.iter().map(|app| (*app).to_owned()).collect()
}
