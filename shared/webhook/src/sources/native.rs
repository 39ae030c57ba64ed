//! What senders of CloudEvents have in common: they differ only in how they sign and where they post.

use super::{Becomes, Reports, Sample, sample};
use crate::binary;
use crate::cloudevents::{Batch, BodyError, Received, parse};
use http::HeaderMap;
use vestibule_domain::event::Kind;

/// CloudEvents can say everything, by the clock of the device that they are about.
pub(super) const REPORTS: Reports = Reports::ALL;

/// One event.
pub(super) const EVENT: Sample = sample!("cloudevents-enrollment.json", Becomes::Event(Kind::StepEntered));

/// A list with every kind of event that is reported of an attempt.
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

/// Reads an event or a list of them, of a sender that signs the body: what stands in headers is not signed.
pub(super) fn read(body: &[u8], headers: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if binary::is_binary(headers) { Err(BodyError::UnsignedHeaders) } else { parse(body, received) }
}

/// Reads an event in any content mode, or a list of them, of a sender that shows a secret.
pub(super) fn read_any_mode(body: &[u8], headers: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if binary::is_binary(headers) { binary::parse(body, headers, received) } else { parse(body, received) }
}
