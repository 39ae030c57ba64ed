//! Whose request it is.

use crate::{Api, esp, store_problem};
use vestibule_domain::TenantId;
use vestibule_platform::credentials::{bearer, same_hash, token_hash, token_tenant};
use vestibule_platform::{HttpRequest, Problem};
use vestibule_store::{ApiToken, Tenant};
use vestibule_webhook::proof::basic_password;

impl Api {
    /// The tenant and token of a request. A token of nobody, a revoked one and none at all look the same. The
    /// tenant is read each time: a revoked token must not work for a while longer.
    pub(crate) async fn authenticate(&self, request: &HttpRequest) -> Result<(Tenant, ApiToken), Problem> {
        // A browser that opens a page by its address can ask for a name and a password, and nothing else.
        let is_page = esp::is_page(request);
        let unauthorized = || if is_page { Problem::unauthorized().ask_browser() } else { Problem::unauthorized() };
        let headers = request.headers();
        let token = bearer(headers).map(str::to_owned).or_else(|| basic_password(headers).filter(|_| is_page));
        let token = token.ok_or_else(unauthorized)?;
        let id = token_tenant(&token).and_then(|id| TenantId::parse(id).ok()).ok_or_else(unauthorized)?;
        let tenant = self.archive.store().tenant(&id).await.map_err(store_problem)?;
        let hash = token_hash(&token);
        let tenant = tenant.ok_or_else(unauthorized)?;
        // Every token is compared, so that the time taken doesn't tell which one came close.
        let mut found = None;
        for known in &tenant.tokens {
            if same_hash(&known.sha256, &hash) {
                found = Some(known.clone());
            }
        }
        found.map(|token| (tenant, token)).ok_or_else(unauthorized)
    }
}
