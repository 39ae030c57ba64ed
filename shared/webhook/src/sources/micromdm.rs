//! MicroMDM's webhook.
//!
//! <https://github.com/micromdm/micromdm/blob/main/docs/user-guide/api-and-webhooks.md> describes it.
//!
//! After a failure (no connection, or a status of 400 or above) MicroMDM logs a line and never sends the event again.
//! Events wait in memory and are posted one at a time; those that wait are lost when the server stops.
//!
//! What MicroMDM cannot report: anything before the profile is installed, the screens on the way, that somebody gave up
//! or why an enrollment failed, the user, compliance, when the Setup Assistant was left, and that a device left without
//! a check-out (`CheckOutWhenRemoved` unset, erased, or offline).
//!
//! It does not count a device's `TokenUpdate`s either, so we cannot know which is the first. Each becomes `enrolled`,
//! under its own id. For a device known to be enrolled this repeats what is known and opens nothing, and there are only
//! a few such events a year. If the id did not depend on the single message, the one after a new `Authenticate` would
//! also be a repeat, and a device that enrolls anew would seem never to arrive. The price: a device that enrolled
//! before the webhook was set up seems to enroll when its token first changes.

use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, apple, sample};
use crate::cloudevents::{Batch, BodyError, Received};
use crate::proof::Proof;
use http::HeaderMap;
use vestibule_domain::event::Kind;

/// The `source` of every event made here.
pub const SOURCE: &str = "micromdm";

/// The sender.
pub static SENDER: Sender = Sender {
    name: "micromdm",
    title: "MicroMDM",
    proofs: &[Proof::Path, Proof::Basic],
    answer: Answer::ALWAYS,
    repeats: Repeats::Never,
    reports: Reports {
        starts: true,
        steps: false,
        stops: false,
        failures: false,
        ends: true,
        compliance: false,
        removals: true,
        clock: Clock::Server,
    },
    // On iOS and iPadOS the start is also the screen that installs the profile, the only screen it reports.
    besides: &[Kind::StepEntered],
    tags: SenderTags::NONE,
    source: Some(SOURCE),
    settings: "micromdm serve -command-webhook-url '{url}' …",
    files: &[],
    samples: &[
        sample!("micromdm-authenticate.json", Becomes::Event(Kind::Started)),
        sample!("micromdm-authenticate-ios.json", Becomes::Event(Kind::Started), Becomes::Event(Kind::StepEntered)),
        sample!("micromdm-token-update.json", Becomes::Event(Kind::Enrolled)),
        sample!("micromdm-check-out.json", Becomes::Event(Kind::Unenrolled)),
        sample!("micromdm-connect-error.json", Becomes::Ignored),
        sample!("micromdm-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// Reads an event.
///
/// # Errors
/// When the body is not one of MicroMDM's events, or is too large.
pub fn parse(body: &[u8], _: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    apple::parse(SOURCE, body, received, |_| apple::OwnMembers::default())
}
