//! From a device's identifiers to its enrollment.
//!
//! A key holds an enrollment's head or a link to one. Links are created on condition that the key is free, and never
//! changed. They are written before the head learns the identifier, so that a head that knows all of an event's
//! identifiers needs no other read. Two heads that turn out to be one device are merged by one transaction, and the one
//! left behind becomes a link.
//!
//! Must stay true: two different serial numbers never become one device, whatever other identifier they share. The
//! merge is refused and recorded (`refused`); the event goes to the device of its best identifier.

use crate::item::{Found, Head, Item, TO, key_of, link, n, redirect, s};
use crate::keys::{ItemKey, PK};
use crate::{CAPACITY, Cause, FULL_BYTES, FULL_EVENTS, SEAL_BYTES, Store, StoreError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::identity::IdentifierKind;
use vestibule_domain::{Identifier, TenantId, TenantSettings, Timestamp};

/// Links followed before giving up. Each merge may lengthen a chain by one, in the order of the keys.
const MOST_HOPS: usize = 64;
/// Two full enrollments may turn out to be one device; its further events are then refused.
const MERGED_BYTES: usize = 2 * (FULL_BYTES + SEAL_BYTES);
/// The same for events.
const MERGED_EVENTS: usize = 2 * FULL_EVENTS;

impl Store {
    /// The head that `names` lead to, existing or still to be created, with a link for each of them.
    ///
    /// [`StoreError::Conflict`] means that another writer was quicker, or that two heads were merged: try again.
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
            return Ok(head.clone());
        }
        // Where each of the names leads: the key at the end of its links.
        let known = head.as_ref().map(|head| head.history.identifiers().clone()).unwrap_or_default();
        let mut ends: Vec<(&Identifier, ItemKey, Option<Head>)> = vec![(best, at, head)];
        for name in names.iter().filter(|name| *name != best && !known.contains(name)) {
            let (at, head) = self.follow(ItemKey::of(tenant, name)).await?;
            ends.push((name, at, head));
        }
        // The serial number of the events; failing that, that of the first device, by best identifier, that has one. A
        // device with a different serial number is another device.
        let of_heads = ends.iter().filter_map(|(_, _, head)| head.as_ref()).find_map(serial_number);
        let serial = names.iter().find(|name| is_serial(name)).or(of_heads).cloned();
        let mut heads: BTreeMap<ItemKey, Head> = BTreeMap::new();
        let mut leads_to: Vec<ItemKey> = Vec::new();
        for (name, at, head) in ends {
            match head {
                // A link from the serial number was written before its device had another serial number: a writer that
                // was overtaken leaves it behind. It leads to nothing with this serial number, so it is removed.
                Some(head) if is_of_another(&head, serial.as_ref()) && is_serial(name) => {
                    self.cut_link(&ItemKey::of(tenant, name), None).await?;
                    return Err(StoreError::Conflict);
                }
                Some(head) if is_of_another(&head, serial.as_ref()) => {
                    self.refuse_merge(tenant, leads_to.first(), &at, now).await?;
                }
                head => {
                    leads_to.push(at.clone());
                    heads.extend(head.map(|head| (at, head)));
                }
            }
        }
        // A writer that finds nothing at several keys begins at the least of them, as every other writer does: so links
        // written at the same time never form a circle.
        leads_to.sort_unstable();
        leads_to.dedup();
        let kept = match (heads.pop_first(), leads_to.first()) {
            (Some((_, kept)), _) => kept,
            (None, Some(least)) => Head::new(least.clone()),
            // The best identifier is the serial number, or leads to the device whose serial number decides.
            (None, None) => return Err(StoreError::Conflict),
        };
        if let Some(stale) = heads.values().chain([&kept]).find(|head| head.settings > settings.version) {
            return Err(StoreError::StaleSettings(stale.key.as_str().to_owned()));
        }
        if !heads.is_empty() {
            for other in heads.into_values() {
                self.merge(tenant, settings, &kept, &other, now).await?;
            }
            return Err(StoreError::Conflict);
        }
        // If a name's links end at an empty key (its own, or one that retention emptied), a link continues from there.
        for at in leads_to.iter().filter(|at| **at != kept.key) {
            self.put_link(at, &kept.key).await?;
        }
        Ok(kept)
    }

    /// The enrollment that an identifier leads to.
    pub(crate) async fn find_head(&self, tenant: &TenantId, name: &Identifier) -> Result<Option<Head>, StoreError> {
        Ok(self.follow(ItemKey::of(tenant, name)).await?.1)
    }

    /// Follows links from a key; returns where they end, and the head there if one exists.
    ///
    /// Links in a circle (one was written while a lagging read still showed the former head) are cut at the least key,
    /// which then is empty: [`StoreError::Conflict`] asks the caller to try again.
    pub(crate) async fn follow(&self, mut key: ItemKey) -> Result<(ItemKey, Option<Head>), StoreError> {
        let mut links: BTreeMap<ItemKey, ItemKey> = BTreeMap::new();
        for _ in 0..MOST_HOPS {
            let get = self.client.get_item().table_name(&*self.table).set_key(Some(key_of(&key)));
            let answer = get.return_consumed_capacity(CAPACITY).send().await?;
            self.meter.read(Cause::Lookup, answer.consumed_capacity.as_slice());
            match answer.item.as_ref().map(Found::read).transpose()? {
                None => return Ok((key, None)),
                Some(Found::Head(head)) => return Ok((key, Some(*head))),
                Some(Found::Link(to)) => {
                    links.insert(key, to.clone());
                    if links.contains_key(&to) {
                        self.cut_circle(&links, &to).await?;
                        return Err(StoreError::Conflict);
                    }
                    key = to;
                }
            }
        }
        Err(StoreError::corrupt(key.as_str(), "too many links"))
    }

    /// Removes the link at the least key of the circle that `at` is part of, if it still leads to the same key.
    async fn cut_circle(&self, links: &BTreeMap<ItemKey, ItemKey>, at: &ItemKey) -> Result<(), StoreError> {
        let mut least = at;
        let mut next = links.get(at);
        while let Some(key) = next.filter(|key| *key != at) {
            least = least.min(key);
            next = links.get(key);
        }
        tracing::warn!(item = %least, links = links.len(), "links formed a circle, which was cut");
        self.cut_link(least, links.get(least)).await
    }

    /// Removes the link at a key: the one to `to`, or whichever is there.
    pub(crate) async fn cut_link(&self, at: &ItemKey, to: Option<&ItemKey>) -> Result<(), StoreError> {
        let delete = self.client.delete_item().table_name(&*self.table).set_key(Some(key_of(at)));
        let delete = delete.expression_attribute_names("#to", TO);
        let delete = match to {
            Some(to) => delete.condition_expression("#to = :to").expression_attribute_values(":to", s(to.as_str())),
            None => delete.condition_expression("attribute_exists(#to)"),
        };
        match delete.return_consumed_capacity(CAPACITY).send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Link, answer.consumed_capacity.as_slice());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(
                    DeleteItemError::ConditionalCheckFailedException(_)
                    | DeleteItemError::TransactionConflictException(_),
                ) => Ok(()),
                _ => Err(error.into()),
            },
        }
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
                // Another writer is merging there.
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
        let (mut merged, mut gone_head) = (kept.clone(), gone.clone());
        merged.forget_if_expired(now);
        gone_head.forget_if_expired(now);
        let mut history = self.complete(&merged).await?;
        history.absorb(self.complete(&gone_head).await?, tenant, settings);
        if history.len() > MERGED_EVENTS {
            return Err(StoreError::EnrollmentFull);
        }
        // Above the versions of both, and by more than one: this shows a publisher that it is a merge, and that what it
        // publishes is newer than what the other item withdraws.
        merged.version = kept.version.max(gone.version) + 1;
        merged.folded_at = kept.folded_at.max(gone.folded_at);
        merged.segments = Vec::new();
        merged.sealed_bytes = 0;
        merged.refold(&history, settings, now);
        merged.history = history;
        // One item may not hold that much, but several segments do.
        let bytes = merged.to_item().map_or(usize::MAX, |(_, bytes)| bytes);
        let mut writes = Vec::new();
        if merged.is_to_be_sealed(bytes) {
            for segment in merged.seal()? {
                writes.push(self.transact_put(segment.into_item(), None)?);
            }
        }
        let (item, bytes) = merged.to_item()?;
        if bytes + merged.sealed_bytes > MERGED_BYTES {
            return Err(StoreError::EnrollmentFull);
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

fn is_serial(name: &Identifier) -> bool {
    name.kind == IdentifierKind::SerialNumber
}

/// Whether an enrollment has another serial number than this one.
fn is_of_another(head: &Head, serial: Option<&Identifier>) -> bool {
    serial_number(head).is_some() && serial.is_none_or(|serial| !head.history.identifiers().contains(serial))
}

/// The serial number of an enrollment. It has at most one, unless an older version of this program merged two.
fn serial_number(head: &Head) -> Option<&Identifier> {
    head.history.identifiers().iter().find(|name| is_serial(name))
}
