//! What has to be on the machine: the functions' binaries, the emulator and the template's linter.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The functions, by package and binary.
pub const FUNCTIONS: [&str; 6] =
    ["enrollment-events", "esp-status", "abandonment-sweep", "event-publisher", "report-export", "admin-api"];

/// What pip installs. A change here makes the tools be installed anew.
const TOOLS: [&str; 2] = ["cargo-lambda==1.9.2", "cfn-lint==1.58.0"];

/// The workspace's folder.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// The cargo that built this.
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

/// A Python tool, installed into the workspace unless it is there.
pub fn tool(name: &str) -> PathBuf {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(install).join(name)
}

fn install() -> PathBuf {
    let folder = workspace().join(".tools");
    std::fs::create_dir_all(&folder).unwrap();
    // Held until the end of this function: another process waits for what this one installs.
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let (venv, stamp, wanted) = (folder.join("venv"), folder.join("installed"), TOOLS.join("\n"));
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return venv.join("bin");
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    let mut pip = Command::new(venv.join("bin/python"));
    run(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(TOOLS));
    std::fs::write(stamp, wanted).unwrap();
    venv.join("bin")
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
}
