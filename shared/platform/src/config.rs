//! A function's configuration: the names of its resources, read from its environment.
//!
//! Endpoints, region and credentials come from the SDK's own variables.

use crate::clients;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_eventbridge::config::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use std::path::PathBuf;
use std::time::Duration;

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
    /// A file with the deployment's own advice, if it has one.
    pub advice: Option<PathBuf>,
    /// How old an answer of the API may be, in milliseconds.
    pub staleness_ms: u32,
}

/// Requests a minute that a caller may make if not set: twenty a second.
const REQUESTS_A_MINUTE: u32 = 1_200;

/// Requests a minute that a tenant's senders may make of a webhook if not set: as many as one function can answer one
/// after another.
const HOOK_REQUESTS_A_MINUTE: u32 = 12_000;
/// How long a question waits unless the deployment says otherwise. Bringing the copy up to date takes some milliseconds
/// where little happens. At full load an answer itself takes two or three times as long, and people notice a tenth of a second.
const ANSWER_PATIENCE: Duration = Duration::from_millis(25);

/// How people reach the API other than with tokens, from which origins, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Where people sign in, if the deployment has an issuer.
    pub oidc: Option<Oidc>,
    /// Origins whose pages may call the API; empty if not set.
    pub allowed_origins: Vec<String>,
    /// Requests a minute that one caller may make of one process; 0 for no limit.
    pub requests_a_minute: u32,
    /// The origin at which people reach the page, if that is known: a proxy may pass on another name.
    pub public_url: Option<String>,
    /// Whether people can reach it by https alone, whatever a request says about its way.
    pub is_always_https: bool,
    /// Where senders post to, if that is not where people reach it.
    pub hooks: HookAddresses,
}

/// The addresses of the webhooks' functions, if they have addresses of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookAddresses {
    /// That of `enrollment-events`.
    pub enrollment_events: Option<String>,
    /// That of `esp-status`.
    pub esp_status: Option<String>,
}

impl HookAddresses {
    /// The address of the function with that name, if it has one of its own.
    pub fn of(&self, function: &str) -> Option<&str> {
        match function {
            "enrollment-events" => self.enrollment_events.as_deref(),
            "esp-status" => self.esp_status.as_deref(),
            _ => None,
        }
    }
}

/// An OpenID Connect issuer, and which claims of its tokens name tenants and roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oidc {
    /// The issuer, exactly as its tokens name it.
    pub issuer: String,
    /// The client id of the page.
    pub client_id: String,
    /// The audience of the tokens; the client id if not set.
    pub audience: String,
    /// The scope that the page requests.
    pub scope: String,
    /// The claim that lists roles, as `TENANT:admin` or `TENANT:reader`.
    pub roles_claim: String,
}

impl Access {
    /// Reads `OIDC_ISSUER`, `OIDC_CLIENT_ID`, `OIDC_AUDIENCE`, `OIDC_SCOPE`, `OIDC_ROLES_CLAIM`, `ALLOWED_ORIGINS`
    /// (separated by spaces), `REQUESTS_A_MINUTE`, `PUBLIC_URL`, `ENROLLMENT_EVENTS_URL` and `ESP_STATUS_URL`; each may be
    /// missing or empty.
    ///
    /// # Errors
    /// If `OIDC_ISSUER` is set without `OIDC_CLIENT_ID`, or `REQUESTS_A_MINUTE` is not a number.
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
        let hooks =
            HookAddresses { enrollment_events: read("ENROLLMENT_EVENTS_URL"), esp_status: read("ESP_STATUS_URL") };
        let access = Self { oidc, allowed_origins, requests_a_minute, hooks, ..Self::default() };
        Ok(access.reached_at(read("PUBLIC_URL").as_deref()))
    }

    /// The same, reached by people at `origin`, such as `https://vestibule.example`; with `None` as before.
    #[must_use]
    pub fn reached_at(mut self, origin: Option<&str>) -> Self {
        if let Some(origin) = origin {
            self.is_always_https |= origin.starts_with("https://");
            self.public_url = Some(origin.trim_end_matches('/').to_owned());
        }
        self
    }

    /// The same, reached by https alone.
    #[must_use]
    pub const fn always_by_https(mut self) -> Self {
        self.is_always_https = true;
        self
    }
}

/// Reads `HOOK_REQUESTS_A_MINUTE`, which may be missing or empty: requests a minute that one tenant's senders may make
/// of a webhook; 0 for no limit.
///
/// # Errors
/// If it is not a number.
pub fn hook_requests_a_minute() -> Result<u32, ConfigError> {
    match std::env::var("HOOK_REQUESTS_A_MINUTE").ok().filter(|text| !text.is_empty()) {
        None => Ok(HOOK_REQUESTS_A_MINUTE),
        Some(text) => text.parse().map_err(|_| ConfigError("HOOK_REQUESTS_A_MINUTE")),
    }
}

/// Reads `ANSWER_PATIENCE_MS`, which may be missing or empty: how long a question waits for what changed just now before it
/// is answered as of some seconds ago; `None` (0) if it always waits.
///
/// # Errors
/// If it is not a number.
pub fn answer_patience() -> Result<Option<Duration>, ConfigError> {
    let named = std::env::var("ANSWER_PATIENCE_MS").ok().filter(|text| !text.is_empty());
    let patience = match named {
        None => ANSWER_PATIENCE,
        Some(text) => Duration::from_millis(text.parse().map_err(|_| ConfigError("ANSWER_PATIENCE_MS"))?),
    };
    Ok(Some(patience).filter(|patience| !patience.is_zero()))
}

/// A function cannot work in this environment.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is missing or invalid")]
pub struct ConfigError(&'static str);

impl Config {
    /// Reads `TABLE_NAME`, `BUCKET_NAME`, `EVENT_BUS_NAME` and `EVENT_SOURCE`; `ADVICE_FILE` and `STALENESS_MS` may be
    /// missing or empty.
    ///
    /// # Errors
    /// If one is missing, or `STALENESS_MS` is not a number.
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
///
/// Lambda gives a function everything by its environment. The SDK's own loader would look in eight more places, and bring
/// the clients of two services along that no function calls.
pub fn sdk_config() -> SdkConfig {
    let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let is_on = |name: &str| read(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let mut base = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .service_config(Environment);
    base.set_region(read("AWS_REGION").map(Region::new));
    base.set_use_fips(is_on("AWS_USE_FIPS_ENDPOINT").then_some(true));
    base.set_use_dual_stack(is_on("AWS_USE_DUALSTACK_ENDPOINT").then_some(true));
    clients::for_calls(&base.build())
}

/// What the SDK reads of single services, such as `AWS_ENDPOINT_URL_S3` before `AWS_ENDPOINT_URL`.
#[derive(Debug)]
struct Environment;

impl LoadServiceConfig for Environment {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_ascii_uppercase().replace([' ', '-'], "_");
        let names = [format!("{}_{service}", key.env()), key.env().to_owned()];
        names.iter().find_map(|name| std::env::var(name).ok())
    }
}
