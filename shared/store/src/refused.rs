//! Merges that were refused: two devices with different serial numbers that share another identifier.
//!
//! Senders cause them (a cloned disk's MDM id, a placeholder that is in no list), and only an operator can repair that.
//! So each is recorded once for the operator, and time-to-live deletes it.

use crate::item::{EXPIRES, Item, item_key, n, number, s, text};
use crate::keys::{ItemKey, SK, tenant_pk};
use crate::{CAPACITY, Cause, Store, StoreError};
use vestibule_domain::{Millis, TenantId, Timestamp};

pub(crate) const REFUSED: &str = "refused#";
const ONE: &str = "one";
const OTHER: &str = "two";
const AT: &str = "at";
/// How long a record stays.
const KEPT_FOR: Millis = Millis::from_days(35);

/// A merge that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedMerge {
    /// The enrollment that the events went to; `None` if it did not exist yet.
    pub kept: Option<ItemKey>,
    /// The enrollment of another serial number that one of their identifiers leads to.
    pub other: ItemKey,
    /// When it was last refused.
    pub at: Timestamp,
}

impl Store {
    /// Records that a merge was refused.
    pub(crate) async fn refuse_merge(
        &self,
        tenant: &TenantId,
        kept: Option<&ItemKey>,
        other: &ItemKey,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let kept_name = kept.map_or("-", ItemKey::as_str);
        tracing::warn!(
            %tenant, kept = kept_name, %other,
            "two devices with different serial numbers share an identifier and are not merged"
        );
        let mut item: Item = item_key(&tenant_pk(tenant), &format!("{REFUSED}{other}#{kept_name}"));
        item.insert(OTHER.to_owned(), s(other.as_str()));
        item.extend(kept.map(|kept| (ONE.to_owned(), s(kept.as_str()))));
        item.insert(AT.to_owned(), n(now.millis()));
        item.insert(EXPIRES.to_owned(), n((now + KEPT_FOR).seconds()));
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
        let answer = put.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Merge, answer.consumed_capacity.as_slice());
        Ok(())
    }

    /// A tenant's refused merges of the last weeks, at most `most`.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn refused_merges(&self, tenant: &TenantId, most: usize) -> Result<Vec<RefusedMerge>, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :r)")
            .expression_attribute_names("#pk", crate::keys::PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(tenant_pk(tenant)))
            .expression_attribute_values(":r", s(REFUSED));
        let items = self.query(query, Cause::Tenant, most).await?;
        let read = |item: &Item| {
            Some(RefusedMerge {
                kept: text(item, ONE).and_then(ItemKey::parse),
                other: ItemKey::parse(text(item, OTHER)?)?,
                at: Timestamp::from_millis(number(item, AT)?),
            })
        };
        Ok(items.iter().take(most).filter_map(read).collect())
    }
}
