//! Items of JSON that are replaced on condition of their version: each of several writers changes what the one before
//! left.

use crate::item::{Item, item_key, n, number, s, text};
use crate::keys::PK;
use crate::{CAPACITY, Cause, Store, StoreError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) const VERSION: &str = "v";
pub(crate) const CONTENT: &str = "c";
/// Tries before an item counts as too busy; it has few writers.
pub(crate) const MOST_TRIES: u32 = 20;

/// Where an item is, and what its cost is counted as.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub pk: String,
    pub sk: String,
    pub cause: Cause,
}

impl Place {
    pub(crate) fn key(&self) -> Item {
        item_key(&self.pk, &self.sk)
    }
}

/// Content that starts empty if it can't be read: it is not the tenant's data, so it must not block anything.
pub(crate) trait Content: Clone + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync {}

impl<C: Clone + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync> Content for C {}

/// An item's content and its version.
pub(crate) fn read<C: Content>(item: &Item) -> (C, u64) {
    let content = serde_json::from_str(text(item, CONTENT).unwrap_or_default()).unwrap_or_else(|error| {
        // Serde's message could repeat the content.
        let (pk, sk) = (text(item, PK).unwrap_or_default(), text(item, crate::keys::SK).unwrap_or_default());
        tracing::warn!(pk, sk, column = error.column(), "an item can't be read; it starts empty");
        C::default()
    });
    (content, number(item, VERSION).unwrap_or(0))
}

impl Store {
    /// The content and its version; version 0 if there is no item.
    pub(crate) async fn read_content<C: Content>(&self, place: &Place) -> Result<(C, u64), StoreError> {
        let get = self.client.get_item().table_name(&*self.table);
        let get = get.set_key(Some(place.key())).consistent_read(true);
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(place.cause, answer.consumed_capacity.as_slice());
        Ok(answer.item.as_ref().map(read).unwrap_or_default())
    }

    /// Changes the content; if it stays the same, nothing is written. `change` is called again with what another writer
    /// left.
    pub(crate) async fn change_content<C: Content, T>(
        &self,
        place: &Place,
        change: impl Fn(&mut C) -> T,
    ) -> Result<T, StoreError> {
        for attempt in 0..MOST_TRIES {
            if attempt > 0 {
                self.pause(attempt).await;
            }
            let (before, version) = self.read_content::<C>(place).await?;
            let mut after = before.clone();
            let answer = change(&mut after);
            if after == before {
                return Ok(answer);
            }
            match self.put_content(place, &after, version).await {
                Err(StoreError::Conflict) => {}
                written => return written.map(|()| answer),
            }
        }
        Err(StoreError::Busy)
    }

    /// Replaces the content of version `before`; with version 0 there must be no item.
    pub(crate) async fn put_content<C: Content>(
        &self,
        place: &Place,
        content: &C,
        before: u64,
    ) -> Result<(), StoreError> {
        let content = serde_json::to_string(content).map_err(|error| StoreError::corrupt(&place.pk, error))?;
        let mut item = place.key();
        item.insert(VERSION.to_owned(), n(before + 1));
        item.insert(CONTENT.to_owned(), s(content));
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
        let put = match before {
            0 => put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", PK),
            before => put
                .condition_expression("#v = :v")
                .expression_attribute_names("#v", VERSION)
                .expression_attribute_values(":v", n(before)),
        };
        match put.return_consumed_capacity(CAPACITY).send().await {
            Ok(answer) => {
                self.meter.wrote(place.cause, answer.consumed_capacity.as_slice());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => {
                    self.meter.failed_condition(place.cause);
                    Err(StoreError::Conflict)
                }
                _ => Err(error.into()),
            },
        }
    }
}
