//! Prints answers to standard output, and everything else to standard error.
//!
//! Must stay true: whatever is printed passes [`one_line`] or [`json_text`], because senders choose names of devices,
//! users choose names of tokens, and a terminal obeys what it is sent. A line is made of one text, so that no name can
//! begin a line of its own.

use serde_json::Value;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::process::ExitCode;

/// Lines for people.
#[derive(Debug, Default)]
pub struct Lines(String);

impl Lines {
    /// Adds a line.
    pub fn line(&mut self, text: impl AsRef<str>) {
        self.0.push_str(&one_line(text.as_ref()));
        self.0.push('\n');
    }

    /// Adds an empty line.
    pub fn blank(&mut self) {
        self.0.push('\n');
    }

    /// Adds a text of our own that has several lines. No text from elsewhere may be part of it.
    pub fn own_text(&mut self, text: &str) {
        text.lines().for_each(|line| self.line(line));
    }

    /// Adds a line; this is what `writeln!` calls.
    pub fn write_fmt(&mut self, line: fmt::Arguments<'_>) {
        let text = line.to_string();
        self.line(text.strip_suffix('\n').unwrap_or(&text));
    }
}

impl<T: AsRef<str>> Extend<T> for Lines {
    fn extend<I: IntoIterator<Item = T>>(&mut self, lines: I) {
        lines.into_iter().for_each(|line| self.line(line));
    }
}

impl<T: AsRef<str>> FromIterator<T> for Lines {
    fn from_iter<I: IntoIterator<Item = T>>(lines: I) -> Self {
        let mut all = Self::default();
        all.extend(lines);
        all
    }
}

impl From<String> for Lines {
    fn from(line: String) -> Self {
        Self::from_iter([line])
    }
}

impl<const N: usize> From<[String; N]> for Lines {
    fn from(lines: [String; N]) -> Self {
        Self::from_iter(lines)
    }
}

/// Prints a line of the answer. A reader that stopped reading is not our error.
pub fn say(line: impl AsRef<str>) {
    let _gone = writeln!(std::io::stdout().lock(), "{}", one_line(line.as_ref()));
}

/// Prints the answer in JSON, or in words.
pub fn answer<L: Into<Lines>>(json: bool, value: &Value, words: impl FnOnce() -> L) {
    let mut out = std::io::stdout().lock();
    let _gone = if json {
        writeln!(out, "{}", json_text(value))
    } else {
        let Lines(text) = words().into();
        writeln!(out, "{}", text.trim_end_matches('\n'))
    };
    let _gone = out.flush();
}

/// Prints the progress of the work.
pub fn note(line: impl AsRef<str>) {
    let _gone = writeln!(std::io::stderr().lock(), "{}", one_line(line.as_ref()));
}

/// Prints why the command failed.
pub fn failed(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    note(format!("vestibule: {}", vestibule_causes::causes(error)));
    ExitCode::FAILURE
}

/// Where the log goes: to standard error, one event a line.
#[derive(Clone, Copy, Debug)]
pub enum Log {
    /// In lines for people.
    Text,
    /// In lines of JSON.
    Json,
}

impl std::io::Write for Log {
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.trim_end_matches('\n');
        let line = match self {
            Self::Text => one_line(text),
            Self::Json => escaped(text.to_owned()),
        };
        writeln!(std::io::stderr().lock(), "{line}")?;
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().lock().flush()
    }
}

/// A text without line ends, control characters that a terminal would act upon, and marks that make a line read as a
/// different one. Each is shown as an escape.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if acts(c) => {
                // Writing to a string doesn't fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// JSON in which such characters are escaped, so that it means the same. JSON itself escapes only those below U+0020.
pub fn json_text(value: &Value) -> String {
    escaped(value.to_string())
}

/// A text in JSON with the escapes that JSON itself leaves out.
fn escaped(text: String) -> String {
    if !text.contains(acts) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string doesn't fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a terminal acts upon a character, or shows the characters around it in another order or not at all.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Marks, embeddings, overrides and isolates of direction.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
            // Separators of lines and paragraphs, annotations, and invisible tags.
            | '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A sequence that clears the screen, the same as one C1 control, a title, a bell, a new line that looks like ours,
    /// and overrides of direction.
    const HOSTILE: &str =
        "\u{1b}[2J\u{9b}2J\u{9d}0;title\u{7}\r\n  enrolled\u{202e}gpj\u{2066}\u{85}\u{2028}\u{e0041}é 漢";

    #[test]
    fn a_text_stays_in_its_line_and_acts_on_nothing() {
        let shown = one_line(HOSTILE);
        let expected = "\\u{1b}[2J\\u{9b}2J\\u{9d}0;title\\u{7}\\r\\n  enrolled\\u{202e}gpj\\u{2066}\\u{85}\\u{2028}\\u{e0041}é 漢";
        assert_eq!(shown, expected);
        let mut lines = Lines::default();
        writeln!(lines, "  {HOSTILE}");
        lines.blank();
        lines.own_text("one\ntwo");
        assert_eq!(lines.0, format!("  {expected}\n\none\ntwo\n"));
        assert_eq!(Lines::from(HOSTILE.to_owned()).0.lines().count(), 1);
    }

    #[test]
    fn json_means_the_same_and_has_no_such_character() {
        let value = json!({HOSTILE: [HOSTILE, "plain"]});
        let text = json_text(&value);
        assert!(!text.contains(acts), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(value));
        assert_eq!(json_text(&json!(["é", 1])), "[\"é\",1]");
    }
}
