//! Error codes as people and products write them: in any spelling, and in the middle of a sentence.

use crate::failure::code_value;

/// Longer messages are looked at up to here; senders' are at most 2 000 characters.
const MAX_CHARS: usize = 8_000;

/// What a spelling of a code may stand for, likeliest first. Eight digits can be meant as decimal or as hexadecimal
/// without its prefix: `80043001`.
pub fn code_values(code: &str) -> impl Iterator<Item = u32> {
    let code = code.trim().replace(MINUS, "-").to_ascii_lowercase();
    let plain = code_value(&code);
    let hexadecimal = code_value(&format!("0x{code}")).filter(|value| plain != Some(*value));
    plain.into_iter().chain(hexadecimal)
}

/// The values that a code or a sentence can stand for: the whole text as a code in any spelling, or the codes in it.
pub fn codes_in(text: &str) -> Vec<u32> {
    code_values(text).chain(codes_within(text)).collect()
}

/// Words after which a number is a code, whatever its size: “exit code 1603”, “error: 3010”.
const INTRODUCES: [&str; 8] = ["code", "error", "errorcode", "exitcode", "returncode", "exit", "hresult", "hr"];

/// Words that may stand between “code” and its number.
const BETWEEN: [&str; 4] = ["is", "was", "of", "status"];

/// Typesetters' minus, as some consoles show it.
const MINUS: char = '\u{2212}';

/// The values of the codes that a message spells out: `0x…`, decimals of nine digits and more, eight hexadecimal
/// digits that begin with 8 or c, as an HRESULT of a failure does, and a decimal of any size right behind a word such
/// as “code”. Other numbers are counts, versions and years.
pub fn codes_within(text: &str) -> Vec<u32> {
    let text: String = text.chars().take(MAX_CHARS).map(|c| if c == MINUS { '-' } else { c }).collect();
    let mut found = Vec::new();
    // Whether the last word introduced a code, and whether it was “code” itself.
    let (mut introduced, mut by_code) = (false, false);
    let mut rest = text.as_str();
    while let Some(start) = rest.find(is_of_word) {
        let (gap, from) = rest.split_at_checked(start).unwrap_or_default();
        let (word, after) =
            from.split_at_checked(from.find(|c| !is_of_word(c)).unwrap_or(from.len())).unwrap_or_default();
        // What ends a sentence or a part of it ends the introduction.
        introduced &= !gap.contains(['.', ',', ';', '!', '?', '/', '\n']);
        found.extend(codes_of(word, introduced));
        let last = word.rsplit('-').next().unwrap_or_default();
        let tail = last_word(last).to_ascii_lowercase();
        let goes_on = introduced && by_code && BETWEEN.contains(&tail.as_str());
        if !goes_on {
            introduced = INTRODUCES.contains(&tail.as_str());
            by_code = tail.ends_with("code");
        }
        rest = after;
    }
    found
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '-'
}

/// The last of words run together by capitals: `code` of `InstallExitCode`.
fn last_word(word: &str) -> &str {
    let start = word
        .char_indices()
        .zip(word.chars().skip(1))
        .filter(|((_, before), c)| before.is_lowercase() && c.is_uppercase());
    start.last().and_then(|((at, before), _)| word.get(at + before.len_utf8()..)).unwrap_or(word)
}

/// The codes that one word is or, where a minus joins its parts, has.
fn codes_of(word: &str, introduced: bool) -> Vec<u32> {
    let unsigned = word.trim_start_matches('-');
    let parts: Vec<&str> = unsigned.split('-').collect();
    if is_guid(&parts) {
        return Vec::new();
    }
    if let [digits] = parts.as_slice() {
        let is_decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if introduced && is_decimal {
            let hexadecimal = code_in_hexadecimal(digits);
            return code_value(word).into_iter().chain(hexadecimal).collect();
        }
    }
    // A minus may be a sign or join words.
    let joined = parts.iter().copied().filter(|_| parts.len() > 1);
    std::iter::once(word).chain(joined).filter_map(code_alone).collect()
}

/// The code that a word is by its form alone.
fn code_alone(word: &str) -> Option<u32> {
    let lower = word.to_ascii_lowercase();
    let digits = lower.trim_start_matches('-');
    let is_long = digits.len() >= 9 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if lower.starts_with("0x") || is_long { code_value(&lower) } else { code_in_hexadecimal(&lower) }
}

fn code_in_hexadecimal(word: &str) -> Option<u32> {
    let is_failure = word.len() == 8 && word.starts_with(['8', 'c', 'C']);
    if is_failure { code_value(&format!("0x{word}")) } else { None }
}

/// Ids have parts that look like codes.
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
        assert_eq!(code_values("80043001").collect::<Vec<_>>(), [80_043_001, 0x8004_3001]);
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
        ] {
            assert_eq!(codes_within(text), [1603], "{text}");
        }
        for text in [
            "after 1603 seconds",
            "1603 errors",
            "There was an error. 1603 devices are waiting",
            "error in 1603 of 3010 files",
            "an error of 1603 minutes",
            "since 1641",
            "error 1603-05",
            "build 1618",
            "30 minutes",
            "code: retry after 1618 s",
        ] {
            assert!(codes_within(text).is_empty(), "{text}");
        }
        assert_eq!(codes_within("code 80043001"), [80_043_001, 0x8004_3001]);
    }
}
