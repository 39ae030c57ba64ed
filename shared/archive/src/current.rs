//! The newest file, in this process's own copy, brought up to now for each question.
//!
//! The copy is refreshed in place; it starts from the newest published file, so that a process that begins
//! anew reads a file and a day's changes, not the whole table; from then on a question costs what changed since the one
//! before. A deployment may let an answer be a moment old: then
//! questions that come close together read the table once.

use crate::changed::{Changed, Follower};
use crate::{Archive, ArchiveError};
use std::sync::Arc;
use tokio::sync::Mutex;
use vestibule_domain::{TenantSettings, Timestamp};
use vestibule_report::{Error as ReportError, Reader, Working};
use vestibule_store::Tenant;

/// One tenant's copy.
#[derive(Default)]
pub(crate) struct Copy {
    held: Option<(Working, TenantSettings)>,
    follower: Follower,
}

impl Archive {
    /// Asks the tenant's report as of `as_of`.
    ///
    /// # Errors
    /// When the file can't be had or brought up to date, or the question is not one it answers.
    pub async fn ask<T, F>(&self, tenant: &Tenant, as_of: Timestamp, question: F) -> Result<T, ArchiveError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, ReportError> + Send + 'static,
    {
        let copy = {
            let mut copies = self.copies.lock().await;
            Arc::clone(copies.entry(tenant.id.clone()).or_insert_with(|| Arc::new(Mutex::default())))
        };
        let mut copy = copy.lock().await;
        // The copy is out of its place while it is worked on: if that fails, the next question starts anew.
        let held = copy.held.take().filter(|(_, settings)| !tenant.settings.alters_history(settings));
        let held = held.map(|(working, _)| working);
        let of_copy = held.as_ref().map(Working::as_of).transpose()?.flatten();
        let is_fresh = |of_copy: Timestamp| as_of - of_copy < self.staleness;
        let working = match held {
            Some(working) if of_copy.is_some_and(is_fresh) => working,
            held => {
                // Of two questions the one asked later may come first; the answer says what it is true for.
                let as_of = of_copy.map_or(as_of, |of_copy| as_of.max(of_copy));
                // Whoever follows a feed does so with the copy that it was followed with.
                let mut follower = held.as_ref().map(|_| std::mem::take(&mut copy.follower)).unwrap_or_default();
                let changed = self.changed(&mut follower, tenant, of_copy, as_of).await?;
                let working = match (held, changed) {
                    (Some(working), Changed::Late) => working,
                    (held, changed) => {
                        let owner = self.owner(tenant).await?;
                        let path = self.scratch.join(format!("{}.sqlite", tenant.id));
                        let is_held = held.is_some();
                        let working = match held {
                            Some(working) => working,
                            None => {
                                self.start(&path, tenant, as_of).await?;
                                self.open_or_create(&path, &owner).await?
                            }
                        };
                        let by_index = matches!(changed, Changed::Index(_));
                        let (working, looked) = self.bring_up(working, &path, &owner, as_of, changed).await?;
                        if is_held && by_index {
                            self.consider_feed(tenant, looked.items, as_of).await;
                        }
                        if looked.is_anew {
                            // By the index, which may lag behind the pages that were read.
                            follower = Follower::default();
                        }
                        working
                    }
                };
                copy.follower = follower;
                working
            }
        };
        let (working, answer) = tokio::task::spawn_blocking(move || {
            let answer = working.reader().and_then(|reader| question(&reader));
            (working, answer)
        })
        .await?;
        copy.held = Some((working, tenant.settings.clone()));
        Ok(answer?)
    }

    /// Puts the newest published file at `path`, or nothing where there is none to start from.
    async fn start(&self, path: &std::path::Path, tenant: &Tenant, as_of: Timestamp) -> Result<(), ArchiveError> {
        tokio::fs::create_dir_all(&self.scratch).await?;
        if tokio::fs::try_exists(path).await? {
            tokio::fs::remove_file(path).await?;
        }
        if let Some(latest) = self.store.latest_file(&tenant.id).await?.filter(|file| file.as_of <= as_of) {
            self.fetch(&latest, path).await?;
        }
        Ok(())
    }
}
