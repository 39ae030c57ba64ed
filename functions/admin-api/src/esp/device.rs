//! A device's Enrollment Status Page: shows to a helper what the person in front of the device sees.
//!
//! It is folded directly from the device's events, as of now, since a helper looks at one device again every few
//! seconds.

use super::page;
use super::seen::Seen;
use crate::{Api, Call, store_problem};
use http::StatusCode;
use percent_encoding::percent_decode_str;
use vestibule_domain::esp::apps::is_nameless;
use vestibule_domain::{Enrollment, History, Identifier, fold};
use vestibule_platform::problem::json as answer;
use vestibule_platform::{HttpResponse, Problem};

/// The device with this id, which may be any of its names, and its events.
pub(super) async fn find(api: &Api, call: &Call, id: &str) -> Result<(History, Enrollment), Problem> {
    let id = percent_decode_str(id).decode_utf8().map_err(|_| Problem::not_found())?;
    for name in Identifier::candidates(&id) {
        let found = api.archive.store().find(&call.tenant.id, &name, call.now).await.map_err(store_problem)?;
        if let Some(stored) = found {
            let enrollment = fold(&call.tenant.id, &stored.history, &call.tenant.settings, call.now);
            return Ok((stored.history, enrollment));
        }
    }
    Err(Problem::not_found())
}

impl Api {
    /// `GET /api/devices/{id}/esp`: the newest session, as JSON or as a page.
    pub(crate) async fn device_esp(&self, call: &Call, id: &str) -> Result<HttpResponse, Problem> {
        let (_, mut enrollment) = find(self, call, id).await?;
        if enrollment.sessions.last().is_some_and(|session| session.items.iter().any(is_nameless)) {
            let names = self.archive.store().app_names(&call.tenant.id).await.map_err(store_problem)?;
            enrollment.sessions.last_mut().into_iter().for_each(|session| names.name_apps(session));
        }
        let Some(session) = enrollment.sessions.last() else {
            return Err(Problem::not_found().detail("The device has not been on the Enrollment Status Page."));
        };
        let applied = &session.profile;
        let version = self.archive.store().profile_version(&call.tenant.id, &applied.id, applied.version).await;
        let version = version.map_err(store_problem)?;
        let visible = self.visible_profiles(call).await?;
        let seen = Seen::new(call, &enrollment, session, version.as_ref(), visible.as_ref())?;
        if super::wants_page(&call.request) {
            return Ok(page::answer(&seen));
        }
        Ok(answer(StatusCode::OK, &seen.to_json(&enrollment)))
    }
}
