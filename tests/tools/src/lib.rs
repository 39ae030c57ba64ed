//! What tests need on a machine beyond Rust, installed into the workspace's ignored folder `.tools`.
//!
//! Must stay true: nothing outside that folder is changed. A tool is installed once, by the process that comes first,
//! while others wait for it; a changed pin installs it anew, and an interrupted installation starts over.
#![allow(clippy::panic, clippy::unwrap_used, clippy::missing_panics_doc)]

mod built;
mod cloudevents;
mod debian;

pub use built::{cargo, programs};
pub use cloudevents::{MODES, deliver};
pub use debian::{debian, has_debian, libraries, on_path, unpacked};

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The workspace's folder.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// The folder of the tool `name`; `install` fills it unless it already holds the `wanted` version.
pub fn installed(name: &str, wanted: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let tools = workspace().join(".tools");
    fs::create_dir_all(&tools).unwrap();
    // Held until the end of this function; other processes wait for this installation.
    let lock = File::create(tools.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let folder = tools.join(name);
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return folder;
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir(&folder).unwrap();
    install(&folder);
    fs::write(stamp, wanted).unwrap();
    folder
}

/// The folder of the programs of Python packages, installed into an environment of their own from pinned requirements.
pub fn venv(name: &str, requirements: &[&str]) -> PathBuf {
    let folder = installed(name, &requirements.join("\n"), |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder));
        let mut pip = Command::new(folder.join("bin/python"));
        run(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(requirements));
    });
    folder.join("bin")
}

/// Runs a command that must succeed; if it fails, shows its output.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    output
}
