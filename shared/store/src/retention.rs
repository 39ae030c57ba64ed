//! Retention: what is older than a tenant keeps leaves the table.
//!
//! An enrollment that nothing holds goes by time-to-live. One that is enrolled or pending stays, and what is left of it
//! once its old events are dropped is a stub: its identifiers and what was known at that point.

use crate::item::{Found, Head, key_of};
use crate::keys::ItemKey;
use crate::write::Written;
use crate::{CAPACITY, Cause, Store, StoreError};
use vestibule_domain::{Plan, TenantSettings, Timestamp, fold};

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
        let mut history = self.complete(&head).await?;
        if !history.prune(key.tenant(), settings, cutoff) {
            return Ok(false);
        }
        let plan = Plan::of(&fold(key.tenant(), &history, settings, now), &history, settings);
        let before = head.version;
        let old_segments = head.segments.clone();
        let mut head = Head { version: before + 1, segments: Vec::new(), sealed_bytes: 0, history, ..*head };
        // A prune is no change that anybody must hear of: the entry in the change index stays where it is.
        let bucket = head.bucket;
        head.follow(&plan, now);
        head.bucket = bucket;
        let (mut item, bytes) = head.to_item();
        if head.is_to_be_sealed(bytes) {
            let segment = head.seal(now);
            self.put_segment(segment).await?;
            item = head.to_item().0;
        }
        match self.put_head(item, before, Cause::Prune).await? {
            Written::Overtaken(_) => return Err(StoreError::Conflict),
            Written::Done => {}
        }
        for number in old_segments.into_iter().filter(|number| !head.segments.contains(number)) {
            self.retire_segment(key, number, now).await?;
        }
        Ok(true)
    }
}
