//! Erases a person's steps of web-based enrollment: the sets are found by the keyed hashes of all days on which there
//! may be one.
//!
//! A writer that knows nothing of the erasure may store sets meanwhile. So the job keeps the hashes of those that it could
//! write, and the look at its end erases them. A set has no times: one of the erasure's own day goes then, too, with the
//! steps that were made between the erasure and the look.

use crate::web_enrollment::{Person, STAYS};
use crate::{SIGN_INS_TAKEN_FOR, Store, StoreError, Tenant};
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
    pub(super) async fn erase_sign_ins(
        &self,
        tenant: &Tenant,
        users: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        if users.is_empty() {
            return Ok(0);
        }
        let people = self.people_of(&tenant.id, users, &days_with_sets(tenant, now)).await?;
        self.erase_people(&tenant.id, people).await
    }

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

    /// The sets of these people that a writer that knows of no erasure could write: those of the days of which it takes
    /// sign-ins, up to the day of `now`.
    pub(super) async fn sets_that_may_come(
        &self,
        tenant: &Tenant,
        users: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<Vec<WebSets>, StoreError> {
        let today = now.day(tenant.settings.time_zone);
        // Two days more, since the zone may have been another.
        let taken_for = i32::try_from(SIGN_INS_TAKEN_FOR.get() / 86_400_000).unwrap_or(i32::MAX).saturating_add(2);
        let days: Vec<Day> = (-taken_for..=0).map(|day| today.plus(day)).collect();
        let mut all = Vec::with_capacity(users.len());
        for user in users {
            let people = self.people_of(&tenant.id, &BTreeSet::from([user.clone()]), &days).await?;
            let of_platform = |platform: &Platform| {
                let hashes = people.iter().filter(|person| person.platform == *platform).map(|person| person.hash);
                (platform.name().to_owned(), URL_SAFE_NO_PAD.encode(hashes.collect::<Vec<_>>().concat()))
            };
            let from = days.first().map_or(0, |day| day.get());
            all.push(WebSets { from, hashes: Platform::ALL.iter().map(of_platform).collect() });
        }
        Ok(all)
    }

    /// Whether there is any of these sets.
    pub(super) async fn has_sets(&self, tenant: &TenantId, sets: &WebSets) -> Result<bool, StoreError> {
        self.any_set(tenant, &sets.people()).await
    }

    pub(super) async fn erase_sets(&self, tenant: &TenantId, sets: &WebSets) -> Result<u64, StoreError> {
        self.erase_people(tenant, sets.people()).await
    }
}

/// The days on which there may be a set.
fn days_with_sets(tenant: &Tenant, now: Timestamp) -> Vec<Day> {
    let today = now.day(tenant.settings.time_zone);
    // Two days more than the sets stay, since the zone may have been another.
    let kept_for = tenant.settings.retention().max(SIGN_INS_TAKEN_FOR).get() + STAYS.get();
    let days = i32::try_from(kept_for / 86_400_000).unwrap_or(i32::MAX).saturating_add(2);
    (-days..=1).map(|day| today.plus(day)).collect()
}
