//! Answers that were lost after the table had written.
//!
//! The SDK then sends the same write again, and its condition fails because of what it wrote the first time. A writer
//! with a condition asks here before it takes that for another writer's doing.
//!
//! Must stay true: what is written identifies its writer, or it does not matter which of two writers wrote it. A
//! tenant's tokens and secrets are random, so if two writers add one each, each finds only its own.

use crate::item::{Item, item_key, text};
use crate::keys::{PK, SK};
use crate::{CAPACITY, Cause, Store, StoreError};

/// What is stored where a conditional write was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum There {
    /// Exactly what this write meant to store: it is done.
    Same,
    /// Something else.
    Other,
    /// No item.
    Nothing,
}

impl Store {
    /// What is stored now where `item` should have been written.
    pub(crate) async fn what_is_there(&self, item: &Item, cause: Cause) -> Result<There, StoreError> {
        let key = item_key(text(item, PK).unwrap_or_default(), text(item, SK).unwrap_or_default());
        let get = self.client.get_item().table_name(&*self.table).set_key(Some(key)).consistent_read(true);
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(cause, answer.consumed_capacity.as_slice());
        Ok(match answer.item {
            None => There::Nothing,
            // Other writers may have added attributes that this write does not contain.
            Some(there) if item.iter().all(|(name, value)| there.get(name) == Some(value)) => There::Same,
            Some(_) => There::Other,
        })
    }
}
