//! Bringing a working file up to an instant from what changed in the table.
//!
//! The table is read here while another thread puts what was read into the file. The file is finished only when that
//! thread was told that all was read: anything else leaves it unusable, and it is thrown away.

use crate::{Archive, ArchiveError};
use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;
use vestibule_advice::Catalogue;
use vestibule_domain::Timestamp;
use vestibule_domain::esp::profiles::Profiles;
use vestibule_report::{Change, Context, Error as ReportError, Working};
use vestibule_store::{ItemKey, Stored, Tenant};

/// Enrollments read from the table before they are put into the file.
const CHUNK: usize = 500;
/// Salts tried before giving up: two in a row failing by chance is beyond reckoning.
const MOST_SALTS: u32 = 8;

/// What the reading side tells the writing side.
enum Read {
    /// These items were looked for, and this was found of them.
    Items(Vec<String>, Vec<Stored>),
    /// That was all.
    All,
}

/// Whose file it is, and what of the tenant is in it besides enrollments.
#[derive(Clone)]
pub(crate) struct Owner {
    pub tenant: Tenant,
    pub profiles: Profiles,
    pub advice: Arc<Catalogue>,
}

impl Owner {
    fn context(&self) -> Context<'_> {
        let Self { tenant, profiles, advice } = self;
        let pseudonym_key = tenant.pseudonym_key.expose().as_bytes();
        Context { tenant: &tenant.id, settings: &tenant.settings, pseudonym_key, profiles, advice }
    }
}

impl Archive {
    /// The tenant with its profiles as they are now.
    pub(crate) async fn owner(&self, tenant: &Tenant) -> Result<Owner, ArchiveError> {
        let profiles = self.store.profiles(&tenant.id).await?;
        Ok(Owner { tenant: tenant.clone(), profiles, advice: Arc::clone(&self.advice) })
    }

    /// Opens the file at `path` for refreshing, or makes an empty one there.
    pub(crate) async fn open_or_create(&self, path: &Path, owner: &Owner) -> Result<Working, ArchiveError> {
        let (path, owner) = (path.to_owned(), owner.clone());
        self.work(move || {
            if path.exists() {
                if let Some(working) = Working::open(&path, &owner.context())? {
                    return Ok(working);
                }
                std::fs::remove_file(&path)?;
            }
            Ok(Working::create(&path, &owner.context())?)
        })
        .await?
    }

    /// Brings `working` up to `as_of`. Where two names hash alike it is built from nothing with another salt.
    pub(crate) async fn bring_up(
        &self,
        mut working: Working,
        path: &Path,
        owner: &Owner,
        as_of: Timestamp,
    ) -> Result<Working, ArchiveError> {
        // A file that is kept open has those of the question before.
        working.set_profiles(&owner.profiles);
        let tenant = &owner.tenant;
        let mut refreshed = self.refresh(working, tenant, as_of).await;
        for _ in 0..MOST_SALTS {
            let Err(ArchiveError::Report(ReportError::Collision { salt, .. })) = refreshed else { break };
            let (path, owner) = (path.to_owned(), owner.clone());
            let anew = self.work(move || {
                std::fs::remove_file(&path)?;
                Ok::<_, ArchiveError>(Working::create_salted(&path, &owner.context(), salt + 1)?)
            });
            refreshed = self.refresh(anew.await??, tenant, as_of).await;
        }
        refreshed
    }

    async fn refresh(&self, working: Working, tenant: &Tenant, as_of: Timestamp) -> Result<Working, ArchiveError> {
        let changed = self.store.changed_since(&tenant.id, working.as_of()?).await?;
        let overdue: HashSet<String> = working.overdue(as_of)?.into_iter().collect();
        let mut items: BTreeSet<String> = changed.into_iter().map(|key| key.as_str().to_owned()).collect();
        items.extend(overdue.iter().cloned());
        let items: Vec<String> = items.into_iter().collect();

        if self.inline {
            let mut read = Vec::new();
            for chunk in items.chunks(CHUNK) {
                read.push(self.read(chunk, as_of).await?);
            }
            return write(working, as_of, &overdue, read.into_iter().chain([Read::All]));
        }
        let (send, mut receive) = mpsc::channel(2);
        let writer = tokio::task::spawn_blocking(move || {
            write(working, as_of, &overdue, std::iter::from_fn(|| receive.blocking_recv()))
        });
        for chunk in items.chunks(CHUNK) {
            if send.send(self.read(chunk, as_of).await?).await.is_err() {
                // The writer has stopped, and says below why.
                break;
            }
        }
        let _stopped = send.send(Read::All).await;
        writer.await?
    }

    async fn read(&self, items: &[String], as_of: Timestamp) -> Result<Read, ArchiveError> {
        let keys: Vec<ItemKey> = items.iter().filter_map(|item| ItemKey::parse(item)).collect();
        Ok(Read::Items(items.to_vec(), self.store.load(&keys, as_of).await?))
    }
}

fn write(
    mut working: Working,
    as_of: Timestamp,
    overdue: &HashSet<String>,
    mut read: impl Iterator<Item = Read>,
) -> Result<Working, ArchiveError> {
    let mut refresh = working.refresh(as_of)?;
    loop {
        let (items, stored) = match read.next() {
            Some(Read::Items(items, stored)) => (items, stored),
            Some(Read::All) => break,
            None => return Err(ArchiveError::Interrupted),
        };
        let mut there = HashSet::new();
        for Stored { key, version, history, .. } in stored {
            let item = key.as_str().to_owned();
            if overdue.contains(&item) || !refresh.knows(&item, version)? {
                refresh.apply(&Change { item: item.clone(), version, history })?;
            }
            there.insert(item);
        }
        // Merged into another, or expired.
        for item in items.iter().filter(|item| !there.contains(*item)) {
            refresh.remove(item)?;
        }
    }
    refresh.finish()?;
    Ok(working)
}
