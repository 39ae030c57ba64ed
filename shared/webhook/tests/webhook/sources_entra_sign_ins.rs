//! Entra's sign-in logs: each rule by which a sign-in is a step of web-based enrollment; no other sign-in is.

use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};
use vestibule_domain::web_enrollment::{SignIn, WebStep, WebSteps};
use vestibule_domain::{Platform, Timestamp};
use vestibule_webhook::cloudevents::Parsed;
use vestibule_webhook::sources::entra_sign_ins::{STEP_APPS, STEP_CODES, of_graph};
use vestibule_webhook::sources::intune_operational_logs::SENDER;

const NOW: &str = "2026-11-26T00:00:00Z";
const WEB_PORTAL: &str = "74bcdadc-2fdc-4bb3-8459-76d06952a0e9";
const PORTAL: &str = "9ba1a5c7-f17a-4de9-a1f1-6178c8d51223";
const ENROLLMENT: &str = "d4ebce55-015a-49b5-a083-c84d1797ae8c";
const REGISTRATION: &str = "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9";
const INTUNE: &str = "0000000a-0000-0000-c000-000000000000";
const MAIL: &str = "00000002-0000-0ff1-ce00-000000000000";
const ADA: &str = "7D1F4A52-93b8-4e1f-8f0b-5c2a9d3e7f10";

/// A sign-in as Graph describes it, to a resource by an app.
fn sign_in(code: i64, app: &str, resource: &str) -> Value {
    json!({
        "id": "b8f3a0a2", "createdDateTime": "2026-11-25T09:00:01Z", "userDisplayName": "Ada Lovelace",
        "userPrincipalName": "ada@example.com", "userId": ADA, "appId": app, "resourceId": resource,
        "ipAddress": "203.0.113.7", "location": {"city": "Reutlingen"}, "isInteractive": true,
        "status": {"errorCode": code},
        "deviceDetail": {"deviceId": "", "operatingSystem": "Ios 26.1", "isManaged": false, "isCompliant": false},
    })
}

/// The same sign-in as diagnostic settings stream it.
fn record(category: &str, sign_in: &Value) -> Value {
    json!({
        "time": "2026-11-25T09:00:05.1Z", "resourceId": "/tenants/T/providers/Microsoft.aadiam",
        "operationName": "Sign-in activity", "category": category, "tenantId": "T",
        "resultType": sign_in["status"]["errorCode"].to_string(), "properties": sign_in,
    })
}

fn read(records: &[Value]) -> Vec<Parsed> {
    let body = json!({"records": records}).to_string();
    let received = SENDER.received(Timestamp::parse(NOW).unwrap(), false);
    (SENDER.read)(body.as_bytes(), &HeaderMap::new(), received).unwrap().events
}

fn one(record: &Value) -> Option<SignIn> {
    match &read(std::slice::from_ref(record))[..] {
        [Parsed::SignIn { id, read }] => {
            assert_eq!(read.at.to_string(), "2026-11-25T09:00:01.000Z");
            assert_eq!(id.is_some(), read.sign_in.is_some(), "an answer names steps alone");
            read.sign_in.clone()
        }
        other => panic!("{other:?}"),
    }
}

fn interactive(sign_in: &Value) -> WebSteps {
    one(&record("SignInLogs", sign_in)).map(|found| found.steps).unwrap_or_default()
}

/// The steps, and whether one of them opens an enrollment.
fn steps_and_opens(steps: WebSteps) -> (Vec<WebStep>, bool) {
    (steps.steps().collect(), steps.opens())
}

#[test]
fn every_code_and_app_becomes_its_step() {
    use WebStep::*;
    let table: &[(i64, &str, &str, &[WebStep], bool)] = &[
        // Access is refused until the device is enrolled or managed.
        (53000, MAIL, MAIL, &[AccessBlocked], true),
        (530_003, MAIL, MAIL, &[AccessBlocked], true),
        // A Company Portal as app or as resource, with any result that is a step.
        (0, WEB_PORTAL, MAIL, &[PortalSignIn], true),
        (0, MAIL, WEB_PORTAL, &[PortalSignIn], true),
        (0, PORTAL, MAIL, &[PortalSignIn], true),
        (0, "9BA1A5C7-F17A-4DE9-A1F1-6178C8D51223", MAIL, &[PortalSignIn], true),
        (50079, PORTAL, MAIL, &[PortalSignIn, MfaSetup], true),
        (53003, WEB_PORTAL, MAIL, &[PortalSignIn, PolicyBlocked], true),
        (50126, PORTAL, MAIL, &[], false),
        (53000, PORTAL, MAIL, &[AccessBlocked], true),
        // The enrollment itself. A refusal there is not a step.
        (0, ENROLLMENT, MAIL, &[EnrollmentSignIn], true),
        (0, MAIL, ENROLLMENT, &[EnrollmentSignIn], true),
        (50074, ENROLLMENT, MAIL, &[], false),
        // During an enrollment.
        (50079, MAIL, MAIL, &[MfaSetup], false),
        (50072, MAIL, MAIL, &[MfaSetup], false),
        (50125, MAIL, MAIL, &[MfaSetup], false),
        (50127, MAIL, MAIL, &[BrokerInstall], false),
        (501_271, MAIL, MAIL, &[BrokerInstall], false),
        (50129, MAIL, MAIL, &[DeviceRegistration], false),
        (501_291, MAIL, MAIL, &[DeviceRegistration], false),
        (0, MAIL, REGISTRATION, &[DeviceRegistration], false),
        (0, REGISTRATION, MAIL, &[], false),
        (50140, MAIL, REGISTRATION, &[], false),
        (0, PORTAL, REGISTRATION, &[PortalSignIn, DeviceRegistration], true),
        (530_001, MAIL, MAIL, &[ComplianceWait], false),
        (530_002, MAIL, MAIL, &[ComplianceWait], false),
        (53001, MAIL, MAIL, &[PolicyBlocked], false),
        (53002, MAIL, MAIL, &[PolicyBlocked], false),
        (53003, MAIL, MAIL, &[PolicyBlocked], false),
        (53004, MAIL, MAIL, &[PolicyBlocked], false),
        (53010, MAIL, MAIL, &[PolicyBlocked], false),
        // Background traffic, and results that say nothing about an enrollment.
        (0, MAIL, MAIL, &[], false),
        (0, INTUNE, INTUNE, &[], false),
        (0, MAIL, INTUNE, &[], false),
        (50058, MAIL, MAIL, &[], false),
        (50097, MAIL, MAIL, &[], false),
        (50126, MAIL, MAIL, &[], false),
        (50140, MAIL, MAIL, &[], false),
        (50199, MAIL, MAIL, &[], false),
        (50074, MAIL, MAIL, &[], false),
        (50076, MAIL, MAIL, &[], false),
        (50078, MAIL, MAIL, &[], false),
        (53005, MAIL, MAIL, &[], false),
        (530_004, MAIL, MAIL, &[], false),
        (-1, MAIL, MAIL, &[], false),
    ];
    for (code, app, resource, steps, opens) in table {
        let sign_in = sign_in(*code, app, resource);
        assert_eq!(steps_and_opens(interactive(&sign_in)), (steps.to_vec(), *opens), "{code} {app} {resource}");
        // In the background the same steps continue an enrollment, but do not open one.
        let background = one(&record("NonInteractiveUserSignInLogs", &sign_in));
        let background = steps_and_opens(background.map(|found| found.steps).unwrap_or_default());
        assert_eq!(background, (steps.to_vec(), false), "{code} {app} {resource}");
        // Graph's list has the same sign-in without the record around it.
        let listed = of_graph(&json!({"value": [sign_in]}), true);
        assert_eq!(listed.len(), 1);
        let listed = listed[0].sign_in.as_ref().map(|found| found.steps).unwrap_or_default();
        assert_eq!(steps_and_opens(listed), (steps.to_vec(), *opens), "{code} {app} {resource}");
    }
}

#[test]
fn only_a_persons_phone_takes_part() {
    for (os, platform) in [
        ("Ios 26.1", Some(Platform::Ios)),
        ("iOS", Some(Platform::Ios)),
        ("iPadOS 26", Some(Platform::Ios)),
        (" Android 16", Some(Platform::Android)),
        ("Windows10", None),
        ("MacOs", None),
        ("Linux", None),
        ("iosphere 3", None),
        ("", None),
    ] {
        let mut with = sign_in(0, PORTAL, MAIL);
        with["deviceDetail"]["operatingSystem"] = os.into();
        assert_eq!(one(&record("SignInLogs", &with)).map(|found| found.platform), platform, "{os}");
    }
    let without = |change: fn(&mut Value)| {
        let mut changed = sign_in(53000, MAIL, MAIL);
        change(&mut changed);
        one(&record("SignInLogs", &changed))
    };
    assert!(without(|_| {}).is_some());
    assert!(without(|it| it["userId"] = Value::Null).is_none());
    assert!(without(|it| it["userId"] = " ".into()).is_none());
    assert!(without(|it| it["userId"] = "00000000-0000-0000-0000-000000000000".into()).is_none());
    assert!(without(|it| it["deviceDetail"] = Value::Null).is_none());
    // A managed device is already enrolled. `false` also stands for unknown.
    assert!(without(|it| it["deviceDetail"]["isManaged"] = true.into()).is_none());
    assert!(without(|it| it["deviceDetail"]["isManaged"] = Value::Null).is_some());
    // One person, however the id is spelled.
    assert_eq!(without(|_| {}).unwrap().user_id, ADA.to_lowercase());
}

#[test]
fn record_and_sign_in_complete_each_other() {
    let mut bare = record("SignInLogs", &sign_in(53000, MAIL, MAIL));
    bare["properties"].as_object_mut().unwrap().remove("status");
    assert_eq!(steps_and_opens(one(&bare).unwrap().steps), (vec![WebStep::AccessBlocked], true), "by resultType");
    bare["resultType"] = 530_003.into();
    assert!(one(&bare).is_some());
    bare["resultType"] = "".into();
    assert!(one(&bare).is_none());
    // The log of interactive sign-ins may mark one as not interactive.
    let mut background = sign_in(0, PORTAL, MAIL);
    background["isInteractive"] = false.into();
    assert!(!interactive(&background).opens());
    assert!(!of_graph(&json!({"value": [background]}), true)[0].sign_in.as_ref().unwrap().steps.opens());
    // Properties as text, as some forwarders write them, and a category in another letter case.
    let mut text = record("signinlogs", &sign_in(0, PORTAL, MAIL));
    text["properties"] = text["properties"].to_string().into();
    assert!(one(&text).unwrap().steps.opens());
    // Without a time of its own, the record's time counts; without either the sign-in is ignored, as are sign-ins
    // without a person.
    let mut late = record("SignInLogs", &sign_in(0, PORTAL, MAIL));
    late["properties"].as_object_mut().unwrap().remove("createdDateTime");
    let [Parsed::SignIn { read: found, .. }] = &read(&[late.clone()])[..] else { panic!() };
    assert_eq!(found.at.to_string(), "2026-11-25T09:00:05.100Z");
    late.as_object_mut().unwrap().remove("time");
    let other = record("ServicePrincipalSignInLogs", &sign_in(0, PORTAL, MAIL));
    for passed_over in [late, other, record("AuditLogs", &sign_in(0, PORTAL, MAIL))] {
        assert!(matches!(&read(&[passed_over])[..], [Parsed::UnknownType { .. }]));
    }
}

#[test]
fn intunes_own_records_beside_them_are_still_read() {
    let sample = SENDER.samples[0].body;
    let own: Value = serde_json::from_slice(sample).unwrap();
    let mut records = own["records"].as_array().unwrap().clone();
    let alone = read(&records);
    records.insert(0, record("SignInLogs", &sign_in(0, PORTAL, MAIL)));
    records.push(record("NonInteractiveUserSignInLogs", &sign_in(0, MAIL, MAIL)));
    let mut mixed = read(&records);
    assert!(matches!(mixed.pop(), Some(Parsed::SignIn { id: None, .. })));
    assert!(matches!(mixed.remove(0), Parsed::SignIn { id: Some(_), .. }));
    assert_eq!(mixed, alone);
}

#[test]
fn the_codes_and_apps_of_steps_are_complete() {
    let steps = |code, app, resource| interactive(&sign_in(code, app, resource));
    for code in (0..=999).chain(50_000..=53_999).chain(500_000..=539_999) {
        assert_eq!(steps(code, MAIL, MAIL) != WebSteps::NONE, STEP_CODES.contains(&code), "{code}");
    }
    for app in [MAIL, INTUNE, PORTAL].into_iter().chain(STEP_APPS) {
        let is_step = [steps(0, app, MAIL), steps(0, MAIL, app)].iter().any(|found| *found != WebSteps::NONE);
        assert_eq!(is_step, STEP_APPS.contains(&app), "{app}");
    }
}

#[test]
fn non_interactive_sign_ins_open_nothing() {
    let mut silent = sign_in(0, PORTAL, MAIL);
    for says in [json!(false), json!(true), Value::Null] {
        silent["isInteractive"] = says;
        let found = of_graph(&json!([silent]), false);
        assert!(found[0].sign_in.as_ref().is_some_and(|found| !found.steps.opens()));
    }
}

#[test]
fn graphs_lists_are_read_in_every_envelope() {
    let list = json!([sign_in(0, PORTAL, MAIL), sign_in(0, MAIL, MAIL), "no sign-in", {"id": "no time"}]);
    for body in [list.clone(), json!({"@odata.nextLink": "https://…", "value": list})] {
        let found = of_graph(&body, true);
        assert_eq!(found.iter().map(|one| one.sign_in.is_some()).collect::<Vec<_>>(), [true, false]);
    }
    for nothing in [json!({}), json!({"value": {}}), json!(null), json!("value")] {
        assert!(of_graph(&nothing, true).is_empty());
    }
}

proptest! {
    /// Nothing leaves the module of a sign-in that is not a step; of a step, only the members that matter.
    #[test]
    fn nothing_of_a_person_is_kept(code in prop_oneof![Just(0_i64), Just(53000), Just(50126), any::<i64>()], portal in any::<bool>()) {
        let record = record("SignInLogs", &sign_in(code, if portal { PORTAL } else { MAIL }, MAIL));
        let text = format!("{:?}", read(&[record]));
        for secret in [ADA, &ADA.to_lowercase(), "ada@example.com", "Lovelace", "203.0.113", "Reutlingen", PORTAL] {
            prop_assert!(!text.contains(secret), "{}", text);
        }
    }

    /// No value of any member causes a panic.
    #[test]
    fn odd_members_are_no_trouble(member in "[a-zA-Z]{1,20}", odd in prop_oneof![Just(json!(null)), Just(json!([])), Just(json!({})), Just(json!("x")), Just(json!(1.5)), Just(json!(true))]) {
        let names = ["userId", "appId", "resourceId", "status", "deviceDetail", "createdDateTime", "isInteractive", "id", &member];
        for name in names {
            let mut changed = sign_in(53000, PORTAL, MAIL);
            changed[name] = odd.clone();
            let _read = of_graph(&json!([changed]), true);
            let _read = read(&[record("SignInLogs", &changed)]);
        }
    }
}
