//! Each device is judged alone; a name that several devices have gives a list; people who gave up get help.

use crate::common::esp::{PROFILES, esp_event, item, started};
use crate::common::step;
use crate::reporter::{KNOWN, ago, device, file, finding, ids};
use std::collections::BTreeSet;
use vestibule_domain::catalogue::{AWAIT_CONFIGURATION, ROWS};
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{Category, EspAction, EspDetail, ItemState, Phase, PhaseState};
use vestibule_domain::event::Step;
use vestibule_domain::failure::Failure;
use vestibule_domain::{Kind, Platform, Reports};
use vestibule_report::diagnosis::{Diagnosis, Severity, Verdict};

const USER: &str = "person.7@contoso.example";

fn keys(diagnosis: &Diagnosis) -> Vec<(&str, Verdict)> {
    diagnosis.devices.iter().map(|judged| (judged.device.enrollment_key.as_str(), judged.verdict)).collect()
}

#[test]
fn a_success_on_another_device_excuses_nothing() {
    let all = file([
        device(7, Platform::Windows).starts(500).fails(490, Some("0x801C0003"), None, None),
        device(1_007, Platform::Ios).starts(300).completes(290),
        device(2_007, Platform::Android).starts(400).enters(399, "TermsofUse", "termsOfUse").cancels(398),
        device(3_007, Platform::Ios).starts(5),
    ]);
    let diagnosis = all.of_user(USER, KNOWN);
    let expected = [
        ("sn00000007", Verdict::Failing),
        ("sn00002007", Verdict::GaveUp),
        ("sn00003007", Verdict::Enrolling),
        ("sn00001007", Verdict::Working),
    ];
    assert_eq!(keys(&diagnosis), expected);
    assert_eq!(diagnosis.verdict, Verdict::Failing);
    assert!(diagnosis.summary.starts_with("DEVICE-7 (sn00000007): Failing"), "{}", diagnosis.summary);
    assert!(diagnosis.devices[3].summary.starts_with("The last enrollment worked"));
    let failure = finding(&diagnosis, "failure");
    assert_eq!((failure.rank, failure.severity), (1, Severity::Problem));
    assert_eq!(failure.enrollment_key.as_deref(), Some("sn00000007"));
    assert_eq!(failure.device_name.as_deref(), Some("DEVICE-7"));
    assert_eq!(finding(&diagnosis, "stopped").enrollment_key.as_deref(), Some("sn00002007"));
    assert_eq!(finding(&diagnosis, "works").enrollment_key.as_deref(), Some("sn00001007"));
    assert!(diagnosis.attempts.is_sorted_by(|one, next| one.attempt.started_at >= next.attempt.started_at));
    // A device has the same verdict and findings alone as among its person's devices.
    for judged in &diagnosis.devices {
        let alone = all.of_device(&judged.device.enrollment_key);
        assert_eq!((alone.verdict, &alone.summary), (judged.verdict, &judged.summary));
        let said = diagnosis.findings.iter().filter(|one| one.enrollment_key == alone.findings[0].enrollment_key);
        assert_eq!(said.map(|one| one.id).collect::<Vec<_>>(), ids(&alone));
    }
    // A success on the same device does excuse it.
    let own = device(7, Platform::Windows).starts(500).fails(490, Some("0x801C0003"), None, None).starts(300);
    let own = file([own.completes(290), device(1_007, Platform::Ios).starts(400).completes(390)]).of_user(USER, KNOWN);
    assert_eq!((own.verdict, ids(&own)), (Verdict::Working, vec!["works", "works"]));
}

#[test]
fn a_name_of_several_devices_is_a_list_to_choose_from() {
    let all = file([
        device(1, Platform::Windows).starts(500).fails(490, None, None, None).named("DESKTOP"),
        device(2, Platform::Ios).starts(300).completes(290).named("Desktop"),
        // The second device's name is the serial number of the first.
        device(3, Platform::Ios).starts(300).completes(290).named("SN00000001"),
    ]);
    let several = all.of_device("desktop");
    assert_eq!(several.verdict, Verdict::Ambiguous);
    assert!(several.summary.contains("2 devices of 2 people"), "{}", several.summary);
    let choices: BTreeSet<_> = several.choices.iter().map(|one| one.enrollment_key.as_str()).collect();
    assert_eq!(choices, BTreeSet::from(["sn00000001", "sn00000002"]));
    assert!(several.choices.iter().all(|one| one.user_principal_name.is_some() && one.last_activity_at.is_some()));
    assert!(several.devices.is_empty() && several.attempts.is_empty());
    assert!(several.findings.is_empty() && several.collect.is_empty());
    // A text that matches one device exactly gives that device's diagnosis.
    for (text, key) in [("SN00000001", "sn00000001"), ("sn00000002", "sn00000002"), ("DEVICE-3", "")] {
        let one = all.of_device(text);
        assert!(one.choices.is_empty(), "{text}");
        let found = one.devices.iter().map(|judged| judged.device.enrollment_key.as_str()).next();
        assert_eq!(found.unwrap_or_default(), key, "{text}");
    }
}

#[test]
fn people_are_found_by_each_of_their_attempts_and_sessions() {
    let profile = PROFILES.iter().next().unwrap().1;
    let mut session = device(5, Platform::Windows);
    session.events.push(esp_event(
        5,
        "s",
        ago(900),
        Some("s"),
        EspDetail::Started(Box::new(started(profile, Rule::Default))),
    ));
    session.events[0].about.user_principal_name = Some("Ada@contoso.example".to_owned());
    session.events[0].about.user_id = Some("ada".to_owned());
    // The attempt that the session opened belongs to the person whom its later events name.
    let session = session.completes(100);
    let handed_on = device(4, Platform::Ios)
        .starts(900)
        .fails(890, Some("0x801C0003"), None, None)
        .by("Ada@contoso.example")
        .starts(300)
        .completes(290);
    let all = file([handed_on, session]);
    let reader = all.working.reader().unwrap();
    assert!(reader.esp_sessions("sn00000005").unwrap().len() == 1);
    let found = all.of_user("ada@contoso.example", KNOWN);
    let devices: BTreeSet<_> = keys(&found).into_iter().map(|(key, _)| key).collect();
    assert_eq!(devices, BTreeSet::from(["sn00000004", "sn00000005"]));
    // The next person enrolled the device, so it no longer fails; the failed attempt still belongs to the first person.
    assert_eq!(keys(&found), [("sn00000005", Verdict::NoAttempt), ("sn00000004", Verdict::Working)]);
    let failed = found.attempts.iter().filter(|past| past.attempt.outcome == "failed");
    assert_eq!(failed.map(|past| past.attempt.enrollment_key.as_str()).collect::<Vec<_>>(), ["sn00000004"]);
    assert!(
        found
            .attempts
            .iter()
            .all(|past| past.attempt.user_principal_name.as_deref() != Some("Person.4@contoso.example"))
    );
    assert_eq!(all.of_user("person.4@contoso.example", KNOWN).verdict, Verdict::Working);
}

#[test]
fn a_person_who_gave_up_gets_help_for_every_place() {
    let stopped = |number: u64, platform, action: &str, screen: &str| {
        device(number, platform).starts(300).enters(299, action, screen).cancels(298)
    };
    let mut number = 0;
    let mut all = Vec::new();
    for row in &ROWS {
        for platform in [Platform::Ios, Platform::Android].into_iter().filter(|platform| row.on(*platform)) {
            number += 1;
            all.push(stopped(number, platform, row.action.name(), row.screen.name()));
        }
    }
    all.push(stopped(101, Platform::Ios, "SenderOwn", "ownScreen"));
    all.push(stopped(102, Platform::Windows, "deviceSetup", "x"));
    all.push(stopped(103, Platform::Ios, AWAIT_CONFIGURATION, "x"));
    all.push(device(104, Platform::Ios).starts(300).reports(299, step(Kind::Unenrolled)));
    // This device's place was not reported.
    for (number, platform) in (105..).zip([Platform::Windows, Platform::MacOs, Platform::Ios, Platform::Android]) {
        let mut silent = device(number, platform).starts(300).cancels(298);
        let reports = Reports::read(["starts", "stops"].iter().copied()).unwrap();
        silent.events.iter_mut().for_each(|event| event.reports = reports);
        all.push(silent);
    }
    let keys: Vec<u64> = all.iter().map(|one| one.device).collect();
    let all = file(all);
    let mut causes = BTreeSet::new();
    for number in keys {
        let diagnosis = all.of_device(&format!("SN{number:08}"));
        assert_eq!(diagnosis.verdict, Verdict::GaveUp, "{number}");
        let stop = finding(&diagnosis, "stopped");
        assert!(!stop.cause.is_empty() && stop.steps.len() > 1 && !stop.who.is_empty(), "{number}");
        assert!(stop.others.is_none() || number < 100, "{number}: no place, so no others who stopped there");
        causes.insert(stop.cause.clone());
    }
    assert!(causes.len() >= 17, "{}: each place has its own cause", causes.len());
    let asked = all.of_device("SN00000105");
    assert!(finding(&asked, "stopped").steps[0].starts_with("Ask the person"));
    assert!(asked.summary.contains("a place that no sender reported"), "{}", asked.summary);
}

#[test]
fn a_status_page_that_timed_out_says_what_to_do() {
    let profile = PROFILES.iter().next().unwrap().1;
    let mut late = device(1, Platform::Windows);
    let begun = EspDetail::Phase(Phase::AccountSetup, PhaseState::Started);
    late.events = vec![
        esp_event(1, "s", ago(60 * 40), Some("s"), EspDetail::Started(Box::new(started(profile, Rule::Default)))),
        esp_event(1, "p", ago(60 * 40 - 1), Some("s"), begun),
    ];
    let diagnosis = file([late]).of_device("SN00000001");
    assert_eq!(diagnosis.verdict, Verdict::GaveUp);
    for finding in diagnosis.findings.iter().filter(|one| one.severity != Severity::Information) {
        assert!(!finding.cause.is_empty() && !finding.steps.is_empty(), "{finding:?}");
    }
    let stop = finding(&diagnosis, "stopped");
    assert!(stop.title.contains("Enrollment Status Page") && stop.steps[0].contains("items"), "{stop:?}");
}

#[test]
fn a_setup_assistant_that_is_not_released_is_a_finding_after_fifteen_minutes() {
    let all = file([
        device(1, Platform::Ios).starts(20).held(15),
        device(2, Platform::Ios).starts(20).held(16),
        // A repeated report does not restart the wait.
        device(3, Platform::Ios).starts(40).held(30).held(2),
    ]);
    let short = all.of_device("SN00000001");
    assert_eq!((short.verdict, ids(&short)), (Verdict::HeldForConfiguration, vec!["in-progress"]));
    for (serial, minutes) in [("SN00000002", "16 minutes"), ("SN00000003", "30 minutes")] {
        let long = all.of_device(serial);
        assert_eq!(ids(&long), ["held-for-configuration", "in-progress"]);
        let held = finding(&long, "held-for-configuration");
        assert!(held.title.contains(minutes) && held.cause.contains("DeviceConfigured"), "{held:?}");
        assert!(held.steps.len() > 2);
    }
}

#[test]
fn a_failure_outside_any_attempt_is_a_failure_of_the_device() {
    let failure = Failure { code: Some("0x801C0003".to_owned()), ..Failure::default() };
    let failed = Step { failure: Some(failure), ..step(Kind::Failed) };
    let all = file([device(1, Platform::Windows).starts(500).completes(490).reports(300, failed)]);
    let diagnosis = all.of_device("SN00000001");
    assert_eq!(diagnosis.verdict, Verdict::Failing);
    assert!(diagnosis.summary.contains("20 Mar 2026, 07:00 UTC"), "{}", diagnosis.summary);
    let found = finding(&diagnosis, "device-failure");
    assert_eq!((found.rank, found.severity), (1, Severity::Problem));
    assert!(found.evidence[0].contains("0x801C0003") && !found.advice.is_empty() && !found.steps.is_empty());
}

#[test]
fn what_fails_without_a_reason_has_advice_and_no_invented_cause() {
    let profile = PROFILES.iter().next().unwrap().1;
    let begun = |number| {
        esp_event(number, "s", ago(90), Some("s"), EspDetail::Started(Box::new(started(profile, Rule::Default))))
    };
    let mut failed = device(1, Platform::Windows);
    let phase = EspDetail::Phase(Phase::DeviceSetup, PhaseState::Failed);
    failed.events = vec![begun(1), esp_event(1, "f", ago(60), Some("s"), phase)];
    let all = file([failed, device(2, Platform::MacOs).starts(60).fails(50, None, None, None)]);
    let page = all.of_device("SN00000001");
    let failure = finding(&page, "failure");
    assert_eq!(failure.advice[0].id, "esp-device-setup-failed");
    assert!(finding(&page, "esp-failed").cause.contains("was not reported"), "{page:?}");
    assert_eq!(finding(&all.of_device("SN00000002"), "failure").advice[0].id, "failure-without-reason");
    let reader = all.working.reader().unwrap();
    let (from, to) = reader.window().unwrap();
    let reasons = reader.failure_reasons(from, to, None, 9).unwrap();
    assert!(!reasons.is_empty() && reasons.iter().all(|reason| !reason.advice.is_empty()), "{reasons:?}");
}

#[test]
fn a_device_that_enrolled_before_its_first_event_counts_as_enrolled() {
    let mut restated = step(Kind::Enrolled);
    restated.said.restated = true;
    let known = device(1, Platform::Android).reports(60, restated).reports(60, step(Kind::Compliant)).without_steps();
    let diagnosis = file([known]).of_device("SN00000001");
    assert_eq!((diagnosis.verdict, ids(&diagnosis)), (Verdict::Working, vec!["enrolled-before"]));
    assert!(diagnosis.summary.contains("no enrollment of it was reported"), "{}", diagnosis.summary);
}

#[test]
fn a_person_who_continued_past_a_failed_page_still_sees_the_failure() {
    let profile = PROFILES.iter().next().unwrap().1;
    let mut went_on = device(1, Platform::Windows);
    let error = EspDetail::Item(Phase::DeviceSetup, Category::Apps, item(1), ItemState::Error, Some("1603".to_owned()));
    went_on.events = vec![
        esp_event(1, "s", ago(200), Some("s"), EspDetail::Started(Box::new(started(profile, Rule::Default)))),
        esp_event(1, "i", ago(190), Some("s"), error),
        esp_event(1, "c", ago(185), Some("s"), EspDetail::Action(EspAction::ContinueAnyway)),
    ];
    let diagnosis =
        file([went_on.reports(180, step(Kind::Enrolled)).reports(170, step(Kind::Compliant))]).of_device("SN00000001");
    assert_eq!(diagnosis.verdict, Verdict::Working, "as the tile says");
    assert_eq!(ids(&diagnosis), ["esp-failed", "complete-since"]);
    assert_eq!(finding(&diagnosis, "esp-failed").severity, Severity::Warning);
    assert!(finding(&diagnosis, "complete-since").cause.contains("may still be missing"));
}
