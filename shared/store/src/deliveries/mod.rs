//! The delivery log: what each source of a tenant delivered, and what happened to it. One item for each source and day.
//!
//! Counts are added, so that processes need not know of one another; the newest entries are merged with those that the
//! process last read. Counts mean "at least": if the answer to an addition is lost, it is never repeated.
//!
//! Must stay true: no body and no personal data is kept. Names and texts are limited in number and length, so that an
//! item stays about a kilobyte, which is one write unit.

mod ring;
mod silence;
mod update;

pub use silence::{Silence, silence};

use crate::item::{Item, item_key, number, s, text};
use crate::keys::{PK, SK};
use crate::{CAPACITY, Cause, Store, StoreError};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::ReturnValue;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use update::Update;
use vestibule_domain::{Day, Millis, TenantId, Timestamp};

/// The most names of kinds, and of reasons, for a day of a source; the rest is counted together.
pub const MOST_NAMES: usize = 8;
/// The name under which the rest is counted.
pub const OTHER: &str = "other";
/// The most deliveries kept for a source and day.
pub const NEWEST: usize = 20;
/// The longest texts kept of a refusal and of a kind, in bytes.
const MOST_TEXT: usize = 100;
const MOST_NAME: usize = 40;
const HOUR: i64 = 3_600_000;

const ACCEPTED: &str = "a";
const KNOWN: &str = "k";
const PASSED: &str = "p:";
const REFUSED: &str = "r:";
const HOURS: &str = "h";
const LAST_HEARD: &str = "lh";
const LAST_ACCEPTED: &str = "la";
const REFUSED_AT: &str = "ra";
const REFUSED_REASON: &str = "rr";
const REFUSED_FIELD: &str = "rf";
const REFUSED_PROBLEM: &str = "rp";
const RING: &str = "n";

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When.
    pub at: Timestamp,
    /// The kind of refusal under which it is counted.
    pub reason: String,
    /// The member that was wrong; empty if the whole was.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

/// One request, in digest form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// When it was received, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The first eight bytes of its body's SHA-256.
    pub sha256: [u8; 8],
    /// How long its body was.
    pub bytes: u64,
    /// Events that were stored and had not been stored before.
    pub accepted: u64,
    /// Its events that were stored before.
    pub known: u64,
    /// Parts that are about something else.
    pub passed_over: u64,
    /// Events that were refused; one if the whole request was.
    pub refused: u64,
}

impl Delivery {
    /// A delivery of which nothing was processed yet.
    pub fn of(body: &[u8], at: Timestamp) -> Self {
        let mut sha256 = [0; 8];
        sha256.copy_from_slice(&Sha256::digest(body)[..8]);
        Self { at_ms: at.millis(), sha256, bytes: body.len() as u64, ..Self::default() }
    }
}

/// What one source delivered on one day (UTC), and what happened to it. Counts mean "at least".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayLog {
    /// Events stored.
    pub accepted: u64,
    /// Events that were stored before.
    pub known: u64,
    /// Parts about something else, by the name of their kind.
    pub passed_over: BTreeMap<String, u64>,
    /// Refusals, by reason.
    pub refused: BTreeMap<String, u64>,
    /// The hours of the day in which the source was heard.
    pub hours: BTreeSet<u8>,
    /// When the source was last heard.
    pub last_heard: Option<Timestamp>,
    /// When an event was stored last.
    pub last_accepted: Option<Timestamp>,
    /// The last refusal.
    pub last_refusal: Option<Refusal>,
    /// The newest deliveries, newest first.
    pub newest: Vec<Delivery>,
}

/// The day (UTC) of an instant, as the log counts days.
pub fn log_day(at: Timestamp) -> Day {
    Day::new(i32::try_from(at.seconds().div_euclid(86_400)).unwrap_or(i32::MAX))
}

impl DayLog {
    /// Records that the source was heard.
    pub fn hear(&mut self, at: Timestamp) {
        self.hours.insert(u8::try_from(at.millis().div_euclid(HOUR).rem_euclid(24)).unwrap_or(0));
        self.last_heard = self.last_heard.max(Some(at));
    }

    /// Counts what was ignored.
    pub fn pass_over(&mut self, kind: Option<&str>) {
        *self.passed_over.entry(bounded(kind.unwrap_or(OTHER), MOST_NAME)).or_default() += 1;
    }

    /// Counts a refusal and keeps it as the last one.
    pub fn refuse(&mut self, at: Timestamp, reason: &str, field: &str, problem: &str) {
        *self.refused.entry(bounded(reason, MOST_NAME)).or_default() += 1;
        let (field, problem) = (bounded(field, MOST_TEXT), bounded(problem, MOST_TEXT));
        self.last_refusal = Some(Refusal { at, reason: bounded(reason, MOST_NAME), field, problem });
    }

    /// Adds a delivery to the newest ones.
    pub fn deliver(&mut self, delivery: Delivery) {
        self.newest.push(delivery);
        ring::keep_newest(&mut self.newest);
    }

    /// Takes over the newest entries that another process, or this one earlier, left; counts stay.
    pub fn take_newest(&mut self, there: &Self) {
        self.last_heard = self.last_heard.max(there.last_heard);
        self.last_accepted = self.last_accepted.max(there.last_accepted);
        let at = |log: &Self| log.last_refusal.as_ref().map(|refusal| refusal.at);
        if at(there) > at(self) {
            self.last_refusal.clone_from(&there.last_refusal);
        }
        self.newest.extend(&there.newest);
        ring::keep_newest(&mut self.newest);
    }

    /// Resets the counts, and keeps the newest entries.
    pub fn forget_counts(&mut self) {
        let newest = std::mem::take(self);
        self.take_newest(&newest);
    }

    /// The number of refusals, for all reasons together.
    pub fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }

    /// The number of ignored parts, for all kinds together.
    pub fn passed(&self) -> u64 {
        self.passed_over.values().sum()
    }

    /// The number of events and of what else was counted, together.
    pub fn all(&self) -> u64 {
        [self.accepted, self.known, self.passed(), self.refusals()].into_iter().fold(0, u64::saturating_add)
    }

    fn read(item: &Item) -> Self {
        let count = |name: &str| number(item, name).unwrap_or(0);
        let at = |name: &str| number(item, name).map(Timestamp::from_millis);
        let named = |prefix: &str| {
            let of = |name: &String| Some((name.strip_prefix(prefix)?.to_owned(), number(item, name)?));
            item.keys().filter_map(of).collect()
        };
        let hours = item.get(HOURS).and_then(|hours| hours.as_ns().ok());
        let said = |name: &str| text(item, name).unwrap_or_default().to_owned();
        let ring = item.get(RING).and_then(|ring| ring.as_b().ok());
        Self {
            accepted: count(ACCEPTED),
            known: count(KNOWN),
            passed_over: named(PASSED),
            refused: named(REFUSED),
            hours: hours.into_iter().flatten().filter_map(|hour| hour.parse().ok()).filter(|hour| *hour < 24).collect(),
            last_heard: at(LAST_HEARD),
            last_accepted: at(LAST_ACCEPTED),
            last_refusal: at(REFUSED_AT).map(|at| Refusal {
                at,
                reason: said(REFUSED_REASON),
                field: said(REFUSED_FIELD),
                problem: said(REFUSED_PROBLEM),
            }),
            newest: ring.map(|ring| ring::decode(ring.as_ref())).unwrap_or_default(),
        }
    }
}

/// The text, shortened if it is too long.
fn bounded(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

fn partition(tenant: &TenantId) -> String {
    format!("in#{tenant}")
}

fn sort_key(day: Day, source: &str) -> String {
    format!("{day}#{source}")
}

impl Store {
    /// The log's entry for a source and day.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn delivery_day(&self, tenant: &TenantId, source: &str, day: Day) -> Result<DayLog, StoreError> {
        let key = item_key(&partition(tenant), &sort_key(day, source));
        let get = self.client.get_item().table_name(&*self.table).set_key(Some(key));
        let answer = get.return_consumed_capacity(CAPACITY).send().await?;
        self.meter.read(Cause::Deliveries, answer.consumed_capacity.as_slice());
        Ok(answer.item.as_ref().map(DayLog::read).unwrap_or_default())
    }

    /// Adds what a source delivered on a day since the previous addition, and returns what was there before. `there` is
    /// what the caller last read: names in it are counted separately, others as far as there is room.
    ///
    /// It is tried once. After an error the caller must not add the same counts again, because the table may have them.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn add_deliveries(
        &self,
        (tenant, source, day): (&TenantId, &str, Day),
        more: &DayLog,
        there: &DayLog,
        kept_for: Millis,
    ) -> Result<DayLog, StoreError> {
        let mut newest = more.clone();
        newest.take_newest(there);
        let update =
            Update::of(more, &newest, there, Timestamp::from_millis(i64::from(day.get()) * 24 * HOUR) + kept_for);
        let key = item_key(&partition(tenant), &sort_key(day, source));
        let once = aws_sdk_dynamodb::config::Builder::new().retry_config(RetryConfig::disabled());
        let request = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(key))
            .update_expression(update.expression())
            .set_expression_attribute_names(Some(update.names.into_iter().collect()))
            .set_expression_attribute_values(Some(update.values.into_iter().collect()))
            .return_values(ReturnValue::AllOld)
            .return_consumed_capacity(CAPACITY);
        let answer = request.customize().config_override(once).send().await?;
        self.meter.wrote(Cause::Deliveries, answer.consumed_capacity.as_slice());
        Ok(answer.attributes.as_ref().map(DayLog::read).unwrap_or_default())
    }

    /// What all sources of a tenant delivered on a day or later, by source and by day.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn deliveries(
        &self,
        tenant: &TenantId,
        from: Day,
    ) -> Result<BTreeMap<String, BTreeMap<Day, DayLog>>, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk AND #sk >= :from")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(partition(tenant)))
            .expression_attribute_values(":from", s(from.to_string()));
        let mut found: BTreeMap<String, BTreeMap<Day, DayLog>> = BTreeMap::new();
        for item in self.query(query, Cause::Deliveries, usize::MAX).await? {
            let Some((day, source)) = text(&item, SK).and_then(|key| key.split_once('#')) else { continue };
            let Ok(day) = Day::parse(day) else { continue };
            found.entry(source.to_owned()).or_default().insert(day, DayLog::read(&item));
        }
        Ok(found)
    }
}
