//! The program starts.
//!
//! Must stay true: this package has a test, for whose sake cargo builds the program. So `cargo test --workspace` builds it
//! with the features of the whole workspace, and `tests/program` uses that one; built alone, the program and half of its
//! dependencies would have other features and be built a second time.
#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn it_says_its_name_and_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_vestibule")).arg("--version").output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), concat!("vestibule ", env!("CARGO_PKG_VERSION")));
}
