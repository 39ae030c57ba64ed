//! The limit of devices a person may enroll is only named as the cause if the failure says
//! so or has no reported reason.

use crate::reporter::{File, KNOWN, device, file, finding, ids};
use vestibule_domain::Platform;
use vestibule_domain::failure::FailureCategory;
use vestibule_report::diagnosis::{Diagnosis, Known, Severity, Subject};

/// The diagnosis of device 1 007, whose person has one other device and may have only one.
fn at_limit(code: Option<&str>, category: Option<FailureCategory>, message: Option<&str>) -> Diagnosis {
    let fails = device(1_007, Platform::Windows).starts(100).fails(90, code, category, message);
    of(&file([device(7, Platform::Ios).starts(500).completes(490), fails]))
}

fn of(all: &File) -> Diagnosis {
    let subject = Subject::Device { text: "SN00001007".to_owned(), name: String::new() };
    all.working.reader().unwrap().diagnose(&subject, Known { device_limit: 1, ..KNOWN }).unwrap()
}

#[test]
fn the_sentence_names_what_the_failure_itself_says() {
    for (code, message) in [(Some("0x80180026"), None), (Some("0x87D1041C"), None), (None, Some("Error 0x801c0003."))] {
        let diagnosis = at_limit(code, None, message);
        let failure = finding(&diagnosis, "failure");
        assert_eq!(failure.rank, 1, "{code:?}: {:?}", ids(&diagnosis));
        assert!(diagnosis.summary.contains(failure.title.trim_end_matches('.')), "{}", diagnosis.summary);
        // The limit is still worth a look, but comes second.
        let limit = finding(&diagnosis, "device-limit");
        assert!(limit.severity == Severity::Warning && limit.rank > 1, "{limit:?}");
        let of_user = file([
            device(7, Platform::Ios).starts(500).completes(490),
            device(1_007, Platform::Windows).starts(100).fails(90, code, None, message),
        ]);
        let of_user = of_user.of_user("person.7@contoso.example", Known { device_limit: 1, ..KNOWN });
        assert!(of_user.summary.ends_with(&diagnosis.summary), "{}", of_user.summary);
    }
}

#[test]
fn a_failure_that_names_the_limit_or_no_reason_puts_the_limit_first() {
    for (code, category, message) in [
        (Some("0x80180013"), None, None),
        (Some("DeviceCapReached"), None, None),
        (None, None, Some("Device limit reached.")),
        (None, None, None),
        (None, Some(FailureCategory::Unknown), None),
    ] {
        let diagnosis = at_limit(code, category, message);
        let limit = finding(&diagnosis, "device-limit");
        assert_eq!((limit.rank, limit.severity), (1, Severity::Problem), "{code:?} {message:?}: {:?}", ids(&diagnosis));
        assert!(diagnosis.summary.contains("as many devices as the organisation allows"), "{}", diagnosis.summary);
    }
}

#[test]
fn a_person_who_chose_to_stop_did_not_meet_the_limit() {
    let enrolled = || device(7, Platform::Ios).starts(500).completes(490);
    let declined = device(1_007, Platform::Ios).starts(100).enters(99, "TermsofUse", "termsOfUse").cancels(98);
    assert_eq!(ids(&of(&file([enrolled(), declined]))), ["stopped", "device-limit"]);
    // No reason was reported for an attempt that went silent.
    let silent = device(1_007, Platform::Ios).starts(100);
    assert_eq!(ids(&of(&file([enrolled(), silent]))), ["device-limit", "stopped"]);
}
