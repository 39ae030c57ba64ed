//! The template's schedules: functions called at regular intervals with the event that EventBridge sends.
//!
//! Ticks fall on multiples of the interval since the epoch, so a restart neither adds nor shifts any.
//!
//! Must stay true: a tick is due by the time of day. Timers stand still while a machine is suspended, and know nothing of a
//! clock that is set, so the time is looked at often: what became due meanwhile runs at once.

use crate::functions::{BoxError, Functions};
use crate::health::Health;
use crate::stop::Stop;
use crate::template::Schedule;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use vestibule_platform::Clock;

/// How often the time is looked at while no tick is due.
const LOOK: Duration = Duration::from_secs(1);

/// The current time in seconds since the epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A time in seconds since the epoch, as EventBridge writes it.
pub(crate) fn iso(second: u64) -> String {
    let time = i64::try_from(second).ok().and_then(|second| chrono::DateTime::from_timestamp(second, 0));
    time.unwrap_or_default().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The event of a tick.
pub fn event(schedule: &Schedule, second: u64) -> Value {
    json!({
        "version": "0",
        "id": format!("{}-{second}", schedule.name),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": iso(second),
        "region": crate::REGION,
        "resources": [format!("arn:aws:events:{}:000000000000:rule/{}", crate::REGION, schedule.name)],
        "detail": {},
    })
}

/// Calls the schedule's function for the tick at `second`.
///
/// # Errors
/// The function's own error.
pub async fn tick(schedule: &Schedule, functions: &Functions, second: u64) -> Result<Value, BoxError> {
    functions.call(&schedule.function, event(schedule, second)).await
}

/// Calls the schedule's function at each tick until it must stop. A tick that falls into the previous run is skipped; so
/// are all but the last of those that were due while the machine was suspended.
pub(crate) async fn run(schedule: &Schedule, functions: &Functions, health: &Health, clock: &Clock, stop: &Stop) {
    let due = Due { period_ms: i64::try_from(schedule.every.as_millis()).unwrap_or(i64::MAX).max(1_000) };
    // From the start, not from this task's first look: a tick that is due in between would be missed, and the health counts
    // from the start as well.
    let mut last = due.last(health.since());
    loop {
        let next = loop {
            let now = clock.now_millis();
            if due.last(now) != last {
                break due.last(now);
            }
            stop.sleep(due.left(now).min(LOOK)).await;
            if stop.is_set() {
                return;
            }
        };
        match tick(schedule, functions, u64::try_from(next / 1_000).unwrap_or(0)).await {
            Ok(answer) => health.ran(&schedule.name, &answer),
            Err(error) => {
                tracing::error!(schedule = schedule.name, %error, "a scheduled run failed; the next one goes on");
            }
        }
        last = due.last(clock.now_millis());
    }
}

/// When ticks are due, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Due {
    period_ms: i64,
}

impl Due {
    /// The last tick that was due.
    const fn last(self, now: i64) -> i64 {
        now - now.rem_euclid(self.period_ms)
    }

    /// How long it is until the next one.
    fn left(self, now: i64) -> Duration {
        Duration::from_millis(u64::try_from(self.period_ms - now.rem_euclid(self.period_ms)).unwrap_or(0))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Host, Names};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use tokio::sync::mpsc;

    /// A schedule whose clock the test sets. Its timers go on as they do on every machine, as after a suspension.
    #[tokio::test]
    async fn what_became_due_while_the_machine_was_suspended_runs_at_once() {
        const MINUTE: i64 = 60_000;
        let folder = tempfile::tempdir().unwrap();
        let names = Names { table: "table".into(), bucket: "reports".into(), bus: "bus".into() };
        let mut host = Host::start(&folder.path().join("data"), &names).await.unwrap();
        // A minute after a tick: the next one is far away.
        let now = Arc::new(AtomicI64::new(1_800_000_000_000 + MINUTE));
        let driven = Arc::clone(&now);
        let clock = Clock::driven(move || driven.load(Ordering::SeqCst));
        let schedule = Schedule { name: "Tick".into(), every: Duration::from_secs(900), function: "tick".into() };
        let health = Health::new(&host.clients, &names, std::slice::from_ref(&schedule), clock.clone());
        let (ran, mut runs) = mpsc::unbounded_channel();
        let functions = Functions::default().with_events("tick", move |event| {
            let ran = ran.clone();
            async move {
                let _gone = ran.send(event["time"].clone());
                Ok(json!({}))
            }
        });
        let (stop, stopped) = Stop::new();
        let (watched, until) = (health.clone(), stopped.clone());
        let running = tokio::spawn(async move { run(&schedule, &functions, &watched, &clock, &until).await });
        // The clock may move before the task's first look.
        for (minutes, due) in [(60, "2027-01-15T09:00:00Z"), (-120, "2027-01-15T07:00:00Z")] {
            now.fetch_add(minutes * MINUTE, Ordering::SeqCst);
            let time = tokio::time::timeout(Duration::from_secs(30), runs.recv()).await.unwrap().unwrap();
            assert_eq!(time, due, "{minutes} minutes");
            // It is ready once the run is noted, and nothing else is due.
            while !health.not_ready().await.iter().all(|part| part == "stream") {
                now.fetch_add(1_001, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
            assert!(runs.try_recv().is_err());
        }
        stop.send(true).unwrap();
        running.await.unwrap();
        host.stop().await.unwrap();
    }

    #[test]
    fn ticks_are_due_on_multiples_of_the_period() {
        let due = Due { period_ms: 60_000 };
        assert_eq!((due.last(119_999), due.last(120_000)), (60_000, 120_000));
        assert_eq!(due.left(119_000), Duration::from_secs(1));
        assert_eq!((due.left(120_000), due.last(-1)), (Duration::from_secs(60), -60_000));
    }

    #[test]
    fn a_tick_has_its_due_time() {
        let schedule = Schedule { name: "Sweep".into(), every: Duration::from_secs(60), function: "sweep".into() };
        let event = event(&schedule, 1_767_225_660);
        assert_eq!(event["time"], "2026-01-01T00:01:00Z");
        assert_eq!(event["detail-type"], "Scheduled Event");
    }
}
