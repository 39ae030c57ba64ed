//! Intune's report `DeviceEnrollmentFailures`: the enrollments that failed, by person.
//!
//! No column names a device, so each failure is a device of its own, identified by the failure's id, or, if that was
//! not exported, by an id made from the row. Two copies of such a row count once, and two failures of one person within
//! a second for the same reason count as one. `EnrollmentActivity` has the failures with their devices and is better.
//!
//! What it cannot report: that an enrollment began or succeeded, on which screen the person was, and the device.

use super::graph::{MAX_ID_CHARS, failure, id_of, platform, reported_text, step};
use super::intune_export::{Report, Row, parse as parse_export, time, words};
use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, enrollment_event, sample};
use crate::cloudevents::{Batch, BodyError, Parsed, Received};
use crate::fields::{FieldError, Reader};
use crate::proof::Proof;
use http::HeaderMap;
use vestibule_domain::event::{About, Event, EventKey, Kind, MAX_TEXT_CHARS};

/// The `source` of every event made here.
pub const SOURCE: &str = "intune:reports/DeviceEnrollmentFailures";

/// The report.
pub static REPORT: Report = Report {
    name: "DeviceEnrollmentFailures",
    sender: &SENDER,
    columns: &[
        "EnrollmentFailureDateTime",
        "EnrollmentMethod",
        "FailureGuid",
        "FailureReason",
        "OS",
        "OSVersion",
        "UPN",
        "UserId",
    ],
    known_by: &["EnrollmentFailureDateTime", "FailureReason"],
    read: read_row,
};

/// The sender.
pub static SENDER: Sender = Sender {
    name: "intune-enrollment-failures",
    title: "Microsoft Intune, report DeviceEnrollmentFailures",
    proofs: &[Proof::Path, Proof::StandardWebhooks],
    answer: Answer::ByEvent,
    repeats: Repeats::AsSetUp,
    // A failure of the category `UserAbandonment` becomes a stop.
    reports: Reports {
        starts: false,
        steps: false,
        stops: true,
        failures: true,
        ends: false,
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
        sample!("intune-enrollment-failures.json", Becomes::Event(Kind::Failed), Becomes::Event(Kind::Stopped)),
        sample!("intune-enrollment-failures-placeholder.json", Becomes::Refused),
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
    let id = row.get("FailureGuid").and_then(|id| id.as_str());
    let id = id.map(|id| id.chars().take(MAX_TEXT_CHARS).collect());
    vec![match read(row, received, &mut errors) {
        Some(event) if errors.is_empty() => Parsed::Event(Box::new(event)),
        _ => Parsed::Invalid { id, errors },
    }]
}

fn read(row: &Row, received: Received, errors: &mut Vec<FieldError>) -> Option<Event> {
    let mut row = Reader::new("", row, errors);
    let id = row.text("FailureGuid", MAX_ID_CHARS);
    let os = words(&mut row, "OS");
    let enrollment_type = words(&mut row, "EnrollmentMethod");
    let mut about = About {
        enrollment_id: id.clone(),
        user_principal_name: reported_text(&mut row, "UPN", MAX_TEXT_CHARS),
        user_id: reported_text(&mut row, "UserId", MAX_TEXT_CHARS),
        os_version: reported_text(&mut row, "OSVersion", MAX_TEXT_CHARS),
        platform: platform(os.as_deref(), enrollment_type.as_deref()),
        enrollment_type,
        ..About::default()
    };
    let reason = words(&mut row, "FailureReason").or_else(|| reported_text(&mut row, "FailureReason", MAX_TEXT_CHARS));
    let failure = failure(None, reason, None);
    let time = time(&mut row, "EnrollmentFailureDateTime");
    if row.value("EnrollmentFailureDateTime").is_none() {
        row.refuse("EnrollmentFailureDateTime", "is required");
    }
    let time = time?;
    let id = id.unwrap_or_else(|| {
        // If ids of persons were not exported, their addresses distinguish them.
        let person = About { user_id: about.user_id.clone().or(about.user_principal_name.clone()), ..about.clone() };
        id_of(SOURCE, Kind::Failed, time, &person, failure.as_ref())
    });
    about.enrollment_id.get_or_insert_with(|| id.clone());
    if about.identifiers().next().is_none() {
        row.refuse_unnamed(&about, |_| "FailureGuid", ("FailureGuid", "must name the failure"));
        return None;
    }
    let key = EventKey { source: SOURCE.to_owned(), id: format!("{id}/failed") };
    Some(enrollment_event(key, time, received, about, step(Kind::Failed, failure, os)))
}
