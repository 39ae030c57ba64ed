//! What a tenant's copy shows while it is brought up to date: the copy as its last refresh left it.
//!
//! A question waits for the refresh as long as the archive has patience. Then it is answered by what the last refresh left,
//! if that is only seconds old, and the refresh goes on; the answer states its instant, as every answer does.
//!
//! Must stay true: nothing is shown from before a change that this process has answered for, or of other settings than the
//! tenant's, erasures among them. The file is not replaced while somebody reads it.

use crate::ArchiveError;
use crate::copies::One;
use crate::standing::{Answer, answer_from};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::RwLock;
use vestibule_domain::{Millis, TenantSettings, Timestamp};
use vestibule_report::{Error as ReportError, Reader, Snapshot};
use vestibule_store::{MOST_AHEAD, Tenant};

/// How old an answer may become while the copy is being brought up to date.
pub(crate) const MOST_BEHIND: Millis = Millis::from_seconds(5);
/// Connections that are kept for the next questions. Each has three files open.
const MOST_IDLE: usize = 2;

/// What a copy shows.
#[derive(Default)]
pub(crate) struct Shown {
    view: Mutex<View>,
    /// Held by those who read; who replaces the file waits for them.
    reading: Arc<RwLock<()>>,
}

#[derive(Default)]
struct View {
    file: Option<File>,
    /// The last change that this process made for the tenant.
    changed_at: Option<Timestamp>,
    /// The process ends.
    is_over: bool,
}

/// The file that can be read.
struct File {
    path: PathBuf,
    as_of: Timestamp,
    settings: TenantSettings,
    idle: Vec<Snapshot>,
}

impl Shown {
    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the copy at `path`, a shared file, which was brought up to `as_of`.
    pub(crate) fn show(&self, path: &Path, as_of: Timestamp, settings: &TenantSettings) {
        let mut view = self.view();
        let idle = view.file.take().map(|file| file.idle).unwrap_or_default();
        view.file = Some(File { path: path.to_owned(), as_of, settings: settings.clone(), idle });
    }

    /// Whether a file is shown.
    pub(crate) fn is_there(&self) -> bool {
        self.view().file.is_some()
    }

    /// Shows nothing any more, and returns when nobody reads.
    pub(crate) async fn hide(&self) {
        let file = self.view().file.take();
        let _nobody_reads = self.reading.write().await;
        drop(file);
    }

    /// Notes that the process ends, so that no more work on the copy begins.
    pub(crate) fn end(&self) {
        self.view().is_over = true;
    }

    /// Whether the process ends.
    pub(crate) fn is_over(&self) -> bool {
        self.view().is_over
    }

    /// Notes that the tenant was changed, and that somebody was answered so: what is shown from now on has the change.
    pub(crate) fn changed(&self, at: Timestamp) {
        let changed_at = &mut self.view().changed_at;
        *changed_at = (*changed_at).max(Some(at));
    }

    /// Whether what is shown may answer a question as of `as_of` that does not wait any longer.
    pub(crate) fn may_answer(&self, tenant: &Tenant, as_of: Timestamp) -> bool {
        let view = self.view();
        view.file.as_ref().is_some_and(|file| {
            file.settings == tenant.settings
                && as_of - file.as_of <= MOST_BEHIND
                && file.as_of <= as_of + MOST_AHEAD
                && view.changed_at.is_none_or(|changed_at| changed_at < file.as_of)
        })
    }

    /// A connection to what is shown, if that is of the same settings.
    fn open(&self, settings: &TenantSettings) -> Option<Result<Snapshot, ReportError>> {
        let mut view = self.view();
        let file = view.file.as_mut().filter(|file| file.settings == *settings)?;
        match file.idle.pop() {
            Some(snapshot) => Some(Ok(snapshot)),
            None => {
                let path = file.path.clone();
                drop(view);
                Some(Snapshot::open(&path))
            }
        }
    }

    fn give_back(&self, snapshot: Snapshot) {
        let mut view = self.view();
        if let Some(file) = view.file.as_mut().filter(|file| file.idle.len() < MOST_IDLE) {
            file.idle.push(snapshot);
        }
    }
}

/// What became of a question that was put to what is shown.
pub(crate) enum Put<T, F> {
    Answered(Answer<T>),
    /// Nothing is shown to this tenant any more; here is the question again.
    NothingShown(F),
}

/// Answers a question from what the tenant's copy shows. Blocks.
fn answer<T, F>(one: &One, settings: &TenantSettings, question: F) -> Result<Put<T, F>, ReportError>
where
    F: FnOnce(&Reader<'_>) -> Result<T, ReportError>,
{
    let Some(snapshot) = one.shown.open(settings) else { return Ok(Put::NothingShown(question)) };
    let snapshot = snapshot?;
    let answer = snapshot.read(|reader| answer_from(reader, question));
    one.shown.give_back(snapshot);
    answer.map(Put::Answered)
}

impl crate::Archive {
    /// Answers a question from what the tenant's copy shows.
    pub(crate) async fn ask_shown<T, F>(
        &self,
        one: &Arc<One>,
        tenant: &Tenant,
        question: F,
    ) -> Result<Put<T, F>, ArchiveError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, ReportError> + Send + 'static,
    {
        // It goes along, since the work goes on if nobody waits for the answer any more.
        let reading = Arc::clone(&one.shown.reading).read_owned().await;
        let (one, settings) = (Arc::clone(one), tenant.settings.clone());
        let asked = self.work(move || {
            let answer = answer(&one, &settings, question);
            drop(reading);
            answer
        });
        Ok(asked.await??)
    }
}
