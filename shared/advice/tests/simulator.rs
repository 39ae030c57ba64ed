//! Every failure of the simulator has advice, so that the demo shows none without.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashSet;
use vestibule_advice::Catalogue;
use vestibule_domain::Platform;
use vestibule_domain::failure::{Failure, FailureCategory};

/// Platforms have the same names in both, but for capitals.
fn platform(of: vestibule_simulator::Platform) -> Platform {
    Platform::read(&format!("{of:?}")).unwrap()
}

#[test]
fn every_failure_of_the_simulator_has_advice() {
    let catalogue = Catalogue::built_in();
    let mut reasons = HashSet::new();
    for (on, told) in vestibule_simulator::failures() {
        let failure = Failure {
            code: told.code.clone(),
            reason: Some(told.reason.to_owned()),
            message: told.message.map(str::to_owned),
            category: told.category.map(|name| FailureCategory::read(name).unwrap()),
        };
        let found = catalogue.for_failure(&failure, Some(platform(on)));
        let first = found.first().unwrap_or_else(|| panic!("no advice on {told:?}"));
        // What says no more than that nobody knows is for the failure of which nobody does.
        assert_eq!(first.id == "failure-unknown", told.reason == "Unknown error", "{told:?}: {}", first.id);
        assert!(told.code.is_none() || !first.codes.is_empty(), "{told:?}: {} is not by its code", first.id);
        assert!(found.iter().any(|advice| advice.platforms.contains(&platform(on))), "{told:?} on {on:?}");
        // The reason alone is what the sums of failures keep.
        let by_reason = Failure { code: None, message: None, ..failure };
        assert!(!catalogue.for_failure(&by_reason, None).is_empty(), "no advice by {:?}", told.reason);
        reasons.insert(told.reason);
    }
    assert!(reasons.len() > 25, "all of them were asked about: {}", reasons.len());
}
