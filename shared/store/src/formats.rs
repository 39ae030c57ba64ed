//! The format in which items are written, and the move to the next one.
//!
//! The number in force stands in one item. Every function reads the tenant before it writes anything of it, so a copy of
//! the number is on each tenant's item, and costs nobody a call: tenants are read anew within a minute, and so all
//! functions write the next format a minute after the move.
//!
//! Must stay true: the number never falls, since items of the later format are there by then. A number that this release
//! does not know is refused wherever it is read ([`StoreError::Newer`]). A table that says nothing is of the first format,
//! unless nothing was ever in it.

use crate::item::{Item, item_key, n, number};
use crate::keys::{PK, tenant_pk};
use crate::tenants::{FORMAT, TENANT};
use crate::{CAPACITY, Cause, Consistency, Store, StoreError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use std::collections::BTreeMap;
use vestibule_domain::{StoredFormat, TenantId};

/// The key of the item that has the number in force.
const IN_FORCE: (&str, &str) = ("format", "in-force");
/// Its attribute.
const NUMBER: &str = "n";

/// The formats of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formats {
    /// That in force.
    pub in_force: StoredFormat,
    /// That of each tenant. An older one is left from a move that was interrupted: the same move ends it.
    pub tenants: BTreeMap<TenantId, StoredFormat>,
}

/// The format whose number an item has; the first if it has none.
pub(crate) fn read(item: &Item, attribute: &str) -> Result<StoredFormat, StoreError> {
    let found = number(item, attribute).unwrap_or(StoredFormat::OLDEST.number());
    StoredFormat::of(found).ok_or_else(|| {
        let key = item.get(PK).and_then(|key| key.as_s().ok());
        StoreError::Newer { item: key.cloned().unwrap_or_default(), format: found }
    })
}

/// Writes a number, as [`read`] reads it.
pub(crate) fn write(item: &mut Item, attribute: &str, format: StoredFormat) {
    if format > StoredFormat::OLDEST {
        item.insert(attribute.to_owned(), n(format.number()));
    }
}

/// Refuses an erasure where older programs may run, which would take again what is erased.
pub(crate) fn must_have_erasures(in_force: StoredFormat) -> Result<(), StoreError> {
    let needed = StoredFormat::Second;
    if in_force < needed {
        return Err(StoreError::Older { what: "erasures", needed, in_force });
    }
    Ok(())
}

impl Store {
    /// The format in force and that of each tenant.
    ///
    /// # Errors
    /// [`StoreError::Newer`] if a later release moved the table on; if it can't be read.
    pub async fn formats(&self) -> Result<Formats, StoreError> {
        let in_force = self.stored_format().await?.unwrap_or(StoredFormat::OLDEST);
        let mut tenants = BTreeMap::new();
        for id in self.tenants().await? {
            if let Some(tenant) = self.read_tenant(&id, Consistency::Strong).await? {
                tenants.insert(id, tenant.settings.format);
            }
        }
        Ok(Formats { in_force, tenants })
    }

    /// Moves the table to a format, which must not be lower than that in force: first the number for new tenants, then each
    /// tenant. The same call ends a move that was interrupted.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a later one is in force; if the table can't be read or written.
    pub async fn move_to_format(&self, format: StoredFormat) -> Result<Formats, StoreError> {
        let (pk, sk) = IN_FORCE;
        if !self.raise_format(item_key(pk, sk), NUMBER, format, false).await?
            && self.stored_format().await? != Some(format)
        {
            return Err(StoreError::Conflict);
        }
        for id in self.tenants().await? {
            self.raise_format(item_key(&tenant_pk(&id), TENANT), FORMAT, format, true).await?;
        }
        self.notice.raise();
        self.formats().await
    }

    /// Notes the format of a table that says nothing yet: that of the data folder around it.
    ///
    /// # Errors
    /// [`StoreError::Newer`] if a later release moved it on; if it can't be read or written.
    pub async fn begin_format(&self, format: StoredFormat) -> Result<(), StoreError> {
        if self.stored_format().await?.is_none() {
            let (pk, sk) = IN_FORCE;
            self.raise_format(item_key(pk, sk), NUMBER, format, false).await?;
        }
        Ok(())
    }

    /// The format of a tenant that is added now. A table in which nothing ever was has no older program beside it.
    pub(crate) async fn format_for_new(&self) -> Result<StoredFormat, StoreError> {
        if let Some(format) = self.stored_format().await? {
            return Ok(format);
        }
        if !self.tenants().await?.is_empty() {
            return Ok(StoredFormat::OLDEST);
        }
        self.begin_format(StoredFormat::NEWEST).await?;
        Ok(self.stored_format().await?.unwrap_or(StoredFormat::OLDEST))
    }

    async fn stored_format(&self) -> Result<Option<StoredFormat>, StoreError> {
        let (pk, sk) = IN_FORCE;
        let get = self.client.get_item().table_name(&*self.table).set_key(Some(item_key(pk, sk)));
        let answer = get.consistent_read(true).return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(Cause::Tenant, answer.consumed_capacity.as_slice());
        answer.item.as_ref().map(|item| read(item, NUMBER)).transpose()
    }

    /// Sets a number if it is higher than the one that is there; `false` if it is not, or if the item must be there and is
    /// not.
    async fn raise_format(
        &self,
        key: Item,
        attribute: &str,
        format: StoredFormat,
        must_be_there: bool,
    ) -> Result<bool, StoreError> {
        let lower = "(attribute_not_exists(#f) OR #f < :f)";
        let update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(key))
            .update_expression("SET #f = :f")
            .expression_attribute_names("#f", attribute)
            .expression_attribute_values(":f", n(format.number()))
            .return_consumed_capacity(CAPACITY);
        let update = match must_be_there {
            true => update
                .condition_expression(format!("attribute_exists(#pk) AND {lower}"))
                .expression_attribute_names("#pk", PK),
            false => update.condition_expression(lower),
        };
        match update.send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::Tenant, answer.consumed_capacity.as_slice());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(error.into()),
            },
        }
    }
}
