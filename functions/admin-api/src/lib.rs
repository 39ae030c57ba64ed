//! What administrators ask: every number comes from the tenant's report file, brought up to now.
//!
//! A request's tenant is its token's, so no path or parameter can name another: what belongs to someone else
//! is simply not there. Every answer says the instant it is true for.

mod advice;
mod auth;
mod esp;
mod files;
mod query;
mod reports;
mod tenant;

pub use tenant::{SettingError, patched};

use http::Method;
use vestibule_archive::{Archive, ArchiveError};
use vestibule_domain::Timestamp;
use vestibule_platform::{Bus, Clock, HttpRequest, HttpResponse, Problem};
use vestibule_report::Error as ReportError;
use vestibule_store::{Role, StoreError, Tenant};

/// The API.
#[derive(Clone)]
pub struct Api {
    archive: Archive,
    bus: Bus,
    clock: Clock,
}

/// One request, its tenant known.
struct Call {
    tenant: Tenant,
    role: Role,
    /// The scope tags that the credential is limited to; none means no limit.
    scope_tags: Vec<String>,
    now: Timestamp,
    request: HttpRequest,
}

impl Api {
    /// The API over `archive`; what a change asks for goes over `bus`.
    pub fn new(archive: Archive, bus: Bus, clock: Clock) -> Self {
        Self { archive, bus, clock }
    }

    /// Serves one request.
    pub async fn handle(&self, request: HttpRequest) -> HttpResponse {
        self.answer(request).await.unwrap_or_else(HttpResponse::from)
    }

    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, Problem> {
        let now = Timestamp::from_millis(self.clock.now_millis());
        let (tenant, token) = self.authenticate(&request).await?;
        let call = Call { tenant, role: token.role, scope_tags: token.scope_tags, now, request };
        let path = call.request.uri().path().trim_end_matches('/').to_owned();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let get = [Method::GET, Method::HEAD].contains(call.request.method());
        match (segments.as_slice(), call.request.method()) {
            (["api", "devices", "enrollment-status"], _) if get => self.status(&call).await,
            (["api", "devices", "enrollment-status", "active"], _) if get => self.active(&call).await,
            (["api", "devices", "enrollment-status", "failures"], _) if get => self.failures(&call).await,
            (["api", "reports", "incomplete-enrollments"], _) if get => self.incomplete(&call).await,
            (["api", "reports", "incomplete-enrollments", "attempts"], _) if get => self.attempts(&call).await,
            (["api", "reports", "esp"], _) if get => self.esp(&call).await,
            (["api", "reports", "esp", "sessions"], _) if get => self.esp_sessions(&call).await,
            (["api", "attempts", id], _) if get => self.attempt(&call, id).await,
            (["api", "reports", "files"], _) if get => self.list_files(&call).await,
            (["api", "reports", "files", name], _) if get => self.file(&call, name).await,
            (["api", "devices", "esp-profiles", rest @ ..], _) => self.esp_profiles(&call, rest).await,
            (["api", "devices", id, "esp"], _) if get => self.device_esp(&call, id).await,
            (["api", "devices", id, "esp-profile"], _) if get => self.device_profile(&call, id).await,
            (["api", "advice", text], _) if get => advice::show(&call, text),
            (["api", "tenant"], _) if get => Ok(tenant::show(&call)),
            (["api", "tenant"], &Method::PATCH) => self.change_tenant(call).await,
            (
                ["api", "devices", "enrollment-status"]
                | ["api", "devices", "enrollment-status", "active" | "failures"]
                | ["api", "reports", "incomplete-enrollments" | "files" | "esp"]
                | ["api", "reports", "esp", "sessions"]
                | ["api", "reports", "incomplete-enrollments", "attempts"]
                | ["api", "reports", "files", _]
                | ["api", "attempts" | "advice", _]
                | ["api", "devices", _, "esp" | "esp-profile"]
                | ["api", "tenant"],
                _,
            ) => Err(Problem::method_not_allowed()),
            _ => Err(Problem::not_found()),
        }
    }
}

/// What a client is told of an error below; operators get it whole, once.
fn problem(error: &ArchiveError) -> Problem {
    match error {
        ArchiveError::Report(ReportError::InvalidFilter { field, problem }) => query::invalid(field, problem),
        ArchiveError::Store(StoreError::Busy | StoreError::Unavailable(_)) | ArchiveError::Bucket(_) => {
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
