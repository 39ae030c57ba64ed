//! From a device's identifiers to its enrollment.
//!
//! A key holds an enrollment's head or a link to one. Links are created on condition that nothing is there and
//! never changed; they are written before the head learns the identifier, so that a head that knows all of an event's
//! identifiers needs no other read. Two heads that turn out to be one device are merged by one transaction, and
//! the one left behind becomes a link.

use crate::item::{Found, Head, Item, key_of, link, n, redirect};
use crate::keys::{ItemKey, PK};
use crate::{CAPACITY, Cause, FULL_BYTES, SEAL_BYTES, Store, StoreError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::{Identifier, Plan, TenantId, TenantSettings, Timestamp, fold};

/// Links followed before giving up: merges make chains of two, and chains of chains are rare.
const MOST_HOPS: usize = 8;
/// Two full enrollments may turn out to be one device; what is more than that does not fit an item (400 KB).
const MERGED_BYTES: usize = 2 * (FULL_BYTES + SEAL_BYTES);

impl Store {
    /// The head that `names` lead to, existing or yet to be created, with a link for each of them.
    ///
    /// [`StoreError::Conflict`] means that somebody else was quicker, or that two heads were merged: ask again.
    pub(crate) async fn resolve(
        &self,
        tenant: &TenantId,
        settings: &TenantSettings,
        names: &BTreeSet<Identifier>,
        now: Timestamp,
    ) -> Result<Head, StoreError> {
        let Some(best) = names.first() else {
            return Err(StoreError::Refused("an event that names no device".to_owned()));
        };
        let (at, head) = self.follow(ItemKey::of(tenant, best)).await?;
        if let Some(head) = &head
            && names.is_subset(head.history.identifiers())
        {
            return Ok(forget_expired(head.clone(), now));
        }
        // Where each of the names leads: the key at the end of its links.
        let mut heads: BTreeMap<ItemKey, Head> = BTreeMap::new();
        let mut leads_to: Vec<ItemKey> = vec![at.clone()];
        let known = head.as_ref().map(|head| head.history.identifiers().clone()).unwrap_or_default();
        heads.extend(head.map(|head| (at, head)));
        for name in names.iter().filter(|name| *name != best && !known.contains(name)) {
            let (at, head) = self.follow(ItemKey::of(tenant, name)).await?;
            heads.extend(head.map(|head| (at.clone(), head)));
            leads_to.push(at);
        }
        // Whoever finds nothing at several keys begins at the least of them, and so does everybody else: links written
        // at once never lead round in a circle.
        leads_to.sort_unstable();
        leads_to.dedup();
        let kept = match heads.pop_first() {
            Some((_, kept)) => kept,
            None => Head::new(leads_to[0].clone()),
        };
        if !heads.is_empty() {
            for other in heads.into_values() {
                self.merge(tenant, settings, &kept, &other, now).await?;
            }
            return Err(StoreError::Conflict);
        }
        // Where a name's links end at nothing (its own key, or one that retention emptied), a link goes on from there.
        for at in leads_to.iter().filter(|at| **at != kept.key) {
            self.put_link(at, &kept.key).await?;
        }
        Ok(forget_expired(kept, now))
    }

    /// The enrollment that an identifier leads to.
    pub(crate) async fn find_head(&self, tenant: &TenantId, name: &Identifier) -> Result<Option<Head>, StoreError> {
        Ok(self.follow(ItemKey::of(tenant, name)).await?.1)
    }

    /// Follows links from a key; where they end, and the head there if one is.
    async fn follow(&self, mut key: ItemKey) -> Result<(ItemKey, Option<Head>), StoreError> {
        for _ in 0..MOST_HOPS {
            let get = self.client.get_item().table_name(&*self.table).set_key(Some(key_of(&key)));
            let answer = get.return_consumed_capacity(CAPACITY).send().await?;
            self.meter.read(Cause::Lookup, answer.consumed_capacity.as_slice());
            match answer.item.as_ref().map(Found::read).transpose()? {
                None => return Ok((key, None)),
                Some(Found::Head(head)) => return Ok((key, Some(*head))),
                Some(Found::Link(to)) => key = to,
            }
        }
        Err(StoreError::corrupt(key.as_str(), "too many links"))
    }

    async fn put_link(&self, from: &ItemKey, to: &ItemKey) -> Result<(), StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(link(from, to)))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PK)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(CAPACITY);
        match put.send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Link, answer.consumed_capacity.as_slice());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(there)) => {
                    self.meter.failed_condition(Cause::Link);
                    match there.item().map(Found::read).transpose()? {
                        Some(Found::Link(already)) if already == *to => Ok(()),
                        _ => Err(StoreError::Conflict),
                    }
                }
                // Somebody is merging there.
                Some(PutItemError::TransactionConflictException(_)) => Err(StoreError::Conflict),
                _ => Err(error.into()),
            },
        }
    }

    /// Moves everything of `gone` into `kept` and leaves a link behind: all or nothing.
    async fn merge(
        &self,
        tenant: &TenantId,
        settings: &TenantSettings,
        kept: &Head,
        gone: &Head,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut history = self.complete(&forget_expired(kept.clone(), now)).await?;
        history.absorb(self.complete(&forget_expired(gone.clone(), now)).await?);
        let enrollment = fold(tenant, &history, settings, now);
        let mut merged = Head { version: kept.version + 1, segments: Vec::new(), sealed_bytes: 0, ..kept.clone() };
        merged.follow(&Plan::of(&enrollment, &history, settings), now);
        merged.history = history;
        let (mut item, bytes) = merged.to_item();
        if bytes > MERGED_BYTES {
            return Err(StoreError::EnrollmentFull);
        }
        let mut writes = Vec::new();
        if merged.is_to_be_sealed(bytes) {
            let segment = merged.seal(now);
            item = merged.to_item().0;
            writes.push(self.transact_put(segment.into_item(), None)?);
        }
        writes.push(self.transact_put(item, Some(kept.version))?);
        writes.push(self.transact_put(redirect(gone, &kept.key, now), Some(gone.version))?);
        for (head, number) in
            [kept, gone].into_iter().flat_map(|head| head.segments.iter().map(move |number| (head, *number)))
        {
            if head.key == merged.key && merged.segments.contains(&number) {
                continue;
            }
            writes.push(self.transact_retire(&head.key, number, now)?);
        }
        let transact = self.client.transact_write_items().set_transact_items(Some(writes));
        match transact.return_consumed_capacity(CAPACITY).send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Merge, answer.consumed_capacity());
                tracing::info!(%tenant, kept = %kept.key, gone = %gone.key, "two enrollments are one device");
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(
                    TransactWriteItemsError::TransactionCanceledException(_)
                    | TransactWriteItemsError::TransactionInProgressException(_),
                ) => {
                    self.meter.failed_condition(Cause::Merge);
                    Err(StoreError::Conflict)
                }
                _ => Err(error.into()),
            },
        }
    }

    fn transact_put(&self, item: Item, version: Option<u64>) -> Result<TransactWriteItem, StoreError> {
        let mut put = Put::builder().table_name(&*self.table).set_item(Some(item));
        if let Some(version) = version {
            put = put
                .condition_expression("#v = :v")
                .expression_attribute_names("#v", crate::item::VERSION)
                .expression_attribute_values(":v", n(version));
        }
        let put = put.build().map_err(|error| StoreError::Refused(error.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

/// A head that time-to-live may take any moment begins anew, on condition of its version.
fn forget_expired(head: Head, now: Timestamp) -> Head {
    if head.is_expired(now) {
        let Head { key, version, bucket, .. } = head;
        return Head { version, bucket, ..Head::new(key) };
    }
    head
}
