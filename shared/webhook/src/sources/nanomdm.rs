//! NanoMDM's webhook; NanoHUB's is the same.
//!
//! <https://github.com/micromdm/nanomdm/blob/main/docs/operations-guide.md> describes the switches and the enrollment
//! ids, <https://github.com/micromdm/nanomdm/blob/main/service/webhook/event.json> the events. Version 0.9 has `ids`,
//! `event_id` and a signature; an event without an id is distinguished by its time and content.
//!
//! After a failure NanoMDM logs a line and never sends the event again. It counts any status but 200 as a failure.
//!
//! What NanoMDM cannot report: anything before the profile is installed, the screens on the way, that somebody gave up
//! or why an enrollment failed, the user, compliance, when the Setup Assistant was left, and that a device left without
//! a check-out (`CheckOutWhenRemoved` unset, erased, or offline). It also reports an `Authenticate` that it refuses
//! itself.
//!
//! `token_update_tally` counts a device's `TokenUpdate`s since its last `Authenticate`. Each becomes `enrolled`,
//! whatever its tally: if the first says that the device awaits its configuration, the next one releases it. For a
//! device known to be enrolled it repeats what is known, as [`micromdm`](super::micromdm) explains.

use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, apple, sample};
use crate::cloudevents::{Batch, BodyError, Received};
use crate::fields::Reader;
use crate::proof::Proof;
use http::HeaderMap;
use vestibule_domain::event::{Kind, MAX_TEXT_CHARS};

/// The `source` of every event made here.
pub const SOURCE: &str = "nanomdm";

/// The sender.
pub static SENDER: Sender = Sender {
    name: "nanomdm",
    title: "NanoMDM",
    proofs: &[Proof::HmacBase64("x-hmac-signature")],
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
    settings: "nanomdm -webhook-url '{url}' -webhook-hmac-key '{secret}' …",
    files: &[],
    samples: &[
        sample!("nanomdm-authenticate.json", Becomes::Event(Kind::Started), Becomes::Event(Kind::StepEntered)),
        sample!("nanomdm-token-update.json", Becomes::Event(Kind::Enrolled)),
        sample!("nanomdm-token-update-rotated.json", Becomes::Event(Kind::Enrolled)),
        sample!("nanomdm-check-out.json", Becomes::Event(Kind::Unenrolled)),
        sample!("nanomdm-connect-error.json", Becomes::Ignored),
        sample!("nanomdm-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// The types of enrollment that belong to a user of a device, not to the device itself.
const USER_CHANNELS: [&str; 3] = ["User", "User Enrollment", "Shared iPad"];

/// Reads an event.
///
/// # Errors
/// When the body is not one of NanoMDM's events, or is too large.
pub fn parse(body: &[u8], _: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    apple::parse(SOURCE, body, received, read_own)
}

fn read_own(checkin: &mut Reader<'_, '_>) -> apple::OwnMembers {
    let tally = checkin.value("token_update_tally");
    if tally.is_some_and(|tally| !tally.is_u64()) {
        checkin.refuse("token_update_tally", "must be a whole number");
    }
    let enrollment_id = checkin.text("enrollment_id", MAX_TEXT_CHARS);
    let mut ids = checkin.object("ids");
    let mdm_device_id = ids.text("id", MAX_TEXT_CHARS);
    let kind = ids.text("type", MAX_TEXT_CHARS);
    let parent = ids.text("parent_id", MAX_TEXT_CHARS);
    let is_user_channel = parent.is_some() || kind.is_some_and(|kind| USER_CHANNELS.contains(&kind.as_str()));
    apple::OwnMembers { mdm_device_id, enrollment_id, is_user_channel }
}
