//! Pictures of every view, light and dark, narrow and wide:
//! `cargo run -p vestibule-browser-tests --bin screenshots -- DIR`.
#![allow(clippy::expect_used)]

use std::path::absolute;
use std::process::ExitCode;
use vestibule_browser_tests::Sample;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: screenshots DIR");
        return ExitCode::from(2);
    };
    let folder = absolute(folder).expect("no such place");
    let sample = Sample::start();
    let status = sample.python().arg("screenshots.py").arg(folder).status().expect("python does not start");
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
