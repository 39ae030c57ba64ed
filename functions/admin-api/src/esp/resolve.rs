//! Which profile applies to a device, and why, for a known device and for a hypothetical one.

use super::device::find;
use super::profiles::{object, refused};
use super::seen::{profile_and_rule, rule};
use crate::{Api, Call};
use http::StatusCode;
use serde_json::{Value, json};
use vestibule_domain::History;
use vestibule_domain::esp::profile::{EspProfile, Target};
use vestibule_domain::esp::profiles::Profiles;
use vestibule_domain::esp::resolve::{Resolution, resolve};
use vestibule_domain::esp::{EspDetail, EspSession, ItemName, Start};
use vestibule_domain::event::{About, Body, MAX_TEXT_CHARS};
use vestibule_platform::problem::json as answer;
use vestibule_platform::{HttpResponse, Problem};
use vestibule_webhook::esp::read_start;
use vestibule_webhook::fields::Reader;

impl Api {
    /// `POST /api/devices/esp-profiles/resolve`: the body has the members that `esp.started` would report.
    pub(crate) async fn resolve_hypothetical(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let body = object(call)?;
        let mut errors = Vec::new();
        let mut reader = Reader::new("", &body, &mut errors);
        let start = read_start(&mut reader);
        let mut device = reader.object("device");
        let about = About {
            manufacturer: device.text("manufacturer", MAX_TEXT_CHARS),
            model: device.text("model", MAX_TEXT_CHARS),
            ..About::default()
        };
        if !errors.is_empty() {
            return Err(refused(&errors));
        }
        let profiles = self.profiles_of(call).await?;
        let start = start.with_about(&about);
        let mut out = shown(call, &resolve(&profiles, &start));
        out["asOf"] = json!(call.now.to_string());
        Ok(answer(StatusCode::OK, &out))
    }

    /// `GET /api/devices/{id}/esp-profile`: the profile that was fixed for its newest session, and the one that would
    /// apply now.
    pub(crate) async fn device_profile(&self, call: &Call, id: &str) -> Result<HttpResponse, Problem> {
        let (history, enrollment) = find(self, call, id).await?;
        let profiles: Profiles = self.profiles_of(call).await?;
        let session = enrollment.sessions.last();
        let start = session.and_then(|session| start_of(&history, session)).unwrap_or_default();
        let whole = start.with_about(&enrollment.about);
        let visible = self.visible_profiles(call).await?;
        let fixed = session.map(|session| {
            let (profile, rule) = profile_and_rule(session, visible.as_ref());
            json!({
                "sessionId": session.id.to_string(),
                "startedAt": session.started_at.to_string(),
                "profile": profile,
                "rule": rule,
            })
        });
        let seen = |groups: &[ItemName]| seen_groups(call, &profiles, groups);
        let properties: serde_json::Map<String, Value> =
            whole.properties.iter().map(|(property, value)| (property.name().to_owned(), json!(value))).collect();
        let out = json!({
            "asOf": call.now.to_string(),
            "enrollmentKey": enrollment.key.as_str(),
            // The profile is fixed when the session starts. Later changes do not affect it.
            "session": fixed,
            "now": shown(call, &resolve(&profiles, &whole)),
            "basedOn": {
                "deploymentMode": start.deployment_mode.map(vestibule_domain::esp::DeploymentMode::name),
                "hybridJoin": start.hybrid_join,
                "groups": {"device": seen(&start.device_groups), "user": seen(&start.user_groups)},
                "properties": properties,
            },
        });
        Ok(answer(StatusCode::OK, &out))
    }
}

/// What the start of the session reported.
fn start_of(history: &History, session: &EspSession) -> Option<Start> {
    history.ordered(session.started_at).into_iter().find_map(|event| match &event.body {
        Body::Esp(esp) if event.placed() == session.started_at && esp.session_id == session.session_id => {
            match &esp.detail {
                EspDetail::Started(start) => Some((**start).clone()),
                _ => None,
            }
        }
        _ => None,
    })
}

/// Groups of a device or a user, as far as the credential may see them: with scope tags only those to which a profile
/// that it sees is assigned. Another may be what a hidden profile is assigned to.
fn seen_groups(call: &Call, profiles: &Profiles, groups: &[ItemName]) -> Vec<Value> {
    let targets = |profile: &EspProfile, of: &ItemName| {
        profile.assignments.iter().any(
            |assignment| matches!(&assignment.target, Target::Group(group) if group.id.eq_ignore_ascii_case(&of.id)),
        )
    };
    let is_seen = |group: &&ItemName| {
        call.scope_tags.is_empty()
            || profiles.iter().any(|(_, profile)| profile.is_visible(&call.scope_tags) && targets(profile, group))
    };
    let named = |group: &ItemName| json!({"id": group.id, "name": group.name});
    groups.iter().filter(is_seen).map(named).collect()
}

fn shown(call: &Call, resolution: &Resolution<'_>) -> Value {
    let Resolution { priority, profile, rule: by, passed_over } = resolution;
    let seen = passed_over.iter().filter(|over| over.profile.is_visible(&call.scope_tags));
    let passed_over: Vec<Value> = seen
        .map(|over| {
            json!({
                "id": over.profile.id,
                "displayName": over.profile.settings.display_name,
                "priority": over.priority,
                "reason": over.reason.name(),
                "words": over.reason.words(),
            })
        })
        .collect();
    // Its priority is shown even to callers who may not see the profile itself.
    let (chosen, by) = match profile.is_visible(&call.scope_tags) {
        true => (
            json!({
                "id": profile.id,
                "displayName": profile.settings.display_name,
                "priority": priority,
                "version": profile.version,
                "installProgressTimeoutInMinutes": profile.settings.install_progress_timeout_in_minutes,
            }),
            rule(by),
        ),
        false => (json!({"priority": priority}), json!({"kind": by.name()})),
    };
    json!({"profile": chosen, "rule": by, "passedOver": passed_over})
}
