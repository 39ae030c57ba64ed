//! The HTTP front: the template's routes on one listener, as API Gateway serves them in a deployment.

use crate::functions::Functions;
use crate::template::Route;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use std::sync::Arc;
use tokio::net::TcpListener;

/// API Gateway's own limit; functions have limits of their own.
const MAX_BODY_BYTES: usize = 10 << 20;

/// Serves `routes` until `shutdown`, then finishes the requests under way.
///
/// # Errors
/// When connections can no longer be accepted.
pub async fn serve(
    listener: TcpListener,
    routes: Vec<Route>,
    functions: Functions,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let front = Arc::new(Front { routes, functions });
    crate::server::serve(listener, shutdown, move |request| {
        let front = Arc::clone(&front);
        async move { front.answer(request).await }
    })
    .await
}

struct Front {
    routes: Vec<Route>,
    functions: Functions,
}

enum Match<'r> {
    Route(&'r Route),
    OtherMethods(String),
    Nothing,
}

impl Front {
    async fn answer(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let route = match self.find(&parts.method, parts.uri.path()) {
            Match::Route(route) => route,
            Match::OtherMethods(allowed) => {
                let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, "The method is not served here");
                if let Ok(allowed) = HeaderValue::try_from(allowed) {
                    response.headers_mut().insert(header::ALLOW, allowed);
                }
                return response;
            }
            Match::Nothing => return problem(StatusCode::NOT_FOUND, "There is nothing here by that name"),
        };
        let body = match Limited::new(body, MAX_BODY_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return problem(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large");
            }
            Err(_) => return problem(StatusCode::BAD_REQUEST, "The body could not be read"),
        };
        let Some(function) = self.functions.http(&route.function) else {
            tracing::error!(function = route.function, "a route names a function that is not here");
            return problem(StatusCode::BAD_GATEWAY, "The function is not there");
        };
        // In a task of its own: a function that panics takes its request with it, not the connection's others.
        match tokio::spawn(function(Request::from_parts(parts, body))).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(function = route.function, %error, "a function died");
                problem(StatusCode::BAD_GATEWAY, "The function died")
            }
        }
    }

    /// The route with the fewest placeholders that fits.
    fn find(&self, method: &Method, path: &str) -> Match<'_> {
        let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
        let placeholders = |route: &&Route| route.path.matches('{').count();
        let fitting = || self.routes.iter().filter(|route| fits(&route.path, path));
        // HEAD too is served only where the template says so: API Gateway does not make it of GET.
        match fitting().filter(|route| route.method == method.as_str()).min_by_key(placeholders) {
            Some(route) => Match::Route(route),
            None => {
                // A route for all paths is for answering preflights: it makes no path one of ours.
                let own = fitting().filter(|route| !route.path.ends_with("+}"));
                let mut allowed: Vec<&str> = Vec::new();
                for method in own.map(|route| route.method.as_str()) {
                    // A path may fit a route of its own and one with placeholders.
                    if !allowed.contains(&method) {
                        allowed.push(method);
                    }
                }
                if allowed.is_empty() { Match::Nothing } else { Match::OtherMethods(allowed.join(", ")) }
            }
        }
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            // As in `{proxy+}`: all that is left, if anything is.
            (Some(wanted), Some(given)) if wanted.ends_with("+}") => return !given.is_empty(),
            (Some(wanted), Some(given)) => {
                let any = wanted.starts_with('{') && wanted.ends_with('}') && !given.is_empty();
                if !any && wanted != given {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

fn problem(status: StatusCode, title: &str) -> Response<Bytes> {
    let body = serde_json::json!({"type": "about:blank", "title": title, "status": status.as_u16()});
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
