//! Bodies with Graph's list of Autopilot events: members that are missing, unknown or wrong, and forms of the list.

use crate::graph_autopilot_common;

use graph_autopilot_common::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use vestibule_domain::esp::{ItemState, SessionState};
use vestibule_domain::event::Kind;
use vestibule_webhook::cloudevents::Parsed;
use vestibule_webhook::{BodyError, MAX_BODY_BYTES, MAX_EVENTS};

#[test]
fn any_member_may_be_missing() {
    let full = record();
    for name in full.as_object().unwrap().keys().filter(|name| *name != "id") {
        for absent in [json!(null), json!(""), json!("  ")] {
            assert!(!of(&with(json!({name: absent}))).is_empty(), "{name}");
        }
    }
    // A device that nothing happened to, and one that is only registered.
    let silent = json!({"id": "r1", "deviceSerialNumber": "AP-0001"});
    assert_eq!(batch(&silent.to_string()).events, [Parsed::passed_over(Some("r1".to_owned()), None)]);
    let waiting = folded(listed("AP-WAITING"));
    assert!(waiting.pending);
    assert_eq!(waiting.about.enrollment_type, None);
    // Something happened, but the record has no time for it.
    for news in [json!({"enrollmentState": "enrolled"}), json!({"deploymentState": "failure"})] {
        let mut timeless = silent.clone();
        timeless.as_object_mut().unwrap().extend(news.as_object().unwrap().clone());
        assert_eq!(refused_fields(&timeless), ["eventDateTime"]);
    }
    let only_end = json!({"id": "r1", "deviceId": "device-1", "deploymentState": "failure",
        "deploymentEndDateTime": "2026-02-10T09:00:00Z"});
    assert_eq!(session(of(&only_end)).state, SessionState::Failed);
}

#[test]
fn names_that_graph_adds_count_as_not_reported() {
    let unknown = with(json!({
        "enrollmentState": "unknownFutureValue", "deploymentState": "nonCompliant", "deviceSetupStatus": "odd",
        "accountSetupStatus": "odd", "enrollmentType": "odd", "deploymentStartDateTime": null,
        "policyStatusDetails": [{"id": "a", "policyType": "odd", "complianceStatus": "odd"}, {}, null],
    }));
    assert_eq!(steps(&of(&unknown)), [(Kind::Started, "2026-02-10T09:00:00.000Z".to_owned())]);
    assert!(details(&of(&unknown)).is_empty());
    let tracked = with(json!({"policyStatusDetails": [
        {"id": "a", "policyType": "odd", "complianceStatus": "odd", "trackedOnEnrollmentStatus": true},
        {"displayName": "b", "trackedOnEnrollmentStatus": true, "complianceStatus": "NotCompliant", "errorCode": 7},
        {"id": "c", "trackedOnEnrollmentStatus": true, "complianceStatus": "notCompliant", "errorCode": 0},
    ]}));
    let items: Vec<_> = session(of(&tracked)).items.into_iter().map(|item| (item.id, item.state)).collect();
    let expected = [("a", None), ("b", Some(ItemState::Error)), ("c", Some(ItemState::InProgress))];
    assert_eq!(items, expected.map(|(id, state)| (id.to_owned(), state)));
}

#[test]
fn a_wrong_member_is_named() {
    let long = "x".repeat(2_001);
    for (field, wrong) in [
        ("id", json!(7)),
        ("id", json!(null)),
        ("id", json!("x".repeat(129))),
        ("deviceId", json!(["d1"])),
        ("userId", json!(1)),
        ("eventDateTime", json!(1_770_000_000)),
        ("eventDateTime", json!("yesterday")),
        ("deviceRegisteredDateTime", json!("2026-02-10T09:00:00")),
        ("enrollmentStartDateTime", json!({})),
        ("deploymentStartDateTime", json!("2026-02-30T00:00:00Z")),
        ("deploymentEndDateTime", json!(false)),
        ("enrollmentType", json!(1)),
        ("deviceSerialNumber", json!(12_345)),
        ("managedDeviceName", json!(long[..257])),
        ("userPrincipalName", json!(long[..257])),
        ("osVersion", json!(10.0)),
        ("windowsAutopilotDeploymentProfileDisplayName", json!([])),
        ("enrollmentState", json!(1)),
        ("deploymentState", json!(true)),
        ("deviceSetupStatus", json!(["success"])),
        ("accountSetupStatus", json!(3)),
        ("deploymentTotalDuration", json!(300)),
        ("devicePreparationDuration", json!("00:05:00")),
        ("deviceSetupDuration", json!("P1Y")),
        ("accountSetupDuration", json!({"ticks": 1})),
        ("enrollmentFailureDetails", json!(long)),
        ("policyStatusDetails", json!({})),
        ("policyStatusDetails", json!(vec![json!({}); 501])),
        ("policyStatusDetails[1]", json!([{}, "x"])),
        ("policyStatusDetails[0].id", json!([{"id": 7}])),
        ("policyStatusDetails[0].displayName", json!([{"displayName": long[..257]}])),
        ("policyStatusDetails[0].policyType", json!([{"policyType": 3}])),
        ("policyStatusDetails[0].complianceStatus", json!([{"complianceStatus": 2}])),
        ("policyStatusDetails[0].trackedOnEnrollmentStatus", json!([{"trackedOnEnrollmentStatus": "true"}])),
        ("policyStatusDetails[0].lastReportedDateTime", json!([{"lastReportedDateTime": 0}])),
        ("policyStatusDetails[0].errorCode", json!([{"errorCode": 1.5}])),
        ("policyStatusDetails[0].errorCode", json!([{"errorCode": [1]}])),
    ] {
        let member = field.split('[').next().unwrap();
        assert_eq!(refused_fields(&with(json!({member: wrong}))), [field]);
    }
    let nobody = json!({"deviceSerialNumber": null, "deviceId": null});
    assert_eq!(refused_fields(&with(nobody)), ["deviceSerialNumber"]);
    for unusable in [json!("System Serial Number"), json!("0")] {
        let nameless =
            with(json!({"deviceSerialNumber": unusable, "deviceId": "00000000-0000-0000-0000-000000000000"}));
        assert_eq!(refused_fields(&nameless), ["deviceSerialNumber", "deviceId"]);
    }
}

#[test]
fn an_invalid_record_does_not_affect_the_others() {
    let list = json!({"value": [record(), 7, {"id": "r2"}, with(json!({"id": "r3"}))]});
    let batch = batch(&list.to_string());
    assert!(batch.is_list);
    let each = of(&record()).len();
    assert_eq!(batch.events.len(), 2 * each + 2);
    assert!(matches!(&batch.events[each], Parsed::Invalid { id: None, .. }));
    assert!(matches!(&batch.events[each + 1], Parsed::Invalid { id: Some(id), .. } if id == "r2"));
}

#[test]
fn bodies_are_lists_in_graphs_envelope_bare_or_single_records() {
    let record = record();
    let expected = of(&record);
    for (body, is_list) in [
        (json!({"@odata.context": "x", "value": [record]}), true),
        (json!([record]), true),
        (json!({"value": record}), false),
        (record.clone(), false),
    ] {
        let batch = batch(&body.to_string());
        assert_eq!(batch.is_list, is_list);
        assert_eq!(batch.events.len(), expected.len());
    }
    assert!(batch(r#"{"value": []}"#).events.is_empty());
    let refused = |body: &[u8]| parse(body).unwrap_err();
    assert!(matches!(refused(b"{"), BodyError::NotJson { .. }));
    assert_eq!(refused(b"7"), BodyError::NotAnEvent);
    assert_eq!(refused(&vec![b' '; MAX_BODY_BYTES + 1]), BodyError::TooLarge);
    let many = |count| json!({"value": vec![json!({}); count]}).to_string();
    assert_eq!(refused(many(MAX_EVENTS + 1).as_bytes()), BodyError::TooManyEvents);
    assert_eq!(batch(&many(MAX_EVENTS)).events.len(), MAX_EVENTS);
    assert!(refused_fields(&json!({"error": {"code": "Forbidden"}})).contains(&"id".to_owned()));
}

/// Values that Graph would send, and values that nobody would.
fn any_value() -> impl Strategy<Value = Value> {
    let values = [
        "",
        "success",
        "inProgress",
        "failure",
        "successOnRetry",
        "successWithTimeout",
        "notAttempted",
        "enrolled",
        "failed",
        "offlineDomainJoined",
        "azureADJoinedWithWhiteGlove",
        "0001-01-01T00:00:00Z",
        "2026-02-10T09:00:00.1234567+14:00",
        "9999-12-31T23:59:59.9999999Z",
        "1969-12-31T23:59:59Z",
        "-PT4M20.3S",
        "PT2M47.5466667S",
        "P29D",
        "PT0S",
        "-P",
        "0x80180014",
        "00000000-0000-0000-0000-000000000000",
        NOW,
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(values.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 8, |inner| {
        let names: Vec<String> = record()
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .chain(["value".into(), "policyStatusDetails".into()])
            .collect();
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(names), inner, 0..12)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A sample's record in which some members have other values.
fn nearly_valid() -> impl Strategy<Value = Value> {
    let records: Vec<Value> = [LIST, DOCUMENTED, LATER]
        .iter()
        .flat_map(|body| serde_json::from_str::<Value>(body).unwrap()["value"].as_array().unwrap().clone())
        .collect();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any_value(), any::<bool>()), 0..5);
    (prop::sample::select(records), changes).prop_map(|(mut record, changes)| {
        for (index, value, nested) in changes {
            let inner = record.get("policyStatusDetails").is_some_and(|list| list.get(0).is_some_and(Value::is_object));
            let map = if nested && inner {
                record["policyStatusDetails"][0].as_object_mut().unwrap()
            } else {
                record.as_object_mut().unwrap()
            };
            if map.is_empty() {
                continue;
            }
            let name = map.keys().nth(index.index(map.len())).unwrap().clone();
            map.insert(name, value);
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
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _any = parse(&bytes);
    }

    #[test]
    fn no_json_makes_it_panic(value in any_value()) {
        let _any = parse(value.to_string().as_bytes());
    }

    #[test]
    fn a_record_is_taken_whole_or_refused_with_a_reason(record in nearly_valid()) {
        let body = record.to_string();
        let batch = parse(body.as_bytes()).unwrap();
        prop_assert_eq!(&batch, &parse(body.as_bytes()).unwrap());
        let mut events = Vec::new();
        for parsed in &batch.events {
            match parsed {
                Parsed::Event(event) => events.push(event.clone().stored()),
                Parsed::UnknownType { .. } | Parsed::SignIn { .. } => prop_assert_eq!(batch.events.len(), 1),
                Parsed::Invalid { errors, .. } => {
                    prop_assert!(!errors.is_empty(), "refused without a reason: {}", record);
                    prop_assert_eq!(batch.events.len(), 1);
                }
            }
        }
        prop_assert!(events.iter().all(|event| event.key.id.len() <= 4 * 256));
        prop_assert_eq!(keys(&events).len(), events.len(), "two events of one key: {}", record);
        // Whatever its times, one record is at most one session, and never an attempt that began anew.
        let enrollment = folded(events);
        prop_assert!(enrollment.sessions.len() <= 1);
        let restarted = |attempt: &vestibule_domain::Attempt| attempt.cause == Some(vestibule_domain::Cause::Restarted);
        prop_assert!(!enrollment.attempts.iter().any(restarted), "{}", record);
    }
}
