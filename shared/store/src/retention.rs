//! Retention: what is older than a tenant keeps leaves the table.
//!
//! An enrollment that nothing holds goes by time-to-live. One that is enrolled or pending stays, and what is left of it
//! once its old events are dropped is a stub: its identifiers and what was known at that point.

use crate::item::{Found, Item, key_of};
use crate::keys::ItemKey;
use crate::write::Written;
use crate::{CAPACITY, Cause, Store, StoreError};
use vestibule_domain::{TenantSettings, Timestamp};

impl Store {
    /// Drops an enrollment's attempts that ended before `cutoff`. Returns whether there was something to drop.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody else wrote meanwhile; otherwise the table's.
    pub async fn prune(
        &self,
        key: &ItemKey,
        settings: &TenantSettings,
        cutoff: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let get = self.client.get_item().table_name(&*self.table).set_key(Some(key_of(key)));
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(Cause::Prune, answer.consumed_capacity.as_slice());
        let Some(Found::Head(head)) = answer.item.as_ref().map(Found::read).transpose()? else { return Ok(false) };
        if head.settings > settings.version {
            return Err(StoreError::StaleSettings(key.as_str().to_owned()));
        }
        let mut history = self.complete(&head).await?;
        if !history.prune(key.tenant(), settings, cutoff) {
            return Ok(false);
        }
        let before = head.version;
        let mut head = *head;
        let old_segments = std::mem::take(&mut head.segments);
        head.sealed_bytes = 0;
        // It enters the change bucket of now like any write: the next refresh then knows what is left of it, and no longer
        // lists it among what is to be pruned.
        head.refold(&history, settings, now);
        head.history = history;
        let (mut item, bytes) = head.to_item().or_else(|error| match error {
            // What is left may still be more than one item takes.
            StoreError::EnrollmentFull => Ok((Item::new(), usize::MAX)),
            error => Err(error),
        })?;
        if head.is_to_be_sealed(bytes) {
            for segment in head.seal()? {
                self.put_segment(segment).await?;
            }
            item = head.to_item()?.0;
        }
        match self.put_head(item, before, Cause::Prune).await? {
            Written::Overtaken(_) => return Err(StoreError::Conflict),
            Written::Done => {}
        }
        self.retire_segments(key, &old_segments, now).await;
        Ok(true)
    }
}
