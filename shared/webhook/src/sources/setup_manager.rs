//! Webhooks of Jamf Setup Manager, the program that sets up a Mac after its enrollment.
//!
//! <https://github.com/jamf/Setup-Manager/blob/main/Docs/Webhooks.md> describes them: one when a set-up begins and one
//! when it is over, with what happened in between. Its kinds `teams` and `slack` have another body, which is refused.
//!
//! No repetition is documented: a post that fails is lost. So each of a run's two events also makes what the other
//! would.
//!
//! What Setup Manager cannot report: the screens, which action hangs, that a person sits in front of the Mac, why an
//! action failed, compliance, how a device was enrolled, that it left, and every Mac that never gets this far. A lost
//! `finished` looks like a set-up that somebody gave up.
//!
//! Must stay true: a run is one attempt, whichever of its events arrive, how often and in which order. Only the
//! beginning makes `started`: the end repeats that time to a second only, and a second `started` is a second attempt.
//! The end shows that the Mac was active all the time, so its silence in between ends no attempt (the bridge).

use super::{
    Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, assumed_compliant, derived_id, reported,
    reported_tags, sample,
};
use crate::cloudevents::{Batch, BodyError, MAX_BODY_BYTES, MAX_EVENTS, Parsed, Received};
use crate::proof::Proof;
use http::HeaderMap;
use serde_json::{Map, Value};
use vestibule_domain::catalogue::{Action, Place, Section};
use vestibule_domain::event::{About, ClockSkew, EventKey, Kind, MAX_MESSAGE_CHARS, Platform, Step};
use vestibule_domain::failure::Failure;
use vestibule_domain::{Millis, Timestamp};

/// The `source` of every event made here.
pub const SOURCE: &str = "jamf:setupManager";

/// The sender.
pub static SENDER: Sender = Sender {
    name: "setup-manager",
    title: "Jamf Setup Manager",
    proofs: &[Proof::Path, Proof::Basic, Proof::Header("authorization")],
    answer: Answer::ALWAYS,
    repeats: Repeats::NotDocumented,
    reports: Reports {
        starts: true,
        steps: true,
        stops: false,
        failures: false,
        ends: true,
        compliance: false,
        removals: false,
        clock: Clock::Device,
    },
    besides: &[],
    tags: SenderTags::Keys(&["assetTag", "building", "department", "room"]),
    source: Some(SOURCE),
    settings: "In the configuration profile of Setup Manager (com.jamf.setupmanager):\n\
         <key>webhooks</key>\n<dict>\n  <key>started</key><string>{url}</string>\n  \
         <key>finished</key><string>{url}</string>\n</dict>",
    files: &[],
    samples: &[
        sample!("setup-manager-started.json", Becomes::Event(Kind::Started), Becomes::Event(Kind::StepEntered)),
        sample!(
            "setup-manager-finished.json",
            Becomes::Event(Kind::StepEntered),
            Becomes::Event(Kind::StepCompleted),
            Becomes::Event(Kind::Enrolled),
        ),
        sample!("setup-manager-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// The prefix of its events' names, in lower case.
const EVENTS: &str = "com.jamf.setupmanager.";
/// The only screen. No catalogue knows it, so it has no row.
const SETUP_MANAGER: &str = "SetupManager";
/// The reason of a failed action. It does not fail the enrollment.
const ACTION_FAILED: &str = "enrollmentActionFailed";

/// What a person may enter (`userEntry`) about the Mac; the rest is about the person. Organisations rename these fields,
/// so any of them may be what they tell their Macs apart by.
const TAGS: [(&str, &str); 4] =
    [("assetTag", "assetTag"), ("building", "building"), ("department", "department"), ("room", "room")];

/// 2001-01-01, at which a Mac's clock starts when it has lost its time. An earlier time is invalid.
const EARLIEST: Timestamp = Timestamp::from_millis(978_307_200_000);
/// The distance between steps of the bridge: less than the thirty minutes that end an attempt.
const BRIDGE: Millis = Millis::from_minutes(25);
/// A longer run has no bridge: nobody was there.
const LONGEST_BRIDGED: Millis = Millis::from_minutes(4 * 60);
/// By how much the two reports of a beginning may differ from rounding to seconds.
const ROUNDED: Millis = Millis::from_seconds(5);
/// The length in seconds (a year) above which a run counts as one of unknown length.
const LONGEST_SECONDS: i64 = 31_536_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Started,
    Finished,
}

impl Stage {
    /// By the event's name; by `name` only if there is no event.
    fn read(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        match name.strip_prefix(EVENTS).unwrap_or(&name) {
            "started" => Some(Self::Started),
            "finished" => Some(Self::Finished),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Finished => "finished",
        }
    }
}

/// Reads an event.
///
/// # Errors
/// When the body is not one of Setup Manager's events, or is too large.
pub fn parse(body: &[u8], _: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| BodyError::NotJson { line: error.line(), column: error.column() })?;
    let message = value.as_object().ok_or(BodyError::Malformed("an event is an object"))?;
    read(message, received)
}

/// Whether a body is Setup Manager's, whatever its address.
pub(super) fn is_message(body: &Value) -> bool {
    let name = body.get("event").and_then(Value::as_str).unwrap_or_default().trim();
    name.get(..EVENTS.len()).is_some_and(|start| start.eq_ignore_ascii_case(EVENTS))
}

/// Reads an event that came to the address of another of Jamf's products. It still counts as Setup Manager's.
pub(super) fn read_misaddressed(body: &Value, received: Received) -> Result<Batch, BodyError> {
    let received = Received { reports: SENDER.reports, ..received };
    read(body.as_object().ok_or(BodyError::Malformed("an event is an object"))?, received)
}

fn read(message: &Map<String, Value>, received: Received) -> Result<Batch, BodyError> {
    if message.get("webhook").is_some_and(Value::is_object) {
        return Err(BodyError::Malformed("a webhook of Jamf Pro goes to the source jamf"));
    }
    let Some(name) = reported(message, "event").or_else(|| reported(message, "name")) else {
        return Err(BodyError::Malformed(
            "an event has event or name; leave kind out of the profile, for teams and slack have a body of their own",
        ));
    };
    let Some(kind) = Stage::read(&name) else {
        return Ok(Batch { events: vec![Parsed::passed_over(None, Some(&name))], is_list: false });
    };
    let about = about(message);
    let Some(device) = about.identifiers().next() else {
        let otherwise = ("serialNumber", "must name the device");
        let refused = super::unnamed(None, &about, |_| "serialNumber".to_owned(), otherwise);
        return Ok(Batch { events: vec![refused], is_list: false });
    };
    let run = Run::read(kind, message);
    let steps = match kind {
        Stage::Started => begun(&run),
        Stage::Finished => finished(&run, message),
    };
    if steps.len() > MAX_EVENTS {
        return Err(BodyError::TooManyEvents);
    }
    // A part of a long run may be far in the past by the clock that the message itself confirms.
    let sent = run.sent.unwrap_or(received.at);
    let clock_skew = ClockSkew::of(sent, received.at, received.backfill, received.reports.clock);
    let event = |(step, time, what): (Step, Option<Timestamp>, String)| {
        let content = [kind.name(), &run.own, &what].join("\u{1f}");
        let id = derived_id(SOURCE, step.kind.name(), &device.value, time, content.as_bytes());
        let key = EventKey { source: SOURCE.to_owned(), id };
        let mut event = super::enrollment_event(key, time.unwrap_or(received.at), received, about.clone(), step);
        event.clock_skew = clock_skew;
        Parsed::Event(Box::new(event))
    };
    Ok(Batch { events: steps.into_iter().map(event).collect(), is_list: false })
}

/// The plausible times of a run.
struct Run {
    /// When it began.
    began: Option<Timestamp>,
    /// When it was over.
    ended: Option<Timestamp>,
    /// When the message was made: at the end if it reports the end, else at the beginning.
    sent: Option<Timestamp>,
    /// The time, as written, that distinguishes the message from others of the same device.
    own: String,
}

impl Run {
    fn read(kind: Stage, message: &Map<String, Value>) -> Self {
        let [timestamp, started, finished] = ["timestamp", "started", "finished"].map(|name| time(message, name));
        let own = |names: &[&str]| names.iter().find_map(|name| reported(message, name)).unwrap_or_default();
        match kind {
            // Documentation and its example disagree on which of the two is the start and which the posting.
            Stage::Started => {
                let began = [timestamp, started].into_iter().flatten().min();
                Self { began, ended: None, sent: began, own: String::new() }
            }
            // A finished run may be posted twice, at two times, so only its own end identifies it.
            Stage::Finished => {
                let ended = finished.or(timestamp);
                let counted = finished.zip(duration(message)).map(|(end, length)| end - length);
                let counted = counted.filter(|time| *time >= EARLIEST);
                let began = match (counted, started) {
                    (Some(counted), Some(started)) if started > counted && started - counted <= ROUNDED => {
                        Some(started)
                    }
                    (counted, started) => counted.or(started),
                };
                let began = began.filter(|began| ended.is_none_or(|ended| *began <= ended));
                Self { began, ended, sent: ended, own: own(&["finished", "timestamp", "started"]) }
            }
        }
    }
}

/// The steps that the beginning of a run reports, each with its time and what distinguishes it from others of its kind.
fn begun(run: &Run) -> Vec<(Step, Option<Timestamp>, String)> {
    [Step::of(Kind::Started), at_place(Step::of(Kind::StepEntered))].map(|step| (step, run.began, String::new())).into()
}

/// The steps that the end of a run reports.
fn finished(run: &Run, message: &Map<String, Value>) -> Vec<(Step, Option<Timestamp>, String)> {
    let entered = |time: Timestamp, what: String| (at_place(Step::of(Kind::StepEntered)), Some(time), what);
    let mut steps = Vec::new();
    if let Some(began) = run.began {
        // Opens the attempt if the beginning was lost.
        steps.push(entered(began, "began".to_owned()));
        let length = run.ended.map_or(Millis::ZERO, |ended| ended - began);
        if length > BRIDGE && length <= LONGEST_BRIDGED {
            let mut time = began + BRIDGE;
            while run.ended.is_some_and(|ended| time < ended) {
                steps.push(entered(time, format!("bridge {}", steps.len())));
                time = time + BRIDGE;
            }
        }
    }
    for label in failed_actions(message) {
        // The same label twice counts once: nothing else distinguishes the two.
        let what = format!("failed {}", label.as_deref().unwrap_or_default());
        let failure = Failure { reason: Some(ACTION_FAILED.to_owned()), message: label, ..Failure::default() };
        let step = Step { failure: Some(failure), ..at_place(Step::of(Kind::StepEntered)) };
        steps.push((step, run.ended, what));
    }
    let entry = message.get("userEntry").and_then(Value::as_object);
    let tags = entry.map(|entry| reported_tags(entry, &TAGS)).unwrap_or_default();
    let enrolled = Step { tags, ..Step::of(Kind::Enrolled) };
    let end = [at_place(Step::of(Kind::StepCompleted)), enrolled, assumed_compliant()];
    steps.extend(end.map(|step| (step, run.ended, String::new())));
    steps
}

/// The labels of the actions that failed.
fn failed_actions(message: &Map<String, Value>) -> impl Iterator<Item = Option<String>> {
    let actions = message.get("enrollmentActions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let failed = |action: &&Map<String, Value>| {
        action.get("status").and_then(Value::as_str).is_some_and(|status| status.trim().eq_ignore_ascii_case("failed"))
    };
    actions.iter().filter_map(Value::as_object).filter(failed).map(|action| {
        let label = action.get("label").and_then(Value::as_str).map(str::trim)?;
        Some(label.to_owned()).filter(|label| !label.is_empty() && label.chars().count() <= MAX_MESSAGE_CHARS)
    })
}

/// The device, from an event. Jamf Pro's own number is left out, because each of its servers counts from one.
fn about(message: &Map<String, Value>) -> About {
    let nothing = Map::new();
    let entry = message.get("userEntry").and_then(Value::as_object).unwrap_or(&nothing);
    let user = reported(message, "enrollmentUserID").or_else(|| reported(entry, "userID"));
    let is_address = user.as_ref().is_some_and(|user| user.contains('@'));
    let (user_principal_name, user_id) = if is_address { (user, None) } else { (None, user) };
    About {
        serial_number: reported(message, "serialNumber"),
        device_name: reported(message, "computerName").or_else(|| reported(entry, "computerName")),
        model: reported(message, "modelIdentifier").or_else(|| reported(message, "modelName")),
        user_principal_name,
        user_id,
        platform: Some(Platform::MacOs),
        os_version: reported(message, "macOSVersion"),
        ..About::default()
    }
}

fn at_place(step: Step) -> Step {
    let place = Place::new(Some(Section::PlatformScreens), Action::read(SETUP_MANAGER), None);
    Step { place: Some(place), ..step }
}

/// A time, if it is plausible.
fn time(message: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    let time = Timestamp::parse(&reported(message, name)?).ok()?;
    Some(time).filter(|time| *time >= EARLIEST)
}

/// How long the run took, if it is plausible.
fn duration(message: &Map<String, Value>) -> Option<Millis> {
    let seconds = reported(message, "duration")?;
    // Whole seconds; some writers add a fraction.
    let seconds: i64 = seconds.split('.').next()?.parse().ok()?;
    (0..=LONGEST_SECONDS).contains(&seconds).then(|| Millis::from_seconds(seconds))
}
