//! The jobs that end an erasure. Two parts are left when it returns: the table's (events that a writer stored meanwhile,
//! and segments, which the stream's reader may still need), and the files'. The item and the pages beside it (`pages`)
//! name enrollments by their keys, and go with the last part. How the table is looked at is in `look`.
//!
//! What a writer stored meanwhile may be in a file by then. So whoever finds such a late event in the table opens the
//! files' part again, in a new round: a file that was begun in the round before ends nothing.
//!
//! Must stay true: an erasure ends only after a look at the table that found nothing of whom it erased, and a file that
//! was begun after the last thing that was found had gone. A job is deleted only as it was when it had ended: if somebody
//! opens it again in that moment, either the deletion fails, or the job is written again in the next epoch.

use crate::content::{self, CONTENT, MOST_TRIES, Place};
use crate::erasure::look::Look;
use crate::erasure::pages::{Content, Held, LeftPage, Of, Page, left, merge, page, pages, pages_of_sets};
use crate::erasure::search::{Search, kept};
use crate::erasure::web::WebSets;
use crate::erasure::{ErasureRecord, Segments};
use crate::item::{s, text};
use crate::keys::{ItemKey, PK, SK};
use crate::{CAPACITY, Cause, Store, StoreError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::{Millis, TenantId, Timestamp};

/// The partition of all jobs.
pub(super) const JOBS: &str = "erasing";
/// The table's part begins this long after the tombstones were written: by then no writer holds the tenant as it was,
/// the index lags less, and the stream's reader has read what was erased.
const TABLE_AFTER: Millis = Millis::from_minutes(5);

/// A runner empties what nobody has emptied this long after the tombstones were written.
const EMPTIED_AFTER: Millis = Millis::from_minutes(1);

/// What becomes of older files that name the person or device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OlderFiles {
    /// They are published anew without them, where this version can; else they are removed.
    #[default]
    Rebuild,
    /// They are removed.
    Remove,
}

/// A job as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    pub id: String,
    pub at: Timestamp,
    /// The first page of the items concerned.
    pub items: Segments,
    /// The erasure's record, until it is written with the items emptied.
    #[serde(default)]
    pub record: Option<ErasureRecord>,
    /// The last of the items that was emptied, as long as not all of them were.
    #[serde(default)]
    pub emptied_to: String,
    pub older_files: OlderFiles,
    /// How often something was found that a writer had stored meanwhile.
    #[serde(default)]
    pub round: u32,
    /// Whether the items were emptied once, so that who reads them from then on finds nobody who was erased.
    #[serde(default)]
    pub emptied: bool,
    #[serde(default)]
    pub table_done: bool,
    #[serde(default)]
    pub files_done: bool,
    /// Whether the tenant itself is removed.
    #[serde(default)]
    pub of_tenant: bool,
    /// How often the job was written again after it was gone. Its pages name it.
    #[serde(default)]
    pub epoch: u32,
    /// When its tombstones were written. To find what is a person's takes minutes in a large tenant.
    #[serde(default)]
    pub known_at: Timestamp,
    /// The look at the table that is under way.
    #[serde(default)]
    pub look: Look,
    /// Of a removal: the last item of the table that it looked at.
    #[serde(default)]
    pub scanned: Option<(String, String)>,
    /// Of a removal: until when an export may store something that was under way when it began.
    #[serde(default)]
    pub exported_until: Option<Timestamp>,
}

/// An erasure that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasing {
    /// The tenant.
    pub tenant: TenantId,
    pub(super) job: Job,
    /// The items of all pages.
    pub(super) items: Segments,
    /// The sets of web-based enrollment that may have been stored meanwhile.
    pub(super) web: Vec<WebSets>,
}

/// What the partition of the jobs has.
#[derive(Debug, Default)]
pub struct UnderWay {
    /// The erasures of all tenants that have not ended.
    pub erasings: Vec<Erasing>,
    /// Those before them: who is meant is still searched for.
    pub searches: Vec<Search>,
    /// Pages that no job names.
    pub left: Vec<LeftPage>,
}

impl Erasing {
    /// The id of the erasure.
    pub fn id(&self) -> &str {
        &self.job.id
    }

    /// Its id and its round, which names what a file must be without: a file of an earlier round may still have what was
    /// found since.
    pub fn mark(&self) -> (String, u32) {
        (self.job.id.clone(), self.job.round)
    }

    /// The instant of the erasure.
    pub fn at(&self) -> Timestamp {
        self.job.at
    }

    /// What becomes of older files.
    pub fn older_files(&self) -> OlderFiles {
        self.job.older_files
    }

    /// Whether the files' part is done.
    pub fn files_done(&self) -> bool {
        self.job.files_done
    }

    /// Whether the items were emptied once: only who reads them from then on finds nobody who was erased.
    pub fn is_emptied(&self) -> bool {
        self.job.emptied
    }

    /// Whether a runner may empty the items: whoever has begun it has died, or would have ended that by now.
    pub fn is_to_be_emptied(&self, now: Timestamp) -> bool {
        !self.job.emptied && !self.job.of_tenant && self.job.known_at.max(self.job.at) + EMPTIED_AFTER <= now
    }

    /// The record, if it is not written yet.
    pub fn record(&self) -> Option<&ErasureRecord> {
        self.job.record.as_ref()
    }

    /// Whether the tenant itself is removed.
    pub fn of_tenant(&self) -> bool {
        self.job.of_tenant
    }

    /// Whether the table's part may begin, where nobody knows how far the stream was read.
    pub fn is_due(&self, now: Timestamp) -> bool {
        // One whose parts are both done was about to go when its process died.
        (!self.job.table_done || self.job.files_done) && self.due_at() <= now
    }

    /// When the table's part may begin, where nobody knows how far the stream was read.
    pub fn due_at(&self) -> Timestamp {
        let after = self.job.known_at.max(self.job.at) + TABLE_AFTER;
        self.job.exported_until.map_or(after, |until| until.max(after))
    }

    /// When the table was last looked at for it, if that look has not ended.
    pub fn looked_at(&self) -> Option<Timestamp> {
        self.job.look.looked_at
    }

    /// The items concerned.
    pub fn items(&self) -> BTreeSet<String> {
        let keys = self.items.keys().filter_map(|name| ItemKey::named(&self.tenant, name));
        keys.map(|key| key.as_str().to_owned()).collect()
    }
}

pub(super) fn place(tenant: &TenantId, id: &str) -> Place {
    Place { pk: JOBS.to_owned(), sk: format!("{tenant}#{id}"), cause: Cause::Erase }
}

impl Store {
    /// Writes a job in the place of a search of this version, or of none. Returns it; `None` if there is another.
    pub(super) async fn put_erasing(
        &self,
        tenant: &TenantId,
        mut job: Job,
        items: &Segments,
        web: Vec<WebSets>,
        version: u64,
    ) -> Result<Option<Job>, StoreError> {
        let mut all = pages(items, self.erasure_page).into_iter();
        job.items = all.next().unwrap_or_default();
        let beside: Vec<Content> = all.map(Content::Items).chain(pages_of_sets(web, self.erasure_page)).collect();
        self.put_pages(job.of(tenant), &beside, job.known_at).await?;
        let place = place(tenant, &job.id);
        match self.put_content(&place, &job, version).await {
            // The answer to this very write may have been lost.
            Err(StoreError::Conflict) => {
                let (there, at) = self.read_content::<Job>(&place).await?;
                Ok((at == version + 1 && there == job).then_some(job))
            }
            written => written.map(|()| Some(job)),
        }
    }

    /// The erasures of all tenants that have not ended.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn erasings(&self) -> Result<Vec<Erasing>, StoreError> {
        Ok(self.erasures_under_way(Timestamp::MIN).await?.erasings)
    }

    /// The same, with the pages that are left of erasures that ended, or never began, as of `now`.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn erasures_under_way(&self, now: Timestamp) -> Result<UnderWay, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", s(JOBS))
            .consistent_read(true);
        let (mut erasings, mut beside) = (BTreeMap::<&str, Erasing>::new(), Vec::new());
        let mut searches = BTreeMap::<&str, Search>::new();
        let found = self.query(query, Cause::Erase, usize::MAX).await?;
        for item in &found {
            if let Some(page) = page(item) {
                beside.push((page, item));
                continue;
            }
            let Some(sk) = text(item, SK) else { continue };
            let Some(tenant) = sk.split_once('#').and_then(|(tenant, _)| TenantId::parse(tenant).ok()) else {
                continue;
            };
            if let Some((kept, version)) = kept(item) {
                searches.insert(sk, Search { tenant, kept, version, paged: Vec::new() });
                continue;
            }
            let job = content::read::<Job>(item).0;
            if !job.is_nothing() {
                let items = job.items.clone();
                erasings.insert(sk, Erasing { tenant, job, items, web: Vec::new() });
            }
        }
        let mut pages_left = Vec::new();
        for (Page { job, epoch, name, held }, item) in beside {
            let erasing = erasings.get_mut(job).filter(|erasing| erasing.job.epoch == epoch);
            match (held, erasing, searches.get_mut(job)) {
                (Held::Job(Content::Items(items)), Some(erasing), _) => merge(&mut erasing.items, items),
                (Held::Job(Content::Sets(sets)), Some(erasing), _) => erasing.web.extend(sets),
                // It goes with the job.
                (Held::Search(_), Some(_), _) => {}
                (Held::Search(page), None, Some(search)) if search.has_page(name) => search.paged.push(*page),
                (_, None, _) => pages_left.extend(left(item, now)),
            }
        }
        let searches = searches.into_values().collect();
        Ok(UnderWay { erasings: erasings.into_values().collect(), searches, left: pages_left })
    }

    /// Records that nothing is left in the table of what was found by this round.
    pub(super) async fn note_emptied(&self, tenant: &TenantId, id: &str, round: u32) -> Result<(), StoreError> {
        self.change_job(tenant, id, round, |job| {
            job.emptied = true;
            job.record = None;
            job.emptied_to.clear();
        })
        .await
    }

    /// Opens a job again, for items in which something was found. One that has ended meanwhile goes on, in a new epoch.
    pub(super) async fn open_again(
        &self,
        erasing: &mut Erasing,
        late: Segments,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        merge(&mut erasing.items, late.clone());
        let place = place(&erasing.tenant, &erasing.job.id);
        for attempt in 0..MOST_TRIES {
            if attempt > 0 {
                self.pause(attempt).await;
            }
            let (mut job, version) = self.read_content::<Job>(&place).await?;
            let beside = if job.is_nothing() {
                // Whoever deleted it deletes its pages, too, so all of them are written again.
                job = Job { epoch: erasing.job.epoch + 1, ..erasing.job.clone() };
                let mut all = pages(&erasing.items, self.erasure_page).into_iter();
                job.items = all.next().unwrap_or_default();
                let sets = pages_of_sets(erasing.web.clone(), self.erasure_page);
                all.map(Content::Items).chain(sets).collect()
            } else {
                pages(&late, self.erasure_page).into_iter().map(Content::Items).collect::<Vec<_>>()
            };
            self.put_pages(job.of(&erasing.tenant), &beside, now).await?;
            job.round += 1;
            (job.emptied, job.table_done, job.files_done) = (false, false, false);
            job.emptied_to.clear();
            job.look.found = true;
            match self.put_content(&place, &job, version).await {
                Err(StoreError::Conflict) => {}
                written => {
                    written?;
                    // This runner's look goes on where it is.
                    let look = erasing.job.look.clone();
                    erasing.job = job;
                    erasing.job.look = Look { found: true, ..look };
                    return Ok(());
                }
            }
        }
        Err(StoreError::Busy)
    }

    /// Records that the files' part of a job is done, unless it was opened again since `erasing` was read.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn end_erasing_of_files(&self, erasing: &Erasing) -> Result<(), StoreError> {
        let (tenant, job) = (&erasing.tenant, &erasing.job);
        self.change_job(tenant, &job.id, job.round, |job| job.files_done = true).await
    }

    /// Ends the files' part of a job whose tenant has no file, if none is being made either: that one may name whom it
    /// erased. Returns whether it did.
    ///
    /// # Errors
    /// If the table can't be read or written.
    pub async fn end_erasing_without_files(&self, erasing: &Erasing, now: Timestamp) -> Result<bool, StoreError> {
        let has_none = self.latest_file(&erasing.tenant).await?.is_none()
            && self.exports(&erasing.tenant).await?.at(now).lease.is_none();
        if has_none {
            self.end_erasing_of_files(erasing).await?;
        }
        Ok(has_none)
    }

    /// Changes a job that is still in this round, and deletes it if both parts are done.
    pub(super) async fn change_job(
        &self,
        tenant: &TenantId,
        id: &str,
        round: u32,
        change: impl Fn(&mut Job),
    ) -> Result<(), StoreError> {
        let place = place(tenant, id);
        let ended = self
            .change_content(&place, |job: &mut Job| {
                // One that is gone has ended, and must not come back.
                if !job.is_nothing() && job.round == round {
                    change(job);
                }
                job.has_ended()
            })
            .await?;
        if ended { self.delete_job(tenant, id).await } else { Ok(()) }
    }

    /// Deletes a job that has ended, and then its pages. If somebody opens it again in that moment, it stays.
    async fn delete_job(&self, tenant: &TenantId, id: &str) -> Result<(), StoreError> {
        let place = place(tenant, id);
        for attempt in 0..MOST_TRIES {
            if attempt > 0 {
                self.pause(attempt).await;
            }
            let get = self.client.get_item().table_name(&*self.table).set_key(Some(place.key()));
            let answer = get.consistent_read(true).return_consumed_capacity(CAPACITY).send().await?;
            self.meter.read(Cause::Erase, answer.consumed_capacity.as_slice());
            let Some(item) = answer.item else { return Ok(()) };
            let job = content::read::<Job>(&item).0;
            if !job.has_ended() {
                return Ok(());
            }
            // Before the job goes: who writes it again writes pages of another epoch.
            let pages = self.pages_beside(tenant, id, job.epoch).await?;
            if self.delete_as_it_was(&place, text(&item, CONTENT).unwrap_or_default()).await? {
                for sk in pages {
                    self.delete(JOBS, &sk).await?;
                }
                return Ok(());
            }
        }
        Err(StoreError::Busy)
    }

    /// Deletes an item if it still has this content. Returns whether it did. No version would do: those of an item that
    /// is written again begin anew, and may come to the same number.
    async fn delete_as_it_was(&self, place: &Place, content: &str) -> Result<bool, StoreError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&*self.table)
            .set_key(Some(place.key()))
            .condition_expression("#c = :c")
            .expression_attribute_names("#c", CONTENT)
            .expression_attribute_values(":c", s(content));
        match delete.return_consumed_capacity(CAPACITY).send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Erase, answer.consumed_capacity.as_slice());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => {
                    self.meter.failed_condition(Cause::Erase);
                    Ok(false)
                }
                _ => Err(error.into()),
            },
        }
    }
}

impl Job {
    pub(super) fn is_nothing(&self) -> bool {
        self.id.is_empty()
    }

    const fn has_ended(&self) -> bool {
        self.table_done && self.files_done
    }

    fn of<'j>(&'j self, tenant: &'j TenantId) -> Of<'j> {
        Of { tenant, id: &self.id, at: self.at, epoch: self.epoch }
    }
}
