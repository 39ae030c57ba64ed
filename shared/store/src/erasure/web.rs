//! Erases a person's steps of web-based enrollment: the sets are found by the keyed hashes of all days on which there
//! may be one.
//!
//! A writer that knows nothing of the erasure may store sets meanwhile. So the job keeps the hashes of those that were
//! there and of those that such a writer could write, and the look at its end erases them. A set has no times: one of
//! the erasure's own day goes then, too, with the steps that were made between the erasure and the look.

use crate::web_enrollment::{Person, STAYS};
use crate::{Consistency, SIGN_INS_TAKEN_FOR, Store, StoreError, Tenant};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use vestibule_domain::web_enrollment::WebSteps;
use vestibule_domain::{Day, Platform, TenantId, Timestamp};

/// Bytes of a set's hash.
const HASH: usize = 16;

/// The sets of one person that may come back: hashes by operating system, of each day from one on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WebSets {
    /// The first day, in days since 1970.
    from: i32,
    /// By the name of the operating system.
    hashes: Vec<(String, String)>,
}

impl WebSets {
    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        32 + self.hashes.iter().map(|(platform, hashes)| platform.len() + hashes.len() + 8).sum::<usize>()
    }

    fn people(&self) -> Vec<Person> {
        let mut people = Vec::new();
        for (platform, hashes) in &self.hashes {
            let Some(platform) = Platform::read(platform) else { continue };
            let hashes = URL_SAFE_NO_PAD.decode(hashes).unwrap_or_default();
            let days = (self.from..).map(Day::new);
            people.extend(hashes.as_chunks::<HASH>().0.iter().zip(days).map(|(hash, day)| Person {
                hash: *hash,
                platform,
                day,
            }));
        }
        people
    }
}

impl Store {
    pub(super) async fn sign_ins_of(
        &self,
        tenant: &Tenant,
        users: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<Vec<(Day, Platform, WebSteps)>, StoreError> {
        match users.is_empty() {
            true => Ok(Vec::new()),
            false => self.sets_of_people(&tenant.id, users, &days_with_sets(tenant, now)).await,
        }
    }

    /// The sets of a person that an erasure as of `at` takes: those that are there, and those of the days of which a
    /// writer that knows of no erasure takes sign-ins, up to the day of `at`. Also how many are there `now`.
    pub(super) async fn web_sets_of(
        &self,
        tenant: &TenantId,
        user: &str,
        (at, now): (Timestamp, Timestamp),
    ) -> Result<(Vec<WebSets>, u64), StoreError> {
        let Some(tenant) = self.tenant(tenant).await? else { return Ok((Vec::new(), 0)) };
        let user = BTreeSet::from([user.to_owned()]);
        let today = at.day(tenant.settings.time_zone);
        // Two days more, since the zone may have been another.
        let taken_for = i32::try_from(SIGN_INS_TAKEN_FOR.get() / 86_400_000).unwrap_or(i32::MAX).saturating_add(2);
        let from = today.plus(-taken_for);
        let days: Vec<Day> = (0..=taken_for).map(|day| from.plus(day)).collect();
        let people = self.people_of(&tenant.id, &user, &days).await?;
        let of_platform = |platform: &Platform| {
            let hashes = people.iter().filter(|person| person.platform == *platform).map(|person| person.hash);
            (platform.name().to_owned(), URL_SAFE_NO_PAD.encode(hashes.collect::<Vec<_>>().concat()))
        };
        let mut sets = vec![WebSets { from: from.get(), hashes: Platform::ALL.iter().map(of_platform).collect() }];
        let mut days = days_with_sets(&tenant, at);
        // On a later day those of that day were made after the erasure.
        days.retain(|day| *day <= today || now.day(tenant.settings.time_zone) <= today);
        let people = self.people_of(&tenant.id, &user, &days).await?;
        let there = self.web_sets(&tenant.id, people.iter(), Consistency::Strong).await?;
        let is_there = |person: &&Person| there.contains_key(&person.hash);
        sets.extend(people.iter().filter(is_there).map(|Person { hash, platform, day }| WebSets {
            from: day.get(),
            hashes: vec![(platform.name().to_owned(), URL_SAFE_NO_PAD.encode(hash))],
        }));
        Ok((sets, there.len() as u64))
    }

    /// Whether there is any of these sets.
    pub(super) async fn has_sets(&self, tenant: &TenantId, sets: &[&WebSets]) -> Result<bool, StoreError> {
        self.any_set(tenant, &people(sets)).await
    }

    pub(super) async fn erase_sets(&self, tenant: &TenantId, sets: &[&WebSets]) -> Result<(), StoreError> {
        self.erase_people(tenant, people(sets)).await?;
        Ok(())
    }
}

/// Whom these sets are of, each once.
fn people(sets: &[&WebSets]) -> Vec<Person> {
    let all: BTreeSet<Person> = sets.iter().flat_map(|sets| sets.people()).collect();
    all.into_iter().collect()
}

/// The days on which there may be a set.
fn days_with_sets(tenant: &Tenant, now: Timestamp) -> Vec<Day> {
    let today = now.day(tenant.settings.time_zone);
    // Two days more than the sets stay, since the zone may have been another.
    let kept_for = tenant.settings.retention().max(SIGN_INS_TAKEN_FOR).get() + STAYS.get();
    let days = i32::try_from(kept_for / 86_400_000).unwrap_or(i32::MAX).saturating_add(2);
    (-days..=1).map(|day| today.plus(day)).collect()
}
