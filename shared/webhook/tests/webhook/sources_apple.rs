//! What MicroMDM and NanoMDM post, and the events it becomes.
//!
//! MicroMDM's samples have the form of the examples in `docs/user-guide/api-and-webhooks.md` of `micromdm/micromdm`
//! (indented, as `workflow/webhook/http_post.go` writes them); NanoMDM's that of `service/webhook/event.json` and
//! `service/webhook/service.go` of `micromdm/nanomdm`, `-early` that of an early edition of
//! `service/webhook/testdata/Authenticate.2.json` there. Their property lists have the members of Apple's check-in
//! messages (<https://developer.apple.com/documentation/devicemanagement/check-in>); people, devices and tokens are
//! made up.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};
use vestibule_domain::event::{Event, Kind, Platform};
use vestibule_domain::{DeviceState, Enrollment, History, Outcome, TenantId, TenantSettings, Timestamp, Wait, fold};
use vestibule_webhook::cloudevents::{Batch, Parsed};
use vestibule_webhook::sources::{Read, apple, micromdm, nanomdm};
use vestibule_webhook::{BodyError, MAX_BODY_BYTES, Received};

const MAC: &str = include_str!("../../src/sources/samples/micromdm-authenticate.json");
const MAC_TOKEN: &str = include_str!("../../src/sources/samples/micromdm-token-update.json");
const MAC_USER: &str = include_str!("../../src/sources/samples/micromdm-token-update-user.json");
const MAC_OUT: &str = include_str!("../../src/sources/samples/micromdm-check-out.json");
const MICRO_IPHONE: &str = include_str!("../../src/sources/samples/micromdm-authenticate-ios.json");
const MICRO_IPHONE_TOKEN: &str = include_str!("../../src/sources/samples/micromdm-token-update-ios.json");
const MICRO_ERROR: &str = include_str!("../../src/sources/samples/micromdm-connect-error.json");
const IPHONE: &str = include_str!("../../src/sources/samples/nanomdm-authenticate.json");
const IPHONE_TOKEN: &str = include_str!("../../src/sources/samples/nanomdm-token-update.json");
const IPHONE_ROTATED: &str = include_str!("../../src/sources/samples/nanomdm-token-update-rotated.json");
const IPHONE_OUT: &str = include_str!("../../src/sources/samples/nanomdm-check-out.json");
const EARLY: &str = include_str!("../../src/sources/samples/nanomdm-authenticate-early.json");
const PERSONAL: &str = include_str!("../../src/sources/samples/nanomdm-authenticate-user-enrollment.json");
const NANO_USER: &str = include_str!("../../src/sources/samples/nanomdm-token-update-user.json");
const NANO_ERROR: &str = include_str!("../../src/sources/samples/nanomdm-connect-error.json");
const ALL: [&str; 15] = [
    MAC,
    MAC_TOKEN,
    MAC_USER,
    MAC_OUT,
    MICRO_IPHONE,
    MICRO_IPHONE_TOKEN,
    MICRO_ERROR,
    IPHONE,
    IPHONE_TOKEN,
    IPHONE_ROTATED,
    IPHONE_OUT,
    EARLY,
    PERSONAL,
    NANO_USER,
    NANO_ERROR,
];

/// Texts that no event may hold, and how some of them begin in base64.
const SECRETS: [&str; 4] = ["PUSHMAGIC", "never-in-an-event", "UFVTSC1UT0tFTi", "PD94bWwg"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Server {
    Micro,
    Nano,
}
use Server::{Micro, Nano};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn read(server: Server, body: &[u8]) -> Result<Batch, BodyError> {
    read_as(server, body, true)
}

/// Reads a body with devices held for their configuration or not, as the tenant set it.
fn read_as(server: Server, body: &[u8], holds: bool) -> Result<Batch, BodyError> {
    let (parse, sender): (Read, _) = match server {
        Micro => (micromdm::parse, &micromdm::SENDER),
        Nano => (nanomdm::parse, &nanomdm::SENDER),
    };
    parse(body, &HeaderMap::new(), Received { holds, ..sender.received(at("2026-03-02T19:00:00Z"), false) })
}

fn events_of(batch: Batch) -> Vec<Event> {
    let event = |parsed| match parsed {
        Parsed::Event(event) => *event,
        other => panic!("{other:?}"),
    };
    batch.events.into_iter().map(event).collect()
}

fn events(server: Server, body: &str) -> Vec<Event> {
    events_of(read(server, body.as_bytes()).unwrap())
}

fn kinds(events: &[Event]) -> Vec<Kind> {
    events.iter().map(|event| event.step().unwrap().kind).collect()
}

fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.key.id.clone()).collect()
}

/// The members for which a body is refused.
fn refused(server: Server, body: &str) -> Vec<String> {
    let batch = read(server, body.as_bytes()).unwrap();
    match &batch.events[..] {
        [Parsed::Invalid { errors, .. }] if !errors.is_empty() => {
            errors.iter().map(|error| error.field.clone()).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn is_ignored(server: Server, body: &str) -> bool {
    let events = read(server, body.as_bytes()).unwrap().events;
    matches!(&events[..], [Parsed::UnknownType { .. }])
}

fn with(body: &str, change: impl Fn(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(body).unwrap();
    change(&mut value);
    value.to_string()
}

fn payload(body: &str) -> Vec<u8> {
    let value: Value = serde_json::from_str(body).unwrap();
    STANDARD.decode(value["checkin_event"]["raw_payload"].as_str().unwrap()).unwrap()
}

fn with_payload(body: &str, payload: &[u8]) -> String {
    with(body, |body| body["checkin_event"]["raw_payload"] = json!(STANDARD.encode(payload)))
}

/// The message with one text replaced by another; the first must be there.
fn with_message(body: &str, from: &str, to: &str) -> String {
    let message = String::from_utf8(payload(body)).unwrap();
    assert!(message.contains(from), "{from}");
    with_payload(body, message.replace(from, to).as_bytes())
}

fn folded(events: impl IntoIterator<Item = Event>) -> Enrollment {
    folded_at(events, "2026-03-02T19:00:00Z")
}

fn folded_at(events: impl IntoIterator<Item = Event>, as_of: &str) -> Enrollment {
    let mut history = History::default();
    for event in events {
        history.add(event);
    }
    fold(&TenantId::parse("contoso").unwrap(), &history, &TenantSettings::default(), at(as_of))
}

#[test]
fn a_mac_that_authenticates_has_started() {
    let events = events(Micro, MAC);
    assert_eq!(kinds(&events), [Kind::Started]);
    let event = &events[0];
    assert_eq!(event.key.source, "micromdm");
    assert_eq!(event.key.id, "1f5f4c36-9d1e-4d0e-9c15-0a4f3f7c2b11/enrollment.started");
    assert_eq!((event.time, event.clock_skew), (at("2026-03-02T09:10:16.132Z"), None));
    let about = &event.about;
    assert_eq!(about.serial_number.as_deref(), Some("K7VTX3Q9LD"));
    assert_eq!(about.udid.as_deref(), Some("1B6F3C52-7D0A-5E21-9C48-2A90D4E7F113"));
    assert_eq!(about.device_name.as_deref(), Some("Vera's MacBook Pro"));
    assert_eq!(about.model.as_deref(), Some("Mac15,6"));
    assert_eq!(about.os_version.as_deref(), Some("15.3.1"));
    assert_eq!(about.platform, Some(Platform::MacOs));
    assert_eq!((&about.mdm_device_id, &about.enrollment_id, &about.enrollment_type), (&None, &None, &None));
}

#[test]
fn an_iphone_that_authenticates_is_installing_the_profile() {
    for (server, body) in [(Micro, MICRO_IPHONE), (Nano, IPHONE)] {
        let events = events(server, body);
        assert_eq!(kinds(&events), [Kind::Started, Kind::StepEntered]);
        assert_ne!(events[0].key, events[1].key);
        let place = events[1].step().unwrap().place.clone().unwrap();
        assert_eq!(place.action.name(), "iOSProfileLaunch");
        assert_eq!(place.screen.unwrap().name(), "installProfile");
        assert_eq!(events[0].about.platform, Some(Platform::Ios));
        assert_eq!(events[0].about.model.as_deref(), Some("iPhone17,1"));
        // Without a further event, this is row 9 of the catalogue.
        let enrollment = folded(events);
        assert_eq!(enrollment.attempts.len(), 1);
        let attempt = &enrollment.attempts[0];
        assert_eq!(attempt.outcome, Outcome::Abandoned);
        assert_eq!(attempt.row, Some(9));
    }
    let event = &events(Nano, IPHONE)[0];
    assert_eq!(event.time, at("2026-03-02T08:12:03.581Z"));
    assert_eq!(event.key.id, "b0725d4b781288ac/enrollment.started");
    assert_eq!(event.about.mdm_device_id.as_deref(), Some("00008140-000A1D2E3F4B001C"));
}

#[test]
fn the_model_implies_the_platform() {
    let product = "<key>ProductName</key>\n\t<string>Mac15,6</string>";
    let of = |name: &str| {
        let element = format!("<key>ProductName</key>\n\t<string>{name}</string>");
        let body = with_message(MAC, product, &element);
        events(Micro, &body)[0].about.platform
    };
    for name in ["iMac21,1", "MacBookAir10,1", "Macmini9,1", "VirtualMac2,1", "MacPro7,1"] {
        assert_eq!(of(name), Some(Platform::MacOs), "{name}");
    }
    for name in ["iPad14,3", "iPod9,1", "iPhone9,3"] {
        assert_eq!(of(name), Some(Platform::Ios), "{name}");
    }
    for name in ["AppleTV14,1", "Watch7,1", "RealityDevice14,1"] {
        assert_eq!(of(name), None, "{name}");
    }
    // Without the product's name, the model's name shows its family.
    assert_eq!(of(""), Some(Platform::MacOs));
}

/// A token update reports no model, but its attempt still belongs to the device's platform.
#[test]
fn an_attempt_without_a_reported_platform_takes_the_devices() {
    let at_time = |body: &str, time: &str| with(body, |body| body["created_at"] = json!(time));
    let begun = events(Nano, &at_time(IPHONE, "2026-03-02T09:00:00Z"));
    let token = |time: &str| events(Nano, &at_time(IPHONE_TOKEN, time));
    assert!(token("2026-03-02T10:00:00Z").iter().all(|event| event.about.platform.is_none()));
    let platforms = |events: Vec<Event>| -> Vec<Option<Platform>> {
        folded(events).attempts.iter().map(|attempt| attempt.platform()).collect()
    };
    // Somebody had given up at the profile when the token arrived.
    let later = begun.iter().cloned().chain(token("2026-03-02T10:00:00Z")).collect();
    assert_eq!(platforms(later), [Some(Platform::Ios); 2]);
    // The platform is known only from a later message.
    let anew = events(Nano, &at_time(IPHONE, "2026-03-02T12:00:00Z"));
    let earlier = token("2026-03-02T08:00:00Z").into_iter().chain(anew).collect();
    assert_eq!(platforms(earlier), [Some(Platform::Ios); 2]);
    // The platform is unknown.
    assert_eq!(platforms(token("2026-03-02T10:00:00Z")), [None]);
}

#[test]
fn a_first_token_update_enrolls() {
    for (server, body) in [(Micro, MAC_TOKEN), (Nano, IPHONE_ROTATED)] {
        let events = events(server, body);
        assert_eq!(kinds(&events), [Kind::Enrolled, Kind::Compliant]);
        // Neither server reports compliance, so it is assumed, and marked so.
        assert_eq!([0, 1].map(|at| events[at].step().unwrap().said.assumed), [false, true]);
        assert!(!events[0].step().unwrap().said.awaiting_configuration);
        assert_ne!(events[0].key, events[1].key);
    }
    // Only a device in its Setup Assistant awaits its configuration.
    let kind = |server, body| events(server, body)[0].about.enrollment_type.clone();
    assert_eq!(kind(Nano, IPHONE_TOKEN).as_deref(), Some("appleBulkWithoutUser"));
    assert_eq!(kind(Micro, MAC_TOKEN), None);
}

#[test]
fn a_device_that_awaits_its_configuration_is_held_until_the_next_token() {
    for (server, body) in [(Micro, MICRO_IPHONE_TOKEN), (Nano, IPHONE_TOKEN)] {
        let held = events(server, body);
        assert_eq!(kinds(&held), [Kind::Enrolled]);
        assert!(held[0].step().unwrap().said.awaiting_configuration);
    }
    // The tenant has a server that never releases devices, and switched this off.
    let free = events_of(read_as(Nano, IPHONE_TOKEN.as_bytes(), false).unwrap());
    assert_eq!(kinds(&free), [Kind::Enrolled, Kind::Compliant]);
    assert!(!free[0].step().unwrap().said.awaiting_configuration);

    let waits = [events(Nano, IPHONE), events(Nano, IPHONE_TOKEN)].concat();
    let waiting = folded_at(waits.clone(), "2026-03-02T09:12:00Z");
    let open = waiting.open_attempt().unwrap();
    assert_eq!((waiting.state, open.wait), (DeviceState::WaitingForCompliance, Some(Wait::Configuration)));
    assert_eq!(open.place.as_ref().unwrap().action.name(), "AwaitConfiguration");
    let given_up_on = folded_at(waits.clone(), "2026-03-05T08:12:00Z");
    assert!(given_up_on.attempts[0].release_not_reported && given_up_on.complete);
    assert_eq!(given_up_on.attempts[0].outcome, Outcome::Completed);
    // The next token, whatever its tally, shows that the device was released.
    let released = with(IPHONE_ROTATED, |body| body["created_at"] = json!("2026-03-02T08:40:00Z"));
    let enrollment = folded_at([waits, events(Nano, &released)].concat(), "2026-03-05T08:12:00Z");
    assert_eq!(enrollment.attempts.len(), 1);
    assert_eq!(enrollment.attempts[0].outcome, Outcome::Completed);
    assert_eq!(enrollment.attempts[0].ended_at, Some(at("2026-03-02T08:40:00Z")));
    assert!(!enrollment.attempts[0].release_not_reported);
}

#[test]
fn a_later_token_is_kept_whatever_its_tally() {
    for tally in [json!(0), json!(1), Value::Null, json!(7), json!(u64::MAX)] {
        let body = with(IPHONE_ROTATED, |body| body["checkin_event"]["token_update_tally"] = tally.clone());
        assert_eq!(kinds(&events(Nano, &body)), [Kind::Enrolled, Kind::Compliant], "{tally}");
    }
    for tally in [json!("1"), json!(1e300), json!(-1), json!(1.5), json!([]), json!(true)] {
        let body = with(IPHONE_TOKEN, |body| body["checkin_event"]["token_update_tally"] = tally.clone());
        assert_eq!(refused(Nano, &body), ["checkin_event.token_update_tally"], "{tally}");
    }
}

#[test]
fn micromdms_rotated_tokens_open_nothing_and_a_device_that_enrolls_anew_arrives() {
    let later = |body: &str, id: &str, time: &str| {
        with(body, |body| {
            body["event_id"] = json!(id);
            body["created_at"] = json!(time);
        })
    };
    let rotated = later(MAC_TOKEN, "rotated", "2026-03-02T12:00:00Z");
    let mut received = [events(Micro, MAC), events(Micro, MAC_TOKEN), events(Micro, &rotated)].concat();
    let enrollment = folded(received.clone());
    assert_eq!(enrollment.attempts.len(), 1);
    assert_eq!(enrollment.attempts[0].outcome, Outcome::Completed);
    // The very same tokens once more, after a new Authenticate.
    received.extend(events(Micro, &later(MAC, "again", "2026-03-02T14:00:00Z")));
    received.extend(events(Micro, &later(MAC_TOKEN, "again too", "2026-03-02T14:00:05Z")));
    let enrollment = folded(received);
    let outcomes: Vec<_> = enrollment.attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Outcome::Completed, Outcome::Completed]);
}

#[test]
fn users_of_a_device_neither_enroll_nor_unenroll_it() {
    assert!(is_ignored(Micro, MAC_USER));
    assert!(is_ignored(Nano, NANO_USER));
    for kind in ["User", "User Enrollment", "Shared iPad"] {
        let body = with(IPHONE_OUT, |body| body["checkin_event"]["ids"]["type"] = json!(kind));
        assert!(is_ignored(Nano, &body), "{kind}");
    }
    let body = with_message(MAC_OUT, "<key>Topic</key>", "<key>UserID</key><string>u</string><key>Topic</key>");
    assert!(is_ignored(Micro, &body));
}

#[test]
fn checking_out_unenrolls() {
    assert_eq!(kinds(&events(Micro, MAC_OUT)), [Kind::Unenrolled]);
    assert_eq!(kinds(&events(Nano, IPHONE_OUT)), [Kind::Unenrolled]);
}

#[test]
fn answers_to_commands_fail_no_enrollment() {
    assert!(is_ignored(Micro, MICRO_ERROR));
    assert!(is_ignored(Nano, NANO_ERROR));
    for topic in ["mdm.DeclarativeManagement", "mdm.UserAuthenticate", "mdm.GetToken", "mdm.SetBootstrapToken", ""] {
        let body = with(IPHONE, |body| body["topic"] = json!(topic));
        assert!(is_ignored(Nano, &body), "{topic}");
    }
    let batch = read(Nano, NANO_ERROR.as_bytes()).unwrap();
    let id = Some("90bb11d2c3f4a566".to_owned());
    assert_eq!(batch, Batch { events: vec![Parsed::passed_over(id, Some("mdm.Connect"))], is_list: false });
}

#[test]
fn a_personal_device_is_identified_by_its_enrollment() {
    let events = events(Nano, PERSONAL);
    assert_eq!(kinds(&events), [Kind::Started, Kind::StepEntered]);
    let about = &events[0].about;
    assert_eq!((&about.serial_number, &about.udid), (&None, &None));
    assert_eq!(about.enrollment_id.as_deref(), Some("a41c0e7f5d9b2386e07714ccb35f9d20"));
    assert_eq!(about.mdm_device_id, about.enrollment_id);
    assert_eq!(about.enrollment_type.as_deref(), Some("appleUserEnrollment"));
}

#[test]
fn a_time_that_was_not_set_is_the_time_of_receipt() {
    let event = &events(Nano, EARLY)[0];
    assert_eq!((event.time, event.clock_skew), (event.received_at, None));
    for (server, body) in [(Micro, MAC), (Nano, IPHONE)] {
        let body = with(body, |body| body["created_at"] = Value::Null);
        let event = &events(server, &body)[0];
        assert_eq!(event.time, event.received_at);
    }
    for time in [json!("yesterday"), json!(17), json!({})] {
        let body = with(MAC, |body| body["created_at"] = time.clone());
        assert_eq!(refused(Micro, &body), ["created_at"], "{time}");
    }
}

#[test]
fn a_repeated_body_is_the_same_event() {
    for (server, body) in [(Micro, MAC), (Nano, IPHONE), (Nano, EARLY)] {
        assert_eq!(ids(&events(server, body)), ids(&events(server, body)));
    }
    // Without an id, the time, the device and the message distinguish events.
    let no_id = |body: &str| with(body, |body| body["event_id"] = json!(""));
    let other_time = with(&no_id(IPHONE), |body| body["created_at"] = json!("2026-03-02T08:12:04Z"));
    let other_device = with_message(&no_id(IPHONE), "F4X9Q2LMN7", "F4X9Q2LMN8");
    let mut all: Vec<String> =
        [&no_id(IPHONE), &other_time, &other_device].iter().flat_map(|body| ids(&events(Nano, body))).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6);
}

#[test]
fn a_placeholder_serial_names_no_device() {
    let body = with_message(MAC, "K7VTX3Q9LD", "System Serial Number");
    let about = &events(Micro, &body)[0].about;
    assert_eq!(about.identifiers().count(), 1);
    let nameless = with_message(&body, "<key>UDID</key>", "<key>Other</key>");
    let nameless = with(&nameless, |body| body["checkin_event"]["udid"] = Value::Null);
    assert_eq!(refused(Micro, &nameless), ["checkin_event.raw_payload.SerialNumber"]);
}

#[test]
fn no_event_holds_a_token() {
    for body in ALL {
        for server in [Micro, Nano] {
            let output = format!("{:?}", read(server, body.as_bytes()).unwrap());
            for secret in SECRETS {
                assert!(!output.contains(secret), "{secret} in {output}");
            }
        }
    }
    // Refused content is not repeated either.
    let body = with_payload(MAC, b"<plist><dict><key>PushMagic</key><string>PUSHMAGIC</string><oops>");
    let output = format!("{:?}", read(Micro, body.as_bytes()).unwrap());
    assert!(!output.contains("PUSHMAGIC"));
}

#[test]
fn a_payload_that_is_not_a_check_in_is_refused() {
    let path = ["checkin_event.raw_payload"];
    for value in [json!("****"), json!("PD94"), json!(""), Value::Null, json!(17), json!({"a": 1})] {
        let body = with(MAC, |body| body["checkin_event"]["raw_payload"] = value.clone());
        assert_eq!(refused(Micro, &body), path, "{value}");
        assert_eq!(refused(Nano, &body), path, "{value}");
    }
    assert_eq!(refused(Micro, &with(MAC, |body| body["checkin_event"] = Value::Null)), path);
    assert_eq!(refused(Micro, &with(MAC, |body| body["checkin_event"] = json!([])))[0], "checkin_event");

    let in_dict = |inner: &str| {
        format!("<plist><dict><key>MessageType</key><string>Authenticate</string><key>UDID</key>{inner}</dict></plist>")
    };
    let deep =
        |tag: &str, times: usize| in_dict(&(format!("<{tag}>").repeat(times) + &format!("</{tag}>").repeat(times)));
    let mut binary = Vec::new();
    plist::Value::from_reader_xml(&payload(MAC)[..]).unwrap().to_writer_binary(&mut binary).unwrap();
    for message in [
        b"".to_vec(),
        b"{ MessageType = Authenticate; }".to_vec(),
        binary,
        b"bplist00\xff\xff\xff\xff".to_vec(),
        payload(MAC_OUT),
        in_dict("<integer>99999999999999999999999999999999999999</integer>").into_bytes(),
        in_dict("<date>yesterday</date>").into_bytes(),
        in_dict("<string>x</string><key>again</key>").into_bytes(),
        deep("array", 40_000).into_bytes(),
        deep("dict", apple::MAX_TAGS).into_bytes(),
        deep("array", apple::MAX_TAGS / 2).into_bytes(),
        b"<plist><array><string>Authenticate</string></array></plist>".to_vec(),
        b"<plist><string>Authenticate</string></plist>".to_vec(),
        String::from_utf8(payload(MAC)).unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ] {
        let start = String::from_utf8_lossy(&message[..message.len().min(80)]).into_owned();
        assert_eq!(refused(Micro, &with_payload(MAC, &message)), path, "{start}");
    }
    // As deep as allowed, and then a bomb of entities. XML property lists have no entities, so nothing grows.
    let nested = with_message(
        MAC,
        "<key>Model</key>",
        &format!("<key>Deep</key>{}{}<key>Model</key>", "<array>".repeat(200), "</array>".repeat(200)),
    );
    assert_eq!(kinds(&events(Micro, &nested)), [Kind::Started]);
    let bomb = r#"<!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>"#;
    let message = format!("{bomb}{}", in_dict("<string>udid-1&b;&b;&b;</string>"));
    assert_eq!(events(Micro, &with_payload(MAC, message.as_bytes()))[0].about.udid.as_deref(), Some("udid-1"));
}

#[test]
fn values_that_no_event_can_hold_are_left_out_or_refused() {
    let long = "x".repeat(300);
    let body = with_message(MAC, "Vera's MacBook Pro", &long);
    assert_eq!(events(Micro, &body)[0].about.device_name, None);
    let member = |name: &str| with(MAC, |body| body[name] = json!(long));
    assert_eq!(refused(Micro, &member("event_id")), ["event_id"]);
    let body = with(IPHONE, |body| body["checkin_event"]["ids"]["id"] = json!(7));
    assert_eq!(refused(Nano, &body), ["checkin_event.ids.id"]);
    for event in events(Micro, &with(MAC, |body| body["event_id"] = json!("i".repeat(200)))) {
        assert!(event.key.id.chars().count() <= 256);
    }
}

#[test]
fn a_body_that_is_not_an_event_is_refused() {
    for body in ["[]", "1", "null", "{}", r#"{"topic":7e999}"#, r#"{"topic":7}"#, "", "<a/>"] {
        for server in [Micro, Nano] {
            assert!(read(server, body.as_bytes()).is_err(), "{body}");
        }
    }
    let long = vec![b' '; MAX_BODY_BYTES + 1];
    assert_eq!(read(Micro, &long), Err(BodyError::TooLarge));
    let deep = format!(r#"{{"topic":"mdm.CheckOut","checkin_event":{}"#, r#"{"a":"#.repeat(100_000));
    assert!(matches!(read(Nano, deep.as_bytes()), Err(BodyError::NotJson { .. })));
}

/// Every event that was read can be stored and holds no secret.
fn check(server: Server, body: &[u8]) {
    for parsed in read(server, body).map(|batch| batch.events).unwrap_or_default() {
        match parsed {
            Parsed::Event(event) => {
                assert!(event.about.identifiers().next().is_some());
                assert!(event.key.id.chars().count() <= 256);
                assert!(event.about.device_name.is_none_or(|name| name.chars().count() <= 256));
            }
            Parsed::Invalid { errors, .. } => assert!(!errors.is_empty()),
            Parsed::UnknownType { .. } | Parsed::SignIn { .. } => {}
        }
    }
}

fn edited(mut bytes: Vec<u8>, edits: Vec<(usize, u8)>, cut: usize) -> Vec<u8> {
    for (index, byte) in edits {
        let index = index % bytes.len();
        bytes[index] = byte;
    }
    if cut.is_multiple_of(3) {
        bytes.truncate(cut % bytes.len());
    }
    bytes
}

fn server() -> impl Strategy<Value = Server> {
    prop_oneof![Just(Micro), Just(Nano)]
}

fn edits() -> impl Strategy<Value = Vec<(usize, u8)>> {
    proptest::collection::vec((any::<usize>(), any::<u8>()), 0..8)
}

proptest! {
    #[test]
    fn no_bytes_panic(server in server(), body in proptest::collection::vec(any::<u8>(), 0..400)) {
        check(server, &body);
        check(server, with_payload(MAC, &body).as_bytes());
    }

    #[test]
    fn no_mutation_panics(server in server(), which in 0..ALL.len(), edits in edits(), cut in any::<usize>()) {
        check(server, &edited(ALL[which].as_bytes().to_vec(), edits, cut));
    }

    #[test]
    fn no_mutated_message_panics(
        server in server(),
        is_token in any::<bool>(),
        edits in edits(),
        cut in any::<usize>(),
    ) {
        let body = if is_token { IPHONE_TOKEN } else { MAC };
        check(server, with_payload(body, &edited(payload(body), edits, cut)).as_bytes());
    }

    #[test]
    fn no_value_of_a_message_panics(
        tag in "(string|integer|real|date|data|array|dict|true|key|uid|x:dict)",
        value in "(-?[0-9]{0,40}|0x[0-9a-f]{0,20}|[0-9]{1,9}-[0-9]{2}-[0-9]{2}T[0-9:]{0,9}Z|[A-Z0-9+/=<>&;# ]{0,20})",
        times in 0_usize..300,
    ) {
        let (open, close) = (format!("<{tag}>").repeat(times), format!("</{tag}>").repeat(times));
        let value = format!("{open}{value}{close}<key>OSVersion</key>");
        check(Micro, with_message(MAC, "<key>OSVersion</key>", &value).as_bytes());
    }

    #[test]
    fn no_member_panics(server in server(), which in 0..ALL.len(), member in 0..10_usize, value in value()) {
        let body = with(ALL[which], |body| match member {
            0 => body["topic"] = value.clone(),
            1 => body["event_id"] = value.clone(),
            2 => body["created_at"] = value.clone(),
            3 => body["checkin_event"] = value.clone(),
            4 => body["checkin_event"]["udid"] = value.clone(),
            5 => body["checkin_event"]["raw_payload"] = value.clone(),
            6 => body["checkin_event"]["token_update_tally"] = value.clone(),
            7 => body["checkin_event"]["ids"] = value.clone(),
            8 => body["checkin_event"]["enrollment_id"] = value.clone(),
            _ => body["checkin_event"]["url_params"] = value.clone(),
        });
        check(server, body.as_bytes());
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any::<char>().prop_map(|letter| Value::from(letter.to_string().repeat(300))),
        Just(json!({"id": 1, "type": [], "parent_id": {"a": [1, {"b": null}]}})),
    ]
}
