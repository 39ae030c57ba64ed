//! Serves HTTP to this machine's own clients on a listener until it must stop, then finishes the requests under way.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// A client that takes longer to send its headers is not served.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long requests under way may take after the stop. Whatever they stored stays stored.
pub(crate) const DRAIN: Duration = Duration::from_secs(20);
/// The first and the longest pause after an error.
const PAUSES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(500)];

/// Accepts connections, and pauses after errors: as a rule no descriptor is left, and trying again at once would only
/// take the processor from those who could give one back.
#[derive(Debug, Default)]
pub(crate) struct Backoff(Option<Duration>);

impl Backoff {
    /// The next connection.
    ///
    /// # Errors
    /// When one cannot be accepted now; the caller calls again.
    pub(crate) async fn accept(&mut self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        if let Some(pause) = self.0 {
            tokio::time::sleep(pause).await;
        }
        let accepted = listener.accept().await;
        let [first, longest] = PAUSES;
        self.0 = match &accepted {
            Ok(_) => None,
            // These concern one connection only, which its client gave up.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => None,
            Err(_) => Some(self.0.map_or(first, |pause| longest.min(pause * 2))),
        };
        accepted
    }

    /// Whether the last error was the first in a row: further ones say nothing new.
    pub(crate) fn has_just_begun(&self) -> bool {
        self.0.is_some_and(|pause| pause == PAUSES[0])
    }
}

/// Answers each request with `answer` until `shutdown`.
pub(crate) async fn serve<H, F>(listener: TcpListener, shutdown: impl Future<Output = ()>, answer: H)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Bytes>> + Send + 'static,
{
    let graceful = hyper_util::server::graceful::GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    let mut backoff = Backoff::default();
    loop {
        let stream = tokio::select! {
            accepted = backoff.accept(&listener) => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    if backoff.has_just_begun() {
                        tracing::warn!(%error, "connections of this machine are not accepted");
                    }
                    continue;
                }
            },
            () = &mut shutdown => break,
        };
        // Answers are small and wanted at once.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answer = answer(request);
            async move { Ok::<_, Infallible>(answer.await.map(Full::new)) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    let _cut_off = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
}
