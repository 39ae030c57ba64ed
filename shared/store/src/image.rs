//! An enrollment in a stream record, before or after a write.

use crate::StoreError;
use crate::item::{Found, Head, Item, TO, VERSION, number, text};
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
    /// The item's version after the write.
    pub version: u64,
    /// The instant as of which the write folded it.
    pub folded_at: Timestamp,
    /// The version of the tenant's settings under which the write folded it.
    pub settings: u32,
    /// Whether the write erased what the item held before.
    pub erased: bool,
}

/// The version of the link that a merge left at an enrollment's key; `None` if the item is not a link of this kind.
pub fn link_version(item: &Item) -> Option<u64> {
    let is_head = text(item, SK) == Some(HEAD);
    (is_head && text(item, TO).is_some()).then(|| number(item, VERSION))?
}

impl Image {
    /// Reads an image; `None` if the item is not an enrollment's head.
    ///
    /// # Errors
    /// If it is a head but corrupt.
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
                let Head { key, history, segments, version, folded_at, settings, erased, .. } = *head;
                Some(Self { key, history, segments, version, folded_at, settings, erased })
            }
        })
    }
}
