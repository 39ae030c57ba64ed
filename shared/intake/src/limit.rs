//! Limits how often a tenant's senders may post, so that one sender that posts endlessly does not take what the others
//! need. Only requests whose sender is proven are counted.
//!
//! A process counts its own requests. A function runs in as many processes as there are requests at once, and a sender that
//! floods it meets another one each time. So a process learns from the delivery log, which all of them add to, which part of
//! a source's traffic it sees; while all processes together got more than the limit, a request counts for the others'
//! requests, too. This needs no call of its own. What it learns is a minute old, so a flood is limited after a minute or two.

use std::sync::Arc;
use vestibule_domain::{Millis, TenantId, Timestamp};
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

    /// Counts a request of a source of which this process sees that share.
    ///
    /// # Errors
    /// When no request is left: the seconds, rounded up, until one is.
    pub(crate) fn take(&self, tenant: &TenantId, share: Option<Share>, now: Timestamp) -> Result<(), u32> {
        let flood = share.filter(|share| share.a_minute > u64::from(self.a_minute()));
        self.0.take_times(tenant, flood.map_or(1, |share| share.times), now.millis())
    }
}

/// Which part of a source's traffic this process sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// For how many requests of all processes one of this process stands.
    times: u32,
    /// Requests a minute that all processes got.
    a_minute: u64,
}

impl Share {
    /// The share of a process that got `requests` with `own` events within `passed`, in which the others counted
    /// `others` events. None if that says nothing.
    pub(crate) fn of(requests: u64, own: u64, others: u64, passed: Millis) -> Option<Self> {
        let passed = u64::try_from(passed.get()).ok().filter(|passed| *passed > 0)?;
        let all = own.saturating_add(others);
        let times = all.checked_div(own)?;
        let a_minute = requests.saturating_mul(all).checked_div(own)?.saturating_mul(60_000) / passed;
        Some(Self { times: u32::try_from(times).unwrap_or(u32::MAX), a_minute })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_what_all_processes_got() {
        let minute = Millis::from_minutes(1);
        let share = |times, a_minute| Some(Share { times, a_minute });
        assert_eq!(Share::of(30, 30, 0, minute), share(1, 30), "alone");
        assert_eq!(Share::of(30, 30, 120, minute), share(5, 150), "one of five");
        // A batch has many events.
        assert_eq!(Share::of(30, 3_000, 12_000, Millis::from_minutes(2)), share(5, 75));
        assert_eq!(Share::of(30, 0, 120, minute), None, "nothing of its own to compare with");
        assert_eq!(Share::of(30, 30, 120, Millis::ZERO), None);
    }

    #[test]
    fn a_share_counts_only_while_all_together_got_too_many() {
        let (tenant, now) = (TenantId::parse("contoso").unwrap(), Timestamp::from_millis(0));
        let limit = Limit::new(60);
        let few = Share::of(10, 10, 40, Millis::from_minutes(1));
        assert!((0..60).all(|_| limit.take(&tenant, few, now).is_ok()), "50 a minute in all");
        let limit = Limit::new(60);
        let many = Share::of(30, 30, 120, Millis::from_minutes(1));
        assert_eq!((0..60).filter(|_| limit.take(&tenant, many, now).is_ok()).count(), 12, "a fifth");
    }
}
