//! Error codes as people and products write them: in any spelling, and in the middle of a sentence.

use crate::failure::code_value;

/// Only this much of a longer message is searched; senders' messages have at most 2 000 characters.
const MAX_CHARS: usize = 8_000;
/// The longest code of a failure: no spelling of 32 bits needs more than 64 hexadecimal characters.
const MAX_CODE_CHARS: usize = 20;

/// The values that a spelling of a code may stand for, likeliest first. Digits can be decimal, or hexadecimal without
/// its prefix.
pub fn code_values(code: &str) -> impl Iterator<Item = u32> {
    let code = code.trim().replace(MINUS, "-").to_ascii_lowercase();
    let plain = code_value(&code);
    let hexadecimal = code_value(&format!("0x{code}")).filter(|value| plain != Some(*value));
    plain.into_iter().chain(hexadecimal)
}

/// The values that a code or a sentence can stand for: the whole text as a code in any spelling; failing that, the
/// codes in it.
pub fn codes_in(text: &str) -> Vec<u32> {
    code_values(text).chain(codes_within(text)).collect()
}

/// The values of the codes that a message spells out (docs/DOMAIN.md, H4). Other numbers are counts, versions, years and
/// telephone numbers.
pub fn codes_within(text: &str) -> Vec<u32> {
    found_in(text).into_iter().map(|found| found.value).collect()
}

/// The code of a failure of which only a text was reported: the text itself if it is a code; failing that, the surest
/// of the codes that it spells out, and the first of equally sure ones. The spelling is kept, except that a prefix is
/// added to what Windows shows without one. Zero is success, so it is never a code.
pub fn code_of_failure(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() <= MAX_CODE_CHARS && code_value(text).is_some_and(|value| value != 0) {
        return Some(bare(text).map_or_else(|| text.to_owned(), |found| found.spelling));
    }
    let is_code =
        |found: &Found| found.value != 0 && found.form != Form::Doubted && found.spelling.len() <= MAX_CODE_CHARS;
    let found = found_in(text).into_iter().filter(is_code);
    found.min_by_key(|found| found.form).map(|found| found.spelling)
}

/// A code in a sentence.
struct Found {
    value: u32,
    form: Form,
    spelling: String,
}

/// How a code is written, the surest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// With its prefix, or as a decimal that has the sign or size of a failure's HRESULT.
    Whole,
    /// Eight hexadecimal digits, as Windows shows an HRESULT without its prefix.
    Bare,
    /// A decimal that is an exit code of Windows Installer, or stands after “code” or “exit”.
    Short,
    /// Another decimal: after a word such as “error” it may be a count, and a long one may be an id.
    Doubted,
}

/// How surely a number is a code, judged by the word before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Introduced {
    No,
    /// After a word that introduces a count or a state as often: “returned 1603”.
    Loosely,
    AsError,
    AsCode,
}

impl Introduced {
    fn by(word: &str) -> Self {
        match word {
            "code" | "errorcode" | "exitcode" | "returncode" | "exit" => Self::AsCode,
            "error" | "hresult" | "hr" => Self::AsError,
            "result" | "returned" | "returns" | "status" => Self::Loosely,
            _ => Self::No,
        }
    }
}

/// Words that may stand between “code” and its number.
const BETWEEN: [&str; 3] = ["is", "was", "of"];

/// The typographic minus that some consoles show.
const MINUS: char = '\u{2212}';

fn found_in(text: &str) -> Vec<Found> {
    let text: String = text.chars().take(MAX_CHARS).map(|c| if c == MINUS { '-' } else { c }).collect();
    let mut all = Vec::new();
    // What the last word introduced, and whether it was “code” itself.
    let (mut introduced, mut by_code) = (Introduced::No, false);
    let mut rest = text.as_str();
    while let Some(start) = rest.find(is_of_word) {
        let (gap, from) = rest.split_at_checked(start).unwrap_or_default();
        let (word, after) =
            from.split_at_checked(from.find(|c| !is_of_word(c)).unwrap_or(from.len())).unwrap_or_default();
        // The end of a sentence or of a part of it ends the introduction.
        if gap.contains(['.', ',', ';', '!', '?', '/', '\n']) {
            introduced = Introduced::No;
        }
        all.extend(found_of(word, introduced));
        let last = word.rsplit('-').next().unwrap_or_default();
        let tail = last_word(last).to_ascii_lowercase();
        let goes_on = match introduced {
            Introduced::No | Introduced::Loosely => false,
            // “exit status 1603”, “code was 1603”
            Introduced::AsError | Introduced::AsCode => tail == "status" || by_code && BETWEEN.contains(&tail.as_str()),
        };
        if !goes_on {
            introduced = Introduced::by(&tail);
            by_code = tail.ends_with("code");
        }
        rest = after;
    }
    all
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '-'
}

/// The last of several words joined by capitals: `code` of `InstallExitCode`.
fn last_word(word: &str) -> &str {
    let start = word
        .char_indices()
        .zip(word.chars().skip(1))
        .filter(|((_, before), c)| before.is_lowercase() && c.is_uppercase());
    start.last().and_then(|((at, before), _)| word.get(at + before.len_utf8()..)).unwrap_or(word)
}

/// The codes in one word: the word itself, or its parts if a minus joins them.
fn found_of(word: &str, introduced: Introduced) -> Vec<Found> {
    let parts: Vec<&str> = word.trim_start_matches('-').split('-').collect();
    if is_guid(&parts) {
        return Vec::new();
    }
    if let [digits] = parts.as_slice() {
        let number = introduced_number(word, digits, introduced);
        if !number.is_empty() {
            return number;
        }
    }
    // A minus may be a sign or join words: `error-80180018`.
    let before = parts.iter().copied().map(|part| Introduced::by(&last_word(part).to_ascii_lowercase()));
    let befores = std::iter::once(Introduced::No).chain(before);
    let joined = parts.iter().copied().zip(befores).filter(|_| parts.len() > 1);
    let of_part = |(part, before): (&str, Introduced)| {
        found_alone(part).or_else(|| if before == Introduced::No { None } else { bare(part) })
    };
    found_alone(word).into_iter().chain(joined.filter_map(of_part)).collect()
}

/// The value of a decimal, judged by the word before it.
fn introduced_number(word: &str, digits: &str, introduced: Introduced) -> Vec<Found> {
    if introduced == Introduced::No || !is_decimal(digits) {
        return Vec::new();
    }
    if let Some(bare) = bare(digits) {
        return vec![bare];
    }
    let Some(value) = code_value(word) else { return Vec::new() };
    let form = if is_failure(value) {
        Form::Whole
    } else if is_of_installer(value) || introduced == Introduced::AsCode {
        Form::Short
    } else {
        Form::Doubted
    };
    let counts = introduced != Introduced::Loosely || form != Form::Doubted;
    counts.then(|| Found { value, form, spelling: word.to_owned() }).into_iter().collect()
}

/// The code that a word is, judged by its form alone.
fn found_alone(word: &str) -> Option<Found> {
    let lower = word.to_ascii_lowercase();
    let digits = lower.trim_start_matches('-');
    if lower.starts_with("0x") || digits.len() >= 9 && is_decimal(digits) {
        let value = code_value(&lower)?;
        let form = if lower.starts_with("0x") || is_failure(value) { Form::Whole } else { Form::Doubted };
        return Some(Found { value, form, spelling: word.to_owned() });
    }
    // Digits alone may be a telephone number, a ticket or a size. Only the codes of Windows' own enrollment have a form
    // that distinguishes them.
    bare(&lower).filter(|found| !is_decimal(&lower) || is_of_enrollment(found.value))
}

/// The HRESULTs of Windows' MDM enrollment, 0x80180001 and on:
/// <https://learn.microsoft.com/en-us/windows/win32/mdmreg/mdm-registration-constants>.
fn is_of_enrollment(value: u32) -> bool {
    matches!(value, 0x8018_0001..=0x8018_00ff)
}

/// Eight hexadecimal digits that begin like a failure's HRESULT.
fn bare(word: &str) -> Option<Found> {
    if word.len() != 8 || !word.starts_with(['8', 'c', 'C']) {
        return None;
    }
    let value = code_value(&format!("0x{word}"))?;
    Some(Found { value, form: Form::Bare, spelling: format!("0x{value:08x}") })
}

fn is_decimal(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// HRESULTs and NTSTATUS codes of failures have the highest bit set.
fn is_failure(value: u32) -> bool {
    value >= 0x8000_0000
}

/// The exit codes of Windows Installer: <https://learn.microsoft.com/en-us/windows/win32/msi/error-codes>.
fn is_of_installer(value: u32) -> bool {
    matches!(value, 1601..=1654 | 3010)
}

/// Parts of ids look like codes.
fn is_guid(parts: &[&str]) -> bool {
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_out_of_messages() {
        let value = 0x801c_0003;
        for text in [
            "Error 0x801c0003: gone",
            "(0X801C0003)",
            "error-0x801C0003",
            "hr=-2145648637;",
            "hr \u{2212}2145648637",
            "hr 2149318659",
            "code 801c0003",
            "it says 801C0003.",
        ] {
            assert_eq!(codes_within(text), [value], "{text}");
        }
        assert_eq!(codes_within("It did not work (CAA30194)"), [0xcaa3_0194]);
        assert!(codes_within("version 10.0.19045, 12 of 40, 2026-01-02, 0xzz").is_empty());
        assert!(codes_within("device 801c0003-1111-4000-8000-801c00030000 is gone").is_empty());
        assert_eq!(code_values("80043001").collect::<Vec<_>>(), [0x8004_3001]);
        assert_eq!(codes_in("1603"), [1603, 0x1603]);
        assert_eq!(codes_in("it ended with exit code 1603"), [1603]);
    }

    #[test]
    fn a_short_number_is_a_code_where_a_word_says_so() {
        for text in [
            "exit code 1603",
            "Exit code: 1603.",
            "exit-code 1603",
            "exited with code 1603",
            "ExitCode=1603",
            "InstallExitCode 1603",
            "error_code: \"1603\"",
            "the exit code was 1603",
            "a return code of 1603",
            "MSI error 1603",
            "Error (1603)",
            "exit status: 1603",
            "error status 1603",
            "it returned 1603",
            "MSI returned 1603.",
            "status 1603",
            "result = 1603",
        ] {
            assert_eq!(codes_within(text), [1603], "{text}");
        }
        for text in [
            "after 1603 seconds",
            "1603 errors",
            "There was an error. 1603 devices are waiting",
            "error in 1603 of 3010 files",
            "an error of 1603 minutes",
            "it returned 12 items",
            "status 404",
            "a result of 1603 parts",
            "since 1641",
            "error 1603-05",
            "build 1618",
            "30 minutes",
            "code: retry after 1618 s",
        ] {
            assert!(codes_within(text).is_empty(), "{text}");
        }
        assert_eq!(codes_within("code 80043001"), [0x8004_3001]);
        assert_eq!(codes_within("error 1618"), [1618]);
        assert_eq!(codes_within("status 3010"), [3010]);
    }

    #[test]
    fn eight_digits_are_a_code_behind_a_word_that_says_so() {
        for text in [
            "error 80070018",
            "Code: 80070018",
            "HRESULT=80070018",
            "error code (80070018)",
            "hr #80070018",
            "result: 80070018",
            "it returned 80070018",
            "error-80070018",
        ] {
            assert_eq!(codes_within(text), [0x8007_0018], "{text}");
        }
        for text in [
            "call support 80012345",
            "call support 80012345 today",
            "Error: call 80012345",
            "It failed (80012345)",
            "ticket-80012345",
        ] {
            assert!(codes_within(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn the_codes_of_windows_enrollment_are_known_by_their_form() {
        for text in ["Enrollment failed (80180014).", "80180014.", "(80180014)", "it says 80180014", "error 80180014"] {
            assert_eq!(codes_within(text), [0x8018_0014], "{text}");
        }
        assert_eq!(code_of_failure("Enrollment failed (80180014).").as_deref(), Some("0x80180014"));
        assert!(codes_within("ticket 80181234").is_empty());
    }
}
