//! Erasing persons and devices, the list of erasures, and what is kept about somebody (docs/ERASURE.md).
//!
//! A request searches for whom to erase as long as it may take. A search that needs longer is written down, and whoever
//! ends erasures goes on with it: the answer says that nobody knows yet how much it is.

use crate::query::invalid;
use crate::{Api, Call, store_problem};
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;
use vestibule_domain::web_enrollment::{WebStep, WebSteps};
use vestibule_domain::{Millis, Timestamp, fold};
use vestibule_platform::credentials::random;
use vestibule_platform::problem::json as answer;
use vestibule_platform::{HttpResponse, Problem};
use vestibule_store::{
    Asked, Begun, Credential, Erasing, Kept, KeptAbout, LookBudget, OlderFiles, Search, StoreError, Subject, Tenant,
    UnderWay,
};

/// Longest name of a person or a device.
const MOST_BYTES: usize = 512;
/// Most erasures listed.
const MOST_LISTED: usize = 500;

/// How long a request searches where nothing says how long it may take: proxies wait for a minute.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is left of an invocation for what follows a search that has ended.
const TO_ERASE: Duration = Duration::from_secs(8);
/// The members of a record that a search finds out.
const COUNTS: [&str; 5] = ["enrollments", "shared", "events", "webEnrollmentDays", "unreadable"];

/// The time that a request has until its invocation ends.
#[derive(Clone, Copy)]
pub(crate) struct TimeLeft(pub Duration);

/// The person or device of a request; else the member that is wrong, and why.
fn subject(user: Option<&str>, device: Option<&str>) -> Result<Subject, (&'static str, &'static str)> {
    let fits = |text: &str| !text.trim().is_empty() && text.len() <= MOST_BYTES;
    match (user, device) {
        (Some(user), None) if fits(user) => Ok(Subject::User(user.to_owned())),
        (None, Some(device)) if fits(device) => Ok(Subject::Device(device.to_owned())),
        (Some(_), None) => Err(("user", "must have 1 to 512 characters")),
        (None, Some(_)) => Err(("device", "must have 1 to 512 characters")),
        (Some(_), Some(_)) => Err(("device", "give either user or device")),
        (None, None) => Err(("user", "give either user, an address or id, or device, an identifier")),
    }
}

/// What a body asks to erase.
fn asked(body: &Value) -> Result<(Subject, OlderFiles), (&'static str, &'static str)> {
    let Value::Object(members) = body else { return Err(("body", "must be an object")) };
    if members.keys().any(|name| !["user", "device", "olderFiles"].contains(&name.as_str())) {
        return Err(("body", "has a member that is none of user, device and olderFiles"));
    }
    let text = |name: &'static str| match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err((name, "must be a text")),
    };
    let older_files = match text("olderFiles")? {
        None | Some("rebuild") => OlderFiles::Rebuild,
        Some("remove") => OlderFiles::Remove,
        Some(_) => return Err(("olderFiles", "must be rebuild or remove")),
    };
    Ok((subject(text("user")?, text("device")?)?, older_files))
}

impl Api {
    pub(crate) async fn erase(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let body: Value = serde_json::from_slice(call.request.body())
            .map_err(|_| Problem::bad_request().detail("The body is not JSON."))?;
        let (subject, older_files) = asked(&body).map_err(|(field, problem)| invalid(field, problem))?;
        let store = self.archive.store();
        let id: String = random::<8>()
            .map_err(|error| {
                tracing::error!(%error, "no id for an erasure");
                Problem::internal()
            })?
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let by = asker(call);
        let left = call.request.extensions().get::<TimeLeft>();
        let within = left.map_or(PATIENCE, |left| left.0.saturating_sub(TO_ERASE));
        let until = call.now + Millis::new(i64::try_from(within.as_millis()).unwrap_or(i64::MAX));
        let has_time = || Timestamp::from_millis(self.clock.now_millis()) < until;
        let mut budget = LookBudget::new(self.searches, &has_time);
        let of = (id.as_str(), by.as_str());
        let begun = store.erase_within(&call.tenant, &subject, older_files, of, &mut budget, call.now).await;
        let begun = begun.map_err(|error| match error {
            error @ StoreError::Older { .. } => {
                Problem::new(StatusCode::CONFLICT, "Nobody can be erased yet").detail(format!("{error}."))
            }
            error => store_problem(error),
        })?;
        let erased = match begun {
            Begun::Erased(erased) => erased,
            Begun::Searching(asked) => {
                let erasure = shown_without_counts(&asked)?;
                let body =
                    json!({"asOf": call.now.to_string(), "erasure": erasure, "searching": true, "sharedIds": null});
                return Ok(answer(StatusCode::ACCEPTED, &body));
            }
        };
        let is_ours = |one: &Erasing| one.tenant == call.tenant.id && one.id() == id;
        for erasing in store.erasings().await.map_err(store_problem)?.iter().filter(|one| is_ours(one)) {
            if !store.end_erasing_without_files(erasing, call.now).await.map_err(store_problem)? {
                // A file that is being made may still have them, so another must follow it.
                self.request_export(call, true).await?;
            }
        }
        let erasure = shown(&erased.record)?;
        let shared_ids = erased.shared_ids;
        let body =
            json!({"asOf": call.now.to_string(), "erasure": erasure, "searching": false, "sharedIds": shared_ids});
        Ok(answer(StatusCode::ACCEPTED, &body))
    }

    pub(crate) async fn list_erasures(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let store = self.archive.store();
        // In this order: an erasure that ends meanwhile is in the records, if it is no more under way.
        let UnderWay { erasings, searches, .. } = store.erasures_under_way(call.now).await.map_err(store_problem)?;
        let open: Vec<_> = erasings.iter().filter(|one| one.tenant == call.tenant.id).collect();
        let mut records = store.erasures(&call.tenant.id, MOST_LISTED).await.map_err(store_problem)?;
        let written: HashSet<String> = records.iter().map(|record| record.id.clone()).collect();
        // Those whose record follows.
        records.extend(open.iter().filter_map(|one| one.record()).filter(|one| !written.contains(&one.id)).cloned());
        let is_open =
            |id: &str| open.iter().any(|one| one.id() == id) || searches.iter().any(|search| search.asked().id == id);
        let mut erasures = Vec::with_capacity(records.len());
        for record in &records {
            let shown = json!({"erasure": shown(record)?, "searching": false, "ended": !is_open(&record.id)});
            erasures.push(((record.at, record.id.clone()), shown));
        }
        let is_ours = |one: &&Search| *one.tenant() == call.tenant.id && !written.contains(&one.asked().id);
        for asked in searches.iter().filter(is_ours).map(Search::asked) {
            let shown = json!({"erasure": shown_without_counts(asked)?, "searching": true, "ended": false});
            erasures.push(((asked.at, asked.id.clone()), shown));
        }
        erasures.sort_by(|(one, _), (other, _)| other.cmp(one));
        let erasures: Vec<Value> = erasures.into_iter().take(MOST_LISTED).map(|(_, shown)| shown).collect();
        Ok(answer(StatusCode::OK, &json!({"asOf": call.now.to_string(), "erasures": erasures})))
    }

    pub(crate) async fn export_person(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let text = |name: &str| call.query.get(name).map(String::as_str);
        let subject = subject(text("user"), text("device")).map_err(|(field, problem)| invalid(field, problem))?;
        let kept = self.archive.store().kept_about(&call.tenant, &subject, call.now).await.map_err(store_problem)?;
        Ok(answer(StatusCode::OK, &kept_about(&call.tenant, &kept, call.now)))
    }
}

/// Who asks: the id of the token, or the directory's id of the person who signed in.
fn asker(call: &Call) -> String {
    match &call.credential {
        Credential::Person { subject, .. } => subject.clone(),
        Credential::Token { sha256 } => {
            let token = call.tenant.tokens.iter().find(|token| token.sha256 == *sha256);
            token.map(|token| token.id.clone()).unwrap_or_default()
        }
    }
}

/// A record as the API shows it: instants are texts.
fn shown(record: &vestibule_store::ErasureRecord) -> Result<Value, Problem> {
    let mut shown = serde_json::to_value(record).map_err(|_| Problem::internal())?;
    shown["at"] = json!(record.at.to_string());
    Ok(shown)
}

/// What was asked, as the API shows it as long as nobody knows how much it is.
fn shown_without_counts(asked: &Asked) -> Result<Value, Problem> {
    let mut shown = serde_json::to_value(asked).map_err(|_| Problem::internal())?;
    shown["at"] = json!(asked.at.to_string());
    for count in COUNTS {
        shown[count] = Value::Null;
    }
    Ok(shown)
}

/// What is kept about somebody, for reading by people and by programs.
pub fn kept_about(tenant: &Tenant, kept: &KeptAbout, now: Timestamp) -> Value {
    let devices: Vec<Value> = kept.devices.iter().map(|one| device(tenant, one, now)).collect();
    let web: Vec<Value> = kept
        .web_enrollment
        .iter()
        .map(|(day, platform, set)| {
            let steps = WebStep::ALL.iter().filter(|step| set.has(WebSteps::of(**step, false)));
            let steps: Vec<&str> = steps.map(|step| step.name()).collect();
            json!({"day": day.to_string(), "platform": platform.name(), "steps": steps})
        })
        .collect();
    json!({"asOf": now.to_string(), "devices": devices, "webEnrollment": web, "sharedIds": kept.shared_ids})
}

fn device(tenant: &Tenant, kept: &Kept, now: Timestamp) -> Value {
    let events = kept.history.ordered(Timestamp::MAX);
    let events = events.into_iter().map(|event| {
        json!({
            "source": event.key.source,
            "id": event.key.id,
            "time": event.time.to_string(),
            "receivedAt": event.received_at.to_string(),
            "about": event.about,
            "reported": event.body,
            "tags": event.tags(),
        })
    });
    let events: Vec<Value> = events.collect();
    let enrollment = fold(&tenant.id, &kept.history, &tenant.settings, now);
    let attempts = enrollment.attempts.iter().map(|attempt| {
        json!({
            "attemptId": attempt.id.to_string(),
            "startedAt": attempt.started_at.to_string(),
            "endedAt": attempt.ended_at.map(|at| at.to_string()),
            "outcome": attempt.outcome.name(),
        })
    });
    let known = kept.history.bases_about().map(|about| json!({"about": about, "reported": "dropped by retention"}));
    json!({
        "identifiers": kept.history.identifiers(),
        "whole": kept.whole,
        "tags": enrollment.tags,
        "events": known.chain(events).collect::<Vec<_>>(),
        "attempts": attempts.collect::<Vec<_>>(),
    })
}
