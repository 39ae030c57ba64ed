//! The domain's Enrollment Status Page sessions against the plain model, on any set of events.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use vestibule_domain::esp::page::StepState;
use vestibule_domain::esp::profile::{EspProfile, Settings};
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{
    AppliedProfile, Category, DeploymentMode, EspAction, EspDetail, EspEvent, EspSession, ItemName, ItemState, Phase,
    PhaseState, Start, TargetedApp,
};
use vestibule_domain::event::{About, Body, Event, Reports};
use vestibule_domain::{History, TenantId, TenantSettings, Timestamp, fold};
use vestibule_model::esp::{App, Item, ItemTime, PageEvent, Profile, Session, What, esp_sessions};

const BASE_MS: i64 = 1_774_699_200_000;
const MINUTE_MS: i64 = 60_000;
const APPS: [&str; 5] = ["a1", "A1", "b2", "c3", "d4"];

/// How many sets of events are compared; `MODEL_CASES` sets another number.
fn cases() -> u32 {
    std::env::var("MODEL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(4_000)
}

fn word(words: &[&str]) -> impl Strategy<Value = String> + use<> {
    select(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
}

fn place() -> impl Strategy<Value = (String, String)> {
    let preparation = word(&["secureHardware", "joinNetwork", "registerDevice"]);
    let setup = word(&["securityPolicies", "certificates", "networkConnections", "apps", "apps", "apps"]);
    prop_oneof![
        1 => preparation.prop_map(|category| ("devicePreparation".to_owned(), category)),
        6 => (word(&["deviceSetup", "deviceSetup", "accountSetup"]), setup),
    ]
}

fn profile() -> impl Strategy<Value = Profile> {
    let blocking = prop::collection::vec(word(&APPS), 0..3);
    (select(vec![5, 30, 60]), prop::bool::weighted(0.9), blocking, any::<bool>()).prop_map(
        |(minutes, shown, blocking, tries_others)| {
            let tries_others = tries_others && !blocking.is_empty();
            Profile { id: "p".to_owned(), minutes, shown, blocking, tries_others }
        },
    )
}

fn what() -> impl Strategy<Value = What> {
    let modes = ["userDriven", "selfDeploying", "preProvisioningTechnician", "preProvisioningTechnician"];
    let started = (
        prop::option::of(word(&modes)),
        prop::bool::weighted(0.3),
        prop::option::of(prop::collection::vec((word(&APPS), any::<bool>()), 0..4)),
        prop::option::weighted(0.8, profile()),
    )
        .prop_map(|(mode, hybrid, targeted, profile)| What::Started {
            mode,
            hybrid,
            limit: None,
            targeted,
            profile,
        });
    let states = [
        "notInstalled",
        "inProgress",
        "completed",
        "completed",
        "error",
        "error",
        "notRequired",
        "skipped",
        "notApplicable",
    ];
    let item = |((phase, category), id, state): ((String, String), String, String)| {
        What::Item(Item { phase, category, id, name: None, state, code: None })
    };
    prop_oneof![
        4 => started,
        2 => (place(), prop::collection::vec(word(&APPS), 0..4)).prop_map(|((phase, category), ids)| What::Tracked(phase, category, ids)),
        10 => (place(), word(&APPS), word(&states)).prop_map(item),
        2 => (word(&["devicePreparation", "deviceSetup", "accountSetup"]), word(&["started", "completed", "failed"])).prop_map(|(phase, state)| What::Phase(phase, state)),
        3 => word(&["retry", "retry", "reset", "continueAnyway", "collectLogs"]).prop_map(What::Action),
        1 => Just(What::Completed),
        1 => Just(What::Failed(None, None)),
    ]
}

fn page_events() -> impl Strategy<Value = Vec<PageEvent>> {
    let near = |minutes: i64| [minutes * MINUTE_MS - 1, minutes * MINUTE_MS, minutes * MINUTE_MS + 1];
    let limits: Vec<i64> = [5, 40, 60].into_iter().flat_map(near).collect();
    let gap = prop_oneof![4 => Just(0), 2 => Just(1), 6 => 1_000..5 * MINUTE_MS, 1 => select(limits)];
    let session = prop_oneof![5 => Just(None), 1 => select(vec![Some("s1".to_owned()), Some("s2".to_owned())])];
    prop::collection::vec((gap, session, what(), word(&["agent", "mdm"]), 0..1_000_u32), 1..24).prop_map(|list| {
        let mut at_ms = BASE_MS;
        let mut events: Vec<PageEvent> = Vec::new();
        for (index, (gap, session, what, source, id)) in list.into_iter().enumerate() {
            at_ms += gap;
            // Random digits first, so that events of one instant have any order.
            let id = format!("{id}-{index}");
            events.push(PageEvent { at_ms, source, id, dropped: false, session, what, names: BTreeMap::new() });
        }
        events
    })
}

fn start(mode: Option<&str>, hybrid: bool, targeted: Option<&[(String, bool)]>, profile: Option<&Profile>) -> Start {
    let applied = |profile: &Profile| {
        let mut settings = Settings::named("Chosen");
        settings.show_installation_progress = profile.shown;
        settings.install_progress_timeout_in_minutes = u32::try_from(profile.minutes).unwrap();
        settings.selected_mobile_app_ids.clone_from(&profile.blocking);
        settings.allow_non_blocking_app_installation = profile.tries_others;
        let (id, created_at, modified_at) = (profile.id.clone(), Timestamp::MIN, Timestamp::MIN);
        let profile =
            EspProfile { id, version: 1, created_at, modified_at, settings, assignments: Vec::new(), graph_id: None };
        Box::new(AppliedProfile::of(&profile, Rule::AllDevices))
    };
    let app = |(id, user): &(String, bool)| TargetedApp { app: name(id), user_context: *user };
    Start {
        deployment_mode: mode.map(|mode| DeploymentMode::read(mode).unwrap()),
        hybrid_join: hybrid,
        targeted_apps: targeted.map(|apps| apps.iter().map(app).collect()),
        profile: profile.map(applied),
        ..Start::default()
    }
}

fn name(id: &str) -> ItemName {
    ItemName { id: id.to_owned(), name: None }
}

fn detail(what: &What) -> EspDetail {
    let phase = |phase: &str| Phase::read(phase).unwrap();
    let category = |category: &str| Category::read(category).unwrap();
    match what {
        What::Started { mode, hybrid, targeted, profile, .. } => {
            EspDetail::Started(Box::new(start(mode.as_deref(), *hybrid, targeted.as_deref(), profile.as_ref())))
        }
        What::Tracked(of, list, ids) => {
            EspDetail::Tracked(phase(of), category(list), ids.iter().map(|id| name(id)).collect())
        }
        What::Item(Item { phase: of, category: list, id, state, .. }) => {
            EspDetail::Item(phase(of), category(list), name(id), ItemState::read(state).unwrap(), None)
        }
        What::Phase(of, state) => EspDetail::Phase(phase(of), PhaseState::read(state).unwrap()),
        What::Action(action) => EspDetail::Action(EspAction::read(action).unwrap()),
        What::Completed => EspDetail::Completed,
        What::Failed(..) => EspDetail::Failed(None, None),
    }
}

fn event(one: &PageEvent) -> Event {
    let esp = EspEvent { session_id: one.session.clone(), detail: detail(&one.what) };
    let time = Timestamp::from_millis(one.at_ms);
    Event {
        key: esp.stored_key(one.source.clone(), one.id.clone(), time),
        time,
        received_at: time,
        clock_skew: None,
        reports: Reports::ALL,
        about: About { serial_number: Some("PF-1001".to_owned()), ..About::default() },
        body: Body::Esp(esp),
    }
}

type Counts = BTreeMap<(String, String), (usize, usize)>;

/// An app: phase, id, state, whether it was tried, whether it ever failed.
type AppInWords = (String, String, Option<String>, bool, bool);

/// What is compared: name, start, deadline, end, state, failed, timed out, stuck since when and still, "(k of n)" of
/// each subtask, the apps, and how long items took.
type InWords =
    (Option<String>, i64, i64, Option<i64>, String, bool, bool, Option<i64>, bool, Counts, (Vec<AppInWords>, Took));

/// The profile's id, and how long items took that never failed.
type Took = (String, Vec<ItemTime>);

/// The domain's session in the model's words.
fn in_words(session: &EspSession) -> InWords {
    let apps = session.items.iter().filter(|item| item.category == Category::Apps).map(|item| {
        let state = item.state.map(|state| state.name().to_owned());
        (item.phase.name().to_owned(), item.id.to_lowercase(), state, item.began_at.is_some(), item.errors > 0)
    });
    let mut apps: Vec<AppInWords> = apps.collect();
    apps.sort();
    let whole = session.items.iter().filter(|item| item.state == Some(ItemState::Completed) && item.errors == 0);
    let mut times: Vec<ItemTime> = whole
        .filter_map(|item| {
            let took_ms = (item.settled_at? - item.began_at?).get();
            let (phase, category) = (item.phase.name().to_owned(), item.category.name().to_owned());
            (took_ms > 0).then(|| ItemTime { phase, category, id: item.id.to_lowercase(), took_ms })
        })
        .collect();
    times.sort();
    let mut counts = BTreeMap::new();
    for phase in [Phase::DeviceSetup, Phase::AccountSetup] {
        for subtask in session.page().iter().filter(|view| view.phase == phase).flat_map(|view| &view.subtasks) {
            if let (Some(done), Some(total)) = (subtask.done, subtask.total) {
                counts.insert((phase.name().to_owned(), subtask.category.name().to_owned()), (done, total));
            }
        }
    }
    (
        session.session_id.clone(),
        session.started_at.millis(),
        session.deadline.millis(),
        session.ended_at.map(Timestamp::millis),
        session.state.name().to_owned(),
        session.failed,
        session.timed_out,
        session.stuck_since.map(Timestamp::millis),
        session.is_stuck,
        counts,
        (apps, (session.profile.id.clone(), times)),
    )
}

/// Adds what only the domain knows: a phase that is over shows its policies done, and a technician's page has no
/// account.
fn comparable(expected: &Session, session: &EspSession) -> InWords {
    let page = session.page();
    let app = |app: &App| (app.phase.clone(), app.id.clone(), app.state.clone(), app.tried, app.failed);
    let mut apps: Vec<AppInWords> = expected.apps.iter().map(app).collect();
    apps.sort();
    let mut times = expected.times.clone();
    times.sort();
    let mut counts = expected.counts.clone();
    counts
        .retain(|(phase, category), _| page.iter().any(|view| view.phase.name() == phase) && category != "joinNetwork");
    for view in page.iter().filter(|view| view.state == StepState::Completed && view.phase != Phase::DevicePreparation)
    {
        counts.insert((view.phase.name().to_owned(), "securityPolicies".to_owned()), (1, 1));
    }
    (
        expected.name.clone(),
        expected.started_at_ms,
        expected.deadline_ms,
        expected.ended_at_ms,
        expected.state.clone(),
        expected.failed,
        expected.timed_out,
        expected.stuck_since_ms,
        expected.is_stuck,
        counts,
        (apps, (expected.profile.clone(), times)),
    )
}

/// Whether each has its own match. Sessions that begin at one instant have no order that both know.
fn pair_up(found: &[EspSession], expected: &[Session]) -> bool {
    let Some((first, rest)) = found.split_first() else { return true };
    let words = in_words(first);
    (0..expected.len()).any(|index| {
        let mut others = expected.to_vec();
        comparable(&others.remove(index), first) == words && pair_up(rest, &others)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn sessions_are_the_models(
        (events, order) in page_events().prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
        until in prop::option::of(any::<prop::sample::Index>()),
        later in prop_oneof![Just(0), Just(1), 0..120 * MINUTE_MS],
    ) {
        let as_of_ms = until.map_or(events[events.len() - 1].at_ms, |until| until.get(&events).at_ms) + later;
        let mut history = History::default();
        for one in &order {
            history.add(event(one));
        }
        // Updates are identified by their content, so two with the same content are one.
        let mut stored: BTreeMap<(String, String), PageEvent> = BTreeMap::new();
        for one in &events {
            let key = event(one).key;
            stored.insert((key.source, key.id.clone()), PageEvent { id: key.id, ..one.clone() });
        }
        let stored: Vec<PageEvent> = stored.into_values().collect();

        let tenant = TenantId::parse("contoso").unwrap();
        let found = fold(&tenant, &history, &TenantSettings::default(), Timestamp::from_millis(as_of_ms)).sessions;
        let expected = esp_sessions(&stored, &[], 1440 * MINUTE_MS, as_of_ms);
        let words: Vec<_> = found.iter().map(in_words).collect();
        prop_assert_eq!(words.len(), expected.len());
        prop_assert!(pair_up(&found, &expected), "found {:#?}\nexpected {:#?}", words, expected);
    }
}
