//! Whether this machine does its work: what `/readyz` looks at.
//!
//! Table and bucket are tried when somebody asks, at most once a second. Schedules and stream report each success here,
//! and count as late when the last one is too long ago; so whatever keeps them from working is found, even if it fails
//! in silence.
//!
//! Must stay true: an answer names parts and nothing else, so anybody may have it. A part that has had no time yet to
//! work is not late: not after a start, not after a night in which the machine slept, and not after its clock was set.

use crate::template::Schedule;
use crate::{Clients, Names};
use aws_sdk_dynamodb::types::Select;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use vestibule_platform::{Clock, metrics};

/// Runs of a schedule that may be missing in a row, and the time that one may take beyond them.
const MISSING_RUNS: u32 = 3;
/// See [`MISSING_RUNS`].
const RUN_TIME: Duration = Duration::from_secs(60);
/// How long a nightly file may be missing after it is due. The tick comes every quarter of an hour, and an export may
/// take minutes.
const EXPORT_LATE: Duration = Duration::from_secs(3_600);
/// How far the stream may be behind.
const STREAM_LATE: Duration = Duration::from_secs(60);
/// How long the table or the bucket may take to answer.
const TRIAL: Duration = Duration::from_secs(3);
/// How long the result of a look is good, in milliseconds.
const GOOD_FOR: i64 = 1_000;
/// The member of a scheduled function's answer that says since when work is overdue.
const OVERDUE: &str = "overdueSince";

/// The state of this machine's parts. Clones share it.
#[derive(Clone, Debug)]
pub struct Health(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    clients: Clients,
    names: Names,
    clock: Clock,
    /// The start, in milliseconds since 1970.
    since: i64,
    schedules: Vec<Scheduled>,
    /// The instant up to which the stream was handed on, in milliseconds since 1970.
    stream_through: AtomicI64,
    /// The last look: when, and what was not ready.
    looked: Mutex<Option<(i64, Vec<String>)>>,
}

#[derive(Debug)]
struct Scheduled {
    schedule: Schedule,
    /// The last success, or the start, in milliseconds since 1970.
    ran_at: AtomicI64,
    /// Since when work is overdue that it looks after, and was already when it ran before; 0 if none is. The run that first
    /// finds it has it done.
    overdue_since: AtomicI64,
    /// Whether it found such work when it last ran.
    found_overdue: AtomicBool,
}

impl Health {
    /// The health of these services; schedules and stream count from now.
    pub fn new(clients: &Clients, names: &Names, schedules: &[Schedule], clock: Clock) -> Self {
        let now = clock.now_millis();
        let schedules = schedules.iter().cloned().map(|schedule| Scheduled {
            schedule,
            ran_at: AtomicI64::new(now),
            overdue_since: AtomicI64::new(0),
            found_overdue: AtomicBool::new(false),
        });
        Self(Arc::new(Parts {
            clients: clients.clone(),
            names: names.clone(),
            since: now,
            schedules: schedules.collect(),
            stream_through: AtomicI64::new(now),
            looked: Mutex::default(),
            clock,
        }))
    }

    /// When the machine's work began, in milliseconds since 1970.
    pub(crate) fn since(&self) -> i64 {
        self.0.since
    }

    /// Notes that a schedule's function has run, with its answer.
    pub fn ran(&self, schedule: &str, answer: &Value) {
        let Some(found) = self.0.schedules.iter().find(|one| one.schedule.name == schedule) else { return };
        found.ran_at.store(self.0.clock.now_millis(), Ordering::Relaxed);
        let since = answer.get(OVERDUE).and_then(Value::as_str);
        let since = since.and_then(|since| chrono::DateTime::parse_from_rfc3339(since).ok());
        let is_found_again = found.found_overdue.swap(since.is_some(), Ordering::Relaxed);
        let since = since.filter(|_| is_found_again).map_or(0, |since| since.timestamp_millis());
        found.overdue_since.store(since, Ordering::Relaxed);
    }

    /// Notes that the stream was handed on: all of it, or up to changes made at that time, in milliseconds since 1970.
    pub fn handed_on(&self, through: Option<i64>) {
        let now = self.0.clock.now_millis();
        self.0.stream_through.store(through.unwrap_or(now).min(now), Ordering::Relaxed);
    }

    /// The parts that are not ready: `table`, `bucket`, `stream`, `exports`, or the name of a scheduled function.
    pub async fn not_ready(&self) -> Vec<String> {
        // Only one looks at a time; whoever waits gets its result.
        let mut looked = self.0.looked.lock().await;
        let now = self.0.clock.now_millis();
        if let Some((at, parts)) = looked.as_ref()
            && (*at..at.saturating_add(GOOD_FOR)).contains(&now)
        {
            return parts.clone();
        }
        let parts = self.look(now).await;
        // Only what changed: anybody may ask, as often as they like.
        if looked.as_ref().map_or(!parts.is_empty(), |(_, before)| *before != parts) {
            tracing::warn!(not_ready = parts.join(", "), "the readiness changed");
        }
        *looked = Some((now, parts.clone()));
        parts
    }

    async fn look(&self, now: i64) -> Vec<String> {
        let Parts { clients, names, .. } = &*self.0;
        // A read of one item, not a description: that comes from memory.
        let table = clients.dynamodb.scan().table_name(&names.table).select(Select::Count).limit(1).send();
        let bucket = clients.s3.head_bucket().bucket(&names.bucket).send();
        let (table, bucket) = futures::join!(tokio::time::timeout(TRIAL, table), tokio::time::timeout(TRIAL, bucket));
        let mut parts = Vec::new();
        if !matches!(table, Ok(Ok(_))) {
            parts.push("table".to_owned());
        }
        if !matches!(bucket, Ok(Ok(_))) {
            parts.push("bucket".to_owned());
        }
        for one in &self.0.schedules {
            if is_late(now, one.ran_at.load(Ordering::Relaxed), one.schedule.every * MISSING_RUNS + RUN_TIME) {
                parts.push(one.schedule.function.clone());
            }
            let overdue_since = one.overdue_since.load(Ordering::Relaxed);
            if overdue_since > 0 && is_late(now, overdue_since, EXPORT_LATE) {
                parts.push("exports".to_owned());
            }
        }
        if is_late(now, self.0.stream_through.load(Ordering::Relaxed), STREAM_LATE) {
            parts.push("stream".to_owned());
        }
        parts
    }

    /// Sets the metrics that nobody sets while nothing happens.
    pub(crate) fn measure(&self) {
        let behind = self.0.clock.now_millis().saturating_sub(self.0.stream_through.load(Ordering::Relaxed)).max(0);
        metrics::STREAM_LAG_SECONDS.set([], f64::from(u32::try_from(behind).unwrap_or(u32::MAX)) / 1_000.0);
    }
}

/// Whether something that happened at `then` is more than `most` ago. A clock that was set back makes nothing late.
fn is_late(now: i64, then: i64, most: Duration) -> bool {
    u128::try_from(now.saturating_sub(then)).is_ok_and(|ago| ago > most.as_millis())
}
