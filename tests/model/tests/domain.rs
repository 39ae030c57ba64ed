//! The domain's fold against the plain model: whatever the senders of a device report, in any order of delivery, both
//! find the same attempts, sessions, failures and state.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod bridge;

use bridge::{as_stored, domain_in_words, folded, history, model_in_words, settings, tenant};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::catalogue::{KnownAction, KnownScreen};
use vestibule_domain::failure::FailureCategory;
use vestibule_domain::{Kind, Platform, Section, TenantSettings, Timestamp, UserAction, fold};
use vestibule_model::arbitrary::cases as cases_of_events;
use vestibule_model::scenes::{Scene, minutes, scenes, script};
use vestibule_model::{Delivered, Event, Reports, Settings, devices_of, read};

/// How many scenes are compared; `MODEL_CASES` sets another number.
fn cases() -> u32 {
    std::env::var("MODEL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3_000)
}

/// What each gives for a scene, if they differ. `MODEL_IGNORE` leaves words out (separated by `|`), so that one known
/// difference does not hide the others; `place` leaves out all places and rows.
fn difference(scene: &Scene, order: &[usize]) -> Option<(String, String)> {
    let events = as_stored(&scene.events);
    let settings = settings(&scene.settings);
    let delivered = order.iter().map(|index| &events[index % events.len()]);
    let mut found = domain_in_words(&folded(delivered.chain(&events), &settings, scene.as_of_ms)).join("\n");
    let devices = devices_of(&events, &scene.settings, scene.as_of_ms);
    let mut expected = devices.first().map(model_in_words)?.join("\n");
    for ignored in std::env::var("MODEL_IGNORE").unwrap_or_default().split('|').filter(|it| !it.is_empty()) {
        found = found.replace(ignored, "");
        expected = expected.replace(ignored, "");
    }
    if std::env::var("MODEL_IGNORE").is_ok_and(|ignored| ignored.contains("place")) {
        found = without_places(&found);
        expected = without_places(&expected);
    }
    (found != expected).then_some((expected, found))
}

/// What the model reads of an event with this `data`.
fn said(kind: Kind, mut data: Value) -> Event {
    data["device"] = json!({"serialNumber": "C02EXAMPLE1"});
    let event = json!({"specversion": "1.0", "id": "1", "source": "mdm", "type": kind.name(), "data": &data});
    read(&Delivered { event, received_at_ms: 0, reports: Reports::ALL, dropped: false })
        .unwrap_or_else(|| panic!("the model does not read {kind} with {data}"))
}

/// A kind that the model does not read, or that no generator makes, is never compared.
#[test]
fn the_model_reads_every_kind_and_its_generators_make_it() {
    let mut runner = TestRunner::deterministic();
    let (scenes, cases) = (scenes(14), cases_of_events());
    let (mut of_scenes, mut of_cases) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..300 {
        of_scenes.extend(scenes.new_tree(&mut runner).unwrap().current().events.iter().map(|event| event.kind));
        of_cases.extend(cases.new_tree(&mut runner).unwrap().current().delivered.iter().filter_map(read_kind));
    }
    for kind in Kind::ALL {
        let read =
            said(*kind, json!({"platform": "ios", "action": "TermsofUse", "tags": {"department": "Sales"}})).kind;
        assert!(of_scenes.contains(&read), "no scene has {kind}");
        assert!(of_cases.contains(&read), "no case has {kind}");
    }
}

fn read_kind(delivered: &Delivered) -> Option<vestibule_model::Kind> {
    read(delivered).map(|event| event.kind)
}

/// A name that the model does not know keeps the spelling that was reported, which the fold does not.
#[test]
fn the_model_reads_every_name() {
    let otherwise = |name: &str| name.to_ascii_uppercase();
    for action in KnownAction::ALL {
        let place = said(Kind::StepEntered, json!({"action": otherwise(action.name())})).place.unwrap();
        assert_eq!((place.action.as_str(), place.section.as_deref()), (action.name(), Some(action.section().name())));
    }
    for screen in KnownScreen::ALL {
        let event = said(Kind::StepEntered, json!({"action": "Wallpaper", "screen": otherwise(screen.name())}));
        assert_eq!(event.place.unwrap().screen.as_deref(), Some(screen.name()));
    }
    for section in Section::CATALOGUE {
        let event = said(Kind::StepEntered, json!({"action": "Wallpaper", "section": otherwise(section.name())}));
        assert_eq!(event.place.unwrap().section.as_deref(), Some(section.name()));
    }
    for chosen in UserAction::ALL {
        let event = said(Kind::Stopped, json!({"userAction": otherwise(chosen.name())}));
        assert_eq!(event.user_action.as_deref(), Some(chosen.name()));
    }
    for platform in Platform::ALL {
        let event = said(Kind::Started, json!({"platform": otherwise(platform.name())}));
        assert_eq!(event.platform.as_deref(), Some(platform.name()));
    }
    for category in FailureCategory::ALL {
        let event = said(Kind::Failed, json!({"failure": {"category": otherwise(category.name())}}));
        assert_eq!(event.failure_category.as_deref(), Some(category.name()));
    }
}

/// A setting from which attempts follow and that the model lacks, or no scene has, is never compared.
#[test]
fn the_scenes_have_every_setting_that_alters_attempts() {
    let plain = TenantSettings::default();
    let members = serde_json::to_value(&plain).unwrap();
    let (mut runner, scenes) = (TestRunner::deterministic(), scenes(1));
    let drawn: Vec<Value> = (0..300)
        .map(|_| settings(&scenes.new_tree(&mut runner).unwrap().current().settings))
        .map(|settings| serde_json::to_value(settings).unwrap())
        .collect();
    let others =
        [json!(true), json!(false), json!(60), json!(61), json!("Europe/Berlin"), json!("03:00"), json!(["floor"])];
    for (name, usual) in members.as_object().unwrap() {
        let with = |other: &Value| {
            let mut changed = members.clone();
            changed[name] = other.clone();
            serde_json::from_value::<TenantSettings>(changed).ok()
        };
        let changed: Vec<_> = others.iter().filter(|other| *other != usual).filter_map(with).collect();
        assert!(!changed.is_empty(), "{name} has none of {others:?}: add a value that it may have");
        let is_drawn = drawn.iter().any(|settings| settings[name] != *usual);
        assert!(is_drawn || !changed.iter().any(|changed| changed.alters_fold(&plain)), "no scene has another {name}");
    }
}

fn without_places(words: &str) -> String {
    let kept = |word: &&str| !word.starts_with("at ") && !word.starts_with("row ");
    words
        .lines()
        .map(|line| line.split(", ").filter(kept).collect::<Vec<_>>().join(", "))
        .collect::<Vec<_>>()
        .join("\n")
}

fn in_words(scene: &Scene, (expected, found): &(String, String)) -> String {
    format!("\n{}\n--- the model says\n{expected}\n--- the fold says\n{found}\n", script(scene))
}

fn compare(scene: &Scene, order: &[usize]) -> Result<(), TestCaseError> {
    match difference(scene, order) {
        Some(difference) => Err(TestCaseError::fail(in_words(scene, &difference))),
        None => Ok(()),
    }
}

/// The scene with as few events as still show a difference, and with plain settings if those do.
fn shortened(mut scene: Scene) -> Scene {
    let plain = Scene { settings: Settings::default(), ..scene.clone() };
    if difference(&plain, &[]).is_some() {
        scene = plain;
    }
    let mut index = 0;
    while index < scene.events.len() {
        let mut shorter = scene.clone();
        shorter.events.remove(index);
        if !shorter.events.is_empty() && difference(&shorter, &[]).is_some() {
            scene = shorter;
            index = 0;
        } else {
            index += 1;
        }
    }
    scene
}

/// The same after retention dropped everything before an instant, and the rest is received `days` later.
fn difference_after_pruning(scene: &Scene, cut_ms: i64, days: i64) -> Option<(String, String)> {
    const DAY_MS: i64 = 24 * 3_600_000;
    // Longer than the margin that pruning keeps after an attempt or a session.
    const MARGIN_MS: i64 = 2 * 3_600_000;
    let later = |one: &Event| {
        let mut later = one.clone();
        if one.placed_at_ms > cut_ms {
            later.placed_at_ms += days * DAY_MS;
            later.received_at_ms += days * DAY_MS;
            later.id += "-later";
        }
        later
    };
    let events = as_stored(&scene.events.iter().map(later).collect::<Vec<_>>());
    let settings = settings(&scene.settings);
    let (before, after): (Vec<_>, Vec<_>) = events.iter().partition(|event| event.placed_at_ms <= cut_ms);
    let mut history = history(before);
    history.prune(&tenant(), &settings, Timestamp::from_millis(cut_ms + MARGIN_MS));
    let dropped_until_ms = history.dropped_until().millis();
    for one in after {
        history.add(bridge::event(one));
    }
    let mut events = events.clone();
    for one in &mut events {
        one.dropped = one.placed_at_ms <= dropped_until_ms;
    }
    let as_of_ms = scene.as_of_ms + days * DAY_MS;
    let mut found = fold(&tenant(), &history, &settings, Timestamp::from_millis(as_of_ms));
    let mut expected = devices_of(&events, &scene.settings, as_of_ms).into_iter().next()?;
    // Dropped attempts are compared by their effect on what is kept.
    found.attempts.retain(|attempt| attempt.started_at.millis() > dropped_until_ms);
    expected.attempts.retain(|attempt| attempt.started_at_ms > dropped_until_ms);
    found.sessions.retain(|session| session.started_at.millis() > dropped_until_ms);
    expected.sessions.retain(|session| session.started_at_ms > dropped_until_ms);
    found.failures.retain(|failure| failure.at.millis() > dropped_until_ms);
    expected.failures.retain(|(at_ms, ..)| *at_ms > dropped_until_ms);
    let (expected, found) = (model_in_words(&expected).join("\n"), domain_in_words(&found).join("\n"));
    (found != expected).then_some((expected, found))
}

/// Lists the differences, shortest first, one scene of each kind: for people who change a rule.
#[test]
#[ignore = "a survey: it asserts nothing"]
fn what_differs() {
    let mut runner = TestRunner::deterministic();
    let strategy = scenes(10);
    let mut kinds: BTreeMap<(usize, String), (Scene, usize)> = BTreeMap::new();
    let mut differ = 0;
    for _ in 0..cases() {
        let scene = strategy.new_tree(&mut runner).unwrap().current();
        if difference(&scene, &[]).is_none() {
            continue;
        }
        differ += 1;
        let scene = shortened(scene);
        let kind =
            scene.events.iter().map(|it| format!("{:?}{}", it.kind, it.esp.is_some())).collect::<Vec<_>>().join(" ");
        let seen = kinds.entry((scene.events.len(), kind)).or_insert((scene, 0));
        seen.1 += 1;
    }
    println!("{differ} of {} scenes differ", cases());
    for (scene, times) in kinds.values().take(30) {
        println!("\n===== {times} times{}", in_words(scene, &difference(scene, &[]).unwrap()));
    }
}

proptest! {
    #![proptest_config(Config { cases: cases(), max_shrink_iters: 20_000, failure_persistence: None, ..Config::default() })]

    /// Few events, so that a difference shows in a script that a person can read.
    #[test]
    fn the_fold_is_the_model_in_short_scenes(scene in scenes(5), order in prop::collection::vec(0_usize..5, 0..5)) {
        compare(&scene, &order)?;
    }

    #[test]
    fn the_fold_is_the_model(scene in scenes(14), order in prop::collection::vec(0_usize..14, 0..10)) {
        compare(&scene, &order)?;
    }

    /// Dropped events affect what comes after them as if they were still there, except for sessions, which are ended.
    #[test]
    fn what_comes_after_pruning_is_as_in_the_model(scene in scenes(10), share in 0.0..1.0_f64, days in prop::sample::select(vec![1_i64, 100])) {
        let placed = || scene.events.iter().map(|event| event.placed_at_ms);
        let (first, last) = (placed().min().unwrap_or_default(), placed().max().unwrap_or_default());
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let cut_ms = first + ((last - first) as f64 * share) as i64;
        if let Some(difference) = difference_after_pruning(&scene, cut_ms, days) {
            let words = in_words(&scene, &difference);
            return Err(TestCaseError::fail(format!("cut at {}, then {days} days{words}", minutes(cut_ms))));
        }
    }
}
