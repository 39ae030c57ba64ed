//! The newest file, in this process's own copy, brought up to date for each question.
//!
//! The copy is refreshed in place. It starts from the newest intact published file, so a new process reads one file and
//! a day's changes, not the whole table; after that, a question costs what changed since the previous one. A deployment
//! may allow answers to be slightly old; then questions that come close together read the table once. Where bringing it up
//! to date takes long, a question need not wait for it (`shown`).

use crate::changed::{Changed, Follower};
use crate::copies::{One, remove};
use crate::publish::say_lost;
use crate::refresh::{Opened, Owner};
use crate::shown::Put;
use crate::standing::{Answer, Standing, answer_from};
use crate::{Archive, ArchiveError};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use vestibule_domain::{TenantId, TenantSettings, Timestamp};
use vestibule_report::{Error as ReportError, Reader, Working};
use vestibule_store::{FileRecord, MOST_AHEAD, Tenant};

/// Number of files tried until one is intact; if more are lost, it is not an accident.
const MOST_TRIED: usize = 8;

/// One tenant's copy.
#[derive(Default)]
pub(crate) struct Copy {
    held: Option<(Working, TenantSettings)>,
    /// The file that answers until there is a new one.
    standing: Option<Standing>,
    follower: Follower,
}

/// What a process starts from.
enum Started {
    Working(Box<Working>),
    Standing(Standing),
}

impl Archive {
    /// Answers a question from the tenant's report as of `as_of`.
    ///
    /// # Errors
    /// When the file cannot be fetched or brought up to date, or does not answer this question.
    pub async fn ask<T, F>(&self, tenant: &Tenant, as_of: Timestamp, question: F) -> Result<T, ArchiveError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, ReportError> + Send + 'static,
    {
        self.answer(tenant, as_of, question).await.map(|answer| answer.value)
    }

    /// Answers a question from the tenant's report as of `as_of`. If the answer comes from a file made with other
    /// settings, or from what the last refresh left, it is true for an earlier instant, which it states.
    ///
    /// # Errors
    /// When the file cannot be fetched or brought up to date, or does not answer this question.
    pub async fn answer<T, F>(&self, tenant: &Tenant, as_of: Timestamp, question: F) -> Result<Answer<T>, ArchiveError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, ReportError> + Send + 'static,
    {
        let one = self.copies.of(&tenant.id, as_of);
        let answer = match self.patience {
            Some(patience) => self.answer_soon(&one, tenant, as_of, question, patience).await,
            None => self.answer_in_turn(&one, tenant, as_of, question).await,
        };
        drop(one);
        let bytes = std::fs::metadata(self.path_of(&tenant.id)).map_or(0, |file| file.len());
        self.copies.settle(&tenant.id, bytes, self.room, |tenant| self.path_of(tenant).into());
        answer
    }

    /// Brings the copy up to date, and answers from it; other questions wait.
    async fn answer_in_turn<T, F>(
        &self,
        one: &One,
        tenant: &Tenant,
        as_of: Timestamp,
        question: F,
    ) -> Result<Answer<T>, ArchiveError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, ReportError> + Send + 'static,
    {
        let mut copy = one.copy.lock().await;
        self.bring_up_copy(one, &mut copy, tenant, as_of).await?;
        self.ask_copy(&mut copy, as_of, question).await
    }

    /// Has the copy brought up to date, and answers from what it shows: when that is done, or when the patience is over.
    async fn answer_soon<T, F>(
        &self,
        one: &Arc<One>,
        tenant: &Tenant,
        as_of: Timestamp,
        question: F,
        patience: Duration,
    ) -> Result<Answer<T>, ArchiveError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, ReportError> + Send + 'static,
    {
        let brought_up = self.bring_up_aside(one, tenant, as_of);
        // If the patience ends first, the work goes on, or is not begun if another question's is under way.
        let in_time = match one.shown.may_answer(tenant, as_of) {
            true => tokio::time::timeout(patience, brought_up).await.ok(),
            false => Some(brought_up.await),
        };
        if let Some(ended) = in_time {
            ended.map_err(|_| ArchiveError::Interrupted)??;
        }
        match self.ask_shown(one, tenant, question).await? {
            Put::Answered(answer) => Ok(answer),
            // A file that answers until there is a new one.
            Put::NothingShown(question) => self.answer_in_turn(one, tenant, as_of, question).await,
        }
    }

    /// Brings the copy up to date in a task of its own, which goes on if nobody waits for it. Nothing is begun for who does
    /// not wait any more.
    fn bring_up_aside(
        &self,
        one: &Arc<One>,
        tenant: &Tenant,
        as_of: Timestamp,
    ) -> oneshot::Receiver<Result<(), ArchiveError>> {
        let (mut done, brought_up) = oneshot::channel();
        let (archive, one, tenant) = (self.clone(), Arc::clone(one), tenant.clone());
        tokio::spawn(async move {
            let mut copy = tokio::select! {
                biased;
                copy = one.copy.lock() => copy,
                () = done.closed() => return,
            };
            if one.shown.is_over() {
                return;
            }
            let ended = archive.bring_up_copy(&one, &mut copy, &tenant, as_of).await;
            drop(copy);
            if let Err(Err(error)) = done.send(ended) {
                tracing::warn!(tenant = %tenant.id, %error, "a copy could not be brought up to date; the next question tries again");
            }
        });
        brought_up
    }

    /// Brings the copy up to `as_of`, or finds the file that stands for it, and makes room on the disk if need be.
    async fn bring_up_copy(
        &self,
        one: &One,
        copy: &mut Copy,
        tenant: &Tenant,
        as_of: Timestamp,
    ) -> Result<(), ArchiveError> {
        let path = self.path_of(&tenant.id);
        let mut brought = self.try_to_bring_up(one, copy, &path, tenant, as_of).await;
        if brought.as_ref().is_err_and(ArchiveError::is_of_the_disk) {
            // Others' copies may be all that is in the way, for this question or for the next.
            let closed = self.close_others(&tenant.id);
            if closed > 0 {
                tracing::warn!(tenant = %tenant.id, closed, "the disk is full, or fails; the copies of others were closed");
                brought = self.try_to_bring_up(one, copy, &path, tenant, as_of).await;
            }
        }
        if copy.held.is_none() && copy.standing.is_none() {
            // A half-finished file is useless, and another may need the room.
            one.shown.hide().await;
            let _not_there = remove(&path);
        }
        brought
    }

    async fn try_to_bring_up(
        &self,
        one: &One,
        copy: &mut Copy,
        path: &Path,
        tenant: &Tenant,
        as_of: Timestamp,
    ) -> Result<(), ArchiveError> {
        // The copy is taken out while it is used: if the work fails, the next question starts anew.
        let mut standing = match copy.standing.take() {
            Some(stood) => self.still_stands(stood, tenant).await?,
            None => None,
        };
        let mut held = None;
        match copy.held.take() {
            Some((working, _)) if working.as_of()?.is_some_and(|of_copy| of_copy > as_of + MOST_AHEAD) => {
                tracing::warn!(tenant = %tenant.id, of_copy = ?working.as_of()?, %as_of, "a copy is ahead of the clock; it is given up");
            }
            Some((working, before)) if tenant.settings.alters_history(&before) => {
                standing = self.stand(working, &before, tenant).await?;
            }
            Some((working, _)) => held = Some(working),
            None => {}
        }
        if standing.is_some() {
            copy.standing = standing;
            return Ok(());
        }
        let of_copy = held.as_ref().map(Working::as_of).transpose()?.flatten();
        let is_fresh = |of_copy: Timestamp| as_of - of_copy < self.staleness;
        let working = match held {
            Some(working) if of_copy.is_some_and(is_fresh) => working,
            held => {
                // Of two questions the later may run first; the answer states its instant.
                let as_of = of_copy.map_or(as_of, |of_copy| as_of.max(of_copy));
                // A follower belongs to the copy with which it followed the feed.
                let mut follower = held.as_ref().map(|_| std::mem::take(&mut copy.follower)).unwrap_or_default();
                let changed = self.changed(&mut follower, tenant, of_copy, as_of).await?;
                let working = match (held, changed) {
                    (Some(working), Changed::Late) => working,
                    (held, changed) => {
                        let owner = self.owner(tenant, as_of).await?;
                        let is_held = held.is_some();
                        let working = match held {
                            Some(working) => working,
                            None => {
                                one.shown.hide().await;
                                match self.start(path, &owner, as_of).await? {
                                    Started::Working(working) => *working,
                                    Started::Standing(standing) => {
                                        copy.standing = Some(standing);
                                        return Ok(());
                                    }
                                }
                            }
                        };
                        let by_index = matches!(changed, Changed::Index(_));
                        let shown = Some(&one.shown);
                        let has_rows = working.as_of()?.is_some();
                        let brought = self.bring_up(working, path, &owner, as_of, &changed, shown).await;
                        let (working, looked) = match brought {
                            Err(ArchiveError::Report(ReportError::Collision { salt, .. })) => {
                                if has_rows
                                    && let Some(standing) = self.stand_after_collision(one, path, &owner, as_of).await?
                                {
                                    copy.standing = Some(standing);
                                    return Ok(());
                                }
                                self.build_salted(path, &owner, as_of, salt + 1, shown).await?
                            }
                            brought => brought?,
                        };
                        if is_held && by_index {
                            self.consider_feed(tenant, looked.items, as_of).await;
                        }
                        if looked.is_anew {
                            // From the index, which may lag behind the pages that were read.
                            follower = Follower::default();
                        }
                        working
                    }
                };
                copy.follower = follower;
                working
            }
        };
        if self.patience.is_some() {
            if !one.shown.is_there() {
                working.share()?;
            }
            if let Some(as_of) = working.as_of()? {
                one.shown.show(path, as_of, &tenant.settings);
            }
        }
        copy.held = Some((working, tenant.settings.clone()));
        Ok(())
    }

    /// Answers a question from a copy that was brought up to date, or from the file that stands for it.
    async fn ask_copy<T, F>(&self, copy: &mut Copy, as_of: Timestamp, question: F) -> Result<Answer<T>, ArchiveError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, ReportError> + Send + 'static,
    {
        if let Some(standing) = copy.standing.take() {
            let (standing, answer) = self.ask_standing(standing, as_of, question).await?;
            copy.standing = Some(standing);
            return Ok(answer?);
        }
        let (working, settings) = copy.held.take().ok_or(ArchiveError::Interrupted)?;
        let asked = self.work(move || {
            let answer = working.reader().and_then(|reader| answer_from(&reader, question));
            (working, answer)
        });
        let (working, answer) = asked.await?;
        copy.held = Some((working, settings));
        Ok(answer?)
    }

    pub(crate) fn path_of(&self, tenant: &TenantId) -> PathBuf {
        self.scratch.join(format!("{tenant}.sqlite"))
    }

    /// Opens the newest intact published file at `path`, or makes an empty one if there is none to start from.
    async fn start(&self, path: &Path, owner: &Owner, as_of: Timestamp) -> Result<Started, ArchiveError> {
        std::fs::create_dir_all(&self.scratch)?;
        let tenant = &owner.tenant;
        let latest = self.store.newest_file(&tenant.id, as_of).await?.filter(|file| file.as_of <= as_of);
        let over = latest.as_ref().map(|file| file.sha256.clone());
        let (mut next, mut older) = (latest, None);
        while let Some(file) = next {
            match self.fetch_and_open(&file, path, owner).await {
                Ok(Opened::Ready(working)) => return Ok(Started::Working(working)),
                Ok(Opened::Standing) => return Ok(Started::Standing(Standing::file(path.to_owned(), over, tenant))),
                Ok(Opened::Foreign) => break,
                Err(error) if error.is_lost_file() => say_lost(tenant, &file, &error, as_of),
                Err(error) => return Err(error),
            }
            let older: &mut VecDeque<FileRecord> = match &mut older {
                Some(older) => older,
                None => {
                    let mut files = self.store.files(&tenant.id, MOST_TRIED).await?;
                    files.retain(|other| other.as_of < file.as_of);
                    older.insert(files.into())
                }
            };
            next = older.pop_front();
        }
        Ok(Started::Working(Box::new(self.create(path, owner).await?)))
    }

    pub(crate) async fn fetch_and_open(
        &self,
        file: &FileRecord,
        path: &Path,
        owner: &Owner,
    ) -> Result<Opened, ArchiveError> {
        // Anyone who has the old file open keeps it.
        remove(path)?;
        self.make_room(&owner.tenant.id, file.size_bytes);
        self.fetch(file, path).await?;
        self.open(path, owner).await
    }
}
