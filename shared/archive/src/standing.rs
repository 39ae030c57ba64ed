//! A file made with other settings or by another version, or one that cannot take what changed since: it answers unchanged
//! until an export has made a new one.
//!
//! Building a large tenant's file anew takes minutes, and no question should wait for that. What the file says stays
//! true for its instant and its settings, and the answer states both.

use crate::copies::One;
use crate::refresh::{Opened, Owner};
use crate::{Archive, ArchiveError};
use std::path::{Path, PathBuf};
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
    /// The settings with which it was made, if it answers only until a new file is there: the settings or the version have
    /// changed since, or what changed since has a number that the file gave to something else.
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
    /// The newest file at that time, if there was one; a newer one ends this.
    over: Option<String>,
    /// The settings at that time; other settings also end this.
    settings: TenantSettings,
    asked_at: Option<Timestamp>,
}

impl Standing {
    /// A published file at `path`, while `over` is the newest.
    pub(crate) fn file(path: PathBuf, over: Option<String>, tenant: &Tenant) -> Self {
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
        Ok(Some(Standing { source: Source::Copy(Box::new(copy)), over: Some(latest.sha256), settings, asked_at: None }))
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
        Ok((latest.map(|latest| latest.sha256) == standing.over).then_some(standing))
    }

    /// What stands after a copy could not take what changed, because of two things with one number: the copy as the last
    /// refresh left it, if it was shown, else the newest published file, at `path`. `None` if there is neither; then the
    /// tenant is new.
    pub(crate) async fn stand_after_collision(
        &self,
        one: &One,
        path: &Path,
        owner: &Owner,
        as_of: Timestamp,
    ) -> Result<Option<Standing>, ArchiveError> {
        let tenant = &owner.tenant;
        tracing::warn!(tenant = %tenant.id, "two things have one number in a copy; it answers as it is until an export has made a file with other numbers");
        let was_shown = one.shown.is_there();
        one.shown.hide().await;
        let latest = self.store.newest_file(&tenant.id, as_of).await?;
        let over = latest.as_ref().map(|file| file.sha256.clone());
        // What is shown is written through a log, so that what was not finished is not in it.
        if !was_shown {
            let Some(file) = latest else { return Ok(None) };
            match self.fetch_and_open(&file, path, owner).await {
                Ok(Opened::Ready(_) | Opened::Standing) => {}
                Ok(Opened::Foreign) => return Ok(None),
                Err(error) if error.is_lost_file() => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(Standing::file(path.to_owned(), over, tenant)))
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
