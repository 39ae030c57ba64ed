//! An enrollment that two senders report is one attempt: an MDM in its own form and an agent's CloudEvents, in every
//! order of arrival. The worked examples of docs/DOMAIN.md, X that have such an MDM run on its own bytes.

use http::HeaderMap;
use serde_json::{Value, json};
use vestibule_domain::event::{Event, Platform};
use vestibule_domain::{
    Cause, ComplianceSource, DeviceState, Enrollment, History, Millis, Outcome, TenantId, TenantSettings, Timestamp,
    fold,
};
use vestibule_webhook::cloudevents::{Batch, Parsed};
use vestibule_webhook::sources::{
    Reports, graph_managed_devices, graph_troubleshooting_events, intune_operational_logs, jamf, nanomdm,
};
use vestibule_webhook::{Received, parse};

/// The serial number and times come from the samples.
const SERIAL: &str = "F4X9Q2LMN7";
const AUTHENTICATE: &str = include_str!("../../src/sources/samples/nanomdm-authenticate.json");
const TOKEN: &str = include_str!("../../src/sources/samples/nanomdm-token-update.json");
const LATER_TOKEN: &str = include_str!("../../src/sources/samples/nanomdm-token-update-rotated.json");
const COMPUTER: &str = include_str!("../../src/sources/samples/jamf-computer-added.json");
const GRAPH: &str = include_str!("../../src/sources/samples/graph-troubleshooting-events-documentation.json");

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn all(batch: Batch) -> Vec<Event> {
    let event = |parsed| match parsed {
        Parsed::Event(event) => event.stored(),
        other => panic!("{other:?}"),
    };
    batch.events.into_iter().map(event).collect()
}

/// The agent's report: CloudEvents with another source, and the serial number as the only identifier.
fn agent(minutes_seconds: &str, kind: &str, serial: &str, mut data: Value) -> Vec<Event> {
    data["device"] = json!({"serialNumber": serial, "name": "Ada's device"});
    let time = format!("{minutes_seconds}Z");
    let event = json!({"specversion": "1.0", "id": format!("{kind}-{time}"), "source": "urn:example:agent",
        "type": format!("enrollment.{kind}"), "time": time, "data": data});
    all(parse(event.to_string().as_bytes(), Received::native(at(&time), false)).unwrap())
}

fn mdm(body: &str, received: Timestamp) -> Vec<Event> {
    let received = nanomdm::SENDER.received(received, false);
    all(nanomdm::parse(body.as_bytes(), &HeaderMap::new(), received).unwrap())
}

/// CloudEvents from a source that reports what `reports` lists.
fn native(source: &str, reports: &str, time: Timestamp, kind: &str, mut data: Value) -> Vec<Event> {
    data["device"] = json!({"serialNumber": data["serial"]});
    let event = json!({"specversion": "1.0", "id": format!("{kind}-{time}"), "source": source, "type": kind,
        "time": time.to_string(), "data": data});
    let reports = Reports::read(reports.split(' ').filter(|word| !word.is_empty())).unwrap();
    let received = Received { reports, ..Received::native(time, false) };
    all(parse(event.to_string().as_bytes(), received).unwrap())
}

/// A token that NanoMDM's device sends after its first, at another time.
fn token_at(time: Timestamp) -> Vec<Event> {
    let mut body: Value = serde_json::from_str(LATER_TOKEN).unwrap();
    body["created_at"] = json!(time.to_string());
    mdm(&body.to_string(), time)
}

/// Jamf Pro's `ComputerAdded`, at another time.
fn computer_at(time: Timestamp) -> Vec<Event> {
    let mut body: Value = serde_json::from_str(COMPUTER).unwrap();
    body["webhook"]["eventTimestamp"] = json!(time.millis());
    all(jamf::parse(body.to_string().as_bytes(), &HeaderMap::new(), jamf::SENDER.received(time, false)).unwrap())
}

fn after(time: Timestamp, minutes: f64) -> Timestamp {
    #[allow(clippy::cast_possible_truncation)]
    let moved = (minutes * 60_000.0) as i64;
    time + Millis::new(moved)
}

fn folded(events: impl IntoIterator<Item = Event>, as_of: &str) -> Enrollment {
    folded_under(&TenantSettings::default(), events, at(as_of))
}

fn folded_under(settings: &TenantSettings, events: impl IntoIterator<Item = Event>, as_of: Timestamp) -> Enrollment {
    let mut history = History::default();
    for event in events {
        history.add(event);
    }
    fold(&TenantId::parse("contoso").unwrap(), &history, settings, as_of)
}

/// Every order in which the parts may arrive.
fn orders(parts: &[Vec<Event>]) -> Vec<Vec<Event>> {
    if parts.is_empty() {
        return vec![Vec::new()];
    }
    let mut found = Vec::new();
    for first in 0..parts.len() {
        let mut rest = parts.to_vec();
        let head = rest.remove(first);
        found.extend(orders(&rest).into_iter().map(|tail| head.iter().cloned().chain(tail).collect()));
    }
    found
}

fn minute(of: Timestamp, seconds: i64) -> String {
    let moved = Timestamp::from_millis(of.millis() + seconds * 1_000).to_string();
    moved.trim_end_matches('Z').to_owned()
}

#[test]
fn an_mdm_and_an_agent_that_report_one_enrollment_make_one_attempt() {
    // Both of the MDM's messages have a time; the agent's are slightly before and after them.
    let began = mdm(AUTHENTICATE, at("2026-03-02T19:00:00Z"))[0].time;
    let parts = [
        agent(&minute(began, -40), "started", SERIAL, json!({"platform": "ios"})),
        mdm(AUTHENTICATE, at("2026-03-02T19:00:00Z")),
        agent(
            &minute(began, 5),
            "step.entered",
            SERIAL,
            json!({"action": "iOSProfileLaunch", "screen": "installingProfile"}),
        ),
        mdm(TOKEN, at("2026-03-02T19:00:00Z")),
        agent(&minute(began, 90), "enrolled", SERIAL, json!({})),
        agent(&minute(began, 95), "compliant", SERIAL, json!({})),
    ];
    let orders = orders(&parts);
    assert_eq!(orders.len(), 720);
    let first = folded(orders[0].clone(), "2026-03-03T00:00:00Z");
    for order in orders {
        let enrollment = folded(order, "2026-03-03T00:00:00Z");
        assert_eq!(enrollment.attempts.len(), 1, "{:?}", enrollment.attempts);
        assert_eq!(enrollment.attempts[0].outcome, Outcome::Completed);
        assert_eq!(enrollment.attempts[0].about.platform, Some(Platform::Ios));
        assert_eq!(enrollment.attempts, first.attempts);
    }
}

#[test]
fn an_end_reported_twice_is_one_failed_attempt_with_the_details_of_both() {
    // Graph reports failures only, with a code and a category, and no steps.
    let received = graph_troubleshooting_events::SENDER.received(at("2027-01-01T00:00:00Z"), true);
    let graph = all(graph_troubleshooting_events::parse(GRAPH.as_bytes(), &HeaderMap::new(), received).unwrap());
    let failed = &graph[0];
    let listed = failed.step().unwrap().failure.clone().unwrap();
    let mut of_agent = Vec::new();
    // Linking the device's identifiers is the store's task; here both are of one history.
    for (seconds, kind, data) in [
        (-120, "started", json!({"platform": "windows"})),
        (-60, "step.entered", json!({"section": "setupChecklist", "action": "DeviceJoin", "screen": "joining"})),
        (30, "failed", json!({"failure": {"message": "The device could not be joined."}})),
    ] {
        of_agent.push(agent(&minute(failed.time, seconds), kind, SERIAL, data));
    }
    let mut parts = vec![vec![failed.clone()]];
    parts.append(&mut of_agent);
    for order in orders(&parts) {
        let enrollment = folded(order, "2027-01-01T00:00:00Z");
        assert_eq!(enrollment.attempts.len(), 1, "{:?}", enrollment.attempts);
        let attempt = &enrollment.attempts[0];
        assert_eq!(attempt.outcome, Outcome::Failed);
        let failure = attempt.failure.as_ref().unwrap();
        assert_eq!((&failure.code, &failure.category), (&listed.code, &listed.category));
        assert!(failure.message.is_some());
        assert_eq!(attempt.place.as_ref().unwrap().action.name(), "DeviceJoin");
    }
}

#[test]
fn a_sender_that_begins_again_makes_a_second_attempt_whatever_the_other_reports() {
    let began = mdm(AUTHENTICATE, at("2026-03-02T19:00:00Z"))[0].time;
    let parts = [
        agent(&minute(began, -40), "started", SERIAL, json!({"platform": "ios"})),
        mdm(AUTHENTICATE, at("2026-03-02T19:00:00Z")),
        agent(&minute(began, 300), "started", SERIAL, json!({"platform": "ios"})),
    ];
    for order in orders(&parts) {
        let enrollment = folded(order, &format!("{}Z", minute(began, 400)));
        let ends: Vec<_> = enrollment.attempts.iter().map(|one| (one.outcome, one.cause)).collect();
        let expected = [(Outcome::Abandoned, Some(Cause::Restarted)), (Outcome::InProgress, None)];
        assert_eq!(ends, expected);
    }
}

#[test]
fn x5_a_phone_that_only_authenticates_gave_up_at_the_profile() {
    let received = mdm(AUTHENTICATE, at("2026-03-02T19:00:00Z"));
    let began = received[0].time;
    let enrollment = folded(received, "2026-03-03T00:00:00Z");
    let [attempt] = &enrollment.attempts[..] else { panic!("{:?}", enrollment.attempts) };
    assert_eq!((attempt.outcome, attempt.cause, attempt.row), (Outcome::Abandoned, Some(Cause::TimedOut), Some(9)));
    assert_eq!((attempt.ended_at, enrollment.state), (Some(after(began, 30.0)), DeviceState::GaveUp));
    // Two facts of the sender: it reports starts, but no steps.
    assert!(attempt.has_starts() && !attempt.has_steps());
}

#[test]
fn x8_another_source_reports_compliance() {
    let began = mdm(AUTHENTICATE, at("2026-03-02T19:00:00Z"))[0].time;
    let graph = ComplianceSource::All("graph".to_owned());
    let settings = TenantSettings { compliance_source: graph, ..TenantSettings::default() };
    let parts = [
        mdm(AUTHENTICATE, at("2026-03-02T19:00:00Z")),
        token_at(after(began, 1.0)),
        native(
            "graph",
            "ends failures compliance",
            after(began, 2000.0),
            "enrollment.compliant",
            json!({"serial": SERIAL}),
        ),
    ];
    for order in orders(&parts) {
        let before = folded_under(&settings, order.clone(), after(began, 1999.0));
        let [waited] = &before.attempts[..] else { panic!("{:?}", before.attempts) };
        assert_eq!((waited.outcome, waited.row), (Outcome::Abandoned, Some(17)));
        assert_eq!(waited.ended_at, Some(after(began, 1441.0)));
        let later = folded_under(&settings, order, after(began, 4320.0));
        let [completed] = &later.attempts[..] else { panic!("{:?}", later.attempts) };
        assert_eq!((completed.outcome, completed.ended_at), (Outcome::Completed, Some(after(began, 2000.0))));
        assert_eq!(later.state, DeviceState::Enrolled);
    }
}

#[test]
fn x9_and_x10_a_computer_that_is_added_again_is_another_enrollment_only_later() {
    let began = at("2026-03-02T09:00:00Z");
    let added = |minutes: &[f64]| {
        let received: Vec<Vec<Event>> = minutes.iter().map(|minute| computer_at(after(began, *minute))).collect();
        let mut found: Vec<_> =
            orders(&received).into_iter().map(|order| folded(order, "2026-04-01T00:00:00Z").attempts).collect();
        let first = found.remove(0);
        assert!(found.iter().all(|attempts| *attempts == first));
        first
    };
    let [once] = &added(&[0.0, 2.0, 9.0])[..] else { panic!("one attempt") };
    assert_eq!((once.outcome, once.ended_at, once.duration()), (Outcome::Completed, Some(began), None));
    assert!(!once.has_starts() && !once.is_judged(), "Jamf Pro reports only ends");
    let three = added(&[0.0, 14_400.0, 28_800.0]);
    let ends: Vec<_> = three.iter().map(|attempt| (attempt.outcome, attempt.ended_at)).collect();
    assert_eq!(ends, [0.0, 14_400.0, 28_800.0].map(|minute| (Outcome::Completed, Some(after(began, minute)))));
}

#[test]
fn x16_an_agent_that_starts_after_the_mdm_was_done_continues_the_attempt() {
    let began = at("2026-03-02T09:00:00Z");
    let setup = |minute: f64, kind: &str, more: Value| {
        let mut data = json!({"serial": "C02M23PJFH50", "platform": "macos"});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        native("setup-manager", "starts ends deviceTime", after(began, minute), kind, data)
    };
    let parts = [
        computer_at(began),
        setup(0.7, "enrollment.started", json!({})),
        setup(20.0, "enrollment.enrolled", json!({})),
        setup(20.0, "enrollment.compliant", json!({"assumed": true})),
    ];
    for order in orders(&parts) {
        let enrollment = folded(order, "2026-03-05T00:00:00Z");
        let [attempt] = &enrollment.attempts[..] else { panic!("{:?}", enrollment.attempts) };
        assert_eq!((attempt.started_at, attempt.ended_at), (began, Some(after(began, 20.0))));
        assert_eq!((attempt.outcome, enrollment.state), (Outcome::Completed, DeviceState::Enrolled));
        assert_eq!(attempt.duration(), Some(Millis::from_minutes(20)), "the agent reported the start");
    }
}

#[test]
fn x27_a_session_fails_the_attempt_that_another_source_had_completed() {
    let began = at("2026-03-02T09:00:00Z");
    let serial = "PF-1001";
    let graph = |minute: f64, kind: &str| {
        let data = json!({"serial": serial, "platform": "windows"});
        native("graph", "ends failures compliance", after(began, minute), kind, data)
    };
    let page = |minute: f64, kind: &str, mut data: Value| {
        data["serial"] = json!(serial);
        native("agent", "starts steps stops failures ends deviceTime", after(began, minute), kind, data)
    };
    let failing = json!({"phase": "deviceSetup", "category": "apps",
        "item": {"id": "app-1", "name": "VPN", "state": "error", "errorCode": "0x9"}});
    let parts = [
        graph(0.0, "enrollment.enrolled"),
        graph(1.0, "enrollment.compliant"),
        page(12.0, "esp.started", json!({})),
        page(30.0, "esp.item", failing),
    ];
    for order in orders(&parts) {
        let enrollment = folded(order, "2026-03-03T00:00:00Z");
        let [attempt] = &enrollment.attempts[..] else { panic!("{:?}", enrollment.attempts) };
        assert_eq!((attempt.outcome, attempt.ended_at), (Outcome::Failed, Some(after(began, 30.0))));
        let failure = attempt.failure.as_ref().unwrap();
        assert_eq!((failure.code.as_deref(), failure.reason.as_deref()), (Some("0x9"), Some("VPN")));
        assert_eq!(attempt.place.as_ref().unwrap().action.name(), "deviceSetup");
        assert_eq!((enrollment.state, attempt.session), (DeviceState::Failed, Some(enrollment.sessions[0].id)));
    }
}

/// Intune's own log of one enrollment, with Graph's list before and after the device is compliant: one attempt, which
/// completes when the list reports compliance, in every order.
#[test]
fn intune_s_log_and_graph_s_list_are_one_attempt_that_real_compliance_completes() {
    let ids = ("11111111-2222-4333-8444-555555555555", "66666666-7777-4888-8999-000000000000");
    let log = json!({"records": [{"time": "2026-11-25T08:58:05Z", "category": "OperationalLogs",
        "operationName": "Enrollment", "resultType": "Success", "properties": {"IntuneDeviceId": ids.0,
        "AADDeviceId": ids.1, "OperationalLogCategory": "DeviceEnrollment", "Os": "Windows",
        "EnrollmentTimeUTC": "2026-11-25T08:58:04.9Z", "MessageId": "93ce4a3e-0000-4000-8000-000000000006"}}]});
    let log = |time| {
        let received = intune_operational_logs::SENDER.received(time, false);
        all(intune_operational_logs::parse(log.to_string().as_bytes(), &HeaderMap::new(), received).unwrap())
    };
    let list = |time: &str, state: &str| {
        let list = json!({"value": [{"id": ids.0, "azureADDeviceId": ids.1, "serialNumber": "PF3ABCDE",
            "operatingSystem": "Windows", "enrolledDateTime": "2026-11-25T08:58:03Z", "lastSyncDateTime": time,
            "complianceState": state}]});
        let received = graph_managed_devices::SENDER.received(after(at(time), 2.0), false);
        all(graph_managed_devices::parse(list.to_string().as_bytes(), &HeaderMap::new(), received).unwrap())
    };
    let source = ComplianceSource::All(graph_managed_devices::SOURCE.to_owned());
    let settings = TenantSettings { compliance_source: source, ..TenantSettings::default() };
    let parts = [
        log(at("2026-11-25T09:00:00Z")),
        list("2026-11-25T09:10:00Z", "inGracePeriod"),
        list("2026-11-25T09:44:10Z", "compliant"),
    ];
    for order in orders(&parts) {
        let before = folded_under(&settings, order.clone(), at("2026-11-25T09:30:00Z"));
        assert_eq!((before.attempts.len(), before.state), (1, DeviceState::WaitingForCompliance));
        let later = folded_under(&settings, order, at("2026-11-26T00:00:00Z"));
        let [one] = &later.attempts[..] else { panic!("{:?}", later.attempts) };
        assert_eq!((one.outcome, one.ended_at), (Outcome::Completed, Some(at("2026-11-25T09:44:10Z"))));
        assert_eq!((one.duration(), later.state), (None, DeviceState::Enrolled), "nobody reported its start");
    }
}
