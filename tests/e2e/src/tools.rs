//! What the machine needs: the functions' binaries, the emulator and the template's linter.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use vestibule_test_tools::{programs, venv};

pub use vestibule_test_tools::{cargo, workspace};

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

/// The folder of the functions' binaries, built once per process.
pub(crate) fn binaries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| programs(&FUNCTIONS))
}

/// A Python tool, installed into the workspace if it is missing.
pub fn tool(name: &str) -> PathBuf {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| venv("lambda", &TOOLS)).join(name)
}
