//! What tests need on a machine beyond Rust, installed into the workspace's ignored folder `.tools`.
//!
//! Must stay true: nothing outside that folder is changed. A tool is installed once, by the process that comes first,
//! while others wait for it; a changed pin installs it anew, and an interrupted installation starts over.
#![allow(clippy::panic, clippy::unwrap_used, clippy::missing_panics_doc)]

mod built;
mod cloudevents;
mod debian;
mod mail;
mod node;
mod ports;

pub use built::{cargo, programs};
pub use cloudevents::{MODES, deliver};
pub use debian::{debian, has_debian, libraries, on_path, unpacked};
pub use mail::{MailServer, python_of_peers};
pub use node::{node, npm, try_node, try_npm};
pub use ports::free_port;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Why a tool cannot be had on this machine, such as Python that is missing, or no network.
pub type Unavailable = String;

/// The workspace's folder.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// The folder of the tool `name`; `install` fills it unless it already holds the `wanted` version.
pub fn installed(name: &str, wanted: &str, install: impl FnOnce(&Path)) -> PathBuf {
    had(try_installed(name, wanted, |folder| {
        install(folder);
        Ok(())
    }))
}

/// The same; what could not be installed is tried again by the next call.
///
/// # Errors
/// Those of `install`.
pub fn try_installed(
    name: &str,
    wanted: &str,
    install: impl FnOnce(&Path) -> Result<(), Unavailable>,
) -> Result<PathBuf, Unavailable> {
    let tools = workspace().join(".tools");
    fs::create_dir_all(&tools).unwrap();
    // Held until the end of this function; other processes wait for this installation.
    let lock = File::create(tools.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let folder = tools.join(name);
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir(&folder).unwrap();
    install(&folder)?;
    fs::write(stamp, wanted).unwrap();
    Ok(folder)
}

/// The folder of the programs of Python packages, installed into an environment of their own from pinned requirements.
pub fn venv(name: &str, requirements: &[&str]) -> PathBuf {
    had(try_venv(name, requirements))
}

/// The same.
///
/// # Errors
/// When there is no Python, or it gets no packages.
pub fn try_venv(name: &str, requirements: &[&str]) -> Result<PathBuf, Unavailable> {
    let folder = try_installed(name, &requirements.join("\n"), |folder| {
        try_run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let mut pip = Command::new(folder.join("bin/python"));
        try_run(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(requirements))?;
        Ok(())
    })?;
    Ok(folder.join("bin"))
}

/// Runs a command that must succeed; if it fails, shows its output.
pub fn run(command: &mut Command) -> Output {
    had(try_run(command))
}

/// Runs a command.
///
/// # Errors
/// When it cannot be started or fails: with what it printed.
pub fn try_run(command: &mut Command) -> Result<Output, Unavailable> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

fn had<T>(tool: Result<T, Unavailable>) -> T {
    tool.unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::workspace;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn entries(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// A program of tests in a folder compiles only the files that its `main.rs` names.
    #[test]
    fn every_file_of_a_program_of_tests_is_compiled() {
        let crates = ["shared", "functions", "local", "tests"].map(|folder| entries(&workspace().join(folder)));
        let programs = crates.into_iter().flatten().flat_map(|one| entries(&one.join("tests")));
        let mut seen = 0;
        for folder in programs.filter(|folder| folder.join("main.rs").exists()) {
            let main = fs::read_to_string(folder.join("main.rs")).unwrap();
            let named: BTreeSet<&str> =
                main.lines().filter_map(|line| line.trim().strip_prefix("mod ")?.strip_suffix(';')).collect();
            for file in entries(&folder) {
                let is_module = file.extension().is_some_and(|kind| kind == "rs") || file.join("mod.rs").exists();
                let name = file.file_stem().unwrap().to_str().unwrap();
                if is_module && name != "main" {
                    assert!(named.contains(name), "{} is not compiled", file.display());
                    seen += 1;
                }
            }
        }
        assert!(seen > 100, "{seen} files");
    }
}
