//! A tenant's settings (docs/DOMAIN.md, T): read by all its tokens, changed by administrators.

use crate::query::invalid;
use crate::{Api, Call, store_problem};
use http::StatusCode;
use serde_json::{Value, json};
use vestibule_domain::{TenantSettings, Timestamp};
use vestibule_platform::bus::{EXPORT_REQUESTED, Outgoing};
use vestibule_platform::problem::json as answer;
use vestibule_platform::{HttpResponse, Problem};
use vestibule_store::{ExportReason, ExportRequest, Refold, StoreError};
use vestibule_webhook::sources::source_called;

impl Api {
    /// Shows the current settings.
    pub(crate) async fn show_tenant(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let job = self.archive.store().refold_of(&call.tenant.id).await.map_err(store_problem)?;
        Ok(answer(StatusCode::OK, &shown(call, &call.tenant.settings, job.as_ref())))
    }
}

/// `applying` is the progress of applying changed settings to every enrollment; it is absent when that is done.
fn shown(call: &Call, settings: &TenantSettings, job: Option<&Refold>) -> Value {
    let mut shown = json!({
        "asOf": call.now.to_string(),
        "tenant": call.tenant.id,
        "role": call.role,
        "scopeTags": call.scope_tags,
        "settings": settings,
    });
    if let (Some(job), Some(members)) = (job, shown.as_object_mut()) {
        let applying = json!({
            "settingsVersion": job.settings,
            "pass": job.pass,
            "lookedAt": job.looked,
            "foldedAgain": job.folded,
            "since": job.began_at.map(|at| at.to_string()),
        });
        members.insert("applying".to_owned(), applying);
    }
    shown
}

impl Api {
    /// Changes the members that the body has (JSON merge patch) and keeps the others.
    pub(crate) async fn change_tenant(&self, mut call: Call) -> Result<HttpResponse, Problem> {
        let patch: Value = serde_json::from_slice(call.request.body())
            .map_err(|_| Problem::bad_request().detail("The body is not JSON."))?;
        let settings = patched(&call.tenant.settings, &patch).map_err(|error| invalid(&error.field, error.problem))?;
        let alters_history = settings.alters_history(&call.tenant.settings);
        call.tenant.settings = settings;
        match self.archive.store().update_tenant(&mut call.tenant).await {
            Ok(()) => {
                if alters_history {
                    self.request_export(&call, true).await?;
                }
                let job = self.archive.store().refold_of(&call.tenant.id).await.map_err(store_problem)?;
                Ok(answer(StatusCode::OK, &shown(&call, &call.tenant.settings, job.as_ref())))
            }
            Err(StoreError::Conflict) => {
                let title = "The settings were changed by somebody else meanwhile";
                Err(Problem::new(StatusCode::CONFLICT, title))
            }
            Err(error @ StoreError::Older { .. }) => {
                Err(Problem::new(StatusCode::CONFLICT, "This can't be set yet").detail(format!("{error}.")))
            }
            Err(error) => Err(store_problem(error)),
        }
    }

    /// Requests a file as of now, and returns the earliest instant for which it will be true. If a requested file is
    /// still being made, no other is requested, unless `anew`.
    pub(crate) async fn request_export(&self, call: &Call, anew: bool) -> Result<Timestamp, Problem> {
        let tenant = &call.tenant.id;
        let asked = self.archive.store().ask_for_export(tenant, call.now, anew).await.map_err(store_problem)?;
        let as_of = asked.pending.as_of;
        if asked.send {
            let reason = ExportReason::Asked;
            let request = ExportRequest { tenant: tenant.clone(), as_of: as_of.to_string(), reason };
            let detail = serde_json::to_string(&request).map_err(|_| Problem::internal())?;
            self.bus.put(&[Outgoing { detail_type: EXPORT_REQUESTED, detail }]).await.map_err(|error| {
                tracing::error!(%error, "no file could be asked for");
                Problem::unavailable()
            })?;
        }
        Ok(as_of)
    }
}

/// A change of settings that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// The setting, as the request named it.
    pub field: String,
    /// What is wrong.
    pub problem: &'static str,
}

/// The settings with a JSON merge patch applied, checked; `null` sets a member back to its default.
///
/// # Errors
/// The first member that is not a setting, or whose value has the wrong form or range.
pub fn patched(before: &TenantSettings, patch: &Value) -> Result<TenantSettings, SettingError> {
    let refuse = |field: &str, problem| SettingError { field: field.to_owned(), problem };
    let Value::Object(patch) = patch else { return Err(refuse("body", "must be an object")) };
    let members = |settings: &TenantSettings| serde_json::to_value(settings).unwrap_or_default();
    let defaults = members(&TenantSettings::default());
    let mut changed = members(before);
    let mut settings = before.clone();
    // Members are read one at a time, so that the error names the invalid one.
    for (name, value) in patch {
        let Some(default) = defaults.get(name) else { return Err(refuse(name, "is not a setting")) };
        changed[name] = if value.is_null() { default.clone() } else { value.clone() };
        settings =
            serde_json::from_value(changed.clone()).map_err(|_| refuse(name, "has not the form of this setting"))?;
    }
    // With a name that no event has, each enrollment would wait for an event that never arrives.
    settings.compliance_source = settings.compliance_source.read_sources(|named| match source_called(&named) {
        Some(Some(source)) => Ok(source.to_owned()),
        Some(None) => Err(refuse("complianceSource", "must be the source that this sender's events bring")),
        None => Ok(named),
    })?;
    settings.validate().map_err(|error| refuse(error.field, error.problem))?;
    Ok(settings)
}
