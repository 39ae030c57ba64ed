//! Accepts connections and serves them until it must stop, then finishes the requests under way.
//!
//! Must stay true: nothing that a client does, and no lack of descriptors, ends the loop.

use crate::accept::{Backoff, DRAIN};
use crate::front::Front;
use crate::front::body::Sending;
use crate::front::client::Counted;
use crate::front::connections::{Place, Stage};
use crate::front::limits::MAX_HEAD_BYTES;
use crate::front::refusals::Reason;
use crate::front::transport::Watched;
use http::header::DATE;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::MissedTickBehavior;

/// How often refusals are logged, and changed certificates looked for.
const EVERY: Duration = Duration::from_secs(60);

/// Serves `front` on `listener` until `shutdown`.
pub(super) async fn serve(listener: TcpListener, front: Arc<Front>, shutdown: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    let mut regularly = tokio::time::interval(EVERY);
    regularly.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut backoff = Backoff::default();
    loop {
        let next = async {
            let room = front.connections.room().await;
            backoff.accept(&listener).await.map(|(stream, peer)| (stream, peer, room))
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            _ = regularly.tick() => {
                front.look_after();
                continue;
            }
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, peer, room)) => front.admit(stream, peer.ip(), room, graceful.watcher()),
            Err(error) => {
                front.refusals.note(Reason::NotAccepted);
                // Without a descriptor for it, a waiting connection must make room for the next one.
                let cut = front.connections.cut_oldest();
                tracing::debug!(%error, cut, "a connection could not be accepted");
            }
        }
    }
    drop(listener);
    let _cut_off = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
    front.refusals.log();
    front.access.log();
}

impl Front {
    /// Logs what was refused or has no line, and uses a changed certificate.
    fn look_after(&self) {
        self.refusals.log();
        self.access.log();
        if let Some(tls) = self.tls.clone() {
            // Nothing waits for it, and it logs what it finds.
            drop(tokio::task::spawn_blocking(move || tls.renew()));
        }
    }

    /// Serves a connection in a task of its own, if there is a place for it.
    fn admit(self: &Arc<Self>, stream: TcpStream, peer: IpAddr, room: Option<OwnedSemaphorePermit>, watcher: Watcher) {
        let address = (!self.proxies.include(peer)).then(|| Counted::from(peer));
        let admitted = self.connections.admit(address);
        if admitted.has_cut {
            self.refusals.note(Reason::Cut);
        }
        let Some((place, cut)) = admitted.place else {
            self.refusals.note(Reason::NoPlace);
            return;
        };
        let front = Arc::clone(self);
        tokio::spawn(async move {
            // Given back after the stream is closed.
            let _room = room;
            tokio::select! {
                () = front.serve_connection(stream, peer, Arc::new(place), watcher) => {}
                _ = cut => {}
            }
        });
    }

    async fn serve_connection(self: Arc<Self>, stream: TcpStream, peer: IpAddr, place: Arc<Place>, watcher: Watcher) {
        // Answers are small and wanted at once.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let Some(tls) = &self.tls else { return self.serve_stream(stream, peer, false, place, watcher).await };
        match tokio::time::timeout(self.limits.head, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => self.serve_stream(stream, peer, true, place, watcher).await,
            Ok(Err(_)) => self.refusals.note(Reason::Handshake),
            Err(_) => self.refusals.note(Reason::SlowHead),
        }
    }

    async fn serve_stream<S>(
        self: &Arc<Self>,
        stream: S,
        peer: IpAddr,
        is_tls: bool,
        place: Arc<Place>,
        watcher: Watcher,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // Whether bytes came since the last answer: without any, a connection that ends is idle, not slow.
        let came = Arc::new(AtomicBool::new(false));
        let (front, has_come) = (Arc::clone(self), Arc::clone(&came));
        let service = service_fn(move |request: Request<Incoming>| {
            let (front, place, came) = (Arc::clone(&front), Arc::clone(&place), Arc::clone(&came));
            place.is_now(Stage::Receiving);
            async move {
                let (answer, entry) = front.answer(request, &place, peer, is_tls).await;
                place.is_now(Stage::Answering);
                came.store(false, Ordering::Relaxed);
                Ok::<_, Infallible>(dated(answer).map(|body| Sending::new(body, place, entry)))
            }
        });
        let stream = Watched::new(stream, self.limits.stalled, Arc::clone(&has_come));
        let connection = http1::Builder::new()
            .auto_date_header(false)
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_header_size(MAX_HEAD_BYTES)
            .max_buf_size(2 * MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let Err(error) = watcher.watch(connection).await else { return };
        if error.is_parse() {
            self.refusals.note(Reason::Malformed);
        } else if error.is_timeout() && has_come.load(Ordering::Relaxed) {
            self.refusals.note(Reason::SlowHead);
        } else {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// Gives an answer its date. The server's own is kept until the clock has passed it, so that for hours after the clock was
/// set back it would be in the future.
fn dated<B>(mut answer: Response<B>) -> Response<B> {
    if let Ok(now) = HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now())) {
        answer.headers_mut().insert(DATE, now);
    }
    answer
}
