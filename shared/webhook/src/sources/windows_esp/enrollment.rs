//! The device's own report of its enrollment, so that a tenant with only this sender has attempts.
//!
//! It never reports a failed enrollment: a device that runs the script has enrolled. Its set-up may fail; the session
//! reports that.

use super::{Instant, Report};
use vestibule_domain::event::{Kind, Step};

impl Report<'_> {
    /// If a person joins the device, its page opens before it is enrolled. If it was enrolled first, nobody reports
    /// when that began.
    pub(super) fn enrollment(&mut self) {
        let posted = self.posted;
        let enrolled_at = posted.windows.enrolled_at;
        if let Some(first) = posted.parts.get(&1) {
            let began = self.start_of(first);
            if enrolled_at.is_none_or(|enrolled_at| enrolled_at > began.at) {
                // The id has no time: a second start of one source would be a second attempt (docs/DOMAIN.md, A6).
                self.step(1, began, "enrollment-started", Step::of(Kind::Started));
            }
        }
        if let Some(at) = enrolled_at {
            let what = format!("enrolled/{}", at.millis());
            self.step(1, Instant { at, was_wrong: false }, &what, Step::of(Kind::Enrolled));
        }
    }
}
