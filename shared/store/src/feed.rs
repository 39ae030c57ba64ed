//! The change feed: a tenant's changes, page after page, for readers that ask again and again.
//!
//! With the change index, a question costs as much as its bucket holds. If that is much, the reader requests a feed,
//! and the tenant's item then records since when and until when there is one. The publisher sees every change in the
//! stream; while a feed lasts it appends pages of item keys and versions. A tenant that nobody asks about has no feed
//! and costs nothing.
//!
//! A feed is a log of pages numbered from 1 without a gap: a page is written at the next number on condition that the
//! number is free. Must stay true: no page ever appears at or before a number that a reader has reached. So a reader
//! reads each page once, however late it is and whatever clocks say. Each feed of a tenant has its own log, named by
//! the instant of its beginning, and that instant never recurs.
//!
//! To learn up to where the log is complete, a reader writes barriers: items with random keys. The publisher meets a
//! barrier after everything that its shard of the stream received before it, and records the barrier in the page that
//! it appends. With one shard one barrier is proof; with several shards each barrier proves the shard that it falls
//! into.

mod barriers;

use crate::item::{Item, VERSION, item_key, n, number, s, text};
use crate::keys::{HEAD, ItemKey, PK, SK, tenant_pk};
use crate::{CAPACITY, Cause, Store, StoreError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::BTreeMap;
use vestibule_domain::{Millis, TenantId, Timestamp};

/// On the tenant's item and on a barrier: when the feed began, in milliseconds.
pub(crate) const SINCE: &str = "fs";
/// On the tenant's item: when the feed ends, in milliseconds.
pub(crate) const UNTIL: &str = "fu";
/// On a barrier: its tenant.
const TENANT: &str = "ft";
/// On a page: keys and versions.
const CHANGES: &str = "c";
/// On a page: the barriers met.
const BARRIERS: &str = "b";
/// When a page or a barrier may be deleted, in seconds.
const EXPIRES: &str = "x";
/// Where a link leads.
const TO: &str = "to";
/// The prefix of a barrier's partition key.
pub const BARRIER_PREFIX: &str = "b#";
/// A barrier's sort key.
const BARRIER: &str = "b";
/// The attributes of an image that a feed needs; the others need not be copied.
pub const SEEN_ATTRIBUTES: [&str; 6] = [PK, SK, VERSION, TO, TENANT, SINCE];

/// How long publishers may take to learn of a new feed: they hold tenants for a minute, and the write that begins a
/// feed may land some time after the instant it names.
const SETTLING: Millis = Millis::from_seconds(90);
/// How long a feed lasts after it begins or is prolonged. A reader that asks within this time need not wait for a feed
/// to settle.
const LASTS: Millis = Millis::from_minutes(120);
/// A feed is prolonged if less than this is left: long enough for all publishers to learn of it before it would end.
const PROLONGED: Millis = Millis::from_minutes(60);
/// Publishers append for this long after the end, for readers whose clocks are behind theirs.
const GRACE: Millis = Millis::from_minutes(5);
/// How long pages stay: much longer than a reader of a feed stays away.
const PAGES_STAY: Millis = Millis::from_days(2);
/// How long barriers stay: as long as the stream that carries them.
const BARRIERS_STAY: Millis = Millis::from_days(1);
/// Tries of appending a page: other publishers may be appending too.
const MOST_TRIES: u32 = 40;
/// Bytes of the hash in an item's key.
const HASH: usize = 16;

/// When a tenant has a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Feed {
    /// When it began; this names its log.
    pub since: Timestamp,
    /// When it ends, unless it is prolonged.
    pub until: Timestamp,
}

/// What a feed reports of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// An enrollment changed; its version then, or [`UNKNOWN_VERSION`].
    Change(ItemKey, u64),
    /// A barrier was reached.
    Barrier(Barrier),
}

/// The version of an item that is gone, is now a link, or has no version: it must be looked at.
pub const UNKNOWN_VERSION: u64 = 0;

/// A reader's question to the publisher: have you reached this point?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// Its id.
    pub id: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The beginning of the feed in question.
    pub since: Timestamp,
}

/// A page of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The items that changed, each with its newest version in this page, or [`UNKNOWN_VERSION`].
    pub changes: BTreeMap<ItemKey, u64>,
    /// Ids of barriers: everything before them is in the pages up to this one.
    pub barriers: Vec<String>,
}

impl Feed {
    /// The feed recorded on a tenant's item.
    pub(crate) fn read(item: &Item) -> Option<Self> {
        let at = |name| number(item, name).map(Timestamp::from_millis);
        Some(Self { since: at(SINCE)?, until: at(UNTIL)? })
    }

    /// Whether a change at `now` is certain to reach its log.
    pub fn is_settled(&self, now: Timestamp) -> bool {
        self.since + SETTLING <= now && now < self.until
    }

    /// Whether a publisher must append to it.
    pub fn is_kept(&self, now: Timestamp) -> bool {
        now < self.until + GRACE
    }

    /// Whether it has ended for readers, so that another one may be requested.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.until <= now
    }

    /// Whether its user should prolong it.
    pub fn is_ending(&self, now: Timestamp) -> bool {
        self.until < now + PROLONGED
    }
}

impl Seen {
    /// What a stream record reports, from its keys and images; empty ones are absent. It needs only
    /// [`SEEN_ATTRIBUTES`], so an enrollment whose history can't be read is seen too.
    pub fn of(keys: &Item, old: &Item, new: &Item) -> Option<Self> {
        let pk = text(keys, PK)?;
        if let Some(id) = pk.strip_prefix(BARRIER_PREFIX) {
            let tenant = TenantId::parse(text(new, TENANT)?).ok()?;
            let since = Timestamp::from_millis(number(new, SINCE)?);
            return Some(Self::Barrier(Barrier { id: id.to_owned(), tenant, since }));
        }
        if text(keys, SK) != Some(HEAD) {
            return None;
        }
        let is_head = |image: &Item| !image.is_empty() && !image.contains_key(TO);
        // A link that leads to an enrollment, and was not an enrollment before, is in no file.
        if !is_head(old) && !is_head(new) {
            return None;
        }
        let version = if is_head(new) { number(new, VERSION).unwrap_or(UNKNOWN_VERSION) } else { UNKNOWN_VERSION };
        Some(Self::Change(ItemKey::parse(pk)?, version))
    }
}

impl Page {
    /// Whether it reports nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.barriers.is_empty()
    }

    fn to_item(&self, tenant: &TenantId, since: Timestamp, number: u64, now: Timestamp) -> Item {
        let mut bytes = Vec::with_capacity(self.changes.len() * (HASH + 8));
        for (key, version) in &self.changes {
            write_name(key.name(), &mut bytes);
            write_number(*version, &mut bytes);
        }
        let mut item = item_key(&log(tenant, since), &sort_key(number));
        item.insert(EXPIRES.to_owned(), n((now + PAGES_STAY).seconds()));
        if !bytes.is_empty() {
            item.insert(CHANGES.to_owned(), AttributeValue::B(Blob::new(bytes)));
        }
        if !self.barriers.is_empty() {
            item.insert(BARRIERS.to_owned(), AttributeValue::L(self.barriers.iter().map(s).collect()));
        }
        item
    }

    fn read(tenant: &TenantId, item: &Item) -> Option<Self> {
        let mut page = Self::default();
        let changes = item.get(CHANGES).and_then(|value| value.as_b().ok());
        let mut bytes = changes.map_or(&[][..], |bytes| bytes.as_ref());
        while !bytes.is_empty() {
            let key = ItemKey::named(tenant, &read_name(&mut bytes)?)?;
            page.changes.insert(key, read_number(&mut bytes)?);
        }
        let barriers = item.get(BARRIERS).and_then(|value| value.as_l().ok());
        page.barriers = barriers.into_iter().flatten().map(|id| id.as_s().cloned().ok()).collect::<Option<_>>()?;
        Some(page)
    }
}

impl Store {
    /// Requests a feed for a tenant, unless it has one. Publishers hold tenants for a while, so the feed is usable only
    /// after it has [settled](Feed::is_settled).
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn request_feed(&self, tenant: &TenantId, now: Timestamp) -> Result<(), StoreError> {
        let update = self
            .update_feed(tenant, now)
            .update_expression("SET #s = :now, #u = :u")
            // This must not create a tenant that does not exist.
            .condition_expression("attribute_exists(#pk) AND (attribute_not_exists(#u) OR #u <= :now)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#s", SINCE)
            .expression_attribute_values(":now", n(now.millis()));
        self.send_feed(update).await
    }

    /// Prolongs a feed in use, if it is still the tenant's.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn prolong_feed(&self, tenant: &TenantId, feed: Feed, now: Timestamp) -> Result<(), StoreError> {
        let update = self
            .update_feed(tenant, now)
            .update_expression("SET #u = :u")
            .condition_expression("#s = :s AND #u < :u")
            .expression_attribute_names("#s", SINCE)
            .expression_attribute_values(":s", n(feed.since.millis()));
        self.send_feed(update).await
    }

    /// Updates the attributes of the feed alone: the tenant's version stays, so this does not conflict with changes of
    /// the tenant.
    fn update_feed(&self, tenant: &TenantId, now: Timestamp) -> UpdateItemFluentBuilder {
        let key = item_key(&tenant_pk(tenant), crate::tenants::TENANT);
        let update = self.client.update_item().table_name(&*self.table).set_key(Some(key));
        let update = update.expression_attribute_names("#u", UNTIL);
        update.expression_attribute_values(":u", n((now + LASTS).millis())).return_consumed_capacity(CAPACITY)
    }

    async fn send_feed(&self, update: UpdateItemFluentBuilder) -> Result<(), StoreError> {
        match update.send().await {
            Ok(answer) => self.meter.wrote(Cause::Feed, answer.consumed_capacity.as_slice()),
            Err(error) => match error.as_service_error() {
                // Another writer was quicker, or has seen a newer feed.
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => self.meter.failed_condition(Cause::Feed),
                _ => return Err(error.into()),
            },
        }
        Ok(())
    }

    /// Appends a page to the feed that began at `since`, after the page numbered `end` or after the last one. Returns
    /// its number.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if other publishers keep appending; otherwise if the table can't be written. The caller may
    /// append the same page again: a repeat is harmless.
    pub async fn append_page(
        &self,
        tenant: &TenantId,
        since: Timestamp,
        page: &Page,
        mut end: Option<u64>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        for attempt in 0..MOST_TRIES {
            if attempt > 1 {
                self.pause(attempt).await;
            }
            let after = match end.take() {
                Some(end) => end,
                None => self.feed_end(tenant, since).await?,
            };
            let put = self
                .client
                .put_item()
                .table_name(&*self.table)
                .set_item(Some(page.to_item(tenant, since, after + 1, now)))
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", PK)
                .return_consumed_capacity(CAPACITY);
            match put.send().await {
                Ok(answer) => {
                    self.meter.wrote(Cause::Feed, answer.consumed_capacity.as_slice());
                    return Ok(after + 1);
                }
                Err(error) => match error.as_service_error() {
                    Some(PutItemError::ConditionalCheckFailedException(_)) => self.meter.failed_condition(Cause::Feed),
                    _ => return Err(error.into()),
                },
            }
        }
        Err(StoreError::Busy)
    }

    /// The number of the last page of a feed; 0 if it has no page.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn feed_end(&self, tenant: &TenantId, since: Timestamp) -> Result<u64, StoreError> {
        let query = self
            .client
            .query()
            .consistent_read(true)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", s(log(tenant, since)))
            .scan_index_forward(false)
            .limit(1);
        let items = self.query(query, Cause::Feed, 1).await?;
        Ok(items.first().and_then(page_number).unwrap_or(0))
    }

    /// The pages of a feed after the one numbered `after`, in order; `None` if one of them is missing or can't be read,
    /// so that the feed can't be followed from there.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn feed_pages(
        &self,
        tenant: &TenantId,
        since: Timestamp,
        after: u64,
    ) -> Result<Option<Vec<Page>>, StoreError> {
        let query = self
            .client
            .query()
            .consistent_read(true)
            .key_condition_expression("#pk = :pk AND #sk > :after")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(log(tenant, since)))
            .expression_attribute_values(":after", s(sort_key(after)));
        let items = self.query(query, Cause::Feed, usize::MAX).await?;
        let numbers = after + 1..;
        let read =
            |(item, number): (&Item, u64)| Page::read(tenant, item).filter(|_| page_number(item) == Some(number));
        Ok(items.iter().zip(numbers).map(read).collect())
    }
}

fn log(tenant: &TenantId, since: Timestamp) -> String {
    format!("c#{tenant}#{}", since.millis())
}

fn sort_key(number: u64) -> String {
    format!("{number:012}")
}

fn page_number(item: &Item) -> Option<u64> {
    text(item, SK)?.parse().ok()
}

/// A name in our usual form, a digit and a hash, is shortened; any other is written out after a byte that is not a
/// digit.
fn write_name(name: &str, bytes: &mut Vec<u8>) {
    let hash = name.get(1..).and_then(|hash| URL_SAFE_NO_PAD.decode(hash).ok()).filter(|hash| hash.len() == HASH);
    match (name.as_bytes().first(), hash) {
        (Some(kind), Some(hash)) if kind.is_ascii_digit() => {
            bytes.push(*kind);
            bytes.extend(hash);
        }
        _ => {
            bytes.push(0);
            write_number(name.len() as u64, bytes);
            bytes.extend(name.as_bytes());
        }
    }
}

fn read_name(bytes: &mut &[u8]) -> Option<String> {
    let kind = take(bytes, 1)?[0];
    if kind.is_ascii_digit() {
        return Some(format!("{}{}", char::from(kind), URL_SAFE_NO_PAD.encode(take(bytes, HASH)?)));
    }
    let length = usize::try_from(read_number(bytes)?).ok()?;
    String::from_utf8(take(bytes, length)?.to_vec()).ok()
}

/// Seven bits in each byte, least significant first.
fn write_number(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn tenant() -> TenantId {
        TenantId::parse("contoso").unwrap()
    }

    fn key(name: &str) -> ItemKey {
        ItemKey::named(&tenant(), name).unwrap()
    }

    #[test]
    fn a_page_reads_as_it_was_written() {
        let mut page = Page { barriers: vec!["one".to_owned(), "two".to_owned()], ..Page::default() };
        let hashed = format!("1{}", URL_SAFE_NO_PAD.encode([7; HASH]));
        let names = [hashed.as_str(), "1short", "x", "no digit and quite a lot longer than a hash is, by far", "1äöü"];
        for (name, version) in names.into_iter().zip([0, 1, 127, 128, u64::MAX]) {
            page.changes.insert(key(name), version);
        }
        let item = page.to_item(&tenant(), Timestamp::from_millis(5), 7, Timestamp::from_millis(9));
        assert_eq!(Page::read(&tenant(), &item), Some(page));
        assert_eq!(page_number(&item), Some(7));
        let empty = Page::default();
        assert_eq!(Page::read(&tenant(), &empty.to_item(&tenant(), Timestamp::MIN, 1, Timestamp::MIN)), Some(empty));
    }

    #[test]
    fn a_page_that_was_cut_is_not_read() {
        let mut page = Page::default();
        page.changes.insert(key("1short"), 1_764_000_000_000);
        let item = page.to_item(&tenant(), Timestamp::MIN, 1, Timestamp::MIN);
        let whole = item[CHANGES].as_b().unwrap().as_ref().to_vec();
        for length in 1..whole.len() {
            let mut cut = item.clone();
            cut.insert(CHANGES.to_owned(), AttributeValue::B(Blob::new(&whole[..length])));
            assert_eq!(Page::read(&tenant(), &cut), None, "{length} of {} bytes", whole.len());
        }
    }

    #[test]
    fn forty_changes_of_today_fit_a_write_unit() {
        let mut page = Page::default();
        for number in 0..40_u8 {
            page.changes.insert(key(&format!("1{}", URL_SAFE_NO_PAD.encode([number; HASH]))), 1_764_000_000_000);
        }
        let item = page.to_item(&tenant(), Timestamp::from_millis(1_764_000_000_000), 1, Timestamp::MAX);
        let bytes = |value: &AttributeValue| match value {
            AttributeValue::B(blob) => blob.as_ref().len(),
            AttributeValue::S(text) => text.len(),
            _ => 21,
        };
        assert!(item.iter().map(|(name, value)| name.len() + bytes(value)).sum::<usize>() <= 1_024);
    }

    #[test]
    fn a_record_reports_its_change_or_barrier() {
        let keys = |sk: &str| item_key("e#contoso#1a", sk);
        let with = |pairs: &[(&str, AttributeValue)]| -> Item {
            keys(HEAD)
                .into_iter()
                .chain(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())))
                .collect()
        };
        let (head, link, none) = (with(&[(VERSION, n(7))]), with(&[(TO, s("e#contoso#1b"))]), Item::new());
        let seen = |old: &Item, new: &Item| Seen::of(&keys(HEAD), old, new);
        let change = |version| Some(Seen::Change(key("1a"), version));
        assert_eq!(seen(&none, &head), change(7));
        assert_eq!(seen(&link, &head), change(7));
        // Merged into another one, and removed: it must be looked at.
        assert_eq!(seen(&head, &link), change(UNKNOWN_VERSION));
        assert_eq!(seen(&head, &none), change(UNKNOWN_VERSION));
        // A head without a version.
        assert_eq!(seen(&none, &with(&[])), change(UNKNOWN_VERSION));
        // Links alone, segments and tenants.
        assert_eq!(seen(&none, &link), None);
        assert_eq!(seen(&link, &link), None);
        assert_eq!(seen(&link, &none), None);
        assert_eq!(Seen::of(&keys("s1"), &none, &head), None);
        assert_eq!(Seen::of(&item_key("t#contoso", "t"), &none, &head), None);
        assert_eq!(Seen::of(&item_key("c#contoso#1", "000000000001"), &none, &head), None);
        // A barrier, and one that time-to-live deletes.
        let keys = item_key("b#x", BARRIER);
        let image: Item = [(TENANT.to_owned(), s("contoso")), (SINCE.to_owned(), n(5))].into();
        let barrier = Barrier { id: "x".to_owned(), tenant: tenant(), since: Timestamp::from_millis(5) };
        assert_eq!(Seen::of(&keys, &none, &image), Some(Seen::Barrier(barrier)));
        assert_eq!(Seen::of(&keys, &image, &none), None);
    }
}
