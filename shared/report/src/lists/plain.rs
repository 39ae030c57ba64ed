//! Which of the texts that senders choose may appear where more people look than in the report file: in its summary
//! and on its page.
//!
//! Must stay true: a text that may name a person, an address or a device is refused. Allowed are only texts known
//! beforehand, numbers, and single words like those that programs use for steps and errors.

use std::collections::HashSet;
use std::sync::LazyLock;
use vestibule_advice::Catalogue;
use vestibule_domain::failure::{FailureCategory, code_value};
use vestibule_webhook::sources::SENDERS;

/// Letters of the longest single word that is allowed.
const MAX_WORD: usize = 40;

/// What the advice catalogue recognises failures by, and Graph's names of failure categories, as [`compact`] writes
/// them. This is the catalogue that comes with the program, because an organisation's own catalogue may name people.
static KNOWN: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let phrases = Catalogue::built_in().entries().flat_map(|entry| entry.phrases.iter().map(String::as_str));
    phrases.chain(FailureCategory::ALL.iter().map(|category| category.name())).map(compact).collect()
});

/// The text's letters and digits in lower case, because senders write the same problem in many ways.
fn compact(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether the whole reason of a failure is a known one, or an error code as the file spells it. A decimal number is
/// refused, because it may be anything, for example a telephone number.
pub(crate) fn reason(text: &str) -> bool {
    let hexadecimal = text.get(..2).is_some_and(|prefix| prefix.eq_ignore_ascii_case("0x"));
    (hexadecimal && code_value(text).is_some()) || KNOWN.contains(&compact(text))
}

/// Whether an error code is a number, a known one, or a single word.
pub(crate) fn code(text: &str) -> bool {
    reason(text) || word(text)
}

/// Whether the name of a step or action outside the catalogue is a single word. Serial numbers and names of devices
/// contain digits; addresses and people's names contain other characters.
pub(crate) fn word(text: &str) -> bool {
    (1..=MAX_WORD).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

/// Whether a source of events belongs to a product whose format the program reads, or is a single word. An
/// organisation's own senders often use addresses.
pub(crate) fn source(text: &str) -> bool {
    word(text) || SENDERS.iter().any(|sender| sender.source == Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_reasons_are_allowed_in_any_spelling() {
        for text in ["Device limit exceeded", "DEVICE_LIMIT_EXCEEDED", "userAbandonment", "0x801C0003"] {
            assert!(reason(text) && code(text), "{text}");
        }
        for text in
            ["device limit exceeded for ada@contoso.example", "Ada Lovelace", "Ada", "C02EXAMPLE1", "0301234567", ""]
        {
            assert!(!reason(text), "{text}");
        }
    }

    #[test]
    fn sources_of_products_have_a_name() {
        for text in ["jamf:webhooks", "graph:deviceManagement/autopilotEvents", "nanomdm"] {
            assert!(source(text), "{text}");
        }
        for text in ["https://mdm.contoso.example/", "urn:ada-lovelace", "jamf:webhooks of Ada", ""] {
            assert!(!source(text), "{text}");
        }
    }

    #[test]
    fn steps_are_single_words() {
        assert!(word("SenderOwn") && word("wait_for_sync") && code("syncfailed"));
        let others = ["Ada Lovelace", "ada@contoso.example", "C02EXAMPLE1", "DESKTOP-ABC", "", "Ünal", "+4915112"];
        assert!(others.iter().all(|text| !word(text) && !code(text)));
        assert!(!word(&"a".repeat(MAX_WORD + 1)));
    }
}
