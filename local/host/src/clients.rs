//! SDK clients of this machine's services, like those of deployed functions except for endpoints and credentials.

use crate::REGION;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use vestibule_platform::clients;

/// The credentials of the loopback services. They keep nobody on this machine out; they exist because requests are
/// signed.
pub(crate) const ACCESS_KEY: &str = "vestibule-local";
/// See [`ACCESS_KEY`].
pub(crate) const SECRET_KEY: &str = "vestibule-local-secret";

/// How long a service may take to accept a connection before it counts as gone.
const CONNECT: Duration = Duration::from_secs(2);

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
    /// Whether the services answer: the file of an owner that was killed stays behind.
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
    /// Clients of the services at `endpoints`, with the same settings as deployed functions' clients.
    pub fn new(endpoints: &Endpoints) -> Self {
        let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "vestibule");
        let base = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let (calls, files) = (clients::for_calls(&base), clients::for_files(&base));
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&calls).endpoint_url(&endpoints.dynamodb);
        let streams = aws_sdk_dynamodbstreams::config::Builder::from(&calls).endpoint_url(&endpoints.dynamodb);
        let s3 = aws_sdk_s3::config::Builder::from(&files).endpoint_url(&endpoints.s3).force_path_style(true);
        let events = aws_sdk_eventbridge::config::Builder::from(&calls).endpoint_url(&endpoints.events);
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            streams: aws_sdk_dynamodbstreams::Client::from_conf(streams.build()),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            events: aws_sdk_eventbridge::Client::from_conf(events.build()),
        }
    }

    /// The environment variables that make a function's own clients use these services.
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
