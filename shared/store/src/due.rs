//! What is due: the sparse index that holds each enrollment with something open, by the instant at which it must be
//! looked at.
//!
//! A look writes only its instant and the due attributes, on condition of the version. So running twice, late or in
//! parallel is harmless, and a runner that was overtaken has nothing to do.

use crate::item::{DUE_AT, DUE_SHARD, EXPIRES, FOLDED_AT, Found, Head, SETTINGS, VERSION};
use crate::item::{Item, key_of, n, s, text};
use crate::keys::{DUE_SHARDS, ItemKey, PK, due_shard};
use crate::{CAPACITY, Cause, Consistency, DUE_INDEX, Store, StoreError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use vestibule_domain::{Plan, TenantId, TenantSettings, Timestamp, fold};

/// The most keys of one shard taken in one run; the next run takes the rest.
const MOST_PER_SHARD: usize = 5_000;
/// Enrollments settled in parallel.
const CONCURRENCY: usize = 16;

/// The result of looking at a due enrollment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Something that was open at the last fold has ended: recorded.
    Flagged,
    /// Still open; due again later.
    Rearmed,
    /// Nothing is open any more.
    Cleared,
    /// Another writer wrote meanwhile, and has looked too.
    Moved,
    /// The enrollment is gone.
    Gone,
    /// It can't be read, and nothing was changed. An operator must look.
    Unreadable,
}

/// What became of a due enrollment, and the deadline that had passed if something was flagged.
#[derive(Clone, Copy, Debug)]
pub struct Settlement {
    /// The result.
    pub settled: Settled,
    /// The deadline of what was flagged.
    pub deadline: Option<Timestamp>,
}

impl From<Settled> for Settlement {
    fn from(settled: Settled) -> Self {
        Self { settled, deadline: None }
    }
}

/// By its result alone.
impl PartialEq<Settled> for Settlement {
    fn eq(&self, settled: &Settled) -> bool {
        self.settled == *settled
    }
}

impl Store {
    /// The enrollments due before `now`. If none is due, this takes one query for each shard, however much is stored.
    ///
    /// # Errors
    /// If the index can't be read.
    pub async fn due(&self, now: Timestamp) -> Result<Vec<ItemKey>, StoreError> {
        let shards: Vec<Vec<ItemKey>> = futures::stream::iter(0..DUE_SHARDS)
            .map(|shard| self.due_in(due_shard(shard), now))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        Ok(shards.into_iter().flatten().collect())
    }

    async fn due_in(&self, shard: String, now: Timestamp) -> Result<Vec<ItemKey>, StoreError> {
        let query = self
            .client
            .query()
            .index_name(DUE_INDEX)
            .key_condition_expression("#s = :s AND #a < :now")
            .expression_attribute_names("#s", DUE_SHARD)
            .expression_attribute_names("#a", DUE_AT)
            .expression_attribute_values(":s", s(&shard))
            .expression_attribute_values(":now", n(now.millis()));
        let items = self.query(query, Cause::SweepQuery, MOST_PER_SHARD).await?;
        Ok(items.iter().filter_map(|item| ItemKey::parse(text(item, PK)?)).collect())
    }

    /// Looks at enrollments as of `now`, each with its tenant's settings (the defaults for a tenant without any in the
    /// map).
    ///
    /// # Errors
    /// If the table can't be read or written; the other enrollments have still been looked at.
    pub async fn settle_all(
        &self,
        keys: &[ItemKey],
        settings: &HashMap<TenantId, TenantSettings>,
        now: Timestamp,
    ) -> Result<Vec<Settlement>, StoreError> {
        // An entry that moves while the index is read may have been read twice.
        let keys: BTreeSet<&ItemKey> = keys.iter().collect();
        let items =
            self.batch_get(keys.iter().copied().map(key_of).collect(), Consistency::Eventual, Cause::SweepRead).await?;
        let missing = keys.len() - items.len();
        self.prefetch_segments(&items).await?;
        let settled: Vec<Result<Settlement, StoreError>> = futures::stream::iter(items)
            .map(|item| self.settle_or_report(item, settings, now).boxed())
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        settled.into_iter().chain(std::iter::repeat_n(Settled::Gone.into(), missing).map(Ok)).collect()
    }

    /// An enrollment that can't be read must not delay the others.
    async fn settle_or_report(
        &self,
        item: Item,
        settings: &HashMap<TenantId, TenantSettings>,
        now: Timestamp,
    ) -> Result<Settlement, StoreError> {
        match self.settle(item, settings, now).await {
            Err(error) if error.is_unreadable() => {
                tracing::error!(%error, "a due enrollment can't be read");
                Ok(Settled::Unreadable.into())
            }
            settled => settled,
        }
    }

    async fn settle(
        &self,
        item: Item,
        settings: &HashMap<TenantId, TenantSettings>,
        now: Timestamp,
    ) -> Result<Settlement, StoreError> {
        let Found::Head(mut head) = Found::read(&item)? else { return Ok(Settled::Moved.into()) };
        if head.due_at.is_none_or(|due| due >= now) {
            return Ok(Settled::Moved.into());
        }
        let tenant = head.key.tenant().clone();
        let defaults = TenantSettings::default();
        let mut settings = Cow::Borrowed(settings.get(&tenant).unwrap_or(&defaults));
        if head.settings > settings.version {
            settings = Cow::Owned(self.settings_of(&tenant).await?);
        }
        let history = self.complete(&head).await?;
        let was_open = Plan::of(&fold(&tenant, &history, &settings, head.folded_at), &history).due_at;
        let before = head.version;
        // We have looked at what was due, so the true deadline replaces it.
        head.due_at = None;
        let plan = head.refold(&history, &settings, now);
        if !self.update_due(&head, before, Cause::SweepWrite).await? {
            return Ok(Settled::Moved.into());
        }
        Ok(match (was_open, plan.due_at) {
            (Some(deadline), _) if deadline < now => Settlement { settled: Settled::Flagged, deadline: Some(deadline) },
            (_, Some(_)) => Settled::Rearmed.into(),
            (_, None) => Settled::Cleared.into(),
        })
    }

    /// Writes what a look changes; `false` if another writer wrote first.
    pub(crate) async fn update_due(&self, head: &Head, before: u64, cause: Cause) -> Result<bool, StoreError> {
        let mut set = vec!["#v = :v", "#f = :f"];
        let mut remove = Vec::new();
        let mut update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(key_of(&head.key)))
            .condition_expression("#v = :before")
            .expression_attribute_names("#v", VERSION)
            .expression_attribute_names("#f", FOLDED_AT)
            .expression_attribute_names("#a", DUE_AT)
            .expression_attribute_names("#s", DUE_SHARD)
            .expression_attribute_names("#x", EXPIRES)
            .expression_attribute_values(":before", n(before))
            .expression_attribute_values(":v", n(head.version))
            .expression_attribute_values(":f", n(head.folded_at.millis()));
        if head.settings > 0 {
            set.push("#sv = :sv");
            update =
                update.expression_attribute_names("#sv", SETTINGS).expression_attribute_values(":sv", n(head.settings));
        }
        match head.due_at {
            Some(due) => {
                set.extend(["#a = :a", "#s = :s"]);
                update = update
                    .expression_attribute_values(":a", n(due.millis()))
                    .expression_attribute_values(":s", s(head.key.due_shard()));
            }
            None => remove.extend(["#a", "#s"]),
        }
        match head.expires_at {
            Some(expires_at) => {
                set.push("#x = :x");
                update = update.expression_attribute_values(":x", n(expires_at.seconds()));
            }
            None => remove.push("#x"),
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            expression.push_str(" REMOVE ");
            expression.push_str(&remove.join(", "));
        }
        match update.update_expression(expression).return_consumed_capacity(CAPACITY).send().await {
            Ok(answer) => {
                self.meter.wrote(cause, answer.consumed_capacity.as_slice());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(
                    UpdateItemError::ConditionalCheckFailedException(_)
                    | UpdateItemError::TransactionConflictException(_),
                ) => {
                    self.meter.failed_condition(cause);
                    Ok(false)
                }
                _ => Err(error.into()),
            },
        }
    }
}
