//! Channels: adding, replacing, removing and trying one.
//!
//! Must stay true: a password goes to the server that it was given for, and to no other. So it stays only while server, port
//! and user stay.

use super::{channel_json, read, refused};
use crate::body::Body;
use crate::query::invalid;
use crate::{Api, Call, store_problem};
use http::StatusCode;
use serde_json::json;
use vestibule_domain::message::TestRequest;
use vestibule_notices::{Channel, Keys, To, host_of};
use vestibule_platform::bus::{NOTICE_TEST_REQUESTED, Outgoing};
use vestibule_platform::credentials::new_webhook_secret;
use vestibule_platform::problem::{empty, json as answer};
use vestibule_platform::{HttpResponse, Problem};
use vestibule_store::Notices;

/// Most channels of a tenant.
const MOST_CHANNELS: usize = 20;
/// The port of a mail server that is not named: TLS from the first byte.
const SUBMISSIONS: u16 = 465;
/// Longest secret, in characters.
const MOST_SECRET: usize = 2_000;

/// What a body asks for: the channel, and what is secret of it if that is new.
fn asked(call: &Call, name: &str, before: Option<&Channel>) -> Result<(Channel, Option<Keys>), Problem> {
    let known = ["kind", "url", "server", "port", "tls", "user", "password", "from", "to"];
    let body = Body::read(call, &known)?;
    let kind = body.text("kind")?.unwrap_or_default().to_owned();
    let of_kind: &[&str] = if kind == "email" { &known[2..] } else { &known[1..2] };
    let stray = known[1..].iter().find(|name| body.member(name).is_some() && !of_kind.contains(name));
    let (to, keys) = match kind.as_str() {
        "email" => email(&body, before)?,
        "teams" | "slack" | "webhook" => posted(&body, &kind)?,
        _ => return Err(invalid("kind", "must be one of email, teams, slack, webhook")),
    };
    if let Some(stray) = stray {
        return Err(invalid(stray, "is of another kind of channel"));
    }
    let channel = Channel { name: name.to_owned(), to, added_at: call.now, by_administrator: true };
    channel.validate().map_err(|error| refused(&error))?;
    Ok((channel, keys))
}

fn secret(body: &Body, name: &str) -> Result<Option<String>, Problem> {
    let Some(text) = body.text(name)? else { return Ok(None) };
    let fits = !text.is_empty() && text.chars().count() <= MOST_SECRET && !text.chars().any(char::is_control);
    fits.then(|| Some(text.to_owned())).ok_or_else(|| invalid(name, "must be one line"))
}

fn email(body: &Body, before: Option<&Channel>) -> Result<(To, Option<Keys>), Problem> {
    let required = |name| body.line(name, 254)?.ok_or_else(|| invalid(name, "is missing"));
    let (server, from) = (required("server")?, required("from")?);
    let port = read::number(body, "port")?.unwrap_or(SUBMISSIONS);
    if port == 0 {
        return Err(invalid("port", "must be from 1 to 65535"));
    }
    let tls = read::flag(body, "tls")?.unwrap_or(true);
    let user = body.line("user", 254)?;
    let to = read::lines("to", body.member("to"))?.into_iter().collect();
    let password = secret(body, "password")?;
    let stays = before.is_some_and(|before| match &before.to {
        To::Email { server: old, port: at, tls: by, user: who, .. } => {
            (old, *at, *by, who) == (&server, port, tls, &user)
        }
        _ => false,
    });
    let keys = match (&user, password) {
        (None, Some(_)) => return Err(invalid("user", "is missing: a password is somebody's")),
        (Some(_), None) if stays => None,
        (Some(_), None) => return Err(invalid("password", "is missing")),
        (_, password) => Some(Keys { password, ..Keys::default() }),
    };
    Ok((To::Email { server, port, tls, user, from, to }, keys))
}

fn posted(body: &Body, kind: &str) -> Result<(To, Option<Keys>), Problem> {
    let url = secret(body, "url")?.ok_or_else(|| invalid("url", "is missing"))?;
    let host = host_of(&url).map_err(|error| refused(&error))?;
    let mut keys = Keys { url: Some(url), ..Keys::default() };
    let to = match kind {
        "teams" => To::Teams { host },
        "slack" => To::Slack { host },
        _ => {
            keys.signing = Some(new_webhook_secret().map_err(|error| {
                tracing::error!(%error, "no key could be made");
                Problem::internal()
            })?);
            To::Webhook { host }
        }
    };
    Ok((to, Some(keys)))
}

impl Api {
    /// `PUT /api/notices/channels/{id}`: adds a channel, or replaces the one of this name.
    pub(crate) async fn put_channel(&self, call: &Call, name: &str) -> Result<HttpResponse, Problem> {
        let (store, tenant) = (self.archive.store(), &call.tenant.id);
        let before = store.notices(tenant).await.map_err(store_problem)?;
        let (channel, keys) = asked(call, name, before.channel(name))?;
        let is_full = |notices: &Notices| notices.channel(name).is_none() && notices.channels.len() >= MOST_CHANNELS;
        let full = || {
            Problem::new(StatusCode::CONFLICT, "There is no room for another channel")
                .detail(format!("There are {MOST_CHANNELS} channels already; remove one first."))
        };
        if is_full(&before) {
            return Err(full());
        }
        let to = before.channel(name).map(|before| &before.to);
        // What is secret comes first, so that nothing is sent to a new server with an old password.
        if let Some(keys) = &keys {
            store.set_channel_keys(tenant, name, keys).await.map_err(store_problem)?;
        }
        let put = |notices: &mut Notices| {
            if is_full(notices) {
                return Err(true);
            }
            // Somebody else replaced it meanwhile, and the password that stays may be another server's.
            if keys.is_none() && notices.channel(name).map(|one| &one.to) != to {
                return Err(false);
            }
            notices.channels.retain(|one| one.name != name);
            notices.channels.push(channel.clone());
            Ok(())
        };
        let done = store.change_notices(tenant, put).await.map_err(store_problem)?;
        done.map_err(|is_full| match is_full {
            true => full(),
            false => Problem::new(StatusCode::CONFLICT, "The channel was changed by somebody else meanwhile"),
        })?;
        let signing = keys.and_then(|keys| keys.signing);
        let body = json!({
            "asOf": call.now.to_string(),
            "channel": channel_json(&channel),
            "signingKey": signing,
        });
        Ok(answer(StatusCode::OK, &body))
    }

    /// `DELETE /api/notices/channels/{id}`: removes a channel and what is secret of it. Rules go on without it.
    pub(crate) async fn remove_channel(&self, call: &Call, name: &str) -> Result<HttpResponse, Problem> {
        let store = self.archive.store();
        let notices = store.notices(&call.tenant.id).await.map_err(store_problem)?;
        if notices.channel(name).is_none() {
            return Err(Problem::not_found());
        }
        store.remove_channel(&call.tenant.id, name).await.map_err(store_problem)?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// `POST /api/notices/channels/{id}/test`: asks for a message that is marked as a test. The history says what came of it.
    pub(crate) async fn test_channel(&self, call: &Call, name: &str) -> Result<HttpResponse, Problem> {
        let notices = self.archive.store().notices(&call.tenant.id).await.map_err(store_problem)?;
        let channel = notices.channel(name).ok_or_else(Problem::not_found)?.name.clone();
        let requested_at = call.now.to_string();
        let request = TestRequest { tenant: call.tenant.id.clone(), channel, requested_at: requested_at.clone() };
        let detail = serde_json::to_string(&request).map_err(|_| Problem::internal())?;
        let event = Outgoing { detail_type: NOTICE_TEST_REQUESTED, detail };
        self.bus.put(&[event]).await.map_err(|error| {
            tracing::error!(%error, "no test message could be asked for");
            Problem::unavailable()
        })?;
        let body = json!({"asOf": requested_at, "channel": name, "requestedAt": requested_at});
        Ok(answer(StatusCode::ACCEPTED, &body))
    }
}
