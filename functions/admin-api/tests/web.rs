//! What the page's files must agree with: the report file's versions, and the vendored files' own list.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use vestibule_report::{SCHEMA_VERSION, SUMMARY_VERSION};

fn assets(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web/assets").join(name)
}

#[test]
fn the_page_opens_files_of_the_versions_that_are_written() {
    let worker = std::fs::read_to_string(assets("lib/file-worker.js")).unwrap();
    assert!(worker.contains(&format!("const SCHEMA_VERSION = {SCHEMA_VERSION};")));
    assert_eq!(SUMMARY_VERSION, 1_000 + SCHEMA_VERSION);
    assert!(worker.contains("const SUMMARY_VERSION = 1000 + SCHEMA_VERSION;"));
}

#[test]
fn vendored_files_are_those_that_the_list_names() {
    let list = std::fs::read_to_string(assets("vendor/README.txt")).unwrap();
    for name in ["sqlite3.mjs", "sqlite3.wasm"] {
        let bytes = std::fs::read(assets("vendor").join(name)).unwrap();
        let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(list.contains(&sum), "{name}: {sum}");
    }
    assert!(assets("vendor/sqlite-wasm.LICENSE.txt").exists());
}

#[test]
fn no_file_lies_deeper_than_is_served() {
    // `/assets/{folder}/{name}` is two levels; a file below would never be found.
    for folder in std::fs::read_dir(assets("")).unwrap() {
        let folder = folder.unwrap().path();
        assert!(folder.is_dir(), "{}", folder.display());
        for file in std::fs::read_dir(&folder).unwrap() {
            assert!(file.unwrap().path().is_file());
        }
    }
}
