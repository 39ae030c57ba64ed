//! Jamf Pro's webhooks, and the events they become.
//!
//! The samples have the members of <https://developer.jamf.com/jamf-pro/docs/webhooks-1>, JSON and XML as it shows them,
//! and the values of the older <https://www.jamf.com/developers/webhooks/> where that has an example (`ComputerAdded`
//! has those of `ComputerPushCapabilityChanged`, whose form it says is the same; `DeviceAddedToDEP`). `-early` ones are
//! without `eventTimestamp`, which came with Jamf Pro 10.12, and without the later `managementId` and `ipAddress`.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};
use vestibule_domain::Timestamp;
use vestibule_domain::event::{Event, Kind, Platform};
use vestibule_webhook::cloudevents::{Batch, Parsed};
use vestibule_webhook::sources::jamf;
use vestibule_webhook::{BodyError, MAX_BODY_BYTES, Received};

const MOBILE: &str = include_str!("../../src/sources/samples/jamf-mobile-device-enrolled.json");
const MOBILE_XML: &str = include_str!("../../src/sources/samples/jamf-mobile-device-enrolled.xml");
const MOBILE_EARLY: &str = include_str!("../../src/sources/samples/jamf-mobile-device-enrolled-early.json");
const GONE: &str = include_str!("../../src/sources/samples/jamf-mobile-device-unenrolled.json");
const GONE_XML: &str = include_str!("../../src/sources/samples/jamf-mobile-device-unenrolled.xml");
const COMPUTER: &str = include_str!("../../src/sources/samples/jamf-computer-added.json");
const COMPUTER_XML: &str = include_str!("../../src/sources/samples/jamf-computer-added.xml");
const ADDED: &str = include_str!("../../src/sources/samples/jamf-device-added-to-dep.json");
const ADDED_XML: &str = include_str!("../../src/sources/samples/jamf-device-added-to-dep.xml");
const GROUP: &str = include_str!("../../src/sources/samples/jamf-smart-group.json");
const GROUP_XML: &str = include_str!("../../src/sources/samples/jamf-smart-group.xml");
const ALL: [&str; 11] =
    [MOBILE, MOBILE_XML, MOBILE_EARLY, GONE, GONE_XML, COMPUTER, COMPUTER_XML, ADDED, ADDED_XML, GROUP, GROUP_XML];

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn received() -> Received {
    jamf::SENDER.received(at("2026-03-02T12:00:00Z"), false)
}

fn typed(content_type: &str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap())])
}

fn read(body: &[u8]) -> Result<Batch, BodyError> {
    jamf::parse(body, &HeaderMap::new(), received())
}

fn events(body: &str) -> Vec<Event> {
    let event = |parsed| match parsed {
        Parsed::Event(event) => *event,
        other => panic!("{other:?}"),
    };
    let batch = jamf::parse(body.as_bytes(), &HeaderMap::new(), received()).unwrap();
    batch.events.into_iter().map(event).collect()
}

/// The only event besides the assumed compliance.
fn only(body: &str) -> Event {
    let mut events = events(body);
    events.retain(|event| !event.step().unwrap().said.assumed);
    assert_eq!(events.len(), 1);
    events.remove(0)
}

fn kinds(events: &[Event]) -> Vec<Kind> {
    events.iter().map(|event| event.step().unwrap().kind).collect()
}

fn with(body: &str, change: impl Fn(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(body).unwrap();
    change(&mut value);
    value.to_string()
}

fn xml(inner: &str) -> String {
    let webhook = "<webhook><webhookEvent>ComputerAdded</webhookEvent></webhook>";
    format!("<JSSEvent>{webhook}<event>{inner}</event></JSSEvent>")
}

#[test]
fn building_and_department_are_tags_of_a_computer() {
    let tags = |body: &str| {
        let tags = only(body).tags().unwrap().clone();
        tags.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
    };
    let both = ["building=Block D", "department=Information Technology"];
    assert_eq!(tags(COMPUTER), both);
    assert_eq!(tags(COMPUTER_XML), both);
    let later =
        with(COMPUTER, |body| (body["event"]["building"], body["event"]["department"]) = (json!(""), json!("HR")));
    assert_eq!(tags(&later), ["department=HR"]);
    assert_eq!(only(&later).key, only(COMPUTER).key, "it is still the same event");
    let long = with(COMPUTER, |body| body["event"]["department"] = json!("d".repeat(65)));
    assert_eq!(tags(&long), ["building=Block D"]);
    assert!(tags(MOBILE).is_empty(), "Jamf Pro reports neither of a mobile device");
    assert!(!format!("{:?}", events(COMPUTER)).contains("\"487\""), "a room leads to a person");
}

#[test]
fn a_mobile_device_is_enrolled_and_compliant() {
    let events = events(MOBILE);
    assert_eq!(kinds(&events), [Kind::Enrolled, Kind::Compliant]);
    assert_ne!(events[0].key.id, events[1].key.id);
    for event in &events {
        assert_eq!(event.key.source, jamf::SOURCE);
        assert_eq!((event.time, event.clock_skew), (Timestamp::from_millis(1_772_443_128_573), None));
        let about = &event.about;
        assert_eq!(about.serial_number.as_deref(), Some("DMPVW2XXJF8M"));
        assert_eq!(about.udid.as_deref(), Some("270aae10800b6e61a2ee2bbc285eb967050b5984"));
        assert_eq!(about.mdm_device_id.as_deref(), Some("5b2a8c1e-9d3f-4f6a-8a57-0f1e2d3c4b5a"));
        assert_eq!(about.model.as_deref(), Some("iPad (8th generation)"));
        assert_eq!(about.os_version.as_deref(), Some("17.5.1"));
        assert_eq!(about.device_name.as_deref(), Some("Mara's iPad"));
        assert_eq!(about.user_principal_name.as_deref(), Some("mara.smith@example.com"));
        assert_eq!((about.user_id.as_deref(), about.platform), (None, Some(Platform::Ios)));
    }
    // Jamf Pro reports no compliance, so it is assumed, and marked so.
    assert_eq!([0, 1].map(|at| events[at].step().unwrap().said.assumed), [false, true]);
}

#[test]
fn json_and_xml_make_the_same_event() {
    for (json, xml) in [(MOBILE, MOBILE_XML), (COMPUTER, COMPUTER_XML), (ADDED, ADDED_XML)] {
        // The webhooks differ in id and name.
        assert_eq!(events(json), events(xml));
    }
    let other = with(MOBILE, |body| body["event"]["osVersion"] = json!("17.6"));
    let later = with(MOBILE, |body| body["webhook"]["eventTimestamp"] = json!(1_772_443_128_574_i64));
    for body in [other, later] {
        assert_ne!(only(MOBILE).key, only(&body).key);
    }
}

#[test]
fn a_mobile_device_left() {
    let event = only(GONE);
    assert_eq!(kinds(std::slice::from_ref(&event)), [Kind::Unenrolled]);
    assert_eq!(event.time, Timestamp::from_millis(1_773_047_928_000));
    // In XML before 10.12: no time and no management id.
    let early = only(GONE_XML);
    assert_eq!(kinds(std::slice::from_ref(&early)), [Kind::Unenrolled]);
    assert_eq!((early.time, early.clock_skew), (early.received_at, None));
    assert_eq!(early.about.mdm_device_id, None);
}

#[test]
fn a_repeated_body_without_a_time_is_the_same_event() {
    let first = only(MOBILE_EARLY);
    assert_eq!(first.time, first.received_at);
    let later = jamf::SENDER.received(at("2026-03-02T12:07:00Z"), false);
    let again = jamf::parse(MOBILE_EARLY.as_bytes(), &HeaderMap::new(), later).unwrap();
    assert!(matches!(&again.events[..], [Parsed::Event(event), _] if event.key == first.key));
    // A timestamp Jamf could not have sent is treated as missing: seconds, a text, a time beyond any calendar.
    for time in [json!(1_667_601_111), json!("epoch"), json!(-1), json!(u64::MAX), json!(i64::MAX), json!(1e300)] {
        let event = only(&with(MOBILE, |body| body["webhook"]["eventTimestamp"] = time.clone()));
        assert_eq!(event.time, event.received_at, "{time}");
    }
}

#[test]
fn a_computer_that_was_added_is_enrolled() {
    let event = only(COMPUTER);
    assert_eq!(kinds(std::slice::from_ref(&event)), [Kind::Enrolled]);
    let about = &event.about;
    assert_eq!(about.platform, Some(Platform::MacOs));
    assert_eq!(about.serial_number.as_deref(), Some("C02M23PJFH50"));
    assert_eq!(about.model.as_deref(), Some("13-inch Retina MacBook Pro (Late 2013)"));
    assert_eq!(about.user_principal_name.as_deref(), Some("john.smith@company.com"));
    let output = format!("{event:?}");
    for unneeded in ["555-472-9829", "Desktop Services", "John Smith", "60:03:08", "192.0.2"] {
        assert!(!output.contains(unneeded), "{unneeded}");
    }
    let without = only(&with(COMPUTER, |body| body["event"]["emailAddress"] = json!("")));
    assert_eq!(without.about.user_principal_name.as_deref(), Some("john.smith"));
}

#[test]
fn a_device_of_the_programme_is_registered() {
    let event = only(ADDED);
    assert_eq!(kinds(std::slice::from_ref(&event)), [Kind::Registered]);
    assert_eq!(event.time, Timestamp::from_millis(1_553_550_275_590));
    assert_eq!(event.about.platform, Some(Platform::MacOs));
    assert_eq!(kinds(&events(ADDED)), [Kind::Registered]);
    for (model, platform) in
        [("iPad Pro", Some(Platform::Ios)), ("iMac 24", Some(Platform::MacOs)), ("Apple TV 4K", None), ("", None)]
    {
        let event = only(&with(ADDED, |body| body["event"]["model"] = json!(model)));
        assert_eq!(event.about.platform, platform, "{model}");
    }
}

#[test]
fn a_television_has_no_platform() {
    let body = with(MOBILE, |body| body["event"]["modelDisplay"] = json!("Apple TV (4th Generation)"));
    assert_eq!(only(&body).about.platform, None);
}

#[test]
fn the_number_names_a_device_only_if_nothing_better_does() {
    let nameless = |body: &str| {
        with(body, |body| {
            for name in ["serialNumber", "udid", "managementId"] {
                body["event"][name] = json!("");
            }
        })
    };
    let about = only(&nameless(MOBILE)).about;
    assert_eq!(about.mdm_device_id.as_deref(), Some("jamf-mobile-device-7"));
    assert_eq!(only(&nameless(COMPUTER)).about.mdm_device_id.as_deref(), Some("jamf-computer-13"));
    assert_eq!(only(COMPUTER).about.mdm_device_id, None);
    let nobody = with(&nameless(MOBILE), |body| body["event"]["jssID"] = json!(0));
    let junk = with(ADDED, |body| body["event"]["serialNumber"] = json!("0"));
    for body in [nobody, junk, xml("")] {
        let batch = read(body.as_bytes()).unwrap();
        assert!(
            matches!(&batch.events[..], [Parsed::Invalid { errors, .. }] if errors[0].field.starts_with("event")),
            "{body}"
        );
    }
}

#[test]
fn other_events_are_counted() {
    for (body, kind) in [
        (GROUP, "SmartGroupComputerMembershipChange"),
        (GROUP_XML, "SmartGroupMobileDeviceMembershipChange"),
        (r#"{"webhook":{"webhookEvent":"JSSStartup"}}"#, "JSSStartup"),
    ] {
        let expected = Batch { events: vec![Parsed::passed_over(None, Some(kind))], is_list: false };
        assert_eq!(read(body.as_bytes()).unwrap(), expected, "{body}");
    }
}

#[test]
fn the_content_type_decides_or_failing_that_the_first_byte() {
    for (body, content_type) in [
        (MOBILE, "application/json"),
        (MOBILE, "application/json;charset=UTF-8"),
        (MOBILE, "text/plain"),
        (MOBILE_XML, "text/xml"),
        (MOBILE_XML, "Application/XML; charset=utf-8"),
        (MOBILE_XML, "text/plain"),
    ] {
        let batch = jamf::parse(body.as_bytes(), &typed(content_type), received()).unwrap();
        assert!(matches!(&batch.events[..], [Parsed::Event(_), Parsed::Event(_)]), "{content_type}");
    }
    for (body, content_type) in [(MOBILE_XML, "application/json"), (MOBILE, "text/xml")] {
        assert!(jamf::parse(body.as_bytes(), &typed(content_type), received()).is_err(), "{content_type}");
    }
    for body in [MOBILE, MOBILE_XML] {
        assert_eq!(only(&format!("\u{feff}{body}")), only(body));
        // Nothing may precede an XML declaration.
        if body == MOBILE {
            assert_eq!(only(&format!(" \r\n{body}")), only(body));
        }
    }
}

#[test]
fn texts_of_xml_are_read_unchanged() {
    let body =
        xml("<serialNumber><![CDATA[C02X<&>]]></serialNumber><deviceName>a &amp; &#66;&#x43; &lt;d&gt;</deviceName>\
                    <model>Mac<!-- 7 -->Book</model><username a='b'/><extra><udid>not this</udid></extra>");
    let about = only(&body).about;
    assert_eq!(about.serial_number.as_deref(), Some("C02X<&>"));
    assert_eq!(about.device_name.as_deref(), Some("a & BC <d>"));
    assert_eq!(about.model.as_deref(), Some("MacBook"));
    assert_eq!((about.user_principal_name, about.udid), (None, None));
}

#[test]
fn xml_entities_and_deep_nesting_are_refused() {
    let laughs = r#"<?xml version="1.0"?><!DOCTYPE JSSEvent [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>"#;
    let outside = r#"<?xml version="1.0"?><!DOCTYPE JSSEvent [<!ENTITY a SYSTEM "file:///etc/passwd">]>"#;
    let inner = xml("<serialNumber>&b;</serialNumber>");
    for (body, problem) in [
        (format!("{laughs}{inner}"), "the XML has a document type"),
        (format!("{outside}{inner}"), "the XML has a document type"),
        (inner, "the XML uses an entity of its own"),
        (format!("{}{}", "<a>".repeat(200_000), "</a>".repeat(10)), "the XML is nested too deeply"),
        (xml("<a>").repeat(2), "the XML is not well-formed"),
        (format!("{}{}", xml(""), xml("")), "the XML is not well-formed"),
        ("<JSSEvent><webhook>".to_owned(), "the XML is not well-formed"),
        (xml("<serialNumber>&#0;</serialNumber>"), "the XML is not well-formed"),
        ("<".to_owned(), "the XML is not well-formed"),
        ("<JSSEvent/>".to_owned(), "webhook must have a webhookEvent"),
        (String::from("</a>"), "the XML is not well-formed"),
    ] {
        assert_eq!(read(body.as_bytes()), Err(BodyError::Malformed(problem)), "{}", &body[..body.len().min(200)]);
    }
    let deepest = jamf::MAX_DEPTH - 2;
    let body = xml(&format!("{}{}<udid>udid-1</udid>", "<a>".repeat(deepest), "</a>".repeat(deepest)));
    assert_eq!(only(&body).about.udid.as_deref(), Some("udid-1"));
    assert_eq!(read(b"<a>\xff</a>"), Err(BodyError::Malformed("the XML is not UTF-8")));
}

#[test]
fn a_body_that_is_not_an_event_is_refused() {
    for body in ["", " ", "[]", "1", "{}", r#"{"webhook":[]}"#, r#"{"webhook":{"webhookEvent":["ComputerAdded"]}}"#] {
        assert!(read(body.as_bytes()).is_err(), "{body}");
    }
    assert_eq!(read(&vec![b' '; MAX_BODY_BYTES + 1]), Err(BodyError::TooLarge));
    let deep = format!(r#"{{"event":{}"#, "[".repeat(200_000));
    assert!(matches!(read(deep.as_bytes()), Err(BodyError::NotJson { .. })));
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&body);
        let _ = jamf::parse(&body, &typed("text/xml"), received());
    }

    #[test]
    fn no_markup_panics(parts in proptest::collection::vec(markup(), 0..60)) {
        let _ = jamf::parse(parts.concat().as_bytes(), &typed("text/xml"), received());
        let _ = jamf::parse(xml(&parts.concat()).as_bytes(), &typed("text/xml"), received());
    }

    #[test]
    fn no_mutation_panics(
        which in 0..ALL.len(),
        edits in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..8),
        cut in any::<usize>(),
    ) {
        let mut body = ALL[which].as_bytes().to_vec();
        for (index, byte) in edits {
            let index = index % body.len();
            body[index] = byte;
        }
        if cut % 3 == 0 {
            body.truncate(cut % body.len());
        }
        let _ = read(&body);
    }

    #[test]
    fn no_value_panics(member in 0..9_usize, value in value()) {
        let names = [
            "serialNumber", "udid", "jssID", "managementId", "model", "username", "eventTimestamp", "webhookEvent",
            "userDirectoryID",
        ];
        let body = with(COMPUTER, |body| match names[member] {
            name @ ("eventTimestamp" | "webhookEvent") => body["webhook"][name] = value.clone(),
            name => body["event"][name] = value.clone(),
        });
        for parsed in read(body.as_bytes()).map(|batch| batch.events).unwrap_or_default() {
            if let Parsed::Event(event) = parsed {
                prop_assert!(event.about.identifiers().next().is_some());
                prop_assert!(event.about.model.is_none_or(|model| model.chars().count() <= 256));
            }
        }
    }
}

fn markup() -> impl Strategy<Value = String> {
    let pieces = [
        "<a>",
        "</a>",
        "<event>",
        "</event>",
        "<webhook>",
        "</webhook>",
        "<serialNumber>",
        "</serialNumber>",
        "<a/>",
        "<![CDATA[",
        "]]>",
        "&amp;",
        "&#x0;",
        "&#xD800;",
        "&#99999999999;",
        "&x;",
        "&",
        "<!--",
        "-->",
        "<?",
        "?>",
        "<!DOCTYPE a>",
        "<",
        ">",
        "\u{0}",
        "ComputerAdded",
    ];
    prop_oneof![4 => proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any::<char>().prop_map(|letter| Value::from(letter.to_string().repeat(300))),
        Just(json!([[[{"a": [1, 2, {"b": null}]}]]])),
    ]
}
