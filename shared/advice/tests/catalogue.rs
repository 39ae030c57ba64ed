//! Tests the built-in file, files of an organisation's own, and the order of what is found.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashSet;
use vestibule_advice::{Advice, Catalogue, CatalogueError, Fault, canonical_code};
use vestibule_domain::Platform;
use vestibule_domain::failure::{Failure, FailureCategory, code_value};

fn failure(code: Option<&str>, reason: Option<&str>, message: Option<&str>) -> Failure {
    let text = |text: Option<&str>| text.map(str::to_owned);
    Failure { code: text(code), reason: text(reason), message: text(message), category: None }
}

fn ids(found: &[&Advice]) -> Vec<String> {
    found.iter().map(|advice| advice.id.clone()).collect()
}

#[test]
fn the_built_in_files_are_whole() {
    let read = Catalogue::read_built_in().unwrap();
    let built_in = Catalogue::built_in();
    assert!(built_in.entries().eq(read.entries()));
    assert_eq!(built_in.version(), "2");
    let files = Catalogue::built_in_texts().concat();
    let mut seen = HashSet::new();
    for advice in built_in.entries() {
        let id = &advice.id;
        assert!(seen.insert(id), "{id} twice");
        assert_eq!(built_in.by_id(id), Some(advice));
        let is_found = !(advice.phrases.is_empty() && advice.codes.is_empty() && advice.categories.is_empty());
        assert!(is_found, "{id} cannot be found");
        for code in &advice.codes {
            assert_eq!(canonical_code(code_value(code).unwrap()), *code, "{id}");
            assert!(files.contains(&format!("{code:?}")), "{id}: {code} is not written so in the file");
            assert!(built_in.by_code(code).contains(&advice), "{id}: {code}");
        }
        for phrase in &advice.phrases {
            assert_eq!(phrase.to_lowercase(), *phrase, "{id}: {phrase}");
            let found = built_in.by_message(phrase);
            assert!(found.contains(&advice) || advice.categories == [FailureCategory::Unknown], "{id}: {phrase}");
        }
    }
    assert_eq!(built_in.by_id("none"), None);
}

#[test]
fn every_text_is_a_plain_sentence() {
    for advice in Catalogue::built_in().entries() {
        let id = &advice.id;
        for text in [&advice.problem, &advice.cause].into_iter().chain(&advice.steps) {
            assert!(text.starts_with(|c: char| c.is_uppercase() || c == '\''), "{id}: {text}");
            assert!(text.ends_with(['.', ')']), "{id}: {text}");
            let is_plain = !text.contains(['\n', '\t', '*', '`', '<', '\u{1f}']) && !text.contains("  ");
            assert!(is_plain && text.trim() == text.as_str(), "{id}: {text}");
        }
    }
}

#[test]
fn every_entry_names_its_document_with_title_and_address() {
    for advice in Catalogue::built_in().entries() {
        for source in &advice.sources {
            let (title, address) = source.split_once(": https://").unwrap_or_else(|| panic!("{}: {source}", advice.id));
            assert!(!title.is_empty() && address.contains('/'), "{}: {source}", advice.id);
            // The report file joins sources with this.
            assert!(!source.contains(", "), "{}: {source}", advice.id);
        }
    }
}

#[test]
fn no_two_entries_of_a_code_and_platform_say_the_same() {
    let entries: Vec<&Advice> = Catalogue::built_in().entries().collect();
    for (at, one) in entries.iter().enumerate() {
        for other in entries.iter().skip(at + 1) {
            assert_ne!((&one.problem, &one.cause), (&other.problem, &other.cause), "{} and {}", one.id, other.id);
            let share_code = one.codes.iter().any(|code| other.codes.contains(code));
            let share_platform = one.platforms.iter().any(|platform| other.platforms.contains(platform));
            if share_code && share_platform {
                assert_ne!(one.problem, other.problem, "{} and {}", one.id, other.id);
                assert_ne!(one.steps, other.steps, "{} and {}", one.id, other.id);
            }
        }
    }
}

#[test]
fn what_is_unknown_finds_nothing() {
    let catalogue = Catalogue::built_in();
    for nothing in ["", " ", "0x", "0x1", "0", "-1", "success", "'", "\u{0}", "-", "0x80043001zz"] {
        assert!(catalogue.by_code(nothing).is_empty(), "{nothing:?}");
        assert!(catalogue.by_message(nothing).is_empty(), "{nothing:?}");
        assert!(
            catalogue.for_failure(&failure(Some(nothing), Some(nothing), Some(nothing)), None).is_empty(),
            "{nothing:?}"
        );
    }
    assert!(catalogue.for_failure(&Failure::default(), Some(Platform::Ios)).is_empty());
    let long = "İß…0x".repeat(100_000);
    assert!(catalogue.by_code(&long).is_empty() && catalogue.by_message(&long).is_empty());
}

#[test]
fn the_best_comes_first() {
    let catalogue = Catalogue::built_in();
    let first = |code, reason, message, platform| {
        catalogue
            .for_failure(&failure(code, reason, message), platform)
            .first()
            .map(|advice| advice.id.clone())
            .unwrap()
    };
    // If a code has several meanings, the message decides.
    let refused = failure(Some("0x801C0003"), None, Some("This user is not authorized to enroll."));
    let found = catalogue.for_failure(&refused, None);
    assert_eq!(ids(&found[..2]), ["user-may-not-join", "device-of-another-user"]);
    assert_eq!(
        first(Some("0x801c0003"), None, Some("Device already enrolled with different user"), None),
        "device-of-another-user"
    );
    // A code counts more than what the message resembles.
    assert_eq!(
        first(Some("-2133916617"), Some("profile installation failed"), None, Some(Platform::Ios)),
        "windows-clock-wrong"
    );
    // The platform outweighs the words.
    assert_eq!(
        first(None, None, Some("Windows version not supported; OS version not supported"), Some(Platform::MacOs)),
        "os-version-not-supported"
    );
    // A name, a code or a message may be in any of the members.
    assert_eq!(first(Some("DeviceCapReached"), None, None, None), "device-cap-reached");
    assert_eq!(first(None, Some("80CF0437"), None, None), "windows-clock-wrong");
    assert_eq!(first(None, None, Some("failed (-2133916617)"), None), "windows-clock-wrong");
    assert_eq!(
        first(None, Some("profile installation failed"), Some("User cancelled"), Some(Platform::MacOs)),
        "user-cancelled"
    );
    // Nothing is left out because of its platform.
    let unavailable = failure(None, None, Some("Company Portal temporarily unavailable"));
    let found = catalogue.for_failure(&unavailable, Some(Platform::Windows));
    assert_eq!(ids(&found), ["device-cap-reached", "company-portal-unavailable"]);
}

#[test]
fn a_category_speaks_after_code_and_words() {
    let catalogue = Catalogue::built_in();
    let with = |mut failure: Failure, category| {
        failure.category = Some(category);
        ids(&catalogue.for_failure(&failure, Some(Platform::Ios)))
    };
    for category in FailureCategory::ALL {
        let by_name = ids(&catalogue.look_up(category.name()));
        assert!(!by_name.is_empty(), "{category}");
        // The same if a failure has the category, whatever else is reported of the failure.
        for reason in [None, Some("Unknown"), Some("Frobnicated"), Some("Device limit exceeded")] {
            let found = with(failure(None, reason, None), *category);
            let is_known = reason == Some("Device limit exceeded");
            let is_unknown = *category == FailureCategory::Unknown;
            assert!((is_known && is_unknown) || by_name.iter().all(|id| found.contains(id)), "{category} {reason:?}");
            assert!(!is_known || found[0] == "device-cap-reached", "{category}: {found:?}");
        }
    }
    assert_eq!(with(failure(None, Some("Unknown"), None), FailureCategory::ClientDisconnected), ["network-timeout"]);
    assert_eq!(with(failure(None, Some("Unknown"), None), FailureCategory::Unknown), ["failure-unknown"]);
    assert_eq!(ids(&catalogue.look_up("Enrollment Restrictions Enforced")), ["enrollment-criteria"]);
}

fn file(entries: &str) -> String {
    format!(r#"{{"format": 1, "version": "contoso-2", "entries": [{entries}]}}"#)
}

fn entry(id: &str, more: &str) -> String {
    format!(
        r#"{{"id": "{id}", "problem": "P.", "cause": "C.", "steps": ["Call 1234."], "who": ["admin"],
            "platforms": ["windows", "ios"], "sources": ["our wiki"]{more}}}"#
    )
}

#[test]
fn an_organisations_own_file_replaces_or_adds() {
    let text = file(
        &[entry("device-clock", r#", "phrases": ["wrong hour"]"#), entry("vpn", r#", "codes": ["-2133916617"]"#)]
            .join(","),
    );
    let own = Catalogue::parse(&format!("\u{feff}{text}")).unwrap();
    assert_eq!(own.version(), "contoso-2");
    assert_eq!(own.entries().count(), 2);
    assert_eq!(own.by_id("vpn").unwrap().codes, ["0x80cf0437"], "codes have one spelling");
    let both = Catalogue::built_in().with(own);
    assert_eq!(both.version(), "2+contoso-2");
    assert_eq!(both.entries().count(), Catalogue::built_in().entries().count() + 1);
    assert_eq!(ids(&both.by_code("0x80CF0437")), ["vpn", "windows-clock-wrong"]);
    assert_eq!(ids(&both.by_message("The Wrong Hour!")), ["device-clock"]);
    assert!(both.by_message("wrong date").is_empty(), "a whole entry is replaced");
}

#[test]
fn sources_may_name_listed_documents() {
    let documents =
        r#""documents": {"our wiki": {"title": "Contoso wiki", "address": "https://wiki.contoso.example/"}}"#;
    let text = file(&entry("vpn", r#", "categories": ["badRequest"]"#)).replacen(
        "\"entries\"",
        &format!("{documents}, \"entries\""),
        1,
    );
    let own = Catalogue::parse(&text).unwrap();
    assert_eq!(own.by_id("vpn").unwrap().sources, ["Contoso wiki: https://wiki.contoso.example/"]);
    assert_eq!(ids(&own.look_up("badRequest")), ["vpn"]);
}

#[test]
fn unfit_files_are_refused_with_the_reason() {
    let fault = |entries: &str| match Catalogue::parse(&file(entries)) {
        Err(CatalogueError::Entry { fault, .. }) => fault,
        other => panic!("{entries}: {other:?}"),
    };
    let phrase = r#", "phrases": ["some words"]"#;
    assert_eq!(fault(&entry("", phrase)), Fault::Id);
    for id in ["A", "a b", "a--b", "-a", "a_b", "ä"] {
        assert_eq!(fault(&entry(id, phrase)), Fault::Id, "{id}");
    }
    assert_eq!(fault(&format!("{0},{0}", entry("a", phrase))), Fault::IdTwice);
    assert_eq!(fault(&entry("a", r#", "codes": ["0xzz"]"#)), Fault::Code("0xzz".into()));
    assert_eq!(fault(&entry("a", r#", "phrases": ["a, b!"]"#)), Fault::Phrase("a, b!".into()));
    assert_eq!(fault(&entry("a", "")), Fault::NeverFound);
    for (full, empty, member) in [
        (r#""P.""#, r#"" ""#, "problem"),
        (r#""C.""#, r#""""#, "cause"),
        (r#"["Call 1234."]"#, "[]", "steps"),
        (r#"["Call 1234."]"#, r#"["Call 1234.", ""]"#, "steps"),
        (r#"["admin"]"#, "[]", "who"),
        (r#"["windows", "ios"]"#, "[]", "platforms"),
        (r#"["our wiki"]"#, "[]", "sources"),
    ] {
        assert_eq!(fault(&entry("a", phrase).replacen(full, empty, 1)), Fault::Missing(member));
    }

    let refused = |text: &str| Catalogue::parse(text).unwrap_err();
    assert_eq!(refused(&file("")), CatalogueError::Empty);
    assert_eq!(refused(r#"{"format": 2, "texts": []}"#), CatalogueError::Format(2));
    for text in [
        "",
        "[]",
        "{}",
        &"[".repeat(100_000),
        &file(&entry("a", r#", "phrase": ["misspelt member"]"#)),
        &file(&entry("a", phrase).replace("admin", "boss")),
        &file(&entry("a", phrase).replace("ios", "beos")),
    ] {
        assert!(matches!(refused(text), CatalogueError::Unreadable(_)), "{}", &text[..text.len().min(80)]);
    }
    let message = Catalogue::parse(&file(&entry("a", ""))).unwrap_err().to_string();
    assert_eq!(message, r#"the advice catalogue's entry "a": it needs a code, a phrase or a category to be found by"#);
}
