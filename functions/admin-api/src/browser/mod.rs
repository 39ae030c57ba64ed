//! Sessions of browsers: signed in once, in every tab and by every link.
//!
//! A page exchanges a token for a session, whose secret is in a cookie that no script can read, and forgets the token.
//!
//! Must stay true: only a token begins a session, so no session prolongs itself; nobody sees or ends the sessions of
//! another credential.

mod agent;
pub(crate) mod cookie;
pub(crate) mod guard;

use crate::{Api, Call, store_problem};
use http::header::{HOST, SET_COOKIE, USER_AGENT};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use vestibule_domain::Timestamp;
use vestibule_platform::credentials::{new_browser_session, token_hash};
use vestibule_platform::problem::{empty, json as answer};
use vestibule_platform::{HttpRequest, HttpResponse, Problem, Proven};
use vestibule_store::{BrowserSession, MOST_SESSIONS, StoreError};

/// Written by the front and by API Gateway, never by a client.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

fn shown(session: &BrowserSession, current: Option<&BrowserSession>) -> Value {
    json!({
        "id": session.id(),
        "createdAt": session.created_at.to_string(),
        "usedAt": session.used_at.to_string(),
        "endsAt": session.ends_at.to_string(),
        "browser": session.browser,
        "isCurrent": current.is_some_and(|current| current.id() == session.id()),
    })
}

impl Api {
    /// Whether the browser asked by https, as far as is known.
    pub(crate) fn is_https(&self, request: &HttpRequest) -> bool {
        let by_request = || request.headers().get(FORWARDED_PROTO).is_some_and(|scheme| scheme == "https");
        self.access.is_always_https || by_request()
    }

    /// The origins of our own page: the configured one, and the one that the request names.
    pub(crate) fn own_origins(&self, request: &HttpRequest) -> Vec<String> {
        let headers = request.headers();
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let scheme = headers.get(FORWARDED_PROTO).and_then(|scheme| scheme.to_str().ok()).unwrap_or("http");
        let named = host.map(|host| format!("{scheme}://{host}"));
        self.access.public_url.clone().into_iter().chain(named).collect()
    }

    /// `GET /api/session`: the session of the browser that asks, if it is signed in. It is no error if not, so that the
    /// page can find out.
    pub(crate) async fn current_session(&self, request: &HttpRequest, now: Timestamp) -> Result<HttpResponse, Problem> {
        let is_ours = guard::may_read(request, &self.own_origins(request));
        let caller = if is_ours { self.by_cookie(request, now).await? } else { None };
        if caller.is_some() {
            Proven::note(request);
        }
        let session = caller.and_then(|caller| caller.session);
        Ok(answer(StatusCode::OK, &json!({"session": session.as_ref().map(|one| shown(one, Some(one)))})))
    }

    /// `POST /api/browser-sessions`: exchanges the token of the request for a session of the browser.
    pub(crate) async fn begin_browser_session(&self, call: &Call) -> Result<HttpResponse, Problem> {
        if call.session.is_some() {
            return Err(Problem::unauthorized().detail("Only a token begins a session."));
        }
        guard::check_origin(&call.request, &self.own_origins(&call.request))?;
        let secret = new_browser_session(call.tenant.id.as_str()).map_err(|error| {
            tracing::error!(%error, "no session could be made");
            Problem::internal()
        })?;
        let agent = call.request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let browser = agent.and_then(agent::in_words);
        let (hash, credential) = (token_hash(&secret), call.credential.clone());
        let session = BrowserSession::new(hash, credential, call.credential_ends, browser, call.now);
        if !session.is_good(call.now) {
            return Err(Problem::unauthorized());
        }
        let (tenant, store) = (&call.tenant.id, self.archive.store());
        for surplus in self.own_sessions(call).await?.iter().skip(MOST_SESSIONS - 1) {
            store.end_browser_session(tenant, surplus.id()).await.map_err(store_problem)?;
        }
        match store.begin_browser_session(tenant, &session).await {
            Ok(()) => {}
            // Another one has its name: the next one will have another.
            Err(StoreError::Conflict) => return Err(Problem::unavailable()),
            Err(error) => return Err(store_problem(error)),
        }
        // A browser has one session. The cookie of the one before is about to be replaced.
        if let Some(before) = self.by_cookie(&call.request, call.now).await?
            && let Some(session) = before.session
        {
            store.end_browser_session(&before.tenant.id, session.id()).await.map_err(store_problem)?;
        }
        let mut response = answer(StatusCode::CREATED, &json!({"session": shown(&session, Some(&session))}));
        let cookie = cookie::set(&secret, session.ends_at - call.now, self.is_https(&call.request));
        let cookie = HeaderValue::try_from(cookie).map_err(|_| Problem::internal())?;
        response.headers_mut().insert(SET_COOKIE, cookie);
        Ok(response)
    }

    /// `GET /api/browser-sessions`: the sessions of the caller's credential.
    pub(crate) async fn list_browser_sessions(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let own = self.own_sessions(call).await?;
        let sessions: Vec<Value> = own.iter().map(|session| shown(session, call.session.as_ref())).collect();
        Ok(answer(StatusCode::OK, &json!({"asOf": call.now.to_string(), "sessions": sessions})))
    }

    /// `DELETE /api/browser-sessions/{id}`: ends one of them.
    pub(crate) async fn end_browser_session(&self, call: &Call, id: &str) -> Result<HttpResponse, Problem> {
        let own = self.own_sessions(call).await?;
        let session = own.iter().find(|session| session.id() == id).ok_or_else(Problem::not_found)?;
        let ended = self.archive.store().end_browser_session(&call.tenant.id, session.id()).await;
        ended.map_err(store_problem)?;
        let is_current = call.session.as_ref().is_some_and(|current| current.id() == id);
        Ok(if is_current { self.ended(call) } else { empty(StatusCode::NO_CONTENT) })
    }

    /// Ends the caller's session, or all sessions of the caller's credential.
    pub(crate) async fn end_sessions(&self, call: &Call, everywhere: bool) -> Result<(), Problem> {
        let ended = if everywhere { self.own_sessions(call).await? } else { call.session.iter().cloned().collect() };
        for session in ended {
            let ended = self.archive.store().end_browser_session(&call.tenant.id, session.id()).await;
            ended.map_err(store_problem)?;
        }
        Ok(())
    }

    /// The answer after the caller's session has ended: the browser forgets its cookie.
    pub(crate) fn ended(&self, call: &Call) -> HttpResponse {
        let mut response = empty(StatusCode::NO_CONTENT);
        if call.session.is_some() {
            let forgotten = HeaderValue::from_static(cookie::forget(self.is_https(&call.request)));
            response.headers_mut().insert(SET_COOKIE, forgotten);
        }
        response
    }

    /// The valid sessions of the caller's credential, the one used last first.
    async fn own_sessions(&self, call: &Call) -> Result<Vec<BrowserSession>, Problem> {
        let all = self.archive.store().browser_sessions(&call.tenant.id, call.now).await;
        let mut all = all.map_err(store_problem)?;
        all.retain(|session| session.credential.is_of_same(&call.credential));
        Ok(all)
    }
}
