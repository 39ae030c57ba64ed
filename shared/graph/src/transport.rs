//! Sends a request to a server and receives an answer of bounded size.

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A longer answer is not read to its end. A page of Graph's has a thousand records of about a kilobyte.
pub const MAX_ANSWER_BYTES: usize = 8 << 20;
/// How long an idle connection is kept. A function that was frozen for longer would find it dead.
const IDLE: Duration = Duration::from_secs(20);

/// An answer of a server.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// `Retry-After`, as it was written.
    pub retry_after: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// Why no answer was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// There is no connection to the server.
    Unreachable,
    /// The answer ended before it was whole.
    CutOff,
    /// The answer is larger than [`MAX_ANSWER_BYTES`].
    TooLarge,
    /// The answer took too long.
    TimedOut,
    /// The machine has no trusted roots, so no server can prove who it is.
    NoRoots,
}

/// Sends requests.
pub trait Transport: Clone + Send + Sync + 'static {
    /// Sends a request and returns the whole answer, which may take as long as `patience`. A redirection is returned as
    /// an answer and not followed.
    ///
    /// # Errors
    /// The reason why no answer was received.
    fn send(&self, request: Request<Bytes>, patience: Duration) -> impl Future<Output = Result<Answer, Lost>> + Send;
}

type Connected = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// HTTPS with the machine's trusted roots, or HTTP for an `http` address, which may only be loopback
/// ([`crate::Addresses`]). Clones share their connections. The roots are read at the first request, since most programs
/// never make one.
#[derive(Clone, Debug, Default)]
pub struct Https(Arc<OnceLock<Option<Connected>>>);

impl Https {
    async fn ask(&self, request: Request<Bytes>) -> Result<Answer, Lost> {
        let client = self.0.get_or_init(connect).as_ref().ok_or(Lost::NoRoots)?;
        let answer = client.request(request.map(Full::new)).await;
        let answer = answer.map_err(|error| if error.is_connect() { Lost::Unreachable } else { Lost::CutOff })?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| if error.is::<LengthLimitError>() { Lost::TooLarge } else { Lost::CutOff })?;
        let retry_after = parts.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        Ok(Answer { status: parts.status, retry_after: retry_after.map(str::to_owned), body: body.to_bytes() })
    }
}

fn connect() -> Option<Connected> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let tls = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider).ok()?;
    let mut client = Client::builder(TokioExecutor::new());
    client.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
    Some(client.build(tls.https_or_http().enable_http1().build()))
}

impl Transport for Https {
    async fn send(&self, request: Request<Bytes>, patience: Duration) -> Result<Answer, Lost> {
        tokio::time::timeout(patience, self.ask(request)).await.unwrap_or(Err(Lost::TimedOut))
    }
}
