//! Intune's two sources: operational logs as Azure Monitor streams them, and Graph's troubleshooting events.
//!
//! Where the shapes come from (the values are made up):
//! - `intune-operational-logs-documentation.json`: the record that Panther publishes with its rules for
//!   `MICROSOFT_INTUNE_OPERATIONAL_LOGS`. It has the same members as another published event hub message; Microsoft
//!   documents only the members around `properties`
//!   (<https://learn.microsoft.com/en-us/azure/azure-monitor/platform/resource-logs-schema>).
//! - `intune-operational-logs-records.json`: such records in an event hub's message
//!   (<https://learn.microsoft.com/en-us/azure/azure-monitor/platform/stream-monitoring-data-event-hubs>). Published
//!   queries compare `Result` with `Fail`. No failure is published, so ids, categories and reasons follow the names in
//!   <https://learn.microsoft.com/en-us/graph/api/resources/intune-troubleshooting-deviceenrollmentfailurereason>. The
//!   `Compliance` record is Panther's; the audit record comes from elsewhere.
//! - `intune-operational-logs-log-analytics.json`: the columns of
//!   <https://learn.microsoft.com/en-us/azure/azure-monitor/reference/tables/intuneoperationallogs>.
//! - `graph-troubleshooting-events-documentation.json`: the answer shown in
//!   <https://learn.microsoft.com/en-us/graph/api/intune-troubleshooting-enrollmenttroubleshootingevent-list>.
//! - `graph-troubleshooting-events-list.json`: made up from the resources' descriptions, including those of beta.

use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use vestibule_domain::catalogue::UserAction;
use vestibule_domain::event::{Event, Kind, Member, Platform};
use vestibule_domain::failure::{Failure, FailureCategory};
use vestibule_domain::{Enrollment, History, Outcome, TenantId, TenantSettings, Timestamp, fold};
use vestibule_webhook::cloudevents::{Batch, Parsed};
use vestibule_webhook::sources::{Sender, graph_troubleshooting_events as graph, intune_operational_logs as logs};
use vestibule_webhook::{BodyError, MAX_BODY_BYTES, MAX_EVENTS};

const DOCUMENTED_LOG: &str = include_str!("../../src/sources/samples/intune-operational-logs-documentation.json");
const LOGS: &str = include_str!("../../src/sources/samples/intune-operational-logs-records.json");
const ROWS: &str = include_str!("../../src/sources/samples/intune-operational-logs-log-analytics.json");
const DOCUMENTED_LIST: &str = include_str!("../../src/sources/samples/graph-troubleshooting-events-documentation.json");
const LIST: &str = include_str!("../../src/sources/samples/graph-troubleshooting-events-list.json");
/// Shortly after everything in the samples except Graph's own.
const NOW: &str = "2026-02-20T12:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn read(sender: &Sender, body: &str) -> Result<Batch, BodyError> {
    read_bytes(sender, body.as_bytes())
}

fn read_bytes(sender: &Sender, body: &[u8]) -> Result<Batch, BodyError> {
    (sender.read)(body, &HeaderMap::new(), sender.received(at(NOW), false))
}

/// What a log becomes, without assumed compliance.
fn log(body: &str) -> Vec<Parsed> {
    reported(read(&logs::SENDER, body).unwrap())
}

fn reported(mut batch: Batch) -> Vec<Parsed> {
    let is_assumed = |parsed: &Parsed| matches!(parsed, Parsed::Event(event) if event.step().unwrap().said.assumed);
    batch.events.retain(|parsed| !is_assumed(parsed));
    batch.events
}

fn listed(body: &str) -> Vec<Parsed> {
    read(&graph::SENDER, body).unwrap().events
}

fn event(parsed: &Parsed) -> &Event {
    match parsed {
        Parsed::Event(event) => event,
        other => panic!("{other:?}"),
    }
}

fn only(parsed: Vec<Parsed>) -> Event {
    assert_eq!(parsed.len(), 1, "{parsed:?}");
    event(&parsed[0]).clone()
}

fn events(parsed: &[Parsed]) -> Vec<Event> {
    let event = |parsed: &Parsed| if let Parsed::Event(event) = parsed { Some((**event).clone()) } else { None };
    parsed.iter().filter_map(event).collect()
}

fn kind(event: &Event) -> Kind {
    event.step().unwrap().kind
}

fn failure(event: &Event) -> Failure {
    event.step().unwrap().failure.clone().unwrap()
}

fn refused(parsed: &[Parsed]) -> Vec<String> {
    match parsed {
        [Parsed::Invalid { errors, .. }] => errors.iter().map(|error| error.field.clone()).collect(),
        other => panic!("{other:?}"),
    }
}

fn folded(events: impl IntoIterator<Item = Event>) -> Enrollment {
    let mut history = History::default();
    events.into_iter().for_each(|event| {
        history.add(event);
    });
    fold(&TenantId::parse("contoso").unwrap(), &history, &TenantSettings::default(), at(NOW))
}

fn records() -> Vec<Value> {
    serde_json::from_str::<Value>(LOGS).unwrap()["records"].as_array().unwrap().clone()
}

/// The documented record with some of its properties replaced.
fn with(changes: Value) -> Value {
    let mut record: Value = serde_json::from_str(DOCUMENTED_LOG).unwrap();
    record["properties"].as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    record
}

/// A record of Graph's with some members replaced.
fn listed_with(changes: Value) -> Value {
    let mut record = serde_json::from_str::<Value>(LIST).unwrap()["value"][0].clone();
    record.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    record
}

#[test]
fn the_documented_log_is_an_enrolled_device() {
    let batch = read(&logs::SENDER, DOCUMENTED_LOG).unwrap();
    assert!(!batch.is_list);
    let event = only(reported(batch));
    assert_eq!(event.key.source, logs::SOURCE);
    assert!(event.key.id.starts_with("93ce4a3e-0000-4000-8000-000000000004/enrolled/"), "{}", event.key.id);
    assert_eq!((kind(&event), event.time.to_string().as_str()), (Kind::Enrolled, "2026-02-20T00:33:46.205Z"));
    assert_eq!(event.step().unwrap().failure, None, "\"Not Applicable\" is not a failure");
    assert_eq!(event.step().unwrap().reported, [(Member::Platform, "Windows".to_owned())]);
    let about = &event.about;
    assert_eq!(about.mdm_device_id.as_deref(), Some("15f64a2f-0000-4000-8000-00000000000b"));
    assert_eq!(about.enrollment_id.as_deref(), Some("83d9a21b-0000-4000-8000-00000000000a"));
    assert_eq!(about.user_id.as_deref(), Some("42c1a51d-0000-4000-8000-000000000003"));
    assert_eq!(about.platform, Some(Platform::Windows));
    assert_eq!(about.os_version.as_deref(), Some("10.0.26100.1742"));
    assert_eq!(about.enrollment_type.as_deref(), Some("WindowsAutoEnrollment"));
}

#[test]
fn compliance_of_an_enrolled_device_is_assumed() {
    let events = events(&read(&logs::SENDER, DOCUMENTED_LOG).unwrap().events);
    assert_eq!([0, 1].map(|at| events[at].step().unwrap().said.assumed), [false, true]);
    assert_eq!(events.iter().map(kind).collect::<Vec<_>>(), [Kind::Enrolled, Kind::Compliant]);
    assert_ne!(events[0].key, events[1].key);
    assert_eq!(folded(events).attempts[0].outcome, Outcome::Completed);
}

#[test]
fn a_message_of_an_event_hub_is_read_record_by_record() {
    let batch = read(&logs::SENDER, LOGS).unwrap();
    assert!(batch.is_list);
    let parsed = reported(batch);
    assert_eq!(parsed.len(), 6);

    // Neither Intune nor the directory knew the device, so the record's own id stands in for it.
    let capped = event(&parsed[0]);
    assert_eq!((kind(capped), capped.about.platform), (Kind::Failed, Some(Platform::Ios)));
    assert_eq!(capped.about.mdm_device_id, None);
    assert_eq!(capped.about.enrollment_id.as_deref(), Some("93ce4a3e-0000-4000-8000-000000000005"));
    assert_eq!(capped.time.to_string(), "2026-02-20T08:00:04.123Z");
    assert_eq!(failure(capped).category, Some(FailureCategory::EnrollmentRestrictionsEnforced));
    assert_eq!(failure(capped).reason.as_deref(), Some("DeviceCapReached"));

    // Only the directory knew it. "None" is not a reason, and the code is found in the description.
    let refused = event(&parsed[1]);
    assert_eq!(refused.about.mdm_device_id, None);
    assert_eq!(refused.about.enrollment_id.as_deref(), Some("83d9a21b-0000-4000-8000-00000000000c"));
    let failed = failure(refused);
    assert_eq!((failed.code.as_deref(), failed.reason), (Some("0x80180014"), None));
    assert_eq!(failed.message.as_deref(), Some("The device was not accepted (0x80180014)."));
    assert_eq!(failed.category, Some(FailureCategory::DeviceNotSupported));

    // `properties` as text. A person who gave up did not fail.
    let gave_up = event(&parsed[2]);
    assert_eq!(kind(gave_up), Kind::Stopped);
    assert_eq!(gave_up.step().unwrap().user_action, Some(UserAction::Cancel));
    assert_eq!(gave_up.about.platform, Some(Platform::Android));

    assert!(matches!(&parsed[3], Parsed::UnknownType { id: None, .. }), "another operation");
    assert!(matches!(&parsed[4], Parsed::UnknownType { id: Some(_), .. }), "another log");
    assert_eq!(kind(event(&parsed[5])), Kind::Enrolled);
}

#[test]
fn a_record_is_the_same_in_every_envelope() {
    let message = serde_json::from_str::<Value>(LOGS).unwrap();
    let expected = log(LOGS);
    let list = Value::from(records());
    let messages = json!([message, message]);
    let lines: Vec<String> = records().iter().map(Value::to_string).collect();
    assert_eq!(log(&list.to_string()), expected);
    assert_eq!(log(&lines.join("\n")), expected);
    assert_eq!(log(&format!("\r\n{}\r\n\r\n", lines.join("\r\n"))), expected);
    assert_eq!(log(&format!("{message}\n{message}")), [expected.clone(), expected.clone()].concat());
    assert_eq!(log(&messages.to_string()), [expected.clone(), expected.clone()].concat());
    assert_eq!(log(&format!("{list}\n{list}")), [expected.clone(), expected].concat());
    assert!(!read(&logs::SENDER, &lines[0]).unwrap().is_list);
    assert!(read(&logs::SENDER, &lines.join("\n")).unwrap().is_list);
}

#[test]
fn a_row_of_log_analytics_equals_the_record_it_came_from() {
    assert_eq!(log(ROWS)[0], log(LOGS)[0]);
}

#[test]
fn a_junk_line_is_refused_alone() {
    let record = records()[0].to_string();
    let parsed = log(&format!("{record}\nnot json\n{record}\n42\n{{\"time\":"));
    assert_eq!(events(&parsed).len(), 2);
    assert!(matches!(&parsed[..], [_, Parsed::Invalid { .. }, _, Parsed::Invalid { .. }, Parsed::Invalid { .. }]));
    // A broken text is not a list of lines.
    for broken in ["", "{", "\n\n", "junk\n{}", "{\n  \"time\": 1,\n  {}\n}", "1\n2", "\u{feff}{}"] {
        assert!(matches!(read(&logs::SENDER, broken), Err(BodyError::NotJson { .. })), "{broken:?}");
    }
}

#[test]
fn a_copy_has_the_same_id_however_it_is_formatted() {
    for changes in [json!({}), json!({"MessageId": null}), json!({"MessageId": "00000000-0000-0000-0000-000000000000"})]
    {
        let record = with(changes);
        let mut as_text = record.clone();
        as_text["properties"] = Value::from(record["properties"].to_string());
        let (one, other) = (only(log(&record.to_string())), only(log(&as_text.to_string())));
        assert_eq!(one, other);
        let later = with(json!({"MessageId": null, "EnrollmentTimeUTC": "2026-02-20T00:33:46.207Z"}));
        assert_ne!(one.key, only(log(&later.to_string())).key);
    }
    let correlated = |id: &str| {
        let mut record = with(json!({"MessageId": null}));
        record["correlationId"] = Value::from(id);
        only(log(&record.to_string())).key.id
    };
    assert!(correlated("c1").starts_with("c1/enrolled/"));
}

#[test]
fn a_result_has_many_names() {
    let kinds = |result: Value, category: &str| {
        let mut record = with(json!({"FailureCategory": category}));
        record["resultType"] = result;
        log(&record.to_string())
    };
    for result in ["Success", "SUCCESS", "Succeeded"] {
        assert_eq!(kind(&only(kinds(result.into(), "Not Applicable"))), Kind::Enrolled, "{result}");
    }
    for result in ["Fail", "Failure", "failed", "Error"] {
        assert_eq!(kind(&only(kinds(result.into(), "Not Applicable"))), Kind::Failed, "{result}");
    }
    assert_eq!(kind(&only(kinds(Value::Null, "Authentication"))), Kind::Failed);
    assert_eq!(refused(&kinds(Value::Null, "Not Applicable")), ["resultType"]);
    assert_eq!(refused(&kinds("Started".into(), "Unknown")), ["resultType"]);
}

#[test]
fn what_a_log_lacks_is_named() {
    let nameless = json!({"IntuneDeviceId": "", "AADDeviceId": "Unknown", "MessageId": "None"});
    assert_eq!(refused(&log(&with(nameless).to_string())), ["properties.AADDeviceId"]);
    let nothing = json!({"IntuneDeviceId": "", "AADDeviceId": null, "MessageId": "None"});
    assert_eq!(refused(&log(&with(nothing).to_string())), ["properties.IntuneDeviceId"]);
    assert_eq!(refused(&log(&with(json!({"OsVersion": 15})).to_string())), ["properties.OsVersion"]);
    let without = |name: &str| {
        let mut record = with(json!({}));
        record.as_object_mut().unwrap().remove(name);
        log(&record.to_string())
    };
    assert_eq!(refused(&without("operationName")), ["operationName"]);
    assert_eq!(refused(&without("properties")), ["properties"]);
    // Either the enrollment's own time or the schema's is enough; one of them is required.
    assert_eq!(only(without("time")).time, only(log(DOCUMENTED_LOG)).time);
    let unset = with(json!({"EnrollmentTimeUTC": "0001-01-01T00:00:00"}));
    assert_eq!(only(log(&unset.to_string())).time, only(log(DOCUMENTED_LOG)).time);
    let mut timeless = with(json!({"EnrollmentTimeUTC": null, "EnrollmentTimeUtc": "soon"}));
    timeless["time"] = Value::from("0001-01-01T00:00:00Z");
    assert_eq!(refused(&log(&timeless.to_string())), ["time"]);
    let mut broken = with(json!({}));
    broken["properties"] = Value::from("{\"Os\":");
    assert_eq!(refused(&log(&broken.to_string())), ["properties"]);
}

#[test]
fn graphs_documented_answer_is_a_failed_enrollment() {
    let event = only(listed(DOCUMENTED_LIST));
    assert_eq!((event.key.source.as_str(), kind(&event)), (graph::SOURCE, Kind::Failed));
    assert_eq!(event.key.id, "c4a623f5-23f5-c4a6-f523-a6c4f523a6c4/failed");
    assert_eq!(event.time.to_string(), "2026-02-21T07:59:23.398Z");
    assert_eq!(event.about.mdm_device_id.as_deref(), Some("Managed Device Identifier value"));
    assert_eq!(event.about.enrollment_id.as_deref(), Some("Device Id value"));
    assert_eq!(event.about.user_id.as_deref(), Some("User Id value"));
    assert_eq!(event.about.enrollment_type.as_deref(), Some("userEnrollment"));
    assert_eq!(event.about.platform, None);
    assert_eq!(failure(&event).category, Some(FailureCategory::Authentication));
    assert_eq!(failure(&event).reason.as_deref(), Some("Failure Reason value"));
}

#[test]
fn only_enrollments_in_graphs_list_become_events() {
    let batch = read(&graph::SENDER, LIST).unwrap();
    assert!(batch.is_list);
    let parsed = batch.events;
    assert_eq!(parsed.len(), 5);
    let failed = failure(event(&parsed[0]));
    assert_eq!(failed.code.as_deref(), Some("0x80180014"));
    assert_eq!(failed.reason, None, "the reason is the code");
    assert!(failed.message.unwrap().starts_with("The platform is blocked"));
    let gave_up = event(&parsed[1]);
    assert_eq!((kind(gave_up), gave_up.about.platform), (Kind::Stopped, Some(Platform::Ios)));
    assert_eq!(gave_up.about.enrollment_id.as_deref(), Some("c0000000-0000-4000-8000-000000000002"));
    assert_eq!(gave_up.about.enrollment_type, None, "unknown");
    assert!(matches!(&parsed[2], Parsed::UnknownType { id: Some(_), .. }));
    assert!(matches!(&parsed[3], Parsed::UnknownType { id: Some(_), .. }));
    let mac = event(&parsed[4]);
    assert_eq!(mac.about.platform, Some(Platform::MacOs));
    assert_eq!(mac.time.to_string(), "2026-02-20T09:00:00.123Z");
    assert_eq!(failure(mac).reason.as_deref(), Some("UserLicenseTypeInvalid"));
    // A bare list, and one record as Graph shows it, give the same events.
    let records = serde_json::from_str::<Value>(LIST).unwrap()["value"].clone();
    assert_eq!(listed(&records.to_string()), parsed);
    assert_eq!(listed(&records[0].to_string()), parsed[..1]);
    assert_eq!(listed(&json!({"value": records[0]}).to_string()), parsed[..1]);
}

#[test]
fn graphs_type_may_be_left_out() {
    let mut record = listed_with(json!({}));
    let name = record.as_object_mut().unwrap().remove("@odata.type");
    assert_eq!(kind(&only(listed(&record.to_string()))), Kind::Failed);
    record["@odata.type"] = Value::from(name.unwrap().as_str().unwrap().trim_start_matches('#'));
    assert_eq!(kind(&only(listed(&record.to_string()))), Kind::Failed);
    for other in [json!({"id": "1", "enrollmentType": "x"}), json!({"@odata.type": 7, "failureReason": "x"})] {
        assert!(matches!(&listed(&other.to_string())[..], [Parsed::UnknownType { .. }]), "{other}");
    }
}

#[test]
fn what_a_troubleshooting_event_lacks_is_named() {
    let nobody = json!({"managedDeviceIdentifier": "none", "deviceId": null, "correlationId": "", "id": null});
    assert_eq!(refused(&listed(&listed_with(nobody).to_string())), ["managedDeviceIdentifier"]);
    for time in [Value::Null, json!("soon"), json!("0001-01-01T00:00:00Z"), json!(5)] {
        let parsed = listed(&listed_with(json!({"eventDateTime": time})).to_string());
        assert_eq!(refused(&parsed), ["eventDateTime"], "{time}");
    }
    // A record without ids of its own still gives the same event each time, and another record gives another event.
    let of = |reason: &str| {
        only(listed(&listed_with(json!({"id": null, "correlationId": null, "failureReason": reason})).to_string())).key
    };
    assert_eq!(of("one"), of("one"));
    assert_ne!(of("one"), of("other"));
}

#[test]
fn what_is_reported_of_a_failure_is_kept() {
    let of = |changes: Value| failure(&only(listed(&listed_with(changes).to_string())));
    let nothing = json!({"context": null, "failure": null, "failureDetails": null});
    let failed =
        of(json!({"failureCategory": "quantumFlux", "failureReason": null, "troubleshootingErrorDetails": nothing}));
    assert_eq!((failed.category, failed.reason.as_deref()), (None, Some("quantumFlux")), "a category Graph adds");
    let long = "é".repeat(1_000);
    let failed = of(json!({"failureReason": long, "troubleshootingErrorDetails": null}));
    assert_eq!(failed.reason.unwrap().chars().count(), 256);
    assert_eq!(failed.message, Some(long));
    let failed = of(json!({"failureReason": "error -2145648637 while joining", "troubleshootingErrorDetails": null}));
    assert_eq!(failed.code.as_deref(), Some("-2145648637"));
}

#[test]
fn platforms_go_by_words() {
    let of = |os: &str, kind: &str| {
        only(listed(&listed_with(json!({"operatingSystem": os, "enrollmentType": kind})).to_string())).about.platform
    };
    for (os, platform) in [
        ("Windows 11", Some(Platform::Windows)),
        ("WindowsHolographic", Some(Platform::Windows)),
        ("iOS/iPadOS", Some(Platform::Ios)),
        ("iPhone OS", Some(Platform::Ios)),
        ("macOS", Some(Platform::MacOs)),
        ("Android (AOSP)", Some(Platform::Android)),
        ("AndroidEnterprise", Some(Platform::Android)),
        ("Linux (ubuntu)", None),
        ("ChromeOS", None),
        ("visionOS", None),
    ] {
        assert_eq!(of(os, "userEnrollment"), platform, "{os}");
    }
    assert_eq!(of("", "windowsAzureADJoin"), Some(Platform::Windows));
}

#[test]
fn a_failure_and_the_success_after_it_are_one_device_in_both_sources() {
    let is_it = |event: &Event| event.about.user_id.as_deref() == Some("42c1a51d-0000-4000-8000-000000000006");
    let logged: Vec<Event> = events(&log(LOGS)).into_iter().filter(is_it).collect();
    let listed: Vec<Event> = events(&listed(LIST)).into_iter().filter(is_it).collect();
    assert_eq!((logged.len(), listed.len()), (2, 1));
    let ids = |event: &Event| event.about.identifiers().collect::<BTreeSet<_>>();
    assert!(!ids(&logged[0]).is_disjoint(&ids(&logged[1])));
    assert!(!ids(&logged[0]).is_disjoint(&ids(&listed[0])));
    // Both reported it within two minutes, so it failed once (docs/DOMAIN.md, A1).
    let enrollment = folded(logged.into_iter().chain(listed));
    let outcomes: Vec<Outcome> = enrollment.attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::InProgress]);
}

#[test]
fn a_server_that_delivers_late_says_nothing_of_a_devices_clock() {
    let skew = |sender: &Sender, body: &str, backfill: bool| {
        let received = sender.received(at("2026-03-20T00:00:00Z"), backfill);
        event(&(sender.read)(body.as_bytes(), &HeaderMap::new(), received).unwrap().events[0]).clock_skew
    };
    for (sender, body) in [(&logs::SENDER, LOGS), (&graph::SENDER, LIST)] {
        assert_eq!((skew(sender, body, false), skew(sender, body, true)), (None, None));
    }
}

#[test]
fn bodies_of_other_forms_are_refused() {
    let too_large = "x".repeat(MAX_BODY_BYTES + 1);
    let record = records()[0].to_string();
    for sender in [&logs::SENDER, &graph::SENDER] {
        let read = |body: &str| read(sender, body);
        assert_eq!(read(&too_large), Err(BodyError::TooLarge));
        assert_eq!(read("7"), Err(BodyError::NotAnEvent));
        assert!(matches!(read(&"[".repeat(100_000)), Err(BodyError::NotJson { .. })));
        assert!(matches!(read("{\"a\":1e999}"), Err(BodyError::NotJson { .. })));
        let many = |n: usize| Value::from(vec![json!({}); n]).to_string();
        assert_eq!(read(&many(MAX_EVENTS)).unwrap().events.len(), MAX_EVENTS);
        assert_eq!(read(&many(MAX_EVENTS + 1)), Err(BodyError::TooManyEvents));
        assert_eq!(read("[]").unwrap().events, []);
        let mut invalid = read("[null, 1, [[]]]").unwrap().events.into_iter();
        assert!(invalid.all(|parsed| matches!(parsed, Parsed::Invalid { .. })));
    }
    let read = |body: &str| read(&logs::SENDER, body);
    assert_eq!(read(&"{}\n".repeat(MAX_EVENTS + 1)), Err(BodyError::TooManyEvents));
    assert_eq!(read(&"{}\n\n".repeat(MAX_EVENTS)).unwrap().events.len(), MAX_EVENTS);
    let message = format!("{{\"records\":[{}]}}", vec!["{}"; 300].join(","));
    assert_eq!(read(&format!("[{message},{message}]")), Err(BodyError::TooManyEvents));
    assert_eq!(read(&format!("{message}\n{message}")), Err(BodyError::TooManyEvents));
    // Too deep a line, or too deep a text in `properties`, is refused alone.
    let deep = "[".repeat(10_000);
    assert_eq!(events(&log(&format!("{record}\n{deep}"))).len(), 1);
    let mut nested = with(json!({}));
    nested["properties"] = Value::from(deep);
    assert_eq!(refused(&log(&nested.to_string())), ["properties"]);
}

/// Any JSON, often with names and values that mean something.
fn any_value() -> impl Strategy<Value = Value> {
    let values = [
        "",
        "Success",
        "Fail",
        "None",
        "Not Applicable",
        "userAbandonment",
        "Windows",
        "0x80180014",
        "0001-01-01T00:00:00Z",
        "00000000-0000-0000-0000-000000000000",
        "9999-12-31T23:59:59.9999999Z",
        "#microsoft.graph.enrollmentTroubleshootingEvent",
        "{\"IntuneDeviceId\":\"d\"}",
        NOW,
    ];
    let names = [
        "value",
        "records",
        "time",
        "category",
        "operationName",
        "resultType",
        "properties",
        "MessageId",
        "@odata.type",
        "id",
        "eventDateTime",
        "failureCategory",
        "troubleshootingErrorDetails",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z]{250,260}".prop_map(Value::from),
        prop::sample::select(values.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(names.to_vec()), inner, 0..12)
                .prop_map(|map| map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

/// A sample's record, of either source, in which some members are replaced or removed.
fn nearly_valid() -> impl Strategy<Value = Value> {
    let mut samples = records();
    samples.push(serde_json::from_str(DOCUMENTED_LOG).unwrap());
    samples.extend(serde_json::from_str::<Value>(ROWS).unwrap().as_array().unwrap().clone());
    samples.extend(serde_json::from_str::<Value>(LIST).unwrap()["value"].as_array().unwrap().clone());
    let change = (any::<prop::sample::Index>(), prop::option::of(any_value()), any::<bool>());
    (prop::sample::select(samples), prop::collection::vec(change, 0..5)).prop_map(|(mut record, changes)| {
        for (index, value, nested) in changes {
            let inner = nested && record.get("properties").is_some_and(Value::is_object);
            let map = if inner { &mut record["properties"] } else { &mut record }.as_object_mut().unwrap();
            let Some(name) = map.keys().nth(index.index(map.len().max(1))).cloned() else { continue };
            match value {
                Some(value) => map.insert(name, value),
                None => map.remove(&name),
            };
        }
        record
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
    fn no_bytes_make_them_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _any = read_bytes(&logs::SENDER, &bytes);
        let _any = read_bytes(&graph::SENDER, &bytes);
    }

    #[test]
    fn no_broken_sample_makes_them_panic(
        sample in prop::sample::select(vec![DOCUMENTED_LOG, LOGS, ROWS, DOCUMENTED_LIST, LIST]),
        place in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..8),
        gone in 0_usize..40,
    ) {
        let mut body = sample.as_bytes().to_vec();
        let from = place.index(body.len());
        let to = (from + gone).min(body.len());
        body.splice(from..to, bytes);
        let _any = read_bytes(&logs::SENDER, &body);
        let _any = read_bytes(&graph::SENDER, &body);
    }

    #[test]
    fn no_json_makes_them_panic(value in any_value()) {
        let body = value.to_string();
        let _any = read(&logs::SENDER, &body);
        let _any = read(&graph::SENDER, &body);
    }

    #[test]
    fn each_line_is_read_alone(
        lines in prop::collection::vec(prop_oneof![nearly_valid().prop_map(|value| value.to_string()), "[^\r\n]{0,40}"], 0..8)
    ) {
        let record = records()[0].to_string();
        let body = format!("{record}\n{}\n{record}", lines.join("\n"));
        let parsed = log(&body);
        prop_assert_eq!(&parsed[0], &log(&record)[0]);
        prop_assert_eq!(&parsed[parsed.len() - 1], &parsed[0]);
    }

    #[test]
    fn a_record_is_taken_or_refused_with_a_reason(record in nearly_valid()) {
        for sender in [&logs::SENDER, &graph::SENDER] {
            let body = json!([record]).to_string();
            let batch = read(sender, &body).unwrap();
            prop_assert_eq!(&batch, &read(sender, &body).unwrap());
            for parsed in &batch.events {
                match parsed {
                    Parsed::Event(event) => {
                        prop_assert!(event.key.id.chars().count() <= 256);
                        prop_assert!(event.about.identifiers().next().is_some());
                        prop_assert!(event.time > Timestamp::MIN);
                    }
                    Parsed::UnknownType { .. } | Parsed::SignIn { .. } => prop_assert_eq!(batch.events.len(), 1),
                    Parsed::Invalid { errors, .. } => prop_assert!(!errors.is_empty(), "without a reason: {body}"),
                }
            }
        }
    }
}
