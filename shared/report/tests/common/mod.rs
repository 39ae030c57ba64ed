//! Enrollments made from a seed: all platforms, every kind of event, late and future ones, two senders,
//! names outside the catalogue, Enrollment Status Page sessions.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod esp;

use esp::{PROFILES, session};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use vestibule_advice::Catalogue;
use vestibule_domain::annotation::{Annotation, Annotations, Note};
use vestibule_domain::catalogue::ROWS;
use vestibule_domain::esp::profiles::Profiles;
use vestibule_domain::event::{About, Body, ClockSkew, EventKey, Member, Step};
use vestibule_domain::failure::{Failure, FailureCategory};
use vestibule_domain::{
    Action, Clock, Event, History, Kind, Millis, Place, Platform, Reports, Screen, TenantId, TenantSettings, Timestamp,
    UserAction,
};
use vestibule_report::{Change, Context, Working};

/// The advice that is written into files.
pub static ADVICE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| Arc::new(Catalogue::built_in().clone()));

pub const KEY: &[u8] = b"a key of pseudonyms";

/// A small generator of numbers (SplitMix64).
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

/// Annotations of single days.
pub fn annotations(notes: &[(&str, &str)]) -> Annotations {
    let mut all = Annotations::default();
    for (number, (from, text)) in notes.iter().enumerate() {
        let (id, note) = (format!("{number:016x}"), Note::read(from, None, text).unwrap());
        all.add(Annotation { id, note, by: "operator".to_owned(), at: at("2026-03-11T08:00:00Z") }).unwrap();
    }
    all
}

pub fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub fn context<'a>(tenant: &'a TenantId, settings: &'a TenantSettings) -> Context<'a> {
    with_profiles(tenant, settings, &PROFILES)
}

pub fn with_profiles<'a>(tenant: &'a TenantId, settings: &'a TenantSettings, profiles: &'a Profiles) -> Context<'a> {
    Context { tenant, settings, profiles, advice: &ADVICE, pseudonym_key: KEY }
}

pub fn about(device: u64, platform: Platform) -> About {
    About {
        serial_number: Some(format!("SN{device:08}")),
        device_name: Some(format!("DEVICE-{device}")),
        manufacturer: Some(format!("Maker {}", device % 5)),
        model: Some(format!("Model {}", device % 11)),
        user_principal_name: Some(format!("Person.{}@contoso.example", device % 1_000)),
        user_id: Some(format!("u-{}", device % 1_000)),
        platform: Some(platform),
        os_version: Some(format!("{}.{}", device % 3 + 15, device % 4)),
        ..About::default()
    }
}

pub fn step(kind: Kind) -> Step {
    Step::of(kind)
}

/// An event received `delay` after its time.
pub fn event(id: impl Into<String>, time: Timestamp, delay: i64, about: About, step: Step) -> Event {
    let (key, received_at) = (EventKey { source: "mdm".to_owned(), id: id.into() }, time + Millis::new(delay));
    Event {
        key,
        time,
        received_at,
        clock_skew: ClockSkew::of(time, received_at, false, Clock::Device),
        about,
        reports: Reports::ALL,
        body: Body::Enrollment(step.read()),
    }
}

/// Only the named abilities, with times by a server's clock.
pub fn reports(words: &[&str]) -> Reports {
    Reports::read(words.iter().copied()).unwrap()
}

/// Senders that do not report everything, as the bits of what they report: starts 1, steps 2, stops 4,
/// failures 8, ends 16, compliance 32.
pub const SENDERS: [(&str, Reports); 4] = [
    ("nanomdm", Reports::from_bits(1 | 16)),
    ("jamf", Reports::from_bits(16)),
    ("workspaceone", Reports::from_bits(16 | 32)),
    ("intune", Reports::from_bits(8 | 16)),
];

/// The events of one device between `from` and `until`.
pub fn device_events(rng: &mut Rng, device: u64, from: Timestamp, until: Timestamp) -> Vec<Event> {
    let platform = rng.pick(&[Platform::Ios, Platform::Ios, Platform::Android, Platform::Windows, Platform::MacOs]);
    let span = u64::try_from((until - from).get()).unwrap();
    // Half of the devices are reported by a sender that does not report everything.
    let sender = rng.one_in(2).then(|| rng.pick(&SENDERS));
    let mut events = Vec::new();
    let mut number = 0;
    let mut add = |rng: &mut Rng, time: Timestamp, mut step: Step, events: &mut Vec<Event>| {
        number += 1;
        if (device + number).is_multiple_of(3) {
            step.tags.insert("department".to_owned(), format!("Department {}", (device + number / 5) % 4));
        }
        let hash = Rng(device << 20 | number).next();
        let id = if device.is_multiple_of(7) {
            format!("event/{device}/{number}")
        } else {
            format!(
                "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                hash >> 32,
                hash >> 16 & 0xffff,
                hash & 0xfff,
                hash >> 4 & 0xfff,
                hash >> 16
            )
        };
        let delay = if rng.one_in(20) { i64::try_from(rng.below(span / 4)).unwrap() } else { 300 };
        let mut about = about(device, platform);
        if rng.one_in(9) {
            about.enrollment_type =
                Some(rng.pick(&["appleBulkWithUser", "userEnrollment", "windowsAutopilot"]).to_owned());
        }
        let mut event = event(id, time, delay, about, step);
        if rng.one_in(6) {
            event.key.source = "agent".to_owned();
        }
        if let Some((source, reports)) = sender {
            event.key.source = source.to_owned();
            event.reports = reports;
        } else if rng.one_in(9) {
            event.reports = Reports::from_bits(u8::try_from(rng.below(128)).unwrap());
        }
        events.push(event);
    };
    if device.is_multiple_of(4) {
        let mut tagged = step(Kind::Tagged);
        tagged.tags.insert("building".to_owned(), format!("Building {}", device % 3));
        let time = from + Millis::new(i64::try_from(span / 2).unwrap());
        events.push(event(format!("tagged/{device}"), time, 300, about(device, platform), tagged));
    }
    let attempts = 1 + rng.below(3);
    for _ in 0..attempts {
        let mut now = from + Millis::new(i64::try_from(rng.below(span)).unwrap());
        if rng.one_in(6) {
            add(rng, now, step(Kind::Registered), &mut events);
        }
        if !rng.one_in(5) {
            add(rng, now, step(Kind::Started), &mut events);
        }
        for _ in 0..rng.below(5) {
            now = now + Millis::from_seconds(i64::try_from(5 + rng.below(600)).unwrap());
            let mut entered = step(if rng.one_in(3) { Kind::StepCompleted } else { Kind::StepEntered });
            entered.place = Some(place(rng, platform));
            if rng.one_in(8) {
                entered.reported.push((Member::Action, "termsOFuse".to_owned()));
            }
            add(rng, now, entered, &mut events);
        }
        now = now + Millis::from_seconds(i64::try_from(rng.below(300)).unwrap());
        let mut end = match rng.below(9) {
            0 | 1 => {
                let mut stopped = step(Kind::Stopped);
                stopped.user_action = Some(rng.pick(UserAction::ALL));
                if rng.one_in(2) {
                    stopped.place = Some(place(rng, platform));
                }
                stopped
            }
            2 => step(Kind::PortalClosed),
            3 | 4 => {
                let mut failed = step(Kind::Failed);
                failed.failure = Some(Failure {
                    code: Some(rng.pick(&["0x801C0003", "-2145648637", "DeviceCapReached", "0x80CF0437"]).to_owned()),
                    reason: rng.one_in(2).then(|| "device limit".to_owned()),
                    message: rng.one_in(3).then(|| format!("fault at person {device}")),
                    category: rng.one_in(2).then(|| rng.pick(FailureCategory::ALL)),
                });
                failed
            }
            5 => step(Kind::Started),
            6 => step(Kind::Unenrolled),
            _ => step(Kind::Enrolled),
        };
        end.said.awaiting_configuration = end.kind == Kind::Enrolled && rng.one_in(9);
        end.said.restated = end.kind == Kind::Enrolled && rng.one_in(9);
        if rng.one_in(12) {
            end = step(Kind::Started);
        }
        let enrolled = end.kind == Kind::Enrolled;
        add(rng, now, end, &mut events);
        if enrolled && !rng.one_in(4) {
            let mut compliant = step(Kind::Compliant);
            compliant.said.assumed = rng.one_in(4);
            add(rng, now + Millis::from_seconds(60), compliant, &mut events);
            if rng.one_in(6) {
                // Outside any attempt.
                let mut failed = step(Kind::Failed);
                failed.failure = Some(Failure { code: Some("0x801C0003".to_owned()), ..Failure::default() });
                add(rng, now + Millis::from_minutes(90), failed, &mut events);
            }
        }
        if platform == Platform::Windows && rng.one_in(2) {
            events.extend(session(rng, device, now));
        }
    }
    events
}

fn place(rng: &mut Rng, platform: Platform) -> Place {
    if rng.one_in(10) {
        let action = rng.pick(&["SenderOwn", "Another"]);
        return Place::new(None, Action::read(action), rng.one_in(2).then(|| Screen::read("ownScreen")));
    }
    let rows: Vec<_> = ROWS.iter().filter(|row| row.on(platform) || !rng.one_in(2)).collect();
    // None at all, once in half a million places of a computer.
    let rows = if rows.is_empty() { ROWS.iter().collect() } else { rows };
    let row = rows[usize::try_from(rng.below(rows.len() as u64)).unwrap()];
    let screen = (!rng.one_in(3)).then_some(Screen::Known(row.screen));
    Place::new(None, Action::Known(row.action), screen)
}

/// All devices of a world, as the store would have them at `known`: what was received until then.
pub fn changes(events: &[Vec<Event>], known: Timestamp) -> Vec<Change> {
    let mut changes = Vec::new();
    for (device, events) in events.iter().enumerate() {
        let mut history = History::default();
        for event in events.iter().filter(|event| event.received_at <= known) {
            history.add(event.clone());
        }
        if !history.is_empty() {
            changes.push(Change {
                item: format!("item-{device}"),
                version: history.len() as u64,
                history,
                expires_at: None,
            });
        }
    }
    changes
}

pub fn world(seed: u64, devices: u64, from: Timestamp, until: Timestamp) -> Vec<Vec<Event>> {
    let mut rng = Rng(seed);
    (0..devices).map(|device| device_events(&mut rng, device + seed % 1_000 * 1_000, from, until)).collect()
}

/// A file built from nothing.
pub fn build(path: &Path, context: &Context, changes: &[Change], as_of: Timestamp) -> Working {
    let mut working = Working::create(path, context).unwrap();
    let mut refresh = working.refresh(as_of).unwrap();
    for change in changes {
        refresh.apply(change).unwrap();
    }
    refresh.finish().unwrap();
    working
}

/// Everything in a file, by table.
pub fn dump(path: &Path) -> BTreeMap<String, Vec<String>> {
    let conn = Connection::open(path).unwrap();
    let mut tables = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut all = BTreeMap::new();
    for table in tables {
        let mut statement = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let cells: Vec<String> = (0..columns).map(|at| format!("{:?}", row.get::<_, Value>(at).unwrap())).collect();
            Ok(cells.join("|"))
        });
        let mut rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
        rows.sort();
        all.insert(table, rows);
    }
    all
}

/// The rows that only one of two files has.
pub fn differences(one: &BTreeMap<String, Vec<String>>, two: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut all = Vec::new();
    for (table, rows) in two {
        let only = |sign: &str, mine: &Vec<String>, theirs: &Vec<String>| {
            let rows = mine.iter().filter(|row| theirs.binary_search(row).is_err());
            rows.map(|row| format!("{sign} {table}: {row}")).collect::<Vec<_>>()
        };
        all.extend(only("-", &one[table], rows));
        all.extend(only("+", rows, &one[table]));
    }
    all
}
