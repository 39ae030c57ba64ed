//! A tenant's API tokens: their list, new ones, and revoking them. A token is shown only once, in the answer that makes
//! it; only its hash is kept.

use crate::body::Body;
use crate::query::invalid;
use crate::{Api, Call, store_problem};
use http::StatusCode;
use serde_json::{Value, json};
use vestibule_domain::{TenantId, Timestamp};
use vestibule_platform::credentials::{new_token, token_hash};
use vestibule_platform::problem::{empty, json as answer};
use vestibule_platform::{BoxError, HttpResponse, Problem};
use vestibule_store::{ApiToken, Credential, Role, StoreError, Tenant};

/// The most tokens of a tenant that are made over the API: each request reads them all.
const MOST_TOKENS: usize = 100;
/// The longest name, in characters.
const MOST_CHARS: usize = 100;
/// The most scope tags of a token, and the longest, in characters.
const MOST_TAGS: usize = 20;
const MOST_TAG_CHARS: usize = 256;

/// A new token: what the tenant keeps of it, and the token itself.
///
/// # Errors
/// If the machine gives no random numbers.
pub fn new_api_token(
    now: Timestamp,
    tenant: &TenantId,
    role: Role,
    name: &str,
    scope_tags: Vec<String>,
) -> Result<(ApiToken, String), BoxError> {
    let token = new_token(tenant.as_str())?;
    let sha256 = token_hash(&token);
    let id = sha256.chars().take(12).collect();
    let kept = ApiToken { id, name: name.to_owned(), role, sha256, created_at: now, scope_tags, expires_at: None };
    Ok((kept, token))
}

/// Adds a token to the tenant, once.
pub fn add_token(tenant: &mut Tenant, token: &ApiToken) {
    tenant.tokens.retain(|known| known.sha256 != token.sha256);
    tenant.tokens.push(token.clone());
}

/// A token as it is listed: nothing that signs anybody in.
pub fn token_json(token: &ApiToken) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "createdAt": token.created_at.to_string(),
        "scopeTags": token.scope_tags,
        "expiresAt": token.expires_at.map(|at| at.to_string()),
    })
}

/// Why a change of the tokens is refused.
enum Refused {
    Full,
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::new(StatusCode::CONFLICT, "There is no room for another token")
                .detail(format!("There are {MOST_TOKENS} tokens already; revoke one first.")),
            Refused::Store(error) => store_problem(error),
        }
    }
}

/// What a body asks for: name, role and scope tags.
fn asked(call: &Call) -> Result<(String, Role, Vec<String>), Problem> {
    let body = Body::read(call, &["name", "role", "scopeTags"])?;
    let name = body.line("name", MOST_CHARS)?.ok_or_else(|| invalid("name", "is missing"))?;
    let role = match body.text("role")? {
        Some("reader") => Role::Reader,
        Some("admin") => Role::Admin,
        _ => return Err(invalid("role", "must be reader or admin")),
    };
    let is_tag =
        |tag: &Value| tag.as_str().is_some_and(|tag| !tag.trim().is_empty() && tag.chars().count() <= MOST_TAG_CHARS);
    let tags = match body.member("scopeTags") {
        None => Vec::new(),
        Some(Value::Array(tags)) if tags.len() <= MOST_TAGS && tags.iter().all(is_tag) => {
            tags.iter().filter_map(Value::as_str).map(|tag| tag.trim().to_owned()).collect()
        }
        Some(_) => return Err(invalid("scopeTags", "must be a list of at most 20 texts of 1 to 256 characters")),
    };
    Ok((name, role, tags))
}

impl Api {
    pub(crate) fn list_tokens(call: &Call) -> HttpResponse {
        let own = match &call.credential {
            Credential::Token { sha256 } => Some(sha256),
            Credential::Person { .. } => None,
        };
        let shown = call.tenant.tokens.iter().filter(|token| token.is_good(call.now)).map(|token| {
            let mut shown = token_json(token);
            shown["isCurrent"] = json!(own == Some(&token.sha256));
            shown
        });
        let tokens: Vec<Value> = shown.collect();
        answer(StatusCode::OK, &json!({"asOf": call.now.to_string(), "tokens": tokens}))
    }

    pub(crate) async fn add_token(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let (name, role, tags) = asked(call)?;
        let made = new_api_token(call.now, &call.tenant.id, role, &name, tags);
        let (kept, token) = made.map_err(|error| {
            tracing::error!(%error, "no token could be made");
            Problem::internal()
        })?;
        let added = self.archive.store().change_tenant(&call.tenant.id, |tenant| {
            let others = tenant.tokens.iter().filter(|known| known.sha256 != kept.sha256).count();
            if others >= MOST_TOKENS {
                return Err(Refused::Full);
            }
            add_token(tenant, &kept);
            Ok(())
        });
        added.await?.ok_or_else(Problem::not_found)?;
        let mut shown = token_json(&kept);
        shown["isCurrent"] = json!(false);
        let body = json!({"asOf": call.now.to_string(), "token": shown, "secret": token});
        Ok(answer(StatusCode::CREATED, &body))
    }

    /// Revokes a token, which ends the sessions of browsers that were made from it.
    pub(crate) async fn revoke_token(&self, call: &Call, id: &str) -> Result<HttpResponse, Problem> {
        // The tenant as this request read it: a second try finds the token gone by the first.
        if !call.tenant.tokens.iter().any(|token| token.id == id) {
            return Err(Problem::not_found());
        }
        let revoked = self.archive.store().change_tenant(&call.tenant.id, |tenant| {
            tenant.tokens.retain(|token| token.id != id);
            Ok::<_, StoreError>(())
        });
        revoked.await.map_err(store_problem)?.ok_or_else(Problem::not_found)?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
