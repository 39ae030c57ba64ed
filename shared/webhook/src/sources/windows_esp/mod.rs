//! The Enrollment Status Page as the Windows device itself reports it: the page's own log records and a few registry
//! values, copied by a script (`local/reporter/Vestibule-Reporter.ps1`) and interpreted here.
//!
//! The page logs each step, click and result as event 62407 of `Microsoft-Windows-Shell-Core/Operational`, with its
//! exact time, and the records stay, so a script that starts late still reports the whole session. The names of these
//! records are constants of the page and are not translated. They are undocumented; those here come from scripts for
//! the page and from records that people published.
//!
//! What the device cannot report: why an app failed beyond a code, the names of apps on the classic page, the number of
//! policies, groups, compliance, and that a person walked away.
//!
//! Must stay true: the session and the attempt depend only on the set of records, not on the bodies they come in, their
//! order or repetition. So an event is made from one record or fact and from what every body of the session repeats
//! (device, windows, parts). Two things need a neighbouring record in the same body, and are left out without it: the
//! correction of a clock that was set back, and an app's error code.

mod body;
mod enrollment;
mod facts;
mod records;

use super::{Answer, Becomes, Clock, Repeats, Reports, Sender, SenderFile, SenderTags, sample};
use crate::cloudevents::{Batch, BodyError, MAX_BODY_BYTES, Parsed, Received};
use crate::fields::FieldError;
use crate::proof::{Proof, SECRET_HEADER};
use body::{Part, Posted, Record};
use http::HeaderMap;
use serde_json::Value;
use std::collections::BTreeMap;
use vestibule_domain::esp::{DeploymentMode, EspDetail, EspEvent};
use vestibule_domain::event::{Body, ClockSkew, Event, EventKey, Kind, Step};
use vestibule_domain::{Millis, Timestamp};

pub use facts::TRACKED;
pub use records::{PREFIXES, known as known_records};

/// The `source` of every event made here.
pub const SOURCE: &str = "vestibule:windows-esp";

/// The version of every body, in `schema`.
const SCHEMA: u64 = 1;
/// The id of the page's events in the log.
const PAGE_EVENT: u64 = 62_407;
/// By how much a record may precede the one logged before it without a clock change: several threads write the log.
const OUT_OF_ORDER: Millis = Millis::from_seconds(5);

/// The script to deploy.
pub const REPORTER: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../local/reporter/Vestibule-Reporter.ps1"));

/// Its instructions.
const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../local/reporter/README.txt"));

/// The sender.
pub static SENDER: Sender = Sender {
    name: "windows-esp",
    title: "Enrollment Status Page, from the device",
    proofs: &[Proof::Header(SECRET_HEADER), Proof::Path, Proof::StandardWebhooks],
    answer: Answer::ByEvent,
    repeats: Repeats::AsSetUp,
    // The phases of the Enrollment Status Page form a session, not screens of an attempt; its failure fails the
    // attempt.
    reports: Reports {
        starts: true,
        steps: false,
        stops: false,
        failures: true,
        ends: true,
        compliance: false,
        removals: false,
        clock: Clock::Device,
    },
    besides: &[],
    tags: SenderTags::NONE,
    source: Some(SOURCE),
    settings: "In Intune: Devices > Scripts and remediations > Platform scripts > Add > Windows 10 and later\n\
         Script: platform-script/Vestibule-Reporter.ps1\n\
         Run this script using the logged on credentials: No. Run script in 64 bit PowerShell host: Yes\n\
         It posts to {url}\n\
         with the header X-Vestibule-Secret: {secret}",
    files: &[
        SenderFile { path: "README.txt", text: README, is_filled: true },
        SenderFile { path: "platform-script/Vestibule-Reporter.ps1", text: REPORTER, is_filled: true },
        SenderFile { path: "win32-app/Vestibule-Reporter.ps1", text: REPORTER, is_filled: false },
        SenderFile {
            path: "win32-app/config.json",
            text: "{\"url\":\"{url}\",\"secret\":\"{secret}\"}\n",
            is_filled: true,
        },
    ],
    samples: &[
        sample!("windows-esp.json", Becomes::Event(Kind::Started), Becomes::Event(Kind::Enrolled), Becomes::Esp),
        sample!("windows-esp-placeholder.json", Becomes::Refused),
    ],
    read: parse,
};

/// Reads what the script posts: a part of one device's log, and the values that every body of the session repeats.
///
/// # Errors
/// When the body as a whole is not such a report, or is too large.
pub fn parse(body: &[u8], _: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| BodyError::NotJson { line: error.line(), column: error.column() })?;
    let map = value.as_object().ok_or(BodyError::Malformed("a body is an object"))?;
    if map.get("schema").and_then(Value::as_u64) != Some(SCHEMA) {
        return Err(BodyError::Malformed("schema is 1"));
    }
    let posted = Posted::read(map)?;
    let mut report = Report { posted: &posted, received, clock: Shifts::of(&posted.records), events: Vec::new() };
    match posted.unnamed() {
        Some(refused) => report.events.push(refused),
        None => report.make(),
    }
    // A body without events still gets an answer.
    if report.events.is_empty() {
        report.events.push(Parsed::passed_over(None, None));
    }
    Ok(Batch { events: report.events, is_list: true })
}

/// By how much the clock was set back after each record, by the record's part and id.
struct Shifts(BTreeMap<(u32, u64), Millis>);

impl Shifts {
    /// If a record was logged after another but has an earlier time, the clock was set back in between: the earlier
    /// record and all before it move by the jump.
    fn of(records: &[Record<'_>]) -> Self {
        let mut times: Vec<((u32, u64), Timestamp)> =
            records.iter().map(|record| ((record.part, record.id), record.at)).collect();
        times.sort_unstable();
        let mut shifts = BTreeMap::new();
        let mut shift = Millis::ZERO;
        let mut after: Option<Timestamp> = None;
        for (key, at) in times.into_iter().rev() {
            if let Some(after) = after
                && at - after > OUT_OF_ORDER
            {
                shift = Millis::new(shift.get().saturating_add((after - at).get()));
            }
            after = Some(at);
            if shift != Millis::ZERO {
                shifts.insert(key, shift);
            }
        }
        Self(shifts)
    }

    fn at(&self, key: (u32, u64)) -> Millis {
        self.0.get(&key).copied().unwrap_or(Millis::ZERO)
    }
}

/// A time, and whether the device's clock was wrong then.
#[derive(Clone, Copy)]
struct Instant {
    at: Timestamp,
    was_wrong: bool,
}

/// The events made from one body so far.
///
/// The id orders events of one instant (docs/DOMAIN.md, O2): the start first, then the records in the order of the log.
struct Report<'a> {
    posted: &'a Posted<'a>,
    received: Received,
    clock: Shifts,
    events: Vec<Parsed>,
}

impl Report<'_> {
    fn make(&mut self) {
        let posted = self.posted;
        self.refuse(&posted.errors);
        for part in posted.parts.values() {
            self.start(part);
        }
        self.enrollment();
        for record in &posted.records {
            self.record(record);
        }
        let said = facts::read(posted.facts);
        self.refuse(&said.errors);
        for (part, at, detail) in said.details {
            self.esp(part, Instant { at, was_wrong: false }, "item", detail);
        }
    }

    fn refuse(&mut self, errors: &[(Option<String>, FieldError)]) {
        self.events
            .extend(errors.iter().map(|(id, error)| Parsed::Invalid { id: id.clone(), errors: vec![error.clone()] }));
    }

    /// When a part began. It moves with the record that began it, if this body has that record. Of two starts the
    /// earlier counts.
    fn start_of(&self, part: &Part) -> Instant {
        let is_first = |record: &&Record<'_>| record.part == part.number && record.at == part.started_at;
        let first = self.posted.records.iter().find(is_first);
        let shift = first.map_or(Millis::ZERO, |record| self.clock.at((record.part, record.id)));
        Instant { at: part.started_at + shift, was_wrong: shift != Millis::ZERO }
    }

    fn start(&mut self, part: &Part) {
        let posted = self.posted;
        let began = self.start_of(part);
        let mode = posted.mode(part);
        // Of two starts of one instant the first counts, so the one that knows more about the mode must sort first.
        let id = format!("0/started/{}/{}", began.at.millis(), mode.map_or("~", DeploymentMode::name));
        self.esp(part.number, began, &id, EspDetail::Started(Box::new(posted.start(mode))));
        let is_prepared = posted.records.iter().any(|record| {
            record.part == part.number && records::Line::read(record.data).is_some_and(|line| line.is_of_preparation())
        });
        if posted.windows.device_preparation || is_prepared {
            let id = format!("0/phase/{}", began.at.millis());
            self.esp(part.number, began, &id, records::preparation_begins());
        }
    }

    fn record(&mut self, record: &Record<'_>) {
        let posted = self.posted;
        if record.event != PAGE_EVENT {
            return;
        }
        // Records of other names (buttons shown, time-outs read, the battery) report nothing about the enrollment.
        let Some(line) = records::Line::read(record.data) else { return };
        let part = posted.parts.get(&record.part);
        let mode = part.and_then(|part| posted.mode(part));
        let ends_here = mode == Some(DeploymentMode::SelfDeploying) || posted.windows.skips_account_setup;
        let shift = self.clock.at((record.part, record.id));
        let at = Instant { at: record.at + shift, was_wrong: shift != Millis::ZERO };
        for (what, detail) in line.details(ends_here) {
            let is_good_end = detail == EspDetail::Completed;
            let id = |what: &str| format!("{:020}/{what}", record.id);
            self.esp(record.part, at, &id(what), detail);
            if is_good_end && mode != Some(DeploymentMode::PreProvisioningTechnician) && !line.is_technicians() {
                let what = id("compliant");
                self.step(record.part, at, &what, super::assumed_compliant());
            }
        }
    }

    fn esp(&mut self, part: u32, at: Instant, what: &str, detail: EspDetail) {
        let session_id = Some(format!("{}/{part}", self.posted.session));
        self.push(part, at, what, Body::Esp(EspEvent { session_id, detail }));
    }

    fn step(&mut self, part: u32, at: Instant, what: &str, step: Step) {
        self.push(part, at, what, Body::Enrollment(step.read()));
    }

    fn push(&mut self, part: u32, Instant { at: time, was_wrong }: Instant, what: &str, body: Body) {
        let Received { at, backfill, reports, .. } = self.received;
        let key = EventKey { source: SOURCE.to_owned(), id: format!("{}/{part}/{what}", self.posted.session) };
        let seen = ClockSkew::of(time, at, backfill, reports.clock);
        self.events.push(Parsed::Event(Box::new(Event {
            key,
            time,
            received_at: at,
            clock_skew: if was_wrong { Some(ClockSkew::Ahead) } else { seen },
            reports,
            about: self.posted.about.clone().without_unfit_identifiers(),
            body,
        })));
    }
}
