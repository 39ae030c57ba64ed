//! What people meet today has advice: codes, words and sentences as they occur in forums, logs and reports.

#![allow(clippy::unwrap_used, clippy::panic)]

use vestibule_advice::{Advice, Catalogue};
use vestibule_domain::Platform;
use vestibule_domain::failure::{Failure, FailureCategory};

/// Codes that administrators look up, as they write them, and an entry that must be among the meanings.
const CODES: [(&str, &str); 56] = [
    ("0x80180001", "mdm-message-malformed"),
    ("0x80180002", "mdm-authentication-failed"),
    ("0x80180003", "mdm-user-not-authorized"),
    ("0x80180005", "mdm-server-error"),
    ("0x80180009", "mdm-enrollment-in-progress"),
    ("0x8018000a", "mdm-device-already-enrolled"),
    ("0x80180010", "mdm-network-failure"),
    ("0x80180013", "device-cap-reached"),
    ("0x80180014", "windows-mdm-not-allowed"),
    ("0x80180014", "autopilot-record-left"),
    ("0x80180014", "mdm-device-not-supported"),
    ("0x80180015", "mdm-not-supported"),
    ("0x80180017", "mdm-in-maintenance"),
    ("80180018", "mdm-licence-missing"),
    ("0x80180022", "windows-home-edition"),
    ("0x80180026", "mdm-blocked-by-policy"),
    ("0x80180026", "intune-pc-agent-installed"),
    ("0x8018002a", "mdm-sign-in-not-answered"),
    ("0x8018002b", "mdm-scope-none"),
    ("0x8018002b", "upn-not-routable"),
    ("0x801c0003", "user-may-not-join"),
    ("0x801c000e", "entra-device-quota"),
    ("0x801c03ea", "autopilot-tpm-attestation"),
    ("0x801c03ed", "join-second-factor"),
    ("0x801C03F3", "join-device-object-missing"),
    ("0x80070001", "incorrect-function"),
    ("0x80070002", "file-not-found"),
    ("0x80070005", "access-denied"),
    ("0x80070032", "prerequisites-missing"),
    ("0x80070032", "windows-too-old-for-auto-enrollment"),
    ("0x8007064c", "certificate-of-earlier-enrollment"),
    ("0x80070774", "autopilot-hybrid-domain"),
    ("0x800705b4", "autopilot-no-tpm-2"),
    ("0x800705b4", "esp-ran-out-of-time"),
    ("0x80072ee7", "microsoft-network"),
    ("0x80072f8f", "tls-or-clock"),
    ("0x80090016", "tpm-key-bad"),
    ("0x8000ffff", "auto-enrollment-not-configured"),
    ("0x81036501", "autopilot-several-mdm"),
    ("0xc1036501", "autopilot-several-mdm"),
    ("0x81036502", "autopilot-0x81036502"),
    ("0x81039001", "autopilot-tpm-retries"),
    ("0x81039023", "autopilot-tpm-windows-update"),
    ("0x81039024", "autopilot-tpm-vulnerable"),
    ("0x87D1041C", "app-not-detected"),
    ("0x87D300C9", "app-install-still-running"),
    ("0x87D13B9E", "apple-app-uninstall-setting"),
    ("-942583883", "android-app-failed"),
    ("CAA30194", "sign-in-page-not-found"),
    ("0xcaa9001f", "federation-sign-in"),
    ("1602", "installer-cancelled"),
    ("1603", "installer-fatal-error"),
    ("1618", "installer-another-running"),
    ("1641", "installer-restarts-now"),
    ("3010", "installer-restart-required"),
    ("0x80070643", "installer-fatal-error"),
];

/// Words that products report as a reason, with the entry that must come first.
const WORDS: [(&str, Platform, &str); 26] = [
    // Intune's FailureReason.
    ("UserNotLicensed", Platform::Ios, "licence-missing"),
    ("UserUnknown", Platform::Ios, "user-unknown"),
    ("BulkAlreadyEnrolledDevice", Platform::Android, "bulk-already-enrolled"),
    ("EnrollmentOnboardingIssue", Platform::Windows, "mdm-authority-not-set"),
    ("AppleChallengeIssue", Platform::Ios, "apple-profile-delayed"),
    ("AppleOnboardingIssue", Platform::Ios, "apple-push-certificate"),
    ("DeviceCap", Platform::Android, "device-cap-reached"),
    ("AuthenticationRequirementNotMet", Platform::Windows, "authentication-requirement"),
    ("UnsupportedDeviceType", Platform::Ios, "os-version-not-supported"),
    ("EnrollmentCriteriaNotMet", Platform::Ios, "enrollment-criteria"),
    ("BulkDeviceNotPreregistered", Platform::Windows, "device-not-preregistered"),
    ("FeatureNotSupported", Platform::Ios, "feature-not-supported"),
    ("UserAbandonment", Platform::Ios, "user-cancelled"),
    ("APNSCertificateExpired", Platform::Ios, "apple-push-certificate"),
    // Apple devices.
    ("NoEnrollmentPolicy", Platform::Ios, "apple-push-certificate"),
    ("AccountNotOnboarded", Platform::Ios, "apple-push-certificate"),
    ("APNSCertificateNotValid", Platform::Ios, "apple-push-certificate"),
    ("DeviceTypeNotSupported", Platform::Ios, "os-version-not-supported"),
    ("UserLicenseTypeInvalid", Platform::Ios, "licence-missing"),
    ("MdmAuthorityNotDefined", Platform::Ios, "mdm-authority-not-defined"),
    ("XPC_TYPE_ERROR Connection invalid", Platform::Ios, "apple-ade-connection"),
    ("The SCEP server returned an invalid response.", Platform::MacOs, "apple-scep-answer"),
    // Android devices.
    ("Can\u{2019}t create a work profile", Platform::Android, "android-work-profile"),
    ("Encryption is required", Platform::Android, "android-encryption"),
    // Other products' reasons, as their adapters name them.
    ("setupExperienceCanceled", Platform::MacOs, "fleet-setup-experience-cancelled"),
    ("enrollmentActionFailed", Platform::MacOs, "jamf-setup-manager-action"),
];

/// Sentences that contain a code, and the entry that must come first.
const SENTENCES: [(&str, &str); 16] = [
    ("That failed. Ask your administrator and give them the error code 80180018.", "mdm-licence-missing"),
    ("error 80180003 while enrolling for management", "mdm-user-not-authorized"),
    ("Something went wrong (error 80070774)", "autopilot-hybrid-domain"),
    ("Securing your hardware (Failed: 0x800705b4)", "autopilot-no-tpm-2"),
    ("The set-up ended, hr -2145910760.", "mdm-licence-missing"),
    ("The set-up ended, hr 2149056536.", "mdm-licence-missing"),
    ("sign-in: Error CAA30194, try again", "sign-in-page-not-found"),
    ("Auto MDM Enroll: Failed (Unknown Win32 Error code: 0x8018002b)", "mdm-scope-none"),
    ("msiexec ended with exit code 1603", "installer-fatal-error"),
    ("Return code: 3010", "installer-restart-required"),
    ("exit status: 1603", "installer-fatal-error"),
    ("MSI returned 1603", "installer-fatal-error"),
    ("error 1603 in the package", "installer-fatal-error"),
    ("It ended with status 3010", "installer-restart-required"),
    ("App installation timed out, error -2147023436.", "esp-ran-out-of-time"),
    ("An app could not be installed. Error = 0x87d1041c", "app-not-detected"),
];

/// Sentences with numbers that are not codes.
const NO_CODES: [&str; 10] = [
    "call support 80180018",
    "status 404",
    "The device waited for 1603 seconds",
    "1618 of 3010 files were copied in 30 minutes",
    "since 1641 nothing has happened",
    "the build 3010 of 2026",
    "an error of 1603 parts",
    "1603 errors",
    "room 1618",
    "10.0.1603.3010",
];

fn ids(found: &[&Advice]) -> Vec<String> {
    found.iter().map(|advice| advice.id.clone()).collect()
}

fn reason(text: &str) -> Failure {
    Failure { reason: Some(text.to_owned()), ..Failure::default() }
}

/// A repeatable source of spellings.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn capitals(&mut self, text: &str) -> String {
        text.chars().map(|c| if self.next().is_multiple_of(2) { c.to_ascii_uppercase() } else { c }).collect()
    }
}

#[test]
fn every_code_has_its_meanings() {
    let catalogue = Catalogue::built_in();
    for (code, id) in CODES {
        for found in [catalogue.by_code(code), catalogue.look_up(code)] {
            assert!(ids(&found).iter().any(|found| found == id), "{code}: {:?}", ids(&found));
            let helps = |advice: &&Advice| !advice.steps.is_empty() && !advice.who.is_empty();
            assert!(found.iter().all(helps), "{code}");
        }
    }
}

#[test]
fn the_whole_list_of_windows_enrollment_errors_has_advice() {
    let catalogue = Catalogue::built_in();
    let missing: Vec<String> = (0x8018_0001_u32..=0x8018_002b)
        .filter(|value| catalogue.by_code(&format!("{value:#x}")).is_empty())
        .map(|value| format!("{value:#x}"))
        .collect();
    // Values that the list does not have.
    assert_eq!(missing, ["0x8018000c", "0x80180011"]);
    assert!(!catalogue.by_code("0x00180011").is_empty(), "this one is a success code");
}

#[test]
fn every_word_has_advice_and_the_right_one_first() {
    let catalogue = Catalogue::built_in();
    for (word, platform, id) in WORDS {
        let found = ids(&catalogue.for_failure(&reason(word), Some(platform)));
        assert_eq!(found.first().map(String::as_str), Some(id), "{word}: {found:?}");
        assert_eq!(ids(&catalogue.look_up(word)).first().map(String::as_str), Some(id), "{word}");
    }
    let found = ids(&catalogue.for_failure(&reason("NoEnrollmentPolicy"), Some(Platform::Ios)));
    assert_eq!(found, ["apple-push-certificate", "apple-platform-not-allowed"], "it has two meanings");
}

#[test]
fn reasons_come_with_their_category() {
    let catalogue = Catalogue::built_in();
    for (word, category, id) in [
        ("AppleOnboardingIssue", FailureCategory::AccountValidation, "apple-push-certificate"),
        ("EnrollmentCriteriaNotMet", FailureCategory::EnrollmentRestrictionsEnforced, "enrollment-criteria"),
        ("UnsupportedDeviceType", FailureCategory::DeviceNotSupported, "os-version-not-supported"),
        ("UserUnknown", FailureCategory::UserValidation, "user-unknown"),
        ("Unknown", FailureCategory::ClientDisconnected, "network-timeout"),
        ("AWordOfTomorrow", FailureCategory::ClientDisconnected, "network-timeout"),
    ] {
        let failure = Failure { category: Some(category), ..reason(word) };
        let found = ids(&catalogue.for_failure(&failure, Some(Platform::Ios)));
        assert_eq!(found[0], id, "{word}");
        for by_name in ids(&catalogue.look_up(category.name())) {
            assert!(found.contains(&by_name), "{word}: {by_name} is not among {found:?}");
        }
    }
}

#[test]
fn codes_are_found_in_sentences_wherever_they_stand() {
    let catalogue = Catalogue::built_in();
    for (sentence, id) in SENTENCES {
        let as_message = Failure { message: Some(sentence.to_owned()), ..Failure::default() };
        for failure in [reason(sentence), as_message] {
            let found = ids(&catalogue.for_failure(&failure, Some(Platform::Windows)));
            assert_eq!(found.first().map(String::as_str), Some(id), "{sentence}: {found:?}");
        }
    }
}

#[test]
fn ordinary_numbers_are_no_codes() {
    for sentence in NO_CODES {
        let found = ids(&Catalogue::built_in().by_message(sentence));
        assert!(found.iter().all(|id| !id.starts_with("installer-")), "{sentence}: {found:?}");
    }
}

#[test]
fn any_spelling_of_any_code_finds_the_same_entries() {
    let catalogue = Catalogue::built_in();
    let mut dice = Dice(7);
    let codes: Vec<String> = catalogue.entries().flat_map(|advice| advice.codes.clone()).collect();
    assert!(codes.len() > 250);
    for code in codes {
        let value = u32::from_str_radix(&code[2..], 16).unwrap();
        let signed = i32::from_ne_bytes(value.to_ne_bytes());
        let expected = ids(&catalogue.by_code(&code));
        let bare = format!("{value:08x}");
        let wide = format!("0x{:016x}", i64::from(signed));
        let spellings = [code.clone(), wide, signed.to_string(), value.to_string(), format!(" {bare} ")];
        for spelling in spellings {
            let spelling = dice.capitals(&spelling);
            assert_eq!(ids(&catalogue.by_code(&spelling)), expected, "{spelling}");
            assert_eq!(ids(&catalogue.look_up(&spelling)), expected, "{spelling}");
            let failure = Failure { code: Some(spelling.clone()), ..Failure::default() };
            assert_eq!(ids(&catalogue.for_failure(&failure, None)), expected, "{spelling}");
        }
        // Within a sentence; without a prefix, a value that does not look like a failure needs a word before it.
        let mut within = vec![code.clone(), signed.to_string(), value.to_string()];
        if value >= 0x8000_0000 {
            within.push(bare);
        }
        for spelling in within {
            let spelling = dice.capitals(&spelling);
            for sentence in [format!("Frob: error code {spelling}."), format!("frob ended (Code = {spelling}), frob")] {
                assert_eq!(ids(&catalogue.by_message(&sentence)), expected, "{sentence}");
            }
        }
    }
}
