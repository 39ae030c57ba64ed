//! CloudEvents about the Enrollment Status Page, signed as Standard Webhooks says. The address apart they are read like
//! any others: a function of its own takes them, so that many updates of one page hold up no enrollment.

use super::{Answer, Becomes, Repeats, Sender, native, sample};
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
    source: None,
    settings: "Sign requests to {url} as https://www.standardwebhooks.com says.",
    files: &[],
    samples: &[sample!("cloudevents-esp.json", Becomes::Esp), native::LIST, native::REMOVAL, native::PLACEHOLDER],
    read: native::read,
};
