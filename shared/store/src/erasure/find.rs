//! Finds what is a person's or a device's. There is no index by person, so all enrollments of the tenant are read, in
//! parts, for a person; a device is found by its identifiers.

use crate::erasure::Subject;
use crate::erasure::mentions::addresses;
use crate::keys::ItemKey;
use crate::load::Listing;
use crate::{Store, StoreError, Stored, Tenant};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::about::About;
use vestibule_domain::erasure::{Erases, Left, user_name};
use vestibule_domain::{Event, Identifier, Timestamp};

/// What is to be erased.
#[derive(Debug, Default)]
pub(super) struct Found {
    at: Timestamp,
    /// The names of the person, in the form in which they are compared.
    pub users: BTreeSet<String>,
    /// Identifiers of the devices of which nothing will be left.
    pub identifiers: BTreeSet<Identifier>,
    /// The items concerned, with the segments that they have; also what lay at the keys that lead to them now: older
    /// files name an enrollment by the key that it had before it was merged, and its segments stay for some days.
    pub items: BTreeMap<ItemKey, Vec<u32>>,
    pub unreadable: u64,
    pub shared_ids: Vec<String>,
    /// Whether devices are erased by their identifiers.
    by_device: bool,
}

impl Erases for Found {
    fn device(&self, identifier: &Identifier) -> Option<Timestamp> {
        (self.by_device && self.identifiers.contains(identifier)).then_some(self.at)
    }

    fn user(&self, about: &About) -> Option<Timestamp> {
        about.user_names().any(|name| self.users.contains(&name)).then_some(self.at)
    }

    fn mentioned(&self, event: &Event) -> Option<Timestamp> {
        let is_theirs = |address: &String| self.users.contains(address);
        (!self.by_device && addresses(event).iter().any(is_theirs)).then_some(self.at)
    }
}

/// Whom a history names: the names of each user, as they were reported together.
fn named(stored: &Stored) -> impl Iterator<Item = BTreeSet<String>> {
    let bases = stored.history.bases_about();
    let abouts = stored.history.events().map(|event| &event.about).chain(bases);
    abouts.map(|about| about.user_names().collect::<BTreeSet<_>>()).filter(|names| !names.is_empty())
}

impl Store {
    pub(super) async fn find_all_of(
        &self,
        tenant: &Tenant,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Found, StoreError> {
        match subject {
            Subject::Device(text) => self.find_device(tenant, text, now).await,
            Subject::User(text) => self.find_user(tenant, text, now).await,
        }
    }

    async fn find_device(&self, tenant: &Tenant, text: &str, now: Timestamp) -> Result<Found, StoreError> {
        let mut found = Found { at: now, by_device: true, ..Found::default() };
        for identifier in Identifier::candidates(text) {
            // The best kind of identifier that leads to a device; of an unknown device each kind is refused.
            if let Some(head) = self.find_head(&tenant.id, &identifier).await?.filter(|head| !head.erased) {
                let history = self.complete(&head).await?;
                found.identifiers = history.identifiers().clone();
                for link in self.links_to(&head.key, &history).await? {
                    found.items.entry(link).or_default();
                }
                found.items.insert(head.key, head.segments);
                break;
            }
            found.identifiers.insert(identifier);
        }
        Ok(found)
    }

    async fn find_user(&self, tenant: &Tenant, text: &str, now: Timestamp) -> Result<Found, StoreError> {
        let name = user_name(text);
        let mut found = Found { at: now, users: BTreeSet::from([name.clone()]), ..Found::default() };
        // The other names that were reported with this one.
        let mut also: BTreeSet<String> = BTreeSet::new();
        found.unreadable = self
            .walk(tenant, now, |stored| {
                let together = named(stored).filter(|names| names.contains(&name)).flatten();
                also.extend(together.filter(|other| *other != name));
            })
            .await?;
        let mut shared: BTreeSet<String> = BTreeSet::new();
        let mut keys: BTreeSet<ItemKey> = BTreeSet::new();
        let mut all = Found { users: also.iter().cloned().chain([name.clone()]).collect(), ..found };
        self.walk(tenant, now, |stored| {
            for names in named(stored).filter(|names| !names.contains(&name)) {
                let theirs = names.iter().filter(|one| also.contains(*one)).cloned();
                // Reported beside another name, which is not this person's.
                if names.iter().any(|one| !also.contains(one)) {
                    shared.extend(theirs);
                }
            }
            if stored.history.without(&all) != Left::Everything {
                keys.insert(stored.key.clone());
            }
        })
        .await?;
        all.users.retain(|one| !shared.contains(one));
        all.shared_ids = shared.into_iter().collect();
        for key in keys {
            let Some(head) = self.head_at(&key).await?.filter(|head| !head.erased) else { continue };
            let history = self.complete(&head).await?;
            match history.without(&all) {
                Left::Everything => continue,
                Left::Nothing => all.identifiers.extend(history.identifiers().iter().cloned()),
                Left::Some(_) => {}
            }
            for link in self.links_to(&key, &history).await? {
                all.items.entry(link).or_default();
            }
            all.items.insert(key, head.segments);
        }
        Ok(all)
    }

    /// Looks at all enrollments of a tenant, in no order, and returns how many can't be read.
    pub(super) async fn walk(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        mut look: impl FnMut(&Stored),
    ) -> Result<u64, StoreError> {
        let (store, mut unreadable) = (self.passing(), 0);
        let mut listing = Listing::new(&tenant.id);
        while let Some(keys) = store.next_page(&mut listing).await? {
            let mut heads = store.heads(&keys, now).await?;
            while let Some(part) = store.next_part(&mut heads).await? {
                unreadable += part.unreadable.len() as u64;
                part.stored.iter().for_each(&mut look);
            }
        }
        Ok(unreadable)
    }
}
