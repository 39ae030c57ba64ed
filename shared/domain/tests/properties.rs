//! What must hold of any set of events: the order, repetition and splitting of their arrival never
//! matter, and neither do the moments at which anybody looks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use vestibule_domain::catalogue::{Action, Place, Screen, UserAction};
use vestibule_domain::codec;
use vestibule_domain::esp::{Category, EspAction, EspDetail, EspEvent, ItemName, ItemState, Phase, PhaseState, Start};
use vestibule_domain::event::{About, Body, Event, EventKey, Kind, Platform, Step};
use vestibule_domain::failure::{Failure, FailureCategory};
use vestibule_domain::history::Added;
use vestibule_domain::publication::difference;
use vestibule_domain::{History, Millis, Outcome, Plan, TenantId, TenantSettings, Timestamp, fold};

const START: i64 = 1_760_000_000_000;

fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

/// Gaps around every limit that the rules know.
fn gap() -> impl Strategy<Value = i64> {
    let minute = 60_000;
    prop_oneof![
        Just(0),
        Just(1),
        1_000..5 * minute,
        prop::sample::select(vec![2 * minute - 1, 2 * minute, 2 * minute + 1]),
        prop::sample::select(vec![30 * minute - 1, 30 * minute, 30 * minute + 1]),
        prop::sample::select(vec![60 * minute, 60 * minute + 1, 1440 * minute, 1440 * minute + 1]),
    ]
}

fn place() -> impl Strategy<Value = Option<Place>> {
    let actions = ["PreEnrollmentWizard", "iOSProfileLaunch", "Compliance", "EnrollmentWrapUp", "ownAction"];
    let screens = ["installingProfile", "trustProfilePrompt", "enrollmentActivation", "ownScreen"];
    prop::option::of((prop::sample::select(actions.to_vec()), prop::option::of(prop::sample::select(screens.to_vec()))))
        .prop_map(|told| told.map(|(action, screen)| Place::new(None, Action::read(action), screen.map(Screen::read))))
}

fn enrollment_body() -> impl Strategy<Value = Body> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    let failure = prop::option::of((prop::option::of("0x8[0-9a-f]{3}"), prop::option::of(0..12_usize)));
    (kind, place(), prop::option::of(prop::sample::select(UserAction::ALL.to_vec())), failure).prop_map(
        |(kind, place, user_action, failure)| {
            let is_step = matches!(kind, Kind::StepEntered | Kind::StepCompleted);
            let place = if is_step { Some(place.unwrap_or_else(Place::beginning)) } else { place };
            let failure = failure.map(|(code, category)| Failure {
                code,
                category: category.map(|index| FailureCategory::ALL[index]),
                ..Failure::default()
            });
            Body::Enrollment(Step { kind, place, user_action, failure, reported: Vec::new() }.read())
        },
    )
}

fn esp_body() -> impl Strategy<Value = Body> {
    let item = |state| {
        let name = ItemName { id: "app-1".to_owned(), name: None };
        EspDetail::Item(Phase::DeviceSetup, Category::Apps, name, state, None)
    };
    let detail = prop_oneof![
        any::<bool>().prop_map(|hybrid_join| EspDetail::Started(Box::new(Start { hybrid_join, ..Start::default() }))),
        prop::sample::select(ItemState::ALL.to_vec()).prop_map(item),
        prop::sample::select(PhaseState::ALL.to_vec()).prop_map(|state| EspDetail::Phase(Phase::DeviceSetup, state)),
        prop::sample::select(EspAction::ALL.to_vec()).prop_map(EspDetail::Action),
        Just(EspDetail::Completed),
        Just(EspDetail::Failed(Some("0x801c0003".to_owned()), None)),
    ];
    (prop::option::of(Just("session".to_owned())), detail)
        .prop_map(|(session_id, detail)| Body::Esp(EspEvent { session_id, detail }))
}

/// A set of events of one device; some ids occur twice, with different contents.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let body = prop_oneof![4 => enrollment_body(), 1 => esp_body()];
    let platform = prop::option::of(prop::sample::select(Platform::ALL.to_vec()));
    let one = (gap(), body, 0..3_usize, platform, prop::option::of(-600_000..3_600_000_i64), 0..40_u32);
    prop::collection::vec(one, 1..24).prop_map(|list| {
        let mut at = START;
        list.into_iter()
            .map(|(gap, body, source, platform, delay, id)| {
                at += gap;
                let source = ["mdm", "agent", "portal"][source].to_owned();
                let id = format!("event-{id}");
                let key = match &body {
                    Body::Esp(esp) => esp.stored_key(source, id, Timestamp::from_millis(at)),
                    Body::Enrollment(_) => EventKey { source, id },
                };
                Event {
                    key,
                    time: Timestamp::from_millis(at),
                    received_at: Timestamp::from_millis(at + delay.unwrap_or(0)),
                    clock_skew: None,
                    about: About { serial_number: Some("C02XYZ".to_owned()), platform, ..About::default() },
                    body,
                }
            })
            .collect()
    })
}

fn settings() -> impl Strategy<Value = TenantSettings> {
    any::<bool>().prop_map(|require_compliance| TenantSettings { require_compliance, ..TenantSettings::default() })
}

fn history<'a>(events: impl IntoIterator<Item = &'a Event>) -> History {
    let mut history = History::default();
    for event in events {
        history.add(event.clone());
    }
    history
}

fn end(events: &[Event]) -> Timestamp {
    events.iter().map(Event::placed).max().unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn order_and_repetition_never_matter(
        (events, shuffled) in events().prop_flat_map(|events| {
            let twice: Vec<Event> = events.iter().chain(&events).cloned().collect();
            (Just(events), Just(twice).prop_shuffle())
        }),
        settings in settings(),
        later in 0..200_000_000_i64,
    ) {
        let (one, other) = (history(&events), history(&shuffled));
        prop_assert_eq!(&one, &other);
        let as_of = end(&events) + Millis::new(later);
        prop_assert_eq!(fold(&tenant(), &one, &settings, as_of), fold(&tenant(), &other, &settings, as_of));
        prop_assert_eq!(codec::encode(&one), codec::encode(&other));
    }

    #[test]
    fn a_second_copy_is_a_duplicate(events in events()) {
        let mut known = history(&events);
        let before = known.clone();
        for event in &events {
            let kept = before.events().find(|kept| kept.key == event.key).unwrap();
            if kept == event {
                prop_assert_eq!(known.add(event.clone()), Added::Duplicate);
            }
        }
        prop_assert_eq!(known, before);
    }

    #[test]
    fn stored_bytes_read_back(events in events()) {
        let history = history(&events);
        prop_assert_eq!(codec::decode(&codec::encode(&history)).unwrap(), history);
    }

    #[test]
    fn corrupt_bytes_are_refused_not_followed(mut bytes in prop::collection::vec(any::<u8>(), 0..200), flip in any::<(usize, u8)>(), events in events()) {
        let _any = codec::decode(&bytes);
        bytes = codec::encode(&history(&events));
        let place = flip.0 % bytes.len();
        bytes[place] ^= flip.1;
        let _flipped = codec::decode(&bytes);
    }

    #[test]
    fn attempts_never_overlap_and_only_the_last_is_open(events in events(), settings in settings(), later in 0..200_000_000_i64) {
        let enrollment = fold(&tenant(), &history(&events), &settings, end(&events) + Millis::new(later));
        for (index, attempt) in enrollment.attempts.iter().enumerate() {
            prop_assert_eq!(attempt.number as usize, index + 1);
            prop_assert_eq!(attempt.ended_at.is_some(), attempt.outcome != Outcome::InProgress);
            prop_assert_eq!(attempt.deadline.is_some(), attempt.outcome == Outcome::InProgress);
            prop_assert_eq!(attempt.place.is_none(), attempt.outcome == Outcome::Completed);
            prop_assert_eq!(attempt.cause.is_some(), attempt.outcome == Outcome::Abandoned);
            prop_assert!(attempt.ended_at.is_none_or(|end| end >= attempt.started_at));
            if let Some(next) = enrollment.attempts.get(index + 1) {
                prop_assert!(attempt.ended_at.is_some_and(|end| end <= next.started_at));
            }
        }
    }

    /// Whoever looks at the plan's instant and only then sees all there is to see: before it has passed,
    /// nothing changes by the passing of time alone.
    #[test]
    fn nothing_changes_by_itself_before_the_planned_instant(events in events(), settings in settings(), wait in 0..100_000_000_i64) {
        let history = history(&events);
        let now = end(&events);
        let before = fold(&tenant(), &history, &settings, now);
        let plan = Plan::of(&before, &history, &settings);
        let later = now + Millis::new(wait);
        let after = fold(&tenant(), &history, &settings, later);
        let moved = !difference(&tenant(), Some(&before), &after, Timestamp::MIN).is_empty();
        match plan.due_at {
            None => prop_assert!(!moved),
            Some(due) if later <= due => prop_assert!(!moved),
            Some(_) => prop_assert!(moved),
        }
    }

    /// Publishing the difference at every step tells, in the end, what one look at the end tells.
    #[test]
    fn differences_add_up(events in events(), settings in settings()) {
        let mut known = History::default();
        let mut old = None;
        let mut stands = std::collections::BTreeMap::new();
        let mut now = Timestamp::MIN;
        for event in &events {
            known.add(event.clone());
            now = now.max(event.placed()).max(event.received_at);
            let new = fold(&tenant(), &known, &settings, now);
            for publication in difference(&tenant(), old.as_ref(), &new, Timestamp::MIN) {
                if !publication.transition.name().starts_with("Esp") {
                    stands.insert(publication.detail.attempt_id, publication.detail.state.outcome);
                }
            }
            old = Some(new);
        }
        stands.retain(|_, outcome| *outcome != "gone");
        let told: Vec<_> = old.unwrap().attempts.iter().map(|attempt| (attempt.id.to_string(), attempt.outcome.name())).collect();
        prop_assert_eq!(stands.into_iter().collect::<std::collections::BTreeSet<_>>(), told.into_iter().collect());
    }

    /// What retention drops changes nothing of what it keeps.
    #[test]
    fn pruning_keeps_the_rest_as_it_was(events in events(), settings in settings(), share in 0.0..1.2_f64) {
        let mut history = history(&events);
        let as_of = end(&events) + Millis::from_days(3);
        let before = fold(&tenant(), &history, &settings, as_of);
        let span = end(&events).millis() - START;
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let cutoff = Timestamp::from_millis(START + (span as f64 * share) as i64);
        history.prune(&tenant(), &settings, cutoff);
        let after = fold(&tenant(), &history, &settings, as_of);
        let until = history.base().until;
        let kept = |enrollment: &vestibule_domain::Enrollment| {
            enrollment.attempts.iter().filter(|attempt| attempt.started_at > until).cloned().collect::<Vec<_>>()
        };
        prop_assert_eq!(kept(&before), kept(&after));
        prop_assert!(after.attempts.iter().all(|attempt| attempt.started_at > until));
        prop_assert!(until <= cutoff || until == Timestamp::MIN);
        prop_assert_eq!((before.enrolled, before.compliant, before.registered_at), (after.enrolled, after.compliant, after.registered_at));
        prop_assert_eq!(codec::decode(&codec::encode(&history)).unwrap(), history);
    }
}
