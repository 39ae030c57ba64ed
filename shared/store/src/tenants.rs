//! Tenants: settings, secrets and tokens, one item each, beside a directory of their names.

use crate::item::{Item, item_key, n, number, s, text};
use crate::keys::{PK, SK, tenant_pk};
use crate::{CAPACITY, Cause, Consistency, Feed, Store, StoreError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use serde::{Deserialize, Serialize};
use std::fmt;
use vestibule_domain::{TenantId, TenantSettings, Timestamp};

/// Sort key of a tenant's item.
pub(crate) const TENANT: &str = "t";
const DIRECTORY: &str = "tenants";
const VERSION: &str = "v";
const CONTENT: &str = "c";

/// One organisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// When it was added.
    pub created_at: Timestamp,
    /// What it chose.
    pub settings: TenantSettings,
    /// What its senders sign with, newest first; several while one is being replaced.
    pub webhook_secrets: Vec<Secret>,
    /// What its other senders prove themselves with, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceSecret>,
    /// Its API tokens.
    pub tokens: Vec<ApiToken>,
    /// Codes that nobody has signed in with yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sign_in_codes: Vec<SignInCode>,
    /// The key of its pseudonyms.
    pub pseudonym_key: Secret,
    /// The item's version, for changing it on condition.
    #[serde(skip)]
    pub version: u64,
    /// When it has a change feed. Not part of what a change of the tenant writes.
    #[serde(skip)]
    pub feed: Option<Feed>,
}

/// Something that must not be shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// What one kind of sender proves itself with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSecret {
    /// The source: the last fixed segment of its webhook's path.
    pub source: String,
    /// The secret.
    pub secret: Secret,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An API token, of which only a hash is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    /// Names it, for revoking.
    pub id: String,
    /// What its maker calls it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// SHA-256 of the token, in hexadecimal.
    pub sha256: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The scope tags whose profiles its bearer sees and reorders; none means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope_tags: Vec<String>,
    /// When it ends to be good; never, unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A code that is good for one sign-in, of which only a hash is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInCode {
    /// SHA-256 of the code, in hexadecimal.
    pub sha256: String,
    /// What the token that it is given for allows.
    pub role: Role,
    /// When it ends to be good.
    pub expires_at: Timestamp,
}

impl ApiToken {
    /// Whether it is good at `now`.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// To read.
    Reader,
    /// To read and to change.
    Admin,
}

impl Secret {
    /// Takes a secret into care.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the moment of its use.
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

    /// The secrets that a sender may have signed with.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.webhook_secrets.iter().map(Secret::expose)
    }

    fn to_item(&self) -> Result<Item, StoreError> {
        let content = serde_json::to_string(self).map_err(|error| StoreError::corrupt(self.id.as_str(), error))?;
        let mut item = item_key(&tenant_pk(&self.id), TENANT);
        item.insert(VERSION.to_owned(), n(self.version));
        item.insert(CONTENT.to_owned(), s(content));
        Ok(item)
    }

    fn read(id: &TenantId, item: &Item) -> Result<Self, StoreError> {
        let content = text(item, CONTENT).ok_or_else(|| StoreError::corrupt(id.as_str(), "no content"))?;
        // What serde says of the content could repeat it, so only the place is told.
        let mut tenant: Self = serde_json::from_str(content)
            .map_err(|error| StoreError::corrupt(id.as_str(), format!("column {}", error.column())))?;
        tenant.version = number(item, VERSION).unwrap_or(0);
        tenant.feed = Feed::read(item);
        Ok(tenant)
    }
}

impl Store {
    /// Adds a tenant.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there is one by that name.
    pub async fn create_tenant(&self, tenant: &mut Tenant) -> Result<(), StoreError> {
        tenant.version = 1;
        let put = |item| {
            let put = Put::builder().table_name(&*self.table).set_item(Some(item));
            let put = put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", PK);
            let put = put.build().map_err(|error| StoreError::Refused(error.to_string()))?;
            Ok::<_, StoreError>(TransactWriteItem::builder().put(put).build())
        };
        let writes = vec![put(tenant.to_item()?)?, put(item_key(DIRECTORY, tenant.id.as_str()))?];
        let transact = self.client.transact_write_items().set_transact_items(Some(writes));
        match transact.return_consumed_capacity(CAPACITY).send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Tenant, answer.consumed_capacity());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(_)) => Err(StoreError::Exists),
                _ => Err(error.into()),
            },
        }
    }

    /// The tenant by that name.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        self.read_tenant(id, Consistency::Strong).await
    }

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

    /// The names of all tenants, in order.
    ///
    /// # Errors
    /// When the table can't be read.
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

    /// Writes a changed tenant, if nobody else changed it since it was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody did.
    pub async fn update_tenant(&self, tenant: &mut Tenant) -> Result<(), StoreError> {
        let before = tenant.version;
        tenant.version += 1;
        // Not put as a whole: a feed requested meanwhile would be lost.
        let key = item_key(&tenant_pk(&tenant.id), TENANT);
        let attributes = tenant.to_item()?.into_iter().filter(|(name, _)| !key.contains_key(name));
        let mut update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .condition_expression("#v = :before")
            .expression_attribute_names("#v", VERSION)
            .expression_attribute_values(":before", n(before))
            .return_consumed_capacity(CAPACITY);
        let mut set = Vec::new();
        for (name, value) in attributes {
            set.push(format!("#{name} = :{name}"));
            update = update
                .expression_attribute_names(format!("#{name}"), &name)
                .expression_attribute_values(format!(":{name}"), value);
        }
        let update = update.update_expression(format!("SET {}", set.join(", "))).set_key(Some(key));
        match update.send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Tenant, answer.consumed_capacity.as_slice());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Err(StoreError::Conflict),
                _ => Err(error.into()),
            },
        }
    }
}
