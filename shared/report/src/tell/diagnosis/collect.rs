//! What else to find out: what the troubleshooting guide asks for and the file does not answer.

use super::facts::Facts;
use super::{Finding, Severity, Verdict};
use serde::Serialize;
use std::collections::BTreeSet;

/// Something to find out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Collect {
    /// What to find out.
    pub what: &'static str,
    /// How to find it out.
    pub how: &'static str,
    /// The platform it is about; `None` for all.
    pub platform: Option<&'static str>,
}

const fn item(what: &'static str, how: &'static str) -> Collect {
    Collect { what, how, platform: None }
}

pub(super) fn of(facts: &Facts, findings: &[Finding], verdict: Verdict) -> Vec<Collect> {
    let attempts = facts.attempts();
    let is_well = verdict == Verdict::Working || (verdict == Verdict::NotEnrolled && !attempts.is_empty());
    if is_well && findings.iter().all(|one| one.severity == Severity::Information) {
        return Vec::new();
    }
    let mut all = Vec::new();
    let failed = || facts.unresolved().filter(|attempt| attempt.is("failed"));
    if attempts.is_empty() || failed().any(|attempt| attempt.attempt.failure_message.is_none()) {
        all.push(item("The exact error message", "A photograph or screenshot of it, with all codes."));
    }
    if attempts.is_empty() || facts.unresolved().any(|attempt| attempt.attempt.screen.is_none()) {
        all.push(item("Where the message appears", "The app or settings page, and what was tapped just before."));
    }
    if attempts.is_empty() {
        all.push(item("When it began, and whether it ever worked", "Ask the person; no event answers it."));
        all.push(item("The platform and its version", "The device's settings."));
    }
    if !facts.is_user && facts.devices.iter().all(|known| known.device.user_principal_name.is_none()) {
        all.push(item("Who enrolls the device", "The address that is typed in; diagnose that as well."));
    }
    if attempts.iter().all(|attempt| attempt.attempt.enrollment_type.is_none()) {
        all.push(item(
            "How the enrollment is done",
            "The person's own device, or Automated Device Enrollment with a profile, or Autopilot, or bulk.",
        ));
    }
    all.push(item("The MDM authority", "Intune admin center, Tenant administration, Tenant status."));
    all.push(item("The person's licence", "Microsoft 365 admin center, Users, Active users, Licenses and apps."));
    let platforms: BTreeSet<&str> = facts.devices.iter().filter_map(|known| known.device.platform.as_deref()).collect();
    for (platform, what, how) in LOGS {
        if platforms.contains(platform) || platforms.is_empty() {
            all.push(Collect { what, how, platform: Some(platform) });
        }
    }
    all
}

/// The logs of each platform.
const LOGS: [(&str, &str, &str); 4] = [
    (
        "windows",
        "The device's MDM logs",
        "Run mdmdiagnosticstool.exe -area \"DeviceEnrollment;DeviceProvisioning;Autopilot\" -zip C:\\logs.zip as administrator; during setup Shift+F10 opens a prompt.",
    ),
    ("macos", "The Company Portal's report", "Company Portal, Help, Save diagnostic report."),
    (
        "ios",
        "The Company Portal's logs",
        "Company Portal, More, Get support: the person sends the report and gives you its incident number.",
    ),
    (
        "android",
        "The Company Portal's logs",
        "Company Portal, menu, Help, Email support: the person sends the logs; over a cable they can be copied from the app's folder.",
    ),
];
