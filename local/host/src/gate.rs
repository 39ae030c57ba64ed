//! The one way into this process's services from outside: for commands beside a running `serve`, and for functions that
//! run as programs of their own.
//!
//! Must stay true: it is bound to the loopback interface; every request is signed with the keys of this start, and
//! nothing is done, and no body kept, before the key is known; what comes from a browser (an `Origin`, `Sec-Fetch-Site`,
//! a host that is not this machine) is refused, and no answer allows another origin to read it.

use crate::accept::{Backoff, DRAIN};
use crate::bus::{MOST_BYTES_RECEIVED, PUT_EVENTS};
use crate::dynamodb::operation_of;
use crate::services::{Services, TARGET};
use crate::sigv4::{Claim, Refused};
use crate::{Endpoint, HostError};
use bytes::Bytes;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use std::time::{Duration, SystemTime};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A client that takes longer to send its headers is not served.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a request to the table or the bus may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest body of a request to the table; DynamoDB's own limit is 16 MB.
const MOST_TABLE_BYTES: usize = 17 << 20;
/// Headers that only browsers send.
const BROWSERS: [&str; 3] = ["origin", "sec-fetch-site", "access-control-request-method"];

impl Services {
    /// Where a process reaches these services through a listener.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn endpoint(&self, listener: &TcpListener) -> Result<Endpoint, HostError> {
        Ok(Endpoint { url: format!("http://{}", listener.local_addr()?), keys: self.keys.clone() })
    }

    /// Serves signed requests on this listener, which must be bound to the loopback interface, until `shutdown`
    /// resolves; then finishes the requests under way.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut backoff = Backoff::default();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = backoff.accept(&listener) => match accepted {
                    Ok((socket, _)) => {
                        connections.spawn(connection(socket, self.clone(), stopped.clone()));
                    }
                    Err(error) if backoff.has_just_begun() => {
                        tracing::warn!(%error, "connections of this machine are not accepted");
                    }
                    Err(_) => {}
                },
            }
        }
        drop(listener);
        let _ = stop.send(true);
        let drained = tokio::time::timeout(DRAIN, async { while connections.join_next().await.is_some() {} });
        if drained.await.is_err() {
            tracing::warn!(open = connections.len(), "connections were cut at shutdown");
            connections.shutdown().await;
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<s3s::Body>, s3s::HttpError> {
        if let Some(problem) = not_for_us(request.headers()) {
            return Ok(refused("AccessDeniedException", problem).map(s3s::Body::from));
        }
        if request.headers().contains_key(TARGET) {
            return Ok(self.called(request).await.map(s3s::Body::from));
        }
        match &self.files {
            // It verifies the signature itself.
            Some(files) => files.call(request.map(s3s::Body::from)).await,
            None => Ok(refused("AccessDeniedException", "there are no files here").map(s3s::Body::from)),
        }
    }

    /// Answers a request to the table or the bus.
    async fn called(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let now = SystemTime::now();
        let (service, limit) = match target(&parts) {
            Some(PUT_EVENTS) => ("events", MOST_BYTES_RECEIVED),
            _ => ("dynamodb", MOST_TABLE_BYTES),
        };
        let claim = match Claim::read(&parts.headers, &self.keys, now) {
            Ok(claim) => claim,
            Err(error) => return unverified(error),
        };
        let body = match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            _ => {
                return failed(StatusCode::BAD_REQUEST, "ValidationException", "the body is too large, slow or broken");
            }
        };
        if let Err(error) = claim.verify(&parts, &body, &self.keys, service) {
            return unverified(error);
        }
        let unknown = || failed(StatusCode::BAD_REQUEST, "UnknownOperationException", "there is no such operation");
        if parts.method != Method::POST || parts.uri.path() != "/" || parts.uri.query().is_some() {
            return unknown();
        }
        match (target(&parts), &self.bus, &self.table) {
            (Some(PUT_EVENTS), Some(bus), _) => bus.answer(&body).await,
            (Some(target), _, Some(table)) => {
                let Some(operation) = operation_of(target) else { return unknown() };
                let Ok(body) = String::from_utf8(body.into()) else {
                    return failed(StatusCode::BAD_REQUEST, "SerializationException", "the body is not UTF-8");
                };
                let answered = match table.ask(operation.to_owned(), body) {
                    Ok(asked) => asked.await,
                    Err(error) => Err(error),
                };
                let stopped =
                    || failed(StatusCode::SERVICE_UNAVAILABLE, "InternalServerError", "the table has stopped");
                let Ok(answer) = answered else { return stopped() };
                let Ok(status) = StatusCode::from_u16(answer.status) else { return stopped() };
                amz_json(status, answer.body.into())
            }
            _ => unknown(),
        }
    }
}

fn target(parts: &Parts) -> Option<&str> {
    parts.headers.get(TARGET)?.to_str().ok()
}

/// Why a request cannot be one of our own processes', whatever its signature.
pub(crate) fn not_for_us(headers: &HeaderMap) -> Option<&'static str> {
    if BROWSERS.iter().any(|name| headers.contains_key(*name)) {
        return Some("this is no place for a browser");
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    // A page's own name may point to this machine; a request through it names the page's host.
    let is_ours = host.is_some_and(|host| matches!(host.host(), "127.0.0.1" | "localhost" | "[::1]"));
    (!is_ours).then_some("the request is for another host")
}

fn unverified(error: Refused) -> Response<Bytes> {
    let code = match error {
        Refused::Unsigned => "MissingAuthenticationTokenException",
        Refused::UnknownKey => "UnrecognizedClientException",
        Refused::Time => "RequestTimeTooSkewed",
        Refused::Signature => "InvalidSignatureException",
    };
    refused(code, &error.to_string())
}

fn refused(code: &str, message: &str) -> Response<Bytes> {
    failed(StatusCode::FORBIDDEN, code, message)
}

/// A failure as the SDKs read it.
pub(crate) fn failed(status: StatusCode, code: &str, message: &str) -> Response<Bytes> {
    amz_json(status, json!({"__type": code, "message": message}).to_string().into())
}

/// An answer of the table or the bus.
pub(crate) fn amz_json(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    response
}

async fn connection(socket: TcpStream, services: Services, mut stopped: watch::Receiver<bool>) {
    // Head and body of an answer are separate writes; delayed acknowledgement would hold back the second.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let services = services.clone();
        async move { services.answer(request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        // The date is a cached one, by which a client would go on correcting its clock after ours was set.
        .auto_date_header(false)
        .serve_connection(TokioIo::new(socket), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // The guard it yields is not `Send`, so it must be dropped in this arm.
        () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
