//! A file made by other settings, or with other things built in, that answers as it is until an export has made a new one.
//!
//! Building a tenant's file anew takes minutes where it is large: nobody waits for that with a question. What the file
//! says stays true for its instant and by its settings, and the answer says so.

use crate::{Archive, ArchiveError};
use std::path::PathBuf;
use vestibule_domain::{Millis, TenantSettings, Timestamp};
use vestibule_report::{Basis, Error as ReportError, Reader, SCHEMA_VERSION, Working};
use vestibule_store::Tenant;

/// A new file that does not come is asked for again after so long.
const ASK_AGAIN: Millis = Millis::from_minutes(15);

/// An answer, and what is to be said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// What was asked.
    pub value: T,
    /// Stored enrollments that could not be read and are missing in it.
    pub unreadable: u64,
    /// The settings that it was made by, where they or what is built into files have changed since and a new file is
    /// still to come.
    pub stands_on: Option<Basis>,
    /// Whether a file is to be asked for, as of now: nobody has yet, or long ago.
    pub ask_for_file: bool,
}

/// Where a standing answer comes from.
enum Source {
    /// A published file, here.
    File(PathBuf),
    /// A copy that was followed until the settings changed.
    Copy(Box<Working>),
}

/// What answers until there is a new file.
pub(crate) struct Standing {
    source: Source,
    /// The newest file at that time: another one ends this.
    over: String,
    /// The settings that it was not made by: others end this too.
    settings: TenantSettings,
    asked_at: Option<Timestamp>,
}

impl Standing {
    /// A published file at `path`, while `over` is the newest.
    pub(crate) fn file(path: PathBuf, over: String, tenant: &Tenant) -> Self {
        Self { source: Source::File(path), over, settings: tenant.settings.clone(), asked_at: None }
    }

    /// Whether a new file is to be asked for now.
    fn ask(&mut self, now: Timestamp) -> bool {
        let ask = self.asked_at.is_none_or(|at| now - at >= ASK_AGAIN);
        if ask {
            self.asked_at = Some(now);
        }
        ask
    }
}

/// Asks a reader, and what is to be said of the answer.
pub(crate) fn tell<T>(
    reader: &Reader<'_>,
    question: impl FnOnce(&Reader<'_>) -> Result<T, ReportError>,
) -> Result<Answer<T>, ReportError> {
    Ok(Answer { value: question(reader)?, unreadable: reader.unreadable()?, stands_on: None, ask_for_file: false })
}

impl Archive {
    /// Makes a copy stand that was followed under the settings `before`; `None` where there is no older file, so that the
    /// tenant is new and small, where the newest one is newer than the copy, or people must not be shown as the copy does.
    pub(crate) async fn stand(
        &self,
        copy: Working,
        before: &TenantSettings,
        tenant: &Tenant,
    ) -> Result<Option<Standing>, ArchiveError> {
        if before.pseudonymise != tenant.settings.pseudonymise {
            return Ok(None);
        }
        let Some(of_copy) = copy.as_of()? else { return Ok(None) };
        let latest = self.store.latest_file(&tenant.id).await?;
        let Some(latest) = latest.filter(|file| file.schema_version == SCHEMA_VERSION && file.as_of <= of_copy) else {
            return Ok(None);
        };
        let settings = tenant.settings.clone();
        Ok(Some(Standing { source: Source::Copy(Box::new(copy)), over: latest.sha256, settings, asked_at: None }))
    }

    /// What stood before, unless something better is there meanwhile.
    pub(crate) async fn still_stands(
        &self,
        standing: Standing,
        tenant: &Tenant,
    ) -> Result<Option<Standing>, ArchiveError> {
        if tenant.settings.alters_history(&standing.settings) {
            return Ok(None);
        }
        let latest = self.store.latest_file(&tenant.id).await?;
        Ok(latest.is_some_and(|latest| latest.sha256 == standing.over).then_some(standing))
    }

    /// Asks what stands.
    pub(crate) async fn ask_standing<T, F>(
        &self,
        mut standing: Standing,
        now: Timestamp,
        question: F,
    ) -> Result<(Standing, Result<Answer<T>, ReportError>), ArchiveError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, ReportError> + Send + 'static,
    {
        let ask_for_file = standing.ask(now);
        self.work(move || {
            let told = |reader: &Reader<'_>| {
                let answer = tell(reader, question)?;
                Ok(Answer { stands_on: Some(reader.basis()?), ask_for_file, ..answer })
            };
            let answer = match &standing.source {
                Source::File(path) => Reader::open(path).and_then(|reader| told(&reader)),
                Source::Copy(copy) => copy.reader().and_then(|reader| told(&reader)),
            };
            (standing, answer)
        })
        .await
    }
}
