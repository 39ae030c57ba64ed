//! Readiness over real services, with a clock that the test drives.

use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use vestibule_host::{Health, Host, Names};
use vestibule_platform::Clock;

const BEGIN: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;

struct Machine {
    health: Health,
    now: Arc<AtomicI64>,
    folder: tempfile::TempDir,
    /// The schedules' names and functions, and a tick of each.
    schedules: Vec<(String, String)>,
    _host: Host,
}

impl Machine {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = Names { table: "table".into(), bucket: "reports".into(), bus: "bus".into() };
        let host = Host::start(&folder.path().join("data"), &names).await.unwrap();
        let now = Arc::new(AtomicI64::new(BEGIN));
        let driven = Arc::clone(&now);
        let clock = Clock::driven(move || driven.load(Ordering::Relaxed));
        let schedules = &host.template().schedules;
        let health = Health::new(&host.clients, &names, schedules, clock);
        let schedules = schedules.iter().map(|one| (one.name.clone(), one.function.clone())).collect();
        Self { health, now, folder, schedules, _host: host }
    }

    /// Lets time pass; `work` says whether schedules and stream work meanwhile.
    fn pass(&self, minutes: i64, work: bool) {
        self.now.fetch_add(minutes * MINUTE, Ordering::Relaxed);
        if work {
            self.schedules.iter().for_each(|(name, _)| self.health.ran(name, &json!({})));
            self.health.handed_on(None);
        }
    }

    async fn lacks(&self) -> Vec<String> {
        // A look is good for a second.
        self.now.fetch_add(1_001, Ordering::Relaxed);
        self.health.not_ready().await
    }
}

#[tokio::test]
async fn what_does_not_work_any_more_is_named_until_it_works_again() {
    let machine = Machine::start().await;
    assert_eq!(machine.lacks().await, [""; 0], "nothing has had time to be late");
    machine.pass(10 * 24 * 60, true);
    assert_eq!(machine.lacks().await, [""; 0]);

    machine.pass(5, false);
    assert_eq!(machine.lacks().await, ["abandonment-sweep", "stream"]);
    machine.health.handed_on(None);
    assert_eq!(machine.lacks().await, ["abandonment-sweep"]);
    machine.pass(60, false);
    let mut lacks = machine.lacks().await;
    lacks.sort();
    assert_eq!(lacks, ["abandonment-sweep", "graph-pull", "notify", "report-tick", "stream"]);
    machine.pass(0, true);
    assert_eq!(machine.lacks().await, [""; 0]);

    // A clock that was set back makes nothing late, and one that was set ahead only until everything has run again.
    machine.now.fetch_sub(120 * MINUTE, Ordering::Relaxed);
    assert_eq!(machine.lacks().await, [""; 0]);
    machine.now.fetch_add(365 * 24 * 60 * MINUTE, Ordering::Relaxed);
    assert_eq!(machine.lacks().await.len(), 5);
    machine.pass(0, true);
    assert_eq!(machine.lacks().await, [""; 0]);
}

#[tokio::test]
async fn an_export_is_late_an_hour_after_it_was_due() {
    let machine = Machine::start().await;
    let (tick, _) = machine.schedules.iter().find(|(_, function)| function == "report-tick").unwrap().clone();
    let due = |since: Value| machine.health.ran(&tick, &json!({"requested": 1, "overdueSince": since}));
    // 2027-01-15T08:00:00Z is the beginning. What was due while the machine slept is requested by the first tick.
    due(json!("2027-01-14T02:00:00.000Z"));
    assert_eq!(machine.lacks().await, [""; 0]);
    machine.pass(0, true);
    due(json!("2027-01-15T08:00:00.000Z"));
    machine.pass(15, false);
    due(json!("2027-01-15T08:00:00.000Z"));
    machine.pass(44, false);
    machine.health.handed_on(None);
    assert!(!machine.lacks().await.contains(&"exports".to_owned()));
    machine.pass(2, false);
    assert!(machine.lacks().await.contains(&"exports".to_owned()));
    // The next tick finds the file.
    machine.pass(0, true);
    assert_eq!(machine.lacks().await, [""; 0]);
    // One that can't be read says nothing.
    due(json!("yesterday"));
    assert_eq!(machine.lacks().await, [""; 0]);
}

#[tokio::test]
async fn a_stream_that_is_behind_is_late_even_if_it_moves() {
    let machine = Machine::start().await;
    machine.pass(3, true);
    machine.health.handed_on(Some(BEGIN + MINUTE));
    assert_eq!(machine.lacks().await, ["stream"]);
    machine.health.handed_on(Some(BEGIN + 150 * 1_000));
    assert_eq!(machine.lacks().await, [""; 0]);
}

#[tokio::test]
async fn a_bucket_that_was_taken_away_is_missed_until_it_is_back() {
    let machine = Machine::start().await;
    let bucket = machine.folder.path().join("data/files/buckets/reports");
    let aside = machine.folder.path().join("aside");
    std::fs::rename(&bucket, &aside).unwrap();
    assert_eq!(machine.lacks().await, ["bucket"]);
    std::fs::rename(&aside, &bucket).unwrap();
    assert_eq!(machine.lacks().await, [""; 0]);
}
