//! The plain model: the domain's rules once more, written separately, slow and in a straight line.
//!
//! It reads plain `CloudEvents` JSON and uses nothing of the other crates, so that a mistake there is not
//! repeated here. Tests compare the two: whatever the order of delivery, the repetition and the number
//! of sweeps in between, the real fold has to say what [`devices`] says.
//!
//! [`devices`] goes from delivered events to devices and their attempts, [`report`] from there to the numbers
//! of the incomplete-enrollments report and [`status`] to those of the status page. [`arbitrary`] makes
//! event sets that lie on the edges of the rules. [`esp`] and [`esp_resolve`] are the Enrollment Status Page's sessions
//! and profiles.

pub mod arbitrary;
mod attempts;
mod catalogue;
pub mod esp;
pub mod esp_resolve;
mod read;
mod report;
mod status;

pub use attempts::{Attempt, Device, devices};
pub use catalogue::{ROWS, Row, SECTIONS};
pub use read::{clock_skew, is_valid, placed_at_ms};
pub use report::{Elsewhere, Report, report};
pub use status::{Failing, PlatformLine, Status, status};

/// One delivered copy of an event: what the sender sent, and when we received it.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivered {
    /// The structured `CloudEvents` JSON, as sent.
    pub event: serde_json::Value,
    /// When this copy was received, in milliseconds since 1970.
    pub received_at_ms: i64,
}

/// What of a tenant's settings changes attempts and numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The IANA name of the zone in which days begin. A name that does not exist counts as UTC.
    pub time_zone: String,
    /// Whether a device must be compliant, besides enrolled, to be complete.
    pub require_compliance: bool,
    /// After how many quiet minutes a Windows attempt is abandoned.
    pub windows_idle_limit_minutes: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { time_zone: "UTC".to_owned(), require_compliance: true, windows_idle_limit_minutes: 1440 }
    }
}
