//! MicroMDM's webhook.
//!
//! <https://github.com/micromdm/micromdm/blob/main/docs/user-guide/api-and-webhooks.md> describes it.
//!
//! On failure (no connection, or a status of 400 and above) MicroMDM writes a line to its log and goes on: it never
//! sends anything again. Events wait in memory, one is posted at a time, and what waits is lost when the server ends.
//!
//! What MicroMDM cannot tell: what happened before the profile was being installed, the screens on the way, that
//! somebody gave up or why an enrollment failed, the user, compliance, when the Setup Assistant was left; and that a
//! device left without saying so (`CheckOutWhenRemoved` unset, erased, or offline).
//!
//! Nor whether a `TokenUpdate` is a device's first: it counts none. Each is told as `enrolled`, under its own id. Of a
//! device known to be enrolled that repeats what is known and opens nothing, for a few events a year; an id without
//! anything of the single message would make a repeat also of the one that follows a new `Authenticate`, and the device
//! that enrolls anew would seem never to arrive. The price: a device that was enrolled before the webhook was set up
//! seems to enroll when its token first changes.

use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, apple, sample};
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
    // On iOS and iPadOS the start is also the screen that installs the profile: the only one it reports.
    besides: &[Kind::StepEntered],
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
/// When the body is none of MicroMDM's events, or too large.
pub fn parse(body: &[u8], _: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    apple::parse(SOURCE, body, received, |_| apple::Told::default())
}
