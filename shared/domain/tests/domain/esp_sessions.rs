//! What must hold for any set of Enrollment Status Page events: the order, repetition and splitting of their arrival
//! never matter, nor does who looks when; and the page never contradicts itself.

use proptest::prelude::*;
use proptest::sample::select;
use vestibule_domain::esp::page::{StepState, Subtask};
use vestibule_domain::esp::profile::{EspProfile, Settings};
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{
    AppliedProfile, Category, DeploymentMode, EspAction, EspDetail, EspEvent, EspSession, ItemName, ItemState, Phase,
    PhaseState, SessionState, Start, TargetedApp, Tracking,
};
use vestibule_domain::event::{About, Body, Event, EventKey, Kind, Platform, Step};
use vestibule_domain::{History, Millis, Reports, TenantId, TenantSettings, Timestamp, codec, fold};

const START: i64 = 1_760_000_000_000;
const MINUTE: i64 = 60_000;

/// Gaps around every limit in the rules, and equal instants.
fn gap() -> impl Strategy<Value = i64> {
    let near = |minutes: i64| [minutes * MINUTE - 1, minutes * MINUTE, minutes * MINUTE + 1];
    let limits: Vec<i64> = [5, 15, 40, 60].into_iter().flat_map(near).collect();
    prop_oneof![4 => Just(0), 2 => Just(1), 6 => 1_000..5 * MINUTE, 1 => select(limits)]
}

fn name() -> impl Strategy<Value = ItemName> {
    let ids = ["App 1", "App 2", "App 3", "f0000000-0000-4000-8000-00000000000f", "0a1b"];
    (select(ids.to_vec()), prop::option::of(select(vec!["Teams", "Portal"])))
        .prop_map(|(id, name)| ItemName { id: id.to_owned(), name: name.map(str::to_owned) })
}

/// A phase, and one of its categories.
fn place() -> impl Strategy<Value = (Phase, Category)> {
    let places = Phase::ALL.iter().flat_map(|phase| {
        let here = Category::ALL.iter().filter(|category| category.in_phase(*phase));
        here.map(|category| (*phase, *category))
    });
    prop_oneof![select(places.collect::<Vec<_>>()), Just((Phase::DeviceSetup, Category::Apps))]
}

fn profile() -> impl Strategy<Value = AppliedProfile> {
    let chosen = (select(vec![5_u32, 60]), any::<(bool, bool, bool, bool)>(), 0..4_u8);
    chosen.prop_map(|(minutes, (shown, selected, tries, blocks), allowed)| {
        let mut settings = Settings::named("Chosen");
        settings.show_installation_progress = shown || allowed > 0;
        settings.install_progress_timeout_in_minutes = minutes;
        if selected {
            settings.selected_mobile_app_ids = vec!["App 1".to_owned(), "0A1B".to_owned()];
            settings.allow_non_blocking_app_installation = tries;
        }
        settings.block_device_use = blocks;
        settings.allow_device_use_on_install_failure = allowed & 1 > 0;
        settings.allow_user_to_skip_account_setup = allowed & 2 > 0;
        let (created_at, modified_at) = (Timestamp::MIN, Timestamp::MIN);
        let (id, assignments) = ("p".to_owned(), Vec::new());
        AppliedProfile::of(
            &EspProfile { id, version: 3, created_at, modified_at, settings, assignments, graph_id: None },
            Rule::AllDevices,
        )
    })
}

fn start() -> impl Strategy<Value = EspDetail> {
    let app = (name(), any::<bool>()).prop_map(|(app, user_context)| TargetedApp { app, user_context });
    (
        prop::option::of(select(DeploymentMode::ALL.to_vec())),
        any::<bool>(),
        prop::option::of(prop::collection::vec(app, 0..4)),
        prop::option::of(profile()),
        prop::collection::vec(name(), 0..2),
    )
        .prop_map(|(deployment_mode, hybrid_join, targeted_apps, profile, device_groups)| {
            let profile = profile.map(Box::new);
            let start =
                Start { deployment_mode, hybrid_join, targeted_apps, profile, device_groups, ..Start::default() };
            EspDetail::Started(Box::new(start))
        })
}

fn detail() -> impl Strategy<Value = EspDetail> {
    let item = (place(), name(), select(ItemState::ALL.to_vec()), prop::option::of(Just("0x1".to_owned())));
    prop_oneof![
        3 => start(),
        3 => (place(), prop::collection::vec(name(), 0..4))
            .prop_map(|((phase, category), list)| EspDetail::Tracked(phase, category, list)),
        9 => item.prop_map(|((phase, category), name, state, code)| EspDetail::Item(phase, category, name, state, code)),
        3 => (select(Phase::ALL.to_vec()), select(PhaseState::ALL.to_vec()))
            .prop_map(|(phase, state)| EspDetail::Phase(phase, state)),
        2 => select(EspAction::ALL.to_vec()).prop_map(EspDetail::Action),
        1 => Just(EspDetail::Completed),
        1 => Just(EspDetail::Failed(Some("0x801c0003".to_owned()), Some("message".to_owned()))),
    ]
}

/// A set of events of one device: named and unnamed sessions, repeated ids, differing clocks.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let session = prop_oneof![4 => Just(None), 1 => select(vec![Some("s1".to_owned()), Some("s2".to_owned())])];
    let removal = prop::bool::weighted(0.04);
    let delay = prop_oneof![4 => Just(0), 1 => -MINUTE..60 * MINUTE];
    let one = (gap(), session, detail(), (select(vec!["agent", "mdm"]), 0..60_u32), delay, any::<bool>(), removal);
    prop::collection::vec(one, 1..28).prop_map(|list| {
        let mut at = START;
        let event = |parts: (i64, _, _, (&str, u32), i64, bool, bool)| {
            let (gap, session_id, detail, (source, id), delay, windows, removal) = parts;
            at += gap;
            let esp = EspEvent { session_id, detail };
            let time = Timestamp::from_millis(at);
            let platform = windows.then_some(Platform::Windows);
            let body = if removal { Body::Enrollment(Step::of(Kind::Unenrolled)) } else { Body::Esp(esp) };
            Event {
                key: EventKey { source: source.to_owned(), id: format!("event-{id}") },
                time,
                received_at: Timestamp::from_millis(at + delay),
                clock_skew: None,
                reports: Reports::ALL,
                about: About { serial_number: Some("PF-1001".to_owned()), platform, ..About::default() },
                body,
            }
            .stored()
        };
        list.into_iter().map(event).collect()
    })
}

fn history<'a>(events: impl IntoIterator<Item = &'a Event>) -> History {
    let mut history = History::default();
    for event in events {
        history.add(event.clone());
    }
    history
}

fn sessions(history: &History, as_of: Timestamp) -> Vec<EspSession> {
    fold(&TenantId::parse("contoso").unwrap(), history, &TenantSettings::default(), as_of).sessions
}

fn end(history: &History) -> Timestamp {
    history.events().map(Event::placed).max().unwrap()
}

fn consistent(session: &EspSession, subtask: &Subtask) -> Result<(), TestCaseError> {
    use StepState::{Completed, Failed, Identifying, NotRequired, NotStarted};
    prop_assert_eq!(subtask.done.is_some(), subtask.total.is_some());
    prop_assert!(subtask.done <= subtask.total);
    prop_assert!(subtask.progress.is_none_or(|progress| (0.0..=1.0).contains(&progress)));
    prop_assert!(subtask.total.is_none() || subtask.progress.is_some());
    match subtask.state {
        Identifying => prop_assert_eq!((subtask.total, subtask.progress), (None, None)),
        NotRequired => prop_assert_eq!(subtask.total, Some(0)),
        Completed => prop_assert_eq!(subtask.progress, Some(1.0)),
        // An item in error fails the session only if it stays so; after a removal it fails none.
        Failed => {
            let is_in_error = session.items.iter().any(|item| item.state == Some(ItemState::Error));
            prop_assert!((session.failed || is_in_error) && subtask.done < subtask.total);
        }
        NotStarted => prop_assert!(subtask.progress.is_none_or(|progress| progress <= 0.0)),
        StepState::InProgress => prop_assert!(subtask.progress.is_some_and(|progress| progress < 1.0)),
    }
    if subtask.category == Category::SecurityPolicies {
        prop_assert!(subtask.total.is_none_or(|total| total == 1));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, ..ProptestConfig::default() })]

    #[test]
    fn order_and_repetition_never_matter(
        (events, shuffled) in events().prop_flat_map(|events| {
            let twice: Vec<Event> = events.iter().chain(&events).cloned().collect();
            (Just(events), Just(twice).prop_shuffle())
        }),
        at in 0..28_usize,
        later in 0..100 * MINUTE,
    ) {
        let (one, other) = (history(&events), history(&shuffled));
        prop_assert_eq!(&one, &other);
        let as_of = events.get(at).map_or(end(&one) + Millis::new(later), Event::placed);
        prop_assert_eq!(sessions(&one, as_of), sessions(&other, as_of));
        // As of an instant, the result is the same as if nothing had been reported since.
        let until = history(one.events().filter(|event| event.placed() <= as_of));
        prop_assert_eq!(sessions(&one, as_of), sessions(&until, as_of));
    }

    #[test]
    fn stored_and_split_gives_the_same_sessions(events in events(), cut in 0..28_usize) {
        let whole = history(&events);
        let stored = codec::encode(&whole).unwrap();
        prop_assert_eq!(codec::decode(&stored).unwrap(), whole.clone());
        let (before, after) = events.split_at(cut.min(events.len()));
        let mut joined = codec::decode(&codec::encode(&history(after)).unwrap()).unwrap();
        joined.absorb(history(before), &TenantId::parse("contoso").unwrap(), &TenantSettings::default());
        prop_assert_eq!(codec::encode(&joined).unwrap(), stored);
        prop_assert_eq!(joined, whole);
    }

    /// A look at the last instant sees everything since the newest event.
    #[test]
    fn a_session_stands_until_it_says(events in events(), share in 0.0..=1.0_f64) {
        let history = history(&events);
        let now = end(&history);
        // The attempt decides whether it completed meanwhile.
        let at = |as_of| {
            let mut all = sessions(&history, as_of);
            for session in &mut all {
                (session.as_of, session.end_not_reported) = (now, false);
            }
            all
        };
        let before = at(now);
        let Some(until) = before.iter().filter_map(EspSession::stands_until).min() else {
            let later = at(now + Millis::from_days(9));
            prop_assert_eq!(&later, &before);
            return Ok(());
        };
        prop_assert!(until >= now);
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let between = now + Millis::new(((until - now).get() as f64 * share) as i64);
        prop_assert_eq!(&at(between), &before);
        prop_assert_eq!(&at(until), &before);
        prop_assert_ne!(at(until + Millis::new(1)), before);
    }

    #[test]
    fn what_has_ended_takes_no_longer(events in events()) {
        let history = history(&events);
        let now = end(&history);
        let later = sessions(&history, now + Millis::from_days(9));
        for session in sessions(&history, now).iter().filter(|session| session.ended_at.is_some()) {
            let same = later.iter().find(|later| later.id == session.id && later.ended_at == session.ended_at);
            prop_assert!(same.is_none_or(|same| same.elapsed() == session.elapsed()));
        }
    }

    #[test]
    fn the_page_does_not_contradict_itself(events in events(), later in 0..100 * MINUTE) {
        let history = history(&events);
        for session in sessions(&history, end(&history) + Millis::new(later)) {
            prop_assert!(session.progress().is_none_or(|progress| (0.0..=1.0).contains(&progress)));
            prop_assert!(session.elapsed() >= Millis::ZERO);
            match session.state {
                SessionState::InProgress => prop_assert!(session.ended_at.is_none()),
                // The person, or the removal of the device, may have ended it after its limit.
                SessionState::TimedOut => prop_assert!(session.ended_at.is_none_or(|end| end > session.deadline)),
                _ => prop_assert!(session.ended_at.is_some()),
            }
            prop_assert!(session.state != SessionState::Failed || session.failed);
            // The failure stays visible beside the good end, also past the limit.
            prop_assert!(session.state != SessionState::Success || session.failed || !session.timed_out);
            prop_assert!(session.state != SessionState::InProgress || !session.timed_out);
            let page = session.page();
            prop_assert_eq!(page.iter().map(|view| view.phase).collect::<Vec<_>>(), session.expected_phases());
            let failed = page.iter().filter(|view| view.state == StepState::Failed).count();
            let shows = session.expected_phases().contains(&session.failed_phase.unwrap_or(session.current_phase().0));
            prop_assert_eq!(failed, usize::from(session.state == SessionState::Failed && shows));
            for subtask in page.iter().flat_map(|view| &view.subtasks) {
                consistent(&session, subtask)?;
            }
            if session.state.is_success() {
                prop_assert!(page.iter().all(|view| view.state == StepState::Completed));
                prop_assert!(session.allowed_actions().is_empty() && !session.is_stuck);
            }
            let current = page.iter().find(|view| view.phase == session.current_phase().0);
            if session.is_stuck && let Some(view) = current {
                let apps = view.subtasks.iter().find(|subtask| subtask.category == Category::Apps);
                prop_assert_eq!(apps.unwrap().state, StepState::Identifying);
            }
            let _stage = session.stage();
            // An item that the session does not wait for is never counted.
            let waited = session.items.iter().filter(|item| matches!(item.tracking, Tracking::Blocking | Tracking::NonBlocking));
            prop_assert!(session.profile.is_shown() || waited.count() == 0);
        }
    }

    /// Pruning changes nothing in what it keeps.
    #[test]
    fn pruning_cuts_through_no_session(events in events(), share in 0.0..1.2_f64) {
        let mut history = history(&events);
        let as_of = end(&history) + Millis::from_days(3);
        let before = sessions(&history, as_of);
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let cutoff = Timestamp::from_millis(START + ((end(&history).millis() - START) as f64 * share) as i64);
        history.prune(&TenantId::parse("contoso").unwrap(), &TenantSettings::default(), cutoff);
        let until = history.base().until;
        let kept: Vec<_> = before.into_iter().filter(|session| session.last_event_at > until).collect();
        prop_assert_eq!(sessions(&history, as_of), kept);
    }
}
