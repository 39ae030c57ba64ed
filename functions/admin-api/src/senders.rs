//! The secrets of a tenant's senders: new ones with the settings to make in the product, and ending the earlier ones. A
//! secret is shown only once, in the answer that makes it.
//!
//! A sender without a secret of its own signs with the tenant's webhook secret, which all such senders share.

use crate::body::Body;
use crate::query::invalid;
use crate::{Api, Call, store_problem};
use http::StatusCode;
use http::uri::Uri;
use serde_json::{Value, json};
use vestibule_platform::credentials::{new_source_secret, new_webhook_secret};
use vestibule_platform::problem::{empty, json as answer};
use vestibule_platform::{HttpResponse, Problem};
use vestibule_store::{Secret, SourceSecret, StoreError, Tenant};
use vestibule_webhook::proof::Proof;
use vestibule_webhook::sources::{SENDERS, Sender};

/// Most secrets of one sender, and most webhook secrets. Two are needed while one replaces another; many more are a
/// mistake.
const MOST_SECRETS: usize = 5;
/// The longest address, in characters.
const MOST_CHARS: usize = 256;

/// Gives the tenant a new secret of a sender, the newest of its own; the earlier go on working.
pub fn add_source_secret(tenant: &mut Tenant, new: &SourceSecret) {
    let (own, mut others): (Vec<_>, Vec<_>) =
        std::mem::take(&mut tenant.sources).into_iter().partition(|one| one.source == new.source);
    let known = own.into_iter().filter(|one| one != new);
    let own: Vec<SourceSecret> = std::iter::once(new.clone()).chain(known).take(MOST_SECRETS).collect();
    others.splice(0..0, own);
    tenant.sources = others;
}

/// Gives the tenant a new webhook secret; the earlier go on working, unless they are to end.
pub fn add_webhook_secret(tenant: &mut Tenant, new: &Secret, revoke_others: bool) {
    tenant.webhook_secrets.retain(|known| known != new && !revoke_others);
    tenant.webhook_secrets.insert(0, new.clone());
    tenant.webhook_secrets.truncate(MOST_SECRETS);
}

/// The address to give to a sender. It contains the secret if that is the sender's best proof of itself.
pub fn sender_address(base: &str, tenant: &Tenant, source: &Sender, secret: &str) -> String {
    let proof = source.own_proof().unwrap_or(Proof::StandardWebhooks);
    format!("{}{}", base.trim_end_matches('/'), source.path(tenant.id.as_str(), proof, secret))
}

/// How many secrets a sender's requests may prove themselves by.
fn secrets_of(tenant: &Tenant, source: &Sender) -> usize {
    match source.own_proof() {
        Some(_) => tenant.source_secrets(source.name).count(),
        None => tenant.webhook_secrets.len(),
    }
}

/// All senders that there can be, for whoever sets one up.
pub(crate) fn offered(tenant: &Tenant) -> Vec<Value> {
    let shown = |source: &&'static Sender| {
        json!({
            "source": source.name,
            "title": source.title,
            "ownSecret": source.own_proof().is_some(),
            "secrets": secrets_of(tenant, source),
            "files": !source.files.is_empty(),
        })
    };
    SENDERS.iter().map(shown).collect()
}

/// The address at which a body says that senders reach this server.
fn base(body: &Body) -> Result<String, Problem> {
    let wrong = || invalid("url", "must be an address like https://vestibule.example");
    let given = body.line("url", MOST_CHARS)?.ok_or_else(|| invalid("url", "is missing"))?;
    let uri: Uri = given.parse().map_err(|_| wrong())?;
    let is_web = matches!(uri.scheme_str(), Some("https" | "http"));
    let is_bare = uri.query().is_none() && !given.contains(['#', '"', '\'', '{', '}', '@']);
    (is_web && is_bare && uri.authority().is_some()).then_some(given).ok_or_else(wrong)
}

impl Api {
    /// Makes a new secret of a sender, and the settings to make in it. Earlier ones go on working.
    pub(crate) async fn add_sender_secret(&self, call: &Call, name: &str) -> Result<HttpResponse, Problem> {
        let source = Sender::named(name).ok_or_else(Problem::not_found)?;
        let given = base(&Body::read(call, &["url"])?)?;
        // Where webhooks have addresses of their own, whoever asks knows only that of the page.
        let base = self.access.hooks.of(source.function()).unwrap_or(&given);
        let made = if source.own_proof().is_some() { new_source_secret() } else { new_webhook_secret() };
        let secret = made.map_err(|error| {
            tracing::error!(%error, "no secret could be made");
            Problem::internal()
        })?;
        let kept = Secret::new(secret.clone());
        let new = SourceSecret { source: source.name.to_owned(), secret: kept.clone(), created_at: call.now };
        let changed = self.archive.store().change_tenant(&call.tenant.id, |tenant| {
            match source.own_proof() {
                Some(_) => add_source_secret(tenant, &new),
                None => add_webhook_secret(tenant, &kept, false),
            }
            Ok::<_, StoreError>(())
        });
        let (tenant, ()) = changed.await.map_err(store_problem)?.ok_or_else(Problem::not_found)?;
        let url = sender_address(base, &tenant, source, &secret);
        let body = json!({
            "asOf": call.now.to_string(),
            "source": source.name,
            "title": source.title,
            "url": url,
            "secret": secret,
            "settings": source.settings(&url, &secret),
            "secrets": secrets_of(&tenant, source),
        });
        Ok(answer(StatusCode::CREATED, &body))
    }

    /// Ends a sender's secrets: all of its own, or with `earlier` all but the newest.
    pub(crate) async fn end_sender_secrets(&self, call: &Call, name: &str) -> Result<HttpResponse, Problem> {
        let source = Sender::named(name).ok_or_else(Problem::not_found)?;
        let keeps_newest = call.query.get("earlier").is_some_and(|value| value == "true");
        if source.own_proof().is_none() && !keeps_newest {
            return Err(Problem::new(StatusCode::CONFLICT, "The webhook secret is of all senders that sign")
                .detail("Make a new one, and end the earlier ones with earlier=true."));
        }
        let changed = self.archive.store().change_tenant(&call.tenant.id, |tenant| {
            match source.own_proof() {
                None => tenant.webhook_secrets.truncate(1),
                Some(_) => {
                    let mut own = 0;
                    tenant.sources.retain(|one| {
                        own += usize::from(one.source == source.name);
                        one.source != source.name || (keeps_newest && own == 1)
                    });
                }
            }
            Ok::<_, StoreError>(())
        });
        changed.await.map_err(store_problem)?.ok_or_else(Problem::not_found)?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
