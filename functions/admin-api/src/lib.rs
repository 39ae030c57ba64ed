//! The API for administrators. Every number comes from the tenant's report file, updated to the present.
//!
//! The token determines the tenant of a request, so no path or parameter can name another tenant, and data of others is
//! simply not found. Every answer gives the instant for which it is true.

mod advice;
mod annotations;
mod auth;
mod body;
mod browser;
mod diagnostics;
mod encoding;
mod erasures;
mod esp;
mod files;
mod mute;
mod notices;
mod oidc;
mod operation;
mod pull;
mod query;
mod reports;
mod respond;
mod senders;
mod sign_in;
mod sources;
mod tenant;
mod tokens;
mod web;

pub use annotations::{annotation_json, new_annotation_id};
pub use diagnostics::subject;
pub use erasures::kept_about;
pub use oidc::check_issuer;
pub use pull::pull_status;
pub use senders::{add_source_secret, add_webhook_secret, sender_address};
pub use sources::{SourceLog, known_to_diagnostics, source_logs};
pub use tenant::{SettingError, patched};
pub use tokens::{add_token, new_api_token, token_json};
pub use web::{LEXICON_MODULE, OPERATIONS_MODULE, PAGE_VERSION};

use crate::operation::{By, Found, Open, Operation, Served, Who};
use crate::query::parameters;
use http::Method;
use std::sync::Arc;
use std::time::Duration;
use vestibule_archive::{Archive, ArchiveError};
use vestibule_domain::Timestamp;
use vestibule_platform::{
    Access, BoxError, Bus, Clock, HttpRequest, HttpResponse, Operation as Named, Problem, Proven,
};
use vestibule_report::Error as ReportError;
use vestibule_store::{BrowserSession, Credential, Role, StoreError, Tenant};
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
    /// Most enrollments at which a request looks to find whom to erase.
    searches: usize,
}

/// One request, its tenant known.
struct Call {
    /// The segment of the path for which the operation has braces, as it was sent.
    id: Option<String>,
    query: query::Parameters,
    tenant: Tenant,
    credential: Credential,
    /// When the credential itself ends; `None` means never.
    credential_ends: Option<Timestamp>,
    /// The session of the browser by whose cookie the request came.
    session: Option<BrowserSession>,
    role: Role,
    /// The scope tags to which the credential is limited; empty means no limit.
    scope_tags: Vec<String>,
    now: Timestamp,
    request: HttpRequest,
}

impl Api {
    /// The API over `archive`. Changes send their requests over `bus`, and `access` says who may call it besides
    /// bearers of tokens.
    ///
    /// # Errors
    /// If the issuer that `access` names is invalid.
    pub fn new(archive: Archive, bus: Bus, clock: Clock, access: Access) -> Result<Self, BoxError> {
        let issuer = access.oidc.clone().map(|oidc| oidc::Issuer::new(oidc, clock.clone())).transpose()?;
        let (access, limiter) = (Arc::new(access), respond::Limiter::default());
        Ok(Self { archive, bus, clock, access, issuer, limiter, searches: usize::MAX })
    }

    /// The same API, reached by people at the origin `public`; with `None` as before.
    #[must_use]
    pub fn reached_at(mut self, public: Option<&str>) -> Self {
        self.access = Arc::new(Access::clone(&self.access).reached_at(public));
        self
    }

    /// The same API, whose questions wait this long for what changed just now: see
    /// [`Archive::with_patience`](vestibule_archive::Archive::with_patience).
    #[must_use]
    pub fn with_patience(mut self, patience: Option<Duration>) -> Self {
        self.archive = self.archive.with_patience(patience);
        self
    }

    /// The same API, which looks at no more than so many enrollments in one request to find whom to erase; whoever ends
    /// erasures looks at the others. By default only time limits it.
    #[must_use]
    pub fn with_searches(self, enrollments: usize) -> Self {
        Self { searches: enrollments, ..self }
    }

    /// Serves one request as a function whose invocation ends after `left`, if that is known.
    pub async fn handle_in_time(&self, mut request: HttpRequest, left: Option<Duration>) -> HttpResponse {
        if let Some(left) = left {
            request.extensions_mut().insert(erasures::TimeLeft(left));
        }
        self.handle(request).await
    }

    /// Serves one request.
    pub async fn handle(&self, request: HttpRequest) -> HttpResponse {
        let now = Timestamp::from_millis(self.clock.now_millis());
        let mut response = if request.body().len() > MAX_BODY_BYTES {
            Problem::too_large().into()
        } else {
            self.serve(&request, now).await.unwrap_or_else(HttpResponse::from)
        };
        self.share(&request, &mut response);
        name_of(&request).answered(response)
    }

    async fn serve(&self, request: &HttpRequest, now: Timestamp) -> Result<HttpResponse, Problem> {
        let path = request.uri().path().trim_end_matches('/').to_owned();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let found = Found::of(request.method(), &segments);
        let get = [Method::GET, Method::HEAD].contains(request.method());
        match (&segments[..], found) {
            // The page holds nobody's data.
            ([], _) if get => self.page(request, now).await,
            (["assets", version, folder, name], _) if get => {
                self.page_part(request, version, &format!("assets/{folder}/{name}"))
            }
            // A page for who has the link of a message, and no credential.
            (["notices", "mute", token], _) if get => self.show_mute(token, now).await,
            (["notices", "mute", token], _) if request.method() == Method::POST => self.mute(token, now).await,
            (["api", ..], found) if request.method() == Method::OPTIONS => self.preflight(&found),
            (_, Found::Operation(served @ Served { by: By::Openly(open), .. }, _)) => {
                served.check_query(&parameters(request.uri().query())?)?;
                match open {
                    Open::GetConfig => Ok(self.page_config()),
                    Open::GetOpenApi => web::document(request),
                    Open::SignIn => self.sign_in(request, now).await.inspect(|_| Proven::note(request)),
                    Open::GetSession => self.current_session(request, now).await,
                }
            }
            // An unknown caller does not learn whether a path exists.
            (_, found) => self.with_credential(request, found, now).await,
        }
    }

    async fn with_credential(
        &self,
        request: &HttpRequest,
        found: Found,
        now: Timestamp,
    ) -> Result<HttpResponse, Problem> {
        let is_page = esp::is_page(&found, request);
        let caller = self.authenticate(request, is_page, now).await?;
        Proven::note(request);
        let quota = self.limiter.count(&caller.name(), self.access.requests_a_minute, now)?;
        let answer = match found {
            Found::Operation(served, id) => self.answer_to(request, caller, served, id, now).await,
            other => Err(other.problem()),
        };
        let mut answer = respond::tag(request, answer.unwrap_or_else(HttpResponse::from));
        if let Some(quota) = quota {
            quota.write(&mut answer);
        }
        Ok(answer)
    }

    async fn answer_to(
        &self,
        request: &HttpRequest,
        caller: auth::Caller,
        served: &'static Served,
        id: Option<String>,
        now: Timestamp,
    ) -> Result<HttpResponse, Problem> {
        let auth::Caller { tenant, credential, credential_ends, session, role, scope_tags } = caller;
        let (query, request) = (parameters(request.uri().query())?, request.clone());
        let call = Call { id, query, tenant, credential, credential_ends, session, role, scope_tags, now, request };
        let (operation, who) = match served.by {
            By::Question(question) => return self.question(&call, question).await,
            By::Openly(_) => return Err(Problem::not_found()),
            By::Operation(operation, who) => (operation, who),
        };
        served.check_query(&call.query)?;
        let may = match who {
            Who::Readers => true,
            Who::UnlimitedReaders => call.scope_tags.is_empty(),
            Who::Admins => call.role == Role::Admin,
            Who::UnlimitedAdmins => call.role == Role::Admin && call.scope_tags.is_empty(),
        };
        if !may {
            return Err(Problem::forbidden());
        }
        let changes = ![Method::GET, Method::HEAD].contains(call.request.method());
        let changed = changes.then(|| call.tenant.id.clone());
        let answer = self.answer(operation, call).await;
        if let Some(tenant) = changed {
            // Whoever was answered finds the change in the next answer.
            self.archive.changed_at(&tenant, Timestamp::from_millis(self.clock.now_millis()));
        }
        answer
    }

    /// Calls an operation's handler.
    async fn answer(&self, operation: Operation, call: Call) -> Result<HttpResponse, Problem> {
        let id = call.id.as_deref().unwrap_or_default();
        match operation {
            Operation::ListFiles => self.list_files(&call).await,
            Operation::RequestFile => self.ask_for_file(&call).await,
            Operation::GetFile | Operation::HeadFile => self.file(&call, id).await,
            Operation::GetFileLink => self.file_link(&call, id).await,
            Operation::ListEspProfiles => self.list_profiles(&call).await,
            Operation::CreateEspProfiles => self.create_profiles(&call).await,
            Operation::ResolveEspProfile => self.resolve_hypothetical(&call).await,
            Operation::GetEspProfile => self.show_profile(&call, id).await,
            Operation::ReplaceEspProfile => self.replace_profile(&call, id).await,
            Operation::DeleteEspProfile => self.remove_profile(&call, id).await,
            Operation::SetEspProfilePriority => self.set_priority(&call, id).await,
            Operation::AssignEspProfile => self.assign_profile(&call, id).await,
            Operation::GetDeviceEsp => self.device_esp(&call, id).await,
            Operation::GetDeviceEspProfile => self.device_profile(&call, id).await,
            Operation::Diagnose => self.diagnostics(&call).await,
            Operation::GetAdvice => advice::show(self.archive.advice(), &call, id),
            Operation::GetSources => self.sources(&call).await,
            Operation::AddAnnotation => self.add_annotation(&call).await,
            Operation::ReplaceAnnotation => self.replace_annotation(&call, id).await,
            Operation::RemoveAnnotation => self.remove_annotation(&call, id).await,
            Operation::GetNotices => self.show_notices(&call).await,
            Operation::ChangeNotices => self.change_notices(&call).await,
            Operation::GetNoticeHistory => self.notice_history(&call).await,
            Operation::PutChannel => self.put_channel(&call, id).await,
            Operation::RemoveChannel => self.remove_channel(&call, id).await,
            Operation::TestChannel => self.test_channel(&call, id).await,
            Operation::PutRule => self.put_rule(&call, id).await,
            Operation::RemoveRule => self.remove_rule(&call, id).await,
            Operation::MuteRule => self.mute_rule(&call, id).await,
            Operation::AddSenderSecret => self.add_sender_secret(&call, id).await,
            Operation::EndSenderSecrets => self.end_sender_secrets(&call, id).await,
            Operation::ListTokens => Ok(Self::list_tokens(&call)),
            Operation::AddToken => self.add_token(&call).await,
            Operation::RevokeToken => self.revoke_token(&call, id).await,
            Operation::GetTenant => self.show_tenant(&call).await,
            Operation::ChangeTenant => self.change_tenant(call).await,
            Operation::SignOut => self.sign_out(&call).await,
            Operation::BeginBrowserSession => self.begin_browser_session(&call).await,
            Operation::ListBrowserSessions => self.list_browser_sessions(&call).await,
            Operation::EndBrowserSession => self.end_browser_session(&call, id).await,
            Operation::Erase => self.erase(&call).await,
            Operation::ListErasures => self.list_erasures(&call).await,
            Operation::ExportPerson => self.export_person(&call).await,
        }
    }
}

/// The operation that a request asks for, by its name in the description, for whoever counts answers.
fn name_of(request: &HttpRequest) -> Named {
    let path = request.uri().path().trim_end_matches('/');
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match (&segments[..], Found::of(request.method(), &segments)) {
        ([] | ["assets", ..] | ["notices", "mute", _], _) => Named::PAGE,
        (["api", ..], _) if request.method() == Method::OPTIONS => Named::PREFLIGHT,
        (_, Found::Operation(served, _)) => Named(served.id),
        _ => Named::NONE,
    }
}

/// The answer to a client about an internal error. Operators get the whole error, once, in the log.
fn problem(error: &ArchiveError) -> Problem {
    match error {
        ArchiveError::Report(ReportError::InvalidFilter { field, problem }) => query::invalid(field, problem),
        ArchiveError::Report(ReportError::UnknownParameter { known }) => query::unknown(known),
        // Until a newer file is built, the current one may lack a question that was added since.
        ArchiveError::Report(ReportError::NoQuestion(_))
        | ArchiveError::Store(StoreError::Busy | StoreError::Unavailable(_) | StoreError::Newer { .. })
        | ArchiveError::Bucket(_) => {
            tracing::error!(%error, "a question could not be answered for now");
            Problem::unavailable()
        }
        error if error.is_of_the_disk() => {
            tracing::error!(%error, "a question could not be answered: the disk is full, or fails");
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
