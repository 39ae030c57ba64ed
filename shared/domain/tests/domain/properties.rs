//! What must hold for any set of events: the order, repetition and splitting of their arrival never matter, and neither
//! do the moments at which anybody looks.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use vestibule_domain::catalogue::{Action, Place, Screen, UserAction};
use vestibule_domain::codec;
use vestibule_domain::esp::{
    Category, DeploymentMode, EspAction, EspDetail, EspEvent, ItemName, ItemState, Phase, PhaseState, SessionState,
    Start,
};
use vestibule_domain::event::{About, Body, Event, EventKey, Kind, Platform, Reports, Said, Step};
use vestibule_domain::failure::{Failure, FailureCategory};
use vestibule_domain::history::Added;
use vestibule_domain::publication::{Publication, State, Write, difference, taken_back};
use vestibule_domain::{History, Millis, Outcome, Plan, StoredFormat, Tags, TenantId, TenantSettings, Timestamp, fold};

const START: i64 = 1_760_000_000_000;

fn tenant() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

/// The write of one version of an item.
fn write(version: u64) -> Write<'static> {
    static TENANT: LazyLock<TenantId> = LazyLock::new(tenant);
    Write { tenant: &TENANT, item: "e#contoso#kept", version, kept_since: Timestamp::MIN, merged: false }
}

/// A consumer of publications: it drops repeated ids and keeps the highest revision of each attempt and session.
#[derive(Default)]
struct Replay {
    ids: BTreeSet<String>,
    newest: BTreeMap<String, Publication>,
}

/// The state of an attempt or session: its name, its outcome and, once it is closed, everything else.
type Standing = (String, &'static str, Option<State>);

impl Replay {
    fn take(&mut self, published: Vec<Publication>) {
        for publication in published {
            let detail = &publication.detail;
            assert!(self.ids.insert(detail.id.clone()), "an id was published twice: {detail:?}");
            let newest = self.newest.entry(detail.attempt_id.clone()).or_insert_with(|| publication.clone());
            if newest.detail.revision < detail.revision {
                *newest = publication;
            }
        }
    }

    fn stands(&self) -> BTreeSet<String> {
        // A session that goes on, or that a removal ended, is published only if another end was published before.
        let is_there = |publication: &&Publication| match publication.detail.state.outcome {
            "gone" => false,
            "inProgress" | "ended" => !publication.transition.name().starts_with("Esp"),
            _ => true,
        };
        let there = self.newest.values().filter(is_there).map(|publication| &publication.detail);
        there
            .map(|detail| text((detail.attempt_id.clone(), detail.state.outcome, Some(detail.state.clone()))))
            .collect()
    }

    /// The result that a replay must have, from a fresh publication of everything.
    fn of(enrollment: &vestibule_domain::Enrollment) -> BTreeSet<String> {
        let mut replay = Self::default();
        replay.take(difference(&write(1), None, enrollment));
        replay.stands()
    }
}

/// While it is in progress, only that fact is published.
fn text((name, outcome, state): Standing) -> String {
    let state = state.filter(|_| outcome != "inProgress");
    format!("{name} {outcome} {state:?}")
}

/// Gaps around every limit in the rules.
fn gap() -> impl Strategy<Value = i64> {
    let minute = 60_000;
    prop_oneof![
        Just(0),
        Just(1),
        1_000..5 * minute,
        prop::sample::select(vec![2 * minute - 1, 2 * minute, 2 * minute + 1]),
        prop::sample::select(vec![10 * minute - 1, 10 * minute]),
        prop::sample::select(vec![30 * minute - 1, 30 * minute, 30 * minute + 1]),
        prop::sample::select(vec![60 * minute, 60 * minute + 1, 1440 * minute, 1440 * minute + 1]),
    ]
}

fn place() -> impl Strategy<Value = Option<Place>> {
    let actions = ["PreEnrollmentWizard", "iOSProfileLaunch", "Compliance", "EnrollmentWrapUp", "ownAction"];
    let screens = ["installingProfile", "trustProfilePrompt", "enrollmentActivation", "ownScreen"];
    prop::option::of((prop::sample::select(actions.to_vec()), prop::option::of(prop::sample::select(screens.to_vec()))))
        .prop_map(|reported| {
            reported.map(|(action, screen)| Place::new(None, Action::read(action), screen.map(Screen::read)))
        })
}

fn enrollment_body() -> impl Strategy<Value = Body> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    let failure = prop::option::of((prop::option::of("0x8[0-9a-f]{3}"), prop::option::of(0..12_usize)));
    let user_action = prop::option::of(prop::sample::select(UserAction::ALL.to_vec()));
    (kind, place(), user_action, failure, said(), tags()).prop_map(|(kind, place, user_action, failure, said, tags)| {
        let is_step = matches!(kind, Kind::StepEntered | Kind::StepCompleted);
        let place = if is_step { Some(place.unwrap_or_else(Place::beginning)) } else { place };
        let failure = failure.map(|(code, category)| Failure {
            code,
            category: category.map(|index| FailureCategory::ALL[index]),
            ..Failure::default()
        });
        Body::Enrollment(Step { place, user_action, failure, said, tags, ..Step::of(kind) }.read())
    })
}

fn said() -> impl Strategy<Value = Said> {
    let often = || prop::bool::weighted(0.25);
    (often(), often(), often()).prop_map(|(awaiting_configuration, restated, assumed)| Said {
        awaiting_configuration,
        restated,
        assumed,
    })
}

fn tags() -> impl Strategy<Value = Tags> {
    let one = (prop::sample::select(vec!["department", "building"]), "[a-c]")
        .prop_map(|(key, value)| (key.to_owned(), value));
    prop::collection::vec(one, 0..3).prop_map(|tags| tags.into_iter().collect())
}

/// The events without tags, and without those that carry nothing else, as they are where an older format is in force.
fn untagged(events: &[Event]) -> Vec<Event> {
    let without = |event: &Event| {
        let mut event = event.clone();
        if let Body::Enrollment(step) = &mut event.body {
            step.tags.clear();
        }
        event
    };
    events.iter().filter(|event| !event.is_tagged()).map(without).collect()
}

/// What a sender can report: everything, or any of the parts that the rules use.
fn reports() -> impl Strategy<Value = Reports> {
    prop_oneof![1 => Just(Reports::ALL), 2 => (0..=127_u8).prop_map(Reports::from_bits)]
}

fn esp_body() -> impl Strategy<Value = Body> {
    let phase = || prop::sample::select(vec![Phase::DeviceSetup, Phase::AccountSetup]);
    let item = |(phase, id, state): (_, &str, _)| {
        let name = ItemName { id: id.to_owned(), name: None };
        EspDetail::Item(phase, Category::Apps, name, state, None)
    };
    let item_id = prop::sample::select(vec!["app-1", "app-2"]);
    let detail = prop_oneof![
        3 => start(),
        3 => (phase(), item_id, prop::sample::select(ItemState::ALL.to_vec())).prop_map(item),
        2 => (phase(), prop::sample::select(PhaseState::ALL.to_vec()))
            .prop_map(|(phase, state)| EspDetail::Phase(phase, state)),
        2 => prop::sample::select(EspAction::ALL.to_vec()).prop_map(EspDetail::Action),
        1 => Just(EspDetail::Completed),
        1 => Just(EspDetail::Failed(Some("0x801c0003".to_owned()), None)),
    ];
    (prop::option::of(Just("session".to_owned())), detail)
        .prop_map(|(session_id, detail)| Body::Esp(EspEvent { session_id, detail }))
}

fn start() -> impl Strategy<Value = EspDetail> {
    let mode = prop::option::of(prop::sample::select(DeploymentMode::ALL.to_vec()));
    let limit = prop::option::of(prop::sample::select(vec![10_u32, 60]));
    let actions = prop::option::of(Just(vec![EspAction::Retry]));
    (any::<bool>(), mode, limit, actions).prop_map(|(hybrid_join, deployment_mode, limit_minutes, allowed_actions)| {
        let start = Start { hybrid_join, deployment_mode, limit_minutes, allowed_actions, ..Start::default() };
        EspDetail::Started(Box::new(start))
    })
}

/// A set of events of one device; some ids occur twice, with different contents.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let body = prop_oneof![2 => enrollment_body(), 1 => esp_body()];
    let platform = prop::option::of(prop::sample::select(Platform::ALL.to_vec()));
    let one = (gap(), body, 0..3_usize, platform, prop::option::of(-600_000..3_600_000_i64), 0..40_u32, reports());
    prop::collection::vec(one, 1..24).prop_map(|list| {
        let mut at = START;
        list.into_iter()
            .map(|(gap, body, source, platform, delay, id, reports)| {
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
                    reports,
                    about: About { serial_number: Some("C02XYZ".to_owned()), platform, ..About::default() },
                    body,
                }
            })
            .collect()
    })
}

/// Settings from which attempts follow, with each of some values wherever that is valid: a new one is drawn by itself.
fn settings() -> impl Strategy<Value = TenantSettings> {
    let plain = TenantSettings::default();
    let values = [json!(true), json!(false), json!(30), json!(60), json!(1440), json!("mdm"), json!("agent")];
    let values = values.into_iter().chain([json!({"ios": "mdm"}), json!({"macos": "agent", "windows": "mdm"})]);
    let members = serde_json::to_value(&plain).unwrap();
    let names = members.as_object().unwrap().keys();
    let changes = names.flat_map(|name| values.clone().map(move |value| (name.clone(), value)));
    let counts = |(name, value): &(String, Value)| {
        changed(&[(name.clone(), value.clone())]).is_some_and(|changed| changed.alters_fold(&plain))
    };
    let changes: Vec<_> = changes.filter(counts).collect();
    prop::sample::subsequence(changes, 0..=5).prop_map(|changes| changed(&changes).unwrap_or_default())
}

/// The usual settings with these members, if that is valid.
fn changed(members: &[(String, Value)]) -> Option<TenantSettings> {
    let mut settings = serde_json::to_value(TenantSettings::default()).unwrap();
    for (name, value) in members {
        settings[name] = value.clone();
    }
    serde_json::from_value(settings).ok().filter(|settings: &TenantSettings| settings.validate().is_ok())
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
        prop_assert_eq!(codec::encode(&one).unwrap(), codec::encode(&other).unwrap());
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
        prop_assert_eq!(codec::decode(&codec::encode(&history).unwrap()).unwrap(), history);
    }

    /// In the older format nothing is lost to whoever knows what lies beside it. An older program reads the same events,
    /// as of senders that report everything, and never something else.
    #[test]
    fn the_older_format_loses_nothing_and_older_programs_read_it(events in events(), settings in settings(), cut in any::<bool>()) {
        let mut whole = history(&untagged(&events));
        if cut {
            whole.prune(&tenant(), &settings, end(&events) + Millis::from_days(30));
        }
        let written = codec::encode_in(StoredFormat::First, &whole).unwrap();
        prop_assert_eq!(codec::format_of(&written.data), StoredFormat::First);
        prop_assert_eq!(&codec::decode_with(&written.data, written.beside.as_deref()).unwrap(), &whole);
        let older = codec::decode(&written.data).unwrap();
        prop_assert_eq!(older.identifiers(), whole.identifiers());
        prop_assert_eq!(older.base().until, whole.base().until);
        let known = |event: &Event| (event.key.clone(), event.time, event.received_at, event.about.clone());
        prop_assert!(older.events().map(known).eq(whole.events().map(known)));
        prop_assert!(older.events().all(|event| event.reports == Reports::ALL));
        let parts: Vec<Event> = whole.events().cloned().collect();
        let sealed = codec::encode_events_in(StoredFormat::First, &parts).unwrap();
        let read = codec::decode_events_with(&sealed.data, sealed.beside.as_deref()).unwrap();
        prop_assert_eq!(history(&read), history(&parts));
    }

    /// Whoever has tags writes them, also if it believes an older format to be in force.
    #[test]
    fn tags_are_written_whatever_format_is_asked_for(events in events(), settings in settings(), cut in any::<bool>()) {
        let mut whole = history(&events);
        if cut {
            whole.prune(&tenant(), &settings, end(&events) + Millis::from_days(30));
        }
        let has_some = whole != history(&untagged(&events)) && !cut;
        for format in StoredFormat::ALL {
            let written = codec::encode_in(format, &whole).unwrap();
            prop_assert_eq!(&codec::decode_with(&written.data, written.beside.as_deref()).unwrap(), &whole);
            prop_assert!(!has_some || codec::format_of(&written.data) == StoredFormat::Third);
            let parts: Vec<Event> = whole.events().cloned().collect();
            let sealed = codec::encode_events_in(format, &parts).unwrap();
            let read = codec::decode_events_with(&sealed.data, sealed.beside.as_deref()).unwrap();
            prop_assert_eq!(history(&read), history(&parts));
        }
    }

    /// What lies beside other bytes is refused, unless it fits them by chance.
    #[test]
    fn what_lies_beside_other_events_is_refused(one in events(), other in events(), flip in any::<(usize, u8)>()) {
        let written = |events: &[Event]| codec::encode_in(StoredFormat::First, &history(&untagged(events))).unwrap();
        let (one, other) = (written(&one), written(&other));
        if let Some(mut beside) = other.beside {
            let _refused_or_fits = codec::decode_with(&one.data, Some(&beside));
            let place = flip.0 % beside.len();
            beside[place] ^= flip.1;
            let _flipped = codec::decode_with(&other.data, Some(&beside));
        }
        prop_assert!(codec::decode_with(&one.data, Some(&[])).is_err());
    }

    /// A history is read from its parts, and completed from segments, many events at a time.
    #[test]
    fn events_added_together_are_as_if_added_one_by_one(events in events(), at in any::<prop::sample::Index>()) {
        let whole = history(&events);
        let mut added = History::default();
        added.add_all(events.clone());
        prop_assert_eq!(&added, &whole);
        let (head, segment) = events.split_at(at.index(events.len() + 1));
        let mut completed = codec::decode(&codec::encode(&history(head)).unwrap()).unwrap();
        completed.add_all(codec::decode_events(&codec::encode_events(segment).unwrap()).unwrap());
        prop_assert_eq!(completed, whole);
    }

    /// The set finds events by their keys; what is in them still tells two histories apart.
    #[test]
    fn histories_differ_where_an_event_does(events in events(), which in any::<prop::sample::Index>()) {
        prop_assume!(!events.is_empty());
        let one = history(&events);
        let mut earlier = one.events().nth(which.index(one.len())).unwrap().clone();
        earlier.received_at = earlier.received_at - Millis::new(1);
        let mut other = one.clone();
        prop_assert_eq!(other.add(earlier), Added::Earlier);
        prop_assert_ne!(one, other);
    }

    #[test]
    fn corrupt_bytes_are_refused_not_followed(mut bytes in prop::collection::vec(any::<u8>(), 0..200), flip in any::<(usize, u8)>(), events in events()) {
        let _any = codec::decode(&bytes);
        bytes = codec::encode(&history(&events)).unwrap();
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
            // Others may have no place, if nobody reported one.
            prop_assert!(attempt.place.is_none() || attempt.outcome != Outcome::Completed);
            prop_assert!(attempt.row.is_none() || attempt.place.is_some());
            prop_assert!(attempt.wait.is_none() || attempt.outcome == Outcome::InProgress);
            prop_assert_eq!(attempt.cause.is_some(), attempt.outcome == Outcome::Abandoned);
            prop_assert!(attempt.ended_at.is_none_or(|end| end >= attempt.started_at));
            if let Some(next) = enrollment.attempts.get(index + 1) {
                prop_assert!(attempt.ended_at.is_some_and(|end| end <= next.started_at));
            }
        }
    }

    /// A look after the plan's instant sees everything: before it has passed, time alone changes nothing.
    #[test]
    fn time_alone_changes_nothing_before_the_planned_instant(events in events(), settings in settings(), wait in 0..100_000_000_i64) {
        let history = history(&events);
        let now = end(&events);
        let before = fold(&tenant(), &history, &settings, now);
        let plan = Plan::of(&before, &history);
        let later = now + Millis::new(wait);
        let after = fold(&tenant(), &history, &settings, later);
        let moved = !difference(&write(2), Some(&before), &after).is_empty();
        match plan.due_at {
            None => prop_assert!(!moved),
            Some(due) if later <= due => prop_assert!(!moved),
            Some(_) => prop_assert!(moved),
        }
    }

    /// The differences published at every step add up to the state at the end.
    #[test]
    fn differences_add_up(events in events(), settings in settings()) {
        let mut known = History::default();
        let mut old = None;
        let mut replay = Replay::default();
        let mut now = Timestamp::MIN;
        for (version, event) in (1..).zip(&events) {
            known.add(event.clone());
            now = now.max(event.placed()).max(event.received_at);
            let new = fold(&tenant(), &known, &settings, now);
            replay.take(difference(&write(version), old.as_ref(), &new));
            old = Some(new);
        }
        prop_assert_eq!(replay.stands(), Replay::of(&old.unwrap()));
    }

    /// A removal that ends a session inside its limit is not an end on the page, so nothing is published of it.
    #[test]
    fn a_session_that_a_removal_ended_is_not_published(events in events(), settings in settings()) {
        let ended = fold(&tenant(), &history(&events), &settings, end(&events));
        let published = difference(&write(1), None, &ended);
        for session in ended.sessions.iter().filter(|session| session.state == SessionState::Ended) {
            prop_assert!(session.ended_at.is_some());
            let name = session.id.to_string();
            prop_assert!(published.iter().all(|publication| publication.detail.attempt_id != name));
        }
    }

    /// Two items are written separately and then merged: a replay of what both published, in any order, gives the state
    /// of the merged one.
    #[test]
    fn a_replay_survives_a_merge(one in events(), other in events(), settings in settings(), order in any::<bool>()) {
        let (mut kept, mut gone) = (history(&one), history(&other));
        let at = end(&one).max(end(&other));
        let (kept_fold, gone_fold) = (fold(&tenant(), &kept, &settings, at), fold(&tenant(), &gone, &settings, at));
        let kept_write = Write { version: 20, ..write(20) };
        let gone_write = Write { item: "e#contoso#gone", ..write(30) };
        let mut published = difference(&kept_write, None, &kept_fold);
        published.extend(difference(&gone_write, None, &gone_fold));
        let taken = taken_back(&Write { version: 31, ..gone_write }, &gone_fold);
        kept.absorb(std::mem::take(&mut gone), &tenant(), &settings);
        let merged = fold(&tenant(), &kept, &settings, at);
        let moved = difference(&Write { version: 32, merged: true, ..kept_write }, Some(&kept_fold), &merged);
        let (first, second) = if order { (taken, moved) } else { (moved, taken) };
        published.extend(first);
        published.extend(second);
        let mut replay = Replay::default();
        replay.take(published);
        prop_assert_eq!(replay.stands(), Replay::of(&merged));
    }

    /// If one history dropped events and the other did not, the facts about the device stay the same.
    #[test]
    fn absorbing_what_was_pruned_keeps_the_facts(events in events(), settings in settings(), share in 0.0..1.2_f64, split in any::<u64>()) {
        let whole = history(&events);
        let as_of = end(&events) + Millis::from_days(3);
        let span = end(&events).millis() - START;
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let cutoff = Timestamp::from_millis(START + (span as f64 * share) as i64);
        let mut pruned = whole.clone();
        pruned.prune(&tenant(), &settings, cutoff);
        // The other item has some of the same device's events, and was never pruned.
        let some: Vec<Event> = events.iter().enumerate().filter(|(at, _)| split >> (at % 64) & 1 == 1).map(|(_, event)| event.clone()).collect();
        let mut merged = pruned.clone();
        merged.absorb(history(&some), &tenant(), &settings);
        let (before, after) = (fold(&tenant(), &pruned, &settings, as_of), fold(&tenant(), &merged, &settings, as_of));
        let until = merged.base().until;
        prop_assert!(until >= pruned.base().until);
        prop_assert!(before.registered_at.is_none() || after.registered_at.is_some());
        prop_assert!(merged.identifiers().is_superset(pruned.identifiers()));
        // The merged item holds what either of them still held.
        let held: BTreeSet<&EventKey> = merged.events().map(|event| &event.key).collect();
        prop_assert!(pruned.events().chain(&some).all(|event| held.contains(&event.key)));
        prop_assert_eq!(codec::decode(&codec::encode(&merged).unwrap()).unwrap(), merged);
    }

    /// Dropped events may be sent again. If all of them are, the state is as if they had never been dropped.
    #[test]
    fn what_was_dropped_and_came_again_is_as_it_was(events in events(), settings in settings(), share in 0.0..1.2_f64, again in 0.0..1.0_f64, split in any::<u64>()) {
        let whole = history(&events);
        let as_of = end(&events) + Millis::from_days(3);
        let span = end(&events).millis() - START;
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let cutoff = |share: f64| Timestamp::from_millis(START + (span as f64 * share) as i64);
        let mut pruned = whole.clone();
        pruned.prune(&tenant(), &settings, cutoff(share));
        let held: BTreeSet<EventKey> = pruned.events().map(|event| event.key.clone()).collect();
        let mut came = pruned.clone();
        for event in whole.events() {
            let expected = if held.contains(&event.key) { Added::Duplicate } else { Added::New };
            prop_assert_eq!(came.add(event.clone()), expected);
        }
        let before = fold(&tenant(), &whole, &settings, as_of);
        prop_assert_eq!(&fold(&tenant(), &came, &settings, as_of), &before);

        // A longer retention drops a part of it again, and what it keeps stays the same.
        came.prune(&tenant(), &settings, cutoff(share * again));
        let until = came.dropped_until();
        let after = fold(&tenant(), &came, &settings, as_of);
        let kept = |enrollment: &vestibule_domain::Enrollment| {
            enrollment.attempts.iter().filter(|attempt| attempt.started_at > until).cloned().collect::<Vec<_>>()
        };
        if came.len() < whole.len() {
            prop_assert_eq!(kept(&before), kept(&after));
            prop_assert_eq!(came.events().filter(|event| event.placed() <= until).count(), 0);
        }
        prop_assert_eq!((before.enrolled, before.compliant, before.registered_at), (after.enrolled, after.compliant, after.registered_at));
        prop_assert_eq!((&before.about, before.autopilot, before.pending), (&after.about, after.autopilot, after.pending));
        let bytes = codec::encode(&came).unwrap();
        prop_assert_eq!(&codec::decode(&bytes).unwrap(), &came);

        // A part of the events does not replace what is known from all of them.
        let mut part = pruned.clone();
        for (_, event) in events.iter().enumerate().filter(|(at, _)| split >> (at % 64) & 1 == 1) {
            part.add(event.clone());
        }
        let at = pruned.base().until;
        let (known, now) = (fold(&tenant(), &pruned, &settings, at), fold(&tenant(), &part, &settings, at));
        prop_assert!(known.registered_at.is_none() || now.registered_at <= known.registered_at);
        prop_assert!(!known.enrolled || (now.enrolled, now.compliant) == (true, known.compliant));
    }

    /// Pruning changes nothing in what it keeps.
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
        prop_assert_eq!((before.about, before.autopilot, before.pending), (after.about, after.autopilot, after.pending));
        prop_assert_eq!(codec::decode(&codec::encode(&history).unwrap()).unwrap(), history);
    }
}
