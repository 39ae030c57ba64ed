//! CloudEvents about the Enrollment Status Page, signed by Standard Webhooks. They are read like any others, but have
//! their own address and function, so that many updates of one page do not delay enrollments.

use super::{Answer, Becomes, Repeats, Sender, SenderTags, native, sample};
use crate::proof::Proof;

/// The sender.
pub static SENDER: Sender = Sender {
    name: "esp-status",
    title: "CloudEvents of the Enrollment Status Page",
    proofs: &[Proof::StandardWebhooks],
    answer: Answer::ByEvent,
    repeats: Repeats::AsSetUp,
    reports: native::REPORTS,
    besides: &[],
    tags: SenderTags::Any,
    source: None,
    settings: "Sign requests to {url} as https://www.standardwebhooks.com says.",
    files: &[],
    samples: &[sample!("cloudevents-esp.json", Becomes::Esp), native::LIST, native::REMOVAL, native::PLACEHOLDER],
    read: native::read,
};
