//! The HTTP front: the template's routes on one listener, as API Gateway serves them in a deployment, and the report
//! files by signed links, and the health of the machine.
//!
//! Must stay true: whoever sent no valid credential takes nothing that others need (`limits`).

mod access;
mod body;
mod client;
mod connections;
mod files;
pub(crate) mod health;
mod limits;
mod refusals;
mod serve;
mod tls;
mod transport;

pub use client::{TrustedProxies, read_network};
pub use limits::Limits;
pub use tls::{Tls, TlsError};

use crate::functions::Functions;
use crate::health::Health;
use crate::template::Route;
use access::{Access, Entry, REQUEST_ID};
use body::AnswerBody;
use connections::{Connections, Place, Stage};
use files::Files;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use limits::MAX_BODIES_BYTES;
use refusals::{Reason, Refusals};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use vestibule_platform::{Clock, HttpResponse, Links, Operation, Problem, Proven};

/// How the front serves.
#[derive(Clone, Debug, Default)]
pub struct FrontSettings {
    /// What strangers may take.
    pub limits: Limits,
    /// The proxies that say whom they forward for.
    pub proxies: TrustedProxies,
    /// The certificate, if the front itself speaks TLS.
    pub tls: Option<Tls>,
    /// The links under which files are served; without them no file is.
    pub links: Option<Links>,
    /// Origins whose pages may read files, besides the front's own.
    pub allowed_origins: Vec<String>,
    /// Whether each answered request gets a line in the log, of the target `access`.
    pub log_requests: bool,
}

/// Serves `routes`, and the files of a bucket if there are links to them, until `shutdown`; then finishes the requests
/// under way.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Vec<Route>,
    functions: Functions,
    (s3, bucket): (aws_sdk_s3::Client, String),
    settings: FrontSettings,
    health: Health,
    shutdown: impl Future<Output = ()>,
) {
    let limits = settings.limits.within_descriptors();
    let files = settings.links.map(|links| {
        let allowed_origins = settings.allowed_origins;
        Files { links, s3, bucket, allowed_origins, clock: Clock::system() }
    });
    let front = Front {
        routes,
        functions,
        files,
        proxies: settings.proxies,
        tls: settings.tls,
        connections: Connections::new(limits.connections, limits.connections_of_address),
        refusals: Refusals::new(limits.refusals_a_minute),
        access: Access::new(settings.log_requests),
        health,
        memory: Arc::new(Semaphore::new(MAX_BODIES_BYTES)),
        limits,
    };
    serve::serve(listener, Arc::new(front), shutdown).await;
}

struct Front {
    routes: Vec<Route>,
    functions: Functions,
    files: Option<Files>,
    proxies: TrustedProxies,
    tls: Option<Tls>,
    connections: Arc<Connections>,
    refusals: Refusals,
    access: Access,
    health: Health,
    /// Bytes that bodies may still take.
    memory: Arc<Semaphore>,
    limits: Limits,
}

enum Match<'r> {
    Route(&'r Route),
    OtherMethods(String),
    Nothing,
}

impl Front {
    /// Answers a request, unless its address has caused too many refusals. Without an entry it was refused before a
    /// function was asked.
    async fn answer(
        &self,
        request: Request<Incoming>,
        place: &Place,
        peer: IpAddr,
        is_tls: bool,
    ) -> (Response<AnswerBody>, Option<Entry>) {
        let began = Instant::now();
        let (mut parts, body) = request.into_parts();
        // Before all limits: whoever watches the machine must see that it lives through a flood, too.
        if let Some(response) = health::answer(&self.health, &parts.method, parts.uri.path()).await {
            return self.entered(began, whole(response), false);
        }
        let client = self.proxies.client(peer, is_tls, &parts.headers);
        client.write(&mut parts.headers);
        if let Err(seconds) = self.refusals.admit(client.address) {
            let refused = Problem::new(StatusCode::TOO_MANY_REQUESTS, "Too many refused requests; try again later");
            return (whole(refused.retry_after(seconds).into()), None);
        }
        let proven = Proven::default();
        parts.extensions.insert(proven.clone());
        match self.respond(parts, body, place).await {
            Ok(response) => {
                if response.status() == StatusCode::UNAUTHORIZED {
                    self.refusals.note_of(client.address, Reason::Unauthenticated);
                }
                self.entered(began, response, proven.is_set())
            }
            Err((reason, response)) => {
                self.refusals.note_of(client.address, reason);
                (whole(response), None)
            }
        }
    }

    /// An answer with the id of its entry.
    fn entered(
        &self,
        began: Instant,
        mut response: Response<AnswerBody>,
        is_proven: bool,
    ) -> (Response<AnswerBody>, Option<Entry>) {
        let entry = self.access.entry(began, Operation::of(&response), response.status(), is_proven);
        if let Some(id) = entry.id() {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        (response, Some(entry))
    }

    /// Answers a request.
    ///
    /// # Errors
    /// Why it is refused, and the answer.
    async fn respond(
        &self,
        parts: Parts,
        body: Incoming,
        place: &Place,
    ) -> Result<Response<AnswerBody>, (Reason, HttpResponse)> {
        if let Some(files) = self.files.as_ref().filter(|_| Files::has(parts.uri.path())) {
            place.is_now(Stage::Answering);
            // Large, and few requests are for a file: each would carry the room for it.
            let problem = match Box::pin(files.answer(&parts)).await {
                Ok(response) => return Ok(Operation::FILE.answered(response)),
                Err(problem) => problem,
            };
            return match problem.status() {
                StatusCode::FORBIDDEN => Err((Reason::Link, problem.into())),
                StatusCode::METHOD_NOT_ALLOWED => Err((Reason::NotServed, problem.into())),
                _ => Ok(Operation::FILE.answered(whole(problem.into()))),
            };
        }
        let route = match self.find(&parts.method, parts.uri.path()) {
            Match::Route(route) => route,
            Match::OtherMethods(allowed) => {
                let mut response = HttpResponse::from(Problem::method_not_allowed());
                if let Ok(allowed) = HeaderValue::try_from(allowed) {
                    response.headers_mut().insert(header::ALLOW, allowed);
                }
                return Err((Reason::NotServed, response));
            }
            Match::Nothing => return Err((Reason::NotServed, Problem::not_found().into())),
        };
        let body = body::receive(body, &parts.headers, self.limits.body, &self.memory).await;
        let body = body.map_err(|(reason, problem)| (reason, problem.into()))?;
        place.is_now(Stage::Answering);
        let Some(function) = self.functions.http(&route.function) else {
            tracing::error!(function = route.function, "a route names a function that is not here");
            return Ok(whole(Problem::new(StatusCode::BAD_GATEWAY, "The function is not there").into()));
        };
        // In a task of its own: a function that panics takes its request with it, not the connection's others.
        Ok(whole(match tokio::spawn(function(Request::from_parts(parts, body.bytes.clone()))).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(function = route.function, %error, "a function died");
                Problem::new(StatusCode::BAD_GATEWAY, "The function died").into()
            }
        }))
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

/// An answer that is there as a whole.
fn whole(response: HttpResponse) -> Response<AnswerBody> {
    response.map(|bytes| Full::new(bytes).map_err(|never| match never {}).boxed_unsync())
}
