//! The domain's fold against the plain model: on any set of events, in any order of delivery, repeated
//! and split anyhow, both find the same devices and the same attempts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use vestibule_domain::attempt::AttemptId;
use vestibule_domain::event::Event;
use vestibule_domain::{Attempt, Enrollment, History, Identifier, TenantId, TenantSettings, Timestamp, codec, fold};
use vestibule_model::arbitrary::{self, Shape};
use vestibule_model::{Delivered, Device, Settings, devices};
use vestibule_webhook::Received;
use vestibule_webhook::cloudevents::{Parsed, parse_event};

fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

fn read(delivered: &[Delivered]) -> Vec<Event> {
    let read_one = |one: &Delivered| {
        let received = Received { at: Timestamp::from_millis(one.received_at_ms), backfill: true };
        match parse_event(&one.event, received) {
            Parsed::Event(event) => Some(event.stored()),
            _ => None,
        }
    };
    delivered.iter().filter_map(read_one).collect()
}

fn settings(model: &Settings) -> TenantSettings {
    TenantSettings {
        time_zone: model.time_zone.parse().unwrap(),
        require_compliance: model.require_compliance,
        windows_idle_limit_minutes: u32::try_from(model.windows_idle_limit_minutes).unwrap(),
        ..TenantSettings::default()
    }
}

/// Histories of the devices in `events`, merged as events teach that two are one. Between events somebody
/// looks now and then (folds, stores and reads back), which must not matter.
fn histories(events: Vec<Event>, settings: &TenantSettings) -> Vec<History> {
    let mut histories: Vec<History> = Vec::new();
    for (index, event) in events.into_iter().enumerate() {
        let names: BTreeSet<Identifier> = event.about.identifiers().collect();
        let (mut same, others): (Vec<_>, Vec<_>) =
            histories.into_iter().partition(|history| !history.identifiers().is_disjoint(&names));
        let mut history = same.pop().unwrap_or_default();
        for other in same {
            history.absorb(other, &tenant(), settings);
        }
        if index % 3 == 0 {
            let _looked = fold(&tenant(), &history, settings, event.received_at);
            history = codec::decode(&codec::encode(&history).unwrap()).unwrap();
        }
        history.add(event);
        histories = others;
        histories.push(history);
    }
    histories
}

#[derive(Debug, PartialEq)]
struct Told {
    id: String,
    key: String,
    outcome: String,
    cause: Option<String>,
    started: i64,
    ended: Option<i64>,
    place: (Option<String>, Option<String>, Option<String>),
    row: Option<u8>,
    who: Vec<Option<String>>,
    failure: (Option<String>, Option<String>),
    category: Option<String>,
    events: Vec<(String, String)>,
}

fn told_by_domain(enrollment: &Enrollment, attempt: &Attempt) -> Told {
    let about = &attempt.about;
    let place = attempt.place.as_ref();
    let failure = attempt.failure.clone().unwrap_or_default();
    Told {
        id: attempt.id.to_string(),
        key: enrollment.key.as_str().to_owned(),
        outcome: attempt.outcome.name().to_owned(),
        cause: attempt.cause.map(|cause| cause.name().to_owned()),
        started: attempt.started_at.millis(),
        ended: attempt.ended_at.map(Timestamp::millis),
        place: (
            place.and_then(|place| place.section).map(|section| section.name().to_owned()),
            place.map(|place| place.action.name().to_owned()),
            place.and_then(|place| place.screen.as_ref()).map(|screen| screen.name().to_owned()),
        ),
        row: attempt.row,
        who: vec![
            about.device_name.clone(),
            about.manufacturer.clone(),
            about.model.clone(),
            about.user_principal_name.clone(),
            about.user_id.clone(),
            about.platform.map(|platform| platform.name().to_owned()),
            about.os_version.clone(),
            about.enrollment_type.clone(),
        ],
        failure: (failure.code, failure.reason),
        category: failure.category.map(|category| category.name().to_owned()),
        events: attempt.events.iter().map(|key| (key.source.clone(), key.id.clone())).collect(),
    }
}

fn told_by_model(device: &Device, attempt: &vestibule_model::Attempt) -> Told {
    let opened = &attempt.opened_by;
    Told {
        id: format!("{:?}", AttemptId::opened_by(&tenant(), &opened.0, &opened.1)),
        key: device.enrollment_key.clone(),
        outcome: attempt.outcome.clone(),
        cause: attempt.cause.clone(),
        started: attempt.started_at_ms,
        ended: attempt.ended_at_ms,
        place: (attempt.section.clone(), attempt.action.clone(), attempt.screen.clone()),
        row: attempt.catalogue_row,
        who: vec![
            attempt.device_name.clone(),
            attempt.manufacturer.clone(),
            attempt.model.clone(),
            attempt.user_principal_name.clone(),
            attempt.user_id.clone(),
            attempt.platform.clone(),
            attempt.os_version.clone(),
            attempt.enrollment_type.clone(),
        ],
        failure: (attempt.failure_code.clone(), attempt.failure_reason.clone()),
        category: attempt.failure_category.clone(),
        events: attempt.events.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn the_fold_is_the_model((case, order) in arbitrary::case_and_order(Shape::default())) {
        let as_of = Timestamp::from_millis(case.as_of_ms);
        let settings = settings(&case.settings);
        let mut events = read(&order);
        let again: Vec<Event> = events.iter().take(5).cloned().collect();
        events.extend(again);
        // Which events are one device's is decided by those that take part: of each the copy received first,
        // if it is placed up to `as_of`.
        let first: BTreeMap<_, _> =
            events.iter().rev().map(|event| ((event.received_at, event.key.clone()), event.placed())).collect();
        let takes_part = |event: &Event| {
            let copy = first.iter().find(|((_, key), _)| *key == event.key);
            copy.is_some_and(|((received_at, _), placed)| *received_at == event.received_at && *placed <= as_of)
        };
        events.retain(takes_part);
        let mut found: Vec<Enrollment> =
            histories(events, &settings).iter().map(|history| fold(&tenant(), history, &settings, as_of)).collect();
        found.retain(|enrollment| !enrollment.key.as_str().is_empty());
        found.sort_by(|a, b| a.key.cmp(&b.key));
        let expected = devices(&case.delivered, &case.settings, case.as_of_ms);

        let state = |key: &str, enrolled, compliant, pending| (key.to_owned(), enrolled, compliant, pending);
        prop_assert_eq!(
            found.iter().map(|one| state(one.key.as_str(), one.enrolled, one.compliant, one.pending)).collect::<Vec<_>>(),
            expected.iter().map(|one| state(&one.enrollment_key, one.enrolled, one.compliant, one.pending)).collect::<Vec<_>>()
        );
        for (found, expected) in found.iter().zip(&expected) {
            let found: Vec<Told> = found.attempts.iter().map(|attempt| told_by_domain(found, attempt)).collect();
            let expected: Vec<Told> = expected.attempts.iter().map(|attempt| told_by_model(expected, attempt)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
