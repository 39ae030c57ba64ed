//! Diagnostics: an example of each rule, and all rules over a generated world against plain arithmetic.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod devices;
mod limit;
mod reporter;
mod standing;

use common::esp::{PROFILES, esp_event, item, started};
use common::{about, at, build, changes, context, event, step, tenant, world};
use reporter::{KNOWN, ago, device, file, finding, ids};
use std::collections::BTreeSet;
use vestibule_domain::esp::resolve::Rule;
use vestibule_domain::esp::{Category, EspDetail, ItemState, Phase, PhaseState};
use vestibule_domain::failure::{FailureCategory, code_value};
use vestibule_domain::{DeviceState, Kind, Outcome, Platform, TenantSettings, fold};
use vestibule_report::diagnosis::{Covers, Known, Severity, SilentSender, Subject, Verdict, Why};

#[test]
fn a_failure_is_shown_with_its_meanings_and_the_others_it_hits() {
    let serial = |number: u64| format!("SN{number:08}");
    let all = file([
        device(1, Platform::Windows).starts(400).fails(390, Some("0x801C0003"), None, None).starts(300).fails(
            290,
            Some("-2145648637"),
            None,
            Some("Something went wrong."),
        ),
        // Two other people had the same code, in another spelling, on three devices.
        device(2, Platform::Windows).starts(1_000).fails(990, Some("2149318659"), None, None),
        device(1_002, Platform::Windows).starts(900).fails(890, Some("0x801c0003"), None, None),
        device(3, Platform::MacOs).starts(800).fails(790, Some("0X801C0003"), None, None),
        device(4, Platform::Windows).starts(700).fails(690, Some("0x80CF0437"), None, None),
    ]);
    let diagnosis = all.of_device(&serial(1));
    assert_eq!(diagnosis.verdict, Verdict::Failing);
    assert_eq!(ids(&diagnosis), ["failure"]);
    let failure = finding(&diagnosis, "failure");
    assert_eq!((failure.rank, failure.severity), (1, Severity::Problem));
    assert!(failure.advice.len() >= 2, "every meaning of the code");
    assert_eq!(failure.cause, failure.advice[0].cause);
    assert!(!failure.steps.is_empty() && !failure.who.is_empty());
    assert!(failure.evidence[0].contains("2 times"), "{:?}", failure.evidence);
    assert!(failure.evidence.iter().any(|line| line.contains("Something went wrong.")));
    let others = failure.others.as_ref().unwrap();
    assert_eq!((others.users, others.devices, others.count), (2, 3, 3));
    assert_eq!(others.platforms, ["macos", "windows"]);
    assert_eq!((others.since.clone(), others.until.clone()), (ago(990).to_string(), ago(790).to_string()));
    assert_eq!(diagnosis.attempts.len(), 2);
    assert_eq!(diagnosis.ever_worked.completed_attempts, 0);
    // Device 4 has its own cause: its clock is wrong.
    assert_eq!(finding(&all.of_device(&serial(4)), "failure").advice[0].id, "windows-clock-wrong");
}

#[test]
fn a_failure_before_a_success_is_past() {
    let all = file([
        device(1, Platform::Ios).starts(500).fails(490, Some("0x801C0003"), None, None).starts(300).completes(290),
        device(2, Platform::Ios).starts(500).completes(490).starts(300).fails(290, Some("0x801C0003"), None, None),
    ]);
    let worked = all.of_device("SN00000001");
    assert_eq!((worked.verdict, ids(&worked)), (Verdict::Working, vec!["works"]));
    assert_eq!(worked.ever_worked.last_completed_at, Some(ago(290).to_string()));
    assert!(worked.collect.is_empty());
    let fails_now = all.of_device("SN00000002");
    assert_eq!((fails_now.verdict, fails_now.ever_worked.completed_attempts), (Verdict::Failing, 1));
    assert_eq!(finding(&fails_now, "failure").severity, Severity::Problem);
}

#[test]
fn stops_at_one_screen_again_and_again() {
    let stops = |number, minutes: i64| {
        device(number, Platform::Ios)
            .starts(minutes)
            .enters(minutes - 1, "iOSProfileLaunch", "installProfile")
            .cancels(minutes - 2)
    };
    let again = stops(1, 300).starts(200).enters(199, "iOSProfileLaunch", "installProfile").cancels(198);
    let all = file([again, stops(2, 400), stops(3, 60 * 24 * 20)]);
    let diagnosis = all.of_device("DEVICE-1");
    assert_eq!(diagnosis.verdict, Verdict::GaveUp);
    let stop = finding(&diagnosis, "repeated-stop");
    assert_eq!((stop.severity, stop.evidence.len()), (Severity::Problem, 2));
    // The third device's stop is too long ago to count today.
    assert_eq!(stop.others.as_ref().map(|others| (others.devices, others.users)), Some((1, 1)));
    assert_eq!(finding(&all.of_device("DEVICE-2"), "stopped").severity, Severity::Warning);
    assert!(diagnosis.collect.iter().any(|one| one.platform == Some("ios")));
    assert!(diagnosis.collect.iter().all(|one| one.platform.is_none_or(|platform| platform == "ios")));
}

#[test]
fn as_many_devices_as_the_limit_allows() {
    // Devices 7, 1 007 and 2 007 belong to one person.
    let all = file([
        device(7, Platform::Ios).starts(500).completes(490),
        device(1_007, Platform::Android).starts(400).completes(390),
        device(2_007, Platform::Ios).starts(300).fails(290, Some("DeviceCapReached"), None, None),
    ]);
    let user = "person.7@CONTOSO.example";
    let at_limit = all.of_user(user, Known { device_limit: 2, ..KNOWN });
    assert_eq!(at_limit.devices.len(), 3);
    let limit = finding(&at_limit, "device-limit");
    assert_eq!((limit.rank, limit.severity, limit.advice[0].id.as_str()), (1, Severity::Problem, "device-cap-reached"));
    assert_eq!(at_limit.ever_worked.enrolled_devices, 2);
    let below = all.of_user("u-7", Known { device_limit: 3, ..KNOWN });
    assert!(!ids(&below).contains(&"device-limit"));
    assert_eq!(finding(&below, "failure").advice[0].id, "device-cap-reached");
    // A diagnosis by device also checks its person's limit.
    let subject = Subject::Device { text: "SN00002007".to_owned(), name: String::new() };
    let of_device = all.working.reader().unwrap().diagnose(&subject, Known { device_limit: 2, ..KNOWN }).unwrap();
    assert_eq!(of_device.findings[0].id, "device-limit");
}

#[test]
fn clock_licence_and_category_are_checked() {
    let mut wrong =
        device(1, Platform::Android).starts(300).fails(290, None, Some(FailureCategory::UserValidation), None);
    // The event is dated twenty minutes after it was received.
    let skewed = event("skewed", ago(280), -20 * 60_000, about(1, Platform::Android), step(Kind::PortalClosed));
    assert!(skewed.clock_skew.is_some());
    wrong.events.insert(1, skewed);
    let diagnosis = file([wrong]).of_device("SN00000001");
    assert_eq!(finding(&diagnosis, "device-clock").advice[0].id, "device-clock");
    assert_eq!(finding(&diagnosis, "licence").advice[0].id, "licence-missing");
    let failure = finding(&diagnosis, "failure");
    assert_eq!(failure.advice[0].id, "user-not-valid", "by its category");
    assert!(failure.cause.contains("licence") && failure.others.is_none());
    assert!(diagnosis.collect.iter().any(|one| one.what == "The exact error message"));
}

#[test]
fn the_status_page_stuck_failed_and_out_of_time() {
    let profile = PROFILES.iter().next().unwrap().1;
    let begin = |number: u64, minutes: i64| {
        esp_event(
            number,
            "start",
            ago(minutes),
            Some("s"),
            EspDetail::Started(Box::new(started(profile, Rule::Default))),
        )
    };
    let phase = |number: u64, minutes: i64, phase, state| {
        let detail = EspDetail::Phase(phase, state);
        esp_event(number, format!("{phase:?}{state:?}"), ago(minutes), Some("s"), detail)
    };
    let mut stuck = device(1, Platform::Windows);
    stuck.events = vec![begin(1, 50), phase(1, 49, Phase::DeviceSetup, PhaseState::Started)];
    let fails = |number: u64| {
        let mut failing = device(number, Platform::Windows);
        failing.events = vec![
            begin(number, 50),
            esp_event(
                number,
                "item",
                ago(40),
                Some("s"),
                EspDetail::Item(
                    Phase::DeviceSetup,
                    Category::Apps,
                    item(1),
                    ItemState::Error,
                    Some("0x87D1041C".to_owned()),
                ),
            ),
        ];
        failing
    };
    let mut late = device(4, Platform::Windows);
    let list = EspDetail::Tracked(Phase::DeviceSetup, Category::Apps, vec![item(1)]);
    late.events = vec![begin(4, 60 * 23), esp_event(4, "list", ago(60 * 23 - 1), Some("s"), list)];
    let mut stuck_and_late = device(6, Platform::Windows);
    stuck_and_late.events = vec![begin(6, 60 * 23), phase(6, 60 * 23 - 1, Phase::DeviceSetup, PhaseState::Started)];
    let all = file([stuck, fails(2), fails(3), late, stuck_and_late]);
    let failed = all.of_device("SN00000002");
    let finding_of = finding(&failed, "esp-failed");
    assert!(finding_of.evidence.iter().any(|line| line.contains("App 1") && line.contains("0x87D1041C")));
    assert_eq!(finding_of.others.as_ref().map(|others| others.devices), Some(1), "who waits for the same app");
    assert_eq!(finding_of.advice[0].id, "app-not-detected", "by the item's code");
    // The page's message has the code without its prefix.
    let message = "Something went wrong. Your administrator may want the error code 80180018.".to_owned();
    let mut said = device(5, Platform::Windows);
    said.events =
        vec![begin(5, 50), esp_event(5, "failed", ago(40), Some("s"), EspDetail::Failed(None, Some(message)))];
    let said = file([said]).of_device("SN00000005");
    assert_eq!(finding(&said, "esp-failed").advice[0].id, "mdm-licence-missing");
    // The page gave up half an hour before the known limit, so no item is blamed.
    let expired = EspDetail::Failed(Some("0x800705b4".to_owned()), None);
    let mut gave_up = device(7, Platform::Windows);
    let list = EspDetail::Tracked(Phase::DeviceSetup, Category::Apps, vec![item(1)]);
    gave_up.events = vec![
        begin(7, 50),
        esp_event(7, "list", ago(49), Some("s"), list),
        esp_event(7, "f", ago(20), Some("s"), expired),
    ];
    let gave_up = file([gave_up]).of_device("SN00000007");
    let page = finding(&gave_up, "esp-ran-out-of-time");
    assert!(page.evidence[0].contains("0 of 1 items done"), "{page:?}");
    assert_eq!(page.advice[0].id, "esp-ran-out-of-time");
    assert!(gave_up.findings.iter().all(|one| !one.title.contains("TPM")), "{:?}", gave_up.findings);
    let timed_out = all.of_device("SN00000004");
    assert!(finding(&timed_out, "esp-timed-out").evidence[0].contains("Executive ESP"));
    let subject = Subject::Device { text: "SN00000004".to_owned(), name: String::new() };
    let hidden = Known { shows_profiles: false, ..KNOWN };
    let hidden = all.working.reader().unwrap().diagnose(&subject, hidden).unwrap();
    assert!(!finding(&hidden, "esp-timed-out").evidence[0].contains("Executive ESP"));
    // A session past its limit can also be stuck; stuck says more.
    let both = all.of_device("SN00000006");
    let both = finding(&both, "esp-stuck-identifying");
    assert!(both.evidence.iter().any(|line| line.contains("past its time limit")), "{:?}", both.evidence);
    let stuck = all.of_device("SN00000001");
    let stuck = finding(&stuck, "esp-stuck-identifying");
    assert_eq!(stuck.severity, Severity::Problem);
    // The evidence can be looked up.
    let session = stuck.session_id.as_deref().unwrap();
    let sessions = all.working.reader().unwrap().esp_sessions(stuck.enrollment_key.as_deref().unwrap()).unwrap();
    assert!(sessions.iter().any(|one| one.session.session_id == session), "{session}");
}

#[test]
fn a_silent_sender_is_a_finding_for_the_devices_it_reports() {
    let mut other = device(2, Platform::Ios).starts(60).completes(50);
    other.events.iter_mut().for_each(|event| event.key.source = "agent".to_owned());
    let long_ago = 60 * 24 * 3;
    let all = file([device(1, Platform::Ios).starts(long_ago).completes(long_ago - 5), other]);
    // Three days without an enrollment do not make a sender silent.
    assert!(!ids(&all.of_device("SN00000001")).contains(&"source-silent"));
    let silent = |title: &str, covers| {
        let why = Why::Silent { usual_longest_hours: 2 };
        SilentSender { title: title.to_owned(), covers, since: ago(600), why }
    };
    let known = |silent| Known { silent, ..KNOWN };
    let diagnose = |text: &str, known| {
        let subject = Subject::Device { text: text.to_owned(), name: text.to_owned() };
        all.working.reader().unwrap().diagnose(&subject, known).unwrap()
    };
    let agent = || known(vec![silent("Agent", Covers::Source("agent".to_owned()))]);
    let own_form = || known(vec![silent("Events", Covers::AllBut(vec!["agent".to_owned()]))]);
    let said = diagnose("SN00000002", agent());
    assert_eq!((said.verdict, ids(&said)), (Verdict::Working, vec!["source-silent", "works"]));
    let finding = finding(&said, "source-silent");
    assert_eq!((finding.title.as_str(), finding.severity), ("Agent has fallen silent", Severity::Warning));
    assert!(
        finding.evidence[0].contains("20 Mar 2026, 02:00") && finding.evidence[0].contains("2 hours"),
        "{finding:?}"
    );
    assert_eq!(ids(&diagnose("SN00000002", own_form())), ["works"]);
    assert_eq!(ids(&diagnose("SN00000001", own_form())), ["source-silent", "works"]);
    assert_eq!(ids(&diagnose("SN00000001", agent())), ["works"]);
    // A source that Vestibule reads, and at present cannot read.
    let unread = SilentSender {
        why: Why::Unread("missing permission X".to_owned()),
        ..silent("Microsoft Graph, managed devices", Covers::Source("agent".to_owned()))
    };
    let said = diagnose("SN00000002", known(vec![unread]));
    assert_eq!(ids(&said), ["source-unread", "works"]);
    assert!(said.findings[0].evidence[0].contains("missing permission X"), "{:?}", said.findings[0]);
    // Any silent sender might have reported a device that is unknown here.
    let unknown = diagnose("nothing like it", agent());
    assert_eq!((unknown.verdict, ids(&unknown)), (Verdict::NotSeen, vec!["source-silent", "not-seen"]));
    assert!(unknown.attempts.is_empty() && !unknown.collect.is_empty());
    assert!(unknown.findings[1].evidence[1].contains("20 Mar 2026, 11:10"), "{:?}", unknown.findings[1].evidence);
    assert_eq!(ids(&diagnose("nothing like it", KNOWN)), ["not-seen"]);
}

#[test]
fn under_way_and_waiting_for_compliance() {
    let all = file([
        device(1, Platform::Ios).starts(10).enters(9, "TermsofUse", "termsOfUse"),
        device(2, Platform::Ios).starts(10).reports(9, step(Kind::Enrolled)),
        device(3, Platform::Ios).reports(9, step(Kind::Enrolled)).without_steps(),
    ]);
    let under_way = all.of_device("SN00000001");
    assert_eq!((under_way.verdict, ids(&under_way)), (Verdict::Enrolling, vec!["in-progress"]));
    // Its sender reports screens, so thirty minutes without one count as giving up, not as waiting.
    let enrolled = all.of_device("SN00000002");
    assert_eq!((enrolled.verdict, enrolled.findings[0].id), (Verdict::Enrolling, "not-compliant"));
    let waiting = all.of_device("SN00000003");
    assert_eq!((waiting.verdict, waiting.findings[0].id), (Verdict::WaitingForCompliance, "not-compliant"));
}

#[test]
fn a_world_is_diagnosed_as_plain_arithmetic_does() {
    let (tenant, settings, as_of) = (tenant(), TenantSettings::default(), at("2026-03-20T02:00:00Z"));
    let all = changes(&world(31, 400, at("2026-03-01T00:00:00Z"), as_of), as_of);
    let folder = tempfile::tempdir().unwrap();
    let working = build(&folder.path().join("w"), &context(&tenant, &settings), &all, as_of);
    let reader = working.reader().unwrap();
    let folded: Vec<_> = all.iter().map(|change| fold(&tenant, &change.history, &settings, as_of)).collect();
    let (mut seen, mut said) = (BTreeSet::new(), BTreeSet::new());
    for enrollment in &folded {
        let subject = Subject::Device { text: enrollment.key.as_str().to_owned(), name: String::new() };
        let diagnosis = reader.diagnose(&subject, KNOWN).unwrap();
        let count = |outcome| enrollment.attempts.iter().filter(|attempt| attempt.outcome == outcome).count();
        assert_eq!(diagnosis.attempts.len(), enrollment.attempts.len());
        assert_eq!(diagnosis.ever_worked.completed_attempts, count(Outcome::Completed));
        let ranks: Vec<usize> = diagnosis.findings.iter().map(|finding| finding.rank).collect();
        assert_eq!(ranks, (1..=ranks.len()).collect::<Vec<_>>());
        assert!(diagnosis.findings.windows(2).all(|pair| pair[0].severity <= pair[1].severity));
        let last = enrollment.attempts.last().map(|attempt| attempt.outcome);
        // The verdict of a device is the state that the status page counts it under.
        let words: &[Verdict] = match enrollment.state {
            DeviceState::InProgress => &[Verdict::Enrolling],
            DeviceState::WaitingForCompliance => &[Verdict::WaitingForCompliance, Verdict::HeldForConfiguration],
            DeviceState::Failed => &[Verdict::Failing],
            DeviceState::Prepared => &[Verdict::Prepared],
            DeviceState::Enrolled if enrollment.complete => &[Verdict::Working],
            DeviceState::Enrolled => &[Verdict::NotCompliant],
            DeviceState::GaveUp => &[Verdict::GaveUp],
            DeviceState::Pending => &[Verdict::NoAttempt],
            DeviceState::NotEnrolled if last.is_none() && !enrollment.sessions.is_empty() => &[Verdict::NoAttempt],
            DeviceState::NotEnrolled => &[Verdict::NotEnrolled],
        };
        assert!(words.contains(&diagnosis.verdict), "{:?}: {:?}", enrollment.state, diagnosis.verdict);
        said.insert(format!("{:?}", diagnosis.verdict));
        // How many others failed with the code of the newest failure.
        let newest = enrollment.attempts.last().filter(|attempt| attempt.outcome == Outcome::Failed);
        let newest = newest.filter(|_| diagnosis.verdict == Verdict::Failing);
        let code = newest.and_then(|attempt| attempt.failure.as_ref()).and_then(|failure| failure.code.as_deref());
        let Some(value) = code.and_then(code_value) else { continue };
        seen.insert(value);
        let alike = folded.iter().filter(|other| other.key != enrollment.key).filter(|other| {
            other.attempts.iter().any(|attempt| {
                let code = attempt.failure.as_ref().and_then(|failure| failure.code.as_deref());
                attempt.outcome == Outcome::Failed && code.and_then(code_value) == Some(value)
            })
        });
        let failure = diagnosis.findings.iter().find(|finding| finding.id == "failure").unwrap();
        assert_eq!(failure.others.as_ref().unwrap().devices, alike.count() as u64);
    }
    assert!(seen.len() >= 2, "the world has failures with codes");
    assert!(said.len() >= 7, "{said:?}");
}
