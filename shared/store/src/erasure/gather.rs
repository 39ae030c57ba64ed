//! Looks once more at the enrollments that a search has found, when it is known whose names are the person's: what is
//! to be erased is counted, and what else that concerns is found. The counts are kept with the place, so none counts
//! twice.

use crate::erasure::finder::Finder;
use crate::erasure::findings::Hashed;
use crate::erasure::pages::merge;
use crate::erasure::pass::Concerned;
use crate::erasure::search::At;
use crate::erasure::{LookBudget, Tombstones};
use crate::keys::ItemKey;
use crate::{Store, StoreError};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use std::collections::BTreeSet;
use std::ops::Bound;
use vestibule_domain::{History, Timestamp};

/// Enrollments that are looked at together.
const PART: usize = 200;
/// Enrollments that are looked at side by side.
const AT_ONCE: usize = 16;

/// The names of all users of a device.
fn users(history: &History) -> BTreeSet<String> {
    let abouts = history.events().map(|event| &event.about).chain(history.bases_about());
    abouts.flat_map(|about| about.user_names()).collect()
}

impl Store {
    /// Goes on after one of the enrollments, until the budget is spent; returns the place where it stopped.
    pub(super) async fn gather(
        &self,
        finder: &mut Finder,
        mut after: String,
        budget: &mut LookBudget<'_>,
        now: Timestamp,
    ) -> Result<At, StoreError> {
        // Of a tenant that is gone there is nothing to find.
        let Some(key) = self.people_key(&finder.tenant).await? else { return Ok(At::End) };
        let erases = finder.erases(key);
        loop {
            let from = if after.is_empty() { Bound::Unbounded } else { Bound::Excluded(after.as_str()) };
            let rest = finder.all.keys.range::<str, _>((from, Bound::Unbounded));
            let part: Vec<String> = rest.take(budget.part(PART)).cloned().collect();
            let Some(last) = part.last() else { return Ok(At::End) };
            let is_end = finder.all.keys.last() == Some(last);
            after.clone_from(last);
            let keys: Vec<ItemKey> = part.iter().filter_map(|name| ItemKey::named(&finder.tenant, name)).collect();
            let looks: Vec<_> = keys.iter().map(|key| self.look_again(key, &erases).boxed()).collect();
            let looked: Vec<_> = futures::stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
            for concerned in looked {
                match concerned {
                    Some(Some(concerned)) => self.add_concerned(finder, &erases, concerned, now).await?,
                    Some(None) => {}
                    None => finder.kept.counts.lost += 1,
                }
            }
            budget.spend(part.len());
            if is_end {
                return Ok(At::End);
            }
            if budget.is_spent() {
                return Ok(At::Found(after));
            }
        }
    }

    /// What an enrollment has that is to be erased, if anything; `None` if it can't be read.
    async fn look_again(&self, key: &ItemKey, erases: &Tombstones) -> Result<Option<Option<Concerned>>, StoreError> {
        match self.concerned_by(key, erases).await {
            // It stays so, and must not keep the erasure from ending.
            Err(error) if error.is_unreadable() => {
                tracing::error!(item = %key, %error, "an enrollment can't be read, so nobody knows whom it names");
                Ok(None)
            }
            concerned => Ok(Some(concerned?)),
        }
    }

    async fn add_concerned(
        &self,
        finder: &mut Finder,
        erases: &Tombstones,
        Concerned { items, history, left }: Concerned,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let counts = &mut finder.kept.counts;
        counts.events += history.len().saturating_sub(left.unwrap_or_default()) as u64;
        let mut devices = Vec::new();
        if left.is_none() {
            counts.enrollments += 1;
            devices.extend(history.identifiers().iter().map(|one| Hashed(erases.of_device(one))));
        } else {
            counts.shared += 1;
        }
        finder.find(|found| &mut found.devices, devices);
        finder.change(|found| merge(&mut found.items, items.clone()));
        for name in users(&history) {
            let hash = erases.of_user(&name);
            if erases.has(&hash) {
                self.find_sign_ins(finder, &name, now).await?;
                finder.users.insert(name);
            }
        }
        Ok(())
    }

    /// Finds the sets of web-based enrollment of one of the person's names.
    pub(super) async fn find_sign_ins(
        &self,
        finder: &mut Finder,
        name: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let hash = Hashed(finder.names.of_user(name));
        if finder.all.people.contains(&hash) {
            return Ok(());
        }
        let (sets, there) = self.web_sets_of(&finder.tenant, name, (finder.kept.asked.at, now)).await?;
        finder.kept.counts.web_enrollment_days += there;
        finder.find(|found| &mut found.people, vec![hash]);
        finder.change(|found| found.web.extend(sets.iter().cloned()));
        Ok(())
    }
}
