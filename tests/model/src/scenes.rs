//! Random reports of the senders of one device: sets of events at the edges of the rules of attempts.
//!
//! Unlike [`crate::arbitrary`] these are about attempts only: one device, usually one platform, several senders of
//! which each reports another part of an enrollment, gaps around every limit, and sessions of the Enrollment Status
//! Page. A scene consists of small numbers and words, so that it shrinks to a script that a person can read
//! ([`script`]).

use crate::esp::{Item, PageEvent, What};
use crate::{ComplianceSource, Event, IdentifierKind, Kind, Place, ROWS, Reports, Row, Settings};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// 2026-03-28T12:00:00Z
pub const BASE_MS: i64 = 1_774_699_200_000;

/// The senders: the name, and what each can report.
pub const SENDERS: [(&str, Reports); 8] = [
    ("native", Reports::ALL),
    ("nanomdm", Reports { starts: true, ends: true, ..Reports::NOTHING }),
    ("jamf", Reports { ends: true, ..Reports::NOTHING }),
    ("amapi", Reports { ends: true, compliance: true, ..Reports::NOTHING }),
    ("graph", Reports { ends: true, failures: true, compliance: true, ..Reports::NOTHING }),
    ("log", Reports { ends: true, failures: true, ..Reports::NOTHING }),
    ("setup", Reports { starts: true, failures: true, ends: true, ..Reports::NOTHING }),
    ("portal", Reports { starts: true, steps: true, stops: true, ..Reports::NOTHING }),
];

/// A scene: events, settings, an instant.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The events, in the order in which they are drawn.
    pub events: Vec<Event>,
    /// The settings.
    pub settings: Settings,
    /// The instant asked for.
    pub as_of_ms: i64,
}

/// An event of the sender, that many milliseconds after the beginning, about an iPhone.
#[must_use]
pub fn event(sender: &str, at_ms: i64, kind: Kind) -> Event {
    let reports = SENDERS.iter().find(|(name, _)| *name == sender).map_or(Reports::ALL, |(_, reports)| *reports);
    Event {
        source: sender.to_owned(),
        id: format!("{kind:?}-{at_ms}"),
        kind,
        placed_at_ms: BASE_MS + at_ms,
        received_at_ms: BASE_MS + at_ms,
        dropped: false,
        reports,
        awaiting_configuration: false,
        restated: false,
        assumed: false,
        identifiers: vec![(IdentifierKind::Serial, "serial-1".to_owned())],
        device_name: None,
        manufacturer: None,
        model: None,
        user_principal_name: None,
        user_id: None,
        platform: Some("ios".to_owned()),
        os_version: None,
        enrollment_type: None,
        enrollment_profile_name: None,
        place: None,
        user_action: (kind == Kind::Stopped).then(|| "cancel".to_owned()),
        failure_code: None,
        failure_reason: None,
        failure_category: None,
        tags: Vec::new(),
        esp: None,
        text: String::new(),
    }
}

/// An event of the Enrollment Status Page.
#[must_use]
pub fn page(sender: &str, at_ms: i64, what: What) -> Event {
    let mut event = event(sender, at_ms, Kind::Esp);
    event.platform = Some("windows".to_owned());
    event.esp = Some(PageEvent {
        names: std::collections::BTreeMap::new(),
        at_ms: event.placed_at_ms,
        source: event.source.clone(),
        id: event.id.clone(),
        dropped: false,
        session: None,
        what,
    });
    event
}

/// The place of an action in the catalogue.
#[must_use]
pub fn place(action: &str) -> Place {
    let row = ROWS.iter().find(|row| row.action == action);
    let section = row.map(|row| row.section.to_owned());
    Place { section, action: action.to_owned(), screen: row.map(|row| row.screen.to_owned()) }
}

fn gaps() -> impl Strategy<Value = i64> {
    let around = |minutes: i64| [minutes * MINUTE_MS - 1, minutes * MINUTE_MS, minutes * MINUTE_MS + 1];
    let near: Vec<i64> = [2, 10, 15].into_iter().flat_map(around).collect();
    let far: Vec<i64> = [30, 45, 60, 100, 1440].into_iter().flat_map(around).collect();
    prop_oneof![
        3 => Just(0),
        2 => Just(1),
        6 => (1..10_i64).prop_map(|minutes| minutes * MINUTE_MS),
        4 => select(near),
        4 => select(far),
        1 => (31..3_000_i64).prop_map(|minutes| minutes * MINUTE_MS),
        1 => Just(3 * DAY_MS),
    ]
}

/// What happens in a scene, as drawn.
#[derive(Debug, Clone)]
enum Act {
    Plain(Kind),
    Step(bool, Place),
    Stopped(Option<Place>, &'static str),
    Failed(Option<&'static str>, Option<Place>),
    Enrolled { held: bool, restated: bool },
    Compliant { assumed: bool },
    Tagged(&'static str, &'static str),
    Page(What),
}

/// The places of the catalogue, whichever rows it has, and one that is not there.
fn places() -> impl Strategy<Value = Place> {
    let of_row = |row: &Row| Place {
        section: Some(row.section.to_owned()),
        action: row.action.to_owned(),
        screen: Some(row.screen.to_owned()),
    };
    select(ROWS.iter().map(of_row).chain([place("Wallpaper")]).collect::<Vec<_>>())
}

fn acts(page: bool, apple: bool) -> BoxedStrategy<Act> {
    let plain = select(vec![Kind::Started, Kind::Started, Kind::Started, Kind::PortalClosed, Kind::Unenrolled]);
    let codes = select(vec![None, Some("0x1"), Some("0x2")]);
    let act = prop_oneof![
        6 => plain.prop_map(Act::Plain),
        1 => Just(Act::Plain(Kind::Registered)),
        4 => (any::<bool>(), places()).prop_map(|(left, place)| Act::Step(left, place)),
        2 => (prop::option::of(places()), select(vec!["cancel", "postpone", "ignore", "declineAll"]))
            .prop_map(|(place, chose)| Act::Stopped(place, chose)),
        3 => (codes, prop::option::weighted(0.3, places())).prop_map(|(code, place)| Act::Failed(code, place)),
        8 => (prop::bool::weighted(0.15), prop::bool::weighted(0.2))
            .prop_map(move |(held, restated)| Act::Enrolled { held: apple && held && !restated, restated }),
        8 => prop::bool::weighted(0.3).prop_map(|assumed| Act::Compliant { assumed }),
        2 => (select(vec!["department", "building"]), select(vec!["a", "b"])).prop_map(|(key, to)| Act::Tagged(key, to)),
    ];
    if !page {
        return act.boxed();
    }
    let mode = select(vec![
        Some("userDriven"),
        Some("userDriven"),
        None,
        Some("selfDeploying"),
        Some("preProvisioningTechnician"),
        Some("preProvisioningUser"),
    ]);
    let phases = || select(vec!["deviceSetup", "deviceSetup", "accountSetup"]);
    let started = (mode, prop::bool::weighted(0.1), select(vec![None, None, Some(15), Some(100)])).prop_map(
        |(mode, hybrid, limit)| What::Started {
            mode: mode.map(str::to_owned),
            hybrid,
            limit,
            targeted: None,
            profile: None,
        },
    );
    let states = select(vec!["inProgress", "completed", "error", "error", "skipped", "notApplicable"]);
    let item = (phases(), select(vec!["networkConnections", "apps"]), select(vec!["vpn", "office"]), states).prop_map(
        |(phase, category, id, state)| {
            What::Item(Item {
                phase: phase.to_owned(),
                category: category.to_owned(),
                id: id.to_owned(),
                name: None,
                state: state.to_owned(),
                code: (state == "error").then(|| "0x87D1".to_owned()),
            })
        },
    );
    let what = prop_oneof![
        5 => started,
        5 => item,
        1 => phases().prop_map(|phase| What::Tracked(phase.to_owned(), "apps".to_owned(), vec!["office".to_owned()])),
        2 => (phases(), select(vec!["started", "completed", "failed"]))
            .prop_map(|(phase, state)| What::Phase(phase.to_owned(), state.to_owned())),
        3 => select(vec!["retry", "reset", "continueAnyway", "collectLogs"]).prop_map(|it| What::Action(it.to_owned())),
        4 => Just(What::Completed),
        1 => select(vec![None, Some("0x9")]).prop_map(|code| What::Failed(code.map(str::to_owned), None)),
    ];
    prop_oneof![1 => act, 1 => what.prop_map(Act::Page)].boxed()
}

/// The settings of a scene.
fn settings() -> impl Strategy<Value = Settings> {
    let sources = prop_oneof![
        4 => Just(ComplianceSource::None),
        1 => select(vec!["graph", "nanomdm", "native"]).prop_map(|source| ComplianceSource::All(source.to_owned())),
        1 => (select(vec!["ios", "macos", "windows"]), select(vec!["graph", "jamf"]))
            .prop_map(|(of, source)| ComplianceSource::Each(vec![(of.to_owned(), source.to_owned())])),
    ];
    (
        prop::bool::weighted(0.8),
        select(vec![1440, 1440, 1440, 30, 100]),
        select(vec![30, 30, 60]),
        select(vec![1440, 1440, 30, 45]),
        sources,
    )
        .prop_map(|(require_compliance, windows, macos, compliance, compliance_source)| Settings {
            require_compliance,
            windows_idle_limit_minutes: windows,
            macos_idle_limit_minutes: macos,
            compliance_limit_minutes: compliance,
            compliance_source,
            ..Settings::default()
        })
}

/// The event of an act.
fn of(act: Act, sender: usize, at_ms: i64, index: usize, platform: Option<&str>) -> Event {
    let sender = SENDERS[sender].0;
    let mut event = match act {
        Act::Plain(kind) => event(sender, at_ms, kind),
        Act::Step(left, place) => {
            let kind = if left { Kind::StepCompleted } else { Kind::StepEntered };
            Event { place: Some(place), ..event(sender, at_ms, kind) }
        }
        Act::Stopped(place, chose) => {
            Event { place, user_action: Some(chose.to_owned()), ..event(sender, at_ms, Kind::Stopped) }
        }
        Act::Failed(code, place) => {
            Event { place, failure_code: code.map(str::to_owned), ..event(sender, at_ms, Kind::Failed) }
        }
        Act::Enrolled { held, restated } => {
            Event { awaiting_configuration: held, restated, ..event(sender, at_ms, Kind::Enrolled) }
        }
        Act::Compliant { assumed } => Event { assumed, ..event(sender, at_ms, Kind::Compliant) },
        Act::Tagged(key, value) => {
            Event { tags: vec![(key.to_owned(), value.to_owned())], ..event(sender, at_ms, Kind::Tagged) }
        }
        Act::Page(what) => page(sender, at_ms, what),
    };
    event.id = format!("{index:02}");
    if event.kind != Kind::Esp {
        // Any event may carry tags.
        if index.is_multiple_of(3) && event.kind != Kind::Tagged {
            event.tags = vec![("building".to_owned(), format!("of {index}"))];
        }
        event.platform = platform.map(str::to_owned);
    }
    event
}

/// Scenes of one device with at most that many events; on a Windows device, with the Enrollment Status Page.
pub fn scenes(events: usize) -> impl Strategy<Value = Scene> {
    let platforms = select(vec!["ios", "ios", "android", "macos", "windows", "windows", "windows"]);
    platforms
        .prop_flat_map(move |platform| {
            let silent = prop::bool::weighted(0.05);
            let act = (
                gaps(),
                0..SENDERS.len(),
                acts(platform == "windows", platform == "ios" || platform == "macos"),
                silent,
            );
            // Few senders for each device: two, and now and then one more.
            let senders = (0..SENDERS.len(), 0..SENDERS.len(), 0..SENDERS.len());
            let after = prop_oneof![3 => gaps(), 2 => Just(7 * DAY_MS)];
            (Just(platform), senders, vec(act, 1..=events), settings(), after)
        })
        .prop_map(|(platform, (one, two, three), acts, settings, after_ms)| {
            let mut at_ms = 0;
            let mut events = Vec::new();
            for (index, (gap_ms, sender, act, silent)) in acts.into_iter().enumerate() {
                at_ms += gap_ms;
                let sender = [one, one, one, two, two, two, three, sender][sender];
                // Updates of the page at one instant have no order among themselves.
                if matches!(act, Act::Page(_)) {
                    at_ms += 1;
                }
                events.push(of(act, sender, at_ms, index, (!silent).then_some(platform)));
            }
            Scene { events, settings, as_of_ms: BASE_MS + at_ms + after_ms }
        })
}

/// The scene as lines that a person can read: when, who, what.
#[must_use]
pub fn script(scene: &Scene) -> String {
    let mut lines = vec![format!("settings: {}", settings_in_words(&scene.settings))];
    for event in &scene.events {
        lines.push(line(event));
    }
    lines.push(format!("asked at {}", minutes(scene.as_of_ms)));
    lines.join("\n")
}

fn settings_in_words(settings: &Settings) -> String {
    format!(
        "requireCompliance {}, windows {}, macos {}, compliance {}, source {:?}",
        settings.require_compliance,
        settings.windows_idle_limit_minutes,
        settings.macos_idle_limit_minutes,
        settings.compliance_limit_minutes,
        settings.compliance_source
    )
}

/// Minutes and the remainder, since the beginning of a scene.
#[must_use]
pub fn minutes(at_ms: i64) -> String {
    let after_ms = at_ms - BASE_MS;
    let (minutes, rest_ms) = (after_ms / MINUTE_MS, after_ms % MINUTE_MS);
    if rest_ms == 0 { minutes.to_string() } else { format!("{minutes}+{rest_ms}ms") }
}

fn line(event: &Event) -> String {
    let what = match (&event.esp, event.kind) {
        (Some(page), _) => format!("{:?}", page.what),
        (None, kind) => {
            let flags = [
                (event.awaiting_configuration, " (held)"),
                (event.restated, " (restated)"),
                (event.assumed, " (assumed)"),
            ];
            let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
            let shown = |place: &Place| match &place.screen {
                Some(screen) => format!(" at {}/{screen}", place.action),
                None => format!(" at {}", place.action),
            };
            let action = event.place.as_ref().map(shown).unwrap_or_default();
            let chose = event.user_action.as_ref().map(|chose| format!(" {chose}")).unwrap_or_default();
            let code = event.failure_code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
            let tags: String = event.tags.iter().map(|(key, value)| format!(" {key}={value}")).collect();
            format!("{kind:?}{flags}{action}{chose}{code}{tags}")
        }
    };
    let platform = event.platform.as_deref().unwrap_or("no platform");
    format!("{:>12} {:<8} {what} [{platform}, {}]", minutes(event.placed_at_ms), event.source, event.id)
}
