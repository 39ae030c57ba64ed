//! What the machine needs: the functions' binaries, the emulator and the template's linter.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use vestibule_test_tools::{run, venv};

pub use vestibule_test_tools::workspace;

/// The functions, by package and binary.
pub const FUNCTIONS: [&str; 8] = [
    "enrollment-events",
    "esp-status",
    "abandonment-sweep",
    "event-publisher",
    "report-tick",
    "report-export",
    "graph-pull",
    "admin-api",
];

/// The packages that pip installs.
const TOOLS: [&str; 2] = ["cargo-lambda==1.9.2", "cfn-lint==1.58.0"];

/// The cargo that built this test.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(workspace());
    cargo
}

/// The folder of the functions' binaries, built once per process.
pub(crate) fn binaries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // TARGET/PROFILE/deps/TEST
        let test = std::env::current_exe().unwrap();
        let target = test.ancestors().nth(3).unwrap();
        let mut build = cargo();
        build.args(["build", "--quiet", "--target-dir"]).arg(target);
        for function in FUNCTIONS {
            build.args(["-p", function]);
        }
        run(&mut build);
        target.join("debug")
    })
}

/// A Python tool, installed into the workspace if it is missing.
pub fn tool(name: &str) -> PathBuf {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| venv("lambda", &TOOLS)).join(name)
}
