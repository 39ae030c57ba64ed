//! Bodies as senders post them, valid and invalid.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use vestibule_domain::catalogue::UserAction;
use vestibule_domain::esp::{Category, EspAction, EspDetail, EspEvent, ItemState};
use vestibule_domain::event::{Body, ClockSkew, Event, Kind, Member, Platform, Said, Step};
use vestibule_domain::{Clock, Reports, Tags, Timestamp};
use vestibule_webhook::cloudevents::Parsed;
use vestibule_webhook::{BodyError, MAX_BODY_BYTES, MAX_EVENTS, Received, parse};

const NOW: &str = "2026-03-01T12:00:00Z";

fn received() -> Received {
    Received::native(Timestamp::parse(NOW).unwrap(), false)
}

fn event(kind: &str, data: Value) -> Value {
    json!({"specversion": "1.0", "id": "e1", "source": "mdm", "type": kind, "time": NOW, "data": data})
}

fn device() -> Value {
    json!({"serialNumber": "C02XYZ123"})
}

fn one(value: &Value) -> Parsed {
    let mut batch = parse(value.to_string().as_bytes(), received()).unwrap();
    assert_eq!(batch.events.len(), 1);
    batch.events.remove(0)
}

fn valid(value: &Value) -> Event {
    match one(value) {
        Parsed::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

fn refused_fields(value: &Value) -> Vec<String> {
    match one(value) {
        Parsed::Invalid { errors, .. } => errors.into_iter().map(|error| error.field).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_ignore_case_and_keep_the_reported_spelling() {
    let data = json!({"device": device(), "platform": "IOS", "action": "TermsOfUse", "screen": "termsofuse", "userAction": "DeclineAll"});
    let event = valid(&event("Enrollment.Stopped", data));
    let step = event.step().unwrap();
    assert_eq!(step.kind, Kind::Stopped);
    assert_eq!(step.user_action, Some(UserAction::DeclineAll));
    assert_eq!(event.about.platform, Some(Platform::Ios));
    assert_eq!(step.place.as_ref().unwrap().action.name(), "TermsofUse");
    let kept: Vec<Member> = step.reported.iter().map(|(member, _)| *member).collect();
    assert_eq!(kept, [Member::Platform, Member::Screen, Member::Action, Member::UserAction]);
}

#[test]
fn restated_and_assumed_are_read_where_each_is_allowed() {
    let all = json!({"device": device(), "awaitingConfiguration": true, "restated": true, "assumed": true});
    let said = |kind: &str, data: &Value| valid(&event(kind, data.clone())).step().unwrap().said;
    let enrolled = Said { awaiting_configuration: true, restated: true, assumed: false };
    assert_eq!(said("enrollment.enrolled", &all), enrolled);
    assert_eq!(said("enrollment.compliant", &all), Said { assumed: true, ..Said::default() });
    assert_eq!(said("enrollment.started", &all), Said::default());
    assert_eq!(said("enrollment.enrolled", &json!({"device": device()})), Said::default());
    let wrong = json!({"device": device(), "restated": "yes", "assumed": 1, "awaitingConfiguration": []});
    let fields = ["data.awaitingConfiguration", "data.restated", "data.assumed"];
    assert_eq!(refused_fields(&event("enrollment.enrolled", wrong)), fields);
}

#[test]
fn tags_are_few_and_short_and_say_nothing_else() {
    let tags = json!({"department": "Sales", "Building": " ", "colour": null, "floor": "3"});
    let data = json!({"device": device(), "platform": "ios", "action": "TermsofUse", "tags": tags});
    let read = |kind: &str| valid(&event(kind, data.clone()));
    let expected: Tags =
        [("department", "Sales"), ("floor", "3")].map(|(key, value)| (key.into(), value.into())).into();
    assert_eq!(read("enrollment.started").tags(), Some(&expected));
    let tagged = read("Enrollment.Tagged");
    assert_eq!(tagged.body, Body::Enrollment(Step { tags: expected, ..Step::of(Kind::Tagged) }));
    // The Enrollment Status Page has none.
    assert_eq!(read("esp.completed").tags(), None);

    let many: Map<String, Value> = (0..9).map(|key| (format!("k{key}"), json!("v"))).collect();
    for (tags, field) in [
        (json!("Sales"), "data.tags"),
        (json!(["Sales"]), "data.tags"),
        (json!(many), "data.tags"),
        (json!({"k".repeat(65): "v"}), "data.tags"),
        (json!({"department": "v".repeat(65)}), "data.tags.department"),
        (json!({"department": 7}), "data.tags.department"),
    ] {
        let refused = refused_fields(&event("enrollment.started", json!({"device": device(), "tags": tags})));
        assert_eq!(refused, [field], "{tags}");
    }
    assert_eq!(refused_fields(&event("enrollment.tagged", json!({"device": device()}))), ["data.tags"]);
}

#[test]
fn only_windows_has_the_status_page() {
    for data in [json!({"device": device()}), json!({"device": device(), "platform": "macos"})] {
        assert_eq!(valid(&event("esp.completed", data)).about.platform, Some(Platform::Windows));
    }
}

/// The device's own configuration overrides the profile, so it must be understood or refused.
#[test]
fn a_start_may_have_the_devices_own_limit_and_actions() {
    let start = |limit: Value, actions: Value| {
        event("esp.started", json!({"device": device(), "limitMinutes": limit, "allowedActions": actions}))
    };
    let given = |value: &Value| match valid(value).body {
        Body::Esp(EspEvent { detail: EspDetail::Started(start), .. }) => (start.limit_minutes, start.allowed_actions),
        other => panic!("{other:?}"),
    };
    let actions = Some(vec![EspAction::CollectLogs, EspAction::ContinueAnyway]);
    assert_eq!(given(&start(json!(45), json!(["collectlogs", "continueAnyway"]))), (Some(45), actions));
    assert_eq!(
        given(&start(Value::Null, json!([]))),
        (None, Some(Vec::new())),
        "an empty list differs from an unknown one"
    );
    assert_eq!(given(&event("esp.started", json!({"device": device()}))), (None, None));
    for limit in [json!(0), json!(1441), json!(-5), json!(1.5), json!("60"), json!([60])] {
        assert_eq!(refused_fields(&start(limit, Value::Null)), ["data.limitMinutes"]);
    }
    for actions in [json!(["shutDown"]), json!([7]), json!("retry"), json!({"retry": true})] {
        assert_eq!(refused_fields(&start(Value::Null, actions)), ["data.allowedActions"]);
    }
}

#[test]
fn items_may_be_skipped_or_not_apply_and_networks_be_joined_for_the_account() {
    let item = |phase: &str, category: &str, state: &str| {
        let item = json!({"id": "a", "state": state});
        event("esp.item", json!({"device": device(), "phase": phase, "category": category, "item": item}))
    };
    let read = |value: &Value| match valid(value).body {
        Body::Esp(EspEvent { detail: EspDetail::Item(_, category, _, state, _), .. }) => (category, state),
        other => panic!("{other:?}"),
    };
    assert_eq!(read(&item("deviceSetup", "apps", "Skipped")), (Category::Apps, ItemState::Skipped));
    assert_eq!(read(&item("accountSetup", "apps", "notapplicable")), (Category::Apps, ItemState::NotApplicable));
    assert_eq!(read(&item("accountSetup", "joinNetwork", "completed")).0, Category::JoinNetwork);
    assert_eq!(refused_fields(&item("deviceSetup", "joinNetwork", "completed")), ["data.category"]);
    assert_eq!(refused_fields(&item("accountSetup", "registerDevice", "completed")), ["data.category"]);
}

#[test]
fn a_stop_without_user_action_is_a_cancel_and_so_is_a_failure_by_abandonment() {
    for (kind, data) in [
        ("enrollment.stopped", json!({"device": device()})),
        ("enrollment.failed", json!({"device": device(), "failure": {"category": "UserAbandonment"}})),
        ("enrollment.failed", json!({"device": device(), "failure": {"reason": "userAbandonment"}})),
    ] {
        let event = valid(&event(kind, data));
        let step = event.step().unwrap();
        assert_eq!((step.kind, step.user_action), (Kind::Stopped, Some(UserAction::Cancel)));
    }
    let failed = valid(&event(
        "enrollment.failed",
        json!({"device": device(), "failure": {"code": -2_145_648_637, "category": "odd"}}),
    ));
    let failure = failed.step().unwrap().failure.clone().unwrap();
    assert_eq!(failure.code.as_deref(), Some("-2145648637"));
    assert_eq!(failure.category, None);
}

#[test]
fn a_wrong_member_is_named() {
    let cases = [
        (json!({"device": {"serialNumber": 7}}), "data.device.serialNumber"),
        (json!({"device": "x"}), "data.device"),
        (json!({"device": device(), "platform": "beos"}), "data.platform"),
        (json!({"device": device(), "platform": ["ios"]}), "data.platform"),
        (json!({"device": device(), "section": "nowhere"}), "data.section"),
        (json!({"device": device(), "userAction": "shrug"}), "data.userAction"),
        (json!({"device": device(), "failure": []}), "data.failure"),
        (json!({"device": device(), "failure": {"message": "m".repeat(2_001)}}), "data.failure.message"),
        (json!({"device": device(), "user": {"principalName": "u".repeat(257)}}), "data.user.principalName"),
        (json!({"device": {"serialNumber": "System Serial Number"}}), "data.device.serialNumber"),
        (json!({}), "data.device"),
        (json!("text"), "data"),
    ];
    for (data, field) in cases {
        assert!(refused_fields(&event("enrollment.stopped", data.clone())).contains(&field.to_owned()), "{data}");
    }
    assert_eq!(refused_fields(&event("enrollment.step.entered", json!({"device": device()}))), ["data.action"]);
    for member in ["specversion", "id", "source", "type", "data"] {
        let mut event = event("enrollment.started", json!({"device": device()}));
        event.as_object_mut().unwrap().remove(member);
        assert_eq!(refused_fields(&event), [member]);
    }
    let mut wrong_time = event("enrollment.started", json!({"device": device()}));
    wrong_time["time"] = json!("yesterday");
    assert_eq!(refused_fields(&wrong_time), ["time"]);
}

#[test]
fn what_was_sent_is_never_repeated_in_an_error() {
    let secret = "correct horse battery staple";
    for data in [
        json!({"device": device(), "platform": secret}),
        json!({"device": device(), "userAction": secret}),
        json!({"device": {"serialNumber": [secret]}}),
    ] {
        match one(&event("enrollment.stopped", data)) {
            Parsed::Invalid { errors, .. } => assert!(!format!("{errors:?}").contains(secret)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn unknown_types_and_members_are_ignored() {
    assert_eq!(
        one(&event("com.example.other", json!({}))),
        Parsed::passed_over(Some("e1".to_owned()), Some("com.example.other"))
    );
    // A text that does not look like a name is not kept.
    let long = "x".repeat(41);
    for kind in ["jane@example.com", "Müller", "a\nb", long.as_str()] {
        let expected = Parsed::UnknownType { id: Some("e1".to_owned()), kind: None };
        assert_eq!(one(&event(kind, json!({}))), expected, "{kind}");
    }
    valid(&event("enrollment.started", json!({"device": device(), "colour": "blue"})));
    let unknown_action = valid(&event(
        "enrollment.step.entered",
        json!({"device": device(), "action": "own", "section": "platformscreens"}),
    ));
    let place = unknown_action.step().unwrap().place.clone().unwrap();
    assert_eq!((place.action.name(), place.section.unwrap().name()), ("own", "platformScreens"));
}

#[test]
fn bodies_that_are_not_events_are_refused() {
    assert!(matches!(parse(b"{", received()), Err(BodyError::NotJson { .. })));
    assert!(matches!(parse(b"", received()), Err(BodyError::NotJson { .. })));
    assert!(matches!(parse(&[0xff, 0xfe], received()), Err(BodyError::NotJson { .. })));
    assert_eq!(parse(b"7", received()), Err(BodyError::NotAnEvent));
    assert_eq!(parse(&vec![b' '; MAX_BODY_BYTES + 1], received()), Err(BodyError::TooLarge));
    let many = |count| serde_json::to_vec(&vec![json!({}); count]).unwrap();
    assert_eq!(parse(&many(MAX_EVENTS + 1), received()), Err(BodyError::TooManyEvents));
    assert_eq!(parse(&many(MAX_EVENTS), received()).unwrap().events.len(), MAX_EVENTS);
    assert!(parse(b"[]", received()).unwrap().events.is_empty());
}

#[test]
fn an_invalid_event_does_not_affect_the_others() {
    let good = event("enrollment.started", json!({"device": device()}));
    let batch = parse(json!([good, 7, good]).to_string().as_bytes(), received()).unwrap();
    assert!(batch.is_list);
    assert!(matches!(batch.events[..], [Parsed::Event(_), Parsed::Invalid { .. }, Parsed::Event(_)]));
}

#[test]
fn a_clock_counts_as_wrong_beyond_five_minutes_ahead_or_twelve_hours_behind() {
    let at = |time: &str, backfill| {
        let mut event = event("enrollment.started", json!({"device": device()}));
        event["time"] = json!(time);
        let received = Received { backfill, ..received() };
        match parse(event.to_string().as_bytes(), received).unwrap().events.remove(0) {
            Parsed::Event(event) => event.clock_skew,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(at("2026-03-01T12:05:00Z", false), None);
    assert_eq!(at("2026-03-01T12:05:00.001Z", false), Some(ClockSkew::Ahead));
    assert_eq!(at("2026-03-01T00:00:00Z", false), None);
    assert_eq!(at("2026-02-28T23:59:59.999Z", false), Some(ClockSkew::Behind));
    assert_eq!(at("2026-02-28T23:59:59.999Z", true), None);
    assert_eq!(at("2026-03-01T12:05:00.001Z", true), Some(ClockSkew::Ahead));
    // If a sender's times come from its server, they say nothing about the device's clock (docs/DOMAIN.md, E14).
    let mut event = event("enrollment.started", json!({"device": device()}));
    event["time"] = json!("2026-02-20T12:00:00Z");
    let less = Reports { clock: Clock::Server, ..Reports::ALL };
    let mut batch = parse(event.to_string().as_bytes(), Received { reports: less, ..received() }).unwrap();
    let Parsed::Event(event) = batch.events.remove(0) else { panic!("an event") };
    assert_eq!((event.clock_skew, event.reports), (None, less));
}

#[test]
fn esp_states_are_names_or_the_providers_numbers() {
    let item = |phase: &str, category: &str, state: Value| {
        let data =
            json!({"device": device(), "phase": phase, "category": category, "item": {"id": "a", "state": state}});
        match valid(&event("esp.item", data)).body {
            Body::Esp(esp) => esp.detail,
            Body::Enrollment(_) => panic!("an enrollment event"),
        }
    };
    let by_number = item("deviceSetup", "apps", json!(2));
    assert_eq!(by_number, item("DEVICESETUP", "Apps", json!("InProgress")));
    assert_eq!(by_number, item("deviceSetup", "apps", json!("2")));
    assert_eq!(
        item("devicePreparation", "joinNetwork", json!(2)),
        item("devicePreparation", "joinNetwork", json!("notRequired"))
    );
    let wrong = json!({"device": device(), "phase": "deviceSetup", "category": "joinNetwork", "items": []});
    assert_eq!(refused_fields(&event("esp.tracked", wrong)), ["data.category"]);
    let wrong =
        json!({"device": device(), "phase": "deviceSetup", "category": "apps", "item": {"id": "a", "state": 9}});
    assert_eq!(refused_fields(&event("esp.item", wrong)), ["data.item.state"]);
}

/// JSON of every shape, sometimes with our own member names.
fn any_json() -> impl Strategy<Value = Value> {
    let names = [
        "specversion",
        "id",
        "source",
        "type",
        "time",
        "subject",
        "data",
        "device",
        "user",
        "platform",
        "serialNumber",
        "udid",
        "action",
        "section",
        "screen",
        "userAction",
        "failure",
        "code",
        "category",
        "phase",
        "item",
        "items",
        "state",
        "targetedApps",
        "groups",
        "sessionId",
        "hybridJoin",
        "limitMinutes",
        "allowedActions",
        "restated",
        "tags",
        "other",
    ];
    let values = [
        "1.0",
        "enrollment.step.entered",
        "enrollment.failed",
        "esp.started",
        "esp.item",
        "esp.tracked",
        "ios",
        "apps",
        "deviceSetup",
        NOW,
        "",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(values.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(names.to_vec()).prop_map(str::to_owned), inner, 0..12)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A valid event in which one member, at any place, has another value.
fn nearly_valid() -> impl Strategy<Value = Value> {
    let paths = [
        "/specversion",
        "/id",
        "/source",
        "/type",
        "/time",
        "/data",
        "/data/device",
        "/data/device/serialNumber",
        "/data/platform",
        "/data/action",
        "/data/failure",
        "/data/failure/code",
        "/data/phase",
        "/data/category",
        "/data/item",
        "/data/item/state",
        "/data/items",
        "/data/targetedApps",
        "/data/groups",
        "/data/limitMinutes",
        "/data/allowedActions",
        "/data/restated",
        "/data/tags",
        "/data/tags/department",
    ];
    let kinds = [
        "enrollment.step.entered",
        "enrollment.failed",
        "enrollment.tagged",
        "esp.started",
        "esp.tracked",
        "esp.item",
        "esp.phase",
        "esp.action",
        "esp.failed",
    ];
    (prop::sample::select(kinds.to_vec()), prop::sample::select(paths.to_vec()), any_json()).prop_map(|(kind, path, value)| {
        let mut event = event(kind, json!({
            "device": device(), "platform": "windows", "action": "retry", "failure": {"code": "0x1"}, "phase": "deviceSetup",
            "category": "apps", "state": "started", "item": {"id": "a", "state": 1}, "items": [{"id": "a"}],
            "targetedApps": [{"id": "a", "context": "user"}], "groups": {"device": ["g"]},
            "limitMinutes": 60, "allowedActions": ["retry"], "restated": true, "tags": {"department": "Sales"},
        }));
        if let Some(place) = event.pointer_mut(path) {
            *place = value;
        }
        event
    })
}

/// The number of inputs for each fuzzing test: `VESTIBULE_FUZZ_CASES`, or enough for a few seconds.
fn fuzz_cases() -> ProptestConfig {
    let cases = std::env::var("VESTIBULE_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000);
    ProptestConfig { cases, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(fuzz_cases())]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _any = parse(&bytes, received());
    }

    #[test]
    fn no_json_makes_it_panic(value in any_json()) {
        let _any = parse(value.to_string().as_bytes(), received());
    }

    #[test]
    fn no_almost_valid_event_makes_it_panic(value in nearly_valid()) {
        let batch = parse(value.to_string().as_bytes(), received()).unwrap();
        if let Parsed::Invalid { errors, .. } = &batch.events[0] {
            prop_assert!(!errors.is_empty(), "refused without a reason: {value}");
        }
    }

    #[test]
    fn no_cut_makes_it_panic(value in nearly_valid(), cut in any::<prop::sample::Index>()) {
        let text = value.to_string();
        let _any = parse(&text.as_bytes()[..cut.index(text.len())], received());
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = "[".repeat(500_000);
    assert!(matches!(parse(deep.as_bytes(), received()), Err(BodyError::NotJson { .. })));
    let nested = format!("{}1{}", "{\"data\":".repeat(100_000), "}".repeat(100_000));
    assert!(parse(nested.as_bytes(), received()).is_err());
    let huge_number = format!("{{\"specversion\":{}}}", "9".repeat(100_000));
    let _any = parse(huge_number.as_bytes(), received());
}
