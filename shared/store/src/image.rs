//! An enrollment as a stream record has it, before or after a write.

use crate::StoreError;
use crate::item::{Found, Item};
use crate::keys::{HEAD, ItemKey, PK, SK};
use vestibule_domain::{History, Timestamp};

/// One image.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// The enrollment's key.
    pub key: ItemKey,
    /// The history but for its segments.
    pub history: History,
    /// Numbers of its segments.
    pub segments: Vec<u32>,
    /// The instant that the write folded it at.
    pub folded_at: Timestamp,
}

impl Image {
    /// Reads an image; `None` where the item is not an enrollment's head.
    ///
    /// # Errors
    /// When it is one, and corrupt.
    pub fn decode(item: &Item) -> Result<Option<Self>, StoreError> {
        let is = |name: &str, test: &dyn Fn(&str) -> bool| {
            item.get(name).and_then(|value| value.as_s().ok()).is_some_and(|text| test(text))
        };
        if !is(SK, &|sk| sk == HEAD) || !is(PK, &|pk| ItemKey::parse(pk).is_some()) {
            return Ok(None);
        }
        Ok(match Found::read(item)? {
            Found::Link(_) => None,
            Found::Head(head) => {
                Some(Self { key: head.key, history: head.history, segments: head.segments, folded_at: head.folded_at })
            }
        })
    }
}
