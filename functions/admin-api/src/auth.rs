//! Recognises the caller of a request: by a token, or by the cookie of a browser's session.
//!
//! Must stay true: the tenant, and the session if there is one, are read each time, so that a revoked token and an ended
//! session stop working at once. A session allows what the credential allows that it was made from, looked up anew.

use crate::browser::{cookie, guard};
use crate::{Api, store_problem};
use http::Method;
use vestibule_domain::{TenantId, Timestamp};
use vestibule_platform::credentials::{bearer, browser_session_tenant, same_hash, token_hash, token_tenant};
use vestibule_platform::{HttpRequest, Problem};
use vestibule_store::{BrowserSession, Credential, Role, Tenant, session_id};
use vestibule_webhook::proof::basic_password;

/// A recognised caller.
pub(crate) struct Caller {
    pub tenant: Tenant,
    pub credential: Credential,
    /// When the credential itself ends; `None` means never.
    pub credential_ends: Option<Timestamp>,
    /// The session of the browser by whose cookie the request came.
    pub session: Option<BrowserSession>,
    pub role: Role,
    /// The scope tags to which the credential is limited; empty means no limit.
    pub scope_tags: Vec<String>,
}

impl Caller {
    /// By which callers are counted: that of the credential, however many browsers use it.
    pub(crate) fn name(&self) -> String {
        match &self.credential {
            Credential::Token { sha256 } => format!("{} token {sha256}", self.tenant.id),
            Credential::Person { subject, .. } => format!("{} person {subject}", self.tenant.id),
        }
    }
}

impl Api {
    /// The caller of a request. An unknown, a revoked, an expired and a missing credential get the same answer.
    ///
    /// A token counts before a cookie, since a browser sends its cookie unasked. A browser that opens a page for people
    /// (`is_page`) by its address can only ask for a name and a password.
    ///
    /// # Errors
    /// The problem to answer; 403 for a change by cookie that our own page did not send.
    pub(crate) async fn authenticate(
        &self,
        request: &HttpRequest,
        is_page: bool,
        now: Timestamp,
    ) -> Result<Caller, Problem> {
        let unauthorized = || if is_page { Problem::unauthorized().ask_browser() } else { Problem::unauthorized() };
        let headers = request.headers();
        let token = bearer(headers).map(str::to_owned).or_else(|| basic_password(headers).filter(|_| is_page));
        if let Some(token) = token {
            return self.by_token(&token, now).await?.ok_or_else(unauthorized);
        }
        let is_change = ![Method::GET, Method::HEAD].contains(request.method());
        if !is_change && !guard::may_read(request, &self.own_origins(request)) {
            return Err(unauthorized());
        }
        let caller = self.by_cookie(request, now).await?.ok_or_else(unauthorized)?;
        if is_change {
            guard::check_change(request, &self.own_origins(request))?;
        }
        if let Some(session) = &caller.session {
            let noted = self.archive.store().note_browser_session(&caller.tenant.id, session, now).await;
            // A request does not fail because its time could not be noted.
            noted.unwrap_or_else(|error| tracing::warn!(%error, "the use of a session could not be noted"));
        }
        Ok(caller)
    }

    async fn by_token(&self, token: &str, now: Timestamp) -> Result<Option<Caller>, Problem> {
        let Some(id) = token_tenant(token) else { return self.signed_in_elsewhere(token, now).await };
        let Ok(id) = TenantId::parse(id) else { return Ok(None) };
        let tenant = self.archive.store().tenant(&id).await.map_err(store_problem)?;
        let hash = token_hash(token);
        let Some(tenant) = tenant else { return Ok(None) };
        // Every token is compared, so that the time taken does not reveal which one was similar.
        let mut found = None;
        for known in &tenant.tokens {
            if same_hash(&known.sha256, &hash) {
                found = Some(known.clone());
            }
        }
        Ok(found.filter(|token| token.is_good(now)).map(|token| Caller {
            tenant,
            credential: Credential::Token { sha256: token.sha256 },
            credential_ends: token.expires_at,
            session: None,
            role: token.role,
            scope_tags: token.scope_tags,
        }))
    }

    /// The caller who signed in at the deployment's own issuer.
    async fn signed_in_elsewhere(&self, token: &str, now: Timestamp) -> Result<Option<Caller>, Problem> {
        let Some(issuer) = &self.issuer else { return Ok(None) };
        let Some(person) = issuer.verify(token, now).await? else { return Ok(None) };
        let tenant = self.archive.store().tenant(&person.tenant).await.map_err(store_problem)?;
        Ok(tenant.map(|tenant| Caller {
            tenant,
            credential: Credential::Person {
                subject: person.subject,
                role: person.role,
                issuer: issuer.trusted_as(),
                key_id: person.key_id,
            },
            credential_ends: Some(person.ends_at),
            session: None,
            role: person.role,
            scope_tags: Vec::new(),
        }))
    }

    /// The caller whose browser has a session here.
    pub(crate) async fn by_cookie(&self, request: &HttpRequest, now: Timestamp) -> Result<Option<Caller>, Problem> {
        let Some(secret) = cookie::read(request.headers(), self.is_https(request)) else { return Ok(None) };
        let id = browser_session_tenant(secret).and_then(|tenant| TenantId::parse(tenant).ok());
        let Some(id) = id else { return Ok(None) };
        let (store, hash) = (self.archive.store(), token_hash(secret));
        let found = tokio::try_join!(store.tenant(&id), store.browser_session(&id, session_id(&hash)));
        let (Some(tenant), Some(session)) = found.map_err(store_problem)? else { return Ok(None) };
        if !same_hash(&session.sha256, &hash) || !session.is_good(now) {
            return Ok(None);
        }
        let (role, scope_tags) = match &session.credential {
            Credential::Token { sha256 } => match tenant.token(sha256).filter(|token| token.is_good(now)) {
                Some(token) => (token.role, token.scope_tags.clone()),
                None => return Ok(None),
            },
            Credential::Person { role, issuer, key_id, .. } => match &self.issuer {
                Some(own) if own.still_trusts(issuer, key_id.as_deref(), now).await? => (*role, Vec::new()),
                _ => return Ok(None),
            },
        };
        let (credential, credential_ends) = (session.credential.clone(), Some(session.ends_at));
        Ok(Some(Caller { tenant, credential, credential_ends, session: Some(session), role, scope_tags }))
    }
}
