//! What an erasure concerns, in pages of bounded size: an item takes no more than 400 kB, and one person may have had
//! thousands of devices.
//!
//! The first page goes into the job's own item, so that most jobs have one item. A further page is an item beside it, named
//! by its content, so that two writers never replace each other's. Pages are written before what makes them count, and
//! deleted before it goes.

use crate::content::{CONTENT, read};
use crate::erasure::Segments;
use crate::erasure::jobs::JOBS;
use crate::item::{EXPIRES, Item, item_key, n, s, text};
use crate::keys::{PK, SK};
use crate::{CAPACITY, Cause, Store, StoreError};
use sha2::{Digest as _, Sha256};
use vestibule_domain::plan::KEPT;
use vestibule_domain::{TenantId, Timestamp};

/// Bytes of one page, of tombstones or of a job.
pub(crate) const PAGE_BYTES: usize = 300_000;

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

/// The beginning of the sort keys of a job's pages.
fn beside(tenant: &TenantId, id: &str) -> String {
    format!("{tenant}#{id}#")
}

/// The sort key of the job that an item of the partition is a page of, and what the page has; `None` if it is a job.
pub(super) fn page(item: &Item) -> Option<(&str, Segments)> {
    let (job, _) = text(item, SK)?.rsplit_once('#').filter(|(job, _)| job.contains('#'))?;
    Some((job, read(item).0))
}

impl Store {
    /// Writes pages beside a job. If the job is never written, they end when the tombstones do.
    pub(super) async fn put_pages(
        &self,
        tenant: &TenantId,
        (id, at): (&str, Timestamp),
        pages: &[Segments],
    ) -> Result<(), StoreError> {
        for page in pages.iter().filter(|page| !page.is_empty()) {
            let content = serde_json::to_string(page).map_err(|error| StoreError::corrupt(tenant.as_str(), error))?;
            let digest = Sha256::digest(content.as_bytes());
            let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            let mut item = item_key(JOBS, &format!("{}{name}", beside(tenant, id)));
            item.insert(CONTENT.to_owned(), s(content));
            item.insert(EXPIRES.to_owned(), n((at + KEPT).seconds()));
            let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
            let answer = put.return_consumed_capacity(CAPACITY).send().await?;
            self.meter.wrote(Cause::Erase, answer.consumed_capacity.as_slice());
        }
        Ok(())
    }

    /// Deletes a job's pages.
    pub(super) async fn delete_pages(&self, tenant: &TenantId, id: &str) -> Result<(), StoreError> {
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
        for item in self.query(query, Cause::Erase, usize::MAX).await? {
            if let Some(sk) = text(&item, SK) {
                self.delete(JOBS, sk).await?;
            }
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
