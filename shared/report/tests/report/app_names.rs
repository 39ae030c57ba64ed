//! Names of apps in the file. Intune's names are added to what senders reported and never replace it; they are
//! the names at the file's instant.

use crate::common;

use common::esp::{PROFILES, esp_event, started};
use common::{at, build, changes, context, differences, dump, tenant};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{AppNames, Category, EspDetail, ItemName, ItemState, Phase, PhaseState};
use vestibule_domain::{Event, Millis, TenantSettings, Timestamp};
use vestibule_report::{Change, Working};

const AS_OF: &str = "2026-03-20T12:00:00Z";
/// A sender writes capitals, Graph small letters.
const VPN: &str = "0A1B2C3D-0000-4000-8000-000000000001";
const OFFICE: &str = "0a1b2c3d-0000-4000-8000-000000000002";
const OTHER: &str = "0a1b2c3d-0000-4000-8000-000000000003";

/// A session of a device that installs these apps. The first app is the last to be tried, and fails.
fn session(device: u64, apps: &[(&str, Option<&str>)]) -> Vec<Event> {
    let begin = at(AS_OF) - Millis::from_minutes(120);
    let item = |(id, name): &(&str, Option<&str>)| ItemName { id: (*id).to_owned(), name: name.map(str::to_owned) };
    // The session waits for all apps.
    let mut profile = PROFILES.fallback().clone();
    profile.settings.selected_mobile_app_ids.clear();
    let start = started(&profile, Rule::Default);
    let mut details = vec![
        EspDetail::Started(Box::new(start)),
        EspDetail::Phase(Phase::DeviceSetup, PhaseState::Started),
        EspDetail::Tracked(Phase::DeviceSetup, Category::Apps, apps.iter().map(item).collect()),
    ];
    // A policy with the id of an app must not get the app's name.
    let policy = ItemName { id: OFFICE.to_owned(), name: None };
    details.push(EspDetail::Item(Phase::DeviceSetup, Category::SecurityPolicies, policy, ItemState::Completed, None));
    for (at, app) in apps.iter().enumerate().rev() {
        let (state, code) =
            if at == 0 { (ItemState::Error, Some("0x80070643".to_owned())) } else { (ItemState::Completed, None) };
        details.push(EspDetail::Item(Phase::DeviceSetup, Category::Apps, item(app), ItemState::InProgress, None));
        details.push(EspDetail::Item(Phase::DeviceSetup, Category::Apps, item(app), state, code));
    }
    let event = |(number, detail): (i64, EspDetail)| {
        esp_event(device, format!("{device}-{number}"), begin + Millis::from_minutes(number), None, detail)
    };
    (0..).zip(details).map(event).collect()
}

fn all() -> Vec<Change> {
    let events = [
        session(1, &[(VPN, None), (OFFICE, None), (OTHER, None)]),
        // One app has a name of the sender's own; the other has its id as its name.
        session(2, &[(VPN, Some("VPN of mine")), (OFFICE, Some(OFFICE))]),
        // An app with another id and the same name counts as the same app.
        session(3, &[(OTHER, None), ("winget-7", Some("Microsoft 365"))]),
    ];
    changes(&events, at(AS_OF))
}

fn names(pairs: &[(&str, &str)]) -> Arc<AppNames> {
    let mut names = AppNames::default();
    pairs.iter().for_each(|(id, name)| assert!(names.insert(id, name)));
    Arc::new(names)
}

fn known() -> Arc<AppNames> {
    names(&[(&VPN.to_lowercase(), "Contoso VPN"), (OFFICE, "Microsoft 365"), ("nobody-has-it", "Solitaire")])
}

fn file(path: &Path, names: &Arc<AppNames>, as_of: Timestamp) -> Working {
    let (tenant, settings) = (tenant(), TenantSettings::default());
    let mut working = build(path, &context(&tenant, &settings), &all(), as_of);
    working.set_app_names(names);
    working.refresh(as_of).unwrap().finish().unwrap();
    working
}

fn column(path: &Path, sql: &str) -> Vec<String> {
    let conn = Connection::open(path).unwrap();
    let mut rows = conn.prepare(sql).unwrap();
    rows.query_map([], |row| Ok(row.get::<_, Option<String>>(0)?.unwrap_or_else(|| "-".to_owned())))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

const ITEMS: &str = "SELECT name FROM esp_item_list JOIN esp_session_list USING (session_no) \
    WHERE category = 'apps' ORDER BY device_name, seq";
const POLICIES: &str = "SELECT DISTINCT name FROM esp_item_list WHERE category = 'securityPolicies'";
const APPS: &str = "SELECT app || ' ' || sessions || ' ' || failed FROM esp_apps ORDER BY app";
const FAILED: &str = "SELECT failed_item FROM esp_session_list WHERE failed ORDER BY device_name";

#[test]
fn an_app_without_a_name_gets_intunes_and_a_reported_name_stays() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    file(&folder.path().join("w"), &known(), at(AS_OF)).publish(&out, None).unwrap();
    assert_eq!(
        column(&out, ITEMS),
        ["Contoso VPN", "Microsoft 365", "-", "VPN of mine", "Microsoft 365", "-", "Microsoft 365"]
    );
    assert_eq!(column(&out, POLICIES), ["-"]);
    assert_eq!(
        column(&out, APPS),
        [
            format!("{OTHER} 2 1"),
            "Contoso VPN 1 1".to_owned(),
            "Microsoft 365 3 0".to_owned(),
            "VPN of mine 1 1".to_owned()
        ]
    );
    assert_eq!(column(&out, FAILED), ["Contoso VPN", "VPN of mine", OTHER]);
    // What senders reported is unchanged.
    assert_eq!(column(&out, "SELECT item_id FROM esp_item_list WHERE name = 'Contoso VPN'"), [VPN]);

    // Without Intune's names the file shows only what senders reported.
    let without = folder.path().join("without");
    file(&folder.path().join("v"), &Arc::default(), at(AS_OF)).publish(&without, None).unwrap();
    assert_eq!(column(&without, ITEMS), ["-", "-", "-", "VPN of mine", OFFICE, "-", "Microsoft 365"]);
    assert!(column(&without, APPS).contains(&format!("{OFFICE} 2 0")));
    assert!(column(&without, "SELECT app_id FROM app_names").is_empty());
}

#[test]
fn a_refreshed_file_has_the_names_of_a_built_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: String| folder.path().join(name);
    let mut refreshed = file(&path("refreshed".to_owned()), &Arc::default(), at(AS_OF));
    let renamed = names(&[(VPN, "Contoso VPN 2"), (OTHER, "Other")]);
    for (number, names) in (0..).zip([known(), known(), renamed, Arc::default(), known()]) {
        let as_of = at(AS_OF) + Millis::from_minutes(number);
        refreshed.set_app_names(&names);
        refreshed.refresh(as_of).unwrap().finish().unwrap();
        let (one, two) = (path(format!("one{number}")), path(format!("two{number}")));
        let one_published = refreshed.publish(&one, None).unwrap();
        let two_published = file(&path(format!("built{number}")), &names, as_of).publish(&two, None).unwrap();
        assert_eq!(differences(&dump(&one), &dump(&two)), Vec::<String>::new());
        assert_eq!(one_published.sha256, two_published.sha256);
        // A name that no app has any more is removed from the dictionary too.
        let solitaire = column(&one, "SELECT text FROM words WHERE text = 'Solitaire'");
        assert_eq!(solitaire.len(), usize::from(names.of("nobody-has-it").is_some()));
    }
}

/// What a question answers, as the API does.
fn answer(working: &Working, question: &str, asked: &[(&str, &str)]) -> serde_json::Value {
    let asked = asked.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    serde_json::Value::Object(working.reader().unwrap().answer(question, &asked).unwrap().unwrap())
}

#[test]
fn apps_and_codes_are_found_by_a_part_of_the_name_that_the_report_gives_them() {
    let folder = tempfile::tempdir().unwrap();
    let working = file(&folder.path().join("w"), &known(), at(AS_OF));
    let apps = |text: &str| answer(&working, "search", &[("text", text)])["apps"].clone();
    assert_eq!(apps("soft 36"), serde_json::json!([{"app": "Microsoft 365"}]));
    // What begins with the text comes first. The id of an app that has a name finds nothing, and neither does a name that
    // no session has.
    assert_eq!(apps("vpn"), serde_json::json!([{"app": "VPN of mine"}, {"app": "Contoso VPN"}]));
    assert_eq!(apps(&OFFICE[..8]), serde_json::json!([{"app": OTHER}]));
    assert_eq!(apps("solitaire"), serde_json::json!([]));
    let codes = |text: &str| answer(&working, "search", &[("text", text)])["codes"].clone();
    assert_eq!(codes("80070643"), serde_json::json!([{"code": "0x80070643", "failures": 3}]));

    let sessions = |app: &str| {
        let found = answer(&working, "esp-sessions", &[("app", app)]);
        found["sessions"].as_array().unwrap().len()
    };
    // Two have it by its id, which one of them gives as its name, and one has another id of the same name.
    assert_eq!((sessions("microsoft 365"), sessions(OFFICE), sessions("winget-7")), (3, 2, 1));
    // A sender wrote the id of this one in capitals.
    assert_eq!((sessions("VPN of mine"), sessions("Contoso VPN"), sessions("Solitaire")), (1, 1, 0));
}

#[test]
fn apps_are_listed_with_the_names_that_senders_and_intune_give_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let working = file(&folder.path().join("w"), &known(), at(AS_OF));
    let found = answer(&working, "apps", &[]);
    let pairs = found["apps"].as_array().unwrap().iter().map(|app| (app["id"].as_str().unwrap(), app["name"].as_str()));
    let vpn = VPN.to_lowercase();
    assert_eq!(
        pairs.collect::<Vec<_>>(),
        [
            (OFFICE, Some("Microsoft 365")),
            ("winget-7", Some("Microsoft 365")),
            ("nobody-has-it", Some("Solitaire")),
            (vpn.as_str(), Some("VPN of mine")),
            (OTHER, None),
        ]
    );
}
