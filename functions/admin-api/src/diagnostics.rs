//! Diagnostics for a person or a device, from the report file.

use crate::query::invalid;
use crate::sources::known_to_diagnostics;
use crate::{Api, Call, store_problem};
use vestibule_platform::{HttpResponse, Problem};
use vestibule_report::diagnosis::Subject;
use vestibule_report::pseudonym;
use vestibule_store::Secret;

/// Longest name of a person or a device.
const MOST_BYTES: usize = 512;

/// The person or device that a question is about, in the form in which the tenant's file names people: by pseudonyms made
/// with the key, if there is one.
pub fn subject(key: Option<&Secret>, user: Option<&str>, device: Option<&str>) -> Result<Subject, &'static str> {
    let hidden = |text: &str| key.map_or_else(|| text.to_owned(), |key| pseudonym(key.expose().as_bytes(), text));
    let given = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    match (given(user), given(device)) {
        (Some(user), None) if user.len() <= MOST_BYTES => Ok(Subject::User(hidden(&user))),
        (None, Some(text)) if text.len() <= MOST_BYTES => Ok(Subject::Device { name: hidden(&text), text }),
        (Some(_), None) | (None, Some(_)) => Err("is too long"),
        _ => Err("give either user, an address, or device, a serial number, id or name"),
    }
}

impl Api {
    pub(crate) async fn diagnostics(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let asked = |name: &str| call.query.get(name).map(String::as_str);
        let (user, device) = (asked("user"), asked("device"));
        let field = if device.is_some() { "device" } else { "user" };
        let key = call.tenant.pseudonyms().map_err(store_problem)?;
        let subject = subject(key, user, device).map_err(|problem| invalid(field, problem))?;
        let shows_profiles = self.visible_profiles(call).await?.is_none();
        let known = known_to_diagnostics(self.archive.store(), &call.tenant, call.now, shows_profiles).await;
        let known = known.map_err(store_problem)?;
        self.answer_from(call, move |reader| reader.diagnose(&subject, known)).await
    }
}
