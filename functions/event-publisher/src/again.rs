//! Publishes what records of the stream published before, for an operator whose bus lost it, or whose records could be read
//! by a later release only.
//!
//! Must stay true: a record gives the same ids and revisions as the first time. Nothing is written to the table: the feeds
//! have these changes already, and a record that still can't be read was set aside when it came.

use crate::{CONCURRENCY, Given, Publisher, outgoing};
use futures::{FutureExt as _, StreamExt as _};
use serde_json::Value;
use vestibule_domain::publication::{Detail, Publication};
use vestibule_platform::BoxError;
use vestibule_platform::bus::Outgoing;
use vestibule_store::StoreError;

/// What was published again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Again {
    /// Events on the bus.
    pub published: usize,
    /// Events that the bus refuses, which are dead letters since they came.
    pub refused: usize,
    /// Records that can't be read.
    pub unreadable: usize,
}

impl Publisher {
    /// Publishes what these records publish and `keep` keeps, once more.
    ///
    /// # Errors
    /// If the table can't be read, or the bus doesn't take everything; repeating it does no harm.
    pub async fn again(&self, records: Vec<Value>, keep: impl Fn(&Detail) -> bool) -> Result<Again, BoxError> {
        let given: Vec<Given> = records.into_iter().map(Given::read).collect();
        let read: Vec<Result<Vec<Publication>, StoreError>> =
            futures::stream::iter(given).map(|given| self.read(given).boxed()).buffered(CONCURRENCY).collect().await;
        let (mut events, mut unreadable): (Vec<Outgoing>, usize) = (Vec::new(), 0);
        for publications in read {
            match publications {
                Ok(publications) => {
                    for publication in publications.iter().filter(|publication| keep(&publication.detail)) {
                        events.push(outgoing(publication)?);
                    }
                }
                Err(error) if error.is_unreadable() => {
                    tracing::warn!(%error, "a stream record can't be read");
                    unreadable += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let put = self.publish(&events).await;
        if put.failed.is_some() {
            return Err("the bus did not take every event: the log says why. Run it again".into());
        }
        for (_, reason) in &put.refused {
            tracing::warn!(reason, "the bus refuses what a stream record publishes");
        }
        Ok(Again { published: events.len() - put.refused.len(), refused: put.refused.len(), unreadable })
    }
}
