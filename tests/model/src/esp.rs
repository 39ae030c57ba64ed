//! From events to sessions of the Enrollment Status Page.
//!
//! Written from the rules alone: what a session is after some of its events is found by looking at all of them
//! again, every time.

use std::collections::{BTreeMap, BTreeSet};

/// What an organisation chose that changes how a session goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Minutes a session may take.
    pub minutes: i64,
    /// Whether the page is shown. If not, nothing is waited for.
    pub shown: bool,
    /// The blocking list. Empty: all that are targeted.
    pub blocking: Vec<String>,
    /// In the technician phase: whether the apps outside the list are tried too.
    pub tries_others: bool,
}

/// What an event tells. Names are those of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// `esp.started`
    Started {
        /// `deploymentMode`
        mode: Option<String>,
        /// `hybridJoin`
        hybrid: bool,
        /// Ids of the apps known to be targeted, and whether at the user.
        targeted: Option<Vec<(String, bool)>>,
        /// The profile that applied then.
        profile: Option<Profile>,
    },
    /// `esp.tracked`: phase, category, ids.
    Tracked(String, String, Vec<String>),
    /// `esp.item`: phase, category, id, state.
    Item(String, String, String, String),
    /// `esp.phase`: phase, state.
    Phase(String, String),
    /// `esp.action`
    Action(String),
    /// `esp.completed`
    Completed,
    /// `esp.failed`
    Failed,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Where it stands in time.
    pub at_ms: i64,
    /// Of events of one instant this decides.
    pub source: String,
    /// After `source`, this.
    pub id: String,
    /// `sessionId`
    pub session: Option<String>,
    /// What it tells.
    pub what: What,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// `sessionId`
    pub name: Option<String>,
    /// From when its time counts.
    pub started_at_ms: i64,
    /// The last instant of its time.
    pub deadline_ms: i64,
    /// When it succeeded or failed.
    pub ended_at_ms: Option<i64>,
    /// `inProgress`, `timedOut`, `failed`, `success`, `successWithTimeout`, `successOnRetry`.
    pub state: String,
    /// Whether it ever failed.
    pub failed: bool,
    /// Whether it ever was past its time.
    pub timed_out: bool,
    /// "(k of n)" of each subtask of the setup phases whose list is known. For security policies: 1 when all are there.
    pub counts: BTreeMap<(String, String), (usize, usize)>,
}

/// The sessions of one device.
#[must_use]
pub fn esp_sessions(told: &[Told], as_of_ms: i64) -> Vec<Session> {
    let mut told: Vec<Told> = told.iter().filter(|one| one.at_ms <= as_of_ms).map(in_lower_case).collect();
    told.sort_by(|a, b| (a.at_ms, &a.source, &a.id).cmp(&(b.at_ms, &b.source, &b.id)));

    let mut named: BTreeMap<String, Vec<Told>> = BTreeMap::new();
    let mut unnamed: Vec<Vec<Told>> = Vec::new();
    for one in told {
        if let Some(name) = &one.session {
            named.entry(name.clone()).or_default().push(one);
            continue;
        }
        let is_start = matches!(one.what, What::Started { .. });
        let over = unnamed.last().is_none_or(|last| is_start && session(last, one.at_ms).state != "inProgress");
        if over {
            unnamed.push(Vec::new());
        }
        if let Some(last) = unnamed.last_mut() {
            last.push(one);
        }
    }
    named.values().chain(&unnamed).map(|of_session| session(of_session, as_of_ms)).collect()
}

/// The same with ids of items in lower case: senders differ in it, and it tells nothing apart.
fn in_lower_case(told: &Told) -> Told {
    let mut told = told.clone();
    match &mut told.what {
        What::Started { targeted: Some(apps), .. } => apps.iter_mut().for_each(|(id, _)| id.make_ascii_lowercase()),
        What::Tracked(_, _, ids) => ids.iter_mut().for_each(|id| id.make_ascii_lowercase()),
        What::Item(_, _, id, _) => id.make_ascii_lowercase(),
        _ => {}
    }
    told
}

/// What the earliest `esp.started` says, or would say if there were one.
struct Begin {
    at_ms: i64,
    technician: bool,
    hybrid: bool,
    /// What it lists itself; `None` where it lists nothing.
    lists: Option<Vec<String>>,
    profile: Profile,
}

fn begin(told: &[Told]) -> Begin {
    let nobody_chose = Profile { minutes: 60, shown: true, blocking: Vec::new(), tries_others: false };
    for one in told {
        if let What::Started { mode, hybrid, targeted, profile } = &one.what {
            return Begin {
                at_ms: one.at_ms,
                technician: mode.as_deref() == Some("preProvisioningTechnician"),
                hybrid: *hybrid,
                lists: targeted.as_ref().map(|apps| apps.iter().map(|(id, _)| id.clone()).collect()),
                profile: profile.clone().unwrap_or(nobody_chose),
            };
        }
    }
    let at_ms = told.first().map_or(0, |first| first.at_ms);
    Begin { at_ms, technician: false, hybrid: false, lists: None, profile: nobody_chose }
}

/// Whether an app is targeted: the start lists it, or the list of a subtask does. A start that lists nothing
/// excludes nothing.
fn is_targeted(told: &[Told], begin: &Begin, app: &str) -> bool {
    let Some(lists) = &begin.lists else {
        return true;
    };
    let tracked = told.iter().any(|one| match &one.what {
        What::Tracked(_, category, ids) => category == "apps" && ids.iter().any(|id| id == app),
        _ => false,
    });
    tracked || lists.iter().any(|id| id == app)
}

fn in_list(profile: &Profile, app: &str) -> bool {
    profile.blocking.is_empty() || profile.blocking.iter().any(|id| id.eq_ignore_ascii_case(app))
}

/// Whether the session waits for it, so that it can hold the session up and fail it.
fn is_waited_for(told: &[Told], begin: &Begin, category: &str, id: &str) -> bool {
    if !begin.profile.shown {
        return false;
    }
    category != "apps" || (is_targeted(told, begin, id) && in_list(&begin.profile, id))
}

/// Whether the person sees it counted: what is waited for, and what the technician phase tries besides.
fn is_counted(told: &[Told], begin: &Begin, phase: &str, category: &str, id: &str) -> bool {
    let tried = begin.technician && begin.profile.tries_others && phase == "deviceSetup" && category == "apps";
    is_waited_for(told, begin, category, id) || (tried && begin.profile.shown && is_targeted(told, begin, id))
}

/// How far a state is: of two told of one instant the further one counts.
fn rank(state: &str) -> usize {
    let order = ["notInstalled", "inProgress", "completed", "error", "notRequired"];
    order.iter().position(|known| *known == state).unwrap_or(0)
}

type Item = (String, String, String);

/// The newest state of each item among the first so many events, and which of them told it.
fn newest(told: &[Told]) -> BTreeMap<Item, (usize, String)> {
    let mut newest: BTreeMap<Item, (usize, String)> = BTreeMap::new();
    for (index, one) in told.iter().enumerate() {
        let What::Item(phase, category, id, state) = &one.what else {
            continue;
        };
        let item = (phase.clone(), category.clone(), id.clone());
        if let Some((before, known)) = newest.get(&item)
            && told[*before].at_ms == one.at_ms
            && rank(known) > rank(state)
        {
            continue;
        }
        newest.insert(item, (index, state.clone()));
    }
    newest
}

/// Whether a session of which this and no more was told stands as failed. `whole` is all that was told of it.
///
/// A retry pardons what went wrong before it. After it a word of failure stands; an item's error stands until
/// the item's state is another.
fn stands_failed(told: &[Told], whole: &[Told], begin: &Begin) -> bool {
    let mut pardoned = 0;
    for (index, one) in told.iter().enumerate() {
        if one.what == What::Action("retry".to_owned()) {
            pardoned = index + 1;
        }
    }
    for one in &told[pardoned..] {
        match &one.what {
            What::Failed => return true,
            What::Phase(_, state) if state == "failed" => return true,
            _ => {}
        }
    }
    for ((_, category, id), (index, state)) in newest(told) {
        if index >= pardoned && state == "error" && is_waited_for(whole, begin, &category, &id) {
            return true;
        }
    }
    false
}

/// One session from its events in order.
fn session(told: &[Told], as_of_ms: i64) -> Session {
    let begin = begin(told);
    let minutes = begin.profile.minutes + if begin.hybrid { 40 } else { 0 };
    let deadline_ms = begin.at_ms + minutes * 60 * 1000;

    let mut failed = false;
    let mut failed_since = None;
    let mut retried = false;
    let mut succeeded = None;
    for (index, one) in told.iter().enumerate() {
        if one.what == What::Completed {
            let troubled = failed || one.at_ms > deadline_ms;
            let state = match (troubled, retried) {
                (false, _) => "success",
                (true, true) => "successOnRetry",
                (true, false) => "successWithTimeout",
            };
            succeeded = Some((one.at_ms, state));
            break;
        }
        retried = retried || one.what == What::Action("retry".to_owned());
        if stands_failed(&told[..=index], told, &begin) {
            failed = true;
            failed_since = failed_since.or(Some(one.at_ms));
        } else {
            failed_since = None;
        }
    }

    let (ended_at_ms, state) = match (succeeded, failed_since) {
        (Some((at_ms, state)), _) => (Some(at_ms), state),
        (None, Some(at_ms)) => (Some(at_ms), "failed"),
        (None, None) if as_of_ms > deadline_ms => (None, "timedOut"),
        (None, None) => (None, "inProgress"),
    };
    Session {
        name: told.first().and_then(|first| first.session.clone()),
        started_at_ms: begin.at_ms,
        deadline_ms,
        ended_at_ms,
        state: state.to_owned(),
        failed,
        timed_out: ended_at_ms.unwrap_or(as_of_ms) > deadline_ms,
        counts: counts(told, &begin),
    }
}

/// "(k of n)" of each subtask whose list is known: told as a list, or by an item of it.
fn counts(told: &[Told], begin: &Begin) -> BTreeMap<(String, String), (usize, usize)> {
    let mut lists: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for one in told {
        match &one.what {
            What::Started { targeted: Some(apps), .. } => {
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
            What::Item(phase, category, id, _) => {
                lists.entry((phase.clone(), category.clone())).or_default().insert(id.clone());
            }
            _ => {}
        }
    }
    let states = newest(told);
    let mut counts = BTreeMap::new();
    for ((phase, category), ids) in lists {
        if phase == "devicePreparation" {
            continue;
        }
        let (mut done, mut all) = (0, 0);
        for id in ids {
            if !is_counted(told, begin, &phase, &category, &id) {
                continue;
            }
            all += 1;
            let item = (phase.clone(), category.clone(), id);
            if let Some((_, state)) = states.get(&item)
                && (state == "completed" || state == "notRequired")
            {
                done += 1;
            }
        }
        let count = if category == "securityPolicies" { (usize::from(done == all), 1) } else { (done, all) };
        counts.insert((phase, category), count);
    }
    counts
}
