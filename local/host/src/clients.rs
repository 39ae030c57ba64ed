//! SDK clients of this machine's services, like those of deployed functions except for endpoints and credentials; and
//! where other processes reach the services.

use crate::durable::write_whole;
use crate::{HostError, Keys, REGION};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;
use vestibule_platform::clients;

/// How long a process may take to accept a connection before it counts as gone.
const CONNECT: Duration = Duration::from_secs(2);

/// What the SDK calls an authentication without signatures.
const UNSIGNED: AuthSchemeId = AuthSchemeId::new("noAuth");

/// Where another process reaches the services, and the keys with which it must sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address of all services.
    pub url: String,
    /// The keys.
    pub keys: Keys,
}

/// An endpoint as its file has it: only there a secret is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Published {
    url: String,
    access_key: String,
    secret_key: String,
}

impl Endpoint {
    /// Writes it to a file that only its owner can read.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn publish(&self, path: &Path) -> Result<(), HostError> {
        let Self { url, keys: Keys { id, secret } } = self.clone();
        let text = serde_json::to_vec(&Published { url, access_key: id, secret_key: secret });
        let text = text.map_err(|error| HostError::file(path, error.into()))?;
        write_whole(path, &text).map_err(|error| HostError::file(path, error))
    }

    /// Reads such a file; `None` if there is none, or half of one.
    pub fn read(path: &Path) -> Option<Self> {
        let Published { url, access_key, secret_key } = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        Some(Self { url, keys: Keys { id: access_key, secret: secret_key } })
    }

    /// Whether somebody listens there: the file of an owner that was killed stays behind.
    pub(crate) async fn answers(&self) -> bool {
        let connect = tokio::net::TcpStream::connect(self.url.trim_start_matches("http://"));
        matches!(tokio::time::timeout(CONNECT, connect).await, Ok(Ok(_)))
    }

    /// The environment variables that make a function's own clients use these services.
    pub fn environment(&self) -> [(&'static str, String); 6] {
        [
            ("AWS_ENDPOINT_URL_DYNAMODB", self.url.clone()),
            ("AWS_ENDPOINT_URL_S3", self.url.clone()),
            ("AWS_ENDPOINT_URL_EVENTBRIDGE", self.url.clone()),
            ("AWS_ACCESS_KEY_ID", self.keys.id.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.keys.secret.clone()),
            ("AWS_REGION", REGION.to_owned()),
        ]
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
    /// Clients of the services to which the SDK's own settings lead: those of AWS, or of whoever is named by
    /// `AWS_ENDPOINT_URL…`. Their settings are those of deployed functions' clients.
    pub fn of(sdk: &SdkConfig) -> Self {
        let (calls, files) = (clients::for_calls(sdk), clients::for_files(sdk));
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&calls),
            streams: aws_sdk_dynamodbstreams::Client::new(&calls),
            s3: aws_sdk_s3::Client::new(&files),
            events: aws_sdk_eventbridge::Client::new(&calls),
        }
    }

    /// The same, with the table and its stream at one address, and the files at another.
    pub fn at(sdk: &SdkConfig, table: &str, files: &str) -> Self {
        let calls = clients::for_calls(sdk);
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&calls).endpoint_url(table);
        let streams = aws_sdk_dynamodbstreams::config::Builder::from(&calls).endpoint_url(table);
        let s3 = aws_sdk_s3::config::Builder::from(&clients::for_files(sdk)).endpoint_url(files);
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            streams: aws_sdk_dynamodbstreams::Client::from_conf(streams.build()),
            // The names of buckets are no hosts of an address that somebody runs for themselves.
            s3: aws_sdk_s3::Client::from_conf(s3.force_path_style(true).build()),
            events: aws_sdk_eventbridge::Client::new(&calls),
        }
    }

    /// Clients of the services at `endpoint`, with the same settings as deployed functions' clients.
    pub fn new(endpoint: &Endpoint) -> Self {
        Self::over(endpoint, None)
    }

    /// The same, over another connection than the SDK's own. It stays in this process, where nobody verifies signatures of
    /// calls, so they are not made: hashing and signing is a good part of what a small call costs. Nor are the pieces of a file
    /// signed.
    pub(crate) fn over(endpoint: &Endpoint, connection: Option<SharedHttpClient>) -> Self {
        let is_signed = connection.is_none();
        let mut base = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(endpoint.keys.credentials()));
        base.set_http_client(connection);
        let base = base.build();
        let (mut calls, files) = (clients::for_calls(&base), clients::for_files(&base));
        if !is_signed {
            calls = calls.into_builder().auth_scheme_preference([UNSIGNED]).build();
        }
        let mut dynamodb = aws_sdk_dynamodb::config::Builder::from(&calls).endpoint_url(&endpoint.url);
        let mut streams = aws_sdk_dynamodbstreams::config::Builder::from(&calls).endpoint_url(&endpoint.url);
        let mut s3 = aws_sdk_s3::config::Builder::from(&files).endpoint_url(&endpoint.url).force_path_style(true);
        let mut events = aws_sdk_eventbridge::config::Builder::from(&calls).endpoint_url(&endpoint.url);
        if !is_signed {
            dynamodb.set_allow_no_auth();
            streams.set_allow_no_auth();
            events.set_allow_no_auth();
            s3 = s3.interceptor(UnsignedPieces);
        }
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            streams: aws_sdk_dynamodbstreams::Client::from_conf(streams.build()),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            events: aws_sdk_eventbridge::Client::from_conf(events.build()),
        }
    }
}

/// Lets the SDK send a file as it does over TLS: its checksum at its end, and no signature with each piece of it, which both
/// sides would have to hash. Between two parts of one process nobody can change a piece.
#[derive(Debug)]
struct UnsignedPieces;

impl Intercept for UnsignedPieces {
    fn name(&self) -> &'static str {
        "UnsignedPieces"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        // The scheme alone tells the SDK. A presigned link, which leads to the gate, has its content in memory: none.
        if request.body().bytes().is_none()
            && let Some(rest) = request.uri().strip_prefix("http:")
        {
            let uri = format!("https:{rest}");
            request.set_uri(uri)?;
        }
        Ok(())
    }
}
