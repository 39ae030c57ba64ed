//! What is deployed: the template is valid, and each binary contains only what it needs.

use std::process::Command;
use vestibule_e2e::{FUNCTIONS, cargo, tool, workspace};

#[test]
fn the_template_passes_the_linter() {
    let output = Command::new(tool("cfn-lint")).arg(workspace().join("infra/template.yaml")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn only_the_functions_that_read_files_carry_sqlite() {
    for function in FUNCTIONS {
        let output = cargo().args(["tree", "--prefix", "none", "-e", "normal", "-p", function]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let carries = String::from_utf8_lossy(&output.stdout).contains("libsqlite3-sys");
        assert_eq!(carries, ["report-export", "admin-api"].contains(&function), "{function}");
    }
}
