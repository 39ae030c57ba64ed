//! Applies what retention left behind, in the order of the events.
//!
//! Must stay true: if everything that was dropped is sent again, attempts, numbers and facts are as before it was
//! dropped.

use super::run::Run;
use crate::about::About;
use crate::history::Base;
use crate::time::Timestamp;

impl Run<'_> {
    /// Passes the instant up to which retention dropped events: from here on, what was known then counts. Attempts that
    /// were sent again are the last ones of those that were dropped, so that later ones keep their numbers.
    pub(super) fn pass(&mut self, base: &Base, about: &mut About) {
        self.close_if_idle(base.until);
        let count = |attempts: usize| u32::try_from(attempts).unwrap_or(u32::MAX);
        let came = count(self.attempts.len() + usize::from(self.open.is_some()));
        let more = base.standing.attempts.saturating_sub(self.dropped.saturating_add(came));
        let last_is_new = self.attempts.len() > self.numbered;
        let shut = self.shut.as_mut().filter(|_| last_is_new).map(|(open, _)| &mut open.attempt);
        let open = self.open.as_mut().map(|open| &mut open.attempt);
        for attempt in self.attempts.iter_mut().skip(self.numbered).chain(shut).chain(open) {
            attempt.number = attempt.number.saturating_add(more);
        }
        self.numbered = self.attempts.len();
        self.dropped = self.dropped.saturating_add(more);
        self.known = base.standing.over(&self.known);
        self.facts_changed(Timestamp::MIN);
        if !self.known.failure {
            self.resolve();
        }
        if let Some(known) = &base.about {
            about.update(known);
            self.platform = known.platform.or(self.platform);
        }
    }
}
