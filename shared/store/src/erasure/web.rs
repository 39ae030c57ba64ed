//! Erases a person's steps of web-based enrollment: the sets are found by the keyed hashes of all days on which there
//! may be one.

use crate::web_enrollment::STAYS;
use crate::{SIGN_INS_TAKEN_FOR, Store, StoreError, Tenant};
use std::collections::BTreeSet;
use vestibule_domain::web_enrollment::WebSteps;
use vestibule_domain::{Day, Platform, Timestamp};

impl Store {
    pub(super) async fn erase_sign_ins(
        &self,
        tenant: &Tenant,
        users: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        match users.is_empty() {
            true => Ok(0),
            false => self.erase_people(&tenant.id, users, &days_with_sets(tenant, now)).await,
        }
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
}

/// The days on which there may be a set.
fn days_with_sets(tenant: &Tenant, now: Timestamp) -> Vec<Day> {
    let today = now.day(tenant.settings.time_zone);
    // Two days more than the sets stay, since the zone may have been another.
    let kept_for = tenant.settings.retention().max(SIGN_INS_TAKEN_FOR).get() + STAYS.get();
    let days = i32::try_from(kept_for / 86_400_000).unwrap_or(i32::MAX).saturating_add(2);
    (-days..=1).map(|day| today.plus(day)).collect()
}
