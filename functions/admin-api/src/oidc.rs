//! Verifies the tokens of people who signed in at the deployment's OpenID Connect issuer.
//!
//! A token is a JWT of that issuer, for that audience, signed with one of the keys that the issuer publishes, and not
//! expired. Its roles claim lists `TENANT:admin` or `TENANT:reader`. The first valid entry counts, so a person has one
//! tenant at a time. Symmetric algorithms are never accepted, since anybody could then sign with a published key.

mod keys;

use self::keys::Keys;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use vestibule_domain::{TenantId, Timestamp};
use vestibule_platform::{BoxError, Clock, Oidc, Problem};
use vestibule_store::Role;

const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
];

/// The issuer, with what it publishes.
#[derive(Clone)]
pub(crate) struct Issuer {
    settings: Arc<Oidc>,
    keys: Keys,
}

/// Reads what an issuer publishes, as for the first token of a person; nothing is kept.
///
/// # Errors
/// If it cannot be read within some seconds, or publishes no keys.
pub async fn check_issuer(settings: &Oidc) -> Result<(), BoxError> {
    Keys::new(settings.issuer.clone(), Clock::system())?.check().await
}

/// A person whose token is valid.
pub(crate) struct Person {
    pub tenant: TenantId,
    pub role: Role,
    pub subject: String,
    /// When the token ends.
    pub ends_at: Timestamp,
    /// The key that signed it, if it names one.
    pub key_id: Option<String>,
}

impl Issuer {
    /// The issuer of a deployment.
    ///
    /// # Errors
    /// If its address is neither https nor on this machine, or the machine has no trusted roots.
    pub(crate) fn new(settings: Oidc, clock: Clock) -> Result<Self, BoxError> {
        let keys = Keys::new(settings.issuer.clone(), clock)?;
        Ok(Self { settings: Arc::new(settings), keys })
    }

    /// The origin to which the page posts the code that people come back with, if it is known.
    pub(crate) async fn token_origin(&self, now: Timestamp) -> Option<String> {
        self.keys.token_origin(now).await
    }

    /// By what a token is believed here: another configuration believes other tokens.
    pub(crate) fn trusted_as(&self) -> String {
        let Oidc { issuer, audience, roles_claim, .. } = &*self.settings;
        format!("{issuer} {audience} {roles_claim}")
    }

    /// Whether a token that was believed as `trusted_as`, and signed by that key, still would be.
    ///
    /// # Errors
    /// If the issuer's keys can't be read.
    pub(crate) async fn still_trusts(
        &self,
        trusted_as: &str,
        key_id: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        Ok(trusted_as == self.trusted_as() && self.keys.key(key_id, now).await?.is_some())
    }

    /// The person of a token; `None` if the token is invalid.
    ///
    /// # Errors
    /// If the issuer's keys can't be read.
    pub(crate) async fn verify(&self, token: &str, now: Timestamp) -> Result<Option<Person>, Problem> {
        let Ok(header) = decode_header(token) else { return Ok(None) };
        let Some(algorithm) = ALGORITHMS.into_iter().find(|known| *known == header.alg) else { return Ok(None) };
        let Some(key) = self.keys.key(header.kid.as_deref(), now).await? else { return Ok(None) };
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        let Ok(decoded) = decode::<Value>(token, &key, &validation) else { return Ok(None) };
        let roles = &decoded.claims[self.settings.roles_claim.as_str()];
        let roles = roles.as_array().cloned().unwrap_or_else(|| vec![roles.clone()]);
        let found = roles.iter().filter_map(Value::as_str).find_map(role);
        let subject = decoded.claims["sub"].as_str().unwrap_or_default().to_owned();
        // It may have a fraction.
        let ends = decoded.claims["exp"].as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let ends = ends.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        let (ends_at, key_id) = (Timestamp::from_millis(ends), header.kid);
        Ok(found.map(|(tenant, role)| Person { tenant, role, subject, ends_at, key_id }))
    }
}

/// What an entry of the roles claim allows.
fn role(text: &str) -> Option<(TenantId, Role)> {
    let (tenant, role) = text.rsplit_once(':')?;
    let role = match role {
        "admin" => Role::Admin,
        "reader" => Role::Reader,
        _ => return None,
    };
    Some((TenantId::parse(tenant).ok()?, role))
}
