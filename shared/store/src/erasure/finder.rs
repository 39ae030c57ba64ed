//! What a search finds in memory: it looks at one enrollment after the other, and knows what it has found so far.

use crate::erasure::findings::{Findings, Hashed};
use crate::erasure::mentions::addresses;
use crate::erasure::pages::Of;
use crate::erasure::search::{At, Counts, Kept};
use crate::erasure::{Asked, ErasureRecord, Tombstones};
use crate::keys::ItemKey;
use crate::{Secret, Stored};
use std::collections::BTreeSet;
use vestibule_domain::erasure::user_name;
use vestibule_domain::{Identifier, TenantId};

/// A search as it goes on.
pub(super) struct Finder {
    pub tenant: TenantId,
    pub kept: Kept,
    /// The version of its item; 0 if it has none.
    pub version: u64,
    /// All that it has found, and what of it is in no page.
    pub all: Findings,
    pub fresh: Findings,
    /// The name that was asked for and those that were reported with it; of a device its identifiers.
    pub names: Tombstones,
    /// What this process has learned in clear, which is never kept: the person's names, and those that others have too.
    pub users: BTreeSet<String>,
    pub shared_ids: BTreeSet<String>,
}

impl Finder {
    /// A search for a person by a name, or for nobody: then what is to be erased is among its findings already.
    pub(super) fn new(tenant: &TenantId, key: Secret, asked: Asked, user: Option<&str>) -> Self {
        let mut names = Tombstones::none(tenant, key);
        let users: BTreeSet<String> = user.map(user_name).into_iter().collect();
        let name = users.first().map(|name| names.of_user(name));
        names.add(name, asked.at);
        let at = if name.is_some() { At::default() } else { At::Found(String::new()) };
        Self {
            tenant: tenant.clone(),
            kept: Kept { asked, name: name.map(Hashed), at, ..Kept::default() },
            version: 0,
            all: Findings::default(),
            fresh: Findings::default(),
            names,
            users,
            shared_ids: BTreeSet::new(),
        }
    }

    /// Adds those findings that are new.
    pub(super) fn find<T: Ord + Clone>(&mut self, of: impl Fn(&mut Findings) -> &mut BTreeSet<T>, found: Vec<T>) {
        for one in found {
            if of(&mut self.all).insert(one.clone()) {
                of(&mut self.fresh).insert(one);
            }
        }
    }

    /// Changes what was found, and what of it is in no page.
    pub(super) fn change(&mut self, change: impl Fn(&mut Findings)) {
        change(&mut self.all);
        change(&mut self.fresh);
    }

    /// Adds a device, whose item has these segments, and the keys that lead to it. Of identifiers that lead to nothing,
    /// which were added before, none is kept.
    pub(super) fn find_device(
        &mut self,
        key: &ItemKey,
        links: &[ItemKey],
        segments: &[u32],
        identifiers: &BTreeSet<Identifier>,
    ) {
        let devices: BTreeSet<Hashed> = identifiers.iter().map(|one| Hashed(self.names.of_device(one))).collect();
        self.change(|found| {
            found.devices.clone_from(&devices);
            found.keys.insert(key.name().to_owned());
            found.items.extend(links.iter().map(|link| (link.name().to_owned(), Vec::new())));
            found.items.insert(key.name().to_owned(), segments.to_vec());
        });
    }

    /// Adds an identifier of a device of which nothing is known.
    pub(super) fn find_device_called(&mut self, identifier: &Identifier) {
        let hash = Hashed(self.names.of_device(identifier));
        self.find(|found| &mut found.devices, vec![hash]);
    }

    /// Looks at an enrollment in a walk. Returns whether it learned a name.
    pub(super) fn look(&mut self, stored: &Stored) -> bool {
        let Some(name) = self.kept.name else { return false };
        let at = self.kept.asked.at;
        let hashed = |names: &Tombstones, text: String| (Hashed(names.of_user(&text)), text);
        let events = stored.history.events().map(|event| (&event.about, event.placed() < at));
        let abouts = events.chain(stored.history.bases_about().map(|about| (about, true)));
        // Most events of a device name the same user.
        let distinct: BTreeSet<(BTreeSet<String>, bool)> =
            abouts.map(|(about, is_before)| (about.user_names().collect(), is_before)).collect();
        let together: Vec<(Vec<(Hashed, String)>, bool)> = distinct
            .into_iter()
            .map(|(names, is_before)| (names.into_iter().map(|one| hashed(&self.names, one)).collect(), is_before))
            .collect();
        let mut learned = false;
        for (names, _) in together.iter().filter(|(_, is_before)| *is_before) {
            if !names.iter().any(|(one, _)| *one == name) {
                continue;
            }
            for (other, _) in names.iter().filter(|(other, _)| *other != name && !self.all.also.contains(other)) {
                self.names.add([other.0], at);
                learned = true;
            }
            let others = || names.iter().map(|(other, _)| *other).filter(|other| *other != name);
            self.find(|found| &mut found.also, others().collect());
        }
        for (names, _) in &together {
            let is_known = |one: &Hashed| self.all.also.contains(one);
            // Reported beside another name, which is not this person's.
            if names.iter().any(|(one, _)| *one == name) || names.iter().all(|(one, _)| is_known(one)) {
                continue;
            }
            let theirs: Vec<_> = names.iter().filter(|(one, _)| is_known(one)).cloned().collect();
            self.shared_ids.extend(theirs.iter().map(|(_, text)| text.clone()));
            self.find(|found| &mut found.shared, theirs.iter().map(|(one, _)| *one).collect());
        }
        let is_theirs = |one: &Hashed| self.names.has(&one.0);
        let is_named = together.iter().flat_map(|(names, _)| names).any(|(one, _)| is_theirs(one));
        let is_mentioned = || {
            let mentioned: BTreeSet<String> = stored.history.events().flat_map(addresses).collect();
            mentioned.iter().any(|address| self.names.has(&self.names.of_user(address)))
        };
        if is_named || is_mentioned() {
            self.find(|found| &mut found.keys, vec![stored.key.name().to_owned()]);
        }
        learned
    }

    /// What is erased by it: without the names that others have too.
    pub(super) fn erases(&self, key: Secret) -> Tombstones {
        let mut erases = Tombstones::none(&self.tenant, key);
        let also = self.all.also.difference(&self.all.shared);
        let names = self.kept.name.iter().chain(also).map(|one| one.0);
        let devices = self.all.devices.iter().map(|one| one.0);
        match self.kept.name {
            Some(_) => erases.add(names, self.kept.asked.at),
            None => erases.add(devices, self.kept.asked.at),
        }
        erases
    }

    /// Its record, as far as it is known now.
    pub(super) fn record(&self) -> ErasureRecord {
        let Counts { enrollments, shared, events, web_enrollment_days, unreadable, lost, looked_at: _ } =
            self.kept.counts;
        let unreadable = unreadable + lost;
        ErasureRecord { enrollments, shared, events, web_enrollment_days, unreadable, ..self.kept.asked.clone().into() }
    }

    pub(super) fn of(&self) -> Of<'_> {
        Of { tenant: &self.tenant, id: &self.kept.asked.id, at: self.kept.asked.at, epoch: 0 }
    }

    /// Another walk begins with the names that are known now. Which of them others have too must be found anew.
    pub(super) fn begin_another_walk(&mut self) {
        self.change(|found| {
            found.walk += 1;
            found.shared.clear();
        });
        self.shared_ids.clear();
        self.kept.counts.unreadable = 0;
    }
}
