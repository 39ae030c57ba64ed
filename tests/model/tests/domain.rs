//! The domain's fold against the plain model: whatever the senders of a device report, in any order of delivery, both
//! find the same attempts, sessions, failures and state.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod bridge;

use bridge::{as_stored, domain_in_words, folded, model_in_words, settings};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::collections::BTreeMap;
use vestibule_model::scenes::{Scene, scenes, script};
use vestibule_model::{Settings, devices_of};

/// How many scenes are compared; `MODEL_CASES` for another number.
fn cases() -> u32 {
    std::env::var("MODEL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3_000)
}

/// What each says of a scene, where they differ. `MODEL_IGNORE` leaves words out (several apart by `|`), so that one
/// known difference does not hide the others; `place` leaves out all places and rows.
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

/// The scene with as few events as still show a difference, and plain settings where those do.
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

/// Lists what differs, the shortest first, one scene of each kind: for whoever changes a rule.
#[test]
#[ignore = "a survey, not a check"]
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

    /// Few events: what differs shows itself in a script that a person can read.
    #[test]
    fn the_fold_is_the_model_in_short_scenes(scene in scenes(5), order in prop::collection::vec(0_usize..5, 0..5)) {
        compare(&scene, &order)?;
    }

    #[test]
    fn the_fold_is_the_model(scene in scenes(14), order in prop::collection::vec(0_usize..14, 0..10)) {
        compare(&scene, &order)?;
    }
}
