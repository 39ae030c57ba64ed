//! A function's configuration: names of the resources it uses, from its environment.
//!
//! Endpoints, regions and credentials are the SDK's own business and its own variables.

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
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
}

/// An environment that a function can't work in.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is not set")]
pub struct ConfigError(&'static str);

impl Config {
    /// Reads `TABLE_NAME`, `BUCKET_NAME`, `EVENT_BUS_NAME` and `EVENT_SOURCE`.
    ///
    /// # Errors
    /// When one is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        let read = |name| std::env::var(name).map_err(|_| ConfigError(name));
        Ok(Self {
            table: read("TABLE_NAME")?,
            bucket: read("BUCKET_NAME")?,
            bus: read("EVENT_BUS_NAME")?,
            source: read("EVENT_SOURCE")?,
        })
    }
}

/// Time limits of every call: an execution environment may be thawed with a dead connection, and a
/// call without a limit would take the invocation with it.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(20))
        .build()
}

/// The SDK's configuration, built once before the first invocation.
pub async fn sdk_config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts()).load().await
}
