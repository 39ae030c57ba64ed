//! A function's configuration: names of the resources it uses, from its environment.
//!
//! Endpoints, regions and credentials are the SDK's own business and its own variables.

use crate::clients;
use aws_config::{BehaviorVersion, SdkConfig};
use std::path::PathBuf;

/// The resources of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The DynamoDB table.
    pub table: String,
    /// The S3 bucket of the report files.
    pub bucket: String,
    /// The EventBridge bus.
    pub bus: String,
    /// The `source` of what is published there.
    pub source: String,
    /// A file with advice of the deployment's own, where it has one.
    pub advice: Option<PathBuf>,
    /// How old an answer of the API may be, in milliseconds.
    pub staleness_ms: u32,
}

/// Requests a minute that a caller may make unless told otherwise: twenty a second.
const REQUESTS_A_MINUTE: u32 = 1_200;

/// Requests a minute that a tenant's senders may make of a webhook unless told otherwise: as many as a function answers one
/// after another.
const HOOK_REQUESTS_A_MINUTE: u32 = 12_000;

/// How people get at the API besides tokens, from where, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Where people sign in, if the deployment has such a place.
    pub oidc: Option<Oidc>,
    /// Origins whose pages may ask the API; none unless told.
    pub allowed_origins: Vec<String>,
    /// Requests a minute that one caller may make of one process; 0 for as many as they like.
    pub requests_a_minute: u32,
}

/// An OpenID Connect issuer, and what its tokens say of tenants and roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oidc {
    /// The issuer, exactly as its tokens name it.
    pub issuer: String,
    /// The client id of the page.
    pub client_id: String,
    /// Who the tokens are for; the client id unless told.
    pub audience: String,
    /// What the page asks for.
    pub scope: String,
    /// The claim that lists roles, as `TENANT:admin` or `TENANT:reader`.
    pub roles_claim: String,
}

impl Access {
    /// Reads `OIDC_ISSUER`, `OIDC_CLIENT_ID`, `OIDC_AUDIENCE`, `OIDC_SCOPE`, `OIDC_ROLES_CLAIM` and `ALLOWED_ORIGINS`
    /// (with spaces between) and `REQUESTS_A_MINUTE`; each may be absent or empty.
    ///
    /// # Errors
    /// When there is an issuer and no client id, or the number is none.
    pub fn from_env() -> Result<Self, ConfigError> {
        let read = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let oidc = match read("OIDC_ISSUER") {
            None => None,
            Some(issuer) => {
                let client_id = read("OIDC_CLIENT_ID").ok_or(ConfigError("OIDC_CLIENT_ID"))?;
                Some(Oidc {
                    issuer,
                    audience: read("OIDC_AUDIENCE").unwrap_or_else(|| client_id.clone()),
                    client_id,
                    scope: read("OIDC_SCOPE").unwrap_or_else(|| "openid profile".to_owned()),
                    roles_claim: read("OIDC_ROLES_CLAIM").unwrap_or_else(|| "roles".to_owned()),
                })
            }
        };
        let allowed_origins = read("ALLOWED_ORIGINS").unwrap_or_default();
        let requests_a_minute = match read("REQUESTS_A_MINUTE") {
            None => REQUESTS_A_MINUTE,
            Some(text) => text.parse().map_err(|_| ConfigError("REQUESTS_A_MINUTE"))?,
        };
        let allowed_origins = allowed_origins.split_whitespace().map(str::to_owned).collect();
        Ok(Self { oidc, allowed_origins, requests_a_minute })
    }
}

/// Reads `HOOK_REQUESTS_A_MINUTE`, which may be absent or empty: requests a minute that one tenant's senders may make of one
/// process of a webhook; 0 for as many as they like.
///
/// # Errors
/// When it is no number.
pub fn hook_requests_a_minute() -> Result<u32, ConfigError> {
    match std::env::var("HOOK_REQUESTS_A_MINUTE").ok().filter(|text| !text.is_empty()) {
        None => Ok(HOOK_REQUESTS_A_MINUTE),
        Some(text) => text.parse().map_err(|_| ConfigError("HOOK_REQUESTS_A_MINUTE")),
    }
}

/// An environment that a function can't work in.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is not set, or not as it must be")]
pub struct ConfigError(&'static str);

impl Config {
    /// Reads `TABLE_NAME`, `BUCKET_NAME`, `EVENT_BUS_NAME` and `EVENT_SOURCE`; `ADVICE_FILE` and `STALENESS_MS` may be
    /// absent or empty.
    ///
    /// # Errors
    /// When one is missing, or the number is none.
    pub fn from_env() -> Result<Self, ConfigError> {
        let read = |name| std::env::var(name).map_err(|_| ConfigError(name));
        let staleness = std::env::var("STALENESS_MS").unwrap_or_default();
        let staleness = if staleness.is_empty() { "0" } else { &staleness };
        Ok(Self {
            staleness_ms: staleness.parse().map_err(|_| ConfigError("STALENESS_MS"))?,
            table: read("TABLE_NAME")?,
            bucket: read("BUCKET_NAME")?,
            bus: read("EVENT_BUS_NAME")?,
            source: read("EVENT_SOURCE")?,
            advice: std::env::var_os("ADVICE_FILE").filter(|file| !file.is_empty()).map(PathBuf::from),
        })
    }
}

/// The SDK's configuration, built once before the first invocation; for S3 see [`clients::for_files`].
pub async fn sdk_config() -> SdkConfig {
    let limits = clients::call_limits();
    clients::for_calls(&aws_config::defaults(BehaviorVersion::latest()).timeout_config(limits).load().await)
}
