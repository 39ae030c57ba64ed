//! The names of a tenant's apps: one item for all of them, deflated.
//!
//! Must stay true: the item is bounded, however many apps a directory has. Losing it only costs names.

use crate::item::{DATA, Item, item_key};
use crate::keys::tenant_pk;
use crate::{CAPACITY, Cause, Store, StoreError};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use vestibule_domain::TenantId;
use vestibule_domain::esp::AppNames;

/// Sort key.
const NAMES: &str = "apps";
/// The largest item, some 6 000 names: reading it is charged by its size whenever a file is made or refreshed.
const MOST_BYTES: usize = 200 << 10;
/// Nothing we write inflates to more.
const MAX_INFLATED: usize = 32 << 20;
/// A higher level costs more time than the bytes it saves are worth.
const LEVEL: u8 = 6;

impl Store {
    /// The names of a tenant's apps; empty if none were ever read, or the item can't be read.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn app_names(&self, tenant: &TenantId) -> Result<AppNames, StoreError> {
        let bytes = self.app_names_there(tenant, Cause::Tenant).await?;
        Ok(bytes.as_deref().map(unpack).unwrap_or_default())
    }

    /// Replaces the names; if nothing changed, it writes nothing. Returns how many names there was room for; those
    /// after them, in the order of their ids, are left out.
    ///
    /// # Errors
    /// If the table can't be read or written.
    pub async fn put_app_names(&self, tenant: &TenantId, names: &AppNames) -> Result<usize, StoreError> {
        let (bytes, kept) = pack(names).map_err(|error| StoreError::corrupt(tenant.as_str(), error))?;
        if self.app_names_there(tenant, Cause::Pull).await?.as_deref() == Some(bytes.as_slice()) {
            return Ok(kept);
        }
        let mut item = key(tenant);
        item.insert(DATA.to_owned(), AttributeValue::B(Blob::new(bytes)));
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
        let answer = put.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Pull, answer.consumed_capacity.as_slice());
        Ok(kept)
    }

    async fn app_names_there(&self, tenant: &TenantId, cause: Cause) -> Result<Option<Vec<u8>>, StoreError> {
        let get = self.client.get_item().table_name(&*self.table).set_key(Some(key(tenant)));
        let answer = get.consistent_read(self.consistent).return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(cause, answer.consumed_capacity.as_slice());
        let data = answer.item.and_then(|mut item| item.remove(DATA));
        Ok(data.and_then(|data| data.as_b().ok().map(|bytes| bytes.as_ref().to_vec())))
    }
}

fn key(tenant: &TenantId) -> Item {
    item_key(&tenant_pk(tenant), NAMES)
}

/// As many names as there is room for, and their number.
fn pack(names: &AppNames) -> Result<(Vec<u8>, usize), serde_json::Error> {
    let mut names = names.clone();
    loop {
        let bytes = miniz_oxide::deflate::compress_to_vec(&serde_json::to_vec(&names)?, LEVEL);
        if bytes.len() <= MOST_BYTES {
            return Ok((bytes, names.len()));
        }
        // One pass is enough if names have about the same length.
        names.truncate(names.len() * MOST_BYTES / bytes.len() * 19 / 20);
    }
}

fn unpack(bytes: &[u8]) -> AppNames {
    let inflated = miniz_oxide::inflate::decompress_to_vec_with_limit(bytes, MAX_INFLATED).ok();
    inflated.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_else(|| {
        tracing::warn!("the names of apps can't be read; there are none until they are pulled again");
        AppNames::default()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use sha2::{Digest as _, Sha256};

    fn names(count: u32) -> AppNames {
        let mut names = AppNames::default();
        for number in 0..count {
            let hash: String =
                Sha256::digest(number.to_be_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            names.insert(&hash, &format!("Contoso Suite {} {number}", &hash[..5]));
        }
        names
    }

    #[test]
    fn names_come_back_and_those_without_room_are_counted() {
        let some = names(5_000);
        let (bytes, kept) = pack(&some).unwrap();
        assert_eq!((kept, unpack(&bytes)), (5_000, some));
        let (bytes, kept) = pack(&names(20_000)).unwrap();
        assert!(bytes.len() <= MOST_BYTES && (5_000..20_000).contains(&kept), "{kept} in {}", bytes.len());
        assert_eq!(unpack(&bytes).len(), kept);
        assert_eq!(unpack(b"nonsense"), AppNames::default());
    }
}
