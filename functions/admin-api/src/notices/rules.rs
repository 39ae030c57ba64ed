//! Rules: adding, replacing, removing and muting one.

use super::read::{Part, lines};
use super::{refused, rule_json};
use crate::body::Body;
use crate::query::invalid;
use crate::{Api, Call, store_problem};
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use vestibule_domain::Millis;
use vestibule_notices::{Bad, Rule, Watch};
use vestibule_platform::problem::{empty, json as answer};
use vestibule_platform::{HttpResponse, Problem};
use vestibule_store::Notices;
use vestibule_webhook::sources::SENDERS;

/// Most rules of a tenant.
const MOST_RULES: usize = 50;
/// The longest that a rule is muted at once, in days.
const MOST_DAYS: u16 = 365;

/// A rule that was not written.
enum Refused {
    Full,
    NoChannel,
}

fn watch(body: &Body) -> Result<Watch, Problem> {
    let part = Part::of(body, "watch")?;
    let kind = part.member("kind").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "stepRate" => {
            part.only(&["kind", "step"])?;
            Ok(Watch::StepRate { step: part.line("step")? })
        }
        "appRate" => {
            part.only(&["kind", "app"])?;
            Ok(Watch::AppRate { app: part.line("app")? })
        }
        "outcomes" => {
            part.only(&["kind", "of", "profiles", "groups"])?;
            let of = lines(&part.named("of"), part.member("of"))?;
            let read: Option<BTreeSet<Bad>> = of.iter().map(|name| Bad::read(name)).collect();
            let known = Bad::ALL.map(|(_, name)| name).join(", ");
            Ok(Watch::Outcomes {
                of: read.ok_or_else(|| invalid(&part.named("of"), &format!("must be of {known}")))?,
                profiles: lines(&part.named("profiles"), part.member("profiles"))?,
                groups: lines(&part.named("groups"), part.member("groups"))?,
            })
        }
        "silent" => {
            part.only(&["kind", "source"])?;
            let source = part.line("source")?;
            let is_known = |name: &String| SENDERS.iter().any(|sender| sender.name == name);
            if source.as_ref().is_none_or(is_known) {
                return Ok(Watch::Silent { source });
            }
            Err(invalid(&part.named("source"), "must be a sender, by its name in addresses"))
        }
        "stuck" => {
            part.only(&["kind", "minutes"])?;
            let minutes = part.member("minutes").and_then(Value::as_u64).and_then(|it| u32::try_from(it).ok());
            let minutes = minutes.ok_or_else(|| invalid(&part.named("minutes"), "must be from 1 to 1440"))?;
            Ok(Watch::Stuck { minutes })
        }
        "fileMade" => part.only(&["kind"]).map(|()| Watch::FileMade),
        "weekly" => part.only(&["kind"]).map(|()| Watch::Weekly),
        _ => Err(invalid(
            &part.named("kind"),
            "must be one of stepRate, appRate, outcomes, silent, stuck, fileMade, weekly",
        )),
    }
}

impl Api {
    /// `PUT /api/notices/rules/{id}`: adds a rule, or replaces the one of this name, which stays muted if it is.
    pub(crate) async fn put_rule(&self, call: &Call, name: &str) -> Result<HttpResponse, Problem> {
        let body = Body::read(call, &["watch", "channels"])?;
        let (watch, channels) = (watch(&body)?, lines("channels", body.member("channels"))?);
        let asked = Rule { name: name.to_owned(), watch, channels, muted_until: None };
        asked.validate().map_err(|error| refused(&error))?;
        let address = self.access.public_url.clone();
        let put = |notices: &mut Notices| {
            if asked.channels.iter().any(|channel| notices.channel(channel).is_none()) {
                return Err(Refused::NoChannel);
            }
            let before = notices.rules.iter().position(|one| one.name == name);
            if before.is_none() && notices.rules.len() >= MOST_RULES {
                return Err(Refused::Full);
            }
            let mut rule = asked.clone();
            // Links are for messages of rules, so the address is first needed with one.
            notices.policy.address = notices.policy.address.take().or_else(|| address.clone());
            match before.and_then(|at| notices.rules.get_mut(at)) {
                Some(before) => {
                    rule.muted_until = before.muted_until;
                    *before = rule.clone();
                }
                None => notices.rules.push(rule.clone()),
            }
            Ok(rule)
        };
        let done = self.archive.store().change_notices(&call.tenant.id, put).await.map_err(store_problem)?;
        let rule = done.map_err(|error| match error {
            Refused::NoChannel => invalid("channels", "must be of the channels that there are"),
            Refused::Full => Problem::new(StatusCode::CONFLICT, "There is no room for another rule")
                .detail(format!("There are {MOST_RULES} rules already; remove one first.")),
        })?;
        Ok(answer(StatusCode::OK, &json!({"asOf": call.now.to_string(), "rule": rule_json(&rule)})))
    }

    /// `DELETE /api/notices/rules/{id}`.
    pub(crate) async fn remove_rule(&self, call: &Call, name: &str) -> Result<HttpResponse, Problem> {
        let store = self.archive.store();
        let notices = store.notices(&call.tenant.id).await.map_err(store_problem)?;
        if !notices.rules.iter().any(|rule| rule.name == name) {
            return Err(Problem::not_found());
        }
        let remove = |notices: &mut Notices| notices.rules.retain(|rule| rule.name != name);
        store.change_notices(&call.tenant.id, remove).await.map_err(store_problem)?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// `POST /api/notices/rules/{id}/mute`: silences a rule for some days; 0 ends that.
    pub(crate) async fn mute_rule(&self, call: &Call, name: &str) -> Result<HttpResponse, Problem> {
        let body = Body::read(call, &["days"])?;
        let days = super::read::number(&body, "days")?.filter(|days| *days <= MOST_DAYS);
        let days = days.ok_or_else(|| invalid("days", "must be from 0 to 365"))?;
        let until = (days > 0).then(|| call.now + Millis::from_days(days.into()));
        let mute = |notices: &mut Notices| {
            notices.rule_mut(name).map(|rule| {
                rule.muted_until = until;
                rule.clone()
            })
        };
        let muted = self.archive.store().change_notices(&call.tenant.id, mute).await.map_err(store_problem)?;
        let rule = muted.ok_or_else(Problem::not_found)?;
        Ok(answer(StatusCode::OK, &json!({"asOf": call.now.to_string(), "rule": rule_json(&rule)})))
    }
}
