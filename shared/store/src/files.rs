//! Records of published report files, and the pointer to the newest.

use crate::item::{Item, item_key, n, s, text};
use crate::keys::{PK, SK, tenant_pk};
use crate::lost::There;
use crate::{CAPACITY, Cause, Store, StoreError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vestibule_domain::{Millis, TenantId, Timestamp};

const LATEST: &str = "latest";
const FILE: &str = "f#";
const AS_OF: &str = "a";
const CONTENT: &str = "c";

/// How far ahead of the clock the instant of a file may be: clocks of several machines differ by less. One that is
/// further ahead was made while a clock was wrong.
pub const MOST_AHEAD: Millis = Millis::from_minutes(5);

/// A published report file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileRecord {
    /// SHA-256 of its bytes, in hexadecimal: its id.
    pub sha256: String,
    /// Its key in the bucket.
    pub key: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The instant as of which it is true.
    pub as_of: Timestamp,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// The version of its schema.
    pub schema_version: i32,
    /// How many attempts of the previous file it corrects.
    pub corrections: u64,
    /// The same, by the old and the new state of the attempts, commonest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrected: Vec<Corrected>,
    /// Its daily aggregates alone, if they were published with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<PartRecord>,
    /// Its page for people, if it was published with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_html: Option<PartRecord>,
}

/// A group of attempts that a file corrects in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    /// Their outcome in the file before.
    pub from: String,
    /// Their outcome now: the same if the cause, end or place differs; `gone` if they no longer exist.
    pub to: String,
    /// How many.
    pub count: u64,
}

/// What was published beside a report file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartRecord {
    /// SHA-256 of its bytes, in hexadecimal; its key in the bucket is made from it.
    pub sha256: String,
    /// Its size in bytes.
    pub size_bytes: u64,
}

impl FileRecord {
    /// Whether it was made while a clock was ahead of `now` by more than clocks differ, so that it must not count.
    pub fn is_ahead(&self, now: Timestamp) -> bool {
        self.as_of > now + MOST_AHEAD
    }

    fn to_item(&self, tenant: &TenantId, sk: &str) -> Result<Item, StoreError> {
        let content = serde_json::to_string(self).map_err(|error| StoreError::corrupt(tenant.as_str(), error))?;
        let mut item = item_key(&tenant_pk(tenant), sk);
        item.insert(AS_OF.to_owned(), n(self.as_of.millis()));
        item.insert(CONTENT.to_owned(), s(content));
        Ok(item)
    }

    fn read(tenant: &TenantId, item: &Item) -> Result<Self, StoreError> {
        let content = text(item, CONTENT).unwrap_or_default();
        // The error's text may contain what is stored.
        serde_json::from_str(content)
            .map_err(|error| StoreError::corrupt(tenant.as_str(), format!("file record: column {}", error.column())))
    }
}

/// The sort key of a file's record.
fn sort_key(file: &FileRecord) -> String {
    format!("{FILE}{}#{}", file.as_of, file.sha256)
}

impl Store {
    /// Records a file. Recording it again changes nothing.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn put_file(&self, tenant: &TenantId, file: &FileRecord) -> Result<(), StoreError> {
        let item = file.to_item(tenant, &sort_key(file))?;
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
        let answer = put.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Tenant, answer.consumed_capacity.as_slice());
        Ok(())
    }

    /// Takes a file off the list. The pointer to the newest stays as it is.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn forget_file(&self, tenant: &TenantId, file: &FileRecord) -> Result<(), StoreError> {
        let key = item_key(&tenant_pk(tenant), &sort_key(file));
        let delete = self.client.delete_item().table_name(&*self.table).set_key(Some(key));
        let answer = delete.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Tenant, answer.consumed_capacity.as_slice());
        Ok(())
    }

    /// Makes `file` the newest, unless the pointer names another file of that instant or a later one that is not ahead
    /// of `now` ([`FileRecord::is_ahead`]). Returns whether it is the newest now.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn advance_latest(
        &self,
        tenant: &TenantId,
        file: &FileRecord,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let item = file.to_item(tenant, LATEST)?;
        let put = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item.clone()))
            .condition_expression("attribute_not_exists(#pk) OR #a < :a OR #a > :most")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#a", AS_OF)
            .expression_attribute_values(":a", n(file.as_of.millis()))
            .expression_attribute_values(":most", n((now + MOST_AHEAD).millis()))
            .return_consumed_capacity(CAPACITY);
        match put.send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Tenant, answer.consumed_capacity.as_slice());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => {
                    Ok(self.what_is_there(&item, Cause::Tenant).await? == There::Same)
                }
                _ => Err(error.into()),
            },
        }
    }

    /// The newest file.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn latest_file(&self, tenant: &TenantId) -> Result<Option<FileRecord>, StoreError> {
        let get = self.client.get_item().table_name(&*self.table);
        let get = get.set_key(Some(item_key(&tenant_pk(tenant), LATEST))).consistent_read(true);
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(Cause::Tenant, answer.consumed_capacity.as_slice());
        answer.item.as_ref().map(|item| FileRecord::read(tenant, item)).transpose()
    }

    /// The newest file that is not ahead of `now` ([`FileRecord::is_ahead`]).
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn newest_file(&self, tenant: &TenantId, now: Timestamp) -> Result<Option<FileRecord>, StoreError> {
        let latest = self.latest_file(tenant).await?;
        let Some(ahead) = latest.as_ref().filter(|latest| latest.is_ahead(now)) else { return Ok(latest) };
        tracing::warn!(
            %tenant, file = %ahead.sha256, as_of = %ahead.as_of, %now,
            "the newest file is ahead of the clock and does not count; the one before it takes its place"
        );
        // Ids are hexadecimal, so this is after every file of that instant.
        let query = self.files_until(tenant, format!("{FILE}{}#~", now + MOST_AHEAD)).scan_index_forward(false);
        let items = self.query(query, Cause::Tenant, 1).await?;
        items.first().map(|item| FileRecord::read(tenant, item)).transpose()
    }

    /// Asks for the records of a tenant's files up to this sort key.
    fn files_until(&self, tenant: &TenantId, last: String) -> QueryFluentBuilder {
        self.client
            .query()
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :first AND :last")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(tenant_pk(tenant)))
            .expression_attribute_values(":first", s(FILE))
            .expression_attribute_values(":last", s(last))
    }

    /// Files as of before an instant, oldest first, at most `most`.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn files_before(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        most: usize,
    ) -> Result<Vec<FileRecord>, StoreError> {
        // Files of that very instant come after this.
        let query = self.files_until(tenant, format!("{FILE}{before}"));
        let items = self.query(query, Cause::Tenant, most).await?;
        items.iter().take(most).map(|item| FileRecord::read(tenant, item)).collect()
    }

    /// Files, newest first, at most `most`.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn files(&self, tenant: &TenantId, most: usize) -> Result<Vec<FileRecord>, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :f)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(tenant_pk(tenant)))
            .expression_attribute_values(":f", s(FILE))
            .scan_index_forward(false);
        let items = self.query(query, Cause::Tenant, most).await?;
        items.iter().take(most).map(|item| FileRecord::read(tenant, item)).collect()
    }
}
