//! Uses the program `vestibule` from outside: each test has its own data folder, runs commands and a `serve`, and has a
//! sender with its tenant's secret.
//!
//! Must stay true: nothing here knows the program's inside. Tests assert only what a user, a sender or a script can
//! see.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

mod clock;
mod http;
mod program;
mod stack;
pub mod strangers;

pub use clock::SetClock;
pub use http::{Answer, Client, Sender, enrollment, event};
pub use program::{Folder, Ran, Serve, Tenant, run_alone};
pub use stack::{Emulator, FUNCTION_URLS, Stack, operators};

use std::time::Duration;
use tokio::time::Instant;
use vestibule_domain::Timestamp;

/// How long something may take that happens without a further request.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Now, to the millisecond.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// Repeats `ask` until it gives a result, and fails with `what` if it does not in time.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
