//! Folds all enrollments of a tenant again, after a change of settings that alters attempts.
//!
//! A job is an item, written in one transaction with the settings. A runner (the sweep, each minute; or the command
//! that changed the settings) goes through the tenant's enrollments, folds each one that was folded under earlier
//! settings, and writes what follows: deadlines and, through the stream, the differences. It may stop anywhere and
//! continue from there.
//!
//! Must stay true: when a job is done, no enrollment of the tenant is folded under earlier settings. A writer holds a
//! tenant for up to a minute, so it may create an enrollment under the earlier settings after the first pass has gone
//! by. The second pass begins later than that, and goes through everything that changed since the first began.

use crate::changes::{ChangePlace, Changes};
use crate::item::{Found, Head, Item, first_bucket, item_key, key_of, n, number, s, text};
use crate::keys::{CHANGE_SHARDS, ItemKey, PK, SK, tenant_pk};
use crate::lost::There;
use crate::tenant_cache::HELD_FOR;
use crate::{CAPACITY, Cause, Store, StoreError, Tenant, tenants};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use futures::StreamExt as _;
use vestibule_domain::{Millis, TenantId, TenantSettings, Timestamp};

const JOBS: &str = "jobs";
const TARGET: &str = "sv";
const BEGAN_AT: &str = "at";
const PASS: &str = "p";
const SHARD: &str = "s";
const AFTER_KEY: &str = "ak";
const AFTER_BUCKET: &str = "ab";
const LOOKED: &str = "l";
const FOLDED: &str = "f";
/// Counts the writes of a job, so that two runners don't set each other back.
const WRITES: &str = "v";
/// Enrollments looked at between two records of progress.
const PAGE: usize = 200;
/// Enrollments folded in parallel.
const CONCURRENCY: usize = 16;
/// Tries of one enrollment that other writers change at the same time.
const TRIES: u32 = 8;
/// How far the index may lag.
const LAG: Millis = Millis::from_minutes(2);
/// The second pass begins this long after the first: no writer holds the earlier settings any more, and the index lags
/// less.
const SECOND_PASS_AFTER: Millis = Millis::new(HELD_FOR.get() + LAG.get());

/// A job and its progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refold {
    /// The tenant.
    pub tenant: TenantId,
    /// The settings' version under which all must be folded.
    pub settings: u32,
    /// When it began, soon after the settings were changed; `None` before that.
    pub began_at: Option<Timestamp>,
    /// Enrollments looked at so far.
    pub looked: u64,
    /// Of these, folded again.
    pub folded: u64,
    /// 1: all of them. 2: those that changed since it began.
    pub pass: u8,
    shard: u8,
    after: Option<ChangePlace>,
    writes: u64,
}

/// How far a job has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refolding {
    /// There is more to do; or the second pass must wait for its time.
    GoesOn(Refold),
    /// Nothing is left to do.
    Done(Refold),
    /// Another runner works on it, or a later change replaced it.
    Overtaken,
}

impl Refold {
    /// The second pass waits until no writer holds the earlier settings.
    pub fn waits(&self, now: Timestamp) -> bool {
        self.pass == 2 && self.began_at.is_some_and(|began_at| now < began_at + SECOND_PASS_AFTER)
    }

    fn to_item(&self) -> Item {
        let mut item = item_key(JOBS, self.tenant.as_str());
        item.insert(TARGET.to_owned(), n(self.settings));
        item.extend(self.began_at.map(|began_at| (BEGAN_AT.to_owned(), n(began_at.millis()))));
        item.insert(PASS.to_owned(), n(self.pass));
        item.insert(SHARD.to_owned(), n(self.shard));
        item.insert(LOOKED.to_owned(), n(self.looked));
        item.insert(FOLDED.to_owned(), n(self.folded));
        item.insert(WRITES.to_owned(), n(self.writes));
        if let Some((bucket, key)) = &self.after {
            item.insert(AFTER_KEY.to_owned(), s(key));
            item.insert(AFTER_BUCKET.to_owned(), n(bucket));
        }
        item
    }

    fn read(item: &Item) -> Option<Self> {
        Some(Self {
            tenant: TenantId::parse(text(item, SK)?).ok()?,
            settings: number(item, TARGET)?,
            began_at: number(item, BEGAN_AT).map(Timestamp::from_millis),
            looked: number(item, LOOKED)?,
            folded: number(item, FOLDED)?,
            pass: number(item, PASS)?,
            shard: number(item, SHARD)?,
            after: number(item, AFTER_BUCKET).zip(text(item, AFTER_KEY).map(str::to_owned)),
            writes: number(item, WRITES)?,
        })
    }
}

impl Store {
    /// Writes a tenant whose settings changed, with the job that follows.
    pub(crate) async fn put_with_job(&self, tenant: &Tenant, before: u64) -> Result<(), StoreError> {
        let job = Refold {
            tenant: tenant.id.clone(),
            settings: tenant.settings.version,
            began_at: None,
            looked: 0,
            folded: 0,
            pass: 1,
            shard: 0,
            after: None,
            writes: tenant.version,
        };
        let refused = |error: aws_sdk_dynamodb::error::BuildError| StoreError::Refused(error.to_string());
        let item = tenant.to_item()?;
        let (version, content) = (item[tenants::VERSION].clone(), item[tenants::CONTENT].clone());
        let update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(item_key(&tenant_pk(&tenant.id), tenants::TENANT)))
            .update_expression(tenants::CHANGE)
            .condition_expression(tenants::UNCHANGED)
            .expression_attribute_names("#v", tenants::VERSION)
            .expression_attribute_names("#c", tenants::CONTENT)
            .expression_attribute_values(":before", n(before))
            .expression_attribute_values(":v", version)
            .expression_attribute_values(":c", content)
            .build()
            .map_err(refused)?;
        let job = Put::builder().table_name(&*self.table).set_item(Some(job.to_item())).build().map_err(refused)?;
        let writes =
            [TransactWriteItem::builder().update(update).build(), TransactWriteItem::builder().put(job).build()];
        let transact = self.client.transact_write_items().set_transact_items(Some(writes.to_vec()));
        match transact.return_consumed_capacity(CAPACITY).send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Tenant, answer.consumed_capacity());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(_)) => {
                    match self.what_is_there(&item, Cause::Tenant).await? {
                        There::Same => Ok(()),
                        There::Other | There::Nothing => Err(StoreError::Conflict),
                    }
                }
                _ => Err(error.into()),
            },
        }
    }

    /// The jobs that are not done.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn refolds(&self) -> Result<Vec<Refold>, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", s(JOBS));
        let items = self.query(query, Cause::Refold, usize::MAX).await?;
        Ok(items.iter().filter_map(Refold::read).collect())
    }

    /// A tenant's job, if one is not done.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn refold_of(&self, tenant: &TenantId) -> Result<Option<Refold>, StoreError> {
        let get = self.client.get_item().table_name(&*self.table);
        let get = get.set_key(Some(item_key(JOBS, tenant.as_str()))).consistent_read(true);
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(Cause::Refold, answer.consumed_capacity.as_slice());
        Ok(answer.item.as_ref().and_then(Refold::read))
    }

    /// Continues a job until at least `most` enrollments were looked at, or it is done, or it must wait.
    ///
    /// # Errors
    /// If the table can't be read or written; what was folded stays folded, and the job continues from its last record.
    pub async fn go_on_refolding(
        &self,
        mut job: Refold,
        settings: &TenantSettings,
        now: Timestamp,
        most: usize,
    ) -> Result<Refolding, StoreError> {
        let mut looked = 0;
        let began_at = *job.began_at.get_or_insert(now);
        while looked < most && !job.waits(now) {
            let writes = job.writes;
            let (keys, after) = self.page(&job, began_at).await?;
            let folded = self.refold_all(&keys, settings, now).await?;
            looked += keys.len().max(1);
            job.looked += keys.len() as u64;
            job.folded += folded;
            job.after = after;
            job.writes += 1;
            if job.after.is_none() {
                job.shard += 1;
            }
            if job.shard == CHANGE_SHARDS {
                job.shard = 0;
                job.pass += 1;
            }
            if job.pass > 2 {
                return Ok(if self.end_job(&job, writes).await? { Refolding::Done(job) } else { Refolding::Overtaken });
            }
            if !self.record_job(&job, writes).await? {
                return Ok(Refolding::Overtaken);
            }
        }
        Ok(Refolding::GoesOn(job))
    }

    /// The next enrollments of a job's pass and shard, and where to continue; `None` at the end of the shard.
    async fn page(&self, job: &Refold, began_at: Timestamp) -> Result<(Vec<ItemKey>, Option<ChangePlace>), StoreError> {
        let from = if job.pass == 1 { 0 } else { first_bucket(began_at - LAG) };
        let changes = Changes { tenant: &job.tenant, shard: job.shard, from };
        self.page_of_changes(changes, job.after.as_ref(), PAGE, Cause::Refold).await
    }

    async fn refold_all(&self, keys: &[ItemKey], settings: &TenantSettings, now: Timestamp) -> Result<u64, StoreError> {
        let mut folds = futures::stream::iter(keys.to_vec())
            .map(|key| async move { self.refold_one(&key, settings, now).await.map_err(|error| (key, error)) })
            .buffer_unordered(CONCURRENCY);
        let (mut folded, mut failed) = (0, None);
        while let Some(one) = folds.next().await {
            match one {
                Ok(true) => folded += 1,
                Ok(false) => {}
                Err((key, error)) if error.is_unreadable() => {
                    tracing::error!(%error, item = %key, "an enrollment can't be read and stays under earlier settings");
                }
                Err((_, error)) => failed = Some(error),
            }
        }
        failed.map_or(Ok(folded), Err)
    }

    /// Folds an enrollment under `settings` if it was folded under earlier ones. Returns whether it did.
    async fn refold_one(&self, key: &ItemKey, settings: &TenantSettings, now: Timestamp) -> Result<bool, StoreError> {
        for attempt in 0..TRIES {
            if attempt > 1 {
                self.pause(attempt).await;
            }
            let get = self.client.get_item().table_name(&*self.table).set_key(Some(key_of(key))).consistent_read(true);
            let answer = get.return_consumed_capacity(CAPACITY).send().await?;
            self.meter.read(Cause::Refold, answer.consumed_capacity.as_slice());
            let Some(Found::Head(head)) = answer.item.as_ref().map(Found::read).transpose()? else { return Ok(false) };
            if head.settings >= settings.version || head.is_expired(now) || head.erased {
                return Ok(false);
            }
            let mut head: Head = *head;
            let before = head.version;
            let history = match self.complete(&head).await {
                Err(StoreError::MissingSegment(_)) if attempt + 1 < TRIES => continue,
                completed => completed?,
            };
            // The deadline may be earlier or later now, so the stored one no longer counts.
            head.due_at = None;
            head.refold(&history, settings, now);
            if self.update_due(&head, before, Cause::Refold).await? {
                return Ok(true);
            }
        }
        Err(StoreError::Busy)
    }

    /// Records a job's progress; `false` if another runner did so since, or another job replaced it.
    async fn record_job(&self, job: &Refold, writes: u64) -> Result<bool, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(job.to_item()))
            .condition_expression("#v = :v AND #t = :t")
            .expression_attribute_names("#v", WRITES)
            .expression_attribute_names("#t", TARGET)
            .expression_attribute_values(":v", n(writes))
            .expression_attribute_values(":t", n(job.settings))
            .return_consumed_capacity(CAPACITY);
        match put.send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Refold, answer.consumed_capacity.as_slice());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(error.into()),
            },
        }
    }

    async fn end_job(&self, job: &Refold, writes: u64) -> Result<bool, StoreError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&*self.table)
            .set_key(Some(item_key(JOBS, job.tenant.as_str())))
            .condition_expression("#v = :v AND #t = :t")
            .expression_attribute_names("#v", WRITES)
            .expression_attribute_names("#t", TARGET)
            .expression_attribute_values(":v", n(writes))
            .expression_attribute_values(":t", n(job.settings))
            .return_consumed_capacity(CAPACITY);
        match delete.send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Refold, answer.consumed_capacity.as_slice());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(error.into()),
            },
        }
    }
}
