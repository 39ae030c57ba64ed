//! Microsoft Graph's Autopilot events, as Graph's list answers them: enrollments and Enrollment Status Page sessions of
//! Windows devices, reported after they happened.
//!
//! <https://learn.microsoft.com/en-us/graph/api/resources/intune-troubleshooting-devicemanagementautopilotevent> and
//! <https://learn.microsoft.com/en-us/graph/api/intune-troubleshooting-devicemanagementautopilotevent-list> (beta).
//! `policyStatusDetails` is part of the answer only if asked for. Whoever posts the list must follow `@odata.nextLink`.
//!
//! What Graph cannot report: compliance; when a phase began; whether an app or policy was for the device or its user,
//! and whether the id in the list is the app's own; when the page timed out before a success; and whether `deviceId` is
//! the MDM's id of the device or the directory's (we take it for the MDM's).
//!
//! Must stay true: a record is accepted or refused as a whole. The same record always makes the same events. A later
//! version of a record makes the same events for what was already reported and other events for what is new, so
//! importing every hour and importing once give the same result.

mod duration;
mod record;
mod timeline;

use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, SenderTags, graph, sample};
use crate::cloudevents::{Batch, BodyError, Parsed, Received};
use crate::fields::FieldError;
use crate::proof::Proof;
use http::HeaderMap;
use record::{DeploymentState, EnrollmentState, Item, Record};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use timeline::Timeline;
use vestibule_domain::esp::filter::Property;
use vestibule_domain::esp::profile::DEFAULT_TIMEOUT_MINUTES;
use vestibule_domain::esp::session::HYBRID_JOIN_MINUTES;
use vestibule_domain::esp::{Category, EspAction, EspDetail, EspEvent, ItemName, ItemState, Phase, PhaseState, Start};
use vestibule_domain::event::{Body, Event, EventKey, Kind, MAX_TEXT_CHARS, Step};
use vestibule_domain::failure::Failure;
use vestibule_domain::{Millis, Timestamp};

/// The `source` of every event made here.
pub const SOURCE: &str = "graph:deviceManagement/autopilotEvents";

/// The sender.
pub static SENDER: Sender = Sender {
    name: "graph-autopilot-events",
    title: "Microsoft Graph, Autopilot events",
    proofs: &[Proof::Path, Proof::StandardWebhooks],
    answer: Answer::ByEvent,
    repeats: Repeats::AsSetUp,
    // The phases of the Enrollment Status Page form a session; they are not screens of an attempt.
    reports: Reports {
        starts: true,
        steps: false,
        stops: false,
        failures: true,
        ends: true,
        compliance: false,
        removals: false,
        clock: Clock::Server,
    },
    besides: &[],
    tags: SenderTags::NONE,
    source: Some(SOURCE),
    settings: "Post Graph's deviceManagement/autopilotEvents list (beta), as it is, to\n{url}",
    files: &[],
    samples: &[
        sample!(
            "autopilot-events.json",
            Becomes::Event(Kind::Registered),
            Becomes::Event(Kind::Started),
            Becomes::Event(Kind::Enrolled),
            Becomes::Event(Kind::Failed),
            Becomes::Esp
        ),
        sample!("autopilot-events-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// Reads Graph's list response (`{"value": […]}`, with or without `@odata.*`), a bare list, or one record.
///
/// # Errors
/// When the body as a whole is neither a list nor a record, or is too large.
pub fn parse(body: &[u8], _headers: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    let (records, is_list) = graph::records(body)?;
    let path = |at: usize| if is_list { format!("value[{at}]") } else { String::new() };
    let records = records.iter().enumerate();
    let events = records.flat_map(|(at, record)| parse_record(&path(at), record, received)).collect();
    Ok(Batch { events, is_list })
}

pub(super) fn parse_record(path: &str, value: &Value, received: Received) -> Vec<Parsed> {
    let Value::Object(map) = value else {
        let problem = FieldError { field: path.to_owned(), problem: "must be an object".to_owned() };
        return vec![Parsed::Invalid { id: None, errors: vec![problem] }];
    };
    let id = || map.get("id").and_then(Value::as_str).map(|id| id.chars().take(MAX_TEXT_CHARS).collect());
    let mut errors = Vec::new();
    let Some(record) = Record::read(path, map, &mut errors) else { return vec![Parsed::Invalid { id: id(), errors }] };
    let mut made = Events { record: &record, received, events: Vec::new() };
    if made.make_all().is_none() {
        let problem = "is required if the record has no other time".to_owned();
        let field = if path.is_empty() { "eventDateTime".to_owned() } else { format!("{path}.eventDateTime") };
        let errors = vec![FieldError { field, problem }];
        return vec![Parsed::Invalid { id: id(), errors }];
    }
    // A record without events still gets an answer.
    if made.events.is_empty() {
        return vec![Parsed::passed_over(id(), None)];
    }
    made.events
}

/// The events made from one record so far.
///
/// An event's id is the record's plus what the event reports. The id also orders ESP events of one instant, hence the
/// numbers. A time in the id makes a corrected time another event. `started` has no time in its id: a second `started`
/// of the same source would be a second attempt (docs/DOMAIN.md, A6), but a record is one attempt.
struct Events<'a> {
    record: &'a Record,
    received: Received,
    events: Vec<Parsed>,
}

impl Events<'_> {
    /// Makes all events that follow from the record; `None` if it has no time for them.
    fn make_all(&mut self) -> Option<()> {
        let record = self.record;
        if let Some(at) = record.registered_at {
            self.step(Kind::Registered, at, &format!("registered/{}", at.millis()), None);
        }
        if let Some(at) = record.enrollment_started_at {
            self.step(Kind::Started, at, "started", None);
        }
        let times = [record.event_at, record.deployment_ended_at, record.deployment_started_at];
        let Some(known) = times.into_iter().flatten().next().or(record.enrollment_started_at) else {
            let is_timeless = record.enrollment == EnrollmentState::NotReported && !timeline::has_begun(record);
            return is_timeless.then_some(());
        };
        let timeline = Timeline::of(record, known);
        match record.enrollment {
            EnrollmentState::Enrolled => self.make_enrolled(timeline.as_ref(), known),
            EnrollmentState::Failed => {
                let at = record.deployment_ended_at.unwrap_or(known).max(self.earliest());
                let failure = record.failure();
                let id = format!("failed/{}{}", at.millis(), self.details());
                self.step(Kind::Failed, at, &id, failure);
            }
            EnrollmentState::NotReported => {}
        }
        if let Some(timeline) = timeline {
            self.make_session(&timeline);
        }
        Some(())
    }

    /// No part of an attempt may come before its start, whatever the clocks say: it would become an attempt of its own.
    fn earliest(&self) -> Timestamp {
        self.record.enrollment_started_at.unwrap_or(Timestamp::MIN)
    }

    /// The device is under management, and with that compliant: at the end of the deployment, if it succeeded. While
    /// the deployment is under way, that time is not known yet.
    fn make_enrolled(&mut self, timeline: Option<&Timeline>, known: Timestamp) {
        let record = self.record;
        let measured = || Some(record.enrollment_started_at? + record.preparation_length?);
        let prepared = timeline.map_or_else(measured, |timeline| timeline.enrolled_at);
        let end = timeline.and_then(|timeline| timeline.end).filter(|_| record.deployment.is_success());
        let at = prepared.unwrap_or(known).min(end.unwrap_or(Timestamp::MAX)).max(self.earliest());
        self.step(Kind::Enrolled, at, &format!("enrolled/{}", at.millis()), None);
        if record.deployment != DeploymentState::InProgress {
            let at = end.unwrap_or(at).max(at);
            self.step(Kind::Compliant, at, &format!("compliant/{}", at.millis()), None);
        }
    }

    fn make_session(&mut self, timeline: &Timeline) {
        self.make_start(timeline);
        // Completing the last phase would end the session well, so this is left out for a deployment that failed.
        let failed = self.record.deployment == DeploymentState::Failure;
        let last = Phase::expected(self.record.deployment_mode).last().copied().filter(|_| failed);
        for span in &timeline.phases {
            let number = 1 + span.phase as u8;
            let mut phase = |part: u8, state: PhaseState, at: Timestamp| {
                let id = format!("esp-{number}{part}-{}-{}/{}", span.phase, state, at.millis());
                self.esp(at, &id, EspDetail::Phase(span.phase, state));
            };
            phase(0, PhaseState::Started, span.start);
            let end = span.end.filter(|(state, _)| *state != PhaseState::Completed || last != Some(span.phase));
            if let Some((state, at)) = end {
                phase(1, state, at);
            }
        }
        self.make_items(timeline);
        if let Some(end) = timeline.end {
            self.make_end(timeline.start, end);
        }
    }

    fn make_start(&mut self, timeline: &Timeline) {
        let (record, at) = (self.record, timeline.start);
        let properties =
            [(Property::OsVersion, &record.about.os_version), (Property::EnrollmentProfileName, &record.profile_name)];
        let start = Start {
            limit_minutes: timeline.end.and_then(|end| self.limit_before(timeline.start, end)),
            deployment_mode: record.deployment_mode,
            hybrid_join: record.hybrid_join,
            profile: record.esp_profile.clone().map(Box::new),
            properties: properties.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect(),
            ..Start::default()
        };
        // Of two starts of one instant the first counts, so the one that knows the mode must sort first.
        let mode = record.deployment_mode.map_or("~", |mode| mode.name());
        let hybrid = if record.hybrid_join { "-hybrid" } else { "" };
        self.esp(at, &format!("esp-00-started/{}/{mode}{hybrid}", at.millis()), EspDetail::Started(Box::new(start)));
    }

    /// The items that the page waited for. Graph does not report whether they were for the device or for its user, so
    /// all go into device setup, which every deployment has. The other phases get empty lists: a missing list would
    /// mean that Windows is still preparing it, and a device that does so for long counts as stuck.
    fn make_items(&mut self, timeline: &Timeline) {
        let record = self.record;
        let mut lists: BTreeMap<(Phase, Category), BTreeSet<&ItemName>> = timeline
            .phases
            .iter()
            .filter(|span| span.phase != Phase::DevicePreparation)
            .map(|span| ((span.phase, Category::Apps), BTreeSet::new()))
            .collect();
        for item in &record.items {
            lists.entry((Phase::DeviceSetup, item.category)).or_default().insert(&item.name);
        }
        for ((phase, category), names) in lists {
            let names = names.into_iter().cloned().collect();
            self.esp(timeline.start, "esp-tracked", EspDetail::Tracked(phase, category, names));
        }
        for item in &record.items {
            self.make_item(item, timeline);
        }
    }

    fn make_item(&mut self, item: &Item, timeline: &Timeline) {
        let Some(state) = item.state else { return };
        // While the deployment goes on, an error may still be resolved, and would then not count.
        let is_over = self.record.deployment.is_success() || self.record.deployment == DeploymentState::Failure;
        if state == ItemState::Error && !is_over {
            return;
        }
        let reported = item.reported_at.or(self.record.event_at).unwrap_or(timeline.start).max(timeline.start);
        // If the deployment succeeded at once, the page cannot have waited for an item that failed. An error before the
        // end would turn it into a success after a failure.
        let at = match timeline.end {
            Some(end) if state == ItemState::Error && self.record.deployment == DeploymentState::Success => {
                reported.max(end + Millis::new(1))
            }
            _ => reported,
        };
        let code = item.error_code.clone();
        self.esp(at, "esp-item", EspDetail::Item(Phase::DeviceSetup, item.category, item.name.clone(), state, code));
    }

    /// Graph reports that a success came after a time-out, but not the limit, which was less than the time that passed.
    fn limit_before(&self, start: Timestamp, end: Timestamp) -> Option<u32> {
        let after =
            matches!(self.record.deployment, DeploymentState::SuccessWithTimeout | DeploymentState::SuccessOnRetry);
        let passed = u32::try_from((end - start).get().saturating_sub(1) / 60_000).ok()?;
        let hybrid = if self.record.hybrid_join { HYBRID_JOIN_MINUTES } else { 0 };
        let profile =
            self.record.esp_profile.as_ref().map_or(DEFAULT_TIMEOUT_MINUTES, |profile| profile.timeout_minutes);
        (after && passed < profile + hybrid).then(|| passed.saturating_sub(hybrid))
    }

    /// The session's end. If it succeeded on a retry, all we know of the retry is that it came before the end.
    fn make_end(&mut self, start: Timestamp, end: Timestamp) {
        match self.record.deployment {
            DeploymentState::Failure => {
                let Failure { code, reason, message, .. } = self.record.failure().unwrap_or_default();
                let id = format!("esp-80-failed/{}{}", end.millis(), self.details());
                return self.esp(end, &id, EspDetail::Failed(code, message.or(reason)));
            }
            DeploymentState::SuccessOnRetry => {
                let retried = (end - Millis::new(1)).max(start);
                self.esp_at(retried, "esp-81-retry", EspDetail::Action(EspAction::Retry));
            }
            _ => {}
        }
        self.esp_at(end, "esp-90-completed", EspDetail::Completed);
    }

    /// The part of an id that distinguishes one failure text from another.
    fn details(&self) -> String {
        let digest = |text: &String| Sha256::digest(text)[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        self.record.failure_details.as_ref().map(digest).map_or_else(String::new, |digest: String| format!("/{digest}"))
    }

    fn step(&mut self, kind: Kind, at: Timestamp, what: &str, failure: Option<Failure>) {
        let mut step = Step { failure, ..Step::of(kind) };
        step.said.assumed = kind == Kind::Compliant;
        self.push(at, what, Body::Enrollment(step.read()));
    }

    fn esp_at(&mut self, at: Timestamp, what: &str, detail: EspDetail) {
        self.esp(at, &format!("{what}/{}", at.millis()), detail);
    }

    fn esp(&mut self, at: Timestamp, what: &str, detail: EspDetail) {
        self.push(at, what, Body::Esp(EspEvent { session_id: Some(self.record.id.clone()), detail }));
    }

    fn push(&mut self, time: Timestamp, what: &str, body: Body) {
        let key = EventKey { source: SOURCE.to_owned(), id: format!("{}/{what}", self.record.id) };
        self.events.push(Parsed::Event(Box::new(Event {
            key,
            time,
            received_at: self.received.at,
            clock_skew: None,
            reports: self.received.reports,
            about: self.record.about.clone().without_unfit_identifiers(),
            body,
        })));
    }
}
