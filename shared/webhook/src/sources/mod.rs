//! Senders that post their own form: one module each, which turns bytes and headers into domain events.
//!
//! Must stay true: no I/O, no clock, no panic on any input; memory and time are bounded by the body's size. Only what
//! an event needs is read from a payload: payloads hold push and unlock tokens, which no event may carry. An event
//! without an id of its own gets one made from its content ([`derived_id`]), so receiving it again gives the same
//! event.

pub mod android_management;
pub mod apple;
pub mod cloudevents;
pub mod enrollment_events;
pub mod entra_sign_ins;
pub mod esp_status;
pub mod fleet;
pub mod github_style;
mod graph;
pub mod graph_autopilot_devices;
pub mod graph_autopilot_events;
pub mod graph_managed_devices;
pub mod graph_troubleshooting_events;
pub mod intune_autopilot_deployments;
pub mod intune_enrollment_activity;
pub mod intune_enrollment_failures;
pub mod intune_export;
pub mod intune_operational_logs;
pub mod jamf;
pub mod micromdm;
pub mod nanomdm;
mod native;
pub mod script;
mod sender;
pub mod setup_manager;
pub mod simplemdm;
pub mod windows_esp;
pub mod workspace_one;

pub use sender::{Answer, Becomes, Repeats, Sample, Sender, SenderFile, SenderTags};
pub use vestibule_domain::event::{Clock, Reports};

use crate::cloudevents::{Batch, BodyError, Parsed, Received};
use crate::fields::{FieldError, unfit_identifiers};
use http::HeaderMap;
use sender::sample;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use vestibule_domain::Timestamp;
use vestibule_domain::event::{About, Body, ClockSkew, Event, EventKey, Kind, MAX_TEXT_CHARS, Platform, Step};
use vestibule_domain::identity::IdentifierKind;
use vestibule_domain::tags::{MAX_TAG_CHARS, Tags};

/// All senders, in the order in which people see them. This is the only list: addresses, settings, samples and the
/// tests of documentation and deployment are derived from it.
pub static SENDERS: &[&Sender] = &[
    &enrollment_events::SENDER,
    &esp_status::SENDER,
    &github_style::SENDER,
    &cloudevents::SENDER,
    &micromdm::SENDER,
    &nanomdm::SENDER,
    &fleet::SENDER,
    &jamf::SENDER,
    &setup_manager::SENDER,
    &simplemdm::SENDER,
    &script::SENDER,
    &workspace_one::SENDER,
    &android_management::SENDER,
    &intune_operational_logs::SENDER,
    &graph_managed_devices::SENDER,
    &graph_autopilot_devices::SENDER,
    &graph_troubleshooting_events::SENDER,
    &graph_autopilot_events::SENDER,
    &intune_enrollment_activity::SENDER,
    &intune_enrollment_failures::SENDER,
    &intune_autopilot_deployments::SENDER,
    &windows_esp::SENDER,
];

/// A sender that knows better than another when an enrollment of the same device is complete: it reports a later end of
/// the set-up, or compliance, which the other cannot. The tenant's `complianceSource` decides which of the two
/// completes it.
#[derive(Clone, Copy, Debug)]
pub struct Completes {
    /// The name of the better sender.
    pub sender: &'static str,
    /// The `source` of its events.
    pub source: &'static str,
    /// The name of the sender that reports too early.
    pub instead_of: &'static str,
    /// The platform for which this holds; `None` for all.
    pub platform: Option<Platform>,
}

/// For each pair of senders, the one that should complete enrollments.
pub static COMPLETES: &[Completes] = &[
    Completes {
        sender: graph_managed_devices::SENDER.name,
        source: graph_managed_devices::SOURCE,
        instead_of: intune_operational_logs::SENDER.name,
        platform: None,
    },
    Completes {
        sender: setup_manager::SENDER.name,
        source: setup_manager::SOURCE,
        instead_of: jamf::SENDER.name,
        platform: Some(Platform::MacOs),
    },
    Completes {
        sender: script::SENDER.name,
        source: script::SOURCE,
        instead_of: jamf::SENDER.name,
        platform: Some(Platform::MacOs),
    },
];

/// The `source` of a product's events, by what people call it: the sender's name, or the source in any letter case.
/// `None` if it is neither, such as a source that an organisation's own sender chose; `Some(None)` if each event of the
/// sender brings its own.
pub fn source_called(text: &str) -> Option<Option<&'static str>> {
    let is_meant = |sender: &&&Sender| {
        let source = sender.source.is_some_and(|source| source.eq_ignore_ascii_case(text));
        source || sender.name.eq_ignore_ascii_case(text)
    };
    SENDERS.iter().find(is_meant).map(|sender| sender.source)
}

/// How an adapter reads a body.
pub type Read = fn(&[u8], &HeaderMap, Received) -> Result<Batch, BodyError>;

/// The `compliant` that follows an `enrolled` of a sender that cannot report compliance (docs/DOMAIN.md, A4). Whether
/// it counts is decided when the device is read, because the tenant may name another source.
fn assumed_compliant() -> Step {
    let mut step = Step::of(Kind::Compliant);
    step.said.assumed = true;
    step
}

/// An enrollment event as an adapter reports it.
fn enrollment_event(key: EventKey, time: Timestamp, received: Received, about: About, step: Step) -> Event {
    Event {
        key,
        time,
        received_at: received.at,
        clock_skew: ClockSkew::of(time, received.at, received.backfill, received.reports.clock),
        reports: received.reports,
        // What a product writes for an unknown value was not reported.
        about: about.without_unfit_identifiers(),
        body: Body::Enrollment(step),
    }
}

/// The refusal of an event that names no device: each invalid identifier with its member; if there is none,
/// `otherwise`.
fn unnamed(
    id: Option<String>,
    about: &About,
    member: impl Fn(IdentifierKind) -> String,
    (field, otherwise): (&str, &str),
) -> Parsed {
    let mut errors = unfit_identifiers(about, member);
    if errors.is_empty() {
        errors.push(FieldError { field: field.to_owned(), problem: otherwise.to_owned() });
    }
    Parsed::Invalid { id, errors }
}

/// A text, or a number as its digits. A blank one, or one longer than an event may hold, counts as missing.
fn reported(map: &Map<String, Value>, name: &str) -> Option<String> {
    let text = match map.get(name)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty() && text.chars().count() <= MAX_TEXT_CHARS)
}

/// The tags among these members, each given with its key. A text longer than a tag may be counts as missing, as a blank
/// one does: it shall not cost the event that it comes with.
fn reported_tags(map: &Map<String, Value>, members: &[(&str, &str)]) -> Tags {
    let tag = |(member, key): &(&str, &str)| {
        let value = reported(map, member).filter(|value| value.chars().count() <= MAX_TAG_CHARS)?;
        Some(((*key).to_owned(), value))
    };
    members.iter().filter_map(tag).collect()
}

/// The id of an event whose sender gives it none, made from its source, type, device, time as reported, and content.
pub fn derived_id(source: &str, kind: &str, device: &str, time: Option<Timestamp>, content: &[u8]) -> String {
    let mut hash = Sha256::new();
    let time = time.map(Timestamp::millis).unwrap_or_default().to_be_bytes();
    for part in [source.as_bytes(), kind.as_bytes(), device.as_bytes(), &time, content] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
