//! Which keys of the table and its indexes get the most units a second, at many tenants and thousands of events a second.
//!
//! A partition of DynamoDB takes 1 000 write units and 3 000 read units a second, and one key is never in two partitions
//! as long as its items are few. The keys come from the store's own code, the devices and their events from the
//! simulator, the units of an event from `shared/cost/src/costs.json`.
//!
//! The sample's events are spread over some seconds: each keeps its place within them, as if the sample had gone on for
//! ever.

use crate::BoxError;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use vestibule_cost::{Costs, Per};
use vestibule_domain::{TenantId, Timestamp};
use vestibule_simulator::{Scenario, enrollment};
use vestibule_store::ItemKey;
use vestibule_webhook::Received;
use vestibule_webhook::cloudevents::{Parsed, parse_event};

/// Write units that a partition takes a second.
pub const PARTITION_WRITES: f64 = 1_000.0;
/// What a new table on demand takes, in write units a second; it has as many partitions as that needs.
const NEW_TABLE_WRITES: f64 = 4_000.0;
/// A table on demand keeps room for so many times the highest traffic that it had.
const ROOM: f64 = 2.0;
/// When the sample ends, in milliseconds since 1970.
const UNTIL_MS: i64 = 1_780_000_000_000;

/// Traffic.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Tenants.
    pub tenants: usize,
    /// Events a second of all together.
    pub events_a_second: usize,
    /// The first tenant's share of them; the others have equal parts of the rest.
    pub largest_share: f64,
    /// Seconds that are looked at.
    pub seconds: usize,
}

/// The hottest key of the table or an index, and its hottest partition.
#[derive(Clone, Debug)]
pub struct Hottest {
    /// The table or the index.
    pub what: &'static str,
    /// Write units a second of the whole.
    pub units_a_second: f64,
    /// Keys that were written.
    pub keys: usize,
    /// The hottest key.
    pub key: String,
    /// Its write units in its busiest second.
    pub peak: f64,
    /// Its write units a second, on average.
    pub mean: f64,
    /// Partitions that the whole has, on demand.
    pub partitions: usize,
    /// Write units a second of the hottest of so many partitions, if keys fall into them at random.
    pub partition: f64,
    /// Events a second at which its hottest key fills a partition, if traffic grows as it is.
    pub wall: f64,
}

/// Finds the hottest keys.
///
/// # Errors
/// When the sample has an event that nobody can read.
pub fn hottest(traffic: &Traffic) -> Result<Vec<Hottest>, BoxError> {
    let costs = Costs::embedded()?;
    let an_event = |ids: &[&str]| -> f64 {
        let units = ids.iter().filter_map(|id| costs.unit(id)).filter(|unit| unit.per == Per::Event);
        units.map(|unit| unit.quantity).sum()
    };
    let [head, due, change] = [&["eventWrites", "sweepWrites"][..], &["dueWrites"], &["changeWrites"]].map(an_event);
    let events = traffic.events_a_second * traffic.seconds;
    let scenario = Scenario {
        seed: 1,
        // Some of the last ones never finish, so there are enough of them.
        enrollments: (events as f64 / costs.events_per_enrollment * 1.5) as usize,
        days: 1,
        until_ms: UNTIL_MS,
    };
    let mut all = [Units::new("table"), Units::new("index due"), Units::new("index changes")];
    let mut left = events;
    for number in 0.. {
        let deliveries = enrollment(&scenario, number);
        let Some(first) = deliveries.first() else { continue };
        let event = serde_json::from_slice(&first.event.to_bytes())?;
        let received = Received::native(Timestamp::from_millis(first.at_ms), false);
        let Parsed::Event(event) = parse_event(&event, received) else { return Err("an event is refused".into()) };
        let Some(name) = event.about.identifiers().min() else { continue };
        let item = ItemKey::of(&tenant_of(traffic, number)?, &name);
        let keys = [item.as_str().to_owned(), item.due_shard(), item.change_partition()];
        for delivery in deliveries.iter().take(left) {
            let second = delivery.at_ms.div_euclid(1_000).rem_euclid(i64::try_from(traffic.seconds)?);
            for ((units, key), quantity) in all.iter_mut().zip(&keys).zip([head, due, change]) {
                units.add(key, second, quantity);
            }
        }
        left = left.saturating_sub(deliveries.len());
        if left == 0 {
            break;
        }
    }
    Ok(all.into_iter().map(|units| units.hottest(traffic)).collect())
}

fn tenant_of(traffic: &Traffic, number: usize) -> Result<TenantId, BoxError> {
    let digest = Sha256::digest(number.to_be_bytes());
    let [share, rest] =
        [0, 4].map(|at| u32::from_be_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]));
    let is_largest = f64::from(share) < traffic.largest_share * f64::from(u32::MAX) || traffic.tenants < 2;
    let tenant = if is_largest { 0 } else { 1 + rest as usize % (traffic.tenants - 1) };
    Ok(TenantId::parse(&format!("tenant-{tenant}"))?)
}

/// Units by key and second.
struct Units {
    what: &'static str,
    by_key: BTreeMap<String, BTreeMap<i64, f64>>,
}

impl Units {
    const fn new(what: &'static str) -> Self {
        Self { what, by_key: BTreeMap::new() }
    }

    fn add(&mut self, key: &str, second: i64, units: f64) {
        let seconds = match self.by_key.get_mut(key) {
            Some(seconds) => seconds,
            None => self.by_key.entry(key.to_owned()).or_default(),
        };
        *seconds.entry(second).or_default() += units;
    }

    fn hottest(self, traffic: &Traffic) -> Hottest {
        let seconds = traffic.seconds as f64;
        let sum = |key: &BTreeMap<i64, f64>| key.values().sum::<f64>();
        let whole: f64 = self.by_key.values().map(sum).sum::<f64>() / seconds;
        let partitions = ((whole * ROOM).max(NEW_TABLE_WRITES) / PARTITION_WRITES).ceil() as usize;
        let mut by_partition = vec![0.0; partitions];
        let (mut key, mut peak, mut mean) = (String::new(), 0.0, 0.0);
        for (name, units) in &self.by_key {
            let of_key = sum(units) / seconds;
            let digest = Sha256::digest(name);
            by_partition[usize::from(digest[0]) * partitions / 256] += of_key;
            let busiest = units.values().copied().fold(0.0, f64::max);
            if busiest > peak {
                (key, peak, mean) = (name.clone(), busiest, of_key);
            }
        }
        let wall = if peak > 0.0 { traffic.events_a_second as f64 * PARTITION_WRITES / peak } else { f64::INFINITY };
        Hottest {
            what: self.what,
            units_a_second: whole,
            keys: self.by_key.len(),
            key,
            peak,
            mean,
            partitions,
            partition: by_partition.into_iter().fold(0.0, f64::max),
            wall,
        }
    }
}
