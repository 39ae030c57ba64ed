//! What holds for the model whatever was delivered.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use vestibule_model::arbitrary::{Case, Shape, case_and_order, cases, cases_of};
use vestibule_model::{ROWS, devices, is_valid, placed_at_ms, report, status};

fn folded(case: &Case) -> Vec<vestibule_model::Device> {
    devices(&case.delivered, &case.settings, case.as_of_ms)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_that_is_generated_is_valid(case in cases()) {
        for delivered in &case.delivered {
            prop_assert!(is_valid(delivered), "{delivered:?}");
        }
    }

    #[test]
    fn no_two_copies_of_one_event_are_received_at_once(case in cases()) {
        let mut seen = BTreeSet::new();
        for delivered in &case.delivered {
            let key = (
                delivered.event["source"].to_string(),
                delivered.event["id"].to_string(),
                delivered.received_at_ms,
            );
            prop_assert!(seen.insert(key));
        }
    }

    #[test]
    fn order_and_repetition_change_nothing(
        (case, order) in case_and_order(Shape { repeats_name_another: true, ..Shape::default() })
    ) {
        let expected = folded(&case);
        prop_assert_eq!(&devices(&order, &case.settings, case.as_of_ms), &expected);
        let mut twice = order.clone();
        twice.extend(case.delivered.clone());
        prop_assert_eq!(&devices(&twice, &case.settings, case.as_of_ms), &expected);
    }

    #[test]
    fn attempts_follow_one_another(case in cases()) {
        for device in folded(&case) {
            let mut before = i64::MIN;
            let last = device.attempts.len().saturating_sub(1);
            for (index, attempt) in device.attempts.iter().enumerate() {
                prop_assert!(attempt.started_at_ms >= before);
                prop_assert!(attempt.started_at_ms <= case.as_of_ms);
                prop_assert_eq!(attempt.ended_at_ms.is_none(), attempt.outcome == "inProgress");
                prop_assert!(attempt.ended_at_ms.is_some() || index == last);
                prop_assert_eq!(attempt.cause.is_some(), attempt.outcome == "abandoned");
                prop_assert!(attempt.action.is_none() || attempt.outcome != "completed");
                prop_assert!(attempt.catalogue_row.is_none() || attempt.outcome == "abandoned");
                let ended = attempt.ended_at_ms.unwrap_or(case.as_of_ms);
                prop_assert!(ended >= attempt.started_at_ms && ended <= case.as_of_ms);
                before = ended;
            }
            prop_assert_eq!(device.pending, device.registered && device.attempts.is_empty());
        }
    }

    #[test]
    fn an_event_belongs_to_one_attempt_at_most(case in cases()) {
        let mut seen = BTreeSet::new();
        for device in folded(&case) {
            for attempt in device.attempts {
                // A session may open an attempt before any event of the enrollment.
                let by_session = attempt.session_started_at_ms.is_some();
                prop_assert!(by_session || attempt.events.first() == Some(&attempt.opened_by));
                for event in attempt.events {
                    prop_assert!(seen.insert(event));
                }
            }
        }
    }

    #[test]
    fn the_numbers_add_up(case in cases_of(Shape { devices: 6, ..Shape::default() })) {
        let found = folded(&case);
        let whole = report(&found, "2026-03-01", "2026-07-01", None, None, &case.settings);
        prop_assert_eq!(whole.initiated, whole.incomplete + whole.completed + whole.open);
        prop_assert_eq!(whole.incomplete, whole.abandoned + whole.failed);
        let rows: u64 = whole.actions.iter().map(|(_, count)| count).sum();
        let elsewhere: u64 = whole.elsewhere.iter().map(|line| line.abandoned).sum();
        prop_assert_eq!(rows + elsewhere + whole.nowhere + whole.other, whole.abandoned);
        let daily: u64 = whole.daily.iter().map(|(_, _, count)| count).sum();
        prop_assert!(daily <= whole.abandoned);
        if let Some(rate) = whole.incomplete_rate {
            prop_assert!((0.0..=1.0).contains(&rate));
        }
        let mut parts = 0;
        for os in ["ios", "android"] {
            parts += report(&found, "2026-03-01", "2026-07-01", Some(os), None, &case.settings).initiated;
        }
        prop_assert_eq!(parts, whole.initiated);

        let page = status(&found, case.as_of_ms);
        let states: u64 = page.states.iter().map(|(_, count)| count).sum();
        // Of what only tags were reported, nobody said that it is a device.
        let devices = found.iter().filter(|device| !device.only_tags).count();
        prop_assert_eq!(states, u64::try_from(devices).unwrap());
        for line in page.by_platform {
            prop_assert!(line.completed + line.failed + line.abandoned <= line.total);
        }
    }
}

/// The generator reaches the cases that it exists for.
#[test]
fn every_outcome_cause_and_edge_occurs() {
    let counts: RefCell<BTreeMap<String, u64>> = RefCell::default();
    let count = |what: String| *counts.borrow_mut().entry(what).or_default() += 1;
    let mut runner = TestRunner::deterministic();
    let strategy = cases();
    for _ in 0..3000 {
        let case = strategy.new_tree(&mut runner).unwrap().current();
        let found = folded(&case);
        // The first copies are received before the others, whatever they contain.
        let mut copies: Vec<_> = case.delivered.iter().collect();
        copies.sort_by_key(|copy| std::cmp::Reverse(copy.received_at_ms));
        let placed: BTreeMap<(String, String), i64> = copies
            .into_iter()
            .map(|copy| {
                let text = |name: &str| copy.event[name].as_str().unwrap().to_owned();
                ((text("source"), text("id")), placed_at_ms(copy).unwrap())
            })
            .collect();
        count(format!("devices {}", found.len().min(4)));
        for device in &found {
            count(format!("attempts {}", device.attempts.len().min(4)));
            if device.udids.len() > 1 {
                count("merged".to_owned());
            }
            if device.pending {
                count("pending".to_owned());
            }
            for pair in device.attempts.windows(2) {
                let ended = pair[0].ended_at_ms.unwrap();
                count(format!("next opened after {}", pair[1].started_at_ms - ended));
            }
            for attempt in &device.attempts {
                let placed = |event: &(String, String)| placed[event];
                for pair in attempt.events.windows(2) {
                    count(format!("gap of {}", placed(&pair[1]) - placed(&pair[0])));
                }
                if let (Some(ended), Some(last)) = (attempt.ended_at_ms, attempt.events.last()) {
                    count(format!("reported again after {}", placed(last) - ended));
                }
                count(format!("outcome {} {:?}", attempt.outcome, attempt.cause));
                count(format!("row {:?}", attempt.catalogue_row));
                if attempt.section.is_none() && attempt.outcome != "completed" {
                    count("no section".to_owned());
                }
                let closed_by_end = matches!(attempt.cause.as_deref(), Some("cancel" | "portalClosed"));
                if closed_by_end && attempt.failure_code.is_some() {
                    count("abandoned with a code".to_owned());
                }
            }
        }
    }
    let counts = counts.into_inner();
    for expected in [
        "gap of 0",
        "gap of 1",
        "gap of 1800000",
        "gap of 1800001",
        "gap of 86399999",
        "gap of 86400000",
        "reported again after 119999",
        "reported again after 120000",
        "next opened after 1",
        "next opened after 120001",
        "devices 1",
        "devices 2",
        "devices 3",
        "devices 4",
        "attempts 0",
        "attempts 1",
        "attempts 4",
        "merged",
        "pending",
        "no section",
        "abandoned with a code",
        "outcome inProgress None",
        "outcome completed None",
        "outcome failed None",
        "outcome abandoned Some(\"cancel\")",
        "outcome abandoned Some(\"postpone\")",
        "outcome abandoned Some(\"ignore\")",
        "outcome abandoned Some(\"declineAll\")",
        "outcome abandoned Some(\"portalClosed\")",
        "outcome abandoned Some(\"timedOut\")",
        "outcome abandoned Some(\"restarted\")",
        "outcome abandoned Some(\"unenrolled\")",
    ] {
        assert!(counts.get(expected).copied().unwrap_or(0) >= 10, "{expected}: {counts:#?}");
    }
    for row in ROWS {
        let expected = format!("row Some({})", row.number);
        assert!(counts.get(&expected).copied().unwrap_or(0) >= 3, "{expected}: {counts:#?}");
    }
}
