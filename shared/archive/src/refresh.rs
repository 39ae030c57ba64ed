//! Brings a working file up to an instant with the table's changes.
//!
//! Several work at once, each a step ahead of the next: a task requests heads, this one reads their segments, a thread
//! decodes both and folds what a new file gets, and a thread writes into the file. That thread finishes the file only after the message that
//! everything was read; in any other case the file is unusable and is thrown away. What they wait for each other with is
//! bounded, however much there is: the heads of two chunks, and a few parts.

use crate::changed::{Changed, Sought};
use crate::copies::remove;
use crate::shown::Shown;
use crate::{Archive, ArchiveError};
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use vestibule_advice::Catalogue;
use vestibule_domain::Timestamp;
use vestibule_domain::annotation::Annotations;
use vestibule_domain::esp::AppNames;
use vestibule_domain::esp::profiles::Profiles;
use vestibule_domain::plan::REFRESHED_FOR;
use vestibule_domain::web_enrollment::WebDays;
use vestibule_platform::metrics;
use vestibule_report::{Change, Context, Error as ReportError, Folded, Folding, Reader, Refresh, Working};
use vestibule_store::{Heads, ItemKey, Listing, Part, Secret, Store, Stored, Tenant, Unreadable};

/// Number of enrollments read from the table before they are written into the file.
const CHUNK: usize = 500;
/// Number of enrollments decoded and folded before they are passed on.
const FEW: usize = 32;
/// The last salt that is tried. Two failing in a row by chance is practically impossible, unless hundreds of thousands of
/// attempts start in the same minute.
const MOST_SALTS: u32 = 8;

/// Largest number of enrollments kept for the end because they came twice in a walk through all of them.
const MOST_AGAIN: usize = 200;

/// What the reading side sends to the writing side.
enum Read {
    /// These items were looked for and are missing: merged into another, or expired.
    Gone(Vec<String>),
    /// These items were found.
    Found(Part),
    /// Everything was read.
    All,
}

/// Where the items of a refresh come from, a few at a time.
enum Items {
    /// All items of the tenant, page by page; nobody holds the whole list.
    All(Listing, VecDeque<ItemKey>),
    /// Only these.
    These(std::collections::btree_set::IntoIter<String>),
}

impl Items {
    async fn next(&mut self, store: &Store) -> Result<Vec<ItemKey>, ArchiveError> {
        match self {
            Self::All(listing, page) => {
                while page.is_empty() {
                    let Some(next) = store.next_page(listing).await? else { break };
                    *page = next.into();
                }
                Ok(page.drain(..page.len().min(CHUNK)).collect())
            }
            Self::These(items) => Ok(items.by_ref().filter_map(|item| ItemKey::parse(&item)).take(CHUNK).collect()),
        }
    }
}

/// Items that were read together.
struct Chunk {
    /// Those that were looked for and are missing.
    gone: Vec<String>,
    heads: Heads,
}

impl Chunk {
    /// The next chunk; `None` if there are no more items.
    async fn read(store: &Store, items: &mut Items, as_of: Timestamp) -> Result<Option<Self>, ArchiveError> {
        let keys = items.next(store).await?;
        if keys.is_empty() {
            return Ok(None);
        }
        let heads = store.heads(&keys, as_of).await?;
        let there: HashSet<&ItemKey> = heads.keys().collect();
        let gone = keys.iter().filter(|key| !there.contains(key)).map(|key| key.as_str().to_owned()).collect();
        Ok(Some(Self { gone, heads }))
    }

    /// Passes on what was found; `false` if nobody accepts it.
    async fn pass_on(self, store: &Store, taker: &mut Taker) -> Result<bool, ArchiveError> {
        let Self { gone, mut heads } = self;
        if !taker.take(Read::Gone(gone)).await {
            return Ok(false);
        }
        while let Some(found) = store.read_part(&mut heads).await? {
            if !taker.take(Read::Found(found)).await {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What bringing a file up to date took.
pub(crate) struct Looked {
    /// Number of items looked at.
    pub items: usize,
    /// Whether the file was built from nothing.
    pub is_anew: bool,
}

/// The tenant that a file belongs to, and its contents besides enrollments.
#[derive(Clone)]
pub(crate) struct Owner {
    pub tenant: Tenant,
    /// Only of a tenant that has pseudonyms.
    pub pseudonym_key: Option<Secret>,
    pub profiles: Profiles,
    pub web_days: WebDays,
    pub app_names: Arc<AppNames>,
    pub annotations: Annotations,
    pub advice: Arc<Catalogue>,
}

/// A published file, opened.
pub(crate) enum Opened {
    /// It can be refreshed.
    Ready(Box<Working>),
    /// It was made with other settings or by another version; its contents are still the tenant's.
    Standing,
    /// It is useless: it has another schema, or writes people differently.
    Foreign,
}

/// Why a file cannot be opened. It has the content that was published, so that an error of the disk says nothing about
/// it.
fn unfit(error: ReportError) -> ArchiveError {
    if error.is_of_the_disk() { ArchiveError::Report(error) } else { ArchiveError::Unfit(error) }
}

impl Owner {
    pub(crate) fn context(&self) -> Context<'_> {
        let Self { tenant, pseudonym_key, profiles, advice, web_days: _, app_names: _, annotations: _ } = self;
        let pseudonym_key = pseudonym_key.as_ref().map(|key| key.expose().as_bytes()).unwrap_or_default();
        Context { tenant: &tenant.id, settings: &tenant.settings, pseudonym_key, profiles, advice }
    }

    /// Gives a file the tenant's contents besides enrollments, for the next refresh: a file that is kept open has those
    /// of the previous question, and a new one has none yet.
    pub(crate) fn lend(&self, working: &mut Working) {
        working.set_profiles(&self.profiles);
        working.set_web_days(&self.web_days);
        working.set_app_names(&self.app_names);
        working.set_annotations(&self.annotations);
    }
}

impl Archive {
    /// The tenant with its current profiles, sums of web-based enrollment, names of apps and annotations, for a file as of `as_of`.
    pub(crate) async fn owner(&self, tenant: &Tenant, as_of: Timestamp) -> Result<Owner, ArchiveError> {
        let pseudonym_key = tenant.pseudonyms()?.cloned();
        let from = (as_of - tenant.settings.retention()).day(tenant.settings.time_zone);
        let (profiles, web_days, app_names, annotations) = futures::try_join!(
            self.store.profiles(&tenant.id),
            self.store.web_days(&tenant.id, from.plus(-1)),
            self.store.app_names(&tenant.id),
            self.store.annotations(&tenant.id)
        )?;
        let (tenant, app_names, advice) = (tenant.clone(), Arc::new(app_names), Arc::clone(&self.advice));
        Ok(Owner { tenant, pseudonym_key, profiles, web_days, app_names, annotations, advice })
    }

    /// Opens the published file at `path`.
    pub(crate) async fn open(&self, path: &Path, owner: &Owner) -> Result<Opened, ArchiveError> {
        let (path, owner) = (path.to_owned(), owner.clone());
        self.work(move || {
            let context = owner.context();
            if let Some(working) = Working::open(&path, &context).map_err(unfit)? {
                // A file that was never finished was never published.
                working.as_of().map_err(unfit)?.ok_or(ArchiveError::Unfit(ReportError::Empty))?;
                return Ok(Opened::Ready(Box::new(working)));
            }
            let reader = match Reader::open(&path) {
                Ok(reader) => reader,
                Err(ReportError::ForeignFile) => return Ok(Opened::Foreign),
                Err(error) => return Err(unfit(error)),
            };
            let may_stand = reader.may_stand_for(&context).map_err(unfit)?;
            Ok(if may_stand { Opened::Standing } else { Opened::Foreign })
        })
        .await?
    }

    /// Makes an empty file at `path` and replaces what is there.
    pub(crate) async fn create(&self, path: &Path, owner: &Owner) -> Result<Working, ArchiveError> {
        let (path, owner) = (path.to_owned(), owner.clone());
        self.work(move || {
            remove(&path)?;
            Ok(Working::create(&path, &owner.context())?)
        })
        .await?
    }

    /// Brings `working` up to `as_of`, and returns what that took. `shown` is what shows the file to others, who must leave it
    /// before it is replaced.
    ///
    /// # Errors
    /// [`ReportError::Collision`] among others; the file must be built from nothing then.
    pub(crate) async fn bring_up(
        &self,
        mut working: Working,
        path: &Path,
        owner: &Owner,
        as_of: Timestamp,
        changed: &Changed,
        shown: Option<&Shown>,
    ) -> Result<(Working, Looked), ArchiveError> {
        let is_too_old = working.as_of()?.is_some_and(|then| as_of - then > REFRESHED_FOR);
        if is_too_old {
            // Something that changed since may already be gone from the table, and would stay in the file.
            hide(shown).await;
            drop(working);
            working = self.create(path, owner).await?;
        }
        owner.lend(&mut working);
        let began = Instant::now();
        let is_anew = working.as_of()?.is_none();
        let (working, looked) = self.refresh(working, &owner.tenant, as_of, changed).await?;
        let looked = Looked { is_anew: looked.is_anew || is_too_old, ..looked };
        say_brought_up(began, &looked, is_anew);
        Ok((working, looked))
    }

    /// Builds the file from nothing, with the first salt from `salt` under which no two things have one number.
    pub(crate) async fn build_salted(
        &self,
        path: &Path,
        owner: &Owner,
        as_of: Timestamp,
        salt: u32,
        shown: Option<&Shown>,
    ) -> Result<(Working, Looked), ArchiveError> {
        let began = Instant::now();
        let mut salt = salt;
        loop {
            hide(shown).await;
            let (to, of) = (path.to_owned(), owner.clone());
            let working = self.work(move || {
                remove(&to)?;
                let mut working = Working::create_salted(&to, &of.context(), salt)?;
                of.lend(&mut working);
                Ok::<_, ArchiveError>(working)
            });
            match self.refresh(working.await??, &owner.tenant, as_of, &Changed::Late).await {
                Err(ArchiveError::Report(ReportError::Collision { .. })) if salt < MOST_SALTS => salt += 1,
                refreshed => {
                    let (working, looked) = refreshed?;
                    say_brought_up(began, &looked, true);
                    return Ok((working, Looked { is_anew: true, ..looked }));
                }
            }
        }
    }

    async fn refresh(
        &self,
        working: Working,
        tenant: &Tenant,
        as_of: Timestamp,
        changed: &Changed,
    ) -> Result<(Working, Looked), ArchiveError> {
        let overdue: HashSet<String> = working.overdue(as_of)?.into_iter().collect();
        let sought = Sought::by(&working, changed)?;
        let (mut items, store, looked) = match working.as_of()? {
            None => (Items::All(Listing::new(&tenant.id), VecDeque::new()), self.store.clone(), 0),
            Some(_) => {
                let (changed, store) = self.items(tenant, sought).await?;
                let mut items: BTreeSet<String> = changed.into_iter().map(|key| key.as_str().to_owned()).collect();
                items.extend(overdue.iter().cloned());
                let looked = items.len();
                (Items::These(items.into_iter()), store, looked)
            }
        };
        let looked = Looked { items: looked, is_anew: false };
        if self.inline {
            let mut taker = Taker::Held(Vec::new());
            while let Some(chunk) = Chunk::read(&store, &mut items, as_of).await? {
                chunk.pass_on(&store, &mut taker).await?;
            }
            taker.take(Read::All).await;
            let Taker::Held(read) = taker else { return Err(ArchiveError::Interrupted) };
            return Ok((write(working, &store, as_of, &overdue, read.into_iter(), Opens::InPlace)?, looked));
        }
        let (send, mut receive) = mpsc::channel(1);
        let opening = store.clone();
        let writer = tokio::task::spawn_blocking(move || {
            let read = std::iter::from_fn(|| receive.blocking_recv());
            write(working, &opening, as_of, &overdue, read, Opens::OnItsThread)
        });
        let read = read_ahead(store, items, as_of, &mut Taker::Writer(send)).await;
        // The file is closed before anybody goes on: if reading failed, the writer gives up.
        let written = writer.await?;
        // If the writer stopped, its own error says why.
        read?;
        Ok((written?, looked))
    }
}

/// Reads all items and passes on what was found until nobody accepts it. While one chunk is passed on, the heads of the
/// next are read.
async fn read_ahead(store: Store, mut items: Items, as_of: Timestamp, taker: &mut Taker) -> Result<(), ArchiveError> {
    let (send, mut chunks) = mpsc::channel(1);
    let ahead = store.clone();
    let reader = tokio::spawn(async move {
        // The place comes before the chunk, so that no more than one chunk waits.
        while let Ok(place) = send.reserve().await {
            let Some(chunk) = Chunk::read(&ahead, &mut items, as_of).await? else { break };
            place.send(chunk);
        }
        Ok::<_, ArchiveError>(())
    });
    while let Some(chunk) = chunks.recv().await {
        if !chunk.pass_on(&store, taker).await? {
            return Ok(());
        }
    }
    reader.await??;
    taker.take(Read::All).await;
    Ok(())
}

/// Where items go once they are read.
enum Taker {
    /// A thread that writes them into the file.
    Writer(mpsc::Sender<Read>),
    /// Nowhere yet: this task writes them into the file at the end.
    Held(Vec<Read>),
}

impl Taker {
    async fn take(&mut self, read: Read) -> bool {
        match self {
            Self::Writer(writer) => writer.send(read).await.is_ok(),
            Self::Held(held) => {
                held.push(read);
                true
            }
        }
    }
}

/// On which thread items are decoded, and those of a new file folded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opens {
    InPlace,
    OnItsThread,
}

/// What the writing thread gets of what was read.
enum Ready {
    Gone(Vec<String>),
    /// Items of a new file, which needs all of them.
    Folded(Vec<Folded<Change>>),
    /// Items of a file that may have some of them.
    Changed(Vec<Change>),
    Unreadable(Vec<Unreadable>),
    All,
}

impl Ready {
    /// What was read, decoded, and folded if the file is new, a few items at a time: they are many times as large as stored
    /// ones.
    fn of(read: Read, store: &Store, folding: Option<&Folding>) -> impl Iterator<Item = Self> {
        let (first, part) = match read {
            Read::Gone(items) => (Some(Self::Gone(items)), None),
            Read::All => (Some(Self::All), None),
            Read::Found(part) => (None, Some(part)),
        };
        let mut opened = part.into_iter().flat_map(|part| part.open(store));
        let mut unreadable = Vec::new();
        let found = std::iter::from_fn(move || {
            let readable = opened.by_ref().filter_map(|opened| opened.map_err(|problem| unreadable.push(problem)).ok());
            let few: Vec<Change> = readable.take(FEW).map(change).collect();
            if few.is_empty() {
                return (!unreadable.is_empty()).then(|| Self::Unreadable(std::mem::take(&mut unreadable)));
            }
            Some(match folding {
                Some(folding) => Self::Folded(few.into_iter().map(|change| folding.fold(change)).collect()),
                None => Self::Changed(few),
            })
        });
        first.into_iter().chain(found)
    }
}

fn change(stored: Stored) -> Change {
    let Stored { key, version, history, expires_at, .. } = stored;
    Change { item: key.as_str().to_owned(), version, history, expires_at }
}

async fn hide(shown: Option<&Shown>) {
    if let Some(shown) = shown {
        shown.hide().await;
    }
}

fn say_brought_up(began: Instant, looked: &Looked, is_anew: bool) {
    let kind = if looked.is_anew || is_anew { "anew" } else { "changes" };
    metrics::REFRESH_SECONDS.observe([kind], began.elapsed().as_secs_f64());
    metrics::REFRESH_ENROLLMENTS.add([], looked.items as u64);
}

/// Writes what is read into the file. A thread of its own decodes it on the way, and folds it for a new file.
fn write(
    working: Working,
    store: &Store,
    as_of: Timestamp,
    overdue: &HashSet<String>,
    read: impl Iterator<Item = Read> + Send,
    opens: Opens,
) -> Result<Working, ArchiveError> {
    let folding = match working.as_of()? {
        None => Some(working.folding(as_of)),
        Some(_) => None,
    };
    let mut ready = read.flat_map(|read| Ready::of(read, store, folding.as_ref()));
    if opens == Opens::InPlace {
        return write_ready(working, as_of, overdue, ready);
    }
    std::thread::scope(|scope| {
        let (send, receive) = std::sync::mpsc::sync_channel(2);
        // It ends when nothing more is read, or when the writer below gave up.
        scope.spawn(move || ready.try_for_each(|ready| send.send(ready)).is_ok());
        write_ready(working, as_of, overdue, receive.into_iter())
    })
}

fn write_ready(
    mut working: Working,
    as_of: Timestamp,
    overdue: &HashSet<String>,
    ready: impl Iterator<Item = Ready>,
) -> Result<Working, ArchiveError> {
    let tenant = working.tenant().clone();
    let mut refresh = working.refresh(as_of)?;
    let mut again: Vec<Folded<Change>> = Vec::new();
    let (mut unreadable, mut is_whole) = (0, false);
    for ready in ready {
        match ready {
            Ready::Gone(items) => {
                for item in items {
                    refresh.remove(&item)?;
                }
            }
            Ready::Folded(items) => {
                for folded in items {
                    // Replacing rows needs the indexes, which a new file lacks while it is filled. A few replacements
                    // wait for its end.
                    if refresh.has(&folded.change().item)? {
                        again.push(folded);
                    } else {
                        refresh.write(&folded)?;
                    }
                }
                if again.len() >= MOST_AGAIN {
                    write_newest(&mut refresh, &mut again)?;
                }
            }
            Ready::Changed(changes) => {
                for change in changes {
                    if overdue.contains(&change.item) || !refresh.knows(&change.item, change.version)? {
                        refresh.apply(&change)?;
                    }
                }
            }
            Ready::Unreadable(items) => {
                for Unreadable { key, problem } in items {
                    if refresh.unreadable(key.as_str())? {
                        tracing::error!(item = %key, error = %problem, "an enrollment can't be read and is left out of the file");
                        unreadable += 1;
                    }
                }
            }
            Ready::All => is_whole = true,
        }
    }
    if !is_whole {
        return Err(ArchiveError::Interrupted);
    }
    write_newest(&mut refresh, &mut again)?;
    refresh.finish()?;
    metrics::UNREADABLE_ENROLLMENTS.count(tenant.as_str(), unreadable, as_of.millis());
    Ok(working)
}

/// Of an item read more than once, the newest version counts, whatever came last.
fn write_newest(refresh: &mut Refresh<'_>, again: &mut Vec<Folded<Change>>) -> Result<(), ArchiveError> {
    for folded in again.drain(..) {
        if !refresh.knows(&folded.change().item, folded.change().version)? {
            refresh.write(&folded)?;
        }
    }
    Ok(())
}
