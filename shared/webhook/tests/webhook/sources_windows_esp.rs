//! What the reporter on Windows devices posts, and the events that each record and fact becomes.
//!
//! The records have the form that Microsoft's troubleshooting page prints; values are of our own.

use crate::windows_esp_common;

use serde_json::{Value, json};
use vestibule_domain::esp::filter::Property;
use vestibule_domain::esp::{Category, DeploymentMode, EspAction, EspDetail, ItemState, Phase, PhaseState};
use vestibule_domain::event::{Body, ClockSkew, Event, Kind};
use vestibule_domain::{Millis, Timestamp};
use vestibule_webhook::BodyError;
use vestibule_webhook::cloudevents::Parsed;
use vestibule_webhook::sources::windows_esp;
use windows_esp_common::*;

const SAMPLE: &str = include_str!("../../src/sources/samples/windows-esp.json");

/// The details that a record of that name becomes, in a session that a person drives.
fn said(name: &str, message: &str, code: i64) -> Vec<EspDetail> {
    details(&events(&body(vec![record(1, 1, 60, name, message, code)])))
}

fn started(events: &[Event]) -> &vestibule_domain::esp::Start {
    let start = |event: &&Event| matches!(&event.body, Body::Esp(esp) if matches!(esp.detail, EspDetail::Started(_)));
    let Body::Esp(esp) = &events.iter().find(start).unwrap().body else { panic!() };
    let EspDetail::Started(start) = &esp.detail else { panic!() };
    start
}

#[test]
fn the_sample_starts_a_session_and_fails_it() {
    let events = events(&serde_json::from_str(SAMPLE).unwrap());
    let start = started(&events);
    assert_eq!((start.deployment_mode, start.limit_minutes), (Some(DeploymentMode::UserDriven), Some(60)));
    assert_eq!(start.allowed_actions, Some(vec![EspAction::Retry, EspAction::Reset]));
    for (property, value) in [
        (Property::Manufacturer, "LENOVO"),
        (Property::Model, "21HMCTO1WW"),
        (Property::OsVersion, "10.0.26100.1742"),
        // Filters use these names where Windows has a number.
        (Property::OperatingSystemSku, "Enterprise"),
        (Property::EnrollmentProfileName, "Standard laptops"),
    ] {
        assert_eq!(start.property(property), Some(value));
    }
    let steps: Vec<_> = events.iter().filter_map(|event| Some((event.step()?.kind, event.time))).collect();
    assert_eq!(steps, [(Kind::Started, began()), (Kind::Enrolled, after(172_880))]);
    let details = details(&events);
    assert!(details.contains(&EspDetail::Phase(Phase::DeviceSetup, PhaseState::Started)));
    assert!(details.contains(&item(
        Phase::DeviceSetup,
        Category::Apps,
        "aaaaaaaa-0000-4000-8000-000000000001",
        ItemState::InProgress,
        None
    )));
    let failed = "An error occured during app installation. Error = 0x87d1041c";
    assert!(details.contains(&EspDetail::Failed(Some("0x87d1041c".to_owned()), Some(failed.to_owned()))));
    let about = &events[0].about;
    assert_eq!(about.serial_number.as_deref(), Some("PF3ABCDE"));
    assert_eq!(about.mdm_device_id.as_deref(), Some("11111111-2222-3333-4444-555555555555"));
    assert_eq!(about.user_principal_name.as_deref(), Some("person.a@example.com"));
    assert!(events.iter().all(|event| event.clock_skew.is_none() && event.key.source == windows_esp::SOURCE));
}

#[test]
fn each_record_becomes_what_it_says() {
    use ItemState::{Completed, Error, InProgress};
    let sub = "BootstrapStatusCategory_SubcategoryProcessing_";
    let message = |name: &str, state: &str| format!("BootstrapStatus: Subcategory ID = {name}; state = {state}.");
    let begins = |name: &str| format!("BootstrapStatus: Starting subcategory {name}...");
    let subtask = |end: &str, text: String| said(&format!("CommercialOOBE_{sub}{end}"), &text, 0);
    for (name, phase, category, id) in [
        (
            "DevicePreparation.TpmAttestationSubcategory",
            Phase::DevicePreparation,
            Category::SecureHardware,
            "secureHardware",
        ),
        ("DevicePreparation.AadjSubcategory", Phase::DevicePreparation, Category::JoinNetwork, "joinNetwork"),
        (
            "DevicePreparation.MdmEnrollmentSubcategory",
            Phase::DevicePreparation,
            Category::RegisterDevice,
            "mdmEnrollment",
        ),
        (
            "DevicePreparation.EspProviderInstallationSubcategory",
            Phase::DevicePreparation,
            Category::RegisterDevice,
            "espProviders",
        ),
        ("DeviceSetup.CertificatesSubcategory", Phase::DeviceSetup, Category::Certificates, "certificates"),
        (
            "AccountSetup.WaitingForAadRegistrationSubcategory",
            Phase::AccountSetup,
            Category::JoinNetwork,
            "joinNetwork",
        ),
        (
            "AccountSetup.NetworkConnectionsSubcategory",
            Phase::AccountSetup,
            Category::NetworkConnections,
            "networkConnections",
        ),
    ] {
        assert_eq!(subtask("Started", begins(name)), [item(phase, category, id, InProgress, None)]);
        assert_eq!(subtask("Success", message(name, "succeeded")), [item(phase, category, id, Completed, None)]);
        assert_eq!(subtask("Failed", message(name, "failed")), [item(phase, category, id, Error, None)]);
        assert_eq!(subtask("Failed", message(name, "cancelled")), []);
        assert_eq!(subtask("Failed", message(name, "rebootRequiredAndTryAgain")), []);
        assert_eq!(subtask("Failed", message(name, "failedFromPreviousSubcategory")), []);
    }
    // The page works through subtasks that nobody sees, and facts report each app alone.
    for hidden in ["DeviceSetup.RebootCoalescing", "DeviceSetup.SendResultsToMdmServer", "DeviceSetup.AppsSubcategory"]
    {
        assert_eq!(subtask("Started", begins(hidden)), []);
        assert_eq!(subtask("Success", message(hidden, "succeeded")), []);
    }
    assert_eq!(subtask("Failed", message("DeviceSetup.AppsSubcategory", "failed")), [EspDetail::Failed(None, None)]);
    let failed = |name: &str, phase, category, id| {
        let made = said(&format!("CommercialOOBE_{name}"), "BootstrapStatus: x", -2_145_910_764);
        assert_eq!(made, [item(phase, category, id, Error, Some("0x80180014"))], "{name}");
    };
    failed(
        "ESPDeviceSetup_PoliciesInstallation_Failed",
        Phase::DeviceSetup,
        Category::SecurityPolicies,
        "securityPolicies",
    );
    failed(
        "ESPAccountSetup_CertificatesInstallation_Failed",
        Phase::AccountSetup,
        Category::Certificates,
        "certificates",
    );
    failed(
        "ESPDevicePreparation_TPMAttestation_TimedOut",
        Phase::DevicePreparation,
        Category::SecureHardware,
        "secureHardware",
    );
    let enrolling = "ESPDevicePreparation_DeviceEnrollment_WhiteGloveTimeOutError";
    failed(enrolling, Phase::DevicePreparation, Category::RegisterDevice, "mdmEnrollment");
    for (name, action) in [
        ("ESPProgress_TryAgain_Started", EspAction::Retry),
        ("ESPProgress_DeviceResetInitiation_Started", EspAction::Reset),
        ("ESPProgress_ContinueAnyway_Started", EspAction::ContinueAnyway),
        ("ESPProgress_SignOutAndWasContinuedAnyway_Started", EspAction::ContinueAnyway),
        ("ESPProgress_ViewDiagnostics_Started", EspAction::CollectLogs),
    ] {
        assert_eq!(said(&format!("CommercialOOBE_{name}"), "x", 0), [EspDetail::Action(action)]);
    }
    let skipped = said("CommercialOOBE_ESPAccountSetup_ApplicationsInstallation_Skipped", "x", 0);
    assert_eq!(skipped, [EspDetail::Tracked(Phase::AccountSetup, Category::Apps, Vec::new())]);
    // The page also writes this when it hands over to the account's part.
    assert_eq!(said("CommercialOOBE_ESPProgress_Page_Exiting", "BootstrapStatus: Exiting page normally.", 0), []);
    for unknown in
        ["CommercialOOBE_Button_Visibility_Triggered", "CommercialOOBE_ESPProgress_Battery_Low", "Other_Thing"]
    {
        assert_eq!(said(unknown, "x", 0), [], "{unknown}");
    }
}

#[test]
fn a_code_is_an_hresult_of_32_bits() {
    let code = |code: Value| {
        let value = json!({"message": "BootstrapStatus: x", "errorCode": code}).to_string();
        let name = "CommercialOOBE_ESPDeviceSetup_ApplicationsInstallation_Failed";
        let mut one = record(1, 1, 60, name, "", 0);
        one["data"] = json!([name, value]);
        match &details(&events(&body(vec![one])))[..] {
            [EspDetail::Failed(code, _)] => code.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code(json!(-2_016_345_060)).as_deref(), Some("0x87d1041c"));
    assert_eq!(code(json!(2_278_622_236_u32)).as_deref(), Some("0x87d1041c"));
    assert_eq!(code(json!(1603)).as_deref(), Some("0x00000643"));
    for none in [json!(0), json!(u64::MAX), json!(i64::MIN), json!(1.5), json!("x"), json!(null), json!([1])] {
        assert_eq!(code(none.clone()), None, "{none}");
    }
}

#[test]
fn data_is_read_in_any_order_and_as_one_text() {
    let name = "CommercialOOBE_ESPProgress_Category_Started";
    let value =
        r#"{"message":"BootstrapStatus: Starting category DeviceSetupCategory...","errorCode":0,"stack":"a'b"}"#;
    let whole = format!("CloudExperienceHost Web App Event 2. Name: '{name}', Value: '{value}'.");
    // Windows writes the words around the values in its own language.
    let german = format!("CloudExperienceHost-Web-App-Ereignis 2. Name: '{name}', Wert: '{value}'.");
    // A value that was cut off still names the phase.
    let cut = &value[..value.len() - 9];
    let expected = [EspDetail::Phase(Phase::DeviceSetup, PhaseState::Started)];
    for data in [
        json!([name, value]),
        json!([value, "", name]),
        json!(whole),
        json!([whole]),
        json!([german]),
        json!([name, cut]),
    ] {
        let mut one = record(1, 1, 60, name, "", 0);
        one["data"] = data.clone();
        assert_eq!(details(&events(&body(vec![one]))), expected, "{data}");
    }
    for data in
        [json!([]), json!([1, null]), json!("x"), json!([name]), json!([name, "{"]), json!(["Name: 'CommercialOOBE_"])]
    {
        let mut one = record(1, 1, 60, name, "", 0);
        one["data"] = data.clone();
        assert_eq!(details(&events(&body(vec![one]))), [], "{data}");
    }
    // Other events of the log are not the page's.
    let mut one = record(1, 1, 60, name, "BootstrapStatus: Starting category DeviceSetupCategory...", 0);
    one["event"] = json!(62_404);
    assert_eq!(details(&events(&body(vec![one]))), []);
}

#[test]
fn the_configuration_of_windows_implies_the_mode() {
    let mode = |change: &dyn Fn(&mut Value)| {
        let mut posted = body(Vec::new());
        change(&mut posted);
        let events = events(&posted);
        (started(&events).deployment_mode, started(&events).hybrid_join)
    };
    let user = Some(DeploymentMode::UserDriven);
    assert_eq!(mode(&|_| {}), (user, false));
    assert_eq!(mode(&|body| body["windows"]["domainJoinMethod"] = json!(1)), (user, true));
    let alone = |body: &mut Value| body["windows"]["oobeConfig"] = json!(1310 | 0x60);
    assert_eq!(mode(&alone).0, Some(DeploymentMode::SelfDeploying));
    let technician = Some(DeploymentMode::PreProvisioningTechnician);
    assert_eq!(mode(&|body| body["parts"][0]["whiteGlove"] = json!(true)).0, technician);
    let second = |body: &mut Value| body["parts"][0]["n"] = json!(2);
    assert_eq!(mode(&second).0, Some(DeploymentMode::PreProvisioningUser));
    // Device preparation has only this mode.
    let prepared = |body: &mut Value| {
        alone(body);
        body["windows"]["devicePreparation"] = json!(true);
    };
    assert_eq!(mode(&prepared).0, user);
    let unknown = |body: &mut Value| {
        body["windows"] = json!({});
        body["parts"][0]["whiteGlove"] = json!(null);
    };
    assert_eq!(mode(&unknown).0, None);
}

#[test]
fn missing_or_unreadable_values_count_as_not_reported() {
    let mut posted = body(Vec::new());
    // PowerShell 5.1 writes a missing value as an empty object.
    posted["user"] = json!({"principalName": {}});
    posted["windows"] = json!({"enrolledAt": {}, "oobeConfig": "1310", "firstSync":
        {"skipUser": {}, "block": 0, "timeoutMinutes": 99_999}});
    posted["device"]["mdmDeviceId"] = json!({});
    posted["device"]["sku"] = json!(9_999);
    let events = events(&posted);
    let start = started(&events);
    assert_eq!((start.limit_minutes, &start.allowed_actions), (None, &None));
    assert_eq!(start.deployment_mode, Some(DeploymentMode::UserDriven), "a number may be a text");
    assert_eq!(start.property(Property::OperatingSystemSku), Some("9999"));
    assert_eq!(events.iter().filter_map(Event::step).map(|step| step.kind).collect::<Vec<_>>(), [Kind::Started]);
    for nobody in ["foouser@contoso.example", "Autopilot@contoso.example"] {
        let mut posted = body(Vec::new());
        posted["user"]["principalName"] = json!(nobody);
        assert!(windows_esp_common::events(&posted).iter().all(|event| event.about.user_principal_name.is_none()));
    }
}

#[test]
fn a_missing_required_member_is_named() {
    let errors = |change: &dyn Fn(&mut Value)| {
        let mut posted = body(vec![record(7, 1, 60, "CommercialOOBE_ESPProgress_TryAgain_Started", "x", 0)]);
        posted["facts"] = json!([{"part": 1, "at": "2026-11-25T09:00:00Z", "fact": "workloads", "is": "{}"}]);
        change(&mut posted);
        let parsed = read(&posted).unwrap().events;
        let fields = parsed.iter().filter_map(|one| match one {
            Parsed::Invalid { errors, .. } => Some(errors[0].field.clone()),
            _ => None,
        });
        (fields.collect::<Vec<_>>(), parsed.iter().filter(|one| matches!(one, Parsed::Event(_))).count())
    };
    let (none, all) = errors(&|_| {});
    assert_eq!((none, all), (vec![], 4), "start, enrolled, the page's start, and the record");
    for (field, member) in [("id", "id"), ("part", "part"), ("at", "at"), ("event", "event"), ("data", "data")] {
        let (fields, rest) = errors(&|body| body["records"][0][member] = json!(null));
        assert_eq!((fields, rest), (vec![format!("records[0].{field}")], 3));
    }
    let (fields, rest) = errors(&|body| body["parts"][0]["startedAt"] = json!("today"));
    assert_eq!((fields, rest), (vec!["parts[0].startedAt".to_owned()], 2));
    let (fields, rest) = errors(&|body| body["facts"][0]["at"] = json!(7));
    assert_eq!((fields, rest), (vec!["facts[0].at".to_owned()], 4));
    // A record of a part that is not listed is still accepted.
    assert_eq!(errors(&|body| body["records"][0]["part"] = json!(3)), (vec![], 4));
    let (fields, rest) = errors(&|body| body["device"] = json!({"serialNumber": "System Serial Number"}));
    assert_eq!((fields, rest), (vec!["device.serialNumber".to_owned()], 0));
    assert_eq!(errors(&|body| body["device"] = json!(null)), (vec!["device".to_owned()], 0));
    for (member, value) in [
        ("schema", json!(2)),
        ("session", json!("a/b")),
        ("session", json!("x".repeat(65))),
        ("parts", json!(null)),
        ("records", json!("x")),
        ("records", json!(vec![json!({}); 101])),
        ("facts", json!(vec![json!({}); 101])),
    ] {
        let mut posted = body(Vec::new());
        posted[member] = value;
        assert!(matches!(read(&posted), Err(BodyError::Malformed(_))), "{member}");
    }
    let mut nothing = body(Vec::new());
    nothing["parts"] = json!([]);
    nothing["windows"] = json!(null);
    assert!(matches!(read(&nothing).unwrap().events[..], [Parsed::UnknownType { .. }]));
}

#[test]
fn a_clock_that_is_set_back_moves_earlier_records() {
    let begun = "BootstrapStatus: Starting category DeviceSetupCategory...";
    let mut posted = body(vec![
        record(1, 1, 0, "CommercialOOBE_ESPProgress_WhiteGloveMode_False", "x", 0),
        record(2, 1, 60, "CommercialOOBE_ESPProgress_Category_Started", begun, 0),
        // Two hours earlier by the clock, but later in the log.
        record(3, 1, 60 - 7_200, "CommercialOOBE_ESPProgress_TryAgain_Started", "x", 0),
        record(4, 1, 120 - 7_200, "CommercialOOBE_ESPProgress_TryAgain_Started", "x", 0),
    ]);
    posted["windows"]["enrolledAt"] = json!(null);
    let hours = Millis::from_minutes(-120);
    let moved = |seconds: i64| after(seconds * 1_000) + hours;
    let times = |posted: &Value| -> Vec<(Timestamp, Option<ClockSkew>)> {
        let mut times: Vec<_> = events(posted).iter().map(|event| (event.time, event.clock_skew)).collect();
        times.sort_by_key(|(time, _)| *time);
        times
    };
    let skew = Some(ClockSkew::Ahead);
    let expected = [(moved(0), skew), (moved(0), skew), (moved(60), skew), (moved(60), None), (moved(120), None)];
    assert_eq!(times(&posted), expected);
    posted["records"].as_array_mut().unwrap().reverse();
    assert_eq!(times(&posted), expected, "the log's order counts, not the body's");
    // Threads write slightly out of order; that is not a change of the clock.
    let posted = body(vec![
        record(1, 1, 64, "CommercialOOBE_ESPProgress_TryAgain_Started", "x", 0),
        record(2, 1, 60, "CommercialOOBE_ESPProgress_TryAgain_Started", "x", 0),
    ]);
    assert!(times(&posted).iter().all(|(_, skew)| skew.is_none()));
}

#[test]
fn device_preparation_has_a_page_of_its_own() {
    let mut posted = body(page(&[
        (0, "DevicePrepPage_Page_Loaded", ""),
        (5, "DevicePrepPage_AgentDownloadAndInstall_Starting", ""),
        (60, "CommercialOOBE_DevicePrepPage_AgentDownloadAndInstall_Succeeded", ""),
        (300, "DevicePrepPage_SkipButtonClicked_Started", ""),
        (400, "DevicePrepPage_AgentProvisioningProgress_ProvisioningComplete", ""),
    ]));
    posted["windows"]["devicePreparation"] = json!(true);
    let made = events(&posted);
    let agent = |state| item(Phase::DeviceSetup, Category::Apps, "provisioningAgent", state, None);
    assert_eq!(
        details(&made),
        [
            EspDetail::Phase(Phase::DeviceSetup, PhaseState::Started),
            agent(ItemState::InProgress),
            agent(ItemState::Completed),
            EspDetail::Action(EspAction::ContinueAnyway),
            EspDetail::Completed,
        ]
    );
    assert!(
        made.iter().any(|event| event.step().is_some_and(|step| step.kind == Kind::Compliant && step.said.assumed))
    );
    // If Windows does not report it, the names of the records show it.
    posted["windows"]["devicePreparation"] = json!(false);
    assert_eq!(details(&events(&posted)).len(), 5);
    let failed = said("DevicePrepPage_AgentDownloadAndInstall_Failed", "BootstrapStatus: no agent", -1);
    let failure = EspDetail::Failed(Some("0xffffffff".to_owned()), Some("no agent".to_owned()));
    assert!(failed.contains(&failure) && failed.len() == 3, "{failed:?}");
    for name in
        ["AgentProvisioningProgress_Error", "ProgressPercentage_ErrorTimedOut", "RunMainProcessing_FailedWithException"]
    {
        assert!(
            said(&format!("DevicePrepPage_{name}"), "x", 0).contains(&EspDetail::Failed(None, Some("x".to_owned())))
        );
    }
}

#[test]
fn ids_come_from_the_session_the_part_and_the_record() {
    let name = "CommercialOOBE_ESPProgress_TryAgain_Started";
    let ids: Vec<String> = read(&body(vec![record(4_751, 1, 60, name, "x", 0)]))
        .unwrap()
        .events
        .into_iter()
        .map(|one| if let Parsed::Event(event) = one { event.key.id } else { panic!() })
        .collect();
    let started = format!("{SESSION}/1/0/started/{}/userDriven", began().millis());
    let enrolled = format!("{SESSION}/1/enrolled/{}", after(172_880).millis());
    let (begins, retry) =
        (format!("{SESSION}/1/enrollment-started"), format!("{SESSION}/1/00000000000000004751/action"));
    assert_eq!(ids, [started, begins, enrolled, retry]);
}
