//! The workspace's own programs, as real binaries.
//!
//! Must stay true: a program is built with the features that all crates and tests of the workspace want together, as `cargo
//! test --workspace` builds them. With those of its own crate alone, half of its dependencies would be built twice.

use crate::{run, workspace};
use std::path::PathBuf;
use std::process::Command;

/// The cargo that built this test, in the workspace.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(workspace());
    cargo
}

/// Builds programs in the profile of the running test, and returns the folder that they are in.
pub fn programs(names: &[&str]) -> PathBuf {
    // TARGET/PROFILE/deps/TEST, or TARGET/PROFILE/PROGRAM.
    let this = std::env::current_exe().unwrap();
    let folder = this.ancestors().skip(1).find(|folder| !folder.ends_with("deps")).unwrap();
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let mut build = cargo();
    build.args(["build", "--quiet", "--workspace", "--profile", profile, "--target-dir"]).arg(folder.parent().unwrap());
    // A test beside it, for then cargo counts what only tests want.
    build.args(["--test", "starts"]);
    for name in names {
        build.args(["--bin", name]);
    }
    run(&mut build);
    folder.to_owned()
}
