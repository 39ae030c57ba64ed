//! The domain's fold against the plain model: whatever the senders of a device report, in any order of delivery, both
//! find the same attempts, sessions, failures and state.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bridge;

use bridge::{as_stored, domain_in_words, folded, model_in_words, settings};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};
use vestibule_model::devices_of;
use vestibule_model::scenes::{Scene, scenes, script};

/// How many scenes are compared; `MODEL_CASES` for another number.
fn cases() -> u32 {
    std::env::var("MODEL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3_000)
}

fn compare(scene: &Scene, order: &[usize]) -> Result<(), TestCaseError> {
    let events = as_stored(&scene.events);
    let settings = settings(&scene.settings);
    let delivered = order.iter().map(|index| &events[index % events.len()]);
    let found = domain_in_words(&folded(delivered.chain(&events), &settings, scene.as_of_ms));
    let devices = devices_of(&events, &scene.settings, scene.as_of_ms);
    let expected = devices.first().map(model_in_words).unwrap_or_default();
    if found != expected && !devices.is_empty() {
        return Err(TestCaseError::fail(format!(
            "\n{}\n--- the model says\n{}\n--- the fold says\n{}\n",
            script(scene),
            expected.join("\n"),
            found.join("\n")
        )));
    }
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: cases(), max_shrink_iters: 20_000, ..Config::default() })]

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
