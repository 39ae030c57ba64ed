//! Who exports a tenant's file, which file is requested, and how long a tenant is skipped after a failed export: one
//! item for each tenant.
//!
//! [`Exports`], which knows neither clock nor table, decides what may happen. The item is replaced only on condition of
//! its version, so of several exporters one has the lease.
//!
//! Must stay true: every lease ends, whoever held it. A tenant whose export always fails is tried ever more rarely. A
//! request stays open until a file of its instant or a later one is published.

use crate::content::Place;
use crate::keys::tenant_pk;
use crate::{Cause, MOST_AHEAD, Store, StoreError};
use serde::{Deserialize, Serialize};
pub use vestibule_domain::report::{ExportReason, ExportRequest};
use vestibule_domain::{Millis, TenantId, Timestamp};

/// How long a lease lasts: a minute longer than a function may run. A holder that has not finished by then has died.
pub const EXPORT_LEASE: Millis = Millis::from_minutes(16);
/// How long a tenant is skipped after its export failed once: the tick's interval. Each further failure doubles it.
pub const EXPORT_BACK_OFF: Millis = Millis::from_minutes(15);
/// The longest time that a tenant is skipped.
pub const MOST_EXPORT_BACK_OFF: Millis = Millis::from_days(1);
/// How often a person's request is tried although the tenant is skipped, and how often an open request is sent again.
pub const ASKED_EVERY: Millis = Millis::from_minutes(15);

const EXPORTS: &str = "export";

/// The state of a tenant's exports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exports {
    /// Who exports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<ExportLease>,
    /// What was requested and is not yet published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingExport>,
    /// Failures since the last success.
    #[serde(default)]
    pub failures: u32,
    /// Until when it is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// When a person's request was last tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
}

/// The right to export a tenant's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportLease {
    /// The holder: one run of one exporter.
    pub owner: String,
    /// The instant at which it ends.
    pub until: Timestamp,
    /// The instant as of which the file will be true.
    pub as_of: Timestamp,
    /// Why it is exported.
    pub reason: ExportReason,
}

/// A file that somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingExport {
    /// The instant as of which it must be true, or a later one.
    pub as_of: Timestamp,
    /// When it was last put on the bus.
    pub sent_at: Timestamp,
}

/// Whether somebody may export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenExport {
    /// Yes: export a file as of this instant, before the lease ends.
    Leased {
        /// The instant as of which the file must be true.
        as_of: Timestamp,
    },
    /// No: another run exports it.
    UnderWay {
        /// The instant as of which the file will be true.
        as_of: Timestamp,
        /// When the lease ends at the latest.
        until: Timestamp,
    },
    /// No: the export failed, and the tenant is skipped until then.
    LeftAlone {
        /// When it may be tried again.
        until: Timestamp,
    },
}

/// The result of requesting a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedExport {
    /// What is requested now: the earlier request if that is still open.
    pub pending: PendingExport,
    /// Whether it must be put on the bus.
    pub send: bool,
}

impl Exports {
    /// The state at `now`: a lease that ran out counts as a failure, and what can only come from a clock that was ahead
    /// does not count.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        let mut exports = self.clone();
        exports.lease.take_if(|lease| lease.until > now + EXPORT_LEASE + MOST_AHEAD);
        exports.not_before.take_if(|until| *until > now + MOST_EXPORT_BACK_OFF + MOST_AHEAD);
        exports.asked_at.take_if(|asked_at| *asked_at > now + MOST_AHEAD);
        if let Some(pending) = &mut exports.pending {
            if pending.as_of > now + MOST_AHEAD {
                pending.as_of = now;
            }
            if pending.sent_at > now + MOST_AHEAD {
                pending.sent_at = now - ASKED_EVERY;
            }
        }
        if let Some(lease) = exports.lease.take_if(|lease| lease.until <= now) {
            exports.fail_at(lease.until);
        }
        exports
    }

    /// Until when the tenant is skipped, if it is skipped at `now`.
    pub fn left_alone_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.not_before.filter(|until| *until > now)
    }

    /// What was requested and nobody works on at `now`, unless the tenant is skipped.
    pub fn forgotten(&self, now: Timestamp) -> Option<PendingExport> {
        let exports = self.at(now);
        exports.pending.filter(|_| exports.lease.is_none() && exports.left_alone_until(now).is_none())
    }

    /// Whether a due file may be requested at `now`.
    pub fn may_begin(&self, now: Timestamp) -> bool {
        let exports = self.at(now);
        exports.lease.is_none() && exports.left_alone_until(now).is_none()
    }

    /// Gives `owner` the lease to export a file as of `as_of`, or as of the requested instant if that is later.
    pub fn take(&mut self, owner: &str, as_of: Timestamp, reason: ExportReason, now: Timestamp) -> TakenExport {
        *self = self.at(now);
        // Somebody who repeats an interrupted command need not wait until the first lease runs out.
        self.lease.take_if(|lease| (lease.reason, reason) == (ExportReason::Operator, ExportReason::Operator));
        if let Some(ExportLease { owner: of, until, as_of, .. }) = &self.lease {
            let (until, as_of) = (*until, *as_of);
            // A holder that did not receive the answer asks again.
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

    /// `owner` has published a file as of `as_of`. Returns what is still requested, to be put on the bus.
    pub fn finish(&mut self, owner: &str, as_of: Timestamp, now: Timestamp) -> Option<PendingExport> {
        self.lease.take_if(|lease| lease.owner == owner);
        (self.failures, self.not_before, self.asked_at) = (0, None, None);
        self.pending.take_if(|pending| pending.as_of <= as_of);
        if let Some(pending) = &mut self.pending {
            pending.sent_at = now;
        }
        self.pending
    }

    /// `owner` could not publish. This has no effect if another run has the lease by now.
    pub fn fail(&mut self, owner: &str, now: Timestamp) {
        if self.lease.take_if(|lease| lease.owner == owner).is_some() {
            self.fail_at(now);
        }
    }

    fn fail_at(&mut self, at: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        // After ten doublings it is the longest time anyway.
        let doubled = EXPORT_BACK_OFF.get() << self.failures.min(10).saturating_sub(1);
        self.not_before = Some(at + Millis::new(doubled.min(MOST_EXPORT_BACK_OFF.get())));
    }

    /// Requests a file as of `now`, or keeps an earlier request that is still open. `anew` is for what a file begun
    /// before `now` can't show.
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
        // The run that works on it will send the request that is left.
        AskedExport { pending, send: under_way.is_none() }
    }
}

impl Store {
    /// The state of a tenant's exports.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn exports(&self, tenant: &TenantId) -> Result<Exports, StoreError> {
        Ok(self.read_content(&place(tenant)).await?.0)
    }

    /// Takes a tenant's lease for `owner`, a name that no other run has; see [`Exports::take`].
    ///
    /// # Errors
    /// If the table can't be read or written.
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
    /// If the table can't be read or written; the lease then runs out.
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
    /// If the table can't be read or written; the lease then runs out.
    pub async fn fail_export(&self, tenant: &TenantId, owner: &str, now: Timestamp) -> Result<(), StoreError> {
        self.change_exports(tenant, |exports| exports.fail(owner, now)).await
    }

    /// Requests a tenant's file; see [`Exports::ask`].
    ///
    /// # Errors
    /// If the table can't be read or written.
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
