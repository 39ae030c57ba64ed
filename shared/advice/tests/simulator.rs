//! Every failure of the simulator has advice, so that the demo shows none without.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashSet;
use vestibule_advice::Catalogue;
use vestibule_domain::Platform;
use vestibule_domain::failure::{Failure, FailureCategory};

/// Both name platforms alike, apart from capitals.
fn platform(of: vestibule_simulator::Platform) -> Platform {
    Platform::read(&format!("{of:?}")).unwrap()
}

#[test]
fn every_failure_of_the_simulator_has_advice() {
    let catalogue = Catalogue::built_in();
    let mut reasons = HashSet::new();
    for (on, simulated) in vestibule_simulator::failures() {
        let failure = Failure {
            code: simulated.code.clone(),
            reason: Some(simulated.reason.to_owned()),
            message: simulated.message.map(str::to_owned),
            category: simulated.category.map(|name| FailureCategory::read(name).unwrap()),
        };
        let found = catalogue.for_failure(&failure, Some(platform(on)));
        let first = found.first().unwrap_or_else(|| panic!("no advice on {simulated:?}"));
        // A reason that only says "unknown" belongs to the entry for failures of which nothing is known.
        assert_eq!(first.id == "failure-unknown", simulated.reason == "Unknown error", "{simulated:?}: {}", first.id);
        assert!(simulated.code.is_none() || !first.codes.is_empty(), "{simulated:?}: {} is not by its code", first.id);
        assert!(found.iter().any(|advice| advice.platforms.contains(&platform(on))), "{simulated:?} on {on:?}");
        // The sums of failures keep only the reason.
        let by_reason = Failure { code: None, message: None, ..failure };
        assert!(!catalogue.for_failure(&by_reason, None).is_empty(), "no advice by {:?}", simulated.reason);
        reasons.insert(simulated.reason);
    }
    assert!(reasons.len() > 25, "too few reasons were checked: {}", reasons.len());
}
