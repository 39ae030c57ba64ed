//! Stream records that can't be read. They are set aside so that the records behind them are published.
//!
//! A record names its item by key, and an operator who has repaired the item can publish it again; nothing else of the
//! record is kept. Setting one aside twice changes nothing.

use crate::item::{EXPIRES, Item, item_key, n, number, s, text};
use crate::keys::{PK, SK};
use crate::{CAPACITY, Cause, Store, StoreError};
use vestibule_domain::{Millis, Timestamp};

pub(crate) const DEAD_LETTERS: &str = "dead#stream";
const ITEM: &str = "of";
const REASON: &str = "why";
const AT: &str = "at";
/// How long a dead letter is kept.
const KEPT_FOR: Millis = Millis::from_days(35);
/// An error may be of any length; an item may not.
const REASON_CHARS: usize = 500;

/// A stream record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The record's sequence number.
    pub sequence_number: String,
    /// The key of the item that was written; `?` if even that could not be read.
    pub item: String,
    /// Why it could not be read.
    pub reason: String,
    /// When it was set aside.
    pub at: Timestamp,
}

impl Store {
    /// Sets a record aside.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn put_dead_letter(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let mut item: Item = item_key(DEAD_LETTERS, &letter.sequence_number);
        item.insert(ITEM.to_owned(), s(&letter.item));
        item.insert(REASON.to_owned(), s(letter.reason.chars().take(REASON_CHARS).collect::<String>()));
        item.insert(AT.to_owned(), n(letter.at.millis()));
        item.insert(EXPIRES.to_owned(), n((letter.at + KEPT_FOR).seconds()));
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
        let answer = put.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.wrote(Cause::Publish, answer.consumed_capacity.as_slice());
        Ok(())
    }

    /// The records that were set aside in the last weeks, oldest first, at most `most`.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn dead_letters(&self, most: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", s(DEAD_LETTERS));
        let items = self.query(query, Cause::Publish, most).await?;
        let read = |item: &Item| {
            Some(DeadLetter {
                sequence_number: text(item, SK)?.to_owned(),
                item: text(item, ITEM)?.to_owned(),
                reason: text(item, REASON)?.to_owned(),
                at: Timestamp::from_millis(number(item, AT)?),
            })
        };
        Ok(items.iter().take(most).filter_map(read).collect())
    }
}
