//! The newest file, in this process's own copy, brought up to now for each question.
//!
//! The copy is refreshed in place; it starts from the newest published file, so that a process that begins
//! anew reads a file and a day's changes, not the whole table. A deployment may let an answer be a moment old: then
//! questions that come close together read the table once.

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
                let owner = self.owner(tenant).await?;
                let path = self.scratch.join(format!("{}.sqlite", tenant.id));
                let working = match held {
                    Some(working) => working,
                    None => {
                        self.start(&path, tenant, as_of).await?;
                        self.open_or_create(&path, &owner).await?
                    }
                };
                // Of two questions the one asked later may come first; the answer says what it is true for.
                let as_of = of_copy.map_or(as_of, |of_copy| as_of.max(of_copy));
                self.bring_up(working, &path, &owner, as_of).await?
            }
        };
        let asked = self.work(move || {
            let answer = working.reader().and_then(|reader| question(&reader));
            (working, answer)
        });
        let (working, answer) = asked.await?;
        copy.held = Some((working, tenant.settings.clone()));
        Ok(answer?)
    }

    /// Puts the newest published file at `path`, or nothing where there is none to start from.
    async fn start(&self, path: &std::path::Path, tenant: &Tenant, as_of: Timestamp) -> Result<(), ArchiveError> {
        std::fs::create_dir_all(&self.scratch)?;
        if path.try_exists()? {
            std::fs::remove_file(path)?;
        }
        if let Some(latest) = self.store.latest_file(&tenant.id).await?.filter(|file| file.as_of <= as_of) {
            self.fetch(&latest, path).await?;
        }
        Ok(())
    }
}
