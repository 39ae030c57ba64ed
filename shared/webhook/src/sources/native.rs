//! The common part of all senders of CloudEvents, which differ only in how they sign and where they post.

use super::{Becomes, Reports, Sample, sample};
use crate::binary;
use crate::cloudevents::{Batch, BodyError, Received, parse};
use http::HeaderMap;
use vestibule_domain::event::Kind;

/// CloudEvents can report everything, by the clock of their device.
pub(super) const REPORTS: Reports = Reports::ALL;

/// One event.
pub(super) const EVENT: Sample = sample!("cloudevents-enrollment.json", Becomes::Event(Kind::StepEntered));

/// A list with every kind of event that an attempt may have.
pub(super) const LIST: Sample = sample!(
    "cloudevents-list.json",
    Becomes::Event(Kind::Started),
    Becomes::Event(Kind::StepEntered),
    Becomes::Event(Kind::Stopped),
    Becomes::Event(Kind::Failed),
    Becomes::Event(Kind::Enrolled),
    Becomes::Event(Kind::Compliant),
);

/// The removal of a device from management.
pub(super) const REMOVAL: Sample = sample!("cloudevents-removal.json", Becomes::Event(Kind::Unenrolled));

/// An event that names its device by a placeholder.
pub(super) const PLACEHOLDER: Sample = sample!("cloudevents-placeholder.json", Becomes::Refused);

/// Reads an event or a list from a sender that signs the body; headers are not signed, so they are ignored.
pub(super) fn read(body: &[u8], headers: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if binary::is_binary(headers) { Err(BodyError::UnsignedHeaders) } else { parse(body, received) }
}

/// Reads an event in any content mode, or a list, from a sender that shows a secret.
pub(super) fn read_any_mode(body: &[u8], headers: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if binary::is_binary(headers) { binary::parse(body, headers, received) } else { parse(body, received) }
}
