//! From events to sessions of the Enrollment Status Page (docs/DOMAIN.md, S8 to S22).
//!
//! Written from the rules alone: to find out what a session is after some of its events, it looks at all of them again
//! every time.

mod judge;
mod stuck;
mod times;

use judge::{judge, named_phase, rank_of_phase};
use std::collections::{BTreeMap, BTreeSet};
use stuck::stuck;
pub use times::ItemTime;
use times::times;

const MINUTE_MS: i64 = 60 * 1000;
/// An item may stay in error for this long before it fails its session.
const GRACE_MS: i64 = 2 * MINUTE_MS;

/// An organisation's choices that affect a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its id; sessions of which no profile is known have the default's.
    pub id: String,
    /// Minutes a session may take.
    pub minutes: i64,
    /// Whether the page is shown. If not, a session waits for nothing.
    pub shown: bool,
    /// The blocking list. If empty, all targeted apps are in it.
    pub blocking: Vec<String>,
    /// In the technician phase: whether the apps outside the list are also tried.
    pub tries_others: bool,
}

/// What an item reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// `phase`
    pub phase: String,
    /// `category`
    pub category: String,
    /// `item.id`
    pub id: String,
    /// `item.name`
    pub name: Option<String>,
    /// `item.state`
    pub state: String,
    /// `item.errorCode`
    pub code: Option<String>,
}

/// What an event reports. Names are those of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// `esp.started`
    Started {
        /// `deploymentMode`
        mode: Option<String>,
        /// `hybridJoin`
        hybrid: bool,
        /// `limitMinutes`
        limit: Option<i64>,
        /// Ids of the apps known to be targeted, and whether they are targeted at the user.
        targeted: Option<Vec<(String, bool)>>,
        /// The profile that applied then.
        profile: Option<Profile>,
    },
    /// `esp.tracked`: phase, category, ids.
    Tracked(String, String, Vec<String>),
    /// `esp.item`
    Item(Item),
    /// `esp.phase`: phase, state.
    Phase(String, String),
    /// `esp.action`
    Action(String),
    /// `esp.completed`
    Completed,
    /// `esp.failed`: `errorCode`, `message`.
    Failed(Option<String>, Option<String>),
}

/// An event of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageEvent {
    /// When it is placed.
    pub at_ms: i64,
    /// At the same instant, this decides.
    pub source: String,
    /// After `source`, this decides.
    pub id: String,
    /// Whether retention dropped it.
    pub dropped: bool,
    /// `sessionId`
    pub session: Option<String>,
    /// What it reports.
    pub what: What,
    /// The names that it reports of the apps in its list, by id.
    pub names: BTreeMap<String, String>,
}

/// An app in one phase of a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct App {
    /// The phase.
    pub phase: String,
    /// Its id, in small letters.
    pub id: String,
    /// Its name, as reported last.
    pub name: Option<String>,
    /// Its newest state, if any was reported.
    pub state: Option<String>,
    /// Whether it was ever reported under way or settled.
    pub tried: bool,
    /// Whether it was ever in error.
    pub failed: bool,
}

/// How a session failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// The code of the session or of the item.
    pub code: Option<String>,
    /// The sender's message.
    pub message: Option<String>,
    /// The name of the item that failed it; failing that, the item's id.
    pub item: Option<String>,
    /// The phase in which it failed, if reported.
    pub phase: Option<String>,
}

/// What an event of a session does to its attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// The good end.
    Good,
    /// A failure, known as of the instant asked for.
    Failed(Failure),
    /// `continueAnyway` past the limit.
    ContinuedAnyway,
    /// `reset` past the limit.
    Reset,
    /// `retry`
    Retried,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// `sessionId`
    pub name: Option<String>,
    /// `deploymentMode`, from any source that reports it.
    pub mode: Option<String>,
    /// When its time starts to count.
    pub started_at_ms: i64,
    /// Whether an `esp.started` reported it.
    pub start_reported: bool,
    /// The last instant of its time.
    pub deadline_ms: i64,
    /// When it succeeded, failed, or was ended by an `unenrolled` inside its limit.
    pub ended_at_ms: Option<i64>,
    /// `inProgress`, `timedOut`, `failed`, `ended`, `success`, `successWithTimeout`, `successOnRetry`.
    pub state: String,
    /// Whether it ever failed.
    pub failed: bool,
    /// Whether it was ever past its limit.
    pub timed_out: bool,
    /// Since when it was stuck identifying, if it ever was.
    pub stuck_since_ms: Option<i64>,
    /// Whether it is still stuck.
    pub is_stuck: bool,
    /// "(k of n)" of each subtask of the setup phases whose list is known. For security policies: 1 when all are done.
    pub counts: BTreeMap<(String, String), (usize, usize)>,
    /// The phases that its events named, and when.
    pub phases: Vec<(i64, String)>,
    /// Its apps, by phase and id.
    pub apps: Vec<App>,
    /// S25: how long its items took, of which begin and end were reported and that never failed.
    pub times: Vec<ItemTime>,
    /// The id of its profile.
    pub profile: String,
    /// `source` and `id` of its events, including items of another source.
    pub events: BTreeSet<(String, String)>,
    /// What its events do to its attempt, in order: `source` and `id` of the event, and the turn.
    pub turns: Vec<((String, String), Turn)>,
}

impl Session {
    /// P1.2: the most advanced phase that was named up to this instant. Windows walks through finished phases again
    /// after each restart.
    #[must_use]
    pub fn phase_at(&self, at_ms: i64) -> Option<String> {
        let named = self.phases.iter().filter(|(named_ms, _)| *named_ms <= at_ms);
        named.map(|(_, phase)| phase).max_by_key(|phase| rank_of_phase(phase)).cloned()
    }

    /// Whether it is the technician's part of pre-provisioning.
    #[must_use]
    pub fn technician(&self) -> bool {
        self.mode.as_deref() == Some("preProvisioningTechnician")
    }
}

/// The events that one source (or one name) reports of one session.
#[derive(Debug, Clone)]
struct Part {
    events: Vec<PageEvent>,
    /// Whether retention dropped them.
    dropped: bool,
}

/// The sessions of one device, ordered by start.
///
/// `unenrolled_ms` are the instants of its `unenrolled`; `idle_ms` is the tenant's limit for Windows.
#[must_use]
pub fn esp_sessions(events: &[PageEvent], unenrolled_ms: &[i64], idle_ms: i64, as_of_ms: i64) -> Vec<Session> {
    let mut events: Vec<PageEvent> = events.iter().filter(|one| one.at_ms <= as_of_ms).map(in_lower_case).collect();
    events.sort_by(|a, b| (a.at_ms, &a.source, &a.id).cmp(&(b.at_ms, &b.source, &b.id)));

    // S8: a name identifies a session; without one, a source has one at a time. A session that retention dropped is
    // over.
    let mut named: BTreeMap<(String, bool), Part> = BTreeMap::new();
    let mut unnamed: BTreeMap<(String, bool), Vec<Part>> = BTreeMap::new();
    for one in events {
        let dropped = one.dropped;
        if let Some(name) = &one.session {
            let part = named.entry((name.clone(), dropped)).or_insert(Part { events: Vec::new(), dropped });
            part.events.push(one);
            continue;
        }
        let parts = unnamed.entry((one.source.clone(), dropped)).or_default();
        let is_start = matches!(one.what, What::Started { .. });
        let begins = match parts.last() {
            None => true,
            Some(last) => is_start && is_over(last, unenrolled_ms, idle_ms, one.at_ms),
        };
        if begins {
            parts.push(Part { events: Vec::new(), dropped });
        }
        if let Some(last) = parts.last_mut() {
            last.events.push(one);
        }
    }
    let mut parts: Vec<Part> = named.into_values().chain(unnamed.into_values().flatten()).collect();
    parts.sort_by_key(|part| part.events.first().map(|first| (first.at_ms, first.source.clone(), first.id.clone())));

    // S17: parts of different sources whose spans overlap are one session.
    let mut sessions: Vec<Vec<Part>> = Vec::new();
    for part in parts {
        let same = |others: &Vec<Part>| others.iter().any(|other| are_one(other, &part, unenrolled_ms));
        let (mut joined, others): (Vec<_>, Vec<_>) = sessions.into_iter().partition(same);
        sessions = others;
        let mut session: Vec<Part> = joined.drain(..).flatten().collect();
        session.push(part);
        sessions.push(session);
    }
    let mut sessions: Vec<Session> = sessions.iter().map(|parts| session(parts, unenrolled_ms, as_of_ms)).collect();
    sessions.sort_by_key(|session| (session.started_at_ms, session.events.first().cloned()));
    sessions
}

/// S8: whether an `esp.started` at this instant begins another session.
fn is_over(part: &Part, unenrolled_ms: &[i64], idle_ms: i64, now_ms: i64) -> bool {
    let last_ms = part.events.last().map_or(now_ms, |last| last.at_ms);
    let judged = judge(&part.events, &[part], unenrolled_ms, now_ms);
    judged.ended_at_ms.is_some()
        || judged.left_ms.is_some()
        || (now_ms > judged.deadline_ms && now_ms.saturating_sub(last_ms) > idle_ms)
}

/// S17: different sources, overlapping spans, and modes that do not differ.
fn are_one(one: &Part, other: &Part, unenrolled_ms: &[i64]) -> bool {
    if one.dropped != other.dropped {
        return false;
    }
    let sources = |part: &Part| part.events.iter().map(|event| event.source.clone()).collect::<BTreeSet<_>>();
    if !sources(one).is_disjoint(&sources(other)) {
        return false;
    }
    let mode = |part: &Part| begin(&[part]).mode;
    if let (Some(one), Some(other)) = (mode(one), mode(other))
        && one != other
    {
        return false;
    }
    // What was reported decides, not how long an item has been in error by now.
    let span = |part: &Part| {
        let judged = judge(&part.events, &[part], unenrolled_ms, i64::MAX);
        let first_ms = begin(&[part]).at_ms;
        let last_ms = part.events.last().map_or(0, |event| event.at_ms);
        // A removal of the device does not lengthen the span.
        let end_ms = judged.ended_at_ms.or(judged.left_ms).unwrap_or(last_ms).min(last_ms);
        (first_ms, end_ms.max(first_ms))
    };
    let ((one_first, one_last), (other_first, other_last)) = (span(one), span(other));
    one_first <= other_last && other_first <= one_last
}

/// A copy with ids of items in lower case: senders differ in their case, so it distinguishes nothing.
fn in_lower_case(event: &PageEvent) -> PageEvent {
    let mut event = event.clone();
    event.names = event.names.into_iter().map(|(id, name)| (id.to_ascii_lowercase(), name)).collect();
    match &mut event.what {
        What::Started { targeted: Some(apps), .. } => apps.iter_mut().for_each(|(id, _)| id.make_ascii_lowercase()),
        What::Tracked(_, _, ids) => ids.iter_mut().for_each(|id| id.make_ascii_lowercase()),
        What::Item(item) => item.id.make_ascii_lowercase(),
        _ => {}
    }
    event
}

/// What the earliest `esp.started` of each source reports, or the defaults if there is none.
struct Begin {
    at_ms: i64,
    mode: Option<String>,
    hybrid: bool,
    limit: Option<i64>,
    /// The apps that it lists; `None` if it has no list.
    lists: Option<Vec<(String, bool)>>,
    /// `source` and `id` of the event that lists them.
    listed_by: Option<(String, String)>,
    profile: Profile,
}

impl Begin {
    fn deadline_ms(&self) -> i64 {
        // S18: what the device was given overrides the profile, and hybrid join gets forty minutes more.
        let minutes = self.limit.unwrap_or(self.profile.minutes) + if self.hybrid { 40 } else { 0 };
        self.at_ms.saturating_add(minutes.saturating_mul(MINUTE_MS))
    }

    fn technician(&self) -> bool {
        self.mode.as_deref() == Some("preProvisioningTechnician")
    }

    /// S21
    fn last_phase(&self) -> &'static str {
        match self.mode.as_deref() {
            Some("selfDeploying" | "preProvisioningTechnician") => "deviceSetup",
            _ => "accountSetup",
        }
    }
}

fn begin(parts: &[&Part]) -> Begin {
    let id = "default".to_owned();
    let nobody_chose = Profile { id, minutes: 60, shown: true, blocking: Vec::new(), tries_others: false };
    let first_ms = parts.iter().filter_map(|part| part.events.first()).map(|event| event.at_ms).min();
    let mut begin = Begin {
        at_ms: first_ms.unwrap_or(0),
        mode: None,
        hybrid: false,
        limit: None,
        lists: None,
        listed_by: None,
        profile: nobody_chose,
    };
    let is_start = |event: &&PageEvent| matches!(event.what, What::Started { .. });
    let mut starts: Vec<&PageEvent> = parts.iter().flat_map(|part| &part.events).filter(is_start).collect();
    starts.sort_by(|a, b| (a.at_ms, &a.source, &a.id).cmp(&(b.at_ms, &b.source, &b.id)));
    let mut sources = BTreeSet::new();
    starts.retain(|start| sources.insert(&start.source));
    if let Some(first) = starts.first() {
        begin.at_ms = first.at_ms;
    }
    for start in starts.iter().rev() {
        // The earliest start overrides the others.
        if let What::Started { mode, hybrid, limit, targeted, profile } = &start.what {
            begin.mode = mode.clone().or(begin.mode);
            begin.hybrid = *hybrid || begin.hybrid;
            begin.limit = limit.or(begin.limit);
            if targeted.is_some() {
                begin.lists.clone_from(targeted);
                begin.listed_by = Some((start.source.clone(), start.id.clone()));
            }
            begin.profile = profile.clone().unwrap_or(begin.profile);
        }
    }
    begin
}

/// Whether an app is targeted: the start lists it, or the list of a subtask does. A start without a list excludes no
/// app.
fn is_targeted(events: &[PageEvent], begin: &Begin, app: &str) -> bool {
    let Some(lists) = &begin.lists else {
        return true;
    };
    let tracked = events.iter().any(|one| match &one.what {
        What::Tracked(_, category, ids) => category == "apps" && ids.iter().any(|id| id == app),
        _ => false,
    });
    tracked || lists.iter().any(|(id, _)| id == app)
}

fn in_list(profile: &Profile, app: &str) -> bool {
    profile.blocking.is_empty() || profile.blocking.iter().any(|id| id.eq_ignore_ascii_case(app))
}

/// Whether the session waits for it, so that it can delay the session and fail it.
fn is_waited_for(events: &[PageEvent], begin: &Begin, category: &str, id: &str) -> bool {
    if !begin.profile.shown {
        return false;
    }
    category != "apps" || (is_targeted(events, begin, id) && in_list(&begin.profile, id))
}

/// Whether the page counts it for the person: items that the session waits for, and those that the technician phase
/// also tries.
fn is_counted(events: &[PageEvent], begin: &Begin, phase: &str, category: &str, id: &str) -> bool {
    let tried = begin.technician() && begin.profile.tries_others && phase == "deviceSetup" && category == "apps";
    is_waited_for(events, begin, category, id) || (tried && begin.profile.shown && is_targeted(events, begin, id))
}

/// How advanced a state is: of two reported at one instant the more advanced one counts.
fn rank(state: &str) -> usize {
    let order = ["notInstalled", "inProgress", "completed", "error", "notRequired", "skipped", "notApplicable"];
    order.iter().position(|known| *known == state).unwrap_or(0)
}

/// S11
fn is_done(state: &str) -> bool {
    matches!(state, "completed" | "notRequired" | "skipped" | "notApplicable")
}

type ItemKey = (String, String, String);

fn key_of(item: &Item) -> ItemKey {
    (item.phase.clone(), item.category.clone(), item.id.clone())
}

/// S15: the newest state of each item among these events.
fn newest(events: &[PageEvent]) -> BTreeMap<ItemKey, (usize, String)> {
    let mut newest: BTreeMap<ItemKey, (usize, String)> = BTreeMap::new();
    for (index, one) in events.iter().enumerate() {
        let What::Item(item) = &one.what else {
            continue;
        };
        if let Some((before, known)) = newest.get(&key_of(item))
            && events[*before].at_ms == one.at_ms
            && rank(known) > rank(&item.state)
        {
            continue;
        }
        newest.insert(key_of(item), (index, item.state.clone()));
    }
    newest
}

/// S21: whether these events, of which more may follow in `whole`, end the session well.
fn ends_well(events: &[PageEvent], whole: &[PageEvent], begin: &Begin) -> bool {
    let last_phase = begin.last_phase();
    for one in events {
        match &one.what {
            What::Completed => return true,
            What::Phase(phase, state) if phase == last_phase && state == "completed" => return true,
            _ => {}
        }
    }
    // The phase's list of apps is known and not empty, and everything tracked in the phase is done.
    let states = newest(events);
    let mut apps = 0;
    for (phase, category, id) in all_items(events, begin) {
        if phase != last_phase || !is_waited_for(whole, begin, &category, &id) {
            continue;
        }
        if category == "apps" {
            apps += 1;
        }
        let state = states.get(&(phase, category, id)).map(|(_, state)| state.as_str());
        if !state.is_some_and(is_done) {
            return false;
        }
    }
    apps > 0
}

/// Whether this is the `esp.started` whose list of targeted apps counts. One that does not count may list the same.
fn lists_targets(event: &PageEvent, begin: &Begin) -> bool {
    begin.listed_by.as_ref().is_some_and(|(source, id)| (source, id) == (&event.source, &event.id))
}

/// Every item known from these events: targeted, listed or reported.
fn all_items(events: &[PageEvent], begin: &Begin) -> BTreeSet<ItemKey> {
    let mut items = BTreeSet::new();
    if events.iter().any(|one| lists_targets(one, begin)) {
        for (id, user) in begin.lists.iter().flatten() {
            let phase = if *user { "accountSetup" } else { "deviceSetup" };
            items.insert((phase.to_owned(), "apps".to_owned(), id.clone()));
        }
    }
    for one in events {
        match &one.what {
            What::Tracked(phase, category, ids) => {
                items.extend(ids.iter().map(|id| (phase.clone(), category.clone(), id.clone())));
            }
            What::Item(item) => {
                items.insert(key_of(item));
            }
            _ => {}
        }
    }
    items
}

/// One session, from the reports of its sources.
fn session(parts: &[Part], unenrolled_ms: &[i64], as_of_ms: i64) -> Session {
    // S17: the items of the source that reports more of them; of two that report equally many, of the first by name.
    let mut items: BTreeMap<&String, BTreeSet<ItemKey>> = BTreeMap::new();
    for one in parts.iter().flat_map(|part| &part.events) {
        let of_source = items.entry(&one.source).or_default();
        if let What::Item(item) = &one.what {
            of_source.insert(key_of(item));
        }
    }
    let owner = items.iter().max_by_key(|(source, items)| (items.len(), std::cmp::Reverse(*source)));
    let owner = owner.map(|(source, _)| (*source).clone());
    let named = parts.iter().flat_map(|part| &part.events).filter(|one| one.session.is_some());
    let name = named.min_by_key(|one| (one.at_ms, &one.source, &one.id)).and_then(|one| one.session.clone());
    let mut events = Vec::new();
    let mut keys = BTreeSet::new();
    for one in parts.iter().flat_map(|part| &part.events) {
        keys.insert((one.source.clone(), one.id.clone()));
        if Some(&one.source) == owner.as_ref() || !matches!(one.what, What::Item(_) | What::Tracked(..)) {
            events.push(one.clone());
        }
    }
    events.sort_by(|a, b| (a.at_ms, &a.source, &a.id).cmp(&(b.at_ms, &b.source, &b.id)));

    let parts: Vec<&Part> = parts.iter().collect();
    let begin = begin(&parts);
    let judged = judge(&events, &parts, unenrolled_ms, as_of_ms);
    let named = |index: usize| (events[index].source.clone(), events[index].id.clone());
    // What was reported before its start counts from the start.
    let ended_at_ms = judged.ended_at_ms.map(|at_ms| at_ms.max(begin.at_ms));
    let (stuck_since_ms, is_stuck) = stuck(&events, &begin, ended_at_ms, as_of_ms);
    Session {
        name,
        started_at_ms: begin.at_ms,
        start_reported: events.iter().any(|one| matches!(one.what, What::Started { .. })),
        deadline_ms: judged.deadline_ms,
        ended_at_ms,
        stuck_since_ms,
        is_stuck,
        phases: events.iter().filter_map(|one| Some((one.at_ms, named_phase(one)?.to_owned()))).collect(),
        state: judged.state.to_owned(),
        failed: judged.failed,
        timed_out: judged.timed_out,
        counts: counts(&events, &begin),
        apps: apps(&events, &begin),
        times: times(&events),
        profile: begin.profile.id.clone(),
        events: keys,
        turns: judged.turns.iter().map(|(index, turn)| (named(*index), turn.clone())).collect(),
        mode: begin.mode,
    }
}

/// "(k of n)" of each subtask whose list is known, from a list or from one of its items.
fn counts(events: &[PageEvent], begin: &Begin) -> BTreeMap<(String, String), (usize, usize)> {
    let mut lists: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for one in events {
        match &one.what {
            What::Started { targeted: Some(apps), .. } if lists_targets(one, begin) => {
                for phase in ["deviceSetup", "accountSetup"] {
                    lists.entry((phase.to_owned(), "apps".to_owned())).or_default();
                }
                for (id, user) in apps {
                    let phase = if *user { "accountSetup" } else { "deviceSetup" };
                    lists.entry((phase.to_owned(), "apps".to_owned())).or_default().insert(id.clone());
                }
            }
            What::Tracked(phase, category, ids) => {
                lists.entry((phase.clone(), category.clone())).or_default().extend(ids.clone());
            }
            What::Item(item) => {
                lists.entry((item.phase.clone(), item.category.clone())).or_default().insert(item.id.clone());
            }
            _ => {}
        }
    }
    let states = newest(events);
    let mut counts = BTreeMap::new();
    for ((phase, category), ids) in lists {
        if phase == "devicePreparation" {
            continue;
        }
        let (mut done, mut all) = (0, 0);
        for id in ids {
            if !is_counted(events, begin, &phase, &category, &id) {
                continue;
            }
            all += 1;
            let item = (phase.clone(), category.clone(), id);
            if states.get(&item).is_some_and(|(_, state)| is_done(state)) {
                done += 1;
            }
        }
        let count = if category == "securityPolicies" { (usize::from(done == all), 1) } else { (done, all) };
        counts.insert((phase, category), count);
    }
    counts
}

/// N: the apps that a list or an item names, each with what was reported of it.
fn apps(events: &[PageEvent], begin: &Begin) -> Vec<App> {
    let mut apps: BTreeMap<(String, String), App> = BTreeMap::new();
    // When the newest state was reported.
    let mut newest_ms: BTreeMap<(String, String), i64> = BTreeMap::new();
    for one in events {
        let named: Vec<(String, String)> = match &one.what {
            What::Started { targeted: Some(list), .. } if lists_targets(one, begin) => list
                .iter()
                .map(|(id, user)| (if *user { "accountSetup" } else { "deviceSetup" }.to_owned(), id.clone()))
                .collect(),
            What::Tracked(phase, category, ids) if category == "apps" => {
                ids.iter().map(|id| (phase.clone(), id.clone())).collect()
            }
            What::Item(item) if item.category == "apps" => vec![(item.phase.clone(), item.id.clone())],
            _ => Vec::new(),
        };
        for key in named {
            let app = apps.entry(key.clone()).or_default();
            (app.phase, app.id) = key.clone();
            if let Some(name) = one.names.get(&key.1) {
                app.name = Some(name.clone());
            }
            let What::Item(item) = &one.what else { continue };
            if item.name.is_some() {
                app.name.clone_from(&item.name);
            }
            // At the same instant the more advanced state counts.
            let older = app.state.as_ref().is_some_and(|known| rank(known) > rank(&item.state));
            if older && newest_ms.get(&key) == Some(&one.at_ms) {
                continue;
            }
            newest_ms.insert(key, one.at_ms);
            app.state = Some(item.state.clone());
            app.tried |= item.state != "notInstalled";
            app.failed |= item.state == "error";
        }
    }
    apps.into_values().collect()
}
