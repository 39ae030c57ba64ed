//! `docs/EVENTS.md` shows a sample of each event on the bus. The samples are what the code publishes for the page's
//! story, and the page's consumer ends where the story ends.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use vestibule_domain::attempt::Enrollment;
use vestibule_domain::catalogue::{Action, Place, Screen};
use vestibule_domain::esp::{EspDetail, EspEvent};
use vestibule_domain::event::{About, Body, Event, EventKey, Step};
use vestibule_domain::failure::Failure;
use vestibule_domain::message::TestRequest;
use vestibule_domain::publication::{Publication, Transition, Write, difference, taken_back};
use vestibule_domain::pull::PullRequest;
use vestibule_domain::report::{ExportReason, ExportRequest, ReportPublished};
use vestibule_domain::{Cause, History, Kind, Millis, Platform, Reports, TenantId, TenantSettings, Timestamp, fold};

/// 2026-03-02T09:00:00Z.
const NINE: Timestamp = Timestamp::from_millis(1_772_442_000_000);

#[test]
fn each_sample_is_what_the_code_publishes() {
    let page = page();
    let shown = samples(&page);
    let mut wrong = Vec::new();
    for (name, text) in published() {
        let expected: Value = serde_json::from_str(&text).unwrap();
        let sample = shown.get(name).map(|sample| serde_json::from_str::<Value>(sample));
        if !matches!(sample, Some(Ok(sample)) if sample == expected) {
            wrong.push(format!("## {name}\n\n```json\n{text}\n```\n"));
        }
    }
    assert!(wrong.is_empty(), "docs/EVENTS.md must have these samples:\n\n{}", wrong.join("\n"));
    let mut known: BTreeSet<&str> = Transition::ALL.iter().map(|kind| kind.name()).collect();
    known.extend(["ReportExportRequested", "GraphPullRequested", "NoticeTestRequested"]);
    assert_eq!(shown.keys().copied().collect::<BTreeSet<_>>(), known, "one sample for each event, and no other");
}

/// The page explains every member of the samples, and no other.
#[test]
fn each_member_is_explained() {
    let page = page();
    for (name, sample) in samples(&page) {
        let sample: Value = serde_json::from_str(sample).unwrap();
        for member in sample.as_object().unwrap().keys() {
            let explained = page.lines().any(|line| line.starts_with("| `") && line.contains(&format!("`{member}`")));
            assert!(explained, "{member} of {name} is not explained");
        }
    }
}

/// The page names every cause of the code, in its order.
#[test]
fn every_cause_is_named() {
    let page = page();
    let line = page.lines().find(|line| line.starts_with("| `cause` |")).unwrap();
    let named: Vec<&str> = line.split('`').skip(3).step_by(2).collect();
    assert_eq!(named, Cause::ALL.iter().map(|cause| cause.name()).collect::<Vec<_>>());
}

/// In any order and with repeats, the samples lead to the end of the story: the first phone is enrolled after all.
#[test]
fn the_samples_replay_to_the_end_of_the_story() {
    let page = page();
    let samples = samples(&page);
    let events: Vec<(&str, Value)> =
        samples.iter().map(|(name, sample)| (*name, serde_json::from_str(sample).unwrap())).collect();
    for start in 0..events.len() {
        let again = events.iter().cycle().skip(start).take(2 * events.len());
        assert_eq!(replay(again), ["completed", "completed", "failed"], "from {start}");
        assert_eq!(replay(events[start..].iter().rev().chain(&events)), ["completed", "completed", "failed"]);
    }
}

/// The consumer of the page: the state of each attempt, sorted.
fn replay<'a>(events: impl Iterator<Item = &'a (&'a str, Value)>) -> Vec<&'a str> {
    let text = |detail: &'a Value, member: &str| detail[member].as_str().unwrap();
    let mut newest: BTreeMap<&str, &Value> = BTreeMap::new();
    for (_, detail) in events.filter(|(name, _)| name.starts_with("Enrollment")) {
        let known = newest.entry(text(detail, "attemptId")).or_insert(detail);
        if text(known, "revision") < text(detail, "revision") {
            *known = detail;
        }
    }
    let stands = newest.values().map(|detail| text(detail, "outcome"));
    let mut stands: Vec<_> = stands.filter(|outcome| *outcome != "gone").collect();
    stands.sort_unstable();
    stands
}

/// The story of the page, event by event, with each detail as it is put on the bus.
fn published() -> Vec<(&'static str, String)> {
    let mut story = Story::default();
    // A person stops at the terms of use, and a late delivery reports that the device was enrolled after all.
    let phone = Item { key: "e#contoso#0ck9mN8Yq2l3p7sVb1xQZAw", serial: "C02EXAMPLE1", platform: Some(Platform::Ios) };
    let terms = Place::new(None, Action::read("TermsofUse"), Some(Screen::read("termsOfUse")));
    let mut device = Device::new(phone);
    device.receive(0, step(Kind::Started));
    story.add(device.write(0));
    device.receive(3, Step { place: Some(terms), ..step(Kind::StepEntered) });
    story.add(device.write(3));
    story.add(device.write(34));
    device.receive_late(20, 50, step(Kind::Enrolled));
    device.receive_late(20, 50, step(Kind::Compliant));
    story.add(device.write(50));
    // Two more phones: one is enrolled, one fails.
    let phone = Item { key: "e#contoso#0Jm4cQe8uRz0tYw2nHf6LbA", serial: "C02EXAMPLE2", platform: Some(Platform::Ios) };
    let mut device = Device::new(phone);
    device.receive(60, step(Kind::Started));
    device.write(60);
    device.receive(72, step(Kind::Enrolled));
    device.receive(72, step(Kind::Compliant));
    story.add(device.write(72));
    let phone =
        Item { key: "e#contoso#0T5dXk1oGi7aPv9sEr3UqMg", serial: "R58EXAMPLE3", platform: Some(Platform::Android) };
    let mut device = Device::new(phone);
    device.receive(90, step(Kind::Started));
    device.write(90);
    let permissions = Place::new(None, Action::read("AndroidPermissions"), None);
    device.receive(92, Step { place: Some(permissions), ..step(Kind::StepEntered) });
    let failure = Failure { code: Some("0x801c0003".to_owned()), ..Failure::default() };
    device.receive(94, Step { failure: Some(failure), ..step(Kind::Failed) });
    story.add(device.write(94));
    // Windows: a session passes its limit and finishes after it; another one fails, and a merge withdraws it.
    let computer = Item { key: "e#contoso#0wB2yHs6nVd8kLx4fCz0RjQ", serial: "5CG1EXAMPLE", platform: None };
    let mut device = Device::new(computer);
    device.receive_esp(120, EspDetail::Started(Box::default()));
    device.write(120);
    story.add(device.write(181));
    device.receive_esp(200, EspDetail::Completed);
    story.add(device.write(200));
    let computer = Item { key: "e#contoso#3uN7pTa5mKe1gWq9hDj2XoI", serial: "5CG2EXAMPLE", platform: None };
    let mut device = Device::new(computer);
    device.receive_esp(240, EspDetail::Started(Box::default()));
    device.write(240);
    device.receive_esp(251, EspDetail::Failed(Some("0x87d1041c".to_owned()), None));
    story.add(device.write(251));
    story.add(device.left_behind(300));
    let mut samples: Vec<(&str, String)> = Vec::new();
    for publication in story.0 {
        let name = publication.transition.name();
        if !samples.iter().any(|(known, _)| *known == name) {
            samples.push((name, serde_json::to_string_pretty(&publication.detail).unwrap()));
        }
    }
    let rows = [("attempts", 1_204), ("esp_sessions", 311)].map(|(table, rows)| (table.to_owned(), rows));
    let two = NINE + Millis::from_minutes(17 * 60);
    let report = ReportPublished::new(tenant(), two, "5f2c".repeat(16), 1_449_984, rows.into(), 2);
    samples.push((Transition::ReportPublished.name(), serde_json::to_string_pretty(&report).unwrap()));
    let request = ExportRequest { tenant: tenant(), as_of: two.to_string(), reason: ExportReason::Nightly };
    samples.push(("ReportExportRequested", serde_json::to_string_pretty(&request).unwrap()));
    let request = PullRequest { tenant: tenant() };
    samples.push(("GraphPullRequested", serde_json::to_string_pretty(&request).unwrap()));
    let request = TestRequest { tenant: tenant(), channel: "mail".to_owned(), requested_at: two.to_string() };
    samples.push(("NoticeTestRequested", serde_json::to_string_pretty(&request).unwrap()));
    samples
}

/// What was published, in order.
#[derive(Default)]
struct Story(Vec<Publication>);

impl Story {
    fn add(&mut self, publications: Vec<Publication>) {
        self.0.extend(publications);
    }
}

#[derive(Clone, Copy)]
struct Item {
    key: &'static str,
    serial: &'static str,
    platform: Option<Platform>,
}

/// One stored device. Minutes are counted from [`NINE`].
struct Device {
    item: Item,
    history: History,
    /// Its state after the last write.
    last: Option<Enrollment>,
    version: u64,
}

impl Device {
    fn new(item: Item) -> Self {
        Self { item, history: History::default(), last: None, version: 0 }
    }

    fn receive(&mut self, minute: i64, step: Step) {
        self.add(minute, minute, Body::Enrollment(step));
    }

    fn receive_late(&mut self, minute: i64, received: i64, step: Step) {
        self.add(minute, received, Body::Enrollment(step));
    }

    fn receive_esp(&mut self, minute: i64, detail: EspDetail) {
        self.add(minute, minute, Body::Esp(EspEvent { session_id: None, detail }));
    }

    fn add(&mut self, minute: i64, received: i64, body: Body) {
        let Item { serial, platform, .. } = self.item;
        let id = format!("{serial}-{}", self.history.len() + 1);
        self.history.add(Event {
            key: EventKey { source: "contoso-mdm".to_owned(), id },
            time: at(minute),
            received_at: at(received),
            clock_skew: None,
            reports: Reports::ALL,
            about: About { serial_number: Some(serial.to_owned()), platform, ..About::default() },
            body,
        });
    }

    /// The item is written: by a hook, or by the sweep if nothing was received.
    fn write(&mut self, minute: i64) -> Vec<Publication> {
        // An item's first version is the instant of its first write in milliseconds.
        self.version = if self.last.is_none() { at(minute).millis().unsigned_abs() } else { self.version + 1 };
        let now = fold(&tenant(), &self.history, &TenantSettings::default(), at(minute));
        let published = self.published_by(|write| difference(write, self.last.as_ref(), &now));
        self.last = Some(now);
        published
    }

    /// Another item took over everything in this one.
    fn left_behind(&mut self, minute: i64) -> Vec<Publication> {
        self.version += 1;
        let then = fold(&tenant(), &self.history, &TenantSettings::default(), at(minute));
        self.published_by(|write| taken_back(write, &then))
    }

    fn published_by(&self, publish: impl Fn(&Write<'_>) -> Vec<Publication>) -> Vec<Publication> {
        let (tenant, item, version) = (&tenant(), self.item.key, self.version);
        publish(&Write { tenant, item, version, kept_since: Timestamp::MIN, merged: false })
    }
}

const fn step(kind: Kind) -> Step {
    Step::of(kind)
}

fn at(minute: i64) -> Timestamp {
    NINE + Millis::from_minutes(minute)
}

fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/EVENTS.md")).unwrap()
}

/// The page's JSON blocks, by the heading above each.
fn samples(page: &str) -> BTreeMap<&str, &str> {
    let mut found = BTreeMap::new();
    for section in page.split("\n#").skip(1) {
        let (heading, text) = section.split_once('\n').unwrap();
        let name = heading.trim_start_matches('#').trim();
        for block in text.split("```json\n").skip(1) {
            let sample = block.split("```").next().unwrap();
            assert!(found.insert(name, sample).is_none(), "{name} has two samples");
        }
    }
    found
}
