//! An enrollment's head as an item, and the links that lead to one.
//!
//! Attribute names are short because a write is charged by the kilobyte. The due and change attributes are the keys of
//! the two indexes: they are written unchanged unless they must move, so that an ordinary write touches no index.

use crate::StoreError;
use crate::keys::{HEAD, ItemKey, PK, SK};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;
use vestibule_domain::codec::Encoded;
use vestibule_domain::plan::KEPT;
use vestibule_domain::{History, Millis, Plan, StoredFormat, TenantSettings, Timestamp, codec, fold};

/// Version of the item: raised by each write.
pub(crate) const VERSION: &str = "v";
/// The history, encoded.
pub(crate) const DATA: &str = "d";
/// What the encoded history lacks, where it is in a format that older programs read.
pub(crate) const BESIDE: &str = "m";
/// When it was last folded, in milliseconds.
pub(crate) const FOLDED_AT: &str = "f";
/// Numbers of its segments.
pub(crate) const SEGMENTS: &str = "g";
/// Bytes in its segments.
pub(crate) const SEALED_BYTES: &str = "z";
/// The version of the tenant's settings under which it was folded; absent for the first version.
pub(crate) const SETTINGS: &str = "sv";
/// Partition of the due index.
pub(crate) const DUE_SHARD: &str = "ds";
/// Sort key of the due index, in milliseconds.
pub(crate) const DUE_AT: &str = "da";
/// Partition of the change index.
pub(crate) const CHANGE_PARTITION: &str = "cp";
/// Sort key of the change index: a coarse number of time.
pub(crate) const CHANGE_BUCKET: &str = "cb";
/// When it may be deleted, in seconds: the table's time-to-live.
pub(crate) const EXPIRES: &str = "x";
/// On a head: it is empty because what it held was erased.
pub(crate) const ERASED: &str = "er";
/// Where a link leads.
pub(crate) const TO: &str = "to";

/// Width of a change bucket. A wider one is cheaper for writers (an entry moves less often, which takes two write units
/// each time) and dearer for readers (each refresh reads the current bucket again). Frequent readers follow the feed
/// instead.
pub const CHANGE_BUCKET_WIDTH: Millis = Millis::from_minutes(12 * 60);
/// The unit in which buckets are counted: their former width. So an entry written then still compares with one of
/// today.
const CHANGE_BUCKET_UNIT: Millis = Millis::from_minutes(30);

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The bucket of a write of `key` at `at`: the beginning of the width in which `at + offset` lies. Each key has its own
/// offset, so that a tenant's entries do not all move at one instant.
pub(crate) fn bucket(key: &ItemKey, at: Timestamp) -> i64 {
    first_bucket(at + key.change_offset(CHANGE_BUCKET_WIDTH))
}

/// The least bucket that a write at `since` or later can have, whatever its key. With width w and offset o, where 0 ≤ o
/// < w: t ≥ since implies t + o ≥ since, so ⌊(t + o) / w⌋ ≥ ⌊since / w⌋. An entry from the time of narrow buckets has
/// ⌊t / u⌋ of the unit u, a divisor of w: ⌊t / u⌋ ≥ ⌊since / u⌋ ≥ ⌊since / w⌋ · w / u.
pub(crate) fn first_bucket(since: Timestamp) -> i64 {
    let width = CHANGE_BUCKET_WIDTH.get();
    since.millis().div_euclid(width) * (width / CHANGE_BUCKET_UNIT.get())
}

/// An enrollment's item, without the events in its segments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    pub key: ItemKey,
    pub version: u64,
    pub history: History,
    pub folded_at: Timestamp,
    /// The version of the tenant's settings under which it was last folded.
    pub settings: u32,
    pub segments: Vec<u32>,
    pub sealed_bytes: usize,
    pub due_at: Option<Timestamp>,
    pub bucket: i64,
    pub expires_at: Option<Timestamp>,
    /// Whether it is what an erasure left: readers count it as gone, and the next event begins a new history.
    pub erased: bool,
    /// The format in which it is written: that in which it was read, until a fold takes over the tenant's.
    pub format: StoredFormat,
}

/// What is stored at a key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    Link(ItemKey),
    Head(Box<Head>),
}

impl Found {
    pub(crate) fn read(item: &Item) -> Result<Self, StoreError> {
        let pk = text(item, PK).ok_or_else(|| StoreError::corrupt("?", "no key"))?;
        let key = ItemKey::parse(pk).ok_or_else(|| StoreError::corrupt(pk, "no enrollment's key"))?;
        match Self::link(item) {
            Some(to) => to.map(Self::Link),
            None => Head::read(key, item).map(|head| Self::Head(Box::new(head))),
        }
    }

    /// Where the item leads if it is a link.
    pub(crate) fn link(item: &Item) -> Option<Result<ItemKey, StoreError>> {
        let to = text(item, TO)?;
        let pk = text(item, PK).unwrap_or("?");
        Some(ItemKey::parse(to).ok_or_else(|| StoreError::corrupt(pk, "a link to nowhere")))
    }
}

impl Head {
    /// A head of which nothing is stored yet.
    pub(crate) fn new(key: ItemKey) -> Self {
        Self {
            key,
            version: 0,
            history: History::default(),
            folded_at: Timestamp::MIN,
            settings: 0,
            segments: Vec::new(),
            sealed_bytes: 0,
            due_at: None,
            bucket: 0,
            expires_at: None,
            erased: false,
            format: StoredFormat::OLDEST,
        }
    }

    /// The head that an item holds.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if an attribute is missing or the events can't be decoded.
    pub(crate) fn read(key: ItemKey, item: &Item) -> Result<Self, StoreError> {
        let pk = key.as_str().to_owned();
        let missing = |name: &str| StoreError::corrupt(&pk, format!("no attribute {name}"));
        let data = bytes(item, DATA).ok_or_else(|| missing(DATA))?;
        let history = codec::decode_with(data, bytes(item, BESIDE)).map_err(|error| StoreError::codec(&pk, &error))?;
        let segments = segment_numbers(item).ok_or_else(|| missing(SEGMENTS))?;
        Ok(Self {
            version: number(item, VERSION).ok_or_else(|| missing(VERSION))?,
            history,
            folded_at: Timestamp::from_millis(number(item, FOLDED_AT).ok_or_else(|| missing(FOLDED_AT))?),
            settings: number(item, SETTINGS).unwrap_or(0),
            segments,
            sealed_bytes: number(item, SEALED_BYTES).unwrap_or(0),
            due_at: number(item, DUE_AT).map(Timestamp::from_millis),
            bucket: number(item, CHANGE_BUCKET).unwrap_or(0),
            expires_at: expires_at(item),
            erased: is_erased(item),
            format: codec::format_of(data),
            key,
        })
    }

    /// The instant as of which a write folds: its writer's now, but never earlier than the instant of the fold before.
    /// Writers take their now long before they write, and clocks differ. If the instant went back, events that are
    /// already part of the history would drop out of the fold, and with them an open attempt from the due index.
    pub(crate) fn fold_at(&self, now: Timestamp) -> Timestamp {
        now.max(self.folded_at)
    }

    /// Folds `history`, this head's own and complete, as of `now` or the instant of the fold before, and takes over
    /// what follows: instants, plan, the settings' version, and the version that the write gives the item.
    ///
    /// A stored deadline that is no later than the true one stays: the look at that instant sets the true one, and
    /// until then no write moves the index entry.
    pub(crate) fn refold(&mut self, history: &History, settings: &TenantSettings, now: Timestamp) -> Plan {
        let at = self.fold_at(now);
        let plan = Plan::of(&fold(self.key.tenant(), history, settings, at), history);
        self.due_at = match (self.due_at, plan.due_at) {
            (Some(stored), Some(planned)) if stored <= planned => Some(stored),
            (_, planned) => planned,
        };
        self.expires_at = plan.expires_at;
        self.bucket = self.bucket.max(bucket(&self.key, at));
        self.folded_at = at;
        self.settings = settings.version;
        self.format = settings.format;
        self.erased = false;
        self.version = next_version(self.version, at);
        plan
    }

    /// Drops what an expired head holds, which time-to-live may delete at any moment, and returns the segments that it
    /// named: the device begins anew. The item, its version and the instant of its last fold go on, so that the new
    /// content is not mistaken for the old, and what it held counts as dropped, not as corrected.
    pub(crate) fn forget_if_expired(&mut self, now: Timestamp) -> Vec<u32> {
        let Some(expires_at) = self.expires_at.filter(|_| self.is_expired(now)) else { return Vec::new() };
        // Nothing that it holds was received later than that (time-to-live counts seconds). The instant of its last
        // fold shows nothing, since a sweep may have looked a moment ago.
        let last_received = expires_at + Millis::from_seconds(1) - KEPT;
        self.history.forget(last_received.min(self.folded_at));
        self.sealed_bytes = 0;
        self.due_at = None;
        std::mem::take(&mut self.segments)
    }

    /// Whether time-to-live may delete it at any moment, so that it counts as gone.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at < now)
    }

    /// The item to write, and how many bytes its events take.
    ///
    /// # Errors
    /// [`StoreError::EnrollmentFull`] if one item cannot hold that much.
    pub(crate) fn to_item(&self) -> Result<(Item, usize), StoreError> {
        let data = codec::encode_in(self.format, &self.history).map_err(|_| StoreError::EnrollmentFull)?;
        let bytes = data.bytes();
        let mut item = key_of(&self.key);
        item.insert(VERSION.to_owned(), n(self.version));
        insert(&mut item, data);
        item.insert(FOLDED_AT.to_owned(), n(self.folded_at.millis()));
        item.insert(CHANGE_PARTITION.to_owned(), s(self.key.change_partition()));
        item.insert(CHANGE_BUCKET.to_owned(), n(self.bucket));
        if !self.segments.is_empty() {
            item.insert(SEGMENTS.to_owned(), AttributeValue::L(self.segments.iter().map(n).collect()));
            item.insert(SEALED_BYTES.to_owned(), n(self.sealed_bytes));
        }
        if let Some(due_at) = self.due_at {
            item.insert(DUE_SHARD.to_owned(), s(self.key.due_shard()));
            item.insert(DUE_AT.to_owned(), n(due_at.millis()));
        }
        if let Some(expires_at) = self.expires_at {
            item.insert(EXPIRES.to_owned(), n(expires_at.seconds()));
        }
        if self.erased {
            item.insert(ERASED.to_owned(), n(1));
        }
        if self.settings > 0 {
            item.insert(SETTINGS.to_owned(), n(self.settings));
        }
        Ok((item, bytes))
    }
}

/// The version that a write at `at` gives an item of version `before` (0: no item). It never repeats, not even if
/// time-to-live deleted the item meanwhile: an item begins with the milliseconds of its first write and is written less
/// than once a millisecond while it exists.
pub(crate) fn next_version(before: u64, at: Timestamp) -> u64 {
    match before {
        0 => at.millis().unsigned_abs().max(1),
        before => before + 1,
    }
}

pub(crate) fn link(from: &ItemKey, to: &ItemKey) -> Item {
    let mut item = key_of(from);
    item.insert(TO.to_owned(), s(to.as_str()));
    item
}

/// What a merge leaves behind: a link that stays in the change index, so that a reader that holds the enrollment learns
/// that it is gone.
pub(crate) fn redirect(gone: &Head, to: &ItemKey, now: Timestamp) -> Item {
    let mut item = link(&gone.key, to);
    item.insert(VERSION.to_owned(), n(gone.version + 1));
    item.insert(FOLDED_AT.to_owned(), n(gone.fold_at(now).millis()));
    item.insert(CHANGE_PARTITION.to_owned(), s(gone.key.change_partition()));
    item.insert(CHANGE_BUCKET.to_owned(), n(gone.bucket.max(bucket(&gone.key, now))));
    item
}

pub(crate) fn key_of(key: &ItemKey) -> Item {
    item_key(key.as_str(), HEAD)
}

pub(crate) fn item_key(pk: &str, sk: &str) -> Item {
    Item::from([(PK.to_owned(), s(pk)), (SK.to_owned(), s(sk))])
}

pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn expires_at(item: &Item) -> Option<Timestamp> {
    number::<i64>(item, EXPIRES).map(|seconds| Timestamp::from_millis(seconds * 1_000))
}

/// As [`Head::is_expired`], of a head that is not decoded.
pub(crate) fn has_expired(item: &Item, now: Timestamp) -> bool {
    expires_at(item).is_some_and(|at| at < now)
}

/// As [`Head::erased`], of a head that is not decoded.
pub(crate) fn is_erased(item: &Item) -> bool {
    item.contains_key(ERASED)
}

/// Puts encoded events into an item.
pub(crate) fn insert(item: &mut Item, Encoded { data, beside }: Encoded) {
    item.insert(DATA.to_owned(), AttributeValue::B(Blob::new(data)));
    if let Some(beside) = beside {
        item.insert(BESIDE.to_owned(), AttributeValue::B(Blob::new(beside)));
    }
}

/// The numbers of the segments that an item names; `None` if they are no numbers.
pub(crate) fn segment_numbers(item: &Item) -> Option<Vec<u32>> {
    let Some(list) = item.get(SEGMENTS).and_then(|value| value.as_l().ok()) else { return Some(Vec::new()) };
    list.iter().map(|number| number.as_n().ok()?.parse().ok()).collect()
}

/// Bytes of the events that an item holds, encoded.
pub(crate) fn encoded_bytes(item: &Item) -> usize {
    [DATA, BESIDE].into_iter().filter_map(|name| bytes(item, name)).map(<[u8]>::len).sum()
}

pub(crate) fn bytes<'i>(item: &'i Item, name: &str) -> Option<&'i [u8]> {
    item.get(name)?.as_b().ok().map(AsRef::as_ref)
}

pub(crate) fn text<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(crate) fn number<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn keys() -> impl Iterator<Item = ItemKey> {
        (0..300).map(|number| ItemKey::parse(&format!("e#contoso#1{number}")).unwrap())
    }

    #[test]
    fn no_write_since_an_instant_has_a_lower_bucket_than_the_first() {
        let width = CHANGE_BUCKET_WIDTH.get();
        for key in keys() {
            let offset = key.change_offset(CHANGE_BUCKET_WIDTH).get();
            assert!((0..width).contains(&offset));
            let begin = 40_000 * width;
            for edge in [begin, begin - offset, begin + width - offset] {
                for (since, later) in [(-1, 0), (-1, 1), (0, 0), (0, 1), (1, 1), (-offset, 0), (0, width)] {
                    let (since, at) = (Timestamp::from_millis(edge + since), Timestamp::from_millis(edge + later));
                    assert!(bucket(&key, at) >= first_bucket(since), "{key} {since} {at}");
                    // This was written while buckets were half an hour wide.
                    assert!(at.millis() / 1_800_000 >= first_bucket(since), "{since} {at}");
                }
            }
            // Just before its own edge it is in the bucket before, and a reader that starts at the edge does not read
            // it.
            let edge = Timestamp::from_millis(begin - offset);
            assert_eq!(bucket(&key, edge), first_bucket(Timestamp::from_millis(begin)));
            assert_eq!(bucket(&key, edge - Millis::new(1)), first_bucket(Timestamp::from_millis(begin - 1)));
        }
    }

    #[test]
    fn a_tenants_entries_move_at_different_instants() {
        let at = Timestamp::from_millis(40_000 * CHANGE_BUCKET_WIDTH.get());
        for half_hour in 0..24 {
            let (before, after) =
                (at + Millis::from_minutes(30 * half_hour), at + Millis::from_minutes(30 * half_hour + 30));
            let moved = keys().filter(|key| bucket(key, before) != bucket(key, after)).count();
            assert!((1..40).contains(&moved), "{moved} of 300 move within half hour {half_hour}");
        }
    }
}
