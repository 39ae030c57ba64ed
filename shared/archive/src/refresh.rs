//! Bringing a working file up to an instant from what changed in the table.
//!
//! The table is read here while another thread puts what was read into the file. The file is finished only when that
//! thread was told that all was read: anything else leaves it unusable, and it is thrown away.

use crate::changed::Changed;
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

/// What bringing a file up took.
pub(crate) struct Looked {
    /// Items that were looked at.
    pub items: usize,
    /// The file was built from nothing.
    pub is_anew: bool,
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
        tokio::task::spawn_blocking(move || {
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

    /// Brings `working` up to `as_of`, and says what that took. Where two names hash alike it is built from nothing with
    /// another salt.
    pub(crate) async fn bring_up(
        &self,
        mut working: Working,
        path: &Path,
        owner: &Owner,
        as_of: Timestamp,
        changed: Changed,
    ) -> Result<(Working, Looked), ArchiveError> {
        // A file that is kept open has those of the question before.
        working.set_profiles(&owner.profiles);
        let tenant = &owner.tenant;
        let mut refreshed = self.refresh(working, tenant, as_of, &changed).await;
        for _ in 0..MOST_SALTS {
            let Err(ArchiveError::Report(ReportError::Collision { salt, .. })) = refreshed else { break };
            let (path, owner) = (path.to_owned(), owner.clone());
            let anew = tokio::task::spawn_blocking(move || {
                std::fs::remove_file(&path)?;
                Ok::<_, ArchiveError>(Working::create_salted(&path, &owner.context(), salt + 1)?)
            });
            refreshed = self.refresh(anew.await??, tenant, as_of, &changed).await;
            if let Ok((_, looked)) = &mut refreshed {
                looked.is_anew = true;
            }
        }
        refreshed
    }

    async fn refresh(
        &self,
        working: Working,
        tenant: &Tenant,
        as_of: Timestamp,
        changed: &Changed,
    ) -> Result<(Working, Looked), ArchiveError> {
        let (changed, store) = self.items(&working, tenant, changed).await?;
        let overdue: HashSet<String> = working.overdue(as_of)?.into_iter().collect();
        let mut items: BTreeSet<String> = changed.into_iter().map(|key| key.as_str().to_owned()).collect();
        items.extend(overdue.iter().cloned());
        let items: Vec<String> = items.into_iter().collect();

        let (send, receive) = mpsc::channel(2);
        let writer = tokio::task::spawn_blocking(move || write(working, as_of, &overdue, receive));
        for chunk in items.chunks(CHUNK) {
            let keys: Vec<ItemKey> = chunk.iter().filter_map(|item| ItemKey::parse(item)).collect();
            let stored = store.load(&keys, as_of).await?;
            if send.send(Read::Items(chunk.to_vec(), stored)).await.is_err() {
                // The writer has stopped, and says below why.
                break;
            }
        }
        let _stopped = send.send(Read::All).await;
        Ok((writer.await??, Looked { items: items.len(), is_anew: false }))
    }
}

fn write(
    mut working: Working,
    as_of: Timestamp,
    overdue: &HashSet<String>,
    mut receive: mpsc::Receiver<Read>,
) -> Result<Working, ArchiveError> {
    let mut refresh = working.refresh(as_of)?;
    loop {
        let (items, stored) = match receive.blocking_recv() {
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
