//! The services of this process, called by its own SDK clients without a socket.
//!
//! An SDK client passes its request to an HTTP client. This one reads from the request for which service it is, and
//! passes it on: to the table's thread, to the bus, or to the object store. The other way in, for other processes, is
//! [`gate`](crate::gate).
//!
//! Must stay true: a request is answered only after the service has performed it, and no thread that serves requests
//! waits for the table's disk.

use crate::bus::{Bus, PUT_EVENTS};
use crate::dynamodb::{Calls, DynamoDb, operation, parse};
use crate::{Clients, Endpoint, HostError, Keys, s3};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use s3s::service::S3Service;
use std::fmt;

/// The header that names the operation of a request to the table or the bus.
pub(crate) const TARGET: &str = "x-amz-target";
/// The address that clients of this process are given. Nobody looks it up.
const NOWHERE: &str = "http://vestibule.internal";

/// The services of one process, or some of them.
#[derive(Clone)]
pub struct Services {
    pub(crate) keys: Keys,
    pub(crate) table: Option<Calls>,
    pub(crate) files: Option<S3Service>,
    pub(crate) bus: Option<Bus>,
}

impl Services {
    /// No service yet, and random keys.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn new() -> Result<Self, HostError> {
        Ok(Self { keys: Keys::random()?, table: None, files: None, bus: None })
    }

    /// The same with this table, which must live as long.
    #[must_use]
    pub fn with_table(self, table: &DynamoDb) -> Self {
        Self { table: Some(table.calls()), ..self }
    }

    /// The same with these files.
    #[must_use]
    pub fn with_files(self, store: s3::ObjectStore) -> Self {
        let files = Some(s3::service(store, &self.keys));
        Self { files, ..self }
    }

    /// The same with this bus.
    #[must_use]
    pub fn with_bus(self, bus: Bus) -> Self {
        Self { bus: Some(bus), ..self }
    }

    /// Clients that call the services in this process.
    pub fn clients(&self) -> Clients {
        self.clients_at(&self.nowhere())
    }

    /// An address that only clients of this process have.
    pub(crate) fn nowhere(&self) -> Endpoint {
        Endpoint { url: NOWHERE.to_owned(), keys: self.keys.clone() }
    }

    /// The same, whose links lead to `endpoint`.
    pub(crate) fn clients_at(&self, endpoint: &Endpoint) -> Clients {
        Clients::over(endpoint, Some(self.http_client()))
    }

    /// What connects an SDK client to the services.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(InProcess(self.clone()))
    }
}

/// Passes requests on in this process.
#[derive(Clone)]
struct InProcess(Services);

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if operation(&request).is_some() {
            // In this process there is nothing to verify, so the clients do not sign it.
            let asked = parse(&request).and_then(|(operation, body)| {
                let table = self.0.table.as_ref().ok_or_else(|| absent("table"))?;
                table.ask(operation, body)
            });
            return HttpConnectorFuture::new(async move { asked?.await?.into_response() });
        }
        let services = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let answer = if request.headers().get(TARGET).is_some_and(|target| target == PUT_EVENTS) {
                let bus = services.bus.as_ref().ok_or_else(|| absent("bus"))?;
                let body = request.body().bytes().map(Bytes::copy_from_slice);
                let body = body.ok_or_else(|| ConnectorError::user("the request has no body in memory".into()))?;
                bus.answer(&body).await.map(SdkBody::from)
            } else {
                let files = services.files.as_ref().ok_or_else(|| absent("bucket"))?;
                let answer = files.call(as_received(request).map(s3s::Body::http_body)).await;
                let answer = answer.map_err(|error| ConnectorError::other(error.into(), None))?;
                answer.map(SdkBody::from_body_1_x)
            };
            into_response(answer)
        })
    }
}

/// A request as a server sees it: with the host in its header, and without it in its address.
fn as_received(mut request: Request<SdkBody>) -> Request<SdkBody> {
    let host = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    if let Some(host) = host {
        request.headers_mut().insert(header::HOST, host);
    }
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(path);
    }
    request
}

fn into_response(answer: Response<SdkBody>) -> Result<HttpResponse, ConnectorError> {
    HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
}

fn absent(service: &str) -> ConnectorError {
    ConnectorError::user(format!("this process has no {service}").into())
}
