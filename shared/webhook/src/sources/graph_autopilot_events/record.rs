//! Reads one `deviceManagementAutopilotEvent`, member by member. Any member may be missing, null or blank, and a name
//! that Graph adds to one of its lists counts as not reported. We refuse only a wrong JSON type, an invalid time or
//! length, and a text that is too long.

use super::duration;
use crate::fields::{FieldError, Reader};
use serde_json::{Map, Value};
use vestibule_domain::codes::code_of_failure;
use vestibule_domain::esp::{AppliedProfile, Category, DeploymentMode, ItemName, ItemState};
use vestibule_domain::event::{About, MAX_MESSAGE_CHARS, MAX_TEXT_CHARS, Platform};
use vestibule_domain::failure::{Failure, FailureCategory, code_value};
use vestibule_domain::identity::IdentifierKind;
use vestibule_domain::{Millis, Timestamp};

/// Longest id of a record, in characters. It is a UUID, and event ids made from it must also fit.
const MAX_ID_CHARS: usize = 128;
const DETAILS: &str = "policyStatusDetails";
/// Largest number of policies and apps of one record.
const MAX_DETAILS: usize = 500;
/// No part of a deployment takes longer. .NET's largest `TimeSpan` and similar values are not measurements.
const MAX_LENGTH: Millis = Millis::from_days(30);

/// What a record reports.
pub(super) struct Record {
    pub(super) id: String,
    pub(super) about: About,
    pub(super) event_at: Option<Timestamp>,
    pub(super) registered_at: Option<Timestamp>,
    pub(super) enrollment_started_at: Option<Timestamp>,
    pub(super) deployment_started_at: Option<Timestamp>,
    pub(super) deployment_ended_at: Option<Timestamp>,
    pub(super) enrollment: EnrollmentState,
    pub(super) deployment_mode: Option<DeploymentMode>,
    pub(super) hybrid_join: bool,
    pub(super) profile_name: Option<String>,
    pub(super) esp_profile: Option<AppliedProfile>,
    pub(super) deployment: DeploymentState,
    pub(super) device_setup: DeploymentState,
    pub(super) account_setup: DeploymentState,
    pub(super) total_length: Option<Millis>,
    pub(super) preparation_length: Option<Millis>,
    pub(super) device_setup_length: Option<Millis>,
    pub(super) account_setup_length: Option<Millis>,
    pub(super) failure_details: Option<String>,
    pub(super) items: Vec<Item>,
}

/// The states of Graph's `enrollmentState` that matter here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EnrollmentState {
    Enrolled,
    Failed,
    NotReported,
}

/// Graph's `windowsAutopilotDeploymentState`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DeploymentState {
    NotReported,
    /// `notAttempted` or `disabled`.
    NotRun,
    InProgress,
    Failure,
    Success,
    SuccessWithTimeout,
    SuccessOnRetry,
}

/// A policy or app that the page waited for.
pub(super) struct Item {
    pub(super) name: ItemName,
    pub(super) category: Category,
    pub(super) state: Option<ItemState>,
    pub(super) error_code: Option<String>,
    pub(super) reported_at: Option<Timestamp>,
}

impl EnrollmentState {
    fn read(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            // Graph describes the second as: enrolled, but by another profile than the one assigned now.
            "enrolled" | "pendingreset" => Self::Enrolled,
            "failed" => Self::Failed,
            _ => Self::NotReported,
        }
    }
}

impl DeploymentState {
    fn read(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "notattempted" | "disabled" => Self::NotRun,
            "inprogress" => Self::InProgress,
            "failure" => Self::Failure,
            "success" => Self::Success,
            "successwithtimeout" => Self::SuccessWithTimeout,
            "successonretry" => Self::SuccessOnRetry,
            _ => Self::NotReported,
        }
    }

    pub(super) const fn is_success(self) -> bool {
        matches!(self, Self::Success | Self::SuccessWithTimeout | Self::SuccessOnRetry)
    }

    /// Whether this part began.
    pub(super) const fn has_run(self) -> bool {
        !matches!(self, Self::NotReported | Self::NotRun)
    }
}

impl Record {
    /// Reads the record at `path`, which lets an answer name one of many; `None` if there were errors.
    pub(super) fn read(path: &str, map: &Map<String, Value>, errors: &mut Vec<FieldError>) -> Option<Self> {
        let before = errors.len();
        let mut record = Reader::new(path, map, errors);
        let id = record.required_text("id", MAX_ID_CHARS);
        let enrollment_type =
            record.text("enrollmentType", MAX_TEXT_CHARS).filter(|text| !text.trim().eq_ignore_ascii_case("unknown"));
        let kind = enrollment_type.as_deref().map(|text| text.trim().to_ascii_lowercase()).unwrap_or_default();
        let about = About {
            serial_number: record.text("deviceSerialNumber", MAX_TEXT_CHARS),
            mdm_device_id: record.text("deviceId", MAX_TEXT_CHARS),
            device_name: record.text("managedDeviceName", MAX_TEXT_CHARS),
            user_principal_name: record.text("userPrincipalName", MAX_TEXT_CHARS),
            user_id: guid(&mut record, "userId"),
            platform: Some(Platform::Windows),
            os_version: record.text("osVersion", MAX_TEXT_CHARS),
            enrollment_type,
            ..About::default()
        };
        if about.identifiers().next().is_none() {
            let member = |kind| match kind {
                IdentifierKind::SerialNumber => "deviceSerialNumber",
                _ => "deviceId",
            };
            let otherwise = "must name the device where deviceId does not";
            record.refuse_unnamed(&about, member, ("deviceSerialNumber", otherwise));
        }
        let enrollment = record.text("enrollmentState", MAX_TEXT_CHARS);
        let mut progress = |name| {
            record
                .text(name, MAX_TEXT_CHARS)
                .map_or(DeploymentState::NotReported, |text| DeploymentState::read(text.trim()))
        };
        let (deployment, device_setup, account_setup) =
            (progress("deploymentState"), progress("deviceSetupStatus"), progress("accountSetupStatus"));
        let mut read = Self {
            id: id.unwrap_or_default(),
            about,
            event_at: time(&mut record, "eventDateTime"),
            registered_at: time(&mut record, "deviceRegisteredDateTime"),
            enrollment_started_at: time(&mut record, "enrollmentStartDateTime"),
            deployment_started_at: time(&mut record, "deploymentStartDateTime"),
            deployment_ended_at: time(&mut record, "deploymentEndDateTime"),
            enrollment: enrollment.map_or(EnrollmentState::NotReported, |text| EnrollmentState::read(text.trim())),
            deployment_mode: deployment_mode(&kind),
            hybrid_join: kind.starts_with("offlinedomainjoined"),
            profile_name: record.text("windowsAutopilotDeploymentProfileDisplayName", MAX_TEXT_CHARS),
            esp_profile: esp_profile(&mut record),
            deployment,
            device_setup,
            account_setup,
            total_length: length(&mut record, "deploymentTotalDuration"),
            preparation_length: length(&mut record, "devicePreparationDuration"),
            device_setup_length: length(&mut record, "deviceSetupDuration"),
            account_setup_length: length(&mut record, "accountSetupDuration"),
            failure_details: record.text("enrollmentFailureDetails", MAX_MESSAGE_CHARS),
            items: Vec::new(),
        };
        let details = record.list(DETAILS, MAX_DETAILS);
        let prefix = if path.is_empty() { DETAILS.to_owned() } else { format!("{path}.{DETAILS}") };
        read.items = read_items(&prefix, details, errors);
        (errors.len() == before).then_some(read)
    }

    /// The reported failure: its text, and an error code wherever the text contains one.
    pub(super) fn failure(&self) -> Option<Failure> {
        let text = self.failure_details.as_deref()?.trim();
        let code = code_of_failure(text);
        let own_text = Some(text).filter(|text| code.as_deref() != Some(*text)).map(str::to_owned);
        let short = text.chars().count() <= MAX_TEXT_CHARS;
        let (reason, message) = if short { (own_text, None) } else { (None, own_text) };
        Some(Failure { code, reason, message, category: FailureCategory::read(text) })
    }
}

fn deployment_mode(kind: &str) -> Option<DeploymentMode> {
    if kind.contains("whiteglove") {
        Some(DeploymentMode::PreProvisioningTechnician)
    } else if kind.contains("usingdeviceauth") {
        Some(DeploymentMode::SelfDeploying)
    } else if kind.starts_with("azureadjoined") || kind.starts_with("offlinedomainjoined") {
        Some(DeploymentMode::UserDriven)
    } else {
        None
    }
}

/// The Enrollment Status Page profile that applied.
fn esp_profile(record: &mut Reader<'_, '_>) -> Option<AppliedProfile> {
    let id = record.text("windows10EnrollmentCompletionPageConfigurationId", MAX_TEXT_CHARS);
    let name = record.text("windows10EnrollmentCompletionPageConfigurationDisplayName", MAX_TEXT_CHARS);
    name.map(|name| AppliedProfile::reported(id.unwrap_or_else(|| name.clone()), name))
}

/// An id that is a UUID. .NET's empty UUID counts as missing.
fn guid(record: &mut Reader<'_, '_>, name: &str) -> Option<String> {
    record.text(name, MAX_TEXT_CHARS).filter(|text| text.trim().chars().any(|digit| !matches!(digit, '0' | '-')))
}

/// A time. .NET's minimum, in the year 1, counts as missing.
fn time(record: &mut Reader<'_, '_>, name: &str) -> Option<Timestamp> {
    let text = record.text(name, MAX_TEXT_CHARS)?;
    let time = Timestamp::parse(text.trim()).ok();
    if time.is_none() {
        record.refuse(name, "must be an RFC 3339 time");
    }
    time.filter(|time| *time > Timestamp::MIN)
}

/// A length of time, if it was measured.
///
/// A negative length is unknown, not a positive one with a wrong sign: it is the difference to a time that was not set
/// or came from another clock, so its digits mean as little as its sign. Zero is what Graph writes before it measured
/// anything.
fn length(record: &mut Reader<'_, '_>, name: &str) -> Option<Millis> {
    let text = record.text(name, MAX_TEXT_CHARS)?;
    let length = duration::parse(text.trim());
    if length.is_none() {
        record.refuse(name, "must be an ISO 8601 duration of days, hours, minutes and seconds");
    }
    length.filter(|length| Millis::ZERO < *length && *length <= MAX_LENGTH)
}

fn read_items(prefix: &str, details: &[Value], errors: &mut Vec<FieldError>) -> Vec<Item> {
    let mut items = Vec::new();
    for (index, detail) in details.iter().enumerate() {
        let path = format!("{prefix}[{index}]");
        match detail {
            Value::Null => {}
            Value::Object(map) => items.extend(read_item(&mut Reader::new(&path, map, errors))),
            _ => errors.push(FieldError { field: path, problem: "must be an object".to_owned() }),
        }
    }
    items
}

/// An entry of `policyStatusDetails`, unless it has no name or the page did not wait for it.
fn read_item(detail: &mut Reader<'_, '_>) -> Option<Item> {
    let id = detail.text("id", MAX_TEXT_CHARS);
    let name = detail.text("displayName", MAX_TEXT_CHARS);
    let kind = detail.text("policyType", MAX_TEXT_CHARS).unwrap_or_default();
    let status = detail.text("complianceStatus", MAX_TEXT_CHARS).unwrap_or_default();
    let reported_at = time(detail, "lastReportedDateTime");
    let error_code = read_error_code(detail);
    let tracked = detail.boolean("trackedOnEnrollmentStatus");
    let state = match status.trim().to_ascii_lowercase().as_str() {
        "compliant" | "installed" => Some(ItemState::Completed),
        "notinstalled" => Some(ItemState::NotInstalled),
        "error" => Some(ItemState::Error),
        // Not in force: it failed if there is an error code, else it is still pending.
        "notcompliant" if error_code.is_some() => Some(ItemState::Error),
        "notcompliant" => Some(ItemState::InProgress),
        _ => None,
    };
    let id = id.or_else(|| name.clone())?;
    let name = ItemName { id, name };
    (tracked == Some(true)).then_some(Item { name, category: category(&kind), state, error_code, reported_at })
}

/// The category of an item: `application` and `appModel` are apps; `configurationPolicy` says only that it is not an
/// app. More specific types are not documented; if one appears, we use it.
fn category(kind: &str) -> Category {
    let kind = kind.trim().to_ascii_lowercase();
    match kind.as_str() {
        "application" | "appmodel" => Category::Apps,
        _ if kind.contains("certificate") => Category::Certificates,
        _ if kind.contains("wifi") || kind.contains("vpn") => Category::NetworkConnections,
        _ => Category::SecurityPolicies,
    }
}

/// A signed 32-bit number, kept as its digits; 0 counts as missing.
fn read_error_code(detail: &mut Reader<'_, '_>) -> Option<String> {
    let code = detail.code("errorCode");
    if code.is_none() && detail.value("errorCode").is_some_and(Value::is_number) {
        detail.refuse("errorCode", "must be a whole number");
    }
    code.filter(|code| code_value(code) != Some(0))
}
