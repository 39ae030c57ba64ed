//! The texts that stand where an identifier was never set: firmware and scripts leave them, and many devices share
//! them.
//!
//! Must stay true: one rule applies to every kind of identifier and every sender. It looks at letters and digits only,
//! since the same text is written with and without spaces, capitals and points.

use super::IdentifierKind;
use std::fmt;
use std::sync::LazyLock;

/// The known placeholders, letters and digits only, and whether every text that begins so is one too.
static LISTED: LazyLock<Vec<(String, bool)>> = LazyLock::new(|| {
    let lines = include_str!("../data/placeholders.txt").lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| (bare(line), line.ends_with('*')))
        // Every text begins with the empty text.
        .filter(|(known, _)| !known.is_empty())
        .collect()
});
/// With fewer letters and digits than this, a value may be shared by several devices.
const LEAST: usize = 4;

/// Why a reported value does not identify a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is empty.
    Blank,
    /// It has under four letters and digits.
    Short,
    /// It is a placeholder.
    Placeholder,
}

/// A reported value that does not identify a device, with the reason. The value is quoted, since the sender has to find
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnfitValue<'a> {
    /// The kind of identifier that it was sent as.
    pub kind: IdentifierKind,
    /// The value, as reported.
    pub value: &'a str,
    /// What is wrong with it.
    pub reason: Unfit,
}

impl fmt::Display for UnfitValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, value, reason } = *self;
        let kind = match kind {
            IdentifierKind::SerialNumber => "a serial number",
            IdentifierKind::Udid => "a UDID",
            IdentifierKind::MdmDeviceId => "a device id",
            IdentifierKind::EnrollmentId => "an enrollment id",
        };
        // Escaped, because the value may hold control characters and is shown on terminals.
        match reason {
            Unfit::Blank => write!(f, "is blank, which is not {kind}"),
            Unfit::Short => write!(f, "{value:?} has under {LEAST} letters and digits, too few for {kind}"),
            Unfit::Placeholder => write!(f, "{value:?} is a placeholder, not {kind}"),
        }
    }
}

/// Why `value`, already trimmed and lower-cased, cannot identify a device; `None` if it can.
pub(super) fn unfit(value: &str) -> Option<Unfit> {
    if value.is_empty() {
        return Some(Unfit::Blank);
    }
    let bare = bare(value);
    // Short ones first: "oem" is also listed, and either reason is right.
    if is_listed(&bare) || is_repeated(&bare) || is_run(&bare) {
        Some(Unfit::Placeholder)
    } else if bare.chars().count() < LEAST {
        Some(Unfit::Short)
    } else {
        None
    }
}

/// The letters and digits of a text, in small letters.
fn bare(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn is_listed(value: &str) -> bool {
    LISTED.iter().any(|(known, is_beginning)| value == known || (*is_beginning && value.starts_with(known)))
}

fn is_repeated(value: &str) -> bool {
    all_pairs(value, |before, after| before == after)
}

/// Whether each character follows the one before, or each precedes it: 0 to 9 and then 0 again, a to z, and, as in
/// hexadecimal digits, a after 9.
fn is_run(value: &str) -> bool {
    let follows = |before: char, after: char| {
        matches!((before, after), ('9', '0' | 'a'))
            || (before.is_ascii_alphanumeric()
                && after.is_ascii_alphanumeric()
                && u32::from(before) + 1 == u32::from(after))
    };
    all_pairs(value, follows) || all_pairs(value, |before, after| follows(after, before))
}

/// Whether there are two characters or more, and `holds` is true for each and its successor.
fn all_pairs(value: &str, holds: impl Fn(char, char) -> bool) -> bool {
    let next = value.chars().skip(1);
    next.clone().next().is_some() && value.chars().zip(next).all(|(before, after)| holds(before, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_is_a_placeholder_in_any_spelling() {
        assert_eq!(LISTED.len(), 14);
        for (known, is_beginning) in LISTED.iter() {
            assert_eq!(unfit(known), Some(Unfit::Placeholder), "{known}");
            let spaced: Vec<String> = known.chars().map(|letter| letter.to_uppercase().to_string()).collect();
            assert_eq!(unfit(&spaced.join(" - ")), Some(Unfit::Placeholder), "{known}");
            let longer = format!("{known} zq");
            assert_eq!(unfit(&longer), is_beginning.then_some(Unfit::Placeholder), "{longer}");
        }
    }

    #[test]
    fn what_has_the_form_of_one_is_one() {
        for value in [
            "0000",
            "xxxxxxxx",
            "11-11-11",
            "00000000-0000-0000-0000-000000000000",
            "{00000000-0000-0000-0000-000000000000}",
            "0123456789",
            "123456789",
            "1234567890",
            "01234567890123",
            "9876543210",
            "1234",
            "4321",
            "0987654321",
            "0123456789abcdef",
            "12-34-56-78",
            "abcdef",
            "fedcba",
            "zyxw",
        ] {
            assert_eq!(unfit(value), Some(Unfit::Placeholder), "{value}");
        }
        for value in ["*", "---- ----", "abd", "a-b-d", "7", "\u{1f600}\u{1f600}\u{1f600}\u{1f600}"] {
            assert_eq!(unfit(value), Some(Unfit::Short), "{value}");
        }
        assert_eq!(unfit(""), Some(Unfit::Blank));
    }

    #[test]
    fn what_only_looks_like_one_names_a_device() {
        for value in [
            "c02xy1",
            "1235",
            "0001",
            "12345678a",
            "89ab0",
            "nonesuch",
            "empty2",
            "oem1",
            "unknown-7",
            "default string 2",
            "00000000-0000-0000-0000-000000000001",
            "設備番号",
            "\u{e9}tag\u{e8}re",
            "4c4c4544-0042",
        ] {
            assert_eq!(unfit(value), None, "{value}");
        }
    }

    #[test]
    fn the_reason_names_the_value_and_hides_no_control_character() {
        let refusal = |value, reason| UnfitValue { kind: IdentifierKind::SerialNumber, value, reason }.to_string();
        assert_eq!(
            refusal("Default string", Unfit::Placeholder),
            "\"Default string\" is a placeholder, not a serial number"
        );
        assert_eq!(
            refusal("a\u{1b}", Unfit::Short),
            "\"a\\u{1b}\" has under 4 letters and digits, too few for a serial number"
        );
    }
}
