//! When a request must be answered: a function that is still waiting for the table when its time is up ends without an
//! answer, and loses all that it keeps. So what is not done by then counts as not done, and the sender is asked to send
//! again; events that were stored meanwhile are then duplicates.

use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use vestibule_store::StoreError;

/// How long a request may take as a function: products that post wait for some ten seconds, and count a later answer as
/// none.
const PATIENCE: Duration = Duration::from_secs(7);
/// What is left of an invocation for its answer.
const TO_ANSWER: Duration = Duration::from_millis(1_500);

/// The instant by which a request must be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until(Option<Instant>);

impl Until {
    /// There is no such instant.
    pub(crate) const NEVER: Self = Self(None);

    /// As a function whose invocation ends after `left`, if that is known.
    pub(crate) fn invocation_ends(left: Option<Duration>) -> Self {
        let within = left.map_or(PATIENCE, |left| PATIENCE.min(left.saturating_sub(TO_ANSWER)));
        Self(Some(Instant::now() + within))
    }

    /// The result of `work`; `None` if the time is up before.
    pub(crate) async fn wait<T>(self, work: impl Future<Output = T>) -> Option<T> {
        match self.0 {
            Some(at) => timeout_at(at, work).await.ok(),
            None => Some(work.await),
        }
    }

    /// The same for work at the table, which counts as unavailable if the time is up before.
    pub(crate) async fn table<T>(self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.wait(work).await.unwrap_or_else(|| Err(out_of_time()))
    }
}

/// The table did not answer in time.
pub(crate) fn out_of_time() -> StoreError {
    StoreError::Unavailable("it did not answer while there was time".to_owned())
}
