//! The plain model: the domain's rules, written a second time and separately, slowly and in a straight line.
//!
//! It reads plain `CloudEvents` JSON and uses nothing from the other crates, so that a mistake there is not repeated
//! here. Tests compare the two: whatever the order of delivery, the repetition and the number of sweeps in between, the
//! real fold must give the same answer as [`devices`].
//!
//! [`devices`] makes devices and their attempts from delivered events; [`report()`] makes the numbers of the
//! incomplete-enrollments report from them, [`overview()`] those of the overview, [`slices()`] the same by what was reported
//! of them, [`status()`] those of the status page, and [`usual()`] how long sessions like one took. [`arbitrary`] makes event
//! sets at the edges of the rules. [`esp`] and [`esp_resolve`] are the Enrollment Status Page's sessions and profiles.

mod apps;
pub mod arbitrary;
mod attempts;
mod catalogue;
pub mod esp;
pub mod esp_resolve;
mod fold;
mod overview;
mod read;
mod report;
pub mod scenes;
mod slices;
pub mod statistics;
mod status;
mod usual;

pub use apps::{AppLine, apps};
pub use attempts::{Attempt, Device, Page, devices, devices_of};
pub use catalogue::{ROWS, Row, SECTIONS};
pub use overview::{AtStep, Overview, Period, STEPS, monday, overview};
pub use read::{Event, IdentifierKind, Kind, Place, clock_skew, is_valid, placed_at_ms, read};
pub use report::{Elsewhere, Report, report};
pub use slices::{SliceLine, only, slices};
pub use status::{Failing, PlatformLine, Status, status};
pub use usual::{Median, Usual, usual};

/// What a sender can report (docs/DOMAIN.md, E9).
#[expect(clippy::struct_excessive_bools, reason = "each is a separate question")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reports {
    /// When a try begins.
    pub starts: bool,
    /// Screens.
    pub steps: bool,
    /// That a person stopped.
    pub stops: bool,
    /// Failures.
    pub failures: bool,
    /// That a device is enrolled.
    pub ends: bool,
    /// Compliance.
    pub compliance: bool,
    /// That a device is no longer under management.
    pub removals: bool,
    /// Whether the time of its events is the device's.
    pub device_time: bool,
}

impl Reports {
    /// What a sender of the native form reports.
    pub const ALL: Self = Self {
        starts: true,
        steps: true,
        stops: true,
        failures: true,
        ends: true,
        compliance: true,
        removals: true,
        device_time: true,
    };
    /// Nothing, with a server's clock.
    pub const NOTHING: Self = Self {
        starts: false,
        steps: false,
        stops: false,
        failures: false,
        ends: false,
        compliance: false,
        removals: false,
        device_time: false,
    };
}

/// One delivered copy of an event: what the sender sent, and when we received it.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivered {
    /// The structured `CloudEvents` JSON, as sent.
    pub event: serde_json::Value,
    /// When this copy was received, in milliseconds since 1970.
    pub received_at_ms: i64,
    /// What its sender can report.
    pub reports: Reports,
    /// Whether retention dropped it.
    pub dropped: bool,
}

/// The tenant's settings that affect attempts and numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The IANA name of the zone in which days begin. A name that does not exist counts as UTC.
    pub time_zone: String,
    /// Whether a device must be compliant, as well as enrolled, to be complete.
    pub require_compliance: bool,
    /// The number of quiet minutes after which a Windows attempt is abandoned.
    pub windows_idle_limit_minutes: i64,
    /// The same on macOS.
    pub macos_idle_limit_minutes: i64,
    /// The number of quiet minutes after which an attempt that waits for compliance is abandoned.
    pub compliance_limit_minutes: i64,
    /// The source that reports compliance.
    pub compliance_source: ComplianceSource,
}

/// The source that reports compliance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ComplianceSource {
    /// No source.
    #[default]
    None,
    /// One source for all platforms.
    All(String),
    /// One source for each of these platforms.
    Each(Vec<(String, String)>),
}

impl ComplianceSource {
    /// Whether the tenant names a source other than this one for this platform.
    #[must_use]
    pub fn is_another(&self, platform: Option<&str>, source: &str) -> bool {
        match self {
            Self::None => false,
            Self::All(named) => named != source,
            Self::Each(each) => each.iter().any(|(of, named)| Some(of.as_str()) == platform && named != source),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            time_zone: "UTC".to_owned(),
            require_compliance: true,
            windows_idle_limit_minutes: 1440,
            macos_idle_limit_minutes: 30,
            compliance_limit_minutes: 1440,
            compliance_source: ComplianceSource::None,
        }
    }
}
