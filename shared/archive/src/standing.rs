//! A file made with other settings or by another version, which answers unchanged until an export has made a new one.
//!
//! Building a large tenant's file anew takes minutes, and no question should wait for that. What the file says stays
//! true for its instant and its settings, and the answer states both.

use crate::{Archive, ArchiveError};
use std::path::PathBuf;
use vestibule_domain::{Millis, TenantSettings, Timestamp};
use vestibule_report::{Basis, Error as ReportError, Reader, SCHEMA_VERSION, Working};
use vestibule_store::Tenant;

/// If a new file does not arrive, it is requested again after this long.
const ASK_AGAIN: Millis = Millis::from_minutes(15);

/// An answer and its conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// The answer itself.
    pub value: T,
    /// Number of stored enrollments that could not be read and are missing from it.
    pub unreadable: u64,
    /// The settings with which it was made, if they or the version have changed since and a new file is not there yet.
    pub stands_on: Option<Basis>,
    /// Whether to request a file as of now: nobody has yet, or not recently.
    pub ask_for_file: bool,
}

/// Where a standing answer comes from.
enum Source {
    /// A published file, stored here.
    File(PathBuf),
    /// A copy that was followed until the settings changed.
    Copy(Box<Working>),
}

/// The file that answers until there is a new one.
pub(crate) struct Standing {
    source: Source,
    /// The newest file at that time; a newer one ends this.
    over: String,
    /// The settings that did not apply to the file; other settings also end this.
    settings: TenantSettings,
    asked_at: Option<Timestamp>,
}

impl Standing {
    /// A published file at `path`, while `over` is the newest.
    pub(crate) fn file(path: PathBuf, over: String, tenant: &Tenant) -> Self {
        Self { source: Source::File(path), over, settings: tenant.settings.clone(), asked_at: None }
    }

    /// Whether to request a new file now.
    fn ask(&mut self, now: Timestamp) -> bool {
        let ask = self.asked_at.is_none_or(|at| now - at >= ASK_AGAIN);
        if ask {
            self.asked_at = Some(now);
        }
        ask
    }
}

/// Answers a question from a reader, with its conditions.
pub(crate) fn answer_from<T>(
    reader: &Reader<'_>,
    question: impl FnOnce(&Reader<'_>) -> Result<T, ReportError>,
) -> Result<Answer<T>, ReportError> {
    Ok(Answer { value: question(reader)?, unreadable: reader.unreadable()?, stands_on: None, ask_for_file: false })
}

impl Archive {
    /// Keeps a copy that was followed under the settings `before` as a standing answer. `None` if there is no older
    /// file (then the tenant is new and small), if the newest file is newer than the copy, or if people must not be
    /// shown as the copy shows them.
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

    /// The previous standing file, unless there is something better meanwhile.
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

    /// Answers a question from the standing file.
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
            let answer_of = |reader: &Reader<'_>| {
                let answer = answer_from(reader, question)?;
                Ok(Answer { stands_on: Some(reader.basis()?), ask_for_file, ..answer })
            };
            let answer = match &standing.source {
                Source::File(path) => Reader::open(path).and_then(|reader| answer_of(&reader)),
                Source::Copy(copy) => copy.reader().and_then(|reader| answer_of(&reader)),
            };
            (standing, answer)
        })
        .await
    }
}
