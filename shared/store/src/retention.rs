//! Retention: what is older than a tenant's retention leaves the table.
//!
//! An enrollment that nothing keeps alive is deleted by time-to-live. One that is enrolled or pending stays; once its
//! old events are dropped, only a stub is left: its identifiers and what was known at that point.

use crate::item::{Found, Item, item_key, key_of, n, number, s, text};
use crate::keys::{ItemKey, tenant_pk};
use crate::write::Written;
use crate::{CAPACITY, Cause, Store, StoreError};
use vestibule_domain::{TenantId, TenantSettings, Timestamp};

const CURSOR: &str = "prune";
const AFTER: &str = "ak";
const LEFT: &str = "l";

/// How far pruning has come with a tenant's enrollments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneCursor {
    /// The last one that was looked at; the next run continues after it.
    pub after: String,
    /// How many were left then.
    pub left: usize,
}

impl Store {
    /// Where the next run of pruning continues; `None` if the last run looked at everything.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn prune_cursor(&self, tenant: &TenantId) -> Result<Option<PruneCursor>, StoreError> {
        let get = self.client.get_item().table_name(&*self.table);
        let get = get.set_key(Some(item_key(&tenant_pk(tenant), CURSOR))).consistent_read(true);
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(Cause::Prune, answer.consumed_capacity.as_slice());
        Ok(answer.item.and_then(|item| {
            Some(PruneCursor { after: text(&item, AFTER)?.to_owned(), left: number(&item, LEFT).unwrap_or(0) })
        }))
    }

    /// Records how far pruning came; `None` if it looked at everything. Two concurrent runs may set each other back,
    /// which costs reads.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn put_prune_cursor(&self, tenant: &TenantId, cursor: Option<&PruneCursor>) -> Result<(), StoreError> {
        let mut item = item_key(&tenant_pk(tenant), CURSOR);
        let consumed = match cursor {
            Some(cursor) => {
                item.insert(AFTER.to_owned(), s(&cursor.after));
                item.insert(LEFT.to_owned(), n(cursor.left));
                let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
                put.return_consumed_capacity(CAPACITY).send().await?.consumed_capacity
            }
            None => {
                let delete = self.client.delete_item().table_name(&*self.table).set_key(Some(item));
                delete.return_consumed_capacity(CAPACITY).send().await?.consumed_capacity
            }
        };
        self.meter.wrote(Cause::Prune, consumed.as_slice());
        Ok(())
    }

    /// Drops an enrollment's attempts that ended before `cutoff`. Returns whether there was anything to drop.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another writer wrote meanwhile; otherwise the table's error.
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
        // It enters the current change bucket like any write: the next refresh then knows what is left of it, and no
        // longer lists it for pruning.
        head.refold(&history, settings, now);
        head.history = history;
        let (mut item, bytes) = head.to_item().or_else(|error| match error {
            // The rest may still be more than one item holds.
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
