//! Signing in with a code that works once, and signing out.
//!
//! An operator makes a code (`vestibule token link`), and it is exchanged for a token that expires. So a link can be
//! passed on although no token is ever part of an address. The page exchanges that token for a session (`browser`).
//!
//! Must stay true: of all who use a code at the same time, exactly one gets a token, and that caller receives it even
//! if the table's answer to the write was lost.

use crate::query::invalid;
use crate::{Api, Call, store_problem};
use http::StatusCode;
use serde_json::{Value, json};
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_platform::credentials::{code_tenant, new_token, same_hash, token_hash};
use vestibule_platform::problem::json as answer;
use vestibule_platform::{HttpRequest, HttpResponse, Problem};
use vestibule_store::{ApiToken, Credential, Role, SignInCode, StoreError};

/// How long a token from signing in is valid.
const SESSION: Millis = Millis::from_minutes(12 * 60);
/// The name of a token from signing in.
const NAME: &str = "signed in";
/// How often signing in is tried when other changes of the tenant conflict with it.
const TRIES: usize = 5;

impl Api {
    /// `POST /api/session`: exchanges a code for a token. It needs no other credential.
    pub(crate) async fn sign_in(&self, request: &HttpRequest, now: Timestamp) -> Result<HttpResponse, Problem> {
        let code = read_code(request.body())?;
        let id = code_tenant(&code).and_then(|id| TenantId::parse(id).ok()).ok_or_else(Problem::unauthorized)?;
        let hash = token_hash(&code);
        // All tries use one token. Only this caller has it, so finding it in the tenant proves who used the code.
        let token = new_token(id.as_str()).map_err(|error| {
            tracing::error!(%error, "no token could be made");
            Problem::internal()
        })?;
        let sha256 = token_hash(&token);
        for _ in 0..TRIES {
            let tenant = self.archive.store().tenant(&id).await.map_err(store_problem)?;
            let mut tenant = tenant.ok_or_else(Problem::unauthorized)?;
            // An earlier try stored it, but the answer was lost. Others may have changed the tenant since.
            let given = tenant.tokens.iter().find(|given| given.sha256 == sha256);
            if let Some(ApiToken { role, expires_at: Some(end), .. }) = given {
                return Ok(signed_in(&token, &id, *role, *end));
            }
            let code = take(&mut tenant.sign_in_codes, &hash, now).ok_or_else(Problem::unauthorized)?;
            tenant.tokens.retain(|token| token.is_good(now));
            let expires_at = now + SESSION;
            tenant.tokens.push(ApiToken {
                id: sha256.chars().take(12).collect(),
                name: NAME.to_owned(),
                role: code.role,
                sha256: sha256.clone(),
                created_at: now,
                scope_tags: Vec::new(),
                expires_at: Some(expires_at),
            });
            match self.archive.store().update_tenant(&mut tenant).await {
                Ok(()) => return Ok(signed_in(&token, &id, code.role, expires_at)),
                // It is unknown whether it was written. Reading the tenant again shows it.
                Err(StoreError::Conflict | StoreError::Unavailable(_)) => {}
                Err(error) => return Err(store_problem(error)),
            }
        }
        Err(Problem::unavailable())
    }

    /// `DELETE /api/session`: ends the session of the browser, or with `everywhere` all sessions of the credential, and
    /// revokes a token from signing in, which ends what was made from it. A token that an operator made stays.
    pub(crate) async fn sign_out(&self, call: &Call) -> Result<HttpResponse, Problem> {
        if let Credential::Token { sha256 } = &call.credential {
            let store = self.archive.store();
            let revoked = store.change_tenant(&call.tenant.id, |tenant| {
                tenant.tokens.retain(|token| token.sha256 != *sha256 || token.expires_at.is_none());
                Ok::<_, StoreError>(())
            });
            revoked.await.map_err(store_problem)?;
        }
        let everywhere = call.query.get("everywhere").is_some_and(|value| value == "true");
        self.end_sessions(call, everywhere).await?;
        Ok(self.ended(call))
    }
}

fn signed_in(token: &str, tenant: &TenantId, role: Role, expires_at: Timestamp) -> HttpResponse {
    let body = json!({"token": token, "tenant": tenant, "role": role, "expiresAt": expires_at.to_string()});
    answer(StatusCode::OK, &body)
}

/// Removes the code with this hash, if it exists and is still valid. Expired codes and tokens are removed as well.
fn take(codes: &mut Vec<SignInCode>, hash: &str, now: Timestamp) -> Option<SignInCode> {
    codes.retain(|code| now < code.expires_at);
    // Every code is compared, so that the time taken does not reveal which one was similar.
    let mut found = None;
    for (at, code) in codes.iter().enumerate() {
        if same_hash(&code.sha256, hash) {
            found = Some(at);
        }
    }
    found.map(|at| codes.remove(at))
}

/// The code of a body, which must have no other member.
fn read_code(body: &[u8]) -> Result<String, Problem> {
    let body: Value =
        serde_json::from_slice(body).map_err(|_| Problem::bad_request().detail("The body is not JSON."))?;
    match body.as_object().map(|members| (members.get("code"), members.len())) {
        Some((Some(Value::String(code)), 1)) => Ok(code.clone()),
        Some((Some(Value::String(_)), _)) => Err(invalid("body", "has other members than code")),
        Some(_) => Err(invalid("code", "must be a string")),
        None => Err(invalid("body", "must be an object")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_code_works_once_and_until_it_expires() {
        let at = |seconds: i64| Timestamp::from_millis(1_000 * seconds);
        let code =
            |text: &str, until| SignInCode { sha256: token_hash(text), role: Role::Reader, expires_at: at(until) };
        let mut codes = vec![code("one", 900), code("two", 900), code("old", 60)];
        assert_eq!(take(&mut codes, &token_hash("other"), at(59)), None);
        assert_eq!((take(&mut codes, &token_hash("old"), at(60)), codes.len()), (None, 2));
        assert_eq!(take(&mut codes, &token_hash("one"), at(899)), Some(code("one", 900)));
        assert_eq!(take(&mut codes, &token_hash("one"), at(899)), None);
        assert_eq!((take(&mut codes, &token_hash("two"), at(900)), codes.len()), (None, 0));
    }
}
