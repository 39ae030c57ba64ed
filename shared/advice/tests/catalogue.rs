//! The built-in file, files of an organisation's own, and the order of what is found.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashSet;
use vestibule_advice::{Advice, Catalogue, CatalogueError, Fault, canonical_code};
use vestibule_domain::Platform;
use vestibule_domain::failure::code_value;

fn ids(found: &[&Advice]) -> Vec<String> {
    found.iter().map(|advice| advice.id.clone()).collect()
}

#[test]
fn the_built_in_file_is_whole() {
    let parsed = Catalogue::parse(Catalogue::built_in_text()).unwrap();
    let built_in = Catalogue::built_in();
    assert!(built_in.entries().eq(parsed.entries()));
    assert_eq!(built_in.version(), "1");
    let mut seen = HashSet::new();
    for advice in built_in.entries() {
        let id = &advice.id;
        assert!(seen.insert(id), "{id} twice");
        assert_eq!(built_in.by_id(id), Some(advice));
        assert!(!advice.problem.is_empty() && !advice.cause.is_empty() && !advice.steps.is_empty(), "{id}");
        assert!(!advice.who.is_empty() && !advice.platforms.is_empty() && !advice.sources.is_empty(), "{id}");
        assert!(!advice.phrases.is_empty(), "{id} can be found by a message");
        for code in &advice.codes {
            assert_eq!(canonical_code(code_value(code).unwrap()), *code, "{id}");
            assert!(
                Catalogue::built_in_text().contains(&format!("{code:?}")),
                "{id}: {code} is written so in the file"
            );
        }
        for phrase in &advice.phrases {
            assert!(built_in.by_message(phrase).contains(&advice), "{id}: {phrase}");
        }
        for text in [&advice.problem, &advice.cause].into_iter().chain(&advice.steps) {
            assert!(text.ends_with(['.', ')']), "{id}: {text}");
        }
    }
    assert_eq!(built_in.by_id("none"), None);
}

#[test]
fn what_is_unknown_finds_nothing() {
    let catalogue = Catalogue::built_in();
    for nothing in ["", " ", "0x", "0x1", "0", "-1", "success", "'", "\u{0}", "-", "0x80043001zz"] {
        assert!(catalogue.by_code(nothing).is_empty(), "{nothing:?}");
        assert!(catalogue.by_message(nothing).is_empty(), "{nothing:?}");
        assert!(catalogue.for_failure(Some(nothing), Some(nothing), Some(nothing), None).is_empty(), "{nothing:?}");
    }
    assert!(catalogue.for_failure(None, None, None, Some(Platform::Ios)).is_empty());
    let long = "İß…0x".repeat(100_000);
    assert!(catalogue.by_code(&long).is_empty() && catalogue.by_message(&long).is_empty());
}

#[test]
fn the_best_comes_first() {
    let catalogue = Catalogue::built_in();
    let first = |code, reason, message, platform| {
        catalogue.for_failure(code, reason, message, platform).first().map(|advice| advice.id.clone()).unwrap()
    };
    // Between meanings of one code, the message decides.
    let found = catalogue.for_failure(Some("0x801C0003"), None, Some("This user is not authorized to enroll."), None);
    assert_eq!(ids(&found), ["user-may-not-join", "device-of-another-user"]);
    assert_eq!(
        first(Some("0x801c0003"), None, Some("Device already enrolled with different user"), None),
        "device-of-another-user"
    );
    // A code outweighs what the message sounds like.
    assert_eq!(
        first(Some("-2133916617"), Some("profile installation failed"), None, Some(Platform::Ios)),
        "windows-clock-wrong"
    );
    // The platform outweighs the words.
    assert_eq!(
        first(None, None, Some("Windows version not supported; OS version not supported"), Some(Platform::MacOs)),
        "os-version-not-supported"
    );
    // A name, a code or a message may stand in any of the members.
    assert_eq!(first(Some("DeviceCapReached"), None, None, None), "device-cap-reached");
    assert_eq!(first(None, Some("80CF0437"), None, None), "windows-clock-wrong");
    assert_eq!(first(None, None, Some("failed (-2133916617)"), None), "windows-clock-wrong");
    assert_eq!(
        first(None, Some("profile installation failed"), Some("User cancelled"), Some(Platform::MacOs)),
        "user-cancelled"
    );
    // Nothing is left out for its platform.
    let found =
        catalogue.for_failure(None, None, Some("Company Portal temporarily unavailable"), Some(Platform::Windows));
    assert_eq!(ids(&found), ["device-cap-reached", "company-portal-unavailable"]);
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
    assert_eq!(own.by_id("vpn").unwrap().codes, ["0x80cf0437"], "codes are written in one way");
    let both = Catalogue::built_in().with(own);
    assert_eq!(both.version(), "1+contoso-2");
    assert_eq!(both.entries().count(), Catalogue::built_in().entries().count() + 1);
    assert_eq!(ids(&both.by_code("0x80CF0437")), ["vpn", "windows-clock-wrong"]);
    assert_eq!(ids(&both.by_message("The Wrong Hour!")), ["device-clock"]);
    assert!(both.by_message("clock skew").is_empty(), "an entry is replaced whole");
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
    let told = Catalogue::parse(&file(&entry("a", ""))).unwrap_err().to_string();
    assert_eq!(told, r#"the advice catalogue's entry "a": it needs a code or a phrase to be found by"#);
}
