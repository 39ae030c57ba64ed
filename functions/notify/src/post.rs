//! Posts a body to an address that an administrator typed.
//!
//! Must stay true: by https only, except to this machine; to an address that was looked at ([`Reach`]); without following
//! a redirection; in bounded time, reading a bounded answer. No error repeats the address, which is secret.

use crate::reach::{Reach, Unreachable};
use crate::send::Refusal;
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::ConfigBuilderExt as _;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Everything together, from the name to the end of the answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
/// An answer says little; what is longer is not read.
const MOST_BYTES: usize = 64 << 10;

/// Posts to addresses.
#[derive(Clone, Debug)]
pub(crate) struct Poster {
    pub reach: Reach,
    tls: Arc<OnceLock<Option<Arc<ClientConfig>>>>,
}

impl Poster {
    pub fn new(reach: Reach) -> Self {
        Self { reach, tls: Arc::default() }
    }

    /// Posts JSON.
    pub async fn post(&self, url: &str, headers: &[(&'static str, String)], body: Bytes) -> Result<(), Refusal> {
        let sent = tokio::time::timeout(PATIENCE, self.try_post(url, headers, body)).await;
        sent.unwrap_or_else(|_| Err(Refusal::for_now("the server did not answer in time")))
    }

    async fn try_post(&self, url: &str, headers: &[(&'static str, String)], body: Bytes) -> Result<(), Refusal> {
        let uri: Uri = url.parse().map_err(|_| Refusal::for_good("the address is none"))?;
        let host = uri.host().ok_or_else(|| Refusal::for_good("the address is none"))?;
        let is_tls = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let address = self.reach.resolve(host, port).await.map_err(unreachable)?;
        let is_here = uri.scheme_str() == Some("http") && address.ip().is_loopback();
        if !(is_tls || is_here) {
            return Err(Refusal::for_good("the address must be https"));
        }
        let mut request = Request::post(uri.path_and_query().map_or("/", |path| path.as_str()))
            .header("host", uri.authority().map_or(host, |authority| authority.as_str()))
            .header("content-type", "application/json")
            .header("user-agent", concat!("Vestibule/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body)).map_err(|_| Refusal::for_good("the address is none"))?;
        let stream =
            TcpStream::connect(address).await.map_err(|_| Refusal::for_now("there is no connection to the server"))?;
        let status = if is_tls {
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let name = ServerName::try_from(host).map_err(|_| Refusal::for_good("the address is none"))?;
            let config = self.tls.get_or_init(config).clone();
            let config = config.ok_or_else(|| Refusal::for_now("this machine has no trusted roots"))?;
            let stream = TlsConnector::from(config).connect(name, stream).await;
            exchange(
                stream.map_err(|_| Refusal::for_now("the server's certificate is not trusted, or it speaks no TLS"))?,
                request,
            )
            .await?
        } else {
            exchange(stream, request).await?
        };
        judge(status)
    }
}

pub(crate) fn unreachable(why: Unreachable) -> Refusal {
    match why {
        Unreachable::Unknown => Refusal::for_now("the server's name has no address"),
        Unreachable::Forbidden => Refusal::for_good("the server is at an address that messages may not go to"),
    }
}

fn config() -> Option<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(Arc::new(builder.with_native_roots().ok()?.with_no_client_auth()))
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<StatusCode, Refusal>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let cut = |_| Refusal::for_now("the server ended the connection");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(cut)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(cut)?;
        let (parts, body) = answer.into_parts();
        // It is read so that the server is not cut off while it writes; what it says is its own affair.
        let _read = Limited::new(body, MOST_BYTES).collect().await;
        Ok(parts.status)
    };
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => return answer,
        _ended = connection => {}
    }
    // A server may close as soon as it has answered, and the answer is then there.
    exchange.await
}

fn judge(status: StatusCode) -> Result<(), Refusal> {
    let problem = format!("the server answered {}", status.as_u16());
    match status.as_u16() {
        200..=299 => Ok(()),
        300..=399 => Err(Refusal::for_good(&format!("{problem}, a redirection, which is not followed"))),
        408 | 425 | 429 | 500.. => Err(Refusal::for_now(&problem)),
        _ => Err(Refusal::for_good(&problem)),
    }
}
