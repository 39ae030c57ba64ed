//! Which of the texts that senders choose may stand where more people look than in the report file: in its summary
//! and on its page.
//!
//! Must stay true: a text that may name a person, an address or a device is not let through. So what is let through is
//! what is known beforehand, numbers, and single words such as programs give to steps and errors.

use std::collections::HashSet;
use std::sync::LazyLock;
use vestibule_advice::Catalogue;
use vestibule_domain::failure::{FailureCategory, code_value};
use vestibule_webhook::sources::SENDERS;

/// Letters of the longest single word that is let through.
const MAX_WORD: usize = 40;

/// What the advice catalogue recognises failures by, and Graph's names of failure categories, compared as
/// [`compact`] writes them. It is the catalogue that comes with the program: what an organisation writes in its own is
/// its own affair, and not known here.
static KNOWN: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let phrases = Catalogue::built_in().entries().flat_map(|entry| entry.phrases.iter().map(String::as_str));
    phrases.chain(FailureCategory::ALL.iter().map(|category| category.name())).map(compact).collect()
});

/// Letters and digits alone, in lower case: one problem is written in many ways.
fn compact(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a reason of a failure is one of the known ones from its first letter to its last, or an error code as the
/// file spells them. A number in decimal may be anything, a telephone's for one.
pub(crate) fn reason(text: &str) -> bool {
    let hexadecimal = text.get(..2).is_some_and(|prefix| prefix.eq_ignore_ascii_case("0x"));
    (hexadecimal && code_value(text).is_some()) || KNOWN.contains(&compact(text))
}

/// Whether an error code is a number, a known one, or a single word.
pub(crate) fn code(text: &str) -> bool {
    reason(text) || word(text)
}

/// Whether a step or action outside the catalogue has a single word for a name. Serial numbers and names of devices
/// have digits, addresses and people's names other characters.
pub(crate) fn word(text: &str) -> bool {
    (1..=MAX_WORD).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

/// Whether a source of events is that of a product whose form the program reads, or a single word. Those that an
/// organisation's own senders choose are often addresses.
pub(crate) fn source(text: &str) -> bool {
    word(text) || SENDERS.iter().any(|sender| sender.source == Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_reasons_pass_however_they_are_written_and_nothing_else_does() {
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
