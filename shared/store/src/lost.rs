//! Answers that were lost after the table had written.
//!
//! The SDK then sends the same write again, whose condition fails by what it wrote itself the first time. Whoever writes
//! on condition asks here before it takes that for somebody else's doing.
//!
//! Must stay true: what is written tells its writer from another, or it does not matter which of the two wrote it. A
//! tenant's tokens and secrets are random, so that of two who add one, each finds only its own.

use crate::item::{Item, item_key, text};
use crate::keys::{PK, SK};
use crate::{CAPACITY, Cause, Store, StoreError};

/// What stands where a conditional write was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum There {
    /// Exactly what was meant to be written: it is done.
    Same,
    /// Something else.
    Other,
    /// Nothing.
    Nothing,
}

impl Store {
    /// What stands this moment where `item` was meant to be written.
    pub(crate) async fn what_is_there(&self, item: &Item, cause: Cause) -> Result<There, StoreError> {
        let key = item_key(text(item, PK).unwrap_or_default(), text(item, SK).unwrap_or_default());
        let get = self.client.get_item().table_name(&*self.table).set_key(Some(key)).consistent_read(true);
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(cause, answer.consumed_capacity.as_slice());
        Ok(match answer.item {
            None => There::Nothing,
            // Others may have added attributes that are no part of what was written.
            Some(there) if item.iter().all(|(name, value)| there.get(name) == Some(value)) => There::Same,
            Some(_) => There::Other,
        })
    }
}
