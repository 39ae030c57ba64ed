//! Tenants: settings, secrets and tokens, one item for each, and a directory of their names.

mod sealing;
mod stored;

pub use sealing::Sealing;

use self::stored::StoredTenant;
use crate::formats;
use crate::item::{Item, item_key, n, number, s, text};
use crate::keys::{PK, SK, tenant_pk};
use crate::lost::There;
use crate::{CAPACITY, Cause, Consistency, Feed, Store, StoreError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use vestibule_domain::{Reports, StoredFormat, TagKeys, TenantId, TenantSettings, Timestamp};

/// Tries of a change before the tenant counts as too busy. One of all writers at a time succeeds, and so many people do
/// not change a tenant at once.
const MOST_TRIES: u32 = 60;
/// Sort key of a tenant's item.
pub(crate) const TENANT: &str = "t";
pub(crate) const DIRECTORY: &str = "tenants";
pub(crate) const VERSION: &str = "v";
pub(crate) const CONTENT: &str = "c";

/// On a tenant's item: a number that changes with each erasure. A change of the tenant does not write it.
pub(crate) const ERASURES: &str = "er";

/// On a tenant's item: the number of the format in which its items are written; absent for the first. A change of the
/// tenant does not write it.
pub(crate) const FORMAT: &str = "fm";

/// Changes a tenant's item. The item is not replaced whole: that would lose a feed that was requested meanwhile.
pub(crate) const CHANGE: &str = "SET #v = :v, #c = :c";
/// Whether nobody changed it since it was read.
pub(crate) const UNCHANGED: &str = "#v = :before";

/// One organisation. It can't be serialised, since its secrets are in it; `stored` has the form of its item.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// When it was added.
    pub created_at: Timestamp,
    /// What it chose.
    pub settings: TenantSettings,
    /// The secrets that its senders sign with, newest first; several while one is being replaced.
    pub webhook_secrets: Vec<Secret>,
    /// The secrets that its other senders present, newest first.
    pub sources: Vec<SourceSecret>,
    /// Its settings of its senders, by the name of the source.
    pub source_settings: BTreeMap<String, SourceSettings>,
    /// Its API tokens.
    pub tokens: Vec<ApiToken>,
    /// Codes that nobody has signed in with yet.
    pub sign_in_codes: Vec<SignInCode>,
    /// The key of its pseudonyms.
    pub pseudonym_key: PseudonymKey,
    /// The settings under which its enrollments were folded before.
    pub settings_history: SettingsHistory,
    /// The item's version, for conditional changes.
    pub version: u64,
    /// Its change feed, if it has one. A change of the tenant does not write it.
    pub feed: Option<Feed>,
    /// How what is secret of it is written.
    pub sealing: Sealing,
}

/// Earlier settings that gave other attempts than the present ones. An item records the version under which it was last
/// folded; what was published of it followed from that version.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SettingsHistory {
    /// The version of the present settings.
    version: u32,
    /// Earlier ones, oldest first, each with its version.
    earlier: Vec<(u32, TenantSettings)>,
    /// The present settings as the table has them, to see whether a writer changed them.
    #[serde(skip)]
    as_read: Option<Box<TenantSettings>>,
}

/// The most earlier settings kept. Every change folds all items again, and a stream record is read within a day, so no
/// item under older settings is met; if one is, the oldest kept settings are used.
const MOST_EARLIER: usize = 50;

/// The settings as read are a note for writers, not part of the tenant.
impl PartialEq for SettingsHistory {
    fn eq(&self, other: &Self) -> bool {
        (self.version, &self.earlier) == (other.version, &other.earlier)
    }
}

impl SettingsHistory {
    fn is_empty(&self) -> bool {
        self.version == 0
    }
}

/// Something that must not be shown. No type that has one can derive `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// The key of a tenant's pseudonyms. Where it is sealed, a tenant is read without it unless it has pseudonyms, and the
/// store has a use for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PseudonymKey(Option<Secret>);

impl From<Secret> for PseudonymKey {
    fn from(key: Secret) -> Self {
        Self(Some(key))
    }
}

/// A secret that one kind of sender presents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSecret {
    /// The source: the last fixed segment of its webhook's path.
    pub source: String,
    /// The secret.
    pub secret: Secret,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A tenant's settings of one kind of sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceSettings {
    /// What it reports, if that is less than a sender of its kind can report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reports: Option<Reports>,
    /// Whether its Apple devices are not held for their configuration, because its server never releases them.
    #[serde(default)]
    pub ignore_awaiting_configuration: bool,
}

/// An API token, of which only a hash is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Identifies it, for revoking.
    pub id: String,
    /// The name that its creator gave it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// SHA-256 of the token, in hexadecimal.
    pub sha256: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// The scope tags whose profiles its bearer sees and reorders; without tags, all.
    pub scope_tags: Vec<String>,
    /// When it expires; `None` means never.
    pub expires_at: Option<Timestamp>,
}

/// A code for one sign-in; only its hash is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInCode {
    /// SHA-256 of the code, in hexadecimal.
    pub sha256: String,
    /// The permissions of the token that it is exchanged for.
    pub role: Role,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl ApiToken {
    /// Whether it is valid at `now`.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// A token's permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// To read.
    Reader,
    /// To read and to change.
    Admin,
}

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, while it is in use.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Tenant {
    /// The secrets of one kind of sender.
    pub fn source_secrets<'t>(&'t self, source: &'t str) -> impl Iterator<Item = &'t str> {
        self.sources.iter().filter(move |one| one.source == source).map(|one| one.secret.expose())
    }

    /// The key of its pseudonyms; `None` if it chose to have none.
    ///
    /// # Errors
    /// [`StoreError::Sealed`] if it is sealed and was not opened: nobody gets pseudonyms by another key.
    pub fn pseudonyms(&self) -> Result<Option<&Secret>, StoreError> {
        self.settings.pseudonymise.then(|| self.pseudonym_key()).transpose()
    }

    fn pseudonym_key(&self) -> Result<&Secret, StoreError> {
        self.pseudonym_key.0.as_ref().ok_or_else(|| StoreError::Sealed(self.id.as_str().to_owned()))
    }

    /// The secrets that a sender may have signed with.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.webhook_secrets.iter().map(Secret::expose)
    }

    /// The API token with this SHA-256, in hexadecimal, whether it is still valid or not. Not for what a caller presents,
    /// since the time that it takes depends on it.
    pub fn token(&self, sha256: &str) -> Option<&ApiToken> {
        self.tokens.iter().find(|token| token.sha256 == sha256)
    }

    /// The settings at a version.
    pub fn settings_at(&self, version: u32) -> &TenantSettings {
        if version >= self.settings_history.version {
            return &self.settings;
        }
        // No longer kept: use the oldest that is.
        let earlier = self.settings_history.earlier.iter().find(|(at, _)| *at >= version);
        earlier.map_or(&self.settings, |(_, settings)| settings)
    }

    /// Raises the settings' version if they give other attempts than the settings that were read, and keeps the latter.
    /// Returns whether they do.
    fn count_settings(&mut self) -> bool {
        let history = &mut self.settings_history;
        let before = history.as_read.as_deref().filter(|before| self.settings.alters_fold(before));
        let altered = before.is_some();
        if let Some(before) = before.cloned() {
            history.earlier.push((history.version, before));
            let surplus = history.earlier.len().saturating_sub(MOST_EARLIER);
            history.earlier.drain(..surplus);
            history.version += 1;
        }
        self.note_settings();
        altered
    }

    /// Records that the present settings are those in the table.
    fn note_settings(&mut self) {
        if let Some(read) = &self.settings_history.as_read {
            // Whoever chooses settings does not choose the format.
            self.settings.format = read.format;
        }
        let version = self.settings_history.version;
        self.settings.version = version;
        for (at, settings) in &mut self.settings_history.earlier {
            settings.version = *at;
        }
        self.settings_history.as_read = Some(Box::new(self.settings.clone()));
    }

    pub(crate) fn to_item(&self) -> Result<Item, StoreError> {
        let (needed, in_force) = (StoredFormat::Third, self.settings.format);
        if in_force < needed && self.settings.tag_keys != TagKeys::default() {
            return Err(StoreError::Older { what: "other `tagKeys` than the usual ones", needed, in_force });
        }
        let content = stored::content(self, self.settings.format);
        let content = content.map_err(|error| StoreError::corrupt(self.id.as_str(), error))?;
        let mut item = item_key(&tenant_pk(&self.id), TENANT);
        item.insert(VERSION.to_owned(), n(self.version));
        item.insert(CONTENT.to_owned(), s(content));
        Ok(item)
    }

    fn read(id: &TenantId, item: &Item) -> Result<Self, StoreError> {
        let content = text(item, CONTENT).ok_or_else(|| StoreError::corrupt(id.as_str(), "no content"))?;
        // Serde's message could repeat the content, so only the place is given.
        let stored: StoredTenant = serde_json::from_str(content)
            .map_err(|error| StoreError::corrupt(id.as_str(), format!("column {}", error.column())))?;
        if !stored.has_secrets() {
            return Err(StoreError::corrupt(id.as_str(), "no secrets"));
        }
        if !stored.has_pseudonym_key() {
            return Err(StoreError::corrupt(id.as_str(), "no key of pseudonyms"));
        }
        let mut tenant = Self::from(stored);
        tenant.version = number(item, VERSION).unwrap_or(0);
        tenant.settings.erasures = number(item, ERASURES).unwrap_or(0);
        tenant.settings.format = formats::read(item, FORMAT)?;
        tenant.note_settings();
        tenant.feed = Feed::read(item);
        Ok(tenant)
    }
}

impl Store {
    /// Adds a tenant.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the name is taken; [`StoreError::Conflict`] if another write came between.
    pub async fn create_tenant(&self, tenant: &mut Tenant) -> Result<(), StoreError> {
        let created = self.put_new_tenant(tenant).await;
        // Also after an error: its answer may have been lost.
        self.notice.raise();
        created
    }

    async fn put_new_tenant(&self, tenant: &mut Tenant) -> Result<(), StoreError> {
        tenant.version = 1;
        tenant.settings.format = self.format_for_new().await?;
        tenant.note_settings();
        tenant.sealing.seal_people_too();
        self.seal_tenant(tenant).await?;
        let put = |item| {
            let put = Put::builder().table_name(&*self.table).set_item(Some(item));
            let put = put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", PK);
            let put = put.build().map_err(|error| StoreError::Refused(error.to_string()))?;
            Ok::<_, StoreError>(TransactWriteItem::builder().put(put).build())
        };
        let mut item = tenant.to_item()?;
        formats::write(&mut item, FORMAT, tenant.settings.format);
        let writes = vec![put(item.clone())?, put(item_key(DIRECTORY, tenant.id.as_str()))?];
        let transact = self.client.transact_write_items().set_transact_items(Some(writes));
        match transact.return_consumed_capacity(CAPACITY).send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Tenant, answer.consumed_capacity());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(_)) => {
                    match self.what_is_there(&item, Cause::Tenant).await? {
                        There::Same => Ok(()),
                        There::Other => Err(StoreError::Exists),
                        // The name is free, so another writer was writing at the same time.
                        There::Nothing => Err(StoreError::Conflict),
                    }
                }
                _ => Err(error.into()),
            },
        }
    }

    /// The tenant with that name.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        self.opened_tenant(id, Consistency::Strong).await
    }

    /// The tenant as it is written: without what is sealed of it.
    pub(crate) async fn read_tenant(
        &self,
        id: &TenantId,
        consistency: Consistency,
    ) -> Result<Option<Tenant>, StoreError> {
        let get = self.client.get_item().table_name(&*self.table);
        let get = get.set_key(Some(item_key(&tenant_pk(id), TENANT)));
        let get = get.consistent_read(consistency == Consistency::Strong);
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(Cause::Tenant, answer.consumed_capacity.as_slice());
        answer.item.as_ref().map(|item| Tenant::read(id, item)).transpose()
    }

    /// The current settings of a tenant; the defaults for one that is gone.
    pub(crate) async fn settings_of(&self, id: &TenantId) -> Result<TenantSettings, StoreError> {
        let tenant = self.read_tenant(id, Consistency::Strong).await?;
        Ok(tenant.map(|tenant| tenant.settings).unwrap_or_default())
    }

    /// The names of all tenants, in order.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", s(DIRECTORY));
        let items = self.query(query, Cause::Tenant, usize::MAX).await?;
        Ok(items.iter().filter_map(|item| TenantId::parse(text(item, SK)?).ok()).collect())
    }

    /// Writes a changed tenant, if nobody else changed it since it was read. If its settings now give other attempts,
    /// it also writes a job that folds its enrollments again (`refold`).
    ///
    /// Two writers that make the very same change of the same version both succeed. So a change that only one of them
    /// may make must contain who makes it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another writer did. If the answer to this write was lost, that writer may have come
    /// after it.
    pub async fn update_tenant(&self, tenant: &mut Tenant) -> Result<(), StoreError> {
        let written = self.write_tenant(tenant).await;
        // Also after an error: its answer may have been lost.
        self.notice.raise();
        written
    }

    /// Changes a tenant, again on what another writer left if one came between, and returns it with what `change`
    /// returned last; `None` if it does not exist. If nothing changes, nothing is written.
    ///
    /// `change` may find its own change already made: an answer may be lost, and another writer come after it.
    ///
    /// # Errors
    /// Those of `change`; [`StoreError::Busy`] if other writers come between all the time; if the table can't be read
    /// or written.
    pub async fn change_tenant<T, E: From<StoreError>>(
        &self,
        id: &TenantId,
        mut change: impl FnMut(&mut Tenant) -> Result<T, E>,
    ) -> Result<Option<(Tenant, T)>, E> {
        for attempt in 0..MOST_TRIES {
            if attempt > 0 {
                self.pause(attempt).await;
            }
            let Some(before) = self.tenant(id).await? else { return Ok(None) };
            let mut tenant = before.clone();
            let made = change(&mut tenant)?;
            if tenant == before {
                return Ok(Some((tenant, made)));
            }
            match self.update_tenant(&mut tenant).await {
                Ok(()) => return Ok(Some((tenant, made))),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Busy.into())
    }

    async fn write_tenant(&self, tenant: &mut Tenant) -> Result<(), StoreError> {
        let before = tenant.version;
        tenant.version += 1;
        // Settings that somebody chose anew have the tenant's format only after this.
        let is_altered = tenant.count_settings();
        self.seal_tenant(tenant).await?;
        if is_altered {
            return self.put_with_job(tenant, before).await;
        }
        let item = tenant.to_item()?;
        let (version, content) = (item[VERSION].clone(), item[CONTENT].clone());
        let update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(item_key(&tenant_pk(&tenant.id), TENANT)))
            .update_expression(CHANGE)
            .condition_expression(UNCHANGED)
            .expression_attribute_names("#v", VERSION)
            .expression_attribute_names("#c", CONTENT)
            .expression_attribute_values(":before", n(before))
            .expression_attribute_values(":v", version)
            .expression_attribute_values(":c", content)
            .return_consumed_capacity(CAPACITY);
        match update.send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Tenant, answer.consumed_capacity.as_slice());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => {
                    match self.what_is_there(&item, Cause::Tenant).await? {
                        There::Same => Ok(()),
                        There::Other | There::Nothing => Err(StoreError::Conflict),
                    }
                }
                _ => Err(error.into()),
            },
        }
    }
}
