//! Digests of the records that were read: a record whose digest is known has been stored, and is skipped.
//!
//! A list of any length is spread over items of bounded size by the digests' own bits. Must stay true: forgetting
//! digests costs reads, and never changes what is stored.

use crate::item::{DATA, Item, item_key, text};
use crate::keys::{SK, tenant_pk};
use crate::{CAPACITY, Cause, Store, StoreError};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::TenantId;

/// Of a record.
pub type Digest = u64;

pub(super) const PREFIX: &str = "pulled#";
/// The average number of digests in an item: 128 KiB. It may have some more, and an item takes 400 KB.
const IN_ITEM: usize = 16_384;
/// The most digests kept of a list. Records beyond these are read from the table each time.
const MOST: usize = 1 << 20;
/// The attribute with the digests of the reading under way.
const SEEN: &str = "n";
const BYTES: usize = size_of::<Digest>();

/// The digests of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// From the last whole reading, and from what was read since.
    known: BTreeSet<Digest>,
    /// From the whole reading that is under way.
    seen: BTreeSet<Digest>,
    /// The items as they are in the table.
    items: BTreeMap<String, (Vec<u8>, Vec<u8>)>,
}

impl Digests {
    /// Whether a record with that digest was stored.
    pub fn has(&self, digest: Digest) -> bool {
        self.known.contains(&digest) || self.seen.contains(&digest)
    }

    /// Records a stored record: in a whole reading, or in a reading of a part of the list.
    pub fn add(&mut self, digest: Digest, whole: bool) {
        let of = if whole { &mut self.seen } else { &mut self.known };
        if of.len() < MOST {
            of.insert(digest);
        }
    }

    /// A whole reading has ended: digests that it did not meet are forgotten.
    pub fn finish(&mut self) {
        self.known = std::mem::take(&mut self.seen);
    }

    fn read(items: Vec<Item>, prefix: &str) -> Self {
        let mut digests = Self::default();
        for item in items {
            let Some(name) = text(&item, SK).and_then(|key| key.strip_prefix(prefix)) else { continue };
            let bytes = |name: &str| item.get(name).and_then(|value| value.as_b().ok()).map(AsRef::as_ref);
            let (known, seen) = (bytes(DATA).unwrap_or_default(), bytes(SEEN).unwrap_or_default());
            digests.known.extend(unpack(known));
            digests.seen.extend(unpack(seen));
            digests.items.insert(name.to_owned(), (known.to_vec(), seen.to_vec()));
        }
        digests
    }

    /// The items for the digests, by the end of their keys.
    fn packed(&self) -> BTreeMap<String, (Vec<u8>, Vec<u8>)> {
        let wanted = (self.known.len() + self.seen.len()).div_ceil(IN_ITEM).max(self.items.len());
        let buckets = wanted.max(1).next_power_of_two() as u64;
        let mut packed: BTreeMap<String, (Vec<u8>, Vec<u8>)> = BTreeMap::new();
        let name = |digest: Digest| format!("{:04}", digest % buckets);
        for digest in &self.known {
            packed.entry(name(*digest)).or_default().0.extend(digest.to_be_bytes());
        }
        for digest in &self.seen {
            packed.entry(name(*digest)).or_default().1.extend(digest.to_be_bytes());
        }
        // An item without any digests left stays, empty.
        for name in self.items.keys() {
            packed.entry(name.clone()).or_default();
        }
        packed
    }
}

fn unpack(bytes: &[u8]) -> impl Iterator<Item = Digest> {
    bytes.as_chunks::<BYTES>().0.iter().map(|bytes| Digest::from_be_bytes(*bytes))
}

pub(super) fn prefix(list: &str) -> String {
    format!("{PREFIX}{list}#")
}

impl Store {
    /// The digests of a tenant's list.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn pull_digests(&self, tenant: &TenantId, list: &str) -> Result<Digests, StoreError> {
        let prefix = prefix(list);
        let items = self.query(self.pull_items(tenant, &prefix), Cause::Pull, usize::MAX).await?;
        Ok(Digests::read(items, &prefix))
    }

    /// Writes the digests of a tenant's list that differ from those that were read.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn put_pull_digests(
        &self,
        tenant: &TenantId,
        list: &str,
        digests: &mut Digests,
    ) -> Result<(), StoreError> {
        for (name, (known, seen)) in digests.packed() {
            if digests.items.get(&name).is_some_and(|there| *there == (known.clone(), seen.clone())) {
                continue;
            }
            let mut item = item_key(&tenant_pk(tenant), &format!("{}{name}", prefix(list)));
            for (attribute, bytes) in [(DATA, &known), (SEEN, &seen)] {
                if !bytes.is_empty() {
                    item.insert(attribute.to_owned(), AttributeValue::B(Blob::new(bytes.clone())));
                }
            }
            let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
            let answer = put.return_consumed_capacity(CAPACITY).send().await?;
            self.meter.wrote(Cause::Pull, answer.consumed_capacity.as_slice());
            digests.items.insert(name, (known, seen));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn items(digests: &Digests) -> Vec<Item> {
        let item = |(name, (known, seen)): (String, (Vec<u8>, Vec<u8>))| {
            let mut item = item_key("t#contoso", &format!("{}{name}", prefix("x")));
            for (attribute, bytes) in [(DATA, known), (SEEN, seen)] {
                item.insert(attribute.to_owned(), AttributeValue::B(Blob::new(bytes)));
            }
            item
        };
        digests.packed().into_iter().map(item).collect()
    }

    #[test]
    fn digests_are_spread_over_items_and_come_back() {
        let mut digests = Digests::default();
        for number in 0..40_000_u64 {
            digests.add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number % 2 == 0);
        }
        let there = items(&digests);
        assert_eq!(there.len(), 4);
        let read = Digests::read(there, &prefix("x"));
        assert_eq!((&read.known, &read.seen), (&digests.known, &digests.seen));
        let same = read.packed();
        assert!(same.iter().all(|(name, item)| read.items.get(name) == Some(item)), "nothing must be written");
    }

    #[test]
    fn a_whole_reading_forgets_what_it_did_not_meet() {
        let mut digests = Digests::default();
        digests.add(1, false);
        digests.add(2, true);
        assert!(digests.has(1) && digests.has(2) && !digests.has(3));
        digests.finish();
        assert!(!digests.has(1) && digests.has(2));
        digests.finish();
        assert!(!digests.has(2));
        // The item is overwritten, not left as it was.
        let mut read =
            Digests::read(items(&Digests { known: BTreeSet::from([2]), ..Digests::default() }), &prefix("x"));
        read.finish();
        assert_eq!(read.packed().values().next().unwrap(), &(Vec::new(), Vec::new()));
    }
}
