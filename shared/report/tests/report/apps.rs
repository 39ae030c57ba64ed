//! Apps by model, and the usual session, against plain arithmetic on folded sessions.
#![allow(clippy::cast_precision_loss)]

use crate::common::at;
use crate::common::esp::{PROFILES, esp_event, started};
use crate::esp::{World, make, make_with};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{
    Category, DeploymentMode, EspDetail, EspItem, EspSession, ItemName, ItemState, Phase, PhaseState, SessionState,
};
use vestibule_domain::{Day, Event, Millis, Timestamp};
use vestibule_report::ask::Parameters;

const COUNTS: [&str; 8] = ["sessions", "tried", "installed", "failed", "failing", "notNeeded", "open", "notReported"];

fn ask(world: &World, name: &str, pairs: &[(&str, &str)]) -> Map<String, Value> {
    let given: Parameters = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    world.working.reader().unwrap().answer(name, &given).unwrap().unwrap()
}

fn name_of(item: &EspItem) -> &str {
    item.name.as_deref().unwrap_or(&item.id)
}

/// In the order of [`COUNTS`], what one session says of an app.
fn said(session: &EspSession, items: &[&EspItem]) -> [u64; 8] {
    let any = |states: &[ItemState]| items.iter().any(|item| item.state.is_some_and(|state| states.contains(&state)));
    let open = session.state == SessionState::InProgress;
    let stands = if any(&[ItemState::Error]) {
        4
    } else if any(&[ItemState::Completed]) {
        2
    } else if any(&[ItemState::NotRequired, ItemState::Skipped, ItemState::NotApplicable]) {
        5
    } else if open {
        6
    } else {
        7
    };
    let mut counts = [0; 8];
    counts[0] = 1;
    counts[1] = u64::from(items.iter().any(|item| item.began_at.is_some()));
    counts[3] = u64::from(items.iter().any(|item| item.errors > 0));
    counts[stands] = 1;
    counts
}

type Cells = BTreeMap<(String, Option<String>), [u64; 8]>;

fn plainly(sessions: &[&EspSession]) -> Cells {
    let mut cells = Cells::new();
    for session in sessions {
        let apps: Vec<&EspItem> = session.items.iter().filter(|item| item.category == Category::Apps).collect();
        for name in apps.iter().map(|item| name_of(item)).collect::<BTreeSet<_>>() {
            let items: Vec<&EspItem> = apps.iter().copied().filter(|item| name_of(item) == name).collect();
            let cell = cells.entry((name.to_owned(), session.about.model.clone())).or_default();
            cell.iter_mut().zip(said(session, &items)).for_each(|(sum, more)| *sum += more);
        }
    }
    cells
}

/// A line's counts; how it went is null exactly where nobody tried it.
fn counts(line: &Value) -> [u64; 8] {
    let tried = line["tried"].as_u64().unwrap();
    for name in ["installed", "failed", "failing", "failureRate", "low", "high"] {
        assert_eq!(line[name].is_null(), tried == 0, "{name}: {line}");
    }
    if let Some(rate) = line["failureRate"].as_f64() {
        assert!((rate - line["failed"].as_f64().unwrap() / tried as f64).abs() < 1e-12);
        assert!(line["low"].as_f64().unwrap() <= rate && rate <= line["high"].as_f64().unwrap(), "{line}");
    }
    COUNTS.map(|name| line[name].as_u64().unwrap_or(0))
}

/// The same from the file's view; how it went is empty exactly where nobody tried it.
fn of_view(conn: &rusqlite::Connection, from: Day, to: Day) -> Cells {
    let sql = "SELECT app, model, sessions, tried, installed, failed, failing, not_needed, open, not_reported
               FROM apps_by_day WHERE app IS NOT NULL AND day >= ?1 AND day < ?2";
    let mut cells = Cells::new();
    let mut statement = conn.prepare(sql).unwrap();
    let mut rows = statement.query([from.get(), to.get()]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let counts: [Option<u64>; 8] = std::array::from_fn(|at| row.get(at + 2).unwrap());
        assert_eq!([2, 3, 4].map(|at| counts[at].is_none()), [counts[1] == Some(0); 3]);
        let cell = cells.entry((row.get(0).unwrap(), row.get(1).unwrap())).or_default();
        cell.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count.unwrap_or(0));
    }
    cells
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn rows<'a>(answer: &'a Map<String, Value>, name: &str) -> &'a Vec<Value> {
    answer[name].as_array().unwrap()
}

fn added<'a>(cells: impl Iterator<Item = &'a [u64; 8]>) -> [u64; 8] {
    cells.fold([0; 8], |mut sum, cell| {
        sum.iter_mut().zip(cell).for_each(|(sum, more)| *sum += more);
        sum
    })
}

#[test]
fn apps_by_model_are_what_the_sessions_add_up_to() {
    let mut world = make(31);
    let (first, end) = world.working.reader().unwrap().window().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.sqlite");
    world.working.publish(&file, None).unwrap();
    let conn = rusqlite::Connection::open(&file).unwrap();
    for (from, to) in [(first, end), (end.plus(-8), end.plus(-1)), (end.plus(-2), end)] {
        let sessions = world.sessions(from, to);
        let expected = plainly(&sessions);
        let days = [("from", from.to_string()), ("to", to.to_string())];
        let with = |more: &[(&'static str, &'static str)]| {
            let mut pairs: Vec<(&str, &str)> = days.iter().map(|(name, day)| (*name, day.as_str())).collect();
            pairs.extend(more);
            ask(&world, "app-models", &pairs)
        };
        let all = with(&[("limit", "1000"), ("models", "1000")]);
        let found: Cells = rows(&all, "cells")
            .iter()
            .map(|cell| ((text(&cell["app"]).unwrap(), text(&cell["model"])), counts(cell)))
            .collect();
        assert_eq!(found, expected);
        let names: BTreeSet<&String> = expected.keys().map(|(app, _)| app).collect();
        let models: BTreeSet<&Option<String>> = expected.keys().map(|(_, model)| model).collect();
        assert!(models.contains(&None) && models.len() > 5 && names.len() > 5);
        assert_eq!(
            (all["appCount"].as_u64(), all["modelCount"].as_u64()),
            (Some(names.len() as u64), Some(models.len() as u64))
        );
        assert_eq!(of_view(&conn, from, to), expected);
        let without =
            sessions.iter().filter(|one| !one.items.iter().any(|item| item.category == Category::Apps)).count();
        assert!(without > 0);
        assert_eq!(all["withoutApps"], without);
        for line in rows(&all, "apps") {
            let of_app = expected.iter().filter(|((app, _), _)| Some(app.as_str()) == line["app"].as_str());
            assert_eq!(counts(line), added(of_app.clone().map(|(_, cell)| cell)));
            assert_eq!(line["modelCount"], of_app.count());
        }
        let failed: Vec<u64> = rows(&all, "apps").iter().map(|line| line["failed"].as_u64().unwrap_or(0)).collect();
        assert!(failed.is_sorted_by(|one, other| one >= other));
        assert_eq!((all["rest"]["appCount"].as_u64(), rows(&all, "weeks").len()), (Some(0), 0));

        // Fewer lines: what is left out is counted together.
        let few = with(&[("limit", "3"), ("models", "2")]);
        assert_eq!(rows(&few, "apps")[..], rows(&all, "apps")[..3]);
        let rest = added(rows(&all, "apps")[3..].iter().map(counts).collect::<Vec<_>>().iter());
        assert_eq!(few["rest"]["appCount"], names.len() - 3);
        assert_eq!((few["rest"]["tried"].as_u64(), few["rest"]["failed"].as_u64()), (Some(rest[1]), Some(rest[3])));
        for line in rows(&few, "apps") {
            let cells: Vec<&Value> = rows(&few, "cells").iter().filter(|cell| cell["app"] == line["app"]).collect();
            assert_eq!(added(cells.iter().map(|cell| counts(cell)).collect::<Vec<_>>().iter()), counts(line));
            let others: u64 = cells.iter().filter_map(|cell| cell["otherModels"].as_u64()).sum();
            let named = cells.iter().filter(|cell| cell["otherModels"].is_null()).count() as u64;
            assert_eq!(others + named, line["modelCount"].as_u64().unwrap());
        }
    }
}

#[test]
fn one_app_has_its_weeks_and_codes_and_is_found_by_its_name_in_any_case() {
    let world = make(32);
    let (first, end) = world.working.reader().unwrap().window().unwrap();
    let (from, to) = (first.to_string(), end.to_string());
    let asked = [("from", from.as_str()), ("to", to.as_str()), ("app", "aPP 3")];
    let answer = ask(&world, "app-models", &asked);
    assert_eq!((&answer["app"], rows(&answer, "apps").len()), (&Value::from("App 3"), 1));
    let sessions = world.sessions(first, end);
    let line = &rows(&answer, "apps")[0];
    let weeks = rows(&answer, "weeks");
    assert_eq!(added(weeks.iter().map(counts).collect::<Vec<_>>().iter()), counts(line));
    for week in weeks {
        let day = |name: &str| Day::parse(week[name].as_str().unwrap()).unwrap();
        let inside = sessions.iter().copied().filter(|one| (day("from")..day("to")).contains(&world.day(one)));
        let cells = plainly(&inside.collect::<Vec<_>>());
        assert_eq!(counts(week), added(cells.iter().filter(|((app, _), _)| app == "App 3").map(|(_, cell)| cell)));
        assert_eq!(week["partlyKept"], day("from") < first);
        assert_eq!(week["unfinished"], day("to") > world.as_of.day(world.settings.time_zone));
    }
    assert!(weeks.len() > 3 && weeks.last().unwrap()["unfinished"] == true);
    // Its codes are those of its sessions that are failing.
    let codes = rows(&answer, "codes");
    let failing: u64 = codes.iter().map(|code| code["failing"].as_u64().unwrap()).sum();
    assert_eq!(Some(failing), line["failing"].as_u64());
    assert!(codes.iter().any(|code| code["code"] == "0x87d1041c" && !code["advice"].as_array().unwrap().is_empty()));
    let nobody = ask(&world, "app-models", &[("app", "Nothing")]);
    assert_eq!((&nobody["app"], rows(&nobody, "apps").len()), (&Value::from("Nothing"), 0));
    assert!(["cells", "weeks", "codes"].iter().all(|name| rows(&nobody, name).is_empty()));

    // The number of those that failed leads to as many sessions.
    for (failed, place) in [("true", 3), ("false", usize::MAX)] {
        let list =
            ask(&world, "esp-sessions", &[asked[0], asked[1], asked[2], ("appFailed", failed), ("limit", "1000")]);
        let found = rows(&list, "sessions").len() as u64;
        let of = counts(line);
        // A session may have one item of it that failed and another that did not.
        assert!(if place == 3 { found == of[3] } else { found >= of[0] - of[3] && found < of[0] }, "{failed}: {found}");
    }
    let model = ask(&world, "esp-sessions", &[asked[0], asked[1], asked[2], ("model", "model 4"), ("limit", "1000")]);
    let all = ask(&world, "app-models", &[asked[0], asked[1], asked[2], ("models", "1000")]);
    let cell = rows(&all, "cells").iter().find(|cell| cell["model"] == "Model 4").unwrap();
    assert_eq!(cell["sessions"], rows(&model, "sessions").len());
}

/// The median of an even number is the mean of the two in the middle.
fn median(mut all: Vec<i64>, least: u64) -> (u64, Option<f64>) {
    all.sort_unstable();
    let n = all.len();
    let enough = n as u64 >= least && n > 0;
    (n as u64, enough.then(|| (all[(n - 1) / 2] + all[n / 2]) as f64 / 120_000.0))
}

/// The sessions like one, the newest thousand of them.
fn like<'a>(all: &[&'a EspSession], session: &EspSession) -> Vec<&'a EspSession> {
    let is_like = |one: &&&EspSession| {
        one.profile.id == session.profile.id
            && one.deployment_mode == session.deployment_mode
            && one.started_at < session.started_at
            && (session.started_at - one.started_at).get() < 28 * 86_400_000
    };
    let mut alike: Vec<_> = all.iter().filter(is_like).copied().collect();
    alike.sort_by_key(|one| std::cmp::Reverse(one.started_at));
    alike.truncate(1000);
    alike
}

/// How long a session took for an item that began, was completed and never failed.
fn took(session: &EspSession, like: &EspItem) -> Option<i64> {
    let key = |item: &EspItem| (item.phase, item.category, item.id.to_ascii_lowercase());
    let item = session.items.iter().find(|item| key(item) == key(like))?;
    let took = (item.settled_at? - item.began_at?).get();
    (item.state == Some(ItemState::Completed) && item.errors == 0 && took > 0).then_some(took)
}

/// How many medians there are, and how many are missing, of phases and of items.
#[derive(Default, Debug)]
struct Seen {
    phases: [u32; 2],
    items: [u32; 2],
}

/// The answer about a session is plain arithmetic on all of them.
fn usual_agrees(world: &World, all: &[&EspSession], session: &EspSession, seen: &mut Seen) {
    let answer = ask(world, "usual-session", &[("id", &session.id.to_string())]);
    let alike = like(all, session);
    assert_eq!(answer["sessions"], alike.len());
    let least = answer["least"].as_u64().unwrap();
    let whole = alike.iter().filter(|one| one.state.is_success());
    let (n, usual) = median(whole.map(|one| (one.ended_at.unwrap() - one.started_at).get()).collect(), least);
    assert_eq!((answer["n"].as_u64(), answer["medianMinutes"].as_f64()), (Some(n), usual));
    for phase in rows(&answer, "phases") {
        let name = Phase::read(phase["phase"].as_str().unwrap()).unwrap();
        let times = alike.iter().filter_map(|one| one.phases.get(&name).map(|progress| (one, progress)));
        // A phase that failed the session is not completed, whatever was reported before.
        let times = times.filter(|(one, _)| {
            !(one.state == SessionState::Failed && one.failed_phase.unwrap_or(one.current_phase().0) == name)
        });
        let times = times.filter(|(_, progress)| progress.state == PhaseState::Completed);
        let times = times.map(|(_, progress)| (progress.ended_at.unwrap() - progress.started_at).get());
        let (n, usual) = median(times.collect(), least);
        assert_eq!((phase["n"].as_u64(), phase["medianMinutes"].as_f64()), (Some(n), usual), "{phase}");
        seen.phases[usize::from(usual.is_none())] += 1;
    }
    let items = rows(&answer, "items");
    assert_eq!(items.len(), session.items.len());
    for (line, item) in items.iter().zip(&session.items) {
        assert_eq!(
            (&line["phase"], &line["category"], &line["itemId"]),
            (&item.phase.name().into(), &item.category.name().into(), &item.id.as_str().into())
        );
        let (n, usual) = median(alike.iter().filter_map(|one| took(one, item)).collect(), least);
        assert_eq!((line["n"].as_u64(), line["medianMinutes"].as_f64()), (Some(n), usual), "{line}");
        seen.items[usize::from(usual.is_none())] += 1;
    }
}

/// The events of a session of a mode of its own: an app that takes some minutes, its end a few minutes later. Every third reports
/// the app only as completed, every fifth that it failed before, and every other in large letters.
fn with_one_app(device: u64, begin: Timestamp, minutes: i64) -> Vec<Event> {
    let mut start = started(PROFILES.fallback(), Rule::Default);
    start.deployment_mode = Some(DeploymentMode::UserDriven);
    let id = if device.is_multiple_of(2) { "the-app" } else { "THE-APP" };
    let app = |state| {
        let name = ItemName { id: id.to_owned(), name: Some("The app".to_owned()) };
        EspDetail::Item(Phase::DeviceSetup, Category::Apps, name, state, None)
    };
    let mut details =
        vec![(0, EspDetail::Started(Box::new(start))), (1, EspDetail::Phase(Phase::DeviceSetup, PhaseState::Started))];
    if !device.is_multiple_of(3) {
        details.push((2, app(ItemState::InProgress)));
    }
    if device.is_multiple_of(5) {
        details.push((3, app(ItemState::Error)));
        details.push((4, app(ItemState::InProgress)));
    }
    details.push((2 + minutes, app(ItemState::Completed)));
    details.push((3 + minutes, EspDetail::Phase(Phase::DeviceSetup, PhaseState::Completed)));
    details.push((9 + minutes, EspDetail::Completed));
    let events = details.into_iter().map(|(after, detail)| {
        esp_event(device, format!("{device}-{after}"), begin + Millis::from_minutes(after), None, detail)
    });
    events.collect()
}

#[test]
fn the_usual_session_is_the_median_of_those_like_it() {
    // Enough that are alike.
    let more = (0..45_u64).map(|number| {
        let minutes = i64::try_from(number).unwrap();
        let begin = at("2026-03-10T00:00:00Z") + Millis::from_minutes(60 * minutes);
        with_one_app(920_000_000 + number, begin, 3 + minutes % 17)
    });
    let world = make_with(33, more.collect());
    let (first, end) = world.working.reader().unwrap().window().unwrap();
    let all = world.sessions(first, end);
    let mut seen = Seen::default();
    for session in all.iter().step_by(3) {
        usual_agrees(&world, &all, session, &mut seen);
    }
    assert!([seen.phases, seen.items].iter().flatten().all(|count| *count > 5), "{seen:?}");
    let nobody = "0".repeat(32);
    let given: Parameters = [("id".to_owned(), nobody)].into();
    assert_eq!(world.working.reader().unwrap().answer("usual-session", &given).unwrap(), None);
}

/// However many there are, its cost is that of a thousand.
#[test]
fn of_many_sessions_the_newest_thousand_are_the_usual_ones() {
    let begin = |number: i64| at("2026-02-20T00:00:00Z") + Millis::from_minutes(30 * number);
    // Older ones took longer, so that it matters which are counted.
    let more = (0..1_020).map(|number| {
        with_one_app(930_000_000 + u64::try_from(number).unwrap(), begin(number), 6 + (1_020 - number) / 25)
    });
    let world = make_with(34, more.collect());
    let (first, end) = world.working.reader().unwrap().window().unwrap();
    let all = world.sessions(first, end);
    let newest = all.iter().find(|one| one.started_at == begin(1_019)).unwrap();
    let mut seen = Seen::default();
    usual_agrees(&world, &all, newest, &mut seen);
    let answer = ask(&world, "usual-session", &[("id", &newest.id.to_string())]);
    assert_eq!((answer["sessions"].as_u64(), seen.items), (Some(1000), [1, 0]));
}
