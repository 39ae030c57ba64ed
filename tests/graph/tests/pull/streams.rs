//! Pulls of the lists without faults.

use graph_pull::Which;
use serde_json::{Value, json};
use vestibule_domain::identity::IdentifierKind;
use vestibule_domain::{Identifier, Millis};
use vestibule_graph_tests::{Services, device, id, pending};

const COMPLIANT: &str = "compliant";

async fn folded(services: &Services, serial: &str) -> vestibule_domain::Enrollment {
    let tenant = services.store.tenant(&id("contoso")).await.unwrap().unwrap();
    let identifier = Identifier::new(IdentifierKind::SerialNumber, serial).unwrap();
    let stored = services.store.find(&id("contoso"), &identifier, services.now()).await.unwrap().unwrap();
    vestibule_domain::fold(&id("contoso"), &stored.history, &tenant.settings, services.now())
}

#[tokio::test]
async fn each_list_is_read_when_it_is_due_with_its_own_query() {
    let services = Services::start().await;
    let now = services.now();
    services.fake.set("managedDevices", vec![device(1, now - Millis::from_minutes(90), COMPLIANT)]);
    services.fake.set("windowsAutopilotDeviceIdentities", vec![pending(2)]);
    services.fake.set("troubleshootingEvents", vec![]);
    services.fake.set("autopilotEvents", vec![]);
    services.fake.set("deviceEnrollmentConfigurations", vec![]);
    let ran = services.run().await;
    let read: Vec<_> = ran.lists.iter().map(|list| (list.list, list.rows, list.new, list.problem.clone())).collect();
    let of = |name: &'static str, rows: u64| (name, rows, rows, None);
    let lists = ["troubleshooting-events", "autopilot-events", "esp-profiles"].map(|name| of(name, 0));
    assert_eq!(read[..2], [of("managed-devices", 1), of("autopilot-devices", 1)]);
    assert_eq!(read[2..], lists);
    let asked = services.fake.asked();
    assert_eq!(asked.len(), 5);
    let first = asked.iter().find(|one| one.path == "/v1.0/deviceManagement/managedDevices").unwrap();
    let since = now - vestibule_domain::TenantSettings::default().retention();
    assert!(
        first.query.starts_with(&format!("$filter=enrolledDateTime ge {since}&$select=id,serialNumber,")),
        "{first:?}"
    );
    assert!(asked.iter().any(|one| one.path.starts_with("/beta/") && one.query == "$expand=assignments"));
    assert_eq!(services.fake.tokens_given(), 1);

    // Nothing is due at once. After five minutes the devices are due, and only the newest are read.
    assert!(services.run().await.lists.is_empty());
    services.pass(5);
    let ran = services.run().await;
    assert_eq!(ran.lists.iter().map(|list| list.list).collect::<Vec<_>>(), ["managed-devices"]);
    let since = services.now() - Millis::from_days(2);
    assert!(services.fake.asked()[0].query.starts_with(&format!("$filter=enrolledDateTime ge {since}&")));
    for (minutes, due) in [
        (10, vec!["troubleshooting-events", "managed-devices"]),
        (15, vec!["autopilot-events", "managed-devices", "troubleshooting-events"]),
    ] {
        services.pass(minutes);
        assert_eq!(
            services.run().await.lists.iter().map(|list| list.list).collect::<std::collections::BTreeSet<_>>(),
            due.into_iter().collect()
        );
    }
    // A day later, all devices within the retention are read again.
    services.pass(24 * 60);
    services.fake.asked();
    services.run().await;
    let asked = services.fake.asked();
    let devices = asked.iter().find(|one| one.path.ends_with("managedDevices")).unwrap();
    let since = services.now() - vestibule_domain::TenantSettings::default().retention();
    assert!(devices.query.contains(&since.to_string()));
}

#[tokio::test]
async fn a_device_that_is_compliant_at_the_third_pull_keeps_the_time_of_that_pull() {
    let services = Services::start().await;
    let enrolled = services.now() - Millis::from_minutes(20);
    services.fake.set("managedDevices", vec![device(1, enrolled, "unknown")]);
    services.run().await;
    services.pass(5);
    services.fake.set("managedDevices", vec![device(1, enrolled, "inGracePeriod")]);
    services.run().await;
    services.pass(5);
    // Its last sync was before its enrollment, so only the time of the pull is known.
    let mut compliant = device(1, enrolled, COMPLIANT);
    compliant["lastSyncDateTime"] = json!("2026-11-01T00:00:00Z");
    services.fake.set("managedDevices", vec![compliant.clone()]);
    let third = services.now();
    services.run().await;
    let at = |enrollment: &vestibule_domain::Enrollment| enrollment.attempts.last().unwrap().ended_at;
    assert_eq!(at(&folded(&services, "PF300001").await), Some(third));
    for minutes in [5, 24 * 60, 8 * 24 * 60] {
        services.pass(minutes);
        compliant["lastSyncDateTime"] = json!(services.now().to_string());
        services.fake.set("managedDevices", vec![compliant.clone()]);
        services.run().await;
        assert_eq!(at(&folded(&services, "PF300001").await), Some(third), "{minutes}");
    }
}

#[tokio::test]
async fn a_device_without_a_date_is_none_yet_and_one_of_the_year_1_neither() {
    let services = Services::start().await;
    let (mut null, mut first) = (device(1, services.now(), "unknown"), device(2, services.now(), "unknown"));
    null["enrolledDateTime"] = Value::Null;
    first["enrolledDateTime"] = json!("0001-01-01T00:00:00Z");
    services.fake.set("managedDevices", vec![null.clone(), first]);
    services.fake.fault("managedDevices", vestibule_graph_tests::Fault::NoFilter);
    services.run().await;
    assert!(services.enrollments().await.is_empty());
    null["enrolledDateTime"] = json!(services.now().to_string());
    services.fake.set("managedDevices", vec![null]);
    services.pass(60);
    services.run().await;
    assert_eq!(folded(&services, "PF300001").await.attempts.len(), 1);
}

#[tokio::test]
async fn a_deployment_that_changes_in_place_is_read_again() {
    let services = Services::start().await;
    let mut record = json!({
        "id": "00000001-9d4e-4c43-8a52-6f1f7d9c0a01", "deviceId": "11111111-2222-3333-4444-555555555555",
        "eventDateTime": (services.now() - Millis::from_minutes(10)).to_string(), "deviceSerialNumber": "PF300007",
        "enrollmentStartDateTime": (services.now() - Millis::from_minutes(20)).to_string(),
        "enrollmentState": "enrolled", "deploymentState": "inProgress",
        "deploymentStartDateTime": (services.now() - Millis::from_minutes(19)).to_string(),
    });
    services.fake.set("autopilotEvents", vec![record.clone()]);
    services.run().await;
    assert!(folded(&services, "PF300007").await.sessions.iter().all(|session| session.ended_at.is_none()));
    services.pass(30);
    record["deploymentState"] = json!("success");
    record["deploymentEndDateTime"] = json!((services.now() - Millis::from_minutes(5)).to_string());
    services.fake.set("autopilotEvents", vec![record]);
    let ran = services.run().await;
    assert_eq!(ran.lists.iter().find(|list| list.list == "autopilot-events").unwrap().new, 1);
    let enrollment = folded(&services, "PF300007").await;
    assert_eq!((enrollment.sessions.len(), enrollment.attempts.len()), (1, 1));
    assert!(enrollment.sessions[0].ended_at.is_some());
}

#[tokio::test]
async fn profiles_are_kept_as_they_are_in_intune() {
    let services = Services::start().await;
    let profile = |minutes: u32| {
        json!({
            "@odata.type": "#microsoft.graph.windows10EnrollmentCompletionPageConfiguration", "id": "graph-1", "priority": 1,
            "displayName": "Kiosk ESP", "showInstallationProgress": true, "installProgressTimeoutInMinutes": minutes,
            "assignments": [{"id": "x", "target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}],
        })
    };
    services.fake.set("deviceEnrollmentConfigurations", vec![profile(30)]);
    services.run().await;
    let of = async |minutes: u32| {
        let profiles = services.store.profiles(&id("contoso")).await.unwrap();
        let (_, kiosk) = profiles.iter().find(|(_, one)| one.graph_id.as_deref() == Some("graph-1")).unwrap();
        assert_eq!(kiosk.settings.install_progress_timeout_in_minutes, minutes);
        (profiles.count(), profiles.version)
    };
    assert_eq!(of(30).await, (2, 1));
    services.pass(60);
    services.run().await;
    assert_eq!(of(30).await, (2, 1), "the same list writes nothing");
    services.fake.set("deviceEnrollmentConfigurations", vec![profile(45)]);
    services.pass(60);
    services.run().await;
    assert_eq!(of(45).await, (2, 2));
}

#[tokio::test]
async fn a_tick_requests_a_run_for_each_tenant_with_a_due_list_and_a_broken_tenant_stops_no_other() {
    let services = Services::start().await;
    services.add("wingtip", "other").await;
    for list in [
        "managedDevices",
        "windowsAutopilotDeviceIdentities",
        "troubleshootingEvents",
        "autopilotEvents",
        "deviceEnrollmentConfigurations",
    ] {
        services.fake.set(list, vec![]);
    }
    let now = services.now();
    let app = services.store.pull(&id("wingtip")).await.unwrap().unwrap().app;
    services.store.set_pull(&id("wingtip"), app, &vestibule_store::Secret::new("wrong"), now).await.unwrap();
    let tick = json!({"detail-type": "Scheduled Event"});
    assert_eq!(services.function().handle(tick.clone()).await.unwrap(), json!({"requested": 2, "waiting": 0}));
    let requests: Vec<Value> = services.host.published().unwrap();
    assert_eq!(requests.iter().map(|one| &one["detail"]["tenant"]).collect::<Vec<_>>(), ["contoso", "wingtip"]);
    assert!(requests.iter().all(|one| one["detail-type"] == "GraphPullRequested"));
    for request in requests {
        services.function().handle(request).await.unwrap();
    }
    let lists = services.store.pull_lists(&id("wingtip")).await.unwrap();
    assert_eq!(lists.len(), 5);
    for state in lists.values() {
        assert_eq!(state.last_error.as_deref(), Some("the app registration is not accepted: its secret is wrong"));
        assert_eq!((state.last_status, state.last_ok), (Some(401), None));
    }
    assert_eq!(services.list("managed-devices").await.last_ok, Some(now));
    // The broken tenant waits an hour, and only one token was requested for it.
    assert_eq!(services.fake.tokens_given(), 1);
    services.pass(5);
    assert_eq!(services.function().handle(tick).await.unwrap(), json!({"requested": 1, "waiting": 1}));
    // With another secret, all lists are due at once.
    let app = services.store.pull(&id("wingtip")).await.unwrap().unwrap().app;
    services.store.set_pull(&id("wingtip"), app, &vestibule_store::Secret::new("other"), services.now()).await.unwrap();
    let ran = services.puller().run(&id("wingtip"), Which::Due).await.unwrap();
    assert!(ran.lists.len() == 5 && ran.lists.iter().all(|list| list.problem.is_none()));
}

#[tokio::test]
async fn only_one_of_two_concurrent_runs_reads() {
    let services = Services::start().await;
    services.fake.set("managedDevices", vec![device(1, services.now() - Millis::from_minutes(9), "unknown")]);
    let tenant = id("contoso");
    services.store.take_pull(&tenant, "another", services.now()).await.unwrap();
    assert!(services.run().await.under_way && services.fake.asked().is_empty());
    // The first run has died.
    services.pass(2);
    assert!(!services.run().await.under_way && !services.fake.asked().is_empty());
    assert_eq!(services.store.pull(&tenant).await.unwrap().unwrap().lease, None);
    services.store.remove_pull(&tenant).await.unwrap();
    assert_eq!(services.run().await, graph_pull::Ran::default());
    let left = services.everything().await;
    assert!(!left.iter().any(|item| item.contains("pull") || item.contains("secret\"")), "{left:?}");
}

#[tokio::test]
async fn a_check_reports_list_by_list_what_a_registration_may_read() {
    use vestibule_graph_tests::Fault;
    let services = Services::start().await;
    for list in ["managedDevices", "windowsAutopilotDeviceIdentities", "troubleshootingEvents", "autopilotEvents"] {
        services.fake.set(list, vec![]);
    }
    services.fake.fault("managedDevices", Fault::NoFilter);
    services
        .fake
        .fault("windowsAutopilotDeviceIdentities", Fault::Always(403, None, r#"{"error":{"code":"Forbidden"}}"#));
    services.fake.fault(
        "troubleshootingEvents",
        Fault::Always(400, None, r#"{"error":{"message":"Request not applicable to target tenant."}}"#),
    );
    services.fake.fault("autopilotEvents", Fault::Always(429, None, ""));
    let checked = services.puller().check(&id("contoso")).await.unwrap();
    let found: Vec<_> = checked.iter().map(|one| (one.list, one.ok, one.found.as_str())).collect();
    assert_eq!(
        found,
        [
            ("managed-devices", true, "ok, read as a whole each hour: the filter by date is refused"),
            (
                "autopilot-devices",
                false,
                "missing permission DeviceManagementServiceConfig.Read.All (of type Application, with the administrator's consent)"
            ),
            ("troubleshooting-events", false, "no licence: the directory has no Intune"),
            ("autopilot-events", false, "Graph asks for a pause (429)"),
            ("esp-profiles", false, "this cloud has no such list (404)"),
        ]
    );
    services.fake.accept_none();
    let fresh = services.restarted();
    let checked = fresh.puller().check(&id("contoso")).await.unwrap();
    assert!(checked.iter().all(|one| one.found == "the app registration is not accepted: its secret is wrong"));
    assert_eq!(services.enrollments().await.len(), 0, "nothing is stored");
}
