//! SDK clients of this machine's services: ordinary ones, told where the services are.

use crate::REGION;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The credentials of the loopback services. They keep nobody out who is on this machine, and are here because
/// requests are signed.
pub(crate) const ACCESS_KEY: &str = "vestibule-local";
/// See [`ACCESS_KEY`].
pub(crate) const SECRET_KEY: &str = "vestibule-local-secret";

/// How often a call is tried. A service that is starting or stopping refuses connections for a moment.
const TRIES: u32 = 3;
const CONNECT: Duration = Duration::from_secs(2);
/// For one try. A report's file is the largest thing sent.
const TRY: Duration = Duration::from_secs(60);

/// Where the services are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// DynamoDB and its streams.
    pub dynamodb: String,
    /// S3.
    pub s3: String,
    /// EventBridge.
    pub events: String,
}

impl Endpoints {
    /// Whether somebody answers there: an owner that was killed leaves its word behind.
    pub(crate) async fn answer(&self) -> bool {
        for url in [&self.dynamodb, &self.s3, &self.events] {
            let address = url.trim_start_matches("http://");
            match tokio::time::timeout(CONNECT, tokio::net::TcpStream::connect(address)).await {
                Ok(Ok(_)) => {}
                _ => return false,
            }
        }
        true
    }
}

/// Clients of the services.
#[derive(Clone, Debug)]
pub struct Clients {
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// DynamoDB's streams.
    pub streams: aws_sdk_dynamodbstreams::Client,
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// EventBridge.
    pub events: aws_sdk_eventbridge::Client,
}

impl Clients {
    /// Clients of the services at `endpoints`.
    pub fn new(endpoints: &Endpoints) -> Self {
        let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "vestibule");
        let region = Region::new(REGION);
        let latest = BehaviorVersion::latest();
        let retries = RetryConfig::standard().with_max_attempts(TRIES);
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(TRY).build();
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(latest)
            .retry_config(retries.clone())
            .timeout_config(timeouts.clone())
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .endpoint_url(&endpoints.dynamodb);
        let streams = aws_sdk_dynamodbstreams::Config::builder()
            .behavior_version(latest)
            .retry_config(retries.clone())
            .timeout_config(timeouts.clone())
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .endpoint_url(&endpoints.dynamodb);
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(latest)
            .retry_config(retries.clone())
            .timeout_config(timeouts.clone())
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .force_path_style(true)
            .endpoint_url(&endpoints.s3);
        let events = aws_sdk_eventbridge::Config::builder()
            .behavior_version(latest)
            .retry_config(retries)
            .timeout_config(timeouts)
            .region(region)
            .credentials_provider(credentials)
            .endpoint_url(&endpoints.events);
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            streams: aws_sdk_dynamodbstreams::Client::from_conf(streams.build()),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            events: aws_sdk_eventbridge::Client::from_conf(events.build()),
        }
    }

    /// The environment variables that make a function's own clients talk to these services.
    pub fn environment(endpoints: &Endpoints) -> [(&'static str, String); 6] {
        [
            ("AWS_ENDPOINT_URL_DYNAMODB", endpoints.dynamodb.clone()),
            ("AWS_ENDPOINT_URL_S3", endpoints.s3.clone()),
            ("AWS_ENDPOINT_URL_EVENTBRIDGE", endpoints.events.clone()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
        ]
    }
}
