//! Reads one tenant's lists: those that are due, page by page. Their records are stored as if they had been posted.
//!
//! Must stay true: a run that is killed between any two steps leaves the table as if it had not been killed, since the
//! same record always becomes the same events and everything else follows from what is stored; a run ends in time; one
//! list's failure does not affect another list.

use crate::lists::{Becomes, List};
use crate::problem::Problem;
use crate::reading::Of;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use vestibule_domain::{Millis, TenantId, Timestamp};
use vestibule_graph::{Addresses, Cloud, Credentials, Failure, Graph, Lost, Page, Target, Tokens, Transport};
use vestibule_intake::Hook;
use vestibule_platform::{BoxError, Clock, credentials, metrics};
use vestibule_store::{PullApp, PullList, Store, StoreError, TakenPull, Tenant, Unfinished};

/// How long a run may take, storing included.
pub const RUN: Millis = Millis::from_seconds(50);
/// No page is requested when less than this is left of a run, since the page must also be stored.
const LEFT_FOR_A_PAGE: Millis = Millis::from_seconds(5);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// A list is due a little before its time, since the ticks of a schedule are not exactly regular.
const EARLY: Millis = Millis::from_seconds(60);

/// Reads for tenants.
#[derive(Clone, Debug)]
pub struct Puller<T> {
    pub(crate) store: Store,
    pub(crate) hook: Hook,
    pub(crate) clock: Clock,
    transport: T,
    addresses: Option<Addresses>,
    tokens: Tokens,
    /// The name of this process in its leases. Each lease adds a number.
    name: Arc<str>,
    runs: Arc<AtomicU64>,
}

/// Which lists a run reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that are due.
    Due,
    /// All lists.
    All,
}

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ran {
    /// Whether another run is reading for the tenant.
    pub under_way: bool,
    /// The lists that were read.
    pub lists: Vec<Read>,
    /// Whether this run ran out of time, so that some list must be continued at once.
    pub unfinished: bool,
}

/// The result for one list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Read {
    /// Its name.
    pub list: &'static str,
    /// Records read.
    pub rows: u64,
    /// Records that were passed on because they are new or have changed.
    pub new: u64,
    /// Whether the next run continues it.
    pub unfinished: bool,
    /// What went wrong, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Read {
    pub(crate) const fn of(list: &List, rows: u64, new: u64, problem: Option<String>) -> Self {
        Self { list: list.name, rows, new, unfinished: false, problem }
    }
}

/// What a run needs to read.
pub(crate) struct Run<'a, T> {
    pub(crate) puller: &'a Puller<T>,
    pub(crate) tenant: &'a Tenant,
    graph: Graph<T>,
    pub(crate) until: Timestamp,
}

impl<T: Transport> Puller<T> {
    /// A puller that stores through `hook`. Tests give `addresses`, which replace those of every cloud.
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
            Ok(_) => next_due(&self.store.pull_lists(id).await?, &app.chosen),
            // The next tick tries the same again.
            Err(_) => began,
        };
        self.store.finish_pull(id, &owner, next_due).await?;
        ran
    }

    async fn read_lists(&self, id: &TenantId, app: &PullApp, which: Which, began: Timestamp) -> Result<Ran, BoxError> {
        let tenant = self.store.tenant(id).await?.ok_or_else(|| format!("there is no tenant {id}"))?;
        let known = self.store.pull_lists(id).await?;
        let state = |list: &List| known.get(list.name).cloned().unwrap_or_default();
        let mut due: Vec<(&'static List, PullList)> =
            List::read_with(&app.chosen).map(|list| (list, state(list))).collect();
        due.retain(|(_, state)| which == Which::All || state.due_at() <= began);
        // The list that has waited longest comes first, so that a long list cannot keep the others waiting for ever.
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

    /// Records that a list failed.
    pub(crate) async fn failed(
        &self,
        id: &TenantId,
        list: &'static List,
        problem: Problem,
        unfinished: Option<Unfinished>,
    ) -> Result<(Read, Option<Problem>), StoreError> {
        let (now, words) = (self.now(), problem.words(list));
        metrics::GRAPH_PULLS_FAILED.count(id.as_str(), 1, now.millis());
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

/// When the next list is due. A list that was never read is due at once.
fn next_due(lists: &BTreeMap<String, PullList>, chosen: &BTreeSet<String>) -> Timestamp {
    let due = List::read_with(chosen).map(|list| lists.get(list.name).map_or(Timestamp::MIN, PullList::due_at));
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
        // The limit covers the requests for a token and its renewal as well, so that all of it ends with the run.
        let left = Duration::from_millis(u64::try_from(self.left().get()).unwrap_or(0));
        let page = self.graph.page(target, self.puller.now(), PATIENCE.min(left));
        tokio::time::timeout(left, page).await.unwrap_or(Err(Failure::Lost(Lost::TimedOut)))
    }

    async fn read(&self, list: &'static List, state: &PullList) -> Result<(Read, Option<Problem>), StoreError> {
        match &list.becomes {
            Becomes::Events(records) => self.read_pages(list, Of::Events(records), state).await,
            Becomes::SignIns(sign_ins) => self.read_pages(list, Of::SignIns(*sign_ins), state).await,
            Becomes::Profiles => self.note(list, self.read_profiles(list).await?).await,
            Becomes::AppNames => self.note(list, self.read_app_names(list).await?).await,
        }
    }

    /// Records the result of a list that is read in one go: its number of records, and a message about them.
    async fn note(
        &self,
        list: &'static List,
        read: Result<(u64, Option<String>), Problem>,
    ) -> Result<(Read, Option<Problem>), StoreError> {
        let (rows, note) = match read {
            Ok(read) => read,
            Err(problem) => return self.puller.failed(&self.tenant.id, list, problem, None).await,
        };
        let began = self.until - RUN;
        let ended = |state: &mut PullList| {
            succeed(state, list.every, began, rows);
            (state.last_error, state.last_error_at) = (note.clone(), note.is_some().then_some(began));
        };
        self.puller.store.change_pull_list(&self.tenant.id, list.name, ended).await?;
        Ok((Read::of(list, rows, 0, note.clone()), None))
    }

    /// Reads all pages of a list and passes the records of each to `take`, until that says that there are too many.
    pub(crate) async fn each_page(&self, list: &List, mut take: impl FnMut(Vec<Value>) -> bool) -> Result<(), Problem> {
        let query = list.query.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let mut target = Target::First { path: list.path, query };
        loop {
            if !self.has_time() {
                return Err(Problem::TooLong);
            }
            let page = self.page(&target).await?;
            if !take(page.records) {
                return Err(Problem::Endless);
            }
            match page.next {
                None => return Ok(()),
                Some(next) => target = Target::Next(next),
            }
        }
    }
}

/// Records that a list was read to its end.
pub(crate) fn succeed(state: &mut PullList, every: Millis, began_at: Timestamp, rows: u64) {
    state.next_due = Some(began_at + every - EARLY);
    state.last_ok = Some(began_at);
    state.rows = rows;
    (state.failures, state.backoff_until, state.unfinished, state.last_status) = (0, None, None, None);
}
