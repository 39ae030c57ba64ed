//! What folding makes of an item that changed: its attempts, and what the file must remember about it.
//!
//! Must stay true: folding needs no file, so it can be done on another thread than writing, and depends on nothing but the
//! item, the settings and the instant.

use std::borrow::Borrow;
use vestibule_domain::attempt::Enrollment;
use vestibule_domain::esp::EspSession;
use vestibule_domain::{History, Millis, Plan, TenantId, TenantSettings, Timestamp, fold};

/// An item of the store that changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// The store's key of the enrollment.
    pub item: String,
    /// Its version there.
    pub version: u64,
    /// All events received about it.
    pub history: History,
    /// When the store deletes it if nothing arrives. The store does not report this deletion.
    pub expires_at: Option<Timestamp>,
}

/// Folds items for one [refresh](crate::Refresh), also on other threads.
#[derive(Clone, Debug)]
pub struct Folding {
    pub(crate) tenant: TenantId,
    pub(crate) settings: TenantSettings,
    pub(crate) as_of: Timestamp,
}

/// A folded item, to be [written](crate::Refresh::write).
#[derive(Debug)]
pub struct Folded<C> {
    pub(crate) change: C,
    pub(crate) enrollment: Enrollment,
    pub(crate) state: State,
}

/// What the next refresh must know about an item.
#[derive(Debug)]
pub(crate) struct State {
    /// The last instant at which the rows are still right if nothing arrives.
    pub deadline: Option<i64>,
    /// When the store deletes it.
    pub expires_at: Option<i64>,
    /// The day of the item's oldest event, in the window or before it.
    pub oldest_day: Option<i32>,
    /// The day of the item's newest event whose time is not in the future, without those that carry only tags.
    pub newest_day: Option<i32>,
}

impl Folding {
    /// Folds an item.
    pub fn fold<C: Borrow<Change>>(&self, change: C) -> Folded<C> {
        let Change { history, expires_at, .. } = change.borrow();
        let enrollment = fold(&self.tenant, history, &self.settings, self.as_of);
        let plan = Plan::of(&enrollment, history);
        // A session also changes when it becomes stuck, even after its time limit.
        let sessions = enrollment.sessions.iter().filter_map(EspSession::stands_until);
        let placed = || history.events().map(|event| event.placed());
        // Tags alone are no report: a device of which nothing else is known counts nowhere (docs/DOMAIN.md, E12).
        let reported = history.events().filter(|event| !event.is_tagged()).map(|event| event.placed());
        // An event whose time is in the future changes the rows when that time comes.
        let to_come = placed().filter(|at| *at > self.as_of).min();
        let deadline = plan.due_at.into_iter().chain(sessions).chain(to_come.map(|at| at - Millis::new(1))).min();
        let day = |at: Timestamp| at.day(self.settings.time_zone).get();
        let state = State {
            deadline: deadline.map(Timestamp::millis),
            // The store has no expiry of an item that was never settled, but may delete it unnoticed after pruning it.
            expires_at: expires_at.or(plan.expires_at).map(Timestamp::millis),
            // From events rather than attempts: a device that only repeats itself has old events without an attempt.
            oldest_day: placed().min().map(day),
            // Events whose time is in the future do not count as reported yet.
            newest_day: reported.filter(|at| *at <= self.as_of).max().map(day),
        };
        Folded { change, enrollment, state }
    }
}

impl<C: Borrow<Change>> Folded<C> {
    /// The item.
    pub fn change(&self) -> &Change {
        self.change.borrow()
    }
}
