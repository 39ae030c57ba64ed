//! The template's schedules: functions called at regular intervals with the event that EventBridge sends.
//!
//! Ticks fall on multiples of the interval since the epoch, so a restart neither adds nor shifts any.

use crate::functions::{BoxError, Functions};
use crate::health::Health;
use crate::stop::Stop;
use crate::template::Schedule;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// Calls the schedule's function at each tick until it must stop. A tick that falls into the previous run is skipped.
pub(crate) async fn run(schedule: &Schedule, functions: &Functions, health: &Health, stop: &Stop) {
    let period = schedule.every.as_secs().max(1);
    loop {
        let next = (now() / period + 1) * period;
        let wait = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(Duration::ZERO, |since| Duration::from_secs(next).saturating_sub(since));
        stop.sleep(wait).await;
        if stop.is_set() {
            return;
        }
        match tick(schedule, functions, next).await {
            Ok(answer) => health.ran(&schedule.name, &answer),
            Err(error) => {
                tracing::error!(schedule = schedule.name, %error, "a scheduled run failed; the next one goes on");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_has_its_due_time() {
        let schedule = Schedule { name: "Sweep".into(), every: Duration::from_secs(60), function: "sweep".into() };
        let event = event(&schedule, 1_767_225_660);
        assert_eq!(event["time"], "2026-01-01T00:01:00Z");
        assert_eq!(event["detail-type"], "Scheduled Event");
    }
}
