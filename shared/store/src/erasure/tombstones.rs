//! Tombstones: keyed hashes of the names that were erased, each with the instant before which everything is refused.
//!
//! A person's are in items of bounded size, since an item takes no more than 400 kB. Writers read all of them by one
//! query when the count of erasures in the tenant's item has changed, and remember them until it changes again.
//!
//! Must stay true: without the tenant's random key nobody can tell whom a tombstone is of, and it ends by itself when
//! everything before it is older than the longest retention.

use crate::erasure::mentions::addresses;
use crate::item::{DATA, EXPIRES, Item, item_key, n, number, s};
use crate::keys::{PK, SK, tenant_pk};
use crate::tenants::{ERASURES, TENANT};
use crate::{CAPACITY, Cause, Secret, Store, StoreError};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use vestibule_domain::about::About;
use vestibule_domain::erasure::{Erases, deciding, user_name};
use vestibule_domain::plan::KEPT;
use vestibule_domain::web_enrollment::SignIn;
use vestibule_domain::{Event, Identifier, TenantId, TenantSettings, Timestamp};

/// The sort key's prefix.
const TOMBSTONE: &str = "gone#";
const AT: &str = "at";
/// Bytes of a hash.
const BYTES: usize = 16;
/// The most tenants whose tombstones a process remembers; beyond that it starts over.
const MOST_REMEMBERED: usize = 1_000;

/// A keyed hash of a name.
pub(super) type Hash = [u8; BYTES];

/// What is erased of a tenant.
#[derive(Clone, Debug)]
pub struct Tombstones {
    tenant: TenantId,
    key: Secret,
    until: HashMap<Hash, Timestamp>,
}

/// Tombstones, and the number of erasures as of which they are.
type Counted = (u64, Arc<Tombstones>);

/// Those that a process has read, each with the count of erasures that it is good for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(Arc<Mutex<HashMap<TenantId, Counted>>>);

impl Held {
    /// Forgets those of a tenant that is removed.
    pub(super) fn forget(&self, tenant: &TenantId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant);
    }
}

impl Tombstones {
    pub(super) fn none(tenant: &TenantId, key: Secret) -> Self {
        Self { tenant: tenant.clone(), key, until: HashMap::new() }
    }

    /// Adds those of names and identifiers that were hashed with the same key, as of `at`.
    pub(super) fn add(&mut self, hashes: impl IntoIterator<Item = Hash>, at: Timestamp) {
        self.until.extend(hashes.into_iter().map(|hash| (hash, at)));
    }

    /// Whether there is one of this name or identifier.
    pub(super) fn has(&self, hash: &Hash) -> bool {
        self.until.contains_key(hash)
    }

    fn hash(&self, kind: &str, value: &str) -> Hash {
        // HMAC takes keys of any length; the error is a leftover of a trait for ciphers too.
        let digest: [u8; 32] = Hmac::<Sha256>::new_from_slice(self.key.expose().as_bytes())
            .map(|mut mac| {
                for part in ["erased", self.tenant.as_str(), kind, value] {
                    mac.update(&(part.len() as u64).to_be_bytes());
                    mac.update(part.as_bytes());
                }
                mac.finalize().into_bytes().into()
            })
            .unwrap_or_default();
        let mut hash = [0; BYTES];
        hash.copy_from_slice(&digest[..BYTES]);
        hash
    }

    pub(super) fn of_user(&self, name: &str) -> Hash {
        self.hash("user", &user_name(name))
    }

    pub(super) fn of_device(&self, identifier: &Identifier) -> Hash {
        self.hash(&format!("device {}", identifier.kind as u8), &identifier.value)
    }

    /// Whether an event happened before its person or device was erased.
    pub fn refuses(&self, event: &Event) -> bool {
        let devices = deciding(event.about.identifiers()).filter_map(|identifier| self.device(&identifier));
        let until = devices.chain(self.user(&event.about)).chain(self.mentioned(event)).max();
        until.is_some_and(|until| event.placed() < until)
    }

    /// Whether a device's key, as it was published of something that began at `began`, is that of an erased device.
    pub fn names(&self, enrollment_key: &str, began: Timestamp) -> bool {
        Identifier::candidates(enrollment_key).filter_map(|one| self.device(&one)).any(|until| began < until)
    }

    fn refuses_sign_in(&self, sign_in: &SignIn) -> bool {
        self.until.get(&self.of_user(&sign_in.user_id)).is_some_and(|until| sign_in.at < *until)
    }
}

impl Erases for Tombstones {
    fn device(&self, identifier: &Identifier) -> Option<Timestamp> {
        self.until.get(&self.of_device(identifier)).copied()
    }

    fn user(&self, about: &About) -> Option<Timestamp> {
        about.user_names().filter_map(|name| self.until.get(&self.of_user(&name)).copied()).max()
    }

    fn mentioned(&self, event: &Event) -> Option<Timestamp> {
        addresses(event).iter().filter_map(|address| self.until.get(&self.of_user(address)).copied()).max()
    }
}

impl Store {
    /// The tenant's tombstones; `None` if nothing was ever erased, which costs nothing. `settings` must be the
    /// tenant's, as they were read with it.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn tombstones(
        &self,
        tenant: &TenantId,
        settings: &TenantSettings,
    ) -> Result<Option<Arc<Tombstones>>, StoreError> {
        if settings.erasures == 0 {
            return Ok(None);
        }
        let held = self.tombstones.0.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned();
        if let Some((_, tombstones)) = held.filter(|(count, _)| *count == settings.erasures) {
            return Ok(Some(tombstones));
        }
        // A tenant that was removed and added again has another key, so none that is remembered will do.
        let Some(key) = self.people_key(tenant).await? else { return Ok(None) };
        let mut read = Tombstones::none(tenant, key);
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :t)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(tenant_pk(tenant)))
            .expression_attribute_values(":t", s(TOMBSTONE))
            .consistent_read(true);
        for item in self.query(query, Cause::Erase, usize::MAX).await? {
            let Some(at) = number(&item, AT).map(Timestamp::from_millis) else { continue };
            let hashes: &[u8] = item.get(DATA).and_then(|data| data.as_b().ok()).map(AsRef::as_ref).unwrap_or_default();
            for hash in hashes.as_chunks::<BYTES>().0 {
                let until = read.until.entry(*hash).or_insert(at);
                *until = at.max(*until);
            }
        }
        let read = Arc::new(read);
        let mut held = self.tombstones.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MOST_REMEMBERED {
            held.clear();
        }
        held.insert(tenant.clone(), (settings.erasures, Arc::clone(&read)));
        Ok(Some(read))
    }

    /// Which of these sign-ins happened before their person was erased. What this process remembers of sets from before
    /// an erasure that it learns of now, it forgets: the sets of who was erased are no more.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn refused_sign_ins<'s>(
        &self,
        tenant: &TenantId,
        settings: &TenantSettings,
        sign_ins: impl IntoIterator<Item = &'s SignIn>,
    ) -> Result<Vec<bool>, StoreError> {
        let tombstones = self.tombstones(tenant, settings).await?;
        self.web_enrollment.as_of(tenant, settings.erasures);
        let refuses = |sign_in| tombstones.as_ref().is_some_and(|tombstones| tombstones.refuses_sign_in(sign_in));
        Ok(sign_ins.into_iter().map(refuses).collect())
    }

    /// Writes tombstones, in pages, and counts the erasure in the tenant's item, by which writers learn of it.
    pub(super) async fn put_tombstones(
        &self,
        tenant: &TenantId,
        id: &str,
        tombstones: &Tombstones,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut hashes: Vec<Hash> = tombstones.until.keys().copied().collect();
        // Two runners may write them, and each page must have the same whoever writes it.
        hashes.sort_unstable();
        for (page, hashes) in hashes.chunks((self.erasure_page / BYTES).max(1)).enumerate() {
            let mut item: Item = item_key(&tenant_pk(tenant), &format!("{TOMBSTONE}{id}#{page}"));
            item.insert(DATA.to_owned(), AttributeValue::B(Blob::new(hashes.concat())));
            item.insert(AT.to_owned(), n(at.millis()));
            item.insert(EXPIRES.to_owned(), n((at + KEPT).seconds()));
            let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
            let answer = put.return_consumed_capacity(CAPACITY).send().await?;
            self.meter.wrote(Cause::Erase, answer.consumed_capacity.as_slice());
        }
        let update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(item_key(&tenant_pk(tenant), TENANT)))
            // The first count is an instant, so that no count recurs if the tenant is removed and added again.
            .update_expression("SET #er = if_not_exists(#er, :at) + :one")
            // This must not create a tenant that does not exist.
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#er", ERASURES)
            .expression_attribute_values(":at", n(at.millis()))
            .expression_attribute_values(":one", n(1));
        let updated = update.return_consumed_capacity(CAPACITY).send().await;
        // Also after an error: its answer may have been lost.
        self.notice.raise();
        self.meter.wrote(Cause::Erase, updated?.consumed_capacity.as_slice());
        Ok(())
    }
}
