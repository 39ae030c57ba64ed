//! The search: parts of names, addresses and serial numbers lead to people, devices and steps.

use crate::common;

use common::{about, at, build, context, event, step, tenant};
use serde_json::Value;
use std::collections::BTreeSet;
use vestibule_domain::event::Step;
use vestibule_domain::failure::Failure;
use vestibule_domain::{History, Kind, Millis, Platform, TenantSettings};
use vestibule_report::ask::Parameters;
use vestibule_report::{Change, Error};

/// Devices with a name, a serial number and a person each, and what a text finds among them.
fn found(devices: &[(&str, &str)], text: &str, limit: &str) -> Result<Value, Error> {
    let (tenant, settings, folder) = (tenant(), TenantSettings::default(), tempfile::tempdir().unwrap());
    let start = at("2026-03-19T10:00:00Z");
    let changes: Vec<Change> = (1..)
        .zip(devices)
        .map(|(number, (name, person))| {
            let mut about = about(number, Platform::Ios);
            about.device_name = Some((*name).to_owned());
            about.user_principal_name = Some((*person).to_owned());
            let mut history = History::default();
            history.add(event(format!("e{number}"), start, 0, about, step(Kind::Started)));
            Change { item: format!("item-{number}"), version: 1, history, expires_at: None }
        })
        .collect();
    let working =
        build(&folder.path().join("w"), &context(&tenant, &settings), &changes, start + Millis::from_minutes(1));
    let asked: Parameters =
        [("text", text), ("limit", limit)].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Ok(Value::Object(working.reader().unwrap().answer("search", &asked)?.unwrap()))
}

fn names<'v>(found: &'v Value, list: &str, member: &str) -> Vec<&'v str> {
    found[list].as_array().unwrap().iter().map(|one| one[member].as_str().unwrap()).collect()
}

const DEVICES: [(&str, &str); 4] = [
    ("Ada's iPad", "ada@contoso.example"),
    ("Pool 100%_1", "grace@contoso.example"),
    ("Ada's phone", "ada@contoso.example"),
    ("canada-17", "bob@contoso.example"),
];

#[test]
fn a_part_of_a_name_finds_people_and_devices_and_what_begins_with_it_comes_first() {
    let answer = found(&DEVICES, "ADA", "50").unwrap();
    assert_eq!(names(&answer, "people", "userPrincipalName"), ["ada@contoso.example"]);
    assert_eq!(answer["people"][0]["devices"], 2);
    assert_eq!(names(&answer, "devices", "deviceName"), ["Ada's iPad", "Ada's phone", "canada-17"]);
    assert_eq!(answer["tooMany"], false);
    assert_eq!(names(&found(&DEVICES, "contoso.ex", "2").unwrap(), "people", "userPrincipalName").len(), 2);
}

#[test]
fn a_part_of_a_serial_number_finds_its_device() {
    let all = found(&DEVICES, "Ada's iPad", "50").unwrap();
    let serial = all["devices"][0]["serialNumber"].as_str().unwrap().to_owned();
    let answer = found(&DEVICES, &serial[1..].to_ascii_uppercase(), "50").unwrap();
    assert!(names(&answer, "devices", "serialNumber").contains(&serial.as_str()), "{answer}");
}

#[test]
fn a_step_is_found_by_its_words() {
    let answer = found(&DEVICES, "terms", "50").unwrap();
    assert_eq!(names(&answer, "steps", "action"), ["TermsofUse"]);
}

#[test]
fn signs_that_stand_for_others_stand_for_themselves() {
    let (pool, ada) = ("Pool 100%_1", vec!["Ada's iPad", "Ada's phone"]);
    for (text, names_found) in [
        ("100%_1", vec![pool]),
        ("__", vec![]),
        ("%%", vec![]),
        ("0%", vec![pool]),
        ("POOL 100%_", vec![pool]),
        ("pool_", vec![]),
        ("Pool 1", vec![pool]),
        ("-17", vec!["canada-17"]),
        ("A'S ", ada),
    ] {
        assert_eq!(names(&found(&DEVICES, text, "50").unwrap(), "devices", "deviceName"), names_found, "{text}");
    }
    assert!(found(&DEVICES, r"\\", "50").unwrap()["devices"].as_array().unwrap().is_empty());
}

#[test]
fn one_letter_is_refused() {
    for text in ["a", " a ", &"a".repeat(101)] {
        let problem = found(&DEVICES, text, "50").unwrap_err().to_string();
        assert!(problem.contains("between 2 and 100 letters"), "{problem}");
    }
}

#[test]
fn a_text_that_thousands_have_says_so() {
    let named: Vec<(String, String)> =
        (0..2_100).map(|one| (format!("pool-{one}"), format!("p{one}@x.example"))).collect();
    let devices: Vec<(&str, &str)> = named.iter().map(|(name, person)| (name.as_str(), person.as_str())).collect();
    let answer = found(&devices, "pool-", "10").unwrap();
    assert_eq!(answer["tooMany"], true);
    let listed: BTreeSet<_> = names(&answer, "devices", "deviceName").into_iter().collect();
    assert_eq!(listed.len(), 10);
}

#[test]
fn attempts_are_found_by_any_spelling_of_their_error_code() {
    let (tenant, settings, folder) = (tenant(), TenantSettings::default(), tempfile::tempdir().unwrap());
    let start = at("2026-03-19T10:00:00Z");
    // As a sender wrote it in decimal with a sign, and as another in capitals.
    let changes: Vec<Change> = (1..)
        .zip(["-2145910764", "0x80180014", "0X8018002B"])
        .map(|(number, code)| {
            let about = about(number, Platform::Windows);
            let failure = Failure { code: Some(code.to_owned()), ..Failure::default() };
            let mut history = History::default();
            history.add(event(format!("s{number}"), start, 0, about.clone(), step(Kind::Started)));
            let failed = Step { failure: Some(failure), ..step(Kind::Failed) };
            history.add(event(format!("f{number}"), start + Millis::from_minutes(1), 0, about, failed));
            Change { item: format!("item-{number}"), version: 1, history, expires_at: None }
        })
        .collect();
    let as_of = start + Millis::from_minutes(5);
    let working = build(&folder.path().join("w"), &context(&tenant, &settings), &changes, as_of);
    let count = |code: &str| {
        let asked: Parameters =
            [("failureCode", code), ("os", "all")].map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        working.reader().unwrap().answer("attempts", &asked).unwrap().unwrap()["attempts"].as_array().unwrap().len()
    };
    assert_eq!((count("0x80180014"), count("0X80180014"), count("-2145910764")), (2, 2, 1));
    assert_eq!((count("0x8018002b"), count("0x80180015")), (1, 0));
}
