//! CloudEvents' own Python SDK as a sender.

use crate::venv;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// The SDK. It also has the interface of its first version, which writes other bytes.
const SDK: [&str; 1] = ["cloudevents==2.2.0"];

/// The ways in which the SDK can write an event, by names that the script knows.
pub const MODES: [&str; 6] = ["binary", "structured", "batch", "older binary", "older structured", "older bytes"];

/// Posts events to `url` in a mode: `events` is a JSON list of objects with the attributes and `data`. Returns the
/// answers to the requests, one per line: the status and the length of the body.
pub fn deliver(url: &str, mode: &str, events: &str) -> Vec<String> {
    let mut python = Command::new(venv("cloudevents", &SDK).join("python"));
    python.args(["-c", include_str!("cloudevents.py"), url, mode]);
    let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(events.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{mode}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}
