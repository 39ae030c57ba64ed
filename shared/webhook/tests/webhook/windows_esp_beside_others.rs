//! The reporter on Windows devices beside other senders: one attempt and one session, in every order.

use crate::windows_esp_common;

use http::HeaderMap;
use serde_json::{Value, json};
use vestibule_domain::esp::SessionState;
use vestibule_domain::event::Event;
use vestibule_domain::{ComplianceSource, DeviceState, History, Outcome, TenantId, TenantSettings, fold};
use vestibule_webhook::sources::{
    Sender, fleet, graph_autopilot_devices, graph_autopilot_events, graph_managed_devices, intune_operational_logs,
};
use windows_esp_common::*;

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

/// What the device reports, in three bodies.
fn reported() -> Vec<Vec<Event>> {
    let records = logged(&whole());
    records.chunks(8).map(|some| events(&body(some.to_vec()))).collect()
}

#[test]
fn graph_and_intunes_logs_beside_it_report_the_same_attempt_and_session() {
    let graph = json!({"value": [{
        "id": "00000001-9d4e-4c43-8a52-6f1f7d9c0a01", "deviceId": "11111111-2222-3333-4444-555555555555",
        "eventDateTime": text(minute(40)), "enrollmentStartDateTime": text(after(-30_000)),
        "enrollmentType": "azureADJoinedWithAutopilotProfile", "deviceSerialNumber": SERIAL,
        "enrollmentState": "enrolled", "deploymentState": "success", "deviceSetupStatus": "success",
        "accountSetupStatus": "success", "deploymentTotalDuration": "PT30M10S", "deviceSetupDuration": "PT15M",
        "accountSetupDuration": "PT6M", "deploymentStartDateTime": text(after(2_000)),
        "deploymentEndDateTime": text(after(1_812_000)),
    }]});
    let at = minute(60);
    let received = graph_autopilot_events::SENDER.received(at, true);
    let graph = all(graph_autopilot_events::parse(graph.to_string().as_bytes(), &HeaderMap::new(), received).unwrap());
    let log = json!({"records": [{
        "time": text(after(173_500)), "category": "OperationalLogs", "operationName": "Enrollment", "resultType": "Success",
        "properties": {"AADDeviceId": "99999999-2222-3333-4444-555555555555",
            "IntuneDeviceId": "11111111-2222-3333-4444-555555555555", "Os": "Windows",
            "EnrollmentType": "WindowsAzureADJoin", "MessageId": "93ce4a3e-0000-4000-8000-000000000005"},
    }]});
    let received = intune_operational_logs::SENDER.received(at, false);
    let log = all(intune_operational_logs::parse(log.to_string().as_bytes(), &HeaderMap::new(), received).unwrap());
    assert!(!log.is_empty() && graph.len() > 5);
    let mut parts = reported();
    parts.extend([graph, log]);
    let orders = orders(&parts);
    assert_eq!(orders.len(), 120);
    let first = folded(orders[0].clone(), later());
    for order in orders {
        let enrollment = folded(order, later());
        let (session, attempt) = (one_session(&enrollment), one_attempt(&enrollment));
        assert_eq!((session.state, session.started_at), (SessionState::Success, began()));
        assert_eq!((attempt.outcome, attempt.session), (Outcome::Completed, Some(session.id)));
        // The limit is the device's own; the items are those of the sender that reports more.
        assert_eq!(session.limit_minutes, 60);
        assert!(session.items.iter().any(|item| item.id == "mdmEnrollment"));
        assert_eq!((&enrollment.attempts, &enrollment.sessions), (&first.attempts, &first.sessions));
    }
}

/// What Graph's lists report of the same device: a registered device, a managed device before and after it is
/// compliant, and a deployment.
#[test]
fn all_of_graphs_lists_and_intunes_log_beside_it_report_the_same_attempt_and_session() {
    let (intune, entra) = ("11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555");
    let read = |sender: &'static Sender, received_at, record: Value| {
        let list = json!({"value": [record]}).to_string();
        all((sender.read)(list.as_bytes(), &HeaderMap::new(), sender.received(received_at, false)).unwrap())
    };
    let pending = json!({"id": "22222222-2222-4222-8222-222222222222", "serialNumber": SERIAL,
        "enrollmentState": "notContacted", "azureActiveDirectoryDeviceId": entra,
        "managedDeviceId": "00000000-0000-0000-0000-000000000000"});
    let managed = |state: &str, seen| {
        json!({"id": intune, "azureADDeviceId": entra, "serialNumber": SERIAL,
        "operatingSystem": "Windows", "enrolledDateTime": text(after(173_000)), "lastSyncDateTime": text(seen),
        "complianceState": state})
    };
    let deployment = json!({
        "id": "00000001-9d4e-4c43-8a52-6f1f7d9c0a01", "deviceId": intune, "eventDateTime": text(minute(40)),
        "enrollmentStartDateTime": text(after(-30_000)), "enrollmentType": "azureADJoinedWithAutopilotProfile",
        "deviceSerialNumber": SERIAL, "enrollmentState": "enrolled", "deploymentState": "success",
        "deviceSetupStatus": "success", "accountSetupStatus": "success", "deploymentTotalDuration": "PT30M10S",
        "deviceSetupDuration": "PT15M", "accountSetupDuration": "PT6M", "deploymentStartDateTime": text(after(2_000)),
        "deploymentEndDateTime": text(after(1_812_000)),
    });
    let log = json!({"records": [{
        "time": text(after(173_500)), "category": "OperationalLogs", "operationName": "Enrollment", "resultType": "Success",
        "properties": {"AADDeviceId": entra, "IntuneDeviceId": intune, "Os": "Windows",
            "EnrollmentType": "WindowsAzureADJoin", "MessageId": "93ce4a3e-0000-4000-8000-000000000005"},
    }]});
    let received = intune_operational_logs::SENDER.received(minute(60), false);
    let log = all(intune_operational_logs::parse(log.to_string().as_bytes(), &HeaderMap::new(), received).unwrap());
    let parts = [
        reported().concat(),
        read(&graph_autopilot_devices::SENDER, after(-600_000), pending),
        read(&graph_managed_devices::SENDER, minute(5), managed("inGracePeriod", minute(4))),
        read(&graph_managed_devices::SENDER, minute(50), managed("compliant", minute(45))),
        read(&graph_autopilot_events::SENDER, minute(60), deployment),
        log,
    ];
    let source = ComplianceSource::All(graph_managed_devices::SOURCE.to_owned());
    let settings = TenantSettings { compliance_source: source, ..TenantSettings::default() };
    let orders = orders(&parts);
    assert_eq!(orders.len(), 720);
    let mut first = None;
    for order in orders {
        let mut history = History::default();
        for event in order {
            history.add(event);
        }
        let enrollment = fold(&TenantId::parse("contoso").unwrap(), &history, &settings, later());
        let (session, attempt) = (one_session(&enrollment), one_attempt(&enrollment));
        assert_eq!((session.state, session.started_at), (SessionState::Success, began()));
        // Only the list of devices shows when it is compliant.
        assert_eq!((attempt.outcome, attempt.ended_at), (Outcome::Completed, Some(minute(45))));
        assert_eq!((attempt.session, enrollment.state), (Some(session.id), DeviceState::Enrolled));
        let (attempts, sessions) = first.get_or_insert((enrollment.attempts.clone(), enrollment.sessions.clone()));
        assert_eq!((&enrollment.attempts, &enrollment.sessions), (&*attempts, &*sessions));
    }
}

#[test]
fn fleet_beside_it_ends_nothing_early() {
    let fleet = json!({"timestamp": text(after(173_000)), "type": "mdm_enrolled", "details": {"host_id": 101,
        "host_serial": SERIAL, "host_display_name": "DESKTOP-1A2B3C", "installed_from_dep": true,
        "mdm_platform": "microsoft", "enrollment_id": null, "platform": "windows"}});
    let received = fleet::SENDER.received(minute(3), false);
    let fleet = all(fleet::parse(fleet.to_string().as_bytes(), &HeaderMap::new(), received).unwrap());
    assert!(fleet.iter().any(|event| event.step().is_some_and(|step| step.said.assumed)), "it assumes compliance");
    let mut parts = reported();
    parts.push(fleet);
    for order in orders(&parts) {
        // While the page is open, nothing completes the attempt.
        let under_way = folded(order.clone(), minute(25));
        assert_eq!(one_attempt(&under_way).outcome, Outcome::InProgress);
        let enrollment = folded(order, later());
        let attempt = one_attempt(&enrollment);
        assert_eq!((attempt.outcome, attempt.ended_at), (Outcome::Completed, Some(minute(30))));
        assert_eq!(one_session(&enrollment).state, SessionState::Success);
    }
}
