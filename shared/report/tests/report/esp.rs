//! The Enrollment Status Page's numbers against plain arithmetic on folded sessions.

#![allow(clippy::cast_precision_loss)]

use crate::common;

use common::esp::{PROFILES, esp_event, session, started};
use common::{Rng, at, build, changes, context, tenant, world};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{Category, EspDetail, EspSession, ItemState, Phase, PhaseState, SessionState, Tracking};
use vestibule_domain::event::Body;
use vestibule_domain::{Day, Event, Millis, TenantSettings, Timestamp, fold};
use vestibule_report::Working;
use vestibule_report::reader::{EspOverview, EspSessionFilter};

pub struct World {
    pub working: Working,
    /// Each with the key of its device.
    sessions: Vec<(String, EspSession)>,
    pub settings: TenantSettings,
    pub as_of: Timestamp,
    _folder: tempfile::TempDir,
}

pub fn make(seed: u64) -> World {
    make_with(seed, Vec::new())
}

/// With the events of more sessions.
pub fn make_with(seed: u64, more: Vec<Vec<Event>>) -> World {
    let settings = TenantSettings { time_zone: chrono_tz::America::New_York, ..TenantSettings::default() };
    let (tenant, as_of) = (tenant(), at("2026-03-20T02:00:00Z"));
    let mut events = world(seed, 600, at("2026-02-10T00:00:00Z"), as_of);
    // Some sessions are under way.
    events.extend((0..30).map(|number| {
        let begin = as_of - Millis::from_minutes(5 + 4 * i64::try_from(number).unwrap());
        session(&mut Rng(seed << 8 | number), 900_000_000 + number, begin)
    }));
    // Two sessions have had no event for a long time.
    events.extend((0..2).map(|number| {
        let start = started(PROFILES.fallback(), Rule::Default);
        let begin = as_of - Millis::from_minutes(20);
        vec![esp_event(
            910_000_000 + number,
            format!("start-{number}"),
            begin,
            None,
            EspDetail::Started(Box::new(start)),
        )]
    }));
    events.extend(more);
    // Some senders of the page report no model.
    for event in events.iter_mut().step_by(5).flatten().filter(|event| matches!(event.body, Body::Esp(_))) {
        event.about.model = None;
    }
    let all = changes(&events, as_of);
    let folder = tempfile::tempdir().unwrap();
    let working = build(&folder.path().join("w"), &context(&tenant, &settings), &all, as_of);
    let cutoff = working.cutoff(as_of);
    let mut sessions = Vec::new();
    for change in &all {
        let enrollment = fold(&tenant, &change.history, &settings, as_of);
        let inside = enrollment.sessions.into_iter().filter(|one| one.started_at.day(settings.time_zone) >= cutoff);
        sessions.extend(inside.map(|session| (enrollment.key.as_str().to_owned(), session)));
    }
    World { working, sessions, settings, as_of, _folder: folder }
}

impl World {
    pub fn day(&self, session: &EspSession) -> Day {
        session.started_at.day(self.settings.time_zone)
    }

    pub fn sessions(&self, from: Day, to: Day) -> Vec<&EspSession> {
        let all = self.sessions.iter().map(|(_, session)| session);
        all.filter(|session| (from..to).contains(&self.day(session))).collect()
    }

    /// The profile's present name, or its last known one if it was deleted.
    fn profile_name(&self, id: &str) -> String {
        let newest = self.sessions.iter().map(|(_, session)| session).filter(|session| session.profile.id == id);
        let newest = newest.max_by_key(|session| session.started_at).map(|session| session.profile.name.clone());
        PROFILES.get(id).map_or_else(|| newest.unwrap(), |(_, profile)| profile.settings.display_name.clone())
    }
}

fn minutes(lengths: &mut [i64]) -> (Option<f64>, Option<f64>) {
    lengths.sort_unstable();
    let n = lengths.len();
    if n == 0 {
        return (None, None);
    }
    let median = (lengths[(n - 1) / 2] + lengths[n / 2]) as f64 / 2.0;
    let enough = |high: &&i64| 10 * lengths.iter().filter(|length| length <= high).count() >= 9 * n;
    let high = lengths.iter().find(enough).unwrap();
    (Some(median / 60_000.0), Some(*high as f64 / 60_000.0))
}

fn same(one: Option<f64>, two: Option<f64>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => (one - two).abs() < 1e-9,
        (one, two) => one == two,
    }
}

fn lasted(session: &EspSession) -> i64 {
    (session.ended_at.unwrap() - session.started_at).get()
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn check_days(world: &World, overview: &EspOverview, sessions: &[&EspSession]) {
    for row in &overview.by_day {
        let of_day: Vec<_> =
            sessions.iter().filter(|session| world.day(session) == Day::parse(&row.date).unwrap()).collect();
        let count = |state| of_day.iter().filter(|session| session.state == state).count() as u64;
        assert_eq!(row.started, of_day.len() as u64, "{row:?}");
        assert_eq!(row.succeeded, of_day.iter().filter(|session| session.state.is_success()).count() as u64);
        assert_eq!(row.with_timeout, count(SessionState::SuccessWithTimeout));
        assert_eq!(row.on_retry, count(SessionState::SuccessOnRetry));
        assert_eq!(row.failed, count(SessionState::Failed));
        assert_eq!(row.timed_out, count(SessionState::TimedOut));
        assert_eq!(row.in_progress, count(SessionState::InProgress));
        assert_eq!(row.n, row.started - row.in_progress);
        assert_eq!(row.success_rate, ratio(row.succeeded as usize, row.n as usize));
        assert_eq!(row.stuck, of_day.iter().filter(|session| session.stuck_since.is_some()).count() as u64);
        assert_eq!(row.still_stuck, of_day.iter().filter(|session| session.is_stuck).count() as u64);
    }
    assert_eq!(overview.by_day.iter().map(|day| day.started).sum::<u64>(), sessions.len() as u64);
}

fn check_profiles(world: &World, overview: &EspOverview, sessions: &[&EspSession]) {
    let ids: BTreeSet<&str> = sessions.iter().map(|session| session.profile.id.as_str()).collect();
    assert_eq!(overview.by_profile.len(), ids.len());
    for row in &overview.by_profile {
        let id = row.profile_id.as_deref().unwrap();
        assert_eq!(row.profile.as_deref(), Some(world.profile_name(id).as_str()));
        let under: Vec<_> = sessions.iter().filter(|session| session.profile.id == id).collect();
        let count = |test: &dyn Fn(&EspSession) -> bool| under.iter().filter(|session| test(session)).count();
        let succeeded = count(&|one| one.state.is_success());
        let open = count(&|one| one.state == SessionState::InProgress);
        assert_eq!(row.sessions, under.len() as u64);
        assert_eq!(row.succeeded, succeeded as u64);
        assert_eq!(row.failed, count(&|one| one.state == SessionState::Failed) as u64);
        assert_eq!(row.timed_out, count(&|one| one.state == SessionState::TimedOut) as u64);
        assert_eq!((row.in_progress, row.n), (open as u64, (under.len() - open) as u64));
        assert_eq!(row.success_rate, ratio(succeeded, under.len() - open));
        assert_eq!(row.over_limit, count(&|one| one.timed_out) as u64);
        assert_eq!(row.recovered, count(&|one| one.timed_out && one.state.is_success()) as u64);
        assert_eq!(row.stuck, count(&|one| one.stuck_since.is_some()) as u64);
        let mut lengths: Vec<i64> =
            under.iter().filter(|one| one.state.is_success()).map(|session| lasted(session)).collect();
        let (median, high) = minutes(&mut lengths);
        assert!(same(row.median_minutes, median) && same(row.p90_minutes, high), "{row:?}: {median:?} {high:?}");
    }
}

/// How a phase stands, from what the page on the device shows.
fn phase_state(session: &EspSession, phase: Phase) -> PhaseState {
    use vestibule_domain::esp::page::StepState;
    let mut whole = session.clone();
    // The page leaves out phases that the deployment mode does not have; a sender may still report them.
    whole.deployment_mode = None;
    whole.phase = Some(session.current_phase().0);
    match whole.page().into_iter().find(|view| view.phase == phase).unwrap().state {
        StepState::Completed => PhaseState::Completed,
        StepState::Failed => PhaseState::Failed,
        _ => PhaseState::Started,
    }
}

fn check_phases(overview: &EspOverview, sessions: &[&EspSession]) {
    let cells: BTreeSet<(&str, Phase)> = sessions
        .iter()
        .flat_map(|session| session.phases.keys().map(|phase| (session.profile.id.as_str(), *phase)))
        .collect();
    assert_eq!(overview.by_phase.len(), cells.len());
    for row in &overview.by_phase {
        let phase = Phase::read(&row.phase).unwrap();
        let under = sessions.iter().filter(|session| Some(&session.profile.id) == row.profile_id.as_ref());
        let entered: Vec<_> = under.filter(|session| session.phases.contains_key(&phase)).collect();
        let count = |state| entered.iter().filter(|session| phase_state(session, phase) == state).count();
        let (completed, failed) = (count(PhaseState::Completed), count(PhaseState::Failed));
        assert_eq!(row.entered, entered.len() as u64);
        assert_eq!((row.completed, row.failed), (completed as u64, failed as u64), "{row:?}");
        assert_eq!((row.n, row.success_rate), ((completed + failed) as u64, ratio(completed, completed + failed)));
        let over = entered.iter().filter(|session| phase_state(session, phase) == PhaseState::Completed);
        let completed = over.map(|session| &session.phases[&phase]);
        let mut lengths: Vec<i64> = completed
            .filter(|progress| progress.state == PhaseState::Completed)
            .map(|progress| (progress.ended_at.unwrap() - progress.started_at).get())
            .collect();
        let (median, high) = minutes(&mut lengths);
        assert!(same(row.median_minutes, median) && same(row.p90_minutes, high), "{row:?}");
    }
}

#[derive(Default)]
struct App {
    sets: [BTreeSet<String>; 6],
    lengths: Vec<i64>,
}

fn check_apps(overview: &EspOverview, sessions: &[&EspSession]) {
    let mut apps: BTreeMap<&str, App> = BTreeMap::new();
    for session in sessions {
        for item in session.items.iter().filter(|item| item.category == Category::Apps) {
            let app = apps.entry(item.name.as_deref().unwrap_or(&item.id)).or_default();
            let is = [
                true,
                item.tracking == Tracking::Blocking,
                item.began_at.is_some(),
                item.state == Some(ItemState::Completed),
                item.errors > 0,
                item.state == Some(ItemState::Error),
            ];
            for (set, _) in app.sets.iter_mut().zip(is).filter(|(_, is)| *is) {
                set.insert(session.id.to_string());
            }
            if let (Some(ItemState::Completed), Some(began), Some(settled)) =
                (item.state, item.began_at, item.settled_at)
                && settled > began
            {
                app.lengths.push((settled - began).get());
            }
        }
    }
    for row in overview.slowest_apps.iter().chain(&overview.failing_apps) {
        let app = apps.get_mut(row.app.as_deref().unwrap()).unwrap();
        let n = [0, 1, 2, 3, 4, 5].map(|at| app.sets[at].len() as u64);
        assert_eq!([row.sessions, row.blocking, row.tried, row.completed, row.failed, row.failing], n, "{row:?}");
        assert_eq!(row.failure_rate, ratio(app.sets[4].len(), app.sets[2].len()));
        let (median, high) = minutes(&mut app.lengths);
        assert!(same(row.median_minutes, median) && same(row.p90_minutes, high), "{row:?}");
    }
    let measured = apps.values().filter(|app| !app.lengths.is_empty()).count();
    assert_eq!(overview.slowest_apps.len(), measured.min(100));
    assert_eq!(overview.failing_apps.len(), apps.values().filter(|app| !app.sets[4].is_empty()).count().min(100));
    assert!(overview.slowest_apps.windows(2).all(|pair| pair[0].p90_minutes >= pair[1].p90_minutes));
    assert!(overview.failing_apps.windows(2).all(|pair| pair[0].failed >= pair[1].failed));
}

#[test]
fn the_overview_is_what_the_sessions_add_up_to() {
    let world = make(21);
    let reader = world.working.reader().unwrap();
    let (first, end) = reader.window().unwrap();
    for (from, to) in [(first, end), (end.plus(-8), end.plus(-1)), (end.plus(-3), end.plus(-2))] {
        let overview = reader.esp_overview(from, to, 100).unwrap();
        let sessions = world.sessions(from, to);
        assert!(!sessions.is_empty());
        assert_eq!(overview.by_day.len(), usize::try_from(to.get() - from.get()).unwrap());
        check_days(&world, &overview, &sessions);
        check_profiles(&world, &overview, &sessions);
        check_phases(&overview, &sessions);
        check_apps(&overview, &sessions);
        let recovered: BTreeSet<String> = sessions
            .iter()
            .filter(|session| session.timed_out && session.state.is_success())
            .map(|session| session.id.to_string())
            .collect();
        assert_eq!(overview.recovered.len(), recovered.len().min(100));
        for row in &overview.recovered {
            assert!(recovered.contains(&row.session_id));
            let over = Timestamp::parse(&row.ended_at).unwrap() - Timestamp::parse(&row.deadline).unwrap();
            assert!(same(Some(row.minutes_over), Some(over.get() as f64 / 60_000.0)) && row.minutes_over > 0.0);
        }
        let stuck: BTreeSet<String> =
            world.sessions(first, end).iter().filter(|one| one.is_stuck).map(|one| one.id.to_string()).collect();
        assert_eq!(overview.stuck.len(), stuck.len().min(100));
        assert!(overview.stuck.iter().all(|row| stuck.contains(&row.session_id)));
        assert!(overview.stuck.iter().all(|row| row.meaning.contains("licence")));
    }
    assert!(!reader.esp_overview(first, end, 100).unwrap().recovered.is_empty());
    assert!(!reader.esp_overview(first, end, 100).unwrap().stuck.is_empty());
    assert!(reader.esp_overview(end, first, 100).is_err());
    assert_eq!(reader.esp_overview(first, end, 2).unwrap().failing_apps.len(), 2);
}

#[test]
fn the_views_of_the_whole_window_say_the_same() {
    let mut world = make(22);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    world.working.publish(&out, None).unwrap();
    let conn = rusqlite::Connection::open(&out).unwrap();
    let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let (first, end) = world.working.reader().unwrap().window().unwrap();
    let sessions = world.sessions(first, end);
    let count = |test: &dyn Fn(&EspSession) -> bool| {
        i64::try_from(sessions.iter().filter(|session| test(session)).count()).unwrap()
    };
    assert_eq!(number("SELECT sum(started) FROM esp_by_day"), count(&|_| true));
    assert_eq!(number("SELECT sum(sessions) FROM esp_by_profile"), count(&|_| true));
    assert_eq!(number("SELECT count(*) FROM esp_session_list"), count(&|_| true));
    let stuck = count(&|one| one.stuck_since.is_some());
    assert_eq!(number("SELECT sum(stuck) FROM esp_stuck_by_day"), stuck);
    assert_eq!(number("SELECT sum(still_stuck) FROM esp_stuck_by_day"), count(&|one| one.is_stuck));
    assert_eq!(number("SELECT sum(started) FROM esp_stuck_by_day"), count(&|_| true));
    assert_eq!(number("SELECT count(*) FROM esp_stuck_by_day"), number("SELECT count(*) FROM days"));
    assert_eq!(number("SELECT count(*) FROM esp_stuck_identifying"), stuck);
    assert_eq!(number("SELECT count(*) FROM esp_stuck_identifying WHERE phase NOT LIKE '%Setup'"), 0);
    let recovered = count(&|one| one.timed_out && one.state.is_success());
    assert_eq!(number("SELECT count(*) FROM esp_timeouts_recovered"), recovered);
    let mut days: BTreeMap<(String, String, Option<String>), i64> = BTreeMap::new();
    for session in &sessions {
        let mode = session.deployment_mode.map(|mode| mode.name().to_owned());
        *days.entry((world.day(session).to_string(), session.profile.id.clone(), mode)).or_default() += 1;
    }
    let mut rows = conn.prepare("SELECT date, profile_id, deployment_mode, started FROM esp_by_day").unwrap();
    let rows = rows.query_map([], |row| Ok(((row.get(0)?, row.get(1)?, row.get(2)?), row.get(3)?))).unwrap();
    assert_eq!(rows.collect::<Result<BTreeMap<_, i64>, _>>().unwrap(), days);
    let used = number("SELECT sum(sessions) FROM esp_profile_list");
    assert_eq!(used, count(&|one| PROFILES.get(&one.profile.id).is_some()));
}

#[test]
fn a_session_is_shown_in_words_with_its_phases_and_items() {
    let world = make(23);
    let reader = world.working.reader().unwrap();
    let instant = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let keys: BTreeSet<&String> = world.sessions.iter().map(|(key, _)| key).collect();
    let details: Vec<_> = keys.iter().flat_map(|key| reader.esp_sessions(key).unwrap()).collect();
    assert_eq!(details.len(), world.sessions.len());
    for (key, session) in &world.sessions {
        let detail = details.iter().find(|detail| detail.session.session_id == session.id.to_string()).unwrap();
        let row = &detail.session;
        assert_eq!((&row.enrollment_key, row.state.as_str()), (key, session.state.name()));
        assert_eq!((row.stage.as_str(), row.progress), (session.stage().name(), session.progress()));
        assert_eq!(row.phase.as_deref(), session.phase.map(Phase::name));
        assert_eq!(row.profile.as_ref(), Some(&session.profile.name));
        assert_eq!(row.profile_id.as_ref(), Some(&session.profile.id));
        assert_eq!((row.profile_version, row.rule.as_str()), (session.profile.version, session.profile.rule.name()));
        let group = session.profile.rule.group().map(|group| group.name.clone().unwrap_or_else(|| group.id.clone()));
        assert_eq!(row.rule_group, group);
        assert_eq!((row.timed_out, row.failed, row.is_stuck), (session.timed_out, session.failed, session.is_stuck));
        assert_eq!(row.failed_phase.as_deref(), session.failed_phase.map(Phase::name));
        assert_eq!(row.retries as usize, session.retries());
        assert_eq!(row.stuck_since, instant(session.stuck_since));
        assert_eq!(row.stuck_phase.is_some(), session.stuck_since.is_some());
        assert_eq!((&row.started_at, &row.ended_at), (&session.started_at.to_string(), &instant(session.ended_at)));
        assert_eq!((&row.deadline, row.limit_minutes), (&session.deadline.to_string(), session.limit_minutes));
        assert_eq!((&row.error_code, &row.error_message), (&session.error_code, &session.error_message));
        let counted: Vec<_> = session.items.iter().filter(|item| item.tracking.is_counted()).collect();
        assert_eq!(row.items_counted as usize, counted.len());
        assert_eq!(row.items_done as usize, counted.iter().filter(|item| item.is_done()).count());
        assert_eq!(detail.phases.len(), session.phases.len());
        for ((phase, progress), shown) in session.phases.iter().zip(&detail.phases) {
            assert_eq!((shown.phase.as_str(), &shown.started_at), (phase.name(), &progress.started_at.to_string()));
            assert_eq!(shown.state, phase_state(session, *phase).name());
        }
        assert_eq!(detail.items.len(), session.items.len());
        for (item, shown) in session.items.iter().zip(&detail.items) {
            assert_eq!((shown.item_id.as_ref(), &shown.name), (Some(&item.id), &item.name));
            assert_eq!((shown.tracking.as_str(), shown.errors), (item.tracking.name(), item.errors));
            assert_eq!(shown.state.as_deref(), item.state.map(ItemState::name));
            assert_eq!((&shown.began_at, &shown.settled_at), (&instant(item.began_at), &instant(item.settled_at)));
        }
    }
    // The status page shows the stage and progress of a device's open session.
    let active = reader.active(None, 1_000).unwrap().active;
    let open: Vec<_> = active.iter().filter_map(|one| one.session_id.as_ref().map(|id| (id, one))).collect();
    assert!(!open.is_empty());
    for (id, one) in open {
        let (_, session) = world.sessions.iter().find(|(_, session)| session.id.to_string() == *id).unwrap();
        assert_eq!((one.stage.as_deref(), one.progress), (Some(session.stage().name()), session.progress()));
    }
    let trackings: BTreeSet<&str> =
        details.iter().flat_map(|detail| &detail.items).map(|item| item.tracking.as_str()).collect();
    assert_eq!(trackings.len(), Tracking::ALL.len(), "the world has items of every tracking");
    let states: BTreeSet<&str> = details.iter().map(|detail| detail.session.state.as_str()).collect();
    // Only an unenrollment ends a session as `ended`, and these devices have none.
    assert_eq!(states.len(), SessionState::ALL.len() - 1, "the world has sessions of every state but ended");
}

#[test]
fn pages_go_through_exactly_the_sessions_asked_for() {
    let world = make(25);
    let reader = world.working.reader().unwrap();
    let (first, end) = reader.window().unwrap();
    let kiosk = PROFILES.iter().find(|(_, one)| one.settings.display_name == "Kiosk ESP").unwrap().1.id.clone();
    let all = EspSessionFilter::default;
    type Test<'t> = Box<dyn Fn(&EspSession) -> bool + 't>;
    let cases: [(EspSessionFilter, Test); 5] = [
        (all(), Box::new(|_| true)),
        (
            EspSessionFilter { state: Some(SessionState::Failed), ..all() },
            Box::new(|one| one.state == SessionState::Failed),
        ),
        (EspSessionFilter { stuck: Some(true), ..all() }, Box::new(|one| one.is_stuck)),
        (EspSessionFilter { profile_id: Some(kiosk.clone()), ..all() }, Box::new(|one| one.profile.id == kiosk)),
        (
            EspSessionFilter { from: Some(end.plus(-9)), to: Some(end.plus(-2)), stuck: Some(false), ..all() },
            Box::new(|one| (end.plus(-9)..end.plus(-2)).contains(&world.day(one)) && !one.is_stuck),
        ),
    ];
    for (filter, test) in cases {
        let inside = world.sessions(first, end);
        let mut expected: BTreeSet<String> =
            inside.iter().filter(|session| test(session)).map(|session| session.id.to_string()).collect();
        assert!(!expected.is_empty(), "{filter:?}");
        let (mut cursor, mut last) = (None, String::from("9"));
        loop {
            let page = reader.esp_session_page(&filter, cursor, 7).unwrap();
            for session in &page.sessions {
                assert!(expected.remove(&session.session_id), "{filter:?}: {session:?}");
                assert!(session.started_at[..19] <= last[..19.min(last.len())]);
                last.clone_from(&session.started_at);
            }
            assert_eq!(page.first_page_as_of, world.as_of.to_string());
            let Some(next) = page.next else { break };
            cursor = Some(next);
        }
        assert!(expected.is_empty(), "{filter:?}: {expected:?}");
    }
}

#[test]
fn one_session_is_shown_whole_with_the_devices_other_sessions() {
    let world = make(25);
    let reader = world.working.reader().unwrap();
    let answer = |id: &str| {
        let asked = [("id".to_owned(), id.to_owned())].into();
        reader.answer("esp-session", &asked).unwrap()
    };
    let mut several = 0;
    for (key, session) in &world.sessions {
        let shown = answer(&session.id.to_string()).unwrap();
        assert_eq!(
            (shown["enrollmentKey"].as_str(), shown["state"].as_str()),
            (Some(key.as_str()), Some(session.state.name()))
        );
        assert_eq!(shown["stuckMeans"].is_null(), session.stuck_since.is_none());
        let list = |name: &str| shown[name].as_array().unwrap();
        assert_eq!((list("phases").len(), list("items").len()), (session.phases.len(), session.items.len()));
        for (item, listed) in session.items.iter().zip(list("items")) {
            assert_eq!(
                (listed["itemId"].as_str(), listed["phase"].as_str()),
                (Some(item.id.as_str()), Some(item.phase.name()))
            );
        }
        let others: Vec<&str> =
            list("otherSessions").iter().map(|other| other["sessionId"].as_str().unwrap()).collect();
        let of_device = world.sessions.iter().filter(|(other, one)| other == key && one.id != session.id);
        let mut expected: Vec<&EspSession> = of_device.map(|(_, one)| one).collect();
        expected.sort_by_key(|one| std::cmp::Reverse(one.started_at));
        assert_eq!(others, expected.iter().map(|one| one.id.to_string()).collect::<Vec<_>>());
        several += usize::from(!others.is_empty());
    }
    assert!(several > 10);
    assert!(answer("00000000000000000000000000000000").is_none() && answer("no id").is_none());
}

#[test]
fn people_are_found_by_each_of_their_sessions() {
    let (settings, as_of) = (TenantSettings::default(), at("2026-03-20T02:00:00Z"));
    let tenant = tenant();
    let theirs = |name: &str, number: u64, begin: &str| {
        let mut events = session(&mut Rng(number), 1, at(begin));
        for (place, event) in events.iter_mut().enumerate() {
            event.key.id = format!("{name}-{place}");
            event.about.user_principal_name = Some(format!("{name}@contoso.example"));
        }
        events
    };
    // The device had another user before.
    let events = [theirs("before", 3, "2026-03-01T08:00:00Z"), theirs("now", 4, "2026-03-10T08:00:00Z")].concat();
    let folder = tempfile::tempdir().unwrap();
    let all = changes(&[events], as_of);
    let working = build(&folder.path().join("w"), &context(&tenant, &settings), &all, as_of);
    let reader = working.reader().unwrap();
    for (name, day) in [("before", "2026-03-01"), ("NOW", "2026-03-10")] {
        let asked = [("user".to_owned(), format!("{name}@contoso.example"))].into();
        let answer = reader.answer("esp-sessions", &asked).unwrap().unwrap();
        let days: BTreeSet<&str> =
            answer["sessions"].as_array().unwrap().iter().map(|one| one["startedDay"].as_str().unwrap()).collect();
        assert_eq!(days, BTreeSet::from([day]), "{name}");
        // Diagnostics find the device by either user.
        let devices = reader.answer("devices", &asked).unwrap().unwrap();
        assert_eq!(devices["devices"].as_array().unwrap().len(), 1, "{name}");
        let everywhere = [asked, [("os".to_owned(), "all".to_owned())].into()].into_iter().flatten().collect();
        let answer = reader.answer("attempts", &everywhere).unwrap().unwrap();
        let days: BTreeSet<&str> =
            answer["attempts"].as_array().unwrap().iter().map(|one| one["startedDay"].as_str().unwrap()).collect();
        // The later session begins while the device is complete, so it opens no attempt.
        assert_eq!(days, if name == "before" { BTreeSet::from([day]) } else { BTreeSet::new() }, "{name}");
    }
}
