//! What the registry of a Windows device reports of its apps, and the events it becomes.

use crate::windows_esp_common;

use serde_json::{Value, json};
use vestibule_domain::Timestamp;
use vestibule_domain::esp::{Category, EspDetail, ItemState, Phase};
use vestibule_domain::event::Body;
use windows_esp_common::*;

#[test]
fn facts_report_the_apps_that_changed() {
    let address = |app: &str| {
        format!("./Device/Vendor/MSFT/EnrollmentStatusTracking/Setup/Apps/Tracking/Sidecar/Win32App_{app}_1")
    };
    let (one, two) = ("AAAAAAAA-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002");
    let id = one.to_lowercase();
    let fact = |name: &str, was: Value, is: Value| {
        let text = |value: Value| if value.is_null() { value } else { json!(value.to_string()) };
        json!({"part": 1, "at": "2026-11-25T09:05:31.0000000Z", "fact": name, "was": text(was), "is": text(is)})
    };
    let said = |facts: Vec<Value>| {
        let mut posted = body(Vec::new());
        posted["facts"] = json!(facts);
        details(&events(&posted))
    };
    let app = |phase, id: &str, state, code| item(phase, Category::Apps, id, state, code);
    let ids = |detail: &EspDetail| match detail {
        EspDetail::Tracked(phase, Category::Apps, names) => {
            (*phase, names.iter().map(|one| one.id.clone()).collect::<Vec<_>>())
        }
        other => panic!("{other:?}"),
    };
    let device = Phase::DeviceSetup;
    let made = said(vec![fact("tracked/device/Sidecar", json!(null), json!({address(one): "2", address(two): "1"}))]);
    assert_eq!(ids(&made[0]), (device, vec![id.clone(), two.to_owned()]));
    assert_eq!(
        made[1..],
        [app(device, &id, ItemState::InProgress, None), app(device, two, ItemState::NotInstalled, None)]
    );
    // Of a known list, only what changed is reported; the code of an app that failed is in a fact of its own.
    let failed = fact(
        "tracked/device/Sidecar",
        json!({address(one): "2", address(two): "1"}),
        json!({address(one): 4, address(two): "1"}),
    );
    let user = "00000000-0000-0000-0000-000000000000";
    let code = fact(&format!("app/{user}/{one}"), json!(null), json!({"errorCode": -2_016_345_060, "exitCode": 1603}));
    assert_eq!(said(vec![failed.clone(), code]), [app(device, &id, ItemState::Error, Some("0x87d1041c"))]);
    let exit = fact(&format!("app/{user}/{one}"), json!(null), json!({"errorCode": null, "exitCode": "1603"}));
    assert_eq!(said(vec![exit.clone(), failed]), [app(device, &id, ItemState::Error, Some("1603"))]);
    assert_eq!(said(vec![exit]), [], "a code alone is no event");
    // The user's apps belong to account setup, whichever list they are in.
    let own = address(two).replace("./Device/", "./User/");
    let made = said(vec![fact("tracked/device/Sidecar", json!(null), json!({own: "3"}))]);
    assert_eq!(ids(&made[0]), (Phase::AccountSetup, vec![two.to_owned()]));
    let msi = "./Device/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/%7BCCCCCCCC-0000-4000-8000-000000000003%7D/DownloadInstall";
    let made = said(vec![fact("tracked/device/ExpectedMSIAppPackages", json!(null), json!({msi: "1"}))]);
    assert_eq!(made[1], app(device, "{CCCCCCCC-0000-4000-8000-000000000003}", ItemState::Completed, None));
    let store = "./User/Vendor/MSFT/EnterpriseModernAppManagement/AppManagement/AppStore/Contoso.Notes_8wekyb3d8bbwe/StoreInstall";
    let made = said(vec![fact("tracked/user/ExpectedModernAppPackages", json!(null), json!({store: "0"}))]);
    assert_eq!(made[1], app(Phase::AccountSetup, "Contoso.Notes_8wekyb3d8bbwe", ItemState::InProgress, None));
    for (name, is) in [
        ("tracked/device/Other", json!({address(one): "2"})),
        ("tracked/nobody/Sidecar", json!({address(one): "2"})),
        ("tracked/device/Sidecar", json!({"LastLoggedState": "2"})),
        ("app/x", json!({"errorCode": 1})),
        ("workloads", json!([1])),
        ("unknown", json!({})),
    ] {
        assert_eq!(said(vec![fact(name, json!(null), is)]), [], "{name}");
    }
}

#[test]
fn workloads_have_names_and_times_of_their_own() {
    let (start, end) = (1_764_061_500_000_i64, 1_764_061_560_000_i64);
    let workload = |id: &str, state: u64, end: Value| {
        json!({"WorkloadId": id, "FriendlyName": "Company Portal", "WorkloadState": state,
            "StartTime": format!("/Date({start})/"), "EndTime": end, "ErrorCode": -2_016_345_060})
    };
    let said = |was: Value, is: Value| {
        let mut posted = body(Vec::new());
        posted["facts"] = json!([{"part": 1, "at": "2026-11-25T09:30:00Z", "fact": "workloads",
            "was": json!({"Workloads": was}).to_string(), "is": json!({"Workloads": is}).to_string()}]);
        let all = events(&posted);
        let items = all.iter().filter_map(|event| match &event.body {
            Body::Esp(esp) => match &esp.detail {
                EspDetail::Item(_, _, name, state, code) => {
                    assert_eq!(name.name.as_deref(), Some("Company Portal"));
                    Some((event.time.millis(), *state, code.clone()))
                }
                _ => None,
            },
            Body::Enrollment(_) => None,
        });
        items.collect::<Vec<_>>()
    };
    let reported = Timestamp::parse("2026-11-25T09:30:00Z").unwrap().millis();
    let over = json!(format!("/Date({end}+0000)/"));
    let min = json!("/Date(-62135596800000)/");
    let (running, failed) = (workload("A", 6, min.clone()), workload("A", 4, over.clone()));
    let code = Some("0x87d1041c".to_owned());
    assert_eq!(said(json!([]), json!([workload("A", 0, min.clone())])), [(reported, ItemState::NotInstalled, None)]);
    assert_eq!(said(json!([]), json!([running])), [(start, ItemState::InProgress, None)]);
    assert_eq!(said(json!([running]), json!([failed])), [(end, ItemState::Error, code.clone())]);
    // An item that the reporter sees only once it is over also has its beginning.
    assert_eq!(said(json!([]), json!([failed])), [(start, ItemState::InProgress, None), (end, ItemState::Error, code)]);
    assert_eq!(said(json!([]), json!([workload("A", 2, over)]))[1].1, ItemState::Completed);
    assert_eq!(said(json!([failed]), json!([failed])), []);
    assert_eq!(said(json!([]), json!([workload("A", 3, min)])), [], "its meaning is unknown");
}
