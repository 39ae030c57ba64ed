//! Every code and every named problem of the reference documents has advice. The documents are not part of the
//! repository; the lists here have what they mention, in their order.

#![allow(clippy::unwrap_used, clippy::panic)]

use vestibule_advice::{Advice, Catalogue};
use vestibule_domain::failure::Failure;

const NEWER: &str = "Troubleshooting device enrollment in Intune: ";
const OLDER: &str = "Troubleshoot device enrollment in Intune (an older edition): ";
const ESP: &str = "Set up the Enrollment Status Page: ";
const STATUS: &str = "Enrollment Status: ";

/// The sixteen rows of the newer document's table of codes: 34 mentions, spelt as there, and the entry each means.
const ROWS: [(&str, &[&str]); 16] = [
    ("windows-clock-wrong", &["0x80CF0437"]),
    ("service-unreachable", &["0x80240438", "0x80CF0438", "0x80CF402C"]),
    ("system-proxy-not-set", &["0x80240438", "0x80CF0438"]),
    ("client-package-outdated", &["0x80043001", "0x80CF3001", "0x80043004", "0x80CF3004"]),
    ("account-in-maintenance", &["0x80043002", "0x80CF3002"]),
    ("account-deleted", &["0x80043003", "0x80CF3003"]),
    ("computer-retired", &["0x80043005", "0x80CF3005"]),
    ("seats-used-up", &["0x80043006", "0x80CF3006"]),
    ("installer-certificate-missing", &["0x80043007", "0x80CF3007"]),
    ("restart-pending", &["0x8024D015", "0x00240005", "0x80070BC2", "0x80070BC9", "0x80CFD015"]),
    ("prerequisites-missing", &["0x80070032"]),
    ("update-service-not-started", &["0x80043008", "0x80CF3008"]),
    ("computer-already-enrolled", &["0x80043009", "0x80CF3009"]),
    ("windows-version-not-supported", &["0x8004300B", "0x80CF300B"]),
    ("installer-vbscript", &["0xAB2"]),
    ("account-suspended", &["0x80cf0440"]),
];

/// Named problems: the document, words of its heading or of what people see, and the entry that must come first.
const PROBLEMS: [(&str, &str, &str); 38] = [
    (NEWER, "Check device date and time", "device-clock"),
    (NEWER, "Device cap reached", "device-cap-reached"),
    (NEWER, "DeviceCapReached", "device-cap-reached"),
    (NEWER, "Device Enrollment Manager, Conditional Access", "enrollment-manager-conditional-access"),
    (NEWER, "Company Portal Temporarily Unavailable", "company-portal-unavailable"),
    (NEWER, "MDM authority not defined", "mdm-authority-not-defined"),
    (NEWER, "the company name contains special characters", "company-name-special-characters"),
    (NEWER, "multiple verified domains", "several-verified-domains"),
    (NEWER, "Profile installation failed", "profile-installation-failed"),
    (NEWER, "IOSProfileSigning.manage.microsoft.com", "signing-certificate-expired"),
    (NEWER, "assign license for access", "licence-missing"),
    (NEWER, "IT admin hasn't given you access", "licence-missing"),
    (NEWER, "needs to set MDM authority", "mdm-authority-not-set"),
    (NEWER, "your IT admin hasn\u{2019}t set an MDM authority", "mdm-authority-not-set"),
    (OLDER, "Device Cap reached", "device-cap-reached"),
    (OLDER, "Profile installation failed", "profile-installation-failed"),
    (OLDER, "COMPANY PORTAL TEMPORARILY UNAVAILABLE", "company-portal-unavailable"),
    (OLDER, "MDM authority not defined", "mdm-authority-not-defined"),
    (OLDER, "Mobile devices disappear", "mobile-devices-disappear"),
    (ESP, "reboots packaged within the app", "esp-app-reboot"),
    (ESP, "Disabling the ESP profile", "esp-shown-though-disabled"),
    (ESP, "credentials before the account setup", "esp-credentials-after-reboot"),
    (ESP, "Add work and school account", "esp-add-work-account-timeout"),
    (ESP, "Hybrid Microsoft Entra Autopilot", "esp-hybrid-takes-longer"),
    (ESP, "sign in page isn't prepopulated", "esp-username-not-prefilled"),
    (ESP, "\"Identifying\" phase", "esp-stuck-identifying"),
    (ESP, "Microsoft Defender Application Control", "esp-application-control-reboot"),
    (ESP, "DeviceLock policy", "esp-device-lock-credentials"),
    (ESP, "DeviceLock policy: autologon will fail", "esp-device-lock-autologon-failed"),
    (ESP, "enrolled with Group Policy (GPO)", "esp-not-with-group-policy"),
    (ESP, "Scripts that run in user context", "esp-user-context-scripts"),
    (ESP, "Microsoft 365 Apps", "esp-microsoft-365-apps"),
    (ESP, "Another installation is in progress", "esp-mixed-installers"),
    (STATUS, "Device already enrolled with different user", "device-of-another-user"),
    (STATUS, "Device limit exceeded", "device-cap-reached"),
    (STATUS, "OS version not supported", "os-version-not-supported"),
    (STATUS, "MDM profile installation failed: User cancelled enrollment", "user-cancelled"),
    (STATUS, "Network timeout", "network-timeout"),
];

fn ids(found: &[&Advice]) -> Vec<String> {
    found.iter().map(|advice| advice.id.clone()).collect()
}

/// Every spelling in which senders write the value.
fn spellings(code: &str) -> Vec<String> {
    let value = u32::from_str_radix(&code[2..], 16).unwrap();
    let signed = i32::from_ne_bytes(value.to_ne_bytes());
    vec![
        code.to_owned(),
        code.to_lowercase(),
        code.to_uppercase(),
        format!(" {code} "),
        format!("{value:x}"),
        format!("{value:08X}"),
        format!("0x{value:08x}"),
        format!("0x{value:016X}"),
        format!("0x{:016x}", i64::from(signed)),
        value.to_string(),
        signed.to_string(),
        format!("{value:08}"),
    ]
}

#[test]
fn all_mentions_of_codes_resolve_in_every_spelling() {
    assert_eq!(ROWS.iter().map(|(_, codes)| codes.len()).sum::<usize>(), 34);
    let catalogue = Catalogue::built_in();
    for (id, codes) in ROWS {
        let advice = catalogue.by_id(id).unwrap();
        assert_eq!(advice.codes.len(), codes.len(), "{id} has the row's codes and no others");
        assert!(advice.sources.iter().any(|source| source.starts_with(NEWER)), "{id}");
        for code in codes {
            for spelling in spellings(code) {
                let found = ids(&catalogue.by_code(&spelling));
                assert!(found.iter().any(|found| found == id), "{spelling}: {found:?}");
                let found =
                    ids(&catalogue.for_failure(&Failure { code: Some(spelling.clone()), ..Failure::default() }, None));
                assert!(found.iter().any(|found| found == id), "{spelling}: {found:?}");
            }
            let message = format!("Setup ended with error ({code}).");
            assert!(ids(&catalogue.by_message(&message)).iter().any(|found| found == id), "{message}");
        }
    }
}

#[test]
fn a_code_gets_all_its_meanings() {
    let catalogue = Catalogue::built_in();
    for code in ["0x80240438", "-2145123272", "0x80cf0438"] {
        assert_eq!(ids(&catalogue.by_code(code)), ["service-unreachable", "system-proxy-not-set"]);
    }
    for spelling in spellings("0x801c0003") {
        assert_eq!(ids(&catalogue.by_code(&spelling)), ["device-of-another-user", "user-may-not-join"], "{spelling}");
    }
    assert_eq!(ids(&catalogue.by_code("0x80CF402C")), ["service-unreachable"]);
}

#[test]
fn every_named_problem_resolves() {
    let catalogue = Catalogue::built_in();
    for (document, words, id) in PROBLEMS {
        let found = catalogue.by_message(words);
        let first = found.first().unwrap_or_else(|| panic!("nothing for {words:?} of {document}"));
        assert_eq!(first.id, id, "{words:?} of {document}");
        assert!(first.sources.iter().any(|source| source.starts_with(document)), "{id} names {document}");
    }
}

#[test]
fn the_newer_document_wins() {
    let advice = Catalogue::built_in().by_id("device-cap-reached").unwrap();
    assert!(advice.steps.iter().any(|step| step.contains("raise the limit")), "the limit is a setting");
    assert!(
        !advice.steps.iter().any(|step| step.contains('5') || step.contains("five")),
        "the limit is not fixed at five"
    );
    // One message with both meanings.
    let both = Catalogue::built_in().by_message("Company Portal Temporarily Unavailable");
    assert_eq!(ids(&both), ["company-portal-unavailable", "device-cap-reached"]);
}
