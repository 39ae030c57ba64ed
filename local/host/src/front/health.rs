//! `/healthz` and `/readyz`, for whoever watches the machine, and the listener for `/metrics`.
//!
//! Must stay true: the answers to the first two have nothing that must be kept from anybody. Metrics are served only
//! at an address of their own, which an operator has named: behind a proxy on this machine every stranger comes from
//! the loopback interface, and a proxy need not say so, so an address is no proof of who asks.

use crate::accept::{Backoff, DRAIN};
use crate::gate::not_for_us;
use crate::health::Health;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use vestibule_platform::{HttpResponse, Operation, Problem, metrics, problem};

const HEALTHZ: &str = "/healthz";
const READYZ: &str = "/readyz";
const METRICS: &str = "/metrics";
/// Connections to the metrics at a time: a few scrapers.
const MOST_SCRAPERS: usize = 16;
/// How long a scraper may take to send its request.
const HEAD: Duration = Duration::from_secs(15);
/// Headers by which a proxy says that it passes a request on.
const FORWARDED: [HeaderName; 6] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// The answer about the machine's health; `None` if the path asks for something else.
pub(crate) async fn answer(health: &Health, method: &Method, path: &str) -> Option<HttpResponse> {
    let (operation, is_ready) = match path {
        HEALTHZ => (Operation::HEALTHZ, false),
        READYZ => (Operation::READYZ, true),
        _ => return None,
    };
    if method != Method::GET && method != Method::HEAD {
        return Some(operation.answered(Problem::method_not_allowed().allow("GET, HEAD").into()));
    }
    // Large: each request of the front would carry the room for it.
    let missing = if is_ready { Box::pin(health.not_ready()).await } else { Vec::new() };
    Some(operation.answered(if missing.is_empty() {
        problem::json(StatusCode::OK, &json!({"status": "ok"}))
    } else {
        let title = "Something that the service needs does not work";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, title).retry_after(5).with(json!({"parts": missing})).into()
    }))
}

/// Serves metrics and health on a listener until `shutdown`.
pub(crate) async fn serve_metrics(listener: TcpListener, health: Health, shutdown: impl Future<Output = ()>) {
    let is_loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let places = Arc::new(Semaphore::new(MOST_SCRAPERS));
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    let mut backoff = Backoff::default();
    loop {
        let accepted = tokio::select! {
            accepted = backoff.accept(&listener) => accepted,
            () = &mut shutdown => break,
        };
        let (stream, _) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection for metrics could not be accepted");
                continue;
            }
        };
        // Closed at once if there are too many.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let health = health.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let health = health.clone();
            async move { Ok::<_, Infallible>(respond(&health, &request, is_loopback).await.map(Full::<Bytes>::new)) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .auto_date_header(false)
            .serve_connection(TokioIo::new(stream), service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "a connection for metrics ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    let _cut_off = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
}

async fn respond(health: &Health, request: &Request<Incoming>, is_loopback: bool) -> Response<Bytes> {
    if is_loopback && let Some(why) = from_elsewhere(request.headers()) {
        return Problem::forbidden().detail(why).into();
    }
    let (method, path) = (request.method(), request.uri().path());
    if let Some(response) = answer(health, method, path).await {
        return response;
    }
    match (path, method) {
        (METRICS, &Method::GET | &Method::HEAD) => {
            health.measure();
            problem::whole(StatusCode::OK, metrics::TEXT_TYPE, metrics::text().into_bytes())
        }
        (METRICS, _) => Problem::method_not_allowed().allow("GET, HEAD").into(),
        _ => Problem::not_found().into(),
    }
}

/// Why a request to a loopback address comes from somebody who is not on this machine: through a proxy, or through a
/// page in a browser.
fn from_elsewhere(headers: &HeaderMap<HeaderValue>) -> Option<&'static str> {
    if FORWARDED.iter().any(|name| headers.contains_key(name)) {
        return Some("the request was passed on by a proxy");
    }
    not_for_us(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        given.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_a_proxy_or_a_page_passes_on_does_not_come_from_this_machine() {
        let ours = ("host", "127.0.0.1:9740");
        assert_eq!(from_elsewhere(&headers(&[ours])), None);
        assert_eq!(from_elsewhere(&headers(&[("host", "localhost:9740")])), None);
        for other in [
            &[ours, ("x-forwarded-for", "203.0.113.9")][..],
            &[ours, ("x-forwarded-proto", "https")],
            &[ours, ("forwarded", "for=203.0.113.9")],
            &[ours, ("via", "1.1 proxy")],
            &[ours, ("x-real-ip", "203.0.113.9")],
            &[ours, ("origin", "https://attacker.example")],
            &[("host", "rebound.example:9740")],
            &[],
        ] {
            assert!(from_elsewhere(&headers(other)).is_some(), "{other:?}");
        }
    }
}
