//! Bodies as the reporter on Windows devices posts them, and whole courses of the page.
#![allow(dead_code, missing_docs)]

use http::HeaderMap;
use serde_json::{Value, json};
use vestibule_domain::esp::{Category, EspDetail, EspSession, ItemName, ItemState, Phase};
use vestibule_domain::event::{Body, Event};
use vestibule_domain::{Attempt, Enrollment, History, Millis, TenantId, TenantSettings, Timestamp, fold};
use vestibule_webhook::BodyError;
use vestibule_webhook::cloudevents::{Batch, Parsed};
use vestibule_webhook::sources::windows_esp;

pub const SESSION: &str = "0d6a3c52-7a35-4c0f-9a6e-2f8f5f1d7b10";
pub const SERIAL: &str = "PF3ABCDE";

/// The time at which the page opens.
pub fn began() -> Timestamp {
    Timestamp::parse("2026-11-25T08:55:10.1200000Z").unwrap()
}

pub fn after(millis: i64) -> Timestamp {
    began() + Millis::new(millis)
}

pub fn minute(minutes: i64) -> Timestamp {
    after(minutes * 60_000)
}

/// A time as .NET writes it.
pub fn text(time: Timestamp) -> String {
    format!("{}0000Z", time.to_string().trim_end_matches('Z'))
}

pub fn record(id: u64, part: u32, seconds: i64, name: &str, message: &str, code: i64) -> Value {
    let value = json!({"message": message, "errorCode": code}).to_string();
    json!({"id": id, "part": part, "at": text(after(seconds * 1_000)), "event": 62_407, "data": [name, value]})
}

/// Records of the first part in the order of the log, each by seconds after the start, name and message.
pub fn page(records: &[(i64, &str, &str)]) -> Vec<Value> {
    let records = (1..).zip(records);
    records.map(|(id, (seconds, name, message))| record(id, 1, *seconds, name, message, 0)).collect()
}

/// A body with one part, of a device that its user sets up.
pub fn body(records: Vec<Value>) -> Value {
    json!({
        "schema": 1, "session": SESSION, "sentAt": text(minute(200)), "reporter": {"version": "1.0.0"},
        "device": {"serialNumber": SERIAL, "name": "DESKTOP-1A2B3C", "manufacturer": "LENOVO", "model": "21HMCTO1WW",
            "osVersion": "10.0.26100.1742", "sku": 4, "mdmDeviceId": "11111111-2222-3333-4444-555555555555",
            "entraDeviceId": null},
        "user": {"principalName": "person.a@example.com"},
        "windows": {"enrolledAt": text(after(172_880)), "autopilotProfile": "Standard laptops", "oobeConfig": 1310,
            "domainJoinMethod": 0, "devicePreparation": false,
            "firstSync": {"skipDevice": 0, "skipUser": 0, "block": 3, "timeoutMinutes": 60}},
        "parts": [{"n": 1, "startedAt": text(began()), "whiteGlove": false}],
        "records": records, "facts": [],
    })
}

pub fn read(body: &Value) -> Result<Batch, BodyError> {
    let received = windows_esp::SENDER.received(Timestamp::parse("2026-11-25T12:30:00Z").unwrap(), false);
    windows_esp::parse(body.to_string().as_bytes(), &HeaderMap::new(), received)
}

/// The events of a body that has nothing else.
pub fn events(body: &Value) -> Vec<Event> {
    all(read(body).unwrap())
}

pub fn folded(events: impl IntoIterator<Item = Event>, as_of: Timestamp) -> Enrollment {
    let mut history = History::default();
    for event in events {
        history.add(event);
    }
    fold(&TenantId::parse("contoso").unwrap(), &history, &TenantSettings::default(), as_of)
}

pub const PREPARATION: &str = "DevicePreparationCategory";
pub const DEVICE: &str = "DeviceSetupCategory";
pub const ACCOUNT: &str = "AccountSetupCategory";
pub const APPS: &str = "DeviceSetup.AppsSubcategory";

/// One line of the log: seconds after the start, name and message.
pub type Line = (i64, &'static str, String);

pub fn begins(seconds: i64, phase: &str) -> Line {
    (seconds, "CommercialOOBE_ESPProgress_Category_Started", format!("BootstrapStatus: Starting category {phase}..."))
}

pub fn done(seconds: i64, phase: &str) -> Line {
    (seconds, "CommercialOOBE_ESPProgress_Category_Success", format!("BootstrapStatus: Category {phase} succeeded."))
}

pub fn not_done(seconds: i64, phase: &str) -> Line {
    (seconds, "CommercialOOBE_ESPProgress_Category_Failed", format!("BootstrapStatus: Category {phase} failed."))
}

pub fn subtask(seconds: i64, id: &str, state: &str) -> Line {
    let name = if state == "succeeded" {
        "CommercialOOBE_BootstrapStatusCategory_SubcategoryProcessing_Success"
    } else {
        "CommercialOOBE_BootstrapStatusCategory_SubcategoryProcessing_Failed"
    };
    (seconds, name, format!("BootstrapStatus: Subcategory ID = {id}; state = {state}."))
}

pub fn says(seconds: i64, name: &'static str) -> Line {
    (seconds, name, "BootstrapStatus: so.".to_owned())
}

pub const OPENS: &str = "CommercialOOBE_ESPProgress_WhiteGloveMode_False";
pub const EXITS: &str = "CommercialOOBE_ESPProgress_Page_Exiting";
pub const RETRY: &str = "CommercialOOBE_ESPProgress_TryAgain_Started";
pub const APPS_FAILED: &str = "CommercialOOBE_ESPDeviceSetup_ApplicationsInstallation_Failed";

pub fn logged(lines: &[Line]) -> Vec<Value> {
    let lines: Vec<(i64, &str, &str)> = lines.iter().map(|(at, name, text)| (*at, *name, text.as_str())).collect();
    page(&lines)
}

/// The device's part: preparation in 5 minutes, setup in 15.
pub fn device_part() -> Vec<Line> {
    vec![
        says(0, OPENS),
        begins(0, PREPARATION),
        subtask(60, "DevicePreparation.AadjSubcategory", "succeeded"),
        subtask(170, "DevicePreparation.MdmEnrollmentSubcategory", "succeeded"),
        done(300, PREPARATION),
        begins(300, DEVICE),
        subtask(400, "DeviceSetup.SecurityPoliciesSubcategory", "succeeded"),
        subtask(410, "DeviceSetup.CertificatesSubcategory", "succeeded"),
        subtask(1_199, APPS, "succeeded"),
        done(1_200, DEVICE),
        says(1_201, EXITS),
    ]
}

/// The account's part, which opens after the sign-in and goes through the finished phases again.
pub fn account_part() -> Vec<Line> {
    let mut lines = vec![says(1_500, OPENS)];
    for phase in [PREPARATION, DEVICE] {
        lines.extend([begins(1_500, phase), done(1_501, phase)]);
    }
    lines.extend([begins(1_502, ACCOUNT), done(1_800, ACCOUNT), says(1_801, EXITS)]);
    lines
}

pub fn whole() -> Vec<Line> {
    [device_part(), account_part()].concat()
}

pub fn later() -> Timestamp {
    minute(3 * 1_440)
}

pub fn one_session(enrollment: &Enrollment) -> &EspSession {
    let [session] = &enrollment.sessions[..] else { panic!("{:?}", enrollment.sessions) };
    session
}

pub fn one_attempt(enrollment: &Enrollment) -> &Attempt {
    let [attempt] = &enrollment.attempts[..] else { panic!("{:?}", enrollment.attempts) };
    attempt
}

pub fn all(batch: Batch) -> Vec<Event> {
    let event = |parsed| match parsed {
        Parsed::Event(event) => event.stored(),
        other => panic!("{other:?}"),
    };
    batch.events.into_iter().map(event).collect()
}

/// The details of the page's events, without starts.
pub fn details(events: &[Event]) -> Vec<EspDetail> {
    let detail = |event: &Event| match &event.body {
        Body::Esp(esp) => Some(esp.detail.clone()),
        Body::Enrollment(_) => None,
    };
    events.iter().filter_map(detail).filter(|detail| !matches!(detail, EspDetail::Started(_))).collect()
}

pub fn item(phase: Phase, category: Category, id: &str, state: ItemState, code: Option<&str>) -> EspDetail {
    let name = ItemName { id: id.to_owned(), name: None };
    EspDetail::Item(phase, category, name, state, code.map(str::to_owned))
}
