//! Programs from Debian's packages, unpacked beside the other tools.
//!
//! Must stay true: nothing is installed into the system, and no administrator's rights are needed. What is unpacked
//! includes the libraries that the machine does not have; only that program uses them.

use crate::{installed, run};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether packages can be had here: other systems than Debian and its kin have none.
pub fn has_debian() -> bool {
    ["apt-get", "dpkg-deb"].into_iter().all(|tool| on_path(tool).is_some())
}

/// The path of a program of the system.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The folder into which a package is unpacked, with those that it needs and the system has not. `always` are unpacked
/// even if apt counts them as installed, and `finish` completes the folder, whose unpacked part it is given.
pub fn debian(package: &str, always: &[&str], finish: impl FnOnce(&Path, &Path)) -> PathBuf {
    // Cached by the system's release, since another release has other libraries.
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    installed(package, &system, |folder| {
        let root = folder.join("root");
        unpack(package, always, folder, &root);
        finish(folder, &root);
    })
}

/// A program of an unpacked package, with the unpacked libraries in addition to the system's.
pub fn unpacked(package: &str, program: &str) -> Command {
    let root = debian(package, &[package], |_, _| {}).join("root");
    let mut command = Command::new(root.join(program));
    command.env("LD_LIBRARY_PATH", libraries(&root));
    command
}

fn unpack(package: &str, always: &[&str], folder: &Path, root: &Path) {
    let (packages, apt) = (folder.join("packages"), folder.join("apt"));
    for made in [root, &packages, &apt.join("lists/partial"), &apt.join("cache/archives/partial")] {
        fs::create_dir_all(made).unwrap();
    }
    // apt gets lists of its own: the system's may be missing or old, and belong to the administrator.
    let apt_get = || {
        let mut command = Command::new("apt-get");
        let option = |name: &str, value: &Path| format!("{name}={}", value.display());
        command.args(["-qq", "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1"]);
        command.args(["-o", &option("Dir::State::Lists", &apt.join("lists"))]);
        command.args(["-o", &option("Dir::Cache", &apt.join("cache"))]);
        command.current_dir(&packages);
        command
    };
    run(apt_get().arg("update"));
    let plan = run(apt_get().args(["--simulate", "--no-install-recommends", "install", package])).stdout;
    let plan = String::from_utf8(plan).unwrap();
    // `Inst NAME (VERSION …)`
    let missing = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next());
    let wanted: BTreeSet<&str> = missing.chain(always.iter().copied()).collect();
    run(apt_get().arg("download").args(wanted));
    for package in files(&packages) {
        run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(root));
    }
    fs::remove_dir_all(&packages).unwrap();
    fs::remove_dir_all(&apt).unwrap();
}

/// The folders of libraries that were unpacked, as `LD_LIBRARY_PATH` has them.
pub fn libraries(root: &Path) -> String {
    let mut found = BTreeSet::new();
    folders_of_libraries(root, &mut found);
    found.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":")
}

fn folders_of_libraries(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for file in files(folder) {
        if file.is_symlink() && file.is_dir() {
            continue;
        }
        if file.is_dir() {
            folders_of_libraries(&file, found);
        } else if file.file_name().and_then(OsStr::to_str).is_some_and(|name| name.contains(".so")) {
            found.insert(folder.to_owned());
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}
