//! A tenant's annotations: one item for all of them, which are few (`vestibule_domain::annotation`).
//!
//! Must stay true: the item is replaced only on condition of its version, so that nobody's annotation is lost to another
//! writer, and what can't be read is not overwritten (unlike what `content` keeps, it is the tenant's). An earlier release
//! ignores it.

use crate::content::{CONTENT, MOST_TRIES};
use crate::item::{Item, VERSION, item_key, n, number, s, text};
use crate::keys::{PK, tenant_pk};
use crate::lost::There;
use crate::{CAPACITY, Cause, Consistency, Store, StoreError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use vestibule_domain::TenantId;
use vestibule_domain::annotation::Annotations;

/// Sort key.
const ANNOTATIONS: &str = "notes";

impl Store {
    /// A tenant's annotations.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn annotations(&self, tenant: &TenantId) -> Result<Annotations, StoreError> {
        let consistency = if self.consistent { Consistency::Strong } else { Consistency::Eventual };
        Ok(self.annotations_there(tenant, consistency).await?.0)
    }

    /// Changes a tenant's annotations, again on what another writer left if one came between, and returns what `change`
    /// returned last. If nothing changes, nothing is written.
    ///
    /// # Errors
    /// What `change` returns; [`StoreError::Busy`] if other writers were quicker again and again; otherwise the table's
    /// error.
    pub async fn change_annotations<T, E: From<StoreError>>(
        &self,
        tenant: &TenantId,
        mut change: impl FnMut(&mut Annotations) -> Result<T, E>,
    ) -> Result<T, E> {
        for attempt in 0..MOST_TRIES {
            if attempt > 0 {
                self.pause(attempt).await;
            }
            let (before, version) = self.annotations_there(tenant, Consistency::Strong).await?;
            let mut annotations = before.clone();
            let answer = change(&mut annotations)?;
            if annotations == before {
                return Ok(answer);
            }
            if self.put_annotations(tenant, &annotations, version).await? {
                return Ok(answer);
            }
        }
        Err(StoreError::Busy.into())
    }

    /// Returns whether it was written; `false` if somebody else wrote since the version.
    async fn put_annotations(
        &self,
        tenant: &TenantId,
        annotations: &Annotations,
        version: u64,
    ) -> Result<bool, StoreError> {
        let content =
            serde_json::to_string(annotations).map_err(|error| StoreError::corrupt(tenant.as_str(), error))?;
        let mut item = item_key(&tenant_pk(tenant), ANNOTATIONS);
        item.insert(VERSION.to_owned(), n(version + 1));
        item.insert(CONTENT.to_owned(), s(content));
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item.clone()));
        let put = match version {
            0 => put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", PK),
            version => put
                .condition_expression("#v = :v")
                .expression_attribute_names("#v", VERSION)
                .expression_attribute_values(":v", n(version)),
        };
        match put.return_consumed_capacity(CAPACITY).send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Tenant, answer.consumed_capacity.as_slice());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                // The answer to the same write may have been lost.
                Some(PutItemError::ConditionalCheckFailedException(_)) => {
                    Ok(self.what_is_there(&item, Cause::Tenant).await? == There::Same)
                }
                _ => Err(error.into()),
            },
        }
    }

    /// The annotations and the version of their item; 0 if there is none.
    async fn annotations_there(
        &self,
        tenant: &TenantId,
        consistency: Consistency,
    ) -> Result<(Annotations, u64), StoreError> {
        let get = self.client.get_item().table_name(&*self.table);
        let get = get.set_key(Some(item_key(&tenant_pk(tenant), ANNOTATIONS)));
        let get = get.consistent_read(consistency == Consistency::Strong);
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(Cause::Tenant, answer.consumed_capacity.as_slice());
        answer.item.as_ref().map_or_else(|| Ok(Default::default()), |item| read(tenant, item))
    }
}

fn read(tenant: &TenantId, item: &Item) -> Result<(Annotations, u64), StoreError> {
    let corrupt = |problem: String| StoreError::corrupt(tenant.as_str(), format!("annotations: {problem}"));
    let content = text(item, CONTENT).ok_or_else(|| corrupt("no content".to_owned()))?;
    // The error's text may contain what is stored.
    let annotations = serde_json::from_str(content).map_err(|error| corrupt(format!("column {}", error.column())))?;
    Ok((annotations, number(item, VERSION).unwrap_or(0)))
}
