//! Intune's report `EnrollmentActivity`: every enrollment, successful or not.
//!
//! No other list of Intune's has all of these together: serial number, device name, address, success and failure.
//! Microsoft does not document the values. From its name we assume that `Failure` is true for an enrollment that failed
//! and false for one that succeeded; any other value is refused rather than guessed at.
//!
//! What it cannot report: that an enrollment began, on which screen the person was, compliance, and unenrollment.

use super::graph::{MAX_ID_CHARS, failure, id_of, platform, reported_text, step};
use super::intune_export::{Report, Row, parse as parse_export, time, words};
use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, enrollment_event, sample};
use crate::cloudevents::{Batch, BodyError, Parsed, Received};
use crate::fields::{FieldError, Reader, is_identifier};
use crate::proof::Proof;
use http::HeaderMap;
use vestibule_domain::Timestamp;
use vestibule_domain::event::{About, EventKey, Kind, MAX_MESSAGE_CHARS, MAX_TEXT_CHARS};
use vestibule_domain::identity::IdentifierKind;

/// The `source` of every event made here.
pub const SOURCE: &str = "intune:reports/EnrollmentActivity";

/// The report.
pub static REPORT: Report = Report {
    name: "EnrollmentActivity",
    sender: &SENDER,
    columns: &[
        "AadDeviceId",
        "Context",
        "DeviceId",
        "DeviceName",
        "EnrollmentActivityId",
        "EnrollmentDateTime",
        "EnrollmentMethod",
        "Failure",
        "FailureDetails",
        "FailureReason",
        "OS",
        "OSVersion",
        "OwnerType",
        "Remediation",
        "SerialNumber",
        "UPN",
        "UserId",
    ],
    known_by: &["EnrollmentDateTime", "Failure"],
    read: read_row,
};

/// The sender.
pub static SENDER: Sender = Sender {
    name: "intune-enrollment-activity",
    title: "Microsoft Intune, report EnrollmentActivity",
    proofs: &[Proof::Path, Proof::StandardWebhooks],
    answer: Answer::ByEvent,
    repeats: Repeats::AsSetUp,
    // A failure of the category `UserAbandonment` becomes a stop.
    reports: Reports {
        starts: false,
        steps: false,
        stops: true,
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
            "intune-enrollment-activity.json",
            Becomes::Event(Kind::Enrolled),
            Becomes::Event(Kind::Failed),
            Becomes::Event(Kind::Stopped)
        ),
        sample!("intune-enrollment-activity-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// Reads the export in JSON.
///
/// # Errors
/// When the body as a whole is not such an export, or is too large.
pub fn parse(body: &[u8], _headers: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    parse_export(body, &REPORT, received)
}

fn read_row(row: &Row, received: Received) -> Vec<Parsed> {
    let mut errors = Vec::new();
    let events = read(row, received, &mut errors);
    let id = row.get("EnrollmentActivityId").and_then(|id| id.as_str());
    let id = id.map(|id| id.chars().take(MAX_TEXT_CHARS).collect());
    events.filter(|_| errors.is_empty()).unwrap_or_else(|| vec![Parsed::Invalid { id, errors }])
}

fn read(row: &Row, received: Received, errors: &mut Vec<FieldError>) -> Option<Vec<Parsed>> {
    let mut row = Reader::new("", row, errors);
    let id = reported_text(&mut row, "EnrollmentActivityId", MAX_ID_CHARS);
    let os = words(&mut row, "OS");
    let enrollment_type = words(&mut row, "EnrollmentMethod");
    let about = About {
        serial_number: row.text("SerialNumber", MAX_TEXT_CHARS),
        mdm_device_id: row.text("DeviceId", MAX_TEXT_CHARS),
        // The directory's id of the device, as in the operational logs.
        enrollment_id: row.text("AadDeviceId", MAX_TEXT_CHARS),
        device_name: reported_text(&mut row, "DeviceName", MAX_TEXT_CHARS),
        user_principal_name: reported_text(&mut row, "UPN", MAX_TEXT_CHARS),
        user_id: reported_text(&mut row, "UserId", MAX_TEXT_CHARS),
        os_version: reported_text(&mut row, "OSVersion", MAX_TEXT_CHARS),
        platform: platform(os.as_deref(), enrollment_type.as_deref()),
        enrollment_type,
        ..About::default()
    };
    let reason = words(&mut row, "FailureReason").or_else(|| reported_text(&mut row, "FailureReason", MAX_TEXT_CHARS));
    let details = reported_text(&mut row, "FailureDetails", MAX_MESSAGE_CHARS);
    let has_failed = has_failed(&mut row, reason.is_some());
    let time = time(&mut row, "EnrollmentDateTime");
    if row.value("EnrollmentDateTime").is_none() {
        row.refuse("EnrollmentDateTime", "is required");
    }
    let kind = if has_failed? { Kind::Failed } else { Kind::Enrolled };
    let failure = failure(None, reason, details).filter(|_| kind == Kind::Failed);
    let time = time?;
    let id = id.unwrap_or_else(|| {
        let known = About {
            enrollment_id: about.enrollment_id.clone().or(about.serial_number.clone()),
            user_id: about.user_id.clone().or(about.user_principal_name.clone()),
            ..about.clone()
        };
        id_of(SOURCE, kind, time, &known, failure.as_ref())
    });
    let about = named(&mut row, about, &id, kind)?;
    let made = |kind: Kind| {
        let key = EventKey { source: SOURCE.to_owned(), id: event_id(&id, kind, time) };
        let mut step = step(kind, failure.clone(), os.clone());
        step.said.assumed = kind == Kind::Compliant;
        Parsed::Event(Box::new(enrollment_event(key, time, received, about.clone(), step)))
    };
    let with_end = [Kind::Compliant].into_iter().filter(|_| kind == Kind::Enrolled);
    Some([kind].into_iter().chain(with_end).map(made).collect())
}

/// The id includes the time, because several attempts may share one id.
fn event_id(id: &str, kind: Kind, time: Timestamp) -> String {
    format!("{id}/{}/{}", kind.name().trim_start_matches("enrollment."), time.millis())
}

/// The row's device. A device that failed before it was known has no id, so the failure's id stands in for it, and each
/// such failure is a device of its own. A device that enrolled has an id.
fn named(row: &mut Reader<'_, '_>, mut about: About, id: &str, kind: Kind) -> Option<About> {
    if about.identifiers().next().is_none() && kind == Kind::Failed && is_identifier(id) {
        about.enrollment_id = Some(id.to_owned());
    }
    if about.identifiers().next().is_some() {
        return Some(about);
    }
    let member = |kind| match kind {
        IdentifierKind::SerialNumber => "SerialNumber",
        IdentifierKind::EnrollmentId => "AadDeviceId",
        _ => "DeviceId",
    };
    row.refuse_unnamed(
        &about,
        member,
        ("SerialNumber", "must name the device where neither DeviceId nor AadDeviceId does"),
    );
    None
}

/// Whether the enrollment failed. If the row does not say so, a reason for a failure implies it.
fn has_failed(row: &mut Reader<'_, '_>, has_reason: bool) -> Option<bool> {
    let Some(text) = row.text("Failure", MAX_TEXT_CHARS) else { return Some(has_reason) };
    match text.trim().to_ascii_lowercase().as_str() {
        "false" | "0" | "no" => Some(false),
        "true" | "1" | "yes" => Some(true),
        _ => {
            row.refuse("Failure", "must be true or false");
            None
        }
    }
}
