//! Which values identify a device and which do not: one rule for all senders, and a refusal names the value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use vestibule_domain::event::Event;
use vestibule_domain::{Identifier, Timestamp};
use vestibule_webhook::cloudevents::Parsed;
use vestibule_webhook::sources::{
    Read, android_management, fleet, graph_autopilot_events, graph_troubleshooting_events, intune_operational_logs,
    jamf, nanomdm, workspace_one,
};
use vestibule_webhook::{Received, parse};

const NOW: &str = "2026-03-01T12:00:00Z";
const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// Placeholders of common firmware and scripts, in spellings seen in practice.
const COMMON: [&str; 17] = [
    "System Serial Number",
    "SystemSerialNumber",
    "To be filled by O.E.M.",
    "To Be Filled By OEM",
    "Default string",
    "Defaultstring",
    "Not Applicable",
    "NotApplicable",
    "Not Specified",
    "Not Available",
    "Chassis Serial Number",
    "INVALID",
    "Unknown",
    "None",
    "0123456789",
    "123456789",
    NIL,
];

fn received() -> Received {
    Received::native(Timestamp::parse(NOW).unwrap(), false)
}

fn native(data: &Value) -> Parsed {
    let event = json!({
        "specversion": "1.0", "id": "e1", "source": "mdm", "type": "enrollment.started", "time": NOW, "data": data,
    });
    parse(event.to_string().as_bytes(), received()).unwrap().events.remove(0)
}

fn event(parsed: Parsed) -> Event {
    match parsed {
        Parsed::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

/// The fields and problems of a refusal, one line each.
fn refusals(parsed: &Parsed) -> Vec<String> {
    match parsed {
        Parsed::Invalid { errors, .. } => {
            errors.iter().map(|error| format!("{}: {}", error.field, error.problem)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn common_placeholders_are_refused_as_any_kind_of_identifier() {
    for value in COMMON {
        for (member, kind, data) in [
            ("data.device.serialNumber", "a serial number", json!({"device": {"serialNumber": value}})),
            ("data.device.udid", "a UDID", json!({"device": {"udid": value}})),
            ("data.device.mdmDeviceId", "a device id", json!({"device": {"mdmDeviceId": value}})),
            ("data.enrollmentId", "an enrollment id", json!({"enrollmentId": value})),
        ] {
            let expected = format!("{member}: \"{value}\" is a placeholder, not {kind}");
            assert_eq!(refusals(&native(&data)), [expected]);
        }
    }
}

#[test]
fn a_refusal_names_exactly_the_values_sent() {
    let data = json!({"device": {"serialNumber": "Default string", "mdmDeviceId": "17", "udid": " "}});
    assert_eq!(
        refusals(&native(&data)),
        [
            "data.device.serialNumber: \"Default string\" is a placeholder, not a serial number",
            "data.device.mdmDeviceId: \"17\" has under 4 letters and digits, too few for a device id",
        ]
    );
    for data in [json!({}), json!({"device": {"name": "Ada's PC", "serialNumber": "  "}})] {
        let refusals = refusals(&native(&data));
        assert!(matches!(&refusals[..], [only] if only.starts_with("data.device: must have")), "{refusals:?}");
    }
}

#[test]
fn a_placeholder_beside_an_identifier_is_ignored() {
    let parsed = native(&json!({"device": {"serialNumber": "Default string", "udid": NIL, "mdmDeviceId": "PC-00017"}}));
    let names: Vec<Identifier> = event(parsed).about.identifiers().collect();
    assert_eq!(names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>(), ["pc-00017"]);
}

/// Twelve PCs of one maker share four placeholders for serial numbers and two for ids; they must stay twelve devices.
#[test]
fn twelve_pcs_with_the_same_placeholders_are_twelve_devices() {
    let serials = ["Defaultstring", "NotApplicable", "Not Specified", "Default string"];
    let mut all = BTreeSet::new();
    for number in 0..12 {
        let mdm_device_id = if number % 2 == 0 { NIL } else { "Unknown" };
        let data = json!({
            "device": {"serialNumber": serials[number % 4], "mdmDeviceId": mdm_device_id},
            "enrollmentId": format!("enrollment-{number}"),
        });
        let names: Vec<Identifier> = event(native(&data)).about.identifiers().collect();
        assert_eq!(names.len(), 1, "{names:?}");
        all.extend(names);
    }
    assert_eq!(all.len(), 12);
}

fn read(read: Read, body: &Value) -> Vec<Parsed> {
    read(body.to_string().as_bytes(), &HeaderMap::new(), received()).unwrap().events
}

#[test]
fn the_answer_names_the_invalid_identifier_to_every_sender() {
    let android = json!({"name": "enterprises/e/devices/abc", "hardwareInfo": {"serialNumber": "unknown"}});
    let plist = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict>\
        <key>MessageType</key><string>Authenticate</string><key>SerialNumber</key><string>Not Specified</string>\
        <key>UDID</key><string>00000000-0000000000000000</string></dict></plist>";
    let cases: [(Read, Value, &[&str]); 8] = [
        (
            android_management::parse,
            json!({"message": {"attributes": {"notificationType": "ENROLLMENT"},
                "data": STANDARD.encode(android.to_string())}}),
            &[
                "message.data.hardwareInfo.serialNumber: \"unknown\" is a placeholder, not a serial number",
                "message.data.name: \"abc\" is a placeholder, not a device id",
            ],
        ),
        (
            fleet::parse,
            json!({"type": "mdm_enrolled", "timestamp": NOW, "details": {"host_serial": "Default string", "host_id": 0}}),
            &["details.host_serial: \"Default string\" is a placeholder, not a serial number"],
        ),
        (
            jamf::parse,
            json!({"webhook": {"webhookEvent": "ComputerAdded"},
                "event": {"serialNumber": "To Be Filled By O.E.M.", "udid": NIL, "managementId": "n/a", "jssID": 0}}),
            &[
                "event.serialNumber: \"To Be Filled By O.E.M.\" is a placeholder, not a serial number",
                "event.udid: \"00000000-0000-0000-0000-000000000000\" is a placeholder, not a UDID",
                "event.managementId: \"n/a\" is a placeholder, not a device id",
            ],
        ),
        (
            workspace_one::parse,
            json!({"EventType": "MDM Enrollment Complete", "SerialNumber": "None", "DeviceUUID": NIL}),
            &[
                "SerialNumber: \"None\" is a placeholder, not a serial number",
                "DeviceUUID: \"00000000-0000-0000-0000-000000000000\" is a placeholder, not a device id",
            ],
        ),
        (
            nanomdm::parse,
            json!({"topic": "mdm.Authenticate", "checkin_event": {"raw_payload": STANDARD.encode(plist)}}),
            &[
                "checkin_event.raw_payload.SerialNumber: \"Not Specified\" is a placeholder, not a serial number",
                "checkin_event.raw_payload.UDID: \"00000000-0000000000000000\" is a placeholder, not a UDID",
            ],
        ),
        (
            graph_troubleshooting_events::parse,
            json!({"failureCategory": "badRequest", "eventDateTime": NOW, "managedDeviceIdentifier": NIL, "deviceId": "N/A"}),
            &[
                "managedDeviceIdentifier: \"00000000-0000-0000-0000-000000000000\" is a placeholder, not a device id",
                "deviceId: \"N/A\" is a placeholder, not an enrollment id",
            ],
        ),
        (
            intune_operational_logs::parse,
            json!({"category": "OperationalLogs", "operationName": "Enrollment", "resultType": "Fail", "time": NOW,
                "properties": {"IntuneDeviceId": NIL, "AADDeviceId": "Unknown"}}),
            &[
                "properties.IntuneDeviceId: \"00000000-0000-0000-0000-000000000000\" is a placeholder, not a device id",
                "properties.AADDeviceId: \"Unknown\" is a placeholder, not an enrollment id",
            ],
        ),
        (
            graph_autopilot_events::parse,
            json!({"id": "record-1", "eventDateTime": NOW, "enrollmentState": "enrolled",
                "deviceSerialNumber": "Defaultstring", "deviceId": NIL}),
            &[
                "deviceSerialNumber: \"Defaultstring\" is a placeholder, not a serial number",
                "deviceId: \"00000000-0000-0000-0000-000000000000\" is a placeholder, not a device id",
            ],
        ),
    ];
    for (reader, body, expected) in cases {
        let events = read(reader, &body);
        assert_eq!(events.len(), 1, "{body}");
        assert_eq!(refusals(&events[0]), expected, "{body}");
    }
}

#[test]
fn an_updates_id_is_the_senders_until_it_is_stored() {
    let item = json!({
        "specversion": "1.0", "id": "update-7", "source": "agent", "type": "esp.item", "time": NOW,
        "data": {"device": {"serialNumber": "C02XYZ123"}, "phase": "deviceSetup", "category": "apps",
            "item": {"id": "app-1", "state": "completed"}},
    });
    let sent = event(parse(item.to_string().as_bytes(), received()).unwrap().events.remove(0));
    assert_eq!(sent.key.id, "update-7");
    let stored = sent.clone().stored();
    assert_ne!(stored.key.id, "update-7");
    assert_eq!(stored.clone().stored(), stored);
}
