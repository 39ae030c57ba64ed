//! One word for one device: what the status page counts it under, whoever asks, and a sentence with the right instant.

use crate::common::esp::{PROFILES, item, started, told};
use crate::common::step;
use crate::teller::{KNOWN, Teller, ago, device, file, finding, ids};
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{Category, EspAction, EspDetail, ItemState, Phase};
use vestibule_domain::{Kind, Platform};
use vestibule_report::diagnosis::{Severity, Verdict};

/// A day, the limit of an attempt that waits, in minutes.
const DAY: i64 = 60 * 24;

#[test]
fn a_device_that_was_never_released_is_complete_from_its_limit_on() {
    let all = file([device(1, Platform::Ios).starts(DAY + 60).held(DAY + 59)]);
    let diagnosis = all.of_device("SN00000001");
    let ended = ago(59).to_string();
    assert_eq!(diagnosis.verdict, Verdict::Working);
    assert_eq!(diagnosis.ever_worked.last_completed_at.as_deref(), Some(ended.as_str()));
    assert!(diagnosis.summary.contains("20 Mar 2026, 11:01 UTC"), "{}", diagnosis.summary);
    assert!(diagnosis.summary.contains("was not reported"), "{}", diagnosis.summary);
    assert_eq!(ids(&diagnosis), ["release-not-reported"], "that nothing is wrong nobody knows");
    let finding = finding(&diagnosis, "release-not-reported");
    assert_eq!(finding.severity, Severity::Information);
    assert!(finding.evidence[0].contains("20 Mar 2026, 11:01 UTC"), "{finding:?}");
    assert!(finding.cause.contains("Apple") && finding.steps.len() > 1 && !finding.who.is_empty());
    // One that was released is dated by its end too, and nothing is missing.
    let released = device(1, Platform::Ios).starts(300).held(290).completes(280);
    let released = file([released]).of_device("SN00000001");
    assert_eq!((released.verdict, ids(&released)), (Verdict::Working, vec!["works"]));
    assert!(released.summary.contains("20 Mar 2026, 07:20 UTC"), "{}", released.summary);
}

#[test]
fn a_device_that_another_person_enrolled_since_does_not_fail() {
    let failed = || device(4, Platform::Ios).starts(900).fails(890, Some("0x80180018"), None, None);
    let handed_on = |then: fn(Teller) -> Teller| {
        let all = file([then(failed().by("ada@contoso.example").starts(300))]);
        (all.of_user("ada@contoso.example", KNOWN), all.of_device("SN00000004"))
    };
    let (hers, whole) = handed_on(|device| device.completes(290));
    assert_eq!((hers.verdict, whole.verdict), (Verdict::Working, Verdict::Working));
    assert_eq!((hers.attempts.len(), whole.attempts.len()), (1, 2), "her own stays in the list");
    assert_eq!(ids(&hers), ["complete-since"]);
    assert!(finding(&hers, "complete-since").cause.contains("Another person"), "{hers:?}");
    // While they are at it, what was hers still counts for her.
    let (hers, whole) = handed_on(|device| device.enters(2, "TermsofUse", "termsOfUse"));
    assert_eq!((hers.verdict, whole.verdict), (Verdict::Failing, Verdict::Enrolling));
}

#[test]
fn enrolled_and_never_compliant_is_not_called_given_up() {
    let waited = device(1, Platform::Android).tells(DAY + 600, step(Kind::Enrolled)).without_steps();
    let put_off = device(2, Platform::Ios).starts(60).tells(50, step(Kind::Enrolled)).cancels(40);
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
fn a_session_alone_is_neither_stuck_nor_a_failing_device() {
    let profile = PROFILES.iter().next().unwrap().1;
    let page = |number: u64, events: Vec<(i64, EspDetail)>| {
        let mut one = device(number, Platform::Windows);
        let events = events.into_iter().enumerate();
        one.events = events
            .map(|(at, (minutes, detail))| told(number, format!("{at}"), ago(minutes), Some("s"), detail))
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
    // Without a start no attempt opened, so that nothing is known of an enrollment.
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
fn what_was_reported_without_an_enrollment_is_a_device_that_is_not_enrolled() {
    let all = file([
        device(1, Platform::Ios).tells(20, step(Kind::Unenrolled)),
        device(2, Platform::Ios).tells(20, step(Kind::PortalClosed)),
        device(3, Platform::Ios).starts(500).completes(490).tells(20, step(Kind::Unenrolled)),
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
