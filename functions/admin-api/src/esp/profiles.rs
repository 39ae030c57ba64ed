//! The tenant's Enrollment Status Page profiles: read by all its tokens, changed by administrators.
//!
//! A change may carry `If-Match`, and is then made only if the profile is still the one that the caller read. Scope
//! tags of a token limit which profiles it sees and moves, but their priorities among all profiles are shown.

use super::json;
use crate::{Api, Call, store_problem};
use http::header::{ETAG, IF_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use vestibule_domain::esp::profile::{DEFAULT_PROFILE_ID, EspProfile};
use vestibule_domain::esp::profiles::{MAX_PROFILES, Profiles, ProfilesError};
use vestibule_platform::problem::{empty, json as answer};
use vestibule_platform::{HttpResponse, Problem};
use vestibule_store::StoreError;
use vestibule_webhook::esp_profiles::{self, Posted};
use vestibule_webhook::fields::FieldError;

/// Most errors listed, since an answer has a limit, too.
const MOST_ERRORS: usize = 100;

/// Why a change is not made.
enum Refused {
    Store(StoreError),
    Problem(Box<Problem>),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<ProfilesError> for Refused {
    fn from(error: ProfilesError) -> Self {
        match error {
            ProfilesError::Unknown => Problem::not_found(),
            ProfilesError::TooMany | ProfilesError::Default(_) => {
                Problem::new(StatusCode::CONFLICT, "The profiles can't be changed so").detail(error.to_string())
            }
        }
        .into()
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Problem(problem) => *problem,
            Refused::Store(StoreError::TooLarge) => Self::too_large()
                .detail("All profiles together are more than can be kept; shorten messages or filters."),
            Refused::Store(error) => store_problem(error),
        }
    }
}

impl Api {
    pub(super) async fn profiles_of(&self, call: &Call) -> Result<Profiles, Problem> {
        self.archive.store().profiles(&call.tenant.id).await.map_err(store_problem)
    }

    /// Ids of the profiles that the credential may see; `None` when it may see all.
    pub(crate) async fn visible_profiles(&self, call: &Call) -> Result<Option<BTreeSet<String>>, Problem> {
        if call.scope_tags.is_empty() {
            return Ok(None);
        }
        let profiles = self.profiles_of(call).await?;
        let visible = profiles.iter().filter(|(_, profile)| profile.is_visible(&call.scope_tags));
        Ok(Some(visible.map(|(_, profile)| profile.id.clone()).collect()))
    }

    pub(crate) async fn list_profiles(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let profiles = self.profiles_of(call).await?;
        let seen = profiles.iter().filter(|(_, profile)| profile.is_visible(&call.scope_tags));
        let value: Vec<Value> =
            seen.map(|(priority, profile)| json::write(priority, profile, call.tenant.created_at)).collect();
        // The total shows what a priority means to somebody who sees only some profiles.
        let body = json!({"asOf": call.now.to_string(), "value": value, "profiles": profiles.count()});
        Ok(answer(StatusCode::OK, &body))
    }

    pub(crate) async fn show_profile(&self, call: &Call, id: &str) -> Result<HttpResponse, Problem> {
        let profiles = self.profiles_of(call).await?;
        let (priority, profile) = visible(&profiles, call, id)?;
        Ok(shown(call, StatusCode::OK, priority, profile))
    }

    /// Adds the profile of the body, or all profiles of Graph's list. If one is invalid, none is added.
    pub(crate) async fn create_profiles(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let body = object(call)?;
        let mut errors = Vec::new();
        let Some(Value::Array(list)) = body.get("value") else {
            // Graph's documentation shows a single profile within `value`, too.
            let posted = match body.get("value") {
                Some(Value::Object(one)) => esp_profiles::read("value", one, &mut errors),
                _ => esp_profiles::read("", &body, &mut errors),
            };
            let posted = scoped(call, SCOPE_TAGS, posted.ok_or_else(|| refused(&errors))?)?;
            let (id, profiles) = self.change(call, |profiles| add(call, profiles, &posted)).await?;
            let (priority, profile) = profiles.get(&id).ok_or_else(Problem::internal)?;
            let mut response = shown(call, StatusCode::CREATED, priority, profile);
            if let Ok(location) = HeaderValue::try_from(format!("/api/devices/esp-profiles/{id}")) {
                response.headers_mut().insert(LOCATION, location);
            }
            return Ok(response);
        };
        let mut posted = Vec::new();
        let mut ignored = 0;
        for (at, entry) in list.iter().enumerate() {
            match entry {
                // Graph's list holds other enrollment configurations as well.
                Value::Object(map) if !esp_profiles::is_profile(map) => ignored += 1,
                Value::Object(map) => {
                    posted.extend(esp_profiles::read(&format!("value[{at}]"), map, &mut errors).map(|one| (at, one)));
                }
                _ => {
                    errors.push(FieldError { field: format!("value[{at}]"), problem: "must be an object".to_owned() });
                }
            }
        }
        if posted.len() > MAX_PROFILES {
            errors
                .push(FieldError { field: "value".into(), problem: format!("has more than {MAX_PROFILES} profiles") });
        }
        if !errors.is_empty() {
            return Err(refused(&errors));
        }
        let posted = posted.into_iter().map(|(at, one)| scoped(call, &format!("value[{at}].{SCOPE_TAGS}"), one));
        let mut posted = posted.collect::<Result<Vec<_>, _>>()?;
        // They keep their order, and come after the existing profiles.
        posted.sort_by_key(|one| one.priority.unwrap_or(u32::MAX));
        posted.iter_mut().for_each(|one| one.priority = None);
        let (ids, profiles) = self
            .change(call, |profiles| posted.iter().map(|one| add(call, profiles, one)).collect::<Result<Vec<_>, _>>())
            .await?;
        let written = ids.iter().filter_map(|id| profiles.get(id));
        let value: Vec<Value> =
            written.map(|(priority, profile)| json::write(priority, profile, call.tenant.created_at)).collect();
        Ok(answer(StatusCode::CREATED, &json!({"asOf": call.now.to_string(), "value": value, "ignored": ignored})))
    }

    pub(crate) async fn replace_profile(&self, call: &Call, id: &str) -> Result<HttpResponse, Problem> {
        let mut errors = Vec::new();
        let posted = esp_profiles::read("", &object(call)?, &mut errors).ok_or_else(|| refused(&errors))?;
        let ((), profiles) = self
            .change(call, |profiles| {
                let (_, known) = matching(profiles, call, id)?;
                let mut posted = posted.clone();
                let known = &known.settings.role_scope_tag_ids;
                if posted.has_scope_tags {
                    // Other tags stay as they are: a caller limited to some tags can neither add nor remove others.
                    let others = known.iter().filter(|tag| !call.is_in_scope(tag)).cloned().collect::<Vec<_>>();
                    posted.settings.role_scope_tag_ids.retain(|tag| !others.contains(tag));
                    posted = scoped(call, SCOPE_TAGS, posted)?;
                    posted.settings.role_scope_tag_ids.extend(others);
                } else {
                    posted.settings.role_scope_tag_ids.clone_from(known);
                }
                profiles.replace(id, posted.settings, posted.assignments, call.now)?;
                match posted.priority.filter(|_| id != DEFAULT_PROFILE_ID) {
                    Some(priority) => Ok(profiles.set_priority(id, priority)?),
                    None => Ok(()),
                }
            })
            .await?;
        let (priority, profile) = visible(&profiles, call, id)?;
        Ok(shown(call, StatusCode::OK, priority, profile))
    }

    pub(crate) async fn remove_profile(&self, call: &Call, id: &str) -> Result<HttpResponse, Problem> {
        self.change(call, |profiles| {
            matching(profiles, call, id)?;
            Ok(profiles.remove(id)?)
        })
        .await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    pub(crate) async fn set_priority(&self, call: &Call, id: &str) -> Result<HttpResponse, Problem> {
        let body = object(call)?;
        let priority = body.get("priority").and_then(Value::as_u64).and_then(|priority| u32::try_from(priority).ok());
        let priority = priority.filter(|priority| *priority > 0).ok_or_else(|| {
            refused(&[FieldError { field: "priority".into(), problem: "must be a whole number from 1".into() }])
        })?;
        let ((), profiles) = self
            .change(call, |profiles| {
                matching(profiles, call, id)?;
                Ok(profiles.set_priority(id, priority)?)
            })
            .await?;
        let (priority, profile) = visible(&profiles, call, id)?;
        Ok(shown(call, StatusCode::OK, priority, profile))
    }

    pub(crate) async fn assign_profile(&self, call: &Call, id: &str) -> Result<HttpResponse, Problem> {
        let mut errors = Vec::new();
        let assignments = esp_profiles::read_assign(&object(call)?, &mut errors);
        if !errors.is_empty() {
            return Err(refused(&errors));
        }
        let ((), profiles) = self
            .change(call, |profiles| {
                matching(profiles, call, id)?;
                Ok(profiles.assign(id, assignments.clone(), call.now)?)
            })
            .await?;
        let (priority, profile) = visible(&profiles, call, id)?;
        Ok(shown(call, StatusCode::OK, priority, profile))
    }

    async fn change<T>(
        &self,
        call: &Call,
        change: impl FnMut(&mut Profiles) -> Result<T, Refused>,
    ) -> Result<(T, Profiles), Problem> {
        self.archive.store().change_profiles(&call.tenant.id, change).await.map_err(Problem::from)
    }
}

impl Call {
    fn is_in_scope(&self, tag: &String) -> bool {
        self.scope_tags.is_empty() || self.scope_tags.contains(tag)
    }
}

/// Adds a posted profile, or, where it is the default, takes over its settings.
fn add(call: &Call, profiles: &mut Profiles, posted: &Posted) -> Result<String, Refused> {
    let Posted { settings, assignments, priority, is_default, .. } = posted.clone();
    if is_default {
        if !call.scope_tags.is_empty() {
            return Err(Problem::forbidden().into());
        }
        // The default profile has no assignments, whatever Graph lists.
        profiles.replace(DEFAULT_PROFILE_ID, settings, None, call.now)?;
        return Ok(DEFAULT_PROFILE_ID.to_owned());
    }
    Ok(profiles.add(&call.tenant.id, settings, assignments.unwrap_or_default(), priority, call.now)?)
}

const SCOPE_TAGS: &str = "roleScopeTagIds";

/// A profile made by a caller with scope tags gets some of these tags, and no others. `field` is where the body names
/// them.
fn scoped(call: &Call, field: &str, mut posted: Posted) -> Result<Posted, Problem> {
    if call.scope_tags.is_empty() {
        return Ok(posted);
    }
    if !posted.has_scope_tags {
        posted.settings.role_scope_tag_ids.clone_from(&call.scope_tags);
    } else if !posted.settings.role_scope_tag_ids.iter().all(|tag| call.is_in_scope(tag)) {
        let problem = "may hold only scope tags of the credential".to_owned();
        return Err(refused(&[FieldError { field: field.to_owned(), problem }]));
    }
    Ok(posted)
}

fn visible<'p>(profiles: &'p Profiles, call: &Call, id: &str) -> Result<(u32, &'p EspProfile), Problem> {
    let found = profiles.get(id).filter(|(_, profile)| profile.is_visible(&call.scope_tags));
    found.ok_or_else(Problem::not_found)
}

/// The profile to change, if it is still the one that the caller read and the caller may change it.
fn matching<'p>(profiles: &'p Profiles, call: &Call, id: &str) -> Result<(u32, &'p EspProfile), Problem> {
    let (priority, profile) = visible(profiles, call, id)?;
    if profile.is_default() && !call.scope_tags.is_empty() {
        return Err(Problem::forbidden());
    }
    if !is_match(call.request.headers(), &etag(priority, profile)) {
        let title = "The profile was changed since it was read";
        return Err(Problem::new(StatusCode::PRECONDITION_FAILED, title));
    }
    Ok((priority, profile))
}

/// The tag of a profile. It changes with the profile and with its priority.
fn etag(priority: u32, profile: &EspProfile) -> String {
    format!("\"{}.{priority}\"", profile.version)
}

fn is_match(headers: &HeaderMap, etag: &str) -> bool {
    let mut wanted = headers.get_all(IF_MATCH).iter().peekable();
    wanted.peek().is_none()
        || wanted
            .any(|list| list.to_str().is_ok_and(|list| list.split(',').any(|one| ["*", etag].contains(&one.trim()))))
}

fn shown(call: &Call, status: StatusCode, priority: u32, profile: &EspProfile) -> HttpResponse {
    let mut response = answer(status, &json::write(priority, profile, call.tenant.created_at));
    if let Ok(etag) = HeaderValue::try_from(etag(priority, profile)) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

/// The body, which must be an object.
pub(super) fn object(call: &Call) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(call.request.body()) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Problem::bad_request().detail("The body must be an object.")),
        Err(_) => Err(Problem::bad_request().detail("The body is not JSON.")),
    }
}

/// What is wrong with a body, field by field.
pub(super) fn refused(errors: &[FieldError]) -> Problem {
    let first = errors.first().map(|error| format!("{}: {}", error.field, error.problem)).unwrap_or_default();
    let errors = &errors[..errors.len().min(MOST_ERRORS)];
    Problem::bad_request().detail(first).with(json!({"errors": errors}))
}
