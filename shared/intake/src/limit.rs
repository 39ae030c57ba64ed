//! Limits how often a tenant's senders may post, so that one sender that posts endlessly does not take what the others
//! need.
//!
//! Each tenant has a bucket that holds a minute's requests and fills evenly; each request takes one. Each process
//! counts separately, and only requests whose sender is proven.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use vestibule_domain::{TenantId, Timestamp};

/// Milliseconds in a minute: the unit of a bucket's level, so that it fills by whole numbers.
const MINUTE: u64 = 60_000;
/// Number of tenants counted at once. Beyond it counting starts anew, so memory stays bounded.
const MOST_TENANTS: usize = 10_000;

/// The tenants' buckets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limit {
    /// Requests a minute; 0 for no limit.
    a_minute: u32,
    buckets: Arc<Mutex<HashMap<TenantId, Bucket>>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Its level, in requests times [`MINUTE`].
    level: u64,
    filled_at: Timestamp,
}

impl Limit {
    /// A limit of `a_minute` requests a minute for each tenant.
    pub(crate) fn new(a_minute: u32) -> Self {
        Self { a_minute, buckets: Arc::default() }
    }

    /// Requests a minute for each tenant; 0 for no limit.
    pub(crate) const fn a_minute(&self) -> u32 {
        self.a_minute
    }

    /// Counts a request.
    ///
    /// # Errors
    /// When no request is left: the seconds, rounded up, until one is.
    pub(crate) fn take(&self, tenant: &TenantId, now: Timestamp) -> Result<(), u32> {
        if self.a_minute == 0 {
            return Ok(());
        }
        let rate = u64::from(self.a_minute);
        let full = rate * MINUTE;
        // Each change of a bucket completes before anything can panic.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_TENANTS && !buckets.contains_key(tenant) {
            buckets.clear();
        }
        let bucket = buckets.entry(tenant.clone()).or_insert(Bucket { level: full, filled_at: now });
        // If the clock goes back, nothing is filled.
        let passed = u64::try_from((now - bucket.filled_at).get()).unwrap_or(0);
        bucket.level = full.min(bucket.level.saturating_add(passed.saturating_mul(rate)));
        bucket.filled_at = now;
        if bucket.level >= MINUTE {
            bucket.level -= MINUTE;
            return Ok(());
        }
        let seconds = (MINUTE - bucket.level).div_ceil(rate).div_ceil(1_000);
        Err(u32::try_from(seconds).unwrap_or(60))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_a_minutes_requests_and_gets_them_back_evenly() {
        let (limit, at) = (Limit::new(120), |millis: i64| Timestamp::from_millis(1_800_000_000_000 + millis));
        let [one, other] = ["one", "other"].map(|name| TenantId::parse(name).unwrap());
        assert!((0..120).all(|_| limit.take(&one, at(0)).is_ok()));
        assert_eq!(limit.take(&one, at(0)), Err(1));
        assert_eq!(limit.take(&other, at(0)), Ok(()), "another tenant is counted alone");
        assert_eq!(limit.take(&one, at(499)), Err(1));
        assert_eq!(limit.take(&one, at(500)), Ok(()));
        assert_eq!(limit.take(&one, at(500)), Err(1));
        // If the clock goes back, the bucket gains nothing and loses nothing for good.
        assert_eq!(limit.take(&one, at(0)), Err(1));
        assert_eq!(limit.take(&one, at(500)), Ok(()));
        assert!((0..120).all(|_| limit.take(&one, at(600_000)).is_ok()), "full again, and no fuller");
        assert_eq!(limit.take(&one, at(600_000)), Err(1));
        assert_eq!(Limit::new(1).take(&one, at(0)), Ok(()));
        let slow = Limit::new(1);
        assert_eq!((slow.take(&one, at(0)), slow.take(&one, at(15_000))), (Ok(()), Err(45)));
        assert!((0..1_000).all(|_| Limit::default().take(&one, at(0)).is_ok()), "0 is no limit");
    }
}
