//! The program `vestibule` from outside: a data folder of its own for each test, commands, a running `serve`, and a
//! sender with its tenant's secret.
//!
//! Nothing here knows the inside: what is asserted is what a user, a sender or a script can see.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

mod http;
mod program;

pub use http::{Answer, Client, Sender, enrollment, event};
pub use program::{Folder, Ran, Serve, Tenant, run_alone};

use std::time::Duration;
use tokio::time::Instant;
use vestibule_domain::Timestamp;

/// How long something that comes by itself may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Now, to the millisecond.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// Asks again and again until there is an answer, and fails with `what` when there is none in time.
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
