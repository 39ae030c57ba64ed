//! Event sets on the edges of the rules, for comparing the real fold with the plain model.
//!
//! [`cases`] gives valid events of one to three devices: gaps at and one millisecond beside every limit, ties, several
//! senders, partial identifiers, case variants, actions outside the catalogue, platforms reported late, repetitions
//! with other content, clocks ahead and late deliveries. [`case_and_order`] adds a second order of delivery, which must
//! give the same answer.
//!
//! No two copies of one event are received at the same instant, and a repetition names the same device as the first
//! copy unless [`Shape::repeats_name_another`] asks for another.

use crate::{ComplianceSource, Delivered, ROWS, Reports, SECTIONS, Settings, placed_at_ms};
use chrono::{DateTime, FixedOffset, SecondsFormat};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Something to fold: events, settings, an instant.
#[derive(Debug, Clone)]
pub struct Case {
    /// The deliveries, in one order.
    pub delivered: Vec<Delivered>,
    /// The tenant's settings.
    pub settings: Settings,
    /// The instant to fold as of: near a limit after the last or another event.
    pub as_of_ms: i64,
}

/// What the generator may do.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The most devices; at least one.
    pub devices: usize,
    /// The most events of each device, without repetitions; at least one.
    pub events: usize,
    /// Whether events of two devices may name one identifier, which makes the two one device.
    pub devices_merge: bool,
    /// Whether `stopped` and `portalClosed` may carry a `failure`.
    pub failure_on_stops: bool,
    /// Whether `esp.*` events occur.
    pub esp: bool,
    /// Whether one event's platform may contradict another's of the same device.
    pub platforms_change: bool,
    /// Whether a repetition may name another device than the first copy. That name does not count.
    pub repeats_name_another: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            devices: 3,
            events: 14,
            devices_merge: true,
            failure_on_stops: true,
            esp: true,
            platforms_change: true,
            repeats_name_another: false,
        }
    }
}

const MINUTE_MS: i64 = 60 * 1000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2026-03-28T12:00:00Z: on the next day many zones change to summer time.
const BASE_MS: i64 = 1_774_699_200_000;

/// Values that are sent as identifiers but do not identify a device.
const PLACEHOLDERS: [&str; 20] = [
    "To Be Filled By O.E.M.",
    "none",
    "00000000-0000-0000-0000-000000000000",
    "Default string",
    "Defaultstring",
    "DEFAULT-STRING",
    "NotApplicable",
    "Not Specified",
    "n/a",
    "*",
    "0123456789",
    "1234567890",
    "987654321",
    "XXXXXXXX",
    "System Serial Number",
    "To be filled by OEM, later",
    "Chassis Serial Number",
    "not available",
    "Empty",
    "0123456789ABCDEF",
];
/// The senders: one of the native form, one like NanoMDM, and one like Jamf.
const SOURCES: [&str; 3] = ["urn:mdm", "urn:portal", "urn:agent"];
const REPORTS: [Reports; 3] = [
    Reports::ALL,
    Reports { starts: true, ends: true, ..Reports::NOTHING },
    Reports { ends: true, ..Reports::NOTHING },
];

/// One event as the strategies generate it: small numbers, so that a failing case shrinks well.
#[derive(Debug, Clone)]
struct Sketch {
    gap_ms: i64,
    delay_ms: i64,
    kind: &'static str,
    source: usize,
    given: u8,
    spelling: u8,
    place: Place,
    details: Details,
    failure: Failure,
    user_action: Option<&'static str>,
    platform: Option<Option<&'static str>>,
    without_time: bool,
    offset_minutes: i32,
    repeat: Option<Repeat>,
    merges: bool,
}

#[derive(Debug, Clone)]
struct Place {
    section: Option<&'static str>,
    action: Option<&'static str>,
    screen: Option<&'static str>,
}

#[derive(Debug, Clone)]
struct Details {
    name: Option<&'static str>,
    user: Option<&'static str>,
    os_version: Option<&'static str>,
    enrollment_type: Option<&'static str>,
    tags: &'static [(&'static str, &'static str)],
}

#[derive(Debug, Clone)]
struct Failure {
    code: Option<&'static str>,
    reason: Option<&'static str>,
    category: Option<&'static str>,
}

#[derive(Debug, Clone)]
struct Repeat {
    later_ms: i64,
    kind: Option<&'static str>,
    moved_ms: i64,
    another: bool,
}

/// Milliseconds at and near the limits, and some between.
fn gaps() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => select(vec![0, 0, 1, 999, 1000]),
        4 => 1000..10 * MINUTE_MS,
        4 => select(vec![2 * MINUTE_MS - 1, 2 * MINUTE_MS, 2 * MINUTE_MS + 1]),
        4 => select(vec![30 * MINUTE_MS - 1, 30 * MINUTE_MS, 30 * MINUTE_MS + 1]),
        2 => select(vec![DAY_MS - 1, DAY_MS, DAY_MS + 1]),
        1 => 31 * MINUTE_MS..3 * DAY_MS,
    ]
}

/// How long after its own time an event is received; if negative, the sender's clock is ahead.
fn delays() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => select(vec![0, 1, 250]),
        1 => select(vec![2 * MINUTE_MS + 1, 30 * MINUTE_MS, 13 * HOUR_MS]),
        1 => select(vec![-1, -1000, -4 * MINUTE_MS, -6 * MINUTE_MS, -31 * MINUTE_MS]),
    ]
}

/// The kinds of event; frequent ones occur several times.
fn kinds(esp: bool) -> impl Strategy<Value = &'static str> {
    let weighted = [
        ("enrollment.registered", 2),
        ("enrollment.started", 6),
        ("enrollment.step.entered", 8),
        ("enrollment.step.completed", 5),
        ("enrollment.stopped", 5),
        ("enrollment.portalClosed", 3),
        ("enrollment.failed", 5),
        ("enrollment.enrolled", 4),
        ("enrollment.compliant", 4),
        ("enrollment.unenrolled", 2),
        ("enrollment.tagged", 2),
    ];
    let mut kinds = Vec::new();
    for (kind, times) in weighted {
        for _ in 0..times {
            kinds.push(kind);
        }
    }
    if esp {
        kinds.extend(["esp.started", "esp.phase", "esp.completed"]);
    }
    select(kinds)
}

/// Actions beside the catalogue's: other spellings, one that senders made up, and one more of the most frequent.
const MORE_ACTIONS: [&str; 6] =
    ["enrollmentwrapup", "iOSProfileLaunch", "IOSPROFILELAUNCH", "TermsOfUse", "compliance", "ChooseWallpaper"];
/// Screens beside the catalogue's, and one more of the one that two rows of an action depend on.
const MORE_SCREENS: [&str; 4] = ["trustProfilePrompt", "TrustProfilePrompt", "EnrollmentActivation", "wallpaperList"];

/// Places of the catalogue, whichever rows it has, and others.
fn places() -> impl Strategy<Value = Place> {
    let none = [None];
    let sections = SECTIONS.into_iter().chain(["PlatformScreens", "termsofuse"]).map(Some);
    let actions: BTreeSet<&str> = ROWS.iter().map(|row| row.action).collect();
    let screens: BTreeSet<&str> = ROWS.iter().map(|row| row.screen).collect();
    let actions = actions.into_iter().chain(MORE_ACTIONS).map(Some);
    let screens = screens.into_iter().chain(MORE_SCREENS).map(Some);
    (
        select(none.into_iter().chain(none).chain(sections).collect::<Vec<_>>()),
        select(none.into_iter().chain(actions).collect::<Vec<_>>()),
        select(none.into_iter().chain(none).chain(screens).collect::<Vec<_>>()),
    )
        .prop_map(|(section, action, screen)| Place { section, action, screen })
}

/// Tags: none, some, of keys in two spellings, of one that nobody allows, and a blank one.
const TAGS: [&[(&str, &str)]; 6] = [
    &[],
    &[],
    &[("department", "Sales"), ("building", "B 1")],
    &[("Department", "Finance"), ("colour", "red")],
    &[("DEPARTMENT", "no"), ("department", "Sales")],
    &[("building", " "), ("groupTag", "kiosk")],
];

fn details() -> impl Strategy<Value = Details> {
    (
        select(vec![None, None, Some("Ann's device"), Some("Desk 4")]),
        select(vec![None, None, Some("ann@example.com"), Some("bo@example.com")]),
        select(vec![None, None, Some("17.4"), Some("14")]),
        select(vec![None, None, Some("userEnrollment"), Some("windowsAzureADJoin"), Some("appleBulkWithUser")]),
        select(TAGS.to_vec()),
    )
        .prop_map(|(name, user, os_version, enrollment_type, tags)| Details {
            name,
            user,
            os_version,
            enrollment_type,
            tags,
        })
}

fn failures() -> impl Strategy<Value = Failure> {
    (
        select(vec![None, Some("0x80180014"), Some("0X801C0003"), Some("-2145910764")]),
        select(vec![
            None,
            Some("The device limit was reached"),
            Some("authentication"),
            Some("USERABANDONMENT"),
            Some("EnrollmentRestrictionsEnforced"),
        ]),
        select(vec![None, None, None, Some("authorization"), Some("AccountValidation"), Some("userAbandonment")]),
    )
        .prop_map(|(code, reason, category)| Failure { code, reason, category })
}

fn user_actions() -> impl Strategy<Value = Option<&'static str>> {
    select(vec![
        None,
        Some("cancel"),
        Some("CANCEL"),
        Some("postpone"),
        Some("ignore"),
        Some("declineAll"),
        Some("DeclineAll"),
    ])
}

fn platforms() -> impl Strategy<Value = Option<&'static str>> {
    select(vec![
        Some("ios"),
        Some("iOS"),
        Some("android"),
        Some("Android"),
        Some("windows"),
        Some("Windows"),
        Some("macos"),
        Some("macOS"),
        None,
    ])
}

fn repeats() -> impl Strategy<Value = Option<Repeat>> {
    let repeat = (
        select(vec![1, 1000, 3 * MINUTE_MS, 40 * MINUTE_MS, 2 * DAY_MS]),
        prop_oneof![2 => Just(None), 1 => kinds(false).prop_map(Some)],
        select(vec![0, 0, -1, 1, 31 * MINUTE_MS, -31 * MINUTE_MS]),
        any::<bool>(),
    )
        .prop_map(|(later_ms, kind, moved_ms, another)| Repeat { later_ms, kind, moved_ms, another });
    prop_oneof![5 => Just(None), 1 => repeat.prop_map(Some)]
}

fn sketches(shape: Shape) -> impl Strategy<Value = Sketch> {
    let when = (
        gaps(),
        delays(),
        prop_oneof![12 => Just(false), 1 => Just(true)],
        select(vec![0, 0, 0, 120, -330]),
        repeats(),
    );
    let who = (
        select(vec![0, 0, 0, 1, 1, 2]),
        1_u8..16,
        0_u8..6,
        prop_oneof![20 => Just(false), 1 => Just(true)],
        prop_oneof![
            // The platform of the device.
            12 => Just(Some(None)),
            // Not reported.
            5 => Just(None),
            // Another.
            1 => platforms().prop_map(Some),
        ],
    );
    let what = (kinds(shape.esp), places(), details(), failures(), user_actions());
    (when, who, what).prop_map(
        |(
            (gap_ms, delay_ms, without_time, offset_minutes, repeat),
            (source, given, spelling, merges, platform),
            (kind, place, details, failure, user_action),
        )| Sketch {
            gap_ms,
            delay_ms,
            kind,
            source,
            given,
            spelling,
            place,
            details,
            failure,
            user_action,
            platform,
            without_time,
            offset_minutes,
            repeat,
            merges,
        },
    )
}

/// Which identifiers an event gives. Two serial numbers never become one device, and of two such merges the order of
/// arrival decides which is refused. So where devices merge, only one has a serial number.
fn given(given: u8, number: usize, merging: bool) -> u8 {
    const SERIAL: u8 = 1;
    const UDID: u8 = 2;
    match given & !SERIAL {
        _ if !merging || number == 0 => given,
        0 => UDID,
        others => others,
    }
}

/// The identifiers of the device with this number. Each has a bit in `given`; at least one can serve.
fn identify(data: &mut Map<String, Value>, device: &mut Map<String, Value>, number: usize, given: u8, spelling: u8) {
    let cased = |id: String| if spelling % 2 == 1 { format!(" {} ", id.to_uppercase()) } else { id };
    // A placeholder, the same for all devices.
    let unset = |kind: usize| PLACEHOLDERS.get(usize::from(spelling) * 5 + kind + number).copied();
    if given & 1 != 0 {
        let serial = match spelling {
            0 => format!("c02-serial-{number}"),
            1 => format!("  C02-SERIAL-{number} "),
            2 => format!("C02-Serial-{number}"),
            3 => format!("C02-serial-{number}\t"),
            _ => format!("C02-SERIAL-{number}"),
        };
        device.insert("serialNumber".to_owned(), json!(serial));
    } else {
        put(device, "serialNumber", unset(0));
    }
    if given & 2 != 0 {
        device.insert("udid".to_owned(), json!(cased(format!("00008030-{number}f"))));
    } else {
        put(device, "udid", unset(1));
    }
    if given & 4 != 0 {
        device.insert("mdmDeviceId".to_owned(), json!(cased(format!("mdm-{number}"))));
    } else {
        put(device, "mdmDeviceId", unset(2));
    }
    if given & 8 != 0 {
        data.insert("enrollmentId".to_owned(), json!(cased(format!("enrollment-{number}"))));
    } else {
        put(data, "enrollmentId", unset(3));
    }
}

fn put(object: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), json!(value));
    }
}

fn time_text(at_ms: i64, offset_minutes: i32) -> Option<String> {
    let zone = FixedOffset::east_opt(offset_minutes * 60)?;
    let instant = DateTime::from_timestamp_millis(at_ms)?.with_timezone(&zone);
    Some(instant.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// The event of a sketch.
#[expect(clippy::too_many_arguments, reason = "a sketch, and its place")]
fn event(
    sketch: &Sketch,
    kind: &str,
    number: usize,
    also: Option<usize>,
    id: &str,
    at_ms: i64,
    device_platform: Option<&'static str>,
    merging: bool,
    shape: Shape,
) -> Value {
    let mut data = Map::new();
    let mut device = Map::new();
    identify(&mut data, &mut device, number, given(sketch.given, number, merging), sketch.spelling);
    if let Some(also) = also {
        // Another device's identifier, beside one of its own.
        device.insert("mdmDeviceId".to_owned(), json!(format!("mdm-{also}")));
    }
    put(&mut device, "name", sketch.details.name);
    data.insert("device".to_owned(), Value::Object(device));
    if let Some(user) = sketch.details.user {
        data.insert("user".to_owned(), json!({ "principalName": user }));
    }

    if kind.starts_with("esp.") {
        if kind == "esp.started" {
            data.insert("deploymentMode".to_owned(), json!("userDriven"));
        }
        if kind == "esp.phase" {
            data.insert("phase".to_owned(), json!("deviceSetup"));
            data.insert("state".to_owned(), json!("started"));
        }
    } else {
        let platform = match sketch.platform {
            None => None,
            Some(Some(another)) if shape.platforms_change => Some(another),
            Some(_) => device_platform,
        };
        put(&mut data, "platform", platform);
        put(&mut data, "osVersion", sketch.details.os_version);
        put(&mut data, "enrollmentType", sketch.details.enrollment_type);
        if !sketch.details.tags.is_empty() || kind == "enrollment.tagged" {
            let tags = sketch.details.tags.iter().map(|(key, value)| ((*key).to_owned(), json!(value)));
            data.insert("tags".to_owned(), Value::Object(tags.collect()));
        }
        let step = kind.starts_with("enrollment.step.");
        if step || kind == "enrollment.stopped" || kind == "enrollment.failed" || kind == "enrollment.portalClosed" {
            let action = match sketch.place.action {
                None if step => Some("PreEnrollmentWizard"),
                action => action,
            };
            put(&mut data, "section", sketch.place.section);
            put(&mut data, "action", action);
            put(&mut data, "screen", sketch.place.screen);
        }
        if kind == "enrollment.stopped" {
            put(&mut data, "userAction", sketch.user_action);
        }
        let stop = kind == "enrollment.stopped" || kind == "enrollment.portalClosed";
        if kind == "enrollment.failed" || (stop && shape.failure_on_stops) {
            let mut failure = Map::new();
            put(&mut failure, "code", sketch.failure.code);
            put(&mut failure, "reason", sketch.failure.reason);
            put(&mut failure, "category", sketch.failure.category);
            if !failure.is_empty() {
                data.insert("failure".to_owned(), Value::Object(failure));
            }
        }
    }

    let mut envelope = Map::new();
    envelope.insert("specversion".to_owned(), json!("1.0"));
    envelope.insert("id".to_owned(), json!(id));
    put(&mut envelope, "source", SOURCES.get(sketch.source).copied());
    envelope.insert("type".to_owned(), json!(kind));
    if !sketch.without_time
        && let Some(time) = time_text(at_ms, sketch.offset_minutes)
    {
        envelope.insert("time".to_owned(), json!(time));
    }
    envelope.insert("data".to_owned(), Value::Object(data));
    Value::Object(envelope)
}

/// All deliveries of one device, its repetitions after the first copies.
fn of_device(
    number: usize,
    devices: usize,
    platform: Option<&'static str>,
    merging: bool,
    sketches: &[Sketch],
    shape: Shape,
) -> Vec<Delivered> {
    let mut delivered = Vec::new();
    let mut at_ms = BASE_MS;
    for (index, sketch) in sketches.iter().enumerate() {
        at_ms += sketch.gap_ms;
        // Two neighbouring events share their id; they may come from different sources.
        let shares_id = index > 0 && index % 5 == 4 && sketches[index - 1].source != sketch.source;
        let id = format!("{number}-{}", if shares_id { index - 1 } else { index });
        let also =
            if shape.devices_merge && sketch.merges && devices > 1 { Some((number + 1) % devices) } else { None };
        let received_at_ms = at_ms + sketch.delay_ms;
        delivered.push(Delivered {
            event: event(sketch, sketch.kind, number, also, &id, at_ms, platform, merging, shape),
            received_at_ms,
            reports: REPORTS[sketch.source],
            dropped: false,
        });

        if let Some(repeat) = &sketch.repeat {
            let another = shape.repeats_name_another && repeat.another;
            delivered.push(Delivered {
                event: event(
                    sketch,
                    repeat.kind.unwrap_or(sketch.kind),
                    if another { (number + 1) % devices } else { number },
                    also,
                    &id,
                    at_ms + repeat.moved_ms,
                    platform,
                    merging,
                    shape,
                ),
                received_at_ms: received_at_ms + repeat.later_ms,
                reports: REPORTS[sketch.source],
                dropped: false,
            });
        }
    }
    delivered
}

/// The deliveries of one or more devices, device by device.
pub fn delivered(shape: Shape) -> impl Strategy<Value = Vec<Delivered>> {
    let device = (platforms(), vec(sketches(shape), 1..=shape.events.max(1)));
    vec(device, 1..=shape.devices.max(1)).prop_map(move |devices| {
        let mut all = Vec::new();
        let merges = |(_, sketches): &(_, Vec<Sketch>)| sketches.iter().any(|sketch| sketch.merges);
        let merging = shape.devices_merge && devices.len() > 1 && devices.iter().any(merges);
        for (number, (platform, sketches)) in devices.iter().enumerate() {
            all.extend(of_device(number, devices.len(), *platform, merging, sketches, shape));
        }
        all
    })
}

/// The settings that affect attempts, defaults first.
pub fn settings() -> impl Strategy<Value = Settings> {
    let sources = prop_oneof![
        3 => Just(ComplianceSource::None),
        1 => select(vec!["urn:mdm", "urn:agent", "graph"]).prop_map(|source| ComplianceSource::All(source.to_owned())),
        1 => select(vec!["ios", "macos", "windows"])
            .prop_map(|platform| ComplianceSource::Each(vec![(platform.to_owned(), "graph".to_owned())])),
    ];
    (
        select(vec!["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
        prop_oneof![3 => Just(true), 1 => Just(false)],
        select(vec![1440, 1440, 30, 2]),
        select(vec![30, 30, 60]),
        select(vec![1440, 1440, 30, 45]),
        sources,
    )
        .prop_map(|(time_zone, require_compliance, windows, macos, compliance, compliance_source)| Settings {
            time_zone: time_zone.to_owned(),
            require_compliance,
            windows_idle_limit_minutes: windows,
            macos_idle_limit_minutes: macos,
            compliance_limit_minutes: compliance,
            compliance_source,
        })
}

/// Events, settings and an instant, in the default shape.
pub fn cases() -> impl Strategy<Value = Case> {
    cases_of(Shape::default())
}

/// Events, settings and an instant.
pub fn cases_of(shape: Shape) -> impl Strategy<Value = Case> {
    let after = prop_oneof![
        3 => gaps(),
        2 => Just(7 * DAY_MS),
    ];
    let which = prop_oneof![2 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    (delivered(shape), settings(), after, which).prop_map(|(delivered, settings, after_ms, which)| {
        let from_ms = match which {
            Some(which) => placed_at_ms(which.get(&delivered)),
            None => delivered.iter().filter_map(placed_at_ms).max(),
        };
        Case { as_of_ms: from_ms.unwrap_or(BASE_MS) + after_ms, delivered, settings }
    })
}

/// A case, and the same deliveries in another order.
pub fn case_and_order(shape: Shape) -> impl Strategy<Value = (Case, Vec<Delivered>)> {
    cases_of(shape).prop_flat_map(|case| {
        let order = Just(case.delivered.clone()).prop_shuffle();
        (Just(case), order)
    })
}
