//! Intune's report `AutopilotV1DeploymentStatus`: past Autopilot deployments, as the portal lists them.
//!
//! Its columns are the members of Graph's `deviceManagementAutopilotEvent` under other names, so a row is read like
//! such a record ([`super::graph_autopilot_events`]). A row has no id: its device and its start
//! identify a deployment, so a later export of a deployment that was under way adds only what is new. Enumerations are
//! numbers; those of the states are Graph's
//! (<https://learn.microsoft.com/en-us/graph/api/resources/intune-troubleshooting-windowsautopilotdeploymentstate>).
//!
//! What it cannot report: everything that `graph-autopilot-events` cannot, and which apps and policies the page waited
//! for.

use super::intune_export::{Report, Row, parse as parse_export, utc};
use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, derived_id, graph_autopilot_events, sample};
use crate::cloudevents::{Batch, BodyError, Parsed, Received};
use crate::proof::Proof;
use http::HeaderMap;
use serde_json::{Map, Value};
use vestibule_domain::event::Kind;

/// The `source` of every event made here.
pub const SOURCE: &str = "intune:reports/AutopilotV1DeploymentStatus";

/// The report.
pub static REPORT: Report = Report {
    name: "AutopilotV1DeploymentStatus",
    sender: &SENDER,
    columns: &[
        "AccountSetupDuration",
        "AutopilotProfileName",
        "DeploymentDuration",
        "DeploymentEndDateTime",
        "DeploymentStartDateTime",
        "DeploymentState",
        "DeploymentTotalDuration",
        "DeviceId",
        "DeviceName",
        "DeviceRegisteredDateTime",
        "DeviceSerialNumber",
        "DeviceSetupDuration",
        "DeviceSetupStatus",
        "EnrollmentDateTime",
        "EnrollmentMethod",
        "EnrollmentStatus",
        "ESPPolicyId",
        "ESPPolicyName",
        "EspDeviceSetupFailureDetails",
        "EspUserSetupFailureDetails",
        "FailureDetails",
        "FailureReason",
        "OS",
        "OSVersion",
        "UPN",
        "UserId",
        "UserSetupStatus",
    ],
    known_by: &["DeploymentState", "DeviceSerialNumber"],
    read: read_row,
};

/// The sender.
pub static SENDER: Sender = Sender {
    name: "intune-autopilot-deployments",
    title: "Microsoft Intune, report AutopilotV1DeploymentStatus",
    proofs: &[Proof::Path, Proof::StandardWebhooks],
    answer: Answer::ByEvent,
    repeats: Repeats::AsSetUp,
    // The phases of the Enrollment Status Page form a session; they are not screens of an attempt.
    reports: Reports {
        starts: true,
        steps: false,
        stops: false,
        failures: true,
        ends: true,
        compliance: false,
        removals: false,
        clock: Clock::Server,
    },
    besides: &[],
    tags: SenderTags::NONE,
    source: Some(SOURCE),
    settings: "vestibule import TENANT FILE reads the export (CSV or JSON); a script may post it as JSON to\n{url}",
    files: &[],
    samples: &[
        sample!(
            "intune-autopilot-deployments.json",
            Becomes::Event(Kind::Registered),
            Becomes::Event(Kind::Started),
            Becomes::Event(Kind::Enrolled),
            Becomes::Event(Kind::Failed),
            Becomes::Esp
        ),
        sample!("intune-autopilot-deployments-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// How a cell is read.
#[derive(Clone, Copy)]
enum Cell {
    Text,
    Time,
    Length,
    /// A state, given as the index into these names.
    State(&'static [&'static str]),
}

const DEPLOYMENT: &[&str] = &[
    "unknown",
    "success",
    "inProgress",
    "failure",
    "successWithTimeout",
    "notAttempted",
    "disabled",
    "successOnRetry",
];
const ENROLLMENT: &[&str] = &["unknown", "enrolled", "pendingReset", "failed", "notContacted"];

/// The members of Graph's record, and the columns that hold them.
const MEMBERS: [(&str, &str, Cell); 21] = [
    ("deviceSerialNumber", "DeviceSerialNumber", Cell::Text),
    ("deviceId", "DeviceId", Cell::Text),
    ("managedDeviceName", "DeviceName", Cell::Text),
    ("userPrincipalName", "UPN", Cell::Text),
    ("userId", "UserId", Cell::Text),
    ("osVersion", "OSVersion", Cell::Text),
    ("enrollmentType", "EnrollmentMethod", Cell::Text),
    ("windowsAutopilotDeploymentProfileDisplayName", "AutopilotProfileName", Cell::Text),
    ("windows10EnrollmentCompletionPageConfigurationId", "ESPPolicyId", Cell::Text),
    ("windows10EnrollmentCompletionPageConfigurationDisplayName", "ESPPolicyName", Cell::Text),
    ("deviceRegisteredDateTime", "DeviceRegisteredDateTime", Cell::Time),
    ("enrollmentStartDateTime", "EnrollmentDateTime", Cell::Time),
    ("deploymentStartDateTime", "DeploymentStartDateTime", Cell::Time),
    ("deploymentEndDateTime", "DeploymentEndDateTime", Cell::Time),
    ("enrollmentState", "EnrollmentStatus", Cell::State(ENROLLMENT)),
    ("deploymentState", "DeploymentState", Cell::State(DEPLOYMENT)),
    ("deviceSetupStatus", "DeviceSetupStatus", Cell::State(DEPLOYMENT)),
    ("accountSetupStatus", "UserSetupStatus", Cell::State(DEPLOYMENT)),
    ("deploymentTotalDuration", "DeploymentTotalDuration", Cell::Length),
    ("deviceSetupDuration", "DeviceSetupDuration", Cell::Length),
    ("accountSetupDuration", "AccountSetupDuration", Cell::Length),
];

/// The columns that may say why a deployment failed, most specific first.
const FAILURES: [&str; 5] = [
    "FailureDetails",
    "EspDeviceSetupFailureDetails",
    "EspUserSetupFailureDetails",
    "FailureReason_loc",
    "FailureReason",
];

/// Reads the export in JSON.
///
/// # Errors
/// When the body as a whole is not such an export, or is too large.
pub fn parse(body: &[u8], _headers: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    parse_export(body, &REPORT, received)
}

fn read_row(row: &Row, received: Received) -> Vec<Parsed> {
    let record = record(row);
    let mut parsed = graph_autopilot_events::parse_record("", &Value::Object(record), received);
    for parsed in &mut parsed {
        match parsed {
            Parsed::Event(event) => SOURCE.clone_into(&mut event.key.source),
            Parsed::Invalid { errors, .. } => {
                for error in errors {
                    if let Some((_, column, _)) = MEMBERS.iter().find(|(member, ..)| *member == error.field) {
                        (*column).clone_into(&mut error.field);
                    } else if error.field == "eventDateTime" {
                        "DeploymentStartDateTime".clone_into(&mut error.field);
                    }
                }
            }
            Parsed::UnknownType { .. } | Parsed::SignIn { .. } => {}
        }
    }
    parsed
}

/// The row as a record of Graph's.
fn record(row: &Row) -> Map<String, Value> {
    let cell = |column: &str| row.get(column).and_then(Value::as_str).map(str::trim);
    let mut record = Map::new();
    for (member, column, kind) in MEMBERS {
        let Some(text) = cell(column) else { continue };
        let words = || cell(&format!("{column}_loc"));
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let value = match kind {
            // An enumeration whose numbers nobody documents.
            Cell::Text if member == "enrollmentType" && is_number => words().map(str::to_owned),
            Cell::Text => Some(text.to_owned()),
            // The reader of the record refuses an invalid time.
            Cell::Time => Some(utc(text).map_or_else(|| text.to_owned(), |time| time.to_string()))
                .filter(|_| !text.starts_with("0001-")),
            Cell::Length => length(text),
            Cell::State(names) => match text.parse::<usize>() {
                Ok(number) => names.get(number).map(|name| (*name).to_owned()),
                Err(_) => Some(text.chars().filter(char::is_ascii_alphanumeric).collect()),
            },
        };
        record.extend(value.map(|value| (member.to_owned(), Value::String(value))));
    }
    // These columns hold zeros if nothing failed.
    let says = |text: &&str| text.bytes().any(|byte| byte.is_ascii_alphanumeric() && byte != b'0');
    let failure = FAILURES.iter().find_map(|column| cell(column).filter(says));
    record.extend(failure.map(|text| ("enrollmentFailureDetails".to_owned(), text.into())));
    let text = |member: &str| record.get(member).and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let device = [text("deviceSerialNumber"), text("deviceId")].into_iter().find(|id| !id.is_empty());
    let began = ["enrollmentStartDateTime", "deploymentStartDateTime", "deviceRegisteredDateTime"];
    let began = began.iter().map(|member| text(member)).find(|time| !time.is_empty());
    let id = derived_id(SOURCE, "deployment", &device.unwrap_or_default(), None, began.unwrap_or_default().as_bytes());
    record.insert("id".to_owned(), id.into());
    record
}

/// Converts a length to ISO 8601. Accepts ISO 8601 and the form .NET writes (`1.02:03:04.5`, `02:03:04`). Other forms
/// have no documented unit and are left out.
fn length(text: &str) -> Option<String> {
    if text.starts_with(['P', '-']) && text.contains('P') {
        return Some(text.to_owned());
    }
    let (days, clock) = match text.split_once(':')?.0.split_once('.') {
        Some((days, _)) => (days, text.split_once('.')?.1),
        None => ("0", text),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let [hours, minutes, seconds] = parts[..] else { return None };
    let is_whole = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let fits = [days, hours, minutes, whole, fraction].into_iter().all(is_whole);
    fits.then(|| format!("P{days}DT{hours}H{minutes}M{whole}.{fraction}S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_read_if_its_unit_is_known() {
        for (text, expected) in [
            ("PT1H2M3.5S", Some("PT1H2M3.5S")),
            ("00:41:07", Some("P0DT00H41M07.0S")),
            ("1.02:03:04.5000000", Some("P1DT02H03M04.5000000S")),
            ("2467", None),
            ("41 minutes", None),
            ("12:30", None),
            ("", None),
        ] {
            assert_eq!(length(text).as_deref(), expected, "{text}");
        }
    }
}
