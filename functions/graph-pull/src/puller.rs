//! One tenant's lists: what is due is read page by page, and stored as if it had been posted.
//!
//! Must stay true: killed between any two steps, the table is afterwards as if it had not been, since events of the same
//! record are the same events and all else follows from what was stored; a run ends in time; one list's trouble is no other's.

use crate::lists::{Becomes, LISTS, List, Records};
use crate::problem::Problem;
use crate::records::{Body, bodies, dated, digest};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_graph::{Addresses, Cloud, Credentials, Failure, Graph, Lost, Page, Target, Tokens, Transport};
use vestibule_intake::{Hook, Status};
use vestibule_platform::{BoxError, Clock, credentials, metrics};
use vestibule_store::{Digest, Digests, PullApp, PullList, Store, StoreError, TakenPull, Tenant, Unfinished};

/// A run takes no longer, storing included.
pub const RUN: Millis = Millis::from_seconds(50);
/// No page is asked for when less than this is left of a run: it has to be stored, too.
const LEFT_FOR_A_PAGE: Millis = Millis::from_seconds(5);
/// An answer takes no longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// A list is due a little before its time, since a schedule's ticks are not as regular as a clock's.
const EARLY: Millis = Millis::from_seconds(60);
/// A list of more pages has no end.
const MOST_PAGES: usize = 20_000;
/// Of a list that is mostly read in part, all that is kept is read once in this time.
const WHOLE_EVERY: Millis = Millis::from_minutes(24 * 60 - 1);
/// A part reaches back so far, or so much longer than a device may take to become compliant.
const PART: Millis = Millis::from_minutes(48 * 60);
const BEYOND_COMPLIANCE: Millis = Millis::from_days(1);
/// Where a filter is refused, the whole list is read so often, and the filter is tried again after some days.
const UNFILTERED_EVERY: Millis = Millis::from_minutes(60);
const UNFILTERED_FOR: Millis = Millis::from_days(7);

/// Reads for tenants.
#[derive(Clone, Debug)]
pub struct Puller<T> {
    pub(crate) store: Store,
    hook: Hook,
    pub(crate) clock: Clock,
    transport: T,
    addresses: Option<Addresses>,
    tokens: Tokens,
    /// What its leases are known by, with a number of each.
    name: Arc<str>,
    runs: Arc<AtomicU64>,
}

/// Which lists a run reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that are due.
    Due,
    /// All.
    All,
}

/// What became of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ran {
    /// Whether somebody else is reading for the tenant.
    pub under_way: bool,
    /// The lists that were read.
    pub lists: Vec<Read>,
    /// Whether some list goes on at once where this run had no more time.
    pub unfinished: bool,
}

/// What became of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Read {
    /// Its name.
    pub list: &'static str,
    /// Records read.
    pub rows: u64,
    /// Records that were handed on, because they are new or say something else than before.
    pub new: u64,
    /// Whether it goes on with the next run.
    pub unfinished: bool,
    /// What was the matter, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Read {
    const fn of(list: &List, rows: u64, new: u64, problem: Option<String>) -> Self {
        Self { list: list.name, rows, new, unfinished: false, problem }
    }
}

/// Everything that a run reads with.
pub(crate) struct Run<'a, T> {
    pub(crate) puller: &'a Puller<T>,
    pub(crate) tenant: &'a Tenant,
    graph: Graph<T>,
    until: Timestamp,
}

/// A reading of a list, as far as it came.
struct Reading {
    target: Target,
    rows: u64,
    began_at: Timestamp,
    whole: bool,
    /// What is dated before is left out here, where Graph was not asked to.
    from: Option<Timestamp>,
    /// Whether Graph is asked by date.
    filtered: bool,
}

/// How a reading ended.
enum Ended {
    Whole,
    /// Out of time.
    Unfinished,
    Failed(Problem),
}

impl<T: Transport> Puller<T> {
    /// A puller that stores through `hook`. `addresses` stands for those of every cloud, for tests.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new(
        store: Store,
        hook: Hook,
        clock: Clock,
        transport: T,
        addresses: Option<Addresses>,
    ) -> Result<Self, BoxError> {
        let name: String = credentials::random::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let (tokens, runs) = (Tokens::default(), Arc::default());
        Ok(Self { store, hook, clock, transport, addresses, tokens, name: name.into(), runs })
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_millis())
    }

    /// Reads a tenant's lists.
    ///
    /// # Errors
    /// When the table can't be read or written, or there is no such tenant.
    pub async fn run(&self, id: &TenantId, which: Which) -> Result<Ran, BoxError> {
        let began = self.now();
        let owner = format!("{}-{}", self.name, self.runs.fetch_add(1, Ordering::Relaxed));
        let app = match self.store.take_pull(id, &owner, began).await? {
            TakenPull::Leased(app) => app,
            TakenPull::UnderWay(_) => return Ok(Ran { under_way: true, ..Ran::default() }),
            TakenPull::Nothing => return Ok(Ran::default()),
        };
        let ran = self.read_lists(id, &app, which, began).await;
        self.hook.flush().await;
        let next_due = match &ran {
            Ok(_) => next_due(&self.store.pull_lists(id).await?),
            // The next tick finds the same.
            Err(_) => began,
        };
        self.store.finish_pull(id, &owner, next_due).await?;
        ran
    }

    async fn read_lists(&self, id: &TenantId, app: &PullApp, which: Which, began: Timestamp) -> Result<Ran, BoxError> {
        let tenant = self.store.tenant(id).await?.ok_or_else(|| format!("there is no tenant {id}"))?;
        let known = self.store.pull_lists(id).await?;
        let state = |list: &List| known.get(list.name).cloned().unwrap_or_default();
        let mut due: Vec<(&'static List, PullList)> = LISTS.iter().map(|list| (list, state(list))).collect();
        due.retain(|(_, state)| which == Which::All || state.due_at() <= began);
        // Who waits longest comes first, so that a long list keeps no other waiting for ever.
        due.sort_by_key(|(_, state)| state.due_at());
        let graph = self.graph(id, app).await?;
        let mut ran = Ran::default();
        let mut of_all = graph.as_ref().err().copied();
        let run = graph.ok().map(|graph| Run { puller: self, tenant: &tenant, graph, until: began + RUN });
        for (list, state) in due {
            let (read, ended) = match (&run, of_all) {
                (Some(run), None) if run.has_time() => run.read(list, &state).await?,
                (Some(_), None) => {
                    ran.unfinished = true;
                    break;
                }
                (_, problem) => {
                    let problem = problem.unwrap_or(Problem::Registration("it is incomplete"));
                    self.failed(id, list, problem, None).await?
                }
            };
            of_all = of_all.or_else(|| ended.filter(Problem::is_of_all));
            ran.unfinished |= read.unfinished;
            ran.lists.push(read);
        }
        Ok(ran)
    }

    /// Graph, as the tenant's app registration sees it.
    async fn graph(&self, id: &TenantId, app: &PullApp) -> Result<Result<Graph<T>, Problem>, StoreError> {
        let Some(secret) = self.store.pull_secret(id).await? else {
            return Ok(Err(Problem::Registration("it has no secret")));
        };
        Ok(self.graph_of(app, secret.expose()))
    }

    pub(crate) fn graph_of(&self, app: &PullApp, secret: &str) -> Result<Graph<T>, Problem> {
        let addresses = match &self.addresses {
            Some(addresses) => addresses.clone(),
            None => Cloud::named(&app.cloud).ok_or(Problem::Registration("its cloud is unknown"))?.addresses(),
        };
        let credentials = Credentials::new(&app.directory, &app.client, secret).map_err(Problem::Registration)?;
        Ok(Graph::new(self.transport.clone(), addresses, credentials, self.tokens.clone()))
    }

    /// Notes that a list failed.
    async fn failed(
        &self,
        id: &TenantId,
        list: &'static List,
        problem: Problem,
        unfinished: Option<Unfinished>,
    ) -> Result<(Read, Option<Problem>), StoreError> {
        let (now, words) = (self.now(), problem.words(list));
        metrics::count("GraphPullsFailed", id.as_str(), 1, now.millis());
        tracing::warn!(tenant = %id, list = list.name, problem = words, "a list could not be read");
        let note = |state: &mut PullList| {
            state.failures = state.failures.saturating_add(1);
            state.backoff_until = Some(now + problem.back_off(id, list, state.failures));
            state.last_status = if let Problem::Graph(failure) = &problem { failure.status() } else { None };
            (state.last_error, state.last_error_at) = (Some(words.clone()), Some(now));
            state.unfinished.clone_from(&unfinished);
        };
        self.store.change_pull_list(id, list.name, note).await?;
        Ok((Read::of(list, 0, 0, Some(words)), Some(problem)))
    }
}

/// When something is due: at once where a list was never read.
fn next_due(lists: &std::collections::BTreeMap<String, PullList>) -> Timestamp {
    let due = LISTS.iter().map(|list| lists.get(list.name).map_or(Timestamp::MIN, PullList::due_at));
    due.min().unwrap_or(Timestamp::MIN)
}

impl<T: Transport> Run<'_, T> {
    fn left(&self) -> Millis {
        self.until - self.puller.now()
    }

    pub(crate) fn has_time(&self) -> bool {
        self.left() >= LEFT_FOR_A_PAGE
    }

    pub(crate) async fn page(&self, target: &Target) -> Result<Page, Failure> {
        // A token may have to be had before, and had anew: all of it ends with the run.
        let left = Duration::from_millis(u64::try_from(self.left().get()).unwrap_or(0));
        let page = self.graph.page(target, self.puller.now(), PATIENCE.min(left));
        tokio::time::timeout(left, page).await.unwrap_or(Err(Failure::Lost(Lost::TimedOut)))
    }

    async fn read(&self, list: &'static List, state: &PullList) -> Result<(Read, Option<Problem>), StoreError> {
        match &list.becomes {
            Becomes::Events(records) => self.read_events(list, records, state).await,
            Becomes::Profiles => match self.read_profiles(list).await? {
                Ok((rows, note)) => {
                    let began = self.until - RUN;
                    let ended = |state: &mut PullList| {
                        succeed(state, list.every, began, rows);
                        (state.last_error, state.last_error_at) = (note.clone(), note.is_some().then_some(began));
                    };
                    self.puller.store.change_pull_list(&self.tenant.id, list.name, ended).await?;
                    Ok((Read::of(list, rows, 0, note.clone()), None))
                }
                Err(problem) => self.puller.failed(&self.tenant.id, list, problem, None).await,
            },
        }
    }

    async fn read_events(
        &self,
        list: &'static List,
        of: &Records,
        state: &PullList,
    ) -> Result<(Read, Option<Problem>), StoreError> {
        let (store, id) = (&self.puller.store, &self.tenant.id);
        let mut digests = store.pull_digests(id, list.name).await?;
        let mut reading = self.begin(list, of, state, state.unfinished.as_ref());
        let (mut new, mut refused, mut unfiltered) = (0, None, None);
        let (mut pages, mut anew) = (0, false);
        let ended = loop {
            if pages >= MOST_PAGES {
                break Ended::Failed(Problem::Endless);
            }
            if !self.has_time() {
                break Ended::Unfinished;
            }
            pages += 1;
            let page = match self.page(&reading.target).await {
                Ok(page) => page,
                // A link is good for minutes.
                Err(Failure::NotUnderstood { .. } | Failure::NoSuchList { .. }) if reading.is_further() && !anew => {
                    anew = true;
                    reading = self.begin(list, of, state, None);
                    continue;
                }
                Err(Failure::NotUnderstood { .. }) if reading.filtered && !reading.is_further() => {
                    let until = self.puller.now() + UNFILTERED_FOR;
                    unfiltered = Some(until);
                    let state = PullList { unfiltered_until: Some(until), ..state.clone() };
                    reading = self.begin(list, of, &state, None);
                    continue;
                }
                Err(failure) => break Ended::Failed(failure.into()),
            };
            reading.rows += page.records.len() as u64;
            let taken = self.take(of, &reading, page.records, &mut digests, &mut refused).await;
            new += taken.0;
            if !taken.1 {
                break Ended::Failed(Problem::NotStored);
            }
            match page.next {
                None => break Ended::Whole,
                Some(next) if reading.target == Target::Next(next.clone()) => break Ended::Failed(Problem::Endless),
                Some(next) => reading.target = Target::Next(next),
            }
        };
        metrics::count("GraphRecordsNew", id.as_str(), new, self.puller.now().millis());
        if matches!(ended, Ended::Whole) && reading.whole {
            digests.finish();
        }
        store.put_pull_digests(id, list.name, &mut digests).await?;
        let rows = reading.rows;
        match ended {
            Ended::Failed(problem) => {
                let unfinished = reading.unfinished().filter(|_| problem.is_passing());
                let (failed, problem) = self.puller.failed(id, list, problem, unfinished).await?;
                Ok((Read { rows, new, ..failed }, problem))
            }
            Ended::Unfinished => {
                let unfinished = reading.unfinished();
                let note = |state: &mut PullList| {
                    state.unfinished.clone_from(&unfinished);
                    state.unfiltered_until = unfiltered.or(state.unfiltered_until);
                    (state.failures, state.backoff_until) = (0, None);
                };
                store.change_pull_list(id, list.name, note).await?;
                Ok((Read { unfinished: true, ..Read::of(list, rows, new, None) }, None))
            }
            Ended::Whole => {
                let every = if of.by_date && !reading.filtered { UNFILTERED_EVERY } else { list.every };
                let now = self.puller.now();
                let note = |state: &mut PullList| {
                    succeed(state, every, reading.began_at, rows);
                    if reading.whole {
                        state.whole_at = Some(reading.began_at);
                    }
                    state.unfiltered_until = unfiltered.or(state.unfiltered_until);
                    (state.last_error, state.last_error_at) = (refused.clone(), refused.is_some().then_some(now));
                };
                store.change_pull_list(id, list.name, note).await?;
                Ok((Read::of(list, rows, new, refused.clone()), None))
            }
        }
    }

    /// A reading from where the one before was cut off, or from the beginning.
    fn begin(&self, list: &List, of: &Records, state: &PullList, unfinished: Option<&Unfinished>) -> Reading {
        let now = self.puller.now();
        let unfiltered = state.unfiltered_until.is_some_and(|until| now < until);
        if let Some(Unfinished { next, rows, began_at, whole, from }) = unfinished {
            let target = Target::Next(next.clone());
            let filtered = of.by_date && from.is_none();
            return Reading { target, rows: *rows, began_at: *began_at, whole: *whole, from: *from, filtered };
        }
        let mut query: Vec<(&'static str, String)> =
            list.query.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let settings = &self.tenant.settings;
        let is_whole_due = state.whole_at.is_none_or(|at| now - at >= WHOLE_EVERY);
        let whole = !of.by_date || unfiltered || is_whole_due;
        let since = now - if whole { settings.retention() } else { part(settings.compliance_limit()) };
        let filtered = of.by_date && !unfiltered;
        if filtered {
            query.insert(0, ("$filter", format!("{} ge {since}", of.dated)));
        }
        let from = (of.by_date && !filtered).then_some(since);
        Reading { target: Target::First { path: list.path, query }, rows: 0, began_at: now, whole, from, filtered }
    }

    /// Stores what is new of a page. Returns how many records that were, and whether all of it is stored.
    async fn take(
        &self,
        of: &Records,
        reading: &Reading,
        records: Vec<Value>,
        digests: &mut Digests,
        refused: &mut Option<String>,
    ) -> (u64, bool) {
        let now = self.puller.now();
        let is_kept = |record: &Value| match (reading.from, dated(record, of)) {
            (Some(from), Some(time)) => time >= from,
            _ => true,
        };
        let mut new: Vec<(Digest, Value)> = Vec::new();
        for record in records.into_iter().filter(is_kept) {
            let digest = digest(&record, of, now);
            if digests.has(digest) {
                // It is met again: what a whole reading does not meet is forgotten.
                digests.add(digest, reading.whole);
            } else {
                new.push((digest, record));
            }
        }
        let mut count = 0;
        for Body { bytes, backfill, digests: of_body } in bodies(&new, of, now) {
            let results = self.puller.hook.take(self.tenant, of.sender, &bytes, backfill, now).await;
            match results {
                Ok(results) if results.count(Status::Unavailable) > 0 => return (count, false),
                Ok(results) => {
                    let invalid = results.results.iter().find(|result| result.status == Status::Invalid);
                    if let Some(error) = invalid.and_then(|result| result.errors.first()) {
                        *refused = Some(format!("a record was refused: {} {}", member(&error.field), error.problem));
                    }
                }
                Err(error) => *refused = Some(format!("records were refused: {error}")),
            }
            count += of_body.len() as u64;
            of_body.into_iter().for_each(|digest| digests.add(digest, reading.whole));
        }
        (count, true)
    }
}

/// The member of a record, without the record's place in its body.
fn member(field: &str) -> &str {
    field.split_once("].").map_or(field, |(_, member)| member)
}

fn part(compliance_limit: Millis) -> Millis {
    PART.max(Millis::new(compliance_limit.get() + BEYOND_COMPLIANCE.get()))
}

/// Notes that a list was read to its end.
fn succeed(state: &mut PullList, every: Millis, began_at: Timestamp, rows: u64) {
    state.next_due = Some(began_at + every - EARLY);
    state.last_ok = Some(began_at);
    state.rows = rows;
    (state.failures, state.backoff_until, state.unfinished, state.last_status) = (0, None, None, None);
}

impl Reading {
    /// Whether it is at a page after the first.
    const fn is_further(&self) -> bool {
        matches!(self.target, Target::Next(_))
    }

    /// Where it goes on, if it is at a page after the first.
    fn unfinished(&self) -> Option<Unfinished> {
        let Target::Next(next) = &self.target else { return None };
        let (rows, began_at, whole, from) = (self.rows, self.began_at, self.whole, self.from);
        Some(Unfinished { next: next.clone(), rows, began_at, whole, from })
    }
}
