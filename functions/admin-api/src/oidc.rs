//! Verifies the tokens of people who signed in at the deployment's OpenID Connect issuer.
//!
//! A token is a JWT of that issuer, for that audience, signed with one of the keys that the issuer publishes, and not
//! expired. Its roles claim lists `TENANT:admin` or `TENANT:reader`. The first valid entry counts, so a person has one
//! tenant at a time. Symmetric algorithms are never accepted, since anybody could then sign with a published key.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_platform::{BoxError, Oidc, Problem};
use vestibule_store::Role;

/// Longest answer that is read as a key set.
const MAX_BYTES: usize = 256 << 10;
/// How long a request to the issuer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Keys are read again when a token names an unknown key, but no more often than this.
const NEW_KEYS_AFTER: Millis = Millis::from_seconds(60);
/// Keys are always read again after this time, so that a withdrawn key does not stay valid for ever.
const OLD_KEYS_AFTER: Millis = Millis::from_minutes(60);

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

/// The issuer, with its keys as they were last read.
#[derive(Clone)]
pub(crate) struct Issuer {
    settings: Arc<Oidc>,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    keys: Arc<Mutex<Option<(Timestamp, JwkSet)>>>,
}

/// A person whose token is valid.
pub(crate) struct Person {
    pub tenant: TenantId,
    pub role: Role,
    pub subject: String,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Issuer {
    /// The issuer of a deployment.
    ///
    /// # Errors
    /// If its address is neither https nor on this machine, or the machine has no trusted roots.
    pub(crate) fn new(settings: Oidc) -> Result<Self, BoxError> {
        let local = ["http://127.0.0.1:", "http://localhost:"];
        if !settings.issuer.starts_with("https://") && !local.iter().any(|local| settings.issuer.starts_with(local)) {
            return Err("OIDC_ISSUER must be an https address".into());
        }
        let tls = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider())?;
        let client = Client::builder(TokioExecutor::new()).build(tls.https_or_http().enable_http1().build());
        Ok(Self { settings: Arc::new(settings), client, keys: Arc::default() })
    }

    /// The person of a token; `None` if the token is invalid.
    ///
    /// # Errors
    /// If the issuer's keys can't be read.
    pub(crate) async fn verify(&self, token: &str, now: Timestamp) -> Result<Option<Person>, Problem> {
        let Ok(header) = decode_header(token) else { return Ok(None) };
        let Some(algorithm) = ALGORITHMS.into_iter().find(|known| *known == header.alg) else { return Ok(None) };
        let Some(key) = self.key(header.kid.as_deref(), now).await? else { return Ok(None) };
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
        Ok(found.map(|(tenant, role)| Person { tenant, role, subject }))
    }

    async fn key(&self, id: Option<&str>, now: Timestamp) -> Result<Option<DecodingKey>, Problem> {
        let mut keys = self.keys.lock().await;
        let find = |set: &JwkSet| {
            let jwk = match id {
                Some(id) => set.find(id),
                None => set.keys.first().filter(|_| set.keys.len() == 1),
            };
            jwk.and_then(|jwk| DecodingKey::from_jwk(jwk).ok())
        };
        if let Some((read_at, set)) = keys.as_ref() {
            let found = find(set);
            let age = now - *read_at;
            let is_new = age.get().abs() < NEW_KEYS_AFTER.get();
            if is_new || (found.is_some() && age.get().abs() < OLD_KEYS_AFTER.get()) {
                return Ok(found);
            }
        }
        let set = self.read_keys().await.map_err(|error| {
            tracing::error!(error, issuer = self.settings.issuer, "the issuer's keys could not be read");
            Problem::unavailable()
        })?;
        let found = find(&set);
        *keys = Some((now, set));
        Ok(found)
    }

    async fn read_keys(&self) -> Result<JwkSet, BoxError> {
        let issuer = self.settings.issuer.trim_end_matches('/');
        let discovery: Discovery =
            serde_json::from_slice(&self.get(&format!("{issuer}/.well-known/openid-configuration")).await?)?;
        if discovery.issuer != self.settings.issuer {
            return Err("its discovery document is of another issuer".into());
        }
        Ok(serde_json::from_slice(&self.get(&discovery.jwks_uri).await?)?)
    }

    async fn get(&self, uri: &str) -> Result<Bytes, BoxError> {
        let answer = tokio::time::timeout(PATIENCE, async {
            let answer = self.client.get(uri.parse()?).await?;
            if !answer.status().is_success() {
                return Err(format!("{uri} answers {}", answer.status()).into());
            }
            Ok::<_, BoxError>(Limited::new(answer.into_body(), MAX_BYTES).collect().await?.to_bytes())
        });
        answer.await?
    }
}

/// The cryptography that the AWS SDK's clients use as well.
fn provider() -> rustls::crypto::CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
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
