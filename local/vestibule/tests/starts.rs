//! The program starts.
//!
//! Must stay true: this package has a test of this name. For its sake `cargo test --workspace` builds the program, and beside
//! it other tests have programs built (`programs` of `tests/tools`): with the features of the whole workspace, so that no
//! dependency is built twice.
#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn it_says_its_name_and_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_vestibule")).arg("--version").output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), concat!("vestibule ", env!("CARGO_PKG_VERSION")));
}
