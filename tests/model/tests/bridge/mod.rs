//! Connects the plain model and the domain: the same events for both, and both results in the same words.

use std::collections::BTreeSet;
use vestibule_domain::attempt::AttemptId;
use vestibule_domain::catalogue::{Action, Screen};
use vestibule_domain::esp::{
    Category, DeploymentMode, EspAction, EspDetail, EspEvent, ItemName, ItemState, Phase, PhaseState, Start,
    TargetedApp,
};
use vestibule_domain::event::{About, Body, Clock, Event, EventKey, Reports, Step};
use vestibule_domain::failure::{Failure, FailureCategory};
use vestibule_domain::{
    ComplianceSource, Enrollment, History, Kind, Place, Platform, Section, TenantId, TenantSettings, Timestamp,
    UserAction, fold,
};
use vestibule_model::esp::What;
use vestibule_model::{Device, IdentifierKind};

pub fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

pub fn settings(model: &vestibule_model::Settings) -> TenantSettings {
    let minutes = |minutes: i64| u32::try_from(minutes).unwrap();
    TenantSettings {
        time_zone: model.time_zone.parse().unwrap(),
        require_compliance: model.require_compliance,
        windows_idle_limit_minutes: minutes(model.windows_idle_limit_minutes),
        macos_idle_limit_minutes: minutes(model.macos_idle_limit_minutes),
        compliance_limit_minutes: minutes(model.compliance_limit_minutes),
        compliance_source: match &model.compliance_source {
            vestibule_model::ComplianceSource::None => ComplianceSource::None,
            vestibule_model::ComplianceSource::All(source) => ComplianceSource::All(source.clone()),
            vestibule_model::ComplianceSource::Each(each) => ComplianceSource::Each(
                each.iter().map(|(of, source)| (Platform::read(of).unwrap(), source.clone())).collect(),
            ),
        },
        ..TenantSettings::default()
    }
}

fn reports(model: vestibule_model::Reports) -> Reports {
    Reports {
        starts: model.starts,
        steps: model.steps,
        stops: model.stops,
        failures: model.failures,
        ends: model.ends,
        compliance: model.compliance,
        removals: model.removals,
        clock: if model.device_time { Clock::Device } else { Clock::Server },
    }
}

fn name(id: &str) -> ItemName {
    ItemName { id: id.to_owned(), name: None }
}

/// What an `esp.*` event reports. Profiles have their own tests.
fn detail(what: &What) -> EspDetail {
    let phase = |phase: &str| Phase::read(phase).unwrap();
    let category = |category: &str| Category::read(category).unwrap();
    match what {
        What::Started { mode, hybrid, limit, targeted, profile: _ } => EspDetail::Started(Box::new(Start {
            deployment_mode: mode.as_deref().map(|mode| DeploymentMode::read(mode).unwrap()),
            hybrid_join: *hybrid,
            limit_minutes: limit.map(|limit| u32::try_from(limit).unwrap()),
            targeted_apps: targeted
                .as_ref()
                .map(|apps| apps.iter().map(|(id, user)| TargetedApp { app: name(id), user_context: *user }).collect()),
            ..Start::default()
        })),
        What::Tracked(of, list, ids) => {
            EspDetail::Tracked(phase(of), category(list), ids.iter().map(|id| name(id)).collect())
        }
        What::Item(item) => EspDetail::Item(
            phase(&item.phase),
            category(&item.category),
            ItemName { id: item.id.clone(), name: item.name.clone() },
            ItemState::read(&item.state).unwrap(),
            item.code.clone(),
        ),
        What::Phase(of, state) => EspDetail::Phase(phase(of), PhaseState::read(state).unwrap()),
        What::Action(action) => EspDetail::Action(EspAction::read(action).unwrap()),
        What::Completed => EspDetail::Completed,
        What::Failed(code, message) => EspDetail::Failed(code.clone(), message.clone()),
    }
}

/// The event in the domain's form.
pub fn event(model: &vestibule_model::Event) -> Event {
    let identifier = |wanted| model.identifiers.iter().find(|(kind, _)| *kind == wanted).map(|(_, id)| id.clone());
    let body = match &model.esp {
        Some(page) => Body::Esp(EspEvent { session_id: page.session.clone(), detail: detail(&page.what) }),
        None => {
            let kind = match model.kind {
                vestibule_model::Kind::Registered => Kind::Registered,
                vestibule_model::Kind::Started => Kind::Started,
                vestibule_model::Kind::StepEntered => Kind::StepEntered,
                vestibule_model::Kind::StepCompleted => Kind::StepCompleted,
                vestibule_model::Kind::Stopped => Kind::Stopped,
                vestibule_model::Kind::PortalClosed => Kind::PortalClosed,
                vestibule_model::Kind::Failed => Kind::Failed,
                vestibule_model::Kind::Enrolled => Kind::Enrolled,
                vestibule_model::Kind::Compliant => Kind::Compliant,
                vestibule_model::Kind::Unenrolled => Kind::Unenrolled,
                vestibule_model::Kind::Tagged => Kind::Tagged,
                vestibule_model::Kind::Esp => unreachable!("its body was matched above"),
            };
            let failure = Failure {
                code: model.failure_code.clone(),
                reason: model.failure_reason.clone(),
                category: model.failure_category.as_deref().map(|it| FailureCategory::read(it).unwrap()),
                ..Failure::default()
            };
            let mut step = Step::of(kind);
            step.place = model.place.as_ref().map(|place| {
                Place::new(
                    place.section.as_deref().map(|section| Section::read(section).unwrap()),
                    Action::read(&place.action),
                    place.screen.as_deref().map(Screen::read),
                )
            });
            step.user_action = model.user_action.as_deref().map(|chose| UserAction::read(chose).unwrap());
            step.failure = (failure != Failure::default()).then_some(failure);
            step.said.awaiting_configuration = model.awaiting_configuration;
            step.said.restated = model.restated;
            step.said.assumed = model.assumed;
            step.tags = model.tags.iter().cloned().collect();
            Body::Enrollment(step)
        }
    };
    let event = Event {
        key: EventKey { source: model.source.clone(), id: model.id.clone() },
        time: Timestamp::from_millis(model.placed_at_ms),
        received_at: Timestamp::from_millis(model.received_at_ms),
        clock_skew: None,
        reports: reports(model.reports),
        about: About {
            enrollment_id: identifier(IdentifierKind::EnrollmentId),
            serial_number: identifier(IdentifierKind::Serial),
            udid: identifier(IdentifierKind::Udid),
            mdm_device_id: identifier(IdentifierKind::MdmDeviceId),
            device_name: model.device_name.clone(),
            manufacturer: model.manufacturer.clone(),
            model: model.model.clone(),
            user_principal_name: model.user_principal_name.clone(),
            user_id: model.user_id.clone(),
            platform: model.platform.as_deref().map(|platform| Platform::read(platform).unwrap()),
            os_version: model.os_version.clone(),
            enrollment_type: model.enrollment_type.clone(),
        },
        body,
    };
    event.stored()
}

/// The same events under the keys that the domain stores them under; the order at one instant depends on these.
pub fn as_stored(events: &[vestibule_model::Event]) -> Vec<vestibule_model::Event> {
    let keyed = |one: &vestibule_model::Event| vestibule_model::Event { id: event(one).key.id, ..one.clone() };
    events.iter().map(keyed).collect()
}

/// The domain's history of these events, added in this order.
pub fn history<'a>(events: impl IntoIterator<Item = &'a vestibule_model::Event>) -> History {
    let mut history = History::default();
    for one in events {
        history.add(event(one));
    }
    history
}

/// One device by the domain's fold, the events added in this order.
pub fn folded<'a>(
    events: impl IntoIterator<Item = &'a vestibule_model::Event>,
    settings: &TenantSettings,
    as_of_ms: i64,
) -> Enrollment {
    fold(&tenant(), &history(events), settings, Timestamp::from_millis(as_of_ms))
}

/// What is compared of a device: one line for the device, each attempt, each session and each failure.
pub fn domain_in_words(enrollment: &Enrollment) -> Vec<String> {
    let mut lines = vec![format!(
        "device {} enrolled={} compliant={} complete={} tags={:?}",
        enrollment.state.name(),
        enrollment.enrolled,
        enrollment.compliant,
        enrollment.complete,
        enrollment.tags
    )];
    for attempt in &enrollment.attempts {
        let place = attempt.place.as_ref();
        let session = attempt.session.and_then(|id| enrollment.sessions.iter().find(|session| session.id == id));
        lines.push(attempt_in_words(&InWords {
            id: attempt.id,
            started: attempt.started_at.millis(),
            ended: attempt.ended_at.map(Timestamp::millis),
            outcome: attempt.outcome.name(),
            cause: attempt.cause.map(|cause| cause.name()),
            place: place.map(|place| {
                let section = place.section.map_or("-", |section| section.name());
                let screen = place.screen.as_ref().map_or("-", |screen| screen.name());
                format!("{section}/{}/{screen}", place.action.name())
            }),
            row: attempt.row,
            code: attempt.failure.as_ref().and_then(|failure| failure.code.as_deref()),
            wait: attempt.wait.map(|wait| wait.name()),
            visited: attempt.visits.iter().map(|visit| visit.action.name().to_owned()).collect(),
            flags: vec![
                ("release not reported", attempt.release_not_reported),
                ("start reported", attempt.start_reported),
                ("has starts", attempt.has_starts()),
                ("has steps", attempt.has_steps()),
                ("judged", attempt.is_judged()),
                ("technician", attempt.technician),
            ],
            session: session.map(|session| session.started_at.millis()),
        }));
    }
    for session in &enrollment.sessions {
        lines.push(session_in_words(
            session.started_at.millis(),
            session.ended_at.map(Timestamp::millis),
            session.state.name(),
            session.failed,
            session.timed_out,
        ));
    }
    for failure in &enrollment.failures {
        let code = failure.failure.as_ref().and_then(|failure| failure.code.as_deref());
        lines.push(failure_in_words(failure.at.millis(), code, failure.resolved));
    }
    lines
}

/// Like [`domain_in_words`], for the model's device.
pub fn model_in_words(device: &Device) -> Vec<String> {
    let mut lines = vec![format!(
        "device {} enrolled={} compliant={} complete={} tags={:?}",
        device.state, device.enrolled, device.compliant, device.complete, device.tags
    )];
    for attempt in &device.attempts {
        lines.push(attempt_in_words(&InWords {
            id: AttemptId::opened_by(&tenant(), &attempt.opened_by.0, &attempt.opened_by.1),
            started: attempt.started_at_ms,
            ended: attempt.ended_at_ms,
            outcome: &attempt.outcome,
            cause: attempt.cause.as_deref(),
            place: attempt.action.as_ref().map(|action| {
                let section = attempt.section.as_deref().unwrap_or("-");
                format!("{section}/{action}/{}", attempt.screen.as_deref().unwrap_or("-"))
            }),
            row: attempt.catalogue_row,
            code: attempt.failure_code.as_deref(),
            wait: attempt.wait.as_deref(),
            visited: attempt.visited.iter().cloned().collect(),
            flags: vec![
                ("release not reported", attempt.release_not_reported),
                ("start reported", attempt.start_reported),
                ("has starts", attempt.has_starts),
                ("has steps", attempt.has_steps),
                ("judged", attempt.judged()),
                ("technician", attempt.technician),
            ],
            session: attempt.session_started_at_ms,
        }));
    }
    for session in &device.sessions {
        lines.push(session_in_words(
            session.started_at_ms,
            session.ended_at_ms,
            &session.state,
            session.failed,
            session.timed_out,
        ));
    }
    for (at_ms, code, resolved) in &device.failures {
        lines.push(failure_in_words(*at_ms, code.as_deref(), *resolved));
    }
    lines
}

struct InWords<'a> {
    id: AttemptId,
    started: i64,
    ended: Option<i64>,
    outcome: &'a str,
    cause: Option<&'a str>,
    place: Option<String>,
    row: Option<u8>,
    code: Option<&'a str>,
    wait: Option<&'a str>,
    /// The actions to which it came, in no order.
    visited: BTreeSet<String>,
    flags: Vec<(&'static str, bool)>,
    session: Option<i64>,
}

fn minutes(at_ms: i64) -> String {
    vestibule_model::scenes::minutes(at_ms)
}

fn attempt_in_words(it: &InWords<'_>) -> String {
    let mut words =
        format!("attempt {}–{} {}", minutes(it.started), it.ended.map(minutes).unwrap_or_default(), it.outcome);
    if let Some(cause) = it.cause {
        words += &format!(", {cause}");
    }
    if let Some(place) = &it.place {
        words += &format!(", at {place}");
    }
    if let Some(row) = it.row {
        words += &format!(", row {row}");
    }
    if let Some(code) = it.code {
        words += &format!(", code {code}");
    }
    if let Some(wait) = it.wait {
        words += &format!(", waits for {wait}");
    }
    if !it.visited.is_empty() {
        words += &format!(", came to {:?}", it.visited);
    }
    for (word, set) in &it.flags {
        if *set {
            words += &format!(", {word}");
        }
    }
    if let Some(session) = it.session {
        words += &format!(", session of {}", minutes(session));
    }
    words + &format!(" [{}]", &it.id.to_string()[..6])
}

fn session_in_words(started: i64, ended: Option<i64>, state: &str, failed: bool, timed_out: bool) -> String {
    let mut words = format!("session {}–{} {state}", minutes(started), ended.map(minutes).unwrap_or_default());
    if failed {
        words += ", failed";
    }
    if timed_out {
        words += ", timed out";
    }
    words
}

fn failure_in_words(at: i64, code: Option<&str>, resolved: bool) -> String {
    format!(
        "failure of the device {} {} {}",
        minutes(at),
        code.unwrap_or("-"),
        if resolved { "resolved" } else { "unresolved" }
    )
}
