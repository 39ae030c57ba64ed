//! Who exports a tenant's file, what is asked for, and how long a tenant is left alone whose export fails: one item a
//! tenant.
//!
//! What may happen is decided by [`Exports`], which knows neither clock nor table; the item is replaced only on condition
//! of its version, so of any number of exporters one has the lease.
//!
//! Must stay true: a lease ends, whoever held it; a tenant whose export always fails is tried ever more rarely; what was
//! asked for stays asked for until a file of that instant or a later one is there.

use crate::content::Place;
use crate::keys::tenant_pk;
use crate::{Cause, Store, StoreError};
use serde::{Deserialize, Serialize};
pub use vestibule_domain::report::{ExportReason, ExportRequest};
use vestibule_domain::{Millis, TenantId, Timestamp};

/// How long a lease lasts: a minute longer than a function may run. What its holder has not ended by then has died.
pub const EXPORT_LEASE: Millis = Millis::from_minutes(16);
/// How long a tenant is left alone after its export failed once: the tick's interval. Doubled by each further failure.
pub const EXPORT_BACK_OFF: Millis = Millis::from_minutes(15);
/// The longest that a tenant is left alone.
pub const MOST_EXPORT_BACK_OFF: Millis = Millis::from_days(1);
/// How often somebody who asks gets a try although the tenant is left alone, and what is asked for is sent again.
pub const ASKED_EVERY: Millis = Millis::from_minutes(15);

const EXPORTS: &str = "export";

/// How things stand with a tenant's exports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exports {
    /// Who exports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<ExportLease>,
    /// What was asked for and is not there yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingExport>,
    /// Failures since the last success.
    #[serde(default)]
    pub failures: u32,
    /// Until when it is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// When somebody who asked was last given a try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
}

/// The right to export a tenant's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportLease {
    /// Whose it is: one run of one exporter.
    pub owner: String,
    /// The instant from which on it is nobody's.
    pub until: Timestamp,
    /// The instant that the file will be true for.
    pub as_of: Timestamp,
    /// Why it is exported.
    pub reason: ExportReason,
}

/// A file that somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingExport {
    /// The instant that it must be true for, at least.
    pub as_of: Timestamp,
    /// When it was last put on the bus.
    pub sent_at: Timestamp,
}

/// Whether somebody may export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenExport {
    /// Yes, a file as of this instant, until the lease ends.
    Leased {
        /// The instant that the file is to be true for.
        as_of: Timestamp,
    },
    /// No: somebody else does.
    UnderWay {
        /// The instant that the file will be true for.
        as_of: Timestamp,
        /// When the lease ends at the latest.
        until: Timestamp,
    },
    /// No: it failed, and the tenant is left alone until then.
    LeftAlone {
        /// When it may be tried again.
        until: Timestamp,
    },
}

/// What became of asking for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedExport {
    /// What is asked for now: the same as before where that is still to come.
    pub pending: PendingExport,
    /// Whether it is to be put on the bus.
    pub send: bool,
}

impl Exports {
    /// How things stand at `now`: a lease that ran out failed.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        let mut exports = self.clone();
        if let Some(lease) = exports.lease.take_if(|lease| lease.until <= now) {
            exports.fail_at(lease.until);
        }
        exports
    }

    /// Until when the tenant is left alone, if it is at `now`.
    pub fn left_alone_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.not_before.filter(|until| *until > now)
    }

    /// What was asked for and nobody is working on at `now`, unless the tenant is left alone.
    pub fn forgotten(&self, now: Timestamp) -> Option<PendingExport> {
        let exports = self.at(now);
        exports.pending.filter(|_| exports.lease.is_none() && exports.left_alone_until(now).is_none())
    }

    /// Whether a file that is due may be asked for at `now`.
    pub fn may_begin(&self, now: Timestamp) -> bool {
        let exports = self.at(now);
        exports.lease.is_none() && exports.left_alone_until(now).is_none()
    }

    /// Gives `owner` the lease to export a file as of `as_of`, or as of what was asked for by now where that is later.
    pub fn take(&mut self, owner: &str, as_of: Timestamp, reason: ExportReason, now: Timestamp) -> TakenExport {
        *self = self.at(now);
        // Who broke off a command and repeats it need not wait for the lease of the first to run out.
        self.lease.take_if(|lease| (lease.reason, reason) == (ExportReason::Operator, ExportReason::Operator));
        if let Some(ExportLease { owner: of, until, as_of, .. }) = &self.lease {
            let (until, as_of) = (*until, *as_of);
            // It is asked again by whoever did not hear the answer.
            return if of == owner { TakenExport::Leased { as_of } } else { TakenExport::UnderWay { as_of, until } };
        }
        if let Some(until) = self.left_alone_until(now) {
            let given = match reason {
                ExportReason::Nightly => false,
                ExportReason::Asked => self.asked_at.is_none_or(|asked_at| now - asked_at >= ASKED_EVERY),
                ExportReason::Operator => true,
            };
            if !given {
                return TakenExport::LeftAlone { until };
            }
        }
        let mut as_of = as_of;
        if reason == ExportReason::Asked {
            self.asked_at = Some(now);
            as_of = self.pending.map_or(as_of, |pending| as_of.max(pending.as_of));
        }
        self.lease = Some(ExportLease { owner: owner.to_owned(), until: now + EXPORT_LEASE, as_of, reason });
        TakenExport::Leased { as_of }
    }

    /// `owner` has published a file as of `as_of`. Returns what is still asked for, to be put on the bus.
    pub fn finish(&mut self, owner: &str, as_of: Timestamp, now: Timestamp) -> Option<PendingExport> {
        self.lease.take_if(|lease| lease.owner == owner);
        (self.failures, self.not_before, self.asked_at) = (0, None, None);
        self.pending.take_if(|pending| pending.as_of <= as_of);
        if let Some(pending) = &mut self.pending {
            pending.sent_at = now;
        }
        self.pending
    }

    /// `owner` could not publish. Without effect once the lease is another's.
    pub fn fail(&mut self, owner: &str, now: Timestamp) {
        if self.lease.take_if(|lease| lease.owner == owner).is_some() {
            self.fail_at(now);
        }
    }

    fn fail_at(&mut self, at: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        // Beyond ten doublings it is the longest anyway.
        let doubled = EXPORT_BACK_OFF.get() << self.failures.min(10).saturating_sub(1);
        self.not_before = Some(at + Millis::new(doubled.min(MOST_EXPORT_BACK_OFF.get())));
    }

    /// Asks for a file as of `now`, or stays with what was asked for where that is still to come. `anew` is for what a file
    /// that was begun before `now` can't show.
    pub fn ask(&mut self, now: Timestamp, anew: bool) -> AskedExport {
        *self = self.at(now);
        let under_way = self.lease.as_ref().map(|lease| lease.as_of);
        let to_come = |pending: &PendingExport| under_way.is_some() || now - pending.sent_at < ASKED_EVERY;
        if let Some(pending) = self.pending.filter(|pending| !anew && to_come(pending)) {
            return AskedExport { pending, send: false };
        }
        let as_of = under_way.map_or(now, |under_way| now.max(under_way + Millis::new(1)));
        let pending = PendingExport { as_of, sent_at: now };
        self.pending = Some(pending);
        // Whoever is at it asks for what is left.
        AskedExport { pending, send: under_way.is_none() }
    }
}

impl Store {
    /// How things stand with a tenant's exports.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn exports(&self, tenant: &TenantId) -> Result<Exports, StoreError> {
        Ok(self.read_content(&place(tenant)).await?.0)
    }

    /// Takes a tenant's lease for `owner`, a name that no other run has; see [`Exports::take`].
    ///
    /// # Errors
    /// When the table can't be read or written.
    pub async fn take_export(
        &self,
        tenant: &TenantId,
        owner: &str,
        as_of: Timestamp,
        reason: ExportReason,
        now: Timestamp,
    ) -> Result<TakenExport, StoreError> {
        self.change_exports(tenant, |exports| exports.take(owner, as_of, reason, now)).await
    }

    /// Ends `owner`'s export of a file as of `as_of`; see [`Exports::finish`].
    ///
    /// # Errors
    /// When the table can't be read or written: the lease then runs out.
    pub async fn finish_export(
        &self,
        tenant: &TenantId,
        owner: &str,
        as_of: Timestamp,
        now: Timestamp,
    ) -> Result<Option<PendingExport>, StoreError> {
        self.change_exports(tenant, |exports| exports.finish(owner, as_of, now)).await
    }

    /// Ends `owner`'s export without a file; see [`Exports::fail`].
    ///
    /// # Errors
    /// When the table can't be read or written: the lease then runs out.
    pub async fn fail_export(&self, tenant: &TenantId, owner: &str, now: Timestamp) -> Result<(), StoreError> {
        self.change_exports(tenant, |exports| exports.fail(owner, now)).await
    }

    /// Asks for a tenant's file; see [`Exports::ask`].
    ///
    /// # Errors
    /// When the table can't be read or written.
    pub async fn ask_for_export(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        anew: bool,
    ) -> Result<AskedExport, StoreError> {
        self.change_exports(tenant, |exports| exports.ask(now, anew)).await
    }

    async fn change_exports<T>(&self, tenant: &TenantId, change: impl Fn(&mut Exports) -> T) -> Result<T, StoreError> {
        self.change_content(&place(tenant), change).await
    }
}

fn place(tenant: &TenantId) -> Place {
    Place { pk: tenant_pk(tenant), sk: EXPORTS.to_owned(), cause: Cause::Tenant }
}

#[cfg(test)]
mod tests;
