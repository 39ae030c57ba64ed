//! The page's sources as a folder that Node and TypeScript can read, and these tools.
//!
//! What must stay true: the tools are those of `package-lock.json` and live in `.tools` alone; nothing of them is served.
//! The folder has the page's modules where the server has them, with the modules that the server makes (the lexicon, the
//! API's operations), and without the vendored files, which are another project's to check.
#![allow(clippy::panic, clippy::unwrap_used, clippy::missing_panics_doc)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use vestibule_test_tools::{npm, workspace};

pub use vestibule_test_tools::node;

/// The rooms of the page whose modules are ours.
const ROOMS: [&str; 5] = ["words", "shell", "kit", "file", "views"];

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the formatter formats: the page's own files, what checks them, and the peer in Node.
pub const FORMATTED: [&str; 4] = [
    "functions/admin-api/web/index.html",
    "functions/admin-api/web/assets/*/*.{js,css}",
    "tests/page/**/*.{js,ts,mts,json}",
    "tests/peers/node/*.{js,json}",
];

/// A tool of `package.json`, to be run by Node.
pub fn tool(name: &str) -> Command {
    let folder = npm("page", here());
    let mut command = node();
    command.arg(folder.join("node_modules/.bin").join(name));
    command
}

/// The page's modules, and what is checked with them, in a folder of their own.
#[derive(Debug)]
pub struct Sources(TempDir);

impl Sources {
    /// Copies them.
    pub fn lay_out() -> Self {
        let folder = TempDir::new().unwrap();
        let assets = workspace().join("functions/admin-api/web/assets");
        for room in ROOMS {
            copy(&assets.join(room), &folder.path().join("assets").join(room));
        }
        for part in ["scripts", "types"] {
            copy(&here().join(part), &folder.path().join(part));
        }
        fs::write(folder.path().join("assets/kit/lexicon.js"), admin_api::LEXICON_MODULE).unwrap();
        fs::write(folder.path().join("assets/kit/operations.js"), admin_api::OPERATIONS_MODULE).unwrap();
        fs::write(folder.path().join("scripts/forms.json"), vestibule_words::form::EXAMPLES).unwrap();
        let vendor = folder.path().join("assets/vendor");
        fs::create_dir(&vendor).unwrap();
        fs::rename(folder.path().join("types/sqlite3.d.mts"), vendor.join("sqlite3.d.mts")).unwrap();
        for file in ["package.json", "tsconfig.json"] {
            fs::copy(here().join(file), folder.path().join(file)).unwrap();
        }
        // What reads sources as trees is one of the tools.
        let tools = npm("page", here()).join("node_modules");
        std::os::unix::fs::symlink(tools, folder.path().join("node_modules")).unwrap();
        Self(folder)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The scripts that test.
    pub fn scripts(&self) -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> =
            fs::read_dir(self.path().join("scripts")).unwrap().map(|file| file.unwrap().path()).collect();
        all.retain(|file| file.to_string_lossy().ends_with(".test.js"));
        all.sort();
        all
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
