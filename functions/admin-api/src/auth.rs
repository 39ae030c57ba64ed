//! Whose request it is.

use crate::{Api, store_problem};
use http::HeaderMap;
use vestibule_domain::TenantId;
use vestibule_platform::Problem;
use vestibule_platform::credentials::{bearer, same_hash, token_hash, token_tenant};
use vestibule_store::{Role, Tenant};

impl Api {
    /// The tenant and role of a bearer token. A token of nobody, a revoked one and none at all look the same. The
    /// tenant is read each time: a revoked token must not work for a while longer.
    pub(crate) async fn authenticate(&self, headers: &HeaderMap) -> Result<(Tenant, Role), Problem> {
        let token = bearer(headers).ok_or_else(Problem::unauthorized)?;
        let id = token_tenant(token).and_then(|id| TenantId::parse(id).ok()).ok_or_else(Problem::unauthorized)?;
        let tenant = self.archive.store().tenant(&id).await.map_err(store_problem)?;
        let hash = token_hash(token);
        let tenant = tenant.ok_or_else(Problem::unauthorized)?;
        // Every token is compared, so that the time taken doesn't tell which one came close.
        let mut role = None;
        for known in &tenant.tokens {
            if same_hash(&known.sha256, &hash) {
                role = Some(known.role);
            }
        }
        role.map(|role| (tenant, role)).ok_or_else(Problem::unauthorized)
    }
}
