//! A tenant's Enrollment Status Page profiles: one item for the whole list, since it has one order, and one item for
//! each version of each profile, since a session keeps the version that was fixed for it.
//!
//! Must stay true: the list is replaced only on condition of its version, together with its new versions of profiles.
//! So priorities stay 1 to n with concurrent writers, and a version that a session names exists.

use crate::item::{DATA, Item, VERSION, item_key, n, number};
use crate::keys::{PK, tenant_pk};
use crate::lost::There;
use crate::{CAPACITY, Cause, Store, StoreError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use vestibule_domain::TenantId;
use vestibule_domain::esp::profile::EspProfile;
use vestibule_domain::esp::profiles::Profiles;

/// Sort key of the list.
const LIST: &str = "p";
/// Tries before the list counts as too busy: the writers of a tenant's profiles are people.
const MOST_TRIES: u32 = 60;
/// An item takes 400 KB; the rest is for its key and what the engine also counts.
const MOST_BYTES: usize = 380 << 10;
/// Nothing we write inflates to more.
const MAX_INFLATED: usize = 64 << 20;
/// A higher level costs more time than the bytes it saves are worth.
const LEVEL: u8 = 6;

impl Store {
    /// A tenant's current profiles; the initial ones if nobody has changed them.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn profiles(&self, tenant: &TenantId) -> Result<Profiles, StoreError> {
        let Some(item) = self.get_profile_item(tenant, LIST).await? else { return Ok(Profiles::default()) };
        let mut profiles: Profiles = unpack(tenant, &item)?;
        profiles.version = number(&item, VERSION).unwrap_or(0);
        Ok(profiles)
    }

    /// A profile at `version`, without its assignments; `None` if it never had that version.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn profile_version(
        &self,
        tenant: &TenantId,
        id: &str,
        version: u32,
    ) -> Result<Option<EspProfile>, StoreError> {
        match self.get_profile_item(tenant, &version_key(id, version)).await? {
            Some(item) => unpack(tenant, &item).map(Some),
            // The initial default was never written.
            None => Ok(Some(Profiles::default().fallback().clone()).filter(|first| first.id == id && version <= 1)),
        }
    }

    /// Changes a tenant's profiles. If another writer changed them meanwhile, `change` is called again with what that
    /// writer left.
    ///
    /// # Errors
    /// What `change` returns; [`StoreError::Busy`] if other writers were quicker again and again;
    /// [`StoreError::TooLarge`] if the profiles together outgrow an item; otherwise the table's error.
    pub async fn change_profiles<T, E: From<StoreError>>(
        &self,
        tenant: &TenantId,
        mut change: impl FnMut(&mut Profiles) -> Result<T, E>,
    ) -> Result<(T, Profiles), E> {
        for attempt in 0..MOST_TRIES {
            if attempt > 0 {
                self.pause(attempt).await;
            }
            let before = self.profiles(tenant).await?;
            let mut profiles = before.clone();
            let answer = change(&mut profiles)?;
            if profiles == before {
                return Ok((answer, profiles));
            }
            profiles.version = before.version + 1;
            match self.put_profiles(tenant, &before, &profiles).await {
                Err(StoreError::Conflict) => {}
                written => return written.map(|()| (answer, profiles)).map_err(E::from),
            }
        }
        Err(StoreError::Busy.into())
    }

    async fn put_profiles(&self, tenant: &TenantId, before: &Profiles, after: &Profiles) -> Result<(), StoreError> {
        let refused = |error: aws_sdk_dynamodb::error::BuildError| StoreError::Refused(error.to_string());
        let mut list = pack(tenant, LIST, after)?;
        list.insert(VERSION.to_owned(), n(after.version));
        let put = Put::builder().table_name(&*self.table).set_item(Some(list.clone()));
        let put = match before.version {
            0 => put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", PK),
            version => put
                .condition_expression("#v = :v")
                .expression_attribute_names("#v", VERSION)
                .expression_attribute_values(":v", n(version)),
        };
        let mut writes = vec![TransactWriteItem::builder().put(put.build().map_err(refused)?).build()];
        for (_, profile) in after.iter() {
            let known = before.get(&profile.id).is_some_and(|(_, known)| known.version == profile.version);
            if !known {
                let version = EspProfile { assignments: Vec::new(), ..profile.clone() };
                let item = pack(tenant, &version_key(&profile.id, profile.version), &version)?;
                let put = Put::builder().table_name(&*self.table).set_item(Some(item)).build().map_err(refused)?;
                writes.push(TransactWriteItem::builder().put(put).build());
            }
        }
        let transact = self.client.transact_write_items().set_transact_items(Some(writes));
        match transact.return_consumed_capacity(CAPACITY).send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Tenant, answer.consumed_capacity());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(_)) => {
                    match self.what_is_there(&list, Cause::Tenant).await? {
                        There::Same => Ok(()),
                        There::Other | There::Nothing => Err(StoreError::Conflict),
                    }
                }
                // Also if this write is still under way from an earlier try: its result is not known yet, and the
                // change must not be made a second time on top of it.
                _ => Err(error.into()),
            },
        }
    }

    async fn get_profile_item(&self, tenant: &TenantId, sk: &str) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(&*self.table);
        let get = get.set_key(Some(item_key(&tenant_pk(tenant), sk))).consistent_read(true);
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(Cause::Tenant, answer.consumed_capacity.as_slice());
        Ok(answer.item)
    }
}

fn version_key(id: &str, version: u32) -> String {
    format!("{LIST}#{id}#{version}")
}

fn pack(tenant: &TenantId, sk: &str, content: &impl Serialize) -> Result<Item, StoreError> {
    let json = serde_json::to_vec(content).map_err(|error| StoreError::corrupt(tenant.as_str(), error))?;
    let bytes = miniz_oxide::deflate::compress_to_vec(&json, LEVEL);
    if bytes.len() > MOST_BYTES {
        return Err(StoreError::TooLarge);
    }
    let mut item = item_key(&tenant_pk(tenant), sk);
    item.insert(DATA.to_owned(), AttributeValue::B(Blob::new(bytes)));
    Ok(item)
}

fn unpack<T: DeserializeOwned>(tenant: &TenantId, item: &Item) -> Result<T, StoreError> {
    let corrupt = |problem: &str| StoreError::corrupt(tenant.as_str(), format!("profiles: {problem}"));
    let data = item.get(DATA).and_then(|data| data.as_b().ok()).ok_or_else(|| corrupt("no content"))?;
    let json = miniz_oxide::inflate::decompress_to_vec_with_limit(data.as_ref(), MAX_INFLATED)
        .map_err(|_| corrupt("does not inflate"))?;
    // The error's text may contain what is stored.
    serde_json::from_slice(&json).map_err(|error| corrupt(&format!("column {}", error.column())))
}
