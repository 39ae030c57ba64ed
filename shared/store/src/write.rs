//! Adding events to an enrollment.
//!
//! It reads, adds to the set, folds, and writes once on condition of the version. If nothing is new it writes nothing.
//! If another writer wrote first, the table returns what that writer wrote, and the step is tried again on that. A
//! program that remembers the heads it wrote (`recent`) reads only those that it does not remember.
//!
//! Must stay true: a stored item's instant and its settings' version never go back, whatever the writer's clock and
//! however old its copy of the tenant.

use crate::item::{Found, Head, Item, VERSION, n};
use crate::keys::PK;
use crate::{CAPACITY, Cause, FULL_BYTES, FULL_EVENTS, Store, StoreError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use std::borrow::Cow;
use std::collections::BTreeSet;
use vestibule_causes::CORRELATION;
use vestibule_domain::event::Event;
use vestibule_domain::history::Added;
use vestibule_domain::{Identifier, TenantId, TenantSettings, Timestamp};

/// Tries before an enrollment counts as too busy.
const MOST_TRIES: u32 = 40;
/// Tries without a pause: usually one other writer was quicker.
const EAGER_TRIES: u32 = 2;
/// Tries while a segment is missing: a merge or retention may have replaced it since the head was read.
const SEGMENT_TRIES: u32 = 6;

/// The result of a conditional write.
pub(crate) enum Written {
    Done,
    /// Another writer wrote first: what is there now, unless it is gone.
    Overtaken(Option<Item>),
}

impl Store {
    /// Adds events, all about one device, and returns for each what it changed. When this returns, they are in the
    /// table, without those from before their person or device was erased.
    ///
    /// # Errors
    /// [`StoreError::EnrollmentFull`] if the device has sent too much; otherwise the table's error, after which the
    /// same events may be added again.
    pub async fn add_events(
        &self,
        tenant: &TenantId,
        settings: &TenantSettings,
        events: Vec<Event>,
        now: Timestamp,
    ) -> Result<Vec<Added>, StoreError> {
        let Some(tombstones) = self.tombstones(tenant, settings).await? else {
            return self.add_unrefused(tenant, settings, events, now).await;
        };
        let refused: Vec<bool> = events.iter().map(|event| tombstones.refuses(event)).collect();
        let mut kept = refused.iter();
        let events: Vec<Event> = events.into_iter().filter(|_| kept.next() == Some(&false)).collect();
        let added =
            if events.is_empty() { Vec::new() } else { self.add_unrefused(tenant, settings, events, now).await? };
        let mut added = added.into_iter();
        Ok(refused.into_iter().filter_map(|refused| if refused { Some(Added::Erased) } else { added.next() }).collect())
    }

    async fn add_unrefused(
        &self,
        tenant: &TenantId,
        settings: &TenantSettings,
        events: Vec<Event>,
        now: Timestamp,
    ) -> Result<Vec<Added>, StoreError> {
        let names: BTreeSet<Identifier> = events.iter().flat_map(|event| event.about.identifiers()).collect();
        let mut settings = Cow::Borrowed(settings);
        let mut overtaking = match self.recent.take(tenant, &names) {
            Some(head) => match self.add_to_remembered(&settings, head, &events, now).await? {
                Some((added, Written::Done)) => return Ok(added),
                Some((_, Written::Overtaken(item))) => overtaking_of(item, &names)?,
                None => None,
            },
            None => None,
        };
        for attempt in 0..MOST_TRIES {
            if attempt > EAGER_TRIES {
                self.pause(attempt - EAGER_TRIES).await;
            }
            let head = match overtaking.take() {
                Some(head) => head,
                None => match self.resolve(tenant, &settings, &names, now).await {
                    Err(StoreError::Conflict) => continue,
                    Err(StoreError::StaleSettings(_)) => {
                        settings = Cow::Owned(self.settings_of(tenant).await?);
                        continue;
                    }
                    Err(StoreError::MissingSegment(_)) if attempt < SEGMENT_TRIES => continue,
                    resolved => resolved?,
                },
            };
            if head.settings > settings.version {
                settings = Cow::Owned(self.settings_of(tenant).await?);
            }
            let (added, written) = match self.try_add(&settings, head, &events, now).await {
                Err(StoreError::MissingSegment(_)) if attempt < SEGMENT_TRIES => continue,
                tried => tried?,
            };
            match written {
                None | Some(Written::Done) => return Ok(added),
                Some(Written::Overtaken(item)) => overtaking = overtaking_of(item, &names)?,
            }
        }
        Err(StoreError::Busy)
    }

    /// Adds events to a head as it was when this process wrote it. `None` if that led to no write, because everything
    /// seemed known or something was missing or full: only the table can say so.
    async fn add_to_remembered(
        &self,
        settings: &TenantSettings,
        head: Head,
        events: &[Event],
        now: Timestamp,
    ) -> Result<Option<(Vec<Added>, Written)>, StoreError> {
        if head.settings > settings.version {
            return Ok(None);
        }
        match self.try_add(settings, head, events, now).await {
            Ok((added, written)) => Ok(written.map(|written| (added, written))),
            Err(StoreError::MissingSegment(_) | StoreError::EnrollmentFull) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the events changed, and how the write went; `None` if there was nothing to write.
    async fn try_add(
        &self,
        settings: &TenantSettings,
        mut head: Head,
        events: &[Event],
        now: Timestamp,
    ) -> Result<(Vec<Added>, Option<Written>), StoreError> {
        let before = head.version;
        let forgotten = head.forget_if_expired(now);
        let mut history = self.complete(&head).await?;
        let names_before = head.history.identifiers().len();
        let mut added = Vec::with_capacity(events.len());
        for event in events {
            let this = history.add(event.clone());
            // A known event may still add a name: which copy came first must not decide the device's key.
            if this.changed() || head.history.identifiers() != history.identifiers() {
                head.history.add(event.clone());
            }
            added.push(this);
        }
        if !added.iter().any(|this| this.changed()) && head.history.identifiers().len() == names_before {
            return Ok((added, None));
        }
        if history.len() > FULL_EVENTS {
            return Err(StoreError::EnrollmentFull);
        }
        head.refold(&history, settings, now);
        let (mut item, bytes) = head.to_item()?;
        if bytes + head.sealed_bytes > FULL_BYTES {
            return Err(StoreError::EnrollmentFull);
        }
        if head.is_to_be_sealed(bytes) {
            for segment in head.seal()? {
                self.put_segment(segment).await?;
            }
            item = head.to_item()?.0;
        }
        let written = self.put_head(item, before, Cause::Events).await?;
        if matches!(written, Written::Done) {
            tracing::debug!(target: CORRELATION, item = %head.key, version = head.version, "events were stored");
            self.retire_segments(&head.key, &forgotten, now).await;
            self.recent.keep(head);
        }
        Ok((added, Some(written)))
    }

    /// Writes a head, if it still has version `before` (0: no item).
    pub(crate) async fn put_head(&self, item: Item, before: u64, cause: Cause) -> Result<Written, StoreError> {
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
        let put = if before == 0 {
            put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", PK)
        } else {
            put.condition_expression("#v = :v")
                .expression_attribute_names("#v", VERSION)
                .expression_attribute_values(":v", n(before))
        };
        let put = put
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(CAPACITY);
        match put.send().await {
            Ok(answer) => {
                self.meter.wrote(cause, answer.consumed_capacity.as_slice());
                Ok(Written::Done)
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(there)) => {
                    self.meter.failed_condition(cause);
                    Ok(Written::Overtaken(there.item().cloned()))
                }
                // Another writer is merging it.
                Some(PutItemError::TransactionConflictException(_)) => Ok(Written::Overtaken(None)),
                _ => Err(error.into()),
            },
        }
    }
}

/// The head that another writer wrote, if it is that of all these names.
fn overtaking_of(item: Option<Item>, names: &BTreeSet<Identifier>) -> Result<Option<Head>, StoreError> {
    let Some(Found::Head(head)) = item.as_ref().map(Found::read).transpose()? else { return Ok(None) };
    Ok(Some(*head).filter(|head| names.is_subset(head.history.identifiers())))
}
