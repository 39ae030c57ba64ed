//! What the device reports of its enrollment itself, so that a tenant with this sender alone has attempts.
//!
//! It never failed: a device that runs the script was enrolled by then. Its set-up may fail, which is the session's.

use super::{Instant, Report};
use vestibule_domain::event::{Kind, Step};

impl Report<'_> {
    /// The page of a device that a person joins opens before the device is enrolled. Where it was enrolled first, nobody
    /// reports when that began.
    pub(super) fn enrollment(&mut self) {
        let posted = self.posted;
        let enrolled_at = posted.windows.enrolled_at;
        if let Some(first) = posted.parts.get(&1) {
            let began = self.start_of(first);
            if enrolled_at.is_none_or(|enrolled_at| enrolled_at > began.at) {
                // Without its time: a second start of one source would be a second try (docs/DOMAIN.md, A6).
                self.step(1, began, "enrollment-started", Step::of(Kind::Started));
            }
        }
        if let Some(at) = enrolled_at {
            let what = format!("enrolled/{}", at.millis());
            self.step(1, Instant { at, was_wrong: false }, &what, Step::of(Kind::Enrolled));
        }
    }
}
