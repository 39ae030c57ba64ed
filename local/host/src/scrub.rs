//! Makes the services of a data folder lose the bytes of what was deleted, not only their names in it.
//!
//! SQLite leaves what it deleted in its file and its log until something else is written there, the stream's records hold
//! what an item was before, and the bus's log has a device's key in each event. A caller that erased something waits until
//! the stream was handed on, and then lets all of this go.

use crate::bus::Bus;
use crate::dynamodb::{Calls, last_records, lose_bytes};
use crate::s3::DAMAGED;
use crate::stream::read_checkpoints;
use crate::{CHECKPOINTS, FILES, HostError, TABLE};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// How long the stream's reader may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The wait between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(50);

/// Scrubs the services of one data folder, which belong to this process.
#[derive(Clone)]
pub struct Scrubber {
    folder: PathBuf,
    bus: Bus,
    calls: Calls,
}

impl Scrubber {
    pub(crate) const fn new(folder: PathBuf, bus: Bus, calls: Calls) -> Self {
        Self { folder, bus, calls }
    }

    /// Waits until everything is handed on that is in the stream now. Somebody must be handing it on.
    ///
    /// # Errors
    /// If that takes more than a minute.
    pub async fn handed_on(&self) -> Result<(), HostError> {
        let table = self.folder.join(TABLE);
        let wanted = self.blocking(move || last_records(&table)).await?;
        let until = Instant::now() + PATIENCE;
        loop {
            let checkpoints = self.folder.join(CHECKPOINTS);
            let through = self.blocking(move || read_checkpoints(&checkpoints)).await?;
            if is_through(&through, &wanted) {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(HostError::Engine(
                    "the table's stream is not handed on; is somebody publishing?".to_owned(),
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Loses the bytes of what was deleted from the table, and of damaged objects, and overwrites the texts of published
    /// events that `which` names.
    ///
    /// # Errors
    /// When a file cannot be read or written; doing it again continues.
    pub async fn lose_bytes(&self, which: impl Fn(&Value) -> Vec<String> + Send + 'static) -> Result<(), HostError> {
        let (bus, damaged) = (self.bus.clone(), self.folder.join(FILES).join(DAMAGED));
        self.blocking(move || {
            bus.overwrite(which)?;
            match std::fs::remove_dir_all(&damaged) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(HostError::file(&damaged, error)),
                _ => Ok(()),
            }
        })
        .await?;
        let (table, checkpoints) = (self.folder.join(TABLE), self.folder.join(CHECKPOINTS));
        let lose = move || read_checkpoints(&checkpoints).and_then(|through| lose_bytes(&table, &through));
        self.calls.at_rest(lose).await.map_err(|error| HostError::Engine(format!("{error:?}")))?
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HostError> + Send + 'static,
    ) -> Result<T, HostError> {
        tokio::task::spawn_blocking(work).await.map_err(|error| HostError::Engine(error.to_string()))?
    }
}

fn is_through(through: &BTreeMap<String, String>, wanted: &BTreeMap<String, u128>) -> bool {
    wanted.iter().all(|(shard, last)| {
        through.get(shard).and_then(|number| number.parse::<u128>().ok()).is_some_and(|number| number >= *last)
    })
}
