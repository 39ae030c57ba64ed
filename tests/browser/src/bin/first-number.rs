//! How long a view takes to its first number in a real browser:
//! `cargo run --release -p vestibule-browser-tests --bin first-number [-- TIMES]`. Ends with exit code 1 if the goal for a
//! warm page is missed.
#![allow(clippy::expect_used)]

use std::process::ExitCode;
use vestibule_browser_tests::Sample;

fn main() -> ExitCode {
    let sample = Sample::start();
    let mut python = sample.python();
    let status =
        python.arg("first_number.py").args(std::env::args_os().skip(1)).status().expect("python does not start");
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
