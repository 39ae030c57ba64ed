//! Intune's exports: the events that each row becomes, and that a row gives the same events in every copy.

use http::HeaderMap;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use vestibule_domain::event::{Body, Event, Kind, Platform};
use vestibule_domain::failure::FailureCategory;
use vestibule_domain::{Enrollment, History, Outcome, TenantId, TenantSettings, Timestamp, fold};
use vestibule_webhook::cloudevents::Parsed;
use vestibule_webhook::sources::intune_export::{REPORTS, Report};
use vestibule_webhook::sources::{
    Sender, graph_autopilot_events, intune_autopilot_deployments, intune_enrollment_activity,
    intune_enrollment_failures, intune_operational_logs,
};
use vestibule_webhook::{BodyError, FieldError};

const ACTIVITY: &str = include_str!("../../src/sources/samples/intune-enrollment-activity.json");
const FAILURES: &str = include_str!("../../src/sources/samples/intune-enrollment-failures.json");
const AUTOPILOT: &str = include_str!("../../src/sources/samples/intune-autopilot-deployments.json");

fn read(sender: &Sender, body: &Value) -> Vec<Parsed> {
    let received = sender.received(Timestamp::parse("2026-11-26T00:00:00Z").unwrap(), true);
    (sender.read)(body.to_string().as_bytes(), &HeaderMap::new(), received).unwrap().events
}

fn events(sender: &Sender, body: &Value) -> Vec<Event> {
    let event = |parsed| match parsed {
        Parsed::Event(event) => *event,
        other => panic!("{other:?}"),
    };
    read(sender, body).into_iter().map(event).collect()
}

fn errors(sender: &Sender, row: &Value) -> Vec<(String, String)> {
    let [Parsed::Invalid { errors, .. }] = &read(sender, &json!([row]))[..] else { panic!("{row}") };
    errors.iter().map(|FieldError { field, problem }| (field.clone(), problem.clone())).collect()
}

fn rows(sample: &str) -> Vec<Value> {
    serde_json::from_str::<Value>(sample).unwrap()["values"].as_array().unwrap().clone()
}

fn with(row: &Value, column: &str, value: Value) -> Value {
    let mut row = row.clone();
    row[column] = value;
    row
}

fn folded(events: impl IntoIterator<Item = Event>) -> Enrollment {
    let mut history = History::default();
    for event in events {
        history.add(event.stored());
    }
    let as_of = Timestamp::parse("2026-11-26T00:00:00Z").unwrap();
    fold(&TenantId::parse("contoso").unwrap(), &history, &TenantSettings::default(), as_of)
}

#[test]
fn a_row_of_enrollment_activity_is_an_end_with_its_device_and_person() {
    let all = events(&intune_enrollment_activity::SENDER, &serde_json::from_str(ACTIVITY).unwrap());
    let kinds: Vec<Kind> = all.iter().map(|event| event.step().unwrap().kind).collect();
    assert_eq!(kinds, [Kind::Enrolled, Kind::Compliant, Kind::Failed, Kind::Stopped]);
    let (enrolled, failed, stopped) = (&all[0], &all[2], &all[3]);
    assert_eq!(enrolled.time, Timestamp::parse("2026-11-24T08:58:03.302Z").unwrap());
    let about = &enrolled.about;
    assert_eq!(about.serial_number.as_deref(), Some("PF3ABCDE"));
    assert_eq!(about.user_principal_name.as_deref(), Some("ada@contoso.example"));
    // Nobody documents the numbers of these enumerations, so the column with the words is read.
    assert_eq!(
        (about.platform, about.enrollment_type.as_deref()),
        (Some(Platform::Windows), Some("Windows Azure AD Join"))
    );
    let failure = failed.step().unwrap().failure.as_ref().unwrap();
    assert_eq!(failure.category, Some(FailureCategory::EnrollmentRestrictionsEnforced));
    assert_eq!(failure.message.as_deref(), Some("The platform is not allowed for this person."));
    assert_eq!((failed.about.platform, failed.about.enrollment_id.as_deref()), (Some(Platform::Ios), None));
    // Nobody knew the device, so the failure's own id stands in for it.
    assert_eq!(stopped.about.enrollment_id.as_deref(), Some("8c3f2e74-bf30-4f51-8c75-3d9e4b20bc32"));
}

#[test]
fn the_column_failure_decides_and_must_be_true_or_false() {
    let (sender, row) = (&intune_enrollment_activity::SENDER, &rows(ACTIVITY)[0]);
    let kind = |value: Value| events(sender, &json!([with(row, "Failure", value)]))[0].step().unwrap().kind;
    for value in [json!("False"), json!(false), json!("0"), json!(0), json!("No"), json!(""), Value::Null] {
        assert_eq!(kind(value.clone()), Kind::Enrolled, "{value}");
    }
    for value in [json!("True"), json!(true), json!("1"), json!("yes")] {
        assert_eq!(kind(value.clone()), Kind::Failed, "{value}");
    }
    let unsaid = with(&with(row, "Failure", json!("")), "FailureReason", json!("Authorization"));
    assert_eq!(events(sender, &json!([unsaid]))[0].step().unwrap().kind, Kind::Failed);
    for value in [json!("Authorization"), json!(5)] {
        let said = errors(sender, &with(row, "Failure", value));
        assert_eq!(said, [("Failure".to_owned(), "must be true or false".to_owned())]);
    }
    let time = "must be a time like 2026-01-31 15:35:56, in UTC".to_owned();
    let said = errors(sender, &with(row, "EnrollmentDateTime", json!("11/24/2026 8:58 AM")));
    assert_eq!(said, [("EnrollmentDateTime".to_owned(), time)]);
    let said = errors(sender, &with(row, "EnrollmentDateTime", json!("")));
    assert_eq!(said, [("EnrollmentDateTime".to_owned(), "is required".to_owned())]);
    // A device that enrolled has an id, so none is made up.
    let nameless = ["SerialNumber", "DeviceId", "AadDeviceId"]
        .iter()
        .fold(row.clone(), |row, column| with(&row, column, json!("")));
    assert_eq!(errors(sender, &nameless)[0].0, "SerialNumber");
}

#[test]
fn a_failure_without_a_device_is_one_in_every_copy() {
    let (sender, row) = (&intune_enrollment_failures::SENDER, &rows(FAILURES)[0]);
    let one = &events(sender, &json!([row]))[0];
    assert_eq!(one.key.id, "1f60520e-e263-4284-bfa8-60c17e53ef65/failed");
    // As a spreadsheet may have it: no id of the failure, other spelling and order of columns, more precision.
    let bare = json!({"UPN": "ada@contoso.example", "failure reason": "DeviceCap", "OS": "iOS", "OSVersion": "26.0",
        "Enrollment Failure DateTime": "2026-11-25 10:11:12"});
    let again = json!({"EnrollmentFailureDateTime": "2026-11-25 10:11:12.0000000", "FailureReason": "DeviceCap", "OS": "iOS",
        "OSVersion": "26.0", "UPN": "ada@contoso.example"});
    let another = with(&again, "UPN", json!("grace@contoso.example"));
    let ids: Vec<String> =
        [bare, again, another].iter().map(|row| events(sender, &json!([row]))[0].key.id.clone()).collect();
    assert!(ids[0] == ids[1] && ids[0] != ids[2], "{ids:?}");
}

#[test]
fn a_deployment_that_was_under_way_is_the_same_in_a_later_export() {
    let (sender, over) = (&intune_autopilot_deployments::SENDER, &rows(AUTOPILOT)[0]);
    let mut under_way = over.clone();
    for column in ["DeploymentEndDateTime", "DeploymentTotalDuration", "UserSetupStatus", "AccountSetupDuration"] {
        under_way[column] = json!("");
    }
    under_way["DeploymentState"] = json!("2");
    under_way["DeviceSetupStatus"] = json!("2");
    under_way["DeviceSetupDuration"] = json!("");
    let (early, late) = (events(sender, &json!([under_way])), events(sender, &json!([over])));
    let session = |event: &Event| match &event.body {
        Body::Esp(esp) => esp.session_id.clone(),
        Body::Enrollment(_) => None,
    };
    let sessions: BTreeSet<Option<String>> =
        early.iter().chain(&late).filter(|event| session(event).is_some()).map(session).collect();
    assert_eq!(sessions.len(), 1, "one deployment");
    let whole = folded(late.clone());
    for order in [[early.clone(), late.clone()], [late, early]] {
        let folded = folded(order.concat());
        assert_eq!(folded.attempts.len(), 1, "{:?}", folded.attempts);
        assert_eq!(folded.attempts[0].outcome, Outcome::Completed);
        assert_eq!(folded.attempts[0].started_at, whole.attempts[0].started_at);
    }
    let failed = events(sender, &json!([rows(AUTOPILOT)[1]]));
    let failed = failed.iter().filter_map(|event| event.step()?.failure.as_ref()).next().unwrap();
    assert_eq!(failed.code.as_deref(), Some("0x80180014"));
    // Errors name the report's columns, not the members that they are read into.
    let said = errors(sender, &with(over, "DeploymentEndDateTime", json!("soon")));
    assert_eq!(said[0].0, "DeploymentEndDateTime", "{said:?}");
}

#[test]
fn exports_logs_and_graphs_list_of_one_deployment_are_one_attempt() {
    let log = json!({"records": [{
        "time": "2026-11-24T08:58:04Z", "category": "OperationalLogs", "operationName": "Enrollment", "resultType": "Success",
        "properties": {"MessageId": "aaaaaaaa-1111-4222-8333-444444444444", "EnrollmentTimeUTC": "2026-11-24T08:58:03Z",
            "IntuneDeviceId": "0d4e1a52-77b3-4a52-9c2c-58a3d7e1f6b2", "AADDeviceId": "3c2b9f10-52d8-4b7e-a0f3-8d5e6c7b1a24",
            "Os": "Windows", "EnrollmentType": "windowsAzureADJoin"},
    }]});
    let graph = json!([{
        "id": "bbbbbbbb-1111-4222-8333-444444444444", "deviceSerialNumber": "PF3ABCDE",
        "deviceId": "0d4e1a52-77b3-4a52-9c2c-58a3d7e1f6b2", "enrollmentStartDateTime": "2026-11-24T08:55:00Z",
        "deploymentStartDateTime": "2026-11-24T08:55:00Z", "deploymentEndDateTime": "2026-11-24T09:36:07Z",
        "enrollmentState": "enrolled", "deploymentState": "success", "deviceSetupStatus": "success",
        "deviceSetupDuration": "PT21M", "accountSetupStatus": "success", "accountSetupDuration": "PT15M7S",
        "enrollmentType": "azureADJoinedWithAutopilotProfile",
    }]);
    let parts = [
        events(&intune_enrollment_activity::SENDER, &json!([rows(ACTIVITY)[0]])),
        events(&intune_autopilot_deployments::SENDER, &json!([rows(AUTOPILOT)[0]])),
        events(&intune_operational_logs::SENDER, &log),
        events(&graph_autopilot_events::SENDER, &graph),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [1, 2, 0, 3], [2, 3, 0, 1], [3, 1, 0, 2]] {
        let folded = folded(order.iter().flat_map(|at| parts[*at].clone()));
        assert_eq!(folded.attempts.len(), 1, "{order:?}: {:?}", folded.attempts);
        assert_eq!(folded.attempts[0].outcome, Outcome::Completed);
        assert_eq!(folded.sessions.len(), 1, "{order:?}");
    }
}

#[test]
fn an_export_of_another_report_is_refused_whole() {
    for report in REPORTS {
        for other in REPORTS.iter().filter(|other| other.name != report.name) {
            let row: Value = other
                .columns
                .iter()
                .map(|column| ((*column).to_owned(), json!("x")))
                .collect::<serde_json::Map<_, _>>()
                .into();
            let received = report.sender.received(Timestamp::parse("2026-11-26T00:00:00Z").unwrap(), true);
            let read = (report.sender.read)(json!([row]).to_string().as_bytes(), &HeaderMap::new(), received);
            assert!(matches!(read, Err(BodyError::Malformed(_))), "{} as {}", other.name, report.name);
        }
    }
    let columns = [Some("UPN".to_owned()), None, Some("OS".to_owned())];
    let row = Report::row(&columns, [" ada@contoso.example ", "x", " "]);
    assert_eq!(Value::Object(row), json!({"UPN": "ada@contoso.example"}));
}
