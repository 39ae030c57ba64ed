//! A session of the Enrollment Status Page as a caller sees it: what the credential may see, and in which words.

use crate::{Call, store_problem};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use vestibule_domain::Enrollment;
use vestibule_domain::esp::page::{PhaseView, StepState, Subtask};
use vestibule_domain::esp::profile::{DEFAULT_MESSAGE, EspProfile};
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{Category, EspSession, Phase, SessionState};
use vestibule_platform::Problem;
use vestibule_report::pseudonym;
use vestibule_store::Secret;
use vestibule_words::Named as _;

/// What it usually means when a session is stuck.
pub(super) const STUCK_MEANS: &str = "The device is still working out what it has to install. When that takes so long, the \
    user usually has no licence for device management, or the policies assigned to the device can't be computed.";

/// A session as a caller sees it.
pub(super) struct Seen<'a> {
    pub call: &'a Call,
    pub session: &'a EspSession,
    pub key: &'a str,
    pub device_name: Option<String>,
    pub user: Option<String>,
    /// The message that the person sees once something went wrong, if the credential may see it.
    pub message: Option<String>,
    /// Whether the person sees the details of the failure, as far as the credential may see that.
    pub shows_details: bool,
    profile: Value,
    rule: Value,
}

impl<'a> Seen<'a> {
    pub fn new(
        call: &'a Call,
        enrollment: &'a Enrollment,
        session: &'a EspSession,
        version: Option<&EspProfile>,
        visible: Option<&BTreeSet<String>>,
    ) -> Result<Self, Problem> {
        let key = call.tenant.pseudonyms().map_err(store_problem)?;
        let (profile, rule) = profile_and_rule(session, visible);
        // What a hidden profile says and shows is its own.
        let version = version.filter(|_| is_visible(session, visible));
        let shows_message = is_visible(session, visible);
        let stopped = matches!(session.state, SessionState::Failed | SessionState::TimedOut);
        let message = version.map_or(DEFAULT_MESSAGE, EspProfile::message);
        Ok(Self {
            call,
            session,
            key: enrollment.key.as_str(),
            device_name: enrollment.about.device_name.as_deref().map(|name| person(key, name)),
            user: enrollment.about.user_principal_name.as_deref().map(|name| person(key, name)),
            message: (stopped && shows_message).then(|| message.to_owned()),
            shows_details: version.is_some_and(|profile| profile.settings.show_error_details),
            profile,
            rule,
        })
    }

    /// The profile's name and the rule in words, if the credential may see them.
    pub fn why(&self) -> Option<(&str, &str)> {
        Some((self.profile["displayName"].as_str()?, self.rule["words"].as_str()?))
    }

    /// The whole session, as the API writes it.
    pub fn to_json(&self, enrollment: &Enrollment) -> Value {
        let Self { call, session, .. } = self;
        let about = &enrollment.about;
        let remaining = (session.deadline - call.now).get().max(0) / 1_000;
        let actions: Vec<Value> = session
            .actions
            .iter()
            .map(|(at, action)| json!({"time": at.to_string(), "action": action.name()}))
            .collect();
        let earlier = enrollment.sessions.iter().rev().skip(1);
        let earlier: Vec<Value> = earlier
            .map(|session| {
                json!({
                    "id": session.id.to_string(),
                    "state": session.state.name(),
                    "startedAt": session.started_at.to_string(),
                    "endedAt": session.ended_at.map(|at| at.to_string()),
                })
            })
            .collect();
        // Free text may name people.
        let detail = session.error_message.as_ref().filter(|_| !call.tenant.settings.pseudonymise);
        let failure = session.failed.then(|| {
            json!({
                "phase": session.failed_phase.map(Phase::name),
                "errorCode": session.error_code,
                "message": detail,
            })
        });
        let stuck = session
            .stuck_since
            .map(|since| json!({"since": since.to_string(), "still": session.is_stuck, "means": STUCK_MEANS}));
        json!({
            "asOf": call.now.to_string(),
            "enrollmentKey": self.key,
            "device": {
                "name": self.device_name,
                "serialNumber": about.serial_number,
                "manufacturer": about.manufacturer,
                "model": about.model,
                "osVersion": about.os_version,
            },
            "user": {"principalName": self.user},
            "sessionId": session.id.to_string(),
            // The id that the sender gave.
            "senderSessionId": session.session_id,
            "state": session.state.name(),
            "stage": session.stage().name(),
            "progress": session.progress(),
            "deploymentMode": session.deployment_mode.map(vestibule_domain::esp::DeploymentMode::name),
            "hybridJoin": session.hybrid_join,
            "startedAt": session.started_at.to_string(),
            "endedAt": session.ended_at.map(|at| at.to_string()),
            "lastEventAt": session.last_event_at.to_string(),
            "elapsedSeconds": session.elapsed().get() / 1_000,
            "limitMinutes": session.limit_minutes,
            "deadline": session.deadline.to_string(),
            "remainingSeconds": session.is_open().then_some(remaining),
            "timedOut": session.timed_out,
            "profile": self.profile,
            "rule": self.rule,
            "phases": session.page().iter().map(|phase| write_phase(session, phase)).collect::<Vec<_>>(),
            "stuckIdentifying": stuck,
            "failure": failure,
            "message": self.message,
            "allowedActions": session.allowed_actions().iter().map(|action| action.name()).collect::<Vec<_>>(),
            "actions": actions,
            "earlier": earlier,
        })
    }
}

/// A rule by name, group and in words.
pub(super) fn rule(rule: &Rule) -> Value {
    json!({
        "kind": rule.name(),
        "group": rule.group().map(|group| json!({"id": group.id, "name": group.name})),
        "words": rule.words(),
    })
}

/// A name or address, or its pseudonym if the tenant wants no names.
fn person(key: Option<&Secret>, name: &str) -> String {
    key.map_or_else(|| name.to_owned(), |key| pseudonym(key.expose().as_bytes(), name))
}

/// Whether the credential may see the profile that was fixed for a session.
fn is_visible(session: &EspSession, visible: Option<&BTreeSet<String>>) -> bool {
    visible.is_none_or(|visible| visible.contains(&session.profile.id))
}

/// The profile that was fixed for a session and the rule that chose it, if the credential may see them.
pub(super) fn profile_and_rule(session: &EspSession, visible: Option<&BTreeSet<String>>) -> (Value, Value) {
    let applied = &session.profile;
    if !is_visible(session, visible) {
        return (Value::Null, json!({"kind": applied.rule.name()}));
    }
    let profile = json!({"id": applied.id, "version": applied.version, "displayName": applied.name});
    (profile, rule(&applied.rule))
}

fn write_phase(session: &EspSession, view: &PhaseView) -> Value {
    json!({
        "phase": view.phase.name(),
        "title": view.phase.words(),
        "state": view.state.name(),
        "startedAt": view.started_at.map(|at| at.to_string()),
        "endedAt": view.ended_at.map(|at| at.to_string()),
        "subtasks": view.subtasks.iter().map(|subtask| write_subtask(session, view.phase, subtask)).collect::<Vec<_>>(),
    })
}

fn write_subtask(session: &EspSession, phase: Phase, subtask: &Subtask) -> Value {
    let here = session.items.iter().filter(|item| item.phase == phase && item.category == subtask.category);
    let items: Vec<Value> = here
        .map(|item| {
            json!({
                "id": item.id,
                "name": item.name,
                "tracking": item.tracking.name(),
                "state": item.state.map(vestibule_domain::esp::ItemState::name),
                "errorCode": item.error_code,
                "updatedAt": item.updated_at.to_string(),
            })
        })
        .collect();
    json!({
        "category": subtask.category.name(),
        "title": category_title(phase, subtask.category),
        "state": subtask.state.name(),
        "done": subtask.done,
        "total": subtask.total,
        "progress": subtask.progress,
        "text": subtask_text(subtask),
        "items": items,
    })
}

/// A subtask's state in the words of the page.
pub(super) fn subtask_text(subtask: &Subtask) -> String {
    let count = match (subtask.done, subtask.total) {
        (Some(done), Some(total)) if total > 0 => format!(" ({done} of {total})"),
        _ => String::new(),
    };
    let words = match subtask.state {
        StepState::NotStarted => "Waiting",
        StepState::Identifying => return "Identifying".to_owned(),
        StepState::InProgress => "Working on it",
        StepState::Completed => "Completed",
        StepState::Failed => "Failed",
        StepState::NotRequired => return "Nothing to do".to_owned(),
    };
    format!("{words}{count}")
}

/// A subtask's name. Networks are VPN and Wi-Fi for the device, but only Wi-Fi for the account (docs/DOMAIN.md, S10).
pub(super) const fn category_title(phase: Phase, category: Category) -> &'static str {
    match (category, phase) {
        (Category::SecureHardware, _) => "Securing your hardware",
        (Category::JoinNetwork, _) => "Joining your organization's network",
        (Category::RegisterDevice, _) => "Registering your device for mobile management",
        (Category::SecurityPolicies, _) => "Security policies",
        (Category::Certificates, _) => "Certificates",
        (Category::NetworkConnections, Phase::AccountSetup) => "Network connections (Wi-Fi)",
        (Category::NetworkConnections, _) => "Network connections (VPN and Wi-Fi)",
        (Category::Apps, _) => "Apps",
    }
}
