//! Recognises the caller of a request.

use crate::{Api, store_problem};
use vestibule_domain::{TenantId, Timestamp};
use vestibule_platform::credentials::{bearer, same_hash, token_hash, token_tenant};
use vestibule_platform::{HttpRequest, Problem};
use vestibule_store::{Role, Tenant};
use vestibule_webhook::proof::basic_password;

/// A recognised caller.
pub(crate) struct Caller {
    pub tenant: Tenant,
    pub role: Role,
    /// The scope tags to which the credential is limited; empty means no limit.
    pub scope_tags: Vec<String>,
    /// The id of the credential, by which callers are counted.
    pub id: String,
}

impl Api {
    /// The caller of a request. An unknown, a revoked, an expired and a missing token get the same answer. The tenant
    /// is read each time, so that a revoked token stops working at once.
    ///
    /// A browser that opens a page for people (`is_page`) by its address can only ask for a name and a password.
    pub(crate) async fn authenticate(
        &self,
        request: &HttpRequest,
        is_page: bool,
        now: Timestamp,
    ) -> Result<Caller, Problem> {
        let unauthorized = || if is_page { Problem::unauthorized().ask_browser() } else { Problem::unauthorized() };
        let headers = request.headers();
        let token = bearer(headers).map(str::to_owned).or_else(|| basic_password(headers).filter(|_| is_page));
        let token = token.ok_or_else(unauthorized)?;
        let Some(id) = token_tenant(&token) else {
            return self.signed_in_elsewhere(&token, now).await?.ok_or_else(unauthorized);
        };
        let id = TenantId::parse(id).map_err(|_| unauthorized())?;
        let tenant = self.archive.store().tenant(&id).await.map_err(store_problem)?;
        let hash = token_hash(&token);
        let tenant = tenant.ok_or_else(unauthorized)?;
        // Every token is compared, so that the time taken does not reveal which one was similar.
        let mut found = None;
        for known in &tenant.tokens {
            if same_hash(&known.sha256, &hash) {
                found = Some(known.clone());
            }
        }
        let token = found.filter(|token| token.is_good(now)).ok_or_else(unauthorized)?;
        Ok(Caller { tenant, role: token.role, scope_tags: token.scope_tags, id: token.id })
    }

    /// The caller who signed in at the deployment's own issuer.
    async fn signed_in_elsewhere(&self, token: &str, now: Timestamp) -> Result<Option<Caller>, Problem> {
        let Some(issuer) = &self.issuer else { return Ok(None) };
        let Some(person) = issuer.verify(token, now).await? else { return Ok(None) };
        let tenant = self.archive.store().tenant(&person.tenant).await.map_err(store_problem)?;
        Ok(tenant.map(|tenant| Caller { tenant, role: person.role, scope_tags: Vec::new(), id: person.subject }))
    }
}
