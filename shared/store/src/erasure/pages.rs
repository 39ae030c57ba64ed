//! What an erasure concerns, in pages of bounded size: an item takes no more than 400 kB, and one person may have had
//! thousands of devices.
//!
//! The first page of items goes into the job's own item. A further page is an item beside it, and so are the sets of
//! web-based enrollment that the end of an erasure looks at again. Each is named by its content, so that two writers
//! never replace each other's, and by the job's epoch, which grows if a job that was gone is written again. A search,
//! which comes before the job, has its findings in pages of their own.
//!
//! Must stay true: pages are written before what makes them count. Who deletes a job deletes only those of its epoch,
//! after it; so a job that is written again in that moment keeps all of its own. What is left without a job goes after
//! an hour. An earlier release, to which a search is nothing, must not take a search's pages for such: they have none
//! of the attributes by which it knows their age.

use crate::content::{CONTENT, read};
use crate::erasure::Segments;
use crate::erasure::findings::Findings;
use crate::erasure::jobs::JOBS;
use crate::erasure::web::WebSets;
use crate::item::{EXPIRES, Item, item_key, n, number, s, text};
use crate::keys::{PK, SK};
use crate::{CAPACITY, Cause, Store, StoreError};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use vestibule_domain::plan::KEPT;
use vestibule_domain::{Millis, TenantId, Timestamp};

/// Bytes of one page, of tombstones or of a job.
pub(crate) const PAGE_BYTES: usize = 300_000;
/// When a page was written, in milliseconds.
const WRITTEN: &str = "w";
/// The same of a search's page.
const SEARCHED: &str = "sw";
/// By then whoever wrote a page has also written what makes it count, or has died.
const LEFT_AFTER: Millis = Millis::from_minutes(60);
/// What the name of a page of sets begins with; a digest does not.
const OF_SETS: char = 'w';
/// What the name of a search's page begins with.
const OF_SEARCH: char = 's';

/// What is written beside a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Items(Segments),
    Sets(Vec<WebSets>),
}

/// What a page has.
pub(super) enum Held {
    Job(Content),
    Search(Box<Findings>),
}

/// A page as it was read.
pub(super) struct Page<'i> {
    /// The sort key of its job.
    pub job: &'i str,
    pub epoch: u32,
    /// Its own name.
    pub name: &'i str,
    pub held: Held,
}

/// Which job pages belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of<'j> {
    pub tenant: &'j TenantId,
    pub id: &'j str,
    /// The instant of the erasure.
    pub at: Timestamp,
    pub epoch: u32,
}

/// A page that no job names, since whoever wrote it died before it wrote the job, or before it deleted the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftPage {
    /// The tenant of the erasure.
    pub tenant: TenantId,
    /// When it was written.
    pub written: Timestamp,
    sk: String,
}

/// Puts items into pages of at most so many bytes, or of one item. There is at least one page.
pub(super) fn pages(items: &Segments, most: usize) -> Vec<Segments> {
    let (mut pages, mut page, mut bytes) = (Vec::new(), Segments::new(), 0);
    for (name, segments) in items {
        // As JSON: the name and its marks, and each number with a comma.
        let more = name.len() + 6 + 11 * segments.len();
        if bytes > 0 && bytes + more > most {
            pages.push(std::mem::take(&mut page));
            bytes = 0;
        }
        bytes += more;
        page.insert(name.clone(), segments.clone());
    }
    pages.push(page);
    pages
}

/// Adds items to others; of one that is among them already, all segments count.
pub(super) fn merge(into: &mut Segments, items: Segments) {
    for (name, segments) in items {
        let all = into.entry(name).or_default();
        all.extend(segments);
        all.sort_unstable();
        all.dedup();
    }
}

/// Puts sets into pages of at most so many bytes, or of one person.
pub(super) fn pages_of_sets(sets: Vec<WebSets>, most: usize) -> Vec<Content> {
    let (mut pages, mut page, mut bytes) = (Vec::new(), Vec::new(), 0);
    for one in sets {
        if bytes > 0 && bytes + one.bytes() > most {
            pages.push(Content::Sets(std::mem::take(&mut page)));
            bytes = 0;
        }
        bytes += one.bytes();
        page.push(one);
    }
    if !page.is_empty() {
        pages.push(Content::Sets(page));
    }
    pages
}

/// The beginning of the sort keys of a job's pages.
fn beside(tenant: &TenantId, id: &str) -> String {
    format!("{tenant}#{id}#")
}

/// The job's sort key and the page's own name in the sort key of a page; `None` if it is a job's.
fn split(sk: &str) -> Option<(&str, &str)> {
    sk.rsplit_once('#').filter(|(job, _)| job.contains('#'))
}

/// The epoch in the name of a page, and the rest of the name. Those of the first epoch name none.
fn epoch_of(name: &str) -> (u32, &str) {
    let named = name.split_once('.').and_then(|(epoch, rest)| Some((epoch.parse().ok()?, rest)));
    named.unwrap_or((0, name))
}

/// The page that an item of the partition is; `None` if it is a job.
pub(super) fn page(item: &Item) -> Option<Page<'_>> {
    let (job, name) = split(text(item, SK)?)?;
    let (epoch, name) = epoch_of(name);
    let held = match name.chars().next() {
        Some(OF_SETS) => Held::Job(Content::Sets(read(item).0)),
        Some(OF_SEARCH) => Held::Search(Box::new(read(item).0)),
        _ => Held::Job(Content::Items(read(item).0)),
    };
    Some(Page { job, epoch, name, held })
}

/// A page that no job names, if it is so old that none is about to.
pub(super) fn left(item: &Item, now: Timestamp) -> Option<LeftPage> {
    let sk = text(item, SK)?;
    let (job, _) = split(sk)?;
    let tenant = TenantId::parse(job.split_once('#')?.0).ok()?;
    let written = number(item, WRITTEN).or_else(|| number(item, SEARCHED)).map(Timestamp::from_millis);
    // Earlier releases did not note it: those are as old as the erasure.
    let of_erasure = || number(item, EXPIRES).map(|seconds: i64| Timestamp::from_millis(seconds * 1_000) - KEPT);
    let written = written.or_else(of_erasure)?;
    (written + LEFT_AFTER <= now).then(|| LeftPage { tenant, written, sk: sk.to_owned() })
}

impl Store {
    /// Writes pages beside a job. If the job is never written, the sweep deletes them.
    pub(super) async fn put_pages(&self, of: Of<'_>, pages: &[Content], now: Timestamp) -> Result<(), StoreError> {
        for page in pages {
            match page {
                Content::Items(items) if items.is_empty() => {}
                Content::Items(items) => {
                    self.put_page(of, "", items, now).await?;
                }
                Content::Sets(sets) => {
                    self.put_page(of, &OF_SETS.to_string(), sets, now).await?;
                }
            }
        }
        Ok(())
    }

    /// Writes a page of a search, and returns its name.
    pub(super) async fn put_findings(
        &self,
        of: Of<'_>,
        findings: &Findings,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        self.put_page(of, &OF_SEARCH.to_string(), findings, now).await
    }

    async fn put_page<C: Serialize + Sync>(
        &self,
        Of { tenant, id, at, epoch }: Of<'_>,
        kind: &str,
        content: &C,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let content = serde_json::to_string(content).map_err(|error| StoreError::corrupt(tenant.as_str(), error))?;
        let digest = Sha256::digest(content.as_bytes());
        let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let epoch = if epoch == 0 { String::new() } else { format!("{epoch}.") };
        let name = format!("{kind}{digest}");
        let mut item = item_key(JOBS, &format!("{}{epoch}{name}", beside(tenant, id)));
        item.insert(CONTENT.to_owned(), s(content));
        if kind.starts_with(OF_SEARCH) {
            item.insert(SEARCHED.to_owned(), n(now.millis()));
        } else {
            item.insert(WRITTEN.to_owned(), n(now.millis()));
            item.insert(EXPIRES.to_owned(), n((at + KEPT).seconds()));
        }
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
        let answer = put.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Erase, answer.consumed_capacity.as_slice());
        Ok(name)
    }

    /// Deletes the pages of a search that has ended.
    pub(super) async fn delete_findings(
        &self,
        tenant: &TenantId,
        id: &str,
        names: &BTreeSet<String>,
    ) -> Result<(), StoreError> {
        for name in names {
            self.delete(JOBS, &format!("{}{name}", beside(tenant, id))).await?;
        }
        Ok(())
    }

    /// The sort keys of the pages that a job of this epoch has now.
    pub(super) async fn pages_beside(
        &self,
        tenant: &TenantId,
        id: &str,
        epoch: u32,
    ) -> Result<Vec<String>, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :p)")
            .projection_expression("#sk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(JOBS))
            .expression_attribute_values(":p", s(beside(tenant, id)))
            .consistent_read(true);
        let found = self.query(query, Cause::Erase, usize::MAX).await?;
        let keys = found.iter().filter_map(|item| text(item, SK));
        let of_epoch = |sk: &&str| split(sk).is_some_and(|(_, name)| epoch_of(name).0 == epoch);
        Ok(keys.filter(of_epoch).map(str::to_owned).collect())
    }

    /// Deletes pages that no job names.
    ///
    /// # Errors
    /// If the table can't be written; the same call continues.
    pub async fn delete_left_pages(&self, left: &[LeftPage]) -> Result<(), StoreError> {
        for page in left {
            self.delete(JOBS, &page.sk).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_with_thousands_of_devices_fits_into_items() {
        let items: Segments = (0..50_000).map(|number| (format!("1{number:022}"), vec![u32::MAX; 3])).collect();
        let pages = pages(&items, PAGE_BYTES);
        let sizes: Vec<usize> =
            pages.iter().map(|page| serde_json::to_string(page).map_or(0, |text| text.len())).collect();
        assert!(sizes.len() > 5 && sizes.iter().all(|size| *size <= PAGE_BYTES + 2), "{sizes:?}");
        let mut all = Segments::new();
        pages.into_iter().for_each(|page| merge(&mut all, page));
        let once: Segments = items.keys().map(|name| (name.clone(), vec![u32::MAX])).collect();
        assert_eq!(all, once);
        merge(&mut all, Segments::from([(format!("1{:022}", 0), vec![7])]));
        assert_eq!(all.values().next(), Some(&vec![7, u32::MAX]));
    }
}
