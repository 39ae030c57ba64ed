//! CloudEvents as brokers and SDKs deliver them: in any content mode, proved by a secret, because they sign nothing.
//!
//! Knative's broker takes any body of an answer for an event in reply, and a body that is not an event for a failed
//! delivery. So an answer of success has no body.

use super::{Answer, Repeats, Sender, SenderTags, native};
use crate::proof::{Proof, SECRET_HEADER};

/// The sender.
pub static SENDER: Sender = Sender {
    name: "cloudevents",
    title: "CloudEvents from a broker or an SDK",
    proofs: &[Proof::Path, Proof::Header(SECRET_HEADER), Proof::Basic],
    answer: Answer::WithoutBody,
    repeats: Repeats::AsSetUp,
    reports: native::REPORTS,
    besides: &[],
    tags: SenderTags::Any,
    source: None,
    settings: "Deliver CloudEvents 1.0 by POST, structured, binary or in batches, to\n{url}",
    files: &[],
    samples: &[native::EVENT, native::LIST, native::REMOVAL, native::PLACEHOLDER],
    read: native::read_any_mode,
};
