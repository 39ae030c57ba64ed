//! Limits how often a tenant's senders may post, so that one sender that posts endlessly does not take what the others
//! need. Each process counts separately, and only requests whose sender is proven.

use std::sync::Arc;
use vestibule_domain::{TenantId, Timestamp};
use vestibule_platform::Buckets;

/// Number of tenants counted at once.
const MOST_TENANTS: usize = 10_000;

/// The tenants' requests.
#[derive(Clone, Debug)]
pub(crate) struct Limit(Arc<Buckets<TenantId>>);

impl Default for Limit {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Limit {
    /// A limit of `a_minute` requests a minute for each tenant; 0 for no limit.
    pub(crate) fn new(a_minute: u32) -> Self {
        Self(Arc::new(Buckets::new(a_minute, MOST_TENANTS)))
    }

    /// Requests a minute for each tenant; 0 for no limit.
    pub(crate) fn a_minute(&self) -> u32 {
        self.0.a_minute()
    }

    /// Counts a request.
    ///
    /// # Errors
    /// When no request is left: the seconds, rounded up, until one is.
    pub(crate) fn take(&self, tenant: &TenantId, now: Timestamp) -> Result<(), u32> {
        self.0.take(tenant, now.millis())
    }
}
