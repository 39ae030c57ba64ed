//! Web-based enrollment: the steps that each person reached, as a set for each person, operating system and day; and
//! how many people have which set, as sums for each day and operating system.
//!
//! A person's item holds a keyed hash, a number and its expiry; only the tenant's secret leads from it to the person.
//! The sums name nobody, and the file is made from them alone. A set and its sum change together, in one transaction,
//! and only when the set grows: a repeat costs at most a read, and not even that if this process has seen it.
//!
//! Must stay true: a sum equals the count of the sets. A set outlives every record that may still come of its day
//! ([`TAKEN_FOR`]), so that no person is counted twice; the sums outlive the sets.

use crate::item::{EXPIRES, Item, item_key, n, number, s, text};
use crate::keys::{PK, SK};
use crate::{CAPACITY, Cause, Consistency, Secret, Store, StoreError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Delete, TransactWriteItem, Update};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use vestibule_domain::plan::KEPT;
use vestibule_domain::web_enrollment::{CountedSteps, SignIn, WebDays, WebSteps};
use vestibule_domain::{Day, Millis, Platform, TenantId, Timestamp};

/// Sign-ins older than this are ignored, whatever the tenant's retention: it is the shortest retention. Entra itself
/// keeps sign-ins as long, and an event hub for less. A set lives longer, so no record can count a person again.
pub const TAKEN_FOR: Millis = Millis::from_days(30);
/// How long a set stays beyond the retention, so that late records still meet it.
pub(crate) const STAYS: Millis = Millis::from_days(7);
/// People written in one transaction, which takes a hundred items; each person may need another sum.
const PEOPLE: usize = 40;
/// Tries before the sums count as too busy.
const MOST_TRIES: u32 = 16;
/// The most sets, and days, that a process remembers; beyond that it starts over, so that memory stays bounded.
const MOST_REMEMBERED: usize = 10_000;

/// Sort key of a person's set.
const SET: &str = "w";
/// The steps of a set.
const STEPS: &str = "m";
/// The attribute that counts the people with a set; the set's number follows.
const PEOPLE_WITH: &str = "n";

/// A person on an operating system on a day, as a keyed hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Person {
    pub hash: [u8; 16],
    pub platform: Platform,
    pub day: Day,
}

impl Person {
    fn of(tenant: &TenantId, key: &Secret, sign_in: &SignIn, day: Day) -> Self {
        // HMAC takes keys of any length; the error is a leftover of a trait for ciphers too.
        let digest: [u8; 32] = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
            .map(|mut mac| {
                let day = day.to_string();
                for part in ["web enrollment", tenant.as_str(), sign_in.platform.name(), &day, &sign_in.user_id] {
                    mac.update(&(part.len() as u64).to_be_bytes());
                    mac.update(part.as_bytes());
                }
                mac.finalize().into_bytes().into()
            })
            .unwrap_or_default();
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        Self { hash, platform: sign_in.platform, day }
    }

    fn key(&self, tenant: &TenantId) -> Item {
        item_key(&format!("w#{tenant}#{}", URL_SAFE_NO_PAD.encode(self.hash)), SET)
    }
}

/// What a process remembers, to save reads and writes of what it has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<TenantId, Secret>,
    sets: HashMap<[u8; 16], WebSteps>,
    /// The count of each tenant's erasures as of which the sets are.
    erasures: HashMap<TenantId, u64>,
    heard: HashSet<(TenantId, Day)>,
}

impl Remembered {
    fn with<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets all sets if a tenant's count of erasures is another than that as of which they are: those of who was
    /// erased are no more, and whose they are only the tenant's secret tells.
    pub(crate) fn as_of(&self, tenant: &TenantId, erasures: u64) {
        self.with(|known| {
            if known.erasures.get(tenant).copied().unwrap_or_default() == erasures {
                return;
            }
            known.sets.clear();
            if known.erasures.len() >= MOST_REMEMBERED {
                known.erasures.clear();
            }
            known.erasures.insert(tenant.clone(), erasures);
        });
    }

    /// Forgets everything of a tenant.
    pub(crate) fn forget(&self, tenant: &TenantId) {
        self.with(|known| {
            known.keys.remove(tenant);
            known.erasures.remove(tenant);
            known.heard.retain(|(of, _)| of != tenant);
            known.sets.clear();
        });
    }

    fn set(&self, person: &Person) -> WebSteps {
        self.with(|known| known.sets.get(&person.hash).copied().unwrap_or_default())
    }

    fn take(&self, person: &Person, steps: WebSteps) {
        self.with(|known| {
            if known.sets.len() >= MOST_REMEMBERED {
                known.sets.clear();
            }
            // A lagging read may show less than is already known.
            let set = known.sets.entry(person.hash).or_default();
            *set = set.and(steps);
        });
    }
}

/// A set that grows.
struct Growth {
    person: Person,
    before: WebSteps,
    after: WebSteps,
}

fn sums_partition(tenant: &TenantId) -> String {
    format!("ws#{tenant}")
}

fn midnight(day: Day) -> Timestamp {
    Timestamp::from_millis(i64::from(day.get()) * 24 * 3_600_000)
}

impl Store {
    /// Records on which of these days sign-ins came in, from anybody: without that nobody knows whether a day without
    /// steps had none.
    ///
    /// # Errors
    /// If the table can't be written.
    pub async fn hear_sign_ins(
        &self,
        tenant: &TenantId,
        days: impl IntoIterator<Item = Day>,
    ) -> Result<(), StoreError> {
        for day in days {
            let at = (tenant.clone(), day);
            if self.web_enrollment.with(|known| known.heard.contains(&at)) {
                continue;
            }
            let mut item = item_key(&sums_partition(tenant), &format!("{day}#"));
            item.insert(EXPIRES.to_owned(), n((midnight(day) + KEPT).seconds()));
            let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
            let answer = put.return_consumed_capacity(CAPACITY).send().await?;
            self.meter.wrote(Cause::WebEnrollment, answer.consumed_capacity.as_slice());
            self.web_enrollment.with(|known| {
                if known.heard.len() >= MOST_REMEMBERED {
                    known.heard.clear();
                }
                known.heard.insert(at)
            });
        }
        Ok(())
    }

    /// Adds the steps of sign-ins to the sets of their people, and returns for each whether its set grew. `day` is each
    /// one's day in the tenant's zone; a set is kept for `kept_for` and a week after its day.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if other writers were quicker again and again; otherwise the table's error. What was added
    /// by then is known when the same sign-ins come again.
    pub async fn add_sign_ins(
        &self,
        tenant: &TenantId,
        sign_ins: &[(SignIn, Day)],
        kept_for: Millis,
    ) -> Result<Vec<bool>, StoreError> {
        if sign_ins.is_empty() {
            return Ok(Vec::new());
        }
        let key = self.web_key(tenant).await?;
        let people: Vec<Person> = sign_ins.iter().map(|(one, day)| Person::of(tenant, &key, one, *day)).collect();
        let mut wanted: BTreeMap<Person, WebSteps> = BTreeMap::new();
        for (person, (sign_in, _)) in people.iter().zip(sign_ins) {
            let steps = wanted.entry(person.clone()).or_default();
            *steps = steps.and(sign_in.steps);
        }
        let mut known: BTreeMap<Person, WebSteps> = BTreeMap::new();
        wanted.retain(|person, steps| {
            let set = self.web_enrollment.set(person);
            known.insert(person.clone(), set);
            !set.has(*steps)
        });
        for (person, before) in self.grow(tenant, wanted, kept_for).await? {
            known.insert(person, before);
        }
        // If several make a set grow, each one that adds something new counts.
        let grew = |(person, (sign_in, _)): (&Person, &(SignIn, Day))| {
            let set = known.entry(person.clone()).or_default();
            let grew = !set.has(sign_in.steps);
            *set = set.and(sign_in.steps);
            grew
        };
        Ok(people.iter().zip(sign_ins).map(grew).collect())
    }

    /// Makes the sets grow, and returns what each was before.
    async fn grow(
        &self,
        tenant: &TenantId,
        mut wanted: BTreeMap<Person, WebSteps>,
        kept_for: Millis,
    ) -> Result<Vec<(Person, WebSteps)>, StoreError> {
        let mut before = Vec::with_capacity(wanted.len());
        for attempt in 0..MOST_TRIES {
            if wanted.is_empty() {
                return Ok(before);
            }
            // A lagging replica shows less than is stored: then the condition fails, and the next look reads what is
            // stored.
            let consistency = if attempt == 0 { Consistency::Eventual } else { Consistency::Strong };
            if attempt > 0 {
                self.pause(attempt).await;
            }
            let there = self.web_sets(tenant, wanted.keys(), consistency).await?;
            let mut growing = Vec::new();
            for (person, steps) in &wanted {
                let set = there.get(&person.hash).copied().unwrap_or_default();
                self.web_enrollment.take(person, set);
                if set.has(*steps) {
                    before.push((person.clone(), set));
                } else {
                    growing.push(Growth { person: person.clone(), before: set, after: set.and(*steps) });
                }
            }
            for (person, _) in &before {
                wanted.remove(person);
            }
            for some in growing.chunks(PEOPLE) {
                if self.write_growth(tenant, some, kept_for).await? {
                    for one in some {
                        self.web_enrollment.take(&one.person, one.after);
                        before.push((one.person.clone(), one.before));
                        wanted.remove(&one.person);
                    }
                }
            }
        }
        if wanted.is_empty() { Ok(before) } else { Err(StoreError::Busy) }
    }

    /// The existing sets, by their hashes.
    pub(crate) async fn web_sets(
        &self,
        tenant: &TenantId,
        people: impl Iterator<Item = &Person>,
        consistency: Consistency,
    ) -> Result<HashMap<[u8; 16], WebSteps>, StoreError> {
        let keys = people.map(|person| person.key(tenant)).collect();
        let found = self.batch_get(keys, consistency, Cause::WebEnrollment).await?;
        let read = |item: &Item| {
            let hash = text(item, PK)?.rsplit_once('#')?.1;
            let hash = URL_SAFE_NO_PAD.decode(hash).ok()?.try_into().ok()?;
            Some((hash, WebSteps::from_bits(number(item, STEPS)?)))
        };
        Ok(found.iter().filter_map(read).collect())
    }

    /// Writes sets with their sums, if nobody changed one meanwhile. Returns whether it did.
    async fn write_growth(&self, tenant: &TenantId, some: &[Growth], kept_for: Millis) -> Result<bool, StoreError> {
        let mut sums: BTreeMap<(Day, Platform), BTreeMap<CountedSteps, i64>> = BTreeMap::new();
        let mut writes = Vec::new();
        for Growth { person, before, after } in some {
            writes.push(self.grown(tenant, person, *before, *after, kept_for)?);
            let (before, after) = (before.counted(), after.counted());
            if before != after {
                let sums = sums.entry((person.day, person.platform)).or_default();
                for (set, more) in [(before, -1), (after, 1)] {
                    if !set.is_empty() {
                        *sums.entry(set).or_default() += more;
                    }
                }
            }
        }
        for ((day, platform), mut more) in sums {
            more.retain(|_, more| *more != 0);
            if !more.is_empty() {
                writes.push(self.summed(tenant, day, platform, &more)?);
            }
        }
        let transact = self.client.transact_write_items().set_transact_items(Some(writes));
        match transact.return_consumed_capacity(CAPACITY).send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::WebEnrollment, answer.consumed_capacity());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                // Also if the answer to this very write was lost: the next look finds the sets as they should be.
                Some(
                    TransactWriteItemsError::TransactionCanceledException(_)
                    | TransactWriteItemsError::TransactionInProgressException(_),
                ) => {
                    self.meter.failed_condition(Cause::WebEnrollment);
                    Ok(false)
                }
                _ => Err(error.into()),
            },
        }
    }

    fn grown(
        &self,
        tenant: &TenantId,
        person: &Person,
        before: WebSteps,
        after: WebSteps,
        kept_for: Millis,
    ) -> Result<TransactWriteItem, StoreError> {
        let expires_at = midnight(person.day) + Millis::from_days(1) + kept_for.max(TAKEN_FOR) + STAYS;
        let update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(person.key(tenant)))
            .update_expression("SET #m = :after, #x = :x")
            .expression_attribute_names("#m", STEPS)
            .expression_attribute_names("#x", EXPIRES)
            .expression_attribute_values(":after", n(after.bits()))
            .expression_attribute_values(":x", n(expires_at.seconds()));
        let update = if before.is_empty() {
            update.condition_expression("attribute_not_exists(#m)")
        } else {
            update.condition_expression("#m = :before").expression_attribute_values(":before", n(before.bits()))
        };
        let update = update.build().map_err(|error| StoreError::Refused(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    fn summed(
        &self,
        tenant: &TenantId,
        day: Day,
        platform: Platform,
        more: &BTreeMap<CountedSteps, i64>,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut adds = Vec::new();
        let mut update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(item_key(&sums_partition(tenant), &format!("{day}#{}", platform.name()))))
            .expression_attribute_names("#x", EXPIRES)
            .expression_attribute_values(":x", n((midnight(day) + KEPT).seconds()));
        for (place, (set, more)) in more.iter().enumerate() {
            adds.push(format!("#n{place} :n{place}"));
            update = update
                .expression_attribute_names(format!("#n{place}"), format!("{PEOPLE_WITH}{}", set.bits()))
                .expression_attribute_values(format!(":n{place}"), n(*more));
        }
        let update = update.update_expression(format!("SET #x = :x ADD {}", adds.join(", ")));
        let update = update.build().map_err(|error| StoreError::Refused(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Erases the sets of these people, and takes them off the sums. Returns how many sets there were.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if other writers were quicker again and again; otherwise the table's error.
    pub(crate) async fn erase_people(&self, tenant: &TenantId, mut people: Vec<Person>) -> Result<u64, StoreError> {
        let mut erased = 0;
        for attempt in 0..MOST_TRIES {
            if attempt > 0 {
                self.pause(attempt).await;
            }
            let there = self.web_sets(tenant, people.iter(), Consistency::Strong).await?;
            people.retain(|person| there.contains_key(&person.hash));
            if people.is_empty() {
                return Ok(erased);
            }
            for person in &people {
                let Some(set) = there.get(&person.hash).copied() else { continue };
                if self.erase_set(tenant, person, set).await? {
                    erased += 1;
                }
            }
        }
        Err(StoreError::Busy)
    }

    /// The sets of these people on these days.
    ///
    /// # Errors
    /// If the table can't be read.
    pub(crate) async fn sets_of_people(
        &self,
        tenant: &TenantId,
        user_ids: &BTreeSet<String>,
        days: &[Day],
    ) -> Result<Vec<(Day, Platform, WebSteps)>, StoreError> {
        let people = self.people_of(tenant, user_ids, days).await?;
        let there = self.web_sets(tenant, people.iter(), Consistency::Strong).await?;
        let set = |person: &Person| Some((person.day, person.platform, *there.get(&person.hash)?));
        Ok(people.iter().filter_map(set).collect())
    }

    /// Whether any of these people has a set.
    ///
    /// # Errors
    /// If the table can't be read.
    pub(crate) async fn any_set(&self, tenant: &TenantId, people: &[Person]) -> Result<bool, StoreError> {
        Ok(!self.web_sets(tenant, people.iter(), Consistency::Strong).await?.is_empty())
    }

    /// These people on each of these days and each operating system, as they may have a set, by the days in order.
    pub(crate) async fn people_of(
        &self,
        tenant: &TenantId,
        user_ids: &BTreeSet<String>,
        days: &[Day],
    ) -> Result<Vec<Person>, StoreError> {
        let key = self.web_key(tenant).await?;
        let person = |user_id: &String, platform, day| {
            let sign_in = SignIn { user_id: user_id.clone(), platform, at: midnight(day), steps: WebSteps::NONE };
            Person::of(tenant, &key, &sign_in, day)
        };
        let mut people = Vec::new();
        for user_id in user_ids {
            for platform in Platform::ALL {
                people.extend(days.iter().map(|day| person(user_id, *platform, *day)));
            }
        }
        Ok(people)
    }

    /// Erases one set with its place in the sum, if nobody changed it meanwhile. Returns whether it did.
    async fn erase_set(&self, tenant: &TenantId, person: &Person, set: WebSteps) -> Result<bool, StoreError> {
        let delete = Delete::builder()
            .table_name(&*self.table)
            .set_key(Some(person.key(tenant)))
            .condition_expression("#m = :before")
            .expression_attribute_names("#m", STEPS)
            .expression_attribute_values(":before", n(set.bits()))
            .build()
            .map_err(|error| StoreError::Refused(error.to_string()))?;
        let mut writes = vec![TransactWriteItem::builder().delete(delete).build()];
        if !set.counted().is_empty() {
            let less = BTreeMap::from([(set.counted(), -1)]);
            writes.push(self.summed(tenant, person.day, person.platform, &less)?);
        }
        let transact = self.client.transact_write_items().set_transact_items(Some(writes));
        match transact.return_consumed_capacity(CAPACITY).send().await {
            Ok(answer) => {
                self.meter.wrote(Cause::WebEnrollment, answer.consumed_capacity());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                // Also if the answer to this very write was lost: the next look finds no set.
                Some(
                    TransactWriteItemsError::TransactionCanceledException(_)
                    | TransactWriteItemsError::TransactionInProgressException(_),
                ) => Ok(false),
                _ => Err(error.into()),
            },
        }
    }

    /// The sums of a tenant from a day on: the days on which sign-ins came in, each with how many people have which
    /// steps.
    ///
    /// # Errors
    /// If the table can't be read.
    pub async fn web_days(&self, tenant: &TenantId, from: Day) -> Result<WebDays, StoreError> {
        let query = self
            .client
            .query()
            .key_condition_expression("#pk = :pk AND #sk >= :from")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", s(sums_partition(tenant)))
            .expression_attribute_values(":from", s(from.to_string()))
            .consistent_read(self.consistent);
        let mut days = WebDays::new();
        for item in self.query(query, Cause::WebEnrollment, usize::MAX).await? {
            let Some((day, platform)) = text(&item, SK).and_then(|key| key.split_once('#')) else { continue };
            let Ok(day) = Day::parse(day) else { continue };
            let sums = days.entry(day).or_default();
            let Some(platform) = Platform::read(platform) else { continue };
            for name in item.keys() {
                let set = name.strip_prefix(PEOPLE_WITH).and_then(|bits| bits.parse().ok());
                let Some(set) = set.and_then(CountedSteps::from_bits) else { continue };
                let people: u64 = number(&item, name).unwrap_or(0);
                if people > 0 {
                    sums.insert((platform, set), people);
                }
            }
        }
        Ok(days)
    }

    /// The secret that people are hashed with: the tenant's own, as for pseudonyms.
    pub(crate) async fn web_key(&self, tenant: &TenantId) -> Result<Secret, StoreError> {
        if let Some(key) = self.web_enrollment.with(|known| known.keys.get(tenant).cloned()) {
            return Ok(key);
        }
        let key = self.people_key(tenant).await?;
        let key = key.ok_or_else(|| StoreError::Refused("the tenant does not exist".to_owned()))?;
        self.web_enrollment.with(|known| {
            if known.keys.len() >= MOST_REMEMBERED {
                known.keys.clear();
            }
            known.keys.insert(tenant.clone(), key.clone())
        });
        Ok(key)
    }
}
