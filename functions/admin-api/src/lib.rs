//! What administrators ask: every number comes from the tenant's report file, brought up to now.
//!
//! A request's tenant is its token's, so no path or parameter can name another: what belongs to someone else
//! is simply not there. Every answer says the instant it is true for.

mod advice;
mod auth;
mod diagnostics;
mod esp;
mod files;
mod oidc;
mod pull;
mod query;
mod reports;
mod respond;
mod session;
mod sources;
mod tenant;
mod web;

pub use diagnostics::subject;
pub use pull::pull_status;
pub use sources::{SourceLog, known_to_diagnostics, source_logs};
pub use tenant::{SettingError, patched};

use http::Method;
use std::sync::Arc;
use vestibule_archive::{Archive, ArchiveError};
use vestibule_domain::Timestamp;
use vestibule_platform::{Access, BoxError, Bus, Clock, HttpRequest, HttpResponse, Problem};
use vestibule_report::Error as ReportError;
use vestibule_store::{Role, StoreError, Tenant};
use vestibule_webhook::MAX_BODY_BYTES;

/// The API.
#[derive(Clone)]
pub struct Api {
    archive: Archive,
    bus: Bus,
    clock: Clock,
    access: Arc<Access>,
    issuer: Option<oidc::Issuer>,
    limiter: respond::Limiter,
}

/// One request, its tenant known.
struct Call {
    tenant: Tenant,
    role: Role,
    /// What the credential is known by.
    caller: String,
    /// The scope tags that the credential is limited to; none means no limit.
    scope_tags: Vec<String>,
    now: Timestamp,
    request: HttpRequest,
}

impl Api {
    /// The API over `archive`; what a change asks for goes over `bus`, and `access` says who else than bearers of
    /// tokens gets at it.
    ///
    /// # Errors
    /// When the issuer that `access` names can't be one.
    pub fn new(archive: Archive, bus: Bus, clock: Clock, access: Access) -> Result<Self, BoxError> {
        let issuer = access.oidc.clone().map(oidc::Issuer::new).transpose()?;
        Ok(Self { archive, bus, clock, access: Arc::new(access), issuer, limiter: respond::Limiter::default() })
    }

    /// Serves one request.
    pub async fn handle(&self, request: HttpRequest) -> HttpResponse {
        let now = Timestamp::from_millis(self.clock.now_millis());
        let path = request.uri().path().trim_end_matches('/').to_owned();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let mut response = if request.body().len() > MAX_BODY_BYTES {
            Problem::too_large().into()
        } else {
            match self.without_credential(&request, &segments, now).await {
                Some(answer) => answer.unwrap_or_else(HttpResponse::from),
                None => self.with_credential(&request, &segments, now).await,
            }
        };
        self.share(&request, &mut response);
        response
    }

    /// What anybody may ask for: the page, which holds nothing of anyone, and a token for a code.
    async fn without_credential(
        &self,
        request: &HttpRequest,
        segments: &[&str],
        now: Timestamp,
    ) -> Option<Result<HttpResponse, Problem>> {
        let get = [Method::GET, Method::HEAD].contains(request.method());
        match segments {
            [] if get => Some(self.page_file(request, "index.html").await),
            ["config.json"] if get => Some(Ok(self.page_config())),
            ["openapi.json"] if get => Some(web::document(request)),
            ["assets", folder, name] if get => Some(self.page_file(request, &format!("assets/{folder}/{name}")).await),
            ["api", "session"] if request.method() == Method::POST => Some(self.sign_in(request, now).await),
            ["api", ..] if request.method() == Method::OPTIONS => Some(self.preflight(segments)),
            _ => None,
        }
    }

    async fn with_credential(&self, request: &HttpRequest, segments: &[&str], now: Timestamp) -> HttpResponse {
        let caller = match self.authenticate(request, now).await {
            Ok(caller) => caller,
            Err(problem) => return problem.into(),
        };
        let quota = match self.limiter.count(&caller.id, self.access.requests_a_minute, now) {
            Ok(quota) => quota,
            Err(problem) => return problem.into(),
        };
        let auth::Caller { tenant, role, scope_tags, id } = caller;
        let call = Call { tenant, role, caller: id, scope_tags, now, request: request.clone() };
        let answer = self.answer(call, segments).await.unwrap_or_else(HttpResponse::from);
        let mut answer = respond::tag(request, answer);
        if let Some(quota) = quota {
            quota.tell(&mut answer);
        }
        answer
    }

    async fn answer(&self, call: Call, segments: &[&str]) -> Result<HttpResponse, Problem> {
        let get = [Method::GET, Method::HEAD].contains(call.request.method());
        match (segments, call.request.method()) {
            (["api", "devices", "enrollment-status"], _) if get => {
                self.question_of_profiles(&call, "enrollment-status").await
            }
            (["api", "devices", "enrollment-status", "active"], _) if get => self.question(&call, "active").await,
            (["api", "devices", "enrollment-status", "failures"], _) if get => self.question(&call, "failures").await,
            (["api", "devices", "limbo"], _) if get => self.question(&call, "limbo").await,
            (["api", "reports", "web-enrollment"], _) if get => self.question(&call, "web-enrollment").await,
            (["api", "reports", "coverage"], _) if get => self.question(&call, "coverage").await,
            (["api", "reports", "incomplete-enrollments"], _) if get => {
                self.question(&call, "incomplete-enrollments").await
            }
            (["api", "reports", "incomplete-enrollments", "attempts"], _) if get => {
                self.question(&call, "attempts").await
            }
            (["api", "reports", "esp"], _) if get => self.question_of_profiles(&call, "esp").await,
            (["api", "reports", "esp", "sessions"], _) if get => self.question_of_profiles(&call, "esp-sessions").await,
            (["api", "reports", "esp", "sessions", id], _) if get => self.one(&call, "esp-session", id).await,
            (["api", "attempts", id], _) if get => self.one(&call, "attempt", id).await,
            (["api", "reports", "files"], _) if get => self.list_files(&call).await,
            (["api", "reports", "files"], &Method::POST) => self.ask_for_file(&call).await,
            (["api", "reports", "files", name, "link"], _) if get => self.file_link(&call, name).await,
            (["api", "reports", "files", name], _) if get => self.file(&call, name).await,
            (["api", "devices", "esp-profiles", ..], _) => self.esp_profiles(&call, segments).await,
            (["api", "devices", id, "esp"], _) if get => self.device_esp(&call, id).await,
            (["api", "devices", id, "esp-profile"], _) if get => self.device_profile(&call, id).await,
            (["api", "diagnostics"], _) if get => self.diagnostics(&call).await,
            (["api", "advice", text], _) if get => advice::show(self.archive.advice(), &call, text),
            (["api", "sources"], _) if get => self.sources(&call).await,
            (["api", "tenant"], _) if get => self.show_tenant(&call).await,
            (["api", "session"], &Method::DELETE) => self.sign_out(call).await,
            (["api", "tenant"], &Method::PATCH) => self.change_tenant(call).await,
            _ => Err(no_such(segments)),
        }
    }
}

/// What is wrong with a request that nothing serves: its method, or its path.
fn no_such(segments: &[&str]) -> Problem {
    methods(segments).map_or_else(Problem::not_found, |methods| Problem::method_not_allowed().allow(methods))
}

/// The methods that a path is served with, if it is one of ours.
fn methods(segments: &[&str]) -> Option<&'static str> {
    Some(match segments {
        ["api", "session"] => "POST, DELETE",
        ["api", "tenant"] => "GET, PATCH",
        ["api", "reports", "files"] | ["api", "devices", "esp-profiles"] => "GET, POST",
        ["api", "reports", "files", _] => "GET, HEAD",
        ["api", "devices", "esp-profiles", "resolve"]
        | ["api", "devices", "esp-profiles", _, "set-priority" | "assign"] => "POST",
        ["api", "devices", "esp-profiles", _] => "GET, PUT, DELETE",
        ["api", "devices", "enrollment-status"]
        | ["api", "devices", "enrollment-status", "active" | "failures"]
        | ["api", "devices", "limbo"]
        | ["api", "reports", "coverage" | "incomplete-enrollments" | "esp" | "web-enrollment"]
        | ["api", "reports", "esp", "sessions"]
        | ["api", "reports", "esp", "sessions", _]
        | ["api", "reports", "incomplete-enrollments", "attempts"]
        | ["api", "reports", "files", _, "link"]
        | ["api", "attempts" | "advice", _]
        | ["api", "devices", _, "esp" | "esp-profile"]
        | ["api", "diagnostics" | "sources"] => "GET",
        _ => return None,
    })
}

/// What a client is told of an error below; operators get it whole, once.
fn problem(error: &ArchiveError) -> Problem {
    match error {
        ArchiveError::Report(ReportError::InvalidFilter { field, problem }) => query::invalid(field, problem),
        ArchiveError::Report(ReportError::UnknownParameter { known }) => query::unknown(known),
        // A file that stands until a newer one is built may lack a question that there was not then.
        ArchiveError::Report(ReportError::NoQuestion(_))
        | ArchiveError::Store(StoreError::Busy | StoreError::Unavailable(_))
        | ArchiveError::Bucket(_) => {
            tracing::error!(%error, "a question could not be answered for now");
            Problem::unavailable()
        }
        _ => {
            tracing::error!(%error, "a question could not be answered");
            Problem::internal()
        }
    }
}

fn store_problem(error: StoreError) -> Problem {
    problem(&ArchiveError::Store(error))
}
