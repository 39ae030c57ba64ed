//! The only time of a run: tokio's paused clock, which leaps forward when everything waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use vestibule_platform::Clock;

/// 2026-03-02T09:12:00Z: a few weeks before many zones change to summer time.
const BEGIN_MS: i64 = 1_772_442_720_000;

/// The current time in the simulated world.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    began: Instant,
}

impl Time {
    /// Starts at this instant.
    pub fn begin() -> Self {
        Self { began: Instant::now() }
    }

    /// Milliseconds since 1970.
    pub fn now_ms(self) -> i64 {
        BEGIN_MS + i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Lets time pass at once.
    pub async fn leap(self, by_ms: u64) {
        tokio::time::advance(Duration::from_millis(by_ms)).await;
    }
}

/// How far one machine's clock is off, in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Skew(Arc<AtomicI64>);

impl Skew {
    /// Sets the difference.
    pub fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::Relaxed);
    }

    /// The clock of a machine with this difference.
    pub fn clock(&self, time: Time) -> Clock {
        let skew = Arc::clone(&self.0);
        Clock::driven(move || time.now_ms() + skew.load(Ordering::Relaxed))
    }
}

/// Waits this long; not at all if it is 0, so that work on other threads can continue.
pub async fn wait(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}
