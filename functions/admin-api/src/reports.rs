//! Answers the questions about enrollments from the tenant's report file. A route is a question of the file, with the
//! same parameters, and the file decides which values it refuses.

use crate::query::{Parameters, unknown};
use crate::{Api, Call, problem, store_problem};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::num::NonZeroU64;
use vestibule_archive::Answer;
use vestibule_platform::problem::json;
use vestibule_platform::{HttpResponse, Problem};
use vestibule_report::{Basis, Error as ReportError, Reader, pseudonym};

/// Lists of an answer whose entries are about a profile. An entry of another list may only name one.
const OF_PROFILES: [&str; 3] = ["espProfiles", "byProfile", "byPhase"];
/// The members in which an entry names a profile.
const PROFILE: [&str; 3] = ["profile", "profileId", "ruleGroup"];

/// An answer, with the members that describe the whole of it.
#[derive(Serialize)]
struct Marked<T> {
    #[serde(flatten)]
    answer: T,
    #[serde(flatten)]
    marks: Marks,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Marks {
    #[serde(skip_serializing_if = "Option::is_none")]
    stands_on: Option<StandsOn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable_enrollments: Option<NonZeroU64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StandsOn {
    settings: Basis,
    being_rebuilt: bool,
}

impl<T> Marked<T> {
    fn split(answer: Answer<T>) -> (T, Marks) {
        let stands_on = answer.stands_on.map(|settings| StandsOn { settings, being_rebuilt: true });
        (answer.value, Marks { stands_on, unreadable_enrollments: NonZeroU64::new(answer.unreadable) })
    }
}

/// Removes what a credential that sees only some profiles may not see: entries about a hidden profile, and in all other
/// entries the members that name one. If an entry has a profile's name without its id, the name is removed.
fn hide_profiles(answer: &mut Map<String, Value>, visible: &BTreeSet<String>) {
    let is_visible = |entry: &Map<String, Value>| {
        entry.get("profileId").and_then(Value::as_str).is_some_and(|id| visible.contains(id))
    };
    let hide = |entry: &mut Map<String, Value>| {
        let of_profile = entry.iter_mut().filter(|(name, _)| PROFILE.contains(&name.as_str()));
        of_profile.for_each(|(_, value)| *value = Value::Null);
    };
    // An answer may itself be about one session.
    if !is_visible(answer) {
        hide(answer);
    }
    for (name, value) in answer.iter_mut() {
        let Value::Array(entries) = value else { continue };
        if OF_PROFILES.contains(&name.as_str()) {
            entries.retain(|entry| entry.as_object().is_some_and(is_visible));
        } else {
            entries.iter_mut().filter_map(Value::as_object_mut).filter(|entry| !is_visible(entry)).for_each(hide);
        }
    }
}

/// The parameters of the question: those of the query and the id of the path. A person is replaced by their pseudonym
/// if the file has pseudonyms.
fn asked(call: &Call) -> Result<Parameters, Problem> {
    let mut asked = call.query.clone();
    if let Some(id) = &call.id {
        if !asked.is_empty() {
            return Err(unknown::<&str>(&[]));
        }
        asked.insert("id".to_owned(), id.clone());
    }
    if let Some(user) = asked.get_mut("user")
        && let Some(key) = call.tenant.pseudonyms().map_err(store_problem)?
    {
        *user = pseudonym(key.expose().as_bytes(), user);
    }
    Ok(asked)
}

impl Api {
    /// Answers a question of the file. Profiles that the credential may not see are not in it.
    pub(crate) async fn question(&self, call: &Call, question: &'static str) -> Result<HttpResponse, Problem> {
        let asked = asked(call)?;
        let visible = self.visible_profiles(call).await?;
        let answer = self.ask(call, move |reader| reader.answer(question, &asked)).await?;
        let (answer, marks) = Marked::<Option<_>>::split(answer);
        let mut answer = answer.ok_or_else(Problem::not_found)?;
        if let Some(visible) = &visible {
            hide_profiles(&mut answer, visible);
        }
        Ok(json(StatusCode::OK, &Marked { answer, marks }))
    }

    pub(crate) async fn answer_from<T, F>(&self, call: &Call, question: F) -> Result<HttpResponse, Problem>
    where
        T: Serialize + Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, ReportError> + Send + 'static,
    {
        let (answer, marks) = Marked::<T>::split(self.ask(call, question).await?);
        Ok(json(StatusCode::OK, &Marked { answer, marks }))
    }

    /// Asks the tenant's file. If the answer comes from one that must be rebuilt, requests a new file as well.
    async fn ask<T, F>(&self, call: &Call, question: F) -> Result<Answer<T>, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, ReportError> + Send + 'static,
    {
        let answer = self.archive.answer(&call.tenant, call.now, question).await.map_err(|error| problem(&error))?;
        if answer.ask_for_file {
            // The answer does not depend on it. The error was logged, and a later question requests the file again.
            let _asked = self.request_export(call, false).await;
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_hidden_profile_is_named_in_no_list_whatever_the_list_is_called() {
        let Value::Object(mut answer) = json!({
            "espProfiles": [{"profileId": "us", "displayName": "US"}, {"profileId": "eu", "displayName": "EU"}],
            "newList": [
                {"sessionId": "1", "profileId": "eu", "profile": "EU", "ruleGroup": "g"},
                {"sessionId": "2", "profileId": "us", "profile": "US", "ruleGroup": "g"},
                {"sessionId": "3", "profile": "EU"},
            ],
        }) else {
            return;
        };
        hide_profiles(&mut answer, &BTreeSet::from(["us".to_owned()]));
        assert_eq!(
            Value::Object(answer),
            json!({
                "espProfiles": [{"profileId": "us", "displayName": "US"}],
                "newList": [
                    {"sessionId": "1", "profileId": null, "profile": null, "ruleGroup": null},
                    {"sessionId": "2", "profileId": "us", "profile": "US", "ruleGroup": "g"},
                    {"sessionId": "3", "profile": null},
                ],
            })
        );
    }
}
