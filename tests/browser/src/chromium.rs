//! Finds a Chromium: the machine's own, or Debian's, unpacked next to the other tools.
//!
//! What must stay true: nothing is installed into the system, and no administrator's rights are needed. Unpacked
//! packages include the libraries and fonts that the machine does not have; only this browser uses them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use vestibule_test_tools::{installed, run};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// These are downloaded even if apt counts them as installed: then only the program is not on the path.
const PACKAGES: [&str; 2] = ["chromium", "chromium-common"];

/// The path of Chromium.
pub(crate) fn find() -> PathBuf {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return named.into();
    }
    if let Some(found) = NAMES.into_iter().find_map(on_path) {
        return found;
    }
    assert!(
        ["apt-get", "dpkg-deb"].into_iter().all(|tool| on_path(tool).is_some()),
        "no Chromium: install chromium, or set CHROMIUM to the path of one"
    );
    // The tool is cached by the system's release, since another release has other libraries.
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    installed("chromium", &system, unpack).join("run")
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn unpack(folder: &Path) {
    let (root, packages, apt) = (folder.join("root"), folder.join("packages"), folder.join("apt"));
    for made in [&root, &packages, &apt.join("lists/partial"), &apt.join("cache/archives/partial")] {
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
    let plan = run(apt_get().args(["--simulate", "--no-install-recommends", "install", "chromium"])).stdout;
    let plan = String::from_utf8(plan).unwrap();
    // `Inst NAME (VERSION …)`
    let missing = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next());
    let wanted: BTreeSet<&str> = missing.chain(PACKAGES).collect();
    run(apt_get().arg("download").args(wanted));
    for package in files(&packages) {
        run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&root));
    }
    write_run(folder, &root);
    fs::remove_dir_all(&packages).unwrap();
    fs::remove_dir_all(&apt).unwrap();
    run(Command::new(folder.join("run")).arg("--version"));
}

/// Writes a script that runs the program with the unpacked libraries and fonts in addition to the system's.
fn write_run(folder: &Path, root: &Path) {
    let mut libraries = BTreeSet::new();
    folders_of_libraries(root, &mut libraries);
    let libraries: Vec<_> = libraries.iter().map(|folder| folder.display().to_string()).collect();
    let (fonts, run) = (folder.join("fonts.conf"), folder.join("run"));
    let configuration = format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE fontconfig SYSTEM \"fonts.dtd\">\n<fontconfig>\n\
         <dir>/usr/share/fonts</dir>\n<dir>{0}/usr/share/fonts</dir>\n<cachedir>{1}/fonts</cachedir>\n\
         <include ignore_missing=\"yes\">/etc/fonts/fonts.conf</include>\n</fontconfig>\n",
        root.display(),
        folder.display()
    );
    fs::write(&fonts, configuration).unwrap();
    let script = format!(
        "#!/bin/sh\nexport LD_LIBRARY_PATH='{}' FONTCONFIG_FILE='{}'\nexec '{}/usr/lib/chromium/chromium' \"$@\"\n",
        libraries.join(":"),
        fonts.display(),
        root.display()
    );
    fs::write(&run, script).unwrap();
    fs::set_permissions(run, fs::Permissions::from_mode(0o755)).unwrap();
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
