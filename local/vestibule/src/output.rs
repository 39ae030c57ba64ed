//! What is printed. Standard output is for the answer, standard error for everything else.

use serde_json::Value;
use std::io::Write as _;
use std::process::ExitCode;

/// Prints a line of the answer. A reader that has gone away is no error of ours.
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

/// Says how far the work is.
pub fn note(line: impl AsRef<str>) {
    let _gone = writeln!(std::io::stderr().lock(), "{}", line.as_ref());
}

/// Says why the command failed.
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
