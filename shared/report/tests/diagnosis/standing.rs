//! A device's verdict is the state that the status page counts it under, whoever asks; its sentence has the
//! right instant.

use crate::common::esp::{PROFILES, esp_event, item, started};
use crate::common::step;
use crate::reporter::{KNOWN, Reporter, ago, device, file, finding, ids};
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{Category, EspAction, EspDetail, ItemState, Phase};
use vestibule_domain::{Kind, Platform};
use vestibule_report::diagnosis::{Severity, Verdict};

/// The limit of an attempt that waits: a day, in minutes.
const DAY: i64 = 60 * 24;

#[test]
fn a_device_that_was_never_released_is_complete_from_its_limit_on() {
    let all = file([device(1, Platform::Ios).starts(DAY + 60).held(DAY + 59)]);
    let diagnosis = all.of_device("SN00000001");
    let ended = ago(59).to_string();
    assert_eq!(diagnosis.verdict, Verdict::Working);
    assert_eq!(diagnosis.ever_worked.last_completed_at.as_deref(), Some(ended.as_str()));
    assert!(diagnosis.summary.contains("20 Mar 2026, 11:01 UTC"), "{}", diagnosis.summary);
    assert!(diagnosis.summary.contains("no sender reported"), "{}", diagnosis.summary);
    assert_eq!(
        ids(&diagnosis),
        ["release-not-reported"],
        "the release was not reported, so the device is not known to work"
    );
    let finding = finding(&diagnosis, "release-not-reported");
    assert_eq!(finding.severity, Severity::Information);
    assert!(finding.evidence[0].contains("20 Mar 2026, 11:01 UTC"), "{finding:?}");
    assert!(finding.cause.contains("Apple") && finding.steps.len() > 1 && !finding.who.is_empty());
    // A released device is dated by its end too, and has no missing report.
    let released = device(1, Platform::Ios).starts(300).held(290).completes(280);
    let released = file([released]).of_device("SN00000001");
    assert_eq!((released.verdict, ids(&released)), (Verdict::Working, vec!["works"]));
    assert!(released.summary.contains("20 Mar 2026, 07:20 UTC"), "{}", released.summary);
}

#[test]
fn a_device_that_another_person_enrolled_since_does_not_fail() {
    let failed = || device(4, Platform::Ios).starts(900).fails(890, Some("0x80180018"), None, None);
    let handed_on = |then: fn(Reporter) -> Reporter| {
        let all = file([then(failed().by("ada@contoso.example").starts(300))]);
        (all.of_user("ada@contoso.example", KNOWN), all.of_device("SN00000004"))
    };
    let (hers, whole) = handed_on(|device| device.completes(290));
    assert_eq!((hers.verdict, whole.verdict), (Verdict::Working, Verdict::Working));
    assert_eq!((hers.attempts.len(), whole.attempts.len()), (1, 2), "her own attempt stays in the list");
    assert_eq!(ids(&hers), ["complete-since"]);
    assert!(finding(&hers, "complete-since").cause.contains("Another person"), "{hers:?}");
    // While the other person is still enrolling, her failure still counts.
    let (hers, whole) = handed_on(|device| device.enters(2, "TermsofUse", "termsOfUse"));
    assert_eq!((hers.verdict, whole.verdict), (Verdict::Failing, Verdict::Enrolling));
}

#[test]
fn enrolled_and_never_compliant_is_not_called_given_up() {
    let waited = device(1, Platform::Android).reports(DAY + 600, step(Kind::Enrolled)).without_steps();
    let put_off = device(2, Platform::Ios).starts(60).reports(50, step(Kind::Enrolled)).cancels(40);
    let all = file([waited, put_off]);
    for (serial, given_up) in [("SN00000001", "19 Mar 2026"), ("SN00000002", "20 Mar 2026, 11:20 UTC")] {
        let diagnosis = all.of_device(serial);
        assert_eq!(diagnosis.verdict, Verdict::NotCompliant, "{serial}");
        assert!(diagnosis.summary.starts_with("Enrolled, and not reported compliant;"), "{}", diagnosis.summary);
        assert!(diagnosis.summary.contains(given_up), "{}", diagnosis.summary);
        assert_eq!(ids(&diagnosis), ["not-compliant", "stopped"]);
        assert!(!diagnosis.collect.is_empty());
    }
}

#[test]
fn a_session_without_an_attempt_makes_no_stuck_or_failing_device() {
    let profile = PROFILES.iter().next().unwrap().1;
    let page = |number: u64, events: Vec<(i64, EspDetail)>| {
        let mut one = device(number, Platform::Windows);
        let events = events.into_iter().enumerate();
        one.events = events
            .map(|(at, (minutes, detail))| esp_event(number, format!("{at}"), ago(minutes), Some("s"), detail))
            .collect();
        one
    };
    let install = EspDetail::Item(Phase::DeviceSetup, Category::Apps, item(1), ItemState::InProgress, None);
    let start = EspDetail::Started(Box::new(started(profile, Rule::Default)));
    let all = file([
        page(1, vec![(DAY, EspDetail::Action(EspAction::Retry))]),
        page(2, vec![(6, install)]),
        page(3, vec![(40, start)]),
        page(4, vec![(40, EspDetail::Failed(Some("0x81036502".to_owned()), None))]),
    ]);
    let status = all.working.reader().unwrap().status().unwrap();
    assert_eq!((status.devices, status.not_enrolled, status.in_progress), (4, 3, 1));
    // No attempt opens without a start, so no enrollment is known.
    for (serial, findings) in
        [("SN00000001", vec!["esp-timed-out"]), ("SN00000002", vec![]), ("SN00000004", vec!["esp-failed"])]
    {
        let diagnosis = all.of_device(serial);
        assert_eq!((diagnosis.verdict, ids(&diagnosis)), (Verdict::NoAttempt, findings), "{serial}");
        assert!(diagnosis.summary.contains("only the Enrollment Status Page is known"), "{}", diagnosis.summary);
    }
    let begun = all.of_device("SN00000003");
    assert_eq!((begun.verdict, ids(&begun)), (Verdict::Enrolling, vec!["in-progress"]));
}

#[test]
fn a_device_without_a_reported_enrollment_is_not_enrolled() {
    let all = file([
        device(1, Platform::Ios).reports(20, step(Kind::Unenrolled)),
        device(2, Platform::Ios).reports(20, step(Kind::PortalClosed)),
        device(3, Platform::Ios).starts(500).completes(490).reports(20, step(Kind::Unenrolled)),
    ]);
    let status = all.working.reader().unwrap().status().unwrap();
    assert_eq!((status.devices, status.not_enrolled), (3, 3));
    for serial in ["SN00000001", "SN00000002"] {
        let diagnosis = all.of_device(serial);
        assert_eq!((diagnosis.verdict, ids(&diagnosis)), (Verdict::NotEnrolled, vec!["not-enrolled"]), "{serial}");
        assert!(diagnosis.summary.starts_with("Not enrolled; no enrollment of it was reported"), "{diagnosis:?}");
        assert!(!diagnosis.collect.is_empty());
    }
    let left = all.of_device("SN00000003");
    assert_eq!((left.verdict, ids(&left)), (Verdict::NotEnrolled, vec!["works"]));
    assert!(left.summary.contains("worked (20 Mar 2026, 03:50 UTC); the device is not enrolled any more"), "{left:?}");
    assert!(left.collect.is_empty());
}

#[test]
fn an_attempt_that_is_open_took_no_time_yet() {
    let all =
        file([device(1, Platform::Ios).starts(500).completes(490).starts(20).enters(9, "TermsofUse", "termsOfUse")]);
    let took: Vec<_> = all.of_device("SN00000001").attempts.iter().map(|past| past.duration_seconds).collect();
    assert_eq!(took, [None, Some(600)]);
}
