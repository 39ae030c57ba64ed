//! CloudEvents about enrollments, signed by Standard Webhooks.

use super::{Answer, Repeats, Sender, SenderTags, native};
use crate::proof::Proof;

/// The sender.
pub static SENDER: Sender = Sender {
    name: "enrollment-events",
    title: "CloudEvents",
    proofs: &[Proof::StandardWebhooks],
    answer: Answer::ByEvent,
    repeats: Repeats::AsSetUp,
    reports: native::REPORTS,
    besides: &[],
    tags: SenderTags::Any,
    source: None,
    settings: "Sign requests to {url} as https://www.standardwebhooks.com says.",
    files: &[],
    samples: &[native::EVENT, native::LIST, native::REMOVAL, native::PLACEHOLDER],
    read: native::read,
};
