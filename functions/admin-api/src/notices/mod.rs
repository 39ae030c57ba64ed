//! Messages to people (docs/MESSAGES.md), for administrators: what is chosen, what goes on, and what was sent.
//!
//! Must stay true: what is secret of a channel is written and never read here, so that no answer can have it, but for the
//! key of a new signed webhook, which is shown once. Nothing is sent from here: the function that sends is asked for a test
//! over the bus. Every change is of a whole channel or rule.

mod channels;
mod read;
mod rules;

use crate::body::Body;
use crate::query::invalid;
use crate::{Api, Call, store_problem};
use http::StatusCode;
use serde_json::{Value, json};
use vestibule_notices::{Channel, Invalid, Policy, Quiet, Rule, To};
use vestibule_platform::problem::json as answer;
use vestibule_platform::{HttpResponse, Problem};
use vestibule_store::SentNotice;

/// How much of the history is shown: so many that were sent, and so many that were given up.
const MOST_SHOWN: usize = 100;

/// A channel as it is shown. Members that are of another kind are null.
fn channel_json(channel: &Channel) -> Value {
    let mut shown = json!({
        "name": channel.name,
        "kind": channel.to.kind(),
        "addedAt": channel.added_at.to_string(),
        "byAdministrator": channel.by_administrator,
        "host": null, "server": null, "port": null, "tls": null, "user": null, "from": null, "to": null,
    });
    match &channel.to {
        To::Teams { host } | To::Slack { host } | To::Webhook { host } => shown["host"] = json!(host),
        To::Email { server, port, tls, user, from, to } => {
            let own = json!({"server": server, "port": port, "tls": tls, "user": user, "from": from, "to": to});
            if let (Some(shown), Value::Object(own)) = (shown.as_object_mut(), own) {
                shown.extend(own);
            }
        }
    }
    shown
}

/// A rule as it is shown.
fn rule_json(rule: &Rule) -> Value {
    json!({
        "name": rule.name,
        "watch": rule.watch,
        "channels": rule.channels,
        "mutedUntil": rule.muted_until.map(|until| until.to_string()),
    })
}

fn policy_json(policy: &Policy) -> Value {
    let Policy { digest_minutes, limit_an_hour, quiet, names, address } = policy;
    json!({
        "digestMinutes": digest_minutes,
        "limitAnHour": limit_an_hour,
        "quiet": quiet.map(|quiet| quiet.to_string()),
        "names": names,
        "address": address,
    })
}

fn sent_json(sent: &SentNotice) -> Value {
    json!({
        "at": sent.at.to_string(),
        "channel": sent.channel,
        "isTest": sent.number.is_none(),
        "text": sent.text,
        "problem": sent.problem,
    })
}

/// The problem of a member that breaks a rule.
fn refused(error: &Invalid) -> Problem {
    invalid(error.field, error.problem)
}

impl Api {
    /// `GET /api/notices`: what is chosen, and what goes on.
    pub(crate) async fn show_notices(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let store = self.archive.store();
        let notices = store.notices(&call.tenant.id).await.map_err(store_problem)?;
        let state = store.notice_state(&call.tenant.id).await.map_err(store_problem)?;
        let standing = state
            .standing()
            .map(|(rule, facts, since)| json!({"rule": rule, "since": since.to_string(), "text": facts.words()}));
        let on_the_way = state.outgoing.iter().map(|one| {
            let at = (one.tries > 0).then(|| one.next_at.to_string());
            json!({"channel": one.channel, "madeAt": one.at.to_string(), "failedTries": one.tries, "nextTryAt": at})
        });
        let body = json!({
            "asOf": call.now.to_string(),
            "channels": notices.channels.iter().map(channel_json).collect::<Vec<_>>(),
            "rules": notices.rules.iter().map(rule_json).collect::<Vec<_>>(),
            "policy": policy_json(&notices.policy),
            "standing": standing.collect::<Vec<_>>(),
            "onTheWay": on_the_way.collect::<Vec<_>>(),
        });
        Ok(answer(StatusCode::OK, &body))
    }

    /// `PATCH /api/notices`: changes when messages go out, and what they say. Members that are not there stay.
    pub(crate) async fn change_notices(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let body = Body::read(call, &["digestMinutes", "limitAnHour", "quiet", "names", "address"])?;
        let digest = read::number(&body, "digestMinutes")?;
        let limit = read::number(&body, "limitAnHour")?;
        let quiet = match body.member("quiet") {
            None => None,
            Some(Value::Null) => Some(None),
            Some(value) => {
                let quiet = value.as_str().and_then(Quiet::read);
                Some(Some(quiet.ok_or_else(|| invalid("quiet", "must be like 22:00-07:00, or null"))?))
            }
        };
        let names = read::flag(&body, "names")?;
        let address = match body.member("address") {
            None => None,
            Some(Value::Null) => Some(None),
            Some(value) => Some(Some(
                read::origin(value)
                    .ok_or_else(|| invalid("address", "must be like https://vestibule.example.com, or null"))?,
            )),
        };
        let change = |notices: &mut vestibule_store::Notices| {
            let mut policy = notices.policy.clone();
            policy.digest_minutes = digest.unwrap_or(policy.digest_minutes);
            policy.limit_an_hour = limit.unwrap_or(policy.limit_an_hour);
            policy.quiet = quiet.unwrap_or(policy.quiet);
            policy.names = names.unwrap_or(policy.names);
            policy.address = address.clone().unwrap_or(policy.address);
            policy.validate()?;
            notices.policy = policy.clone();
            Ok::<_, Invalid>(policy)
        };
        let changed = self.archive.store().change_notices(&call.tenant.id, change).await.map_err(store_problem)?;
        let policy = changed.map_err(|error| refused(&error))?;
        Ok(answer(StatusCode::OK, &json!({"asOf": call.now.to_string(), "policy": policy_json(&policy)})))
    }

    /// `GET /api/notices/history`: what was sent, and what was given up.
    pub(crate) async fn notice_history(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let (store, tenant) = (self.archive.store(), &call.tenant.id);
        let sent = store.sent_notices(tenant, MOST_SHOWN).await.map_err(store_problem)?;
        let given_up = store.dead_notices(tenant, MOST_SHOWN).await.map_err(store_problem)?;
        let body = json!({
            "asOf": call.now.to_string(),
            "sent": sent.iter().map(sent_json).collect::<Vec<_>>(),
            "givenUp": given_up.iter().map(sent_json).collect::<Vec<_>>(),
        });
        Ok(answer(StatusCode::OK, &body))
    }
}
