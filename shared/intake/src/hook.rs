//! A function's webhooks: whose request it is, then what is in it.

use crate::{Source, Status, store_batch};
use http::Method;
use std::sync::Arc;
use vestibule_domain::{TenantId, Timestamp};
use vestibule_platform::{Clock, HttpRequest, HttpResponse, Problem, metrics};
use vestibule_store::{Store, Tenant, TenantCache};
use vestibule_webhook::signature::{self, SignatureError};
use vestibule_webhook::{BodyError, MAX_BODY_BYTES, Received};

/// Compared with where there is no tenant, so that an unknown one takes as long as a wrong signature.
const NOBODYS_SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Webhooks at `/hooks/{tenant}/{source}`, signed as Standard Webhooks says.
#[derive(Clone, Debug)]
pub struct Hook {
    sources: &'static [Source],
    store: Store,
    tenants: TenantCache,
    clock: Clock,
}

impl Hook {
    /// The hooks of these sources.
    pub fn new(sources: &'static [Source], store: Store, clock: Clock) -> Self {
        Self { sources, tenants: TenantCache::new(store.clone()), store, clock }
    }

    /// Serves one request.
    pub async fn handle(&self, request: HttpRequest) -> HttpResponse {
        match self.receive(request).await {
            Ok(response) => response,
            Err(problem) => problem.into(),
        }
    }

    async fn receive(&self, request: HttpRequest) -> Result<HttpResponse, Problem> {
        if request.method() != Method::POST {
            return Err(Problem::method_not_allowed());
        }
        if request.body().len() > MAX_BODY_BYTES {
            return Err(Problem::too_large().detail(BodyError::TooLarge.to_string()));
        }
        let now = Timestamp::from_millis(self.clock.now_millis());
        let addressed = self.addressed(request.uri().path());
        let tenant = self.authenticate(addressed.as_ref().map(|(tenant, _)| tenant), &request, now).await?;
        let (_, source) = addressed.ok_or_else(Problem::unauthorized)?;
        let received = Received { at: now, backfill: is_backfill(request.uri().query()) };
        let batch = (source.read)(request.body(), received, &tenant.settings).map_err(|error| match error {
            BodyError::TooLarge | BodyError::TooManyEvents => Problem::too_large().detail(error.to_string()),
            BodyError::NotJson { .. } | BodyError::NotAnEvent => Problem::bad_request().detail(error.to_string()),
        })?;
        let results = store_batch(&self.store, &tenant.id, &tenant.settings, batch, now).await;
        for (name, status) in [
            ("UnknownEventTypes", Status::UnknownType),
            ("InvalidEvents", Status::Invalid),
            ("EventsRefusedDeviceFull", Status::DeviceFull),
            ("EventsNotStored", Status::Unavailable),
        ] {
            metrics::count(name, tenant.id.as_str(), results.count(status) as u64, now.millis());
        }
        Ok(results.into())
    }

    /// The tenant that the path names and the signature proves. Both failures look the same from outside.
    async fn authenticate(
        &self,
        id: Option<&TenantId>,
        request: &HttpRequest,
        now: Timestamp,
    ) -> Result<Arc<Tenant>, Problem> {
        let mut found = match id {
            Some(id) => self.tenants.get(id, now).await.map_err(unavailable)?,
            None => None,
        };
        for attempt in 0..2 {
            match self.verify(found.as_deref(), request, now) {
                Ok(()) => break,
                // The secret may be newer than what is held.
                Err(SignatureError::Mismatch) if attempt == 0 && id.is_some() => {
                    if let Some(id) = id {
                        found = self.tenants.fresh(id, now).await.map_err(unavailable)?;
                    }
                }
                Err(error) => {
                    let tenant = found.as_ref().map_or("-", |tenant| tenant.id.as_str());
                    tracing::warn!(tenant, %error, "a request was not authenticated");
                    return Err(Problem::unauthorized());
                }
            }
        }
        found.ok_or_else(Problem::unauthorized)
    }

    fn verify(&self, tenant: Option<&Tenant>, request: &HttpRequest, now: Timestamp) -> Result<(), SignatureError> {
        let (headers, body) = (request.headers(), request.body());
        match tenant {
            Some(tenant) => signature::verify(headers, body, tenant.secrets(), now),
            None => signature::verify(headers, body, [NOBODYS_SECRET], now).and(Err(SignatureError::Mismatch)),
        }
    }

    /// The tenant and source that a path names.
    fn addressed(&self, path: &str) -> Option<(TenantId, &'static Source)> {
        let (tenant, name) = path.strip_prefix("/hooks/")?.split_once('/')?;
        let source = self.sources.iter().find(|source| source.name == name)?;
        Some((TenantId::parse(tenant).ok()?, source))
    }
}

fn unavailable(error: vestibule_store::StoreError) -> Problem {
    tracing::error!(%error, "the tenant could not be read");
    Problem::unavailable()
}

fn is_backfill(query: Option<&str>) -> bool {
    query.unwrap_or_default().split('&').any(|pair| pair.eq_ignore_ascii_case("backfill=true"))
}
