//! What is secret of a tenant and must be known as it is: sealed before it is written, and opened after it was read.
//!
//! A store has a [`Vault`] where a deployment has a key for it. Each kind of secret is sealed by itself, and bound to its
//! tenant and its item, so that whoever may open one kind can't open another, and no sealed text can be moved elsewhere.
//!
//! Must stay true: where the secrets of a tenant's senders are sealed, nobody writes a secret of it in clear, but for a key of
//! pseudonyms that lies there in clear and stays as it is; whoever needs a sealed secret and can't open it gets an error, never
//! a tenant without secrets. Where earlier programs may run, which know of no
//! seals ([`StoredFormat::First`]), everything is written in clear.

use crate::item::{Item, item_key, s, text};
use crate::keys::{PK, SK};
use crate::{CAPACITY, Cause, Consistency, Sealing, Store, StoreError};
use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use std::fmt;
use std::sync::Arc;
use vestibule_domain::{StoredFormat, TenantId};

/// The attribute of a sealed secret. Programs that know of no seals find no secret there, and no text to take for one.
pub(crate) const SEALED: &str = "sl";
/// The attribute of a secret in clear.
const CLEAR: &str = crate::content::CONTENT;
/// Tries to seal a secret that somebody changes meanwhile.
const TRIES: u32 = 20;

/// A kind of secrets. Other functions need each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretKind {
    /// What a tenant's senders sign with or present: for the webhooks, and whoever changes them.
    Senders,
    /// What channels of messages are reached by: for whoever sends messages.
    Messages,
    /// The keys of links that mute messages: for who makes such links, and who takes them.
    Mutes,
    /// The secrets of app registrations: for whoever reads directories.
    Directories,
    /// The keys of pseudonyms: for whoever writes them into files, or has to know who was erased.
    People,
}

impl SecretKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Senders, Self::Messages, Self::Mutes, Self::Directories, Self::People];

    /// Its name, by which permissions name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Senders => "senders",
            Self::Messages => "messages",
            Self::Mutes => "mutes",
            Self::Directories => "directories",
            Self::People => "people",
        }
    }
}

/// What a sealed text is bound to.
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a> {
    /// Whose it is.
    pub tenant: &'a TenantId,
    /// What it is.
    pub kind: SecretKind,
    /// The item's sort key.
    pub item: &'a str,
}

/// What seals and opens secrets.
#[async_trait]
pub trait Vault: fmt::Debug + Send + Sync {
    /// Whether it can seal. Whoever was given no key can open what is sealed, but not seal anything.
    fn can_seal(&self) -> bool;

    /// Seals a text under a new key.
    ///
    /// # Errors
    /// If it can't.
    async fn seal(&self, bound: Bound<'_>, clear: &str) -> Result<String, StoreError>;

    /// Opens what was sealed.
    ///
    /// # Errors
    /// If it may not, can't at the moment, or the text is not one that was sealed for this.
    async fn open(&self, bound: Bound<'_>, sealed: &str) -> Result<String, StoreError>;
}

/// How a store treats what is sealed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sealer {
    vault: Option<Arc<dyn Vault>>,
    leaves_senders: bool,
    leaves_people: bool,
}

impl Sealer {
    /// Whether what is written of a tenant is sealed: always where it is already, and else where it can be.
    ///
    /// # Errors
    /// If it must be and can't.
    pub(crate) fn seals(
        &self,
        tenant: &TenantId,
        is_sealed: bool,
        format: StoredFormat,
    ) -> Result<Option<&dyn Vault>, StoreError> {
        let vault = self.vault.as_deref().filter(|vault| vault.can_seal());
        match vault {
            Some(vault) if is_sealed || format >= StoredFormat::Second => Ok(Some(vault)),
            None if is_sealed => Err(no_key(tenant)),
            _ => Ok(None),
        }
    }

    pub(crate) async fn open(&self, bound: Bound<'_>, sealed: &str) -> Result<String, StoreError> {
        match &self.vault {
            Some(vault) => vault.open(bound, sealed).await,
            None => Err(no_key(bound.tenant)),
        }
    }

    pub(crate) const fn leaves_senders(&self) -> bool {
        self.leaves_senders
    }

    pub(crate) const fn leaves_people(&self) -> bool {
        self.leaves_people
    }
}

fn no_key(tenant: &TenantId) -> StoreError {
    StoreError::Sealed(tenant.as_str().to_owned())
}

/// The partition and the sort key of an item.
fn key_of(item: &Item) -> (&str, &str) {
    (text(item, PK).unwrap_or_default(), text(item, SK).unwrap_or_default())
}

impl Store {
    /// The same with what seals and opens secrets.
    #[must_use]
    pub fn with_vault(mut self, vault: Arc<dyn Vault>) -> Self {
        self.sealer.vault = Some(vault);
        self
    }

    /// The same for whoever has no use for the secrets of senders: where they are sealed, it reads tenants without them.
    #[must_use]
    pub const fn leaving_senders_sealed(mut self) -> Self {
        self.sealer.leaves_senders = true;
        self
    }

    /// The same for whoever writes no pseudonyms: where their key is sealed, it reads tenants without it.
    #[must_use]
    pub const fn leaving_people_sealed(mut self) -> Self {
        self.sealer.leaves_people = true;
        self
    }

    /// Puts a secret into its item, sealed or in clear, as it must be for this tenant.
    pub(crate) async fn put_secret(
        &self,
        item: &mut Item,
        (tenant, kind): (&TenantId, SecretKind),
        clear: &str,
    ) -> Result<(), StoreError> {
        let owner = self.read_tenant(tenant, Consistency::Strong).await?;
        let (is_sealed, format) =
            owner.map_or((false, StoredFormat::OLDEST), |owner| (owner.sealing.is_sealed(), owner.settings.format));
        let (_, sk) = key_of(item);
        let (attribute, written) = match self.sealer.seals(tenant, is_sealed, format)? {
            Some(vault) => (SEALED, vault.seal(Bound { tenant, kind, item: sk }, clear).await?),
            None => (CLEAR, clear.to_owned()),
        };
        item.insert(attribute.to_owned(), s(written));
        Ok(())
    }

    /// The secret of an item, however it is written.
    pub(crate) async fn secret_in(
        &self,
        item: &Item,
        (tenant, kind): (&TenantId, SecretKind),
    ) -> Result<Option<String>, StoreError> {
        let Some(sealed) = text(item, SEALED) else { return Ok(text(item, CLEAR).map(str::to_owned)) };
        let (_, sk) = key_of(item);
        self.sealer.open(Bound { tenant, kind, item: sk }, sealed).await.map(Some)
    }

    /// Seals all secrets of a tenant, each under a new key, whether they were sealed before or not; returns how many items
    /// have some.
    ///
    /// # Errors
    /// [`StoreError::Older`] if programs may run that know of no seals; [`StoreError::Sealed`] without a key;
    /// [`StoreError::Busy`] if somebody changes them all the time; if the table can't be read or written.
    pub async fn seal_secrets(&self, id: &TenantId) -> Result<usize, StoreError> {
        for attempt in 0..TRIES {
            if attempt > 0 {
                self.pause(attempt).await;
            }
            let Some(mut tenant) = self.tenant(id).await? else { return Ok(0) };
            let (needed, in_force) = (StoredFormat::Second, tenant.settings.format);
            if in_force < needed {
                return Err(StoreError::Older { what: "sealed secrets", needed, in_force });
            }
            self.sealer.seals(id, true, in_force)?;
            self.open_people(id, &mut tenant).await?;
            // As if it had never been sealed.
            tenant.sealing = Sealing::anew();
            match self.update_tenant(&mut tenant).await {
                Ok(()) => return Ok(1 + self.seal_items(id).await?),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Busy)
    }

    /// Those that have items of their own.
    async fn seal_items(&self, id: &TenantId) -> Result<usize, StoreError> {
        let mut sealed = 0;
        for (key, kind) in self.secret_items(id).await? {
            for attempt in 0..=TRIES {
                if attempt == TRIES {
                    return Err(StoreError::Busy);
                }
                if attempt > 0 {
                    self.pause(attempt).await;
                }
                if let Some(was_there) = self.seal_item(id, &key, kind).await? {
                    sealed += usize::from(was_there);
                    break;
                }
            }
        }
        Ok(sealed)
    }

    /// Seals one; `None` if somebody changed it meanwhile, and `false` if there is none.
    async fn seal_item(&self, id: &TenantId, key: &Item, kind: SecretKind) -> Result<Option<bool>, StoreError> {
        let get = self.client.get_item().table_name(&*self.table).set_key(Some(key.clone())).consistent_read(true);
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(Cause::Tenant, answer.consumed_capacity.as_slice());
        let Some(before) = answer.item else { return Ok(Some(false)) };
        let Some(clear) = self.secret_in(&before, (id, kind)).await? else { return Ok(Some(false)) };
        let mut item = before.clone();
        item.remove(CLEAR);
        self.put_secret(&mut item, (id, kind), &clear).await?;
        let attribute = if before.contains_key(SEALED) { SEALED } else { CLEAR };
        let put = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item))
            .condition_expression("#was = :was")
            .expression_attribute_names("#was", attribute)
            .expression_attribute_values(":was", s(text(&before, attribute).unwrap_or_default()))
            .return_consumed_capacity(CAPACITY);
        match put.send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Tenant, answer.consumed_capacity.as_slice());
                Ok(Some(true))
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(None),
                _ => Err(error.into()),
            },
        }
    }

    /// The keys of the items that have a secret of a tenant, but its own.
    async fn secret_items(&self, id: &TenantId) -> Result<Vec<(Item, SecretKind)>, StoreError> {
        let channels = self.channel_key_items(id).await?.into_iter().map(|key| (key, SecretKind::Messages));
        let others = [
            (crate::notices::mute_key_item(id), SecretKind::Mutes),
            (crate::pulls::secret_key(id), SecretKind::Directories),
        ];
        Ok(channels.chain(others).collect())
    }
}

/// The key of an item that a query found.
pub(crate) fn only_key(item: &Item) -> Item {
    let (pk, sk) = key_of(item);
    item_key(pk, sk)
}
