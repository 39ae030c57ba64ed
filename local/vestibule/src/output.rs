//! Prints answers to standard output, and everything else to standard error.

use serde_json::Value;
use std::io::Write as _;
use std::process::ExitCode;

/// Prints a line of the answer. A reader that stopped reading is not our error.
pub fn say(line: impl AsRef<str>) {
    let _gone = writeln!(std::io::stdout().lock(), "{}", line.as_ref());
}

/// Prints the answer in JSON, or in words.
pub fn answer(json: bool, value: &Value, words: impl FnOnce() -> String) {
    if json {
        say(value.to_string());
    } else {
        say(words());
    }
    let _gone = std::io::stdout().flush();
}

/// Prints the progress of the work.
pub fn note(line: impl AsRef<str>) {
    let _gone = writeln!(std::io::stderr().lock(), "{}", line.as_ref());
}

/// Prints why the command failed.
pub fn failed(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    let _gone = writeln!(std::io::stderr().lock(), "vestibule: {text}");
    ExitCode::FAILURE
}
