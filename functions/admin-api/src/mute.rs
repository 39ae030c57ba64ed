//! The links of messages that silence one rule (docs/MESSAGES.md, N8). Whoever has the link needs no credential.
//!
//! Must stay true: a link can mute its own rule for a week, and nothing else. To open it changes nothing, since programs
//! that look through mail open links; the page has a button. Every link that is not good gets the same answer.

use crate::{Api, store_problem};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::{HeaderValue, Response, StatusCode};
use vestibule_domain::Timestamp;
use vestibule_notices::mute::{MUTES_FOR, Mute};
use vestibule_platform::{HttpResponse, Problem};
use vestibule_words::form::instant;

/// A key that nobody has: a link of a tenant without one takes as long to refuse.
const NO_KEY: &[u8] = b"";

impl Api {
    /// `GET /notices/mute/{token}`: a page with a button.
    pub(crate) async fn show_mute(&self, token: &str, now: Timestamp) -> Result<HttpResponse, Problem> {
        let mute = self.proven(token, now).await?;
        let (rule, tenant) = (&mute.rule, &mute.tenant);
        Ok(page(&format!(
            "<h1>Mute {rule}</h1><p>Messages of the rule {rule} of {tenant} stop for a week. Nothing else changes.</p>\
             <form method=\"post\"><button>Mute for a week</button></form>"
        )))
    }

    /// `POST /notices/mute/{token}`: mutes the rule for a week.
    pub(crate) async fn mute(&self, token: &str, now: Timestamp) -> Result<HttpResponse, Problem> {
        let mute = self.proven(token, now).await?;
        let until = now + MUTES_FOR;
        let change = |notices: &mut vestibule_store::Notices| {
            // Who muted it for longer is not overruled.
            notices.rule_mut(&mute.rule).map(|rule| {
                let until = rule.muted_until.unwrap_or(until).max(until);
                rule.muted_until = Some(until);
                until
            })
        };
        let muted = self.archive.store().change_notices(&mute.tenant, change).await.map_err(store_problem)?;
        let until = muted.ok_or_else(Problem::not_found)?;
        let rule = &mute.rule;
        Ok(page(&format!("<h1>{rule} is muted</h1><p>Nothing is said of it until {}.</p>", instant(until))))
    }

    async fn proven(&self, token: &str, now: Timestamp) -> Result<Mute, Problem> {
        let (mute, signature) = Mute::read(token).ok_or_else(Problem::not_found)?;
        let key = self.archive.store().mute_key(&mute.tenant).await.map_err(store_problem)?;
        let proven = mute.is_good(&signature, key.as_ref().map_or(NO_KEY, |key| key.expose().as_bytes()), now);
        if proven && key.is_some() { Ok(mute) } else { Err(Problem::not_found()) }
    }
}

/// A page of this text. Names of rules and tenants are letters, digits and hyphens.
fn page(text: &str) -> HttpResponse {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>Vestibule</title></head><body><main>{text}</main></body></html>"
    );
    let mut response = Response::new(Bytes::from(html));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    let policy = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, policy),
        // The address is the link.
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
