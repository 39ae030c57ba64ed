//! What the table's work costs: consumed capacity as the table reports it, by cause.
//!
//! Must stay true: every call asks for its consumed capacity (that is free), so the cost of a design can be tested like
//! its results.

use aws_sdk_dynamodb::types::ConsumedCapacity;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The purpose of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Reading the item of an identifier.
    Lookup,
    /// Reading segments.
    Segments,
    /// Writing events.
    Events,
    /// Writing a link.
    Link,
    /// Merging two enrollments.
    Merge,
    /// The sweep's queries of the due index.
    SweepQuery,
    /// The sweep's reads.
    SweepRead,
    /// The sweep's writes.
    SweepWrite,
    /// Queries of the change index.
    Changes,
    /// Reading what changed.
    Load,
    /// The feed: its pages, barriers and flags.
    Feed,
    /// Retention.
    Prune,
    /// Folding again after a change of settings.
    Refold,
    /// The records that the publisher sets aside.
    Publish,
    /// The delivery log.
    Deliveries,
    /// Web-based enrollment: sets of people and their sums.
    WebEnrollment,
    /// Lists that are pulled: their state, and digests of their records.
    Pull,
    /// Messages to people: rules, channels, what came and what was sent.
    Notices,
    /// Tenants and their files.
    Tenant,
    /// Sessions of browsers.
    BrowserSessions,
    /// Erasing a person, a device or a tenant.
    Erase,
}

/// Capacity units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    /// Read units.
    pub read: f64,
    /// Write units of the table itself.
    pub write: f64,
    /// Write units of its indexes.
    pub index_write: f64,
    /// Calls.
    pub calls: u64,
}

/// Counts of units by cause, shared by the clones of a store.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<BTreeMap<Cause, Units>>>);

impl Meter {
    pub(crate) fn read(&self, cause: Cause, consumed: &[ConsumedCapacity]) {
        let units: f64 = consumed.iter().filter_map(ConsumedCapacity::capacity_units).sum();
        self.add(cause, |sum| sum.read += units);
    }

    pub(crate) fn wrote(&self, cause: Cause, consumed: &[ConsumedCapacity]) {
        for one in consumed {
            let total = one.capacity_units().unwrap_or(0.0);
            let indexes: f64 = one
                .global_secondary_indexes()
                .map_or(0.0, |indexes| indexes.values().filter_map(|index| index.capacity_units()).sum());
            self.add(cause, |sum| {
                sum.write += total - indexes;
                sum.index_write += indexes;
            });
        }
    }

    /// A failed condition is charged like the write, but the table does not report it.
    pub(crate) fn failed_condition(&self, cause: Cause) {
        self.add(cause, |sum| sum.write += 1.0);
    }

    fn add(&self, cause: Cause, add: impl FnOnce(&mut Units)) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = sums.entry(cause).or_default();
        add(sum);
        sum.calls += 1;
    }

    /// The units so far, by cause.
    pub fn by_cause(&self) -> BTreeMap<Cause, Units> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The units so far, all together.
    pub fn total(&self) -> Units {
        self.by_cause().values().fold(Units::default(), |sum, one| Units {
            read: sum.read + one.read,
            write: sum.write + one.write,
            index_write: sum.index_write + one.index_write,
            calls: sum.calls + one.calls,
        })
    }

    /// Starts counting anew.
    pub fn reset(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
