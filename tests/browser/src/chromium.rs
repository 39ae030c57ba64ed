//! Finds a Chromium: the machine's own, or Debian's, unpacked next to the other tools with its libraries and fonts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use vestibule_test_tools::{debian, has_debian, libraries, on_path, run};

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
    assert!(has_debian(), "no Chromium: install chromium, or set CHROMIUM to the path of one");
    debian("chromium", &PACKAGES, |folder, root| {
        write_run(folder, root);
        run(Command::new(folder.join("run")).arg("--version"));
    })
    .join("run")
}

/// Writes a script that runs the program with the unpacked libraries and fonts in addition to the system's.
fn write_run(folder: &Path, root: &Path) {
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
        libraries(root),
        fonts.display(),
        root.display()
    );
    fs::write(&run, script).unwrap();
    fs::set_permissions(run, fs::Permissions::from_mode(0o755)).unwrap();
}
