//! The numbers of the status page.

use crate::report::rate;
use crate::{Attempt, Device};

/// The kinds of enrollment that the status page distinguishes.
const PLATFORMS: [&str; 7] = [
    "Windows (Autopilot)",
    "Windows (Manual)",
    "Windows (Pre-provisioning)",
    "macOS (ADE)",
    "macOS (Manual)",
    "iOS/iPadOS",
    "Android Enterprise",
];

/// The state of a device: the first one that fits.
const STATES: [&str; 8] =
    ["inProgress", "waitingForCompliance", "failed", "prepared", "enrolled", "gaveUp", "pending", "notEnrolled"];

/// One line of the table by platform; it counts attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct PlatformLine {
    /// One of the seven names.
    pub platform: String,
    /// All attempts.
    pub total: u64,
    /// Of these, the ones started at most seven times 24 hours ago.
    pub last_7_days: u64,
    /// Completed ones.
    pub completed: u64,
    /// Failed ones.
    pub failed: u64,
    /// Abandoned ones.
    pub abandoned: u64,
    /// Closed ones that are judged.
    pub judged: u64,
    /// Completed divided by completed, failed and abandoned, of the judged ones.
    pub success_rate: Option<f64>,
    /// Mean time of the completed ones whose start was reported, in minutes.
    pub average_minutes: Option<f64>,
}

/// How often a reason was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The reason as reported.
    pub reason: Option<String>,
    /// Failed attempts with it.
    pub failed: u64,
}

/// The status page's numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Devices by state, also with zero: the eight of docs/DOMAIN.md, D1, which together cover all devices.
    pub states: Vec<(String, u64)>,
    /// The seven lines, zero included.
    pub by_platform: Vec<PlatformLine>,
    /// Of these devices those whose first attempt completed.
    pub first_time_right: u64,
    /// Devices whose first attempt is judged.
    pub first_time_of: u64,
    /// The former divided by the latter.
    pub first_time_right_rate: Option<f64>,
    /// Failed attempts by reason, the commonest first, then by name.
    pub failure_reasons: Vec<Failing>,
}

/// The numbers of the status page from the devices as of the same instant.
#[must_use]
pub fn status(devices: &[Device], as_of_ms: i64) -> Status {
    let mut status = Status {
        states: STATES.iter().map(|state| ((*state).to_owned(), 0)).collect(),
        by_platform: Vec::new(),
        first_time_right: 0,
        first_time_of: 0,
        first_time_right_rate: None,
        failure_reasons: Vec::new(),
    };

    for device in devices {
        for (state, count) in &mut status.states {
            if *state == device.state && !device.only_tags {
                *count += 1;
            }
        }
        if let Some(first) = device.attempts.first()
            && first.judged()
        {
            status.first_time_of += 1;
            if first.outcome == "completed" {
                status.first_time_right += 1;
            }
        }
        for attempt in &device.attempts {
            if attempt.outcome == "failed" {
                let known = status.failure_reasons.iter_mut().find(|known| known.reason == attempt.failure_reason);
                match known {
                    Some(known) => known.failed += 1,
                    None => status.failure_reasons.push(Failing { reason: attempt.failure_reason.clone(), failed: 1 }),
                }
            }
        }
    }
    status.failure_reasons.sort_by(|a, b| b.failed.cmp(&a.failed).then(a.reason.cmp(&b.reason)));
    status.first_time_right_rate = rate(status.first_time_right, status.first_time_of);

    for platform in PLATFORMS {
        status.by_platform.push(line(platform, devices, as_of_ms));
    }
    status
}

fn line(platform: &str, devices: &[Device], as_of_ms: i64) -> PlatformLine {
    let mut line = PlatformLine {
        platform: platform.to_owned(),
        total: 0,
        last_7_days: 0,
        completed: 0,
        failed: 0,
        abandoned: 0,
        judged: 0,
        success_rate: None,
        average_minutes: None,
    };
    let week_ago_ms = as_of_ms.saturating_sub(7 * 24 * 60 * 60 * 1000);
    let (mut judged_completed, mut timed, mut completed_ms) = (0, 0, 0_u64);
    for device in devices {
        for attempt in &device.attempts {
            if platform_of(device, attempt) != Some(platform) {
                continue;
            }
            line.total += 1;
            if attempt.judged() {
                line.judged += 1;
                judged_completed += u64::from(attempt.outcome == "completed");
            }
            if attempt.started_at_ms >= week_ago_ms {
                line.last_7_days += 1;
            }
            match attempt.outcome.as_str() {
                "completed" => {
                    line.completed += 1;
                    if let Some(ended_at_ms) = attempt.ended_at_ms
                        && attempt.start_reported
                    {
                        // R6: a start reported only after the end gives no duration.
                        let took_ms = ended_at_ms.saturating_sub(attempt.started_at_ms);
                        timed += u64::from(took_ms > 0);
                        completed_ms = completed_ms.saturating_add(u64::try_from(took_ms).unwrap_or(0));
                    }
                }
                "failed" => line.failed += 1,
                "abandoned" => line.abandoned += 1,
                _ => {}
            }
        }
    }
    line.success_rate = rate(judged_completed, line.judged);
    line.average_minutes = rate(completed_ms, timed).map(|mean_ms| mean_ms / 60_000.0);
    line
}

/// Which of these kinds an attempt is; `None` without a platform.
fn platform_of(device: &Device, attempt: &Attempt) -> Option<&'static str> {
    let enrollment_type = attempt.enrollment_type.as_deref().unwrap_or("").to_lowercase();
    match attempt.platform.as_deref()? {
        "windows" if attempt.technician => Some("Windows (Pre-provisioning)"),
        "windows" => {
            // A session alone is not enough: a plain Entra join shows the page too.
            let other_mode = |page: &crate::Page| page.mode.as_deref().is_some_and(|mode| mode != "userDriven");
            let autopilot = device.registered
                || enrollment_type.contains("autopilot")
                || device.sessions.iter().any(|page| page.has_profile_name || other_mode(page));
            Some(if autopilot { "Windows (Autopilot)" } else { "Windows (Manual)" })
        }
        "macos" => {
            let automated = device.registered || enrollment_type.starts_with("applebulk");
            Some(if automated { "macOS (ADE)" } else { "macOS (Manual)" })
        }
        "ios" => Some("iOS/iPadOS"),
        "android" => Some("Android Enterprise"),
        _ => None,
    }
}
