//! CloudEvents from a sender that signs as GitHub does.

use super::{Answer, Repeats, Sender, SenderTags, native};
use crate::proof::Proof;

/// The sender.
pub static SENDER: Sender = Sender {
    name: "github-style",
    title: "CloudEvents, signed as GitHub does",
    proofs: &[Proof::HmacHex("x-hub-signature-256")],
    answer: Answer::ByEvent,
    repeats: Repeats::AsSetUp,
    reports: native::REPORTS,
    besides: &[],
    tags: SenderTags::Any,
    source: None,
    settings: "Payload URL: {url}\nContent type: application/json (CloudEvents)\nSecret: {secret}",
    files: &[],
    samples: &[native::EVENT, native::LIST, native::REMOVAL, native::PLACEHOLDER],
    read: native::read,
};
